/* Who does what: search, own services, import and export (proto/maillon/api/v1/directory.proto). */
#include "hub/api/directory_export.h"
#include "hub/api/rpc.h"
#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/directory.h"
#include "hub/domain/import.h"
#include "maillon/api/v1/directory.pb-c.h"

#define ROLES_EDIT     (ROLE_COORDINATOR | ROLE_ADMIN)
#define REVIEW_DEFAULT 100
#define REVIEW_MAX     1000
#define DAY_MS         86400000

static const char *actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
}

/* How long ago the source spoke, as people say it. */
static char *age_words(struct call *call, int64_t dated_ms)
{
    if (dated_ms <= 0)
        return rpc_text(call, "date inconnue");
    int64_t days = (call->now.ms - dated_ms) / DAY_MS;
    if (days < 1)
        return rpc_text(call, "à jour aujourd’hui");
    if (days < 60)
        return arena_printf(call->arena, "il y a %lld jour%s", (long long)days,
                            days > 1 ? "s" : "");
    if (days < 730)
        return arena_printf(call->arena, "il y a %lld mois", (long long)days / 30);
    return arena_printf(call->arena, "il y a %lld ans", (long long)days / 365);
}

static Maillon__Api__V1__ServiceView *view_of(struct call *call,
                                              const struct directory_service *service)
{
    Maillon__Api__V1__ServiceView *view =
        rpc_message(call, &maillon__api__v1__service_view__descriptor);
    char node[NODE_ID_TEXT];
    view->id = rpc_text(call, service->id);
    view->owner = rpc_text(call, service->is_import ? "" : node_id_text(&service->node, node));
    view->owner_name =
        rpc_text(call, service->ours ? call->env->config->name : service->owner_name);
    /* The encoder only reads it. */
    view->content = (Maillon__Hfp__V1__ServiceContent *)(uintptr_t)service->content;
    view->distance_km = service->distance_km;
    view->takes_referrals = service->takes_referrals;
    view->ours = service->ours;
    view->source = rpc_text(call, service->source);
    view->updated = rpc_time(call, service->dated_ms > 0 ? service->dated_ms : 0);
    view->age_words = age_words(call, service->dated_ms);
    return view;
}

static bool run_search(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SearchRequest *request = in;
    const struct directory_query query = {
        .words = request->words,
        .near = request->near,
        .km = request->km,
        .theme = request->theme,
        .hub_only = request->hub_only,
        .limit = request->limit,
    };
    struct directory_results results;
    if (!directory_search(call->store, call->arena, &query, &results, err))
        return false;
    Maillon__Api__V1__SearchResponse *response =
        rpc_message(call, &maillon__api__v1__search_response__descriptor);
    response->n_service = results.count;
    response->service = (Maillon__Api__V1__ServiceView **)rpc_array(call, results.count);
    for (size_t i = 0; i < results.count; i++)
        response->service[i] = view_of(call, &results.services[i]);
    response->near_name = rpc_text(call, results.near_name);
    response->total = (uint32_t)results.looked_at;
    *out = response;
    return true;
}

static bool answer_service(struct call *call, const char *id, void **out, struct err *err)
{
    struct directory_service service;
    if (!directory_find_service(call->store, call->arena, id, &service, err))
        return false;
    *out = view_of(call, &service);
    return true;
}

static bool run_get_service(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetServiceRequest *request = in;
    return answer_service(call, request->id, out, err);
}

static const char *own_id(struct call *call, const char *uid)
{
    char node[NODE_ID_TEXT];
    node_id_text(identity_node(call->env->self), node);
    return arena_printf(call->arena, "%s/%s", node, uid);
}

/* People paste either "NODE/UID" or the uid alone. */
static const char *own_uid(struct call *call, const char *id)
{
    const char *slash = strchr(id, '/');
    if (!slash || strncmp(own_id(call, ""), id, (size_t)(slash - id) + 1) != 0)
        return id;
    return slash + 1;
}

static bool run_put_service(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__PutServiceRequest *request = in;
    char uid[SERVICE_UID_MAX + 1];
    if (!request->content)
        return err_set(err, ERR_INVALID, "the service has no content");
    return directory_put_service(call->tx, own_uid(call, request->uid), request->content, uid,
                                 err) &&
           audit_add(call->tx, actor(call), "service.put", NULL, err) &&
           answer_service(call, own_id(call, uid), out, err);
}

static bool run_remove_service(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetServiceRequest *request = in;
    if (!directory_remove_service(call->tx, own_uid(call, request->id), err) ||
        !audit_add(call->tx, actor(call), "service.remove", NULL, err))
        return false;
    *out = rpc_message(call, &maillon__api__v1__remove_service_response__descriptor);
    return true;
}

static bool run_set_capacity(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SetCapacityRequest *request = in;
    const char *uid = own_uid(call, request->uid);
    return directory_set_capacity(call->tx, uid, request->capacity, err) &&
           audit_add(call->tx, actor(call), "service.capacity", NULL, err) &&
           answer_service(call, own_id(call, uid), out, err);
}

static Maillon__Api__V1__ImportIssue *issue_of(struct call *call, const struct import_issue *from)
{
    Maillon__Api__V1__ImportIssue *issue =
        rpc_message(call, &maillon__api__v1__import_issue__descriptor);
    issue->record = rpc_text(call, from->record);
    issue->field = rpc_text(call, from->field);
    issue->what = rpc_text(call, from->what);
    issue->refused = from->refused;
    return issue;
}

static bool run_import(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ImportRequest *request = in;
    const struct import_file file = {
        .format = request->format,
        .file = bytes_of(request->file.data, request->file.len),
        .services = bytes_of(request->services_file.data, request->services_file.len),
        .source = request->source,
        .dry_run = request->dry_run,
    };
    struct import_report report;
    if (!directory_import(call->tx, &file, &report, err) ||
        (!file.dry_run && !audit_add(call->tx, actor(call), "directory.import", NULL, err)))
        return false;
    Maillon__Api__V1__ImportResponse *response =
        rpc_message(call, &maillon__api__v1__import_response__descriptor);
    response->read = report.read;
    response->created = report.created;
    response->updated = report.updated;
    response->unchanged = report.unchanged;
    response->review = report.review;
    response->refused = report.refused;
    response->n_mapping = report.mapping_count;
    response->mapping = (Maillon__Api__V1__ImportMapping **)rpc_array(call, report.mapping_count);
    for (size_t i = 0; i < report.mapping_count; i++) {
        Maillon__Api__V1__ImportMapping *mapping =
            rpc_message(call, &maillon__api__v1__import_mapping__descriptor);
        mapping->field = rpc_text(call, report.mappings[i].field);
        mapping->from = rpc_text(call, report.mappings[i].from);
        mapping->to = rpc_text(call, report.mappings[i].to);
        mapping->count = report.mappings[i].count;
        response->mapping[i] = mapping;
    }
    response->n_issue = report.issue_count;
    response->issue = (Maillon__Api__V1__ImportIssue **)rpc_array(call, report.issue_count);
    for (size_t i = 0; i < report.issue_count; i++)
        response->issue[i] = issue_of(call, &report.issues[i]);
    *out = response;
    return true;
}

static bool run_list_review(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ListReviewRequest *request = in;
    size_t limit = request->limit ? request->limit : REVIEW_DEFAULT, count;
    struct import_issue *issues;
    if (limit > REVIEW_MAX)
        limit = REVIEW_MAX;
    if (!import_list_review(call->store, call->arena, limit, &issues, &count, err))
        return false;
    Maillon__Api__V1__ListReviewResponse *response =
        rpc_message(call, &maillon__api__v1__list_review_response__descriptor);
    response->n_issue = count;
    response->issue = (Maillon__Api__V1__ImportIssue **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        response->issue[i] = issue_of(call, &issues[i]);
    *out = response;
    return true;
}

static bool run_export(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ExportRequest *request = in;
    char node[NODE_ID_TEXT];
    const struct export_owner owner = {node_id_text(identity_node(call->env->self), node),
                                       call->env->config->name};
    AUTO(buf_done) struct buf file = {0};
    bool done;
    if (!*request->format || strcmp(request->format, "data-inclusion") == 0)
        done = directory_export_data_inclusion(call->store, &owner, &file, err);
    else if (strcmp(request->format, "hsds") == 0)
        done = directory_export_hsds(call->store, &owner, &file, err);
    else
        return err_set(err, ERR_INVALID, "unknown format; known are data-inclusion and hsds");
    if (!done)
        return false;
    uint8_t *copy = arena_try(call->arena, file.len + 1);
    if (!copy)
        return err_set(err, ERR_LIMIT, "the export is too large for one answer");
    memcpy(copy, file.data, file.len);
    Maillon__Api__V1__ExportResponse *response =
        rpc_message(call, &maillon__api__v1__export_response__descriptor);
    response->file = (ProtobufCBinaryData){file.len, copy};
    *out = response;
    return true;
}

#define DIRECTORY &maillon__api__v1__directory__descriptor

const struct method methods_directory[] = {
    {DIRECTORY, "Search", ROLE_ANY, METHOD_READ, run_search, NULL},
    {DIRECTORY, "GetService", ROLE_ANY, METHOD_READ, run_get_service, NULL},
    {DIRECTORY, "PutService", ROLES_EDIT, METHOD_WRITE, run_put_service, NULL},
    {DIRECTORY, "RemoveService", ROLES_EDIT, METHOD_WRITE, run_remove_service, NULL},
    {DIRECTORY, "SetCapacity", ROLES_EDIT, METHOD_WRITE, run_set_capacity, NULL},
    {DIRECTORY, "Import", ROLES_EDIT, METHOD_WRITE, run_import, NULL},
    {DIRECTORY, "ListReview", ROLES_EDIT, METHOD_READ, run_list_review, NULL},
    {DIRECTORY, "Export", ROLES_EDIT, METHOD_READ, run_export, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
