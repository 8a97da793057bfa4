#pragma once
/* Numbers as pictures and words, for every page that draws: shares of a bar, a clock, durations. */
#include "hub/web/pages.h"

/** {{>clock}}: how much of a time is over, in percent; a new object. */
json_t *figures_ring(unsigned percent);
/** Appends the text of `key` with its first value filled with `count`. */
void figures_add_count(const struct catalog *catalog, const char *key, json_int_t count,
                       struct buf *out);
/** "35 minutes", "7 heures", "3 jours". */
void figures_add_duration(const struct catalog *catalog, json_int_t minutes, struct buf *out);
/** Adds to a HomeClock what {{>waiting_clock}} draws. NULL is fine. */
void figures_shape_clock(struct page_visit *visit, json_t *clock);
