/* The audit log: lines, tree, signed heads (R-AU-1), what a witness makes of them (R-AU-2). */
#include "hub/domain/audit.h"

#include "hub/base/clock.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit_witness.h"
#include "hub/domain/authoring.h"
#include "maillon/hfp/v1/link.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"
#include "tests/support/golden.h"

static void add_lines(struct domain_fixture *f, unsigned count)
{
    static unsigned number;
    for (unsigned i = 0; i < count; i++) {
        struct oid oid = {{0}};
        number++;
        memcpy(oid.b, &number, sizeof(number));
        assert_ok(f, audit_add(&f->tx, i % 3 ? "peer" : "claire", "referral.refer",
                               i % 5 ? &oid : NULL, &f->err));
    }
    assert_ok(f, audit_flush(&f->tx, &f->err));
}

/* Every leaf anew, in memory. */
static struct merkle naive(struct domain_fixture *f, uint64_t size)
{
    struct merkle tree = {0};
    struct audit_leaf *leaves;
    size_t count;
    assert_ok(f, audit_leaves(f->tx.store, f->tx.arena, 0, (size_t)size, &leaves, &count, &f->err));
    assert_int_equal(count, size);
    for (size_t i = 0; i < count; i++) {
        struct merkle_hash hash;
        merkle_leaf(leaves[i].bytes, &hash);
        merkle_add(&tree, &hash);
    }
    return tree;
}

static void exec(struct domain_fixture *f, const char *sql)
{
    assert_ok(f, store_exec(f->tx.store, sql, &f->err));
}

static struct audit_head newest(struct domain_fixture *f)
{
    struct audit_head head;
    bool found = false;
    assert_ok(f, audit_head_newest(f->tx.store, f->tx.arena, &found, &head, &f->err));
    assert_true(found);
    return head;
}

static void the_tree_of_the_store_is_the_tree_of_its_lines(void **state)
{
    struct domain_fixture *f = *state;
    struct merkle_hash root, expected;
    const unsigned steps[] = {1, 1, 3, 250, 1, 1, 300, 700, 5};
    uint64_t size = 0;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        add_lines(f, steps[i]);
        size += steps[i];
        struct merkle tree, plain = naive(f, size);
        assert_ok(f, audit_tree(f->tx.store, size, &tree, &f->err));
        merkle_root(&tree, &root);
        merkle_root(&plain, &expected);
        assert_true(merkle_hash_equal(&root, &expected));
    }
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit_tile"), size / 256);
    for (uint64_t index = 0; index < size; index += 97) {
        struct audit_leaf *leaf;
        struct merkle_proof proof;
        struct merkle_hash hash;
        size_t count;
        assert_ok(f, audit_leaves(f->tx.store, f->tx.arena, index, 1, &leaf, &count, &f->err));
        merkle_leaf(leaf->bytes, &hash);
        assert_ok(f, audit_prove_inclusion(f->tx.store, index, size, &proof, &f->err));
        assert_true(merkle_includes(&hash, index, size, proof.path, proof.count, &expected));
        struct merkle old = naive(f, index);
        merkle_root(&old, &hash);
        assert_ok(f, audit_prove_consistency(f->tx.store, index, size, &proof, &f->err));
        assert_true(merkle_consistent(index, &hash, size, &expected, proof.path, proof.count) ==
                    (index > 0));
    }
    struct merkle_proof proof;
    assert_err(f, ERR_UNKNOWN, audit_prove_inclusion(f->tx.store, size, size, &proof, &f->err));
    assert_err(f, ERR_UNKNOWN, audit_prove_consistency(f->tx.store, 1, size + 1, &proof, &f->err));
}

static void tiles_of_tiles_are_used_from_65536_lines_on(void **state)
{
    struct domain_fixture *f = *state;
    struct merkle_hash root, expected;
    exec(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 66000)"
            " INSERT INTO audit (at_ms, actor, action) SELECT i, 'peer', 'x' FROM n");
    for (int i = 0; i < 6; i++) /* an old log is hashed a piece at a time */
        assert_ok(f, audit_flush(&f->tx, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit_tile WHERE level = 8"), 257);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit_tile WHERE level = 16"), 1);
    struct merkle tree, plain = naive(f, 66000);
    assert_ok(f, audit_tree(f->tx.store, 66000, &tree, &f->err));
    merkle_root(&tree, &root);
    merkle_root(&plain, &expected);
    assert_true(merkle_hash_equal(&root, &expected));
}

static void a_head_is_signed_every_1000_lines_and_daily(void **state)
{
    struct domain_fixture *f = *state;
    struct wall next;
    add_lines(f, AUDIT_HEAD_LEAVES - 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit_head"), 0);
    add_lines(f, 1);
    struct audit_head head = newest(f);
    assert_int_equal(head.size, AUDIT_HEAD_LEAVES);
    assert_int_equal(head.seq, 1);
    assert_int_equal(head.incarnation, 1);
    assert_true(node_id_equal(&head.node, identity_node(f->self)));
    assert_true(audit_head_is_by(&head, identity_kel(f->self)));
    assert_false(audit_head_is_by(&head, identity_kel(f->peer)));
    add_lines(f, 1);
    f->tx.now.ms += AUDIT_HEAD_MS - 1;
    assert_ok(f, audit_tick(&f->tx, &next, &f->err));
    assert_int_equal(newest(f).size, AUDIT_HEAD_LEAVES);
    f->tx.now.ms += 1;
    assert_ok(f, audit_tick(&f->tx, &next, &f->err));
    assert_int_equal(newest(f).size, AUDIT_HEAD_LEAVES + 1);
    assert_int_equal(newest(f).seq, 2);
    f->tx.now.ms += AUDIT_HEAD_MS;
    assert_ok(f, audit_tick(&f->tx, &next, &f->err)); /* nothing new, nothing signed */
    assert_int_equal(newest(f).seq, 2);
    assert_true(count_effects(f, EFFECT_AUDIT) == 2);
}

static void a_line_never_carries_the_name_of_who_acted(void **state)
{
    struct domain_fixture *f = *state;
    struct audit_leaf *leaves;
    size_t count;
    assert_ok(f, audit_add(&f->tx, "claire.martin", "peer.accept", NULL, &f->err));
    assert_ok(f, audit_add(&f->tx, "claire.martin", "peer.pause", NULL, &f->err));
    assert_ok(f, audit_add(&f->tx, "clock", "referral.expire", NULL, &f->err));
    assert_ok(f, audit_leaves(f->tx.store, f->tx.arena, 0, 9, &leaves, &count, &f->err));
    assert_int_equal(count, 3);
    const Maillon__Hfp__V1__AuditLeaf *leaf[3];
    for (size_t i = 0; i < count; i++) {
        assert_null(memmem(leaves[i].bytes.data, leaves[i].bytes.len, "claire", 6));
        leaf[i] = wire_unpack(&maillon__hfp__v1__audit_leaf__descriptor, leaves[i].bytes,
                              f->tx.arena, &f->err);
        assert_non_null(leaf[i]);
    }
    assert_int_equal(strlen(leaf[0]->actor), 32);
    assert_string_equal(leaf[0]->actor, leaf[1]->actor); /* the same person, whoever that is */
    assert_string_equal(leaf[2]->actor, "clock");
}

static void report_says(struct domain_fixture *f, const char *what)
{
    struct audit_report report;
    assert_ok(f, audit_verify(f->tx.store, f->tx.arena, identity_kel(f->self), &report, &f->err));
    if (what ? !strstr(report.wrong, what) : report.wrong[0] != '\0')
        fail_msg("report says: %s", report.wrong);
}

static void checking_the_log_finds_every_kind_of_change(void **state)
{
    struct domain_fixture *f = *state;
    static const struct {
        const char *sql, *what;
    } cases[] = {
        {"UPDATE audit SET action = 'peer.block' WHERE seq = 17", "changed"},
        {"UPDATE audit SET at_ms = at_ms + 1 WHERE seq = 700", "changed"},
        {"UPDATE audit SET oid = NULL WHERE seq = 702", "changed"},
        {"DELETE FROM audit WHERE seq = 3", "changed"},
        {"DELETE FROM audit WHERE seq > 900", "more than the 900 lines"},
        {"UPDATE audit_tile SET hash = zeroblob(32) WHERE position = 1", "changed"},
        {"UPDATE audit_head SET bytes = zeroblob(90)", "damaged"},
    };
    add_lines(f, 1100);
    report_says(f, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_ok(f, store_savepoint(f->tx.store, &f->err));
        exec(f, cases[i].sql);
        report_says(f, cases[i].what);
        store_undo(f->tx.store);
    }
    report_says(f, NULL);
}

static void after_a_start_a_changed_log_is_noticed_and_signed_as_it_is(void **state)
{
    struct domain_fixture *f = *state;
    char warning[200];
    add_lines(f, 1100);
    struct audit_head before = newest(f);
    exec(f, "UPDATE audit SET action = 'peer.block' WHERE seq = 17");
    exec(f, "UPDATE audit_checked SET generation = -1"); /* as after any start */
    assert_ok(f, audit_flush(&f->tx, &f->err));
    struct audit_alarm *alarms;
    size_t count;
    assert_ok(f, audit_alarms(f->tx.store, f->tx.arena, 9, &alarms, &count, &f->err));
    assert_int_equal(count, 1);
    assert_int_equal(alarms[0].kind, AUDIT_FORKED);
    assert_true(node_id_equal(&alarms[0].node, identity_node(f->self)));
    assert_ok(f, audit_warning(f->tx.store, warning, &f->err));
    assert_non_null(strstr(warning, "audit log"));
    struct audit_head after = newest(f);
    assert_int_equal(after.size, 1100);
    struct merkle tree = naive(f, 1100);
    struct merkle_hash root;
    merkle_root(&tree, &root);
    assert_true(merkle_hash_equal(&after.root, &root));
    assert_false(oid_equal(&after.oid, &before.oid));
    assert_ok(f, audit_settle(&f->tx, identity_node(f->self), &f->err));
    assert_ok(f, audit_warning(f->tx.store, warning, &f->err));
    assert_string_equal(warning, "");
    exec(f, "DELETE FROM audit WHERE seq > 1050");
    exec(f, "UPDATE audit_checked SET generation = -1");
    assert_ok(f, audit_flush(&f->tx, &f->err));
    assert_ok(f, audit_alarms(f->tx.store, f->tx.arena, 9, &alarms, &count, &f->err));
    assert_int_equal(count, 2);
    assert_int_equal(alarms[0].kind, AUDIT_SHRUNK);
    exec(f, "UPDATE audit_checked SET generation = -1"); /* once is enough */
    assert_ok(f, audit_flush(&f->tx, &f->err));
    assert_ok(f, audit_alarms(f->tx.store, f->tx.arena, 9, &alarms, &count, &f->err));
    assert_int_equal(count, 2);
}

static void a_hub_that_may_not_sign_keeps_its_log_and_signs_later(void **state)
{
    struct domain_fixture *f = *state;
    assert_ok(f, authoring_recover(&f->tx, RECOVERY_RESTORED, &f->err));
    add_lines(f, 1100);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit_head"), 0);
    assert_ok(f, authoring_resume(&f->tx, &f->err));
    add_lines(f, 1);
    assert_int_equal(newest(f).size, 1101);
    assert_int_equal(newest(f).incarnation, 2);
}

/* ---- a witness ---- */

/* A log of the peer that the test can bend. */
struct other {
    struct merkle_hash leaves[64];
    size_t size;
    uint64_t seq;
    uint32_t incarnation;
};

static bool other_subtree(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret,
                          struct err *err)
{
    struct other *other = ctx;
    struct merkle tree = {0};
    (void)err;
    for (uint64_t i = index << level; i < (index + 1) << level; i++)
        merkle_add(&tree, &other->leaves[i]);
    *ret = tree.peaks[level];
    return true;
}

static void grow(struct other *other, size_t size, uint8_t fill)
{
    for (; other->size < size; other->size++)
        memset(other->leaves[other->size].b, (int)(fill + other->size), MERKLE_HASH_BYTES);
}

static struct audit_head other_head(struct domain_fixture *f, struct other *other)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__AuditHead body = MAILLON__HFP__V1__AUDIT_HEAD__INIT;
    struct merkle_hash root;
    struct merkle tree = {0};
    struct oid prev = {{1}};
    for (size_t i = 0; i < other->size; i++)
        merkle_add(&tree, &other->leaves[i]);
    merkle_root(&tree, &root);
    head.node = wire_data(node_id_bytes(peer_node(f)));
    head.seq = ++other->seq;
    head.incarnation = other->incarnation;
    head.created_s = (uint64_t)f->tx.now.ms / 1000;
    if (head.seq > 1)
        head.prev = wire_data(oid_bytes(&prev));
    body.head = &head;
    body.size = other->size;
    body.root = wire_data(merkle_hash_bytes(&root));
    body.time_ms = (uint64_t)f->tx.now.ms;
    AUTO(buf_done) struct buf object = {0};
    identity_sign(f->peer, TYPE_AUDIT_HEAD, wire_pack_arena(&body, f->tx.arena), &object, NULL);
    struct audit_head ret;
    assert_ok(f, audit_head_open(arena_bytes(f->tx.arena, buf_bytes(&object)), f->tx.arena, &ret,
                                 &f->err));
    return ret;
}

static enum witness_verdict take(struct domain_fixture *f, struct other *other,
                                 const struct audit_head *head, uint64_t from, bool final)
{
    const struct merkle_source source = {.subtree = other_subtree, .ctx = other};
    struct merkle_proof proof = {.count = 0};
    enum witness_verdict verdict;
    if (from)
        assert_ok(f, merkle_prove_consistency(&source, from, head->size, &proof, &f->err));
    assert_ok(f, witness_take(&f->tx, head, from, &proof, final, &verdict, &f->err));
    return verdict;
}

static int64_t alarms_open(struct domain_fixture *f)
{
    return query_i64(f, "SELECT count(*) FROM audit_alarm WHERE settled_ms = 0");
}

static void a_witness_takes_what_continues_and_asks_for_proof_otherwise(void **state)
{
    struct domain_fixture *f = *state;
    struct other other = {.incarnation = 1};
    grow(&other, 7, 1);
    struct audit_head head = other_head(f, &other), held;
    assert_int_equal(take(f, &other, &head, 0, false), WITNESS_TAKEN);
    assert_int_equal(take(f, &other, &head, 0, false), WITNESS_KNOWN);
    grow(&other, 20, 1);
    head = other_head(f, &other);
    assert_int_equal(take(f, &other, &head, 0, false), WITNESS_NEED_PROOF);
    assert_int_equal(take(f, &other, &head, 5, false), WITNESS_NEED_PROOF); /* not what we hold */
    assert_int_equal(take(f, &other, &head, 7, false), WITNESS_TAKEN);
    bool found;
    assert_ok(f, witness_held(f->tx.store, f->tx.arena, peer_node(f), &found, &held, &f->err));
    assert_true(found && oid_equal(&held.oid, &head.oid));
    assert_true(bytes_equal(held.bytes, head.bytes)); /* kept whole */
    assert_int_equal(alarms_open(f), 0);
}

static void a_witness_raises_the_alarm_when_a_log_shrinks_or_differs(void **state)
{
    struct domain_fixture *f = *state;
    struct other other = {.incarnation = 1}, shrunk, forked, same;
    grow(&other, 20, 1);
    struct audit_head first = other_head(f, &other), head;
    assert_int_equal(take(f, &other, &first, 0, false), WITNESS_TAKEN);
    shrunk = (struct other){.incarnation = 1, .seq = other.seq};
    grow(&shrunk, 19, 1);
    head = other_head(f, &shrunk);
    assert_int_equal(take(f, &shrunk, &head, 0, false), WITNESS_ALARM);
    forked = (struct other){.incarnation = 1, .seq = other.seq};
    grow(&forked, 30, 1);
    forked.leaves[3].b[0] ^= 1;
    head = other_head(f, &forked);
    assert_int_equal(take(f, &forked, &head, 20, false), WITNESS_ALARM);
    assert_int_equal(take(f, &forked, &head, 20, true), WITNESS_ALARM); /* noted once */
    same = (struct other){.incarnation = 1, .seq = other.seq};
    grow(&same, 20, 2);
    head = other_head(f, &same);
    assert_int_equal(take(f, &same, &head, 0, false), WITNESS_ALARM);
    same = (struct other){.incarnation = 1};
    grow(&same, 25, 1); /* a longer log, but as the head with the same number */
    head = other_head(f, &same);
    assert_int_equal(take(f, &same, &head, 20, false), WITNESS_ALARM);
    assert_int_equal(alarms_open(f), 2); /* one of each kind about the same head */
    assert_int_equal(atomic_load(&f->counters.audit_alarms), 2);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM event WHERE kind = 'audit'"), 2);
    /* Held back without proof to the end. */
    struct other silent = {.incarnation = 1, .seq = other.seq};
    grow(&silent, 40, 1);
    head = other_head(f, &silent);
    assert_int_equal(take(f, &silent, &head, 0, true), WITNESS_ALARM);
    bool found;
    struct audit_head held;
    assert_ok(f, witness_held(f->tx.store, f->tx.arena, peer_node(f), &found, &held, &f->err));
    assert_true(oid_equal(&held.oid, &first.oid)); /* what contradicts is not kept */
    assert_ok(f, audit_settle(&f->tx, peer_node(f), &f->err));
    assert_int_equal(take(f, &silent, &head, 0, false), WITNESS_TAKEN); /* a new beginning */
    assert_err(f, ERR_UNKNOWN, audit_settle(&f->tx, peer_node(f), &f->err));
}

static void f24_a_restored_hub_in_a_higher_incarnation_is_no_cheat(void **state)
{
    struct domain_fixture *f = *state;
    struct other other = {.incarnation = 1}, restored = {.incarnation = 2};
    grow(&other, 20, 1);
    struct audit_head head = other_head(f, &other);
    assert_int_equal(take(f, &other, &head, 0, false), WITNESS_TAKEN);
    grow(&restored, 12, 1);
    grow(&restored, 14, 60);
    restored.seq = 1;
    head = other_head(f, &restored);
    assert_int_equal(take(f, &restored, &head, 0, false), WITNESS_TAKEN);
    assert_int_equal(alarms_open(f), 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit_alarm WHERE kind = 3"), 1);
    restored.incarnation = 1; /* back to the old one is not allowed */
    grow(&restored, 30, 60);
    head = other_head(f, &restored);
    assert_int_equal(take(f, &restored, &head, 14, false), WITNESS_ALARM);
}

static void a_peer_with_endless_incarnations_leaves_a_hundred_alarms_and_not_one_more(void **state)
{
    struct domain_fixture *f = *state;
    for (uint32_t i = 1; i <= 110; i++) {
        struct other other = {.incarnation = i};
        grow(&other, 4, (uint8_t)i);
        struct audit_head head = other_head(f, &other);
        assert_int_equal(take(f, &other, &head, 0, false), WITNESS_TAKEN);
    }
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit_alarm"), 100);
}

static void cosignatures_carry_both_names_and_are_kept_once(void **state)
{
    struct domain_fixture *f = *state;
    add_lines(f, 1000);
    struct audit_head head = newest(f), cosigned;
    AUTO(buf_done) struct buf object = {0};
    audit_cosign(identity_op(f->peer), &head, &object);
    assert_ok(f, audit_head_open(buf_bytes(&object), f->tx.arena, &cosigned, &f->err));
    assert_true(oid_equal(&cosigned.oid, &head.oid));
    assert_int_equal(cosigned.envelope.sig_count, 2);
    assert_true(audit_head_is_by(&cosigned, identity_kel(f->self)));
    assert_true(kel_verify(identity_kel(f->peer), &cosigned.envelope, NULL));
    for (int i = 0; i < 2; i++)
        assert_ok(f,
                  audit_cosigned_add(&f->tx, &head.oid, peer_node(f), buf_bytes(&object), &f->err));
    struct audit_cosigned *list;
    size_t count;
    assert_ok(f, audit_cosigned(f->tx.store, f->tx.arena, &head.oid, &list, &count, &f->err));
    assert_int_equal(count, 1);
    bool ours;
    assert_ok(f, witness_compare_own(&f->tx, &cosigned, &ours, &f->err));
    assert_true(ours);
    exec(f, "DELETE FROM audit WHERE seq > 990");
    assert_ok(f, witness_compare_own(&f->tx, &cosigned, &ours, &f->err));
    assert_false(ours);
    assert_int_equal(alarms_open(f), 1);
}

static void heads_are_read_up_to_their_limit_and_not_beyond(void **state)
{
    struct domain_fixture *f = *state;
    static uint8_t large[OBJECT_AUDIT_HEAD_MAX + 1];
    struct audit_head head;
    assert_err(f, ERR_PEER,
               audit_head_open(bytes_of(large, sizeof(large)), f->tx.arena, &head, &f->err));
    assert_err(f, ERR_UNSUPPORTED, audit_head_open((struct bytes){0}, f->tx.arena, &head, &f->err));
    AUTO(buf_done) struct buf other = {0};
    identity_sign(f->peer, TYPE_BEACON, BYTES_LITERAL("x"), &other, NULL);
    assert_err(f, ERR_PEER, audit_head_open(buf_bytes(&other), f->tx.arena, &head, &f->err));
}

/* ---- bytes and cost ---- */

static void the_golden_file_is_made_again_byte_by_byte(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(buf_done) struct buf json = {0}, object = {0}, cosigned = {0}, frame_bytes = {0};
    struct merkle tree = {0};
    uint8_t node[32];
    memset(node, 0x0a, sizeof(node));
    golden_begin(&json, "Values are hex. node 32 bytes 0a, OP seed 32 bytes 03, "
                        "witness OP seed 32 bytes 08; three leaves, a head over them, the same "
                        "with the signature of a witness, a frame");
    for (uint8_t i = 0; i < 3; i++) {
        static const char *const actors[] = {"peer", "clock", "0123456789abcdef0123456789abcdef"};
        static const char *const names[] = {"leaf_0", "leaf_1", "leaf_2"};
        uint8_t oid[32];
        struct merkle_hash hash;
        memset(oid, 0x20 + i, sizeof(oid));
        Maillon__Hfp__V1__AuditLeaf leaf = MAILLON__HFP__V1__AUDIT_LEAF__INIT;
        leaf.time_ms = UINT64_C(1800000000000) + i;
        leaf.actor = (char *)(uintptr_t)actors[i];
        leaf.action = (char[]){"referral.refer"};
        leaf.oid = (ProtobufCBinaryData){i == 1 ? 0 : sizeof(oid), oid};
        struct bytes bytes = wire_pack_arena(&leaf, f->tx.arena);
        golden_hex(&json, names[i], bytes);
        merkle_leaf(bytes, &hash);
        merkle_add(&tree, &hash);
    }
    struct merkle_hash root;
    merkle_root(&tree, &root);
    golden_hex(&json, "root", merkle_hash_bytes(&root));
    struct sign_key *op = golden_key(3), *witness = golden_key(8);
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__AuditHead body = MAILLON__HFP__V1__AUDIT_HEAD__INIT;
    head.node = (ProtobufCBinaryData){sizeof(node), node};
    head.incarnation = 1;
    head.seq = 1;
    head.created_s = 1800000000;
    body.head = &head;
    body.size = 3;
    body.root = wire_data(merkle_hash_bytes(&root));
    body.time_ms = UINT64_C(1800000000500);
    envelope_sign((const struct sign_key *const[]){op}, 1, TYPE_AUDIT_HEAD,
                  wire_pack_arena(&body, f->tx.arena), &object, NULL);
    golden_hex(&json, "head_signed", buf_bytes(&object));
    struct audit_head opened;
    assert_ok(f, audit_head_open(buf_bytes(&object), f->tx.arena, &opened, &f->err));
    audit_cosign(witness, &opened, &cosigned);
    golden_hex(&json, "head_cosigned", buf_bytes(&cosigned));
    Maillon__Hfp__V1__Witness shown = MAILLON__HFP__V1__WITNESS__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    ProtobufCBinaryData path[] = {wire_data(merkle_hash_bytes(&root))};
    shown.head = wire_data(buf_bytes(&object));
    shown.consistent_from = 2;
    shown.proof = path;
    shown.n_proof = 1;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_WITNESS;
    frame.witness = &shown;
    wire_pack(&frame, &frame_bytes);
    golden_hex(&json, "witness_frame", buf_bytes(&frame_bytes));
    golden_end(&json);
    sign_key_free(op);
    sign_key_free(witness);
    assert_true(golden_same(&json, "audit.json"));
}

static void a_line_costs_little_in_the_tree(void **state)
{
    struct domain_fixture *f = *state;
    enum { LINES = 16384 };
    int64_t pages = query_i64(f, "PRAGMA page_count");
    for (unsigned i = 0; i < LINES; i++)
        assert_ok(f, audit_add(&f->tx, "peer", "event.taken", &(struct oid){{1}}, &f->err));
    pages = query_i64(f, "PRAGMA page_count") - pages;
    struct mono before = clock_mono(&clock_system);
    assert_ok(f, audit_flush(&f->tx, &f->err));
    int64_t us = clock_mono(&clock_system).us - before.us;
    print_message("tree: %lld ns a line, %lld bytes a line in the store\n",
                  (long long)us * 1000 / LINES, (long long)pages * 4096 / LINES);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit_tile"), LINES / 256);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_tree_of_the_store_is_the_tree_of_its_lines),
        TEST(tiles_of_tiles_are_used_from_65536_lines_on),
        TEST(a_head_is_signed_every_1000_lines_and_daily),
        TEST(a_line_never_carries_the_name_of_who_acted),
        TEST(checking_the_log_finds_every_kind_of_change),
        TEST(after_a_start_a_changed_log_is_noticed_and_signed_as_it_is),
        TEST(a_hub_that_may_not_sign_keeps_its_log_and_signs_later),
        TEST(a_witness_takes_what_continues_and_asks_for_proof_otherwise),
        TEST(a_witness_raises_the_alarm_when_a_log_shrinks_or_differs),
        TEST(f24_a_restored_hub_in_a_higher_incarnation_is_no_cheat),
        TEST(cosignatures_carry_both_names_and_are_kept_once),
        TEST(heads_are_read_up_to_their_limit_and_not_beyond),
        TEST(the_golden_file_is_made_again_byte_by_byte),
        TEST(a_line_costs_little_in_the_tree),
        TEST(a_peer_with_endless_incarnations_leaves_a_hundred_alarms_and_not_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
