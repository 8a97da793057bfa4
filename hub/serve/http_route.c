/* From the head of a request to what answers it. */
#include "hub/serve/http_internal.h"

#include "hub/api/hsds.h"
#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/serve/http_guard.h"
#include "maillon/api/v1/directory.pb-c.h"
#include "proto/limits.h"
#include <stdio.h>
#include <strings.h>

/* Of a form that is too large so much is read, so that the answer is seen. */
#define SKIPPED_MAX   (8 << 20)
#define SKIPPED_FILES 4     /* times what the form takes, of who may send files */
#define UNSIGNED_MAX  16384 /* of a caller who shows no token: a sign-in is far smaller */

enum page_method { PAGE_GET, PAGE_HEAD, PAGE_POST };

/* A browser that is cut off while it sends shows no answer: the body is let pass, and a page says
 * what happened. */
static int skip_page(struct http_conn *conn, struct pages_http *page, size_t length)
{
    struct request *request = http_request_new(conn);
    pages_http_refuse(page, 413, "too_large");
    request->page = page;
    request->skip = length;
    return 0;
}

/* What is too large, or too much for somebody who is not signed in. */
static int refuse_page(struct http_conn *conn, struct pages_http *page, size_t upload_max,
                       uint64_t length)
{
    bool is_file = upload_max && pages_http_has_session(page);
    if (length <= SKIPPED_MAX)
        return skip_page(conn, page, (size_t)length);
    struct request *request = http_request_new(conn);
    request->page = page;
    http_refuse_page(request, 413, is_file ? "files_too_large" : "too_large",
                     is_file && length <= SKIPPED_FILES * upload_max ? (size_t)length : 0);
    return 0;
}

/* What comes for pages; POST: its body follows. */
static int begin_page(struct http_conn *conn, const char *path, enum page_method method,
                      uint64_t length, bool keep_alive)
{
    struct http *http = conn->http;
    bool secure = http_is_secure(conn->wsi);
    char address[CALLER_ADDRESS];
    http_read_address(conn, address);
    AUTO(pages_http_free)
    struct pages_http *page =
        pages_http_read(conn->wsi, method == PAGE_POST, path, secure, address);
    if (!page)
        return http_refuse(conn, 400, ERR_INVALID, "a header of the request is too long");
    unsigned roles = 0;
    size_t upload_max = method == PAGE_POST ? pages_upload_max(path, &roles) : 0;
    if (length > (upload_max > API_REQUEST_MAX ? upload_max : API_REQUEST_MAX) ||
        (length > UNSIGNED_MAX && !pages_http_has_session(page)))
        return refuse_page(conn, TAKE(page), upload_max, length);
    struct request *request = http_request_new(conn);
    request->page = TAKE(page);
    if (http->bodies + length > HTTP_BODIES_MAX) {
        http_refuse_page(request, 503, "resource_exhausted", (size_t)length);
        return 0;
    }
    request->head_only = method == PAGE_HEAD;
    request->keep_alive = keep_alive;
    request->length = (size_t)length;
    request->for_roles = length > API_REQUEST_MAX ? roles : 0;
    if (method != PAGE_POST)
        http_show_page(request);
    else if (length > UNSIGNED_MAX)
        http_ask_first(request);
    else
        http->bodies += request->counted = request->length;
    return 0;
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
        return http_refuse(conn, 404, ERR_UNSUPPORTED, "no such method");
    if (!has_length)
        return http_refuse(conn, 411, ERR_INVALID, "Content-Length is missing");
    if (!http_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, type, sizeof(type)) ||
        !http_guard_encoding(type, &encoding))
        return http_refuse(conn, 415, ERR_INVALID,
                           "Content-Type is neither application/json nor application/proto");
    if (!http_header(wsi, WSI_TOKEN_HTTP_EXPECT, expect, sizeof(expect)) ||
        (expect[0] && strcasecmp(expect, "100-continue") != 0))
        return http_refuse(conn, 417, ERR_INVALID, "cannot do what Expect asks for");
    if (!http_caller(wsi, &caller))
        return http_refuse(conn, 401, ERR_UNSIGNED,
                           "cannot read who is asking; use Bearer and a token");
    if (length > rpc_body_max(path) || (length > UNSIGNED_MAX && !may_send_much(&caller)))
        return http_refuse(conn, 413, ERR_LIMIT, "the request is too large");
    if (http->bodies + length > HTTP_BODIES_MAX)
        return http_refuse(conn, 503, ERR_LIMIT,
                           "too many large requests at once; try again later");
    struct request *request = http_request_new(conn);
    snprintf(request->path, sizeof(request->path), "%s", path);
    request->encoding = encoding;
    request->caller = caller;
    request->keep_alive = keep_alive;
    request->length = (size_t)length;
    if (length > UNSIGNED_MAX && !caller.local)
        http_ask_first(request);
    else
        http->bodies += request->counted = request->length;
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
           !http_guard_is_listed(config->config->trusted_proxy, address) &&
           (strcmp(address, "::1") == 0 || strncmp(address, "127.", 4) == 0);
}

/* Texts that a call of ours has, for programs that only know GET. */
static const struct document {
    const char *path, *call, *type;
    bool (*may_see)(struct http_conn *conn); /* NULL: everybody */
} documents[] = {
    {"/metrics", "/maillon.api.v1.Node/Metrics", "text/plain; version=0.0.4; charset=utf-8",
     may_see_metrics},
    /* R-DI-2: the signed entry and the key log; a hint until the hash matches. */
    {"/.well-known/maillon", "/maillon.api.v1.Keys/Document", "text/plain; charset=utf-8", NULL},
};

static const struct document *find_document(struct http_conn *conn, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(documents); i++)
        if (strcmp(documents[i].path, path) == 0)
            return !documents[i].may_see || documents[i].may_see(conn) ? &documents[i] : NULL;
    return NULL;
}

static int show_document(struct http_conn *conn, const struct document *document, bool keep_alive)
{
    static const struct caller operator= {.local = true};
    struct request *request = http_request_new(conn);
    request->text_type = document->type;
    request->started = true;
    request->keep_alive = keep_alive;
    rpc_call(conn->http->config.rpc, document->call, ENCODING_PROTO, (struct bytes){NULL, 0},
             &operator, http_on_reply, request);
    return 0;
}

/* The read-only API of HSDS: for who may sign in, or for everybody where the hub says so. */
static int show_directory(struct http_conn *conn, const char *path, bool keep_alive)
{
    struct caller caller = {.local = true};
    char query[HTTP_PATH_SIZE] = "", part[HTTP_PATH_SIZE];
    AUTO(buf_done) struct buf body = {0};
    for (int i = 0;
         lws_hdr_copy_fragment(conn->wsi, part, sizeof(part), WSI_TOKEN_HTTP_URI_ARGS, i) > 0;
         i++) { /* too long a part ends it: only two short ones are looked at */
        size_t used = strlen(query);
        snprintf(query + used, sizeof(query) - used, "%s%s", used > 0 ? "&" : "", part);
    }
    if (!conn->http->config.config->open_directory && !http_caller(conn->wsi, &caller))
        return http_refuse(conn, 401, ERR_UNSIGNED,
                           "cannot read who is asking; use Bearer and a token");
    Maillon__Api__V1__HsdsRequest ask;
    maillon__api__v1__hsds_request__init(&ask);
    ask.path = (char *)(uintptr_t)path;
    ask.query = query;
    size_t len = maillon__api__v1__hsds_request__get_packed_size(&ask);
    body.len = maillon__api__v1__hsds_request__pack(&ask, buf_reserve(&body, len));
    struct request *request = http_request_new(conn);
    request->text_type = "application/json";
    request->started = true;
    request->keep_alive = keep_alive;
    rpc_call(conn->http->config.rpc, "/maillon.api.v1.Directory/Hsds", ENCODING_PROTO,
             buf_bytes(&body), &caller, http_on_reply, request);
    secret_wipe(&caller, sizeof(caller));
    return 0;
}

static bool is_api_path(const char *path)
{
    return strncmp(path, "/maillon.", strlen("/maillon.")) == 0;
}

static int show(struct http_conn *conn, const char *path, bool with_body, bool keep_alive)
{
    const struct document *document = with_body ? find_document(conn, path) : NULL;
    if (document)
        return show_document(conn, document, keep_alive);
    if (with_body && hsds_knows(path))
        return show_directory(conn, path, keep_alive);
    if (is_api_path(path))
        return http_answer_now(conn, 404, "text/plain; charset=utf-8",
                               BYTES_LITERAL("no such page\n"), with_body, keep_alive);
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

int http_on_request(struct http_conn *conn, const char *uri, size_t len)
{
    struct lws *wsi = conn->wsi;
    char path[HTTP_PATH_SIZE], length_text[32];
    struct err err = {0};
    uint64_t length = 0;
    list_remove(&conn->list);
    list_add_tail(&conn->http->serving, &conn->list);
    if (conn->request)
        return -1;
    if (!http_conn_admit(conn))
        return http_refuse(conn, 503, ERR_LIMIT, "too many clients at once; try again later");
    /* lws ignores it: two requests could be read where a proxy saw one. */
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return http_refuse(conn, 400, ERR_INVALID,
                           "Transfer-Encoding is not taken; send Content-Length");
    bool has_length = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
    if (has_length &&
        (!http_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length_text, sizeof(length_text)) ||
         !http_guard_length(length_text, &length, &err)))
        return http_refuse(conn, 400, ERR_INVALID, "cannot read Content-Length");
    if (len >= sizeof(path) || memchr(uri, 0, len))
        return http_refuse(conn, 404, ERR_UNKNOWN, "no such page");
    memcpy(path, uri, len);
    path[len] = 0;
    char *whole_uri;
    int whole_len, method = lws_http_get_uri_and_method(wsi, &whole_uri, &whole_len);
    bool keep_alive = wants_keep_alive(wsi);
    if (method == LWSHUMETH_POST && is_api_path(path))
        return begin_call(conn, path, has_length, length, keep_alive);
    if (method == LWSHUMETH_POST && !has_length) /* lws would wait for a body without end */
        return http_refuse(conn, 411, ERR_INVALID, "Content-Length is missing");
    if (method == LWSHUMETH_POST)
        return begin_page(conn, path, PAGE_POST, length, keep_alive);
    if (method != LWSHUMETH_GET && method != LWSHUMETH_HEAD)
        return http_refuse(conn, 405, ERR_UNSUPPORTED, "use GET, HEAD or POST");
    if (length > 0)
        return http_refuse(conn, 400, ERR_INVALID, "a body is not expected here");
    return show(conn, path, method == LWSHUMETH_GET, keep_alive);
}
