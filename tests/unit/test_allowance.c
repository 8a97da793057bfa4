/* test_allowance.c: wrong tries of addresses and of all that is near them. */
#include "hub/api/allowance.h"
#include "hub/api/slip_tries.h"
#include "tests/support/fake.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct fake_random seeded;
static struct allowance *tries;
static struct wall now;

static int set_up(void **state)
{
    (void)state;
    fake_random_init(&seeded, 7);
    tries = slip_tries_create(&seeded.source);
    now = (struct wall){1800000000000};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    allowance_free(tries);
    return 0;
}

static bool take(const char *address)
{
    return allowance_take(tries, address, now) == 0;
}

static int take_all(const char *address)
{
    int count = 0;
    while (count < 100000 && take(address))
        count++;
    return count;
}

/* From addresses with two numbers between `head` and `tail`. */
static int take_from(const char *head, unsigned first, unsigned second, const char *tail)
{
    bool is_v6 = strchr(head, ':');
    int count = 0;
    char address[46];
    for (unsigned i = 0; i < first; i++)
        for (unsigned k = 0; k < second; k++) {
            if (is_v6)
                snprintf(address, sizeof(address), "%s%x:%x%s", head, i, k, tail);
            else
                snprintf(address, sizeof(address), "%s%u.%u%s", head, i, k, tail);
            count += take(address);
        }
    return count;
}

static void an_address_has_some_at_once_and_then_one_now_and_then(void **state)
{
    (void)state;
    assert_int_equal(take_all("192.0.2.1"), SLIP_ADDRESS_BURST);
    assert_int_equal(allowance_take(tries, "192.0.2.1", now), SLIP_ADDRESS_EACH_MS);
    now.ms += SLIP_ADDRESS_EACH_MS - 1;
    assert_int_equal(allowance_take(tries, "192.0.2.1", now), 1);
    now.ms += 1;
    assert_int_equal(take_all("192.0.2.1"), 1);
    now.ms += SLIP_ADDRESS_BURST * SLIP_ADDRESS_EACH_MS;
    assert_int_equal(take_all("192.0.2.1"), SLIP_ADDRESS_BURST);
}

static void however_an_address_is_written_it_is_one(void **state)
{
    (void)state;
    take_all("192.0.2.1");
    assert_false(take("::ffff:192.0.2.1"));
    assert_true(take("::ffff:198.51.100.1"));
    take_all("2001:db8:1:2::1");
    assert_false(take("2001:DB8:1:2:ffff::9"));
    assert_true(take("2001:db8:1:3::1"));
    take_all("");
    assert_false(take(""));
}

static void moving_next_door_gives_no_more_for_long(void **state)
{
    (void)state;
    assert_int_equal(take_from("198.51.", 1, 200, ""), SLIP_LINE_BURST);
    assert_false(take("198.51.0.250"));
    assert_true(take("198.51.1.1"));
    assert_int_equal(take_from("2001:db8:1:", 200, 2, "::1"), SLIP_LINE_BURST);
    assert_true(take("2001:db8:2::1"));
}

static void one_provider_cannot_use_up_what_everybody_has(void **state)
{
    (void)state;
    assert_int_equal(take_from("2001:db8:", 400, 40, "::1"), SLIP_BLOCK_BURST);
    assert_int_equal(take_from("10.9.", 256, 40, ""), SLIP_BLOCK_BURST);
    assert_true(take("192.0.2.1"));
    assert_true(take("2001:db9::1"));
}

static void all_together_have_a_limit(void **state)
{
    (void)state;
    assert_int_equal(take_from("", 200, 200, ".3.4"), SLIP_ALL_BURST);
    assert_int_equal(allowance_take(tries, "203.0.113.9", now), SLIP_ALL_EACH_MS);
    now.ms += SLIP_ALL_EACH_MS;
    assert_int_equal(take_all("203.0.113.9"), 1);
}

static void what_was_right_is_given_back_and_forgives_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 30000; i++) {
        assert_true(take("192.0.2.1"));
        allowance_give_back(tries, "192.0.2.1");
    }
    int guesses = 0;
    for (int i = 0; i < 100; i++) {
        guesses += take("192.0.2.1");
        if (take("192.0.2.1"))
            allowance_give_back(tries, "192.0.2.1");
    }
    assert_int_equal(guesses, SLIP_ADDRESS_BURST);
}

static void a_flood_of_others_does_not_free_who_has_used_theirs(void **state)
{
    (void)state;
    assert_int_equal(take_all("192.0.2.1"), SLIP_ADDRESS_BURST);
    assert_true(take_from("", 250, 250, ".3.4") > 19000);
    now.ms += SLIP_ADDRESS_EACH_MS / 2;
    assert_false(take("192.0.2.1"));
}

static void a_clock_that_is_set_back_makes_nobody_wait_longer(void **state)
{
    (void)state;
    take_all("192.0.2.1");
    now.ms -= INT64_C(86400000);
    assert_int_equal(take_all("192.0.2.1"), SLIP_ADDRESS_BURST);
}

int main(void)
{
#define ALLOWANCE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        ALLOWANCE_TEST(an_address_has_some_at_once_and_then_one_now_and_then),
        ALLOWANCE_TEST(however_an_address_is_written_it_is_one),
        ALLOWANCE_TEST(moving_next_door_gives_no_more_for_long),
        ALLOWANCE_TEST(one_provider_cannot_use_up_what_everybody_has),
        ALLOWANCE_TEST(all_together_have_a_limit),
        ALLOWANCE_TEST(what_was_right_is_given_back_and_forgives_nothing),
        ALLOWANCE_TEST(a_flood_of_others_does_not_free_who_has_used_theirs),
        ALLOWANCE_TEST(a_clock_that_is_set_back_makes_nobody_wait_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
