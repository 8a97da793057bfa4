#include "federation/budget.h"

#include "proto/limits.h"

/* What may be under way honestly when credit ends: the windows of both ends of a session change. */
#define DEBT_MAX       (4.0 * LINK_WINDOW_OBJECTS)
#define DEBT_BYTES_MAX (4.0 * 16777216.0)

static double byte_burst(const struct config *config)
{
    return (double)config->bytes_per_second * BUDGET_BURST_S;
}

void budget_init(struct budget *budget, const struct config *config, struct mono now)
{
    *budget = (struct budget){
        .objects = (double)config->objects_burst,
        .bytes = byte_burst(config),
        .referrals = (double)config->referrals_per_minute,
        .at = now,
        .score_at = now,
    };
}

static double refilled(double tokens, double rate, double most, double seconds)
{
    tokens += rate * seconds;
    return tokens < most ? tokens : most;
}

static void refill(struct budget *budget, const struct config *config, struct mono now)
{
    double seconds = (double)(now.us - budget->at.us) / 1e6;
    if (seconds <= 0)
        return;
    budget->at = now;
    budget->objects = refilled(budget->objects, (double)config->objects_per_second,
                               (double)config->objects_burst, seconds);
    budget->bytes =
        refilled(budget->bytes, (double)config->bytes_per_second, byte_burst(config), seconds);
    budget->referrals = refilled(budget->referrals, (double)config->referrals_per_minute / 60.0,
                                 (double)config->referrals_per_minute, seconds);
}

static bool counts_bytes(const struct config *config)
{
    return config->bytes_per_second > 0;
}

bool budget_take(struct budget *budget, const struct config *config, struct mono now,
                 unsigned objects, size_t bytes)
{
    if (!config->objects_per_second)
        return true;
    refill(budget, config, now);
    budget->objects -= objects;
    if (counts_bytes(config))
        budget->bytes -= (double)bytes;
    return budget->objects >= 0 && (!counts_bytes(config) || budget->bytes >= 0);
}

bool budget_in_debt(struct budget *budget, const struct config *config, struct mono now)
{
    if (!config->objects_per_second)
        return false;
    refill(budget, config, now);
    return budget->objects < -DEBT_MAX || (counts_bytes(config) && budget->bytes < -DEBT_BYTES_MAX);
}

bool budget_take_referral(struct budget *budget, const struct config *config, struct mono now)
{
    if (!config->referrals_per_minute)
        return true;
    refill(budget, config, now);
    if (budget->referrals < 1)
        return false;
    budget->referrals -= 1;
    return true;
}

double budget_score(struct budget *budget, struct mono now)
{
    int64_t half_us = BUDGET_SCORE_HALF_MS * 1000;
    while (now.us - budget->score_at.us >= half_us && budget->score > 0) {
        budget->score_at.us += half_us;
        budget->score = budget->score >= 0.5 ? budget->score / 2 : 0;
    }
    if (budget->score <= 0)
        budget->score_at = now;
    return budget->score;
}

void budget_mark(struct budget *budget, struct mono now, double points)
{
    budget->score = budget_score(budget, now) + points;
}
