/* What the API says in English, in the language of the page. */
#include "hub/web/sentences.h"

#include "hub/domain/authoring.h"
#include "hub/domain/node_keys.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct {
    const char *english, *french;
} cases[] = {
    {"the working key of this hub runs out in 1 days: run \"hubctl keys rotate\"",
     "La clé de travail de ce hub finit dans 1 jour : lancez « hubctl keys rotate » avec la "
     "feuille 1."},
    {"the working key of this hub runs out in 30 days: run it",
     "La clé de travail de ce hub finit dans 30 jours : lancez « hubctl keys rotate » avec la "
     "feuille 1."},
    {"introduced by Café & Cie: l'épicerie", "présenté par Café & Cie: l'épicerie"},
    {"members of the circle Pays de Redon accept each other",
     "les membres du cercle Pays de Redon s’acceptent"},
    {"Referrals are still open and nothing passes any more: follow up by phone, 02 99 71 00 00.",
     "Des orientations sont encore ouvertes et plus rien ne passe : suivez-les par téléphone, 02 "
     "99 71 00 00."},
    {"Referrals are still open and nothing passes any more: follow up by phone.",
     "Des orientations sont encore ouvertes et plus rien ne passe : suivez-les par téléphone."},
    {"queue envelope: this hub is not blocked here", "Ce hub n’est pas bloqué ici."},
    {"2 audit logs do not match what was signed before: see hubctl audit list",
     "2 journaux ne correspondent pas à ce qui avait été signé : regardez les alarmes "
     "ci-dessous."},
    {"accept needs contact_name: write the person to ask for at your service",
     "Dites qui demander chez vous : un nom, ou « l’accueil »."},
    {"review is not a date: write 2026-12-15, or 2026-12-15T14:00Z",
     "Écrivez la date ainsi : 2026-12-15. Avec l’heure : 2026-12-15T14:00."},
    {"review is a day that has passed: choose one to come",
     "Ce jour est déjà passé : choisissez un jour à venir pour refaire le point."},
    {"field \"amount\" of Quantity must be a whole number from 0, of 32 bits",
     "Le nombre s’écrit en chiffres, sans virgule ni unité : 12."},
    {"the consent does not cover what is sent: language; ask the person and add it to "
     "consent.field, or leave it out",
     "Ce qui est écrit ici n’est pas encore coché. Demandez à la personne, cochez ce qu’elle "
     "accepte, ou effacez le reste."},
    {"the area \"Rdon\" is not the name of one commune or EPCI known here: give its code",
     "« Rdon » : nous ne trouvons pas une commune ou une intercommunalité de ce nom, ou il y en "
     "a plusieurs. Donnez son code : 35236, 243500741."},
    {"the smallest part is more than there is: 12 at most",
     "La plus petite quantité dépasse le total : 12 au plus."},
    {"only 1 remain", "Il n’en reste que 1 : demandez-en moins."},
    {"field \"quantity\" of ClaimNoticeRequest must be a whole number from 0, of 32 bits",
     "Le nombre s’écrit en chiffres, sans virgule ni unité : 12."},
    {"many audit logs", NULL},
    {"introduced by ", NULL},
    {"something else", NULL},
    {"", NULL},
};

static void sentences_are_said_with_what_they_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_done) struct buf said = {0};
        bool known = sentence_say(catalog_of(LANGUAGE_FRENCH), cases[i].english, &said);
        assert_int_equal(known, cases[i].french != NULL);
        if (known)
            assert_string_equal(buf_text(&said), cases[i].french);
        else
            assert_int_equal(said.len, 0);
    }
}

static void expect_known(const char *english)
{
    for (enum language i = 0; i < LANGUAGE_COUNT; i++) {
        AUTO(buf_done) struct buf said = {0};
        if (!sentence_say(catalog_of(i), english, &said) || !said.len)
            fail_msg("no page can say: %s", english);
    }
}

static void every_reason_for_silence_and_every_state_of_keys_is_known_in_both_languages(
    void **state)
{
    (void)state;
    for (int bar = AUTHORING_OPEN + 1; bar <= AUTHORING_REVOKED; bar++)
        expect_known(authoring_words((enum authoring_bar)bar));
    for (int standing = NODE_KEYS_SILENT; standing <= NODE_KEYS_DUPLICITY; standing++)
        expect_known(node_keys_sentence((enum node_keys_standing)standing));
}

static void every_sentence_has_a_text_in_both_languages(void **state)
{
    (void)state;
    const char *key;
    for (size_t i = 0; (key = sentence_key(i)); i++)
        for (enum language language = 0; language < LANGUAGE_COUNT; language++)
            if (!catalog_has(catalog_of(language), key))
                fail_msg("%s is not in %s.po", key, catalog_of(language)->code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sentence_has_a_text_in_both_languages),
        cmocka_unit_test(sentences_are_said_with_what_they_name),
        cmocka_unit_test(
            every_reason_for_silence_and_every_state_of_keys_is_known_in_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
