/* Who relays for whom, and what is held (proto/maillon/api/v1/relays.proto). */
#include "hub/api/rpc.h"
#include "hub/domain/card.h"
#include "hub/domain/relation.h"
#include "hub/domain/relay.h"
#include "hub/outbox/outbox.h"
#include "maillon/api/v1/relays.pb-c.h"

#define SERVICE &maillon__api__v1__relays__descriptor

typedef Maillon__Api__V1__Relay relay_message;
typedef Maillon__Api__V1__ListRelaysResponse list_message;

static bool is_connected(struct call *call, const struct node_id *node)
{
    const struct live *live = &call->env->live;
    struct live_peer now = {0};
    return live->peer && live->peer(live->ctx, node, &now) && now.connected;
}

static bool fill(struct call *call, const struct relay_peer *peer, const char *name,
                 const struct relay_held *held, size_t held_count, relay_message *out,
                 struct err *err)
{
    static const char *const duties[] = {"", "allowed", "refused"};
    char id[NODE_ID_TEXT];
    uint64_t waiting;
    if (!outbox_relay_count(call->store, &peer->node, &waiting, err))
        return false;
    out->id = rpc_text(call, node_id_text(&peer->node, id));
    out->name = rpc_text(call, name);
    out->connected = is_connected(call, &peer->node);
    out->duty = rpc_text(call, duties[peer->duty]);
    out->relays_for = peer->relays_for;
    for (size_t i = 0; i < held_count; i++) {
        if (!node_id_equal(&held[i].dest, &peer->node))
            continue;
        out->held = (uint32_t)held[i].blobs;
        out->held_bytes = (uint64_t)held[i].bytes;
        out->held_since = rpc_time(call, held[i].oldest_ms);
    }
    out->home = peer->is_home;
    out->granted = peer->granted;
    out->waiting = (uint32_t)waiting;
    out->suspect = peer->suspect;
    out->dials_only = peer->dials_only;
    out->homes = (uint32_t)peer->home_count;
    return true;
}

static bool run_list(struct call *call, const void *in, void **out, struct err *err)
{
    struct relay_peer *peers;
    struct relay_held *held;
    struct card card;
    size_t count, held_count;
    (void)in;
    if (!relay_peers(call->store, call->arena, call->now, &peers, &count, err) ||
        !relay_held(call->store, call->arena, &held, &held_count, err) ||
        !card_read(call->store, &card, err))
        return false;
    list_message *answer = rpc_message(call, &maillon__api__v1__list_relays_response__descriptor);
    answer->relay = (relay_message **)rpc_array(call, count);
    answer->dials_only = card.version && card.route_count == 0;
    for (size_t i = 0; i < count; i++) {
        struct relation relation;
        bool found;
        relay_message *relay = rpc_message(call, &maillon__api__v1__relay__descriptor);
        if (!relation_find(call->store, &peers[i].node, &found, &relation, err) ||
            !fill(call, &peers[i], found ? relation.name : "", held, held_count, relay, err))
            return false;
        answer->home_relays += peers[i].is_home && peers[i].granted;
        answer->relay[answer->n_relay++] = relay;
    }
    *out = answer;
    return true;
}

/** Finds the peer that a request names, changes it, answers how it stands. */
static bool change(struct call *call, const void *in, void **out,
                   bool (*apply)(struct tx *tx, const struct node_id *node, struct err *err),
                   struct err *err)
{
    const Maillon__Api__V1__RelayRequest *request = in;
    struct relation relation;
    struct relay_peer peer;
    struct relay_held *held;
    size_t held_count;
    if (!relation_resolve(call->store, request->id, &relation, err))
        return false;
    call->tx->actor = call->caller.name[0] ? call->caller.name : NULL;
    bool changed = apply(call->tx, &relation.node, err);
    call->tx->actor = NULL;
    if (!changed || !relay_peer_find(call->store, &relation.node, call->now, &peer, err) ||
        !relay_held(call->store, call->arena, &held, &held_count, err))
        return false;
    relay_message *answer = rpc_message(call, &maillon__api__v1__relay__descriptor);
    *out = answer;
    return fill(call, &peer, relation.name, held, held_count, answer, err);
}

static bool allow(struct tx *tx, const struct node_id *node, struct err *err)
{
    return relay_set_duty(tx, node, RELAY_DUTY_ALLOWED, err);
}

static bool refuse(struct tx *tx, const struct node_id *node, struct err *err)
{
    return relay_set_duty(tx, node, RELAY_DUTY_REFUSED, err);
}

static bool use(struct tx *tx, const struct node_id *node, struct err *err)
{
    return relay_set_home(tx, node, true, err);
}

static bool stop(struct tx *tx, const struct node_id *node, struct err *err)
{
    return relay_set_home(tx, node, false, err);
}

static bool run_allow(struct call *call, const void *in, void **out, struct err *err)
{
    return change(call, in, out, allow, err);
}

static bool run_refuse(struct call *call, const void *in, void **out, struct err *err)
{
    return change(call, in, out, refuse, err);
}

static bool run_use(struct call *call, const void *in, void **out, struct err *err)
{
    return change(call, in, out, use, err);
}

static bool run_stop(struct call *call, const void *in, void **out, struct err *err)
{
    return change(call, in, out, stop, err);
}

const struct method methods_relays[] = {
    {SERVICE, "List", ROLE_ADMIN, METHOD_READ, run_list, NULL},
    {SERVICE, "Allow", ROLE_ADMIN, METHOD_WRITE, run_allow, NULL},
    {SERVICE, "Refuse", ROLE_ADMIN, METHOD_WRITE, run_refuse, NULL},
    {SERVICE, "Use", ROLE_ADMIN, METHOD_WRITE, run_use, NULL},
    {SERVICE, "Stop", ROLE_ADMIN, METHOD_WRITE, run_stop, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
