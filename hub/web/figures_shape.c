#include "hub/web/figures_shape.h"

#include "hub/web/pages_admin.h"
#include <stdio.h>

#define WIDTH 1000 /* of a bar, in its own units */
#define HOUR  60
#define DAY   (24 * HOUR)

json_t *figures_ring(unsigned percent)
{
    unsigned shown = percent > 100 ? 100 : percent;
    return json_pack("{s:i, s:b, s:b, s:b}", "shown", (int)shown, "is_in_time", percent < 50,
                     "is_half", percent >= 50 && percent < 100, "is_late", percent >= 100);
}

static void add_number(void *ctx, const char *name, struct buf *out)
{
    (void)name;
    buf_addf(out, "%lld", (long long)*(const json_int_t *)ctx);
}

void figures_add_count(const struct catalog *catalog, const char *key, json_int_t count,
                       struct buf *out)
{
    catalog_fill(catalog_text(catalog, key, count), add_number, &count, out);
}

void figures_add_duration(const struct catalog *catalog, json_int_t minutes, struct buf *out)
{
    if (minutes < 2 * HOUR)
        figures_add_count(catalog, "duration.minutes", minutes, out);
    else if (minutes < 2 * DAY)
        figures_add_count(catalog, "duration.hours", (minutes + HOUR / 2) / HOUR, out);
    else
        figures_add_count(catalog, "duration.days", (minutes + DAY / 2) / DAY, out);
}

static const char *const levels[] = {"inTime", "pastHalf", "late"};
static const char *const classes[] = {"in-time", "past-half", "over"};

/* The three levels side by side in a bar as long as `most` stands for. */
static json_t *make_parts(const json_t *counts, json_int_t most)
{
    json_t *parts = json_array();
    json_int_t at = 0;
    for (size_t i = 0; most && i < ARRAY_LEN(levels); i++) {
        json_int_t count = page_number(counts, levels[i]);
        json_int_t width = count * WIDTH / most;
        if (!count)
            continue;
        json_array_append_new(parts, json_pack("{s:I, s:I, s:s}", "x", at * WIDTH / most, "width",
                                               width ? width : 1, "class", classes[i]));
        at += count;
    }
    return parts;
}

static json_int_t sum_of(json_t *counts)
{
    json_int_t sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        sum += page_number(counts, levels[i]);
        admin_add_zero(counts, levels[i], levels[i]);
    }
    return sum;
}

static void name_bin(const struct catalog *catalog, json_t *bin)
{
    AUTO(buf_done) struct buf name = {0};
    json_int_t from = page_number(bin, "daysFrom"), until = page_number(bin, "daysUntil");
    char key[48];
    snprintf(key, sizeof(key), "waited.%lld", (long long)from);
    if (!catalog_has(catalog, key))
        snprintf(key, sizeof(key), "waited.days");
    figures_add_count(catalog, key, until ? until : from, &name);
    json_object_set_new(bin, "name", json_string(buf_text(&name)));
}

void figures_shape_clock(struct page_visit *visit, json_t *clock)
{
    size_t i;
    json_t *bin, *bins = json_object_get(clock, "waited");
    json_int_t most = 0, total;
    if (!clock)
        return;
    total = sum_of(clock);
    json_object_set_new(clock, "total", json_integer(total));
    json_object_set_new(clock, "parts", make_parts(clock, total));
    json_array_foreach(bins, i, bin)
    {
        json_int_t sum = sum_of(bin);
        json_object_set_new(bin, "total", json_integer(sum));
        most = sum > most ? sum : most;
    }
    json_array_foreach(bins, i, bin)
    {
        name_bin(page_catalog(visit), bin);
        json_object_set_new(bin, "parts", make_parts(bin, most));
    }
}
