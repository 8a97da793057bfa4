/* Our clock against those of peers and of time servers: R-OB-7, F10. */
#include "federation/recovery_internal.h"

#include "hub/base/log.h"
#include <stdlib.h>

#define CLOCK_AGAIN_MS (6 * 3600000LL)
#define CLOCK_MOVED_MS 60000
#define CLOCKS_DECIDE  3 /* so many peers outvote a clock that was right and has not moved */

void recovery_note_clock(struct recovery *recovery, const struct link *link, uint64_t clock_ms)
{
    struct peer_clock *slot = NULL;
    if (!clock_ms || clock_ms > TIME_MAX_S * 1000)
        return;
    for (size_t i = 0; i < recovery->clock_count; i++)
        if (node_id_equal(&recovery->clocks[i].node, &link->node))
            slot = &recovery->clocks[i];
    if (!slot) {
        slot = &recovery->clocks[recovery->clock_next++ % RECOVERY_CLOCKS];
        if (recovery->clock_count < RECOVERY_CLOCKS)
            recovery->clock_count++;
    }
    slot->node = link->node;
    slot->base_ms = (int64_t)clock_ms - federation_now(recovery->federation).us / 1000;
    recovery->due = (struct mono){0};
    federation_due(recovery->federation, federation_now(recovery->federation));
}

static int by_base(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/** How far our clock is from the middle of the peers'; of two in the middle the nearer. */
static int64_t clock_off(const struct recovery *recovery, int64_t base_ms)
{
    int64_t sorted[RECOVERY_CLOCKS];
    size_t n = recovery->clock_count;
    for (size_t i = 0; i < n; i++)
        sorted[i] = recovery->clocks[i].base_ms;
    qsort(sorted, n, sizeof *sorted, by_base);
    int64_t low = base_ms - sorted[(n - 1) / 2], high = base_ms - sorted[n / 2];
    return llabs(low) < llabs(high) ? low : high;
}

static bool clock_apply(struct tx *tx, struct recovery_action *change, struct err *err)
{
    return authoring_clock_compared(tx, change->off_ms, err);
}

static void then_told(struct recovery_action *change, const struct err *err)
{
    struct recovery *recovery = change->federation->features[FEATURE_RECOVERY];
    recovery->telling = false;
    if (err->code != ERR_NONE)
        recovery->told = false;
}

/** R-OB-7. A time server in charge settles it; one or two peers do not outvote a clock that was
 * right and has run on since. */
void recovery_compare_clocks(struct recovery *recovery, struct mono now)
{
    struct federation *federation = recovery->federation;
    const struct clock *clock = federation->config.clock;
    int64_t base_ms = clock_wall(clock).ms - now.us / 1000, off_ms = 0;
    bool synced = clock_is_synced(clock);
    if (recovery->telling || (!synced && !recovery->clock_count))
        return;
    if (!synced)
        off_ms = clock_off(recovery, base_ms);
    bool right = llabs(off_ms) <= AUTHORING_CLOCK_OFF_MS;
    bool moved = recovery->told && llabs(base_ms - recovery->base_ms) > CLOCK_MOVED_MS;
    if (recovery->told && !moved && recovery->told_right && !right &&
        recovery->clock_count < CLOCKS_DECIDE)
        return;
    if (recovery->told && !moved && right == recovery->told_right &&
        now.us < mono_after_ms(recovery->told_at, CLOCK_AGAIN_MS).us)
        return;
    if (!right)
        log_line(LOG_WARN, "this clock differs from those of peers seconds=%lld",
                 (long long)(off_ms / 1000));
    recovery->told = recovery->telling = true;
    recovery->told_right = right;
    recovery->told_at = now;
    recovery->base_ms = base_ms;
    struct recovery_action *change = recovery_action(federation, NULL, clock_apply);
    change->off_ms = off_ms;
    change->then = then_told;
    recovery_submit(change);
}
