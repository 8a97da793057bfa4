/* The hub itself: status, card, settings, queue, metrics, backup (proto/maillon/api/v1/node.proto).
 */
#include "hub/api/metrics.h"
#include "hub/api/node_warnings.h"
#include "hub/api/rpc.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include "hub/crypto/key_archive.h"
#include "hub/domain/backup.h"
#include "hub/domain/card.h"
#include "hub/outbox/outbox.h"
#include "hub/store/schema.h"
#include "maillon/api/v1/node.pb-c.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define OUTBOX_DEFAULT 100
#define OUTBOX_MOST    1000

/* Status. */

/* Of the disk that the state directory is on; 0: not known. */
static uint64_t disk_free(const struct config *config)
{
    struct statvfs disk;
    return config->dir[0] && statvfs(config->dir, &disk) == 0
               ? (uint64_t)disk.f_bavail * (uint64_t)disk.f_frsize
               : 0;
}

static void *status_of(struct call *call, struct err *err)
{
    int64_t backup_ms, backup_bytes;
    const struct api_env *env = call->env;
    const struct node_id *node = identity_node(env->self);
    char id[NODE_ID_TEXT], words[NODE_ID_WORDS];
    struct metrics metrics;
    struct card card = {0};
    if (!metrics_read(env, call->store, call->arena, call->now, &metrics, err) ||
        !card_read(call->store, &card, err) ||
        !backup_last(call->store, &backup_ms, &backup_bytes, err))
        return NULL;
    Maillon__Api__V1__NodeStatus *status =
        rpc_message(call, &maillon__api__v1__node_status__descriptor);
    status->id = rpc_text(call, node_id_text(node, id));
    status->words = rpc_text(call, node_id_words(node, words));
    status->name = rpc_text(call, card.name[0] ? card.name : env->config->name);
    status->version = rpc_text(call, schema_hubd_version);
    status->started = rpc_time(call, env->started.ms);
    status->peers = (uint32_t)metrics.peers;
    status->peers_connected = (uint32_t)metrics.peers_connected;
    status->queued = metrics.queued;
    status->objects = metrics.objects;
    status->storage_bytes = metrics.storage_bytes;
    status->open_referrals = (uint32_t)metrics.open_referrals;
    status->open_notices = (uint32_t)metrics.open_notices;
    status->services = (uint32_t)metrics.services;
    status->phone = rpc_text(call, card.phone);
    status->commune = rpc_text(call, card.commune);
    status->description = rpc_text(call, card.description);
    status->backup = rpc_time(call, backup_ms);
    status->backup_bytes = (uint64_t)backup_bytes;
    status->disk_free_bytes = disk_free(env->config);
    status->route = (char **)rpc_array(call, card.route_count);
    for (size_t i = 0; i < card.route_count; i++)
        status->route[status->n_route++] = rpc_text(call, card.routes[i]);
    return node_warnings(call, status->name, metrics.peers, &status->warning, &status->n_warning,
                         err)
               ? status
               : NULL;
}

static bool status(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    *out = status_of(call, err);
    return *out;
}

/* A given text replaces, an empty one leaves what was. */
static bool set_text(char *field, size_t size, const char *given, const char *what, struct err *err)
{
    if (strlen(given) >= size)
        return err_set(err, ERR_INVALID, "the %s is longer than %zu bytes", what, size - 1);
    if (*given)
        text_copy(field, size, given);
    return true;
}

static bool set_routes(struct card *card, const Maillon__Api__V1__SetCardRequest *request,
                       struct err *err)
{
    if (request->n_route > ARRAY_LEN(card->routes))
        return err_set(err, ERR_INVALID, "a hub has at most %zu routes", ARRAY_LEN(card->routes));
    for (size_t i = 0; i < request->n_route; i++) {
        if (!set_text(card->routes[i], sizeof(card->routes[i]), request->route[i], "route", err))
            return false;
    }
    if (request->n_route > 0)
        card->route_count = request->n_route;
    return true;
}

static bool set_card(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SetCardRequest *request = in;
    struct card card = {0};
    if (!card_read(call->store, &card, err))
        return false;
    if (!card.version)
        text_copy(card.name, sizeof(card.name), call->env->config->name);
    card.tls_proxied = call->env->config->tls_proxied;
    if (!set_text(card.name, sizeof(card.name), request->name, "name", err) ||
        !set_text(card.phone, sizeof(card.phone), request->phone, "phone", err) ||
        !set_text(card.commune, sizeof(card.commune), request->commune, "commune", err) ||
        !set_text(card.description, sizeof(card.description), request->description, "description",
                  err) ||
        !set_routes(&card, request, err) || !card_set(call->tx, &card, err))
        return false;
    *out = status_of(call, err);
    return *out;
}

static bool config(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    (void)err;
    Maillon__Api__V1__ConfigResponse *answer =
        rpc_message(call, &maillon__api__v1__config_response__descriptor);
    size_t count = 0;
    while (config_options[count].name)
        count++;
    answer->option = (Maillon__Api__V1__ConfigOption **)rpc_array(call, count);
    for (const struct config_option *option = config_options; option->name; option++) {
        char value[256];
        config_text(call->env->config, option, value, sizeof(value));
        Maillon__Api__V1__ConfigOption *view =
            rpc_message(call, &maillon__api__v1__config_option__descriptor);
        view->name = rpc_text(call, option->name);
        view->value = rpc_text(call, value);
        view->default_value = rpc_text(call, option->default_value);
        view->reloadable = option->reloadable;
        view->help = rpc_text(call, option->help);
        answer->option[answer->n_option++] = view;
    }
    *out = answer;
    return true;
}

/* The queue to peers. */

static Maillon__Api__V1__OutboxRow *row_view(struct call *call, const struct outbox_row *row,
                                             const char *peer_name)
{
    char peer[NODE_ID_TEXT], oid[2 * OID_BYTES + 1];
    Maillon__Api__V1__OutboxRow *view =
        rpc_message(call, &maillon__api__v1__outbox_row__descriptor);
    view->peer = rpc_text(call, node_id_text(&row->peer, peer));
    view->peer_name = rpc_text(call, peer_name);
    view->lane = row->lane;
    view->link_seq = row->link_seq;
    view->oid = rpc_text(call, hex_encode(oid_bytes(&row->oid), oid));
    view->state = rpc_text(call, row->acked ? "acked" : row->relayed ? "at-relay" : "queued");
    view->created = rpc_time(call, row->created_ms);
    view->expires = rpc_time(call, (int64_t)row->expires_s * 1000);
    view->attempts = row->attempts;
    view->bytes = (uint32_t)row->bytes;
    return view;
}

static const char *name_of(const struct relation *relations, size_t count,
                           const struct node_id *node)
{
    for (size_t i = 0; i < count; i++) {
        if (node_id_equal(&relations[i].node, node))
            return relations[i].name;
    }
    return "";
}

static bool list_outbox(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ListOutboxRequest *request = in;
    struct relation *one = arena_alloc(call->arena, sizeof(*one)), *relations;
    struct outbox_row *rows;
    size_t relation_count, count, limit = request->limit ? request->limit : OUTBOX_DEFAULT;
    bool all = !request->peer[0];
    if (limit > OUTBOX_MOST)
        return err_set(err, ERR_INVALID, "limit is at most %d", OUTBOX_MOST);
    if ((!all && !relation_resolve(call->store, request->peer, one, err)) ||
        !relation_list(call->store, call->arena, &relations, &relation_count, err) ||
        !outbox_list(call->store, call->arena, all ? NULL : &one->node, limit, &rows, &count, err))
        return false;
    Maillon__Api__V1__ListOutboxResponse *answer =
        rpc_message(call, &maillon__api__v1__list_outbox_response__descriptor);
    answer->row = (Maillon__Api__V1__OutboxRow **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        answer->row[answer->n_row++] =
            row_view(call, &rows[i], name_of(relations, relation_count, &rows[i].peer));
    *out = answer;
    return true;
}

static void dial_now(struct call *call)
{
    const struct live *live = &call->env->live;
    if (live->retry)
        live->retry(live->ctx, call->work); /* NULL: all */
}

static bool retry_outbox(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__RetryOutboxRequest *request = in;
    struct relation *one = arena_alloc(call->arena, sizeof(*one)), *relations;
    size_t count = 1;
    bool all = !request->peer[0];
    if (all ? !relation_list(call->store, call->arena, &relations, &count, err)
            : !relation_resolve(call->store, request->peer, one, err))
        return false;
    if (!outbox_retry_now(call->tx, all ? NULL : &one->node, err))
        return false;
    call->work = all ? NULL : &one->node;
    call->after = dial_now;
    Maillon__Api__V1__RetryOutboxResponse *answer =
        rpc_message(call, &maillon__api__v1__retry_outbox_response__descriptor);
    answer->peers = (uint32_t)count;
    *out = answer;
    return true;
}

static bool metrics(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct metrics metrics;
    struct buf text = {0};
    if (!metrics_read(call->env, call->store, call->arena, call->now, &metrics, err))
        return false;
    metrics_write(call->env->counters, &metrics, (call->now.ms - call->env->started.ms) / 1000,
                  &text);
    Maillon__Api__V1__MetricsResponse *answer =
        rpc_message(call, &maillon__api__v1__metrics_response__descriptor);
    answer->text = arena_textn(call->arena, text.data, text.len);
    buf_done(&text);
    *out = answer;
    return true;
}

/* Copies. */

struct backup_mark {
    struct action action; /* first member */
    int64_t bytes;
};

static bool mark_apply(struct tx *tx, struct action *action, struct err *err)
{
    return backup_note(tx, ((struct backup_mark *)(void *)action)->bytes, err);
}

static void mark_done(struct action *action, const struct err *err)
{
    if (err->code != ERR_NONE)
        log_line(LOG_WARN, "could not note the backup code=%s reason=\"%s\"",
                 err_code_name(err->code), err->msg);
    free(action);
}

static void submit_mark(struct call *call)
{
    exchange_submit(call->env->exchange, call->work);
}

/* "backups/maillon-20261122-152000.db" in the state directory. NULL: no such folder. */
static const char *choose_path(struct call *call, struct err *err)
{
    const char *dir = call->env->config->dir;
    const char *folder = arena_printf(call->arena, "%s/backups", dir);
    char time[25];
    if (!dir[0] || (mkdir(folder, 0700) != 0 && errno != EEXIST)) {
        (void)err_set(err, ERR_IO, "could not make the folder for backups");
        return NULL;
    }
    text_time(call->now.ms, time);
    return arena_printf(call->arena, "%s/maillon-%.4s%.2s%.2s-%.2s%.2s%.2s.db", folder, time,
                        time + 5, time + 8, time + 11, time + 14, time + 17);
}

static bool backup(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__BackupRequest *request = in;
    struct stat copy;
    const char *path = request->path;
    /* It writes a file of the caller's choice as the hub's user: not over the network. */
    if (*path && !call->caller.local)
        return err_set(err, ERR_DENIED, "a backup is asked for over the unix socket");
    if (*path && *path != '/')
        return err_set(err, ERR_INVALID, "the path of a backup starts with \"/\"");
    if (!*path && !(path = choose_path(call, err)))
        return false;
    const char *keys = arena_printf(call->arena, "%s.keys", path);
    if (!store_backup(call->store, path, err))
        return false;
    /* Apart from the copy, so that one of them alone tells nothing (R-REC-3, R-PR-2). */
    if (call->env->config->dir[0] && !key_archive_write(call->env->config->dir, keys, err))
        return err_wrap(err, "the copy is there, its keys are not");
    if (stat(path, &copy) != 0)
        return err_set(err, ERR_IO, "could not find the backup after writing it");
    struct backup_mark *mark = mem_alloc(sizeof(*mark));
    mark->action = (struct action){.apply = mark_apply, .done = mark_done};
    mark->bytes = copy.st_size;
    call->work = mark;
    call->after = submit_mark;
    Maillon__Api__V1__BackupResponse *answer =
        rpc_message(call, &maillon__api__v1__backup_response__descriptor);
    answer->bytes = (uint64_t)copy.st_size;
    answer->keys = rpc_text(call, call->env->config->dir[0] ? keys : "");
    answer->path = rpc_text(call, path);
    *out = answer;
    return true;
}

#define SERVICE &maillon__api__v1__node__descriptor
const struct method methods_node[] = {
    {SERVICE, "Status", ROLE_ANY, METHOD_READ, status, NULL},
    {SERVICE, "SetCard", ROLE_ADMIN, METHOD_WRITE, set_card, NULL},
    {SERVICE, "Config", ROLE_ADMIN, METHOD_READ, config, NULL},
    {SERVICE, "ListOutbox", ROLE_ADMIN, METHOD_READ, list_outbox, NULL},
    {SERVICE, "RetryOutbox", ROLE_ADMIN, METHOD_WRITE, retry_outbox, NULL},
    {SERVICE, "Metrics", ROLE_ADMIN, METHOD_READ, metrics, NULL},
    {SERVICE, "Backup", ROLE_ADMIN, METHOD_READ, backup, NULL},
    {.name = NULL},
};
