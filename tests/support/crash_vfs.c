#include "tests/support/crash_vfs.h"

#include "hub/base/mem.h"
#include "tests/support/crash_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR_BYTES 512

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

bool crash_is_stopped(const struct machine *machine)
{
    return machine->operations >= machine->stop_at;
}

/* Counts a call towards a fault; true when it must fail. */
bool crash_strikes(struct machine *machine, enum crash_fault which)
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

static void changes_clear(struct file *file)
{
    for (size_t i = 0; i < file->change_count; i++)
        free(file->changes[i].data);
    file->change_count = 0;
}

void crash_change_add(struct file *file, uint64_t offset, const void *data, size_t len)
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
void crash_file_sync(struct crash_vfs *vfs, struct file *file)
{
    if (!file->durable_exists && strcmp(file->name, file->machine->path) != 0)
        directory_sync(vfs, file->machine);
    /* What is live is what is durable with every change applied: the same pages will do. */
    bool cut = false;
    for (size_t i = 0; i < file->change_count; i++)
        cut = cut || !file->changes[i].data;
    for (size_t i = 0; i < file->change_count && !cut; i++)
        content_share_range(&file->durable, &file->live, file->changes[i].offset,
                            file->changes[i].len);
    if (cut)
        content_share(&file->durable, &file->live);
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

static struct file *file_add(struct crash_vfs *vfs, const char *name)
{
    struct file *file = mem_alloc(sizeof(*file));
    snprintf(file->name, sizeof(file->name), "%s", name);
    file->machine = machine_of(vfs, name);
    file->next = vfs->files;
    vfs->files = file;
    return file;
}

void crash_file_free(struct file *file)
{
    changes_clear(file);
    free(file->changes);
    content_done(&file->live);
    content_done(&file->durable);
    free(file);
}

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
        if (crash_is_stopped(machine))
            return SQLITE_CANTOPEN;
        if ((!file || !file->exists) && !(flags & SQLITE_OPEN_CREATE))
            return SQLITE_CANTOPEN;
        if (!file)
            file = file_add(vfs, name);
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
    out->pMethods = &crash_methods;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *base, const char *name, int sync_directory)
{
    struct crash_vfs *vfs = (struct crash_vfs *)base;
    struct machine *machine = machine_of(vfs, name);
    if (crash_is_stopped(machine))
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
    if (crash_is_stopped(machine_of(vfs, name)))
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
        .mxPathname = CRASH_NAME_BYTES - 1,
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
        crash_file_free(file);
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
        content_share(&file->live, &file->durable);
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
    crash_file_sync(vfs, file);
    uint8_t byte;
    content_read(&file->live, offset, &byte, 1);
    byte ^= 1;
    content_write(&file->live, offset, &byte, 1);
    content_share_range(&file->durable, &file->live, offset, 1);
}

void crash_vfs_remove(struct crash_vfs *vfs, const char *path)
{
    const struct machine *machine = machine_of(vfs, path);
    for (struct file **slot = &vfs->files; *slot;) {
        struct file *file = *slot;
        if (file->machine == machine) {
            assert(!file->shared && !file->shm);
            *slot = file->next;
            crash_file_free(file);
        } else {
            slot = &file->next;
        }
    }
}

void crash_vfs_copy(struct crash_vfs *vfs, const char *from, const char *to)
{
    const struct machine *source = machine_of(vfs, from);
    size_t prefix = strlen(source->path);
    crash_vfs_remove(vfs, to);
    for (struct file *file = vfs->files; file; file = file->next) {
        char name[CRASH_NAME_BYTES];
        if (file->machine != source || !file->exists)
            continue;
        snprintf(name, sizeof(name), "%s%s", to, file->name + prefix);
        struct file *copy = file_add(vfs, name); /* before `file`: not met again */
        content_share(&copy->live, &file->live);
        content_share(&copy->durable, &file->live);
        copy->exists = copy->durable_exists = true;
    }
}

int64_t crash_vfs_find(struct crash_vfs *vfs, const char *name, const void *bytes, size_t len)
{
    const struct file *file = file_find(vfs, name);
    if (!file || !file->exists)
        return -1;
    uint8_t *all = mem_alloc(file->live.len + 1);
    content_read(&file->live, 0, all, file->live.len);
    const uint8_t *at = memmem(all, file->live.len, bytes, len);
    int64_t offset = at ? at - all : -1;
    free(all);
    return offset;
}

size_t crash_vfs_bytes(struct crash_vfs *vfs, const char *path)
{
    const struct machine *machine = machine_of(vfs, path);
    size_t bytes = 0;
    for (const struct file *file = vfs->files; file; file = file->next) {
        if (file->machine == machine)
            bytes += content_own_bytes(&file->live, &file->durable);
    }
    return bytes;
}
