#include "tests/support/crash_vfs.h"

#include "hub/base/mem.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_BYTES 512
#define NAME_BYTES   512

/* What a file holds. */
struct content {
    uint8_t *data;
    size_t len, cap;
};

/* One unsynced change: a write, or (data NULL) a change of length to `offset`. */
struct change {
    uint64_t offset;
    size_t len;
    uint8_t *data;
};

/* The wal-index, which lives no longer than the processes that map it. */
struct shm {
    unsigned refs;
    size_t region_count;
    size_t region_bytes;
    void **regions;
    unsigned shared[SQLITE_SHM_NLOCK]; /* holders of each lock */
    bool exclusive[SQLITE_SHM_NLOCK];
};

struct fault {
    uint64_t nth, times; /* calls until it strikes; how often */
};

/* A database with its journal files: what fails and crashes together. */
struct machine {
    struct machine *next;
    char path[NAME_BYTES];
    uint64_t operations;
    uint64_t stop_at; /* value of `operations` at which everything fails */
    unsigned life;    /* grows with each crash: handles of an earlier one are dead */
    struct fault faults[CRASH_FAULT_COUNT];
};

struct file {
    struct file *next;
    char name[NAME_BYTES];
    struct machine *machine;
    struct content live, durable;
    struct change *changes;
    size_t change_count, change_cap;
    bool exists;         /* in the directory; an absent file keeps its durable content */
    bool durable_exists; /* its directory entry would survive */
    struct shm *shm;
    unsigned shared; /* holders of the file lock */
    bool reserved, pending, exclusive;
};

struct crash_vfs {
    sqlite3_vfs base; /* first: sqlite hands this address back */
    struct file *files;
    struct machine *machines;
    uint64_t random;
    unsigned open_handles;
    char name[64];
};

/* What sqlite allocates per open file. */
struct handle {
    sqlite3_file base;
    struct crash_vfs *vfs;
    struct file *file;
    unsigned life;
    int lock;
    struct shm *shm;
    uint16_t shm_shared, shm_exclusive; /* bit per lock this handle holds */
    bool is_temporary;
};

static uint64_t next_random(struct crash_vfs *vfs)
{
    uint64_t z = (vfs->random += 0x9e3779b97f4a7c15u); /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static struct machine *machine_of(struct crash_vfs *vfs, const char *name)
{
    static const char *const suffixes[] = {"-wal", "-journal", "-shm"};
    size_t len = strlen(name);
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        size_t tail = strlen(suffixes[i]);
        if (len > tail && strcmp(name + len - tail, suffixes[i]) == 0) {
            len -= tail;
            break;
        }
    }
    for (struct machine *m = vfs->machines; m; m = m->next)
        if (strlen(m->path) == len && memcmp(m->path, name, len) == 0)
            return m;
    struct machine *machine = mem_alloc(sizeof(*machine));
    assert(len < sizeof(machine->path));
    memcpy(machine->path, name, len);
    machine->stop_at = UINT64_MAX;
    machine->next = vfs->machines;
    vfs->machines = machine;
    return machine;
}

static bool is_stopped(const struct machine *machine)
{
    return machine->operations >= machine->stop_at;
}

/* Counts a call towards a fault; true when it must fail. */
static bool strikes(struct machine *machine, enum crash_fault which)
{
    struct fault *fault = &machine->faults[which];
    if (!fault->times)
        return false;
    if (fault->nth > 1) {
        fault->nth--;
        return false;
    }
    if (fault->times != CRASH_FOREVER)
        fault->times--;
    return true;
}

/* Contents and changes */

static void content_resize(struct content *content, size_t len)
{
    if (len > content->cap) {
        content->cap = len + len / 2 + 4096;
        content->data = mem_grow(content->data, content->cap);
    }
    if (len > content->len)
        memset(content->data + content->len, 0, len - content->len);
    content->len = len;
}

static void content_write(struct content *content, uint64_t offset, const void *data, size_t len)
{
    if (offset + len > content->len)
        content_resize(content, offset + len);
    if (len)
        memcpy(content->data + offset, data, len);
}

static void content_apply(struct content *content, const struct change *change)
{
    if (change->data)
        content_write(content, change->offset, change->data, change->len);
    else
        content_resize(content, change->offset);
}

/* Applies the change only in sectors that a coin picks. */
static void content_tear(struct crash_vfs *vfs, struct content *content,
                         const struct change *change)
{
    if (!change->data) {
        content_apply(content, change);
        return;
    }
    size_t done = 0;
    while (done < change->len) {
        uint64_t at = change->offset + done;
        size_t piece = SECTOR_BYTES - at % SECTOR_BYTES;
        if (piece > change->len - done)
            piece = change->len - done;
        if (next_random(vfs) & 1)
            content_write(content, at, change->data + done, piece);
        done += piece;
    }
}

static void content_copy(struct content *to, const struct content *from)
{
    content_resize(to, from->len);
    if (from->len)
        memcpy(to->data, from->data, from->len);
}

static void changes_clear(struct file *file)
{
    for (size_t i = 0; i < file->change_count; i++)
        free(file->changes[i].data);
    file->change_count = 0;
}

static void change_add(struct file *file, uint64_t offset, const void *data, size_t len)
{
    if (file->change_count == file->change_cap) {
        file->change_cap = file->change_cap ? file->change_cap * 2 : 64;
        file->changes = mem_grow(file->changes, file->change_cap * sizeof(*file->changes));
    }
    struct change *change = &file->changes[file->change_count++];
    *change = (struct change){.offset = offset, .len = len};
    if (data)
        change->data = mem_copy(data, len);
    content_apply(&file->live, change);
}

/* What the directory lists becomes durable: of the whole machine, for its files are neighbours. */
static void directory_sync(struct crash_vfs *vfs, const struct machine *machine)
{
    for (struct file *file = vfs->files; file; file = file->next)
        if (file->machine == machine)
            file->durable_exists = file->exists;
}

/* As unix does: the first sync of a new journal or WAL syncs the directory too. */
static void file_sync(struct crash_vfs *vfs, struct file *file)
{
    if (!file->durable_exists && strcmp(file->name, file->machine->path) != 0)
        directory_sync(vfs, file->machine);
    for (size_t i = 0; i < file->change_count; i++)
        content_apply(&file->durable, &file->changes[i]);
    changes_clear(file);
    file->durable_exists = true;
}

static struct file *file_find(struct crash_vfs *vfs, const char *name)
{
    for (struct file *file = vfs->files; file; file = file->next)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

static void file_free(struct file *file)
{
    changes_clear(file);
    free(file->changes);
    free(file->live.data);
    free(file->durable.data);
    free(file);
}

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
    return machine && (handle->life != machine->life || is_stopped(machine));
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
    if (handle->file->machine && strikes(handle->file->machine, CRASH_READ_ERROR))
        return SQLITE_IOERR_READ;
    size_t have = (uint64_t)offset < live->len ? live->len - (size_t)offset : 0;
    if (have > (size_t)len)
        have = (size_t)len;
    if (have)
        memcpy(out, live->data + offset, have);
    memset((uint8_t *)out + have, 0, (size_t)len - have);
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
    if (strikes(machine, CRASH_DISK_FULL))
        return SQLITE_FULL;
    if (strikes(machine, CRASH_WRITE_ERROR))
        return SQLITE_IOERR_WRITE;
    change_add(handle->file, (uint64_t)offset, data, (size_t)len);
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
    change_add(handle->file, (uint64_t)len, NULL, 0);
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
    if (strikes(machine, CRASH_SYNC_ERROR))
        return SQLITE_IOERR_FSYNC;
    file_sync(handle->vfs, handle->file);
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
        file_free(handle->file);
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

static const sqlite3_io_methods methods = {
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

/* The directory */

/* A name that is free gets an empty file; what an earlier file of that name held is gone for good.
 */
static void file_make(struct file *file)
{
    file->machine->operations++;
    changes_clear(file);
    content_resize(&file->live, 0);
    content_resize(&file->durable, 0);
    file->exists = true;
    file->durable_exists = false;
}

static int vfs_open(sqlite3_vfs *base, const char *name, sqlite3_file *out, int flags,
                    int *ret_flags)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    struct handle *handle = (struct handle *)out;
    memset(handle, 0, sizeof(*handle));
    struct file *file = name ? file_find(vfs, name) : NULL;
    if (name) {
        struct machine *machine = machine_of(vfs, name);
        if (is_stopped(machine))
            return SQLITE_CANTOPEN;
        if ((!file || !file->exists) && !(flags & SQLITE_OPEN_CREATE))
            return SQLITE_CANTOPEN;
        if (!file) {
            file = mem_alloc(sizeof(*file));
            snprintf(file->name, sizeof(file->name), "%s", name);
            file->machine = machine;
            file->next = vfs->files;
            vfs->files = file;
        }
        if (!file->exists)
            file_make(file);
        handle->life = machine->life;
    } else {
        file = mem_alloc(sizeof(*file));
        handle->is_temporary = true;
    }
    handle->vfs = vfs;
    handle->file = file;
    vfs->open_handles++;
    if (ret_flags)
        *ret_flags = flags;
    out->pMethods = &methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_directory)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    struct machine *machine = machine_of(vfs, name);
    if (is_stopped(machine))
        return SQLITE_IOERR_DELETE;
    struct file *file = file_find(vfs, name);
    if (!file || !file->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    machine->operations++;
    file->exists = false;
    if (sync_directory)
        directory_sync(vfs, machine);
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *base, const char *name, int flags, int *ret)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    if (is_stopped(machine_of(vfs, name)))
        return SQLITE_IOERR_ACCESS;
    const struct file *file = file_find(vfs, name);
    /* As unix says: an empty file is as good as none, for there is nothing to recover in it. */
    *ret = file && file->exists && (flags != SQLITE_ACCESS_EXISTS || file->live.len > 0);
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *base, const char *name, int size, char *out)
{
    (void)base;
    return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int vfs_randomness(sqlite3_vfs *base, int len, char *out)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    for (int i = 0; i < len; i++)
        out[i] = (char)next_random(vfs);
    return len;
}

/* Nobody else runs while the only thread waits, so it need not. */
static int vfs_sleep(sqlite3_vfs *base, int us)
{
    (void)base;
    return us;
}

static int vfs_time(sqlite3_vfs *base, sqlite3_int64 *ret)
{
    (void)base;
    *ret = 212648673600000; /* always 2026-06-28: milliseconds since the Julian epoch */
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *base, int len, char *out)
{
    (void)base;
    (void)len;
    (void)out;
    return 0;
}

struct crash_vfs *crash_vfs_create(const char *name, uint64_t seed)
{
    struct crash_vfs *vfs = mem_alloc(sizeof(*vfs));
    vfs->random = seed;
    snprintf(vfs->name, sizeof(vfs->name), "%s", name);
    vfs->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = NAME_BYTES - 1,
        .zName = vfs->name,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time,
    };
    int rc = sqlite3_vfs_register(&vfs->base, 0);
    assert(rc == SQLITE_OK);
    (void)rc;
    return vfs;
}

void crash_vfs_free(struct crash_vfs *vfs)
{
    if (!vfs)
        return;
    assert(vfs->open_handles == 0);
    sqlite3_vfs_unregister(&vfs->base);
    for (struct file *file = vfs->files, *next; file; file = next) {
        next = file->next;
        file_free(file);
    }
    for (struct machine *machine = vfs->machines, *next; machine; machine = next) {
        next = machine->next;
        free(machine);
    }
    free(vfs);
}

/* Leaves in `durable` what the crash lets survive of the unsynced changes. */
static void keep_some(struct crash_vfs *vfs, struct file *file, enum crash_mode mode)
{
    size_t count = file->change_count;
    if (mode == CRASH_LOSE_UNSYNCED || count == 0)
        return;
    size_t prefix = mode == CRASH_KEEP_PREFIX ? next_random(vfs) % (count + 1) : count;
    size_t torn = mode == CRASH_TEAR ? next_random(vfs) % count : count;
    for (size_t i = 0; i < prefix; i++) {
        if (i == torn)
            content_tear(vfs, &file->durable, &file->changes[i]);
        else if (mode == CRASH_KEEP_PREFIX || (next_random(vfs) & 1))
            content_apply(&file->durable, &file->changes[i]);
    }
}

void crash_vfs_crash(struct crash_vfs *vfs, const char *path, enum crash_mode mode)
{
    struct machine *machine = machine_of(vfs, path);
    for (struct file *file = vfs->files; file; file = file->next) {
        if (file->machine != machine)
            continue;
        keep_some(vfs, file, mode);
        changes_clear(file);
        content_copy(&file->live, &file->durable);
        /* An entry of the directory that was not synced may be there or not. */
        if (file->exists != file->durable_exists)
            file->exists =
                mode == CRASH_LOSE_UNSYNCED ? file->durable_exists : (bool)(next_random(vfs) & 1);
        file->durable_exists = file->exists;
        file->shm = NULL; /* dead handles still hold theirs */
        file->shared = 0;
        file->reserved = file->pending = file->exclusive = false;
    }
    machine->life++;
    machine->stop_at = UINT64_MAX;
    memset(machine->faults, 0, sizeof(machine->faults));
}

uint64_t crash_vfs_operations(struct crash_vfs *vfs, const char *path)
{
    return machine_of(vfs, path)->operations;
}

void crash_vfs_stop_after(struct crash_vfs *vfs, const char *path, uint64_t count)
{
    struct machine *machine = machine_of(vfs, path);
    machine->stop_at = machine->operations + count;
}

void crash_vfs_fail(struct crash_vfs *vfs, const char *path, enum crash_fault fault, uint64_t nth,
                    uint64_t times)
{
    machine_of(vfs, path)->faults[fault] = (struct fault){.nth = nth, .times = times};
}

void crash_vfs_flip(struct crash_vfs *vfs, const char *name, uint64_t offset)
{
    struct file *file = file_find(vfs, name);
    assert(file && file->exists && offset < file->live.len);
    file_sync(vfs, file);
    file->live.data[offset] ^= 1;
    file->durable.data[offset] ^= 1;
}
