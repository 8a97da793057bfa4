/* The network between hubs: connections, delays, repeats, cuts. */
#include "tests/sim/world_internal.h"

#include "hub/base/mem.h"
#include "maillon/hfp/v1/link.pb-c.h"

#include <math.h>

static struct sim_end *other(struct sim_end *end)
{
    return &end->conn->ends[!end->side];
}

static bool is_current(const struct sim_end *end)
{
    const struct world_hub *hub = &end->conn->world->hubs[end->hub];
    return hub->alive && hub->generation == end->generation;
}

static void conn_free(struct world *world, struct sim_conn *conn)
{
    if (conn->prev)
        conn->prev->next = conn->next;
    else
        world->conns = conn->next;
    if (conn->next)
        conn->next->prev = conn->prev;
    world->conn_count--;
    free(conn);
}

void world_conn_unref(struct world *world, struct sim_conn *conn)
{
    for (unsigned side = 0; side < 2; side++) {
        if (conn->events || (conn->ends[side].link && is_current(&conn->ends[side])))
            return;
    }
    conn_free(world, conn);
}

void world_conns_free(struct world *world)
{
    while (world->conns)
        conn_free(world, world->conns);
}

static void push_closed(struct world *world, struct sim_end *end, struct mono at)
{
    if (!end->link || !is_current(end))
        return;
    world_push(world, (struct event){.at = at,
                                     .kind = EVENT_CLOSED,
                                     .hub = end->hub,
                                     .generation = end->generation,
                                     .conn = end->conn,
                                     .side = end->side});
}

static void cut(struct world *world, struct sim_conn *conn)
{
    if (conn->dead || !conn->connected) /* a dial learns it when it arrives */
        return;
    conn->dead = true;
    for (unsigned side = 0; side < 2; side++)
        push_closed(world, &conn->ends[side], world_later(world, world_dice(world, 2000)));
}

/** As TCP does: the other end reads what was written, then the end of it. */
static void finish(struct world *world, struct sim_end *end)
{
    struct sim_conn *conn = end->conn;
    if (conn->finished || conn->dead)
        return;
    conn->finished = true;
    struct mono last = conn->last_arrival[end->side], now = world_later(world, 0);
    push_closed(world, end, world_later(world, world_dice(world, 2000)));
    push_closed(world, other(end), (struct mono){(last.us > now.us ? last.us : now.us) + 1});
}

void world_cut_hub(struct world *world, unsigned hub)
{
    for (struct sim_conn *conn = world->conns, *next; conn; conn = next) {
        next = conn->next;
        if (conn->ends[0].hub != hub && conn->ends[1].hub != hub)
            continue;
        cut(world, conn);
        world_conn_unref(world, conn);
    }
}

static int64_t latency_us(const struct world *world, unsigned from, unsigned to)
{
    const struct world_hub *a = &world->hubs[from], *b = &world->hubs[to];
    double ms = world->net.latency_ms;
    if (world->net.by_distance)
        ms += hypot(a->x - b->x, a->y - b->y);
    return (int64_t)(1000 * ms);
}

static bool is_blocked(const struct world *world, unsigned from, unsigned to)
{
    size_t bit = (size_t)from * world->hub_count + to;
    return world->blocked[bit / 64] >> (bit % 64) & 1;
}

static void set_blocked(struct world *world, unsigned from, unsigned to, bool blocked)
{
    size_t bit = (size_t)from * world->hub_count + to;
    uint64_t mask = (uint64_t)1 << (bit % 64);
    world->blocked[bit / 64] &= ~mask;
    world->blocked[bit / 64] |= blocked ? mask : 0;
}

/* ---- the transport of a hub ---- */

static bool net_dial(void *ctx, struct link *link, const char *url, bool local, bool proxied,
                     struct err *err)
{
    struct world_hub *hub = ctx;
    struct world *world = hub->world;
    unsigned target;
    (void)local;
    (void)proxied;
    if (sscanf(url, "wss://hub%u.example", &target) != 1 || target >= world->hub_count)
        return err_set(err, ERR_IO, "no such host");
    struct sim_conn *conn = mem_alloc(sizeof *conn);
    conn->world = world;
    conn->next = world->conns;
    if (conn->next)
        conn->next->prev = conn;
    world->conns = conn;
    world->conn_count++;
    conn->ends[0] = (struct sim_end){
        .conn = conn, .side = 0, .hub = hub->index, .generation = hub->generation, .link = link};
    conn->ends[1] = (struct sim_end){.conn = conn, .side = 1, .hub = target};
    int64_t delay_us = 2 * latency_us(world, hub->index, target) + 1000;
    world_push(world, (struct event){.at = world_later(world, delay_us),
                                     .kind = EVENT_CONNECT,
                                     .hub = hub->index,
                                     .generation = hub->generation,
                                     .conn = conn,
                                     .link = link});
    return true;
}

static void net_wake(void *ctx, void *conn)
{
    struct sim_end *end = conn;
    (void)ctx;
    if (end->pumping || end->conn->dead || end->conn->finished || !end->link)
        return;
    end->pumping = true;
    world_push(end->conn->world, (struct event){.at = world_later(end->conn->world, 20),
                                                .kind = EVENT_PUMP,
                                                .hub = end->hub,
                                                .generation = end->generation,
                                                .conn = end->conn,
                                                .side = end->side});
}

static void net_close(void *ctx, void *conn, unsigned code)
{
    struct sim_end *end = conn;
    (void)code;
    end->closing = true;
    net_wake(ctx, conn);
}

static void net_hold(void *ctx, void *conn, bool hold)
{
    (void)ctx;
    ((struct sim_end *)conn)->held = hold;
}

struct transport world_transport(struct world_hub *hub)
{
    return (struct transport){
        .dial = net_dial, .wake = net_wake, .close = net_close, .hold = net_hold, .ctx = hub};
}

static void refuse(struct world *world, struct sim_conn *conn, const char *why)
{
    conn->dead = true;
    world->refused_connects++;
    federation_dial_failed(TAKE(conn->ends[0].link), why);
}

void world_connect(struct world *world, const struct event *event)
{
    struct sim_conn *conn = event->conn;
    struct sim_end *dialler = &conn->ends[0], *responder = &conn->ends[1];
    struct world_hub *target = &world->hubs[responder->hub];
    if (!target->alive || target->nat || is_blocked(world, dialler->hub, responder->hub)) {
        refuse(world, conn, "connection refused");
        return;
    }
    uint8_t binding[2][32];
    char address[32];
    random_fill(&world->random.source, binding, sizeof binding);
    snprintf(address, sizeof address, "192.0.%u.%u", dialler->hub / 256, dialler->hub % 256);
    struct carrier carrier = {.offer = "hfp.1.cb, hfp.1",
                              .selected = "hfp.1.cb",
                              .binding = bytes_of(binding[0], 32),
                              .address = address};
    conn->connected = true;
    responder->generation = target->generation;
    responder->link = federation_incoming(target->federation, responder, &carrier);
    world_touch(world, responder->hub);
    if (!responder->link) {
        refuse(world, conn, "refused");
        return;
    }
    if (world->bindings_differ)
        carrier.binding = bytes_of(binding[1], 32);
    federation_dialled(dialler->link, dialler, &carrier);
}

/* ---- frames ---- */

static bool is_batch(struct world *world, const struct buf *frame)
{
    if (!world->net.duplicate_percent && !world->net.reorder_percent)
        return false;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    bool batch = parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_BATCH;
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return batch;
}

static void record_ack(struct world *world, unsigned from, unsigned to, unsigned lane,
                       uint64_t link_seq)
{
    struct world_hub *hub = &world->hubs[from];
    struct world_acked *acked = NULL;
    for (size_t i = 0; i < hub->acked_count && !acked; i++) {
        if (hub->acked[i].peer == to)
            acked = &hub->acked[i];
    }
    if (!acked) {
        hub->acked = mem_grow(hub->acked, (hub->acked_count + 1) * sizeof *hub->acked);
        acked = &hub->acked[hub->acked_count++];
        *acked = (struct world_acked){.peer = to};
    }
    if (lane < ARRAY_LEN(acked->link_seq) && link_seq > acked->link_seq[lane])
        acked->link_seq[lane] = link_seq;
}

/** An Ack frame is short: a longer one is not parsed for this. */
static void watch_ack(struct world *world, unsigned from, unsigned to, const struct buf *frame)
{
    if (frame->len > 20)
        return;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_ACK)
        record_ack(world, from, to, parsed->lane, parsed->ack->link_seq);
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
}

static void carry(struct world *world, struct sim_end *end, const struct buf *frame,
                  bool out_of_order)
{
    struct sim_end *to = other(end);
    struct mono at =
        world_later(world, latency_us(world, end->hub, to->hub) +
                               world_dice(world, 1000 * world->net.jitter_ms + 1) + 50);
    struct mono *last = &end->conn->last_arrival[end->side];
    if (out_of_order)
        at.us += 5000;
    else if (at.us <= last->us)
        at.us = last->us + 1;
    if (!out_of_order)
        *last = at;
    world_push(world, (struct event){.at = at,
                                     .kind = EVENT_FRAME,
                                     .hub = to->hub,
                                     .generation = to->generation,
                                     .conn = end->conn,
                                     .side = to->side,
                                     .data = mem_copy(frame->data, frame->len),
                                     .len = frame->len});
}

void world_pump(struct world *world, struct sim_end *end)
{
    AUTO(buf_done) struct buf frame = {0};
    end->pumping = false;
    for (unsigned n = 0; n < 8; n++) {
        if (end->conn->dead || end->conn->finished || !end->link)
            return;
        if (!link_take(end->link, &frame)) {
            if (end->closing)
                finish(world, end);
            return;
        }
        watch_ack(world, end->hub, other(end)->hub, &frame);
        if (world_dice(world, 1000) < world->net.cut_per_mille ||
            (world->tap && !world->tap(world->tap_ctx, end->hub, other(end)->hub, &frame))) {
            cut(world, end->conn);
            return;
        }
        bool batch = is_batch(world, &frame);
        carry(world, end, &frame, batch && world_dice(world, 100) < world->net.reorder_percent);
        if (batch && world_dice(world, 100) < world->net.duplicate_percent)
            carry(world, end, &frame, true);
    }
    net_wake(NULL, end);
}

void world_arrive(struct world *world, const struct event *event)
{
    struct sim_end *end = &event->conn->ends[event->side];
    if (event->conn->dead || !end->link)
        return;
    if (end->held) { /* not read yet: comes again in a moment */
        struct event again = *event;
        again.at = world_later(world, 1000);
        again.data = mem_copy(event->data, event->len);
        world_push(world, again);
        return;
    }
    link_receive(end->link, bytes_of(event->data, event->len));
}

/* ---- faults ---- */

static void cut_blocked(struct world *world)
{
    for (struct sim_conn *conn = world->conns; conn; conn = conn->next) {
        if (is_blocked(world, conn->ends[0].hub, conn->ends[1].hub))
            cut(world, conn);
    }
}

void world_block(struct world *world, unsigned from, unsigned to, bool blocked)
{
    set_blocked(world, from, to, blocked);
    if (blocked)
        cut_blocked(world);
}

void world_partition(struct world *world, unsigned first_of_second_half, bool parted)
{
    for (unsigned a = 0; a < first_of_second_half; a++) {
        for (unsigned b = first_of_second_half; b < world->hub_count; b++) {
            set_blocked(world, a, b, parted);
            set_blocked(world, b, a, parted);
        }
    }
    cut_blocked(world);
}

void world_heal_net(struct world *world)
{
    memset(world->blocked, 0, ((size_t)world->hub_count * world->hub_count / 64 + 1) * 8);
    world->net = (struct world_net){
        .latency_ms = 20, .jitter_ms = 10, .by_distance = world->net.by_distance};
    world->tap = NULL;
    world->bindings_differ = false;
}

unsigned world_connections(const struct world *world, unsigned hub)
{
    unsigned count = 0;
    for (const struct sim_conn *conn = world->conns; conn; conn = conn->next) {
        if (conn->connected && !conn->dead &&
            (conn->ends[0].hub == hub || conn->ends[1].hub == hub))
            count++;
    }
    return count;
}
