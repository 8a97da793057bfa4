/* What a coordinator's sentence says about the notice it becomes, and names of persons in it. */
#include "hub/domain/notice.h"
#include "hub/domain/notice_guess.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define WEDNESDAY 3

static const struct {
    const char *text, *kind; /* "": not said */
    uint32_t amount;
    const char *unit, *what; /* what NULL: the whole text */
} sentences[] = {
    {"12 matelas pour vendredi", "", 12, "matelas", "matelas"}, /* no verb: a person says it */
    {"Il nous faut 12 matelas pour vendredi", "shortage", 12, "matelas", "matelas"},
    {"Il nous faudrait 3 tables et 20 chaises", "shortage", 3, "tables", "tables et 20 chaises"},
    {"on cherche deux bénévoles jeudi de 14 h à 17 h", "shortage", 2, "bénévoles",
     "bénévoles jeudi de 14 h à 17 h"},
    {"Besoin de 10 h d'interprétariat en arabe", "shortage", 10, "h", "interprétariat en arabe"},
    {"Nous cherchons un lave-linge", "shortage", 1, "lave-linge", "lave-linge"},
    {"On n'a plus de couches taille 4", "shortage", 0, "", "couches taille 4"},
    {"Qui aurait une poussette double ?", "shortage", 1, "poussette", "poussette double"},
    {"Qui peut nous prêter une remorque samedi ?", "shortage", 1, "remorque", "remorque"},
    {"URGENT : 30 couvertures avant ce soir", "shortage", 30, "couvertures", "couvertures"},
    {"Recherche vélo enfant de 6 ans", "shortage", 0, "", "vélo enfant de 6 ans"},
    {"Bonjour, nous avons besoin de 5 chargeurs de téléphone, merci", "shortage", 5, "chargeurs",
     "chargeurs de téléphone"},
    {"Il manque 4 lits bébé", "shortage", 4, "lits", "lits bébé"},
    {"on cherche un frigo, le nôtre est en panne", "shortage", 1, "frigo",
     "frigo, le nôtre est en panne"},
    {"Collecte de fournitures scolaires : cahiers et stylos", "shortage", 0, "",
     "fournitures scolaires : cahiers et stylos"},
    {"il faut une vingtaine de chaises pour le 12 décembre", "shortage", 20, "chaises",
     "chaises pour le 12 décembre"},
    {"Nous cherchons un groupe électrogène", "shortage", 1, "groupe", "groupe électrogène"},
    {"avez-vous 2 rallonges de 10 m ?", "shortage", 2, "rallonges", "rallonges de 10 m"},
    {"We need 12 mattresses by Friday", "shortage", 12, "mattresses", "mattresses"},
    {"Looking for two volunteers on Thursday", "shortage", 2, "volunteers", "volunteers"},
    {"Does anyone have a spare fridge?", "shortage", 0, "", "fridge"},
    {"We are short of nappies", "shortage", 0, "", "nappies"},
    {"Need 3 old laptops", "shortage", 3, "laptops", "old laptops"},

    {"On a 40 kg de yaourts à donner avant demain", "surplus", 40, "kg", "yaourts"},
    {"40kg de yaourts à donner", "surplus", 40, "kg", "yaourts"},
    {"On donne 9 bureaux", "surplus", 9, "bureaux", "bureaux"},
    {"Il nous reste 15 repas ce midi", "surplus", 15, "repas", "repas"},
    {"surplus de pommes : 6 cagettes", "surplus", 6, "caisses", "pommes : 6 cagettes"},
    {"Nous avons trop de pain, une trentaine de baguettes à prendre ce soir", "surplus", 30,
     "baguettes", "pain, une trentaine de baguettes"},
    {"à récupérer : 3 armoires en bon état", "surplus", 3, "armoires", "armoires en bon état"},
    {"On a des vêtements d'hiver en trop", "surplus", 0, "", "vêtements d'hiver"},
    {"Nous donnons 2 cartons de livres jeunesse", "surplus", 2, "cartons", "livres jeunesse"},
    {"on se sépare de 4 écrans 24 pouces", "surplus", 4, "écrans", "écrans 24 pouces"},
    {"invendus du marché : 25 kg de légumes", "surplus", 25, "kg", "marché : 25 kg de légumes"},
    {"Don de 1 200 masques", "surplus", 1200, "masques", "masques"},
    {"Nous avons 6 cartons de couches", "surplus", 6, "cartons", "couches"},
    {"1,5 kg de fraises à sauver", "surplus", 2, "kg", "fraises"},
    {"vingt-cinq chaises à donner", "surplus", 25, "chaises", "chaises"},
    {"une douzaine d'œufs à donner", "surplus", 12, "œufs", "œufs"},
    {"We give away 8 chairs", "surplus", 8, "chairs", "chairs"},
    {"Too many tomatoes: 20 kg to collect today", "surplus", 20, "kg", "tomatoes"},
    {"We have 6 boxes of nappies", "surplus", 6, "cartons", "nappies"},
    {"Giving away a dozen of eggs", "surplus", 12, "eggs", "eggs"},

    {"On prête 6 ordinateurs deux matinées par semaine", "offer", 6, "ordinateurs",
     "ordinateurs deux matinées par semaine"},
    {"Nous proposons 2 heures d'aide aux devoirs le mercredi", "offer", 2, "h",
     "aide aux devoirs le mercredi"},
    {"Nous avons une salle libre le mardi", "offer", 1, "salle", "salle libre le mardi"},
    {"un camion disponible samedi", "offer", 1, "camion", "camion"},
    {"On peut accueillir 3 stagiaires", "offer", 3, "stagiaires", "stagiaires"},
    {"Prêt de barnums", "offer", 0, "", "barnums"},
    {"mise à disposition de 2 bureaux", "offer", 2, "bureaux", "bureaux"},
    {"Nous avons un interprète en tigrigna", "offer", 1, "interprète", "interprète en tigrigna"},
    {"On a 4 places dans le minibus", "offer", 4, "places", "places dans le minibus"},
    {"We can lend a projector", "offer", 0, "", "projector"},
    {"We have a van free on Mondays", "offer", 0, "", "van free on Mondays"},
    {"Machine à coudre à prêter", "offer", 0, "", "Machine à coudre"},

    {"Qui enseigne le français le samedi ?", "question", 0, "", NULL},
    {"Est-ce que quelqu'un connaît un réparateur de vélos ?", "question", 0, "", NULL},
    {"Où trouver une écrivaine publique ?", "question", 0, "", NULL},
    {"Savez-vous qui répare les fauteuils ?", "question", 0, "", NULL},
    {"y a-t-il un vestiaire ouvert en août ?", "question", 0, "", NULL},
    {"Une idée pour le goûter ?", "question", 0, "", NULL},
    {"Who teaches French on Saturdays?", "question", 0, "", NULL},
    {"Where can people wash clothes?", "question", 0, "", NULL},

    {"Nous fermons cette semaine", "situation", 0, "", NULL},
    {"Coupure d'eau lundi, il faut prévoir des bouteilles", "situation", 0, "", NULL},
    {"L'accueil est fermé jusqu'à lundi", "situation", 0, "", NULL},
    {"Inondation : la salle est indisponible", "situation", 0, "", NULL},
    {"The shop will be closed until Monday", "situation", 0, "", NULL},
    {"No water in the building", "situation", 0, "", NULL},

    {"On cherche un partenaire pour tenir la cantine", "opportunity", 0, "", NULL},
    {"Appel à projets : jardin partagé à plusieurs", "opportunity", 0, "", NULL},
    {"Looking for partners to run the canteen", "opportunity", 0, "", NULL},

    {"5 places dans un groupe de conversation", "group", 5, "places", NULL},
    {"Nous ouvrons un groupe de parole le jeudi", "group", 1, "groupe", NULL},
    {"A small group to walk on Sundays", "group", 0, "", NULL},

    {"bonjour", "", 0, "", "bonjour"},
    {"", "", 0, "", ""},
    {"35600 Redon", "", 0, "", "35600 Redon"},
    {"02 99 71 00 00", "", 0, "", "02 99 71 00 00"},
    {"ramettes A4", "", 0, "", "ramettes A4"},
    {"3 €", "", 0, "", NULL},
};

static void sentences_say_kind_quantity_unit_and_thing(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
        AUTO(arena_free) struct arena *arena = arena_create(0);
        struct notice_guess guess = notice_guess(arena, sentences[i].text, WEDNESDAY);
        const char *kind = notice_kind_name(guess.kind);
        const char *what = sentences[i].what ? sentences[i].what : sentences[i].text;
        kind = kind ? kind : "";
        if (strcmp(kind, sentences[i].kind) == 0 && guess.amount == sentences[i].amount &&
            strcmp(guess.unit, sentences[i].unit) == 0 && strcmp(guess.what, what) == 0)
            continue;
        print_error("\"%s\": \"%s\" %u \"%s\" \"%s\"\n", sentences[i].text, kind, guess.amount,
                    guess.unit, guess.what);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    assert_true(ARRAY_LEN(sentences) >= 60);
}

static void ends_are_counted_in_days_from_today(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int days; /* today is a Wednesday */
    } ends[] = {
        {"12 matelas pour vendredi", 2},
        {"on cherche un camion mercredi", 7},
        {"yaourts à donner avant demain", 1},
        {"à prendre aujourd'hui", 0},
        {"à prendre ce soir", 0},
        {"jusqu’au lundi", 5},
        {"après-demain au plus tard", 2},
        {"jeudi ou vendredi", 2},
        {"qui enseigne le samedi ?", NOTICE_GUESS_NO_DAY},
        {"une salle tous les mardis", NOTICE_GUESS_NO_DAY},
        {"van free on Mondays", NOTICE_GUESS_NO_DAY},
        {"two volunteers on Thursday", 1},
        {"chaises", NOTICE_GUESS_NO_DAY},
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        AUTO(arena_free) struct arena *arena = arena_create(0);
        struct notice_guess guess = notice_guess(arena, ends[i].text, WEDNESDAY);
        if (guess.days != ends[i].days)
            print_error("\"%s\": %d\n", ends[i].text, guess.days);
        assert_int_equal(guess.days, ends[i].days);
    }
}

static void food_that_is_left_over_is_perishable(void **state)
{
    (void)state;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    assert_true(notice_guess(arena, "40 kg de yaourts à donner", 0).perishable);
    assert_false(notice_guess(arena, "9 bureaux à donner", 0).perishable);
    assert_false(notice_guess(arena, "il nous faut du lait", 0).perishable);
}

static void anything_typed_gives_a_guess_that_fits(void **state)
{
    (void)state;
    char text[4001];
    AUTO(arena_free) struct arena *arena = arena_create(0);
    for (size_t i = 0; i < 4000; i++)
        text[i] = (i % 9) == 8 ? ' ' : (char)('a' + i % 7);
    text[4000] = '\0';
    struct notice_guess guess = notice_guess(arena, text, 0);
    assert_true(strlen(guess.what) <= NOTICE_WHAT_MAX && guess.what[0]);
    assert_true(guess.detail[0]);
    memset(text, '9', 4000);
    assert_int_equal(notice_guess(arena, text, 0).amount, 0);
    guess = notice_guess(arena, "\xff\xfe", 9);
    assert_string_equal(guess.what, "");
}

static void names_of_persons_are_hinted_at(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hint; /* NULL: none */
    } texts[] = {
        {"un lit pour Mme Dupont", "Mme Dupont"},
        {"un lit pour M. Nguyen", "M. Nguyen"},
        {"demander Monsieur Kerléo", "Monsieur Kerléo"},
        {"ask Mrs Smith", "Mrs Smith"},
        {"un vélo pour Fatoumata", "Fatoumata"},
        {"appeler Jean-Bernard Le Goff", "Jean-Bernard"},
        {"voir avec Élodie", "Élodie"},
        {"12 matelas pour vendredi", NULL},
        {"rue Jean Jaurès", NULL},
        {"école Sainte-Marie", NULL},
        {"place du Général Leclerc", NULL},
        {"Redon, quai Saint-Jacques", NULL},
        {"salle Marie Curie", NULL},
        {"une pierre et une rose", NULL},
        {"M", NULL},
        {"rallonge de 10 m", NULL},
        {"la mairie de Redon", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO(arena_free) struct arena *arena = arena_create(0);
        const char *hint = notice_name_hint(arena, texts[i].text);
        if (!hint != !texts[i].hint || (hint && strcmp(hint, texts[i].hint) != 0))
            fail_msg("\"%s\": %s", texts[i].text, hint ? hint : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sentences_say_kind_quantity_unit_and_thing),
        cmocka_unit_test(ends_are_counted_in_days_from_today),
        cmocka_unit_test(food_that_is_left_over_is_perishable),
        cmocka_unit_test(anything_typed_gives_a_guess_that_fits),
        cmocka_unit_test(names_of_persons_are_hinted_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
