#pragma once
/*
 * What the simulator runs: tables of scenarios, one a file (sim_<area>.c), each named after what it
 * proves and the rows of PROTOCOL.md section 16 (F…) or requirement ids it stands for. A table is
 * listed in test_sim.c; a scenario runs by its name: `test_sim NAME`.
 */
#include "tests/sim/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define HOUR_MS 3600000LL
#define DAY_MS  (24 * HOUR_MS)

/** world_check follows, then the world is freed. */
typedef void scenario_run(struct world *world);

enum scenario_world {
    HUBS_UP,   /* started, not federated */
    HUBS_DOWN, /* wire them first, then world_start_all; small caches, for more than 20 hubs */
};

struct scenario {
    const char *name; /* a sentence, with ids */
    scenario_run *run;
    unsigned hubs;
    unsigned seeds; /* in CI; SIM_SEEDS says otherwise, sanitizers run an eighth (at least one) */
    enum scenario_world world;
};

/** Ends with a row without name. */
extern const struct scenario scenarios_keys[];
extern const struct scenario scenarios_circle[];
extern const struct scenario scenarios_attach[];
extern const struct scenario scenarios_audit[];
extern const struct scenario scenarios_link[];
extern const struct scenario scenarios_hostile[];
extern const struct scenario scenarios_disk[];
extern const struct scenario scenarios_gossip[];
extern const struct scenario scenarios_gossip_own[];
extern const struct scenario scenarios_circle_unread[];
extern const struct scenario scenarios_gossip_hostile[];
extern const struct scenario scenarios_relay[];
extern const struct scenario scenarios_relay_hostile[];
extern const struct scenario scenarios_recovery[];
extern const struct scenario scenarios_return[];
extern const struct scenario scenarios_scale[];
extern const struct scenario scenarios_versions[];
extern const struct scenario scenarios_model[];

#define expect(world, what)                                                           \
    do {                                                                              \
        if (!(what)) {                                                                \
            print_error("seed %llu: %s\n", (unsigned long long)(world)->seed, #what); \
            assert_true(what);                                                        \
        }                                                                             \
    } while (0)

/* ---- questions that many scenarios ask ---- */

struct both {
    unsigned a, b;
    struct oid id;
};
/** world_run_until's `done`, ctx a struct both: the referral is in the same state at both. */
bool same_state(struct world *world, void *both);
/** Nothing waits in any queue of a hub that runs. */
bool outboxes_empty(struct world *world, void *unused);
/** Everything arrives within three days, both sides agree, nothing came twice. */
void expect_delivered(struct world *world, unsigned a, unsigned b, const struct oid *ids,
                      unsigned count);
/** A random act on a referral from hub 0 to hub 1, allowed or not. */
void random_act(struct world *world, unsigned hub, const struct oid *id);
