#pragma once
/* Time as a value, and the one door through which code learns it. */
#include <stdbool.h>
#include <stdint.h>

/** Wall clock, milliseconds since 1970-01-01 UTC. What is stored and sent. */
struct wall {
    int64_t ms;
};
/** Monotonic clock, microseconds since an arbitrary start. What timers use. */
struct mono {
    int64_t us;
};

/** Passed in, never global: tests hand a fake one (tests/support). Callable from any thread. */
struct clock {
    struct wall (*wall)(void *ctx);
    struct mono (*mono)(void *ctx);
    void *ctx;
    /** The kernel says that a time server keeps this clock right; NULL: cannot say. */
    bool (*is_synced)(void *ctx);
};
/** The real clocks of this machine. */
extern const struct clock clock_system;

static inline struct wall clock_wall(const struct clock *clock)
{
    return clock->wall(clock->ctx);
}
static inline struct mono clock_mono(const struct clock *clock)
{
    return clock->mono(clock->ctx);
}
static inline bool clock_is_synced(const struct clock *clock)
{
    return clock->is_synced && clock->is_synced(clock->ctx);
}
#define MONO_NEVER ((struct mono){INT64_MAX})
static inline struct mono mono_min(struct mono a, struct mono b)
{
    return a.us < b.us ? a : b;
}
static inline struct mono mono_after_ms(struct mono from, int64_t ms)
{
    return (struct mono){from.us + ms * 1000};
}
