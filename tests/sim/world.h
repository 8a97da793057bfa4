#pragma once
/*
 * Several hubs in one process: the real core and federation on a virtual clock, a seeded network
 * and disks that forget. One seed replays one run. Nothing happens but inside world_run_….
 */
#include "federation/federation.h"
#include "hub/domain/referral.h"
#include "tests/support/crash_vfs.h"
#include "tests/support/fake.h"

#define WORLD_HUBS_MAX 64

struct world;

struct world_hub {
    struct world *world;
    unsigned index;
    bool alive;
    unsigned generation; /* rises with every start */
    char path[32];
    struct fake_clock clock; /* wall may be off: clock.wall + skew */
    int64_t skew_ms;
    struct identity *self;
    struct config config;
    struct counters counters;
    struct executor executor;
    struct clock clock_view;
    struct store *writer, *reader;
    struct exchange *exchange;
    struct federation *federation;
    unsigned writer_busy; /* the writer lane is one thread */
    struct job *writer_first, **writer_last;
};

struct world_net {
    unsigned latency_ms, jitter_ms;
    unsigned duplicate_percent; /* Batch frames that arrive twice */
    unsigned reorder_percent;   /* Batch frames that are overtaken */
    unsigned cut_per_mille;     /* chance that a frame cuts its connection instead */
};

/** Sees every frame on its way; may change it (true: deliver, false: drop the connection). */
typedef bool world_tap(void *ctx, unsigned from, unsigned to, struct buf *frame);

struct world {
    uint64_t seed;
    struct fake_random random;
    struct mono now; /* virtual */
    struct crash_vfs *disk;
    char disk_name[32];
    unsigned hub_count;
    struct world_hub hubs[WORLD_HUBS_MAX];
    struct world_net net;
    bool blocked[WORLD_HUBS_MAX][WORLD_HUBS_MAX]; /* [from][to]: cannot dial, connections are cut */
    bool bindings_differ; /* somebody in between: two TLS sessions, two exporter values */
    world_tap *tap;
    void *tap_ctx;
    struct event *events; /* heap by (at, order) */
    size_t event_count, event_cap;
    uint64_t event_order;
    struct sim_conn *conns;
    void **grave; /* memory of crashed hubs: kept reachable, never touched again */
    size_t grave_count, grave_cap;
    uint64_t steps;
    char last_invite[INVITE_TEXT_MAX + 1];
};

/** Hubs are started, not federated. Zero-filled `world` is not needed. */
struct world *world_create(uint64_t seed, unsigned hubs);
/** Stops every hub cleanly and checks that nothing is left. */
void world_free(struct world *world);

/** Runs everything due within `ms` of virtual time. */
void world_run_ms(struct world *world, int64_t ms);
/** Runs until `done` says so or `ms` passed; what it last said. */
bool world_run_until(struct world *world, bool (*done)(struct world *world, void *ctx), void *ctx,
                     int64_t ms);

/** Power loss: unsynced bytes are lost as `mode` says. world_start brings it back. */
void world_crash(struct world *world, unsigned hub, enum crash_mode mode);
void world_start(struct world *world, unsigned hub);
/** Its disk hangs: jobs of the writer wait until it is let go. */
void world_stall(struct world *world, unsigned hub, bool stalled);
/** Cuts existing connections too. */
void world_block(struct world *world, unsigned from, unsigned to, bool blocked);
void world_partition(struct world *world, unsigned first_of_second_half, bool parted);

/** Runs one action on a hub and waits for its commit. */
bool world_do(struct world *world, unsigned hub,
              bool (*apply)(struct tx *tx, void *ctx, struct err *err), void *ctx, struct err *err);

/** Invite, join, accept, and all four switches on for both. */
void world_federate(struct world *world, unsigned inviter, unsigned joiner);
bool world_accepted(struct world *world, unsigned a, unsigned b);
/** A third hub tries the invite that world_federate used last. */
void world_join_again(struct world *world, unsigned joiner);

/** A referral from one hub to another; asserts that the action committed. */
struct oid world_refer(struct world *world, unsigned from, unsigned to, unsigned number);
bool world_act(struct world *world, unsigned hub, const struct oid *id,
               const struct referral_act *act, struct err *err);
/** False: the hub does not hold it. */
bool world_referral(struct world *world, unsigned hub, const struct oid *id,
                    struct referral_state *ret);
int64_t world_count(struct world *world, unsigned hub, const char *sql);
