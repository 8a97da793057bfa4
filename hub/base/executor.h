#pragma once
/*
 * Where jobs run, as seen by modules that own no thread. The daemon gives threads (hub/run/work),
 * tests and the simulator run everything inline on the fake clock.
 */
#include <stdbool.h>

/** LANE_WRITER and LANE_READER are one thread each, in order; LANE_WORKER is a pool for pure jobs. */
enum lane { LANE_WRITER, LANE_READER, LANE_WORKER };

/** Embedded in the caller's own struct; must stay put until `done` was called. */
struct job {
    void (*run)(struct job *job);  /* on the lane's thread */
    void (*done)(struct job *job); /* back on the loop's thread; may free the job */
    struct job *next;              /* the executor's */
};

struct executor {
    void (*submit)(void *ctx, enum lane lane, struct job *job);
    void *ctx;
};

static inline void executor_submit(const struct executor *executor, enum lane lane, struct job *job)
{
    executor->submit(executor->ctx, lane, job);
}
