/* Virtual time: a heap of events, a heap of ticks, and jobs as events. */
#include "tests/sim/world_internal.h"

#include "hub/base/mem.h"

static bool sooner(const struct event *a, const struct event *b)
{
    return a->at.us != b->at.us ? a->at.us < b->at.us : a->order < b->order;
}

void world_push(struct world *world, struct event event)
{
    if (world->event_count == world->event_cap) {
        world->event_cap = world->event_cap ? world->event_cap * 2 : 256;
        world->events = mem_grow(world->events, world->event_cap * sizeof *world->events);
    }
    event.order = ++world->event_order;
    if (event.conn)
        event.conn->events++;
    size_t i = world->event_count++;
    for (; i && sooner(&event, &world->events[(i - 1) / 2]); i = (i - 1) / 2)
        world->events[i] = world->events[(i - 1) / 2];
    world->events[i] = event;
}

struct event world_pop(struct world *world)
{
    struct event first = world->events[0];
    struct event last = world->events[--world->event_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= world->event_count)
            break;
        if (child + 1 < world->event_count &&
            sooner(&world->events[child + 1], &world->events[child]))
            child++;
        if (!sooner(&world->events[child], &last))
            break;
        world->events[i] = world->events[child];
        i = child;
    }
    world->events[i] = last;
    return first;
}

struct mono world_later(const struct world *world, int64_t us)
{
    return (struct mono){world->now.us + us};
}

unsigned world_dice(struct world *world, unsigned bound)
{
    return bound ? (unsigned)random_below(&world->random.source, bound) : 0;
}

void world_bury(struct world *world, void *p)
{
    if (world->grave_count == world->grave_cap) {
        world->grave_cap = world->grave_cap ? world->grave_cap * 2 : 64;
        world->grave = mem_grow(world->grave, world->grave_cap * sizeof *world->grave);
    }
    world->grave[world->grave_count++] = p;
}

/* ---- ticks: a heap of hubs by when they want to be called ---- */

static void put_tick(struct world *world, size_t slot, unsigned hub)
{
    world->ticks[slot] = hub;
    world->hubs[hub].tick_slot = slot;
}

static int64_t due_at(const struct world *world, size_t slot)
{
    return world->hubs[world->ticks[slot]].due.us;
}

static void set_due(struct world *world, unsigned hub, struct mono due)
{
    size_t i = world->hubs[hub].tick_slot;
    world->hubs[hub].due = due;
    for (; i && due.us < due_at(world, (i - 1) / 2); i = (i - 1) / 2)
        put_tick(world, i, world->ticks[(i - 1) / 2]);
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= world->hub_count)
            break;
        if (child + 1 < world->hub_count && due_at(world, child + 1) < due_at(world, child))
            child++;
        if (due.us <= due_at(world, child))
            break;
        put_tick(world, i, world->ticks[child]);
        i = child;
    }
    put_tick(world, i, hub);
}

void world_touch(struct world *world, unsigned hub)
{
    set_due(world, hub, world->hubs[hub].alive ? world->now : MONO_NEVER);
}

void world_touch_all(struct world *world)
{
    for (unsigned i = 0; i < world->hub_count; i++)
        world_touch(world, i);
}

static void tick(struct world *world, unsigned index)
{
    struct world_hub *hub = &world->hubs[index];
    struct mono due = MONO_NEVER;
    if (hub->alive) {
        due = mono_min(due, federation_tick(hub->federation, world->now));
        due = mono_min(due, exchange_tick(hub->exchange, world->now));
    }
    if (due.us <= world->now.us) /* it said so itself: after what is due at this moment */
        due.us = world->now.us + 1;
    set_due(world, index, due);
}

/* ---- the executor ---- */

void world_start_writer(struct world_hub *hub)
{
    if (hub->writer_busy || hub->stalled || !hub->writer_first)
        return;
    struct job *job = hub->writer_first;
    hub->writer_first = job->next;
    if (!hub->writer_first)
        hub->writer_last = &hub->writer_first;
    hub->writer_busy = 1;
    world_push(hub->world,
               (struct event){.at = world_later(hub->world, world_dice(hub->world, 500)),
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
        world_start_writer(hub);
        return;
    }
    world_push(hub->world,
               (struct event){.at = world_later(hub->world, world_dice(hub->world, 300)),
                              .kind = EVENT_JOB_RUN,
                              .hub = hub->index,
                              .generation = hub->generation,
                              .lane = lane,
                              .job = job});
}

struct executor world_executor(struct world_hub *hub)
{
    return (struct executor){.submit = submit, .ctx = hub};
}

static void run_job(struct world *world, const struct event *event)
{
    struct event done = *event;
    event->job->run(event->job);
    done.kind = EVENT_JOB_DONE;
    done.at = world_later(world, world_dice(world, 500));
    world_push(world, done);
}

static void finish_job(struct world *world, const struct event *event)
{
    struct world_hub *hub = &world->hubs[event->hub];
    if (event->lane == LANE_WRITER) {
        hub->writer_busy = 0;
        world_start_writer(hub);
        /* The daemon does this in a reader job when the writer has nothing to do. */
        if (!hub->writer_busy && store_wal_pages(hub->writer) >= world->checkpoint_pages)
            store_checkpoint(hub->reader);
    }
    event->job->done(event->job);
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
        world_connect(world, event);
        break;
    case EVENT_PUMP:
        world_pump(world, end);
        break;
    case EVENT_FRAME:
        world_arrive(world, event);
        break;
    case EVENT_CLOSED:
        if (end->link)
            link_closed(TAKE(end->link));
        break;
    }
    world_touch(world, event->hub);
}

/** One event or tick, or time until the next one; false when `until` is reached. */
static bool step(struct world *world, struct mono until)
{
    struct mono due = world->hub_count ? world->hubs[world->ticks[0]].due : MONO_NEVER;
    struct mono next = world->event_count ? world->events[0].at : MONO_NEVER;
    struct mono at = mono_min(due, next);
    if (at.us > until.us) {
        world->now = until;
        return false;
    }
    if (at.us > world->now.us)
        world->now = at;
    world->steps++;
    if (due.us <= world->now.us) {
        tick(world, world->ticks[0]);
        return true;
    }
    struct event event = world_pop(world);
    const struct world_hub *hub = &world->hubs[event.hub];
    if (hub->alive && hub->generation == event.generation)
        handle(world, &event);
    else if (event.job)
        world_bury(world, event.job);
    if (event.conn) {
        event.conn->events--;
        world_conn_unref(world, event.conn);
    }
    free(event.data);
    if (world->after_event &&
        (event.kind == EVENT_JOB_RUN || event.kind == EVENT_JOB_DONE || event.kind == EVENT_FRAME))
        world->after_event(world, world->after_event_ctx);
    return true;
}

void world_run_ms(struct world *world, int64_t ms)
{
    struct mono until = mono_after_ms(world->now, ms);
    world_touch_all(world);
    while (step(world, until))
        ;
}

bool world_run_on(struct world *world, bool (*done)(struct world *world, void *ctx), void *ctx,
                  int64_t ms)
{
    struct mono until = mono_after_ms(world->now, ms);
    while (!done(world, ctx)) {
        if (!step(world, until))
            return done(world, ctx);
    }
    return true;
}

bool world_run_until(struct world *world, bool (*done)(struct world *world, void *ctx), void *ctx,
                     int64_t ms)
{
    world_touch_all(world);
    return world_run_on(world, done, ctx, ms);
}

bool world_run_until_every(struct world *world, bool (*done)(struct world *world, void *ctx),
                           void *ctx, int64_t ms, int64_t every_ms)
{
    struct mono until = mono_after_ms(world->now, ms);
    while (!done(world, ctx)) {
        if (world->now.us >= until.us)
            return false;
        int64_t left_ms = (until.us - world->now.us + 999) / 1000;
        world_run_ms(world, left_ms < every_ms ? left_ms : every_ms);
    }
    return true;
}
