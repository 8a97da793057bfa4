#include "hub/api/node_warnings.h"

#include "hub/domain/audit_witness.h"
#include "hub/domain/backup.h"
#include "hub/domain/own_keys.h"
#include "hub/domain/recovery.h"

#define WARNINGS_MAX   8
#define WAL_WARN_PAGES 20000 /* 80 MiB: the database file is not kept up with */

struct warnings {
    char **list; /* arena */
    size_t count;
};

static void warn(struct call *call, struct warnings *warnings, const char *text)
{
    if (warnings->count < WARNINGS_MAX)
        warnings->list[warnings->count++] = rpc_text(call, text);
}

/* Whether this hub signs anything, and what to do when it does not. */
static bool add_recovery(struct call *call, struct warnings *warnings, struct err *err)
{
    struct recovery_progress progress;
    struct authoring state;
    enum authoring_bar bar;
    if (!recovery_progress(call->store, &progress, err) ||
        !authoring_check(call->store, call->env->self, call->now, &state, &bar, err))
        return false;
    if (bar == AUTHORING_RECOVERING)
        warn(call, warnings,
             arena_printf(call->arena,
                          "restored: fetching the tail from %u of %u peers; nothing is sent until "
                          "then: wait, or see hubctl recover",
                          progress.needed - progress.answered, progress.needed));
    else if (bar != AUTHORING_OPEN)
        warn(call, warnings, authoring_words(bar));
    return true;
}

static bool add_backup(struct call *call, struct warnings *warnings, struct err *err)
{
    int64_t days;
    bool never;
    if (!backup_overdue_days(call->store, call->now, &days, &never, err))
        return false;
    if (days)
        warn(call, warnings,
             arena_printf(call->arena,
                          never ? "no backup was made in %lld days: make one, see hubctl backup"
                                : "the last backup is %lld days old: make one, see hubctl backup",
                          (long long)days));
    return true;
}

bool node_warnings(struct call *call, const char *name, uint64_t peers, char ***ret,
                   size_t *ret_count, struct err *err)
{
    struct warnings warnings = {(char **)rpc_array(call, WARNINGS_MAX), 0};
    char audit[200];
    struct err unread = {0};
    if (audit_warning(call->store, audit, &unread) && audit[0])
        warn(call, &warnings, audit);
    const char *keys[OWN_KEYS_WARNINGS_MAX];
    size_t key_count = 0;
    if (!own_keys_warnings(call->store, call->env->self, call->now, call->arena, keys, &key_count,
                           &unread))
        key_count = 0;
    for (size_t i = 0; i < key_count; i++)
        warn(call, &warnings, keys[i]);
    if (store_wal_pages(call->store) > WAL_WARN_PAGES)
        warn(call, &warnings,
             "the write-ahead log grows: the disk is slow or a query runs very long");
    if (!name[0])
        warn(call, &warnings, "this hub has no name: peers see its id only");
    if (!call->env->config->url[0] && peers == 0)
        warn(call, &warnings, "no url is set: peers cannot dial this hub, it must dial them");
    if (!add_backup(call, &warnings, err) || !add_recovery(call, &warnings, err))
        return false;
    *ret = warnings.list;
    *ret_count = warnings.count;
    return true;
}
