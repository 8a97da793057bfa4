#pragma once
/*
 * Opening hours in the grammar of OpenStreetMap (opening_hours), as far as directories use it: days
 * (Mo-Fr, Mo[1,3], PH, SH), weeks, months and dates, years, several times a day, open ends, "24/7",
 * off and closed, comments; rules after ';', ',' and '||'. Sunrise, variable holidays other than
 * French public ones and intervals of days are not understood; neither is prose.
 */
#include "hub/base/bytes.h"

enum hours_state {
    HOURS_UNKNOWN, /* nothing said, not understood, or only a comment: "on appointment" */
    HOURS_CLOSED,
    HOURS_OPEN,
};

struct hours_time { /* wall time where the door is */
    int year;
    int month, day;  /* 1.. */
    int weekday;     /* 0: Monday */
    int minute;      /* of the day */
    bool is_holiday; /* French public holiday */
};

#define HOURS_MAX 1000 /* bytes of a text that are looked at; longer ones are not understood */

/** @param postal_code  tells overseas places from metropolitan France; may be "". */
struct hours_time hours_local(int64_t wall_ms, const char *postal_code);
enum hours_state hours_at(const char *text, struct hours_time at);
/** Every rule of it is understood. "" is not. */
bool hours_is_understood(const char *text);

struct hours_span {    /* one row of a week: the schedule of HSDS; of a day: days is its day */
    unsigned days;     /* set of 1 << weekday */
    int opens, closes; /* minutes; closes may pass 1440: until the next day */
};
/** The plain weekly times of a text, without exceptions by date; at most `max`. */
size_t hours_week(const char *text, struct hours_span *ret, size_t max);

/**
 * What is open on that day, in order, joined where times touch; at most `max`. A span that began
 * before midnight belongs to its own day and may pass 1440.
 * @return 0: closed all day, or not understood (hours_is_understood).
 */
size_t hours_day(const char *text, struct hours_time day, struct hours_span *ret, size_t max);
/** The same time `days` days later. */
struct hours_time hours_later(struct hours_time at, int days);

#define HOURS_AHEAD_MAX 14 /* days looked ahead */
struct hours_outlook {
    enum hours_state state;
    int until_minute; /* HOURS_OPEN: when it closes; past 1440 tomorrow */
    bool opens;       /* HOURS_CLOSED: it is known when it opens next: */
    int days_ahead, weekday, opens_minute;
};
struct hours_outlook hours_ahead(const char *text, struct hours_time at);
