#pragma once
/*
 * Sealed objects waiting for a peer on lanes 0 and 1, kept until a signed end-to-end receipt frees
 * them (R-PD-2, R-PD-5). Also the per-peer link cursors (R-PD-3) and the receipts sent, for replay
 * (R-PD-7). Owns tables `outbox`, `link`, `receipt`.
 */
#include "hub/domain/tx.h"

enum outbox_free {
    OUTBOX_FREE_ON_RECEIPT = 1,
    OUTBOX_FREE_ON_ACK = 2, /* receipts themselves */
};

/**
 * Queues sealed bytes for `peer` inside the caller's transaction, with the next link_seq of that
 * lane.
 * @param sealed_id  SHA-256 of `sealed`; @param oid  inner object, what its receipt will name.
 * @return false and nothing queued: ERR_LIMIT (this peer's queue is full) or ERR_IO.
 */
NODISCARD bool outbox_add(struct tx *tx, const struct node_id *peer, unsigned lane,
                          struct bytes sealed, const struct oid *sealed_id, const struct oid *oid,
                          uint64_t expires_s, enum outbox_free freed_by, struct err *err);

/**
 * Signs `body`, stores the object, seals it to `peer` with its personal part and queues it: the
 * whole way of an own event. @param ret_oid may be NULL.
 */
struct parcel_draft {
    const struct node_id *peer;
    const char *type;
    struct bytes body;
    struct bytes payload, salt; /* empty: none */
    uint64_t expires_s;
    unsigned lane;
};
NODISCARD bool outbox_send(struct tx *tx, const struct parcel_draft *draft, struct oid *ret_oid,
                           struct err *err);

/* Cursors. */
NODISCARD bool outbox_rx_cursor(struct store *store, const struct node_id *peer, unsigned lane,
                                uint64_t *ret, struct err *err);
/** Never lowers it. */
NODISCARD bool outbox_set_rx_cursor(struct tx *tx, const struct node_id *peer, unsigned lane,
                                    uint64_t link_seq, struct err *err);

/** A hop ack up to link_seq: frees OUTBOX_FREE_ON_ACK rows, marks the others acked and starts their
 * receipt clock. */
NODISCARD bool outbox_on_ack(struct tx *tx, const struct node_id *peer, unsigned lane,
                             uint64_t link_seq, struct err *err);
/** A signed receipt for `oid` from `peer`: frees the row. *ret_known false: nothing was waiting. */
NODISCARD bool outbox_on_receipt(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                                 bool *ret_known, struct err *err);
/** REFUSED but temporary: due again after `retry_after_s`. */
NODISCARD bool outbox_retry_later(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                                  uint32_t retry_after_s, struct err *err);
/** REFUSED(UNKNOWN_KEY): seals the stored object again to the peer's present key. */
NODISCARD bool outbox_reseal(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                             struct err *err);

/* Sending: read connection. */
struct outbox_item {
    uint64_t link_seq;
    struct oid sealed_id;
    struct bytes sealed; /* arena */
};
/** The next rows after `after`, in order: at most `limit` and about `max_bytes`. Skips rows not
 * due. */
NODISCARD bool outbox_read(struct store *store, struct arena *arena, const struct node_id *peer,
                           unsigned lane, uint64_t after, size_t limit, size_t max_bytes,
                           struct wall now, struct outbox_item **ret, size_t *ret_count,
                           struct err *err);
NODISCARD bool outbox_count(struct store *store, const struct node_id *peer, uint64_t *ret,
                            struct err *err); /* peer NULL: all */

/* Receipts for replay. */
/** Stores sealed receipt bytes and queues them; *ret_receipt for object_set_receipt. */
NODISCARD bool outbox_add_receipt(struct tx *tx, const struct node_id *peer, struct bytes sealed,
                                  const struct oid *sealed_id, const struct oid *oid,
                                  uint64_t expires_s, int64_t *ret_receipt, struct err *err);
/** R-PD-7: queues the stored bytes again, unchanged. */
NODISCARD bool outbox_replay_receipt(struct tx *tx, int64_t receipt, struct err *err);

/**
 * Acked without a receipt for 30 min (doubling to 24 h): takes a new link_seq. Expired: removed,
 * reported through `on_expired`. @param ret_next when to call again.
 */
NODISCARD bool outbox_tick(struct tx *tx,
                           bool (*on_expired)(struct tx *tx, const struct node_id *peer,
                                              const struct oid *oid, struct err *err),
                           struct wall *ret_next, struct err *err);
/** Takes a queued object back: the peer must not get it any more. Not queued: fine. */
NODISCARD bool outbox_take_back(struct tx *tx, const struct oid *oid, struct err *err);
/** Erases our readable copy of a queued object's personal part; what is sealed to the peer stays,
 * for its chain needs it. */
NODISCARD bool outbox_erase(struct tx *tx, const struct oid *oid, struct err *err);
/** Everything of `peer` (NULL: of all) is due now. */
NODISCARD bool outbox_retry_now(struct tx *tx, const struct node_id *peer, struct err *err);
/** Cancels the queue of a blocked peer. */
NODISCARD bool outbox_drop_peer(struct tx *tx, const struct node_id *peer, struct err *err);

/* State words for the API: "queued", "acked". */
struct outbox_row {
    struct node_id peer;
    unsigned lane;
    uint64_t link_seq;
    struct oid oid;
    bool acked;
    int64_t created_ms;
    uint64_t expires_s;
    uint32_t attempts;
    size_t bytes;
};
NODISCARD bool outbox_list(struct store *store, struct arena *arena, const struct node_id *peer,
                           size_t limit, struct outbox_row **ret, size_t *ret_count,
                           struct err *err);
/** Delivery word of an own object: "sent" (queued), "acked", or "stored" when no row waits. */
NODISCARD bool outbox_delivery(struct store *store, const struct oid *oid, const char **ret,
                               struct err *err);
