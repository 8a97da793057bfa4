/*
 * Circles on sparse graphs: every member hears everything said in its circle, nobody else hears
 * anything, and what was taken back stays so (R-NO-5 to R-NO-9, F22, F26, F28, F37).
 */
#include "tests/sim/gossip_setup.h"

#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/notice.h"
#include "maillon/hfp/v1/link.pb-c.h"

#include <stdlib.h>

static bool do_withdraw(struct tx *tx, void *uid, struct err *err)
{
    return notice_withdraw(tx, uid, "given", err);
}

struct traffic {
    uint64_t members;
    unsigned leaked, pushes;
    size_t recon_largest;
    unsigned recon_frames, want_most, offer_most;
};

static bool watch(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct traffic *traffic = ctx;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (!parsed)
        return true;
    bool outside = !is_in(traffic->members, from) || !is_in(traffic->members, to);
    switch (parsed->m_case) {
    case MAILLON__HFP__V1__FRAME__M_OBJECTS:
        traffic->leaked += outside;
        if (!parsed->objects->wanted)
            traffic->pushes += (unsigned)parsed->objects->n_object;
        break;
    case MAILLON__HFP__V1__FRAME__M_OFFER:
        traffic->leaked += outside;
        if (parsed->offer->n_oid > traffic->offer_most)
            traffic->offer_most = (unsigned)parsed->offer->n_oid;
        break;
    case MAILLON__HFP__V1__FRAME__M_WANT:
        if (parsed->want->n_oid > traffic->want_most)
            traffic->want_most = (unsigned)parsed->want->n_oid;
        break;
    case MAILLON__HFP__V1__FRAME__M_RECON:
        traffic->leaked += outside;
        traffic->recon_frames++;
        if (parsed->recon->frame.len > traffic->recon_largest)
            traffic->recon_largest = parsed->recon->frame.len;
        break;
    default:
        break;
    }
    maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static bool has_edge(const struct world_edge *edges, size_t count, unsigned a, unsigned b)
{
    for (size_t i = 0; i < count; i++) {
        if ((edges[i].a == a && edges[i].b == b) || (edges[i].a == b && edges[i].b == a))
            return true;
    }
    return a == b;
}

/** A ring, a chord for each hub, and a way round every sixth hub: it is no member, and the others
 * stay one piece. */
static void wire_sparse(struct world *world)
{
    struct world_edge edges[256];
    size_t count = 0;
    unsigned hubs = world->hub_count;
    for (unsigned i = 0; i < hubs; i++) {
        unsigned to[] = {(i + 1) % hubs, (i + 2) % hubs, world_dice(world, hubs)};
        for (unsigned n = 0; n < 3; n++) {
            if ((n != 1 || i % 6 == 4) && !has_edge(edges, count, i, to[n]))
                edges[count++] = (struct world_edge){i, to[n]};
        }
    }
    world_wire(world, edges, count);
}

/** A ring of members with chords, and hubs between them that are no members. */
static void spread(struct world *world)
{
    uint64_t members = 0;
    for (unsigned i = 0; i < world->hub_count; i++)
        members |= i % 6 == 5 ? 0 : (uint64_t)1 << i;
    struct traffic traffic = {.members = members};
    wire_sparse(world);
    world_start_all(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    world->tap = watch;
    world->tap_ctx = &traffic;
    world_run_ms(world, 2 * MINUTE_MS);

    for (unsigned n = 0; n < 12; n++)
        post_in(world, n * 2 % 5 + n / 5 * 6, &scope, n, 0, NULL);
    expect_all_have(world, members, 12, 5 * MINUTE_MS);
    unsigned before = traffic.pushes;
    unsigned size = (unsigned)__builtin_popcountll(members);
    world_run_ms(world, MINUTE_MS);
    post_in(world, 0, &scope, 99, 0, NULL);
    expect_all_have(world, members, 13, MINUTE_MS);
    expect(world, traffic.pushes - before <= 4 * size); /* a tree and little more */

    /* Whoever is not a member heard nothing of it, not even oids. */
    expect(world, traffic.leaked == 0);
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (is_in(members, i))
            continue;
        expect(world, scoped_notices(world, i) == 0);
        expect(world, world_count(world, i, "SELECT count(*) FROM notice") == 0);
    }
    /* The second repair of two neighbours that never had one is salted (R-NO-7). */
    world_run_ms(world, 30 * MINUTE_MS);
    expect(world, world_count(world, 0, "SELECT count(*) FROM gossip_salted") > 0);
    world->tap = NULL;
}

static bool forget_clock(struct tx *tx, void *unused, struct err *err)
{
    (void)unused;
    return store_exec(tx->store, "UPDATE authoring SET authored_ms = 0, clock_ms = 0", err);
}

/** For months: back again it may sign at once, without comparing its clock first (R-OB-7), which is
 * not what is looked at here. */
static void stop_for_long(struct world *world, unsigned hub)
{
    must(world, world_do(world, hub, forget_clock, NULL, &why));
    world_stop(world, hub);
}

/** F26: the author withdrew while one hub was away for 179 days. */
static void stale(struct world *world)
{
    uint64_t members = (1u << world->hub_count) - 1;
    uint8_t uid[UID_BYTES];
    world_ring(world, 1);
    world_start_all(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    post_in(world, 1, &scope, 1, 180 * 86400, uid);
    expect_all_have(world, members, 1, 5 * MINUTE_MS);
    stop_for_long(world, 4);
    must(world, world_do(world, 1, do_withdraw, uid, &why));
    world_run_ms(world, HOUR_MS);
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (i != 4)
            expect(world, world_count(world, i, "SELECT kind FROM notice") == 0);
        if (i != 4)
            stop_for_long(world, i); /* 179 days of idle links would only cost time */
    }
    world_run_ms(world, 179 * DAY_MS - HOUR_MS);
    world_start(world, 4);
    expect(world, world_count(world, 4, "SELECT kind FROM notice") != 0);
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (i != 4)
            world_start(world, i);
    }
    world_run_ms(world, 20 * MINUTE_MS);
    for (unsigned i = 0; i < world->hub_count; i++) {
        expect(world, world_count(world, i, "SELECT kind FROM notice") == 0);
        expect(world, scoped_notices(world, i) == 1);
    }
    /* When all is over the row goes everywhere, and nothing comes back. */
    for (unsigned i = 0; i < world->hub_count; i++)
        stop_for_long(world, i);
    world_run_ms(world, 45 * DAY_MS);
    for (unsigned i = 0; i < world->hub_count; i++)
        world_start(world, i);
    world_run_ms(world, 20 * MINUTE_MS);
    for (unsigned i = 0; i < world->hub_count; i++)
        expect(world, scoped_notices(world, i) == 0);
}

static bool all_have_proof(struct world *world, void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (i != 3 && world_count(world, i, "SELECT count(*) FROM gossip_proof") != 1)
            return false;
    }
    return true;
}

/** F22: two halves of the network get different objects with one version. */
static void equivocation(struct world *world)
{
    uint64_t members = (1u << world->hub_count) - 1;
    world_ring(world, 1);
    world_start_all(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    world_run_ms(world, MINUTE_MS);
    struct forged forged = {.author = world->hubs[3].self, .scope = scope, .uid = 7, .seq = 1};
    world_stop(world, 3);
    world_partition(world, world->hub_count / 2, true);
    forged.amount = 5;
    must(world, world_do(world, 1, insert_forged, &forged, &why));
    forged.amount = 6;
    must(world, world_do(world, world->hub_count - 2, insert_forged, &forged, &why));
    world_run_ms(world, 5 * MINUTE_MS);
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (i != 3)
            expect(world, world_count(world, i, "SELECT count(*) FROM gossip_proof") == 0);
    }
    world_partition(world, world->hub_count / 2, false);
    expect(world, world_run_until_every(world, all_have_proof, NULL, HOUR_MS, 500));
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (i == 3)
            continue;
        expect(world, scoped_notices(world, i) == 2); /* both, for those who come later */
        expect(world,
               world_count(world, i,
                           "SELECT count(*) FROM notice WHERE other_oid IS NOT NULL"
                           " AND oid = (SELECT min(oid) FROM gossip_object WHERE part = 1)") ==
                   1); /* the same choice everywhere */
    }
    /* What its author says next waits for a person, everywhere. */
    forged.uid = 8;
    forged.seq = 2;
    must(world, world_do(world, 1, insert_forged, &forged, &why));
    world_run_ms(world, 15 * MINUTE_MS);
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (i != 3)
            expect(world,
                   world_count(world, i, "SELECT count(*) FROM gossip_object WHERE held = 1") == 1);
        if (i != 3)
            expect(world, world_count(world, i, "SELECT count(*) FROM notice") == 1);
    }
    world_start(world, 3);
}

struct spoiler {
    bool done[64][64];
    unsigned spoiled;
};

/** The first copy of an object on each link has a broken signature. */
static bool spoil(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct spoiler *spoiler = ctx;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_OBJECTS &&
        parsed->objects->n_object == 1 && !spoiler->done[from][to] && from == 0) {
        ProtobufCBinaryData *object = &parsed->objects->object[0];
        spoiler->done[from][to] = true;
        spoiler->spoiled++;
        object->data[object->len - 1] ^= 1; /* the signature is last */
        frame->len = 0;
        wire_pack(parsed, frame);
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

/** F37 over gossip: a copy with a broken signature comes first, by every path from its author. */
static void poisoned(struct world *world)
{
    uint64_t members = (1u << world->hub_count) - 1;
    struct spoiler *spoiler = mem_alloc(sizeof *spoiler);
    world_ring(world, 1);
    world_start_all(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    world_run_ms(world, 2 * MINUTE_MS);
    world->tap = spoil;
    world->tap_ctx = spoiler;
    post_in(world, 0, &scope, 1, 0, NULL);
    world_run_ms(world, 5000);
    expect(world, spoiler->spoiled > 0);
    for (unsigned i = 1; i < world->hub_count; i++) /* nothing of it was kept */
        expect(world, scoped_notices(world, i) == 0);
    expect_all_have(world, members, 1, 3 * HOUR_MS); /* repair brings the good copy */
    post_in(world, 0, &scope, 2, 0, NULL);
    expect_all_have(world, members, 2, MINUTE_MS);
    world->tap = NULL;
    free(spoiler);
}

#define AUTHORS    40
#define PER_AUTHOR 48

struct library {
    struct identity *authors[AUTHORS];
    struct oid scope;
    unsigned author;
};

static bool insert_library(struct tx *tx, void *ctx, struct err *err)
{
    struct library *library = ctx;
    uint64_t now_s = (uint64_t)tx->now.ms / 1000;
    for (unsigned n = 0; n < PER_AUTHOR; n++) {
        struct forged forged = {.author = library->authors[library->author],
                                .scope = library->scope,
                                .uid = (uint8_t)n,
                                .amount = 1 + n,
                                .seq = n + 1,
                                .created_s = now_s - 86400 * 3 + n * 1800};
        if (!insert_forged(tx, &forged, err))
            return false;
    }
    return true;
}

/** F28, sized for CI: a hub that has nothing meets one that has everything. */
static void divergence(struct world *world)
{
    struct library *library = mem_alloc(sizeof *library);
    struct traffic traffic = {.members = 3};
    const struct identity *extra[AUTHORS];
    for (unsigned i = 0; i < AUTHORS; i++)
        extra[i] = library->authors[i] =
            identity_create_memory(&world->random.source, world_wall(world, 0));
    world_wire(world, &(struct world_edge){0, 1}, 1);
    world_start_all(world);
    world_block(world, 0, 1, true);
    world_block(world, 1, 0, true);
    library->scope = make_circle(world, 3, extra, AUTHORS);
    for (library->author = 0; library->author < AUTHORS; library->author++)
        must(world, world_do(world, 0, insert_library, library, &why));
    expect(world, scoped_notices(world, 0) == AUTHORS * PER_AUTHOR);
    world->tap = watch;
    world->tap_ctx = &traffic;
    world_block(world, 0, 1, false);
    world_block(world, 1, 0, false);
    expect_all_have(world, 3, AUTHORS * PER_AUTHOR, HOUR_MS);
    expect(world, traffic.recon_frames <= 4 * 2 * RECON_ROUNDS_MAX);
    expect(world, traffic.recon_largest <= RECON_FRAME_MAX);
    expect(world, traffic.want_most <= WANT_OIDS_MAX);
    expect(world, traffic.offer_most <= OFFER_OIDS_MAX);
    world->tap = NULL;
    for (unsigned i = 0; i < AUTHORS; i++)
        identity_free(library->authors[i]);
    free(library);
}

/* ---- limits of frames, from a peer that does not keep them ---- */

struct writer {
    enum { LIMIT_OFFER, LIMIT_WANT, LIMIT_RECON } what;
    size_t size;
    bool sent;
};

static void fill_frame(const struct writer *writer, struct buf *out)
{
    static uint8_t oid[OID_BYTES], bytes[RECON_FRAME_MAX + 1];
    ProtobufCBinaryData *oids = mem_alloc((writer->size + 1) * sizeof *oids);
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    Maillon__Hfp__V1__Offer offer = MAILLON__HFP__V1__OFFER__INIT;
    Maillon__Hfp__V1__Want want = MAILLON__HFP__V1__WANT__INIT;
    Maillon__Hfp__V1__Recon recon = MAILLON__HFP__V1__RECON__INIT;
    frame.lane = 2;
    for (size_t i = 0; i < writer->size && writer->what != LIMIT_RECON; i++)
        oids[i] = wire_data(bytes_of(oid, sizeof oid));
    switch (writer->what) {
    case LIMIT_OFFER:
        offer.oid = oids;
        offer.n_oid = writer->size;
        frame.m_case = MAILLON__HFP__V1__FRAME__M_OFFER;
        frame.offer = &offer;
        break;
    case LIMIT_WANT:
        want.oid = oids;
        want.n_oid = writer->size;
        frame.m_case = MAILLON__HFP__V1__FRAME__M_WANT;
        frame.want = &want;
        break;
    case LIMIT_RECON:
        recon.set = MAILLON__HFP__V1__RECON_SET__RECON_SET_NOTICE;
        recon.step = MAILLON__HFP__V1__RECON_STEP__RECON_STEP_OPEN;
        recon.frame = wire_data(bytes_of(bytes, writer->size));
        frame.m_case = MAILLON__HFP__V1__FRAME__M_RECON;
        frame.recon = &recon;
        break;
    }
    out->len = 0;
    wire_pack(&frame, out);
    free(oids);
}

/** Puts the frame in the place of a ping of hub 1. */
static bool replace_ping(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct writer *writer = ctx;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_PING && from == 1 && to == 0 &&
        !writer->sent) {
        writer->sent = true;
        fill_frame(writer, frame);
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static void limits(struct world *world)
{
    static const struct {
        int what;
        size_t limit;
    } rows[] = {
        {LIMIT_OFFER, OFFER_OIDS_MAX}, {LIMIT_WANT, WANT_OIDS_MAX}, {LIMIT_RECON, RECON_FRAME_MAX}};
    world_federate(world, 0, 1);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t over = 0; over < 2; over++) {
            struct writer writer = {rows[i].what, rows[i].limit + over, false};
            uint64_t before = atomic_load(&world->hubs[0].counters.refused_link);
            world->tap = replace_ping;
            world->tap_ctx = &writer;
            world_run_ms(world, 20 * MINUTE_MS); /* also out of the ten minutes of a violation */
            world->tap = NULL;
            expect(world, writer.sent);
            expect(world, atomic_load(&world->hubs[0].counters.refused_link) - before == over);
        }
    }
}

struct removal {
    struct oid scope;
    struct node_id node;
};

static bool do_remove(struct tx *tx, void *ctx, struct err *err)
{
    const struct removal *removal = ctx;
    bool done;
    return circle_remove(tx, &removal->scope, &removal->node, &done, err);
}

/** Who was removed hears nothing of what is said after that, and is not heard. */
static void removed(struct world *world)
{
    uint64_t members = (1u << world->hub_count) - 1, rest = members & ~(1ull << 2);
    world_ring(world, 1);
    world_start_all(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    post_in(world, 1, &scope, 1, 0, NULL);
    expect_all_have(world, members, 1, 5 * MINUTE_MS);
    struct removal removal = {scope, *identity_node(world->hubs[2].self)};
    must(world, world_do(world, 0, do_remove, &removal, &why));
    world_run_ms(world, 5 * MINUTE_MS);
    post_in(world, 0, &scope, 2, 0, NULL);
    expect_all_have(world, rest, 2, 5 * MINUTE_MS);
    expect(world, world_count(world, 2,
                              "SELECT count(*) FROM notice WHERE created_s = (SELECT"
                              " max(created_s) FROM notice)") <= 1);
    expect(world, scoped_notices(world, 2) <= 1);
}

struct newcomer {
    const struct identity *author;
    struct oid scope;
};

static bool do_admit(struct tx *tx, void *ctx, struct err *err)
{
    const struct newcomer *newcomer = ctx;
    bool done;
    return circle_admit(tx, &newcomer->scope, identity_node(newcomer->author), "", &done, err);
}

/** A notice comes before the admission of its author: it is heard once that came. */
static void overtaking(struct world *world)
{
    uint64_t members = (1u << world->hub_count) - 1;
    struct identity *author = identity_create_memory(&world->random.source, world_wall(world, 0));
    world_ring(world, 0);
    world_start_all(world);
    struct newcomer newcomer = {author, make_circle(world, members, NULL, 0)};
    world_run_ms(world, 2 * MINUTE_MS);
    world_partition(world, 1, true);
    must(world, world_do(world, 0, do_admit, &newcomer, &why));
    struct forged forged = {
        .author = author, .scope = newcomer.scope, .uid = 1, .amount = 5, .seq = 1};
    must(world, world_do(world, 0, insert_forged, &forged, &why));
    world_run_ms(world, MINUTE_MS);
    world_partition(world, 1, false);
    expect_all_have(world, members, 1, 45 * 1000);
    identity_free(author);
}

/** Hubs come and go while things are said; in the end all have the same set. */
static void churning(struct world *world)
{
    uint64_t members = (1u << world->hub_count) - 1;
    int64_t posted = 0;
    world_ring(world, 1);
    world_start_all(world);
    struct oid scope = make_circle(world, members, NULL, 0);
    for (unsigned round = 0; round < 8; round++) {
        world_churn(world, 40);
        for (unsigned n = 0; n < 2; n++) {
            unsigned hub = world_dice(world, world->hub_count);
            while (!world->hubs[hub].alive)
                hub = (hub + 1) % world->hub_count;
            post_in(world, hub, &scope, (unsigned)posted++, 0, NULL);
            world_run_ms(world, world_dice(world, 4) * MINUTE_MS);
        }
        world_run_ms(world, 10 * MINUTE_MS);
    }
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (!world->hubs[i].alive)
            world_start(world, i);
    }
    expect_all_have(world, members, posted, 6 * HOUR_MS);
}

const struct scenario scenarios_gossip[] = {
    {"r_no_9_a_notice_that_overtakes_the_admission_of_its_author_is_heard", overtaking, 5, 4,
     HUBS_DOWN},
    {"sets_converge_while_hubs_come_and_go", churning, 20, 4, HUBS_DOWN},
    {"r_no_5_every_member_hears_each_notice_and_nobody_else_ever_does", spread, 24, 6, HUBS_DOWN},
    {"f26_withdrawn_stays_withdrawn_when_a_hub_returns_after_179_days", stale, 6, 6, HUBS_DOWN},
    {"f22_two_halves_hear_two_truths_and_all_see_both", equivocation, 12, 6, HUBS_DOWN},
    {"f37_a_copy_with_a_broken_signature_comes_first_by_gossip", poisoned, 8, 6, HUBS_DOWN},
    {"f28_nothing_meets_everything_in_bounded_frames_and_rounds", divergence, 2, 2, HUBS_DOWN},
    {"r_no_8_a_removed_member_hears_nothing_more", removed, 8, 6, HUBS_DOWN},
    {"gossip_frames_are_taken_at_their_limit_and_refused_beyond", limits, 2, 2, HUBS_UP},
    {0},
};
