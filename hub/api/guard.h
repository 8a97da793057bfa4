#pragma once
/*
 * Slows down guessing of passphrases: every sign-in takes from a bucket of its account and from one
 * of the whole hub, a right passphrase gives both back. In memory; callable from any thread.
 */
#include "hub/base/attr.h"
#include "hub/base/clock.h"
#include "hub/base/random.h"
#include <stdbool.h>

#define GUARD_ACCOUNT_BURST   10
#define GUARD_ACCOUNT_EACH_MS 30000 /* one more try every half minute */
#define GUARD_ALL_BURST       200
#define GUARD_ALL_EACH_MS     200

struct guard;

NODISCARD struct guard *guard_create(const struct random_source *random);
void guard_free(struct guard *guard); /* NULL is fine */
AUTO_DEFINE(struct guard, guard_free)

/** False: too many wrong ones lately; nothing was taken. Works for names nobody has, too. */
NODISCARD bool guard_take(struct guard *guard, const char *name, struct wall now);
/** The passphrase was right. */
void guard_give_back(struct guard *guard, const char *name);
