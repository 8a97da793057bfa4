#include "hub/domain/hours_internal.h"

#include <stdlib.h>

#define EDGES_MAX (2 * RULES_MAX * LIST_MAX + 2)

bool hours_is_understood(const char *text)
{
    struct reader r;
    return hours_read(&r, text);
}

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
    bool last = t->day + 7 > hours_days_in(t->year, t->month);
    return (rule->nth & (1u << ((t->day - 1) / 7 + 1))) || (last && (rule->nth & 1u));
}

static bool applies(const struct rule *rule, const struct hours_time *t)
{
    return is_on_day(rule, t) && is_in(rule->years, rule->year_count, t->year, false) &&
           is_in(rule->dates, rule->date_count, t->month * 100 + t->day, true) &&
           (rule->week_count == 0 || is_in(rule->weeks, rule->week_count, hours_week_of(t), true));
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
    if (!hours_read(&r, text))
        return HOURS_UNKNOWN;
    bool says_times = false;
    for (size_t i = 0; i < r.count; i++)
        says_times = says_times || r.rules[i].kind == KIND_OPEN;
    if (!says_times)
        return HOURS_UNKNOWN;
    enum hours_state state = state_of(&r, &at, at.minute);
    if (state != HOURS_CLOSED)
        return state;
    int64_t yesterday = hours_day_number(at.year, at.month, at.day) - 1;
    struct hours_time before = hours_time_of(yesterday * DAY_MIN);
    return state_of(&r, &before, at.minute + DAY_MIN) == HOURS_OPEN ? HOURS_OPEN : HOURS_CLOSED;
}

static int by_minute(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return *x - *y;
}

/* The minutes at which something may begin or end, in order. */
static size_t edges_of(const struct reader *r, int *ret)
{
    size_t count = 0;
    ret[count++] = 0;
    for (size_t i = 0; i < r->count; i++) {
        for (size_t k = 0; k < r->rules[i].span_count; k++) {
            ret[count++] = r->rules[i].spans[k].from;
            ret[count++] = r->rules[i].spans[k].to;
        }
    }
    ret[count++] = DAY_MIN;
    qsort(ret, count, sizeof(*ret), by_minute);
    return count;
}

static size_t spans_of(const struct reader *r, const struct hours_time *day, struct hours_span *ret,
                       size_t max)
{
    int edges[EDGES_MAX];
    size_t edge_count = edges_of(r, edges), count = 0;
    for (size_t i = 0; i + 1 < edge_count; i++) {
        /* Past midnight only what has begun before it: the rest is the next day's. */
        bool begun = edges[i] < DAY_MIN || (count > 0 && ret[count - 1].closes == edges[i]);
        if (edges[i] == edges[i + 1] || !begun || state_of(r, day, edges[i]) != HOURS_OPEN)
            continue;
        if (count > 0 && ret[count - 1].closes == edges[i])
            ret[count - 1].closes = edges[i + 1];
        else if (count < max)
            ret[count++] = (struct hours_span){1u << day->weekday, edges[i], edges[i + 1]};
    }
    return count;
}

size_t hours_day(const char *text, struct hours_time day, struct hours_span *ret, size_t max)
{
    struct reader r;
    return hours_read(&r, text) ? spans_of(&r, &day, ret, max) : 0;
}

static struct hours_outlook outlook_open(const struct reader *r, const struct hours_time *at)
{
    struct hours_span spans[LIST_MAX];
    struct hours_outlook outlook = {.state = HOURS_OPEN, .until_minute = DAY_MIN};
    struct hours_time before = hours_later(*at, -1);
    size_t count = spans_of(r, at, spans, LIST_MAX);
    for (size_t i = 0; i < count; i++)
        if (spans[i].opens <= at->minute && at->minute < spans[i].closes) {
            outlook.until_minute = spans[i].closes;
            return outlook;
        }
    count = spans_of(r, &before, spans, LIST_MAX);
    if (count > 0 && spans[count - 1].closes > DAY_MIN + at->minute)
        outlook.until_minute = spans[count - 1].closes - DAY_MIN;
    return outlook;
}

static struct hours_outlook outlook_closed(const struct reader *r, const struct hours_time *at)
{
    struct hours_span spans[LIST_MAX];
    for (int ahead = 0; ahead <= HOURS_AHEAD_MAX; ahead++) {
        struct hours_time day = hours_later(*at, ahead);
        size_t count = spans_of(r, &day, spans, LIST_MAX);
        for (size_t i = 0; i < count; i++)
            if (ahead > 0 || spans[i].opens > at->minute)
                return (struct hours_outlook){.state = HOURS_CLOSED,
                                              .opens = true,
                                              .days_ahead = ahead,
                                              .weekday = day.weekday,
                                              .opens_minute = spans[i].opens};
    }
    return (struct hours_outlook){.state = HOURS_CLOSED};
}

struct hours_outlook hours_ahead(const char *text, struct hours_time at)
{
    struct reader r;
    enum hours_state state = hours_at(text, at);
    if (state == HOURS_UNKNOWN || !hours_read(&r, text))
        return (struct hours_outlook){.state = HOURS_UNKNOWN};
    return state == HOURS_OPEN ? outlook_open(&r, &at) : outlook_closed(&r, &at);
}

size_t hours_week(const char *text, struct hours_span *ret, size_t max)
{
    struct reader r;
    size_t count = 0;
    if (!hours_read(&r, text))
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
