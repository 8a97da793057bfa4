#include "federation/federation_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include "hub/crypto/wire.h"
#include "hub/opener.h"
#include <stdlib.h>

#define INLINE_MAX     2       /* handing over one message costs more than it saves */
#define HOLD_BYTES     4194304 /* stop reading from a peer whose objects pile up here */
#define RELEASE_BYTES  2097152
#define ERRS_PER_BATCH 8

struct raw_item {
    struct bytes bytes;
    struct oid oid;
    bool sealed;
};

/** One Batch frame: opened on a worker, then released in link order. */
struct inbound_job {
    struct inbound_batch batch;
    struct job job;
    struct list in_link;
    struct federation *federation;
    uint64_t link;
    struct opener opener;
    struct raw_item *raw;
    size_t bytes;
    bool opened;
};

/** Data.oid names what travels: relays and acks go by it, so it must be true. */
static bool is_named_right(const struct raw_item *raw, const struct inbound_object *object)
{
    struct oid computed = object->envelope.oid;
    if (raw->sealed)
        digest_sha256(raw->bytes, computed.b);
    return oid_equal(&computed, &raw->oid);
}

/** Dated after our own clock: one of the two is wrong, and the object may come again. */
static bool is_early(const struct inbound_job *inbound, const struct inbound_item *item)
{
    return item->opened == OPENED_REFUSED && item->object.head &&
           item->refusal == MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE &&
           item->object.head->created_s > (uint64_t)inbound->opener.now.ms / 1000;
}

static void open_items(struct job *job)
{
    struct inbound_job *inbound = list_entry(job, struct inbound_job, job);
    struct inbound_batch *batch = &inbound->batch;
    for (size_t i = 0; i < batch->count; i++) {
        struct err err = {0};
        struct inbound_item *item = &batch->items[i];
        const struct raw_item *raw = &inbound->raw[i];
        item->opened = opener_open(&inbound->opener, raw->bytes, raw->sealed, batch->lane,
                                   batch->arena, &item->object, &item->refusal, &err);
        item->retry = is_early(inbound, item);
        if (item->opened == OPENED_OK && !is_named_right(raw, &item->object))
            item->opened = OPENED_BAD;
    }
}

static void job_free(struct inbound_job *inbound)
{
    list_remove(&inbound->in_link);
    inbound->federation->busy--;
    arena_free(inbound->batch.arena);
    free(inbound);
}

/* ---- after the commit ---- */

void inbound_hold(struct link *link)
{
    const struct transport *transport = &link->federation->config.transport;
    /* Credit asks a peer to stop; one that does not hear is not read until it has paid. */
    bool hold = link->inbound_bytes > (link->held ? RELEASE_BYTES : HOLD_BYTES) ||
                (link->peer && peers_in_debt(link->federation, link->peer));
    if (hold == link->held || !link->conn)
        return;
    link->held = hold;
    transport->hold(transport->ctx, link->conn, hold);
}

static void committed(struct inbound_batch *batch, const struct err *err)
{
    struct inbound_job *inbound = list_entry(batch, struct inbound_job, batch);
    struct link *link = federation_find_link(inbound->federation, inbound->link);
    if (err->code != ERR_NONE)
        log_line(LOG_WARN, "batch not taken lane=%u code=%s reason=\"%s\"", batch->lane,
                 err_code_name(err->code), err->msg);
    if (link) {
        struct lane_in *lane = &link->in[batch->lane];
        lane->waiting -= (uint32_t)batch->count;
        link->inbound_bytes -= inbound->bytes;
        inbound_hold(link);
        if (err->code != ERR_NONE) {
            link_bye(link, 4, 2, LINK_CLOSE_TRY_LATER); /* nothing was acked: it comes again */
        } else if (batch->link_seq > lane->cursor) {
            lane->cursor = batch->link_seq;
            link_wake(link);
        }
    }
    job_free(inbound);
}

/* ---- between opening and the commit ---- */

static void send_err(struct link *link, unsigned lane, Maillon__Hfp__V1__LinkError code,
                     const struct raw_item *raw)
{
    Maillon__Hfp__V1__Err error = MAILLON__HFP__V1__ERR__INIT;
    error.code = code;
    error.oid = wire_data(oid_bytes(&raw->oid));
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_ERR;
    frame.err = &error;
    link_send(link, lane, &frame);
}

static bool is_over(const struct inbound_item *item)
{
    return item->opened == OPENED_REFUSED &&
           item->refusal == MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_EXPIRED;
}

static bool is_new_referral(const struct inbound_item *item)
{
    return item->opened == OPENED_OK && strcmp(item->object.envelope.type, TYPE_REFERRAL) == 0 &&
           !item->object.head->stream.len;
}

/** Relation, switches, budgets; tells the injector about what cannot be told in a receipt. */
static void judge(struct link *link, struct inbound_job *inbound)
{
    struct inbound_batch *batch = &inbound->batch;
    struct federation *federation = link->federation;
    unsigned bad = 0;
    for (size_t i = 0; i < batch->count; i++) {
        struct inbound_item *item = &batch->items[i];
        policy_inbound(&link->peer->relation, item);
        item->retry |= federation->clock_doubtful && is_over(item);
        if (is_new_referral(item) && !peers_take_referral(federation, link->peer)) {
            item->opened = OPENED_REFUSED;
            item->refusal = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA;
            item->retry = true;
        }
        if (item->opened == OPENED_BAD) {
            COUNT(federation->config.counters, objects_bad, 1);
            peers_mark(federation, link->peer, BUDGET_BAD_OBJECT);
            if (bad++ < ERRS_PER_BATCH)
                send_err(link, batch->lane, MAILLON__HFP__V1__LINK_ERROR__LINK_ERROR_BAD_OBJECT,
                         &inbound->raw[i]);
        } else if (item->opened == OPENED_UNKNOWN_KEY) {
            COUNT(federation->config.counters, objects_bad, 1);
            send_err(link, batch->lane, MAILLON__HFP__V1__LINK_ERROR__LINK_ERROR_UNKNOWN_KEY,
                     &inbound->raw[i]);
        }
    }
    if (bad && peers_violated(federation, link->peer))
        link_bye(link, 2, PEERS_BAR_S, LINK_CLOSE_POLICY);
}

/** Hands opened batches to the exchange, oldest first, as far as they are opened. */
static void release(struct link *link)
{
    while (!list_is_empty(&link->inbound)) {
        struct inbound_job *inbound = list_entry(link->inbound.next, struct inbound_job, in_link);
        if (!inbound->opened)
            return;
        list_remove(&inbound->in_link);
        judge(link, inbound);
        inbound->batch.done = committed;
        exchange_receive(link->federation->config.exchange, &inbound->batch);
    }
}

static void opened(struct job *job)
{
    struct inbound_job *inbound = list_entry(job, struct inbound_job, job);
    struct link *link = federation_find_link(inbound->federation, inbound->link);
    inbound->opened = true;
    if (!link || !link->peer) {
        job_free(inbound); /* not acked: it comes again on the next session */
        return;
    }
    release(link);
}

/* ---- taking a frame ---- */

/** Appends a part; *ret_whole set when it was the last one. */
static bool take_part(struct lane_in *lane, const Maillon__Hfp__V1__Data *data, bool *ret_whole,
                      struct err *err)
{
    *ret_whole = false;
    if (data->part == 0) {
        lane->part.len = 0;
        lane->part_seq = data->link_seq;
        lane->part_next = 0;
    }
    if (data->part != lane->part_next || data->link_seq != lane->part_seq ||
        data->part >= data->parts || data->parts > SEALED_MAX / LINK_PART_BYTES + 1)
        return err_set(err, ERR_PEER, "part out of order");
    if (lane->part.len + data->sealed.len > SEALED_MAX)
        return err_set(err, ERR_PEER, "object in parts is too large");
    buf_add(&lane->part, data->sealed.data, data->sealed.len);
    lane->part_next++;
    *ret_whole = lane->part_next == data->parts;
    return true;
}

static bool add_item(struct link *link, struct inbound_job *inbound,
                     const Maillon__Hfp__V1__Data *data, struct err *err)
{
    struct inbound_batch *batch = &inbound->batch;
    struct lane_in *lane = &link->in[batch->lane];
    struct raw_item *raw = &inbound->raw[batch->count];
    struct bytes bytes = wire_bytes(data->sealed.len ? data->sealed : data->object);
    bool whole = true;
    if (!oid_from(wire_bytes(data->oid), &raw->oid) || !data->link_seq ||
        (data->sealed.len != 0) == (data->object.len != 0))
        return err_set(err, ERR_PEER, "data is malformed");
    raw->sealed = data->sealed.len != 0;
    if (data->parts > 1) {
        if (!take_part(lane, data, &whole, err))
            return false;
        bytes = buf_bytes(&lane->part);
    }
    if (!whole)
        return true;
    raw->bytes = arena_bytes(batch->arena, bytes);
    batch->count++;
    batch->link_seq = data->link_seq;
    inbound->bytes += bytes.len;
    if (data->parts > 1) {
        buf_done(&lane->part);
        lane->part = (struct buf){0};
    }
    return true;
}

/** R-AB-5, R-AB-6: a peer over its rate gets no credit until the bucket has refilled. */
static void charge(struct link *link, unsigned lane, size_t count, size_t bytes)
{
    bool fits = peers_take_tokens(link->federation, link->peer, (unsigned)count);
    fits = peers_take_bytes(link->federation, link->peer, bytes) && fits;
    if (fits || lane == 0 || link->in[lane].stopped)
        return;
    peers_mark(link->federation, link->peer, BUDGET_OVER_RATE);
    Maillon__Hfp__V1__Credit credit = MAILLON__HFP__V1__CREDIT__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_CREDIT;
    frame.credit = &credit;
    link->in[lane].stopped = true;
    federation_due(link->federation, mono_after_ms(federation_now(link->federation), 1000));
    link_send(link, lane, &frame);
}

bool inbound_batch(struct link *link, unsigned lane_number, const Maillon__Hfp__V1__Batch *frame,
                   struct err *err)
{
    struct federation *federation = link->federation;
    if (lane_number >= ARRAY_LEN(link->in) || !frame->n_data || frame->n_data > LINK_BATCH_MAX)
        return err_set(err, ERR_PEER, "batch of %zu objects on lane %u", frame->n_data,
                       lane_number);
    struct lane_in *lane = &link->in[lane_number];
    if (lane->waiting + frame->n_data > 2 * LINK_WINDOW_OBJECTS)
        return err_set(err, ERR_PEER, "more objects in flight than was granted");

    struct inbound_job *inbound = mem_alloc(sizeof *inbound);
    inbound->federation = federation;
    inbound->link = link->id;
    list_init(&inbound->in_link);
    federation->busy++;
    struct inbound_batch *batch = &inbound->batch;
    batch->peer = link->node;
    batch->lane = lane_number;
    batch->arena = arena_create(64u << 20);
    batch->items = arena_alloc(batch->arena, frame->n_data * sizeof *batch->items);
    inbound->raw = arena_alloc(batch->arena, frame->n_data * sizeof *inbound->raw);
    for (size_t i = 0; i < frame->n_data; i++) {
        if (!add_item(link, inbound, frame->data[i], err)) {
            job_free(inbound);
            return false;
        }
    }
    if (!batch->count) { /* only a part: nothing whole yet */
        job_free(inbound);
        return true;
    }
    batch->action.weight = inbound->bytes;
    lane->waiting += (uint32_t)batch->count;
    link->inbound_bytes += inbound->bytes;
    charge(link, lane_number, batch->count, inbound->bytes);
    inbound_hold(link);
    inbound->opener = (struct opener){.self = federation->config.self,
                                      .peer = link->peer->relation.kel,
                                      .now = clock_wall(federation->config.clock)};
    inbound->job = (struct job){.run = open_items, .done = opened};
    bool alone = list_is_empty(&link->inbound);
    list_add_tail(&link->inbound, &inbound->in_link);
    if (alone && batch->count <= INLINE_MAX) {
        open_items(&inbound->job);
        opened(&inbound->job);
    } else {
        executor_submit(federation->config.executor, LANE_WORKER, &inbound->job);
    }
    return true;
}

void inbound_done(struct link *link)
{
    list_each_safe (item, next, &link->inbound) {
        struct inbound_job *inbound = list_entry(item, struct inbound_job, in_link);
        list_remove(&inbound->in_link);
        if (inbound->opened) /* it waited for an older one; of the others a worker is still busy */
            job_free(inbound);
    }
    for (unsigned i = 0; i < ARRAY_LEN(link->in); i++)
        buf_done(&link->in[i].part);
}
