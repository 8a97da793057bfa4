#pragma once
/* Comma-separated values (RFC 4180, CRLF or LF; semicolons and tabs, too) as objects by the names
 * of the first row. */
#include "hub/base/bytes.h"
#include "hub/base/err.h"
#include <jansson.h>

/**
 * Tables one after the other, each after a line "#table NAME"; `first` names what comes before.
 * A name may end in ".csv". Empty cells are left out.
 * @return {"NAME": [{column: text}]}; NULL with ERR_INVALID (not UTF-8, a quote that is not
 *         closed).
 */
NODISCARD json_t *import_csv_tables(struct bytes file, const char *first, struct err *err);
