/* Neighbour hubs: how they are, what is shared with them, invitations. */
#include "hub/web/pages_admin.h"
#include "hub/web/qr.h"

#include <stdio.h>
#include <string.h>

/* Objects that the peer has not confirmed yet, by kind. */
static json_t *shape_lanes(struct page_visit *visit, const json_t *peer)
{
    size_t i;
    json_t *lane, *waiting = json_array();
    char key[32];
    json_array_foreach(json_object_get(peer, "lane"), i, lane)
    {
        json_int_t behind = page_number(lane, "behind");
        if (!behind)
            continue;
        snprintf(key, sizeof(key), "peer.lane.%d", (int)page_number(lane, "number"));
        json_array_append_new(waiting, json_pack("{s:I, s:s}", "behind", behind, "what",
                                                 catalog_text(page_catalog(visit), key, 1)));
    }
    return waiting;
}

static bool is_text(const json_t *object, const char *name, const char *text)
{
    const char *value = json_string_value(json_object_get(object, name));
    return strcmp(value ? value : "", text) == 0;
}

static void shape_peer(struct page_visit *visit, json_t *peer)
{
    json_t *referral, *circle;
    size_t i;
    admin_add_zero(peer, "queued", "queue");
    admin_add_zero(peer, "openReferrals", "referrals");
    admin_say_list(visit, peer, "warning");
    admin_say_one(visit, peer, "provenance");
    admin_say_one(visit, peer, "lastError");
    json_object_set_new(peer, "lanes", shape_lanes(visit, peer));
    json_object_set_new(peer, "is_dialled", json_boolean(is_text(peer, "direction", "we dialled")));
    /* Told once whether it is known to fail or was never tried. */
    bool fails =
        !is_text(peer, "dialFailed", "") && !json_is_true(json_object_get(peer, "weReach"));
    bool connected = json_is_true(json_object_get(peer, "connected"));
    json_object_set_new(peer, "dial_fails", json_boolean(fails));
    json_object_set_new(peer, "shows_error",
                        json_boolean(!is_text(peer, "lastError", "") && (fails || !connected)));
    json_array_foreach(json_object_get(peer, "referral"), i, referral)
    {
        json_object_set_new(referral, "number", json_integer((json_int_t)i + 1));
        json_object_set_new(referral, "is_phone",
                            json_boolean(json_is_true(json_object_get(referral, "phone"))));
    }
    json_array_foreach(json_object_get(peer, "circle"), i,
                       circle) if (!json_object_get(circle, "name"))
        json_object_set_new(circle, "name", json_string(""));
}

static void shape_peers(struct page_visit *visit)
{
    size_t i;
    json_t *peer, *answer = json_object_get(page_context(visit), "peers");
    admin_set_area(visit, "peers");
    json_array_foreach(json_object_get(answer, "peer"), i, peer) shape_peer(visit, peer);
}

/* What may be decided about a hub in this state; the API has the last word. */
static void shape_one_peer(struct page_visit *visit)
{
    json_t *peer = json_object_get(page_context(visit), "peer");
    bool accepted = is_text(peer, "ours", "accepted"), blocked = is_text(peer, "ours", "blocked"),
         suspended = is_text(peer, "state", "suspended");
    shape_peer(visit, peer);
    json_object_set_new(peer, "may",
                        json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "accept",
                                  suspended || (!accepted && !blocked), "pause",
                                  accepted && (suspended || is_text(peer, "state", "accepted")),
                                  "block", !blocked, "unblock", blocked, "leave",
                                  !is_text(peer, "ours", "left") && !blocked, "share",
                                  accepted || is_text(peer, "ours", "paused"), "settle",
                                  is_text(peer, "keys", "DUPLICITY")));
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
    shape_peer(visit, json_object_get(page_context(visit), "peer"));
}

/* All of them: a box that is not ticked is not sent. */
static json_t *build_switches(struct page_visit *visit)
{
    return json_pack(
        "{s:s, s:{s:b, s:b, s:b, s:b}, s:b, s:[s, s, s, s, s]}", "id", page_value(visit, "path.id"),
        "switches", "noticesIn", *page_value(visit, "form.notices_in") != 0, "noticesOut",
        *page_value(visit, "form.notices_out") != 0, "askAround",
        *page_value(visit, "form.ask_around") != 0, "referrals",
        *page_value(visit, "form.referrals") != 0, "local", *page_value(visit, "form.local") != 0,
        "set", "notices-in", "notices-out", "ask-around", "referrals", "local");
}

static void show_invite(struct page_visit *visit)
{
    json_t *qr = qr_shape(page_value(visit, "invite.invite"));
    if (qr)
        json_object_set_new(page_context(visit), "qr", qr);
    page_show(visit, "admin_invite");
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
        .calls = {PAGE_CALL("peer", method_, "id={path.id}")},                                  \
        .redirect = "/admin/peers/{path.id}?done=peer-" verb, .again = "/admin/peers/{path.id}" \
    }

const struct page pages_peers[] = {
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
    PEER_VERB("accept", "Peers/Accept"),
    PEER_VERB("pause", "Peers/Pause"),
    PEER_VERB("block", "Peers/Block"),
    PEER_VERB("unblock", "Peers/Unblock"),
    PEER_VERB("leave", "Peers/Leave"),
    PEER_VERB("settle", "Keys/Settle"),
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
    {.method = NULL},
};
