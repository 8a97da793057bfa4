#pragma once
/*
 * Key event log (R-ID-3): what a chain of signed events says about a node's keys. kel.c reads,
 * kel_merge.c holds two versions of a log against each other, kel_write.c makes events.
 */
#include "hub/base/clock.h"
#include "hub/crypto/envelope.h"
#include "hub/crypto/node_id.h"
#include "maillon/hfp/v1/object.pb-c.h"

#define KEL_ROOTS_MAX  5
#define KEL_OPS_MAX    8
#define KEL_BOUNDS_MAX 24 /* streams that revoked keys still vouch for, all keys together */

enum kel_reason { KEL_UNSPECIFIED, KEL_STOLEN, KEL_REPLACED, KEL_LOST };

struct kel_op {
    struct sign_public key;
    uint64_t from_s, not_after_s;
    bool revoked;
    uint32_t reason;    /* enum kel_reason, or one of a later version: like KEL_STOLEN */
    uint64_t revoked_s; /* created_s of the REVOKE */
};

/** Up to which seq a revoked key speaks in one stream. */
struct kel_bound {
    struct sign_public key;
    uint8_t where[32]; /* SHA-256(type || 0 || stream); type empty: of every type */
    uint64_t seq;
};

/** Key state after some events. Plain value: copy freely (workers get copies). */
struct kel {
    struct node_id node;
    struct oid head;
    uint64_t seq; /* 0: empty */
    struct sign_public roots[KEL_ROOTS_MAX];
    size_t root_count, threshold;
    uint8_t next_root_hash[KEL_ROOTS_MAX][32];
    size_t next_count, next_threshold;
    struct kel_op ops[KEL_OPS_MAX];
    size_t op_count;
    struct kel_bound bounds[KEL_BOUNDS_MAX];
    size_t bound_count;
    bool retired, has_successor;
    uint64_t retired_s;
    struct node_id successor;
    bool duplicity; /* not of the events: two rotations contradict each other (node_keys.h) */
};

/** Verifies and applies the next event. ERR_PEER: bad chain, signature or key; state untouched
 * then. */
NODISCARD bool kel_apply(struct kel *kel, struct bytes signed_event, struct err *err);
/** From nothing: events in order. ERR_PEER; `expect` (may be NULL): the node id it must belong to.
 */
NODISCARD bool kel_read(const struct bytes *events, size_t count, const struct node_id *expect,
                        struct kel *ret, struct err *err);
/** The delegation of `key`, valid (not revoked) or NULL. Past not_after_s is STALE, still returned.
 */
const struct kel_op *kel_find_op(const struct kel *kel, const struct sign_public *key);
/** True when some OP key that is not revoked signed. Sets *ret_key to it when not NULL. */
bool kel_verify(const struct kel *kel, const struct envelope *envelope,
                const struct sign_public **ret_key);

/* ---- time (R-ID-5) ---- */
enum kel_age {
    KEL_FRESH,
    KEL_STALE, /* the delegation has ended: warn, traffic goes on */
    KEL_OVER,  /* … for more than 90 days: nothing by this key is taken */
};
enum kel_age kel_op_age(const struct kel_op *op, struct wall now);
/** Of the delegation that lasts longest, revoked ones aside; *ret_until_s 0: there is none. */
enum kel_age kel_age(const struct kel *kel, struct wall now, uint64_t *ret_until_s);

/* ---- objects ---- */
enum kel_verdict {
    KEL_GOOD,
    KEL_FORGED,  /* by no key of this node */
    KEL_REVOKED, /* by a revoked key, beyond what it still vouches for */
    KEL_EXPIRED, /* by a key whose delegation is over (KEL_OVER) */
    KEL_RETIRED, /* made after the end of the node */
};
/**
 * Whether the log vouches for an object with this Head. A key revoked as KEL_REPLACED vouches for
 * what was made before the REVOKE; any other revoked key only for the streams and numbers that the
 * REVOKE lists. Pure and thread-safe.
 */
enum kel_verdict kel_judge(const struct kel *kel, const struct envelope *envelope,
                           const Maillon__Hfp__V1__Head *head, struct wall now);

/* ---- two versions of a log (R-ID-4) ---- */
struct kel_merge {
    struct bytes events[KEL_EVENTS_MAX]; /* the log that holds; borrows from both */
    size_t count;
    size_t kept;          /* how many of the held events stay, from the start */
    bool duplicity;       /* two different rotations: the held log stays, `rival` contradicts it */
    struct bytes rival;   /* serialised Signed ROTATE_ROOT */
    size_t held_rotation; /* index of the held ROTATE_ROOT that it contradicts */
    struct kel kel;
};
/**
 * Holds `fresh` (consecutive events in order, from any place of the log) against `held` (verified
 * before). What continues the held log is appended. Where the two part, a branch with a valid
 * ROTATE_ROOT beats one without and replaces it from there; with one on both sides it is
 * duplicity; without any, what was seen first stays. ERR_PEER: not valid, or not what was seen
 * first. ERR_UNKNOWN: the events before the first fresh one are missing here.
 */
NODISCARD bool kel_merge(const struct bytes *held, size_t held_count, const struct bytes *fresh,
                         size_t count, const struct node_id *node, struct kel_merge *ret,
                         struct err *err);

/** Place of a serialised event in its log, from 1; nothing is verified. ERR_PEER. */
NODISCARD bool kel_event_seq(struct bytes event, uint64_t *ret, struct err *err);

/* ---- writing: each appends one serialised Signed; the caller applies it ---- */
/** m-of-n root keys that sign together; n is 1 to KEL_ROOTS_MAX. */
struct kel_signers {
    const struct sign_key *keys[SIGNED_SIGS_MAX];
    size_t count;
};
/** Roots and the successors they announce. */
struct kel_roots {
    struct sign_public roots[KEL_ROOTS_MAX];
    size_t root_count;
    uint32_t threshold;
    struct sign_public next[KEL_ROOTS_MAX]; /* only their hashes are published */
    size_t next_count;
    uint32_t next_threshold;
};

/** INCEPT with one root and one pre-committed successor; appends the serialised Signed. */
void kel_write_incept(const struct sign_key *root, const struct sign_public *next_root,
                      const uint8_t nonce[16], struct wall now, struct buf *out);
/** INCEPT of several roots. */
void kel_write_incept_roots(const struct kel_signers *by, const struct kel_roots *roots,
                            const uint8_t nonce[16], struct wall now, struct buf *out);
/** ROTATE_ROOT on top of `kel`: signed by the announced successors, and by the old ones if at hand.
 */
void kel_write_rotate(const struct kel *kel, const struct kel_signers *by,
                      const struct kel_roots *roots, struct wall now, struct buf *out);
/** DELEGATE on top of `kel`, signed by the root. */
void kel_write_delegate(const struct kel *kel, const struct sign_key *root,
                        const struct sign_public *op, struct wall now, struct buf *out);
void kel_write_delegate_by(const struct kel *kel, const struct kel_signers *by,
                           const struct sign_public *op, struct wall now, struct buf *out);
/** Empty `type`: the number holds for every type; empty `stream`: the author's own stream. */
struct kel_through {
    const char *type;
    struct bytes stream;
    uint64_t seq;
};
/** REVOKE; at most KEL_BOUNDS_MAX of `through`. */
void kel_write_revoke(const struct kel *kel, const struct kel_signers *by,
                      const struct sign_public *op, enum kel_reason reason,
                      const struct kel_through *through, size_t through_count, struct wall now,
                      struct buf *out);
/** RETIRE; `successor` may be NULL. */
void kel_write_retire(const struct kel *kel, const struct kel_signers *by,
                      const struct node_id *successor, struct wall now, struct buf *out);
