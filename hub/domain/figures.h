#pragma once
/*
 * What this hub did, counted from its own tables (PRODUCT.md section 6). Pure reads. Exercises and
 * referrals entered in error are left out. No number of one to four people is given away: `few`.
 * Periods come from a short list, far apart: any two that differ by a month would tell that month
 * by subtraction.
 */
#include "hub/base/arena.h"
#include "hub/base/clock.h"
#include "hub/store/stmt.h"

#define FIGURES_FEW 5 /* from here on a number may be told */
#define FIGURES_KEY 48

struct figures_count {
    bool few;
    uint32_t value;
};
struct figures_share { /* none: nothing to count; few: of fewer than five, or a part of 1 to 4 */
    bool none, few, few_of; /* few_of: the whole is hidden, too */
    uint32_t part, of;
};
struct figures_median {
    bool none, few;
    uint32_t of, minutes;
};
struct figures_line {
    char key[FIGURES_KEY]; /* "2026-11", family of themes, "" for all */
    struct figures_count sent, received;
    /** Answered (accepted, refused or put on hold) before the clock was over; of those that were
     * answered or whose clock is over. */
    struct figures_share answered;
    /** Completed, or not carried through with the reason; of all that ended. */
    struct figures_share closed;
    struct figures_share unreachable; /* not carried through for that; of all that ended */
    struct figures_median answer;     /* from sending to the first answer */
};
struct figures_notices { /* own ones that have ended and are still kept (NOTICE_KEEP_S) */
    struct figures_count ended;
    struct figures_share filled;       /* everything asked for was committed */
    struct figures_median first_claim; /* from the first version */
};
struct figures_query {
    unsigned months; /* the one under way included: 3, 12 or 24 */
    int in_or_out;   /* 0 both, 1 received, 2 sent */
};
struct figures_report {
    struct figures_line total;
    struct figures_line *months; /* arena; oldest first, every one */
    size_t month_count;
    struct figures_line *themes; /* arena; most first */
    size_t theme_count;
    struct figures_notices notices;
};
/** By the month (UTC) in which a referral was sent. Any connection. */
NODISCARD bool figures_make(struct store *store, struct arena *arena,
                            const struct figures_query *query, struct wall now,
                            struct figures_report *ret, struct err *err);
/** As a table for spreadsheets, appended: what is hidden is "<5", what is not there is empty. */
void figures_csv(const struct figures_report *report, struct buf *out);
/** Rounded; 0 of 0. */
uint32_t figures_percent(const struct figures_share *share);
