/* The built-in communes and their EPCI, and the list that an admin loads in their place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/domain/commune.h"
#include "tests/support/directory_fixture.h"
#include <stdio.h>

#define REDON_CODE "243500741"

static void import_list(struct domain_fixture *f, const char *csv)
{
    uint32_t communes, epcis;
    assert_ok(f, commune_import(&f->tx, bytes_text(csv), &communes, &epcis, &f->err));
}

static void assert_epci(struct domain_fixture *f, const char *commune, const char *expected)
{
    struct fit_person person = {.commune = commune};
    assert_ok(f, commune_fill_epci(f->tx.store, f->tx.arena, &person, &f->err));
    const char *epci = person.epci ? person.epci : "";
    if (strcmp(epci, expected) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", commune, epci, expected);
}

static void assert_name(struct domain_fixture *f, const char *epci, const char *expected)
{
    const char *name;
    assert_ok(f, commune_epci_name(f->tx.store, f->tx.arena, epci, &name, &f->err));
    assert_string_equal(name, expected);
}

/* --- the tables ------------------------------------------------------------------------------- */

static void tables_are_sorted(void **state UNUSED)
{
    for (size_t i = 1; i < epci_built_in_count; i++)
        assert_true(strcmp(epci_built_in[i - 1].code, epci_built_in[i].code) < 0);
    for (size_t i = 1; i < commune_built_in_count; i++)
        assert_true(strcmp(commune_built_in[i - 1].code, commune_built_in[i].code) < 0);
}

/* One line of the file; every code must lead back to the EPCI of the line. */
static size_t check_line(char *line, size_t epcis)
{
    size_t count = 0;
    char *save = NULL, *name = strstr(line, " | "), *codes = strstr(name + 3, " | ");
    assert_non_null(codes);
    *name = *codes = '\0';
    assert_string_equal(epci_built_in[epcis].code, line);
    assert_string_equal(epci_built_in[epcis].name, name + 3);
    for (char *code = strtok_r(codes + 3, " |\n", &save); code;
         code = strtok_r(NULL, " |\n", &save), count++) {
        size_t from = 0, to = commune_built_in_count;
        while (from < to) {
            size_t middle = (from + to) / 2;
            if (strcmp(commune_built_in[middle].code, code) < 0)
                from = middle + 1;
            else
                to = middle;
        }
        assert_true(from < commune_built_in_count);
        assert_string_equal(commune_built_in[from].code, code);
        assert_int_equal(commune_built_in[from].epci, epcis);
    }
    return count;
}

static void tables_are_the_whole_of_their_file(void **state UNUSED)
{
    char path[4096], *line = NULL;
    size_t size = 0, epcis = 0, communes = 0;
    snprintf(path, sizeof(path), "%s/../../hub/domain/communes.epci", getenv("MAILLON_VECTORS"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (getline(&line, &size, file) > 0) {
        if (*line == '#' || *line == '\n')
            continue;
        assert_true(epcis < epci_built_in_count);
        communes += check_line(line, epcis++);
    }
    free(line);
    fclose(file);
    assert_int_equal(epcis, epci_built_in_count);
    assert_int_equal(communes, commune_built_in_count);
    assert_true(epcis > 1200 && communes > 34000);
}

/* --- what they answer ------------------------------------------------------------------------- */

static void communes_of_france_have_their_epci_without_any_import(void **state)
{
    struct domain_fixture *f = *state;
    assert_epci(f, "35236", REDON_CODE); /* Redon, and its neighbours of two other departments */
    assert_epci(f, "44185", REDON_CODE);
    assert_epci(f, "56001", REDON_CODE);
    assert_epci(f, "35238", "243500139"); /* Rennes */
    assert_epci(f, "2A004", "242010056"); /* Ajaccio, Bastia */
    assert_epci(f, "2B033", "242000354");
    assert_epci(f, "97411", "249740119"); /* Saint-Denis of La Réunion */
    assert_name(f, REDON_CODE, "CA Redon Agglomération");
    assert_name(f, "200036473", "CA \"Saintes - Grandes Rives - L'Agglo\"");
}

static void codes_of_before_and_of_arrondissements_lead_to_the_commune_of_today(void **state)
{
    struct domain_fixture *f = *state;
    assert_epci(f, "35036", REDON_CODE); /* Brain-sur-Vilaine, of La Chapelle-de-Brain since 2008 */
    assert_epci(f, "75056", "200054781");
    assert_epci(f, "75101", "200054781");
    assert_epci(f, "75120", "200054781");
    assert_epci(f, "69123", "200046977");
    assert_epci(f, "69381", "200046977");
    assert_epci(f, "13055", "200054807");
    assert_epci(f, "13216", "200054807");
}

static void assert_named(struct domain_fixture *f, const char *name, const char *expected)
{
    char epci[EPCI_CODE];
    assert_ok(f, commune_find_epci_named(f->tx.store, name, epci, &f->err));
    if (strcmp(epci, expected) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", name, epci, expected);
}

static void epci_is_found_by_its_name_in_any_writing(void **state)
{
    struct domain_fixture *f = *state;
    assert_named(f, "CA Redon Agglomération", REDON_CODE);
    assert_named(f, "redon agglomeration", REDON_CODE);
    assert_named(f, "Communauté d’agglomération Redon-Agglomération", REDON_CODE);
    assert_named(f, "RENNES METROPOLE", "243500139");
    assert_named(f, "CC du Pays de Pontchâteau Saint-Gildas-des-Bois", "200000438");
    assert_named(f, "Redon", "");
    assert_named(f, "", "");
    assert_named(f, "CA", "");
    assert_named(f, "\xff", "");
    /* Two have the same name; another two differ by their kind alone. */
    assert_named(f, "CC des Quatre Rivières", "");
    assert_named(f, "du Sud", "");
    assert_named(f, "CC du Sud", "200060473");
    assert_named(f, "CA du Sud", "249740085");
    import_list(f, "CODGEO,EPCI,LIBEPCI\n35236,299999999,CC de Demain\n"
                   "35219,299999999,CC de Demain\n35238,243500139,\n");
    assert_named(f, "de demain", "299999999");
    assert_named(f, "redon agglomeration", "");
    assert_named(f, "", "");
}

static void what_no_list_has_is_not_made_up(void **state)
{
    struct domain_fixture *f = *state;
    static const char *const none[] = {"",      "0",     "00000", "35999",  "99999",
                                       "29155", "3523",  "2a004", "352366", "98818",
                                       "2C004", "Redon", "35 36", "35236 "};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_epci(f, none[i], "");
    assert_name(f, "", "");
    assert_name(f, "299999999", "");
    assert_name(f, "35236", "");
    assert_null(epci_find_built_in("2435007411"));
}

static void loaded_list_alone_answers(void **state)
{
    struct domain_fixture *f = *state;
    import_list(f, "CODGEO,EPCI,LIBEPCI\n35236,299999999,CC of tomorrow\n");
    assert_epci(f, "35236", "299999999");
    assert_epci(f, "35238", "");
    assert_name(f, "299999999", "CC of tomorrow");
    assert_name(f, REDON_CODE, "");
    import_list(f, "CODGEO,EPCI\n35238,243500139\n");
    assert_epci(f, "35236", "");
    assert_epci(f, "35238", "243500139");
    assert_name(f, "243500139", "");
}

/* --- for whom a service is -------------------------------------------------------------------- */

/* Services for Redon Agglomération, seen from a commune. */
static struct directory_service seen_from(struct domain_fixture *f, const char *commune,
                                          const char *words)
{
    struct directory_results results;
    const struct directory_query query = {.words = words, .person = {.commune = commune}};
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 1);
    return results.services[0];
}

static void service_for_an_epci_suits_who_lives_there_and_nobody_else(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Garage\",\"structure_id\":\"s\","
                   "\"zone_eligibilite\":[\"" REDON_CODE "\"]}]");
    struct directory_service from_redon = seen_from(f, "35236", "garage"),
                             from_rennes = seen_from(f, "35238", "garage"),
                             from_ouessant = seen_from(f, "29155", "garage");
    assert_int_equal(from_redon.why_not, 0);
    assert_true(from_redon.good & 1u << FIT_ZONE);
    assert_false(from_redon.zone_doubt);
    assert_int_equal(from_rennes.why_not, 1u << FIT_ZONE);
    assert_int_equal(from_rennes.good & 1u << FIT_ZONE, 0);
    assert_false(from_rennes.zone_doubt);
    assert_int_equal(from_ouessant.why_not, 0); /* of no EPCI */
    assert_true(from_ouessant.zone_doubt);
}

static void service_for_an_epci_that_is_not_built_in_is_to_be_checked(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Garage\",\"structure_id\":\"s\","
                   "\"zone_eligibilite\":[\"299999999\"]},"
                   "{\"id\":\"2\",\"nom\":\"Atelier\",\"structure_id\":\"s\","
                   "\"zone_eligibilite\":[\"299999999\",\"" REDON_CODE "\"]}]");
    assert_int_equal(seen_from(f, "35236", "garage").why_not, 0);
    assert_true(seen_from(f, "35236", "garage").zone_doubt);
    assert_true(seen_from(f, "35236", "atelier").good & 1u << FIT_ZONE);
    assert_true(seen_from(f, "35238", "atelier").zone_doubt);
    import_list(f, "CODGEO,EPCI\n35236,243500741\n"); /* whole, as its admin says */
    assert_int_equal(seen_from(f, "35236", "garage").why_not, 1u << FIT_ZONE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_sorted),
        cmocka_unit_test(tables_are_the_whole_of_their_file),
        T(communes_of_france_have_their_epci_without_any_import),
        T(codes_of_before_and_of_arrondissements_lead_to_the_commune_of_today),
        T(epci_is_found_by_its_name_in_any_writing),
        T(what_no_list_has_is_not_made_up),
        T(loaded_list_alone_answers),
        T(service_for_an_epci_suits_who_lives_there_and_nobody_else),
        T(service_for_an_epci_that_is_not_built_in_is_to_be_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
