#include "hub/domain/place.h"

#include "hub/base/text.h"
#include <math.h>
#include <stdlib.h>

/* Redon Agglomeration, so that a hub there understands its communes before any import. */
static const struct {
    const char *name, *postal_code, *insee;
    int32_t latitude_e5, longitude_e5; /* to about a kilometre */
} built_in[] = {
    {"Allaire", "56350", "56001", 4763680, -216500},
    {"Avessac", "44460", "44007", 4765390, -198950},
    {"Bains-sur-Oust", "35600", "35013", 4770400, -206900},
    {"Béganne", "56350", "56011", 4759700, -224000},
    {"Bruc-sur-Aff", "35550", "35045", 4781410, -202120},
    {"Conquereuil", "44290", "44044", 4762600, -175100},
    {"Fégréac", "44460", "44057", 4758620, -204230},
    {"Guémené-Penfao", "44290", "44067", 4763000, -183300},
    {"La Chapelle-de-Brain", "35660", "35064", 4769900, -193300},
    {"Langon", "35660", "35145", 4772100, -184970},
    {"Les Fougerêts", "56200", "56060", 4773870, -221230},
    {"Lieuron", "35550", "35151", 4787600, -193200},
    {"Massérac", "44290", "44092", 4767220, -191340},
    {"Peillac", "56220", "56154", 4771340, -222110},
    {"Pierric", "44290", "44123", 4769700, -175700},
    {"Pipriac", "35550", "35219", 4780880, -194630},
    {"Plessé", "44630", "44128", 4754230, -188450},
    {"Redon", "35600", "35236", 4765140, -208400},
    {"Renac", "35660", "35237", 4771700, -198400},
    {"Rieux", "56350", "56194", 4759900, -210300},
    {"Saint-Ganton", "35550", "35268", 4775590, -188600},
    {"Saint-Gorgon", "56350", "56216", 4764600, -223200},
    {"Saint-Jacut-les-Pins", "56220", "56221", 4768470, -221510},
    {"Saint-Jean-la-Poterie", "56350", "56223", 4763860, -212470},
    {"Saint-Just", "35550", "35285", 4776600, -196200},
    {"Saint-Nicolas-de-Redon", "44460", "44185", 4764260, -206860},
    {"Saint-Perreux", "56350", "56232", 4766700, -210630},
    {"Saint-Vincent-sur-Oust", "56350", "56239", 4769990, -214650},
    {"Sainte-Marie", "35600", "35294", 4769200, -200100},
    {"Sixt-sur-Aff", "35550", "35328", 4777610, -207730},
    {"Théhillac", "56130", "56250", 4756900, -210600},
};

#define EARTH_KM   6371.0088
#define RADIANS(d) ((d)*M_PI / 180)
#define DEGREES(r) ((r)*180 / M_PI)

double place_distance_km(double latitude_a, double longitude_a, double latitude_b,
                         double longitude_b)
{
    double dlat = sin(RADIANS(latitude_b - latitude_a) / 2);
    double dlon = sin(RADIANS(longitude_b - longitude_a) / 2);
    double h = dlat * dlat + cos(RADIANS(latitude_a)) * cos(RADIANS(latitude_b)) * dlon * dlon;
    return 2 * EARTH_KM * asin(sqrt(h < 1 ? h : 1));
}

/* Inverse of the conic projection of IGN's NTG_71, constants of Lambert-93 on the GRS80 ellipsoid.
 */
void place_from_lambert93(double x, double y, double *ret_latitude, double *ret_longitude)
{
    static const double n = 0.7256077650532670, c = 11754255.4261, xs = 700000, ys = 12655612.0499;
    static const double e = 0.08181919104281579;
    double dx = x - xs, dy = ys - y;
    double iso = -log(sqrt(dx * dx + dy * dy) / c) / n;
    double latitude = 2 * atan(exp(iso)) - M_PI / 2;
    for (int i = 0; i < 8; i++) { /* converges to 1e-12 in five */
        double s = e * sin(latitude);
        latitude = 2 * atan(pow((1 + s) / (1 - s), e / 2) * exp(iso)) - M_PI / 2;
    }
    *ret_latitude = DEGREES(latitude);
    *ret_longitude = 3 + DEGREES(atan2(dx, dy) / n);
}

static bool is_digits(const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (word[i] < '0' || word[i] > '9')
            return false;
    return len > 0;
}

char *place_fold(struct arena *arena, const char *commune)
{
    const char *folded = text_fold(arena, bytes_text(commune));
    if (!folded)
        return NULL;
    size_t len = strlen(folded), used = 0;
    char *out = arena_alloc(arena, len * 3 + 1); /* "st" grows to "saint" */
    for (const char *at = folded; *at;) {
        size_t word = strcspn(at, " '");
        const char *said = at;
        size_t said_len = word;
        if (word == 2 && memcmp(at, "st", 2) == 0) {
            said = "saint";
            said_len = 5;
        } else if (word == 3 && memcmp(at, "ste", 3) == 0) {
            said = "sainte";
            said_len = 6;
        } else if (used > 0 && ((word == 5 && memcmp(at, "cedex", 5) == 0) ||
                                (word == 2 && memcmp(at, "cs", 2) == 0) ||
                                (word == 2 && memcmp(at, "bp", 2) == 0))) {
            break; /* a sorting office, a post box, and its number */
        }
        if (used > 0)
            out[used++] = ' ';
        memcpy(out + used, said, said_len);
        used += said_len;
        at += word;
        at += *at != '\0';
    }
    out[used] = '\0';
    return out;
}

/* "47.65,-2.08" */
static bool parse_point(const char *text, double *ret_latitude, double *ret_longitude)
{
    char *end;
    if (strspn(text, "0123456789.,-+ ") != strlen(text) || !strchr(text, ','))
        return false;
    double latitude = strtod(text, &end);
    if (end == text || *end != ',')
        return false;
    const char *rest = end + 1;
    double longitude = strtod(rest, &end);
    if (end == rest || *end)
        return false;
    if (!(latitude >= -90 && latitude <= 90 && longitude >= -180 && longitude <= 180))
        return false;
    *ret_latitude = latitude;
    *ret_longitude = longitude;
    return true;
}

/* What is known of the places that fit, added up over the table and the built-in list. */
struct sum {
    const char *name, *postal_code, *insee;
    int64_t best; /* records seen at the place that gave the name */
    double latitude, longitude;
};

static void take_place(struct sum *sum, struct arena *arena, const char *name,
                       const char *postal_code, const char *insee, int64_t seen, double latitude_e5,
                       double longitude_e5)
{
    if (sum->name && seen <= sum->best)
        return;
    sum->best = seen;
    sum->name = arena_text(arena, name);
    sum->postal_code = arena_text(arena, postal_code);
    sum->insee = arena_text(arena, insee);
    sum->latitude = latitude_e5 / 1e5;
    sum->longitude = longitude_e5 / 1e5;
}

#define COLUMNS "name, postal_code, insee, seen, latitude_e5, longitude_e5"

static bool take_rows(struct sum *sum, struct arena *arena, struct stmt *stmt, struct err *err)
{
    bool row;
    for (;;) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            return true;
        double seen = (double)stmt_i64(stmt, 3);
        take_place(sum, arena, stmt_text(stmt, 0), stmt_text(stmt, 1), stmt_text(stmt, 2),
                   stmt_i64(stmt, 3), (double)stmt_i64(stmt, 4) / seen,
                   (double)stmt_i64(stmt, 5) / seen);
    }
}

/* Either may be "", not both. */
static bool find_exact(struct store *store, struct arena *arena, const char *folded,
                       const char *postal_code, struct sum *sum, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        *folded ? stmt_get(store,
                           "SELECT " COLUMNS " FROM place WHERE folded = ?1 AND (?2 = '' OR "
                           "postal_code = ?2) ORDER BY seen DESC, postal_code LIMIT 1",
                           err)
                : stmt_get(store,
                           "SELECT " COLUMNS " FROM place WHERE postal_code = ?2 "
                           "ORDER BY seen DESC, folded LIMIT 1",
                           err);
    if (!stmt)
        return false;
    if (*folded)
        stmt_bind_text(stmt, 1, folded);
    stmt_bind_text(stmt, 2, postal_code);
    if (!take_rows(sum, arena, stmt, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
        if (*postal_code && strcmp(built_in[i].postal_code, postal_code) != 0)
            continue;
        if (*folded && strcmp(place_fold(arena, built_in[i].name), folded) != 0)
            continue;
        if (sum->name && *folded && strcmp(sum->postal_code, built_in[i].postal_code) == 0)
            sum->name = built_in[i].name; /* well written */
        take_place(sum, arena, built_in[i].name, built_in[i].postal_code, built_in[i].insee, 1,
                   built_in[i].latitude_e5, built_in[i].longitude_e5);
    }
    return true;
}

/* The best known place whose name starts so, or "". */
static bool find_beginning(struct store *store, struct arena *arena, const char *folded,
                           struct sum *sum, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " COLUMNS " FROM place WHERE folded >= ?1 AND folded < ?2 "
                                 "ORDER BY seen DESC, folded LIMIT 1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, folded);
    stmt_bind_text(stmt, 2, arena_printf(arena, "%s\x7f", folded)); /* folded text has no DEL */
    if (!take_rows(sum, arena, stmt, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(built_in); i++) {
        if (strncmp(place_fold(arena, built_in[i].name), folded, strlen(folded)) == 0)
            take_place(sum, arena, built_in[i].name, built_in[i].postal_code, built_in[i].insee, 1,
                       built_in[i].latitude_e5, built_in[i].longitude_e5);
    }
    return true;
}

/* "redon 35600", "35600 redon" and "35600": the number narrows the name, which is returned. */
static char *cut_postal_code(struct arena *arena, char *folded, const char **ret_postal_code)
{
    size_t len = strlen(folded);
    *ret_postal_code = "";
    if (len >= 5 && is_digits(folded, 5) && (len == 5 || folded[5] == ' ')) {
        *ret_postal_code = arena_textn(arena, folded, 5);
        return folded + (len > 5 ? 6 : 5);
    }
    if (len > 6 && is_digits(folded + len - 5, 5) && folded[len - 6] == ' ') {
        *ret_postal_code = arena_text(arena, folded + len - 5);
        folded[len - 6] = '\0';
    }
    return folded;
}

bool place_find(struct store *store, struct arena *arena, const char *text, bool *ret_found,
                struct place *ret, struct err *err)
{
    *ret_found = false;
    struct place place = {.name = "", .postal_code = "", .insee = ""};
    if (parse_point(text, &place.latitude, &place.longitude)) {
        place.name = arena_text(arena, text);
        *ret = place;
        *ret_found = true;
        return true;
    }
    char *folded = place_fold(arena, text);
    if (!folded || !*folded)
        return true;
    const char *postal_code;
    folded = cut_postal_code(arena, folded, &postal_code);
    struct sum sum = {0};
    if (!find_exact(store, arena, folded, postal_code, &sum, err))
        return false;
    if (!sum.name && *folded && *postal_code && !find_exact(store, arena, folded, "", &sum, err))
        return false;
    if (!sum.name && strlen(folded) >= 3 && !find_beginning(store, arena, folded, &sum, err))
        return false;
    if (!sum.name)
        return true;
    *ret = (struct place){sum.name, sum.postal_code, sum.insee, sum.latitude, sum.longitude};
    *ret_found = true;
    return true;
}

bool place_find_insee(struct store *store, struct arena *arena, const char *text, const char **ret,
                      struct err *err)
{
    const char *postal_code;
    char *folded = place_fold(arena, text);
    bool row, several = false;
    *ret = "";
    if (!folded)
        return true;
    folded = cut_postal_code(arena, folded, &postal_code);
    if (!*folded)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(built_in); i++)
        if ((!*postal_code || strcmp(built_in[i].postal_code, postal_code) == 0) &&
            strcmp(place_fold(arena, built_in[i].name), folded) == 0)
            *ret = built_in[i].insee;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT DISTINCT insee FROM place WHERE folded = ?1 AND "
                                 "(?2 = '' OR postal_code = ?2) AND insee <> '' LIMIT 2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, folded);
    stmt_bind_text(stmt, 2, postal_code);
    while (stmt_next(stmt, &row, err)) {
        if (!row) {
            *ret = several ? "" : *ret;
            return true;
        }
        several = several || (**ret && strcmp(*ret, stmt_text(stmt, 0)) != 0);
        *ret = arena_text(arena, stmt_text(stmt, 0));
    }
    return false;
}

bool place_check_insee(const char *text, struct err *err)
{
    static const char digits[] = "0123456789";
    bool corsica = text[0] == '2' && (text[1] == 'A' || text[1] == 'B');
    if (strlen(text) == 5 && strspn(text + (corsica ? 2 : 0), digits) == (corsica ? 3 : 5))
        return true;
    return err_set(err, ERR_INVALID,
                   "the commune is an INSEE code of five characters, such as 35236");
}

bool place_of_insee(struct store *store, struct arena *arena, const char *insee, bool *ret_found,
                    struct place *ret, struct err *err)
{
    struct sum sum = {0};
    *ret_found = false;
    for (size_t i = 0; i < ARRAY_LEN(built_in); i++)
        if (strcmp(built_in[i].insee, insee) == 0)
            take_place(&sum, arena, built_in[i].name, built_in[i].postal_code, built_in[i].insee, 1,
                       built_in[i].latitude_e5, built_in[i].longitude_e5);
    if (!sum.name && *insee) {
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(store,
                                     "SELECT " COLUMNS " FROM place WHERE insee = ?1 AND "
                                     "insee <> '' ORDER BY seen DESC, folded LIMIT 1",
                                     err);
        if (!stmt)
            return false;
        stmt_bind_text(stmt, 1, insee);
        if (!take_rows(&sum, arena, stmt, err))
            return false;
    }
    if (!sum.name)
        return true;
    *ret = (struct place){sum.name, sum.postal_code, sum.insee, sum.latitude, sum.longitude};
    *ret_found = true;
    return true;
}

bool place_locate(struct store *store, struct arena *arena, const char *commune,
                  const char *postal_code, bool *ret_found, int32_t *ret_latitude_e5,
                  int32_t *ret_longitude_e5, struct err *err)
{
    *ret_found = false;
    const char *folded = place_fold(arena, commune);
    struct sum sum = {0};
    if (!folded || (!*folded && !*postal_code))
        return true;
    if (!find_exact(store, arena, folded, postal_code, &sum, err))
        return false;
    if (!sum.name && *folded && *postal_code &&
        !find_exact(store, arena, "", postal_code, &sum, err))
        return false;
    if (!sum.name)
        return true;
    *ret_latitude_e5 = (int32_t)lround(sum.latitude * 1e5);
    *ret_longitude_e5 = (int32_t)lround(sum.longitude * 1e5);
    *ret_found = true;
    return true;
}

bool place_learn(struct tx *tx, struct arena *arena, const char *commune, const char *postal_code,
                 const char *insee, int32_t latitude_e5, int32_t longitude_e5, struct err *err)
{
    const char *folded = place_fold(arena, commune);
    if (!folded || !*folded)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO place (folded, postal_code, insee, name, seen, latitude_e5, longitude_e5) "
        "VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6) "
        "ON CONFLICT (folded, postal_code) DO UPDATE SET seen = place.seen + 1, "
        "latitude_e5 = place.latitude_e5 + excluded.latitude_e5, "
        "longitude_e5 = place.longitude_e5 + excluded.longitude_e5, "
        "insee = CASE WHEN place.insee = '' THEN excluded.insee ELSE place.insee END, "
        /* "REDON" gives way to "Redon" */
        "name = CASE WHEN place.name < excluded.name THEN excluded.name ELSE place.name END",
        err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, folded);
    stmt_bind_text(stmt, 2, postal_code);
    stmt_bind_text(stmt, 3, insee);
    stmt_bind_text(stmt, 4, commune);
    stmt_bind_i64(stmt, 5, latitude_e5);
    stmt_bind_i64(stmt, 6, longitude_e5);
    return stmt_run(stmt, err) || err_wrap(err, "learn a place");
}
