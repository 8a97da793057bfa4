/* test_sign_in.c: the second factor, one's own sessions and passphrase, limits; over the API. */
#include "hub/api/guard.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/totp.h"
#include "hub/domain/session.h"
#include "tests/support/api_fixture.h"
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ACCOUNTS   "/maillon.api.v1.Accounts/"
#define PASSPHRASE "quatre mots bien choisis"

static struct api_fixture hub;

static const char *call(struct caller *caller, const char *method, const char *json)
{
    char path[100];
    snprintf(path, sizeof(path), ACCOUNTS "%s", method);
    return api_call(&hub, caller, path, json);
}

static void expect(enum err_code code)
{
    if (hub.err.code != code)
        fail_msg("wanted %s, got %s: %s", err_code_name(code), err_code_name(hub.err.code),
                 hub.err.msg);
}

/* One call of a test that is a row of calls. */
struct step {
    struct caller *by;
    const char *method, *json;
    enum err_code code; /* ERR_NONE: it works */
};

static void take_steps(const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call(steps[i].by, steps[i].method, steps[i].json);
        if (hub.err.code != steps[i].code)
            print_error("step %zu, %s\n", i, steps[i].method);
        expect(steps[i].code);
    }
}

/* The secret that the page shows, as bytes. */
static void read_secret(uint8_t ret[TOTP_SECRET_BYTES])
{
    char text[TOTP_SECRET_TEXT];
    api_field(&hub, "secret", text, sizeof(text));
    assert_true(base32_decode(text, strlen(text), ret, TOTP_SECRET_BYTES));
}

/* What the phone shows, `skew` half minutes from now. */
static const char *digits_of(const uint8_t secret[TOTP_SECRET_BYTES], int64_t skew, char out[16])
{
    uint64_t step = (uint64_t)(totp_step(hub.clock.wall) + skew);
    snprintf(out, 16, "%06u", totp_hotp(bytes_of(secret, TOTP_SECRET_BYTES), step));
    return out;
}

static const char *code_of(const uint8_t secret[TOTP_SECRET_BYTES], int64_t skew, char out[40])
{
    char digits[16];
    snprintf(out, 40, "{\"code\":\"%s\"}", digits_of(secret, skew, digits));
    return out;
}

/* Turns it on for who is signed in; `recovery` takes the answer. */
static void turn_on(struct caller *caller, uint8_t secret[TOTP_SECRET_BYTES], char recovery[500])
{
    char request[40];
    call(caller, "BeginSecondFactor", "{}");
    expect(ERR_NONE);
    read_secret(secret);
    snprintf(recovery, 500, "%s", call(caller, "ConfirmSecondFactor", code_of(secret, 0, request)));
    expect(ERR_NONE);
}

/* Anne, an admin, is signed in and has turned it on. */
static struct caller add_protected(uint8_t secret[TOTP_SECRET_BYTES], char recovery[500])
{
    api_add_user(&hub, "anne", "admin", PASSPHRASE);
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE);
    turn_on(&anne, secret, recovery);
    return anne;
}

static void passphrase_only(char half[TOKEN_TEXT])
{
    char token[TOKEN_TEXT];
    call(&(struct caller){0}, "SignIn", "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\"}");
    expect(ERR_NONE);
    api_field(&hub, "half", half, TOKEN_TEXT);
    assert_string_equal(api_field(&hub, "token", token, sizeof(token)), "");
    assert_true(half[0]);
    assert_null(strstr(buf_text(&hub.body), "anne"));
}

static void send_code(const char *half, const char *code)
{
    char json[200];
    snprintf(json, sizeof(json), "{\"half\":\"%s\",\"code\":\"%s\"}", half, code);
    call(&(struct caller){0}, "SignInCode", json);
}

/* One wrong try without the browser's cookie and five with it: refused at the end when that cookie
 * is a stranger's. */
static void guess_from(const char *device, const char *address)
{
    char json[300];
    struct caller guesser = {0};
    snprintf(guesser.address, sizeof(guesser.address), "%s", address);
    for (int i = 0; i <= GUARD_FREE; i++) {
        snprintf(json, sizeof(json),
                 "{\"name\":\"anne\",\"passphrase\":\"faux\",\"device\":\"%s\"}", i ? device : "");
        call(&guesser, "SignIn", json);
    }
}

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

static void own_sessions_are_listed_and_ended_and_no_others(void **state)
{
    (void)state;
    char id[24], request[60];
    api_add_user(&hub, "anne", "caseworker", PASSPHRASE);
    api_add_user(&hub, "zoe", "caseworker", PASSPHRASE);
    struct caller first = api_sign_in(&hub, "anne", PASSPHRASE);
    struct caller zoe = api_sign_in(&hub, "zoe", PASSPHRASE);
    struct caller second = {0};
    fake_clock_advance(&hub.clock, 1000);
    call(&second, "SignIn",
         "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\",\"browser\":\"firefox windows\"}");
    api_field(&hub, "token", second.bearer, sizeof(second.bearer));
    call(&first, "ListSessions", "{}");
    assert_non_null(strstr(buf_text(&hub.body), "\"browser\":\"firefox windows\""));
    assert_null(strstr(buf_text(&hub.body), "mlt_"));
    api_field(&hub, "id", id, sizeof(id)); /* the newest */
    snprintf(request, sizeof(request), "{\"id\":\"%s\"}", id);
    const struct step one[] = {
        {&zoe, "EndSession", request, ERR_UNKNOWN},
        {&first, "EndSession", request, ERR_NONE},
        {&second, "WhoAmI", "{}", ERR_UNSIGNED},
    };
    take_steps(one, ARRAY_LEN(one));
    second = api_sign_in(&hub, "anne", PASSPHRASE);
    struct caller local = {.local = true};
    const struct step all[] = {
        {&second, "EndOtherSessions", "{}", ERR_NONE},
        {&first, "WhoAmI", "{}", ERR_UNSIGNED},
        {&second, "WhoAmI", "{}", ERR_NONE},
        {&local, "EndUserSessions", "{\"name\":\"anne\"}", ERR_NONE},
        {&second, "WhoAmI", "{}", ERR_UNSIGNED},
        {&zoe, "WhoAmI", "{}", ERR_NONE},
    };
    take_steps(all, ARRAY_LEN(all));
}

static void a_browser_is_two_words_and_no_more(void **state)
{
    (void)state;
    static const char *const refused[] = {"<b>", "Mozilla/5.0 (X11)", "a b c",
                                          "a-name-that-is-far-too-long-for-one"};
    api_add_user(&hub, "anne", "caseworker", PASSPHRASE);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        char json[200];
        snprintf(json, sizeof(json),
                 "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\",\"browser\":\"%s\"}",
                 refused[i]);
        call(&(struct caller){0}, "SignIn", json);
        expect(ERR_INVALID);
    }
}

static void a_new_passphrase_asks_for_the_old_one_and_ends_the_other_sessions(void **state)
{
    (void)state;
    api_add_user(&hub, "anne", "caseworker", PASSPHRASE);
    struct caller here = api_sign_in(&hub, "anne", PASSPHRASE);
    struct caller there = api_sign_in(&hub, "anne", PASSPHRASE);
#define CHANGE(old, new) "{\"old\":\"" old "\",\"new\":\"" new "\"}"
    const struct step steps[] = {
        {&here, "ChangePassphrase", CHANGE("faux faux faux", "cinq mots tout neufs"), ERR_DENIED},
        {&here, "ChangePassphrase", CHANGE(PASSPHRASE, "court"), ERR_INVALID},
        {&here, "ChangePassphrase", CHANGE(PASSPHRASE, PASSPHRASE), ERR_INVALID},
        {&here, "ChangePassphrase", CHANGE(PASSPHRASE, "Motdepasse2026!"), ERR_INVALID},
        {&here, "ChangePassphrase", CHANGE(PASSPHRASE, "cinq mots tout neufs"), ERR_NONE},
        {&here, "WhoAmI", "{}", ERR_NONE},
        {&there, "WhoAmI", "{}", ERR_UNSIGNED},
        {&there, "SignIn", "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\"}", ERR_UNSIGNED},
    };
    take_steps(steps, ARRAY_LEN(steps));
    there = api_sign_in(&hub, "anne", "cinq mots tout neufs");
    for (int i = 0; i < GUARD_FREE; i++)
        call(&there, "ChangePassphrase", CHANGE("x", "y"));
    expect(ERR_DENIED);
    call(&there, "ChangePassphrase", CHANGE("x", "y"));
    expect(ERR_LIMIT);
}

static void a_new_passphrase_forgets_browsers_and_leaves_programs_to_their_owner(void **state)
{
    (void)state;
    char device[TOKEN_TEXT];
    api_add_user(&hub, "anne", "caseworker", PASSPHRASE);
    call(&(struct caller){0}, "SignIn", "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\"}");
    api_field(&hub, "device", device, sizeof(device));
    struct caller here = api_sign_in(&hub, "anne", PASSPHRASE), program = {0};
    api_call_local(&hub, ACCOUNTS "CreateToken", "{\"name\":\"anne\"}");
    api_field(&hub, "token", program.bearer, sizeof(program.bearer));
    call(&here, "ChangePassphrase",
         "{\"old\":\"" PASSPHRASE "\",\"new\":\"cinq mots tout neufs\"}");
    expect(ERR_NONE);
    call(&program, "WhoAmI", "{}");
    expect(ERR_NONE);
    guess_from(device, "203.0.113.9");
    expect(ERR_LIMIT);
}

static void a_known_browser_gets_in_while_strangers_guess(void **state)
{
    (void)state;
    char device[TOKEN_TEXT], json[300];
    api_add_user(&hub, "anne", "caseworker", PASSPHRASE);
    struct caller stranger = {.address = "203.0.113.9"};
    call(&(struct caller){0}, "SignIn", "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\"}");
    api_field(&hub, "device", device, sizeof(device));
    assert_true(device[0]);
    for (int i = 0; i <= GUARD_FREE; i++)
        call(&stranger, "SignIn", "{\"name\":\"anne\",\"passphrase\":\"faux\"}");
    expect(ERR_LIMIT);
    call(&(struct caller){.address = "192.0.2.7"}, "SignIn",
         "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\"}");
    expect(ERR_NONE);
    /* From the very address of the stranger, as behind one proxy. */
    snprintf(json, sizeof(json),
             "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\",\"device\":\"%s\"}", device);
    call(&stranger, "SignIn", json);
    expect(ERR_NONE);
    call(&stranger, "SignIn",
         "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\",\"device\":\"mlt_made_up\"}");
    expect(ERR_LIMIT);
}

/* It reads and writes what its account may, and takes away; it lets nobody in. */
static void a_programs_token_opens_no_door(void **state)
{
    (void)state;
    static const struct {
        const char *method, *json;
    } doors[] = {
        {"ChangePassphrase", "{\"old\":\"" PASSPHRASE "\",\"new\":\"cinq mots tout neufs\"}"},
        {"ShowSecondFactor", "{}"},
        {"BeginSecondFactor", "{}"},
        {"ConfirmSecondFactor", "{\"code\":\"123456\"}"},
        {"NewRecoveryCodes", "{\"code\":\"123456\"}"},
        {"RemoveSecondFactor", "{\"code\":\"123456\"}"},
        {"EndSession", "{\"id\":\"1\"}"},
        {"EndOtherSessions", "{}"},
        {"AddUser", "{\"name\":\"eve\",\"role\":\"admin\"}"},
        {"EnableUser", "{\"name\":\"zoe\"}"},
        {"SetRole", "{\"name\":\"zoe\",\"role\":\"admin\"}"},
        {"ResetUser", "{\"name\":\"anne\"}"},
        {"CreateToken", "{\"name\":\"anne\"}"},
    };
    struct caller program = {0};
    api_add_user(&hub, "anne", "admin", PASSPHRASE);
    api_add_user(&hub, "zoe", "caseworker", PASSPHRASE);
    api_call_local(&hub, ACCOUNTS "CreateToken", "{\"name\":\"anne\"}");
    api_field(&hub, "token", program.bearer, sizeof(program.bearer));
    for (size_t i = 0; i < ARRAY_LEN(doors); i++) {
        call(&program, doors[i].method, doors[i].json);
        expect(ERR_DENIED);
    }
    call(&program, "ListUsers", "{}");
    expect(ERR_NONE);
    call(&program, "RevokeTokens", "{\"name\":\"zoe\"}");
    expect(ERR_NONE);
    call(&program, "DisableUser", "{\"name\":\"zoe\"}");
    expect(ERR_NONE);
    api_sign_in(&hub, "anne", PASSPHRASE);
}

static void note_code(void *ctx, const struct reply *reply)
{
    enum err_code *code = ctx;
    *code = reply->err.code;
}

/* Hashing takes a moment. */
static void who_is_shut_out_in_the_middle_of_a_call_changes_nothing(void **state)
{
    (void)state;
    static const char change[] = "{\"old\":\"" PASSPHRASE "\",\"new\":\"cinq mots tout neufs\"}";
    const struct caller operator= {.local = true};
    enum err_code changed = ERR_NONE, disabled = ERR_INTERNAL;
    api_add_user(&hub, "anne", "caseworker", PASSPHRASE);
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE);
    rpc_call(hub.rpc, ACCOUNTS "ChangePassphrase", ENCODING_JSON, bytes_text(change), &anne,
             note_code, &changed);
    rpc_call(hub.rpc, ACCOUNTS "DisableUser", ENCODING_JSON, bytes_text("{\"name\":\"anne\"}"),
             &operator, note_code, &disabled);
    fake_executor_drain(&hub.executor);
    assert_int_equal(disabled, ERR_NONE);
    assert_int_equal(changed, ERR_UNSIGNED);
}

/* It comes with every session of the account, and with nothing else. */
static void the_key_of_drafts_is_the_accounts_own(void **state)
{
    (void)state;
    char first[80], second[80], other[80];
    struct caller program = {0};
    api_add_user(&hub, "anne", "admin", PASSPHRASE);
    api_add_user(&hub, "zoe", "admin", PASSPHRASE);
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE);
    assert_null(strstr(buf_text(&hub.body), "draftKey"));
    call(&anne, "WhoAmI", "{}");
    assert_int_equal(strlen(api_field(&hub, "draftKey", first, sizeof(first))), 64);
    anne = api_sign_in(&hub, "anne", PASSPHRASE);
    call(&anne, "WhoAmI", "{}");
    assert_string_equal(api_field(&hub, "draftKey", second, sizeof(second)), first);
    struct caller zoe = api_sign_in(&hub, "zoe", PASSPHRASE);
    call(&zoe, "WhoAmI", "{}");
    assert_int_equal(strlen(api_field(&hub, "draftKey", other, sizeof(other))), 64);
    assert_string_not_equal(other, first);
    call(&zoe, "ListUsers", "{}");
    assert_null(strstr(buf_text(&hub.body), "draftKey"));
    api_call_local(&hub, ACCOUNTS "CreateToken", "{\"name\":\"anne\"}");
    api_field(&hub, "token", program.bearer, sizeof(program.bearer));
    call(&program, "WhoAmI", "{}");
    assert_null(strstr(buf_text(&hub.body), "draftKey"));
    call(&(struct caller){.local = true, .name = "anne"}, "WhoAmI", "{}");
    assert_null(strstr(buf_text(&hub.body), "draftKey"));
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

/* Who guesses at her sign-in does not keep her from her own account's doors. */
static void a_session_has_tries_of_its_own(void **state)
{
    (void)state;
    uint8_t secret[TOTP_SECRET_BYTES];
    char recovery[500], half[TOKEN_TEXT];
    api_add_user(&hub, "anne", "caseworker", PASSPHRASE);
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE);
    turn_on(&anne, secret, recovery);
    passphrase_only(half);
    for (int i = 0; i <= GUARD_FREE; i++)
        send_code(half, "000000");
    expect(ERR_LIMIT);
    call(&anne, "ChangePassphrase",
         "{\"old\":\"" PASSPHRASE "\",\"new\":\"cinq mots tout neufs\"}");
    expect(ERR_NONE);
}

static void an_admin_changes_roles_and_access_but_not_his_own(void **state)
{
    (void)state;
    api_add_user(&hub, "anne", "admin", PASSPHRASE);
    api_add_user(&hub, "zoe", "caseworker", PASSPHRASE);
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE);
    call(&anne, "SetRole", "{\"name\":\"zoe\",\"role\":\"coordinator,admin\"}");
    expect(ERR_NONE);
    assert_non_null(strstr(buf_text(&hub.body), "\"role\":\"coordinator,admin\""));
    const struct step steps[] = {
        {&anne, "SetRole", "{\"name\":\"zoe\",\"role\":\"boss\"}", ERR_INVALID},
        {&anne, "SetRole", "{\"name\":\"anne\",\"role\":\"caseworker\"}", ERR_CONFLICT},
        {&anne, "DisableUser", "{\"name\":\"anne\"}", ERR_CONFLICT},
        {&anne, "DisableUser", "{\"name\":\"zoe\"}", ERR_NONE},
        {&anne, "EnableUser", "{\"name\":\"zoe\"}", ERR_NONE},
    };
    take_steps(steps, ARRAY_LEN(steps));
    api_sign_in(&hub, "zoe", PASSPHRASE);
}

static void names_that_turn_writing_around_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"a\xe2\x80\xae"
                                        "b",
                                        "\xe2\x81\xa7"
                                        "a",
                                        "a\xc2\x85"
                                        "b",
                                        "a\x7f"};
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_false(account_check_name(names[i], &err));
    assert_true(account_check_name("\xd9\x86\xd9\x88\xd8\xb1", &err)); /* Nour, in Arabic */
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
        API_TEST(own_sessions_are_listed_and_ended_and_no_others),
        API_TEST(a_browser_is_two_words_and_no_more),
        API_TEST(a_new_passphrase_asks_for_the_old_one_and_ends_the_other_sessions),
        API_TEST(a_new_passphrase_forgets_browsers_and_leaves_programs_to_their_owner),
        API_TEST(a_known_browser_gets_in_while_strangers_guess),
        API_TEST(a_programs_token_opens_no_door),
        API_TEST(who_is_shut_out_in_the_middle_of_a_call_changes_nothing),
        API_TEST(the_key_of_drafts_is_the_accounts_own),
        API_TEST(a_second_factor_is_added_right_after_signing_in_only),
        API_TEST(a_session_has_tries_of_its_own),
        API_TEST(an_admin_changes_roles_and_access_but_not_his_own),
        API_TEST(names_that_turn_writing_around_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
