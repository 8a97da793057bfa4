#pragma once
/*
 * Identifiers of HSDS are UUIDs: made of our own ids (RFC 9562 version 8), the same each time, so
 * that nothing has to be kept of them. Those of imported records can be read back.
 */
#include "hub/base/bytes.h"

#define HSDS_ID 37 /* text, with its NUL */

/** @param name  "import.12", "phone.NODE.UID", "thematiques.sante" … */
void hsds_id(const char *name, char out[HSDS_ID]);
/** Is it the id of "PREFIXimport.N"? */
NODISCARD bool hsds_id_import(const char *id, const char *prefix, int64_t *ret);
