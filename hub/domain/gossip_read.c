#include "hub/domain/gossip.h"
#include "hub/domain/object.h"

/*
 * What this hub has blocked, and who contradicts itself about its keys, is not passed on (R-AB-3,
 * R-ID-4) until a person decides otherwise. Charters and memberships are not their author's but the
 * circle's: they hold by the signatures of its stewards, and removals must be heard.
 */
#define NOT_BARRED                                                              \
    " AND ((g.part = 2 AND g.key = g.oid) OR NOT (EXISTS (SELECT 1 FROM peer p" \
    " WHERE p.node = g.author AND p.ours = 'blocked') OR EXISTS (SELECT 1 FROM" \
    " node_key k WHERE k.node = g.author AND k.duplicity = 1)))"

bool gossip_read_set(struct store *store, struct arena *arena, struct bytes scope,
                     enum gossip_set set, struct wall now, const struct gossip_item *after,
                     size_t limit, struct gossip_item **ret, size_t *ret_count, struct err *err)
{
    static const struct gossip_item first;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store,
        "SELECT g.created_s, g.oid FROM gossip_object g WHERE g.scope = ?1 AND g.part = ?2"
        " AND (g.created_s, g.oid) > (?3, ?4) AND g.passed_on = 1 AND g.expires_s > ?5" NOT_BARRED
        " ORDER BY g.created_s, g.oid LIMIT ?6",
        err);
    if (!stmt)
        return false;
    after = after ? after : &first;
    stmt_bind_bytes(stmt, 1, scope);
    stmt_bind_i64(stmt, 2, set);
    stmt_bind_i64(stmt, 3, (int64_t)after->created_s);
    stmt_bind_bytes(stmt, 4, oid_bytes(&after->oid));
    stmt_bind_i64(stmt, 5, now.ms / 1000);
    stmt_bind_i64(stmt, 6, (int64_t)limit);
    struct gossip_item *items = arena_alloc(arena, limit * sizeof *items);
    size_t count = 0;
    for (;;) {
        bool row;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read a gossip set");
        if (!row)
            break;
        items[count].created_s = (uint64_t)stmt_i64(stmt, 0);
        if (!stmt_copy(stmt, 1, items[count++].oid.b, OID_BYTES))
            return err_set(err, ERR_IO, "a row of the gossip set cannot be read");
    }
    *ret = items;
    *ret_count = count;
    return true;
}

#define OBJECT_COLUMNS                                                                        \
    "SELECT g.scope, g.part, g.author, g.created_s, g.expires_s, g.passed_on, o.bytes, g.oid" \
    " FROM gossip_object g JOIN object o ON o.oid = g.oid"

static bool read_object(struct stmt *stmt, struct arena *arena, struct wall now, bool *ret_found,
                        struct gossip_object *ret, struct err *err)
{
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read an object of a circle");
    *ret_found = row && stmt_i64(stmt, 4) > now.ms / 1000;
    if (!*ret_found)
        return true;
    *ret = (struct gossip_object){
        .set = (enum gossip_set)stmt_i64(stmt, 1),
        .created_s = (uint64_t)stmt_i64(stmt, 3),
        .expires_s = (uint64_t)stmt_i64(stmt, 4),
        .passed_on = stmt_i64(stmt, 5) != 0,
        .bytes = arena_bytes(arena, stmt_bytes(stmt, 6)),
    };
    return (stmt_copy(stmt, 0, ret->scope.b, OID_BYTES) &&
            stmt_copy(stmt, 2, ret->author.b, NODE_ID_BYTES) &&
            stmt_copy(stmt, 7, ret->oid.b, OID_BYTES)) ||
           err_set(err, ERR_IO, "a row of the gossip set cannot be read");
}

bool gossip_get(struct store *store, struct arena *arena, const struct oid *oid, struct wall now,
                bool *ret_found, struct gossip_object *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, OBJECT_COLUMNS " WHERE g.oid = ?1" NOT_BARRED, err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    return read_object(stmt, arena, now, ret_found, ret, err);
}

bool gossip_get_row(struct store *store, struct arena *arena, int64_t number, struct wall now,
                    bool *ret_found, struct gossip_object *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, OBJECT_COLUMNS " WHERE g.id = ?1" NOT_BARRED, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, number);
    return read_object(stmt, arena, now, ret_found, ret, err);
}

bool gossip_holds(struct store *store, const struct oid *oid, bool *ret, struct err *err)
{
    struct object_row row;
    return object_find(store, oid, ret, &row, err);
}

bool gossip_salted(struct store *store, const struct node_id *node, struct bytes scope,
                   enum gossip_set set, int64_t *ret_s, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT at_s FROM gossip_salted WHERE node = ?1 AND scope = ?2 AND part = ?3", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_bytes(stmt, 2, scope);
    stmt_bind_i64(stmt, 3, set);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret_s = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool gossip_set_salted(struct tx *tx, const struct node_id *node, struct bytes scope,
                       enum gossip_set set, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO gossip_salted (node, scope, part, at_s) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT (node, scope, part) DO UPDATE SET at_s = excluded.at_s",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_bytes(stmt, 2, scope);
    stmt_bind_i64(stmt, 3, set);
    stmt_bind_i64(stmt, 4, tx->now.ms / 1000);
    return stmt_run(stmt, err);
}
