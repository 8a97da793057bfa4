#include "hub/domain/directory.h"

#include "hub/base/text.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/directory_words.h"
#include "hub/domain/place.h"
#include <stdlib.h>

#define TERMS_MAX        12
#define TERM_WORDS_MAX   3 /* longest everyday expression */
#define TERM_THEMES_MAX  4
#define WORDS_MAX        24
#define NAME_LOOKED_MAX  500 /* candidates whose name matches come first */
#define LIMIT_DEFAULT    20
#define SCORE_NAME       8
#define SCORE_NAME_BEGIN 6
#define SCORE_THEME      4
#define SCORE_TEXT       1

/* Circles tried one after the other until enough is found near; 0: everywhere. */
static const double rings_km[] = {3, 15, 60, 200, 0};

/* One thing asked for: words that belong together, or a theme that everyday words stand for. */
struct term {
    const char *words[TERM_WORDS_MAX];
    size_t word_count;
    bool begins; /* the last word may go on */
    char themes[TERM_THEMES_MAX][FACET_MAX];
    size_t theme_count;
};

enum mode { MODE_ALL, MODE_ANY, MODE_BEGINNINGS, MODE_COUNT };

struct candidate {
    int64_t id;
    unsigned matched, score;
    double distance_km; /* negative: unknown */
    int64_t name_key, owner_key, dated_ms;
    bool is_structure, hidden;
};

struct search {
    struct store *store;
    struct arena *arena;
    const struct directory_query *query;
    size_t limit;
    struct term terms[TERMS_MAX];
    size_t term_count;
    bool near;
    struct place place;
    enum mode mode;
    double km;                    /* of the present ring; 0: no limit */
    struct candidate *candidates; /* SEARCH_LOOKED_MAX */
    size_t count, looked_at;
};

/* --- the words asked for ---------------------------------------------------------------------- */

static int compare_text(const void *key, const void *item)
{
    return strcmp(key, *(const char *const *)item);
}

static bool is_stop_word(const char *word)
{
    return bsearch(word, stop_words, stop_word_count, sizeof(stop_words[0]), compare_text) != NULL;
}

/* First row of the sorted table that is not below `words`. */
static size_t first_everyday(const char *words)
{
    size_t low = 0, high = everyday_word_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(everyday_words[middle].words, words) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void take_everyday(struct term *term, const char *words)
{
    for (size_t i = first_everyday(words);
         i < everyday_word_count && strcmp(everyday_words[i].words, words) == 0 &&
         term->theme_count < TERM_THEMES_MAX;
         i++)
        facet_theme(everyday_words[i].theme, term->themes[term->theme_count++]);
}

/* Plural or not is the same to who searches. */
static void drop_plural(struct term *term, char *word)
{
    size_t len = strlen(word);
    if (len >= 4 && (word[len - 1] == 's' || word[len - 1] == 'x')) {
        word[len - 1] = '\0';
        term->begins = true;
    }
}

static size_t split(char *text, char *words[WORDS_MAX])
{
    size_t count = 0;
    char *save = NULL;
    for (char *word = strtok_r(text, " '", &save); word && count < WORDS_MAX;
         word = strtok_r(NULL, " '", &save))
        words[count++] = word;
    return count;
}

/* Longest everyday expression at words[at]; 0 words when there is none. */
static size_t match_everyday(struct arena *arena, char *const *words, size_t left,
                             struct term *term)
{
    for (size_t n = left < TERM_WORDS_MAX ? left : TERM_WORDS_MAX; n > 0; n--) {
        const char *joined = n == 3 ? arena_printf(arena, "%s %s %s", words[0], words[1], words[2])
                             : n == 2 ? arena_printf(arena, "%s %s", words[0], words[1])
                                      : words[0];
        take_everyday(term, joined);
        if (term->theme_count > 0)
            return n;
    }
    return 0;
}

static void parse_words(struct search *s)
{
    const char *asked = s->query->words ? s->query->words : "";
    char *folded = text_fold(s->arena, bytes_text(asked));
    char *words[WORDS_MAX];
    size_t count = folded ? split(folded, words) : 0;
    bool only_stops = true;
    for (size_t i = 0; i < count; i++)
        only_stops = only_stops && is_stop_word(words[i]);
    for (size_t at = 0; at < count && s->term_count < TERMS_MAX;) {
        struct term *term = &s->terms[s->term_count];
        *term = (struct term){0};
        size_t n = match_everyday(s->arena, words + at, count - at, term);
        if (n == 0 && is_stop_word(words[at]) && !only_stops) {
            at++;
            continue;
        }
        n = n ? n : 1;
        for (size_t k = 0; k < n; k++)
            if (!is_stop_word(words[at + k]) || n == 1)
                term->words[term->word_count++] = words[at + k];
        at += n;
        char *last = words[at - 1];
        term->begins = at == count && strlen(last) > 1; /* still being typed */
        drop_plural(term, last);
        s->term_count++;
    }
}

/* --- the question to the index ---------------------------------------------------------------- */

/* Words are folded: letters and digits, so quoting cannot end early. */
static void add_word(struct buf *out, const char *word, bool begins, enum mode mode)
{
    size_t len = strlen(word);
    if (mode == MODE_BEGINNINGS && len > 3) {
        len = len > 5 ? 4 : 3;
        while (len > 0 && ((unsigned char)word[len] & 0xc0) == 0x80)
            len--;
        begins = true;
    }
    buf_addf(out, "\"%.*s\"%s", (int)len, word, begins ? " *" : "");
}

static void add_term(struct buf *out, const struct term *term, const char *columns, enum mode mode,
                     bool themes)
{
    buf_addf(out, "(%s : (", columns);
    for (size_t i = 0; i < term->word_count; i++) {
        if (i > 0)
            buf_add_text(out, mode == MODE_ALL ? " AND " : " OR ");
        add_word(out, term->words[i], i + 1 == term->word_count && term->begins, mode);
    }
    buf_add_text(out, ")");
    for (size_t i = 0; themes && i < term->theme_count; i++)
        buf_addf(out, " OR facet : \"%s\"", term->themes[i]);
    buf_add_text(out, ")");
}

static void add_and(struct buf *out)
{
    if (out->len > 0)
        buf_add_text(out, " AND ");
}

static void add_filters(const struct search *s, struct buf *out)
{
    const char *theme = s->query->theme ? s->query->theme : "";
    if (s->near && s->km > 0) {
        AUTO(buf_done) struct buf cells = {0};
        facet_circle(s->place.latitude, s->place.longitude, s->km, &cells);
        if (cells.len > 0) {
            add_and(out);
            buf_addf(out, "facet : (%s)", buf_text(&cells));
        }
    }
    if (*theme) {
        char facet[FACET_MAX];
        facet_theme(theme, facet);
        add_and(out);
        buf_addf(out, "facet : \"%s\"", facet);
    }
    if (s->query->hub_only) {
        add_and(out);
        buf_add_text(out, "facet : \"hubyes\"");
    }
}

static void add_match(const struct search *s, bool names, struct buf *out)
{
    for (size_t i = 0; i < s->term_count; i++) {
        buf_add_text(out, i == 0 ? "(" : s->mode == MODE_ALL ? " AND " : " OR ");
        add_term(out, &s->terms[i], names ? "name" : "{name theme text}", s->mode, !names);
    }
    if (s->term_count > 0)
        buf_add_text(out, ")");
    add_filters(s, out);
}

/* --- ranking ---------------------------------------------------------------------------------- */

static bool ends_word(char c)
{
    return c == '\0' || c == ' ' || c == '\'';
}

/* 2: the whole word, 1: a word that starts so (if allowed), 0: neither. */
static int find_word(const char *text, const char *word, size_t len, bool begins)
{
    int best = 0;
    for (const char *at = text; (at = memmem(at, strlen(at), word, len)) != NULL; at++) {
        if (at > text && !ends_word(at[-1]))
            continue;
        if (ends_word(at[len]))
            return 2;
        if (begins)
            best = 1;
    }
    return best;
}

struct texts {
    const char *name, *theme, *text, *facet;
};

static unsigned score_term(const struct term *term, const struct texts *texts, enum mode mode)
{
    unsigned score = 0;
    for (size_t i = 0; i < term->word_count; i++) {
        const char *word = term->words[i];
        bool begins = i + 1 == term->word_count && term->begins;
        size_t len = strlen(word);
        if (mode == MODE_BEGINNINGS && len > 3) {
            len = len > 5 ? 4 : 3;
            begins = true;
        }
        int in_name = find_word(texts->name, word, len, begins);
        if (in_name)
            score += in_name == 2 ? SCORE_NAME : SCORE_NAME_BEGIN;
        else if (find_word(texts->theme, word, len, begins))
            score += SCORE_THEME;
        else if (find_word(texts->text, word, len, begins))
            score += SCORE_TEXT;
    }
    for (size_t i = 0; i < term->theme_count; i++)
        if (find_word(texts->facet, term->themes[i], strlen(term->themes[i]), false))
            return score + SCORE_THEME;
    return score;
}

static double distance_of(const struct search *s, struct stmt *stmt)
{
    if (!s->near || stmt_i64(stmt, 1) == 0)
        return -1;
    return place_distance_km(s->place.latitude, s->place.longitude, (double)stmt_i64(stmt, 2) / 1e5,
                             (double)stmt_i64(stmt, 3) / 1e5);
}

#define ENTRY_COLUMNS                                                                     \
    "e.id, e.point, e.latitude_e5, e.longitude_e5, e.name_key, e.owner_key, e.dated_ms, " \
    "e.is_structure, e.name, e.theme, e.facet, e.text"

static void take_candidate(struct search *s, struct stmt *stmt)
{
    struct candidate *c = &s->candidates[s->count];
    *c = (struct candidate){
        .id = stmt_i64(stmt, 0),
        .distance_km = distance_of(s, stmt),
        .name_key = stmt_i64(stmt, 4),
        .owner_key = stmt_i64(stmt, 5),
        .dated_ms = stmt_i64(stmt, 6),
        .is_structure = stmt_i64(stmt, 7),
    };
    if (s->near && s->km > 0 && (c->distance_km < 0 || c->distance_km > s->km))
        return; /* in a map square of the circle, but not in the circle */
    /* The long text is read only where a word may be missing from all. */
    const struct texts texts = {
        .name = stmt_text(stmt, 8),
        .theme = stmt_text(stmt, 9),
        .facet = stmt_text(stmt, 10),
        .text = s->mode == MODE_ALL ? "" : stmt_text(stmt, 11),
    };
    for (size_t i = 0; i < s->term_count; i++) {
        unsigned score = score_term(&s->terms[i], &texts, s->mode);
        c->matched += score > 0 || s->mode == MODE_ALL;
        c->score += score;
    }
    s->count++;
}

static bool collect(struct search *s, bool names, size_t limit, struct err *err)
{
    AUTO(buf_done) struct buf match = {0};
    add_match(s, names, &match);
    AUTO(stmt_release)
    struct stmt *stmt =
        match.len > 0
            ? stmt_get(s->store,
                       "SELECT " ENTRY_COLUMNS " FROM directory_text t CROSS JOIN directory_entry e"
                       " ON e.id = t.rowid WHERE directory_text MATCH ?2 LIMIT ?1",
                       err)
            : stmt_get(s->store,
                       "SELECT " ENTRY_COLUMNS " FROM directory_entry e ORDER BY e.id LIMIT ?1",
                       err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)limit);
    if (match.len > 0)
        stmt_bind_text(stmt, 2, buf_text(&match));
    bool row;
    while (s->count < SEARCH_LOOKED_MAX) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "search the directory");
        if (!row)
            break;
        take_candidate(s, stmt);
    }
    return true;
}

static int compare_i64(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Same things beside each other, the one to keep first. */
static int by_sameness(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order = compare_i64(x->name_key, y->name_key);
    order = order ? order : compare_i64(x->owner_key, y->owner_key);
    order = order ? order : (int)x->is_structure - (int)y->is_structure;
    order = order ? order : compare_i64(y->dated_ms, x->dated_ms);
    return order ? order : compare_i64(x->id, y->id);
}

static int by_id(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return compare_i64(x->id, y->id);
}

static bool is_import(const struct candidate *c)
{
    return c->id > ENTRY_IMPORTS;
}

static bool is_claimed_by(const struct candidate *import, const struct candidate *hub)
{
    if (import->is_structure)
        return import->name_key == hub->owner_key || import->name_key == hub->name_key;
    return import->name_key == hub->name_key && import->owner_key == hub->owner_key;
}

/* What was found twice goes; of several imports the newest stays; a hub's own word wins. */
static void hide_doubles(struct search *s)
{
    struct candidate *c = s->candidates;
    qsort(c, s->count, sizeof(*c), by_id);
    size_t kept = 0, hubs = 0;
    for (size_t i = 0; i < s->count; i++)
        if (kept == 0 || c[i].id != c[kept - 1].id)
            c[kept++] = c[i];
    s->count = kept;
    while (hubs < kept && !is_import(&c[hubs]))
        hubs++;
    for (size_t i = hubs; i < kept; i++)
        for (size_t h = 0; h < hubs && !c[i].hidden && c[i].name_key; h++)
            c[i].hidden = is_claimed_by(&c[i], &c[h]);
    qsort(c, kept, sizeof(*c), by_sameness);
    for (size_t i = 1; i < kept; i++)
        if (c[i].name_key && is_import(&c[i]) && is_import(&c[i - 1]) &&
            c[i].name_key == c[i - 1].name_key && c[i].owner_key == c[i - 1].owner_key &&
            c[i].is_structure == c[i - 1].is_structure)
            c[i].hidden = true;
    size_t shown = 0;
    for (size_t i = 0; i < kept; i++)
        if (!c[i].hidden)
            c[shown++] = c[i];
    s->count = shown;
}

/* Most of the words first, then the nearest, then the best match, then as stored. */
static int by_rank(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->matched != y->matched)
        return x->matched > y->matched ? -1 : 1;
    if ((x->distance_km < 0) != (y->distance_km < 0))
        return x->distance_km < 0 ? 1 : -1;
    if (x->distance_km != y->distance_km)
        return x->distance_km < y->distance_km ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return compare_i64(x->id, y->id);
}

static bool run_ring(struct search *s, struct err *err)
{
    s->count = 0;
    if (s->term_count > 0 && !collect(s, true, NAME_LOOKED_MAX, err))
        return false;
    if (s->count < SEARCH_LOOKED_MAX && !collect(s, false, SEARCH_LOOKED_MAX - s->count, err))
        return false;
    s->looked_at = s->count;
    hide_doubles(s);
    return true;
}

static bool run_mode(struct search *s, struct err *err)
{
    s->km = s->query->km;
    if (!s->near || s->km > 0)
        return run_ring(s, err);
    for (size_t i = 0; i < ARRAY_LEN(rings_km); i++) {
        s->km = rings_km[i];
        if (!run_ring(s, err))
            return false;
        if (s->count >= s->limit)
            break;
    }
    return true;
}

static bool find_near(struct search *s, struct err *err)
{
    const char *near = s->query->near ? s->query->near : "";
    if (!*near)
        return true;
    if (!place_find(s->store, s->arena, near, &s->near, &s->place, err))
        return false;
    return s->near || err_set(err, ERR_UNKNOWN, "no place of that name is known here");
}

static bool load(struct search *s, struct directory_results *ret, struct err *err)
{
    struct directory_service *list = arena_alloc(s->arena, s->limit * sizeof(*list));
    size_t count = 0;
    for (size_t i = 0; i < s->count && count < s->limit; i++) {
        if (!directory_get_entry(s->store, s->arena, s->candidates[i].id, &list[count], err))
            return false;
        if (s->query->hub_only && !list[count].takes_referrals)
            continue;
        list[count++].distance_km = s->candidates[i].distance_km;
    }
    *ret = (struct directory_results){
        .services = list,
        .count = count,
        .looked_at = s->looked_at,
        .near_name = s->near ? s->place.name : "",
    };
    return true;
}

bool directory_search(struct store *store, struct arena *arena, const struct directory_query *query,
                      struct directory_results *ret, struct err *err)
{
    struct search s = {.store = store, .arena = arena, .query = query};
    s.limit = query->limit ? query->limit : LIMIT_DEFAULT;
    if (s.limit > SEARCH_LIMIT_MAX)
        s.limit = SEARCH_LIMIT_MAX;
    s.candidates = arena_alloc(arena, SEARCH_LOOKED_MAX * sizeof(*s.candidates));
    parse_words(&s);
    if (!find_near(&s, err))
        return false;
    for (s.mode = MODE_ALL; s.mode < MODE_COUNT; s.mode++) {
        if (s.mode == MODE_ANY && s.term_count == 1 && s.terms[0].word_count == 1)
            continue; /* the same question again */
        if (!run_mode(&s, err))
            return false;
        if (s.count > 0 || s.term_count == 0)
            break;
    }
    qsort(s.candidates, s.count, sizeof(*s.candidates), by_rank);
    return load(&s, ret, err);
}
