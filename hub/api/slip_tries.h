#pragma once
/*
 * How many wrong codes of slips are answered.
 *
 * A code is 50 bits. With N codes alive, r tries a second over t seconds find one of them with a
 * probability of at most N r t / 2^50. All strangers together have 31.25 tries a second: against
 * 10,000 living codes, ten times what a busy hub has, who never stops finds one in 114 years; in
 * one year with 0.9 %; the first 20,000 at once add 0.00002 %. What a code opens is a
 * place, a time and neutral words, no name.
 *
 * Nobody shall spend the tries of all cheaply: an address has 10 and then 12 an hour, a line of
 * addresses (/24, /48) 80 and 24 an hour, a provider's block (/16, /32) 2,000 and one a second. To
 * keep everybody else's papers from opening takes 31 blocks, 4,700 lines and 9,400 addresses that
 * guess day and night. Who shares an address with such a guesser shares its tries.
 */
#include "hub/api/allowance.h"

#define SLIP_ADDRESS_BURST   10
#define SLIP_ADDRESS_EACH_MS (5 * 60 * 1000LL)
#define SLIP_LINE_BURST      80
#define SLIP_LINE_EACH_MS    (150 * 1000LL)
#define SLIP_BLOCK_BURST     2000
#define SLIP_BLOCK_EACH_MS   1000
#define SLIP_ALL_BURST       20000
#define SLIP_ALL_EACH_MS     32

NODISCARD struct allowance *slip_tries_create(const struct random_source *random);
