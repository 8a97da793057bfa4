#pragma once
/*
 * The database: opening with every check, schema migration, transactions and savepoints.
 * sqlite3.h has its only home in this folder. One `struct store` belongs to one thread.
 */
#include "hub/base/bytes.h"
#include "hub/base/err.h"

struct store;

enum store_mode {
    STORE_WRITE, /* the only connection that writes: WAL, synchronous=FULL; creates and migrates */
    STORE_READ,  /* query-only connection to the same file */
};

struct store_options {
    const char *path; /* ":memory:" for tests (STORE_WRITE only) */
    enum store_mode mode;
    const char *vfs;      /* NULL: the default; the simulator's crash VFS otherwise */
    bool relaxed_sync;    /* synchronous=OFF, for simulator runs that do not test durability */
    struct store *writer; /* STORE_READ: its store_wal_pages goes down by what store_checkpoint here
                             copies; must outlive this one. NULL is fine */
};

/**
 * Opens and checks; STORE_WRITE creates the file (0600) and migrates inside one transaction each.
 *
 * @return NULL with a message that says what to do: not a database, another application's
 *         database, a newer schema (ERR_UNSUPPORTED), locked by another hubd, unreadable (ERR_IO).
 */
NODISCARD struct store *store_open(const struct store_options *options, struct err *err);
void store_close(struct store *store); /* NULL is fine; finalises cached statements */
AUTO_DEFINE(struct store, store_close)

/**
 * BEGIN IMMEDIATE / COMMIT / ROLLBACK. A disk-full commit fails with ERR_IO "disk is full …" and
 * leaves nothing; after a failed commit no transaction is open. When sqlite itself took a
 * transaction back (disk full inside it), statements, savepoints and commit fail with ERR_IO until
 * store_rollback. On a STORE_READ connection: one snapshot for several queries; end it with
 * store_rollback.
 */
NODISCARD bool store_begin(struct store *store, struct err *err);
NODISCARD bool store_commit(struct store *store, struct err *err);
void store_rollback(struct store *store);
bool store_in_transaction(const struct store *store);
/**
 * One action inside a group: `undo` takes back everything since the savepoint and closes it
 * (nestable one level). After a failed release the savepoint is still open: undo it.
 */
NODISCARD bool store_savepoint(struct store *store, struct err *err);
NODISCARD bool store_release(struct store *store, struct err *err);
void store_undo(struct store *store);
/** Takes back everything since the savepoint, which stays open. False: the group is lost. */
NODISCARD bool store_rewind(struct store *store, struct err *err);

/** Statements without parameters or results; for PRAGMAs and tests. */
NODISCARD bool store_exec(struct store *store, const char *sql, struct err *err);
int64_t store_last_id(const struct store *store); /* rowid of the last INSERT */
int64_t store_changes(const struct store *store); /* rows changed by the last statement */

/**
 * Copies the WAL into the database file, passively: commits go on meanwhile. Failures wait for the
 * next call. Call from a LANE_READER job, outside a transaction and with no query open.
 */
void store_checkpoint(struct store *reader);
/**
 * What the open transaction erases must not stay readable in the WAL (R-PR-1): the WAL is emptied
 * after its commit, or after a later one when a reader is in the way.
 */
void store_scrub(struct store *store);
/** WAL pages not yet checkpointed (about 4,000 are worth a checkpoint); readable from any thread.
 */
int64_t store_wal_pages(const struct store *store);

/**
 * Consistent copy of the whole database into a new file (0600); ERR_CONFLICT if it exists. Commits
 * of another connection go on meanwhile. Outside a transaction.
 */
NODISCARD bool store_backup(struct store *store, const char *path, struct err *err);
/**
 * Writes a copy into the new file `path` (0600) to start from: checks that it is whole, ours and
 * not of a later version, and marks it, so that the hub fetches what the copy lacks. ERR_IO,
 * ERR_UNSUPPORTED, ERR_CONFLICT when `path` exists.
 */
NODISCARD bool store_restore(const char *copy, const char *path, struct err *err);
/** How often the database was opened for writing; lower than it was after an old copy was restored.
 */
int64_t store_generation(const struct store *store);
/** Opened from a copy that store_backup made (R-REC-3). */
bool store_is_backup(const struct store *store);
/** In the open transaction: what the copy lacked is here again. */
NODISCARD bool store_backup_done(struct store *store, struct err *err);
/**
 * A file beside the database remembers the highest generation started here: *ret_back when the
 * database is not newer, so an old one was put in its place (R-REC-1). Writes the file.
 */
NODISCARD bool store_marker(const char *path, int64_t generation, bool *ret_back, struct err *err);
/** Bytes of the database file on disk. */
int64_t store_size(struct store *store);
