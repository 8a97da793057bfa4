#include "hub/receipts.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/claim.h"
#include "hub/domain/object.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"
#include <stdlib.h>

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
    head.node = wire_data(node_id_bytes(identity_node(tx->self)));
    head.seq = 1; /* receipts belong to no stream */
    head.created_s = created_s;
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

bool receipts_flush(struct tx *tx, struct receipts *receipts, struct err *err)
{
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

bool receipts_on_expired(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                         struct err *err)
{
    return referral_on_expired(tx, peer, oid, err) && claim_on_expired(tx, peer, oid, err);
}
