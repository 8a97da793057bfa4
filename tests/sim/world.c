#include "tests/sim/world.h"

#include "hub/base/list.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/domain/card.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(what)                                                               \
    do {                                                                          \
        if (!(what)) {                                                            \
            fprintf(stderr, "%s:%d: %s (seed %llu)\n", __FILE__, __LINE__, #what, \
                    (unsigned long long)world->seed);                             \
            abort();                                                              \
        }                                                                         \
    } while (0)

enum event_kind {
    EVENT_JOB_RUN,
    EVENT_JOB_DONE,
    EVENT_CONNECT,
    EVENT_PUMP,
    EVENT_FRAME,
    EVENT_CLOSED,
};

struct event {
    struct mono at;
    uint64_t order;
    enum event_kind kind;
    unsigned hub, generation;
    enum lane lane;
    struct job *job;
    struct link *link;
    struct sim_conn *conn;
    unsigned side;
    uint8_t *data;
    size_t len;
};

/** A WebSocket: side 0 dialled. */
struct sim_conn {
    struct sim_conn *next;
    struct world *world;
    struct sim_end {
        struct sim_conn *conn;
        unsigned side, hub, generation;
        struct link *link; /* NULL: closed at this end */
        bool pumping, held, closing;
    } ends[2];
    struct mono last_arrival[2];
    bool connected, dead;
};

/* ---- events ---- */

static bool sooner(const struct event *a, const struct event *b)
{
    return a->at.us != b->at.us ? a->at.us < b->at.us : a->order < b->order;
}

static void swap(struct event *a, struct event *b)
{
    struct event t = *a;
    *a = *b;
    *b = t;
}

static void push(struct world *world, struct event event)
{
    if (world->event_count == world->event_cap) {
        world->event_cap = world->event_cap ? world->event_cap * 2 : 256;
        world->events = mem_grow(world->events, world->event_cap * sizeof *world->events);
    }
    event.order = ++world->event_order;
    size_t i = world->event_count++;
    world->events[i] = event;
    for (; i && sooner(&world->events[i], &world->events[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&world->events[i], &world->events[(i - 1) / 2]);
}

static struct event pop(struct world *world)
{
    struct event first = world->events[0];
    world->events[0] = world->events[--world->event_count];
    for (size_t i = 0;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t child = left; child <= left + 1 && child < world->event_count; child++) {
            if (sooner(&world->events[child], &world->events[least]))
                least = child;
        }
        if (least == i)
            return first;
        swap(&world->events[i], &world->events[least]);
        i = least;
    }
}

static int64_t dice(struct world *world, int64_t bound)
{
    return bound > 0 ? (int64_t)random_below(&world->random.source, (uint64_t)bound) : 0;
}

static struct mono later_us(struct world *world, int64_t us)
{
    return (struct mono){world->now.us + us};
}

static void bury(struct world *world, void *p)
{
    if (world->grave_count == world->grave_cap) {
        world->grave_cap = world->grave_cap ? world->grave_cap * 2 : 64;
        world->grave = mem_grow(world->grave, world->grave_cap * sizeof *world->grave);
    }
    world->grave[world->grave_count++] = p;
}

/* ---- the executor: jobs are events, so that a crash can fall between any two steps ---- */

static void start_writer(struct world_hub *hub)
{
    if (hub->writer_busy || !hub->writer_first)
        return;
    struct job *job = hub->writer_first;
    hub->writer_first = job->next;
    if (!hub->writer_first)
        hub->writer_last = &hub->writer_first;
    hub->writer_busy = 1;
    push(hub->world, (struct event){.at = later_us(hub->world, dice(hub->world, 500)),
                                    .kind = EVENT_JOB_RUN,
                                    .hub = hub->index,
                                    .generation = hub->generation,
                                    .lane = LANE_WRITER,
                                    .job = job});
}

static void submit(void *ctx, enum lane lane, struct job *job)
{
    struct world_hub *hub = ctx;
    if (lane == LANE_WRITER) {
        job->next = NULL;
        *hub->writer_last = job;
        hub->writer_last = &job->next;
        start_writer(hub);
        return;
    }
    push(hub->world, (struct event){.at = later_us(hub->world, dice(hub->world, 300)),
                                    .kind = EVENT_JOB_RUN,
                                    .hub = hub->index,
                                    .generation = hub->generation,
                                    .lane = lane,
                                    .job = job});
}

static void run_job(struct world *world, const struct event *event)
{
    event->job->run(event->job);
    struct event done = *event;
    done.kind = EVENT_JOB_DONE;
    done.at = later_us(world, dice(world, 500));
    push(world, done);
}

static void finish_job(struct world *world, const struct event *event)
{
    struct world_hub *hub = &world->hubs[event->hub];
    if (event->lane == LANE_WRITER) {
        hub->writer_busy = 0;
        start_writer(hub);
    }
    event->job->done(event->job);
}

/* ---- clocks ---- */

static struct wall hub_wall(void *ctx)
{
    const struct world_hub *hub = ctx;
    return (struct wall){1795334400000LL + hub->world->now.us / 1000 + hub->skew_ms};
}

static struct mono hub_mono(void *ctx)
{
    const struct world_hub *hub = ctx;
    return hub->world->now;
}

/* ---- the network ---- */

static struct sim_end *other(struct sim_end *end)
{
    return &end->conn->ends[!end->side];
}

static bool end_is_current(const struct sim_end *end)
{
    const struct world_hub *hub = &end->conn->world->hubs[end->hub];
    return hub->alive && hub->generation == end->generation;
}

static void push_closed(struct world *world, struct sim_end *end)
{
    if (!end->link || !end_is_current(end))
        return;
    push(world, (struct event){.at = later_us(world, dice(world, 2000)),
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
    push_closed(world, &conn->ends[0]);
    push_closed(world, &conn->ends[1]);
}

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
    world->conns = conn;
    conn->ends[0] = (struct sim_end){
        .conn = conn, .side = 0, .hub = hub->index, .generation = hub->generation, .link = link};
    conn->ends[1] = (struct sim_end){.conn = conn, .side = 1, .hub = target};
    push(world, (struct event){.at = later_us(world, 1000 * (2 * world->net.latency_ms + 1)),
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
    if (end->pumping || end->conn->dead || !end->link)
        return;
    end->pumping = true;
    push(end->conn->world, (struct event){.at = later_us(end->conn->world, 20),
                                          .kind = EVENT_PUMP,
                                          .hub = end->hub,
                                          .generation = end->generation,
                                          .conn = end->conn,
                                          .side = end->side});
}

static void net_close(void *ctx, void *conn, unsigned code)
{
    struct sim_end *end = conn;
    (void)ctx;
    (void)code;
    end->closing = true;
    net_wake(ctx, conn);
}

static void net_hold(void *ctx, void *conn, bool hold)
{
    (void)ctx;
    ((struct sim_end *)conn)->held = hold;
}

static void connect_ends(struct world *world, const struct event *event)
{
    struct sim_conn *conn = event->conn;
    struct sim_end *dialler = &conn->ends[0], *responder = &conn->ends[1];
    struct world_hub *target = &world->hubs[responder->hub];
    if (!target->alive || world->blocked[dialler->hub][responder->hub]) {
        conn->dead = true;
        federation_dial_failed(TAKE(dialler->link), "connection refused");
        return;
    }
    uint8_t binding[2][32];
    random_fill(&world->random.source, binding, sizeof binding);
    struct carrier carrier = {.offer = "hfp.1.cb, hfp.1",
                              .selected = "hfp.1.cb",
                              .binding = bytes_of(binding[0], 32),
                              .address = "192.0.2.1"};
    char address[32];
    snprintf(address, sizeof address, "192.0.2.%u", dialler->hub);
    carrier.address = address;
    conn->connected = true;
    responder->generation = target->generation;
    responder->link = federation_incoming(target->federation, responder, &carrier);
    if (!responder->link) {
        conn->dead = true;
        federation_dial_failed(TAKE(dialler->link), "refused");
        return;
    }
    if (world->bindings_differ)
        carrier.binding = bytes_of(binding[1], 32);
    federation_dialled(dialler->link, dialler, &carrier);
}

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

static void carry(struct world *world, struct sim_end *end, const struct buf *frame,
                  bool out_of_order)
{
    struct sim_end *to = other(end);
    int64_t delay_us = 1000 * (int64_t)world->net.latency_ms +
                       dice(world, 1000 * (int64_t)world->net.jitter_ms + 1) + 50;
    struct mono at = later_us(world, delay_us);
    struct mono *last = &end->conn->last_arrival[end->side];
    if (out_of_order)
        at.us += 5000;
    else if (at.us <= last->us)
        at.us = last->us + 1;
    if (!out_of_order)
        *last = at;
    push(world, (struct event){.at = at,
                               .kind = EVENT_FRAME,
                               .hub = to->hub,
                               .generation = to->generation,
                               .conn = end->conn,
                               .side = to->side,
                               .data = mem_copy(frame->data, frame->len),
                               .len = frame->len});
}

static void pump(struct world *world, struct sim_end *end)
{
    AUTO(buf_done) struct buf frame = {0};
    end->pumping = false;
    for (unsigned n = 0; n < 8; n++) {
        if (end->conn->dead || !end->link)
            return;
        if (!link_take(end->link, &frame)) {
            if (end->closing)
                cut(world, end->conn);
            return;
        }
        if (dice(world, 1000) < world->net.cut_per_mille ||
            (world->tap && !world->tap(world->tap_ctx, end->hub, other(end)->hub, &frame))) {
            cut(world, end->conn);
            return;
        }
        bool batch = is_batch(world, &frame);
        carry(world, end, &frame, batch && dice(world, 100) < world->net.reorder_percent);
        if (batch && dice(world, 100) < world->net.duplicate_percent)
            carry(world, end, &frame, true);
    }
    net_wake(NULL, end);
}

static void arrive(struct world *world, const struct event *event)
{
    struct sim_end *end = &event->conn->ends[event->side];
    if (event->conn->dead || !end->link)
        return;
    if (end->held) { /* not read yet: comes again in a moment */
        struct event again = *event;
        again.at = later_us(world, 1000);
        again.data = mem_copy(event->data, event->len);
        push(world, again);
        return;
    }
    link_receive(end->link, bytes_of(event->data, event->len));
}

/* ---- time ---- */

static void handle(struct world *world, const struct event *event)
{
    struct sim_end *end = event->conn ? &event->conn->ends[event->side] : NULL;
    switch (event->kind) {
    case EVENT_JOB_RUN:
        run_job(world, event);
        break;
    case EVENT_JOB_DONE:
        finish_job(world, event);
        break;
    case EVENT_CONNECT:
        connect_ends(world, event);
        break;
    case EVENT_PUMP:
        pump(world, end);
        break;
    case EVENT_FRAME:
        arrive(world, event);
        break;
    case EVENT_CLOSED:
        if (end->link)
            link_closed(TAKE(end->link));
        break;
    }
}

static void tick_all(struct world *world, struct mono *ret_due)
{
    *ret_due = MONO_NEVER;
    for (unsigned i = 0; i < world->hub_count; i++) {
        struct world_hub *hub = &world->hubs[i];
        if (!hub->alive)
            continue;
        *ret_due = mono_min(*ret_due, federation_tick(hub->federation, world->now));
        *ret_due = mono_min(*ret_due, exchange_tick(hub->exchange, world->now));
    }
}

/** One event, or time until the next one; false when `until` is reached. */
static bool step(struct world *world, struct mono until)
{
    struct mono due;
    tick_all(world, &due);
    struct mono next = world->event_count ? world->events[0].at : MONO_NEVER;
    struct mono at = mono_min(due, next);
    if (at.us > until.us) {
        world->now = until;
        return false;
    }
    if (at.us > world->now.us)
        world->now = at;
    if (!world->event_count || world->events[0].at.us > world->now.us)
        return true;
    struct event event = pop(world);
    struct world_hub *hub = &world->hubs[event.hub];
    world->steps++;
    if (hub->alive && hub->generation == event.generation)
        handle(world, &event);
    else if (event.job)
        bury(world, event.job);
    free(event.data);
    return true;
}

void world_run_ms(struct world *world, int64_t ms)
{
    struct mono until = mono_after_ms(world->now, ms);
    while (step(world, until))
        ;
}

bool world_run_until(struct world *world, bool (*done)(struct world *world, void *ctx), void *ctx,
                     int64_t ms)
{
    struct mono until = mono_after_ms(world->now, ms);
    while (!done(world, ctx)) {
        if (!step(world, until))
            return done(world, ctx);
    }
    return true;
}

/* ---- hubs ---- */

static bool publish_card(struct tx *tx, void *ctx, struct err *err)
{
    struct world_hub *hub = ctx;
    struct card card = {0};
    snprintf(card.name, sizeof card.name, "%s", hub->config.name);
    snprintf(card.phone, sizeof card.phone, "02 99 00 00 00");
    snprintf(card.routes[0], sizeof card.routes[0], "%s", hub->config.url);
    card.route_count = 1;
    return card_publish(tx, &card, err);
}

void world_start(struct world *world, unsigned index)
{
    struct world_hub *hub = &world->hubs[index];
    struct err err = {0};
    CHECK(!hub->alive);
    hub->generation++;
    hub->writer_busy = 0;
    hub->writer_first = NULL;
    hub->writer_last = &hub->writer_first;
    struct store_options options = {
        .path = hub->path, .mode = STORE_WRITE, .vfs = world->disk_name};
    hub->writer = store_open(&options, &err);
    if (!hub->writer)
        fprintf(stderr, "%s\n", err.msg);
    CHECK(hub->writer);
    options.mode = STORE_READ;
    options.writer = hub->writer;
    hub->reader = store_open(&options, &err);
    CHECK(hub->reader);
    hub->exchange = exchange_create(&(struct exchange_config){.store = hub->writer,
                                                              .self = hub->self,
                                                              .clock = &hub->clock_view,
                                                              .random = &world->random.source,
                                                              .counters = &hub->counters,
                                                              .executor = &hub->executor});
    struct federation_config config = {
        .exchange = hub->exchange,
        .reader = hub->reader,
        .self = hub->self,
        .clock = &hub->clock_view,
        .random = &world->random.source,
        .counters = &hub->counters,
        .executor = &hub->executor,
        .config = &hub->config,
        .transport =
            {.dial = net_dial, .wake = net_wake, .close = net_close, .hold = net_hold, .ctx = hub},
    };
    hub->federation = federation_create(&config, &err);
    CHECK(hub->federation);
    hub->alive = true;
    CHECK(world_do(world, index, publish_card, hub, &err));
}

void world_crash(struct world *world, unsigned index, enum crash_mode mode)
{
    struct world_hub *hub = &world->hubs[index];
    CHECK(hub->alive);
    hub->alive = false;
    for (struct sim_conn *conn = world->conns; conn; conn = conn->next) {
        if (conn->ends[0].hub == index || conn->ends[1].hub == index)
            cut(world, conn);
    }
    crash_vfs_crash(world->disk, hub->path, mode);
    for (struct job *job = hub->writer_first; job; job = job->next)
        bury(world, job);
    bury(world, hub->exchange);
    bury(world, hub->federation);
    store_close(hub->reader);
    store_close(hub->writer);
    hub->reader = hub->writer = NULL;
}

static void init_hub(struct world *world, unsigned index)
{
    struct world_hub *hub = &world->hubs[index];
    struct err err = {0};
    hub->world = world;
    hub->index = index;
    snprintf(hub->path, sizeof hub->path, "hub%u.db", index);
    hub->clock_view = (struct clock){.wall = hub_wall, .mono = hub_mono, .ctx = hub};
    hub->executor = (struct executor){.submit = submit, .ctx = hub};
    for (const struct config_option *option = config_options; option->name; option++)
        CHECK(config_set(&hub->config, option->name, option->default_value, &err));
    snprintf(hub->config.name, sizeof hub->config.name, "hub %u", index);
    snprintf(hub->config.url, sizeof hub->config.url, "wss://hub%u.example", index);
    hub->config.objects_per_second = 0; /* tests of the budgets set their own */
    hub->config.referrals_per_minute = 0;
    hub->config.address_burst = 10000;
    hub->self = identity_create_memory(&world->random.source, hub_wall(hub));
    CHECK(hub->self);
}

struct world *world_create(uint64_t seed, unsigned hubs)
{
    static unsigned worlds;
    struct world *world = mem_alloc(sizeof *world);
    world->seed = seed;
    CHECK(secret_setup());
    CHECK(hubs <= WORLD_HUBS_MAX);
    log_setup(getenv("WORLD_LOG") ? LOG_DEBUG : LOG_ERROR, false);
    fake_random_init(&world->random, seed);
    world->now = (struct mono){1000000};
    world->net = (struct world_net){.latency_ms = 20, .jitter_ms = 10};
    snprintf(world->disk_name, sizeof world->disk_name, "world%u", worlds++);
    world->disk = crash_vfs_create(world->disk_name, seed);
    world->hub_count = hubs;
    for (unsigned i = 0; i < hubs; i++)
        init_hub(world, i);
    for (unsigned i = 0; i < hubs; i++)
        world_start(world, i);
    return world;
}

static bool all_quiet(struct world *world, void *ctx)
{
    (void)ctx;
    for (unsigned i = 0; i < world->hub_count; i++) {
        struct world_hub *hub = &world->hubs[i];
        if (hub->alive && (federation_link_count(hub->federation) ||
                           federation_busy(hub->federation) || !exchange_is_idle(hub->exchange)))
            return false;
    }
    return true;
}

void world_free(struct world *world)
{
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (world->hubs[i].alive)
            federation_stop(world->hubs[i].federation);
    }
    CHECK(world_run_until(world, all_quiet, NULL, 60000));
    for (unsigned i = 0; i < world->hub_count; i++) {
        struct world_hub *hub = &world->hubs[i];
        if (hub->alive) {
            federation_free(hub->federation);
            exchange_free(hub->exchange);
            store_close(hub->reader);
            store_close(hub->writer);
        }
        identity_free(hub->self);
    }
    while (world->event_count) {
        struct event event = pop(world);
        free(event.data);
    }
    for (struct sim_conn *conn = world->conns, *next; conn; conn = next) {
        next = conn->next;
        free(conn);
    }
    free(world->events);
    crash_vfs_free(world->disk);
    if (world->grave_count) { /* crashed hubs stay reachable for the leak checker */
        static struct world *worlds_with_graves[100000];
        static size_t count;
        worlds_with_graves[count++ % ARRAY_LEN(worlds_with_graves)] = world;
        return;
    }
    free(world->grave);
    free(world);
}

void world_stall(struct world *world, unsigned hub, bool stalled)
{
    world->hubs[hub].writer_busy = stalled;
    start_writer(&world->hubs[hub]);
}

void world_block(struct world *world, unsigned from, unsigned to, bool blocked)
{
    world->blocked[from][to] = blocked;
    for (struct sim_conn *conn = world->conns; blocked && conn; conn = conn->next) {
        if (conn->ends[0].hub == from && conn->ends[1].hub == to)
            cut(world, conn);
    }
}

void world_partition(struct world *world, unsigned first_of_second_half, bool parted)
{
    for (unsigned a = 0; a < first_of_second_half; a++) {
        for (unsigned b = first_of_second_half; b < world->hub_count; b++) {
            world_block(world, a, b, parted);
            world_block(world, b, a, parted);
        }
    }
}

/* ---- what people do ---- */

struct doing {
    struct action action;
    bool (*apply)(struct tx *tx, void *ctx, struct err *err);
    void *ctx;
    struct err err;
    bool done;
};

static bool doing_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct doing *doing = list_entry(action, struct doing, action);
    return doing->apply(tx, doing->ctx, err);
}

static void doing_done(struct action *action, const struct err *err)
{
    struct doing *doing = list_entry(action, struct doing, action);
    doing->err = *err;
    doing->done = true;
}

static bool is_done(struct world *world, void *ctx)
{
    (void)world;
    return ((struct doing *)ctx)->done;
}

bool world_do(struct world *world, unsigned hub,
              bool (*apply)(struct tx *tx, void *ctx, struct err *err), void *ctx, struct err *err)
{
    struct doing doing = {
        .action = {.apply = doing_apply, .done = doing_done}, .apply = apply, .ctx = ctx};
    exchange_submit(world->hubs[hub].exchange, &doing.action);
    CHECK(world_run_until(world, is_done, &doing, 60000));
    *err = doing.err;
    return doing.err.code == ERR_NONE;
}

struct joining {
    struct world_hub *hub;
    char uri[INVITE_TEXT_MAX + 1];
    struct node_id node;
};

static bool invite(struct tx *tx, void *ctx, struct err *err)
{
    struct joining *joining = ctx;
    const char *routes[] = {joining->hub->config.url};
    struct wall expires;
    return relation_invite(tx, routes, 1, 14, joining->uri, &expires, err);
}

static bool join(struct tx *tx, void *ctx, struct err *err)
{
    struct joining *joining = ctx;
    return relation_join(tx, joining->uri, false, &joining->node, err);
}

static bool accept(struct tx *tx, void *ctx, struct err *err)
{
    struct joining *joining = ctx;
    return relation_decide(tx, &joining->node, DECISION_ACCEPTED, err);
}

static bool all_switches(struct tx *tx, void *ctx, struct err *err)
{
    struct joining *joining = ctx;
    return relation_set_switches(tx, &joining->node, 15, 15, err);
}

static bool find(struct world *world, unsigned hub, unsigned peer, struct relation *ret)
{
    struct err err = {0};
    bool found = false;
    CHECK(relation_find(world->hubs[hub].reader, identity_node(world->hubs[peer].self), &found, ret,
                        &err));
    return found;
}

struct pair {
    unsigned a, b;
};

static bool has_asked(struct world *world, void *ctx)
{
    const struct pair *pair = ctx;
    struct relation relation;
    return find(world, pair->a, pair->b, &relation) && relation.theirs == DECISION_ACCEPTED;
}

bool world_accepted(struct world *world, unsigned a, unsigned b)
{
    struct relation relation;
    return find(world, a, b, &relation) && relation_is_accepted(&relation) &&
           find(world, b, a, &relation) && relation_is_accepted(&relation);
}

static bool have_keys(struct world *world, void *ctx)
{
    const struct pair *pair = ctx;
    const struct world_hub *a = &world->hubs[pair->a], *b = &world->hubs[pair->b];
    uint8_t key[X25519_KEY_BYTES];
    struct err err = {0};
    struct wall now = hub_wall(&world->hubs[pair->a]);
    return world_accepted(world, pair->a, pair->b) &&
           relation_enc_key(a->reader, identity_node(b->self), now, key, &err) &&
           relation_enc_key(b->reader, identity_node(a->self), now, key, &err);
}

void world_federate(struct world *world, unsigned inviter, unsigned joiner)
{
    struct err err = {0};
    struct joining joining = {.hub = &world->hubs[inviter]};
    struct pair pair = {inviter, joiner};
    CHECK(world_do(world, inviter, invite, &joining, &err));
    memcpy(world->last_invite, joining.uri, sizeof world->last_invite);
    CHECK(world_do(world, joiner, join, &joining, &err));
    CHECK(world_run_until(world, has_asked, &pair, 600000));
    CHECK(world_do(world, joiner, all_switches, &joining, &err));
    joining.node = *identity_node(world->hubs[joiner].self);
    CHECK(world_do(world, inviter, accept, &joining, &err));
    CHECK(world_do(world, inviter, all_switches, &joining, &err));
    CHECK(world_run_until(world, have_keys, &pair, 600000));
}

void world_join_again(struct world *world, unsigned joiner)
{
    struct err err = {0};
    struct joining joining = {.hub = &world->hubs[joiner]};
    memcpy(joining.uri, world->last_invite, sizeof joining.uri);
    CHECK(world_do(world, joiner, join, &joining, &err));
}

struct referring {
    struct referral_draft draft;
    struct oid id;
};

static bool send_referral(struct tx *tx, void *ctx, struct err *err)
{
    struct referring *referring = ctx;
    return referral_send(tx, &referring->draft, &referring->id, err);
}

struct oid world_refer(struct world *world, unsigned from, unsigned to, unsigned number)
{
    char name[32], key[48];
    struct err err = {0};
    Maillon__Hfp__V1__Person person = MAILLON__HFP__V1__PERSON__INIT;
    snprintf(name, sizeof name, "case %u", number);
    snprintf(key, sizeof key, "key-%u-%u-%u", from, to, number);
    person.name = name;
    person.contact_preference = MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_CASEWORKER;
    const char *fields[] = {"contact", "name", "need"};
    struct referring referring = {
        .draft = {.peer = *identity_node(world->hubs[to].self),
                  .service = "service-1",
                  .theme = "numerique",
                  .urgency = MAILLON__HFP__V1__URGENCY__URGENCY_NORMAL,
                  .feedback = MAILLON__HFP__V1__FEEDBACK_LEVEL__FEEDBACK_LEVEL_DATES,
                  .person = &person,
                  .need = "would like to learn how to use a computer",
                  .consent_form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_SPOKEN,
                  .consent_fields = fields,
                  .consent_field_count = ARRAY_LEN(fields),
                  .request_key = key,
                  .actor = "test"}};
    bool sent = world_do(world, from, send_referral, &referring, &err);
    if (!sent)
        fprintf(stderr, "%s\n", err.msg);
    CHECK(sent);
    return referring.id;
}

struct acting {
    const struct oid *id;
    const struct referral_act *act;
};

static bool do_act(struct tx *tx, void *ctx, struct err *err)
{
    const struct acting *acting = ctx;
    return referral_act(tx, acting->id, acting->act, err);
}

bool world_act(struct world *world, unsigned hub, const struct oid *id,
               const struct referral_act *act, struct err *err)
{
    struct acting acting = {id, act};
    return world_do(world, hub, do_act, &acting, err);
}

bool world_referral(struct world *world, unsigned hub, const struct oid *id,
                    struct referral_state *ret)
{
    struct err err = {0};
    struct referral referral;
    bool found = false;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    CHECK(referral_get(world->hubs[hub].reader, arena, id, &found, &referral, &err));
    if (found)
        *ret = referral.state;
    return found;
}

int64_t world_count(struct world *world, unsigned hub, const char *sql)
{
    struct err err = {0};
    bool row = false;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(world->hubs[hub].reader, sql, &err);
    CHECK(stmt);
    CHECK(stmt_next(stmt, &row, &err));
    return row ? stmt_i64(stmt, 0) : 0;
}
