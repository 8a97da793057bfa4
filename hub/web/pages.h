#pragma once
/*
 * The pages people see: one table row a page, API calls in process, one template. Pages hold no
 * rule; what an account may do is decided by the API (hub/api/rpc.h).
 *
 * To add a page:
 *  1. templates/NAME.mustache holds what goes inside <main>; layout.mustache puts the rest around.
 *  2. A row in pages_AREA.c (list a new file in pages_table.c and meson.build):
 *         {.method = "GET", .path = "/referrals/:id", .roles = ROLE_CASEWORKER,
 *          .calls = {PAGE_CALL("referral", "Referrals/Get", "id={path.id}")}, .template =
 * "referral"},
 *         {.method = "POST", .path = "/referrals/:id/accept", .roles = ROLE_CASEWORKER,
 *          .calls = {PAGE_CALL("done", "Referrals/Act",
 *                     "id={path.id} action=accept contactName={form.contact_name}")},
 *          .redirect = "/referrals/{path.id}?done=accepted", .again = "/referrals/{path.id}"},
 *     A POST that fails shows the `again` page with {{error}} and what was typed in {{form}}.
 *  3. Its texts in lang/fr.po and lang/en.po, used as {{t.KEY}}: "title.NAME" is the page's title,
 *     "done.CODE" what ?done=CODE says, "error.CODE" or "error.NAME.CODE" (CODE: of Connect,
 *     "not_found") what went wrong, "nav.KEY" a word of the navigation (page_navigation).
 *  Every form has {{>csrf}} inside and posts application/x-www-form-urlencoded.
 *
 * What a template finds: each call's answer under its name; path, form (typed values, or the query
 * of a GET), error {code, text, detail}, account {name, role}, role.caseworker …, hub.name, lang,
 * url, asset.NAME_EXT, open.KEY (pages of the navigation that this account may see). To every value
 * K of answers and form are added (hub/web/words.h): K_text   time: "mardi 24 novembre à 14 h 05";
 * code: the text of key "K.CODE", as in "urgency.normal"; number: the text of key "count.K", with
 * plural K_ago    time: "il y a 2 h", "dans 3 jours" K_is     code: {{#urgency_is.normal}} K_has
 * list of codes: {{#action_has.accept}};  K_any, K_count of any list
 */
#include "hub/api/rpc.h"
#include "hub/web/catalog.h"
#include <jansson.h>

#define PAGE_CALLS_MAX     6
#define PAGE_FIELDS_MAX    500 /* of one form */
#define PAGE_COOKIE        "maillon"
#define PAGE_COOKIE_VISIT  "maillon-visit"
#define PAGE_COOKIE_SPEAKS "maillon-lang"

struct page_visit; /* one request on its way */

struct page_call {
    const char *as;     /* name of the answer in the template */
    const char *method; /* "Referrals/Get" */
    /**
     * The request, "id={path.id} limit=7 person.name={form.name}": fields by their JSON names,
     * values as in templates. Empty values are left out. "f[]=" is a list, "f?=" true when the
     * value is not empty, "f=true" true.
     */
    const char *send;
    json_t *(*build)(struct page_visit *visit); /* instead of `send`; a new object */
    unsigned roles; /* not called for accounts without any of these; 0: called for all */
    bool may_fail;  /* the page is shown without this answer */
};

/** PAGE_CALL("claims", "Notices/ListClaims", "openOnly=true", .roles = ROLE_COORDINATOR) */
#define PAGE_CALL(as_, method_, send_, ...)                        \
    {                                                              \
        .as = as_, .method = method_, .send = send_, ##__VA_ARGS__ \
    }

struct page {
    const char *method;                     /* "GET" (HEAD too) or "POST" */
    const char *path;                       /* ":name" stands for one segment */
    unsigned roles;                         /* any of these sees the page; 0: public */
    struct page_call calls[PAGE_CALLS_MAX]; /* one after the other; ended by an empty row */
    const char *template;                   /* GET */
    /** May shape the context before it is shown (GET) or the redirect is made (POST). */
    void (*view)(struct page_visit *visit);
    const char *redirect; /* POST: where to go after it; {…} as in `send` */
    const char *again;    /* POST: the GET page that is shown when a call fails */
};

struct page_link { /* of the navigation; shown when its page exists and the account may see it */
    const char *key;
    const char *path;
};
extern const struct page_link page_navigation[]; /* ends with a row whose key is NULL */
/** The tables of all areas; each ends with a row whose method is NULL, the list with NULL. */
extern const struct page *const page_tables[];

/* For `view` and `build`. */

/** What the template will see; borrowed, may be changed. */
json_t *page_context(struct page_visit *visit);
/** "form.need", "path.id", "referral.status"; "" when it is not there or no text. */
const char *page_value(struct page_visit *visit, const char *name);
const struct catalog *page_catalog(const struct page_visit *visit);
/** Adds K_text and the like to what a view made itself. */
void page_add_words(struct page_visit *visit, json_t *object);
/** From now on this browser is signed in with `token`; "": signed out. */
void page_set_session(struct page_visit *visit, const char *token);
/** Instead of the row's redirect: a path of this hub. */
void page_redirect(struct page_visit *visit, const char *path);
/** POST: shows `content` now instead of going on, for what is shown once and kept nowhere. A GET
 * page at the same path answers who comes back. */
void page_show(struct page_visit *visit, const char *content);
/** {{request_key}} of a form: what it sends once, however often it is pressed. The one that was
 * sent when the form is shown again, else a new one. */
void page_add_request_key(struct page_visit *visit);

/* For serve/. */

struct page_request { /* borrowed; copied */
    bool is_post;
    const char *path;
    struct bytes query; /* "a=b&c=d", percent-encoded */
    struct bytes body;  /* of a POST */
    const char *content_type;
    const char *cookies; /* header values; "" when absent */
    const char *accept_language;
    const char *if_none_match;
    const char *host, *origin, *fetch_site;
    bool secure; /* the browser speaks TLS with us or with the proxy in front */
};
struct page_reply { /* borrowed for the callback */
    unsigned status;
    struct bytes headers; /* whole lines with CRLF, without Content-Length and Connection */
    struct bytes body;
};
typedef void page_done(void *ctx, const struct page_reply *reply);

struct pages_config {
    struct rpc *rpc;
    const struct clock *clock;
    const struct random_source *random;
    const char *hub_name; /* borrowed */
};
struct pages;
NODISCARD struct pages *pages_create(const struct pages_config *config);
void pages_free(struct pages *pages); /* only when nothing is under way */
AUTO_DEFINE(struct pages, pages_free)
/** Answers any path, once, on the loop; `done` may be called before pages_handle returns. */
void pages_handle(struct pages *pages, const struct page_request *request, page_done *done,
                  void *ctx);
/** One cookie of a Cookie header. @return false and "" when absent or it does not fit. */
bool page_cookie(const char *cookies, const char *name, char *out, size_t size);
