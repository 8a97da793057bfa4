#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/domain/import_review.h"
#include "proto/limits.h"
#include "tests/support/directory_fixture.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- real files ------------------------------------------------------------------------------- */

static const struct {
    const char *format;
    const char *vector, *services;        /* under tests/vectors/data */
    const char *shared, *shared_services; /* under ../shared/data, when it is there */
    unsigned refused_max;                 /* rows without a name */
} files[] = {
    {"data-inclusion", "data-inclusion-structures.json", "data-inclusion-services.json",
     "data-inclusion-2022/structures.json", "data-inclusion-2022/services.json", 0},
    {"data-inclusion", "redon-structures.json", NULL, "redon-territory/structures.json", NULL, 0},
    {"mediation-numerique", "hinaura-auvergne-rhone-alpes-2021.json", NULL,
     "mediation-numerique/hinaura-auvergne-rhone-alpes-2021.json", NULL, 0},
    {"mediation-numerique", "hub-du-sud-paca-2023.json", NULL,
     "mediation-numerique/hub-du-sud-paca-2023.json", NULL, 0},
    {"mediation-numerique", "nouvelle-caledonie-2024.json", NULL,
     "mediation-numerique/nouvelle-caledonie-2024.json", NULL, 0},
    {"mediation-numerique", "bus-france-services-charente-2023.json", NULL,
     "mediation-numerique/bus-france-services-charente-2023.json", NULL, 0},
    {"mediation-numerique", "conseillers-numeriques-france-2022.json", NULL,
     "mediation-numerique/conseillers-numeriques-france-2022.json", NULL, 0},
    {"mediation-numerique", "gironde.json", NULL, "mediation-numerique-raw/gironde.json", NULL, 0},
    {"mediation-numerique", "maine-et-loire.json", NULL,
     "mediation-numerique-raw/maine-et-loire.json", NULL, 3},
    {"mediation-numerique", "angers.json", NULL, "mediation-numerique-raw/angers.json", NULL, 0},
};

/* False when it is not there; free the data. */
static bool read_file(const char *dir, const char *name, struct buf *ret)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t got;
    do {
        got = fread(buf_reserve(ret, 65536), 1, 65536, file);
        ret->len += got;
    } while (got > 0);
    fclose(file);
    return true;
}

static struct import_report import_bytes(struct domain_fixture *f, const char *format,
                                         struct bytes file, struct bytes services, bool dry_run)
{
    struct import_report report;
    const struct import_file import = {format, file, services, "partner", dry_run, NULL};
    assert_ok(f, directory_import(&f->tx, &import, &report, &f->err));
    assert_int_equal(report.read,
                     report.created + report.updated + report.unchanged + report.refused);
    return report;
}

static void import_twice(struct domain_fixture *f, const char *dir, const char *name,
                         const char *services_name, const char *format, unsigned refused_max)
{
    AUTO(buf_done) struct buf file = {0};
    AUTO(buf_done) struct buf services = {0};
    if (!read_file(dir, name, &file))
        return;
    if (services_name)
        assert_true(read_file(dir, services_name, &services));
    struct import_report trial =
        import_bytes(f, format, buf_bytes(&file), buf_bytes(&services), true);
    struct import_report first =
        import_bytes(f, format, buf_bytes(&file), buf_bytes(&services), false);
    struct import_report second =
        import_bytes(f, format, buf_bytes(&file), buf_bytes(&services), false);
    if (first.read == 0 || first.refused > refused_max)
        fail_msg("%s: %u read, %u refused", name, first.read, first.refused);
    assert_int_equal(trial.read, first.read);
    assert_int_equal(trial.refused, first.refused);
    assert_int_equal(second.created + second.updated, 0);
    assert_int_equal(second.unchanged, first.read - first.refused);
}

static void every_real_sample_imports_and_again_changes_nothing(void **state)
{
    struct domain_fixture *f = *state;
    char dir[512];
    snprintf(dir, sizeof(dir), "%s/data", getenv("MAILLON_VECTORS"));
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        import_twice(f, dir, files[i].vector, files[i].services, files[i].format,
                     files[i].refused_max);
    assert_true(query_i64(f, "SELECT count(*) FROM import_record") > 300);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM import_record WHERE source = ''"), 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry e WHERE NOT EXISTS (SELECT "
                                  "1 FROM import_record r WHERE r.id = e.id - 4294967296)"),
                     0);
}

static void every_file_of_the_shared_data_imports_where_it_exists(void **state)
{
    struct domain_fixture *f = *state;
    char dir[512];
    snprintf(dir, sizeof(dir), "%s/../../../shared/data", getenv("MAILLON_VECTORS"));
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        import_twice(f, dir, files[i].shared, files[i].shared_services, files[i].format,
                     files[i].refused_max);
}

/* --- one record ------------------------------------------------------------------------------- */

static struct directory_service only_record(struct domain_fixture *f)
{
    struct directory_service *list;
    size_t count;
    int64_t last;
    assert_ok(
        f, directory_list_imports(f->tx.store, f->tx.arena, 0, 10, &list, &count, &last, &f->err));
    assert_int_equal(count, 1);
    return list[0];
}

static const struct import_mapping *find_mapping(const struct import_report *report,
                                                 const char *field, const char *from)
{
    for (size_t i = 0; i < report->mapping_count; i++)
        if (strcmp(report->mappings[i].field, field) == 0 &&
            strcmp(report->mappings[i].from, from) == 0)
            return &report->mappings[i];
    return NULL;
}

static void first_vocabulary_becomes_the_present_one(void **state)
{
    struct domain_fixture *f = *state;
    struct import_report report = import_text(
        f, "[{\"id\":\"s1\",\"structure_id\":\"x\",\"nom\":\"Aide\",\"date_maj\":\"2022-05-01\","
           "\"types\":[\"accueil\"],\"thematiques\":[\"gestion-financiere--obtenir-une-aide-"
           "alimentaire\",\"mobilite\"],\"profils\":[\"seniors-65\",\"retraites\"],"
           "\"frais\":[\"gratuit-sous-conditions\"],\"modes_accueil\":[\"a-distance\"]}]");
    struct directory_service s = only_record(f);
    assert_string_equal(s.record, "service/s1");
    assert_string_equal(s.source, "test");
    assert_string_equal(s.structure, "x");
    assert_string_equal(s.content->type, "information");
    assert_int_equal(s.content->n_theme, 2);
    assert_string_equal(s.content->theme[0], "equipement-et-alimentation--alimentation");
    assert_string_equal(s.content->theme[1], "mobilite");
    assert_int_equal(s.content->n_public_, 1);
    assert_string_equal(s.content->public_[0], "seniors");
    assert_string_equal(s.content->price, "gratuit");
    assert_string_equal(s.content->price_detail, "sous conditions");
    assert_string_equal(s.content->mode[0], "a-distance");
    const struct import_mapping *mapping = find_mapping(&report, "type", "accueil");
    assert_non_null(mapping);
    assert_string_equal(mapping->to, "information");
    assert_int_equal(mapping->count, 1);
    assert_null(find_mapping(&report, "theme", "mobilite")); /* as it was: nothing to report */
    assert_int_equal(report.review, 1);                      /* its structure is not known */
}

static void unknown_words_and_columns_are_kept_and_reported(void **state)
{
    struct domain_fixture *f = *state;
    struct import_report report =
        import_text(f, "[{\"id\":\"1\",\"nom\":\"Lieu\",\"thematiques\":[\"jardinage-lunaire\"],"
                       "\"Couleur\":\"bleu\",\"labels_nationaux\":\"CNFS\","
                       "\"contact_nom_prenom\":\"Une Personne\"}]");
    struct directory_service s = only_record(f);
    assert_int_equal(s.content->n_theme, 0);
    assert_non_null(strstr(s.extra, "jardinage-lunaire"));
    assert_non_null(strstr(s.extra, "bleu"));
    assert_non_null(strstr(s.extra, "CNFS"));
    assert_null(strstr(s.extra, "Personne"));
    assert_string_equal(find_mapping(&report, "theme", "jardinage-lunaire")->to, "");
    assert_string_equal(find_mapping(&report, "Couleur", "(column)")->to, "");
    assert_int_equal(report.review, 1);
    assert_int_equal(report.issue_count, 1);
    assert_int_equal(search(f, "jardinage", "").count, 1);
    struct review_group *groups;
    size_t count;
    assert_ok(f, review_list(f->tx.store, f->tx.arena, 10, &groups, &count, &f->err));
    assert_int_equal(count, 1);
    assert_string_equal(groups[0].source, "test");
    assert_string_equal(groups[0].record, "structure/1");
    assert_string_equal(groups[0].what, "unknown word \"jardinage-lunaire\"");
}

static void languages_become_codes_however_the_file_writes_them(void **state)
{
    struct domain_fixture *f = *state;
    static const char *const codes[] = {"fr", "en", "ar", "fsl", "pt-BR", "tet"};
    struct import_report report = import_text(
        f,
        "[{\"id\":\"1\",\"nom\":\"Accueil\",\"langues\":[\"Français\",\"fra\",\"fr\",\"Anglais / "
        "arabe\",\"Langue des signes (LSF)\",\"pt-BR\",\"tet\",\"sabir\"]}]");
    struct directory_service s = only_record(f);
    assert_int_equal(s.content->n_language, ARRAY_LEN(codes));
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_string_equal(s.content->language[i], codes[i]);
    assert_string_equal(find_mapping(&report, "language", "fra")->to, "fr");
    assert_null(find_mapping(&report, "language", "fr")); /* as it was: nothing to report */
    assert_string_equal(find_mapping(&report, "language", "sabir")->to, "");
    assert_non_null(strstr(s.extra, "sabir"));
    assert_int_equal(search(f, "sabir", "").count, 1);
    assert_true(fit_of(s.content, &(struct fit_person){.language = "fr"}) == 0);
}

static void a_file_that_says_no_language_has_none(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Accueil\",\"Langues parlées\":\"non\"}]");
    struct directory_service s = only_record(f);
    assert_int_equal(s.content->n_language, 0);
    assert_null(strstr(s.extra, "non"));
}

static void local_partner_rows_become_clean(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"ID_LieuMed\":\"LMN008\",\"DAT_MaJ\":\"19/02/2020\",\"NOM_STRUCTURE\":"
                   "\"  AMIA \",\"N°\":20,\"ADRESSE\":\"rue Armand Quenard\",\"CP\":1230,"
                   "\"COMMUNE\":\"Allonnes\",\"NUM_TEL\":252600965,\"INTERNET\":\"Oui\","
                   "\"DEM_Gen\":\"-\",\"PBC_Jeunes\":\"x\",\"PBC_Adh\":\"Adhérent\","
                   "\"SITE_WEB\":\"exemple.fr\",\"HORAIRE\":\"9h-12h \\\"sauf\\\" lundi\","
                   "\"x\":\"475198,121680863\",\"y\":\"6692424,50691385\"}]");
    const service_content *c = only_record(f).content;
    assert_string_equal(c->name, "AMIA");
    assert_string_equal(c->address, "20 rue Armand Quenard");
    assert_string_equal(c->postal_code, "01230");
    assert_string_equal(c->phone, "0252600965");
    assert_string_equal(c->url, "https://exemple.fr");
    assert_string_equal(c->opening_hours, "\"9h-12h 'sauf' lundi\"");
    assert_string_equal(c->theme[0], "numerique--acceder-a-une-connexion-internet");
    assert_int_equal(c->n_theme, 1);
    assert_string_equal(c->public_[0], "jeunes");
    assert_string_equal(c->price, "payant");
    assert_true(abs(c->latitude_e5 - 4729500) < 5000); /* Allonnes in Maine-et-Loire */
    assert_true(abs(c->longitude_e5 - 2500) < 5000);
    assert_int_equal(only_record(f).dated_ms, 1582070400000);
}

static void record_without_identifier_keeps_the_one_made_for_it(void **state)
{
    struct domain_fixture *f = *state;
    static const char json[] =
        "[{\"Lieu\":\"ACIFOP\",\"Adresse postale\":\"7 rue Max Linder - 33500 LIBOURNE\","
        "\"Commune\":\"Libourne\",\"Coord. X\":44.93815,\"Coord. Y\":-0.235791}]";
    assert_int_equal(import_text(f, json).created, 1);
    assert_int_equal(import_text(f, json).unchanged, 1);
    struct directory_service s = only_record(f);
    assert_memory_equal(s.record, "structure/made-", 15);
    assert_string_equal(s.content->postal_code, "33500");
    assert_string_equal(s.content->address, "7 rue Max Linder");
    assert_int_equal(s.content->latitude_e5, 4493815);
    assert_int_equal(s.content->longitude_e5, -23579);
}

static void services_take_the_place_of_their_structure(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "{\"structures\":[{\"id\":\"a\",\"source\":\"d\",\"nom\":\"Mission locale\","
                   "\"commune\":\"Redon\",\"code_postal\":\"35600\",\"latitude\":47.65,"
                   "\"longitude\":-2.08}],\"meta\":{\"n\":[1]},\"services\":[{\"id\":\"b\","
                   "\"source\":\"d\",\"structure_id\":\"a\",\"nom\":\"Aide au permis\"}]}");
    struct directory_results results = search(f, "permis", "redon");
    assert_int_equal(results.count, 1);
    assert_string_equal(results.services[0].content->structure_name, "Mission locale");
    assert_string_equal(results.services[0].content->commune_name, "Redon");
}

static void changed_record_is_updated_and_closed_one_is_not_shown(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Cybercentre\",\"commune\":\"Redon\"}]");
    assert_int_equal(search(f, "cybercentre", "").count, 1);
    struct import_report report =
        import_text(f, "[{\"id\":\"1\",\"nom\":\"Ludothèque\",\"commune\":\"Redon\"}]");
    assert_int_equal(report.updated, 1);
    assert_int_equal(search(f, "cybercentre", "").count, 0);
    assert_int_equal(search(f, "ludotheque", "").count, 1);
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Ludothèque\",\"commune\":\"Redon\","
                   "\"AFFICHAGE\":\"INACTIF\"}]");
    assert_int_equal(search(f, "ludotheque", "").count, 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM import_record"), 1);
}

/* What the index holds is what the rows say: sqlite reads and compares both. */
static void check_index(struct domain_fixture *f)
{
    assert_ok(f, store_exec(f->tx.store,
                            "INSERT INTO directory_text (directory_text, rank) "
                            "VALUES ('integrity-check', 1)",
                            &f->err));
}

static void index_holds_what_the_rows_say_after_each_change(void **state)
{
    struct domain_fixture *f = *state;
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Aide au loyer\",\"commune\":\"Redon\","
                   "\"presentation_resume\":\"Aide d'urgence\"},"
                   "{\"id\":\"2\",\"nom\":\"Épicerie\",\"commune\":\"Rieux\"}]");
    check_index(f);
    import_text(f, "[{\"id\":\"1\",\"nom\":\"Aide au loyer\",\"commune\":\"Redon\","
                   "\"presentation_resume\":\"Aide pour payer\"}]"); /* another text */
    check_index(f);
    assert_int_equal(search(f, "urgence", "").count, 0);
    assert_int_equal(search(f, "payer", "").count, 1);
    import_text(f, "[{\"id\":\"3\",\"nom\":\"Mairie\",\"commune\":\"Redon\","
                   "\"code_postal\":\"35600\",\"latitude\":47.65,\"longitude\":-2.08}]");
    assert_int_equal(query_i64(f, "SELECT point FROM directory_entry WHERE name = 'aide au loyer'"),
                     2);
    check_index(f); /* the first has the point of its commune now */
    import_text(f, "[{\"id\":\"2\",\"nom\":\"Épicerie\",\"commune\":\"Rieux\","
                   "\"AFFICHAGE\":\"INACTIF\"}]");
    check_index(f);
    assert_int_equal(search(f, "epicerie", "").count, 0);
}

static void same_identifier_twice_keeps_both(void **state)
{
    struct domain_fixture *f = *state;
    static const char json[] = "[{\"id\":\"1\",\"nom\":\"Un\"},{\"id\":\"1\",\"nom\":\"Deux\"}]";
    struct import_report report = import_text(f, json);
    assert_int_equal(report.created, 2);
    assert_int_equal(report.review, 1);
    assert_int_equal(import_text(f, json).unchanged, 2);
}

static void bad_records_are_refused_alone(void **state)
{
    struct domain_fixture *f = *state;
    struct import_report report = import_text(
        f, "\xef\xbb\xbf [1, \"x\", null, {}, {\"nom\":\" \"}, {\"nom\":\"a\",\"nom\":\"b\"}, "
           "{\"nom\":\"\xff\"}, {\"nom\":\"\\u0000\"}, {\"nom\":01}, [[]], "
           "{\"nom\":\"Bon\",\"id\":{\"a\":1},\"latitude\":\"abc\",\"date_maj\":\"9/9\"}]");
    assert_int_equal(report.read, 11);
    assert_int_equal(report.refused, 10);
    assert_int_equal(report.created, 1);
    assert_int_equal(report.review, 1);
}

static void bad_files_are_refused_whole(void **state)
{
    struct domain_fixture *f = *state;
    static const char *const cases[] = {
        "",  " ",      "x",       "[",        "[{",       "[{}",        "[{},", "[{},]", "[{}]x",
        "{", "{\"a\"", "{\"a\":", "{\"a\":[", "{\"a\":1", "{\"a\":1,}", "[\"",  "[}"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct import_report report;
        const struct import_file file = {.format = "data-inclusion", .file = bytes_text(cases[i])};
        assert_err(f, ERR_INVALID, directory_import(&f->tx, &file, &report, &f->err));
    }
    struct import_report report;
    struct import_file file = {.format = "csv", .file = BYTES_LITERAL("[]")};
    assert_err(f, ERR_INVALID, directory_import(&f->tx, &file, &report, &f->err));
    file.format = "data-inclusion";
    file.file.len = API_IMPORT_MAX + 1; /* refused before a byte is read */
    assert_err(f, ERR_LIMIT, directory_import(&f->tx, &file, &report, &f->err));
}

static void trial_run_writes_nothing(void **state)
{
    struct domain_fixture *f = *state;
    struct import_report report =
        import_bytes(f, "data-inclusion", BYTES_LITERAL("[{\"id\":\"1\",\"nom\":\"Lieu\"}]"),
                     (struct bytes){0}, true);
    assert_int_equal(report.created, 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM import_record"), 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry"), 0);
}

/* The specification's own example: one organisation, one service at one place. */
static void check_example(struct domain_fixture *f, const struct import_report *report)
{
    struct directory_service *list;
    size_t count;
    int64_t total;
    assert_int_equal(report->created, 2);
    assert_int_equal(report->refused, 0);
    assert_ok(f, directory_list_page(f->tx.store, f->tx.arena, DIRECTORY_SERVICES, 0, 10, &list,
                                     &count, &total, &f->err));
    assert_int_equal(count, 1);
    const Maillon__Hfp__V1__ServiceContent *c = list[0].content;
    assert_string_equal(c->name, "Community Counselling");
    assert_string_equal(c->structure_name, "Example Organization Inc.");
    assert_string_equal(c->address, "1-30 Main Street, MyVillage");
    assert_string_equal(c->commune_name, "MyCity");
    assert_string_equal(c->opening_hours, "Th,Fr 10:00-18:00");
    assert_non_null(strstr(c->phone, "1234 234567"));
    assert_non_null(strstr(c->conditions, "De 12 à 100 ans."));
    assert_int_equal(c->n_language, 1);
    assert_string_equal(c->language[0], "ur");
    assert_int_equal(list[0].dated_ms, 1678876245123);
}

static void json_of_hsds_is_read(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(buf_done) struct buf file = {0};
    assert_true(read_file(getenv("MAILLON_VECTORS"), "hsds/service_full.json", &file));
    struct import_report report =
        import_bytes(f, "hsds", buf_bytes(&file), (struct bytes){0}, false);
    check_example(f, &report);
    report = import_bytes(f, "hsds", buf_bytes(&file), (struct bytes){0}, false);
    assert_int_equal(report.unchanged, 2);
}

static void tables_of_hsds_are_joined(void **state)
{
    struct domain_fixture *f = *state;
    static const char *const tables[] = {
        "services",   "organizations",  "locations",     "addresses",   "phones",
        "schedules",  "languages",      "accessibility", "attributes",  "service_at_location",
        "taxonomies", "taxonomy_terms", "service_areas", "cost_options"};
    AUTO(buf_done) struct buf file = {0};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        char name[64];
        snprintf(name, sizeof(name), "hsds/csv/%s.csv", tables[i]);
        buf_addf(&file, "#table %s.csv\n", tables[i]);
        assert_true(read_file(getenv("MAILLON_VECTORS"), name, &file));
        buf_add_text(&file, "\n");
    }
    struct import_report report =
        import_bytes(f, "hsds-csv", buf_bytes(&file), (struct bytes){0}, false);
    check_example(f, &report);
}

static void steps_are_bounded_and_add_up(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(buf_done) struct buf text = {0};
    bool more = true;
    int64_t before = 0;
    for (size_t i = 0; i < 1000; i++)
        buf_addf(&text, "%s{\"id\":\"%zu\",\"nom\":\"Lieu %zu\"}", i ? "," : "[", i, i);
    buf_add_text(&text, "]");
    const struct import_file file = {.format = "data-inclusion", .file = buf_bytes(&text)};
    AUTO(import_free) struct import *import = import_begin(f->tx.arena, &file, &f->err);
    assert_non_null(import);
    while (more) {
        assert_ok(f, import_step(import, &f->tx, 100, &more, &f->err));
        int64_t now = query_i64(f, "SELECT count(*) FROM import_record");
        assert_true(now - before <= 100);
        before = now;
    }
    struct import_report report;
    import_finish(import, &report);
    assert_int_equal(report.created, 1000);
    assert_int_equal(before, 1000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(every_real_sample_imports_and_again_changes_nothing),
        T(every_file_of_the_shared_data_imports_where_it_exists),
        T(first_vocabulary_becomes_the_present_one),
        T(unknown_words_and_columns_are_kept_and_reported),
        T(languages_become_codes_however_the_file_writes_them),
        T(a_file_that_says_no_language_has_none),
        T(local_partner_rows_become_clean),
        T(record_without_identifier_keeps_the_one_made_for_it),
        T(services_take_the_place_of_their_structure),
        T(changed_record_is_updated_and_closed_one_is_not_shown),
        T(index_holds_what_the_rows_say_after_each_change),
        T(same_identifier_twice_keeps_both),
        T(bad_records_are_refused_alone),
        T(bad_files_are_refused_whole),
        T(trial_run_writes_nothing),
        T(json_of_hsds_is_read),
        T(tables_of_hsds_are_joined),
        T(steps_are_bounded_and_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
