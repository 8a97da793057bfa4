#pragma once
/*
 * What people read beside what programs read: adds K_text, K_ago, K_is, K_has, K_any and K_count
 * (pages.h) to the values of an API answer, from the catalogue.
 */
#include "hub/base/clock.h"
#include "hub/web/catalog.h"
#include <jansson.h>

/** Walks objects and lists inside `value` too, WORDS_DEPTH_MAX deep. */
void words_add(json_t *value, const struct catalog *catalog, struct wall now);
/** Appends "mardi 24 novembre à 14 h 05", in the time zone of the machine. */
void words_time(const struct catalog *catalog, int64_t wall_ms, struct wall now, struct buf *out);
/** Appends "il y a 2 heures", "dans 3 jours". */
void words_ago(const struct catalog *catalog, int64_t wall_ms, struct wall now, struct buf *out);

#define WORDS_DEPTH_MAX 8
