/* From a path to the row of its page. */
#include "hub/web/pages_internal.h"

/* Segment by segment; what ":name" stands for goes into `params` (NULL: not asked). */
static bool matches(const char *pattern, const char *path, json_t *params)
{
    while (*pattern && *path) {
        if (*pattern != ':') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t name = strcspn(++pattern, "/"), value = strcspn(path, "/");
        if (!value)
            return false;
        if (params && json_object_setn_new(params, pattern, name, json_stringn(path, value)) != 0)
            return false;
        pattern += name;
        path += value;
    }
    return !*pattern && !*path;
}

/* A literal path goes before a pattern: "/referrals/new" before "/referrals/:id". */
const struct page *route_find(const char *method, const char *path, json_t *params)
{
    const struct page *found = NULL;
    for (const struct page *const *table = page_tables; *table; table++) {
        for (const struct page *page = *table; page->method; page++) {
            if (strcmp(page->method, method) != 0 || !matches(page->path, path, NULL))
                continue;
            if (!strchr(page->path, ':'))
                return page;
            found = found ? found : page;
        }
    }
    return found && matches(found->path, path, params) ? found : NULL;
}

bool route_is_open(const char *path, unsigned roles)
{
    const struct page *page = route_find("GET", path, NULL);
    return page && (!page->roles || (page->roles & roles));
}
