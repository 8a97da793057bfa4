#pragma once
/*
 * What one peer may send (R-AB-5): token buckets for objects, bytes and new referrals, and a score
 * of what it did wrong or too much of. Pure: the clock comes in. Private to federation/.
 */
#include "hub/base/clock.h"
#include "hub/config.h"

struct budget {
    double objects, bytes, referrals; /* tokens; below zero: over the limit */
    struct mono at;
    double score; /* halves every BUDGET_SCORE_HALF_MS: 24 h wipe it out */
    struct mono score_at;
};

#define BUDGET_SCORE_HALF_MS (3 * 3600000LL)
#define BUDGET_BURST_S       32 /* seconds of the byte rate that may come at once */
/* points of the score */
#define BUDGET_OVER_RATE  1.0
#define BUDGET_BAD_OBJECT 5.0
#define BUDGET_VIOLATION  20.0

void budget_init(struct budget *budget, const struct config *config, struct mono now);
/** Charges what came; false: over the limit, give no credit. `objects-per-second` 0: never. */
bool budget_take(struct budget *budget, const struct config *config, struct mono now,
                 unsigned objects, size_t bytes);
/** So far over it that credit was ignored. */
bool budget_in_debt(struct budget *budget, const struct config *config, struct mono now);
/** One more new referral; false: too many a minute. */
bool budget_take_referral(struct budget *budget, const struct config *config, struct mono now);
void budget_mark(struct budget *budget, struct mono now, double points);
double budget_score(struct budget *budget, struct mono now);
