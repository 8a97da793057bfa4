#include "tests/support/crash_vfs.h"

#include "hub/store/stmt.h"
#include "hub/store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define GROUPS         12
#define ROWS_PER_GROUP 3

static struct store *open_in(const char *vfs, const char *path, enum store_mode mode,
                             struct err *err)
{
    return store_open(&(struct store_options){.path = path, .mode = mode, .vfs = vfs}, err);
}

static bool insert(struct store *store, int64_t group, struct err *err)
{
    static const uint8_t body[700] = {1, 2, 3};
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "INSERT INTO item (grp, body) VALUES (?1, ?2)", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, group);
    stmt_bind_bytes(stmt, 2, bytes_of(body, sizeof(body)));
    return stmt_run(stmt, err);
}

static bool commit_group(struct store *store, int64_t group, struct err *err)
{
    if (!store_begin(store, err))
        return false;
    for (int i = 0; i < ROWS_PER_GROUP; i++) {
        if (!insert(store, group, err)) {
            store_rollback(store);
            return false;
        }
    }
    return store_commit(store, err);
}

/* Opens, makes the table, commits group after group, closes. @return groups acked, -1: no table. */
static int64_t work(const char *vfs, const char *path)
{
    struct err err = {0};
    AUTO(store_close) struct store *store = open_in(vfs, path, STORE_WRITE, &err);
    if (!store || !store_exec(store,
                              "CREATE TABLE item (id INTEGER PRIMARY KEY, grp INTEGER NOT NULL, "
                              "body BLOB NOT NULL) STRICT; CREATE INDEX item_grp ON item (grp)",
                              &err))
        return -1;
    for (int64_t group = 1; group <= GROUPS; group++) {
        if (!commit_group(store, group, &err)) {
            assert_int_equal(err.code, ERR_IO);
            return group - 1;
        }
        if (group % 4 == 0)
            store_checkpoint(store);
    }
    return GROUPS;
}

static int64_t query(struct store *store, const char *sql)
{
    struct err err = {0};
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, &err);
    bool row = false;
    if (!stmt || !stmt_next(stmt, &row, &err))
        print_error("%s: %s\n", sql, err.msg);
    return row ? stmt_i64(stmt, 0) : -1;
}

static void assert_whole(struct store *store)
{
    struct err err = {0};
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "PRAGMA integrity_check", &err);
    bool row;
    assert_non_null(stmt);
    assert_true(stmt_next(stmt, &row, &err));
    assert_true(row);
    assert_string_equal(stmt_text(stmt, 0), "ok");
}

/* What was acked is there; the group in flight is there whole or not at all; nothing else is. */
static void assert_kept(struct store *store, int64_t acked)
{
    assert_whole(store);
    int64_t tables = query(store, "SELECT count(*) FROM sqlite_master WHERE name = 'item'");
    if (acked < 0 && tables == 0)
        return;
    assert_int_equal(tables, 1);
    if (query(store, "SELECT count(*) FROM sqlite_master WHERE name = 'item_grp'") == 0)
        assert_true(acked < 0);
    int64_t rows = query(store, "SELECT count(*) FROM item");
    int64_t last = query(store, "SELECT coalesce(max(grp), 0) FROM item");
    assert_int_equal(rows, last * ROWS_PER_GROUP);
    if (acked < 0)
        acked = 0;
    assert_in_range(last, acked, acked + 1);
}

static const struct {
    const char *name;
    enum crash_mode mode;
} modes[] = {
    {"lose", CRASH_LOSE_UNSYNCED},
    {"prefix", CRASH_KEEP_PREFIX},
    {"tear", CRASH_TEAR},
};

static void crash_at(struct crash_vfs *vfs, enum crash_mode mode, uint64_t stop)
{
    crash_vfs_stop_after(vfs, "hub.db", stop);
    int64_t acked = work("crash-at", "hub.db");
    crash_vfs_crash(vfs, "hub.db", mode);
    struct err err = {0};
    AUTO(store_close) struct store *store = open_in("crash-at", "hub.db", STORE_WRITE, &err);
    if (!store)
        fail_msg("stop %llu: %s", (unsigned long long)stop, err.msg);
    assert_kept(store, acked);
}

/* A database that has every migration, closed. */
static void make_image(const char *vfs)
{
    struct err err = {0};
    AUTO(store_close) struct store *store = open_in(vfs, "image.db", STORE_WRITE, &err);
    assert_non_null(store);
}

/* How many operations the first opening takes, work() on a new file, and work() on an image. */
struct span {
    uint64_t opening, all, on_image;
};
static struct span count_operations(void)
{
    struct span span;
    AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("count", 1);
    make_image("count");
    span.opening = crash_vfs_operations(vfs, "image.db");
    assert_int_equal(work("count", "hub.db"), GROUPS);
    span.all = crash_vfs_operations(vfs, "hub.db");
    crash_vfs_copy(vfs, "image.db", "again.db");
    assert_int_equal(work("count", "again.db"), GROUPS);
    span.on_image = crash_vfs_operations(vfs, "again.db");
    assert_in_range(span.on_image, 100, span.all);
    return span;
}

static void what_was_acked_survives_a_crash_at_every_operation(void **state)
{
    (void)state;
    struct span span = count_operations();
    for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
        uint64_t seeds = modes[m].mode == CRASH_LOSE_UNSYNCED ? 1 : 3;
        for (uint64_t seed = 1; seed <= seeds; seed++) {
            AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("crash-at", seed);
            make_image("crash-at");
            for (uint64_t stop = 0; stop <= span.on_image; stop++) {
                crash_vfs_copy(vfs, "image.db", "hub.db");
                crash_at(vfs, modes[m].mode, stop);
            }
        }
    }
}

static void a_crash_at_every_operation_of_the_first_opening_can_be_recovered(void **state)
{
    (void)state;
    struct span span = count_operations();
    for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
        AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("crash-at", 1);
        for (uint64_t stop = 0; stop <= span.opening; stop++) {
            crash_at(vfs, modes[m].mode, stop);
            crash_vfs_remove(vfs, "hub.db");
        }
    }
}

static void a_crash_while_recovering_from_a_crash_loses_nothing(void **state)
{
    (void)state;
    struct span span = count_operations();
    for (uint64_t stop = 0; stop < 40; stop++) {
        AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("twice", stop);
        crash_vfs_stop_after(vfs, "hub.db", span.opening + 120);
        int64_t acked = work("twice", "hub.db");
        crash_vfs_crash(vfs, "hub.db", CRASH_TEAR);
        crash_vfs_stop_after(vfs, "hub.db", stop);
        struct err err = {0};
        store_close(open_in("twice", "hub.db", STORE_WRITE, &err));
        crash_vfs_crash(vfs, "hub.db", CRASH_TEAR);
        AUTO(store_close) struct store *store = open_in("twice", "hub.db", STORE_WRITE, &err);
        assert_non_null(store);
        assert_kept(store, acked);
    }
}

static void the_same_seed_leaves_the_same_database(void **state)
{
    (void)state;
    int64_t rows[2];
    uint64_t operations[2];
    struct span span = count_operations();
    for (int i = 0; i < 2; i++) {
        AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("same", 42);
        crash_vfs_stop_after(vfs, "hub.db", span.opening + 103);
        (void)work("same", "hub.db");
        crash_vfs_crash(vfs, "hub.db", CRASH_KEEP_PREFIX);
        struct err err = {0};
        AUTO(store_close) struct store *store = open_in("same", "hub.db", STORE_WRITE, &err);
        assert_non_null(store);
        rows[i] = query(store, "SELECT count(*) FROM item");
        operations[i] = crash_vfs_operations(vfs, "hub.db");
    }
    assert_int_equal(rows[0], rows[1]);
    assert_int_equal(operations[0], operations[1]);
}

/* Proves that the tests above can fail: without syncs, what was acked is lost. */
static void without_syncs_a_crash_loses_what_was_acked(void **state)
{
    (void)state;
    AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("relaxed", 1);
    struct err err = {0};
    struct store_options options = {
        .path = "hub.db", .mode = STORE_WRITE, .vfs = "relaxed", .relaxed_sync = true};
    {
        AUTO(store_close) struct store *store = store_open(&options, &err);
        assert_non_null(store);
        assert_true(store_exec(store, "CREATE TABLE item (grp INTEGER, body BLOB)", &err));
        assert_true(commit_group(store, 1, &err));
        crash_vfs_crash(vfs, "hub.db", CRASH_LOSE_UNSYNCED);
    }
    AUTO(store_close) struct store *store = store_open(&options, &err);
    assert_non_null(store);
    assert_int_equal(query(store, "SELECT count(*) FROM sqlite_master WHERE name = 'item'"), 0);
}

static void databases_of_one_disk_crash_apart(void **state)
{
    (void)state;
    AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("apart", 1);
    struct err err = {0};
    AUTO(store_close) struct store *a = open_in("apart", "a/hub.db", STORE_WRITE, &err);
    AUTO(store_close) struct store *b = open_in("apart", "b/hub.db", STORE_WRITE, &err);
    assert_non_null(a);
    assert_non_null(b);
    assert_true(store_exec(b, "CREATE TABLE item (grp INTEGER, body BLOB)", &err));
    crash_vfs_crash(vfs, "a/hub.db", CRASH_LOSE_UNSYNCED);
    assert_false(store_exec(a, "CREATE TABLE item (grp INTEGER, body BLOB)", &err));
    assert_int_equal(err.code, ERR_IO);
    assert_true(commit_group(b, 1, &err));
    AUTO(store_close) struct store *again = open_in("apart", "a/hub.db", STORE_WRITE, &err);
    assert_non_null(again);
    assert_true(store_exec(again, "CREATE TABLE item (grp INTEGER, body BLOB)", &err));
    assert_true(commit_group(again, 1, &err));
}

static const struct {
    const char *why;
    enum crash_fault fault;
    const char *message;
} faults[] = {
    {"disk full", CRASH_DISK_FULL, "disk is full: free space on the file system of hub.db"},
    {"write error", CRASH_WRITE_ERROR, "could not read or write hub.db"},
    {"sync error", CRASH_SYNC_ERROR, "could not read or write hub.db"},
};

static void a_failed_commit_leaves_nothing_and_the_next_one_works(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        for (uint64_t nth = 1; nth <= 8; nth++) {
            AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("faulty", nth);
            struct err err = {0};
            AUTO(store_close) struct store *store = open_in("faulty", "hub.db", STORE_WRITE, &err);
            assert_non_null(store);
            assert_true(store_exec(store, "CREATE TABLE item (grp INTEGER, body BLOB)", &err));
            assert_true(commit_group(store, 1, &err));
            crash_vfs_fail(vfs, "hub.db", faults[i].fault, nth, CRASH_FOREVER);
            int64_t group = 2;
            while (commit_group(store, group, &err))
                group++;
            assert_int_equal(err.code, ERR_IO);
            assert_non_null(strstr(err.msg, faults[i].message));
            assert_false(store_in_transaction(store));
            assert_int_equal(query(store, "SELECT max(grp) FROM item"), group - 1);
            assert_false(commit_group(store, group, &err));
            crash_vfs_fail(vfs, "hub.db", faults[i].fault, 0, 0);
            assert_true(commit_group(store, group, &err));
            assert_int_equal(query(store, "SELECT count(*) FROM item"), group * ROWS_PER_GROUP);
            crash_vfs_crash(vfs, "hub.db", CRASH_LOSE_UNSYNCED);
            AUTO(store_close) struct store *again = open_in("faulty", "hub.db", STORE_WRITE, &err);
            assert_non_null(again);
            assert_whole(again);
            assert_int_equal(query(again, "SELECT count(*) FROM item"), group * ROWS_PER_GROUP);
        }
    }
}

/* A group larger than the page cache writes before COMMIT; sqlite then takes it back by itself. */
static void a_group_lost_to_a_full_disk_refuses_everything_until_rollback(void **state)
{
    (void)state;
    AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("spill", 1);
    struct err err = {0};
    AUTO(store_close) struct store *store = open_in("spill", "hub.db", STORE_WRITE, &err);
    assert_non_null(store);
    assert_true(store_exec(store, "CREATE TABLE item (grp INTEGER, body BLOB)", &err));
    assert_true(store_exec(store, "PRAGMA cache_size = 10", &err));
    crash_vfs_fail(vfs, "hub.db", CRASH_DISK_FULL, 20, CRASH_FOREVER);
    assert_true(store_begin(store, &err));
    assert_true(store_savepoint(store, &err));
    int inserted = 0;
    while (inserted < 1000 && insert(store, 1, &err))
        inserted++;
    assert_in_range(inserted, 1, 999);
    assert_int_equal(err.code, ERR_IO);
    store_undo(store);
    crash_vfs_fail(vfs, "hub.db", CRASH_DISK_FULL, 0, 0);
    /* Without the guard these rows would be committed one by one, outside the group. */
    assert_false(insert(store, 2, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_false(store_savepoint(store, &err));
    assert_true(store_in_transaction(store));
    assert_false(store_commit(store, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(query(store, "SELECT count(*) FROM item"), 0);
    assert_false(store_in_transaction(store));
    assert_true(commit_group(store, 3, &err));
}

static void a_read_error_is_reported_and_passes(void **state)
{
    (void)state;
    AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("unreadable", 1);
    assert_int_equal(work("unreadable", "hub.db"), GROUPS);
    struct err err = {0};
    AUTO(store_close) struct store *store = open_in("unreadable", "hub.db", STORE_WRITE, &err);
    assert_non_null(store);
    crash_vfs_fail(vfs, "hub.db", CRASH_READ_ERROR, 1, CRASH_FOREVER);
    {
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(store, "SELECT sum(length(body)) FROM item", &err);
        bool row;
        assert_non_null(stmt);
        assert_false(stmt_next(stmt, &row, &err));
        assert_int_equal(err.code, ERR_IO);
    }
    crash_vfs_fail(vfs, "hub.db", CRASH_READ_ERROR, 0, 0);
    assert_kept(store, GROUPS);
}

static void a_disk_full_at_any_write_of_opening_can_be_tried_again(void **state)
{
    (void)state;
    struct span span = count_operations();
    for (uint64_t nth = 1; nth <= span.opening; nth++) {
        AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("opening", nth);
        struct err err = {0};
        crash_vfs_fail(vfs, "hub.db", CRASH_DISK_FULL, nth, CRASH_FOREVER);
        struct store *store = open_in("opening", "hub.db", STORE_WRITE, &err);
        if (store) {
            store_close(store);
            return;
        }
        assert_int_equal(err.code, ERR_IO);
        assert_non_null(strstr(err.msg, "disk is full"));
        crash_vfs_fail(vfs, "hub.db", CRASH_DISK_FULL, 0, 0);
        store = open_in("opening", "hub.db", STORE_WRITE, &err);
        assert_non_null(store);
        assert_whole(store);
        store_close(store);
    }
    fail_msg("opening writes without end");
}

static void readers_share_the_wal_with_the_writer(void **state)
{
    (void)state;
    AUTO(crash_vfs_free) struct crash_vfs *vfs = crash_vfs_create("shared", 1);
    assert_non_null(vfs);
    assert_int_equal(work("shared", "hub.db"), GROUPS);
    struct err err = {0};
    AUTO(store_close) struct store *writer = open_in("shared", "hub.db", STORE_WRITE, &err);
    AUTO(store_close) struct store *one = open_in("shared", "hub.db", STORE_READ, &err);
    AUTO(store_close) struct store *two = open_in("shared", "hub.db", STORE_READ, &err);
    assert_non_null(one);
    assert_non_null(two);
    assert_true(store_begin(one, &err));
    assert_int_equal(query(one, "SELECT max(grp) FROM item"), GROUPS);
    for (int64_t group = GROUPS + 1; group <= GROUPS + 20; group++) {
        assert_true(commit_group(writer, group, &err));
        store_checkpoint(two);
        assert_int_equal(query(two, "SELECT max(grp) FROM item"), group);
        assert_int_equal(query(one, "SELECT max(grp) FROM item"), GROUPS);
    }
    store_rollback(one);
    assert_int_equal(query(one, "SELECT max(grp) FROM item"), GROUPS + 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acked_survives_a_crash_at_every_operation),
        cmocka_unit_test(a_crash_at_every_operation_of_the_first_opening_can_be_recovered),
        cmocka_unit_test(a_crash_while_recovering_from_a_crash_loses_nothing),
        cmocka_unit_test(the_same_seed_leaves_the_same_database),
        cmocka_unit_test(without_syncs_a_crash_loses_what_was_acked),
        cmocka_unit_test(databases_of_one_disk_crash_apart),
        cmocka_unit_test(a_failed_commit_leaves_nothing_and_the_next_one_works),
        cmocka_unit_test(a_group_lost_to_a_full_disk_refuses_everything_until_rollback),
        cmocka_unit_test(a_read_error_is_reported_and_passes),
        cmocka_unit_test(a_disk_full_at_any_write_of_opening_can_be_tried_again),
        cmocka_unit_test(readers_share_the_wal_with_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
