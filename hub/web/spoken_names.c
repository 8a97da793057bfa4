#include "hub/web/spoken_names.h"

#include "hub/base/text.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_SIZE 16

/* "speaks.ar" of a code; "": nobody knows it. */
static const char *name_of(const struct catalog *catalog, const char *code)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "speaks.%s", code ? code : "");
    return catalog_text(catalog, key, 1);
}

void spoken_name_add(const struct catalog *catalog, const char *code, struct buf *out)
{
    const char *name = name_of(catalog, spoken_find(bytes_text(code)));
    const char *region = spoken_is_code(code) ? strchr(code, '-') : NULL;
    buf_add_text(out, *name ? name : code);
    if (*name && region)
        buf_addf(out, " (%s)", region + 1);
}

/* Is it one of "arabe, français" already? */
static bool is_there(const char *line, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = line; (at = strstr(at, name)) != NULL; at += len)
        if ((at == line || (at[-1] == ' ' && at[-2] == ',')) && (!at[len] || at[len] == ','))
            return true;
    return false;
}

void spoken_names_add(const struct catalog *catalog, const json_t *codes, struct buf *out)
{
    AUTO(buf_done) struct buf line = {0};
    const json_t *code;
    size_t i;
    json_array_foreach(codes, i, code)
    {
        AUTO(buf_done) struct buf name = {0};
        spoken_name_add(catalog, json_is_string(code) ? json_string_value(code) : "", &name);
        if (name.len > 0 && !is_there(buf_text(&line), buf_text(&name)))
            buf_addf(&line, "%s%s", line.len ? ", " : "", buf_text(&name));
    }
    buf_add_bytes(out, buf_bytes(&line));
}

/* "portugais (BR)", as it is shown: "pt-BR". */
static bool read_region(struct bytes word, char ret[SPOKEN_CODE])
{
    const char *text = (const char *)word.data;
    if (word.len < 5 || text[word.len - 1] != ')' || text[word.len - 4] != '(' ||
        !isupper((unsigned char)text[word.len - 3]) || !isupper((unsigned char)text[word.len - 2]))
        return false;
    const char *code = spoken_find(bytes_of(text, word.len - 4));
    if (code)
        snprintf(ret, SPOKEN_CODE, "%.3s-%.2s", code, text + word.len - 3);
    return code;
}

static bool read_word(struct bytes word, char ret[SPOKEN_CODE])
{
    return read_region(word, ret) || spoken_read(word, ret);
}

bool spoken_name_read(const char *typed, char ret[SPOKEN_CODE])
{
    struct bytes word, next;
    return spoken_next(&typed, &word) && !spoken_next(&typed, &next) && read_word(word, ret);
}

static bool has(const json_t *list, const json_t *item)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_equal(json_array_get(list, i), item))
            return true;
    return false;
}

json_t *spoken_names_read(const char *typed)
{
    json_t *list = json_array();
    struct bytes word;
    while (spoken_next(&typed, &word)) {
        char code[SPOKEN_CODE];
        json_t *item = read_word(word, code) ? json_string(code)
                                             : json_stringn((const char *)word.data, word.len);
        if (has(list, item))
            json_decref(item);
        else
            json_array_append_new(list, item);
    }
    return list;
}

void spoken_names_unknown(const char *typed, struct buf *out)
{
    struct bytes word;
    char code[SPOKEN_CODE];
    bool any = false;
    while (spoken_next(&typed, &word)) {
        if (read_word(word, code))
            continue;
        buf_addf(out, "%s%.*s", any ? ", " : "", (int)word.len, (const char *)word.data);
        any = true;
    }
}

struct named {
    const char *code, *name, *folded;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->folded, ((const struct named *)b)->folded);
}

json_t *spoken_names_all(const struct catalog *catalog)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct named *all = arena_alloc(arena, spoken_language_count * sizeof(*all));
    json_t *list = json_array();
    for (size_t i = 0; i < spoken_language_count; i++) {
        const char *code = spoken_languages[i].code, *name = name_of(catalog, code);
        all[i] = (struct named){code, name, text_fold(arena, bytes_text(name))};
    }
    qsort(all, spoken_language_count, sizeof(*all), by_name);
    for (size_t i = 0; i < spoken_language_count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "value", all[i].code, "text", all[i].name));
    return list;
}

static void add_unknown(void *ctx, const char *name, struct buf *out)
{
    (void)name;
    buf_add_text(out, ctx);
}

/* The API does not repeat what was typed. */
void spoken_names_add_field(struct page_visit *visit, const char *typed)
{
    const struct catalog *catalog = page_catalog(visit);
    json_t *context = page_context(visit), *error = json_object_get(context, "error");
    AUTO(buf_done) struct buf unknown = {0}, said = {0};
    json_object_set_new(context, "spoken_choice", spoken_names_all(catalog));
    spoken_names_unknown(typed, &unknown);
    if (!unknown.len || !strstr(page_text(error, "detail"), "a language is given"))
        return;
    catalog_fill(catalog_text(catalog, "service_edit.language_unknown", 1), add_unknown,
                 (void *)(uintptr_t)buf_text(&unknown), &said);
    json_object_set_new(error, "said", json_string(buf_text(&said)));
    json_object_set_new(context, "language_unknown", json_true());
}
