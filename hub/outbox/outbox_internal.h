#pragma once
/* What outbox.c (queueing, reading) and outbox_free.c (acks, receipts, clocks) share. */
#include "hub/outbox/outbox.h"

#define OUTBOX_ROWS_MAX  10000
#define OUTBOX_BYTES_MAX (64 * 1024 * 1024)

/** A row to be queued. */
struct outbox_new {
    const struct node_id *peer;
    unsigned lane;
    enum outbox_free freed_by;
    const struct oid *oid, *sealed_id;
    uint64_t expires_s;
    struct bytes sealed; /* empty when `receipt` has it */
    int64_t receipt;     /* 0: none */
    struct bytes personal_key, personal;
};
NODISCARD bool outbox_queue(struct tx *tx, const struct outbox_new *row, struct err *err);

/** How far a lane is, each way; all zero: nothing of it yet. */
struct outbox_lane {
    int64_t peer; /* row id */
    int64_t sent, acked, received;
};
NODISCARD bool outbox_lane(struct store *store, const struct node_id *peer, unsigned lane,
                           struct outbox_lane *ret, struct err *err);
/** Runs a statement whose ?1 is the node, ?2 the lane and ?3 a number. */
NODISCARD bool outbox_lane_run(struct tx *tx, const char *sql, const struct node_id *peer,
                               unsigned lane, int64_t number, struct err *err);

/** Takes the next link_seq; the waiting counters grow by `rows` and `bytes`. ERR_LIMIT: the queue
 * is full. */
NODISCARD bool outbox_next_seq(struct tx *tx, const struct node_id *peer, unsigned lane,
                               size_t rows, size_t bytes, int64_t *ret_peer, int64_t *ret_seq,
                               struct err *err);
/** The receipt clock ran out on what relays held: another path is tried. */
NODISCARD bool outbox_relay_late(struct tx *tx, const struct oid *oid, int64_t peer,
                                 struct err *err);
/** The signed receipt for something that relays held is here. */
NODISCARD bool outbox_relay_settle(struct tx *tx, const struct oid *oid, int64_t peer,
                                   struct err *err);
NODISCARD bool outbox_relay_tick(struct tx *tx, struct err *err);
/** A row that waited for a receipt is gone. */
NODISCARD bool outbox_uncount(struct tx *tx, int64_t peer, unsigned lane, int64_t bytes,
                              struct err *err);
