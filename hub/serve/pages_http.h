#pragma once
/* Pages on HTTP: a request's head into page_request, a page_reply into an answer. No rules here. */
#include "hub/web/pages.h"
#include <libwebsockets.h>

/** Everything of a request's head that pages look at; held while the body comes. */
struct pages_http;

/**
 * @param path  without the query; copied, as all of the head is. @param address  of who asks.
 * @return NULL: a header does not fit.
 */
NODISCARD struct pages_http *pages_http_read(struct lws *wsi, bool is_post, const char *path,
                                             bool secure, const char *address);
void pages_http_free(struct pages_http *head); /* NULL is fine */
AUTO_DEFINE(struct pages_http, pages_http_free)
/** Its body is not kept, and a page says why. @param error  "error.…" of the texts; borrowed. */
void pages_http_refuse(struct pages_http *head, unsigned status, const char *error);
/** Does it show a session's cookie? Whether that is good is seen later. */
bool pages_http_has_session(const struct pages_http *head);
/** Its token; "" when there is none. */
void pages_http_copy_session(const struct pages_http *head, char ret[TOKEN_TEXT]);
void pages_http_handle(const struct pages_http *head, struct pages *pages, struct bytes body,
                       page_done *done, void *ctx);
/** Starts the answer in `out`, as http_answer_begin does, and adds the body when `with_body`.
 * @param is_tls  TLS ends here: the browser shall never come without it again. */
void pages_http_answer(struct buf *out, const struct page_reply *reply, bool with_body,
                       bool keep_alive, bool is_tls);
/** The session cookie of a WebSocket that comes from a page of ours; false: there is none. */
NODISCARD bool pages_http_session(struct lws *wsi, char ret[TOKEN_TEXT]);
