#pragma once
/*
 * Which communes make up an EPCI (groups of communes that services are for), from the list of INSEE
 * that an admin loads. Owns table `commune_epci`.
 */
#include "hub/domain/tx.h"

#define EPCI_CODE 10 /* nine digits and a NUL */

/** Where a commune belongs, by INSEE codes; "" when nobody said. */
NODISCARD bool commune_find_epci(struct store *store, const char *commune, char ret[EPCI_CODE],
                                 struct err *err);
/** Arena text; "" when unknown. */
NODISCARD bool commune_epci_name(struct store *store, struct arena *arena, const char *epci,
                                 const char **ret, struct err *err);
/**
 * Replaces the list. CSV with the columns of INSEE, in any order: CODGEO, EPCI, and LIBEPCI if it
 * is there; rows without an EPCI are passed over.
 * @return false with ERR_INVALID (a column is missing, no row) or ERR_LIMIT.
 */
NODISCARD bool commune_import(struct tx *tx, struct bytes file, uint32_t *ret_communes,
                              uint32_t *ret_epcis, struct err *err);
