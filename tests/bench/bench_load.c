#include "tests/bench/bench_load.h"

#include "hub/base/mem.h"
#include "hub/crypto/field.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include "maillon/hfp/v1/notice.pb-c.h"
#include "tests/bench/bench_measure.h"
#include "tests/support/fake.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define LANE           2
#define LIFE_S         (7 * 86400)
#define ROOM_MIN       64 /* a hub waits for as much room: small frames cost as much as full ones */
#define SILENCE_MS     20000
#define FRAME_OVERHEAD 16

struct bench_load {
    struct bench_peer *peer;
    size_t count, sent, acked;
    uint64_t first_seq;
    struct buf data; /* elements of Batch.data, one after the other */
    size_t *ends;    /* in `data` */
    double *started; /* when each was to be sent; then its latency in ms */
    size_t signed_bytes;
};

static const char detail[] =
    "Twelve mattresses, ninety by one hundred and ninety, clean, with covers. They stand in the "
    "hall behind the market and can be fetched on any weekday between nine and five; a van fits "
    "through the gate. Please say the day before.";

static struct bytes sign_notice(const struct identity *author, struct arena *arena, size_t number,
                                struct fake_random *random, struct oid *prev, struct buf *out)
{
    uint8_t uid[UID_BYTES];
    char what[64];
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Quantity quantity = MAILLON__HFP__V1__QUANTITY__INIT;
    Maillon__Hfp__V1__NoticeContent content = MAILLON__HFP__V1__NOTICE_CONTENT__INIT;
    Maillon__Hfp__V1__Notice notice = MAILLON__HFP__V1__NOTICE__INIT;
    random_fill(&random->source, uid, sizeof(uid));
    head.node = wire_data(node_id_bytes(identity_node(author)));
    head.incarnation = 1;
    head.seq = number + 1;
    if (number)
        head.prev = wire_data(oid_bytes(prev));
    head.created_s = (uint64_t)(clock_wall(&clock_system).ms / 1000);
    head.expires_s = head.created_s + LIFE_S;
    quantity.amount = 12;
    quantity.unit = arena_text(arena, "matelas");
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SURPLUS;
    snprintf(what, sizeof(what), "matelas %zu", number);
    content.what = what;
    content.detail = arena_text(arena, detail);
    content.theme = arena_text(arena, "equipement-et-alimentation");
    content.quantity = &quantity;
    content.commune = arena_text(arena, "35236");
    content.status = MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_TEST;
    notice.head = &head;
    notice.uid = wire_data(bytes_of(uid, sizeof(uid)));
    notice.version = 1;
    notice.content = &content;
    out->len = 0;
    identity_sign(author, TYPE_NOTICE, wire_pack_arena(&notice, arena), out, prev);
    return buf_bytes(out);
}

/** One element of Batch.data: tag, length, Data. */
static void add_element(struct bench_load *load, size_t number, struct bytes object,
                        const struct oid *oid)
{
    AUTO(buf_done) struct buf packed = {0};
    Maillon__Hfp__V1__Data data = MAILLON__HFP__V1__DATA__INIT;
    data.link_seq = load->first_seq + number;
    data.oid = wire_data(oid_bytes(oid));
    data.object = wire_data(object);
    wire_pack(&data, &packed);
    size_t len = field_bytes_len(1, packed.len);
    field_put_bytes(buf_reserve(&load->data, len), 1, buf_bytes(&packed));
    load->data.len += len;
    load->ends[number] = load->data.len;
    load->signed_bytes += object.len;
}

struct bench_load *bench_load_create(struct bench_peer *peer, const struct identity *author,
                                     size_t count, uint64_t seed)
{
    struct fake_random random;
    struct oid prev = {0};
    AUTO(buf_done) struct buf object = {0};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct bench_load *load = mem_alloc(sizeof(*load));
    fake_random_init(&random, seed);
    load->peer = peer;
    load->count = count;
    load->first_seq = bench_peer_cursor(peer, LANE) + 1;
    load->ends = mem_alloc(count * sizeof(*load->ends));
    load->started = mem_alloc(count * sizeof(*load->started));
    for (size_t i = 0; i < count; i++) {
        arena_reset(arena);
        struct bytes bytes = sign_notice(author, arena, i, &random, &prev, &object);
        add_element(load, i, bytes, &prev);
    }
    return load;
}

void bench_load_free(struct bench_load *load)
{
    buf_done(&load->data);
    free(load->ends);
    free(load->started);
    free(load);
}

double *bench_load_latencies(struct bench_load *load)
{
    return load->started;
}

double bench_load_bytes(const struct bench_load *load)
{
    return (double)load->signed_bytes / (double)load->count;
}

static size_t start_of(const struct bench_load *load, size_t number)
{
    return number ? load->ends[number - 1] : 0;
}

/** As many as one frame of a hub would hold, at most `most`. */
static void send_batch(struct bench_load *load, size_t most)
{
    size_t from = start_of(load, load->sent), count = 0;
    if (most > LINK_BATCH_MAX)
        most = LINK_BATCH_MAX;
    while (count < most &&
           (!count || load->ends[load->sent + count] - from + FRAME_OVERHEAD <= LINK_PACK_BYTES))
        count++;
    struct bytes list = {load->data.data + from, load->ends[load->sent + count - 1] - from};
    uint8_t head[FRAME_OVERHEAD] = {1 << 3, LANE, BENCH_FRAME_BATCH << 3 | 2};
    uint8_t *end = field_put_varint(head + 3, list.len);
    struct bytes parts[] = {{head, (size_t)(end - head)}, list};
    bench_peer_send(load->peer, parts, ARRAY_LEN(parts));
    load->sent += count;
}

/** Sends what window and rate allow now. @return ms until the rate allows more. */
static double send_due(struct bench_load *load, size_t window, double rate, double begun)
{
    size_t due = load->count;
    double now = now_s();
    if (rate > 0) {
        double passed = (now - begun) * rate + 1;
        due = passed < (double)load->count ? (size_t)passed : load->count;
    }
    while (load->sent < due) {
        size_t in_flight = load->sent - load->acked, room = window - in_flight;
        size_t left = due - load->sent, before = load->sent;
        if (!room || (rate <= 0 && in_flight && room < ROOM_MIN && room < left))
            break;
        send_batch(load, left < room ? left : room);
        for (size_t i = before; i < load->sent; i++)
            load->started[i] = rate > 0 ? begun + (double)i / rate : now;
        if (!bench_peer_flush(load->peer))
            break;
    }
    return rate > 0 && due < load->count ? (begun + (double)due / rate - now_s()) * 1e3
                                         : SILENCE_MS;
}

static void on_frame(void *ctx, struct bench_peer *peer, const struct bench_frame *frame)
{
    struct bench_load *load = ctx;
    if (frame->kind == BENCH_FRAME_BATCH) { /* the hub's own card */
        struct field field;
        uint64_t last = 0;
        for (struct field_reader r = field_reader(frame->bytes); field_next(&r, &field);)
            last = bench_field(field.bytes, 1);
        bench_peer_ack(peer, frame->lane, last);
    } else if (frame->kind == BENCH_FRAME_ACK && frame->lane == LANE) {
        uint64_t acked = bench_field(frame->bytes, 1) + 1 - load->first_seq;
        double now = now_s();
        if (acked > load->sent)
            bench_fail("the hub acked what was not sent");
        for (; load->acked < acked; load->acked++)
            load->started[load->acked] = (now - load->started[load->acked]) * 1e3;
    } else if (frame->kind != BENCH_FRAME_ACK) {
        bench_fail("the hub answered with frame %u", frame->kind);
    }
}

double bench_load_run(struct bench_load *load, size_t window, double rate)
{
    double begun = now_s();
    while (load->acked < load->count) {
        double wait_ms = send_due(load, window, rate, begun);
        bool written = bench_peer_flush(load->peer);
        struct pollfd polled = {.fd = bench_peer_fd(load->peer),
                                .events = (short)(POLLIN | (written ? 0 : POLLOUT))};
        wait_ms = wait_ms < 0 ? 0 : wait_ms;
        struct timespec timeout = {(time_t)(wait_ms / 1e3),
                                   (long)((wait_ms - 1e3 * (double)(time_t)(wait_ms / 1e3)) * 1e6)};
        int n = ppoll(&polled, 1, &timeout, NULL);
        if (n == 0 && wait_ms >= SILENCE_MS)
            bench_fail("no ack for %d s: %zu of %zu acked", SILENCE_MS / 1000, load->acked,
                       load->count);
        bench_peer_read(load->peer, on_frame, load);
    }
    return now_s() - begun;
}
