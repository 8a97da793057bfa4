/* Circles, where relations come from, and what one peer may send: F21, F33, R-AB-2 to R-AB-5. */
#include "hub/domain/circle.h"
#include "hub/domain/introduction.h"
#include "tests/sim/scenario.h"

#define WHO(world, hub) identity_node((world)->hubs[hub].self)

/* ---- acts ---- */

struct circle_act {
    enum { FOUND, JOIN, ADMIT, REMOVE, LEAVE } act;
    struct oid scope;
    struct node_id node;
    bool flag;
};

static bool do_act(struct tx *tx, void *ctx, struct err *err)
{
    struct circle_act *act = ctx;
    const char *lines[] = {"Nobody is turned away."};
    struct circle_draft draft = {.name = "Vallée",
                                 .principle = lines,
                                 .principle_count = 1,
                                 .steward = {*identity_node(tx->self)},
                                 .steward_count = 1,
                                 .accept_each_other = true};
    bool done;
    switch (act->act) {
    case FOUND:
        return circle_found(tx, &draft, &act->scope, &done, err);
    case JOIN:
        return circle_join(tx, &act->scope, act->flag ? &act->node : NULL, "", &done, err);
    case ADMIT:
        return circle_admit(tx, &act->scope, &act->node, "", &done, err);
    case REMOVE:
        return circle_remove(tx, &act->scope, &act->node, &done, err);
    case LEAVE:
        return circle_leave(tx, &act->scope, err);
    }
    return false;
}

static bool act(struct world *world, unsigned hub, int what, const struct oid *scope, unsigned who)
{
    struct circle_act one = {
        .act = (int)what, .scope = *scope, .node = *WHO(world, who), .flag = true};
    struct err err = {0};
    return world_do(world, hub, do_act, &one, &err);
}

static struct oid found(struct world *world)
{
    struct circle_act one = {.act = FOUND};
    struct err err = {0};
    expect(world, world_do(world, 0, do_act, &one, &err));
    return one.scope;
}

static bool is_in(struct world *world, unsigned at, const struct oid *scope, unsigned who)
{
    bool in = false;
    struct err err = {0};
    expect(world, circle_is_member(world->hubs[at].reader, scope, WHO(world, who),
                                   world_wall(world, at), &in, &err));
    return in;
}

struct question {
    unsigned at, who;
    const struct oid *scope;
    bool in;
};

static bool answered(struct world *world, void *ctx)
{
    const struct question *question = ctx;
    return is_in(world, question->at, question->scope, question->who) == question->in;
}

/* ---- F33 ---- */

static bool all_agree(struct world *world, void *ctx)
{
    const struct oid *scope = ctx;
    for (unsigned at = 1; at < world->hub_count; at++) {
        if (!is_in(world, 0, scope, at))
            continue; /* who is out hears nothing more */
        for (unsigned who = 0; who < world->hub_count; who++) {
            if (is_in(world, at, scope, who) != is_in(world, 0, scope, who))
                return false;
        }
    }
    return true;
}

/* A steward admits and removes while hubs sleep, frames repeat and overtake each other. */
static void shuffled_log(struct world *world)
{
    for (unsigned i = 1; i < world->hub_count; i++)
        world_federate(world, 0, i);
    world_federate(world, 1, 2);
    struct oid scope = found(world);
    for (unsigned i = 1; i < world->hub_count; i++) {
        expect(world, act(world, i, JOIN, &scope, 0));
        expect(world, act(world, 0, ADMIT, &scope, i));
    }
    expect(world, world_run_until(world, all_agree, &scope, HOUR_MS));
    world->net = (struct world_net){.latency_ms = 50,
                                    .jitter_ms = 400,
                                    .duplicate_percent = 30,
                                    .reorder_percent = 30,
                                    .cut_per_mille = 5};
    for (unsigned step = 0; step < 20; step++) {
        unsigned who = 1 + world_dice(world, world->hub_count - 1);
        unsigned sleeper = 1 + world_dice(world, world->hub_count - 1);
        world_block(world, 0, sleeper, world_dice(world, 2));
        if (is_in(world, 0, &scope, who))
            expect(world, act(world, 0, REMOVE, &scope, who));
        else
            expect(world, act(world, 0, ADMIT, &scope, who));
        world_run_ms(world, world_dice(world, 3000));
        if (world_dice(world, 4) == 0) {
            world_crash(world, who, CRASH_LOSE_UNSYNCED);
            world_run_ms(world, 500);
            world_start(world, who);
        }
    }
    world_heal_net(world);
    world->net = (struct world_net){.latency_ms = 20};
    expect(world, world_run_until_every(world, all_agree, &scope, 2 * DAY_MS, 60000));
}

/* A hub restored from before a removal has the old admission only, and passes it on. */
static void stale_add(struct world *world)
{
    for (unsigned i = 1; i < 3; i++)
        world_federate(world, 0, i);
    world_federate(world, 1, 2);
    struct oid scope = found(world);
    for (unsigned i = 1; i < 3; i++) {
        expect(world, act(world, i, JOIN, &scope, 0));
        expect(world, act(world, 0, ADMIT, &scope, i));
    }
    struct question member = {1, 2, &scope, true};
    expect(world, world_run_until(world, answered, &member, HOUR_MS));
    world_stop(world, 1);
    expect(world, act(world, 0, REMOVE, &scope, 2));
    struct question gone = {2, 2, &scope, false};
    expect(world, world_run_until(world, answered, &gone, HOUR_MS));
    world_start(world, 1); /* still believes in the admission */
    gone.at = 1;
    expect(world, world_run_until(world, answered, &gone, HOUR_MS));
    world_run_ms(world, HOUR_MS);
    for (unsigned at = 0; at < 3; at++)
        expect(world, !is_in(world, at, &scope, 2));
    expect(world, act(world, 2, JOIN, &scope, 0));
    world_run_ms(world, 60000);
    expect(world, act(world, 0, ADMIT, &scope, 2)); /* a new term */
    for (unsigned at = 0; at < 3; at++) {
        struct question back = {at, 2, &scope, true};
        expect(world, world_run_until(world, answered, &back, HOUR_MS));
    }
}

/* ---- R-AB-2: suspended when the provenance ends ---- */

static bool introduce(struct tx *tx, void *ctx, struct err *err)
{
    const struct node_id *nodes = ctx;
    return introduction_send(tx, &nodes[0], &nodes[1], "", err);
}

static bool take_up(struct tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    struct introduction *list;
    size_t count;
    return introduction_list(tx->store, tx->arena, &list, &count, err) && count == 1 &&
           introduction_accept(tx, &list[0], err);
}

static bool one_suggestion(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, 1, "SELECT count(*) FROM introduction WHERE state = 'open'") == 1;
}

static bool relation_at(struct world *world, unsigned at, unsigned who, struct relation *ret)
{
    struct err err = {0};
    bool found_it = false;
    expect(world, relation_find(world->hubs[at].reader, WHO(world, who), &found_it, ret, &err));
    return found_it;
}

static bool connected(struct world *world, void *unused)
{
    (void)unused;
    struct relation relation;
    return relation_at(world, 2, 1, &relation) && relation_is_accepted(&relation) &&
           relation_at(world, 1, 2, &relation) && relation_is_accepted(&relation) &&
           outboxes_empty(world, NULL);
}

static bool is_suspended(struct world *world, void *unused)
{
    (void)unused;
    struct relation relation;
    return relation_at(world, 2, 1, &relation) && relation.suspended.ms > 0;
}

static bool referrals_on(struct tx *tx, void *ctx, struct err *err)
{
    return relation_set_switches(tx, ctx, SWITCH_REFERRALS, SWITCH_REFERRALS, err);
}

static void suspended(struct world *world)
{
    struct err err = {0};
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    struct oid scope = found(world);
    for (unsigned i = 1; i < 3; i++) {
        expect(world, act(world, i, JOIN, &scope, 0));
        expect(world, act(world, 0, ADMIT, &scope, i));
    }
    struct question member = {2, 1, &scope, true};
    expect(world, world_run_until(world, answered, &member, HOUR_MS));
    struct node_id both[] = {*WHO(world, 1), *WHO(world, 2)};
    expect(world, world_do(world, 0, introduce, both, &err));
    expect(world, world_run_until(world, one_suggestion, NULL, HOUR_MS));
    expect(world, world_do(world, 1, take_up, NULL, &err));
    expect(world, world_run_until(world, connected, NULL, HOUR_MS)); /* by the circle, unasked */
    world_run_ms(world, 60000); /* and their directory entries */
    struct relation relation;
    expect(world, relation_at(world, 2, 1, &relation));
    expect(world,
           relation.provenance == PROVENANCE_CIRCLE && relation.switches == SWITCHES_AFTER_ACCEPT);
    for (unsigned i = 0; i < 2; i++)
        expect(world, world_do(world, 2 - i, referrals_on, &both[i], &err));
    struct both open = {2, 1, world_refer(world, 2, 1, 1)};
    expect(world, world_run_until(world, same_state, &open, HOUR_MS));

    expect(world, act(world, 0, REMOVE, &scope, 1));
    expect(world, world_run_until(world, is_suspended, NULL, HOUR_MS));
    expect(world, relation_at(world, 2, 1, &relation));
    expect(world, relation.switches == 0); /* nothing new: referral_send looks at them */
    struct referral_act accept = {.action =
                                      MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ACCEPT,
                                  .contact_name = "the front desk",
                                  .next_step = "come on Tuesday",
                                  .actor = "test"};
    expect(world, world_act(world, 1, &open.id, &accept, &err)); /* what is open goes on */
    expect(world, world_run_until(world, same_state, &open, HOUR_MS));
    world_run_ms(world, 31 * DAY_MS);
    expect(world, relation_at(world, 2, 1, &relation));
    expect(world, relation.suspension_over && !relation_is_accepted(&relation));
    expect(world, world_count(world, 2, "SELECT count(*) FROM referral") == 1); /* never deleted */
}

/* ---- R-AB-4: block and back ---- */

struct deciding {
    struct node_id node;
    enum decision ours;
};

static bool decide(struct tx *tx, void *ctx, struct err *err)
{
    const struct deciding *deciding = ctx;
    return relation_decide(tx, &deciding->node, deciding->ours, err);
}

static void decided(struct world *world, unsigned at, unsigned who, enum decision ours)
{
    struct deciding deciding = {*WHO(world, who), ours};
    struct err err = {0};
    expect(world, world_do(world, at, decide, &deciding, &err));
}

static bool no_link(struct world *world, void *unused)
{
    (void)unused;
    return world_connections(world, 1) == 0;
}

static bool has_three(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, 1, "SELECT count(*) FROM notice") == 3;
}

static void blocked(struct world *world)
{
    struct err err = {0};
    world_federate(world, 0, 1);
    struct both open = {0, 1, world_refer(world, 0, 1, 1)};
    expect(world, world_run_until(world, same_state, &open, HOUR_MS));
    world_post(world, 0, 0, 1, NULL);
    world_run_ms(world, 60000);
    decided(world, 0, 1, DECISION_BLOCKED);
    expect(world, world_run_until(world, no_link, NULL, HOUR_MS));
    world_post(world, 0, 1, 2, NULL);
    world_run_ms(world, DAY_MS);
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice") == 1);
    expect(world, world_count(world, 0, "SELECT count(*) FROM referral") == 1);
    decided(world, 0, 1, DECISION_PAUSED);
    decided(world, 0, 1, DECISION_ACCEPTED);
    expect(world, world_run_until(world, has_three, NULL, DAY_MS));
    struct referral_act accept = {.action =
                                      MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ACCEPT,
                                  .contact_name = "the front desk",
                                  .next_step = "come on Tuesday",
                                  .actor = "test"};
    expect(world, world_act(world, 1, &open.id, &accept, &err));
    expect(world, world_run_until(world, same_state, &open, HOUR_MS));
}

/* ---- F21 ---- */

#define FLOOD_RATE 1 /* objects a second that hub 0 takes; the flood is a hundred times that */

static bool heard_all(struct world *world, void *ctx)
{
    return world_count(world, 0, "SELECT count(*) FROM referral") == *(const int64_t *)ctx;
}

static void flood(struct world *world)
{
    struct federation_peer live;
    int64_t referrals = 0;
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    world->hubs[0].config.objects_per_second = FLOOD_RATE;
    world->hubs[0].config.objects_burst = 100;
    for (unsigned second = 0; second < 600; second += 5) {
        world_post(world, 1, second * 1000, 5 * 100 * FLOOD_RATE, NULL);
        if (second % 30 == 0) { /* another peer goes on as ever: in seconds */
            world_refer(world, 2, 0, second);
            referrals++;
            expect(world, world_run_until(world, heard_all, &referrals, 5000));
        }
        world_run_ms(world, 5000);
    }
    /* Credit comes in windows: what was let in is the rate, the burst, and one window. */
    int64_t taken = world_count(world, 0, "SELECT count(*) FROM notice");
    expect(world, taken < 600 * FLOOD_RATE + 100 + 3 * LINK_WINDOW_OBJECTS);
    expect(world, federation_peer(world->hubs[0].federation, WHO(world, 1), &live));
    expect(world, live.connected && live.over_limit_ms > 0 && live.score > 0); /* seen, not cut */
    expect(world, federation_peer(world->hubs[0].federation, WHO(world, 2), &live));
    expect(world, live.connected && live.over_limit_ms == 0 && live.score == 0);
    world->hubs[0].config.objects_per_second = 0;
}

const struct scenario scenarios_circle[] = {
    {"f33_a_shuffled_membership_log_gives_everybody_the_same_members", shuffled_log, 4, 10,
     HUBS_UP},
    {"f33_a_stale_admission_revives_nobody", stale_add, 3, 5, HUBS_UP},
    {"rab2_a_relation_is_suspended_when_its_provenance_ends", suspended, 3, 3, HUBS_UP},
    {"rab4_a_block_is_reversible", blocked, 2, 3, HUBS_UP},
    {"f21_a_flood_slows_its_source_and_nobody_else", flood, 3, 1, HUBS_UP},
    {0},
};
