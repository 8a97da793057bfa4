/* test_pages.c: requests to pages over a database in memory: who sees what, forms, cookies. */
#include "hub/store/stmt.h"
#include "hub/web/embedded.h"
#include "hub/web/pages_internal.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/browser_fixture.h"

static void every_row_of_the_table_can_be_shown_and_called(void **state)
{
    struct browser *browser = *state;
    for (const struct page *const *table = page_tables; *table; table++) {
        for (const struct page *page = *table; page->method; page++) {
            bool is_post = strcmp(page->method, "POST") == 0;
            if (is_post != (page->redirect != NULL) ||
                !is_post != (page->template || page->sends_file) ||
                (page->template && page->sends_file))
                fail_msg("%s %s: a GET has a template or sends a file, a POST has a redirect",
                         page->method, page->path);
            AUTO(buf_done) struct buf again = {0};
            json_t *values =
                json_pack("{s:{s:s, s:s, s:s}}", "path", "id", "x", "code", "x", "uid", "x");
            value_fill_path(page->again ? page->again : "/", values, &again);
            json_decref(values);
            again.len = strcspn(buf_text(&again), "?");
            if (!route_find("GET", buf_text(&again), NULL))
                fail_msg("%s: no page at %s to show again", page->path, page->again);
            for (size_t i = 0; i < PAGE_CALLS_MAX && page->calls[i].method; i++) {
                char path[128];
                snprintf(path, sizeof(path), "/maillon.api.v1.%s", page->calls[i].method);
                if (!rpc_knows(browser->api.rpc, path) || !page->calls[i].as)
                    fail_msg("%s %s: no method %s", page->method, page->path, path);
            }
        }
    }
}

static void a_visitor_is_sent_to_sign_in_and_back(void **state)
{
    struct browser *browser = *state;
    api_add_user(&browser->api, "marie", "caseworker", PASSPHRASE);
    get(browser, "/account", "");
    expect_redirect(browser, "/sign-in?next=/account");
    const char *page = get(browser, "/sign-in", "next=%2Faccount");
    assert_int_equal(browser->status, 200);
    assert_non_null(strstr(page, "name=\"next\" value=\"/account\""));
    assert_non_null(strstr(page, "CCAS &lt;test&gt;"));
    post(browser, "/sign-in", "name=marie&passphrase=quatre+mots+bien+choisis&next=%2Faccount");
    expect_redirect(browser, "/account");
    assert_true(has_header(browser, "; HttpOnly; SameSite=Lax\r\n"));
    page = get(browser, "/account", "");
    assert_int_equal(browser->status, 200);
    assert_non_null(strstr(page, "marie"));
}

/* Marie, who has an account, on a browser that knows nobody; `field` and `value` go along. */
static void sign_in_anew(struct browser *browser, const char *field, const char *value)
{
    char fields[300];
    snprintf(fields, sizeof(fields), "name=marie&passphrase=quatre+mots+bien+choisis%s%s", field,
             value);
    browser->cookie[0] = '\0';
    get(browser, "/sign-in", "");
    post(browser, "/sign-in", fields);
}

static void nobody_is_led_to_another_site_after_sign_in(void **state)
{
    struct browser *browser = *state;
    static const char *const places[] = {"%2F%2Fevil.example", "https%3A%2F%2Fevil.example",
                                         "%2F%5Cevil.example", "%2F%0D%0Aevil", "x"};
    api_add_user(&browser->api, "marie", "caseworker", PASSPHRASE);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        sign_in_anew(browser, "&next=", places[i]);
        expect_redirect(browser, "/");
    }
}

static void a_wrong_passphrase_keeps_the_name_and_says_so(void **state)
{
    struct browser *browser = *state;
    api_add_user(&browser->api, "marie", "caseworker", PASSPHRASE);
    get(browser, "/sign-in", "");
    const char *page = post(browser, "/sign-in", "name=marie&passphrase=faux+faux+faux+faux");
    assert_int_equal(browser->status, 401);
    assert_non_null(strstr(page, "value=\"marie\""));
    assert_null(strstr(page, "faux"));
    assert_non_null(strstr(page, "role=\"alert\""));
    for (int i = 0; i < 12; i++)
        page = post(browser, "/sign-in", "name=marie&passphrase=faux+faux+faux+faux");
    assert_int_equal(browser->status, 429);
}

static void the_home_page_shows_what_the_role_may_see(void **state)
{
    struct browser *browser = *state;
    sign_in(browser, "caseworker");
    const char *page = get(browser, "/", "");
    assert_int_equal(browser->status, 200);
    assert_non_null(strstr(page, "id=\"waiting\""));
    assert_non_null(strstr(page, "action=\"/directory\""));
    assert_non_null(strstr(page, "/referrals"));
    assert_null(strstr(page, "href=\"/admin"));
    assert_true(has_header(browser, "Cache-Control: no-store\r\n"));
    assert_true(has_header(browser, "Referrer-Policy: no-referrer\r\n"));
    assert_true(
        has_header(browser, "Content-Security-Policy: default-src 'none'; script-src 'self'"));
}

static void a_coordinator_sees_notices_and_no_referrals(void **state)
{
    struct browser *browser = *state;
    sign_in(browser, "coordinator");
    const char *page = get(browser, "/", "");
    assert_int_equal(browser->status, 200);
    assert_null(strstr(page, "href=\"/referrals"));
    assert_non_null(strstr(page, "href=\"/notices\""));
}

static void whom_people_look_for_stands_in_no_address(void **state)
{
    struct browser *browser = *state;
    sign_in(browser, "caseworker");
    const char *page = get(browser, "/referrals", "words=Awa");
    assert_int_equal(browser->status, 200);
    assert_null(strstr(page, "value=\"Awa\"")); /* an old link looks for nobody */
    assert_non_null(strstr(page, "method=\"post\" action=\"/referrals\""));
    assert_non_null(strstr(page, "data-live=\"referral\""));
    page = post(browser, "/referrals", "words=Awa&status=requested");
    assert_int_equal(browser->status, 200);
    assert_non_null(strstr(page, "value=\"Awa\""));
    assert_null(strstr(page, "data-live")); /* the address of this page shows another list */
    assert_null(strstr(page, "?words="));
    assert_null(strstr(page, "&amp;words="));
    assert_null(strstr(buf_text(&browser->headers), "Awa"));
}

static void a_form_without_the_token_of_this_session_does_nothing(void **state)
{
    struct browser *browser = *state;
    static const struct {
        const char *why, *body, *origin, *fetch_site;
    } cases[] = {
        {"no token", "x=1", "https://hub.example", "same-origin"},
        {"token of nobody", "csrf=0000000000000000000000000000000000000000000000000000000000000000",
         "https://hub.example", "same-origin"},
        {"right token, other origin", NULL, "https://evil.example", ""},
        {"right token, other site", NULL, "null", "cross-site"},
        {"right token, neighbour", NULL, "https://hub.example", "same-site"},
    };
    sign_in(browser, "caseworker");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char csrf[80];
        get(browser, "/account", "");
        read_csrf(browser, csrf);
        ask(browser, (struct page_request){.is_post = true,
                                           .path = "/sign-out",
                                           .body = bytes_text(cases[i].body ? cases[i].body : csrf),
                                           .content_type = FORM,
                                           .host = "hub.example",
                                           .origin = cases[i].origin,
                                           .fetch_site = cases[i].fetch_site});
        if (browser->status != 403)
            fail_msg("%s: %u", cases[i].why, browser->status);
        get(browser, "/account", "");
        assert_int_equal(browser->status, 200);
    }
}

static void a_form_left_open_too_long_is_shown_again_with_what_was_typed(void **state)
{
    struct browser *browser = *state;
    const char *page =
        ask(browser, (struct page_request){.is_post = true,
                                           .path = "/sign-in",
                                           .body = bytes_text("csrf=old&name=marie&passphrase=x"),
                                           .content_type = FORM,
                                           .fetch_site = "same-origin"});
    assert_int_equal(browser->status, 403);
    assert_non_null(strstr(page, "value=\"marie\""));
    assert_non_null(strstr(page, "role=\"alert\""));
}

static void what_was_typed_outlives_the_session(void **state)
{
    struct browser *browser = *state;
    struct err err = {0};
    api_add_user(&browser->api, "alix", "admin", PASSPHRASE);
    sign_in(browser, "admin");
    get(browser, "/admin/users", "");
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(browser->api.store, "DELETE FROM token", &err);
    assert_true(stmt && stmt_run(stmt, &err));
    const char *page = post(browser, "/admin/users", "name=No%C3%A9mie+%3Cb%3E&role=caseworker");
    assert_int_equal(browser->status, 401);
    assert_non_null(strstr(page, "action=\"/sign-in\""));
    assert_non_null(strstr(page, "name=\"kept\" value=\"{"));
    assert_null(strstr(page, "csrf&quot;"));
    page = post(browser, "/sign-in",
                "name=marie&passphrase=quatre+mots%20bien+choisis&next=%2Fadmin%2Fusers"
                "&kept_path=%2Fadmin%2Fusers&kept=%7B%22name%22%3A%22No%C3%A9mie+%3Cb%3E%22%7D");
    assert_int_equal(browser->status, 200);
    assert_non_null(strstr(page, "value=\"No\xc3\xa9mie &lt;b&gt;\""));
    assert_non_null(strstr(page, "href=\"/account\""));
}

static void what_was_kept_can_only_fill_a_form_of_ours(void **state)
{
    struct browser *browser = *state;
    static const char *const kept[] = {
        "&kept_path=%2F%2Fevil.example&kept=%7B%7D", "&kept_path=%2Fadmin%2Fusers&kept=%7B%7D",
        "&kept_path=%2Fnothing&kept=%7B%7D", "&kept_path=%2Fnotices&kept=%5B%5D",
        "&kept_path=%2Fnotices&kept=nonsense"};
    api_add_user(&browser->api, "marie", "secretary", PASSPHRASE);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        sign_in_anew(browser, "", kept[i]);
        assert_true(browser->status == 303 || browser->status == 404);
        assert_false(has_header(browser, "evil"));
    }
}

static void signing_out_ends_the_session_here_and_on_the_hub(void **state)
{
    struct browser *browser = *state;
    char cookie[512];
    sign_in(browser, "caseworker");
    memcpy(cookie, browser->cookie, sizeof(cookie));
    get(browser, "/account", "");
    post(browser, "/sign-out", "");
    expect_redirect(browser, "/sign-in?done=signed-out");
    assert_true(has_header(browser, "Set-Cookie: maillon=; Max-Age=0"));
    const char *page = get(browser, "/sign-in", "done=signed-out");
    assert_non_null(strstr(page, "role=\"status\""));
    memcpy(browser->cookie, cookie, sizeof(cookie));
    get(browser, "/account", "");
    expect_redirect(browser, "/sign-in?next=/account");
}

static void languages_are_chosen_by_header_link_and_cookie(void **state)
{
    struct browser *browser = *state;
    assert_non_null(strstr(get(browser, "/sign-in", ""), "<html lang=\"fr\">"));
    const char *page = ask(
        browser, (struct page_request){.path = "/sign-in", .accept_language = "en-GB,fr;q=0.3"});
    assert_non_null(strstr(page, "<html lang=\"en\">"));
    assert_non_null(strstr(get(browser, "/sign-in", "lang=en&next=%2Fa"), "<html lang=\"en\">"));
    assert_non_null(
        strstr(buf_text(&browser->body), "href=\"/sign-in?lang=fr&amp;next=/a\" lang=\"fr\""));
    assert_non_null(strstr(get(browser, "/sign-in", ""), "<html lang=\"en\">"));
}

static void what_is_not_there_says_what_to_do(void **state)
{
    struct browser *browser = *state;
    static const char *const paths[] = {
        "/nothing", "/static/app.css", "/referrals/", "/sign-out", "/%2e%2e", "//", "/\xff", "/?"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *page = get(browser, paths[i], "");
        assert_int_equal(browser->status, 404);
        assert_non_null(strstr(page, "<h1>"));
        assert_non_null(strstr(page, "href=\"/\""));
    }
    const char *page = get(browser, "//elsewhere.example/x", "");
    assert_int_equal(browser->status, 404);
    assert_null(strstr(page, "\"//")); /* a link to another site, were it there */
}

static void static_files_are_kept_by_the_browser_for_good(void **state)
{
    struct browser *browser = *state;
    for (const struct embedded_asset *asset = embedded_assets; asset->name; asset++) {
        get(browser, asset->path, "");
        assert_int_equal(browser->status, 200);
        assert_int_equal(browser->body.len, asset->len);
        assert_true(has_header(browser, asset->etag));
        assert_true(has_header(browser, "immutable"));
        assert_false(has_header(browser, "Set-Cookie"));
        assert_false(has_header(browser, "Content-Encoding"));
        ask(browser,
            (struct page_request){.path = asset->path, .accept_encoding = "br, gzip;q=0.8"});
        assert_true(has_header(browser, "Content-Encoding: gzip"));
        assert_int_equal(browser->body.len, asset->gzip_len);
        assert_true(asset->gzip_len < asset->len);
        ask(browser, (struct page_request){.path = asset->path, .accept_encoding = "gzip;q=0"});
        assert_false(has_header(browser, "Content-Encoding"));
        ask(browser, (struct page_request){.path = asset->path, .if_none_match = asset->etag});
        assert_int_equal(browser->status, 304);
        assert_int_equal(browser->body.len, 0);
    }
}

static void hostile_fields_are_shown_as_text_or_refused(void **state)
{
    struct browser *browser = *state;
    const char *page = get(browser, "/sign-in", "name=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert_int_equal(browser->status, 200);
    assert_null(strstr(page, "<script>alert"));
    assert_non_null(strstr(page, "&lt;script&gt;alert(1)"));
    get(browser, "/sign-in", "name=%ff%fe");
    assert_int_equal(browser->status, 400);
    get(browser, "/sign-in", "name=%00");
    assert_int_equal(browser->status, 400);
    get(browser, "/sign-in", "=&&&%&%4&a=b=c&name[]=x");
    assert_int_equal(browser->status, 200);
    get(browser, "/sign-in", "lang=fr");
    AUTO(buf_done) struct buf many = {0};
    for (int i = 0; i <= PAGE_FIELDS_MAX; i++)
        buf_addf(&many, "f%d=1&", i);
    get(browser, "/sign-in", buf_text(&many));
    assert_int_equal(browser->status, 400);
    get(browser, "/sign-in", "");
    ask(browser, (struct page_request){.is_post = true,
                                       .path = "/sign-in",
                                       .body = bytes_text("{}"),
                                       .content_type = "application/json"});
    assert_int_equal(browser->status, 400);
}

static void cookies_over_tls_are_secure(void **state)
{
    struct browser *browser = *state;
    ask(browser, (struct page_request){.path = "/sign-in", .secure = true});
    assert_true(has_header(browser, "Set-Cookie: __Host-maillon-visit=mlt_"));
    assert_true(has_header(browser, "; Path=/; HttpOnly; SameSite=Lax; Secure\r\n"));
    /* A cookie that anybody on a connection without TLS could have set is none. */
    ask(browser,
        (struct page_request){.path = "/sign-in",
                              .secure = true,
                              .cookies = "maillon-visit=mlt_planted; maillon=mlt_planted"});
    assert_true(has_header(browser, "Set-Cookie: __Host-maillon-visit=mlt_"));
    assert_false(has_header(browser, "planted"));
}

static void a_browser_is_told_in_two_plain_words(void **state)
{
    static const struct {
        const char *user_agent, *words;
    } cases[] = {
        {"Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0", "firefox windows"},
        {"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
         "edge windows"},
        {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
         "chrome linux"},
        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1",
         "safari iphone"},
        {"Mozilla/5.0 (Linux; Android 14) SamsungBrowser/25.0 Chrome/121.0 Safari/537.36",
         "samsung android"},
        {"<script>\xff", "browser computer"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char words[SESSION_BROWSER_SIZE];
        struct err err = {0};
        browser_words(cases[i].user_agent, words);
        assert_string_equal(words, cases[i].words);
        assert_true(session_check_browser(words, &err));
    }
}

static void one_cookie_is_read_out_of_many(void **state)
{
    char out[8];
    (void)state;
    assert_true(page_cookie("a=1; maillon=x;b=2", "maillon", out, sizeof(out)));
    assert_string_equal(out, "x");
    assert_false(page_cookie("xmaillon=1; maillo=2", "maillon", out, sizeof(out)));
    assert_false(page_cookie("maillon=12345678", "maillon", out, sizeof(out)));
    assert_string_equal(out, "");
}

static void what_is_sent_waits_on_a_page_of_its_own_and_comes_back(void **state)
{
    struct browser *browser = *state;
    char id[40], path[80], held[80];
    sign_in(browser, "coordinator");
    api_call_local(&browser->api, "/maillon.api.v1.Notices/Post",
                   "{\"content\":{\"kind\":\"shortage\",\"what\":\"matelas\"}}");
    api_field(&browser->api, "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/notices/%s", id);
    get(browser, path, "");
    snprintf(path, sizeof(path), "/notices/%s/withdraw", id);
    post(browser, path, "reason=on+en+a+trouv%C3%A9");
    assert_int_equal(browser->status, 303);
    const char *at = strstr(buf_text(&browser->headers), "Location: /held/");
    assert_non_null(at);
    snprintf(held, sizeof(held), "%.*s", (int)strcspn(at + 10, "\r"), at + 10);
    assert_non_null(strstr(get(browser, held, ""), "data-countdown>10<"));
    assert_true(has_header(browser, "Refresh: 10\r\n"));
    snprintf(path, sizeof(path), "%s/undo", held);
    const char *page = post(browser, path, "");
    assert_int_equal(browser->status, 200);
    assert_non_null(strstr(page, "matelas"));
    assert_non_null(strstr(page, "class=\"flash\""));
    post(browser, path, "");
    assert_int_equal(browser->status, 404);
    browser->api.config.undo_seconds = 0;
    snprintf(path, sizeof(path), "/notices/%s", id);
    get(browser, path, "");
    snprintf(path, sizeof(path), "/notices/%s/withdraw", id);
    post(browser, path, "reason=on+en+a+trouv%C3%A9");
    snprintf(path, sizeof(path), "/notices/%s?done=withdrawn", id);
    expect_redirect(browser, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGE_TEST(every_row_of_the_table_can_be_shown_and_called),
        PAGE_TEST(a_visitor_is_sent_to_sign_in_and_back),
        PAGE_TEST(nobody_is_led_to_another_site_after_sign_in),
        PAGE_TEST(a_wrong_passphrase_keeps_the_name_and_says_so),
        PAGE_TEST(the_home_page_shows_what_the_role_may_see),
        PAGE_TEST(a_coordinator_sees_notices_and_no_referrals),
        PAGE_TEST(whom_people_look_for_stands_in_no_address),
        PAGE_TEST(a_form_without_the_token_of_this_session_does_nothing),
        PAGE_TEST(a_form_left_open_too_long_is_shown_again_with_what_was_typed),
        PAGE_TEST(what_was_typed_outlives_the_session),
        PAGE_TEST(what_was_kept_can_only_fill_a_form_of_ours),
        PAGE_TEST(what_is_sent_waits_on_a_page_of_its_own_and_comes_back),
        PAGE_TEST(signing_out_ends_the_session_here_and_on_the_hub),
        PAGE_TEST(languages_are_chosen_by_header_link_and_cookie),
        PAGE_TEST(what_is_not_there_says_what_to_do),
        PAGE_TEST(static_files_are_kept_by_the_browser_for_good),
        PAGE_TEST(hostile_fields_are_shown_as_text_or_refused),
        PAGE_TEST(cookies_over_tls_are_secure),
        cmocka_unit_test(a_browser_is_told_in_two_plain_words),
        cmocka_unit_test(one_cookie_is_read_out_of_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
