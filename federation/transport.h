#pragma once
/*
 * What carries a link: WebSockets in the daemon (link_ws), a seeded fake network in the simulator.
 * All of it on the loop's thread.
 */
#include "hub/base/bytes.h"
#include "hub/base/err.h"

struct link;

/** What the carrier knows about a connection; part of the transcript both sides sign (R-SE-2). */
struct carrier {
    const char *offer;    /* exact subprotocol offer list of the dialler */
    const char *selected; /* "hfp.1.cb" or "hfp.1" */
    struct bytes binding; /* TLS exporter value for hfp.1.cb, else empty */
    const char *address;  /* remote address without port, for limits; never logged whole */
};

struct transport {
    /**
     * Opens a connection for `link`; later federation_dialled() or federation_dial_failed().
     * @param url  ws:// or wss://; @param local  loopback and private addresses allowed (R-DI-3).
     * @param proxied  TLS ends at the peer's proxy: offer hfp.1 with WebPKI checks, else hfp.1.cb.
     * @return false: not even started (bad url, address refused); no callback follows.
     */
    bool (*dial)(void *ctx, struct link *link, const char *url, bool local, bool proxied,
                 struct err *err);
    /** Something to write: the transport calls link_take() when the connection can take it. */
    void (*wake)(void *ctx, void *conn);
    /** Ends the connection after what was taken is written; link_closed() follows. */
    void (*close)(void *ctx, void *conn, unsigned websocket_code);
    /** Stops or resumes reading from the connection (back-pressure). */
    void (*hold)(void *ctx, void *conn, bool hold);
    void *ctx;
};
