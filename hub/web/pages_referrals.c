/* Sending somebody on, and what became of it. */
#include "hub/base/text.h"
#include "hub/web/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define READS_REFERRALS (ROLE_CASEWORKER | ROLE_SECRETARY | ROLE_ADMIN)
#define KEY_SIZE        96
#define SHORT_ID        8

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static bool is(const json_t *object, const char *name, const char *value)
{
    return strcmp(text_of(object, name), value) == 0;
}

/* Copies a form's field when it was filled in. */
static void take(struct page_visit *visit, const char *field, json_t *into, const char *name)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "form.%s", field);
    const char *text = page_value(visit, key);
    if (*text)
        json_object_set_new(into, name, json_string(text));
}

/* One value or many: always a list. */
static json_t *take_list(struct page_visit *visit, const char *field)
{
    json_t *value = json_object_get(json_object_get(page_context(visit), "form"), field);
    if (json_is_array(value))
        return json_incref(value);
    return json_is_string(value) ? json_pack("[O]", value) : json_array();
}

/* The words people see (PRODUCT.md 3.2). */

static bool is_live(const json_t *referral)
{
    static const char *const live[] = {"draft", "requested", "accepted", "in-progress", "on-hold"};
    for (size_t i = 0; i < ARRAY_LEN(live); i++)
        if (is(referral, "status", live[i]))
            return true;
    return false;
}

static void add_word(json_t *referral)
{
    bool business = is(referral, "status", "requested") ||
                    is(referral, "businessStatus", "scheduled") ||
                    (is(referral, "status", "cancelled") &&
                     is(referral, "businessStatus", "consent-withdrawn"));
    if (!is_live(referral) && !is(referral, "status", "cancelled"))
        business = false;
    const char *word = text_of(referral, business ? "businessStatus_text" : "status_text");
    json_object_set_new(referral, "word",
                        json_string(*word ? word : text_of(referral, "status_text")));
}

static bool may(const json_t *referral, const char *action)
{
    return json_object_get(json_object_get(referral, "action_has"), action) != NULL;
}

/* The key of the sentence on what happens next. NULL: nothing does. */
static const char *next_key(const json_t *referral)
{
    bool out = is(referral, "box", "out"), live = is_live(referral);
    bool late = json_is_true(json_object_get(referral, "late"));
    if (json_is_true(json_object_get(referral, "frozen")))
        return "next.frozen";
    if (*text_of(referral, "peerState"))
        return is(referral, "peerState", "suspended") ? "next.suspended" : "next.cut_off";
    if (live && is(referral, "delivery", "undelivered"))
        return "next.undelivered";
    if (live && is(referral, "delivery", "refused"))
        return "next.not_taken";
    if (live && is(referral, "businessStatus", "cancellation-requested"))
        return out ? "next.cancelling_out" : "next.cancelling_in";
    if (is(referral, "status", "requested")) {
        if (is(referral, "businessStatus", "need-info"))
            return out ? "next.question_out" : "next.question_in";
        if (out && !*text_of(referral, "businessStatus"))
            return "next.under_way_to";
        return out ? (late ? "next.late_out" : "next.requested_out")
                   : (late ? "next.late_in" : "next.requested_in");
    }
    if (is(referral, "status", "accepted") || is(referral, "status", "in-progress"))
        return out ? "next.running_out" : "next.running_in";
    if (is(referral, "status", "on-hold")) {
        bool review = *text_of(referral, "review_text");
        return out ? (review ? "next.review_out" : "next.hold_out")
                   : (review ? "next.review_in" : "next.hold_in");
    }
    if (out && (is(referral, "status", "rejected") || is(referral, "status", "failed")))
        return "next.elsewhere";
    if (out && is(referral, "status", "completed"))
        return "next.ask_person";
    return NULL;
}

static void add_value(void *ctx, const char *name, struct buf *out)
{
    buf_add_text(out, text_of(ctx, name));
}

static void add_next(struct page_visit *visit, json_t *referral)
{
    AUTO(buf_done) struct buf text = {0};
    const char *key = next_key(referral);
    if (!key)
        return;
    catalog_fill(catalog_text(page_catalog(visit), key, 1), add_value, referral, &text);
    json_object_set_new(referral, "next_text", json_string(buf_text(&text)));
}

/* The progress line. */

static void add_step(json_t *steps, const char *text, const char *state)
{
    json_array_append_new(steps, json_pack("{s:s, s:s, s:b}", "step", text, "state", state, "here",
                                           strcmp(state, "now") == 0));
}

static size_t step_of(const json_t *referral)
{
    if (is(referral, "status", "requested") || is(referral, "status", "draft"))
        return is(referral, "box", "in") || *text_of(referral, "businessStatus") ? 1 : 0;
    if (is(referral, "status", "accepted"))
        return 2;
    return is_live(referral) ? 3 : 4;
}

static void add_steps(struct page_visit *visit, json_t *referral)
{
    static const char *const keys[] = {"step.sent", "step.received", "step.accepted",
                                       "step.under_way", "step.end"};
    json_t *steps = json_array();
    size_t now = step_of(referral), last = ARRAY_LEN(keys) - 1;
    bool broken = now == last && !is(referral, "status", "completed");
    for (size_t i = 0; i <= last; i++) {
        if (broken && i > 1 && i < last)
            continue; /* an end on the way: how far it came is in the history */
        bool here = i == now;
        add_step(steps,
                 here ? text_of(referral, "word") : catalog_text(page_catalog(visit), keys[i], 1),
                 here && now == last && !broken ? "done"
                 : here                         ? "now"
                 : i < now                      ? "done"
                                                : "to-come");
    }
    json_object_set_new(referral, "steps", steps);
}

/* What was said and done. */

static const char *reason_text(struct page_visit *visit, const char *code)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "reason.%s", code);
    return *code ? catalog_text(page_catalog(visit), key, 1) : "";
}

static json_t *event_words(struct page_visit *visit, json_t *referral, json_t *event)
{
    char key[KEY_SIZE];
    bool ours = is(event, "by", "us");
    snprintf(key, sizeof(key), "did.%s", text_of(event, "action"));
    const char *who = ours ? page_value(visit, "hub.name") : text_of(referral, "peerName");
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "who", who, "did",
        catalog_text(page_catalog(visit), key, 1), "on", text_of(event, "at_text"), "ago",
        text_of(event, "at_ago"), "said", text_of(event, "text"), "why",
        reason_text(visit, text_of(event, "reason")), "ours", ours, "waits",
        ours && (is(event, "delivery", "sent") || is(event, "delivery", "at-relay")), "lost",
        ours && (is(event, "delivery", "undelivered") || is(event, "delivery", "refused")), "void",
        json_is_true(json_object_get(event, "refused")), "persons",
        json_is_true(json_object_get(event, "forPerson")));
}

static void add_story(struct page_visit *visit, json_t *referral)
{
    static const char *const spoken[] = {"ask", "answer", "message"};
    json_t *thread = json_array(), *history = json_array(), *event;
    size_t i;
    json_array_foreach(json_object_get(referral, "event"), i, event)
    {
        json_t *words = event_words(visit, referral, event);
        for (size_t s = 0; s < ARRAY_LEN(spoken); s++)
            if (is(event, "action", spoken[s]) && *text_of(words, "said"))
                json_array_append(thread, words);
        json_array_append_new(history, words);
    }
    json_object_set_new(referral, "thread_any", json_boolean(json_array_size(thread) > 0));
    json_object_set_new(referral, "thread", thread);
    json_object_set_new(referral, "history", history);
}

static void add_consent(struct page_visit *visit, json_t *referral)
{
    json_t *consent = json_object_get(referral, "consent"), *fields = json_array(), *field;
    size_t i;
    char key[KEY_SIZE];
    if (!consent)
        return;
    json_array_foreach(json_object_get(consent, "field"), i, field)
    {
        snprintf(key, sizeof(key), "share.%s", json_string_value(field));
        if (catalog_has(page_catalog(visit), key))
            json_array_append_new(fields, json_string(catalog_text(page_catalog(visit), key, 1)));
        else
            json_array_append(fields, field);
    }
    json_object_set_new(consent, "shared", fields);
}

/* Which verbs go where: one that is asked for first, the others folded. */
static void add_verbs(json_t *referral)
{
    static const char *const talk[] = {"ask", "answer", "message"};
    bool waits = is(referral, "status", "requested") && is(referral, "box", "in");
    size_t said = 0;
    for (size_t i = 0; i < ARRAY_LEN(talk); i++)
        said += may(referral, talk[i]);
    json_object_set_new(referral, "may_talk", json_boolean(said > 0));
    json_object_set_new(referral, "first_is",
                        json_pack("{s:b}",
                                  may(referral, "agree-cancel")        ? "agree-cancel"
                                  : may(referral, "accept")            ? "accept"
                                  : may(referral, "answer") && !waits  ? "answer"
                                  : is(referral, "status", "accepted") ? "progress"
                                                                       : "complete",
                                  1));
}

/* Which form failed stays open, with what was typed. */
static void add_typed(struct page_visit *visit)
{
    json_t *context = page_context(visit);
    const char *action = page_value(visit, "form.action");
    if (!json_object_get(context, "error") || !*action)
        return;
    json_object_set_new(context, "again",
                        json_pack("{s:O}", action, json_object_get(context, "form")));
}

static void add_short_id(json_t *referral)
{
    char code[SHORT_ID + 2];
    const char *id = text_of(referral, "id");
    snprintf(code, sizeof(code), "%.4s %.4s", id, strlen(id) > 4 ? id + 4 : "");
    json_object_set_new(referral, "code", json_string(code));
}

static void view_referral(struct page_visit *visit)
{
    json_t *referral = json_object_get(page_context(visit), "referral");
    add_word(referral);
    add_next(visit, referral);
    add_steps(visit, referral);
    add_story(visit, referral);
    add_consent(visit, referral);
    add_verbs(referral);
    add_typed(visit);
    add_short_id(referral);
}

static void view_slip(struct page_visit *visit)
{
    view_referral(visit);
    json_object_set_new(page_context(visit), "large",
                        json_boolean(strcmp(page_value(visit, "query.size"), "large") == 0));
}

/* The list: open ones, then those that ended. */

static void view_list(struct page_visit *visit)
{
    json_t *context = page_context(visit), *all = json_object_get(context, "all"), *referral;
    json_t *ended = json_array();
    const char *box = page_value(visit, "query.box");
    size_t i;
    json_array_foreach(json_object_get(all, "referral"), i, referral) if (!is_live(referral))
    {
        add_word(referral);
        json_array_append(ended, referral);
    }
    json_array_foreach(json_object_get(json_object_get(context, "live"), "referral"), i, referral)
        add_word(referral);
    json_object_set_new(context, "ended_any", json_boolean(json_array_size(ended) > 0));
    json_object_set_new(context, "ended", ended);
    json_object_set_new(context, "older", json_string(text_of(all, "next")));
    json_object_set_new(context, "is_older", json_boolean(*page_value(visit, "query.before")));
    json_object_set_new(context, "shows", json_pack("{s:b}", *box ? box : "both", 1));
}

/* Sending. */

static void view_new(struct page_visit *visit)
{
    json_t *context = page_context(visit);
    json_t *chosen = json_object(), *share = take_list(visit, "share"), *field;
    size_t i;
    json_array_foreach(share, i, field)
        json_object_set_new(chosen, json_string_value(field), json_true());
    json_decref(share);
    json_object_set_new(context, "chosen", chosen);
    page_add_request_key(visit);
}

static json_t *build_send(struct page_visit *visit)
{
    json_t *request = json_object(), *person = json_object(), *consent = json_object();
    AUTO(buf_done) struct buf referrer = {0};
    const json_t *themes = json_object_get(
        json_object_get(json_object_get(page_context(visit), "service"), "content"), "theme");
    const char *theme = json_string_value(json_array_get(themes, 0));
    take(visit, "service", request, "service");
    take(visit, "urgency", request, "urgency");
    take(visit, "feedback", request, "feedback");
    take(visit, "need", request, "need");
    take(visit, "request_key", request, "requestKey");
    take(visit, "name", person, "name");
    take(visit, "contact", person, "contact");
    take(visit, "preference", person, "contactPreference");
    take(visit, "consent", consent, "form");
    json_object_set_new(consent, "field", take_list(visit, "share"));
    json_object_set_new(request, "theme", json_string(theme ? theme : "other"));
    buf_addf(&referrer, "%s, %s", page_value(visit, "account.name"), page_value(visit, "hub.name"));
    json_object_set_new(request, "referrerName", json_string(buf_text(&referrer)));
    json_object_set_new(request, "person", person);
    json_object_set_new(request, "consent", consent);
    return request;
}

/* "2026-11-30T14:00" of a form is the hour on the wall here. */
static void take_local_time(struct page_visit *visit, const char *field, json_t *into)
{
    char key[KEY_SIZE], iso[25];
    struct tm tm = {.tm_isdst = -1};
    snprintf(key, sizeof(key), "form.%s", field);
    const char *text = page_value(visit, key);
    if (!*text)
        return;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M", &tm);
    time_t at = rest ? mktime(&tm) : (time_t)-1;
    json_object_set_new(into, field,
                        json_string(at > 0 ? text_time((int64_t)at * 1000, iso) : text));
}

static json_t *build_act(struct page_visit *visit)
{
    static const struct {
        const char *field, *name;
    } fields[] = {
        {"action", "action"},
        {"business_status", "businessStatus"},
        {"reason", "reason"},
        {"outcome", "outcome"},
        {"contact_name", "contactName"},
        {"contact_phone", "contactPhone"},
        {"next_step", "nextStep"},
        {"text", "text"},
        {"place", "place"},
        {"review", "review"},
    };
    json_t *request = json_object();
    json_object_set_new(request, "id", json_string(page_value(visit, "path.id")));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        take(visit, fields[i].field, request, fields[i].name);
    take_local_time(visit, "at", request);
    /* "barrier transport": why it ended, and what stood in the way, in one choice. */
    const char *reason = page_value(visit, "form.reason");
    if (strncmp(reason, "barrier ", 8) == 0) {
        json_object_set_new(request, "reason", json_string("barrier"));
        json_object_set_new(request, "barrier", json_string(reason + 8));
    }
    if (*page_value(visit, "form.confirms"))
        json_object_set_new(request, "confirms",
                            json_boolean(strcmp(page_value(visit, "form.confirms"), "yes") == 0));
    return request;
}

const struct page pages_referrals[] = {
    {.method = "GET",
     .path = "/referrals",
     .roles = READS_REFERRALS,
     .calls = {PAGE_CALL("live", "Referrals/List", "box={form.box} openOnly=true limit=200"),
               PAGE_CALL("all", "Referrals/List", "box={form.box} before={form.before} limit=50")},
     .template = "referrals",
     .view = view_list},
    {.method = "GET",
     .path = "/referrals/new",
     .roles = ROLE_CASEWORKER,
     .calls = {PAGE_CALL("service", "Directory/GetService", "id={form.service}")},
     .template = "referral_new",
     .view = view_new},
    {.method = "POST",
     .path = "/referrals/new",
     .roles = ROLE_CASEWORKER,
     .calls = {PAGE_CALL("service", "Directory/GetService", "id={form.service}"),
               PAGE_CALL("sent", "Referrals/Send", NULL, .build = build_send)},
     .redirect = "/referrals/{sent.id}?done=sent",
     .again = "/referrals/new"},
    {.method = "GET",
     .path = "/referrals/:id",
     .roles = READS_REFERRALS,
     .calls = {PAGE_CALL("referral", "Referrals/Get", "id={path.id}")},
     .template = "referral",
     .view = view_referral},
    {.method = "POST",
     .path = "/referrals/:id/act",
     .roles = ROLE_CASEWORKER,
     .calls = {PAGE_CALL("referral", "Referrals/Act", NULL, .build = build_act)},
     .redirect = "/referrals/{path.id}?done={form.action}",
     .again = "/referrals/{path.id}"},
    {.method = "GET",
     .path = "/referrals/:id/slip",
     .roles = READS_REFERRALS,
     .calls = {PAGE_CALL("referral", "Referrals/Get", "id={path.id}"),
               PAGE_CALL("service", "Directory/GetService", "id={referral.service}",
                         .may_fail = true)},
     .template = "referral_slip",
     .view = view_slip},
    {.method = NULL},
};
