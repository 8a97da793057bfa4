/* Keys beside a backup, and a backup put back: R-REC-3. */
#include "hub/base/bytes.h"
#include "hub/crypto/key_archive.h"
#include "hub/crypto/secret.h"
#include "hub/store/store.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct folder {
    char path[64], to[80], file[80];
};

static void put(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static bool holds(const char *dir, const char *name, const char *text)
{
    char path[256], got[256] = "";
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    size_t len = fread(got, 1, sizeof(got) - 1, f);
    fclose(f);
    return len == strlen(text) && memcmp(got, text, len) == 0;
}

static int setup(void **state)
{
    static struct folder folder;
    snprintf(folder.path, sizeof(folder.path), "/tmp/archive-XXXXXX");
    assert_non_null(mkdtemp(folder.path));
    snprintf(folder.to, sizeof(folder.to), "%s/to", folder.path);
    snprintf(folder.file, sizeof(folder.file), "%s/copy.keys", folder.path);
    assert_int_equal(mkdir(folder.to, 0700), 0);
    *state = &folder;
    return 0;
}

static int teardown(void **state)
{
    const struct folder *folder = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder->path);
    return system(command);
}

static void every_key_file_comes_back_and_nothing_else(void **state)
{
    const struct folder *f = *state;
    struct err err = {0};
    struct stat there;
    put(f->path, "op.key", "# op\nabc\n");
    put(f->path, "enc-000001-ab.key", "no newline at the end");
    put(f->path, "kel", "");
    put(f->path, "hub.ini", "name = x\n");
    assert_true(key_archive_write(f->path, f->file, &err));
    assert_int_equal(stat(f->file, &there), 0);
    assert_int_equal(there.st_mode & 0777, 0600);
    assert_true(key_archive_read(f->file, f->to, &err));
    assert_true(holds(f->to, "op.key", "# op\nabc\n"));
    assert_true(holds(f->to, "enc-000001-ab.key", "no newline at the end"));
    assert_true(holds(f->to, "kel", ""));
    assert_false(holds(f->to, "hub.ini", "name = x\n"));
    assert_false(key_archive_write(f->path, f->file, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(key_archive_read(f->file, f->to, &err)); /* never over keys that are there */
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void what_is_no_archive_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "something else\n",
                                        "maillon keys 1\n",
                                        "maillon keys 1\nfile op.key 5\nabc\n",
                                        "maillon keys 1\nfile ../x.key 1\na\n",
                                        "maillon keys 1\nfile hub.ini 1\na\n",
                                        "maillon keys 1\nfile op.key -1\na\n",
                                        "maillon keys 1\nfile op.key 18446744073709551615\na\n",
                                        "maillon keys 1\nfile op.key 1",
                                        "maillon keys 1\nfile  1\na\n"};
    const struct folder *f = *state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct err err = {0};
        put(f->path, "copy.keys", wrong[i]);
        assert_false(key_archive_read(f->file, f->to, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void a_copy_is_checked_marked_and_put_back(void **state)
{
    const struct folder *f = *state;
    char db[128], copy[128], back[128];
    struct err err = {0};
    snprintf(db, sizeof(db), "%s/hub.db", f->path);
    snprintf(copy, sizeof(copy), "%s/copy.db", f->path);
    snprintf(back, sizeof(back), "%s/back.db", f->path);
    struct store_options options = {.path = db, .mode = STORE_WRITE};
    struct store *store = store_open(&options, &err);
    assert_non_null(store);
    assert_true(store_backup(store, copy, &err));
    store_close(store);
    assert_true(store_restore(copy, back, &err));
    assert_false(store_restore(copy, back, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    options.path = back;
    store = store_open(&options, &err);
    assert_non_null(store);
    assert_true(store_is_backup(store));
    assert_true(store_begin(store, &err) && store_backup_done(store, &err) &&
                store_commit(store, &err));
    store_close(store);
    store = store_open(&options, &err);
    assert_non_null(store);
    assert_false(store_is_backup(store));
    store_close(store);
    put(f->path, "text.db", "not a database");
    snprintf(copy, sizeof(copy), "%s/text.db", f->path);
    snprintf(back, sizeof(back), "%s/other.db", f->path);
    assert_false(store_restore(copy, back, &err));
    assert_int_not_equal(access(back, F_OK), 0);
}

static void an_older_database_is_noticed_by_the_file_beside_it(void **state)
{
    const struct folder *f = *state;
    char path[128];
    bool back = true;
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/generation", f->path);
    assert_true(store_marker(path, 4, &back, &err));
    assert_false(back);
    assert_true(store_marker(path, 5, &back, &err));
    assert_false(back);
    assert_true(store_marker(path, 3, &back, &err)); /* somebody put an old file back */
    assert_true(back);
    assert_true(store_marker(path, 4, &back, &err)); /* said once */
    assert_false(back);
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_key_file_comes_back_and_nothing_else, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_archive_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_is_checked_marked_and_put_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_older_database_is_noticed_by_the_file_beside_it, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
