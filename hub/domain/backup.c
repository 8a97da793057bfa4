#include "hub/domain/backup.h"

#define DAY_MS 86400000LL

bool backup_note(struct tx *tx, int64_t bytes, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO backup_made (only_row, made_ms, bytes) VALUES (1, ?1, ?2)"
                 " ON CONFLICT (only_row) DO UPDATE SET made_ms = excluded.made_ms,"
                 " bytes = excluded.bytes",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms);
    stmt_bind_i64(stmt, 2, bytes);
    return stmt_run(stmt, err) || err_wrap(err, "note the backup");
}

bool backup_last(struct store *store, int64_t *ret_made_ms, int64_t *ret_bytes, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT made_ms, bytes FROM backup_made", err);
    if (!stmt || !stmt_next(stmt, &row, err))
        return err_wrap(err, "read when the last backup was made");
    *ret_made_ms = row ? stmt_i64(stmt, 0) : 0;
    *ret_bytes = row ? stmt_i64(stmt, 1) : 0;
    return true;
}

static bool first_account(struct store *store, int64_t *ret_ms, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT MIN(created_ms) FROM account", err);
    if (!stmt || !stmt_next(stmt, &row, err))
        return err_wrap(err, "read how old this hub is");
    *ret_ms = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool backup_overdue_days(struct store *store, struct wall now, int64_t *ret_days, bool *ret_never,
                         struct err *err)
{
    int64_t made_ms, bytes, since_ms;
    if (!backup_last(store, &made_ms, &bytes, err))
        return false;
    since_ms = made_ms;
    if (!made_ms && !first_account(store, &since_ms, err))
        return false;
    bool overdue = since_ms && now.ms - since_ms > BACKUP_OLD_MS;
    *ret_days = overdue ? (now.ms - since_ms) / DAY_MS : 0;
    *ret_never = !made_ms;
    return true;
}
