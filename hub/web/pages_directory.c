/* Who does this near here: the search, its map, the page of one service, the whole territory. */
#include "hub/web/directory_query.h"
#include "hub/web/map_picture.h"
#include "hub/web/pages_internal.h"
#include "hub/web/service_words.h"

#include "hub/base/mem.h"
#include <stdio.h>
#include <stdlib.h>

#define PAGE_ROWS 12 /* with a map and everything else at most 100 KB */
#define E5        1e5

#define PERSON                                                                 \
    " age={form.age} public={form.public} price={form.price} mode={form.mode}" \
    " language={form.language}"
#define SEARCH                                                                   \
    "words={form.words} near={form.near} km={form.km} theme={form.theme}" PERSON \
    " onlyFitting?={form.only} openNow?={form.open_now} hubOnly?={form.hub}"     \
    " offset={form.from} limit=12"

/* --- the list --------------------------------------------------------------------------------- */

static long first_row(struct page_visit *visit)
{
    long from = strtol(page_value(visit, "form.from"), NULL, 10);
    return from > 0 && from < 100000 ? from : 0;
}

static void set_page_link(struct page_visit *visit, json_t *search, const char *key,
                          const char *path, long from)
{
    AUTO(buf_done) struct buf link = {0};
    char number[24];
    snprintf(number, sizeof(number), "%ld", from);
    directory_link(visit, path, "from", from > 0 ? number : "", &link);
    json_object_set_new(search, key, json_string(buf_text(&link)));
}

static void add_paging(struct page_visit *visit, json_t *search, const char *path)
{
    long from = first_row(visit);
    size_t count = json_array_size(json_object_get(search, "service"));
    if (json_is_true(json_object_get(search, "more")))
        set_page_link(visit, search, "next", path, from + PAGE_ROWS);
    if (from > 0)
        set_page_link(visit, search, "before", path, from > PAGE_ROWS ? from - PAGE_ROWS : 0);
    if (json_object_get(search, "next") || from > 0)
        json_object_set_new(search, "paged", json_true());
    json_object_set_new(search, "first", json_integer(from + 1));
    json_object_set_new(search, "last", json_integer(from + (json_int_t)count));
}

static void add_word(void *ctx, const char *name, struct buf *out)
{
    (void)name;
    buf_add_text(out, ctx);
}

/* "Nous avons aussi cherché « apprendre »." */
static void add_corrections(struct page_visit *visit, json_t *search)
{
    const struct catalog *catalog = page_catalog(visit);
    json_t *correction, *word;
    size_t i, k;
    json_array_foreach(json_object_get(search, "correction"), i, correction)
    {
        AUTO(buf_done) struct buf meant = {0}, line = {0};
        json_array_foreach(json_object_get(correction, "meant"), k, word)
        {
            if (k > 0)
                buf_addf(&meant, " %s ", catalog_text(catalog, "directory.also_or", 1));
            catalog_fill(catalog_text(catalog, "directory.quote", 1), add_word,
                         (void *)(uintptr_t)json_string_value(word), &meant);
        }
        catalog_fill(catalog_text(catalog, "directory.also", 1), add_word,
                     (void *)(uintptr_t)buf_text(&meant), &line);
        json_object_set_new(correction, "line", json_string(buf_text(&line)));
    }
}

/* Nothing was found: links that would find something, with how much. */
static void add_widenings(struct page_visit *visit, json_t *search, const char *path)
{
    json_t *widening;
    size_t i;
    json_array_foreach(json_object_get(search, "widening"), i, widening)
    {
        static const struct {
            const char *drop, *field;
        } fields[] = {{"km", "km"},
                      {"theme", "theme"},
                      {"open_now", "open_now"},
                      {"only_fitting", "only"},
                      {"near", "near"}};
        const char *drop = json_string_value(json_object_get(widening, "drop"));
        AUTO(buf_done) struct buf link = {0};
        char key[64];
        snprintf(key, sizeof(key), "directory.widen.%s", drop ? drop : "");
        json_object_set_new(widening, "text",
                            json_string(catalog_text(page_catalog(visit), key, 1)));
        for (size_t k = 0; k < ARRAY_LEN(fields); k++)
            if (drop && strcmp(fields[k].drop, drop) == 0)
                directory_link(visit, path, fields[k].field, "", &link);
        if (link.len == 0)
            value_fill_path("/directory?words={form.words}&near={form.near}", page_context(visit),
                            &link);
        json_object_set_new(widening, "href", json_string(buf_text(&link)));
    }
}

static void shape_search(struct page_visit *visit, const char *path)
{
    json_t *context = page_context(visit), *search = json_object_get(context, "search"), *service;
    bool has_place = *page_value(visit, "search.nearName");
    size_t i;
    bool asked = *page_value(visit, "form.words") || *page_value(visit, "form.near") ||
                 *page_value(visit, "form.theme");
    json_object_set_new(context, "asked", json_boolean(asked));
    json_object_set_new(context, "lost", json_boolean(*page_value(visit, "form.near") && !search));
    directory_add_choices(visit, path);
    directory_add_tail(visit);
    if (!search)
        return;
    json_array_foreach(json_object_get(search, "service"), i, service)
    {
        service_words_add(visit, service, has_place);
        json_object_set_new(service, "number", json_integer(first_row(visit) + (json_int_t)i + 1));
    }
    add_paging(visit, search, path);
    add_corrections(visit, search);
    add_widenings(visit, search, path);
}

static void view_search(struct page_visit *visit)
{
    shape_search(visit, "/directory");
}

static void add_json(void *ctx, const char *name, struct buf *out)
{
    const json_t *value = json_object_get(ctx, name);
    if (json_is_string(value))
        buf_add_text(out, json_string_value(value));
    else
        buf_addf(out, "%lld", (long long)json_integer_value(value));
}

/* --- maps ------------------------------------------------------------------------------------- */

struct things { /* of one map, with their texts */
    struct map_thing list[MAP_THINGS_MAX];
    char *texts[3 * MAP_THINGS_MAX];
    size_t count, text_count;
};

static const char *keep(struct things *things, struct buf *text)
{
    return things->texts[things->text_count++] = mem_text(buf_text(text));
}

static void things_free(struct things *things)
{
    for (size_t i = 0; i < things->text_count; i++)
        free(things->texts[i]);
    free(things);
}

static struct map_point point_of(const json_t *object)
{
    return (struct map_point){
        (double)json_integer_value(json_object_get(object, "latitudeE5")) / E5,
        (double)json_integer_value(json_object_get(object, "longitudeE5")) / E5};
}

static struct map_thing *add_thing(struct things *things, enum map_kind kind, const json_t *object)
{
    if (things->count == MAP_THINGS_MAX)
        return NULL;
    struct map_thing *thing = &things->list[things->count++];
    *thing = (struct map_thing){.kind = kind, .at = point_of(object), .label = "", .name = ""};
    return thing;
}

/* Results by their number in the list; those without a place are in the list only. */
static void add_results(struct page_visit *visit, struct things *things)
{
    json_t *service;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(page_context(visit), "search"), "service"),
                       i, service)
    {
        const char *point = json_string_value(json_object_get(service, "point"));
        struct map_thing *thing = point && *point ? add_thing(things, MAP_MARK, service) : NULL;
        AUTO(buf_done) struct buf label = {0}, name = {0}, href = {0};
        if (!thing)
            continue;
        const char *title =
            json_string_value(json_object_get(json_object_get(service, "content"), "name"));
        buf_addf(&label, "%d", (int)json_integer_value(json_object_get(service, "number")));
        buf_add_text(&name, title ? title : "");
        buf_addf(&href, "#s%s", buf_text(&label));
        thing->label = keep(things, &label);
        thing->name = keep(things, &name);
        thing->href = keep(things, &href);
    }
}

static void add_communes(struct page_visit *visit, struct things *things, bool counts)
{
    json_t *commune;
    size_t i;
    json_array_foreach(
        json_object_get(json_object_get(page_context(visit), "territory"), "commune"), i, commune)
    {
        struct map_thing *thing = add_thing(things, MAP_COMMUNE, commune);
        AUTO(buf_done) struct buf name = {0}, href = {0};
        if (!thing || things->text_count + 2 > ARRAY_LEN(things->texts))
            break;
        thing->label = json_string_value(json_object_get(commune, "name"));
        thing->label = thing->label ? thing->label : "";
        thing->count = (size_t)json_integer_value(json_object_get(commune, "services"));
        if (!counts)
            continue;
        catalog_fill(catalog_text(page_catalog(visit), "map.commune", (int64_t)thing->count),
                     add_json, commune, &name);
        value_fill_path("/directory?near={name}&km=5", commune, &href);
        thing->name = keep(things, &name);
        thing->href = keep(things, &href);
        json_object_set_new(commune, "href", json_string(thing->href));
    }
}

static void add_hubs(struct page_visit *visit, struct things *things, const char *path)
{
    json_t *hub;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(page_context(visit), "territory"), "hub"), i,
                       hub)
    {
        AUTO(buf_done) struct buf href = {0};
        json_object_set_new(hub, "number", json_integer((json_int_t)i + 1));
        struct map_thing *thing =
            json_is_true(json_object_get(hub, "placed")) ? add_thing(things, MAP_HUB, hub) : NULL;
        if (!thing)
            continue;
        const char *name = json_string_value(json_object_get(hub, "name"));
        buf_addf(&href, "%s#h%zu", path, i + 1);
        thing->label = thing->name = name ? name : "";
        thing->href = keep(things, &href);
    }
}

static void set_picture(struct page_visit *visit, struct things *things, bool counts,
                        const json_t *place)
{
    struct map_ask ask = {.things = things->list,
                          .count = things->count,
                          .counts = counts,
                          .catalog = page_catalog(visit)};
    if (place) {
        ask.has_place = true;
        ask.place = (struct map_point){
            (double)json_integer_value(json_object_get(place, "nearLatitudeE5")) / E5,
            (double)json_integer_value(json_object_get(place, "nearLongitudeE5")) / E5};
    }
    json_t *picture = map_picture(&ask);
    page_add_words(visit, picture);
    json_object_set_new(page_context(visit), "picture", picture);
}

static void view_search_map(struct page_visit *visit)
{
    struct things *things = mem_alloc(sizeof(*things));
    json_t *search = json_object_get(page_context(visit), "search");
    shape_search(visit, "/directory/map");
    add_results(visit, things);
    bool any = things->count > 0 || *page_value(visit, "search.nearName");
    add_hubs(visit, things, "/map");
    add_communes(visit, things, false);
    if (any)
        set_picture(visit, things, false, *page_value(visit, "search.nearName") ? search : NULL);
    things_free(things);
}

static void view_territory(struct page_visit *visit)
{
    struct things *things = mem_alloc(sizeof(*things));
    add_hubs(visit, things, "");
    add_communes(visit, things, true);
    if (things->count > 0)
        set_picture(visit, things, true, NULL);
    things_free(things);
}

/* --- one service ------------------------------------------------------------------------------ */

/* Where it is, with the communes around it. */
static void add_small_map(struct page_visit *visit, json_t *service)
{
    const char *point = json_string_value(json_object_get(service, "point"));
    if (!point || !*point)
        return;
    struct things *things = mem_alloc(sizeof(*things));
    struct map_thing *thing = add_thing(things, MAP_MARK, service);
    thing->label = "•";
    thing->name = page_value(visit, "service.content.name");
    thing->href = "#where";
    add_communes(visit, things, false);
    set_picture(visit, things, false, NULL);
    things_free(things);
}

static void view_service(struct page_visit *visit)
{
    json_t *context = page_context(visit), *service = json_object_get(context, "service");
    AUTO(buf_done) struct buf back = {0};
    service_words_add_whole(visit, service);
    add_small_map(visit, service);
    directory_add_tail(visit);
    directory_link(visit, "/directory", "from", page_value(visit, "form.from"), &back);
    json_object_set_new(context, "back", json_string(buf_text(&back)));
    json_object_set_new(context, "title", json_string(page_value(visit, "service.content.name")));
}

/* The communes around the service. */
static json_t *ask_around(struct page_visit *visit)
{
    const json_t *service = json_object_get(page_context(visit), "service");
    const char *point = json_string_value(json_object_get(service, "point"));
    char near[64];
    struct map_point at = point_of(service);
    snprintf(near, sizeof(near), "%.5f,%.5f", at.latitude, at.longitude);
    return point && *point ? json_pack("{s:s, s:i}", "near", near, "km", 15)
                           : json_pack("{s:s, s:i}", "near", "0,0", "km", 1);
}

const struct page pages_directory[] = {
    {.method = "GET",
     .path = "/directory",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("search", "Directory/Search", SEARCH, .may_fail = true)},
     .template = "directory",
     .view = view_search},
    {.method = "GET",
     .path = "/directory/map",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("search", "Directory/Search", SEARCH, .may_fail = true),
               PAGE_CALL("territory", "Directory/Territory", "", .may_fail = true)},
     .template = "directory_map",
     .view = view_search_map},
    {.method = "GET",
     .path = "/map",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("territory", "Directory/Territory", "")},
     .template = "territory",
     .view = view_territory},
    {.method = "GET",
     .path = "/directory/:owner/:uid",
     .roles = ROLE_ANY,
     .calls = {PAGE_CALL("service", "Directory/GetService",
                         "id={path.owner}/{path.uid} near={form.near}" PERSON),
               PAGE_CALL("territory", "Directory/Territory", NULL, .build = ask_around,
                         .may_fail = true)},
     .template = "service",
     .view = view_service},
    {.method = NULL},
};
