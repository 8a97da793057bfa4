/* test_second_factor.c: codes and recovery codes, where one is required, resets; over the API. */
#include "hub/crypto/secret.h"
#include "hub/domain/session.h"
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/sign_in_fixture.h"

static void with_a_second_factor_the_passphrase_alone_opens_nothing(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], half[TOKEN_TEXT], code[16];
    struct caller anne = add_protected(secret, recovery), robber = {0};
    passphrase_only(half);
    snprintf(robber.bearer, sizeof(robber.bearer), "%s", half);
    call(&robber, "WhoAmI", "{}");
    expect(ERR_UNSIGNED);
    send_code(half, "000000");
    expect(ERR_INVALID);
    fake_clock_advance(&hub.clock, 30000);
    send_code(half, digits_of(secret, 0, code));
    expect(ERR_NONE);
    api_field(&hub, "token", anne.bearer, sizeof(anne.bearer));
    call(&anne, "WhoAmI", "{}");
    expect(ERR_NONE);
    assert_non_null(strstr(buf_text(&hub.body), "\"secondFactor\":true"));
    /* Neither the half session nor the code again. */
    send_code(half, code);
    expect(ERR_UNSIGNED);
    passphrase_only(half);
    send_code(half, code);
    expect(ERR_INVALID);
}

static void a_half_session_lasts_ten_minutes(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], half[TOKEN_TEXT], code[16];
    add_protected(secret, recovery);
    passphrase_only(half);
    fake_clock_advance(&hub.clock, HALF_SESSION_MS);
    send_code(half, digits_of(secret, 0, code));
    expect(ERR_UNSIGNED);
}

static void each_recovery_code_works_once_however_it_is_typed(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], half[TOKEN_TEXT], code[32];
    struct caller anne = add_protected(secret, recovery);
    const char *at = strchr(recovery, '[');
    assert_non_null(at);
    snprintf(code, sizeof(code), "%.14s", at + 2);
    passphrase_only(half);
    for (char *c = code; *c; c++)
        *c = *c == ' ' ? '-' : (char)toupper((unsigned char)*c);
    send_code(half, code);
    expect(ERR_NONE);
    passphrase_only(half);
    send_code(half, code);
    expect(ERR_INVALID);
    call(&anne, "ShowSecondFactor", "{}");
    assert_non_null(strstr(buf_text(&hub.body), "\"recoveryLeft\":7"));
    assert_null(strstr(buf_text(&hub.body), "secret"));
    /* New ones replace the rest. */
    snprintf(code, sizeof(code), "%.14s", strchr(recovery, ',') + 2);
    char request[80];
    snprintf(request, sizeof(request), "{\"code\":\"%s\"}", code);
    call(&anne, "NewRecoveryCodes", request);
    expect(ERR_NONE);
    passphrase_only(half);
    send_code(half, code);
    expect(ERR_INVALID);
}

static void the_secret_is_sealed_in_the_database(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500];
    struct err err = {0};
    bool row;
    add_protected(secret, recovery);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(hub.store, "SELECT secret FROM second_factor", &err);
    assert_true(stmt && stmt_next(stmt, &row, &err) && row);
    struct bytes stored = stmt_bytes(stmt, 0);
    assert_null(memmem(stored.data, stored.len, secret, sizeof(secret)));
}

static void codes_are_guessed_five_times_and_then_slowly(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], half[TOKEN_TEXT], other[TOKEN_TEXT];
    add_protected(secret, recovery);
    passphrase_only(half);
    for (int i = 0; i < GUARD_FREE; i++)
        send_code(half, "111111");
    expect(ERR_INVALID);
    send_code(half, "111111");
    expect(ERR_LIMIT);
    passphrase_only(other); /* a new half session is no new budget */
    send_code(other, "111111");
    expect(ERR_LIMIT);
    assert_non_null(strstr(hub.err.msg, "seconds"));
}

static void where_it_is_required_nothing_else_works_before_it_is_on(void **state)
{
    (void)state;
    static const char *const closed[] = {ACCOUNTS "ListUsers", ACCOUNTS "ListSessions",
                                         ACCOUNTS "ChangePassphrase", "/maillon.api.v1.Peers/List",
                                         "/maillon.api.v1.Node/Status"};
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], token[TOKEN_TEXT];
    struct err err = {0};
    api_add_user(&hub, "anne", "admin", PASSPHRASE);
    api_add_user(&hub, "zoe", "coordinator", PASSPHRASE);
    api_call_local(&hub, ACCOUNTS "CreateToken", "{\"name\":\"anne\",\"label\":\"programme\"}");
    api_field(&hub, "token", token, sizeof(token));
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE);
    struct caller zoe = api_sign_in(&hub, "zoe", PASSPHRASE), program = {0};
    call(&anne, "WhoAmI", "{}");
    assert_non_null(strstr(buf_text(&hub.body), "\"shouldProtect\":true"));
    assert_true(config_set(&hub.config, "require-second-factor", "admin", &err));
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        api_call(&hub, &anne, closed[i], "{}");
        expect(ERR_DENIED);
    }
    api_call(&hub, &zoe, "/maillon.api.v1.Node/Status", "{}");
    expect(ERR_NONE);
    snprintf(program.bearer, sizeof(program.bearer), "%s", token);
    api_call(&hub, &program, ACCOUNTS "ListUsers", "{}");
    expect(ERR_NONE);
    api_call_local(&hub, ACCOUNTS "ListUsers", "{}");
    expect(ERR_NONE);
    call(&anne, "WhoAmI", "{}");
    assert_non_null(strstr(buf_text(&hub.body), "\"mustProtect\":true"));
    turn_on(&anne, secret, recovery);
    call(&anne, "ListUsers", "{}");
    expect(ERR_NONE);
    assert_true(config_set(&hub.config, "require-second-factor", "all", &err));
    api_call(&hub, &zoe, "/maillon.api.v1.Node/Status", "{}");
    expect(ERR_DENIED);
    assert_false(config_set(&hub.config, "require-second-factor", "admins", &err));
    assert_int_equal(err.code, ERR_INVALID);
}

static void a_reset_removes_it_for_who_has_lost_the_phone(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], passphrase[80];
    struct caller anne = add_protected(secret, recovery);
    api_call_local(&hub, ACCOUNTS "ResetUser", "{\"name\":\"anne\"}");
    api_field(&hub, "passphrase", passphrase, sizeof(passphrase));
    anne = api_sign_in(&hub, "anne", passphrase);
    assert_true(anne.bearer[0]);
}

/* Whoever had got in, however, is out; who comes back begins anew. */
static void a_reset_ends_sessions_tokens_browsers_and_what_was_half_signed_in(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], half[TOKEN_TEXT], device[TOKEN_TEXT];
    api_add_user(&hub, "anne", "admin", PASSPHRASE);
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE), program = {0};
    call(&(struct caller){0}, "SignIn", "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\"}");
    api_field(&hub, "device", device, sizeof(device));
    api_call_local(&hub, ACCOUNTS "CreateToken", "{\"name\":\"anne\"}");
    api_field(&hub, "token", program.bearer, sizeof(program.bearer));
    turn_on(&anne, secret, recovery);
    passphrase_only(half);
    call(&program, "WhoAmI", "{}");
    expect(ERR_NONE);
    api_call_local(&hub, ACCOUNTS "ResetUser", "{\"name\":\"anne\"}");
    call(&anne, "WhoAmI", "{}");
    expect(ERR_UNSIGNED);
    call(&program, "WhoAmI", "{}");
    expect(ERR_UNSIGNED);
    send_code(half, "000000");
    expect(ERR_UNSIGNED);
    guess_from(device, "203.0.113.9");
    expect(ERR_LIMIT); /* a stranger's tries, as all from there */
}

static void removing_it_asks_for_a_code(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], used[40], fresh[40];
    struct caller anne = add_protected(secret, recovery);
    const struct step steps[] = {
        {&anne, "RemoveSecondFactor", "{\"code\":\"123456\"}", ERR_INVALID},
        /* served to turn it on */
        {&anne, "RemoveSecondFactor", code_of(secret, 0, used), ERR_INVALID},
        {&anne, "RemoveSecondFactor", code_of(secret, 1, fresh), ERR_NONE},
    };
    take_steps(steps, ARRAY_LEN(steps));
    anne = api_sign_in(&hub, "anne", PASSPHRASE);
    assert_true(anne.bearer[0]);
}

/* Who sits down at a page that was left open must not lock the owner out with a phone of their own.
 */
static void a_second_factor_is_added_right_after_signing_in_only(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], text[TOTP_SECRET_TEXT];
    api_add_user(&hub, "anne", "caseworker", PASSPHRASE);
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE);
    call(&anne, "BeginSecondFactor", "{}");
    expect(ERR_NONE);
    fake_clock_advance(&hub.clock, SESSION_FRESH_MS);
    call(&anne, "ShowSecondFactor", "{}");
    assert_non_null(strstr(buf_text(&hub.body), "\"secret\""));
    fake_clock_advance(&hub.clock, 1);
    call(&anne, "ShowSecondFactor", "{}");
    assert_string_equal(api_field(&hub, "secret", text, sizeof(text)), "");
    assert_string_equal(api_field(&hub, "uri", text, sizeof(text)), "");
    assert_non_null(strstr(buf_text(&hub.body), "\"signInFirst\":true"));
    call(&anne, "BeginSecondFactor", "{}");
    expect(ERR_DENIED);
    call(&anne, "ConfirmSecondFactor", "{\"code\":\"123456\"}");
    expect(ERR_DENIED);
    anne = api_sign_in(&hub, "anne", PASSPHRASE);
    turn_on(&anne, secret, recovery);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        API_TEST(with_a_second_factor_the_passphrase_alone_opens_nothing),
        API_TEST(a_half_session_lasts_ten_minutes),
        API_TEST(each_recovery_code_works_once_however_it_is_typed),
        API_TEST(the_secret_is_sealed_in_the_database),
        API_TEST(codes_are_guessed_five_times_and_then_slowly),
        API_TEST(where_it_is_required_nothing_else_works_before_it_is_on),
        API_TEST(a_reset_removes_it_for_who_has_lost_the_phone),
        API_TEST(a_reset_ends_sessions_tokens_browsers_and_what_was_half_signed_in),
        API_TEST(removing_it_asks_for_a_code),
        API_TEST(a_second_factor_is_added_right_after_signing_in_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
