#include "hub/api/notice_reach.h"

#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/gossip.h"
#include "hub/domain/place.h"
#include "hub/domain/relation.h"

#include <stdlib.h>

/** A hub that hears the notice. */
struct reached {
    struct node_id node;
    const char *name, *commune;
    double km; /* < 0: not known */
};

struct hearers {
    struct reached *list;
    size_t count;
};

static void add(struct hearers *hearers, const struct node_id *node, const char *name,
                const char *commune)
{
    hearers->list[hearers->count++] = (struct reached){*node, name, commune, -1};
}

/* Accepted peers whose switch lets notices out. */
static bool list_peers(struct call *call, struct hearers *ret, struct err *err)
{
    struct relation *relations;
    size_t count;
    if (!relation_list(call->store, call->arena, &relations, &count, err))
        return false;
    ret->list = arena_alloc(call->arena, (count + 1) * sizeof(*ret->list));
    for (size_t i = 0; i < count; i++) {
        if (relation_is_accepted(&relations[i]) && (relations[i].switches & SWITCH_NOTICES_OUT))
            add(ret, &relations[i].node, relations[i].name, relations[i].commune);
    }
    return true;
}

/* Members of a circle, this hub left out; what we know of them by relation or by their entry. */
static bool list_members(struct call *call, const struct oid *scope, struct hearers *ret,
                         struct err *err)
{
    struct circle_member *members;
    size_t count;
    if (!circle_member_list(call->store, call->arena, scope, &members, &count, err))
        return false;
    ret->list = arena_alloc(call->arena, (count + 1) * sizeof(*ret->list));
    for (size_t i = 0; i < count; i++) {
        const char *name = members[i].name, *commune = "";
        bool found;
        if (node_id_equal(&members[i].node, identity_node(call->env->self)))
            continue;
        struct gossip_member entry;
        struct relation relation;
        if (!relation_find(call->store, &members[i].node, &found, &relation, err))
            return false;
        if (found && relation.ours == DECISION_BLOCKED)
            continue; /* nothing goes there */
        if (found) {
            name = *name ? name : rpc_text(call, relation.name);
            commune = rpc_text(call, relation.commune);
        }
        if (!*commune) {
            if (!gossip_member(call->store, &members[i].node, &found, &entry, err))
                return false;
            if (found) {
                name = *name ? name : rpc_text(call, entry.name);
                commune = rpc_text(call, entry.commune);
            }
        }
        add(ret, &members[i].node, name, commune);
    }
    return true;
}

/* Where "near" is: as asked, else the commune of this hub. *ret_found false: not known. */
static bool find_centre(struct call *call, const char *near, bool *ret_found, struct place *ret,
                        struct err *err)
{
    struct card *card = arena_alloc(call->arena, sizeof(*card));
    *ret_found = false;
    if (!near[0]) {
        if (!card_read(call->store, card, err))
            return false;
        near = card->commune;
    }
    return !near[0] || place_find(call->store, call->arena, near, ret_found, ret, err);
}

static bool measure(struct call *call, const struct place *centre, struct hearers *hearers,
                    struct err *err)
{
    for (size_t i = 0; i < hearers->count; i++) {
        struct reached *one = &hearers->list[i];
        struct place place;
        bool found = false;
        if (one->commune[0] &&
            !place_find(call->store, call->arena, one->commune, &found, &place, err))
            return false;
        if (found)
            one->km = place_distance_km(centre->latitude, centre->longitude, place.latitude,
                                        place.longitude);
    }
    return true;
}

static int by_distance(const void *a, const void *b)
{
    const struct reached *one = a, *two = b;
    if ((one->km < 0) != (two->km < 0))
        return one->km < 0 ? 1 : -1;
    if (one->km != two->km)
        return one->km < two->km ? -1 : 1;
    return memcmp(one->node.b, two->node.b, NODE_ID_BYTES);
}

static void add_hub(struct call *call, Maillon__Api__V1__ReachResponse *out,
                    const struct reached *one)
{
    char id[NODE_ID_TEXT];
    Maillon__Api__V1__ReachedHub *view =
        rpc_message(call, &maillon__api__v1__reached_hub__descriptor);
    view->id = rpc_text(call, node_id_text(&one->node, id));
    view->name = rpc_text(call, one->name);
    view->commune = rpc_text(call, one->commune);
    view->has_km = one->km >= 0;
    view->km = view->has_km ? (uint32_t)(one->km + 0.5) : 0;
    out->name[out->n_name++] = view->name;
    out->hub[out->n_hub++] = view;
}

static const char *words(struct call *call, const Maillon__Api__V1__ReachResponse *out, uint32_t km,
                         const char *circle)
{
    const char *plural = out->hubs == 1 ? "" : "s";
    const char *in = circle[0] ? arena_printf(call->arena, " of the circle %s", circle) : "";
    if (!km)
        return arena_printf(call->arena, "%u hub%s%s", out->hubs, plural, in);
    const char *rest =
        out->placeless
            ? arena_printf(call->arena, "; of %u it is not known where they are", out->placeless)
            : "";
    return arena_printf(call->arena, "%u hub%s%s within %u km, %u in all%s", out->hubs, plural, in,
                        km, out->all, rest);
}

bool notice_reach(struct call *call, const Maillon__Api__V1__ReachRequest *request,
                  Maillon__Api__V1__ReachResponse **ret, struct err *err)
{
    struct hearers hearers = {0};
    struct circle *circle = arena_alloc(call->arena, sizeof(*circle));
    struct place centre;
    bool located, in_circle = request->circle[0] != 0;
    if (in_circle && !circle_resolve(call->store, request->circle, circle, err))
        return false;
    if (in_circle && circle->ours != CIRCLE_MEMBER)
        return err_set(err, ERR_DENIED, "this hub is not a member of that circle");
    if (!(in_circle ? list_members(call, &circle->scope, &hearers, err)
                    : list_peers(call, &hearers, err)) ||
        !find_centre(call, request->near, &located, &centre, err))
        return false;
    if (!located && (request->near[0] || request->km))
        return err_set(err, ERR_INVALID,
                       request->near[0]
                           ? "\"near\" is not a place this hub knows: a commune, a postal code"
                           : "say \"near\" what: this hub's own card names no known commune");
    if (located && !measure(call, &centre, &hearers, err))
        return false;
    if (hearers.count)
        qsort(hearers.list, hearers.count, sizeof(*hearers.list), by_distance);
    Maillon__Api__V1__ReachResponse *out =
        rpc_message(call, &maillon__api__v1__reach_response__descriptor);
    out->name = (char **)rpc_array(call, hearers.count);
    out->hub = (Maillon__Api__V1__ReachedHub **)rpc_array(call, hearers.count);
    for (size_t i = 0; i < hearers.count; i++) {
        const struct reached *one = &hearers.list[i];
        out->placeless += one->km < 0;
        if (!request->km || (one->km >= 0 && one->km <= request->km))
            add_hub(call, out, one);
    }
    out->hubs = (uint32_t)out->n_hub;
    out->all = (uint32_t)hearers.count;
    out->in_circle = in_circle;
    out->words = rpc_text(call, words(call, out, request->km, in_circle ? circle->name : ""));
    *ret = out;
    return true;
}
