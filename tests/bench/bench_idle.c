/*
 * What idle links cost: memory of each, and how late one busy link becomes among them.
 *   bench_idle DIR PID LINKS NOTICES
 */
#include "hub/base/mem.h"
#include "hub/crypto/field.h"
#include "hub/crypto/secret.h"
#include "tests/bench/bench_load.h"
#include "tests/bench/bench_measure.h"
#include <poll.h>
#include <stdlib.h>

#define QUIET_MS    1500
#define FIRST_INDEX 1

static void ack(void *ctx, struct bench_peer *peer, const struct bench_frame *frame)
{
    (void)ctx;
    uint64_t last = 0;
    struct field field;
    if (frame->kind != BENCH_FRAME_BATCH)
        return;
    for (struct field_reader r = field_reader(frame->bytes); field_next(&r, &field);)
        last = bench_field(field.bytes, 1);
    bench_peer_ack(peer, frame->lane, last);
}

/** Takes what the hub tells new peers, until it has told all. */
static void settle(struct bench_peer **peers, struct pollfd *polled, size_t count)
{
    for (size_t i = 0; i < count; i++)
        polled[i] = (struct pollfd){.fd = bench_peer_fd(peers[i]), .events = POLLIN};
    while (poll(polled, count, QUIET_MS) > 0) {
        for (size_t i = 0; i < count; i++) {
            if (polled[i].revents) {
                bench_peer_read(peers[i], ack, NULL);
                bench_peer_flush(peers[i]);
            }
        }
    }
}

/** One in flight on one link: p50 and p99 in ms. */
static void measure_ack(struct bench_hub *hub, const char *dir, size_t count, const char *p50,
                        const char *p99)
{
    AUTO(identity_free) struct identity *self = bench_identity(dir, 0);
    struct bench_peer *peer = bench_peer_open(hub, self);
    struct bench_load *load = bench_load_create(peer, self, count, (uint64_t)(now_s() * 1e6));
    bench_peer_start(peer);
    bench_load_run(load, 1, 0);
    bench_value(p50, percentile(bench_load_latencies(load), count, 50));
    bench_value(p99, percentile(bench_load_latencies(load), count, 99));
    bench_load_free(load);
    bench_peer_free(peer);
}

int main(int argc, char **argv)
{
    if (argc != 5 || !secret_setup())
        bench_fail("usage: bench_idle DIR PID LINKS NOTICES");
    const char *dir = argv[1];
    pid_t pid = (pid_t)bench_number(argv[2], "PID", 1, 1 << 30);
    size_t links = (size_t)bench_number(argv[3], "LINKS", 1, 19000);
    size_t notices = (size_t)bench_number(argv[4], "NOTICES", 1, 100000);
    struct bench_hub *hub = bench_hub_open(dir);
    struct bench_peer **peers = mem_alloc(links * sizeof(struct bench_peer *));
    struct pollfd *polled = mem_alloc(links * sizeof(*polled));

    measure_ack(hub, dir, notices, "ack_p50_ms", "ack_p99_ms");
    long private_before = memory_kib(pid, "Private_Dirty");
    double cpu = cpu_of_s(pid), begun = now_s();
    for (size_t i = 0; i < links; i++) {
        AUTO(identity_free)
        struct identity *self = bench_identity(dir, FIRST_INDEX + (unsigned)i);
        peers[i] = bench_peer_open(hub, self);
        bench_peer_start(peers[i]);
    }
    double seconds = now_s() - begun;
    settle(peers, polled, links);
    long private_after = memory_kib(pid, "Private_Dirty");
    bench_value("kib_per_link", (double)(private_after - private_before) / (double)links);
    bench_value("open_ms_per_link", seconds * 1e3 / (double)links);
    bench_value("hub_ms_per_link", (cpu_of_s(pid) - cpu) * 1e3 / (double)links);
    measure_ack(hub, dir, notices, "ack_idle_p50_ms", "ack_idle_p99_ms");
    bench_end();

    settle(peers, polled, 0);
    for (size_t i = 0; i < links; i++)
        bench_peer_free(peers[i]);
    bench_hub_free(hub);
    free(peers);
    free(polled);
    return 0;
}
