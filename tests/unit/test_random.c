#include "hub/base/random.h"

#include "hub/base/attr.h"
#include "hub/base/clock.h"
#include "tests/support/fake.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_same_seed_replays_the_same_bytes(void **state)
{
    (void)state;
    struct fake_random a, b, c;
    fake_random_init(&a, 7);
    fake_random_init(&b, 7);
    fake_random_init(&c, 8);
    uint8_t from_a[37], from_b[37], from_c[37];
    random_fill(&a.source, from_a, sizeof(from_a));
    random_fill(&b.source, from_b, sizeof(from_b));
    random_fill(&c.source, from_c, sizeof(from_c));
    assert_memory_equal(from_a, from_b, sizeof(from_a));
    assert_memory_not_equal(from_a, from_c, sizeof(from_a));
}

static void the_kernel_gives_different_bytes_each_time(void **state)
{
    (void)state;
    uint8_t a[1000] = {0}, b[1000] = {0};
    random_fill(&random_system, a, sizeof(a));
    random_fill(&random_system, b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
    assert_memory_not_equal(a + 900, b + 900, 100);
}

static void numbers_stay_below_the_bound_and_reach_all_of_it(void **state)
{
    (void)state;
    struct fake_random fake;
    fake_random_init(&fake, 1);
    unsigned seen[6] = {0};
    for (int i = 0; i < 6000; i++) {
        uint64_t value = random_below(&fake.source, 6);
        assert_true(value < 6);
        seen[value]++;
    }
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(random_below(&fake.source, 1), 0);
}

/* Gives 0 first, then 5: with this bound 0 is one of the values to draw again. */
static void zero_then_five(void *ctx, void *out, size_t len)
{
    uint64_t *calls = ctx, value = (*calls)++ ? 5 : 0;
    memcpy(out, &value, len);
}

static void biased_values_are_drawn_again(void **state)
{
    (void)state;
    uint64_t calls = 0;
    const struct random_source source = {zero_then_five, &calls};
    assert_int_equal(random_below(&source, 3), 2);
    assert_int_equal(calls, 2);
}

static void the_fake_clock_moves_only_when_told(void **state)
{
    (void)state;
    struct fake_clock fake;
    fake_clock_init(&fake);
    int64_t wall = clock_wall(&fake.clock).ms, mono = clock_mono(&fake.clock).us;
    fake_clock_advance(&fake, 1500);
    assert_int_equal(clock_wall(&fake.clock).ms, wall + 1500);
    assert_int_equal(clock_mono(&fake.clock).us, mono + 1500000);
    fake_clock_set_wall(&fake, 0);
    assert_int_equal(clock_wall(&fake.clock).ms, 0);
    assert_int_equal(clock_mono(&fake.clock).us, mono + 1500000);
}

static void the_real_clocks_run_forward(void **state)
{
    (void)state;
    assert_true(clock_wall(&clock_system).ms > 1700000000000);
    struct mono before = clock_mono(&clock_system), after = clock_mono(&clock_system);
    assert_true(after.us >= before.us);
    assert_int_equal(mono_min(mono_after_ms(before, 5), MONO_NEVER).us, before.us + 5000);
}

struct counting_job {
    struct job job; /* first: the executor hands this back */
    int ran, done;
};

static void count_run(struct job *job)
{
    ((struct counting_job *)job)->ran++;
}

static void count_done(struct job *job)
{
    ((struct counting_job *)job)->done++;
}

static void the_fake_executor_answers_at_once_or_when_drained(void **state)
{
    (void)state;
    struct fake_executor fake;
    struct counting_job a = {.job = {count_run, count_done, NULL}}, b = a;
    fake_executor_init(&fake, FAKE_IMMEDIATE);
    executor_submit(&fake.executor, LANE_WORKER, &a.job);
    assert_int_equal(a.done, 1);
    fake_executor_init(&fake, FAKE_QUEUED);
    executor_submit(&fake.executor, LANE_WRITER, &a.job);
    executor_submit(&fake.executor, LANE_WRITER, &b.job);
    assert_int_equal(a.ran, 2);
    assert_int_equal(b.done, 0);
    assert_int_equal(fake_executor_drain(&fake), 2);
    assert_int_equal(a.done, 2);
    assert_int_equal(b.done, 1);
    assert_int_equal(fake_executor_drain(&fake), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_replays_the_same_bytes),
        cmocka_unit_test(the_kernel_gives_different_bytes_each_time),
        cmocka_unit_test(numbers_stay_below_the_bound_and_reach_all_of_it),
        cmocka_unit_test(biased_values_are_drawn_again),
        cmocka_unit_test(the_fake_clock_moves_only_when_told),
        cmocka_unit_test(the_real_clocks_run_forward),
        cmocka_unit_test(the_fake_executor_answers_at_once_or_when_drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
