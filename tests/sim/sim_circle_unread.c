/*
 * What hubs in the middle of a circle do with objects they cannot read (R-VE-3), with those of an
 * author put aside (R-AB-3, F13, F22), and with ids made to deceive a repair (F27).
 */
#include "tests/sim/gossip_setup.h"

#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/object.h"
#include "hub/kinds.h"
#include "maillon/hfp/v1/link.pb-c.h"

static void line_of(struct world *world)
{
    struct world_edge edges[8];
    for (unsigned i = 0; i + 1 < world->hub_count; i++)
        edges[i] = (struct world_edge){i, i + 1};
    world_wire(world, edges, world->hub_count - 1);
    world_start_all(world);
}

/* ---- R-VE-3 ---- */

struct ballot {
    struct oid scope;
    uint64_t seq;
};

/** A later version of this hub says something that no other one can read. */
static bool say_unread(struct tx *tx, void *ctx, struct err *err)
{
    const struct ballot *ballot = ctx;
    static uint8_t prev[OID_BYTES] = {1};
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Unread unread = MAILLON__HFP__V1__UNREAD__INIT;
    struct inbound_object object = {.from = *identity_node(tx->self), .kind = &kind_opaque};
    struct disposition said = {0};
    struct oid oid;
    AUTO(buf_done) struct buf body = {0}, out = {0};
    head.node = wire_data(node_id_bytes(&object.from));
    head.incarnation = 1;
    head.seq = ballot->seq;
    if (ballot->seq > 1)
        head.prev = wire_data(bytes_of(prev, sizeof prev));
    head.created_s = (uint64_t)tx->now.ms / 1000;
    head.expires_s = head.created_s + 60 * 86400;
    head.scope = wire_data(oid_bytes(&ballot->scope));
    unread.head = &head;
    wire_pack(&unread, &body);
    buf_add(&body, "\x12\x03yes", 5); /* field 2, of the later version */
    identity_sign(tx->self, "application/vnd.example.ballot.v1", buf_bytes(&body), &out, &oid);
    object.head = &head;
    return envelope_open(buf_bytes(&out), tx->arena, &object.envelope, err) &&
           object_add(tx, &object.envelope, &object.from, head.expires_s, OBJECT_APPLIED, NULL,
                      err) &&
           kind_opaque.apply(tx, &object, &said, err) &&
           said.state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
}

static bool all_carry(struct world *world, void *ctx)
{
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (world->hubs[i].alive &&
            world_count(world, i, "SELECT count(*) FROM gossip_object WHERE part = 3") !=
                *(const int64_t *)ctx)
            return false;
    }
    return true;
}

static void unread_passes(struct world *world)
{
    int64_t count = 1;
    unsigned last = world->hub_count - 1;
    line_of(world);
    struct ballot ballot = {make_circle(world, (1u << world->hub_count) - 1, NULL, 0), 1};
    world_run_ms(world, 2 * MINUTE_MS);
    must(world, world_do(world, 0, say_unread, &ballot, &why));
    expect(world, world_run_until_every(world, all_carry, &count, MINUTE_MS, 500));
    /* Who was away gets it by repair. */
    world_stop(world, last);
    ballot.seq = 2;
    must(world, world_do(world, 0, say_unread, &ballot, &why));
    world_run_ms(world, MINUTE_MS);
    world_start(world, last);
    count = 2;
    expect(world, world_run_until_every(world, all_carry, &count, 3 * HOUR_MS, 500));
    for (unsigned i = 0; i < world->hub_count; i++) { /* nothing of it is shown or applied */
        expect(world, world_count(world, i, "SELECT count(*) FROM notice") == 0);
        expect(world, world_count(world, i,
                                  "SELECT count(*) FROM object o JOIN gossip_object g"
                                  " ON g.oid = o.oid WHERE g.part = 3 AND o.state <> 2") == 0);
    }
}

/* ---- authors put aside ---- */

enum { FAR, GUARD, NEAR, AUTHOR };

static bool set_aside(struct tx *tx, void *node, struct err *err)
{
    return relation_decide(tx, node, DECISION_BLOCKED, err);
}

/* Unblocked it would be paused, and notices of a paused hub are not heard either: as if nothing had
 * ever been decided about it. */
static bool take_back(struct tx *tx, void *node, struct err *err)
{
    if (!relation_decide(tx, node, DECISION_PAUSED, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "UPDATE peer SET ours = 'none' WHERE node = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    return stmt_run(stmt, err);
}

/* As a contradiction in its key log leaves it (hub/domain/node_keys). */
static bool freeze(struct tx *tx, void *node, struct err *err)
{
    tx_effect(tx, EFFECT_RELATION, node, 0);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE node_key SET duplicity = 1 WHERE node = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    return stmt_run(stmt, err) && store_changes(tx->store) == 1;
}

static bool settle(struct tx *tx, void *node, struct err *err)
{
    return node_keys_settle(tx, node, err);
}

typedef bool deed(struct tx *tx, void *node, struct err *err);

/** The guard is the only way from the author to the far hub. */
static struct oid put_aside(struct world *world, deed *aside, deed *back)
{
    uint64_t members = (1u << world->hub_count) - 1;
    line_of(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    struct node_id author = *identity_node(world->hubs[AUTHOR].self);
    world_run_ms(world, 2 * MINUTE_MS);
    world_stop(world, FAR);
    post_in(world, AUTHOR, &scope, 1, 0, NULL);
    expect_all_have(world, members & ~(1ull << FAR), 1, MINUTE_MS);
    must(world, world_do(world, GUARD, aside, &author, &why));
    world_start(world, FAR);
    post_in(world, AUTHOR, &scope, 2, 0, NULL);
    post_in(world, NEAR, &scope, 3, 0, NULL); /* others are heard */
    world_run_ms(world, 3 * HOUR_MS);
    expect(world, scoped_notices(world, NEAR) == 3);
    expect(world, scoped_notices(world, GUARD) == 2); /* the first, which it had, and the third */
    expect(world, scoped_notices(world, FAR) == 1);
    must(world, world_do(world, GUARD, back, &author, &why));
    expect_all_have(world, members, 3, 5 * HOUR_MS);
    return scope;
}

static void blocked_author(struct world *world)
{
    (void)put_aside(world, set_aside, take_back);
}

static void frozen_author(struct world *world)
{
    struct oid scope = put_aside(world, freeze, settle);
    /* F22 on top of F13: both sides of a contradiction wait behind the guard, too. */
    struct node_id author = *identity_node(world->hubs[AUTHOR].self);
    must(world, world_do(world, GUARD, freeze, &author, &why));
    world_stop(world, AUTHOR);
    struct forged forged = {
        .author = world->hubs[AUTHOR].self, .scope = scope, .uid = 7, .amount = 5, .seq = 90};
    must(world, world_do(world, NEAR, insert_forged, &forged, &why));
    forged.amount = 6;
    must(world, world_do(world, NEAR, insert_forged, &forged, &why));
    world_run_ms(world, 3 * HOUR_MS);
    static const char proofs[] = "SELECT count(*) FROM gossip_proof";
    expect(world, world_count(world, NEAR, proofs) == 1);
    expect(world, world_count(world, GUARD, proofs) == 0);
    expect(world, world_count(world, FAR, proofs) == 0);
    must(world, world_do(world, GUARD, settle, &author, &why));
    world_run_ms(world, 5 * HOUR_MS);
    expect(world, world_count(world, GUARD, proofs) == 1);
    expect(world, world_count(world, FAR, proofs) == 1);
    world_start(world, AUTHOR);
}

/* ---- F27 ---- */

#define SHARED     63 /* and one more: 16 ranges of 4 each */
#define WEAK_BYTES 2

struct library {
    const struct identity *author;
    struct oid scope;
    uint64_t from_s;
    unsigned hub, amount; /* of the last notice, the one that differs */
};

static struct forged volume(const struct library *library, unsigned n)
{
    return (struct forged){.author = library->author,
                           .scope = library->scope,
                           .uid = (uint8_t)(n < SHARED ? n : 200 + library->hub),
                           .amount = n < SHARED ? 1 : library->amount,
                           .seq = n + 1,
                           .created_s = library->from_s + n * 1800};
}

static bool insert_library(struct tx *tx, void *ctx, struct err *err)
{
    for (unsigned n = 0; n <= SHARED; n++) {
        struct forged forged = volume(ctx, n);
        if (!insert_forged(tx, &forged, err))
            return false;
    }
    return true;
}

/** As a repair sums up the last range: three shared ids and the one that differs. */
static void sum_up(const struct library *library, uint8_t ret[32])
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    uint8_t in[33] = {0};
    unsigned carry = 0;
    struct oid ids[4];
    for (unsigned n = 0; n < 4; n++) {
        struct forged forged = volume(library, SHARED - n);
        forged_oid(&forged, arena, &ids[n]);
    }
    for (size_t i = 0; i < 32; i++) {
        for (size_t n = 0; n < 4; n++)
            carry += ids[n].b[i];
        in[i] = (uint8_t)carry;
        carry >>= 8;
    }
    in[32] = 4;
    digest_sha256(bytes_of(in, sizeof in), ret);
}

/** What somebody does who wants to hide a notice from a hub: looks for another one that makes the
 * sums of both sets alike. With all 16 bytes nobody finds it; here two count. */
static unsigned craft(struct library *library, const uint8_t wanted[32])
{
    uint8_t sum[32];
    for (library->amount = 1; library->amount < 1u << 22; library->amount++) {
        sum_up(library, sum);
        if (memcmp(sum, wanted, WEAK_BYTES) == 0)
            break;
    }
    return library->amount;
}

static bool both_have_both(struct world *world, void *unused)
{
    (void)unused;
    return scoped_notices(world, 0) == SHARED + 2 && scoped_notices(world, 1) == SHARED + 2;
}

static void crafted(struct world *world)
{
    uint8_t wanted[32];
    struct identity *author = identity_create_memory(&world->random.source, world_wall(world, 0));
    struct library library = {.author = author, .amount = 1};
    for (unsigned i = 0; i < 2; i++)
        world->hubs[i].fingerprint_bytes = WEAK_BYTES;
    world_wire(world, &(struct world_edge){0, 1}, 1);
    world_start_all(world);
    world_block(world, 0, 1, true);
    world_block(world, 1, 0, true);
    const struct identity *extra[] = {author};
    library.scope = make_circle(world, 3, extra, 1);
    library.from_s = (uint64_t)world_wall(world, 0).ms / 1000 - 3 * 86400;
    sum_up(&library, wanted);
    must(world, world_do(world, 0, insert_library, &library, &why));
    library.hub = 1;
    expect(world, craft(&library, wanted) < 1u << 22);
    must(world, world_do(world, 1, insert_library, &library, &why));
    world_block(world, 0, 1, false);
    world_block(world, 1, 0, false);
    world_run_ms(world, 5 * MINUTE_MS); /* the plain pass: all is well, it says */
    expect(world, world_connections(world, 0) == 1);
    expect(world, scoped_notices(world, 0) == SHARED + 1);
    expect(world, scoped_notices(world, 1) == SHARED + 1);
    /* The salted pass is due once a plain one is done (R-NO-7). */
    expect(world, world_run_until_every(world, both_have_both, NULL, 2 * HOUR_MS, 1000));
    identity_free(author);
}

const struct scenario scenarios_circle_unread[] = {
    {"r_ve_3_what_only_a_later_version_can_read_passes_through_the_middle", unread_passes, 4, 3,
     HUBS_DOWN},
    {"r_ab_3_what_a_blocked_author_says_ends_at_who_blocked_it", blocked_author, 4, 3, HUBS_DOWN},
    {"f13_f22_what_a_frozen_author_says_ends_at_who_froze_it", frozen_author, 4, 3, HUBS_DOWN},
    {"f27_crafted_ids_deceive_the_plain_pass_and_not_the_salted_one", crafted, 2, 2, HUBS_DOWN},
    {0},
};
