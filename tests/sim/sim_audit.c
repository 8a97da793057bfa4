/*
 * Neighbours as witnesses of each other's audit logs (R-AU-2): heads go round and are signed, and a
 * log that was changed on the disk is noticed by everybody in the next session.
 */
#include "tests/sim/scenario.h"

#include "hub/api/referral_bundle.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit_bundle.h"
#include "hub/domain/audit_witness.h"
#include "maillon/hfp/v1/link.pb-c.h"

#define MINUTE_MS 60000LL
#define PEERS     3

static bool run_sql(struct tx *tx, void *ctx, struct err *err)
{
    return store_exec(tx->store, ctx, err);
}

/** What somebody with the database in hand does, while nobody looks. */
static void edit(struct world *world, unsigned hub, const char *sql)
{
    struct err err = {0};
    bool done = world_do(world, hub, run_sql, (void *)(uintptr_t)sql, &err);
    if (!done)
        print_error("%s\n", err.msg);
    expect(world, done);
}

static void restart(struct world *world, unsigned hub)
{
    world_stop(world, hub);
    world_run_ms(world, 2000);
    world_start(world, hub);
}

static bool newest_is_cosigned(struct world *world, void *ctx)
{
    unsigned hub = *(unsigned *)ctx;
    return world_count(world, hub,
                       "SELECT count(*) FROM audit_cosigned WHERE head ="
                       " (SELECT max(id) FROM audit_head)") >= PEERS;
}

static bool peers_alarmed(struct world *world, void *ctx)
{
    (void)ctx;
    for (unsigned hub = 0; hub <= PEERS; hub++) {
        if (!world_count(world, hub, "SELECT count(*) FROM audit_alarm WHERE settled_ms = 0"))
            return false;
    }
    return true;
}

static void expect_no_alarm(struct world *world)
{
    for (unsigned hub = 0; hub < world->hub_count; hub++)
        expect(world,
               !world_count(world, hub, "SELECT count(*) FROM audit_alarm WHERE settled_ms = 0"));
}

/** Hub 0 among three peers, with some history under a head that all of them signed. */
static void settle(struct world *world)
{
    unsigned hub = 0;
    for (unsigned peer = 1; peer <= PEERS; peer++)
        world_federate(world, 0, peer);
    for (unsigned i = 0; i < 5; i++)
        world_refer(world, 0, 1 + i % PEERS, i);
    world_run_ms(world, 25 * HOUR_MS); /* the daily head */
    bool cosigned = world_run_until(world, newest_is_cosigned, &hub, HOUR_MS);
    expect(world, cosigned);
    expect_no_alarm(world);
}

static void cosigned(struct world *world)
{
    settle(world);
    for (unsigned peer = 1; peer <= PEERS; peer++) {
        expect(world, world_count(world, peer, "SELECT count(*) FROM witness_head") > 0);
        expect(world, world_count(world, peer, "SELECT count(*) FROM audit_head") > 0);
    }
    /* The whole head is kept, byte by byte. */
    expect(world,
           world_count(world, 0,
                       "SELECT count(*) FROM audit_cosigned c JOIN audit_head h"
                       " ON h.id = c.head WHERE length(c.bytes) > length(h.bytes)") >= PEERS);
    world_refer(world, 0, 1, 99);
    world_run_ms(world, 25 * HOUR_MS);
    unsigned hub = 0;
    expect(world, world_run_until(world, newest_is_cosigned, &hub, HOUR_MS)); /* with a proof */
    restart(world, 1); /* a witness that comes back goes on where it was */
    world_run_ms(world, 10 * MINUTE_MS);
    expect_no_alarm(world);
}

static void changed(struct world *world)
{
    settle(world);
    edit(world, 0, "UPDATE audit SET action = 'nothing' WHERE seq = 3");
    restart(world, 0);
    expect(world, world_run_until(world, peers_alarmed, NULL, 10 * MINUTE_MS));
}

static void cut(struct world *world)
{
    settle(world);
    edit(world, 0, "DELETE FROM audit WHERE seq > (SELECT max(seq) FROM audit) - 3");
    restart(world, 0);
    expect(world, world_run_until(world, peers_alarmed, NULL, 10 * MINUTE_MS));
}

/** Somebody who knows the schema leaves nothing behind that contradicts itself. */
static void rewritten(struct world *world)
{
    settle(world);
    edit(world, 0,
         "DELETE FROM audit_cosigned; DELETE FROM audit_head; DELETE FROM audit_tile;"
         "UPDATE audit SET action = 'nothing' WHERE seq = 3");
    restart(world, 0);
    expect(world, world_run_until(world, peers_alarmed, NULL, 10 * MINUTE_MS));
}

static void restored(struct world *world)
{
    settle(world);
    world_snapshot(world, 0, "old");
    world_refer(world, 0, 1, 77);
    world_refer(world, 0, 2, 78);
    world_run_ms(world, 25 * HOUR_MS);
    unsigned hub = 0;
    expect(world, world_run_until(world, newest_is_cosigned, &hub, HOUR_MS));
    world_stop(world, 0);
    world_restore(world, 0, "old");
    world_start(world, 0);
    world_run_ms(world, 50 * HOUR_MS);
    expect(world, world_run_until(world, newest_is_cosigned, &hub, HOUR_MS));
    expect_no_alarm(world);
}

/* ---- a bundle from a living hub ---- */

struct export
{
    struct world *world;
    unsigned hub;
    struct oid id;
    bool personal;
    struct arena *arena;
    Maillon__Api__V1__ReferralBundle *bundle;
};

static bool run_export(struct tx *tx, void *ctx, struct err *err)
{
    struct export *export = ctx;
    const struct api_env env = {.self = tx->self};
    struct call call = {
        .env = &env, .tx = tx, .store = tx->store, .arena = export->arena, .now = tx->now};
    struct referral referral;
    bool found;
    return audit_sign_head(tx, err) &&
           referral_get(tx->store, export->arena, &export->id, &found, &referral, err) && found &&
           referral_bundle(&call, &referral, export->personal, &export->bundle, err);
}

static void say(void *ctx, enum bundle_line line, const char *text)
{
    if (line == BUNDLE_FAILS)
        print_error("%s\n", text);
    *(size_t *)ctx += line == BUNDLE_HOLDS;
}

static bool verify(struct world *world, struct export *export)
{
    struct err err = {0};
    size_t holds = 0;
    bool done = world_do(world, export->hub, run_export, export, &err);
    if (!done)
        print_error("%s\n", err.msg);
    expect(world, done);
    struct node_id nodes[] = {*identity_node(world->hubs[0].self),
                              *identity_node(world->hubs[1].self)};
    bool ok = bundle_verify_referral(export->bundle, nodes, 2, export->arena, say, &holds);
    return ok && holds > 5;
}

static void agree(struct world *world, const struct oid *id)
{
    struct both both = {0, 1, *id};
    world_run_ms(world, MINUTE_MS);
    expect(world, world_run_until(world, same_state, &both, HOUR_MS));
    expect(world, world_run_until(world, outboxes_empty, NULL, DAY_MS)); /* receipts too */
}

static void exported(struct world *world)
{
    struct err err = {0};
    settle(world);
    struct oid id = world_refer(world, 0, 1, 42);
    agree(world, &id);
    expect(world,
           world_act(world, 1, &id,
                     &(struct referral_act){.action = REFERRAL_ACTION(SEEN), .actor = "x"}, &err));
    agree(world, &id);
    for (unsigned hub = 0; hub < 2; hub++) {
        AUTO(arena_free) struct arena *arena = arena_create(0);
        struct export export = {world, hub, id, true, arena, NULL};
        expect(world, verify(world, &export));
        expect(world, export.bundle->n_event == 2 && export.bundle->n_leaf >= 2);
        expect(world, export.bundle->n_personal == 1 && export.bundle->n_receipt == 1);
    }
    /* F35: what is erased is in no file any more, and the chain still holds. */
    expect(world, world_act(world, 0, &id,
                            &(struct referral_act){.action = REFERRAL_ACTION(WITHDRAW_CONSENT),
                                                   .for_person = true,
                                                   .actor = "x"},
                            &err));
    agree(world, &id);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct export export = {world, 1, id, true, arena, NULL};
    expect(world, verify(world, &export));
    expect(world, export.bundle->n_personal == 0 && export.bundle->n_event >= 3);
}

/** A peer that altered what we signed before showing it to a third party proves nothing. */
static bool bend(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    (void)to;
    unsigned *left = ctx;
    if (from != 0 || frame->len < 200 || !*left)
        return true;
    /* A Witness frame is the only one that names this type. */
    uint8_t *at = memmem(frame->data, frame->len, TYPE_AUDIT_HEAD, strlen(TYPE_AUDIT_HEAD));
    if (at) {
        --*left;
        frame->data[frame->len - 20] ^= 1; /* in the signature or the proof */
    }
    return true;
}

static void altered(struct world *world)
{
    unsigned left = 6;
    world->tap = bend;
    world->tap_ctx = &left;
    settle(world);
    world->tap = NULL;
    expect(world, left < 6);
}

/* ---- limits ---- */

/** Hub 0 sends a proof of so many hashes, and a frame so many times. */
struct stuffed {
    unsigned proof;
    bool done;
};

static bool stuff(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    static uint8_t zeros[MERKLE_HASH_BYTES];
    struct stuffed *stuffed = ctx;
    if (stuffed->done || from != 0 || to != 1)
        return true;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_WITNESS &&
        parsed->witness->head.len) {
        ProtobufCBinaryData path[MERKLE_PROOF_MAX + 1], *kept = parsed->witness->proof;
        size_t count = parsed->witness->n_proof;
        for (unsigned i = 0; i < stuffed->proof; i++)
            path[i] = (ProtobufCBinaryData){sizeof zeros, zeros};
        parsed->witness->proof = path;
        parsed->witness->n_proof = stuffed->proof;
        frame->len = 0;
        wire_pack(parsed, frame);
        parsed->witness->proof = kept;
        parsed->witness->n_proof = count;
        stuffed->done = true;
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static uint64_t refusals_after(struct world *world, unsigned proof)
{
    struct stuffed stuffed = {.proof = proof};
    uint64_t before = atomic_load(&world->hubs[1].counters.refused_link);
    world->tap = stuff;
    world->tap_ctx = &stuffed;
    world_refer(world, 0, 2, proof);
    world_run_ms(world, 25 * HOUR_MS);
    world->tap = NULL;
    expect(world, stuffed.done);
    return atomic_load(&world->hubs[1].counters.refused_link) - before;
}

static void limits(struct world *world)
{
    settle(world);
    expect(world, refusals_after(world, MERKLE_PROOF_MAX) == 0);
    expect(world, refusals_after(world, MERKLE_PROOF_MAX + 1) == 1);
}

const struct scenario scenarios_audit[] = {
    {"r_au_2_heads_are_shown_checked_and_signed_by_three_peers", cosigned, PEERS + 1, 10, HUBS_UP},
    {"r_au_2_a_changed_line_alarms_both_sides_in_one_session", changed, PEERS + 1, 10, HUBS_UP},
    {"r_au_2_a_cut_log_alarms_both_sides_in_one_session", cut, PEERS + 1, 10, HUBS_UP},
    {"r_au_2_a_log_rewritten_with_its_heads_alarms_both_sides", rewritten, PEERS + 1, 10, HUBS_UP},
    {"f24_r_au_2_a_restored_hub_is_taken_for_no_cheat_by_its_witnesses", restored, PEERS + 1, 6,
     HUBS_UP},
    {"r_au_3_f35_a_bundle_holds_before_and_after_erasure", exported, PEERS + 1, 6, HUBS_UP},
    {"r_au_2_a_head_altered_on_the_way_is_refused_and_comes_again", altered, PEERS + 1, 10,
     HUBS_UP},
    {"r_au_2_a_proof_of_65_hashes_is_read_and_one_of_66_is_not", limits, PEERS + 1, 2, HUBS_UP},
    {NULL, NULL, 0, 0, HUBS_UP},
};
