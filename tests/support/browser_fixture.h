#pragma once
/*
 * A browser before the pages of one hub in memory: asks, keeps cookies, signs in as marie. Include
 * after <cmocka.h>.
 */
#include "hub/web/pages_internal.h"
#include "tests/support/api_fixture.h"
#include <stdio.h>
#include <stdlib.h>

#define FORM       "application/x-www-form-urlencoded"
#define PASSPHRASE "quatre mots bien choisis"

struct browser {
    struct api_fixture api;
    struct pages *pages;
    char cookie[512]; /* as it would send it back */
    /* of the last answer */
    bool answered;
    unsigned status;
    struct buf headers, body;
};

static inline int open_browser(void **state)
{
    struct browser *browser = calloc(1, sizeof(*browser));
    api_fixture_open(&browser->api);
    browser->pages = pages_create(&(struct pages_config){
        .rpc = browser->api.rpc,
        .clock = &browser->api.clock.clock,
        .random = &browser->api.random.source,
        .hub_name = "CCAS <test>",
    });
    *state = browser;
    return 0;
}

static inline int close_browser(void **state)
{
    struct browser *browser = *state;
    pages_free(browser->pages);
    api_fixture_close(&browser->api);
    buf_done(&browser->headers);
    buf_done(&browser->body);
    free(browser);
    return 0;
}

static inline void on_reply(void *ctx, const struct page_reply *reply)
{
    struct browser *browser = ctx;
    assert_false(browser->answered);
    browser->answered = true;
    browser->status = reply->status;
    browser->headers.len = browser->body.len = 0;
    buf_add_bytes(&browser->headers, reply->headers);
    buf_add_bytes(&browser->body, reply->body);
}

static inline void keep_cookies(struct browser *browser)
{
    for (const char *at = buf_text(&browser->headers); (at = strstr(at, "Set-Cookie: ")); at++) {
        char name[32] = "", kept[512] = "", old[200];
        const char *cookie = at + strlen("Set-Cookie: ");
        size_t len = strcspn(cookie, "=");
        snprintf(name, sizeof(name), "%.*s", (int)len, cookie);
        if (page_cookie(browser->cookie, name, old, sizeof(old))) {
            char *there = strstr(browser->cookie, name);
            memset(there, ' ', strcspn(there, ";"));
        }
        snprintf(kept, sizeof(kept), "%.*s; %.300s", (int)strcspn(cookie, ";"), cookie,
                 browser->cookie);
        memcpy(browser->cookie, kept, sizeof(kept));
    }
}

static inline const char *ask(struct browser *browser, struct page_request request)
{
    const char **texts[] = {&request.content_type,  &request.cookies, &request.accept_language,
                            &request.if_none_match, &request.host,    &request.origin,
                            &request.fetch_site};
    if (!request.cookies)
        request.cookies = browser->cookie;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = *texts[i] ? *texts[i] : "";
    browser->answered = false;
    pages_handle(browser->pages, &request, on_reply, browser);
    fake_executor_drain(&browser->api.executor);
    assert_true(browser->answered);
    keep_cookies(browser);
    return buf_text(&browser->body);
}

static inline const char *get(struct browser *browser, const char *path, const char *query)
{
    return ask(browser, (struct page_request){.path = path, .query = bytes_text(query)});
}

/* The hidden token of the page shown last. */
static inline void read_csrf(struct browser *browser, char out[80])
{
    const char *at = strstr(buf_text(&browser->body), "name=\"csrf\" value=\"");
    assert_non_null(at);
    snprintf(out, 80, "csrf=%.64s", at + strlen("name=\"csrf\" value=\""));
}

static inline const char *post(struct browser *browser, const char *path, const char *fields)
{
    char csrf[80], body[2048];
    read_csrf(browser, csrf);
    snprintf(body, sizeof(body), "%s&%s", csrf, fields);
    return ask(browser, (struct page_request){.is_post = true,
                                              .path = path,
                                              .body = bytes_text(body),
                                              .content_type = FORM,
                                              .host = "hub.example",
                                              .origin = "https://hub.example"});
}

static inline bool has_header(struct browser *browser, const char *text)
{
    return strstr(buf_text(&browser->headers), text);
}

static inline void expect_redirect(struct browser *browser, const char *to)
{
    char line[200];
    snprintf(line, sizeof(line), "Location: %s\r\n", to);
    if (browser->status != 303 || !has_header(browser, line))
        fail_msg("wanted %s, got %u %s %s", line, browser->status, buf_text(&browser->headers),
                 buf_text(&browser->body));
}

static inline void sign_in(struct browser *browser, const char *role)
{
    api_add_user(&browser->api, "marie", role, PASSPHRASE);
    get(browser, "/sign-in", "");
    post(browser, "/sign-in", "name=marie&passphrase=quatre+mots%20bien+choisis&next=");
    expect_redirect(browser, "/");
}

#define PAGE_TEST(f) cmocka_unit_test_setup_teardown(f, open_browser, close_browser)
