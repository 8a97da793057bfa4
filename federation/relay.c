#include "federation/relay_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include "hub/crypto/seal.h"
#include "hub/crypto/wire.h"
#include <stdlib.h>

#define BUSY_S        30
#define LOOK_AGAIN_MS 200 /* many commits for peers that are away cost one look */
#define REFRESH_MS    600000
#define RATE_S        60
#define EXPIRES_MAX_S (NOTICE_LIFETIME_MAX_S + OBJECT_FUTURE_S)
#define PARTS_MAX     (SEALED_MAX / RELAY_PART_BYTES + 1)

/* ---- custody ---- */

void relay_answer(struct link *link, const struct oid *blob, custody_answer answer,
                  uint32_t retry_after_s)
{
    Maillon__Hfp__V1__Custody custody = MAILLON__HFP__V1__CUSTODY__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    if (link->phase != LINK_UP)
        return;
    custody.blob = wire_data(oid_bytes(blob));
    custody.answer = answer;
    custody.retry_after_s = retry_after_s;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_CUSTODY;
    frame.custody = &custody;
    link_send(link, 0, &frame);
}

struct take_action {
    struct action action;
    struct federation *federation;
    uint64_t link;
    struct relay_deposit deposit;
    struct buf sealed;
    enum relay_answer answer;
    uint32_t retry_s;
};

static bool take_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct take_action *take = list_entry(action, struct take_action, action);
    return relay_take(tx, &relay_of(take->federation)->limits, &take->deposit, &take->answer,
                      &take->retry_s, err);
}

/** Durable now, so it may be said (R-PD-5), and whoever it is for may be here. */
static void take_done(struct action *action, const struct err *err)
{
    static const custody_answer answers[] = {
        [RELAY_HELD] = CUSTODY(HELD),
        [RELAY_QUOTA] = CUSTODY(QUOTA),
        [RELAY_UNKNOWN] = CUSTODY(UNKNOWN),
    };
    struct take_action *take = list_entry(action, struct take_action, action);
    struct federation *federation = take->federation;
    struct relay *relay = relay_of(federation);
    struct link *link = federation_find_link(federation, take->link);
    if (err->code != ERR_NONE) {
        log_line(LOG_WARN, "no custody taken code=%s reason=\"%s\"", err_code_name(err->code),
                 err->msg);
        take->answer = RELAY_QUOTA;
        take->retry_s = BUSY_S;
    }
    if (link && relay_link_of(link)) {
        relay_link_of(link)->jobs--;
        relay_answer(link, &take->deposit.blob, answers[take->answer], take->retry_s);
    }
    if (take->answer == RELAY_HELD) {
        struct link *to = relay_session(federation, &take->deposit.dest);
        relay->may_hold = true;
        if (to) { /* from the start: a number that was freed may have been given out again */
            relay_link_of(to)->serve = true;
            relay_link_of(to)->served = 0;
        }
        relay_look(relay, federation_now(federation));
    }
    relay->memory -= take->sealed.len;
    federation->busy--;
    buf_done(&take->sealed);
    free(take);
}

static void take_custody(struct link *link, const struct oid *blob, const struct sealed_view *view,
                         uint32_t hops_left, struct bytes sealed)
{
    struct federation *federation = link->federation;
    struct take_action *take = mem_alloc(sizeof *take);
    take->action = (struct action){.apply = take_apply, .done = take_done, .weight = sealed.len};
    take->federation = federation;
    take->link = link->id;
    buf_add_bytes(&take->sealed, sealed);
    take->deposit = (struct relay_deposit){
        .injector = link->node,
        .dest = view->dest,
        .blob = *blob,
        .expires_s = view->expires_s,
        .hops_left = hops_left - 1,
        .sealed = buf_bytes(&take->sealed),
    };
    relay_link_of(link)->jobs++;
    relay_of(federation)->memory += sealed.len;
    federation->busy++;
    exchange_submit(federation->config.exchange, &take->action);
}

/** A whole blob. False with `err`: it is not what it says it is, which its bringer could see. */
static bool take_blob(struct link *link, const struct oid *blob, uint32_t hops_left,
                      struct bytes sealed, struct err *err)
{
    struct federation *federation = link->federation;
    uint64_t now_s = (uint64_t)clock_wall(federation->config.clock).ms / 1000;
    struct sealed_view view;
    struct oid computed;
    digest_sha256(sealed, computed.b);
    if (!oid_equal(&computed, blob))
        return err_set(err, ERR_PEER, "a relayed blob has another hash");
    if (!sealed_view(sealed, federation->arena, &view, err))
        return false;
    if (view.expires_s > now_s + EXPIRES_MAX_S)
        return err_set(err, ERR_PEER, "a relayed blob lives too long");
    bool mine = node_id_equal(&view.dest, identity_node(federation->config.self));
    if (view.expires_s <= now_s) /* clocks differ: no fault of its bringer */
        relay_answer(link, blob, CUSTODY(BAD), 0);
    else if (mine)
        relay_open(link, blob, sealed);
    else if (!hops_left || hops_left > RELAY_HOPS_MAX ||
             !relay_for(relay_of(federation), &view.dest) ||
             !relay_carries_with(relay_of(federation), &link->node))
        relay_answer(link, blob, CUSTODY(UNKNOWN), 0);
    else
        take_custody(link, blob, &view, hops_left, sealed);
    return true;
}

/** Too much on its way in, or too fast: the bringer keeps it and comes again. */
static uint32_t busy_for_s(struct link *link, size_t len)
{
    struct federation *federation = link->federation;
    if (federation->silent || relay_link_of(link)->jobs >= RELAY_JOBS_MAX ||
        relay_of(federation)->memory + len > RELAY_MEMORY_MAX)
        return BUSY_S;
    bool fits = peers_take_tokens(federation, link->peer, 1);
    fits = peers_take_bytes(federation, link->peer, len) && fits;
    if (!fits)
        peers_mark(federation, link->peer, BUDGET_OVER_RATE);
    return fits ? 0 : RATE_S;
}

static void drop_part(struct relay_link *state)
{
    buf_done(&state->part);
    state->part = (struct buf){0};
    state->part_next = 0;
    state->part_refused = false;
}

/** Adds a part; *ret_whole set when it was the last one. */
static bool take_part(struct link *link, const Maillon__Hfp__V1__Relay *relay,
                      const struct oid *blob, bool *ret_whole, struct err *err)
{
    struct relay_link *state = relay_link_of(link);
    if (relay->part == 0) {
        drop_part(state);
        state->part_blob = *blob;
    }
    if (relay->parts > PARTS_MAX || relay->part >= relay->parts ||
        relay->part != state->part_next || !oid_equal(blob, &state->part_blob))
        return err_set(err, ERR_PEER, "part of a relayed blob out of order");
    if (state->part.len + relay->sealed.len > SEALED_MAX)
        return err_set(err, ERR_PEER, "relayed blob is too large");
    state->part_next++;
    /* Whole blobs on their way are bounded; so must be the halves of many links. */
    if (relay_of(link->federation)->memory + state->part.len > RELAY_MEMORY_MAX)
        state->part_refused = true;
    if (!state->part_refused)
        buf_add(&state->part, relay->sealed.data, relay->sealed.len);
    *ret_whole = state->part_next == relay->parts;
    return true;
}

/** Answers a blob that its bringer could have seen to be bad, and counts it (F15). */
static void refuse_bad(struct link *link, const struct oid *blob, const struct err *why)
{
    struct federation *federation = link->federation;
    char id[NODE_ID_SHORT];
    COUNT(federation->config.counters, objects_bad, 1);
    log_line(LOG_WARN, "relayed blob refused peer=%s reason=\"%s\"", node_id_short(&link->node, id),
             why->msg);
    relay_answer(link, blob, CUSTODY(BAD), 0);
    relay_blame(federation, &link->node);
}

static bool on_relay(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__Relay *relay = frame->relay;
    struct relay_link *state = relay_link_of(link);
    struct bytes sealed = wire_bytes(relay->sealed);
    struct oid blob;
    bool whole = true;
    if (!state)
        return true;
    if (!oid_from(wire_bytes(relay->blob), &blob) || !sealed.len || sealed.len > RELAY_PART_BYTES)
        return err_set(err, ERR_PEER, "relayed blob is malformed");
    if (relay->parts > 1) {
        if (!take_part(link, relay, &blob, &whole, err))
            return false;
        if (!whole)
            return true;
        sealed = buf_bytes(&state->part);
    }
    uint32_t busy_s = state->part_refused ? BUSY_S : busy_for_s(link, sealed.len);
    struct err why = {0};
    if (busy_s)
        relay_answer(link, &blob, CUSTODY(QUOTA), busy_s);
    else if (!take_blob(link, &blob, relay->hops_left, sealed, &why))
        refuse_bad(link, &blob, &why);
    if (relay->parts > 1)
        drop_part(state);
    return true;
}

/* ---- the feature ---- */

static void relay_destroy(void *state)
{
    struct relay *relay = state;
    list_each_safe (item, next, &relay->known) {
        list_remove(item);
        free(list_entry(item, struct relay_known, in_relay));
    }
    free(relay);
}

static void *relay_create(struct federation *federation, struct err *err)
{
    struct relay *relay = mem_alloc(sizeof *relay);
    struct relay_peer *peers;
    struct relay_held *held;
    size_t count, held_count;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    relay->federation = federation;
    relay->limits = relay_limits;
    relay->next = federation_now(federation);
    relay->refresh = mono_after_ms(relay->next, REFRESH_MS);
    list_init(&relay->known);
    if (!relay_peers(federation->config.reader, arena, clock_wall(federation->config.clock), &peers,
                     &count, err) ||
        !relay_held(federation->config.reader, arena, &held, &held_count, err)) {
        relay_destroy(relay);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        relay_know(relay, &peers[i]);
    relay->may_hold = held_count > 0;
    return relay;
}

static void relay_fill_state(struct link *link, Maillon__Hfp__V1__State *state, struct arena *arena)
{
    (void)arena;
    relay_reload(relay_of(link->federation), &link->node); /* charters may have changed */
    state->relays = relay_for(relay_of(link->federation), &link->node);
}

static void relay_begin(struct link *link, const Maillon__Hfp__V1__State *state)
{
    struct relay *relay = relay_of(link->federation);
    if (!feature_on(link, FEATURE_RELAY))
        return;
    if (!relay_link_of(link)) {
        struct relay_link *fresh = mem_alloc(sizeof *fresh);
        list_init(&fresh->out);
        link->features_state[FEATURE_RELAY] = fresh;
    }
    relay_note_granted(link, state->relays);
    relay_link_of(link)->serve = relay->may_hold;
    relay_link_of(link)->served = 0;
    relay_tell_duty(link);
    relay_look(relay, federation_now(link->federation));
}

static void relay_end(struct link *link)
{
    struct relay_link *state = relay_link_of(link);
    if (!state)
        return;
    relay_set_tags(relay_of(link->federation), state, NULL);
    relay_out_free_all(state);
    buf_done(&state->part);
    free(state);
    link->features_state[FEATURE_RELAY] = NULL;
}

static void relay_committed(struct federation *federation, const struct effect *effects,
                            size_t count)
{
    struct relay *relay = relay_of(federation);
    bool changed = false, used = relay->tags || !list_is_empty(&relay->known);
    for (size_t i = 0; i < count; i++) {
        if (effects[i].kind == EFFECT_RELATION) {
            relay_reload(relay, &effects[i].node);
            changed = true;
        } else if (used && effects[i].kind == EFFECT_OUTBOX) {
            struct peer *peer = peers_find(federation, &effects[i].node);
            if (peer && !peer->link)
                relay_look(relay, mono_after_ms(relay->looked, LOOK_AGAIN_MS));
        }
    }
    if (changed) {
        relay_tell_all(relay);
        relay_look(relay, federation_now(federation));
    }
}

/** Charters of circles change without a word about each member. */
static void refresh(struct relay *relay, struct mono now)
{
    list_each (item, &relay->federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        if (relay_link_of(link)) {
            relay_reload(relay, &link->node);
            relay_note_granted(link, relay_link_of(link)->for_us);
        }
    }
    relay_tell_all(relay);
    relay->refresh = mono_after_ms(now, REFRESH_MS);
}

static struct mono tick(struct federation *federation, struct mono now)
{
    struct relay *relay = relay_of(federation);
    if (now.us >= relay->refresh.us)
        refresh(relay, now);
    if (!relay->homes_read)
        relay_read_homes(relay);
    if (now.us >= relay->next.us) {
        relay->next = MONO_NEVER;
        relay->looked = now;
        struct mono again = relay_work(relay, now);
        relay->next = mono_min(relay->next, again);
    }
    return mono_min(relay->next, relay->refresh);
}

static const struct feature_frame frames[] = {
    {MAILLON__HFP__V1__FRAME__M_RELAY, on_relay},
    {MAILLON__HFP__V1__FRAME__M_CUSTODY, relay_on_custody},
    {MAILLON__HFP__V1__FRAME__M_RELAY_DUTY, relay_on_duty},
};

const struct feature feature_relay = {
    .name = "relays",
    .create = relay_create,
    .free = relay_destroy,
    .fill_state = relay_fill_state,
    .begin = relay_begin,
    .end = relay_end,
    .committed = relay_committed,
    .take = relay_take_frame,
    .tick = tick,
    .frames = frames,
    .frame_count = ARRAY_LEN(frames),
};
