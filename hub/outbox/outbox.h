#pragma once
/*
 * Sealed objects waiting for a peer on lanes 0 and 1, kept until a signed end-to-end receipt frees
 * them (R-PD-2, R-PD-5). Also the per-peer link cursors (R-PD-3) and the receipts sent, for replay
 * (R-PD-7). Owns tables `outbox`, `link`, `receipt`.
 */
#include "hub/crypto/seal.h"
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

/** The same for what the peer could not open, by the id of the sealed bytes; unknown: fine. */
NODISCARD bool outbox_reseal_sent(struct tx *tx, const struct node_id *peer,
                                  const struct oid *sealed_id, struct err *err);
/** Everything queued was signed anew: seals it all again. */
NODISCARD bool outbox_reseal_all(struct tx *tx, struct err *err);

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

/* By way of relays (R-RE-1): the row stays until the signed receipt, whatever a relay says. */
struct outbox_relayable {
    unsigned lane;
    uint64_t link_seq;
    uint32_t attempts;
    enum outbox_free freed_by;
    struct oid oid, sealed_id;
    struct bytes sealed; /* arena */
};
#define OUTBOX_AWAY_MAX 256
/** Some of the peers that something waits for, neither acked nor held by a relay. */
NODISCARD bool outbox_away(struct store *store, struct node_id ret[OUTBOX_AWAY_MAX],
                           size_t *ret_count, struct err *err);
/** What waits for one of them, oldest first: at most `limit` and about `max_bytes`. */
NODISCARD bool outbox_read_for_relay(struct store *store, struct arena *arena,
                                     const struct node_id *peer, unsigned lane, size_t limit,
                                     size_t max_bytes, struct wall now,
                                     struct outbox_relayable **ret, size_t *ret_count,
                                     struct err *err);
/** `relay` has taken custody: starts the receipt clock; frees OUTBOX_FREE_ON_ACK rows. `item` may
 * have left the queue meanwhile. */
NODISCARD bool outbox_at_relay(struct tx *tx, const struct node_id *peer,
                               const struct outbox_relayable *item, const struct node_id *relay,
                               struct err *err);
/** The destination could not open what `relay` brought: sealed again if its key has changed since;
 * else nothing. */
NODISCARD bool outbox_reseal_relayed(struct tx *tx, const struct node_id *relay,
                                     const struct oid *sealed_id, struct err *err);
/** Objects that `relay` holds of ours, as far as it says. */
NODISCARD bool outbox_relay_count(struct store *store, const struct node_id *relay, uint64_t *ret,
                                  struct err *err);

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

struct outbox_row {
    struct node_id peer;
    unsigned lane;
    uint64_t link_seq;
    struct oid oid;
    bool acked;   /* the peer has it, no receipt yet */
    bool relayed; /* a relay has held it */
    int64_t created_ms;
    uint64_t expires_s;
    uint32_t attempts;
    size_t bytes;
};
NODISCARD bool outbox_list(struct store *store, struct arena *arena, const struct node_id *peer,
                           size_t limit, struct outbox_row **ret, size_t *ret_count,
                           struct err *err);
/** Delivery word of an own object: "sent" (queued), "at-relay", "acked", or "stored" when no row
 * waits. */
NODISCARD bool outbox_delivery(struct store *store, const struct oid *oid, const char **ret,
                               struct err *err);

/* After a restore (R-PD-3, R-REC-2, F25): outbox_restart.c. */
/** The last link_seq given out on this lane. Any connection. */
NODISCARD bool outbox_sent(struct store *store, const struct node_id *peer, unsigned lane,
                           uint64_t *ret, struct err *err);
/** Numbers of this lane go on beyond `link_seq`, and what waits takes new ones. */
NODISCARD bool outbox_restart(struct tx *tx, const struct node_id *peer, unsigned lane,
                              uint64_t link_seq, struct err *err);
/** An own object that the peer had and lost; nothing when it still waits here. */
struct outbox_again {
    struct oid oid;
    struct parcel parcel;
    unsigned lane;
    uint64_t expires_s;
};
NODISCARD bool outbox_send_again(struct tx *tx, const struct node_id *peer,
                                 const struct outbox_again *again, struct err *err);
