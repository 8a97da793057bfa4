#include "federation/federation_internal.h"
#include "federation/relay.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"
#include "hub/outbox/journal.h"
#include "hub/outbox/outbox.h"
#include "hub/outbox/retry.h"
#include <stdlib.h>

#define ACK_FLUSH_MS \
    50 /* acks are written together: a lost one costs a repeated object, nothing else */
#define VIOLATIONS_MAX 3
#define VIOLATIONS_MS  600000
#define BAR_MS_MAX     86400000
#define DIALS_AT_ONCE  16

/** Node ids are hashes: any of their bytes will do. */
static struct list *bucket(struct federation *federation, const struct node_id *node)
{
    uint32_t hash;
    memcpy(&hash, node->b, sizeof hash);
    return &federation->peers_by_node[hash % LOOKUP_BUCKETS];
}

struct peer *peers_find(struct federation *federation, const struct node_id *node)
{
    list_each (item, bucket(federation, node)) {
        struct peer *peer = list_entry(item, struct peer, by_node);
        if (node_id_equal(&peer->relation.node, node))
            return peer;
    }
    return NULL;
}

static struct peer *add(struct federation *federation, const struct relation *relation)
{
    struct peer *peer = mem_alloc(sizeof *peer);
    peer->relation = *relation;
    peer->next_dial = federation_now(federation);
    budget_init(&peer->budget, federation->config.config, peer->next_dial);
    pthread_mutex_lock(&federation->live_mutex);
    list_add_tail(&federation->peers, &peer->in_federation);
    list_add_tail(bucket(federation, &relation->node), &peer->by_node);
    pthread_mutex_unlock(&federation->live_mutex);
    federation_due(federation, peer->next_dial);
    return peer;
}

/* It was one of other rules. */
static void forget_failure(struct federation *federation, struct peer *peer)
{
    pthread_mutex_lock(&federation->live_mutex);
    peer->live.dial_failed_ms = 0;
    peer->live.last_error[0] = '\0';
    pthread_mutex_unlock(&federation->live_mutex);
}

struct peer *peers_reload(struct federation *federation, const struct node_id *node)
{
    struct relation *relation = mem_alloc(sizeof *relation);
    struct peer *peer = peers_find(federation, node);
    struct err err = {0};
    bool found = false;
    if (!relation_find(federation->config.reader, node, &found, relation, &err) ||
        (found && !relation_read_kel(federation->config.reader, relation, &err)))
        log_line(LOG_ERROR, "could not read a relation reason=\"%s\"", err.msg);
    if (found && peer) {
        bool may_go_elsewhere = peer->relation.local != relation->local;
        bool goes_as_before = policy_dials(&peer->relation) && !may_go_elsewhere;
        peer->relation = *relation;
        if (may_go_elsewhere)
            forget_failure(federation, peer);
        if (!goes_as_before && policy_dials(relation)) { /* just joined, accepted, or local: now */
            peer->next_dial = peer->not_before = federation_now(federation);
            peer->attempts = 0;
            federation_due(federation, peer->next_dial);
        }
    } else if (found) {
        peer = add(federation, relation);
    }
    free(relation);
    return peer;
}

/** A hub that many know does not dial all of them in one breath after a restart (F32). */
static struct mono first_dial(struct federation *federation, size_t peers)
{
    struct mono now = federation_now(federation);
    int64_t window_ms = (int64_t)peers * 1000 / FEDERATION_DRAIN_PER_S;
    if (peers <= DIALS_AT_ONCE)
        return now;
    if (window_ms > FEDERATION_DRAIN_MAX_S * 1000)
        window_ms = FEDERATION_DRAIN_MAX_S * 1000;
    return mono_after_ms(now,
                         (int64_t)random_below(federation->config.random, (uint64_t)window_ms));
}

bool peers_load(struct federation *federation, struct err *err)
{
    struct relation *list;
    size_t count;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    if (!relation_list(federation->config.reader, arena, &list, &count, err))
        return err_wrap(err, "load relations");
    for (size_t i = 0; i < count; i++) {
        if (!relation_read_kel(federation->config.reader, &list[i], err))
            return err_wrap(err, "load relations");
        add(federation, &list[i])->next_dial = first_dial(federation, count);
    }
    return true;
}

void peers_free(struct federation *federation)
{
    list_each_safe (item, next, &federation->peers) {
        list_remove(item);
        free(list_entry(item, struct peer, in_federation));
    }
}

void peers_publish(struct federation *federation, struct peer *peer, const char *error)
{
    struct wall now = clock_wall(federation->config.clock);
    int64_t wait_us = peer->next_dial.us - federation_now(federation).us;
    pthread_mutex_lock(&federation->live_mutex);
    struct federation_peer *live = &peer->live;
    live->connected = peer->link != NULL;
    live->we_dialled = peer->link && peer->link->dialled;
    live->score = budget_score(&peer->budget, federation_now(federation));
    live->next_attempt_ms = peer->link || wait_us < 0 ? 0 : now.ms + wait_us / 1000;
    if (error)
        text_copy(live->last_error, sizeof live->last_error, error);
    pthread_mutex_unlock(&federation->live_mutex);
}

void peers_met(struct federation *federation, struct peer *peer, bool we_dialled)
{
    int64_t now_ms = clock_wall(federation->config.clock).ms;
    pthread_mutex_lock(&federation->live_mutex);
    if (we_dialled) {
        peer->live.dialled_ms = now_ms;
        peer->live.dial_failed_ms = 0;
    } else {
        peer->live.incoming_ms = now_ms;
    }
    pthread_mutex_unlock(&federation->live_mutex);
}

void peers_missed(struct federation *federation, struct peer *peer)
{
    int64_t now_ms = clock_wall(federation->config.clock).ms;
    pthread_mutex_lock(&federation->live_mutex);
    if (!peer->live.dial_failed_ms)
        peer->live.dial_failed_ms = now_ms;
    pthread_mutex_unlock(&federation->live_mutex);
}

void peers_schedule(struct peer *peer, struct federation *federation, uint32_t retry_after_s)
{
    struct wall now = clock_wall(federation->config.clock);
    if (!peer->silent_since_ms)
        peer->silent_since_ms = now.ms;
    int64_t silent_ms = now.ms - peer->silent_since_ms;
    int64_t delay_ms =
        retry_after_s
            ? (int64_t)retry_after_s * 1000
            : retry_delay_ms(federation_relay_is_home(federation, &peer->relation.node) ? RETRY_HOME
                             : silent_ms > 7 * 86400000LL ? RETRY_UNREACHABLE
                                                          : RETRY_RECONNECT,
                             peer->attempts, silent_ms, 0, federation->config.random);
    peer->attempts++;
    struct mono at = mono_after_ms(federation_now(federation), delay_ms);
    if (retry_after_s)
        peer->not_before = at;
    peer->next_dial = at.us > peer->not_before.us ? at : peer->not_before;
    federation_due(federation, peer->next_dial);
}

/* ---- dialling ---- */

static void dial(struct federation *federation, struct peer *peer)
{
    const struct relation *relation = &peer->relation;
    const struct transport *transport = &federation->config.transport;
    struct err err = {0};
    const char *url = relation->routes[peer->route++ % relation->route_count];
    struct link *link = link_create(federation, &relation->node, true);
    link->peer = NULL; /* set once it has proven who it is */
    peer->dialling = link;
    if (transport->dial(transport->ctx, link, url, relation->local, relation->tls_proxied, &err))
        return;
    federation_dial_failed(link, err.msg);
}

struct mono peers_tick(struct federation *federation, struct mono now)
{
    struct mono due = MONO_NEVER;
    unsigned dialling = 0;
    list_each (item, &federation->peers) {
        struct peer *peer = list_entry(item, struct peer, in_federation);
        if (peer->acks.dirty && !peer->acks.busy)
            peers_flush_acks(federation, peer);
        dialling += peer->dialling != NULL;
    }
    if (federation->stopping)
        return due;
    list_each (item, &federation->peers) {
        struct peer *peer = list_entry(item, struct peer, in_federation);
        if (peer->link || peer->dialling || !policy_dials(&peer->relation))
            continue;
        if (now.us < peer->next_dial.us) {
            due = mono_min(due, peer->next_dial);
        } else if (dialling < DIALS_AT_ONCE) {
            dialling++;
            dial(federation, peer);
        } else {
            due = mono_min(due, mono_after_ms(now, 100));
        }
    }
    return due;
}

/* ---- acks into the store ---- */

static bool ack_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct ack_flush *acks = list_entry(action, struct ack_flush, action);
    const struct node_id *node = &acks->peer->relation.node;
    for (unsigned lane = 0; lane < ARRAY_LEN(acks->writing); lane++) {
        if (!acks->writing[lane])
            continue;
        bool taken = lane == 2 ? journal_set_acked(tx, node, acks->writing[lane], err)
                               : outbox_on_ack(tx, node, lane, acks->writing[lane], err);
        if (taken)
            continue;
        if (err->code != ERR_PEER)
            return false;
        *err = (struct err){0}; /* beyond what this hub knows to have sent: it was restored */
        COUNT(tx->counters, refused_link, 1);
    }
    return true;
}

static void ack_done(struct action *action, const struct err *err)
{
    struct ack_flush *acks = list_entry(action, struct ack_flush, action);
    acks->busy = false;
    acks->federation->busy--;
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not record acks reason=\"%s\"", err->msg);
    if (acks->dirty)
        federation_due(acks->federation,
                       mono_after_ms(federation_now(acks->federation), ACK_FLUSH_MS));
}

void peers_flush_acks(struct federation *federation, struct peer *peer)
{
    struct ack_flush *acks = &peer->acks;
    acks->action = (struct action){.apply = ack_apply, .done = ack_done};
    acks->peer = peer;
    acks->federation = federation;
    memcpy(acks->writing, acks->seq, sizeof acks->writing);
    memset(acks->seq, 0, sizeof acks->seq);
    acks->busy = true;
    acks->dirty = false;
    federation->busy++;
    exchange_submit(federation->config.exchange, &acks->action);
}

/* ---- limits per peer (R-AB-5) ---- */

bool peers_take_tokens(struct federation *federation, struct peer *peer, unsigned n)
{
    return budget_take(&peer->budget, federation->config.config, federation_now(federation), n, 0);
}

bool peers_take_bytes(struct federation *federation, struct peer *peer, size_t bytes)
{
    return budget_take(&peer->budget, federation->config.config, federation_now(federation), 0,
                       bytes);
}

bool peers_in_debt(struct federation *federation, struct peer *peer)
{
    return budget_in_debt(&peer->budget, federation->config.config, federation_now(federation));
}

void peers_mark(struct federation *federation, struct peer *peer, double points)
{
    struct mono now = federation_now(federation);
    int64_t wall_ms = clock_wall(federation->config.clock).ms;
    budget_mark(&peer->budget, now, points);
    pthread_mutex_lock(&federation->live_mutex);
    peer->live.score = budget_score(&peer->budget, now);
    peer->live.marked_ms = wall_ms;
    if (points == BUDGET_OVER_RATE)
        peer->live.over_limit_ms = wall_ms;
    pthread_mutex_unlock(&federation->live_mutex);
}

void peers_claimed(struct federation *federation, struct peer *peer)
{
    int64_t now_ms = clock_wall(federation->config.clock).ms;
    pthread_mutex_lock(&federation->live_mutex);
    peer->live.claimed_ms = now_ms;
    pthread_mutex_unlock(&federation->live_mutex);
}

#define UNREAD_ASK_MS 30000 /* the sum walks the open referrals */

/** R-AB-5: what nobody here has looked at yet must not grow without end. */
static bool has_unread_room(struct federation *federation, struct peer *peer)
{
    int64_t most = federation->config.config->unread_bytes;
    struct mono now = federation_now(federation);
    struct err err = {0};
    uint64_t bytes;
    if (!most)
        return true;
    if (now.us >= peer->unread_at.us) {
        peer->unread_at = mono_after_ms(now, UNREAD_ASK_MS);
        if (referral_unread_bytes(federation->config.reader, &peer->relation.node, &bytes, &err))
            peer->unread_full = bytes >= (uint64_t)most;
        else
            log_line(LOG_ERROR, "could not sum unread bytes reason=\"%s\"", err.msg);
    }
    return !peer->unread_full;
}

bool peers_take_referral(struct federation *federation, struct peer *peer)
{
    bool fits =
        has_unread_room(federation, peer) &&
        budget_take_referral(&peer->budget, federation->config.config, federation_now(federation));
    if (!fits)
        peers_mark(federation, peer, BUDGET_OVER_RATE);
    return fits;
}

bool peers_violated(struct federation *federation, struct peer *peer)
{
    struct mono now = federation_now(federation);
    double before = budget_score(&peer->budget, now);
    peers_mark(federation, peer, BUDGET_VIOLATION);
    if (!peer->violations || now.us - peer->violations_since.us > VIOLATIONS_MS * 1000LL) {
        peer->violations = 0;
        peer->violations_since = now;
    }
    if (++peer->violations < VIOLATIONS_MAX)
        return false;
    if (before < BUDGET_VIOLATION)
        peer->bars = 0; /* a quiet day has wiped it out */
    int64_t bar_ms = (int64_t)PEERS_BAR_S * 1000 << (peer->bars < 11 ? peer->bars : 11);
    peer->bars++;
    peer->violations = 0;
    peer->barred_until = mono_after_ms(now, bar_ms < BAR_MS_MAX ? bar_ms : BAR_MS_MAX);
    return true;
}
