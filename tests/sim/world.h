#pragma once
/*
 * Two to a thousand hubs in one process: the real core and federation on a virtual clock, a seeded
 * network and disks that forget. One seed replays one run. Nothing happens but inside world_run_….
 */
#include "federation/federation.h"
#include "hub/domain/referral.h"
#include "tests/support/crash_vfs.h"
#include "tests/support/fake.h"

struct world;

struct world_hub {
    struct world *world;
    unsigned index;
    bool alive;                 /* running; false: crashed, stopped or never started */
    unsigned generation;        /* rises with every start */
    char path[32];              /* its database on world->disk */
    int64_t skew_ms;            /* its wall clock is off by this; may jump at any time */
    bool nat;                   /* cannot be dialled */
    bool always_on;             /* world_churn leaves it alone */
    unsigned territory;         /* set by the builders of topologies */
    double x, y;                /* place, in ms of latency */
    unsigned fingerprint_bytes; /* F27: of repairs, 0: all; set while it is down */
    uint64_t features_withheld; /* bits it does not offer, as an older hub: set while it is down */
    struct identity *self;
    struct config config;
    struct counters counters;
    struct executor executor;
    struct clock clock_view;
    struct store *writer, *reader;
    struct exchange *exchange;
    struct federation *federation;
    unsigned writer_busy; /* the writer lane is one thread */
    bool stalled;
    struct job *writer_first, **writer_last;
    struct mono due;  /* when it wants its tick */
    size_t tick_slot; /* place in world->ticks */
    struct world_acked {
        unsigned peer; /* index */
        uint64_t link_seq[3];
    } * acked; /* what it told its peers is durable; world_check holds it to that */
    size_t acked_count;
};

struct world_net {
    unsigned latency_ms, jitter_ms;
    unsigned duplicate_percent; /* Batch frames that arrive twice */
    unsigned reorder_percent;   /* Batch frames that are overtaken */
    unsigned cut_per_mille;     /* chance that a frame cuts its connection instead */
    bool by_distance;           /* the distance of the two hubs is added to latency_ms */
};

/** Sees every frame on its way; may change it (true: deliver, false: drop the connection). */
typedef bool world_tap(void *ctx, unsigned from, unsigned to, struct buf *frame);

/** Parts of world_check that a scenario may take out, with its reason in the call. */
enum world_waiver {
    WORLD_QUEUES = 1, /* queues are empty after heal */
    WORLD_STATES = 2, /* both sides of a referral are in the same state */
    WORLD_HEAL = 4,   /* the network and the hubs stay as they are */
};

struct world {
    uint64_t seed;
    struct fake_random random;
    struct mono now; /* virtual */
    struct crash_vfs *disk;
    char disk_name[32];
    unsigned hub_count;
    struct world_hub *hubs;
    struct world_net net;
    uint64_t *blocked;    /* bit from * hub_count + to: cannot dial, connections are cut */
    bool bindings_differ; /* somebody in between: two TLS sessions, two exporter values */
    world_tap *tap;
    void *tap_ctx;
    /** After each job that ran or ended and each frame that arrived: where a crash may fall. */
    void (*after_event)(struct world *world, void *ctx);
    void *after_event_ctx;
    struct event *events; /* heap by (at, order) */
    size_t event_count, event_cap;
    uint64_t event_order;
    unsigned *ticks; /* hubs, heap by due */
    struct sim_conn *conns;
    size_t conn_count;
    void **grave; /* memory of crashed hubs: kept reachable, never touched again */
    size_t grave_count, grave_cap;
    uint64_t steps;
    unsigned waived;           /* enum world_waiver */
    int64_t checkpoint_pages;  /* of WAL, before it is copied into the database */
    unsigned cache_kib;        /* page cache of each connection; 0: as the daemon */
    size_t bytes_before;       /* heap in use when the world began */
    unsigned refused_connects; /* dials that found nobody: asleep, blocked, or behind NAT */
    char last_invite[INVITE_TEXT_MAX + 1];
};

struct world_options {
    unsigned hubs;
    bool down;  /* nobody is started: wire them first, then world_start_all */
    bool small; /* small caches and WALs: for hundreds of hubs */
    uint64_t seed;
};

/* ---- life: world.c ---- */

/** Hubs are started, not federated. */
struct world *world_create(uint64_t seed, unsigned hubs);
struct world *world_create_with(const struct world_options *options);
/** Stops every hub cleanly and checks that nothing is left. */
void world_free(struct world *world);
/** Runs everything due within `ms` of virtual time. */
void world_run_ms(struct world *world, int64_t ms);
/** Runs until `done` says so or `ms` passed; what it last said. Asked after every event. */
bool world_run_until(struct world *world, bool (*done)(struct world *world, void *ctx), void *ctx,
                     int64_t ms);
/** The same, asked only every `every_ms` of virtual time: for questions that cost. */
bool world_run_until_every(struct world *world, bool (*done)(struct world *world, void *ctx),
                           void *ctx, int64_t ms, int64_t every_ms);
/** Power loss: unsynced bytes are lost as `mode` says. world_start brings it back. */
void world_crash(struct world *world, unsigned hub, enum crash_mode mode);
void world_start(struct world *world, unsigned hub);
/** Those that are down, each with its card published. */
void world_start_all(struct world *world);
/** As `systemctl stop`: says Bye, finishes what is under way. */
void world_stop(struct world *world, unsigned hub);
void world_stop_many(struct world *world, const unsigned *hubs, size_t count);
unsigned world_dice(struct world *world, unsigned bound);
/** Index of the hub with this id; hub_count: none. */
unsigned world_hub_of(const struct world *world, const struct node_id *node);
struct wall world_wall(const struct world *world, unsigned hub);

/* ---- network: world_net.c ---- */

/** Cuts existing connections too. */
void world_block(struct world *world, unsigned from, unsigned to, bool blocked);
void world_partition(struct world *world, unsigned first_of_second_half, bool parted);
/** Everybody reaches everybody (but hubs behind NAT), frames pass untouched. */
void world_heal_net(struct world *world);
/** Open connections now, either end at `hub`. */
unsigned world_connections(const struct world *world, unsigned hub);

/* ---- disk: world_disk.c ---- */

/** Its disk hangs: jobs of the writer wait until it is let go. */
void world_stall(struct world *world, unsigned hub, bool stalled);
/** Copies what its disk holds now under a name of at most 40 characters; running hubs too. */
void world_snapshot(struct world *world, unsigned hub, const char *name);
/** The hub (it must be down) gets the disk of that snapshot back. */
void world_restore(struct world *world, unsigned hub, const char *name);
void world_disk_full(struct world *world, unsigned hub, bool full);
void world_read_only(struct world *world, unsigned hub, bool read_only);
/** Flips one bit in the body of one stored object of a hub that is down, in the database file.
 * @return false: no such object, or its bytes were not found. */
bool world_flip_object(struct world *world, unsigned hub, const struct oid *oid);

/* ---- invariants: world_check.c ---- */

/**
 * After every run: heals everything, lets queues drain (at most three days), then ends the program
 * unless: what was acked is durable, counters agree with one effect an object, both sides of each
 * referral are in the same state, no withdrawn notice is alive anywhere, memory is bounded, queues
 * are empty.
 */
void world_check(struct world *world);
/** A scenario that ends otherwise by design says which part does not hold, and why. */
void world_waive(struct world *world, unsigned waivers, const char *why);
/** Heap bytes for each hub since the world began, disks not counted; 0: not known (sanitizers). */
size_t world_bytes_per_hub(const struct world *world);

/* ---- graphs: world_graph.c ---- */

struct world_edge {
    unsigned a, b;
};
/**
 * Writes both relations of each edge as accepted, all switches on, keys and cards known, through
 * the domain functions. Hubs must be down.
 */
void world_wire(struct world *world, const struct world_edge *edges, size_t count);
/** All hubs become members of one new circle, whose id is returned: world_circle.c. Before wiring;
 * all hubs are down. */
struct oid world_circle(struct world *world);
/** A ring in which each hub also knows `chords` others, chosen by the seed. */
void world_ring(struct world *world, unsigned chords);
/**
 * Territories of 20 to 50 hubs (PROTOCOL.md section 18): inside, each hub knows `degree` others;
 * each territory has `bridges` (>= 3) to others, two of whose ends are always on. Sets places.
 */
void world_territories(struct world *world, unsigned degree, unsigned bridges);
/** Puts hubs to sleep and wakes others (not always_on) until `asleep_percent` of all sleep. */
void world_churn(struct world *world, unsigned asleep_percent);

/* ---- people: world_people.c ---- */

/** Runs one action on a hub and waits for its commit. */
bool world_do(struct world *world, unsigned hub,
              bool (*apply)(struct tx *tx, void *ctx, struct err *err), void *ctx, struct err *err);
/** Invite, join, accept, and all four switches on for both, over the network. */
void world_federate(struct world *world, unsigned inviter, unsigned joiner);
bool world_accepted(struct world *world, unsigned a, unsigned b);
/** A third hub tries the invite that world_federate used last. */
void world_join_again(struct world *world, unsigned joiner);
/** A referral from one hub to another; asserts that the action committed. */
struct oid world_refer(struct world *world, unsigned from, unsigned to, unsigned number);
/** The same inside an action of the caller's. */
bool world_send_referral(struct tx *tx, const struct world *world, unsigned from, unsigned to,
                         unsigned number, struct oid *ret, struct err *err);
bool world_act(struct world *world, unsigned hub, const struct oid *id,
               const struct referral_act *act, struct err *err);
/** False: the hub does not hold it. */
bool world_referral(struct world *world, unsigned hub, const struct oid *id,
                    struct referral_state *ret);
/** Posts `count` notices about mattresses, numbered from `first`; the uid of the last one. */
void world_post(struct world *world, unsigned hub, unsigned first, unsigned count,
                uint8_t ret_uid[UID_BYTES]);
/** One notice for a circle; NULL: for accepted peers. */
void world_post_in(struct world *world, unsigned hub, unsigned number, const struct oid *scope,
                   uint8_t ret_uid[UID_BYTES]);
/** The same with a uid that only the seed decides: twice on two copies of a hub, and it is
 * two-faced. */
void world_post_twin(struct world *world, unsigned hub, unsigned number, const struct oid *scope,
                     uint64_t uid_seed);
/** First column of the first row; 0 without a row. */
int64_t world_count(struct world *world, unsigned hub, const char *sql);
