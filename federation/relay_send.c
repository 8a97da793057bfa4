/* What goes out by Relay frames: own objects to relays, blobs in custody to who they are for. */
#include "federation/relay_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include "hub/crypto/wire.h"
#include <stdlib.h>

#define LOOK_MS       5000
#define ANSWER_MS     120000  /* without a Custody that long: handed over again */
#define COOL_MS       3600000 /* after "no duty for that destination" */
#define COOL_MS_MAX   86400000
#define CANDIDATES    8
#define READ_BYTES    262144
#define READ_ROWS     32
#define RESEALS_MAX   64 /* of one session: each costs a commit */
#define SERVE_WAIT_MS 600000

/* ---- the queue of a link ---- */

static void out_free(struct relay_link *state, struct relay_out *out)
{
    list_remove(&out->in_link);
    state->out_count--;
    state->out_bytes -= out->sealed.len;
    buf_done(&out->sealed);
    free(out);
}

void relay_out_free_all(struct relay_link *state)
{
    list_each_safe (item, next, &state->out)
        out_free(state, list_entry(item, struct relay_out, in_link));
}

static struct relay_out *out_find(struct relay_link *state, const struct oid *blob)
{
    list_each (item, &state->out) {
        struct relay_out *out = list_entry(item, struct relay_out, in_link);
        if (oid_equal(&out->blob, blob))
            return out;
    }
    return NULL;
}

static bool has_room(const struct relay_link *state)
{
    return state->out_count < RELAY_WINDOW_BLOBS && state->out_bytes < RELAY_WINDOW_BYTES;
}

static void hand_over(struct link *link, const struct relay_out *what, struct bytes sealed)
{
    struct relay_link *state = relay_link_of(link);
    struct relay_out *out = mem_alloc(sizeof *out);
    *out = *what;
    out->own.sealed = (struct bytes){0};
    buf_add_bytes(&out->sealed, sealed);
    out->parts = (uint32_t)((sealed.len + RELAY_PART_BYTES - 1) / RELAY_PART_BYTES);
    out->since = federation_now(link->federation);
    list_add_tail(&state->out, &out->in_link);
    state->out_count++;
    state->out_bytes += sealed.len;
    link_wake(link);
}

bool relay_take_frame(struct link *link, struct buf *ret)
{
    struct relay_link *state = relay_link_of(link);
    if (!state || list_is_empty(&state->out))
        return false;
    struct relay_out *out = NULL;
    list_each (item, &state->out) {
        struct relay_out *each = list_entry(item, struct relay_out, in_link);
        if (!each->sent) {
            out = each;
            break;
        }
    }
    if (!out)
        return false;
    size_t left = out->sealed.len - out->at;
    size_t len = left < RELAY_PART_BYTES ? left : RELAY_PART_BYTES;
    Maillon__Hfp__V1__Relay relay = MAILLON__HFP__V1__RELAY__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    relay.sealed = wire_data(bytes_of(out->sealed.data + out->at, len));
    relay.hops_left = out->hops_left;
    relay.part = out->part++;
    relay.parts = out->parts > 1 ? out->parts : 0;
    relay.blob = wire_data(oid_bytes(&out->blob));
    frame.lane = 3;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_RELAY;
    frame.relay = &relay;
    wire_pack(&frame, ret);
    out->at += len;
    if (out->at == out->sealed.len) {
        state->out_bytes -= out->sealed.len;
        buf_done(&out->sealed);
        out->sealed = (struct buf){0};
        out->sent = true;
        out->since = federation_now(link->federation);
        relay_look(relay_of(link->federation), out->since); /* there is room again */
    }
    return true;
}

/* ---- who relays for whom ---- */

void relay_tag(const struct link *link, const struct node_id *dest, uint8_t ret[RELAY_TAG_BYTES])
{
    uint8_t digest[32];
    digest_sha256_parts((const struct bytes[]){BYTES_LITERAL("hfp/relay-duty/v1\0"),
                                               bytes_of(link->session, sizeof link->session),
                                               node_id_bytes(dest)},
                        3, digest);
    memcpy(ret, digest, RELAY_TAG_BYTES);
}

bool relay_link_has_tag(const struct link *link, const struct node_id *dest)
{
    const struct relay_link *state = link->features_state[FEATURE_RELAY];
    uint8_t tag[RELAY_TAG_BYTES];
    if (!state || !state->tag_count)
        return false;
    relay_tag(link, dest, tag);
    for (size_t i = 0; i < state->tag_count; i++) {
        if (memcmp(state->tags[i], tag, sizeof tag) == 0)
            return true;
    }
    return false;
}

static bool is_cool(const struct link *link, const struct node_id *dest, struct mono now)
{
    const struct relay_link *state = link->features_state[FEATURE_RELAY];
    for (size_t i = 0; i < RELAY_COOL_MAX; i++) {
        if (state->cool[i].until.us > now.us && node_id_equal(&state->cool[i].dest, dest))
            return true;
    }
    return false;
}

static void cool(struct link *link, const struct node_id *dest, int64_t ms)
{
    struct relay_link *state = relay_link_of(link);
    ms = ms < COOL_MS_MAX ? ms : COOL_MS_MAX;
    state->cool[state->cool_next++ % RELAY_COOL_MAX] = (struct relay_cool){
        .dest = *dest, .until = mono_after_ms(federation_now(link->federation), ms)};
}

struct candidates {
    struct link *list[CANDIDATES];
    size_t count;
};

static void add_candidate(struct candidates *to, struct link *link, const struct node_id *dest,
                          struct mono now)
{
    if (!link || to->count == CANDIDATES || is_cool(link, dest, now))
        return;
    for (size_t i = 0; i < to->count; i++) {
        if (to->list[i] == link)
            return;
    }
    to->list[to->count++] = link;
}

static uint32_t suspect(struct relay *relay, const struct link *link)
{
    const struct relay_known *known = relay_known_find(relay, &link->node);
    return known ? known->peer.suspect : 0;
}

/** R-RE-1: home relays of the destination first, then neighbours that said they relay for it;
 * those that seem to lose things come last (F14). */
static void find_candidates(struct relay *relay, const struct node_id *dest, struct mono now,
                            struct candidates *ret)
{
    struct federation *federation = relay->federation;
    const struct relay_known *known = relay_known_find(relay, dest);
    ret->count = 0;
    for (size_t i = 0; known && i < known->peer.home_count; i++)
        add_candidate(ret, relay_session(federation, &known->peer.homes[i]), dest, now);
    if (relay->tags) {
        list_each (item, &federation->links) {
            struct link *link = list_entry(item, struct link, in_federation);
            if (link->peer && link->peer->link == link && relay_link_has_tag(link, dest))
                add_candidate(ret, relay_session(federation, &link->node), dest, now);
        }
    }
    for (size_t i = 1; i < ret->count; i++) {
        for (size_t j = i; j && suspect(relay, ret->list[j]) < suspect(relay, ret->list[j - 1]);
             j--) {
            struct link *swap = ret->list[j];
            ret->list[j] = ret->list[j - 1];
            ret->list[j - 1] = swap;
        }
    }
}

/* ---- own objects ---- */

static bool any_room(const struct candidates *relays)
{
    for (size_t i = 0; i < relays->count; i++) {
        if (has_room(relay_link_of(relays->list[i])))
            return true;
    }
    return false;
}

static bool is_under_way(const struct candidates *relays, const struct oid *blob)
{
    for (size_t i = 0; i < relays->count; i++) {
        if (out_find(relay_link_of(relays->list[i]), blob))
            return true;
    }
    return false;
}

static void hand_own(struct relay *relay, const struct node_id *dest,
                     const struct candidates *relays)
{
    struct federation *federation = relay->federation;
    for (unsigned lane = 0; lane < 2; lane++) {
        struct outbox_relayable *rows;
        size_t count;
        struct err err = {0};
        arena_reset(federation->arena);
        if (!outbox_read_for_relay(federation->config.reader, federation->arena, dest, lane,
                                   RELAY_WINDOW_BLOBS + READ_ROWS, RELAY_WINDOW_BYTES + READ_BYTES,
                                   clock_wall(federation->config.clock), &rows, &count, &err)) {
            log_line(LOG_ERROR, "could not read the outbox reason=\"%s\"", err.msg);
            return;
        }
        for (size_t i = 0; i < count; i++) {
            if (is_under_way(relays, &rows[i].sealed_id))
                continue;
            /* Each try takes another path; a receipt that is replayed has another place. */
            uint64_t try =
                rows[i].freed_by == OUTBOX_FREE_ON_ACK ? rows[i].link_seq : rows[i].attempts;
            struct link *link = relays->list[try % relays->count];
            if (!has_room(relay_link_of(link)))
                continue;
            struct relay_out out = {.why = RELAY_OWN,
                                    .dest = *dest,
                                    .blob = rows[i].sealed_id,
                                    .hops_left = RELAY_HOPS_MAX,
                                    .own = rows[i]};
            hand_over(link, &out, rows[i].sealed);
        }
    }
}

/** Without a session long enough that relays are worth it. */
static bool is_away(struct relay *relay, struct peer *peer, struct wall now)
{
    if (!policy_is_open(&peer->relation) || peer->link)
        return false;
    if (!peer->silent_since_ms)
        peer->silent_since_ms = now.ms;
    const struct relay_known *known = relay_known_find(relay, &peer->relation.node);
    return (known && known->peer.dials_only) || now.ms - peer->silent_since_ms >= RELAY_AWAY_MS;
}

static void look_at_own(struct relay *relay, struct mono now)
{
    struct federation *federation = relay->federation;
    struct wall wall = clock_wall(federation->config.clock);
    struct node_id nodes[OUTBOX_AWAY_MAX];
    size_t count;
    struct err err = {0};
    if (!outbox_away(federation->config.reader, nodes, &count, &err)) {
        log_line(LOG_ERROR, "could not read the outbox reason=\"%s\"", err.msg);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct peer *peer = peers_find(federation, &nodes[i]);
        struct candidates relays;
        if (!peer || !is_away(relay, peer, wall))
            continue;
        find_candidates(relay, &nodes[i], now, &relays);
        if (any_room(&relays))
            hand_own(relay, &nodes[i], &relays);
    }
}

/* ---- custody ---- */

/** Bytes that changed on disk are not passed on (R-ST-1). */
static bool is_whole(const struct relay_blob *blob)
{
    struct oid computed;
    digest_sha256(blob->sealed, computed.b);
    return oid_equal(&computed, &blob->blob);
}

static void hand_custody(struct relay *relay, struct link *link, const struct node_id *dest,
                         enum relay_why why)
{
    struct federation *federation = relay->federation;
    struct relay_link *state = relay_link_of(link);
    struct relay_blob *rows;
    size_t count;
    struct err err = {0};
    arena_reset(federation->arena);
    if (!relay_read(federation->config.reader, federation->arena, dest,
                    why == RELAY_SERVE ? state->served : 0, why == RELAY_FORWARD, READ_ROWS,
                    READ_BYTES, clock_wall(federation->config.clock), &rows, &count, &err)) {
        log_line(LOG_ERROR, "could not read custody reason=\"%s\"", err.msg);
        state->serve = false;
        return;
    }
    if (why == RELAY_SERVE && !count)
        state->serve = false;
    for (size_t i = 0; i < count && has_room(state); i++) {
        if (why == RELAY_SERVE)
            state->served = rows[i].id;
        if (out_find(state, &rows[i].blob))
            continue;
        if (!is_whole(&rows[i])) {
            log_line(LOG_ERROR, "a blob in custody is damaged row=%lld", (long long)rows[i].id);
            continue;
        }
        struct relay_out out = {.why = why,
                                .dest = *dest,
                                .blob = rows[i].blob,
                                .hops_left = rows[i].hops_left,
                                .row = rows[i].id};
        hand_over(link, &out, rows[i].sealed);
    }
}

static void serve_links(struct relay *relay, struct mono now)
{
    list_each (item, &relay->federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        struct relay_link *state = relay_link_of(link);
        if (!state || !state->serve || now.us < state->serve_after.us || !has_room(state) ||
            relay_session(relay->federation, &link->node) != link)
            continue;
        while (state->serve && has_room(state))
            hand_custody(relay, link, &link->node, RELAY_SERVE);
    }
}

/** A destination with several home relays may be at another one of them (R-RE-2). */
static void forward(struct relay *relay, struct mono now)
{
    list_each (item, &relay->known) {
        const struct relay_peer *peer = &list_entry(item, struct relay_known, in_relay)->peer;
        if (!peer->relays_for || relay_session(relay->federation, &peer->node))
            continue;
        for (size_t i = 0; i < peer->home_count; i++) {
            struct link *link = relay_session(relay->federation, &peer->homes[i]);
            if (!link || is_cool(link, &peer->node, now) || !has_room(relay_link_of(link)))
                continue;
            hand_custody(relay, link, &peer->node, RELAY_FORWARD);
            break;
        }
    }
}

/** A Custody that does not come: the link is asked again. */
static void give_up_waiting(struct relay *relay, struct mono now)
{
    list_each (item, &relay->federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        struct relay_link *state = relay_link_of(link);
        if (!state || list_is_empty(&state->out))
            continue;
        list_each_safe (at, next, &state->out) {
            struct relay_out *out = list_entry(at, struct relay_out, in_link);
            if (!out->sent || now.us - out->since.us < (int64_t)ANSWER_MS * 1000)
                continue;
            if (out->why == RELAY_SERVE) {
                state->serve = true;
                state->served = 0;
            } else {
                cool(link, &out->dest, ANSWER_MS);
            }
            out_free(state, out);
        }
    }
}

struct mono relay_work(struct relay *relay, struct mono now)
{
    if (list_is_empty(&relay->known) && !relay->tags)
        return MONO_NEVER;
    if (relay->federation->silent) /* R-REC-2 */
        return mono_after_ms(now, LOOK_MS);
    give_up_waiting(relay, now);
    look_at_own(relay, now);
    if (relay->may_hold) {
        serve_links(relay, now);
        forward(relay, now);
    }
    return mono_after_ms(now, LOOK_MS);
}

/* ---- answers ---- */

struct answer_action {
    struct action action;
    struct federation *federation;
    enum relay_why why;
    custody_answer answer;
    struct node_id dest, relay, injector;
    struct oid blob;
    struct outbox_relayable own;
    int64_t row;
    uint64_t link;
    bool found;
};

static bool answer_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct answer_action *answer = list_entry(action, struct answer_action, action);
    switch (answer->why) {
    case RELAY_OWN:
        return outbox_at_relay(tx, &answer->dest, &answer->own, &answer->relay, err);
    case RELAY_SERVE:
        return relay_free(tx, &answer->dest, &answer->blob, &answer->found, &answer->injector, err);
    case RELAY_FORWARD:
        return relay_forwarded(tx, answer->row, err);
    }
    return true;
}

static void answer_done(struct action *action, const struct err *err)
{
    struct answer_action *answer = list_entry(action, struct answer_action, action);
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not note custody reason=\"%s\"", err->msg);
    else if (answer->why == RELAY_SERVE && answer->found && answer->answer == CUSTODY(BAD))
        relay_mark(answer->federation, &answer->injector);
    else if (answer->why == RELAY_SERVE && answer->found &&
             answer->answer == CUSTODY(UNKNOWN_KEY)) {
        struct link *back = relay_session(answer->federation, &answer->injector);
        if (back) /* only the author can seal it again */
            relay_answer(back, &answer->blob, CUSTODY(UNKNOWN_KEY), 0);
    }
    /* Only now the store says that it is not to be handed over again. */
    struct link *link = federation_find_link(answer->federation, answer->link);
    struct relay_link *state = link ? relay_link_of(link) : NULL;
    struct relay_out *out = state ? out_find(state, &answer->blob) : NULL;
    if (out && out->answered) {
        out_free(state, out);
        relay_look(relay_of(answer->federation), federation_now(answer->federation));
    }
    answer->federation->busy--;
    free(answer);
}

static void note_answer(struct link *link, struct relay_out *out, custody_answer answer)
{
    struct answer_action *action = mem_alloc(sizeof *action);
    action->action = (struct action){.apply = answer_apply, .done = answer_done};
    action->federation = link->federation;
    action->why = out->why;
    action->answer = answer;
    action->dest = out->dest;
    action->relay = link->node;
    action->blob = out->blob;
    action->own = out->own;
    action->row = out->row;
    action->link = link->id;
    out->answered = true;
    link->federation->busy++;
    exchange_submit(link->federation->config.exchange, &action->action);
}

/** What a relay handed on could not be opened: sealed again if there is a newer key. */
struct reseal_action {
    struct action action;
    struct federation *federation;
    struct node_id relay;
    struct oid blob;
};

static bool reseal_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct reseal_action *reseal = list_entry(action, struct reseal_action, action);
    return outbox_reseal_relayed(tx, &reseal->relay, &reseal->blob, err);
}

static void reseal_done(struct action *action, const struct err *err)
{
    struct reseal_action *reseal = list_entry(action, struct reseal_action, action);
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not seal an object again reason=\"%s\"", err->msg);
    reseal->federation->busy--;
    free(reseal);
}

static void reseal(struct link *link, const struct oid *blob)
{
    struct relay_link *state = relay_link_of(link);
    if (++state->reseals > RESEALS_MAX)
        return;
    struct reseal_action *action = mem_alloc(sizeof *action);
    action->action = (struct action){.apply = reseal_apply, .done = reseal_done};
    action->federation = link->federation;
    action->relay = link->node;
    action->blob = *blob;
    link->federation->busy++;
    exchange_submit(link->federation->config.exchange, &action->action);
}

bool relay_on_custody(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    struct relay_link *state = relay_link_of(link);
    const Maillon__Hfp__V1__Custody *custody = frame->custody;
    struct oid blob;
    char id[NODE_ID_SHORT];
    if (!state)
        return true;
    if (!oid_from(wire_bytes(custody->blob), &blob))
        return err_set(err, ERR_PEER, "custody of nothing");
    struct relay_out *out = out_find(state, &blob);
    if (!out && custody->answer == CUSTODY(UNKNOWN_KEY))
        reseal(link, &blob);
    if (!out || !out->sent || out->answered)
        return true; /* given up meanwhile, or said twice */
    int64_t wait_ms = custody->retry_after_s ? (int64_t)custody->retry_after_s * 1000 : COOL_MS;
    bool full = custody->answer == CUSTODY(QUOTA);
    if (custody->answer == CUSTODY(HELD) || (out->why == RELAY_SERVE && !full)) {
        note_answer(link, out, custody->answer);
        return true;
    }
    if (out->why == RELAY_SERVE) { /* the destination is busy: all of it later */
        state->serve = true;
        state->served = 0;
        state->serve_after = mono_after_ms(federation_now(link->federation),
                                           wait_ms < SERVE_WAIT_MS ? wait_ms : SERVE_WAIT_MS);
    } else {
        log_line(LOG_WARN, "relay took no custody peer=%s answer=%d",
                 node_id_short(&link->node, id), (int)custody->answer);
        cool(link, &out->dest, full ? wait_ms : COOL_MS);
    }
    out_free(state, out);
    relay_look(relay_of(link->federation), federation_now(link->federation));
    return true;
}
