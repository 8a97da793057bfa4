/*
 * Faults of PROTOCOL.md section 16 on real hubs in a virtual world. Each scenario runs with many
 * seeds (SIM_SEEDS; SIM_SEED runs one); a failing seed is printed. An argument names the one
 * scenario to run.
 */
#include "tests/sim/world.h"

#include "hub/base/mem.h"
#include "hub/domain/notice.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOUR_MS 3600000LL
#define DAY_MS  (24 * HOUR_MS)

/* ---- running a scenario with many seeds ---- */

typedef void scenario(struct world *world);

static void with_seeds(scenario *run, unsigned hubs, uint64_t default_seeds)
{
    const char *one = getenv("SIM_SEED"), *many = getenv("SIM_SEEDS");
    uint64_t first = one ? strtoull(one, NULL, 10) : 1;
    uint64_t count = one ? 1 : many ? strtoull(many, NULL, 10) : default_seeds;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct world *world = world_create(seed, hubs);
        run(world);
        world_free(world);
    }
}

#define expect(world, what)                                                           \
    do {                                                                              \
        if (!(what)) {                                                                \
            print_error("seed %llu: %s\n", (unsigned long long)(world)->seed, #what); \
            assert_true(what);                                                        \
        }                                                                             \
    } while (0)

static unsigned dice(struct world *world, unsigned bound)
{
    return (unsigned)random_below(&world->random.source, bound);
}

struct both {
    unsigned a, b;
    struct oid id;
};

/** The person took consent back before the peer had anything: it never gets to know (R-RF-2). */
static bool was_held_back(struct world *world, unsigned sender, const struct oid *id)
{
    struct err err = {0};
    struct referral referral;
    bool found = false;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    return referral_get(world->hubs[sender].reader, arena, id, &found, &referral, &err) && found &&
           referral.delivery == REFERRAL_UNDELIVERED;
}

static bool same_state(struct world *world, void *ctx)
{
    const struct both *both = ctx;
    struct referral_state a, b;
    if (!world_referral(world, both->a, &both->id, &a))
        return false;
    if (!world_referral(world, both->b, &both->id, &b) || !b.status)
        return was_held_back(world, both->a, &both->id);
    return a.status == b.status && a.business_status == b.business_status;
}

static bool outboxes_empty(struct world *world, void *ctx)
{
    (void)ctx;
    for (unsigned i = 0; i < world->hub_count; i++) {
        if (world->hubs[i].alive && world_count(world, i, "SELECT count(*) FROM outbox"))
            return false;
    }
    return true;
}

/** What waits, for whoever reads the failure. */
static void show_outboxes(struct world *world)
{
    for (unsigned i = 0; i < world->hub_count; i++) {
        struct err err = {0};
        size_t count = 0;
        struct outbox_row *rows = NULL;
        AUTO(arena_free) struct arena *arena = arena_create(0);
        if (!world->hubs[i].alive ||
            !outbox_list(world->hubs[i].reader, arena, NULL, 10, &rows, &count, &err))
            continue;
        for (size_t n = 0; n < count; n++)
            print_error("hub %u: lane %u link_seq %llu acked %d attempts %u\n", i, rows[n].lane,
                        (unsigned long long)rows[n].link_seq, rows[n].acked, rows[n].attempts);
    }
}

static void show_events(struct world *world, unsigned hub, const struct oid *id)
{
    struct err err = {0};
    struct referral referral;
    struct referral_event *events = NULL;
    size_t count = 0;
    bool found = false;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    if (!referral_get(world->hubs[hub].reader, arena, id, &found, &referral, &err) || !found ||
        !referral_events(world->hubs[hub].reader, arena, NULL, &referral, &events, &count, &err))
        return;
    for (size_t i = 0; i < count; i++)
        print_error("hub %u: side %d seq %llu action %d verdict %d delivery %d\n", hub,
                    (int)events[i].key.side, (unsigned long long)events[i].key.seq,
                    events[i].body ? (int)events[i].body->action : -1, (int)events[i].verdict,
                    (int)events[i].delivery);
}

static void expect_delivered(struct world *world, unsigned a, unsigned b, const struct oid *ids,
                             unsigned count)
{
    bool empty = world_run_until(world, outboxes_empty, NULL, 3 * DAY_MS);
    if (!empty)
        show_outboxes(world);
    expect(world, empty);
    for (unsigned i = 0; i < count; i++) {
        struct both both = {a, b, ids[i]};
        if (!same_state(world, &both)) {
            struct referral_state at[2] = {0};
            bool has[2] = {world_referral(world, a, &ids[i], &at[0]),
                           world_referral(world, b, &ids[i], &at[1])};
            print_error("referral %u: here %d/%d %d, there %d/%d %d\n", i, at[0].status,
                        at[0].business_status, has[0], at[1].status, at[1].business_status, has[1]);
            show_events(world, a, &ids[i]);
            show_events(world, b, &ids[i]);
        }
        expect(world, same_state(world, &both));
    }
    expect(world, world_count(world, b, "SELECT count(*) FROM referral") <= (int64_t)count);
}

/* ---- the plain way, and joining ---- */

static void plain(struct world *world)
{
    world_federate(world, 0, 1);
    struct both both = {0, 1, world_refer(world, 0, 1, 1)};
    expect(world, world_run_until(world, same_state, &both, 5000));
    struct err err = {0};
    struct referral_act act = {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ACCEPT,
                               .contact_name = "the front desk",
                               .next_step = "come on Tuesday",
                               .actor = "test"};
    expect(world, world_act(world, 1, &both.id, &act, &err));
    expect(world, world_run_until(world, outboxes_empty, NULL, 60000));
    struct referral_state state;
    expect(world, world_referral(world, 0, &both.id, &state));
    expect(world, state.status == MAILLON__HFP__V1__REFERRAL_STATUS__REFERRAL_STATUS_ACCEPTED);
}
static void a_referral_arrives_once_and_its_answer_comes_back(void **state)
{
    (void)state;
    with_seeds(plain, 2, 20);
}

/* ---- F1 to F4: power loss at any moment, on either side ---- */

static void crashing(struct world *world)
{
    struct oid ids[6];
    world_federate(world, 0, 1);
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = world_refer(world, 0, 1, i);
        world_run_ms(world, dice(world, 120));
        unsigned victim = dice(world, 2);
        world_crash(world, victim, (enum crash_mode)dice(world, 3));
        world_run_ms(world, dice(world, 3000));
        world_start(world, victim);
        if (dice(world, 2)) /* the person in front presses again: same key, same referral */
            expect(world, ({
                       struct oid again = world_refer(world, 0, 1, i);
                       oid_equal(&again, &ids[i]);
                   }));
    }
    expect_delivered(world, 0, 1, ids, ARRAY_LEN(ids));
    expect(world, world_count(world, 0, "SELECT count(*) FROM referral") == ARRAY_LEN(ids));
}
static void f1_f2_f3_f4_nothing_acked_is_lost_and_nothing_happens_twice(void **state)
{
    (void)state;
    with_seeds(crashing, 2, 200);
}

/* ---- F5, F6: repeats, overtaking, broken connections; both sides act at once ---- */

static void random_act(struct world *world, unsigned hub, const struct oid *id)
{
    static const struct {
        unsigned hub;
        struct referral_act act;
    } acts[] = {
        {1, {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_SEEN}},
        {1,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ACCEPT,
          .contact_name = "desk",
          .next_step = "come"}},
        {1,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_HOLD,
          .reason = "waitlist-only",
          .wait_weeks = 2}},
        {1,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_PROGRESS,
          .business_status = MAILLON__HFP__V1__BUSINESS_STATUS__BUSINESS_STATUS_SCHEDULED}},
        {1,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_COMPLETE,
          .outcome = "helped"}},
        {1,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_REJECT,
          .reason = "no-capacity"}},
        {1,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ASK, .text = "which day?"}},
        {0,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_ANSWER, .text = "Monday"}},
        {0,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_CANCEL,
          .reason = "no-longer-wanted"}},
        {0,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_MESSAGE, .text = "hello"}},
        {1,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_MESSAGE, .text = "hello"}},
        {0,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_WITHDRAW_CONSENT,
          .for_person = true}},
        {1, {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_AGREE_CANCEL}},
        {0,
         {.action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_VOID,
          .reason = "duplicate"}},
    };
    for (unsigned tries = 0; tries < 20; tries++) {
        size_t i = dice(world, ARRAY_LEN(acts));
        struct referral_state known;
        if (acts[i].hub != hub || !world_referral(world, hub, id, &known))
            continue;
        struct referral_act act = acts[i].act;
        struct err err = {0};
        act.actor = "test";
        (void)!world_act(world, hub, id, &act, &err); /* refused acts are part of it */
        return;
    }
}

static void busy(struct world *world)
{
    struct oid ids[3];
    world_federate(world, 0, 1);
    world->net = (struct world_net){.latency_ms = dice(world, 300),
                                    .jitter_ms = dice(world, 200),
                                    .duplicate_percent = 30,
                                    .reorder_percent = 20,
                                    .cut_per_mille = dice(world, 30)};
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = world_refer(world, 0, 1, i);
    for (unsigned i = 0; i < 24; i++) {
        random_act(world, dice(world, 2), &ids[dice(world, ARRAY_LEN(ids))]);
        world_run_ms(world, dice(world, 600));
    }
    world->net = (struct world_net){.latency_ms = 20, .jitter_ms = 10};
    expect_delivered(world, 0, 1, ids, ARRAY_LEN(ids));
}
static void f5_f6_both_sides_reach_the_same_state_whatever_the_order(void **state)
{
    (void)state;
    with_seeds(busy, 2, 200);
}

/* ---- F8: days apart ---- */

static void parted(struct world *world)
{
    struct oid ids[4];
    world_federate(world, 0, 1);
    world_partition(world, 1, true);
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = world_refer(world, 0, 1, i);
        world_run_ms(world, DAY_MS);
    }
    expect(world, world_count(world, 1, "SELECT count(*) FROM referral") == 0);
    world_partition(world, 1, false);
    expect_delivered(world, 0, 1, ids, ARRAY_LEN(ids));
}
static void f8_after_days_apart_everything_arrives_without_a_human(void **state)
{
    (void)state;
    with_seeds(parted, 2, 5);
}

/* ---- F9: only one side can dial ---- */

static void one_way(struct world *world)
{
    unsigned blocked = dice(world, 2);
    world_federate(world, 0, 1);
    world_partition(world, 1, true);
    world_run_ms(world, 10 * 60000);
    world_block(world, !blocked, blocked, false);
    struct oid ids[] = {world_refer(world, 0, 1, 1)};
    struct both both = {0, 1, ids[0]};
    expect(world, world_run_until(world, same_state, &both, HOUR_MS));
    expect_delivered(world, 0, 1, ids, 1);
    struct federation_peer live;
    expect(world, federation_peer(world->hubs[blocked].federation,
                                  identity_node(world->hubs[!blocked].self), &live));
    expect(world, live.connected && !live.we_dialled);
    expect(world, live.last_error[0]); /* R-SE-9: that our dialling fails stays known */
}
static void f9_the_direction_that_works_carries_both(void **state)
{
    (void)state;
    with_seeds(one_way, 2, 20);
}

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
            sealed->data[dice(world, (unsigned)sealed->len)] ^= (uint8_t)(1 + dice(world, 255));
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
static void f15_f16_f37_an_altered_copy_changes_nothing_and_poisons_nothing(void **state)
{
    (void)state;
    with_seeds(altered, 2, 100);
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
static void f17_a_session_through_somebody_elses_tls_never_opens(void **state)
{
    (void)state;
    with_seeds(in_between, 2, 20);
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
static void f18_edited_offers_make_the_proof_fail(void **state)
{
    (void)state;
    with_seeds(downgraded, 2, 20);
}

/* ---- F19: frames no honest hub sends ---- */

static bool garble(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct world *world = ctx;
    (void)to;
    if (from != 0 || dice(world, 4))
        return true;
    switch (dice(world, 4)) {
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
            frame->data[i] = (uint8_t)dice(world, 256);
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
static void f19_malformed_frames_close_the_session_and_lose_nothing(void **state)
{
    (void)state;
    with_seeds(garbled, 2, 100);
}

/* ---- F20: a peer that takes nothing in ---- */

static bool post_notice(struct tx *tx, void *ctx, struct err *err)
{
    unsigned *number = ctx;
    char what[40];
    uint8_t uid[UID_BYTES];
    Maillon__Hfp__V1__Quantity quantity = MAILLON__HFP__V1__QUANTITY__INIT;
    Maillon__Hfp__V1__NoticeContent content = MAILLON__HFP__V1__NOTICE_CONTENT__INIT;
    snprintf(what, sizeof what, "mattresses %u", *number);
    char unit[] = "piece";
    quantity.amount = 12;
    quantity.unit = unit;
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SHORTAGE;
    content.what = what;
    content.quantity = &quantity;
    content.status = MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_ACTUAL;
    struct notice_draft draft = {.content = &content};
    return notice_post(tx, &draft, uid, err);
}

static bool post_many(struct tx *tx, void *ctx, struct err *err)
{
    unsigned *first = ctx;
    for (unsigned i = 0; i < 500; i++) {
        unsigned number = *first + i;
        if (!post_notice(tx, &number, err))
            return false;
    }
    return true;
}

static void slow_reader(struct world *world)
{
    struct err err = {0};
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    world_stall(world, 1, true); /* its disk hangs: nothing commits, nothing is acked */
    uint64_t before = atomic_load(&world->hubs[0].counters.objects_sent);
    for (unsigned i = 0; i < 1500; i += 500)
        expect(world, world_do(world, 0, post_many, &i, &err));
    world_run_ms(world, 10000);
    expect(world, world_count(world, 2, "SELECT count(*) FROM notice") == 1500);
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice") == 0);
    uint64_t sent = atomic_load(&world->hubs[0].counters.objects_sent) - before;
    expect(world, sent <= 1500 + LINK_WINDOW_OBJECTS + 10);
    world_stall(world, 1, false);
    world_run_ms(world, 600000);
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice") == 1500);
}
static void f20_a_stalled_peer_holds_up_nobody_and_its_window_is_bounded(void **state)
{
    (void)state;
    with_seeds(slow_reader, 3, 1);
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

static void f21_a_peer_deaf_to_credit_is_not_read_beyond_its_debt(void **state)
{
    (void)state;
    struct err err = {0};
    struct world *world = world_create(1, 2); /* once: it is long, and chance has no part in it */
    world_federate(world, 0, 1);
    world->hubs[0].config.objects_per_second = 1;
    world->hubs[0].config.objects_burst = 100;
    world->tap = drop_credit;
    for (unsigned i = 0; i < 8000; i += 500)
        expect(world, world_do(world, 1, post_many, &i, &err));
    world_run_ms(world, 20000);
    int64_t taken = world_count(world, 0, "SELECT count(*) FROM notice");
    /* What was sent before credit ended counts too; then at most the debt and what is in pieces. */
    expect(world, taken > 1000 && taken < 100 + 4 * LINK_WINDOW_OBJECTS + 1000);
    world->tap = NULL;
    world->hubs[0].config.objects_per_second = 0;
    world_run_ms(world, 600000);
    expect(world, world_count(world, 0, "SELECT count(*) FROM notice") == 8000);
    world_free(world);
}

/* ---- a full disk ---- */

static void full_disk(struct world *world)
{
    struct oid ids[3];
    world_federate(world, 0, 1);
    crash_vfs_fail(world->disk, world->hubs[1].path, CRASH_DISK_FULL, 1 + dice(world, 20),
                   CRASH_FOREVER);
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = world_refer(world, 0, 1, i);
    world_run_ms(world, 60000);
    expect(world, world_count(world, 0, "SELECT count(*) FROM outbox") > 0);
    crash_vfs_fail(world->disk, world->hubs[1].path, CRASH_DISK_FULL, 1, 0);
    expect_delivered(world, 0, 1, ids, ARRAY_LEN(ids));
}
static void a_full_disk_acks_nothing_and_recovers(void **state)
{
    (void)state;
    with_seeds(full_disk, 2, 30);
}

/* ---- nobody speaks before acceptance ---- */

static void stranger(struct world *world)
{
    struct referral_state state;
    world_federate(world, 0, 1);
    uint64_t opened = atomic_load(&world->hubs[0].counters.links_opened);
    world_join_again(world, 2); /* the invite was used up */
    world_run_ms(world, 60000);
    expect(world, atomic_load(&world->hubs[0].counters.links_opened) > opened);
    expect(world, !world_accepted(world, 0, 2));
    expect(world, world_count(world, 0, "SELECT count(*) FROM peer") == 1);
    struct oid id = world_refer(world, 0, 1, 1);
    world_run_ms(world, 60000);
    expect(world, !world_referral(world, 2, &id, &state));
    expect(world, world_count(world, 2, "SELECT count(*) FROM object") == 1); /* its own card */
}
static void an_unaccepted_hub_hears_nothing(void **state)
{
    (void)state;
    with_seeds(stranger, 3, 5);
}

int main(int argc, char **argv)
{

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_referral_arrives_once_and_its_answer_comes_back),
        cmocka_unit_test(f1_f2_f3_f4_nothing_acked_is_lost_and_nothing_happens_twice),
        cmocka_unit_test(f5_f6_both_sides_reach_the_same_state_whatever_the_order),
        cmocka_unit_test(f8_after_days_apart_everything_arrives_without_a_human),
        cmocka_unit_test(f9_the_direction_that_works_carries_both),
        cmocka_unit_test(f15_f16_f37_an_altered_copy_changes_nothing_and_poisons_nothing),
        cmocka_unit_test(f17_a_session_through_somebody_elses_tls_never_opens),
        cmocka_unit_test(f18_edited_offers_make_the_proof_fail),
        cmocka_unit_test(f19_malformed_frames_close_the_session_and_lose_nothing),
        cmocka_unit_test(f20_a_stalled_peer_holds_up_nobody_and_its_window_is_bounded),
        cmocka_unit_test(f21_a_peer_deaf_to_credit_is_not_read_beyond_its_debt),
        cmocka_unit_test(a_full_disk_acks_nothing_and_recovers),
        cmocka_unit_test(an_unaccepted_hub_hears_nothing),
    };
    if (argc > 1) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(tests); i++)
            known = known || strcmp(tests[i].name, argv[1]) == 0;
        if (!known) {
            fprintf(stderr, "%s: no such scenario\n", argv[1]);
            return 2;
        }
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
