/* Attestations that a new node is the organisation whose keys are lost (R-ID-8). */
#include "hub/crypto/head.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/authoring.h"
#include "hub/domain/object.h"
#include "hub/domain/own_keys.h"
#include "hub/domain/stream.h"
#include "hub/outbox/journal.h"
#include "maillon/hfp/v1/keys.pb-c.h"

#define ATTESTED_MAX 64 /* by one author */

typedef Maillon__Hfp__V1__Succession succession_message;

static bool save(struct tx *tx, const struct oid *oid, const struct node_id *author,
                 const succession_message *body, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO succession (oid, author, lost, successor, created_s)"
                                 " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (oid) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_bytes(stmt, 2, node_id_bytes(author));
    stmt_bind_bytes(stmt, 3, wire_bytes(body->lost));
    stmt_bind_bytes(stmt, 4, wire_bytes(body->successor));
    stmt_bind_i64(stmt, 5, (int64_t)body->head->created_s);
    return stmt_run(stmt, err) || err_wrap(err, "keep an attestation");
}

bool succession_check(const void *body, struct bytes payload, struct err *err)
{
    const succession_message *succession = body;
    if (payload.len > 0)
        return err_set(err, ERR_PEER, "an attestation has no payload");
    if (succession->lost.len != NODE_ID_BYTES || succession->successor.len != NODE_ID_BYTES ||
        bytes_equal(wire_bytes(succession->lost), wire_bytes(succession->successor)))
        return err_set(err, ERR_PEER, "an attestation names no two hubs");
    return succession->head->created_s <= TIME_MAX_S ||
           err_set(err, ERR_PEER, "an attestation has no time");
}

/* Has this author said this before, or so much that nobody could look at it? */
static bool is_enough(struct tx *tx, const struct node_id *author, const succession_message *body,
                      bool *ret_said, bool *ret_full, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT count(*), coalesce(sum(lost = ?2 AND successor = ?3), 0) FROM succession"
                 " WHERE author = ?1",
                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(author));
    stmt_bind_bytes(stmt, 2, wire_bytes(body->lost));
    stmt_bind_bytes(stmt, 3, wire_bytes(body->successor));
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "count attestations");
    *ret_full = row && stmt_i64(stmt, 0) >= ATTESTED_MAX;
    *ret_said = row && stmt_i64(stmt, 1) > 0;
    return true;
}

bool succession_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                      struct err *err)
{
    const succession_message *body = object->body;
    struct node_id successor;
    char text[NODE_ID_TEXT];
    bool said = false, full = false;
    *ret = (struct disposition){.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED};
    if (!is_enough(tx, &object->from, body, &said, &full, err))
        return false;
    if (said)
        return true;
    if (full) {
        *ret = (struct disposition){
            .state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED,
            .code = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA,
            .retry_after_s = 86400,
        };
        return true;
    }
    return node_id_from(wire_bytes(body->successor), &successor) &&
           save(tx, &object->envelope.oid, &object->from, body, err) &&
           audit_add(tx, "peer", "peer.succession", &object->envelope.oid, err) &&
           tx_event(tx, "peer", node_id_text(&successor, text), "succession", err);
}

bool succession_attest(struct tx *tx, const struct node_id *lost, const struct node_id *successor,
                       struct err *err)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    succession_message body = MAILLON__HFP__V1__SUCCESSION__INIT;
    struct oid prev, oid;
    bool has_prev;
    uint64_t seq;
    if (node_id_equal(lost, successor))
        return err_set(err, ERR_INVALID, "a hub cannot succeed itself");
    if (!authoring_head(tx, &head, err) ||
        !stream_next(tx, TYPE_SUCCESSION, (struct bytes){0}, &seq, &prev, &has_prev, err))
        return false;
    head.seq = seq;
    if (has_prev)
        head.prev = wire_data(oid_bytes(&prev));
    head.expires_s = head.created_s + NOTICE_LIFETIME_MAX_S;
    body.head = &head;
    body.lost = wire_data(node_id_bytes(lost));
    body.successor = wire_data(node_id_bytes(successor));
    AUTO(buf_done) struct buf object = {0};
    identity_sign(tx->self, TYPE_SUCCESSION, wire_pack_arena(&body, tx->arena), &object, &oid);
    return object_add_own(tx, TYPE_SUCCESSION, buf_bytes(&object), &oid, head.expires_s, NULL,
                          err) &&
           stream_set(tx, TYPE_SUCCESSION, (struct bytes){0}, seq, &oid, err) &&
           journal_add(tx, JOURNAL_DIRECTORY, oid_bytes(&oid), &oid, head.expires_s, err) &&
           save(tx, &oid, identity_node(tx->self), &body, err) &&
           audit_add(tx, tx->actor ? tx->actor : "hub", "keys.attest", &oid, err);
}

bool succession_find(struct store *store, const struct node_id *successor, size_t *ret_count,
                     struct node_id *ret_lost, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT s.lost, count(DISTINCT s.author) FROM succession s"
                 " JOIN peer p ON p.node = s.author AND p.ours = 'accepted'"
                 " WHERE s.successor = ?1 GROUP BY s.lost ORDER BY 2 DESC, s.lost LIMIT 1",
                 err);
    bool row;
    *ret_count = 0;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(successor));
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "look for attestations");
    if (row && stmt_copy(stmt, 0, ret_lost->b, NODE_ID_BYTES))
        *ret_count = (size_t)stmt_i64(stmt, 1);
    return true;
}
