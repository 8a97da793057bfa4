#pragma once
/*
 * Where a peer's route leads and whether this hub goes there (R-DI-3): pure functions, no socket.
 */
#include "hub/base/err.h"

struct link_url {
    bool tls;       /* wss */
    char host[256]; /* name or numeric address, without brackets */
    unsigned port;
    char path[256]; /* "/hfp" unless the route names one (a proxy in front may want it) */
};

/** ws[s]://host[:port][/path]; no user, query or fragment. ERR_INVALID. */
NODISCARD bool link_url_parse(const char *url, struct link_url *ret, struct err *err);
/** `host` as it is (numeric), not a name. */
bool link_url_is_numeric(const struct link_url *url);
/**
 * May this route be dialled at all? ERR_DENIED: unencrypted to elsewhere than loopback, or a port
 * that is not in `ports` ("443,8443"). A LOCAL peer may be reached either way.
 */
NODISCARD bool link_url_allowed(const struct link_url *url, bool local, const char *ports,
                                struct err *err);

enum address_kind { ADDRESS_PUBLIC, ADDRESS_LOOPBACK, ADDRESS_INSIDE, ADDRESS_NONE };
/** INSIDE: private, link-local, shared, metadata, multicast, reserved; NONE: not a numeric address.
 */
enum address_kind link_address_kind(const char *numeric);
