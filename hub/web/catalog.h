#pragma once
/*
 * What pages say, by language: the texts of hub/web/lang (gettext files), keyed by msgid, built
 * into the program. No sentence people read is written in C.
 */
#include "hub/base/bytes.h"

enum language { LANGUAGE_FRENCH, LANGUAGE_ENGLISH, LANGUAGE_COUNT };

struct catalog_entry { /* made by embed_web.py, sorted by key */
    const char *key;
    const char *one;
    const char *many;   /* NULL: no plural form */
    const char *number; /* the first value that `many` names; NULL: no plural form */
};
struct catalog {
    const char *code; /* "fr" */
    enum language language;
    const struct catalog_entry *entries;
    size_t count;
};

const struct catalog *catalog_of(enum language language);
/** "fr", "en"; LANGUAGE_COUNT for others. */
enum language catalog_language(const char *code);
/** The better of our languages for an Accept-Language header; French when it names neither. */
enum language catalog_accept(const char *accept_language);

bool catalog_has(const struct catalog *catalog, const char *key);
/** The text of a key, singular or plural as the language has it for `number`; "" when unknown. */
const char *catalog_text(const struct catalog *catalog, const char *key, int64_t number);
/** The first value a text with plural forms names, which counts it: "n"; NULL: there is none. */
const char *catalog_number_name(const struct catalog *catalog, const char *key);
/** Appends `text` with each {name} replaced by what `add` appends for it. */
void catalog_fill(const char *text, void (*add)(void *ctx, const char *name, struct buf *out),
                  void *ctx, struct buf *out);
