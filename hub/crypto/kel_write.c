/* Key events of this node's own log. */
#include "hub/crypto/kel.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include <assert.h>

#define NONCE_BYTES 16

typedef Maillon__Hfp__V1__KelEvent KelEvent; /* generated names are long */
#define OF_CASE(name)                                                          \
    .base = PROTOBUF_C_MESSAGE_INIT(&maillon__hfp__v1__kel_event__descriptor), \
    .event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_##name

static uint64_t seconds_of(struct wall now)
{
    return now.ms > 0 ? (uint64_t)now.ms / 1000 : 0;
}

/* Signs `event` as the one that follows `kel`; `kel` NULL: as the first of a log. */
static void sign_next(const struct kel *kel, KelEvent event, const struct kel_signers *by,
                      struct wall now, struct buf *out)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    AUTO(buf_done) struct buf body = {0};
    head.seq = kel ? kel->seq + 1 : 1;
    head.created_s = seconds_of(now);
    if (kel) {
        head.node = wire_data(node_id_bytes(&kel->node));
        head.prev = wire_data(oid_bytes(&kel->head));
    }
    event.head = &head;
    wire_pack(&event, &body);
    envelope_sign(by->keys, by->count, TYPE_KEL, buf_bytes(&body), out, NULL);
}

/* What INCEPT and ROTATE_ROOT say in the same words. */
struct root_lists {
    ProtobufCBinaryData roots[KEL_ROOTS_MAX], hashes[KEL_ROOTS_MAX];
    uint8_t hash[KEL_ROOTS_MAX][32];
};

static void list_roots(const struct kel_roots *roots, struct root_lists *ret)
{
    assert(roots->root_count <= KEL_ROOTS_MAX && roots->next_count <= KEL_ROOTS_MAX);
    for (size_t i = 0; i < roots->root_count; i++)
        ret->roots[i] = wire_data(bytes_of(roots->roots[i].b, ED25519_KEY_BYTES));
    for (size_t i = 0; i < roots->next_count; i++) {
        digest_sha256(bytes_of(roots->next[i].b, ED25519_KEY_BYTES), ret->hash[i]);
        ret->hashes[i] = wire_data(bytes_of(ret->hash[i], sizeof(ret->hash[i])));
    }
}

void kel_write_incept_roots(const struct kel_signers *by, const struct kel_roots *roots,
                            const uint8_t nonce[16], struct wall now, struct buf *out)
{
    struct root_lists lists;
    list_roots(roots, &lists);
    Maillon__Hfp__V1__Incept incept = MAILLON__HFP__V1__INCEPT__INIT;
    incept.n_root = roots->root_count;
    incept.root = lists.roots;
    incept.threshold = roots->threshold;
    incept.n_next_root_hash = roots->next_count;
    incept.next_root_hash = lists.hashes;
    incept.next_threshold = roots->next_threshold;
    incept.nonce = wire_data(bytes_of(nonce, NONCE_BYTES));
    sign_next(NULL, (KelEvent){OF_CASE(INCEPT), .incept = &incept}, by, now, out);
}

void kel_write_incept(const struct sign_key *root, const struct sign_public *next_root,
                      const uint8_t nonce[16], struct wall now, struct buf *out)
{
    const struct kel_signers by = {.keys = {root}, .count = 1};
    const struct kel_roots roots = {.roots = {*sign_key_public(root)},
                                    .root_count = 1,
                                    .threshold = 1,
                                    .next = {*next_root},
                                    .next_count = 1,
                                    .next_threshold = 1};
    kel_write_incept_roots(&by, &roots, nonce, now, out);
}

void kel_write_rotate(const struct kel *kel, const struct kel_signers *by,
                      const struct kel_roots *roots, struct wall now, struct buf *out)
{
    struct root_lists lists;
    list_roots(roots, &lists);
    Maillon__Hfp__V1__RotateRoot rotate = MAILLON__HFP__V1__ROTATE_ROOT__INIT;
    rotate.n_root = roots->root_count;
    rotate.root = lists.roots;
    rotate.threshold = roots->threshold;
    rotate.n_next_root_hash = roots->next_count;
    rotate.next_root_hash = lists.hashes;
    rotate.next_threshold = roots->next_threshold;
    sign_next(kel, (KelEvent){OF_CASE(ROTATE_ROOT), .rotate_root = &rotate}, by, now, out);
}

void kel_write_delegate_by(const struct kel *kel, const struct kel_signers *by,
                           const struct sign_public *op, struct wall now, struct buf *out)
{
    Maillon__Hfp__V1__Delegate delegate = MAILLON__HFP__V1__DELEGATE__INIT;
    delegate.op = wire_data(bytes_of(op->b, sizeof(op->b)));
    delegate.not_after_s = seconds_of(now) + DELEGATION_LIFETIME_S;
    sign_next(kel, (KelEvent){OF_CASE(DELEGATE), .delegate = &delegate}, by, now, out);
}

void kel_write_delegate(const struct kel *kel, const struct sign_key *root,
                        const struct sign_public *op, struct wall now, struct buf *out)
{
    const struct kel_signers by = {.keys = {root}, .count = 1};
    kel_write_delegate_by(kel, &by, op, now, out);
}

void kel_write_revoke(const struct kel *kel, const struct kel_signers *by,
                      const struct sign_public *op, enum kel_reason reason,
                      const struct kel_through *through, size_t through_count, struct wall now,
                      struct buf *out)
{
    Maillon__Hfp__V1__StreamBound bounds[KEL_BOUNDS_MAX], *list[KEL_BOUNDS_MAX];
    AUTO(arena_free) struct arena *arena = arena_create(0);
    assert(through_count <= KEL_BOUNDS_MAX);
    for (size_t i = 0; i < through_count; i++) {
        maillon__hfp__v1__stream_bound__init(&bounds[i]);
        bounds[i].stream = wire_data(through[i].stream);
        bounds[i].seq = through[i].seq;
        bounds[i].type = arena_text(arena, through[i].type ? through[i].type : "");
        list[i] = &bounds[i];
    }
    Maillon__Hfp__V1__Revoke revoke = MAILLON__HFP__V1__REVOKE__INIT;
    revoke.op = wire_data(bytes_of(op->b, sizeof(op->b)));
    revoke.reason = reason;
    revoke.valid_through = list;
    revoke.n_valid_through = through_count;
    sign_next(kel, (KelEvent){OF_CASE(REVOKE), .revoke = &revoke}, by, now, out);
}

void kel_write_retire(const struct kel *kel, const struct kel_signers *by,
                      const struct node_id *successor, struct wall now, struct buf *out)
{
    Maillon__Hfp__V1__Retire retire = MAILLON__HFP__V1__RETIRE__INIT;
    if (successor)
        retire.successor = wire_data(node_id_bytes(successor));
    sign_next(kel, (KelEvent){OF_CASE(RETIRE), .retire = &retire}, by, now, out);
}
