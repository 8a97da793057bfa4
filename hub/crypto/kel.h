#pragma once
/* Key event log (R-ID-3): what a chain of signed events says about a node's keys. */
#include "hub/base/clock.h"
#include "hub/crypto/envelope.h"
#include "hub/crypto/node_id.h"

#define KEL_ROOTS_MAX 5
#define KEL_OPS_MAX   8

struct kel_op {
    struct sign_public key;
    uint64_t from_s, not_after_s;
    bool revoked;
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
    bool retired;
};

/** Verifies and applies the next event. ERR_PEER: bad chain, signature or key; state untouched then. */
NODISCARD bool kel_apply(struct kel *kel, struct bytes signed_event, struct err *err);
/** From nothing: events in order. ERR_PEER; `expect` (may be NULL): the node id it must belong to. */
NODISCARD bool kel_read(const struct bytes *events, size_t count, const struct node_id *expect,
                        struct kel *ret, struct err *err);
/** The delegation of `key`, valid (not revoked) or NULL. Past not_after_s is STALE, still returned. */
const struct kel_op *kel_find_op(const struct kel *kel, const struct sign_public *key);
/** True when some valid OP key signed. Sets *ret_key to it when not NULL. */
bool kel_verify(const struct kel *kel, const struct envelope *envelope,
                const struct sign_public **ret_key);

/** INCEPT with one root and one pre-committed successor; appends the serialised Signed. */
void kel_write_incept(const struct sign_key *root, const struct sign_public *next_root,
                      const uint8_t nonce[16], struct wall now, struct buf *out);
/** DELEGATE on top of `kel`, signed by the root. */
void kel_write_delegate(const struct kel *kel, const struct sign_key *root,
                        const struct sign_public *op, struct wall now, struct buf *out);
