#include "hub/receipts.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/claim.h"
#include "hub/domain/object.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"
#include <stdlib.h>

#define OWED_AT_ONCE 1000
#define PRESENTED    MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_PRESENTED
/* A receipt must outlive every object it may speak of, so that a late replay still opens. */
#define RECEIPT_LIFETIME_S REFERRAL_LIFETIME_MAX_S

void receipts_done(struct receipts *receipts)
{
    free(receipts->list);
    *receipts = (struct receipts){0};
}

void receipts_note(struct receipts *receipts, const struct receipt_note *note)
{
    if (receipts->count == receipts->cap) {
        receipts->cap = receipts->cap ? receipts->cap * 2 : 64;
        receipts->list = mem_grow(receipts->list, receipts->cap * sizeof *receipts->list);
    }
    receipts->list[receipts->count++] = *note;
}

/** One Receipt about `notes`, all of `peer`: signed, sealed, queued, remembered for replay. */
static bool send_one(struct tx *tx, const struct node_id *peer, const struct receipt_note **notes,
                     size_t count, struct err *err)
{
    uint8_t enc_key[X25519_KEY_BYTES];
    if (!relation_enc_key(tx->store, peer, tx->now, enc_key, err))
        return false;
    uint64_t created_s = (uint64_t)tx->now.ms / 1000;
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    if (!authoring_head(tx, &head, err))
        return false;
    head.seq = 1; /* receipts belong to no stream */
    head.expires_s = created_s + RECEIPT_LIFETIME_S;
    Maillon__Hfp__V1__ReceiptEntry *entries = arena_alloc(tx->arena, count * sizeof *entries);
    Maillon__Hfp__V1__ReceiptEntry **list = arena_alloc(tx->arena, count * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        const struct disposition *d = &notes[i]->disposition;
        maillon__hfp__v1__receipt_entry__init(&entries[i]);
        entries[i].oid = wire_data(oid_bytes(&notes[i]->oid));
        entries[i].state = d->state;
        entries[i].code = d->code;
        entries[i].permanent = d->permanent;
        entries[i].retry_after_s = d->retry_after_s;
        entries[i].pending = d->pending;
        if (d->has_chain_head)
            entries[i].chain_head = wire_data(oid_bytes(&d->chain_head));
        list[i] = &entries[i];
    }
    Maillon__Hfp__V1__Receipt receipt = MAILLON__HFP__V1__RECEIPT__INIT;
    receipt.head = &head;
    receipt.recipient = wire_data(node_id_bytes(peer));
    receipt.n_entry = count;
    receipt.entry = list;

    AUTO(buf_done) struct buf object = {0};
    AUTO(buf_done) struct buf sealed = {0};
    struct oid oid, sealed_id;
    identity_sign(tx->self, TYPE_RECEIPT, wire_pack_arena(&receipt, tx->arena), &object, &oid);
    struct parcel parcel = {.object = buf_bytes(&object)};
    int64_t row;
    if (!seal_parcel(&parcel, peer, enc_key, head.expires_s, tx->random, &sealed, &sealed_id,
                     err) ||
        !outbox_add_receipt(tx, peer, buf_bytes(&sealed), &sealed_id, &oid, head.expires_s, &row,
                            err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (notes[i]->recorded && !object_set_receipt(tx, &notes[i]->oid, row, err))
            return false;
    }
    COUNT(tx->counters, receipts_sent, 1);
    return true;
}

/* This hub may not sign now: what it owes is kept with the objects and told when it may again. */
static bool owe(struct tx *tx, struct receipts *receipts, struct err *err)
{
    for (size_t i = 0; i < receipts->count; i++) {
        const struct receipt_note *note = &receipts->list[i];
        const struct disposition *d = &note->disposition;
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(tx->store,
                     "INSERT INTO receipt_owed (peer, oid, state, code, permanent, retry_after_s,"
                     " pending, chain_head, recorded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     err);
        if (!stmt)
            return false;
        stmt_bind_bytes(stmt, 1, node_id_bytes(&note->peer));
        stmt_bind_bytes(stmt, 2, oid_bytes(&note->oid));
        stmt_bind_i64(stmt, 3, d->state);
        stmt_bind_i64(stmt, 4, d->code);
        stmt_bind_i64(stmt, 5, d->permanent);
        stmt_bind_i64(stmt, 6, d->retry_after_s);
        stmt_bind_i64(stmt, 7, d->pending);
        stmt_bind_bytes(stmt, 8, d->has_chain_head ? oid_bytes(&d->chain_head) : (struct bytes){0});
        stmt_bind_i64(stmt, 9, note->recorded);
        if (!stmt_run(stmt, err))
            return err_wrap(err, "keep receipts for later");
    }
    receipts->count = 0;
    return true;
}

static bool take_owed(struct tx *tx, struct receipts *receipts, int64_t *ret_last, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT id, peer, oid, state, code, permanent, retry_after_s, pending, chain_head,"
                 " recorded FROM receipt_owed ORDER BY id LIMIT ?1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, OWED_AT_ONCE);
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        struct receipt_note note = {
            .disposition = {.state = (Maillon__Hfp__V1__ReceiptState)stmt_i64(stmt, 3),
                            .code = (Maillon__Hfp__V1__RefusalCode)stmt_i64(stmt, 4),
                            .permanent = stmt_i64(stmt, 5) != 0,
                            .retry_after_s = (uint32_t)stmt_i64(stmt, 6),
                            .pending = stmt_i64(stmt, 7) != 0},
            .recorded = stmt_i64(stmt, 9) != 0,
        };
        *ret_last = stmt_i64(stmt, 0);
        note.disposition.has_chain_head =
            !stmt_is_null(stmt, 8) && stmt_copy(stmt, 8, note.disposition.chain_head.b, OID_BYTES);
        if (stmt_copy(stmt, 1, note.peer.b, NODE_ID_BYTES) &&
            stmt_copy(stmt, 2, note.oid.b, OID_BYTES))
            receipts_note(receipts, &note);
    }
}

static bool forget_owed(struct tx *tx, int64_t last, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM receipt_owed WHERE id <= ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, last);
    return stmt_run(stmt, err);
}

bool receipts_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    struct receipts receipts = {0};
    int64_t last = 0;
    bool done = take_owed(tx, &receipts, &last, err);
    bool more = receipts.count == OWED_AT_ONCE;
    done = done && (!last || (forget_owed(tx, last, err) && receipts_flush(tx, &receipts, err)));
    receipts_done(&receipts);
    if (more)
        ret_next->ms = tx->now.ms;
    return done || err_wrap(err, "tell what was owed");
}

bool receipts_flush(struct tx *tx, struct receipts *receipts, struct err *err)
{
    struct err bar = {0};
    if (receipts->count && !authoring_allowed(tx, &bar)) {
        if (bar.code == ERR_CONFLICT)
            return owe(tx, receipts, err);
        *err = bar;
        return false;
    }
    const struct receipt_note *chunk[RECEIPT_ENTRIES_MAX];
    bool *told = arena_alloc(tx->arena, receipts->count ? receipts->count : 1);
    for (size_t first = 0; first < receipts->count; first++) {
        if (told[first])
            continue;
        const struct node_id *peer = &receipts->list[first].peer;
        size_t n = 0;
        for (size_t i = first; i < receipts->count && n < RECEIPT_ENTRIES_MAX; i++) {
            if (told[i] || !node_id_equal(&receipts->list[i].peer, peer))
                continue;
            told[i] = true;
            chunk[n++] = &receipts->list[i];
        }
        struct err why = {0};
        if (send_one(tx, peer, chunk, n, &why))
            continue;
        if (why.code == ERR_IO || !store_in_transaction(tx->store)) {
            *err = why;
            return err_wrap(err, "write receipts");
        }
        /* A peer whose keys cannot be sealed to goes without its receipts: it must not fail what
         * everybody else has in this group. */
        log_line(LOG_WARN, "receipts not sent code=%s reason=\"%s\"", err_code_name(why.code),
                 why.msg);
    }
    receipts->count = 0;
    return true;
}

bool receipts_present(struct tx *tx, const struct oid *ids, size_t count, struct err *err)
{
    struct receipts receipts = {0};
    bool done = true;
    for (size_t i = 0; done && i < count; i++) {
        struct referral referral;
        bool tell;
        done = referral_present(tx, &ids[i], &tell, &referral, err);
        if (!done || !tell)
            continue;
        struct oid head = referral.state.head[REFERRAL_RECEIVER];
        receipts_note(
            &receipts,
            &(struct receipt_note){
                .peer = referral.peer,
                .oid = referral.oid,
                .disposition = {.state = PRESENTED,
                                .has_chain_head = true,
                                .chain_head =
                                    referral.state.seq[REFERRAL_RECEIVER] ? head : referral.oid},
            });
    }
    done = done && receipts_flush(tx, &receipts, err);
    receipts_done(&receipts);
    return done || err_wrap(err, "tell who was shown what");
}

bool receipt_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__Receipt *receipt = body;
    if (payload.len)
        return err_set(err, ERR_PEER, "receipt with a personal part");
    if (!receipt->n_entry || receipt->n_entry > RECEIPT_ENTRIES_MAX)
        return err_set(err, ERR_PEER, "receipt with %zu entries", receipt->n_entry);
    for (size_t i = 0; i < receipt->n_entry; i++) {
        if (receipt->entry[i]->oid.len != OID_BYTES)
            return err_set(err, ERR_PEER, "receipt entry without an object id");
    }
    return true;
}

/* Whose object a receipt may be about; each says through *ret_known whether it was. */
typedef bool on_receipt_fn(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                           const Maillon__Hfp__V1__ReceiptEntry *entry, bool *ret_known,
                           struct err *err);
static on_receipt_fn *const on_receipt[] = {referral_on_receipt, claim_on_receipt};

static bool apply_entry(struct tx *tx, const struct inbound_object *object,
                        const Maillon__Hfp__V1__ReceiptEntry *entry, struct err *err)
{
    const struct node_id *peer = &object->from;
    struct oid oid;
    if (!oid_from(wire_bytes(entry->oid), &oid))
        return true; /* receipt_check refused it before */
    bool refused = entry->state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
    if (refused && entry->code == MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_UNKNOWN_KEY)
        return outbox_reseal(tx, peer, &oid, err);
    if (refused && !entry->permanent)
        return outbox_retry_later(tx, peer, &oid, entry->retry_after_s, err);
    bool known;
    if (!outbox_on_receipt(tx, peer, &oid, &known, err) ||
        (known && !object_set_proof(tx, &oid, &object->envelope.oid, err)))
        return false;
    COUNT(tx->counters, receipts_received, 1);
    for (size_t i = 0; i < ARRAY_LEN(on_receipt); i++) {
        bool mine = false;
        if (!on_receipt[i](tx, peer, &oid, entry, &mine, err))
            return false;
        if (mine)
            break;
    }
    return true;
}

bool receipt_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                   struct err *err)
{
    const Maillon__Hfp__V1__Receipt *receipt = object->body;
    for (size_t i = 0; i < receipt->n_entry; i++) {
        if (!apply_entry(tx, object, receipt->entry[i], err))
            return false;
    }
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    return true;
}

bool receipt_again(struct tx *tx, const struct inbound_object *object, struct err *err)
{
    const Maillon__Hfp__V1__Receipt *receipt = object->body;
    for (size_t i = 0; i < receipt->n_entry; i++) {
        const Maillon__Hfp__V1__ReceiptEntry *entry = receipt->entry[i];
        struct oid oid;
        bool known;
        if (entry->state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED &&
            (!entry->permanent ||
             entry->code == MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_UNKNOWN_KEY))
            continue;
        if (oid_from(wire_bytes(entry->oid), &oid) &&
            !outbox_on_receipt(tx, &object->from, &oid, &known, err))
            return false;
    }
    return true;
}

bool receipts_on_expired(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                         struct err *err)
{
    return referral_on_expired(tx, peer, oid, err) && claim_on_expired(tx, peer, oid, err);
}
