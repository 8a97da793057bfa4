/* The frames by which two hubs tell each other what they have decided (R-DI-4). */
#include "federation/federation_internal.h"

#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"
#include <stdlib.h>

#define RELATION_FRAMES_MAX 64 /* of one session; each costs a commit */

static const Maillon__Hfp__V1__PeerDecision told_as[] = {
    [DECISION_NONE] = MAILLON__HFP__V1__PEER_DECISION__PEER_DECISION_WAITING,
    [DECISION_WAITING] = MAILLON__HFP__V1__PEER_DECISION__PEER_DECISION_WAITING,
    [DECISION_ACCEPTED] = MAILLON__HFP__V1__PEER_DECISION__PEER_DECISION_ACCEPTED,
    [DECISION_PAUSED] = MAILLON__HFP__V1__PEER_DECISION__PEER_DECISION_PAUSED,
    [DECISION_BLOCKED] = MAILLON__HFP__V1__PEER_DECISION__PEER_DECISION_REFUSED,
    [DECISION_REFUSED] = MAILLON__HFP__V1__PEER_DECISION__PEER_DECISION_REFUSED,
    [DECISION_LEFT] = MAILLON__HFP__V1__PEER_DECISION__PEER_DECISION_LEFT,
};

static void send_answer(struct link *link, enum decision decision)
{
    Maillon__Hfp__V1__PeerAnswer answer = MAILLON__HFP__V1__PEER_ANSWER__INIT;
    answer.decision = told_as[decision];
    /* Copied by packing: protobuf-c wants a char pointer and never writes through it. */
    answer.name = arena_text(link->federation->arena, link->federation->config.config->name);
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PEER_ANSWER;
    frame.peer_answer = &answer;
    link_send(link, 0, &frame);
    link->told = decision;
}

static void send_request(struct link *link)
{
    const struct relation *relation = &link->peer->relation;
    const struct config *config = link->federation->config.config;
    struct arena *arena = link->federation->arena;
    Maillon__Hfp__V1__PeerRequest request = MAILLON__HFP__V1__PEER_REQUEST__INIT;
    char *route = arena_text(arena, config->url);
    request.name = arena_text(arena, config->name);
    request.text = arena_text(arena, relation->greeting);
    if (relation->has_invite)
        request.invite = wire_data(bytes_of(relation->invite, INVITE_BYTES));
    request.route = &route;
    request.n_route = config->url[0] != 0;
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PEER_REQUEST;
    frame.peer_request = &request;
    link_send(link, 0, &frame);
    link->asked = true;
}

static void send_state(struct link *link)
{
    struct federation *federation = link->federation;
    Maillon__Hfp__V1__Cursor cursors[3], *list[3];
    uint64_t credit[3];
    struct err err = {0};
    for (unsigned lane = 0; lane < 3; lane++) {
        if (!outbox_rx_cursor(federation->config.reader, &link->node, lane, &link->in[lane].cursor,
                              &err)) {
            log_line(LOG_ERROR, "could not read cursors reason=\"%s\"", err.msg);
            link_bye(link, 4, 5, LINK_CLOSE_TRY_LATER);
            return;
        }
        link->in[lane].told = link->in[lane].cursor;
        maillon__hfp__v1__cursor__init(&cursors[lane]);
        cursors[lane].lane = lane;
        cursors[lane].link_seq = link->in[lane].cursor;
        list[lane] = &cursors[lane];
        credit[lane] = LINK_WINDOW_OBJECTS;
    }
    Maillon__Hfp__V1__State state = MAILLON__HFP__V1__STATE__INIT;
    state.rx = list;
    state.n_rx = ARRAY_LEN(list);
    state.credit = credit;
    state.n_credit = ARRAY_LEN(credit);
    state.kel_head = wire_data(oid_bytes(&link->peer->relation.kel.head));
    state.clock_ms = (uint64_t)clock_wall(federation->config.clock).ms;
    features_fill_state(link, &state, federation->arena);
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    frame.m_case = MAILLON__HFP__V1__FRAME__M_STATE;
    frame.state = &state;
    link->trafficking = true;
    link_send(link, 0, &frame);
}

void link_state_again(struct link *link)
{
    if (link->phase == LINK_UP && link->trafficking)
        send_state(link);
}

void link_relation_changed(struct link *link)
{
    if (link->phase != LINK_UP)
        return;
    if (!link->peer) { /* a stranger became a relation */
        struct peer *peer = peers_find(link->federation, &link->node);
        if (peer)
            link_attach(link, peer);
        return;
    }
    const struct relation *relation = &link->peer->relation;
    if (!policy_allows(relation, FLOW_REQUEST)) {
        link_bye(link, 3, 0, LINK_CLOSE_POLICY);
        return;
    }
    if (relation->theirs != DECISION_NONE && link->told != relation->ours)
        send_answer(link, relation->ours);
    if (relation->ours == DECISION_LEFT) {
        link_bye(link, 3, 0, LINK_CLOSE_POLICY);
        return;
    }
    if (relation->ours == DECISION_ACCEPTED && relation->theirs != DECISION_ACCEPTED &&
        !link->asked)
        send_request(link);
    bool open = policy_is_open(relation);
    if (open && !link->trafficking)
        send_state(link);
    else if (!open && link->trafficking) {
        link->trafficking = false;
        features_end(link);
    }
    link->out[2].more = true;
    link_wake(link);
}

/** A relation frame on its way into the store. */
struct relation_action {
    struct action action;
    struct federation *federation;
    uint64_t link;
    struct node_id node;
    bool is_request;
    char name[RELATION_NAME_MAX], text[PEER_TEXT_MAX + 1];
    uint8_t invite[INVITE_BYTES];
    bool has_invite;
    char routes[3][RELATION_ROUTE_MAX];
    size_t route_count;
    enum decision answer; /* request: ours; answer: theirs */
    struct buf kel;
};

static bool relation_frame_apply(struct tx *tx, struct action *action, struct err *err)
{
    struct relation_action *frame = list_entry(action, struct relation_action, action);
    if (!frame->is_request)
        return relation_on_answer(tx, &frame->node, frame->name, frame->answer, err);
    const char *routes[3];
    for (size_t i = 0; i < frame->route_count; i++)
        routes[i] = frame->routes[i];
    struct bytes invite = {frame->invite, frame->has_invite ? INVITE_BYTES : 0};
    return relation_on_request(tx, &frame->node, frame->name, frame->text, invite, routes,
                               frame->route_count, &frame->answer, err);
}

static void relation_frame_done(struct action *action, const struct err *err)
{
    struct relation_action *frame = list_entry(action, struct relation_action, action);
    struct link *link = federation_find_link(frame->federation, frame->link);
    if (err->code != ERR_NONE)
        log_line(LOG_WARN, "relation frame not taken reason=\"%s\"", err->msg);
    else if (link && frame->is_request && frame->answer == DECISION_REFUSED) {
        send_answer(link, DECISION_REFUSED);
        link_bye(link, 3, 3600, LINK_CLOSE_POLICY);
    }
    frame->federation->busy--;
    free(frame);
}

static struct relation_action *relation_frame(struct link *link, const char *name)
{
    struct relation_action *frame = mem_alloc(sizeof *frame);
    frame->action = (struct action){.apply = relation_frame_apply, .done = relation_frame_done};
    frame->federation = link->federation;
    frame->link = link->id;
    frame->node = link->node;
    text_copy(frame->name, sizeof frame->name, name);
    link->federation->busy++;
    return frame;
}

bool link_on_peer_request(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                          struct bytes message, struct err *err)
{
    const Maillon__Hfp__V1__PeerRequest *request = frame->peer_request;
    if (++link->relation_frames > RELATION_FRAMES_MAX)
        return err_set(err, ERR_PEER, "asks too often");
    if (message.len > LINK_PEER_REQUEST_MAX)
        return err_set(err, ERR_PEER, "request to join of %zu bytes", message.len);
    struct relation_action *action = relation_frame(link, request->name);
    action->is_request = true;
    text_copy(action->text, sizeof action->text, request->text);
    action->has_invite = request->invite.len == INVITE_BYTES;
    if (action->has_invite)
        memcpy(action->invite, request->invite.data, INVITE_BYTES);
    for (size_t i = 0; i < request->n_route && i < 3; i++) {
        if (strlen(request->route[i]) < RELATION_ROUTE_MAX)
            text_copy(action->routes[action->route_count++], RELATION_ROUTE_MAX, request->route[i]);
    }
    exchange_submit(link->federation->config.exchange, &action->action);
    return true;
}

bool link_on_peer_answer(struct link *link, const Maillon__Hfp__V1__Frame *frame,
                         struct bytes message, struct err *err)
{
    (void)message;
    if (++link->relation_frames > RELATION_FRAMES_MAX)
        return err_set(err, ERR_PEER, "answers too often");
    for (enum decision decision = DECISION_LEFT; decision > DECISION_NONE; decision--) {
        if (decision == DECISION_BLOCKED || told_as[decision] != frame->peer_answer->decision)
            continue;
        struct relation_action *action = relation_frame(link, frame->peer_answer->name);
        action->answer = decision;
        exchange_submit(link->federation->config.exchange, &action->action);
        return true;
    }
    return err_set(err, ERR_PEER, "answer without a decision");
}
