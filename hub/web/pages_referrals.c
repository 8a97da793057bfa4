/* Sending somebody on, and what became of it. */
#include "hub/base/text.h"
#include "hub/web/figures_shape.h"
#include "hub/web/pages_admin.h"
#include "hub/web/pages_referral.h"
#include "hub/web/spoken_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_SIZE 96

void referral_take(struct page_visit *visit, const char *field, json_t *into, const char *name)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "form.%s", field);
    const char *text = page_value(visit, key);
    if (*text)
        json_object_set_new(into, name, json_string(text));
}

json_t *referral_take_list(struct page_visit *visit, const char *field)
{
    json_t *value = json_object_get(json_object_get(page_context(visit), "form"), field);
    if (json_is_array(value))
        return json_incref(value);
    return json_is_string(value) ? json_pack("[O]", value) : json_array();
}

/* What was said and done. */

const char *referral_reason(struct page_visit *visit, const char *code)
{
    const char *words = page_word(visit, "refuse.reason", code);
    return *words ? words : page_word(visit, "reason", code);
}

/* "a joint un fichier" says more than "a écrit". */
static const char *what_it_did(const json_t *event)
{
    return is_text(event, "action", "message") && json_object_get(event, "attachments")
               ? "attach"
               : page_text(event, "action");
}

static json_t *event_words(struct page_visit *visit, json_t *referral, json_t *event)
{
    bool ours = is_text(event, "by", "us");
    const char *who = ours ? page_value(visit, "hub.name") : page_text(referral, "peerName");
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b}", "who", who, "did",
        page_word(visit, "did", what_it_did(event)), "on", page_text(event, "at_text"), "ago",
        page_text(event, "at_ago"), "said", page_text(event, "text"), "why",
        referral_reason(visit, page_text(event, "reason")), "ours", ours, "waits",
        ours && (is_text(event, "delivery", "sent") || is_text(event, "delivery", "at-relay")),
        "lost",
        ours &&
            (is_text(event, "delivery", "undelivered") || is_text(event, "delivery", "refused")),
        "void", json_is_true(json_object_get(event, "refused")), "persons",
        json_is_true(json_object_get(event, "forPerson")));
}

static void add_story(struct page_visit *visit, json_t *referral)
{
    json_t *thread = json_array(), *history = json_array(), *event;
    size_t i;
    json_array_foreach(json_object_get(referral, "event"), i, event)
    {
        json_t *words = event_words(visit, referral, event);
        if (*page_text(words, "said"))
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
    if (!consent) {
        json_decref(fields);
        return;
    }
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
    bool waits = is_text(referral, "status", "requested") && is_text(referral, "box", "in");
    size_t said = 0;
    for (size_t i = 0; i < ARRAY_LEN(talk); i++)
        said += referral_may(referral, talk[i]);
    json_object_set_new(referral, "may_talk", json_boolean(said > 0));
    const char *first = referral_may(referral, "agree-cancel")       ? "agree-cancel"
                        : referral_may(referral, "accept")           ? "accept"
                        : referral_may(referral, "answer") && !waits ? "answer"
                        : is_text(referral, "status", "accepted")    ? "progress"
                                                                     : "complete";
    json_object_set_new(referral, "first_is", json_pack("{s:b}", first, 1));
    json_object_set_new(referral, "is_our_turn", json_boolean(referral_may(referral, first)));
}

/* Which form failed stays open, with what was typed. */
static void add_typed(struct page_visit *visit)
{
    json_t *context = page_context(visit);
    const char *action = page_value(visit, "form.action");
    if ((!json_object_get(context, "error") && !json_object_get(context, "undone_is")) || !*action)
        return;
    json_object_set_new(context, "again",
                        json_pack("{s:O}", action, json_object_get(context, "form")));
}

/* Whoever works here has it before their eyes: that is "seen". */
static bool is_new_here(struct page_visit *visit)
{
    const json_t *referral = json_object_get(page_context(visit), "referral");
    return is_text(referral, "box", "in") && is_text(referral, "status", "requested") &&
           (!*page_text(referral, "businessStatus") ||
            is_text(referral, "businessStatus", "delivered")) &&
           referral_may(referral, "seen");
}

static bool waits_for_us(struct page_visit *visit)
{
    return referral_may(json_object_get(page_context(visit), "referral"), "accept");
}

/* The form of an answer, as this account last filled it in; what is typed now goes before. */
static void add_last_answer(struct page_visit *visit)
{
    static const char *const fields[][2] = {{"contactName", "contact_name"},
                                            {"contactPhone", "contact_phone"},
                                            {"nextStep", "next_step"}};
    json_t *context = page_context(visit), *last = json_object_get(context, "last");
    json_t *again = json_object_get(context, "again"), *accept = json_object();
    if (!last || json_object_get(again, "accept")) {
        json_decref(accept);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        json_object_set_new(accept, fields[i][1], json_string(page_text(last, fields[i][0])));
    if (!again) {
        again = json_object();
        json_object_set_new(context, "again", again);
    }
    json_object_set_new(again, "accept", accept);
    json_object_set_new(context, "is_known", json_boolean(*page_text(last, "contactName")));
}

/* "attempt": what was tried for the same request; "follows" one that was sent from here: the
 * newest, when it is another. Who handed on has a part of their own. */
static void add_attempts(struct page_visit *visit, json_t *referral)
{
    json_t *attempts = json_object_get(referral, "attempt"), *attempt, *last = NULL;
    size_t i;
    json_array_foreach(attempts, i, attempt)
    {
        referral_add_word(attempt);
        json_object_set_new(attempt, "why",
                            json_string(referral_reason(visit, page_text(attempt, "reason"))));
        json_object_set_new(attempt, "is_here",
                            json_boolean(is_text(attempt, "id", page_text(referral, "id"))));
        last = attempt;
    }
    json_object_set_new(referral, "attempt_any", json_boolean(last != NULL));
    if (last && !is_set(last, "is_here") && is_text(referral, "box", "out"))
        json_object_set(referral, "follows", last);
}

/* Other ways than what this side may do here; what was tried last is where to go on from. */
static void add_ways(json_t *referral)
{
    bool over = is_text(referral, "status", "rejected") || is_text(referral, "status", "failed") ||
                is_text(referral, "status", "cancelled") || is_text(referral, "status", "on-hold");
    bool running =
        is_text(referral, "status", "accepted") || is_text(referral, "status", "in-progress");
    bool known = json_object_get(referral, "person") && !json_object_get(referral, "follows");
    json_object_set_new(referral, "may_try_elsewhere",
                        json_boolean(over && known && is_text(referral, "box", "out") &&
                                     !is_text(referral, "businessStatus", "consent-withdrawn")));
    json_object_set_new(referral, "may_study",
                        json_boolean(is_text(referral, "status", "requested") &&
                                     referral_may(referral, "seen") &&
                                     !is_text(referral, "businessStatus", "under-review")));
    json_object_set_new(referral, "may_hand_on",
                        json_boolean(running && known && is_text(referral, "box", "in")));
}

static void add_language(struct page_visit *visit, json_t *person)
{
    AUTO(buf_done) struct buf name = {0};
    spoken_name_add(page_catalog(visit), page_text(person, "language"), &name);
    if (name.len > 0)
        json_object_set_new(person, "spoken", json_string(buf_text(&name)));
}

static void view_referral(struct page_visit *visit)
{
    json_t *referral = json_object_get(page_context(visit), "referral");
    referral_describe(visit, referral);
    add_language(visit, json_object_get(referral, "person"));
    if (*page_text(referral, "reason"))
        json_object_set_new(referral, "reason_text",
                            json_string(referral_reason(visit, page_text(referral, "reason"))));
    add_story(visit, referral);
    attachments_describe(visit, referral);
    add_consent(visit, referral);
    add_verbs(referral);
    add_typed(visit);
    add_last_answer(visit);
    add_attempts(visit, referral);
    add_ways(referral);
    if (*page_text(referral, "answerDue"))
        json_object_set_new(referral, "ring",
                            figures_ring((unsigned)page_number(referral, "clock")));
}

/* The list: open ones, then those that ended. */

static void shape_list(struct page_visit *visit)
{
    json_t *context = page_context(visit), *all = json_object_get(context, "all"), *referral;
    json_t *ended = json_array();
    const char *box = page_value(visit, "form.box");
    size_t i;
    json_array_foreach(json_object_get(all, "referral"), i,
                       referral) if (!referral_is_open(referral))
    {
        referral_add_word(referral);
        json_array_append(ended, referral);
    }
    json_array_foreach(json_object_get(json_object_get(context, "live"), "referral"), i, referral)
        referral_add_word(referral);
    json_object_set_new(context, "ended_any", json_boolean(json_array_size(ended) > 0));
    json_object_set_new(context, "ended", ended);
    json_object_set_new(context, "older", json_string(page_text(all, "next")));
    json_object_set_new(context, "is_older", json_boolean(*page_value(visit, "query.before")));
    json_object_set_new(context, "shows", json_pack("{s:b}", *box ? box : "both", 1));
    json_object_set_new(
        context, "looks",
        json_boolean(*page_value(visit, "form.words") || *page_value(visit, "form.status")));
}

/* Names are looked for by POST alone: addresses stay in histories and in the logs of proxies. */
static void view_list(struct page_visit *visit)
{
    json_object_del(json_object_get(page_context(visit), "form"), "words");
    shape_list(visit);
}

static void view_found(struct page_visit *visit)
{
    json_object_set_new(page_context(visit), "is_found", json_true());
    shape_list(visit);
    page_show(visit, "referrals");
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

/* Who says no and writes nothing says it kindly all the same. */
static void add_sentence(struct page_visit *visit, json_t *request)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "refusal.%s", page_text(request, "reason"));
    if (is_text(request, "action", "reject") && !*page_text(request, "text") &&
        catalog_has(page_catalog(visit), key))
        json_object_set_new(request, "text",
                            json_string(catalog_text(page_catalog(visit), key, 1)));
}

json_t *referral_build_act(struct page_visit *visit)
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
        {"wait_weeks", "waitWeeks"},
        {"while_status", "whileStatus"},
    };
    json_t *request = json_object();
    json_object_set_new(request, "id", json_string(page_value(visit, "path.id")));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        referral_take(visit, fields[i].field, request, fields[i].name);
    take_local_time(visit, "at", request);
    /* "barrier transport": why it ended, and what stood in the way, in one choice. */
    const char *reason = page_value(visit, "form.reason");
    if (strncmp(reason, "barrier ", 8) == 0) {
        json_object_set_new(request, "reason", json_string("barrier"));
        json_object_set_new(request, "barrier", json_string(reason + 8));
    }
    json_object_set_new(request, "suggestedService", referral_take_list(visit, "suggested"));
    add_sentence(visit, request);
    if (*page_value(visit, "form.confirms"))
        json_object_set_new(request, "confirms",
                            json_boolean(strcmp(page_value(visit, "form.confirms"), "yes") == 0));
    return request;
}

const struct page pages_referrals[] = {
    {.method = "GET",
     .path = "/referrals",
     .roles = REFERRAL_READERS,
     .calls = {PAGE_CALL("live", "Referrals/List",
                         "box={form.box} openOnly=true limit=200 status={form.status}"),
               PAGE_CALL("all", "Referrals/List",
                         "box={form.box} before={form.before} limit=50 status={form.status}")},
     .template = "referrals",
     .view = view_list},
    {.method = "POST",
     .path = "/referrals",
     .roles = REFERRAL_READERS,
     .calls =
         {PAGE_CALL(
              "live", "Referrals/List",
              "box={form.box} openOnly=true limit=200 words={form.words} status={form.status}"),
          PAGE_CALL("all", "Referrals/List",
                    "box={form.box} limit=50 words={form.words} status={form.status}")},
     .view = view_found,
     .redirect = "/referrals",
     .again = "/referrals"},
    {.method = "GET",
     .path = "/referrals/:id",
     .roles = REFERRAL_READERS,
     .calls = {PAGE_CALL("referral", "Referrals/Get", "id={path.id}"),
               PAGE_CALL("referral", "Referrals/Act", "id={path.id} action=seen",
                         .roles = ROLE_CASEWORKER, .when = is_new_here, .may_fail = true),
               PAGE_CALL("last", "Referrals/LastAnswer", "", .roles = ROLE_CASEWORKER,
                         .when = waits_for_us, .may_fail = true),
               PAGE_CALL("opened", "Home/Opened", "referral={path.id}", .may_fail = true)},
     .template = "referral",
     .view = view_referral},
    {.method = "POST",
     .path = "/referrals/:id/act",
     .roles = ROLE_CASEWORKER,
     .calls = {PAGE_CALL("referral", "Referrals/Act", NULL, .build = referral_build_act,
                         .hold = true)},
     .redirect = "/referrals/{path.id}?done={form.action}",
     .again = "/referrals/{path.id}"},
    {.method = NULL},
};
