/* Disks that are full, read-only or damaged, and what erasure leaves on them: F29, F30, F35. */
#include "tests/sim/scenario.h"

#include "hub/domain/notice.h"
#include "maillon/hfp/v1/link.pb-c.h"

/* ---- a full disk ---- */

static void full_disk(struct world *world)
{
    struct oid ids[3];
    world_federate(world, 0, 1);
    crash_vfs_fail(world->disk, world->hubs[1].path, CRASH_DISK_FULL, 1 + world_dice(world, 20),
                   CRASH_FOREVER);
    for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = world_refer(world, 0, 1, i);
    world_run_ms(world, 60000);
    expect(world, world_count(world, 0, "SELECT count(*) FROM outbox") > 0);
    crash_vfs_fail(world->disk, world->hubs[1].path, CRASH_DISK_FULL, 1, 0);
    expect_delivered(world, 0, 1, ids, ARRAY_LEN(ids));
}

/* ---- F29: what was decided before the disk filled up still leaves ---- */

static bool is_receipt(const struct buf *frame)
{
    Maillon__Hfp__V1__Frame *parsed =
        maillon__hfp__v1__frame__unpack(NULL, frame->len, frame->data);
    bool receipt =
        parsed && parsed->m_case == MAILLON__HFP__V1__FRAME__M_BATCH && parsed->lane == 0;
    if (parsed)
        maillon__hfp__v1__frame__free_unpacked(parsed, NULL);
    return receipt;
}

static bool hold_receipts(void *ctx, unsigned from, unsigned to, struct buf *frame)
{
    (void)ctx;
    (void)to;
    return from != 1 || !is_receipt(frame);
}

static bool is_stored(struct world *world, void *ctx)
{
    (void)ctx;
    return world_count(world, 0,
                       "SELECT count(*) FROM referral WHERE is_out = 1 AND delivery = 1") == 1;
}

static void stuck_disk(struct world *world)
{
    bool read_only = world->seed % 2;
    world_federate(world, 0, 1);
    world->tap = hold_receipts;
    struct oid ids[3] = {world_refer(world, 0, 1, 1)};
    world_run_ms(world, 2000);
    expect(world, world_count(world, 1, "SELECT count(*) FROM referral") == 1);
    expect(world, !is_stored(world, NULL));
    if (read_only)
        world_read_only(world, 1, true);
    else
        world_disk_full(world, 1, true);
    world->tap = NULL;
    expect(world, world_run_until(world, is_stored, NULL, HOUR_MS)); /* the receipt left */
    ids[1] = world_refer(world, 0, 1, 2);
    ids[2] = world_refer(world, 0, 1, 3);
    int64_t objects = world_count(world, 1, "SELECT count(*) FROM object");
    world_run_ms(world, 600000);
    expect(world, world->hubs[1].alive);
    expect(world, world_count(world, 1, "SELECT count(*) FROM object") == objects); /* it reads */
    expect(world, world_count(world, 0, "SELECT count(*) FROM outbox") >= 2); /* nothing acked */
    world_disk_full(world, 1, false);
    world_read_only(world, 1, false);
    expect_delivered(world, 0, 1, ids, 3);
}

/* ---- F30: bits flip in what is stored ---- */

static struct oid notice_oid(struct world *world, unsigned hub, const uint8_t uid[UID_BYTES])
{
    struct err err = {0};
    struct oid oid;
    bool row = false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(world->hubs[hub].reader, "SELECT oid FROM notice WHERE uid = ?1", &err);
    assert_non_null(stmt);
    stmt_bind_bytes(stmt, 1, bytes_of(uid, UID_BYTES));
    assert_true(stmt_next(stmt, &row, &err) && row);
    assert_true(stmt_copy(stmt, 0, oid.b, sizeof oid.b));
    return oid;
}

static void flipped(struct world *world)
{
    uint8_t uid[UID_BYTES];
    world_federate(world, 0, 1);
    world_run_ms(world, 5000);
    world_stop(world, 1);
    world_post(world, 0, 1, 1, uid);
    struct oid damaged = notice_oid(world, 0, uid);
    world_post(world, 0, 2, 2, NULL);
    world_stop(world, 0);
    expect(world, world_flip_object(world, 0, &damaged));
    world_start(world, 0);
    world_start(world, 1);
    world_run_ms(world, 60000);
    /* The others come through, the damaged one goes to nobody. */
    expect(world, world_count(world, 1, "SELECT count(*) FROM notice") == 2);
    expect(world, atomic_load(&world->hubs[1].counters.objects_bad) == 0);
    expect(world, atomic_load(&world->hubs[1].counters.refused_link) == 0);
}

/* ---- F35: what was erased is on the disk no more ---- */

static void wrapped_key(struct world *world, unsigned hub, struct buf *ret)
{
    struct err err = {0};
    bool row = false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(world->hubs[hub].reader, "SELECT data_key FROM referral", &err);
    assert_non_null(stmt);
    assert_true(stmt_next(stmt, &row, &err) && row);
    buf_add_bytes(ret, stmt_bytes(stmt, 0));
}

static bool is_on_disk(struct world *world, unsigned hub, const void *bytes, size_t len)
{
    char wal[64];
    snprintf(wal, sizeof wal, "%s-wal", world->hubs[hub].path);
    return crash_vfs_find(world->disk, world->hubs[hub].path, bytes, len) >= 0 ||
           crash_vfs_find(world->disk, wal, bytes, len) >= 0;
}

static bool is_purged(struct world *world, void *ctx)
{
    return world_count(world, *(unsigned *)ctx,
                       "SELECT count(*) FROM referral WHERE data_key IS NULL") == 1;
}

static void erased(struct world *world)
{
    static const char canary[] = "would like to learn how to use a computer";
    struct referral_act withdraw = {
        .action = MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_WITHDRAW_CONSENT,
        .for_person = true,
        .actor = "test"};
    struct err err = {0};
    AUTO(buf_done) struct buf key = {0};
    unsigned hub = 1;
    world_federate(world, 0, 1);
    struct both both = {0, 1, world_refer(world, 0, 1, 1)};
    expect(world, world_run_until(world, same_state, &both, 60000));
    wrapped_key(world, hub, &key);
    expect(world, key.len > 0 && is_on_disk(world, hub, key.data, key.len));
    expect(world, !is_on_disk(world, hub, canary, sizeof canary - 1)); /* never in clear */
    world_snapshot(world, hub, "backup");
    expect(world, world_act(world, 0, &both.id, &withdraw, &err));
    expect(world, world_run_until_every(world, is_purged, &hub, 30 * DAY_MS, HOUR_MS));
    world_run_ms(world, DAY_MS);
    expect(world, !is_on_disk(world, hub, key.data, key.len));
    expect(world, same_state(world, &both)); /* the chain holds without what was erased */
    world_stop(world, hub);
    world_start(world, hub);
    expect(world, !is_on_disk(world, hub, key.data, key.len));
}

const struct scenario scenarios_disk[] = {
    {"a_full_disk_acks_nothing_and_recovers", full_disk, 2, 30, HUBS_UP},
    {"f29_receipts_leave_a_full_or_read_only_disk_and_nothing_is_acked", stuck_disk, 2, 6, HUBS_UP},
    {"f30_a_damaged_object_goes_to_nobody_and_holds_up_nothing", flipped, 2, 20, HUBS_UP},
    {"f35_what_was_erased_cannot_be_read_from_the_disk", erased, 2, 3, HUBS_UP},
    {0},
};
