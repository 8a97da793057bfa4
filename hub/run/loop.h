#pragma once
/*
 * The loop thread: one libuv loop, one timer for the ticks of all modules, signals, descriptors to
 * watch and names to resolve. lws runs on it as a guest (net.h). libuv's home together with work.
 */
#include "hub/base/attr.h"
#include "hub/base/clock.h"
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct loop;

/** Borrows `clock`. Aborts when the system gives no loop. */
NODISCARD struct loop *loop_create(const struct clock *clock);
/** Runs until loop_close() and everything else on the loop has closed. */
void loop_run(struct loop *loop);
/** Waits for something to happen and does it. */
void loop_turn(struct loop *loop);
/** Closes the loop's own handles; loop_run() then returns once the others are closed too. */
void loop_close(struct loop *loop);
/** Only after loop_run() returned. @return false: something on the loop was left open. */
bool loop_free(struct loop *loop);
uv_loop_t *loop_uv(struct loop *loop);

/** Does what is due and returns when to be called again. Called after every turn, so it must be
 * cheap. */
typedef struct mono loop_tick(void *ctx, struct mono now);
/** At most LOOP_TICKS_MAX; called in order of adding. */
#define LOOP_TICKS_MAX 16
void loop_add_tick(struct loop *loop, loop_tick *tick, void *ctx);

typedef void loop_signal(void *ctx, int signum);
#define LOOP_SIGNALS_MAX 4
void loop_on_signal(struct loop *loop, int signum, loop_signal *signal, void *ctx);

/** Calls `ready` while `fd` is readable. The caller keeps owning the descriptor. */
struct loop_watch;
NODISCARD struct loop_watch *loop_watch_open(struct loop *loop, int fd, void (*ready)(void *ctx),
                                             void *ctx);
void loop_watch_close(struct loop_watch *watch); /* NULL is fine; then close the descriptor */

#define RESOLVED_MAX 4
struct resolved { /* numeric addresses in the order the system prefers */
    char address[RESOLVED_MAX][INET6_ADDRSTRLEN];
    size_t count; /* 0: no such name, or no answer */
};
/** Off the loop's thread; `done` comes later on it, exactly once, and cannot be taken back. */
typedef void loop_resolved(void *ctx, const struct resolved *resolved);
void loop_resolve(struct loop *loop, const char *host, loop_resolved *done, void *ctx);
/** Names being resolved. */
size_t loop_resolving(const struct loop *loop);
