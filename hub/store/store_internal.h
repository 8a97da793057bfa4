#pragma once
/* Shared by the files of hub/store only: what is inside a store, and how sqlite's failures read. */
#include "hub/store/schema.h"
#include "hub/store/stmt.h"
#include "hub/store/store.h"

#include <sqlite3.h>
#include <stdatomic.h>

/* 'Mail': tells our files from another application's. */
#define STORE_APPLICATION_ID 0x4d61696c

/* What every group uses, prepared once at open. */
#define STORE_FIXED_TABLE(X)       \
    X(BEGIN, "BEGIN IMMEDIATE")    \
    X(SNAPSHOT, "BEGIN")           \
    X(COMMIT, "COMMIT")            \
    X(ROLLBACK, "ROLLBACK")        \
    X(SAVEPOINT, "SAVEPOINT mark") \
    X(RELEASE, "RELEASE mark")     \
    X(UNDO, "ROLLBACK TO mark")
enum store_fixed {
#define X(name, sql) STORE_##name,
    STORE_FIXED_TABLE(X)
#undef X
        STORE_FIXED_COUNT
};

struct stmt_slot {
    const char *key; /* address of the literal; NULL: free */
    struct stmt *stmt;
};

struct store {
    sqlite3 *db;
    char *path, *vfs;
    enum store_mode mode;
    int lock_fd;    /* -1: none held */
    bool marked;    /* store_meta.is_open is ours to clear */
    bool scrub;     /* the WAL holds what was erased */
    bool in_group;  /* between store_begin and store_commit or store_rollback */
    unsigned marks; /* open savepoints */
    int64_t generation;
    bool is_backup;
    sqlite3_stmt *fixed[STORE_FIXED_COUNT];
    struct stmt_slot *slots; /* open addressing; slot_count is a power of two */
    size_t slot_count, slot_used;
    struct store *writer;           /* of a reader: whose gauge its checkpoints lower */
    atomic_int_fast64_t wal_frames; /* in the WAL after the last commit */
    atomic_int_fast64_t wal_copied; /* of those, already in the database file */
    int64_t wal_next_copy;          /* frames at which the writer copies the rest by itself */
};

/**
 * Turns a sqlite result code into a code and a message that says what to do; always false.
 * The message holds the path and `sql` (a literal; may be NULL), never a bound value.
 */
bool store_error(const struct store *store, int rc, const char *sql, struct err *err);
/** False (ERR_IO) when sqlite rolled the open group back by itself: nothing may run until rollback.
 */
NODISCARD bool store_is_usable(const struct store *store, struct err *err);
/** First column of the first row of `sql`, 0 when there is none. */
NODISCARD bool store_query(struct store *store, const char *sql, int64_t *ret, struct err *err);
/** Applies each file above user_version in its own transaction. */
NODISCARD bool store_migrate(struct store *store, const struct schema_file *files, struct err *err);
/** Is this ours, and a schema we can read? `*ret_version` 0: an empty file. */
NODISCARD bool store_check_schema(struct store *store, const struct schema_file *files,
                                  int64_t *ret_version, struct err *err);
/** Finalises every cached statement. */
void stmt_cache_done(struct store *store);
