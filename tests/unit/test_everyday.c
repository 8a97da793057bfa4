/* Everyday words, slips, and whether a service suits somebody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/domain/everyday.h"
#include "tests/support/directory_fixture.h"
#include <stdio.h>
#include <unistd.h>

static void one_slip_is_told_from_two(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned slips;
    } cases[] = {
        {"loyer", "loyer", 0},
        {"loyer", "loyr", 1},
        {"loyr", "loyer", 1},
        {"loyer", "loyre", 1},
        {"loyer", "layer", 1},
        {"loyer", "oyer", 1},
        {"loyer", "loyerr", 1},
        {"loyer", "loer", 1},
        {"loyer", "olyer", 1},
        {"loyer", "lyoer", 1},
        {"loyer", "leyor", 2},
        {"loyer", "lo", 2},
        {"mediateque", "mediatheque", 1},
        {"francias", "francais", 1},
        {"ab", "ba", 1},
        {"abc", "cab", 2},
        {"a", "", 1},
        {"", "", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (everyday_slips(cases[i].a, cases[i].b) != cases[i].slips)
            fail_msg("%s, %s: not %u", cases[i].a, cases[i].b, cases[i].slips);
}

static void longest_expression_wins_and_little_words_do_not_matter(void **state)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const struct everyday *everyday = everyday_load(arena, NULL);
    const char *words[] = {"garde", "des", "enfant", "demain"};
    (void)state;
    struct everyday_match match = everyday_match(everyday, words, ARRAY_LEN(words));
    assert_int_equal(match.used, 3);
    assert_string_equal(match.themes[0], "famille--garde-denfants");
    assert_true(everyday_is_stop(everyday, "le"));
    assert_false(everyday_is_stop(everyday, "loyer"));
    assert_true(everyday_knows(everyday, "loyer"));
}

static void a_hub_adds_words_of_its_own_and_takes_some_away(void **state)
{
    char path[] = "everyday-XXXXXX";
    static const char text[] = "# ours\n[mobilite]\nPatache, char à bancs,\n[numerique]\n"
                               "-ordinateurs\n[stop]\nboudiou\nfar, too, many words in this one\n";
    const char *themes[EVERYDAY_THEMES_MAX];
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
    close(fd);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const struct everyday *own = everyday_load(arena, path), *none = everyday_load(arena, NULL);
    unlink(path);
    assert_int_equal(everyday_themes(own, "patache", themes), 1);
    assert_string_equal(themes[0], "mobilite");
    assert_int_equal(everyday_themes(own, "char a banc", themes), 1);
    assert_true(everyday_is_stop(own, "boudiou"));
    assert_int_equal(everyday_themes(none, "patache", themes), 0);
    assert_true(everyday_themes(own, "ordinateur", themes) <
                everyday_themes(none, "ordinateur", themes));
}

static void slips_are_found_in_the_words_of_the_directory(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Gribouillarium\",\"commune\":\"Redon\"},"
                   "{\"id\":\"2\",\"nom\":\"Mairie\",\"commune\":\"Redon\"}]");
    static const char *const cases[] = {"gribouillarium", "gribouilarium",  "gribouillarum",
                                        "gribuoillarium", "ribouillarium",  "gribouillariumm",
                                        "gribouillatium", "xgribouillarium"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct directory_results results = search(f, cases[i], "");
        if (results.count != 1 || strcmp(results.services[0].content->name, "Gribouillarium") != 0)
            fail_msg("\"%s\" found %zu", cases[i], results.count);
    }
    assert_int_equal(search(f, "grobouilarium", "").count, 0);
}

static void ages_are_read_from_prose(void **state)
{
    static const struct {
        const char *text;
        unsigned from, to;
    } cases[] = {
        {"Jeunes de 16 à 25 ans", 16, 25}, {"16-25 ans", 16, 25},
        {"moins de 26 ans", 0, 25},        {"Plus de 60 ans", 60, 120},
        {"à partir de 12 ans", 12, 120},   {"Avoir entre 18 et 30 ans", 18, 30},
        {"réservé aux 16/25 ans", 16, 25},
    };
    unsigned from, to;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(fit_find_ages(cases[i].text, &from, &to));
        assert_int_equal(from, cases[i].from);
        assert_int_equal(to, cases[i].to);
    }
    assert_false(fit_find_ages("ouvert depuis 20 ans, dans la ville", &from, &to));
    assert_false(fit_find_ages("tous publics", &from, &to));
}

static void why_not_is_said_and_silence_is_no_reason(void **state)
{
    service_content content = make_content("Service", "Structure", "Redon", "35600");
    char *publics[] = {(char *)(uintptr_t) "jeunes"}, *zones[] = {(char *)(uintptr_t) "35236"};
    char *modes[] = {(char *)(uintptr_t) "en-presentiel"};
    struct fit_person nobody = {0};
    struct fit_person person = {.public_ = "seniors",
                                .age = 70,
                                .price = "gratuit",
                                .mode = "a-distance",
                                .commune = "35219",
                                .language = "ar"};
    (void)state;
    assert_int_equal(fit_of(&content, &person), 0);
    content.public_ = publics;
    content.zone = zones;
    content.mode = modes;
    content.n_public_ = content.n_zone = content.n_mode = 1;
    content.price = (char *)(uintptr_t) "payant";
    assert_int_equal(fit_of(&content, &nobody), 0);
    assert_int_equal(fit_of(&content, &person), 1u << FIT_AGE | 1u << FIT_PUBLIC | 1u << FIT_PRICE |
                                                    1u << FIT_MODE | 1u << FIT_ZONE);
    struct fit_person other = {.public_ = "jeunes",
                               .age = 20,
                               .price = "gratuit",
                               .mode = "en-presentiel",
                               .commune = "35236"};
    content.price = (char *)(uintptr_t) "prix-libre";
    assert_int_equal(fit_of(&content, &other), 0);
}

static void what_does_not_suit_comes_last_with_its_reason(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_results results;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Atelier vélo jeunes\",\"publics\":[\"jeunes\"],"
                   "\"frais\":\"payant\",\"commune\":\"Redon\"},"
                   "{\"id\":\"2\",\"nom\":\"Atelier du vélo pour tout le quartier\","
                   "\"frais\":\"gratuit\",\"commune\":\"Redon\"}]");
    struct directory_query query = {.words = "atelier velo",
                                    .person = {.age = 50, .price = "gratuit"}};
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 2);
    assert_true(results.services[0].is_judged);
    assert_int_equal(results.services[0].why_not, 0);
    assert_int_equal(results.services[1].why_not, 1u << FIT_AGE | 1u << FIT_PRICE);
    query.only_fitting = true;
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 1);
}

static void open_now_leaves_out_what_is_closed_or_unknown(void **state)
{
    struct domain_fixture *f = *state; /* Sunday, 9:00 in France */
    struct directory_results results;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Atelier A\",\"horaires\":\"Su 08:00-10:00\"},"
                   "{\"id\":\"2\",\"nom\":\"Atelier B\",\"horaires\":\"Mo 08:00-10:00\"},"
                   "{\"id\":\"3\",\"nom\":\"Atelier C\"}]");
    const struct directory_query query = {.words = "atelier", .open_at_ms = f->tx.now.ms};
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 1);
    assert_string_equal(results.services[0].content->name, "Atelier A");
}

static void words_that_sound_the_same_are_told_from_others(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"lojement", "logement"},
        {"psicologue", "psychologue"},
        {"alfabetisation", "alphabetisation"},
        {"ortografe", "orthographe"},
        {"demenajement", "demenagement"},
        {"assurence", "assurance"},
        {"comission", "commission"},
        {"farmacie", "pharmacie"},
    };
    static const char *const others[][2] = {
        {"logement", "reglement"}, {"garage", "garde"}, {"manger", "menage"}, {"train", "travail"}};
    char a[SOUND_MAX], b[SOUND_MAX];
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        everyday_sound(same[i][0], a);
        everyday_sound(same[i][1], b);
        assert_string_equal(a, b);
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        everyday_sound(others[i][0], a);
        everyday_sound(others[i][1], b);
        assert_string_not_equal(a, b);
    }
    memset(a, 'x', sizeof(a));
    everyday_sound("anticonstitutionnellementetencoreplusloinquecela", a);
    assert_true(strlen(a) < SOUND_MAX);
    everyday_sound("", a);
    assert_string_equal(a, "");
}

static void what_suits_is_only_what_the_service_says(void **state)
{
    (void)state;
    service_content c = make_content("Atelier", "", "Redon", "35600");
    char *families[] = {(char *)(uintptr_t) "familles"}, *french[] = {(char *)(uintptr_t) "fr"};
    const struct fit_person family = {.public_ = "familles", .price = "gratuit", .language = "fr"};
    assert_int_equal(fit_good(&c, &family), 0); /* it says nothing */
    assert_int_equal(fit_of(&c, &family), 0);
    c.public_ = families;
    c.n_public_ = 1;
    c.language = french;
    c.n_language = 1;
    c.price = (char *)(uintptr_t) "payant";
    assert_int_equal(fit_good(&c, &family), 1u << FIT_PUBLIC | 1u << FIT_LANGUAGE);
    assert_int_equal(fit_of(&c, &family), 1u << FIT_PRICE);
    const struct fit_person nobody = {.public_ = NULL};
    assert_int_equal(fit_good(&c, &nobody), 0);
}

static void a_slip_is_said_with_what_was_looked_for(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_results results;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Apprendre le français\"}]");
    const struct directory_query query = {.words = "appendre le francais"};
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 1);
    assert_int_equal(results.correction_count, 1);
    assert_string_equal(results.corrections[0].typed, "appendre");
    assert_string_equal(results.corrections[0].meant[0], "apprendre");
    assert_int_equal(results.corrections[0].count, 1); /* once, whoever else knows the word */
}

static void pages_of_a_list_follow_each_other(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(buf_done) struct buf json = {0};
    for (int i = 0; i < 50; i++)
        buf_addf(&json,
                 "%s{\"id\":\"%d\",\"nom\":\"Atelier %d\",\"latitude\":%.3f,"
                 "\"longitude\":-2.08,\"commune\":\"Redon\"}",
                 i ? "," : "[", i, i, 47.65 + i / 100.0);
    buf_add_text(&json, "]");
    import_text(f, buf_text(&json));
    size_t seen = 0;
    double last_km = -1;
    for (size_t offset = 0;; offset += 12) {
        struct directory_results results;
        const struct directory_query query = {
            .words = "atelier", .near = "Redon", .limit = 12, .offset = offset};
        assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
        for (size_t i = 0; i < results.count; i++, seen++) {
            assert_true(results.services[i].distance_km >= last_km);
            last_km = results.services[i].distance_km;
        }
        if (!results.more)
            break;
        assert_int_equal(results.count, 12);
    }
    assert_int_equal(seen, 50);
}

static void communes_count_what_they_have(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_commune *communes;
    size_t count;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"A\",\"commune\":\"REDON\",\"code_postal\":\"35600\"},"
                   "{\"id\":\"2\",\"nom\":\"B\",\"commune\":\"Redon\",\"code_postal\":\"35600\"},"
                   "{\"id\":\"3\",\"nom\":\"C\",\"commune\":\"Allaire\",\"code_postal\":\"56350\"},"
                   "{\"id\":\"4\",\"nom\":\"D\",\"commune\":\"Nulle-Part\"}]");
    assert_ok(
        f, directory_list_communes(f->tx.store, f->tx.arena, 0, 0, 0, &communes, &count, &f->err));
    assert_int_equal(count, 2);
    assert_string_equal(communes[0].name, "Redon");
    assert_int_equal(communes[0].services, 2);
    assert_ok(f, directory_list_communes(f->tx.store, f->tx.arena, 47.6368, -2.165, 2, &communes,
                                         &count, &f->err));
    assert_int_equal(count, 1);
    assert_string_equal(communes[0].name, "Allaire");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slip_is_told_from_two),
        cmocka_unit_test(longest_expression_wins_and_little_words_do_not_matter),
        cmocka_unit_test(a_hub_adds_words_of_its_own_and_takes_some_away),
        T(slips_are_found_in_the_words_of_the_directory),
        cmocka_unit_test(ages_are_read_from_prose),
        cmocka_unit_test(why_not_is_said_and_silence_is_no_reason),
        T(what_does_not_suit_comes_last_with_its_reason),
        T(open_now_leaves_out_what_is_closed_or_unknown),
        cmocka_unit_test(words_that_sound_the_same_are_told_from_others),
        cmocka_unit_test(what_suits_is_only_what_the_service_says),
        T(a_slip_is_said_with_what_was_looked_for),
        T(pages_of_a_list_follow_each_other),
        T(communes_count_what_they_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
