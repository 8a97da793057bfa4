/* Referrals through the client API: sending, acting, and who sees what. */
#include "hub/crypto/wire.h"
#include "hub/domain/account.h"
#include "hub/domain/directory.h"
#include "hub/domain/object.h"
#include "tests/support/api_fixture.h"
#include "tests/support/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define PERSON "\"person\":{\"name\":\"Zoubida\",\"contact\":\"06 39 98 12 34\",\"birthYear\":1980}"
#define CONSENT \
    "\"consent\":{\"form\":\"spoken\",\"field\":[\"name\",\"contact\",\"need\",\"birth-year\"]}"

struct fixture {
    struct api_fixture api;
    struct identity *peer;
    char service[80], id[80];
};

static void in_tx(struct fixture *f, void (*run)(struct fixture *f, struct tx *tx))
{
    struct tx tx = {
        .store = f->api.store,
        .arena = arena_create(0),
        .now = f->api.clock.wall,
        .self = f->api.self,
        .random = &f->api.random.source,
        .counters = &f->api.counters,
    };
    struct err err = {0};
    if (!store_begin(tx.store, &err))
        fail_msg("%s", err.msg);
    run(f, &tx);
    if (!store_commit(tx.store, &err))
        fail_msg("%s", err.msg);
    free(tx.effects.list);
    arena_free(tx.arena);
}

static void add_peer(struct fixture *f, struct tx *tx)
{
    hub_accept(tx, f->peer);
}

/* A service of the peer, as its object would arrive. */
static void add_service(struct fixture *f, struct tx *tx)
{
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Service service;
    Maillon__Hfp__V1__ServiceContent content;
    struct inbound_object object = {.from = *identity_node(f->peer)};
    struct disposition disposition;
    char uid[] = "ordi", name[] = "Ordinateurs", reach[] = "hub", *reaches[] = {reach};
    AUTO(buf_done) struct buf bytes = {0};
    struct err err = {0};
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__service__init(&service);
    maillon__hfp__v1__service_content__init(&content);
    head.node = wire_data(node_id_bytes(identity_node(f->peer)));
    head.seq = 1;
    head.created_s = (uint64_t)tx->now.ms / 1000;
    head.expires_s = head.created_s + 86400;
    content.name = name;
    content.reach = reaches;
    content.n_reach = 1;
    service.head = &head;
    service.uid = uid;
    service.version = 1;
    service.content = &content;
    identity_sign(f->peer, TYPE_SERVICE, wire_pack_arena(&service, tx->arena), &bytes, NULL);
    object.body = &service;
    object.head = &head;
    if (!envelope_open(buf_bytes(&bytes), tx->arena, &object.envelope, &err) ||
        !object_add(tx, &object.envelope, &object.from, head.expires_s, OBJECT_APPLIED, NULL,
                    &err) ||
        !service_apply(tx, &object, &disposition, &err))
        fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
    struct fixture *f = test_malloc(sizeof(*f));
    char node[NODE_ID_TEXT];
    memset(f, 0, sizeof(*f));
    api_fixture_open(&f->api);
    f->peer = identity_create_memory(&f->api.random.source, f->api.clock.wall);
    in_tx(f, add_peer);
    in_tx(f, add_service);
    snprintf(f->service, sizeof(f->service), "%s/ordi", node_id_text(identity_node(f->peer), node));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    api_fixture_close(&f->api);
    identity_free(f->peer);
    test_free(f);
    return 0;
}

static const char *call_as(struct fixture *f, const char *name, const char *method,
                           const char *json)
{
    char path[80];
    struct caller caller = {.local = true};
    snprintf(path, sizeof(path), "/maillon.api.v1.Referrals/%s", method);
    snprintf(caller.name, sizeof(caller.name), "%s", name);
    return api_call(&f->api, &caller, path, json);
}

static void send(struct fixture *f, const char *key)
{
    char json[700];
    snprintf(json, sizeof(json),
             "{\"service\":\"%s\",\"theme\":\"numerique--materiel\",\"need\":\"Cherche un "
             "ordinateur\",\"urgency\":\"urgent\"," PERSON "," CONSENT ",\"requestKey\":\"%s\"}",
             f->service, key);
    call_as(f, "", "Send", json);
    if (!f->api.ok)
        fail_msg("%s", buf_text(&f->api.body));
    api_field(&f->api, "id", f->id, sizeof(f->id));
}

static bool body_has(struct fixture *f, const char *part)
{
    return strstr(buf_text(&f->api.body), part) != NULL;
}

static void a_referral_is_sent_listed_shown_and_cancelled(void **state)
{
    struct fixture *f = *state;
    char json[200], first[80];
    send(f, "k1");
    assert_int_equal(strlen(f->id), 64);
    assert_true(body_has(f, "\"status\":\"requested\""));
    assert_true(body_has(f, "\"statusWords\":\"envoyée\""));
    assert_true(body_has(f, "\"delivery\":\"sent\""));
    assert_true(body_has(f, "\"serviceName\":\"Ordinateurs\""));
    assert_true(body_has(f, "\"cancel\""));
    assert_false(body_has(f, "\"expire\""));
    snprintf(first, sizeof(first), "%s", f->id);
    send(f, "k1");
    assert_string_equal(first, f->id);
    call_as(f, "", "List", "{\"box\":\"out\",\"openOnly\":true}");
    assert_true(body_has(f, f->id));
    snprintf(json, sizeof(json), "{\"id\":\"%.8s\"}", f->id);
    call_as(f, "", "Get", json);
    assert_true(body_has(f, "Cherche un ordinateur"));
    assert_true(body_has(f, "\"fingerprint\""));
    snprintf(json, sizeof(json), "{\"id\":\"%.8s\",\"action\":\"cancel\",\"reason\":\"moved\"}",
             f->id);
    call_as(f, "", "Act", json);
    assert_true(f->api.ok);
    assert_true(body_has(f, "\"status\":\"cancelled\""));
    assert_true(body_has(f, "\"reason\":\"moved\""));
    call_as(f, "", "List", "{\"box\":\"out\",\"openOnly\":true}");
    assert_false(body_has(f, f->id));
}

static void mistakes_are_told_with_what_to_do(void **state)
{
    struct fixture *f = *state;
    call_as(f, "", "Send", "{}");
    assert_true(body_has(f, "consent is missing"));
    call_as(f, "", "Send", "{" CONSENT ",\"service\":\"x\"}");
    assert_true(body_has(f, "NODE/UID"));
    call_as(f, "", "Send", "{" CONSENT ",\"service\":\"import/3\"}");
    assert_true(body_has(f, "call it instead"));
    call_as(f, "", "Get", "{\"id\":\"abc\"}");
    assert_true(body_has(f, "at least the first 6"));
    call_as(f, "", "List", "{\"status\":\"nope\"}");
    assert_true(body_has(f, "in-progress"));
    assert_int_equal(f->api.http_status, 400);
}

static void add_accounts(struct fixture *f, struct tx *tx)
{
    static const struct {
        const char *name;
        unsigned roles;
    } accounts[] = {{"sam", ROLE_SECRETARY}, {"ada", ROLE_ADMIN}, {"cora", ROLE_COORDINATOR}};
    (void)f;
    for (size_t i = 0; i < ARRAY_LEN(accounts); i++) {
        struct err err = {0};
        struct account account;
        if (!account_add(tx, "test", accounts[i].name, accounts[i].roles, "-", &account, &err))
            fail_msg("%s", err.msg);
    }
}

/* R-PD-12: slices in, a message out, slices back. */
static void a_file_is_attached_listed_and_read_back(void **state)
{
    struct fixture *f = *state;
    char json[400], upload[40];
    send(f, "a1");
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"name\":\"../a.txt\",\"mediaType\":\"text/plain\",\"size\":5,"
             "\"data\":\"%s\"}",
             f->id, "");
    call_as(f, "", "Attach", json);
    assert_true(f->api.ok && body_has(f, "\"upload\""));
    api_field(&f->api, "upload", upload, sizeof(upload));
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"upload\":\"%s\",\"data\":\"aGVsbG8=\",\"text\":\"voici\"}", f->id,
             upload);
    call_as(f, "", "Attach", json);
    if (!f->api.ok)
        fail_msg("%s", buf_text(&f->api.body));
    assert_true(body_has(f, "\"whole\":true") && body_has(f, "\"message\""));
    assert_true(body_has(f, "\"name\":\"a.txt\"") && body_has(f, "\"state\":\"here\""));
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"number\":1}", f->id);
    call_as(f, "", "Attachment", json);
    assert_true(body_has(f, "\"data\":\"aGVsbG8=\""));
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"number\":2}", f->id);
    call_as(f, "", "Attachment", json);
    assert_true(body_has(f, "no attachment of this number"));
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"number\":1,\"offset\":1}", f->id);
    call_as(f, "", "Attachment", json);
    assert_int_equal(f->api.http_status, 400);
    in_tx(f, add_accounts);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"number\":1}", f->id);
    call_as(f, "sam", "Attachment", json);
    assert_int_equal(f->api.http_status, 403);
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    call_as(f, "ada", "Get", json);
    assert_true(f->api.ok);
    assert_false(body_has(f, "a.txt"));
}

static int64_t count(struct fixture *f, const char *sql)
{
    struct err err = {0};
    bool row = false;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(f->api.store, sql, &err);
    assert_true(stmt && stmt_next(stmt, &row, &err) && row);
    return stmt_i64(stmt, 0);
}

static void receive_it(struct fixture *f, struct tx *tx)
{
    struct err err = {0};
    (void)f;
    assert_true(store_exec(tx->store, "UPDATE referral SET is_out = 0", &err));
}

/* R-PD-10: a caseworker's list tells the sender, once; nobody else's does. */
static void a_list_says_once_that_a_caseworker_was_shown_it(void **state)
{
    static const char receipts[] = "SELECT count(*) FROM outbox WHERE lane = 0";
    struct fixture *f = *state;
    send(f, "p1");
    send(f, "p2");
    in_tx(f, receive_it);
    in_tx(f, add_accounts);
    call_as(f, "sam", "List", "{\"box\":\"in\"}");
    call_as(f, "ada", "List", "{}");
    call_as(f, "", "List", "{\"box\":\"out\"}");
    assert_int_equal(count(f, receipts), 0);
    uint64_t commits = atomic_load(&f->api.counters.commits);
    call_as(f, "", "List", "{\"box\":\"in\"}");
    assert_int_equal(count(f, receipts), 1);
    assert_int_equal(count(f, "SELECT sum(presented) FROM referral"), 2);
    assert_int_equal(atomic_load(&f->api.counters.commits), commits + 1);
    call_as(f, "", "List", "{\"box\":\"in\"}");
    assert_int_equal(count(f, receipts), 1);
    assert_int_equal(atomic_load(&f->api.counters.commits), commits + 1);
}

static void roles_see_what_they_need_and_no_more(void **state)
{
    struct fixture *f = *state;
    char json[200];
    in_tx(f, add_accounts);
    send(f, "k1");
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    call_as(f, "sam", "Get", json); /* logistics, not reasons */
    assert_true(body_has(f, "Zoubida"));
    assert_false(body_has(f, "Cherche"));
    assert_false(body_has(f, "1980"));
    assert_false(body_has(f, "numerique"));
    call_as(f, "ada", "Get", json); /* status only */
    assert_true(body_has(f, "requested"));
    assert_false(body_has(f, "Zoubida"));
    assert_false(body_has(f, "06 39"));
    call_as(f, "ada", "List", "{}");
    assert_true(body_has(f, f->id));
    assert_false(body_has(f, "Zoubida"));
    call_as(f, "cora", "Get", json);
    assert_int_equal(f->api.http_status, 403);
    call_as(f, "sam", "Act", json);
    assert_int_equal(f->api.http_status, 403);
}

static void the_export_has_the_signed_chain_and_both_key_logs(void **state)
{
    struct fixture *f = *state;
    char json[200];
    send(f, "k1");
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    call_as(f, "", "Export", json);
    assert_true(f->api.ok);
    assert_true(body_has(f, "\"event\":["));
    assert_true(body_has(f, "\"kelOurs\":["));
    assert_true(body_has(f, "\"kelTheirs\":["));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_referral_is_sent_listed_shown_and_cancelled),
        TEST(mistakes_are_told_with_what_to_do),
        TEST(a_file_is_attached_listed_and_read_back),
        TEST(a_list_says_once_that_a_caseworker_was_shown_it),
        TEST(roles_see_what_they_need_and_no_more),
        TEST(the_export_has_the_signed_chain_and_both_key_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
