/* A request on its way: its body in, its call, its answer out. */
#include "hub/serve/http_internal.h"

#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/domain/account.h"
#include "hub/serve/http_answer.h"
#include "maillon/api/v1/accounts.pb-c.h"
#include "maillon/api/v1/node.pb-c.h"
#include <stdlib.h>

#define CHUNK_BYTES    16384 /* of an answer: one TLS record */
#define SEND_TIMEOUT_S 30    /* a reader that takes nothing for so long is gone */

static void http_request_free(struct request *request)
{
    if (!request)
        return;
    request->http->bodies -= request->counted;
    secret_wipe(&request->caller, sizeof(request->caller));
    if (request->body.data)
        secret_wipe(request->body.data, request->body.len); /* may hold a passphrase */
    pages_http_free(request->page);
    buf_done(&request->body);
    buf_done(&request->answer);
    free(request);
}

/* The request leaves the connection; a call that runs keeps it until its answer. */
void http_request_drop(struct http_conn *conn)
{
    struct request *request = TAKE(conn->request);
    if (!request)
        return;
    request->conn = NULL;
    if (!request->asking && (!request->started || request->answer_at))
        http_request_free(request);
}

/* Answers. */

/* Writes on while lws takes it. @return -1 for lws to close, as after a whole answer that says so.
 */
int http_send_some(struct http_conn *conn)
{
    struct request *request = conn->request;
    struct buf *answer = &request->answer;
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_TIMEOUT_S);
    while (request->answer_at < answer->len) {
        if (lws_send_pipe_choked(conn->wsi)) {
            lws_callback_on_writable(conn->wsi);
            return 0;
        }
        size_t left = answer->len - request->answer_at;
        size_t chunk = left < CHUNK_BYTES ? left : CHUNK_BYTES;
        enum lws_write_protocol kind = chunk == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP;
        if (lws_write(conn->wsi, answer->data + request->answer_at, chunk, kind) < (int)chunk)
            return -1;
        request->answer_at += chunk;
    }
    if (request->refused && request->skip > 0 && !conn->http->draining)
        return 0;
    bool keep_alive = request->keep_alive && !conn->http->draining;
    http_request_drop(conn);
    if (!keep_alive)
        return -1;
    return lws_http_transaction_completed(conn->wsi) ? -1 : 0;
}

struct request *http_request_new(struct http_conn *conn)
{
    struct request *request = mem_alloc(sizeof(*request));
    request->conn = conn;
    request->http = conn->http;
    conn->request = request;
    return request;
}

int http_answer_now(struct http_conn *conn, unsigned status, const char *type, struct bytes body,
                    bool with_body, bool keep_alive)
{
    struct request *request = conn->request ? conn->request : http_request_new(conn);
    request->keep_alive = keep_alive;
    http_answer_begin(&request->answer, status, type, body.len, keep_alive);
    if (with_body)
        buf_add_bytes(&request->answer, body);
    request->answer_at = LWS_PRE;
    return http_send_some(conn);
}

/* Before dispatch: what follows on this connection cannot be trusted, so it is closed. */
int http_refuse(struct http_conn *conn, unsigned status, enum err_code code, const char *message)
{
    struct err err = {0};
    AUTO(buf_done) struct buf body = {0};
    COUNT(conn->http->config.counters, refused_http, 1);
    err_set(&err, code, "%s", message);
    rpc_error_body(&err, &body);
    return http_answer_now(conn, status, "application/json", buf_bytes(&body), true, false);
}

/* Calls. */

/* The text of a MetricsResponse, or of an HsdsResponse, which has the same field. */
static void answer_text(struct request *request, const struct reply *reply)
{
    Maillon__Api__V1__MetricsResponse *answer =
        maillon__api__v1__metrics_response__unpack(NULL, reply->body.len, reply->body.data);
    struct bytes text = bytes_text(answer ? answer->text : "");
    http_answer_begin(&request->answer, answer ? 200 : 500, request->text_type, text.len,
                      request->keep_alive);
    buf_add_bytes(&request->answer, text);
    if (answer)
        maillon__api__v1__metrics_response__free_unpacked(answer, NULL);
}

/* The answer is ready: it goes out when lws has room. */
void http_answer_later(struct request *request)
{
    request->answer_at = LWS_PRE;
    /* It was stopped when more came behind the body. */
    if (!request->keep_alive)
        lws_rx_flow_control(request->conn->wsi, LWS_RXFLOW_REASON_APPLIES_ENABLE |
                                                    LWS_RXFLOW_REASON_USER_BOOL |
                                                    LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
    lws_callback_on_writable(request->conn->wsi);
}

void http_on_reply(void *ctx, const struct reply *reply)
{
    struct request *request = ctx;
    if (!request->conn) {
        http_request_free(request);
        return;
    }
    if (request->text_type && reply->ok) {
        answer_text(request, reply);
    } else {
        http_answer_begin(&request->answer, reply->http_status, reply->content_type,
                          reply->body.len, request->keep_alive);
        buf_add_bytes(&request->answer, reply->body);
    }
    http_answer_later(request);
}

static void on_page(void *ctx, const struct page_reply *reply)
{
    struct request *request = ctx;
    if (!request->conn) {
        http_request_free(request);
        return;
    }
    pages_http_answer(&request->answer, reply, !request->head_only, request->keep_alive,
                      lws_is_ssl(request->conn->wsi));
    http_answer_later(request);
}

void http_show_page(struct request *request)
{
    request->started = true;
    pages_http_handle(request->page, request->http->config.pages, buf_bytes(&request->body),
                      on_page, request);
}

void http_refuse_page(struct request *request, unsigned status, const char *error, size_t skip)
{
    COUNT(request->http->config.counters, refused_http, 1);
    request->refused = true;
    request->skip = skip;
    request->keep_alive = false;
    pages_http_refuse(request->page, status, error);
    http_show_page(request);
}

/* Whoever may not send so much is told so; what still comes is thrown away. */
static void refuse_body(struct request *request, const struct err *err)
{
    unsigned status = err->code == ERR_LIMIT ? 503 : rpc_http_status(err->code);
    AUTO(buf_done) struct buf body = {0};
    if (request->page) {
        size_t rest = request->is_whole ? 0 : request->length - request->body.len;
        http_refuse_page(request, status,
                         err->code == ERR_UNSIGNED ? "signed_out" : rpc_connect_code(err->code),
                         rest);
        return;
    }
    rpc_error_body(err, &body);
    COUNT(request->http->config.counters, refused_http, 1);
    request->refused = true;
    request->keep_alive = false;
    http_answer_begin(&request->answer, status, "application/json", body.len, false);
    buf_add_bytes(&request->answer, buf_bytes(&body));
    http_answer_later(request);
}

static bool has_role(const struct reply *reply, unsigned roles)
{
    Maillon__Api__V1__Account *account =
        maillon__api__v1__account__unpack(NULL, reply->body.len, reply->body.data);
    bool yes = account && !account->must_protect && (account_roles_parse(account->role) & roles);
    if (account)
        maillon__api__v1__account__free_unpacked(account, NULL);
    return yes;
}

/* The whole body is here. */
static void start(struct request *request)
{
    if (request->page) {
        http_show_page(request);
    } else {
        request->started = true;
        rpc_call(request->http->config.rpc, request->path, request->encoding,
                 buf_bytes(&request->body), &request->caller, http_on_reply, request);
    }
    secret_wipe(&request->caller, sizeof(request->caller));
    if (request->body.data)
        secret_wipe(request->body.data, request->body.len);
    buf_done(&request->body);
}

static void on_asked(void *ctx, const struct reply *reply)
{
    struct request *request = ctx;
    struct http *http = request->http;
    struct err err = reply->err;
    request->asking = false;
    if (reply->ok && request->for_roles && !has_role(reply, request->for_roles))
        err_set(&err, ERR_DENIED, "this account's role does not allow it");
    else if (reply->ok && http->bodies + request->length > HTTP_BODIES_MAX)
        err_set(&err, ERR_LIMIT, "too many large requests at once; try again later");
    if (!request->conn) {
        http_request_free(request);
    } else if (err.code != ERR_NONE) {
        refuse_body(request, &err);
    } else {
        http->bodies += request->counted = request->length;
        lws_rx_flow_control(request->conn->wsi, LWS_RXFLOW_REASON_APPLIES_ENABLE |
                                                    LWS_RXFLOW_REASON_USER_BOOL |
                                                    LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
        if (request->is_whole)
            start(request);
    }
}

void http_ask_first(struct request *request)
{
    struct caller caller = {0};
    request->asking = true;
    lws_rx_flow_control(request->conn->wsi, 0);
    if (request->page)
        pages_http_copy_session(request->page, caller.bearer);
    else
        memcpy(caller.bearer, request->caller.bearer, sizeof(caller.bearer));
    rpc_call(request->http->config.rpc, "/maillon.api.v1.Accounts/WhoAmI", ENCODING_PROTO,
             (struct bytes){NULL, 0}, &caller, on_asked, request);
    secret_wipe(&caller, sizeof(caller));
}

int http_on_body(struct http_conn *conn, const void *data, size_t len)
{
    struct request *request = conn->request;
    if (request && request->refused) {
        request->skip -= len < request->skip ? len : request->skip;
        return 0;
    }
    if (request && request->skip > 0) {
        if (len > request->skip)
            return -1;
        request->skip -= len;
        return 0;
    }
    if (!request || request->started || len > request->length - request->body.len)
        return -1;
    if (len > 0)
        buf_add(&request->body, data, len);
    return 0;
}

int http_on_body_complete(struct http_conn *conn)
{
    struct request *request = conn->request;
    if (request && request->refused) {
        request->skip = 0;
        return request->answer_at > 0 && request->answer_at == request->answer.len ? -1 : 0;
    }
    if (!request || request->skip > 0 ||
        (!request->started && request->body.len != request->length))
        return -1;
    if (request->asking) {
        request->is_whole = true;
        return 0;
    }
    if (request->started) {
        /* lws says so again for bytes behind the body: answer the first request, then close. */
        if (!request->answer_at) {
            request->keep_alive = false;
            lws_rx_flow_control(conn->wsi, 0);
        }
        return 0;
    }
    start(request);
    return 0;
}
