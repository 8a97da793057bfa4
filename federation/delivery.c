#include "federation/federation_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/outbox/journal.h"
#include "hub/outbox/outbox.h"
#include <stdlib.h>

#define FRAMES_CACHED   16
#define FRAMES_CACHE_MS 2000
#define ROOM_MIN        64 /* small frames cost as much as full ones: wait for room while acks are due */
#define ACK_FLUSH_MS    50
#define RING_FIRST      8

/** A built lane-2 frame: the journal from `after` for peers that hear notices or not. */
struct cached_frame {
    uint64_t after, last;
    uint32_t objects;
    bool notices, used;
    struct mono built;
    struct buf frame;
};
struct frame_cache {
    struct cached_frame frames[FRAMES_CACHED];
    unsigned next;
};

struct frame_cache *frame_cache_create(void)
{
    return mem_alloc(sizeof(struct frame_cache));
}

void frame_cache_free(struct frame_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < FRAMES_CACHED; i++)
        buf_done(&cache->frames[i].frame);
    free(cache);
}

/* ---- the window ---- */

/** Most links have one frame in flight: thousands that open at once must not take 16 KiB each. */
static void ring_grow(struct lane_out *lane)
{
    uint32_t cap = lane->ring_cap ? lane->ring_cap * 2 : RING_FIRST;
    struct sent_frame *ring = mem_alloc(cap * sizeof *ring);
    for (uint32_t i = 0; i < lane->ring_count; i++)
        ring[i] = lane->ring[(lane->ring_head + i) % lane->ring_cap];
    free(lane->ring);
    lane->ring = ring;
    lane->ring_head = 0;
    lane->ring_cap = cap;
}

static void in_flight_add(struct link *link, struct lane_out *lane, uint64_t last_seq,
                          uint32_t objects)
{
    if (!lane->in_flight)
        lane->progress = federation_now(link->federation);
    if (lane->ring_count == lane->ring_cap)
        ring_grow(lane);
    uint32_t at = (lane->ring_head + lane->ring_count++) % lane->ring_cap;
    lane->ring[at] = (struct sent_frame){last_seq, objects};
    lane->in_flight += objects;
    lane->sent = last_seq;
}

static void in_flight_free(struct lane_out *lane)
{
    free(lane->ring);
    lane->ring = NULL;
    lane->ring_head = lane->ring_count = lane->ring_cap = 0;
    lane->in_flight = 0;
}

static uint32_t window_room(const struct lane_out *lane)
{
    uint64_t window = lane->credit < LINK_WINDOW_OBJECTS ? lane->credit : LINK_WINDOW_OBJECTS;
    return window > lane->in_flight ? (uint32_t)(window - lane->in_flight) : 0;
}

/** Remembers an ack for the store: acks of a moment are written together. */
static void note_ack(struct link *link, unsigned lane, uint64_t link_seq)
{
    struct ack_flush *acks = &link->peer->acks;
    if (!link_seq)
        return;
    acks->seq[lane] = link_seq;
    if (!acks->dirty && !acks->busy)
        federation_due(link->federation,
                       mono_after_ms(federation_now(link->federation), ACK_FLUSH_MS));
    acks->dirty = true;
}

void delivery_start(struct link *link, const Maillon__Hfp__V1__State *state)
{
    for (unsigned i = 0; i < ARRAY_LEN(link->out); i++) {
        struct lane_out *lane = &link->out[i];
        in_flight_free(lane);
        buf_done(&lane->part);
        lane->part = (struct buf){0};
        lane->sent = 0;
        lane->credit = i < state->n_credit ? state->credit[i] : 0;
        lane->more = true;
    }
    for (size_t i = 0; i < state->n_rx; i++) { /* R-PD-3: the receiver's value, also when lower */
        if (state->rx[i]->lane >= ARRAY_LEN(link->out))
            continue;
        link->out[state->rx[i]->lane].sent = state->rx[i]->link_seq;
        note_ack(link, state->rx[i]->lane, state->rx[i]->link_seq); /* its Ack may have been lost */
    }
}

void delivery_ack(struct link *link, unsigned lane_number, uint64_t link_seq)
{
    struct lane_out *lane = &link->out[lane_number];
    while (lane->ring_count && lane->ring[lane->ring_head].last_seq <= link_seq) {
        lane->in_flight -= lane->ring[lane->ring_head].objects;
        lane->ring_head = (lane->ring_head + 1) % lane->ring_cap;
        lane->ring_count--;
    }
    lane->progress = federation_now(link->federation);
    if (!lane->ring_count)
        in_flight_free(lane);
    note_ack(link, lane_number, link_seq);
    link_wake(link);
}

void delivery_done(struct link *link)
{
    for (unsigned i = 0; i < ARRAY_LEN(link->out); i++) {
        in_flight_free(&link->out[i]);
        buf_done(&link->out[i].part);
    }
}

/* ---- frames ---- */

struct outgoing {
    uint64_t link_seq;
    const struct oid *oid;
    struct bytes bytes;
    bool sealed;
};

static void set_data(Maillon__Hfp__V1__Data *data, const struct outgoing *item)
{
    maillon__hfp__v1__data__init(data);
    data->link_seq = item->link_seq;
    data->oid = wire_data(oid_bytes(item->oid));
    *(item->sealed ? &data->sealed : &data->object) = wire_data(item->bytes);
}

static void pack_batch(unsigned lane, Maillon__Hfp__V1__Data **list, size_t count, struct buf *out)
{
    Maillon__Hfp__V1__Batch batch = MAILLON__HFP__V1__BATCH__INIT;
    batch.data = list;
    batch.n_data = count;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.lane = lane;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_BATCH;
    frame.batch = &batch;
    wire_pack(&frame, out);
}

static void pack_items(unsigned lane, const struct outgoing *items, size_t count,
                       struct arena *arena, struct buf *out)
{
    Maillon__Hfp__V1__Data *data = arena_alloc(arena, count * sizeof *data);
    Maillon__Hfp__V1__Data **list = arena_alloc(arena, count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        set_data(&data[i], &items[i]);
        list[i] = &data[i];
    }
    pack_batch(lane, list, count, out);
}

/** An object over LINK_PART_BYTES goes in parts, each a frame of its own. */
static void part_begin(struct lane_out *lane, const struct outgoing *item)
{
    lane->part.len = 0;
    buf_add_bytes(&lane->part, item->bytes);
    lane->part_at = 0;
    lane->part_index = 0;
    lane->part_count = (uint32_t)((item->bytes.len + LINK_PART_BYTES - 1) / LINK_PART_BYTES);
    lane->part_seq = item->link_seq;
    memcpy(lane->part_oid, item->oid->b, OID_BYTES);
}

static bool part_take(struct link *link, struct lane_out *lane, unsigned number, struct buf *out)
{
    size_t left = lane->part.len - lane->part_at;
    size_t len = left < LINK_PART_BYTES ? left : LINK_PART_BYTES;
    Maillon__Hfp__V1__Data data = MAILLON__HFP__V1__DATA__INIT, *list[] = {&data};
    data.link_seq = lane->part_seq;
    data.oid = wire_data(bytes_of(lane->part_oid, OID_BYTES));
    data.part = lane->part_index++;
    data.parts = lane->part_count;
    data.sealed = wire_data(bytes_of(lane->part.data + lane->part_at, len));
    lane->part_at += len;
    pack_batch(number, list, 1, out);
    if (lane->part_at == lane->part.len) {
        buf_done(&lane->part);
        lane->part = (struct buf){0};
        in_flight_add(link, lane, lane->part_seq, 1);
    }
    return true;
}

static bool take_outbox(struct link *link, unsigned number, struct buf *out)
{
    struct federation *federation = link->federation;
    struct lane_out *lane = &link->out[number];
    struct outbox_item *rows;
    size_t count, limit = window_room(lane);
    struct err err = {0};
    arena_reset(federation->arena);
    if (!outbox_read(federation->config.reader, federation->arena, &link->node, number, lane->sent,
                     limit < LINK_BATCH_MAX ? limit : LINK_BATCH_MAX, LINK_PACK_BYTES,
                     clock_wall(federation->config.clock), &rows, &count, &err)) {
        log_line(LOG_ERROR, "could not read the outbox reason=\"%s\"", err.msg);
        count = 0;
    }
    lane->more = count > 0;
    if (!count)
        return false;
    struct outgoing *items = arena_alloc(federation->arena, count * sizeof *items);
    size_t n = 0;
    for (; n < count && rows[n].sealed.len <= LINK_PART_BYTES; n++)
        items[n] = (struct outgoing){rows[n].link_seq, &rows[n].sealed_id, rows[n].sealed, true};
    if (!n) {
        struct outgoing large = {rows[0].link_seq, &rows[0].sealed_id, rows[0].sealed, true};
        part_begin(lane, &large);
        return part_take(link, lane, number, out);
    }
    pack_items(number, items, n, federation->arena, out);
    in_flight_add(link, lane, items[n - 1].link_seq, (uint32_t)n);
    COUNT(federation->config.counters, objects_sent, n);
    return true;
}

static struct cached_frame *cache_find(struct federation *federation, uint64_t after, bool notices)
{
    struct mono oldest = mono_after_ms(federation_now(federation), -FRAMES_CACHE_MS);
    for (size_t i = 0; i < FRAMES_CACHED; i++) {
        struct cached_frame *cached = &federation->frames->frames[i];
        if (cached->used && cached->after == after && cached->notices == notices &&
            cached->built.us > oldest.us)
            return cached;
    }
    return NULL;
}

/** Objects are named by their hash: a bit that flipped on disk shows here, and goes to nobody
 * (F30). */
static bool is_whole(const struct journal_item *item, struct arena *arena)
{
    struct envelope envelope;
    struct err ignored = {0};
    return envelope_open(item->object, arena, &envelope, &ignored) &&
           oid_equal(&envelope.oid, &item->oid);
}

/** Builds the journal's next frame for this kind of peer. NULL: nothing after `after`. */
static struct cached_frame *cache_build(struct federation *federation, uint64_t after, bool notices)
{
    struct cached_frame *cached =
        &federation->frames->frames[federation->frames->next++ % FRAMES_CACHED];
    struct journal_item *rows;
    size_t count, n = 0;
    struct err err = {0};
    cached->used = false;
    arena_reset(federation->arena);
    if (!journal_read(federation->config.reader, federation->arena, after, LINK_BATCH_MAX,
                      LINK_PACK_BYTES, clock_wall(federation->config.clock), &rows, &count, &err)) {
        log_line(LOG_ERROR, "could not read the journal reason=\"%s\"", err.msg);
        return NULL;
    }
    if (!count)
        return NULL;
    struct outgoing *items = arena_alloc(federation->arena, count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].journal_class == JOURNAL_NOTICE && !notices)
            continue;
        if (!is_whole(&rows[i], federation->arena)) {
            log_line(LOG_ERROR,
                     "an object in the store is damaged and is not sent: check the disk,"
                     " restore a backup journal=%llu",
                     (unsigned long long)rows[i].seq);
            continue;
        }
        items[n++] = (struct outgoing){rows[i].seq, &rows[i].oid, rows[i].object, false};
    }
    cached->frame.len = 0;
    if (n)
        pack_items(2, items, n, federation->arena, &cached->frame);
    cached->after = after;
    cached->last = rows[count - 1].seq;
    cached->objects = (uint32_t)n;
    cached->notices = notices;
    cached->built = federation_now(federation);
    cached->used = true;
    return cached;
}

static bool take_journal(struct link *link, struct buf *out)
{
    struct federation *federation = link->federation;
    struct lane_out *lane = &link->out[2];
    bool notices = policy_notices_out(&link->peer->relation);
    for (;;) {
        struct cached_frame *cached = cache_find(federation, lane->sent, notices);
        if (!cached)
            cached = cache_build(federation, lane->sent, notices);
        if (!cached) {
            lane->more = false;
            return false;
        }
        if (cached->objects > window_room(lane))
            return false;       /* an ack makes room */
        if (!cached->objects) { /* all of it is not for this peer */
            lane->sent = cached->last;
            continue;
        }
        buf_add_bytes(out, buf_bytes(&cached->frame));
        in_flight_add(link, lane, cached->last, cached->objects);
        COUNT(federation->config.counters, objects_sent, cached->objects);
        return true;
    }
}

static bool take_lane(struct link *link, unsigned number, struct buf *out)
{
    struct lane_out *lane = &link->out[number];
    if (lane->part.len)
        return part_take(link, lane, number, out);
    if (link->stands || (number < 2 && link->heads_until.us))
        return false;
    uint32_t room = window_room(lane);
    if (!lane->more || !room || (lane->in_flight && room < ROOM_MIN))
        return false;
    return number == 2 ? take_journal(link, out) : take_outbox(link, number, out);
}

bool delivery_take(struct link *link, struct buf *out)
{
    /* The directory goes first on a new session: a peer needs our keys before it can answer. */
    static const unsigned order[2][3] = {{2, 0, 1}, {0, 1, 2}};
    const unsigned *lanes = order[link->lane_turn];
    for (unsigned i = 0; i < 3; i++) {
        if (take_lane(link, lanes[i], out)) {
            link->lane_turn = 1;
            return true;
        }
    }
    return false;
}
