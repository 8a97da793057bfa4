/* The people of this hub, for who runs it: accounts, roles, lost passphrases, open sessions. */
#include "hub/web/pages_admin.h"

#include <stdio.h>
#include <string.h>

#define ROLES_TEXT 128

/* One box ticked, or several. */
static json_t *build_user(struct page_visit *visit)
{
    AUTO(buf_done) struct buf roles = {0};
    size_t i;
    json_t *role, *ticked = json_object_get(json_object_get(page_context(visit), "form"), "role");
    if (json_is_string(ticked))
        buf_add_text(&roles, json_string_value(ticked));
    json_array_foreach(ticked, i, role)
        buf_addf(&roles, "%s%s", i ? "," : "", json_string_value(role));
    return json_pack("{s:s, s:s}", "name", page_value(visit, "form.name"), "role",
                     buf_text(&roles));
}

/* "coordination, admin", and {has: {admin: true}} for the boxes. */
static void shape_roles(struct page_visit *visit, json_t *user)
{
    char text[ROLES_TEXT], key[64];
    AUTO(buf_done) struct buf words = {0};
    const char *roles = json_string_value(json_object_get(user, "role"));
    json_t *has = json_object();
    snprintf(text, sizeof(text), "%s", roles ? roles : "");
    for (char *rest = text, *role; (role = strsep(&rest, ","));) {
        snprintf(key, sizeof(key), "role.%s", role);
        buf_addf(&words, "%s%s", words.len ? ", " : "", catalog_text(page_catalog(visit), key, 1));
        json_object_set_new(has, role, json_true());
    }
    json_object_set_new(user, "roles", json_string(buf_text(&words)));
    json_object_set_new(user, "has", has);
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
        shape_roles(visit, user);
        json_object_set_new(user, "number", json_integer((json_int_t)i + 1));
        json_object_set_new(user, "is_me", json_boolean(name && strcmp(name, self) == 0));
    }
}

static void show_passphrase(struct page_visit *visit)
{
    page_show(visit, "admin_passphrase");
}

#define USERS                                                                     \
    .roles = ROLE_ADMIN, .calls = {PAGE_CALL("users", "Accounts/ListUsers", "")}, \
    .template = "admin_users", .view = shape_users
/* What is done to one account. */
#define USER_VERB(verb, method_)                                             \
    {                                                                        \
        .method = "POST", .path = "/admin/users/" verb, .roles = ROLE_ADMIN, \
        .calls = {PAGE_CALL("done", method_, "name={form.name}")},           \
        .redirect = "/admin/users?done=user-" verb, .again = "/admin/users"  \
    }

const struct page pages_users[] = {
    {.method = "GET", .path = "/admin/users", USERS},
    {.method = "POST",
     .path = "/admin/users",
     .roles = ROLE_ADMIN,
     .calls = {{.as = "made", .method = "Accounts/AddUser", .build = build_user}},
     .view = show_passphrase,
     .redirect = "/admin/users",
     .again = "/admin/users"},
    {.method = "GET", .path = "/admin/users/reset", USERS},
    {.method = "POST",
     .path = "/admin/users/reset",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("made", "Accounts/ResetUser", "name={form.name}")},
     .view = show_passphrase,
     .redirect = "/admin/users",
     .again = "/admin/users"},
    {.method = "POST",
     .path = "/admin/users/role",
     .roles = ROLE_ADMIN,
     .calls = {{.as = "done", .method = "Accounts/SetRole", .build = build_user}},
     .redirect = "/admin/users?done=user-role",
     .again = "/admin/users"},
    USER_VERB("sign-out", "Accounts/EndUserSessions"),
    USER_VERB("disable", "Accounts/DisableUser"),
    USER_VERB("enable", "Accounts/EnableUser"),
    {.method = NULL},
};
