#pragma once
/*
 * Accounts that sign in over the API of one hub, with a second factor or without. Include after
 * <cmocka.h>.
 */
#include "hub/api/guard.h"
#include "hub/crypto/totp.h"
#include "tests/support/api_fixture.h"
#include <stdio.h>

#define ACCOUNTS   "/maillon.api.v1.Accounts/"
#define PASSPHRASE "quatre mots bien choisis"

static struct api_fixture hub;

static inline const char *call(struct caller *caller, const char *method, const char *json)
{
    char path[100];
    snprintf(path, sizeof(path), ACCOUNTS "%s", method);
    return api_call(&hub, caller, path, json);
}

static inline void expect(enum err_code code)
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

static inline void take_steps(const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        call(steps[i].by, steps[i].method, steps[i].json);
        if (hub.err.code != steps[i].code)
            print_error("step %zu, %s\n", i, steps[i].method);
        expect(steps[i].code);
    }
}

/* The secret that the page shows, as bytes. */
static inline void read_secret(uint8_t ret[TOTP_SECRET_BYTES])
{
    char text[TOTP_SECRET_TEXT];
    api_field(&hub, "secret", text, sizeof(text));
    assert_true(base32_decode(text, strlen(text), ret, TOTP_SECRET_BYTES));
}

/* What the phone shows, `skew` half minutes from now. */
static inline const char *digits_of(const uint8_t secret[TOTP_SECRET_BYTES], int64_t skew,
                                    char out[16])
{
    uint64_t step = (uint64_t)(totp_step(hub.clock.wall) + skew);
    snprintf(out, 16, "%06u", totp_hotp(bytes_of(secret, TOTP_SECRET_BYTES), step));
    return out;
}

static inline const char *code_of(const uint8_t secret[TOTP_SECRET_BYTES], int64_t skew,
                                  char out[40])
{
    char digits[16];
    snprintf(out, 40, "{\"code\":\"%s\"}", digits_of(secret, skew, digits));
    return out;
}

/* Turns it on for who is signed in; `recovery` takes the answer. */
static inline void turn_on(struct caller *caller, uint8_t secret[TOTP_SECRET_BYTES],
                           char recovery[500])
{
    char request[40];
    call(caller, "BeginSecondFactor", "{}");
    expect(ERR_NONE);
    read_secret(secret);
    snprintf(recovery, 500, "%s", call(caller, "ConfirmSecondFactor", code_of(secret, 0, request)));
    expect(ERR_NONE);
}

/* Anne, an admin, is signed in and has turned it on. */
static inline struct caller add_protected(uint8_t secret[TOTP_SECRET_BYTES], char recovery[500])
{
    api_add_user(&hub, "anne", "admin", PASSPHRASE);
    struct caller anne = api_sign_in(&hub, "anne", PASSPHRASE);
    turn_on(&anne, secret, recovery);
    return anne;
}

static inline void passphrase_only(char half[TOKEN_TEXT])
{
    char token[TOKEN_TEXT];
    call(&(struct caller){0}, "SignIn", "{\"name\":\"anne\",\"passphrase\":\"" PASSPHRASE "\"}");
    expect(ERR_NONE);
    api_field(&hub, "half", half, TOKEN_TEXT);
    assert_string_equal(api_field(&hub, "token", token, sizeof(token)), "");
    assert_true(half[0]);
    assert_null(strstr(buf_text(&hub.body), "anne"));
}

static inline void send_code(const char *half, const char *code)
{
    char json[200];
    snprintf(json, sizeof(json), "{\"half\":\"%s\",\"code\":\"%s\"}", half, code);
    call(&(struct caller){0}, "SignInCode", json);
}

/* One wrong try without the browser's cookie and five with it: refused at the end when that cookie
 * is a stranger's. */
static inline void guess_from(const char *device, const char *address)
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
