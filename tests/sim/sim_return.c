/* Peers that lie about what they have, and one that comes back after 200 days. */
#include "tests/sim/scenario.h"

#include "hub/crypto/wire.h"
#include "hub/domain/recovery.h"
#include "maillon/hfp/v1/link.pb-c.h"

#define NORMAL "SELECT reason = 0 AND incarnation = 1 FROM authoring"

/* ---- R-REC-1: a claim is no proof ---- */

struct lie {
    uint64_t cursor; /* by how much its cursors are too high */
    uint64_t heads;  /* and its heads */
    unsigned told;
};

static bool tell_lies(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct lie *lie = ctx;
    if (from != 1 || to != 0)
        return true;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (!parsed)
        return true;
    bool changed = false;
    if (parsed->m_case == MAILLON__HFP__V1__FRAME__M_STATE)
        for (size_t i = 0; i < parsed->state->n_rx; i++, changed = true)
            parsed->state->rx[i]->link_seq += lie->cursor;
    if (parsed->m_case == MAILLON__HFP__V1__FRAME__M_HEADS)
        for (size_t i = 0; i < parsed->heads->n_chain; i++, changed = true)
            parsed->heads->chain[i]->yours_seq += lie->heads;
    if (changed) {
        lie->told++;
        frame->len = 0;
        wire_pack(parsed, frame);
    }
    maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static int64_t takes(struct world *world, unsigned from, unsigned to, unsigned number)
{
    struct both both = {from, to, world_refer(world, from, to, number)};
    struct mono before = world->now;
    expect(world, world_run_until(world, same_state, &both, 60000));
    return (world->now.us - before.us) / 1000;
}

static int64_t claimed_ms(struct world *world)
{
    struct federation_peer live = {0};
    expect(world,
           federation_peer(world->hubs[0].federation, identity_node(world->hubs[1].self), &live));
    return live.claimed_ms;
}

static void liar(struct world *world, struct lie lie)
{
    static struct lie telling;
    telling = lie;
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    int64_t usual = takes(world, 0, 2, 1);
    (void)takes(world, 0, 1, 2);
    (void)takes(world, 1, 0, 3);
    expect(world, world_run_until(world, outboxes_empty, NULL, HOUR_MS));
    world->tap = tell_lies;
    world->tap_ctx = &telling;
    for (unsigned day = 0; day < 2; day++) {
        world_stop(world, 1);
        world_start(world, 1);
        world_run_ms(world, 3000);
        for (unsigned i = 0; i < 3; i++) { /* with others nothing stops */
            expect(world, takes(world, 0, 2, 10 + day * 100 + i) <= usual + 500);
            expect(world, world_count(world, 0, NORMAL));
            world_run_ms(world, 8000);
        }
        expect(world, telling.told > 0);
        expect(world, claimed_ms(world) > 0);
        expect(world, world_count(world, 0, NORMAL));
        struct both late = {0, 1, world_refer(world, 0, 1, 20 + day * 100)};
        expect(world, world_run_until(world, same_state, &late, 60000));
        int64_t first = claimed_ms(world);
        /* not again for a day, whatever it says */
        telling.heads++;
        for (unsigned i = 0; i < 4; i++) {
            world_stop(world, 1);
            world_start(world, 1);
            world_run_ms(world, 30000);
            expect(world, claimed_ms(world) == first);
            expect(world, takes(world, 0, 2, 30 + day * 100 + i) <= usual + 500);
        }
        world_run_ms(world, 25 * HOUR_MS);
        telling.cursor += telling.cursor ? 1000 : 0;
    }
    world->tap = NULL;
    world_stop(world, 1);
    world_start(world, 1);
    expect(world, world_run_until(world, outboxes_empty, NULL, HOUR_MS));
    (void)takes(world, 0, 1, 500);
    (void)takes(world, 1, 0, 501);
    expect(world, world_count(world, 0, NORMAL) && world_count(world, 2, NORMAL));
}

static void lying_cursors(struct world *world)
{
    liar(world, (struct lie){.cursor = 1000});
}

static void lying_heads(struct world *world)
{
    liar(world, (struct lie){.heads = 7});
}

/* ---- a peer that was away for 200 days ---- */

static bool accept_it(struct world *world, unsigned hub, const struct oid *id)
{
    struct err err = {0};
    struct referral_act act = {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ACCEPT,
                               .contact_name = "desk",
                               .next_step = "come on Tuesday",
                               .actor = "test"};
    return world_act(world, hub, id, &act, &err);
}

static bool is_there(struct world *world, void *ctx)
{
    struct both *both = ctx;
    struct federation_peer live = {0};
    return federation_peer(world->hubs[both->a].federation,
                           identity_node(world->hubs[both->b].self), &live) &&
           live.connected && world_count(world, both->b, "SELECT clock_jumped FROM authoring") == 0;
}

static void long_away(struct world *world)
{
    struct both link = {0, 1, {{0}}};
    world_federate(world, 0, 1);
    uint8_t uid[UID_BYTES];
    world_post(world, 0, 1, 3, uid);
    world_post(world, 1, 4, 3, uid);
    struct both agreed = {0, 1, world_refer(world, 0, 1, 1)};
    expect(world, world_run_until(world, same_state, &agreed, 60000));
    expect(world, accept_it(world, 1, &agreed.id));
    expect(world, world_run_until(world, outboxes_empty, NULL, HOUR_MS));
    world_run_ms(world, 60000);
    expect(world, world_count(world, 0, "SELECT count(*) FROM notice") == 6);

    world_partition(world, 1, true); /* each posts once more, then 1 is off */
    struct oid never_there = world_refer(world, 0, 1, 2), never_back = world_refer(world, 1, 0, 3);
    world_run_ms(world, 60000);
    world_stop(world, 1);
    world_partition(world, 1, false);
    for (unsigned i = 0; i < 20; i++) { /* hub 0 is not always on either: that makes it quick */
        world_stop(world, 0);
        world_run_ms(world, 10 * DAY_MS - 2 * HOUR_MS);
        world_start(world, 0);
        world_run_ms(world, 2 * HOUR_MS);
    }
    int64_t notices = world_count(world, 0, "SELECT count(*) FROM notice");
    int64_t referrals = world_count(world, 0, "SELECT count(*) FROM referral WHERE status > 0");
    expect(world, notices == 0);
    expect(world, world_count(world, 0, "SELECT count(*) FROM outbox") == 0);
    expect(world,
           world_count(world, 0,
                       "SELECT delivery FROM referral WHERE status > 0 ORDER BY id DESC LIMIT 1") ==
               REFERRAL_UNDELIVERED);

    world_start(world, 1);
    expect(world, world_run_until_every(world, is_there, &link, 12 * HOUR_MS, 1000));
    world_run_ms(world, 6 * HOUR_MS);
    /* nothing old comes back to life */
    for (unsigned hub = 0; hub < 2; hub++)
        expect(world, world_count(world, hub, "SELECT count(*) FROM notice") == 0);
    expect(world,
           world_count(world, 0, "SELECT count(*) FROM referral WHERE status > 0") == referrals);
    struct referral_state state;
    expect(world, !world_referral(world, 1, &never_there, &state));
    expect(world, !world_referral(world, 0, &never_back, &state) || !state.status);
    /* people on both sides are told what ran out */
    expect(world, world_count(world, 0, "SELECT count(*) FROM referral WHERE delivery = 4") == 1);
    expect(world, world_count(world, 1,
                              "SELECT count(*) FROM referral WHERE delivery IN (3, 4)"
                              " AND is_open = 0") == 1);
    expect(world, world_count(world, 1, "SELECT count(*) FROM outbox WHERE lane = 1") == 0);
    expect(world, world_count(world, 0, NORMAL) && world_count(world, 1, NORMAL));
    /* keys are fresh, new work flows both ways */
    (void)takes(world, 0, 1, 10);
    (void)takes(world, 1, 0, 11);
    world_post(world, 1, 20, 1, uid);
    world_post(world, 0, 21, 1, uid);
    world_run_ms(world, 60000);
    expect(world, world_count(world, 0, "SELECT count(*) FROM notice") == 2);
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice") == 2);
    for (unsigned hub = 0; hub < 2; hub++)
        expect(world, atomic_load(&world->hubs[hub].counters.refused_link) == 0);
}

const struct scenario scenarios_return[] = {
    {"r_rec_1_a_peer_that_lies_about_its_cursors_silences_nobody", lying_cursors, 3, 6, HUBS_UP},
    {"r_rec_1_a_peer_that_lies_about_its_heads_silences_nobody", lying_heads, 3, 6, HUBS_UP},
    {"after_200_days_nothing_old_comes_back_and_new_work_flows", long_away, 2, 2, HUBS_UP},
    {0},
};
