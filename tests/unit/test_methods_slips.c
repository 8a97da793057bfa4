/* Slips through the client API: what the person sees with the code, and how guessing is slowed. */
#include "hub/api/slip_tries.h"
#include "hub/domain/account.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#include "tests/support/api_referral_fixture.h"

#define PERSON  "\"person\":{\"name\":\"Zoubida\",\"contactPreference\":\"caseworker\"}"
#define CONSENT "\"consent\":{\"form\":\"spoken\",\"field\":[\"name\",\"contact\",\"need\"]}"
#define WRONG   "00000-00000"

static bool body_has(struct fixture *f, const char *part)
{
    return strstr(buf_text(&f->api.body), part) != NULL;
}

static void must(struct fixture *f)
{
    if (!f->api.ok)
        fail_msg("%s", buf_text(&f->api.body));
}

/* Sends one, and prints its slip. */
static void send_one(struct fixture *f)
{
    char json[700];
    snprintf(json, sizeof(json),
             "{\"service\":\"%s\",\"theme\":\"numerique--materiel\",\"need\":\"Cherche un "
             "clavier\"," PERSON "," CONSENT "}",
             f->service);
    api_call_local(&f->api, "/maillon.api.v1.Referrals/Send", json);
    must(f);
    api_field(&f->api, "id", f->id, sizeof(f->id));
    snprintf(json, sizeof(json), "{\"id\":\"%.8s\"}", f->id);
    api_call_local(&f->api, "/maillon.api.v1.Slips/Code", json);
    must(f);
    api_field(&f->api, "code", f->code, sizeof(f->code));
}

static int set_up(void **state)
{
    struct fixture *f = fixture_open();
    snprintf(f->api.config.name, sizeof(f->api.config.name), "CCAS");
    snprintf(f->api.config.url, sizeof(f->api.config.url), "wss://hub.example:8443");
    send_one(f);
    *state = f;
    return 0;
}

/* As somebody with a browser at `address`. */
static void ask(struct fixture *f, const char *address, const char *method, const char *code)
{
    char path[80], json[80];
    struct caller caller = {0};
    snprintf(caller.address, sizeof(caller.address), "%s", address);
    snprintf(path, sizeof(path), "/maillon.api.v1.Slips/%s", method);
    snprintf(json, sizeof(json), "{\"code\":\"%s\"%s}", code,
             strcmp(method, "Say") == 0 ? ",\"helped\":\"yes\"" : "");
    api_call(&f->api, &caller, path, json);
}

static void the_code_shows_where_and_whom_and_nothing_of_why(void **state)
{
    static const char *const never[] = {"Ordinateurs", "ordi",    "numerique", "materiel",
                                        "clavier",     "Zoubida", "service",   "theme"};
    struct fixture *f = *state;
    ask(f, "192.0.2.1", "Open", f->code);
    must(f);
    assert_true(body_has(f, "\"place\":[\"Les Mulots\",\"12 quai Jean Bart\",\"35600 Redon\"]"));
    assert_true(body_has(f, "\"contactPhone\":\"02 99 72 00 00\""));
    assert_true(body_has(f, "\"slipState\":\"waiting\""));
    assert_true(body_has(f, "\"from\":\"CCAS\""));
    assert_true(body_has(f, "\"consentUntil\":\"2027-02-20\""));
    assert_true(body_has(f, "\"mayWithdraw\":true"));
    assert_false(body_has(f, "maySay"));
    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        if (body_has(f, never[i]))
            fail_msg("%s: %s", never[i], buf_text(&f->api.body));
    assert_null(strstr(buf_text(&f->api.body), f->id));
}

static void the_printed_slip_has_code_address_and_reference(void **state)
{
    struct fixture *f = *state;
    char json[90], url[80];
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    snprintf(f->api.config.slip_name, sizeof(f->api.config.slip_name), "Paul");
    api_call_local(&f->api, "/maillon.api.v1.Slips/Code", json);
    must(f);
    snprintf(url, sizeof(url), "\"url\":\"https://hub.example:8443/s/%s\"", f->code);
    assert_true(body_has(f, url));
    snprintf(url, sizeof(url), "\"reference\":\"%.8s\"", f->id);
    assert_true(body_has(f, url));
    assert_true(body_has(f, "\"fingerprint\":\""));
    assert_true(body_has(f, "\"from\":\"Paul\"")); /* option slip-name */
    f->api.config.url[0] = '\0';
    api_call_local(&f->api, "/maillon.api.v1.Slips/Code", json);
    assert_false(body_has(f, "\"url\""));
}

static void the_slip_is_printed_by_caseworkers_and_secretaries_only(void **state)
{
    static const char *const roles[] = {"coordinator", "admin", "caseworker", "secretary"};
    struct fixture *f = *state;
    char json[120];
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        struct caller caller = {.local = true};
        api_add_user(&f->api, roles[i], roles[i], "quatre mots bien choisis");
        snprintf(caller.name, sizeof(caller.name), "%s", roles[i]);
        snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
        api_call(&f->api, &caller, "/maillon.api.v1.Slips/Code", json);
        assert_int_equal(f->api.http_status, i < 2 ? 403 : 200);
    }
}

static void guessing_is_slowed_by_address_and_waiting_tells_nothing_of_the_code(void **state)
{
    struct fixture *f = *state;
    char wrong[200];
    for (int i = 0; i < SLIP_ADDRESS_BURST; i++) {
        ask(f, "192.0.2.1", "Open", WRONG);
        assert_int_equal(f->api.http_status, 404);
    }
    ask(f, "192.0.2.1", "Open", WRONG);
    assert_int_equal(f->api.http_status, 429);
    snprintf(wrong, sizeof(wrong), "%s", buf_text(&f->api.body));
    ask(f, "192.0.2.1", "Open", f->code); /* not even the right one */
    assert_int_equal(f->api.http_status, 429);
    assert_string_equal(buf_text(&f->api.body), wrong);
    ask(f, "192.0.2.1", "Withdraw", f->code);
    assert_int_equal(f->api.http_status, 429);
    ask(f, "192.0.2.2", "Open", f->code); /* who is elsewhere notices nothing */
    assert_int_equal(f->api.http_status, 200);
    api_call_local(&f->api, "/maillon.api.v1.Slips/Open", "{\"code\":\"" WRONG "\"}");
    assert_int_equal(f->api.http_status, 404); /* the operator is not slowed */
    fake_clock_advance(&f->api.clock, SLIP_ADDRESS_EACH_MS);
    ask(f, "192.0.2.1", "Open", f->code);
    assert_int_equal(f->api.http_status, 200);
    ask(f, "192.0.2.1", "Open", WRONG);
    assert_int_equal(f->api.http_status, 404);
    ask(f, "192.0.2.1", "Open", f->code); /* a right one makes no room for guesses */
    assert_int_equal(f->api.http_status, 429);
}

/* Thousands of addresses of one provider, for an hour. */
static void one_stranger_keeps_nobody_elses_paper_from_opening(void **state)
{
    struct fixture *f = *state;
    char address[46];
    int refused = 0;
    for (int i = 0; i < 6000; i++) {
        snprintf(address, sizeof(address), "2001:db8:%x:%x::1", i / 60, i % 60);
        ask(f, address, "Open", WRONG);
        refused += f->api.http_status == 429;
        fake_clock_advance(&f->api.clock, 600);
    }
    assert_in_range(refused, 390, 410);
    ask(f, "2001:db9::1", "Open", f->code);
    assert_int_equal(f->api.http_status, 200);
    ask(f, "203.0.113.9", "Withdraw", f->code);
    assert_int_equal(f->api.http_status, 200);
}

static void a_code_that_is_over_answers_as_one_that_never_was(void **state)
{
    struct fixture *f = *state;
    char unknown[300], json[120];
    ask(f, "192.0.2.1", "Open", WRONG);
    snprintf(unknown, sizeof(unknown), "%s", buf_text(&f->api.body));
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"action\":\"void\"}", f->id);
    api_call_local(&f->api, "/maillon.api.v1.Referrals/Act", json);
    must(f);
    ask(f, "192.0.2.2", "Open", f->code);
    assert_int_equal(f->api.http_status, 404);
    assert_string_equal(buf_text(&f->api.body), unknown);
    ask(f, "192.0.2.3", "Open", "not a code at all");
    assert_string_equal(buf_text(&f->api.body), unknown);
    assert_null(strstr(unknown, "00000"));
}

static void the_person_withdraws_and_pressing_twice_changes_nothing(void **state)
{
    struct fixture *f = *state;
    char json[120];
    ask(f, "192.0.2.1", "Withdraw", f->code);
    must(f);
    assert_true(body_has(f, "\"slipState\":\"withdrawn\""));
    assert_true(body_has(f, "\"eraseBy\":\"2026-11-25\""));
    assert_false(body_has(f, "place"));
    assert_false(body_has(f, "contact"));
    ask(f, "192.0.2.1", "Withdraw", f->code);
    must(f);
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", f->id);
    api_call_local(&f->api, "/maillon.api.v1.Referrals/Get", json);
    assert_true(body_has(f, "\"businessStatus\":\"consent-withdrawn\""));
    assert_true(body_has(f, "\"forPerson\":true"));
    const char *first = strstr(buf_text(&f->api.body), "\"action\":\"withdraw-consent\"");
    assert_non_null(first);
    assert_null(strstr(first + 1, "\"action\":\"withdraw-consent\""));
    api_call_local(&f->api, "/maillon.api.v1.Slips/Code", json);
    must(f);
    assert_false(body_has(f, "\"code\"")); /* nothing to print any more */
}

static void whether_it_helped_is_asked_at_the_end_only(void **state)
{
    struct fixture *f = *state;
    ask(f, "192.0.2.1", "Say", f->code);
    assert_int_equal(f->api.http_status, 400);
    assert_true(body_has(f, "failed_precondition"));
}

static void the_hub_tells_nobody_which_codes_were_tried(void **state)
{
    struct fixture *f = *state;
    ask(f, "192.0.2.1", "Open", "K7Q2M-9XR4T");
    assert_false(body_has(f, "K7Q2M"));
    api_call_local(&f->api, "/maillon.api.v1.Node/Metrics", "{}");
    assert_false(body_has(f, "K7Q2M"));
    assert_false(body_has(f, f->code));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_code_shows_where_and_whom_and_nothing_of_why, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_printed_slip_has_code_address_and_reference, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_slip_is_printed_by_caseworkers_and_secretaries_only,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            guessing_is_slowed_by_address_and_waiting_tells_nothing_of_the_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_stranger_keeps_nobody_elses_paper_from_opening, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_code_that_is_over_answers_as_one_that_never_was, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_person_withdraws_and_pressing_twice_changes_nothing,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(whether_it_helped_is_asked_at_the_end_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_hub_tells_nobody_which_codes_were_tried, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
