/* The hub itself: its health, its neighbours, its people, what waits to be sent. */
#include "hub/web/pages.h"

#include <qrencode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_ZONE 4 /* modules around a code, as scanners want them */
#define ROLES_TEXT 128

/* What the API says in English about the hub, by how it begins, and our words for it. */
static const struct {
    const char *begins, *key;
} warnings[] = {
    {"this database is a restored backup", "admin.warning.backup"},
    {"the write-ahead log grows", "admin.warning.disk"},
    {"this hub has no name", "admin.warning.name"},
    {"no url is set", "admin.warning.url"},
};

static json_int_t number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name); /* 64 bits come as text */
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10)
                                 : json_integer_value(value);
}

/* Which of the menu's pages this is: {{#area.peers}}. */
static void add_area(struct page_visit *visit, const char *area)
{
    json_object_set_new(page_context(visit), "area", json_pack("{s:b}", area, 1));
}

static json_t *warning_words(struct page_visit *visit, const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(warnings); i++)
        if (strncmp(text, warnings[i].begins, strlen(warnings[i].begins)) == 0)
            return json_pack("{s:s}", "text",
                             catalog_text(page_catalog(visit), warnings[i].key, 1));
    return json_pack("{s:s, s:b}", "text", text, "is_english", 1);
}

static void shape_health(struct page_visit *visit)
{
    size_t i;
    json_t *text, *list = json_array(), *hub = json_object_get(page_context(visit), "status");
    add_area(visit, "health");
    json_array_foreach(json_object_get(hub, "warning"), i, text)
        json_array_append_new(list, warning_words(visit, json_string_value(text)));
    json_object_set_new(
        page_context(visit), "health",
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "warnings", list, "peers",
                  number_of(hub, "peers"), "connected", number_of(hub, "peersConnected"), "queued",
                  number_of(hub, "queued"), "megabytes",
                  (number_of(hub, "storageBytes") + 999999) / 1000000, "referrals",
                  number_of(hub, "openReferrals"), "notices", number_of(hub, "openNotices"),
                  "services", number_of(hub, "services")));
}

/* Peers. */

/* Zeros are not in the answer; pages say them. */
static void shape_peer(json_t *peer)
{
    json_object_set_new(peer, "queue", json_integer(number_of(peer, "queued")));
    json_object_set_new(peer, "referrals", json_integer(number_of(peer, "openReferrals")));
}

static void shape_peers(struct page_visit *visit)
{
    size_t i;
    json_t *peer, *answer = json_object_get(page_context(visit), "peers");
    add_area(visit, "peers");
    json_array_foreach(json_object_get(answer, "peer"), i, peer) shape_peer(peer);
}

/* What may be decided about a hub in this state; the API has the last word. */
static void shape_one_peer(struct page_visit *visit)
{
    json_t *peer = json_object_get(page_context(visit), "peer");
    const char *ours = page_value(visit, "peer.ours"), *state = page_value(visit, "peer.state");
    bool accepted = strcmp(ours, "accepted") == 0, blocked = strcmp(ours, "blocked") == 0;
    shape_peer(peer);
    json_object_set_new(peer, "may",
                        json_pack("{s:b, s:b, s:b, s:b, s:b, s:b}", "accept", !accepted && !blocked,
                                  "pause", accepted && strcmp(state, "accepted") == 0, "block",
                                  !blocked, "unblock", blocked, "leave",
                                  strcmp(ours, "left") != 0 && !blocked, "share",
                                  accepted || strcmp(ours, "paused") == 0));
}

/* The verb is the last part of the address. */
static void shape_confirm(struct page_visit *visit)
{
    static const char *const texts[] = {"heading", "words", "button"};
    const char *slash = strrchr(page_value(visit, "url"), '/');
    const char *verb = slash ? slash + 1 : "";
    json_t *confirm = json_pack("{s:s}", "verb", verb);
    char key[64];
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        snprintf(key, sizeof(key), "peer.%s.%s", verb, texts[i]);
        json_object_set_new(confirm, texts[i],
                            json_string(catalog_text(page_catalog(visit), key, 1)));
    }
    json_object_set_new(confirm, "is_danger",
                        json_boolean(strcmp(verb, "block") == 0 || strcmp(verb, "leave") == 0));
    json_object_set_new(page_context(visit), "confirm", confirm);
    shape_peer(json_object_get(page_context(visit), "peer"));
}

/* All four: a box that is not ticked is not sent. */
static json_t *build_switches(struct page_visit *visit)
{
    return json_pack("{s:s, s:{s:b, s:b, s:b, s:b}, s:[s, s, s, s]}", "id",
                     page_value(visit, "path.id"), "switches", "noticesIn",
                     *page_value(visit, "form.notices_in") != 0, "noticesOut",
                     *page_value(visit, "form.notices_out") != 0, "askAround",
                     *page_value(visit, "form.ask_around") != 0, "referrals",
                     *page_value(visit, "form.referrals") != 0, "set", "notices-in", "notices-out",
                     "ask-around", "referrals");
}

/* A path for SVG: one rectangle a run of dark modules. */
static void draw(const QRcode *code, struct buf *out)
{
    for (int y = 0; y < code->width; y++) {
        for (int x = 0; x < code->width;) {
            int from = x;
            while (x < code->width && (code->data[y * code->width + x] & 1))
                x++;
            if (x > from)
                buf_addf(out, "M%d %dh%dv1h-%dz", from + QUIET_ZONE, y + QUIET_ZONE, x - from,
                         x - from);
            else
                x++;
        }
    }
}

static void show_invite(struct page_visit *visit)
{
    AUTO(buf_done) struct buf path = {0};
    QRcode *code = QRcode_encodeString8bit(page_value(visit, "invite.invite"), 0, QR_ECLEVEL_L);
    if (code) {
        draw(code, &path);
        json_object_set_new(
            page_context(visit), "qr",
            json_pack("{s:s, s:i}", "path", buf_text(&path), "size", code->width + 2 * QUIET_ZONE));
        QRcode_free(code);
    }
    page_show(visit, "admin_invite");
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
    add_area(visit, "users");
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
    add_area(visit, "queue");
    json_array_foreach(json_object_get(answer, "row"), i, row)
        json_object_set_new(row, "tries", json_integer(number_of(row, "attempts")));
}

#define PEER_VERB(verb, method_)                                                                \
    {.method = "GET",                                                                           \
     .path = "/admin/peers/:id/" verb,                                                          \
     .roles = ROLE_ADMIN,                                                                       \
     .calls = {PAGE_CALL("peer", "Peers/Get", "id={path.id}")},                                 \
     .template = "peer_confirm",                                                                \
     .view = shape_confirm},                                                                    \
    {                                                                                           \
        .method = "POST", .path = "/admin/peers/:id/" verb, .roles = ROLE_ADMIN,                \
        .calls = {PAGE_CALL("peer", "Peers/" method_, "id={path.id}")},                         \
        .redirect = "/admin/peers/{path.id}?done=peer-" verb, .again = "/admin/peers/{path.id}" \
    }

const struct page pages_admin[] = {
    {.method = "GET",
     .path = "/admin",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/Status", "")},
     .template = "admin",
     .view = shape_health},
    {.method = "GET",
     .path = "/admin/peers",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("peers", "Peers/List", "")},
     .template = "peers",
     .view = shape_peers},
    {.method = "GET",
     .path = "/admin/peers/:id",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("peer", "Peers/Get", "id={path.id}"),
               PAGE_CALL("status", "Node/Status", "")},
     .template = "peer",
     .view = shape_one_peer},
    {.method = "POST",
     .path = "/admin/peers/:id/switches",
     .roles = ROLE_ADMIN,
     .calls = {{.as = "peer", .method = "Peers/SetPolicy", .build = build_switches}},
     .redirect = "/admin/peers/{path.id}?done=switches",
     .again = "/admin/peers/{path.id}"},
    PEER_VERB("accept", "Accept"),
    PEER_VERB("pause", "Pause"),
    PEER_VERB("block", "Block"),
    PEER_VERB("unblock", "Unblock"),
    PEER_VERB("leave", "Leave"),
    {.method = "GET",
     .path = "/admin/invite",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("status", "Node/Status", "")},
     .template = "admin_link"},
    {.method = "POST",
     .path = "/admin/invite",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("invite", "Peers/Invite", "")},
     .view = show_invite,
     .redirect = "/admin/invite",
     .again = "/admin/invite"},
    {.method = "POST",
     .path = "/admin/join",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("peer", "Peers/Join",
                         "invite={form.invite} text={form.text} local?={form.local}")},
     .redirect = "/admin/peers/{peer.id}?done=joined",
     .again = "/admin/invite"},
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
