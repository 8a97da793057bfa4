#pragma once
/*
 * A disk in memory that forgets: an sqlite VFS for deterministic tests of durability. Every file
 * keeps what was synced apart from what was only written, so that a power failure can be played at
 * any moment. One VFS holds the databases of many hubs; each database (with its -wal and -journal)
 * is a machine of its own that fails and crashes alone. For one thread, with any number of
 * connections.
 */
#include "hub/base/attr.h"

#include <stddef.h>
#include <stdint.h>

struct crash_vfs;

enum crash_mode {
    CRASH_LOSE_UNSYNCED, /* nothing that was not synced is left */
    CRASH_KEEP_PREFIX,   /* of each file the first few unsynced writes are left */
    CRASH_TEAR, /* any unsynced writes are left, one of them only in some 512-byte sectors */
};

enum crash_fault {
    CRASH_DISK_FULL,   /* writes fail with SQLITE_FULL */
    CRASH_WRITE_ERROR, /* writes fail with SQLITE_IOERR_WRITE */
    CRASH_SYNC_ERROR, /* syncs fail with SQLITE_IOERR_FSYNC; what they should save stays unsynced */
    CRASH_READ_ERROR, /* reads fail with SQLITE_IOERR_READ */
    CRASH_FAULT_COUNT
};

#define CRASH_FOREVER UINT64_MAX

/** Registers with sqlite as `name` (store_options.vfs); `seed` decides what each crash leaves. */
NODISCARD struct crash_vfs *crash_vfs_create(const char *name, uint64_t seed);
/** Every connection must be closed. NULL is fine. */
void crash_vfs_free(struct crash_vfs *vfs);
AUTO_DEFINE(struct crash_vfs, crash_vfs_free)

/**
 * The machine of database `path` loses power: its files are cut back as `mode` says and it runs
 * again without faults. Connections opened before stay dead: every call on them fails, and they can
 * still be closed (before or after).
 */
void crash_vfs_crash(struct crash_vfs *vfs, const char *path, enum crash_mode mode);

/** Writes, truncations, syncs, creations and deletions of this machine so far. */
uint64_t crash_vfs_operations(struct crash_vfs *vfs, const char *path);
/** After `count` more of those operations everything fails until crash_vfs_crash. */
void crash_vfs_stop_after(struct crash_vfs *vfs, const char *path, uint64_t count);
/** The `nth` call from now (1: the next) fails and the `times` - 1 after it; `times` 0: mended. */
void crash_vfs_fail(struct crash_vfs *vfs, const char *path, enum crash_fault fault, uint64_t nth,
                    uint64_t times);
/** Flips the lowest bit of one byte of the named file (a database, or its -wal), as if synced. */
void crash_vfs_flip(struct crash_vfs *vfs, const char *file, uint64_t offset);

/** Replaces what machine `to` holds by what `from` holds now (not synced included). Nobody may have
 * `to` open; its faults stay. */
void crash_vfs_copy(struct crash_vfs *vfs, const char *from, const char *to);
/** Forgets the files of a machine that nobody has open. */
void crash_vfs_remove(struct crash_vfs *vfs, const char *path);
/** Where these bytes are in the named file; -1: nowhere. */
int64_t crash_vfs_find(struct crash_vfs *vfs, const char *file, const void *bytes, size_t len);
/** Bytes of memory that only the files of this machine take. */
size_t crash_vfs_bytes(struct crash_vfs *vfs, const char *path);
