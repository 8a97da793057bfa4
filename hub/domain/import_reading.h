#pragma once
/* Taking the columns of one record apart: the part of import_record.c that knows no field. */
#include "hub/domain/import_columns.h"
#include "hub/domain/import_record.h"

#define WORDS_MAX 64 /* of one vocabulary in one record */

struct words {
    char *list[WORDS_MAX];
    size_t count;
};

struct reading {
    struct import_map *map;
    struct arena *arena;
    struct import_record *out;
    int64_t now_ms;
    const char *texts[COLUMN_COUNT]; /* first text of the column; "" */
    struct words words[VOCABULARY_COUNT], zones, languages;
    struct buf unknown; /* words, for search */
    json_t *extra;      /* NULL until needed */
};

/** One member of the JSON object, by the meaning of its name. */
void reading_take(struct reading *r, const char *name, const json_t *value);
/** Adds a word that is not there yet. */
void reading_add(struct reading *r, struct words *words, const char *word, size_t len);
void reading_add_detail(struct reading *r, const char *detail); /* of the price */
/** Arena copy of at most `max` characters; what is longer is kept beside the record. */
char *reading_cut(struct reading *r, const char *field, const char *text, size_t max);
/** Keeps a text without a field beside the record. */
void reading_keep(struct reading *r, const char *field, const char *text);
bool reading_is_no(struct arena *arena, const char *text);
