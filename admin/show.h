#pragma once
/* How hubctl looks: tables, sheets of "label  value" lines, times relative to now. On stdout. */
#include "hub/base/attr.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Locale and what the terminal can do; once at start. */
void show_setup(void);
bool show_is_terminal(void);
/** A line in bold on a terminal. */
PRINTF_LIKE(1, 2) void show_title(const char *fmt, ...);
/** "  label      text", wrapped to the terminal; nothing when the text is empty or blank. */
void show_line(const char *label, const char *text);
PRINTF_LIKE(2, 3) void show_linef(const char *label, const char *fmt, ...);
/** A paragraph between blank lines, wrapped. */
PRINTF_LIKE(1, 2) void show_note(const char *fmt, ...);

struct table;
enum column_flags {
    COLUMN_PLAIN = 0,
    COLUMN_RIGHT = 1, /* numbers */
    COLUMN_CUT = 2,   /* shortened when the terminal is narrow */
    COLUMN_WRAP = 4,  /* goes on in the next line */
};
struct column {
    const char *heading;
    unsigned flags;
};
/** @param columns  ends with heading NULL. */
NODISCARD struct table *table_create(const struct column *columns);
void table_free(struct table *table);
AUTO_DEFINE(struct table, table_free)
/** One text per column; copied. */
void table_add(struct table *table, const char *const *cells);
/** Prints it, or `empty` as a sentence when there is no row. */
void table_print(struct table *table, const char *empty);

#define SHOW_WHEN 40
/** "in 3 d", "2 h ago", "just now", a date when far; "" for "". Returns `out`. */
char *show_when(const char *iso, char out[SHOW_WHEN]);
/** "Sun 22 Nov 2026, 09:20" in the zone of the terminal; "" for "". */
char *show_date(const char *iso, char out[SHOW_WHEN]);
#define SHOW_SHORT 11
/** First characters of an id, enough to name it again. */
char *show_short(const char *id, char out[SHOW_SHORT]);
#define SHOW_SERVICE 96
/** "abcdefghij/uid" for "NODE/UID". */
char *show_service(const char *id, char out[SHOW_SERVICE]);
#define SHOW_SIZE 24
/** "3.2 MB". */
char *show_size(int64_t bytes, char out[SHOW_SIZE]);
/** "1,204". */
char *show_count(int64_t count, char out[SHOW_SIZE]);
/** "1 hub", "3 hubs": the word with an s unless the count is one. */
char *show_plural(int64_t count, const char *word, char out[SHOW_WHEN]);
