/* Federation with neighbours: invite, join, decide, four switches
 * (proto/maillon/api/v1/peers.proto). */
#include "hub/api/peer_truth.h"
#include "hub/api/rpc.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/introduction.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"
#include "maillon/api/v1/peers.pb-c.h"

#define SERVICE  &maillon__api__v1__peers__descriptor
#define WHO_SEES (ROLE_ADMIN | ROLE_COORDINATOR | ROLE_CASEWORKER)

typedef Maillon__Api__V1__Peer peer_message;

/* What the links know, beside what the store knows. */
static void fill_live(struct call *call, const struct relation *relation, peer_message *out)
{
    const struct live *live = &call->env->live;
    struct live_peer now = {0};
    if (!live->peer || !live->peer(live->ctx, &relation->node, &now))
        return;
    out->connected = now.connected;
    if (now.connected)
        out->direction = rpc_text(call, now.we_dialled ? "we dialled" : "they dialled");
    else
        out->next_attempt = rpc_time(call, now.next_attempt_ms);
    out->last_error = rpc_text(call, now.last_error);
}

static Maillon__Api__V1__Switches *fill_switches(struct call *call, unsigned switches)
{
    Maillon__Api__V1__Switches *out = rpc_message(call, &maillon__api__v1__switches__descriptor);
    out->notices_in = switches & SWITCH_NOTICES_IN;
    out->notices_out = switches & SWITCH_NOTICES_OUT;
    out->ask_around = switches & SWITCH_ASK_AROUND;
    out->referrals = switches & SWITCH_REFERRALS;
    return out;
}

static bool fill_peer(struct call *call, const struct relation *relation, peer_message *out,
                      struct err *err)
{
    char id[NODE_ID_TEXT], words[NODE_ID_WORDS];
    uint64_t queued;
    if (!outbox_count(call->store, &relation->node, &queued, err))
        return false;
    out->id = rpc_text(call, node_id_text(&relation->node, id));
    out->name = rpc_text(call, relation->name);
    out->words = rpc_text(call, node_id_words(&relation->node, words));
    out->state = rpc_text(call, relation_state(relation));
    out->ours = rpc_text(call, decision_name(relation->ours));
    out->theirs = rpc_text(call, decision_name(relation->theirs));
    out->switches = fill_switches(call, relation->switches_set);
    out->last_contact = rpc_time(call, relation->last_contact_ms);
    out->queued = (uint32_t)queued;
    out->route = (char **)rpc_array(call, relation->route_count);
    for (size_t i = 0; i < relation->route_count; i++)
        out->route[out->n_route++] = rpc_text(call, relation->routes[i]);
    out->text = rpc_text(call, relation->text);
    out->local = relation->local;
    fill_live(call, relation, out);
    return peer_truth_fill(call, relation, out, err);
}

/* One pass for all of them: there is no index by peer, and pages show the whole list. */
static bool fill_open_referrals(struct call *call, const struct relation *relations,
                                peer_message *const *peers, size_t count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        call->store, "SELECT peer, count(*) FROM referral WHERE is_open = 1 GROUP BY peer", err);
    if (!stmt)
        return false;
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "count open referrals");
        if (!row)
            return true;
        struct node_id node;
        if (!stmt_copy(stmt, 0, node.b, sizeof(node.b)))
            continue;
        for (size_t i = 0; i < count; i++) {
            if (node_id_equal(&relations[i].node, &node))
                peers[i]->open_referrals = (uint32_t)stmt_i64(stmt, 1);
        }
    }
}

static bool answer_relation(struct call *call, const struct relation *relation, void **out,
                            struct err *err)
{
    peer_message *peer = rpc_message(call, &maillon__api__v1__peer__descriptor);
    *out = peer;
    return fill_peer(call, relation, peer, err) &&
           fill_open_referrals(call, relation, &peer, 1, err) &&
           peer_truth_referrals(call, relation, peer, err);
}

static bool answer_peer(struct call *call, const struct node_id *node, void **out, struct err *err)
{
    struct relation relation;
    bool found;
    if (!relation_find(call->store, node, &found, &relation, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "a peer vanished within a call");
    return answer_relation(call, &relation, out, err);
}

/* Audit lines of what follows in this call name who called. */
static void sign_audit(struct call *call)
{
    call->tx->actor = call->caller.name[0] ? call->caller.name : NULL;
}

/* The addresses people set on the card, else the one of the settings. */
static bool own_routes(struct call *call, struct card *card, const char *routes[ROUTES_MAX],
                       size_t *ret_count, struct err *err)
{
    if (!card_read(call->store, card, err))
        return false;
    size_t count = 0;
    for (; count < card->route_count; count++)
        routes[count] = card->routes[count];
    const char *url = call->env->config ? call->env->config->url : "";
    if (count == 0 && url[0])
        routes[count++] = url;
    *ret_count = count;
    return true;
}

static bool run_invite(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__InviteRequest *request = in;
    struct card card;
    const char *routes[ROUTES_MAX];
    size_t count;
    char uri[INVITE_TEXT_MAX + 1], words[NODE_ID_WORDS];
    struct wall expires;
    struct circle circle;
    bool named = request->circle[0] != 0;
    if (named && !circle_resolve(call->store, request->circle, &circle, err))
        return false;
    sign_audit(call);
    bool made = own_routes(call, &card, routes, &count, err) &&
                relation_invite_circle(call->tx, routes, count, request->days,
                                       named ? &circle.scope : NULL, uri, &expires, err);
    call->tx->actor = NULL;
    if (!made)
        return false;
    Maillon__Api__V1__InviteResponse *answer =
        rpc_message(call, &maillon__api__v1__invite_response__descriptor);
    answer->invite = rpc_text(call, uri);
    answer->words = rpc_text(call, node_id_words(identity_node(call->env->self), words));
    answer->expires = rpc_time(call, expires.ms);
    *out = answer;
    return true;
}

static bool run_join(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__JoinRequest *request = in;
    struct node_id node;
    sign_audit(call);
    bool joined = relation_join(call->tx, request->invite, request->local, &node, err) &&
                  relation_set_greeting(call->tx, &node, request->text, err);
    call->tx->actor = NULL;
    return joined && answer_peer(call, &node, out, err);
}

static bool run_list(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct relation *list;
    size_t count;
    if (!relation_list(call->store, call->arena, &list, &count, err))
        return false;
    Maillon__Api__V1__ListPeersResponse *answer =
        rpc_message(call, &maillon__api__v1__list_peers_response__descriptor);
    answer->peer = (peer_message **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        peer_message *peer = rpc_message(call, &maillon__api__v1__peer__descriptor);
        if (!fill_peer(call, &list[i], peer, err))
            return false;
        answer->peer[answer->n_peer++] = peer;
    }
    *out = answer;
    return fill_open_referrals(call, list, answer->peer, count, err);
}

static bool run_get(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetPeerRequest *request = in;
    struct relation relation;
    if (!relation_resolve(call->store, request->id, &relation, err))
        return false;
    return answer_relation(call, &relation, out, err);
}

static bool decide(struct call *call, const struct node_id *node, enum decision ours, void **out,
                   struct err *err)
{
    sign_audit(call);
    bool decided = relation_decide(call->tx, node, ours, err);
    call->tx->actor = NULL;
    return decided && answer_peer(call, node, out, err);
}

static bool resolve_and_decide(struct call *call, const void *in, enum decision ours, void **out,
                               struct err *err)
{
    const Maillon__Api__V1__GetPeerRequest *request = in;
    struct relation relation;
    if (!relation_resolve(call->store, request->id, &relation, err))
        return false;
    return decide(call, &relation.node, ours, out, err);
}

static bool run_accept(struct call *call, const void *in, void **out, struct err *err)
{
    return resolve_and_decide(call, in, DECISION_ACCEPTED, out, err);
}

static bool refuse_unblock(const struct relation *relation, struct err *err)
{
    return relation->ours != DECISION_BLOCKED ||
           err_set(err, ERR_CONFLICT, "this hub is blocked here: unblock it instead");
}

static bool run_pause(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetPeerRequest *request = in;
    struct relation relation;
    return relation_resolve(call->store, request->id, &relation, err) &&
           refuse_unblock(&relation, err) &&
           decide(call, &relation.node, DECISION_PAUSED, out, err);
}

static bool run_block(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetPeerRequest *request = in;
    struct node_id node;
    /* By its whole id a hub may be blocked that never got in touch. */
    if (node_id_parse(request->id, &node)) {
        if (node_id_equal(&node, identity_node(call->env->self)))
            return err_set(err, ERR_INVALID, "this is the id of this hub itself");
        return decide(call, &node, DECISION_BLOCKED, out, err);
    }
    return resolve_and_decide(call, in, DECISION_BLOCKED, out, err);
}

static bool run_unblock(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetPeerRequest *request = in;
    struct relation relation;
    if (!relation_resolve(call->store, request->id, &relation, err))
        return false;
    if (relation.ours != DECISION_BLOCKED)
        return err_set(err, ERR_CONFLICT, "this hub is not blocked here");
    return decide(call, &relation.node, DECISION_PAUSED, out, err);
}

static bool run_leave(struct call *call, const void *in, void **out, struct err *err)
{
    return resolve_and_decide(call, in, DECISION_LEFT, out, err);
}

static unsigned switches_of(const Maillon__Api__V1__Switches *in)
{
    if (!in)
        return 0;
    return (in->notices_in ? SWITCH_NOTICES_IN : 0u) | (in->notices_out ? SWITCH_NOTICES_OUT : 0u) |
           (in->ask_around ? SWITCH_ASK_AROUND : 0u) | (in->referrals ? SWITCH_REFERRALS : 0u);
}

static bool run_set_policy(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SetPolicyRequest *request = in;
    struct relation relation;
    unsigned mask = 0;
    bool sets_local = false;
    for (size_t i = 0; i < request->n_set; i++) {
        unsigned bit = peer_switch_parse(request->set[i]);
        bool is_local = strcmp(request->set[i], "local") == 0;
        if (!bit && !is_local)
            return err_set(err, ERR_INVALID,
                           "switch %zu is none of notices-in, notices-out, ask-around, referrals, "
                           "local",
                           i + 1);
        mask |= bit;
        sets_local |= is_local;
    }
    if (!mask && !sets_local)
        return err_set(err, ERR_INVALID, "say in \"set\" which switches to change");
    if (!relation_resolve(call->store, request->id, &relation, err))
        return false;
    sign_audit(call);
    bool changed =
        relation_set_switches(call->tx, &relation.node, mask, switches_of(request->switches),
                              err) &&
        (!sets_local || relation_set_local(call->tx, &relation.node, request->local, err));
    call->tx->actor = NULL;
    return changed && answer_peer(call, &relation.node, out, err);
}

/* ---- introductions (R-AB-3) ---- */

static bool run_introduce(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__IntroduceRequest *request = in;
    struct relation a, b;
    if (!relation_resolve(call->store, request->a, &a, err) ||
        !relation_resolve(call->store, request->b, &b, err))
        return false;
    sign_audit(call);
    bool sent = introduction_send(call->tx, &a.node, &b.node, request->text, err);
    call->tx->actor = NULL;
    if (!sent)
        return false;
    Maillon__Api__V1__IntroduceResponse *answer =
        rpc_message(call, &maillon__api__v1__introduce_response__descriptor);
    answer->name = (char **)rpc_array(call, 2);
    answer->name[answer->n_name++] = rpc_text(call, a.name);
    answer->name[answer->n_name++] = rpc_text(call, b.name);
    *out = answer;
    return true;
}

static bool fill_suggestion(struct call *call, const struct introduction *introduction,
                            Maillon__Api__V1__Suggestion **ret, struct err *err)
{
    char id[NODE_ID_TEXT], words[NODE_ID_WORDS];
    struct relation *source = arena_alloc(call->arena, sizeof(*source));
    bool found;
    if (!relation_find(call->store, &introduction->source, &found, source, err))
        return false;
    Maillon__Api__V1__Suggestion *view =
        rpc_message(call, &maillon__api__v1__suggestion__descriptor);
    view->number = (uint32_t)introduction->id;
    view->id = rpc_text(call, node_id_text(&introduction->node, id));
    view->words = rpc_text(call, node_id_words(&introduction->node, words));
    view->name = rpc_text(call, introduction->name);
    view->text = rpc_text(call, introduction->text);
    view->source = rpc_text(call, found ? source->name : "");
    view->received = rpc_time(call, introduction->received_ms);
    view->route = (char **)rpc_array(call, introduction->route_count);
    for (size_t i = 0; i < introduction->route_count; i++)
        view->route[view->n_route++] = rpc_text(call, introduction->routes[i]);
    *ret = view;
    return true;
}

static bool run_suggestions(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct introduction *list;
    size_t count;
    if (!introduction_list(call->store, call->arena, &list, &count, err))
        return false;
    Maillon__Api__V1__SuggestionsResponse *answer =
        rpc_message(call, &maillon__api__v1__suggestions_response__descriptor);
    answer->suggestion = (Maillon__Api__V1__Suggestion **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        if (!fill_suggestion(call, &list[i], &answer->suggestion[i], err))
            return false;
        answer->n_suggestion++;
    }
    *out = answer;
    return true;
}

static bool run_take_suggestion(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SuggestionRequest *request = in;
    struct introduction *one = arena_alloc(call->arena, sizeof(*one));
    if (!introduction_find(call->store, request->id, one, err))
        return false;
    sign_audit(call);
    bool taken = introduction_accept(call->tx, one, err);
    call->tx->actor = NULL;
    return taken && answer_peer(call, &one->node, out, err);
}

static bool run_forget_suggestion(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SuggestionRequest *request = in;
    struct introduction *one = arena_alloc(call->arena, sizeof(*one));
    if (!introduction_find(call->store, request->id, one, err))
        return false;
    sign_audit(call);
    bool forgotten = introduction_forget(call->tx, one, err);
    call->tx->actor = NULL;
    return forgotten && run_suggestions(call, NULL, out, err);
}

const struct method methods_peers[] = {
    {SERVICE, "Invite", ROLE_ADMIN, METHOD_WRITE, run_invite, NULL},
    {SERVICE, "Join", ROLE_ADMIN, METHOD_WRITE, run_join, NULL},
    {SERVICE, "List", WHO_SEES, METHOD_READ, run_list, NULL},
    {SERVICE, "Get", WHO_SEES, METHOD_READ, run_get, NULL},
    {SERVICE, "Accept", ROLE_ADMIN, METHOD_WRITE, run_accept, NULL},
    {SERVICE, "Pause", ROLE_ADMIN, METHOD_WRITE, run_pause, NULL},
    {SERVICE, "Block", ROLE_ADMIN, METHOD_WRITE, run_block, NULL},
    {SERVICE, "Unblock", ROLE_ADMIN, METHOD_WRITE, run_unblock, NULL},
    {SERVICE, "Leave", ROLE_ADMIN, METHOD_WRITE, run_leave, NULL},
    {SERVICE, "SetPolicy", ROLE_ADMIN, METHOD_WRITE, run_set_policy, NULL},
    {SERVICE, "Introduce", ROLE_ADMIN, METHOD_WRITE, run_introduce, NULL},
    {SERVICE, "Suggestions", WHO_SEES, METHOD_READ, run_suggestions, NULL},
    {SERVICE, "TakeSuggestion", ROLE_ADMIN, METHOD_WRITE, run_take_suggestion, NULL},
    {SERVICE, "ForgetSuggestion", ROLE_ADMIN, METHOD_WRITE, run_forget_suggestion, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
