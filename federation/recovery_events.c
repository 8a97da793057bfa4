/* Heads and events on their way out, and events of a peer on their way into the store. */
#include "federation/recovery_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/opener.h"
#include <stdlib.h>

#define EVENTS_BYTES 60000 /* of one frame, below LINK_FRAME_MAX with what is around them */

#define KIND(x) MAILLON__HFP__V1__CHAIN_KIND__CHAIN_KIND_##x

/* ---- answering ---- */

static void pack(Maillon__Hfp__V1__Frame *frame, struct buf *out)
{
    out->len = 0;
    wire_pack(frame, out);
}

static void pack_heads(const struct chain_head *heads, size_t count, bool more, bool page,
                       struct arena *arena, struct buf *out)
{
    Maillon__Hfp__V1__Heads body = MAILLON__HFP__V1__HEADS__INIT;
    Maillon__Hfp__V1__ChainHead *chains = arena_alloc(arena, (count + 1) * sizeof *chains);
    Maillon__Hfp__V1__ChainHead **list = arena_alloc(arena, (count + 1) * sizeof *list);
    for (size_t i = 0; i < count; i++) {
        maillon__hfp__v1__chain_head__init(&chains[i]);
        chains[i].stream = wire_data(oid_bytes(&heads[i].id));
        chains[i].kind = heads[i].kind;
        chains[i].mine_seq = heads[i].own_seq;
        chains[i].yours_seq = heads[i].peer_seq;
        if (heads[i].own_seq)
            chains[i].mine_head = wire_data(oid_bytes(&heads[i].own_head));
        if (heads[i].peer_seq)
            chains[i].yours_head = wire_data(oid_bytes(&heads[i].peer_head));
        list[i] = &chains[i];
    }
    body.chain = list;
    body.n_chain = count;
    body.more = more;
    body.page = page;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_HEADS;
    frame.heads = &body;
    pack(&frame, out);
}

static bool take_newest(struct link *link, struct recovery_session *session, struct buf *out)
{
    struct federation *federation = link->federation;
    struct chain_head *heads;
    struct err err = {0};
    if (!session->heads) {
        size_t count;
        if (!recovery_heads_newest(federation->config.reader, federation->arena, &link->node,
                                   RECOVERY_HEADS_FIRST, &heads, &count, &err)) {
            log_line(LOG_ERROR, "could not read chains reason=\"%s\"", err.msg);
            session->heads_due = false;
            return false;
        }
        session->heads = mem_alloc((count + 1) * sizeof *heads);
        if (count)
            memcpy(session->heads, heads, count * sizeof *heads);
        session->head_count = count;
        session->head_next = 0;
    }
    size_t left = session->head_count - session->head_next;
    size_t n = left < RECOVERY_HEADS_PAGE ? left : RECOVERY_HEADS_PAGE;
    pack_heads(session->heads + session->head_next, n, left > n, false, federation->arena, out);
    session->head_next += n;
    if (left == n) {
        free(session->heads);
        session->heads = NULL;
        session->heads_due = false;
    }
    return true;
}

static bool take_page(struct link *link, struct recovery_session *session, struct buf *out)
{
    struct federation *federation = link->federation;
    struct chain_head *heads;
    size_t count;
    struct err err = {0};
    if (!recovery_heads_page(federation->config.reader, federation->arena, &link->node,
                             session->page_from_start ? NULL : &session->page_after,
                             RECOVERY_HEADS_PAGE, &heads, &count, &err)) {
        log_line(LOG_ERROR, "could not read chains reason=\"%s\"", err.msg);
        return false;
    }
    session->page_due = false;
    pack_heads(heads, count, count == RECOVERY_HEADS_PAGE, true, federation->arena, out);
    return true;
}

static bool take_events(struct link *link, struct recovery_session *session, struct buf *out)
{
    const struct federation_config *config = &link->federation->config;
    struct arena *arena = link->federation->arena;
    const struct recovery_want *want = &session->wants[session->want_first];
    struct recovery_events events;
    struct err err = {0};
    if (!recovery_events(config->reader, arena, config->self, config->random,
                         clock_wall(config->clock), &link->node, want, session->want_skip,
                         EVENTS_BYTES, &events, &err)) {
        if (err.code != ERR_CONFLICT) /* its keys have not come yet: when it is asked again */
            log_line(LOG_ERROR, "could not give back events reason=\"%s\"", err.msg);
        return false;
    }
    Maillon__Hfp__V1__Events body = MAILLON__HFP__V1__EVENTS__INIT;
    ProtobufCBinaryData *list = arena_alloc(arena, (events.count + 1) * sizeof *list);
    for (size_t i = 0; i < events.count; i++)
        list[i] = wire_data(events.list[i]);
    body.stream = wire_data(oid_bytes(&want->id));
    body.kind = want->kind;
    if (want->kind == KIND(AUTHORED)) {
        body.object = list;
        body.n_object = events.count;
    } else {
        body.sealed = list;
        body.n_sealed = events.count;
    }
    body.more = events.more;
    body.ask = want->ask;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_EVENTS;
    frame.events = &body;
    pack(&frame, out);
    session->want_skip += events.taken;
    if (!events.more) {
        session->want_skip = 0;
        session->want_first++;
        if (--session->want_count == 0)
            session->want_first = 0;
    }
    return true;
}

bool recovery_take_heads(struct link *link, struct buf *out)
{
    struct recovery_session *session = recovery_session(link);
    if (!session || !session->heads_due)
        return false;
    arena_reset(link->federation->arena);
    return take_newest(link, session, out);
}

bool recovery_take(struct link *link, struct buf *out)
{
    struct recovery_session *session = recovery_session(link);
    if (!session || !(session->heads_due || session->page_due || session->want_count))
        return false;
    arena_reset(link->federation->arena);
    return (session->heads_due && take_newest(link, session, out)) ||
           (session->page_due && take_page(link, session, out)) ||
           (session->want_count && take_events(link, session, out));
}

bool recovery_on_heads_wanted(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                              struct err *err)
{
    struct recovery_session *session = recovery_session(link);
    struct bytes after = wire_bytes(frame->heads_wanted->after);
    if (!session)
        return true;
    session->page_from_start = after.len == 0;
    if (after.len && !oid_from(after, &session->page_after))
        return err_set(err, ERR_PEER, "asks for chains after something that is no id");
    recovery_heads_came(link); /* it compares by itself */
    session->page_due = true;
    link_wake(link);
    return true;
}

bool recovery_on_events_wanted(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                               struct err *err)
{
    const Maillon__Hfp__V1__EventsWanted *wanted = frame->events_wanted;
    struct recovery_session *session = recovery_session(link);
    struct recovery_want want = {.kind = wanted->kind,
                                 .own_after = wanted->yours_after,
                                 .peer_after = wanted->mine_after,
                                 .ask = wanted->ask};
    if (!oid_from(wire_bytes(wanted->stream), &want.id) ||
        (want.kind == KIND(AUTHORED) &&
         !bytes_equal(oid_bytes(&want.id), node_id_bytes(&link->node))))
        return err_set(err, ERR_PEER, "asks for events of nothing it may ask about");
    if (!session)
        return true;
    if (session->want_count >= RECOVERY_WANTS_MAX)
        return err_set(err, ERR_PEER, "asks for the events of too many chains at once");
    if (session->want_first + session->want_count == session->want_cap) {
        if (session->want_first) {
            memmove(session->wants, session->wants + session->want_first,
                    session->want_count * sizeof *session->wants);
            session->want_first = 0;
        } else {
            session->want_cap = session->want_cap ? session->want_cap * 2 : 16;
            session->wants = mem_grow(session->wants, session->want_cap * sizeof *session->wants);
        }
    }
    session->wants[session->want_first + session->want_count++] = want;
    link_wake(link);
    return true;
}

/* ---- taking ---- */

/** One Events frame: opened on a worker, then one batch for the exchange. */
struct events_job {
    struct inbound_batch batch;
    struct job job;
    struct federation *federation;
    uint64_t link;
    struct opener own, theirs;
    struct bytes *raw;
    struct oid stream;
    Maillon__Hfp__V1__ChainKind kind;
    uint32_t ask;
    bool more, sealed;
};

static void job_free(struct events_job *events)
{
    events->federation->busy--;
    arena_free(events->batch.arena);
    free(events);
}

/** An answer holds what was asked for: this chain, by one of the two. */
static bool belongs(const struct events_job *events, const struct inbound_object *object)
{
    if (!events->sealed) /* what is not kept among objects would always look as if it were lost */
        return strcmp(object->envelope.type, TYPE_NOTICE) == 0 ||
               strcmp(object->envelope.type, TYPE_SERVICE) == 0 ||
               strcmp(object->envelope.type, TYPE_INCARNATION) == 0;
    const char *type = events->kind == KIND(REFERRAL) ? TYPE_REFERRAL : TYPE_CLAIM;
    struct bytes stream = wire_bytes(object->head->stream);
    return strcmp(object->envelope.type, type) == 0 &&
           bytes_equal(stream.len ? stream : oid_bytes(&object->envelope.oid),
                       oid_bytes(&events->stream));
}

static enum opened open_one(struct events_job *events, struct bytes raw, struct inbound_item *item,
                            struct err *err)
{
    struct arena *arena = events->batch.arena;
    struct parcel parcel = {.object = raw};
    struct node_id author;
    struct bytes scope;
    if (events->sealed) {
        enum opened unsealed = opener_unseal(events->own.self, raw, arena, &parcel, err);
        if (unsealed != OPENED_OK)
            return unsealed;
    }
    if (!opener_author(parcel.object, arena, &author, &scope, err))
        return OPENED_BAD;
    const struct opener *opener =
        node_id_equal(&author, &events->own.peer.node)                        ? &events->own
        : node_id_equal(&author, &events->theirs.peer.node) && events->sealed ? &events->theirs
                                                                              : NULL;
    if (!opener)
        return OPENED_BAD;
    enum opened opened = opener_open_parcel(opener, &parcel, events->sealed, events->batch.lane,
                                            arena, &item->object, &item->refusal, err);
    return opened == OPENED_OK && !belongs(events, &item->object) ? OPENED_BAD : opened;
}

static void open_all(struct job *job)
{
    struct events_job *events = list_entry(job, struct events_job, job);
    for (size_t i = 0; i < events->batch.count; i++) {
        struct err err = {0};
        struct inbound_item *item = &events->batch.items[i];
        item->opened = open_one(events, events->raw[i], item, &err);
    }
}

static bool own_apply(struct tx *tx, struct recovery_action *change, struct err *err)
{
    return recovery_own_found(tx, change->incarnation, err);
}

/** Long over, it may have been here and been forgotten (R-PD-11). */
static bool must_be_here(const struct events_job *events, const Maillon__Hfp__V1__Head *head)
{
    return !head->expires_s || (int64_t)head->expires_s + DEDUP_EXTRA_S > events->own.now.ms / 1000;
}

static bool is_own(const struct events_job *events, const struct inbound_item *item)
{
    return item->opened == OPENED_OK && node_id_equal(&item->object.from, &events->own.peer.node);
}

/** Something signed here came back, whether it was missing or not. */
static bool own_shown(const struct events_job *events)
{
    for (size_t i = 0; i < events->batch.count; i++)
        if (is_own(events, &events->batch.items[i]))
            return true;
    return false;
}

/** What an earlier incarnation said and lost is no news: a restored hub has told everybody. */
static bool heard_apply(struct tx *tx, struct recovery_action *change, struct err *err)
{
    uint32_t incarnation;
    return authoring_incarnation(tx->store, &incarnation, err) &&
           (change->incarnation < incarnation || own_apply(tx, change, err));
}

void recovery_own_heard(struct link *link, uint32_t incarnation)
{
    struct recovery_action *change = recovery_action(link->federation, link, heard_apply);
    change->incarnation = incarnation;
    recovery_submit(change);
}

/** An own object that was not here: the newest incarnation among them; 0: none. */
static uint32_t own_found(const struct events_job *events)
{
    uint32_t newest = 0;
    for (size_t i = 0; i < events->batch.count; i++) {
        const struct inbound_item *item = &events->batch.items[i];
        if (item->outcome != ITEM_TAKEN || !is_own(events, item) ||
            !must_be_here(events, item->object.head))
            continue;
        uint32_t incarnation = incarnation_of(item->object.head);
        newest = incarnation > newest ? incarnation : newest;
    }
    return newest;
}

static void finish(struct events_job *events, const struct err *err)
{
    struct link *link = federation_find_link(events->federation, events->link);
    struct recovery_session *session = link ? recovery_session(link) : NULL;
    /* Older ones belong to what was asked before this session or fetch began. */
    if (session && events->ask - session->ask_from < UINT32_MAX / 2) {
        session->busy--;
        if (err->code != ERR_NONE)
            link_bye(link, 4, 2, LINK_CLOSE_TRY_LATER); /* asked for again on the next session */
        else if (!events->more && session->asked)
            session->asked--;
        if (err->code == ERR_NONE) {
            session->own_shown |= own_shown(events);
            recovery_claim_answered(link);
            recovery_progressed(link);
        }
    }
    job_free(events);
}

static void committed(struct inbound_batch *batch, const struct err *err)
{
    struct events_job *events = list_entry(batch, struct events_job, batch);
    struct link *link = federation_find_link(events->federation, events->link);
    uint32_t own = err->code == ERR_NONE ? own_found(events) : 0;
    if (err->code != ERR_NONE)
        log_line(LOG_WARN, "events not taken code=%s reason=\"%s\"", err_code_name(err->code),
                 err->msg);
    if (own && link) {
        struct recovery_action *change = recovery_action(events->federation, link, own_apply);
        change->incarnation = own;
        recovery_submit(change);
    }
    finish(events, err);
}

static void opened(struct job *job)
{
    struct events_job *events = list_entry(job, struct events_job, job);
    struct err none = {0};
    size_t bad = 0;
    for (size_t i = 0; i < events->batch.count; i++)
        bad += events->batch.items[i].opened != OPENED_OK;
    COUNT(events->federation->config.counters, objects_bad, bad);
    if (!events->batch.count) {
        finish(events, &none);
        return;
    }
    events->batch.done = committed;
    exchange_receive(events->federation->config.exchange, &events->batch);
}

bool recovery_on_events(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__Events *body = frame->events;
    struct recovery_session *session = recovery_session(link);
    struct federation *federation = link->federation;
    struct oid stream;
    bool sealed = body->kind != KIND(AUTHORED);
    size_t count = sealed ? body->n_sealed : body->n_object;
    if (!oid_from(wire_bytes(body->stream), &stream) || count > RECOVERY_HEADS_PAGE)
        return err_set(err, ERR_PEER, "malformed events");
    if (!session || !session->asked || body->ask - session->ask_from >= UINT32_MAX / 2)
        return true; /* asked before one of the two began anew */
    struct events_job *events = mem_alloc(sizeof *events);
    struct inbound_batch *batch = &events->batch;
    events->federation = federation;
    events->link = link->id;
    events->ask = body->ask;
    events->stream = stream;
    events->kind = body->kind;
    events->more = body->more;
    events->sealed = sealed;
    federation->busy++;
    batch->peer = link->node;
    batch->lane = sealed ? 1 : 2;
    batch->arena = arena_create(64u << 20);
    batch->count = count;
    batch->items = arena_alloc(batch->arena, (count + 1) * sizeof *batch->items);
    events->raw = arena_alloc(batch->arena, (count + 1) * sizeof *events->raw);
    for (size_t i = 0; i < count; i++) {
        events->raw[i] =
            arena_bytes(batch->arena, wire_bytes(sealed ? body->sealed[i] : body->object[i]));
        batch->action.weight += events->raw[i].len;
    }
    const struct identity *self = federation->config.self;
    events->own = (struct opener){.self = self,
                                  .peer = *identity_kel(self),
                                  .now = clock_wall(federation->config.clock),
                                  .given_back = true,
                                  .given_by = link->node};
    events->theirs = events->own;
    events->theirs.peer = link->peer->relation.kel;
    events->job = (struct job){.run = open_all, .done = opened};
    session->busy++;
    executor_submit(federation->config.executor, LANE_WORKER, &events->job);
    return true;
}
