#pragma once
/*
 * Threads of the daemon behind hub/base/executor.h: one writer, one reader, a pool of workers.
 * Results come back on the loop's thread through one uv_async. libuv's home together with loop.
 */
#include "hub/base/attr.h"
#include "hub/base/executor.h"
#include <uv.h>

struct work;

/** @param workers  threads of LANE_WORKER, 1..16. Aborts when threads cannot start. */
NODISCARD struct work *work_create(uv_loop_t *loop, unsigned workers);
/** Joins the threads; every job submitted must have come back. Then uv_run until its handle closed.
 */
void work_close(struct work *work);
const struct executor *work_executor(struct work *work);
/** Jobs submitted and not told yet. */
size_t work_pending(const struct work *work);
