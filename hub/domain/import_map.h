#pragma once
/* Turns words of a file into those of data.inclusion v1 and counts what was turned into what. */
#include "hub/base/arena.h"
#include "hub/domain/import.h"
#include "hub/domain/import_columns.h"
#include "hub/domain/import_words.h"

struct import_map;

NODISCARD struct import_map *import_map_create(void);
void import_map_free(struct import_map *map); /* NULL is fine */
AUTO_DEFINE(struct import_map, import_map_free)

/** What a word is: `to` has v1 values separated by '|'. Lives as long as the map. */
struct import_meaning {
    bool known;
    const char *to, *detail;
};
/** @param arena  scratch. */
struct import_meaning import_map_word(struct import_map *map, struct arena *arena,
                                      enum vocabulary vocabulary, const char *word);
/** What the column of that name means, whatever it is called; NULL: nobody knows. */
const struct import_column *import_map_column(struct import_map *map, struct arena *arena,
                                              const char *name);
/** Counts one use of `from` as `to` in the report; `to` "": kept for review. */
void import_map_count(struct import_map *map, const char *field, const char *from, const char *to);
/** Fills the mappings of a report, most frequent first, copied to `arena`. */
void import_map_report(const struct import_map *map, struct arena *arena,
                       struct import_report *ret);
