#pragma once
/*
 * HTTP on lws: what a connection may do, API calls to rpc and back, and the guard in front of it
 * all (PLATFORM 3.3). Protocol 0 of the public port and of the unix socket.
 */
#include "hub/api/push.h"
#include "hub/run/net.h"
#include "hub/web/pages.h"

struct http;

struct http_config {
    const struct config *config;
    struct rpc *rpc;
    struct pages *pages;
    struct counters *counters;
};

NODISCARD struct http *http_create(const struct http_config *config);
/** Only when no connection is left (after net_free). */
void http_free(struct http *http);
AUTO_DEFINE(struct http, http_free)

/** Row 0 of a server's protocol table; http goes into its virtual host as the user. */
struct lws_protocols http_protocol(void);
/** A connection of the unix socket whose peer may use it. Takes over `fd`. */
void http_adopt(struct http *http, struct net *net, int fd);
/** Refuses what is new and lets go of connections that wait for their next request. */
void http_drain(struct http *http);
/** Connections of all kinds, links and watchers too. */
size_t http_connections(const struct http *http);

/* For the WebSocket protocols of the same port. */

struct http *http_of(struct lws *wsi);
/** Counts this connection as a client's. @return false: max_clients are there. */
NODISCARD bool http_admit_client(struct lws *wsi);
/** This connection is a WebSocket now and none of HTTP's business. */
void http_let_go(struct lws *wsi);
/** Who the head of the request says is asking; false: it says so in a way that cannot be. */
NODISCARD bool http_caller(struct lws *wsi, struct caller *ret);
/** Does the browser speak TLS, with us or with the proxy in front? */
bool http_is_secure(struct lws *wsi);
bool http_is_draining(const struct http *http);
/** One header's value; "" when absent. @return false: it does not fit. */
NODISCARD bool http_header(struct lws *wsi, enum lws_token_indexes header, char *out, size_t size);
