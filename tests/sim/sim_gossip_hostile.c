/*
 * Gossip between an honest neighbour and one who is not: who pays for what is wrong (R-NO-9).
 */
#include "tests/sim/gossip_setup.h"

#include "hub/crypto/wire.h"
#include "hub/domain/own_keys.h"
#include "maillon/hfp/v1/circle.pb-c.h"
#include "maillon/hfp/v1/link.pb-c.h"

struct theft {
    struct sign_key *root;
};

static bool do_revoke(struct tx *tx, void *ctx, struct err *err)
{
    struct theft *theft = ctx;
    const struct sign_key *root = theft->root;
    const struct own_keys_bound all = {0};
    return own_keys_revoke_stolen(tx, &root, 1, &all, err);
}

static struct identity *make_owner(struct world *world, struct recovery_sheets *ret)
{
    struct fake_random random;
    fake_random_init(&random, world->seed * 2 + 1001);
    return identity_create_known(&random.source, world_wall(world, 2), ret);
}

/** Hub 0 has not heard that the key of hub 2 was stolen, and passes on what the thief signed. */
static void unknowing(struct world *world)
{
    struct recovery_sheets sheets;
    struct node_id seed;
    struct identity *thief = make_owner(world, &sheets);
    struct theft theft = {0};
    struct federation_peer zero;
    identity_free(world->hubs[2].self);
    world->hubs[2].self = make_owner(world, &sheets);
    expect(world, node_id_parse(sheets.root, &seed));
    theft.root = sign_key_from_seed(seed.b);
    world_wire(world, (struct world_edge[]){{0, 1}, {1, 2}}, 2);
    world_start_all(world);
    struct oid scope = make_circle(world, 7, NULL, 0);
    world_run_ms(world, 2 * MINUTE_MS);
    world_block(world, 0, 1, true);
    world_block(world, 1, 0, true);
    must(world, world_do(world, 2, do_revoke, &theft, &why));
    world_run_ms(world, 2 * MINUTE_MS);
    for (uint8_t i = 0; i < 8; i++) {
        struct forged forged = {
            .author = thief, .scope = scope, .uid = i, .amount = 5, .seq = 100u + i};
        must(world, world_do(world, 0, insert_forged, &forged, &why));
    }
    world_block(world, 0, 1, false);
    world_block(world, 1, 0, false);
    world_run_ms(world, 40 * MINUTE_MS);
    expect(world, scoped_notices(world, 1) == 0);
    expect(world, atomic_load(&world->hubs[1].counters.objects_bad) > 0);
    expect(world,
           federation_peer(world->hubs[1].federation, identity_node(world->hubs[0].self), &zero));
    expect(world, zero.connected && zero.score == 0);
    identity_free(thief);
    sign_key_free(theft.root);
}

/** Membership events of authors that do not exist: each would wait for keys. */
struct crowd {
    struct world *world;
    struct oid scope;
    unsigned frames;
};

#define CROWD 150

static void fill_crowd(struct crowd *crowd, struct buf *out)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    uint64_t now_s = (uint64_t)world_wall(crowd->world, 1).ms / 1000;
    ProtobufCBinaryData list[CROWD];
    for (unsigned i = 0; i < CROWD; i++) {
        struct node_id author;
        uint8_t sig[ED25519_SIG_BYTES] = {1};
        Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
        Maillon__Hfp__V1__Membership event = MAILLON__HFP__V1__MEMBERSHIP__INIT;
        Maillon__Hfp__V1__Sig one = MAILLON__HFP__V1__SIG__INIT, *sigs[] = {&one};
        Maillon__Hfp__V1__Signed whole = MAILLON__HFP__V1__SIGNED__INIT;
        random_fill(&crowd->world->random.source, author.b, sizeof author.b);
        head.node = event.member = wire_data(node_id_bytes(&author));
        head.scope = head.stream = wire_data(oid_bytes(&crowd->scope));
        head.incarnation = 1;
        head.seq = event.term = 1;
        head.created_s = now_s;
        head.expires_s = now_s + 86400;
        event.head = &head;
        event.change = MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_LEAVE;
        one.sig = wire_data(bytes_of(sig, sizeof sig));
        whole.suite = 1;
        whole.type = arena_text(arena, TYPE_MEMBERSHIP);
        whole.body = wire_data(wire_pack_arena(&event, arena));
        whole.sig = sigs;
        whole.n_sig = 1;
        list[i] = wire_data(wire_pack_arena(&whole, arena));
    }
    Maillon__Hfp__V1__Objects objects = MAILLON__HFP__V1__OBJECTS__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    objects.object = list;
    objects.n_object = CROWD;
    objects.hops_left = HOPS_CIRCLE;
    frame.lane = 2;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_OBJECTS;
    frame.objects = &objects;
    out->len = 0;
    wire_pack(&frame, out);
}

static bool send_crowd(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct crowd *crowd = ctx;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (parsed && from == 1 && to == 0 &&
        (parsed->m_case == MAILLON__HFP__V1__FRAME__M_PING ||
         parsed->m_case == MAILLON__HFP__V1__FRAME__M_PONG)) {
        fill_crowd(crowd, frame);
        crowd->frames++;
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

/** One neighbour fills what waits for keys; what another one brings still finds room. */
static void crowded(struct world *world)
{
    struct identity *author = identity_create_memory(&world->random.source, world_wall(world, 0));
    const struct identity *extra[] = {author};
    struct federation_peer honest;
    world_wire(world, (struct world_edge[]){{0, 1}, {0, 2}}, 2);
    world_start_all(world);
    struct crowd crowd = {.world = world, .scope = make_circle(world, 7, extra, 1)};
    world_run_ms(world, 2 * MINUTE_MS);
    world->tap = send_crowd;
    world->tap_ctx = &crowd;
    world_run_ms(world, 2 * MINUTE_MS);
    expect(world, crowd.frames >= 3);
    struct forged forged = {
        .author = author, .scope = crowd.scope, .uid = 1, .amount = 5, .seq = 1};
    must(world, world_do(world, 2, insert_forged, &forged, &why));
    world_run_ms(world, 5000);
    expect(world, scoped_notices(world, 0) == 1);
    expect(world,
           federation_peer(world->hubs[0].federation, identity_node(world->hubs[2].self), &honest));
    expect(world, honest.connected && honest.score == 0);
    world->tap = NULL;
    identity_free(author);
}

const struct scenario scenarios_gossip_hostile[] = {
    {"r_no_9_one_neighbour_cannot_crowd_out_what_others_bring", crowded, 3, 3, HUBS_DOWN},
    {"r_no_9_f11_a_neighbour_that_has_not_heard_of_a_theft_is_not_to_blame", unknowing, 3, 3,
     HUBS_DOWN},
    {0},
};
