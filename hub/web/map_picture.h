#pragma once
/* The picture of a map, as values of templates/map.mustache. */
#include "hub/web/catalog.h"
#include "hub/web/map.h"
#include <jansson.h>

#define MAP_THINGS_MAX 600

enum map_kind {
    MAP_MARK,    /* a numbered result */
    MAP_COMMUNE, /* ground; with `count` a place to go to */
    MAP_HUB,
};
struct map_thing { /* borrowed texts */
    enum map_kind kind;
    struct map_point at;
    const char *label; /* on the paper: a number, a name */
    const char *name;  /* for who cannot see it */
    const char *href;  /* NULL: no link */
    size_t count;      /* MAP_COMMUNE: services there, drawn when `counts` */
};
struct map_ask {
    const struct map_thing *things; /* of each kind the most important first */
    size_t count;
    bool counts;    /* communes are marks with what they have */
    bool has_place; /* rings around: */
    struct map_point place;
    const struct catalog *catalog;
};
/**
 * {"drawing": [narrow, wide], "beyond": N}: two drawings of the same, of which one is shown;
 * beyond: marks far off that the paper leaves out.
 */
json_t *map_picture(const struct map_ask *ask);
