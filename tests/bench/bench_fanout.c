/*
 * Peers that hold nothing yet take all own notices of a hub at once (each notice is one row, one
 * signature and, packed with others, one frame for all of them); then new notices are posted while
 * all peers listen.
 *   bench_fanout DIR PID PEERS LIVE
 */
#include "hub/base/mem.h"
#include "hub/crypto/field.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "maillon/api/v1/notices.pb-c.h"
#include "tests/bench/bench_call.h"
#include "tests/bench/bench_measure.h"
#include "tests/bench/bench_peer.h"
#include <stdio.h>
#include <stdlib.h>

#define LANE        2
#define PEERS_MAX   64
#define POSTS_MAX   64 /* calls at once */
#define SILENCE_MS  20000
#define FIRST_INDEX 1 /* bench_ingest is peer 0 */

struct drain {
    struct bench_peer *peer;
    uint64_t last, acked;
    size_t objects;
};

struct fanout {
    struct drain drains[PEERS_MAX];
    size_t count, objects, frames;
};

static struct drain *drain_of(struct fanout *fanout, const struct bench_peer *peer)
{
    for (size_t i = 0; i < fanout->count; i++) {
        if (fanout->drains[i].peer == peer)
            return &fanout->drains[i];
    }
    bench_fail("a frame of nobody");
}

static void on_frame(void *ctx, struct bench_peer *peer, const struct bench_frame *frame)
{
    struct fanout *fanout = ctx;
    struct drain *drain = drain_of(fanout, peer);
    struct field field;
    if (frame->kind != BENCH_FRAME_BATCH || frame->lane != LANE)
        return;
    fanout->frames++;
    for (struct field_reader r = field_reader(frame->bytes); field_next(&r, &field);) {
        uint64_t link_seq = bench_field(field.bytes, 1);
        if (link_seq <= drain->last)
            bench_fail("DOUBLED: a peer got number %llu after %llu", (unsigned long long)link_seq,
                       (unsigned long long)drain->last);
        drain->last = link_seq;
        drain->objects++;
        fanout->objects++;
    }
}

/** Reads who has something and acks it. */
static void take(struct fanout *fanout, const struct pollfd *polled)
{
    for (size_t i = 0; i < fanout->count; i++) {
        struct drain *drain = &fanout->drains[i];
        if (polled[i].revents)
            bench_peer_read(drain->peer, on_frame, fanout);
        if (drain->last > drain->acked)
            bench_peer_ack(drain->peer, LANE, drain->acked = drain->last);
        bench_peer_flush(drain->peer);
    }
}

static void poll_peers(struct fanout *fanout, struct pollfd *out)
{
    for (size_t i = 0; i < fanout->count; i++)
        out[i] = (struct pollfd){.fd = bench_peer_fd(fanout->drains[i].peer), .events = POLLIN};
}

static void wait_ready(struct pollfd *polled, size_t count)
{
    if (poll(polled, count, SILENCE_MS) == 0)
        bench_fail("LOST: nothing came for %d s", SILENCE_MS / 1000);
}

static void check_all(const struct fanout *fanout, size_t expected)
{
    for (size_t i = 0; i < fanout->count; i++) {
        if (fanout->drains[i].objects != expected)
            bench_fail("LOST OR DOUBLED: a peer holds %zu of %zu objects",
                       fanout->drains[i].objects, expected);
    }
}

/** All there is, for all of them at once. */
static void drain_all(struct fanout *fanout, pid_t pid, size_t expected)
{
    struct pollfd polled[PEERS_MAX];
    struct cpu_span span = cpu_span_begin(pid, 0);
    double begun = now_s();
    for (size_t i = 0; i < fanout->count; i++)
        bench_peer_start(fanout->drains[i].peer);
    while (fanout->objects < expected * fanout->count) {
        poll_peers(fanout, polled);
        wait_ready(polled, fanout->count);
        take(fanout, polled);
    }
    double seconds = now_s() - begun;
    bench_value("objects_per_s", (double)fanout->objects / seconds);
    bench_value("frames_per_s", (double)fanout->frames / seconds);
    cpu_span_end(&span, (double)fanout->objects);
    check_all(fanout, expected);
}

static void on_posted(void *ctx, size_t number, struct bytes answer)
{
    (void)ctx;
    (void)number;
    (void)answer;
}

static void request(size_t number, struct buf *out)
{
    char what[64];
    Maillon__Hfp__V1__NoticeContent content = MAILLON__HFP__V1__NOTICE_CONTENT__INIT;
    Maillon__Api__V1__PostNoticeRequest post = MAILLON__API__V1__POST_NOTICE_REQUEST__INIT;
    snprintf(what, sizeof(what), "chaises %zu", number);
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SURPLUS;
    content.what = what;
    content.status = MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_TEST;
    post.content = &content;
    out->len = 0;
    wire_pack(&post, out);
}

/** Posted over the client API while everybody listens: signed, stored, journalled, sent. */
static void post_live(struct fanout *fanout, const char *dir, size_t count, size_t expected)
{
    struct pollfd polled[PEERS_MAX + POSTS_MAX];
    AUTO(buf_done) struct buf body = {0};
    struct bench_pool *pool = bench_pool_create(dir, "Notices/Post", POSTS_MAX, on_posted, NULL);
    size_t sent = 0, before = fanout->objects;
    double begun = now_s();
    while (fanout->objects < (expected + count) * fanout->count) {
        for (; sent < count && bench_pool_waiting(pool) < POSTS_MAX; sent++) {
            request(sent, &body);
            if (!bench_pool_call(pool, sent, buf_bytes(&body)))
                break;
        }
        poll_peers(fanout, polled);
        size_t calls = bench_pool_poll(pool, polled + fanout->count);
        wait_ready(polled, fanout->count + calls);
        bench_pool_read(pool, polled + fanout->count);
        take(fanout, polled);
    }
    double seconds = now_s() - begun;
    printf(" |");
    bench_value("live_objects_per_s", (double)(fanout->objects - before) / seconds);
    bench_value("live_posts_per_s", (double)count / seconds);
    check_all(fanout, expected + count);
    bench_pool_free(pool);
}

int main(int argc, char **argv)
{
    if (argc != 5 || !secret_setup())
        bench_fail("usage: bench_fanout DIR PID PEERS LIVE");
    const char *dir = argv[1];
    pid_t pid = (pid_t)bench_number(argv[2], "PID", 1, 1 << 30);
    struct fanout *fanout = mem_alloc(sizeof(*fanout));
    fanout->count = (size_t)bench_number(argv[3], "PEERS", 1, PEERS_MAX);
    size_t live = (size_t)bench_number(argv[4], "LIVE", 0, 100000);
    struct store *store = bench_store(dir);
    size_t expected = (size_t)bench_count(store, "SELECT COUNT(*) FROM journal");
    store_close(store);
    struct bench_hub *hub = bench_hub_open(dir);
    for (size_t i = 0; i < fanout->count; i++) {
        AUTO(identity_free)
        struct identity *self = bench_identity(dir, FIRST_INDEX + (unsigned)i);
        fanout->drains[i].peer = bench_peer_open(hub, self);
    }
    drain_all(fanout, pid, expected);
    if (live)
        post_live(fanout, dir, live, expected);
    bench_end();
    for (size_t i = 0; i < fanout->count; i++)
        bench_peer_free(fanout->drains[i].peer);
    bench_hub_free(hub);
    free(fanout);
    return 0;
}
