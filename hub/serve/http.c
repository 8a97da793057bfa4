#include "hub/serve/http.h"

#include "hub/api/hsds.h"
#include "hub/base/list.h"
#include "hub/base/mem.h"
#include "hub/crypto/certificate.h"
#include "hub/crypto/secret.h"
#include "hub/serve/http_answer.h"
#include "hub/serve/http_guard.h"
#include "hub/serve/pages_http.h"
#include "maillon/api/v1/directory.pb-c.h"
#include "maillon/api/v1/node.pb-c.h"
#include "proto/limits.h"
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define PATH_SIZE      256
#define CHUNK_BYTES    16384          /* of an answer: one TLS record */
#define SEND_TIMEOUT_S 30             /* a reader that takes nothing for so long is gone */
#define BODIES_MAX     (160ULL << 20) /* of all requests under way: two imports and some calls */
#define UNSIGNED_MAX   16384          /* of a caller who shows no token: a sign-in is far smaller */

struct request {
    struct http_conn *conn; /* NULL: it went while the call ran */
    struct http *http;
    char path[PATH_SIZE];
    enum encoding encoding;
    struct caller caller;
    struct pages_http *page; /* NULL: a call */
    bool head_only;          /* HEAD of a page */
    struct buf body;
    size_t length;         /* what Content-Length said */
    bool started;          /* the whole body is here, the call was made */
    const char *text_type; /* the text inside the answer is what was asked for; NULL: all of it */
    bool keep_alive;
    struct buf answer; /* LWS_PRE bytes, then head and body */
    size_t answer_at;  /* 0: no answer yet */
};

enum page_method { PAGE_GET, PAGE_HEAD, PAGE_POST };

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

struct http *http_create(const struct http_config *config)
{
    struct http *http = mem_alloc(sizeof(*http));
    http->config = *config;
    list_init(&http->fresh);
    list_init(&http->serving);
    list_init(&http->others);
    return http;
}

void http_free(struct http *http)
{
    free(http);
}

size_t http_connections(const struct http *http)
{
    return http->connections;
}

bool http_is_draining(const struct http *http)
{
    return http->draining;
}

struct http *http_of(struct lws *wsi)
{
    return lws_get_vhost_user(lws_get_vhost(wsi));
}

bool http_header(struct lws *wsi, enum lws_token_indexes header, char *out, size_t size)
{
    out[0] = 0;
    int len = lws_hdr_total_length(wsi, header);
    if (len <= 0)
        return true;
    if ((size_t)len >= size || lws_hdr_copy(wsi, out, (int)size, header) < 0) {
        out[0] = 0;
        return false;
    }
    return true;
}

/* Connections. */

static size_t connections_max(const struct http *http)
{
    const struct config *config = http->config.config;
    return (size_t)(config->max_clients + config->max_links + config->max_half_open);
}

static struct http_conn *conn_of(struct lws *wsi)
{
    return lws_get_opaque_user_data(wsi);
}

/* Room for one more: who has sent nothing yet gives way to who comes, the oldest first. */
static bool make_room(struct http *http)
{
    if (http->draining)
        return false;
    if (http->connections < connections_max(http))
        return true;
    COUNT(http->config.counters, refused_http, 1);
    if (list_is_empty(&http->fresh))
        return false;
    struct http_conn *oldest = list_entry(http->fresh.next, struct http_conn, list);
    list_remove(&oldest->list);
    list_add_tail(&http->others, &oldest->list); /* on its way out: not to be chosen again */
    lws_set_timeout(oldest->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    return true;
}

static void conn_open(struct http *http, struct lws *wsi)
{
    struct http_conn *conn = mem_alloc(sizeof(*conn));
    conn->http = http;
    conn->wsi = wsi;
    conn->is_local = http->adopting;
    list_add_tail(&http->fresh, &conn->list);
    http->connections++;
    lws_set_opaque_user_data(wsi, conn);
}

static void request_free(struct request *request)
{
    if (!request)
        return;
    request->http->bodies -= request->length;
    secret_wipe(&request->caller, sizeof(request->caller));
    if (request->body.data)
        secret_wipe(request->body.data, request->body.len); /* may hold a passphrase */
    pages_http_free(request->page);
    buf_done(&request->body);
    buf_done(&request->answer);
    free(request);
}

/* The request leaves the connection; a call that runs keeps it until its answer. */
static void request_drop(struct http_conn *conn)
{
    struct request *request = TAKE(conn->request);
    if (!request)
        return;
    request->conn = NULL;
    if (!request->started || request->answer_at)
        request_free(request);
}

static void conn_close(struct lws *wsi)
{
    struct http_conn *conn = conn_of(wsi);
    if (!conn)
        return;
    lws_set_opaque_user_data(wsi, NULL);
    request_drop(conn);
    list_remove(&conn->list);
    conn->http->connections--;
    if (conn->is_client)
        conn->http->clients--;
    free(conn);
}

static bool admit(struct http_conn *conn)
{
    struct http *http = conn->http;
    if (conn->is_client)
        return true;
    /* The operator gets in when the house is full. */
    if (!conn->is_local && http->clients >= (size_t)http->config.config->max_clients)
        return false;
    conn->is_client = true;
    http->clients++;
    return true;
}

bool http_admit_client(struct lws *wsi)
{
    struct http_conn *conn = conn_of(wsi);
    return conn && !conn->http->draining && admit(conn);
}

void http_let_go(struct lws *wsi)
{
    struct http_conn *conn = conn_of(wsi);
    if (!conn)
        return;
    list_remove(&conn->list);
    list_add_tail(&conn->http->others, &conn->list);
}

void http_adopt(struct http *http, struct net *net, int fd)
{
    http->adopting = true;
    if (!make_room(http))
        close(fd);
    else if (!net_adopt_local(net, fd))
        COUNT(http->config.counters, refused_unix, 1);
    http->adopting = false;
}

static void kill_idle(struct list *list)
{
    list_each_safe (item, next, list) {
        struct http_conn *conn = list_entry(item, struct http_conn, list);
        if (!conn->request)
            lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    }
}

void http_drain(struct http *http)
{
    http->draining = true;
    kill_idle(&http->fresh);
    kill_idle(&http->serving);
}

/* Who asks. */

bool http_caller(struct lws *wsi, struct caller *ret)
{
    static const char user[] = "maillon-user:";
    const struct http_conn *conn = conn_of(wsi);
    char authorization[256];
    memset(ret, 0, sizeof(*ret));
    if (!conn ||
        !http_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, authorization, sizeof(authorization)))
        return false;
    bool ok = true;
    if (authorization[0])
        ok = http_guard_bearer(authorization, ret->bearer);
    else if (conn->is_local) {
        ret->local = true;
        int len = lws_hdr_custom_length(wsi, user, sizeof(user) - 1);
        if (len > 0)
            ok = len < ACCOUNT_NAME_SIZE &&
                 lws_hdr_custom_copy(wsi, ret->name, sizeof(ret->name), user, sizeof(user) - 1) > 0;
    }
    secret_wipe(authorization, sizeof(authorization));
    return ok;
}

/* Answers. */

/* Writes on while lws takes it. @return -1 for lws to close, as after a whole answer that says so.
 */
static int send_some(struct http_conn *conn)
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
    bool keep_alive = request->keep_alive && !conn->http->draining;
    request_drop(conn);
    if (!keep_alive)
        return -1;
    return lws_http_transaction_completed(conn->wsi) ? -1 : 0;
}

static struct request *request_new(struct http_conn *conn)
{
    struct request *request = mem_alloc(sizeof(*request));
    request->conn = conn;
    request->http = conn->http;
    conn->request = request;
    return request;
}

static int answer_now(struct http_conn *conn, unsigned status, const char *type, struct bytes body,
                      bool with_body, bool keep_alive)
{
    struct request *request = conn->request ? conn->request : request_new(conn);
    request->keep_alive = keep_alive;
    http_answer_begin(&request->answer, status, type, body.len, keep_alive);
    if (with_body)
        buf_add_bytes(&request->answer, body);
    request->answer_at = LWS_PRE;
    return send_some(conn);
}

/* Before dispatch: what follows on this connection cannot be trusted, so it is closed. */
static int refuse(struct http_conn *conn, unsigned status, enum err_code code, const char *message)
{
    struct err err = {0};
    AUTO(buf_done) struct buf body = {0};
    COUNT(conn->http->config.counters, refused_http, 1);
    err_set(&err, code, "%s", message);
    rpc_error_body(&err, &body);
    return answer_now(conn, status, "application/json", buf_bytes(&body), true, false);
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
static void answer_later(struct request *request)
{
    request->answer_at = LWS_PRE;
    /* It was stopped when more came behind the body. */
    if (!request->keep_alive)
        lws_rx_flow_control(request->conn->wsi, LWS_RXFLOW_REASON_APPLIES_ENABLE |
                                                    LWS_RXFLOW_REASON_USER_BOOL |
                                                    LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
    lws_callback_on_writable(request->conn->wsi);
}

static void on_reply(void *ctx, const struct reply *reply)
{
    struct request *request = ctx;
    if (!request->conn) {
        request_free(request);
        return;
    }
    if (request->text_type && reply->ok) {
        answer_text(request, reply);
    } else {
        http_answer_begin(&request->answer, reply->http_status, reply->content_type,
                          reply->body.len, request->keep_alive);
        buf_add_bytes(&request->answer, reply->body);
    }
    answer_later(request);
}

static void on_page(void *ctx, const struct page_reply *reply)
{
    struct request *request = ctx;
    if (!request->conn) {
        request_free(request);
        return;
    }
    pages_http_answer(&request->answer, reply, !request->head_only, request->keep_alive);
    answer_later(request);
}

static void show_page(struct request *request)
{
    request->started = true;
    pages_http_handle(request->page, request->http->config.pages, buf_bytes(&request->body),
                      on_page, request);
}

static int on_body(struct http_conn *conn, const void *data, size_t len)
{
    struct request *request = conn->request;
    if (!request || request->started || len > request->length - request->body.len)
        return -1;
    if (len > 0)
        buf_add(&request->body, data, len);
    return 0;
}

static int on_body_complete(struct http_conn *conn)
{
    struct request *request = conn->request;
    if (!request || (!request->started && request->body.len != request->length))
        return -1;
    if (request->started) {
        /* lws says so again for bytes behind the body: answer the first request, then close. */
        if (!request->answer_at) {
            request->keep_alive = false;
            lws_rx_flow_control(conn->wsi, 0);
        }
        return 0;
    }
    if (request->page) {
        show_page(request);
    } else {
        request->started = true;
        rpc_call(request->http->config.rpc, request->path, request->encoding,
                 buf_bytes(&request->body), &request->caller, on_reply, request);
    }
    secret_wipe(&request->caller, sizeof(request->caller));
    if (request->body.data)
        secret_wipe(request->body.data, request->body.len);
    buf_done(&request->body);
    return 0;
}

/* What comes for pages; POST: its body follows. */
static int begin_page(struct http_conn *conn, const char *path, enum page_method method,
                      uint64_t length, bool keep_alive)
{
    struct http *http = conn->http;
    bool secure = http->config.config->tls_proxied || lws_is_ssl(conn->wsi);
    AUTO(pages_http_free)
    struct pages_http *page = pages_http_read(conn->wsi, method == PAGE_POST, path, secure);
    if (!page)
        return refuse(conn, 400, ERR_INVALID, "a header of the request is too long");
    if (length > API_REQUEST_MAX || (length > UNSIGNED_MAX && !pages_http_has_session(page)))
        return refuse(conn, 413, ERR_LIMIT, "the request is too large");
    if (http->bodies + length > BODIES_MAX)
        return refuse(conn, 503, ERR_LIMIT, "too many large requests at once; try again later");
    struct request *request = request_new(conn);
    request->page = TAKE(page);
    request->head_only = method == PAGE_HEAD;
    request->keep_alive = keep_alive;
    request->length = (size_t)length;
    http->bodies += length;
    if (method != PAGE_POST)
        show_page(request);
    return 0;
}

static size_t body_max(const char *path)
{
    return strcmp(path, "/maillon.api.v1.Directory/Import") == 0 ? API_IMPORT_MAX : API_REQUEST_MAX;
}

static bool may_send_much(const struct caller *caller)
{
    return caller->local || caller->bearer[0];
}

static int begin_call(struct http_conn *conn, const char *path, bool has_length, uint64_t length,
                      bool keep_alive)
{
    struct http *http = conn->http;
    struct lws *wsi = conn->wsi;
    char type[64], expect[32];
    enum encoding encoding;
    struct caller caller;
    if (!rpc_knows(http->config.rpc, path))
        return refuse(conn, 404, ERR_UNSUPPORTED, "no such method");
    if (!has_length)
        return refuse(conn, 411, ERR_INVALID, "Content-Length is missing");
    if (!http_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, type, sizeof(type)) ||
        !http_guard_encoding(type, &encoding))
        return refuse(conn, 415, ERR_INVALID,
                      "Content-Type is neither application/json nor application/proto");
    if (!http_header(wsi, WSI_TOKEN_HTTP_EXPECT, expect, sizeof(expect)) ||
        (expect[0] && strcasecmp(expect, "100-continue") != 0))
        return refuse(conn, 417, ERR_INVALID, "cannot do what Expect asks for");
    if (!http_caller(wsi, &caller))
        return refuse(conn, 401, ERR_UNSIGNED, "cannot read who is asking; use Bearer and a token");
    if (length > body_max(path) || (length > UNSIGNED_MAX && !may_send_much(&caller)))
        return refuse(conn, 413, ERR_LIMIT, "the request is too large");
    if (http->bodies + length > BODIES_MAX)
        return refuse(conn, 503, ERR_LIMIT, "too many large requests at once; try again later");
    struct request *request = request_new(conn);
    snprintf(request->path, sizeof(request->path), "%s", path);
    request->encoding = encoding;
    request->caller = caller;
    request->keep_alive = keep_alive;
    request->length = (size_t)length;
    http->bodies += length;
    secret_wipe(&caller, sizeof(caller));
    if (expect[0] && length > 0) {
        static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
        unsigned char out[LWS_PRE + sizeof(go)];
        memcpy(out + LWS_PRE, go, sizeof(go));
        if (lws_write(wsi, out + LWS_PRE, sizeof(go) - 1, LWS_WRITE_HTTP) < 0)
            return -1;
    }
    return 0; /* the body follows, also an empty one */
}

/* Pages. */

static bool may_see_metrics(struct http_conn *conn)
{
    const struct http_config *config = &conn->http->config;
    char address[INET6_ADDRSTRLEN];
    if (!config->config->metrics)
        return false;
    if (conn->is_local)
        return true;
    net_peer_address(conn->wsi, address, sizeof(address));
    /* Behind a proxy everybody comes from loopback. */
    return !config->config->tls_proxied &&
           (strcmp(address, "::1") == 0 || strncmp(address, "127.", 4) == 0);
}

static int show_metrics(struct http_conn *conn, bool keep_alive)
{
    static const struct caller operator= {.local = true};
    struct request *request = request_new(conn);
    request->text_type = "text/plain; version=0.0.4; charset=utf-8";
    request->started = true;
    request->keep_alive = keep_alive;
    rpc_call(conn->http->config.rpc, "/maillon.api.v1.Node/Metrics", ENCODING_PROTO,
             (struct bytes){NULL, 0}, &operator, on_reply, request);
    return 0;
}

/* R-DI-2: the signed entry and the key log, for whoever asks; a hint until the hash matches. */
static int show_document(struct http_conn *conn, bool keep_alive)
{
    static const struct caller operator= {.local = true};
    struct request *request = request_new(conn);
    request->text_type = "text/plain; charset=utf-8";
    request->started = true;
    request->keep_alive = keep_alive;
    rpc_call(conn->http->config.rpc, "/maillon.api.v1.Keys/Document", ENCODING_PROTO,
             (struct bytes){NULL, 0}, &operator, on_reply, request);
    return 0;
}

/* The read-only API of HSDS: for who may sign in, or for everybody where the hub says so. */
static int show_directory(struct http_conn *conn, const char *path, bool keep_alive)
{
    struct caller caller = {.local = true};
    char query[PATH_SIZE] = "", part[PATH_SIZE];
    AUTO(buf_done) struct buf body = {0};
    for (int i = 0;
         lws_hdr_copy_fragment(conn->wsi, part, sizeof(part), WSI_TOKEN_HTTP_URI_ARGS, i) > 0;
         i++) { /* too long a part ends it: only two short ones are looked at */
        size_t used = strlen(query);
        snprintf(query + used, sizeof(query) - used, "%s%s", used > 0 ? "&" : "", part);
    }
    if (!conn->http->config.config->open_directory && !http_caller(conn->wsi, &caller))
        return refuse(conn, 401, ERR_UNSIGNED, "cannot read who is asking; use Bearer and a token");
    Maillon__Api__V1__HsdsRequest ask;
    maillon__api__v1__hsds_request__init(&ask);
    ask.path = (char *)(uintptr_t)path;
    ask.query = query;
    size_t len = maillon__api__v1__hsds_request__get_packed_size(&ask);
    body.len = maillon__api__v1__hsds_request__pack(&ask, buf_reserve(&body, len));
    struct request *request = request_new(conn);
    request->text_type = "application/json";
    request->started = true;
    request->keep_alive = keep_alive;
    rpc_call(conn->http->config.rpc, "/maillon.api.v1.Directory/Hsds", ENCODING_PROTO,
             buf_bytes(&body), &caller, on_reply, request);
    secret_wipe(&caller, sizeof(caller));
    return 0;
}

static bool is_api_path(const char *path)
{
    return strncmp(path, "/maillon.", strlen("/maillon.")) == 0;
}

static int show(struct http_conn *conn, const char *path, bool with_body, bool keep_alive)
{
    if (with_body && strcmp(path, "/metrics") == 0 && may_see_metrics(conn))
        return show_metrics(conn, keep_alive);
    if (with_body && strcmp(path, "/.well-known/maillon") == 0)
        return show_document(conn, keep_alive);
    if (with_body && hsds_knows(path))
        return show_directory(conn, path, keep_alive);
    if (is_api_path(path))
        return answer_now(conn, 404, "text/plain; charset=utf-8", BYTES_LITERAL("no such page\n"),
                          with_body, keep_alive);
    return begin_page(conn, path, with_body ? PAGE_GET : PAGE_HEAD, 0, keep_alive);
}

/* May the connection go on after this request? As lws decides, so that both agree. */
static bool wants_keep_alive(struct lws *wsi)
{
    char version[16], connection[25];
    if (!http_header(wsi, WSI_TOKEN_HTTP, version, sizeof(version)) ||
        strcmp(version, "HTTP/1.1") != 0)
        return false;
    return http_header(wsi, WSI_TOKEN_CONNECTION, connection, sizeof(connection)) &&
           (!connection[0] || strcasecmp(connection, "keep-alive") == 0);
}

static int on_request(struct http_conn *conn, const char *uri, size_t len)
{
    struct lws *wsi = conn->wsi;
    char path[PATH_SIZE], length_text[32];
    struct err err = {0};
    uint64_t length = 0;
    list_remove(&conn->list);
    list_add_tail(&conn->http->serving, &conn->list);
    if (conn->request)
        return -1;
    if (!admit(conn))
        return refuse(conn, 503, ERR_LIMIT, "too many clients at once; try again later");
    /* lws ignores it: two requests could be read where a proxy saw one. */
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return refuse(conn, 400, ERR_INVALID,
                      "Transfer-Encoding is not taken; send Content-Length");
    bool has_length = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
    if (has_length &&
        (!http_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length_text, sizeof(length_text)) ||
         !http_guard_length(length_text, &length, &err)))
        return refuse(conn, 400, ERR_INVALID, "cannot read Content-Length");
    if (len >= sizeof(path) || memchr(uri, 0, len))
        return refuse(conn, 404, ERR_UNKNOWN, "no such page");
    memcpy(path, uri, len);
    path[len] = 0;
    char *whole_uri;
    int whole_len, method = lws_http_get_uri_and_method(wsi, &whole_uri, &whole_len);
    bool keep_alive = wants_keep_alive(wsi);
    if (method == LWSHUMETH_POST)
        return is_api_path(path) ? begin_call(conn, path, has_length, length, keep_alive)
                                 : begin_page(conn, path, PAGE_POST, length, keep_alive);
    if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD)
        return refuse(conn, 405, ERR_UNSUPPORTED, "use GET, HEAD or POST");
    if (length > 0)
        return refuse(conn, 400, ERR_INVALID, "a body is not expected here");
    return show(conn, path, method == LWSHUMETH_GET, keep_alive);
}

static int http_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t len)
{
    struct http_conn *conn;
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
        return make_room(http_of(wsi)) ? 0 : -1;
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        conn_open(http_of(wsi), wsi);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        conn_close(wsi);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE: /* h2c among others: lws 4.1 must not speak HTTP/2 */
        return in && strcasecmp(in, "websocket") == 0 ? 0 : -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* a WebSocket that names no protocol of ours */
    case LWS_CALLBACK_RAW_ADOPT:                  /* CONNECT and what is no HTTP at all */
    case LWS_CALLBACK_RAW_CONNECTED:
    case LWS_CALLBACK_RAW_RX:
        COUNT(http_of(wsi)->config.counters, refused_http, 1);
        return -1;
    case LWS_CALLBACK_HTTP:
        conn = conn_of(wsi);
        return conn ? on_request(conn, in, len) : -1;
    case LWS_CALLBACK_HTTP_BODY:
        conn = conn_of(wsi);
        return conn ? on_body(conn, in, len) : -1;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        conn = conn_of(wsi);
        return conn ? on_body_complete(conn) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        conn = conn_of(wsi);
        return conn && conn->request && conn->request->answer_at ? send_some(conn) : 0;
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        tls_tune_server(user);
        return 0;
    default:
        return 0;
    }
}

struct lws_protocols http_protocol(void)
{
    /* The name has a blank: no WebSocket can ask for it. */
    return (struct lws_protocols){.name = "maillon http", .callback = http_callback};
}
