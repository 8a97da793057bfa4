#include "hub/outbox/retry.h"

#define SECOND_MS ((int64_t)1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

/* base * 2^attempt, at most cap. */
static int64_t grown(int64_t base, unsigned attempt, int64_t cap)
{
    for (; attempt > 0 && base < cap; attempt--)
        base *= 2;
    return base < cap ? base : cap;
}

/* Anywhere in (0, ceiling]: a crowd that lost the same hub comes back spread out. */
static int64_t full_jitter(int64_t ceiling, const struct random_source *random)
{
    return 1 + (int64_t)random_below(random, (uint64_t)ceiling);
}

int64_t retry_delay_ms(enum retry_class retry_class, unsigned attempt, int64_t silent_ms,
                       uint32_t retry_after_s, const struct random_source *random)
{
    switch (retry_class) {
    case RETRY_UNREACHABLE: {
        int64_t cap = silent_ms >= 7 * DAY_MS ? 6 * HOUR_MS : 15 * MINUTE_MS;
        return full_jitter(grown(2 * SECOND_MS, attempt, cap), random);
    }
    case RETRY_TEMPORARY: {
        /* Never before the peer wants it, and never later than a day whatever it says. */
        int64_t wait = retry_after_s > 0 ? grown(retry_after_s * SECOND_MS, 0, DAY_MS)
                                         : grown(MINUTE_MS, attempt, 4 * HOUR_MS);
        return wait + (int64_t)random_below(random, (uint64_t)wait / 8 + 1);
    }
    case RETRY_HOME:
        return full_jitter(grown(SECOND_MS, attempt, 5 * MINUTE_MS), random);
    case RETRY_RECONNECT:
        return full_jitter(grown(SECOND_MS, attempt, 30 * MINUTE_MS), random);
    }
    return HOUR_MS;
}

int64_t retry_receipt_ms(unsigned attempt)
{
    return grown(30 * MINUTE_MS, attempt, DAY_MS);
}
