#pragma once
/* How a quantity stands, as a bar: where its parts lie. Pure arithmetic. */
#include <stddef.h>
#include <stdint.h>

#define MEASURE_WHOLE 10000 /* hundredths of a percent */
#define MEASURE_MIN   200   /* what is not nothing is seen */

struct measure_span {
    unsigned x, width; /* of MEASURE_WHOLE */
};
/**
 * Parts of `whole` one after the other. Together never more than the bar; a part that is not 0 is
 * at least MEASURE_MIN wide, taken from the widest.
 * @param whole  0: nothing to show, all spans empty.
 */
void measure_spans(uint32_t whole, const uint32_t *parts, size_t count, struct measure_span *ret);
