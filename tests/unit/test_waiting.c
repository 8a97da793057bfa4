/* What waits: one order over everything, what is news and to whom, and the clocks. */
#include "hub/domain/referral_moves.h"
#include "hub/domain/waiting.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

#define HOUR_MS 3600000LL
#define DAY_MS  (24 * HOUR_MS)
#define MARIE   1
#define PAUL    2

static int64_t add_referral(struct domain_fixture *f, bool is_out, int status, unsigned flags,
                            int64_t age_ms, int64_t due_ms /* from now; 0: none */)
{
    char sql[1200];
    long long now = f->tx.now.ms;
    snprintf(sql, sizeof(sql),
             "INSERT INTO referral (oid, peer, is_out, is_open, status, business_status, flags,"
             " sender_seq, receiver_seq, answer_due_s, asked_s, due_s, pending, events, delivery,"
             " urgency, feedback, exercise, service, service_name, theme, reason, outcome,"
             " scheduled_s, review_s, created_ms, changed_ms, expires_ms, ended_ms, purge_ms,"
             " purged_ms, late_stage, next_ms, account) VALUES (randomblob(32), randomblob(32), %d,"
             " %d, %d, 0, %u, 1, 0, 0, 0, %lld, 0, 1, 1, 1, 2, 0, 's', 's', 'numerique', '', '', 0,"
             " 0, %lld, 0, 0, 0, 0, 0, 0, 0, 0)",
             is_out, referral_is_live((Maillon__Hfp__V1__ReferralStatus)status), status, flags,
             due_ms ? (now + (long long)due_ms) / 1000 : 0, now - (long long)age_ms);
    assert_ok(f, store_exec(f->tx.store, sql, &f->err));
    return store_last_id(f->tx.store);
}

static void add_event(struct domain_fixture *f, int64_t referral, int side, int action,
                      int64_t age_ms)
{
    char sql[500];
    snprintf(sql, sizeof(sql),
             "INSERT INTO referral_event (referral, side, seq, oid, action, business_status,"
             " on_behalf, confirms, created_s, answer_due_s, at_ms, verdict, delivery) VALUES"
             " (%lld, %d, 1, randomblob(32), %d, 0, 0, 0, 0, 0, %lld, 1, 0)",
             (long long)referral, side, action, (long long)(f->tx.now.ms - age_ms));
    assert_ok(f, store_exec(f->tx.store, sql, &f->err));
}

static struct waiting *gather(struct domain_fixture *f, int64_t account, size_t limit)
{
    struct waiting *waiting = arena_alloc(f->tx.arena, sizeof(*waiting));
    waiting_init(waiting, limit);
    assert_ok(f, waiting_add_referrals(waiting, f->tx.store, account, f->tx.now, &f->err));
    return waiting;
}

static void late_comes_first_then_answers_then_news(void **state)
{
    struct domain_fixture *f = *state;
    int64_t told = add_referral(f, true, REFERRAL_STATUS(ACCEPTED), 0, 5 * DAY_MS, 0);
    add_event(f, told, REFERRAL_RECEIVER, REFERRAL_ACTION(ACCEPT), HOUR_MS);
    int64_t soon = add_referral(f, false, REFERRAL_STATUS(REQUESTED), 0, DAY_MS, HOUR_MS);
    int64_t later = add_referral(f, false, REFERRAL_STATUS(REQUESTED), 0, DAY_MS, 9 * DAY_MS);
    int64_t late = add_referral(f, false, REFERRAL_STATUS(REQUESTED), 0, 9 * DAY_MS, -HOUR_MS);
    int64_t later_still = add_referral(f, true, REFERRAL_STATUS(REQUESTED), 0, 9 * DAY_MS, -DAY_MS);
    add_referral(f, true, REFERRAL_STATUS(REQUESTED), 0, HOUR_MS, DAY_MS); /* theirs to answer */
    int64_t asked = add_referral(f, true, REFERRAL_STATUS(REQUESTED), REFERRAL_QUESTION_OPEN,
                                 DAY_MS, 2 * DAY_MS);
    const struct waiting *waiting = gather(f, MARIE, 7);
    const int64_t wanted[] = {later_still, late, soon, asked, later, told};
    assert_int_equal(waiting->count, ARRAY_LEN(wanted));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_int_equal(waiting->rows[i].subject, wanted[i]);
    assert_int_equal(waiting->rows[1].rank, WAITING_LATE);
    assert_int_equal(waiting->rows[2].rank, WAITING_ANSWER);
    assert_int_equal(waiting->rows[5].rank, WAITING_NEWS);
}

static void affairs_of_the_hub_stand_among_the_rest_by_their_age(void **state)
{
    struct waiting waiting;
    (void)state;
    waiting_init(&waiting, 7);
    const struct waiting_row rows[] = {
        {WAITING_NEWS, WAITING_CLAIM, 1, 100 * DAY_MS, 0},
        {WAITING_NEWS, WAITING_REFERRAL, 2, 101 * DAY_MS, 0},
        {WAITING_ANSWER, WAITING_REFERRAL, 3, 99 * DAY_MS, 103 * DAY_MS},
        {WAITING_ANSWER, WAITING_PEER, 4, 100 * DAY_MS, 0}, /* as if due a day later */
        {WAITING_ANSWER, WAITING_CLAIM, 5, 100 * DAY_MS, 100 * DAY_MS + HOUR_MS},
        {WAITING_LATE, WAITING_HELD, 6, 100 * DAY_MS, 100 * DAY_MS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        waiting_add(&waiting, &rows[i]);
    const int64_t wanted[] = {6, 5, 4, 3, 2, 1};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_int_equal(waiting.rows[i].subject, wanted[i]);
}

static void what_does_not_fit_is_counted_by_its_kind(void **state)
{
    struct domain_fixture *f = *state;
    for (int i = 1; i <= 9; i++)
        add_referral(f, false, REFERRAL_STATUS(REQUESTED), 0, 9 * DAY_MS, -i * HOUR_MS);
    for (int i = 1; i <= 3; i++)
        add_referral(f, false, REFERRAL_STATUS(REQUESTED), 0, DAY_MS, i * DAY_MS);
    const struct waiting *waiting = gather(f, MARIE, 7);
    assert_int_equal(waiting->count, 7);
    assert_int_equal(waiting_rest(waiting, WAITING_LATE, WAITING_REFERRAL), 2);
    assert_int_equal(waiting_rest(waiting, WAITING_ANSWER, WAITING_REFERRAL), 3);
    assert_int_equal(waiting->rows[0].due_ms / 1000, (f->tx.now.ms - 9 * HOUR_MS) / 1000);
}

static void news_end_when_the_account_has_read_them_and_come_back_with_the_next_event(void **state)
{
    struct domain_fixture *f = *state;
    bool is_news;
    int64_t told = add_referral(f, true, REFERRAL_STATUS(ACCEPTED), 0, 5 * DAY_MS, 0);
    add_event(f, told, REFERRAL_RECEIVER, REFERRAL_ACTION(ACCEPT), HOUR_MS);
    assert_int_equal(gather(f, MARIE, 7)->count, 1);
    assert_ok(f, waiting_is_news(f->tx.store, MARIE, WAITING_REFERRAL, told, f->tx.now, &is_news,
                                 &f->err));
    assert_true(is_news);
    assert_ok(f, waiting_read(&f->tx, MARIE, WAITING_REFERRAL, told, f->tx.now, &f->err));
    assert_int_equal(gather(f, MARIE, 7)->count, 0);
    assert_int_equal(gather(f, PAUL, 7)->count, 1); /* who has not read it */
    assert_ok(f, waiting_is_news(f->tx.store, MARIE, WAITING_REFERRAL, told, f->tx.now, &is_news,
                                 &f->err));
    assert_false(is_news);
    f->tx.now.ms += 2 * HOUR_MS;
    add_event(f, told, REFERRAL_RECEIVER, REFERRAL_ACTION(PROGRESS), HOUR_MS);
    assert_int_equal(gather(f, MARIE, 7)->count, 1);
    f->tx.now.ms += 15 * DAY_MS;
    assert_int_equal(gather(f, MARIE, 7)->count, 0); /* too old to be news */
}

static void what_comes_between_looking_and_noting_it_stays_news(void **state)
{
    struct domain_fixture *f = *state;
    int64_t told = add_referral(f, true, REFERRAL_STATUS(ACCEPTED), 0, 5 * DAY_MS, 0);
    add_event(f, told, REFERRAL_RECEIVER, REFERRAL_ACTION(ACCEPT), HOUR_MS);
    struct wall looked = f->tx.now;
    f->tx.now.ms += 2 * HOUR_MS;
    add_event(f, told, REFERRAL_RECEIVER, REFERRAL_ACTION(PROGRESS), HOUR_MS);
    assert_ok(f, waiting_read(&f->tx, MARIE, WAITING_REFERRAL, told, looked, &f->err));
    assert_int_equal(gather(f, MARIE, 7)->count, 1);
}

static void only_what_the_other_side_or_the_clock_did_is_news(void **state)
{
    struct domain_fixture *f = *state;
    int64_t ours = add_referral(f, true, REFERRAL_STATUS(CANCELLED), 0, 5 * DAY_MS, 0);
    add_event(f, ours, REFERRAL_SENDER, REFERRAL_ACTION(CANCEL), HOUR_MS);
    int64_t seen = add_referral(f, true, REFERRAL_STATUS(REQUESTED), 0, HOUR_MS, DAY_MS);
    add_event(f, seen, REFERRAL_RECEIVER, REFERRAL_ACTION(SEEN), HOUR_MS);
    int64_t answered = add_referral(f, true, REFERRAL_STATUS(ACCEPTED), 0, 5 * DAY_MS, 0);
    add_event(f, answered, REFERRAL_RECEIVER, REFERRAL_ACTION(MESSAGE), 2 * HOUR_MS);
    add_event(f, answered, REFERRAL_SENDER, REFERRAL_ACTION(MESSAGE), HOUR_MS); /* somebody has */
    assert_int_equal(gather(f, MARIE, 7)->count, 0);
    int64_t over = add_referral(f, true, REFERRAL_STATUS(CANCELLED), 0, 40 * DAY_MS, 0);
    add_event(f, over, REFERRAL_SENDER, REFERRAL_ACTION(EXPIRE), HOUR_MS);
    const struct waiting *waiting = gather(f, MARIE, 7);
    assert_int_equal(waiting->count, 1);
    assert_int_equal(waiting->rows[0].subject, over);
}

static void what_was_put_on_hold_comes_back_on_its_day(void **state)
{
    struct domain_fixture *f = *state;
    char sql[120];
    int64_t held = add_referral(f, false, REFERRAL_STATUS(ON_HOLD), 0, 20 * DAY_MS, 0);
    snprintf(sql, sizeof(sql), "UPDATE referral SET review_s = %lld",
             (long long)((f->tx.now.ms + DAY_MS) / 1000));
    assert_ok(f, store_exec(f->tx.store, sql, &f->err));
    assert_int_equal(gather(f, MARIE, 7)->count, 0);
    f->tx.now.ms += 2 * DAY_MS;
    const struct waiting *waiting = gather(f, MARIE, 7);
    assert_int_equal(waiting->count, 1);
    assert_int_equal(waiting->rows[0].subject, held);
    assert_int_equal(waiting->rows[0].rank, WAITING_ANSWER);
}

static void clocks_are_counted_by_how_far_they_have_run(void **state)
{
    struct domain_fixture *f = *state;
    add_referral(f, true, REFERRAL_STATUS(REQUESTED), 0, HOUR_MS, 13 * DAY_MS);
    add_referral(f, false, REFERRAL_STATUS(REQUESTED), 0, 2 * DAY_MS, DAY_MS);
    add_referral(f, false, REFERRAL_STATUS(REQUESTED), 0, 20 * DAY_MS, -6 * DAY_MS);
    add_referral(f, false, REFERRAL_STATUS(IN_PROGRESS), 0, 20 * DAY_MS, 0); /* was answered */
    const struct waiting *waiting = gather(f, MARIE, 7);
    assert_int_equal(waiting->clock.in_time, 1);
    assert_int_equal(waiting->clock.past_half, 1);
    assert_int_equal(waiting->clock.late, 1);
    assert_int_equal(waiting->waited[0].in_time, 1);
    assert_int_equal(waiting->waited[1].past_half, 1);
    assert_int_equal(waiting->waited[4].late, 1);
    assert_int_equal(waiting_percent(0, 4 * HOUR_MS, (struct wall){HOUR_MS}), 25);
    assert_int_equal(waiting_percent(0, HOUR_MS, (struct wall){100 * DAY_MS}), 999);
    assert_int_equal(waiting_percent(0, 0, (struct wall){DAY_MS}), 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(late_comes_first_then_answers_then_news),
        TEST(affairs_of_the_hub_stand_among_the_rest_by_their_age),
        TEST(what_does_not_fit_is_counted_by_its_kind),
        TEST(news_end_when_the_account_has_read_them_and_come_back_with_the_next_event),
        TEST(what_comes_between_looking_and_noting_it_stays_news),
        TEST(only_what_the_other_side_or_the_clock_did_is_news),
        TEST(what_was_put_on_hold_comes_back_on_its_day),
        TEST(clocks_are_counted_by_how_far_they_have_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
