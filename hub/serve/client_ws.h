#pragma once
/* The watch WebSocket: turns lws events into push_*() calls (hub/api/push.h); no rules here. */
#include "hub/serve/http.h"

struct client_ws;

NODISCARD struct client_ws *client_ws_create(struct push *push, struct counters *counters);
/** Only when no watcher is left. */
void client_ws_free(struct client_ws *clients);
AUTO_DEFINE(struct client_ws, client_ws_free)
/** A row of a server's protocol table. */
struct lws_protocols client_ws_protocol(struct client_ws *clients);
/** Says 1001 to every watcher. */
void client_ws_drain(struct client_ws *clients);
size_t client_ws_count(const struct client_ws *clients);
