#include "hub/domain/import_review.h"

bool review_write(struct tx *tx, int64_t record, const struct import_finding *findings,
                  size_t count, bool is_new, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *old = stmt_get(tx->store, "DELETE FROM import_review WHERE import_id = ?1", err);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "INSERT INTO import_review (import_id, field, what) VALUES (?1, ?2, ?3)", err);
    if (!old || !stmt)
        return false;
    stmt_bind_i64(old, 1, record);
    if (!is_new && !stmt_run(old, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        stmt_bind_i64(stmt, 1, record);
        stmt_bind_text(stmt, 2, findings[i].field);
        stmt_bind_text(stmt, 3, findings[i].what);
        if (!stmt_run(stmt, err))
            return false;
        stmt_reset(stmt);
    }
    return true;
}

static bool take_groups(struct stmt *stmt, struct arena *arena, size_t limit,
                        struct review_group *list, size_t *count, struct err *err)
{
    bool row;
    stmt_bind_i64(stmt, 1, (int64_t)(limit - *count));
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        list[(*count)++] = (struct review_group){
            .id = stmt_i64(stmt, 0),
            .source = arena_text(arena, stmt_text(stmt, 1)),
            .record = arena_text(arena, stmt_text(stmt, 2)),
            .field = arena_text(arena, stmt_text(stmt, 3)),
            .what = arena_text(arena, stmt_text(stmt, 4)),
            .count = (uint32_t)stmt_i64(stmt, 5),
        };
    }
}

bool review_list(struct store *store, struct arena *arena, size_t limit, struct review_group **ret,
                 size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *doubts =
        stmt_get(store,
                 "SELECT min(v.id), r.source, min(r.record), v.field, v.what, count(*) "
                 "FROM import_review v JOIN import_record r ON r.id = v.import_id WHERE NOT EXISTS "
                 "(SELECT 1 FROM import_seen s WHERE s.source = r.source AND s.field = v.field AND "
                 "s.what = v.what) GROUP BY r.source, v.field, v.what "
                 "ORDER BY count(*) DESC, v.field, v.what LIMIT ?1",
                 err);
    AUTO(stmt_release)
    struct stmt *refused = stmt_get(store,
                                    "SELECT 0, source, record, '', why, 1 FROM import_refused "
                                    "ORDER BY id LIMIT ?1",
                                    err);
    if (!doubts || !refused)
        return false;
    struct review_group *list = arena_alloc(arena, (limit + 1) * sizeof(*list));
    size_t count = 0;
    if (!take_groups(doubts, arena, limit, list, &count, err) ||
        !take_groups(refused, arena, limit, list, &count, err))
        return false;
    *ret = list;
    *ret_count = count;
    return true;
}

bool review_settle(struct tx *tx, int64_t id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO import_seen (source, field, what) SELECT r.source, v.field, v.what "
                 "FROM import_review v JOIN import_record r ON r.id = v.import_id WHERE v.id = ?1 "
                 "ON CONFLICT (source, field, what) DO UPDATE SET what = excluded.what",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    if (!stmt_run(stmt, err))
        return false;
    return store_changes(tx->store) > 0 || err_set(err, ERR_UNKNOWN, "no such line of the review");
}

bool review_begin(struct tx *tx, const char *source, const char *licence, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO import_source (source, licence, imported_ms) VALUES (?1, ?2, ?3) "
        "ON CONFLICT (source) DO UPDATE SET imported_ms = excluded.imported_ms, licence = CASE "
        "WHEN excluded.licence = '' THEN import_source.licence ELSE excluded.licence END",
        err);
    AUTO(stmt_release)
    struct stmt *old = stmt_get(tx->store, "DELETE FROM import_refused WHERE source = ?1", err);
    if (!stmt || !old)
        return false;
    stmt_bind_text(old, 1, source);
    stmt_bind_text(stmt, 1, source);
    stmt_bind_text(stmt, 2, licence);
    stmt_bind_i64(stmt, 3, tx->now.ms);
    return stmt_run(old, err) && stmt_run(stmt, err);
}

bool review_refuse(struct tx *tx, const char *source, const char *record, const char *why,
                   struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "INSERT INTO import_refused (source, record, why) VALUES (?1, ?2, ?3)", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, source);
    stmt_bind_text(stmt, 2, record);
    stmt_bind_text(stmt, 3, why);
    return stmt_run(stmt, err);
}

bool review_list_sources(struct store *store, struct arena *arena, size_t limit,
                         struct import_source **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store,
        "SELECT s.source, s.licence, s.imported_ms, (SELECT count(*) FROM import_record r WHERE "
        "r.source = s.source) FROM import_source s ORDER BY s.imported_ms DESC, s.source LIMIT ?1",
        err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)limit);
    struct import_source *list = arena_alloc(arena, (limit + 1) * sizeof(*list));
    size_t count = 0;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        list[count++] = (struct import_source){arena_text(arena, stmt_text(stmt, 0)),
                                               arena_text(arena, stmt_text(stmt, 1)),
                                               stmt_i64(stmt, 2), stmt_i64(stmt, 3)};
    }
    *ret = list;
    *ret_count = count;
    return true;
}
