/* Entries of the directory as the rest of the hub sees them: hubs' services and imported records.
 */
#include "hub/domain/directory_row.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/import_merge.h"
#include "hub/domain/relation.h"

static bool fill_owner(struct store *store, struct arena *arena, struct directory_service *service,
                       struct err *err)
{
    service->owner_name = "";
    service->takes_referrals = entry_takes_referrals(service->content);
    if (service->ours)
        return true;
    struct relation *relation = arena_alloc(arena, sizeof(*relation));
    bool found;
    if (!relation_find(store, &service->node, &found, relation, err))
        return false;
    if (found)
        service->owner_name = relation->name;
    if (!found || !relation_is_accepted(relation))
        service->takes_referrals = false;
    return true;
}

#define SERVICE_COLUMNS "node, uid, ours, content, changed_ms"

/* From a row of SERVICE_COLUMNS whose content is there. */
static bool take_service(struct store *store, struct arena *arena, struct stmt *stmt,
                         struct directory_service *ret, struct err *err)
{
    struct directory_service service = {
        .uid = arena_text(arena, stmt_text(stmt, 1)),
        .ours = stmt_i64(stmt, 2),
        .source = "",
        .record = "",
        .structure = "",
        .siret = "",
        .extra = "",
        .dated_ms = stmt_i64(stmt, 4),
        .distance_km = -1,
    };
    if (!stmt_copy(stmt, 0, service.node.b, sizeof(service.node.b)))
        return err_set(err, ERR_IO, "a stored service is damaged");
    if (!service_unpack(arena, stmt_bytes(stmt, 3), &service.content, err) ||
        !fill_owner(store, arena, &service, err))
        return false;
    service.id = service_text_id(arena, &service.node, service.uid);
    *ret = service;
    return true;
}

#define IMPORT_COLUMNS                                                                         \
    "id, source, record, structure, siret, content, extra, dated_ms, imported_ms, inherited, " \
    "structure_dated_ms, merged_into"

static bool take_import(struct store *store, struct arena *arena, struct stmt *stmt,
                        struct directory_service *ret, struct err *err)
{
    Maillon__Hfp__V1__ServiceContent *content;
    struct directory_service service = {
        .id = arena_printf(arena, "import/%lld", (long long)stmt_i64(stmt, 0)),
        .is_import = true,
        .uid = "",
        .source = arena_text(arena, stmt_text(stmt, 1)),
        .record = arena_text(arena, stmt_text(stmt, 2)),
        .structure = arena_text(arena, stmt_text(stmt, 3)),
        .siret = arena_text(arena, stmt_text(stmt, 4)),
        .extra = arena_text(arena, stmt_text(stmt, 6)),
        .dated_ms = stmt_i64(stmt, 7),
        .imported_ms = stmt_i64(stmt, 8),
        .inherited = (unsigned)stmt_i64(stmt, 9),
        .structure_dated_ms = stmt_i64(stmt, 10),
        .merged_into = stmt_i64(stmt, 11),
        .distance_km = -1,
    };
    struct directory_filled *filled;
    content = wire_unpack(&maillon__hfp__v1__service_content__descriptor, stmt_bytes(stmt, 5),
                          arena, err);
    if (!content)
        return err_set(err, ERR_IO, "a stored service is damaged");
    if (!merge_fill(store, arena, stmt_i64(stmt, 0), content, &filled, &service.filled_count, err))
        return false;
    service.content = content;
    service.filled = filled;
    service.owner_name = service.content->structure_name;
    *ret = service;
    return true;
}

bool directory_get_entry(struct store *store, struct arena *arena, int64_t entry,
                         struct directory_service *ret, struct err *err)
{
    bool is_import = entry > ENTRY_IMPORTS;
    AUTO(stmt_release)
    struct stmt *stmt =
        is_import
            ? stmt_get(store, "SELECT " IMPORT_COLUMNS " FROM import_record WHERE id = ?1", err)
            : stmt_get(store,
                       "SELECT " SERVICE_COLUMNS
                       " FROM service WHERE id = ?1 AND content IS NOT NULL",
                       err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, is_import ? entry - ENTRY_IMPORTS : entry);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "no such service");
    return is_import ? take_import(store, arena, stmt, ret, err)
                     : take_service(store, arena, stmt, ret, err);
}

bool directory_find_service(struct store *store, struct arena *arena, const char *id,
                            struct directory_service *ret, struct err *err)
{
    int64_t number;
    if (strncmp(id, "import/", 7) == 0) {
        if (!text_parse_i64(id + 7, &number) || number <= 0 || number > INT64_MAX - ENTRY_IMPORTS)
            return err_set(err, ERR_INVALID, "not a service id");
        return directory_get_entry(store, arena, ENTRY_IMPORTS + number, ret, err);
    }
    const char *slash = strchr(id, '/');
    struct node_id node;
    if (!slash || strlen(slash + 1) > SERVICE_UID_MAX ||
        !node_id_parse(arena_textn(arena, id, (size_t)(slash - id)), &node))
        return err_set(err, ERR_INVALID, "not a service id: expected NODE/UID");
    struct service_row row;
    if (!service_row_find(store, arena, &node, slash + 1, &row, err))
        return false;
    if (!row.id || !row.content)
        return err_set(err, ERR_UNKNOWN, "no such service");
    return directory_get_entry(store, arena, row.id, ret, err);
}

bool directory_list_own(struct store *store, struct arena *arena, struct directory_service **ret,
                        size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " SERVICE_COLUMNS " FROM service WHERE ours = 1 AND "
                                 "content IS NOT NULL ORDER BY uid LIMIT ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, SERVICES_PER_NODE);
    struct directory_service *list = arena_alloc(arena, SERVICES_PER_NODE * sizeof(*list));
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        if (!take_service(store, arena, stmt, &list[count++], err))
            return false;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool directory_list_imports(struct store *store, struct arena *arena, int64_t after, size_t limit,
                            struct directory_service **ret, size_t *ret_count, int64_t *ret_last,
                            struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT " IMPORT_COLUMNS " FROM import_record WHERE id > ?1 ORDER BY id LIMIT ?2",
        err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, after);
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    struct directory_service *list = arena_alloc(arena, limit * sizeof(*list));
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        *ret_last = stmt_i64(stmt, 0);
        if (!take_import(store, arena, stmt, &list[count++], err))
            return false;
    }
    *ret = list;
    *ret_count = count;
    return true;
}
