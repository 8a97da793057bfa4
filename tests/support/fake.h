#pragma once
/* Stand-ins for the clock, randomness and the executor, so that a test decides and a seed replays.
 */
#include "hub/base/clock.h"
#include "hub/base/executor.h"
#include "hub/base/random.h"
#include <stddef.h>

/** Stands still until told. Hand out `&fake.clock`; the struct must stay put. */
struct fake_clock {
    struct clock clock;
    struct wall wall;
    struct mono mono;
};
/** Starts at 2026-11-22T08:00:00Z, mono 1 s. */
void fake_clock_init(struct fake_clock *fake);
/** Both clocks move on together. */
void fake_clock_advance(struct fake_clock *fake, int64_t ms);
/** The wall clock alone jumps, as when it is set right. */
void fake_clock_set_wall(struct fake_clock *fake, int64_t wall_ms);

/** splitmix64: the same seed gives the same bytes. Hand out `&fake.source`. */
struct fake_random {
    struct random_source source;
    uint64_t state;
};
void fake_random_init(struct fake_random *fake, uint64_t seed);

/**
 * Runs jobs in the caller's thread. FAKE_IMMEDIATE calls run and done inside submit; FAKE_QUEUED
 * runs the job at once and keeps `done` for fake_executor_drain, as the real loop would.
 */
enum fake_executor_mode { FAKE_IMMEDIATE, FAKE_QUEUED };
struct fake_executor {
    struct executor executor; /* hand out `&fake.executor` */
    enum fake_executor_mode mode;
    struct job *first, **last; /* waiting for `done`, oldest first */
    size_t submitted;
};
void fake_executor_init(struct fake_executor *fake, enum fake_executor_mode mode);
/** Calls `done` of what waits, also of jobs submitted meanwhile. @return how many. */
size_t fake_executor_drain(struct fake_executor *fake);
