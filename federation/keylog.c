#include "federation/keylog.h"

#include "federation/federation_internal.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/circle.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/own_keys.h"
#include "hub/outbox/outbox.h"
#include <stdlib.h>

#define UPKEEP_MS      3600000
#define UPKEEP_SOON_MS 1000
#define FRAME_BYTES    49152  /* of events in one KeyLog */
#define BACKLOG_MAX    262144 /* who asks and reads nothing gets no more answers */
#define WINDOW_MS      60000
#define RESOLVES_MAX   512  /* in one window; a hub that joins a large circle has many to ask */
#define LOGS_MAX       1024 /* KeyLog frames in one window */
#define RESEALS_MAX    4096 /* of one session */
#define BEACON_MS      (BEACON_EVERY_S * INT64_C(1000))

/* This hub's side: upkeep of its own keys, and the beacon of the day. */
struct keylog {
    struct federation *federation;
    struct action upkeep;
    bool running;
    struct mono due;
    struct oid head; /* of the own log, as peers were told last */
    struct buf beacon;
    struct oid beacon_head;
    int64_t beacon_ms;
};

/* One session. */
struct keylog_link {
    uint64_t told;           /* events of this hub's log that they hold or were sent */
    unsigned resolves, logs; /* until window */
    struct mono window;
    struct mono beacon_due;
    bool warned;      /* about their delegation, on this session */
    struct buf parts; /* a log in several frames: u32le length + bytes each */
    struct node_id of;
    uint64_t next_seq; /* what the next frame of it begins with */
};

static struct keylog *own(const struct link *link)
{
    return link->federation->features[FEATURE_KEYS];
}

static struct keylog_link *side(struct link *link)
{
    if (!link->features_state[FEATURE_KEYS])
        link->features_state[FEATURE_KEYS] = mem_alloc(sizeof(struct keylog_link));
    return link->features_state[FEATURE_KEYS];
}

/* Session and circle may both be large, so what is too much is a matter of time. */
static struct keylog_link *counted(struct link *link)
{
    struct keylog_link *mine = side(link);
    struct mono now = federation_now(link->federation);
    if (now.us >= mine->window.us) {
        mine->window = mono_after_ms(now, WINDOW_MS);
        mine->resolves = mine->logs = 0;
    }
    return mine;
}

/* ---- sending ---- */

static void send_log(struct link *link, const struct node_id *node, uint64_t first_seq,
                     const struct bytes *events, size_t count, struct bytes beacon)
{
    ProtobufCBinaryData list[KEL_EVENTS_MAX];
    size_t at = 0;
    do {
        size_t n = 0, size = 0;
        while (at + n < count && (n == 0 || size + events[at + n].len <= FRAME_BYTES)) {
            list[n] = wire_data(events[at + n]);
            size += events[at + n++].len;
        }
        Maillon__Hfp__V1__KeyLog log = MAILLON__HFP__V1__KEY_LOG__INIT;
        log.node = wire_data(node_id_bytes(node));
        log.first_seq = first_seq ? first_seq + at : 0;
        log.event = list;
        log.n_event = n;
        at += n;
        log.more = at < count;
        if (!log.more)
            log.beacon = wire_data(beacon);
        Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
        frame.m_case = MAILLON__HFP__V1__FRAME__M_KEY_LOG;
        frame.key_log = &log;
        link_send(link, 0, &frame);
    } while (at < count);
}

static void send_own(struct link *link, uint64_t after_seq)
{
    const struct identity *self = link->federation->config.self;
    size_t count;
    const struct bytes *events = identity_kel_events(self, &count);
    size_t after = after_seq < count ? (size_t)after_seq : count;
    send_log(link, identity_node(self), after + 1, events + after, count - after,
             (struct bytes){0});
    side(link)->told = count;
}

static void ask(struct link *link, const struct node_id *node, uint64_t after_seq)
{
    Maillon__Hfp__V1__Resolve resolve = MAILLON__HFP__V1__RESOLVE__INIT;
    resolve.node = wire_data(node_id_bytes(node));
    resolve.after_seq = after_seq;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_RESOLVE;
    frame.resolve = &resolve;
    link_send(link, 0, &frame);
}

/* ---- the beacon (R-ID-5) ---- */

/* At most daily, and when the log has changed. */
static struct bytes beacon_of(struct keylog *keylog)
{
    const struct federation_config *config = &keylog->federation->config;
    const struct kel *kel = identity_kel(config->self);
    struct wall now = clock_wall(config->clock);
    int64_t age_ms = now.ms - keylog->beacon_ms;
    if (!kel_find_op(kel, sign_key_public(identity_op(config->self))))
        return (struct bytes){0}; /* retired, or the key is revoked: no sign of life */
    if (keylog->beacon.len && age_ms >= 0 && age_ms < BEACON_MS &&
        oid_equal(&keylog->beacon_head, &kel->head))
        return buf_bytes(&keylog->beacon);
    struct audit_head audit;
    bool found = false;
    struct err ignored = {0};
    if (!audit_head_newest(config->reader, keylog->federation->arena, &found, &audit, &ignored))
        found = false;
    keylog->beacon.len = 0;
    own_keys_beacon(config->self, now, found ? oid_bytes(&audit.oid) : (struct bytes){0},
                    &keylog->beacon);
    keylog->beacon_head = kel->head;
    keylog->beacon_ms = now.ms;
    return buf_bytes(&keylog->beacon);
}

static void fill_state(struct link *link, Maillon__Hfp__V1__State *state, struct arena *arena)
{
    if (!feature_on(link, FEATURE_KEYS))
        return;
    state->beacon = wire_data(arena_bytes(arena, beacon_of(own(link))));
    side(link)->beacon_due = mono_after_ms(federation_now(link->federation), BEACON_MS);
}

/* ---- taking ---- */

/** Events or a beacon of a node, on their way into the store. */
struct news {
    struct action action;
    struct federation *federation;
    uint64_t link;
    struct node_id node;
    struct buf events, beacon;
    struct oid foreign; /* head of this hub's log that it did not make */
    bool is_foreign, is_gap;
};

static size_t split(const struct buf *parts, struct bytes list[KEL_EVENTS_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < parts->len && count < KEL_EVENTS_MAX;) {
        const uint8_t *p = parts->data + at;
        uint32_t len =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        list[count++] = bytes_of(p + 4, len);
        at += 4 + (size_t)len;
    }
    return count;
}

static bool news_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct news *news = list_entry(action, struct news, action);
    struct bytes list[KEL_EVENTS_MAX];
    struct err why = {0};
    size_t count = split(&news->events, list);
    if (news->is_foreign)
        return own_keys_note_foreign(tx, &news->foreign, err);
    if (count && !node_keys_add(tx, &news->node, list, count, &why)) {
        news->is_gap = why.code == ERR_UNKNOWN;
        *err = why;
        return news->is_gap || err_wrap(err, "key log");
    }
    if (news->beacon.len &&
        !node_keys_add_beacon(tx, &news->node, buf_bytes(&news->beacon), &why) &&
        why.code != ERR_PEER) {
        *err = why;
        return false;
    }
    return true;
}

static void news_done(struct action *action, const struct err *err)
{
    struct news *news = list_entry(action, struct news, action);
    struct link *link = federation_find_link(news->federation, news->link);
    char id[NODE_ID_SHORT];
    if (news->is_gap) {
        if (link && link->trafficking && ++counted(link)->resolves <= RESOLVES_MAX)
            ask(link, &news->node, 0);
    } else if (err->code != ERR_NONE) {
        COUNT(news->federation->config.counters, refused_link, 1);
        log_line(LOG_WARN, "key log not taken node=%s reason=\"%s\"",
                 node_id_short(&news->node, id), err->msg);
    }
    news->federation->busy--;
    buf_done(&news->events);
    buf_done(&news->beacon);
    free(news);
}

static struct news *news_create(struct link *link, const struct node_id *node)
{
    struct news *news = mem_alloc(sizeof *news);
    news->action = (struct action){.apply = news_apply, .done = news_done};
    news->federation = link->federation;
    news->link = link->id;
    news->node = *node;
    link->federation->busy++;
    return news;
}

static void take_beacon(struct link *link, struct bytes beacon)
{
    if (!beacon.len || beacon.len > OBJECT_BEACON_MAX)
        return;
    struct news *news = news_create(link, &link->node);
    buf_add_bytes(&news->beacon, beacon);
    exchange_submit(link->federation->config.exchange, &news->action);
}

void keylog_record(struct link *link, struct bytes parts)
{
    struct news *news = news_create(link, &link->node);
    buf_add_bytes(&news->events, parts);
    exchange_submit(link->federation->config.exchange, &news->action);
}

/* ---- a session ---- */

/* F36: said once a session; the word is on the peer's page all the time. */
static void warn_age(struct link *link)
{
    struct keylog_link *mine = side(link);
    struct wall now = clock_wall(link->federation->config.clock);
    uint64_t until_s;
    char id[NODE_ID_SHORT];
    if (mine->warned || kel_age(&link->peer->relation.kel, now, &until_s) != KEL_STALE)
        return;
    mine->warned = true;
    log_line(LOG_WARN, "the working key of a peer has run out peer=%s state=stale",
             node_id_short(&link->node, id));
}

/* How many events of this hub's log end in `head`; SIZE_MAX: it is not ours. */
static size_t place_of(const struct identity *self, struct bytes head)
{
    size_t count;
    const struct bytes *events = identity_kel_events(self, &count);
    if (!head.len)
        return 0;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    for (size_t i = count; i > 0; i--) {
        struct envelope envelope;
        struct err ignored = {0};
        if (envelope_open(events[i - 1], arena, &envelope, &ignored) &&
            bytes_equal(head, oid_bytes(&envelope.oid)))
            return i;
    }
    return SIZE_MAX;
}

static void begin(struct link *link, const Maillon__Hfp__V1__State *state)
{
    const struct identity *self = link->federation->config.self;
    warn_age(link);
    if (!feature_on(link, FEATURE_KEYS))
        return;
    struct bytes head = wire_bytes(state->kel_head);
    struct oid nothing = {0};
    if (bytes_equal(head, oid_bytes(&nothing))) /* they have not recorded ours yet */
        head.len = 0;
    size_t count, place = bytes_equal(head, oid_bytes(&identity_kel(self)->head))
                              ? (size_t)identity_kel(self)->seq
                              : place_of(self, head);
    identity_kel_events(self, &count);
    take_beacon(link, wire_bytes(state->beacon));
    side(link)->told = place == SIZE_MAX ? 0 : place;
    if (place == SIZE_MAX && head.len == OID_BYTES) {
        char id[NODE_ID_SHORT];
        log_line(LOG_WARN, "a peer holds keys of this hub that it did not make peer=%s",
                 node_id_short(&link->node, id));
        struct news *news = news_create(link, &link->node);
        news->is_foreign = true;
        memcpy(news->foreign.b, head.data, OID_BYTES);
        exchange_submit(link->federation->config.exchange, &news->action);
    }
    if (side(link)->told < count)
        send_own(link, side(link)->told);
}

static void end(struct link *link)
{
    struct keylog_link *mine = link->features_state[FEATURE_KEYS];
    if (!mine)
        return;
    buf_done(&mine->parts);
    free(mine);
    link->features_state[FEATURE_KEYS] = NULL;
}

/* The key that proved the session no longer speaks for the peer: it may come back with another. */
static bool is_over(const struct link *link)
{
    const struct kel *kel = &link->peer->relation.kel;
    const struct kel_op *op = kel_find_op(kel, &link->op);
    return kel->seq > 0 &&
           (!op || kel_op_age(op, clock_wall(link->federation->config.clock)) == KEL_OVER);
}

static void look_at_session(struct link *link)
{
    char id[NODE_ID_SHORT];
    if (link->phase != LINK_UP || !link->peer || !is_over(link))
        return;
    log_line(LOG_WARN, "session ended: its key is revoked or over peer=%s",
             node_id_short(&link->node, id));
    link_bye(link, 0, 0, LINK_CLOSE_POLICY);
}

static void committed(struct federation *federation, const struct effect *effects, size_t count)
{
    struct keylog *keylog = federation->features[FEATURE_KEYS];
    const struct node_id *self = identity_node(federation->config.self);
    for (size_t i = 0; i < count; i++) {
        if (effects[i].kind != EFFECT_RELATION)
            continue;
        struct peer *peer = peers_find(federation, &effects[i].node);
        if (peer && peer->link)
            look_at_session(peer->link);
        if (!node_id_equal(&effects[i].node, self))
            continue;
        keylog->due = federation_now(federation);
        federation_due(federation, keylog->due);
    }
}

/* ---- frames ---- */

static bool may_tell(struct link *link, const struct node_id *node)
{
    bool shared = false;
    struct err err = {0};
    if (node_id_equal(node, &link->node))
        return true;
    return circle_share(link->federation->config.reader, &link->node, node, &shared, &err) &&
           shared;
}

/* R-DI-5: of this hub itself, and of nodes that both share a circle with. */
static bool on_resolve(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__Resolve *resolve = frame->resolve;
    struct federation *federation = link->federation;
    struct node_id node;
    if (!node_id_from(wire_bytes(resolve->node), &node))
        return err_set(err, ERR_PEER, "asks for keys of no hub");
    if (++counted(link)->resolves > RESOLVES_MAX || link_backlog(link) > BACKLOG_MAX)
        return true; /* not answered: it asks again when it needs it */
    if (node_id_equal(&node, identity_node(federation->config.self))) {
        send_own(link, resolve->after_seq);
        return true;
    }
    struct bytes *events = NULL, beacon = {0};
    size_t count = 0;
    struct err why = {0};
    if (may_tell(link, &node) &&
        (!node_keys_events(federation->config.reader, federation->arena, &node, resolve->after_seq,
                           &events, &count, &why) ||
         !node_keys_beacon(federation->config.reader, federation->arena, &node, &beacon, &why)))
        log_line(LOG_ERROR, "could not read a key log reason=\"%s\"", why.msg);
    send_log(link, &node, count ? resolve->after_seq + 1 : 0, events, count, beacon);
    return true;
}

/* Logs that are of use here: of the peer, of our other peers, of members of our circles. */
static bool is_wanted(struct link *link, const struct node_id *node)
{
    struct federation *federation = link->federation;
    const struct node_id *self = identity_node(federation->config.self);
    bool shared = false;
    struct err err = {0};
    if (node_id_equal(node, self))
        return false;
    if (node_id_equal(node, &link->node) || peers_find(federation, node))
        return true;
    return circle_share(federation->config.reader, self, node, &shared, &err) && shared;
}

/* Adds a frame to the log that is coming in; false: it begins a new one or does not fit. */
static bool gather(struct keylog_link *mine, const struct node_id *node,
                   const Maillon__Hfp__V1__KeyLog *log, struct err *err)
{
    if (!node_id_equal(&mine->of, node) || log->first_seq != mine->next_seq)
        mine->parts.len = 0;
    mine->of = *node;
    for (size_t i = 0; i < log->n_event; i++) {
        if (mine->parts.len + log->event[i].len + 4 > KEL_BYTES_MAX + 4 * KEL_EVENTS_MAX)
            return err_set(err, ERR_PEER, "key log is longer than %d bytes", KEL_BYTES_MAX);
        buf_add_u32le(&mine->parts, (uint32_t)log->event[i].len);
        buf_add(&mine->parts, log->event[i].data, log->event[i].len);
    }
    mine->next_seq = log->first_seq + log->n_event;
    return true;
}

static bool on_key_log(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__KeyLog *log = frame->key_log;
    struct keylog_link *mine = counted(link);
    struct node_id node;
    if (!node_id_from(wire_bytes(log->node), &node))
        return err_set(err, ERR_PEER, "keys of no hub");
    if (log->n_event > KEL_EVENTS_MAX || (log->n_event && !log->first_seq))
        return err_set(err, ERR_PEER, "key log with %zu events", log->n_event);
    if (++mine->logs > LOGS_MAX || !is_wanted(link, &node))
        return true;
    if (!gather(mine, &node, log, err))
        return false;
    if (log->more)
        return true;
    struct news *news = news_create(link, &node);
    news->events = mine->parts;
    mine->parts = (struct buf){0};
    mine->next_seq = 0;
    if (log->beacon.len && log->beacon.len <= OBJECT_BEACON_MAX)
        buf_add(&news->beacon, log->beacon.data, log->beacon.len);
    exchange_submit(link->federation->config.exchange, &news->action);
    return true;
}

/* ---- what they could not open ---- */

struct reseal {
    struct action action;
    struct federation *federation;
    struct node_id node;
    struct oid sealed_id;
};

static bool reseal_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct reseal *reseal = list_entry(action, struct reseal, action);
    return outbox_reseal_sent(tx, &reseal->node, &reseal->sealed_id, err);
}

static void reseal_done(struct action *action, const struct err *err)
{
    struct reseal *reseal = list_entry(action, struct reseal, action);
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not seal an object again reason=\"%s\"", err->msg);
    reseal->federation->busy--;
    free(reseal);
}

void keylog_reseal(struct link *link, const struct oid *sealed_id)
{
    if (++link->reseals > RESEALS_MAX)
        return;
    struct reseal *reseal = mem_alloc(sizeof *reseal);
    reseal->action = (struct action){.apply = reseal_apply, .done = reseal_done};
    reseal->federation = link->federation;
    reseal->node = link->node;
    reseal->sealed_id = *sealed_id;
    link->federation->busy++;
    exchange_submit(link->federation->config.exchange, &reseal->action);
}

/* ---- time ---- */

static bool upkeep_apply(struct tx *tx, struct action *action, struct err *err)
{
    (void)action;
    return own_keys_tick(tx, err);
}

static void upkeep_done(struct action *action, const struct err *err)
{
    struct keylog *keylog = list_entry(action, struct keylog, upkeep);
    keylog->running = false;
    keylog->federation->busy--;
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "upkeep of keys failed reason=\"%s\"", err->msg);
}

/* New events go out at once, the beacon daily. */
static void tell(struct keylog *keylog, struct link *link, bool grown, struct mono now)
{
    const struct identity *self = keylog->federation->config.self;
    struct keylog_link *mine = side(link);
    if (grown && mine->told < identity_kel(self)->seq)
        send_own(link, mine->told);
    if (now.us < mine->beacon_due.us || link_backlog(link) > BACKLOG_MAX)
        return;
    mine->beacon_due = mono_after_ms(now, BEACON_MS);
    send_log(link, identity_node(self), 0, NULL, 0, beacon_of(keylog));
}

static void tell_all(struct keylog *keylog, struct mono now)
{
    struct federation *federation = keylog->federation;
    const struct kel *kel = identity_kel(federation->config.self);
    bool grown = !oid_equal(&kel->head, &keylog->head);
    list_each_safe (item, next, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        if (link->phase != LINK_UP || !link->peer || !link->trafficking)
            continue;
        warn_age(link);
        look_at_session(link);
        if (link->phase == LINK_UP && link->state_received && feature_on(link, FEATURE_KEYS))
            tell(keylog, link, grown, now);
    }
    keylog->head = kel->head;
}

static struct mono tick(struct federation *federation, struct mono now)
{
    struct keylog *keylog = federation->features[FEATURE_KEYS];
    if (federation->stopping)
        return MONO_NEVER;
    if (now.us < keylog->due.us)
        return keylog->due;
    keylog->due = mono_after_ms(now, UPKEEP_MS);
    tell_all(keylog, now);
    if (!keylog->running) {
        keylog->running = true;
        federation->busy++;
        keylog->upkeep = (struct action){.apply = upkeep_apply, .done = upkeep_done};
        exchange_submit(federation->config.exchange, &keylog->upkeep);
    }
    return keylog->due;
}

static void *create(struct federation *federation, struct err *err)
{
    (void)err;
    struct keylog *keylog = mem_alloc(sizeof *keylog);
    keylog->federation = federation;
    keylog->head = identity_kel(federation->config.self)->head;
    keylog->due = mono_after_ms(federation_now(federation), UPKEEP_SOON_MS);
    federation_due(federation, keylog->due);
    return keylog;
}

static void destroy(void *state)
{
    struct keylog *keylog = state;
    buf_done(&keylog->beacon);
    free(keylog);
}

static const struct feature_frame frames[] = {
    {MAILLON__HFP__V1__FRAME__M_RESOLVE, on_resolve},
    {MAILLON__HFP__V1__FRAME__M_KEY_LOG, on_key_log},
};

const struct feature feature_keys = {
    .name = "keys",
    .create = create,
    .free = destroy,
    .fill_state = fill_state,
    .begin = begin,
    .end = end,
    .committed = committed,
    .tick = tick,
    .frames = frames,
    .frame_count = ARRAY_LEN(frames),
};
