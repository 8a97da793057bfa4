#include "hub/serve/client_ws.h"

#include "hub/base/list.h"
#include "hub/base/mem.h"
#include "hub/serve/http_guard.h"
#include "hub/serve/pages_http.h"
#include "proto/limits.h"
#include <stdlib.h>

#define WATCH_PATH     "/maillon.api.v1/watch"
#define SEND_TIMEOUT_S 30 /* a client that reads nothing for so long is gone */

struct client_ws {
    struct push *push;
    struct counters *counters;
    struct list watchers;
    size_t count;
    struct buf event,
        out; /* one of each for all: an event is written whole or lws keeps the rest */
};

struct watcher { /* in the memory that lws keeps for a connection */
    struct list list;
    struct client_ws *clients;
    struct lws *wsi;
    struct push_client *client;
    bool is_open, is_closing;
};

struct client_ws *client_ws_create(struct push *push, struct counters *counters)
{
    struct client_ws *clients = mem_alloc(sizeof(*clients));
    clients->push = push;
    clients->counters = counters;
    list_init(&clients->watchers);
    return clients;
}

void client_ws_free(struct client_ws *clients)
{
    if (!clients)
        return;
    buf_done(&clients->event);
    buf_done(&clients->out);
    free(clients);
}

size_t client_ws_count(const struct client_ws *clients)
{
    return clients->count;
}

static void close_watcher(struct watcher *watcher, unsigned code, const char *reason)
{
    if (watcher->is_closing)
        return;
    watcher->is_closing = true;
    net_close_websocket(watcher->wsi, code, reason);
}

void client_ws_drain(struct client_ws *clients)
{
    list_each_safe (item, next, &clients->watchers)
        close_watcher(list_entry(item, struct watcher, list), LWS_CLOSE_STATUS_GOINGAWAY,
                      "the hub stops");
}

/* Browsers send Origin: only our own pages may watch. Programs send none. */
static bool origin_is_ours(struct lws *wsi)
{
    char origin[256], host[256];
    return http_header(wsi, WSI_TOKEN_ORIGIN, origin, sizeof(origin)) &&
           http_header(wsi, WSI_TOKEN_HOST, host, sizeof(host)) &&
           (!origin[0] || http_guard_same_origin(origin, host));
}

/* A token in the head, or the session cookie of a page of ours: only a browser sends Origin, and
 * origin_is_ours() has looked at it. */
static bool watching_caller(struct lws *wsi, struct caller *ret)
{
    if (!http_caller(wsi, ret))
        return false;
    if (!ret->local && !ret->bearer[0] && lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0)
        return pages_http_session(wsi, ret->bearer);
    return ret->local || ret->bearer[0];
}

static bool path_is_ours(struct lws *wsi)
{
    char path[sizeof(WATCH_PATH)];
    return http_header(wsi, WSI_TOKEN_GET_URI, path, sizeof(path)) && strcmp(path, WATCH_PATH) == 0;
}

/* The query holds "after=N" or nothing. */
static bool read_after(struct lws *wsi, int64_t *ret)
{
    char fragment[32];
    *ret = PUSH_FROM_NOW;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) <= 0)
        return true;
    return lws_hdr_copy_fragment(wsi, fragment, sizeof(fragment), WSI_TOKEN_HTTP_URI_ARGS, 0) > 0 &&
           http_guard_after(fragment, ret) &&
           lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_URI_ARGS, 1) <= 0;
}

static bool may_open(struct lws *wsi)
{
    struct caller caller;
    int64_t after;
    return path_is_ours(wsi) && origin_is_ours(wsi) && read_after(wsi, &after) &&
           watching_caller(wsi, &caller) && http_admit_client(wsi);
}

static void wake_writer(void *ctx)
{
    struct watcher *watcher = ctx;
    lws_callback_on_writable(watcher->wsi);
}

static int open_watcher(struct client_ws *clients, struct watcher *watcher, struct lws *wsi)
{
    struct caller caller;
    int64_t after;
    if (!watching_caller(wsi, &caller) || !read_after(wsi, &after))
        return -1;
    http_let_go(wsi);
    *watcher = (struct watcher){.clients = clients, .wsi = wsi, .is_open = true};
    list_add_tail(&clients->watchers, &watcher->list);
    clients->count++;
    watcher->client = push_open(clients->push, &caller, after, wake_writer, watcher);
    lws_callback_on_writable(wsi);
    return 0;
}

static int write_event(struct client_ws *clients, struct lws *wsi)
{
    struct buf *out = &clients->out;
    out->len = 0;
    memset(buf_reserve(out, LWS_PRE + clients->event.len), 0, LWS_PRE);
    out->len = LWS_PRE;
    buf_add_bytes(out, buf_bytes(&clients->event));
    return lws_write(wsi, out->data + LWS_PRE, clients->event.len, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

static int write_some(struct watcher *watcher)
{
    struct client_ws *clients = watcher->clients;
    lws_set_timeout(watcher->wsi, NO_PENDING_TIMEOUT, 0); /* it reads */
    for (;;) {
        if (lws_send_pipe_choked(watcher->wsi)) {
            lws_set_timeout(watcher->wsi, PENDING_TIMEOUT_USER_OK, SEND_TIMEOUT_S);
            lws_callback_on_writable(watcher->wsi);
            return 0;
        }
        struct err err = {0};
        clients->event.len = 0;
        switch (push_take(watcher->client, &clients->event, &err)) {
        case PUSH_EVENT:
            if (write_event(clients, watcher->wsi) != 0)
                return -1;
            break;
        case PUSH_NOTHING:
            return 0;
        case PUSH_CLOSED:
            close_watcher(watcher, LWS_CLOSE_STATUS_POLICY_VIOLATION, err.msg);
            return 0;
        }
    }
}

static void forget_watcher(struct watcher *watcher)
{
    watcher->is_open = false;
    push_close(watcher->client);
    list_remove(&watcher->list);
    watcher->clients->count--;
}

static int client_ws_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session,
                              void *in, size_t len)
{
    struct watcher *watcher = session;
    struct client_ws *clients = lws_get_protocol(wsi) ? lws_get_protocol(wsi)->user : NULL;
    (void)in;
    (void)len;
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        if (may_open(wsi))
            return 0;
        COUNT(clients->counters, refused_client_ws, 1);
        return -1;
    case LWS_CALLBACK_ESTABLISHED:
        return open_watcher(clients, watcher, wsi);
    case LWS_CALLBACK_RECEIVE: /* there is nothing to say on this stream */
        COUNT(clients->counters, refused_client_ws, 1);
        watcher->is_closing = true;
        lws_close_reason(wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, NULL, 0);
        return -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return watcher->is_closing ? 0 : write_some(watcher);
    case LWS_CALLBACK_CLOSED:
        if (watcher && watcher->is_open)
            forget_watcher(watcher);
        return 0;
    default:
        return 0;
    }
}

struct lws_protocols client_ws_protocol(struct client_ws *clients)
{
    return (struct lws_protocols){
        .name = "maillon.watch.v1",
        .callback = client_ws_callback,
        .per_session_data_size = sizeof(struct watcher),
        .rx_buffer_size = 256,
        .user = clients,
    };
}
