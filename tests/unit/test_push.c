#include "hub/api/push.h"
#include "hub/domain/session.h"
#include "proto/limits.h"
#include "tests/support/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct api_fixture hub;
static struct push *push;
static unsigned wakes;
static struct buf text;

static int set_up(void **state)
{
    (void)state;
    api_fixture_open(&hub);
    push = push_create(&hub.env);
    wakes = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    struct exchange *exchange = TAKE(hub.exchange);
    exchange_free(exchange);
    push_free(push);
    buf_done(&text);
    api_fixture_close(&hub);
    return 0;
}

static void on_wake(void *ctx)
{
    (void)ctx;
    wakes++;
}

struct change {
    struct action action;
    const char *kind, *id;
    int count;
};

static bool change_apply(struct tx *tx, struct action *action, struct err *err)
{
    const struct change *change = (const struct change *)action;
    for (int i = 0; i < change->count; i++) {
        if (!tx_event(tx, change->kind, change->id, "changed", err))
            return false;
    }
    return true;
}

static void change_done(struct action *action, const struct err *err)
{
    (void)action;
    assert_int_equal(err->code, ERR_NONE);
}

/* Events as a commit of the exchange tells them. */
static void happen(const char *kind, const char *id, int count)
{
    struct change change = {
        .action = {.apply = change_apply, .done = change_done},
        .kind = kind,
        .id = id,
        .count = count,
    };
    exchange_submit(hub.exchange, &change.action);
    fake_executor_drain(&hub.executor);
}

static struct push_client *open_as(unsigned roles, int64_t after)
{
    char name[16];
    struct account account;
    struct caller caller = {.local = true};
    struct err err = {0};
    if (roles) {
        char role[ACCOUNT_ROLES_TEXT], request[160];
        snprintf(name, sizeof(name), "user%u", roles);
        bool found;
        assert_true(account_find(hub.store, name, &found, &account, &err));
        if (!found) {
            snprintf(request, sizeof(request), "{\"name\":\"%s\",\"role\":\"%s\"}", name,
                     account_roles_text(roles, role));
            api_call_local(&hub, "/maillon.api.v1.Accounts/AddUser", request);
            assert_true(hub.ok);
        }
        snprintf(caller.name, sizeof(caller.name), "%s", name);
    }
    struct push_client *client = push_open(push, &caller, after, on_wake, NULL);
    fake_executor_drain(&hub.executor);
    return client;
}

/* The next event as text; "" when there is none now. Draining stands for the loop turning. */
static const char *take(struct push_client *client)
{
    struct err err = {0};
    for (int turn = 0; turn < 2; turn++) {
        text.len = 0;
        enum push_state got = push_take(client, &text, &err);
        assert_int_not_equal(got, PUSH_CLOSED);
        if (got == PUSH_EVENT) {
            assert_true(text.len <= WATCH_MESSAGE_MAX);
            break;
        }
        fake_executor_drain(&hub.executor);
    }
    return buf_text(&text);
}

static void an_event_reaches_who_watches_with_its_number(void **state)
{
    (void)state;
    struct push_client *client = open_as(0, PUSH_FROM_NOW);
    assert_string_equal(take(client), "");
    wakes = 0;
    happen("referral", "abc", 1);
    assert_true(wakes > 0);
    assert_string_equal(take(client), "{\"number\":\"1\",\"kind\":\"referral\",\"id\":\"abc\","
                                      "\"verb\":\"changed\",\"at\":\"2026-11-22T08:00:00.000Z\"}");
    assert_int_equal(push_number(client), 1);
    assert_string_equal(take(client), "");
    push_close(client);
    assert_true(push_is_idle(push));
}

static void a_client_resumes_after_the_number_it_saw(void **state)
{
    (void)state;
    happen("notice", "a", 5);
    struct push_client *client = open_as(0, 3), *now = open_as(0, PUSH_FROM_NOW);
    assert_non_null(strstr(take(client), "\"number\":\"4\""));
    assert_non_null(strstr(take(client), "\"number\":\"5\""));
    assert_string_equal(take(client), "");
    assert_string_equal(take(now), "");
    assert_int_equal(push_number(now), 5);
    push_close(client);
    push_close(now);
}

static void each_role_sees_only_its_kinds(void **state)
{
    (void)state;
    static const char *const names[] = {"referral", "notice", "claim", "peer", "service", "secret"};
    static const struct {
        unsigned roles;
        bool sees[ARRAY_LEN(names)];
    } cases[] = {
        {ROLE_CASEWORKER, {true, false, false, true, true, false}},
        {ROLE_SECRETARY, {true, false, false, true, true, false}},
        {ROLE_COORDINATOR, {false, true, true, false, true, false}},
        {ROLE_ADMIN, {false, false, false, true, true, false}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int live = 0; live < 2; live++) {
            struct push_client *client = open_as(cases[i].roles, PUSH_FROM_NOW);
            int64_t before = push_number(client);
            if (!live)
                push_close(client);
            for (size_t kind = 0; kind < ARRAY_LEN(names); kind++)
                happen(names[kind], "x", 1);
            if (!live)
                client = open_as(cases[i].roles, before);
            for (size_t kind = 0; kind < ARRAY_LEN(names); kind++) {
                char word[32];
                snprintf(word, sizeof(word), "\"kind\":\"%s\"", names[kind]);
                if (cases[i].sees[kind])
                    assert_non_null(strstr(take(client), word));
            }
            assert_string_equal(take(client), "");
            push_close(client);
        }
    }
}

static void a_client_far_behind_gets_everything_once_in_pages(void **state)
{
    (void)state;
    struct push_client *slow = open_as(0, PUSH_FROM_NOW);
    happen("notice", "a", 700); /* more than is kept for all, many pages */
    struct push_client *late = open_as(0, 0);
    for (int number = 1; number <= 900; number++) {
        char word[32];
        if (number == 500)
            happen("claim", "b", 200);
        snprintf(word, sizeof(word), "\"number\":\"%d\"", number);
        assert_non_null(strstr(take(slow), word));
        assert_non_null(strstr(take(late), word));
    }
    assert_string_equal(take(slow), "");
    assert_string_equal(take(late), "");
    happen("claim", "c", 1);
    assert_non_null(strstr(take(slow), "\"number\":\"901\""));
    assert_non_null(strstr(take(late), "\"number\":\"901\""));
    push_close(slow);
    push_close(late);
}

static void nobody_unknown_may_watch(void **state)
{
    (void)state;
    struct err err = {0};
    struct push_client *client =
        push_open(push, &(struct caller){.bearer = "mlt_none"}, 0, on_wake, NULL);
    fake_executor_drain(&hub.executor);
    assert_int_equal(wakes, 1);
    assert_int_equal(push_take(client, &text, &err), PUSH_CLOSED);
    assert_int_equal(err.code, ERR_UNSIGNED);
    push_close(client);
}

static void a_disabled_account_stops_seeing_within_a_minute(void **state)
{
    (void)state;
    struct err err = {0};
    struct push_client *client = open_as(ROLE_COORDINATOR, PUSH_FROM_NOW);
    happen("notice", "a", 1);
    assert_non_null(strstr(take(client), "\"number\":\"1\""));
    char request[64];
    snprintf(request, sizeof(request), "{\"name\":\"user%u\"}", (unsigned)ROLE_COORDINATOR);
    api_call_local(&hub, "/maillon.api.v1.Accounts/DisableUser", request);
    assert_true(hub.ok);
    fake_clock_advance(&hub.clock, 60000);
    happen("notice", "a", 1);
    assert_int_equal(push_take(client, &text, &err), PUSH_NOTHING);
    fake_executor_drain(&hub.executor);
    assert_int_equal(push_take(client, &text, &err), PUSH_CLOSED);
    assert_int_equal(err.code, ERR_DENIED);
    push_close(client);
}

static void closing_while_a_query_runs_is_safe(void **state)
{
    (void)state;
    struct push_client *client = push_open(push, &(struct caller){.local = true}, 0, on_wake, NULL);
    push_close(client);
    assert_false(push_is_idle(push));
    fake_executor_drain(&hub.executor);
    assert_int_equal(wakes, 0);
    assert_true(push_is_idle(push));
    happen("notice", "a", 1); /* and nobody is told */
    assert_true(push_is_idle(push));
}

static void an_event_with_long_texts_stays_within_a_message(void **state)
{
    (void)state;
    char id[1200] = {0};
    memset(id, '"', sizeof(id) - 1);
    struct push_client *client = open_as(0, PUSH_FROM_NOW);
    happen("notice", id, 1);
    assert_string_not_equal(take(client), "");
    push_close(client);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_event_reaches_who_watches_with_its_number),
        TEST(a_client_resumes_after_the_number_it_saw),
        TEST(each_role_sees_only_its_kinds),
        TEST(a_client_far_behind_gets_everything_once_in_pages),
        TEST(nobody_unknown_may_watch),
        TEST(a_disabled_account_stops_seeing_within_a_minute),
        TEST(closing_while_a_query_runs_is_safe),
        TEST(an_event_with_long_texts_stays_within_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
