#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/directory_fixture.h"

static const char *own_id(struct domain_fixture *f, const char *uid)
{
    char node[NODE_ID_TEXT];
    return arena_printf(f->tx.arena, "%s/%s", node_id_text(identity_node(f->self), node), uid);
}

static const char *peer_id(struct domain_fixture *f, const char *uid)
{
    char node[NODE_ID_TEXT];
    return arena_printf(f->tx.arena, "%s/%s", node_id_text(peer_node(f), node), uid);
}

static void own_service_is_published_and_found(void **state)
{
    struct domain_fixture *f = *state;
    service_content content = make_content("Atelier vélo", "La Recyclerie", "Redon", "35600");
    char uid[SERVICE_UID_MAX + 1];
    assert_ok(f, directory_put_service(&f->tx, NULL, &content, uid, &f->err));
    struct directory_service service;
    assert_ok(f,
              directory_find_service(f->tx.store, f->tx.arena, own_id(f, uid), &service, &f->err));
    assert_true(service.ours && service.takes_referrals && !service.is_import);
    assert_string_equal(service.content->name, "Atelier vélo");
    assert_int_equal(query_i64(f, "SELECT count(*) FROM journal"), 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM object"), 1);
    assert_int_equal(count_effects(f, EFFECT_JOURNAL), 1);
}

static void each_change_is_one_more_version_and_one_journal_row(void **state)
{
    struct domain_fixture *f = *state;
    service_content content = make_content("Atelier vélo", "", "Redon", "35600");
    assert_ok(f, directory_put_service(&f->tx, "velo", &content, NULL, &f->err));
    content.description = (char *)(uintptr_t) "Réparer ensemble";
    assert_ok(f, directory_put_service(&f->tx, "velo", &content, NULL, &f->err));
    assert_int_equal(query_i64(f, "SELECT version FROM service"), 2);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM journal"), 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM object"), 2);
    assert_int_equal(search(f, "réparer", "").count, 1);
}

static void removed_service_is_gone_and_may_come_back(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_service service;
    service_content content = make_content("Atelier vélo", "", "Redon", "35600");
    assert_ok(f, directory_put_service(&f->tx, "velo", &content, NULL, &f->err));
    assert_ok(f, directory_remove_service(&f->tx, "velo", &f->err));
    assert_err(
        f, ERR_UNKNOWN,
        directory_find_service(f->tx.store, f->tx.arena, own_id(f, "velo"), &service, &f->err));
    assert_err(f, ERR_UNKNOWN, directory_remove_service(&f->tx, "velo", &f->err));
    assert_int_equal(search(f, "vélo", "").count, 0);
    assert_ok(f, directory_put_service(&f->tx, "velo", &content, NULL, &f->err));
    assert_int_equal(query_i64(f, "SELECT version FROM service"), 3);
    assert_int_equal(search(f, "vélo", "").count, 1);
}

static void capacity_is_dated_and_ends_by_itself(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_service service;
    struct wall next;
    service_content content = make_content("Atelier vélo", "", "Redon", "35600");
    Maillon__Hfp__V1__Capacity capacity;
    maillon__hfp__v1__capacity__init(&capacity);
    capacity.code = MAILLON__HFP__V1__CAPACITY_CODE__CAPACITY_CODE_NO_CAPACITY;
    capacity.until_s = (uint64_t)f->tx.now.ms / 1000 + 600;
    assert_err(f, ERR_UNKNOWN, directory_set_capacity(&f->tx, "velo", &capacity, &f->err));
    assert_ok(f, directory_put_service(&f->tx, "velo", &content, NULL, &f->err));
    assert_ok(f, directory_set_capacity(&f->tx, "velo", &capacity, &f->err));
    assert_ok(
        f, directory_find_service(f->tx.store, f->tx.arena, own_id(f, "velo"), &service, &f->err));
    assert_non_null(service.content->capacity);
    assert_int_equal(service.content->capacity->updated_s, f->tx.now.ms / 1000);
    assert_ok(f, directory_tick(&f->tx, &next, &f->err));
    assert_int_equal(next.ms, (int64_t)capacity.until_s * 1000);
    f->tx.now = next;
    assert_ok(f, directory_tick(&f->tx, &next, &f->err));
    assert_ok(
        f, directory_find_service(f->tx.store, f->tx.arena, own_id(f, "velo"), &service, &f->err));
    assert_null(service.content->capacity);
    assert_int_equal(query_i64(f, "SELECT version FROM service"), 3);
}

static void places_told_with_the_service_are_as_new_as_it(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_service service;
    service_content content = make_content("Atelier vélo", "", "Redon", "35600");
    Maillon__Hfp__V1__Capacity capacity;
    maillon__hfp__v1__capacity__init(&capacity);
    capacity.code = MAILLON__HFP__V1__CAPACITY_CODE__CAPACITY_CODE_CAPACITY;
    content.capacity = &capacity;
    assert_ok(f, directory_put_service(&f->tx, "velo", &content, NULL, &f->err));
    assert_ok(
        f, directory_find_service(f->tx.store, f->tx.arena, own_id(f, "velo"), &service, &f->err));
    assert_int_equal(service.content->capacity->updated_s, f->tx.now.ms / 1000);
    capacity.updated_s = 1700000000;
    assert_ok(f, directory_put_service(&f->tx, "velo", &content, NULL, &f->err));
    assert_ok(
        f, directory_find_service(f->tx.store, f->tx.arena, own_id(f, "velo"), &service, &f->err));
    assert_int_equal(service.content->capacity->updated_s, 1700000000);
}

static void own_service_is_renewed_before_it_expires(void **state)
{
    struct domain_fixture *f = *state;
    struct wall next;
    service_content content = make_content("Atelier vélo", "", "Redon", "35600");
    assert_ok(f, directory_put_service(&f->tx, "velo", &content, NULL, &f->err));
    f->tx.now.ms += (int64_t)(NOTICE_LIFETIME_MAX_S - 29 * 86400) * 1000;
    assert_ok(f, directory_tick(&f->tx, &next, &f->err));
    assert_int_equal(query_i64(f, "SELECT version FROM service"), 2);
    assert_true(query_i64(f, "SELECT expires_s FROM service") > f->tx.now.ms / 1000 + 100 * 86400);
}

static void bad_content_is_refused_with_the_field(void **state)
{
    struct domain_fixture *f = *state;
    service_content content = make_content("ab", "", "", "");
    assert_err(f, ERR_INVALID, directory_put_service(&f->tx, "x", &content, NULL, &f->err));
    content.name = (char *)(uintptr_t) "Atelier";
    assert_err(f, ERR_INVALID, directory_put_service(&f->tx, "a/b", &content, NULL, &f->err));
    content.latitude_e5 = 9000001;
    assert_err(f, ERR_INVALID, directory_put_service(&f->tx, "x", &content, NULL, &f->err));
    content.latitude_e5 = 0;
    char *text = arena_alloc(f->tx.arena, 10001);
    memset(text, 'a', 10000);
    content.description = text;
    content.conditions = text + 8001;
    content.address = text;
    assert_err(f, ERR_INVALID, directory_put_service(&f->tx, "x", &content, NULL, &f->err));
    assert_non_null(strstr(f->err.msg, "address"));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM service"), 0);
}

static void what_nobody_can_ring_post_to_or_open_is_a_slip(void **state)
{
    struct domain_fixture *f = *state;
    service_content content = make_content("Atelier vélo", "", "Redon", "35600");
    static const struct {
        size_t offset;
        const char *text, *says; /* NULL: taken */
    } cases[] = {
#define AT(field) offsetof(service_content, field)
        {AT(postal_code), "1000", NULL},
        {AT(postal_code), "EC1A 1BB", NULL},
        {AT(postal_code), "Redon", "postal code"},
        {AT(postal_code), "35600!", "postal code"},
        {AT(commune), "35236", NULL},
        {AT(commune), "2A004", NULL},
        {AT(commune), "Redon", "INSEE"},
        {AT(phone), "115", NULL},
        {AT(phone), "+33 (0)2 99 71 00 00", NULL},
        {AT(phone), "02\u00a099\u00a071\u00a000\u00a000", NULL},
        {AT(phone), "11", "phone"},
        {AT(phone), "demander Marie", "phone"},
        {AT(email), "accueil@example.org", NULL},
        {AT(email), "accueil", "e-mail"},
        {AT(email), "@example.org", "e-mail"},
        {AT(email), "accueil@", "e-mail"},
        {AT(email), "a@b@c", "e-mail"},
        {AT(email), "un deux@example.org", "e-mail"},
        {AT(url), "https://example.org/velo", NULL},
        {AT(url), "HTTP://example.org", NULL},
        {AT(url), "example.org", "web address"},
        {AT(url), "javascript://example.org/%0aalert(1)", "web address"},
        {AT(url), "https://example.org/a b", "web address"},
#undef AT
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char **field = (char **)(void *)((char *)&content + cases[i].offset), *kept = *field;
        *field = (char *)(uintptr_t)cases[i].text;
        bool taken = directory_put_service(&f->tx, "velo", &content, NULL, &f->err);
        *field = kept;
        if (taken == (cases[i].says != NULL))
            fail_msg("\"%s\" is %s", cases[i].text, taken ? "taken" : f->err.msg);
        if (!taken)
            assert_non_null(strstr(f->err.msg, cases[i].says));
        f->err = (struct err){0};
    }
    static const char *const languages[] = {"fr", "gsw", "pt-BR", "français", "FR", "f", "fr-"};
    for (size_t i = 0; i < ARRAY_LEN(languages); i++) {
        char *language[] = {(char *)(uintptr_t)languages[i]};
        content.n_language = 1;
        content.language = language;
        bool taken = directory_put_service(&f->tx, "velo", &content, NULL, &f->err);
        if (taken != (i < 3))
            fail_msg("\"%s\" is %s", languages[i], taken ? "taken" : f->err.msg);
        f->err = (struct err){0};
    }
}

static void newer_version_of_a_peer_wins_and_older_has_no_effect(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_service service;
    befriend(f);
    service_content first = make_content("Épicerie", "Entraide", "Redon", "35600");
    service_content second = make_content("Épicerie solidaire", "Entraide", "Redon", "35600");
    assert_int_equal(peer_sends(f, "epicerie", 2, &second, NULL), ERR_NONE);
    assert_int_equal(peer_sends(f, "epicerie", 1, &first, NULL), ERR_NONE);
    assert_ok(f, directory_find_service(f->tx.store, f->tx.arena, peer_id(f, "epicerie"), &service,
                                        &f->err));
    assert_string_equal(service.content->name, "Épicerie solidaire");
    assert_true(service.takes_referrals && !service.ours);
    assert_string_equal(service.owner_name, "Ressourcerie");
    assert_int_equal(peer_sends(f, "epicerie", 3, NULL, NULL), ERR_NONE);
    assert_int_equal(peer_sends(f, "epicerie", 2, &second, NULL), ERR_NONE);
    assert_err(f, ERR_UNKNOWN,
               directory_find_service(f->tx.store, f->tx.arena, peer_id(f, "epicerie"), &service,
                                      &f->err));
}

static void peer_service_without_relation_or_way_takes_no_referrals(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_service service;
    service_content content = make_content("Épicerie", "Entraide", "Redon", "35600");
    assert_int_equal(peer_sends(f, "epicerie", 1, &content, NULL), ERR_NONE);
    assert_ok(f, directory_find_service(f->tx.store, f->tx.arena, peer_id(f, "epicerie"), &service,
                                        &f->err));
    assert_false(service.takes_referrals);
    befriend(f);
    char way[] = "telephoner";
    char *ways[] = {way};
    content.reach = ways;
    content.n_reach = 1;
    assert_int_equal(peer_sends(f, "epicerie", 2, &content, NULL), ERR_NONE);
    assert_ok(f, directory_find_service(f->tx.store, f->tx.arena, peer_id(f, "epicerie"), &service,
                                        &f->err));
    assert_false(service.takes_referrals);
}

static void malformed_services_of_a_peer_are_refused(void **state)
{
    struct domain_fixture *f = *state;
    service_content content = make_content("Épicerie", "", "", "");
    assert_int_equal(peer_sends(f, "", 1, &content, NULL), ERR_PEER);
    assert_int_equal(peer_sends(f, "a b", 1, &content, NULL), ERR_PEER);
    assert_int_equal(peer_sends(f, "epicerie", 0, &content, NULL), ERR_PEER);
    content.longitude_e5 = -18000001;
    assert_int_equal(peer_sends(f, "epicerie", 1, &content, NULL), ERR_PEER);
}

static void expired_service_of_a_peer_is_forgotten(void **state)
{
    struct domain_fixture *f = *state;
    struct wall next;
    service_content content = make_content("Épicerie", "", "Redon", "35600");
    assert_int_equal(peer_sends(f, "epicerie", 1, &content, NULL), ERR_NONE);
    assert_int_equal(search(f, "épicerie", "").count, 1);
    f->tx.now.ms += (int64_t)2 * 86400 * 1000;
    assert_ok(f, directory_tick(&f->tx, &next, &f->err));
    assert_int_equal(search(f, "épicerie", "").count, 0);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM directory_entry"), 0);
}

static void what_is_no_service_id_is_refused(void **state)
{
    struct domain_fixture *f = *state;
    struct directory_service service;
    static const struct {
        const char *id;
        enum err_code code;
    } cases[] = {
        {"", ERR_INVALID},          {"x", ERR_INVALID},
        {"x/y", ERR_INVALID},       {"import/", ERR_INVALID},
        {"import/0", ERR_INVALID},  {"import/-1", ERR_INVALID},
        {"import/12", ERR_UNKNOWN}, {"import/9223372036854775807", ERR_INVALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_err(
            f, cases[i].code,
            directory_find_service(f->tx.store, f->tx.arena, cases[i].id, &service, &f->err));
    assert_err(
        f, ERR_UNKNOWN,
        directory_find_service(f->tx.store, f->tx.arena, own_id(f, "none"), &service, &f->err));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(own_service_is_published_and_found),
        T(each_change_is_one_more_version_and_one_journal_row),
        T(removed_service_is_gone_and_may_come_back),
        T(capacity_is_dated_and_ends_by_itself),
        T(places_told_with_the_service_are_as_new_as_it),
        T(own_service_is_renewed_before_it_expires),
        T(bad_content_is_refused_with_the_field),
        T(what_nobody_can_ring_post_to_or_open_is_a_slip),
        T(newer_version_of_a_peer_wins_and_older_has_no_effect),
        T(peer_service_without_relation_or_way_takes_no_referrals),
        T(malformed_services_of_a_peer_are_refused),
        T(expired_service_of_a_peer_is_forgotten),
        T(what_is_no_service_id_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
