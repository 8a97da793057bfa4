#include "hub/api/guard.h"
#include "hub/domain/session.h"
#include "hub/store/stmt.h"
#include "maillon/api/v1/accounts.pb-c.h"
#include "proto/limits.h"
#include "tests/support/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ACCOUNTS "/maillon.api.v1.Accounts/"
#define NODE     "/maillon.api.v1.Node/"
#define SECRET   "cheval agrafe pile correct"

static struct api_fixture hub;

static void assert_refused(enum err_code code, unsigned http_status, const char *connect_code)
{
    char text[80];
    assert_false(hub.ok);
    assert_int_equal(hub.err.code, code);
    assert_int_equal(hub.http_status, http_status);
    assert_string_equal(api_field(&hub, "code", text, sizeof(text)), connect_code);
    assert_string_equal(hub.content_type, "application/json");
}

static void every_rpc_of_the_schema_has_a_row(void **state)
{
    (void)state;
    const ProtobufCServiceDescriptor *services[] = {
        methods_referrals[0].service, methods_notices[0].service,  methods_directory[0].service,
        methods_peers[0].service,     methods_accounts[0].service, methods_node[0].service,
    };
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        for (unsigned j = 0; j < services[i]->n_methods; j++) {
            char path[160];
            snprintf(path, sizeof(path), "/%s/%s", services[i]->name, services[i]->methods[j].name);
            if (!rpc_knows(hub.rpc, path))
                fail_msg("%s has no row", path);
        }
    }
}

static void what_is_not_in_the_table_is_refused(void **state)
{
    (void)state;
    static const char *const paths[] = {"",
                                        "/",
                                        "/maillon.api.v1.Node",
                                        NODE,
                                        NODE "status",
                                        NODE "Status/",
                                        "maillon.api.v1.Node/Status",
                                        "/maillon.api.v1.Accounts/Status"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        assert_false(rpc_knows(hub.rpc, paths[i]));
        api_call_local(&hub, paths[i], "{}");
        assert_refused(ERR_UNSUPPORTED, 501, "unimplemented");
    }
}

static void a_call_without_sign_in_is_refused(void **state)
{
    (void)state;
    api_call(&hub, &(struct caller){0}, ACCOUNTS "WhoAmI", "{}");
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
    api_call(&hub, &(struct caller){.bearer = "mlt_nothing"}, ACCOUNTS "WhoAmI", "{}");
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
    /* What the connection claims about roles counts for nothing. */
    api_call(&hub, &(struct caller){.account = 1, .roles = ROLE_ANY}, ACCOUNTS "ListUsers", "{}");
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
}

static void malformed_input_is_an_invalid_argument(void **state)
{
    (void)state;
    api_call_local(&hub, ACCOUNTS "WhoAmI", "{\"colour\":1}");
    assert_refused(ERR_INVALID, 400, "invalid_argument");
    assert_string_equal(buf_text(&hub.body), "{\"code\":\"invalid_argument\",\"message\":"
                                             "\"unknown field \\\"colour\\\" in WhoAmIRequest\"}");
    api_call_local(&hub, ACCOUNTS "DisableUser", "{");
    assert_refused(ERR_INVALID, 400, "invalid_argument");
    assert_int_equal(atomic_load(&hub.counters.calls), 2);
    assert_int_equal(atomic_load(&hub.counters.calls_failed), 2);
}

static void a_request_too_large_is_refused_unread(void **state)
{
    (void)state;
    char *body = malloc(API_REQUEST_MAX + 2);
    assert_non_null(body);
    memset(body, ' ', API_REQUEST_MAX + 1);
    body[API_REQUEST_MAX + 1] = '\0';
    api_call_local(&hub, ACCOUNTS "WhoAmI", body);
    assert_refused(ERR_LIMIT, 429, "resource_exhausted");
    body[API_REQUEST_MAX] = '\0';
    api_call_local(&hub, ACCOUNTS "WhoAmI", body);
    assert_true(hub.ok);
    free(body);
}

static void people_sign_in_work_and_sign_out(void **state)
{
    (void)state;
    char text[80];
    api_add_user(&hub, "anne", "caseworker,secretary", SECRET);
    struct caller anne = api_sign_in(&hub, "anne", SECRET);
    api_call(&hub, &anne, ACCOUNTS "WhoAmI", "{}");
    assert_true(hub.ok);
    assert_string_equal(api_field(&hub, "name", text, sizeof(text)), "anne");
    assert_string_equal(api_field(&hub, "role", text, sizeof(text)), "caseworker,secretary");
    api_call(&hub, &anne, ACCOUNTS "ListUsers", "{}");
    assert_refused(ERR_DENIED, 403, "permission_denied");
    api_call(&hub, &anne, ACCOUNTS "SignOut", "{}");
    assert_true(hub.ok);
    api_call(&hub, &anne, ACCOUNTS "WhoAmI", "{}");
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
}

static void a_wrong_name_and_a_wrong_passphrase_read_the_same(void **state)
{
    (void)state;
    char first[300];
    struct caller nobody = {0};
    api_add_user(&hub, "anne", "admin", SECRET);
    api_call(&hub, &nobody, ACCOUNTS "SignIn",
             "{\"name\":\"anne\",\"passphrase\":\"not the one at all\"}");
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
    snprintf(first, sizeof(first), "%s", buf_text(&hub.body));
    api_call(&hub, &nobody, ACCOUNTS "SignIn", "{\"name\":\"zoe\",\"passphrase\":\"" SECRET "\"}");
    assert_string_equal(buf_text(&hub.body), first);
    api_call_local(&hub, ACCOUNTS "DisableUser", "{\"name\":\"anne\"}");
    api_call(&hub, &nobody, ACCOUNTS "SignIn", "{\"name\":\"anne\",\"passphrase\":\"" SECRET "\"}");
    assert_string_equal(buf_text(&hub.body), first);
    assert_int_equal(atomic_load(&hub.counters.signins_failed), 3);
}

static void too_many_wrong_ones_are_refused_without_work(void **state)
{
    (void)state;
    struct caller nobody = {0};
    for (int i = 0; i < GUARD_FREE; i++)
        api_call(&hub, &nobody, ACCOUNTS "SignIn", "{\"name\":\"zoe\",\"passphrase\":\"\"}");
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
    api_call(&hub, &nobody, ACCOUNTS "SignIn", "{\"name\":\"zoe\",\"passphrase\":\"\"}");
    assert_refused(ERR_LIMIT, 429, "resource_exhausted");
}

static void a_made_passphrase_is_answered_once_and_works(void **state)
{
    (void)state;
    char first[80], second[80], text[80];
    api_call_local(&hub, ACCOUNTS "AddUser", "{\"name\":\"zoe\",\"role\":\"admin\"}");
    api_field(&hub, "passphrase", first, sizeof(first));
    struct caller zoe = api_sign_in(&hub, "zoe", first);
    api_call(&hub, &zoe, ACCOUNTS "ResetUser", "{\"name\":\"zoe\"}");
    assert_true(hub.ok);
    api_field(&hub, "passphrase", second, sizeof(second));
    assert_string_not_equal(first, second);
    api_call(&hub, &zoe, ACCOUNTS "WhoAmI", "{}"); /* a reset ends the sessions */
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
    zoe = api_sign_in(&hub, "zoe", second);
    api_call(&hub, &zoe, ACCOUNTS "ListUsers", "{}");
    assert_string_equal(api_field(&hub, "name", text, sizeof(text)), "zoe");
    assert_null(strstr(buf_text(&hub.body), second));
    assert_null(strstr(buf_text(&hub.body), "argon2"));
}

static void bad_accounts_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        enum err_code code;
    } cases[] = {
        {"{\"name\":\"a\"}", ERR_INVALID},
        {"{\"name\":\"a\",\"role\":\"root\"}", ERR_INVALID},
        {"{\"name\":\"\",\"role\":\"admin\"}", ERR_INVALID},
        {"{\"name\":\"a\",\"role\":\"admin\",\"passphrase\":\"short\"}", ERR_INVALID},
        {"{\"name\":\"a\",\"role\":\"admin\",\"passphrase\":\"motdepasse123\"}", ERR_INVALID},
        {"{\"name\":\"anne\",\"role\":\"admin\"}", ERR_CONFLICT},
    };
    api_add_user(&hub, "anne", "admin", SECRET);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        api_call_local(&hub, ACCOUNTS "AddUser", cases[i].request);
        assert_false(hub.ok);
        assert_int_equal(hub.err.code, cases[i].code);
        assert_null(strstr(hub.err.msg, "anne"));
    }
    api_call_local(&hub, ACCOUNTS "ResetUser", "{\"name\":\"zoe\"}");
    assert_refused(ERR_UNKNOWN, 404, "not_found");
}

static void tokens_are_for_programs_until_revoked(void **state)
{
    (void)state;
    struct caller program = {0};
    api_add_user(&hub, "robot", "coordinator", SECRET);
    api_call_local(&hub, ACCOUNTS "CreateToken", "{\"name\":\"robot\",\"label\":\"stock\"}");
    assert_true(hub.ok);
    api_field(&hub, "token", program.bearer, sizeof(program.bearer));
    fake_clock_advance(&hub.clock, 300 * 86400000LL);
    api_call(&hub, &program, ACCOUNTS "WhoAmI", "{}");
    assert_true(hub.ok);
    api_call_local(&hub, ACCOUNTS "RevokeTokens", "{\"name\":\"robot\"}");
    assert_true(hub.ok);
    api_call(&hub, &program, ACCOUNTS "WhoAmI", "{}");
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
}

static void a_session_in_use_does_not_end(void **state)
{
    (void)state;
    api_add_user(&hub, "anne", "admin", SECRET);
    struct caller anne = api_sign_in(&hub, "anne", SECRET);
    for (int hour = 0; hour < 48; hour += 6) {
        fake_clock_advance(&hub.clock, 6 * 3600000);
        api_call(&hub, &anne, ACCOUNTS "WhoAmI", "{}");
        assert_true(hub.ok);
    }
    fake_clock_advance(&hub.clock, SESSION_LIFETIME_MS);
    api_call(&hub, &anne, ACCOUNTS "WhoAmI", "{}");
    assert_refused(ERR_UNSIGNED, 401, "unauthenticated");
}

static void the_operator_may_speak_for_an_account_with_its_roles(void **state)
{
    (void)state;
    api_add_user(&hub, "anne", "caseworker", SECRET);
    struct caller as_anne = {.local = true, .name = "anne"};
    api_call(&hub, &as_anne, ACCOUNTS "WhoAmI", "{}");
    assert_true(hub.ok);
    api_call(&hub, &as_anne, ACCOUNTS "ListUsers", "{}");
    assert_refused(ERR_DENIED, 403, "permission_denied");
    api_call(&hub, &(struct caller){.local = true, .name = "zoe"}, ACCOUNTS "WhoAmI", "{}");
    assert_refused(ERR_UNKNOWN, 404, "not_found");
    api_call_local(&hub, ACCOUNTS "DisableUser", "{\"name\":\"anne\"}");
    api_call(&hub, &as_anne, ACCOUNTS "WhoAmI", "{}");
    assert_refused(ERR_DENIED, 403, "permission_denied");
}

static void on_proto_answer(void *ctx, const struct reply *reply)
{
    (void)ctx;
    assert_true(reply->ok);
    assert_string_equal(reply->content_type, "application/proto");
    Maillon__Api__V1__Account *account =
        maillon__api__v1__account__unpack(NULL, reply->body.len, reply->body.data);
    assert_non_null(account);
    assert_string_equal(account->name, "anne");
    maillon__api__v1__account__free_unpacked(account, NULL);
    hub.answered = true;
}

static void on_proto_refusal(void *ctx, const struct reply *reply)
{
    (void)ctx;
    assert_int_equal(reply->err.code, ERR_INVALID);
    assert_int_equal(reply->http_status, 400);
    assert_string_equal(reply->content_type, "application/json");
    hub.answered = true;
}

static void protobuf_is_answered_in_protobuf(void **state)
{
    (void)state;
    struct caller local = {.local = true};
    api_add_user(&hub, "anne", "caseworker", SECRET);
    hub.answered = false;
    rpc_call(hub.rpc, ACCOUNTS "DisableUser", ENCODING_PROTO,
             BYTES_LITERAL("\x0a\x04"
                           "anne"),
             &local, on_proto_answer, NULL);
    fake_executor_drain(&hub.executor);
    assert_true(hub.answered);
    hub.answered = false;
    rpc_call(hub.rpc, ACCOUNTS "DisableUser", ENCODING_PROTO, BYTES_LITERAL("\x0a\x7f"), &local,
             on_proto_refusal, NULL);
    fake_executor_drain(&hub.executor);
    assert_true(hub.answered);
}

static void every_error_has_a_connect_code(void **state)
{
    (void)state;
    static const struct {
        enum err_code code;
        const char *name;
        unsigned http_status;
    } cases[] = {
        {ERR_INVALID, "invalid_argument", 400},
        {ERR_UNKNOWN, "not_found", 404},
        {ERR_UNSIGNED, "unauthenticated", 401},
        {ERR_DENIED, "permission_denied", 403},
        {ERR_CONFLICT, "failed_precondition", 400},
        {ERR_LIMIT, "resource_exhausted", 429},
        {ERR_PEER, "aborted", 409},
        {ERR_UNSUPPORTED, "unimplemented", 501},
        {ERR_IO, "unavailable", 503},
        {ERR_INTERNAL, "internal", 500},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(rpc_connect_code(cases[i].code), cases[i].name);
        assert_int_equal(rpc_http_status(cases[i].code), cases[i].http_status);
    }
}

static void the_hub_tells_how_it_is(void **state)
{
    (void)state;
    char text[80];
    api_call_local(&hub, NODE "Status", "{}");
    assert_true(hub.ok);
    assert_int_equal(strlen(api_field(&hub, "id", text, sizeof(text))), NODE_ID_TEXT - 1);
    assert_string_equal(api_field(&hub, "started", text, sizeof(text)), "2026-11-22T08:00:00.000Z");
    api_call_local(&hub, NODE "Config", "{}");
    assert_true(hub.ok);
    assert_non_null(strstr(buf_text(&hub.body), "\"name\":\"max-links\",\"value\":\"64\""));
    api_call_local(&hub, NODE "Metrics", "{}");
    assert_true(hub.ok);
    assert_non_null(strstr(buf_text(&hub.body), "maillon_calls_total 2\\n"));
    assert_non_null(strstr(buf_text(&hub.body), "# TYPE maillon_peers gauge"));
    api_call_local(&hub, NODE "ListOutbox", "{}");
    assert_true(hub.ok);
    assert_string_equal(buf_text(&hub.body), "{}");
    api_call_local(&hub, NODE "ListOutbox", "{\"limit\":100000}");
    assert_refused(ERR_INVALID, 400, "invalid_argument");
}

static void a_card_is_set_field_by_field(void **state)
{
    (void)state;
    char text[80];
    api_call_local(&hub, NODE "SetCard",
                   "{\"name\":\"Ressourcerie\",\"route\":[\"wss://hub.example:8443\"]}");
    assert_true(hub.ok);
    api_call_local(&hub, NODE "SetCard", "{\"phone\":\"+33200000000\"}");
    assert_true(hub.ok);
    assert_string_equal(api_field(&hub, "name", text, sizeof(text)), "Ressourcerie");
    assert_string_equal(api_field(&hub, "phone", text, sizeof(text)), "+33200000000");
    assert_non_null(strstr(buf_text(&hub.body), "\"route\":[\"wss://hub.example:8443\"]"));
    api_call_local(&hub, NODE "SetCard", "{\"route\":[\"a\",\"b\",\"c\",\"d\"]}");
    assert_refused(ERR_INVALID, 400, "invalid_argument");
}

static void on_retry(void *ctx, const struct node_id *node)
{
    assert_null(node); /* all */
    assert_false(hub.answered);
    ++*(int *)ctx;
}

static void a_retry_dials_once_it_is_committed(void **state)
{
    (void)state;
    int dialled = 0;
    rpc_free(hub.rpc);
    hub.env.live = (struct live){.retry = on_retry, .ctx = &dialled};
    hub.rpc = rpc_create(&hub.env);
    api_call_local(&hub, NODE "RetryOutbox", "{}");
    assert_true(hub.ok);
    assert_int_equal(dialled, 1);
    api_call_local(&hub, NODE "RetryOutbox", "{\"peer\":\"nobody\"}");
    assert_refused(ERR_UNKNOWN, 404, "not_found");
    assert_int_equal(dialled, 1);
}

static void a_backup_is_local_absolute_and_new(void **state)
{
    (void)state;
    api_add_user(&hub, "anne", "admin", SECRET);
    struct caller anne = api_sign_in(&hub, "anne", SECRET);
    api_call(&hub, &anne, NODE "Backup", "{\"path\":\"/nowhere/at/all\"}");
    assert_refused(ERR_DENIED, 403, "permission_denied");
    api_call_local(&hub, NODE "Backup", "{\"path\":\"copy.db\"}");
    assert_refused(ERR_INVALID, 400, "invalid_argument");
    char path[] = P_tmpdir "/test_rpc.XXXXXX", request[128];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(request, sizeof(request), "{\"path\":\"%s\"}", path);
    api_call_local(&hub, NODE "Backup", request);
    assert_refused(ERR_CONFLICT, 400, "failed_precondition");
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(every_rpc_of_the_schema_has_a_row),
        API_TEST(what_is_not_in_the_table_is_refused),
        API_TEST(a_call_without_sign_in_is_refused),
        API_TEST(malformed_input_is_an_invalid_argument),
        API_TEST(a_request_too_large_is_refused_unread),
        API_TEST(people_sign_in_work_and_sign_out),
        API_TEST(a_wrong_name_and_a_wrong_passphrase_read_the_same),
        API_TEST(too_many_wrong_ones_are_refused_without_work),
        API_TEST(a_made_passphrase_is_answered_once_and_works),
        API_TEST(bad_accounts_are_refused),
        API_TEST(tokens_are_for_programs_until_revoked),
        API_TEST(a_session_in_use_does_not_end),
        API_TEST(the_operator_may_speak_for_an_account_with_its_roles),
        API_TEST(protobuf_is_answered_in_protobuf),
        API_TEST(every_error_has_a_connect_code),
        API_TEST(the_hub_tells_how_it_is),
        API_TEST(a_card_is_set_field_by_field),
        API_TEST(a_retry_dials_once_it_is_committed),
        API_TEST(a_backup_is_local_absolute_and_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
