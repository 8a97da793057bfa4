/* Where things are: one service, what a commune has, the middle of a hub's services. */
#include "hub/domain/directory.h"
#include "hub/domain/place.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KM_PER_DEGREE 111.2
#define SAME_PLACE_KM 15 /* one commune under two postal codes, not two of the same name */

bool directory_locate(struct store *store, struct arena *arena, struct directory_service *service,
                      struct err *err)
{
    const Maillon__Hfp__V1__ServiceContent *c = service->content;
    bool found = false;
    service->latitude_e5 = c->latitude_e5;
    service->longitude_e5 = c->longitude_e5;
    service->point = DIRECTORY_POINT_OWN;
    if (c->latitude_e5 != 0 || c->longitude_e5 != 0)
        return true;
    if (!place_locate(store, arena, c->commune_name, c->postal_code, &found, &service->latitude_e5,
                      &service->longitude_e5, err))
        return false;
    service->point = found ? DIRECTORY_POINT_OF_COMMUNE : DIRECTORY_NOWHERE;
    return true;
}

static bool is_same_place(const struct directory_commune *a, const struct directory_commune *b)
{
    return strcmp(a->name, b->name) == 0 &&
           place_distance_km(a->latitude_e5 / 1e5, a->longitude_e5 / 1e5, b->latitude_e5 / 1e5,
                             b->longitude_e5 / 1e5) < SAME_PLACE_KM;
}

/* Adds a row to the list, to the same commune under another postal code if it is there. */
static void take_commune(struct directory_commune *list, size_t *count,
                         const struct directory_commune *commune)
{
    for (size_t i = 0; i < *count; i++) {
        if (is_same_place(&list[i], commune)) {
            list[i].services += commune->services;
            return;
        }
    }
    list[(*count)++] = *commune;
}

static bool is_small_word(const char *word, size_t len)
{
    static const char *const small[] = {"de", "du",   "des", "la", "le",  "les", "sur",
                                        "en", "sous", "et",  "au", "aux", "d",   "l"};
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        if (strlen(small[i]) == len && memcmp(word, small[i], len) == 0)
            return true;
    return false;
}

static void lower(unsigned char *at)
{
    for (; *at; at++) {
        if (*at >= 'A' && *at <= 'Z')
            *at = (unsigned char)(*at - 'A' + 'a');
        else if (*at == 0xc3 && at[1] >= 0x80 && at[1] <= 0x9e) /* À to Þ in UTF-8 */
            *++at += 0x20;
    }
}

/* "SAINT-PÈRE-EN-RETZ" and "saint pere" as names are written. */
static const char *write_well(struct arena *arena, const char *name)
{
    char *copy = arena_text(arena, name);
    bool has_small = false, has_capital = false;
    for (const char *at = name; *at; at++) {
        has_small = has_small || (*at >= 'a' && *at <= 'z');
        has_capital = has_capital || (*at >= 'A' && *at <= 'Z');
    }
    if (has_small && has_capital)
        return name;
    lower((unsigned char *)copy);
    for (char *at = copy; *at;) {
        size_t len = strcspn(at, " -'");
        if (at == copy || !is_small_word(at, len)) {
            if (*at >= 'a' && *at <= 'z')
                *at = (char)(*at - 'a' + 'A');
            else if ((unsigned char)*at == 0xc3 && (unsigned char)at[1] >= 0xa0)
                at[1] = (char)(at[1] - 0x20);
        }
        at += len;
        at += *at != '\0';
    }
    return copy;
}

static int by_services(const void *a, const void *b)
{
    const struct directory_commune *x = a, *y = b;
    if (x->services != y->services)
        return x->services < y->services ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* From the key of directory_entry.place: "saint perreux/56350". */
static bool name_commune(struct store *store, struct arena *arena, const char *key,
                         struct directory_commune *commune, struct err *err)
{
    size_t len = strcspn(key, "/");
    struct place place;
    bool found;
    commune->name = arena_textn(arena, key, len);
    commune->postal_code = arena_text(arena, key[len] ? key + len + 1 : "");
    if (!place_find(store, arena, arena_printf(arena, "%s %s", commune->name, commune->postal_code),
                    &found, &place, err))
        return false;
    commune->name = write_well(arena, found ? place.name : commune->name);
    return true;
}

bool directory_list_communes(struct store *store, struct arena *arena, double latitude,
                             double longitude, double km, struct directory_commune **ret,
                             size_t *ret_count, struct err *err)
{
    double high = km > 0 ? km / KM_PER_DEGREE : 180;
    double wide = km > 0 ? high / fmax(cos(latitude * M_PI / 180), 0.05) : 360;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT place, count(*), avg(latitude_e5), avg(longitude_e5) FROM directory_entry "
                 "WHERE point <> 0 AND place <> '/' AND latitude_e5 BETWEEN ?1 AND ?2 AND "
                 "longitude_e5 BETWEEN ?3 AND ?4 GROUP BY place ORDER BY count(*) DESC, place "
                 "LIMIT ?5",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)((latitude - high) * 1e5));
    stmt_bind_i64(stmt, 2, (int64_t)((latitude + high) * 1e5));
    stmt_bind_i64(stmt, 3, (int64_t)((longitude - wide) * 1e5));
    stmt_bind_i64(stmt, 4, (int64_t)((longitude + wide) * 1e5));
    stmt_bind_i64(stmt, 5, COMMUNES_MAX);
    struct directory_commune *list = arena_alloc(arena, COMMUNES_MAX * sizeof(*list));
    size_t count = 0;
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list the communes");
        if (!row)
            break;
        struct directory_commune commune = {.services = (size_t)stmt_i64(stmt, 1),
                                            .latitude_e5 = (int32_t)stmt_i64(stmt, 2),
                                            .longitude_e5 = (int32_t)stmt_i64(stmt, 3)};
        if (!name_commune(store, arena, stmt_text(stmt, 0), &commune, err))
            return false;
        take_commune(list, &count, &commune);
    }
    if (count > 0)
        qsort(list, count, sizeof(*list), by_services); /* joined ones have grown */
    *ret = list;
    *ret_count = count;
    return true;
}

bool directory_middle(struct store *store, const struct node_id *node, size_t *ret_count,
                      enum directory_point *ret_point, int32_t *ret_latitude_e5,
                      int32_t *ret_longitude_e5, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        node ? stmt_get(store,
                        "SELECT count(*), count(CASE WHEN e.point <> 0 THEN 1 END), "
                        "avg(CASE WHEN e.point <> 0 THEN e.latitude_e5 END), "
                        "avg(CASE WHEN e.point <> 0 THEN e.longitude_e5 END) FROM service s "
                        "JOIN directory_entry e ON e.id = s.id WHERE s.node = ?1 AND "
                        "s.content IS NOT NULL",
                        err)
             : stmt_get(store,
                        "SELECT count(*), count(CASE WHEN e.point <> 0 THEN 1 END), "
                        "avg(CASE WHEN e.point <> 0 THEN e.latitude_e5 END), "
                        "avg(CASE WHEN e.point <> 0 THEN e.longitude_e5 END) FROM service s "
                        "JOIN directory_entry e ON e.id = s.id WHERE s.ours = 1 AND "
                        "s.content IS NOT NULL",
                        err);
    bool row;
    if (!stmt)
        return false;
    if (node)
        stmt_bind_bytes(stmt, 1, bytes_of(node->b, NODE_ID_BYTES));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret_count = row ? (size_t)stmt_i64(stmt, 0) : 0;
    *ret_point = row && stmt_i64(stmt, 1) > 0 ? DIRECTORY_POINT_OWN : DIRECTORY_NOWHERE;
    *ret_latitude_e5 = *ret_point ? (int32_t)stmt_i64(stmt, 2) : 0;
    *ret_longitude_e5 = *ret_point ? (int32_t)stmt_i64(stmt, 3) : 0;
    return true;
}
