#pragma once
/* When to try again: pure functions of attempt count, error class and randomness (R-PD-9, R-SE-8).
 */
#include "hub/base/clock.h"
#include "hub/base/random.h"

enum retry_class {
    RETRY_UNREACHABLE, /* no budget: full jitter 2 s .. 15 min, .. 6 h after 7 d of silence */
    RETRY_TEMPORARY,   /* honours retry_after, else 1 min .. 4 h */
    RETRY_RECONNECT,   /* full jitter, base 1 s, factor 2, cap 30 min */
    RETRY_HOME,        /* the same to a home relay of ours, cap 5 min */
};
/** Milliseconds until the next try. @param attempt 0 for the first retry; @param silent_ms since
 * last success. */
int64_t retry_delay_ms(enum retry_class retry_class, unsigned attempt, int64_t silent_ms,
                       uint32_t retry_after_s, const struct random_source *random);
/** Receipt clock: 30 min doubling to 24 h. */
int64_t retry_receipt_ms(unsigned attempt);
