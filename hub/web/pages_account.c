/* Sign-in, sign-out, one's own account: passphrase, second factor, open sessions. */
#include "hub/web/pages_internal.h"
#include "hub/web/qr.h"

#include <stdio.h>

#define CODE_PATH "/sign-in/code"

static json_t *build_sign_in(struct page_visit *visit)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", page_value(visit, "form.name"), "passphrase",
                     page_value(visit, "form.passphrase"), "device", page_device(visit), "browser",
                     page_browser(visit));
}

static json_t *build_code(struct page_visit *visit)
{
    return json_pack("{s:s, s:s, s:s}", "half", page_half(visit), "code",
                     page_value(visit, "form.code"), "device", page_device(visit));
}

/* The passphrase was right: to the page that asks for the code, and from there to where they
 * wanted to go. */
static void ask_for_code(struct page_visit *visit, const char *half)
{
    AUTO(buf_done) struct buf to = {0};
    const char *next = page_value(visit, "form.next");
    page_set_half(visit, half);
    buf_add_text(&to, CODE_PATH);
    if (form_is_local_path(next)) {
        buf_add_text(&to, "?next=");
        form_encode(next, &to);
    }
    page_redirect(visit, buf_text(&to));
}

/* A session ended under a form: it opens again, with what was typed. */
static bool reopen_kept(struct page_visit *visit)
{
    json_error_t ignored;
    const char *path = page_value(visit, "form.kept_path");
    json_t *typed = json_loads(page_value(visit, "form.kept"), 0, &ignored);
    if (json_is_object(typed) && form_is_local_path(path)) {
        AUTO(buf_done) struct buf to = {0};
        buf_add_text(&to, path); /* what it lends goes with the form */
        page_reopen(visit, buf_text(&to), typed);
        return true;
    }
    json_decref(typed);
    return false;
}

static void signed_in(struct page_visit *visit)
{
    const char *half = page_value(visit, "session.half");
    if (*half && *page_value(visit, "form.kept")) {
        page_set_half(visit, half);
        page_show(visit, "sign_in_code");
        return;
    }
    if (*half) {
        ask_for_code(visit, half);
        return;
    }
    if (*page_half(visit))
        page_set_half(visit, "");
    page_set_session(visit, page_value(visit, "session.token"));
    page_set_device(visit, page_value(visit, "session.device"));
    if (!reopen_kept(visit))
        page_redirect(visit, page_value(visit, "form.next"));
}

static void signed_out(struct page_visit *visit)
{
    page_set_session(visit, "");
}

/* Nothing to ask for without a passphrase before. */
static void shape_code(struct page_visit *visit)
{
    if (!*page_half(visit))
        page_redirect(visit, "/sign-in");
}

/* "Firefox sous Windows" */
static void name_browser(struct page_visit *visit, json_t *session)
{
    char browser[48], system[48], word[SESSION_BROWSER_SIZE];
    const struct catalog *catalog = page_catalog(visit);
    const char *text = json_string_value(json_object_get(session, "browser"));
    snprintf(word, sizeof(word), "%s", text ? text : "");
    char *blank = strchr(word, ' ');
    if (blank)
        *blank = '\0';
    snprintf(browser, sizeof(browser), "browser.%s", word);
    snprintf(system, sizeof(system), "system.%s", blank ? blank + 1 : "");
    AUTO(buf_done) struct buf name = {0};
    buf_add_text(
        &name,
        catalog_text(catalog, catalog_has(catalog, browser) ? browser : "browser.browser", 1));
    if (catalog_has(catalog, system))
        buf_addf(&name, " %s", catalog_text(catalog, system, 1));
    json_object_set_new(session, "what", json_string(buf_text(&name)));
}

static void shape_account(struct page_visit *visit)
{
    size_t i;
    json_t *context = page_context(visit), *session, *sessions = json_array(),
           *programs = json_array();
    bool others = false;
    json_array_foreach(json_object_get(json_object_get(context, "open_now"), "session"), i, session)
    {
        bool is_program = json_is_true(json_object_get(session, "token"));
        if (is_program) {
            const char *label = json_string_value(json_object_get(session, "label"));
            json_object_set_new(session, "what",
                                json_string(label && *label ? label
                                                            : catalog_text(page_catalog(visit),
                                                                           "account.program", 1)));
        } else {
            name_browser(visit, session);
            others = others || !json_is_true(json_object_get(session, "current"));
        }
        json_array_append(is_program ? programs : sessions, session);
    }
    json_object_set_new(context, "programs_any", json_boolean(json_array_size(programs) > 0));
    json_object_set_new(context, "sessions", sessions);
    json_object_set_new(context, "programs", programs);
    json_object_set_new(context, "others", json_boolean(others));
}

/* In groups of four, easier to copy by hand. */
static void add_groups(json_t *factor, const char *secret)
{
    AUTO(buf_done) struct buf groups = {0};
    for (size_t i = 0; secret[i]; i++)
        buf_addf(&groups, "%s%c", i > 0 && i % 4 == 0 ? " " : "", secret[i]);
    json_object_set_new(factor, "groups", json_string(buf_text(&groups)));
}

static void shape_second_factor(struct page_visit *visit)
{
    json_t *factor = json_object_get(page_context(visit), "factor");
    const char *uri = page_value(visit, "factor.uri");
    if (!factor || !*uri)
        return;
    json_t *qr = qr_shape(uri);
    if (qr)
        json_object_set_new(factor, "qr", qr);
    add_groups(factor, page_value(visit, "factor.secret"));
}

static void show_codes(struct page_visit *visit)
{
    page_show(visit, "recovery_codes");
}

#define OWN         (ROLE_ANY | ROLE_UNPROTECTED)
#define FACTOR_PATH "/account/second-factor"
#define FACTOR_SHOWN                                                                              \
    .calls = {PAGE_CALL("factor", "Accounts/ShowSecondFactor", "")}, .template = "second_factor", \
    .view = shape_second_factor

const struct page pages_account[] = {
    {.method = "GET", .path = "/sign-in", .template = "sign_in"},
    {.method = "POST",
     .path = "/sign-in",
     .calls = {{.as = "session", .method = "Accounts/SignIn", .build = build_sign_in}},
     .view = signed_in,
     .redirect = "/",
     .again = "/sign-in"},
    {.method = "GET", .path = CODE_PATH, .template = "sign_in_code", .view = shape_code},
    {.method = "POST",
     .path = CODE_PATH,
     .calls = {{.as = "session", .method = "Accounts/SignInCode", .build = build_code}},
     .view = signed_in,
     .redirect = "/",
     .again = CODE_PATH},
    {.method = "POST",
     .path = "/sign-out",
     .roles = OWN,
     .calls = {PAGE_CALL("out", "Accounts/SignOut", "")},
     .view = signed_out,
     .redirect = "/sign-in?done=signed-out"},
    {.method = "GET",
     .path = "/account",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("factor", "Accounts/ShowSecondFactor", ""),
               PAGE_CALL("open_now", "Accounts/ListSessions", "")},
     .template = "account",
     .view = shape_account},
    {.method = "POST",
     .path = "/account/sessions/end",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("ended", "Accounts/EndSession", "id={form.id}")},
     .redirect = "/account?done=session-ended",
     .again = "/account"},
    {.method = "POST",
     .path = "/account/sessions/end-others",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("ended", "Accounts/EndOtherSessions", "")},
     .redirect = "/account?done=sessions-ended",
     .again = "/account"},
    {.method = "GET",
     .path = "/account/passphrase",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("open_now", "Accounts/ListSessions", "")},
     .template = "account_passphrase",
     .view = shape_account},
    {.method = "POST",
     .path = "/account/passphrase",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("changed", "Accounts/ChangePassphrase", "old={form.old} new={form.new}")},
     .redirect = "/account?done=passphrase",
     .again = "/account/passphrase"},
    {.method = "GET", .path = FACTOR_PATH, .roles = OWN, FACTOR_SHOWN},
    {.method = "POST",
     .path = FACTOR_PATH "/begin",
     .roles = OWN,
     .calls = {PAGE_CALL("factor", "Accounts/BeginSecondFactor", "")},
     .redirect = FACTOR_PATH,
     .again = FACTOR_PATH},
    {.method = "POST",
     .path = FACTOR_PATH,
     .roles = OWN,
     .calls = {PAGE_CALL("recovery", "Accounts/ConfirmSecondFactor", "code={form.code}")},
     .view = show_codes,
     .redirect = FACTOR_PATH,
     .again = FACTOR_PATH},
    {.method = "GET", .path = FACTOR_PATH "/codes", .roles = ROLE_ANY, FACTOR_SHOWN},
    {.method = "POST",
     .path = FACTOR_PATH "/codes",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("recovery", "Accounts/NewRecoveryCodes", "code={form.code}")},
     .view = show_codes,
     .redirect = FACTOR_PATH,
     .again = FACTOR_PATH},
    {.method = "POST",
     .path = FACTOR_PATH "/remove",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("factor", "Accounts/RemoveSecondFactor", "code={form.code}")},
     .redirect = "/account?done=second-factor-off",
     .again = FACTOR_PATH},
    {.method = NULL},
};
