#pragma once
/* Addresses that peers dial: wss:// or ws:// urls, as they travel in entries, requests and invites.
 */
#include "hub/base/arena.h"

#define ROUTES_MAX      3
#define ROUTE_BYTES_MAX 255

/**
 * True for ws[s]://host[:port][/path]: a name, IPv4 or [IPv6] address, port 1..65535, no user,
 * query or fragment, only characters that need no escaping in a log line or on a page.
 */
bool route_is_valid(const char *route);

/** Stored form: one route a line. Arena text. */
char *routes_join(struct arena *arena, const char *const *routes, size_t count);
/** The reverse: copies at most ROUTES_MAX valid routes into rows of `size` bytes; returns how many.
 */
size_t routes_split(const char *text, char *rows, size_t size);
