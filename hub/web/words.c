#include "hub/web/words.h"

#include "hub/base/text.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEY_SIZE  96
#define CODE_SIZE 48
#define MINUTE_MS 60000LL
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define MONTH_MS  (30 * DAY_MS)
#define YEAR_MS   (365 * DAY_MS)

struct words {
    const struct catalog *catalog;
    struct wall now;
};

/* Times. */

struct date {
    const struct catalog *catalog;
    struct tm tm;
};

static void add_date_part(void *ctx, const char *name, struct buf *out)
{
    const struct date *date = ctx;
    char key[KEY_SIZE];
    if (strcmp(name, "weekday") == 0) {
        snprintf(key, sizeof(key), "weekday.%d", date->tm.tm_wday);
        buf_add_text(out, catalog_text(date->catalog, key, 1));
    } else if (strcmp(name, "month") == 0) {
        snprintf(key, sizeof(key), "month.%d", date->tm.tm_mon + 1);
        buf_add_text(out, catalog_text(date->catalog, key, 1));
    } else if (strcmp(name, "day") == 0) {
        buf_addf(out, "%d", date->tm.tm_mday);
    } else if (strcmp(name, "year") == 0) {
        buf_addf(out, "%d", date->tm.tm_year + 1900);
    } else if (strcmp(name, "hour") == 0) {
        buf_addf(out, "%d", date->tm.tm_hour);
    } else if (strcmp(name, "minute") == 0) {
        buf_addf(out, "%02d", date->tm.tm_min);
    }
}

static void add_date(const struct catalog *catalog, int64_t wall_ms, struct wall now,
                     bool with_time, struct buf *out)
{
    struct date date = {.catalog = catalog};
    struct tm today;
    time_t at = (time_t)(wall_ms / 1000), now_s = (time_t)(now.ms / 1000);
    if (with_time)
        localtime_r(&at, &date.tm);
    else
        gmtime_r(&at, &date.tm); /* a day is the same day everywhere */
    localtime_r(&now_s, &today);
    const char *key = date.tm.tm_year == today.tm_year
                          ? (with_time ? "date.day_time" : "date.day")
                          : (with_time ? "date.day_year_time" : "date.day_year");
    catalog_fill(catalog_text(catalog, key, 1), add_date_part, &date, out);
}

void words_time(const struct catalog *catalog, int64_t wall_ms, struct wall now, struct buf *out)
{
    add_date(catalog, wall_ms, now, true, out);
}

static void add_number(void *ctx, const char *name, struct buf *out)
{
    (void)name;
    buf_addf(out, "%lld", (long long)*(const int64_t *)ctx);
}

void words_ago(const struct catalog *catalog, int64_t wall_ms, struct wall now, struct buf *out)
{
    static const struct {
        int64_t unit_ms, least; /* fewer than that are said in the next smaller unit */
        const char *past, *future;
    } units[] = {{YEAR_MS, 2, "ago.years", "in.years"},
                 {MONTH_MS, 2, "ago.months", "in.months"},
                 {DAY_MS, 1, "ago.days", "in.days"},
                 {HOUR_MS, 1, "ago.hours", "in.hours"},
                 {MINUTE_MS, 1, "ago.minutes", "in.minutes"}};
    int64_t distance = now.ms - wall_ms;
    int64_t size = distance < 0 ? -distance : distance;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        int64_t count = size / units[i].unit_ms;
        if (count < units[i].least)
            continue;
        const char *key = distance < 0 ? units[i].future : units[i].past;
        catalog_fill(catalog_text(catalog, key, count), add_number, &count, out);
        return;
    }
    buf_add_text(out, catalog_text(catalog, "ago.now", 1));
}

/* Codes. */

/* "URGENCY_NORMAL" or "no-capacity"; false: free text. */
static bool read_code(const char *value, char code[CODE_SIZE])
{
    size_t len = strlen(value);
    if (len < 1 || len >= CODE_SIZE)
        return false;
    for (size_t i = 0; i <= len; i++) {
        char c = value[i];
        if (c && !isalnum((unsigned char)c) && c != '-' && c != '_')
            return false;
        code[i] = c == '_' ? '-' : (char)tolower((unsigned char)c);
    }
    return true;
}

/* The key "urgency.normal" for URGENCY_NORMAL, whose longest ending has a text. NULL: none has. */
static const char *find_code(const struct words *words, const char *name, const char *code,
                             char key[KEY_SIZE])
{
    for (const char *at = code; at; at = strchr(at, '-') ? strchr(at, '-') + 1 : NULL) {
        snprintf(key, KEY_SIZE, "%s.%s", name, at);
        if (catalog_has(words->catalog, key))
            return at;
    }
    return NULL;
}

static void set_new(json_t *object, const char *name, const char *suffix, json_t *value)
{
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "%s%s", name, suffix);
    json_object_set_new(object, key, value);
}

static void set_text(json_t *object, const char *name, const char *suffix, struct buf *text)
{
    set_new(object, name, suffix, json_string(buf_text(text)));
}

static void add_code(const struct words *words, json_t *object, const char *name, const char *value)
{
    char code[CODE_SIZE], key[KEY_SIZE];
    if (!read_code(value, code))
        return;
    const char *found = find_code(words, name, code, key);
    if (found)
        set_new(object, name, "_text", json_string(catalog_text(words->catalog, key, 1)));
    set_new(object, name, "_is", json_pack("{s:b}", found ? found : code, 1));
}

static void add_string(const struct words *words, json_t *object, const char *name,
                       const char *value)
{
    AUTO(buf_done) struct buf text = {0};
    int64_t at_ms;
    bool has_time = strlen(value) >= 17 && value[10] == 'T';
    if (!isdigit((unsigned char)value[0]) || strlen(value) < 10 ||
        !text_parse_time(value, &at_ms)) {
        add_code(words, object, name, value);
        return;
    }
    add_date(words->catalog, at_ms, words->now, has_time, &text);
    set_text(object, name, "_text", &text);
    text.len = 0;
    words_ago(words->catalog, at_ms, words->now, &text);
    set_text(object, name, "_ago", &text);
}

static void add_count(const struct words *words, json_t *object, const char *name, int64_t count)
{
    AUTO(buf_done) struct buf text = {0};
    char key[KEY_SIZE];
    snprintf(key, sizeof(key), "count.%s", name);
    if (!catalog_has(words->catalog, key))
        return;
    catalog_fill(catalog_text(words->catalog, key, count), add_number, &count, &text);
    set_text(object, name, "_text", &text);
}

static void add_list(const struct words *words, json_t *object, const char *name, json_t *list)
{
    json_t *has = json_object(), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        char code[CODE_SIZE], key[KEY_SIZE];
        if (!json_is_string(item) || !read_code(json_string_value(item), code))
            continue;
        const char *found = find_code(words, name, code, key);
        json_object_set_new(has, found ? found : code, json_true());
    }
    if (json_object_size(has) > 0)
        set_new(object, name, "_has", json_incref(has));
    json_decref(has);
    set_new(object, name, "_any", json_boolean(json_array_size(list) > 0));
    set_new(object, name, "_count", json_integer((json_int_t)json_array_size(list)));
    add_count(words, object, name, (int64_t)json_array_size(list));
}

static void add_all(const struct words *words, json_t *value, unsigned depth);

static void add_object(const struct words *words, json_t *object, unsigned depth)
{
    const char *name;
    json_t *value;
    void *next;
    json_t *before = json_copy(object); /* what is added is not walked */
    json_object_foreach_safe(before, next, name, value)
    {
        if (json_is_string(value))
            add_string(words, object, name, json_string_value(value));
        else if (json_is_integer(value))
            add_count(words, object, name, json_integer_value(value));
        else if (json_is_array(value))
            add_list(words, object, name, value);
        add_all(words, value, depth + 1);
    }
    json_decref(before);
}

static void add_all(const struct words *words, json_t *value, unsigned depth)
{
    size_t i;
    json_t *item;
    if (depth > WORDS_DEPTH_MAX)
        return;
    if (json_is_object(value))
        add_object(words, value, depth);
    else if (json_is_array(value))
        json_array_foreach(value, i, item) add_all(words, item, depth + 1);
}

void words_add(json_t *value, const struct catalog *catalog, struct wall now)
{
    const struct words words = {catalog, now};
    add_all(&words, value, 0);
}
