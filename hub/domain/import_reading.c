#include "hub/domain/import_reading.h"

#include "hub/base/text.h"
#include "hub/domain/spoken.h"
#include <stdlib.h>

static void keep(struct reading *r, const char *name, const json_t *value)
{
    if (!r->extra)
        r->extra = json_object();
    json_object_set(r->extra, name, (json_t *)(uintptr_t)value); /* only its count changes */
}

void reading_keep(struct reading *r, const char *field, const char *text)
{
    if (!r->extra)
        r->extra = json_object();
    json_object_set_new(r->extra, field, json_string(text));
}

/* --- texts ------------------------------------------------------------------------------------ */

static size_t blank_at(const char *at)
{
    if (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
        return 1;
    return (unsigned char)at[0] == 0xc2 && (unsigned char)at[1] == 0xa0 ? 2 : 0; /* no-break */
}

/* Trimmed, control characters blanked, what only looks like a value emptied. */
static char *clean(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_textn(arena, text, len);
    size_t used = 0;
    for (const char *at = copy; *at; at++) {
        if (*at == '\r' && at[1] == '\n')
            continue;
        copy[used++] = (unsigned char)*at < 0x20 && *at != '\n' && *at != '\t' ? ' ' : *at;
    }
    copy[used] = '\0';
    char *start = copy;
    for (size_t n; (n = blank_at(start)) > 0;)
        start += n;
    char *end = start + strlen(start);
    while (end > start && (blank_at(end - 1) == 1 || (end - start > 1 && blank_at(end - 2) == 2)))
        end -= blank_at(end - 1) == 1 ? 1 : 2;
    *end = '\0';
    static const char *const nothings[] = {"-", "?", "#N/A", "N/A", "null", "None"};
    for (size_t i = 0; i < ARRAY_LEN(nothings); i++)
        if (strcmp(start, nothings[i]) == 0)
            *start = '\0';
    return start;
}

static const char *text_of(struct arena *arena, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return clean(arena, json_string_value(value), json_string_length(value));
    case JSON_INTEGER:
        return arena_printf(arena, "%lld", (long long)json_integer_value(value));
    case JSON_REAL:
        return arena_printf(arena, "%.12g", json_real_value(value));
    case JSON_TRUE:
        return "oui";
    case JSON_FALSE:
        return "non";
    case JSON_ARRAY: {
        AUTO(buf_done) struct buf joined = {0};
        for (size_t i = 0; i < json_array_size(value); i++) {
            const json_t *item = json_array_get(value, i);
            const char *text = json_is_array(item) ? "" : text_of(arena, item);
            if (*text)
                buf_addf(&joined, "%s%s", joined.len ? "; " : "", text);
        }
        return arena_text(arena, buf_text(&joined));
    }
    case JSON_OBJECT:
    case JSON_NULL:
        return "";
    }
    return "";
}

char *reading_cut(struct reading *r, const char *field, const char *text, size_t max)
{
    if (text_length(bytes_text(text)) <= max)
        return arena_text(r->arena, text);
    size_t len = 0;
    for (size_t chars = 0; chars < max; chars++) {
        len++;
        while (((unsigned char)text[len] & 0xc0) == 0x80)
            len++;
    }
    import_record_find(r->out, r->arena, field, "longer than what is kept; cut");
    if (!r->extra)
        r->extra = json_object();
    json_object_set_new(r->extra, field, json_string(text));
    return arena_textn(r->arena, text, len);
}

/* --- words of a vocabulary -------------------------------------------------------------------- */

static const char *const vocabulary_fields[VOCABULARY_COUNT] = {
    [VOCABULARY_THEME] = "theme",       [VOCABULARY_PUBLIC] = "public",
    [VOCABULARY_TYPE] = "type",         [VOCABULARY_PRICE] = "price",
    [VOCABULARY_MODE] = "mode",         [VOCABULARY_REACH] = "reach",
    [VOCABULARY_REACH_BY] = "reach_by",
};

void reading_add(struct reading *r, struct words *words, const char *word, size_t len)
{
    for (size_t i = 0; i < words->count; i++)
        if (strlen(words->list[i]) == len && memcmp(words->list[i], word, len) == 0)
            return;
    if (words->count < WORDS_MAX)
        words->list[words->count++] = arena_textn(r->arena, word, len);
}

void reading_add_detail(struct reading *r, const char *detail)
{
    const char *have = r->texts[COLUMN_PRICE_DETAIL];
    if (!strstr(have, detail))
        r->texts[COLUMN_PRICE_DETAIL] =
            *have ? arena_printf(r->arena, "%s; %s", have, detail) : detail;
}

static void take_meaning(struct reading *r, enum vocabulary vocabulary, const char *word,
                         const struct import_meaning *meaning)
{
    for (const char *at = meaning->to; *at;) {
        size_t len = strcspn(at, "|");
        reading_add(r, &r->words[vocabulary], at, len);
        at += len;
        at += *at == '|';
    }
    if (*meaning->detail)
        reading_add_detail(r, meaning->detail);
    if (strcmp(meaning->to, word) != 0)
        import_map_count(r->map, vocabulary_fields[vocabulary], word,
                         *meaning->to ? meaning->to : meaning->detail);
}

static void take_unknown(struct reading *r, const char *field, const char *word)
{
    import_map_count(r->map, field, word, "");
    char shown[161];
    text_copy(shown, sizeof(shown), word);
    import_record_find(r->out, r->arena, field,
                       arena_printf(r->arena, "unknown word \"%s\"", shown));
    buf_addf(&r->unknown, "%s\n", word);
    if (!r->extra)
        r->extra = json_object();
    const char *key = arena_printf(r->arena, "unknown %s", field);
    json_t *list = json_object_get(r->extra, key);
    if (!list)
        json_object_set_new(r->extra, key, list = json_array());
    json_array_append_new(list, json_string(word));
}

static void take_words(struct reading *r, enum vocabulary vocabulary, const char *text,
                       const char *separators);

/* A word, or a list in a separator that words may contain too. */
static void take_word(struct reading *r, enum vocabulary vocabulary, const char *word)
{
    struct import_meaning meaning = import_map_word(r->map, r->arena, vocabulary, word);
    if (meaning.known)
        take_meaning(r, vocabulary, word, &meaning);
    else if (strstr(word, ", "))
        take_words(r, vocabulary, word, ",");
    else if (strstr(word, " / "))
        take_words(r, vocabulary, word, "/");
    else
        take_unknown(r, vocabulary_fields[vocabulary], word);
}

static void take_words(struct reading *r, enum vocabulary vocabulary, const char *text,
                       const char *separators)
{
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, separators);
        const char *word = clean(r->arena, at, len);
        if (*word)
            take_word(r, vocabulary, word);
        at += len;
        at += *at != '\0';
    }
}

/* Only words of the vocabulary, so that free text is left alone. */
static bool are_words(struct reading *r, enum vocabulary vocabulary, const char *text)
{
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ";|");
        const char *word = clean(r->arena, at, len);
        if (*word && !import_map_word(r->map, r->arena, vocabulary, word).known)
            return false;
        at += len;
        at += *at != '\0';
    }
    return true;
}

static void take_list(struct reading *r, struct words *words, const char *text)
{
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ";|,");
        const char *word = clean(r->arena, at, len);
        if (*word)
            reading_add(r, words, word, strlen(word));
        at += len;
        at += *at != '\0';
    }
}

/* --- columns ---------------------------------------------------------------------------------- */

bool reading_is_no(struct arena *arena, const char *text)
{
    static const char *const noes[] = {"", "non", "no", "0", "false", "nr", "n a"};
    const char *folded = text_fold(arena, bytes_text(text));
    for (size_t i = 0; folded && i < ARRAY_LEN(noes); i++)
        if (strcmp(folded, noes[i]) == 0)
            return true;
    return false;
}

/* One member of the record, and what its name is known as. */
struct member {
    const char *name, *text;
    const json_t *value;
    const struct import_column *known; /* NULL: not */
    enum column column;
    enum vocabulary vocabulary; /* of the column, when its words all come from one */
};

static void keep_member(struct reading *r, const struct member *member)
{
    keep(r, member->name, member->value);
}

static void report_member(struct reading *r, const struct member *member)
{
    import_map_count(r->map, member->name, "(column)", "");
    keep_member(r, member);
}

static void leave_out(struct reading *r, const struct member *member)
{
    import_map_count(r->map, member->name, "(column)", "(left out: names a person)");
}

/* First of its kind; another text goes beside the record. */
static void take_text(struct reading *r, const struct member *member)
{
    const char **have = &r->texts[member->column];
    if (!**have)
        *have = member->text;
    else if (strcmp(*have, member->text) != 0)
        keep_member(r, member);
}

static void add_text(struct reading *r, const struct member *member, const char *between)
{
    const char **have = &r->texts[member->column];
    *have = **have ? arena_printf(r->arena, "%s%s%s", *have, between, member->text) : member->text;
}

static void take_address_more(struct reading *r, const struct member *member)
{
    add_text(r, member, ", ");
}

static void take_price_detail(struct reading *r, const struct member *member)
{
    reading_add_detail(r, member->text);
}

static void take_vocabulary(struct reading *r, const struct member *member)
{
    take_words(r, member->vocabulary, member->text, ";|\n");
}

static void take_style(struct reading *r, const struct member *member)
{
    keep_member(r, member);
    take_vocabulary(r, member);
}

static void take_type(struct reading *r, const struct member *member)
{
    take_vocabulary(r, member);
    if (json_array_size(member->value) > 1) /* the field holds one */
        keep_member(r, member);
}

static void take_conditions(struct reading *r, const struct member *member)
{
    if (are_words(r, VOCABULARY_PRICE, member->text))
        take_words(r, VOCABULARY_PRICE, member->text, ";|");
    else
        add_text(r, member, "\n");
}

static void take_zone(struct reading *r, const struct member *member)
{
    take_list(r, &r->zones, member->text);
}

static void take_language(struct reading *r, const struct member *member)
{
    char code[SPOKEN_CODE];
    struct bytes word;
    if (reading_is_no(r->arena, member->text) && !spoken_find(bytes_text(member->text)))
        return;
    for (const char *at = member->text; spoken_next(&at, &word);) {
        const char *text = clean(r->arena, (const char *)word.data, word.len);
        if (!spoken_read(word, code)) {
            take_unknown(r, "language", text);
            continue;
        }
        reading_add(r, &r->languages, code, strlen(code));
        if (strcmp(code, text) != 0)
            import_map_count(r->map, "language", text, code);
    }
}

static void take_flag(struct reading *r, const struct member *member)
{
    const struct import_column *column = member->known;
    if (reading_is_no(r->arena, member->text))
        return;
    reading_add(r, &r->words[column->vocabulary], column->value, strlen(column->value));
    import_map_count(r->map, vocabulary_fields[column->vocabulary],
                     arena_printf(r->arena, "%s: %s", member->name, member->text), column->value);
}

static void take_open(struct reading *r, const struct member *member)
{
    const char *folded = text_fold(r->arena, bytes_text(member->text));
    if (!folded || (strcmp(folded, "non") != 0 && strcmp(folded, "inactif") != 0))
        return;
    if (!r->out->closed)
        import_record_find(r->out, r->arena, "active", "said to be closed; not shown");
    r->out->closed = true;
}

/* What is done with a column. What is not listed holds one text. */
static const struct {
    void (*take)(struct reading *r, const struct member *member);
    enum vocabulary vocabulary;
} columns[COLUMN_COUNT] = {
    [COLUMN_UNKNOWN] = {report_member, 0},
    [COLUMN_ATTRIBUTE] = {keep_member, 0},
    [COLUMN_PERSON] = {leave_out, 0},
    [COLUMN_THEME] = {take_vocabulary, VOCABULARY_THEME},
    [COLUMN_PUBLIC] = {take_vocabulary, VOCABULARY_PUBLIC},
    [COLUMN_TYPE] = {take_type, VOCABULARY_TYPE},
    [COLUMN_STYLE] = {take_style, VOCABULARY_TYPE},
    [COLUMN_PRICE] = {take_vocabulary, VOCABULARY_PRICE},
    [COLUMN_PRICE_DETAIL] = {take_price_detail, 0},
    [COLUMN_CONDITIONS] = {take_conditions, 0},
    [COLUMN_MODE] = {take_vocabulary, VOCABULARY_MODE},
    [COLUMN_REACH] = {take_vocabulary, VOCABULARY_REACH},
    [COLUMN_REACH_BY] = {take_vocabulary, VOCABULARY_REACH_BY},
    [COLUMN_ZONE] = {take_zone, 0},
    [COLUMN_ADDRESS_MORE] = {take_address_more, 0},
    [COLUMN_LANGUAGE] = {take_language, 0},
    [COLUMN_FLAG] = {take_flag, 0},
    [COLUMN_OPEN] = {take_open, 0},
};

/* Holds more than a text or a list of texts can say. */
static bool is_nested(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (json_is_object(json_array_get(value, i)) || json_is_array(json_array_get(value, i)))
            return true;
    return json_object_size(value) > 0;
}

void reading_take(struct reading *r, const char *name, const json_t *value)
{
    const struct import_column *known = import_map_column(r->map, r->arena, name);
    struct member member = {.name = name,
                            .text = text_of(r->arena, value),
                            .value = value,
                            .known = known,
                            .column = known ? known->column : COLUMN_UNKNOWN};
    bool nested = is_nested(value);
    if (!*member.text && !nested)
        return;
    if (nested && member.column != COLUMN_PERSON)
        member.column = COLUMN_UNKNOWN;
    member.vocabulary = columns[member.column].vocabulary;
    (columns[member.column].take ? columns[member.column].take : take_text)(r, &member);
}
