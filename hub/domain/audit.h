#pragma once
/*
 * Append-only record of who did what, without content, and the Merkle log over it (R-AU-1,
 * proto/README.md "Audit"). Owns tables `audit`, `audit_salt`, `audit_tile`, `audit_checked`,
 * `audit_head` and `audit_cosigned`.
 */
#include "hub/crypto/kel.h"
#include "hub/crypto/merkle.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/audit.pb-c.h"

#define AUDIT_HEAD_LEAVES 1000                        /* a head is signed after so many … */
#define AUDIT_HEAD_MS     (24 * 3600 * INT64_C(1000)) /* … and daily when something was added */
#define AUDIT_WITNESSES   3 /* cosignatures that a head should have (R-AU-2) */

/**
 * @param actor   account name; its keyed hash is stored, not the name; "peer", "clock" or "hub".
 * @param action  "referral.send", "peer.accept" … a constant.
 * @param oid     may be NULL.
 */
NODISCARD bool audit_add(struct tx *tx, const char *actor, const char *action,
                         const struct oid *oid, struct err *err);
/**
 * At the end of each commit group: hashes complete runs of 256 new lines into the tree and signs a
 * head when one is due. After each start it first compares the log with what was signed of it.
 */
NODISCARD bool audit_flush(struct tx *tx, struct err *err);
/** The daily head, and tidying up. */
NODISCARD bool audit_tick(struct tx *tx, struct wall *ret_next, struct err *err);
/** A head over everything so far, unless the newest covers it; ERR_CONFLICT: may not sign now. */
NODISCARD bool audit_sign_head(struct tx *tx, struct err *err);

/* Reading: any connection. */
NODISCARD bool audit_size(struct store *store, uint64_t *ret, struct err *err);
/** The first `size` leaves; ERR_UNKNOWN when there are fewer. */
NODISCARD bool audit_tree(struct store *store, uint64_t size, struct merkle *ret, struct err *err);
NODISCARD bool audit_prove_inclusion(struct store *store, uint64_t index, uint64_t size,
                                     struct merkle_proof *ret, struct err *err);
NODISCARD bool audit_prove_consistency(struct store *store, uint64_t from, uint64_t to,
                                       struct merkle_proof *ret, struct err *err);

struct audit_leaf {
    uint64_t index;
    int64_t at_ms;
    struct oid oid;
    bool has_oid;
    struct bytes bytes; /* serialised AuditLeaf, what is hashed */
};
/** Up to `limit` leaves from `first` on, in order; in the arena. */
NODISCARD bool audit_leaves(struct store *store, struct arena *arena, uint64_t first, size_t limit,
                            struct audit_leaf **ret, size_t *ret_count, struct err *err);
struct audit_about {
    struct oid oid;
    int64_t at_ms; /* when it was done, by this hub's clock */
};
/** The lines about these, in the order asked; what was written at another time is not found. */
NODISCARD bool audit_find(struct store *store, struct arena *arena, const struct audit_about *about,
                          size_t count, struct audit_leaf **ret, size_t *ret_count,
                          struct err *err);
/** Index of the first leaf written at or after `since_ms`. */
NODISCARD bool audit_since(struct store *store, int64_t since_ms, uint64_t *ret, struct err *err);

/* ---- signed heads ---- */

/** Values of a Signed AuditHead, whoever's; nothing is verified. */
struct audit_head {
    struct node_id node;
    uint32_t incarnation;
    uint64_t seq, size, created_s, time_ms;
    struct merkle_hash root;
    struct oid oid;
    struct bytes bytes; /* the whole Signed, borrowed or in the arena */
    struct envelope envelope;
    const Maillon__Hfp__V1__Head *head; /* in the arena */
};
/** One of the node's keys vouches for it; keys that were replaced since do so too. */
bool audit_head_is_by(const struct audit_head *head, const struct kel *kel);
/** Opens and checks the shape; ERR_PEER. `bytes` are borrowed. */
NODISCARD bool audit_head_open(struct bytes bytes, struct arena *arena, struct audit_head *ret,
                               struct err *err);
/** Own head: the newest. */
NODISCARD bool audit_head_newest(struct store *store, struct arena *arena, bool *ret_found,
                                 struct audit_head *ret, struct err *err);
/** Own head with this id. */
NODISCARD bool audit_head_find(struct store *store, struct arena *arena, const struct oid *oid,
                               bool *ret_found, struct audit_head *ret, struct err *err);
/** Own heads of at least `min_size` leaves, oldest first. */
NODISCARD bool audit_heads(struct store *store, struct arena *arena, uint64_t min_size,
                           size_t limit, struct audit_head **ret, size_t *ret_count,
                           struct err *err);
/** The smallest own head that covers `size` leaves, one with AUDIT_WITNESSES if there is. */
NODISCARD bool audit_head_covering(struct store *store, struct arena *arena, uint64_t size,
                                   bool *ret_found, struct audit_head *ret, struct err *err);

struct audit_cosigned {
    struct node_id witness;
    struct bytes bytes; /* Signed: the head with our signature and the witness's */
};
NODISCARD bool audit_cosigned(struct store *store, struct arena *arena, const struct oid *head,
                              struct audit_cosigned **ret, size_t *ret_count, struct err *err);
/** `bytes` is `head` with a signature of `witness`, verified by the caller. */
NODISCARD bool audit_cosigned_add(struct tx *tx, const struct oid *head,
                                  const struct node_id *witness, struct bytes bytes,
                                  struct err *err);
/** A witness's Signed of somebody's head: signature by `key`, then those that the head had. */
void audit_cosign(const struct sign_key *key, const struct audit_head *head, struct buf *out);

/**
 * Everything anew: every leaf, tile and own head. *ret_wrong: first leaf or head that does not fit,
 * in words; empty when all is well.
 */
struct audit_report {
    uint64_t leaves, heads, cosigned, tiles;
    struct merkle_hash root;
    char wrong[200];
};
NODISCARD bool audit_verify(struct store *store, struct arena *arena, const struct kel *self,
                            struct audit_report *ret, struct err *err);
