/* Who relays for whom: what is known, what is told, what peers tell. */
#include "federation/policy.h"
#include "federation/relay_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/digest.h"
#include "hub/crypto/wire.h"
#include "hub/domain/relation.h"
#include <stdlib.h>

#define HOMES_TEXT_MAX 256
#define GRANTED_MS     60000

/* ---- who relays for whom ---- */

void relay_look(struct relay *relay, struct mono at)
{
    relay->next = mono_min(relay->next, at);
    federation_due(relay->federation, at);
}

const struct relay_known *relay_known_find(const struct relay *relay, const struct node_id *node)
{
    list_each (item, &relay->known) {
        struct relay_known *known = list_entry(item, struct relay_known, in_relay);
        if (node_id_equal(&known->peer.node, node))
            return known;
    }
    return NULL;
}

static bool matters(const struct relay_peer *peer)
{
    return peer->relays_for || peer->is_home || peer->granted || peer->dials_only ||
           peer->home_count || peer->suspect;
}

void relay_know(struct relay *relay, const struct relay_peer *peer)
{
    const struct relay_known *found = relay_known_find(relay, &peer->node);
    struct relay_known *known = (struct relay_known *)(uintptr_t)found;
    if (!matters(peer)) {
        if (known) {
            list_remove(&known->in_relay);
            free(known);
        }
        return;
    }
    if (!known) {
        known = mem_alloc(sizeof *known);
        list_add_tail(&relay->known, &known->in_relay);
    }
    known->peer = *peer;
}

void relay_reload(struct relay *relay, const struct node_id *node)
{
    struct federation *federation = relay->federation;
    struct relay_peer peer;
    struct err err = {0};
    if (relay_peer_find(federation->config.reader, node, clock_wall(federation->config.clock),
                        &peer, &err))
        relay_know(relay, &peer);
    else
        log_line(LOG_ERROR, "could not read what a peer relays reason=\"%s\"", err.msg);
}

bool federation_relay_is_home(struct federation *federation, const struct node_id *node)
{
    struct relay *relay = relay_of(federation);
    const struct relay_known *known = relay ? relay_known_find(relay, node) : NULL;
    return known && known->peer.is_home;
}

struct link *relay_session(struct federation *federation, const struct node_id *node)
{
    struct peer *peer = peers_find(federation, node);
    struct link *link = peer ? peer->link : NULL;
    bool open = link && link->phase == LINK_UP && link->trafficking && link->state_received &&
                feature_on(link, FEATURE_RELAY) && relay_link_of(link);
    return open ? link : NULL;
}

void relay_mark(struct federation *federation, const struct node_id *injector)
{
    struct peer *peer = peers_find(federation, injector);
    if (peer)
        peers_mark(federation, peer, BUDGET_BAD_OBJECT);
}

void relay_blame(struct federation *federation, const struct node_id *injector)
{
    struct peer *peer = peers_find(federation, injector);
    relay_mark(federation, injector);
    if (peer && peers_violated(federation, peer) && peer->link)
        link_bye(peer->link, 2, PEERS_BAR_S, LINK_CLOSE_POLICY);
}

/* ---- telling whom this hub relays for ---- */

bool relay_carries_with(const struct relay *relay, const struct node_id *node)
{
    const struct peer *peer = peers_find(relay->federation, node);
    return peer && policy_allows(&peer->relation, FLOW_RELAY);
}

bool relay_for(const struct relay *relay, const struct node_id *node)
{
    const struct relay_known *known = relay_known_find(relay, node);
    return known && known->peer.relays_for && relay_carries_with(relay, node);
}

void relay_tell_duty(struct link *link)
{
    struct federation *federation = link->federation;
    struct relay *relay = relay_of(federation);
    struct relay_link *state = relay_link_of(link);
    Maillon__Hfp__V1__RelayDuty duty = MAILLON__HFP__V1__RELAY_DUTY__INIT;
    ProtobufCBinaryData list[RELAY_TAGS_MAX];
    uint8_t tags[RELAY_TAGS_MAX][RELAY_TAG_BYTES], digest[32];
    duty.for_you = relay_for(relay, &link->node);
    duty.tag = list;
    list_each (item, &relay->known) {
        const struct relay_peer *peer = &list_entry(item, struct relay_known, in_relay)->peer;
        if (node_id_equal(&peer->node, &link->node) || duty.n_tag == RELAY_TAGS_MAX ||
            !relay_for(relay, &peer->node))
            continue;
        relay_tag(link, &peer->node, tags[duty.n_tag]);
        list[duty.n_tag] = wire_data(bytes_of(tags[duty.n_tag], RELAY_TAG_BYTES));
        duty.n_tag++;
    }
    uint8_t for_you = duty.for_you ? 1 : 0;
    digest_sha256_parts((const struct bytes[]){bytes_of(&for_you, 1),
                                               bytes_of(tags[0], duty.n_tag * RELAY_TAG_BYTES)},
                        2, digest);
    bool nothing_yet = !duty.for_you && !duty.n_tag && !state->told_for_you;
    if (memcmp(digest, state->told, sizeof digest) == 0 || nothing_yet)
        return;
    memcpy(state->told, digest, sizeof digest);
    state->told_for_you = true;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_RELAY_DUTY;
    frame.relay_duty = &duty;
    link_send(link, 0, &frame);
}

void relay_tell_all(struct relay *relay)
{
    list_each (item, &relay->federation->links) {
        struct link *link = list_entry(item, struct link, in_federation);
        if (relay_link_of(link) && link->phase == LINK_UP && link->trafficking)
            relay_tell_duty(link);
    }
}

struct granted_action {
    struct action action;
    struct federation *federation;
    struct node_id node;
    bool granted;
};

static bool granted_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct granted_action *granted = list_entry(action, struct granted_action, action);
    return relay_set_granted(tx, &granted->node, granted->granted, err);
}

static void granted_done(struct action *action, const struct err *err)
{
    struct granted_action *granted = list_entry(action, struct granted_action, action);
    if (err->code != ERR_NONE)
        log_line(LOG_WARN, "could not note who relays reason=\"%s\"", err->msg);
    granted->federation->busy--;
    free(granted);
}

void relay_note_granted(struct link *link, bool granted)
{
    struct relay *relay = relay_of(link->federation);
    const struct relay_known *known = relay_known_find(relay, &link->node);
    struct relay_link *state = relay_link_of(link);
    struct mono now = federation_now(link->federation);
    state->for_us = granted;
    if ((known && known->peer.granted) == granted || now.us < state->granted_after.us)
        return; /* each change is told to everybody: what flickers is looked at later */
    state->granted_after = mono_after_ms(now, GRANTED_MS);
    struct granted_action *action = mem_alloc(sizeof *action);
    action->action = (struct action){.apply = granted_apply, .done = granted_done};
    action->federation = link->federation;
    action->node = link->node;
    action->granted = granted;
    link->federation->busy++;
    exchange_submit(link->federation->config.exchange, &action->action);
}

void relay_set_tags(struct relay *relay, struct relay_link *state,
                    const Maillon__Hfp__V1__RelayDuty *duty)
{
    relay->tags -= state->tag_count;
    free(state->tags);
    state->tags = duty && duty->n_tag ? mem_alloc(duty->n_tag * sizeof *state->tags) : NULL;
    state->tag_count = duty ? duty->n_tag : 0;
    for (size_t i = 0; i < state->tag_count; i++)
        memcpy(state->tags[i], duty->tag[i].data, RELAY_TAG_BYTES);
    relay->tags += state->tag_count;
}

bool relay_on_duty(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err)
{
    const Maillon__Hfp__V1__RelayDuty *duty = frame->relay_duty;
    struct relay *relay = relay_of(link->federation);
    if (!relay_link_of(link))
        return true;
    if (duty->n_tag > RELAY_TAGS_MAX)
        return err_set(err, ERR_PEER, "relays for %zu hubs", duty->n_tag);
    for (size_t i = 0; i < duty->n_tag; i++) {
        if (duty->tag[i].len != RELAY_TAG_BYTES)
            return err_set(err, ERR_PEER, "relay duty is malformed");
    }
    relay_set_tags(relay, relay_link_of(link), duty);
    relay_note_granted(link, duty->for_you);
    relay_look(relay, federation_now(link->federation));
    return true;
}

/* ---- the config option "home-relays" ---- */

struct homes_action {
    struct action action;
    struct federation *federation;
    char list[HOMES_TEXT_MAX];
};

static bool homes_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct homes_action *homes = list_entry(action, struct homes_action, action);
    for (char *rest = homes->list, *name; (name = strsep(&rest, ","));) {
        struct relation relation;
        struct err why = {0};
        name += strspn(name, " ");
        if (!*name)
            continue;
        if (relation_resolve(tx->store, name, &relation, &why) &&
            relay_set_home(tx, &relation.node, true, &why))
            continue;
        if (why.code == ERR_IO) {
            *err = why;
            return false;
        }
        log_line(LOG_WARN, "home-relays: one of them is not used reason=\"%s\"", why.msg);
    }
    return true;
}

static void homes_done(struct action *action, const struct err *err)
{
    struct homes_action *homes = list_entry(action, struct homes_action, action);
    if (err->code != ERR_NONE)
        log_line(LOG_ERROR, "could not note home relays reason=\"%s\"", err->msg);
    homes->federation->busy--;
    free(homes);
}

void relay_read_homes(struct relay *relay)
{
    struct federation *federation = relay->federation;
    relay->homes_read = true;
    if (!federation->config.config->home_relays[0] || federation->stopping)
        return;
    struct homes_action *homes = mem_alloc(sizeof *homes);
    homes->action = (struct action){.apply = homes_apply, .done = homes_done};
    homes->federation = federation;
    text_copy(homes->list, sizeof homes->list, federation->config.config->home_relays);
    federation->busy++;
    exchange_submit(federation->config.exchange, &homes->action);
}
