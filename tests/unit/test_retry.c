#include "hub/outbox/retry.h"
#include "tests/support/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MINUTE ((int64_t)60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct {
    const char *why;
    enum retry_class retry_class;
    unsigned attempt;
    int64_t silent_ms;
    uint32_t retry_after_s;
    int64_t low, high;
} cases[] = {
    {"the first try after a failed dial is within 2 s", RETRY_UNREACHABLE, 0, 0, 0, 1, 2000},
    {"the ceiling doubles", RETRY_UNREACHABLE, 3, 0, 0, 1, 16000},
    {"up to 15 minutes", RETRY_UNREACHABLE, 1000, 7 * DAY - 1, 0, 1, 15 * MINUTE},
    {"up to 6 hours after a week of silence", RETRY_UNREACHABLE, 30, 7 * DAY, 0, 1, 6 * HOUR},
    {"temporary starts at a minute", RETRY_TEMPORARY, 0, 0, 0, MINUTE, MINUTE * 9 / 8},
    {"temporary grows to 4 hours", RETRY_TEMPORARY, 50, 0, 0, 4 * HOUR, 4 * HOUR * 9 / 8},
    {"never before what the peer asks", RETRY_TEMPORARY, 5, 0, 10, 10000, 11250},
    {"but a day at most", RETRY_TEMPORARY, 0, 0, UINT32_MAX, DAY, DAY * 9 / 8},
    {"reconnecting starts within a second", RETRY_RECONNECT, 0, 0, 0, 1, 1000},
    {"and goes up to half an hour", RETRY_RECONNECT, 40, 0, 0, 1, 30 * MINUTE},
    {"but to five minutes for a home relay (R-SE-8)", RETRY_HOME, 40, 0, 0, 1, 5 * MINUTE},
};

static void delays_stay_in_their_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t least = INT64_MAX, most = 0;
        for (unsigned seed = 0; seed < 500; seed++) {
            struct fake_random random;
            fake_random_init(&random, seed);
            int64_t ms = retry_delay_ms(cases[i].retry_class, cases[i].attempt, cases[i].silent_ms,
                                        cases[i].retry_after_s, &random.source);
            if (ms < cases[i].low || ms > cases[i].high)
                fail_msg("%s: %lld ms", cases[i].why, (long long)ms);
            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        /* Spread over what is allowed, not all at one end. */
        int64_t width = cases[i].high - cases[i].low;
        if (least > cases[i].low + width / 10 || most < cases[i].high - width / 10)
            fail_msg("%s: only %lld to %lld ms", cases[i].why, (long long)least, (long long)most);
    }
}

static void receipt_clock_doubles_from_half_an_hour_to_a_day(void **state)
{
    (void)state;
    assert_int_equal(retry_receipt_ms(0), 30 * MINUTE);
    assert_int_equal(retry_receipt_ms(1), HOUR);
    assert_int_equal(retry_receipt_ms(5), 16 * HOUR);
    assert_int_equal(retry_receipt_ms(6), DAY);
    assert_int_equal(retry_receipt_ms(4000000000u), DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_stay_in_their_class),
        cmocka_unit_test(receipt_clock_doubles_from_half_an_hour_to_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
