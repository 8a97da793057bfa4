#pragma once
/*
 * The unix socket of hubctl: only root, this uid and the configured ones get in, checked before lws
 * sees the connection. lws' own listener would steal a live socket from another daemon.
 */
#include "hub/serve/http.h"

struct unix_socket;

/**
 * Listens on `path` (mode 0660). A lock beside it tells a running daemon from what a dead one left.
 * @param uids  further uids, comma separated.
 * @return NULL: ERR_CONFLICT another daemon has it; ERR_INVALID uids or path; ERR_IO.
 */
NODISCARD struct unix_socket *unix_socket_open(struct loop *loop, struct net *net,
                                               struct http *http, struct counters *counters,
                                               const char *path, const char *uids, struct err *err);
/** Removes the socket; connections that are open live on. */
void unix_socket_close(struct unix_socket *unix_socket); /* NULL is fine */
