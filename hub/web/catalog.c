#include "hub/web/catalog.h"

#include "hub/web/embedded.h"
#include <stdlib.h>
#include <strings.h>

#define NAME_MAX_BYTES 48

const struct catalog *catalog_of(enum language language)
{
    return &embedded_catalogs[language];
}

enum language catalog_language(const char *code)
{
    for (enum language i = 0; i < LANGUAGE_COUNT; i++)
        if (strcasecmp(embedded_catalogs[i].code, code) == 0)
            return i;
    return LANGUAGE_COUNT;
}

/* Weight of "en-GB;q=0.7" in thousandths. */
static int weight_of(const char *range, size_t len)
{
    const char *q = memmem(range, len, "q=", 2);
    if (!q)
        return 1000;
    char text[8] = "";
    size_t left = len - (size_t)(q + 2 - range);
    memcpy(text, q + 2, left < sizeof(text) - 1 ? left : sizeof(text) - 1);
    double weight = strtod(text, NULL);
    return weight >= 0 && weight <= 1 ? (int)(weight * 1000) : 0;
}

enum language catalog_accept(const char *accept_language)
{
    enum language best = LANGUAGE_FRENCH;
    int best_weight = 0;
    for (const char *at = accept_language; *at; at += *at == ',') {
        at += strspn(at, " \t");
        size_t len = strcspn(at, ",");
        int weight = weight_of(at, len);
        for (enum language i = 0; i < LANGUAGE_COUNT; i++)
            if (len >= 2 && strncasecmp(at, embedded_catalogs[i].code, 2) == 0 &&
                (len == 2 || strchr("-; ", at[2])) && weight > best_weight) {
                best = i;
                best_weight = weight;
            }
        at += len;
    }
    return best;
}

static int compare_key(const void *key, const void *entry)
{
    return strcmp(key, ((const struct catalog_entry *)entry)->key);
}

static const struct catalog_entry *find_entry(const struct catalog *catalog, const char *key)
{
    return bsearch(key, catalog->entries, catalog->count, sizeof(*catalog->entries), compare_key);
}

bool catalog_has(const struct catalog *catalog, const char *key)
{
    return find_entry(catalog, key) != NULL;
}

/* Plural-Forms of the two files: fr n > 1, en n != 1. */
static bool is_many(enum language language, int64_t number)
{
    return language == LANGUAGE_FRENCH ? number > 1 : number != 1;
}

const char *catalog_text(const struct catalog *catalog, const char *key, int64_t number)
{
    const struct catalog_entry *entry = find_entry(catalog, key);
    if (!entry)
        return "";
    return entry->many && is_many(catalog->language, number) ? entry->many : entry->one;
}

static const char *read_name(const char *at, char name[NAME_MAX_BYTES])
{
    size_t len = strcspn(at + 1, "{} ");
    if (at[1 + len] != '}' || len < 1 || len >= NAME_MAX_BYTES)
        return NULL;
    memcpy(name, at + 1, len);
    name[len] = '\0';
    return at + 2 + len;
}

const char *catalog_number_name(const struct catalog *catalog, const char *key)
{
    const struct catalog_entry *entry = find_entry(catalog, key);
    return entry ? entry->number : NULL;
}

void catalog_fill(const char *text, void (*add)(void *ctx, const char *name, struct buf *out),
                  void *ctx, struct buf *out)
{
    char name[NAME_MAX_BYTES];
    while (*text) {
        size_t plain = strcspn(text, "{");
        buf_add(out, text, plain);
        text += plain;
        const char *after = *text ? read_name(text, name) : NULL;
        if (after) {
            add(ctx, name, out);
            text = after;
        } else if (*text) {
            buf_add(out, text++, 1);
        }
    }
}
