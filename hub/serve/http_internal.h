#pragma once
/* Connections and their requests, for http*.c alone: http.c has connections, http_request.c what is
 * under way on one, http_route.c what is asked for. */
#include "hub/base/list.h"
#include "hub/serve/http.h"
#include "hub/serve/pages_http.h"

#define HTTP_PATH_SIZE  256
#define HTTP_BODIES_MAX (160ULL << 20) /* of all requests under way: two imports and some calls */

struct request {
    struct http_conn *conn; /* NULL: it went while the call ran */
    struct http *http;
    char path[HTTP_PATH_SIZE];
    enum encoding encoding;
    struct caller caller;
    struct pages_http *page; /* NULL: a call */
    bool head_only;          /* HEAD of a page */
    struct buf body;
    size_t length;         /* what Content-Length said */
    size_t counted;        /* of it in `bodies`: nothing before it is known who sends it */
    bool started;          /* the whole body is here, the call was made */
    size_t skip;           /* of a body that is not taken: read and thrown away */
    bool asking;           /* whether this caller may send so much; the body waits */
    unsigned for_roles;    /* … which only these may; 0: whoever is signed in */
    bool is_whole;         /* the whole body came while it was asked */
    bool refused;          /* answered at once; what `skip` says may still come before it ends */
    const char *text_type; /* the text inside the answer is what was asked for; NULL: all of it */
    bool keep_alive;
    struct buf answer; /* LWS_PRE bytes, then head and body */
    size_t answer_at;  /* 0: no answer yet */
};

struct http_conn { /* one a connection, links and watchers too: keep it small */
    struct list list;
    struct http *http;
    struct lws *wsi;
    struct request *request;
    bool is_local, is_client;
};

struct http {
    struct http_config config;
    struct list fresh;   /* nothing asked yet, oldest first */
    struct list serving; /* HTTP */
    struct list others;  /* WebSockets */
    size_t connections, clients;
    uint64_t bodies; /* bytes promised by the requests under way */
    bool adopting, draining;
};

/* http.c */
/** Counts the connection as a client's. @return false: max_clients are there. */
NODISCARD bool http_conn_admit(struct http_conn *conn);
/** Where a request comes from, for limits. */
void http_read_address(const struct http_conn *conn, char ret[CALLER_ADDRESS]);

/* http_request.c; what returns int returns it to lws. */
struct request *http_request_new(struct http_conn *conn);
/** The request leaves the connection; a call that runs keeps it until its answer. */
void http_request_drop(struct http_conn *conn);
int http_send_some(struct http_conn *conn);
int http_answer_now(struct http_conn *conn, unsigned status, const char *type, struct bytes body,
                    bool with_body, bool keep_alive);
/** Before dispatch: what follows on this connection cannot be trusted, so it is closed. */
int http_refuse(struct http_conn *conn, unsigned status, enum err_code code, const char *message);
/** The answer in `request` goes out when lws has room. */
void http_answer_later(struct request *request);
/** rpc_done whose ctx is a request. */
void http_on_reply(void *ctx, const struct reply *reply);
void http_show_page(struct request *request);
/** A page says at once that the body is not taken; with `skip` of it read, so that the answer is
 * seen.
 * @param error  as pages_http_refuse() has it. */
void http_refuse_page(struct request *request, unsigned status, const char *error, size_t skip);
/** A large body is on its way: it waits, and counts for nothing, until it is known who sends it. */
void http_ask_first(struct request *request);
int http_on_body(struct http_conn *conn, const void *data, size_t len);
int http_on_body_complete(struct http_conn *conn);

/* http_route.c */
int http_on_request(struct http_conn *conn, const char *uri, size_t len);
