#pragma once
/*
 * Signed end-to-end receipts (R-PD-5, R-PD-8): what one commit took from each peer, told in as few
 * signed objects as possible; and what a peer's receipts do here.
 */
#include "hub/domain/inbound.h"
#include "hub/domain/tx.h"

struct receipt_note {
    struct node_id peer;
    struct oid oid;
    struct disposition disposition;
    bool recorded; /* an object row exists and remembers this receipt for duplicates */
};

/** Notes of one group; zero-initialise. */
struct receipts {
    struct receipt_note *list; /* heap */
    size_t count, cap;
};
void receipts_done(struct receipts *receipts);
void receipts_note(struct receipts *receipts, const struct receipt_note *note);
/** Signs, seals and queues one Receipt per peer and RECEIPT_ENTRIES_MAX notes; empties the list. */
NODISCARD bool receipts_flush(struct tx *tx, struct receipts *receipts, struct err *err);
/** A human here was shown these referrals: their senders are told, once each (R-PD-8, R-PD-10). */
NODISCARD bool receipts_present(struct tx *tx, const struct oid *ids, size_t count,
                                struct err *err);
/** What could not be signed when its objects came (table `receipt_owed`), now that it can. */
NODISCARD bool receipts_tick(struct tx *tx, struct wall *ret_next, struct err *err);

/* struct kind functions of TYPE_RECEIPT. */
bool receipt_check(const void *body, struct bytes payload, struct err *err);
bool receipt_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                   struct err *err);
/** The peer repeats a receipt: its object went to it once more, and waits no longer. */
bool receipt_again(struct tx *tx, const struct inbound_object *object, struct err *err);
/** outbox_tick's on_expired: tells the module whose object it was. */
bool receipts_on_expired(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                         struct err *err);
