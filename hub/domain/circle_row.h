#pragma once
/* What the circle_*.c files share; nobody else includes it. */
#include "hub/domain/circle.h"

NODISCARD bool circle_row_get(struct store *store, const struct oid *scope, struct circle *ret,
                              struct err *err); /* ERR_UNKNOWN */
/** Writes what the charter in force says, and `ours`; inserts when circle->id is 0 (ERR_LIMIT over
 * CIRCLES_MAX). */
NODISCARD bool circle_row_save(struct tx *tx, struct circle *circle, struct err *err);
/** Fills name, principles, stewards and rules from a checked charter. */
void circle_row_fill(struct circle *circle, const Maillon__Hfp__V1__Charter *charter);
/** The stored charter, unpacked. ERR_UNKNOWN. */
NODISCARD bool circle_charter_get(struct store *store, struct arena *arena, const struct oid *oid,
                                  Maillon__Hfp__V1__Charter **ret, struct err *err);

/** Key state of any node, this hub included. */
NODISCARD bool circle_keys(struct tx *tx, const struct node_id *node, bool *ret_found,
                           struct kel *ret, struct err *err);
/** How many of the charter's stewards signed; `ret_node`, `ret_sig` (SIGNED_SIGS_MAX each, may be
 * NULL) say who and with which of the envelope's signatures. */
NODISCARD bool circle_count_stewards(struct tx *tx, const Maillon__Hfp__V1__Charter *charter,
                                     const struct envelope *envelope, uint32_t *ret,
                                     struct node_id *ret_node, size_t *ret_sig, struct err *err);

enum circle_taken {
    CIRCLE_TAKEN,
    CIRCLE_EARLY, /* the charter it builds on, or keys, are not here: it comes again */
    CIRCLE_BAD,   /* can never count */
};
/** A change with all its signatures becomes part of the circle; the object row exists already. */
NODISCARD bool circle_take_charter(struct tx *tx, const struct envelope *envelope,
                                   const Maillon__Hfp__V1__Charter *charter, enum circle_taken *ret,
                                   struct err *err);
NODISCARD bool circle_take_membership(struct tx *tx, const struct envelope *envelope,
                                      const Maillon__Hfp__V1__Membership *event,
                                      enum circle_taken *ret, struct err *err);
/** Works out which events count: one row, or all (0) after a change of charter. */
NODISCARD bool circle_recount(struct tx *tx, int64_t circle, int64_t event, struct err *err);
/** Works out who is in: one member, or all (NULL) after a change of charter. */
NODISCARD bool circle_fold(struct tx *tx, struct circle *circle, const struct node_id *member,
                           struct err *err);

/** The fold of one node; all zero: never heard of in this circle. */
struct circle_standing {
    bool is_in;
    uint64_t added, ended;
};
NODISCARD bool circle_standing(struct store *store, int64_t circle, const struct node_id *node,
                               struct circle_standing *ret, struct err *err);

/** Tells other hubs: gossip in the scope, letters to peers who are members, the whole story to
 * `newcomer` (may be NULL). */
NODISCARD bool circle_spread(struct tx *tx, const struct circle *circle,
                             const struct envelope *envelope, const struct node_id *author,
                             const Maillon__Hfp__V1__Head *head, const struct node_id *newcomer,
                             struct err *err);
NODISCARD bool circle_send_ask(struct tx *tx, const struct oid *scope, const struct node_id *to,
                               const char *text, struct err *err);
/** The proposal to every other steward who is an accepted peer. */
NODISCARD bool circle_send_proposal(struct tx *tx, const struct circle *circle,
                                    const struct oid *proposal, struct err *err);
/** A change with signatures of some stewards: kept, and finished when there are enough. */
NODISCARD bool circle_propose(struct tx *tx, struct circle *circle, struct bytes signed_bytes,
                              bool *ret_done, struct err *err);
/** Event for people who watch, and EFFECT_RELATION of whoever is concerned. */
NODISCARD bool circle_note(struct tx *tx, const struct circle *circle, const char *verb,
                           struct err *err);
