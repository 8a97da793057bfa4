#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/domain/commune.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/import_merge.h"
#include "hub/domain/import_review.h"
#include "hub/domain/import_twin.h"
#include "tests/support/directory_fixture.h"
#include <stdio.h>
#include <stdlib.h>

#define IMPORTS_SHOWN "SELECT count(*) FROM directory_entry WHERE id > 4294967296"

/* Two makers tell of one place, some metres apart. */
#define FIRST                                                                                      \
    "[{\"id\":\"1\",\"source\":\"a\",\"nom\":\"Cyber-centre du pays de Redon\",\"commune\":"       \
    "\"Redon\",\"code_postal\":\"35600\",\"latitude\":47.6514,\"longitude\":-2.084,\"telephone\":" \
    "\"0299000001\",\"date_maj\":\"2024-03-01\"}]"
#define SECOND                                                                                    \
    "[{\"id\":\"9\",\"source\":\"b\",\"nom\":\"Cybercentre du Pays de Redon\",\"commune\":"       \
    "\"Redon\",\"code_postal\":\"35600\",\"latitude\":47.6520,\"longitude\":-2.084,\"courriel\":" \
    "\"accueil@exemple.org\",\"site_web\":\"https://exemple.org\",\"date_maj\":\"2025-06-01\"}]"
#define FIRST_AGAIN                                                                                \
    "[{\"id\":\"1\",\"source\":\"a\",\"nom\":\"Cyber-centre du pays de Redon\",\"commune\":"       \
    "\"Redon\",\"code_postal\":\"35600\",\"latitude\":47.6514,\"longitude\":-2.084,\"telephone\":" \
    "\"0299000002\",\"date_maj\":\"2026-01-01\"}]"

static size_t pairs(struct domain_fixture *f, enum pair_decision decision, struct pair **ret)
{
    size_t count;
    int64_t total;
    assert_ok(f, pair_list(f->tx.store, f->tx.arena, decision, 100, ret, &count, &total, &f->err));
    assert_int_equal(count, total);
    return count;
}

static struct directory_service entry(struct domain_fixture *f, int64_t id)
{
    struct directory_service service;
    assert_ok(f, directory_get_entry(f->tx.store, f->tx.arena, id, &service, &f->err));
    return service;
}

static void likeness_is_of_letters_and_of_words_in_any_order(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool alike;
    } cases[] = {
        {"cybercentre de redon", "cybercentre de redon", true},
        {"cyber centre de redon", "cybercentre de redon", true},
        {"mission locale du pays de redon", "mission locale pays de redon", true},
        {"ccas mairie de redon", "mairie de redon ccas", true},
        {"mediatheque de redon", "ludotheque de redon", false},
        {"maison des services de plesse", "maison des services de guemene", false},
        {"mairie", "mairie de redon", false},
        {"", "x", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double likeness = twin_likeness(cases[i].a, cases[i].b);
        assert_true(likeness >= 0 && likeness <= 1);
        if ((likeness >= TWIN_LIKENESS) != cases[i].alike)
            fail_msg("%s / %s: %.3f", cases[i].a, cases[i].b, likeness);
    }
}

static void near_namesakes_are_asked_about_once(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    import_text(f, FIRST);
    assert_int_equal(import_text(f, SECOND).review, 1);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    assert_string_equal(list[0].why, "name");
    assert_true(list[0].likeness >= 85);
    assert_in_range(list[0].metres, 60, 75);
    import_text(f, FIRST_AGAIN);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    assert_ok(f, pair_decide(&f->tx, list[0].id, PAIR_APART, 0, "alix", &f->err));
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 0);
    import_text(f, FIRST); /* changed back: still two things */
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 0);
    assert_int_equal(search(f, "cybercentre", "").count, 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry"), 2);
}

/* The record of FIRST, under that name at that latitude. */
static struct import_report import_first(struct domain_fixture *f, const char *name,
                                         const char *latitude)
{
    char json[512];
    snprintf(json, sizeof(json),
             "[{\"id\":\"1\",\"source\":\"a\",\"nom\":\"%s\",\"commune\":\"Redon\","
             "\"code_postal\":\"35600\",\"latitude\":%s,\"longitude\":-2.084}]",
             name, latitude);
    return import_text(f, json);
}

static void open_question_stays_until_name_or_place_changes(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    import_text(f, FIRST);
    import_text(f, SECOND);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    int64_t asked = list[0].id;
    assert_int_equal(import_text(f, FIRST_AGAIN).review, 1); /* another phone number */
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    assert_int_equal(list[0].id, asked);
    assert_int_equal(import_first(f, "Ludothèque", "47.6514").review, 0);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 0);
    assert_int_equal(import_first(f, "Cyber-centre du pays de Redon", "47.6514").review, 1);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    assert_int_equal(import_first(f, "Cyber-centre du pays de Redon", "47.7").review, 0);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 0);
    assert_int_equal(import_first(f, "Cyber-centre du pays de Redon", "47.6513").review, 1);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
}

static void record_without_a_digest_is_held_against_the_others_again(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    import_text(f, FIRST);
    import_text(f, SECOND);
    assert_ok(f, store_exec(f->tx.store,
                            "DELETE FROM import_pair; UPDATE import_record SET "
                            "digest = zeroblob(32) WHERE record = 'structure/1'",
                            &f->err)); /* as an update from before schema 19 leaves it */
    assert_int_equal(import_text(f, FIRST).review, 1);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
}

static void farther_away_or_otherwise_named_is_another_place(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    import_text(
        f, "[{\"id\":\"1\",\"source\":\"a\",\"nom\":\"Maison des services\",\"latitude\":47.65,"
           "\"longitude\":-2.08},{\"id\":\"2\",\"source\":\"a\",\"nom\":\"Maison des service\","
           "\"latitude\":47.653,\"longitude\":-2.08},{\"id\":\"3\",\"source\":\"a\",\"nom\":"
           "\"Recyclerie\",\"latitude\":47.65,\"longitude\":-2.08}]");
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 0);
}

static void same_siret_in_a_commune_is_asked_about(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    import_text(f,
                "[{\"id\":\"1\",\"source\":\"a\",\"nom\":\"Mairie\",\"siret\":\"21350236700010\","
                "\"commune\":\"Redon\",\"code_postal\":\"35600\"},{\"id\":\"2\",\"source\":\"b\","
                "\"nom\":\"Espace numérique\",\"siret\":\"21350236700010\",\"commune\":\"REDON\","
                "\"code_postal\":\"35600\"},{\"id\":\"3\",\"source\":\"b\",\"nom\":\"Antenne\","
                "\"siret\":\"21350236700010\",\"commune\":\"Rieux\",\"code_postal\":\"56350\"}]");
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    assert_string_equal(list[0].why, "siret");
    assert_int_equal(list[0].metres, -1);
}

static void merged_record_fills_the_gaps_with_its_own_source_and_date(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    import_text(f, FIRST);
    import_text(f, SECOND);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    int64_t kept = list[0].first, gone = list[0].second;
    assert_ok(f, pair_decide(&f->tx, list[0].id, PAIR_ONE, kept, "alix", &f->err));
    struct directory_service s = entry(f, kept);
    assert_string_equal(s.content->name, "Cyber-centre du pays de Redon");
    assert_string_equal(s.content->phone, "0299000001");
    assert_string_equal(s.content->email, "accueil@exemple.org");
    assert_string_equal(s.content->url, "https://exemple.org");
    assert_int_equal(s.filled_count, 2);
    for (size_t i = 0; i < s.filled_count; i++) {
        assert_string_equal(s.filled[i].source, "b");
        assert_int_equal(s.filled[i].dated_ms, 1748736000000);
    }
    assert_int_equal(entry(f, gone).merged_into, kept);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry"), 1);
    /* Both files come again, changed: one entry, and no question. */
    import_text(f, FIRST_AGAIN);
    import_text(f,
                "[{\"id\":\"9\",\"source\":\"b\",\"nom\":\"Cybercentre du Pays de Redon\","
                "\"commune\":\"Redon\",\"code_postal\":\"35600\",\"latitude\":47.652,\"longitude\":"
                "-2.084,\"courriel\":\"nouveau@exemple.org\"}]");
    s = entry(f, kept);
    assert_string_equal(s.content->phone, "0299000002");
    assert_string_equal(s.content->email, "nouveau@exemple.org");
    assert_string_equal(s.content->url, "");
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry"), 1);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 0);
    /* And apart again. */
    assert_int_equal(pairs(f, PAIR_ONE, &list), 1);
    assert_ok(f, pair_decide(&f->tx, list[0].id, PAIR_OPEN, 0, "alix", &f->err));
    assert_string_equal(entry(f, kept).content->email, "");
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry"), 2);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
}

static void what_stays_and_closes_gives_the_other_back(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    import_text(f, FIRST);
    import_text(f, SECOND);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    assert_ok(f, pair_decide(&f->tx, list[0].id, PAIR_ONE, list[0].first, "alix", &f->err));
    import_text(f, "[{\"id\":\"1\",\"source\":\"a\",\"nom\":\"Cyber-centre du pays de Redon\","
                   "\"commune\":\"Redon\",\"AFFICHAGE\":\"INACTIF\"}]");
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry"), 1);
    assert_int_equal(entry(f, list[0].second).merged_into, 0);
    assert_int_equal(pairs(f, PAIR_ONE, &list), 0);
}

static void decisions_that_cannot_be_are_refused(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    import_text(f, FIRST);
    import_text(f, SECOND);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    struct pair p = list[0];
    assert_err(f, ERR_UNKNOWN, pair_decide(&f->tx, p.id + 1, PAIR_APART, 0, "x", &f->err));
    assert_err(f, ERR_INVALID, pair_decide(&f->tx, p.id, PAIR_ONE, 77, "x", &f->err));
    assert_ok(f, pair_decide(&f->tx, p.id, PAIR_ONE, p.first, "x", &f->err));
    assert_ok(f, pair_decide(&f->tx, p.id, PAIR_ONE, p.second, "x", &f->err)); /* the other way */
    assert_int_equal(entry(f, p.first).merged_into, p.second);
    assert_int_equal(entry(f, p.second).merged_into, 0);
}

static void own_entry_always_stays_and_says_only_its_own_words(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    char uid[SERVICE_UID_MAX + 1];
    service_content content =
        make_content("Atelier ordinateur", "Cyber-centre du pays de Redon", "Redon", "35600");
    content.latitude_e5 = 4765140;
    content.longitude_e5 = -208400;
    import_text(f, SECOND);
    assert_ok(f, directory_put_service(&f->tx, NULL, &content, uid, &f->err));
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
    assert_true(list[0].first < ENTRY_IMPORTS);
    struct pair p = list[0];
    assert_err(f, ERR_CONFLICT, pair_decide(&f->tx, p.id, PAIR_ONE, p.second, "x", &f->err));
    assert_ok(f, pair_decide(&f->tx, p.id, PAIR_ONE, p.first, "x", &f->err));
    assert_string_equal(entry(f, p.first).content->email, "");
    assert_int_equal(query_i64(f, IMPORTS_SHOWN), 0);
    assert_ok(f, directory_put_service(&f->tx, uid, &content, NULL, &f->err)); /* not asked again */
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 0);
    assert_ok(f, directory_remove_service(&f->tx, uid, &f->err));
    assert_int_equal(query_i64(f, IMPORTS_SHOWN), 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM import_pair"), 0);
}

static void imports_are_held_against_services_that_were_there_before(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    service_content content =
        make_content("Atelier ordinateur", "Cyber-centre du pays de Redon", "Redon", "35600");
    content.latitude_e5 = 4765140;
    content.longitude_e5 = -208400;
    assert_ok(f, directory_put_service(&f->tx, NULL, &content, NULL, &f->err));
    import_text(f, SECOND);
    assert_int_equal(pairs(f, PAIR_OPEN, &list), 1);
}

static void settled_words_do_not_come_back(void **state)
{
    struct domain_fixture *f = *state;
    struct review_group *groups;
    size_t count;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Lieu\",\"thematiques\":[\"jardinage-lunaire\"]},"
                   "{\"id\":\"2\",\"nom\":\"Lieu deux\",\"thematiques\":[\"jardinage-lunaire\"]},"
                   "{\"nom\":\"\"}]");
    assert_ok(f, review_list(f->tx.store, f->tx.arena, 10, &groups, &count, &f->err));
    assert_int_equal(count, 2);
    assert_int_equal(groups[0].count, 2);
    assert_string_equal(groups[0].field, "theme");
    assert_int_equal(groups[1].id, 0);
    assert_string_equal(groups[1].what, "has no name");
    assert_ok(f, review_settle(&f->tx, groups[0].id, &f->err));
    assert_err(f, ERR_UNKNOWN, review_settle(&f->tx, 99999, &f->err));
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Lieu un\",\"thematiques\":[\"jardinage-lunaire\"]}]");
    assert_ok(f, review_list(f->tx.store, f->tx.arena, 10, &groups, &count, &f->err));
    assert_int_equal(count, 0); /* refused lines are those of the last import */
}

static void sources_keep_their_licence(void **state)
{
    struct domain_fixture *f = *state;
    struct import_report report;
    struct import_source *sources;
    size_t count;
    struct import_file file = {.format = "data-inclusion",
                               .file = BYTES_LITERAL("[{\"id\":\"1\",\"nom\":\"Lieu\"}]"),
                               .source = "Hub du Sud",
                               .licence = "Licence Ouverte 2.0"};
    assert_ok(f, directory_import(&f->tx, &file, &report, &f->err));
    file.licence = NULL;
    assert_ok(f, directory_import(&f->tx, &file, &report, &f->err));
    assert_ok(f, review_list_sources(f->tx.store, f->tx.arena, 10, &sources, &count, &f->err));
    assert_int_equal(count, 1);
    assert_string_equal(sources[0].source, "Hub du Sud");
    assert_string_equal(sources[0].licence, "Licence Ouverte 2.0");
    assert_int_equal(sources[0].records, 1);
}

/* --- real data -------------------------------------------------------------------------------- */

static bool import_vector(struct domain_fixture *f, const char *name, const char *format)
{
    char path[1024];
    AUTO(buf_done) struct buf text = {0};
    struct import_report report;
    snprintf(path, sizeof(path), "%s/data/%s", getenv("MAILLON_VECTORS"), name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    for (size_t got; (got = fread(buf_reserve(&text, 65536), 1, 65536, file)) > 0;)
        text.len += got;
    fclose(file);
    const struct import_file import = {.format = format, .file = buf_bytes(&text), .source = name};
    assert_ok(f, directory_import(&f->tx, &import, &report, &f->err));
    arena_reset(f->tx.arena);
    return true;
}

static void real_files_have_doubles_and_none_is_far_fetched(void **state)
{
    struct domain_fixture *f = *state;
    struct pair *list;
    assert_true(import_vector(f, "doubles-2022.json", "data-inclusion"));
    assert_true(import_vector(f, "hinaura-auvergne-rhone-alpes-2021.json", "mediation-numerique"));
    size_t count = pairs(f, PAIR_OPEN, &list);
    assert_in_range(count, 8, 40);
    for (size_t i = 0; i < count; i++) {
        struct directory_service a = entry(f, list[i].first), b = entry(f, list[i].second);
        if (strcmp(list[i].why, "siret") == 0)
            assert_string_equal(a.siret, b.siret);
        else
            assert_true(list[i].likeness >= 85 && list[i].metres <= TWIN_METRES);
    }
    /* Every one of them can be decided, and the directory shows so many fewer. */
    int64_t before = query_i64(f, "SELECT count(*) FROM directory_entry");
    assert_ok(f, pair_decide(&f->tx, list[0].id, PAIR_ONE, list[0].first, "alix", &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry"), before - 1);
}

/* --- communes of EPCI ------------------------------------------------------------------------- */

static void communes_of_an_epci_are_read_from_the_table_of_insee(void **state)
{
    struct domain_fixture *f = *state;
    uint32_t communes, epcis;
    struct fit_person redon = {.commune = "35236"}, sein = {.commune = "29083"};
    const char *name;
    static const char table[] = "Composition communale des EPCI;;;\n"
                                "CODGEO;LIBGEO;EPCI;LIBEPCI;DEP;REG\n"
                                "35236;Redon;243500741;CA Redon Agglomération;35;53\n"
                                "35219;Pipriac;243500741;CA Redon Agglomération;35;53\n"
                                "29083;Île-de-Sein;ZZZZZZZZZ;Sans objet;29;53\n"
                                "2A004;Ajaccio;242010056;CA du Pays Ajaccien;2A;94\n";
    assert_ok(f, commune_import(&f->tx, BYTES_LITERAL(table), &communes, &epcis, &f->err));
    assert_int_equal(communes, 3);
    assert_int_equal(epcis, 2);
    assert_ok(f, commune_fill_epci(f->tx.store, f->tx.arena, &redon, &f->err));
    assert_string_equal(redon.epci, "243500741");
    assert_ok(f, commune_fill_epci(f->tx.store, f->tx.arena, &sein, &f->err));
    assert_null(sein.epci);
    assert_ok(f, commune_epci_name(f->tx.store, f->tx.arena, "243500741", &name, &f->err));
    assert_string_equal(name, "CA Redon Agglomération");
    assert_err(f, ERR_INVALID,
               commune_import(&f->tx, BYTES_LITERAL("a;b\n1;2\n"), &communes, &epcis, &f->err));
}

static void zone_of_an_epci_is_a_doubt_until_its_communes_are_known(void **state)
{
    struct domain_fixture *f = *state;
    uint32_t communes, epcis;
    struct directory_results results;
    const struct directory_query query = {.words = "mobilite", .person = {.commune = "35236"}};
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Garage mobilité\",\"structure_id\":\"s\","
                   "\"zone_eligibilite\":[\"299999999\"]}]");
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.count, 1);
    assert_int_equal(results.services[0].why_not, 0);
    assert_int_equal(results.services[0].good & 1u << FIT_ZONE, 0);
    assert_true(results.services[0].zone_doubt);
    assert_ok(f, commune_import(&f->tx, BYTES_LITERAL("CODGEO,EPCI\n35236,299999999\n"), &communes,
                                &epcis, &f->err));
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_int_equal(results.services[0].why_not, 0);
    assert_true(results.services[0].good & 1u << FIT_ZONE);
    assert_ok(f, commune_import(&f->tx, BYTES_LITERAL("CODGEO,EPCI\n35236,200000000\n"), &communes,
                                &epcis, &f->err));
    assert_ok(f, directory_search(f->tx.store, f->tx.arena, &query, &results, &f->err));
    assert_true(results.services[0].why_not & 1u << FIT_ZONE);
    assert_false(results.services[0].zone_doubt);
}

#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(likeness_is_of_letters_and_of_words_in_any_order),
        T(near_namesakes_are_asked_about_once),
        T(open_question_stays_until_name_or_place_changes),
        T(record_without_a_digest_is_held_against_the_others_again),
        T(farther_away_or_otherwise_named_is_another_place),
        T(same_siret_in_a_commune_is_asked_about),
        T(merged_record_fills_the_gaps_with_its_own_source_and_date),
        T(what_stays_and_closes_gives_the_other_back),
        T(decisions_that_cannot_be_are_refused),
        T(own_entry_always_stays_and_says_only_its_own_words),
        T(imports_are_held_against_services_that_were_there_before),
        T(settled_words_do_not_come_back),
        T(sources_keep_their_licence),
        T(real_files_have_doubles_and_none_is_far_fetched),
        T(communes_of_an_epci_are_read_from_the_table_of_insee),
        T(zone_of_an_epci_is_a_doubt_until_its_communes_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
