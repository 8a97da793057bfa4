/* What is short, what is left over, and who takes how much of it. */
#include "hub/web/pages.h"

#include <stdio.h>
#include <string.h>

#define MEASURE_WIDTH 1000 /* of the picture, whatever the quantity */

static const struct {
    const char *code; /* of the kind */
    const char *icon;
} notice_kinds[] = {
    {"shortage", "in"},     {"surplus", "out"},     {"offer", "heart"},
    {"question", "speech"}, {"situation", "alert"}, {"opportunity", "groups"},
};

static json_int_t number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static json_int_t share(json_int_t part, json_int_t whole)
{
    return part >= whole ? MEASURE_WIDTH : part * MEASURE_WIDTH / whole;
}

/* Asked, committed, delivered, remaining: zeros too, and as widths of the picture. */
static void add_measure(json_t *notice)
{
    json_t *content = json_object_get(notice, "content");
    json_int_t asked = number_of(notice, "asked"), committed = number_of(notice, "committed"),
               delivered = number_of(notice, "delivered");
    if (asked <= 0)
        return;
    json_object_set_new(
        notice, "measure",
        json_pack("{s:I, s:I, s:I, s:I, s:s, s:I, s:I}", "asked", asked, "committed", committed,
                  "delivered", delivered, "remaining", number_of(notice, "remaining"), "unit",
                  text_of(json_object_get(content, "quantity"), "unit"), "committed_width",
                  share(committed, asked), "delivered_width", share(delivered, asked)));
}

static bool is_open(const json_t *notice)
{
    const char *status = text_of(notice, "status");
    return strcmp(status, "published") == 0 || strcmp(status, "partly-filled") == 0;
}

/* Does an answer wait for our word? */
static bool waits_for_us(const json_t *notice)
{
    size_t i;
    json_t *claim;
    json_array_foreach(json_object_get(notice, "claim"), i, claim)
    {
        if (json_object_get(json_object_get(claim, "action_has"), "agree"))
            return true;
    }
    return false;
}

static bool has_own_claim(const json_t *notice)
{
    size_t i;
    json_t *claim;
    json_array_foreach(json_object_get(notice, "claim"), i, claim)
    {
        if (json_object_get(json_object_get(claim, "action_has"), "release"))
            return true;
    }
    return false;
}

static void add_kind(json_t *notice)
{
    json_t *is = json_object_get(json_object_get(notice, "content"), "kind_is");
    for (size_t i = 0; i < ARRAY_LEN(notice_kinds); i++)
        if (json_object_get(is, notice_kinds[i].code))
            json_object_set_new(notice, "icon", json_string(notice_kinds[i].icon));
    json_object_set_new(notice, "is_need", json_boolean(json_object_get(is, "shortage") != NULL));
}

/* A zero is not in the answer; a template would take the sum of the notice around it. */
static void add_zeros(json_t *notice)
{
    size_t i;
    json_t *claim;
    json_array_foreach(json_object_get(notice, "claim"), i, claim)
    {
        if (!json_object_get(claim, "delivered"))
            json_object_set_new(claim, "delivered", json_integer(0));
    }
}

static void shape_notice(json_t *notice)
{
    bool ours = json_is_true(json_object_get(notice, "ours")), open = is_open(notice);
    add_kind(notice);
    add_measure(notice);
    add_zeros(notice);
    json_object_set_new(notice, "is_open", json_boolean(open));
    json_object_set_new(notice, "to_do", json_boolean(waits_for_us(notice)));
    json_object_set_new(notice, "can_claim",
                        json_boolean(!ours && open && number_of(notice, "remaining") > 0 &&
                                     !has_own_claim(notice)));
}

/* Everything, then one kind a link. */
static void add_filters(struct page_visit *visit)
{
    json_t *filters = json_array();
    const char *chosen = page_value(visit, "form.kind");
    char href[64], key[64];
    json_array_append_new(filters,
                          json_pack("{s:s, s:s, s:b}", "href", "/notices", "text",
                                    catalog_text(page_catalog(visit), "notices.all_kinds", 1),
                                    "current", !*chosen));
    for (size_t i = 0; i < ARRAY_LEN(notice_kinds); i++) {
        snprintf(href, sizeof(href), "/notices?kind=%s", notice_kinds[i].code);
        snprintf(key, sizeof(key), "kind.%s", notice_kinds[i].code);
        json_array_append_new(
            filters, json_pack("{s:s, s:s, s:s, s:b}", "href", href, "icon", notice_kinds[i].icon,
                               "text", catalog_text(page_catalog(visit), key, 1), "current",
                               strcmp(chosen, notice_kinds[i].code) == 0));
    }
    json_object_set_new(page_context(visit), "filters", filters);
}

static void shape_list(struct page_visit *visit)
{
    size_t i;
    json_t *notice, *answer = json_object_get(page_context(visit), "notices");
    json_array_foreach(json_object_get(answer, "notice"), i, notice) shape_notice(notice);
    add_filters(visit);
}

static void shape_one(struct page_visit *visit)
{
    shape_notice(json_object_get(page_context(visit), "notice"));
    page_add_request_key(visit);
}

/* The kinds to choose from; a link may choose one, a person decides. */
static void shape_new(struct page_visit *visit)
{
    json_t *choices = json_array();
    json_t *reach = json_object_get(page_context(visit), "reach");
    const char *chosen = page_value(visit, "form.kind");
    char key[64];
    for (size_t i = 0; i < ARRAY_LEN(notice_kinds); i++) {
        snprintf(key, sizeof(key), "notice_new.kind.%s", notice_kinds[i].code);
        json_array_append_new(choices,
                              json_pack("{s:s, s:s, s:s, s:b}", "code", notice_kinds[i].code,
                                        "icon", notice_kinds[i].icon, "text",
                                        catalog_text(page_catalog(visit), key, 1), "chosen",
                                        strcmp(chosen, notice_kinds[i].code) == 0));
    }
    json_object_set_new(page_context(visit), "kinds", choices);
    if (reach)
        json_object_set_new(reach, "count", json_integer(number_of(reach, "hubs")));
    page_add_request_key(visit);
}

#define CLAIM_VERB(path_, action_)                                                                \
    {                                                                                             \
        .method = "POST", .path = "/notices/:id/claims/:claim/" path_, .roles = ROLE_COORDINATOR, \
        .calls = {PAGE_CALL("done", "Notices/ActOnClaim",                                         \
                            "id={path.claim} action=" action_                                     \
                            " quantity={form.quantity} reason={form.reason}")},                   \
        .redirect = "/notices/{path.id}?done=claim-" path_, .again = "/notices/{path.id}"         \
    }

const struct page pages_notices[] = {
    {.method = "GET",
     .path = "/notices",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("notices", "Notices/List", "kind={form.kind} all?={form.all}")},
     .template = "notices",
     .view = shape_list},
    {.method = "GET",
     .path = "/notices/new",
     .roles = ROLE_COORDINATOR,
     .calls = {PAGE_CALL("reach", "Notices/Reach", ""), PAGE_CALL("status", "Node/Status", "")},
     .template = "notice_new",
     .view = shape_new},
    {.method = "POST",
     .path = "/notices/new",
     .roles = ROLE_COORDINATOR,
     .calls = {PAGE_CALL("notice", "Notices/Post",
                         "content.kind={form.kind} content.what={form.what}"
                         " content.quantity.amount={form.amount}"
                         " content.quantity.unit={form.unit} content.place={form.place}"
                         " content.status=actual until={form.until}"
                         " requestKey={form.request_key}")},
     .redirect = "/notices/{notice.id}?done=posted",
     .again = "/notices/new"},
    {.method = "GET",
     .path = "/notices/:id",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("notice", "Notices/Get", "id={path.id}")},
     .template = "notice",
     .view = shape_one},
    {.method = "POST",
     .path = "/notices/:id/claim",
     .roles = ROLE_COORDINATOR,
     .calls = {PAGE_CALL("claim", "Notices/Claim",
                         "notice={path.id} quantity={form.quantity} phone={form.phone}"
                         " pickUp={form.pick_up} requestKey={form.request_key}")},
     .redirect = "/notices/{path.id}?done=claimed",
     .again = "/notices/{path.id}"},
    {.method = "POST",
     .path = "/notices/:id/renew",
     .roles = ROLE_COORDINATOR,
     .calls = {PAGE_CALL("notice", "Notices/Renew", "id={path.id} until={form.until}")},
     .redirect = "/notices/{path.id}?done=renewed",
     .again = "/notices/{path.id}"},
    {.method = "POST",
     .path = "/notices/:id/withdraw",
     .roles = ROLE_COORDINATOR,
     .calls = {PAGE_CALL("notice", "Notices/Withdraw", "id={path.id} reason={form.reason}")},
     .redirect = "/notices/{path.id}?done=withdrawn",
     .again = "/notices/{path.id}"},
    CLAIM_VERB("agree", "agree"),
    CLAIM_VERB("refuse", "refuse"),
    CLAIM_VERB("under-way", "under-way"),
    CLAIM_VERB("release", "release"),
    CLAIM_VERB("delivered", "delivered"),
    CLAIM_VERB("returned", "returned"),
    {.method = NULL},
};
