/* test_guard.c: who has to wait after wrong passphrases and codes, and who has not. */
#include "hub/api/guard.h"
#include "tests/support/fake.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct fake_random seeded;
static struct guard *guard;
static struct wall now;
static int64_t wait_ms;

static int set_up(void **state)
{
    (void)state;
    fake_random_init(&seeded, 3);
    guard = guard_create(&seeded.source);
    now = (struct wall){1800000000000};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    guard_free(guard);
    return 0;
}

static const struct guard_try marie = {"marie", "192.0.2.1", "", false};
static const struct guard_try stranger = {"marie", "203.0.113.9", "", false};
static const struct guard_try her_browser = {"marie", "203.0.113.9", "mlt_abc", false};

static bool take(struct guard_try try)
{
    wait_ms = 0;
    return guard_take(guard, &try, now, &wait_ms);
}

/* Tries until it has to wait. */
static int take_all(struct guard_try try)
{
    int count = 0;
    while (count < 1000 && take(try))
        count++;
    return count;
}

static void five_wrong_ones_are_free_and_then_each_waits_twice_as_long(void **state)
{
    (void)state;
    assert_int_equal(take_all(marie), GUARD_FREE);
    for (int64_t wait = GUARD_WAIT_MS; wait < GUARD_WAIT_MAX_MS; wait *= 2) {
        assert_false(take(marie));
        assert_int_equal(wait_ms, wait);
        now.ms += wait - 1;
        assert_false(take(marie));
        now.ms++;
        assert_true(take(marie));
    }
    assert_false(take(marie));
    assert_int_equal(wait_ms, GUARD_WAIT_MAX_MS);
}

static void a_stranger_elsewhere_does_not_lock_her_out(void **state)
{
    (void)state;
    take_all(stranger);
    assert_false(take(stranger));
    assert_int_equal(take_all(marie), GUARD_FREE);
}

static void a_known_browser_has_tries_of_its_own_even_from_the_same_address(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) { /* the whole address is used up */
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        take_all((struct guard_try){name, "203.0.113.9", "", false});
    }
    assert_false(take(stranger));
    assert_int_equal(take_all(her_browser), GUARD_FREE);
    assert_false(take((struct guard_try){"marie", "198.51.100.1", "mlt_abc", false}));
    assert_true(take((struct guard_try){"lea", "198.51.100.1", "mlt_abc", false}));
}

static void an_address_has_a_budget_over_all_names(void **state)
{
    (void)state;
    int taken = 0;
    char name[16];
    for (int i = 0; i < 3 * GUARD_ADDRESS_BURST; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        taken += take((struct guard_try){name, "192.0.2.1", "", false});
    }
    assert_int_equal(taken, GUARD_ADDRESS_BURST);
    now.ms += GUARD_ADDRESS_EACH_MS;
    assert_true(take(marie));
    assert_false(take(marie));
    assert_true(take(stranger));
}

static void the_first_half_of_an_ipv6_address_counts(void **state)
{
    (void)state;
    take_all((struct guard_try){"marie", "2001:db8:1:2::1", "", false});
    assert_false(take((struct guard_try){"marie", "2001:db8:1:2:ffff::9", "", false}));
    assert_true(take((struct guard_try){"marie", "2001:db8:1:3::1", "", false}));
}

static void one_provider_cannot_use_up_what_the_hub_has(void **state)
{
    (void)state;
    int taken = 0;
    char address[32];
    for (int i = 0; i < 400; i++) {
        snprintf(address, sizeof(address), "2001:db8:%x:%x::1", i / 20, i % 20);
        taken += take((struct guard_try){"marie", address, "", false});
    }
    assert_int_equal(taken, GUARD_BLOCK_BURST);
    assert_true(take(marie));
}

static void a_hub_has_a_budget_over_all_addresses(void **state)
{
    (void)state;
    int taken = 0;
    char address[32];
    for (int i = 0; i < 3 * GUARD_ALL_BURST; i++) {
        snprintf(address, sizeof(address), "10.%d.%d.1", i % 9, i / 9);
        taken += take((struct guard_try){"marie", address, "", false});
    }
    assert_int_equal(taken, GUARD_ALL_BURST);
    assert_true(take(her_browser));
    now.ms += GUARD_ALL_EACH_MS;
    assert_true(take(marie));
}

static void right_ones_are_free_and_forgive_the_wrong_ones_before(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(take(marie));
        guard_give_back(guard, &marie, now);
    }
    for (int i = 0; i < GUARD_FREE - 1; i++)
        assert_true(take(marie));
    guard_give_back(guard, &marie, now);
    assert_int_equal(take_all(marie), GUARD_FREE);
}

static void an_account_of_ones_own_does_not_wash_away_guesses_at_others(void **state)
{
    (void)state;
    struct guard_try own = {"eve", "192.0.2.1", "", false};
    int guesses = 0;
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        guesses += take((struct guard_try){name, "192.0.2.1", "", false});
        if (take(own))
            guard_give_back(guard, &own, now);
    }
    assert_in_range(guesses, 1, GUARD_ADDRESS_BURST);
}

static void a_clock_that_is_set_back_makes_nobody_wait_longer(void **state)
{
    (void)state;
    take_all(marie);
    now.ms -= INT64_C(86400000);
    assert_true(take(marie));
    assert_false(take(marie));
}

static void codes_count_for_the_account_wherever_they_come_from(void **state)
{
    (void)state;
    struct guard_try code = {"marie", "192.0.2.1", "", true};
    take_all(marie);
    assert_int_equal(take_all(code), GUARD_FREE);
    code.address = "203.0.113.9";
    assert_false(take(code));
    assert_false(take(marie));
    code.device = "mlt_abc";
    assert_int_equal(take_all(code), GUARD_FREE);
}

/* Three of a million fit: who knows the passphrase and never stops shall need a century. */
static void codes_are_guessed_for_a_year_a_few_thousand_times_at_most(void **state)
{
    (void)state;
    struct guard_try code = {"marie", "192.0.2.1", "", true};
    int taken = 0;
    for (int minute = 0; minute < 365 * 24 * 60; minute++) {
        taken += take(code);
        now.ms += 60000;
    }
    assert_in_range(taken, 1000, 2300);
    now.ms += GUARD_CODE_FORGET_MS;
    assert_int_equal(take_all(code), GUARD_FREE);
    /* Not even by waiting until all is forgotten. */
    taken = 0;
    for (int day = 0; day < 365; day++) {
        taken += day % 2 ? 0 : take_all(code);
        now.ms += INT64_C(86400000);
    }
    assert_in_range(taken, 100, 2300);
}

static void what_was_wrong_is_forgotten_after_a_quiet_hour(void **state)
{
    (void)state;
    take_all(marie);
    now.ms += GUARD_FORGET_MS;
    assert_int_equal(take_all(marie), GUARD_FREE);
}

static void a_flood_of_names_does_not_push_out_who_waits(void **state)
{
    (void)state;
    take_all(marie);
    now.ms += GUARD_WAIT_MS;
    assert_true(take(marie)); /* waits 4 s now */
    int64_t until = now.ms + 2 * GUARD_WAIT_MS;
    for (unsigned i = 0; i < 4 * GUARD_RECORDS && now.ms < until - 100; i++) {
        char name[16], address[32];
        snprintf(name, sizeof(name), "n%u", i);
        snprintf(address, sizeof(address), "10.%u.%u.1", i >> 8 & 255, i & 255);
        (void)take((struct guard_try){name, address, "", false});
    }
    assert_false(take(marie));
}

int main(void)
{
#define GUARD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        GUARD_TEST(five_wrong_ones_are_free_and_then_each_waits_twice_as_long),
        GUARD_TEST(a_stranger_elsewhere_does_not_lock_her_out),
        GUARD_TEST(a_known_browser_has_tries_of_its_own_even_from_the_same_address),
        GUARD_TEST(an_address_has_a_budget_over_all_names),
        GUARD_TEST(the_first_half_of_an_ipv6_address_counts),
        GUARD_TEST(one_provider_cannot_use_up_what_the_hub_has),
        GUARD_TEST(a_hub_has_a_budget_over_all_addresses),
        GUARD_TEST(right_ones_are_free_and_forgive_the_wrong_ones_before),
        GUARD_TEST(an_account_of_ones_own_does_not_wash_away_guesses_at_others),
        GUARD_TEST(a_clock_that_is_set_back_makes_nobody_wait_longer),
        GUARD_TEST(codes_count_for_the_account_wherever_they_come_from),
        GUARD_TEST(codes_are_guessed_for_a_year_a_few_thousand_times_at_most),
        GUARD_TEST(what_was_wrong_is_forgotten_after_a_quiet_hour),
        GUARD_TEST(a_flood_of_names_does_not_push_out_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
