#include "hub/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <utf8proc.h>

/* One code point of `text` at *at, which moves on; -1 when it is not valid UTF-8. */
static utf8proc_int32_t next_code_point(struct bytes text, size_t *at)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t len =
        utf8proc_iterate(text.data + *at, (utf8proc_ssize_t)(text.len - *at), &c);
    if (len <= 0)
        return -1;
    *at += (size_t)len;
    return c;
}

bool text_is_valid(struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        utf8proc_int32_t c = next_code_point(text, &at);
        if (c < 0 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r'))
            return false;
    }
    return true;
}

bool text_turns_around(int32_t code_point)
{
    return (code_point >= 0x202a && code_point <= 0x202e) ||
           (code_point >= 0x2066 && code_point <= 0x2069);
}

bool text_is_visible(struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        utf8proc_int32_t c = next_code_point(text, &at);
        if (c < 0x20 ? c != '\t' && c != '\n' && c != '\r'
                     : (c >= 0x7f && c < 0xa0) || text_turns_around(c))
            return false;
    }
    return true;
}

bool text_is_right_to_left(struct bytes text)
{
    static const struct {
        int32_t from, to;
    } blocks[] = {{0x0590, 0x08ff},   {0xfb1d, 0xfdff},   {0xfe70, 0xfeff},
                  {0x10800, 0x10fff}, {0x1e800, 0x1efff}, {0x200f, 0x200f}};
    for (size_t at = 0; at < text.len;) {
        utf8proc_int32_t c = next_code_point(text, &at);
        if (c < 0)
            return false;
        for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
            if (c >= blocks[i].from && c <= blocks[i].to)
                return true;
    }
    return false;
}

size_t text_length(struct bytes text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

static bool is_apostrophe(utf8proc_int32_t c)
{
    return c == '\'' || c == 0x2019 || c == 0x2018 || c == 0x02bc;
}

static bool is_word(utf8proc_int32_t c)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
        return true;
    default:
        return false;
    }
}

struct folding {
    struct buf out;
    char gap; /* what stands between the last word and the next: 0, ' ' or '\'' */
};

static void fold_char(struct folding *f, utf8proc_int32_t c)
{
    if (is_apostrophe(c)) { /* kept inside a word only: l'eau, but not 'eau' */
        f->gap = f->gap ? ' ' : '\'';
        return;
    }
    if (!is_word(c)) {
        f->gap = ' ';
        return;
    }
    if (f->gap && f->out.len)
        buf_add(&f->out, &f->gap, 1);
    f->gap = 0;
    if (c == 0x153) { /* oe and ae: letters for Unicode, ligatures for who types a search */
        buf_add_text(&f->out, "oe");
    } else if (c == 0xe6) {
        buf_add_text(&f->out, "ae");
    } else {
        f->out.len += (size_t)utf8proc_encode_char(c, buf_reserve(&f->out, 4));
    }
}

char *text_fold(struct arena *arena, struct bytes text)
{
    struct folding f = {.gap = 0};
    buf_reserve(&f.out, text.len);
    size_t at = 0;
    while (at < text.len) {
        utf8proc_int32_t c = next_code_point(text, &at);
        if (c < 0)
            break;
        if (is_apostrophe(c)) {
            fold_char(&f, c);
            continue;
        }
        utf8proc_int32_t parts[32]; /* the longest decomposition has 18 */
        int boundary = 0;
        utf8proc_ssize_t n =
            utf8proc_decompose_char(c, parts, (utf8proc_ssize_t)ARRAY_LEN(parts),
                                    UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                                        UTF8PROC_STRIPMARK | UTF8PROC_IGNORE,
                                    &boundary);
        for (utf8proc_ssize_t i = 0; i < n && i < (utf8proc_ssize_t)ARRAY_LEN(parts); i++)
            fold_char(&f, parts[i]);
    }
    char *folded = at == text.len ? arena_textn(arena, f.out.data, f.out.len) : NULL;
    buf_done(&f.out);
    return folded;
}

void text_copy(char *out, size_t size, const char *text)
{
    if (size == 0)
        return;
    size_t len = strlen(text);
    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, year 0 to 9999. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

#define DAY_MS      86400000
#define WALL_MS_MIN (-62167219200000) /* 0000-01-01 */
#define WALL_MS_MAX 253402300799999   /* 9999-12-31T23:59:59.999 */

char *text_time(int64_t wall_ms, char out[25])
{
    if (wall_ms < WALL_MS_MIN) /* what four digits cannot show is shown at the edge */
        wall_ms = WALL_MS_MIN;
    if (wall_ms > WALL_MS_MAX)
        wall_ms = WALL_MS_MAX;
    int64_t ms = wall_ms % 1000;
    time_t seconds = (time_t)(wall_ms / 1000);
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm tm;
    gmtime_r(&seconds, &tm);
    snprintf(out, 25, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
    return out;
}

/* Exactly `count` digits at *at, which moves on. */
static bool take_digits(const char **at, int count, int *ret)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        char c = (*at)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *at += count;
    *ret = value;
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool take_date(const char **at, int64_t *ret_days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;
    if (!take_digits(at, 4, &year) || !take_char(at, '-') || !take_digits(at, 2, &month) ||
        !take_char(at, '-') || !take_digits(at, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (day > lengths[month - 1] + (month == 2 && leap))
        return false;
    *ret_days = days_of(year, month, day);
    return true;
}

/* Z or ±HH:MM. */
static bool take_zone(const char **at, int64_t *ret_offset_ms)
{
    *ret_offset_ms = 0;
    if (take_char(at, 'Z'))
        return true;
    int sign = **at == '-' ? -1 : 1, hours, minutes;
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    if (!take_digits(at, 2, &hours) || !take_char(at, ':') || !take_digits(at, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *ret_offset_ms = sign * (int64_t)(hours * 60 + minutes) * 60000;
    return true;
}

bool text_parse_time(const char *text, int64_t *ret_wall_ms)
{
    int64_t days, offset = 0;
    int hours = 0, minutes = 0, seconds = 0, ms = 0;
    if (!take_date(&text, &days))
        return false;
    if (take_char(&text, 'T')) {
        if (!take_digits(&text, 2, &hours) || !take_char(&text, ':') ||
            !take_digits(&text, 2, &minutes))
            return false;
        if (take_char(&text, ':')) {
            if (!take_digits(&text, 2, &seconds))
                return false;
            if (take_char(&text, '.') && !take_digits(&text, 3, &ms))
                return false;
        }
        if (hours > 23 || minutes > 59 || seconds > 59 || !take_zone(&text, &offset))
            return false;
    }
    if (*text)
        return false;
    *ret_wall_ms = days * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * (int64_t)1000 + ms;
    *ret_wall_ms -= offset;
    return true;
}

bool text_parse_i64(const char *text, int64_t *ret)
{
    bool negative = *text == '-';
    if (negative)
        text++;
    if (!*text)
        return false;
    int64_t value = 0; /* counted downwards: the negative side is one longer */
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *text - '0', &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *ret = negative ? value : -value;
    return true;
}
