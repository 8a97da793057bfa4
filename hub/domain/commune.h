#pragma once
/*
 * Which communes make up an EPCI (groups of communes that services are for). The list of France is
 * built in from communes.epci, which names its source. An admin may load another, of INSEE: then it
 * alone answers, and nothing of the built-in list does. Owns table `commune_epci`.
 */
#include "hub/domain/fit.h"
#include "hub/domain/tx.h"

#define COMMUNE_CODE 6  /* five characters and a NUL */
#define EPCI_CODE    10 /* nine digits and a NUL */
#define EPCI_NAME    70

struct epci {
    char code[EPCI_CODE], name[EPCI_NAME];
};
/* Also what was a commune once, and the arrondissements of Paris, Lyon and Marseille. */
struct commune {
    char code[COMMUNE_CODE];
    uint16_t epci; /* index of epci_built_in */
};
/* Sorted by code; without pointers, so that no page of them is in memory before it is read. */
extern const struct epci epci_built_in[];
extern const struct commune commune_built_in[];
extern const size_t epci_built_in_count, commune_built_in_count;
/** NULL: the built-in list does not have it. */
const struct epci *epci_find_built_in(const char *code);

/** Where the commune of a person belongs, if it has one: fills in what it says of an EPCI, NULL
 * when the list that answers does not have it. */
NODISCARD bool commune_fill_epci(struct store *store, struct arena *arena,
                                 struct fit_person *person, struct err *err);
/** Arena text; "" when unknown. */
NODISCARD bool commune_epci_name(struct store *store, struct arena *arena, const char *epci,
                                 const char **ret, struct err *err);
/** The one EPCI of that name, in any writing, with its kind ("CC", "communauté de communes") or
 * without; "" when there is none or several. */
NODISCARD bool commune_find_epci_named(struct store *store, const char *name, char ret[EPCI_CODE],
                                       struct err *err);
/**
 * Replaces the list that was loaded before. CSV with the columns of INSEE, in any order: CODGEO,
 * EPCI, and LIBEPCI if it is there; rows without an EPCI are passed over.
 * @return false with ERR_INVALID (a column is missing, no row) or ERR_LIMIT.
 */
NODISCARD bool commune_import(struct tx *tx, struct bytes file, uint32_t *ret_communes,
                              uint32_t *ret_epcis, struct err *err);
