/* F34, R-VE-1, R-VE-2: hubs of different releases, for weeks. */
#include "tests/sim/scenario.h"

#include "hub/base/mem.h"
#include "maillon/hfp/v1/link.pb-c.h"

/* The last frame of the release before optional features; later ones are only for who offered. */
#define LAST_OLD_FRAME MAILLON__HFP__V1__FRAME__M_BYE

struct watcher {
    struct world *world;
    unsigned old, to_old;
};

/** Counts frames of features on the way to or from the old hub. */
static bool watch_old(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct watcher *watcher = ctx;
    if (from != watcher->old && to != watcher->old)
        return true;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    watcher->to_old += parsed && parsed->m_case > LAST_OLD_FRAME;
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return true;
}

static void mixed(struct world *world)
{
    struct oid there, back, between;
    struct watcher watcher = {world, 2, 0};
    world_stop(world, 2);
    world->hubs[2].features_withheld = UINT64_MAX; /* the release before this one */
    world_start(world, 2);
    world->tap = watch_old;
    world->tap_ctx = &watcher;
    world_federate(world, 0, 1);
    world_federate(world, 0, 2);
    world_federate(world, 2, 1);
    there = world_refer(world, 0, 2, 1);
    back = world_refer(world, 2, 1, 2);
    between = world_refer(world, 0, 1, 3);
    world_post(world, 2, 0, 3, NULL);
    world_post(world, 0, 10, 3, NULL);
    world_run_ms(world, 14 * DAY_MS); /* weeks side by side */
    struct both all[] = {{0, 2, there}, {2, 1, back}, {0, 1, between}};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        expect(world, same_state(world, &all[i]));
    expect(world, world_count(world, 2, "SELECT count(*) FROM notice") == 6);
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice") == 6);
    expect(world, watcher.to_old == 0);
    world->hubs[2].features_withheld = 0; /* it is upgraded */
    world_stop(world, 2);
    world_start(world, 2);
    world->tap = NULL;
    struct both later = {2, 0, world_refer(world, 2, 0, 4)};
    expect(world, world_run_until(world, same_state, &later, HOUR_MS));
}

/** As a later release might: an optional field that this one has never heard of. */
static bool add_unknown_field(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    struct world *world = ctx;
    (void)from;
    (void)to;
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    bool handshake = parsed && parsed->m_case <= MAILLON__HFP__V1__FRAME__M_PROOF;
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    if (!handshake && frame->len < 60000 && world_dice(world, 2))
        buf_add(frame, "\xfa\x7d\x05later", 8); /* field 2015, length-delimited */
    return true;
}

static void unknown_fields(struct world *world)
{
    world_federate(world, 0, 1);
    uint64_t refused[] = {atomic_load(&world->hubs[0].counters.refused_link),
                          atomic_load(&world->hubs[1].counters.refused_link)};
    world->tap = add_unknown_field;
    world->tap_ctx = world;
    struct oid ids[] = {world_refer(world, 0, 1, 1), world_refer(world, 0, 1, 2)};
    expect_delivered(world, 0, 1, ids, 2);
    for (unsigned i = 0; i < 2; i++)
        expect(world, atomic_load(&world->hubs[i].counters.refused_link) == refused[i]);
}

const struct scenario scenarios_versions[] = {
    {"f34_an_older_hub_and_newer_ones_work_side_by_side_for_weeks", mixed, 3, 1, HUBS_UP},
    {"f34_unknown_optional_fields_of_a_later_release_are_ignored", unknown_fields, 2, 20, HUBS_UP},
    {0},
};
