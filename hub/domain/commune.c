#include "hub/domain/commune.h"

#include "hub/base/text.h"
#include "hub/domain/import_csv.h"
#include "hub/domain/place.h"
#include <stdlib.h>

#define FILE_MAX  8388608 /* 35,000 communes take about 3 MB */
#define EPCI_LEN  (EPCI_CODE - 1)
#define INSEE_LEN (COMMUNE_CODE - 1)
#define NAME_LEN  199 /* of a loaded list */

/* --- the built-in list ------------------------------------------------------------------------ */

static int by_epci(const void *code, const void *epci)
{
    return strcmp(code, ((const struct epci *)epci)->code);
}

static int by_commune(const void *code, const void *commune)
{
    return strcmp(code, ((const struct commune *)commune)->code);
}

const struct epci *epci_find_built_in(const char *code)
{
    return bsearch(code, epci_built_in, epci_built_in_count, sizeof(*epci_built_in), by_epci);
}

static const char *built_in_epci_of(const char *code)
{
    const struct commune *commune = bsearch(code, commune_built_in, commune_built_in_count,
                                            sizeof(*commune_built_in), by_commune);
    return commune ? epci_built_in[commune->epci].code : "";
}

/* --- the list that answers -------------------------------------------------------------------- */

/* Is a list loaded, and what does it say? @param sql  of ?1, which is `code`. "" when nothing. */
static bool ask_loaded(struct store *store, const char *sql, const char *code, bool *ret_loaded,
                       char *ret, size_t size, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    bool row;
    *ret = '\0';
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, code);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret_loaded = row && stmt_i64(stmt, 0);
    if (*ret_loaded && !stmt_is_null(stmt, 1))
        text_copy(ret, size, stmt_text(stmt, 1));
    return true;
}

bool commune_fill_epci(struct store *store, struct arena *arena, struct fit_person *person,
                       struct err *err)
{
    char epci[EPCI_CODE];
    bool loaded;
    person->epci = NULL;
    if (!person->commune || !*person->commune)
        return true;
    if (!ask_loaded(store,
                    "SELECT EXISTS (SELECT 1 FROM commune_epci), "
                    "(SELECT epci FROM commune_epci WHERE commune = ?1)",
                    person->commune, &loaded, epci, sizeof(epci), err))
        return false;
    const char *code = loaded ? arena_text(arena, epci) : built_in_epci_of(person->commune);
    person->epci = *code ? code : NULL;
    person->epci_built_in = !loaded;
    return true;
}

bool commune_epci_name(struct store *store, struct arena *arena, const char *epci, const char **ret,
                       struct err *err)
{
    char name[NAME_LEN + 1];
    bool loaded;
    *ret = "";
    if (!ask_loaded(store,
                    "SELECT EXISTS (SELECT 1 FROM commune_epci), "
                    "(SELECT epci_name FROM commune_epci WHERE epci = ?1 LIMIT 1)",
                    epci, &loaded, name, sizeof(name), err))
        return false;
    const struct epci *built_in = loaded ? NULL : epci_find_built_in(epci);
    *ret = built_in ? built_in->name : arena_text(arena, name);
    return true;
}

/* --- by name ---------------------------------------------------------------------------------- */

static const char *const kinds[] = {"ca ",
                                    "cc ",
                                    "cu ",
                                    "communaute d agglomeration ",
                                    "communaute de communes ",
                                    "communaute urbaine "};

/* What is looked for, and the codes of those that have the name: whole, and without the kind. */
struct naming {
    struct arena *arena; /* of the names that are compared */
    const char *whole, *bare;
    const char *whole_code, *bare_code;
    bool whole_again, bare_again;
};

static const char *without_kind(const char *folded)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strncmp(folded, kinds[i], strlen(kinds[i])) == 0)
            return folded + strlen(kinds[i]);
    return folded;
}

static void compare(struct naming *n, const char *code, const char *name)
{
    const char *folded = place_fold(n->arena, name);
    if (!folded || !*folded)
        return;
    if (strcmp(folded, n->whole) == 0) {
        n->whole_again = n->whole_code != NULL;
        n->whole_code = code;
    }
    if (strcmp(without_kind(folded), n->bare) == 0) {
        n->bare_again = n->bare_code != NULL;
        n->bare_code = code;
    }
}

static bool compare_loaded(struct naming *n, struct store *store, bool *ret_loaded, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT epci, max(epci_name) FROM commune_epci GROUP BY epci", err);
    bool row = true;
    *ret_loaded = false;
    if (!stmt)
        return false;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        *ret_loaded = true;
        compare(n, arena_text(n->arena, stmt_text(stmt, 0)), stmt_text(stmt, 1));
    }
}

bool commune_find_epci_named(struct store *store, const char *name, char ret[EPCI_CODE],
                             struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const char *folded = place_fold(arena, name);
    bool loaded;
    ret[0] = '\0';
    if (!folded || !*folded)
        return true;
    struct naming n = {.arena = arena, .whole = folded, .bare = without_kind(folded)};
    if (!compare_loaded(&n, store, &loaded, err))
        return false;
    for (size_t i = 0; !loaded && i < epci_built_in_count; i++)
        compare(&n, epci_built_in[i].code, epci_built_in[i].name);
    if (n.whole_code && !n.whole_again)
        text_copy(ret, EPCI_CODE, n.whole_code);
    else if (!n.whole_code && n.bare_code && !n.bare_again)
        text_copy(ret, EPCI_CODE, n.bare_code);
    return true;
}

/* --- loading one ------------------------------------------------------------------------------ */

static const char *cell(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

static bool is_code(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789AB") == len;
}

/* The first lines of some editions say what the file is: the head is the first with CODGEO. */
static struct bytes skip_preface(struct bytes file)
{
    const uint8_t *mark = file.len ? memmem(file.data, file.len, "CODGEO", 6) : NULL;
    if (!mark)
        return file;
    while (mark > file.data && mark[-1] != '\n')
        mark--;
    return bytes_of(mark, file.len - (size_t)(mark - file.data));
}

static bool write_row(struct tx *tx, const json_t *row, uint32_t *communes, struct err *err)
{
    const char *commune = cell(row, "CODGEO"), *epci = cell(row, "EPCI");
    char name[NAME_LEN + 1];
    if (!is_code(commune, INSEE_LEN) || !is_code(epci, EPCI_LEN) || strcmp(epci, "ZZZZZZZZZ") == 0)
        return true;
    text_copy(name, sizeof(name), cell(row, "LIBEPCI"));
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO commune_epci (commune, epci, epci_name) VALUES (?1, "
                 "?2, ?3) ON CONFLICT (commune) DO UPDATE SET epci = excluded.epci, "
                 "epci_name = excluded.epci_name",
                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, commune);
    stmt_bind_text(stmt, 2, epci);
    stmt_bind_text(stmt, 3, name);
    (*communes)++;
    return stmt_run(stmt, err);
}

static bool count_epcis(struct tx *tx, uint32_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT count(DISTINCT epci) FROM commune_epci", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret = row ? (uint32_t)stmt_i64(stmt, 0) : 0;
    return true;
}

bool commune_import(struct tx *tx, struct bytes file, uint32_t *ret_communes, uint32_t *ret_epcis,
                    struct err *err)
{
    if (file.len > FILE_MAX)
        return err_set(err, ERR_LIMIT, "the list is longer than %d bytes", FILE_MAX);
    json_t *tables = import_csv_tables(skip_preface(file), "list", err);
    if (!tables)
        return false;
    json_t *row;
    size_t i;
    uint32_t communes = 0, epcis = 0;
    bool good = store_exec(tx->store, "DELETE FROM commune_epci", err);
    json_array_foreach(json_object_get(tables, "list"), i, row)
    {
        if (good)
            good = write_row(tx, row, &communes, err);
    }
    json_decref(tables);
    if (!good || !count_epcis(tx, &epcis, err))
        return false;
    if (communes == 0)
        return err_set(err, ERR_INVALID,
                       "no commune in the list: columns CODGEO and EPCI are needed");
    *ret_communes = communes;
    *ret_epcis = epcis;
    return true;
}
