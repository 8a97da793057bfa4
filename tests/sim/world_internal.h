#pragma once
/* Shared by the files of the world; scenarios include world.h. */
#include "tests/sim/world.h"

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
    struct sim_conn *conn; /* holds a reference */
    unsigned side;
    uint8_t *data;
    size_t len;
};

/** A WebSocket: side 0 dialled. Gone when no event names it and no end is attached. */
struct sim_conn {
    struct sim_conn *prev, *next;
    struct world *world;
    unsigned events; /* that name it */
    struct sim_end {
        struct sim_conn *conn;
        unsigned side, hub, generation;
        struct link *link; /* NULL: closed at this end */
        bool pumping, held, closing;
    } ends[2];
    struct mono last_arrival[2];
    bool connected, dead;
    bool finished; /* one end closed it in order: what that end wrote still arrives */
};

/* world_time.c */
void world_push(struct world *world, struct event event);
struct event world_pop(struct world *world);
struct mono world_later(const struct world *world, int64_t us);
/** The hub's tick comes before the next event. */
void world_touch(struct world *world, unsigned hub);
void world_touch_all(struct world *world);
/** As world_run_until, when only hubs that were touched may have something new to do. */
bool world_run_on(struct world *world, bool (*done)(struct world *world, void *ctx), void *ctx,
                  int64_t ms);
void world_bury(struct world *world, void *p);
/** Jobs are events, so that a crash can fall between any two steps. */
struct executor world_executor(struct world_hub *hub);
void world_start_writer(struct world_hub *hub);

/* world_net.c */
struct transport world_transport(struct world_hub *hub);
void world_connect(struct world *world, const struct event *event);
void world_pump(struct world *world, struct sim_end *end);
void world_arrive(struct world *world, const struct event *event);
void world_conn_unref(struct world *world, struct sim_conn *conn);
/** The hub lost power: its connections end without a word. */
void world_cut_hub(struct world *world, unsigned hub);
void world_conns_free(struct world *world);

/* world_disk.c */
void world_format(struct world *world, unsigned hub);
/** An empty migrated database at `path`. */
void world_format_as(struct world *world, const char *path);

/* world.c */
void world_open_stores(struct world *world, unsigned hub);
void world_close_stores(struct world_hub *hub);
bool world_publish_card(struct tx *tx, void *ctx, struct err *err);
