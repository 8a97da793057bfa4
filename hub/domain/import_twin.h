#pragma once
/* Entries that may be one thing: a person decides (import_merge.h, PRODUCT.md 5.3). */
#include "hub/domain/import_record.h"
#include "hub/domain/tx.h"

#define TWIN_LIKENESS 0.85
#define TWIN_METRES   200

/**
 * 1: the same, 0: nothing in common: one less the share of letters to change (Levenshtein), of
 * folded names. Names whose words are the same in another order are the same.
 */
double twin_likeness(const char *a, const char *b);
/**
 * Asks about each other structure with the same SIRET and commune under another name, or nearly the
 * same name within TWIN_METRES; adds a finding for what nobody has decided. Its own entry is
 * written already.
 */
NODISCARD bool twin_find(struct tx *tx, struct arena *arena, struct import_record *record,
                         int64_t id, struct err *err);
/**
 * What twin_find goes by, of a structure as it is stored: equal before and after a change says that
 * it would ask about the same others again, and twin_keep stands for it. 0: not in the directory.
 */
NODISCARD bool twin_basis(struct tx *tx, int64_t id, uint64_t *ret, struct err *err);
/** Adds the finding for what twin_find asked about before and nobody has decided. */
NODISCARD bool twin_keep(struct tx *tx, struct arena *arena, struct import_record *record,
                         int64_t id, struct err *err);
/** As twin_find for a service of a hub: imported structures near it named as it is, or as who
 * offers it. `entry`: its id; written already. */
NODISCARD bool twin_find_of_hub(struct tx *tx, struct arena *arena, int64_t entry,
                                const Maillon__Hfp__V1__ServiceContent *content, struct err *err);
/** The same for services of hubs after `*after`, at most `count`; leaves the last in `*after`. */
NODISCARD bool twin_find_of_hubs(struct tx *tx, struct arena *arena, int64_t *after, size_t count,
                                 bool *ret_more, struct err *err);
