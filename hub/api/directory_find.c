#include "hub/api/directory_find.h"

#include "hub/api/service_view.h"
#include "hub/domain/card.h"
#include "hub/domain/commune.h"
#include "hub/domain/everyday.h"
#include "hub/domain/place.h"
#include "hub/domain/relation.h"

#define WIDENINGS_MAX 6

/* --- search ----------------------------------------------------------------------------------- */

static Maillon__Api__V1__SearchResponse *results_view(struct call *call,
                                                      const struct directory_results *results,
                                                      const struct fit_person *person)
{
    Maillon__Api__V1__SearchResponse *response =
        rpc_message(call, &maillon__api__v1__search_response__descriptor);
    response->service = (Maillon__Api__V1__ServiceView **)rpc_array(call, results->count);
    for (size_t i = 0; i < results->count; i++)
        response->service[response->n_service++] =
            service_view(call, &results->services[i], person);
    response->correction =
        (Maillon__Api__V1__Correction **)rpc_array(call, results->correction_count);
    for (size_t i = 0; i < results->correction_count; i++) {
        const struct correction *from = &results->corrections[i];
        Maillon__Api__V1__Correction *to =
            rpc_message(call, &maillon__api__v1__correction__descriptor);
        to->typed = rpc_text(call, from->typed);
        to->meant = (char **)rpc_array(call, from->count);
        for (size_t k = 0; k < from->count; k++)
            to->meant[to->n_meant++] = rpc_text(call, from->meant[k]);
        response->correction[response->n_correction++] = to;
    }
    response->near_name = rpc_text(call, results->near_name);
    response->near_latitude_e5 = (int32_t)(results->latitude * 1e5);
    response->near_longitude_e5 = (int32_t)(results->longitude * 1e5);
    response->total = (uint32_t)results->looked_at;
    response->more = results->more;
    return response;
}

/* What somebody may leave out of a question that found nothing. */
static void drop_km(struct directory_query *query)
{
    query->km = 0;
}
static void drop_theme(struct directory_query *query)
{
    query->theme = "";
}
static void drop_open_now(struct directory_query *query)
{
    query->open_at_ms = 0;
}
static void drop_only_fitting(struct directory_query *query)
{
    query->only_fitting = false;
}
static void drop_filters(struct directory_query *query)
{
    query->km = 0;
    query->theme = "";
    query->open_at_ms = 0;
    query->only_fitting = false;
    query->hub_only = false;
}
static void drop_near(struct directory_query *query)
{
    query->near = "";
    query->km = 0;
}
static const struct {
    const char *name;
    void (*drop)(struct directory_query *query);
} drops[WIDENINGS_MAX] = {
    {"km", drop_km},
    {"theme", drop_theme},
    {"open_now", drop_open_now},
    {"only_fitting", drop_only_fitting},
    {"filters", drop_filters},
    {"near", drop_near},
};

static bool is_same_question(const struct directory_query *a, const struct directory_query *b)
{
    return a->km == b->km && a->theme == b->theme && a->open_at_ms == b->open_at_ms &&
           a->only_fitting == b->only_fitting && a->hub_only == b->hub_only && a->near == b->near;
}

/* Nothing was found: how much would be, without one limit or all of them. */
static bool add_widenings(struct call *call, const struct directory_query *query,
                          Maillon__Api__V1__SearchResponse *response, struct err *err)
{
    uint32_t best = 0;
    response->widening = (Maillon__Api__V1__Widening **)rpc_array(call, WIDENINGS_MAX);
    for (size_t i = 0; i < WIDENINGS_MAX; i++) {
        struct directory_query wider = *query;
        struct directory_results results;
        wider.limit = SEARCH_LIMIT_MAX;
        drops[i].drop(&wider);
        if (is_same_question(&wider, query) || (drops[i].drop == drop_near && !*query->near))
            continue;
        if (!directory_search(call->store, call->arena, &wider, &results, err))
            return false;
        if (results.count <= best && drops[i].drop == drop_filters)
            continue; /* one of them alone gives as much */
        if (results.count == 0)
            continue;
        Maillon__Api__V1__Widening *widening =
            rpc_message(call, &maillon__api__v1__widening__descriptor);
        widening->drop = rpc_text(call, drops[i].name);
        widening->found = (uint32_t)results.count;
        best = widening->found > best ? widening->found : best;
        response->widening[response->n_widening++] = widening;
    }
    return true;
}

bool directory_run_search(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SearchRequest *request = in;
    const struct directory_query query = {
        .words = request->words,
        .near = request->near,
        .km = request->km,
        .theme = request->theme,
        .hub_only = request->hub_only,
        .limit = request->limit,
        .offset = request->offset,
        .person = {.public_ = request->public_,
                   .price = request->price,
                   .mode = request->mode,
                   .language = request->language,
                   .age = request->age,
                   .commune = *request->commune ? request->commune : NULL},
        .only_fitting = request->only_fitting,
        .open_at_ms = request->open_now ? call->now.ms : 0,
        .everyday_path = arena_printf(call->arena, "%s/%s", call->env->config->dir, EVERYDAY_FILE),
    };
    struct directory_results results;
    if (!directory_search(call->store, call->arena, &query, &results, err))
        return false;
    Maillon__Api__V1__SearchResponse *response = results_view(call, &results, &query.person);
    *out = response;
    return results.count > 0 || request->offset > 0 || add_widenings(call, &query, response, err);
}

/* --- one service ------------------------------------------------------------------------------ */

/* From where and for whom, when the question says so. A place that is not known is no reason to
 * hide the service. */
static bool judge(struct call *call, const Maillon__Api__V1__GetServiceRequest *request,
                  struct directory_service *service, struct fit_person *person, struct err *err)
{
    struct place place;
    bool found = false;
    if (*request->near && !place_find(call->store, call->arena, request->near, &found, &place, err))
        return false;
    if (found && service->point != DIRECTORY_NOWHERE)
        service->distance_km =
            place_distance_km(place.latitude, place.longitude, service->latitude_e5 / 1e5,
                              service->longitude_e5 / 1e5);
    if (found)
        person->commune = place.insee;
    if (!commune_fill_epci(call->store, call->arena, person, err))
        return false;
    service->zone_doubt = fit_zone_is_doubtful(service->content, person);
    service->is_judged = fit_says_anything(person);
    service->why_not = fit_of(service->content, person);
    service->good = fit_good(service->content, person);
    return true;
}

bool directory_run_get_service(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetServiceRequest *request = in;
    struct directory_service service;
    struct fit_person person = {.public_ = request->public_,
                                .price = request->price,
                                .mode = request->mode,
                                .language = request->language,
                                .age = request->age};
    if (!directory_find_service(call->store, call->arena, request->id, &service, err) ||
        !directory_locate(call->store, call->arena, &service, err))
        return false;
    service.distance_km = -1;
    if (!judge(call, request, &service, &person, err))
        return false;
    *out = service_view_whole(call, &service, &person);
    return true;
}

/* --- the map ---------------------------------------------------------------------------------- */

/* A commune as hubs write it: name, postal code or INSEE code. */
static bool find_commune(struct call *call, const char *text, bool *ret_found, struct place *ret,
                         struct err *err)
{
    *ret_found = false;
    if (!*text)
        return true;
    return place_of_insee(call->store, call->arena, text, ret_found, ret, err) &&
           (*ret_found || place_find(call->store, call->arena, text, ret_found, ret, err));
}

static bool place_hub(struct call *call, const struct node_id *node, const char *commune,
                      Maillon__Api__V1__TerritoryHub *hub, struct err *err)
{
    size_t services = 0;
    enum directory_point point;
    struct place place;
    bool found;
    if (!directory_middle(call->store, node, &services, &point, &hub->latitude_e5,
                          &hub->longitude_e5, err) ||
        !find_commune(call, commune, &found, &place, err))
        return false;
    hub->services = (uint32_t)services;
    hub->placed = point != DIRECTORY_NOWHERE || found;
    if (point == DIRECTORY_NOWHERE && found) {
        hub->latitude_e5 = (int32_t)(place.latitude * 1e5);
        hub->longitude_e5 = (int32_t)(place.longitude * 1e5);
    }
    return true;
}

static bool add_own(struct call *call, Maillon__Api__V1__TerritoryResponse *response,
                    struct err *err)
{
    struct card *card = arena_alloc(call->arena, sizeof(*card));
    char id[NODE_ID_TEXT];
    if (!card_read(call->store, card, err))
        return false;
    Maillon__Api__V1__TerritoryHub *hub =
        rpc_message(call, &maillon__api__v1__territory_hub__descriptor);
    hub->id = rpc_text(call, node_id_text(identity_node(call->env->self), id));
    hub->name = rpc_text(call, card->name[0] ? card->name : call->env->config->name);
    hub->phone = rpc_text(call, card->phone);
    hub->ours = true;
    response->hub[response->n_hub++] = hub;
    return place_hub(call, NULL, card->commune, hub, err);
}

static bool add_hubs(struct call *call, Maillon__Api__V1__TerritoryResponse *response,
                     struct err *err)
{
    struct relation *relations;
    size_t count;
    char id[NODE_ID_TEXT];
    if (!relation_list(call->store, call->arena, &relations, &count, err))
        return false;
    response->hub = (Maillon__Api__V1__TerritoryHub **)rpc_array(call, count + 1);
    if (!add_own(call, response, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!relation_is_accepted(&relations[i]))
            continue;
        Maillon__Api__V1__TerritoryHub *hub =
            rpc_message(call, &maillon__api__v1__territory_hub__descriptor);
        hub->id = rpc_text(call, node_id_text(&relations[i].node, id));
        hub->name = rpc_text(call, relations[i].name);
        hub->phone = rpc_text(call, relations[i].phone);
        hub->takes_referrals = relations[i].switches & SWITCH_REFERRALS;
        response->hub[response->n_hub++] = hub;
        if (!place_hub(call, &relations[i].node, relations[i].commune, hub, err))
            return false;
    }
    return true;
}

static bool add_communes(struct call *call, const struct place *around, double km,
                         Maillon__Api__V1__TerritoryResponse *response, struct err *err)
{
    struct directory_commune *communes;
    size_t count;
    if (!directory_list_communes(call->store, call->arena, around->latitude, around->longitude, km,
                                 &communes, &count, err))
        return false;
    response->commune = (Maillon__Api__V1__TerritoryCommune **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        Maillon__Api__V1__TerritoryCommune *commune =
            rpc_message(call, &maillon__api__v1__territory_commune__descriptor);
        commune->name = rpc_text(call, communes[i].name);
        commune->postal_code = rpc_text(call, communes[i].postal_code);
        commune->latitude_e5 = communes[i].latitude_e5;
        commune->longitude_e5 = communes[i].longitude_e5;
        commune->services = (uint32_t)communes[i].services;
        response->commune[response->n_commune++] = commune;
    }
    return true;
}

bool directory_run_territory(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__TerritoryRequest *request = in;
    struct place around = {.name = ""};
    bool found = false;
    if (*request->near &&
        !place_find(call->store, call->arena, request->near, &found, &around, err))
        return false;
    if (*request->near && !found)
        return err_set(err, ERR_UNKNOWN, "no place of that name is known here");
    Maillon__Api__V1__TerritoryResponse *response =
        rpc_message(call, &maillon__api__v1__territory_response__descriptor);
    response->near_name = rpc_text(call, around.name);
    response->near_latitude_e5 = (int32_t)(around.latitude * 1e5);
    response->near_longitude_e5 = (int32_t)(around.longitude * 1e5);
    *out = response;
    return add_hubs(call, response, err) &&
           add_communes(call, &around, found ? request->km : 0, response, err);
}
