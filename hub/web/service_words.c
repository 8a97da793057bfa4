#include "hub/web/service_words.h"

#include "hub/base/text.h"
#include "hub/web/spoken_names.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define KEY_SIZE 96
#define DAY_MIN  1440

struct filler { /* {name} of a text */
    const char *names[4], *values[4];
};

static void add_value(void *ctx, const char *name, struct buf *out)
{
    const struct filler *filler = ctx;
    for (size_t i = 0; i < ARRAY_LEN(filler->names); i++)
        if (filler->names[i] && strcmp(filler->names[i], name) == 0)
            buf_add_text(out, filler->values[i]);
}

static void fill(const struct catalog *catalog, const char *key, struct filler filler,
                 struct buf *out)
{
    catalog_fill(catalog_text(catalog, key, 1), add_value, &filler, out);
}

static int number_of(const json_t *object, const char *name)
{
    return (int)json_integer_value(json_object_get(object, name));
}

static void set_buf(json_t *object, const char *name, struct buf *text)
{
    if (text->len > 0)
        json_object_set_new(object, name, json_string(buf_text(text)));
}

/* --- lists of codes --------------------------------------------------------------------------- */

/* "reach": codes become "reach_words", those with a text in the catalogue. */
static void add_list_words(struct page_visit *visit, json_t *object, const char *name,
                           const char *area)
{
    json_t *words = json_array(), *code;
    size_t i;
    char key[KEY_SIZE];
    AUTO(buf_done) struct buf line = {0};
    json_array_foreach(json_object_get(object, name), i, code)
    {
        char family[KEY_SIZE];
        const char *text = json_string_value(code), *sub = strstr(text ? text : "", "--");
        snprintf(family, sizeof(family), "%.*s", (int)(sub ? sub - text : KEY_SIZE - 1),
                 text ? text : "");
        const char *word = page_word(visit, area, family);
        if (!*word || strstr(buf_text(&line), word)) /* several themes of one family */
            continue;
        json_array_append_new(words, json_string(word));
        buf_addf(&line, "%s%s", line.len ? ", " : "", word);
    }
    snprintf(key, sizeof(key), "%s_words", name);
    json_object_set_new(object, key, words);
    snprintf(key, sizeof(key), "%s_line", name);
    set_buf(object, key, &line);
}

/* "35", "2A", "974" */
static bool is_department(const char *code)
{
    size_t len = strlen(code);
    return (len == 2 || len == 3) && strspn(code, "0123456789AB") == len && *code < 'A';
}

/* The code itself where nobody here knows a name. */
void service_words_zone(struct page_visit *visit, json_t *service)
{
    const json_t *names = json_object_get(service, "zoneName");
    json_t *zone;
    size_t i;
    AUTO(buf_done) struct buf line = {0};
    json_array_foreach(json_object_get(json_object_get(service, "content"), "zone"), i, zone)
    {
        const char *code = json_string_value(zone);
        const char *name = json_string_value(json_array_get(names, i));
        if (line.len)
            buf_add_text(&line, ", ");
        if (name && *name)
            buf_add_text(&line, name);
        else if (is_department(code))
            fill(page_catalog(visit), "service.department", (struct filler){{"code"}, {code}},
                 &line);
        else
            buf_add_text(&line, code);
    }
    set_buf(service, "zone_line", &line);
}

/* "2026-11-22T…" of seconds, which JSON carries as text. */
static void add_time(json_t *object, const char *from, const char *to)
{
    const char *text = json_string_value(json_object_get(object, from));
    char iso[25];
    long long at_s = text ? strtoll(text, NULL, 10) : 0;
    if (at_s > 0 && at_s < 4102444800)
        json_object_set_new(object, to, json_string(text_time(at_s * 1000, iso)));
}

static bool is_web(const char *url)
{
    return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
}

/* A way to call or write is a link of its own; schemes other than http are not followed. */
static void check_urls(json_t *content)
{
    const char *access = page_text(content, "access");
    if (!is_web(page_text(content, "url")))
        json_object_del(content, "url");
    if (is_web(access)) {
        json_object_set_new(content, "access_url", json_string(access));
        json_object_del(content, "access");
    } else if (*access && !json_object_get(content, "access_text")) {
        json_object_set_new(content, "access_text", json_string(access));
    }
}

/* What they will ask for, by the words of the consent. */
static void add_asked(struct page_visit *visit, json_t *content)
{
    json_t *asked;
    size_t i;
    json_array_foreach(json_object_get(content, "asked"), i, asked)
    {
        const char *what = page_word(visit, "share", page_text(asked, "field"));
        if (*what)
            json_object_set_new(asked, "what", json_string(what));
    }
}

/* --- hours ------------------------------------------------------------------------------------ */

void service_words_clock(const struct catalog *catalog, int minute, struct buf *out)
{
    char hour[8], rest[8];
    minute = minute > DAY_MIN ? minute - DAY_MIN : minute;
    snprintf(hour, sizeof(hour), "%d", minute / 60 % 25);
    snprintf(rest, sizeof(rest), "%02d", minute % 60);
    fill(catalog, minute % 60 ? "clock.minutes" : "clock.whole",
         (struct filler){{"hour", "minute"}, {hour, rest}}, out);
}

/* The catalogue's days begin with Sunday, those of hours with Monday. */
static const char *day_word(struct page_visit *visit, int weekday)
{
    char number[8];
    snprintf(number, sizeof(number), "%d", (weekday + 1) % 7);
    return page_word(visit, "weekday", number);
}

static void add_openness(struct page_visit *visit, json_t *service)
{
    const struct catalog *catalog = page_catalog(visit);
    json_t *openness = json_object_get(service, "openness");
    const char *state = page_text(openness, "state");
    AUTO(buf_done) struct buf time = {0}, line = {0};
    bool is_open = strcmp(state, "open") == 0;
    int until = number_of(openness, "untilMinute"), ahead = number_of(openness, "daysAhead");
    if (!*state)
        return;
    service_words_clock(catalog, is_open ? until : number_of(openness, "opensMinute"), &time);
    const char *key = "open.closed";
    if (is_open)
        key = until == DAY_MIN ? "open.all_day" : "open.until";
    else if (json_is_true(json_object_get(openness, "opens")))
        key = ahead == 0 ? "open.today" : ahead == 1 ? "open.tomorrow" : "open.on";
    fill(catalog, key,
         (struct filler){{"time", "day"},
                         {buf_text(&time), day_word(visit, number_of(openness, "weekday"))}},
         &line);
    json_object_set_new(service, "open_line", json_string(buf_text(&line)));
    json_object_set_new(service, "is_open", json_boolean(is_open));
}

static void add_range(struct page_visit *visit, const json_t *span, json_t *ranges)
{
    const struct catalog *catalog = page_catalog(visit);
    AUTO(buf_done) struct buf from = {0}, to = {0}, range = {0};
    int opens = number_of(span, "opens"), closes = number_of(span, "closes");
    service_words_clock(catalog, opens, &from);
    service_words_clock(catalog, closes, &to);
    if (opens == 0 && closes == DAY_MIN)
        buf_add_text(&range, catalog_text(catalog, "open.night", 1));
    else
        fill(catalog, "open.range",
             (struct filler){{"from", "to"}, {buf_text(&from), buf_text(&to)}}, &range);
    json_array_append_new(ranges, json_string(buf_text(&range)));
}

/* Seven days from today, each in words. */
static void add_week(struct page_visit *visit, json_t *service)
{
    const struct catalog *catalog = page_catalog(visit);
    json_t *day, *span;
    size_t i, k;
    json_array_foreach(json_object_get(service, "day"), i, day)
    {
        json_t *ranges = json_array();
        json_array_foreach(json_object_get(day, "span"), k, span) add_range(visit, span, ranges);
        if (json_array_size(ranges) == 0)
            json_array_append_new(ranges, json_string(catalog_text(catalog, "open.none", 1)));
        if (json_is_true(json_object_get(day, "holiday")))
            json_array_append_new(ranges, json_string(catalog_text(catalog, "open.holiday", 1)));
        json_object_set_new(day, "ranges", ranges);
        json_object_set_new(day, "name", json_string(day_word(visit, number_of(day, "weekday"))));
    }
}

void service_words_hours(const struct catalog *catalog, const char *osm, struct buf *out)
{
    char key[KEY_SIZE];
    while (*osm) {
        size_t word = 0;
        while (isalpha((unsigned char)osm[word]))
            word++;
        snprintf(key, sizeof(key), "hours.%.*s", (int)(word < 16 ? word : 16), osm);
        if (word && catalog_has(catalog, key))
            buf_add_text(out, catalog_text(catalog, key, 1));
        else if (word)
            buf_add(out, osm, word);
        else
            buf_add_text(out, *osm == '-'                    ? "–"
                              : *osm == ',' && osm[1] != ' ' ? ", "
                                                             : (char[2]){*osm, '\0'});
        osm += word ? word : 1;
    }
}

static void add_hours(struct page_visit *visit, json_t *service, const char *osm)
{
    AUTO(buf_done) struct buf out = {0};
    service_words_hours(page_catalog(visit), osm, &out);
    set_buf(service, "hours", &out);
}

/* --- capacity and fit ------------------------------------------------------------------------- */

static void add_capacity(struct page_visit *visit, json_t *service, json_t *capacity)
{
    if (!capacity)
        return;
    add_time(capacity, "updatedS", "told");
    add_time(capacity, "untilS", "until");
    if (!json_object_get(capacity, "told") && json_object_get(service, "updated"))
        json_object_set(capacity, "told", json_object_get(service, "updated"));
    page_add_words(visit, capacity);
}

static void add_distance(json_t *service)
{
    double km = json_number_value(json_object_get(service, "distanceKm"));
    if (km < 0)
        return;
    if (km < 1)
        json_object_set_new(service, "close", json_true());
    else
        json_object_set_new(service, "km", json_integer((json_int_t)(km + 0.5)));
}

static void add_part(struct buf *line, const char *part)
{
    if (*part)
        buf_addf(line, "%s %s", line->len && buf_text(line)[line->len - 1] != ':' ? "," : "", part);
}

/* In the middle of a sentence: "Gratuit" becomes "gratuit". */
static void add_lower(struct buf *line, const char *text)
{
    AUTO(buf_done) struct buf copy = {0};
    buf_add_text(&copy, text);
    if (copy.len > 0 && isupper((unsigned char)copy.data[0]))
        copy.data[0] = (uint8_t)tolower(copy.data[0]);
    add_part(line, buf_text(&copy));
}

static void add_away(struct page_visit *visit, const json_t *service, struct buf *line)
{
    AUTO(buf_done) struct buf away = {0};
    char km[16];
    const json_t *number = json_object_get(service, "km");
    snprintf(km, sizeof(km), "%d", (int)json_integer_value(number));
    if (number)
        fill(page_catalog(visit), "directory.distance", (struct filler){{"km"}, {km}}, &away);
    else if (json_object_get(service, "close"))
        buf_add_text(&away, catalog_text(page_catalog(visit), "directory.close", 1));
    add_part(line, buf_text(&away));
}

/* "Convient : accueille les familles, à 3 km, gratuit" */
static void add_good(struct page_visit *visit, const json_t *service, const json_t *fit,
                     struct buf *line)
{
    static const struct {
        const char *code, *area;
    } details[] = {{"public", "public"}, {"mode", "mode"}};
    json_t *good;
    size_t i;
    bool is_said = json_array_size(json_object_get(fit, "good")) > 0;
    buf_add_text(line, catalog_text(page_catalog(visit), is_said ? "fit.good_is" : "fit.maybe", 1));
    json_array_foreach(json_object_get(fit, "good"), i, good)
    {
        AUTO(buf_done) struct buf part = {0}, spoken = {0};
        char key[KEY_SIZE];
        const char *code = page_text(good, "code"), *detail = page_text(good, "detail");
        if (strcmp(code, "price") == 0)
            continue; /* said at the end, whoever asked */
        for (size_t k = 0; k < ARRAY_LEN(details); k++)
            if (strcmp(details[k].code, code) == 0 && *page_word(visit, details[k].area, detail))
                detail = page_word(visit, details[k].area, detail);
        if (strcmp(code, "language") == 0) {
            spoken_name_add(page_catalog(visit), detail, &spoken);
            detail = buf_text(&spoken);
        }
        snprintf(key, sizeof(key), "fit.good.%s", code);
        fill(page_catalog(visit), key, (struct filler){{"detail"}, {detail}}, &part);
        add_part(line, buf_text(&part));
    }
    add_away(visit, service, line);
    if (*page_text(json_object_get(service, "content"), "price_text"))
        add_lower(line, page_text(json_object_get(service, "content"), "price_text"));
}

/* "Ne convient pas, parce que : prévu pour un autre âge (16-25 ans)" */
static void add_bad(struct page_visit *visit, const json_t *fit, struct buf *line)
{
    json_t *reason;
    size_t i;
    buf_add_text(line, catalog_text(page_catalog(visit), "fit.no", 1));
    json_array_foreach(json_object_get(fit, "reason"), i, reason)
    {
        AUTO(buf_done) struct buf spoken = {0};
        const char *code = page_text(reason, "code"), *detail = page_text(reason, "detail");
        bool is_spoken = strcmp(code, "language") == 0;
        if (is_spoken) {
            json_t *codes = spoken_names_read(detail);
            spoken_names_add(page_catalog(visit), codes, &spoken);
            json_decref(codes);
        }
        const char *first = *page_word(visit, "public", detail) ? page_word(visit, "public", detail)
                            : *page_word(visit, "mode", detail) ? page_word(visit, "mode", detail)
                            : is_spoken                         ? buf_text(&spoken)
                                                                : detail;
        add_part(line, page_word(visit, "fit", code));
        bool is_readable = first != detail || strcmp(code, "age") == 0;
        if (*detail && is_readable && strlen(first) < 80)
            buf_addf(line, " (%s)", first);
    }
}

/* Was anything said of the person? */
static bool is_somebody(struct page_visit *visit)
{
    static const char *const fields[] = {"form.public", "form.age", "form.price", "form.mode",
                                         "form.language"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (*page_value(visit, fields[i]))
            return true;
    return false;
}

static void add_fit(struct page_visit *visit, json_t *service)
{
    json_t *fit = json_object_get(service, "fit");
    AUTO(buf_done) struct buf line = {0};
    if (!fit)
        return;
    bool fits = json_is_true(json_object_get(fit, "fits"));
    if (fits && json_array_size(json_object_get(fit, "good")) == 0 && !is_somebody(visit)) {
        json_object_del(service, "fit"); /* nothing was asked */
        return;
    }
    if (fits)
        add_good(visit, service, fit, &line);
    else
        add_bad(visit, fit, &line);
    json_object_set_new(fit, "line", json_string(buf_text(&line)));
    json_object_set_new(fit, "sure",
                        json_boolean(fits && json_array_size(json_object_get(fit, "good")) > 0));
}

/* Without a question: whom it is for, when that says something. */
static void add_made_for(struct page_visit *visit, json_t *service)
{
    AUTO(buf_done) struct buf line = {0};
    json_t *content = json_object_get(service, "content");
    const char *publics = page_text(content, "public_line");
    if (json_object_get(service, "fit") || !*publics)
        return;
    fill(page_catalog(visit), "fit.made_for", (struct filler){{"detail"}, {publics}}, &line);
    json_object_set_new(service, "made_for", json_string(buf_text(&line)));
}

/* --- who, when, how --------------------------------------------------------------------------- */

void service_words_phone(const char *phone, struct buf *out)
{
    char digits[11] = "";
    const char *at = strncmp(phone, "+33", 3) == 0 ? phone + 3 : phone;
    size_t used = at != phone;
    if (used)
        digits[0] = '0';
    for (; *at && used < 10; at++)
        if (isdigit((unsigned char)*at))
            digits[used++] = *at;
        else if (*at != ' ' && *at != '.')
            break;
    if (*at || used != 10 || digits[0] != '0')
        buf_add_text(out, phone);
    else
        buf_addf(out, "%.2s\xc2\xa0%.2s\xc2\xa0%.2s\xc2\xa0%.2s\xc2\xa0%.2s", digits, digits + 2,
                 digits + 4, digits + 6, digits + 8);
}

static void add_phone(json_t *service)
{
    AUTO(buf_done) struct buf text = {0};
    service_words_phone(page_text(json_object_get(service, "content"), "phone"), &text);
    json_object_set_new(service, "phone_text", json_string(buf_text(&text)));
}

/* Who offers it, when that is not its name already. */
static void add_by(struct page_visit *visit, json_t *service)
{
    const json_t *content = json_object_get(service, "content");
    const char *structure = page_text(content, "structureName");
    const char *by = json_is_true(json_object_get(service, "ours"))
                         ? catalog_text(page_catalog(visit), "directory.ours", 1)
                     : *structure ? structure
                                  : page_text(service, "ownerName");
    if (*by && strcmp(by, page_text(content, "name")) != 0)
        json_object_set_new(service, "by", json_string(by));
}

/* --- one service ------------------------------------------------------------------------------ */

/* The one verb of a row: refer, else call; where neither can be, the page says how. */
static void add_verb(json_t *service)
{
    const json_t *content = json_object_get(service, "content");
    json_t *ways = json_object_get(content, "reach"), *way;
    size_t i;
    if (json_is_true(json_object_get(service, "takesReferrals")) &&
        !json_is_true(json_object_get(service, "ours")))
        json_object_set_new(service, "sendable", json_true());
    else if (*page_text(content, "phone"))
        json_object_set_new(service, "callable", json_true());
    json_array_foreach(ways, i, way)
    {
        if (strcmp(json_string_value(way), "se-presenter") == 0)
            json_object_set_new(service, "walk_in", json_true());
    }
}

void service_words_add(struct page_visit *visit, json_t *service, bool near)
{
    static const struct {
        const char *name, *area;
    } lists[] = {{"reach", "reach"}, {"mode", "mode"}, {"public", "public"}};
    json_t *content = json_object_get(service, "content");
    AUTO(buf_done) struct buf spoken = {0};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        add_list_words(visit, content, lists[i].name, lists[i].area);
    spoken_names_add(page_catalog(visit), json_object_get(content, "language"), &spoken);
    set_buf(content, "language_line", &spoken);
    check_urls(content);
    if (near)
        add_distance(service);
    add_capacity(visit, service, json_object_get(content, "capacity"));
    add_openness(visit, service);
    add_asked(visit, content);
    add_fit(visit, service);
    add_made_for(visit, service);
    add_verb(service);
    add_phone(service);
    add_by(visit, service);
}

/* What would help this entry most, for who keeps it. */
static void add_mending(struct page_visit *visit, json_t *service)
{
    const char *next =
        page_word(visit, "quality", page_text(json_object_get(service, "quality"), "next"));
    if (json_is_true(json_object_get(service, "ours")) && *next)
        json_object_set_new(service, "mending", json_string(next));
}

static void add_origins(struct page_visit *visit, json_t *service)
{
    json_t *origin;
    size_t i;
    json_array_foreach(json_object_get(service, "origin"), i, origin)
    {
        const char *what = page_word(visit, "field", page_text(origin, "field"));
        if (*what)
            json_object_set_new(origin, "what", json_string(what));
    }
}

void service_words_add_whole(struct page_visit *visit, json_t *service)
{
    json_t *content = json_object_get(service, "content");
    service_words_add(visit, service, *page_value(visit, "form.near"));
    add_list_words(visit, content, "theme", "theme");
    service_words_zone(visit, service);
    add_time(content, "checkedS", "checked");
    page_add_words(visit, content);
    if (json_array_size(json_object_get(service, "day")) > 0)
        add_week(visit, service);
    else
        add_hours(visit, service, page_text(content, "openingHours"));
    add_mending(visit, service);
    add_origins(visit, service);
}
