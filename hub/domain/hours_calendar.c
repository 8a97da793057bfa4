/* Days, weeks, French public holidays and the time where the door is. */
#include "hub/domain/hours_internal.h"

int hours_days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

int64_t hours_day_number(int year, int month, int day)
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
    return hours_day_number(year, n / 31, n % 31 + 1);
}

static bool is_public_holiday(int year, int month, int day)
{
    static const int fixed[] = {101, 501, 508, 714, 815, 1101, 1111, 1225};
    static const int after_easter[] = {1, 39, 50};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (fixed[i] == month * 100 + day)
            return true;
    int64_t sunday = easter(year), today = hours_day_number(year, month, day);
    for (size_t i = 0; i < ARRAY_LEN(after_easter); i++)
        if (sunday + after_easter[i] == today)
            return true;
    return false;
}

struct hours_time hours_time_of(int64_t minutes)
{
    int64_t day = minutes / DAY_MIN;
    /* Civil from days: the inverse of hours_day_number(). */
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
    int64_t day = hours_day_number(year, month, hours_days_in(year, month));
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
            return hours_time_of(minutes + overseas[i].minutes);
    struct hours_time winter = hours_time_of(minutes);
    int64_t begin = last_sunday(winter.year, 3) * DAY_MIN + 60; /* 01:00 UTC, Directive 2000/84 */
    int64_t end = last_sunday(winter.year, 10) * DAY_MIN + 60;
    return hours_time_of(minutes + (minutes >= begin && minutes < end ? 120 : 60));
}

int hours_week_of(const struct hours_time *t)
{
    int64_t thursday = hours_day_number(t->year, t->month, t->day) + 3 - t->weekday;
    struct hours_time in = hours_time_of(thursday * DAY_MIN);
    return (int)((thursday - hours_day_number(in.year, 1, 1)) / 7) + 1;
}

struct hours_time hours_later(struct hours_time at, int days)
{
    return hours_time_of((hours_day_number(at.year, at.month, at.day) + days) * DAY_MIN +
                         at.minute);
}
