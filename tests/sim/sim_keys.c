/*
 * Stolen and forgotten keys: hub 0 is a peer, hub 1 the owner, hub 2 a thief with the whole machine
 * of the owner: its disk and the keys that the scenario gives it.
 */
#include "tests/sim/scenario.h"

#include "hub/domain/card.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/own_keys.h"
#include "hub/domain/recovery.h"
#include "hub/domain/relation.h"
#include "hub/opener.h"
#include "hub/outbox/outbox.h"

#define MINUTE_MS 60000LL

enum { PEER, OWNER, THIEF };

/* The keys of a hub that are on paper. */
struct paper {
    struct sign_key *root, *next;
};

static struct sign_key *key_of(const char *sheet)
{
    struct node_id seed;
    return node_id_parse(sheet, &seed) ? sign_key_from_seed(seed.b) : NULL;
}

/* The same seed gives the same keys, so that the thief has them all. */
static void give_identity(struct world *world, unsigned hub, uint64_t seed, struct paper *ret)
{
    struct fake_random random;
    struct recovery_sheets sheets;
    fake_random_init(&random, seed);
    identity_free(world->hubs[hub].self);
    world->hubs[hub].self = identity_create_known(&random.source, world_wall(world, hub), &sheets);
    if (!ret)
        return;
    ret->root = key_of(sheets.root);
    ret->next = key_of(sheets.next_root);
}

static void paper_done(struct paper *paper)
{
    sign_key_free(paper->root);
    sign_key_free(paper->next);
}

/* Peer and owner are friends; the thief has copied the owner's machine and is down. */
static void set_up(struct world *world, struct paper *ret)
{
    give_identity(world, PEER, world->seed * 2 + 1000, NULL);
    give_identity(world, OWNER, world->seed * 2 + 1001, ret);
    give_identity(world, THIEF, world->seed * 2 + 1001, NULL);
    world_start(world, PEER);
    world_start(world, OWNER);
    world_federate(world, PEER, OWNER);
    world_run_ms(world, MINUTE_MS);
    crash_vfs_copy(world->disk, world->hubs[OWNER].path, world->hubs[THIEF].path);
}

/* What somebody does with keys on a hub. */
struct deed {
    const struct sign_key *key;
    enum { ROTATE, REVOKE, RETIRE, ROTATE_ROOT, ROTATE_ROOT_STOLEN, SETTLE, LOSE_SEALING_KEY } what;
    struct node_id node;
};

static bool lose_sealing_key(struct tx *tx, struct err *err)
{
    bool changed;
    struct wall late = {tx->now.ms + 90 * DAY_MS + 10000};
    return identity_renew_enc(tx->self, tx->random, tx->now, err) &&
           identity_tick(tx->self, tx->random, late, &changed, err) && own_keys_tick(tx, err);
}

static bool apply_deed(struct tx *tx, void *ctx, struct err *err)
{
    const struct deed *deed = ctx;
    const struct own_keys_bound all = {0};
    struct recovery_sheets sheets;
    switch (deed->what) {
    case ROTATE:
        return own_keys_rotate(tx, &deed->key, 1, err);
    case REVOKE:
        return own_keys_revoke_stolen(tx, &deed->key, 1, &all, err);
    case RETIRE:
        return own_keys_retire(tx, &deed->key, 1, NULL, err);
    case ROTATE_ROOT:
        return own_keys_rotate_root(tx, &deed->key, 1, NULL, &sheets, err);
    case ROTATE_ROOT_STOLEN:
        return own_keys_rotate_root(tx, &deed->key, 1, &all, &sheets, err);
    case SETTLE:
        return node_keys_settle(tx, &deed->node, err);
    case LOSE_SEALING_KEY:
        return lose_sealing_key(tx, err);
    }
    return false;
}

static bool do_keys(struct world *world, unsigned hub, struct deed deed)
{
    struct err err = {0};
    return world_do(world, hub, apply_deed, &deed, &err);
}

static struct node_keys_state known(struct world *world)
{
    struct node_keys_state state = {0};
    struct err err = {0};
    expect(world, node_keys_state(world->hubs[PEER].reader, identity_node(world->hubs[OWNER].self),
                                  &state, &err));
    return state;
}

static const char *word(struct world *world)
{
    struct node_keys_state state = known(world);
    return node_keys_word(node_keys_stand(&state, world_wall(world, PEER)));
}

/* ctx: index of the hub whose own log the peer is to hold. */
static bool peer_follows(struct world *world, void *ctx)
{
    struct node_keys_state state = known(world);
    const struct kel *kel = identity_kel(world->hubs[*(unsigned *)ctx].self);
    return oid_equal(&state.head, &kel->head);
}

static bool peer_is_frozen(struct world *world, void *ctx)
{
    (void)ctx;
    return known(world).duplicity;
}

static bool is_connected(struct world *world, void *ctx)
{
    return world_connections(world, *(unsigned *)ctx) > 0;
}

/* It may knock again and again: nothing opens. */
static bool is_out(struct world *world, void *ctx)
{
    return world_connections(world, *(unsigned *)ctx) == 0;
}

static bool has_no_session(struct world *world, unsigned hub)
{
    return world_run_until(world, is_out, &hub, MINUTE_MS);
}

/* The peer seals to the owner's newest key. */
static bool peer_seals_right(struct world *world, void *unused)
{
    uint8_t sealing[X25519_KEY_BYTES];
    struct err err = {0};
    struct enc_key_info fresh;
    (void)unused;
    return identity_enc_list(world->hubs[OWNER].self, &fresh, 1) == 1 &&
           relation_enc_key(world->hubs[PEER].reader, identity_node(world->hubs[OWNER].self),
                            world_wall(world, PEER), sealing, &err) &&
           memcmp(sealing, fresh.public_key, sizeof sealing) == 0;
}

static bool follows(struct world *world, unsigned hub, int64_t ms)
{
    return world_run_until_every(world, peer_follows, &hub, ms, 1000);
}

static bool connects(struct world *world, unsigned hub)
{
    return world_run_until_every(world, is_connected, &hub, HOUR_MS, 1000);
}

static bool arrives(struct world *world, unsigned from, unsigned to, unsigned number)
{
    struct both both = {from, to, world_refer(world, from, to, number)};
    return world_run_until_every(world, same_state, &both, DAY_MS, MINUTE_MS);
}

/* The thief's disk is a copy: what it leaves behind is nobody's loss. */
static void end(struct world *world, struct paper *paper)
{
    paper_done(paper);
    if (world->hubs[THIEF].alive)
        world_stop(world, THIEF);
    world_waive(world, WORLD_QUEUES | WORLD_STATES | WORLD_HEAL,
                "a thief's copy of a hub is not a hub whose work must arrive");
}

/* What the thief has sealed for the peer and cannot deliver, opened there all the same. */
static enum opened open_stolen(struct world *world)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct outbox_item *items;
    size_t count;
    struct err err = {0};
    bool found;
    struct inbound_object object;
    Maillon__Hfp__V1__RefusalCode refusal;
    const struct world_hub *peer = &world->hubs[PEER];
    struct opener opener = {.self = peer->self, .now = world_wall(world, PEER)};
    expect(world, node_keys_read(peer->reader, identity_node(world->hubs[OWNER].self), &found,
                                 &opener.peer, &err) &&
                      found);
    expect(world, outbox_read(world->hubs[THIEF].reader, arena, identity_node(peer->self), 1, 0, 16,
                              SIZE_MAX, world_wall(world, THIEF), &items, &count, &err));
    expect(world, count > 0);
    return opener_open(&opener, items[count - 1].sealed, true, 1, arena, &object, &refusal, &err);
}

/* F11 */
/* R-SE-8: whom nobody lets in dials less and less, and says so. */
static void expect_backs_off(struct world *world)
{
    struct federation_peer live = {0};
    uint64_t before = atomic_load(&world->hubs[THIEF].counters.links_opened);
    world_run_ms(world, 30 * MINUTE_MS);
    expect(world, atomic_load(&world->hubs[THIEF].counters.links_opened) - before < 15);
    expect(world, federation_peer(world->hubs[THIEF].federation,
                                  identity_node(world->hubs[PEER].self), &live));
    expect(world, live.dial_failed_ms && live.next_attempt_ms && live.last_error[0]);
}

static bool thief_goes_on(struct tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return recovery_go_on(tx, err);
}

static void stolen_op(struct world *world)
{
    struct paper paper;
    set_up(world, &paper);
    expect(world, arrives(world, OWNER, PEER, 1));
    struct oid old = world_refer(world, PEER, OWNER, 2);
    world_stop(world, OWNER); /* the machine is gone */
    world_start(world, THIEF);
    expect(world, connects(world, THIEF)); /* it is the owner, for all the peer knows */
    world_start(world, OWNER);             /* on another machine, from the backup of its keys */
    expect(world, do_keys(world, OWNER, (struct deed){.key = paper.root, .what = REVOKE}));
    expect(world, follows(world, OWNER, HOUR_MS));
    world_run_ms(world, 10 * MINUTE_MS);
    expect(world, has_no_session(world, THIEF));
    expect(world, world_connections(world, OWNER) > 0);
    expect_backs_off(world);
    expect(world, strcmp(word(world), "") == 0);
    /* it goes on signing */
    int64_t before = world_count(world, PEER, "SELECT count(*) FROM referral");
    struct err err = {0};
    if (!world_do(world, THIEF, thief_goes_on, NULL, &err)) /* it saw that it is behind the owner */
        expect(world, err.code == ERR_CONFLICT);
    (void)world_refer(world, THIEF, PEER, 3);
    world_run_ms(world, 15 * MINUTE_MS);
    expect(world, world_count(world, PEER, "SELECT count(*) FROM referral") == before);
    expect(world, has_no_session(world, THIEF));
    expect(world, open_stolen(world) == OPENED_UNKNOWN_KEY);
    /* what was signed before the theft stands, and work goes on with new keys */
    struct both both = {PEER, OWNER, old};
    expect(world, world_run_until_every(world, same_state, &both, DAY_MS, MINUTE_MS));
    expect(world, arrives(world, OWNER, PEER, 4));
    expect(world, arrives(world, PEER, OWNER, 5));
    expect(world, world_run_until_every(world, peer_seals_right, NULL, DAY_MS, MINUTE_MS));
    end(world, &paper);
}

/* F12: each thing that a thief of OP and root can write, by seed. */
static void stolen_op_and_root(struct world *world)
{
    struct paper paper;
    set_up(world, &paper);
    world_stop(world, OWNER);
    world_start(world, THIEF);
    const int tricks[] = {ROTATE, REVOKE, RETIRE};
    expect(world, !do_keys(world, THIEF, (struct deed){.key = paper.root, .what = ROTATE_ROOT}));
    expect(world, do_keys(world, THIEF,
                          (struct deed){.key = paper.root,
                                        .what = tricks[world->seed % ARRAY_LEN(tricks)]}));
    expect(world, follows(world, THIEF, HOUR_MS)); /* first seen */
    world_start(world, OWNER);
    world_run_ms(world, 10 * MINUTE_MS);
    unsigned owner = OWNER;
    expect(world, !peer_follows(world, &owner));
    expect(world,
           do_keys(world, OWNER, (struct deed){.key = paper.next, .what = ROTATE_ROOT_STOLEN}));
    expect(world, follows(world, OWNER, 6 * HOUR_MS));
    expect(world, known(world).rotations == 1 && !known(world).duplicity);
    world_run_ms(world, 10 * MINUTE_MS);
    expect(world, has_no_session(world, THIEF));
    expect(world, arrives(world, OWNER, PEER, 1));
    expect(world, arrives(world, PEER, OWNER, 2));
    end(world, &paper);
}

/* F13, the order of arrival by seed. */
static void stolen_next_root(struct world *world)
{
    struct paper paper;
    unsigned first = world->seed % 2 ? OWNER : THIEF, second = world->seed % 2 ? THIEF : OWNER;
    set_up(world, &paper);
    bool other_key = world->seed / 2 % 2; /* with the contradiction a new working key, or the old */
    world_stop(world, OWNER);
    world_start(world, first);
    expect(world, do_keys(world, first, (struct deed){.key = paper.next, .what = ROTATE_ROOT}));
    expect(world, follows(world, first, HOUR_MS));
    world_stop(world, first);
    world_start(world, second);
    expect(world, do_keys(world, second,
                          (struct deed){.key = paper.next,
                                        .what = other_key ? ROTATE_ROOT_STOLEN : ROTATE_ROOT}));
    expect(world, world_run_until_every(world, peer_is_frozen, NULL, HOUR_MS, 1000));
    expect(world, strcmp(word(world), "DUPLICITY") == 0);
    expect(world, world_count(world, PEER, "SELECT count(*) FROM node_key_proof") == 2);
    /* nothing goes out or comes in, whoever of the two is there */
    world_start(world, first);
    struct oid out = world_refer(world, PEER, OWNER, 1);
    struct oid in = world_refer(world, OWNER, PEER, 2);
    world_run_ms(world, 15 * MINUTE_MS);
    struct referral_state state;
    expect(world, !world_referral(world, OWNER, &out, &state));
    expect(world, !world_referral(world, THIEF, &out, &state));
    expect(world, !world_referral(world, PEER, &in, &state));
    /* a human decides for what was seen first */
    world_stop(world, second);
    struct deed settle = {.what = SETTLE, .node = *identity_node(world->hubs[OWNER].self)};
    expect(world, do_keys(world, PEER, settle));
    struct both both = {PEER, first, out};
    expect(world, world_run_until_every(world, same_state, &both, DAY_MS, MINUTE_MS));
    end(world, &paper);
}

/* Until this day of the world. Both sleep most of the time, awake once in six days. */
static void sleep_until(struct world *world, int64_t day)
{
    while (world->now.us / 1000 + 6 * DAY_MS < day * DAY_MS) {
        world_stop(world, PEER);
        world_stop(world, OWNER);
        world_run_ms(world, 6 * DAY_MS - HOUR_MS);
        world_start(world, PEER);
        world_start(world, OWNER);
        world_run_ms(world, 10 * MINUTE_MS);
    }
    world_run_ms(world, day * DAY_MS - world->now.us / 1000);
}

/* F36: 500 days without a thought for the keys. */
static void forgotten_delegation(struct world *world)
{
    struct paper paper, other;
    struct fake_random random;
    struct recovery_sheets sheets;
    set_up(world, &paper);
    fake_random_init(&random, world->seed * 2 + 1000);
    identity_free(identity_create_known(&random.source, world_wall(world, PEER), &sheets));
    other = (struct paper){key_of(sheets.root), key_of(sheets.next_root)};
    world->hubs[PEER].config.ping_s = world->hubs[OWNER].config.ping_s = 6 * 3600;
    sleep_until(world, 399);
    expect(world, strcmp(word(world), "") == 0);
    expect(world, arrives(world, OWNER, PEER, 1));
    sleep_until(world, 401);
    expect(world, strcmp(word(world), "STALE") == 0);
    expect(world, arrives(world, OWNER, PEER, 2));
    expect(world, arrives(world, PEER, OWNER, 3));
    sleep_until(world, 488);
    expect(world, strcmp(word(world), "STALE") == 0);
    expect(world, arrives(world, OWNER, PEER, 4));
    sleep_until(world, 500);
    expect(world, strcmp(word(world), "EXPIRED") == 0);
    world_run_ms(world, HOUR_MS);
    expect(world, world_connections(world, OWNER) == 0);
    /* the volunteer comes back */
    expect(world, do_keys(world, OWNER, (struct deed){.key = paper.root, .what = ROTATE}));
    expect(world, do_keys(world, PEER, (struct deed){.key = other.root, .what = ROTATE}));
    expect(world, follows(world, OWNER, DAY_MS));
    expect(world, strcmp(word(world), "") == 0);
    expect(world, arrives(world, OWNER, PEER, 5));
    paper_done(&other);
    end(world, &paper);
}

/* R-ID-3: rotations one after the other reach a peer that is connected, and one that was away. */
static void rotations_followed(struct world *world)
{
    struct paper paper;
    set_up(world, &paper);
    expect(world, do_keys(world, OWNER, (struct deed){.key = paper.root, .what = ROTATE}));
    expect(world, follows(world, OWNER, MINUTE_MS)); /* at once */
    expect(world, arrives(world, OWNER, PEER, 1));
    world_stop(world, PEER);
    for (unsigned i = 0; i < 3; i++)
        expect(world, do_keys(world, OWNER, (struct deed){.key = paper.root, .what = ROTATE}));
    world_start(world, PEER);
    expect(world, follows(world, OWNER, HOUR_MS));
    expect(world, arrives(world, OWNER, PEER, 2));
    for (unsigned i = 0; i < 10; i++) { /* more than a HELLO carries */
        expect(world, do_keys(world, OWNER, (struct deed){.key = paper.root, .what = ROTATE}));
        expect(world, follows(world, OWNER, HOUR_MS));
    }
    expect(world, identity_kel(world->hubs[OWNER].self)->seq == 30);
    world_stop(world, PEER);
    world_start(world, PEER); /* it has the beginning: the end is enough */
    expect(world, connects(world, OWNER));
    expect(world, arrives(world, PEER, OWNER, 3));
    expect(world, do_keys(world, OWNER, (struct deed){.key = paper.root, .what = RETIRE}));
    expect(world, follows(world, OWNER, HOUR_MS));
    expect(world, strcmp(word(world), "RETIRED") == 0);
    end(world, &paper);
}

/* R-PD-2, R-ID-6: REFUSED or Err(UNKNOWN_KEY) makes the sender seal it again. */
static void sealing_key_gone(struct world *world)
{
    struct paper paper;
    set_up(world, &paper);
    world_block(world, PEER, OWNER, true);
    world_block(world, OWNER, PEER, true);
    struct both both = {PEER, OWNER, world_refer(world, PEER, OWNER, 1)};
    expect(world, do_keys(world, OWNER, (struct deed){.what = LOSE_SEALING_KEY}));
    world_block(world, PEER, OWNER, false);
    world_block(world, OWNER, PEER, false);
    expect(world, world_run_until_every(world, same_state, &both, DAY_MS, MINUTE_MS));
    end(world, &paper);
}

static bool sign_card(struct tx *tx, void *unused, struct err *err)
{
    struct card card;
    (void)unused;
    return card_forget_published(tx, err) && card_read(tx->store, &card, err) &&
           card_publish(tx, &card, err);
}

/* A log of 64 events, which no handshake carries. `away`: the peer knew the beginning of it. */
static void long_log(struct world *world, bool away, unsigned inviter, unsigned joiner)
{
    struct paper paper;
    if (away) {
        set_up(world, &paper);
        world_stop(world, PEER);
    } else {
        give_identity(world, PEER, world->seed * 2 + 1000, NULL);
        give_identity(world, OWNER, world->seed * 2 + 1001, &paper);
        world_start(world, OWNER);
    }
    while (identity_kel(world->hubs[OWNER].self)->seq < KEL_EVENTS_MAX)
        expect(world, do_keys(world, OWNER, (struct deed){.key = paper.root, .what = ROTATE}));
    struct err err = {0};
    /* its card, by a key that those who come later still know (KEL_OPS_MAX) */
    expect(world, world_do(world, OWNER, sign_card, NULL, &err));
    world_start(world, PEER);
    if (!away)
        world_federate(world, inviter, joiner);
    expect(world, follows(world, OWNER, 5 * MINUTE_MS));
    expect(world, arrives(world, PEER, OWNER, 1));
    expect(world, arrives(world, OWNER, PEER, 2));
    expect(world, atomic_load(&world->hubs[PEER].counters.refused_link) == 0);
    expect(world, atomic_load(&world->hubs[OWNER].counters.refused_link) == 0);
    paper_done(&paper);
}

static void long_log_away(struct world *world)
{
    long_log(world, true, 0, 0);
}

static void long_log_joins(struct world *world)
{
    long_log(world, false, PEER, OWNER);
}

static void long_log_invites(struct world *world)
{
    long_log(world, false, OWNER, PEER);
}

const struct scenario scenarios_keys[] = {
    {"f11_a_stolen_working_key_signs_nothing_that_counts_once_it_is_revoked", stolen_op, 3, 4,
     HUBS_DOWN},
    {"f12_the_next_root_wins_over_all_that_a_thief_of_op_and_root_can_write", stolen_op_and_root, 3,
     6, HUBS_DOWN},
    {"f13_two_contradicting_rotations_freeze_until_a_human_decides", stolen_next_root, 3, 4,
     HUBS_DOWN},
    {"f36_a_forgotten_delegation_goes_stale_and_traffic_goes_on_for_90_days", forgotten_delegation,
     3, 1, HUBS_DOWN},
    {"rotations_reach_peers_without_hand_work", rotations_followed, 3, 3, HUBS_DOWN},
    {"a_peer_that_missed_60_key_events_catches_up", long_log_away, 3, 4, HUBS_DOWN},
    {"a_stranger_with_a_log_of_64_events_may_join", long_log_joins, 2, 2, HUBS_DOWN},
    {"a_stranger_may_join_a_hub_with_a_log_of_64_events", long_log_invites, 2, 2, HUBS_DOWN},
    {"what_a_peer_can_no_longer_open_is_sealed_again", sealing_key_gone, 3, 6, HUBS_DOWN},
    {0},
};
