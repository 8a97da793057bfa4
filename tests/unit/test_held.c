/* What is sent from a page and can be taken back: when it goes, and that nothing of it stays. */
#include "hub/api/held_run.h"
#include "hub/domain/account.h"
#include "tests/support/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PASSPHRASE "quatre mots bien choisis"
#define SECRET     "matelas de la rue des Lilas"
#define POST       "{\\\"content\\\":{\\\"kind\\\":\\\"shortage\\\",\\\"what\\\":\\\"" SECRET "\\\"}%s}"

struct fixture {
    struct api_fixture api;
    struct held_runner *runner, *earlier;
    struct caller lea;
    char id[HELD_TOKEN_TEXT];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    api_fixture_open(&f->api);
    f->runner = held_runner_create(&f->api.env);
    api_add_user(&f->api, "lea", "coordinator", PASSPHRASE);
    f->lea = api_sign_in(&f->api, "lea", PASSPHRASE);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    api_fixture_close(&f->api);
    held_runner_free(f->runner);
    held_runner_free(f->earlier);
    free(f);
    return 0;
}

static const char *call(struct fixture *f, const char *method, const char *json)
{
    char path[80];
    snprintf(path, sizeof(path), "/maillon.api.v1.%s", method);
    return api_call(&f->api, &f->lea, path, json);
}

static const char *call_id(struct fixture *f, const char *method)
{
    char json[80];
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    return call(f, method, json);
}

static const char *hold_as(struct fixture *f, const char *method, const char *request)
{
    char json[800];
    snprintf(json, sizeof(json),
             "{\"method\":\"%s\",\"request\":\"%s\",\"form\":\"{\\\"what\\\":\\\"" SECRET
             "\\\"}\",\"back\":\"/notices/new\",\"onward\":\"/notices/{id}?done=posted\"}",
             method, request);
    const char *body = call(f, "Held/Hold", json);
    if (f->api.ok)
        api_field(&f->api, "id", f->id, sizeof(f->id));
    return body;
}

static void hold(struct fixture *f, const char *more)
{
    char request[300];
    snprintf(request, sizeof(request), POST, more);
    hold_as(f, "Notices/Post", request);
    if (!f->api.ok)
        fail_msg("%s", f->api.err.msg);
}

/* Everything the clock asks for. */
static void tick(struct fixture *f)
{
    for (int i = 0; i < 20; i++) {
        struct mono due = held_runner_tick(f->runner, clock_mono(&f->api.clock.clock));
        if (!fake_executor_drain(&f->api.executor) && due.us > f->api.clock.mono.us)
            return;
    }
}

static void pass(struct fixture *f, int64_t ms)
{
    fake_clock_advance(&f->api.clock, ms);
    tick(f);
}

static int64_t number(struct fixture *f, const char *sql)
{
    struct err err = {0};
    bool row;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(f->api.store, sql, &err);
    assert_true(stmt && stmt_next(stmt, &row, &err) && row);
    return stmt_i64(stmt, 0);
}

static int64_t notices(struct fixture *f)
{
    return number(f, "SELECT count(*) FROM notice");
}

static void expect_state(struct fixture *f, const char *wanted)
{
    char text[40];
    call_id(f, "Held/Get");
    assert_true(f->api.ok);
    assert_string_equal(api_field(&f->api, "state", text, sizeof(text)), wanted);
}

static void it_goes_when_its_time_has_come_and_not_before(void **state)
{
    struct fixture *f = *state;
    char path[80];
    hold(f, "");
    tick(f);
    assert_int_equal(notices(f), 0);
    expect_state(f, "waiting");
    assert_non_null(strstr(buf_text(&f->api.body), "\"secondsLeft\":10"));
    pass(f, 9900);
    assert_int_equal(notices(f), 0);
    pass(f, 100);
    assert_int_equal(notices(f), 1);
    expect_state(f, "sent");
    api_field(&f->api, "onward", path, sizeof(path));
    assert_int_equal(strncmp(path, "/notices/", 9), 0);
    assert_string_equal(strchr(path, '?'), "?done=posted");
    pass(f, 60000);
    assert_int_equal(notices(f), 1);
}

static void nothing_of_it_stays_once_it_is_sent(void **state)
{
    struct fixture *f = *state;
    hold(f, "");
    assert_int_equal(number(f, "SELECT count(*) FROM held WHERE instr(CAST(content AS TEXT), "
                               "'Lilas') > 0"),
                     0);
    pass(f, 10000);
    assert_int_equal(number(f, "SELECT count(*) FROM held WHERE content IS NOT NULL OR "
                               "content_key IS NOT NULL"),
                     0);
    pass(f, 86400 * 1000LL + 3600 * 1000LL);
    pass(f, 3600 * 1000LL);
    assert_int_equal(number(f, "SELECT count(*) FROM held"), 0);
}

static void taken_back_it_never_goes_and_gives_back_what_was_typed(void **state)
{
    struct fixture *f = *state;
    hold(f, "");
    assert_non_null(strstr(call_id(f, "Held/Undo"), SECRET));
    assert_non_null(strstr(buf_text(&f->api.body), "\"back\":\"/notices/new\""));
    assert_int_equal(number(f, "SELECT count(*) FROM held"), 0);
    pass(f, 60000);
    assert_int_equal(notices(f), 0);
    call_id(f, "Held/Undo");
    assert_int_equal(f->api.err.code, ERR_UNKNOWN);
}

static void sent_at_once_it_cannot_be_taken_back(void **state)
{
    struct fixture *f = *state;
    hold(f, "");
    call_id(f, "Held/SendNow");
    assert_true(f->api.ok);
    assert_int_equal(notices(f), 1);
    call_id(f, "Held/SendNow");
    assert_true(f->api.ok);
    call_id(f, "Held/Undo");
    assert_int_equal(f->api.err.code, ERR_CONFLICT);
    pass(f, 60000);
    assert_int_equal(notices(f), 1);
}

static void what_is_wrong_shows_now_and_nothing_is_held(void **state)
{
    struct fixture *f = *state;
    hold_as(f, "Notices/Post", "{\\\"content\\\":{\\\"kind\\\":\\\"shortage\\\"}}");
    assert_int_equal(f->api.err.code, ERR_INVALID);
    hold_as(f, "Notices/Post", "{\\\"nonsense\\\":1}");
    assert_int_equal(f->api.err.code, ERR_INVALID);
    hold_as(f, "Referrals/Send", "{}");
    assert_int_equal(f->api.err.code, ERR_DENIED);
    hold_as(f, "Accounts/AddUser", "{}");
    assert_int_equal(f->api.err.code, ERR_UNSUPPORTED);
    assert_int_equal(number(f, "SELECT count(*) FROM held"), 0);
}

static void a_trial_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    int64_t events = number(f, "SELECT count(*) FROM event");
    int64_t lines = number(f, "SELECT count(*) FROM object");
    hold(f, "");
    assert_int_equal(number(f, "SELECT count(*) FROM event"), events);
    assert_int_equal(number(f, "SELECT count(*) FROM object"), lines);
    assert_int_equal(number(f, "SELECT count(*) FROM notice"), 0);
}

static void pressed_twice_it_is_one(void **state)
{
    struct fixture *f = *state;
    char first[HELD_TOKEN_TEXT];
    hold(f, ",\\\"requestKey\\\":\\\"k1\\\"");
    memcpy(first, f->id, sizeof(first));
    hold(f, ",\\\"requestKey\\\":\\\"k1\\\"");
    assert_string_equal(first, f->id);
    hold(f, ",\\\"requestKey\\\":\\\"k2\\\"");
    assert_string_not_equal(first, f->id);
    pass(f, 10000);
    assert_int_equal(notices(f), 2);
}

static void a_hub_that_starts_again_sends_what_was_due_once(void **state)
{
    struct fixture *f = *state;
    hold(f, "");
    fake_clock_advance(&f->api.clock, 3600 * 1000);
    f->earlier = f->runner; /* heard of it, and never got its turn */
    f->runner = held_runner_create(&f->api.env);
    tick(f);
    assert_int_equal(notices(f), 1);
    held_runner_tick(f->earlier, clock_mono(&f->api.clock.clock));
    fake_executor_drain(&f->api.executor);
    assert_int_equal(notices(f), 1);
}

static void a_clock_that_is_set_right_neither_keeps_nor_hurries_it(void **state)
{
    struct fixture *f = *state;
    hold(f, "");
    tick(f);
    fake_clock_set_wall(&f->api.clock, f->api.clock.wall.ms - 86400000LL);
    pass(f, 9000);
    assert_int_equal(notices(f), 0);
    for (int i = 0; i < 7; i++)
        pass(f, 10000);
    assert_int_equal(notices(f), 1);
    hold(f, ",\\\"requestKey\\\":\\\"k2\\\"");
    tick(f);
    fake_clock_set_wall(&f->api.clock, f->api.clock.wall.ms + 2 * 86400000LL);
    pass(f, 9000);
    assert_int_equal(notices(f), 1);
    pass(f, 1000);
    assert_int_equal(notices(f), 2);
}

static void withdrawn(struct fixture *f)
{
    char json[120], notice[40];
    call(f, "Notices/Post",
         "{\"content\":{\"kind\":\"shortage\",\"what\":\"" SECRET "\"},\"requestKey\":\"w\"}");
    api_field(&f->api, "id", notice, sizeof(notice));
    snprintf(json, sizeof(json), "{\\\"id\\\":\\\"%s\\\"}", notice);
    hold_as(f, "Notices/Renew", json);
    assert_true(f->api.ok);
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", notice);
    call(f, "Notices/Withdraw", json);
    assert_true(f->api.ok);
}

static void what_changed_meanwhile_stops_it_and_keeps_the_form(void **state)
{
    struct fixture *f = *state;
    withdrawn(f);
    pass(f, 10000);
    expect_state(f, "stopped");
    assert_non_null(strstr(call(f, "Held/List", "{}"), f->id));
    assert_non_null(strstr(call_id(f, "Held/Undo"), SECRET));
    assert_non_null(strstr(buf_text(&f->api.body), "\"problem\":\""));
    assert_int_equal(number(f, "SELECT count(*) FROM held"), 0);
}

static void hurried_it_stops_as_when_its_time_had_come(void **state)
{
    struct fixture *f = *state;
    withdrawn(f);
    assert_non_null(strstr(call_id(f, "Held/SendNow"), "\"state\":\"stopped\""));
    assert_non_null(strstr(buf_text(&f->api.body), "\"problem\":\""));
    expect_state(f, "stopped");
    pass(f, 60000);
    expect_state(f, "stopped");
    assert_non_null(strstr(call_id(f, "Held/Undo"), SECRET));
}

static void what_could_not_be_sent_goes_after_a_week(void **state)
{
    struct fixture *f = *state;
    withdrawn(f);
    pass(f, 10000);
    pass(f, 7 * 86400 * 1000LL);
    pass(f, 3600 * 1000LL);
    assert_int_equal(number(f, "SELECT count(*) FROM held"), 0);
}

static void old_answers_go_from_the_disk(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char sql[200];
    snprintf(sql, sizeof(sql), "INSERT INTO last_answer VALUES (1, %lld, x'00', x'00')",
             (long long)f->api.clock.wall.ms);
    assert_true(store_exec(f->api.store, sql, &err));
    pass(f, 89 * 86400000LL);
    assert_int_equal(number(f, "SELECT count(*) FROM last_answer"), 1);
    pass(f, 2 * 86400000LL);
    assert_int_equal(number(f, "SELECT count(*) FROM last_answer"), 0);
}

static void a_closed_account_sends_nothing_more(void **state)
{
    struct fixture *f = *state;
    hold(f, "");
    api_call_local(&f->api, "/maillon.api.v1.Accounts/DisableUser", "{\"name\":\"lea\"}");
    assert_true(f->api.ok);
    pass(f, 10000);
    assert_int_equal(number(f, "SELECT count(*) FROM notice"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM held WHERE state = 3 AND content IS NULL"), 1);
    assert_non_null(strstr(api_call_local(&f->api, "/maillon.api.v1.Held/List", "{}"), "dropped"));
}

static void what_others_dropped_hides_nothing_of_one_s_own(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_true(store_exec(f->api.store,
                           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i "
                           "< 200) INSERT INTO held (token, account, method, state, created_ms, "
                           "due_ms, onward, problem, problem_text) SELECT 't' || i, 1, "
                           "'Notices/Post', 3, 0, 9000000000000000, '', 0, '' FROM n",
                           &err));
    api_call_local(&f->api, "/maillon.api.v1.Accounts/SetRole",
                   "{\"name\":\"lea\",\"role\":\"coordinator,admin\"}");
    hold(f, "");
    assert_non_null(strstr(call(f, "Held/List", "{}"), f->id));
}

/* Somebody ends sessions of the account while it waits. The test decides as whom it was sent and
 * who ends what. */
static struct caller at_the_machine(void)
{
    struct caller caller = {.local = true};
    snprintf(caller.name, sizeof(caller.name), "lea");
    return caller;
}

static struct caller a_program(struct fixture *f)
{
    struct caller caller = {0};
    api_call_local(&f->api, "/maillon.api.v1.Accounts/CreateToken", "{\"name\":\"lea\"}");
    api_field(&f->api, "token", caller.bearer, sizeof(caller.bearer));
    return caller;
}

static void what_an_ended_session_sent_is_given_back(void **state)
{
    enum who { PHONE, OFFICE, PROGRAM, MACHINE, OPERATOR };
    static const struct {
        enum who sends, ends;
        const char *method, *json; /* NULL: the id of the phone's session */
        const char *becomes;
    } cases[] = {
        {PHONE, OPERATOR, "ResetUser", "{\"name\":\"lea\"}", "stopped"},
        {PHONE, OPERATOR, "EndUserSessions", "{\"name\":\"lea\"}", "stopped"},
        {PHONE, OFFICE, "EndOtherSessions", "{}", "stopped"},
        {OFFICE, OFFICE, "EndOtherSessions", "{}", "sent"},
        {PHONE, OFFICE, "EndSession", NULL, "stopped"},
        {OFFICE, OFFICE, "EndSession", NULL, "sent"},
        {PHONE, PHONE, "SignOut", "{}", "sent"},
        {PHONE, OFFICE, "SignOut", "{}", "sent"},
        {PHONE, OPERATOR, "RevokeTokens", "{\"name\":\"lea\"}", "sent"},
        {PROGRAM, OPERATOR, "RevokeTokens", "{\"name\":\"lea\"}", "stopped"},
        {PROGRAM, OPERATOR, "ResetUser", "{\"name\":\"lea\"}", "stopped"},
        {MACHINE, OPERATOR, "EndUserSessions", "{\"name\":\"lea\"}", "sent"},
        {PHONE, OPERATOR, "DisableUser", "{\"name\":\"lea\"}", "dropped"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        void *fresh;
        char path[80], json[80];
        set_up(&fresh);
        struct fixture *f = fresh;
        struct caller callers[] = {[PHONE] = f->lea,
                                   [PROGRAM] = a_program(f),
                                   [MACHINE] = at_the_machine(),
                                   [OPERATOR] = {.local = true}};
        if (cases[i].sends == OFFICE || cases[i].ends == OFFICE)
            callers[OFFICE] = api_sign_in(&f->api, "lea", PASSPHRASE);
        f->lea = callers[cases[i].sends];
        hold(f, "");
        snprintf(path, sizeof(path), "/maillon.api.v1.Accounts/%s", cases[i].method);
        snprintf(json, sizeof(json), "{\"id\":\"%lld\"}",
                 (long long)number(f, "SELECT MIN(id) FROM token"));
        api_call(&f->api, &callers[cases[i].ends], path, cases[i].json ? cases[i].json : json);
        assert_true(f->api.ok);
        pass(f, 10000);
        f->lea = at_the_machine(); /* no session is needed to look */
        if (strcmp(cases[i].becomes, "dropped") == 0)
            assert_non_null(strstr(api_call_local(&f->api, "/maillon.api.v1.Held/List", "{}"),
                                   cases[i].becomes));
        else
            expect_state(f, cases[i].becomes);
        assert_int_equal(notices(f), strcmp(cases[i].becomes, "sent") == 0);
        tear_down(&fresh);
    }
}

static void what_was_given_back_can_be_read_and_sent_again(void **state)
{
    struct fixture *f = *state;
    hold(f, "");
    api_call_local(&f->api, "/maillon.api.v1.Accounts/EndUserSessions", "{\"name\":\"lea\"}");
    f->lea = api_sign_in(&f->api, "lea", PASSPHRASE);
    assert_non_null(strstr(call(f, "Held/List", "{}"), "the session that sent this was ended"));
    assert_int_equal(number(f, "SELECT count(*) FROM event WHERE kind = 'held'"), 1);
    call_id(f, "Held/SendNow");
    assert_int_equal(notices(f), 1);
    hold(f, ",\\\"requestKey\\\":\\\"again\\\"");
    api_call_local(&f->api, "/maillon.api.v1.Accounts/EndUserSessions", "{\"name\":\"lea\"}");
    f->lea = api_sign_in(&f->api, "lea", PASSPHRASE);
    assert_non_null(strstr(call_id(f, "Held/Undo"), SECRET));
    assert_non_null(strstr(buf_text(&f->api.body), "\"problem\":\""));
    pass(f, 60000);
    assert_int_equal(notices(f), 1);
}

static void nobody_else_sees_or_takes_it_back(void **state)
{
    struct fixture *f = *state;
    hold(f, "");
    api_add_user(&f->api, "max", "coordinator", PASSPHRASE);
    struct caller lea = f->lea;
    f->lea = api_sign_in(&f->api, "max", PASSPHRASE);
    call_id(f, "Held/Get");
    assert_int_equal(f->api.err.code, ERR_UNKNOWN);
    call_id(f, "Held/Undo");
    assert_int_equal(f->api.err.code, ERR_UNKNOWN);
    call_id(f, "Held/SendNow");
    assert_int_equal(f->api.err.code, ERR_UNKNOWN);
    assert_null(strstr(call(f, "Held/List", "{}"), f->id));
    f->lea = lea;
}

static void without_the_option_it_goes_at_once(void **state)
{
    struct fixture *f = *state;
    f->api.config.undo_seconds = 0;
    hold(f, "");
    assert_non_null(strstr(buf_text(&f->api.body), "\"answer\":\"{"));
    assert_int_equal(notices(f), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM held"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_goes_when_its_time_has_come_and_not_before, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(old_answers_go_from_the_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_of_it_stays_once_it_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(taken_back_it_never_goes_and_gives_back_what_was_typed,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(sent_at_once_it_cannot_be_taken_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_shows_now_and_nothing_is_held, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_trial_leaves_no_trace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pressed_twice_it_is_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_hub_that_starts_again_sends_what_was_due_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_clock_that_is_set_right_neither_keeps_nor_hurries_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_changed_meanwhile_stops_it_and_keeps_the_form, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(hurried_it_stops_as_when_its_time_had_come, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_sent_goes_after_a_week, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_closed_account_sends_nothing_more, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_others_dropped_hides_nothing_of_one_s_own, set_up,
                                        tear_down),
        cmocka_unit_test(what_an_ended_session_sent_is_given_back),
        cmocka_unit_test_setup_teardown(what_was_given_back_can_be_read_and_sent_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nobody_else_sees_or_takes_it_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_the_option_it_goes_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
