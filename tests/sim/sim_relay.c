/* A hub that only dials out and its home relays: R-RE-1, R-RE-2, R-RE-5, R-PD-5, and section 17
 * "Dial-out-only works". */
#include "tests/sim/sim_relay.h"

#include "hub/crypto/digest.h"
#include "hub/outbox/outbox.h"
#include "hub/store/stmt.h"

/* ---- the plain way ---- */

static void plain(struct world *world)
{
    relaying_set_up(world);
    struct both both = {SENDER, DEST, world_refer(world, SENDER, DEST, 1)};
    expect(world, world_run_until(world, same_state, &both, MINUTE_MS));
    expect(world, world_run_until(world, relaying_first_stored, NULL, MINUTE_MS));
    struct err err = {0};
    struct referral_act act = {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ACCEPT,
                               .contact_name = "the front desk",
                               .next_step = "come on Tuesday",
                               .actor = "test"};
    expect(world, world_act(world, DEST, &both.id, &act, &err));
    expect(world, world_run_until(world, outboxes_empty, NULL, 2 * MINUTE_MS));
    expect(world, same_state(world, &both));
    expect(world, world_run_until(world, relaying_empty, NULL, MINUTE_MS));
    expect(world, world_connections(world, SENDER) == 2); /* its relays, nobody else */
}

/* ---- the far end asleep: AT_RELAY, then STORED ---- */

static void waiting(struct world *world)
{
    relaying_set_up(world);
    relaying_part(world, RELAY_A, DEST, true);
    relaying_part(world, RELAY_B, DEST, true);
    struct oid id = world_refer(world, SENDER, DEST, 1);
    relaying_word(world, &id, "sent");
    expect(world, world_run_until(world, relaying_one_away, NULL, MINUTE_MS));
    relaying_word(world, &id, "at-relay");
    world_run_ms(world, 10 * MINUTE_MS);
    expect(world, relaying_stored(world) == 0); /* R-PD-5: custody frees nothing */
    expect(world, world_count(world, SENDER, "SELECT count(*) FROM outbox") == 1);
    relaying_part(world, RELAY_A, DEST, false);
    relaying_part(world, RELAY_B, DEST, false);
    expect(world, world_run_until(world, relaying_first_stored, NULL, 15 * MINUTE_MS));
    relaying_word(world, &id, "stored");
    expect(world, world_run_until(world, relaying_empty, NULL, 15 * MINUTE_MS));
}

/* ---- section 17: 48 h with the link up 10 % of it ---- */

static void rarely_up(struct world *world)
{
    struct oid ids[12];
    relaying_set_up(world);
    for (unsigned hour = 0; hour < 48; hour++) {
        if (hour % 4 == 0)
            ids[hour / 4] = world_refer(world, SENDER, DEST, hour);
        if (hour % 4 == 2)
            random_act(world, world_dice(world, 2) ? SENDER : DEST, &ids[hour / 4]);
        relaying_part(world, RELAY_A, DEST, true);
        relaying_part(world, RELAY_B, DEST, true);
        world_run_ms(world, 54 * MINUTE_MS);
        relaying_part(world, RELAY_A, DEST, false);
        relaying_part(world, RELAY_B, DEST, false);
        world_run_ms(world, 6 * MINUTE_MS);
    }
    expect(world, relaying_stored(world) >= 11);
    expect_delivered(world, SENDER, DEST, ids, ARRAY_LEN(ids));
    expect(world, world_run_until(world, relaying_empty, NULL, HOUR_MS));
}

/* ---- blobs in parts ---- */

static void in_parts(struct world *world)
{
    struct err err = {0};
    struct large large = {.dest = identity_node(world->hubs[DEST].self), .size = 200000};
    relaying_set_up(world);
    relaying_part(world, RELAY_A, DEST, true);
    relaying_part(world, RELAY_B, DEST, true);
    expect(world, world_do(world, SENDER, relaying_queue_large, &large, &err));
    expect(world, world_run_until(world, relaying_one_held, NULL, MINUTE_MS));
    unsigned relay = relaying_held(world, RELAY_A) ? RELAY_A : RELAY_B;
    expect(world, world_count(world, relay, "SELECT size FROM relay_blob") > 262144);
    struct relay_blob *rows;
    size_t count;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    expect(world, relay_read(world->hubs[relay].reader, arena, large.dest, 0, false, 1, 1,
                             world_wall(world, relay), &rows, &count, &err));
    struct oid computed;
    digest_sha256(rows[0].sealed, computed.b);
    expect(world, oid_equal(&computed, &large.sealed_id));
    /* The destination opens it, finds nothing that it would take, and the relay is rid of it. */
    expect(world, world_do(world, SENDER, relaying_take_back, &large, &err));
    relaying_part(world, relay, DEST, false);
    expect(world, world_run_until(world, relaying_empty, NULL, 20 * MINUTE_MS));
    expect(world, world_count(world, DEST, "SELECT count(*) FROM outbox") == 0);
}

/* ---- the config option ---- */

static void configured(struct world *world)
{
    static const unsigned relays[] = {RELAY_A, RELAY_B};
    struct err err = {0};
    world_federate(world, RELAY_A, SENDER);
    world_federate(world, RELAY_B, SENDER);
    world_federate(world, RELAY_A, DEST);
    world_federate(world, RELAY_B, DEST);
    world_federate(world, SENDER, DEST);
    struct relaying relaying = {.node = *identity_node(world->hubs[DEST].self),
                                .duty = RELAY_DUTY_ALLOWED};
    for (size_t i = 0; i < ARRAY_LEN(relays); i++)
        expect(world, world_do(world, relays[i], relaying_set_duty, &relaying, &err));
    world_stop(world, DEST);
    world->hubs[DEST].nat = true;
    world->hubs[DEST].config.url[0] = 0;
    snprintf(world->hubs[DEST].config.home_relays, 64, "hub %u, nobody,hub %u", RELAY_A, RELAY_B);
    world_start(world, DEST);
    world_run_ms(world, MINUTE_MS);
    expect(world, relaying_homes(world, SENDER, DEST) == 2);
}

/* ---- relays down, relays that crash ---- */

static void relays_down(struct world *world)
{
    const unsigned relays[] = {RELAY_A, RELAY_B};
    struct oid ids[3];
    relaying_set_up(world);
    world_stop_many(world, relays, ARRAY_LEN(relays));
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = world_refer(world, SENDER, DEST, i);
    world_run_ms(world, 2 * HOUR_MS);
    expect(world, relaying_referrals(world, DEST) == 0);
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        relaying_word(world, &ids[i], "sent");
    world_start(world, relays[0]);
    world_start(world, relays[1]);
    expect_delivered(world, SENDER, DEST, ids, ARRAY_LEN(ids));
}

/** Power goes after "held": what a relay said is durable (R-RE-2). */
static void relay_crashes(struct world *world)
{
    struct oid ids[4];
    relaying_set_up(world);
    relaying_part(world, RELAY_A, DEST, true);
    relaying_part(world, RELAY_B, DEST, true);
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = world_refer(world, SENDER, DEST, i);
        world_run_ms(world, world_dice(world, 400));
        unsigned victim = world_dice(world, 2) ? RELAY_A : RELAY_B;
        world_crash(world, victim, (enum crash_mode)world_dice(world, 3));
        world_run_ms(world, world_dice(world, 2000));
        world_start(world, victim);
    }
    world_run_ms(world, 20 * MINUTE_MS);
    int64_t custody = world_count(world, SENDER, "SELECT count(*) FROM relay_custody");
    expect(world, relaying_held(world, RELAY_A) + relaying_held(world, RELAY_B) >= custody);
    relaying_part(world, RELAY_A, DEST, false);
    relaying_part(world, RELAY_B, DEST, false);
    expect_delivered(world, SENDER, DEST, ids, ARRAY_LEN(ids));
}

/* ---- R-RE-1: a neighbour that relays, and refusal (R-RE-5) ---- */

/** RELAY_A lets go of its duty: nothing new comes that way, and the card says so. */
static void refused(struct world *world)
{
    struct err err = {0};
    relaying_set_up(world);
    world->hubs[SENDER].nat = false; /* directory entries need a session */
    relaying_part(world, SENDER, DEST, false);
    struct relaying relaying = {.node = *identity_node(world->hubs[DEST].self),
                                .duty = RELAY_DUTY_REFUSED};
    expect(world, world_do(world, RELAY_A, relaying_set_duty, &relaying, &err));
    expect(world, world_run_until(world, relaying_one_home, NULL, 40 * MINUTE_MS));
    relaying_part(world, SENDER, DEST, true);
    world_run_ms(world, 1000);
    relaying_part(world, RELAY_A, DEST, true);
    relaying_part(world, RELAY_B, DEST, true);
    struct oid id = world_refer(world, SENDER, DEST, 1);
    expect(world, world_run_until(world, relaying_one_away, NULL, MINUTE_MS));
    expect(world, relaying_held(world, RELAY_A) == 0 && relaying_held(world, RELAY_B) == 1);
    relaying_part(world, RELAY_B, DEST, false);
    expect_delivered(world, SENDER, DEST, &id, 1);
}

/** DEST can be dialled and names no home relay, but RELAY_A said that it relays for it. */
static void neighbour(struct world *world)
{
    struct err err = {0};
    world_federate(world, RELAY_A, SENDER);
    world_federate(world, RELAY_A, DEST);
    world_federate(world, SENDER, DEST);
    struct relaying relaying = {.node = *identity_node(world->hubs[DEST].self),
                                .duty = RELAY_DUTY_ALLOWED};
    expect(world, world_do(world, RELAY_A, relaying_set_duty, &relaying, &err));
    relaying_part(world, SENDER, DEST, true);
    struct both both = {SENDER, DEST, world_refer(world, SENDER, DEST, 1)};
    world_run_ms(world, 20000);
    expect(world, relaying_referrals(world, DEST) == 0); /* a session may come back within 30 s */
    expect(world, world_run_until(world, same_state, &both, MINUTE_MS));
    /* The receipt has no such way back: DEST hears of no duty for SENDER. */
    world_run_ms(world, MINUTE_MS);
    expect(world, relaying_stored(world) == 0);
    relaying.node = *identity_node(world->hubs[SENDER].self);
    expect(world, world_do(world, RELAY_A, relaying_set_duty, &relaying, &err));
    expect(world, world_run_until(world, relaying_first_stored, NULL, MINUTE_MS));
}

/** SENDER reaches only RELAY_A, DEST only RELAY_B: two hops, and the receipt as many. */
static void two_hops(struct world *world)
{
    world_federate(world, RELAY_A, RELAY_B);
    relaying_set_up(world);
    relaying_part(world, SENDER, RELAY_B, true);
    relaying_part(world, DEST, RELAY_A, true);
    struct both both = {SENDER, DEST, world_refer(world, SENDER, DEST, 1)};
    expect(world, world_run_until(world, same_state, &both, 3 * MINUTE_MS));
    expect(world, world_run_until(world, relaying_first_stored, NULL, 3 * MINUTE_MS));
    /* The third relay would be one too many: it came to RELAY_B with no hop left. */
    expect(world, world_count(world, RELAY_B,
                              "SELECT count(*) FROM relay_blob b JOIN peer p ON p.id = b.dest"
                              " WHERE p.name = 'hub 3'") == 0);
}

/* ---- the policy table decides about relays too ---- */

/* As when the circle that had accepted it is gone (R-AB-2). */
static bool suspend(struct tx *tx, void *ctx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE peer SET provenance = 'circle',"
                                 " provenance_id = zeroblob(32), suspended_ms = ?2 WHERE node = ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(ctx));
    stmt_bind_i64(stmt, 2, tx->now.ms);
    tx_effect(tx, EFFECT_RELATION, ctx, 0);
    return stmt_run(stmt, err);
}

static void not_for(struct world *world, unsigned suspended)
{
    struct err err = {0};
    struct node_id node = *identity_node(world->hubs[suspended].self);
    relaying_set_up(world);
    expect(world, world_do(world, RELAY_A, suspend, &node, &err));
    expect(world, world_do(world, RELAY_B, suspend, &node, &err));
    struct oid id = world_refer(world, SENDER, DEST, 1);
    world_run_ms(world, 10 * MINUTE_MS);
    relaying_word(world, &id, "sent");
    expect(world, relaying_referrals(world, DEST) == 0);
    expect(world, relaying_empty(world, NULL));
    world_waive(world, WORLD_QUEUES | WORLD_HEAL | WORLD_STATES,
                "the two have no road but the relays, which carry nothing for one of them");
}

static void not_from_suspended(struct world *world)
{
    not_for(world, SENDER);
}

static void not_to_suspended(struct world *world)
{
    not_for(world, DEST);
}

const struct scenario scenarios_relay[] = {
    {"r_re_1_a_hub_that_only_dials_out_is_reached_by_its_home_relays", plain, 4, 40, HUBS_UP},
    {"r_pd_5_custody_of_a_relay_frees_nothing_and_says_at_relay", waiting, 4, 40, HUBS_UP},
    {"r_re_1_48_hours_with_the_link_up_a_tenth_of_it_lose_nothing", rarely_up, 4, 10, HUBS_UP},
    {"r_re_2_the_largest_blob_passes_in_parts_unchanged", in_parts, 4, 10, HUBS_UP},
    {"r_re_1_home_relays_can_be_configured", configured, 4, 5, HUBS_UP},
    {"r_re_2_both_relays_down_for_hours_lose_nothing", relays_down, 4, 20, HUBS_UP},
    {"r_re_2_a_relay_that_crashes_keeps_what_it_said_it_holds", relay_crashes, 4, 60, HUBS_UP},
    {"r_re_5_a_refused_duty_sends_everything_by_the_other_relay", refused, 4, 20, HUBS_UP},
    {"r_re_1_a_common_neighbour_relays_when_it_said_so", neighbour, 4, 20, HUBS_UP},
    {"r_re_2_two_home_relays_in_a_row_reach_it_and_not_three", two_hops, 4, 20, HUBS_UP},
    {"r_ab_3_a_relay_carries_nothing_from_whom_it_has_suspended", not_from_suspended, 4, 4,
     HUBS_UP},
    {"r_ab_3_a_relay_carries_nothing_to_whom_it_has_suspended", not_to_suspended, 4, 4, HUBS_UP},
    {NULL, NULL, 0, 0, HUBS_UP},
};
