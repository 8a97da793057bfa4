#include "hub/upkeep.h"

#include "hub/domain/card.h"
#include "tests/support/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct api_fixture api;
    struct upkeep *upkeep;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    api_fixture_open(&f->api);
    f->upkeep = upkeep_create(&(struct upkeep_config){.exchange = f->api.exchange,
                                                      .executor = &f->api.executor.executor,
                                                      .writer = f->api.store,
                                                      .reader = f->api.store,
                                                      .config = &f->api.config});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    api_fixture_close(&f->api);
    upkeep_free(f->upkeep);
    free(f);
    return 0;
}

/* Ticks as the loop would; returns the time until the next. */
static int64_t tick(struct fixture *f)
{
    struct mono now = clock_mono(&f->api.clock.clock);
    struct mono next = upkeep_tick(f->upkeep, now);
    fake_executor_drain(&f->api.executor);
    return (next.us - now.us) / 1000;
}

static struct card card_now(struct fixture *f)
{
    struct card card;
    assert_true(card_read(f->api.store, &card, &f->api.err));
    return card;
}

static void a_hub_without_a_name_publishes_no_card(void **state)
{
    struct fixture *f = *state;
    assert_true(tick(f) > 0);
    assert_int_equal(card_now(f).version, 0);
}

static void the_first_card_has_the_name_and_the_address_of_the_settings(void **state)
{
    struct fixture *f = *state;
    assert_true(config_set(&f->api.config, "name", "Point accueil", &f->api.err));
    assert_true(config_set(&f->api.config, "url", "wss://a.example", &f->api.err));
    tick(f);
    struct card card = card_now(f);
    assert_int_equal(card.version, 1);
    assert_string_equal(card.name, "Point accueil");
    assert_int_equal(card.route_count, 1);
    assert_string_equal(card.routes[0], "wss://a.example");
}

static void the_card_is_looked_at_some_times_a_day_and_not_at_each_turn(void **state)
{
    struct fixture *f = *state;
    int64_t wait_ms = tick(f);
    assert_int_equal(wait_ms, 6 * 3600 * 1000);
    size_t submitted = f->api.executor.submitted;
    fake_clock_advance(&f->api.clock, wait_ms - 1);
    assert_int_equal(tick(f), 1);
    assert_int_equal(f->api.executor.submitted, submitted);
    assert_true(config_set(&f->api.config, "name", "Point accueil", &f->api.err));
    fake_clock_advance(&f->api.clock, 1);
    assert_int_equal(tick(f), wait_ms);
    assert_int_equal(card_now(f).version, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_hub_without_a_name_publishes_no_card, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_card_has_the_name_and_the_address_of_the_settings,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_card_is_looked_at_some_times_a_day_and_not_at_each_turn,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
