/* Opening hours in everyday words are kept in the grammar of directories. */
#include "hub/web/hours_typed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* after the three above */
#include <cmocka.h>

static void expect(enum language language, const char *typed, const char *kept)
{
    AUTO(buf_done) struct buf out = {0};
    hours_typed_read(catalog_of(language), typed, &out);
    assert_string_equal(buf_text(&out), kept);
}

static void everyday_words_become_the_grammar(void **state)
{
    static const struct {
        const char *typed, *kept;
    } french[] = {
        {"lundi au vendredi 9h-12h et 14h-17h30", "Mo-Fr 09:00-12:00,14:00-17:30"},
        {"Lu-Ve 9h00 à 12h00, 14h à 17h ; Sa 10h-12h",
         "Mo-Fr 09:00-12:00,14:00-17:00; Sa 10:00-12:00"},
        {"du lundi au jeudi de 9 h 30 à 12 h 30", "Mo-Th 09:30-12:30"},
        {"mardi et jeudi : 14h – 16h", "Tu,Th 14:00-16:00"},
        {"mar. jeu. 9-12", "Tu,Th 09:00-12:00"},
        {"lundi 9h-12h mardi 14h-16h", "Mo 09:00-12:00; Tu 14:00-16:00"},
        {"tous les jours 8h-20h, dimanche fermé", "Mo-Su 08:00-20:00; Su off"},
        {"lun.–ven. 09:00–12:00", "Mo-Fr 09:00-12:00"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(french); i++)
        expect(LANGUAGE_FRENCH, french[i].typed, french[i].kept);
    expect(LANGUAGE_ENGLISH, "Monday to Friday 9:00 to 12:00 and 14:00-17:00",
           "Mo-Fr 09:00-12:00,14:00-17:00");
    expect(LANGUAGE_ENGLISH, "Sat 10-12; Sunday closed", "Sa 10:00-12:00; Su off");
}

static void what_is_in_the_grammar_or_cannot_be_told_stays_as_it_is(void **state)
{
    static const char *const same[] = {
        "",
        "Mo-Fr 09:00-12:00,14:00-17:00; Sa 10:00-12:00",
        "Mar 01-Mar 15 10:00-12:00",
        "24/7",
        "sur rendez-vous",
        "lundi matin",
        "lundi 9h",
        "lundi 9h-12h-14h",
        "lundi 9h et 12h",
        "9h à",
        "lundi 29h-31h",
        "fermé",
        "au",
        "lundi au",
        "; ;",
        "lundi 123h-12h",
        "\xc3\xa9\xc3\xa9",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        expect(LANGUAGE_FRENCH, same[i], same[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everyday_words_become_the_grammar),
        cmocka_unit_test(what_is_in_the_grammar_or_cannot_be_told_stays_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
