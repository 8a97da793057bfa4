/* The first page through the client API: what each role sees, and what reading does to news. */
#include "hub/domain/referral_moves.h"
#include "hub/domain/relation.h"
#include "hub/store/stmt.h"
#include "tests/support/api_fixture.h"
#include "tests/support/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define PASSPHRASE "quatre mots bien choisis"

struct fixture {
    struct api_fixture api;
    struct identity *peer;
};

static int set_up(void **state)
{
    struct fixture *f = test_malloc(sizeof(*f));
    memset(f, 0, sizeof(*f));
    api_fixture_open(&f->api);
    f->peer = identity_create_memory(&f->api.random.source, f->api.clock.wall);
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

static void run(struct fixture *f, const char *sql)
{
    struct err err = {0};
    if (!store_exec(f->api.store, sql, &err))
        fail_msg("%s", err.msg);
}

/* An open referral of the other side's making, or ours; `due_s` from now. */
static void add_referral(struct fixture *f, unsigned number, bool is_out, int status, long due_s)
{
    char sql[1300];
    long long now = (long long)f->api.clock.wall.ms;
    snprintf(
        sql, sizeof(sql),
        "INSERT INTO referral (id, oid, peer, is_out, is_open, status, business_status, flags,"
        " sender_seq, receiver_seq, answer_due_s, asked_s, due_s, pending, events, delivery,"
        " urgency, feedback, exercise, service, service_name, theme, reason, outcome,"
        " scheduled_s, review_s, created_ms, changed_ms, expires_ms, ended_ms, purge_ms,"
        " purged_ms, late_stage, next_ms, account) VALUES (%u, CAST('%032u' AS BLOB),"
        " randomblob(32), %d, 1, %d, 0, 0, 1, 0, 0, 0, %lld, 0, 1, 1, 1, 2, 0, 's', 'Vestiaire',"
        " 'numerique', '', '', 0, 0, %lld, 0, 0, 0, 0, 0, 0, 0, 0)",
        number, number, is_out, status, due_s ? now / 1000 + due_s : 0LL, now - 86400000LL);
    run(f, sql);
}

static void add_answer(struct fixture *f, unsigned referral)
{
    char sql[500];
    snprintf(sql, sizeof(sql),
             "INSERT INTO referral_event (referral, side, seq, oid, action, business_status,"
             " on_behalf, confirms, created_s, answer_due_s, at_ms, verdict, delivery) VALUES"
             " (%u, 1, 1, randomblob(32), 5, 0, 0, 0, 0, 0, %lld, 1, 0)",
             referral, (long long)f->api.clock.wall.ms - 1000);
    run(f, sql);
}

static const char *call_as(struct fixture *f, const char *name, const char *method,
                           const char *json)
{
    char path[80];
    struct caller caller = {.local = true};
    snprintf(path, sizeof(path), "/maillon.api.v1.Home/%s", method);
    snprintf(caller.name, sizeof(caller.name), "%s", name);
    return api_call(&f->api, &caller, path, json);
}

static const char *list(struct fixture *f, const char *name)
{
    const char *body = call_as(f, name, "List", "{}");
    if (!f->api.ok)
        fail_msg("%s", body);
    return body;
}

static void everybody_sees_what_their_role_is_for(void **state)
{
    struct fixture *f = *state;
    api_add_user(&f->api, "marie", "caseworker", PASSPHRASE);
    api_add_user(&f->api, "lea", "coordinator", PASSPHRASE);
    api_add_user(&f->api, "alix", "admin", PASSPHRASE);
    add_referral(f, 1, false, REFERRAL_STATUS(REQUESTED), -3600);
    const char *body = list(f, "marie");
    assert_non_null(strstr(body, "\"rank\":\"late\",\"kind\":\"referral\""));
    assert_non_null(strstr(body, "\"serviceName\":\"Vestiaire\""));
    assert_non_null(strstr(body, "\"clock\":{\"late\":1"));
    assert_null(strstr(body, "\"warning\""));
    body = list(f, "lea");
    assert_null(strstr(body, "\"kind\""));
    assert_null(strstr(body, "Vestiaire"));
    body = list(f, "alix"); /* who runs the hub does not read about people */
    assert_null(strstr(body, "Vestiaire"));
}

static void the_clock_of_a_question_begins_when_it_was_asked(void **state)
{
    struct fixture *f = *state;
    char sql[120];
    api_add_user(&f->api, "marie", "caseworker", PASSPHRASE);
    add_referral(f, 1, true, REFERRAL_STATUS(REQUESTED), 3600);
    snprintf(sql, sizeof(sql), "UPDATE referral SET flags = %d, asked_s = %lld WHERE id = 1",
             REFERRAL_QUESTION_OPEN, (long long)f->api.clock.wall.ms / 1000 - 36 * 3600);
    run(f, sql);
    const char *body = list(f, "marie"), *row = strstr(body, "\"clock\":50");
    assert_non_null(row); /* half of the 72 hours, in the referral and beside it */
    assert_non_null(strstr(row + 1, "\"clock\":50"));
}

static void what_seven_rows_leave_out_is_counted(void **state)
{
    struct fixture *f = *state;
    api_add_user(&f->api, "marie", "caseworker", PASSPHRASE);
    for (unsigned i = 1; i <= 12; i++)
        add_referral(f, i, false, REFERRAL_STATUS(REQUESTED), -3600 * (long)i);
    const char *body = list(f, "marie");
    assert_non_null(strstr(body, "{\"rank\":\"late\",\"kind\":\"referral\",\"count\":5}"));
    const char *first = strstr(body, "\"id\":\"");
    assert_non_null(first);
    assert_memory_equal(first + 6 + 60, "3132", 4); /* "…12": late for longest */
    call_as(f, "marie", "List", "{\"limit\":51}");
    assert_int_equal(f->api.http_status, 400);
}

static void news_are_gone_once_the_account_has_opened_them(void **state)
{
    struct fixture *f = *state;
    api_add_user(&f->api, "marie", "caseworker", PASSPHRASE);
    api_add_user(&f->api, "paul", "caseworker", PASSPHRASE);
    add_referral(f, 7, true, REFERRAL_STATUS(ACCEPTED), 0);
    add_answer(f, 7);
    assert_non_null(strstr(list(f, "marie"), "\"rank\":\"news\""));
    call_as(f, "marie", "Opened",
            "{\"referral\":\"3030303030303030303030303030303030303030303030303030303030303037\"}");
    assert_true(f->api.ok);
    assert_null(strstr(list(f, "marie"), "\"rank\":\"news\""));
    assert_non_null(strstr(list(f, "paul"), "\"rank\":\"news\""));
    call_as(f, "marie", "Opened", "{}");
    assert_int_equal(f->api.http_status, 400);
    call_as(f, "marie", "Opened", "{\"referral\":\"ffffffff\"}");
    assert_int_equal(f->api.http_status, 404);
}

static void an_empty_hub_says_what_is_there_already(void **state)
{
    struct fixture *f = *state;
    api_add_user(&f->api, "alix", "caseworker,admin", PASSPHRASE);
    assert_non_null(strstr(list(f, "alix"), "\"start\":{}"));
    api_add_user(&f->api, "marie", "caseworker", PASSPHRASE);
    assert_non_null(strstr(list(f, "alix"), "\"start\":{\"people\":true}"));
}

static void people_look_first_around_their_own_hub(void **state)
{
    struct fixture *f = *state;
    api_add_user(&f->api, "marie", "caseworker", PASSPHRASE);
    assert_null(strstr(list(f, "marie"), "\"near\""));
    api_call_local(&f->api, "/maillon.api.v1.Node/SetCard",
                   "{\"name\":\"CCAS de Redon\",\"commune\":\"35236\"}");
    assert_true(f->api.ok);
    assert_non_null(strstr(list(f, "marie"), "\"near\":\"Redon 35600\""));
    api_call_local(&f->api, "/maillon.api.v1.Node/SetCard", "{\"commune\":\"99999\"}");
    assert_true(f->api.ok);
    assert_null(strstr(list(f, "marie"), "\"near\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(everybody_sees_what_their_role_is_for),
        TEST(the_clock_of_a_question_begins_when_it_was_asked),
        TEST(what_seven_rows_leave_out_is_counted),
        TEST(news_are_gone_once_the_account_has_opened_them),
        TEST(an_empty_hub_says_what_is_there_already),
        TEST(people_look_first_around_their_own_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
