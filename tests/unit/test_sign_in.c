/* test_sign_in.c: one's own sessions and passphrase, programs, limits; over the API. */
#include "hub/domain/session.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/sign_in_fixture.h"

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
        API_TEST(own_sessions_are_listed_and_ended_and_no_others),
        API_TEST(a_browser_is_two_words_and_no_more),
        API_TEST(a_new_passphrase_asks_for_the_old_one_and_ends_the_other_sessions),
        API_TEST(a_new_passphrase_forgets_browsers_and_leaves_programs_to_their_owner),
        API_TEST(a_known_browser_gets_in_while_strangers_guess),
        API_TEST(a_programs_token_opens_no_door),
        API_TEST(who_is_shut_out_in_the_middle_of_a_call_changes_nothing),
        API_TEST(the_key_of_drafts_is_the_accounts_own),
        API_TEST(a_session_has_tries_of_its_own),
        API_TEST(an_admin_changes_roles_and_access_but_not_his_own),
        API_TEST(names_that_turn_writing_around_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
