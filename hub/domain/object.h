#pragma once
/* Every signed object this hub holds, own and received, by oid; owns table `object`. */
#include "hub/crypto/envelope.h"
#include "hub/domain/tx.h"

enum object_state {
    OBJECT_APPLIED = 1,
    OBJECT_PENDING = 2, /* stored, waits for an earlier event of its chain */
    OBJECT_REFUSED = 3, /* kept as proof, without effect */
};

struct object_row {
    int64_t id;
    enum object_state state;
    int64_t receipt;    /* outbox receipt row id (table `receipt`), 0: none */
    struct bytes bytes; /* arena copy; only object_get fills it */
    bool damaged;       /* object_get: held, but the bytes are not those of the oid (F30) */
};

/** Looks an oid up; *ret_found. Cheap: used before verifying. */
NODISCARD bool object_find(struct store *store, const struct oid *oid, bool *ret_found,
                           struct object_row *ret, struct err *err);
/** The same with its bytes. What the disk has changed is as good as not held: *ret_found false. */
NODISCARD bool object_get(struct store *store, struct arena *arena, const struct oid *oid,
                          bool *ret_found, struct object_row *ret, struct err *err);
/** ERR_CONFLICT when the oid is there already. `ret_id` may be NULL. */
NODISCARD bool object_add(struct tx *tx, const struct envelope *envelope,
                          const struct node_id *author, uint64_t expires_s, enum object_state state,
                          int64_t *ret_id, struct err *err);
/** Same for an object this hub has just signed. */
NODISCARD bool object_add_own(struct tx *tx, const char *type, struct bytes signed_bytes,
                              const struct oid *oid, uint64_t expires_s, int64_t *ret_id,
                              struct err *err);
NODISCARD bool object_set_state(struct tx *tx, const struct oid *oid, enum object_state state,
                                struct err *err);
NODISCARD bool object_set_receipt(struct tx *tx, const struct oid *oid, int64_t receipt,
                                  struct err *err);
/**
 * Events of referrals and claims are held from the start: object_tick keeps them until the chain is
 * closed and its module lets them go with `held` false.
 */
NODISCARD bool object_set_held(struct tx *tx, const struct oid *oid, bool held, struct err *err);
/** Forgets what may be forgotten: expired + DEDUP_EXTRA_S and not held by an open chain (R-PD-11).
 */
NODISCARD bool object_tick(struct tx *tx, struct err *err);
/**
 * Walks over all objects, some every ten minutes, and notes in `object_damaged` those whose bytes
 * the disk has changed (F30).
 */
NODISCARD bool object_walk(struct tx *tx, struct wall *ret_next, struct err *err);
/** The same object came again: whole bytes replace damaged ones. */
NODISCARD bool object_mend(struct tx *tx, const struct envelope *envelope, struct err *err);
/** Remembers which signed receipt of a peer speaks of an own object: what proves its delivery
 * (R-AU-3). */
NODISCARD bool object_set_proof(struct tx *tx, const struct oid *oid, const struct oid *receipt,
                                struct err *err);
/** That receipt, serialised Signed; *ret_row 0: none, or forgotten. One receipt may prove several.
 */
NODISCARD bool object_proof(struct store *store, struct arena *arena, const struct oid *oid,
                            int64_t *ret_row, struct bytes *ret_receipt, struct err *err);
