#include "hub/crypto/sign.h"

#include "hub/crypto/secret.h"
#include <sodium.h>

struct sign_key {
    uint8_t secret[crypto_sign_SECRETKEYBYTES]; /* seed and public key */
    struct sign_public public_key;
};

struct sign_key *sign_key_create(const struct random_source *random)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    random_fill(random, seed, sizeof(seed));
    return sign_key_from_seed(seed);
}

struct sign_key *sign_key_from_seed(uint8_t seed[32])
{
    struct sign_key *key = secret_alloc(sizeof(*key));
    crypto_sign_seed_keypair(key->public_key.b, key->secret, seed);
    secret_wipe(seed, crypto_sign_SEEDBYTES);
    return key;
}

void sign_key_free(struct sign_key *key)
{
    secret_free(key);
}

const struct sign_public *sign_key_public(const struct sign_key *key)
{
    return &key->public_key;
}

void sign_key_seed(const struct sign_key *key, uint8_t out[32])
{
    crypto_sign_ed25519_sk_to_seed(out, key->secret);
}

void sign_bytes(const struct sign_key *key, struct bytes message, uint8_t sig[ED25519_SIG_BYTES])
{
    crypto_sign_detached(sig, NULL, message.data, message.len, key->secret);
}

/* y < p = 2^255 - 19, the sign bit aside. */
static bool is_canonical(const uint8_t key[ED25519_KEY_BYTES])
{
    if ((key[31] & 0x7f) != 0x7f)
        return true;
    for (size_t i = 30; i > 0; i--)
        if (key[i] != 0xff)
            return true;
    return key[0] < 0xed;
}

/* y of the points whose order divides 8; x and -x share it, so the sign bit is left out. */
static const uint8_t low_order_y[][ED25519_KEY_BYTES] = {
    {0x00}, /* order 4 */
    {0x01}, /* the neutral element */
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, /* order 2: y = -1 */
    {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
     0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
     0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}, /* order 8 */
    {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
     0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
     0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}, /* order 8 */
};

static bool is_low_order(const uint8_t key[ED25519_KEY_BYTES])
{
    uint8_t y[ED25519_KEY_BYTES];
    memcpy(y, key, sizeof(y));
    y[31] &= 0x7f;
    for (size_t i = 0; i < ARRAY_LEN(low_order_y); i++)
        if (memcmp(y, low_order_y[i], sizeof(y)) == 0)
            return true;
    return false;
}

bool sign_public_is_admissible(const struct sign_public *key)
{
    /*
     * Every other encoding of a low-order point has y >= p. The last test also refuses what is no
     * point at all and points outside the prime-order subgroup: no honest key is one, and their
     * signatures are the ones on which verifiers disagree (ed25519-speccheck, vector 3).
     */
    return is_canonical(key->b) && !is_low_order(key->b) &&
           crypto_core_ed25519_is_valid_point(key->b) == 1;
}

bool sign_verify(const struct sign_public *key, struct bytes message,
                 const uint8_t sig[ED25519_SIG_BYTES])
{
    /* libsodium refuses low-order and non-canonical keys itself, but a distribution may build it
     * with ED25519_COMPAT, which does not; ours cost nothing. */
    return is_canonical(key->b) && !is_low_order(key->b) &&
           crypto_sign_verify_detached(sig, message.data, message.len, key->b) == 0;
}
