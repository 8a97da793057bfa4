#include "federation/gossip.h"

#include "federation/gossip_internal.h"
#include "federation/reconcile.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include <stdlib.h>

#define SEEN_SLOTS       16384
#define OFFER_MS         2000
#define REFRESH_MS       60000
#define ASKED_MS         15000
#define AGAIN_MS         60000 /* between repairs that a single member can cause */
#define REFUSED_MS       600000
#define WANT_PATIENCE_MS 10000
#define OFFERS_MAX       GOSSIP_SET_MAX

/* ---- circles shared with a peer ---- */

struct gossip_scope *gossip_find_scope(struct gossip_link *gl, const struct oid *scope)
{
    for (size_t i = 0; i < gl->scope_count; i++) {
        if (oid_equal(&gl->scopes[i].scope, scope))
            return &gl->scopes[i];
    }
    return NULL;
}

struct gossip_scope *gossip_find_tag(struct gossip_link *gl, struct bytes tag)
{
    for (size_t i = 0; i < gl->scope_count; i++) {
        if (bytes_equal(bytes_of(gl->scopes[i].tag, sizeof gl->scopes[i].tag), tag))
            return &gl->scopes[i];
    }
    return NULL;
}

bool gossip_may_pass(const struct gossip_link *gl, enum gossip_set set, bool out)
{
    const struct peer *peer = gl->link->peer;
    unsigned needed = out ? SWITCH_NOTICES_OUT : SWITCH_NOTICES_IN;
    return peer && (set != GOSSIP_NOTICES || (peer->relation.switches & needed));
}

static size_t count_pushes(struct gossip *gossip, const struct oid *scope, bool pulls,
                           bool outside_only)
{
    size_t count = 0;
    list_each (item, &gossip->links) {
        struct gossip_link *gl = list_entry(item, struct gossip_link, in_gossip);
        const struct gossip_scope *shared = gossip_find_scope(gl, scope);
        if (shared && (pulls ? shared->pull : shared->push))
            count += !outside_only || shared->outside;
    }
    return count;
}

/** Departments: the first digits of an INSEE code. Unknown ones count as our own territory. */
static bool is_outside(struct gossip *gossip, const struct node_id *node)
{
    struct gossip_member member;
    struct card card;
    struct err err = {0};
    bool found;
    if (!card_read(gossip->federation->config.reader, &card, &err) ||
        !gossip_member(gossip->federation->config.reader, node, &found, &member, &err) || !found)
        return false;
    return card.commune[0] && member.commune[0] && strncmp(card.commune, member.commune, 2) != 0;
}

static void init_scope(struct gossip *gossip, struct gossip_link *gl, const struct oid *id,
                       struct gossip_scope *ret)
{
    *ret = (struct gossip_scope){.scope = *id, .pull = true, .offers_due = MONO_NEVER};
    digest_hmac(bytes_of(gl->link->session, sizeof gl->link->session), oid_bytes(id), ret->tag);
    ret->outside = is_outside(gossip, &gl->link->node);
    ret->push = gossip_begins_eager(count_pushes(gossip, id, false, false), ret->outside,
                                    count_pushes(gossip, id, false, true));
    reconcile_schedule(gossip, gl, ret);
}

/** What both are members of now; what goes on keeps its state. */
static void refresh_scopes(struct gossip *gossip, struct gossip_link *gl)
{
    struct oid *ids = NULL;
    size_t count = 0;
    struct err err = {0};
    gl->refresh_due = mono_after_ms(federation_now(gossip->federation), REFRESH_MS);
    arena_reset(gossip->arena);
    if (!gl->link->peer || !circle_scopes_shared(gossip->federation->config.reader, &gl->link->node,
                                                 gossip->arena, &ids, &count, &err)) {
        if (err.code != ERR_NONE)
            log_line(LOG_ERROR, "could not read circles reason=\"%s\"", err.msg);
        return;
    }
    if (!policy_allows(&gl->link->peer->relation, FLOW_FETCH))
        count = 0; /* suspended: what is open goes on, circles do not (R-AB-3) */
    struct gossip_scope *scopes = count ? mem_alloc(count * sizeof *scopes) : NULL;
    for (size_t i = 0; i < count; i++) {
        struct gossip_scope *old = gossip_find_scope(gl, &ids[i]);
        if (old) {
            scopes[i] = *old;
            old->offers = (struct buf){0};
        } else {
            init_scope(gossip, gl, &ids[i], &scopes[i]);
        }
    }
    for (size_t i = 0; i < gl->scope_count; i++)
        buf_done(&gl->scopes[i].offers);
    free(gl->scopes);
    gl->scopes = scopes;
    gl->scope_count = count;
}

/** A link went or turned lazy: two eager ones at least, if there are as many. */
static void promote(struct gossip *gossip, const struct oid *scope)
{
    size_t eager = count_pushes(gossip, scope, false, false);
    list_each (item, &gossip->links) {
        struct gossip_link *gl = list_entry(item, struct gossip_link, in_gossip);
        struct gossip_scope *shared = gossip_find_scope(gl, scope);
        if (eager >= GOSSIP_EAGER_MIN)
            return;
        if (!shared || shared->push)
            continue;
        shared->push = true;
        eager++;
    }
}

/* ---- what goes out ---- */

static void enqueue(struct gossip_link *gl, const struct oid *oid, unsigned hops, bool wanted)
{
    if (gl->queue_count == GOSSIP_QUEUE_MAX) /* a slow peer: repair catches up */
        return;
    if (!gl->queue)
        gl->queue = mem_alloc(GOSSIP_QUEUE_MAX * sizeof *gl->queue);
    gl->queue[(gl->queue_head + gl->queue_count++) % GOSSIP_QUEUE_MAX] =
        (struct gossip_outgoing){.oid = *oid, .hops = hops, .wanted = wanted};
    link_wake(gl->link);
}

void gossip_offer(struct gossip_link *gl, struct gossip_scope *scope, const struct oid *oid)
{
    struct federation *federation = gl->link->federation;
    if (scope->offers.len >= (size_t)OFFERS_MAX * OID_BYTES)
        return;
    if (!scope->offers.len) {
        scope->offers_due = mono_after_ms(federation_now(federation), OFFER_MS);
        federation_due(federation, scope->offers_due);
    }
    buf_add(&scope->offers, oid->b, OID_BYTES);
    if (scope->offers.len >= (size_t)OFFER_OIDS_MAX * OID_BYTES) {
        scope->offers_due = federation_now(federation);
        federation_due(federation, scope->offers_due);
    }
}

/** At most one Offer at a time: a thousand oids are half a frame. */
static void flush_offers(struct gossip_link *gl, struct gossip_scope *scope, struct mono now)
{
    struct federation *federation = gl->link->federation;
    size_t count = scope->offers.len / OID_BYTES;
    ProtobufCBinaryData oids[OFFER_OIDS_MAX];
    if (!count || now.us < scope->offers_due.us)
        return;
    if (link_backlog(gl->link) > GOSSIP_BACKLOG) {
        scope->offers_due = mono_after_ms(now, OFFER_MS);
        return;
    }
    count = count < OFFER_OIDS_MAX ? count : OFFER_OIDS_MAX;
    for (size_t i = 0; i < count; i++)
        oids[i] = wire_data(bytes_of(scope->offers.data + i * OID_BYTES, OID_BYTES));
    Maillon__Hfp__V1__Offer offer = MAILLON__HFP__V1__OFFER__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    offer.scope_tag = wire_data(bytes_of(scope->tag, sizeof scope->tag));
    offer.oid = oids;
    offer.n_oid = count;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_OFFER;
    frame.offer = &offer;
    link_send(gl->link, 2, &frame);
    scope->offers.len -= count * OID_BYTES;
    memmove(scope->offers.data, scope->offers.data + count * OID_BYTES, scope->offers.len);
    scope->offers_due = scope->offers.len ? mono_after_ms(now, 50) : MONO_NEVER;
    federation_due(federation, scope->offers_due);
}

/** Everybody in the scope but who brought it and who made it. */
static void spread(struct gossip *gossip, const struct gossip_object *object)
{
    const struct gossip_seen *seen = gossip_memory_find(gossip->seen, &object->oid);
    unsigned hops = seen ? seen->hops : HOPS_CIRCLE + 1;
    uint64_t source = seen ? seen->link : 0;
    if (!seen) {
        struct gossip_seen own = {.oid = object->oid, .hops = HOPS_CIRCLE};
        gossip_memory_put(gossip->seen, &own);
    }
    if (!object->passed_on || hops < 2)
        return;
    list_each (item, &gossip->links) {
        struct gossip_link *gl = list_entry(item, struct gossip_link, in_gossip);
        struct gossip_scope *scope = gossip_find_scope(gl, &object->scope);
        if (!scope || gl->link->id == source || node_id_equal(&gl->link->node, &object->author) ||
            !gossip_may_pass(gl, object->set, true))
            continue;
        if (scope->push)
            enqueue(gl, &object->oid, hops - 1, false);
        else
            gossip_offer(gl, scope, &object->oid);
    }
}

static void on_committed(struct federation *federation, const struct effect *effects, size_t count)
{
    struct gossip *gossip = gossip_of(federation);
    bool entries = false;
    for (size_t i = 0; gossip && i < count; i++) {
        const struct effect *effect = &effects[i];
        struct gossip_object object;
        struct err err = {0};
        bool found = false;
        if (effect->kind == EFFECT_RELATION) {
            struct peer *peer = peers_find(federation, &effect->node);
            gossip_keys_forget(gossip->keys, &effect->node);
            gossip_unpark(gossip, &effect->node);
            if (peer && peer->link && gossip_link_of(peer->link))
                refresh_scopes(gossip, gossip_link_of(peer->link));
            entries |= node_id_equal(&effect->node, identity_node(federation->config.self));
        }
        if (effect->kind != EFFECT_GOSSIP)
            continue;
        arena_reset(gossip->arena);
        if (!gossip_get_row(federation->config.reader, gossip->arena, effect->number,
                            clock_wall(federation->config.clock), &found, &object, &err))
            log_line(LOG_ERROR, "could not read an object of a circle reason=\"%s\"", err.msg);
        if (!found)
            continue;
        entries |= object.set == GOSSIP_ENTRIES;
        spread(gossip, &object);
    }
    if (!entries)
        return;
    struct mono now = federation_now(federation);
    bool again = gossip->unheard && now.us >= gossip->again_after.us;
    if (again) {
        gossip_memory_clear(gossip->refused);
        gossip->again_after = mono_after_ms(now, AGAIN_MS);
        gossip->unheard = false;
    }
    list_each (item, &gossip->links) { /* members may have come or gone */
        struct gossip_link *gl = list_entry(item, struct gossip_link, in_gossip);
        if (again)
            reconcile_soon(gossip, gl);
        gl->refresh_due = mono_min(gl->refresh_due, mono_after_ms(now, 100));
        federation_due(federation, gl->refresh_due);
    }
}

/** One frame of objects, pushed or wanted, when nothing else waits on the link. */
static bool take(struct link *link, struct buf *out)
{
    struct gossip *gossip = gossip_of(link->federation);
    struct gossip_link *gl = gossip_link_of(link);
    ProtobufCBinaryData list[LINK_BATCH_MAX];
    Maillon__Hfp__V1__Objects objects = MAILLON__HFP__V1__OBJECTS__INIT;
    size_t size = 0;
    if (!gossip || !gl || !gl->queue_count || !link->trafficking)
        return false;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    objects.object = list;
    while (gl->queue_count && objects.n_object < LINK_BATCH_MAX) {
        const struct gossip_outgoing next = gl->queue[gl->queue_head];
        struct gossip_object object;
        struct err err = {0};
        bool found = false;
        if (objects.n_object &&
            (next.hops != objects.hops_left || next.wanted != (bool)objects.wanted))
            break;
        if (!gossip_get(gossip->federation->config.reader, arena, &next.oid,
                        clock_wall(gossip->federation->config.clock), &found, &object, &err))
            log_line(LOG_ERROR, "could not read an object of a circle reason=\"%s\"", err.msg);
        found = found && object.passed_on && gossip_find_scope(gl, &object.scope) &&
                gossip_may_pass(gl, object.set, true);
        if (found && objects.n_object && size + object.bytes.len > GOSSIP_FRAME_MAX)
            break;
        gl->queue_head = (gl->queue_head + 1) % GOSSIP_QUEUE_MAX;
        gl->queue_count--;
        if (!found)
            continue;
        objects.hops_left = next.hops;
        objects.wanted = next.wanted;
        list[objects.n_object++] = wire_data(object.bytes);
        size += object.bytes.len + 8;
    }
    if (!objects.n_object)
        return false;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.lane = 2;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_OBJECTS;
    frame.objects = &objects;
    wire_pack(&frame, out);
    COUNT(gossip->federation->config.counters, objects_sent, objects.n_object);
    return true;
}

/* ---- what is asked for ---- */

void gossip_need(struct gossip *gossip, struct gossip_link *gl, const struct oid *oid)
{
    struct err err = {0};
    bool held = false;
    struct gossip_seen asked = {.oid = *oid, .link = gl->link->id};
    if (gl->need.len - gl->need_at >= (size_t)GOSSIP_NEED_MAX * OID_BYTES ||
        gossip_memory_find(gossip->seen, oid) || gossip_memory_find(gossip->refused, oid) ||
        gossip_memory_find(gossip->asked, oid))
        return;
    if (!gossip_holds(gossip->federation->config.reader, oid, &held, &err) || held)
        return;
    gossip_memory_put(gossip->asked, &asked);
    buf_add(&gl->need, oid->b, OID_BYTES);
}

static void send_want(struct gossip_link *gl, const struct gossip_scope *scope, size_t count,
                      Maillon__Hfp__V1__PushWish wish)
{
    ProtobufCBinaryData oids[WANT_OIDS_MAX];
    Maillon__Hfp__V1__Want want = MAILLON__HFP__V1__WANT__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    for (size_t i = 0; i < count; i++)
        oids[i] = wire_data(bytes_of(gl->need.data + gl->need_at + i * OID_BYTES, OID_BYTES));
    want.oid = oids;
    want.n_oid = count;
    want.push = wish;
    if (scope)
        want.scope_tag = wire_data(bytes_of(scope->tag, sizeof scope->tag));
    frame.m_case = MAILLON__HFP__V1__FRAME__M_WANT;
    frame.want = &want;
    link_send(gl->link, 2, &frame);
    gl->need_at += count * OID_BYTES;
    gl->asked += (unsigned)count;
}

void gossip_wish(struct gossip_link *gl, const struct gossip_scope *scope,
                 Maillon__Hfp__V1__PushWish wish)
{
    send_want(gl, scope, 0, wish);
}

void gossip_pump(struct gossip *gossip, struct gossip_link *gl)
{
    struct mono now = federation_now(gossip->federation);
    if (gl->asked && now.us - gl->asked_at.us > WANT_PATIENCE_MS * 1000LL)
        gl->asked = 0; /* what did not come is not there any more */
    while (gl->need_at < gl->need.len && gl->asked < WANT_OIDS_MAX &&
           link_backlog(gl->link) < GOSSIP_BACKLOG) {
        size_t count = (gl->need.len - gl->need_at) / OID_BYTES;
        gl->asked_at = now;
        send_want(gl, NULL, count < WANT_OIDS_MAX ? count : WANT_OIDS_MAX,
                  MAILLON__HFP__V1__PUSH_WISH__PUSH_WISH_UNSPECIFIED);
    }
    if (gl->need_at > gl->need.len / 2) { /* it may never run empty */
        gl->need.len -= gl->need_at;
        memmove(gl->need.data, gl->need.data + gl->need_at, gl->need.len);
        gl->need_at = 0;
    }
    if (gl->need_at == gl->need.len) {
        buf_done(&gl->need);
        gl->need = (struct buf){0};
        gl->need_at = 0;
    } else {
        federation_due(gossip->federation, mono_after_ms(now, WANT_PATIENCE_MS));
    }
}

void gossip_duplicate(struct gossip *gossip, struct gossip_link *gl, struct gossip_scope *scope)
{
    if (!scope->pull ||
        !gossip_may_turn_lazy(count_pushes(gossip, &scope->scope, true, false), scope->outside,
                              count_pushes(gossip, &scope->scope, true, true)))
        return;
    scope->pull = scope->push = false;
    gossip_wish(gl, scope, MAILLON__HFP__V1__PUSH_WISH__PUSH_WISH_LAZY);
    promote(gossip, &scope->scope);
}

void gossip_blame(struct link *link)
{
    if (peers_violated(link->federation, link->peer))
        link_bye(link, 2, PEERS_BAR_S, LINK_CLOSE_POLICY);
}

static bool on_offer(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    struct gossip *gossip = gossip_of(link->federation);
    struct gossip_link *gl = gossip_link_of(link);
    const Maillon__Hfp__V1__Offer *offer = frame->offer;
    if (offer->n_oid > OFFER_OIDS_MAX)
        return err_set(err, ERR_PEER, "an Offer of %zu oids", offer->n_oid);
    struct gossip_scope *scope = gl ? gossip_find_tag(gl, wire_bytes(offer->scope_tag)) : NULL;
    for (size_t i = 0; i < offer->n_oid; i++) {
        if (offer->oid[i].len != OID_BYTES)
            return err_set(err, ERR_PEER, "an Offer with a malformed oid");
    }
    if (!scope)
        return true;
    size_t before = gl->need.len;
    for (size_t i = 0; i < offer->n_oid; i++) {
        struct oid oid;
        if (oid_from(wire_bytes(offer->oid[i]), &oid))
            gossip_need(gossip, gl, &oid);
    }
    if (gl->need.len > before && !scope->pull) { /* sooner than what pushes to us */
        scope->pull = scope->push = true;
        gossip_wish(gl, scope, MAILLON__HFP__V1__PUSH_WISH__PUSH_WISH_EAGER);
    }
    gossip_pump(gossip, gl);
    return true;
}

static void on_wish(struct gossip *gossip, struct gossip_scope *scope,
                    Maillon__Hfp__V1__PushWish wish)
{
    if (wish == MAILLON__HFP__V1__PUSH_WISH__PUSH_WISH_EAGER) {
        scope->push = scope->pull = true;
    } else if (wish == MAILLON__HFP__V1__PUSH_WISH__PUSH_WISH_LAZY && scope->push) {
        if (!gossip_may_turn_lazy(count_pushes(gossip, &scope->scope, false, false), scope->outside,
                                  count_pushes(gossip, &scope->scope, false, true)))
            return;
        scope->push = scope->pull = false;
    }
}

static bool on_want(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    struct gossip *gossip = gossip_of(link->federation);
    struct gossip_link *gl = gossip_link_of(link);
    const Maillon__Hfp__V1__Want *want = frame->want;
    if (want->n_oid > WANT_OIDS_MAX)
        return err_set(err, ERR_PEER, "a Want of %zu oids", want->n_oid);
    struct gossip_scope *scope = gl ? gossip_find_tag(gl, wire_bytes(want->scope_tag)) : NULL;
    if (scope)
        on_wish(gossip, scope, want->push);
    for (size_t i = 0; i < want->n_oid; i++) {
        struct oid oid;
        if (!oid_from(wire_bytes(want->oid[i]), &oid))
            return err_set(err, ERR_PEER, "a Want with a malformed oid");
        if (gl)
            enqueue(gl, &oid, HOPS_CIRCLE, true);
    }
    return true;
}

/* ---- life ---- */

static void begin(struct link *link, const Maillon__Hfp__V1__State *state)
{
    struct gossip *gossip = gossip_of(link->federation);
    (void)state;
    if (!gossip || !link->peer || !feature_on(link, FEATURE_GOSSIP) || gossip_link_of(link))
        return;
    struct gossip_link *gl = mem_alloc(sizeof *gl);
    gl->link = link;
    link->features_state[FEATURE_GOSSIP] = gl;
    list_add_tail(&gossip->links, &gl->in_gossip);
    refresh_scopes(gossip, gl);
    federation_due(link->federation, federation_now(link->federation));
}

static void end(struct link *link)
{
    struct gossip *gossip = gossip_of(link->federation);
    struct gossip_link *gl = gossip_link_of(link);
    if (!gl)
        return;
    link->features_state[FEATURE_GOSSIP] = NULL;
    list_remove(&gl->in_gossip);
    reconcile_end(gossip, gl);
    for (size_t i = 0; i < gl->scope_count; i++) {
        promote(gossip, &gl->scopes[i].scope);
        buf_done(&gl->scopes[i].offers);
    }
    free(gl->scopes);
    free(gl->queue);
    buf_done(&gl->need);
    free(gl);
}

static void *create(struct federation *federation, struct err *err)
{
    (void)err;
    struct gossip *gossip = mem_alloc(sizeof *gossip);
    gossip->federation = federation;
    list_init(&gossip->links);
    list_init(&gossip->parked);
    gossip->seen = gossip_memory_create(SEEN_SLOTS);
    gossip->refused = gossip_memory_create(SEEN_SLOTS);
    gossip->asked = gossip_memory_create(SEEN_SLOTS);
    gossip->keys = gossip_keys_create();
    gossip->arena = arena_create(0);
    gossip->reconcile = reconcile_create();
    return gossip;
}

static void free_state(void *state)
{
    struct gossip *gossip = state;
    gossip_parked_free(gossip);
    reconcile_free(gossip->reconcile);
    gossip_memory_free(gossip->seen);
    gossip_memory_free(gossip->refused);
    gossip_memory_free(gossip->asked);
    gossip_keys_free(gossip->keys);
    arena_free(gossip->arena);
    free(gossip);
}

static void forget(struct gossip_memory *memory, struct mono *since, int64_t ms, struct mono now)
{
    if (now.us - since->us < ms * 1000)
        return;
    gossip_memory_clear(memory);
    *since = now;
}

static struct mono tick(struct federation *federation, struct mono now)
{
    struct gossip *gossip = gossip_of(federation);
    struct mono due = MONO_NEVER;
    forget(gossip->asked, &gossip->asked_since, ASKED_MS, now);
    forget(gossip->refused, &gossip->refused_since, REFUSED_MS, now);
    list_each_safe (item, next, &gossip->links) {
        struct gossip_link *gl = list_entry(item, struct gossip_link, in_gossip);
        if (gl->link->phase != LINK_UP || !gl->link->trafficking || !gl->link->peer)
            continue;
        if (now.us >= gl->refresh_due.us)
            refresh_scopes(gossip, gl);
        due = mono_min(due, gl->refresh_due);
        for (size_t i = 0; i < gl->scope_count; i++) {
            flush_offers(gl, &gl->scopes[i], now);
            due = mono_min(due, gl->scopes[i].offers_due);
        }
        if (gl->need.len) {
            gossip_pump(gossip, gl);
            due = mono_min(due, mono_after_ms(now, WANT_PATIENCE_MS));
        }
    }
    due = mono_min(due, gossip_parked_tick(gossip, now));
    return mono_min(due, reconcile_tick(gossip, now));
}

static const struct feature_frame frames[] = {
    {MAILLON__HFP__V1__FRAME__M_OFFER, on_offer},
    {MAILLON__HFP__V1__FRAME__M_WANT, on_want},
    {MAILLON__HFP__V1__FRAME__M_OBJECTS, gossip_on_objects},
    {MAILLON__HFP__V1__FRAME__M_RECON, reconcile_on_frame},
};

const struct feature feature_gossip = {
    .name = "gossip",
    .create = create,
    .free = free_state,
    .begin = begin,
    .end = end,
    .committed = on_committed,
    .take = take,
    .tick = tick,
    .frames = frames,
    .frame_count = ARRAY_LEN(frames),
};
