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

static void a_sentence_is_understood_for_a_person_to_confirm(void **state)
{
    (void)state;
    char text[80];
    call("Guess", "{\"text\":\"il nous faut 12 matelas pour Mme Dupont\"}");
    assert_true(hub.ok);
    assert_string_equal(api_field(&hub, "kind", text, sizeof(text)), "shortage");
    assert_string_equal(api_field(&hub, "unit", text, sizeof(text)), "matelas");
    assert_string_equal(api_field(&hub, "nameHint", text, sizeof(text)), "Mme Dupont");
    assert_non_null(strstr(buf_text(&hub.body), "\"amount\":12"));
    assert_non_null(strstr(buf_text(&hub.body), "{\"kind\":\"situation\",\"hours\":48}"));
    call("Guess", "{\"text\":\"\"}");
    assert_true(hub.ok);
}

static void a_notice_is_closed_with_one_answer_and_stays_so(void **state)
{
    (void)state;
    char id[40], json[200], text[80];
    post("k9", id);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"reached\":\"perhaps\"}", id);
    call("Close", json);
    assert_false(hub.ok);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"reached\":\"partly\"}", id);
    call("Close", json);
    assert_true(hub.ok);
    assert_string_equal(api_field(&hub, "status", text, sizeof(text)), "closed");
    assert_string_equal(api_field(&hub, "reachedPeople", text, sizeof(text)), "partly");
    assert_string_equal(api_field(&hub, "what", text, sizeof(text)), "matelas");
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", id);
    call("Renew", json);
    assert_false(hub.ok);
    snprintf(json, sizeof(json), "{\"id\":\"%s\",\"reason\":\"too-far\"}", id);
    call("Hide", json); /* ours */
    assert_false(hub.ok);
}

static void what_may_still_be_done_is_in_the_answer(void **state)
{
    (void)state;
    char id[40], json[200];
    post("k10", id);
    snprintf(json, sizeof(json), "{\"id\":\"%s\"}", id);
    const char *body = call("Get", json);
    assert_non_null(strstr(body, "\"renewalsLeft\":3"));
    assert_non_null(strstr(body, "\"renewedUntil\":\""));
    assert_non_null(strstr(body, "\"canClose\":true"));
    assert_null(strstr(body, "\"canClaim\""));
    assert_non_null(strstr(call("List", "{\"endsWithin\":\"8d\",\"urgentFirst\":true}"), id));
    assert_null(strstr(call("List", "{\"endsWithin\":\"24h\"}"), id));
    assert_null(strstr(call("List", "{\"theirsOnly\":true}"), id));
    assert_null(strstr(call("List", "{\"hidden\":true}"), id));
    assert_non_null(strstr(call("Text", "{}"), "BESOIN"));
    assert_non_null(strstr(call("Text", "{\"language\":\"en\"}"), "NEEDED: 12 matelas"));
    call("ListClaims", "{\"box\":\"sideways\"}");
    assert_false(hub.ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(a_notice_is_posted_shown_and_withdrawn),
        API_TEST(ends_are_dates_or_spans),
        API_TEST(nobody_claims_what_is_ours_or_unknown),
        API_TEST(a_notice_is_changed_and_renewed),
        API_TEST(a_sentence_is_understood_for_a_person_to_confirm),
        API_TEST(a_notice_is_closed_with_one_answer_and_stays_so),
        API_TEST(what_may_still_be_done_is_in_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
