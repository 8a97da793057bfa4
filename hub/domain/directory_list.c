/* What this hub may publish, page by page. */
#include "hub/domain/directory.h"
#include "hub/domain/directory_entry.h"

/* Own services and imported records: the others belong to peers. */
#define PUBLIC_ENTRIES                                                                         \
    "FROM directory_entry e WHERE (?1 = 0 OR e.is_structure = ?1 - 1) AND (e.id > 4294967296 " \
    "OR e.id IN (SELECT id FROM service WHERE ours = 1 AND content IS NOT NULL)) "

static bool count_public(struct store *store, enum directory_part part, int64_t *ret,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT count(*) " PUBLIC_ENTRIES, err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, part);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool directory_list_page(struct store *store, struct arena *arena, enum directory_part part,
                         int64_t offset, size_t limit, struct directory_service **ret,
                         size_t *ret_count, int64_t *ret_total, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT e.id " PUBLIC_ENTRIES "ORDER BY e.id LIMIT ?2 OFFSET ?3", err);
    if (!stmt || !count_public(store, part, ret_total, err))
        return false;
    stmt_bind_i64(stmt, 1, part);
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    stmt_bind_i64(stmt, 3, offset);
    struct directory_service *list = arena_alloc(arena, limit * sizeof(*list));
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        if (!directory_get_entry(store, arena, stmt_i64(stmt, 0), &list[count++], err))
            return false;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool directory_find_structure(struct store *store, struct arena *arena, const char *source,
                              const char *id, struct directory_service *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT CASE WHEN merged_into > 4294967296 THEN merged_into ELSE id + 4294967296 "
                 "END FROM import_record WHERE source = ?1 AND record = ?2",
                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, source);
    stmt_bind_text(stmt, 2, arena_printf(arena, "structure/%s", id));
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "no such structure");
    return directory_get_entry(store, arena, stmt_i64(stmt, 0), ret, err);
}
