#include "hub/domain/attempt.h"

#include "hub/domain/referral_store.h"

/* A first referral is a request of its own until something follows it. */
static bool add_row(struct tx *tx, int64_t referral, const struct referral *earlier,
                    struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO attempt (referral, request) VALUES (?1,"
                                 " coalesce((SELECT request FROM attempt WHERE referral = ?2), ?3))"
                                 " ON CONFLICT (referral) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral);
    stmt_bind_i64(stmt, 2, earlier->id);
    stmt_bind_bytes(stmt, 3, oid_bytes(&earlier->oid));
    return stmt_run(stmt, err) || err_wrap(err, "note an attempt");
}

bool attempt_add(struct tx *tx, const struct referral *referral, const struct referral *earlier,
                 struct err *err)
{
    return add_row(tx, earlier->id, earlier, err) && add_row(tx, referral->id, earlier, err);
}

bool attempt_list(struct store *store, struct arena *arena, const struct referral *referral,
                  struct referral **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT referral FROM (SELECT referral FROM attempt WHERE request"
                                 " = (SELECT request FROM attempt WHERE referral = ?1)"
                                 " ORDER BY referral DESC LIMIT ?2) ORDER BY referral",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral->id);
    stmt_bind_i64(stmt, 2, ATTEMPTS_MAX);
    struct referral *list = arena_alloc(arena, ATTEMPTS_MAX * sizeof(*list));
    size_t count = 0;
    for (bool row, found;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list attempts");
        if (!row)
            break;
        if (!referral_row_by_id(store, arena, stmt_i64(stmt, 0), &found, &list[count], err))
            return false;
        count += found;
    }
    *ret = list;
    *ret_count = count > 1 ? count : 0;
    return true;
}

bool attempt_erase(struct tx *tx, int64_t referral, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM attempt WHERE referral = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral);
    return stmt_run(stmt, err) || err_wrap(err, "forget an attempt");
}
