/* Opening a database: whose it is, which schema, who may. */
#include "tests/support/store_fixture.h"

#include <fcntl.h>
#include <sys/stat.h>

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

/* Nor of the files before it: the hubd of before can still open it. */
static void a_migration_that_fails_leaves_nothing_of_itself(void **state)
{
    struct folder *folder = *state;
    struct err err = {0};
    AUTO(store_close) struct store *store = open_at(folder->db, STORE_WRITE, &err);
    assert_non_null(store);
    int64_t version = query(store, "PRAGMA user_version");
    for (int attempt = 0; attempt < 2; attempt++) {
        assert_false(store_migrate(store, broken_files, &err));
        assert_non_null(strstr(err.msg, "migrate with 9002_broken.sql: "));
        assert_int_equal(query(store, "PRAGMA user_version"), version);
        assert_int_equal(
            query(store, "SELECT count(*) FROM sqlite_master WHERE name IN ('fine', 'half')"), 0);
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

/* What a hub of the first release has on disk: files 8 to 13 were empty, and it says 13. */
static void make_first_release(const char *path, int says)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (const struct schema_file *file = schema_files; file->version < 8; file++)
        assert_int_equal(sqlite3_exec(db, file->sql, NULL, NULL, NULL), SQLITE_OK);
    for (const struct schema_file *file = schema_files; file->name; file++)
        if (file->version > 13 && file->version <= says)
            assert_int_equal(sqlite3_exec(db, file->sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    char sql[96];
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             STORE_APPLICATION_ID, says);
    tamper(path, sql);
}

static void the_first_release_gets_the_files_that_were_empty_then(void **state)
{
    struct folder *folder = *state;
    static const int said[] = {13, 22}; /* 22: a hubd that did not know migrated it */
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct err err = {0};
        make_first_release(folder->db, said[i]);
        assert_null(open_at(folder->db, STORE_READ, &err));
        assert_non_null(strstr(err.msg, "start hubd once"));
        for (int opening = 0; opening < 2; opening++) {
            struct store *store = open_at(folder->db, STORE_WRITE, &err);
            if (!store)
                fail_msg("%s", err.msg);
            assert_int_equal(query(store, "SELECT count(*) FROM sqlite_master WHERE name IN "
                                          "('node_key_event', 'authoring', 'circle', "
                                          "'gossip_object', 'relay_blob', 'audit_tile')"),
                             6);
            assert_int_equal(query(store, "SELECT count(*) FROM peer"), 0);
            int newest = 0;
            for (const struct schema_file *file = schema_files; file->name; file++)
                newest = file->version;
            assert_int_equal(query(store, "PRAGMA user_version"), newest);
            store_close(store);
        }
        unlink(folder->db);
    }
}

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
        IN_FOLDER(the_first_release_gets_the_files_that_were_empty_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
