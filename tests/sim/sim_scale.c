/* Forty hubs and more: sleepers, partitions, power loss, restarts of a hub that many know. */
#include "tests/sim/scenario.h"

#include "hub/base/mem.h"

#include <stdlib.h>

/** One of the hubs that this one has a relation with. */
static unsigned random_peer(struct world *world, unsigned hub)
{
    struct err err = {0};
    struct node_id node;
    bool row = false;
    int64_t count = world_count(world, hub, "SELECT count(*) FROM peer");
    expect(world, count > 0);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(world->hubs[hub].reader,
                                 "SELECT node FROM peer ORDER BY id LIMIT 1 OFFSET ?1", &err);
    assert_non_null(stmt);
    stmt_bind_i64(stmt, 1, world_dice(world, (unsigned)count));
    assert_true(stmt_next(stmt, &row, &err) && row);
    assert_true(stmt_copy(stmt, 0, node.b, sizeof node.b));
    return world_hub_of(world, &node);
}

static unsigned random_awake(struct world *world)
{
    unsigned hub = world_dice(world, world->hub_count);
    while (!world->hubs[hub].alive)
        hub = world_dice(world, world->hub_count);
    return hub;
}

static void random_fault(struct world *world)
{
    unsigned victim = random_awake(world), other = world_dice(world, world->hub_count);
    switch (world_dice(world, 5)) {
    case 0:
        world_crash(world, victim, (enum crash_mode)world_dice(world, 3));
        world_run_ms(world, world_dice(world, 5000));
        world_start(world, victim);
        break;
    case 1:
        world_churn(world, 40);
        break;
    case 2:
        world_partition(world, 1 + world_dice(world, world->hub_count - 1), world_dice(world, 2));
        break;
    case 3:
        world_block(world, victim, other, world_dice(world, 3));
        break;
    default:
        world->net.cut_per_mille = world_dice(world, 20);
        world->net.duplicate_percent = world_dice(world, 30);
        world->net.reorder_percent = world_dice(world, 20);
        break;
    }
}

/* world_check does the asserting: everything below is noise. */
static void everything_at_once(struct world *world)
{
    enum { REFERRALS = 60 };
    struct {
        struct oid id;
        unsigned from, to;
    } sent[REFERRALS];
    world_territories(world, 4, 3);
    world_start_all(world);
    world_run_ms(world, 5000);
    for (unsigned i = 0; i < REFERRALS; i++) {
        unsigned from = random_awake(world), to = random_peer(world, from);
        sent[i].id = world_refer(world, from, to, i);
        sent[i].from = from;
        sent[i].to = to;
        world_run_ms(world, world_dice(world, 500));
        if (world_dice(world, 4) == 0)
            random_fault(world);
        unsigned past = world_dice(world, i + 1);
        struct referral_state known;
        struct referral_act seen = {
            .action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_SEEN, .actor = "test"};
        struct err err = {0};
        if (world->hubs[sent[past].to].alive &&
            world_referral(world, sent[past].to, &sent[past].id, &known) && known.status)
            (void)!world_act(world, sent[past].to, &sent[past].id, &seen, &err);
    }
    world_check(world); /* and again after the scenario: healing twice changes nothing */
    for (unsigned i = 0; i < REFERRALS; i++) {
        struct both both = {sent[i].from, sent[i].to, sent[i].id};
        expect(world, same_state(world, &both));
    }
}

/* ---- F32: everybody comes back to a large hub ---- */

static uint64_t opened(const struct world *world)
{
    return atomic_load(&world->hubs[0].counters.links_opened);
}

/** Runs for a while; the most sessions that opened at hub 0 within one second of it. */
static unsigned busiest_second(struct world *world, unsigned for_s)
{
    unsigned most = 0;
    for (unsigned s = 0; s < for_s; s++) {
        uint64_t before = opened(world);
        world_run_ms(world, 1000);
        unsigned now = (unsigned)(opened(world) - before);
        most = now > most ? now : most;
    }
    return most;
}

static uint64_t frames_in_a_minute(struct world *world)
{
    uint64_t before = atomic_load(&world->hubs[0].counters.frames_in);
    world_run_ms(world, 60000);
    return atomic_load(&world->hubs[0].counters.frames_in) - before;
}

static void wire_star(struct world *world)
{
    unsigned count = world->hub_count - 1;
    struct world_edge *edges = mem_alloc(count * sizeof *edges);
    for (unsigned i = 0; i < count; i++)
        edges[i] = (struct world_edge){0, i + 1};
    world_wire(world, edges, count);
    free(edges);
    world->hubs[0].config.max_links = (int64_t)world->hub_count + 10;
}

static void herd(struct world *world)
{
    enum { DOWN_S = 120 };
    unsigned peers = world->hub_count - 1;
    bool by_power_loss = world->seed % 2;
    for (unsigned i = 1; i <= peers && world->seed % 4 < 2; i++)
        world->hubs[i].config.url[0] = '\0'; /* they dial it, it cannot dial them */
    wire_star(world);
    world_start_all(world);
    world_run_ms(world, 5 * 60000);
    expect(world, world_connections(world, 0) == peers);
    uint64_t steady = frames_in_a_minute(world);
    if (by_power_loss) { /* peers dial in vain until it is back: their backoff spreads them */
        world_crash(world, 0, CRASH_LOSE_UNSYNCED);
        world_run_ms(world, DOWN_S * 1000);
    } else { /* R-SE-8: the Bye asked each peer for a time of its own */
        world_stop(world, 0);
    }
    world_start(world, 0);
    unsigned most = busiest_second(world, 300);
    expect(world, world_connections(world, 0) >= peers * 95 / 100);
    world_run_ms(world, 30 * 60000); /* the longest wait there is */
    expect(world, world_connections(world, 0) == peers);
    /* Told when, dialled by the hub itself, or spread by 128 s of backoff: about 20 a second each
     * way. */
    expect(world, most <= peers / 3);
    expect(world, frames_in_a_minute(world) <= 2 * steady + 2 * peers);
}

const struct scenario scenarios_scale[] = {
    {"forty_hubs_with_sleepers_partitions_and_power_loss_lose_nothing", everything_at_once, 40, 12,
     HUBS_DOWN},
    {"f32_peers_come_back_to_a_large_hub_spread_out", herd, 241, 2, HUBS_DOWN},
    {0},
};
