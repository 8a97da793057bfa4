#include "hub/outbox/outbox.h"

#include "hub/crypto/secret.h"
#include "hub/domain/object.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox_internal.h"

#include <assert.h>

/* *ret_found false: there is no such row yet, or its queue is full. */
static bool find_place(struct tx *tx, const struct node_id *peer, unsigned lane, size_t rows,
                       size_t bytes, bool *ret_found, int64_t *ret_peer, int64_t *ret_seq,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT l.peer, l.tx + 1 FROM peer p JOIN link l ON l.peer = p.id"
                                 " WHERE p.node = ?1 AND l.lane = ?2 AND (?3 = 0"
                                 " OR (l.waiting_rows < ?5 AND l.waiting_bytes + ?4 <= ?6))",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, lane);
    stmt_bind_i64(stmt, 3, (int64_t)rows);
    stmt_bind_i64(stmt, 4, (int64_t)bytes);
    stmt_bind_i64(stmt, 5, OUTBOX_ROWS_MAX);
    stmt_bind_i64(stmt, 6, OUTBOX_BYTES_MAX);
    if (!stmt_next(stmt, ret_found, err))
        return err_wrap(err, "find a place in a lane");
    if (*ret_found) {
        *ret_peer = stmt_i64(stmt, 0);
        *ret_seq = stmt_i64(stmt, 1);
    }
    return true;
}

/* Two statements: RETURNING would build a table for its one row. */
static bool take_seq(struct tx *tx, const struct node_id *peer, unsigned lane, size_t rows,
                     size_t bytes, bool *ret_taken, int64_t *ret_peer, int64_t *ret_seq,
                     struct err *err)
{
    if (!find_place(tx, peer, lane, rows, bytes, ret_taken, ret_peer, ret_seq, err))
        return false;
    if (!*ret_taken)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "UPDATE link SET tx = ?3, waiting_rows = waiting_rows + ?4,"
                 " waiting_bytes = waiting_bytes + ?5 WHERE peer = ?1 AND lane = ?2",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, *ret_peer);
    stmt_bind_i64(stmt, 2, lane);
    stmt_bind_i64(stmt, 3, *ret_seq);
    stmt_bind_i64(stmt, 4, (int64_t)rows);
    stmt_bind_i64(stmt, 5, (int64_t)bytes);
    return stmt_run(stmt, err) || err_wrap(err, "take a place in a lane");
}

/* ERR_UNKNOWN: no such peer. ERR_LIMIT: the row was there, so its queue is full. */
static bool add_link(struct tx *tx, const struct node_id *peer, unsigned lane, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO link (peer, lane) SELECT id, ?2 FROM peer"
                                 " WHERE node = ?1 ON CONFLICT (peer, lane) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, lane);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "open a lane");
    if (store_changes(tx->store) == 1)
        return true;
    AUTO(stmt_release)
    struct stmt *find = stmt_get(tx->store, "SELECT 1 FROM peer WHERE node = ?1", err);
    if (!find)
        return false;
    stmt_bind_bytes(find, 1, node_id_bytes(peer));
    bool known;
    if (!stmt_next(find, &known, err))
        return false;
    char text[NODE_ID_SHORT];
    node_id_short(peer, text);
    if (!known)
        return err_set(err, ERR_UNKNOWN, "no peer %s here", text);
    return err_set(err, ERR_LIMIT, "the queue for %s is full: it has to be reachable again first",
                   text);
}

bool outbox_next_seq(struct tx *tx, const struct node_id *peer, unsigned lane, size_t rows,
                     size_t bytes, int64_t *ret_peer, int64_t *ret_seq, struct err *err)
{
    bool taken;
    if (!take_seq(tx, peer, lane, rows, bytes, &taken, ret_peer, ret_seq, err))
        return false;
    if (taken)
        return true;
    if (!add_link(tx, peer, lane, err) ||
        !take_seq(tx, peer, lane, rows, bytes, &taken, ret_peer, ret_seq, err))
        return false;
    return taken || err_set(err, ERR_LIMIT, "this object alone is too large for a queue");
}

bool outbox_queue(struct tx *tx, const struct outbox_new *row, struct err *err)
{
    int64_t peer, seq;
    /* Receipts are not counted: a full queue must not keep us from freeing the peer's. */
    bool counted = row->freed_by == OUTBOX_FREE_ON_RECEIPT;
    if (!outbox_next_seq(tx, row->peer, row->lane, counted, counted ? row->sealed.len : 0, &peer,
                         &seq, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO outbox (peer, lane, link_seq, due_ms, freed_by, attempts, acked_ms,"
                 " created_ms, expires_s, size, oid, sealed_id, receipt, sealed, personal_key,"
                 " personal) VALUES (?1, ?2, ?3, 0, ?4, 0, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                 " ?13)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, peer);
    stmt_bind_i64(stmt, 2, row->lane);
    stmt_bind_i64(stmt, 3, seq);
    stmt_bind_i64(stmt, 4, row->freed_by);
    stmt_bind_i64(stmt, 5, tx->now.ms);
    stmt_bind_i64(stmt, 6, (int64_t)row->expires_s);
    stmt_bind_i64(stmt, 7, (int64_t)row->sealed.len);
    stmt_bind_bytes(stmt, 8, oid_bytes(row->oid));
    stmt_bind_bytes(stmt, 9, oid_bytes(row->sealed_id));
    if (row->receipt > 0)
        stmt_bind_i64(stmt, 10, row->receipt);
    else
        stmt_bind_bytes(stmt, 11, row->sealed);
    stmt_bind_bytes(stmt, 12, row->personal_key);
    stmt_bind_bytes(stmt, 13, row->personal);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "queue an object");
    tx_effect(tx, EFFECT_OUTBOX, row->peer, 0);
    return true;
}

bool outbox_add(struct tx *tx, const struct node_id *peer, unsigned lane, struct bytes sealed,
                const struct oid *sealed_id, const struct oid *oid, uint64_t expires_s,
                enum outbox_free freed_by, struct err *err)
{
    return outbox_queue(tx,
                        &(struct outbox_new){
                            .peer = peer,
                            .lane = lane,
                            .freed_by = freed_by,
                            .oid = oid,
                            .sealed_id = sealed_id,
                            .expires_s = expires_s,
                            .sealed = sealed,
                        },
                        err);
}

/* The personal part is sealed to the peer, so we could not read it back when the peer has lost the
 * key. A copy under a key of its own waits beside it, as short as the row itself. */
static void keep_personal(struct tx *tx, const struct parcel_draft *draft, const struct oid *oid,
                          uint8_t wrapped[WRAPPED_KEY_BYTES], struct buf *stored)
{
    AUTO(buf_done) struct buf plain = {0};
    buf_reserve(&plain, draft->salt.len + draft->payload.len);
    buf_add_bytes(&plain, draft->salt);
    buf_add_bytes(&plain, draft->payload);
    struct data_key key;
    random_fill(tx->random, key.b, sizeof(key.b));
    identity_wrap(tx->self, tx->random, &key, wrapped);
    data_encrypt(&key, tx->random, oid_bytes(oid), buf_bytes(&plain), stored);
    secret_wipe(&key, sizeof(key));
    secret_wipe(plain.data, plain.len);
}

bool outbox_send(struct tx *tx, const struct parcel_draft *draft, struct oid *ret_oid,
                 struct err *err)
{
    AUTO(buf_done) struct buf object = {0};
    AUTO(buf_done) struct buf sealed = {0};
    AUTO(buf_done) struct buf personal = {0};
    uint8_t key[X25519_KEY_BYTES], wrapped[WRAPPED_KEY_BYTES];
    struct oid oid, sealed_id;
    identity_sign(tx->self, draft->type, draft->body, &object, &oid);
    struct parcel parcel = {buf_bytes(&object), draft->payload, draft->salt};
    if (!relation_enc_key(tx->store, draft->peer, tx->now, key, err) ||
        !object_add_own(tx, draft->type, buf_bytes(&object), &oid, draft->expires_s, NULL, err) ||
        !seal_parcel(&parcel, draft->peer, key, draft->expires_s, tx->random, &sealed, &sealed_id,
                     err))
        return false;
    struct outbox_new row = {
        .peer = draft->peer,
        .lane = draft->lane,
        .freed_by = OUTBOX_FREE_ON_RECEIPT,
        .oid = &oid,
        .sealed_id = &sealed_id,
        .expires_s = draft->expires_s,
        .sealed = buf_bytes(&sealed),
    };
    if (draft->payload.len > 0) {
        assert(draft->salt.len == SALT_BYTES);
        keep_personal(tx, draft, &oid, wrapped, &personal);
        row.personal_key = bytes_of(wrapped, sizeof(wrapped));
        row.personal = buf_bytes(&personal);
    }
    if (!outbox_queue(tx, &row, err))
        return false;
    if (ret_oid)
        *ret_oid = oid;
    return true;
}

bool outbox_lane(struct store *store, const struct node_id *peer, unsigned lane,
                 struct outbox_lane *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT l.peer, l.tx, l.acked, l.rx FROM peer p"
                                 " JOIN link l ON l.peer = p.id"
                                 " WHERE p.node = ?1 AND l.lane = ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, lane);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read how far a lane is");
    *ret = (struct outbox_lane){0};
    if (row)
        *ret = (struct outbox_lane){
            .peer = stmt_i64(stmt, 0),
            .sent = stmt_i64(stmt, 1),
            .acked = stmt_i64(stmt, 2),
            .received = stmt_i64(stmt, 3),
        };
    return true;
}

bool outbox_lane_run(struct tx *tx, const char *sql, const struct node_id *peer, unsigned lane,
                     int64_t number, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, lane);
    stmt_bind_i64(stmt, 3, number);
    return stmt_run(stmt, err);
}

bool outbox_rx_cursor(struct store *store, const struct node_id *peer, unsigned lane, uint64_t *ret,
                      struct err *err)
{
    struct outbox_lane state;
    if (!outbox_lane(store, peer, lane, &state, err))
        return false;
    *ret = (uint64_t)state.received;
    return true;
}

bool outbox_set_rx_cursor(struct tx *tx, const struct node_id *peer, unsigned lane,
                          uint64_t link_seq, struct err *err)
{
    if (link_seq > INT64_MAX)
        return err_set(err, ERR_PEER, "a link_seq is out of range");
    return outbox_lane_run(
               tx,
               "INSERT INTO link (peer, lane, rx) SELECT id, ?2, ?3 FROM peer WHERE node = ?1"
               " ON CONFLICT (peer, lane) DO UPDATE SET rx = excluded.rx"
               " WHERE link.rx < excluded.rx",
               peer, lane, (int64_t)link_seq, err) ||
           err_wrap(err, "move a receive cursor");
}

bool outbox_read(struct store *store, struct arena *arena, const struct node_id *peer,
                 unsigned lane, uint64_t after, size_t limit, size_t max_bytes, struct wall now,
                 struct outbox_item **ret, size_t *ret_count, struct err *err)
{
    /* Rows that are not due have a negative link_seq. */
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT o.link_seq, o.sealed_id, coalesce(o.sealed, r.sealed) FROM outbox o"
                 " LEFT JOIN receipt r ON r.id = o.receipt"
                 " WHERE o.peer = (SELECT id FROM peer WHERE node = ?1) AND o.lane = ?2"
                 " AND o.link_seq > ?3 AND o.expires_s > ?4 ORDER BY o.link_seq LIMIT ?5",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, lane);
    stmt_bind_i64(stmt, 3, after > INT64_MAX ? INT64_MAX : (int64_t)after);
    stmt_bind_i64(stmt, 4, now.ms / 1000);
    stmt_bind_i64(stmt, 5, (int64_t)limit);
    struct outbox_item *items = arena_alloc(arena, limit * sizeof(*items));
    size_t count = 0;
    for (size_t size = 0; count < limit && (count == 0 || size < max_bytes); count++) {
        bool row;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read the queue for a peer");
        if (!row)
            break;
        items[count].link_seq = (uint64_t)stmt_i64(stmt, 0);
        if (!stmt_copy(stmt, 1, items[count].sealed_id.b, OID_BYTES))
            return err_set(err, ERR_IO, "the id of a queued object is damaged");
        items[count].sealed = arena_bytes(arena, stmt_bytes(stmt, 2));
        size += items[count].sealed.len;
    }
    *ret = items;
    *ret_count = count;
    return true;
}

bool outbox_count(struct store *store, const struct node_id *peer, uint64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = peer ? stmt_get(store,
                                        "SELECT count(*) FROM outbox"
                                        " WHERE peer = (SELECT id FROM peer WHERE node = ?1)",
                                        err)
                             : stmt_get(store, "SELECT count(*) FROM outbox", err);
    if (!stmt)
        return false;
    if (peer)
        stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "count the queue");
    *ret = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

/* Acked: noted by outbox_tick, or covered by the last hop ack of its lane. */
#define IS_ACKED "(o.acked_ms > 0 OR (o.link_seq > 0 AND o.link_seq <= l.acked))"

bool outbox_list(struct store *store, struct arena *arena, const struct node_id *peer, size_t limit,
                 struct outbox_row **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store,
        "SELECT p.node, o.lane, o.link_seq, o.oid, " IS_ACKED ", o.created_ms,"
        " o.expires_s, o.attempts, o.size, o.relayed FROM outbox o JOIN peer p ON p.id = o.peer"
        " JOIN link l ON l.peer = o.peer AND l.lane = o.lane"
        " WHERE ?1 IS NULL OR p.node = ?1 ORDER BY o.id LIMIT ?2",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, peer ? node_id_bytes(peer) : (struct bytes){0});
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    struct outbox_row *rows = arena_alloc(arena, limit * sizeof(*rows));
    size_t count = 0;
    for (bool more; count < limit; count++) {
        if (!stmt_next(stmt, &more, err))
            return err_wrap(err, "list the queue");
        if (!more)
            break;
        int64_t seq = stmt_i64(stmt, 2);
        rows[count] = (struct outbox_row){
            .lane = (unsigned)stmt_i64(stmt, 1),
            .link_seq = seq > 0 ? (uint64_t)seq : 0,
            .acked = stmt_i64(stmt, 4) != 0,
            .created_ms = stmt_i64(stmt, 5),
            .expires_s = (uint64_t)stmt_i64(stmt, 6),
            .attempts = (uint32_t)stmt_i64(stmt, 7),
            .bytes = (size_t)stmt_i64(stmt, 8),
            .relayed = stmt_i64(stmt, 9) != 0,
        };
        if (!stmt_copy(stmt, 0, rows[count].peer.b, NODE_ID_BYTES) ||
            !stmt_copy(stmt, 3, rows[count].oid.b, OID_BYTES))
            return err_set(err, ERR_IO, "an id in the queue is damaged");
    }
    *ret = rows;
    *ret_count = count;
    return true;
}

static const char *lost_word(const char *why)
{
    return strcmp(why, "cancelled") == 0 ? "cancelled" : "undelivered";
}

bool outbox_delivery(struct store *store, const struct oid *oid, const char **ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *queued = stmt_get(store,
                                   "SELECT " IS_ACKED ", o.relayed FROM outbox o"
                                   " JOIN link l ON l.peer = o.peer AND l.lane = o.lane"
                                   " WHERE o.oid = ?1 AND o.freed_by = 1 ORDER BY 1 LIMIT 1",
                                   err);
    AUTO(stmt_release)
    struct stmt *lost = stmt_get(store, "SELECT why FROM outbox_lost WHERE oid = ?1 LIMIT 1", err);
    if (!queued || !lost)
        return false;
    bool is_queued, is_lost;
    stmt_bind_bytes(queued, 1, oid_bytes(oid));
    stmt_bind_bytes(lost, 1, oid_bytes(oid));
    if (!stmt_next(queued, &is_queued, err) || !stmt_next(lost, &is_lost, err))
        return err_wrap(err, "look where an object is");
    if (is_queued)
        *ret = stmt_i64(queued, 0) ? "acked" : stmt_i64(queued, 1) ? "at-relay" : "sent";
    else
        *ret = is_lost ? lost_word(stmt_text(lost, 0)) : "stored";
    return true;
}
