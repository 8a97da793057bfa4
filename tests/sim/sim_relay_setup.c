#include "tests/sim/sim_relay.h"

#include "hub/crypto/seal.h"
#include "hub/crypto/wire.h"
#include "hub/domain/card.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"

bool relaying_set_duty(struct tx *tx, void *ctx, struct err *err)
{
    const struct relaying *relaying = ctx;
    return relay_set_duty(tx, &relaying->node, relaying->duty, err);
}

bool relaying_set_home(struct tx *tx, void *ctx, struct err *err)
{
    const struct relaying *relaying = ctx;
    return relay_set_home(tx, &relaying->node, relaying->home, err);
}

bool relaying_hide(struct tx *tx, void *ctx, struct err *err)
{
    struct card card;
    (void)ctx;
    if (!card_read(tx->store, &card, err))
        return false;
    card.route_count = 0;
    return card_publish(tx, &card, err);
}

void relaying_use(struct world *world, unsigned relay, unsigned client)
{
    struct err err = {0};
    struct relaying relaying = {
        .node = *identity_node(world->hubs[client].self), .duty = RELAY_DUTY_ALLOWED, .home = true};
    expect(world, world_do(world, relay, relaying_set_duty, &relaying, &err));
    relaying.node = *identity_node(world->hubs[relay].self);
    expect(world, world_do(world, client, relaying_set_home, &relaying, &err));
}

size_t relaying_homes(struct world *world, unsigned hub, unsigned of)
{
    struct err err = {0};
    struct relay_peer peer;
    expect(world, relay_peer_find(world->hubs[hub].reader, identity_node(world->hubs[of].self),
                                  world_wall(world, hub), &peer, &err));
    return peer.dials_only ? peer.home_count : 0;
}

bool relaying_know_homes(struct world *world, void *ctx)
{
    unsigned hub = *(unsigned *)ctx;
    return relaying_homes(world, hub, DEST) == 2 &&
           (hub != SENDER || relaying_homes(world, DEST, SENDER) == 2);
}

bool relaying_one_home(struct world *world, void *unused)
{
    (void)unused;
    return relaying_homes(world, SENDER, DEST) == 1;
}

/** No session between these two, whoever dials. */
void relaying_part(struct world *world, unsigned a, unsigned b, bool parted)
{
    world_block(world, a, b, parted);
    world_block(world, b, a, parted);
}

/** SENDER and DEST are both behind NAT and reach only the two relays, which both use. */
void relaying_set_up(struct world *world)
{
    struct err err = {0};
    static const unsigned edges[][2] = {
        {RELAY_A, SENDER}, {RELAY_B, SENDER}, {RELAY_A, DEST}, {RELAY_B, DEST}, {SENDER, DEST}};
    static const unsigned hidden[] = {SENDER, DEST};
    for (size_t i = 0; i < ARRAY_LEN(edges); i++)
        world_federate(world, edges[i][0], edges[i][1]);
    for (size_t i = 0; i < ARRAY_LEN(hidden); i++) {
        world->hubs[hidden[i]].nat = true;
        world->hubs[hidden[i]].config.url[0] = 0;
        expect(world, world_do(world, hidden[i], relaying_hide, NULL, &err));
        relaying_use(world, RELAY_A, hidden[i]);
        relaying_use(world, RELAY_B, hidden[i]);
    }
    unsigned sender = SENDER;
    expect(world, world_run_until(world, relaying_know_homes, &sender, 5 * MINUTE_MS));
    relaying_part(world, SENDER, DEST, true);
    world_run_ms(world, 1000);
}

int64_t relaying_referrals(struct world *world, unsigned hub)
{
    return world_count(world, hub, "SELECT count(*) FROM referral");
}

int64_t relaying_held(struct world *world, unsigned hub)
{
    return world_count(world, hub, "SELECT count(*) FROM relay_blob");
}

int64_t relaying_stored(struct world *world)
{
    return world_count(world, SENDER, "SELECT count(*) FROM referral WHERE delivery = 1");
}

bool relaying_one_away(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, SENDER, "SELECT count(*) FROM relay_custody") > 0;
}

bool relaying_first_stored(struct world *world, void *unused)
{
    (void)unused;
    return relaying_stored(world) > 0;
}

/** What relays held is given back when its destination has it. */
bool relaying_empty(struct world *world, void *unused)
{
    (void)unused;
    return relaying_held(world, RELAY_A) == 0 && relaying_held(world, RELAY_B) == 0;
}

void relaying_word(struct world *world, const struct oid *id, const char *word)
{
    struct err err = {0};
    const char *said = "";
    expect(world, outbox_delivery(world->hubs[SENDER].reader, id, &said, &err));
    assert_string_equal(said, word);
}

/** As large as a Sealed may be; what is inside is nothing a hub would take. */
bool relaying_queue_large(struct tx *tx, void *ctx, struct err *err)
{
    struct large *large = ctx;
    uint8_t key[X25519_KEY_BYTES];
    AUTO(buf_done) struct buf sealed = {0};
    uint8_t *object = arena_alloc(tx->arena, large->size);
    random_fill(tx->random, object, large->size);
    struct parcel parcel = {.object = bytes_of(object, large->size)};
    uint64_t expires_s = (uint64_t)tx->now.ms / 1000 + 86400;
    random_fill(tx->random, large->id.b, OID_BYTES);
    return relation_enc_key(tx->store, large->dest, tx->now, key, err) &&
           seal_parcel(&parcel, large->dest, key, expires_s, tx->random, &sealed, &large->sealed_id,
                       err) &&
           outbox_add(tx, large->dest, 1, buf_bytes(&sealed), &large->sealed_id, &large->id,
                      expires_s, OUTBOX_FREE_ON_RECEIPT, err);
}

bool relaying_take_back(struct tx *tx, void *ctx, struct err *err)
{
    return outbox_take_back(tx, &((struct large *)ctx)->id, err);
}

bool relaying_one_held(struct world *world, void *unused)
{
    (void)unused;
    return relaying_held(world, RELAY_A) + relaying_held(world, RELAY_B) == 1;
}

Maillon__Hfp__V1__Frame *relaying_parse(const struct buf *frame)
{
    return maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
}

void relaying_pack(Maillon__Hfp__V1__Frame *frame, struct buf *out)
{
    out->len = 0;
    wire_pack(frame, out);
}
