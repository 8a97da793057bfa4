#pragma once
/*
 * What a request's head is held against before anything acts on it: pure functions over header
 * values (PLATFORM 3.3: lws lets absurd lengths and transfer codings through). No socket.
 */
#include "hub/api/rpc.h"

/** Strict decimal of at most 18 digits, one value. ERR_INVALID. */
NODISCARD bool http_guard_length(const char *value, uint64_t *ret, struct err *err);
/** "application/json" or "application/proto", parameters only charset=utf-8. */
NODISCARD bool http_guard_encoding(const char *content_type, enum encoding *ret);
/**
 * The token of "Bearer TOKEN". @return false: another scheme, or not the size and characters of a
 * token; then `ret` is "".
 */
NODISCARD bool http_guard_bearer(const char *authorization, char ret[TOKEN_TEXT]);
/** Is this numeric address in the comma-separated list of the option trusted-proxy? */
bool http_guard_is_listed(const char *list, const char *address);
/** The client that the last proxy saw, out of X-Forwarded-For; what stands before it anybody can
 * write. "" when it is no numeric address. */
void http_guard_forwarded(const char *header, char ret[CALLER_ADDRESS]);
/** Does "https://host[:port]" of Origin name this `host` header? Port defaults are understood. */
NODISCARD bool http_guard_same_origin(const char *origin, const char *host);
/** A whole query fragment "after=123" to its number; false when it is another or malformed. */
NODISCARD bool http_guard_after(const char *fragment, int64_t *ret);
