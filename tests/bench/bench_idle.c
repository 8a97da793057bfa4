/*
 * What idle links cost: memory of each, how late one busy link becomes among them, and what one
 * notice to all of them costs.
 *   bench_idle DIR PID LINKS NOTICES [hold]
 * "hold": the links stay, after the figures are printed, until standard input ends.
 */
#include "hub/base/mem.h"
#include "hub/crypto/field.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "maillon/api/v1/notices.pb-c.h"
#include "tests/bench/bench_call.h"
#include "tests/bench/bench_load.h"
#include "tests/bench/bench_measure.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define QUIET_MS    1500
#define SILENCE_MS  20000
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

static void count_batch(void *ctx, struct bench_peer *peer, const struct bench_frame *frame)
{
    size_t *taken = ctx;
    *taken += frame->kind == BENCH_FRAME_BATCH && frame->lane == 2;
    ack(NULL, peer, frame);
}

/** One notice, posted over the client API, to everybody. */
static void measure_notice(const char *dir, pid_t pid, struct bench_peer **peers,
                           struct pollfd *polled, size_t count)
{
    char what[] = "matelas", key[32];
    size_t taken = 0;
    AUTO(buf_done) struct buf body = {0};
    Maillon__Hfp__V1__NoticeContent content = MAILLON__HFP__V1__NOTICE_CONTENT__INIT;
    Maillon__Api__V1__PostNoticeRequest request = MAILLON__API__V1__POST_NOTICE_REQUEST__INIT;
    snprintf(key, sizeof(key), "%.0f", now_s() * 1e6);
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SURPLUS;
    content.what = what;
    content.status = MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_TEST;
    request.content = &content;
    request.request_key = key;
    wire_pack(&request, &body);
    double cpu = cpu_of_s(pid), begun = now_s();
    bench_call(dir, "Notices/Post", buf_bytes(&body), NULL);
    while (taken < count) {
        if (poll(polled, count, SILENCE_MS) == 0)
            bench_fail("LOST: %zu of %zu peers got the notice", taken, count);
        for (size_t i = 0; i < count; i++) {
            if (polled[i].revents)
                bench_peer_read(peers[i], count_batch, &taken);
        }
    }
    bench_value("notice_ms", (now_s() - begun) * 1e3);
    bench_value("notice_hub_ms", (cpu_of_s(pid) - cpu) * 1e3);
    for (size_t i = 0; i < count; i++)
        bench_peer_flush(peers[i]);
}

/** `polled` has room for one more. */
static void hold(struct bench_peer **peers, struct pollfd *polled, size_t count)
{
    fflush(stdout);
    polled[count] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(polled, count + 1, -1) > 0 && !polled[count].revents) {
        for (size_t i = 0; i < count; i++) {
            if (polled[i].revents) {
                bench_peer_read(peers[i], ack, NULL);
                bench_peer_flush(peers[i]);
            }
        }
    }
}

int main(int argc, char **argv)
{
    const bool holds = argc == 6 && strcmp(argv[5], "hold") == 0;
    if ((argc != 5 && !holds) || !secret_setup())
        bench_fail("usage: bench_idle DIR PID LINKS NOTICES [hold]");
    const char *dir = argv[1];
    pid_t pid = (pid_t)bench_number(argv[2], "PID", 1, 1 << 30);
    size_t links = (size_t)bench_number(argv[3], "LINKS", 1, 19000);
    size_t notices = (size_t)bench_number(argv[4], "NOTICES", 1, 100000);
    struct bench_hub *hub = bench_hub_open(dir);
    struct bench_peer **peers = mem_alloc(links * sizeof(struct bench_peer *));
    struct pollfd *polled = mem_alloc((links + 1) * sizeof(*polled));

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
    measure_notice(dir, pid, peers, polled, links);
    bench_end();

    settle(peers, polled, 0);
    if (holds)
        hold(peers, polled, links);
    for (size_t i = 0; i < links; i++)
        bench_peer_free(peers[i]);
    bench_hub_free(hub);
    free(peers);
    free(polled);
    return 0;
}
