#include "federation/gossip_internal.h"
#include "federation/recovery.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/circle.h"
#include "hub/domain/stream.h"
#include "hub/opener.h"
#include <stdlib.h>

#define INLINE_MAX    2
#define PARKED_BYTES  1048576
#define PARKED_MS     60000
#define PARKED_BAD_MS 10000 /* for a key log that would make a signature good */
#define PARKED_SHARE  4     /* one neighbour gets a quarter of the room */
#define ASKS_MINUTE   256   /* key logs asked of one neighbour: half of what it must answer */

/** One object of a peer on its way in. */
struct raw {
    struct bytes bytes;
    struct oid oid, scope;
    struct node_id author;
    const struct kel *kel;
    bool own;          /* said by this hub, which does not hold it */
    struct mono until; /* not 0: its signature failed before; a good one must come by then */
};

struct gossip_job {
    struct inbound_batch batch;
    struct job job;
    struct federation *federation;
    uint64_t link;
    struct raw *raws;
    struct inbound_item *opened;
    bool *unsigned_; /* bad because no known key signed it */
    size_t count;
    unsigned hops;
    struct wall now;
};

/* Waits until the keys of its author are here. Nothing is known of it before (R-OB-2, F37). */
struct gossip_parked {
    struct list in_gossip;
    struct node_id author;
    uint64_t link;
    unsigned hops;
    struct mono until;
    bool bad; /* its signature fails by the keys that are here */
    size_t len;
    uint8_t bytes[];
};

static void submit(struct gossip *gossip, struct gossip_job *incoming);

static struct gossip_job *job_create(struct gossip *gossip, uint64_t link, size_t count,
                                     unsigned hops)
{
    struct gossip_job *incoming = mem_alloc(sizeof *incoming);
    incoming->federation = gossip->federation;
    incoming->link = link;
    incoming->hops = hops;
    incoming->now = clock_wall(gossip->federation->config.clock);
    incoming->batch.arena = arena_create(64u << 20);
    incoming->raws = arena_alloc(incoming->batch.arena, count * sizeof *incoming->raws);
    gossip->federation->busy++;
    return incoming;
}

static void job_free(struct gossip_job *incoming)
{
    incoming->federation->busy--;
    arena_free(incoming->batch.arena);
    free(incoming);
}

/* ---- objects that wait for keys ---- */

static void unpark(struct gossip *gossip, struct gossip_parked *parked)
{
    list_remove(&parked->in_gossip);
    gossip->parked_count--;
    gossip->parked_bytes -= parked->len;
    free(parked);
}

static bool may_ask(struct gossip *gossip, struct link *link)
{
    struct gossip_link *gl = gossip_link_of(link);
    struct mono now = federation_now(gossip->federation);
    if (!gl)
        return false;
    if (now.us >= gl->asks_until.us) {
        gl->asks_until = mono_after_ms(now, 60000);
        gl->asks = 0;
    }
    return feature_on(link, FEATURE_KEYS) && gl->asks++ < ASKS_MINUTE;
}

static void ask_keys(struct gossip *gossip, struct link *link, const struct node_id *author)
{
    const struct kel *kel = gossip_keys_find(gossip, author);
    Maillon__Hfp__V1__Resolve resolve = MAILLON__HFP__V1__RESOLVE__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    resolve.node = wire_data(node_id_bytes(author));
    resolve.after_seq = kel ? kel->seq : 0;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_RESOLVE;
    frame.resolve = &resolve;
    link_send(link, 0, &frame);
}

/** Without room it is dropped, and that is nobody's fault: repair brings it. */
static void park(struct gossip *gossip, struct link *link, const struct raw *raw, unsigned hops,
                 bool bad)
{
    bool asked = false;
    size_t count = 0, bytes = raw->bytes.len;
    list_each (item, &gossip->parked) {
        const struct gossip_parked *other = list_entry(item, struct gossip_parked, in_gossip);
        asked |= node_id_equal(&other->author, &raw->author) && other->link == link->id;
        count += other->link == link->id;
        bytes += other->link == link->id ? other->len : 0;
    }
    if (gossip->parked_count >= GOSSIP_PARKED_MAX ||
        gossip->parked_bytes + raw->bytes.len > PARKED_BYTES ||
        count >= GOSSIP_PARKED_MAX / PARKED_SHARE || bytes > PARKED_BYTES / PARKED_SHARE ||
        (!asked && !may_ask(gossip, link)))
        return;
    struct gossip_parked *parked = mem_alloc(sizeof *parked + raw->bytes.len);
    struct mono now = federation_now(gossip->federation);
    parked->author = raw->author;
    parked->link = link->id;
    parked->hops = hops;
    parked->until =
        raw->until.us ? raw->until : mono_after_ms(now, bad ? PARKED_BAD_MS : PARKED_MS);
    parked->bad = bad;
    parked->len = raw->bytes.len;
    memcpy(parked->bytes, raw->bytes.data, raw->bytes.len);
    list_add_tail(&gossip->parked, &parked->in_gossip);
    gossip->parked_count++;
    gossip->parked_bytes += parked->len;
    federation_due(gossip->federation, parked->until);
    if (!asked)
        ask_keys(gossip, link, &raw->author);
}

void gossip_parked_free(struct gossip *gossip)
{
    list_each_safe (item, next, &gossip->parked)
        unpark(gossip, list_entry(item, struct gossip_parked, in_gossip));
}

struct mono gossip_parked_tick(struct gossip *gossip, struct mono now)
{
    struct mono due = MONO_NEVER;
    list_each_safe (item, next, &gossip->parked) {
        struct gossip_parked *parked = list_entry(item, struct gossip_parked, in_gossip);
        if (now.us < parked->until.us) {
            due = mono_min(due, parked->until);
            continue;
        }
        struct link *link = federation_find_link(gossip->federation, parked->link);
        bool bad = parked->bad;
        unpark(gossip, parked);
        if (bad && link && link->peer)
            gossip_blame(link);
    }
    return due;
}

/* ---- after the commit ---- */

static void committed(struct inbound_batch *batch, const struct err *err)
{
    struct gossip_job *incoming = list_entry(batch, struct gossip_job, batch);
    struct gossip *gossip = gossip_of(incoming->federation);
    if (err->code != ERR_NONE)
        log_line(LOG_WARN, "objects of a circle not taken code=%s reason=\"%s\"",
                 err_code_name(err->code), err->msg);
    for (size_t i = 0; i < batch->count; i++) {
        struct gossip_seen seen = {.oid = batch->items[i].object.envelope.oid};
        bool refused = batch->items[i].outcome == ITEM_REFUSED;
        if (err->code == ERR_NONE && !refused)
            continue;
        gossip_memory_remove(gossip->seen, &seen.oid);
        if (!refused)
            continue;
        gossip->unheard = true;
        gossip_memory_put(gossip->refused, &seen);
    }
    job_free(incoming);
}

/* ---- between opening and the commit ---- */

static bool is_early(const struct gossip_job *incoming, const struct inbound_item *item)
{
    return item->object.head && item->object.head->created_s > (uint64_t)incoming->now.ms / 1000 &&
           item->refusal == MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE;
}

/**
 * Own words that are not here: taken back; and when they go beyond what this hub knows to have
 * said, it has gone back (R-REC-1). The trigger goes first, so that no crash in between loses it.
 * @return is it to be taken? An entry is not: a new one is signed after the recovery.
 */
static bool take_own(struct gossip *gossip, struct link *link, const struct inbound_object *object)
{
    const char *type = object->kind->type;
    bool gone_back = false;
    struct err err = {0};
    if (strcmp(type, TYPE_CHARTER) == 0) /* its numbers are the circle's */
        return true;
    if (!stream_has_gone_back(gossip->federation->config.reader, type,
                              wire_bytes(object->head->stream), object->head->seq,
                              &object->envelope.oid, &gone_back, &err))
        log_line(LOG_ERROR, "could not read an own stream reason=\"%s\"", err.msg);
    if (gone_back)
        recovery_own_heard(link, incarnation_of(object->head));
    return strcmp(type, TYPE_ENTRY) != 0;
}

/** R-NO-9: what is wrong is the neighbour's fault, what is not taken is the author's. */
static bool sort_out(struct gossip *gossip, struct link *link, struct gossip_job *incoming)
{
    struct inbound_batch *batch = &incoming->batch;
    bool blame = false;
    for (size_t i = 0; i < incoming->count; i++) {
        struct inbound_item *item = &incoming->opened[i];
        const struct raw *raw = &incoming->raws[i];
        struct gossip_seen seen = {.oid = raw->oid, .link = link->id, .hops = incoming->hops};
        bool taken = item->opened == OPENED_OK &&
                     oid_equal(&item->object.envelope.oid, &raw->oid) &&
                     (item->object.kind && !item->object.kind->sealed);
        if (taken) {
            if (gossip_memory_find(gossip->seen, &raw->oid))
                continue; /* another copy was quicker */
            if (raw->own && !take_own(gossip, link, &item->object))
                continue;
            gossip_memory_put(gossip->seen, &seen);
            batch->items[batch->count++] = *item;
            continue;
        }
        if (item->opened == OPENED_REFUSED) {
            if (!is_early(incoming, item))
                gossip_memory_put(gossip->refused, &seen);
            continue;
        }
        if (raw->own)
            continue; /* by a key that a restored hub need not know any more */
        COUNT(gossip->federation->config.counters, objects_bad, 1);
        if (item->opened == OPENED_UNKNOWN_KEY)
            continue; /* revoked or over: the neighbour may not have heard of it yet (F11) */
        if (incoming->unsigned_[i] &&
            (!raw->until.us || federation_now(gossip->federation).us < raw->until.us))
            park(gossip, link, raw, incoming->hops, true);
        else
            blame = true;
    }
    return !blame;
}

static void opened(struct job *job)
{
    struct gossip_job *incoming = list_entry(job, struct gossip_job, job);
    struct gossip *gossip = gossip_of(incoming->federation);
    struct link *link = federation_find_link(incoming->federation, incoming->link);
    struct inbound_batch *batch = &incoming->batch;
    if (!gossip || !link || !link->peer) {
        job_free(incoming); /* repair brings it */
        return;
    }
    batch->items = arena_alloc(batch->arena, incoming->count * sizeof *batch->items);
    if (!sort_out(gossip, link, incoming))
        gossip_blame(link);
    if (!batch->count) {
        job_free(incoming);
        return;
    }
    batch->peer = link->node;
    batch->lane = 2;
    batch->link_seq = 0;
    batch->done = committed;
    exchange_receive(incoming->federation->config.exchange, batch);
}

/** A worker, on copies. */
static void open_items(struct job *job)
{
    struct gossip_job *incoming = list_entry(job, struct gossip_job, job);
    for (size_t i = 0; i < incoming->count; i++) {
        const struct raw *raw = &incoming->raws[i];
        struct inbound_item *item = &incoming->opened[i];
        struct parcel parcel = {.object = raw->bytes};
        struct envelope envelope;
        struct err err = {0};
        struct opener opener = {.self = incoming->federation->config.self,
                                .peer = *raw->kel,
                                .now = incoming->now,
                                .keeps_unread = true};
        item->opened = opener_open_parcel(&opener, &parcel, false, 2, incoming->batch.arena,
                                          &item->object, &item->refusal, &err);
        incoming->unsigned_[i] =
            item->opened == OPENED_BAD &&
            envelope_open(raw->bytes, incoming->batch.arena, &envelope, &err) &&
            !kel_verify(raw->kel, &envelope, NULL);
    }
}

static void submit(struct gossip *gossip, struct gossip_job *incoming)
{
    struct inbound_batch *batch = &incoming->batch;
    if (!incoming->count) {
        job_free(incoming);
        return;
    }
    incoming->opened = arena_alloc(batch->arena, incoming->count * sizeof *incoming->opened);
    incoming->unsigned_ = arena_alloc(batch->arena, incoming->count * sizeof *incoming->unsigned_);
    for (size_t i = 0; i < incoming->count; i++)
        batch->action.weight += incoming->raws[i].bytes.len;
    incoming->job = (struct job){.run = open_items, .done = opened};
    if (incoming->count <= INLINE_MAX) {
        open_items(&incoming->job);
        opened(&incoming->job);
        return;
    }
    executor_submit(gossip->federation->config.executor, LANE_WORKER, &incoming->job);
}

void gossip_unpark(struct gossip *gossip, const struct node_id *node)
{
    const struct kel *kel = gossip_keys_find(gossip, node);
    size_t left = gossip->parked_count; /* what is parked again comes after these */
    if (!kel)
        return;
    list_each_safe (item, next, &gossip->parked) {
        if (!left--)
            return;
        struct gossip_parked *parked = list_entry(item, struct gossip_parked, in_gossip);
        struct link *link = federation_find_link(gossip->federation, parked->link);
        if (!node_id_equal(&parked->author, node))
            continue;
        if (link && link->peer) {
            struct gossip_job *incoming = job_create(gossip, link->id, 1, parked->hops);
            struct arena *arena = incoming->batch.arena;
            struct raw *raw = &incoming->raws[0];
            struct kel *copy = arena_alloc(arena, sizeof *copy);
            struct envelope envelope;
            struct err err = {0};
            *copy = *kel;
            *raw = (struct raw){.bytes = arena_bytes(arena, bytes_of(parked->bytes, parked->len)),
                                .author = *node,
                                .kel = copy,
                                .until = parked->bad ? parked->until : (struct mono){0}};
            if (envelope_open(raw->bytes, arena, &envelope, &err)) {
                raw->oid = envelope.oid;
                incoming->count = 1;
            }
            submit(gossip, incoming);
        }
        unpark(gossip, parked);
    }
}

/* ---- taking a frame ---- */

/** The circle of an object. A first charter names none: it is the circle. */
static bool read_scope(const struct envelope *envelope, struct bytes scope, struct oid *ret)
{
    if (!scope.len && strcmp(envelope->type, TYPE_CHARTER) == 0) {
        *ret = envelope->oid;
        return true;
    }
    return oid_from(scope, ret);
}

static bool author_is_valid(struct gossip *gossip, const struct raw *raw, const char *type)
{
    bool valid = false;
    struct err err = {0};
    if (strcmp(type, TYPE_CHARTER) == 0 || strcmp(type, TYPE_MEMBERSHIP) == 0)
        return true; /* by k signatures of stewards, which the circle checks */
    return circle_author_valid(gossip->federation->config.reader, &raw->scope, &raw->author, type,
                               1, &valid, &err) &&
           valid;
}

/** What of the frame is worth a worker's time. False: broken rule. */
static bool take_object(struct gossip *gossip, struct gossip_link *gl, struct gossip_job *incoming,
                        struct bytes bytes, bool wanted, struct err *err)
{
    struct envelope envelope;
    struct bytes scope_id;
    struct raw raw = {0};
    struct arena *arena = incoming->batch.arena;
    const struct kind *kind;
    if (!envelope_open(bytes, arena, &envelope, err))
        return false;
    raw.oid = envelope.oid;
    if (gossip_memory_find(gossip->refused, &raw.oid))
        return true;
    kind = kind_find(envelope.type);
    if (!kind) /* R-VE-3: of a newer version, whose hubs may need this one in their middle */
        kind = &kind_opaque;
    if (kind == &kind_opaque && bytes.len > kind->max_bytes)
        return true;
    if (kind->sealed || kind->lane != 2)
        return err_set(err, ERR_PEER, "%s does not belong to a circle", kind->name);
    if (!(kind == &kind_opaque ? opener_author_unread : opener_author)(bytes, arena, &raw.author,
                                                                       &scope_id, err))
        return false;
    if (kind == &kind_opaque && !scope_id.len)
        return true;
    if (!read_scope(&envelope, scope_id, &raw.scope))
        return err_set(err, ERR_PEER, "%s without a circle", kind->name);
    struct gossip_scope *scope = gossip_find_scope(gl, &raw.scope);
    if (!scope) /* one of us left it a moment ago */
        return true;
    bool held = gossip_memory_find(gossip->seen, &raw.oid) != NULL;
    if (!held && !gossip_holds(gossip->federation->config.reader, &raw.oid, &held, err))
        return false;
    if (held) {
        if (!wanted)
            gossip_duplicate(gossip, gl, scope);
        return true;
    }
    if (!author_is_valid(gossip, &raw, envelope.type)) {
        gossip->unheard = true;
        return true;
    }
    enum gossip_set set = kind == &kind_opaque                      ? GOSSIP_OTHERS
                          : strcmp(envelope.type, TYPE_NOTICE) == 0 ? GOSSIP_NOTICES
                                                                    : GOSSIP_ENTRIES;
    const struct identity *self = gossip->federation->config.self;
    raw.own = node_id_equal(&raw.author, identity_node(self));
    if ((raw.own && kind == &kind_opaque) || !gossip_may_pass(gl, set, false))
        return true;
    raw.bytes = bytes;
    const struct kel *kel = raw.own ? identity_kel(self)
                            : node_id_equal(&raw.author, &gl->link->node)
                                ? &gl->link->peer->relation.kel
                                : gossip_keys_find(gossip, &raw.author);
    if (!raw.own && (!kel || !kel->seq)) {
        park(gossip, gl->link, &raw, incoming->hops, false);
        return true;
    }
    struct kel *copy = arena_alloc(arena, sizeof *copy);
    *copy = *kel;
    raw.kel = copy;
    raw.bytes = arena_bytes(arena, bytes);
    incoming->raws[incoming->count++] = raw;
    return true;
}

bool gossip_on_objects(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    struct gossip *gossip = gossip_of(link->federation);
    struct gossip_link *gl = gossip_link_of(link);
    const Maillon__Hfp__V1__Objects *objects = frame->objects;
    if (!gl || !link->peer)
        return true;
    if (objects->n_object > LINK_BATCH_MAX || objects->hops_left > HOPS_MAX)
        return err_set(err, ERR_PEER, "more objects than a frame may have");
    bool wanted = objects->wanted && gl->asked;
    if (wanted)
        gl->asked -= objects->n_object < gl->asked ? (unsigned)objects->n_object : gl->asked;
    /* What this hub asked for comes at its own pace; pushes count (R-AB-5), repair brings the rest.
     */
    if (!wanted && !peers_take_tokens(link->federation, link->peer, (unsigned)objects->n_object))
        return true;
    struct gossip_job *incoming =
        job_create(gossip, link->id, objects->n_object ? objects->n_object : 1, objects->hops_left);
    for (size_t i = 0; i < objects->n_object; i++) {
        if (!take_object(gossip, gl, incoming, wire_bytes(objects->object[i]), wanted, err)) {
            job_free(incoming);
            return err->code != ERR_PEER; /* a failure of ours: repair brings it */
        }
    }
    submit(gossip, incoming);
    gossip_pump(gossip, gl);
    return true;
}
