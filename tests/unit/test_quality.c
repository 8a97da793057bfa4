/* What an entry lacks, and imported structures that may be one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/domain/import_twin.h"
#include "hub/domain/quality.h"
#include "tests/support/directory_fixture.h"

#define TEXT(literal) ((char *)(uintptr_t)(literal))

static void each_gap_is_named_once_the_worse_are_closed(void **state)
{
    const struct wall now = {1795334400000}; /* 2026-11-22 */
    char long_text[301];
    char *reach[] = {TEXT("telephoner")}, *theme[] = {TEXT("numerique")};
    char *publics[] = {TEXT("jeunes")};
    (void)state;
    service_content c = make_content("Atelier", "", "", "");
    struct directory_service service = {.content = &c, .ours = true};
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
#define CHECK(code) assert_string_equal(quality_code(quality_of(&service, now).next), code)
    assert_true(quality_of(&service, now).score < 0.01);
    CHECK("reach");
    c.reach = reach;
    c.n_reach = 1;
    CHECK("contact");
    c.phone = TEXT("02 99 00 00 00");
    CHECK("place");
    c.commune_name = TEXT("Redon");
    c.address = TEXT("3 rue du Port");
    CHECK("theme");
    c.theme = theme;
    c.n_theme = 1;
    CHECK("text");
    c.description = long_text;
    CHECK("price");
    c.price = TEXT("gratuit");
    CHECK("public");
    c.public_ = publics;
    c.n_public_ = 1;
    CHECK("capacity");
    Maillon__Hfp__V1__Capacity capacity;
    maillon__hfp__v1__capacity__init(&capacity);
    capacity.updated_s = (uint64_t)now.ms / 1000 - 86400;
    c.capacity = &capacity;
    CHECK("age");
    service.dated_ms = now.ms - (int64_t)86400000 * 30;
    CHECK("");
    assert_true(quality_of(&service, now).score > 0.999);
    service.dated_ms = now.ms - (int64_t)86400000 * 365;
    CHECK("age");
    assert_true(quality_of(&service, now).score > 0.9);
    service.dated_ms = now.ms;
    capacity.updated_s -= 86400 * 21;
    CHECK("capacity");
#undef CHECK
}

static void what_does_not_apply_does_not_count(void **state)
{
    const struct wall now = {1795334400000};
    char *mode[] = {TEXT("a-distance")};
    (void)state;
    service_content c = make_content("Écoute", "", "", "");
    struct directory_service service = {.content = &c, .is_import = true};
    c.mode = mode;
    c.n_mode = 1;
    double without_place = quality_of(&service, now).score;
    c.address = TEXT("3 rue du Port");
    assert_true(quality_of(&service, now).score == without_place);
}

static void likeness_is_the_share_of_letters_that_stay(void **state)
{
    (void)state;
    assert_true(twin_likeness("mediatheque de redon", "mediatheque de redon") == 1);
    assert_true(twin_likeness("mediatheque de redon", "mediateque de redon") >= 0.95);
    assert_true(twin_likeness("mediatheque de redon", "mairie de redon") < TWIN_LIKENESS);
    assert_true(twin_likeness("a", "abcdefgh") == 0);
    assert_true(twin_likeness("", "") == 1);
    assert_true(twin_likeness("abcdefghij", "abcdefghik") >= 0.9 - 1e-9);
}

static size_t twins_of(struct domain_fixture *f, const char *json)
{
    struct import_report report = import_text(f, json);
    size_t count = 0;
    for (size_t i = 0; i < report.issue_count; i++)
        count += strcmp(report.issues[i].field, "name") == 0;
    return count;
}

#define MEDIATHEQUE(id, source, name, latitude)                                                 \
    "[{\"id\":\"" id "\",\"source\":\"" source "\",\"nom\":\"" name "\",\"commune\":\"Redon\"," \
    "\"code_postal\":\"35600\",\"latitude\":" latitude ",\"longitude\":-2.0817}]"

static void nearly_the_same_name_within_200_m_goes_to_review(void **state)
{
    struct domain_fixture *f = *state;
    assert_int_equal(twins_of(f, MEDIATHEQUE("1", "a", "Médiathèque Jean Bollé", "47.6515")), 0);
    /* 0.0017 degrees are 189 m, 0.0019 are 211 m. */
    assert_int_equal(twins_of(f, MEDIATHEQUE("2", "b", "Mediathèque Jean Bolle'", "47.6532")), 0);
    assert_int_equal(twins_of(f, MEDIATHEQUE("3", "c", "Médiatèque Jean Bollé", "47.6532")), 1);
    assert_int_equal(twins_of(f, MEDIATHEQUE("4", "d", "Médiathéque J. Bolé", "47.6553")), 0);
    assert_int_equal(twins_of(f, MEDIATHEQUE("5", "e", "Mission locale de Redon", "47.6515")), 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM import_pair"), 2);
}

static void inherited_fields_have_the_date_of_the_structure(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_service service;
    import_text(f, "{\"structures\":[{\"id\":\"a\",\"source\":\"d\",\"nom\":\"Mission locale\","
                   "\"commune\":\"Redon\",\"telephone\":\"0299000000\",\"date_maj\":"
                   "\"2021-05-01\"}],\"services\":[{\"id\":\"b\",\"source\":\"d\","
                   "\"structure_id\":\"a\",\"nom\":\"Aide au permis\",\"date_maj\":"
                   "\"2023-01-01\"}]}");
    assert_ok(f, directory_find_service(f->tx.store, f->tx.arena, "import/2", &service, &f->err));
    assert_int_equal(service.inherited, INHERITED_PLACE | INHERITED_CONTACT);
    assert_true(service.structure_dated_ms > 0 && service.structure_dated_ms < service.dated_ms);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_gap_is_named_once_the_worse_are_closed),
        cmocka_unit_test(what_does_not_apply_does_not_count),
        cmocka_unit_test(likeness_is_the_share_of_letters_that_stay),
        T(nearly_the_same_name_within_200_m_goes_to_review),
        T(inherited_fields_have_the_date_of_the_structure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
