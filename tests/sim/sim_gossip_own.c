/* What a circle tells a hub about itself: F24, R-REC-1. */
#include "tests/sim/gossip_setup.h"

#include "hub/domain/notice.h"

static bool do_withdraw(struct tx *tx, void *uid, struct err *err)
{
    return notice_withdraw(tx, uid, "given", err);
}

static bool is_reborn(struct world *world, void *hub)
{
    return world_count(world, *(unsigned *)hub,
                       "SELECT count(*) FROM authoring WHERE reason = 0 AND incarnation > 1") > 0;
}

#define TAKEN_BACK                                                                 \
    "SELECT count(*) FROM notice JOIN notice_own ON notice_own.notice = notice.id" \
    " WHERE kind = 0 AND version = 2"

/** Nothing but what its circle says tells hub 0 that it is a copy; and it hears it by itself. */
static void gone_back(struct world *world)
{
    uint64_t members = (1u << world->hub_count) - 1;
    unsigned victim = 0;
    uint8_t uid[UID_BYTES];
    world_ring(world, 1);
    world_start_all(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    post_in(world, victim, &scope, 1, 0, uid);
    expect_all_have(world, members, 1, 5 * MINUTE_MS);
    world_run_ms(world, 10 * MINUTE_MS);
    world_snapshot(world, victim, "before");
    must(world, world_do(world, victim, do_withdraw, uid, &why));
    post_in(world, victim, &scope, 2, 0, NULL);
    expect_all_have(world, members, 2, 5 * MINUTE_MS);
    world_run_ms(world, MINUTE_MS);
    world_crash(world, victim, CRASH_LOSE_UNSYNCED);
    world_restore(world, victim, "before");
    world_start(world, victim);
    expect(world, world_run_until_every(world, is_reborn, &victim, HOUR_MS, 1000));
    expect_all_have(world, members, 2, 5 * MINUTE_MS);
    expect(world, world_count(world, victim, TAKEN_BACK) == 1);
    expect(world, world_count(world, victim, "SELECT count(*) FROM notice_own") == 2);
    post_in(world, victim, &scope, 3, 0, NULL);
    expect_all_have(world, members, 3, 5 * MINUTE_MS);
    for (unsigned i = 0; i < world->hub_count; i++) {
        expect(world, world_count(world, i, "SELECT count(*) FROM gossip_proof") == 0);
        expect(world, world_count(world, i, "SELECT count(*) FROM notice WHERE kind = 0") == 1);
    }
}

static bool forget_notices(struct tx *tx, void *unused, struct err *err)
{
    (void)unused;
    return store_exec(tx->store,
                      "DELETE FROM object WHERE oid IN (SELECT oid FROM notice);"
                      "DELETE FROM gossip_object WHERE part = 1;"
                      "DELETE FROM gossip_count WHERE part = 1; DELETE FROM notice_own;"
                      "DELETE FROM notice",
                      err);
}

/** What it forgot itself comes again by repair and proves nothing. */
static void forgotten(struct world *world)
{
    uint64_t members = (1u << world->hub_count) - 1;
    world_ring(world, 0);
    world_start_all(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    post_in(world, 0, &scope, 1, 0, NULL);
    post_in(world, 0, &scope, 2, 0, NULL);
    expect_all_have(world, members, 2, 5 * MINUTE_MS);
    world_run_ms(world, 10 * MINUTE_MS);
    must(world, world_do(world, 0, forget_notices, NULL, &why));
    world_stop(world, 0);
    world_start(world, 0);
    expect_all_have(world, members, 2, HOUR_MS);
    world_run_ms(world, 10 * MINUTE_MS);
    for (unsigned i = 0; i < world->hub_count; i++)
        expect(world, world_count(world, i,
                                  "SELECT count(*) FROM authoring WHERE reason <> 0"
                                  " OR incarnation > 1") == 0);
}

const struct scenario scenarios_gossip_own[] = {
    {"f24_a_hub_that_lost_a_notice_of_its_circle_hears_that_it_has_gone_back", gone_back, 6, 6,
     HUBS_DOWN},
    {"f24_own_words_that_were_forgotten_here_prove_nothing", forgotten, 4, 4, HUBS_DOWN},
    {0},
};
