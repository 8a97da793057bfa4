/* The files of a database: backups, damage, the write-ahead log, what deleted rows leave (F35). */
#include "tests/support/crash_vfs.h"
#include "tests/support/store_fixture.h"

#include <sys/stat.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_backup_is_whole_private_marked_and_made_while_writing),
        cmocka_unit_test(a_backup_to_a_full_disk_says_which),
        cmocka_unit_test(damage_is_looked_for_only_after_an_unclean_stop),
        IN_FOLDER(the_wal_gauge_rises_with_commits_and_falls_with_checkpoints),
        IN_FOLDER(f35_nothing_of_a_deleted_row_stays_in_freed_pages_or_the_wal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
