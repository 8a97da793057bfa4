#include "hub/store/store_internal.h"

#include <errno.h>
#include <string.h>

static bool io_error(const struct store *store, int rc, struct err *err)
{
    int cause = store->db ? sqlite3_system_errno(store->db) : 0;
    if (cause == EDQUOT)
        return err_set(err, ERR_IO, "disk quota is used up: free space for %s", store->path);
    if (rc == SQLITE_IOERR_NOMEM)
        return err_set(err, ERR_IO, "could not use %s: out of memory", store->path);
    return err_set(err, ERR_IO, "could not read or write %s (%s%s%s): check the disk", store->path,
                   sqlite3_errstr(rc), cause ? ", " : "", cause ? strerror(cause) : "");
}

static bool cannot_open(const struct store *store, struct err *err)
{
    int cause = store->db ? sqlite3_system_errno(store->db) : 0;
    if (cause == ENOENT)
        return err_set(err, ERR_IO, "cannot open %s: there is no such file", store->path);
    if (cause == EISDIR)
        return err_set(err, ERR_IO, "cannot open %s: it is a directory", store->path);
    if (cause && cause != EACCES && cause != EPERM)
        return err_set(err, ERR_IO, "cannot open %s: %s", store->path, strerror(cause));
    return err_set(err, ERR_IO, "cannot read %s: check owner and permissions", store->path);
}

static bool cannot_write(const struct store *store, struct err *err)
{
    if (store->mode == STORE_READ)
        return err_set(err, ERR_IO, "cannot write %s: this connection is for queries only",
                       store->path);
    return err_set(err, ERR_IO, "cannot write %s: check owner and permissions", store->path);
}

bool store_error(const struct store *store, int rc, const char *sql, struct err *err)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return err_set(err, ERR_IO, "disk is full: free space on the file system of %s",
                       store->path);
    case SQLITE_IOERR:
        return io_error(store, rc, err);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return cannot_open(store, err);
    case SQLITE_READONLY:
        return cannot_write(store, err);
    case SQLITE_CORRUPT:
        return err_set(err, ERR_IO, "%s is damaged: stop hubd and restore the last backup",
                       store->path);
    case SQLITE_NOTADB:
        return err_set(err, ERR_IO,
                       "%s is not a database of hubd: move it away or correct the path",
                       store->path);
    case SQLITE_CONSTRAINT: /* names the table and columns, not what was to be stored */
        return err_set(err, ERR_CONFLICT, "%s", sqlite3_errmsg(store->db));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return err_set(err, ERR_IO, "could not lock %s: another program is using it", store->path);
    case SQLITE_ABORT:
    case SQLITE_INTERRUPT:
        return err_set(err, ERR_IO, "could not finish a query of %s: it was interrupted",
                       store->path);
    case SQLITE_NOMEM:
        return err_set(err, ERR_IO, "could not use %s: out of memory", store->path);
    case SQLITE_TOOBIG:
        return err_set(err, ERR_LIMIT, "a value is too large to be stored");
    default: /* sqlite3_errmsg() may quote what a user typed into a MATCH, so it is left out */
        return err_set(err, ERR_INTERNAL, "%s in \"%.120s\"", sqlite3_errstr(rc), sql ? sql : "");
    }
}

bool store_is_usable(const struct store *store, struct err *err)
{
    if (store->in_group && sqlite3_get_autocommit(store->db))
        return err_set(err, ERR_IO,
                       "could not go on: a storage failure took back the open transaction of %s",
                       store->path);
    return true;
}
