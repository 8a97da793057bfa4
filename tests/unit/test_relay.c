/* Custody: quotas at the limit and one more, what frees a blob, and who may relay for whom
 * (R-RE-2, R-RE-3, R-RE-5). */
#include "hub/domain/circle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/relay_fixture.h"

#define KIB 1024

static const struct relay_limits small = {
    .dest_bytes = 64 * KIB,
    .dest_blobs = 20,
    .from_dest_bytes = 16 * KIB,
    .from_bytes = 40 * KIB,
};

static uint8_t zeros[SEALED_MAX];

static struct relay_deposit deposit_of(const struct domain_fixture *f, const struct node_id *from,
                                       const struct node_id *dest, unsigned number, size_t size)
{
    struct relay_deposit deposit = {
        .injector = *from,
        .dest = *dest,
        .expires_s = (uint64_t)f->tx.now.ms / 1000 + 3600,
        .hops_left = 1,
        .sealed = bytes_of(zeros, size),
    };
    memcpy(deposit.blob.b, &number, sizeof number);
    return deposit;
}

static enum relay_answer take(struct domain_fixture *f, const struct relay_limits *limits,
                              const struct node_id *from, const struct node_id *dest,
                              unsigned number, size_t size)
{
    struct relay_deposit deposit = deposit_of(f, from, dest, number, size);
    enum relay_answer answer;
    uint32_t retry_s;
    assert_ok(f, relay_take(&f->tx, limits, &deposit, &answer, &retry_s, &f->err));
    assert_true((answer == RELAY_QUOTA) == (retry_s > 0));
    return answer;
}

static bool free_blob(struct domain_fixture *f, const struct node_id *dest, unsigned number)
{
    bool found;
    struct node_id injector;
    struct oid blob = blob_of(number);
    assert_ok(f, relay_free(&f->tx, dest, &blob, &found, &injector, &f->err));
    return found;
}

static int64_t held(struct domain_fixture *f)
{
    return query_i64(f, "SELECT count(*) FROM relay_blob");
}

/* The sums that quotas are checked with are what is there. */
static void check_sums(struct domain_fixture *f)
{
    assert_int_equal(query_i64(f, "SELECT count(*) FROM relay_blob"),
                     query_i64(f, "SELECT coalesce(sum(blobs), 0) FROM relay_use"));
    assert_int_equal(query_i64(f, "SELECT coalesce(sum(size), 0) FROM relay_blob"),
                     query_i64(f, "SELECT coalesce(sum(bytes), 0) FROM relay_use"));
}

/* ---- quotas ---- */

static void the_limits_are_those_of_the_protocol(void **state)
{
    (void)state;
    assert_int_equal(relay_limits.dest_bytes, 64 * 1024 * 1024);
    assert_int_equal(relay_limits.dest_blobs, 2000);
    assert_int_equal(relay_limits.from_dest_bytes, 16 * 1024 * 1024);
    assert_int_equal(relay_limits.from_bytes, 256 * 1024 * 1024);
}

static void r_re_3_2000_blobs_for_one_destination_and_not_one_more(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1), other = add_peer(f, 2);
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(take(f, &relay_limits, i % 2 ? &from : &other, peer_node(f), i + 1, 32),
                         RELAY_HELD);
    assert_int_equal(take(f, &relay_limits, &from, peer_node(f), 2001, 32), RELAY_QUOTA);
    assert_int_equal(held(f), 2000); /* nothing was thrown out for it */
    assert_int_equal(take(f, &relay_limits, &from, peer_node(f), 7, 32), RELAY_HELD); /* held */
    assert_true(free_blob(f, peer_node(f), 7));
    assert_int_equal(take(f, &relay_limits, &from, peer_node(f), 2001, 32), RELAY_HELD);
    check_sums(f);
}

static void r_re_3_bytes_of_one_injector_for_one_destination(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 15 * KIB), RELAY_HELD);
    assert_int_equal(take(f, &small, &from, peer_node(f), 2, KIB + 1), RELAY_QUOTA);
    assert_int_equal(take(f, &small, &from, peer_node(f), 3, KIB), RELAY_HELD);
    assert_int_equal(take(f, &small, &from, peer_node(f), 4, 1), RELAY_QUOTA);
    struct node_id other = add_peer(f, 2); /* whose share is its own */
    assert_int_equal(take(f, &small, &other, peer_node(f), 4, 1), RELAY_HELD);
    check_sums(f);
}

static void r_re_3_bytes_for_one_destination(void **state)
{
    struct domain_fixture *f = *state;
    for (unsigned i = 0; i < 4; i++) {
        struct node_id from = add_peer(f, i + 1);
        assert_int_equal(take(f, &small, &from, peer_node(f), i, 16 * KIB - (i == 3)), RELAY_HELD);
    }
    struct node_id from = add_peer(f, 9);
    assert_int_equal(take(f, &small, &from, peer_node(f), 10, 2), RELAY_QUOTA);
    assert_int_equal(take(f, &small, &from, peer_node(f), 11, 1), RELAY_HELD);
    assert_int_equal(take(f, &small, &from, peer_node(f), 12, 1), RELAY_QUOTA);
    check_sums(f);
}

static void r_re_3_bytes_of_one_injector_for_all(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct node_id dest = add_peer(f, 10 + i);
        assert_ok(f, relay_set_duty(&f->tx, &dest, RELAY_DUTY_ALLOWED, &f->err));
        assert_int_equal(take(f, &small, &from, &dest, i, 16 * KIB), RELAY_HELD);
    }
    assert_int_equal(take(f, &small, &from, peer_node(f), 5, 8 * KIB + 1), RELAY_QUOTA);
    assert_int_equal(take(f, &small, &from, peer_node(f), 6, 8 * KIB), RELAY_HELD);
    assert_int_equal(take(f, &small, &from, peer_node(f), 7, 1), RELAY_QUOTA);
    check_sums(f);
}

static void the_largest_sealed_message_fits(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    assert_int_equal(take(f, &relay_limits, &from, peer_node(f), 1, SEALED_MAX), RELAY_HELD);
}

/* ---- duty ---- */

static void r_re_5_without_duty_nothing_is_taken(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1), stranger = {{9}};
    assert_int_equal(take(f, &small, peer_node(f), &from, 1, 32), RELAY_UNKNOWN);
    assert_int_equal(take(f, &small, &from, &stranger, 1, 32), RELAY_UNKNOWN);
    assert_int_equal(take(f, &small, peer_node(f), peer_node(f), 1, 32), RELAY_UNKNOWN);
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_REFUSED, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_UNKNOWN);
    assert_int_equal(held(f), 0);
}

static void r_ab_4_a_blocked_peer_is_not_relayed_for(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_BLOCKED, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_UNKNOWN);
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_ACCEPTED, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_HELD);
}

static void r_re_5_a_charter_asks_for_duty_and_a_refusal_beats_it(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    static const char *const principles[] = {"we relay for each other"};
    struct circle_draft draft = {.name = "Val",
                                 .principle = principles,
                                 .principle_count = 1,
                                 .steward = {*identity_node(f->self)},
                                 .steward_count = 1,
                                 .relay_duty = true};
    struct oid scope;
    bool done;
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_NONE, &f->err));
    assert_ok(f, circle_found(&f->tx, &draft, &scope, &done, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_UNKNOWN);
    assert_ok(f, circle_admit(&f->tx, &scope, peer_node(f), "Ressourcerie", &done, &f->err));
    assert_true(done);
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_HELD);
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_REFUSED, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 2, 32), RELAY_UNKNOWN);
}

static void duty_needs_a_relation_of_both_sides(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id stranger = {{9}};
    assert_err(f, ERR_UNKNOWN, relay_set_duty(&f->tx, &stranger, RELAY_DUTY_ALLOWED, &f->err));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err));
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_NONE, &f->err));
    assert_err(f, ERR_CONFLICT, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_ALLOWED, &f->err));
    assert_err(f, ERR_CONFLICT, relay_set_home(&f->tx, peer_node(f), true, &f->err));
}

static void duty_is_seen_and_audited(void **state)
{
    struct domain_fixture *f = *state;
    struct relay_peer *peers;
    size_t count;
    assert_ok(f, relay_peers(f->tx.store, f->tx.arena, f->tx.now, &peers, &count, &f->err));
    assert_int_equal(count, 1);
    assert_true(peers[0].relays_for && node_id_equal(&peers[0].node, peer_node(f)));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit WHERE action = 'relay.allow'"), 1);
}

static void r_re_5_what_is_held_is_counted_by_destination(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    struct relay_held *list;
    size_t count;
    take(f, &small, &from, peer_node(f), 1, 100);
    int64_t first_ms = f->tx.now.ms;
    f->tx.now.ms += 5000;
    take(f, &small, &from, peer_node(f), 2, 200);
    assert_ok(f, relay_held(f->tx.store, f->tx.arena, &list, &count, &f->err));
    assert_int_equal(count, 1);
    assert_int_equal(list[0].blobs, 2);
    assert_int_equal(list[0].bytes, 300);
    assert_int_equal(list[0].oldest_ms, first_ms);
}

/* ---- what frees a blob ---- */

static size_t read_held(struct domain_fixture *f, int64_t after, bool forward,
                        struct relay_blob **ret)
{
    size_t count;
    assert_ok(f, relay_read(f->tx.store, f->tx.arena, peer_node(f), after, forward, 100, 1 << 20,
                            f->tx.now, ret, &count, &f->err));
    return count;
}

static void the_destination_frees_a_blob_and_its_injector_is_known(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1), injector;
    bool found;
    struct oid blob = blob_of(1);
    take(f, &small, &from, peer_node(f), 1, 100);
    assert_ok(f, relay_free(&f->tx, &from, &blob, &found, &injector, &f->err));
    assert_false(found); /* not that destination's */
    assert_ok(f, relay_free(&f->tx, peer_node(f), &blob, &found, &injector, &f->err));
    assert_true(found && node_id_equal(&injector, &from));
    assert_int_equal(held(f), 0);
    check_sums(f);
}

static void r_re_3_expiry_frees_and_nothing_else_does(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    struct wall next;
    struct relay_blob *rows;
    take(f, &small, &from, peer_node(f), 1, 100);
    f->tx.now.ms += 3599 * 1000;
    assert_ok(f, relay_tick(&f->tx, &next, &f->err));
    assert_int_equal(read_held(f, 0, false, &rows), 1);
    f->tx.now.ms += 1000;
    assert_int_equal(read_held(f, 0, false, &rows), 0);
    assert_ok(f, relay_tick(&f->tx, &next, &f->err));
    assert_int_equal(held(f), 0);
    check_sums(f);
}

static void r_re_2_forwarding_needs_a_hop_a_minute_and_happens_once(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    struct relay_blob *rows;
    take(f, &small, &from, peer_node(f), 1, 100);
    struct relay_deposit last = deposit_of(f, &from, peer_node(f), 2, 100);
    enum relay_answer answer;
    uint32_t retry_s;
    last.hops_left = 0;
    assert_ok(f, relay_take(&f->tx, &small, &last, &answer, &retry_s, &f->err));
    assert_int_equal(read_held(f, 0, true, &rows), 0);
    f->tx.now.ms += 60000;
    assert_int_equal(read_held(f, 0, true, &rows), 1);
    assert_ok(f, relay_forwarded(&f->tx, rows[0].id, &f->err));
    assert_int_equal(read_held(f, 0, true, &rows), 0);
    assert_int_equal(read_held(f, 0, false, &rows), 2); /* the destination still gets it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limits_are_those_of_the_protocol),
        TEST(r_re_3_2000_blobs_for_one_destination_and_not_one_more),
        TEST(r_re_3_bytes_of_one_injector_for_one_destination),
        TEST(r_re_3_bytes_for_one_destination),
        TEST(r_re_3_bytes_of_one_injector_for_all),
        TEST(the_largest_sealed_message_fits),
        TEST(r_re_5_without_duty_nothing_is_taken),
        TEST(r_ab_4_a_blocked_peer_is_not_relayed_for),
        TEST(r_re_5_a_charter_asks_for_duty_and_a_refusal_beats_it),
        TEST(duty_needs_a_relation_of_both_sides),
        TEST(duty_is_seen_and_audited),
        TEST(r_re_5_what_is_held_is_counted_by_destination),
        TEST(the_destination_frees_a_blob_and_its_injector_is_known),
        TEST(r_re_3_expiry_frees_and_nothing_else_does),
        TEST(r_re_2_forwarding_needs_a_hop_a_minute_and_happens_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
