#include "admin/show.h"

#include "hub/base/clock.h"
#include "hub/base/mem.h"
#include "hub/base/text.h"
#include <inttypes.h>
#include <langinfo.h>
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define LABEL_WIDTH   12
#define MINUTE_MS     INT64_C(60000)
#define HOUR_MS       (60 * MINUTE_MS)
#define DAY_MS        (24 * HOUR_MS)
#define WIDTH_MAX     100 /* longer lines are hard to read */
#define COLUMNS_MAX   10
#define FAR_DAYS      60
#define DEFAULT_WIDTH 80

void show_setup(void)
{
    setlocale(LC_CTYPE, "");
    setlocale(LC_TIME, "C"); /* labels are English */
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    tzset();
}

bool show_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

static bool has_style(void)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return show_is_terminal() && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

static size_t line_width(void)
{
    struct winsize size;
    if (show_is_terminal() && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20)
        return size.ws_col < WIDTH_MAX ? size.ws_col : WIDTH_MAX;
    return show_is_terminal() ? DEFAULT_WIDTH : SIZE_MAX; /* programs want whole lines */
}

void show_title(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs(has_style() ? "\033[1m" : "", stdout);
    vprintf(fmt, args);
    puts(has_style() ? "\033[0m" : "");
    va_end(args);
}

/* Words of `text` from column `indent` on; the cursor is there already. */
static void print_wrapped(const char *text, size_t indent)
{
    size_t width = line_width(), column = indent;
    while (*text) {
        size_t len = strcspn(text, " "), cells = text_length(bytes_of(text, len));
        if (column > indent && column + 1 + cells > width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        fwrite(text, 1, len, stdout);
        column += cells;
        text += len;
        text += strspn(text, " ");
    }
    putchar('\n');
}

void show_line(const char *label, const char *text)
{
    text += strspn(text, " ");
    if (!*text)
        return;
    printf("  %-*s  ", LABEL_WIDTH, label);
    print_wrapped(text, 2 + LABEL_WIDTH + 2);
}

void show_linef(const char *label, const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    show_line(label, text);
    free(text);
}

void show_note(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    putchar('\n');
    print_wrapped(text, 0);
    free(text);
}

struct table {
    struct libscols_table *table;
    size_t columns, rows;
};

struct table *table_create(const struct column *columns)
{
    struct table *table = mem_alloc(sizeof(*table));
    table->table = scols_new_table();
    if (!table->table)
        abort();
    if (scols_table_set_column_separator(table->table, "  "))
        abort();
    for (; columns->heading; columns++, table->columns++) {
        int flags = (columns->flags & COLUMN_RIGHT ? SCOLS_FL_RIGHT : 0) |
                    (columns->flags & COLUMN_CUT ? SCOLS_FL_TRUNC : 0) |
                    (columns->flags & COLUMN_WRAP ? SCOLS_FL_WRAP : 0);
        struct libscols_column *column =
            scols_table_new_column(table->table, columns->heading, 0, flags);
        if (!column)
            abort();
        if (has_style())
            scols_cell_set_color(scols_column_get_header(column), "bold");
    }
    if (has_style())
        scols_table_enable_colors(table->table, 1);
    return table;
}

void table_free(struct table *table)
{
    if (table)
        scols_unref_table(table->table);
    free(table);
}

void table_add(struct table *table, const char *const *cells)
{
    struct libscols_line *line = scols_table_new_line(table->table, NULL);
    if (!line)
        abort();
    for (size_t i = 0; i < table->columns; i++) {
        if (scols_line_set_data(line, i, cells[i]))
            abort();
    }
    table->rows++;
}

void table_print(struct table *table, const char *empty)
{
    if (table->rows == 0)
        puts(empty);
    else
        scols_print_table(table->table);
}

static int64_t now_ms(void)
{
    return clock_wall(&clock_system).ms;
}

static char *format_time(int64_t ms, const char *format, char out[SHOW_WHEN])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;
    localtime_r(&seconds, &local);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* both callers pass a literal */
    if (strftime(out, SHOW_WHEN, format, &local) == 0)
        out[0] = '\0';
#pragma GCC diagnostic pop
    return out;
}

char *show_when(const char *iso, char out[SHOW_WHEN])
{
    int64_t at;
    text_copy(out, SHOW_WHEN, iso);
    if (!text_parse_time(iso, &at))
        return out;
    int64_t away = at - now_ms(), size = away < 0 ? -away : away;
    char amount[24];
    if (size < MINUTE_MS) {
        text_copy(out, SHOW_WHEN, away > 0 ? "now" : "just now");
        return out;
    }
    if (size > FAR_DAYS * DAY_MS)
        return format_time(at, "%-d %b %Y", out);
    if (size < 90 * MINUTE_MS)
        snprintf(amount, sizeof(amount), "%" PRId64 " min", size / MINUTE_MS);
    else if (size < 36 * HOUR_MS)
        snprintf(amount, sizeof(amount), "%" PRId64 " h", (size + HOUR_MS / 2) / HOUR_MS);
    else
        snprintf(amount, sizeof(amount), "%" PRId64 " d", (size + DAY_MS / 2) / DAY_MS);
    snprintf(out, SHOW_WHEN, away > 0 ? "in %s" : "%s ago", amount);
    return out;
}

char *show_date(const char *iso, char out[SHOW_WHEN])
{
    int64_t at;
    text_copy(out, SHOW_WHEN, iso);
    if (strlen(iso) > 10 && text_parse_time(iso, &at))
        return format_time(at, "%a %-d %b %Y, %H:%M", out);
    return out;
}

char *show_short(const char *id, char out[SHOW_SHORT])
{
    snprintf(out, SHOW_SHORT, "%s", id);
    return out;
}

char *show_service(const char *id, char out[SHOW_SERVICE])
{
    const char *slash = strchr(id, '/');
    if (slash && slash - id >= SHOW_SHORT)
        snprintf(out, SHOW_SERVICE, "%.*s%s", SHOW_SHORT - 1, id, slash);
    else
        text_copy(out, SHOW_SERVICE, id);
    return out;
}

char *show_size(int64_t bytes, char out[SHOW_SIZE])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double size = (double)bytes / 1000;
    size_t unit = 0;
    if (bytes < 1000) {
        snprintf(out, SHOW_SIZE, "%" PRId64 " B", bytes);
        return out;
    }
    for (; size >= 1000 && unit + 1 < ARRAY_LEN(units); unit++)
        size /= 1000;
    snprintf(out, SHOW_SIZE, "%.1f %s", size, units[unit]);
    return out;
}

char *show_count(int64_t count, char out[SHOW_SIZE])
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof(digits), "%" PRId64, count), used = 0;
    for (size_t i = 0; i < len && used + 2 < SHOW_SIZE; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[used++] = ',';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    return out;
}

char *show_plural(int64_t count, const char *word, char out[SHOW_WHEN])
{
    char number[SHOW_SIZE];
    size_t len = strlen(word);
    const char *end = count == 1 ? "" : len > 1 && word[len - 1] == 'h' ? "es" : "s";
    snprintf(out, SHOW_WHEN, "%s %s%s", show_count(count, number), word, end);
    return out;
}
