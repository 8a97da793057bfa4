/* The clock work of the outbox: receipts that do not come, retries that are due, expiry. */
#include "hub/outbox/outbox_internal.h"
#include "hub/outbox/retry.h"

/* So that one tick never holds up the group it is in; the rest follows at the next. */
#define AT_ONCE     500
#define TICK_MS     60000
#define LOST_KEPT_S (2 * REFERRAL_LIFETIME_MAX_S)

/* A row that a step of the clock is about. */
struct clocked {
    int64_t id, peer, at_ms, bytes;
    unsigned lane, attempts;
    enum outbox_free freed_by;
    struct node_id node;
    struct oid oid;
};

#define COLUMNS \
    "SELECT o.id, o.peer, l.acked_ms, o.size, o.lane, o.attempts, o.freed_by, p.node, o.oid "
#define CLOCKED                                                                \
    COLUMNS "FROM outbox o JOIN link l ON l.peer = o.peer AND l.lane = o.lane" \
            " JOIN peer p ON p.id = o.peer "
/* From the lane to the part of it that is acked: the other way round would read the whole queue. */
#define CLOCKED_BY_LANE                                                    \
    COLUMNS "FROM link l CROSS JOIN outbox o JOIN peer p ON p.id = o.peer" \
            " WHERE o.peer = l.peer AND o.lane = l.lane "

/* Rows of `sql` (?1 = `at`, ?2 = how many), copied: the steps change what is being read. */
static bool collect(struct tx *tx, const char *sql, int64_t at, struct clocked **ret,
                    size_t *ret_count, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, at);
    stmt_bind_i64(stmt, 2, AT_ONCE);
    struct clocked *rows = NULL;
    size_t count = 0;
    for (bool row; count < AT_ONCE; count++) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        if (!rows)
            rows = arena_alloc(tx->arena, AT_ONCE * sizeof(*rows));
        rows[count] = (struct clocked){
            .id = stmt_i64(stmt, 0),
            .peer = stmt_i64(stmt, 1),
            .at_ms = stmt_i64(stmt, 2),
            .bytes = stmt_i64(stmt, 3),
            .lane = (unsigned)stmt_i64(stmt, 4),
            .attempts = (unsigned)stmt_i64(stmt, 5),
            .freed_by = (enum outbox_free)stmt_i64(stmt, 6),
        };
        if (!stmt_copy(stmt, 7, rows[count].node.b, NODE_ID_BYTES) ||
            !stmt_copy(stmt, 8, rows[count].oid.b, OID_BYTES))
            return err_set(err, ERR_IO, "an id in the queue is damaged");
    }
    *ret = rows;
    *ret_count = count;
    return true;
}

/* R-PD-5: acked, but no receipt yet. */
static bool start_receipt_clocks(struct tx *tx, struct err *err)
{
    struct clocked *rows;
    size_t count;
    if (!collect(tx,
                 CLOCKED_BY_LANE "AND o.link_seq > 0 AND o.link_seq <= l.acked AND o.due_ms = 0"
                                 " AND o.freed_by = 1 AND l.acked_ms <= ?1 LIMIT ?2",
                 tx->now.ms, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(tx->store, "UPDATE outbox SET due_ms = ?2, acked_ms = ?3 WHERE id = ?1", err);
        if (!stmt)
            return false;
        stmt_bind_i64(stmt, 1, rows[i].id);
        stmt_bind_i64(stmt, 2, rows[i].at_ms + retry_receipt_ms(rows[i].attempts));
        stmt_bind_i64(stmt, 3, rows[i].at_ms);
        if (!stmt_run(stmt, err))
            return false;
    }
    return true;
}

/* Puts rows that are due at the end of their lane. *ret_count: how many there were. */
static bool requeue_due(struct tx *tx, int64_t now_ms, size_t *ret_count, struct err *err)
{
    struct clocked *rows;
    size_t count;
    if (!collect(tx, CLOCKED "WHERE o.due_ms > 0 AND o.due_ms <= ?1 ORDER BY o.due_ms LIMIT ?2",
                 now_ms, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        int64_t peer, seq;
        if (!outbox_next_seq(tx, &rows[i].node, rows[i].lane, 0, 0, &peer, &seq, err) ||
            !outbox_relay_late(tx, &rows[i].oid, peer, err))
            return false;
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(tx->store,
                                     "UPDATE outbox SET link_seq = ?2, due_ms = 0,"
                                     " attempts = attempts + 1 WHERE id = ?1",
                                     err);
        if (!stmt)
            return false;
        stmt_bind_i64(stmt, 1, rows[i].id);
        stmt_bind_i64(stmt, 2, seq);
        if (!stmt_run(stmt, err))
            return false;
        tx_effect(tx, EFFECT_OUTBOX, &rows[i].node, 0);
    }
    *ret_count = count;
    return true;
}

static bool note_lost(struct tx *tx, const struct clocked *row, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO outbox_lost (oid, peer, why, at_ms)"
                                 " VALUES (?1, ?2, 'undelivered', ?3)"
                                 " ON CONFLICT (oid, peer) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&row->oid));
    stmt_bind_i64(stmt, 2, row->peer);
    stmt_bind_i64(stmt, 3, tx->now.ms);
    return stmt_run(stmt, err);
}

static bool remove_row(struct tx *tx, const struct clocked *row, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM outbox WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, row->id);
    return stmt_run(stmt, err);
}

static bool expire(struct tx *tx,
                   bool (*on_expired)(struct tx *, const struct node_id *, const struct oid *,
                                      struct err *),
                   size_t *ret_count, struct err *err)
{
    struct clocked *rows;
    size_t count;
    if (!collect(tx, CLOCKED "WHERE o.expires_s <= ?1 LIMIT ?2", tx->now.ms / 1000, &rows, &count,
                 err))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct clocked *row = &rows[i];
        if (!remove_row(tx, row, err))
            return false;
        if (row->freed_by != OUTBOX_FREE_ON_RECEIPT)
            continue;
        if (!outbox_uncount(tx, row->peer, row->lane, row->bytes, err) || !note_lost(tx, row, err))
            return false;
        if (on_expired && !on_expired(tx, &row->node, &row->oid, err))
            return false;
    }
    *ret_count = count;
    return true;
}

static bool forget(struct tx *tx, const char *sql, int64_t before, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, before);
    return stmt_run(stmt, err);
}

static bool forget_old(struct tx *tx, struct err *err)
{
    return forget(tx,
                  "DELETE FROM receipt WHERE id IN (SELECT r.id FROM receipt r"
                  " WHERE r.expires_s <= ?1"
                  " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.receipt = r.id) LIMIT 500)",
                  tx->now.ms / 1000 - DEDUP_EXTRA_S, err) &&
           forget(tx, "DELETE FROM outbox_lost WHERE at_ms <= ?1",
                  tx->now.ms - (int64_t)LOST_KEPT_S * 1000, err);
}

static bool next_due(struct tx *tx, int64_t *ret_ms, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT (SELECT min(due_ms) FROM outbox WHERE due_ms > 0),"
                                 " (SELECT min(expires_s) * 1000 FROM outbox)",
                                 err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    for (int i = 0; row && i < 2; i++) {
        if (!stmt_is_null(stmt, i) && stmt_i64(stmt, i) < *ret_ms)
            *ret_ms = stmt_i64(stmt, i);
    }
    return true;
}

bool outbox_tick(struct tx *tx,
                 bool (*on_expired)(struct tx *tx, const struct node_id *peer,
                                    const struct oid *oid, struct err *err),
                 struct wall *ret_next, struct err *err)
{
    size_t expired, requeued;
    /* At least every minute: acks start their receipt clock here. */
    int64_t next_ms = tx->now.ms + TICK_MS;
    if (!start_receipt_clocks(tx, err) || !expire(tx, on_expired, &expired, err) ||
        !requeue_due(tx, tx->now.ms, &requeued, err) || !forget_old(tx, err) ||
        !outbox_relay_tick(tx, err) || !next_due(tx, &next_ms, err))
        return err_wrap(err, "clock work of the queue");
    ret_next->ms = next_ms;
    return true;
}

static bool make_due(struct tx *tx, const struct node_id *peer, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "UPDATE outbox SET due_ms = ?2 WHERE due_ms > ?2"
                 " AND (?1 IS NULL OR peer = (SELECT id FROM peer WHERE node = ?1))",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, peer ? node_id_bytes(peer) : (struct bytes){0});
    stmt_bind_i64(stmt, 2, tx->now.ms);
    return stmt_run(stmt, err);
}

static bool wake(struct tx *tx, const struct node_id *peer, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT p.node FROM peer p WHERE (?1 IS NULL OR p.node = ?1)"
                                 " AND EXISTS (SELECT 1 FROM outbox o WHERE o.peer = p.id)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, peer ? node_id_bytes(peer) : (struct bytes){0});
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        struct node_id node;
        if (stmt_copy(stmt, 0, node.b, sizeof(node.b)))
            tx_effect(tx, EFFECT_OUTBOX, &node, 0);
    }
}

bool outbox_retry_now(struct tx *tx, const struct node_id *peer, struct err *err)
{
    size_t count;
    if (!start_receipt_clocks(tx, err) || !make_due(tx, peer, err))
        return err_wrap(err, "try the queue again");
    do {
        if (!requeue_due(tx, tx->now.ms, &count, err))
            return err_wrap(err, "try the queue again");
    } while (count == AT_ONCE);
    return wake(tx, peer, err) || err_wrap(err, "try the queue again");
}
