#pragma once
/* What reading a text of opening hours, the calendar and the answers share. */
#include "hub/domain/hours.h"

#define RULES_MAX  64
#define LIST_MAX   8
#define DAY_MIN    1440
#define EVERY_DAY  0x7fu
#define PUBLIC_DAY 0x80u  /* PH */
#define SCHOOL_DAY 0x100u /* SH: nobody here knows when; such a rule never applies */

/* A text that was read. */

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

/** Reads every rule of a text; false: it is not understood. */
bool hours_read(struct reader *r, const char *text);

/* The calendar. */

int hours_days_in(int year, int month);
/** Days since 1970-01-01. */
int64_t hours_day_number(int year, int month, int day);
/** Of minutes since 1970-01-01. */
struct hours_time hours_time_of(int64_t minutes);
/** ISO 8601 week of the year. */
int hours_week_of(const struct hours_time *t);
