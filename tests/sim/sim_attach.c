/* Attachments between two hubs (R-PD-12), and what a human was shown (R-PD-8, R-PD-10). */
#include "tests/sim/scenario.h"

#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include "hub/receipts.h"
#include "maillon/hfp/v1/link.pb-c.h"

#define ACTION(x)   MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_##x
#define S           0
#define R           1
#define PARTS       128 /* 4 MiB */
#define IN_FLIGHT   32  /* asked for at a time */
#define ATTACH_BIT  ((uint64_t)1 << 5)
#define COUNT_PARTS "SELECT count(*) FROM attachment_part"
#define COUNT_WHOLE "SELECT count(*) FROM attachment WHERE state = 1"
#define MINUTE_MS   60000

/* ---- people ---- */

struct sending {
    struct oid id;
    unsigned parts;
};

static bool upload(struct tx *tx, unsigned parts, char ret[ATTACHMENT_UPLOAD_TEXT], struct err *err)
{
    static uint8_t slice[API_SLICE_MAX];
    uint64_t size = (uint64_t)parts * ATTACHMENT_PART_BYTES - 5, have = 0;
    bool whole = false;
    memset(slice, 'x', sizeof slice);
    ret[0] = '\0';
    for (unsigned n = 0; !whole; n++) {
        uint64_t left = size - have;
        slice[0] = (uint8_t)('a' + n % 26);
        struct attachment_slice one = {
            .upload = ret,
            .name = "scan.txt",
            .media_type = "text/plain",
            .size = size,
            .offset = have,
            .data = bytes_of(slice, left < sizeof slice ? (size_t)left : sizeof slice)};
        if (!attachment_upload(tx, &one, ret, &have, &whole, err))
            return false;
    }
    return true;
}

static bool attach(struct tx *tx, void *ctx, struct err *err)
{
    struct sending *sending = ctx;
    char name[ATTACHMENT_UPLOAD_TEXT];
    const char *uploads[] = {name};
    struct referral_act act = {
        .action = ACTION(MESSAGE), .uploads = uploads, .upload_count = 1, .actor = "test"};
    return upload(tx, sending->parts, name, err) && referral_act(tx, &sending->id, &act, err);
}

/** A referral from S to R, and a file with it. */
static struct sending send_file(struct world *world, unsigned parts)
{
    struct err err = {0};
    struct sending sending = {.id = world_refer(world, S, R, 1), .parts = parts};
    bool done = world_do(world, S, attach, &sending, &err);
    if (!done)
        print_error("%s\n", err.msg);
    expect(world, done);
    return sending;
}

static void act(struct world *world, unsigned hub, const struct oid *id,
                Maillon__Hfp__V1__ReferralAction action)
{
    struct err err = {0};
    struct referral_act what = {.action = action, .actor = "test"};
    expect(world, world_act(world, hub, id, &what, &err));
}

/* ---- what passes ---- */

struct watch {
    unsigned parts; /* frames Parts from S to R */
    int alter;      /* this one gets a bit flipped; -1: none */
};

static bool count_parts(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct watch *watch = ctx;
    struct err err = {0};
    (void)to;
    if (from != S)
        return true;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const Maillon__Hfp__V1__Frame *seen =
        wire_unpack(&maillon__hfp__v1__frame__descriptor, buf_bytes(frame), arena, &err);
    if (!seen || seen->m_case != MAILLON__HFP__V1__FRAME__M_PARTS)
        return true;
    if ((int)watch->parts++ == watch->alter)
        frame->data[frame->len / 2] ^= 1;
    return true;
}

static bool is_begun(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, R, COUNT_PARTS) >= IN_FLIGHT;
}

static bool is_whole(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, R, COUNT_WHOLE) == 1;
}

static void same_parts(struct world *world)
{
    static const char sum[] = "SELECT count(*) FROM attachment_part WHERE length(bytes) >= 32779";
    expect(world, world_count(world, R, sum) == world_count(world, S, sum));
    /* Damage counts as not here: each one fits its hash. */
    struct attachment *list;
    struct bytes bytes;
    struct err err = {0};
    size_t count;
    bool found;
    AUTO(arena_free) struct arena *arena = arena_create((size_t)64 << 20);
    struct store *reader = world->hubs[R].reader;
    expect(world, attachment_list(reader, arena, 1, &list, &count, &err) && count == 1);
    for (uint32_t i = 0; i < list[0].parts; i++)
        expect(world, attachment_part(reader, arena, &list[0], i, &found, &bytes, &err) && found);
}

/* ---- scenarios ---- */

/** The link is cut, or power goes at one end, in the middle: only what is missing passes again. */
static void cut(struct world *world)
{
    struct watch watch = {.alter = -1};
    world_federate(world, S, R);
    world->tap = count_parts;
    world->tap_ctx = &watch;
    send_file(world, PARTS);
    expect(world, world_run_until(world, is_begun, NULL, HOUR_MS));
    expect(world, !is_whole(world, NULL));
    unsigned how = world_dice(world, 3);
    if (how < 2) {
        unsigned hub = how ? S : R;
        world_crash(world, hub, (enum crash_mode)world_dice(world, 3));
        world_run_ms(world, MINUTE_MS);
        world_start(world, hub);
    } else {
        world_block(world, S, R, true);
        world_block(world, R, S, true);
        world_run_ms(world, MINUTE_MS);
        world_block(world, S, R, false);
        world_block(world, R, S, false);
    }
    expect(world, world_run_until(world, is_whole, NULL, HOUR_MS));
    expect(world, watch.parts <= PARTS + 2 * IN_FLIGHT);
    same_parts(world);
    world->tap = NULL;
}

struct arrival {
    int64_t referrals;
};
static bool has_arrived(struct world *world, void *ctx)
{
    return world_count(world, R, "SELECT count(*) FROM referral WHERE status > 0") ==
           ((struct arrival *)ctx)->referrals;
}

static int64_t latency_us(struct world *world, unsigned number)
{
    struct arrival arrival = {
        world_count(world, R, "SELECT count(*) FROM referral WHERE status > 0") + 1};
    int64_t from = world->now.us;
    world_refer(world, S, R, number);
    expect(world, world_run_until(world, has_arrived, &arrival, MINUTE_MS));
    return world->now.us - from;
}

/** Bulk goes after all else; a referral does not wait for a file of 16 MiB. */
static void latency(struct world *world)
{
    world->net.jitter_ms = 0;
    world_federate(world, S, R);
    world_run_ms(world, MINUTE_MS);
    int64_t idle = latency_us(world, 2), busy = 0;
    struct sending sending = {.id = world_refer(world, S, R, 3), .parts = ATTACHMENT_PARTS_MAX};
    struct err err = {0};
    expect(world, world_do(world, S, attach, &sending, &err));
    expect(world, world_run_until(world, is_begun, NULL, HOUR_MS));
    for (unsigned i = 0; i < 3; i++) {
        int64_t one = latency_us(world, 10 + i);
        busy = one > busy ? one : busy;
    }
    expect(world, !is_whole(world, NULL)); /* it was under way all the time */
    expect(world, busy <= idle + idle / 2 + 20000);
    expect(world, world_run_until(world, is_whole, NULL, HOUR_MS));
}

static bool is_purged(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, R, "SELECT count(*) FROM referral WHERE purged_ms > 0") == 1;
}

/** R-PR-1: consent is withdrawn while the file is on its way. */
static void erased(struct world *world)
{
    world_federate(world, S, R);
    struct sending sending = send_file(world, PARTS);
    expect(world, world_run_until(world, is_begun, NULL, HOUR_MS));
    act(world, S, &sending.id, ACTION(WITHDRAW_CONSENT));
    expect(world, world_run_until(world, is_purged, NULL, HOUR_MS));
    world_run_ms(world, MINUTE_MS); /* parts that were on their way */
    expect(world, world_count(world, R, COUNT_PARTS) == 0);
    expect(world, world_count(world, R, "SELECT count(*) FROM attachment") == 0);
    act(world, S, &sending.id, ACTION(PURGED));
    world_run_ms(world, 2 * HOUR_MS); /* nothing is asked for or sent again */
    for (unsigned hub = S; hub <= R; hub++) {
        expect(world, world_count(world, hub, COUNT_PARTS) == 0);
        expect(world, world_count(world, hub, "SELECT count(*) FROM attachment") == 0);
    }
}

static bool is_gone(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, R, "SELECT count(*) FROM attachment WHERE state = 3") == 1;
}

/** The sender's clock or hand erases first: the receiver is told and asks no more. */
static void sender_erases(struct world *world)
{
    world_federate(world, S, R);
    struct sending sending = send_file(world, PARTS);
    expect(world, world_run_until(world, is_begun, NULL, HOUR_MS));
    world_block(world, S, R, true);
    world_block(world, R, S, true);
    act(world, S, &sending.id, ACTION(VOID));
    act(world, S, &sending.id, ACTION(PURGED));
    world_block(world, S, R, false);
    world_block(world, R, S, false);
    expect(world, world_run_until(world, is_gone, NULL, HOUR_MS));
    expect(world, world_count(world, S, COUNT_PARTS) == 0);
    expect(world, world_count(world, R, COUNT_PARTS) == 0); /* half a file is of no use */
}

/** A part that somebody altered ends the session, is not stored, and comes again whole. */
static void altered(struct world *world)
{
    struct watch watch = {.alter = (int)world_dice(world, PARTS)};
    world_federate(world, S, R);
    world->tap = count_parts;
    world->tap_ctx = &watch;
    send_file(world, PARTS);
    expect(world, world_run_until(world, is_whole, NULL, DAY_MS));
    expect(world, watch.parts > PARTS);
    same_parts(world);
    world->tap = NULL;
}

/** A hub of before attachments takes the referral; what is attached comes when it is updated. */
static void older(struct world *world)
{
    unsigned old = world_dice(world, 2) ? S : R;
    world_stop(world, old);
    world->hubs[old].features_withheld = ATTACH_BIT;
    world_start(world, old);
    world_federate(world, S, R);
    struct sending sending = send_file(world, 40);
    struct both both = {S, R, sending.id};
    expect(world, world_run_until(world, same_state, &both, MINUTE_MS));
    world_run_ms(world, HOUR_MS);
    expect(world, world_count(world, R, COUNT_PARTS) == 0);
    world_stop(world, old);
    world->hubs[old].features_withheld = 0;
    world_start(world, old);
    expect(world, world_run_until(world, is_whole, NULL, HOUR_MS));
}

struct asking {
    size_t parts;
    bool sent;
};

/** R asks for so many parts in the place of a ping. */
static bool ask_many(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct asking *asking = ctx;
    struct err err = {0};
    uint8_t event[OID_BYTES] = {1};
    uint32_t numbers[PARTS_WANTED_MAX + 1] = {0};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const Maillon__Hfp__V1__Frame *seen =
        wire_unpack(&maillon__hfp__v1__frame__descriptor, buf_bytes(frame), arena, &err);
    if (!seen || seen->m_case != MAILLON__HFP__V1__FRAME__M_PING || from != R || to != S ||
        asking->sent)
        return true;
    Maillon__Hfp__V1__PartsWanted wanted = MAILLON__HFP__V1__PARTS_WANTED__INIT;
    Maillon__Hfp__V1__Frame own = MAILLON__HFP__V1__FRAME__INIT;
    wanted.event = wire_data(bytes_of(event, sizeof event));
    wanted.part = numbers;
    wanted.n_part = asking->parts;
    own.m_case = MAILLON__HFP__V1__FRAME__M_PARTS_WANTED;
    own.parts_wanted = &wanted;
    frame->len = 0;
    wire_pack(&own, frame);
    asking->sent = true;
    return true;
}

static void limits(struct world *world)
{
    world_federate(world, S, R);
    for (size_t over = 0; over < 2; over++) {
        struct asking asking = {.parts = PARTS_WANTED_MAX + over};
        uint64_t before = atomic_load(&world->hubs[S].counters.refused_link);
        world->tap = ask_many;
        world->tap_ctx = &asking;
        world_run_ms(world, 20 * MINUTE_MS);
        world->tap = NULL;
        expect(world, asking.sent);
        expect(world, atomic_load(&world->hubs[S].counters.refused_link) - before == over);
    }
}

/* ---- what a human was shown ---- */

struct shown {
    struct oid ids[3];
};

static bool show_all(struct tx *tx, void *ctx, struct err *err)
{
    struct shown *shown = ctx;
    return receipts_present(tx, shown->ids, ARRAY_LEN(shown->ids), err);
}

static bool all_stored(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, S, "SELECT count(*) FROM referral WHERE delivery = 1") == 3;
}

static bool all_presented(struct world *world, void *unused)
{
    (void)unused;
    return world_count(world, S, "SELECT count(*) FROM referral WHERE delivery = 2") == 3;
}

/** R-PD-10: stored, then presented; one Receipt for three, and none when they are shown again. */
static void presented(struct world *world)
{
    struct shown shown;
    struct err err = {0};
    world_federate(world, S, R);
    for (unsigned i = 0; i < ARRAY_LEN(shown.ids); i++)
        shown.ids[i] = world_refer(world, S, R, i);
    expect(world, world_run_until(world, all_stored, NULL, MINUTE_MS));
    expect(world, world_run_until(world, outboxes_empty, NULL, HOUR_MS));
    uint64_t before = atomic_load(&world->hubs[R].counters.receipts_sent);
    expect(world, world_do(world, R, show_all, &shown, &err));
    expect(world, world_run_until(world, all_presented, NULL, MINUTE_MS));
    expect(world, atomic_load(&world->hubs[R].counters.receipts_sent) == before + 1);
    expect(world, world_do(world, R, show_all, &shown, &err));
    world_run_ms(world, MINUTE_MS);
    expect(world, atomic_load(&world->hubs[R].counters.receipts_sent) == before + 1);
}

const struct scenario scenarios_attach[] = {
    {"r_pd_12_a_cut_link_goes_on_with_the_parts_that_are_missing", cut, 2, 24, HUBS_UP},
    {"r_pd_12_a_referral_does_not_wait_for_a_file", latency, 2, 4, HUBS_UP},
    {"r_pr_1_f35_a_referral_erased_on_the_way_leaves_no_part", erased, 2, 12, HUBS_UP},
    {"r_pr_1_what_its_sender_erased_is_asked_for_no_more", sender_erases, 2, 12, HUBS_UP},
    {"r_pd_12_an_altered_part_is_not_stored_and_comes_again", altered, 2, 12, HUBS_UP},
    {"r_ve_1_a_hub_without_attachments_gets_them_once_it_is_updated", older, 2, 12, HUBS_UP},
    {"r_pd_12_256_parts_may_be_wanted_at_a_time_and_not_one_more", limits, 2, 4, HUBS_UP},
    {"r_pd_10_what_was_shown_is_told_once_in_one_receipt", presented, 2, 12, HUBS_UP},
    {NULL, NULL, 0, 0, HUBS_UP},
};
