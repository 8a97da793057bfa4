#pragma once
/* Figures of the hub for Status and for Prometheus: counts only, no name and no content. */
#include "hub/api/rpc.h"

struct metrics {
    uint64_t peers, peers_connected; /* with a relation that is alive */
    uint64_t queued, objects, storage_bytes;
    uint64_t open_referrals, open_notices, services;
};
NODISCARD bool metrics_read(const struct api_env *env, struct store *store, struct arena *arena,
                            struct wall now, struct metrics *ret, struct err *err);
/** Text exposition format 0.0.4: counters, then metrics, appended to `out`. */
void metrics_write(const struct counters *counters, const struct metrics *metrics, int64_t uptime_s,
                   struct buf *out);
