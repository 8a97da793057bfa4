/* Lanes after a restore from a copy: numbers go beyond what peers have, and what waits goes again.
 */
#include "hub/domain/relation.h"
#include "hub/outbox/journal.h"
#include "hub/outbox/outbox_internal.h"

bool outbox_sent(struct store *store, const struct node_id *peer, unsigned lane, uint64_t *ret,
                 struct err *err)
{
    struct outbox_lane state;
    if (!outbox_lane(store, peer, lane, &state, err))
        return false;
    *ret = (uint64_t)state.sent;
    return true;
}

/* Out of the lane and due at once: the clock gives it the next number. */
static bool requeue(struct tx *tx, const struct node_id *peer, unsigned lane, struct err *err)
{
    return outbox_lane_run(
        tx,
        "UPDATE outbox SET link_seq = -id, due_ms = ?3, acked_ms = 0 WHERE lane = ?2"
        " AND peer = (SELECT id FROM peer WHERE node = ?1)",
        peer, lane, tx->now.ms, err);
}

bool outbox_restart(struct tx *tx, const struct node_id *peer, unsigned lane, uint64_t link_seq,
                    struct err *err)
{
    if (link_seq > INT64_MAX / 2)
        return err_set(err, ERR_PEER, "a link_seq is out of range");
    return (outbox_lane_run(
                tx,
                "INSERT INTO link (peer, lane, tx) SELECT id, ?2, ?3 FROM peer WHERE node = ?1"
                " ON CONFLICT (peer, lane) DO UPDATE SET tx = excluded.tx"
                " WHERE link.tx < excluded.tx",
                peer, lane, (int64_t)link_seq, err) &&
            requeue(tx, peer, lane, err)) ||
           err_wrap(err, "begin a lane anew");
}

static bool move_journal(struct tx *tx, const char *sql, int64_t by, struct err *err)
{
    return stmt_run_for(tx->store, sql, by, err) || err_wrap(err, "begin the journal anew");
}

static bool journal_first(struct store *store, uint64_t *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "SELECT min(seq) FROM journal", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret = row && !stmt_is_null(stmt, 0) ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

bool journal_skip(struct tx *tx, uint64_t seq, struct err *err)
{
    if (seq > INT64_MAX / 2)
        return err_set(err, ERR_PEER, "a link_seq is out of range");
    return move_journal(tx, "UPDATE journal_head SET seq = ?1 WHERE only_row = 1 AND seq < ?1",
                        (int64_t)seq, err);
}

bool journal_restart(struct tx *tx, uint64_t seq, struct err *err)
{
    uint64_t head, first;
    if (!journal_head(tx->store, &head, err) || !journal_first(tx->store, &first, err))
        return false;
    if (seq > INT64_MAX / 2)
        return err_set(err, ERR_PEER, "a link_seq is out of range");
    /* Every row moves by the same, beyond the last: none meets another on the way. */
    uint64_t base = seq > head ? seq : head;
    int64_t by = (int64_t)(first ? base + 1 - first : base - head);
    if (!move_journal(tx, "UPDATE journal SET seq = seq + ?1", by, err) ||
        !move_journal(tx, "UPDATE journal_head SET seq = seq + ?1 WHERE only_row = 1", by, err))
        return false;
    tx_effect(tx, EFFECT_JOURNAL, NULL, 0);
    return true;
}

/* Seals what is stored; nothing when the person's part is needed and gone. */
bool outbox_send_again(struct tx *tx, const struct node_id *peer, const struct outbox_again *again,
                       struct err *err)
{
    uint8_t key[X25519_KEY_BYTES];
    struct oid sealed_id;
    AUTO(buf_done) struct buf sealed = {0};
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT 1 FROM outbox WHERE oid = ?2 AND freed_by = 1"
                                 " AND peer = (SELECT id FROM peer WHERE node = ?1)",
                                 err);
    bool queued;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_bytes(stmt, 2, oid_bytes(&again->oid));
    if (!stmt_next(stmt, &queued, err))
        return err_wrap(err, "find a queued object");
    if (queued)
        return true;
    return (relation_enc_key(tx->store, peer, tx->now, key, err) &&
            seal_parcel(&again->parcel, peer, key, again->expires_s, tx->random, &sealed,
                        &sealed_id, err) &&
            outbox_queue(tx,
                         &(struct outbox_new){
                             .peer = peer,
                             .lane = again->lane,
                             .freed_by = OUTBOX_FREE_ON_RECEIPT,
                             .oid = &again->oid,
                             .sealed_id = &sealed_id,
                             .expires_s = again->expires_s,
                             .sealed = buf_bytes(&sealed),
                         },
                         err)) ||
           err_wrap(err, "send an object again");
}
