/* How rows leave the outbox, or come round again: acks, receipts, clocks, sealing anew. */
#include "hub/domain/object.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox_internal.h"
#include "hub/outbox/retry.h"

#include "hub/crypto/secret.h"

bool outbox_uncount(struct tx *tx, int64_t peer, unsigned lane, int64_t bytes, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE link SET waiting_rows = waiting_rows - 1,"
                                 " waiting_bytes = waiting_bytes - ?3"
                                 " WHERE peer = ?1 AND lane = ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, peer);
    stmt_bind_i64(stmt, 2, lane);
    stmt_bind_i64(stmt, 3, bytes);
    return stmt_run(stmt, err);
}

static bool set_acked(struct tx *tx, const struct outbox_lane *state, unsigned lane, int64_t seq,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "UPDATE link SET acked = ?3, acked_ms = ?4 WHERE peer = ?1 AND lane = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, state->peer);
    stmt_bind_i64(stmt, 2, lane);
    stmt_bind_i64(stmt, 3, seq);
    stmt_bind_i64(stmt, 4, tx->now.ms);
    return stmt_run(stmt, err);
}

/* The others are not touched: `link.acked` says that they are acked, and most are freed by their
 * receipt before outbox_tick would start their clock. */
static bool free_acked(struct tx *tx, const struct outbox_lane *state, unsigned lane, int64_t seq,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "DELETE FROM outbox WHERE peer = ?1 AND lane = ?2"
                                 " AND link_seq > ?3 AND link_seq <= ?4 AND freed_by = 2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, state->peer);
    stmt_bind_i64(stmt, 2, lane);
    stmt_bind_i64(stmt, 3, state->acked); /* what lies before was freed by earlier acks */
    stmt_bind_i64(stmt, 4, seq);
    return stmt_run(stmt, err);
}

bool outbox_on_ack(struct tx *tx, const struct node_id *peer, unsigned lane, uint64_t link_seq,
                   struct err *err)
{
    struct outbox_lane state;
    if (!outbox_lane(tx->store, peer, lane, &state, err))
        return false;
    if (link_seq > (uint64_t)state.sent)
        return err_set(err, ERR_PEER, "an ack on lane %u goes beyond what was sent", lane);
    int64_t seq = (int64_t)link_seq;
    if (seq <= state.acked)
        return true;
    return (free_acked(tx, &state, lane, seq, err) && set_acked(tx, &state, lane, seq, err)) ||
           err_wrap(err, "note an ack");
}

static bool forget_lost(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "DELETE FROM outbox_lost WHERE oid = ?2"
                                 " AND peer = (SELECT id FROM peer WHERE node = ?1)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_bytes(stmt, 2, oid_bytes(oid));
    return stmt_run(stmt, err);
}

/* Takes the row out of its lane until then. */
static bool set_due(struct tx *tx, int64_t id, int64_t due_ms, struct err *err)
{
    return stmt_run_for_two(
        tx->store, "UPDATE outbox SET due_ms = ?2, link_seq = -id WHERE id = ?1", id, due_ms, err);
}

struct waiting {
    int64_t id, peer, bytes;
    unsigned lane, attempts;
    bool found, relayed;
};

static bool find_waiting(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                         struct waiting *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT id, size, lane, attempts, peer, relayed FROM outbox"
                                 " WHERE oid = ?2 AND freed_by = 1"
                                 " AND peer = (SELECT id FROM peer WHERE node = ?1)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_bytes(stmt, 2, oid_bytes(oid));
    *ret = (struct waiting){0};
    if (!stmt_next(stmt, &ret->found, err))
        return err_wrap(err, "find a queued object");
    if (ret->found) {
        ret->id = stmt_i64(stmt, 0);
        ret->bytes = stmt_i64(stmt, 1);
        ret->lane = (unsigned)stmt_i64(stmt, 2);
        ret->attempts = (unsigned)stmt_i64(stmt, 3);
        ret->peer = stmt_i64(stmt, 4);
        ret->relayed = stmt_i64(stmt, 5) != 0;
    }
    return true;
}

bool outbox_on_receipt(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                       bool *ret_known, struct err *err)
{
    struct waiting row;
    if (!find_waiting(tx, peer, oid, &row, err))
        return false;
    *ret_known = row.found;
    /* A receipt may still come after we gave up: then it did arrive after all. */
    if (row.found ? !stmt_run_for(tx->store, "DELETE FROM outbox WHERE id = ?1", row.id, err) ||
                        !outbox_uncount(tx, row.peer, row.lane, row.bytes, err)
                  : !forget_lost(tx, peer, oid, err))
        return err_wrap(err, "free a queued object");
    return !row.relayed || outbox_relay_settle(tx, oid, row.peer, err);
}

bool outbox_retry_later(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                        uint32_t retry_after_s, struct err *err)
{
    struct waiting row;
    if (!find_waiting(tx, peer, oid, &row, err))
        return false;
    if (!row.found) /* freed meanwhile: nothing to try again */
        return true;
    int64_t wait = retry_delay_ms(RETRY_TEMPORARY, row.attempts, 0, retry_after_s, tx->random);
    return set_due(tx, row.id, tx->now.ms + wait, err);
}

/* What sealing again needs; arena-owned, wiped by the caller. */
struct contents {
    struct bytes object, sealed;
    struct buf personal; /* salt, then payload; empty: none */
    bool erased;         /* there was one */
};

static void contents_done(struct contents *contents)
{
    secret_wipe(contents->personal.data, contents->personal.len);
    buf_done(&contents->personal);
}

static bool open_personal(struct tx *tx, struct stmt *stmt, const struct oid *oid,
                          struct contents *ret, struct err *err)
{
    if (stmt_is_null(stmt, 1))
        return true;
    ret->erased = stmt_bytes(stmt, 1).len == 0;
    if (ret->erased)
        return true;
    struct data_key key;
    if (!identity_unwrap(tx->self, stmt_bytes(stmt, 1), &key, err))
        return false;
    bool opened = data_decrypt(&key, oid_bytes(oid), stmt_bytes(stmt, 2), &ret->personal, err);
    secret_wipe(&key, sizeof(key));
    if (opened && ret->personal.len < SALT_BYTES)
        return err_set(err, ERR_IO, "the personal part of a queued object is damaged");
    return opened;
}

static bool read_contents(struct tx *tx, int64_t id, const struct oid *oid, struct contents *ret,
                          struct err *err)
{
    struct object_row object;
    bool found;
    if (!object_get(tx->store, tx->arena, oid, &found, &object, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "a queued object is not in the store");
    ret->object = object.bytes;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT sealed, personal_key, personal FROM outbox WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    ret->sealed = row ? arena_bytes(tx->arena, stmt_bytes(stmt, 0)) : (struct bytes){0};
    return row && open_personal(tx, stmt, oid, ret, err);
}

static bool is_sealed_to(struct tx *tx, struct bytes sealed, const uint8_t key[X25519_KEY_BYTES])
{
    struct sealed_view view;
    struct err ignored = {0};
    uint8_t id[ENC_KEY_ID_BYTES];
    seal_key_id(key, id);
    return sealed_view(sealed, tx->arena, &view, &ignored) &&
           memcmp(view.enc_key_id, id, sizeof(id)) == 0;
}

static bool replace_sealed(struct tx *tx, const struct node_id *peer, const struct waiting *row,
                           struct bytes sealed, const struct oid *sealed_id, struct err *err)
{
    int64_t peer_id, seq;
    if (!outbox_next_seq(tx, peer, row->lane, 0, 0, &peer_id, &seq, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE outbox SET link_seq = ?2, due_ms = 0, acked_ms = 0,"
                                 " attempts = attempts + 1, sealed_id = ?3, sealed = ?4"
                                 " WHERE id = ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, row->id);
    stmt_bind_i64(stmt, 2, seq);
    stmt_bind_bytes(stmt, 3, oid_bytes(sealed_id));
    stmt_bind_bytes(stmt, 4, sealed); /* the same bucket, so `size` stays right */
    if (!stmt_run(stmt, err))
        return false;
    tx_effect(tx, EFFECT_OUTBOX, peer, 0);
    return true;
}

static bool seal_again(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                       const struct waiting *row, bool anew, struct contents *contents,
                       struct err *err)
{
    uint8_t key[X25519_KEY_BYTES];
    if (!read_contents(tx, row->id, oid, contents, err))
        return false;
    struct err no_key = {0};
    if (contents->erased || !relation_enc_key(tx->store, peer, tx->now, key, &no_key) ||
        (!anew && is_sealed_to(tx, contents->sealed, key))) {
        /* Their new entry is still on its way to us. */
        int64_t wait = retry_delay_ms(RETRY_TEMPORARY, row->attempts, 0, 0, tx->random);
        return set_due(tx, row->id, tx->now.ms + wait, err);
    }
    struct sealed_view view;
    if (!sealed_view(contents->sealed, tx->arena, &view, err))
        return false;
    struct bytes personal = buf_bytes(&contents->personal);
    struct parcel parcel = {.object = contents->object};
    if (personal.len > 0) {
        parcel.salt = bytes_of(personal.data, SALT_BYTES);
        parcel.payload = bytes_of(personal.data + SALT_BYTES, personal.len - SALT_BYTES);
    }
    AUTO(buf_done) struct buf sealed = {0};
    struct oid sealed_id;
    return seal_parcel(&parcel, peer, key, view.expires_s, tx->random, &sealed, &sealed_id, err) &&
           replace_sealed(tx, peer, row, buf_bytes(&sealed), &sealed_id, err);
}

bool outbox_reseal(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                   struct err *err)
{
    struct waiting row;
    if (!find_waiting(tx, peer, oid, &row, err))
        return false;
    if (!row.found)
        return true;
    struct contents contents = {0};
    bool done = seal_again(tx, peer, oid, &row, false, &contents, err);
    contents_done(&contents);
    return done || err_wrap(err, "seal a queued object again");
}

bool outbox_reseal_sent(struct tx *tx, const struct node_id *peer, const struct oid *sealed_id,
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT oid FROM outbox WHERE sealed_id = ?2 AND freed_by = 1"
                                 " AND peer = (SELECT id FROM peer WHERE node = ?1)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_bytes(stmt, 2, oid_bytes(sealed_id));
    bool row;
    struct oid oid;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find a queued object");
    bool found = row && stmt_copy(stmt, 0, oid.b, OID_BYTES);
    stmt_reset(stmt);
    return !found || outbox_reseal(tx, peer, &oid, err);
}

/* The next queued own event after row `after`; *ret_after 0: none. */
static bool next_queued(struct tx *tx, int64_t after, int64_t *ret_after, struct node_id *ret_peer,
                        struct oid *ret_oid, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT o.id, p.node, o.oid FROM outbox o JOIN peer p ON p.id = o.peer"
                 " WHERE o.freed_by = 1 AND o.id > ?1 ORDER BY o.id LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, after);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "look through the queue");
    *ret_after = row ? stmt_i64(stmt, 0) : 0;
    return !row ||
           (stmt_copy(stmt, 1, ret_peer->b, NODE_ID_BYTES) &&
            stmt_copy(stmt, 2, ret_oid->b, OID_BYTES)) ||
           err_set(err, ERR_IO, "an id in the queue is damaged");
}

bool outbox_reseal_all(struct tx *tx, struct err *err)
{
    struct node_id peer;
    struct oid oid;
    for (int64_t at = 0;;) {
        if (!next_queued(tx, at, &at, &peer, &oid, err))
            return false;
        if (!at)
            return true;
        struct waiting row;
        struct contents contents = {0};
        if (!find_waiting(tx, &peer, &oid, &row, err))
            return false;
        bool done = !row.found || seal_again(tx, &peer, &oid, &row, true, &contents, err);
        contents_done(&contents);
        if (!done)
            return err_wrap(err, "seal a queued object again");
    }
}

bool outbox_erase(struct tx *tx, const struct oid *oid, struct err *err)
{
    /* An empty key, unlike none, says that there was one: it cannot be sealed again. */
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE outbox SET personal_key = ?2, personal = NULL"
                                 " WHERE oid = ?1 AND freed_by = 1 AND personal IS NOT NULL",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_bytes(stmt, 2, bytes_of("", 0));
    return stmt_run(stmt, err) || err_wrap(err, "erase the personal part of a queued object");
}

bool outbox_take_back(struct tx *tx, const struct oid *oid, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "DELETE FROM outbox WHERE oid = ?1 AND freed_by = 1"
                                 " RETURNING peer, lane, size",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "take a queued object back");
    return !row || outbox_uncount(tx, stmt_i64(stmt, 0), (unsigned)stmt_i64(stmt, 1),
                                  stmt_i64(stmt, 2), err);
}

static bool queue_receipt(struct tx *tx, const struct node_id *peer, struct bytes sealed,
                          const struct oid *sealed_id, const struct oid *oid, uint64_t expires_s,
                          int64_t receipt, struct err *err)
{
    return outbox_queue(tx,
                        &(struct outbox_new){
                            .peer = peer,
                            .lane = 0,
                            .freed_by = OUTBOX_FREE_ON_ACK,
                            .oid = oid,
                            .sealed_id = sealed_id,
                            .expires_s = expires_s,
                            .sealed = sealed,
                            .receipt = receipt,
                        },
                        err);
}

bool outbox_add_receipt(struct tx *tx, const struct node_id *peer, struct bytes sealed,
                        const struct oid *sealed_id, const struct oid *oid, uint64_t expires_s,
                        int64_t *ret_receipt, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO receipt (peer, oid, sealed_id, expires_s, sealed)"
                                 " SELECT id, ?2, ?3, ?4, ?5 FROM peer WHERE node = ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_bytes(stmt, 2, oid_bytes(oid));
    stmt_bind_bytes(stmt, 3, oid_bytes(sealed_id));
    stmt_bind_i64(stmt, 4, (int64_t)expires_s);
    stmt_bind_bytes(stmt, 5, sealed);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "store a receipt");
    if (store_changes(tx->store) != 1)
        return err_set(err, ERR_UNKNOWN, "a receipt is for a peer that is not known here");
    int64_t receipt = store_last_id(tx->store);
    if (!queue_receipt(tx, peer, sealed, sealed_id, oid, expires_s, receipt, err))
        return false;
    *ret_receipt = receipt;
    return true;
}

bool outbox_replay_receipt(struct tx *tx, int64_t receipt, struct err *err)
{
    /* Still queued: it goes out anyway. Forgotten: its object expired long ago, nobody waits. */
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT p.node, r.sealed_id, r.oid, r.expires_s, r.sealed FROM receipt r"
                 " JOIN peer p ON p.id = r.peer WHERE r.id = ?1"
                 " AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.receipt = r.id)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, receipt);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find a receipt");
    if (!row)
        return true;
    struct node_id peer;
    struct oid sealed_id, oid;
    if (!stmt_copy(stmt, 0, peer.b, sizeof(peer.b)) ||
        !stmt_copy(stmt, 1, sealed_id.b, sizeof(sealed_id.b)) ||
        !stmt_copy(stmt, 2, oid.b, sizeof(oid.b)))
        return err_set(err, ERR_IO, "a stored receipt is damaged");
    return queue_receipt(tx, &peer, stmt_bytes(stmt, 4), &sealed_id, &oid,
                         (uint64_t)stmt_i64(stmt, 3), receipt, err);
}

bool outbox_drop_peer(struct tx *tx, const struct node_id *peer, struct err *err)
{
    static const char *const steps[] = {
        ("INSERT INTO outbox_lost (oid, peer, why, at_ms)"
         " SELECT o.oid, o.peer, 'cancelled', ?2 FROM outbox o JOIN peer p ON p.id = o.peer"
         " WHERE p.node = ?1 AND o.freed_by = 1 ON CONFLICT (oid, peer) DO NOTHING"),
        "DELETE FROM outbox WHERE peer = (SELECT id FROM peer WHERE node = ?1)",
        ("UPDATE link SET waiting_rows = 0, waiting_bytes = 0"
         " WHERE peer = (SELECT id FROM peer WHERE node = ?1)"),
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, steps[i], err);
        if (!stmt)
            return false;
        stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
        if (i == 0)
            stmt_bind_i64(stmt, 2, tx->now.ms);
        if (!stmt_run(stmt, err))
            return err_wrap(err, "cancel the queue of a peer");
    }
    tx_effect(tx, EFFECT_OUTBOX, peer, 0);
    return true;
}
