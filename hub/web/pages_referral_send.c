/* Sending somebody on: the form, where else to send after a refusal, and handing on. */
#include "hub/base/clock.h"
#include "hub/base/text.h"
#include "hub/web/pages_internal.h"
#include "hub/web/pages_referral.h"
#include "hub/web/service_words.h"
#include "hub/web/spoken_names.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_SIZE      96
#define OTHERS_MAX    8
#define SUGGESTED_MAX 3
#define CONSENT_DAYS  90 /* as the hub gives when nothing else is said */

/* ---- the form ---- */

/* What the person is asked for besides: where it goes in the request. */
static const struct {
    const char *field;  /* as services ask for it, and as the consent names it */
    const char *person; /* of the person; NULL: an extra */
    bool is_number;
} known[] = {
    {"birth-year", "birthYear", true}, {"household-size", "householdSize", true},
    {"language", "language", false},   {"guardian", "guardian", false},
    {"commune", "commune", false},
};

static size_t find_known(const char *field)
{
    size_t i = 0;
    while (i < ARRAY_LEN(known) && strcmp(known[i].field, field) != 0)
        i++;
    return i;
}

/* In the form already. */
static bool is_basic(const char *field)
{
    return strcmp(field, "name") == 0 || strcmp(field, "need") == 0 ||
           strcmp(field, "contact") == 0 || strcmp(field, "attachment") == 0;
}

static const char *typed_extra(struct page_visit *visit, const char *field)
{
    char name[KEY_SIZE];
    snprintf(name, sizeof(name), "extra-%s", field);
    return page_text(json_object_get(page_context(visit), "form"), name);
}

/* "asked": what this service wants to know, with its reason and what was typed. */
static void add_asked(struct page_visit *visit)
{
    json_t *list = json_array(), *asked;
    json_t *service = json_object_get(page_context(visit), "service");
    json_t *chosen = json_object_get(page_context(visit), "chosen");
    size_t i;
    char key[KEY_SIZE];
    json_array_foreach(value_find(service, "content.asked"), i, asked)
    {
        const char *field = page_text(asked, "field"), *label = page_text(asked, "why");
        if (!*field || is_basic(field))
            continue;
        snprintf(key, sizeof(key), "share.%s", field);
        bool named = catalog_has(page_catalog(visit), key);
        size_t at = find_known(field);
        bool is_language = strcmp(field, "language") == 0;
        if (is_language)
            spoken_names_add_field(visit, typed_extra(visit, field));
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:b}", "field", field, "label",
                            named ? catalog_text(page_catalog(visit), key, 1) : label, "why",
                            named ? label : "", "typed", typed_extra(visit, field), "is_number",
                            at < ARRAY_LEN(known) && known[at].is_number, "agreed",
                            json_object_get(chosen, field) != NULL, "is_language", is_language));
    }
    json_object_set_new(page_context(visit), "asked_any", json_boolean(json_array_size(list) > 0));
    json_object_set_new(page_context(visit), "asked", list);
}

/* The line that says whether it suits, before anything is typed; it blocks nothing. */
static void add_fit(struct page_visit *visit)
{
    json_t *service = json_object_get(page_context(visit), "service"), *reason;
    json_t *fit = json_object_get(service, "fit");
    AUTO(buf_done) struct buf line = {0};
    char key[KEY_SIZE];
    size_t i;
    json_array_foreach(json_object_get(fit, "reason"), i, reason)
    {
        snprintf(key, sizeof(key), "fit.%s", page_text(reason, "code"));
        if (catalog_has(page_catalog(visit), key))
            buf_addf(&line, "%s%s", line.len ? ", " : "",
                     catalog_text(page_catalog(visit), key, 1));
    }
    json_object_set_new(page_context(visit), "misfit", json_string(buf_text(&line)));
    json_object_set_new(page_context(visit), "suits", json_boolean(fit && is_set(fit, "fits")));
    const char *capacity = page_value(visit, "service.content.capacity.code");
    if (strstr(capacity, "NO_CAPACITY") || strstr(capacity, "WAITLIST"))
        json_object_set(page_context(visit), "full",
                        value_find(service, "content.capacity.code_text"));
}

/* What is known of the person from an earlier try: never the agreement, the recipient changes. */
static void add_earlier(struct page_visit *visit)
{
    static const struct {
        const char *from, *field;
    } fields[] = {
        {"earlier.person.name", "name"},
        {"earlier.person.contact", "contact"},
        {"earlier.need", "need"},
        {"earlier.urgency", "urgency"},
        {"earlier.person.contactPreference", "preference"},
        {"earlier.person.birthYear", "extra-birth-year"},
        {"earlier.person.householdSize", "extra-household-size"},
        {"earlier.person.guardian", "extra-guardian"},
        {"earlier.person.commune", "extra-commune"},
    };
    json_t *context = page_context(visit), *form = json_object_get(context, "form");
    if (!json_object_get(context, "earlier") || json_object_get(form, "need"))
        return;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        json_t *value = value_find(context, fields[i].from);
        char number[24];
        if (json_is_integer(value)) {
            snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
            json_object_set_new(form, fields[i].field, json_string(number));
        } else if (json_is_string(value)) {
            json_object_set(form, fields[i].field, value);
        }
    }
    const char *language = page_value(visit, "earlier.person.language");
    AUTO(buf_done) struct buf name = {0};
    spoken_name_add(page_catalog(visit), language, &name);
    if (*language)
        json_object_set_new(form, "extra-language", json_string(buf_text(&name)));
    page_add_words(visit, form);
    json_object_set_new(context, "is_prefilled", json_true());
}

/* The words that are read together name the day on which the agreement ends. */
static void add_until(struct page_visit *visit)
{
    char iso[25];
    json_t *until = json_object();
    text_time(visit->now.ms + CONSENT_DAYS * 86400000LL, iso);
    iso[10] = '\0';
    json_object_set_new(until, "until", json_string(iso));
    page_add_words(visit, until);
    json_object_set(page_context(visit), "until_text", json_object_get(until, "until_text"));
    json_decref(until);
}

static void view_new(struct page_visit *visit)
{
    json_t *context = page_context(visit);
    json_t *chosen = json_object(), *share = referral_take_list(visit, "share"), *field;
    size_t i;
    json_array_foreach(share, i, field)
        json_object_set_new(chosen, json_string_value(field), json_true());
    json_decref(share);
    json_object_set_new(context, "chosen", chosen);
    add_earlier(visit);
    add_asked(visit);
    add_fit(visit);
    add_until(visit);
    page_add_request_key(visit);
}

/* What was typed of what the service asks for. */
static void take_extras(struct page_visit *visit, json_t *request, json_t *person)
{
    const char *name;
    json_t *value, *extras = json_array();
    json_object_foreach(json_object_get(page_context(visit), "form"), name, value)
    {
        const char *text = json_string_value(value);
        if (strncmp(name, "extra-", 6) != 0 || !text || !*text || strchr(name, '_'))
            continue;
        size_t at = find_known(name + 6);
        char code[SPOKEN_CODE];
        if (strcmp(name + 6, "language") == 0 && spoken_name_read(text, code))
            text = code; /* other words go as they are */
        if (at < ARRAY_LEN(known))
            json_object_set_new(person, known[at].person, json_string(text));
        else
            json_array_append_new(extras,
                                  json_pack("{s:s, s:s}", "field", name + 6, "value", text));
    }
    json_object_set_new(request, "extra", extras);
}

static json_t *build_send(struct page_visit *visit)
{
    static const char *const fields[][2] = {{"service", "service"},        {"urgency", "urgency"},
                                            {"feedback", "feedback"},      {"need", "need"},
                                            {"request_key", "requestKey"}, {"part_of", "partOf"},
                                            {"earlier", "earlier"}};
    json_t *request = json_object(), *person = json_object(), *consent = json_object();
    AUTO(buf_done) struct buf referrer = {0};
    const json_t *themes =
        value_find(json_object_get(page_context(visit), "service"), "content.theme");
    const char *theme = json_string_value(json_array_get(themes, 0));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        referral_take(visit, fields[i][0], request, fields[i][1]);
    referral_take(visit, "name", person, "name");
    referral_take(visit, "contact", person, "contact");
    referral_take(visit, "preference", person, "contactPreference");
    referral_take(visit, "consent", consent, "form");
    take_extras(visit, request, person);
    json_object_set_new(consent, "field", referral_take_list(visit, "share"));
    json_object_set_new(request, "theme", json_string(theme ? theme : "other"));
    buf_addf(&referrer, "%s, %s", page_value(visit, "account.name"), page_value(visit, "hub.name"));
    json_object_set_new(request, "referrerName", json_string(buf_text(&referrer)));
    json_object_set_new(request, "person", person);
    json_object_set_new(request, "consent", consent);
    return request;
}

/* ---- where else ---- */

/* A theme of services that take away what stood in the way. */
static const char *theme_against(const char *barrier)
{
    static const char *const themes[][2] = {
        {"transport", "mobilite"}, {"childcare", "famille"},
        {"health", "sante"},       {"language", "lecture-ecriture-calcul"},
        {"digital", "numerique"},  {"money", "difficultes-financieres"},
    };
    for (size_t i = 0; i < ARRAY_LEN(themes); i++)
        if (strcmp(themes[i][0], barrier) == 0)
            return themes[i][1];
    return "";
}

static bool has_barrier(struct page_visit *visit)
{
    return *theme_against(page_value(visit, "referral.barrier"));
}

static json_t *build_lift(struct page_visit *visit)
{
    return json_pack("{s:s, s:s, s:i}", "theme",
                     theme_against(page_value(visit, "referral.barrier")), "near",
                     page_value(visit, "service.content.communeName"), "limit", 3);
}

/* The person's own language and place, as far as they were said. */
static json_t *build_search(struct page_visit *visit)
{
    const char *words = page_value(visit, "form.words");
    const char *place = page_value(visit, "service.content.communeName");
    json_t *request = json_pack("{s:i}", "limit", OTHERS_MAX + 4);
    if (*words)
        json_object_set_new(request, "words", json_string(words));
    else
        json_object_set_new(request, "theme", json_string(page_value(visit, "referral.theme")));
    if (*place)
        json_object_set_new(request, "near", json_string(place));
    referral_take(visit, "near", request, "near");
    char code[SPOKEN_CODE];
    if (spoken_name_read(page_value(visit, "referral.person.language"), code))
        json_object_set_new(request, "language", json_string(code));
    return request;
}

static bool is_listed(const json_t *list, const char *id)
{
    const json_t *other;
    size_t i;
    json_array_foreach(list, i, other) if (is_text(other, "id", id)) return true;
    return false;
}

static void add_other(struct page_visit *visit, json_t *list, json_t *service,
                      const json_t *referral, const char *why)
{
    const char *id = page_text(service, "id");
    const json_t *content = json_object_get(service, "content");
    if (!*id || is_text(referral, "service", id) || is_listed(list, id))
        return;
    bool sends = is_set(service, "takesReferrals") && !is_set(service, "ours");
    service_words_add(visit, service, json_object_get(service, "distanceKm"));
    json_array_append_new(
        list,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:O*, s:O*, s:b}", "id", id, "name",
                  page_text(content, "name"), "owner", page_text(service, "by"), "commune",
                  page_text(content, "communeName"), "phone", page_text(content, "phone"),
                  "phone_text", page_text(service, "phone_text"), "sends", sends, "ours",
                  is_set(service, "ours"), "km", json_object_get(service, "km"), "close",
                  json_object_get(service, "close"), why, 1));
}

/* First those that suit, nearest first as the search has them. */
static void add_found(struct page_visit *visit, json_t *list, json_t *search,
                      const json_t *referral, size_t max, const char *why)
{
    for (int suiting = 1; suiting >= 0; suiting--) {
        json_t *service;
        size_t i;
        json_array_foreach(json_object_get(search, "service"), i, service)
        {
            json_t *fit = json_object_get(service, "fit");
            bool suits = !fit || is_set(fit, "fits");
            if (suits == suiting && json_array_size(list) < max)
                add_other(visit, list, service, referral, why);
        }
    }
}

void referral_add_others(struct page_visit *visit, const json_t *referral, size_t max)
{
    static const char *const suggested[SUGGESTED_MAX] = {"suggested0", "suggested1", "suggested2"};
    json_t *context = page_context(visit), *list = json_array();
    size_t named = json_array_size(json_object_get(referral, "suggestedService"));
    for (size_t i = 0; i < SUGGESTED_MAX; i++)
        if (json_object_get(context, suggested[i]))
            add_other(visit, list, json_object_get(context, suggested[i]), referral, "suggested");
    size_t here = json_array_size(list);
    add_found(visit, list, json_object_get(context, "lift"), referral, here + 2, "lifts");
    add_found(visit, list, json_object_get(context, "search"), referral, max, "found");
    json_object_set_new(context, "unknown_any", json_boolean(named > here));
    json_object_set_new(context, "other_any", json_boolean(json_array_size(list) > 0));
    json_object_set_new(context, "other", list);
}

static void view_elsewhere(struct page_visit *visit)
{
    json_t *referral = json_object_get(page_context(visit), "referral");
    referral_describe(visit, referral);
    referral_add_others(visit, referral, OTHERS_MAX);
    json_object_set_new(page_context(visit), "hands_on",
                        json_boolean(is_text(referral, "box", "in")));
}

/* ---- saying no ---- */

/* The ten reasons, each with the sentence that goes when nothing else is written. */
static void add_reasons(struct page_visit *visit)
{
    static const char *const codes[] = {
        "no-capacity",      "waitlist-only", "outside-area",        "not-eligible", "wrong-service",
        "missing-document", "duplicate",     "resources-exhausted", "safety",       "other"};
    json_t *reasons = json_array();
    const char *typed = page_value(visit, "form.reason");
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char sentence[KEY_SIZE];
        snprintf(sentence, sizeof(sentence), "refusal.%s", codes[i]);
        json_array_append_new(reasons, json_pack("{s:s, s:s, s:s, s:b}", "code", codes[i], "word",
                                                 referral_reason(visit, codes[i]), "sentence",
                                                 catalog_text(page_catalog(visit), sentence, 1),
                                                 "chosen", strcmp(typed, codes[i]) == 0));
    }
    json_object_set_new(page_context(visit), "reasons", reasons);
}

static void tick_suggested(struct page_visit *visit)
{
    json_t *typed = referral_take_list(visit, "suggested"), *id, *other;
    size_t i, k;
    json_array_foreach(json_object_get(page_context(visit), "other"), i, other)
        json_array_foreach(typed, k, id) if (is_text(other, "id", json_string_value(id)))
            json_object_set_new(other, "ticked", json_true());
    json_decref(typed);
}

static void view_refuse(struct page_visit *visit)
{
    json_t *referral = json_object_get(page_context(visit), "referral");
    referral_describe(visit, referral);
    referral_add_others(visit, referral, SUGGESTED_MAX);
    add_reasons(visit);
    tick_suggested(visit);
}

static bool is_from_earlier(struct page_visit *visit)
{
    return *page_value(visit, "form.earlier");
}

#define THE_SERVICE                                                                    \
    PAGE_CALL("service", "Directory/GetService",                                       \
              "id={form.service} near={form.near} public={form.public} age={form.age}" \
              " price={form.price} mode={form.mode} language={form.language}")
#define THE_REFERRAL PAGE_CALL("referral", "Referrals/Get", "id={path.id}")
#define ITS_SERVICE \
    PAGE_CALL("service", "Directory/GetService", "id={referral.service}", .may_fail = true)
#define THE_SEARCH \
    PAGE_CALL("search", "Directory/Search", NULL, .build = build_search, .may_fail = true)
#define SUGGESTED(n)                                                                           \
    PAGE_CALL("suggested" #n, "Directory/GetService", "id={referral.suggestedService." #n "}", \
              .may_fail = true)

const struct page pages_referral_send[] = {
    {.method = "GET",
     .path = "/referrals/new",
     .roles = ROLE_CASEWORKER,
     .calls = {THE_SERVICE, PAGE_CALL("earlier", "Referrals/Get", "id={form.earlier}",
                                      .may_fail = true, .when = is_from_earlier)},
     .template = "referral_new",
     .view = view_new},
    {.method = "POST",
     .path = "/referrals/new",
     .roles = ROLE_CASEWORKER,
     .calls = {PAGE_CALL("service", "Directory/GetService", "id={form.service}"),
               PAGE_CALL("sent", "Referrals/Send", NULL, .build = build_send, .hold = true)},
     .redirect = "/referrals/{sent.id}?done=sent",
     .again = "/referrals/new?service={form.service}"},
    {.method = "GET",
     .path = "/referrals/:id/elsewhere",
     .roles = ROLE_CASEWORKER,
     .calls = {THE_REFERRAL, ITS_SERVICE, THE_SEARCH,
               PAGE_CALL("lift", "Directory/Search", NULL, .build = build_lift, .may_fail = true,
                         .when = has_barrier),
               SUGGESTED(0), SUGGESTED(1), SUGGESTED(2)},
     .template = "referral_elsewhere",
     .view = view_elsewhere},
    {.method = "GET",
     .path = "/referrals/:id/refuse",
     .roles = ROLE_CASEWORKER,
     .calls = {THE_REFERRAL, ITS_SERVICE, THE_SEARCH},
     .template = "referral_refuse",
     .view = view_refuse},
    {.method = "POST",
     .path = "/referrals/:id/refuse",
     .roles = ROLE_CASEWORKER,
     .calls = {PAGE_CALL("referral", "Referrals/Act", NULL, .build = referral_build_act,
                         .hold = true)},
     .redirect = "/referrals/{path.id}?done=reject",
     .again = "/referrals/{path.id}/refuse"},
    {.method = NULL},
};
