#include "hub/web/measure.h"

static size_t widest(const struct measure_span *spans, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (spans[i].width > spans[best].width)
            best = i;
    return best;
}

void measure_spans(uint32_t whole, const uint32_t *parts, size_t count, struct measure_span *ret)
{
    uint64_t before = 0;
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t after = before + parts[i];
        uint64_t from = whole ? before * MEASURE_WHOLE / whole : 0;
        uint64_t to = whole ? after * MEASURE_WHOLE / whole : 0;
        from = from < MEASURE_WHOLE ? from : MEASURE_WHOLE;
        to = to < MEASURE_WHOLE ? to : MEASURE_WHOLE;
        ret[i].width = (unsigned)(to - from);
        if (whole && parts[i] && ret[i].width < MEASURE_MIN)
            ret[i].width = MEASURE_MIN;
        sum += ret[i].width;
        before = after;
    }
    while (sum > MEASURE_WHOLE) { /* many small parts were made wider */
        size_t i = widest(ret, count);
        unsigned less = sum - MEASURE_WHOLE;
        unsigned can = ret[i].width > MEASURE_MIN ? ret[i].width - MEASURE_MIN : ret[i].width;
        less = less < can ? less : can;
        ret[i].width -= less;
        sum -= less;
    }
    unsigned x = 0;
    for (size_t i = 0; i < count; i++) {
        ret[i].x = x;
        x += ret[i].width;
    }
}
