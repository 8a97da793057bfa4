#include "hub/domain/import_record.h"

#include "hub/base/text.h"
#include "hub/crypto/digest.h"
#include "hub/domain/import_reading.h"
#include "hub/domain/place.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_CHAR 300
#define TEXT_MAX_CHAR 10000
#define DATE_MIN_MS   946684800000 /* 2000-01-01: before, it is an empty field of some program */
#define DAY_MS        86400000

void import_record_find(struct import_record *record, struct arena *arena, const char *field,
                        const char *what)
{
    if (record->finding_count == RECORD_FINDINGS_MAX)
        return;
    record->findings[record->finding_count++] =
        (struct import_finding){arena_text(arena, field), arena_text(arena, what)};
}

static bool is_digits(const char *text, size_t count)
{
    return strspn(text, "0123456789") == count && strlen(text) == count;
}

/* "8 rue de la Boetie - 33000 Bordeaux": the code, and the street before it. */
static const char *code_in_address(struct reading *r, const char **address)
{
    const char *text = *address;
    for (size_t at = strlen(text); at-- > 0;) {
        if (strspn(text + at, "0123456789") != 5 || (at > 0 && text[at - 1] != ' '))
            continue;
        size_t end = at;
        while (end > 0 && strchr(" -,", text[end - 1]))
            end--;
        const char *code = arena_textn(r->arena, text + at, 5);
        if (end > 0)
            *address = arena_textn(r->arena, text, end);
        import_map_count(r->map, "postal_code", "(in the address)", "(taken out)");
        return code;
    }
    return "";
}

static void fill_address(struct reading *r)
{
    Maillon__Hfp__V1__ServiceContent *c = &r->out->content;
    const char *address = r->texts[COLUMN_ADDRESS], *code = r->texts[COLUMN_POSTAL_CODE];
    if (!*code)
        code = code_in_address(r, &address);
    else if (is_digits(code, 4))
        code = arena_printf(r->arena, "0%s", code); /* a number that lost its zero */
    if (*code && !is_digits(code, 5)) {
        import_record_find(r->out, r->arena, "postal_code", "not five digits");
        reading_keep(r, "postal_code", code);
        code = "";
    }
    if (*r->texts[COLUMN_STREET_NUMBER])
        address = arena_printf(r->arena, "%s %s", r->texts[COLUMN_STREET_NUMBER], address);
    if (*r->texts[COLUMN_ADDRESS_MORE])
        address = arena_printf(r->arena, "%s%s%s", address, *address ? ", " : "",
                               r->texts[COLUMN_ADDRESS_MORE]);
    const char *insee = r->texts[COLUMN_INSEE];
    if (*insee && is_digits(insee, 4))
        insee = arena_printf(r->arena, "0%s", insee);
    if (*insee && strlen(insee) != 5) {
        import_record_find(r->out, r->arena, "commune", "not an INSEE code");
        reading_keep(r, "code_insee", insee);
        insee = "";
    }
    c->postal_code = arena_text(r->arena, code);
    c->address = reading_cut(r, "address", address, NAME_MAX_CHAR);
    c->commune = arena_text(r->arena, insee);
    c->commune_name = reading_cut(r, "commune_name", r->texts[COLUMN_COMMUNE], 100);
}

/* A number with a decimal point or comma. */
static bool number_of(struct arena *arena, const char *text, double *ret)
{
    char *copy = arena_text(arena, text), *end;
    for (char *at = copy; *at; at++)
        if (*at == ',')
            *at = '.';
    if (!*copy || strspn(copy, "0123456789.-+eE") != strlen(copy))
        return false;
    *ret = strtod(copy, &end);
    return *end == '\0' && isfinite(*ret);
}

static bool in_metropolis(double latitude, double longitude)
{
    return latitude > 41 && latitude < 51.5 && longitude > -5.5 && longitude < 10;
}

static void fill_point(struct reading *r)
{
    Maillon__Hfp__V1__ServiceContent *c = &r->out->content;
    bool projected = !*r->texts[COLUMN_LATITUDE] && !*r->texts[COLUMN_LONGITUDE];
    const char *north = r->texts[projected ? COLUMN_Y : COLUMN_LATITUDE];
    const char *east = r->texts[projected ? COLUMN_X : COLUMN_LONGITUDE];
    double latitude, longitude;
    if (!*north && !*east)
        return;
    bool good = number_of(r->arena, north, &latitude) && number_of(r->arena, east, &longitude);
    if (good && longitude > 1000 && longitude < 1300000 && latitude > 6000000 &&
        latitude < 7200000) {
        place_from_lambert93(longitude, latitude, &latitude, &longitude);
        import_map_count(r->map, "coordinates", "Lambert-93", "WGS84");
    }
    if (good && !in_metropolis(latitude, longitude) && in_metropolis(longitude, latitude)) {
        double swap = latitude;
        latitude = longitude;
        longitude = swap;
        import_map_count(r->map, "coordinates", "latitude and longitude", "exchanged");
    }
    if (!good || fabs(latitude) > 90 || fabs(longitude) > 180 ||
        (fabs(latitude) < 1e-4 && fabs(longitude) < 1e-4)) {
        import_record_find(r->out, r->arena, "coordinates", "not a point on earth");
        reading_keep(r, "coordinates", arena_printf(r->arena, "%s %s", north, east));
        return;
    }
    c->latitude_e5 = (int32_t)lround(latitude * 1e5);
    c->longitude_e5 = (int32_t)lround(longitude * 1e5);
}

/* OSM opening_hours uses few words; anything else is prose. */
static bool is_osm_hours(const char *text)
{
    static const char *const words[] = {
        "Mo",   "Tu",   "We",     "Th",      "Fr",  "Sa",  "Su",     "PH",      "SH",    "off",
        "open", "week", "closed", "unknown", "Jan", "Feb", "Mar",    "Apr",     "May",   "Jun",
        "Jul",  "Aug",  "Sep",    "Oct",     "Nov", "Dec", "easter", "sunrise", "sunset"};
    for (const char *at = text; *at;) {
        if (strchr(" 0123456789:,;-+/[]()", *at)) {
            at++;
            continue;
        }
        if (*at == '"') { /* a comment */
            const char *end = strchr(at + 1, '"');
            if (!end)
                return false;
            at = end + 1;
            continue;
        }
        size_t len = 0, i = 0;
        while ((at[len] >= 'A' && at[len] <= 'Z') || (at[len] >= 'a' && at[len] <= 'z'))
            len++;
        while (i < ARRAY_LEN(words) && (strlen(words[i]) != len || memcmp(words[i], at, len) != 0))
            i++;
        if (len == 0 || i == ARRAY_LEN(words))
            return false;
        at += len;
    }
    return true;
}

static void fill_hours(struct reading *r)
{
    const char *text = r->texts[COLUMN_HOURS];
    if (!*text || is_osm_hours(text)) {
        r->out->content.opening_hours = reading_cut(r, "opening_hours", text, 1000);
        return;
    }
    /* Prose is a quoted comment in that grammar. */
    char *quoted = arena_printf(r->arena, "\"%s\"", reading_cut(r, "opening_hours", text, 1000));
    for (size_t i = 1; quoted[i + 1]; i++)
        if (quoted[i] == '"')
            quoted[i] = '\'';
    r->out->content.opening_hours = quoted;
    import_map_count(r->map, "opening_hours", "(free text)", "(quoted)");
}

static void fill_date(struct reading *r)
{
    const char *text = r->texts[COLUMN_DATE];
    char iso[32];
    int day, month, year, used = 0;
    if (!*text)
        return;
    text_copy(iso, sizeof(iso), text);
    if (sscanf(text, "%2d/%2d/%4d%n", &day, &month, &year, &used) == 3 && !text[used])
        snprintf(iso, sizeof(iso), "%04d-%02d-%02d", year, month, day);
    int64_t ms = 0;
    bool good = text_parse_time(iso, &ms);
    if (!good && strlen(iso) > 10) { /* "2022-09-26 19:00:45": the day is enough */
        iso[10] = '\0';
        good = text_parse_time(iso, &ms);
    }
    if (!good || ms < DATE_MIN_MS || ms > r->now_ms + DAY_MS) {
        import_record_find(r->out, r->arena, "date_maj",
                           good ? "a date that cannot be true" : "not a date");
        reading_keep(r, "date_maj", text);
        return;
    }
    r->out->dated_ms = ms;
    r->out->content.checked_s = 0; /* the source wrote it then; nobody checked it with the owner */
}

static char *web_address(struct reading *r, const char *field, const char *text)
{
    if (reading_is_no(r->arena, text))
        return arena_text(r->arena, "");
    size_t len = strcspn(text, " ;|,\n"); /* the first of several */
    const char *rest = text + len;
    char *url = arena_textn(r->arena, text, len);
    if (!strstr(url, "://") && strchr(url, '.') && !strchr(url, ':'))
        url = arena_printf(r->arena, "https://%s", url);
    bool good = (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0) &&
                strlen(url) <= 2083 && strchr(url, '.');
    if (!good || *rest)
        reading_keep(r, field, text);
    if (!good)
        import_record_find(r->out, r->arena, "url", "not a web address");
    return good ? url : arena_text(r->arena, "");
}

static void fill_contact(struct reading *r)
{
    Maillon__Hfp__V1__ServiceContent *c = &r->out->content;
    const char *phone = r->texts[COLUMN_PHONE];
    if (is_digits(phone, 9)) /* a number that lost its zero */
        phone = arena_printf(r->arena, "0%s", phone);
    c->phone = reading_cut(r, "phone", phone, 120);
    c->email = reading_cut(r, "email", r->texts[COLUMN_EMAIL], 320);
    char *site = web_address(r, "site_web", r->texts[COLUMN_SITE]);
    char *link = web_address(r, "lien_mobilisation", r->texts[COLUMN_LINK]);
    c->url = *link ? link : site;
    if (*link && *site && strcmp(link, site) != 0)
        reading_keep(r, "site_web", site);
    if (*link)
        reading_add(r, &r->words[VOCABULARY_REACH], "utiliser-lien-mobilisation",
                    strlen("utiliser-lien-mobilisation"));
}

static void fill_texts(struct reading *r)
{
    Maillon__Hfp__V1__ServiceContent *c = &r->out->content;
    const char *summary = r->texts[COLUMN_SUMMARY], *detail = r->texts[COLUMN_DESCRIPTION];
    const char *description = *detail ? detail : summary;
    if (*detail && *summary) {
        size_t len = strlen(summary);
        const char *ellipsis = strstr(summary, "…");
        if (ellipsis && !ellipsis[strlen("…")])
            len -= strlen("…");
        if (!memmem(detail, strlen(detail), summary, len)) /* often its beginning, said twice */
            description = arena_printf(r->arena, "%s\n\n%s", summary, detail);
    }
    c->name = reading_cut(r, "name", r->texts[COLUMN_NAME], NAME_MAX_CHAR);
    c->description = reading_cut(r, "description", description, TEXT_MAX_CHAR);
    c->conditions = reading_cut(r, "conditions", r->texts[COLUMN_CONDITIONS], TEXT_MAX_CHAR);
    c->access = reading_cut(r, "access", r->texts[COLUMN_ACCESS], 1000);
    if (!r->out->is_service)
        c->structure_name = c->name;
}

static void fill_list(struct reading *r, const struct words *words, char ***ret, size_t *ret_count)
{
    *ret_count = words->count;
    *ret = arena_alloc(r->arena, (words->count + 1) * sizeof(**ret));
    memcpy(*ret, words->list, words->count * sizeof(**ret));
}

static void fill_words(struct reading *r)
{
    Maillon__Hfp__V1__ServiceContent *c = &r->out->content;
    struct words *publics = &r->words[VOCABULARY_PUBLIC];
    for (size_t i = 0; i < publics->count; i++) {
        if (strcmp(publics->list[i], "tous-publics") != 0)
            continue;
        publics->list[0] = publics->list[i]; /* everybody: stands alone */
        publics->count = 1;
    }
    fill_list(r, &r->words[VOCABULARY_THEME], &c->theme, &c->n_theme);
    fill_list(r, publics, &c->public_, &c->n_public_);
    fill_list(r, &r->words[VOCABULARY_MODE], &c->mode, &c->n_mode);
    fill_list(r, &r->words[VOCABULARY_REACH], &c->reach, &c->n_reach);
    fill_list(r, &r->words[VOCABULARY_REACH_BY], &c->reach_by, &c->n_reach_by);
    fill_list(r, &r->zones, &c->zone, &c->n_zone);
    fill_list(r, &r->languages, &c->language, &c->n_language);
    if (r->words[VOCABULARY_TYPE].count > 0)
        c->type = r->words[VOCABULARY_TYPE].list[0];
    struct words *prices = &r->words[VOCABULARY_PRICE];
    for (size_t i = 1; i < prices->count; i++)
        reading_add_detail(r, prices->list[i]);
    if (prices->count > 0)
        c->price = prices->list[0];
    c->price_detail = reading_cut(r, "price_detail", r->texts[COLUMN_PRICE_DETAIL], TEXT_MAX_CHAR);
}

static void fill_siret(struct reading *r)
{
    const char *text = r->texts[COLUMN_SIRET];
    r->out->siret = "";
    if (is_digits(text, 14) && strspn(text, "0") != 14)
        r->out->siret = text;
    else if (*text && strspn(text, "0") != strlen(text))
        reading_keep(r, "siret", text);
}

/* Without an identifier: made of what tells it from others. */
static void fill_id(struct reading *r)
{
    const Maillon__Hfp__V1__ServiceContent *c = &r->out->content;
    const char *id = r->texts[COLUMN_ID];
    bool fits = *id && strlen(id) <= RECORD_ID_MAX;
    if (!fits) {
        const struct bytes parts[] = {
            bytes_text(c->name),        BYTES_LITERAL("\n"), bytes_text(c->address),
            BYTES_LITERAL("\n"),        bytes_text(id),      BYTES_LITERAL("\n"),
            bytes_text(c->postal_code), BYTES_LITERAL("\n"), bytes_text(c->commune_name),
        };
        uint8_t digest[32];
        char hex[2 * 8 + 1];
        digest_sha256_parts(parts, ARRAY_LEN(parts), digest);
        id = arena_printf(r->arena, "made-%s", hex_encode(bytes_of(digest, 8), hex));
        import_map_count(r->map, "id", fits ? "(too long)" : "(none)", "(made of name and place)");
    }
    r->out->id = id;
    r->out->structure = "";
    if (r->out->is_service)
        r->out->structure = strlen(r->texts[COLUMN_STRUCTURE_ID]) <= RECORD_ID_MAX
                                ? r->texts[COLUMN_STRUCTURE_ID]
                                : "";
    r->out->source = reading_cut(r, "source", r->texts[COLUMN_SOURCE], 100);
}

static void finish_extra(struct reading *r)
{
    r->out->extra = "";
    if (!r->extra)
        return;
    char *text = json_dumps(r->extra, JSON_COMPACT | JSON_SORT_KEYS);
    if (text)
        r->out->extra = arena_text(r->arena, text);
    free(text);
    json_decref(r->extra);
}

bool import_record_read(struct import_map *map, struct arena *arena, const json_t *object,
                        bool is_service, int64_t now_ms, struct import_record *ret,
                        const char **ret_why)
{
    if (!json_is_object(object)) {
        *ret_why = "not an object";
        return false;
    }
    struct reading *r = arena_alloc(arena, sizeof(*r));
    *ret = (struct import_record){.unknown_words = ""};
    maillon__hfp__v1__service_content__init(&ret->content);
    *r = (struct reading){.map = map, .arena = arena, .out = ret, .now_ms = now_ms};
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        r->texts[i] = "";
    for (void *at = json_object_iter((json_t *)(uintptr_t)object); at;
         at = json_object_iter_next((json_t *)(uintptr_t)object, at))
        reading_take(r, json_object_iter_key(at), json_object_iter_value(at));
    ret->is_service = is_service || *r->texts[COLUMN_STRUCTURE_ID];
    bool named = *r->texts[COLUMN_NAME];
    if (named) {
        fill_texts(r);
        fill_address(r);
        fill_point(r);
        fill_hours(r);
        fill_date(r);
        fill_contact(r);
        fill_words(r);
        fill_siret(r);
        fill_id(r);
    } else {
        *ret_why = "has no name";
    }
    finish_extra(r);
    ret->unknown_words = arena_text(arena, r->unknown.len ? buf_text(&r->unknown) : "");
    buf_done(&r->unknown);
    return named;
}
