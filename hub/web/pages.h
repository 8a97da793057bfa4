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

#define PAGE_CALLS_MAX  8
#define PAGE_FIELDS_MAX 500 /* of one form */
#define PAGE_COOKIE        "maillon"
#define PAGE_COOKIE_HOST   "__Host-" /* before the names of tokens, over TLS */
#define PAGE_COOKIE_VISIT  "maillon-visit"
#define PAGE_COOKIE_HALF   "maillon-half"   /* the passphrase was right, the code is to come */
#define PAGE_COOKIE_DEVICE "maillon-device" /* has signed in before: tries of its own */
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
    /** Instead of both: the request as protobuf, for files. The files of the visit go after the last
     * of these calls. */
    void (*pack)(struct page_visit *visit, struct buf *out);
    unsigned roles; /* not called for accounts without any of these; 0: called for all */
    bool may_fail;  /* the page is shown without this answer */
    /**
     * POST: what people send, which they may take back for some seconds (option undo-seconds). The
     * method is run for trial now, so that what is wrong shows in the form; then the visit goes to
     * /held/ID and from there to the row's `redirect`, which may name {AS.id} of the answer and
     * nothing else of it. `view` is not run then. Only methods of Held/Hold, the last of its row.
     */
    bool hold;
    bool (*when)(struct page_visit *visit); /* not called when it says no; NULL: called */
    /** After an answer: the same call again, for what does not go through in one? NULL: once. */
    bool (*more)(struct page_visit *visit);
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
    const char *template;                   /* GET that shows something */
    bool sends_file;                        /* GET that answers with page_sent_file instead */
    /** May shape the context before it is shown (GET) or the redirect is made (POST). */
    void (*view)(struct page_visit *visit);
    const char *redirect; /* POST: where to go after it; {…} as in `send` */
    /** The GET page that is shown when a call of this one fails, as a rule for a POST; a query as
     * in "?service={form.service}" is for who has to sign in first. */
    const char *again;
    size_t upload_max; /* POST: takes multipart/form-data of so many bytes; 0: no files */
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
/** The text for a code of a list, "theme", "mobilite"; "": there is none. */
const char *page_word(struct page_visit *visit, const char *list, const char *code);
/** A text of an object; "" when it is not there. */
const char *page_text(const json_t *object, const char *name);
/** A number of an object: 64 bits come as text, zero not at all. */
json_int_t page_number(const json_t *object, const char *name);
/** Adds K_text and the like to what a view made itself. */
void page_add_words(struct page_visit *visit, json_t *object);
/** From now on this browser is signed in with `token`; "": signed out. */
void page_set_session(struct page_visit *visit, const char *token);
/** … or waits for the code of its second factor; "": no longer. */
void page_set_half(struct page_visit *visit, const char *token);
const char *page_half(const struct page_visit *visit);
/** This browser has signed in: what it shows when it does so again. */
void page_set_device(struct page_visit *visit, const char *token);
const char *page_device(const struct page_visit *visit);
/** "firefox windows", out of what the browser says of itself. */
const char *page_browser(const struct page_visit *visit);
/** Instead of the row's redirect, or of a GET's template: a path of this hub. */
void page_redirect(struct page_visit *visit, const char *path);
/** POST: shows `content` now instead of going on, for what is shown once and kept nowhere. A GET
 * page at the same path answers who comes back. */
void page_show(struct page_visit *visit, const char *content);
/** POST: shows the form again that posts to `path`, with `typed` in it (taken; as a form was
 * posted, without the csrf). */
void page_reopen(struct page_visit *visit, const char *path, json_t *typed);
/** GET: the browser asks for the page again after so many seconds. */
void page_refresh(struct page_visit *visit, unsigned seconds);
/** What went wrong, in the words of the page that is shown: Connect's code and the API's sentence.
 */
void page_set_error(struct page_visit *visit, const char *code, const char *detail);
/** {{request_key}} of a form: what it sends once, however often it is pressed. The one that was
 * sent when the form is shown again, else a new one. */
void page_add_request_key(struct page_visit *visit);

/**
 * GET: instead of the template goes a file, which the browser saves and does not show. Its bytes so
 * far, to add to; borrowed. The first call makes it: `media_type` (of a list of ours: it is not
 * looked at) and `name` count then.
 */
struct buf *page_sent_file(struct page_visit *visit, const char *name, const char *media_type);

/** A file that came with the form, in the order of the form; borrowed. */
struct bytes page_file(struct page_visit *visit, size_t at, const char **ret_field,
                       const char **ret_name);
size_t page_file_count(const struct page_visit *visit);

/* For serve/. */

struct page_request { /* borrowed; copied */
    bool is_post;
    const char *path;
    struct bytes query; /* "a=b&c=d", percent-encoded */
    struct bytes body;  /* of a POST */
    const char *content_type;
    const char *cookies; /* header values; "" when absent */
    const char *accept_language;
    const char *accept_encoding; /* NULL or "": nothing compressed */
    const char *if_none_match;
    const char *host, *origin, *fetch_site;
    const char *refused; /* NULL, or the error that is all to say: the body was not kept */
    unsigned refused_status;
    const char *user_agent; /* NULL or "": not known */
    const char *address;    /* of the browser, for limits; NULL or "": not known */
    bool secure;            /* the browser speaks TLS with us or with the proxy in front */
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
/** Bytes that the form at this path takes with its files, 0: none, and who may send them. */
size_t pages_upload_max(const char *path, unsigned *ret_roles);
/** One cookie of a Cookie header. @return false and "" when absent or it does not fit. */
bool page_cookie(const char *cookies, const char *name, char *out, size_t size);
/**
 * A token out of the cookie `name`, which over TLS is called "__Host-" and `name`: no other host of
 * the domain, and nobody on a connection without TLS, can have set it. @return false and "": there
 * is none, or it is no token.
 */
bool page_token(const char *cookies, const char *name, bool secure, char ret[TOKEN_TEXT]);
