/* Notices through the client API: what a coordinator may do, and how it reads. */
#include "maillon/api/v1/notices.pb-c.h"
#include "tests/support/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOTICES "/maillon.api.v1.Notices/"
#define MATTRESSES                                                                    \
    "{\"kind\":\"NOTICE_KIND_SHORTAGE\",\"what\":\"matelas\",\"theme\":\"logement\"," \
    "\"quantity\":{\"amount\":12,\"unit\":\"matelas\"}}"

static struct api_fixture hub;

static int set_up(void **state)
{
    (void)state;
    api_fixture_open(&hub);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    api_fixture_close(&hub);
    return 0;
}

static const char *call(const char *method, const char *json)
{
    char path[80];
    snprintf(path, sizeof(path), NOTICES "%s", method);
    return api_call_local(&hub, path, json);
}

static void post(const char *request_key, char id[40])
{
    char json[400];
    snprintf(json, sizeof(json), "{\"content\":" MATTRESSES ",\"requestKey\":\"%s\"}", request_key);
    call("Post", json);
    assert_true(hub.ok);
    api_field(&hub, "id", id, 40);
    assert_int_equal(strlen(id), 32);
}

static void a_notice_is_posted_shown_and_withdrawn(void **state)
{
    (void)state;
    char id[40], again[40], json[200], text[80];
    post("k1", id);
    assert_non_null(strstr(buf_text(&hub.body), "\"status\":\"published\""));
    assert_string_equal(api_field(&hub, "edxl", text, sizeof(text)), "RequestResource");
    post("k1", again);
    assert_string_equal(id, again);
    snprintf(json, sizeof(json), "{\"id\":\"%.8s\"}", id);
    assert_non_null(strstr(call("Get", json), "\"remaining\":12"));
    assert_non_null(strstr(call("List", "{\"kind\":\"shortage\"}"), id));
    assert_null(strstr(call("List", "{\"kind\":\"surplus\"}"), id));
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"reason\":\"trouv\xc3\xa9\"}", id);
    call("Withdraw", json);
    assert_true(hub.ok);
    assert_string_equal(api_field(&hub, "status", text, sizeof(text)), "withdrawn");
    assert_null(strstr(call("List", "{}"), id));
    assert_non_null(strstr(call("List", "{\"all\":true}"), id));
}

static void ends_are_dates_or_spans(void **state)
{
    (void)state;
    char text[80];
    call("Post", "{\"content\":" MATTRESSES ",\"until\":\"24h\"}");
    assert_string_equal(api_field(&hub, "expires", text, sizeof(text)), "2026-11-23T08:00:00.000Z");
    call("Post", "{\"content\":" MATTRESSES ",\"until\":\"2026-12-24T18:00:00Z\"}");
    assert_string_equal(api_field(&hub, "expires", text, sizeof(text)), "2026-12-24T18:00:00.000Z");
    call("Post", "{\"content\":" MATTRESSES ",\"until\":\"demain\"}");
    assert_int_equal(hub.err.code, ERR_INVALID);
    call("Post", "{\"content\":" MATTRESSES ",\"until\":\"2020-01-01\"}");
    assert_int_equal(hub.err.code, ERR_INVALID);
    call("Post", "{}");
    assert_int_equal(hub.err.code, ERR_INVALID);
}

static void nobody_claims_what_is_ours_or_unknown(void **state)
{
    (void)state;
    char id[40], json[200];
    post("k1", id);
    snprintf(json, sizeof(json), "{\"notice\":\"%s\",\"quantity\":3}", id);
    call("Claim", json);
    assert_int_equal(hub.err.code, ERR_CONFLICT);
    call("Claim", "{\"notice\":\"ffffffff\",\"quantity\":3}");
    assert_int_equal(hub.err.code, ERR_UNKNOWN);
    call("ActOnClaim", "{\"id\":\"ffffffff\",\"action\":\"CLAIM_ACTION_AGREE\"}");
    assert_int_equal(hub.err.code, ERR_UNKNOWN);
    call("ListClaims", "{}");
    assert_true(hub.ok);
    call("Reach", "{}");
    assert_true(hub.ok);
    call("List", "{\"kind\":\"autre\"}");
    assert_int_equal(hub.err.code, ERR_INVALID);
}

static void a_notice_is_changed_and_renewed(void **state)
{
    (void)state;
    char id[40], json[400];
    post("k1", id);
    snprintf(json, sizeof(json),
             "{\"id\":\"%s\",\"content\":{\"kind\":\"NOTICE_KIND_SHORTAGE\",\"what\":\"lits\","
             "\"quantity\":{\"amount\":3}}}",
             id);
    assert_non_null(strstr(call("Update", json), "\"version\":2"));
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", id);
    assert_non_null(strstr(call("Renew", json), "\"version\":3"));
    assert_non_null(strstr(call("Get", json), "lits"));
}

#define CELL(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL(a_notice_is_posted_shown_and_withdrawn),
        CELL(ends_are_dates_or_spans),
        CELL(nobody_claims_what_is_ours_or_unknown),
        CELL(a_notice_is_changed_and_renewed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
