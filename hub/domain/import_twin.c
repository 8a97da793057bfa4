#include "hub/domain/import_twin.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/directory_entry.h"
#include "hub/domain/import_merge.h"
#include "hub/domain/place.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 300
#define WORDS_MAX      24
#define LOOKED_MAX     200 /* in one place: a house of associations has a hundred doors */
#define TWINS_MAX      8   /* asked about for one record */

static double likeness_of(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), longest = la > lb ? la : lb;
    size_t shortest = la > lb ? lb : la;
    unsigned short row[NAME_MAX_BYTES + 1];
    if (longest == 0)
        return 1;
    if (longest > NAME_MAX_BYTES || (double)shortest < TWIN_LIKENESS * (double)longest)
        return strcmp(a, b) == 0; /* the difference in length alone says no */
    for (size_t k = 0; k <= lb; k++)
        row[k] = (unsigned short)k;
    for (size_t i = 1; i <= la; i++) {
        unsigned short corner = row[0];
        row[0] = (unsigned short)i;
        for (size_t k = 1; k <= lb; k++) {
            unsigned short above = row[k];
            unsigned change = corner + (a[i - 1] != b[k - 1]);
            unsigned least = above < row[k - 1] ? above + 1u : row[k - 1] + 1u;
            row[k] = (unsigned short)(change < least ? change : least);
            corner = above;
        }
    }
    return 1 - (double)row[lb] / (double)longest;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "mairie de redon (ccas)" and "ccas mairie de redon" have the same words. */
static void sort_words(const char *name, char out[NAME_MAX_BYTES + 1])
{
    char copy[NAME_MAX_BYTES + 1], *words[WORDS_MAX];
    size_t count = 0, len = 0;
    text_copy(copy, sizeof(copy), name);
    for (char *at = copy; *at && count < WORDS_MAX;) {
        at += strspn(at, " '");
        if (*at)
            words[count++] = at;
        at += strcspn(at, " '");
        if (*at)
            *at++ = '\0';
    }
    qsort(words, count, sizeof(*words), by_text);
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, NAME_MAX_BYTES + 1 - len, "%s%s", i > 0 ? " " : "",
                                words[i]);
    out[len] = '\0';
}

double twin_likeness(const char *a, const char *b)
{
    char sorted_a[NAME_MAX_BYTES + 1], sorted_b[NAME_MAX_BYTES + 1];
    double as_written = likeness_of(a, b);
    if (as_written == 1 || strlen(a) > NAME_MAX_BYTES || strlen(b) > NAME_MAX_BYTES)
        return as_written;
    sort_words(a, sorted_a);
    sort_words(b, sorted_b);
    return fmax(as_written, likeness_of(sorted_a, sorted_b));
}

/* Adds `by` for each letter; returns how many words there are at most. */
static size_t count_letters(const char *name, int by, int letters[256])
{
    size_t words = 1;
    for (; *name; name++) {
        if (*name == ' ' || *name == '\'')
            words++;
        else
            letters[(unsigned char)*name] += by;
    }
    return words;
}

/*
 * False when twin_likeness cannot reach TWIN_LIKENESS, whatever the order of the words: to change
 * one letter mends at most one that the other name lacks. Much quicker than to find out.
 */
static bool may_be_twins(const char *a, const char *b)
{
    int letters[256] = {0}; /* more of it in a; below 0: in b */
    size_t la = strlen(a), lb = strlen(b);
    double only_a = 0, only_b = 0;
    if (count_letters(a, 1, letters) > WORDS_MAX || count_letters(b, -1, letters) > WORDS_MAX)
        return true; /* not all of them are compared */
    for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
        only_a += letters[i] > 0 ? letters[i] : 0;
        only_b -= letters[i] < 0 ? letters[i] : 0;
    }
    return 1 - fmax(only_a, only_b) / (double)(la > lb ? la : lb) >= TWIN_LIKENESS;
}

struct twin {
    int64_t entry;
    double likeness, metres; /* metres negative: unknown */
};

/* --- same SIRET ------------------------------------------------------------------------------- */

static bool find_siret(struct tx *tx, const struct import_record *record, int64_t id,
                       struct twin *twins, size_t *count, struct err *err)
{
    *count = 0;
    if (!*record->siret)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT e.id, e.name, own.name FROM import_record r "
                 "JOIN directory_entry e ON e.id = r.id + 4294967296 AND e.is_structure = 1 "
                 "JOIN directory_entry own ON own.id = ?2 + 4294967296 AND own.place = e.place "
                 "AND own.name <> e.name "
                 "WHERE r.siret = ?1 AND r.siret <> '' AND r.id <> ?2 ORDER BY r.id LIMIT ?3",
                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, record->siret);
    stmt_bind_i64(stmt, 2, id);
    stmt_bind_i64(stmt, 3, TWINS_MAX);
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        twins[(*count)++] = (struct twin){
            stmt_i64(stmt, 0), twin_likeness(stmt_text(stmt, 1), stmt_text(stmt, 2)), -1};
    }
}

/* --- nearly the same name near by ------------------------------------------------------------- */

struct near { /* what is looked for */
    int64_t entry;
    int32_t latitude_e5, longitude_e5;
    const char *names[2]; /* folded; NULL: none */
    int64_t keys[2];      /* what has the same name and place is one thing already */
};

static void take_near(const struct near *near, struct stmt *stmt, struct twin *twins, size_t *count)
{
    int64_t key = stmt_i64(stmt, 4);
    if (key != 0 && (key == near->keys[0] || key == near->keys[1]))
        return;
    double metres =
        1000 * place_distance_km(near->latitude_e5 / 1e5, near->longitude_e5 / 1e5,
                                 (double)stmt_i64(stmt, 1) / 1e5, (double)stmt_i64(stmt, 2) / 1e5);
    if (metres > TWIN_METRES || *count == TWINS_MAX)
        return;
    double likeness = 0;
    const char *name = stmt_text(stmt, 3);
    for (size_t i = 0; i < ARRAY_LEN(near->names); i++)
        if (near->names[i] && *near->names[i] && may_be_twins(name, near->names[i]))
            likeness = fmax(likeness, twin_likeness(name, near->names[i]));
    if (likeness >= TWIN_LIKENESS)
        twins[(*count)++] = (struct twin){stmt_i64(stmt, 0), likeness, metres};
}

static bool find_near(struct tx *tx, const struct near *near, struct twin *twins, size_t *count,
                      struct err *err)
{
    *count = 0;
    if (near->latitude_e5 == 0 && near->longitude_e5 == 0)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT id, latitude_e5, longitude_e5, name, name_key FROM directory_entry WHERE "
                 "point = 1 AND is_structure = 1 AND latitude_e5 BETWEEN ?2 AND ?3 AND "
                 "longitude_e5 BETWEEN ?4 AND ?5 AND id <> ?1 LIMIT ?6",
                 err);
    if (!stmt)
        return false;
    double high = TWIN_METRES / 111000.0 * 1e5;
    double wide = high / fmax(cos(near->latitude_e5 / 1e5 * M_PI / 180), 0.05);
    stmt_bind_i64(stmt, 1, near->entry);
    stmt_bind_i64(stmt, 2, near->latitude_e5 - (int64_t)high);
    stmt_bind_i64(stmt, 3, near->latitude_e5 + (int64_t)high);
    stmt_bind_i64(stmt, 4, near->longitude_e5 - (int64_t)wide);
    stmt_bind_i64(stmt, 5, near->longitude_e5 + (int64_t)wide);
    stmt_bind_i64(stmt, 6, LOOKED_MAX);
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        take_near(near, stmt, twins, count);
    }
}

/* --- whose turn ------------------------------------------------------------------------------- */

static bool read_keys(struct tx *tx, struct arena *arena, struct near *near, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT name, name_key, owner_key FROM directory_entry WHERE id = ?1", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, near->entry);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row) {
        near->names[0] = arena_text(arena, stmt_text(stmt, 0));
        near->keys[0] = stmt_i64(stmt, 1);
        near->keys[1] = near->entry < ENTRY_IMPORTS ? stmt_i64(stmt, 2) : 0;
    }
    return true;
}

static bool ask(struct tx *tx, int64_t entry, const struct twin *twins, size_t count,
                const char *why, size_t *open, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        bool is_open;
        if (!pair_add(tx, entry, twins[i].entry, why, twins[i].likeness, twins[i].metres, &is_open,
                      err))
            return false;
        *open += is_open;
    }
    return true;
}

static void add_finding(struct import_record *record, struct arena *arena, bool by_siret)
{
    if (by_siret)
        import_record_find(record, arena, "siret", "same SIRET and commune as another record");
    else
        import_record_find(record, arena, "name", "nearly the name of another record close by");
}

bool twin_find(struct tx *tx, struct arena *arena, struct import_record *record, int64_t id,
               struct err *err)
{
    const Maillon__Hfp__V1__ServiceContent *c = &record->content;
    struct near near = {.entry = ENTRY_IMPORTS + id,
                        .latitude_e5 = c->latitude_e5,
                        .longitude_e5 = c->longitude_e5};
    struct twin twins[TWINS_MAX];
    size_t count, sirets = 0, names = 0;
    if (record->is_service || record->closed)
        return true;
    if (!find_siret(tx, record, id, twins, &count, err) ||
        !ask(tx, near.entry, twins, count, "siret", &sirets, err) ||
        !read_keys(tx, arena, &near, err) || !find_near(tx, &near, twins, &count, err) ||
        !ask(tx, near.entry, twins, count, "name", &names, err))
        return false;
    if (sirets > 0 || names > 0)
        add_finding(record, arena, sirets > 0);
    return true;
}

bool twin_basis(struct tx *tx, int64_t id, uint64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT e.name, e.place, r.siret, e.point, e.latitude_e5, e.longitude_e5 "
                 "FROM import_record r JOIN directory_entry e ON e.id = r.id + 4294967296 "
                 "WHERE r.id = ?1 AND e.is_structure = 1",
                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    if (!stmt_next(stmt, &row, err))
        return false;
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a */
    for (int column = 0; row && column < 6; column++) {
        for (const char *at = stmt_text(stmt, column); *at; at++)
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
        hash = (hash ^ '\n') * 0x100000001b3;
    }
    *ret = row ? hash | 1 : 0;
    return true;
}

bool twin_keep(struct tx *tx, struct arena *arena, struct import_record *record, int64_t id,
               struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT p.why = 'siret' FROM import_pair p JOIN directory_entry e ON "
                 "e.id = p.first + p.second - ?1 AND e.is_structure = 1 WHERE "
                 "(p.first = ?1 OR p.second = ?1) AND p.decision = 0 ORDER BY 1 DESC LIMIT 1",
                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, ENTRY_IMPORTS + id);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        add_finding(record, arena, stmt_i64(stmt, 0));
    return true;
}

bool twin_find_of_hub(struct tx *tx, struct arena *arena, int64_t entry,
                      const Maillon__Hfp__V1__ServiceContent *content, struct err *err)
{
    struct near near = {
        .entry = entry, .latitude_e5 = content->latitude_e5, .longitude_e5 = content->longitude_e5};
    struct twin twins[TWINS_MAX];
    size_t count, open = 0;
    if (near.latitude_e5 == 0 && near.longitude_e5 == 0)
        return true;
    near.names[1] = text_fold(arena, bytes_text(content->structure_name));
    return read_keys(tx, arena, &near, err) && find_near(tx, &near, twins, &count, err) &&
           ask(tx, entry, twins, count, "name", &open, err);
}

bool twin_find_of_hubs(struct tx *tx, struct arena *arena, int64_t *after, size_t count,
                       bool *ret_more, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT id, content FROM service WHERE id > ?1 AND content IS NOT "
                                 "NULL ORDER BY id LIMIT ?2",
                                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, *after);
    stmt_bind_i64(stmt, 2, (int64_t)count);
    for (size_t seen = 0;; seen++) {
        if (!stmt_next(stmt, &row, err))
            return false;
        *ret_more = seen == count && count > 0;
        if (!row)
            return true;
        *after = stmt_i64(stmt, 0);
        const Maillon__Hfp__V1__ServiceContent *content = wire_unpack(
            &maillon__hfp__v1__service_content__descriptor, stmt_bytes(stmt, 1), arena, err);
        if (!content)
            return err_set(err, ERR_IO, "a stored service is damaged");
        if (!twin_find_of_hub(tx, arena, *after, content, err))
            return false;
    }
}
