/* Opening hours in OpenStreetMap's grammar: what is open when, and how much of real files is read.
 */
#include "hub/domain/hours.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/base/arena.h"
#include "hub/base/text.h"
#include <stdio.h>
#include <stdlib.h>

static struct hours_time paris(const char *iso)
{
    int64_t ms;
    assert_true(text_parse_time(iso, &ms));
    return hours_local(ms, "35600");
}

static void doors_are_open_when_the_text_says_so(void **state)
{
    static const struct {
        const char *text, *utc; /* France is one or two hours later */
        enum hours_state state;
    } cases[] = {
        {"Mo-Fr 09:00-12:00,14:00-17:00", "2026-11-23T08:00:00Z", HOURS_OPEN}, /* Monday 9:00 */
        {"Mo-Fr 09:00-12:00,14:00-17:00", "2026-11-23T07:59:00Z", HOURS_CLOSED},
        {"Mo-Fr 09:00-12:00,14:00-17:00", "2026-11-23T11:00:00Z", HOURS_CLOSED},
        {"Mo-Fr 09:00-12:00,14:00-17:00", "2026-11-23T13:30:00Z", HOURS_OPEN},
        {"Mo-Fr 09:00-12:00,14:00-17:00", "2026-11-22T09:00:00Z", HOURS_CLOSED}, /* Sunday */
        {"Mo-Fr 09:00-12:00", "2026-07-06T07:00:00Z", HOURS_OPEN},               /* summer time */
        {"Mo-Fr 09:00-12:00", "2026-03-30T07:00:00Z", HOURS_OPEN}, /* the day after it began */
        {"Mo-Fr 09:00-12:00", "2026-10-26T08:00:00Z", HOURS_OPEN}, /* the day after it ended */
        {"Mo-Fr 09:00-12:00; We off", "2026-11-25T09:00:00Z", HOURS_CLOSED},
        {"Mo,We 09:00-12:00, Fr 14:00-16:00", "2026-11-27T14:00:00Z", HOURS_OPEN},
        {"Mo-Su 10:00-18:00; PH off", "2026-11-11T10:00:00Z", HOURS_CLOSED}, /* 11 November */
        {"Mo-Su 10:00-18:00; PH off", "2026-04-06T10:00:00Z", HOURS_CLOSED}, /* Easter Monday */
        {"Mo-Su 10:00-18:00; PH off", "2026-11-12T10:00:00Z", HOURS_OPEN},
        {"We[1,3] 09:00-12:00", "2026-11-18T09:00:00Z", HOURS_OPEN},
        {"We[1,3] 09:00-12:00", "2026-11-25T09:00:00Z", HOURS_CLOSED},
        {"We[-1] 09:00-12:00", "2026-11-25T09:00:00Z", HOURS_OPEN},
        {"week 1-53/2 Mo 09:00-12:00", "2026-11-16T09:00:00Z", HOURS_OPEN}, /* week 47 */
        {"week 1-53/2 Mo 09:00-12:00", "2026-11-23T09:00:00Z", HOURS_CLOSED},
        {"Sep-Jun Mo 09:00-12:00", "2026-11-23T09:00:00Z", HOURS_OPEN},
        {"Sep-Jun Mo 09:00-12:00", "2026-07-06T08:00:00Z", HOURS_CLOSED},
        {"Jul 14-Aug 20 off; Mo-Su 09:00-12:00", "2026-08-03T08:00:00Z", HOURS_OPEN},
        {"Mo-Su 09:00-12:00; Jul 14-Aug 20 off", "2026-08-03T08:00:00Z", HOURS_CLOSED},
        {"Fr 20:00-02:00", "2026-11-28T00:30:00Z", HOURS_OPEN}, /* Saturday 1:30 */
        {"24/7", "2026-11-22T03:00:00Z", HOURS_OPEN},
        {"Mo 09:00+", "2026-11-23T20:00:00Z", HOURS_OPEN},
        {"Mo-Fr \"sur rendez-vous\"", "2026-11-23T09:00:00Z", HOURS_UNKNOWN},
        {"\"sur rendez-vous\"", "2026-11-23T09:00:00Z", HOURS_UNKNOWN},
        {"lundi 9h-12h", "2026-11-23T09:00:00Z", HOURS_UNKNOWN},
        {"", "2026-11-23T09:00:00Z", HOURS_UNKNOWN},
        {"SH Mo 09:00-12:00", "2026-11-23T09:00:00Z", HOURS_OPEN},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum hours_state got = hours_at(cases[i].text, paris(cases[i].utc));
        if (got != cases[i].state)
            fail_msg("\"%s\" at %s: %d, expected %d", cases[i].text, cases[i].utc, (int)got,
                     (int)cases[i].state);
    }
}

static void overseas_doors_keep_their_own_time(void **state)
{
    int64_t ms;
    (void)state;
    assert_true(text_parse_time("2026-11-22T22:30:00Z", &ms));
    assert_int_equal(hours_at("Mo 09:00-12:00", hours_local(ms, "98800")), HOURS_OPEN);
    assert_int_equal(hours_at("Su 18:00-19:00", hours_local(ms, "97110")), HOURS_OPEN);
}

static void what_is_no_hours_is_not_understood(void **state)
{
    static const char *const cases[] = {"",
                                        "Mo-",
                                        "Mo 9",
                                        "Mo 09:00",
                                        "25:99",
                                        "Mo 09:00-",
                                        "Mo[6] 09:00-10:00",
                                        "week",
                                        "\"open",
                                        "Mo-Fr 09:00-12:00;;;x",
                                        "Mo 60:00-70:00",
                                        "Xx 09:00-10:00"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (hours_is_understood(cases[i]))
            fail_msg("\"%s\" is understood", cases[i]);
}

static void a_week_becomes_rows(void **state)
{
    struct hours_span spans[4];
    (void)state;
    assert_int_equal(hours_week("Mo-Fr 09:00-12:00,14:00-17:00; PH off", spans, 4), 2);
    assert_int_equal(spans[1].days, 0x1f);
    assert_int_equal(spans[1].opens, 14 * 60);
    assert_int_equal(spans[1].closes, 17 * 60);
}

static struct hours_time at_time(int month, int day, int hour, int minute)
{
    /* 2026; hours_later fills in what follows from the date. */
    struct hours_time at = {.year = 2026, .month = month, .day = day, .minute = hour * 60 + minute};
    return hours_later(at, 0);
}

static void a_day_has_its_spans_exceptions_and_nights_included(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int month, day;
        size_t count;
        int opens, closes; /* of the last */
    } cases[] = {
        {"Mo-Fr 09:00-12:00,14:00-17:00", 11, 23, 2, 840, 1020},
        {"Mo-Fr 09:00-12:00,14:00-17:00", 11, 22, 0, 0, 0}, /* Sunday */
        {"Mo-Fr 09:00-12:00; PH off", 12, 25, 0, 0, 0},
        {"Mo-Su 22:00-02:00", 11, 23, 1, 1320, 1560}, /* what began yesterday is yesterday's */
        {"24/7", 11, 23, 1, 0, 1440},
        {"Mo 09:00-12:00; Mo[1] 14:00-16:00", 12, 7, 1, 840, 960},
        {"Mo 09:00-12:00, Mo 12:00-13:00", 11, 23, 1, 540, 780}, /* joined */
        {"sur rendez-vous", 11, 23, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct hours_span spans[8];
        size_t count =
            hours_day(cases[i].text, at_time(cases[i].month, cases[i].day, 0, 0), spans, 8);
        assert_int_equal(count, cases[i].count);
        if (count == 0)
            continue;
        assert_int_equal(spans[count - 1].opens, cases[i].opens);
        assert_int_equal(spans[count - 1].closes, cases[i].closes);
    }
}

static void what_comes_next_is_told_until_two_weeks_ahead(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int month, day, hour, minute;
        enum hours_state state;
        int until, ahead, opens; /* ahead -1: not known when */
    } cases[] = {
        {"Mo-Fr 09:00-12:00,14:00-17:00", 11, 23, 9, 0, HOURS_OPEN, 720, 0, 0},
        {"Mo-Fr 09:00-12:00,14:00-17:00", 11, 23, 12, 0, HOURS_CLOSED, 0, 0, 840},
        {"Mo-Fr 09:00-12:00", 11, 27, 12, 0, HOURS_CLOSED, 0, 3, 540},
        {"Mo-Fr 09:00-12:00; PH off", 12, 24, 12, 0, HOURS_CLOSED, 0, 4, 540}, /* Christmas, then
                                                                                the week-end */
        {"Mo-Su 22:00-02:00", 11, 23, 1, 0, HOURS_OPEN, 120, 0, 0},
        {"24/7", 11, 23, 1, 0, HOURS_OPEN, 1440, 0, 0},
        {"Jul 09:00-12:00", 11, 23, 9, 0, HOURS_CLOSED, 0, -1, 0},
        {"\"sur rendez-vous\"", 11, 23, 9, 0, HOURS_UNKNOWN, 0, -1, 0},
        {"", 11, 23, 9, 0, HOURS_UNKNOWN, 0, -1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct hours_outlook got = hours_ahead(
            cases[i].text, at_time(cases[i].month, cases[i].day, cases[i].hour, cases[i].minute));
        assert_int_equal(got.state, cases[i].state);
        if (got.state == HOURS_OPEN)
            assert_int_equal(got.until_minute, cases[i].until);
        if (got.state != HOURS_CLOSED)
            continue;
        assert_int_equal(got.opens, cases[i].ahead >= 0);
        if (got.opens) {
            assert_int_equal(got.days_ahead, cases[i].ahead);
            assert_int_equal(got.opens_minute, cases[i].opens);
        }
    }
}

/* 500 values drawn at random from the 6,458 of all the files that the README of that folder names.
 */
static void nineteen_in_twenty_real_values_are_understood(void **state)
{
    char path[1024], line[4096];
    unsigned said = 0, understood = 0;
    (void)state;
    snprintf(path, sizeof(path), "%s/../search/opening-hours.txt", getenv("MAILLON_VECTORS"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        said++;
        understood += hours_is_understood(line);
    }
    fclose(file);
    print_message("%u of %u opening hours of real records are understood\n", understood, said);
    assert_true(said == 500 && understood * 20 >= said * 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doors_are_open_when_the_text_says_so),
        cmocka_unit_test(overseas_doors_keep_their_own_time),
        cmocka_unit_test(what_is_no_hours_is_not_understood),
        cmocka_unit_test(a_week_becomes_rows),
        cmocka_unit_test(a_day_has_its_spans_exceptions_and_nights_included),
        cmocka_unit_test(what_comes_next_is_told_until_two_weeks_ahead),
        cmocka_unit_test(nineteen_in_twenty_real_values_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
