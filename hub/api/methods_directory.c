/* Who does what: search, own services and export (proto/maillon/api/v1/directory.proto). */
#include "hub/api/directory_export.h"
#include "hub/api/directory_find.h"
#include "hub/api/rpc.h"
#include "hub/api/service_view.h"
#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/directory.h"
#include "maillon/api/v1/directory.pb-c.h"
#include <stdlib.h>

#define ROLES_EDIT (ROLE_COORDINATOR | ROLE_ADMIN)

static const char *actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
}

static bool answer_service(struct call *call, const char *id, void **out, struct err *err)
{
    struct directory_service service;
    if (!directory_find_service(call->store, call->arena, id, &service, err))
        return false;
    service.distance_km = -1; /* from nowhere */
    *out = service_view_whole(call, &service, NULL);
    return true;
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

static bool run_confirm_service(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetServiceRequest *request = in;
    const char *uid = own_uid(call, request->id);
    return directory_confirm_service(call->tx, uid, err) &&
           audit_add(call->tx, actor(call), "service.confirm", NULL, err) &&
           answer_service(call, own_id(call, uid), out, err);
}

static bool run_close_service(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__CloseServiceRequest *request = in;
    const char *uid = own_uid(call, request->uid);
    return directory_close_service(call->tx, uid, request->closure, err) &&
           audit_add(call->tx, actor(call), "service.close", NULL, err) &&
           answer_service(call, own_id(call, uid), out, err);
}

static bool run_get_own(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__GetServiceRequest *request = in;
    return answer_service(call, own_id(call, own_uid(call, request->id)), out, err);
}

/* What is most to mend first: who keeps the entries has little time. */
static int by_need(const void *a, const void *b)
{
    const Maillon__Api__V1__ServiceView *x = *(Maillon__Api__V1__ServiceView *const *)a;
    const Maillon__Api__V1__ServiceView *y = *(Maillon__Api__V1__ServiceView *const *)b;
    if (x->quality->percent != y->quality->percent)
        return x->quality->percent < y->quality->percent ? -1 : 1;
    return strcmp(x->content->name, y->content->name);
}

static bool run_list_own(struct call *call, const void *in UNUSED, void **out, struct err *err)
{
    struct directory_service *own;
    size_t count;
    if (!directory_list_own(call->store, call->arena, &own, &count, err))
        return false;
    Maillon__Api__V1__ListOwnResponse *response =
        rpc_message(call, &maillon__api__v1__list_own_response__descriptor);
    response->service = (Maillon__Api__V1__ServiceView **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        response->service[response->n_service++] = service_view(call, &own[i], NULL);
    if (count > 0)
        qsort(response->service, count, sizeof(*response->service), by_need);
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
    {DIRECTORY, "Search", ROLE_ANY, METHOD_READ, directory_run_search, NULL},
    {DIRECTORY, "GetService", ROLE_ANY, METHOD_READ, directory_run_get_service, NULL},
    {DIRECTORY, "Territory", ROLE_ANY, METHOD_READ, directory_run_territory, NULL},
    {DIRECTORY, "PutService", ROLES_EDIT, METHOD_WRITE, run_put_service, NULL},
    {DIRECTORY, "RemoveService", ROLES_EDIT, METHOD_WRITE, run_remove_service, NULL},
    {DIRECTORY, "SetCapacity", ROLES_EDIT, METHOD_WRITE, run_set_capacity, NULL},
    {DIRECTORY, "ListOwn", ROLES_EDIT, METHOD_READ, run_list_own, NULL},
    {DIRECTORY, "GetOwn", ROLES_EDIT, METHOD_READ, run_get_own, NULL},
    {DIRECTORY, "ConfirmService", ROLES_EDIT, METHOD_WRITE, run_confirm_service, NULL},
    {DIRECTORY, "CloseService", ROLES_EDIT, METHOD_WRITE, run_close_service, NULL},
    {DIRECTORY, "Export", ROLES_EDIT, METHOD_READ, run_export, NULL},
    {DIRECTORY, "Hsds", ROLE_ANY, METHOD_READ, run_hsds, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
