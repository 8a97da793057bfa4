#include "federation/link_ws.h"

#include "federation/link_url.h"
#include "hub/base/list.h"
#include "hub/base/mem.h"
#include "hub/crypto/certificate.h"
#include "hub/run/net.h"
#include "proto/limits.h"
#include <stdio.h>
#include <stdlib.h>

#define LINK_PATH       "/hfp"
#define TOKEN_BOUND     "hfp.1.cb"
#define TOKEN_PLAIN     "hfp.1"
#define OFFER_BOUND     TOKEN_BOUND ", " TOKEN_PLAIN /* exactly what the other side sees */
#define RX_PIECE        1024                         /* kept by lws for each connection */
#define SEND_PIECE      65536                        /* else lws sends RX_PIECE at a time */
#define ASSEMBLE_FIRST  16384                        /* a packed frame: one allocation */
#define SEND_TIMEOUT_S  60 /* a peer that reads nothing for so long is gone */
#define CLOSE_TIMEOUT_S 5
#define CLOSE_TEXT      1003
#define CLOSE_TOO_BIG   1009
#define CLOSE_LATER     1013
#define CLOSE_AWAY      1001

struct dial;

struct conn { /* one a connection; small while idle */
    struct list list;
    struct link_ws *ws;
    struct lws *wsi;
    struct link *link; /* NULL: refused, or told that it is closed */
    struct buf in;     /* a message that comes in pieces */
    uint16_t close_code;
    bool is_closing, is_close_said, is_held, is_stalled;
};

struct dial { /* outlives its link: name look-ups cannot be taken back */
    struct list list;
    struct link_ws *ws;
    struct link *link; /* NULL: over */
    struct lws *wsi;   /* NULL: resolving, or over */
    struct link_url url;
    struct resolved addresses;
    size_t next_address;
    bool local, proxied, is_resolving, is_connecting, has_failed, was_refused;
    char why[96];
    struct conn *conn; /* once established */
};

struct link_ws {
    struct link_ws_config config;
    struct federation *federation;
    struct list conns, dials;
    size_t open;
    struct lws_protocols client_protocols[3];
    struct buf message, out; /* one of each for all connections */
    bool draining;
};

static int serve_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session,
                          void *in, size_t len);
static int dial_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in,
                         size_t len);

struct link_ws *link_ws_create(const struct link_ws_config *config)
{
    struct link_ws *ws = mem_alloc(sizeof(*ws));
    ws->config = *config;
    list_init(&ws->conns);
    list_init(&ws->dials);
    static const char *const names[] = {TOKEN_BOUND, TOKEN_PLAIN};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        ws->client_protocols[i] = (struct lws_protocols){
            .name = names[i],
            .callback = dial_callback,
            .rx_buffer_size = RX_PIECE,
            .tx_packet_size = SEND_PIECE,
            .user = ws,
        };
    return ws;
}

void link_ws_free(struct link_ws *ws)
{
    if (!ws)
        return;
    buf_done(&ws->message);
    buf_done(&ws->out);
    free(ws);
}

void link_ws_attach(struct link_ws *ws, struct federation *federation)
{
    ws->federation = federation;
}

size_t link_ws_open(const struct link_ws *ws)
{
    return ws->open;
}

size_t link_ws_protocols(struct link_ws *ws, struct lws_protocols *out)
{
    struct lws_protocols row = {
        .name = TOKEN_BOUND,
        .callback = serve_callback,
        .per_session_data_size = sizeof(struct conn *),
        .rx_buffer_size = RX_PIECE,
        .tx_packet_size = SEND_PIECE,
        .user = ws,
    };
    size_t count = 0;
    if (ws->config.tls)
        out[count++] = row;
    row.name = TOKEN_PLAIN;
    out[count++] = row;
    return count;
}

/* A connection, whoever opened it. */

static struct conn *conn_open(struct link_ws *ws, struct lws *wsi)
{
    struct conn *conn = mem_alloc(sizeof(*conn));
    conn->ws = ws;
    conn->wsi = wsi;
    list_add_tail(&ws->conns, &conn->list);
    ws->open++;
    return conn;
}

/* The Close frame goes out at the next WRITEABLE, so that link_closed() never comes inside a call.
 */
static void conn_close(struct conn *conn, unsigned code)
{
    if (conn->is_closing) {
        if (code == 0) /* the peer did not answer our Close */
            lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        return;
    }
    conn->is_closing = true;
    conn->close_code = (uint16_t)(code ? code : CLOSE_AWAY);
    buf_done(&conn->in);
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_OK, CLOSE_TIMEOUT_S);
    if (conn->is_held) /* the peer's Close must be read */
        lws_rx_flow_control(conn->wsi, LWS_RXFLOW_REASON_APPLIES_ENABLE |
                                           LWS_RXFLOW_REASON_USER_BOOL |
                                           LWS_RXFLOW_REASON_FLAG_PROCESS_NOW);
    lws_callback_on_writable(conn->wsi);
}

static void conn_gone(struct conn *conn)
{
    struct link_ws *ws = conn->ws;
    list_remove(&conn->list);
    ws->open--;
    struct link *link = TAKE(conn->link);
    buf_done(&conn->in);
    free(conn);
    if (link)
        link_closed(link);
}

static void conn_refuse(struct conn *conn, unsigned code)
{
    COUNT(conn->ws->config.counters, refused_link, 1);
    conn_close(conn, code);
}

static void conn_receive(struct conn *conn, const void *in, size_t len)
{
    if (conn->is_closing || !conn->link)
        return;
    struct lws *wsi = conn->wsi;
    size_t rest = lws_remaining_packet_payload(wsi);
    bool whole = lws_is_final_fragment(wsi) && rest == 0;
    if (!lws_frame_is_binary(wsi)) {
        conn_refuse(conn, CLOSE_TEXT);
        return;
    }
    if (len > LINK_FRAME_MAX - conn->in.len || rest > LINK_FRAME_MAX - conn->in.len - len) {
        conn_refuse(conn, CLOSE_TOO_BIG);
        return;
    }
    if (whole && conn->in.len == 0) {
        link_receive(conn->link, bytes_of(in, len));
        return;
    }
    if (!conn->in.data)
        buf_reserve(&conn->in, len + (rest < ASSEMBLE_FIRST ? rest : ASSEMBLE_FIRST));
    buf_add(&conn->in, in, len);
    if (whole) {
        struct buf message = conn->in;
        conn->in = (struct buf){0};
        link_receive(conn->link, buf_bytes(&message));
        buf_done(&message);
    }
}

/* Once more at the end: what the link still has to say (Bye) goes before the Close frame. */
static int conn_write(struct conn *conn)
{
    struct link_ws *ws = conn->ws;
    if (conn->is_close_said)
        return 0;
    if (!conn->link)
        conn_close(conn, CLOSE_LATER);
    if (conn->is_stalled && !conn->is_closing)
        lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
    conn->is_stalled = false;
    for (;;) {
        if (lws_send_pipe_choked(conn->wsi)) {
            conn->is_stalled = true;
            if (!conn->is_closing)
                lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_OK, SEND_TIMEOUT_S);
            lws_callback_on_writable(conn->wsi);
            return 0;
        }
        if (!conn->link || !link_take(conn->link, &ws->message))
            break;
        struct buf *out = &ws->out;
        out->len = 0;
        buf_reserve(out, LWS_PRE + ws->message.len);
        memcpy(out->data + LWS_PRE, ws->message.data, ws->message.len);
        if (lws_write(conn->wsi, out->data + LWS_PRE, ws->message.len, LWS_WRITE_BINARY) <
            (int)ws->message.len)
            return -1;
    }
    if (conn->is_closing) {
        conn->is_close_said = true;
        net_close_websocket(conn->wsi, conn->close_code, NULL);
    }
    return 0;
}

static struct carrier carrier_of(const char *offer, const char *selected, const uint8_t *binding,
                                 const char *address)
{
    return (struct carrier){
        .offer = offer,
        .selected = selected,
        .binding = binding ? bytes_of(binding, TLS_BINDING_BYTES) : (struct bytes){NULL, 0},
        .address = address,
    };
}

/* Coming in. */

static bool may_come_in(struct link_ws *ws, struct lws *wsi)
{
    char path[sizeof(LINK_PATH)];
    if (ws->draining || lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) != sizeof(path) - 1 ||
        lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI) < 0 ||
        strcmp(path, LINK_PATH) != 0)
        return false;
    /* Browsers send Origin; hubs do not, and no page may speak for one. */
    return lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) <= 0;
}

static int come_in(struct link_ws *ws, struct conn **slot, struct lws *wsi)
{
    char offer[128], address[INET6_ADDRSTRLEN];
    uint8_t binding[TLS_BINDING_BYTES];
    const char *selected = lws_get_protocol(wsi)->name;
    bool is_bound = strcmp(selected, TOKEN_BOUND) == 0;
    if (lws_hdr_copy(wsi, offer, sizeof(offer), WSI_TOKEN_PROTOCOL) <= 0 ||
        (is_bound && !tls_binding(lws_get_ssl(wsi), binding)))
        return -1;
    net_peer_address(wsi, address, sizeof(address));
    if (ws->config.let_go)
        ws->config.let_go(wsi);
    struct conn *conn = *slot = conn_open(ws, wsi);
    struct carrier carrier = carrier_of(offer, selected, is_bound ? binding : NULL, address);
    conn->link = federation_incoming(ws->federation, conn, &carrier);
    /* Refused or not: the first WRITEABLE writes, or says 1013. */
    lws_callback_on_writable(wsi);
    return 0;
}

static int serve_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session,
                          void *in, size_t len)
{
    struct conn **slot = session;
    struct link_ws *ws = lws_get_protocol(wsi) ? lws_get_protocol(wsi)->user : NULL;
    switch (reason) {
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        if (may_come_in(ws, wsi))
            return 0;
        COUNT(ws->config.counters, refused_link, 1);
        return -1;
    case LWS_CALLBACK_ESTABLISHED:
        return come_in(ws, slot, wsi);
    case LWS_CALLBACK_RECEIVE:
        if (*slot)
            conn_receive(*slot, in, len);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return *slot ? conn_write(*slot) : 0;
    case LWS_CALLBACK_CLOSED:
        if (slot && *slot)
            conn_gone(TAKE(*slot));
        return 0;
    default:
        return 0;
    }
}

/* Going out. */

static void dial_free(struct dial *dial)
{
    list_remove(&dial->list);
    dial->ws->open--;
    free(dial);
}

/* Tells the link once. */
static void dial_fail(struct dial *dial, const char *why)
{
    struct link *link = TAKE(dial->link);
    if (link)
        federation_dial_failed(link, why);
}

static bool address_is_allowed(const struct dial *dial, const char *address)
{
    enum address_kind kind = link_address_kind(address);
    return kind != ADDRESS_NONE && (dial->local || kind == ADDRESS_PUBLIC);
}

/* @return false: not begun or failed at once. */
static bool connect_to(struct dial *dial, const char *address)
{
    struct link_ws *ws = dial->ws;
    bool any = dial->url.tls && !dial->proxied;
    char host[300];
    /* lws strips what follows a colon, so an IPv6 literal cannot be checked against a certificate.
     */
    snprintf(host, sizeof(host), strchr(dial->url.host, ':') ? "[%s]:%u" : "%s:%u", dial->url.host,
             dial->url.port);
    struct lws_client_connect_info info = {
        .context = net_context(ws->config.net),
        .vhost = net_client(ws->config.net,
                            dial->url.tls && dial->proxied ? NET_TRUST_WEBPKI : NET_TRUST_ANY,
                            ws->client_protocols),
        .address = address,
        .port = (int)dial->url.port,
        .path = dial->url.path,
        .host = host,
        .protocol = any ? OFFER_BOUND : TOKEN_PLAIN,
        .local_protocol_name = any ? TOKEN_BOUND : TOKEN_PLAIN,
        .ietf_version_or_minus_one = -1,
        .alpn = "http/1.1",
        .opaque_user_data = dial,
    };
    /* A redirect would lead past the address check. */
    info.ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
    if (dial->url.tls)
        info.ssl_connection |= LCCSCF_USE_SSL;
    if (any) /* who it is says the signed proof over this very session, not the certificate */
        info.ssl_connection |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK |
                               LCCSCF_ALLOW_EXPIRED | LCCSCF_ALLOW_INSECURE;
    if (!info.vhost)
        return false;
    dial->has_failed = false;
    dial->is_connecting = true; /* the error may come inside the call */
    struct lws *wsi = lws_client_connect_via_info(&info);
    dial->is_connecting = false;
    if (!wsi || dial->has_failed)
        return false;
    dial->wsi = wsi;
    return true;
}

/* The next address that may be dialled; when none is left, the dial is over. */
static void dial_next(struct dial *dial)
{
    while (dial->link && dial->next_address < dial->addresses.count) {
        const char *address = dial->addresses.address[dial->next_address++];
        if (!address_is_allowed(dial, address))
            dial->was_refused = true;
        else if (connect_to(dial, address))
            return;
    }
    if (!dial->why[0])
        snprintf(dial->why, sizeof(dial->why), "%s",
                 dial->addresses.count == 0 ? "the name has no address"
                 : dial->was_refused        ? "the address is not a public one; mark the peer LOCAL"
                                            : "could not connect");
    dial_fail(dial, dial->why);
    dial_free(dial);
}

static void on_resolved(void *ctx, const struct resolved *resolved)
{
    struct dial *dial = ctx;
    dial->is_resolving = false;
    dial->addresses = *resolved;
    dial_next(dial);
}

static bool dial(void *ctx, struct link *link, const char *url, bool local, bool proxied,
                 struct err *err)
{
    struct link_ws *ws = ctx;
    struct link_url parsed;
    if (ws->draining)
        return err_set(err, ERR_IO, "the hub stops");
    if (!link_url_parse(url, &parsed, err) ||
        !link_url_allowed(&parsed, local, ws->config.config->dial_ports, err))
        return false;
    bool numeric = link_url_is_numeric(&parsed);
    if (numeric && !local && link_address_kind(parsed.host) != ADDRESS_PUBLIC)
        return err_set(err, ERR_DENIED, "the address is not a public one: mark the peer LOCAL");
    struct dial *dial = mem_alloc(sizeof(*dial));
    *dial = (struct dial){.ws = ws,
                          .link = link,
                          .url = parsed,
                          .local = local,
                          .proxied = proxied,
                          .is_resolving = true};
    list_add_tail(&ws->dials, &dial->list);
    ws->open++;
    /* A numeric host takes the same way, so that no callback comes inside this call. */
    loop_resolve(ws->config.loop, parsed.host, on_resolved, dial);
    return true;
}

static void on_dial_error(struct dial *dial, const char *why)
{
    /* lws' reason names no person and no address of ours; it is kept short. */
    if (!why || strcmp(why, "closed before established") == 0)
        why = "could not connect";
    if (!dial->why[0])
        snprintf(dial->why, sizeof(dial->why), "%.90s", why);
    dial->wsi = NULL;
    dial->has_failed = true;
    if (!dial->is_connecting)
        dial_next(dial);
}

static bool answer_is_fine(struct dial *dial, struct lws *wsi)
{
    char selected[16] = "";
    bool any = dial->url.tls && !dial->proxied;
    if (lws_hdr_copy(wsi, selected, sizeof(selected), WSI_TOKEN_PROTOCOL) <= 0)
        selected[0] = 0;
    /* Without the binding nothing would tie this session to the peer: any certificate was taken. */
    if (strcmp(selected, any ? TOKEN_BOUND : TOKEN_PLAIN) == 0)
        return true;
    snprintf(dial->why, sizeof(dial->why), "%s",
             any ? "the peer offers no channel binding: its TLS ends at a proxy it does not declare"
                 : "the peer does not speak hfp.1");
    dial->next_address = dial->addresses.count; /* its other addresses will not say otherwise */
    return false;
}

static int on_dialled(struct dial *dial, struct lws *wsi)
{
    struct link_ws *ws = dial->ws;
    char address[INET6_ADDRSTRLEN];
    uint8_t binding[TLS_BINDING_BYTES];
    bool any = dial->url.tls && !dial->proxied;
    if (!dial->link)
        return -1;
    if (any && !tls_binding(lws_get_ssl(wsi), binding)) {
        dial_fail(dial, "the session has no channel binding: the peer's TLS is older than 1.3");
        return -1;
    }
    net_peer_address(wsi, address, sizeof(address));
    struct conn *conn = dial->conn = conn_open(ws, wsi);
    conn->link = TAKE(dial->link);
    struct carrier carrier =
        carrier_of(any ? OFFER_BOUND : TOKEN_PLAIN, any ? TOKEN_BOUND : TOKEN_PLAIN,
                   any ? binding : NULL, address);
    federation_dialled(conn->link, conn, &carrier);
    lws_callback_on_writable(wsi);
    return 0;
}

static int dial_callback(struct lws *wsi, enum lws_callback_reasons reason, void *session, void *in,
                         size_t len)
{
    struct dial *dial;
    (void)session;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        dial = lws_get_opaque_user_data(wsi);
        if (dial)
            lws_set_opaque_user_data(wsi, NULL);
        if (dial)
            on_dial_error(dial, in);
        return 0;
    case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
        dial = lws_get_opaque_user_data(wsi);
        return dial && answer_is_fine(dial, wsi) ? 0 : -1;
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        dial = lws_get_opaque_user_data(wsi);
        return dial ? on_dialled(dial, wsi) : -1;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        dial = lws_get_opaque_user_data(wsi);
        if (dial && dial->conn)
            conn_receive(dial->conn, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        dial = lws_get_opaque_user_data(wsi);
        return dial && dial->conn ? conn_write(dial->conn) : 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        dial = lws_get_opaque_user_data(wsi);
        if (!dial)
            return 0;
        lws_set_opaque_user_data(wsi, NULL);
        if (dial->conn)
            conn_gone(TAKE(dial->conn));
        dial_free(dial);
        return 0;
    case LWS_CALLBACK_HTTP: /* nobody is served here */
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return -1;
    default:
        return 0;
    }
}

/* What federation asks for. */

static void wake(void *ctx, void *conn)
{
    (void)ctx;
    lws_callback_on_writable(((struct conn *)conn)->wsi);
}

static void close_conn(void *ctx, void *conn, unsigned code)
{
    (void)ctx;
    conn_close(conn, code);
}

static void hold(void *ctx, void *handle, bool hold)
{
    struct conn *conn = handle;
    (void)ctx;
    if (conn->is_held == hold || conn->is_closing)
        return;
    conn->is_held = hold;
    lws_rx_flow_control(conn->wsi, LWS_RXFLOW_REASON_USER_BOOL |
                                       LWS_RXFLOW_REASON_FLAG_PROCESS_NOW |
                                       (hold ? LWS_RXFLOW_REASON_APPLIES_DISABLE
                                             : LWS_RXFLOW_REASON_APPLIES_ENABLE));
    if (!hold) /* what lws has read already is served only after an event on the connection */
        lws_callback_on_writable(conn->wsi);
}

struct transport link_ws_transport(struct link_ws *ws)
{
    return (struct transport){
        .dial = dial, .wake = wake, .close = close_conn, .hold = hold, .ctx = ws};
}

/* Ends a dial that is not established: it goes when its look-up or its connection comes back. */
static void dial_abort(struct dial *dial)
{
    dial->next_address = RESOLVED_MAX;
    if (dial->wsi && !dial->conn)
        lws_set_timeout(dial->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
}

void link_ws_drain(struct link_ws *ws)
{
    ws->draining = true;
    list_each_safe (item, next, &ws->dials) {
        struct dial *dial = list_entry(item, struct dial, list);
        if (dial->conn)
            continue;
        dial_fail(dial, "the hub stops");
        dial_abort(dial);
    }
}

void link_ws_close_all(struct link_ws *ws)
{
    list_each_safe (item, next, &ws->conns)
        conn_close(list_entry(item, struct conn, list), CLOSE_AWAY);
}
