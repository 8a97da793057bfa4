#pragma once
/*
 * A whole bundle of a referral made by hand, without any store: two hubs, three witnesses, four
 * events, a receipt, lines of the audit log under a head. Tests then bend it.
 */
#include "hub/base/mem.h"
#include "hub/crypto/identity.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit_bundle.h"
#include "hub/domain/referral_moves.h"
#include "maillon/hfp/v1/receipt.pb-c.h"
#include "tests/support/fake.h"
#include <assert.h>
#include <stdlib.h>

#define BUNDLE_EVENTS    4
#define BUNDLE_WITNESSES 3
#define BUNDLE_LOG       11 /* lines; the events are about lines 3 to 6 */

struct bundle_fixture {
    struct arena *arena;
    struct fake_random random;
    struct fake_clock clock;
    struct identity *hub, *peer, *witnesses[BUNDLE_WITNESSES];
    struct oid oids[BUNDLE_EVENTS + 1];
    struct bytes events[BUNDLE_EVENTS];
    struct merkle_hash leaves[BUNDLE_LOG];
    Maillon__Api__V1__ReferralBundle bundle;
};

static inline ProtobufCBinaryData bundle_copy(struct bundle_fixture *f, struct bytes b)
{
    return wire_data(arena_bytes(f->arena, b));
}

static inline ProtobufCBinaryData *bundle_list(struct bundle_fixture *f, const struct bytes *from,
                                               size_t count)
{
    ProtobufCBinaryData *list = arena_alloc(f->arena, (count + 4) * sizeof(*list));
    for (size_t i = 0; i < count; i++)
        list[i] = bundle_copy(f, from[i]);
    return list;
}

static inline struct bytes bundle_sign(struct bundle_fixture *f, const struct identity *by,
                                       const char *type, const void *body, struct oid *ret_oid)
{
    AUTO(buf_done) struct buf object = {0};
    identity_sign(by, type, wire_pack_arena(body, f->arena), &object, ret_oid);
    return arena_bytes(f->arena, buf_bytes(&object));
}

/** One event; `prev` and `seen` are numbers of events, -1: none. `text` makes it another one. */
static inline struct bytes bundle_event(struct bundle_fixture *f, bool by_peer, uint64_t seq,
                                        Maillon__Hfp__V1__ReferralAction action, int prev, int seen,
                                        const char *reason, struct bytes commit,
                                        struct oid *ret_oid)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__ReferralEvent body = MAILLON__HFP__V1__REFERRAL_EVENT__INIT;
    const struct identity *by = by_peer ? f->peer : f->hub, *to = by_peer ? f->hub : f->peer;
    head.node = wire_data(node_id_bytes(identity_node(by)));
    head.seq = seq;
    head.incarnation = 1;
    head.created_s = (uint64_t)f->clock.wall.ms / 1000 + seq;
    head.expires_s = head.created_s + 86400;
    if (prev >= 0)
        head.prev = wire_data(oid_bytes(&f->oids[prev]));
    if (action != REFERRAL_ACTION(REFER))
        head.stream = wire_data(oid_bytes(&f->oids[0]));
    body.head = &head;
    body.recipient = wire_data(node_id_bytes(identity_node(to)));
    body.action = action;
    if (seen >= 0)
        body.seen = wire_data(oid_bytes(&f->oids[seen]));
    body.reason = (char *)(uintptr_t)reason;
    body.commit = wire_data(commit);
    return bundle_sign(f, by, TYPE_REFERRAL, &body, ret_oid);
}

static inline void bundle_make_events(struct bundle_fixture *f)
{
    Maillon__Api__V1__BundlePersonal *personal = arena_alloc(f->arena, sizeof(*personal)),
                                     **list = arena_alloc(f->arena, sizeof(*list));
    uint8_t salt[SALT_BYTES] = {7}, commit[32];
    maillon__api__v1__bundle_personal__init(personal);
    personal->payload = bundle_copy(f, BYTES_LITERAL("canary"));
    personal->salt = bundle_copy(f, bytes_of(salt, sizeof(salt)));
    parcel_commit(wire_bytes(personal->salt), wire_bytes(personal->payload), commit);
    f->events[0] = bundle_event(f, false, 1, REFERRAL_ACTION(REFER), -1, -1, "",
                                bytes_of(commit, sizeof(commit)), &f->oids[0]);
    f->events[1] =
        bundle_event(f, true, 1, REFERRAL_ACTION(SEEN), -1, 0, "", (struct bytes){0}, &f->oids[1]);
    f->events[2] =
        bundle_event(f, true, 2, REFERRAL_ACTION(ACCEPT), 1, 0, "", (struct bytes){0}, &f->oids[2]);
    f->events[3] = bundle_event(f, false, 2, REFERRAL_ACTION(MESSAGE), 0, 2, "", (struct bytes){0},
                                &f->oids[3]);
    f->bundle.event = bundle_list(f, f->events, BUNDLE_EVENTS);
    f->bundle.n_event = BUNDLE_EVENTS;
    personal->oid = bundle_copy(f, oid_bytes(&f->oids[0]));
    list[0] = personal;
    f->bundle.personal = list;
    f->bundle.n_personal = 1;
}

static inline void bundle_make_receipt(struct bundle_fixture *f)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__ReceiptEntry entries[2], *list[2] = {&entries[0], &entries[1]};
    Maillon__Hfp__V1__Receipt body = MAILLON__HFP__V1__RECEIPT__INIT;
    head.node = wire_data(node_id_bytes(identity_node(f->peer)));
    head.seq = 1;
    head.created_s = (uint64_t)f->clock.wall.ms / 1000 + 5;
    head.expires_s = head.created_s + 86400;
    body.head = &head;
    body.recipient = wire_data(node_id_bytes(identity_node(f->hub)));
    for (int i = 0; i < 2; i++) {
        maillon__hfp__v1__receipt_entry__init(list[i]);
        entries[i].oid = wire_data(oid_bytes(&f->oids[3 * i]));
        entries[i].state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
        entries[i].chain_head = wire_data(oid_bytes(&f->oids[2]));
    }
    body.entry = list;
    body.n_entry = 2;
    struct bytes receipt = bundle_sign(f, f->peer, TYPE_RECEIPT, &body, NULL);
    f->bundle.receipt = bundle_list(f, &receipt, 1);
    f->bundle.n_receipt = 1;
}

static inline bool bundle_subtree(void *ctx, unsigned level, uint64_t index,
                                  struct merkle_hash *ret, struct err *err)
{
    struct bundle_fixture *f = ctx;
    struct merkle tree = {0};
    (void)err;
    for (uint64_t i = index << level; i < (index + 1) << level; i++)
        merkle_add(&tree, &f->leaves[i]);
    *ret = tree.peaks[level];
    return true;
}

/** A head by `by` over `size` lines whose root is `root`. */
static inline struct bytes bundle_audit_head(struct bundle_fixture *f, const struct identity *by,
                                             uint64_t size, const struct merkle_hash *root,
                                             uint64_t seq, uint32_t incarnation)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__AuditHead body = MAILLON__HFP__V1__AUDIT_HEAD__INIT;
    struct oid prev = {{3}};
    head.node = wire_data(node_id_bytes(identity_node(by)));
    head.seq = seq;
    if (seq > 1)
        head.prev = wire_data(oid_bytes(&prev));
    head.incarnation = incarnation;
    head.created_s = (uint64_t)f->clock.wall.ms / 1000 + 9;
    body.head = &head;
    body.size = size;
    body.root = wire_data(merkle_hash_bytes(root));
    body.time_ms = head.created_s * 1000;
    return bundle_sign(f, by, TYPE_AUDIT_HEAD, &body, NULL);
}

static inline void bundle_make_keys(struct bundle_fixture *f, const struct identity *of,
                                    ProtobufCBinaryData **ret, size_t *ret_count)
{
    const struct bytes *events = identity_kel_events(of, ret_count);
    *ret = bundle_list(f, events, *ret_count);
}

static inline void bundle_make_head(struct bundle_fixture *f, const struct merkle *tree)
{
    struct merkle_hash root;
    struct audit_head opened;
    struct err err = {0};
    merkle_root(tree, &root);
    Maillon__Api__V1__BundleHead *head = arena_alloc(f->arena, sizeof(*head)),
                                 **heads = arena_alloc(f->arena, sizeof(*heads));
    maillon__api__v1__bundle_head__init(head);
    head->head = wire_data(bundle_audit_head(f, f->hub, BUNDLE_LOG, &root, 1, 1));
    if (!audit_head_open(wire_bytes(head->head), f->arena, &opened, &err))
        abort();
    head->cosigned = arena_alloc(f->arena, BUNDLE_WITNESSES * sizeof(*head->cosigned));
    f->bundle.witness = arena_alloc(f->arena, BUNDLE_WITNESSES * sizeof(*f->bundle.witness));
    for (; head->n_cosigned < BUNDLE_WITNESSES; head->n_cosigned++) {
        const struct identity *by = f->witnesses[head->n_cosigned];
        Maillon__Api__V1__BundleKeys *keys = arena_alloc(f->arena, sizeof(*keys));
        char id[NODE_ID_TEXT];
        AUTO(buf_done) struct buf cosigned = {0};
        audit_cosign(identity_op(by), &opened, &cosigned);
        head->cosigned[head->n_cosigned] = bundle_copy(f, buf_bytes(&cosigned));
        maillon__api__v1__bundle_keys__init(keys);
        keys->node = arena_text(f->arena, node_id_text(identity_node(by), id));
        bundle_make_keys(f, by, &keys->kel, &keys->n_kel);
        f->bundle.witness[f->bundle.n_witness++] = keys;
    }
    heads[0] = head;
    f->bundle.head = heads;
    f->bundle.n_head = 1;
}

static inline void bundle_make_log(struct bundle_fixture *f)
{
    struct merkle tree = {0};
    const struct merkle_source source = {.subtree = bundle_subtree, .ctx = f};
    f->bundle.leaf = arena_alloc(f->arena, BUNDLE_EVENTS * sizeof(*f->bundle.leaf));
    struct bytes bytes[BUNDLE_LOG];
    for (int i = 0; i < BUNDLE_LOG; i++) {
        Maillon__Hfp__V1__AuditLeaf leaf = MAILLON__HFP__V1__AUDIT_LEAF__INIT;
        leaf.time_ms = (uint64_t)f->clock.wall.ms + (uint64_t)i;
        leaf.actor = (char[]){"peer"};
        leaf.action = (char[]){"event.taken"};
        if (i >= 3 && i < 3 + BUNDLE_EVENTS)
            leaf.oid = wire_data(oid_bytes(&f->oids[i - 3]));
        bytes[i] = wire_pack_arena(&leaf, f->arena);
        merkle_leaf(bytes[i], &f->leaves[i]);
        merkle_add(&tree, &f->leaves[i]);
    }
    for (int i = 0; i < BUNDLE_EVENTS; i++) {
        Maillon__Api__V1__BundleLeaf *leaf = arena_alloc(f->arena, sizeof(*leaf));
        struct merkle_proof proof;
        struct err err = {0};
        maillon__api__v1__bundle_leaf__init(leaf);
        leaf->leaf = wire_data(bytes[i + 3]);
        leaf->index = (uint64_t)i + 3;
        if (!merkle_prove_inclusion(&source, leaf->index, BUNDLE_LOG, &proof, &err))
            abort();
        leaf->proof = bundle_copy(f, bytes_of(proof.path, proof.count * MERKLE_HASH_BYTES));
        f->bundle.leaf[f->bundle.n_leaf++] = leaf;
    }
    bundle_make_head(f, &tree);
}

static inline void bundle_fixture_open(struct bundle_fixture *f)
{
    char text[NODE_ID_TEXT], hex[2 * OID_BYTES + 1];
    *f = (struct bundle_fixture){.arena = arena_create(0)};
    fake_random_init(&f->random, 21);
    fake_clock_init(&f->clock);
    f->hub = identity_create_memory(&f->random.source, f->clock.wall);
    f->peer = identity_create_memory(&f->random.source, f->clock.wall);
    for (int i = 0; i < BUNDLE_WITNESSES; i++)
        f->witnesses[i] = identity_create_memory(&f->random.source, f->clock.wall);
    maillon__api__v1__referral_bundle__init(&f->bundle);
    bundle_make_events(f);
    bundle_make_receipt(f);
    bundle_make_log(f);
    f->bundle.format = arena_text(f->arena, BUNDLE_REFERRAL_FORMAT);
    f->bundle.id = arena_text(f->arena, hex_encode(oid_bytes(&f->oids[0]), hex));
    f->bundle.hub = arena_text(f->arena, node_id_text(identity_node(f->hub), text));
    f->bundle.peer = arena_text(f->arena, node_id_text(identity_node(f->peer), text));
    bundle_make_keys(f, f->hub, &f->bundle.kel_ours, &f->bundle.n_kel_ours);
    bundle_make_keys(f, f->peer, &f->bundle.kel_theirs, &f->bundle.n_kel_theirs);
    struct merkle_hash root = {{9}};
    struct bytes peer_head = bundle_audit_head(f, f->peer, 5, &root, 1, 1);
    f->bundle.peer_head = bundle_list(f, &peer_head, 1);
    f->bundle.n_peer_head = 1;
}

static inline void bundle_fixture_close(struct bundle_fixture *f)
{
    identity_free(f->hub);
    identity_free(f->peer);
    for (int i = 0; i < BUNDLE_WITNESSES; i++)
        identity_free(f->witnesses[i]);
    arena_free(f->arena);
}
