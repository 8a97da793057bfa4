#pragma once
/* A folder of its own for each test of the store, and short ways to open one and ask it. */
#include "hub/store/store.h"
#include "hub/store/store_internal.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder of its own for each test. */
struct folder {
    char path[200];
    char db[256];
};

static inline UNUSED int folder_setup(void **state)
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

static inline UNUSED int folder_teardown(void **state)
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

static inline UNUSED struct store *open_at(const char *path, enum store_mode mode, struct err *err)
{
    return store_open(&(struct store_options){.path = path, .mode = mode}, err);
}

static inline UNUSED struct store *open_memory(void)
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

static inline UNUSED void run(struct store *store, const char *sql)
{
    struct err err = {0};
    if (!store_exec(store, sql, &err))
        fail_msg("%s: %s", sql, err.msg);
}

static inline UNUSED int64_t query(struct store *store, const char *sql)
{
    struct err err = {0};
    int64_t value = -1;
    if (!store_query(store, sql, &value, &err))
        fail_msg("%s: %s", sql, err.msg);
    return value;
}

static inline UNUSED bool insert(struct store *store, const char *name, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "INSERT INTO item (name) VALUES (?1)", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, name);
    return stmt_run(stmt, err);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)
