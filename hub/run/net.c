/*
 * lws 4.1 needs care: HTTP/2 is never offered (its header decoder writes out of bounds), extensions
 * are never offered (permessage-deflate corrupts what it receives), names are resolved elsewhere
 * (its getaddrinfo blocks the loop), and returning -1 from WRITEABLE sends no Close frame on libuv.
 */
#include "hub/run/net.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ALPN         "http/1.1"
#define HEADER_BYTES 4096  /* API_HEADERS_MAX: what does not fit is refused */
#define READ_BYTES   16384 /* one buffer for all connections: a TLS record */
#define TIMEOUT_S    10    /* handshake, headers, a stalled body */
#define KEEPALIVE_S  30

struct net {
    struct loop *loop;
    struct lws_context *context; /* lws writes NULL here when it is gone */
    struct lws_vhost *listening, *local, *clients[2];
    char certificate[512], key[512];
    lws_retry_bo_t idle;
};

static void log_lws(int level, const char *line)
{
    (void)level;
    log_line(LOG_DEBUG, "lws %.*s", (int)strcspn(line, "\n"), line);
}

static struct lws_context_creation_info base_info(struct net *net)
{
    return (struct lws_context_creation_info){
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_LIBUV |
                   LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS,
        .alpn = ALPN,
        .timeout_secs = TIMEOUT_S,
        .keepalive_timeout = KEEPALIVE_S,
        .max_http_header_data2 = HEADER_BYTES,
        .pt_serv_buf_size = READ_BYTES,
        .retry_and_idle_policy = &net->idle,
    };
}

struct net *net_create(struct loop *loop, struct err *err)
{
    lws_set_log_level(LLL_ERR | LLL_WARN, log_lws);
    struct net *net = mem_alloc(sizeof(*net));
    net->loop = loop;
    /* A client that answers no ping is gone; peers' links ping on their own, more often. */
    net->idle = (lws_retry_bo_t){.secs_since_valid_ping = 120, .secs_since_valid_hangup = 150};
    void *loops[1] = {loop_uv(loop)};
    struct lws_context_creation_info info = base_info(net);
    info.foreign_loops = loops;
    info.pcontext = &net->context;
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    net->context = lws_create_context(&info);
    if (net->context)
        return net;
    err_set(err, ERR_IO,
            "cannot start the network: libwebsockets finds no libuv plugin; install the package "
            "libwebsockets-evlib-uv");
    free(net);
    return NULL;
}

void net_close(struct net *net)
{
    if (net && net->context)
        lws_context_destroy(net->context);
}

void net_free(struct net *net)
{
    if (!net)
        return;
    if (net->context)
        lws_context_destroy(net->context);
    free(net);
}

/* Why lws could not listen: it does not say, the system does. */
static bool explain_listen(const struct net_listen *wanted, struct err *err)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)wanted->port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)wanted->port)};
    bool is_v4 = inet_pton(AF_INET, wanted->address, &v4.sin_addr) == 1;
    if (!is_v4 && wanted->address[0] && inet_pton(AF_INET6, wanted->address, &v6.sin6_addr) != 1)
        return err_set(err, ERR_INVALID, "cannot listen on \"%s\": not a numeric address",
                       wanted->address);
    int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    int failed =
        fd < 0 ||
        bind(fd, is_v4 ? (void *)&v4 : (void *)&v6, is_v4 ? sizeof(v4) : sizeof(v6)) != 0 ||
        listen(fd, 1) != 0;
    int reason = errno;
    if (fd >= 0)
        close(fd);
    if (!failed)
        return err_set(err, ERR_IO, "could not listen on port %u", wanted->port);
    if (reason == EADDRINUSE)
        return err_set(err, ERR_IO,
                       "port %u is in use: stop the program that has it, or set another port in "
                       "hub.ini (listen = address:port)",
                       wanted->port);
    return err_set(err, ERR_IO, "cannot listen on \"%s\" port %u: %s", wanted->address,
                   wanted->port, strerror(reason));
}

bool net_listen(struct net *net, const struct net_listen *wanted, struct err *err)
{
    struct in_addr v4;
    bool is_v4 = inet_pton(AF_INET, wanted->address, &v4) == 1;
    struct lws_context_creation_info info = base_info(net);
    info.vhost_name = "public";
    info.port = (int)wanted->port;
    info.protocols = wanted->protocols;
    info.user = wanted->user;
    info.options |= LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | LWS_SERVER_OPTION_VALIDATE_UTF8;
    if (is_v4)
        info.options |= LWS_SERVER_OPTION_DISABLE_IPV6;
    if (wanted->address[0] && !(is_v4 && v4.s_addr == htonl(INADDR_ANY)) &&
        strcmp(wanted->address, "::") != 0)
        info.iface = wanted->address;
    if (wanted->certificate) {
        snprintf(net->certificate, sizeof(net->certificate), "%s", wanted->certificate);
        snprintf(net->key, sizeof(net->key), "%s", wanted->key);
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = net->certificate;
        info.ssl_private_key_filepath = net->key;
    }
    net->listening = lws_create_vhost(net->context, &info);
    return net->listening || explain_listen(wanted, err);
}

unsigned net_port(const struct net *net)
{
    return net->listening ? (unsigned)lws_get_vhost_listen_port(net->listening) : 0;
}

void net_reload_certificate(struct net *net)
{
    if (net->certificate[0])
        lws_tls_cert_updated(net->context, net->certificate, net->key, NULL, 0, NULL, 0);
}

bool net_local(struct net *net, const struct lws_protocols *protocols, void *user, struct err *err)
{
    struct lws_context_creation_info info = base_info(net);
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER; /* a port of its own: Host cannot lead elsewhere */
    info.vhost_name = "local";
    info.protocols = protocols;
    info.user = user;
    net->local = lws_create_vhost(net->context, &info);
    return net->local || err_set(err, ERR_IO, "could not prepare the unix socket");
}

bool net_adopt_local(struct net *net, int fd)
{
    return lws_adopt_socket_vhost(net->local, fd) != NULL; /* lws closes it when it cannot */
}

struct lws_vhost *net_client(struct net *net, enum net_trust trust,
                             const struct lws_protocols *protocols)
{
    if (net->clients[trust])
        return net->clients[trust];
    struct lws_context_creation_info info = base_info(net);
    info.vhost_name = trust == NET_TRUST_ANY ? "dial any" : "dial webpki";
    info.protocols = protocols;
    info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    if (trust == NET_TRUST_WEBPKI)
        info.options &= ~(uint64_t)LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    return net->clients[trust] = lws_create_vhost(net->context, &info);
}

struct lws_context *net_context(struct net *net)
{
    return net->context;
}

void net_close_websocket(struct lws *wsi, unsigned code, const char *reason)
{
    unsigned char text[124] = "";
    size_t len = reason ? strnlen(reason, 123) : 0; /* a control frame holds 125 bytes */
    if (len)
        memcpy(text, reason, len);
    lws_close_reason(wsi, (enum lws_close_status)code, text, len);
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

void net_peer_address(struct lws *wsi, char *out, size_t size)
{
    struct sockaddr_storage from;
    socklen_t len = sizeof(from);
    const void *address = NULL;
    out[0] = 0;
    if (getpeername(lws_get_socket_fd(wsi), (struct sockaddr *)&from, &len) != 0)
        return;
    int family = from.ss_family;
    if (family == AF_INET)
        address = &((struct sockaddr_in *)(void *)&from)->sin_addr;
    if (family == AF_INET6) {
        const struct in6_addr *v6 = &((struct sockaddr_in6 *)(void *)&from)->sin6_addr;
        address = v6;
        if (IN6_IS_ADDR_V4MAPPED(v6)) {
            family = AF_INET;
            address = &v6->s6_addr[12];
        }
    }
    if (address && !inet_ntop(family, address, out, (socklen_t)size))
        out[0] = 0;
}
