/* Custody: blobs, quotas, expiry (R-RE-2, R-RE-3). */
#include "hub/domain/relay.h"

#include "hub/domain/relation.h"

#define RETRY_FULL_S 3600 /* room comes with receipts of the destination, or with expiry */
#define FORWARD_MS   60000
#define AT_ONCE      500
#define TICK_MS      60000

const struct relay_limits relay_limits = {
    .dest_bytes = RELAY_DEST_BYTES,
    .dest_blobs = RELAY_DEST_BLOBS,
    .from_dest_bytes = RELAY_FROM_DEST_BYTES,
    .from_bytes = RELAY_FROM_BYTES,
};

static bool is_held(struct tx *tx, int64_t dest, const struct oid *blob, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT 1 FROM relay_blob WHERE dest = ?1 AND blob = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, dest);
    stmt_bind_bytes(stmt, 2, oid_bytes(blob));
    return stmt_next(stmt, ret, err);
}

/** Bytes and blobs that are held: for `dest`, by `injector`, or both; 0: any. */
static bool used(struct tx *tx, int64_t dest, int64_t injector, int64_t *ret_bytes,
                 int64_t *ret_blobs, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        dest && injector
            ? stmt_get(tx->store,
                       "SELECT bytes, blobs FROM relay_use WHERE dest = ?1 AND injector = ?2", err)
        : dest ? stmt_get(tx->store, "SELECT sum(bytes), sum(blobs) FROM relay_use WHERE dest = ?1",
                          err)
               : stmt_get(tx->store,
                          "SELECT sum(bytes), sum(blobs) FROM relay_use WHERE injector = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, dest ? dest : injector);
    if (dest && injector)
        stmt_bind_i64(stmt, 2, injector);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read what a relay holds");
    *ret_bytes = row ? stmt_i64(stmt, 0) : 0;
    *ret_blobs = row ? stmt_i64(stmt, 1) : 0;
    return true;
}

static bool has_room(struct tx *tx, const struct relay_limits *limits, int64_t dest,
                     int64_t injector, int64_t size, bool *ret, struct err *err)
{
    int64_t dest_bytes, dest_blobs, pair_bytes, from_bytes, ignored;
    if (!used(tx, dest, 0, &dest_bytes, &dest_blobs, err) ||
        !used(tx, dest, injector, &pair_bytes, &ignored, err) ||
        !used(tx, 0, injector, &from_bytes, &ignored, err))
        return false;
    *ret = dest_blobs < limits->dest_blobs && dest_bytes + size <= limits->dest_bytes &&
           pair_bytes + size <= limits->from_dest_bytes && from_bytes + size <= limits->from_bytes;
    return true;
}

static bool count_use(struct tx *tx, int64_t dest, int64_t injector, int64_t blobs, int64_t bytes,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO relay_use (dest, injector, blobs, bytes)"
                                 " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (dest, injector)"
                                 " DO UPDATE SET blobs = blobs + excluded.blobs,"
                                 " bytes = bytes + excluded.bytes",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, dest);
    stmt_bind_i64(stmt, 2, injector);
    stmt_bind_i64(stmt, 3, blobs);
    stmt_bind_i64(stmt, 4, bytes);
    return stmt_run(stmt, err);
}

static bool store_blob(struct tx *tx, const struct relay_deposit *deposit, int64_t dest,
                       int64_t injector, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO relay_blob (dest, injector, hops_left, size, received_ms,"
                 " forwarded_ms, expires_s, blob, sealed)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, dest);
    stmt_bind_i64(stmt, 2, injector);
    stmt_bind_i64(stmt, 3, deposit->hops_left);
    stmt_bind_i64(stmt, 4, (int64_t)deposit->sealed.len);
    stmt_bind_i64(stmt, 5, tx->now.ms);
    stmt_bind_i64(stmt, 6, (int64_t)deposit->expires_s);
    stmt_bind_bytes(stmt, 7, oid_bytes(&deposit->blob));
    stmt_bind_bytes(stmt, 8, deposit->sealed);
    return stmt_run(stmt, err) &&
           count_use(tx, dest, injector, 1, (int64_t)deposit->sealed.len, err);
}

bool relay_take(struct tx *tx, const struct relay_limits *limits,
                const struct relay_deposit *deposit, enum relay_answer *ret, uint32_t *ret_retry_s,
                struct err *err)
{
    struct relay_peer peer;
    int64_t dest, injector;
    bool held, room;
    *ret_retry_s = 0;
    *ret = RELAY_UNKNOWN;
    if (!relay_peer_find(tx->store, &deposit->dest, tx->now, &peer, err) ||
        !relation_row_id(tx->store, &deposit->dest, &dest, err) ||
        !relation_row_id(tx->store, &deposit->injector, &injector, err))
        return err_wrap(err, "take a blob into custody");
    if (!peer.relays_for || !dest || !injector || dest == injector)
        return true;
    if (!is_held(tx, dest, &deposit->blob, &held, err))
        return err_wrap(err, "take a blob into custody");
    *ret = RELAY_HELD;
    if (held)
        return true;
    if (!has_room(tx, limits, dest, injector, (int64_t)deposit->sealed.len, &room, err))
        return false;
    if (!room) {
        *ret = RELAY_QUOTA;
        *ret_retry_s = RETRY_FULL_S;
        return true;
    }
    return store_blob(tx, deposit, dest, injector, err) ||
           err_wrap(err, "take a blob into custody");
}

static bool remove_blob(struct tx *tx, int64_t id, int64_t dest, int64_t injector, int64_t size,
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM relay_blob WHERE id = ?1", err);
    AUTO(stmt_release)
    struct stmt *empty = stmt_get(
        tx->store, "DELETE FROM relay_use WHERE dest = ?1 AND injector = ?2 AND blobs <= 0", err);
    if (!stmt || !empty)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(empty, 1, dest);
    stmt_bind_i64(empty, 2, injector);
    return stmt_run(stmt, err) && count_use(tx, dest, injector, -1, -size, err) &&
           stmt_run(empty, err);
}

bool relay_free(struct tx *tx, const struct node_id *dest, const struct oid *blob, bool *ret_found,
                struct node_id *ret_injector, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT b.id, b.dest, b.injector, b.size, i.node FROM relay_blob b"
                                 " JOIN peer p ON p.id = b.dest JOIN peer i ON i.id = b.injector"
                                 " WHERE p.node = ?1 AND b.blob = ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(dest));
    stmt_bind_bytes(stmt, 2, oid_bytes(blob));
    if (!stmt_next(stmt, ret_found, err))
        return err_wrap(err, "find a blob in custody");
    if (!*ret_found)
        return true;
    if (!stmt_copy(stmt, 4, ret_injector->b, NODE_ID_BYTES))
        return err_set(err, ERR_IO, "a node id is damaged");
    int64_t id = stmt_i64(stmt, 0), to = stmt_i64(stmt, 1), from = stmt_i64(stmt, 2),
            size = stmt_i64(stmt, 3);
    stmt_reset(stmt);
    return remove_blob(tx, id, to, from, size, err) || err_wrap(err, "free a blob in custody");
}

bool relay_forwarded(struct tx *tx, int64_t id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE relay_blob SET forwarded_ms = ?2 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, tx->now.ms);
    return stmt_run(stmt, err);
}

bool relay_read(struct store *store, struct arena *arena, const struct node_id *dest, int64_t after,
                bool forward, size_t limit, size_t max_bytes, struct wall now,
                struct relay_blob **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT id, hops_left, blob, sealed FROM relay_blob"
                 " WHERE dest = (SELECT id FROM peer WHERE node = ?1) AND id > ?2"
                 " AND expires_s > ?3 AND (?4 = 0 OR (hops_left > 0 AND forwarded_ms = 0"
                 " AND received_ms <= ?5)) ORDER BY id LIMIT ?6",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(dest));
    stmt_bind_i64(stmt, 2, after);
    stmt_bind_i64(stmt, 3, now.ms / 1000);
    stmt_bind_i64(stmt, 4, forward);
    stmt_bind_i64(stmt, 5, now.ms - FORWARD_MS);
    stmt_bind_i64(stmt, 6, (int64_t)limit);
    struct relay_blob *list = arena_alloc(arena, (limit + 1) * sizeof *list);
    size_t count = 0;
    for (size_t size = 0; count < limit && (!count || size < max_bytes); count++) {
        bool row;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read blobs in custody");
        if (!row)
            break;
        list[count].id = stmt_i64(stmt, 0);
        list[count].hops_left = (uint32_t)stmt_i64(stmt, 1);
        if (!stmt_copy(stmt, 2, list[count].blob.b, OID_BYTES))
            return err_set(err, ERR_IO, "the id of a blob in custody is damaged");
        list[count].sealed = arena_bytes(arena, stmt_bytes(stmt, 3));
        size += list[count].sealed.len;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool relay_held(struct store *store, struct arena *arena, struct relay_held **ret,
                size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *count_all = stmt_get(store, "SELECT count(DISTINCT dest) FROM relay_blob", err);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT p.node, count(*), sum(b.size), min(b.received_ms)"
                                 " FROM relay_blob b JOIN peer p ON p.id = b.dest GROUP BY b.dest",
                                 err);
    bool row;
    if (!count_all || !stmt || !stmt_next(count_all, &row, err))
        return false;
    size_t cap = (size_t)stmt_i64(count_all, 0), count = 0;
    struct relay_held *list = arena_alloc(arena, (cap + 1) * sizeof *list);
    for (; count < cap; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "count blobs in custody");
        if (!row)
            break;
        list[count].blobs = stmt_i64(stmt, 1);
        list[count].bytes = stmt_i64(stmt, 2);
        list[count].oldest_ms = stmt_i64(stmt, 3);
        if (!stmt_copy(stmt, 0, list[count].dest.b, NODE_ID_BYTES))
            return err_set(err, ERR_IO, "a node id is damaged");
    }
    *ret = list;
    *ret_count = count;
    return true;
}

struct expired {
    int64_t id, dest, injector, size;
};

bool relay_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    struct expired *rows = NULL;
    size_t count = 0;
    ret_next->ms = tx->now.ms + TICK_MS;
    {
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(tx->store,
                                     "SELECT id, dest, injector, size FROM relay_blob"
                                     " WHERE expires_s <= ?1 LIMIT ?2",
                                     err);
        if (!stmt)
            return false;
        stmt_bind_i64(stmt, 1, tx->now.ms / 1000);
        stmt_bind_i64(stmt, 2, AT_ONCE);
        for (bool row; count < AT_ONCE; count++) {
            if (!stmt_next(stmt, &row, err))
                return err_wrap(err, "look for expired blobs");
            if (!row)
                break;
            if (!rows)
                rows = arena_alloc(tx->arena, AT_ONCE * sizeof *rows);
            rows[count] = (struct expired){stmt_i64(stmt, 0), stmt_i64(stmt, 1), stmt_i64(stmt, 2),
                                           stmt_i64(stmt, 3)};
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!remove_blob(tx, rows[i].id, rows[i].dest, rows[i].injector, rows[i].size, err))
            return err_wrap(err, "free an expired blob");
    }
    if (count == AT_ONCE)
        ret_next->ms = tx->now.ms;
    return true;
}
