#include "hub/web/pages_internal.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/web/embedded.h"
#include "hub/web/words.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define API_PREFIX   "/maillon.api.v1."
#define API_PATH     128
#define SIGN_IN_PATH "/sign-in"
#define PROTECT_PATH "/account/second-factor"
#define KEPT_MAX     12000 /* of what was typed, as it is sent: a sign-in is taken up to 16 KiB */

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

void visit_free(struct page_visit *visit)
{
    visit->pages->running--;
    secret_wipe(&visit->caller, sizeof(visit->caller));
    secret_wipe(visit->visit_token, sizeof(visit->visit_token));
    secret_wipe(visit->half, sizeof(visit->half));
    secret_wipe(visit->device, sizeof(visit->device));
    json_decref(visit->context);
    json_decref(visit->typed);
    files_free(visit->files);
    files_free_sent(visit->sent);
    free(visit->reopen);
    free(visit->path);
    free(visit->redirect);
    free(visit);
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

static json_t *read_packed(struct page_visit *visit, const struct page_call *done,
                           const struct reply *reply)
{
    char path[API_PATH];
    snprintf(path, sizeof(path), API_PREFIX "%s", done->method);
    return files_answer(visit, path, reply);
}

/* What was typed into a form whose session is over goes along through the sign-in. */
static json_t *take_typed(struct page_visit *visit)
{
    static const char *const secrets[] = {"csrf", "passphrase", "old", "new", "code"};
    if (!visit->is_post || !visit->page || !visit->page->again || !visit->typed)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        json_object_del(visit->typed, secrets[i]);
    char *text = json_dumps(visit->typed, JSON_COMPACT);
    AUTO(buf_done) struct buf sent = {0};
    form_encode(text, &sent);
    json_t *kept = sent.len <= KEPT_MAX ? json_string(text) : NULL;
    secret_wipe(sent.data, sent.len);
    secret_wipe(text, strlen(text));
    free(text);
    return kept;
}

static void keep_and_sign_in(struct page_visit *visit, const char *next, json_t *kept)
{
    json_object_set_new(
        visit->context, "form",
        json_pack("{s:s, s:o, s:s}", "next", next, "kept", kept, "kept_path", visit->path));
    page_set_session(visit, "");
    visit->caller.roles = 0;
    json_object_del(visit->context, "account");
    visit->status = 401;
    visit_show(visit, "sign_in");
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
    json_t *kept = take_typed(visit);
    if (kept) {
        keep_and_sign_in(visit, next, kept);
        return;
    }
    form_encode(next, &to);
    visit_redirect(visit, buf_text(&to));
}

/* The form of a POST row, with what was typed. */
static void open_form(struct page_visit *visit)
{
    AUTO(buf_done) struct buf whole = {0};
    value_fill_path(visit->page->again, visit->context, &whole);
    free(visit->path);
    visit->path = mem_text(buf_text(&whole));
    visit->path[strcspn(visit->path, "?")] = '\0'; /* what the query says was typed, too */
    json_t *params = json_object();
    visit->page = route_find("GET", visit->path, params);
    assert(visit->page); /* test_pages looks up all */
    json_object_set_new(visit->context, "path", params);
    visit->call = 0;
}

/* The form that failed, with what was typed and what is wrong. */
static void show_again(struct page_visit *visit, unsigned status, const char *code,
                       const char *detail)
{
    open_form(visit);
    visit->status = status;
    visit_set_error(visit, visit->page->template, code, detail);
    next_call(visit);
}

/* Another form than the one that was posted. */
static void reopen(struct page_visit *visit)
{
    json_t *params = json_object();
    const struct page *page = route_find("POST", visit->reopen, params);
    json_object_set_new(visit->context, "path", params);
    if (!page || !page->again || (page->roles && !(page->roles & visit->caller.roles))) {
        visit_show_error(visit, 404, "not_found", "");
        return;
    }
    visit->page = page;
    open_form(visit);
    next_call(visit);
}

static void fail(struct page_visit *visit, const struct err *err)
{
    const char *code = rpc_connect_code(err->code);
    unsigned status = rpc_http_status(err->code);
    if (err->code == ERR_UNSIGNED && visit->page->roles)
        go_to_sign_in(visit);
    else if (visit->page->again)
        show_again(visit, status, code, err->msg);
    else
        visit_show_error(visit, status, code, err->msg);
}

static void on_answer(void *ctx, const struct reply *reply)
{
    struct page_visit *visit = ctx;
    const struct page_call *done = &visit->page->calls[visit->call];
    if (!reply->ok && !done->may_fail) {
        fail(visit, &reply->err);
        return;
    }
    json_t *body = !reply->ok   ? NULL
                   : done->pack ? read_packed(visit, done, reply)
                                : read_answer(reply);
    if (body && done->hold) {
        json_t *answer = hold_answer(body, &visit->redirect);
        json_decref(body);
        body = answer;
        if (!body) {
            visit_redirect(visit, visit->redirect);
            return;
        }
    }
    if (body) {
        words_add(body, visit->catalog, visit->now);
        json_object_set_new(visit->context, done->as, body);
    }
    if (!reply->ok || !done->more || !done->more(visit))
        visit->call++;
    next_call(visit);
}

static void add_account(struct page_visit *visit, json_t *account);

/* Who signed in, before the form is shown again that their session ended under. */
static void on_account_of_kept(void *ctx, const struct reply *reply)
{
    struct page_visit *visit = ctx;
    json_t *account = reply->ok ? read_answer(reply) : NULL;
    if (account)
        add_account(visit, account);
    visit_set_error(visit, NULL, "kept", ""); /* nothing was sent yet */
    reopen(visit);
}

static void finish_action(struct page_visit *visit)
{
    AUTO(buf_done) struct buf to = {0};
    if (visit->page->view)
        visit->page->view(visit);
    if (visit->reopen && visit->new_session && visit->caller.bearer[0]) {
        call(visit, "Accounts/WhoAmI", json_object(), on_account_of_kept);
        return;
    }
    if (visit->reopen) {
        reopen(visit);
        return;
    }
    if (visit->content) {
        visit_show(visit, visit->content);
        return;
    }
    if (visit->redirect)
        buf_add_text(&to, visit->redirect);
    else
        value_fill_path(visit->page->redirect, visit->context, &to);
    visit_redirect(visit, buf_text(&to));
}

static void show_page(struct page_visit *visit)
{
    if (visit->page->view)
        visit->page->view(visit);
    if (visit->page->sends_file && visit->sent)
        visit_send_file(visit);
    else if (visit->redirect)
        visit_redirect(visit, visit->redirect);
    else
        visit_show(visit, visit->page->template);
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
        if ((!next->roles || (next->roles & visit->caller.roles)) &&
            (!next->when || next->when(visit))) {
            if (next->pack) {
                char path[API_PATH];
                snprintf(path, sizeof(path), API_PREFIX "%s", next->method);
                files_call(visit, next, path, on_answer);
                return;
            }
            json_t *request =
                next->build ? next->build(visit) : value_request(next->send, visit->context);
            if (!request) { /* jansson makes nothing of what is no text */
                visit_show_error(visit, 400, "unreadable", "");
                return;
            }
            if (next->hold)
                call(visit, "Held/Hold", hold_request(visit, next, request), on_answer);
            else
                call(visit, next->method, request, on_answer);
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
        visit_show_error(visit, 404, "not_found", "");
    else if (page->roles && !visit->caller.roles)
        go_to_sign_in(visit);
    else if (page->roles && !(page->roles & ROLE_UNPROTECTED) &&
             json_is_true(value_find(visit->context, "account.mustProtect")))
        visit_redirect(visit, PROTECT_PATH);
    else if (visit->is_stale && page->again)
        show_again(visit, 403, "stale", "");
    else if (visit->is_stale)
        visit_show_error(visit, 403, "stale", "");
    else if (page->roles && !(page->roles & visit->caller.roles))
        visit_show_error(visit, 403, "permission_denied", "");
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
        visit_show_error(visit, reply->http_status, rpc_connect_code(reply->err.code), "");
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

/* Fields into the context. @return false: not what a form of ours sends. */
static bool read_fields(struct page_visit *visit, const struct page_request *request)
{
    json_t *query = json_object(), *form = json_object();
    json_object_set_new(visit->context, "query", query);
    bool ok = form_parse(request->query, query);
    if (request->is_post) {
        static const char type[] = "application/x-www-form-urlencoded";
        if (strncasecmp(request->content_type, type, sizeof(type) - 1) == 0)
            ok = ok && form_parse(request->body, form);
        else
            ok = ok && files_read(visit, request, form);
        visit->typed = json_deep_copy(form);
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
    text_copy(visit->caller.address, sizeof(visit->caller.address),
              request->address ? request->address : "");
    visit->path = mem_text(request->path);
    visit->context = json_object();
    visit->status = 200;
    visit->done = done;
    visit->ctx = ctx;
    (void)page_token(request->cookies, PAGE_COOKIE, visit->secure, visit->caller.bearer);
    (void)page_token(request->cookies, PAGE_COOKIE_VISIT, visit->secure, visit->visit_token);
    (void)page_token(request->cookies, PAGE_COOKIE_HALF, visit->secure, visit->half);
    (void)page_token(request->cookies, PAGE_COOKIE_DEVICE, visit->secure, visit->device);
    browser_words(request->user_agent ? request->user_agent : "", visit->browser);
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

/* Only what is the same for everybody goes out compressed: next to a secret of the reader, the
 * length of a compressed page would tell about it. */
static bool accepts_gzip(const struct page_request *request)
{
    const char *list = request->accept_encoding ? request->accept_encoding : "";
    const char *gzip = strstr(list, "gzip");
    return gzip && (strncmp(gzip, "gzip;q=0", 8) != 0 || gzip[8] == '.');
}

static void show_asset(const struct embedded_asset *asset, const struct page_request *request,
                       page_done *done, void *ctx)
{
    AUTO(buf_done) struct buf headers = {0};
    bool has_it = strstr(request->if_none_match, asset->etag) != NULL;
    bool gzip = accepts_gzip(request);
    buf_addf(&headers,
             "Content-Type: %s\r\nETag: W/%s\r\nVary: Accept-Encoding\r\n"
             "Cache-Control: public, max-age=31536000, immutable\r\n%s",
             asset->type, asset->etag, gzip && !has_it ? "Content-Encoding: gzip\r\n" : "");
    visit_add_safety(&headers);
    const struct page_reply reply = {
        .status = has_it ? 304 : 200,
        .headers = buf_bytes(&headers),
        .body = has_it ? BYTES_LITERAL("")
                : gzip ? bytes_of(asset->gzip, asset->gzip_len)
                       : bytes_of(asset->data, asset->len),
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
    if (request->refused) {
        if (visit->page) /* MiB a form takes with its files */
            json_object_set_new(visit->context, "upload",
                                json_integer((json_int_t)(visit->page->upload_max >> 20)));
        visit_show_error(visit, request->refused_status, request->refused, "");
        return;
    }
    if (!readable) {
        visit_show_error(visit, 400, "unreadable", "");
        return;
    }
    if (request->is_post && visit->page) {
        const char *session = visit->caller.bearer[0] ? visit->caller.bearer : visit->visit_token;
        if (visit_is_foreign(request)) {
            visit_show_error(visit, 403, "stale", "");
            return;
        }
        visit->is_stale = !visit_csrf_is_right(visit, session);
        /* What was typed is shown again only when the browser says that it was typed here. */
        if (visit->is_stale && strcmp(request->fetch_site, "same-origin") != 0) {
            visit_show_error(visit, 403, "stale", "");
            return;
        }
    }
    identify(visit);
}
