#pragma once
/* Files of hub/web/{lang,templates,static}, made part of the program by embed_web.py. */
#include "hub/web/catalog.h"

extern const struct catalog embedded_catalogs[LANGUAGE_COUNT];

struct embedded_template {
    const char *name; /* "home" */
    const char *text;
    size_t len;
};
/** Sorted by name; ends with a row whose name is NULL. */
extern const struct embedded_template embedded_templates[];

struct embedded_asset {
    const char *name; /* "app_css": {{asset.app_css}} is its path in templates */
    const char *path; /* "/static/app.0123456789abcdef.css": changes with the content */
    const char *type;
    const char *etag; /* quoted */
    const void *data;
    size_t len;
    const void *gzip; /* the same, compressed when it was built */
    size_t gzip_len;
};
/** Ends with a row whose name is NULL. */
extern const struct embedded_asset embedded_assets[];
