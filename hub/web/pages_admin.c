/* The hub itself: its health, its keys, its people, what waits to be sent. */
#include "hub/web/pages_admin.h"

#include "hub/web/sentences.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROLES_TEXT 128

/* For all pages of the hub itself. */

json_int_t admin_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10)
                                 : json_integer_value(value);
}

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
    json_object_set_new(object, as, json_integer(admin_number(object, name)));
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
                            json_integer((admin_number(relay, "heldBytes") + 999) / 1000));
        held += admin_number(relay, "held");
        bytes += admin_number(relay, "heldBytes");
        if (json_is_true(json_object_get(relay, "relaysFor")) || admin_number(relay, "held") ||
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
    json_object_set_new(
        context, "health",
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "warnings",
                  without_trouble(visit, json_object_get(hub, "warning_said")), "peers",
                  admin_number(hub, "peers"), "connected", admin_number(hub, "peersConnected"),
                  "queued", admin_number(hub, "queued"), "megabytes",
                  (admin_number(hub, "storageBytes") + 999999) / 1000000, "referrals",
                  admin_number(hub, "openReferrals"), "notices", admin_number(hub, "openNotices"),
                  "services", admin_number(hub, "services")));
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

/* People. */

/* One box ticked, or several. */
static json_t *build_user(struct page_visit *visit)
{
    char roles[ROLES_TEXT] = "";
    size_t i, len = 0;
    json_t *role, *ticked = json_object_get(json_object_get(page_context(visit), "form"), "role");
    if (json_is_string(ticked))
        snprintf(roles, sizeof(roles), "%s", json_string_value(ticked));
    json_array_foreach(ticked, i, role)
    {
        int added = snprintf(roles + len, sizeof(roles) - len, "%s%s", i ? "," : "",
                             json_string_value(role));
        len += (size_t)added < sizeof(roles) - len ? (size_t)added : 0;
    }
    return json_pack("{s:s, s:s}", "name", page_value(visit, "form.name"), "role", roles);
}

static void shape_users(struct page_visit *visit)
{
    size_t i;
    json_t *user, *answer = json_object_get(page_context(visit), "users");
    const char *self = page_value(visit, "account.name");
    admin_set_area(visit, "users");
    json_array_foreach(json_object_get(answer, "account"), i, user)
    {
        const char *name = json_string_value(json_object_get(user, "name"));
        char text[ROLES_TEXT], key[64];
        AUTO(buf_done) struct buf words = {0};
        snprintf(text, sizeof(text), "%s",
                 json_is_string(json_object_get(user, "role"))
                     ? json_string_value(json_object_get(user, "role"))
                     : "");
        for (char *rest = text, *role; (role = strsep(&rest, ","));) {
            snprintf(key, sizeof(key), "role.%s", role);
            buf_addf(&words, "%s%s", words.len ? ", " : "",
                     catalog_text(page_catalog(visit), key, 1));
        }
        json_object_set_new(user, "roles", json_string(buf_text(&words)));
        json_object_set_new(user, "number", json_integer((json_int_t)i + 1));
        json_object_set_new(user, "is_me", json_boolean(name && strcmp(name, self) == 0));
    }
}

static void show_passphrase(struct page_visit *visit)
{
    page_show(visit, "admin_passphrase");
}

static void shape_queue(struct page_visit *visit)
{
    size_t i;
    json_t *row, *answer = json_object_get(page_context(visit), "queue");
    admin_set_area(visit, "queue");
    json_array_foreach(json_object_get(answer, "row"), i, row)
        json_object_set_new(row, "tries", json_integer(admin_number(row, "attempts")));
}

const struct page pages_admin[] = {
    {.method = "GET",
     .path = "/admin",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/Status", ""),
               PAGE_CALL("recovery", "Recovery/Status", "", .may_fail = true),
               PAGE_CALL("relays", "Relays/List", "", .may_fail = true),
               PAGE_CALL("audit", "Audit/List", "", .may_fail = true)},
     .template = "admin",
     .view = shape_health},
    {.method = "GET", /* reads the whole log: on demand */
     .path = "/admin/check",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/Status", ""),
               PAGE_CALL("recovery", "Recovery/Status", "", .may_fail = true),
               PAGE_CALL("relays", "Relays/List", "", .may_fail = true),
               PAGE_CALL("audit", "Audit/List", "", .may_fail = true),
               PAGE_CALL("checked", "Audit/Verify", "")},
     .template = "admin",
     .view = shape_health},
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
     .path = "/admin/users",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("users", "Accounts/ListUsers", "")},
     .template = "admin_users",
     .view = shape_users},
    {.method = "POST",
     .path = "/admin/users",
     .roles = ROLE_ADMIN,
     .calls = {{.as = "made", .method = "Accounts/AddUser", .build = build_user}},
     .view = show_passphrase,
     .redirect = "/admin/users",
     .again = "/admin/users"},
    {.method = "GET",
     .path = "/admin/users/reset",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("users", "Accounts/ListUsers", "")},
     .template = "admin_users",
     .view = shape_users},
    {.method = "POST",
     .path = "/admin/users/reset",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("made", "Accounts/ResetUser", "name={form.name}")},
     .view = show_passphrase,
     .redirect = "/admin/users",
     .again = "/admin/users"},
    {.method = "POST",
     .path = "/admin/users/disable",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("account_off", "Accounts/DisableUser", "name={form.name}")},
     .redirect = "/admin/users?done=user-disabled",
     .again = "/admin/users"},
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
