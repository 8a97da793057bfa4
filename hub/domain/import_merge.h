#pragma once
/*
 * Records that stand for others: people decide of a pair that it is one thing, and which of the two
 * stays (PRODUCT.md 5.3). The other is found and shown no more; what it says of a field that the
 * one that stays leaves empty is shown there, with its own source and date. A service of a hub
 * always stays, and says only what its owner says. Owns table `import_pair` and
 * import_record.merged_into.
 */
#include "hub/domain/directory.h"

#define PAIRS_LIMIT_MAX 100

enum pair_decision { PAIR_OPEN, PAIR_APART, PAIR_ONE };

struct pair {
    int64_t id;
    int64_t first, second; /* entries (directory_entry.h) */
    const char *why;       /* "siret" or "name" */
    unsigned likeness;     /* percent */
    int metres;            /* -1: unknown */
    enum pair_decision decision;
    int64_t kept, decided_ms;
    const char *decided_by;
};

/** Asks about two entries unless they were asked about before. *ret_open: nobody has decided. */
NODISCARD bool pair_add(struct tx *tx, int64_t a, int64_t b, const char *why, double likeness,
                        double metres, bool *ret_open, struct err *err);
/** Takes back questions about an entry that nobody has answered: it is looked at anew. */
NODISCARD bool pair_forget_open(struct tx *tx, int64_t entry, struct err *err);
/** The same, of those with a service of a hub, which twin_find_of_hubs asks again. */
NODISCARD bool pair_forget_hubs(struct tx *tx, int64_t entry, struct err *err);
/** Arena array: pairs whose two entries are there. Open ones most alike first, decided ones newest
 * first. @param ret_total  of all; may be NULL. */
NODISCARD bool pair_list(struct store *store, struct arena *arena, enum pair_decision decision,
                         size_t limit, struct pair **ret, size_t *ret_count, int64_t *ret_total,
                         struct err *err);
/** ERR_UNKNOWN. */
NODISCARD bool pair_find(struct store *store, struct arena *arena, int64_t id, struct pair *ret,
                         struct err *err);
/**
 * @param keep  PAIR_ONE: the entry that stays. PAIR_APART and PAIR_OPEN undo PAIR_ONE.
 * @return false with ERR_UNKNOWN (no such pair) or ERR_CONFLICT (a service of a hub must stay; the
 *         two are one the other way round already).
 */
NODISCARD bool pair_decide(struct tx *tx, int64_t id, enum pair_decision decision, int64_t keep,
                           const char *by, struct err *err);

/**
 * Fills what `content` (of the imported record with that id, in `arena`) leaves empty from the
 * records merged into it. @param ret  arena array; may be NULL.
 */
NODISCARD bool merge_fill(struct store *store, struct arena *arena, int64_t record,
                          Maillon__Hfp__V1__ServiceContent *content, struct directory_filled **ret,
                          size_t *ret_count, struct err *err);
/** Writes the search entry of an imported record from what is stored of it. */
NODISCARD bool merge_reindex(struct tx *tx, int64_t record, struct err *err);
/** The entry is gone: what was merged into it stands for itself again. */
NODISCARD bool merge_release(struct tx *tx, int64_t entry, struct err *err);
