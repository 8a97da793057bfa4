#include "hub/api/hsds.h"

#include "hub/api/hsds_id.h"
#include "hub/api/hsds_write.h"
#include "hub/base/text.h"
#include <stdlib.h>

#define PER_PAGE     50
#define PER_PAGE_MAX 100

enum listing { LIST_SERVICES, LIST_ORGANIZATIONS, LIST_LOCATIONS, LIST_AT_LOCATIONS };

static const struct {
    const char *path, *prefix; /* of ids */
    enum listing listing;
    enum directory_part part;
} listings[] = {
    {"/services", "", LIST_SERVICES, DIRECTORY_SERVICES},
    {"/organizations", "", LIST_ORGANIZATIONS, DIRECTORY_STRUCTURES},
    {"/locations", "at.", LIST_LOCATIONS, DIRECTORY_ALL},
    {"/service_at_locations", "sal.", LIST_AT_LOCATIONS, DIRECTORY_SERVICES},
};

struct answer {
    struct store *store;
    struct arena *arena;
    const struct export_owner *owner;
};

static const char *rest_of(const char *path, const char *start)
{
    size_t len = strlen(start);
    if (strncmp(path, start, len) != 0 || (path[len] && path[len] != '/'))
        return NULL;
    return path[len] ? path + len + 1 : "";
}

bool hsds_knows(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(listings); i++)
        if (rest_of(path, listings[i].path))
            return true;
    return rest_of(path, "/taxonomies") || rest_of(path, "/taxonomy_terms");
}

/* --- one object ------------------------------------------------------------------------------- */

static json_t *object_of(const struct answer *a, enum listing listing,
                         const struct directory_service *service)
{
    switch (listing) {
    case LIST_SERVICES:
        return hsds_service(a->store, a->arena, a->owner, service);
    case LIST_ORGANIZATIONS:
        return hsds_organization(service);
    case LIST_LOCATIONS:
        return hsds_location(service);
    case LIST_AT_LOCATIONS:
        return hsds_at_location(service, true);
    }
    return NULL;
}

/* The service or record whose id after `prefix` this is: by its number, or one of our few own. */
static bool find_by_id(const struct answer *a, const char *prefix, const char *id,
                       struct directory_service *ret, bool *ret_found, struct err *err)
{
    struct directory_service *own;
    size_t count;
    int64_t number;
    char made[HSDS_ID];
    *ret_found = false;
    if (hsds_id_import(id, prefix, &number)) {
        const char *name = arena_printf(a->arena, "import/%lld", (long long)number);
        *ret_found = directory_find_service(a->store, a->arena, name, ret, err);
        return *ret_found || err->code == ERR_UNKNOWN || err->code == ERR_INVALID;
    }
    if (!directory_list_own(a->store, a->arena, &own, &count, err))
        return false;
    for (size_t i = 0; i < count && !*ret_found; i++) {
        char *name = arena_printf(a->arena, "%s%s", prefix, own[i].id);
        char *slash = strchr(name, '/');
        if (slash)
            *slash = '.';
        hsds_id(name, made);
        *ret_found = strcmp(made, id) == 0;
        if (*ret_found)
            *ret = own[i];
    }
    return true;
}

static bool is_public(const struct directory_service *service)
{
    return service->is_import || service->ours;
}

static bool find(const struct answer *a, size_t which, const char *id, json_t **ret,
                 struct err *err)
{
    struct directory_service service;
    bool is_organization = listings[which].listing == LIST_ORGANIZATIONS, found, by_name = false;
    char owner[HSDS_ID];
    hsds_id(a->owner->id, owner);
    if (is_organization && strcmp(id, owner) == 0) {
        *ret = hsds_owner(a->owner);
        return true;
    }
    if (!find_by_id(a, listings[which].prefix, id, &service, &found, err))
        return false;
    if (!found && is_organization) { /* known by the name in its service alone */
        if (!find_by_id(a, "of.", id, &service, &found, err))
            return false;
        by_name = found;
    }
    if (!found)
        return err_set(err, ERR_UNKNOWN, "no such object");
    bool is_structure = service.is_import && strncmp(service.record, "structure/", 10) == 0;
    bool fits = listings[which].part == DIRECTORY_ALL || by_name ||
                is_structure == (listings[which].part == DIRECTORY_STRUCTURES);
    if (!is_public(&service) || !fits)
        return err_set(err, ERR_UNKNOWN, "no such object");
    *err = (struct err){0};
    *ret = by_name ? hsds_named_organization(a->arena, &service)
                   : object_of(a, listings[which].listing, &service);
    if (*ret)
        return true;
    return err_set(err, ERR_UNKNOWN, "no such object");
}

/* --- pages ------------------------------------------------------------------------------------ */

struct page {
    int64_t number, size;
};

/* "page=2&per_page=20"; other members are not looked at. */
static bool read_page(struct arena *arena, const char *query, struct page *ret, struct err *err)
{
    char *copy = arena_text(arena, query), *save = NULL;
    *ret = (struct page){1, PER_PAGE};
    for (char *part = strtok_r(copy, "&", &save); part; part = strtok_r(NULL, "&", &save)) {
        bool page = strncmp(part, "page=", 5) == 0, size = strncmp(part, "per_page=", 9) == 0;
        int64_t *number = page ? &ret->number : &ret->size;
        if ((page || size) &&
            (!text_parse_i64(part + (page ? 5 : 9), number) || *number < 1 || *number > 1000000))
            return err_set(err, ERR_INVALID, "page and per_page are numbers from 1");
    }
    if (ret->size > PER_PAGE_MAX)
        ret->size = PER_PAGE_MAX;
    return true;
}

static json_t *page_of(json_t *contents, const struct page *page, int64_t total)
{
    int64_t pages = (total + page->size - 1) / page->size;
    return json_pack("{s:I,s:I,s:I,s:i,s:b,s:b,s:b,s:o}", "total_items", (json_int_t)total,
                     "total_pages", (json_int_t)pages, "page_number", (json_int_t)page->number,
                     "size", (int)json_array_size(contents), "first_page", page->number == 1,
                     "last_page", page->number >= pages, "empty", json_array_size(contents) == 0,
                     "contents", contents);
}

static bool list(const struct answer *a, size_t which, const struct page *page, json_t **ret,
                 struct err *err)
{
    struct directory_service *services;
    size_t count;
    int64_t total, offset = (page->number - 1) * page->size;
    if (!directory_list_page(a->store, a->arena, listings[which].part, offset, (size_t)page->size,
                             &services, &count, &total, err))
        return false;
    json_t *contents = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *object = object_of(a, listings[which].listing, &services[i]);
        if (object) /* a place that nobody knows is none */
            json_array_append_new(contents, object);
    }
    *ret = page_of(contents, page, total);
    return true;
}

static bool list_terms(const char *path, const struct page *page, json_t **ret, struct err *err)
{
    const char *terms = rest_of(path, "/taxonomy_terms"),
               *id = terms ? terms : rest_of(path, "/taxonomies");
    json_t *all = terms ? hsds_terms() : hsds_taxonomies(), *item;
    size_t i;
    if (*id) {
        *ret = NULL;
        json_array_foreach(all, i, item) if (strcmp(json_string_value(json_object_get(item, "id")),
                                                    id) == 0) *ret = json_incref(item);
        json_decref(all);
        return *ret || err_set(err, ERR_UNKNOWN, "no such object");
    }
    json_t *contents = json_array();
    size_t first = (size_t)((page->number - 1) * page->size);
    json_array_foreach(all, i, item) if (i >= first && i < first + (size_t)page->size)
        json_array_append(contents, item);
    *ret = page_of(contents, page, (int64_t)json_array_size(all));
    json_decref(all);
    return true;
}

bool hsds_answer(struct store *store, struct arena *arena, const struct export_owner *owner,
                 const char *path, const char *query, struct buf *out, struct err *err)
{
    const struct answer a = {store, arena, owner};
    json_t *answer = NULL;
    struct page page;
    bool done = false, known = false;
    if (!read_page(arena, query, &page, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(listings) && !known; i++) {
        const char *id = rest_of(path, listings[i].path);
        known = id;
        if (id)
            done = *id ? find(&a, i, id, &answer, err) : list(&a, i, &page, &answer, err);
    }
    if (!known && !hsds_knows(path))
        return err_set(err, ERR_UNKNOWN, "no such object");
    if (!known)
        done = list_terms(path, &page, &answer, err);
    if (!done)
        return false;
    char *text = json_dumps(answer, JSON_COMPACT);
    json_decref(answer);
    if (!text)
        return err_set(err, ERR_INTERNAL, "cannot write the answer as JSON");
    buf_add_text(out, text);
    free(text);
    return true;
}
