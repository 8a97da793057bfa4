/* Who does this near here: the search and the page of one service. */
#include "hub/base/text.h"
#include "hub/web/pages.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_SIZE 96

/* "reach": codes become "reach_words", those with a text in the catalogue. */
static void add_list_words(struct page_visit *visit, json_t *object, const char *name)
{
    json_t *words = json_array(), *code;
    size_t i;
    char key[KEY_SIZE];
    json_array_foreach(json_object_get(object, name), i, code)
    {
        snprintf(key, sizeof(key), "%s.%s", name, json_string_value(code));
        if (catalog_has(page_catalog(visit), key))
            json_array_append_new(words, json_string(catalog_text(page_catalog(visit), key, 1)));
    }
    snprintf(key, sizeof(key), "%s_words", name);
    json_object_set_new(object, key, words);
}

/* "2026-11-22T…" of seconds, which JSON carries as text. */
static void add_time(json_t *object, const char *from, const char *to)
{
    const char *text = json_string_value(json_object_get(object, from));
    char iso[25];
    long long at_s = text ? strtoll(text, NULL, 10) : 0;
    if (at_s > 0 && at_s < 4102444800)
        json_object_set_new(object, to, json_string(text_time(at_s * 1000, iso)));
}

static void add_distance(json_t *service)
{
    double km = json_number_value(json_object_get(service, "distanceKm"));
    if (km < 0)
        return;
    if (km < 1)
        json_object_set_new(service, "close", json_true());
    else
        json_object_set_new(service, "km", json_integer((json_int_t)(km + 0.5)));
}

/* A way to call or write is a link of its own; schemes other than http are not followed. */
static void check_url(json_t *content)
{
    const char *url = json_string_value(json_object_get(content, "url"));
    if (url && strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        json_object_del(content, "url");
}

/* "Mo-Th 09:00-12:30" as people say it: days and "off" are words of the catalogue. */
static void add_hours(struct page_visit *visit, json_t *service, const char *osm)
{
    AUTO(buf_done) struct buf out = {0};
    char key[KEY_SIZE];
    while (*osm) {
        size_t word = 0;
        while (isalpha((unsigned char)osm[word]))
            word++;
        snprintf(key, sizeof(key), "hours.%.*s", (int)(word < 16 ? word : 16), osm);
        if (word && catalog_has(page_catalog(visit), key))
            buf_add_text(&out, catalog_text(page_catalog(visit), key, 1));
        else if (word)
            buf_add(&out, osm, word);
        else
            buf_add_text(&out, *osm == '-'                    ? "–"
                               : *osm == ',' && osm[1] != ' ' ? ", "
                                                              : (char[2]){*osm, '\0'});
        osm += word ? word : 1;
    }
    json_object_set_new(service, "hours", json_string(buf_text(&out)));
}

/* What they will ask for, by the words of the consent. */
static void add_asked(struct page_visit *visit, json_t *content)
{
    json_t *asked;
    size_t i;
    char key[KEY_SIZE];
    json_array_foreach(json_object_get(content, "asked"), i, asked)
    {
        const char *field = json_string_value(json_object_get(asked, "field"));
        snprintf(key, sizeof(key), "share.%s", field ? field : "");
        if (catalog_has(page_catalog(visit), key))
            json_object_set_new(asked, "what",
                                json_string(catalog_text(page_catalog(visit), key, 1)));
    }
}

static void add_capacity(struct page_visit *visit, json_t *service, json_t *capacity)
{
    add_time(capacity, "updatedS", "told");
    add_time(capacity, "untilS", "until");
    if (!json_object_get(capacity, "told") && json_object_get(service, "updated"))
        json_object_set(capacity, "told", json_object_get(service, "updated"));
    page_add_words(visit, capacity);
}

/* "Fits", or "To be checked: meant for another age, is not free". */
static void add_fit(struct page_visit *visit, json_t *service)
{
    json_t *fit = json_object_get(service, "fit"), *reason;
    AUTO(buf_done) struct buf line = {0};
    char key[KEY_SIZE];
    size_t i;
    if (!fit)
        return;
    buf_add_text(
        &line, catalog_text(page_catalog(visit),
                            json_is_true(json_object_get(fit, "fits")) ? "fit.yes" : "fit.no", 1));
    json_array_foreach(json_object_get(fit, "reason"), i, reason)
    {
        const char *code = json_string_value(json_object_get(reason, "code"));
        snprintf(key, sizeof(key), "fit.%s", code ? code : "");
        if (catalog_has(page_catalog(visit), key))
            buf_addf(&line, "%s %s", i > 0 ? "," : "", catalog_text(page_catalog(visit), key, 1));
    }
    json_object_set_new(fit, "line", json_string(buf_text(&line)));
}

/* What would help this entry most, for who keeps it. */
static void add_mending(struct page_visit *visit, json_t *service)
{
    char key[KEY_SIZE];
    const char *next =
        json_string_value(json_object_get(json_object_get(service, "quality"), "next"));
    snprintf(key, sizeof(key), "quality.%s", next ? next : "");
    if (json_is_true(json_object_get(service, "ours")) && next && *next &&
        catalog_has(page_catalog(visit), key))
        json_object_set_new(service, "mending",
                            json_string(catalog_text(page_catalog(visit), key, 1)));
}

static void add_service(struct page_visit *visit, json_t *service, bool has_place)
{
    static const char *const lists[] = {"reach", "mode"};
    json_t *content = json_object_get(service, "content");
    json_t *capacity = json_object_get(content, "capacity");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        add_list_words(visit, content, lists[i]);
    check_url(content);
    if (has_place)
        add_distance(service);
    if (capacity)
        add_capacity(visit, service, capacity);
    const char *hours = json_string_value(json_object_get(content, "openingHours"));
    add_hours(visit, service, hours ? hours : "");
    add_asked(visit, content);
    add_fit(visit, service);
    /* Where the button may lead: a hub that is not ours. */
    if (json_is_true(json_object_get(service, "takesReferrals")) &&
        !json_is_true(json_object_get(service, "ours")))
        json_object_set_new(service, "sendable", json_true());
}

static void view_search(struct page_visit *visit)
{
    json_t *context = page_context(visit), *search = json_object_get(context, "search"), *service;
    bool has_place = *page_value(visit, "search.nearName");
    size_t i;
    bool asked = *page_value(visit, "form.words") || *page_value(visit, "form.near");
    json_object_set_new(context, "asked", json_boolean(asked));
    json_object_set_new(context, "lost", json_boolean(asked && !search));
    json_array_foreach(json_object_get(search, "service"), i, service)
        add_service(visit, service, has_place);
    const char *km = page_value(visit, "form.km");
    char key[16];
    snprintf(key, sizeof(key), "%.8s", km);
    json_object_set_new(context, "km_is", json_pack("{s:b}", *key ? key : "any", 1));
}

static void view_service(struct page_visit *visit)
{
    json_t *service = json_object_get(page_context(visit), "service");
    const char *name = page_value(visit, "service.content.name");
    add_service(visit, service, false);
    add_mending(visit, service);
    json_object_set_new(page_context(visit), "title", json_string(name));
}

const struct page pages_directory[] = {
    {.method = "GET",
     .path = "/directory",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("search", "Directory/Search",
                         "words={form.words} near={form.near} km={form.km} age={form.age}"
                         " price={form.price} openNow?={form.open_now} limit=20",
                         .may_fail = true)},
     .template = "directory",
     .view = view_search},
    {.method = "GET",
     .path = "/directory/:owner/:uid",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("service", "Directory/GetService", "id={path.owner}/{path.uid}")},
     .template = "service",
     .view = view_service},
    {.method = NULL},
};
