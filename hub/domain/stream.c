#include "hub/domain/stream.h"

/* Never SQL NULL: NULLs are all different in a key. */
static void bind_key(struct stmt *stmt, const char *type, struct bytes stream)
{
    stmt_bind_text(stmt, 1, type);
    stmt_bind_bytes(stmt, 2, stream.len > 0 ? stream : BYTES_LITERAL(""));
}

bool stream_next(struct tx *tx, const char *type, struct bytes stream, uint64_t *ret_seq,
                 struct oid *ret_prev, bool *ret_has_prev, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT seq, head FROM stream WHERE type = ?1 AND stream = ?2", err);
    if (!stmt)
        return false;
    bind_key(stmt, type, stream);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find the head of an own stream");
    struct oid prev = {0};
    if (row && !stmt_copy(stmt, 1, prev.b, sizeof(prev.b)))
        return err_set(err, ERR_IO, "the head of an own stream is damaged");
    *ret_seq = row ? (uint64_t)stmt_i64(stmt, 0) + 1 : 1;
    *ret_has_prev = row;
    if (row)
        *ret_prev = prev;
    return true;
}

bool stream_set(struct tx *tx, const char *type, struct bytes stream, uint64_t seq,
                const struct oid *oid, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO stream (type, stream, seq, head) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT (type, stream) DO UPDATE SET seq = excluded.seq,"
                 " head = excluded.head WHERE excluded.seq > stream.seq",
                 err);
    if (!stmt)
        return false;
    bind_key(stmt, type, stream);
    stmt_bind_i64(stmt, 3, (int64_t)seq);
    stmt_bind_bytes(stmt, 4, oid_bytes(oid));
    if (!stmt_run(stmt, err))
        return err_wrap(err, "move the head of an own stream");
    return store_changes(tx->store) == 1 ||
           err_set(err, ERR_CONFLICT, "an own stream has moved on already");
}
