/* Reads the grammar of OpenStreetMap (opening_hours), rule by rule. */
#include "hub/domain/hours_internal.h"

#include <ctype.h>
#include <strings.h>

static int digits_of(const char *text, size_t count)
{
    int value = 0;
    for (size_t i = 0; i < count; i++)
        value = value * 10 + (text[i] - '0');
    return value;
}

static void blanks(struct reader *r)
{
    r->at += strspn(r->at, " \t\r\n");
}

static bool take(struct reader *r, const char *text)
{
    size_t len = strlen(text);
    if (strncasecmp(r->at, text, len) != 0)
        return false;
    bool is_word = isalpha((unsigned char)text[len - 1]);
    if (is_word && isalpha((unsigned char)r->at[len]))
        return false;
    r->at += len;
    blanks(r);
    return true;
}

/* Index in a table of words, or -1 and nothing taken. */
static int take_of(struct reader *r, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (take(r, words[i]))
            return (int)i;
    return -1;
}

static bool take_number(struct reader *r, size_t digits_max, int *ret)
{
    size_t digits = strspn(r->at, "0123456789");
    if (digits == 0 || digits > digits_max)
        return false;
    *ret = digits_of(r->at, digits);
    r->at += digits;
    blanks(r);
    return true;
}

static int take_day(struct reader *r)
{
    static const char *const days[] = {"Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"};
    return take_of(r, days, ARRAY_LEN(days));
}

static int take_month(struct reader *r)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return take_of(r, months, ARRAY_LEN(months)) + 1;
}

static bool add_range(struct range *list, size_t *count, int from, int to, int step)
{
    if (*count == LIST_MAX)
        return false;
    list[(*count)++] = (struct range){from, to, step};
    return true;
}

/* "09:00", "9:00", "24:00"; hours alone are not in use */
static bool take_clock(struct reader *r, int *ret)
{
    const char *start = r->at;
    size_t digits = strspn(start, "0123456789");
    if (digits == 0 || digits > 2 || start[digits] != ':' ||
        strspn(start + digits + 1, "0123456789") != 2)
        return false;
    int hour = digits_of(start, digits), minute = digits_of(start + digits + 1, 2);
    if (hour > 48 || minute > 59)
        return false;
    r->at = start + digits + 3;
    blanks(r);
    *ret = hour * 60 + minute;
    return true;
}

static bool is_clock(const struct reader *r)
{
    struct reader copy = {.at = r->at};
    int minute;
    return take_clock(&copy, &minute);
}

static bool read_span(struct reader *r, struct rule *rule)
{
    int from, to;
    if (!take_clock(r, &from) || from >= DAY_MIN)
        return false;
    if (take(r, "+"))
        return add_range(rule->spans, &rule->span_count, from, DAY_MIN, 1);
    if (!take(r, "-") || !take_clock(r, &to))
        return false;
    (void)take(r, "+");
    if (to <= from)
        to += DAY_MIN;
    return add_range(rule->spans, &rule->span_count, from, to, 1);
}

static bool read_spans(struct reader *r, struct rule *rule)
{
    do {
        if (!read_span(r, rule))
            return false;
        struct reader after = {.at = r->at};
        if (!take(&after, ",") || !is_clock(&after))
            return true;
    } while (take(r, ","));
    return true;
}

static void add_days(struct rule *rule, int from, int to)
{
    for (int day = from;; day = (day + 1) % 7) {
        rule->days |= 1u << day;
        if (day == to)
            return;
    }
}

/* "[1,3]", "[-1]", "[2-4]" after one day */
static bool read_nth(struct reader *r, struct rule *rule)
{
    do {
        bool last = take(r, "-");
        int from, to;
        if (!take_number(r, 1, &from) || from < 1 || from > 5 || (last && from != 1))
            return false;
        to = from;
        if (!last && take(r, "-") && (!take_number(r, 1, &to) || to < from || to > 5))
            return false;
        for (int n = from; n <= to; n++)
            rule->nth |= last ? 1u : 1u << n;
    } while (take(r, ","));
    return take(r, "]");
}

/* One day, days or holiday of a list; 0: not there, -1: wrong. */
static int read_day(struct reader *r, struct rule *rule)
{
    if (take(r, "PH")) {
        rule->days |= PUBLIC_DAY;
        return 1;
    }
    if (take(r, "SH")) {
        rule->days |= SCHOOL_DAY;
        return 1;
    }
    int from = take_day(r), to = from;
    if (from < 0)
        return 0;
    if (take(r, "-") && (to = take_day(r)) < 0)
        return -1;
    add_days(rule, from, to);
    if (take(r, "["))
        return read_nth(r, rule) ? 1 : -1;
    return 1;
}

static bool read_days(struct reader *r, struct rule *rule)
{
    int got = read_day(r, rule);
    while (got > 0) {
        struct reader after = {.at = r->at};
        struct rule ignored = {0};
        if (take(&after, ",") && read_day(&after, &ignored) > 0) {
            (void)take(r, ",");
            got = read_day(r, rule);
            continue;
        }
        break;
    }
    (void)take(r, ":"); /* "Mo-Fr: 09:00-12:00", often written so */
    return got >= 0;
}

static bool read_weeks(struct reader *r, struct rule *rule)
{
    do {
        int from, to, step = 1;
        if (!take_number(r, 2, &from))
            return false;
        to = from;
        if (take(r, "-") && !take_number(r, 2, &to))
            return false;
        if (take(r, "/") && (!take_number(r, 2, &step) || step < 1))
            return false;
        if (!add_range(rule->weeks, &rule->week_count, from, to, step))
            return false;
    } while (take(r, ","));
    return true;
}

/* "Jul 14-Aug 20", "Sep-Jun", "Dec 24"; years before months limit the rule. */
static bool read_dates(struct reader *r, struct rule *rule)
{
    int month;
    while ((month = take_month(r)) > 0) {
        int from_day = 0, to_day = 0, to_month = month;
        if (!is_clock(r))
            (void)take_number(r, 2, &from_day);
        bool ranged = take(r, "-");
        if (ranged) {
            int year;
            struct reader copy = *r;
            if (take_number(&copy, 4, &year) && year > 1900)
                r->at = copy.at;
            to_month = take_month(r);
            if (to_month == 0 && from_day == 0)
                return false;
            if (to_month == 0)
                to_month = month;
            if (!is_clock(r))
                (void)take_number(r, 2, &to_day);
        }
        if (!ranged)
            to_day = from_day;
        if (!add_range(rule->dates, &rule->date_count, month * 100 + (from_day ? from_day : 1),
                       to_month * 100 + (to_day ? to_day : 31), 1))
            return false;
        (void)take(r, ",");
        (void)take(r, ":");
    }
    return true;
}

static bool read_years(struct reader *r, struct rule *rule)
{
    while (strspn(r->at, "0123456789") == 4 && r->at[4] != ':') {
        int from, to;
        if (!take_number(r, 4, &from))
            return false;
        to = from;
        if (strspn(r->at, "-") == 1 && strspn(r->at + 1, "0123456789") == 4) {
            (void)take(r, "-");
            if (!take_number(r, 4, &to))
                return false;
        }
        if (!add_range(rule->years, &rule->year_count, from, to, 1))
            return false;
        (void)take(r, ",");
    }
    return true;
}

static bool read_comment(struct reader *r)
{
    if (*r->at != '"')
        return true;
    const char *end = strchr(r->at + 1, '"');
    if (!end)
        return false;
    r->at = end + 1;
    blanks(r);
    return true;
}

static bool read_kind(struct reader *r, struct rule *rule, bool has_selector, bool has_comment)
{
    const char *comment = r->at;
    if (take(r, "off") || take(r, "closed"))
        rule->kind = KIND_CLOSED;
    else if (take(r, "unknown"))
        rule->kind = KIND_UNKNOWN;
    else
        (void)take(r, "open");
    if (!read_comment(r))
        return false;
    if (rule->span_count == 0 && rule->kind == KIND_OPEN) {
        if (*comment == '"' || has_comment) /* words alone */
            rule->kind = KIND_UNKNOWN;
        else if (!has_selector && comment == r->at)
            return false; /* nothing at all */
    }
    return true;
}

static bool read_rule(struct reader *r)
{
    if (r->count == RULES_MAX)
        return false;
    struct rule *rule = &r->rules[r->count];
    rule->kind = KIND_OPEN;
    const char *start = r->at;
    bool has_comment = false;
    if (take(r, "24/7")) {
        (void)add_range(rule->spans, &rule->span_count, 0, DAY_MIN, 1);
    } else {
        if (!read_years(r, rule) || !read_dates(r, rule))
            return false;
        if (take(r, "week") && !read_weeks(r, rule))
            return false;
        (void)take(r, ":");
        has_comment = *r->at == '"';
        if (!read_comment(r) || !read_days(r, rule))
            return false;
        if (is_clock(r) && !read_spans(r, rule))
            return false;
    }
    if (!read_kind(r, rule, r->at != start, has_comment))
        return false;
    r->count++;
    return true;
}

bool hours_read(struct reader *r, const char *text)
{
    *r = (struct reader){.at = text};
    if (strlen(text) > HOURS_MAX)
        return false;
    blanks(r);
    while (*r->at) {
        if (!read_rule(r))
            return false;
        if (!*r->at)
            break;
        bool adds = false, falls_back = false;
        if (take(r, "||"))
            falls_back = true;
        else if (take(r, ","))
            adds = true;
        else if (!take(r, ";") && !isalpha((unsigned char)*r->at))
            return false;
        if (*r->at && r->count < RULES_MAX) {
            r->rules[r->count].adds = adds;
            r->rules[r->count].falls_back = falls_back;
        }
    }
    return r->count > 0;
}
