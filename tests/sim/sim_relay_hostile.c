/* Relays that double, drop, alter, replay, and look: F5, F14, F15, F19, R-RE-4 and section 17
 * "Relays learn nothing". */
#include "tests/sim/sim_relay.h"

#include "hub/crypto/digest.h"
#include "hub/crypto/wire.h"

#include <stdlib.h>

/* ---- F5 ---- */

struct receipts_seen {
    struct world *world;
    uint8_t hash[32];
    unsigned count;
    bool differ;
};

static bool watch_receipts(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct receipts_seen *seen = ctx;
    (void)to;
    if (from != DEST)
        return true;
    Maillon__Hfp__V1__Frame *parsed = relaying_parse(frame);
    if (parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_RELAY) {
        uint8_t hash[32];
        digest_sha256(wire_bytes(parsed->relay->sealed), hash);
        seen->differ |= seen->count && memcmp(hash, seen->hash, sizeof hash) != 0;
        memcpy(seen->hash, hash, sizeof hash);
        seen->count++;
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static bool both_hold(struct world *world, void *unused)
{
    (void)unused;
    return relaying_held(world, RELAY_A) == 1 && relaying_held(world, RELAY_B) == 1;
}

static void twice(struct world *world)
{
    struct receipts_seen seen = {.world = world};
    relaying_set_up(world);
    relaying_part(world, RELAY_A, DEST, true);
    relaying_part(world, RELAY_B, DEST, true);
    struct both both = {SENDER, DEST, world_refer(world, SENDER, DEST, 1)};
    /* No receipt for 30 minutes: the other relay gets it too. */
    expect(world, world_run_until(world, both_hold, NULL, 40 * MINUTE_MS));
    world->tap = watch_receipts;
    world->tap_ctx = &seen;
    unsigned first = world_dice(world, 2) ? RELAY_A : RELAY_B;
    relaying_part(world, first, DEST, false);
    expect(world, world_run_until(world, same_state, &both, 20 * MINUTE_MS));
    world_run_ms(world, MINUTE_MS);
    relaying_part(world, RELAY_A, DEST, false);
    relaying_part(world, RELAY_B, DEST, false);
    expect(world, world_run_until(world, relaying_empty, NULL, 20 * MINUTE_MS));
    world_run_ms(world, MINUTE_MS);
    world->tap = NULL;
    expect(world, relaying_referrals(world, DEST) == 1);
    expect(world, seen.count == 2 && !seen.differ); /* the same receipt, byte for byte */
    expect(world, world_count(world, DEST, "SELECT count(*) FROM receipt") == 1);
    expect_delivered(world, SENDER, DEST, &both.id, 1);
}

/* ---- F14 ---- */

static bool lose_all(struct tx *tx, void *ctx, struct err *err)
{
    (void)ctx;
    return store_exec(tx->store, "DELETE FROM relay_blob; DELETE FROM relay_use", err);
}

static uint32_t suspect(struct world *world, unsigned relay)
{
    struct err err = {0};
    struct relay_peer peer;
    expect(world,
           relay_peer_find(world->hubs[SENDER].reader, identity_node(world->hubs[relay].self),
                           world_wall(world, SENDER), &peer, &err));
    return peer.suspect;
}

/** One of the two says HELD and drops everything; which one is asked first is not for us to say. */
static void dropping(struct world *world)
{
    struct err err = {0};
    relaying_set_up(world);
    relaying_part(world, RELAY_A, DEST, true);
    relaying_part(world, RELAY_B, DEST, true);
    struct both both = {SENDER, DEST, world_refer(world, SENDER, DEST, 1)};
    expect(world, world_run_until(world, relaying_one_away, NULL, MINUTE_MS));
    unsigned liar = relaying_held(world, RELAY_A) ? RELAY_A : RELAY_B;
    expect(world, world_do(world, liar, lose_all, NULL, &err));
    relaying_part(world, RELAY_A, DEST, false);
    relaying_part(world, RELAY_B, DEST, false);
    world_run_ms(world, 20 * MINUTE_MS);
    expect(world, relaying_referrals(world, DEST) == 0);
    relaying_word(world, &both.id, "at-relay"); /* and no more than that */
    expect(world, world_run_until(world, same_state, &both, 20 * MINUTE_MS));
    expect(world, world_run_until(world, relaying_first_stored, NULL, MINUTE_MS));
    expect(world, suspect(world, liar) == 1);
    /* The next one goes by the other relay at once. */
    struct both next = {SENDER, DEST, world_refer(world, SENDER, DEST, 2)};
    expect(world, world_run_until(world, same_state, &next, MINUTE_MS));
    expect(world, suspect(world, liar) == 1);
}

/* ---- F15, F16 ---- */

struct forger {
    struct world *world;
    unsigned frames, ways; /* altered; which */
    struct buf old;        /* a blob that was delivered before, to replay */
    unsigned bad;
};

#define WAYS 7

static void alter_sealed(struct forger *forger, Maillon__Hfp__V1__Sealed *sealed)
{
    struct world *world = forger->world;
    switch (forger->ways % WAYS) {
    case 0: /* readdress to another hub: the destination sees that it is not its own */
        memcpy(sealed->dest.data, identity_node(world->hubs[SENDER].self)->b, NODE_ID_BYTES);
        break;
    case 1:
        sealed->expires_s += 60;
        break;
    case 2:
        sealed->enc.data[world_dice(world, (unsigned)sealed->enc.len)] ^= 1;
        break;
    case 3:
        sealed->ct.data[world_dice(world, (unsigned)sealed->ct.len)] ^= 0x80;
        break;
    case 4:
        sealed->ct.len -= 1;
        break;
    case 5:
        sealed->enc_key_id.data[world_dice(world, ENC_KEY_ID_BYTES)] ^= 1;
        break;
    case 6: /* any byte of all of it, once it is packed */
        break;
    }
}

/** The relay is in the middle: what it sends to the destination is altered, named rightly or not.
 */
static bool forge(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct forger *forger = ctx;
    Maillon__Hfp__V1__Frame *parsed = relaying_parse(frame);
    if (parsed && from == DEST && parsed->m_case == MAILLON__HFP__V1__FRAME__M_CUSTODY &&
        parsed->custody->answer == MAILLON__HFP__V1__CUSTODY_ANSWER__CUSTODY_ANSWER_BAD)
        forger->bad++;
    if (!parsed || to != DEST || from != RELAY_A ||
        parsed->m_case != MAILLON__HFP__V1__FRAME__M_RELAY) {
        if (parsed)
            maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
        return true;
    }
    Maillon__Hfp__V1__Sealed *sealed = maillon__hfp__v1__sealed__unpack(
        NULL, parsed->relay->sealed.len, parsed->relay->sealed.data);
    assert_non_null(sealed);
    alter_sealed(forger, sealed);
    AUTO(buf_done) struct buf bytes = {0};
    wire_pack(sealed, &bytes);
    if (forger->ways++ % WAYS == 6)
        bytes.data[world_dice(forger->world, (unsigned)bytes.len)] ^=
            (uint8_t)(1 + world_dice(forger->world, 255));
    ProtobufCBinaryData before = parsed->relay->sealed;
    parsed->relay->sealed = wire_data(buf_bytes(&bytes));
    if (world_dice(forger->world, 4)) /* a clever one names the blob by what it is now */
        digest_sha256(buf_bytes(&bytes), parsed->relay->blob.data);
    relaying_pack(parsed, frame);
    parsed->relay->sealed = before;
    maillon__hfp__v1__sealed__free_unpacked(sealed, NULL);
    maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    forger->frames++;
    return true;
}

static void forged(struct world *world)
{
    struct forger forger = {.world = world, .ways = world_dice(world, WAYS)};
    relaying_set_up(world);
    relaying_part(world, RELAY_B, DEST, true);
    world->tap = forge;
    world->tap_ctx = &forger;
    struct oid ids[3];
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = world_refer(world, SENDER, DEST, i);
    world_run_ms(world, 45 * MINUTE_MS); /* the other relay may be asked first */
    expect(world, forger.frames > 0 && forger.bad > 0);
    expect(world, atomic_load(&world->hubs[DEST].counters.objects_bad) > 0);
    expect(world, relaying_referrals(world, DEST) == 0); /* nothing recorded … */
    expect(world, world_count(world, DEST,
                              "SELECT count(*) FROM object WHERE author = "
                              "(SELECT node FROM peer WHERE name = 'hub 0')"
                              " AND receipt > 0") == 0);
    world->tap =
        NULL; /* … and nothing poisoned: the other relay, or this one, brings the good copy */
    relaying_part(world, RELAY_B, DEST, false);
    expect_delivered(world, SENDER, DEST, ids, ARRAY_LEN(ids));
}

/** A destination that calls everything bad, which its relay can neither see nor check. */
struct slander {
    unsigned said, byes; /* of the relay to who sent */
};

static bool defame(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct slander *slander = ctx;
    Maillon__Hfp__V1__Frame *parsed = relaying_parse(frame);
    if (parsed && from == RELAY_A && to == SENDER)
        slander->byes += parsed->m_case == MAILLON__HFP__V1__FRAME__M_BYE;
    if (parsed && from == DEST && to == RELAY_A &&
        parsed->m_case == MAILLON__HFP__V1__FRAME__M_CUSTODY) {
        parsed->custody->answer = MAILLON__HFP__V1__CUSTODY_ANSWER__CUSTODY_ANSWER_BAD;
        relaying_pack(parsed, frame);
        slander->said++;
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static void defamed(struct world *world)
{
    struct slander slander = {0};
    struct federation_peer sender;
    struct oid ids[5];
    relaying_set_up(world);
    relaying_part(world, RELAY_B, DEST, true);
    relaying_part(world, RELAY_B, SENDER, true);
    world->tap = defame;
    world->tap_ctx = &slander;
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = world_refer(world, SENDER, DEST, i);
    world_run_ms(world, 5 * MINUTE_MS);
    expect(world, slander.said >= 3 && slander.byes == 0);
    expect(world, federation_peer(world->hubs[RELAY_A].federation,
                                  identity_node(world->hubs[SENDER].self), &sender));
    expect(world, sender.connected && sender.score > 0); /* noted, and not barred */
    world->tap = NULL;
    relaying_part(world, RELAY_B, DEST, false);
    relaying_part(world, RELAY_B, SENDER, false);
    expect_delivered(world, SENDER, DEST, ids, ARRAY_LEN(ids));
}

/** Frames that were good once, again and again: one effect. */
struct recorder {
    struct buf frame;
    unsigned replays;
};
static bool replay(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct recorder *recorder = ctx;
    if (from != RELAY_A || to != DEST)
        return true;
    Maillon__Hfp__V1__Frame *parsed = relaying_parse(frame);
    bool relayed = parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_RELAY;
    bool ping = parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_PING;
    if (relayed && !recorder->frame.len)
        buf_add(&recorder->frame, frame->data, frame->len);
    if (ping && recorder->frame.len) { /* in the place of something that is missed by nobody */
        frame->len = 0;
        buf_add(frame, recorder->frame.data, recorder->frame.len);
        recorder->replays++;
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static void replayed(struct world *world)
{
    struct recorder recorder = {0};
    relaying_set_up(world);
    relaying_part(world, RELAY_B, DEST, true);
    world->tap = replay;
    world->tap_ctx = &recorder;
    struct both both = {SENDER, DEST, world_refer(world, SENDER, DEST, 1)};
    expect(world, world_run_until(world, same_state, &both, 45 * MINUTE_MS));
    world_run_ms(world, 10 * MINUTE_MS);
    expect(world, recorder.replays > 3);
    expect(world, relaying_referrals(world, DEST) == 1);
    expect(world, world_count(world, DEST, "SELECT count(*) FROM receipt") == 1);
    world->tap = NULL;
    buf_done(&recorder.frame);
}

/* ---- F19 ---- */

struct jumbler {
    struct world *world;
    unsigned jumbled;
};

/** Parts that are missing, doubled, or of too many. */
static bool jumble(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct jumbler *jumbler = ctx;
    Maillon__Hfp__V1__Frame *parsed = relaying_parse(frame);
    (void)from;
    if (parsed && (to == RELAY_A || to == RELAY_B) && jumbler->jumbled < 4 &&
        parsed->m_case == MAILLON__HFP__V1__FRAME__M_RELAY && parsed->relay->part) {
        switch (jumbler->jumbled++) {
        case 0:
            parsed->relay->part++;
            break;
        case 1:
            parsed->relay->parts = 1000;
            break;
        case 2:
            parsed->relay->blob.data[0] ^= 1;
            break;
        case 3:
            parsed->relay->blob.len = 31;
            break;
        }
        relaying_pack(parsed, frame);
        if (parsed->relay->blob.len == 31)
            parsed->relay->blob.len = 32;
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static void jumbled_parts(struct world *world)
{
    struct err err = {0};
    struct jumbler jumbler = {.world = world};
    struct large large = {.dest = identity_node(world->hubs[DEST].self), .size = 100000};
    relaying_set_up(world);
    relaying_part(world, RELAY_A, DEST, true);
    relaying_part(world, RELAY_B, DEST, true);
    world->tap = jumble;
    world->tap_ctx = &jumbler;
    expect(world, world_do(world, SENDER, relaying_queue_large, &large, &err));
    expect(world, world_run_until(world, relaying_one_held, NULL, HOUR_MS));
    expect(world, jumbler.jumbled == 4);
    world->tap = NULL;
    expect(world, world_do(world, SENDER, relaying_take_back, &large, &err));
}

/* ---- R-RE-4 ---- */

#define SEEN_MAX 32
struct seen {
    unsigned from[SEEN_MAX];
    struct buf frames[SEEN_MAX];
    size_t count;
};

static bool see(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct seen *seen = ctx;
    Maillon__Hfp__V1__Frame *parsed = relaying_parse(frame);
    bool wanted = parsed && (to == RELAY_A || to == RELAY_B) &&
                  parsed->m_case == MAILLON__HFP__V1__FRAME__M_RELAY;
    if (wanted && seen->count < SEEN_MAX) {
        seen->from[seen->count] = from;
        buf_add(&seen->frames[seen->count++], frame->data, frame->len);
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static bool contains(const struct buf *frame, struct bytes what)
{
    return memmem(frame->data, frame->len, what.data, what.len) != NULL;
}

/** The frame with everything zeroed that may differ: blob hash, key id, expiry, ciphertext. */
static void mask(const struct buf *frame, struct buf *ret)
{
    Maillon__Hfp__V1__Frame *parsed = relaying_parse(frame);
    Maillon__Hfp__V1__Sealed *sealed = maillon__hfp__v1__sealed__unpack(
        NULL, parsed->relay->sealed.len, parsed->relay->sealed.data);
    assert_non_null(sealed);
    memset(sealed->enc_key_id.data, 0, sealed->enc_key_id.len);
    memset(sealed->enc.data, 0, sealed->enc.len);
    memset(sealed->ct.data, 0, sealed->ct.len);
    sealed->expires_s = 1 << 30;
    AUTO(buf_done) struct buf bytes = {0};
    wire_pack(sealed, &bytes);
    memset(parsed->relay->blob.data, 0, parsed->relay->blob.len);
    ProtobufCBinaryData before = parsed->relay->sealed;
    parsed->relay->sealed = wire_data(buf_bytes(&bytes));
    wire_pack(parsed, ret);
    parsed->relay->sealed = before;
    maillon__hfp__v1__sealed__free_unpacked(sealed, NULL);
    maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
}

static bool two_stored(struct world *world, void *unused)
{
    (void)unused;
    return relaying_referrals(world, DEST) == 2;
}

static void learns_nothing(struct world *world)
{
    struct seen seen = {0};
    relaying_set_up(world);
    world_federate(world, RELAY_A, OTHER);
    world_federate(world, RELAY_B, OTHER);
    world_federate(world, OTHER, DEST);
    unsigned other = OTHER;
    expect(world, world_run_until(world, relaying_know_homes, &other, 40 * MINUTE_MS));
    relaying_part(world, OTHER, DEST, true);
    world_run_ms(world, 1000);
    world->tap = see;
    world->tap_ctx = &seen;
    struct oid ids[2] = {world_refer(world, SENDER, DEST, 1), world_refer(world, OTHER, DEST, 7)};
    expect(world, world_run_until(world, two_stored, NULL, 2 * MINUTE_MS));
    world->tap = NULL;
    const struct buf *frames[2] = {NULL, NULL};
    for (size_t i = 0; i < seen.count; i++) {
        for (unsigned s = 0; s < 2; s++) {
            const struct world_hub *author = &world->hubs[s ? OTHER : SENDER];
            expect(world, !contains(&seen.frames[i], node_id_bytes(identity_node(author->self))) ||
                              seen.from[i] == DEST); /* a receipt names where it goes */
            expect(world, !contains(&seen.frames[i], oid_bytes(&ids[s])));
            if (seen.from[i] == (s ? OTHER : SENDER) && !frames[s])
                frames[s] = &seen.frames[i];
        }
        expect(world, !contains(&seen.frames[i], BYTES_LITERAL("application/vnd")));
    }
    expect(world, frames[0] && frames[1]);
    AUTO(buf_done) struct buf a = {0};
    AUTO(buf_done) struct buf b = {0};
    mask(frames[0], &a);
    mask(frames[1], &b);
    expect(world, bytes_equal(buf_bytes(&a), buf_bytes(&b)));
    for (size_t i = 0; i < seen.count; i++)
        buf_done(&seen.frames[i]);
}

const struct scenario scenarios_relay_hostile[] = {
    {"f5_one_effect_and_the_same_receipt_by_two_relays", twice, 4, 40, HUBS_UP},
    {"f14_a_relay_that_drops_everything_is_noticed_and_gone_round", dropping, 4, 40, HUBS_UP},
    {"f15_what_a_relay_alters_or_readdresses_changes_nothing", forged, 4, 40, HUBS_UP},
    {"f15_what_a_destination_says_of_a_blob_bars_nobody", defamed, 4, 4, HUBS_UP},
    {"f15_what_a_relay_replays_has_one_effect", replayed, 4, 20, HUBS_UP},
    {"f19_parts_of_blobs_out_of_order_end_the_session_and_lose_nothing", jumbled_parts, 4, 10,
     HUBS_UP},
    {"r_re_4_relays_learn_neither_author_nor_referral_nor_type", learns_nothing, 5, 20, HUBS_UP},
    {NULL, NULL, 0, 0, HUBS_UP},
};
