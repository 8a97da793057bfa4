#pragma once
/*
 * The text of an invite (R-DI-1), at most INVITE_TEXT_MAX characters:
 *
 *   maillon:1/NODE?r=ROUTE&r=ROUTE&p=1&c=CIRCLE&e=EXPIRY#SECRETCHECK
 *
 * NODE is the text form of a node id, ROUTE a percent-encoded route, p=1 present only when TLS ends
 * at a proxy in front of that hub (no channel binding, R-SE-2), CIRCLE optional: the id of a circle
 * to ask to be taken into, in base32, EXPIRY unix seconds in decimal,
 * SECRET 16 bytes in base32, CHECK the first 20 bits of SHA-256 of everything before it, in base32.
 * Pure: no store, no clock.
 */
#include "hub/base/err.h"
#include "hub/crypto/node_id.h"
#include "hub/domain/route.h"
#include "proto/limits.h"

struct invite {
    struct node_id node;
    char routes[ROUTES_MAX][ROUTE_BYTES_MAX + 1];
    size_t route_count;
    bool tls_proxied;
    bool has_circle;
    struct oid circle;
    uint64_t expires_s;
    uint8_t secret[INVITE_BYTES];
};

/** ERR_LIMIT when the routes make it longer than an invite may be. */
NODISCARD bool invite_write(const struct invite *invite, char out[INVITE_TEXT_MAX + 1],
                            struct err *err);
/**
 * Blanks and line breaks, which mail programs put in, are skipped; everything else must be exact.
 * ERR_INVALID with what is wrong: no invite, another version, cut short, mistyped.
 */
NODISCARD bool invite_read(const char *text, struct invite *ret, struct err *err);
