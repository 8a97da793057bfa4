#include "hub/store/store.h"

#include "hub/store/store_internal.h"
#include "tests/support/crash_vfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of its own for each test. */
struct folder {
    char path[200];
    char db[256];
};

static int folder_setup(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));
    const char *base = getenv("TMPDIR");
    snprintf(folder->path, sizeof(folder->path), "%s/store-XXXXXX", base ? base : P_tmpdir);
    *state = folder;
    if (!mkdtemp(folder->path))
        return -1;
    snprintf(folder->db, sizeof(folder->db), "%s/hub.db", folder->path);
    return 0;
}

static int folder_teardown(void **state)
{
    struct folder *folder = *state;
    DIR *dir = opendir(folder->path);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", folder->path, entry->d_name);
        if (unlink(path) != 0)
            rmdir(path);
    }
    closedir(dir);
    rmdir(folder->path);
    free(folder);
    return 0;
}

static struct store *open_at(const char *path, enum store_mode mode, struct err *err)
{
    return store_open(&(struct store_options){.path = path, .mode = mode}, err);
}

static struct store *open_memory(void)
{
    struct err err = {0};
    struct store *store = open_at(":memory:", STORE_WRITE, &err);
    assert_non_null(store);
    assert_true(store_exec(store,
                           "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, "
                           "body BLOB, weight REAL, CHECK (length(name) < 20)) STRICT",
                           &err));
    return store;
}

static void run(struct store *store, const char *sql)
{
    struct err err = {0};
    if (!store_exec(store, sql, &err))
        fail_msg("%s: %s", sql, err.msg);
}

static int64_t query(struct store *store, const char *sql)
{
    struct err err = {0};
    int64_t value = -1;
    if (!store_query(store, sql, &value, &err))
        fail_msg("%s: %s", sql, err.msg);
    return value;
}

static bool insert(struct store *store, const char *name, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "INSERT INTO item (name) VALUES (?1)", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, name);
    return stmt_run(stmt, err);
}

/* Changes a database behind the store's back. */
static void tamper(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void a_new_database_is_ours_private_and_counts_its_openings(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    for (int64_t generation = 1; generation <= 3; generation++) {
        AUTO(store_close) struct store *store = open_at(folder->db, STORE_WRITE, &err);
        assert_non_null(store);
        assert_int_equal(store_generation(store), generation);
        assert_false(store_is_backup(store));
        assert_int_equal(query(store, "PRAGMA application_id"), STORE_APPLICATION_ID);
        assert_int_equal(query(store, "PRAGMA foreign_keys"), 1);
        assert_int_equal(query(store, "PRAGMA synchronous"), 2);
        assert_int_equal(query(store, "PRAGMA trusted_schema"), 0);
        assert_int_equal(query(store, "PRAGMA cell_size_check"), 1);
        assert_true(store_size(store) > 0);
        struct stat info;
        assert_int_equal(stat(folder->db, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
}

static void two_hubs_cannot_use_one_database(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    {
        AUTO(store_close) struct store *first = open_at(folder->db, STORE_WRITE, &err);
        assert_non_null(first);
        assert_null(open_at(folder->db, STORE_WRITE, &err));
        assert_int_equal(err.code, ERR_IO);
        assert_non_null(strstr(err.msg, "another hubd is using"));
    }
    AUTO(store_close) struct store *after = open_at(folder->db, STORE_WRITE, &err);
    assert_non_null(after);
}

static void a_newer_schema_is_refused_and_names_the_version_needed(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    store_close(open_at(folder->db, STORE_WRITE, &err));
    tamper(folder->db, "PRAGMA user_version = 9999; UPDATE store_meta SET hubd_version = '7.5.3'");
    for (int mode = STORE_WRITE; mode <= STORE_READ; mode++) {
        assert_null(open_at(folder->db, (enum store_mode)mode, &err));
        assert_int_equal(err.code, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "it needs hubd 7.5.3 or later"));
    }
    tamper(folder->db, "DROP TABLE store_meta");
    assert_null(open_at(folder->db, STORE_WRITE, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
}

static void an_older_schema_is_not_read_before_a_hub_migrated_it(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    store_close(open_at(folder->db, STORE_WRITE, &err));
    tamper(folder->db, "PRAGMA user_version = 0");
    assert_null(open_at(folder->db, STORE_READ, &err));
    assert_int_equal(err.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(err.msg, "start hubd once"));
}

static void the_database_of_another_application_is_refused_and_left_alone(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    static const char *const others[] = {
        "CREATE TABLE t (a)",
        "PRAGMA application_id = 42",
        "PRAGMA user_version = 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        char path[300];
        snprintf(path, sizeof(path), "%s/other-%zu.db", folder->path, i);
        tamper(path, others[i]);
        assert_null(open_at(path, STORE_WRITE, &err));
        assert_int_equal(err.code, ERR_UNSUPPORTED);
        assert_non_null(strstr(err.msg, "another application"));
        tamper(path, "CREATE TABLE still_usable (a)");
        uint8_t write_version = 0; /* byte 18 of the header: 1 as it was, 2 would be WAL */
        int fd = open(path, O_RDONLY);
        assert_int_equal(pread(fd, &write_version, 1, 18), 1);
        close(fd);
        assert_int_equal(write_version, 1);
    }
}

static void a_file_that_cannot_be_a_database_gets_a_message_that_helps(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    FILE *file = fopen(folder->db, "w");
    for (int i = 0; i < 1000; i++)
        fprintf(file, "not a database, line %d\n", i);
    fclose(file);
    assert_null(open_at(folder->db, STORE_WRITE, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "is not a database of hubd"));

    char path[300];
    snprintf(path, sizeof(path), "%s/folder.db", folder->path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_null(open_at(path, STORE_WRITE, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "cannot open"));

    snprintf(path, sizeof(path), "%s/missing/hub.db", folder->path);
    assert_null(open_at(path, STORE_WRITE, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "create its directory first"));

    snprintf(path, sizeof(path), "%s/missing.db", folder->path);
    assert_null(open_at(path, STORE_READ, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "there is no such file"));
    assert_int_equal(access(path, F_OK), -1);
}

static void a_file_without_permissions_says_so(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    if (geteuid() == 0)
        skip(); /* root may read everything */
    store_close(open_at(folder->db, STORE_WRITE, &err));
    assert_int_equal(chmod(folder->db, 0400), 0);
    assert_null(open_at(folder->db, STORE_WRITE, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "check owner and permissions"));
    assert_int_equal(chmod(folder->db, 0), 0);
    assert_null(open_at(folder->db, STORE_WRITE, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "check owner and permissions"));
}

static const struct schema_file broken_files[] = {
    {9001, "9001_fine.sql", "CREATE TABLE fine (a INTEGER) STRICT; INSERT INTO fine VALUES (1);"},
    {9002, "9002_broken.sql", "CREATE TABLE half (a INTEGER) STRICT; DROP TABLE fine; NONSENSE;"},
    {9003, "9003_later.sql", "CREATE TABLE later (a INTEGER) STRICT;"},
    {0, NULL, NULL},
};

static void a_migration_that_fails_leaves_nothing_of_itself(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    AUTO(store_close) struct store *store = open_at(folder->db, STORE_WRITE, &err);
    assert_non_null(store);
    for (int attempt = 0; attempt < 2; attempt++) {
        assert_false(store_migrate(store, broken_files, &err));
        assert_non_null(strstr(err.msg, "migrate with 9002_broken.sql: "));
        assert_int_equal(query(store, "PRAGMA user_version"), 9001);
        assert_int_equal(query(store, "SELECT count(*) FROM fine"), 1);
        assert_int_equal(query(store, "SELECT count(*) FROM sqlite_master WHERE name = 'half'"), 0);
        assert_false(store_in_transaction(store));
    }
}

static void a_migration_must_not_end_its_transaction(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    static const struct schema_file files[] = {
        {9001, "9001_commits.sql", "CREATE TABLE a (a INTEGER) STRICT; COMMIT;"},
        {0, NULL, NULL},
    };
    struct err err = {0};
    assert_false(store_migrate(store, files, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_true(query(store, "PRAGMA user_version") < 9001);
}

static void schema_files_are_in_order_and_start_at_one(void **state)
{
    (void)state;
    assert_int_equal(schema_files[0].version, 1);
    for (const struct schema_file *file = schema_files; file[1].name; file++)
        assert_true(file[0].version < file[1].version);
}

static void a_reader_sees_committed_rows_only_and_cannot_write(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    AUTO(store_close) struct store *writer = open_at(folder->db, STORE_WRITE, &err);
    run(writer, "CREATE TABLE item (name TEXT) STRICT");
    AUTO(store_close) struct store *reader = open_at(folder->db, STORE_READ, &err);
    assert_non_null(reader);
    assert_true(store_begin(writer, &err));
    assert_true(insert(writer, "one", &err));
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 0);
    assert_true(store_commit(writer, &err));
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 1);
    assert_false(insert(reader, "two", &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "for queries only"));
    assert_true(store_begin(reader, &err)); /* a snapshot */
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 1);
    assert_true(insert(writer, "three", &err));
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 1);
    store_rollback(reader);
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 2);
}

static void undo_takes_back_one_action_of_a_group(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    assert_true(store_begin(store, &err));
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "kept", &err));
    assert_true(store_release(store, &err));
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "undone", &err));
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "undone too", &err));
    assert_true(store_release(store, &err));
    store_undo(store);
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "outer", &err));
    assert_true(store_savepoint(store, &err));
    assert_true(insert(store, "inner", &err));
    store_undo(store);
    assert_true(store_release(store, &err));
    assert_true(store_commit(store, &err));
    assert_int_equal(query(store, "SELECT count(*) FROM item"), 2);
    assert_int_equal(query(store, "SELECT count(*) FROM item WHERE name IN ('kept', 'outer')"), 2);
    assert_true(store_begin(store, &err));
    assert_true(insert(store, "rolled back", &err));
    store_rollback(store);
    assert_false(store_in_transaction(store));
    assert_int_equal(query(store, "SELECT count(*) FROM item"), 2);
}

static void a_broken_constraint_is_a_conflict_and_keeps_the_value_to_itself(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    assert_true(store_begin(store, &err));
    assert_true(insert(store, "Jeanne Martin", &err));
    assert_false(insert(store, "Jeanne Martin", &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_null(strstr(err.msg, "Jeanne"));
    assert_non_null(strstr(err.msg, "item.name"));
    assert_false(insert(store, "Jeanne Martin, 4 rue des Lilas", &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_null(strstr(err.msg, "Jeanne"));
    assert_true(insert(store, "Paul", &err)); /* the group goes on */
    assert_true(store_commit(store, &err));
    assert_int_equal(query(store, "SELECT count(*) FROM item"), 2);
}

static void a_search_that_does_not_parse_keeps_its_words_to_itself(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    run(store, "CREATE VIRTUAL TABLE words USING fts5 (text)");
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT rowid FROM words WHERE words MATCH ?1", &err);
    assert_non_null(stmt);
    stmt_bind_text(stmt, 1, "d'urgence Jeanne:");
    bool row;
    assert_false(stmt_next(stmt, &row, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_null(strstr(err.msg, "urgence"));
    assert_null(strstr(err.msg, "Jeanne"));
}

static void values_come_back_as_they_were_bound(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static const uint8_t body[4] = {0, 1, 2, 255};
    {
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(
            store, "INSERT INTO item (id, name, body, weight) VALUES (?1, ?2, ?3, ?4)", &err);
        assert_non_null(stmt);
        stmt_bind_i64(stmt, 1, INT64_MIN);
        stmt_bind_text(stmt, 2, "é");
        stmt_bind_bytes(stmt, 3, bytes_of(body, sizeof(body)));
        stmt_bind_f64(stmt, 4, 2.5);
        assert_true(stmt_run(stmt, &err));
        assert_int_equal(store_last_id(store), INT64_MIN);
        assert_int_equal(store_changes(store), 1);
        stmt_bind_i64(stmt, 1, 2); /* again, without release */
        stmt_bind_text(stmt, 2, NULL);
        stmt_bind_bytes(stmt, 3, bytes_of("", 0));
        stmt_bind_null(stmt, 4);
        assert_true(stmt_run(stmt, &err));
    }
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT id, name, body, weight FROM item ORDER BY id", &err);
    bool row;
    assert_true(stmt_next(stmt, &row, &err) && row);
    assert_true(stmt_i64(stmt, 0) == INT64_MIN);
    assert_string_equal(stmt_text(stmt, 1), "é");
    uint8_t copy[4];
    assert_true(stmt_copy(stmt, 2, copy, sizeof(copy)));
    assert_memory_equal(copy, body, sizeof(body));
    assert_false(stmt_copy(stmt, 2, copy, 3));
    assert_int_equal(copy[1], 0);
    assert_true(stmt_f64(stmt, 3) == 2.5);
    assert_true(stmt_next(stmt, &row, &err) && row);
    assert_true(stmt_is_null(stmt, 1));
    assert_null(stmt_text(stmt, 1));
    assert_non_null(stmt_bytes(stmt, 2).data);
    assert_int_equal(stmt_bytes(stmt, 2).len, 0);
    assert_null(stmt_bytes(stmt, 3).data);
    for (int i = 0; i < 2; i++) {
        assert_true(stmt_next(stmt, &row, &err));
        assert_false(row);
    }
    stmt_reset(stmt);
    assert_true(stmt_next(stmt, &row, &err) && row);
}

static void statements_are_cached_and_can_be_used_within_themselves(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static const char sql[] = "SELECT ?1";
    struct stmt *outer = stmt_get(store, sql, &err);
    struct stmt *inner = stmt_get(store, sql, &err);
    assert_non_null(outer);
    assert_non_null(inner);
    assert_ptr_not_equal(outer, inner);
    bool row;
    stmt_bind_i64(outer, 1, 1);
    stmt_bind_i64(inner, 1, 2);
    assert_true(stmt_next(outer, &row, &err) && stmt_next(inner, &row, &err));
    assert_int_equal(stmt_i64(outer, 0), 1);
    assert_int_equal(stmt_i64(inner, 0), 2);
    stmt_release(inner);
    stmt_release(outer);
    struct stmt *again = stmt_get(store, sql, &err);
    assert_true(again == outer || again == inner);
    assert_true(stmt_next(again, &row, &err)); /* release has cleared what was bound */
    assert_true(stmt_is_null(again, 0));
    stmt_release(again);
}

static void the_cache_grows_and_tells_texts_at_one_address_apart(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static char texts[2000][20];
    struct stmt *first[ARRAY_LEN(texts)];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            snprintf(texts[i], sizeof(texts[i]), "SELECT %zu", i);
            struct stmt *stmt = stmt_get(store, texts[i], &err);
            bool row;
            assert_true(stmt && stmt_next(stmt, &row, &err) && row);
            assert_int_equal(stmt_i64(stmt, 0), i);
            stmt_release(stmt);
            if (round == 0)
                first[i] = stmt;
            assert_ptr_equal(stmt, first[i]);
        }
    }
    char sql[32] = "SELECT 1";
    assert_int_equal(query(store, sql), 1);
    snprintf(sql, sizeof(sql), "SELECT 2");
    assert_int_equal(query(store, sql), 2);
}

static void a_bug_in_the_sql_is_an_internal_error(void **state)
{
    (void)state;
    AUTO(store_close) struct store *store = open_memory();
    struct err err = {0};
    static const char *const bugs[] = {"SELEC 1", "SELECT 1; SELECT 2", "", "SELECT \"text\"",
                                       "SELECT load_extension('x')"};
    for (size_t i = 0; i < ARRAY_LEN(bugs); i++) {
        int64_t value;
        assert_false(store_query(store, bugs[i], &value, &err));
        assert_int_equal(err.code, ERR_INTERNAL);
    }
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "SELECT ?1;", &err);
    assert_non_null(stmt);
    stmt_bind_i64(stmt, 2, 1);
    assert_false(stmt_run(stmt, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
}

static void a_backup_is_whole_private_marked_and_made_while_writing(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    char path[300];
    snprintf(path, sizeof(path), "%s/copy.db", folder->path);
    {
        AUTO(store_close) struct store *writer = open_at(folder->db, STORE_WRITE, &err);
        run(writer, "CREATE TABLE item (name TEXT) STRICT");
        AUTO(store_close) struct store *reader = open_at(folder->db, STORE_READ, &err);
        assert_true(insert(writer, "before", &err));
        assert_true(store_begin(writer, &err));
        assert_true(insert(writer, "in flight", &err));
        assert_false(store_backup(writer, path, &err));
        assert_int_equal(err.code, ERR_CONFLICT);
        assert_true(store_backup(reader, path, &err));
        assert_true(store_commit(writer, &err));
        assert_false(store_backup(reader, path, &err));
        assert_int_equal(err.code, ERR_CONFLICT);
        char missing[300];
        snprintf(missing, sizeof(missing), "%s/missing/copy.db", folder->path);
        assert_false(store_backup(reader, missing, &err));
        assert_int_equal(err.code, ERR_IO);
    }
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    AUTO(store_close) struct store *copy = open_at(path, STORE_WRITE, &err);
    assert_non_null(copy);
    assert_true(store_is_backup(copy));
    assert_int_equal(query(copy, "SELECT count(*) FROM item"), 1);
    assert_int_equal(query(copy, "SELECT name = 'before' FROM item"), 1);
    AUTO(store_close) struct store *original = open_at(folder->db, STORE_WRITE, &err);
    assert_false(store_is_backup(original));
    DIR *dir = opendir(folder->path); /* nothing half-made is left */
    for (struct dirent *entry; (entry = readdir(dir));)
        assert_null(strstr(entry->d_name, ".part"));
    closedir(dir);
}

static void a_backup_to_a_full_disk_says_which(void **state)
{
    (void)state;
    AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("backup", 1);
    struct err err = {0};
    AUTO(store_close)
    struct store *store =
        store_open(&(struct store_options){.path = "hub.db", .vfs = "backup"}, &err);
    assert_non_null(store);
    crash_vfs_fail(vfs, "copy.db", CRASH_DISK_FULL, 1, CRASH_FOREVER);
    assert_false(store_backup(store, "copy.db", &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "disk is full: free space on the file system of copy.db"));
    assert_true(store_backup(store, "other.db", &err));
    assert_false(store_backup(store, "other.db", &err));
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void damage_is_looked_for_only_after_an_unclean_stop(void **state)
{
    (void)state;
    for (int clean = 0; clean <= 1; clean++) {
        AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("damage", 1);
        struct store_options options = {.path = "hub.db", .vfs = "damage"};
        struct err err = {0};
        struct store *store = store_open(&options, &err);
        assert_non_null(store);
        run(store, "CREATE TABLE item (name TEXT) STRICT");
        for (int i = 0; i < 100; i++)
            assert_true(insert(store, "a name of some length, so that pages fill", &err));
        int64_t page = query(store, "SELECT rootpage FROM sqlite_master WHERE name = 'item'");
        store_close(store);
        store = clean ? NULL : store_open(&options, &err);
        crash_vfs_crash(vfs, "hub.db", CRASH_LOSE_UNSYNCED);
        store_close(store);
        /* The kind of the root page of a table that opening does not read. */
        crash_vfs_flip(vfs, "hub.db", (uint64_t)(page - 1) * 4096);
        AUTO(store_close) struct store *again = store_open(&options, &err);
        if (clean) {
            assert_non_null(again);
        } else {
            assert_null(again);
            assert_int_equal(err.code, ERR_IO);
            assert_non_null(strstr(err.msg, "restore the last backup"));
        }
    }
}

static void the_wal_gauge_rises_with_commits_and_falls_with_checkpoints(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    AUTO(store_close) struct store *writer = open_at(folder->db, STORE_WRITE, &err);
    AUTO(store_close)
    struct store *reader = store_open(
        &(struct store_options){.path = folder->db, .mode = STORE_READ, .writer = writer}, &err);
    assert_non_null(reader);
    run(writer, "CREATE TABLE item (name TEXT) STRICT");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1500; i++) /* more than sqlite's own automatic checkpoint allows */
            assert_true(insert(writer, "name", &err));
        assert_true(store_wal_pages(writer) >= 1500);
        assert_int_equal(store_wal_pages(reader), store_wal_pages(writer));
        store_checkpoint(reader);
        assert_int_equal(store_wal_pages(writer), 0);
    }
    assert_true(insert(writer, "name", &err)); /* the WAL started over */
    assert_in_range(store_wal_pages(writer), 1, 10);
    assert_int_equal(query(reader, "SELECT count(*) FROM item"), 4501);
}

static bool file_has(const char *path, const char *text)
{
    AUTO(buf_done) struct buf whole = {0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    for (size_t got; (got = fread(buf_reserve(&whole, 65536), 1, 65536, file)) > 0;)
        whole.len += got;
    fclose(file);
    return memmem(whole.data, whole.len, text, strlen(text)) != NULL;
}

/* Rows of more than a page: their overflow pages are freed whole. */
static void f35_nothing_of_a_deleted_row_stays_in_freed_pages_or_the_wal(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    char wal[4200];
    AUTO(store_close) struct store *store = open_at(folder->db, STORE_WRITE, &err);
    assert_non_null(store);
    snprintf(wal, sizeof(wal), "%s-wal", folder->db);
    run(store, "CREATE TABLE item (name TEXT, more TEXT) STRICT");
    run(store, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
               " INSERT INTO item SELECT printf('%.*c', 9000, 'x'), 'canary-' || i FROM n");
    assert_true(file_has(wal, "canary-150") || file_has(folder->db, "canary-150"));
    assert_true(store_begin(store, &err));
    run(store, "DELETE FROM item WHERE more <> 'canary-7'");
    store_scrub(store);
    assert_true(store_commit(store, &err));
    assert_true(file_has(folder->db, "canary-7"));
    for (int i = 8; i <= 300; i++) {
        char text[32];
        snprintf(text, sizeof(text), "canary-%d", i);
        if (file_has(wal, text) || file_has(folder->db, text))
            fail_msg("%s can still be read", text);
        i += 6;
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_new_database_is_ours_private_and_counts_its_openings),
        IN_FOLDER(two_hubs_cannot_use_one_database),
        IN_FOLDER(a_newer_schema_is_refused_and_names_the_version_needed),
        IN_FOLDER(an_older_schema_is_not_read_before_a_hub_migrated_it),
        IN_FOLDER(the_database_of_another_application_is_refused_and_left_alone),
        IN_FOLDER(a_file_that_cannot_be_a_database_gets_a_message_that_helps),
        IN_FOLDER(a_file_without_permissions_says_so),
        IN_FOLDER(a_migration_that_fails_leaves_nothing_of_itself),
        cmocka_unit_test(a_migration_must_not_end_its_transaction),
        cmocka_unit_test(schema_files_are_in_order_and_start_at_one),
        IN_FOLDER(a_reader_sees_committed_rows_only_and_cannot_write),
        cmocka_unit_test(undo_takes_back_one_action_of_a_group),
        cmocka_unit_test(a_broken_constraint_is_a_conflict_and_keeps_the_value_to_itself),
        cmocka_unit_test(a_search_that_does_not_parse_keeps_its_words_to_itself),
        cmocka_unit_test(values_come_back_as_they_were_bound),
        cmocka_unit_test(statements_are_cached_and_can_be_used_within_themselves),
        cmocka_unit_test(the_cache_grows_and_tells_texts_at_one_address_apart),
        cmocka_unit_test(a_bug_in_the_sql_is_an_internal_error),
        IN_FOLDER(a_backup_is_whole_private_marked_and_made_while_writing),
        cmocka_unit_test(a_backup_to_a_full_disk_says_which),
        cmocka_unit_test(damage_is_looked_for_only_after_an_unclean_stop),
        IN_FOLDER(the_wal_gauge_rises_with_commits_and_falls_with_checkpoints),
        IN_FOLDER(f35_nothing_of_a_deleted_row_stays_in_freed_pages_or_the_wal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
