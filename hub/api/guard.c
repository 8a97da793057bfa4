#include "hub/api/guard.h"

#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

#define WAYS     8 /* records that a key may stand in: a stranger cannot choose whom he pushes out */
#define SETS     (GUARD_RECORDS / WAYS)
#define KEY_SIZE 16

struct record {
    uint64_t key;     /* 0: free */
    int64_t until_ms; /* of tries: no other one before; of a budget: when it is whole again */
    int64_t last_ms;  /* the last wrong one */
    uint32_t count;
};

/*
 * The reader looks at a sign-in first, a worker finds out whether it was right: the one thing that
 * lanes share, so it has a lock, held for the time of a look-up.
 */
struct guard {
    pthread_mutex_t lock;
    uint8_t secret[KEY_SIZE]; /* which keys share a set cannot be computed from outside */
    int64_t all_until_ms;
    struct record records[GUARD_RECORDS];
};

struct guard *guard_create(const struct random_source *random)
{
    struct guard *guard = mem_alloc(sizeof(*guard));
    random_fill(random, guard->secret, sizeof(guard->secret));
    pthread_mutex_init(&guard->lock, NULL);
    return guard;
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    pthread_mutex_destroy(&guard->lock);
    free(guard);
}

/* What one household of machines has in common: an IPv4 address, the first half of an IPv6 one. */
static struct bytes place_of(const char *address, uint8_t out[16])
{
    if (inet_pton(AF_INET6, address, out) == 1)
        return bytes_of(out, 8);
    if (inet_pton(AF_INET, address, out) == 1)
        return bytes_of(out, 4);
    return bytes_text(address);
}

static uint64_t key_of(const struct guard *guard, const char *kind, struct bytes a, struct bytes b)
{
    uint8_t hash[32], length = (uint8_t)a.len;
    const struct bytes parts[] = {bytes_of(guard->secret, sizeof(guard->secret)),
                                  bytes_of(kind, strlen(kind) + 1), bytes_of(&length, 1), a, b};
    uint64_t key;
    digest_sha256_parts(parts, ARRAY_LEN(parts), hash);
    memcpy(&key, hash, sizeof(key));
    return key ? key : 1;
}

static bool is_over(const struct record *record, int64_t now)
{
    return !record->key || (record->until_ms <= now && now - record->last_ms >= GUARD_FORGET_MS);
}

/* The record of `key`; a new one takes the place of what matters least. NULL: `find` only. */
static struct record *record_of(struct guard *guard, uint64_t key, int64_t now, bool make)
{
    struct record *set = &guard->records[key % SETS * WAYS], *least = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (is_over(&set[i], now))
            set[i] = (struct record){0};
        if (set[i].key == key)
            return &set[i];
        if (!set[i].key ||
            (least->key && (set[i].count < least->count ||
                            (set[i].count == least->count && set[i].last_ms < least->last_ms))))
            least = &set[i];
    }
    if (!make)
        return NULL;
    *least = (struct record){.key = key};
    return least;
}

static int64_t wait_after(uint32_t count)
{
    int64_t wait = GUARD_WAIT_MS;
    if (count < GUARD_FREE)
        return 0;
    for (uint32_t i = GUARD_FREE; i < count && wait < GUARD_WAIT_MAX_MS; i++)
        wait *= 2;
    return wait < GUARD_WAIT_MAX_MS ? wait : GUARD_WAIT_MAX_MS;
}

/* A budget is the time at which it is whole again (the generic cell rate algorithm): a try moves it
 * on by `each`, and it may be at most `burst` of them ahead. Returns how long to wait. */
static int64_t budget_wait(int64_t until, int64_t now, int64_t each, int64_t burst)
{
    int64_t next = (until > now ? until : now) + each;
    return next - now > burst * each ? next - now - burst * each : 0;
}

static void budget_take(int64_t *until, int64_t now, int64_t each)
{
    *until = (*until > now ? *until : now) + each;
}

struct keys {
    uint64_t tries, address; /* address 0: the budgets of strangers are not asked */
};

static struct keys keys_of(const struct guard *guard, const struct guard_try *try)
{
    uint8_t address[16];
    struct bytes name = bytes_text(try->account), place = place_of(try->address, address);
    const struct bytes none = {0};
    if (name.len > 255)
        name.len = 255;
    if (try->device[0])
        return (struct keys){.tries = key_of(guard, try->is_code ? "device code" : "device", name,
                                             bytes_text(try->device))};
    if (try->is_code)
        return (struct keys){.tries = key_of(guard, "code", name, none)};
    return (struct keys){.tries = key_of(guard, "try", name, place),
                         .address = key_of(guard, "address", place, none)};
}

static int64_t longest_wait(struct guard *guard, struct keys keys, int64_t now)
{
    const struct record *tries = record_of(guard, keys.tries, now, false), *address;
    int64_t wait = tries && tries->until_ms > now ? tries->until_ms - now : 0, other;
    if (!keys.address)
        return wait;
    address = record_of(guard, keys.address, now, false);
    other = budget_wait(address ? address->until_ms : 0, now, GUARD_ADDRESS_EACH_MS,
                        GUARD_ADDRESS_BURST);
    wait = other > wait ? other : wait;
    other = budget_wait(guard->all_until_ms, now, GUARD_ALL_EACH_MS, GUARD_ALL_BURST);
    return other > wait ? other : wait;
}

bool guard_take(struct guard *guard, const struct guard_try *try, struct wall now,
                int64_t *ret_wait_ms)
{
    pthread_mutex_lock(&guard->lock);
    struct keys keys = keys_of(guard, try);
    int64_t wait = longest_wait(guard, keys, now.ms);
    if (wait == 0) {
        if (keys.address) {
            struct record *address = record_of(guard, keys.address, now.ms, true);
            address->count++;
            address->last_ms = now.ms;
            budget_take(&address->until_ms, now.ms, GUARD_ADDRESS_EACH_MS);
            budget_take(&guard->all_until_ms, now.ms, GUARD_ALL_EACH_MS);
        }
        struct record *tries = record_of(guard, keys.tries, now.ms, true);
        tries->count++;
        tries->last_ms = now.ms;
        tries->until_ms = now.ms + wait_after(tries->count);
    }
    pthread_mutex_unlock(&guard->lock);
    if (wait > 0)
        *ret_wait_ms = wait;
    return wait == 0;
}

void guard_give_back(struct guard *guard, const struct guard_try *try, struct wall now)
{
    pthread_mutex_lock(&guard->lock);
    struct keys keys = keys_of(guard, try);
    struct record *tries = record_of(guard, keys.tries, now.ms, false),
                  *address = keys.address ? record_of(guard, keys.address, now.ms, false) : NULL;
    if (tries)
        *tries = (struct record){0};
    if (address) { /* only this one: an account of one's own must not wash away guesses at others */
        address->until_ms -= GUARD_ADDRESS_EACH_MS;
        address->count -= address->count > 0;
    }
    if (keys.address)
        guard->all_until_ms -= GUARD_ALL_EACH_MS;
    pthread_mutex_unlock(&guard->lock);
}
