/* How a quantity is drawn: the parts of a bar. */
#include "hub/base/attr.h"
#include "hub/web/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PARTS 60

static void parts_lie_one_after_the_other(void **state)
{
    (void)state;
    struct measure_span spans[3];
    const uint32_t parts[3] = {2, 4, 3};
    measure_spans(12, parts, 3, spans);
    assert_int_equal(spans[0].x, 0);
    assert_int_equal(spans[0].width, 1666);
    assert_int_equal(spans[1].x, 1666);
    assert_int_equal(spans[1].width, 3334);
    assert_int_equal(spans[2].x, 5000);
    assert_int_equal(spans[2].width, 2500);
}

static void all_of_it_fills_the_bar_and_more_does_not_leave_it(void **state)
{
    (void)state;
    struct measure_span spans[2];
    const uint32_t all[2] = {5, 7}, more[2] = {9, 4000000000u};
    measure_spans(12, all, 2, spans);
    assert_int_equal(spans[1].x + spans[1].width, MEASURE_WHOLE);
    measure_spans(12, more, 2, spans);
    assert_int_equal(spans[0].width, 7500);
    assert_int_equal(spans[1].x + spans[1].width, MEASURE_WHOLE);
}

static void what_is_little_is_seen_and_what_is_nothing_is_not(void **state)
{
    (void)state;
    struct measure_span spans[3];
    const uint32_t parts[3] = {1, 0, 999999};
    measure_spans(1000000, parts, 3, spans);
    assert_int_equal(spans[0].width, MEASURE_MIN);
    assert_int_equal(spans[1].width, 0);
    assert_int_equal(spans[2].x + spans[2].width, MEASURE_WHOLE);
    measure_spans(0, parts, 3, spans);
    assert_int_equal(spans[2].width, 0);
}

static void many_small_parts_stay_inside(void **state)
{
    (void)state;
    struct measure_span spans[PARTS];
    uint32_t parts[PARTS];
    for (size_t i = 0; i < PARTS; i++)
        parts[i] = i ? 1 : 1000;
    measure_spans(1059, parts, PARTS, spans);
    unsigned end = 0;
    for (size_t i = 0; i < PARTS; i++) {
        assert_int_equal(spans[i].x, end);
        end += spans[i].width;
    }
    assert_true(end <= MEASURE_WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_lie_one_after_the_other),
        cmocka_unit_test(all_of_it_fills_the_bar_and_more_does_not_leave_it),
        cmocka_unit_test(what_is_little_is_seen_and_what_is_nothing_is_not),
        cmocka_unit_test(many_small_parts_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
