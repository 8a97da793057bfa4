#pragma once
/*
 * Slows down guessing of passphrases and codes without giving strangers a way to lock somebody out.
 *
 * A try counts for the account *and the address it comes from*: five are free, then each has to
 * wait, twice as long as the one before; all tries of an address have a budget, and so have its
 * neighbours' and all of the hub (hub/api/allowance.h). A browser that has signed in before as that
 * account has tries of its own, which nobody else can use up. Codes of the second factor count for
 * the account alone: who gets so far knows the passphrase. Three of a million are right at any
 * time, so the waits grow to four hours and a week of quiet is asked for: who never stops has 2,200
 * a year and finds one with 0.7 %. What was right is given back. In memory, of fixed size; callable
 * from any thread.
 */
#include "hub/base/attr.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"
#include <stdbool.h>

#define GUARD_FREE             5 /* tries before the first wait */
#define GUARD_WAIT_MS          2000
#define GUARD_WAIT_MAX_MS      (15 * 60 * 1000LL)
#define GUARD_FORGET_MS        (3600 * 1000LL) /* after the last wrong one */
#define GUARD_CODE_WAIT_MAX_MS (4 * 3600 * 1000LL)
#define GUARD_CODE_FORGET_MS   (7 * 86400 * 1000LL)
#define GUARD_ADDRESS_BURST    40 /* a whole office behind one address */
#define GUARD_ADDRESS_EACH_MS  15000
#define GUARD_LINE_BURST       80 /* /24, /48 */
#define GUARD_LINE_EACH_MS     5000
#define GUARD_BLOCK_BURST      120 /* /16, /32 */
#define GUARD_BLOCK_EACH_MS    1000
#define GUARD_ALL_BURST        200
#define GUARD_ALL_EACH_MS      200
#define GUARD_RECORDS          8192

struct guard_try {
    const char *account; /* as typed: nobody needs to be called that */
    const char *address; /* numeric; of IPv6 the first 64 bits count; "": this machine */
    const char *device;  /* token of a browser known to this account, or of its session; "": none */
    bool is_code;        /* of the second factor, by somebody who knew the passphrase */
};

struct guard;

NODISCARD struct guard *guard_create(const struct random_source *random);
void guard_free(struct guard *guard); /* NULL is fine */
AUTO_DEFINE(struct guard, guard_free)

/**
 * Before anything is looked at: counts the try as a wrong one.
 * @return false: too many lately; nothing was counted, *ret_wait_ms says when to come back.
 */
NODISCARD bool guard_take(struct guard *guard, const struct guard_try *try, struct wall now,
                          int64_t *ret_wait_ms);
/** It was right: not counted after all, and the wrong ones before it are forgotten. */
void guard_give_back(struct guard *guard, const struct guard_try *try, struct wall now);
