#pragma once
/* Keys for a log, and the time at which it is written. Include after <cmocka.h>. */
#include "hub/crypto/kel.h"
#include "tests/support/fake.h"

#define NOW_S 1800000000u
#define KEYS  8

static struct sign_key *keys[KEYS];
static const struct wall now = {(int64_t)NOW_S * 1000};

static inline int make_keys(void **state)
{
    struct fake_random random;
    (void)state;
    fake_random_init(&random, 1);
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = sign_key_create(&random.source);
    return 0;
}

static inline int free_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEYS; i++)
        sign_key_free(keys[i]);
    return 0;
}

static inline const struct sign_public *pub(size_t key)
{
    return sign_key_public(keys[key]);
}
