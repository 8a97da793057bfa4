#include "hub/domain/import_merge.h"

#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include "hub/domain/directory_entry.h"
#include <jansson.h>
#include <math.h>

/* --- pairs ------------------------------------------------------------------------------------ */

static bool is_open(struct tx *tx, int64_t first, int64_t second, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT decision FROM import_pair WHERE first = ?1 AND second = ?2", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, first);
    stmt_bind_i64(stmt, 2, second);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row && stmt_i64(stmt, 0) == PAIR_OPEN;
    return true;
}

/* Without RETURNING, which opens a savepoint of its own: see directory_entry.c. */
bool pair_add(struct tx *tx, int64_t a, int64_t b, const char *why, double likeness, double metres,
              bool *ret_open, struct err *err)
{
    int64_t first = a < b ? a : b, second = a < b ? b : a;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO import_pair (first, second, why, likeness, metres, decision, kept, "
                 "decided_ms, decided_by) VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, '') "
                 "ON CONFLICT (first, second) DO UPDATE SET likeness = excluded.likeness, "
                 "metres = excluded.metres",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, first);
    stmt_bind_i64(stmt, 2, second);
    stmt_bind_text(stmt, 3, why);
    stmt_bind_i64(stmt, 4, lround(100 * likeness));
    stmt_bind_i64(stmt, 5, metres < 0 ? -1 : lround(metres));
    return stmt_run(stmt, err) && is_open(tx, first, second, ret_open, err);
}

bool pair_forget_open(struct tx *tx, int64_t entry, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "DELETE FROM import_pair WHERE (first = ?1 OR second = ?1) AND decision = 0", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, entry);
    return stmt_run(stmt, err);
}

bool pair_forget_hubs(struct tx *tx, int64_t entry, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "DELETE FROM import_pair WHERE second = ?1 AND "
                                 "first < 4294967296 AND decision = 0",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, entry);
    return stmt_run(stmt, err);
}

#define PAIR_COLUMNS                                                                           \
    "p.id, p.first, p.second, p.why, p.likeness, p.metres, p.decision, p.kept, p.decided_ms, " \
    "p.decided_by"

static void take_pair(struct arena *arena, struct stmt *stmt, struct pair *ret)
{
    *ret = (struct pair){
        .id = stmt_i64(stmt, 0),
        .first = stmt_i64(stmt, 1),
        .second = stmt_i64(stmt, 2),
        .why = arena_text(arena, stmt_text(stmt, 3)),
        .likeness = (unsigned)stmt_i64(stmt, 4),
        .metres = (int)stmt_i64(stmt, 5),
        .decision = (enum pair_decision)stmt_i64(stmt, 6),
        .kept = stmt_i64(stmt, 7),
        .decided_ms = stmt_i64(stmt, 8),
        .decided_by = arena_text(arena, stmt_text(stmt, 9)),
    };
}

/* An open pair has both entries in the index; of one thing, one entry is gone from it on purpose.
 */
#define PAIRS_THERE                                                                        \
    "FROM import_pair p WHERE p.decision = ?1 AND (?1 = 2 OR (EXISTS (SELECT 1 FROM "      \
    "directory_entry e WHERE e.id = p.first) AND EXISTS (SELECT 1 FROM directory_entry e " \
    "WHERE e.id = p.second))) "

static bool count_pairs(struct store *store, enum pair_decision decision, int64_t *ret,
                        struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "SELECT count(*) " PAIRS_THERE, err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, decision);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool pair_list(struct store *store, struct arena *arena, enum pair_decision decision, size_t limit,
               struct pair **ret, size_t *ret_count, int64_t *ret_total, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " PAIR_COLUMNS " " PAIRS_THERE
                                 "ORDER BY p.decided_ms DESC, p.likeness DESC, p.id LIMIT ?2",
                                 err);
    if (!stmt || (ret_total && !count_pairs(store, decision, ret_total, err)))
        return false;
    if (limit > PAIRS_LIMIT_MAX)
        limit = PAIRS_LIMIT_MAX;
    stmt_bind_i64(stmt, 1, decision);
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    struct pair *list = arena_alloc(arena, (limit + 1) * sizeof(*list));
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        take_pair(arena, stmt, &list[count++]);
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool pair_find(struct store *store, struct arena *arena, int64_t id, struct pair *ret,
               struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT " PAIR_COLUMNS " FROM import_pair p WHERE p.id = ?1", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "no such pair");
    take_pair(arena, stmt, ret);
    return true;
}

static bool write_decision(struct tx *tx, int64_t id, enum pair_decision decision, int64_t kept,
                           const char *by, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "UPDATE import_pair SET decision = ?2, kept = ?3, decided_ms = ?4, "
                 "decided_by = ?5 WHERE id = ?1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, decision);
    stmt_bind_i64(stmt, 3, kept);
    stmt_bind_i64(stmt, 4, decision == PAIR_OPEN ? 0 : tx->now.ms);
    stmt_bind_text(stmt, 5, decision == PAIR_OPEN ? "" : by);
    return stmt_run(stmt, err);
}

/* --- fields of merged records ----------------------------------------------------------------- */

#define CONTENT Maillon__Hfp__V1__ServiceContent

static const size_t text_fields[] = {
    offsetof(CONTENT, description), offsetof(CONTENT, type),          offsetof(CONTENT, conditions),
    offsetof(CONTENT, price),       offsetof(CONTENT, price_detail),  offsetof(CONTENT, url),
    offsetof(CONTENT, access),      offsetof(CONTENT, opening_hours), offsetof(CONTENT, address),
    offsetof(CONTENT, postal_code), offsetof(CONTENT, commune_name),  offsetof(CONTENT, commune),
    offsetof(CONTENT, phone),       offsetof(CONTENT, email),
};
static const struct {
    size_t count, items;
} list_fields[] = {
#define X(name)                                              \
    {                                                        \
        offsetof(CONTENT, n_##name), offsetof(CONTENT, name) \
    }
    X(theme), X(public_), X(mode), X(reach), X(reach_by), X(zone), X(language),
#undef X
};
#define FIELDS_MAX (ARRAY_LEN(text_fields) + ARRAY_LEN(list_fields) + 1)

struct filling {
    struct directory_filled *list;
    size_t count;
    const char *source;
    int64_t dated_ms;
};

static void note(struct filling *filling, size_t offset)
{
    if (filling->count < FIELDS_MAX)
        filling->list[filling->count++] =
            (struct directory_filled){offset, filling->source, filling->dated_ms};
}

static void fill_from(CONTENT *to, CONTENT *from, struct filling *filling)
{
    for (size_t i = 0; i < ARRAY_LEN(text_fields); i++) {
        char **have = (char **)((char *)to + text_fields[i]);
        char *other = *(char **)((char *)from + text_fields[i]);
        if (**have || !*other)
            continue;
        *have = other;
        note(filling, text_fields[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(list_fields); i++) {
        size_t *count = (size_t *)((char *)to + list_fields[i].count);
        size_t others = *(size_t *)((char *)from + list_fields[i].count);
        if (*count > 0 || others == 0)
            continue;
        *count = others;
        *(char ***)((char *)to + list_fields[i].items) =
            *(char ***)((char *)from + list_fields[i].items);
        note(filling, list_fields[i].items);
    }
    if (to->latitude_e5 == 0 && to->longitude_e5 == 0) {
        to->latitude_e5 = from->latitude_e5;
        to->longitude_e5 = from->longitude_e5;
    }
}

bool merge_fill(struct store *store, struct arena *arena, int64_t record, CONTENT *content,
                struct directory_filled **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT source, dated_ms, content FROM import_record WHERE "
                                 "merged_into = ?1 AND merged_into <> 0 ORDER BY id",
                                 err);
    struct filling filling = {0};
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, ENTRY_IMPORTS + record);
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        if (!filling.list)
            filling.list = arena_alloc(arena, FIELDS_MAX * sizeof(*filling.list));
        filling.source = arena_text(arena, stmt_text(stmt, 0));
        filling.dated_ms = stmt_i64(stmt, 1);
        CONTENT *from = wire_unpack(&maillon__hfp__v1__service_content__descriptor,
                                    stmt_bytes(stmt, 2), arena, err);
        if (!from)
            return err_set(err, ERR_IO, "a stored record is damaged");
        fill_from(content, from, &filling);
    }
    if (ret) {
        *ret = filling.list;
        *ret_count = filling.count;
    }
    return true;
}

/* --- the search entry ------------------------------------------------------------------------- */

/* Words that no table maps are found all the same: they are kept in `extra`. */
static const char *unknown_words(struct arena *arena, const char *extra)
{
    AUTO(buf_done) struct buf words = {0};
    const char *name;
    json_t *list, *word, *object = json_loads(extra, 0, NULL);
    size_t i;
    json_object_foreach(object, name, list)
    {
        if (strncmp(name, "unknown ", 8) != 0)
            continue;
        json_array_foreach(list, i, word) if (json_is_string(word))
            buf_addf(&words, "%s\n", json_string_value(word));
    }
    json_decref(object);
    return arena_text(arena, buf_text(&words));
}

static bool read_draft(struct tx *tx, struct arena *arena, int64_t record, struct entry_draft *ret,
                       bool *ret_shown, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT record, content, extra, dated_ms, closed = 0 AND "
                                 "merged_into = 0 FROM import_record WHERE id = ?1",
                                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, record);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret_shown = row && stmt_i64(stmt, 4);
    if (!*ret_shown)
        return true;
    CONTENT *content = wire_unpack(&maillon__hfp__v1__service_content__descriptor,
                                   stmt_bytes(stmt, 1), arena, err);
    if (!content)
        return err_set(err, ERR_IO, "a stored record is damaged");
    *ret = (struct entry_draft){
        .id = ENTRY_IMPORTS + record,
        .content = content,
        .is_structure = strncmp(stmt_text(stmt, 0), "structure/", 10) == 0,
        .dated_ms = stmt_i64(stmt, 3),
        .more_words = unknown_words(arena, stmt_text(stmt, 2)),
    };
    return merge_fill(tx->store, arena, record, content, NULL, NULL, err);
}

bool merge_reindex(struct tx *tx, int64_t record, struct err *err)
{
    struct entry_draft draft;
    bool shown;
    if (!read_draft(tx, tx->arena, record, &draft, &shown, err))
        return false;
    return shown ? entry_put(tx, tx->arena, &draft, err)
                 : entry_remove(tx, ENTRY_IMPORTS + record, err);
}

/* --- decisions -------------------------------------------------------------------------------- */

static bool read_root(struct tx *tx, int64_t entry, int64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT merged_into FROM import_record WHERE id = ?1", err);
    bool row;
    *ret = entry;
    if (entry < ENTRY_IMPORTS)
        return true;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, entry - ENTRY_IMPORTS);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row && stmt_i64(stmt, 0) != 0)
        *ret = stmt_i64(stmt, 0);
    return true;
}

static bool set_root(struct tx *tx, int64_t entry, int64_t root, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE import_record SET merged_into = ?2 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, entry - ENTRY_IMPORTS);
    stmt_bind_i64(stmt, 2, root);
    return stmt_run(stmt, err);
}

static bool reindex(struct tx *tx, int64_t entry, struct err *err)
{
    return entry < ENTRY_IMPORTS || merge_reindex(tx, entry - ENTRY_IMPORTS, err);
}

/* Everything that stood for `other` stands for `root` from now on. */
static bool merge(struct tx *tx, int64_t keep, int64_t other, struct err *err)
{
    int64_t root, others;
    if (!read_root(tx, keep, &root, err) || !read_root(tx, other, &others, err))
        return false;
    if (root == other)
        return err_set(err, ERR_CONFLICT, "these two are one already, the other way round");
    if (root == others)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE import_record SET merged_into = ?2 WHERE merged_into = ?1 "
                                 "AND merged_into <> 0",
                                 err);
    if (!stmt || !set_root(tx, other, root, err))
        return false;
    stmt_bind_i64(stmt, 1, other);
    stmt_bind_i64(stmt, 2, root);
    return stmt_run(stmt, err) && reindex(tx, other, err) && reindex(tx, others, err) &&
           reindex(tx, root, err);
}

static bool part(struct tx *tx, const struct pair *pair, struct err *err)
{
    int64_t other = pair->kept == pair->first ? pair->second : pair->first, root;
    return read_root(tx, other, &root, err) && set_root(tx, other, 0, err) &&
           reindex(tx, other, err) && reindex(tx, root, err);
}

bool pair_decide(struct tx *tx, int64_t id, enum pair_decision decision, int64_t keep,
                 const char *by, struct err *err)
{
    struct pair pair;
    if (!pair_find(tx->store, tx->arena, id, &pair, err))
        return false;
    if (decision == PAIR_ONE && keep != pair.first && keep != pair.second)
        return err_set(err, ERR_INVALID, "the entry to keep is none of this pair");
    if (decision == PAIR_ONE && pair.first < ENTRY_IMPORTS && keep != pair.first)
        return err_set(err, ERR_CONFLICT, "the entry that a hub keeps itself always stays");
    if (pair.decision == PAIR_ONE && !(decision == PAIR_ONE && keep == pair.kept) &&
        !part(tx, &pair, err))
        return false;
    if (decision == PAIR_ONE &&
        !merge(tx, keep, keep == pair.first ? pair.second : pair.first, err))
        return false;
    return write_decision(tx, id, decision, decision == PAIR_ONE ? keep : 0, by, err) ||
           err_wrap(err, "decide about a pair");
}

/* --- an entry that goes ----------------------------------------------------------------------- */

static bool list_merged(struct tx *tx, int64_t entry, int64_t **ret, size_t *ret_count,
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT id FROM import_record WHERE merged_into = ?1 AND "
                                 "merged_into <> 0 ORDER BY id LIMIT ?2",
                                 err);
    enum { MOST = 1000 };
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, entry);
    stmt_bind_i64(stmt, 2, MOST);
    *ret = NULL;
    *ret_count = 0;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        if (!*ret)
            *ret = arena_alloc(tx->arena, MOST * sizeof(**ret));
        (*ret)[(*ret_count)++] = stmt_i64(stmt, 0);
    }
}

/* A hub's entry is gone for good, and its number may be given anew; a record may come back. */
static bool forget_pairs(struct tx *tx, int64_t entry, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        entry < ENTRY_IMPORTS
            ? stmt_get(tx->store, "DELETE FROM import_pair WHERE first = ?1", err)
            : stmt_get(tx->store,
                       "UPDATE import_pair SET decision = 0, kept = 0, decided_ms = 0, decided_by "
                       "= '' WHERE decision = 2 AND kept = ?1 AND (first = ?1 OR second = ?1)",
                       err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, entry);
    return stmt_run(stmt, err);
}

bool merge_release(struct tx *tx, int64_t entry, struct err *err)
{
    int64_t *records;
    size_t count;
    if (!list_merged(tx, entry, &records, &count, err) || !forget_pairs(tx, entry, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!set_root(tx, ENTRY_IMPORTS + records[i], 0, err) ||
            !merge_reindex(tx, records[i], err))
            return false;
    return true;
}
