#include "hub/serve/http_internal.h"

#include "hub/base/mem.h"
#include "hub/crypto/certificate.h"
#include "hub/crypto/secret.h"
#include "hub/serve/http_guard.h"
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

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

static void conn_close(struct lws *wsi)
{
    struct http_conn *conn = conn_of(wsi);
    if (!conn)
        return;
    lws_set_opaque_user_data(wsi, NULL);
    http_request_drop(conn);
    list_remove(&conn->list);
    conn->http->connections--;
    if (conn->is_client)
        conn->http->clients--;
    free(conn);
}

bool http_conn_admit(struct http_conn *conn)
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
    return conn && !conn->http->draining && http_conn_admit(conn);
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
        if (!conn->request || conn->request->refused)
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

/* Where a request comes from, for limits: the other end, or whom it names when it is a proxy that
 * this hub was told to believe. */
void http_read_address(const struct http_conn *conn, char ret[CALLER_ADDRESS])
{
    char header[512], named[CALLER_ADDRESS];
    ret[0] = '\0';
    if (conn->is_local)
        return;
    net_peer_address(conn->wsi, ret, CALLER_ADDRESS);
    if (!http_guard_is_listed(conn->http->config.config->trusted_proxy, ret) ||
        !http_header(conn->wsi, WSI_TOKEN_X_FORWARDED_FOR, header, sizeof(header)))
        return;
    http_guard_forwarded(header, named);
    if (named[0])
        memcpy(ret, named, sizeof(named));
}

bool http_is_secure(struct lws *wsi)
{
    return http_of(wsi)->config.config->tls_proxied || lws_is_ssl(wsi);
}

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
    http_read_address(conn, ret->address);
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
        return conn ? http_on_request(conn, in, len) : -1;
    case LWS_CALLBACK_HTTP_BODY:
        conn = conn_of(wsi);
        return conn ? http_on_body(conn, in, len) : -1;
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        conn = conn_of(wsi);
        return conn ? http_on_body_complete(conn) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        conn = conn_of(wsi);
        return conn && conn->request && conn->request->answer_at ? http_send_some(conn) : 0;
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
