#include "hub/base/counters.h"

const struct counter_info counter_infos[] = {
#define X(name, help) {#name, help, offsetof(struct counters, name)},
    COUNTER_TABLE(X)
#undef X
        {NULL, NULL, 0},
};

uint64_t counter_value(const struct counters *counters, const struct counter_info *info)
{
    const void *at = (const char *)counters + info->offset;
    return atomic_load_explicit((const atomic_uint_fast64_t *)at, memory_order_relaxed);
}
