#include "hub/domain/hours.h"

#include <ctype.h>
#include <strings.h>

#define RULES_MAX  64
#define LIST_MAX   8
#define DAY_MIN    1440
#define EVERY_DAY  0x7fu
#define PUBLIC_DAY 0x80u  /* PH */
#define SCHOOL_DAY 0x100u /* SH: nobody here knows when; such a rule never applies */

struct range {
    int from, to, step;
};

enum kind { KIND_OPEN, KIND_CLOSED, KIND_UNKNOWN };

struct rule {
    unsigned days; /* 0: every day */
    unsigned nth;  /* of the month, bit 1 to 5; bit 0: the last */
    struct range weeks[LIST_MAX], dates[LIST_MAX], years[LIST_MAX]; /* dates: month * 100 + day */
    size_t week_count, date_count, year_count;
    struct range spans[LIST_MAX]; /* minutes; `to` may pass midnight */
    size_t span_count;
    enum kind kind;
    bool adds, falls_back; /* after ',' and '||' */
};

struct reader {
    const char *at;
    struct rule rules[RULES_MAX];
    size_t count;
};

/* --- reading ---------------------------------------------------------------------------------- */

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

static bool read_all(struct reader *r, const char *text)
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

bool hours_is_understood(const char *text)
{
    struct reader r;
    return read_all(&r, text);
}

/* --- the calendar ----------------------------------------------------------------------------- */

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01. */
static int64_t day_number(int year, int month, int day)
{
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400,
            of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int weekday_of(int64_t day)
{
    return (int)(((day + 3) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
}

/* Sunday of Easter, as a day number (Meeus, Jones, Butcher). */
static int64_t easter(int year)
{
    int a = year % 19, b = year / 100, c = year % 100;
    int h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    int l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    int m = (a + 11 * h + 22 * l) / 451, n = h + l - 7 * m + 114;
    return day_number(year, n / 31, n % 31 + 1);
}

static bool is_public_holiday(int year, int month, int day)
{
    static const int fixed[] = {101, 501, 508, 714, 815, 1101, 1111, 1225};
    static const int after_easter[] = {1, 39, 50};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (fixed[i] == month * 100 + day)
            return true;
    int64_t sunday = easter(year), today = day_number(year, month, day);
    for (size_t i = 0; i < ARRAY_LEN(after_easter); i++)
        if (sunday + after_easter[i] == today)
            return true;
    return false;
}

static struct hours_time time_of(int64_t minutes)
{
    int64_t day = minutes / DAY_MIN;
    /* Civil from days: the inverse of day_number(). */
    int64_t z = day + 719468, era = z / 146097, of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
    struct hours_time t = {
        .day = (int)(of_year - (153 * m + 2) / 5 + 1),
        .month = (int)(m < 10 ? m + 3 : m - 9),
        .weekday = weekday_of(day),
        .minute = (int)(minutes % DAY_MIN),
    };
    t.year = (int)(year + era * 400 + (t.month <= 2));
    t.is_holiday = is_public_holiday(t.year, t.month, t.day);
    return t;
}

static int64_t last_sunday(int year, int month)
{
    int64_t day = day_number(year, month, days_in(year, month));
    return day - (weekday_of(day) + 1) % 7;
}

struct hours_time hours_local(int64_t wall_ms, const char *postal_code)
{
    static const struct {
        const char *prefix;
        int minutes;
    } overseas[] = {{"971", -240}, {"972", -240}, {"973", -180}, {"974", 240},  {"976", 180},
                    {"977", -240}, {"978", -240}, {"986", 720},  {"987", -600}, {"988", 660}};
    int64_t minutes = (wall_ms > 0 ? wall_ms : 0) / 60000;
    for (size_t i = 0; i < ARRAY_LEN(overseas); i++)
        if (strncmp(postal_code, overseas[i].prefix, 3) == 0)
            return time_of(minutes + overseas[i].minutes);
    struct hours_time winter = time_of(minutes);
    int64_t begin = last_sunday(winter.year, 3) * DAY_MIN + 60; /* 01:00 UTC, Directive 2000/84 */
    int64_t end = last_sunday(winter.year, 10) * DAY_MIN + 60;
    return time_of(minutes + (minutes >= begin && minutes < end ? 120 : 60));
}

/* ISO 8601 week of the year. */
static int week_of(const struct hours_time *t)
{
    int64_t thursday = day_number(t->year, t->month, t->day) + 3 - t->weekday;
    struct hours_time in = time_of(thursday * DAY_MIN);
    return (int)((thursday - day_number(in.year, 1, 1)) / 7) + 1;
}

/* --- the answer ------------------------------------------------------------------------------- */

static bool is_in(const struct range *list, size_t count, int value, bool wraps)
{
    for (size_t i = 0; i < count; i++) {
        const struct range *range = &list[i];
        bool inside = range->from <= range->to
                          ? value >= range->from && value <= range->to
                          : wraps && (value >= range->from || value <= range->to);
        if (inside && (value - range->from) % range->step == 0)
            return true;
    }
    return count == 0;
}

static bool is_on_day(const struct rule *rule, const struct hours_time *t)
{
    if (rule->days == 0)
        return true;
    if ((rule->days & PUBLIC_DAY) && t->is_holiday)
        return true;
    if (!(rule->days & (1u << t->weekday)))
        return false;
    if (rule->nth == 0)
        return true;
    bool last = t->day + 7 > days_in(t->year, t->month);
    return (rule->nth & (1u << ((t->day - 1) / 7 + 1))) || (last && (rule->nth & 1u));
}

static bool applies(const struct rule *rule, const struct hours_time *t)
{
    return is_on_day(rule, t) && is_in(rule->years, rule->year_count, t->year, false) &&
           is_in(rule->dates, rule->date_count, t->month * 100 + t->day, true) &&
           (rule->week_count == 0 || is_in(rule->weeks, rule->week_count, week_of(t), true));
}

static bool is_within(const struct rule *rule, int minute)
{
    for (size_t i = 0; i < rule->span_count; i++)
        if (minute >= rule->spans[i].from && minute < rule->spans[i].to)
            return true;
    return rule->span_count == 0;
}

/* What the rules say of a minute of day `t`, which may be past midnight. */
static enum hours_state state_of(const struct reader *r, const struct hours_time *t, int minute)
{
    enum hours_state state = HOURS_CLOSED;
    bool decided = false;
    for (size_t i = 0; i < r->count; i++) {
        const struct rule *rule = &r->rules[i];
        if (!applies(rule, t) || (rule->falls_back && decided))
            continue;
        bool within = is_within(rule, minute);
        if (rule->adds && !within)
            continue;
        decided = true;
        state = !within                     ? HOURS_CLOSED
                : rule->kind == KIND_CLOSED ? HOURS_CLOSED
                : rule->kind == KIND_OPEN   ? HOURS_OPEN
                                            : HOURS_UNKNOWN;
    }
    return state;
}

enum hours_state hours_at(const char *text, struct hours_time at)
{
    struct reader r;
    if (!read_all(&r, text))
        return HOURS_UNKNOWN;
    bool says_times = false;
    for (size_t i = 0; i < r.count; i++)
        says_times = says_times || r.rules[i].kind == KIND_OPEN;
    if (!says_times)
        return HOURS_UNKNOWN;
    enum hours_state state = state_of(&r, &at, at.minute);
    if (state != HOURS_CLOSED)
        return state;
    int64_t yesterday = day_number(at.year, at.month, at.day) - 1;
    struct hours_time before = time_of(yesterday * DAY_MIN);
    return state_of(&r, &before, at.minute + DAY_MIN) == HOURS_OPEN ? HOURS_OPEN : HOURS_CLOSED;
}

size_t hours_week(const char *text, struct hours_span *ret, size_t max)
{
    struct reader r;
    size_t count = 0;
    if (!read_all(&r, text))
        return 0;
    for (size_t i = 0; i < r.count; i++) {
        const struct rule *rule = &r.rules[i];
        unsigned days = rule->days ? rule->days & EVERY_DAY : EVERY_DAY;
        if (rule->kind != KIND_OPEN || rule->date_count || rule->week_count || rule->year_count ||
            rule->nth || days == 0)
            continue;
        for (size_t k = 0; k < rule->span_count && count < max; k++)
            ret[count++] = (struct hours_span){days, rule->spans[k].from, rule->spans[k].to};
    }
    return count;
}
