#include "hub/domain/object.h"

/* So that one tick never holds up the group it is in. */
#define FORGET_AT_ONCE 500

bool object_find(struct store *store, const struct oid *oid, bool *ret_found,
                 struct object_row *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT id, state, receipt FROM object WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find object");
    if (row)
        *ret = (struct object_row){
            .id = stmt_i64(stmt, 0),
            .state = (enum object_state)stmt_i64(stmt, 1),
            .receipt = stmt_i64(stmt, 2),
        };
    *ret_found = row;
    return true;
}

/* F30: the oid is a checksum of type and body; a flipped signature shows when it is verified. */
static bool is_whole(struct arena *arena, struct bytes bytes, const struct oid *oid)
{
    struct envelope envelope;
    struct err why = {0};
    return envelope_open(bytes, arena, &envelope, &why) && oid_equal(&envelope.oid, oid);
}

bool object_get(struct store *store, struct arena *arena, const struct oid *oid, bool *ret_found,
                struct object_row *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT id, state, receipt, bytes FROM object WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read object");
    if (row)
        *ret = (struct object_row){
            .id = stmt_i64(stmt, 0),
            .state = (enum object_state)stmt_i64(stmt, 1),
            .receipt = stmt_i64(stmt, 2),
            .bytes = arena_bytes(arena, stmt_bytes(stmt, 3)),
            .damaged = !is_whole(arena, stmt_bytes(stmt, 3), oid),
        };
    *ret_found = row && !ret->damaged;
    return true;
}

/* R-PD-11: events of a chain stay while it is open, however long ago they expired. */
static bool is_of_chain(const char *type)
{
    return strcmp(type, TYPE_REFERRAL) == 0 || strcmp(type, TYPE_CLAIM) == 0;
}

static bool insert(struct tx *tx, const char *type, struct bytes signed_bytes,
                   const struct oid *oid, const struct node_id *author, uint64_t expires_s,
                   enum object_state state, int64_t *ret_id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO object (oid, author, state, held, receipt, expires_s, bytes)"
                 " VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_bytes(stmt, 2, node_id_bytes(author));
    stmt_bind_i64(stmt, 3, state);
    stmt_bind_i64(stmt, 4, is_of_chain(type));
    stmt_bind_i64(stmt, 5, expires_s > INT64_MAX ? 0 : (int64_t)expires_s);
    stmt_bind_bytes(stmt, 6, signed_bytes);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "store object");
    if (ret_id)
        *ret_id = store_last_id(tx->store);
    return true;
}

bool object_add(struct tx *tx, const struct envelope *envelope, const struct node_id *author,
                uint64_t expires_s, enum object_state state, int64_t *ret_id, struct err *err)
{
    return insert(tx, envelope->type, envelope->bytes, &envelope->oid, author, expires_s, state,
                  ret_id, err);
}

bool object_add_own(struct tx *tx, const char *type, struct bytes signed_bytes,
                    const struct oid *oid, uint64_t expires_s, int64_t *ret_id, struct err *err)
{
    return insert(tx, type, signed_bytes, oid, identity_node(tx->self), expires_s, OBJECT_APPLIED,
                  ret_id, err) ||
           (err->code == ERR_CONFLICT &&
            err_set(err, ERR_CONFLICT, "the same was said a moment ago: it counts once"));
}

/* Runs an update whose ?1 is the oid and ?2 the value. */
static bool update(struct tx *tx, const char *sql, const struct oid *oid, int64_t value,
                   struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_i64(stmt, 2, value);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "change object");
    return store_changes(tx->store) == 1 || err_set(err, ERR_UNKNOWN, "no such object");
}

bool object_set_state(struct tx *tx, const struct oid *oid, enum object_state state,
                      struct err *err)
{
    return update(tx, "UPDATE object SET state = ?2 WHERE oid = ?1", oid, state, err);
}

bool object_set_receipt(struct tx *tx, const struct oid *oid, int64_t receipt, struct err *err)
{
    return update(tx, "UPDATE object SET receipt = ?2 WHERE oid = ?1", oid, receipt, err);
}

bool object_set_held(struct tx *tx, const struct oid *oid, bool held, struct err *err)
{
    return update(tx, "UPDATE object SET held = ?2 WHERE oid = ?1", oid, held, err);
}

bool object_tick(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "DELETE FROM object WHERE id IN (SELECT o.id FROM object o"
                 " WHERE o.held = 0 AND o.expires_s > 0 AND o.expires_s <= ?1"
                 " AND NOT EXISTS (SELECT 1 FROM journal j WHERE j.object = o.id) LIMIT ?2)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms / 1000 - DEDUP_EXTRA_S);
    stmt_bind_i64(stmt, 2, FORGET_AT_ONCE);
    return stmt_run(stmt, err) || err_wrap(err, "forget expired objects");
}

bool object_set_proof(struct tx *tx, const struct oid *oid, const struct oid *receipt,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE object SET proof = (SELECT id FROM object WHERE oid = ?2)"
                                 " WHERE oid = ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_bytes(stmt, 2, oid_bytes(receipt));
    return stmt_run(stmt, err) || err_wrap(err, "remember a receipt");
}

bool object_proof(struct store *store, struct arena *arena, const struct oid *oid, int64_t *ret_row,
                  struct bytes *ret_receipt, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT p.id, p.bytes FROM object o"
                                 " JOIN object p ON p.id = o.proof WHERE o.oid = ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read a receipt");
    *ret_row = row ? stmt_i64(stmt, 0) : 0;
    *ret_receipt = row ? arena_bytes(arena, stmt_bytes(stmt, 1)) : (struct bytes){0};
    return true;
}
