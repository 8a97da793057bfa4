#include "hub/api/json.h"
#include "maillon/api/v1/directory.pb-c.h"
#include "maillon/api/v1/node.pb-c.h"
#include "maillon/api/v1/notices.pb-c.h"
#include "maillon/api/v1/referrals.pb-c.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SEND  &maillon__api__v1__send_referral_request__descriptor
#define FRAME &maillon__hfp__v1__frame__descriptor

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void *must_read(const ProtobufCMessageDescriptor *type, const char *text)
{
    struct err err = {0};
    void *message = json_read(type, bytes_text(text), arena, &err);
    if (!message)
        fail_msg("%s: %s", text, err.msg);
    return message;
}

static const char *written(const void *message)
{
    struct buf out = {0};
    json_write(message, &out);
    const char *text = arena_textn(arena, out.data, out.len);
    buf_done(&out);
    return text;
}

static void both_forms_of_a_name_are_read(void **state)
{
    (void)state;
    Maillon__Api__V1__SendReferralRequest *a = must_read(SEND, "{\"requestKey\":\"k\"}");
    Maillon__Api__V1__SendReferralRequest *b = must_read(SEND, "{\"request_key\":\"k\"}");
    assert_string_equal(a->request_key, "k");
    assert_string_equal(b->request_key, "k");
    assert_string_equal(written(b), "{\"requestKey\":\"k\"}");
}

static void an_enum_is_read_by_full_name_short_form_and_number(void **state)
{
    (void)state;
    static const char *const forms[] = {"{\"urgency\":\"URGENCY_URGENT\"}",
                                        "{\"urgency\":\"urgent\"}", "{\"urgency\":3}",
                                        "{\"urgency\":\"3\"}"};
    Maillon__Api__V1__SendReferralRequest *first = must_read(SEND, forms[0]);
    for (size_t i = 0; i < 2; i++) {
        Maillon__Api__V1__SendReferralRequest *message = must_read(SEND, forms[i]);
        assert_int_equal(message->urgency, first->urgency);
        assert_string_equal(written(message), forms[0]);
    }
    for (size_t i = 2; i < ARRAY_LEN(forms); i++)
        assert_int_equal(
            ((Maillon__Api__V1__SendReferralRequest *)must_read(SEND, forms[i]))->urgency, 3);
    char brief[JSON_SHORT_NAME];
    assert_string_equal(json_enum_short(&maillon__hfp__v1__claim_action__descriptor, 5, brief),
                        "under-way");
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    static const struct {
        const ProtobufCMessageDescriptor *type;
        const char *text;
    } cases[] = {
        {SEND, "{}"},
        {SEND, "{\"service\":\"a/b\",\"person\":{\"name\":\"\\\"\\\\\\né€😀\",\"birthYear\":1980},"
               "\"exercise\":true}"},
        {SEND, "{\"consent\":{\"field\":[\"need\",\"\",\"first_name\"],\"until\":\"2026-12-01\"}}"},
        {&maillon__api__v1__import_request__descriptor, "{\"file\":\"AAEC/w==\",\"dryRun\":true}"},
        {&maillon__api__v1__service_view__descriptor,
         "{\"content\":{\"latitudeE5\":-4765432},\"distanceKm\":0.1}"},
        {&maillon__api__v1__node_status__descriptor, "{\"objects\":\"18446744073709551615\"}"},
        {&maillon__api__v1__referral_bundle__descriptor, "{\"event\":[\"AA==\",\"\"]}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(written(must_read(cases[i].type, cases[i].text)), cases[i].text);
}

static void sixty_four_bits_are_read_from_text_and_number(void **state)
{
    (void)state;
    Maillon__Api__V1__NodeStatus *status =
        must_read(&maillon__api__v1__node_status__descriptor,
                  "{\"queued\":12,\"objects\":\"13\",\"peers\":1e2}");
    assert_int_equal(status->queued, 12);
    assert_int_equal(status->objects, 13);
    assert_int_equal(status->peers, 100);
}

static void null_is_no_value_and_empty_text_an_empty_message(void **state)
{
    (void)state;
    Maillon__Api__V1__SendReferralRequest *message =
        must_read(SEND, "{\"need\":null,\"person\":null,\"extra\":null}");
    assert_string_equal(message->need, "");
    assert_null(message->person);
    assert_string_equal(written(must_read(SEND, " \n")), "{}");
}

static void one_member_of_a_choice_is_kept(void **state)
{
    (void)state;
    Maillon__Hfp__V1__Frame *frame = must_read(FRAME, "{\"state\":{}}");
    assert_int_equal(frame->m_case, MAILLON__HFP__V1__FRAME__M_STATE);
    assert_string_equal(written(frame), "{\"state\":{}}");
}

static void what_is_not_finite_is_left_out(void **state)
{
    (void)state;
    Maillon__Api__V1__ServiceView view;
    maillon__api__v1__service_view__init(&view);
    view.distance_km = NAN;
    assert_string_equal(written(&view), "{}");
    view.distance_km = -1;
    assert_string_equal(written(&view), "{\"distanceKm\":-1}");
}

static const struct {
    const char *why;
    const ProtobufCMessageDescriptor *type;
    const char *text;
    enum err_code code;
    const char *message;
} refused[] = {
    {"unknown field", SEND, "{\"colour\":1}", ERR_INVALID,
     "unknown field \"colour\" in SendReferralRequest"},
    {"unknown field of a sub-message", SEND, "{\"consent\":{\"colour\":1}}", ERR_INVALID,
     "unknown field \"colour\" in ConsentGiven"},
    {"a value in the place of a name", SEND, "{\"Jean D., 06\":1}", ERR_INVALID,
     "unknown field in SendReferralRequest"},
    {"the same name twice", SEND, "{\"need\":\"a\",\"need\":\"b\"}", ERR_INVALID,
     "the JSON has a field twice (line 1)"},
    {"both forms of a name", SEND, "{\"requestKey\":\"a\",\"request_key\":\"b\"}", ERR_INVALID,
     "field \"requestKey\" of SendReferralRequest must be given once"},
    {"two of a choice", FRAME, "{\"state\":{},\"helloD\":{}}", ERR_INVALID,
     "field \"helloD\" of Frame must be the only one of its choice"},
    {"text for a flag", SEND, "{\"exercise\":\"true\"}", ERR_INVALID,
     "field \"exercise\" of SendReferralRequest must be true or false"},
    {"number for text", SEND, "{\"need\":5}", ERR_INVALID,
     "field \"need\" of SendReferralRequest must be text"},
    {"a list for an object", SEND, "{\"person\":[]}", ERR_INVALID,
     "field \"person\" of SendReferralRequest must be an object"},
    {"an object for a list", SEND, "{\"extra\":{}}", ERR_INVALID,
     "field \"extra\" of SendReferralRequest must be a list"},
    {"null in a list", SEND, "{\"consent\":{\"field\":[null]}}", ERR_INVALID,
     "field \"field\" of ConsentGiven must be text"},
    {"unknown name of an enum", SEND, "{\"urgency\":\"soonish\"}", ERR_INVALID,
     "field \"urgency\" of SendReferralRequest must be a name of the list in the schema"},
    {"unknown number of an enum", SEND, "{\"urgency\":4294967297}", ERR_INVALID,
     "field \"urgency\" of SendReferralRequest must be a name of the list in the schema"},
    {"below zero", &maillon__api__v1__list_referrals_request__descriptor, "{\"limit\":-1}",
     ERR_INVALID,
     "field \"limit\" of ListReferralsRequest must be a whole number from 0, of 32 bits"},
    {"over 32 bits", &maillon__api__v1__list_referrals_request__descriptor,
     "{\"limit\":4294967296}", ERR_INVALID,
     "field \"limit\" of ListReferralsRequest must be a whole number from 0, of 32 bits"},
    {"a fraction", &maillon__api__v1__list_referrals_request__descriptor, "{\"limit\":1.5}",
     ERR_INVALID,
     "field \"limit\" of ListReferralsRequest must be a whole number from 0, of 32 bits"},
    {"over 64 bits", &maillon__api__v1__node_status__descriptor,
     "{\"objects\":\"18446744073709551616\"}", ERR_INVALID,
     "field \"objects\" of NodeStatus must be a whole number from 0, of 64 bits"},
    {"infinity", &maillon__api__v1__service_view__descriptor, "{\"distanceKm\":\"1e999\"}",
     ERR_INVALID, "field \"distanceKm\" of ServiceView must be a number"},
    {"not base64", &maillon__api__v1__import_request__descriptor, "{\"file\":\"*\"}", ERR_INVALID,
     "field \"file\" of ImportRequest must be base64 text"},
    {"a control character", SEND, "{\"need\":\"\\u0007\"}", ERR_INVALID,
     "field \"need\" of SendReferralRequest must be text"},
    {"a NUL", SEND, "{\"need\":\"a\\u0000b\"}", ERR_INVALID, NULL},
    {"bad UTF-8", SEND, "{\"need\":\"\xc3\x28\"}", ERR_INVALID, NULL},
    {"a list", SEND, "[]", ERR_INVALID, "the request is not a JSON object"},
    {"a bare word", SEND, "nothing", ERR_INVALID, "the request is not JSON (line 1, column 7)"},
    {"cut off", SEND, "{\"need\":\"a", ERR_INVALID, NULL},
    {"two values", SEND, "{} {}", ERR_INVALID, NULL},
    {"too deep", SEND, "[[[[[[[[[[[[[[[[[[[[", ERR_LIMIT, "the JSON is nested deeper than 16"},
};

static void malformed_input_is_refused_with_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct err err = {0};
        void *message = json_read(refused[i].type, bytes_text(refused[i].text), arena, &err);
        if (message || err.code != refused[i].code)
            fail_msg("%s: %s \"%s\"", refused[i].why, err_code_name(err.code), err.msg);
        if (refused[i].message)
            assert_string_equal(err.msg, refused[i].message);
    }
}

static void too_many_values_are_refused_before_they_are_built(void **state)
{
    (void)state;
    struct buf text = {0};
    struct err err = {0};
    buf_add_text(&text, "{\"extra\":[{}");
    for (int i = 0; i < JSON_VALUES_MAX; i++)
        buf_add_text(&text, ",{}");
    buf_add_text(&text, "]}");
    assert_null(json_read(SEND, buf_bytes(&text), arena, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    buf_done(&text);
}

static void a_full_arena_is_a_limit_not_a_crash(void **state)
{
    (void)state;
    struct arena *small = arena_create(sizeof(Maillon__Api__V1__SendReferralRequest) + 16);
    struct err err = {0};
    assert_null(json_read(SEND, bytes_text("{\"need\":\"more text than there is room for\"}"),
                          small, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    arena_free(small);
}

static void invalid_text_is_written_as_replacement_characters(void **state)
{
    (void)state;
    struct buf out = {0};
    json_write_text(BYTES_LITERAL("a\xff\xc3z\xe2\x82\x01"), &out);
    assert_string_equal(buf_text(&out), "\"a\\ufffd\\ufffdz\\ufffd\\ufffd\\u0001\"");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_of_a_name_are_read),
        cmocka_unit_test(an_enum_is_read_by_full_name_short_form_and_number),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(sixty_four_bits_are_read_from_text_and_number),
        cmocka_unit_test(null_is_no_value_and_empty_text_an_empty_message),
        cmocka_unit_test(one_member_of_a_choice_is_kept),
        cmocka_unit_test(what_is_not_finite_is_left_out),
        cmocka_unit_test(malformed_input_is_refused_with_a_reason),
        cmocka_unit_test(too_many_values_are_refused_before_they_are_built),
        cmocka_unit_test(a_full_arena_is_a_limit_not_a_crash),
        cmocka_unit_test(invalid_text_is_written_as_replacement_characters),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
