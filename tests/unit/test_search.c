#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/directory_fixture.h"

static const char records[] =
    "[{\"id\":\"1\",\"nom\":\"Médiathèque Bollé\",\"commune\":\"REDON\",\"code_postal\":\"35600\","
    "\"latitude\":47.6515,\"longitude\":-2.0817,\"date_maj\":\"2022-01-01\","
    "\"services\":\"Prendre en main un ordinateur\",\"presentation_resume\":\"Lire, écouter\"},"
    "{\"id\":\"2\",\"nom\":\"Mairie de Pipriac\",\"commune\":\"Pipriac\",\"code_postal\":\"35550\","
    "\"latitude\":47.8088,\"longitude\":-1.9463,\"services\":\"Prendre en main un ordinateur\"},"
    "{\"id\":\"3\",\"nom\":\"Épicerie du cœur\",\"commune\":\"Redon\",\"code_postal\":\"35600\","
    "\"thematiques\":[\"equipement-et-alimentation--alimentation\"]},"
    "{\"id\":\"4\",\"nom\":\"Garage d'Allaire\",\"commune\":\"Allaire\",\"code_postal\":\"56350\","
    "\"thematiques\":[\"mobilite--entretenir-reparer-son-vehicule\"],"
    "\"presentation_resume\":\"Un ordinateur de bord aussi\"},"
    "{\"id\":\"5\",\"nom\":\"Bibliothèque de Lyon\",\"commune\":\"Lyon\",\"code_postal\":\"69001\","
    "\"latitude\":45.764,\"longitude\":4.8357,\"services\":\"Prendre en main un ordinateur\"}]";

static int setup(void **state)
{
    domain_fixture_setup(state);
    import_text(*state, records);
    return 0;
}

static void words_are_found_however_they_are_written(void **state)
{
    struct domain_fixture *f = *state;
    static const struct {
        const char *words, *first;
    } cases[] = {
        {"mediatheque", "Médiathèque Bollé"},        /* accents */
        {"MÉDIATHÈQUE", "Médiathèque Bollé"},        /* case */
        {"médiathèques bolle", "Médiathèque Bollé"}, /* plural */
        {"mediath", "Médiathèque Bollé"},            /* still typing */
        {"coeur", "Épicerie du cœur"},               /* ligature */
        {"l'épicerie", "Épicerie du cœur"},          /* elision */
        {"manger", "Épicerie du cœur"},              /* everyday word for a theme */
        {"je cherche à manger", "Épicerie du cœur"},
        {"colis alimentaire", "Épicerie du cœur"},
        {"réparer ma voiture", "Garage d'Allaire"},
        {"pipriac", "Mairie de Pipriac"},       /* commune */
        {"epicerie xyzzy", "Épicerie du cœur"}, /* any word when not all */
        {"mediatehque", "Médiathèque Bollé"},   /* beginning of a misspelt word */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct directory_results results = search(f, cases[i].words, "");
        if (results.count == 0)
            fail_msg("nothing for \"%s\"", cases[i].words);
        assert_string_equal(results.services[0].content->name, cases[i].first);
    }
}

static void nonsense_and_syntax_find_nothing_and_break_nothing(void **state)
{
    struct domain_fixture *f = *state;
    static const char *const cases[] = {"xyzzyq",   "\"qqq", "qqq*",         "qqq AND",
                                        "name:qqq", "-qqq",  "qqq NEAR(",    "qqq'",
                                        "{qqq}",    "(qqq",  "\xe2\x82\xac", "qqq \xff"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct directory_results results = search(f, cases[i], "");
        assert_true(results.count == 0 || results.count == 5); /* no word at all: everything */
    }
}

static void nearest_comes_first_when_near_is_given(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_results results = search(f, "ordinateur", "redon");
    assert_int_equal(results.count, 4);
    assert_string_equal(results.near_name, "Redon");
    assert_string_equal(results.services[0].content->name, "Médiathèque Bollé");
    assert_string_equal(results.services[1].content->name, "Mairie de Pipriac");
    /* Nearer, but it only mentions a computer. */
    assert_string_equal(results.services[2].content->name, "Garage d'Allaire");
    assert_string_equal(results.services[3].content->name, "Bibliothèque de Lyon");
    assert_true(results.services[0].distance_km >= 0 && results.services[0].distance_km < 2);
    assert_true(results.services[3].distance_km > 500);
}

static void km_leaves_out_what_is_farther(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_results results;
    struct directory_query query = {.words = "ordinateur", .near = "35600", .km = 10};
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 2);
    query.near = "48.85,2.35";
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 0);
    query.near = "xyzzyville";
    assert_err(f, ERR_UNKNOWN,
               directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
}

static void theme_and_limit_narrow_the_answer(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_results results;
    struct directory_query query = {.theme = "numerique"};
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 3);
    query.limit = 2;
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 2);
    query.theme = "mobilite--entretenir-reparer-son-vehicule";
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 1);
}

static void own_entry_hides_the_imported_one(void **state)
{
    struct domain_fixture *f = *state;
    service_content content = make_content("Prêt de livres", "Mediatheque BOLLE", "Redon", "35600");
    content.description = (char *)(uintptr_t) "La médiathèque Bollé prête des livres";
    assert_ok(f, directory_put_service(&f->tx, "livres", &content, NULL, &f->err));
    struct directory_results results = search(f, "bolle", "");
    assert_int_equal(results.count, 1);
    assert_true(results.services[0].ours);
    struct directory_query query = {.hub_only = true};
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 1);
    assert_string_equal(results.services[0].uid, "livres");
}

static void same_place_from_two_sources_shows_once_the_newest(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"id\":\"x\",\"source\":\"other\",\"nom\":\"MEDIATHEQUE BOLLE\",\"commune\":"
                   "\"Redon\",\"code_postal\":\"35600\",\"date_maj\":\"2023-01-01\"}]");
    struct directory_results results = search(f, "bolle", "");
    assert_int_equal(results.count, 1);
    assert_string_equal(results.services[0].source, "other");
}

static void name_counts_more_than_theme_and_theme_more_than_text(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"id\":\"n\",\"nom\":\"Ordinateur pour tous\",\"commune\":\"Brest\"}]");
    struct directory_results results = search(f, "ordinateur", "");
    assert_int_equal(results.count, 5);
    assert_string_equal(results.services[0].content->name, "Ordinateur pour tous");
    assert_string_equal(results.services[4].content->name, "Garage d'Allaire");
}

static void answer_is_the_same_each_time(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_results first = search(f, "", "redon");
    assert_int_equal(first.count, 5);
    for (int round = 0; round < 3; round++) {
        struct directory_results again = search(f, "", "redon");
        assert_int_equal(again.count, first.count);
        for (size_t i = 0; i < first.count; i++)
            assert_string_equal(again.services[i].id, first.services[i].id);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, domain_fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(words_are_found_however_they_are_written),
        T(nonsense_and_syntax_find_nothing_and_break_nothing),
        T(nearest_comes_first_when_near_is_given),
        T(km_leaves_out_what_is_farther),
        T(theme_and_limit_narrow_the_answer),
        T(own_entry_hides_the_imported_one),
        T(same_place_from_two_sources_shows_once_the_newest),
        T(name_counts_more_than_theme_and_theme_more_than_text),
        T(answer_is_the_same_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
