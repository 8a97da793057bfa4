#pragma once
/* Parts of one visit, shared by pages*.c. */
#include "hub/web/pages.h"
#include "hub/web/template.h"

struct pages {
    struct pages_config config;
    struct template **templates; /* as embedded_templates */
    size_t template_count;
    size_t running;
};

/** Percent-encoded fields into `ret`: text, or a list of texts when a name comes again. False: not
 * UTF-8, or more than PAGE_FIELDS_MAX. */
NODISCARD bool form_parse(struct bytes text, json_t *ret);
/** Appends text percent-encoded, '/' as it is. */
void form_encode(const char *text, struct buf *out);
/** A path of this hub and nothing else: no host, no control characters. */
bool form_is_local_path(const char *path);

/** "a.b" inside `object`, or NULL. */
json_t *value_find(const json_t *object, const char *name);
/** Appends `pattern` with each {name} replaced by its text in `context`, percent-encoded. */
void value_fill_path(const char *pattern, json_t *context, struct buf *out);
/** The request that `send` describes, from `context`; a new object. */
json_t *value_request(const char *send, json_t *context);

/** The row for a method and path; its parameters go into `params`. NULL: none. */
const struct page *route_find(const char *method, const char *path, json_t *params);
/** Is there a GET page at exactly this path that `roles` may see? */
bool route_is_open(const char *path, unsigned roles);

/** {text, recovering, answered, needed} when the answer of Recovery/Status says that this hub signs
 * nothing now, for all pages; NULL: all is well. */
json_t *trouble_shape(const struct catalog *catalog, const json_t *status);
