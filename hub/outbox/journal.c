#include "hub/outbox/journal.h"

#include "hub/domain/relation.h"

static bool next_seq(struct tx *tx, int64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "UPDATE journal_head SET seq = seq + 1 WHERE only_row = 1 RETURNING seq", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_INTERNAL, "the journal has no head");
    *ret = stmt_i64(stmt, 0);
    return true;
}

bool journal_add(struct tx *tx, enum journal_class journal_class, struct bytes key,
                 const struct oid *oid, uint64_t expires_s, struct err *err)
{
    int64_t seq = 0;
    if (!next_seq(tx, &seq, err))
        return err_wrap(err, "append to the journal");
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO journal (seq, class, key, object, expires_s)"
                 " VALUES (?1, ?2, ?3, (SELECT id FROM object WHERE oid = ?4), ?5)"
                 " ON CONFLICT (key) DO UPDATE SET seq = excluded.seq, class = excluded.class,"
                 " object = excluded.object, expires_s = excluded.expires_s",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, seq);
    stmt_bind_i64(stmt, 2, journal_class);
    stmt_bind_bytes(stmt, 3, key);
    stmt_bind_bytes(stmt, 4, oid_bytes(oid));
    stmt_bind_i64(stmt, 5, (int64_t)expires_s);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "append to the journal");
    tx_effect(tx, EFFECT_JOURNAL, NULL, 0);
    return true;
}

bool journal_read(struct store *store, struct arena *arena, uint64_t after, size_t limit,
                  size_t max_bytes, struct wall now, struct journal_item **ret, size_t *ret_count,
                  struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT j.seq, j.class, o.oid, o.bytes FROM journal j"
                                 " JOIN object o ON o.id = j.object"
                                 " WHERE j.seq > ?1 AND (j.expires_s = 0 OR j.expires_s > ?2)"
                                 " ORDER BY j.seq LIMIT ?3",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)after);
    stmt_bind_i64(stmt, 2, now.ms / 1000);
    stmt_bind_i64(stmt, 3, (int64_t)limit);
    struct journal_item *items = arena_alloc(arena, limit * sizeof(*items));
    size_t count = 0;
    for (size_t size = 0; count < limit && (count == 0 || size < max_bytes); count++) {
        bool row;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read the journal");
        if (!row)
            break;
        struct journal_item *item = &items[count];
        item->seq = (uint64_t)stmt_i64(stmt, 0);
        item->journal_class = (enum journal_class)stmt_i64(stmt, 1);
        if (!stmt_copy(stmt, 2, item->oid.b, sizeof(item->oid.b)))
            return err_set(err, ERR_IO, "an object id in the store is damaged");
        item->object = arena_bytes(arena, stmt_bytes(stmt, 3));
        size += item->object.len;
    }
    *ret = items;
    *ret_count = count;
    return true;
}

bool journal_head(struct store *store, uint64_t *ret_seq, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT seq FROM journal_head WHERE only_row = 1", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret_seq = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

bool journal_set_acked(struct tx *tx, const struct node_id *peer, uint64_t seq, struct err *err)
{
    uint64_t head; /* no peer has more than there is, whatever it says */
    if (!journal_head(tx->store, &head, err))
        return false;
    seq = seq < head ? seq : head;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO journal_peer (peer, acked) SELECT id, ?2 FROM peer WHERE node = ?1"
                 " ON CONFLICT (peer) DO UPDATE SET acked = excluded.acked"
                 " WHERE journal_peer.acked < excluded.acked",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, (int64_t)seq);
    return stmt_run(stmt, err) || err_wrap(err, "note what a peer has of the journal");
}

bool journal_reached(struct store *store, const struct oid *oid, uint32_t *ret, struct err *err)
{
    /* A peer whose switch is off was not sent the notices that its acks pass over. */
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT count(*) FROM object o JOIN journal j ON j.object = o.id"
                 " JOIN journal_peer a ON a.acked >= j.seq JOIN peer p ON p.id = a.peer"
                 " WHERE o.oid = ?1 AND p.ours = 'accepted' AND p.theirs = 'accepted'"
                 " AND (j.class <> ?2 OR (p.switches & ?3) <> 0)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_i64(stmt, 2, JOURNAL_NOTICE);
    stmt_bind_i64(stmt, 3, SWITCH_NOTICES_OUT);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "count the peers that have an object");
    *ret = row ? (uint32_t)stmt_i64(stmt, 0) : 0;
    return true;
}

bool journal_tick(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM journal WHERE expires_s > 0 AND expires_s <= ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms / 1000);
    return stmt_run(stmt, err) || err_wrap(err, "forget expired journal rows");
}
