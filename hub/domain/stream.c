#include "hub/domain/stream.h"

/* Never SQL NULL: NULLs are all different in a key. */
static void bind_key(struct stmt *stmt, const char *type, struct bytes stream)
{
    stmt_bind_text(stmt, 1, type);
    stmt_bind_bytes(stmt, 2, stream.len > 0 ? stream : BYTES_LITERAL(""));
}

static bool find(struct store *store, const char *type, struct bytes stream, uint64_t *ret_seq,
                 struct oid *ret_head, bool *ret_found, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT seq, head FROM stream WHERE type = ?1 AND stream = ?2", err);
    if (!stmt)
        return false;
    bind_key(stmt, type, stream);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find the head of an own stream");
    *ret_found = row;
    *ret_seq = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return !row || stmt_copy(stmt, 1, ret_head->b, OID_BYTES) ||
           err_set(err, ERR_IO, "the head of an own stream is damaged");
}

bool stream_has_gone_back(struct store *store, const char *type, struct bytes stream, uint64_t seq,
                          const struct oid *oid, bool *ret, struct err *err)
{
    uint64_t known = 0;
    struct oid head = {0};
    bool found;
    if (!find(store, type, stream, &known, &head, &found, err))
        return false;
    *ret = seq > known || (seq == known && !oid_equal(&head, oid));
    return true;
}

bool stream_next(struct tx *tx, const char *type, struct bytes stream, uint64_t *ret_seq,
                 struct oid *ret_prev, bool *ret_has_prev, struct err *err)
{
    uint64_t seq = 0;
    if (!find(tx->store, type, stream, &seq, ret_prev, ret_has_prev, err))
        return false;
    *ret_seq = seq + 1;
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
