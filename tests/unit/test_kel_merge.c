/* What an attacker can do to a key log with the keys it has, and what still counts of a revoked
 * key (R-ID-3, R-ID-4; F11, F12, F13). */
#include "hub/crypto/identity.h"
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

#define DAY_S 86400

enum { ROOT, NEXT, OP, THIEF_OP, AFTER, THIEF_NEXT, SPARE, OTHER }; /* keys */
static const uint8_t nonce[16] = {4, 5, 6};

static struct kel_signers by(size_t key)
{
    return (struct kel_signers){.keys = {keys[key]}, .count = 1};
}

/* A log with room for what follows; events borrow from `data`. */
struct log {
    struct buf data[KEL_EVENTS_MAX];
    struct bytes events[KEL_EVENTS_MAX];
    size_t count;
    struct kel kel;
};

static void log_done(struct log *log)
{
    for (size_t i = 0; i < log->count; i++)
        buf_done(&log->data[i]);
}

static bool take(struct log *log, struct err *err)
{
    struct buf *data = &log->data[log->count];
    if (!kel_apply(&log->kel, buf_bytes(data), err)) {
        buf_done(data);
        *data = (struct buf){0};
        return false;
    }
    log->events[log->count++] = buf_bytes(data);
    return true;
}

static struct buf *next(struct log *log)
{
    log->data[log->count] = (struct buf){0};
    return &log->data[log->count];
}

static void must(struct log *log)
{
    struct err err = {0};
    if (!take(log, &err))
        fail_msg("%s", err.msg);
}

/* INCEPT by ROOT announcing NEXT, DELEGATE of OP. */
static void log_init(struct log *log)
{
    *log = (struct log){0};
    kel_write_incept(keys[ROOT], pub(NEXT), nonce, now, next(log));
    must(log);
    kel_write_delegate(&log->kel, keys[ROOT], pub(OP), now, next(log));
    must(log);
}

/* An independent copy, for the other branch. */
static void log_copy(const struct log *from, struct log *to)
{
    *to = (struct log){.kel = from->kel};
    for (size_t i = 0; i < from->count; i++) {
        buf_add_bytes(&to->data[i], from->events[i]);
        to->events[i] = buf_bytes(&to->data[i]);
    }
    to->count = from->count;
}

static void delegate(struct log *log, size_t root, size_t op)
{
    kel_write_delegate(&log->kel, keys[root], pub(op), now, next(log));
    must(log);
}

static void rotate_to(struct log *log, size_t new_root, size_t announced)
{
    const struct kel_signers signers = by(new_root);
    const struct kel_roots roots = {.roots = {*pub(new_root)},
                                    .root_count = 1,
                                    .threshold = 1,
                                    .next = {*pub(announced)},
                                    .next_count = 1,
                                    .next_threshold = 1};
    kel_write_rotate(&log->kel, &signers, &roots, now, next(log));
}

static void revoke(struct log *log, size_t root, size_t op, enum kel_reason reason,
                   const struct kel_through *through, size_t count)
{
    const struct kel_signers signers = by(root);
    kel_write_revoke(&log->kel, &signers, pub(op), reason, through, count, now, next(log));
    must(log);
}

static bool merge(const struct log *held, const struct log *fresh, struct kel_merge *ret,
                  struct err *err)
{
    *err = (struct err){0};
    return kel_merge(held->events, held->count, fresh->events, fresh->count, &held->kel.node, ret,
                     err);
}

static void what_continues_a_log_is_appended_and_less_changes_nothing(void **state)
{
    struct log held, longer;
    struct kel_merge result;
    struct err err;
    (void)state;
    log_init(&held);
    log_copy(&held, &longer);
    delegate(&longer, ROOT, SPARE);
    assert_true(merge(&held, &longer, &result, &err));
    assert_int_equal(result.kept, 2);
    assert_int_equal(result.count, 3);
    assert_true(merge(&longer, &held, &result, &err));
    assert_int_equal(result.kept, 3);
    assert_int_equal(result.kel.seq, 3);
    /* only the end of it: enough for who has the beginning */
    assert_true(kel_merge(held.events, 2, longer.events + 2, 1, &held.kel.node, &result, &err));
    assert_int_equal(result.count, 3);
    assert_false(kel_merge(held.events, 1, longer.events + 2, 1, &held.kel.node, &result, &err));
    assert_int_equal(err.code, ERR_UNKNOWN);
    assert_false(kel_merge(NULL, 0, longer.events + 1, 2, &held.kel.node, &result, &err));
    assert_int_equal(err.code, ERR_UNKNOWN);
    assert_true(kel_merge(NULL, 0, longer.events, 3, &held.kel.node, &result, &err));
    log_done(&held);
    log_done(&longer);
}

/* F12: everything a thief of OP and root can write, against the one thing it cannot. */
static void a_rotation_beats_every_event_a_thief_of_op_and_root_can_write(void **state)
{
    (void)state;
    for (unsigned trick = 0; trick < 4; trick++) {
        struct log ours, thief;
        struct kel_merge result;
        struct err err;
        const struct kel_signers root = by(ROOT);
        log_init(&ours);
        log_copy(&ours, &thief);
        switch (trick) {
        case 0: /* its own working key, and ours away */
            delegate(&thief, ROOT, THIEF_OP);
            revoke(&thief, ROOT, OP, KEL_STOLEN, NULL, 0);
            break;
        case 1:
            revoke(&thief, ROOT, OP, KEL_STOLEN, NULL, 0);
            break;
        case 2:
            kel_write_retire(&thief.kel, &root, NULL, now, next(&thief));
            must(&thief);
            break;
        default: /* a rotation to keys of its own is not valid at all */
            rotate_to(&thief, THIEF_NEXT, THIEF_OP);
            assert_false(take(&thief, &err));
            delegate(&thief, ROOT, THIEF_OP);
            break;
        }
        /* first seen wins while there is no rotation */
        struct log honest;
        log_copy(&ours, &honest);
        delegate(&honest, ROOT, SPARE);
        assert_false(merge(&thief, &honest, &result, &err));
        assert_int_equal(err.code, ERR_PEER);
        assert_false(merge(&honest, &thief, &result, &err));
        /* the next root wins, in both orders of arrival, also after events of its own */
        rotate_to(&honest, NEXT, AFTER);
        must(&honest);
        assert_true(merge(&thief, &honest, &result, &err));
        assert_false(result.duplicity);
        assert_int_equal(result.kept, 2);
        assert_null(kel_find_op(&result.kel, pub(THIEF_OP)));
        assert_non_null(kel_find_op(&result.kel, pub(OP)));
        assert_false(merge(&honest, &thief, &result, &err));
        assert_int_equal(err.code, ERR_PEER);
        log_done(&ours);
        log_done(&thief);
        log_done(&honest);
    }
}

/* F13 */
static void two_rotations_are_duplicity_in_both_orders_of_arrival(void **state)
{
    struct log ours, thief;
    struct kel_merge result;
    struct err err;
    (void)state;
    log_init(&ours);
    log_copy(&ours, &thief);
    rotate_to(&ours, NEXT, AFTER);
    must(&ours);
    rotate_to(&thief, NEXT, THIEF_NEXT);
    must(&thief);
    assert_true(merge(&ours, &thief, &result, &err));
    assert_true(result.duplicity);
    assert_true(bytes_equal(result.rival, thief.events[2]));
    assert_int_equal(result.held_rotation, 2);
    assert_int_equal(result.kept, 3);
    assert_true(oid_equal(&result.kel.head, &ours.kel.head));
    assert_true(merge(&thief, &ours, &result, &err));
    assert_true(result.duplicity);
    assert_true(bytes_equal(result.rival, ours.events[2]));
    log_done(&ours);
    log_done(&thief);
}

/* The attacker with OP alone, and with root alone: nothing of root's can be written with OP. */
static void an_op_key_writes_no_event_and_a_root_key_no_rotation(void **state)
{
    struct log log;
    struct err err = {0};
    (void)state;
    const struct kel_signers op = by(OP), root = by(ROOT);
    const struct kel_roots roots = {.roots = {*pub(ROOT)},
                                    .root_count = 1,
                                    .threshold = 1,
                                    .next = {*pub(AFTER)},
                                    .next_count = 1,
                                    .next_threshold = 1};
    log_init(&log);
    kel_write_delegate_by(&log.kel, &op, pub(THIEF_OP), now, next(&log));
    assert_false(take(&log, &err));
    kel_write_revoke(&log.kel, &op, pub(OP), KEL_STOLEN, NULL, 0, now, next(&log));
    assert_false(take(&log, &err));
    kel_write_retire(&log.kel, &op, NULL, now, next(&log));
    assert_false(take(&log, &err));
    kel_write_rotate(&log.kel, &op, &roots, now, next(&log));
    assert_false(take(&log, &err));
    kel_write_rotate(&log.kel, &root, &roots, now, next(&log));
    assert_false(take(&log, &err));
    log_done(&log);
}

static void thresholds_of_several_roots_hold_for_every_event(void **state)
{
    struct log log = {0};
    struct err err = {0};
    (void)state;
    const struct kel_roots roots = {.roots = {*pub(ROOT), *pub(SPARE), *pub(OTHER)},
                                    .root_count = 3,
                                    .threshold = 2,
                                    .next = {*pub(NEXT), *pub(AFTER), *pub(THIEF_NEXT)},
                                    .next_count = 3,
                                    .next_threshold = 2};
    const struct kel_signers two = {.keys = {keys[ROOT], keys[OTHER]}, .count = 2};
    const struct kel_signers one = by(ROOT);
    kel_write_incept_roots(&one, &roots, nonce, now, next(&log));
    assert_false(take(&log, &err));
    kel_write_incept_roots(&two, &roots, nonce, now, next(&log));
    must(&log);
    kel_write_delegate_by(&log.kel, &one, pub(OP), now, next(&log));
    assert_false(take(&log, &err));
    kel_write_delegate_by(&log.kel, &two, pub(OP), now, next(&log));
    must(&log);
    const struct kel_signers next_two = {.keys = {keys[NEXT], keys[AFTER]}, .count = 2};
    const struct kel_signers next_one = by(NEXT);
    const struct kel_roots after = {.roots = {*pub(NEXT), *pub(AFTER)},
                                    .root_count = 2,
                                    .threshold = 2,
                                    .next = {*pub(SPARE)},
                                    .next_count = 1,
                                    .next_threshold = 1};
    kel_write_rotate(&log.kel, &next_one, &after, now, next(&log));
    assert_false(take(&log, &err));
    kel_write_rotate(&log.kel, &next_two, &after, now, next(&log));
    must(&log);
    kel_write_retire(&log.kel, &next_one, NULL, now, next(&log));
    assert_false(take(&log, &err));
    kel_write_retire(&log.kel, &next_two, &log.kel.node, now, next(&log));
    must(&log);
    assert_true(log.kel.retired && log.kel.has_successor);
    log_done(&log);
}

/* An object as `key` would sign it. */
static enum kel_verdict judge(const struct kel *kel, size_t key, const char *type,
                              struct bytes stream, uint64_t seq, uint64_t created_s, struct wall at)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf body = {0}, out = {0};
    const struct sign_key *with = keys[key];
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Beacon object = MAILLON__HFP__V1__BEACON__INIT;
    struct envelope envelope;
    struct err err = {0};
    head.seq = seq;
    head.created_s = created_s;
    head.stream = wire_data(stream);
    object.head = &head;
    wire_pack(&object, &body);
    envelope_sign(&with, 1, type, buf_bytes(&body), &out, NULL);
    assert_true(envelope_open(buf_bytes(&out), arena, &envelope, &err));
    return kel_judge(kel, &envelope, &head, at);
}

/* F11 */
static void a_stolen_key_counts_up_to_its_bounds_and_no_further(void **state)
{
    static const uint8_t chain[32] = {9}, other_chain[32] = {8};
    struct bytes own = {0}, listed = bytes_of(chain, 32), unlisted = bytes_of(other_chain, 32);
    const struct kel_through through[] = {{TYPE_NOTICE, own, 7}, {"", listed, 3}};
    struct log log;
    (void)state;
    log_init(&log);
    delegate(&log, ROOT, SPARE);
    assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, own, 99, NOW_S, now), KEL_GOOD);
    revoke(&log, ROOT, OP, KEL_STOLEN, through, 2);
    assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, own, 7, NOW_S, now), KEL_GOOD);
    assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, own, 8, NOW_S, now), KEL_REVOKED);
    assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, own, 8, 1, now), KEL_REVOKED); /* backdated */
    assert_int_equal(judge(&log.kel, OP, TYPE_ENTRY, own, 1, NOW_S, now), KEL_REVOKED);
    assert_int_equal(judge(&log.kel, OP, TYPE_REFERRAL, listed, 3, NOW_S, now), KEL_GOOD);
    assert_int_equal(judge(&log.kel, OP, TYPE_CLAIM, listed, 3, NOW_S, now), KEL_GOOD);
    assert_int_equal(judge(&log.kel, OP, TYPE_REFERRAL, listed, 4, NOW_S, now), KEL_REVOKED);
    assert_int_equal(judge(&log.kel, OP, TYPE_REFERRAL, unlisted, 1, NOW_S, now), KEL_REVOKED);
    assert_int_equal(judge(&log.kel, SPARE, TYPE_NOTICE, own, 99, NOW_S, now), KEL_GOOD);
    assert_int_equal(judge(&log.kel, THIEF_OP, TYPE_NOTICE, own, 1, NOW_S, now), KEL_FORGED);
    log_done(&log);
}

static void a_replaced_key_counts_for_what_it_signed_before(void **state)
{
    struct log log;
    (void)state;
    log_init(&log);
    delegate(&log, ROOT, SPARE);
    revoke(&log, ROOT, OP, KEL_REPLACED, NULL, 0);
    assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, (struct bytes){0}, 5, NOW_S, now), KEL_GOOD);
    assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, (struct bytes){0}, 5, NOW_S + 1, now),
                     KEL_REVOKED);
    log_done(&log);
}

static void bounds_are_taken_up_to_the_limit(void **state)
{
    struct kel_through through[KEL_BOUNDS_MAX];
    uint8_t ids[KEL_BOUNDS_MAX][32] = {{0}};
    struct log log;
    struct err err = {0};
    (void)state;
    for (size_t i = 0; i < KEL_BOUNDS_MAX; i++) {
        ids[i][0] = (uint8_t)(i + 1);
        through[i] = (struct kel_through){TYPE_REFERRAL, bytes_of(ids[i], 32), 1};
    }
    log_init(&log);
    delegate(&log, ROOT, SPARE);
    delegate(&log, ROOT, OTHER);
    revoke(&log, ROOT, OP, KEL_STOLEN, through, KEL_BOUNDS_MAX);
    assert_int_equal(log.kel.bound_count, KEL_BOUNDS_MAX);
    const struct kel_signers root = by(ROOT);
    kel_write_revoke(&log.kel, &root, pub(SPARE), KEL_STOLEN, through, 1, now, next(&log));
    assert_false(take(&log, &err)); /* one more than the limit */
    revoke(&log, ROOT, SPARE, KEL_STOLEN, NULL, 0);
    kel_write_revoke(&log.kel, &root, pub(SPARE), KEL_REPLACED, NULL, 0, now, next(&log));
    assert_false(take(&log, &err)); /* stolen stays stolen */
    log_done(&log);
}

/* F36 */
static void a_delegation_is_stale_for_90_days_and_then_over(void **state)
{
    struct log log;
    uint64_t until_s;
    (void)state;
    log_init(&log);
    const uint64_t end_s = NOW_S + DELEGATION_LIFETIME_S;
    const struct {
        uint64_t at_s;
        enum kel_age age;
        enum kel_verdict verdict;
    } cases[] = {
        {NOW_S, KEL_FRESH, KEL_GOOD},
        {end_s, KEL_FRESH, KEL_GOOD},
        {end_s + 1, KEL_STALE, KEL_GOOD},
        {end_s + 90 * DAY_S, KEL_STALE, KEL_GOOD},
        {end_s + 90 * DAY_S + 1, KEL_OVER, KEL_EXPIRED},
        {NOW_S + 500ULL * DAY_S, KEL_OVER, KEL_EXPIRED},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wall at = {(int64_t)cases[i].at_s * 1000};
        assert_int_equal(kel_age(&log.kel, at, &until_s), cases[i].age);
        assert_int_equal(until_s, end_s);
        assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, (struct bytes){0}, 1, cases[i].at_s, at),
                         cases[i].verdict);
    }
    log_done(&log);
}

static void what_a_retired_node_signs_afterwards_is_refused(void **state)
{
    struct log log;
    (void)state;
    log_init(&log);
    const struct kel_signers root = by(ROOT);
    kel_write_retire(&log.kel, &root, NULL, now, next(&log));
    must(&log);
    assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, (struct bytes){0}, 1, NOW_S, now), KEL_GOOD);
    assert_int_equal(judge(&log.kel, OP, TYPE_NOTICE, (struct bytes){0}, 2, NOW_S + 1, now),
                     KEL_RETIRED);
    log_done(&log);
}

/* R-ID-3: at the limit and one more. */
static void a_log_has_at_most_64_events(void **state)
{
    struct log log, more;
    struct kel_merge result;
    struct err err;
    (void)state;
    log_init(&log);
    while (log.count < KEL_EVENTS_MAX)
        delegate(&log, ROOT, OP);
    log_copy(&log, &more);
    more.count = 2;
    more.kel = (struct kel){0};
    assert_true(kel_read(more.events, 2, NULL, &more.kel, &err));
    assert_true(merge(&more, &log, &result, &err));
    assert_int_equal(result.count, KEL_EVENTS_MAX);
    AUTO(buf_done) struct buf extra = {0};
    kel_write_delegate(&log.kel, keys[ROOT], pub(OP), now, &extra);
    struct bytes one = buf_bytes(&extra);
    assert_false(kel_merge(log.events, log.count, &one, 1, &log.kel.node, &result, &err));
    assert_int_equal(err.code, ERR_PEER);
    more.count = KEL_EVENTS_MAX;
    log_done(&log);
    log_done(&more);
}

/* The same event with `extra` bytes of a field that nobody knows: still valid. */
static void pad(struct log *log, size_t extra)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    AUTO(buf_done) struct buf plain = {0}, body = {0};
    const struct sign_key *root = keys[ROOT];
    struct envelope envelope;
    struct err err = {0};
    kel_write_delegate(&log->kel, root, pub(OP), now, &plain);
    assert_true(envelope_open(buf_bytes(&plain), arena, &envelope, &err));
    buf_add_bytes(&body, envelope.body);
    if (extra > 0) { /* field 1000, length-delimited, a length of three bytes */
        buf_add(&body, "\xc2\x3e", 2);
        buf_add(&body, (uint8_t[]){(uint8_t)(extra | 0x80), (uint8_t)(extra >> 7 | 0x80), 0}, 3);
        memset(buf_reserve(&body, extra), 'x', extra);
        body.len += extra;
    }
    envelope_sign(&root, 1, TYPE_KEL, buf_bytes(&body), next(log), NULL);
    must(log);
}

/* R-ID-3: 64 KiB together, 4 KiB each: at the limit and one byte more. */
static void a_log_has_at_most_64_kib(void **state)
{
    struct log log;
    struct kel kel;
    struct err err = {0};
    (void)state;
    log_init(&log);
    size_t total = log.events[0].len + log.events[1].len;
    while (total < KEL_BYTES_MAX) {
        size_t before = log.count, room = KEL_BYTES_MAX - total;
        pad(&log, 16);
        size_t frame = log.events[before].len - 16 + 8; /* what else an event takes, about */
        size_t extra = room > 4000 + 400 ? 3000 : room - frame;
        log.kel = (struct kel){0}; /* made again with the padding that fits */
        buf_done(&log.data[--log.count]);
        assert_true(kel_read(log.events, log.count, NULL, &log.kel, &err));
        size_t exact = extra;
        for (;; exact++) {
            pad(&log, exact);
            if (room > 4400 || log.events[before].len == room)
                break;
            assert_true(log.events[before].len < room);
            log.kel = (struct kel){0};
            buf_done(&log.data[--log.count]);
            assert_true(kel_read(log.events, log.count, NULL, &log.kel, &err));
        }
        total += log.events[before].len;
    }
    assert_int_equal(total, KEL_BYTES_MAX);
    assert_true(kel_read(log.events, log.count, NULL, &kel, &err));
    pad(&log, 0);
    assert_false(kel_read(log.events, log.count, NULL, &kel, &err));
    assert_int_equal(err.code, ERR_PEER);
    log_done(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_continues_a_log_is_appended_and_less_changes_nothing),
        cmocka_unit_test(a_rotation_beats_every_event_a_thief_of_op_and_root_can_write),
        cmocka_unit_test(two_rotations_are_duplicity_in_both_orders_of_arrival),
        cmocka_unit_test(an_op_key_writes_no_event_and_a_root_key_no_rotation),
        cmocka_unit_test(thresholds_of_several_roots_hold_for_every_event),
        cmocka_unit_test(a_stolen_key_counts_up_to_its_bounds_and_no_further),
        cmocka_unit_test(a_replaced_key_counts_for_what_it_signed_before),
        cmocka_unit_test(bounds_are_taken_up_to_the_limit),
        cmocka_unit_test(a_delegation_is_stale_for_90_days_and_then_over),
        cmocka_unit_test(what_a_retired_node_signs_afterwards_is_refused),
        cmocka_unit_test(a_log_has_at_most_64_events),
        cmocka_unit_test(a_log_has_at_most_64_kib),
    };
    if (!secret_setup())
        return 1;
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
