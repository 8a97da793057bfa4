/* Open files of the crash VFS: locks, the wal-index, reading and writing. */
#include "hub/base/mem.h"
#include "tests/support/crash_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The wal-index */

static void shm_unref(struct shm *shm)
{
    if (--shm->refs)
        return;
    for (size_t i = 0; i < shm->region_count; i++)
        free(shm->regions[i]);
    free(shm->regions);
    free(shm);
}

static void shm_release_locks(struct handle *handle)
{
    for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
        if (handle->shm_shared & (1u << i))
            handle->shm->shared[i]--;
        if (handle->shm_exclusive & (1u << i))
            handle->shm->exclusive[i] = false;
    }
    handle->shm_shared = handle->shm_exclusive = 0;
}

static int shm_unmap(sqlite3_file *base, int delete_flag)
{
    struct handle *handle = (struct handle *)base;
    (void)delete_flag; /* an index nobody maps is rebuilt from the WAL, so it always goes */
    if (!handle->shm)
        return SQLITE_OK;
    shm_release_locks(handle);
    if (handle->shm->refs == 1 && handle->file->shm == handle->shm)
        handle->file->shm = NULL;
    shm_unref(TAKE(handle->shm));
    return SQLITE_OK;
}

static bool is_dead(const struct handle *handle)
{
    const struct machine *machine = handle->file->machine;
    return machine && (handle->life != machine->life || crash_is_stopped(machine));
}

static int shm_map(sqlite3_file *base, int region, int bytes, int extend, void volatile **ret)
{
    struct handle *handle = (struct handle *)base;
    *ret = NULL;
    if (is_dead(handle))
        return SQLITE_IOERR_SHMMAP;
    if (!handle->shm) {
        if (!handle->file->shm)
            handle->file->shm = mem_alloc(sizeof(*handle->file->shm));
        handle->shm = handle->file->shm;
        handle->shm->refs++;
    }
    struct shm *shm = handle->shm;
    while (extend && shm->region_count <= (size_t)region) {
        shm->regions = mem_grow(shm->regions, (shm->region_count + 1) * sizeof(*shm->regions));
        shm->regions[shm->region_count++] = mem_alloc((size_t)bytes);
    }
    if ((size_t)region < shm->region_count)
        *ret = shm->regions[region];
    return SQLITE_OK;
}

static int shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
    struct handle *handle = (struct handle *)base;
    struct shm *shm = handle->shm;
    uint16_t mask = (uint16_t)(((1u << count) - 1) << offset);
    if (!shm || (is_dead(handle) && !(flags & SQLITE_SHM_UNLOCK)))
        return SQLITE_IOERR_SHMLOCK;
    for (int i = offset; i < offset + count && (flags & SQLITE_SHM_LOCK); i++) {
        bool mine = handle->shm_shared & (1u << i);
        if (shm->exclusive[i] && !(handle->shm_exclusive & (1u << i)))
            return SQLITE_BUSY;
        if ((flags & SQLITE_SHM_EXCLUSIVE) && shm->shared[i] > (mine ? 1u : 0u))
            return SQLITE_BUSY;
    }
    for (int i = offset; i < offset + count; i++) {
        bool mine = handle->shm_shared & (1u << i);
        if (flags & SQLITE_SHM_EXCLUSIVE)
            shm->exclusive[i] = flags & SQLITE_SHM_LOCK;
        else if (!(flags & SQLITE_SHM_LOCK) && mine)
            shm->shared[i]--;
        else if ((flags & SQLITE_SHM_LOCK) && !mine)
            shm->shared[i]++;
    }
    uint16_t *held = flags & SQLITE_SHM_EXCLUSIVE ? &handle->shm_exclusive : &handle->shm_shared;
    *held = (uint16_t)(flags & SQLITE_SHM_LOCK ? *held | mask : *held & ~mask);
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base)
{
    (void)base;
    __sync_synchronize();
}

/* File locks, as SQLITE_LOCK_* describes them */

static int file_unlock(sqlite3_file *base, int lock)
{
    struct handle *handle = (struct handle *)base;
    struct file *file = handle->file;
    if (handle->lock <= lock)
        return SQLITE_OK;
    bool current = !file->machine || handle->life == file->machine->life;
    if (current && handle->lock >= SQLITE_LOCK_RESERVED)
        file->reserved = file->pending = file->exclusive = false;
    if (current && lock == SQLITE_LOCK_NONE)
        file->shared--;
    handle->lock = lock;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int lock)
{
    struct handle *handle = (struct handle *)base;
    struct file *file = handle->file;
    if (is_dead(handle))
        return SQLITE_IOERR_LOCK;
    if (handle->lock >= lock)
        return SQLITE_OK;
    if (handle->lock == SQLITE_LOCK_NONE) {
        if (file->pending || file->exclusive)
            return SQLITE_BUSY;
        file->shared++;
        handle->lock = SQLITE_LOCK_SHARED;
    }
    if (lock >= SQLITE_LOCK_RESERVED && handle->lock < SQLITE_LOCK_RESERVED) {
        if (file->reserved)
            return SQLITE_BUSY;
        file->reserved = true;
        handle->lock = SQLITE_LOCK_RESERVED;
    }
    if (lock == SQLITE_LOCK_EXCLUSIVE) {
        file->pending = true;
        handle->lock = SQLITE_LOCK_PENDING;
        if (file->shared > 1)
            return SQLITE_BUSY;
        file->exclusive = true;
        handle->lock = SQLITE_LOCK_EXCLUSIVE;
    }
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *ret)
{
    struct handle *handle = (struct handle *)base;
    if (is_dead(handle))
        return SQLITE_IOERR_CHECKRESERVEDLOCK;
    *ret = handle->file->reserved;
    return SQLITE_OK;
}

/* Reading and writing */

static int file_read(sqlite3_file *base, void *out, int len, sqlite3_int64 offset)
{
    struct handle *handle = (struct handle *)base;
    const struct content *live = &handle->file->live;
    if (is_dead(handle))
        return SQLITE_IOERR_READ;
    if (handle->file->machine && crash_strikes(handle->file->machine, CRASH_READ_ERROR))
        return SQLITE_IOERR_READ;
    size_t have = content_read(live, (uint64_t)offset, out, (size_t)len);
    return have == (size_t)len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 offset)
{
    struct handle *handle = (struct handle *)base;
    struct machine *machine = handle->file->machine;
    if (!machine) {
        content_write(&handle->file->live, (uint64_t)offset, data, (size_t)len);
        return SQLITE_OK;
    }
    if (is_dead(handle))
        return SQLITE_IOERR_WRITE;
    machine->operations++;
    if (crash_strikes(machine, CRASH_DISK_FULL))
        return SQLITE_FULL;
    if (crash_strikes(machine, CRASH_WRITE_ERROR))
        return SQLITE_IOERR_WRITE;
    crash_change_add(handle->file, (uint64_t)offset, data, (size_t)len);
    return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 len)
{
    struct handle *handle = (struct handle *)base;
    struct machine *machine = handle->file->machine;
    if (!machine) {
        content_resize(&handle->file->live, (size_t)len);
        return SQLITE_OK;
    }
    if (is_dead(handle))
        return SQLITE_IOERR_TRUNCATE;
    machine->operations++;
    crash_change_add(handle->file, (uint64_t)len, NULL, 0);
    return SQLITE_OK;
}

static int file_sync_call(sqlite3_file *base, int flags)
{
    struct handle *handle = (struct handle *)base;
    struct machine *machine = handle->file->machine;
    (void)flags;
    if (!machine)
        return SQLITE_OK;
    if (is_dead(handle))
        return SQLITE_IOERR_FSYNC;
    machine->operations++;
    if (crash_strikes(machine, CRASH_SYNC_ERROR))
        return SQLITE_IOERR_FSYNC;
    crash_file_sync(handle->vfs, handle->file);
    return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *ret)
{
    struct handle *handle = (struct handle *)base;
    if (is_dead(handle))
        return SQLITE_IOERR_FSTAT;
    *ret = (sqlite3_int64)handle->file->live.len;
    return SQLITE_OK;
}

static int file_close(sqlite3_file *base)
{
    struct handle *handle = (struct handle *)base;
    file_unlock(base, SQLITE_LOCK_NONE);
    shm_unmap(base, 0);
    handle->vfs->open_handles--;
    if (handle->is_temporary)
        crash_file_free(handle->file);
    return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int op, void *arg)
{
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector_size(sqlite3_file *base)
{
    (void)base;
    return 4096; /* as unix says: SQLITE_DEFAULT_SECTOR_SIZE */
}

static int file_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as unix says */
}

const sqlite3_io_methods crash_methods = {
    .iVersion = 2, /* with shared memory, without mmap: what is mapped could not be lost */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync_call,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};
