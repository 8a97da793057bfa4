#pragma once
/*
 * How many wrong tries strangers have who show nothing but an address. One address is cheap to
 * change for others next to it, so each size of neighbourhood has its budget: the address (of IPv6
 * the first 64 bits, one household), the line it came over (/24, /48), the provider's block (/16,
 * /32), and everybody together. Who wants to use up the last one needs many of all the others. In
 * memory, of fixed size; callable from any thread.
 */
#include "hub/base/attr.h"
#include "hub/base/bytes.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"
#include <stdbool.h>

#define ALLOWANCE_RECORDS 16384 /* a multiple of the ways */

struct budget_rule {
    int64_t burst, each_ms; /* so many at once, then one each */
};
struct allowance_rules {
    struct budget_rule address, line, block, all;
};

struct allowance;

NODISCARD struct allowance *allowance_create(const struct allowance_rules *rules,
                                             const struct random_source *random);
void allowance_free(struct allowance *allowance); /* NULL is fine */
AUTO_DEFINE(struct allowance, allowance_free)

/** Takes one from every budget of `address` ("": this machine). @return 0, or how long until there
 * is one: nothing was taken. */
NODISCARD int64_t allowance_take(struct allowance *allowance, const char *address, struct wall now);
/** It was no wrong one. What was wrong before stays taken: something right of one's own must not
 * wash away guesses. */
void allowance_give_back(struct allowance *allowance, const char *address);

/** The first half of an IPv6 address, an IPv4 address whole, however it is written; else the text.
 */
struct bytes allowance_household(const char *address, uint8_t out[16]);
