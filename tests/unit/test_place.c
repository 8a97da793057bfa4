#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/domain/place.h"
#include "tests/support/domain_fixture.h"
#include <math.h>

static void lambert93_becomes_degrees(void **state UNUSED)
{
    static const struct {
        double x, y, latitude, longitude;
    } cases[] = {
        {652469.02, 6862035.26, 48.8566, 2.3522},  /* Paris */
        {355577.80, 6689723.10, 47.2184, -1.5536}, /* Nantes */
        {700000, 6600000, 46.5, 3},                /* the origin */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double latitude, longitude;
        place_from_lambert93(cases[i].x, cases[i].y, &latitude, &longitude);
        assert_true(place_distance_km(latitude, longitude, cases[i].latitude, cases[i].longitude) <
                    0.05);
    }
}

static void distance_is_the_great_circle(void **state UNUSED)
{
    assert_true(fabs(place_distance_km(48.8566, 2.3522, 45.764, 4.8357) - 391.5) < 1);
    assert_true(place_distance_km(47.65, -2.08, 47.65, -2.08) < 1e-9);
    assert_true(fabs(place_distance_km(0, 0, 0, 180) - 20015) < 1);
}

static void built_in_communes_are_found_in_any_writing(void **state)
{
    struct domain_fixture *f = *state;
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"Redon", "Redon"},
        {"REDON", "Redon"},
        {"35600 Redon", "Redon"},
        {"Redon 35600", "Redon"},
        {"Redon Cedex 2", "Redon"},
        {"st nicolas de redon", "Saint-Nicolas-de-Redon"},
        {"ste-marie", "Sainte-Marie"},
        {"fegreac", "Fégréac"},
        {"Saint Nico", "Saint-Nicolas-de-Redon"},
        {"47.65,-2.08", "47.65,-2.08"},
        {"47.65, -2.08", "47.65, -2.08"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool found;
        struct place place;
        assert_ok(f, place_find(f->tx.store, f->tx.arena, cases[i].text, &found, &place, &f->err));
        assert_true(found);
        assert_string_equal(place.name, cases[i].name);
        assert_true(place_distance_km(place.latitude, place.longitude, 47.65, -2.05) < 15);
    }
}

static void what_is_no_place_is_not_found(void **state)
{
    struct domain_fixture *f = *state;
    static const char *const cases[] = {"",      " ",       "xyzzy", "91,2000",
                                        "1,2,3", "nan,nan", "\"*",   "99999"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool found;
        struct place place;
        assert_ok(f, place_find(f->tx.store, f->tx.arena, cases[i], &found, &place, &f->err));
        assert_false(found);
    }
}

static void learnt_communes_have_the_mean_of_what_was_seen(void **state)
{
    struct domain_fixture *f = *state;
    bool found;
    struct place place;
    assert_ok(f,
              place_learn(&f->tx, f->tx.arena, "NANTES", "44000", "", 4720000, -154000, &f->err));
    assert_ok(
        f, place_learn(&f->tx, f->tx.arena, "Nantes", "44000", "44109", 4724000, -158000, &f->err));
    assert_ok(f, place_find(f->tx.store, f->tx.arena, "nantes", &found, &place, &f->err));
    assert_true(found);
    assert_string_equal(place.name, "Nantes");
    assert_string_equal(place.insee, "44109");
    assert_true(fabs(place.latitude - 47.22) < 1e-6);
    assert_true(fabs(place.longitude + 1.56) < 1e-6);
    assert_ok(f, place_find(f->tx.store, f->tx.arena, "44000", &found, &place, &f->err));
    assert_true(found);
    assert_string_equal(place.name, "Nantes");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lambert93_becomes_degrees),
        cmocka_unit_test(distance_is_the_great_circle),
        T(built_in_communes_are_found_in_any_writing),
        T(what_is_no_place_is_not_found),
        T(learnt_communes_have_the_mean_of_what_was_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
