/* The hub itself: its health, its keys, what waits to be sent. */
#include "hub/web/pages_admin.h"

#include "hub/web/sentences.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For all pages of the hub itself. */

void admin_set_area(struct page_visit *visit, const char *area)
{
    json_object_set_new(page_context(visit), "area", json_pack("{s:b}", area, 1));
}

json_t *admin_say(const struct page_visit *visit, const char *english)
{
    AUTO(buf_done) struct buf said = {0};
    if (sentence_say(page_catalog(visit), english, &said))
        return json_pack("{s:s}", "text", buf_text(&said));
    return json_pack("{s:s, s:b}", "text", english, "is_english", 1);
}

void admin_say_list(const struct page_visit *visit, json_t *object, const char *name)
{
    size_t i;
    char key[64];
    json_t *english, *said = json_array();
    json_array_foreach(json_object_get(object, name), i, english)
        json_array_append_new(said, admin_say(visit, json_string_value(english)));
    snprintf(key, sizeof(key), "%s_said", name);
    json_object_set_new(object, key, said);
}

void admin_say_one(const struct page_visit *visit, json_t *object, const char *name)
{
    char key[64];
    const char *english = json_string_value(json_object_get(object, name));
    snprintf(key, sizeof(key), "%s_said", name);
    if (english && *english)
        json_object_set_new(object, key, admin_say(visit, english));
}

void admin_add_zero(json_t *object, const char *name, const char *as)
{
    json_object_set_new(object, as, json_integer(page_number(object, name)));
}

/* Health. */

static void shape_progress(struct page_visit *visit, json_t *recovery)
{
    admin_add_zero(recovery, "answered", "answered");
    admin_add_zero(recovery, "needed", "needed");
    admin_say_one(visit, recovery, "advice");
}

static void shape_recovery(struct page_visit *visit)
{
    shape_progress(visit, json_object_get(page_context(visit), "recovery"));
}

/* Sealed objects kept here for others: what is held, and what stands out. */
static void shape_relays(json_t *relays)
{
    size_t i;
    json_t *relay, *shown = json_array();
    json_int_t held = 0, bytes = 0;
    json_array_foreach(json_object_get(relays, "relay"), i, relay)
    {
        admin_add_zero(relay, "held", "objects");
        json_object_set_new(relay, "kilobytes",
                            json_integer((page_number(relay, "heldBytes") + 999) / 1000));
        held += page_number(relay, "held");
        bytes += page_number(relay, "heldBytes");
        if (json_is_true(json_object_get(relay, "relaysFor")) || page_number(relay, "held") ||
            json_is_true(json_object_get(relay, "home")))
            json_array_append(shown, relay);
    }
    json_object_set_new(relays, "shown_any", json_boolean(json_array_size(shown) > 0));
    json_object_set_new(relays, "shown", shown);
    json_object_set_new(relays, "objects", json_integer(held));
    json_object_set_new(relays, "kilobytes", json_integer((bytes + 999) / 1000));
    admin_add_zero(relays, "homeRelays", "homes");
}

static void shape_audit(struct page_visit *visit, json_t *audit)
{
    size_t i;
    json_t *alarm, *open = json_array(), *checked = json_object_get(page_context(visit), "checked");
    admin_add_zero(audit, "leaves", "lines");
    admin_add_zero(audit, "witnesses", "cosigned");
    json_array_foreach(json_object_get(audit, "alarm"), i,
                       alarm) if (!json_is_true(json_object_get(alarm, "settled")))
        json_array_append(open, alarm);
    json_object_set_new(audit, "open_any", json_boolean(json_array_size(open) > 0));
    json_object_set_new(audit, "open", open);
    if (checked)
        admin_add_zero(checked, "leaves", "lines");
}

/* The banner of all pages says it already. */
static json_t *without_trouble(struct page_visit *visit, json_t *said)
{
    size_t i;
    json_t *english, *kept = json_array();
    const char *bar = page_value(visit, "recovery.bar");
    json_array_foreach(json_object_get(json_object_get(page_context(visit), "status"), "warning"),
                       i, english)
    {
        const char *text = json_string_value(english);
        if (!*bar || (strcmp(text, bar) != 0 && strncmp(text, "restored: ", 10) != 0))
            json_array_append(kept, json_array_get(said, i));
    }
    return kept;
}

/* Bars of what waits for whom, longest first, and of the disk. */

#define BAR_WIDTH 1000 /* in its own units */
#define BARS_MAX  8

static int compare_queues(const void *a, const void *b)
{
    json_int_t x = page_number(*(json_t *const *)a, "queued"),
               y = page_number(*(json_t *const *)b, "queued");
    return x < y ? 1 : x > y ? -1 : 0;
}

static json_t *make_queues(const json_t *answer)
{
    json_t *list = json_object_get(answer, "peer"), *bars = json_array(), *peer;
    size_t i, count = 0, size = json_array_size(list);
    json_t **waiting = calloc(size + 1, sizeof(json_t *));
    json_array_foreach(list, i, peer) if (waiting && page_number(peer, "queued")) waiting[count++] =
        peer;
    if (count)
        qsort(waiting, count, sizeof(*waiting), compare_queues);
    for (i = 0; i < count && i < BARS_MAX; i++) {
        json_int_t most = page_number(waiting[0], "queued");
        json_int_t queue = page_number(waiting[i], "queued");
        const char *name = json_string_value(json_object_get(waiting[i], "name"));
        const char *oldest = json_string_value(json_object_get(waiting[i], "oldest_ago"));
        json_array_append_new(bars, json_pack("{s:s, s:I, s:I, s:s}", "name", name ? name : "",
                                              "queue", queue, "width", queue * BAR_WIDTH / most,
                                              "oldest_ago", oldest ? oldest : ""));
    }
    free(waiting);
    return bars;
}

static json_int_t megabytes(const json_t *object, const char *name)
{
    return (page_number(object, name) + 999999) / 1000000;
}

/* What the hub takes of what it could take. */
static json_t *make_storage(const json_t *hub)
{
    json_int_t used = megabytes(hub, "storageBytes"), left = megabytes(hub, "diskFreeBytes");
    json_int_t width = used + left ? used * BAR_WIDTH / (used + left) : 0;
    return json_pack("{s:I, s:I, s:I, s:b, s:b}", "megabytes", used, "gigabytes", left / 1000,
                     "width", width ? width : 1, "known", left > 0, "is_full",
                     left > 0 && left < 1000);
}

static void shape_health(struct page_visit *visit)
{
    json_t *context = page_context(visit), *hub = json_object_get(context, "status"),
           *recovery = json_object_get(context, "recovery"),
           *relays = json_object_get(context, "relays"), *audit = json_object_get(context, "audit");
    admin_set_area(visit, "health");
    admin_say_list(visit, hub, "warning");
    if (recovery)
        shape_progress(visit, recovery);
    if (relays)
        shape_relays(relays);
    if (audit)
        shape_audit(visit, audit);
    json_object_set_new(context, "queues", make_queues(json_object_get(context, "peers")));
    json_object_set_new(context, "storage", make_storage(hub));
    json_object_set_new(
        context, "health",
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "warnings",
                  without_trouble(visit, json_object_get(hub, "warning_said")), "peers",
                  page_number(hub, "peers"), "connected", page_number(hub, "peersConnected"),
                  "queued", page_number(hub, "queued"), "megabytes",
                  (page_number(hub, "storageBytes") + 999999) / 1000000, "referrals",
                  page_number(hub, "openReferrals"), "notices", page_number(hub, "openNotices"),
                  "services", page_number(hub, "services")));
}

/* Our own pages for changing and saving. */

static void shape_card(struct page_visit *visit)
{
    admin_set_area(visit, "card");
}

static void shape_config(struct page_visit *visit)
{
    size_t i;
    json_t *option, *config = json_object_get(page_context(visit), "config");
    admin_set_area(visit, "config");
    json_array_foreach(json_object_get(config, "option"), i, option)
    {
        const char *value = json_string_value(json_object_get(option, "value"));
        const char *other = json_string_value(json_object_get(option, "defaultValue"));
        json_object_set_new(option, "is_own",
                            json_boolean(strcmp(value ? value : "", other ? other : "") != 0));
        json_object_set_new(option, "said",
                            json_string(page_word(visit, "setting", page_text(option, "name"))));
    }
}

static void shape_backup(struct page_visit *visit)
{
    json_t *status = json_object_get(page_context(visit), "status");
    admin_set_area(visit, "backup");
    json_object_set_new(status, "megabytes", json_integer(megabytes(status, "backupBytes")));
}

static void show_backup(struct page_visit *visit)
{
    json_t *made = json_object_get(page_context(visit), "made");
    admin_set_area(visit, "backup");
    json_object_set_new(made, "megabytes", json_integer(megabytes(made, "bytes")));
    page_show(visit, "admin_backup");
}

/* Keys. */

static void shape_keys(struct page_visit *visit)
{
    json_t *keys = json_object_get(page_context(visit), "keys");
    admin_set_area(visit, "keys");
    admin_say_list(visit, keys, "warning");
    admin_add_zero(keys, "roots", "roots");
    admin_add_zero(keys, "rootsNeeded", "needed");
    admin_add_zero(keys, "events", "events");
}

/* What waits. */

static void shape_queue(struct page_visit *visit)
{
    size_t i;
    json_t *row, *answer = json_object_get(page_context(visit), "queue");
    admin_set_area(visit, "queue");
    json_array_foreach(json_object_get(answer, "row"), i, row)
        json_object_set_new(row, "tries", json_integer(page_number(row, "attempts")));
}

const struct page pages_admin[] = {
    {.method = "GET",
     .path = "/admin",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/Status", ""),
               PAGE_CALL("peers", "Peers/List", "", .may_fail = true),
               PAGE_CALL("recovery", "Recovery/Status", "", .may_fail = true),
               PAGE_CALL("relays", "Relays/List", "", .may_fail = true),
               PAGE_CALL("audit", "Audit/List", "", .may_fail = true)},
     .template = "admin",
     .view = shape_health},
    {.method = "GET", /* reads the whole log: on demand */
     .path = "/admin/check",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/Status", ""),
               PAGE_CALL("peers", "Peers/List", "", .may_fail = true),
               PAGE_CALL("recovery", "Recovery/Status", "", .may_fail = true),
               PAGE_CALL("relays", "Relays/List", "", .may_fail = true),
               PAGE_CALL("audit", "Audit/List", "", .may_fail = true),
               PAGE_CALL("checked", "Audit/Verify", "")},
     .template = "admin",
     .view = shape_health},
    {.method = "GET",
     .path = "/admin/card",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/Status", "")},
     .template = "admin_card",
     .view = shape_card},
    {.method = "POST",
     .path = "/admin/card",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/SetCard",
                         "name={form.name} phone={form.phone} commune={form.commune} "
                         "description={form.description}")},
     .redirect = "/admin/card?done=card",
     .again = "/admin/card"},
    {.method = "GET",
     .path = "/admin/config",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("config", "Node/Config", "")},
     .template = "admin_config",
     .view = shape_config},
    {.method = "GET",
     .path = "/admin/backup",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/Status", "")},
     .template = "admin_backup",
     .view = shape_backup},
    {.method = "POST",
     .path = "/admin/backup",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("made", "Node/Backup", "")},
     .view = show_backup,
     .redirect = "/admin/backup",
     .again = "/admin/backup"},
    {.method = "POST",
     .path = "/admin/alarms/settle",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("settled", "Audit/Settle", "hub={form.hub}")},
     .redirect = "/admin?done=settled",
     .again = "/admin"},
    {.method = "GET",
     .path = "/admin/recovery",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("recovery", "Recovery/Status", "")},
     .template = "admin_recovery",
     .view = shape_recovery},
    {.method = "POST",
     .path = "/admin/recovery",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("recovery", "Recovery/GoOn", "")},
     .redirect = "/admin?done=recovery",
     .again = "/admin/recovery"},
    {.method = "GET",
     .path = "/admin/keys",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("keys", "Keys/Show", "")},
     .template = "admin_keys",
     .view = shape_keys},
    {.method = "GET",
     .path = "/admin/queue",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("queue", "Node/ListOutbox", "")},
     .template = "admin_queue",
     .view = shape_queue},
    {.method = "POST",
     .path = "/admin/queue/retry",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("retried", "Node/RetryOutbox", "")},
     .redirect = "/admin/queue?done=retried",
     .again = "/admin/queue"},
    {.method = NULL},
};
