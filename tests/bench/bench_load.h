#pragma once
/* Notices signed beforehand, sent to a hub within a window or at a rate, until each one is acked.
 */
#include "tests/bench/bench_peer.h"

struct bench_load;
/** Signs `count` notices of `author`, of about 500 bytes, for lane 2 behind the hub's cursor. */
struct bench_load *bench_load_create(struct bench_peer *peer, const struct identity *author,
                                     size_t count, uint64_t seed);
void bench_load_free(struct bench_load *load);
/**
 * Sends all of them. @param window  most in flight; @param rate  a second, 0: as fast as it goes.
 * @return seconds from the first byte to the last ack.
 */
double bench_load_run(struct bench_load *load, size_t window, double rate);
/** From when it was to be sent until its ack was read, in ms; `count` values. */
double *bench_load_latencies(struct bench_load *load);
/** Mean size of one signed notice. */
double bench_load_bytes(const struct bench_load *load);
