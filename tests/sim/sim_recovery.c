/* Restored hubs, missing events, forks, wrong clocks: F7, F10, F23, F24, F25. */
#include "tests/sim/scenario.h"

#include "hub/base/mem.h"
#include "hub/domain/claim.h"
#include "hub/domain/object.h"
#include "hub/domain/recovery.h"
#include "hub/domain/relation.h"
#include "maillon/hfp/v1/link.pb-c.h"

#define ACTION(x)     MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_##x
#define REFERRALS_MAX 24
#define YEAR_MS       (365 * DAY_MS)

struct life {
    unsigned from[REFERRALS_MAX], to[REFERRALS_MAX];
    struct oid ids[REFERRALS_MAX];
    unsigned count;
};

static void say(struct world *world, unsigned hub, const struct oid *id, const char *text)
{
    struct err err = {0};
    struct referral_act act = {.action = ACTION(MESSAGE), .text = text, .actor = "test"};
    bool done = world_act(world, hub, id, &act, &err);
    if (!done)
        print_error("%s\n", err.msg);
    expect(world, done);
}

static bool accept_it(struct world *world, unsigned hub, const struct oid *id, struct err *err)
{
    struct referral_act act = {.action = ACTION(ACCEPT),
                               .contact_name = "desk",
                               .next_step = "come on Tuesday",
                               .actor = "test"};
    return world_act(world, hub, id, &act, err);
}

static void live(struct world *world, struct life *life, unsigned referrals)
{
    static const unsigned pairs[][2] = {{0, 1}, {1, 0}, {0, 2}, {2, 0}};
    for (unsigned i = 0; i < referrals && life->count < REFERRALS_MAX; i++) {
        const unsigned *pair = pairs[world_dice(world, ARRAY_LEN(pairs))];
        life->from[life->count] = pair[0];
        life->to[life->count] = pair[1];
        life->ids[life->count] = world_refer(world, pair[0], pair[1], life->count);
        life->count++;
        world_run_ms(world, world_dice(world, 400));
        for (unsigned n = world_dice(world, 4); n > 0; n--) {
            unsigned at = world_dice(world, life->count);
            struct referral_state state;
            struct err err = {0};
            unsigned hub = world_dice(world, 2) ? life->from[at] : life->to[at];
            if (!world_referral(world, hub, &life->ids[at], &state) || !state.status)
                continue;
            if (hub == life->to[at] && world_dice(world, 2))
                (void)!accept_it(world, hub, &life->ids[at], &err);
            else
                say(world, hub, &life->ids[at], "a word");
            world_run_ms(world, world_dice(world, 300));
        }
    }
    expect(world, world_run_until(world, outboxes_empty, NULL, HOUR_MS));
}

static bool is_normal(struct world *world, void *ctx)
{
    return world_count(world, *(unsigned *)ctx, "SELECT reason FROM authoring") == 0;
}

static bool is_reborn(struct world *world, void *ctx)
{
    return is_normal(world, ctx) &&
           world_count(world, *(unsigned *)ctx, "SELECT incarnation FROM authoring") > 1;
}

/** As store_backup does in the copy. */
static void mark_backup(struct world *world, unsigned hub)
{
    struct err err = {0};
    struct store_options options = {
        .path = world->hubs[hub].path, .mode = STORE_WRITE, .vfs = world->disk_name};
    AUTO(store_close) struct store *store = store_open(&options, &err);
    expect(world, store);
    expect(world, store_exec(store, "UPDATE store_meta SET is_backup = 1", &err));
}

static void restore(struct world *world, unsigned hub, const char *name, bool marked)
{
    if (world_dice(world, 2))
        world_crash(world, hub, (enum crash_mode)world_dice(world, 3));
    else
        world_stop(world, hub);
    world_run_ms(world, world_dice(world, 5000));
    world_restore(world, hub, name);
    if (marked)
        mark_backup(world, hub);
    world_start(world, hub);
}

static void expect_all_same(struct world *world, struct life *life)
{
    for (unsigned i = 0; i < life->count; i++) {
        struct both both = {life->from[i], life->to[i], life->ids[i]};
        bool same = world_run_until_every(world, same_state, &both, HOUR_MS, 1000);
        if (!same) {
            struct referral_state at[2] = {0};
            bool has[2] = {world_referral(world, both.a, &both.id, &at[0]),
                           world_referral(world, both.b, &both.id, &at[1])};
            for (unsigned n = 0; n < 2; n++)
                print_error("referral %u at hub %u: held %d status %d/%d flags %u pending %zu\n", i,
                            n ? both.b : both.a, has[n], (int)at[n].status,
                            (int)at[n].business_status, at[n].flags, at[n].pending);
        }
        expect(world, same);
        struct referral_state a, b;
        expect(world, world_referral(world, both.a, &both.id, &a) &&
                          world_referral(world, both.b, &both.id, &b));
        for (unsigned side = 0; side < 2; side++)
            expect(world, a.seq[side] == b.seq[side] && oid_equal(&a.head[side], &b.head[side]));
        expect(world, !(a.flags & REFERRAL_FROZEN) && !(b.flags & REFERRAL_FROZEN));
    }
}

/** Nobody was barred or even blamed, and nothing was taken twice. */
static void expect_no_blame(struct world *world, unsigned restored)
{
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (i == restored)
            continue;
        expect(world, atomic_load(&world->hubs[i].counters.refused_link) == 0);
        expect(world, atomic_load(&world->hubs[i].counters.objects_bad) == 0);
    }
    expect(world, atomic_load(&world->hubs[restored].counters.refused_link) == 0);
    expect(world, atomic_load(&world->hubs[restored].counters.objects_bad) == 0);
}

static void go_on_working(struct world *world, struct life *life)
{
    live(world, life, 3);
    expect_all_same(world, life);
}

/* ---- F24, F25: restored with its peers online ---- */

static void restored_online(struct world *world, unsigned victim)
{
    static const char *const names[] = {"first", "second", "third"};
    struct life life = {0};
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        live(world, &life, 1 + world_dice(world, 4));
        world_snapshot(world, victim, names[i]);
    }
    unsigned other = victim ? 0 : 1 + world_dice(world, 2);
    life.from[life.count] = victim; /* so that a peer holds what the copy does not */
    life.to[life.count] = other;
    life.ids[life.count] = world_refer(world, victim, other, 1000);
    life.count++;
    live(world, &life, 1 + world_dice(world, 4));
    restore(world, victim, names[world_dice(world, ARRAY_LEN(names))], world_dice(world, 2));
    expect(world, world_run_until(world, is_reborn, &victim, 10 * 60000));
    expect_all_same(world, &life);
    expect_no_blame(world, victim);
    expect(world, world_count(world, victim, "SELECT incarnation FROM authoring") == 2);
    go_on_working(world, &life);
    int64_t here = world_count(world, 0, "SELECT count(*) FROM referral");
    expect(world, here == life.count);
    expect(world, world_count(world, 0, "SELECT count(*) FROM referral_event") ==
                      world_count(world, 1, "SELECT count(*) FROM referral_event") +
                          world_count(world, 2, "SELECT count(*) FROM referral_event"));
}

static void f24_online(struct world *world)
{
    restored_online(world, 0);
}

static void f25_peer(struct world *world)
{
    restored_online(world, 1);
}

/* ---- F24: restored alone, the operator goes on ---- */

static bool go_on(struct tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return recovery_go_on(tx, err);
}

static void f24_alone(struct world *world)
{
    struct life life = {0};
    struct err err = {0};
    unsigned victim = 0;
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    live(world, &life, 4);
    world_snapshot(world, 0, "copy");
    unsigned kept = life.count;
    live(world, &life, 4);
    for (unsigned i = 0; i < kept; i++) /* what is lost, and the peers have */
        say(world, 0, &life.ids[i], "after the copy");
    expect(world, world_run_until(world, outboxes_empty, NULL, HOUR_MS));
    world_partition(world, 1, true);
    restore(world, 0, "copy", true);
    world_run_ms(world, 10 * 60000);
    expect(world, !is_normal(world, &victim)); /* nobody there to ask */
    struct referral_act act = {.action = ACTION(MESSAGE), .text = "too early", .actor = "test"};
    expect(world, !world_act(world, 0, &life.ids[0], &act, &err));
    expect(world, err.code == ERR_CONFLICT && strstr(err.msg, "restored"));
    expect(world, world_do(world, 0, go_on, NULL, &err));
    expect(world, is_reborn(world, &victim));
    for (unsigned i = 0; i < kept; i++)
        say(world, 0, &life.ids[i], "another way");
    life.from[life.count] = 0;
    life.to[life.count] = 1;
    life.ids[life.count] = world_refer(world, 0, 1, 2000);
    life.count++;
    world_run_ms(world, world_dice(world, 60000));
    world_partition(world, 1, false);
    expect(world, world_run_until_every(world, outboxes_empty, NULL, DAY_MS, 1000));
    expect_all_same(world, &life);
    expect_no_blame(world, 0);
    world_run_ms(world, 60000); /* late answers of peers that were away */
    bool with[3] = {kept > 0};
    for (unsigned i = 0; i < kept; i++)
        with[life.from[i]] = with[life.to[i]] = true;
    for (unsigned hub = 0; hub < 3; hub++) /* both sides tell their people which steps are lost */
        expect(world, !with[hub] ||
                          world_count(world, hub,
                                      "SELECT count(*) FROM referral_event WHERE verdict = 5") > 0);
    expect(world, world_count(world, 0, "SELECT incarnation FROM authoring") == 2);
    go_on_working(world, &life);
}

/* ---- F24: notices and claims ---- */

#define CLAIM(x) MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_##x

struct claiming {
    struct node_id author;
    uint8_t uid[UID_BYTES];
    struct oid id;
    Maillon__Hfp__V1__ClaimAction action; /* 0: claim it */
    uint32_t quantity;
};

static bool do_claim(struct tx *tx, void *ctx, struct err *err)
{
    struct claiming *claiming = ctx;
    struct claim_draft draft = {.quantity = claiming->quantity, .contact_role = "the desk"};
    struct notice notice;
    bool found;
    if (claiming->action)
        return claim_act(tx, &claiming->id, claiming->action, &draft, err);
    return notice_find(tx->store, &claiming->author, claiming->uid, &found, &notice, err) &&
           (found || err_set(err, ERR_UNKNOWN, "no such notice")) &&
           claim_create(tx, &notice, &draft, &claiming->id, err);
}

static void must_claim(struct world *world, unsigned hub, struct claiming *claiming,
                       Maillon__Hfp__V1__ClaimAction action)
{
    struct err err = {0};
    claiming->action = action;
    bool done = world_do(world, hub, do_claim, claiming, &err);
    if (!done)
        print_error("%s\n", err.msg);
    expect(world, done);
    expect(world, world_run_until(world, outboxes_empty, NULL, HOUR_MS));
}

static struct claiming claim_on(struct world *world, unsigned owner, unsigned claimant,
                                unsigned number)
{
    struct claiming claiming = {.author = *identity_node(world->hubs[owner].self), .quantity = 5};
    world_post(world, owner, number, 1, claiming.uid);
    world_run_ms(world, 5000);
    must_claim(world, claimant, &claiming, 0);
    must_claim(world, owner, &claiming, CLAIM(AGREE));
    return claiming;
}

#define CLAIM_SUM "SELECT coalesce(sum(state * 1000 + agreed), 0) FROM claim"

static bool claims_same(struct world *world, void *ctx)
{
    (void)ctx;
    return world_count(world, 0, "SELECT count(*) FROM claim") ==
               world_count(world, 1, "SELECT count(*) FROM claim") &&
           world_count(world, 0, CLAIM_SUM) == world_count(world, 1, CLAIM_SUM);
}

static bool withdraw(struct tx *tx, void *ctx, struct err *err)
{
    return claim_withdraw_notice(tx, ctx, "no longer needed", err);
}

static void f24_claims(struct world *world)
{
    struct err err = {0};
    unsigned victim = 0;
    world_federate(world, 0, 1);
    struct claiming before = claim_on(world, 1, 0, 1);
    world_snapshot(world, 0, "copy");
    must_claim(world, 0, &before, CLAIM(UNDER_WAY));
    struct claiming theirs = claim_on(world, 1, 0, 2), ours = claim_on(world, 0, 1, 3);
    restore(world, 0, "copy", world_dice(world, 2));
    expect(world, world_run_until(world, is_reborn, &victim, 10 * 60000));
    expect(world, world_run_until_every(world, claims_same, NULL, HOUR_MS, 1000));
    expect(world, world_count(world, 0, "SELECT count(*) FROM claim") == 3);
    expect(world, world_count(world, 0, "SELECT count(*) FROM notice_own") == 1);
    expect(world, world_count(world, 0, "SELECT count(*) FROM claim WHERE forked <> 0") == 0);
    must_claim(world, 0, &theirs, CLAIM(UNDER_WAY));
    expect(world, world_do(world, 0, withdraw, ours.uid, &err));
    expect(world, world_run_until(world, outboxes_empty, NULL, HOUR_MS));
    world_run_ms(world, 60000);
    expect(world, claims_same(world, NULL));
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice WHERE kind = 0") == 1);
    for (unsigned hub = 0; hub < 2; hub++) /* no version number was given twice */
        expect(world, world_count(world, hub,
                                  "SELECT count(*) FROM notice WHERE other_oid IS NOT NULL") == 0);
    expect_no_blame(world, 0);
}

static void f24_claims_alone(struct world *world)
{
    struct err err = {0};
    world_federate(world, 0, 1);
    struct claiming claiming = claim_on(world, 1, 0, 1);
    world_snapshot(world, 0, "copy");
    must_claim(world, 0, &claiming, CLAIM(UNDER_WAY)); /* is lost */
    world_partition(world, 1, true);
    restore(world, 0, "copy", true);
    world_run_ms(world, 60000);
    expect(world, world_do(world, 0, go_on, NULL, &err));
    claiming.action = CLAIM(RELEASE);
    expect(world, world_do(world, 0, do_claim, &claiming, &err));
    world_partition(world, 1, false);
    expect(world, world_run_until_every(world, outboxes_empty, NULL, DAY_MS, 1000));
    expect(world, world_run_until_every(world, claims_same, NULL, HOUR_MS, 1000));
    world_run_ms(world, 60000);
    for (unsigned hub = 0; hub < 2; hub++) {
        expect(world, world_count(world, hub,
                                  "SELECT count(*) FROM claim_event"
                                  " WHERE state = 4") == 1);
        expect(world, world_count(world, hub, "SELECT state FROM claim") == CLAIM_RELEASED);
        expect(world, world_count(world, hub, "SELECT forked FROM claim") == 0);
    }
    expect_no_blame(world, 0);
}

/* ---- F23: a party forks a chain ---- */

static void f23(struct world *world)
{
    struct err err = {0};
    world_federate(world, 0, 1);
    struct both both = {0, 1, world_refer(world, 0, 1, 1)};
    expect(world, world_run_until(world, same_state, &both, 60000));
    expect(world, world_run_until(world, outboxes_empty, NULL, 60000));
    world_snapshot(world, 1, "before");
    expect(world, accept_it(world, 1, &both.id, &err));
    expect(world, world_run_until(world, outboxes_empty, NULL, 60000));
    world_partition(world, 1, true);
    world_crash(world, 1, CRASH_LOSE_UNSYNCED);
    world_restore(world, 1, "before");
    struct store_options options = {
        .path = world->hubs[1].path, .mode = STORE_WRITE, .vfs = world->disk_name};
    struct store *store = store_open(&options, &err);
    expect(world, store);
    expect(world, store_exec(store, "UPDATE link SET tx = tx + 1000", &err));
    store_close(store);
    world_start(world, 1);
    struct referral_act act = {.action = ACTION(REJECT), .reason = "no-capacity", .actor = "test"};
    expect(world, world_act(world, 1, &both.id, &act, &err));
    world_partition(world, 1, false);
    world_run_ms(world, HOUR_MS);
    for (unsigned hub = 0; hub < 2; hub++) {
        struct referral_state state;
        expect(world, world_referral(world, hub, &both.id, &state));
        expect(world, state.flags & REFERRAL_FROZEN);
    }
    world_waive(world, WORLD_STATES, "a frozen chain stays as each side had it");
}

/* ---- F7: one event never comes ---- */

struct missing {
    struct oid sealed_id;
    bool dropping, deny;
    unsigned dropped, asked, denied;
};

static bool drop_one(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct missing *missing = ctx;
    (void)to;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    bool changed = false;
    if (!parsed)
        return true;
    if (from == 1)
        missing->asked += parsed->m_case == MAILLON__HFP__V1__FRAME__M_EVENTS_WANTED;
    if (from == 0 && missing->deny && parsed->m_case == MAILLON__HFP__V1__FRAME__M_EVENTS &&
        parsed->events->n_sealed) {
        missing->denied++;
        for (size_t i = 0; i < parsed->events->n_sealed; i++) /* protobuf-c frees what is listed */
            parsed->events->sealed[i].data[parsed->events->sealed[i].len - 1] ^= 1;
        changed = true;
    }
    if (from == 0 && missing->dropping && parsed->m_case == MAILLON__HFP__V1__FRAME__M_BATCH) {
        for (size_t i = 0; i < parsed->batch->n_data; i++) {
            Maillon__Hfp__V1__Data *data = parsed->batch->data[i];
            if (!bytes_equal(bytes_of(data->oid.data, data->oid.len),
                             oid_bytes(&missing->sealed_id)))
                continue;
            data->sealed.data[data->sealed.len - 1] ^= 1; /* does not open: as good as lost */
            missing->dropped++;
            changed = true;
        }
    }
    if (changed)
        frame->len = maillon__hfp__v1__frame__pack(parsed, frame->data);
    maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static int64_t latency(struct world *world, unsigned number)
{
    struct both both = {0, 1, world_refer(world, 0, 1, number)};
    struct mono before = world->now;
    expect(world, world_run_until(world, same_state, &both, 60000));
    return (world->now.us - before.us) / 1000;
}

static bool has_gap(struct world *world, void *ctx)
{
    struct referral_state state;
    return world_referral(world, 1, ctx, &state) && state.pending > 0;
}

static bool has_no_gap(struct world *world, void *ctx)
{
    return !has_gap(world, ctx);
}

static bool words_show_gap(struct world *world, const struct oid *id)
{
    struct err err = {0};
    struct referral referral;
    bool found = false;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    expect(world, referral_get(world->hubs[1].reader, arena, id, &found, &referral, &err) && found);
    static const struct relation hub_0 = {.name = "hub 0"};
    return strstr(referral_next_words(arena, &referral, &hub_0, world_wall(world, 1)),
                  "étape précédente manque") != NULL;
}

static void f7(struct world *world)
{
    static struct missing missing;
    struct err err = {0};
    missing = (struct missing){0};
    world_federate(world, 0, 1);
    struct both both = {0, 1, world_refer(world, 0, 1, 1)};
    expect(world, world_run_until(world, same_state, &both, 60000));
    expect(world, world_run_until(world, outboxes_empty, NULL, 60000));
    int64_t before = latency(world, 2);
    expect(world, world_run_until(world, outboxes_empty, NULL, 60000));
    world_partition(world, 1, true);
    say(world, 0, &both.id, "this one never comes");
    {
        bool row = false;
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(world->hubs[0].reader, "SELECT sealed_id FROM outbox", &err);
        expect(world, stmt && stmt_next(stmt, &row, &err) && row);
        expect(world, stmt_copy(stmt, 0, missing.sealed_id.b, OID_BYTES));
    }
    missing.dropping = missing.deny = true;
    world->tap = drop_one;
    world->tap_ctx = &missing;
    say(world, 0, &both.id, "this one waits");
    world_partition(world, 1, false);
    expect(world, world_run_until(world, has_gap, &both.id, HOUR_MS));
    expect(world, words_show_gap(world, &both.id));
    for (unsigned i = 0; i < 5; i++) {
        int64_t now = latency(world, 10 + i); /* other referrals and lanes go on as ever */
        expect(world, now <= before + 500);
        world_run_ms(world, 30000);
    }
    expect(world, missing.dropped > 0 && missing.asked > 0 && missing.denied > 0);
    expect(world, has_gap(world, &both.id));
    missing.deny = false; /* the queue's own copy is still lost for ever */
    expect(world, world_run_until(world, has_no_gap, &both.id, 3 * HOUR_MS));
    expect(world, !words_show_gap(world, &both.id));
    world->tap = NULL;
}

/* ---- F10: wrong clocks ---- */

static bool may_sign(struct world *world, void *ctx)
{
    unsigned hub = *(unsigned *)ctx;
    struct err err = {0};
    struct authoring state;
    enum authoring_bar bar = AUTHORING_REVOKED;
    expect(world, authoring_check(world->hubs[hub].reader, world->hubs[hub].self,
                                  world_wall(world, hub), &state, &bar, &err));
    return bar == AUTHORING_OPEN;
}

static void f10(struct world *world)
{
    static const int64_t skews[] = {HOUR_MS, -YEAR_MS, -2 * HOUR_MS, 10 * 60000};
    struct err err = {0};
    unsigned wrong = 1, right = 0;
    struct life life = {0};
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    world_federate(world, 1, 2);
    live(world, &life, 4);
    world_run_ms(world, 30000);
    expect(world, may_sign(world, &wrong) && may_sign(world, &right));
    for (unsigned i = 0; i < ARRAY_LEN(skews); i++) {
        struct both both = {0, 1, world_refer(world, 0, 1, 100 + i)};
        expect(world, world_run_until(world, same_state, &both, 60000));
        world->hubs[wrong].skew_ms = skews[i];
        expect(world, !accept_it(world, wrong, &both.id, &err));
        expect(world, err.code == ERR_CONFLICT && strstr(err.msg, "clock"));
        /* it receives, and the others are not disturbed */
        struct both another = {0, 1, world_refer(world, 0, 1, 200 + i)};
        struct both others = {2, 0, world_refer(world, 2, 0, 300 + i)};
        expect(world, world_run_until(world, same_state, &others, 60000));
        world_run_ms(world, 60000);
        expect(world, may_sign(world, &right));
        expect(world, !may_sign(world, &wrong));
        if (skews[i] > 0) { /* to a clock that went back everything comes from the future */
            struct referral_state state;
            expect(world, world_referral(world, wrong, &another.id, &state));
            expect(world, world_count(world, wrong, "SELECT count(*) FROM receipt_owed") > 0);
        }
        world->hubs[wrong].skew_ms = 0;
        expect(world, world_run_until_every(world, may_sign, &wrong, 120000, 1000));
        expect(world, accept_it(world, wrong, &both.id, &err));
        expect(world, world_run_until_every(world, outboxes_empty, NULL, 2 * DAY_MS, 1000));
        expect(world, same_state(world, &another));
    }
    expect_no_blame(world, wrong);
}

/* ---- F30: a bit flips in a stored event ---- */

static bool is_mended(struct world *world, void *ctx)
{
    struct err err = {0};
    struct object_row row = {0};
    bool found = false;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    expect(world, object_get(world->hubs[1].reader, arena, ctx, &found, &row, &err));
    return found && world_count(world, 1, "SELECT count(*) FROM object_damaged") == 0;
}

static void f30(struct world *world)
{
    world_federate(world, 0, 1);
    struct both both = {0, 1, world_refer(world, 0, 1, 1)};
    expect(world, world_run_until(world, same_state, &both, 60000));
    expect(world, world_run_until(world, outboxes_empty, NULL, 60000));
    world_stop(world, 1);
    bool flipped = world_flip_object(world, 1, &both.id);
    world_start(world, 1);
    if (!flipped) /* the page keeps it in two pieces */
        return;
    expect(world, !is_mended(world, &both.id));
    expect(world, world_run_until_every(world, is_mended, &both.id, 2 * HOUR_MS, 10000));
    expect(world, world_count(world, 1,
                              "SELECT count(*) FROM audit WHERE action ="
                              " 'object.damaged'") == 1);
}

const struct scenario scenarios_recovery[] = {
    {"f24_a_restored_hub_gets_its_tail_back_and_nothing_happens_twice", f24_online, 3, 40, HUBS_UP},
    {"f24_without_peers_the_operator_goes_on_and_both_sides_agree", f24_alone, 3, 20, HUBS_UP},
    {"f24_notices_and_claims_come_back_too", f24_claims, 2, 20, HUBS_UP},
    {"f24_lost_steps_of_a_claim_give_way_on_both_sides", f24_claims_alone, 2, 10, HUBS_UP},
    {"f25_a_restored_peer_gets_everything_again_with_one_effect", f25_peer, 3, 40, HUBS_UP},
    {"f23_a_forked_chain_is_frozen_on_both_sides", f23, 2, 10, HUBS_UP},
    {"f7_a_missing_event_is_asked_for_and_holds_up_nothing_else", f7, 2, 10, HUBS_UP},
    {"f30_a_damaged_event_is_reported_and_fetched_again", f30, 2, 10, HUBS_UP},
    {"f10_a_hub_with_a_wrong_clock_receives_and_does_not_sign", f10, 3, 10, HUBS_UP},
    {0},
};
