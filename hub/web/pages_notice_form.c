/*
 * Writing a notice: one sentence first, then what was understood, with who will hear it, to confirm
 * or to put right. And changing one.
 */
#include "hub/base/text.h"
#include "hub/web/notice_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAMES_SHOWN 8
#define DAY_S       86400

static const char *const until_choices[] = {"24h", "3d", "7d", "14d", "30d", "90d"};
static const char *const restrictions[] = {"cold-chain", "pick-up-only", "stairs", "vehicle",
                                           "waiting-list"};
static const char *const prices[] = {"free", "free-price", "at-cost", "paid"};

/* --- who hears it ----------------------------------------------------------------------------- */

/* The first names with their distance, how many more, how many in all. */
static void shape_reach(struct page_visit *visit)
{
    json_t *reach = json_object_get(page_context(visit), "reach"), *first = json_array();
    json_t *hubs = json_object_get(reach, "hub"), *hub;
    size_t i, count = json_array_size(hubs);
    if (!reach) {
        json_decref(first);
        return;
    }
    json_array_foreach(hubs, i, hub)
    {
        if (i < NAMES_SHOWN) {
            json_object_set_new(hub, "km", json_integer(notice_number(hub, "km")));
            json_array_append(first, hub);
        }
    }
    json_object_set_new(reach, "count", json_integer((json_int_t)count));
    json_object_set_new(reach, "first", first);
    json_object_set_new(reach, "more",
                        json_integer(count > NAMES_SHOWN ? (json_int_t)(count - NAMES_SHOWN) : 0));
    json_object_set_new(reach, "has_more", json_boolean(count > NAMES_SHOWN));
}

static void add_circles(struct page_visit *visit)
{
    json_t *list = json_array(), *circle;
    size_t i;
    const char *chosen = page_value(visit, "form.circle");
    json_array_foreach(json_object_get(json_object_get(page_context(visit), "circles"), "circle"),
                       i, circle)
    {
        const char *id = page_text(circle, "id");
        if (strcmp(page_text(circle, "ours"), "member") == 0)
            json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "id", id, "name",
                                                  page_text(circle, "name"), "chosen",
                                                  strcmp(chosen, id) == 0));
    }
    json_object_set_new(page_context(visit), "circle_choice", list);
    json_object_set_new(page_context(visit), "circle_any", json_boolean(json_array_size(list) > 0));
}

/* --- choices ---------------------------------------------------------------------------------- */

/* "7 jours" beside each kind: how long it stays when nothing is said. */
static json_int_t life_of(struct page_visit *visit, const char *kind)
{
    size_t i;
    json_t *life;
    json_array_foreach(json_object_get(json_object_get(page_context(visit), "guess"), "life"), i,
                       life)
    {
        if (strcmp(page_text(life, "kind"), kind) == 0)
            return notice_number(life, "hours");
    }
    return 0;
}

static void add_kinds(struct page_visit *visit, const char *chosen)
{
    json_t *list = json_array();
    char key[64];
    for (size_t i = 0; i < NOTICE_KINDS; i++) {
        json_int_t hours = life_of(visit, notice_kinds[i].code);
        snprintf(key, sizeof(key), "notice_new.kind.%s", notice_kinds[i].code);
        json_t *kind =
            json_pack("{s:s, s:s, s:s, s:b}", "code", notice_kinds[i].code, "icon",
                      notice_kinds[i].icon, "text", catalog_text(page_catalog(visit), key, 1),
                      "chosen", strcmp(chosen, notice_kinds[i].code) == 0);
        json_object_set_new(kind, hours > 24 ? "lives_days" : "lives_hours",
                            json_integer(hours > 24 ? hours / 24 : hours));
        page_add_words(visit, kind);
        json_array_append_new(list, kind);
    }
    json_object_set_new(page_context(visit), "kinds", list);
}

static json_t *choices(struct page_visit *visit, const char *prefix, const char *const *values,
                       size_t count, const json_t *chosen)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        size_t k;
        json_t *one;
        bool is = json_is_string(chosen) && strcmp(json_string_value(chosen), values[i]) == 0;
        json_array_foreach(chosen, k, one)
        {
            is = is || (json_is_string(one) && strcmp(json_string_value(one), values[i]) == 0);
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "value", values[i], "text",
                                              page_word(visit, prefix, values[i]), "chosen", is));
    }
    return list;
}

/* --- the draft -------------------------------------------------------------------------------- */

static void copy(json_t *draft, const char *as, const json_t *from, const char *name)
{
    json_t *value = json_object_get(from, name);
    if (value && !json_is_object(value))
        json_object_set(draft, as, value);
}

/* What the sentence says. */
static json_t *guessed(struct page_visit *visit)
{
    json_t *draft = json_object(), *guess = json_object_get(page_context(visit), "guess");
    static const char *const same[] = {"kind", "what", "unit", "detail", "until", "place", "theme"};
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        copy(draft, same[i], guess, same[i]);
    if (notice_number(guess, "amount"))
        copy(draft, "amount", guess, "amount");
    if (json_is_true(json_object_get(guess, "perishable")))
        json_object_set_new(draft, "perishable", json_string("1"));
    return draft;
}

/* What stands in a notice of ours, as the form would say it. */
static json_t *standing(struct page_visit *visit)
{
    json_t *draft = json_object(), *notice = json_object_get(page_context(visit), "notice");
    json_t *content = json_object_get(notice, "content");
    json_t *quantity = json_object_get(content, "quantity");
    static const char *const same[] = {"what", "detail", "place", "restriction", "theme"};
    char day[11];
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        copy(draft, same[i], content, same[i]);
    copy(draft, "contact_role", content, "contactRole");
    copy(draft, "min_lot", content, "minLot");
    copy(draft, "amount", quantity, "amount");
    copy(draft, "unit", quantity, "unit");
    snprintf(day, sizeof(day), "%.10s", page_text(notice, "availableFrom"));
    json_object_set_new(draft, "from", json_string(day));
    snprintf(day, sizeof(day), "%.10s", page_text(notice, "availableTo"));
    json_object_set_new(draft, "to", json_string(day));
    for (size_t i = 0; i < ARRAY_LEN(prices); i++)
        if (json_object_get(json_object_get(content, "price_is"), prices[i]))
            json_object_set_new(draft, "price", json_string(prices[i]));
    if (json_is_true(json_object_get(content, "firstCome")))
        json_object_set_new(draft, "first_come", json_string("1"));
    if (json_is_true(json_object_get(content, "perishable")))
        json_object_set_new(draft, "perishable", json_string("1"));
    return draft;
}

/* Choices of the draft; takes it. */
static void show_draft(struct page_visit *visit, json_t *draft)
{
    json_t *context = page_context(visit);
    const char *until = page_text(draft, "until");
    bool is_date = strlen(until) >= 10 && until[4] == '-';
    add_kinds(visit, page_text(draft, "kind"));
    notice_add_themes(visit, page_text(draft, "theme"));
    json_object_set_new(context, "until_choice",
                        choices(visit, "notice_new.until", until_choices, ARRAY_LEN(until_choices),
                                json_object_get(draft, "until")));
    json_object_set_new(context, "restriction_choice",
                        choices(visit, "restriction", restrictions, ARRAY_LEN(restrictions),
                                json_object_get(draft, "restriction")));
    json_object_set_new(
        context, "price_choice",
        choices(visit, "notice_price", prices, ARRAY_LEN(prices), json_object_get(draft, "price")));
    json_object_set_new(draft, "until_is_date", json_boolean(is_date));
    page_add_words(visit, draft);
    json_object_set_new(context, "draft", draft);
}

static bool is_second_step(struct page_visit *visit)
{
    return *page_value(visit, "form.step") != '\0';
}

static void shape_check(struct page_visit *visit)
{
    json_t *typed = json_object_get(page_context(visit), "form");
    shape_reach(visit);
    add_circles(visit);
    show_draft(visit, is_second_step(visit) ? json_copy(typed) : guessed(visit));
    json_object_set_new(page_context(visit), "checks", json_true());
    page_add_request_key(visit);
}

/* The sentence alone, or the form that did not go out. */
static void shape_new(struct page_visit *visit)
{
    if (is_second_step(visit))
        shape_check(visit);
}

static void show_check(struct page_visit *visit)
{
    shape_check(visit);
    page_show(visit, "notice_new");
}

static void go_to_new(struct page_visit *visit)
{
    page_redirect(visit, "/notices/new");
}

static void shape_edit(struct page_visit *visit)
{
    json_t *context = page_context(visit);
    json_t *typed = json_object_get(context, "form");
    notice_shape(visit, json_object_get(context, "notice"));
    show_draft(visit, json_object_get(context, "error") || is_second_step(visit) ? json_copy(typed)
                                                                                 : standing(visit));
    json_object_set_new(context, "edits", json_true());
    json_object_set_new(
        context, "is_counted",
        json_boolean(json_object_get(json_object_get(context, "notice"), "measure") != NULL));
}

/* --- what is sent ----------------------------------------------------------------------------- */

static void send_text(struct page_visit *visit, json_t *content, const char *field,
                      const char *from)
{
    json_object_set_new(content, field, json_string(page_value(visit, from)));
}

static void send_number(struct page_visit *visit, json_t *content, const char *field,
                        const char *from)
{
    const char *text = page_value(visit, from);
    json_object_set_new(content, field, *text ? json_string(text) : json_integer(0));
}

/* A day of the form as the second it begins, or with `end` its last one, where this machine is. */
static void send_day(struct page_visit *visit, json_t *content, const char *field, const char *from,
                     bool end)
{
    const char *text = page_value(visit, from);
    int64_t at_ms;
    struct tm tm;
    if (strlen(text) != 10 || !text_parse_time(text, &at_ms))
        return;
    time_t day = (time_t)(at_ms / 1000);
    gmtime_r(&day, &tm);
    tm.tm_isdst = -1;
    time_t local = mktime(&tm);
    char seconds[24];
    snprintf(seconds, sizeof(seconds), "%lld", (long long)local + (end ? DAY_S - 1 : 0));
    json_object_set_new(content, field, json_string(seconds));
}

/* What the form says; over `content`, whose other parts stay. */
static void fill_content(struct page_visit *visit, json_t *content)
{
    json_t *chosen = json_object_get(json_object_get(page_context(visit), "form"), "restriction");
    send_text(visit, content, "what", "form.what");
    send_text(visit, content, "detail", "form.detail");
    send_text(visit, content, "theme", "form.theme");
    send_text(visit, content, "place", "form.place");
    send_text(visit, content, "contactRole", "form.contact_role");
    json_t *quantity = json_object();
    send_number(visit, quantity, "amount", "form.amount");
    send_text(visit, quantity, "unit", "form.unit");
    json_object_set_new(content, "quantity", quantity);
    send_number(visit, content, "minLot", "form.min_lot");
    json_object_set_new(content, "restriction",
                        json_is_string(chosen)  ? json_pack("[O]", chosen)
                        : json_is_array(chosen) ? json_copy(chosen)
                                                : json_array());
    if (*page_value(visit, "form.price"))
        send_text(visit, content, "price", "form.price");
    json_object_set_new(content, "firstCome", json_boolean(*page_value(visit, "form.first_come")));
    json_object_set_new(content, "perishable", json_boolean(*page_value(visit, "form.perishable")));
    send_day(visit, content, "availableFromS", "form.from", false);
    send_day(visit, content, "availableToS", "form.to", true);
}

static json_t *build_post(struct page_visit *visit)
{
    json_t *content = json_object();
    const char *commune = page_value(visit, "form.commune");
    fill_content(visit, content);
    send_text(visit, content, "kind", "form.kind");
    json_object_set_new(content, "status",
                        json_string(*page_value(visit, "form.exercise") ? "exercise" : "actual"));
    if (*commune && strcmp(page_value(visit, "form.place"), page_value(visit, "form.home")) == 0)
        json_object_set_new(content, "commune", json_string(commune));
    return json_pack("{s:o, s:s, s:s, s:s}", "content", content, "until",
                     page_value(visit, "form.until"), "requestKey",
                     page_value(visit, "form.request_key"), "circle",
                     page_value(visit, "form.circle"));
}

/* Update takes the whole content: what the form does not show stays as it stands. */
static json_t *build_update(struct page_visit *visit)
{
    static const char *const kept[] = {"kind",   "commune",    "price",
                                       "status", "latitudeE4", "longitudeE4"};
    json_t *old = json_object_get(json_object_get(page_context(visit), "notice"), "content");
    json_t *content = json_object();
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        copy(content, kept[i], old, kept[i]);
    fill_content(visit, content);
    if (strcmp(page_value(visit, "form.place"), page_text(old, "place")) != 0) {
        /* another place: where the old one was says nothing about it */
        json_object_del(content, "commune");
        json_object_del(content, "latitudeE4");
        json_object_del(content, "longitudeE4");
    }
    return json_pack("{s:s, s:o, s:s}", "id", page_value(visit, "path.id"), "content", content,
                     "until", page_value(visit, "form.until"));
}

#define CHECK_CALLS                                                                    \
    PAGE_CALL("guess", "Notices/Guess", "text={form.what} kind={form.kind}"),          \
        PAGE_CALL("reach", "Notices/Reach", "circle={form.circle}", .may_fail = true), \
        PAGE_CALL("circles", "Circles/List", "", .roles = ROLE_COORDINATOR, .may_fail = true)

const struct page pages_notice_form[] = {
    {.method = "GET",
     .path = "/notices/new",
     .roles = ROLE_COORDINATOR,
     .calls = {CHECK_CALLS},
     .template = "notice_new",
     .view = shape_new},
    {.method = "GET",
     .path = "/notices/check",
     .roles = ROLE_COORDINATOR,
     .template = "notice_new",
     .view = go_to_new},
    {.method = "POST",
     .path = "/notices/check",
     .roles = ROLE_COORDINATOR,
     .calls = {CHECK_CALLS},
     .view = show_check,
     .redirect = "/notices/new",
     .again = "/notices/new"},
    {.method = "POST",
     .path = "/notices/new",
     .roles = ROLE_COORDINATOR,
     .calls = {PAGE_CALL("notice", "Notices/Post", NULL, .build = build_post, .hold = true)},
     .redirect = "/notices/{notice.id}?done=posted",
     .again = "/notices/new"},
    {.method = "GET",
     .path = "/notices/:id/edit",
     .roles = ROLE_COORDINATOR,
     .calls = {PAGE_CALL("notice", "Notices/Get", "id={path.id}")},
     .template = "notice_edit",
     .view = shape_edit},
    {.method = "POST",
     .path = "/notices/:id/edit",
     .roles = ROLE_COORDINATOR,
     .calls = {PAGE_CALL("notice", "Notices/Get", "id={path.id}"),
               PAGE_CALL("done", "Notices/Update", NULL, .build = build_update, .hold = true)},
     .redirect = "/notices/{path.id}?done=updated",
     .again = "/notices/{path.id}/edit"},
    {.method = NULL},
};
