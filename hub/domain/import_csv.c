#include "hub/domain/import_csv.h"

#include "hub/base/text.h"
#include <stdio.h>

#define COLUMNS_MAX 256
#define NAME_SIZE   64

static const char table_mark[] = "#table ";

struct csv {
    struct bytes file;
    size_t at;
    struct buf cell;
    uint8_t separator; /* of this table */
};

/* The head of a table says what its cells are separated by: spreadsheets here write semicolons. */
static uint8_t find_separator(const struct csv *csv)
{
    size_t commas = 0, semicolons = 0, tabs = 0;
    for (size_t at = csv->at; at < csv->file.len && csv->file.data[at] != '\n'; at++) {
        commas += csv->file.data[at] == ',';
        semicolons += csv->file.data[at] == ';';
        tabs += csv->file.data[at] == '\t';
    }
    return tabs > commas && tabs > semicolons ? '\t' : semicolons > commas ? ';' : ',';
}

/* Reads one cell. @return false: a quote is not closed. *ret_last: the last of its row. */
static bool read_cell(struct csv *csv, bool *ret_last)
{
    const uint8_t *data = csv->file.data;
    size_t len = csv->file.len;
    bool quoted = csv->at < len && data[csv->at] == '"';
    csv->cell.len = 0;
    csv->at += quoted;
    while (csv->at < len) {
        uint8_t c = data[csv->at];
        if (quoted && c == '"') {
            csv->at++;
            if (csv->at < len && data[csv->at] == '"') {
                buf_add(&csv->cell, "\"", 1);
                csv->at++;
                continue;
            }
            quoted = false;
            continue;
        }
        if (!quoted && (c == csv->separator || c == '\n' || c == '\r'))
            break;
        buf_add(&csv->cell, &c, 1);
        csv->at++;
    }
    if (quoted)
        return false;
    *ret_last = csv->at >= len || data[csv->at] != csv->separator;
    csv->at += csv->at < len && data[csv->at] == '\r';
    csv->at += csv->at < len && (data[csv->at] == '\n' || data[csv->at] == csv->separator);
    return true;
}

/* Reads a row: the names of a table, or an object by those names. */
static bool read_row(struct csv *csv, json_t *names, json_t *object, bool is_head)
{
    bool last = false;
    for (size_t column = 0; !last; column++) {
        if (!read_cell(csv, &last))
            return false;
        json_t *text =
            json_stringn(csv->cell.len ? (const char *)csv->cell.data : "", csv->cell.len);
        const char *name = json_string_value(json_array_get(names, column));
        if (is_head && column < COLUMNS_MAX)
            json_array_append_new(names, text);
        else if (!is_head && name && *name && csv->cell.len > 0)
            json_object_set_new(object, name, text);
        else
            json_decref(text);
    }
    return true;
}

static bool take_mark(struct csv *csv, char name[NAME_SIZE])
{
    size_t mark = sizeof(table_mark) - 1, left = csv->file.len - csv->at;
    const char *line = (const char *)csv->file.data + csv->at;
    if (left < mark || memcmp(line, table_mark, mark) != 0)
        return false;
    const char *end = memchr(line, '\n', left);
    size_t len = end ? (size_t)(end - line) : left;
    csv->at += len + (end != NULL);
    while (len > mark && (line[len - 1] == '\r' || line[len - 1] == ' '))
        len--;
    if (len > mark + 4 && memcmp(line + len - 4, ".csv", 4) == 0)
        len -= 4;
    snprintf(name, NAME_SIZE, "%.*s", (int)(len - mark), line + mark);
    return true;
}

static bool is_blank_line(struct csv *csv)
{
    size_t at = csv->at;
    while (at < csv->file.len && csv->file.data[at] == '\r')
        at++;
    if (at < csv->file.len && csv->file.data[at] != '\n')
        return false;
    csv->at = at + (at < csv->file.len);
    return true;
}

static bool read_tables(struct csv *csv, const char *first, json_t *tables)
{
    char name[NAME_SIZE];
    json_t *names = json_array(), *rows = NULL;
    bool good = true;
    snprintf(name, sizeof(name), "%s", first);
    while (good && csv->at < csv->file.len) {
        if (is_blank_line(csv))
            continue;
        if (take_mark(csv, name)) {
            json_array_clear(names);
            rows = NULL;
            continue;
        }
        if (!rows) {
            json_object_set_new(tables, name, rows = json_array());
            csv->separator = find_separator(csv);
            good = read_row(csv, names, NULL, true);
            continue;
        }
        json_t *row = json_object();
        good = read_row(csv, names, row, false);
        json_array_append_new(rows, row);
    }
    json_decref(names);
    return good;
}

json_t *import_csv_tables(struct bytes file, const char *first, struct err *err)
{
    struct csv csv = {.file = file};
    if (!text_is_valid(file)) {
        err_set(err, ERR_INVALID, "the file is not text in UTF-8");
        return NULL;
    }
    if (file.len >= 3 && memcmp(file.data, "\xef\xbb\xbf", 3) == 0)
        csv.at = 3;
    json_t *tables = json_object();
    bool good = read_tables(&csv, first, tables);
    buf_done(&csv.cell);
    if (good)
        return tables;
    json_decref(tables);
    err_set(err, ERR_INVALID, "a quote of the file is not closed");
    return NULL;
}
