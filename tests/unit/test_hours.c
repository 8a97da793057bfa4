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
        cmocka_unit_test(nineteen_in_twenty_real_values_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
