#pragma once
/* Parts of one visit, shared by pages*.c. */
#include "hub/domain/session.h"
#include "hub/web/pages.h"
#include "hub/web/template.h"

struct pages {
    struct pages_config config;
    struct template **templates; /* as embedded_templates */
    size_t template_count;
    size_t running;
};

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
    char half[TOKEN_TEXT], device[TOKEN_TEXT];
    char browser[SESSION_BROWSER_SIZE];
    bool asked_language, new_visit, new_session, new_half, new_device; /* cookies to set */
    char *path;                                                        /* as asked */
    json_t *context;
    unsigned status;          /* of the page that is shown */
    json_t *typed;            /* fields of a POST as they came */
    struct page_files *files; /* of a POST that brings some; NULL: none */
    struct page_sent *sent;   /* of a GET that answers with a file; NULL: with a page */
    char *redirect;
    const char *content; /* of a POST that shows something once */
    char *reopen;        /* of a POST that shows another form again: its path */
    unsigned refresh_s;  /* asked for again by the browser, without scripts too; 0: not */
    page_done *done;
    void *ctx;
};

void visit_free(struct page_visit *visit);

/* pages_show.c: each ends the visit. */
/** Shows `content` inside the layout. */
void visit_show(struct page_visit *visit, const char *content);
void visit_show_error(struct page_visit *visit, unsigned status, const char *code,
                      const char *detail);
void visit_redirect(struct page_visit *visit, const char *to);
/** Answers with the file of page_sent_file. */
void visit_send_file(struct page_visit *visit);

/** {code, text, detail, said} of what went wrong; the page's own words go before the general ones,
 * the sentence of the API in the page's language (said) before both. */
void visit_set_error(struct page_visit *visit, const char *content, const char *code,
                     const char *detail);
void visit_add_safety(struct buf *headers);
/** Forged requests: a token that only our own pages of this very session can hold. */
bool visit_csrf_is_right(const struct page_visit *visit, const char *session);
/** Is the request of another site? Old browsers say nothing: then the token alone decides. */
bool visit_is_foreign(const struct page_request *request);

/** Percent-encoded fields into `ret`: text, or a list of texts when a name comes again. False: not
 * UTF-8, or more than PAGE_FIELDS_MAX. */
NODISCARD bool form_parse(struct bytes text, json_t *ret);
/** One field; false: not UTF-8. */
NODISCARD bool form_add_field(json_t *ret, struct bytes name, struct bytes value);
/** Appends text percent-encoded, '/' as it is. */
void form_encode(const char *text, struct buf *out);
/** A path of this hub and nothing else: no host, no control characters. */
bool form_is_local_path(const char *path);

/** What a User-Agent says in two words, "firefox windows"; "" when it says nothing known. */
void browser_words(const char *user_agent, char ret[SESSION_BROWSER_SIZE]);

/** "a.b" inside `object`, or NULL; of a list "a.0". */
json_t *value_find(const json_t *object, const char *name);
/** Appends `pattern` with each {name} replaced by its text in `context`, percent-encoded. */
void value_fill_path(const char *pattern, json_t *context, struct buf *out);
/** The request that `send` describes, from `context`; a new object. */
json_t *value_request(const char *send, json_t *context);

/* pages_hold.c: what is sent only after some seconds. */
/** The request of Held/Hold for `request` of a call that is held. */
json_t *hold_request(struct page_visit *visit, const struct page_call *held, json_t *request);
/** The answer of Held/Hold: what the method itself answered, a new object; or NULL and `*ret_path`,
 * where the visit goes. */
json_t *hold_answer(const json_t *answer, char **ret_path);

/* pages_files.c: files of a form. */
/** Fields into `form`, files into the visit. False: not what a form of ours sends. */
NODISCARD bool files_read(struct page_visit *visit, const struct page_request *request,
                          json_t *form);
void files_free(struct page_files *files); /* NULL is fine */
struct page_sent {
    char *name, *media_type;
    struct buf data;
};
void files_free_sent(struct page_sent *sent); /* NULL is fine */
/** The call of a row with `pack`. */
void files_call(struct page_visit *visit, const struct page_call *call, const char *path,
                rpc_done *done);
/** Its answer as the others are; a new object, NULL when it cannot be read. */
json_t *files_answer(struct page_visit *visit, const char *path, const struct reply *reply);

/** The row for a method and path; its parameters go into `params`. NULL: none. */
const struct page *route_find(const char *method, const char *path, json_t *params);
/** Is there a GET page at exactly this path that `roles` may see? */
bool route_is_open(const char *path, unsigned roles);

/** {text, recovering, answered, needed} when the answer of Recovery/Status says that this hub signs
 * nothing now, for all pages; NULL: all is well. */
json_t *trouble_shape(const struct catalog *catalog, const json_t *status);
