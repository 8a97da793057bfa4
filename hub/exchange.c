#include "hub/exchange.h"

#include "hub/base/list.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/domain/attachment.h"
#include "hub/domain/audit.h"
#include "hub/domain/authoring.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/claim.h"
#include "hub/domain/directory.h"
#include "hub/domain/gossip.h"
#include "hub/domain/notice.h"
#include "hub/domain/object.h"
#include "hub/domain/referral.h"
#include "hub/domain/relay.h"
#include "hub/outbox/journal.h"
#include "hub/outbox/outbox.h"
#include "hub/receipts.h"
#include <stdlib.h>

#define GROUP_ACTIONS_MAX 1024
#define SCRATCH_BYTES     (128u << 20)
#define GROUP_WEIGHT_MAX  1048576
#define LISTENERS_MAX     8
#define TICK_MS_MIN       200
#define TICK_MS_MAX       60000
#define TICK_BARRED_MS    2000 /* while this hub may not sign: look again */
#define CLOCK_JUMP_MS     300000
#define REFUSAL_RETRY_S   600
#define APPLY_FAILED_S    14400

/** What one transaction carries. Two alternate: one is told on the loop while the other is written.
 */
struct group {
    struct tx tx; /* first member: apply functions get it */
    struct job job;
    struct exchange *exchange;
    struct action *first;
    struct receipts receipts;
    struct arena *scratch; /* of one inbound object: what a peer makes us read must not add up */
    int64_t clock_base_ms; /* wall minus mono clock when it was written */
    struct err err;        /* of the commit */
};

struct exchange {
    struct exchange_config config;
    struct group groups[2];
    unsigned next_group;
    bool running;
    struct action *first, **last; /* waiting */
    struct {
        exchange_listener *fn;
        void *ctx;
    } listeners[LISTENERS_MAX];
    size_t listener_count;
    struct action tick;
    bool tick_running;
    struct wall tick_due; /* what the last tick asked for */
    struct mono tick_due_mono;
    /* Writer thread: that of the last group on disk. */
    int64_t clock_base_ms;
    bool clock_known;
};

static void group_run(struct job *job);
static void group_told(struct job *job);

struct exchange *exchange_create(const struct exchange_config *config)
{
    struct exchange *exchange = mem_alloc(sizeof *exchange);
    exchange->config = *config;
    exchange->last = &exchange->first;
    for (size_t i = 0; i < ARRAY_LEN(exchange->groups); i++) {
        struct group *group = &exchange->groups[i];
        group->exchange = exchange;
        group->scratch = arena_create(SCRATCH_BYTES);
        group->job = (struct job){.run = group_run, .done = group_told};
        group->tx = (struct tx){
            .store = config->store,
            .arena = arena_create(256u << 20),
            .self = config->self,
            .random = config->random,
            .counters = config->counters,
            .open_notices = config->open_notices,
        };
    }
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (!exchange)
        return;
    for (size_t i = 0; i < ARRAY_LEN(exchange->groups); i++) {
        arena_free(exchange->groups[i].tx.arena);
        arena_free(exchange->groups[i].scratch);
        free(exchange->groups[i].tx.effects.list);
        receipts_done(&exchange->groups[i].receipts);
    }
    free(exchange);
}

bool exchange_is_idle(const struct exchange *exchange)
{
    return !exchange->running && !exchange->first;
}

void exchange_listen(struct exchange *exchange, exchange_listener *listener, void *ctx)
{
    if (exchange->listener_count == LISTENERS_MAX)
        abort(); /* a bug at start-up, not input */
    exchange->listeners[exchange->listener_count].fn = listener;
    exchange->listeners[exchange->listener_count++].ctx = ctx;
}

/* ---- the writer's side: one transaction ---- */

/** Runs one action in a savepoint; a failed one leaves nothing but its error. */
static void apply_one(struct group *group, struct action *action)
{
    struct tx *tx = &group->tx;
    size_t effects = tx->effects.count, notes = group->receipts.count;
    action->err = (struct err){0};
    if (!store_savepoint(tx->store, &action->err))
        return;
    if (action->apply(tx, action, &action->err) && store_release(tx->store, &action->err))
        return;
    if (action->err.code == ERR_NONE)
        err_set(&action->err, ERR_INTERNAL, "action failed without a reason");
    store_undo(tx->store);
    tx->effects.count = effects;
    group->receipts.count = notes;
    COUNT(tx->counters, actions_failed, 1);
}

/** F10: nothing is signed after somebody set the clock, until it was compared. A group that fails
 * takes its doubt back with it, so the next one compares with the last that is on disk. */
static bool watch_clock(struct group *group, struct err *err)
{
    const struct exchange *exchange = group->exchange;
    group->clock_base_ms = group->tx.now.ms - clock_mono(exchange->config.clock).us / 1000;
    int64_t moved_ms = exchange->clock_known ? group->clock_base_ms - exchange->clock_base_ms : 0;
    return (moved_ms <= CLOCK_JUMP_MS && moved_ms >= -CLOCK_JUMP_MS) ||
           authoring_clock_jumped(&group->tx, err);
}

static bool group_apply(struct group *group, struct err *err)
{
    struct tx *tx = &group->tx;
    if (!store_begin(tx->store, err) || !watch_clock(group, err))
        return false;
    for (struct action *action = group->first; action; action = action->next) {
        apply_one(group, action);
        if (!store_in_transaction(tx->store)) /* sqlite gave up on all of it: disk full, I/O */
            return err_set(err, ERR_IO, "%s", action->err.msg);
    }
    if (!receipts_flush(tx, &group->receipts, err) || !audit_flush(tx, err))
        return false;
    struct mono before = clock_mono(group->exchange->config.clock);
    if (!store_commit(tx->store, err))
        return false;
    COUNT(tx->counters, commit_us, clock_mono(group->exchange->config.clock).us - before.us);
    group->exchange->clock_base_ms = group->clock_base_ms;
    group->exchange->clock_known = true;
    return true;
}

static void group_run(struct job *job)
{
    struct group *group = list_entry(job, struct group, job);
    struct tx *tx = &group->tx;
    const struct clock *clock = group->exchange->config.clock;
    struct mono start = clock_mono(clock);
    arena_reset(tx->arena);
    tx->effects.count = 0;
    group->receipts.count = 0;
    tx->now = clock_wall(clock);
    group->err = (struct err){0};
    if (!group_apply(group, &group->err)) {
        if (store_in_transaction(tx->store))
            store_rollback(tx->store);
        tx->effects.count = 0;
        group->receipts.count = 0;
    }
    COUNT(tx->counters, writer_us, clock_mono(clock).us - start.us);
}

/* ---- the loop's side: queue, hand over, tell ---- */

static void start_group(struct exchange *exchange)
{
    if (exchange->running || !exchange->first)
        return;
    struct group *group = &exchange->groups[exchange->next_group];
    exchange->next_group = !exchange->next_group;
    size_t weight = 0, count = 0;
    struct action *action = exchange->first, *last = NULL;
    while (action && count < GROUP_ACTIONS_MAX && weight < GROUP_WEIGHT_MAX) {
        weight += action->weight;
        count++;
        last = action;
        action = action->next;
    }
    group->first = exchange->first;
    last->next = NULL;
    exchange->first = action;
    if (!action)
        exchange->last = &exchange->first;
    exchange->running = true;
    COUNT(exchange->config.counters, commits, 1);
    COUNT(exchange->config.counters, commit_actions, count);
    executor_submit(exchange->config.executor, LANE_WRITER, &group->job);
}

/** Loop: the group is durable or failed. The next one starts before this one is told. */
static void group_told(struct job *job)
{
    struct group *group = list_entry(job, struct group, job);
    struct exchange *exchange = group->exchange;
    exchange->running = false;
    start_group(exchange);
    if (group->err.code != ERR_NONE)
        log_line(LOG_ERROR, "commit failed code=%s reason=\"%s\"", err_code_name(group->err.code),
                 group->err.msg);
    for (size_t i = 0; group->tx.effects.count && i < exchange->listener_count; i++)
        exchange->listeners[i].fn(exchange->listeners[i].ctx, group->tx.effects.list,
                                  group->tx.effects.count);
    for (struct action *action = group->first, *next; action; action = next) {
        next = action->next;
        const struct err failed = group->err.code != ERR_NONE ? group->err : action->err;
        action->done(action, &failed);
    }
    group->first = NULL;
}

void exchange_submit(struct exchange *exchange, struct action *action)
{
    action->next = NULL;
    *exchange->last = action;
    exchange->last = &action->next;
    start_group(exchange);
}

/* ---- objects of peers ---- */

static void note(struct group *group, const struct node_id *author, const struct oid *oid,
                 const struct disposition *disposition, bool recorded)
{
    receipts_note(&group->receipts, &(struct receipt_note){.peer = *author,
                                                           .oid = *oid,
                                                           .disposition = *disposition,
                                                           .recorded = recorded});
}

/** What a peer gave back to its author, this hub. */
static bool is_own(const struct group *group, const struct inbound_object *object)
{
    return node_id_equal(&object->from, identity_node(group->tx.self));
}

/** Authentic but not taken (policy, expired, unknown kind): told in a receipt, not recorded. */
static void refuse_item(struct group *group, const struct inbound_batch *batch,
                        const struct inbound_item *item)
{
    if ((item->object.kind ? !item->object.kind->receipted : batch->lane > 1) ||
        is_own(group, &item->object))
        return;
    struct disposition disposition = {
        .state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED,
        .code = item->refusal,
        .permanent = !item->retry,
        .retry_after_s = item->retry ? REFUSAL_RETRY_S : 0,
    };
    note(group, &item->object.from, &item->object.envelope.oid, &disposition, false);
}

/** In the item's scratch memory: only values leave it (effects, receipt notes). */
static bool apply_item(struct group *group, const struct inbound_item *item,
                       struct disposition *disposition, struct err *err)
{
    struct tx *tx = &group->tx;
    const struct inbound_object *object = &item->object;
    struct arena *of_group = tx->arena;
    tx->arena = group->scratch;
    bool applied = object_add(tx, &object->envelope, &object->from, object->head->expires_s,
                              OBJECT_APPLIED, NULL, err) &&
                   object->kind->apply(tx, object, disposition, err) &&
                   (!object->kind->receipted ||
                    audit_add(tx, "peer", "event.taken", &object->envelope.oid, err));
    tx->arena = of_group;
    arena_reset(group->scratch);
    return applied;
}

/** What taking a batch came to; counted once it is sure. */
struct taken {
    bool each;  /* every item in a savepoint of its own */
    bool again; /* without them, one item could not be taken back alone: once more, with them */
    size_t received, refused, duplicate;
};

/** Stores and applies a new object. False: all of the batch, or `taken->again`. */
static bool take_item(struct group *group, struct inbound_item *item, struct taken *taken,
                      struct err *err)
{
    struct tx *tx = &group->tx;
    const struct inbound_object *object = &item->object;
    struct disposition disposition = {.state =
                                          MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED};
    size_t effects = tx->effects.count;
    if (taken->each && !store_savepoint(tx->store, err))
        return false;
    bool applied = apply_item(group, item, &disposition, err);
    if (!applied && (!store_in_transaction(tx->store) || err->code == ERR_IO)) {
        if (taken->each)
            store_undo(tx->store); /* this one; the caller undoes the action's own */
        return false;
    }
    bool refused = disposition.state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
    bool recorded = applied && (!refused || disposition.permanent);
    if (!recorded && !taken->each) {
        taken->again = true;
        return false;
    }
    if (recorded) {
        if (taken->each && !store_release(tx->store, err)) {
            store_undo(tx->store);
            return false;
        }
    } else { /* it comes again, so nothing may remember it */
        store_undo(tx->store);
        tx->effects.count = effects;
    }
    if (!applied) {
        /* A failure of ours that would repeat: refuse it for some hours rather than block the lane.
         */
        log_line(LOG_ERROR, "could not apply %s code=%s reason=\"%s\"", object->kind->name,
                 err_code_name(err->code), err->msg);
        *err = (struct err){0};
        refused = true;
        disposition = (struct disposition){
            .state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED,
            .code = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA,
            .retry_after_s = APPLY_FAILED_S,
        };
    }
    taken->refused += refused;
    taken->received += !refused;
    item->outcome = refused ? ITEM_REFUSED : ITEM_TAKEN;
    if (object->kind->receipted && !is_own(group, object))
        note(group, &object->from, &object->envelope.oid, &disposition, recorded);
    return true;
}

static bool receive_item(struct group *group, const struct inbound_batch *batch,
                         struct inbound_item *item, struct taken *taken, struct err *err)
{
    if (item->opened == OPENED_BAD || item->opened == OPENED_UNKNOWN_KEY)
        return true; /* the link tells the injector; nothing is recorded (R-PD-8) */
    bool known;
    struct object_row row;
    if (!object_find(group->tx.store, &item->object.envelope.oid, &known, &row, err))
        return false;
    if (known) { /* R-PD-7: the first receipt again, byte for byte */
        taken->duplicate++;
        item->outcome = ITEM_DUPLICATE;
        if (!batch->link_seq && item->opened == OPENED_OK && /* asked for, it may be whole again */
            !object_mend(&group->tx, &item->object.envelope, err))
            return false;
        /* Not from a relay: what one kept back may be older than what the peer lost since. */
        if (batch->link_seq && item->opened == OPENED_OK && item->object.kind->again &&
            !item->object.kind->again(&group->tx, &item->object, err))
            return false;
        return !row.receipt || outbox_replay_receipt(&group->tx, row.receipt, err);
    }
    if (item->opened == OPENED_REFUSED) {
        taken->refused++;
        item->outcome = ITEM_REFUSED;
        refuse_item(group, batch, item);
        return true;
    }
    return take_item(group, item, taken, err);
}

static bool receive_items(struct group *group, const struct inbound_batch *batch,
                          struct taken *taken, struct err *err)
{
    for (size_t i = 0; i < batch->count; i++) {
        if (!receive_item(group, batch, &batch->items[i], taken, err))
            return false;
    }
    return true;
}

/**
 * Savepoints cost a copy of each page that an item changes, and nearly every item is kept: so the
 * batch first goes without, in its action's savepoint.
 */
static bool receive_batch(struct group *group, const struct inbound_batch *batch, struct err *err)
{
    struct tx *tx = &group->tx;
    size_t effects = tx->effects.count, notes = group->receipts.count;
    struct taken taken = {0};
    bool done = receive_items(group, batch, &taken, err);
    if (!done && taken.again) {
        *err = (struct err){0};
        tx->effects.count = effects;
        group->receipts.count = notes;
        taken = (struct taken){.each = true};
        done = store_rewind(tx->store, err) && receive_items(group, batch, &taken, err);
    }
    if (!done)
        return false;
    COUNT(tx->counters, objects_received, taken.received);
    COUNT(tx->counters, objects_refused, taken.refused);
    COUNT(tx->counters, objects_duplicate, taken.duplicate);
    return true;
}

static bool receive_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct group *group = list_entry(tx, struct group, tx);
    struct inbound_batch *batch = list_entry(action, struct inbound_batch, action);
    uint8_t key[X25519_KEY_BYTES];
    if (batch->lane == 1 && !relation_enc_key(tx->store, &batch->peer, tx->now, key, err))
        return false; /* no receipt could be sealed: take it when their directory entry is here */
    if (!receive_batch(group, batch, err))
        return false;
    if (batch->count > 1)
        COUNT(tx->counters, commit_actions, batch->count - 1);
    return !batch->link_seq ||
           outbox_set_rx_cursor(tx, &batch->peer, batch->lane, batch->link_seq, err);
}

static void receive_done(struct action *action, const struct err *err)
{
    struct inbound_batch *batch = list_entry(action, struct inbound_batch, action);
    batch->done(batch, err);
}

void exchange_receive(struct exchange *exchange, struct inbound_batch *batch)
{
    batch->action.apply = receive_apply;
    batch->action.done = receive_done;
    exchange_submit(exchange, &batch->action);
}

/* ---- the clock ---- */

static bool tick_outbox(struct tx *tx, struct wall *ret_next, struct err *err)
{
    return outbox_tick(tx, receipts_on_expired, ret_next, err);
}

static bool tick_objects(struct tx *tx, struct wall *ret_next, struct err *err)
{
    ret_next->ms = tx->now.ms + TICK_MS_MAX;
    return object_tick(tx, err) && journal_tick(tx, err);
}

/** Our own directory entry must not grow old: peers seal to the keys in it. */
static bool tick_card(struct tx *tx, struct wall *ret_next, struct err *err)
{
    struct card card;
    ret_next->ms = tx->now.ms + TICK_MS_MAX;
    return card_read(tx->store, &card, err) && (!card.version || card_publish(tx, &card, err));
}

static bool (*const ticks[])(struct tx *tx, struct wall *ret_next, struct err *err) = {
    referral_tick, notice_tick, claim_tick,  directory_tick, tick_outbox, tick_objects, tick_card,
    relay_tick,    gossip_tick, circle_tick, receipts_tick,  object_walk, audit_tick,
};

/** Each in a savepoint of its own: one row that fails must not stop retention and expiry. */
static bool tick_one(struct tx *tx, size_t i, struct wall *ret_next, struct err *err)
{
    size_t effects = tx->effects.count;
    struct err why = {0};
    if (!store_savepoint(tx->store, err))
        return false;
    if (ticks[i](tx, ret_next, &why) && store_release(tx->store, &why))
        return true;
    store_undo(tx->store);
    tx->effects.count = effects;
    if (why.code == ERR_IO || !store_in_transaction(tx->store)) {
        *err = why;
        return false;
    }
    log_line(LOG_ERROR, "clock work failed part=%zu code=%s reason=\"%s\"", i,
             err_code_name(why.code), why.msg);
    ret_next->ms = tx->now.ms + TICK_MS_MAX;
    return true;
}

static bool tick_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct exchange *exchange = list_entry(action, struct exchange, tick);
    struct authoring authoring;
    enum authoring_bar bar;
    exchange->tick_due.ms = tx->now.ms + TICK_BARRED_MS;
    if (!authoring_check(tx->store, tx->self, tx->now, &authoring, &bar, err))
        return false;
    /* With a wrong clock it would expire and erase; with an old copy it would act on the past. */
    if (bar == AUTHORING_RECOVERING || authoring_clock_is_wrong(bar))
        return true;
    exchange->tick_due.ms = tx->now.ms + TICK_MS_MAX;
    for (size_t i = 0; i < ARRAY_LEN(ticks); i++) {
        struct wall next = {tx->now.ms + TICK_MS_MAX};
        if (!tick_one(tx, i, &next, err))
            return false;
        if (next.ms < exchange->tick_due.ms)
            exchange->tick_due = next;
    }
    return true;
}

static void tick_done(struct action *action, const struct err *err)
{
    struct exchange *exchange = list_entry(action, struct exchange, tick);
    const struct clock *clock = exchange->config.clock;
    exchange->tick_running = false;
    int64_t ms = exchange->tick_due.ms - clock_wall(clock).ms;
    if (err->code != ERR_NONE) {
        log_line(LOG_ERROR, "clock work failed code=%s reason=\"%s\"", err_code_name(err->code),
                 err->msg);
        ms = TICK_MS_MAX;
    }
    ms = ms < TICK_MS_MIN ? TICK_MS_MIN : ms > TICK_MS_MAX ? TICK_MS_MAX : ms;
    exchange->tick_due_mono = mono_after_ms(clock_mono(clock), ms);
}

struct mono exchange_tick(struct exchange *exchange, struct mono now)
{
    if (exchange->tick_running)
        return MONO_NEVER; /* asked again when it is done */
    if (now.us >= exchange->tick_due_mono.us) {
        exchange->tick_running = true;
        exchange->tick = (struct action){.apply = tick_apply, .done = tick_done};
        exchange_submit(exchange, &exchange->tick);
        return MONO_NEVER;
    }
    return exchange->tick_due_mono;
}
