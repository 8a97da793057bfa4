/* Figures: what counts, what is hidden, medians, months. */
#include "hub/domain/figures.h"
#include "hub/domain/referral_moves.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

#define HOUR_MS 3600000LL
#define DAY_MS  (24 * HOUR_MS)

struct made { /* a referral as the tables hold it; times in ms before now, 0: not */
    bool is_out, exercise;
    int status;
    const char *theme, *reason;
    int64_t age_ms, ended_ago_ms, due_ms /* after it was sent */, answered_ms /* likewise */;
};

static void add(struct domain_fixture *f, const struct made *made)
{
    static int number;
    char sql[1200];
    long long created = f->tx.now.ms - made->age_ms;
    snprintf(sql, sizeof(sql),
             "INSERT INTO referral (oid, peer, is_out, is_open, status, business_status, flags,"
             " sender_seq, receiver_seq, answer_due_s, asked_s, due_s, pending, events, delivery,"
             " urgency, feedback, exercise, service, service_name, theme, reason, outcome,"
             " scheduled_s, review_s, created_ms, changed_ms, expires_ms, ended_ms, purge_ms,"
             " purged_ms, late_stage, next_ms, account) VALUES (randomblob(32), randomblob(32), %d,"
             " %d, %d, 0, 0, 1, 0, %lld, 0, 0, 0, 1, 1, 1, 2, %d, 's', 's', '%s', '%s', '', 0, 0,"
             " %lld, 0, 0, %lld, 0, 0, 0, 0, 0)",
             made->is_out, made->ended_ago_ms == 0, made->status,
             made->due_ms ? (created + (long long)made->due_ms) / 1000 : 0, made->exercise,
             made->theme ? made->theme : "numerique--materiel", made->reason ? made->reason : "",
             created, made->ended_ago_ms ? f->tx.now.ms - (long long)made->ended_ago_ms : 0);
    assert_ok(f, store_exec(f->tx.store, sql, &f->err));
    if (!made->answered_ms)
        return;
    snprintf(sql, sizeof(sql),
             "INSERT INTO referral_event (referral, side, seq, oid, action, business_status,"
             " on_behalf, confirms, created_s, answer_due_s, at_ms, verdict, delivery) VALUES"
             " (%lld, 1, %d, randomblob(32), 5, 0, 0, 0, %lld, 0, %lld, 1, 0)",
             (long long)store_last_id(f->tx.store), ++number,
             (created + (long long)made->answered_ms) / 1000, created);
    assert_ok(f, store_exec(f->tx.store, sql, &f->err));
}

static void add_many(struct domain_fixture *f, size_t count, const struct made *made)
{
    for (size_t i = 0; i < count; i++)
        add(f, made);
}

static struct figures_report make(struct domain_fixture *f, unsigned months, int in_or_out)
{
    struct figures_report report;
    const struct figures_query query = {months, in_or_out};
    assert_ok(f, figures_make(f->tx.store, f->tx.arena, &query, f->tx.now, &report, &f->err));
    return report;
}

static void what_was_answered_before_its_clock_counts_as_in_time(void **state)
{
    struct domain_fixture *f = *state;
    const struct made in_time = {.status = REFERRAL_STATUS(ACCEPTED),
                                 .age_ms = 5 * DAY_MS,
                                 .due_ms = 3 * DAY_MS,
                                 .answered_ms = 2 * HOUR_MS};
    const struct made too_late = {.status = REFERRAL_STATUS(ACCEPTED),
                                  .age_ms = 5 * DAY_MS,
                                  .due_ms = DAY_MS,
                                  .answered_ms = 2 * DAY_MS};
    const struct made silent = {
        .status = REFERRAL_STATUS(REQUESTED), .age_ms = 5 * DAY_MS, .due_ms = 3 * DAY_MS};
    const struct made still_in_time = {
        .status = REFERRAL_STATUS(REQUESTED), .age_ms = HOUR_MS, .due_ms = 3 * DAY_MS};
    const struct made taken_back_early = {.status = REFERRAL_STATUS(CANCELLED),
                                          .age_ms = 5 * DAY_MS,
                                          .due_ms = 3 * DAY_MS,
                                          .ended_ago_ms = 4 * DAY_MS};
    add_many(f, 6, &in_time);
    add_many(f, 1, &too_late);
    add_many(f, 1, &silent);
    add_many(f, 20, &still_in_time);
    add_many(f, 20, &taken_back_early);
    struct figures_report report = make(f, 12, 0);
    assert_int_equal(report.total.answered.of, 8);
    assert_int_equal(report.total.answered.part, 6);
    assert_int_equal(figures_percent(&report.total.answered), 75);
}

static void only_an_end_that_says_what_happened_is_closed_with_an_outcome(void **state)
{
    struct domain_fixture *f = *state;
    const struct made completed = {
        .status = REFERRAL_STATUS(COMPLETED), .age_ms = 9 * DAY_MS, .ended_ago_ms = DAY_MS};
    const struct made unreachable = {.status = REFERRAL_STATUS(FAILED),
                                     .reason = "unreachable",
                                     .age_ms = 9 * DAY_MS,
                                     .ended_ago_ms = DAY_MS};
    const struct made refused = {.status = REFERRAL_STATUS(REJECTED),
                                 .reason = "no-capacity",
                                 .age_ms = 9 * DAY_MS,
                                 .ended_ago_ms = DAY_MS};
    const struct made silent = {.status = REFERRAL_STATUS(CANCELLED),
                                .reason = "no-response",
                                .age_ms = 40 * DAY_MS,
                                .ended_ago_ms = DAY_MS};
    const struct made open = {.status = REFERRAL_STATUS(IN_PROGRESS), .age_ms = 9 * DAY_MS};
    add_many(f, 9, &completed);
    add_many(f, 5, &unreachable);
    add_many(f, 3, &refused);
    add_many(f, 3, &silent);
    add_many(f, 30, &open);
    struct figures_report report = make(f, 12, 0);
    assert_int_equal(report.total.closed.of, 20);
    assert_int_equal(report.total.closed.part, 14);
    assert_int_equal(report.total.unreachable.part, 5);
    assert_int_equal(report.total.unreachable.of, 20);
}

static void exercises_and_slips_of_the_pen_are_left_out(void **state)
{
    struct domain_fixture *f = *state;
    const struct made real = {.status = REFERRAL_STATUS(REQUESTED), .age_ms = HOUR_MS};
    const struct made exercise = {
        .exercise = true, .status = REFERRAL_STATUS(REQUESTED), .age_ms = HOUR_MS};
    const struct made error = {.status = REFERRAL_STATUS(ENTERED_IN_ERROR),
                               .age_ms = 2 * HOUR_MS,
                               .ended_ago_ms = HOUR_MS};
    add_many(f, 5, &real);
    add_many(f, 7, &exercise);
    add_many(f, 7, &error);
    struct figures_report report = make(f, 12, 0);
    assert_int_equal(report.total.received.value, 5);
    assert_true(report.total.closed.none);
}

static void a_number_of_one_to_four_is_never_told(void **state)
{
    struct domain_fixture *f = *state;
    const struct made accepted = {.status = REFERRAL_STATUS(ACCEPTED),
                                  .age_ms = 5 * DAY_MS,
                                  .due_ms = 3 * DAY_MS,
                                  .answered_ms = HOUR_MS};
    const struct made silent = {
        .status = REFERRAL_STATUS(REQUESTED), .age_ms = 5 * DAY_MS, .due_ms = 3 * DAY_MS};
    add_many(f, 4, &accepted);
    struct figures_report report = make(f, 12, 0);
    assert_true(report.total.received.few);
    assert_int_equal(report.total.received.value, 0);
    assert_true(report.total.answered.few);
    assert_int_equal(report.total.answered.of, 0);
    assert_true(report.total.answer.few);
    add_many(f, 6, &silent);
    report = make(f, 12, 0);
    assert_int_equal(report.total.received.value, 10);
    assert_true(report.total.answered.few); /* 4 of 10: the part is hidden, the whole is not */
    assert_int_equal(report.total.answered.part, 0);
    assert_int_equal(report.total.answered.of, 10);
    assert_true(report.total.sent.value == 0 && !report.total.sent.few); /* nobody is somebody */
}

/* 20 of one, 9 of the other. */
static void add_two_themes(struct domain_fixture *f)
{
    struct made made = {.status = REFERRAL_STATUS(REQUESTED), .age_ms = HOUR_MS};
    made.theme = "logement-hebergement--louer";
    add_many(f, 20, &made);
    made.theme = "numerique";
    add_many(f, 9, &made);
}

static void what_is_hidden_cannot_be_worked_out_from_the_rest(void **state)
{
    struct domain_fixture *f = *state;
    add_two_themes(f);
    struct made made = {
        .theme = "sante--soins", .status = REFERRAL_STATUS(REQUESTED), .age_ms = HOUR_MS};
    add_many(f, 2, &made);
    struct figures_report report = make(f, 12, 0);
    assert_int_equal(report.theme_count, 3);
    assert_string_equal(report.themes[0].key, "logement-hebergement");
    assert_int_equal(report.themes[0].received.value, 20);
    size_t hidden = 0;
    for (size_t i = 0; i < report.theme_count; i++)
        hidden += report.themes[i].received.few;
    assert_int_equal(hidden, 2); /* 2, and 9 with it: else 31 - 20 - 9 tells */
}

/* A single person in each of two hidden lines: their sum of two would tell that it is one each. */
static void a_sum_of_hidden_numbers_is_no_small_number_itself(void **state)
{
    struct domain_fixture *f = *state;
    add_two_themes(f);
    struct made made = {
        .theme = "sante--soins", .status = REFERRAL_STATUS(REQUESTED), .age_ms = HOUR_MS};
    add(f, &made);
    made.theme = "violences";
    add(f, &made);
    struct figures_report report = make(f, 12, 0);
    uint32_t told = 0;
    for (size_t i = 0; i < report.theme_count; i++)
        told += report.themes[i].received.value;
    assert_int_equal(report.total.received.value, 31);
    assert_int_equal(told, 20); /* 11 of three themes */
}

static void hidden_shares_cannot_be_worked_out_either(void **state)
{
    struct domain_fixture *f = *state;
    struct made made = {
        .status = REFERRAL_STATUS(COMPLETED), .age_ms = 9 * DAY_MS, .ended_ago_ms = DAY_MS};
    made.theme = "numerique";
    add_many(f, 20, &made);
    made.theme = "logement-hebergement";
    add_many(f, 9, &made);
    made.theme = "violences";
    add(f, &made);
    made.status = REFERRAL_STATUS(REJECTED);
    add_many(f, 9, &made);
    struct figures_report report = make(f, 12, 0);
    uint32_t part = 0;
    for (size_t i = 0; i < report.theme_count; i++)
        part += report.themes[i].closed.part;
    assert_int_equal(report.total.closed.part, 30);
    assert_int_equal(part, 20); /* 1 of 10, and 9 of 9 with it */
    made.theme = "sante";
    add_many(f, 2, &made);
    report = make(f, 12, 0);
    uint32_t of = 0;
    for (size_t i = 0; i < report.theme_count; i++)
        of += report.themes[i].closed.of;
    assert_int_equal(report.total.closed.of, 41);
    assert_int_equal(of, 30); /* the 2, and 9 with them */
}

static void months_are_counted_whole_and_one_by_one(void **state)
{
    struct domain_fixture *f = *state; /* 22 November 2026, 08:00 UTC */
    struct made made = {.status = REFERRAL_STATUS(REQUESTED), .age_ms = 21 * DAY_MS + 7 * HOUR_MS};
    add_many(f, 6, &made); /* 1 November, 01:00 */
    made.age_ms += 2 * HOUR_MS;
    add_many(f, 7, &made); /* 31 October, 23:00 */
    struct figures_report report = make(f, 3, 0);
    assert_int_equal(report.month_count, 3);
    assert_string_equal(report.months[0].key, "2026-09");
    assert_string_equal(report.months[2].key, "2026-11");
    assert_int_equal(report.months[0].received.value, 0);
    assert_int_equal(report.months[1].received.value, 7);
    assert_int_equal(report.months[2].received.value, 6);
    assert_int_equal(make(f, 24, 0).month_count, 24);
    assert_string_equal(make(f, 24, 0).months[0].key, "2024-12");
}

/* Four months less three are one month, and its number may be hidden. */
static void periods_that_tell_a_month_by_subtraction_are_not_counted(void **state)
{
    struct domain_fixture *f = *state;
    struct figures_report report;
    for (unsigned months = 0; months < 70; months++) {
        if (months == 3 || months == 12 || months == 24)
            continue;
        assert_err(f, ERR_INVALID,
                   figures_make(f->tx.store, f->tx.arena, &(struct figures_query){months, 0},
                                f->tx.now, &report, &f->err));
    }
}

static void the_median_is_in_the_middle_and_directions_can_be_told_apart(void **state)
{
    struct domain_fixture *f = *state;
    struct made made = {.status = REFERRAL_STATUS(ACCEPTED), .age_ms = 9 * DAY_MS};
    for (int64_t i = 1; i <= 6; i++) {
        made.answered_ms = i * HOUR_MS;
        add(f, &made);
    }
    made.is_out = true;
    made.answered_ms = 100 * HOUR_MS;
    add_many(f, 5, &made);
    assert_int_equal(make(f, 12, 1).total.answer.minutes, 210);
    assert_int_equal(make(f, 12, 2).total.answer.minutes, 6000);
    assert_int_equal(make(f, 12, 2).total.sent.value, 5);
    assert_int_equal(make(f, 12, 2).total.received.value, 0);
}

static void the_table_holds_the_same_numbers_and_no_hidden_one(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(buf_done) struct buf csv = {0};
    const struct made made = {.status = REFERRAL_STATUS(REQUESTED), .age_ms = HOUR_MS};
    struct made sent = made;
    sent.is_out = true;
    add_many(f, 12, &made);
    add_many(f, 3, &sent);
    struct figures_report report = make(f, 3, 0);
    figures_csv(&report, &csv);
    const char *text = buf_text(&csv);
    assert_non_null(strstr(text, "\r\nall,,<5,12,,,,,,,\r\n"));
    assert_non_null(strstr(text, "\r\nmonth,2026-11,<5,12,,,,,,,\r\n"));
    assert_non_null(strstr(text, "\r\ntheme,numerique,<5,12,,,,,,,\r\n"));
    assert_null(strstr(text, ",3,"));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_answered_before_its_clock_counts_as_in_time),
        TEST(only_an_end_that_says_what_happened_is_closed_with_an_outcome),
        TEST(exercises_and_slips_of_the_pen_are_left_out),
        TEST(a_number_of_one_to_four_is_never_told),
        TEST(what_is_hidden_cannot_be_worked_out_from_the_rest),
        TEST(a_sum_of_hidden_numbers_is_no_small_number_itself),
        TEST(hidden_shares_cannot_be_worked_out_either),
        TEST(months_are_counted_whole_and_one_by_one),
        TEST(periods_that_tell_a_month_by_subtraction_are_not_counted),
        TEST(the_median_is_in_the_middle_and_directions_can_be_told_apart),
        TEST(the_table_holds_the_same_numbers_and_no_hidden_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
