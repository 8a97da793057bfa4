#pragma once
/*
 * lws as a guest on the loop: one context, one listening port, one side for the unix socket and one
 * for dialling out. What may go wrong in lws 4.1 and how it is avoided is said in net.c.
 */
#include "hub/base/err.h"
#include "hub/run/loop.h"
#include <libwebsockets.h>

struct net;

/** One for a process. Routes the messages of lws to the log (debug). */
NODISCARD struct net *net_create(struct loop *loop, struct err *err);
/**
 * Phase 1: closes every connection and listener. Before it workers, store and resolver are idle,
 * and nothing opens a descriptor until loop_run() has returned (lws closes its event pipe twice).
 */
void net_close(struct net *net);
/** Phase 2, only after loop_run() returned. */
void net_free(struct net *net);

struct net_listen {
    const char *address;           /* numeric, without brackets; "": every address */
    unsigned port;                 /* 0: any free one */
    const char *certificate, *key; /* PEM files; NULL: no TLS */
    const struct lws_protocols
        *protocols; /* [0] refuses what nothing else takes; must outlive the net */
    void *user;     /* lws_get_vhost_user() */
};
/** The public port. ERR_IO: in use, not permitted, certificate does not load. */
NODISCARD bool net_listen(struct net *net, const struct net_listen *listen, struct err *err);
/** The port in use, for those who asked for any. */
unsigned net_port(const struct net *net);
/** Reads certificate and key again for connections to come; call after they changed. */
void net_reload_certificate(struct net *net);

/** Where adopted unix sockets go. */
NODISCARD bool net_local(struct net *net, const struct lws_protocols *protocols, void *user,
                         struct err *err);
/** Takes over `fd`. @return false: closed. */
NODISCARD bool net_adopt_local(struct net *net, int fd);

enum net_trust {
    NET_TRUST_ANY,    /* identity is proven above TLS */
    NET_TRUST_WEBPKI, /* the system's authorities; loaded at first use */
};
/** The virtual host to dial out from; NULL when it could not be made. */
NODISCARD struct lws_vhost *net_client(struct net *net, enum net_trust trust,
                                       const struct lws_protocols *protocols);
struct lws_context *net_context(struct net *net);

/**
 * The only way to close a live WebSocket outside its RECEIVE callback: from a callback of the loop
 * or from the connection's own WRITEABLE (then return 0). Sends Close and waits for the echo.
 */
void net_close_websocket(struct lws *wsi, unsigned code, const char *reason);
/** Remote address without port, v4-mapped written as IPv4; "" on the unix socket. */
void net_peer_address(struct lws *wsi, char *out, size_t size);
