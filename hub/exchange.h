#pragma once
/*
 * THE PATH: the one way state changes, for a person's click and for an object from a peer alike.
 * The loop enqueues; the writer takes everything that waits (at most 1,024 actions or 1 MiB), runs
 * each in its savepoint inside one transaction, commits durably, and only then the loop answers,
 * acks and pushes (DESIGN.md section 7).
 */
#include "hub/base/executor.h"
#include "hub/opener.h"

struct exchange;

struct exchange_config {
    struct store *store; /* the writing connection; borrowed */
    const struct identity *self;
    const struct clock *clock;
    const struct random_source *random;
    struct counters *counters;
    const struct executor *executor;
    int64_t open_notices; /* of one author, option open-notices; 0: no limit */
};

NODISCARD struct exchange *exchange_create(const struct exchange_config *config);
/** Only when idle (exchange_is_idle). */
void exchange_free(struct exchange *exchange);
AUTO_DEFINE(struct exchange, exchange_free)
/** True when nothing waits or runs. */
bool exchange_is_idle(const struct exchange *exchange);

/** One change. Embedded in the caller's struct; stays put until `done`. */
struct action {
    /** Writer thread, in a savepoint of its own. False: undone, `err` goes to done. */
    bool (*apply)(struct tx *tx, struct action *action, struct err *err);
    /** Loop thread, after the commit is on disk (err->code == ERR_NONE) or failed. May free the
     * action. */
    void (*done)(struct action *action, const struct err *err);
    size_t weight; /* bytes it carries, for the group cap */
    /* exchange's own */
    struct err err;
    struct action *next;
};
void exchange_submit(struct exchange *exchange, struct action *action);

/** Objects of one peer and lane, in link order, already opened. */
struct inbound_item {
    enum opened opened;
    Maillon__Hfp__V1__RefusalCode refusal; /* OPENED_REFUSED, or set by policy */
    bool retry;                            /* refusal is temporary */
    struct inbound_object object;
    /* after the commit */
    enum { ITEM_SKIPPED, ITEM_DUPLICATE, ITEM_REFUSED, ITEM_TAKEN } outcome;
};
struct inbound_batch {
    struct action action; /* first member */
    struct node_id peer;
    unsigned lane;
    struct inbound_item *items; /* in `arena` */
    size_t count;
    uint64_t link_seq; /* of the last item: the new receive cursor; 0: did not come on a lane
                          (gossip, relay, recovery), authors may differ from `peer` */
    struct arena *arena;
    void (*done)(struct inbound_batch *batch, const struct err *err); /* ack, free */
    void *owner;
};
/**
 * Dedup by oid, apply, receipts, cursor: all in the same commit as everything else of the group
 * (R-PD-6). Items that are OPENED_BAD are skipped; duplicates get their first receipt again
 * (R-PD-7).
 */
void exchange_receive(struct exchange *exchange, struct inbound_batch *batch);

/** After each commit, on the loop, before the done callbacks. Several listeners, in order of
 * adding. */
typedef void exchange_listener(void *ctx, const struct effect *effects, size_t count);
void exchange_listen(struct exchange *exchange, exchange_listener *listener, void *ctx);

/** Clock work of the domain (expiry, reminders, resends): call when due. Returns when to call
 * again. */
struct mono exchange_tick(struct exchange *exchange, struct mono now);
