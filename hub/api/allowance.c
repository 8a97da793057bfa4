#include "hub/api/allowance.h"

#include "hub/base/mem.h"
#include "hub/crypto/digest.h"
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>

#define WAYS     8 /* records that a key may stand in: a stranger cannot choose whom he pushes out */
#define SETS     (ALLOWANCE_RECORDS / WAYS)
#define LEVELS   3
#define KEY_SIZE 16

/* A budget is the time at which it is whole again (the generic cell rate algorithm): a try moves it
 * on by `each`, and it may be at most `burst` of them ahead. */
struct budget {
    uint64_t key; /* 0: free */
    int64_t until_ms;
    int64_t each_ms;
};

struct allowance {
    pthread_mutex_t lock;
    uint8_t secret[KEY_SIZE]; /* which keys share a set cannot be computed from outside */
    struct budget_rule levels[LEVELS], all_rule;
    struct budget all;
    struct budget budgets[ALLOWANCE_RECORDS];
};

struct allowance *allowance_create(const struct allowance_rules *rules,
                                   const struct random_source *random)
{
    struct allowance *allowance = mem_alloc(sizeof(*allowance));
    allowance->levels[0] = rules->address;
    allowance->levels[1] = rules->line;
    allowance->levels[2] = rules->block;
    allowance->all_rule = rules->all;
    allowance->all.each_ms = rules->all.each_ms;
    random_fill(random, allowance->secret, sizeof(allowance->secret));
    pthread_mutex_init(&allowance->lock, NULL);
    return allowance;
}

void allowance_free(struct allowance *allowance)
{
    if (!allowance)
        return;
    pthread_mutex_destroy(&allowance->lock);
    free(allowance);
}

/* Addresses. */

/* Networks of an address, the narrowest first. */
struct networks {
    uint8_t address[16];
    struct bytes of[LEVELS];
};

static bool is_mapped(const uint8_t address[16])
{
    static const uint8_t prefix[12] = {[10] = 0xff, 0xff};
    return memcmp(address, prefix, sizeof(prefix)) == 0;
}

static struct networks networks_of(const char *address)
{
    static const size_t bytes_v4[LEVELS] = {4, 3, 2}, bytes_v6[LEVELS] = {8, 6, 4};
    struct networks networks = {0};
    bool is_v6 = inet_pton(AF_INET6, address, networks.address) == 1;
    bool is_v4 = !is_v6 && inet_pton(AF_INET, address, networks.address) == 1;
    if (is_v6 && is_mapped(networks.address)) {
        memmove(networks.address, networks.address + 12, 4);
        is_v4 = true;
    }
    for (size_t i = 0; i < LEVELS; i++)
        networks.of[i].len = is_v4 ? bytes_v4[i] : bytes_v6[i];
    if (!is_v4 && !is_v6)
        for (size_t i = 0; i < LEVELS; i++)
            networks.of[i] = bytes_text(address);
    return networks;
}

static struct bytes network(const struct networks *networks, size_t level)
{
    struct bytes of = networks->of[level];
    return of.data ? of : bytes_of(networks->address, of.len);
}

struct bytes allowance_household(const char *address, uint8_t out[16])
{
    struct networks networks = networks_of(address);
    if (networks.of[0].data)
        return networks.of[0];
    memcpy(out, networks.address, sizeof(networks.address));
    return bytes_of(out, networks.of[0].len);
}

static uint64_t key_of(const struct allowance *allowance, size_t level, struct bytes of)
{
    uint8_t hash[32], head[2] = {(uint8_t)level, (uint8_t)of.len};
    const struct bytes parts[] = {bytes_of(allowance->secret, sizeof(allowance->secret)),
                                  bytes_of(head, sizeof(head)), of};
    uint64_t key;
    digest_sha256_parts(parts, ARRAY_LEN(parts), hash);
    memcpy(&key, hash, sizeof(key));
    return key ? key : 1;
}

/* Budgets. */

static int64_t owed(const struct budget *budget, int64_t now)
{
    return budget->key && budget->until_ms > now ? (budget->until_ms - now) / budget->each_ms + 1
                                                 : 0;
}

/* The budget of `key`; a new one takes the place of what is owed least. NULL: `find` only. */
static struct budget *budget_of(struct allowance *allowance, uint64_t key, int64_t now, bool make)
{
    struct budget *set = &allowance->budgets[key % SETS * WAYS], *least = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].key == key)
            return &set[i];
        if (owed(&set[i], now) < owed(least, now))
            least = &set[i];
    }
    if (!make)
        return NULL;
    *least = (struct budget){.key = key};
    return least;
}

/* How long until one more is free. More than all of it is owed when the clock was set back: then
 * nobody knows, and nobody waits. */
static int64_t wait_of(struct budget *budget, const struct budget_rule *rule, int64_t now)
{
    int64_t most = now + rule->burst * rule->each_ms;
    if (budget->until_ms > most)
        budget->until_ms = now;
    int64_t next = (budget->until_ms > now ? budget->until_ms : now) + rule->each_ms;
    return next > most ? next - most : 0;
}

static void take(struct budget *budget, const struct budget_rule *rule, int64_t now)
{
    budget->each_ms = rule->each_ms;
    budget->until_ms = (budget->until_ms > now ? budget->until_ms : now) + rule->each_ms;
}

int64_t allowance_take(struct allowance *allowance, const char *address, struct wall now)
{
    struct networks networks = networks_of(address);
    uint64_t keys[LEVELS];
    pthread_mutex_lock(&allowance->lock);
    int64_t wait = wait_of(&allowance->all, &allowance->all_rule, now.ms);
    for (size_t i = 0; i < LEVELS; i++) {
        keys[i] = key_of(allowance, i, network(&networks, i));
        struct budget *budget = budget_of(allowance, keys[i], now.ms, false);
        int64_t one = budget ? wait_of(budget, &allowance->levels[i], now.ms) : 0;
        wait = one > wait ? one : wait;
    }
    if (wait == 0) {
        take(&allowance->all, &allowance->all_rule, now.ms);
        for (size_t i = 0; i < LEVELS; i++)
            take(budget_of(allowance, keys[i], now.ms, true), &allowance->levels[i], now.ms);
    }
    pthread_mutex_unlock(&allowance->lock);
    return wait;
}

void allowance_give_back(struct allowance *allowance, const char *address)
{
    struct networks networks = networks_of(address);
    pthread_mutex_lock(&allowance->lock);
    allowance->all.until_ms -= allowance->all_rule.each_ms;
    for (size_t i = 0; i < LEVELS; i++) {
        uint64_t key = key_of(allowance, i, network(&networks, i));
        struct budget *budget = budget_of(allowance, key, INT64_MAX, false);
        if (budget)
            budget->until_ms -= allowance->levels[i].each_ms;
    }
    pthread_mutex_unlock(&allowance->lock);
}
