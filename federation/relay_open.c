/* Blobs for this hub that relays bring: opened like any object, but the author is found inside. */
#include "federation/relay_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/opener.h"
#include <stdlib.h>

#define ARENA_MAX (8u << 20)
#define FAILED_S  30

struct relay_job {
    struct inbound_batch batch;
    struct job job;
    struct federation *federation;
    uint64_t link;
    struct node_id injector, author;
    struct oid blob;
    struct bytes sealed;
    struct parcel parcel;
    struct opener opener;
    enum opened unsealed;
    bool readable; /* what is inside is an object that names an author */
};

static void job_end(struct relay_job *job, custody_answer answer, uint32_t retry_after_s)
{
    struct federation *federation = job->federation;
    struct link *link = federation_find_link(federation, job->link);
    if (link && relay_link_of(link)) {
        relay_link_of(link)->jobs--;
        relay_answer(link, &job->blob, answer, retry_after_s);
    }
    if (answer == CUSTODY(BAD))
        relay_mark(federation, &job->injector);
    relay_of(federation)->memory -= job->sealed.len;
    federation->busy--;
    arena_free(job->batch.arena);
    free(job);
}

static void committed(struct inbound_batch *batch, const struct err *err)
{
    struct relay_job *job = list_entry(batch, struct relay_job, batch);
    if (err->code == ERR_NONE) {
        job_end(job, CUSTODY(HELD), 0);
        return;
    }
    log_line(LOG_WARN, "relayed object not taken code=%s reason=\"%s\"", err_code_name(err->code),
             err->msg);
    job_end(job, CUSTODY(QUOTA), FAILED_S);
}

/** The relation that counts is the author's: a relay is only the road (R-AB-3). */
static void judge(struct relay_job *job, struct peer *author)
{
    struct federation *federation = job->federation;
    struct inbound_item *item = &job->batch.items[0];
    policy_inbound(&author->relation, item);
    item->retry |= federation->clock_doubtful && item->opened == OPENED_REFUSED &&
                   item->refusal == MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_EXPIRED;
    bool is_new = item->opened == OPENED_OK &&
                  strcmp(item->object.envelope.type, TYPE_REFERRAL) == 0 &&
                  !item->object.head->stream.len;
    if (is_new && !peers_take_referral(federation, author)) {
        item->opened = OPENED_REFUSED;
        item->refusal = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA;
        item->retry = true;
    }
}

static void open_done(struct job *base)
{
    struct relay_job *job = list_entry(base, struct relay_job, job);
    struct federation *federation = job->federation;
    struct peer *author = peers_find(federation, &job->author);
    if (job->batch.items[0].opened == OPENED_UNKNOWN_KEY) {
        COUNT(federation->config.counters, objects_bad, 1);
        job_end(job, CUSTODY(UNKNOWN_KEY), 0);
        return;
    }
    if (job->batch.items[0].opened == OPENED_BAD || !author) {
        COUNT(federation->config.counters, objects_bad, 1);
        job_end(job, CUSTODY(BAD), 0);
        return;
    }
    judge(job, author);
    job->batch.done = committed;
    exchange_receive(federation->config.exchange, &job->batch);
}

/** Dated after our own clock: one of the two is wrong, and the object may come again. */
static bool is_early(const struct relay_job *job, const struct inbound_item *item)
{
    return item->opened == OPENED_REFUSED && item->object.head &&
           item->refusal == MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE &&
           item->object.head->created_s > (uint64_t)job->opener.now.ms / 1000;
}

static void open_run(struct job *base)
{
    struct relay_job *job = list_entry(base, struct relay_job, job);
    struct inbound_item *item = &job->batch.items[0];
    struct err err = {0};
    item->opened = opener_open_parcel(&job->opener, &job->parcel, true, job->batch.lane,
                                      job->batch.arena, &item->object, &item->refusal, &err);
    item->retry = is_early(job, item);
}

static void unseal_done(struct job *base)
{
    struct relay_job *job = list_entry(base, struct relay_job, job);
    struct federation *federation = job->federation;
    if (job->unsealed == OPENED_UNKNOWN_KEY) {
        COUNT(federation->config.counters, objects_bad, 1);
        job_end(job, CUSTODY(UNKNOWN_KEY), 0);
        return;
    }
    if (job->unsealed != OPENED_OK || !job->readable) {
        COUNT(federation->config.counters, objects_bad, 1);
        job_end(job, CUSTODY(BAD), 0);
        return;
    }
    struct peer *author = peers_find(federation, &job->author);
    if (!author) { /* a stranger: no keys to verify with, no relation to take it under */
        job_end(job, CUSTODY(UNKNOWN), 0);
        return;
    }
    job->opener.peer = author->relation.kel;
    job->batch.peer = job->author;
    job->job = (struct job){.run = open_run, .done = open_done};
    executor_submit(federation->config.executor, LANE_WORKER, &job->job);
}

static void unseal_run(struct job *base)
{
    struct relay_job *job = list_entry(base, struct relay_job, job);
    struct arena *arena = job->batch.arena;
    struct err err = {0};
    struct bytes scope;
    struct envelope envelope;
    job->unsealed = opener_unseal(job->opener.self, job->sealed, arena, &job->parcel, &err);
    job->readable = job->unsealed == OPENED_OK &&
                    opener_author(job->parcel.object, arena, &job->author, &scope, &err) &&
                    envelope_open(job->parcel.object, arena, &envelope, &err);
    if (!job->readable)
        return;
    const struct kind *kind = kind_find(envelope.type);
    job->batch.lane = kind ? kind->lane : 1;
}

void relay_open(struct link *link, const struct oid *blob, struct bytes sealed)
{
    struct federation *federation = link->federation;
    struct relay_job *job = mem_alloc(sizeof *job);
    job->federation = federation;
    job->link = link->id;
    job->injector = link->node;
    job->blob = *blob;
    job->batch.arena = arena_create(ARENA_MAX);
    job->batch.items = arena_alloc(job->batch.arena, sizeof *job->batch.items);
    job->batch.count = 1;
    job->batch.action.weight = sealed.len;
    job->sealed = arena_bytes(job->batch.arena, sealed);
    job->opener = (struct opener){.self = federation->config.self,
                                  .now = clock_wall(federation->config.clock)};
    job->job = (struct job){.run = unseal_run, .done = unseal_done};
    relay_link_of(link)->jobs++;
    relay_of(federation)->memory += sealed.len;
    federation->busy++;
    executor_submit(federation->config.executor, LANE_WORKER, &job->job);
}
