#include "hub/api/guard.h"

#include "hub/api/allowance.h"
#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include <pthread.h>
#include <stdlib.h>

#define WAYS     8 /* records that a key may stand in: a stranger cannot choose whom he pushes out */
#define SETS     (GUARD_RECORDS / WAYS)
#define KEY_SIZE 16

struct record {
    uint64_t key;     /* 0: free */
    int64_t until_ms; /* no other one before */
    int64_t last_ms;  /* the last wrong one */
    uint32_t count;
    bool is_code;
};

/*
 * The reader looks at a sign-in first, a worker finds out whether it was right: the one thing that
 * lanes share, so it has a lock, held for the time of a look-up.
 */
struct guard {
    pthread_mutex_t lock;
    uint8_t secret[KEY_SIZE]; /* which keys share a set cannot be computed from outside */
    struct allowance *strangers;
    struct record records[GUARD_RECORDS];
};

struct guard *guard_create(const struct random_source *random)
{
    static const struct allowance_rules rules = {
        .address = {GUARD_ADDRESS_BURST, GUARD_ADDRESS_EACH_MS},
        .line = {GUARD_LINE_BURST, GUARD_LINE_EACH_MS},
        .block = {GUARD_BLOCK_BURST, GUARD_BLOCK_EACH_MS},
        .all = {GUARD_ALL_BURST, GUARD_ALL_EACH_MS},
    };
    struct guard *guard = mem_alloc(sizeof(*guard));
    random_fill(random, guard->secret, sizeof(guard->secret));
    guard->strangers = allowance_create(&rules, random);
    pthread_mutex_init(&guard->lock, NULL);
    return guard;
}

void guard_free(struct guard *guard)
{
    if (!guard)
        return;
    pthread_mutex_destroy(&guard->lock);
    allowance_free(guard->strangers);
    free(guard);
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
    int64_t quiet = record->is_code ? GUARD_CODE_FORGET_MS : GUARD_FORGET_MS;
    return !record->key || (record->until_ms <= now && now - record->last_ms >= quiet);
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

static int64_t longest_wait(bool is_code)
{
    return is_code ? GUARD_CODE_WAIT_MAX_MS : GUARD_WAIT_MAX_MS;
}

static int64_t wait_after(uint32_t count, bool is_code)
{
    int64_t wait = GUARD_WAIT_MS, most = longest_wait(is_code);
    if (count < GUARD_FREE)
        return 0;
    for (uint32_t i = GUARD_FREE; i < count && wait < most; i++)
        wait *= 2;
    return wait < most ? wait : most;
}

/* The tries that this one counts among. */
static uint64_t tries_of(const struct guard *guard, const struct guard_try *try)
{
    uint8_t address[16];
    struct bytes name = bytes_text(try->account), none = {0};
    if (name.len > 255)
        name.len = 255;
    if (try->device[0])
        return key_of(guard, try->is_code ? "device code" : "device", name,
                      bytes_text(try->device));
    if (try->is_code)
        return key_of(guard, "code", name, none);
    return key_of(guard, "try", name, allowance_household(try->address, address));
}

/* Nobody knows anything of who tries but the address. */
static bool is_strange(const struct guard_try *try)
{
    return !try->device[0] && !try->is_code;
}

bool guard_take(struct guard *guard, const struct guard_try *try, struct wall now,
                int64_t *ret_wait_ms)
{
    pthread_mutex_lock(&guard->lock);
    uint64_t key = tries_of(guard, try);
    struct record *tries = record_of(guard, key, now.ms, false);
    if (tries && tries->until_ms > now.ms + longest_wait(try->is_code)) /* the clock was set back */
        tries->until_ms = now.ms;
    int64_t wait = tries && tries->until_ms > now.ms ? tries->until_ms - now.ms : 0;
    if (wait == 0 && is_strange(try))
        wait = allowance_take(guard->strangers, try->address, now);
    if (wait == 0) {
        tries = record_of(guard, key, now.ms, true);
        tries->count++;
        tries->last_ms = now.ms;
        tries->is_code = try->is_code;
        tries->until_ms = now.ms + wait_after(tries->count, try->is_code);
    }
    pthread_mutex_unlock(&guard->lock);
    if (wait > 0)
        *ret_wait_ms = wait;
    return wait == 0;
}

void guard_give_back(struct guard *guard, const struct guard_try *try, struct wall now)
{
    pthread_mutex_lock(&guard->lock);
    struct record *tries = record_of(guard, tries_of(guard, try), now.ms, false);
    if (tries)
        *tries = (struct record){0};
    pthread_mutex_unlock(&guard->lock);
    if (is_strange(try))
        allowance_give_back(guard->strangers, try->address);
}
