/* Texts for SMS keep to the letters that every phone has. */
#include "hub/web/sms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* after the three above */
#include <cmocka.h>

static void letters_outside_the_alphabet_become_those_nearest_to_them(void **state)
{
    static const struct {
        const char *text, *sms;
    } cases[] = {
        {"CCAS de Redon : où, quand, qui ?", "CCAS de Redon : où, quand, qui ?"},
        {"l’été à l\xe2\x80\xafheure", "l'été à l heure"},
        {"forêt, cœur, maïs, Noël", "foret, coeur, mais, Noel"},
        {"« oui »", "\" oui \""},
        {"a\xc2\xa0: b", "a : b"},
        {"[x] {y} a|b c\\d e^f ~", "(x) (y) a/b c/d e f -"},
        {"10 €", "10 EUR"},
        {"tab\tend", "tab end"},
        {"Україна", "Україна"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        AUTO(buf_done) struct buf out = {0};
        sms_letters(cases[i].text, &out);
        assert_string_equal(buf_text(&out), cases[i].sms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_outside_the_alphabet_become_those_nearest_to_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
