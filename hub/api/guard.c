#include "hub/api/guard.h"

#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include <stdatomic.h>
#include <stdlib.h>

#define SLOTS 1024 /* names share a bucket now and then: the price of bounded memory */

/*
 * A bucket is the time at which it is full again (the generic cell rate algorithm): taking moves it
 * on by one interval, and it may be at most `burst` intervals ahead of now.
 */
struct guard {
    uint8_t key[16]; /* which names share a bucket cannot be computed from outside */
    atomic_int_fast64_t all;
    atomic_int_fast64_t slots[SLOTS];
};

struct guard *guard_create(const struct random_source *random)
{
    struct guard *guard = mem_alloc(sizeof(*guard));
    random_fill(random, guard->key, sizeof(guard->key));
    return guard;
}

void guard_free(struct guard *guard)
{
    free(guard);
}

static atomic_int_fast64_t *slot_of(struct guard *guard, const char *name)
{
    uint8_t hash[32];
    digest_sha256_parts(
        (const struct bytes[]){bytes_of(guard->key, sizeof(guard->key)), bytes_text(name)}, 2,
        hash);
    return &guard->slots[(hash[0] | (unsigned)hash[1] << 8) % SLOTS];
}

static bool bucket_take(atomic_int_fast64_t *full_at, int64_t now, int64_t each, int64_t burst)
{
    int64_t seen = atomic_load(full_at), next;
    do {
        next = (seen > now ? seen : now) + each;
        if (next - now > burst * each)
            return false;
    } while (!atomic_compare_exchange_weak(full_at, &seen, next));
    return true;
}

bool guard_take(struct guard *guard, const char *name, struct wall now)
{
    atomic_int_fast64_t *slot = slot_of(guard, name);
    if (!bucket_take(slot, now.ms, GUARD_ACCOUNT_EACH_MS, GUARD_ACCOUNT_BURST))
        return false;
    if (bucket_take(&guard->all, now.ms, GUARD_ALL_EACH_MS, GUARD_ALL_BURST))
        return true;
    atomic_fetch_sub(slot, GUARD_ACCOUNT_EACH_MS);
    return false;
}

void guard_give_back(struct guard *guard, const char *name)
{
    atomic_fetch_sub(slot_of(guard, name), GUARD_ACCOUNT_EACH_MS);
    atomic_fetch_sub(&guard->all, GUARD_ALL_EACH_MS);
}
