#include "hub/domain/figures.h"

#include "hub/base/mem.h"
#include "hub/domain/notice.h"
#include "hub/domain/referral_moves.h"
#include <stdio.h>
#include <stdlib.h>

#define THEMES_MAX 64 /* families; the rest counts as "other" */
#define NO_ANSWER  UINT32_MAX

struct month { /* counted from year 0 */
    int number;
};

/* One referral, reduced to what is counted. */
struct fact {
    uint8_t month, theme; /* indexes into the lines */
    bool is_out, counts, in_clock, ended, closed, unreachable;
    uint32_t minutes; /* NO_ANSWER: none yet */
};
struct facts {
    struct fact *list; /* heap */
    size_t count, cap;
    char themes[THEMES_MAX][FIGURES_KEY];
    size_t theme_count;
};

/* Months. */

/* Days before each month are not needed: civil date from days since 1970 (H. Hinnant, "chrono-
 * Compatible Low-Level Date Algorithms", civil_from_days). */
static struct month month_of(int64_t ms)
{
    int64_t z = (ms >= 0 ? ms : ms - 86399999) / 86400000 + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    return (struct month){(int)(year * 12 + month - 1)};
}

/* First moment of a month (days_from_civil, same source). */
static int64_t month_start(struct month month)
{
    int64_t y = month.number / 12, m = month.number % 12 + 1;
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400, doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (era * 146097 + doe - 719468) * 86400000;
}

static void month_text(struct month month, char out[FIGURES_KEY])
{
    snprintf(out, FIGURES_KEY, "%04d-%02d", month.number / 12, month.number % 12 + 1);
}

/* Facts. */

/* "numerique--materiel" counts for "numerique". */
static uint8_t theme_index(struct facts *facts, const char *theme)
{
    char family[FIGURES_KEY];
    const char *end = strstr(theme, "--");
    size_t len = end ? (size_t)(end - theme) : strlen(theme);
    snprintf(family, sizeof(family), "%.*s", (int)len, len ? theme : "other");
    if (!len)
        snprintf(family, sizeof(family), "other");
    for (size_t i = 0; i < facts->theme_count; i++)
        if (strcmp(facts->themes[i], family) == 0)
            return (uint8_t)i;
    if (facts->theme_count == THEMES_MAX)
        return THEMES_MAX - 1;
    if (facts->theme_count == THEMES_MAX - 1)
        snprintf(family, sizeof(family), "other");
    memcpy(facts->themes[facts->theme_count], family, sizeof(family));
    return (uint8_t)facts->theme_count++;
}

/* First answers in the order of their referrals, read along with these. */
struct answers {
    struct stmt *stmt;
    bool more;
    int64_t referral, created_s;
};

static bool answers_next(struct answers *answers, struct err *err)
{
    if (!stmt_next(answers->stmt, &answers->more, err))
        return err_wrap(err, "read first answers");
    answers->referral = answers->more ? stmt_i64(answers->stmt, 0) : INT64_MAX;
    answers->created_s = answers->more ? stmt_i64(answers->stmt, 1) : 0;
    return true;
}

/* *ret_s -1: it has none. */
static bool answers_find(struct answers *answers, int64_t referral, int64_t *ret_s, struct err *err)
{
    while (answers->referral < referral)
        if (!answers_next(answers, err))
            return false;
    *ret_s = answers->referral == referral ? answers->created_s : -1;
    return true;
}

/* Columns as in read_facts. `answered_s` -1: not yet. */
static void read_fact(struct stmt *stmt, struct facts *facts, struct month first, struct wall now,
                      int64_t answered_s)
{
    Maillon__Hfp__V1__ReferralStatus status = (Maillon__Hfp__V1__ReferralStatus)stmt_i64(stmt, 2);
    const char *theme = stmt_text(stmt, 3), *reason = stmt_text(stmt, 4);
    int64_t created_ms = stmt_i64(stmt, 5), ended_ms = stmt_i64(stmt, 6);
    int64_t due_s = stmt_i64(stmt, 7);
    bool is_answered = answered_s >= 0;
    bool is_over = due_s && due_s < (ended_ms ? ended_ms : now.ms) / 1000;
    bool is_failed = status == REFERRAL_STATUS(FAILED);
    struct fact fact = {
        .month = (uint8_t)(month_of(created_ms).number - first.number),
        .theme = theme_index(facts, theme ? theme : ""),
        .is_out = stmt_i64(stmt, 1),
        .counts = is_answered || is_over,
        .in_clock = is_answered && (!due_s || answered_s <= due_s),
        .ended = !referral_is_live(status),
        .closed = status == REFERRAL_STATUS(COMPLETED) || (is_failed && reason && *reason),
        .unreachable = is_failed && reason && strcmp(reason, "unreachable") == 0,
        .minutes = NO_ANSWER,
    };
    if (is_answered) {
        int64_t minutes = (answered_s - created_ms / 1000) / 60;
        fact.minutes = minutes < 0 ? 0 : minutes < NO_ANSWER ? (uint32_t)minutes : NO_ANSWER - 1;
    }
    if (facts->count == facts->cap) {
        facts->cap = facts->cap ? 2 * facts->cap : 1024;
        facts->list = mem_grow(facts->list, facts->cap * sizeof(*facts->list));
    }
    facts->list[facts->count++] = fact;
}

_Static_assert(REFERRAL_ACTION(ACCEPT) == 5 && REFERRAL_ACTION(REJECT) == 6 &&
                   REFERRAL_ACTION(HOLD) == 7 && REFERRAL_STATUS(ENTERED_IN_ERROR) == 10 &&
                   REFERRAL_APPLIED == 1,
               "the numbers in the query and in the index referral_event_answer");

/* The first row of the period: from there the table is read as it lies, which costs a fifth of
 * finding every row by its date. */
static bool first_row(struct store *store, struct month first, int64_t *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT MIN(id) FROM referral WHERE created_ms >= ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, month_start(first));
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find the first referral");
    *ret = row && !stmt_is_null(stmt, 0) ? stmt_i64(stmt, 0) : INT64_MAX;
    return true;
}

static bool read_facts(struct store *store, const struct figures_query *query, struct month first,
                       struct wall now, struct facts *facts, struct err *err)
{
    int64_t from = 0, answered_s = -1;
    struct answers answers = {.referral = -1};
    if (!first_row(store, first, &from, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store,
        "SELECT id, is_out, status, theme, reason, created_ms, ended_ms, answer_due_s"
        " FROM referral WHERE id >= ?1 AND +created_ms >= ?2 AND +created_ms <= ?3 AND exercise = 0"
        " AND status > 0 AND status <> 10 AND (?4 = 0 OR is_out = ?4 - 1) ORDER BY id",
        err);
    AUTO(stmt_release)
    struct stmt *first_answers =
        stmt_get(store,
                 "SELECT referral, MIN(created_s) FROM referral_event WHERE action IN (5, 6, 7)"
                 " AND referral >= ?1 AND verdict = 1 GROUP BY referral ORDER BY referral",
                 err);
    if (!stmt || !first_answers)
        return false;
    stmt_bind_i64(stmt, 1, from);
    stmt_bind_i64(stmt, 2, month_start(first));
    stmt_bind_i64(stmt, 3, now.ms);
    stmt_bind_i64(stmt, 4, query->in_or_out);
    stmt_bind_i64(first_answers, 1, from);
    answers.stmt = first_answers;
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "count referrals");
        if (!row)
            return true;
        if (!answers_find(&answers, stmt_i64(stmt, 0), &answered_s, err))
            return false;
        read_fact(stmt, facts, first, now, answered_s);
    }
}

/* Lines. */

/* What is hidden keeps its number until `blank` takes it away. */
static struct figures_count count_of(uint32_t value)
{
    return (struct figures_count){value > 0 && value < FIGURES_FEW, value};
}

static struct figures_share share_of(uint32_t part, uint32_t of)
{
    struct figures_share share = {.none = of == 0, .part = part, .of = of};
    share.few_of = of > 0 && of < FIGURES_FEW;
    share.few = share.few_of || (part > 0 && part < FIGURES_FEW);
    return share;
}

static void blank_count(struct figures_count *count)
{
    if (count->few)
        count->value = 0;
}

static void blank_share(struct figures_share *share)
{
    if (share->few)
        share->part = 0;
    if (share->few_of)
        share->of = 0;
}

static void blank_median(struct figures_median *median)
{
    if (median->few)
        median->of = median->minutes = 0;
}

static void blank(struct figures_line *line)
{
    blank_count(&line->sent);
    blank_count(&line->received);
    blank_share(&line->answered);
    blank_share(&line->closed);
    blank_share(&line->unreachable);
    blank_median(&line->answer);
}

uint32_t figures_percent(const struct figures_share *share)
{
    return share->of ? (uint32_t)(((uint64_t)share->part * 100 + share->of / 2) / share->of) : 0;
}

static int compare_minutes(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

/* Sorts `values`. Of an even number the mean of the two in the middle. */
static struct figures_median median_of(uint32_t *values, size_t count)
{
    struct figures_median median = {
        .none = count == 0, .few = count > 0 && count < FIGURES_FEW, .of = (uint32_t)count};
    if (median.none || median.few)
        return median;
    qsort(values, count, sizeof(*values), compare_minutes);
    median.minutes = count % 2
                         ? values[count / 2]
                         : (uint32_t)(((uint64_t)values[count / 2 - 1] + values[count / 2]) / 2);
    return median;
}

/* Everything, or what is of one month or theme (-1: all). */
static struct figures_line line_of(const struct facts *facts, int month, int theme,
                                   uint32_t *minutes)
{
    struct figures_line line = {.key = ""};
    uint32_t sent = 0, received = 0, counts = 0, in_clock = 0, ended = 0, closed = 0, lost = 0;
    size_t answered = 0;
    for (size_t i = 0; i < facts->count; i++) {
        const struct fact *fact = &facts->list[i];
        if ((month >= 0 && fact->month != month) || (theme >= 0 && fact->theme != theme))
            continue;
        sent += fact->is_out;
        received += !fact->is_out;
        counts += fact->counts;
        in_clock += fact->in_clock;
        ended += fact->ended;
        closed += fact->closed;
        lost += fact->unreachable;
        if (fact->minutes != NO_ANSWER)
            minutes[answered++] = fact->minutes;
    }
    line.sent = count_of(sent);
    line.received = count_of(received);
    line.answered = share_of(in_clock, counts);
    line.closed = share_of(closed, ended);
    line.unreachable = share_of(lost, ended);
    line.answer = median_of(minutes, answered);
    return line;
}

/* A number of a line that is told, or hidden. */
struct told {
    bool *few;
    uint32_t value;
};

/* What is hidden adds up to the total less what is told: others join it until that is the sum of
 * several, and not itself of a few. */
static void hide_others(struct told *told, size_t count)
{
    for (;;) {
        struct told *least = NULL;
        uint64_t sum = 0;
        size_t hidden = 0;
        for (size_t i = 0; i < count; i++) {
            hidden += *told[i].few;
            sum += *told[i].few ? told[i].value : 0;
            if (!*told[i].few && told[i].value && (!least || told[i].value < least->value))
                least = &told[i];
        }
        if (!sum || (hidden > 1 && sum >= FIGURES_FEW) || !least)
            return;
        *least->few = true;
    }
}

static void hide_counts(struct figures_line *lines, size_t count, size_t offset, struct told *told)
{
    for (size_t i = 0; i < count; i++) {
        struct figures_count *one = (struct figures_count *)(void *)((char *)&lines[i] + offset);
        told[i] = (struct told){&one->few, one->value};
    }
    hide_others(told, count);
}

static void hide_shares(struct figures_line *lines, size_t count, size_t offset, struct told *told)
{
    struct figures_share *one;
    for (size_t i = 0; i < count; i++) {
        one = (struct figures_share *)(void *)((char *)&lines[i] + offset);
        told[i] = (struct told){&one->few_of, one->of};
    }
    hide_others(told, count);
    for (size_t i = 0; i < count; i++) {
        one = (struct figures_share *)(void *)((char *)&lines[i] + offset);
        one->few = one->few || one->few_of;
        told[i] = (struct told){&one->few, one->part};
    }
    hide_others(told, count);
}

static void hide_few(struct figures_line *lines, size_t count)
{
    struct told *told = mem_alloc((count + 1) * sizeof(*told));
    hide_counts(lines, count, offsetof(struct figures_line, sent), told);
    hide_counts(lines, count, offsetof(struct figures_line, received), told);
    hide_shares(lines, count, offsetof(struct figures_line, answered), told);
    hide_shares(lines, count, offsetof(struct figures_line, closed), told);
    hide_shares(lines, count, offsetof(struct figures_line, unreachable), told);
    for (size_t i = 0; i < count; i++)
        told[i] = (struct told){&lines[i].answer.few, lines[i].answer.of};
    hide_others(told, count);
    for (size_t i = 0; i < count; i++)
        blank(&lines[i]);
    free(told);
}

static uint64_t size_of(const struct figures_line *line)
{
    return (uint64_t)line->sent.value + line->received.value;
}

/* Most first; what is hidden last, by name, so that the order tells nothing. */
static int compare_themes(const void *a, const void *b)
{
    const struct figures_line *x = a, *y = b;
    if (size_of(x) != size_of(y))
        return size_of(x) > size_of(y) ? -1 : 1;
    return strcmp(x->key, y->key);
}

static void make_lines(const struct facts *facts, struct month first, struct arena *arena,
                       struct figures_report *report)
{
    uint32_t *minutes = mem_alloc((facts->count + 1) * sizeof(*minutes));
    report->total = line_of(facts, -1, -1, minutes);
    report->months = arena_alloc(arena, (report->month_count + 1) * sizeof(*report->months));
    for (size_t i = 0; i < report->month_count; i++) {
        report->months[i] = line_of(facts, (int)i, -1, minutes);
        month_text((struct month){first.number + (int)i}, report->months[i].key);
    }
    report->theme_count = facts->theme_count;
    report->themes = arena_alloc(arena, (facts->theme_count + 1) * sizeof(*report->themes));
    for (size_t i = 0; i < facts->theme_count; i++) {
        report->themes[i] = line_of(facts, -1, (int)i, minutes);
        memcpy(report->themes[i].key, facts->themes[i], FIGURES_KEY);
    }
    hide_few(report->months, report->month_count);
    hide_few(report->themes, report->theme_count);
    blank(&report->total);
    qsort(report->themes, report->theme_count, sizeof(*report->themes), compare_themes);
    free(minutes);
}

/* Notices. */

static bool count_notices(struct store *store, struct month first, struct wall now,
                          struct figures_notices *ret, struct err *err)
{
    uint32_t ended = 0, filled = 0, minutes[512];
    size_t claimed = 0;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT n.committed >= n.asked, o.posted_ms, (SELECT MIN(c.created_ms)"
                 " FROM claim c WHERE c.uid = n.uid AND c.box = 1)"
                 " FROM notice_own o JOIN notice n ON n.id = o.notice WHERE n.asked > 0"
                 " AND (n.kind = 0 OR n.expires_s <= ?1 OR n.committed >= n.asked)"
                 " AND n.created_s >= ?2",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, now.ms / 1000);
    stmt_bind_i64(stmt, 2, month_start(first) / 1000);
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "count notices");
        if (!row)
            break;
        int64_t posted_ms = stmt_i64(stmt, 1), claim_ms = stmt_i64(stmt, 2);
        ended++;
        filled += stmt_i64(stmt, 0) != 0;
        if (posted_ms && claim_ms >= posted_ms && claimed < ARRAY_LEN(minutes))
            minutes[claimed++] = (uint32_t)((claim_ms - posted_ms) / 60000);
    }
    ret->ended = count_of(ended);
    ret->filled = share_of(filled, ended);
    blank_count(&ret->ended);
    blank_share(&ret->filled);
    ret->first_claim = median_of(minutes, claimed);
    blank_median(&ret->first_claim);
    return true;
}

bool figures_make(struct store *store, struct arena *arena, const struct figures_query *query,
                  struct wall now, struct figures_report *ret, struct err *err)
{
    struct facts facts = {0};
    if (query->months != 3 && query->months != 12 && query->months != 24)
        return err_set(err, ERR_INVALID, "months is 3, 12 or 24");
    struct month first = {month_of(now.ms).number - (int)query->months + 1};
    struct figures_report report = {.month_count = query->months};
    bool ok = read_facts(store, query, first, now, &facts, err) &&
              count_notices(store, first, now, &report.notices, err);
    if (ok) {
        make_lines(&facts, first, arena, &report);
        *ret = report;
    }
    free(facts.list);
    return ok;
}

/* The table. */

static void add_count(const struct figures_count *count, struct buf *out)
{
    if (count->few)
        buf_add_text(out, ",<5");
    else
        buf_addf(out, ",%u", count->value);
}

static void add_share(const struct figures_share *share, struct buf *out)
{
    if (share->none)
        buf_add_text(out, ",,");
    else if (share->few && !share->of)
        buf_add_text(out, ",<5,<5");
    else if (share->few)
        buf_addf(out, ",<5,%u", share->of);
    else
        buf_addf(out, ",%u,%u", share->part, share->of);
}

static void add_median(const struct figures_median *median, struct buf *out)
{
    if (median->none)
        buf_add_text(out, ",");
    else if (median->few)
        buf_add_text(out, ",<5");
    else
        buf_addf(out, ",%u", median->minutes);
}

static void add_line(const char *what, const struct figures_line *line, struct buf *out)
{
    buf_addf(out, "%s,%s", what, line->key);
    add_count(&line->sent, out);
    add_count(&line->received, out);
    add_share(&line->answered, out);
    add_share(&line->closed, out);
    add_share(&line->unreachable, out);
    add_median(&line->answer, out);
    buf_add_text(out, "\r\n");
}

void figures_csv(const struct figures_report *report, struct buf *out)
{
    buf_add_text(out, "what,key,sent,received,answered_in_clock,answered_of,closed_with_outcome,"
                      "closed_of,unreachable,unreachable_of,median_minutes_to_answer\r\n");
    add_line("all", &report->total, out);
    for (size_t i = 0; i < report->month_count; i++)
        add_line("month", &report->months[i], out);
    for (size_t i = 0; i < report->theme_count; i++)
        add_line("theme", &report->themes[i], out);
    buf_add_text(out, "what,ended,filled,filled_of,median_minutes_to_first_claim\r\nnotices");
    add_count(&report->notices.ended, out);
    add_share(&report->notices.filled, out);
    add_median(&report->notices.first_claim, out);
    buf_add_text(out, "\r\n");
}
