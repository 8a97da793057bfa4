/* What one peer may send (R-AB-5, R-AB-6): buckets, debt, and a score that a quiet day wipes out.
 */
#include "federation/budget.h"
#include "proto/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct mono at_s(double seconds)
{
    return (struct mono){(int64_t)(seconds * 1e6)};
}

static const struct config limits = {.objects_per_second = 20,
                                     .objects_burst = 100,
                                     .bytes_per_second = 1000,
                                     .referrals_per_minute = 5};

static void objects_are_taken_up_to_the_burst_and_then_at_their_rate(void **state)
{
    (void)state;
    struct budget budget;
    budget_init(&budget, &limits, at_s(0));
    assert_true(budget_take(&budget, &limits, at_s(0), 100, 0));
    assert_false(budget_take(&budget, &limits, at_s(0), 1, 0));
    assert_true(budget_take(&budget, &limits, at_s(0.06), 0, 0)); /* 1.2 later */
    assert_false(budget_take(&budget, &limits, at_s(0.06), 20, 0));
    assert_true(budget_take(&budget, &limits, at_s(2), 0, 0));
}

static void bytes_count_on_their_own(void **state)
{
    (void)state;
    struct budget budget;
    budget_init(&budget, &limits, at_s(0));
    assert_true(budget_take(&budget, &limits, at_s(0), 1, 1000 * BUDGET_BURST_S));
    assert_false(budget_take(&budget, &limits, at_s(0), 1, 1));
    assert_true(budget_take(&budget, &limits, at_s(1), 0, 0));
}

static void no_limit_is_no_limit(void **state)
{
    (void)state;
    struct config none = limits;
    struct budget budget;
    none.objects_per_second = 0;
    none.referrals_per_minute = 0;
    budget_init(&budget, &none, at_s(0));
    for (unsigned i = 0; i < 10000; i++) {
        assert_true(budget_take(&budget, &none, at_s(0), 1000, 1000000));
        assert_true(budget_take_referral(&budget, &none, at_s(0)));
    }
    assert_false(budget_in_debt(&budget, &none, at_s(0)));
}

static void a_peer_deaf_to_credit_runs_into_debt_and_out_of_it(void **state)
{
    (void)state;
    struct budget budget;
    budget_init(&budget, &limits, at_s(0));
    budget_take(&budget, &limits, at_s(0), 100 + 4 * LINK_WINDOW_OBJECTS, 0);
    assert_false(budget_in_debt(&budget, &limits, at_s(0)));
    budget_take(&budget, &limits, at_s(0), 1, 0);
    assert_true(budget_in_debt(&budget, &limits, at_s(0)));
    assert_false(budget_in_debt(&budget, &limits, at_s(1)));
}

static void new_referrals_have_a_bucket_a_minute(void **state)
{
    (void)state;
    struct budget budget;
    budget_init(&budget, &limits, at_s(0));
    for (unsigned i = 0; i < 5; i++)
        assert_true(budget_take_referral(&budget, &limits, at_s(0)));
    assert_false(budget_take_referral(&budget, &limits, at_s(11)));
    assert_true(budget_take_referral(&budget, &limits, at_s(12.1)));
    assert_false(budget_take_referral(&budget, &limits, at_s(12.2)));
}

static void the_score_decays_within_a_day(void **state)
{
    (void)state;
    struct budget budget;
    budget_init(&budget, &limits, at_s(0));
    budget_mark(&budget, at_s(0), BUDGET_VIOLATION);
    budget_mark(&budget, at_s(10), BUDGET_BAD_OBJECT);
    assert_true(budget_score(&budget, at_s(20)) == BUDGET_VIOLATION + BUDGET_BAD_OBJECT);
    assert_true(budget_score(&budget, at_s(3 * 3600)) ==
                (BUDGET_VIOLATION + BUDGET_BAD_OBJECT) / 2);
    assert_true(budget_score(&budget, at_s(86400)) < 0.5);
    assert_true(budget_score(&budget, at_s(2 * 86400)) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_taken_up_to_the_burst_and_then_at_their_rate),
        cmocka_unit_test(bytes_count_on_their_own),
        cmocka_unit_test(no_limit_is_no_limit),
        cmocka_unit_test(a_peer_deaf_to_credit_runs_into_debt_and_out_of_it),
        cmocka_unit_test(new_referrals_have_a_bucket_a_minute),
        cmocka_unit_test(the_score_decays_within_a_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
