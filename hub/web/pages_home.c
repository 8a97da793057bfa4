/* What waits for me, what this hub is, and how far it can be used by everybody. */
#include "hub/web/figures_shape.h"
#include "hub/web/pages_admin.h"
#include <stdio.h>
#include <string.h>

#define KEY_SIZE 96
#define NEWS     "news"

static bool is(const json_t *object, const char *name, const char *text)
{
    return strcmp(page_text(object, name), text) == 0;
}

/* Where each kind leads, as a row and as the rest of a list. */
static const struct {
    const char *kind, *icon, *path, *all;
} shown[] = {
    {"referral", NULL, "/referrals/", "/referrals"},
    {"claim", "notices", "/notices/", "/notices"},
    {"held", "alert", "/held/", "/"},
    {"peer", "link", "/admin/peers/", "/admin/peers"},
    {"circle", "groups", "/admin/circles/", "/admin/circles"},
    {"review", "directory", "/admin/review", "/admin/review"},
    {"warning", "alert", "/admin", "/admin"},
};

static size_t kind_of(const json_t *row)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(shown) && !is(row, "kind", shown[i].kind))
        i++;
    return i;
}

static void shape_row(struct page_visit *visit, json_t *row)
{
    char href[256];
    size_t kind = kind_of(row);
    json_t *referral = json_object_get(row, "referral");
    snprintf(href, sizeof(href), "%s%s", shown[kind].path, page_text(row, "id"));
    json_object_set_new(row, "href", json_string(href));
    json_object_set_new(row, "icon",
                        json_string(referral ? page_text(referral, "box") : shown[kind].icon));
    json_object_set_new(
        row, "is_review",
        json_boolean(referral && is(referral, "status", "on-hold") && is(row, "rank", "answer")));
    if (referral && *page_text(referral, "answerDue") && !is(row, "rank", NEWS))
        json_object_set_new(row, "ring", figures_ring((unsigned)page_number(row, "clock")));
    if (is(row, "kind", "warning") || is(row, "kind", "held"))
        admin_say_one(visit, row, "text");
}

/* "et 34 autres personnes en retard", with where to see them. */
static void shape_rest(struct page_visit *visit, json_t *rest)
{
    AUTO(buf_done) struct buf text = {0};
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "home.rest.%s.%s", page_text(rest, "kind"), page_text(rest, "rank"));
    if (!catalog_has(page_catalog(visit), key))
        snprintf(key, sizeof(key), "home.rest.%s", page_text(rest, "kind"));
    figures_add_count(page_catalog(visit), key, page_number(rest, "count"), &text);
    json_object_set_new(rest, "text", json_string(buf_text(&text)));
    json_object_set_new(rest, "href", json_string(shown[kind_of(rest)].all));
}

/* The three things to do first, by what the account is for; `done` names what is there then. */
static const struct {
    unsigned role;
    const char *key, *path, *done;
} steps[] = {
    {ROLE_ADMIN, "card", "/admin/card", "card"},
    {ROLE_ADMIN, "invite", "/admin/invite", "peers"},
    {ROLE_ADMIN, "people", "/admin/users", "people"},
    {ROLE_CASEWORKER, "search", "/directory", "services"},
    {ROLE_CASEWORKER, "refer", "/directory", "referrals"},
    {ROLE_CASEWORKER, "account", "/account", NULL},
    {ROLE_COORDINATOR, "around", "/notices", "notices"},
    {ROLE_COORDINATOR, "post", "/notices/new", NULL},
    {ROLE_COORDINATOR, "services", "/own-services", "services"},
};

static bool has_role(struct page_visit *visit, unsigned role)
{
    char name[ACCOUNT_ROLES_TEXT];
    const json_t *roles = json_object_get(page_context(visit), "role");
    return json_is_true(json_object_get(roles, account_roles_text(role, name)));
}

/* Of the first role with something left to do. */
static json_t *make_steps(struct page_visit *visit, const json_t *start, unsigned role)
{
    json_t *list = json_array();
    bool any = false;
    char key[KEY_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].role != role)
            continue;
        bool done = steps[i].done && json_is_true(json_object_get(start, steps[i].done));
        any |= steps[i].done && !done;
        json_t *step = json_pack("{s:s, s:b}", "path", steps[i].path, "done", done);
        snprintf(key, sizeof(key), "home.start.%s", steps[i].key);
        json_object_set_new(step, "text", json_string(catalog_text(page_catalog(visit), key, 1)));
        snprintf(key, sizeof(key), "home.start.%s_why", steps[i].key);
        json_object_set_new(step, "why", json_string(catalog_text(page_catalog(visit), key, 1)));
        json_array_append_new(list, step);
    }
    if (any)
        return list;
    json_decref(list);
    return NULL;
}

static void shape_start(struct page_visit *visit, json_t *home)
{
    static const unsigned order[] = {ROLE_ADMIN, ROLE_CASEWORKER, ROLE_COORDINATOR};
    const json_t *start = json_object_get(home, "start");
    for (size_t i = 0; start && i < ARRAY_LEN(order); i++) {
        json_t *list = has_role(visit, order[i]) ? make_steps(visit, start, order[i]) : NULL;
        if (!list)
            continue;
        json_object_set_new(home, "steps", list);
        json_object_set_new(home, "steps_any", json_true());
        return;
    }
}

static void shape_home(struct page_visit *visit)
{
    size_t i;
    json_t *row, *home = json_object_get(page_context(visit), "home");
    json_array_foreach(json_object_get(home, "row"), i, row) shape_row(visit, row);
    json_array_foreach(json_object_get(home, "rest"), i, row) shape_rest(visit, row);
    figures_shape_clock(visit, json_object_get(home, "clock"));
    shape_start(visit, home);
}

const struct page pages_home[] = {
    {.method = "GET",
     .path = "/",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("home", "Home/List", "limit=7")},
     .template = "home",
     .view = shape_home},
    {.method = "GET", .path = "/about", .template = "about"},
    {.method = "GET", .path = "/accessibility", .template = "accessibility"},
    {.method = NULL},
};
