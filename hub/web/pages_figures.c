/* What this hub did, in figures. */
#include "hub/web/figures_shape.h"
#include "hub/web/pages_admin.h"
#include "hub/web/pages_internal.h"
#include <stdio.h>
#include <string.h>

#define KEY_SIZE 96
#define WIDTH    1000 /* of a bar, in its own units */
#define READERS  (ROLE_CASEWORKER | ROLE_COORDINATOR | ROLE_ADMIN)

static void set_buf(json_t *object, const char *name, struct buf *text)
{
    json_object_set_new(object, name, json_string(buf_text(text)));
}

/* 0 is left out of answers, and pages should say it. */
static void shape_share(json_t *line, const char *name)
{
    json_t *share = json_object_get(line, name);
    if (!share)
        return;
    admin_add_zero(share, "percent", "percent");
    admin_add_zero(share, "part", "part");
    admin_add_zero(share, "of", "of");
    json_object_set_new(share, "width", json_integer(page_number(share, "percent") * 10));
    json_object_set_new(share, "known",
                        json_boolean(!json_is_true(json_object_get(share, "few")) &&
                                     !json_is_true(json_object_get(share, "none"))));
}

static void shape_median(struct page_visit *visit, json_t *line, const char *name)
{
    AUTO(buf_done) struct buf text = {0};
    json_t *median = json_object_get(line, name);
    if (!median)
        return;
    bool known = !json_is_true(json_object_get(median, "few")) &&
                 !json_is_true(json_object_get(median, "none"));
    json_object_set_new(median, "known", json_boolean(known));
    figures_add_duration(page_catalog(visit), page_number(median, "minutes"), &text);
    set_buf(median, "text", &text);
}

static json_int_t value_of(const json_t *line, const char *name)
{
    return page_number(json_object_get(line, name), "value");
}

static bool is_few(const json_t *line, const char *name)
{
    return json_is_true(json_object_get(json_object_get(line, name), "few"));
}

/* A count in words: "12", "moins de 5", "0". */
static void shape_count(struct page_visit *visit, json_t *line, const char *name)
{
    AUTO(buf_done) struct buf text = {0};
    json_t *count = json_object_get(line, name);
    if (is_few(line, name))
        buf_add_text(&text, catalog_text(page_catalog(visit), "figures.few", 1));
    else
        buf_addf(&text, "%lld", (long long)value_of(line, name));
    if (count)
        set_buf(count, "text", &text);
}

static void shape_line(struct page_visit *visit, json_t *line, json_int_t most)
{
    static const char *const shares[] = {"answered", "closed", "unreachable"};
    json_int_t received = value_of(line, "received"), sent = value_of(line, "sent");
    for (size_t i = 0; i < ARRAY_LEN(shares); i++)
        shape_share(line, shares[i]);
    shape_median(visit, line, "answer");
    shape_count(visit, line, "sent");
    shape_count(visit, line, "received");
    json_object_set_new(
        line, "is_empty",
        json_boolean(!received && !sent && !is_few(line, "received") && !is_few(line, "sent")));
    if (!most)
        return;
    json_object_set_new(line, "in_width", json_integer(received * WIDTH / most));
    json_object_set_new(line, "out_x", json_integer(received * WIDTH / most));
    json_object_set_new(line, "out_width", json_integer(sent * WIDTH / most));
}

/* "2026-11" as "novembre 2026"; a family of themes by its words. */
static void name_line(struct page_visit *visit, json_t *line, bool is_month)
{
    AUTO(buf_done) struct buf text = {0};
    char key[KEY_SIZE];
    const char *code = page_text(line, "key"), *theme = page_word(visit, "theme", code);
    int year, month;
    if (is_month && sscanf(code, "%d-%d", &year, &month) == 2) {
        snprintf(key, sizeof(key), "month.%d", month);
        buf_addf(&text, "%s %d", catalog_text(page_catalog(visit), key, 1), year);
    } else if (*theme) {
        buf_add_text(&text, theme);
    } else {
        bool other = !*code || strcmp(code, "other") == 0;
        buf_add_text(&text,
                     other ? catalog_text(page_catalog(visit), "figures.other_theme", 1) : code);
    }
    set_buf(line, "name", &text);
}

static void shape_lines(struct page_visit *visit, json_t *lines, bool is_month)
{
    size_t i;
    json_t *line;
    json_int_t most = 0;
    json_array_foreach(lines, i, line)
    {
        json_int_t sum = value_of(line, "sent") + value_of(line, "received");
        most = sum > most ? sum : most;
    }
    json_array_foreach(lines, i, line)
    {
        shape_line(visit, line, most ? most : 1);
        name_line(visit, line, is_month);
    }
}

/* A link that saves the table without asking the hub again. */
static void shape_csv(json_t *figures)
{
    AUTO(buf_done) struct buf href = {0};
    const char *csv = json_string_value(json_object_get(figures, "csv"));
    buf_add_text(&href, "data:text/csv;charset=utf-8,");
    form_encode(csv ? csv : "", &href);
    set_buf(figures, "csv_href", &href);
}

static void shape_figures(struct page_visit *visit)
{
    json_t *figures = json_object_get(page_context(visit), "figures");
    json_t *total = json_object_get(figures, "total");
    json_t *home = json_object_get(page_context(visit), "home");
    const char *box = page_value(visit, "query.box"), *months = page_value(visit, "query.months");
    shape_line(visit, total, 0);
    shape_lines(visit, json_object_get(figures, "month"), true);
    shape_lines(visit, json_object_get(figures, "theme"), false);
    shape_share(figures, "noticesFilled");
    shape_median(visit, figures, "firstClaim");
    shape_count(visit, figures, "notices");
    shape_csv(figures);
    json_object_set_new(figures, "any",
                        json_boolean(value_of(total, "sent") || value_of(total, "received") ||
                                     is_few(total, "sent") || is_few(total, "received")));
    figures_shape_clock(visit, json_object_get(home, "clock"));
    json_object_set_new(page_context(visit), "shows",
                        json_pack("{s:b, s:b}", *box ? box : "both", 1,
                                  strcmp(months, "3") == 0    ? "m3"
                                  : strcmp(months, "24") == 0 ? "m24"
                                                              : "m12",
                                  1));
}

const struct page pages_figures[] = {
    {.method = "GET",
     .path = "/figures",
     .roles = READERS,
     .calls = {PAGE_CALL("figures", "Figures/Get", "months={query.months} box={query.box}"),
               PAGE_CALL("home", "Home/List", "limit=1", .roles = ROLE_CASEWORKER)},
     .template = "figures",
     .view = shape_figures},
    {.method = NULL},
};
