#include "hub/domain/commune.h"

#include "hub/base/text.h"
#include "hub/domain/import_csv.h"

#define FILE_MAX  8388608 /* 35,000 communes take about 3 MB */
#define EPCI_LEN  (EPCI_CODE - 1)
#define INSEE_LEN 5

bool commune_find_epci(struct store *store, const char *commune, char ret[EPCI_CODE],
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT epci FROM commune_epci WHERE commune = ?1", err);
    bool row;
    ret[0] = '\0';
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, commune);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        text_copy(ret, EPCI_CODE, stmt_text(stmt, 0));
    return true;
}

bool commune_epci_name(struct store *store, struct arena *arena, const char *epci, const char **ret,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT epci_name FROM commune_epci WHERE epci = ?1 LIMIT 1", err);
    bool row;
    *ret = "";
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, epci);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        *ret = arena_text(arena, stmt_text(stmt, 0));
    return true;
}

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
    char name[200];
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
