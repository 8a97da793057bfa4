/*
 * One peer sends signed notices to a hub until each is durable and acked.
 *   bench_ingest DIR PID COUNT [WINDOW [RATE]]
 * WINDOW: most in flight (1024). RATE: a second (0: as fast as it goes).
 */
#include "hub/crypto/secret.h"
#include "tests/bench/bench_call.h"
#include "tests/bench/bench_load.h"
#include "tests/bench/bench_measure.h"
#include <stdio.h>
#include <stdlib.h>

#define SQL_STORED   "SELECT COUNT(*) FROM notice"
#define SQL_DISTINCT "SELECT COUNT(DISTINCT oid) FROM object"
#define SQL_OBJECTS  "SELECT COUNT(*) FROM object"

/** Exactly `count` more of everything than before. */
static void check_stored(const char *dir, int64_t notices, int64_t objects, size_t count)
{
    struct store *store = bench_store(dir);
    int64_t stored = bench_count(store, SQL_STORED) - notices;
    int64_t distinct = bench_count(store, SQL_DISTINCT), all = bench_count(store, SQL_OBJECTS);
    store_close(store);
    if (stored != (int64_t)count || all - objects != (int64_t)count || distinct != all)
        bench_fail("LOST OR DOUBLED: %zu sent, %lld notices and %lld objects stored, %lld doubled",
                   count, (long long)stored, (long long)(all - objects),
                   (long long)(all - distinct));
}

int main(int argc, char **argv)
{
    if (argc < 4 || argc > 6 || !secret_setup())
        bench_fail("usage: bench_ingest DIR PID COUNT [WINDOW [RATE]]");
    const char *dir = argv[1];
    pid_t pid = (pid_t)bench_number(argv[2], "PID", 1, 1 << 30);
    size_t count = (size_t)bench_number(argv[3], "COUNT", 1, 10000000);
    size_t window = argc > 4 ? (size_t)bench_number(argv[4], "WINDOW", 1, LINK_WINDOW_OBJECTS)
                             : LINK_WINDOW_OBJECTS;
    double rate = argc > 5 ? (double)bench_number(argv[5], "RATE", 0, 1000000) : 0;

    struct bench_counters *before = malloc(sizeof(*before)), *after = malloc(sizeof(*after));
    struct store *store = bench_store(dir);
    int64_t notices = bench_count(store, SQL_STORED), objects = bench_count(store, SQL_OBJECTS);
    store_close(store);
    struct identity *self = bench_identity(dir, 0);
    struct bench_hub *hub = bench_hub_open(dir);
    struct bench_peer *peer = bench_peer_open(hub, self);
    struct bench_load *load = bench_load_create(peer, self, count, (uint64_t)(now_s() * 1e6));
    bench_peer_start(peer);

    bench_counters_read(dir, before);
    struct cpu_span span = cpu_span_begin(pid, 0);
    double seconds = bench_load_run(load, window, rate);
    bench_value("objects_per_s", (double)count / seconds);
    cpu_span_end(&span, (double)count);
    bench_counters_read(dir, after);

    double *latencies = bench_load_latencies(load);
    bench_value("p50_ms", percentile(latencies, count, 50));
    bench_value("p99_ms", percentile(latencies, count, 99));
    double commits = bench_counted(before, after, "commits");
    bench_value("rows_per_commit", commits > 0 ? (double)count / commits : 0);
    bench_value("commit_ms",
                commits > 0 ? bench_counted(before, after, "commit_us") / commits / 1e3 : 0);
    bench_value("writer_share", bench_counted(before, after, "writer_us") / 1e6 / seconds);
    bench_value("object_bytes", bench_load_bytes(load));
    bench_end();
    check_stored(dir, notices, objects, count);

    bench_load_free(load);
    bench_peer_free(peer);
    bench_hub_free(hub);
    identity_free(self);
    free(before);
    free(after);
    return 0;
}
