/* Bits flip on old disks: every stored object is compared with its oid now and then (F30). */
#include "hub/domain/audit.h"
#include "hub/domain/object.h"

#define WALK_MS      600000
#define WALK_OBJECTS 1000

static bool run(struct tx *tx, const char *sql, struct bytes oid, int64_t first, int64_t second,
                struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, first);
    stmt_bind_i64(stmt, 2, second);
    if (oid.data)
        stmt_bind_bytes(stmt, 3, oid);
    return stmt_run(stmt, err);
}

static bool note_damaged(struct tx *tx, const struct oid *oid, struct err *err)
{
    return run(tx,
               "INSERT INTO object_damaged (oid, found_ms) SELECT ?3, ?1 WHERE ?2 = 0"
               " ON CONFLICT (oid) DO NOTHING",
               oid_bytes(oid), tx->now.ms, 0, err) &&
           (store_changes(tx->store) == 0 || (audit_add(tx, "hub", "object.damaged", oid, err) &&
                                              tx_event(tx, "hub", "disk", "damaged", err)));
}

static bool is_whole(struct arena *arena, struct bytes bytes, const struct oid *oid)
{
    struct envelope envelope;
    struct err why = {0};
    return envelope_open(bytes, arena, &envelope, &why) && oid_equal(&envelope.oid, oid);
}

struct walk {
    struct oid *damaged; /* arena */
    size_t count;
    int64_t last;
    bool end;
};

static bool look(struct tx *tx, int64_t after, struct walk *walk, struct err *err)
{
    AUTO(arena_free) struct arena *scratch = arena_create(0);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT id, oid, bytes FROM object WHERE id > ?1 ORDER BY id LIMIT ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, after);
    stmt_bind_i64(stmt, 2, WALK_OBJECTS);
    walk->damaged = arena_alloc(tx->arena, WALK_OBJECTS * sizeof(*walk->damaged));
    for (size_t n = 0; n < WALK_OBJECTS; n++) {
        bool row;
        struct oid oid;
        if (!stmt_next(stmt, &row, err))
            return false;
        walk->end = !row;
        if (!row)
            return true;
        walk->last = stmt_i64(stmt, 0);
        arena_reset(scratch);
        if (stmt_copy(stmt, 1, oid.b, OID_BYTES) && !is_whole(scratch, stmt_bytes(stmt, 2), &oid))
            walk->damaged[walk->count++] = oid;
    }
    return true;
}

bool object_walk(struct tx *tx, struct wall *ret_next, struct err *err)
{
    struct walk walk = {0};
    int64_t after, due_ms;
    {
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(tx->store, "SELECT after, due_ms FROM object_walk WHERE only_row = 1", err);
        bool row;
        if (!stmt || !stmt_next(stmt, &row, err))
            return false;
        after = row ? stmt_i64(stmt, 0) : 0;
        due_ms = row ? stmt_i64(stmt, 1) : INT64_MAX;
    }
    ret_next->ms = due_ms;
    if (tx->now.ms < due_ms)
        return true;
    if (!look(tx, after, &walk, err))
        return err_wrap(err, "look for damaged objects");
    for (size_t i = 0; i < walk.count; i++)
        if (!note_damaged(tx, &walk.damaged[i], err))
            return err_wrap(err, "note a damaged object");
    ret_next->ms = tx->now.ms + WALK_MS;
    return run(tx, "UPDATE object_walk SET after = ?1, due_ms = ?2 WHERE only_row = 1",
               (struct bytes){0}, walk.end ? 0 : walk.last, ret_next->ms, err);
}

bool object_mend(struct tx *tx, const struct envelope *envelope, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *gone = stmt_get(tx->store, "DELETE FROM object_damaged WHERE oid = ?1", err);
    if (!gone)
        return false;
    stmt_bind_bytes(gone, 1, oid_bytes(&envelope->oid));
    if (!stmt_run(gone, err))
        return err_wrap(err, "mend an object");
    if (store_changes(tx->store) == 0)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "UPDATE object SET bytes = ?2 WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&envelope->oid));
    stmt_bind_bytes(stmt, 2, envelope->bytes);
    return stmt_run(stmt, err) || err_wrap(err, "mend an object");
}
