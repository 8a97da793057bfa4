/* What a visit answers: the page inside the layout, errors, redirects, cookies, and the token that
 * our own forms carry. */
#include "hub/web/pages_internal.h"

#include "hub/base/text.h"
#include "hub/crypto/digest.h"
#include "hub/crypto/secret.h"
#include "hub/web/embedded.h"
#include "hub/web/sentences.h"
#include <stdio.h>

#define LAYOUT         "layout"
#define ERROR_TEMPLATE "error"
#define CSRF_FIELD     "csrf"
#define CSRF_TEXT      65
#define COOKIE_YEAR_S  (365 * 86400)
#define COOKIE_S       (12 * 3600) /* as SESSION_LIFETIME_MS: each page pushes the end */
#define COOKIE_HALF_S  (HALF_SESSION_MS / 1000)
#define COOKIE_RULES   "; Path=/; HttpOnly; SameSite=Lax"
#define CONTENT_POLICY                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "     \
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"

static void add_cookie(struct buf *out, const struct page_visit *visit, const char *name,
                       const char *value, long max_age_s)
{
    buf_addf(out, "Set-Cookie: %s=%s; Max-Age=%ld" COOKIE_RULES "%s\r\n", name, value,
             value[0] ? max_age_s : 0, visit->secure ? "; Secure" : "");
}

static void add_token(struct buf *out, const struct page_visit *visit, const char *name,
                      const char *value, long max_age_s)
{
    char full[40];
    snprintf(full, sizeof(full), "%s%s", visit->secure ? PAGE_COOKIE_HOST : "", name);
    add_cookie(out, visit, full, value, max_age_s);
}

static void add_cookies(struct buf *out, const struct page_visit *visit)
{
    bool signed_in = visit->caller.bearer[0];
    if (signed_in || visit->new_session)
        add_token(out, visit, PAGE_COOKIE, visit->caller.bearer, COOKIE_S);
    if (visit->new_visit)
        add_token(out, visit, PAGE_COOKIE_VISIT, visit->visit_token, COOKIE_S);
    if (visit->new_half)
        add_token(out, visit, PAGE_COOKIE_HALF, visit->half, COOKIE_HALF_S);
    if (visit->new_device)
        add_token(out, visit, PAGE_COOKIE_DEVICE, visit->device, COOKIE_YEAR_S);
    if (visit->asked_language)
        add_cookie(out, visit, PAGE_COOKIE_SPEAKS, visit->catalog->code, COOKIE_YEAR_S);
}

void visit_add_safety(struct buf *out)
{
    buf_add_text(out, "X-Content-Type-Options: nosniff\r\n"
                      "Referrer-Policy: no-referrer\r\n"
                      "Cross-Origin-Opener-Policy: same-origin\r\n"
                      "Cross-Origin-Resource-Policy: same-origin\r\n"
                      "Permissions-Policy: camera=(), microphone=(), geolocation=(self)\r\n"
                      "Content-Security-Policy: " CONTENT_POLICY "\r\n");
}

/* Calls back and lets go. */
static void answer(struct page_visit *visit, unsigned status, struct buf *headers,
                   struct bytes body)
{
    struct page_reply reply = {.status = status, .body = body};
    buf_add_text(headers, "Cache-Control: no-store\r\n");
    add_cookies(headers, visit);
    visit_add_safety(headers);
    reply.headers = buf_bytes(headers);
    visit->done(visit->ctx, &reply);
    visit_free(visit);
}

void visit_redirect(struct page_visit *visit, const char *to)
{
    AUTO(buf_done) struct buf headers = {0};
    buf_addf(&headers, "Location: %s\r\nContent-Type: text/plain; charset=utf-8\r\n", to);
    answer(visit, 303, &headers, BYTES_LITERAL(""));
}

/* RFC 6266: the name in UTF-8 (RFC 8187), which all browsers read. Never shown: whoever made the
 * file is not of this hub. */
void visit_send_file(struct page_visit *visit)
{
    AUTO(buf_done) struct buf headers = {0};
    buf_addf(&headers, "Content-Type: %s\r\nContent-Disposition: attachment; filename*=UTF-8''",
             visit->sent->media_type);
    form_encode(visit->sent->name, &headers);
    buf_add_text(&headers, "\r\n");
    answer(visit, 200, &headers, buf_bytes(&visit->sent->data));
}

/* Forged requests: a token that only our own pages of this very session can hold. */

static void csrf_token(const char *session, char out[CSRF_TEXT])
{
    uint8_t mac[32];
    digest_hmac(bytes_text(session), BYTES_LITERAL("maillon csrf v1"), mac);
    hex_encode(bytes_of(mac, sizeof(mac)), out);
}

bool visit_csrf_is_right(const struct page_visit *visit, const char *session)
{
    char right[CSRF_TEXT];
    const char *got = page_value((struct page_visit *)(uintptr_t)visit, "form." CSRF_FIELD);
    csrf_token(session, right);
    return session[0] && secret_equal(bytes_text(got), bytes_of(right, CSRF_TEXT - 1));
}

/* Is the request of another site? Old browsers say nothing: then the token alone decides. */
bool visit_is_foreign(const struct page_request *request)
{
    if (request->fetch_site[0])
        return strcmp(request->fetch_site, "same-origin") != 0 &&
               strcmp(request->fetch_site, "none") != 0;
    const char *origin = request->origin, *name = strstr(origin, "://");
    /* "null" is what Referrer-Policy: no-referrer makes of our own forms. */
    if (!origin[0] || strcmp(origin, "null") == 0)
        return false;
    return !name || strcasecmp(name + 3, request->host) != 0;
}

/* Showing. */

static const struct template *find_template(const struct pages *pages, const char *name)
{
    for (size_t i = 0; i < pages->template_count; i++)
        if (strcmp(embedded_templates[i].name, name) == 0)
            return pages->templates[i];
    return NULL;
}

struct shown { /* the page inside the layout */
    const struct pages *pages;
    const char *content;
};

static const struct template *find_partial(void *ctx, const char *name)
{
    const struct shown *shown = ctx;
    return find_template(shown->pages, strcmp(name, "content") == 0 ? shown->content : name);
}

static void add_assets(json_t *context)
{
    json_t *assets = json_object();
    for (const struct embedded_asset *asset = embedded_assets; asset->name; asset++)
        json_object_set_new(assets, asset->name, json_string(asset->path));
    json_object_set_new(context, "asset", assets);
}

static bool is_here(const struct page_link *link, const char *path)
{
    size_t len = strlen(link->path);
    if (len == 1)
        return strcmp(path, link->path) == 0;
    return strncmp(path, link->path, len) == 0 && (!path[len] || path[len] == '/');
}

static void add_navigation(struct page_visit *visit)
{
    json_t *links = json_array(), *open = json_object();
    char key[64];
    for (const struct page_link *link = page_navigation; link->key; link++) {
        if (!visit->caller.roles || !route_is_open(link->path, visit->caller.roles))
            continue;
        json_object_set_new(open, link->key, json_true());
        snprintf(key, sizeof(key), "nav.%s", link->key);
        json_array_append_new(links,
                              json_pack("{s:s, s:s, s:s, s:b}", "key", link->key, "path",
                                        link->path, "text", catalog_text(visit->catalog, key, 1),
                                        "here", is_here(link, visit->path)));
    }
    json_object_set_new(visit->context, "nav", links);
    json_object_set_new(visit->context, "open", open);
}

/* The same page in the other languages; a form that failed goes back to its own page. */
static void add_languages(struct page_visit *visit)
{
    json_t *languages = json_array();
    for (enum language i = 0; i < LANGUAGE_COUNT; i++) {
        AUTO(buf_done) struct buf href = {0};
        const char *name;
        json_t *value;
        form_encode(form_is_local_path(visit->path) ? visit->path : "/", &href);
        buf_addf(&href, "?lang=%s", catalog_of(i)->code);
        json_object_foreach(json_object_get(visit->context, "query"), name, value)
        {
            if (visit->is_post || strcmp(name, "lang") == 0 || !json_is_string(value))
                continue;
            buf_add_text(&href, "&");
            form_encode(name, &href);
            buf_add_text(&href, "=");
            form_encode(json_string_value(value), &href);
        }
        json_array_append_new(
            languages, json_pack("{s:s, s:s, s:s, s:b}", "code", catalog_of(i)->code, "name",
                                 catalog_text(catalog_of(i), "language.name", 1), "href",
                                 buf_text(&href), "current", catalog_of(i) == visit->catalog));
    }
    json_object_set_new(visit->context, "languages", languages);
}

/* What ?done=CODE of a redirect says. */
static void add_flash(struct page_visit *visit)
{
    char key[64];
    snprintf(key, sizeof(key), "done.%s", page_value(visit, "query.done"));
    if (catalog_has(visit->catalog, key))
        json_object_set_new(visit->context, "flash",
                            json_string(catalog_text(visit->catalog, key, 1)));
}

static void add_title(struct page_visit *visit, const char *content)
{
    char key[64];
    if (json_object_get(visit->context, "title"))
        return;
    snprintf(key, sizeof(key), "title.%s", content);
    json_object_set_new(visit->context, "title", json_string(catalog_text(visit->catalog, key, 1)));
}

static void add_csrf(struct page_visit *visit)
{
    char token[CSRF_TEXT];
    if (!visit->caller.bearer[0] && !visit->visit_token[0]) {
        uint8_t unused[32];
        token_create(visit->pages->config.random, visit->visit_token, unused);
        visit->new_visit = true;
    }
    csrf_token(visit->caller.bearer[0] ? visit->caller.bearer : visit->visit_token, token);
    json_object_set_new(visit->context, CSRF_FIELD, json_string(token));
}

/* Shows `content` inside the layout and ends the visit. */
void visit_show(struct page_visit *visit, const char *content)
{
    AUTO(buf_done) struct buf headers = {0}, body = {0};
    struct shown shown = {visit->pages, content};
    const struct template_env env = {find_partial, &shown, visit->catalog};
    struct err err = {0};
    add_assets(visit->context);
    add_navigation(visit);
    add_languages(visit);
    add_flash(visit);
    add_title(visit, content);
    add_csrf(visit);
    if (!template_render(find_template(visit->pages, LAYOUT), &env, visit->context, &body, &err)) {
        body.len = 0;
        visit->status = 500;
        buf_add_text(&body, catalog_text(visit->catalog, "error.internal", 1));
    }
    buf_addf(&headers, "Content-Type: text/html; charset=utf-8\r\nContent-Language: %s\r\n",
             visit->catalog->code);
    if (visit->refresh_s)
        buf_addf(&headers, "Refresh: %u\r\n", visit->refresh_s);
    answer(visit, visit->status, &headers, buf_bytes(&body));
}

/* {code, text, detail, said} of what went wrong; the page's own words go before the general ones,
 * the sentence of the API in the page's language (said) before both. */
static void add_value(void *ctx, const char *name, struct buf *out)
{
    const json_t *value = value_find(ctx, name);
    if (json_is_integer(value))
        buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_string(value))
        buf_add_text(out, json_string_value(value));
}

void visit_set_error(struct page_visit *visit, const char *content, const char *code,
                     const char *detail)
{
    AUTO(buf_done) struct buf said = {0}, text = {0};
    char key[96];
    bool is_said = sentence_say(visit->catalog, detail, &said);
    snprintf(key, sizeof(key), "error.%s.%s", content ? content : "", code);
    if (!content || !catalog_has(visit->catalog, key))
        snprintf(key, sizeof(key), "error.%s", code);
    catalog_fill(catalog_text(visit->catalog, key, 1), add_value, visit->context, &text);
    json_object_set_new(visit->context, "error",
                        json_pack("{s:s, s:s, s:s, s:s}", "code", code, "text", buf_text(&text),
                                  "detail", detail, "said", is_said ? buf_text(&said) : ""));
}

void visit_show_error(struct page_visit *visit, unsigned status, const char *code,
                      const char *detail)
{
    char title[64];
    visit->status = status;
    visit_set_error(visit, NULL, code, detail);
    snprintf(title, sizeof(title), "title.error.%u", status);
    if (!catalog_has(visit->catalog, title))
        snprintf(title, sizeof(title), "title.error");
    json_object_set_new(visit->context, "title",
                        json_string(catalog_text(visit->catalog, title, 1)));
    visit_show(visit, ERROR_TEMPLATE);
}
