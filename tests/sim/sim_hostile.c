/* What a hostile or broken peer or network sends: F15 to F21, F37. */
#include "tests/sim/scenario.h"

#include "hub/domain/notice.h"
#include "maillon/hfp/v1/link.pb-c.h"

/* ---- F15, F16, F37: somebody alters what passes ---- */

static bool alter_batches(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct world *world = ctx;
    (void)from;
    (void)to;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    bool batch = parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_BATCH && parsed->lane == 1;
    if (batch) {
        ProtobufCBinaryData *sealed = &parsed->batch->data[0]->sealed;
        if (sealed->len)
            sealed->data[world_dice(world, (unsigned)sealed->len)] ^=
                (uint8_t)(1 + world_dice(world, 255));
        frame->len = maillon__hfp__v1__frame__pack(parsed, frame->data);
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static void altered(struct world *world)
{
    world_federate(world, 0, 1);
    world->tap = alter_batches;
    world->tap_ctx = world;
    struct oid ids[] = {world_refer(world, 0, 1, 1)};
    world_run_ms(world, 5000);
    expect(world, world_count(world, 1, "SELECT count(*) FROM referral") == 0);
    expect(world, atomic_load(&world->hubs[1].counters.objects_bad) > 0 ||
                      atomic_load(&world->hubs[1].counters.refused_link) > 0);
    world->tap = NULL; /* F37: the good copy of the same object is still taken */
    expect_delivered(world, 0, 1, ids, 1);
}

/* ---- F17, F18: somebody in between ---- */

static void in_between(struct world *world)
{
    world_federate(world, 0, 1);
    world_partition(world, 1, true);
    world->bindings_differ = true;
    world_partition(world, 1, false);
    uint64_t opened = atomic_load(&world->hubs[1].counters.links_opened);
    struct oid ids[] = {world_refer(world, 0, 1, 1)};
    world_run_ms(world, 10 * 60000);
    expect(world, atomic_load(&world->hubs[1].counters.links_opened) == opened);
    expect(world, atomic_load(&world->hubs[0].counters.handshakes_failed) +
                          atomic_load(&world->hubs[1].counters.handshakes_failed) >
                      0);
    expect(world, world_count(world, 1, "SELECT count(*) FROM referral") == 0);
    world->bindings_differ = false;
    expect_delivered(world, 0, 1, ids, 1);
}

static bool edit_offers(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    (void)ctx;
    (void)from;
    (void)to;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (!parsed)
        return true;
    AUTO(buf_done) struct buf edited = {0};
    if (parsed->m_case == MAILLON__HFP__V1__FRAME__M_HELLO_D)
        parsed->hello_d->features ^= 1;
    else if (parsed->m_case == MAILLON__HFP__V1__FRAME__M_HELLO_R)
        parsed->hello_r->features ^= 2;
    edited.len = 0;
    size_t len = maillon__hfp__v1__frame__get_packed_size(parsed);
    edited.len = maillon__hfp__v1__frame__pack(parsed, buf_reserve(&edited, len));
    frame->len = 0;
    buf_add_bytes(frame, buf_bytes(&edited));
    maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static void downgraded(struct world *world)
{
    world_federate(world, 0, 1);
    world_partition(world, 1, true);
    world->tap = edit_offers;
    uint64_t opened = atomic_load(&world->hubs[1].counters.links_opened);
    world_partition(world, 1, false);
    world_run_ms(world, 10 * 60000);
    expect(world, atomic_load(&world->hubs[1].counters.links_opened) == opened);
    world->tap = NULL;
    struct oid ids[] = {world_refer(world, 0, 1, 1)};
    expect_delivered(world, 0, 1, ids, 1);
}

/* ---- F19: frames no honest hub sends ---- */

static bool garble(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct world *world = ctx;
    (void)to;
    if (from != 0 || world_dice(world, 4))
        return true;
    switch (world_dice(world, 4)) {
    case 0: /* nested deeper than any frame */
        frame->len = 0;
        for (unsigned i = 0; i < 2000; i++)
            buf_add(frame, "\x32\x7f", 2);
        break;
    case 1: /* many empty sub-messages */
        frame->len = 0;
        for (unsigned i = 0; i < 30000; i++)
            buf_add(frame, "\x32\x00", 2);
        break;
    case 2: /* noise */
        for (size_t i = 0; i < frame->len; i++)
            frame->data[i] = (uint8_t)world_dice(world, 256);
        break;
    default: /* cut short */
        frame->len /= 2;
        break;
    }
    return true;
}

static void garbled(struct world *world)
{
    world_federate(world, 0, 1);
    world->tap = garble;
    world->tap_ctx = world;
    struct oid ids[] = {world_refer(world, 0, 1, 1), world_refer(world, 0, 1, 2)};
    world_run_ms(world, 60000);
    world->tap = NULL;
    expect_delivered(world, 0, 1, ids, 2);
}

/* ---- F20: a peer that takes nothing in ---- */

static void slow_reader(struct world *world)
{
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    world_stall(world, 1, true); /* its disk hangs: nothing commits, nothing is acked */
    uint64_t before = atomic_load(&world->hubs[0].counters.objects_sent);
    for (unsigned i = 0; i < 1500; i += 500)
        world_post(world, 0, i, 500, NULL);
    world_run_ms(world, 10000);
    expect(world, world_count(world, 2, "SELECT count(*) FROM notice") == 1500);
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice") == 0);
    uint64_t sent = atomic_load(&world->hubs[0].counters.objects_sent) - before;
    expect(world, sent <= 1500 + LINK_WINDOW_OBJECTS + 10);
    world_stall(world, 1, false);
    world_run_ms(world, 600000);
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice") == 1500);
}

/* ---- F21: a peer that sends more than it may, and goes on when told to stop ---- */

static bool drop_credit(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    (void)ctx;
    (void)to;
    Maillon__Hfp__V1__Frame *parsed =
        from ? NULL : maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    if (parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_CREDIT) {
        parsed->credit->objects = LINK_WINDOW_OBJECTS; /* what a deaf peer makes of it */
        frame->len = 0;
        buf_reserve(frame, maillon__hfp__v1__frame__get_packed_size(parsed));
        frame->len = maillon__hfp__v1__frame__pack(parsed, frame->data);
    }
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

/* Once: it is long, and chance has no part in it. */
static void deaf(struct world *world)
{
    world_federate(world, 0, 1);
    world->hubs[0].config.objects_per_second = 1;
    world->hubs[0].config.objects_burst = 100;
    world->tap = drop_credit;
    for (unsigned i = 0; i < 8000; i += 500)
        world_post(world, 1, i, 500, NULL);
    world_run_ms(world, 20000);
    int64_t taken = world_count(world, 0, "SELECT count(*) FROM notice");
    /* What was sent before credit ended counts too; then at most the debt and what is in pieces. */
    expect(world, taken > 1000 && taken < 100 + 4 * LINK_WINDOW_OBJECTS + 1000);
    world->tap = NULL;
    world->hubs[0].config.objects_per_second = 0;
    world_run_ms(world, 600000);
    expect(world, world_count(world, 0, "SELECT count(*) FROM notice") == 8000);
}

const struct scenario scenarios_hostile[] = {
    {"f15_f16_f37_an_altered_copy_changes_nothing_and_poisons_nothing", altered, 2, 40, HUBS_UP},
    {"f17_a_session_through_somebody_elses_tls_never_opens", in_between, 2, 20, HUBS_UP},
    {"f18_edited_offers_make_the_proof_fail", downgraded, 2, 20, HUBS_UP},
    {"f19_malformed_frames_close_the_session_and_lose_nothing", garbled, 2, 40, HUBS_UP},
    {"f20_a_stalled_peer_holds_up_nobody_and_its_window_is_bounded", slow_reader, 3, 1, HUBS_UP},
    {"f21_a_peer_deaf_to_credit_is_not_read_beyond_its_debt", deaf, 2, 1, HUBS_UP},
    {0},
};
