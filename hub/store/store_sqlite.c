#include "hub/store/store.h"

#include "hub/base/mem.h"
#include "hub/store/store_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 5000

/*
 * The WAL starts over only when a commit finds all of it copied, which another connection never
 * reaches under unbroken load. So beyond WAL_FULL_FRAMES (64 MiB) the writer copies the rest
 * itself, once store_checkpoint has left it little enough to be quick; and in any case, should
 * nobody call that, beyond WAL_MAX_FRAMES (256 MiB).
 */
#define WAL_FULL_FRAMES 16384
#define WAL_REST_FRAMES 2048
#define WAL_MAX_FRAMES  65536

static const char *const fixed_sql[] = {
#define X(name, sql) sql,
    STORE_FIXED_TABLE(X)
#undef X
};

static bool is_memory(const struct store *store)
{
    return strcmp(store->path, ":memory:") == 0;
}

static bool is_plain_file(const struct store *store)
{
    return !store->vfs && !is_memory(store);
}

/* sqlite would allow a second writing process; two hubs on one state would both sign for it. */
static bool take_lock(struct store *store, struct err *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof(path), "%s.lock", store->path) >= sizeof(path))
        return err_set(err, ERR_IO, "cannot open the database: its path is too long");
    store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock_fd < 0 && errno == ENOENT)
        return err_set(err, ERR_IO, "cannot open %s: create its directory first", store->path);
    if (store->lock_fd < 0 && errno == ENOSPC)
        return store_error(store, SQLITE_FULL, NULL, err);
    if (store->lock_fd < 0)
        return err_set(err, ERR_IO, "cannot open %s: %s: check owner and permissions", path,
                       strerror(errno));
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(err, ERR_IO, "another hubd is using %s: stop it first", store->path);
    return true;
}

/* sqlite would create it with the umask's permissions; -wal and -shm take those of this file. */
static bool create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static bool open_connection(struct store *store, struct err *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (store->mode == STORE_WRITE && !is_plain_file(store))
        flags |= SQLITE_OPEN_CREATE;
    if (store->mode == STORE_WRITE && is_plain_file(store) && !create_file(store->path) &&
        errno == ENOSPC)
        return store_error(store, SQLITE_FULL, NULL, err);
    int rc = sqlite3_open_v2(store->path, &store->db, flags, store->vfs);
    if (rc != SQLITE_OK)
        return store_error(store, rc, NULL, err);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    static const struct {
        int option, value;
    } limits[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        rc = sqlite3_db_config(store->db, limits[i].option, limits[i].value, NULL);
        if (rc != SQLITE_OK)
            return store_error(store, rc, NULL, err);
    }
    return store_exec(store, "PRAGMA cell_size_check = ON", err);
}

static bool use_wal(struct store *store, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "PRAGMA journal_mode = WAL", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    if (!is_memory(store) && !(row && strcmp(stmt_text(stmt, 0), "wal") == 0))
        return err_set(err, ERR_IO,
                       "cannot use %s: its file system lacks shared memory; use a local disk",
                       store->path);
    return true;
}

/* After the checks: journal_mode already writes to the file. */
static bool configure(struct store *store, bool relaxed_sync, struct err *err)
{
    if (!store_exec(store, "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY", err) ||
        !store_exec(store, "PRAGMA mmap_size = 67108864", err) ||
        !store_exec(store, relaxed_sync ? "PRAGMA synchronous = OFF" : "PRAGMA synchronous = FULL",
                    err))
        return false;
    if (store->mode == STORE_READ)
        return store_exec(store, "PRAGMA query_only = ON; PRAGMA cache_size = -2000", err);
    if (sqlite3_db_readonly(store->db, "main") == 1)
        return store_error(store, SQLITE_READONLY, NULL, err);
    /* secure_delete: an erased key must not stay readable in the file. FAST leaves what whole freed
     * pages held, such as the wrapped key of a queued message (measured: 365 of 4,000 keys stayed);
     * ON costs 4 microseconds and 1.9 KB of WAL for each queued message of 1.2 KB. */
    return store_exec(store, "PRAGMA cache_size = -8000; PRAGMA secure_delete = ON", err) &&
           store_exec(store, "PRAGMA journal_size_limit = 67108864", err) && use_wal(store, err);
}

bool store_query(struct store *store, const char *sql, int64_t *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

/* A full check reads everything, so it is done only when the last hubd did not close the file. */
static bool check_after_crash(struct store *store, struct err *err)
{
    int64_t is_open;
    if (!store_query(store, "SELECT is_open FROM store_meta", &is_open, err))
        return false;
    if (!is_open)
        return true;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "PRAGMA quick_check(1)", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    const char *verdict = row ? stmt_text(stmt, 0) : NULL;
    if (!verdict || strcmp(verdict, "ok") != 0)
        return store_error(store, SQLITE_CORRUPT, NULL, err);
    return true;
}

static bool read_meta(struct store *store, struct err *err)
{
    int64_t is_backup;
    if (!store_query(store, "SELECT generation FROM store_meta", &store->generation, err) ||
        !store_query(store, "SELECT is_backup FROM store_meta", &is_backup, err))
        return false;
    store->is_backup = is_backup != 0;
    return true;
}

static void copy_wal(struct store *store, struct store *writer)
{
    int frames = 0, copied = 0;
    sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
    if (copied > 0)
        atomic_store_explicit(&writer->wal_copied, copied, memory_order_relaxed);
}

static int on_commit(void *ctx, sqlite3 *db, const char *schema, int frames)
{
    struct store *store = ctx;
    (void)db;
    (void)schema;
    if (frames <
        atomic_load_explicit(&store->wal_frames, memory_order_relaxed)) { /* started over */
        atomic_store_explicit(&store->wal_copied, 0, memory_order_relaxed);
        store->wal_next_copy = WAL_FULL_FRAMES;
    }
    atomic_store_explicit(&store->wal_frames, frames, memory_order_relaxed);
    if (frames >= store->wal_next_copy &&
        (store_wal_pages(store) <= WAL_REST_FRAMES || frames >= WAL_MAX_FRAMES)) {
        store->wal_next_copy =
            frames + WAL_REST_FRAMES; /* a reader may hold it up: not each time */
        copy_wal(store, store);
    }
    return SQLITE_OK;
}

static bool prepare_fixed(struct store *store, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(fixed_sql); i++) {
        int rc = sqlite3_prepare_v3(store->db, fixed_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                    &store->fixed[i], NULL);
        if (rc != SQLITE_OK)
            return store_error(store, rc, fixed_sql[i], err);
    }
    return true;
}

static bool open_for_writing(struct store *store, int64_t version, struct err *err)
{
    store->wal_next_copy = WAL_FULL_FRAMES;
    sqlite3_wal_hook(store->db, on_commit, store);
    if ((version > 0 && !check_after_crash(store, err)) ||
        !store_migrate(store, schema_files, err) ||
        !store_exec(store, "UPDATE store_meta SET generation = generation + 1, is_open = 1", err))
        return false;
    store->marked = true;
    return true;
}

static bool open_all(struct store *store, bool relaxed_sync, struct err *err)
{
    if (store->mode == STORE_WRITE && is_plain_file(store) && !take_lock(store, err))
        return false;
    int64_t version;
    if (!open_connection(store, err) || !store_check_schema(store, schema_files, &version, err) ||
        !configure(store, relaxed_sync, err) || !prepare_fixed(store, err))
        return false;
    if (store->mode == STORE_WRITE && !open_for_writing(store, version, err))
        return false;
    return read_meta(store, err);
}

/**
 * Nobody reads sqlite's own count of its memory, and keeping it takes a lock for each allocation.
 * Only before its first use in a process; later the answer is SQLITE_MISUSE and nothing changes.
 */
static void forgo_memory_statistics(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct store *store_open(const struct store_options *options, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, forgo_memory_statistics);
    AUTO(store_close) struct store *store = mem_alloc(sizeof(*store));
    store->path = mem_text(options->path);
    store->vfs = mem_text(options->vfs);
    store->mode = options->mode;
    store->writer = options->writer;
    store->lock_fd = -1;
    assert(store->mode == STORE_WRITE || !is_memory(store));
    if (!open_all(store, options->relaxed_sync, err))
        return NULL;
    return TAKE(store);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    store_rollback(store);
    if (store->marked) /* when this fails, the next start checks the file: as it should */
        sqlite3_exec(store->db, "UPDATE store_meta SET is_open = 0", NULL, NULL, NULL);
    stmt_cache_done(store);
    for (size_t i = 0; i < ARRAY_LEN(store->fixed); i++)
        sqlite3_finalize(store->fixed[i]);
    int rc = sqlite3_close(store->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    free(store->path);
    free(store->vfs);
    free(store);
}

static bool run_fixed(struct store *store, enum store_fixed which, struct err *err)
{
    int rc = sqlite3_step(store->fixed[which]);
    if (rc != SQLITE_DONE)
        store_error(store, rc, fixed_sql[which], err);
    sqlite3_reset(store->fixed[which]);
    return rc == SQLITE_DONE;
}

bool store_begin(struct store *store, struct err *err)
{
    assert(!store->in_group);
    if (!run_fixed(store, store->mode == STORE_WRITE ? STORE_BEGIN : STORE_SNAPSHOT, err))
        return false;
    store->in_group = true;
    store->marks = 0;
    return true;
}

void store_scrub(struct store *store)
{
    store->scrub = true;
}

static void empty_wal(struct store *store)
{
    sqlite3_busy_timeout(store->db, 0); /* a reader ends soon: the next commit tries again */
    int rc = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    if (rc != SQLITE_OK)
        return;
    store->scrub = false;
    store->wal_next_copy = WAL_FULL_FRAMES;
    atomic_store_explicit(&store->wal_frames, 0, memory_order_relaxed);
    atomic_store_explicit(&store->wal_copied, 0, memory_order_relaxed);
}

bool store_commit(struct store *store, struct err *err)
{
    assert(store->in_group && !store->marks);
    if (!store_is_usable(store, err) || !run_fixed(store, STORE_COMMIT, err)) {
        store_rollback(store);
        return false;
    }
    store->in_group = false;
    if (store->scrub)
        empty_wal(store);
    return true;
}

void store_rollback(struct store *store)
{
    struct err ignored = {0};
    /* A ROLLBACK that reports a failure has still ended the transaction. */
    if (store->in_group && !sqlite3_get_autocommit(store->db))
        run_fixed(store, STORE_ROLLBACK, &ignored);
    store->in_group = false;
    store->marks = 0;
}

bool store_in_transaction(const struct store *store)
{
    return store->in_group;
}

bool store_savepoint(struct store *store, struct err *err)
{
    assert(store->in_group && store->marks < 2);
    if (!store_is_usable(store, err) || !run_fixed(store, STORE_SAVEPOINT, err))
        return false;
    store->marks++;
    return true;
}

bool store_release(struct store *store, struct err *err)
{
    assert(store->marks > 0);
    if (!store_is_usable(store, err) || !run_fixed(store, STORE_RELEASE, err))
        return false;
    store->marks--;
    return true;
}

void store_undo(struct store *store)
{
    assert(store->marks > 0);
    store->marks--;
    struct err ignored = {0};
    if (sqlite3_get_autocommit(store->db))
        return; /* the whole group is gone already */
    if (!run_fixed(store, STORE_UNDO, &ignored) || !run_fixed(store, STORE_RELEASE, &ignored)) {
        /* Half an action must never be committed: give up the group, store_commit reports it. */
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

bool store_rewind(struct store *store, struct err *err)
{
    assert(store->marks > 0);
    return store_is_usable(store, err) && run_fixed(store, STORE_UNDO, err);
}

bool store_exec(struct store *store, const char *sql, struct err *err)
{
    if (!store_is_usable(store, err))
        return false;
    int rc = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return true;
    if (rc == SQLITE_ERROR) /* the text is a literal of ours: its message holds no value */
        return err_set(err, ERR_INTERNAL, "%s", sqlite3_errmsg(store->db));
    return store_error(store, rc, sql, err);
}

int64_t store_last_id(const struct store *store)
{
    return sqlite3_last_insert_rowid(store->db);
}

int64_t store_changes(const struct store *store)
{
    return sqlite3_changes64(store->db);
}

void store_checkpoint(struct store *store)
{
    copy_wal(store, store->writer ? store->writer : store);
}

int64_t store_wal_pages(const struct store *store)
{
    const struct store *writer = store->writer ? store->writer : store;
    int64_t frames = atomic_load_explicit(&writer->wal_frames, memory_order_relaxed);
    int64_t copied = atomic_load_explicit(&writer->wal_copied, memory_order_relaxed);
    /* A checkpoint may report after the WAL started over: then nothing of it is copied yet. */
    return copied <= frames ? frames - copied : frames;
}

int64_t store_generation(const struct store *store)
{
    return store->generation;
}

bool store_is_backup(const struct store *store)
{
    return store->is_backup;
}

int64_t store_size(struct store *store)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        !file || !file->pMethods || file->pMethods->xFileSize(file, &size) != SQLITE_OK)
        return 0;
    return size;
}
