#pragma once
/*
 * How good the entry of a service is, and what to mend next (PRODUCT.md 5.3): the mean of what
 * applies, each from 0 to 1. Shown to who keeps the entry, never used to rank.
 */
#include "hub/domain/directory.h"

#define QUALITY_TABLE(X)                                              \
    X(QUALITY_REACH, "reach")     /* how to get there, said */        \
    X(QUALITY_CONTACT, "contact") /* what that way needs */           \
    X(QUALITY_PLACE, "place")     /* on the spot: where */            \
    X(QUALITY_THEME, "theme")                                         \
    X(QUALITY_TEXT, "text") /* 200 to 2,000 characters */             \
    X(QUALITY_PRICE, "price")                                         \
    X(QUALITY_PUBLIC, "public")                                       \
    X(QUALITY_CAPACITY, "capacity") /* own: said, and not long ago */ \
    X(QUALITY_AGE, "age")           /* 1 to 6 months, 0 at 2 years */

enum quality_part {
#define X(name, code) name,
    QUALITY_TABLE(X)
#undef X
        QUALITY_COUNT
};
/** "" for QUALITY_COUNT. */
const char *quality_code(enum quality_part part);

struct quality {
    double score;           /* 0 to 1 */
    enum quality_part next; /* what gains most, the first of equals; QUALITY_COUNT: nothing */
};
/** "good", "fair" or "poor": how the keeper of an entry is told. */
const char *quality_level(double score);
struct quality quality_of(const struct directory_service *service, struct wall now);
