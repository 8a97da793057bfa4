#include "hub/base/mem.h"
#include "hub/store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * All pages in one step: it reads one snapshot, so commits of other connections neither wait nor
 * make it start again. The journal is off because a copy that is not finished is thrown away.
 */
static int copy_pages(struct store *store, sqlite3 *target)
{
    int rc = sqlite3_exec(target, "PRAGMA journal_mode = OFF", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_backup *backup = sqlite3_backup_init(target, "main", store->db, "main");
    if (!backup)
        return sqlite3_extended_errcode(target);
    rc = sqlite3_backup_step(backup, -1);
    int end = sqlite3_backup_finish(backup);
    if (rc != SQLITE_DONE)
        return rc == SQLITE_OK ? SQLITE_BUSY : rc;
    if (end != SQLITE_OK)
        return end;
    /* The pages say WAL; DELETE makes it one file again, and reports when that could not be
     * written. */
    return sqlite3_exec(target, "UPDATE store_meta SET is_backup = 1; PRAGMA journal_mode = DELETE",
                        NULL, NULL, NULL);
}

static bool copy_to(struct store *store, const char *path, struct err *err)
{
    sqlite3 *target = NULL;
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, &target, flags, store->vfs);
    if (rc == SQLITE_OK)
        rc = copy_pages(store, target);
    /* The message names the copy, whose disk may be another one. */
    struct store failed = {.db = target, .path = mem_text(path), .mode = STORE_WRITE};
    if (rc != SQLITE_OK)
        store_error(&failed, rc, NULL, err);
    free(failed.path);
    sqlite3_close(target);
    return rc == SQLITE_OK;
}

static bool sync_directory_of(const char *path, struct err *err)
{
    char folder[4096] = ".";
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path + 1), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0;
    int cause = errno;
    if (fd >= 0)
        close(fd);
    return done || err_set(err, ERR_IO, "could not write %s: %s", folder, strerror(cause));
}

static void remove_part(const char *part)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        char path[4096 + 8];
        snprintf(path, sizeof(path), "%s%s", part, suffixes[i]);
        unlink(path);
    }
}

/* Under a name of its own until it is whole, so that a cut-off copy is never taken for a backup. */
static bool copy_to_file(struct store *store, const char *path, struct err *err)
{
    char part[4096];
    if ((size_t)snprintf(part, sizeof(part), "%s.part", path) >= sizeof(part))
        return err_set(err, ERR_INVALID, "cannot write the backup: its path is too long");
    remove_part(part);
    int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot write %s: %s", part, strerror(errno));
    close(fd);
    bool done = copy_to(store, part, err);
    if (done && rename(part, path) != 0)
        done = err_set(err, ERR_IO, "cannot write %s: %s", path, strerror(errno));
    if (!done)
        remove_part(part);
    return done && sync_directory_of(path, err);
}

bool store_backup(struct store *store, const char *path, struct err *err)
{
    if (store->in_group)
        return err_set(err, ERR_CONFLICT, "could not back up: a transaction is open");
    int exists = 0;
    sqlite3_vfs *vfs = sqlite3_vfs_find(store->vfs);
    if (store->vfs)
        vfs->xAccess(vfs, path, SQLITE_ACCESS_EXISTS, &exists);
    else
        exists = access(path, F_OK) == 0;
    if (exists)
        return err_set(err, ERR_CONFLICT, "cannot back up to %s: it exists already", path);
    return store->vfs ? copy_to(store, path, err) : copy_to_file(store, path, err);
}

static bool check_copy(struct store *copy, struct err *err)
{
    int64_t version;
    if (!store_check_schema(copy, schema_files, &version, err))
        return false;
    if (!version)
        return err_set(err, ERR_INVALID, "%s is empty: not a copy of a hub", copy->path);
    AUTO(stmt_release) struct stmt *stmt = stmt_get(copy, "PRAGMA integrity_check(1)", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    const char *verdict = row ? stmt_text(stmt, 0) : NULL;
    return (verdict && strcmp(verdict, "ok") == 0) ||
           err_set(err, ERR_IO, "%s is damaged: take an older copy", copy->path);
}

bool store_restore(const char *copy, const char *path, struct err *err)
{
    struct store from = {.path = mem_text(copy), .mode = STORE_WRITE};
    if (access(path, F_OK) == 0) {
        free(from.path);
        return err_set(err, ERR_CONFLICT, "cannot write %s: it exists already", path);
    }
    /* Read only: a copy on a stick stays as it is. */
    int rc = sqlite3_open_v2(
        copy, &from.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    bool done = rc == SQLITE_OK || store_error(&from, rc, NULL, err);
    done = done && check_copy(&from, err);
    stmt_cache_done(&from);
    done = done && copy_to_file(&from, path, err);
    sqlite3_close(from.db);
    free(from.path);
    return done;
}

bool store_backup_done(struct store *store, struct err *err)
{
    if (!store_exec(store, "UPDATE store_meta SET is_backup = 0", err))
        return err_wrap(err, "clear the mark of a restored copy");
    store->is_backup = false;
    return true;
}

static bool write_marker(const char *path, int64_t generation, struct err *err)
{
    char part[4096];
    snprintf(part, sizeof(part), "%s.part", path);
    FILE *file = fopen(part, "we");
    bool done = file && fprintf(file, "%lld\n", (long long)generation) > 0 && fflush(file) == 0 &&
                fsync(fileno(file)) == 0;
    int cause = errno;
    if (file)
        fclose(file);
    if (!done)
        return err_set(err, ERR_IO, "could not write %s: %s", part, strerror(cause));
    if (rename(part, path) != 0)
        return err_set(err, ERR_IO, "could not write %s: %s", path, strerror(errno));
    return sync_directory_of(path, err);
}

bool store_marker(const char *path, int64_t generation, bool *ret_back, struct err *err)
{
    char text[32] = "";
    int64_t before = 0;
    FILE *file = fopen(path, "re");
    if (file) {
        char *end = NULL;
        if (fgets(text, sizeof(text), file))
            before = strtoll(text, &end, 10);
        fclose(file);
    }
    *ret_back = before >= generation;
    return write_marker(path, generation, err);
}
