/* Personal data of referrals: consent withdrawn, what is purged and when, what no log ever holds.
 */
#include "hub/domain/object.h"
#include "tests/support/referral_fixture.h"

static bool store_contains(struct hub *hub, const char *text)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        hub->store, "SELECT count(*) FROM referral_event WHERE instr(payload, ?1) > 0", &hub->err);
    bool row;
    stmt_bind_bytes(stmt, 1, bytes_text(text));
    must(hub, stmt_next(stmt, &row, &hub->err));
    return stmt_i64(stmt, 0) > 0;
}

static void withdrawn_consent_purges_at_once_and_proves_it(void **state)
{
    struct fixture *f = *state;
    const Maillon__Hfp__V1__ReferralPayload *payload;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, ACCEPTING);
    carry_both(f);
    assert_false(store_contains(f->b, NAME)); /* encrypted at rest */
    ACT(f, f->a, .action = A(WITHDRAW_CONSENT));
    ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped"); /* crosses, and loses */
    carry_both(f);
    same_on_both(f, ST(CANCELLED), B(CONSENT_WITHDRAWN));
    struct referral b = get(f->b, &f->id);
    assert_true(b.purged_ms > 0);
    assert_null(b.data_key.data);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM referral_event"
                                     " WHERE payload IS NOT NULL"),
                     0);
    must(f->b,
         referral_personal(f->b->store, f->b->tx.arena, f->b->self, &b, &payload, &f->b->err));
    assert_null(payload);
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM referral_event WHERE action = 18"
                                     " AND side = 1 AND verdict = 1"),
                     1);
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(MESSAGE), .text = "x"}),
              ERR_CONFLICT, "erased");
    must_fail(f->a, try_act(f, f->a, (struct referral_act){.action = A(MESSAGE), .text = "x"}),
              ERR_CONFLICT, "withdrawn"); /* nobody would read it */
    struct wall next;
    assert_int_equal(get(f->a, &f->id).purged_ms, 0);
    hub_pair_advance(&f->pair, 73 * HOUR_MS);
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    assert_true(get(f->a, &f->id).purged_ms > 0);
}

static void consent_withdrawn_before_it_left_never_leaves(void **state)
{
    struct fixture *f = *state;
    struct carried items[4];
    send_one(f);
    ACT(f, f->a, .action = A(WITHDRAW_CONSENT));
    size_t count = hub_take(f->a, f->b, items, 4);
    assert_int_equal(count, 1);
    assert_int_equal(items[0].event->action, A(WITHDRAW_CONSENT));
    assert_true(hub_give(f->a, f->b, &items[0], true).pending);
    assert_int_equal(get(f->a, &f->id).delivery, REFERRAL_UNDELIVERED);
}

static void what_is_purged_is_gone_from_the_queue_too(void **state)
{
    struct fixture *f = *state;
    struct wall next;
    send_one(f); /* the peer is away */
    ACT(f, f->a, .action = A(CANCEL), .reason = "no-longer-wanted");
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM outbox WHERE personal IS NOT NULL"), 1);
    hub_pair_advance(&f->pair, 8 * DAY_MS);
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    assert_true(get(f->a, &f->id).purged_ms > 0);
    assert_int_equal(hub_query(f->a, "SELECT count(*) FROM outbox WHERE personal IS NOT NULL"), 0);
    struct carried items[4];
    assert_int_equal(hub_take(f->a, f->b, items, 4), 1); /* the person does not leave any more */
    assert_int_equal(items[0].event->action, A(CANCEL));
}

static void the_receiver_can_take_the_withdrawal_too(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, .action = A(WITHDRAW_CONSENT));
    carry_both(f);
    same_on_both(f, ST(CANCELLED), B(CONSENT_WITHDRAWN));
    assert_true(get(f->b, &f->id).purged_ms > 0);
    assert_int_equal(get(f->a, &f->id).state.seq[REFERRAL_RECEIVER], 2);
}

static void personal_data_goes_when_its_time_is_over(void **state)
{
    static const struct {
        struct referral_act end;
        bool by_sender;
        int64_t days;
    } ends[] = {
        {{.action = A(CANCEL), .reason = "moved"}, true, 7},
        {{.action = A(VOID)}, true, 7},
        {{.action = A(REJECT), .reason = "safety"}, false, 90},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        send_one(f);
        carry_both(f);
        act(f, ends[i].by_sender ? f->a : f->b, ends[i].end);
        carry_both(f);
        hub_pair_advance(&f->pair, ends[i].days * DAY_MS - 1000);
        tick(f);
        assert_int_equal(get(f->a, &f->id).purged_ms, 0);
        hub_pair_advance(&f->pair, 2000);
        tick(f);
        assert_true(get(f->a, &f->id).purged_ms > 0);
        assert_true(get(f->b, &f->id).purged_ms > 0);
    }
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM referral WHERE data_key IS NOT NULL"),
                     0);
}

static void completed_ones_are_kept_two_years(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, ACCEPTING);
    ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped");
    carry_both(f);
    struct referral b = get(f->b, &f->id);
    assert_int_equal(b.purge_ms - b.ended_ms, 730 * DAY_MS);
    must_fail(f->a, try_act(f, f->a, (struct referral_act){.action = A(MESSAGE)}), ERR_INVALID,
              "needs text");
    ACT(f, f->b, .action = A(PURGED)); /* earlier by hand */
    assert_true(get(f->b, &f->id).purged_ms > 0);
}

static void no_personal_data_in_events_or_audit(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, ACCEPTING);
    carry_both(f);
    for (int i = 0; i < 2; i++) {
        struct hub *hub = i ? f->b : f->a;
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM event WHERE id LIKE '%Zoub%'"
                                        " OR verb LIKE '%Zoub%'"),
                         0);
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM audit WHERE actor LIKE '%Zoub%'"
                                        " OR action LIKE '%Zoub%'"),
                         0);
        assert_int_equal(hub_query(hub, "SELECT count(*) FROM object"
                                        " WHERE instr(bytes, CAST('Zoubida' AS BLOB)) > 0"),
                         0);
    }
    assert_true(hub_query(f->a, "SELECT count(*) FROM audit WHERE action = 'referral.refer'") == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(withdrawn_consent_purges_at_once_and_proves_it),
        TEST(consent_withdrawn_before_it_left_never_leaves),
        TEST(what_is_purged_is_gone_from_the_queue_too),
        TEST(the_receiver_can_take_the_withdrawal_too),
        TEST(personal_data_goes_when_its_time_is_over),
        TEST(completed_ones_are_kept_two_years),
        TEST(no_personal_data_in_events_or_audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
