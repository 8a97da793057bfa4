/* Two hubs and what the network, power and people do to them: F1 to F6, F8, F9. */
#include "tests/sim/scenario.h"

/* ---- the plain way, and joining ---- */

static void plain(struct world *world)
{
    world_federate(world, 0, 1);
    struct both both = {0, 1, world_refer(world, 0, 1, 1)};
    expect(world, world_run_until(world, same_state, &both, 5000));
    struct err err = {0};
    struct referral_act act = {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ACCEPT,
                               .contact_name = "the front desk",
                               .next_step = "come on Tuesday",
                               .actor = "test"};
    expect(world, world_act(world, 1, &both.id, &act, &err));
    expect(world, world_run_until(world, outboxes_empty, NULL, 60000));
    struct referral_state state;
    expect(world, world_referral(world, 0, &both.id, &state));
    expect(world, state.status == MAILLON__HFP__V1__REFERRAL_STATUS__REFERRAL_STATUS_ACCEPTED);
}

/* ---- F1 to F4: power loss at any moment, on either side ---- */

static void crashing(struct world *world)
{
    struct oid ids[6];
    world_federate(world, 0, 1);
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = world_refer(world, 0, 1, i);
        world_run_ms(world, world_dice(world, 120));
        unsigned victim = world_dice(world, 2);
        world_crash(world, victim, (enum crash_mode)world_dice(world, 3));
        world_run_ms(world, world_dice(world, 3000));
        world_start(world, victim);
        if (world_dice(world, 2)) /* the person in front presses again: same key, same referral */
            expect(world, ({
                       struct oid again = world_refer(world, 0, 1, i);
                       oid_equal(&again, &ids[i]);
                   }));
    }
    expect_delivered(world, 0, 1, ids, ARRAY_LEN(ids));
    expect(world, world_count(world, 0, "SELECT count(*) FROM referral") == ARRAY_LEN(ids));
}

/* ---- F5, F6: repeats, overtaking, broken connections; both sides act at once ---- */

static void busy(struct world *world)
{
    struct oid ids[3];
    world_federate(world, 0, 1);
    world->net = (struct world_net){.latency_ms = world_dice(world, 300),
                                    .jitter_ms = world_dice(world, 200),
                                    .duplicate_percent = 30,
                                    .reorder_percent = 20,
                                    .cut_per_mille = world_dice(world, 30)};
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = world_refer(world, 0, 1, i);
    for (unsigned i = 0; i < 24; i++) {
        random_act(world, world_dice(world, 2), &ids[world_dice(world, ARRAY_LEN(ids))]);
        world_run_ms(world, world_dice(world, 600));
    }
    world->net = (struct world_net){.latency_ms = 20, .jitter_ms = 10};
    expect_delivered(world, 0, 1, ids, ARRAY_LEN(ids));
}

/* ---- F8: days apart ---- */

static void parted(struct world *world)
{
    struct oid ids[4];
    world_federate(world, 0, 1);
    world_partition(world, 1, true);
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = world_refer(world, 0, 1, i);
        world_run_ms(world, DAY_MS);
    }
    expect(world, world_count(world, 1, "SELECT count(*) FROM referral") == 0);
    world_partition(world, 1, false);
    expect_delivered(world, 0, 1, ids, ARRAY_LEN(ids));
}

/* ---- F9: only one side can dial ---- */

static void one_way(struct world *world)
{
    unsigned blocked = world_dice(world, 2);
    world_federate(world, 0, 1);
    world_partition(world, 1, true);
    world_run_ms(world, 10 * 60000);
    world_block(world, !blocked, blocked, false);
    struct oid ids[] = {world_refer(world, 0, 1, 1)};
    struct both both = {0, 1, ids[0]};
    expect(world, world_run_until(world, same_state, &both, HOUR_MS));
    expect_delivered(world, 0, 1, ids, 1);
    struct federation_peer live;
    expect(world, federation_peer(world->hubs[blocked].federation,
                                  identity_node(world->hubs[!blocked].self), &live));
    expect(world, live.connected && !live.we_dialled);
    expect(world, live.last_error[0]); /* R-SE-9: that our dialling fails stays known */
}

/* ---- nobody speaks before acceptance ---- */

static void stranger(struct world *world)
{
    struct referral_state state;
    world_federate(world, 0, 1);
    uint64_t opened = atomic_load(&world->hubs[0].counters.links_opened);
    world_join_again(world, 2); /* the invite was used up */
    world_run_ms(world, 60000);
    expect(world, atomic_load(&world->hubs[0].counters.links_opened) > opened);
    expect(world, !world_accepted(world, 0, 2));
    expect(world, world_count(world, 0, "SELECT count(*) FROM peer") == 1);
    struct oid id = world_refer(world, 0, 1, 1);
    world_run_ms(world, 60000);
    expect(world, !world_referral(world, 2, &id, &state));
    expect(world, world_count(world, 2, "SELECT count(*) FROM object") == 1); /* its own card */
}

const struct scenario scenarios_link[] = {
    {"a_referral_arrives_once_and_its_answer_comes_back", plain, 2, 20, HUBS_UP},
    {"f1_f2_f3_f4_nothing_acked_is_lost_and_nothing_happens_twice", crashing, 2, 80, HUBS_UP},
    {"f5_f6_both_sides_reach_the_same_state_whatever_the_order", busy, 2, 100, HUBS_UP},
    {"f8_after_days_apart_everything_arrives_without_a_human", parted, 2, 5, HUBS_UP},
    {"f9_the_direction_that_works_carries_both", one_way, 2, 20, HUBS_UP},
    {"an_unaccepted_hub_hears_nothing", stranger, 3, 5, HUBS_UP},
    {0},
};
