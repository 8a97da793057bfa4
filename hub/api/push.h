#pragma once
/*
 * The watch stream without sockets: who may see an event gets it once and in order, from any event
 * number on. New events are read once for all who are up to date; who is behind gets pages. A slow
 * client costs one page of memory. Loop thread.
 */
#include "hub/api/rpc.h"

struct push;
struct push_client;

/** Listens to `env->exchange`; the caller frees it after the exchange. */
NODISCARD struct push *push_create(const struct api_env *env);
/** Only when idle (push_is_idle). */
void push_free(struct push *push);
AUTO_DEFINE(struct push, push_free)
/** True when no client is open and no query runs. */
bool push_is_idle(const struct push *push);

#define PUSH_FROM_NOW (-1)
/** Something may be taken. Not called inside push_open or push_take. */
typedef void push_wake(void *ctx);
/**
 * Who the caller is gets checked before the first event, and again once a minute.
 * @param after  number of the last event seen: what is newer comes; PUSH_FROM_NOW: nothing older.
 */
NODISCARD struct push_client *push_open(struct push *push, const struct caller *caller,
                                        int64_t after, push_wake *wake, void *ctx);
void push_close(struct push_client *client); /* NULL is fine; no wake after it */

enum push_state {
    PUSH_EVENT,   /* one was appended */
    PUSH_NOTHING, /* wait for the wake */
    PUSH_CLOSED,  /* the client may not watch (any more): `err` says why */
};
/** Appends the next event as JSON (WatchEvent), at most WATCH_MESSAGE_MAX bytes. */
enum push_state push_take(struct push_client *client, struct buf *out, struct err *err);
/** Number of the last event taken or passed over: where to resume. */
int64_t push_number(const struct push_client *client);
