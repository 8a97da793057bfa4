#include "hub/web/hours_typed.h"

#include "hub/domain/hours.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DAY_LETTERS 2 /* "lu" is enough of a day */
#define WORD_SIZE   24

enum sign { START, DAY, TIME, RANGE, AND, OFF }; /* what came last */

struct reader {
    const struct catalog *catalog;
    struct buf *out;
    enum sign last, joint; /* `joint`: RANGE or AND since then, START: neither */
    unsigned times;        /* of this rule */
    bool failed;
};

static const char *const day_codes[] = {"Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"};

static const struct { /* of any language: no two mean different things */
    const char *word;
    enum sign sign;
} joints[] = {{"au", RANGE},  {"à", RANGE},    {"a", RANGE},     {"to", RANGE},  {"till", RANGE},
              {"et", AND},    {"and", AND},    {"de", START},    {"du", START},  {"le", START},
              {"les", START}, {"from", START}, {"jours", START}, {"the", START}, {"on", START}};

static void end_rule(struct reader *r)
{
    if (r->times % 2 || r->last == START || r->joint == RANGE)
        r->failed = true;
    r->last = r->joint = START;
    r->times = 0;
}

static void add_day(struct reader *r, const char *code)
{
    if (r->last == TIME || r->last == OFF)
        end_rule(r);
    if (r->last == DAY)
        buf_add_text(r->out, r->joint == RANGE ? "-" : ",");
    else if (r->out->len)
        buf_add_text(r->out, "; ");
    buf_add_text(r->out, code);
    r->last = DAY;
    r->joint = START;
}

/* Times go in pairs, whatever stands between them. */
static void add_time(struct reader *r, unsigned hour, unsigned minute)
{
    bool closes = r->times % 2;
    if (hour > 24 || minute > 59 || r->last == OFF ||
        (closes ? r->joint == AND : r->joint == RANGE))
        r->failed = true;
    buf_add_text(r->out, closes           ? "-"
                         : r->times       ? ","
                         : r->last == DAY ? " "
                         : r->out->len    ? "; "
                                          : "");
    buf_addf(r->out, "%02u:%02u", hour, minute);
    r->times++;
    r->last = TIME;
    r->joint = START;
}

/* "9", "9h", "9 h 30", "09:30" */
static const char *read_time(struct reader *r, const char *text)
{
    unsigned parts[2] = {0, 0};
    for (size_t i = 0; i < 2; i++) {
        for (size_t digits = 0; isdigit((unsigned char)*text); digits++) {
            parts[i] = 10 * parts[i] + (unsigned)(*text++ - '0');
            r->failed |= digits >= 2;
        }
        const char *next = text + strspn(text, " ");
        if (i == 0 && (*next == 'h' || *next == 'H' || *next == ':')) {
            text = next + 1;
            if (isdigit((unsigned char)text[strspn(text, " ")]))
                text += strspn(text, " ");
        } else {
            break;
        }
    }
    add_time(r, parts[0], parts[1]);
    return text;
}

static bool is_day(struct reader *r, const char *word, size_t *ret_day)
{
    char key[sizeof("weekday.0")];
    for (size_t day = 0; strlen(word) >= DAY_LETTERS && day < ARRAY_LEN(day_codes); day++) {
        snprintf(key, sizeof(key), "weekday.%zu", day);
        const char *name = catalog_text(r->catalog, key, 1);
        if (strncasecmp(name, word, strlen(word)) != 0 && strcasecmp(day_codes[day], word) != 0)
            continue;
        *ret_day = day;
        return true;
    }
    return false;
}

static void take_word(struct reader *r, const char *word)
{
    size_t day;
    for (size_t i = 0; i < ARRAY_LEN(joints); i++) {
        if (strcasecmp(joints[i].word, word) != 0)
            continue;
        if (joints[i].sign != START)
            r->joint = joints[i].sign;
        return;
    }
    if (is_day(r, word, &day))
        add_day(r, day_codes[day]);
    else if (strcasecmp(word, "tous") == 0 || strcasecmp(word, "daily") == 0)
        add_day(r, "Mo-Su");
    else if (strncasecmp(word, "férié", strlen("férié")) == 0 || strcasecmp(word, "PH") == 0)
        add_day(r, "PH");
    else if (r->last == DAY && (strncasecmp(word, "ferm", 4) == 0 ||
                                strcasecmp(word, "closed") == 0 || strcasecmp(word, "off") == 0)) {
        buf_add_text(r->out, " off");
        r->last = OFF;
    } else {
        r->failed = true;
    }
}

static bool is_letter(char c)
{
    return isalpha((unsigned char)c) || (unsigned char)c >= 0x80;
}

static const char *read_word(struct reader *r, const char *text)
{
    char word[WORD_SIZE];
    size_t len = 0;
    while (is_letter(text[len]))
        len++;
    if (len >= sizeof(word))
        r->failed = true;
    snprintf(word, sizeof(word), "%.*s", (int)len, text);
    take_word(r, word);
    return text + len;
}

/* Spaces and dashes of typography, as the keys of a keyboard. */
static void plain(const char *typed, struct buf *out)
{
    static const struct {
        const char *from, *to;
    } pairs[] = {{"\u00a0", " "}, {"\u202f", " "}, {"\u2013", "-"}, {"\u2014", "-"}};
    while (*typed) {
        size_t i = 0;
        while (i < ARRAY_LEN(pairs) && strncmp(typed, pairs[i].from, strlen(pairs[i].from)) != 0)
            i++;
        if (i < ARRAY_LEN(pairs)) {
            buf_add_text(out, pairs[i].to);
            typed += strlen(pairs[i].from);
        } else {
            buf_add(out, typed++, 1);
        }
    }
}

static void read_all(struct reader *r, const char *text)
{
    while (*text && !r->failed) {
        if (isdigit((unsigned char)*text)) {
            text = read_time(r, text);
        } else if (is_letter(*text)) {
            text = read_word(r, text);
        } else {
            char c = *text++;
            if (c == '-')
                r->joint = RANGE;
            else if (c == ',' || c == '/' || c == '&')
                r->joint = AND;
            else if ((c == ';' || c == '\n') && r->last != START)
                end_rule(r);
            else if (!strchr(" .:;\r\n\t", c))
                r->failed = true;
        }
    }
    if (r->last != START)
        end_rule(r);
}

void hours_typed_read(const struct catalog *catalog, const char *typed, struct buf *out)
{
    AUTO(buf_done) struct buf text = {0}, kept = {0};
    struct reader r = {.catalog = catalog, .out = &kept};
    if (strlen(typed) <= HOURS_MAX && !hours_is_understood(typed)) {
        plain(typed, &text);
        read_all(&r, buf_text(&text));
        if (!r.failed && hours_is_understood(buf_text(&kept)))
            typed = buf_text(&kept);
    }
    buf_add_text(out, typed);
}
