/* Circles (proto/maillon/api/v1/circles.proto). */
#include "hub/api/rpc.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/relation.h"
#include "maillon/api/v1/circles.pb-c.h"

#include <strings.h>

#define SERVICE  &maillon__api__v1__circles__descriptor
#define WHO_SEES (ROLE_ADMIN | ROLE_COORDINATOR)

typedef Maillon__Api__V1__Circle circle_view;
typedef Maillon__Api__V1__CircleHub hub_view;

static const struct node_id *self_of(const struct call *call)
{
    return identity_node(call->env->self);
}

static void sign_audit(struct call *call)
{
    call->tx->actor = call->caller.name[0] ? call->caller.name : NULL;
}

static bool fill_hub(struct call *call, const struct node_id *node, const char *name,
                     hub_view **ret, struct err *err)
{
    char id[NODE_ID_TEXT];
    hub_view *view = rpc_message(call, &maillon__api__v1__circle_hub__descriptor);
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    bool found = false;
    view->id = rpc_text(call, node_id_text(node, id));
    view->ours = node_id_equal(node, self_of(call));
    if (!*name && !view->ours && !relation_find(call->store, node, &found, relation, err))
        return false;
    if (view->ours)
        name = call->env->config ? call->env->config->name : "";
    view->name = rpc_text(call, found ? relation->name : name);
    *ret = view;
    return true;
}

static bool fill_asks(struct call *call, const struct circle *circle, circle_view *view,
                      struct err *err)
{
    struct circle_ask *asks;
    size_t count;
    if (!circle_ask_list(call->store, call->arena, &circle->scope, &asks, &count, err))
        return false;
    view->ask = (hub_view **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        if (!fill_hub(call, &asks[i].node, asks[i].name, &view->ask[i], err))
            return false;
        view->ask[i]->text = rpc_text(call, asks[i].text);
        view->ask[i]->since = rpc_time(call, asks[i].asked_ms);
        view->n_ask++;
    }
    return true;
}

static bool fill_changes(struct call *call, const struct circle *circle, circle_view *view,
                         struct err *err)
{
    struct circle_proposal *list;
    size_t count;
    char hex[2 * OID_BYTES + 1];
    if (!circle_proposal_list(call->store, call->arena, &circle->scope, &list, &count, err))
        return false;
    view->change = (Maillon__Api__V1__CircleChange **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        Maillon__Api__V1__CircleChange *change =
            rpc_message(call, &maillon__api__v1__circle_change__descriptor);
        change->id = rpc_text(call, hex_encode(oid_bytes(&list[i].oid), hex));
        change->what = rpc_text(call, list[i].what);
        change->signatures = list[i].signatures;
        change->threshold = list[i].threshold;
        change->created = rpc_time(call, list[i].created_ms);
        change->signer = (hub_view **)rpc_array(call, list[i].signer_count);
        for (size_t n = 0; n < list[i].signer_count; n++) {
            if (!fill_hub(call, &list[i].signer[n], "", &change->signer[n], err))
                return false;
            change->n_signer++;
            change->signed_here |= change->signer[n]->ours;
        }
        view->change[view->n_change++] = change;
    }
    return true;
}

/* One sentence: what a person would do now. */
static const char *next_words(const circle_view *view, enum circle_ours ours)
{
    for (size_t i = 0; i < view->n_change; i++) {
        if (view->steward_here && !view->change[i]->signed_here)
            return "A change waits for your signature: read it, then hubctl circle sign.";
    }
    if (view->steward_here && view->n_ask)
        return "A hub asks to come in: hubctl circle admit, or hubctl circle refuse.";
    if (view->n_change)
        return "A change waits for signatures of other stewards.";
    switch (ours) {
    case CIRCLE_ASKED:
        return view->founded ? "Your request waits for a steward." : "It waits to be founded.";
    case CIRCLE_INVITED:
        return "The stewards have admitted this hub: read the charter, then hubctl circle join.";
    case CIRCLE_REMOVED:
        return "The stewards have removed this hub: talk to them; hubctl circle join asks again.";
    case CIRCLE_NONE:
    case CIRCLE_LEFT:
        return "To come in, ask a steward: hubctl circle join CIRCLE --via PEER.";
    case CIRCLE_MEMBER:
        break;
    }
    return "";
}

static bool fill_circle(struct call *call, const struct circle *circle, circle_view **ret,
                        struct err *err)
{
    char hex[2 * OID_BYTES + 1];
    circle_view *view = rpc_message(call, &maillon__api__v1__circle__descriptor);
    view->id = rpc_text(call, hex_encode(oid_bytes(&circle->scope), hex));
    view->name = rpc_text(call, circle->name);
    view->principle = (char **)rpc_array(call, circle->principle_count);
    for (size_t i = 0; i < circle->principle_count; i++)
        view->principle[view->n_principle++] = rpc_text(call, circle->principle[i]);
    view->steward = (hub_view **)rpc_array(call, circle->steward_count);
    for (size_t i = 0; i < circle->steward_count; i++) {
        if (!fill_hub(call, &circle->steward[i], "", &view->steward[i], err))
            return false;
        view->n_steward++;
    }
    view->threshold = circle->threshold;
    view->members_max = circle->members_max;
    view->members = circle->member_count;
    view->relay_duty = circle->relay_duty;
    view->accept_each_other = circle->accept_each_other;
    view->ours = rpc_text(call, circle_ours_name(circle->ours));
    view->founded = circle->founded;
    view->charter = (uint32_t)circle->charter_seq;
    view->steward_here = circle_is_steward(circle, self_of(call));
    if (!fill_asks(call, circle, view, err) || !fill_changes(call, circle, view, err))
        return false;
    view->next = rpc_text(call, next_words(view, circle->ours));
    *ret = view;
    return true;
}

static bool answer(struct call *call, const struct oid *scope, void **out, struct err *err)
{
    struct circle circle;
    circle_view *view;
    bool found;
    call->tx->actor = NULL;
    if (!circle_find(call->store, scope, &found, &circle, err))
        return false;
    if (!found)
        return err_set(err, ERR_INTERNAL, "a circle vanished within a call");
    if (!fill_circle(call, &circle, &view, err))
        return false;
    *out = view;
    return true;
}

/* Stewards by id or peer name; this hub is the first. */
static bool take_stewards(struct call *call, char *const *names, size_t count,
                          struct circle_draft *draft, bool self_first, struct err *err)
{
    draft->steward_count = 0;
    if (self_first)
        draft->steward[draft->steward_count++] = *self_of(call);
    for (size_t i = 0; i < count; i++) {
        struct relation relation;
        struct node_id node;
        if (!node_id_parse(names[i], &node)) {
            if (!relation_resolve(call->store, names[i], &relation, err))
                return false;
            node = relation.node;
        }
        if (self_first && node_id_equal(&node, self_of(call)))
            continue;
        if (draft->steward_count == CIRCLE_STEWARDS_MAX)
            return err_set(err, ERR_INVALID, "a circle has 1 to %d stewards", CIRCLE_STEWARDS_MAX);
        draft->steward[draft->steward_count++] = node;
    }
    return true;
}

static bool run_create(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__CreateCircleRequest *request = in;
    struct circle_draft draft = {
        .name = request->name,
        .principle = (const char *const *)request->principle,
        .principle_count = request->n_principle,
        .threshold = request->threshold,
        .members_max = request->members_max,
        .relay_duty = request->relay_duty,
        .accept_each_other = request->accept_each_other,
    };
    struct oid scope;
    bool done;
    sign_audit(call);
    bool made = take_stewards(call, request->steward, request->n_steward, &draft, true, err) &&
                circle_found(call->tx, &draft, &scope, &done, err);
    call->tx->actor = NULL;
    return made && answer(call, &scope, out, err);
}

static bool run_list(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct circle *list;
    size_t count;
    if (!circle_list(call->store, call->arena, &list, &count, err))
        return false;
    Maillon__Api__V1__ListCirclesResponse *response =
        rpc_message(call, &maillon__api__v1__list_circles_response__descriptor);
    response->circle = (circle_view **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        if (!fill_circle(call, &list[i], &response->circle[i], err))
            return false;
        response->n_circle++;
    }
    *out = response;
    return true;
}

static bool run_get(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetCircleRequest *request = in;
    struct circle circle;
    circle_view *view;
    if (!circle_resolve(call->store, request->id, &circle, err) ||
        !fill_circle(call, &circle, &view, err))
        return false;
    *out = view;
    return true;
}

static bool run_join(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__JoinCircleRequest *request = in;
    struct circle circle;
    struct oid scope;
    struct relation relation;
    bool joined;
    if (hex_decode(request->id, scope.b, OID_BYTES)) {
        /* may be unknown here */
    } else if (circle_resolve(call->store, request->id, &circle, err)) {
        scope = circle.scope;
    } else if (err->code != ERR_UNKNOWN) {
        return false;
    } else {
        return err_set(err, ERR_UNKNOWN,
                       "this hub does not know that circle yet: give its whole id, which a steward "
                       "can read in hubctl circle show");
    }
    if (request->via[0] && !relation_resolve(call->store, request->via, &relation, err))
        return false;
    sign_audit(call);
    bool done = circle_join(call->tx, &scope, request->via[0] ? &relation.node : NULL,
                            request->text, &joined, err);
    call->tx->actor = NULL;
    return done && answer(call, &scope, out, err);
}

static bool run_leave(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetCircleRequest *request = in;
    struct circle circle;
    if (!circle_resolve(call->store, request->id, &circle, err))
        return false;
    sign_audit(call);
    bool done = circle_leave(call->tx, &circle.scope, err);
    call->tx->actor = NULL;
    return done && answer(call, &circle.scope, out, err);
}

static bool run_members(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetCircleRequest *request = in;
    struct circle circle;
    struct circle_member *list;
    size_t count;
    if (!circle_resolve(call->store, request->id, &circle, err) ||
        !circle_member_list(call->store, call->arena, &circle.scope, &list, &count, err))
        return false;
    Maillon__Api__V1__CircleMembersResponse *response =
        rpc_message(call, &maillon__api__v1__circle_members_response__descriptor);
    response->member = (hub_view **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        if (!fill_hub(call, &list[i].node, list[i].name, &response->member[i], err))
            return false;
        response->member[i]->steward = list[i].steward;
        response->member[i]->since = rpc_time(call, (int64_t)list[i].since_s * 1000);
        response->n_member++;
    }
    *out = response;
    return true;
}

/* A member by name or beginning of its id, else a peer. *ret_name: as the circle or peer says. */
static bool find_hub(struct call *call, const struct circle *circle, const char *text,
                     struct node_id *ret, const char **ret_name, struct err *err)
{
    struct circle_member *list;
    size_t count, found = 0;
    *ret_name = "";
    if (node_id_parse(text, ret))
        return true;
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    if (relation_resolve(call->store, text, relation, err)) {
        *ret = relation->node;
        *ret_name = relation->name;
        return true;
    }
    if (err->code != ERR_UNKNOWN)
        return false;
    struct err unknown = *err;
    *err = (struct err){0};
    if (!circle_member_list(call->store, call->arena, &circle->scope, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        char id[NODE_ID_TEXT];
        size_t len = strlen(text);
        node_id_text(&list[i].node, id);
        if (strcmp(list[i].name, text) != 0 && (len < 6 || strncasecmp(id, text, len) != 0))
            continue;
        *ret = list[i].node;
        *ret_name = list[i].name;
        found++;
    }
    if (found == 1)
        return true;
    *err = unknown;
    return false;
}

typedef bool change_fn(struct call *call, const struct circle *circle, const struct node_id *node,
                       const char *name, struct err *err);

static bool change_member(struct call *call, const void *in, change_fn *change, void **out,
                          struct err *err)
{
    const Maillon__Api__V1__CircleMemberRequest *request = in;
    struct circle circle;
    struct node_id node;
    const char *name;
    if (!circle_resolve(call->store, request->id, &circle, err) ||
        !find_hub(call, &circle, request->member, &node, &name, err))
        return false;
    sign_audit(call);
    bool done = change(call, &circle, &node, name, err);
    call->tx->actor = NULL;
    return done && answer(call, &circle.scope, out, err);
}

static bool admit(struct call *call, const struct circle *circle, const struct node_id *node,
                  const char *name, struct err *err)
{
    bool done;
    return circle_admit(call->tx, &circle->scope, node, name, &done, err);
}

static bool remove_member(struct call *call, const struct circle *circle,
                          const struct node_id *node, const char *name, struct err *err)
{
    bool done;
    (void)name;
    return circle_remove(call->tx, &circle->scope, node, &done, err);
}

static bool refuse(struct call *call, const struct circle *circle, const struct node_id *node,
                   const char *name, struct err *err)
{
    (void)name;
    return circle_ask_drop(call->tx, &circle->scope, node, err);
}

static bool run_admit(struct call *call, const void *in, void **out, struct err *err)
{
    return change_member(call, in, admit, out, err);
}

static bool run_remove(struct call *call, const void *in, void **out, struct err *err)
{
    return change_member(call, in, remove_member, out, err);
}

static bool run_refuse(struct call *call, const void *in, void **out, struct err *err)
{
    return change_member(call, in, refuse, out, err);
}

static bool is_set(const Maillon__Api__V1__AmendCircleRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_set; i++) {
        if (strcmp(request->set[i], name) == 0)
            return true;
    }
    return false;
}

static bool run_amend(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__AmendCircleRequest *request = in;
    const Maillon__Api__V1__CreateCircleRequest *charter = request->charter;
    struct circle *circle = arena_alloc(call->arena, sizeof(*circle));
    const char *lines[CIRCLE_PRINCIPLES_MAX];
    bool done;
    if (!charter || !request->n_set)
        return err_set(err, ERR_INVALID, "say in \"set\" what of the charter to change");
    if (!circle_resolve(call->store, request->id, circle, err))
        return false;
    for (size_t i = 0; i < circle->principle_count; i++)
        lines[i] = circle->principle[i];
    struct circle_draft draft = {
        .name = is_set(request, "name") ? charter->name : circle->name,
        .principle = is_set(request, "principle") ? (const char *const *)charter->principle : lines,
        .principle_count =
            is_set(request, "principle") ? charter->n_principle : circle->principle_count,
        .steward_count = circle->steward_count,
        .threshold = is_set(request, "threshold") ? charter->threshold : circle->threshold,
        .members_max = is_set(request, "members-max") ? charter->members_max : circle->members_max,
        .relay_duty = is_set(request, "relay-duty") ? charter->relay_duty : circle->relay_duty,
        .accept_each_other = is_set(request, "accept-each-other") ? charter->accept_each_other
                                                                  : circle->accept_each_other,
    };
    memcpy(draft.steward, circle->steward, sizeof(draft.steward));
    if (is_set(request, "steward") &&
        !take_stewards(call, charter->steward, charter->n_steward, &draft, false, err))
        return false;
    sign_audit(call);
    bool made = circle_amend(call->tx, &circle->scope, &draft, &done, err);
    call->tx->actor = NULL;
    return made && answer(call, &circle->scope, out, err);
}

static bool find_change(struct call *call, const struct circle *circle, const char *text,
                        struct oid *ret, struct err *err)
{
    struct circle_proposal *list;
    size_t count, found = 0;
    char hex[2 * OID_BYTES + 1];
    if (!circle_proposal_list(call->store, call->arena, &circle->scope, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(hex_encode(oid_bytes(&list[i].oid), hex), text, strlen(text)) != 0)
            continue;
        *ret = list[i].oid;
        found++;
    }
    return found == 1 || err_set(err, found ? ERR_INVALID : ERR_UNKNOWN,
                                 found ? "several changes begin with this id: give more of it"
                                       : "no change with this id waits for a signature");
}

static bool run_sign(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SignCircleRequest *request = in;
    struct circle circle;
    struct oid id;
    bool done, named = request->change[0] != 0;
    if (!circle_resolve(call->store, request->id, &circle, err) ||
        (named && !find_change(call, &circle, request->change, &id, err)))
        return false;
    sign_audit(call);
    bool made = circle_sign(call->tx, &circle.scope, named ? &id : NULL, &done, err);
    call->tx->actor = NULL;
    return made && answer(call, &circle.scope, out, err);
}

const struct method methods_circles[] = {
    {SERVICE, "Create", ROLE_ADMIN, METHOD_WRITE, run_create, NULL},
    {SERVICE, "List", WHO_SEES, METHOD_READ, run_list, NULL},
    {SERVICE, "Get", WHO_SEES, METHOD_READ, run_get, NULL},
    {SERVICE, "Join", ROLE_ADMIN, METHOD_WRITE, run_join, NULL},
    {SERVICE, "Leave", ROLE_ADMIN, METHOD_WRITE, run_leave, NULL},
    {SERVICE, "Members", WHO_SEES, METHOD_READ, run_members, NULL},
    {SERVICE, "Admit", ROLE_ADMIN, METHOD_WRITE, run_admit, NULL},
    {SERVICE, "Remove", ROLE_ADMIN, METHOD_WRITE, run_remove, NULL},
    {SERVICE, "Refuse", ROLE_ADMIN, METHOD_WRITE, run_refuse, NULL},
    {SERVICE, "Amend", ROLE_ADMIN, METHOD_WRITE, run_amend, NULL},
    {SERVICE, "Sign", ROLE_ADMIN, METHOD_WRITE, run_sign, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
