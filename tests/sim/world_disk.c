/* The disks of a world: made from one image, filled, damaged, copied and put back. */
#include "tests/sim/world_internal.h"

#include "hub/base/mem.h"

#define TEMPLATE "template.db"

/** Migrating a database costs more than all else about an idle hub: it is done once a world. */
void world_format(struct world *world, unsigned index)
{
    struct err err = {0};
    if (index == 0) {
        struct store_options options = {
            .path = TEMPLATE, .mode = STORE_WRITE, .vfs = world->disk_name};
        struct store *store = store_open(&options, &err);
        if (!store)
            fprintf(stderr, "%s\n", err.msg);
        CHECK(store);
        store_close(store);
    }
    world_format_as(world, world->hubs[index].path);
}

void world_format_as(struct world *world, const char *path)
{
    crash_vfs_copy(world->disk, TEMPLATE, path);
}

void world_stall(struct world *world, unsigned hub, bool stalled)
{
    world->hubs[hub].stalled = stalled;
    world_start_writer(&world->hubs[hub]);
}

static const char *snapshot_path(const struct world_hub *hub, const char *name, char path[64])
{
    snprintf(path, 64, "%.40s-%u.db", name, hub->index);
    return path;
}

void world_snapshot(struct world *world, unsigned index, const char *name)
{
    char path[64];
    const struct world_hub *hub = &world->hubs[index];
    crash_vfs_copy(world->disk, hub->path, snapshot_path(hub, name, path));
}

void world_restore(struct world *world, unsigned index, const char *name)
{
    char path[64];
    struct world_hub *hub = &world->hubs[index];
    CHECK(!hub->alive && !hub->writer);
    crash_vfs_copy(world->disk, snapshot_path(hub, name, path), hub->path);
    hub->acked_count =
        0; /* what it acked since is what the restore lost: recovery must see to it */
}

void world_disk_full(struct world *world, unsigned hub, bool full)
{
    crash_vfs_fail(world->disk, world->hubs[hub].path, CRASH_DISK_FULL, 1,
                   full ? CRASH_FOREVER : 0);
}

void world_read_only(struct world *world, unsigned hub, bool read_only)
{
    crash_vfs_fail(world->disk, world->hubs[hub].path, CRASH_WRITE_ERROR, 1,
                   read_only ? CRASH_FOREVER : 0);
}

static bool object_bytes(struct world *world, unsigned hub, const struct oid *oid, struct buf *ret)
{
    struct err err = {0};
    bool row = false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(world->hubs[hub].reader, "SELECT bytes FROM object WHERE oid = ?1", &err);
    CHECK(stmt);
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    CHECK(stmt_next(stmt, &row, &err));
    if (row)
        buf_add_bytes(ret, stmt_bytes(stmt, 0));
    return row;
}

bool world_flip_object(struct world *world, unsigned hub, const struct oid *oid)
{
    AUTO(buf_done) struct buf bytes = {0};
    CHECK(!world->hubs[hub].alive);
    world_open_stores(world, hub);
    bool found = object_bytes(world, hub, oid, &bytes);
    world_close_stores(&world->hubs[hub]);
    /* Short of its end, where the signature is: some objects are longer than a page holds. */
    size_t part = bytes.len < 64 ? bytes.len : 64;
    int64_t at = found ? crash_vfs_find(world->disk, world->hubs[hub].path, bytes.data, part) : -1;
    if (at < 0)
        return false;
    crash_vfs_flip(world->disk, world->hubs[hub].path,
                   (uint64_t)at + world_dice(world, (unsigned)part));
    return true;
}
