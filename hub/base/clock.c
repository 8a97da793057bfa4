#include "hub/base/clock.h"

#include "hub/base/attr.h"
#include <sys/timex.h>
#include <time.h>

static struct wall system_wall(void *ctx UNUSED)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (struct wall){(int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000};
}

static struct mono system_mono(void *ctx UNUSED)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (struct mono){(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
}

static bool system_is_synced(void *ctx UNUSED)
{
    struct timex state = {0};
    return adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC);
}

const struct clock clock_system = {system_wall, system_mono, NULL, system_is_synced};
