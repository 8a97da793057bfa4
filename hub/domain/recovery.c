#include "hub/domain/recovery.h"

#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/card.h"
#include "hub/domain/object.h"
#include "hub/domain/stream.h"
#include "hub/outbox/journal.h"
#include "hub/outbox/outbox.h"
#include "maillon/hfp/v1/keys.pb-c.h"

#define LAST_MAX 1000 /* Incarnation.last */

static bool count(struct store *store, const char *sql, int64_t first, uint32_t *ret,
                  struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, first);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "look how far the recovery is");
    *ret = row ? (uint32_t)stmt_i64(stmt, 0) : 0;
    return true;
}

#define ACCEPTED "p.ours = 'accepted' AND p.theirs = 'accepted'"

bool recovery_progress(struct store *store, struct recovery_progress *ret, struct err *err)
{
    struct recovery_progress progress;
    if (!authoring_read(store, &progress.authoring, err) ||
        !count(store, "SELECT count(*) FROM peer p WHERE " ACCEPTED " AND ?1 = 0", 0,
               &progress.peers, err) ||
        !count(store,
               "SELECT count(*) FROM peer p JOIN recovery_peer r ON r.node = p.node"
               " WHERE " ACCEPTED " AND r.incarnation > ?1",
               progress.authoring.incarnation, &progress.answered, err))
        return false;
    progress.needed = progress.peers < RECOVERY_ANSWERS ? progress.peers : RECOVERY_ANSWERS;
    *ret = progress;
    return true;
}

bool recovery_begin(struct tx *tx, enum recovery_reason reason, struct err *err)
{
    struct authoring state;
    if (!authoring_read(tx->store, &state, err))
        return false;
    if (state.reason)
        return true;
    return authoring_recover(tx, reason, err) &&
           audit_add(tx, "hub", "recovery.begin", NULL, err) &&
           tx_event(tx, "hub", "recovery", "created", err);
}

/* Signed objects of ours that only say where we stand: one a type, so that no partner learns of
 * chains with others (R-OB-5). */
static bool read_last(struct tx *tx, Maillon__Hfp__V1__Incarnation *body, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT type, seq FROM stream WHERE length(stream) = 0 ORDER BY type LIMIT ?1",
        err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, LAST_MAX);
    body->last = arena_alloc(tx->arena, LAST_MAX * sizeof(*body->last));
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        Maillon__Hfp__V1__StreamBound *bound = arena_alloc(tx->arena, sizeof(*bound));
        maillon__hfp__v1__stream_bound__init(bound);
        bound->stream = wire_data(bytes_text(arena_text(tx->arena, stmt_text(stmt, 0))));
        bound->seq = (uint64_t)stmt_i64(stmt, 1);
        body->last[body->n_last++] = bound;
    }
}

static bool sign_incarnation(struct tx *tx, enum recovery_reason reason, struct err *err)
{
    Maillon__Hfp__V1__Incarnation body = MAILLON__HFP__V1__INCARNATION__INIT;
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    AUTO(buf_done) struct buf object = {0};
    struct oid prev, oid;
    bool has_prev;
    if (!read_last(tx, &body, err) || !authoring_head(tx, &head, err) ||
        !stream_next(tx, TYPE_INCARNATION, (struct bytes){0}, &head.seq, &prev, &has_prev, err))
        return false;
    if (has_prev)
        head.prev = wire_data(oid_bytes(&prev));
    head.expires_s = head.created_s + NOTICE_LIFETIME_MAX_S;
    body.head = &head;
    body.reason = reason;
    identity_sign(tx->self, TYPE_INCARNATION, wire_pack_arena(&body, tx->arena), &object, &oid);
    return object_add_own(tx, TYPE_INCARNATION, buf_bytes(&object), &oid, head.expires_s, NULL,
                          err) &&
           stream_set(tx, TYPE_INCARNATION, (struct bytes){0}, head.seq, &oid, err) &&
           journal_add(tx, JOURNAL_DIRECTORY, BYTES_LITERAL(TYPE_INCARNATION), &oid, head.expires_s,
                       err);
}

/* What waits for a peer may have numbers that it counts as passed. */
static bool restart_lanes(struct tx *tx, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, "SELECT p.node FROM peer p", err);
    if (!stmt)
        return false;
    for (bool row;;) {
        struct node_id node;
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return journal_restart(tx, 0, err) && outbox_retry_now(tx, NULL, err);
        if (!stmt_copy(stmt, 0, node.b, NODE_ID_BYTES))
            return err_set(err, ERR_IO, "a peer row cannot be read");
        for (unsigned lane = 0; lane < 2; lane++)
            if (!outbox_restart(tx, &node, lane, 0, err))
                return false;
    }
}

static bool resume(struct tx *tx, enum recovery_reason reason, struct err *err)
{
    /* With a wrong clock nothing is signed: all of it is undone and tried again. */
    return authoring_resume(tx, err) && restart_lanes(tx, err) &&
           sign_incarnation(tx, reason, err) && card_forget_published(tx, err) &&
           store_backup_done(tx->store, err) && audit_add(tx, "hub", "recovery.end", NULL, err) &&
           tx_event(tx, "hub", "recovery", "changed", err);
}

static bool resume_when_whole(struct tx *tx, struct err *err)
{
    struct recovery_progress progress;
    if (!recovery_progress(tx->store, &progress, err))
        return false;
    return !progress.authoring.reason || progress.answered < progress.needed ||
           resume(tx, progress.authoring.reason, err);
}

bool recovery_check(struct tx *tx, struct err *err)
{
    return resume_when_whole(tx, err) || err_wrap(err, "go on after a restore");
}

bool recovery_at_start(struct tx *tx, bool went_back, struct err *err)
{
    if (store_is_backup(tx->store) && !recovery_begin(tx, RECOVERY_RESTORED, err))
        return false;
    if (went_back && !recovery_begin(tx, RECOVERY_WENT_BACK, err))
        return false;
    return resume_when_whole(tx, err); /* a hub without peers has nobody to ask */
}

bool recovery_answered(struct tx *tx, const struct node_id *peer, struct err *err)
{
    struct authoring state;
    if (!authoring_read(tx->store, &state, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO recovery_peer (node, incarnation) VALUES (?1, ?2)"
                 " ON CONFLICT (node) DO UPDATE SET incarnation = excluded.incarnation",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, (int64_t)state.incarnation + (state.reason != 0));
    return (stmt_run(stmt, err) && resume_when_whole(tx, err)) ||
           err_wrap(err, "go on after a restore");
}

bool recovery_go_on(struct tx *tx, struct err *err)
{
    struct authoring state;
    if (!authoring_read(tx->store, &state, err))
        return false;
    if (!state.reason)
        return err_set(err, ERR_CONFLICT, "this hub is not fetching anything: it works normally");
    return resume(tx, state.reason, err);
}

bool recovery_is_owed(struct store *store, const struct node_id *peer, bool *ret, struct err *err)
{
    struct authoring state;
    if (!authoring_read(store, &state, err))
        return false;
    int64_t whole = (int64_t)state.incarnation + (state.reason != 0);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT 1 FROM recovery_peer WHERE node = ?1 AND incarnation >= ?2", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, whole);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "look what a peer has given back");
    *ret = whole > 1 && !row;
    return true;
}

bool recovery_cursors(struct tx *tx, const struct node_id *peer, const uint64_t cursor[3],
                      struct err *err)
{
    bool owed, ahead = false;
    uint64_t sent;
    if (!recovery_is_owed(tx->store, peer, &owed, err))
        return false;
    /* After a restore that this peer has not heard of yet, numbers up to its cursor name other
     * objects than there: what waits must have new ones even when they are higher. */
    for (unsigned lane = 0; lane < 3; lane++) {
        if (lane == 2 ? !journal_head(tx->store, &sent, err)
                      : !outbox_sent(tx->store, peer, lane, &sent, err))
            return false;
        bool beyond = cursor[lane] > sent && cursor[lane] - sent <= RECOVERY_AHEAD_MAX;
        uint64_t from = beyond ? cursor[lane] : sent;
        ahead |= beyond;
        if (!owed && !beyond)
            continue;
        /* The journal is everybody's: for a mere claim its rows are not sent to all again. */
        if (lane < 2 ? !outbox_restart(tx, peer, lane, from, err)
            : owed   ? !journal_restart(tx, from, err)
                     : !journal_skip(tx, from, err))
            return false;
    }
    return !(owed || ahead) || outbox_retry_now(tx, peer, err);
}

bool recovery_own_found(struct tx *tx, uint32_t incarnation, struct err *err)
{
    struct authoring state;
    return authoring_read(tx->store, &state, err) && authoring_was(tx, incarnation, err) &&
           (incarnation < state.incarnation || recovery_begin(tx, RECOVERY_PEER_AHEAD, err));
}

/* ---- INCARNATION of a peer, and our own when a peer gives it back ---- */

bool incarnation_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__Incarnation *incarnation = body;
    if (payload.len)
        return err_set(err, ERR_PEER, "an incarnation has no payload");
    if (!incarnation->head || incarnation->head->incarnation < 2)
        return err_set(err, ERR_PEER, "an incarnation starts at 2");
    return incarnation->n_last <= LAST_MAX ||
           err_set(err, ERR_PEER, "an incarnation with %zu streams", incarnation->n_last);
}

bool incarnation_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                       struct err *err)
{
    char node[NODE_ID_TEXT];
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    if (node_id_equal(&object->from, identity_node(tx->self)))
        return authoring_was(tx, object->head->incarnation, err);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO peer_incarnation (node, incarnation, oid, created_s)"
                                 " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (node) DO UPDATE"
                                 " SET incarnation = excluded.incarnation, oid = excluded.oid,"
                                 " created_s = excluded.created_s"
                                 " WHERE excluded.incarnation > peer_incarnation.incarnation",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&object->from));
    stmt_bind_i64(stmt, 2, object->head->incarnation);
    stmt_bind_bytes(stmt, 3, oid_bytes(&object->envelope.oid));
    stmt_bind_i64(stmt, 4, (int64_t)object->head->created_s);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "note that a peer was restored");
    return store_changes(tx->store) == 0 ||
           tx_event(tx, "peer", node_id_text(&object->from, node), "restored", err);
}
