/* Circles: their five lines, who is in, who asks to come in; joining and leaving. */
#include "hub/web/pages_admin.h"

#include <stdio.h>
#include <string.h>

static bool is_ours(const json_t *circle, const char *state)
{
    const char *ours = json_string_value(json_object_get(circle, "ours"));
    return strcmp(ours ? ours : "", state) == 0;
}

/* What is not said of a hub must not be looked up in the circle around it. */
static void shape_hubs(json_t *hubs)
{
    size_t i;
    json_t *hub, *nothing = json_pack("{s:s, s:s, s:b, s:b}", "name", "", "text", "", "ours", 0,
                                      "steward", 0);
    json_array_foreach(hubs, i, hub) json_object_update_missing(hub, nothing);
    json_decref(nothing);
}

/* What may be done; the API has the last word. */
static void shape_circle(struct page_visit *visit, json_t *circle)
{
    size_t i;
    json_t *change;
    bool member = is_ours(circle, "member"), invited = is_ours(circle, "invited"),
         steward = json_is_true(json_object_get(circle, "stewardHere"));
    shape_hubs(json_object_get(circle, "steward"));
    shape_hubs(json_object_get(circle, "ask"));
    admin_add_zero(circle, "members", "count");
    admin_say_one(visit, circle, "next");
    json_array_foreach(json_object_get(circle, "change"), i, change)
    {
        admin_say_one(visit, change, "what");
        admin_add_zero(change, "signatures", "have");
        json_object_set_new(
            change, "may_sign",
            json_boolean(steward && !json_is_true(json_object_get(change, "signedHere"))));
    }
    json_object_set_new(circle, "may",
                        json_pack("{s:b, s:b, s:b, s:b}", "join", !member && !invited, "agree",
                                  invited, "leave", member || is_ours(circle, "asked"), "admit",
                                  steward));
}

static void shape_circles(struct page_visit *visit)
{
    size_t i;
    json_t *circle, *answer = json_object_get(page_context(visit), "circles");
    admin_set_area(visit, "circles");
    json_array_foreach(json_object_get(answer, "circle"), i, circle) shape_circle(visit, circle);
}

static void shape_one_circle(struct page_visit *visit)
{
    shape_hubs(json_object_get(json_object_get(page_context(visit), "in"), "member"));
    shape_circle(visit, json_object_get(page_context(visit), "circle"));
}

/* Whom to ask: linked neighbours, those first who are stewards of this circle. */
static void shape_join(struct page_visit *visit)
{
    size_t i, n;
    json_t *context = page_context(visit), *peer, *hub, *stewards = json_array(),
           *others = json_array();
    json_t *circle = json_object_get(context, "circle");
    if (circle)
        shape_circle(visit, circle);
    json_array_foreach(json_object_get(json_object_get(context, "peers"), "peer"), i, peer)
    {
        const char *state = json_string_value(json_object_get(peer, "state"));
        bool is_steward = false;
        if (strcmp(state ? state : "", "accepted") != 0)
            continue;
        json_array_foreach(json_object_get(circle, "steward"), n, hub) is_steward |=
            json_equal(json_object_get(hub, "id"), json_object_get(peer, "id"));
        json_object_set_new(peer, "is_steward", json_boolean(is_steward));
        const char *typed = page_value(visit, "form.via");
        const char *id = json_string_value(json_object_get(peer, "id"));
        json_object_set_new(peer, "is_chosen", json_boolean(id && strcmp(typed, id) == 0));
        json_array_append(is_steward ? stewards : others, peer);
    }
    json_array_extend(stewards, others);
    json_object_set_new(context, "via_any", json_boolean(json_array_size(stewards) > 0));
    json_object_set_new(context, "via", stewards);
    json_decref(others);
}

#define ASK_VERB(verb, method_)                                                       \
    {                                                                                 \
        .method = "POST", .path = "/admin/circles/:id/" verb, .roles = ROLE_ADMIN,    \
        .calls = {PAGE_CALL("circle", method_, "id={path.id} member={form.member}")}, \
        .redirect = "/admin/circles/{path.id}?done=circle-" verb,                     \
        .again = "/admin/circles/{path.id}",                                          \
    }

const struct page pages_circles[] = {
    {.method = "GET",
     .path = "/admin/circles",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("circles", "Circles/List", "")},
     .template = "circles",
     .view = shape_circles},
    {.method = "GET",
     .path = "/admin/circles/join",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("peers", "Peers/List", "")},
     .template = "circle_join",
     .view = shape_join},
    {.method = "POST",
     .path = "/admin/circles/join",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("circle", "Circles/Join", "id={form.id} via={form.via} text={form.text}")},
     .redirect = "/admin/circles/{circle.id}?done=circle-join",
     .again = "/admin/circles/join"},
    {.method = "GET",
     .path = "/admin/circles/:id",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("circle", "Circles/Get", "id={path.id}"),
               PAGE_CALL("in", "Circles/Members", "id={path.id}")},
     .template = "circle",
     .view = shape_one_circle},
    {.method = "GET",
     .path = "/admin/circles/:id/join",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("circle", "Circles/Get", "id={path.id}"),
               PAGE_CALL("peers", "Peers/List", "")},
     .template = "circle_join",
     .view = shape_join},
    {.method = "POST",
     .path = "/admin/circles/:id/join",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("circle", "Circles/Join", "id={path.id} via={form.via} text={form.text}")},
     .redirect = "/admin/circles/{path.id}?done=circle-join",
     .again = "/admin/circles/{path.id}/join"},
    {.method = "GET",
     .path = "/admin/circles/:id/leave",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("circle", "Circles/Get", "id={path.id}")},
     .template = "circle_leave",
     .view = shape_one_circle},
    {.method = "POST",
     .path = "/admin/circles/:id/leave",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("circle", "Circles/Leave", "id={path.id}")},
     .redirect = "/admin/circles/{path.id}?done=circle-leave",
     .again = "/admin/circles/{path.id}/leave"},
    ASK_VERB("admit", "Circles/Admit"),
    ASK_VERB("refuse", "Circles/Refuse"),
    {.method = "POST",
     .path = "/admin/circles/:id/sign",
     .roles = ROLE_ADMIN,
     .calls = {PAGE_CALL("circle", "Circles/Sign", "id={path.id} change={form.change}")},
     .redirect = "/admin/circles/{path.id}?done=circle-sign",
     .again = "/admin/circles/{path.id}"},
    {.method = NULL},
};
