/* Who does what: search, own services, import and export (proto/maillon/api/v1/directory.proto). */
#include "hub/api/directory_export.h"
#include "hub/api/rpc.h"
#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/directory.h"
#include "hub/domain/everyday.h"
#include "hub/domain/import.h"
#include "hub/domain/import_record.h"
#include "hub/domain/quality.h"
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

static const char *joined(struct call *call, char *const *items, size_t count)
{
    AUTO(buf_done) struct buf out = {0};
    for (size_t i = 0; i < count; i++)
        buf_addf(&out, "%s%s", i > 0 ? ", " : "", items[i]);
    return arena_text(call->arena, buf_text(&out));
}

/* What the service says about it. */
static const char *fit_detail(struct call *call, const struct directory_service *service,
                              enum fit_reason reason)
{
    const Maillon__Hfp__V1__ServiceContent *c = service->content;
    switch (reason) {
    case FIT_AGE:
        return *c->conditions ? c->conditions : joined(call, c->public_, c->n_public_);
    case FIT_PUBLIC:
        return joined(call, c->public_, c->n_public_);
    case FIT_PRICE:
        return *c->price_detail ? c->price_detail : c->price;
    case FIT_MODE:
        return joined(call, c->mode, c->n_mode);
    case FIT_ZONE:
        return joined(call, c->zone, c->n_zone);
    case FIT_LANGUAGE:
        return joined(call, c->language, c->n_language);
    case FIT_COUNT:
        break;
    }
    return "";
}

static Maillon__Api__V1__Fit *fit_view(struct call *call, const struct directory_service *service)
{
    Maillon__Api__V1__Fit *fit = rpc_message(call, &maillon__api__v1__fit__descriptor);
    fit->fits = service->why_not == 0;
    fit->reason = (Maillon__Api__V1__FitReason **)rpc_array(call, FIT_COUNT);
    for (enum fit_reason reason = 0; reason < FIT_COUNT; reason++) {
        if (!(service->why_not & (1u << reason)))
            continue;
        Maillon__Api__V1__FitReason *row =
            rpc_message(call, &maillon__api__v1__fit_reason__descriptor);
        row->code = rpc_text(call, fit_code(reason));
        row->detail = rpc_text(call, fit_detail(call, service, reason));
        fit->reason[fit->n_reason++] = row;
    }
    return fit;
}

static Maillon__Api__V1__Quality *quality_view(struct call *call,
                                               const struct directory_service *service)
{
    Maillon__Api__V1__Quality *view = rpc_message(call, &maillon__api__v1__quality__descriptor);
    struct quality quality = quality_of(service, call->now);
    view->percent = (uint32_t)(quality.score * 100 + 0.5);
    view->next = rpc_text(call, quality_code(quality.next));
    return view;
}

/* Where each field of an imported record comes from, and of when it is. */
static const struct {
    const char *name;
    size_t offset;
    unsigned inherited; /* part that a service may have from its structure */
} origin_fields[] = {
#define X(field, part)                                                  \
    {                                                                   \
#field, offsetof(Maillon__Hfp__V1__ServiceContent, field), part \
    }
    X(name, 0),
    X(description, 0),
    X(type, 0),
    X(conditions, 0),
    X(price, 0),
    X(price_detail, 0),
    X(url, 0),
    X(access, 0),
    X(opening_hours, INHERITED_HOURS),
    X(address, INHERITED_PLACE),
    X(postal_code, INHERITED_PLACE),
    X(commune_name, INHERITED_PLACE),
    X(commune, INHERITED_PLACE),
    X(phone, INHERITED_CONTACT),
    X(email, INHERITED_CONTACT),
#undef X
};

static void add_origins(struct call *call, const struct directory_service *service,
                        Maillon__Api__V1__ServiceView *view)
{
    view->origin = (Maillon__Api__V1__FieldOrigin **)rpc_array(call, ARRAY_LEN(origin_fields));
    for (size_t i = 0; i < ARRAY_LEN(origin_fields); i++) {
        const char *text =
            *(char *const *)((const char *)service->content + origin_fields[i].offset);
        int64_t dated_ms = service->inherited & origin_fields[i].inherited
                               ? service->structure_dated_ms
                               : service->dated_ms;
        if (!*text)
            continue;
        Maillon__Api__V1__FieldOrigin *origin =
            rpc_message(call, &maillon__api__v1__field_origin__descriptor);
        origin->field = rpc_text(call, origin_fields[i].name);
        origin->source = rpc_text(call, service->source);
        origin->updated = rpc_time(call, dated_ms > 0 ? dated_ms : 0);
        view->origin[view->n_origin++] = origin;
    }
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
    if (service->is_judged)
        view->fit = fit_view(call, service);
    if (service->ours)
        view->quality = quality_view(call, service);
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
    Maillon__Api__V1__ServiceView *view = view_of(call, &service);
    view->quality = quality_view(call, &service);
    if (service.is_import)
        add_origins(call, &service, view);
    *out = view;
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

static Maillon__Api__V1__ImportResponse *import_view(struct call *call,
                                                     const struct import_report *report)
{
    Maillon__Api__V1__ImportResponse *response =
        rpc_message(call, &maillon__api__v1__import_response__descriptor);
    response->read = report->read;
    response->created = report->created;
    response->updated = report->updated;
    response->unchanged = report->unchanged;
    response->review = report->review;
    response->refused = report->refused;
    response->n_mapping = report->mapping_count;
    response->mapping = (Maillon__Api__V1__ImportMapping **)rpc_array(call, report->mapping_count);
    for (size_t i = 0; i < report->mapping_count; i++) {
        Maillon__Api__V1__ImportMapping *mapping =
            rpc_message(call, &maillon__api__v1__import_mapping__descriptor);
        mapping->field = rpc_text(call, report->mappings[i].field);
        mapping->from = rpc_text(call, report->mappings[i].from);
        mapping->to = rpc_text(call, report->mappings[i].to);
        mapping->count = report->mappings[i].count;
        response->mapping[i] = mapping;
    }
    response->n_issue = report->issue_count;
    response->issue = (Maillon__Api__V1__ImportIssue **)rpc_array(call, report->issue_count);
    for (size_t i = 0; i < report->issue_count; i++)
        response->issue[i] = issue_of(call, &report->issues[i]);
    return response;
}

struct import_work {
    struct import_file file;
    struct import *import;
};

static void free_import(struct call *call)
{
    struct import_work *work = call->work;
    import_free(TAKE(work->import));
}

static bool begin_import(struct call *call, const Maillon__Api__V1__ImportRequest *request,
                         struct err *err)
{
    struct import_work *work = arena_alloc(call->arena, sizeof(*work));
    work->file = (struct import_file){
        .format = request->format,
        .file = bytes_of(request->file.data, request->file.len),
        .services = bytes_of(request->services_file.data, request->services_file.len),
        .source = request->source,
        .dry_run = request->dry_run,
    };
    call->work = work;
    call->cleanup = free_import;
    work->import = import_begin(call->arena, &work->file, err);
    return work->import;
}

/* In steps, so that a large file does not hold up what others do. */
static bool run_import(struct call *call, const void *in, void **out, struct err *err)
{
    bool more;
    if (!call->work && !begin_import(call, in, err))
        return false;
    struct import_work *work = call->work;
    if (!import_step(work->import, call->tx, IMPORT_STEP, &more, err))
        return false;
    call->again = more;
    if (more)
        return true;
    struct import_report report;
    import_finish(work->import, &report);
    *out = import_view(call, &report);
    return work->file.dry_run || audit_add(call->tx, actor(call), "directory.import", NULL, err);
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

static bool run_hsds(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__HsdsRequest *request = in;
    char node[NODE_ID_TEXT];
    const struct export_owner owner = {node_id_text(identity_node(call->env->self), node),
                                       call->env->config->name};
    AUTO(buf_done) struct buf text = {0};
    if (!hsds_answer(call->store, call->arena, &owner, request->path, request->query, &text, err))
        return false;
    Maillon__Api__V1__HsdsResponse *response =
        rpc_message(call, &maillon__api__v1__hsds_response__descriptor);
    response->text = rpc_text(call, buf_text(&text));
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
    {DIRECTORY, "Hsds", ROLE_ANY, METHOD_READ, run_hsds, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
