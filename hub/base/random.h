#pragma once
/* Randomness passed in, so that a seed replays a run. */
#include <stddef.h>
#include <stdint.h>

struct random_source {
    void (*fill)(void *ctx, void *out, size_t len);
    void *ctx;
};
/** getrandom(2), small draws from a pool per thread; aborts when the kernel has none. Any thread.
 */
extern const struct random_source random_system;

static inline void random_fill(const struct random_source *random, void *out, size_t len)
{
    random->fill(random->ctx, out, len);
}
/** Uniform in [0, bound), bound > 0. */
uint64_t random_below(const struct random_source *random, uint64_t bound);
