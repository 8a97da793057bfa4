#pragma once
/*
 * The client API over a hub's unix socket, and the watch stream: HTTP that is kept alive, bodies in
 * protobuf. Blocking calls, and a pool of connections that one thread keeps busy.
 */
#include "hub/base/bytes.h"
#include <poll.h>

/** One call; the program ends when it fails. The answer is appended to `answer` (may be NULL). */
void bench_call(const char *dir, const char *method, struct bytes body, struct buf *answer);
/** The same; false when the hub refuses or cannot be reached yet. */
bool bench_try_call(const char *dir, const char *method, struct bytes body, struct buf *answer);

#define BENCH_COUNTERS_MAX 16384
/** Text of Node/Metrics, kept. */
struct bench_counters {
    char text[BENCH_COUNTERS_MAX];
};
void bench_counters_read(const char *dir, struct bench_counters *ret);
/** Value of "maillon_NAME_total". */
double bench_counter(const struct bench_counters *counters, const char *name);
/** What was counted between the two. */
double bench_counted(const struct bench_counters *before, const struct bench_counters *after,
                     const char *name);

struct bench_pool;
/** `answer` is the protobuf answer; a refused call ends the program. */
typedef void bench_answered(void *ctx, size_t number, struct bytes answer);
struct bench_pool *bench_pool_create(const char *dir, const char *method, size_t connections,
                                     bench_answered *answered, void *ctx);
void bench_pool_free(struct bench_pool *pool);
/** False: every connection waits for its answer. */
bool bench_pool_call(struct bench_pool *pool, size_t number, struct bytes body);
size_t bench_pool_waiting(const struct bench_pool *pool);
/** Fills one entry a connection; bench_pool_read() takes them back after poll(). */
size_t bench_pool_poll(const struct bench_pool *pool, struct pollfd *out);
void bench_pool_read(struct bench_pool *pool, const struct pollfd *polled);

struct bench_watch;
/** Watches from now on; returns when the first event could come. */
struct bench_watch *bench_watch_open(const char *dir);
void bench_watch_close(struct bench_watch *watch);
int bench_watch_fd(const struct bench_watch *watch);
typedef void bench_event(void *ctx, const char *json);
/** Reads what is there. */
void bench_watch_read(struct bench_watch *watch, bench_event *event, void *ctx);
