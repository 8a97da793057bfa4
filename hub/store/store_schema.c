#include "hub/store/store_internal.h"

#include <stdio.h>

/* Files 8 to 13 had nothing in them once, and databases of then say 13 or, after a start that
 * failed, more. File 8 drops the table that tells them apart. */
#define LATE_FIRST 8
#define LATE_LAST  13
#define LATE_FOUND                                                                          \
    "SELECT (SELECT user_version FROM pragma_user_version) >= 8 AND EXISTS (SELECT 1 FROM " \
    "sqlite_master WHERE type = 'table' AND name = 'peer_key_event')"

static int newest_version(const struct schema_file *files)
{
    int newest = 0;
    for (; files->name; files++)
        newest = files->version;
    return newest;
}

/* Which hubd wrote this newer schema; left as it is when even that has moved. */
static void read_needed_version(struct store *store, char *out, size_t size)
{
    sqlite3_stmt *query = NULL;
    if (sqlite3_prepare_v2(store->db, "SELECT hubd_version FROM store_meta", -1, &query, NULL) ==
            SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW && sqlite3_column_bytes(query, 0) > 0)
        snprintf(out, size, "%.40s", (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
}

bool store_check_schema(struct store *store, const struct schema_file *files, int64_t *ret_version,
                        struct err *err)
{
    int64_t application, version, tables, lacks_late;
    if (!store_query(store, "PRAGMA application_id", &application, err) ||
        !store_query(store, "PRAGMA user_version", &version, err) ||
        !store_query(store, "SELECT count(*) FROM sqlite_master", &tables, err) ||
        !store_query(store, LATE_FOUND, &lacks_late, err))
        return false;
    bool is_new = !application && !version && !tables;
    if (!is_new && application != STORE_APPLICATION_ID)
        return err_set(
            err, ERR_UNSUPPORTED,
            "%s is the database of another application: move it away or correct the path",
            store->path);
    int newest = newest_version(files);
    if (version > newest) {
        char needed[41] = "a newer version";
        read_needed_version(store, needed, sizeof(needed));
        return err_set(err, ERR_UNSUPPORTED,
                       "%s has schema %lld and this hubd (%s) knows schemas up to %d: it needs "
                       "hubd %s or later",
                       store->path, (long long)version, schema_hubd_version, newest, needed);
    }
    if (store->mode == STORE_READ && (version < newest || lacks_late))
        return err_set(err, ERR_UNSUPPORTED,
                       "%s has the older schema %lld: start hubd once to bring it to %d",
                       store->path, (long long)version, newest);
    *ret_version = version;
    return true;
}

/* What the database says of itself, inside the transaction that changes it. */
static bool sign_off(struct store *store, int version, struct err *err)
{
    /* A PRAGMA takes no parameter; both values are numbers of this program. */
    char pragmas[96];
    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             STORE_APPLICATION_ID, version);
    if (!store_exec(store, pragmas, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "UPDATE store_meta SET hubd_version = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, schema_hubd_version);
    return stmt_run(stmt, err);
}

static bool apply(struct store *store, const struct schema_file *file, struct err *err)
{
    if (!store_exec(store, file->sql, err))
        return err_wrap(err, "migrate with %s", file->name);
    if (sqlite3_get_autocommit(store->db))
        return err_set(err, ERR_INTERNAL, "%s must not end its transaction", file->name);
    return true;
}

static bool is_due(const struct schema_file *file, int64_t version, bool lacks_late)
{
    return file->version > version ||
           (lacks_late && file->version >= LATE_FIRST && file->version <= LATE_LAST);
}

/* All files in one transaction: whoever is interrupted still has the schema of before, which the
 * hubd of before can open. */
static bool apply_due(struct store *store, const struct schema_file *files, int64_t version,
                      bool lacks_late, struct err *err)
{
    for (const struct schema_file *file = files; file->name; file++)
        if (is_due(file, version, lacks_late) && !apply(store, file, err))
            return false;
    return sign_off(store, newest_version(files), err);
}

bool store_migrate(struct store *store, const struct schema_file *files, struct err *err)
{
    int64_t version, lacks_late;
    if (!store_query(store, "PRAGMA user_version", &version, err) ||
        !store_query(store, LATE_FOUND, &lacks_late, err))
        return false;
    if (newest_version(files) <= version && !lacks_late)
        return true;
    if (!store_begin(store, err))
        return false;
    if (!apply_due(store, files, version, lacks_late, err)) {
        store_rollback(store);
        return false;
    }
    return store_commit(store, err) || err_wrap(err, "migrate");
}
