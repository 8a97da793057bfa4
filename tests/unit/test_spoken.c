/* Languages as people and files write them come to one code. */
#include "hub/domain/fit.h"
#include "hub/domain/spoken.h"
#include "hub/web/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the three above */
#include <cmocka.h>

static void expect(const char *written, const char *code)
{
    const char *found = spoken_find(bytes_text(written));
    if (code ? !found || strcmp(found, code) != 0 : found != NULL)
        fail_msg("\"%s\" is %s, not %s", written, found ? found : "unknown", code ? code : "that");
}

static void a_language_is_found_by_name_and_by_code(void **state)
{
    static const struct {
        const char *written, *code;
    } cases[] = {
        {"arabe", "ar"},
        {"ARABE", "ar"},
        {"Arabic", "ar"},
        {"  arabe ", "ar"},
        {"l’arabe", "ar"},
        {"en arabe", "ar"},
        {"arabe (Syrie)", "ar"},
        {"langue arabe", "ar"},
        {"Français", "fr"},
        {"francais", "fr"},
        {"FRANC\xcc\xa7"
         "AIS",
         "fr"},
        {"fr", "fr"},
        {"FR", "fr"},
        {"fra", "fr"},
        {"fre", "fr"},
        {"fr-FR", "fr"},
        {"fr_BE", "fr"},
        {"pt-BR", "pt"},
        {"ukrainien", "uk"},
        {"Ukrainian", "uk"},
        {"pachtou", "ps"},
        {"pashto", "ps"},
        {"persan", "fa"},
        {"farsi", "fa"},
        {"dari", "prs"},
        {"LSF", "fsl"},
        {"langue des signes", "fsl"},
        {"langue des signes française (LSF)", "fsl"},
        {"French sign language", "fsl"},
        {"peul", "ff"},
        {"Pulaar", "ff"},
        {"soninké", "snk"},
        {"romani", "rom"},
        {"rmy", "rom"},
        {"mandarin", "zh"},
        {"créole", "cpf"},
        {"shimaoré", "swb"},
        {"comorien", "zdj"},
        {"kurde (sorani)", "ckb"},
        {"Sorani", "ckb"},
        /* nobody knows which */
        {"klingon", NULL},
        {"", NULL},
        {" ", NULL},
        {"()", NULL},
        {"-", NULL},
        {"xyz", NULL},
        {"une personne qui parle arabe", NULL},
        {"\xff\xfe", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].written, cases[i].code);
    char longest[SPOKEN_TEXT_MAX + 2];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    expect(longest, NULL);
}

static void what_is_kept_is_a_code(void **state)
{
    static const struct {
        const char *written, *kept;
    } cases[] = {
        {"Arabe", "ar"},
        {"FRA", "fr"},
        {"pt-BR", "pt-BR"},
        {"gsw", "gsw"},
        {"zh-Hant-TW", "zh-Hant-TW"},
        {"tet", "tet"},
        {"klingon", NULL},
        {"fr-", "fr"},
        {"tet-x y", NULL},
        {"Tet", NULL},
        {"f", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char kept[SPOKEN_CODE] = "";
        if (spoken_read(bytes_text(cases[i].written), kept) != (cases[i].kept != NULL) ||
            strcmp(kept, cases[i].kept ? cases[i].kept : "") != 0)
            fail_msg("\"%s\" is kept as \"%s\"", cases[i].written, kept);
    }
}

static void every_language_has_a_name_in_each_language_of_the_pages_that_leads_back(void **state)
{
    (void)state;
    assert_true(spoken_language_count >= 60);
    for (size_t i = 0; i < spoken_language_count; i++) {
        char key[16];
        snprintf(key, sizeof(key), "speaks.%s", spoken_languages[i].code);
        assert_true(spoken_is_code(spoken_languages[i].code));
        expect(spoken_languages[i].code, spoken_languages[i].code);
        for (enum language page = 0; page < LANGUAGE_COUNT; page++) {
            if (!catalog_has(catalog_of(page), key))
                fail_msg("no %s in %s.po", key, catalog_of(page)->code);
            const char *name = catalog_text(catalog_of(page), key, 1), *list = name;
            struct bytes word;
            expect(name, spoken_languages[i].code);
            assert_true(spoken_next(&list, &word)); /* no comma in it */
            assert_int_equal(word.len, strlen(name));
            if (i > 0)
                assert_true(strcmp(spoken_languages[i - 1].code, spoken_languages[i].code) < 0);
        }
    }
}

static void a_list_is_taken_apart(void **state)
{
    static const struct {
        const char *list, *words[4];
    } cases[] = {
        {"arabe", {"arabe"}},
        {"arabe, anglais;turc", {"arabe", "anglais", "turc"}},
        {"arabe et anglais", {"arabe", "anglais"}},
        {"Arabic and English or Turkish.", {"Arabic", "English", "Turkish"}},
        {"arabe/anglais | turc\nukrainien", {"arabe", "anglais", "turc", "ukrainien"}},
        {"arabe - anglais – turc", {"arabe", "anglais", "turc"}},
        {"serbo-croate", {"serbo-croate"}},
        {" ,, ; arabe ,", {"arabe"}},
        {"", {NULL}},
        {" , ", {NULL}},
        {"et ", {"et"}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *list = cases[i].list;
        struct bytes word;
        size_t count = 0;
        while (spoken_next(&list, &word)) {
            assert_true(count < 4 && cases[i].words[count]);
            if (!bytes_equal(word, bytes_text(cases[i].words[count])))
                fail_msg("\"%s\": %.*s is not %s", cases[i].list, (int)word.len,
                         (const char *)word.data, cases[i].words[count]);
            count++;
        }
        assert_true(count == 4 || !cases[i].words[count]);
    }
}

static void who_speaks_a_language_gets_along_in_the_same_however_it_is_written(void **state)
{
    static const struct {
        const char *service, *person;
        bool fits;
    } cases[] = {
        {"fr", "fr", true},       {"fra", "fr", true},    {"fr", "fra", true},
        {"français", "fr", true}, {"fr", "pt-BR", false}, {"pt-BR", "pt", true},
        {"en", "fr", false},      {"ku", "ckb", true},    {"ckb", "ku", true},
        {"kmr", "ckb", false},    {"fa", "prs", true},    {"persan d'Afghanistan", "prs", true},
        {"dari", "persan", true}, {"xyz", "xyz", true},   {"xyz", "fr", false},
        {"ar", "arabe", true},    {"zh", "yue", true},    {"cpf", "rcf", true},
        {"rcf", "gcf", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *language[] = {(char *)(uintptr_t)cases[i].service};
        Maillon__Hfp__V1__ServiceContent content = MAILLON__HFP__V1__SERVICE_CONTENT__INIT;
        content.language = language;
        content.n_language = 1;
        const struct fit_person person = {.language = cases[i].person};
        if (spoken_meets(cases[i].service, cases[i].person) != cases[i].fits)
            fail_msg("%s and %s", cases[i].service, cases[i].person);
        if ((fit_of(&content, &person) == 0) != cases[i].fits)
            fail_msg("a service in %s for who speaks %s", cases[i].service, cases[i].person);
        assert_int_equal(fit_good(&content, &person) != 0, cases[i].fits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_language_is_found_by_name_and_by_code),
        cmocka_unit_test(what_is_kept_is_a_code),
        cmocka_unit_test(every_language_has_a_name_in_each_language_of_the_pages_that_leads_back),
        cmocka_unit_test(a_list_is_taken_apart),
        cmocka_unit_test(who_speaks_a_language_gets_along_in_the_same_however_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
