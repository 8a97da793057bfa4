#pragma once
/* Shared by crash_vfs.c and crash_file.c. */
#include "tests/support/crash_content.h"
#include "tests/support/crash_vfs.h"

#include <sqlite3.h>
#include <stdbool.h>

#define CRASH_NAME_BYTES 512

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
    char path[CRASH_NAME_BYTES];
    uint64_t operations;
    uint64_t stop_at; /* value of `operations` at which everything fails */
    unsigned life;    /* grows with each crash: handles of an earlier one are dead */
    struct fault faults[CRASH_FAULT_COUNT];
};

struct file {
    struct file *next;
    char name[CRASH_NAME_BYTES];
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

bool crash_is_stopped(const struct machine *machine);
/** Counts a call towards a fault; true when it must fail. */
bool crash_strikes(struct machine *machine, enum crash_fault which);
/** A write, or (data NULL) a change of length to `offset`, not synced yet. */
void crash_change_add(struct file *file, uint64_t offset, const void *data, size_t len);
void crash_file_sync(struct crash_vfs *vfs, struct file *file);
void crash_file_free(struct file *file);
extern const sqlite3_io_methods crash_methods; /* crash_file.c */
