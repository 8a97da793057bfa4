#include "tests/sim/scenario.h"

#include "hub/base/mem.h"
#include "hub/outbox/outbox.h"

#include <stdlib.h>

/* ---- what scenarios share ---- */

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

bool same_state(struct world *world, void *ctx)
{
    const struct both *both = ctx;
    struct referral_state a, b;
    if (!world_referral(world, both->a, &both->id, &a))
        return false;
    if (!world_referral(world, both->b, &both->id, &b) || !b.status)
        return was_held_back(world, both->a, &both->id);
    return a.status == b.status && a.business_status == b.business_status;
}

bool outboxes_empty(struct world *world, void *ctx)
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

void expect_delivered(struct world *world, unsigned a, unsigned b, const struct oid *ids,
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

void random_act(struct world *world, unsigned hub, const struct oid *id)
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
        size_t i = world_dice(world, ARRAY_LEN(acts));
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
