/* What is short, what is left over, and who takes how much of it. */
#include "hub/web/notice_shape.h"
#include "hub/web/pages_internal.h"

#include <stdio.h>
#include <string.h>

/* The list's address with one filter set otherwise; the others stay. */
static void list_address(struct page_visit *visit, const char *name, const char *value,
                         struct buf *out)
{
    static const char *const filters[] = {"kind", "who", "km", "ends", "theme", "all"};
    char from[16], mark = '?';
    buf_add_text(out, "/notices");
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        snprintf(from, sizeof(from), "form.%s", filters[i]);
        const char *said = strcmp(filters[i], name) == 0 ? value : page_value(visit, from);
        if (!*said)
            continue;
        buf_addf(out, "%c%s=", mark, filters[i]);
        form_encode(said, out);
        mark = '&';
    }
}

static void add_kind_filter(struct page_visit *visit, json_t *list, const char *kind,
                            const char *icon, const char *text)
{
    AUTO(buf_done) struct buf href = {0};
    list_address(visit, "kind", kind, &href);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:b}", "href", buf_text(&href), "icon",
                                          icon, "text", text, "current",
                                          strcmp(page_value(visit, "form.kind"), kind) == 0));
}

/* Everything, then one kind a link. */
static void add_filters(struct page_visit *visit)
{
    json_t *filters = json_array();
    add_kind_filter(visit, filters, "", "",
                    catalog_text(page_catalog(visit), "notices.all_kinds", 1));
    for (size_t i = 0; i < NOTICE_KINDS; i++) {
        add_kind_filter(visit, filters, notice_kinds[i].code, notice_kinds[i].icon,
                        page_word(visit, "kind", notice_kinds[i].code));
    }
    json_object_set_new(page_context(visit), "filters", filters);
}

/* Choices of a <select>: "", then the values. */
static void add_choice(struct page_visit *visit, const char *name, const char *const *values,
                       size_t count)
{
    json_t *list = json_array();
    char from[24], key[64];
    snprintf(from, sizeof(from), "form.%s", name);
    const char *chosen = page_value(visit, from);
    for (size_t i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "notices.%s.%s", name, *values[i] ? values[i] : "any");
        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "value", values[i], "text",
                                              catalog_text(page_catalog(visit), key, 1), "chosen",
                                              strcmp(chosen, values[i]) == 0));
    }
    snprintf(key, sizeof(key), "%s_choice", name);
    json_object_set_new(page_context(visit), key, list);
}

static void shape_all(struct page_visit *visit, const char *name)
{
    size_t i;
    json_t *notice, *answer = json_object_get(page_context(visit), name);
    json_array_foreach(json_object_get(answer, "notice"), i, notice)
    {
        notice_shape(visit, notice);
    }
}

static void shape_list(struct page_visit *visit)
{
    static const char *const who[] = {"", "ours", "theirs"}, *const km[] = {"", "5", "20", "50"},
                             *const ends[] = {"", "24h", "3d", "7d"};
    size_t i;
    json_t *claim, *context = page_context(visit);
    const char *only = page_value(visit, "form.who");
    bool hidden = *page_value(visit, "form.hidden");
    shape_all(visit, "ours");
    shape_all(visit, "theirs");
    json_array_foreach(json_object_get(json_object_get(context, "mine"), "claim"), i, claim)
    {
        notice_shape_claim(visit, claim);
    }
    add_filters(visit);
    add_choice(visit, "who", who, ARRAY_LEN(who));
    add_choice(visit, "km", km, ARRAY_LEN(km));
    add_choice(visit, "ends", ends, ARRAY_LEN(ends));
    notice_add_themes(visit, page_value(visit, "form.theme"));
    bool narrowed = *only || *page_value(visit, "form.theme") || *page_value(visit, "form.km") ||
                    *page_value(visit, "form.ends");
    json_object_set_new(context, "narrowed", json_boolean(narrowed));
    json_object_set_new(context, "plain",
                        json_boolean(!narrowed && !hidden && !*page_value(visit, "form.kind") &&
                                     !*page_value(visit, "form.all")));
    json_object_set_new(context, "show_ours", json_boolean(strcmp(only, "theirs") != 0 && !hidden));
    json_object_set_new(context, "show_theirs", json_boolean(strcmp(only, "ours") != 0));
    json_object_set_new(context, "is_hidden", json_boolean(hidden));
}

static void shape_one(struct page_visit *visit)
{
    notice_shape(visit, json_object_get(page_context(visit), "notice"));
    page_add_request_key(visit);
}

#define LIST_FILTER \
    "kind={form.kind} theme={form.theme} all?={form.all} endsWithin={form.ends} urgentFirst=true"

/* `hold_`: it may be taken back for some seconds. What can be corrected afterwards goes at once. */
#define CLAIM_VERB(action_, hold_)                                                              \
    {                                                                                           \
        .method = "POST", .path = "/notices/:id/claims/:claim/" action_,                        \
        .roles = ROLE_COORDINATOR,                                                              \
        .calls = {PAGE_CALL("done", "Notices/ActOnClaim",                                       \
                            "id={path.claim} action=" action_                                   \
                            " quantity={form.quantity} reason={form.reason} until={form.until}" \
                            " pickUp={form.pick_up}",                                           \
                            .hold = hold_)},                                                    \
        .redirect = "/notices/{path.id}?done=claim-" action_, .again = "/notices/{path.id}"     \
    }
#define NOTICE_VERB(path_, method_, send_, done_, hold_)                            \
    {                                                                               \
        .method = "POST", .path = "/notices/:id/" path_, .roles = ROLE_COORDINATOR, \
        .calls = {PAGE_CALL("done", "Notices/" method_, send_, .hold = hold_)},     \
        .redirect = "/notices/{path.id}?done=" done_, .again = "/notices/{path.id}" \
    }

const struct page pages_notices[] = {
    {.method = "GET",
     .path = "/notices",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("theirs", "Notices/List",
                         "theirsOnly=true km={form.km} hidden?={form.hidden} " LIST_FILTER),
               PAGE_CALL("ours", "Notices/List", "oursOnly=true " LIST_FILTER),
               PAGE_CALL("mine", "Notices/ListClaims", "box=out openOnly=true limit=20",
                         .roles = ROLE_COORDINATOR)},
     .template = "notices",
     .view = shape_list},
    {.method = "GET",
     .path = "/notices/text",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("lines", "Notices/Text", "language={lang} all?={form.all}")},
     .template = "notices_text"},
    {.method = "GET",
     .path = "/notices/:id",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("notice", "Notices/Get", "id={path.id}"),
               PAGE_CALL("opened", "Home/Opened", "notice={path.id}", .roles = ROLE_COORDINATOR,
                         .may_fail = true)},
     .template = "notice",
     .view = shape_one},
    NOTICE_VERB("claim", "Claim",
                "notice={path.id} quantity={form.quantity} phone={form.phone}"
                " contactRole={form.contact_role} pickUp={form.pick_up}"
                " requestKey={form.request_key}",
                "claimed", true),
    NOTICE_VERB("renew", "Renew", "id={path.id} until={form.until}", "renewed", false),
    NOTICE_VERB("withdraw", "Withdraw", "id={path.id} reason={form.reason}", "withdrawn", true),
    NOTICE_VERB("close", "Close", "id={path.id} reached={form.reached}", "closed", false),
    NOTICE_VERB("hide", "Hide", "id={path.id} reason={form.reason} undo?={form.undo}", "hidden",
                false),
    CLAIM_VERB("agree", true),
    CLAIM_VERB("refuse", true),
    CLAIM_VERB("under-way", false),
    CLAIM_VERB("release", true),
    CLAIM_VERB("delivered", false),
    CLAIM_VERB("returned", false),
    CLAIM_VERB("ask-release", true),
    CLAIM_VERB("extend", false),
    CLAIM_VERB("agree-extend", false),
    {.method = NULL},
};
