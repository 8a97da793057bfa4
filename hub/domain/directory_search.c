#include "hub/domain/directory.h"

#include "hub/base/text.h"
#include "hub/domain/commune.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/everyday.h"
#include "hub/domain/hours.h"
#include "hub/domain/place.h"
#include "hub/domain/search_terms.h"
#include <stdlib.h>

#define NAME_LOOKED_MAX 500 /* candidates whose name matches come first */
#define LOADED_MAX      300 /* services looked into for whether they are open */
#define LIMIT_DEFAULT   20
#define WANTED_STEP     60 /* pages of one list are cut from the same circle */
#define FEW             5  /* so few answers to all words: those to some of them are shown too */

/*
 * Ranking. What does not suit the person comes after what does. Then, with a place, the nearest
 * first: a thing asked for that is only mentioned counts as KM_MENTIONED further away, one that is
 * missing as KM_MISSING, and what has no place at all comes last. Circles
 * around the place (rings_km) are searched until WANTED_STEP are found, or as many more as the
 * pages before have shown.
 *
 * Equal so far, or without a place, what has most of the things asked for comes first: a thing in
 * name or theme counts STRONG (STRONG_THEME when the words stand for one precise theme), a mention
 * 1, a weak word nothing. Then points, per thing asked for: POINTS_NAME when the name says it,
 * POINTS_THEME when it is of a theme that the words stand for, POINTS_INFERRED when only its name
 * stands for that theme, POINTS_FAMILY for another theme of its family, POINTS_LABEL when the title
 * of its theme has the word, POINTS_TEXT when only its text mentions it; POINTS_BOTH more for name
 * and theme, POINTS_HALF more for the theme and part of an expression in the name, POINTS_WHOLE
 * more the less else the name says; a word one slip away counts POINTS_SLIP less, a weak word a
 * quarter. What is still equal stays as stored: services of hubs, then imported records, oldest
 * first.
 */
#define POINTS_NAME     32
#define POINTS_BEGIN    24 /* the name has a word that begins so */
#define POINTS_THEME    28
#define POINTS_INFERRED 26 /* its name stands for the theme, it does not say so itself */
#define POINTS_HALF     4  /* of the theme, and the name has a part of the expression */
#define POINTS_FAMILY   12 /* of the same family of themes: shown where little else is found */
#define POINTS_LABEL    16
#define POINTS_TEXT     4
#define POINTS_SLIP     2
#define POINTS_BOTH     8 /* name and theme: more than one of them */
#define POINTS_WHOLE    8 /* the name says nothing else */
#define KM_MENTIONED    25
#define KM_MISSING      60
#define STRONG_THEME    6 /* everyday words for one precise theme say most of what is wanted */
#define STRONG          4 /* what is in name or theme, against 1 for a mention */

/* Circles tried one after the other until enough is found near; 0: everywhere. */
static const double rings_km[] = {3, 15, 60, 200, 0};

enum mode { MODE_ALL, MODE_ANY, MODE_FAMILY, MODE_BEGINNINGS, MODE_COUNT };

struct candidate {
    int64_t id;
    unsigned met, points, why_not;
    double distance_km, felt_km; /* negative: unknown */
    int64_t name_key, owner_key, dated_ms;
    int32_t latitude_e5, longitude_e5;
    enum directory_point point;
    bool is_structure, hidden;
};

struct search {
    struct store *store;
    struct arena *arena;
    const struct directory_query *query;
    struct fit_person person;
    bool is_personal; /* the person says something */
    size_t limit, offset;
    size_t wanted; /* so many are looked for before it is enough */
    struct search_reading *reading;
    const struct term *terms;  /* of it */
    size_t term_count, needed; /* needed: those that are not weak */
    bool near;
    struct place place;
    enum mode mode;
    double km;                    /* of the present ring; 0: no limit */
    struct candidate *candidates; /* SEARCH_LOOKED_MAX */
    size_t count, looked_at;
};

/* --- the question to the index ---------------------------------------------------------------- */

/* Words are folded: letters and digits, so quoting cannot end early. */
static void add_form(struct buf *out, const char *form, bool begins, enum mode mode)
{
    size_t len = strlen(form);
    if (mode == MODE_BEGINNINGS && len > 3) {
        len = len > 5 ? 4 : 3;
        while (len > 0 && ((unsigned char)form[len] & 0xc0) == 0x80)
            len--;
        begins = true;
    }
    buf_addf(out, "\"%.*s\"%s", (int)len, form, begins ? " *" : "");
}

static void add_word(struct buf *out, const struct term_word *word, enum mode mode)
{
    buf_add_text(out, "(");
    for (size_t i = 0; i < word->count && (i == 0 || mode != MODE_BEGINNINGS); i++) {
        buf_add_text(out, i > 0 ? " OR " : "");
        add_form(out, word->forms[i], word->begins && i == 0, mode);
    }
    buf_add_text(out, ")");
}

static void add_term(struct buf *out, const struct term *term, const char *columns, enum mode mode,
                     bool texts)
{
    buf_addf(out, "(%s : (", columns);
    for (size_t i = 0; i < term->word_count; i++) {
        if (i > 0)
            buf_add_text(out, mode == MODE_ALL || term->theme_count > 0 ? " AND " : " OR ");
        add_word(out, &term->words[i], mode);
    }
    buf_add_text(out, ")");
    for (size_t i = 0; (texts || mode == MODE_ANY || mode == MODE_FAMILY) && i < term->theme_count;
         i++)
        buf_addf(out, " OR facet : (\"%s\" OR \"%s\")", term->themes[i], term->inferred[i]);
    for (size_t i = 0; mode == MODE_FAMILY && i < term->theme_count; i++)
        if (*term->families[i])
            buf_addf(out, " OR facet : \"%s\"", term->families[i]);
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
    bool first = true;
    for (size_t i = 0; i < s->term_count; i++) {
        if (s->terms[i].weak)
            continue;
        buf_add_text(out, first ? "(" : s->mode == MODE_ALL ? " AND " : " OR ");
        add_term(out, &s->terms[i], names ? "name" : "{name theme text}", s->mode, !names);
        first = false;
    }
    if (!first)
        buf_add_text(out, ")");
    add_filters(s, out);
}

/* --- points ----------------------------------------------------------------------------------- */

static bool ends_word(char c)
{
    return c == '\0' || c == ' ' || c == '\'' || c == '\n';
}

/* 2: the whole word, 1: a word that starts so (if allowed), 0: neither. */
static int find_word(const char *text, const char *word, size_t len, bool begins)
{
    int best = 0;
    size_t left = strlen(text);
    for (const char *at = text; (at = memmem(at, left - (size_t)(at - text), word, len)) != NULL;
         at++) {
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

static unsigned points_of_word(const struct term_word *word, const struct texts *texts,
                               enum mode mode)
{
    unsigned best = 0;
    for (size_t i = 0; i < word->count; i++) {
        const char *form = word->forms[i];
        size_t len = strlen(form);
        bool begins = word->begins && i == 0;
        if (mode == MODE_BEGINNINGS && len > 3) {
            len = len > 5 ? 4 : 3;
            begins = true;
        }
        unsigned points = 0;
        int in_name = find_word(texts->name, form, len, begins);
        if (in_name)
            points = in_name == 2 ? POINTS_NAME : POINTS_BEGIN;
        else if (find_word(texts->theme, form, len, begins))
            points = POINTS_LABEL;
        else if (find_word(texts->text, form, len, begins))
            points = POINTS_TEXT;
        if (points > 0 && i >= word->typed)
            points -= POINTS_SLIP;
        best = points > best ? points : best;
    }
    return best;
}

static unsigned points_of(const struct term *term, const struct texts *texts, enum mode mode)
{
    unsigned sum = 0, themes = 0;
    bool all = true, named = false;
    for (size_t i = 0; i < term->word_count; i++) {
        unsigned points = points_of_word(&term->words[i], texts, mode);
        sum += points;
        all = all && points > 0;
        named = named || points >= POINTS_BEGIN;
    }
    unsigned words = term->word_count > 0 ? sum / (unsigned)term->word_count : 0;
    if (!all && term->theme_count > 0)
        words = 0; /* half of an expression means something else */
    for (size_t i = 0; i < term->theme_count; i++) {
        if (find_word(texts->facet, term->themes[i], strlen(term->themes[i]), false))
            themes = POINTS_THEME;
        else if (themes == 0 &&
                 find_word(texts->facet, term->inferred[i], strlen(term->inferred[i]), false))
            themes = POINTS_INFERRED;
        else if (themes == 0 && mode == MODE_FAMILY && *term->families[i] &&
                 find_word(texts->facet, term->families[i], strlen(term->families[i]), false))
            themes = POINTS_FAMILY;
    }
    if (words > POINTS_LABEL && themes > POINTS_FAMILY)
        return words + POINTS_BOTH;
    if (!all && named && themes == POINTS_THEME)
        return themes + POINTS_HALF;
    return words > themes ? words : themes;
}

/* How much of the name the answer is: a name of one word that is asked for says it all. */
static unsigned points_of_whole(const struct search *s, const char *name)
{
    unsigned words = 1, named = 0;
    for (const char *at = name; *at; at++)
        words += ends_word(*at);
    for (size_t i = 0; i < s->term_count; i++)
        for (size_t k = 0; k < s->terms[i].word_count; k++)
            for (size_t f = 0; f < s->terms[i].words[k].typed; f++)
                if (find_word(name, s->terms[i].words[k].forms[f],
                              strlen(s->terms[i].words[k].forms[f]), false)) {
                    named++;
                    break;
                }
    return named * POINTS_WHOLE / words;
}

static void rate(const struct search *s, const struct texts *texts, struct candidate *c)
{
    unsigned missing = 0, mentioned = 0;
    for (size_t i = 0; i < s->term_count; i++) {
        unsigned points = points_of(&s->terms[i], texts, s->mode);
        c->points += s->terms[i].weak ? points / 4 : points;
        if (s->terms[i].weak)
            continue;
        missing += points == 0;
        mentioned += points > 0 && points < POINTS_LABEL;
        bool strong = points >= POINTS_LABEL - POINTS_SLIP;
        c->met += !strong ? points > 0 : s->terms[i].is_precise ? STRONG_THEME : STRONG;
    }
    c->points += points_of_whole(s, texts->name);
    if (c->distance_km >= 0)
        c->felt_km = c->distance_km + KM_MENTIONED * mentioned + KM_MISSING * missing;
    if (s->is_personal)
        c->why_not = fit_of_facets(texts->facet, &s->person);
}

/* --- candidates ------------------------------------------------------------------------------- */

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
        .felt_km = -1,
        .name_key = stmt_i64(stmt, 4),
        .owner_key = stmt_i64(stmt, 5),
        .dated_ms = stmt_i64(stmt, 6),
        .latitude_e5 = (int32_t)stmt_i64(stmt, 2),
        .longitude_e5 = (int32_t)stmt_i64(stmt, 3),
        .point = (enum directory_point)stmt_i64(stmt, 1),
        .is_structure = stmt_i64(stmt, 7),
    };
    if (s->near && s->km > 0 && (c->distance_km < 0 || c->distance_km > s->km))
        return; /* in a map square of the circle, but not in the circle */
    const struct texts texts = {
        .name = stmt_text(stmt, 8),
        .theme = stmt_text(stmt, 9),
        .facet = stmt_text(stmt, 10),
        .text = stmt_text(stmt, 11),
    };
    rate(s, &texts, c);
    if (s->query->only_fitting && c->why_not)
        return;
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

/* See the comment at the top. */
static int by_rank(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if ((x->why_not != 0) != (y->why_not != 0))
        return x->why_not ? 1 : -1;
    if ((x->felt_km < 0) != (y->felt_km < 0))
        return x->felt_km < 0 ? 1 : -1;
    if (x->felt_km != y->felt_km)
        return x->felt_km < y->felt_km ? -1 : 1;
    if (x->met != y->met)
        return x->met > y->met ? -1 : 1;
    if (x->points != y->points)
        return x->points > y->points ? -1 : 1;
    return compare_i64(x->id, y->id);
}

static bool run_ring(struct search *s, struct err *err)
{
    if (s->needed > 0 && !collect(s, true, NAME_LOOKED_MAX, err))
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
        if (s->count >= s->wanted)
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

/* Open now, as far as its opening hours are understood. */
static bool is_open(const struct search *s, const struct directory_service *service)
{
    const Maillon__Hfp__V1__ServiceContent *c = service->content;
    return hours_at(c->opening_hours, hours_local(s->query->open_at_ms, c->postal_code)) ==
           HOURS_OPEN;
}

/* What only the whole record tells. */
static bool is_asked_for(const struct search *s, const struct directory_service *service)
{
    return (!s->query->hub_only || service->takes_referrals) &&
           (s->query->open_at_ms <= 0 || is_open(s, service));
}

static void describe(const struct search *s, const struct candidate *c,
                     struct directory_service *service)
{
    service->distance_km = c->distance_km;
    service->point = c->point;
    service->latitude_e5 = c->latitude_e5;
    service->longitude_e5 = c->longitude_e5;
    service->why_not = c->why_not;
    service->is_judged = s->is_personal;
    service->good = fit_good(service->content, &s->person);
    service->zone_doubt = fit_zone_is_doubtful(service->content, &s->person);
}

/* One more than asked for is looked up, to tell whether the list goes on. */
static bool load(struct search *s, struct directory_results *ret, struct err *err)
{
    bool is_sifted = s->query->hub_only || s->query->open_at_ms > 0;
    struct directory_service *list = arena_alloc(s->arena, (s->limit + 1) * sizeof(*list));
    size_t count = 0, passed = 0, most = s->offset + s->limit + LOADED_MAX;
    for (size_t i = is_sifted ? 0 : s->offset; i < s->count && count <= s->limit && i < most; i++) {
        struct directory_service *service = &list[count];
        if (!directory_get_entry(s->store, s->arena, s->candidates[i].id, service, err))
            return false;
        if (!is_asked_for(s, service) || (is_sifted && passed++ < s->offset))
            continue;
        describe(s, &s->candidates[i], service);
        count++;
    }
    *ret = (struct directory_results){
        .services = list,
        .count = count > s->limit ? s->limit : count,
        .more = count > s->limit,
        .looked_at = s->looked_at,
        .near_name = s->near ? s->place.name : "",
        .latitude = s->near ? s->place.latitude : 0,
        .longitude = s->near ? s->place.longitude : 0,
        .corrections = s->reading->corrections,
        .correction_count = s->reading->correction_count,
    };
    return true;
}

static bool has_families(const struct search *s)
{
    for (size_t i = 0; i < s->term_count; i++)
        for (size_t k = 0; k < s->terms[i].theme_count; k++)
            if (*s->terms[i].families[k])
                return true;
    return false;
}

static bool run(struct search *s, struct err *err)
{
    for (s->mode = MODE_ALL; s->mode < MODE_COUNT; s->mode++) {
        if (s->mode == MODE_ANY &&
            (s->count >= FEW || (s->needed == 1 && s->terms[0].word_count == 1)))
            continue; /* enough, or the same question again */
        if (s->mode == MODE_FAMILY && (s->count >= FEW || !has_families(s)))
            continue;
        if (s->mode == MODE_BEGINNINGS && s->count > 0)
            break;
        if (!run_mode(s, err))
            return false;
        if (s->needed == 0)
            break;
    }
    qsort(s->candidates, s->count, sizeof(*s->candidates), by_rank);
    return true;
}

bool directory_search(struct store *store, struct arena *arena, const struct directory_query *query,
                      struct directory_results *ret, struct err *err)
{
    struct search *s = arena_alloc(arena, sizeof(*s));
    *s = (struct search){.store = store, .arena = arena, .query = query, .person = query->person};
    s->limit = query->limit ? query->limit : LIMIT_DEFAULT;
    if (s->limit > SEARCH_LIMIT_MAX)
        s->limit = SEARCH_LIMIT_MAX;
    s->offset = query->offset < SEARCH_OFFSET_MAX ? query->offset : SEARCH_OFFSET_MAX;
    s->wanted = (s->offset + s->limit + WANTED_STEP - 1) / WANTED_STEP * WANTED_STEP;
    s->candidates = arena_alloc(arena, SEARCH_LOOKED_MAX * sizeof(*s->candidates));
    s->reading = arena_alloc(arena, sizeof(*s->reading));
    const struct everyday *everyday = everyday_load(arena, query->everyday_path);
    if (!search_terms_read(store, arena, everyday, query->words, s->reading, err) ||
        !find_near(s, err))
        return false;
    s->terms = s->reading->terms;
    s->term_count = s->reading->term_count;
    for (size_t i = 0; i < s->term_count; i++)
        s->needed += !s->terms[i].weak;
    if (s->near && !s->person.commune)
        s->person.commune = s->place.insee;
    if (!commune_fill_epci(store, arena, &s->person, err))
        return false;
    s->is_personal = fit_says_anything(&s->person);
    return run(s, err) && load(s, ret, err);
}
