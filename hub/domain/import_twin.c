#include "hub/domain/import_twin.h"

#include "hub/domain/directory_entry.h"
#include "hub/domain/place.h"
#include <math.h>

#define NAME_MAX_BYTES 300
#define LOOKED_MAX     200 /* in one place: a house of associations has a hundred doors */

double twin_likeness(const char *a, const char *b)
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

static bool find_siret(struct tx *tx, struct arena *arena, struct import_record *record, int64_t id,
                       struct err *err)
{
    if (!*record->siret)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT r.source, r.record FROM import_record r "
                 "JOIN directory_entry e ON e.id = r.id + 4294967296 "
                 "JOIN directory_entry own ON own.id = ?2 + 4294967296 AND own.place = e.place "
                 "AND own.name <> e.name "
                 "WHERE r.siret = ?1 AND r.siret <> '' AND r.id <> ?2 ORDER BY r.id LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, record->siret);
    stmt_bind_i64(stmt, 2, id);
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        import_record_find(record, arena, "siret",
                           arena_printf(arena, "same SIRET and commune as %s %s",
                                        stmt_text(stmt, 0), stmt_text(stmt, 1)));
    return true;
}

static bool name_twin(struct tx *tx, struct arena *arena, struct import_record *record,
                      int64_t twin, double likeness, double metres, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT source, record FROM import_record WHERE id = ?1", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, twin);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row)
        import_record_find(record, arena, "name",
                           arena_printf(arena, "%.0f %% the name of %s %s, %.0f m away",
                                        100 * likeness, stmt_text(stmt, 0), stmt_text(stmt, 1),
                                        metres));
    return true;
}

/* Of those around, the one whose name is most like it; equal names are one thing already. */
static bool find_near(struct tx *tx, struct arena *arena, struct import_record *record, int64_t id,
                      struct err *err)
{
    const Maillon__Hfp__V1__ServiceContent *c = &record->content;
    if (c->latitude_e5 == 0 && c->longitude_e5 == 0)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT e.id, e.latitude_e5, e.longitude_e5, e.name, own.name FROM "
                 "directory_entry e, directory_entry own WHERE own.id = ?1 AND e.point = 1 AND "
                 "e.is_structure = 1 AND e.latitude_e5 BETWEEN ?2 AND ?3 AND e.longitude_e5 "
                 "BETWEEN ?4 AND ?5 AND e.id <> ?1 AND e.name_key <> own.name_key LIMIT ?6",
                 err);
    if (!stmt)
        return false;
    double high = TWIN_METRES / 111000.0 * 1e5;
    double wide = high / fmax(cos(c->latitude_e5 / 1e5 * M_PI / 180), 0.05);
    stmt_bind_i64(stmt, 1, ENTRY_IMPORTS + id);
    stmt_bind_i64(stmt, 2, c->latitude_e5 - (int64_t)high);
    stmt_bind_i64(stmt, 3, c->latitude_e5 + (int64_t)high);
    stmt_bind_i64(stmt, 4, c->longitude_e5 - (int64_t)wide);
    stmt_bind_i64(stmt, 5, c->longitude_e5 + (int64_t)wide);
    stmt_bind_i64(stmt, 6, LOOKED_MAX);
    double best = 0, best_metres = 0;
    int64_t twin = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        double metres = 1000 * place_distance_km(c->latitude_e5 / 1e5, c->longitude_e5 / 1e5,
                                                 (double)stmt_i64(stmt, 1) / 1e5,
                                                 (double)stmt_i64(stmt, 2) / 1e5);
        double likeness = twin_likeness(stmt_text(stmt, 3), stmt_text(stmt, 4));
        if (metres > TWIN_METRES || likeness < TWIN_LIKENESS || likeness <= best)
            continue;
        best = likeness;
        best_metres = metres;
        twin = stmt_i64(stmt, 0) - ENTRY_IMPORTS;
    }
    return twin == 0 || name_twin(tx, arena, record, twin, best, best_metres, err);
}

bool twin_find(struct tx *tx, struct arena *arena, struct import_record *record, int64_t id,
               struct err *err)
{
    if (record->is_service || record->closed)
        return true;
    return find_siret(tx, arena, record, id, err) && find_near(tx, arena, record, id, err);
}
