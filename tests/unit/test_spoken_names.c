/* Languages are typed and shown by their names, and kept by their codes. */
#include "hub/web/spoken_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* after the three above */
#include <cmocka.h>

/* "ar,fr" of what is typed, and what of it nobody knows. */
static void expect(const char *typed, const char *codes, const char *unknown)
{
    AUTO(buf_done) struct buf read = {0}, strange = {0};
    json_t *list = spoken_names_read(typed), *code;
    size_t i;
    json_array_foreach(list, i, code)
        buf_addf(&read, "%s%s", i > 0 ? "," : "", json_string_value(code));
    json_decref(list);
    spoken_names_unknown(typed, &strange);
    assert_string_equal(buf_text(&read), codes);
    assert_string_equal(buf_text(&strange), unknown);
}

static void names_that_are_typed_become_codes(void **state)
{
    static const struct {
        const char *typed, *codes, *unknown;
    } cases[] = {
        {"arabe", "ar", ""},
        {"Arabe, ANGLAIS, francais", "ar,en,fr", ""},
        {"Arabic and English", "ar,en", ""},
        {"arabe et LSF", "ar,fsl", ""},
        {"fr, ar", "fr,ar", ""},
        {"FR; fra; français", "fr", ""},
        {"kurde (sorani), pt-BR", "ckb,pt-BR", ""},
        {"portugais (BR)", "pt-BR", ""},
        {"langue des signes (LSF)", "fsl", ""},
        {"arabe, klingon, turc, haut parler", "ar,klingon,tr,haut parler", "klingon, haut parler"},
        {"(XY)", "(XY)", "(XY)"},
        {"", "", ""},
        {" , ", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].typed, cases[i].codes, cases[i].unknown);
}

static void one_language_is_one(void **state)
{
    char code[SPOKEN_CODE];
    (void)state;
    assert_true(spoken_name_read("arabe", code));
    assert_string_equal(code, "ar");
    assert_false(spoken_name_read("arabe, un peu français", code));
    assert_false(spoken_name_read("arabe et turc", code));
    assert_false(spoken_name_read("", code));
}

static void expect_line(enum language page, json_t *codes, const char *line)
{
    AUTO(buf_done) struct buf out = {0};
    spoken_names_add(catalog_of(page), codes, &out);
    json_decref(codes);
    assert_string_equal(buf_text(&out), line);
}

static void codes_are_shown_by_name_in_the_language_of_the_page(void **state)
{
    (void)state;
    expect_line(LANGUAGE_FRENCH, json_pack("[sss]", "fr", "ar", "fsl"),
                "français, arabe, langue des signes (LSF)");
    expect_line(LANGUAGE_ENGLISH, json_pack("[ss]", "fr", "ar"), "French, Arabic");
    expect_line(LANGUAGE_FRENCH, json_pack("[ssss]", "fra", "fr", "Français", "pt-BR"),
                "français, portugais (BR)");
    expect_line(LANGUAGE_FRENCH, json_pack("[sss]", "ckb", "ku", "kmr"),
                "kurde (sorani), kurde, kurde (kurmandji)");
    expect_line(LANGUAGE_FRENCH, json_pack("[ss]", "tet", "sabir"), "tet, sabir");
    expect_line(LANGUAGE_FRENCH, json_array(), "");
    expect_line(LANGUAGE_FRENCH, NULL, "");
}

static void what_is_shown_can_be_typed_again(void **state)
{
    (void)state;
    for (enum language page = 0; page < LANGUAGE_COUNT; page++) {
        AUTO(buf_done) struct buf line = {0};
        json_t *all = spoken_names_all(catalog_of(page)), *one;
        json_t *codes = json_array();
        size_t i;
        json_array_foreach(all, i, one) json_array_append(codes, json_object_get(one, "value"));
        json_array_append_new(codes, json_string("pt-BR"));
        spoken_names_add(catalog_of(page), codes, &line);
        json_t *again = spoken_names_read(buf_text(&line));
        assert_true(json_equal(codes, again));
        assert_int_equal(json_array_size(all), spoken_language_count);
        json_decref(again);
        json_decref(codes);
        json_decref(all);
    }
}

static size_t place_of(const json_t *all, const char *code)
{
    size_t i = 0;
    while (i < json_array_size(all) &&
           strcmp(json_string_value(json_object_get(json_array_get(all, i), "value")), code) != 0)
        i++;
    return i;
}

static void choices_go_by_the_alphabet_without_accents(void **state)
{
    (void)state;
    json_t *all = spoken_names_all(catalog_of(LANGUAGE_FRENCH));
    assert_true(place_of(all, "es") < place_of(all, "ee")); /* espagnol, éwé, finnois */
    assert_true(place_of(all, "ee") < place_of(all, "fi"));
    json_decref(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_are_typed_become_codes),
        cmocka_unit_test(one_language_is_one),
        cmocka_unit_test(codes_are_shown_by_name_in_the_language_of_the_page),
        cmocka_unit_test(what_is_shown_can_be_typed_again),
        cmocka_unit_test(choices_go_by_the_alphabet_without_accents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
