#include "hub/domain/import_stage.h"

#define GONE "this file is no longer here: send it again"

static bool drop_parts(struct tx *tx, const char *id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM import_staged_part WHERE staged = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, id);
    return stmt_run(stmt, err);
}

bool stage_drop(struct tx *tx, const char *id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM import_staged WHERE id = ?1", err);
    if (!stmt || !drop_parts(tx, id, err))
        return false;
    stmt_bind_text(stmt, 1, id);
    return stmt_run(stmt, err);
}

/* Of that account, or of any whose time is over. */
static bool next_to_drop(struct tx *tx, const char *account, const char **ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT id FROM import_staged WHERE expires_ms <= ?1 OR "
                                 "(account = ?2 AND done = 0) LIMIT 1",
                                 err);
    bool row;
    *ret = NULL;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms);
    stmt_bind_text(stmt, 2, account);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        *ret = arena_text(tx->arena, stmt_text(stmt, 0));
    return true;
}

static bool drop_old(struct tx *tx, const char *account, struct err *err)
{
    for (const char *id;;) {
        if (!next_to_drop(tx, account, &id, err))
            return false;
        if (!id)
            return true;
        if (!stage_drop(tx, id, err))
            return false;
    }
}

bool stage_tick(struct tx *tx, struct err *err)
{
    return drop_old(tx, NULL, err);
}

static bool count_waiting(struct tx *tx, int64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT count(*) FROM import_staged WHERE done = 0", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool stage_begin(struct tx *tx, const struct staged *staged, char ret_id[STAGED_ID],
                 struct err *err)
{
    uint8_t random[8];
    int64_t waiting;
    if (!drop_old(tx, staged->account, err) || !count_waiting(tx, &waiting, err))
        return false;
    if (waiting >= STAGED_MAX)
        return err_set(err, ERR_LIMIT, "%d files wait to be imported already; try again later",
                       STAGED_MAX);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO import_staged (id, account, format, source, licence, name, bytes, done, "
        "expires_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8)",
        err);
    if (!stmt)
        return false;
    random_fill(tx->random, random, sizeof(random));
    hex_encode(bytes_of(random, sizeof(random)), ret_id);
    stmt_bind_text(stmt, 1, ret_id);
    stmt_bind_text(stmt, 2, staged->account);
    stmt_bind_text(stmt, 3, staged->format);
    stmt_bind_text(stmt, 4, staged->source);
    stmt_bind_text(stmt, 5, staged->licence);
    stmt_bind_text(stmt, 6, staged->name);
    stmt_bind_i64(stmt, 7, staged->bytes);
    stmt_bind_i64(stmt, 8, tx->now.ms + STAGED_KEEP_MS);
    return stmt_run(stmt, err) || err_wrap(err, "keep a file to import");
}

bool stage_add(struct tx *tx, const char *id, bool is_services, size_t number, struct bytes part,
               struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO import_staged_part (staged, services, number, data) "
                                 "SELECT id, ?2, ?3, ?4 FROM import_staged WHERE id = ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, id);
    stmt_bind_i64(stmt, 2, is_services);
    stmt_bind_i64(stmt, 3, (int64_t)number);
    stmt_bind_bytes(stmt, 4, part);
    if (!stmt_run(stmt, err))
        return false;
    return store_changes(tx->store) == 1 || err_set(err, ERR_UNKNOWN, GONE);
}

bool stage_set_report(struct tx *tx, const char *id, struct bytes report, bool is_done,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE import_staged SET report = ?2, done = ?3 WHERE id = ?1", err);
    if (!stmt || (is_done && !drop_parts(tx, id, err)))
        return false;
    stmt_bind_text(stmt, 1, id);
    stmt_bind_bytes(stmt, 2, report);
    stmt_bind_i64(stmt, 3, is_done);
    return stmt_run(stmt, err);
}

bool stage_find(struct store *store, struct arena *arena, const char *id, struct staged *ret,
                struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT id, account, format, source, licence, name, bytes, done, "
                                 "report, expires_ms FROM import_staged WHERE id = ?1",
                                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, id);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, GONE);
    *ret = (struct staged){
        .id = arena_text(arena, stmt_text(stmt, 0)),
        .account = arena_text(arena, stmt_text(stmt, 1)),
        .format = arena_text(arena, stmt_text(stmt, 2)),
        .source = arena_text(arena, stmt_text(stmt, 3)),
        .licence = arena_text(arena, stmt_text(stmt, 4)),
        .name = arena_text(arena, stmt_text(stmt, 5)),
        .bytes = stmt_i64(stmt, 6),
        .is_done = stmt_i64(stmt, 7),
        .report = arena_bytes(arena, stmt_bytes(stmt, 8)),
        .expires_ms = stmt_i64(stmt, 9),
    };
    return true;
}

static bool measure(struct store *store, const char *id, bool is_services, int64_t *ret,
                    struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT coalesce(sum(length(data)), 0) FROM import_staged_part "
                                 "WHERE staged = ?1 AND services = ?2",
                                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, id);
    stmt_bind_i64(stmt, 2, is_services);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool stage_read(struct store *store, struct arena *arena, const char *id, bool is_services,
                struct bytes *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT data FROM import_staged_part WHERE staged = ?1 AND "
                                 "services = ?2 ORDER BY number",
                                 err);
    int64_t size;
    bool row;
    if (!stmt || !measure(store, id, is_services, &size, err))
        return false;
    uint8_t *all = size <= API_IMPORT_MAX ? arena_try(arena, (size_t)size + 1) : NULL;
    if (!all)
        return err_set(err, ERR_LIMIT, "the file is too large to be imported at once");
    size_t used = 0;
    stmt_bind_text(stmt, 1, id);
    stmt_bind_i64(stmt, 2, is_services);
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        struct bytes part = stmt_bytes(stmt, 0);
        if (part.len > (size_t)size - used)
            break;
        memcpy(all + used, part.data, part.len);
        used += part.len;
    }
    *ret = bytes_of(all, used);
    return true;
}
