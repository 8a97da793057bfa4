/* The calls of service Directory, straight on their table. */
#include "maillon/api/v1/directory.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hub/domain/place.h"
#include "tests/support/directory_fixture.h"
#include "tests/support/method_fixture.h"

static bool run(struct domain_fixture *f, const char *name, const void *in, void **out)
{
    struct config config = {.name = "La Recyclerie"};
    struct api_env env = {.self = f->self, .config = &config};
    const struct method *method = find_method(methods_directory, name);
    if (!method)
        method = find_method(methods_import, name);
    return run_method(f, &env, ROLE_COORDINATOR, method, in, out);
}

static char *text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

static const Maillon__Api__V1__ServiceView *put(struct domain_fixture *f)
{
    void *out;
    service_content content = make_content("Atelier vélo", "La Recyclerie", "Redon", "35600");
    Maillon__Api__V1__PutServiceRequest request;
    maillon__api__v1__put_service_request__init(&request);
    request.content = &content;
    assert_ok(f, run(f, "PutService", &request, &out));
    return out;
}

static void names_of_an_area_become_codes(void **state)
{
    struct domain_fixture *f = *state;
    void *out;
    char *typed[] = {text("Redon agglomération"),
                     text("redon"),
                     text("35600 Redon"),
                     text("Pipriac 35550"),
                     text("243500139"),
                     text("2A004"),
                     text("35"),
                     text("2A"),
                     text("974"),
                     text("france")};
    static const char *const codes[] = {"243500741", "35236", "35236", "35219", "243500139",
                                        "2A004",     "35",    "2A",    "974",   "france"};
    char *wrong[] = {text("Rdon"),        text("Red"),         text("Pays des licornes"),
                     text("Redon 44000"), text("47.65,-2.08"), text("CC des Quatre Rivières"),
                     text("35236, 35219")};
    service_content content = make_content("Atelier vélo", "La Recyclerie", "Redon", "35600");
    Maillon__Api__V1__PutServiceRequest request;
    maillon__api__v1__put_service_request__init(&request);
    request.content = &content;
    content.zone = typed;
    content.n_zone = ARRAY_LEN(typed);
    assert_ok(f, run(f, "PutService", &request, &out));
    const Maillon__Api__V1__ServiceView *view = out;
    assert_int_equal(view->content->n_zone, ARRAY_LEN(codes));
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        assert_string_equal(view->content->zone[i], codes[i]);
    content.n_zone = 1;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        content.zone = &wrong[i];
        assert_err(f, ERR_INVALID, run(f, "PutService", &request, &out));
        assert_non_null(strstr(f->err.msg, "is not the name of one commune or EPCI"));
    }
}

static void name_of_several_communes_is_no_area(void **state)
{
    struct domain_fixture *f = *state;
    void *out;
    char *typed[] = {text("Saint-Just")};
    service_content content = make_content("Atelier vélo", "La Recyclerie", "Redon", "35600");
    Maillon__Api__V1__PutServiceRequest request;
    maillon__api__v1__put_service_request__init(&request);
    request.content = &content;
    content.zone = typed;
    content.n_zone = 1;
    assert_ok(f, run(f, "PutService", &request, &out));
    assert_ok(f, place_learn(&f->tx, f->tx.arena, "Saint-Just", "18340", "18218", 4700000, 250000,
                             &f->err));
    assert_err(f, ERR_INVALID, run(f, "PutService", &request, &out));
    typed[0] = text("Saint-Just 18340");
    assert_ok(f, run(f, "PutService", &request, &out));
    assert_string_equal(((Maillon__Api__V1__ServiceView *)out)->content->zone[0], "18218");
    typed[0] = text("35550 Saint-Just");
    assert_ok(f, run(f, "PutService", &request, &out));
    assert_string_equal(((Maillon__Api__V1__ServiceView *)out)->content->zone[0], "35285");
}

static const Maillon__Api__V1__SearchResponse *find(struct domain_fixture *f, const char *words,
                                                    const char *near)
{
    void *out;
    Maillon__Api__V1__SearchRequest request;
    maillon__api__v1__search_request__init(&request);
    request.words = text(words);
    request.near = text(near);
    assert_ok(f, run(f, "Search", &request, &out));
    return out;
}

static void own_service_can_be_put_found_and_removed(void **state)
{
    struct domain_fixture *f = *state;
    void *out;
    const Maillon__Api__V1__ServiceView *view = put(f);
    assert_true(view->ours && view->takes_referrals);
    assert_string_equal(view->owner_name, "La Recyclerie");
    assert_string_equal(view->age_words, "à jour aujourd’hui");
    const Maillon__Api__V1__SearchResponse *found = find(f, "velo", "redon");
    assert_int_equal(found->n_service, 1);
    assert_string_equal(found->near_name, "Redon");
    assert_string_equal(found->service[0]->id, view->id);
    assert_true(found->service[0]->distance_km >= 0);

    Maillon__Hfp__V1__Capacity capacity;
    maillon__hfp__v1__capacity__init(&capacity);
    capacity.code = MAILLON__HFP__V1__CAPACITY_CODE__CAPACITY_CODE_WAITLIST;
    Maillon__Api__V1__SetCapacityRequest set;
    maillon__api__v1__set_capacity_request__init(&set);
    set.uid = strchr(view->id, '/') + 1;
    set.capacity = &capacity;
    assert_ok(f, run(f, "SetCapacity", &set, &out));
    view = out;
    assert_int_equal(view->content->capacity->code, capacity.code);

    Maillon__Api__V1__GetServiceRequest get;
    maillon__api__v1__get_service_request__init(&get);
    get.id = view->id;
    assert_ok(f, run(f, "GetService", &get, &out));
    assert_ok(f, run(f, "RemoveService", &get, &out));
    assert_err(f, ERR_UNKNOWN, run(f, "GetService", &get, &out));
    assert_int_equal(find(f, "velo", "")->n_service, 0);
}

static void import_answers_with_its_report_and_the_review_list(void **state)
{
    struct domain_fixture *f = *state;
    void *out;
    char json[] = "[{\"id\":\"1\",\"nom\":\"Lieu\",\"thematiques\":[\"inconnu\"]},{}]";
    Maillon__Api__V1__ImportRequest request;
    maillon__api__v1__import_request__init(&request);
    request.format = text("data-inclusion");
    request.file = (ProtobufCBinaryData){sizeof(json) - 1, (uint8_t *)json};
    assert_ok(f, run(f, "Import", &request, &out));
    const Maillon__Api__V1__ImportResponse *response = out;
    assert_int_equal(response->read, 2);
    assert_int_equal(response->created, 1);
    assert_int_equal(response->refused, 1);
    assert_int_equal(response->review, 1);
    assert_int_equal(response->n_issue, 2);
    assert_int_equal(response->n_mapping, 1);
    Maillon__Api__V1__ListReviewRequest list;
    maillon__api__v1__list_review_request__init(&list);
    assert_ok(f, run(f, "ListReview", &list, &out));
    /* The word that nobody knows, then the refused record. */
    assert_int_equal(((const Maillon__Api__V1__ListReviewResponse *)out)->n_issue, 2);
}

static void export_can_be_imported_again(void **state)
{
    struct domain_fixture *f = *state;
    void *out;
    put(f);
    import_text(f, "{\"structures\":[{\"id\":\"a\",\"source\":\"d\",\"nom\":\"Mission locale\","
                   "\"commune\":\"Redon\",\"code_postal\":\"35600\"}],\"services\":[{\"id\":"
                   "\"b\",\"source\":\"d\",\"structure_id\":\"a\",\"nom\":\"Aide au permis\","
                   "\"thematiques\":[\"mobilite--preparer-un-permis\"]}]}");
    Maillon__Api__V1__ExportRequest request;
    maillon__api__v1__export_request__init(&request);
    assert_ok(f, run(f, "Export", &request, &out));
    const Maillon__Api__V1__ExportResponse *response = out;
    const struct import_file file = {
        .format = "data-inclusion",
        .file = bytes_of(response->file.data, response->file.len),
    };
    struct import_report report;
    assert_ok(f, directory_import(&f->tx, &file, &report, &f->err));
    assert_int_equal(report.read, 4); /* this hub, its service, and the two records */
    assert_int_equal(report.refused, 0);
    assert_int_equal(report.created, 2);
    request.format = text("hsds");
    assert_ok(f, run(f, "Export", &request, &out));
    response = out;
    assert_non_null(memmem(response->file.data, response->file.len, "\"organizations\"", 15));
    request.format = text("csv");
    assert_err(f, ERR_INVALID, run(f, "Export", &request, &out));
}

static void file_is_kept_looked_at_and_imported_without_being_sent_again(void **state)
{
    struct domain_fixture *f = *state;
    void *out;
    Maillon__Api__V1__ImportRequest file;
    Maillon__Api__V1__StagedRequest staged;
    maillon__api__v1__import_request__init(&file);
    maillon__api__v1__staged_request__init(&staged);
    static const char data[] = "[{\"id\":\"1\",\"nom\":\"Lieu\",\"thematiques\":[\"lune\"]},{}]";
    file.file = (ProtobufCBinaryData){sizeof(data) - 1, (uint8_t *)text(data)};
    file.source = text("Hub du Sud");
    file.licence = text("ODbL");
    file.file_name = text("lieux.json");
    assert_ok(f, run(f, "StageImport", &file, &out));
    const Maillon__Api__V1__StagedImport *view = out;
    assert_string_equal(view->format, "data-inclusion"); /* guessed */
    assert_false(view->done);
    assert_int_equal(view->report->created, 1);
    assert_int_equal(view->report->refused, 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM import_record"), 0);
    staged.id = view->id;
    assert_ok(f, run(f, "RunStaged", &staged, &out));
    view = out;
    assert_true(view->done);
    assert_int_equal(view->report->created, 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM import_record"), 1);
    assert_err(f, ERR_CONFLICT, run(f, "RunStaged", &staged, &out));
    assert_ok(f, run(f, "GetStaged", &staged, &out));
    assert_ok(f, run(f, "DropStaged", &staged, &out));
    assert_err(f, ERR_UNKNOWN, run(f, "GetStaged", &staged, &out));
    file.file = (ProtobufCBinaryData){1, (uint8_t *)text("x")};
    assert_err(f, ERR_INVALID, run(f, "StageImport", &file, &out));
}

static void own_service_is_confirmed_closed_and_open_again_by_itself(void **state)
{
    struct domain_fixture *f = *state;
    void *out;
    struct wall next;
    Maillon__Api__V1__GetServiceRequest which;
    Maillon__Api__V1__CloseServiceRequest request;
    Maillon__Hfp__V1__Closure closure;
    Maillon__Api__V1__ListOwnRequest list;
    maillon__api__v1__get_service_request__init(&which);
    maillon__api__v1__close_service_request__init(&request);
    maillon__api__v1__list_own_request__init(&list);
    maillon__hfp__v1__closure__init(&closure);
    which.id = request.uid = put(f)->id;
    assert_ok(f, run(f, "ConfirmService", &which, &out));
    const Maillon__Api__V1__ServiceView *view = out;
    assert_int_equal(view->content->checked_s, f->tx.now.ms / 1000);
    request.closure = &closure;
    closure.words = text("Travaux");
    closure.until_s = (uint64_t)f->tx.now.ms / 1000;
    assert_err(f, ERR_INVALID, run(f, "CloseService", &request, &out));
    closure.until_s += 3600;
    assert_ok(f, run(f, "CloseService", &request, &out));
    view = out;
    assert_string_equal(view->content->closure->words, "Travaux");
    f->tx.now.ms += 3600 * 1000;
    assert_ok(f, directory_tick(&f->tx, &next, &f->err));
    assert_ok(f, run(f, "ListOwn", &list, &out));
    const Maillon__Api__V1__ListOwnResponse *own = out;
    assert_int_equal(own->n_service, 1);
    assert_null(own->service[0]->content->closure);
    assert_non_null(own->service[0]->quality);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(names_of_an_area_become_codes),
        T(name_of_several_communes_is_no_area),
        T(own_service_can_be_put_found_and_removed),
        T(import_answers_with_its_report_and_the_review_list),
        T(file_is_kept_looked_at_and_imported_without_being_sent_again),
        T(own_service_is_confirmed_closed_and_open_again_by_itself),
        T(export_can_be_imported_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
