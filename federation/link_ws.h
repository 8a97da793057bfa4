#pragma once
/*
 * The daemon's transport of links: WebSockets on lws, both directions (R-SE-1, R-SE-2, R-DI-3).
 * Thin: what a link says and hears is federation's.
 */
#include "federation/federation.h"

struct link_ws;
struct loop;
struct lws;
struct net;
struct lws_protocols;

struct link_ws_config {
    struct loop *loop;
    struct net *net;
    const struct config *config;
    struct counters *counters;
    bool tls; /* the listening side ends TLS itself: offer channel binding */
    /** http's: this connection is a link now. */
    void (*let_go)(struct lws *wsi);
};

NODISCARD struct link_ws *link_ws_create(const struct link_ws_config *config);
/** Only after net_free and when nothing resolves. */
void link_ws_free(struct link_ws *ws);
AUTO_DEFINE(struct link_ws, link_ws_free)
/** For federation_config; hand the federation over right after it was made. */
struct transport link_ws_transport(struct link_ws *ws);
void link_ws_attach(struct link_ws *ws, struct federation *federation);
/** Rows of the listening side's protocol table, the newest first; at most LINK_WS_PROTOCOLS. */
#define LINK_WS_PROTOCOLS 2
size_t link_ws_protocols(struct link_ws *ws, struct lws_protocols *out);

/** Refuses what comes in and fails every dial that is under way. */
void link_ws_drain(struct link_ws *ws);
/** Says 1001 on every connection: the last step, federation_stop has said Bye before. */
void link_ws_close_all(struct link_ws *ws);
/** Connections and dials that are not over. */
size_t link_ws_open(const struct link_ws *ws);
