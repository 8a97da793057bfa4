/* Queued objects that go by way of relays (R-RE-1, R-PD-5). Owns table `relay_custody`. */
#include "hub/domain/relation.h"
#include "hub/domain/relay.h"
#include "hub/outbox/outbox_internal.h"
#include "hub/outbox/retry.h"

#define RELAYS_MAX 16
#define SOON_MS    600000 /* delivered that soon after another path was tried: by that path */

bool outbox_away(struct store *store, struct node_id ret[OUTBOX_AWAY_MAX], size_t *ret_count,
                 struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT p.node FROM peer p WHERE EXISTS (SELECT 1 FROM link l JOIN outbox o"
                 " ON o.peer = l.peer AND o.lane = l.lane WHERE l.peer = p.id"
                 " AND o.link_seq > l.acked AND o.due_ms = 0) LIMIT ?1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, OUTBOX_AWAY_MAX);
    size_t count = 0;
    for (bool row; count < OUTBOX_AWAY_MAX; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "look for peers that objects wait for");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, ret[count].b, NODE_ID_BYTES))
            return err_set(err, ERR_IO, "a node id is damaged");
    }
    *ret_count = count;
    return true;
}

bool outbox_read_for_relay(struct store *store, struct arena *arena, const struct node_id *peer,
                           unsigned lane, size_t limit, size_t max_bytes, struct wall now,
                           struct outbox_relayable **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT o.link_seq, o.attempts, o.freed_by, o.oid, o.sealed_id,"
                 " coalesce(o.sealed, r.sealed) FROM peer p JOIN link l ON l.peer = p.id"
                 " JOIN outbox o ON o.peer = l.peer AND o.lane = l.lane"
                 " LEFT JOIN receipt r ON r.id = o.receipt"
                 " WHERE p.node = ?1 AND l.lane = ?2 AND o.link_seq > l.acked AND o.due_ms = 0"
                 " AND o.expires_s > ?3 ORDER BY o.link_seq LIMIT ?4",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, lane);
    stmt_bind_i64(stmt, 3, now.ms / 1000);
    stmt_bind_i64(stmt, 4, (int64_t)limit);
    struct outbox_relayable *list = arena_alloc(arena, (limit + 1) * sizeof *list);
    size_t count = 0;
    for (size_t size = 0; count < limit && (!count || size < max_bytes); count++) {
        bool row;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read the queue for relays");
        if (!row)
            break;
        struct outbox_relayable *item = &list[count];
        *item = (struct outbox_relayable){
            .lane = lane,
            .link_seq = (uint64_t)stmt_i64(stmt, 0),
            .attempts = (uint32_t)stmt_i64(stmt, 1),
            .freed_by = (enum outbox_free)stmt_i64(stmt, 2),
        };
        if (!stmt_copy(stmt, 3, item->oid.b, OID_BYTES) ||
            !stmt_copy(stmt, 4, item->sealed_id.b, OID_BYTES))
            return err_set(err, ERR_IO, "an id in the queue is damaged");
        item->sealed = arena_bytes(arena, stmt_bytes(stmt, 5));
        size += item->sealed.len;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

/* ---- custody ---- */

/* ?1 to ?4: the row as it was read, and no other that has its place since. */
static void bind_item(struct stmt *stmt, int64_t peer, const struct outbox_relayable *item)
{
    stmt_bind_i64(stmt, 1, peer);
    stmt_bind_i64(stmt, 2, item->lane);
    stmt_bind_i64(stmt, 3, (int64_t)item->link_seq);
    stmt_bind_bytes(stmt, 4, oid_bytes(&item->sealed_id));
}

static bool free_receipt(struct tx *tx, int64_t peer, const struct outbox_relayable *item,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "DELETE FROM outbox WHERE peer = ?1 AND lane = ?2"
                                 " AND link_seq = ?3 AND sealed_id = ?4 AND freed_by = 2",
                                 err);
    if (!stmt)
        return false;
    bind_item(stmt, peer, item);
    return stmt_run(stmt, err);
}

/* The row stays in its lane, so that a direct session takes it at once. */
static bool start_clock(struct tx *tx, int64_t peer, const struct outbox_relayable *item,
                        bool *ret_found, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE outbox SET due_ms = ?5, relayed = 1 WHERE peer = ?1"
                                 " AND lane = ?2 AND link_seq = ?3 AND sealed_id = ?4"
                                 " AND freed_by = 1 AND due_ms = 0",
                                 err);
    if (!stmt)
        return false;
    bind_item(stmt, peer, item);
    stmt_bind_i64(stmt, 5, tx->now.ms + retry_receipt_ms(item->attempts));
    if (!stmt_run(stmt, err))
        return false;
    *ret_found = store_changes(tx->store) == 1;
    return true;
}

bool outbox_at_relay(struct tx *tx, const struct node_id *peer, const struct outbox_relayable *item,
                     const struct node_id *relay, struct err *err)
{
    int64_t dest, by;
    bool found;
    if (!relation_row_id(tx->store, peer, &dest, err) ||
        !relation_row_id(tx->store, relay, &by, err))
        return err_wrap(err, "note custody of a relay");
    if (item->freed_by == OUTBOX_FREE_ON_ACK) /* R-PD-5: a lost one is replayed */
        return free_receipt(tx, dest, item, err) || err_wrap(err, "note custody of a relay");
    if (!start_clock(tx, dest, item, &found, err))
        return err_wrap(err, "note custody of a relay");
    if (!found)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO relay_custody (oid, peer, relay, held_ms, late)"
                                 " VALUES (?1, ?2, ?3, ?4, 0) ON CONFLICT (oid, peer, relay)"
                                 " DO UPDATE SET held_ms = excluded.held_ms",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&item->oid));
    stmt_bind_i64(stmt, 2, dest);
    stmt_bind_i64(stmt, 3, by);
    stmt_bind_i64(stmt, 4, tx->now.ms);
    return stmt_run(stmt, err) || err_wrap(err, "note custody of a relay");
}

bool outbox_relay_late(struct tx *tx, const struct oid *oid, int64_t peer, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE relay_custody SET late = 1 WHERE oid = ?1 AND peer = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_i64(stmt, 2, peer);
    return stmt_run(stmt, err);
}

/*
 * F14. Nobody tells the sender which path brought an object. But when one relay had it for half an
 * hour and more, and the receipt came minutes after another path got it too, the first one is the
 * likelier to have lost it. A receipt without such a second try clears a relay's name.
 */
bool outbox_relay_settle(struct tx *tx, const struct oid *oid, int64_t peer, struct err *err)
{
    struct node_id late[RELAYS_MAX], good[RELAYS_MAX];
    size_t late_count = 0, good_count = 0;
    bool just_now = false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT p.node, c.late, c.held_ms FROM relay_custody c"
                                 " JOIN peer p ON p.id = c.relay WHERE c.oid = ?1 AND c.peer = ?2",
                                 err);
    AUTO(stmt_release)
    struct stmt *forget =
        stmt_get(tx->store, "DELETE FROM relay_custody WHERE oid = ?1 AND peer = ?2", err);
    if (!stmt || !forget)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_i64(stmt, 2, peer);
    for (bool row; late_count < RELAYS_MAX && good_count < RELAYS_MAX;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "settle custody of relays");
        if (!row)
            break;
        bool is_late = stmt_i64(stmt, 1) != 0;
        struct node_id *to = is_late ? &late[late_count++] : &good[good_count++];
        if (!stmt_copy(stmt, 0, to->b, NODE_ID_BYTES))
            return err_set(err, ERR_IO, "a node id is damaged");
        just_now |= !is_late && stmt_i64(stmt, 2) >= tx->now.ms - SOON_MS;
    }
    for (size_t i = 0; just_now && i < late_count; i++) {
        if (!relay_suspect(tx, &late[i], true, err))
            return false;
    }
    for (size_t i = 0; !late_count && i < good_count; i++) {
        if (!relay_suspect(tx, &good[i], false, err))
            return false;
    }
    stmt_bind_bytes(forget, 1, oid_bytes(oid));
    stmt_bind_i64(forget, 2, peer);
    return stmt_run(forget, err) || err_wrap(err, "settle custody of relays");
}

bool outbox_relay_tick(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "DELETE FROM relay_custody WHERE NOT EXISTS (SELECT 1 FROM outbox o"
                 " WHERE o.oid = relay_custody.oid AND o.peer = relay_custody.peer"
                 " AND o.freed_by = 1)",
                 err);
    return stmt && stmt_run(stmt, err);
}

bool outbox_reseal_relayed(struct tx *tx, const struct node_id *relay, const struct oid *sealed_id,
                           struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT p.node, o.oid, o.sealed FROM relay_custody c"
                                 " JOIN outbox o ON o.oid = c.oid AND o.peer = c.peer"
                                 " AND o.freed_by = 1 JOIN peer p ON p.id = c.peer"
                                 " WHERE c.relay = (SELECT id FROM peer WHERE node = ?1)"
                                 " AND o.sealed_id = ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(relay));
    stmt_bind_bytes(stmt, 2, oid_bytes(sealed_id));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find what a relay holds");
    if (!row)
        return true;
    struct node_id peer;
    struct oid oid;
    struct sealed_view view;
    struct err no_key = {0};
    uint8_t key[X25519_KEY_BYTES], id[ENC_KEY_ID_BYTES];
    if (!stmt_copy(stmt, 0, peer.b, NODE_ID_BYTES) || !stmt_copy(stmt, 1, oid.b, OID_BYTES) ||
        !sealed_view(stmt_bytes(stmt, 2), tx->arena, &view, &no_key) ||
        !relation_enc_key(tx->store, &peer, tx->now, key, &no_key))
        return true;
    seal_key_id(key, id);
    return memcmp(view.enc_key_id, id, sizeof id) == 0 || outbox_reseal(tx, &peer, &oid, err);
}

bool outbox_relay_count(struct store *store, const struct node_id *relay, uint64_t *ret,
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT count(*) FROM relay_custody"
                                 " WHERE relay = (SELECT id FROM peer WHERE node = ?1)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(relay));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "count what a relay holds of ours");
    *ret = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}
