#include "hub/crypto/kel.h"

#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/keys.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/kel_fixture.h"

/* Of the keys 0 is the root, 1 the next root, 2 the op key; the others are spare. */

static const uint8_t nonce[16] = {1, 2, 3};

static struct kel incepted(void)
{
    struct kel kel = {0};
    AUTO(buf_done) struct buf out = {0};
    struct err err = {0};
    kel_write_incept(keys[0], pub(1), nonce, now, &out);
    assert_true(kel_apply(&kel, buf_bytes(&out), &err));
    return kel;
}

static struct kel delegated(void)
{
    struct kel kel = incepted();
    AUTO(buf_done) struct buf out = {0};
    struct err err = {0};
    kel_write_delegate(&kel, keys[0], pub(2), now, &out);
    assert_true(kel_apply(&kel, buf_bytes(&out), &err));
    return kel;
}

/* An event with its head on top of `kel`; tests change it, then sign. */
struct draft {
    Maillon__Hfp__V1__KelEvent event;
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Incept incept;
    Maillon__Hfp__V1__RotateRoot rotate;
    Maillon__Hfp__V1__Delegate delegate;
    Maillon__Hfp__V1__Revoke revoke;
    Maillon__Hfp__V1__Retire retire;
    ProtobufCBinaryData roots[KEL_ROOTS_MAX + 1], hashes[KEL_ROOTS_MAX + 1];
    uint8_t hash_bytes[KEL_ROOTS_MAX + 1][32];
    const char *type;
};

static void draft_init(struct draft *d, const struct kel *kel)
{
    maillon__hfp__v1__kel_event__init(&d->event);
    maillon__hfp__v1__head__init(&d->head);
    maillon__hfp__v1__incept__init(&d->incept);
    maillon__hfp__v1__rotate_root__init(&d->rotate);
    maillon__hfp__v1__delegate__init(&d->delegate);
    maillon__hfp__v1__revoke__init(&d->revoke);
    maillon__hfp__v1__retire__init(&d->retire);
    d->type = TYPE_KEL;
    d->event.head = &d->head;
    d->head.seq = kel->seq + 1;
    d->head.created_s = NOW_S;
    if (kel->seq > 0) {
        d->head.node = wire_data(node_id_bytes(&kel->node));
        d->head.prev = wire_data(oid_bytes(&kel->head));
    }
}

static ProtobufCBinaryData key_data(size_t key)
{
    return wire_data(bytes_of(pub(key)->b, ED25519_KEY_BYTES));
}

static void draft_incept(struct draft *d, size_t roots, uint32_t threshold)
{
    for (size_t i = 0; i < roots; i++)
        d->roots[i] = key_data(i);
    digest_sha256(bytes_of(pub(7)->b, 32), d->hash_bytes[0]);
    d->hashes[0] = wire_data(bytes_of(d->hash_bytes[0], 32));
    d->incept.n_root = roots;
    d->incept.root = d->roots;
    d->incept.threshold = threshold;
    d->incept.n_next_root_hash = 1;
    d->incept.next_root_hash = d->hashes;
    d->incept.next_threshold = 1;
    d->incept.nonce = wire_data(bytes_of(nonce, sizeof(nonce)));
    d->event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_INCEPT;
    d->event.incept = &d->incept;
}

/* To root key 1 (the announced one), with key 3 as the one after. */
static void draft_rotate(struct draft *d, size_t new_root)
{
    d->roots[0] = key_data(new_root);
    digest_sha256(bytes_of(pub(3)->b, 32), d->hash_bytes[0]);
    d->hashes[0] = wire_data(bytes_of(d->hash_bytes[0], 32));
    d->rotate.n_root = 1;
    d->rotate.root = d->roots;
    d->rotate.threshold = 1;
    d->rotate.n_next_root_hash = 1;
    d->rotate.next_root_hash = d->hashes;
    d->rotate.next_threshold = 1;
    d->event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_ROTATE_ROOT;
    d->event.rotate_root = &d->rotate;
}

static void draft_delegate(struct draft *d, size_t op)
{
    d->delegate.op = key_data(op);
    d->delegate.not_after_s = NOW_S + 1000;
    d->event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_DELEGATE;
    d->event.delegate = &d->delegate;
}

static void draft_revoke(struct draft *d, size_t op)
{
    d->revoke.op = key_data(op);
    d->event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_REVOKE;
    d->event.revoke = &d->revoke;
}

static void draft_retire(struct draft *d)
{
    d->event.event_case = MAILLON__HFP__V1__KEL_EVENT__EVENT_RETIRE;
    d->event.retire = &d->retire;
}

/* Signs with the keys whose numbers `signers` lists, as digits. */
static bool apply(struct kel *kel, const struct draft *d, const char *signers, struct err *err)
{
    AUTO(buf_done) struct buf body = {0}, out = {0};
    const struct sign_key *with[SIGNED_SIGS_MAX];
    size_t count = 0;
    for (; *signers; signers++)
        with[count++] = keys[*signers - '0'];
    wire_pack(&d->event, &body);
    envelope_sign(with, count, d->type, buf_bytes(&body), &out, NULL);
    struct kel before = *kel;
    bool ok = kel_apply(kel, buf_bytes(&out), err);
    if (!ok)
        assert_memory_equal(&before, kel, sizeof(before)); /* untouched */
    return ok;
}

static void assert_refused(struct kel *kel, const struct draft *d, const char *signers)
{
    struct err err = {0};
    assert_false(apply(kel, d, signers, &err));
    assert_true(err.code == ERR_PEER || err.code == ERR_UNSUPPORTED);
}

static void assert_applied(struct kel *kel, const struct draft *d, const char *signers)
{
    struct err err = {0};
    if (!apply(kel, d, signers, &err))
        fail_msg("%s", err.msg);
}

static void inception_makes_the_node_id_and_delegation_an_online_key(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf all = {0}, incept = {0};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct envelope e;
    struct err err = {0};
    uint8_t want[32];
    kel_write_incept(keys[0], pub(1), nonce, now, &incept);
    assert_true(envelope_open(buf_bytes(&incept), arena, &e, &err));
    buf_add(&all, "hfp/node/v1\0", 12);
    envelope_pae(TYPE_KEL, e.body, &all);
    digest_sha256(buf_bytes(&all), want);
    struct kel kel = delegated();
    assert_memory_equal(kel.node.b, want, 32);
    assert_int_equal(kel.seq, 2);
    const struct kel_op *op = kel_find_op(&kel, pub(2));
    assert_non_null(op);
    assert_int_equal(op->from_s, NOW_S);
    assert_int_equal(op->not_after_s, NOW_S + DELEGATION_LIFETIME_S);
    assert_null(kel_find_op(&kel, pub(0)));
}

static void a_log_is_read_whole_and_must_belong_to_the_expected_node(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf incept = {0}, delegate = {0};
    struct kel first = {0}, kel = {0};
    struct err err = {0};
    kel_write_incept(keys[0], pub(1), nonce, now, &incept);
    assert_true(kel_apply(&first, buf_bytes(&incept), &err));
    kel_write_delegate(&first, keys[0], pub(2), now, &delegate);
    struct bytes events[] = {buf_bytes(&incept), buf_bytes(&delegate)};
    struct bytes swapped[] = {events[1], events[0]}, doubled[] = {events[0], events[0]};
    assert_true(kel_read(events, 2, NULL, &kel, &err));
    assert_true(kel_read(events, 2, &first.node, &kel, &err));
    struct node_id other = first.node;
    other.b[0] ^= 1;
    assert_false(kel_read(events, 2, &other, &kel, &err));
    assert_int_equal(err.code, ERR_PEER);
    assert_false(kel_read(swapped, 2, NULL, &kel, &err));
    assert_false(kel_read(doubled, 2, NULL, &kel, &err));
    assert_false(kel_read(events, 0, NULL, &kel, &err));
    assert_false(kel_read(events, KEL_EVENTS_MAX + 1, NULL, &kel, &err));
}

static void only_a_delegated_key_speaks_for_the_node(void **state)
{
    (void)state;
    struct kel kel = delegated();
    AUTO(arena_free) struct arena *arena = arena_create(0);
    for (size_t i = 0; i < 3; i++) {
        AUTO(buf_done) struct buf out = {0};
        const struct sign_key *with = keys[i];
        const struct sign_public *by = NULL;
        struct envelope e;
        struct err err = {0};
        envelope_sign(&with, 1, TYPE_NOTICE, bytes_text("body"), &out, NULL);
        assert_true(envelope_open(buf_bytes(&out), arena, &e, &err));
        assert_int_equal(kel_verify(&kel, &e, &by), i == 2);
        assert_int_equal(kel_verify(&kel, &e, NULL), i == 2);
        if (i == 2)
            assert_memory_equal(by->b, pub(2)->b, 32);
    }
}

static void inceptions_out_of_shape_are_refused(void **state)
{
    (void)state;
    struct kel kel = {0};
    struct draft d;
    draft_init(&d, &kel);
    draft_incept(&d, 2, 2);
    assert_refused(&kel, &d, "0"); /* one of two */
    assert_refused(&kel, &d, "00");
    assert_refused(&kel, &d, "07");
    d.incept.threshold = 3;
    assert_refused(&kel, &d, "01");
    d.incept.threshold = 0;
    assert_refused(&kel, &d, "01");
    d.incept.threshold = 2;
    d.incept.next_threshold = 2;
    assert_refused(&kel, &d, "01");
    d.incept.next_threshold = 1;
    d.incept.n_next_root_hash = 0;
    assert_refused(&kel, &d, "01");
    d.incept.n_next_root_hash = 1;
    d.incept.nonce.len = 15;
    assert_refused(&kel, &d, "01");
    d.incept.nonce.len = 16;
    d.roots[1] = d.roots[0];
    assert_refused(&kel, &d, "01");
    d.roots[1] = key_data(1);
    d.head.seq = 2;
    assert_refused(&kel, &d, "01");
    d.head.seq = 1;
    d.head.node = wire_data(bytes_of(d.hash_bytes[0], 32));
    assert_refused(&kel, &d, "01");
    d.head.node.len = 0;
    d.type = TYPE_NOTICE;
    assert_refused(&kel, &d, "01");
    d.type = TYPE_KEL;
    assert_applied(&kel, &d, "01");
    assert_int_equal(kel.threshold, 2);
}

static void at_most_five_roots_are_taken(void **state)
{
    (void)state;
    for (size_t roots = KEL_ROOTS_MAX; roots <= KEL_ROOTS_MAX + 1; roots++) {
        struct kel kel = {0};
        struct draft d;
        struct err err = {0};
        draft_init(&d, &kel);
        draft_incept(&d, roots, 1);
        assert_int_equal(apply(&kel, &d, "4", &err), roots == KEL_ROOTS_MAX);
    }
}

static void a_root_of_low_order_is_refused(void **state)
{
    (void)state;
    static const uint8_t neutral[32] = {1};
    struct kel kel = {0};
    struct draft d;
    draft_init(&d, &kel);
    draft_incept(&d, 2, 1);
    d.roots[1] = wire_data(bytes_of(neutral, 32));
    assert_refused(&kel, &d, "0");
}

static void an_event_must_follow_the_one_before(void **state)
{
    (void)state;
    struct kel kel = delegated(), first = incepted();
    struct draft d;
    draft_init(&d, &kel);
    draft_delegate(&d, 3);
    d.head.seq = 2;
    assert_refused(&kel, &d, "0");
    d.head.seq = 4;
    assert_refused(&kel, &d, "0");
    d.head.seq = 3;
    d.head.prev = wire_data(oid_bytes(&first.head));
    assert_refused(&kel, &d, "0");
    d.head.prev = wire_data(oid_bytes(&kel.head));
    struct node_id other = kel.node;
    other.b[5] ^= 1;
    d.head.node = wire_data(node_id_bytes(&other));
    assert_refused(&kel, &d, "0");
    d.head.node = wire_data(node_id_bytes(&kel.node));
    uint32_t critical = 99;
    d.head.n_critical = 1;
    d.head.critical = &critical;
    assert_refused(&kel, &d, "0");
    d.head.n_critical = 0;
    assert_refused(&kel, &d, "2"); /* by an online key */
    assert_applied(&kel, &d, "0");
    draft_init(&d, &kel);
    draft_incept(&d, 1, 1);
    assert_refused(&kel, &d, "0"); /* a second inception */
    draft_init(&d, &kel);
    assert_refused(&kel, &d, "0"); /* no event inside */
}

static void delegations_end_within_400_days(void **state)
{
    (void)state;
    struct kel kel = incepted();
    struct draft d;
    draft_init(&d, &kel);
    draft_delegate(&d, 2);
    d.delegate.not_after_s = NOW_S + DELEGATION_LIFETIME_S + 1;
    assert_refused(&kel, &d, "0");
    d.delegate.not_after_s = NOW_S - 1;
    assert_refused(&kel, &d, "0");
    d.delegate.not_after_s = UINT64_MAX;
    assert_refused(&kel, &d, "0");
    d.delegate.not_after_s = NOW_S + DELEGATION_LIFETIME_S;
    assert_applied(&kel, &d, "0");
    draft_init(&d, &kel); /* renewed */
    draft_delegate(&d, 2);
    d.head.created_s = NOW_S + 50;
    assert_applied(&kel, &d, "0");
    assert_int_equal(kel.op_count, 1);
    assert_int_equal(kel_find_op(&kel, pub(2))->from_s, NOW_S + 50);
}

static void a_revoked_key_no_longer_verifies_and_never_comes_back(void **state)
{
    (void)state;
    struct kel kel = delegated();
    struct draft d;
    draft_init(&d, &kel);
    draft_revoke(&d, 3);
    assert_refused(&kel, &d, "0"); /* never delegated */
    draft_revoke(&d, 2);
    assert_refused(&kel, &d, "2");
    assert_applied(&kel, &d, "0");
    assert_null(kel_find_op(&kel, pub(2)));
    draft_init(&d, &kel);
    draft_delegate(&d, 2);
    assert_refused(&kel, &d, "0");
}

static void rotation_needs_the_announced_root_and_ends_the_old_one(void **state)
{
    (void)state;
    struct kel kel = delegated();
    struct draft d;
    draft_init(&d, &kel);
    draft_rotate(&d, 4);
    assert_refused(&kel, &d, "4"); /* not announced */
    draft_rotate(&d, 1);
    assert_refused(&kel, &d, "0"); /* the old root alone cannot */
    assert_applied(&kel, &d, "01");
    assert_memory_equal(kel.roots[0].b, pub(1)->b, 32);
    assert_non_null(kel_find_op(&kel, pub(2))); /* online keys stay */
    draft_init(&d, &kel);
    draft_delegate(&d, 5);
    assert_refused(&kel, &d, "0");
    assert_applied(&kel, &d, "1");
    draft_init(&d, &kel);
    draft_rotate(&d, 3); /* without the old root, which may be lost */
    assert_applied(&kel, &d, "3");
}

static void nothing_follows_the_end_of_a_node(void **state)
{
    (void)state;
    struct kel kel = delegated();
    struct draft d;
    draft_init(&d, &kel);
    draft_retire(&d);
    d.retire.successor = wire_data(bytes_of(kel.node.b, 31));
    assert_refused(&kel, &d, "0");
    d.retire.successor.len = 32;
    assert_applied(&kel, &d, "0");
    assert_true(kel.retired);
    draft_init(&d, &kel);
    draft_delegate(&d, 3);
    assert_refused(&kel, &d, "0");
}

static void a_log_has_at_most_64_events_and_8_online_keys(void **state)
{
    (void)state;
    struct fake_random random;
    fake_random_init(&random, 77);
    struct kel kel = incepted();
    struct draft d;
    for (size_t i = 0; i < KEL_OPS_MAX; i++) {
        AUTO(sign_key_free) struct sign_key *op = sign_key_create(&random.source);
        draft_init(&d, &kel);
        draft_delegate(&d, 2);
        d.delegate.op = wire_data(bytes_of(sign_key_public(op)->b, 32));
        assert_applied(&kel, &d, "0");
    }
    draft_init(&d, &kel);
    draft_delegate(&d, 2);
    assert_refused(&kel, &d, "0");
    d.head.created_s = NOW_S + 1001; /* the others are over */
    d.delegate.not_after_s = NOW_S + 2000;
    assert_applied(&kel, &d, "0");
    while (kel.seq < KEL_EVENTS_MAX) {
        draft_init(&d, &kel);
        draft_delegate(&d, 2);
        assert_applied(&kel, &d, "0");
    }
    draft_init(&d, &kel);
    draft_delegate(&d, 2);
    assert_refused(&kel, &d, "0");
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inception_makes_the_node_id_and_delegation_an_online_key),
        cmocka_unit_test(a_log_is_read_whole_and_must_belong_to_the_expected_node),
        cmocka_unit_test(only_a_delegated_key_speaks_for_the_node),
        cmocka_unit_test(inceptions_out_of_shape_are_refused),
        cmocka_unit_test(at_most_five_roots_are_taken),
        cmocka_unit_test(a_root_of_low_order_is_refused),
        cmocka_unit_test(an_event_must_follow_the_one_before),
        cmocka_unit_test(delegations_end_within_400_days),
        cmocka_unit_test(a_revoked_key_no_longer_verifies_and_never_comes_back),
        cmocka_unit_test(rotation_needs_the_announced_root_and_ends_the_old_one),
        cmocka_unit_test(nothing_follows_the_end_of_a_node),
        cmocka_unit_test(a_log_has_at_most_64_events_and_8_online_keys),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
