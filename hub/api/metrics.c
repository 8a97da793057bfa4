#include "hub/api/metrics.h"

#include "hub/domain/notice.h"
#include "hub/outbox/outbox.h"
#include "hub/store/stmt.h"
#include <inttypes.h>

static bool count(struct stmt *stmt, uint64_t *ret, struct err *err)
{
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret = (uint64_t)stmt_i64(stmt, 0);
    return true;
}

static bool count_peers(const struct api_env *env, struct store *store, struct arena *arena,
                        struct metrics *metrics, struct err *err)
{
    struct relation *relations;
    size_t relation_count;
    if (!relation_list(store, arena, &relations, &relation_count, err))
        return false;
    for (size_t i = 0; i < relation_count; i++) {
        struct live_peer live = {0};
        if (relations[i].ours == DECISION_BLOCKED || relations[i].ours == DECISION_LEFT)
            continue;
        metrics->peers++;
        if (env->live.peer && env->live.peer(env->live.ctx, &relations[i].node, &live))
            metrics->peers_connected += live.connected;
    }
    return true;
}

/* Counts over the smallest index of each table, on the reader's connection. */
static bool count_rows(struct store *store, struct metrics *metrics, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *objects = stmt_get(store, "SELECT COUNT(*) FROM object", err);
    AUTO(stmt_release)
    struct stmt *referrals =
        stmt_get(store, "SELECT COUNT(*) FROM referral WHERE is_open = 1", err);
    AUTO(stmt_release)
    struct stmt *services = stmt_get(store, "SELECT COUNT(*) FROM directory_entry", err);
    return count(objects, &metrics->objects, err) &&
           count(referrals, &metrics->open_referrals, err) &&
           count(services, &metrics->services, err);
}

bool metrics_read(const struct api_env *env, struct store *store, struct arena *arena,
                  struct wall now, struct metrics *ret, struct err *err)
{
    struct metrics metrics = {0};
    uint32_t notices;
    if (!count_peers(env, store, arena, &metrics, err) || !count_rows(store, &metrics, err) ||
        !outbox_count(store, NULL, &metrics.queued, err) ||
        !notice_count_open(store, now, &notices, err))
        return false;
    metrics.open_notices = notices;
    metrics.storage_bytes = (uint64_t)store_size(store);
    *ret = metrics;
    return true;
}

static void gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    buf_addf(out, "# HELP maillon_%s %s\n# TYPE maillon_%s gauge\nmaillon_%s %" PRIu64 "\n", name,
             help, name, name, value);
}

void metrics_write(const struct counters *counters, const struct metrics *metrics, int64_t uptime_s,
                   struct buf *out)
{
    for (const struct counter_info *info = counter_infos; info->name; info++)
        buf_addf(out,
                 "# HELP maillon_%s_total %s\n# TYPE maillon_%s_total counter\n"
                 "maillon_%s_total %" PRIu64 "\n",
                 info->name, info->help, info->name, info->name, counter_value(counters, info));
    const struct {
        const char *name, *help;
        uint64_t value;
    } gauges[] = {
        {"uptime_seconds", "since the hub started", uptime_s > 0 ? (uint64_t)uptime_s : 0},
        {"peers", "relations that were not ended", metrics->peers},
        {"peers_connected", "peers with a session now", metrics->peers_connected},
        {"outbox_queued", "objects waiting for peers", metrics->queued},
        {"objects", "signed objects held", metrics->objects},
        {"storage_bytes", "of the database file", metrics->storage_bytes},
        {"referrals_open", "referrals that wait for something", metrics->open_referrals},
        {"notices_open", "own notices that are open", metrics->open_notices},
        {"services", "services of this hub and its peers", metrics->services},
    };
    for (size_t i = 0; i < ARRAY_LEN(gauges); i++)
        gauge(out, gauges[i].name, gauges[i].help, gauges[i].value);
}
