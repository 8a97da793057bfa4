#include "federation/federation_internal.h"
#include "federation/gathered.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include <arpa/inet.h>
#include <stdlib.h>

#define REFUSED_SAID_MS 10000
#define SCAN_MS         1000 /* pings and deadlines are seconds: look at every link at most this often */

static void on_commit(void *ctx, const struct effect *effects, size_t count);

struct federation *federation_create(const struct federation_config *config, struct err *err)
{
    struct federation *federation = mem_alloc(sizeof *federation);
    federation->config = *config;
    list_init(&federation->links);
    list_init(&federation->peers);
    list_init(&federation->gathered);
    for (size_t i = 0; i < LOOKUP_BUCKETS; i++) {
        list_init(&federation->links_by_id[i]);
        list_init(&federation->peers_by_node[i]);
    }
    pthread_mutex_init(&federation->live_mutex, NULL);
    random_fill(config->random, federation->address_key, sizeof federation->address_key);
    federation->frames = frame_cache_create();
    federation->arena = arena_create(0);
    federation->due = MONO_NEVER;
    if (!peers_load(federation, err)) {
        federation_free(federation);
        return NULL;
    }
    if (!features_create(federation, err)) {
        federation_free(federation);
        return NULL;
    }
    exchange_listen(config->exchange, on_commit, federation);
    return federation;
}

void federation_free(struct federation *federation)
{
    if (!federation)
        return;
    features_free(federation);
    gathered_free(federation);
    peers_free(federation);
    frame_cache_free(federation->frames);
    arena_free(federation->arena);
    pthread_mutex_destroy(&federation->live_mutex);
    free(federation);
}

/** R-SE-8: the peers of a large hub come back spread out; 0: few enough to come at once. */
static uint32_t drain_retry_s(struct federation *federation)
{
    size_t window_s = federation->link_count / FEDERATION_DRAIN_PER_S;
    if (window_s > FEDERATION_DRAIN_MAX_S)
        window_s = FEDERATION_DRAIN_MAX_S;
    return window_s ? 1 + (uint32_t)random_below(federation->config.random, window_s) : 0;
}

void federation_stop(struct federation *federation)
{
    federation->stopping = true;
    list_each_safe (item, next, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        if (link->conn)
            link_bye(link, 0, drain_retry_s(federation), LINK_CLOSE_GOING_AWAY);
    }
    list_each (item, &federation->peers) { /* what was acked is worth keeping */
        struct peer *peer = list_entry(item, struct peer, in_federation);
        if (peer->acks.dirty && !peer->acks.busy)
            peers_flush_acks(federation, peer);
    }
}

size_t federation_link_count(const struct federation *federation)
{
    return federation->link_count;
}

size_t federation_busy(const struct federation *federation)
{
    return federation->busy;
}

struct link *federation_find_link(struct federation *federation, uint64_t id)
{
    list_each (item, &federation->links_by_id[id % LOOKUP_BUCKETS]) {
        struct link *link = list_entry(item, struct link, by_id);
        if (link->id == id)
            return link;
    }
    return NULL;
}

/* ---- connections ---- */

/** One host often has all of an IPv6 /64: then that is the address. */
static struct bytes network_of(const char *address, struct in6_addr *space)
{
    if (!strchr(address, ':') || inet_pton(AF_INET6, address, space) != 1)
        return bytes_text(address);
    return bytes_of(space->s6_addr, 8);
}

/** R-SE-5: a bucket per remote address, before anything else is spent on it. */
static bool address_may_connect(struct federation *federation, const char *address)
{
    const struct config *config = federation->config.config;
    struct in6_addr space;
    uint8_t digest[32];
    digest_sha256_parts(
        (const struct bytes[]){bytes_of(federation->address_key, sizeof federation->address_key),
                               network_of(address, &space)},
        2, digest);
    uint64_t hash;
    memcpy(&hash, digest, sizeof hash);
    struct address_bucket *bucket = &federation->addresses[hash % ADDRESS_BUCKETS];
    int64_t now_us = federation_now(federation).us;
    double burst = (double)config->address_burst;
    if (!bucket->at_us) {
        *bucket = (struct address_bucket){.tokens = burst, .at_us = now_us};
    } else {
        bucket->tokens +=
            (double)(now_us - bucket->at_us) / 60e6 * (double)config->address_per_minute;
        bucket->at_us = now_us;
        if (bucket->tokens > burst)
            bucket->tokens = burst;
    }
    if (bucket->tokens < 1)
        return false;
    bucket->tokens -= 1;
    return true;
}

/** Counted each time, said at most every ten seconds: a flood must not fill the log too. */
static void note_refused(struct federation *federation)
{
    struct mono now = federation_now(federation);
    COUNT(federation->config.counters, refused_link, 1);
    if (now.us < federation->refused_said.us)
        return;
    federation->refused_said = mono_after_ms(now, REFUSED_SAID_MS);
    log_line(LOG_WARN,
             "connections refused reason=\"too many at once or from one address\" links=%zu "
             "half_open=%zu",
             federation->link_count, federation->half_open);
}

struct link *federation_incoming(struct federation *federation, void *conn,
                                 const struct carrier *carrier)
{
    const struct config *config = federation->config.config;
    if (federation->stopping ||
        federation->link_count >= (size_t)(config->max_links + config->max_half_open) ||
        federation->half_open >= (size_t)config->max_half_open ||
        !address_may_connect(federation, carrier->address)) {
        note_refused(federation);
        return NULL;
    }
    struct link *link = link_create(federation, NULL, false);
    link_begin(link, conn, carrier);
    return link;
}

void federation_dialled(struct link *link, void *conn, const struct carrier *carrier)
{
    if (link->federation->stopping) {
        link->conn = conn;
        link_bye(link, 0, 0, LINK_CLOSE_GOING_AWAY);
        return;
    }
    link_begin(link, conn, carrier);
}

void federation_dial_failed(struct link *link, const char *why)
{
    struct federation *federation = link->federation;
    struct peer *peer = peers_find(federation, &link->node);
    char id[NODE_ID_SHORT];
    log_line(LOG_INFO, "dial failed peer=%s reason=\"%s\"", node_id_short(&link->node, id), why);
    if (peer && peer->dialling == link) {
        peer->dialling = NULL;
        peers_schedule(peer, federation, 0);
        peers_missed(federation, peer);
        peers_publish(federation, peer, why);
    }
    link_free(link);
}

/* ---- what commits change ---- */

static void wake_lanes(struct link *link, unsigned first, unsigned last)
{
    for (unsigned lane = first; lane <= last; lane++)
        link->out[lane].more = true;
    link_wake(link);
}

static void wake_all_journals(struct federation *federation)
{
    list_each (item, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        if (link->phase == LINK_UP && link->trafficking)
            wake_lanes(link, 2, 2);
    }
}

static void relation_changed(struct federation *federation, const struct node_id *node)
{
    struct peer *peer = peers_reload(federation, node);
    if (!peer)
        return;
    if (peer->link) {
        link_relation_changed(peer->link);
        return;
    }
    list_each_safe (item, next, &federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        if (link->phase == LINK_UP && node_id_equal(&link->node, node))
            link_relation_changed(link);
    }
}

static void on_commit(void *ctx, const struct effect *effects, size_t count)
{
    struct federation *federation = ctx;
    bool journal = false;
    const struct node_id *woken = NULL, *reloaded = NULL; /* a group repeats the same peer often */
    for (size_t i = 0; i < count; i++) {
        const struct effect *effect = &effects[i];
        switch (effect->kind) {
        case EFFECT_OUTBOX:
            if (woken && node_id_equal(woken, &effect->node))
                break;
            woken = &effect->node;
            struct peer *peer = peers_find(federation, woken);
            if (peer && peer->link)
                wake_lanes(peer->link, 0, 1);
            break;
        case EFFECT_JOURNAL:
            journal = true;
            break;
        case EFFECT_RELATION:
            if (reloaded && node_id_equal(reloaded, &effect->node))
                break;
            reloaded = &effect->node;
            arena_reset(federation->arena);
            relation_changed(federation, reloaded);
            break;
        case EFFECT_AUDIT:
        case EFFECT_ATTACHMENT:
        case EFFECT_GOSSIP:
        case EFFECT_EVENT:
        case EFFECT_HELD:
            break;
        }
    }
    if (journal)
        wake_all_journals(federation);
    features_committed(federation, effects, count);
}

/* ---- time ---- */

static void ping(struct link *link, struct mono now)
{
    Maillon__Hfp__V1__Ping body = MAILLON__HFP__V1__PING__INIT;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PING;
    frame.ping = &body;
    link->ping_due = mono_after_ms(now, link->federation->config.config->ping_s * 1000);
    link_send(link, 0, &frame);
}

/** Gives credit back once the peer's bucket has refilled. */
static void restore_credit(struct link *link)
{
    for (unsigned lane = 1; lane < 3; lane++) {
        if (!link->in[lane].stopped || !peers_take_tokens(link->federation, link->peer, 0))
            continue;
        Maillon__Hfp__V1__Credit credit = MAILLON__HFP__V1__CREDIT__INIT;
        credit.objects = LINK_WINDOW_OBJECTS;
        Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
        frame.m_case = MAILLON__HFP__V1__FRAME__M_CREDIT;
        frame.credit = &credit;
        link->in[lane].stopped = false;
        link_send(link, lane, &frame);
    }
}

/** Objects are in flight and nothing was acked for long: a new session starts from the peer's
 * cursor. */
static bool is_stuck(const struct link *link, struct mono now)
{
    int64_t patience_us = link->federation->config.config->ping_s * 2500000;
    for (size_t i = 0; i < ARRAY_LEN(link->out); i++) {
        if (link->out[i].in_flight && now.us - link->out[i].progress.us > patience_us)
            return true;
    }
    return false;
}

static struct mono tick_link(struct link *link, struct mono now)
{
    struct federation *federation = link->federation;
    const struct transport *transport = &federation->config.transport;
    if (now.us >= link->deadline.us) {
        struct err err = {0};
        if (link->phase == LINK_UP) { /* R-SE-7 */
            err_set(&err, ERR_IO, "peer is silent");
            if (link->peer)
                peers_publish(federation, link->peer, err.msg);
            link_bye(link, 0, 0, LINK_CLOSE_GOING_AWAY);
        } else if (link->phase != LINK_CLOSING && link->conn) {
            err_set(&err, ERR_PEER, "proof did not come in time");
            link_violation(link, &err);
        } else if (link->conn) { /* the peer does not answer our close */
            transport->close(transport->ctx, link->conn, 0);
        }
        link->deadline = mono_after_ms(now, LINK_HANDSHAKE_MS);
        return link->deadline;
    }
    if (link->phase != LINK_UP)
        return link->deadline;
    if (is_stuck(link, now)) {
        link_bye(link, 4, 0, LINK_CLOSE_TRY_LATER);
        return mono_after_ms(now, SCAN_MS);
    }
    if (now.us >= link->ping_due.us)
        ping(link, now);
    if (link->peer)
        restore_credit(link);
    if (link->held)
        inbound_hold(link);
    bool stopped = link->held || link->in[1].stopped || link->in[2].stopped;
    return stopped ? mono_after_ms(now, SCAN_MS) : mono_min(link->deadline, link->ping_due);
}

struct mono federation_tick(struct federation *federation, struct mono now)
{
    if (now.us < federation->due.us)
        return federation->due;
    arena_reset(federation->arena);
    federation->due = MONO_NEVER;
    struct mono due = MONO_NEVER;
    list_each_safe (item, next, &federation->links)
        due = mono_min(due, tick_link(list_entry(item, struct link, in_federation), now));
    if (due.us < now.us + SCAN_MS * 1000)
        due.us = now.us + SCAN_MS * 1000;
    federation_due(federation, due);
    federation_due(federation, peers_tick(federation, now));
    federation_due(federation, features_tick(federation, now));
    return federation->due;
}

/* ---- what the API shows ---- */

bool federation_peer(struct federation *federation, const struct node_id *node,
                     struct federation_peer *ret)
{
    bool found = false;
    pthread_mutex_lock(&federation->live_mutex);
    const struct peer *peer = peers_find(federation, node);
    found = peer != NULL;
    if (found)
        *ret = peer->live;
    pthread_mutex_unlock(&federation->live_mutex);
    return found;
}

void federation_retry(struct federation *federation, const struct node_id *node)
{
    struct mono now = federation_now(federation);
    list_each (item, &federation->peers) {
        struct peer *peer = list_entry(item, struct peer, in_federation);
        if (node && !node_id_equal(&peer->relation.node, node))
            continue;
        peer->next_dial = peer->not_before = now;
        peer->attempts = 0;
    }
    federation_due(federation, now);
}
