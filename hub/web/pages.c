#include "hub/web/pages_internal.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/digest.h"
#include "hub/crypto/secret.h"
#include "hub/web/embedded.h"
#include "hub/web/sentences.h"
#include "hub/web/words.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define API_PREFIX     "/maillon.api.v1."
#define API_PATH       128
#define SIGN_IN_PATH   "/sign-in"
#define LAYOUT         "layout"
#define ERROR_TEMPLATE "error"
#define CSRF_FIELD     "csrf"
#define CSRF_TEXT      65
#define COOKIE_YEAR_S  (365 * 86400)
#define COOKIE_S       (12 * 3600) /* as SESSION_LIFETIME_MS: each page pushes the end */
#define COOKIE_RULES   "; Path=/; HttpOnly; SameSite=Lax"
#define CONTENT_POLICY                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "     \
    "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"

struct page_visit {
    struct pages *pages;
    const struct page *page; /* whose calls run: the POST, or the GET page that is shown */
    size_t call;             /* index of the one under way */
    const struct catalog *catalog;
    struct wall now;
    struct caller caller; /* bearer: the session cookie, once it is known to be good */
    char visit_token[TOKEN_TEXT];
    bool is_post, secure;
    bool is_stale; /* a form of ours without the token of this session */
    bool asked_language, new_visit, new_session; /* cookies to set */
    char *path;                                  /* as asked */
    json_t *context;
    unsigned status; /* of the page that is shown */
    char *redirect;
    const char *content; /* of a POST that shows something once */
    page_done *done;
    void *ctx;
};

/* Start and end. */

struct pages *pages_create(const struct pages_config *config)
{
    struct pages *pages = mem_alloc(sizeof(*pages));
    struct err err = {0};
    pages->config = *config;
    while (embedded_templates[pages->template_count].name)
        pages->template_count++;
    pages->templates = mem_alloc((pages->template_count + 1) * sizeof(*pages->templates));
    for (size_t i = 0; i < pages->template_count; i++) {
        pages->templates[i] =
            template_compile(bytes_of(embedded_templates[i].text, embedded_templates[i].len), &err);
        assert(pages->templates[i]); /* test_pages compiles all */
    }
    return pages;
}

void pages_free(struct pages *pages)
{
    if (!pages)
        return;
    assert(pages->running == 0);
    for (size_t i = 0; i < pages->template_count; i++)
        template_free(pages->templates[i]);
    free(pages->templates);
    free(pages);
}

static void visit_free(struct page_visit *visit)
{
    visit->pages->running--;
    secret_wipe(&visit->caller, sizeof(visit->caller));
    secret_wipe(visit->visit_token, sizeof(visit->visit_token));
    json_decref(visit->context);
    free(visit->path);
    free(visit->redirect);
    free(visit);
}

/* For rows of the table. */

json_t *page_context(struct page_visit *visit)
{
    return visit->context;
}

const char *page_value(struct page_visit *visit, const char *name)
{
    const char *text = json_string_value(value_find(visit->context, name));
    return text ? text : "";
}

const struct catalog *page_catalog(const struct page_visit *visit)
{
    return visit->catalog;
}

void page_add_words(struct page_visit *visit, json_t *object)
{
    words_add(object, visit->catalog, visit->now);
}

void page_set_session(struct page_visit *visit, const char *token)
{
    text_copy(visit->caller.bearer, sizeof(visit->caller.bearer), token);
    visit->new_session = true;
}

void page_redirect(struct page_visit *visit, const char *path)
{
    if (!form_is_local_path(path))
        return;
    free(visit->redirect);
    visit->redirect = mem_text(path);
}

void page_show(struct page_visit *visit, const char *content)
{
    visit->content = content;
}

void page_add_request_key(struct page_visit *visit)
{
    char key[TOKEN_TEXT];
    uint8_t unused[32];
    const char *typed = visit->is_post ? page_value(visit, "form.request_key") : "";
    token_create(visit->pages->config.random, key, unused);
    json_object_set_new(visit->context, "request_key", json_string(*typed ? typed : key));
}

/* Answers. */

static void add_cookie(struct buf *out, const struct page_visit *visit, const char *name,
                       const char *value, long max_age_s)
{
    buf_addf(out, "Set-Cookie: %s=%s; Max-Age=%ld" COOKIE_RULES "%s\r\n", name, value, max_age_s,
             visit->secure ? "; Secure" : "");
}

static void add_cookies(struct buf *out, const struct page_visit *visit)
{
    bool signed_in = visit->caller.bearer[0];
    if (signed_in || visit->new_session)
        add_cookie(out, visit, PAGE_COOKIE, visit->caller.bearer, signed_in ? COOKIE_S : 0);
    if (visit->new_visit)
        add_cookie(out, visit, PAGE_COOKIE_VISIT, visit->visit_token, COOKIE_S);
    if (visit->asked_language)
        add_cookie(out, visit, PAGE_COOKIE_SPEAKS, visit->catalog->code, COOKIE_YEAR_S);
}

static void add_safety(struct buf *out)
{
    buf_add_text(out, "X-Content-Type-Options: nosniff\r\n"
                      "Referrer-Policy: no-referrer\r\n"
                      "Content-Security-Policy: " CONTENT_POLICY "\r\n");
}

/* Calls back and lets go. */
static void answer(struct page_visit *visit, unsigned status, struct buf *headers,
                   struct bytes body)
{
    struct page_reply reply = {.status = status, .body = body};
    buf_add_text(headers, "Cache-Control: no-store\r\n");
    add_cookies(headers, visit);
    add_safety(headers);
    reply.headers = buf_bytes(headers);
    visit->done(visit->ctx, &reply);
    visit_free(visit);
}

static void answer_redirect(struct page_visit *visit, const char *to)
{
    AUTO(buf_done) struct buf headers = {0};
    buf_addf(&headers, "Location: %s\r\nContent-Type: text/plain; charset=utf-8\r\n", to);
    answer(visit, 303, &headers, BYTES_LITERAL(""));
}

/* Forged requests: a token that only our own pages of this very session can hold. */

static void csrf_token(const char *session, char out[CSRF_TEXT])
{
    uint8_t mac[32];
    digest_hmac(bytes_text(session), BYTES_LITERAL("maillon csrf v1"), mac);
    hex_encode(bytes_of(mac, sizeof(mac)), out);
}

static bool csrf_is_right(const struct page_visit *visit, const char *session)
{
    char right[CSRF_TEXT];
    const char *got = page_value((struct page_visit *)(uintptr_t)visit, "form." CSRF_FIELD);
    csrf_token(session, right);
    return session[0] && secret_equal(bytes_text(got), bytes_of(right, CSRF_TEXT - 1));
}

/* Is the request of another site? Old browsers say nothing: then the token alone decides. */
static bool is_foreign(const struct page_request *request)
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
        form_encode(visit->path, &href);
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
static void show(struct page_visit *visit, const char *content)
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
    answer(visit, visit->status, &headers, buf_bytes(&body));
}

/* {code, text, detail, said} of what went wrong; the page's own words go before the general ones,
 * the sentence of the API in the page's language (said) before both. */
static void set_error(struct page_visit *visit, const char *content, const char *code,
                      const char *detail)
{
    AUTO(buf_done) struct buf said = {0};
    char key[96];
    bool is_said = sentence_say(visit->catalog, detail, &said);
    snprintf(key, sizeof(key), "error.%s.%s", content ? content : "", code);
    if (!content || !catalog_has(visit->catalog, key))
        snprintf(key, sizeof(key), "error.%s", code);
    json_object_set_new(visit->context, "error",
                        json_pack("{s:s, s:s, s:s, s:s}", "code", code, "text",
                                  catalog_text(visit->catalog, key, 1), "detail", detail, "said",
                                  is_said ? buf_text(&said) : ""));
}

static void show_error(struct page_visit *visit, unsigned status, const char *code,
                       const char *detail)
{
    char title[64];
    visit->status = status;
    set_error(visit, NULL, code, detail);
    snprintf(title, sizeof(title), "title.error.%u", status);
    if (!catalog_has(visit->catalog, title))
        snprintf(title, sizeof(title), "title.error");
    json_object_set_new(visit->context, "title",
                        json_string(catalog_text(visit->catalog, title, 1)));
    show(visit, ERROR_TEMPLATE);
}

/* Calls. */

static void next_call(struct page_visit *visit);

static void call(struct page_visit *visit, const char *method, json_t *request, rpc_done *done)
{
    char path[API_PATH], *body = json_dumps(request, JSON_COMPACT);
    snprintf(path, sizeof(path), API_PREFIX "%s", method);
    rpc_call(visit->pages->config.rpc, path, ENCODING_JSON, bytes_text(body), &visit->caller, done,
             visit);
    secret_wipe(body, strlen(body)); /* needs, names, passphrases */
    free(body);
    json_decref(request);
}

static json_t *read_answer(const struct reply *reply)
{
    json_error_t ignored;
    return json_loadb((const char *)reply->body.data, reply->body.len, 0, &ignored);
}

static void go_to_sign_in(struct page_visit *visit)
{
    AUTO(buf_done) struct buf to = {0};
    buf_add_text(&to, SIGN_IN_PATH "?next=");
    const char *next = visit->path;
    AUTO(buf_done) struct buf again = {0};
    if (visit->is_post && visit->page && visit->page->again) {
        value_fill_path(visit->page->again, visit->context, &again);
        next = buf_text(&again);
    }
    form_encode(next, &to);
    answer_redirect(visit, buf_text(&to));
}

/* The form that failed, with what was typed and what is wrong. */
static void show_again(struct page_visit *visit, unsigned status, const char *code,
                       const char *detail)
{
    AUTO(buf_done) struct buf path = {0};
    value_fill_path(visit->page->again, visit->context, &path);
    json_t *params = json_object();
    const struct page *page = route_find("GET", buf_text(&path), params);
    assert(page); /* test_pages looks up all */
    json_object_set_new(visit->context, "path", params);
    free(visit->path);
    visit->path = mem_text(buf_text(&path));
    visit->page = page;
    visit->call = 0;
    visit->status = status;
    set_error(visit, page->template, code, detail);
    next_call(visit);
}

static void fail(struct page_visit *visit, const struct err *err)
{
    const char *code = rpc_connect_code(err->code);
    unsigned status = rpc_http_status(err->code);
    bool is_action = strcmp(visit->page->method, "POST") == 0;
    if (err->code == ERR_UNSIGNED && visit->page->roles)
        go_to_sign_in(visit);
    else if (is_action && visit->page->again)
        show_again(visit, status, code, err->msg);
    else
        show_error(visit, status, code, err->msg);
}

static void on_answer(void *ctx, const struct reply *reply)
{
    struct page_visit *visit = ctx;
    const struct page_call *done = &visit->page->calls[visit->call];
    if (!reply->ok && !done->may_fail) {
        fail(visit, &reply->err);
        return;
    }
    json_t *body = reply->ok ? read_answer(reply) : NULL;
    if (body) {
        words_add(body, visit->catalog, visit->now);
        json_object_set_new(visit->context, done->as, body);
    }
    visit->call++;
    next_call(visit);
}

static void finish_action(struct page_visit *visit)
{
    AUTO(buf_done) struct buf to = {0};
    if (visit->page->view)
        visit->page->view(visit);
    if (visit->content) {
        show(visit, visit->content);
        return;
    }
    if (visit->redirect)
        buf_add_text(&to, visit->redirect);
    else
        value_fill_path(visit->page->redirect, visit->context, &to);
    answer_redirect(visit, buf_text(&to));
}

static void show_page(struct page_visit *visit)
{
    if (visit->page->view)
        visit->page->view(visit);
    show(visit, visit->page->template);
}

/* A hub that is restored, or whose clock is off, sends nothing: whoever works here has to know. */
static void on_trouble(void *ctx, const struct reply *reply)
{
    struct page_visit *visit = ctx;
    json_t *status = reply->ok ? read_answer(reply) : NULL;
    json_t *trouble = trouble_shape(visit->catalog, status);
    if (trouble)
        json_object_set_new(visit->context, "trouble", trouble);
    json_decref(status);
    show_page(visit);
}

/* The next call of the row, or what follows the last. */
static void next_call(struct page_visit *visit)
{
    const struct page *page = visit->page;
    while (visit->call < PAGE_CALLS_MAX && page->calls[visit->call].method) {
        const struct page_call *next = &page->calls[visit->call];
        if (!next->roles || (next->roles & visit->caller.roles)) {
            call(visit, next->method,
                 next->build ? next->build(visit) : value_request(next->send, visit->context),
                 on_answer);
            return;
        }
        visit->call++;
    }
    if (strcmp(page->method, "POST") == 0) {
        finish_action(visit);
        return;
    }
    if (visit->caller.roles)
        call(visit, "Recovery/Status", json_object(), on_trouble);
    else
        show_page(visit);
}

/* Who asks, then what is asked. */

static void begin(struct page_visit *visit)
{
    const struct page *page = visit->page;
    if (!page)
        show_error(visit, 404, "not_found", "");
    else if (page->roles && !visit->caller.roles)
        go_to_sign_in(visit);
    else if (visit->is_stale && page->again)
        show_again(visit, 403, "stale", "");
    else if (visit->is_stale)
        show_error(visit, 403, "stale", "");
    else if (page->roles && !(page->roles & visit->caller.roles))
        show_error(visit, 403, "permission_denied", "");
    else
        next_call(visit);
}

static void add_account(struct page_visit *visit, json_t *account)
{
    json_t *roles = json_object();
    const char *role = json_string_value(json_object_get(account, "role"));
    char text[ACCOUNT_ROLES_TEXT];
    visit->caller.roles = account_roles_parse(role ? role : "");
    for (unsigned bit = 1; bit & ROLE_ANY; bit <<= 1)
        if (visit->caller.roles & bit)
            json_object_set_new(roles, account_roles_text(bit, text), json_true());
    words_add(account, visit->catalog, visit->now);
    json_object_set_new(visit->context, "role", roles);
    json_object_set_new(visit->context, "account", account);
}

static void on_account(void *ctx, const struct reply *reply)
{
    struct page_visit *visit = ctx;
    json_t *account = reply->ok ? read_answer(reply) : NULL;
    if (account) {
        add_account(visit, account);
    } else if (reply->err.code == ERR_UNSIGNED) {
        page_set_session(visit, ""); /* over: the cookie goes */
    } else {
        show_error(visit, reply->http_status, rpc_connect_code(reply->err.code), "");
        return;
    }
    begin(visit);
}

static void identify(struct page_visit *visit)
{
    if (visit->caller.bearer[0])
        call(visit, "Accounts/WhoAmI", json_object(), on_account);
    else
        begin(visit);
}

/* Requests. */

static const struct catalog *choose_language(struct page_visit *visit,
                                             const struct page_request *request)
{
    char code[8];
    enum language language = catalog_language(page_value(visit, "query.lang"));
    visit->asked_language = language != LANGUAGE_COUNT;
    if (language == LANGUAGE_COUNT &&
        page_cookie(request->cookies, PAGE_COOKIE_SPEAKS, code, sizeof(code)))
        language = catalog_language(code);
    if (language == LANGUAGE_COUNT)
        language = catalog_accept(request->accept_language);
    return catalog_of(language);
}

/* A cookie of ours, or "": cookies come from outside, and a token goes into headers and hashes. */
static void read_token(const char *cookies, const char *name, char ret[TOKEN_TEXT])
{
    if (page_cookie(cookies, name, ret, TOKEN_TEXT) &&
        strspn(ret, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(ret))
        ret[0] = '\0';
}

/* Fields into the context. @return false: not what a form of ours sends. */
static bool read_fields(struct page_visit *visit, const struct page_request *request)
{
    json_t *query = json_object(), *form = json_object();
    json_object_set_new(visit->context, "query", query);
    bool ok = form_parse(request->query, query);
    if (request->is_post) {
        static const char type[] = "application/x-www-form-urlencoded";
        ok = ok && strncasecmp(request->content_type, type, sizeof(type) - 1) == 0 &&
             form_parse(request->body, form);
    } else {
        json_object_update(form, query);
    }
    json_object_set_new(visit->context, "form", form);
    return ok;
}

static struct page_visit *visit_create(struct pages *pages, const struct page_request *request,
                                       page_done *done, void *ctx)
{
    struct page_visit *visit = mem_alloc(sizeof(*visit));
    visit->pages = pages;
    visit->now = clock_wall(pages->config.clock);
    visit->is_post = request->is_post;
    visit->secure = request->secure;
    visit->path = mem_text(request->path);
    visit->context = json_object();
    visit->status = 200;
    visit->done = done;
    visit->ctx = ctx;
    read_token(request->cookies, PAGE_COOKIE, visit->caller.bearer);
    read_token(request->cookies, PAGE_COOKIE_VISIT, visit->visit_token);
    pages->running++;
    return visit;
}

static void add_basics(struct page_visit *visit)
{
    json_t *context = visit->context;
    json_t *form = json_object_get(context, "form");
    words_add(form, visit->catalog, visit->now);
    json_object_set_new(context, "lang", json_string(visit->catalog->code));
    json_object_set_new(context, "lang_is", json_pack("{s:b}", visit->catalog->code, 1));
    json_object_set_new(context, "hub", json_pack("{s:s}", "name", visit->pages->config.hub_name));
    json_object_set_new(context, "url", json_string(visit->path));
}

static void show_asset(const struct embedded_asset *asset, const struct page_request *request,
                       page_done *done, void *ctx)
{
    AUTO(buf_done) struct buf headers = {0};
    bool has_it = strstr(request->if_none_match, asset->etag) != NULL;
    buf_addf(&headers,
             "Content-Type: %s\r\nETag: %s\r\n"
             "Cache-Control: public, max-age=31536000, immutable\r\n",
             asset->type, asset->etag);
    add_safety(&headers);
    const struct page_reply reply = {
        .status = has_it ? 304 : 200,
        .headers = buf_bytes(&headers),
        .body = has_it ? BYTES_LITERAL("") : bytes_of(asset->data, asset->len),
    };
    done(ctx, &reply);
}

void pages_handle(struct pages *pages, const struct page_request *request, page_done *done,
                  void *ctx)
{
    for (const struct embedded_asset *asset = embedded_assets; asset->name; asset++)
        if (!request->is_post && strcmp(asset->path, request->path) == 0) {
            show_asset(asset, request, done, ctx);
            return;
        }
    struct page_visit *visit = visit_create(pages, request, done, ctx);
    bool readable = read_fields(visit, request);
    visit->catalog = choose_language(visit, request);
    json_t *params = json_object();
    json_object_set_new(visit->context, "path", params);
    add_basics(visit);
    visit->page = route_find(request->is_post ? "POST" : "GET", request->path, params);
    if (!readable) {
        show_error(visit, 400, "invalid_argument", "");
        return;
    }
    if (request->is_post && visit->page) {
        const char *session = visit->caller.bearer[0] ? visit->caller.bearer : visit->visit_token;
        if (is_foreign(request)) {
            show_error(visit, 403, "stale", "");
            return;
        }
        visit->is_stale = !csrf_is_right(visit, session);
        /* What was typed is shown again only when the browser says that it was typed here. */
        if (visit->is_stale && strcmp(request->fetch_site, "same-origin") != 0) {
            show_error(visit, 403, "stale", "");
            return;
        }
    }
    identify(visit);
}
