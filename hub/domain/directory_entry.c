#include "hub/domain/directory_entry.h"

#include "hub/base/text.h"
#include "hub/domain/directory_words.h"
#include "hub/domain/everyday.h"
#include "hub/domain/fit.h"
#include "hub/domain/place.h"
#include <math.h>
#include <stdio.h>

#define TEXT_INDEXED_MAX \
    1200 /* bytes of a description that count for search: keeps the index small */
#define CIRCLE_CELLS_MAX 40
#define NAME_WORDS_MAX   32

/* Map squares at three sizes, so that a circle of any size is a few words in the index. */
static const struct {
    char letter;
    double degrees;
} levels[] = {{'f', 0.1}, {'g', 0.5}, {'h', 2.5}};

static void add_cell(size_t level, int row, int column, struct buf *out)
{
    buf_addf(out, "%c%dx%d", levels[level].letter, row, column);
}

static int cell_of(size_t level, double degrees_from_corner)
{
    return (int)floor(degrees_from_corner / levels[level].degrees);
}

void facet_circle(double latitude, double longitude, double km, struct buf *out)
{
    double high = km / 111.0;
    double wide = high / fmax(cos(latitude * M_PI / 180), 0.05);
    for (size_t level = 0; level < ARRAY_LEN(levels); level++) {
        int top = cell_of(level, fmin(latitude + high, 90) + 90);
        int bottom = cell_of(level, fmax(latitude - high, -90) + 90);
        int left = cell_of(level, longitude - wide + 180);
        int right = cell_of(level, longitude + wide + 180);
        if ((double)(top - bottom + 1) * (right - left + 1) > CIRCLE_CELLS_MAX)
            continue;
        for (int row = bottom; row <= top; row++) {
            for (int column = left; column <= right; column++) {
                buf_add_text(out, out->len > 0 ? " OR \"" : "\"");
                add_cell(level, row, column, out);
                buf_add_text(out, "\"");
            }
        }
        return;
    }
}

static void add_cells(int32_t latitude_e5, int32_t longitude_e5, struct buf *out)
{
    for (size_t level = 0; level < ARRAY_LEN(levels); level++) {
        buf_add_text(out, " ");
        add_cell(level, cell_of(level, latitude_e5 / 1e5 + 90),
                 cell_of(level, longitude_e5 / 1e5 + 180), out);
    }
}

void facet_word(const char *prefix, const char *text, char out[FACET_MAX])
{
    size_t len = strlen(prefix);
    memcpy(out, prefix, len);
    for (; *text && len + 1 < FACET_MAX; text++) {
        char c = *text;
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            out[len++] = c;
        else if (c >= 'A' && c <= 'Z')
            out[len++] = (char)(c - 'A' + 'a');
    }
    out[len] = '\0';
}

void facet_theme(const char *theme, char out[FACET_MAX])
{
    facet_word("t", theme, out);
}

bool entry_takes_referrals(const Maillon__Hfp__V1__ServiceContent *content)
{
    for (size_t i = 0; i < content->n_reach; i++)
        if (strcmp(content->reach[i], "hub") == 0)
            return true;
    return content->n_reach == 0;
}

static const char *label_of(enum vocabulary vocabulary, const char *value, size_t len)
{
    for (size_t i = 0; i < vocabulary_word_count; i++) {
        const struct vocabulary_word *word = &vocabulary_words[i];
        if (word->vocabulary == vocabulary && word->value[0] == value[0] &&
            strncmp(word->value, value, len) == 0 && word->value[len] == '\0')
            return word->label;
    }
    return "";
}

/* Labels of themes and of their families, and the words of the facet column. */
static void add_themes(const Maillon__Hfp__V1__ServiceContent *content, struct buf *labels,
                       struct buf *facets)
{
    char facet[FACET_MAX];
    for (size_t i = 0; i < content->n_theme; i++) {
        const char *theme = content->theme[i], *sub = strstr(theme, "--");
        facet_theme(theme, facet);
        buf_addf(facets, " %s", facet);
        buf_addf(labels, " %s", label_of(VOCABULARY_THEME, theme, strlen(theme)));
        if (!sub)
            continue;
        char family[FACET_MAX];
        snprintf(family, sizeof(family), "%.*s", (int)(sub - theme), theme);
        facet_theme(family, facet);
        buf_addf(facets, " %s", facet);
        buf_addf(labels, " %s", label_of(VOCABULARY_THEME, family, strlen(family)));
    }
}

static void add_inferred(const char *theme, struct buf *facets)
{
    char facet[FACET_MAX], family[FACET_MAX];
    const char *sub = strstr(theme, "--");
    facet_word("it", theme, facet);
    buf_addf(facets, " %s", facet);
    if (!sub)
        return;
    snprintf(family, sizeof(family), "%.*s", (int)(sub - theme), theme);
    facet_word("it", family, facet);
    buf_addf(facets, " %s", facet);
}

/* Many records name no theme, or a whole family: what their name says in everyday words counts. */
static void infer_themes(struct arena *arena, const char *folded_name, struct buf *facets)
{
    const struct everyday *everyday = everyday_load(arena, NULL);
    char *words[NAME_WORDS_MAX];
    size_t count = everyday_split(arena_text(arena, folded_name), words, NAME_WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        everyday_singular(words[i]);
    for (size_t at = 0; at < count;) {
        struct everyday_match match =
            everyday_match(everyday, (const char *const *)words + at, count - at);
        for (size_t i = 0; i < match.theme_count; i++)
            add_inferred(match.themes[i], facets);
        at += match.used ? match.used : 1;
    }
}

static void add_part(struct buf *out, const char *text, size_t max)
{
    size_t len = strlen(text);
    if (len > max) {
        len = max;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    buf_add_text(out, "\n");
    buf_add(out, text, len);
}

static void add_text(const struct entry_draft *draft, struct buf *out)
{
    const Maillon__Hfp__V1__ServiceContent *c = draft->content;
    add_part(out, c->description, TEXT_INDEXED_MAX);
    if (strcmp(c->structure_name, c->name) != 0)
        add_part(out, c->structure_name, 300);
    add_part(out, c->conditions, 300);
    add_part(out, c->commune_name, 100);
    add_part(out, c->postal_code, 20);
    for (size_t i = 0; i < c->n_public_; i++)
        add_part(out, c->public_[i], 60);
    for (size_t i = 0; i < c->n_language; i++)
        add_part(out, c->language[i], 60);
    if (draft->more_words)
        add_part(out, draft->more_words, 300);
}

/* FNV-1a: equal for the same name at the same place; never 0, which matches nothing. */
static int64_t key_of(const char *name, const char *place)
{
    uint64_t hash = 0xcbf29ce484222325;
    const char *parts[] = {name, "/", place};
    if (!*name || !*place)
        return 0;
    for (size_t p = 0; p < ARRAY_LEN(parts); p++)
        for (const char *at = parts[p]; *at; at++)
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
    return (int64_t)(hash | 1);
}

static char *fold(struct arena *arena, const char *text)
{
    char *folded = text_fold(arena, bytes_text(text));
    return folded ? folded : arena_text(arena, "");
}

struct texts { /* of an entry, folded: what the index holds */
    const char *name, *theme, *text, *facet;
};

static bool find_texts(struct tx *tx, struct arena *arena, int64_t id, struct texts *ret,
                       bool *ret_found, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT name, theme, text, facet FROM directory_entry WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    if (!stmt_next(stmt, ret_found, err))
        return false;
    *ret = (struct texts){0};
    if (*ret_found)
        *ret = (struct texts){
            .name = arena_text(arena, stmt_text(stmt, 0)),
            .theme = arena_text(arena, stmt_text(stmt, 1)),
            .text = arena_text(arena, stmt_text(stmt, 2)),
            .facet = arena_text(arena, stmt_text(stmt, 3)),
        };
    return true;
}

static bool is_same(const struct texts *a, const struct texts *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->theme, b->theme) == 0 &&
           strcmp(a->text, b->text) == 0 && strcmp(a->facet, b->facet) == 0;
}

/*
 * Both take values, never INSERT ... SELECT: that opens a savepoint of its own, and at the end of
 * each the index writes what it gathered in memory, as one more segment to be merged later.
 */
static bool run_texts(struct stmt *stmt, int64_t id, const struct texts *texts, struct err *err)
{
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_text(stmt, 2, texts->name);
    stmt_bind_text(stmt, 3, texts->theme);
    stmt_bind_text(stmt, 4, texts->text);
    stmt_bind_text(stmt, 5, texts->facet);
    return stmt_run(stmt, err);
}

static bool index_texts(struct tx *tx, int64_t id, const struct texts *texts, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO directory_text (rowid, name, theme, text, facet) VALUES (?1, ?2, ?3, ?4, ?5)",
        err);
    return run_texts(stmt, id, texts, err);
}

/* `texts` are the ones it was indexed with. */
static bool unindex_texts(struct tx *tx, int64_t id, const struct texts *texts, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO directory_text (directory_text, rowid, name, theme, text, facet) "
                 "VALUES ('delete', ?1, ?2, ?3, ?4, ?5)",
                 err);
    return run_texts(stmt, id, texts, err);
}

struct row { /* of directory_entry */
    int point;
    int32_t latitude_e5, longitude_e5;
    int64_t name_key, owner_key;
    const char *place;
    struct texts texts;
};

static bool write_row(struct tx *tx, const struct entry_draft *draft, const struct row *row,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO directory_entry (id, point, latitude_e5, longitude_e5, name_key, owner_key, "
        "dated_ms, is_structure, place, name, theme, text, facet) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
        "ON CONFLICT (id) DO UPDATE SET point = excluded.point, "
        "latitude_e5 = excluded.latitude_e5, longitude_e5 = excluded.longitude_e5, "
        "name_key = excluded.name_key, owner_key = excluded.owner_key, "
        "dated_ms = excluded.dated_ms, is_structure = excluded.is_structure, "
        "place = excluded.place, name = excluded.name, theme = excluded.theme, "
        "text = excluded.text, facet = excluded.facet",
        err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, draft->id);
    stmt_bind_i64(stmt, 2, row->point);
    stmt_bind_i64(stmt, 3, row->latitude_e5);
    stmt_bind_i64(stmt, 4, row->longitude_e5);
    stmt_bind_i64(stmt, 5, row->name_key);
    stmt_bind_i64(stmt, 6, row->owner_key);
    stmt_bind_i64(stmt, 7, draft->dated_ms);
    stmt_bind_i64(stmt, 8, draft->is_structure);
    stmt_bind_text(stmt, 9, row->place);
    stmt_bind_text(stmt, 10, row->texts.name);
    stmt_bind_text(stmt, 11, row->texts.theme);
    stmt_bind_text(stmt, 12, row->texts.text);
    stmt_bind_text(stmt, 13, row->texts.facet);
    return stmt_run(stmt, err);
}

static bool find_point(struct tx *tx, struct arena *arena, const struct entry_draft *draft,
                       struct row *row, struct err *err)
{
    const Maillon__Hfp__V1__ServiceContent *c = draft->content;
    bool found = false;
    row->latitude_e5 = c->latitude_e5;
    row->longitude_e5 = c->longitude_e5;
    row->point = c->latitude_e5 != 0 || c->longitude_e5 != 0;
    if (row->point)
        return true;
    if (!place_locate(tx->store, arena, c->commune_name, c->postal_code, &found, &row->latitude_e5,
                      &row->longitude_e5, err))
        return false;
    row->point = found ? 2 : 0;
    return true;
}

bool entry_put(struct tx *tx, struct arena *arena, const struct entry_draft *draft, struct err *err)
{
    const Maillon__Hfp__V1__ServiceContent *c = draft->content;
    struct row row = {0};
    if (!find_point(tx, arena, draft, &row, err))
        return false;
    const char *commune = place_fold(arena, c->commune_name);
    if (!commune)
        commune = "";
    row.place = arena_printf(arena, "%s/%s", commune, c->postal_code);
    row.texts.name = fold(arena, c->name);
    const char *key_place = *commune ? commune : c->postal_code;
    row.name_key = key_of(row.texts.name, key_place);
    row.owner_key = key_of(fold(arena, c->structure_name), key_place);
    AUTO(buf_done) struct buf themes = {0};
    AUTO(buf_done) struct buf facets = {0};
    AUTO(buf_done) struct buf text = {0};
    add_themes(c, &themes, &facets);
    if (row.point)
        add_cells(row.latitude_e5, row.longitude_e5, &facets);
    if (draft->hub)
        buf_add_text(&facets, " hubyes");
    infer_themes(arena, row.texts.name, &facets);
    fit_add_facets(c, &facets);
    row.texts.theme = fold(arena, buf_text(&themes));
    row.texts.facet = buf_text(&facets);
    add_text(draft, &text);
    row.texts.text = fold(arena, buf_text(&text));
    struct texts old;
    bool is_there = false;
    if (!draft->is_new && !find_texts(tx, arena, draft->id, &old, &is_there, err))
        return false;
    if (is_there && is_same(&old, &row.texts)) /* a new date, often: no need to index it again */
        return write_row(tx, draft, &row, err);
    return (!is_there || unindex_texts(tx, draft->id, &old, err)) &&
           write_row(tx, draft, &row, err) && index_texts(tx, draft->id, &row.texts, err) &&
           search_words_add(tx, draft->known_words, row.texts.name, err) &&
           search_words_add(tx, draft->known_words, row.texts.theme, err) &&
           search_words_add(tx, draft->known_words, row.texts.text, err);
}

bool entry_remove(struct tx *tx, int64_t id, struct err *err)
{
    struct texts old;
    bool is_there;
    if (!find_texts(tx, tx->arena, id, &old, &is_there, err))
        return false;
    if (!is_there)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM directory_entry WHERE id = ?1", err);
    if (!stmt || !unindex_texts(tx, id, &old, err))
        return false;
    stmt_bind_i64(stmt, 1, id);
    return stmt_run(stmt, err);
}

/* The other text columns stay as they are: only the point and the facet words change. */
static bool set_point(struct tx *tx, struct arena *arena, int64_t id, int32_t latitude_e5,
                      int32_t longitude_e5, struct err *err)
{
    struct texts texts;
    bool is_there;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE directory_entry SET point = 2, latitude_e5 = ?2, "
                                 "longitude_e5 = ?3, facet = ?4 WHERE id = ?1",
                                 err);
    if (!stmt || !find_texts(tx, arena, id, &texts, &is_there, err))
        return false;
    if (!is_there)
        return true;
    AUTO(buf_done) struct buf facets = {0};
    buf_add_text(&facets, texts.facet);
    add_cells(latitude_e5, longitude_e5, &facets);
    const struct texts old = texts;
    texts.facet = buf_text(&facets);
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, latitude_e5);
    stmt_bind_i64(stmt, 3, longitude_e5);
    stmt_bind_text(stmt, 4, texts.facet);
    return unindex_texts(tx, id, &old, err) && stmt_run(stmt, err) &&
           index_texts(tx, id, &texts, err);
}

#define PLACE_BATCH 500

struct placeless {
    int64_t id;
    const char *commune, *postal_code;
};

static bool read_placeless(struct tx *tx, struct arena *arena, int64_t after,
                           struct placeless *batch, size_t limit, size_t *ret_count,
                           struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT id, place FROM directory_entry WHERE point = 0 AND "
                                 "id > ?1 ORDER BY id LIMIT ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, after);
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        char *place = arena_text(arena, stmt_text(stmt, 1));
        char *slash = strchr(place, '/');
        if (slash)
            *slash++ = '\0';
        batch[count++] = (struct placeless){stmt_i64(stmt, 0), place, slash ? slash : ""};
    }
    *ret_count = count;
    return true;
}

bool entry_place_some(struct tx *tx, int64_t *after, size_t most, bool *ret_more, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct placeless batch[PLACE_BATCH];
    size_t count, limit = most < PLACE_BATCH ? most : PLACE_BATCH;
    if (!read_placeless(tx, arena, *after, batch, limit, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        bool found;
        int32_t latitude_e5, longitude_e5;
        if (!place_locate(tx->store, arena, batch[i].commune, batch[i].postal_code, &found,
                          &latitude_e5, &longitude_e5, err) ||
            (found && !set_point(tx, arena, batch[i].id, latitude_e5, longitude_e5, err)))
            return false;
        *after = batch[i].id;
    }
    *ret_more = count == limit;
    return true;
}
