#include "hub/domain/import_map.h"

#include "hub/base/mem.h"
#include "hub/base/text.h"
#include <stdio.h>
#include <stdlib.h>

#define COUNTED_MAX    5000 /* different words kept apart; the rest is counted together */
#define SHOWN_MAX      200  /* bytes of a word in the report */
#define CACHED_MAX     20000
#define KEY_MAX        600
#define COLUMNS_CACHED 1000

/* Open addressing by text; keys and values are arena-owned. */
struct table {
    struct slot {
        const char *key;
        const void *value;
    } * slots;
    size_t cap, count;
};

struct import_map {
    struct arena *arena;
    struct table words;   /* vocabulary letter + folded word -> struct import_meaning */
    struct table cache;   /* vocabulary letter + word as it stands -> same */
    struct table columns; /* name as it stands -> struct import_column, or `unknown_column` */
    struct table counts;  /* field, from, to -> struct import_mapping */
    struct import_mapping others;
};

static struct slot *find_slot(const struct table *table, const char *key)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (const char *at = key; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
    size_t i = (size_t)(hash ^ hash >> 32) & (table->cap - 1);
    while (table->slots[i].key && strcmp(table->slots[i].key, key) != 0)
        i = (i + 1) & (table->cap - 1);
    return &table->slots[i];
}

static void grow(struct table *table)
{
    struct table bigger = {.cap = table->cap ? table->cap * 2 : 1024, .count = table->count};
    bigger.slots = mem_alloc(bigger.cap * sizeof(*bigger.slots));
    for (size_t i = 0; i < table->cap; i++)
        if (table->slots[i].key)
            *find_slot(&bigger, table->slots[i].key) = table->slots[i];
    free(table->slots);
    *table = bigger;
}

static const void *table_get(const struct table *table, const char *key)
{
    return table->cap ? find_slot(table, key)->value : NULL;
}

static void table_put(struct table *table, struct arena *arena, const char *key, const void *value)
{
    if (table->count * 2 >= table->cap)
        grow(table);
    struct slot *slot = find_slot(table, key);
    if (!slot->key) {
        slot->key = arena_text(arena, key);
        table->count++;
    }
    slot->value = value;
}

static void add_meaning(struct import_map *map, enum vocabulary vocabulary, const char *from,
                        const char *to, const char *detail)
{
    const char *folded = text_fold(map->arena, bytes_text(from));
    const char *key = arena_printf(map->arena, "%c%s", 'A' + (int)vocabulary, folded);
    struct import_meaning *meaning = arena_alloc(map->arena, sizeof(*meaning));
    *meaning = (struct import_meaning){true, to, detail};
    table_put(&map->words, map->arena, key, meaning);
}

struct import_map *import_map_create(void)
{
    struct import_map *map = mem_alloc(sizeof(*map));
    map->arena = arena_create(0);
    for (size_t i = 0; i < import_word_count; i++)
        add_meaning(map, import_words[i].vocabulary, import_words[i].from, import_words[i].to,
                    import_words[i].detail);
    /* v1's own words last: they win over the older ones. */
    for (size_t i = 0; i < vocabulary_word_count; i++) {
        const struct vocabulary_word *word = &vocabulary_words[i];
        add_meaning(map, word->vocabulary, word->label, word->value, "");
        add_meaning(map, word->vocabulary, word->value, word->value, "");
    }
    return map;
}

void import_map_free(struct import_map *map)
{
    if (!map)
        return;
    free(map->words.slots);
    free(map->cache.slots);
    free(map->counts.slots);
    free(map->columns.slots);
    arena_free(map->arena);
    free(map);
}

/* The word, else what stands before a colon or bracket: "Gratuit : Je peux ...", "Jeune (16-25
 * ans)". */
static const struct import_meaning *look_up(const struct import_map *map, struct arena *arena,
                                            enum vocabulary vocabulary, const char *word)
{
    const char *folded = text_fold(arena, bytes_text(word));
    if (!folded)
        return NULL;
    const struct import_meaning *found =
        table_get(&map->words, arena_printf(arena, "%c%s", 'A' + (int)vocabulary, folded));
    size_t len = strcspn(word, ":(");
    if (found || !word[len])
        return found;
    return look_up(map, arena, vocabulary, arena_textn(arena, word, len));
}

struct import_meaning import_map_word(struct import_map *map, struct arena *arena,
                                      enum vocabulary vocabulary, const char *word)
{
    static const struct import_meaning unknown = {.to = "", .detail = ""};
    if (strlen(word) > KEY_MAX)
        return unknown;
    const char *key = arena_printf(arena, "%c%s", 'A' + (int)vocabulary, word);
    const struct import_meaning *found = table_get(&map->cache, key);
    if (found)
        return *found;
    found = look_up(map, arena, vocabulary, word);
    if (!found)
        found = &unknown;
    if (map->cache.count < CACHED_MAX)
        table_put(&map->cache, map->arena, key, found);
    return *found;
}

static const struct import_column *look_up_column(struct arena *arena, const char *name)
{
    static const struct import_column unknown = {0};
    const char *folded = text_fold(arena, bytes_text(name));
    for (size_t i = 0; folded && i < import_column_count; i++)
        if (strcmp(import_columns[i].name, folded) == 0)
            return &import_columns[i];
    return &unknown;
}

const struct import_column *import_map_column(struct import_map *map, struct arena *arena,
                                              const char *name)
{
    const struct import_column *found = table_get(&map->columns, name);
    if (!found) {
        found = look_up_column(arena, name);
        if (map->columns.count < COLUMNS_CACHED && strlen(name) <= KEY_MAX)
            table_put(&map->columns, map->arena, name, found);
    }
    return found->name ? found : NULL;
}

void import_map_count(struct import_map *map, const char *field, const char *from, const char *to)
{
    char key[KEY_MAX], shown[SHOWN_MAX + 1];
    text_copy(shown, sizeof(shown), from);
    for (char *at = shown; *at; at++)
        if ((unsigned char)*at < 0x20)
            *at = ' ';
    int len = snprintf(key, sizeof(key), "%.100s\n%s\n%.200s", field, shown, to);
    if (len < 0 || (size_t)len >= sizeof(key))
        key[sizeof(key) - 1] = '\0';
    struct import_mapping *mapping =
        (struct import_mapping *)(uintptr_t)table_get(&map->counts, key);
    if (!mapping && map->counts.count >= COUNTED_MAX)
        mapping = &map->others;
    if (!mapping) {
        char name[101];
        text_copy(name, sizeof(name), field);
        for (char *at = name; *at; at++)
            if ((unsigned char)*at < 0x20)
                *at = ' ';
        mapping = arena_alloc(map->arena, sizeof(*mapping));
        mapping->field = arena_text(map->arena, name);
        mapping->from = arena_text(map->arena, shown);
        mapping->to = arena_text(map->arena, to);
        table_put(&map->counts, map->arena, key, mapping);
    }
    mapping->count++;
}

static int by_count(const void *a, const void *b)
{
    const struct import_mapping *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    int order = strcmp(x->field, y->field);
    order = order ? order : strcmp(x->from, y->from);
    return order ? order : strcmp(x->to, y->to);
}

void import_map_report(const struct import_map *map, struct arena *arena, struct import_report *ret)
{
    size_t count = 0;
    struct import_mapping *all = mem_alloc((map->counts.count + 1) * sizeof(*all));
    for (size_t i = 0; i < map->counts.cap; i++)
        if (map->counts.slots[i].key)
            all[count++] = *(const struct import_mapping *)map->counts.slots[i].value;
    qsort(all, count, sizeof(*all), by_count);
    uint32_t others = map->others.count;
    for (size_t i = IMPORT_MAPPINGS_MAX - 1; i < count; i++)
        others += all[i].count;
    if (count > IMPORT_MAPPINGS_MAX - 1)
        count = IMPORT_MAPPINGS_MAX - 1;
    if (others > 0)
        all[count++] = (struct import_mapping){"", "(rarer words)", "", others};
    ret->mappings = arena_alloc(arena, count * sizeof(*all) + 1);
    ret->mapping_count = count;
    for (size_t i = 0; i < count; i++)
        ret->mappings[i] =
            (struct import_mapping){arena_text(arena, all[i].field), arena_text(arena, all[i].from),
                                    arena_text(arena, all[i].to), all[i].count};
    free(all);
}
