#pragma once
/* Ed25519 (RFC 8032) with the admission check of R-ID-7. */
#include "hub/base/err.h"
#include "hub/base/random.h"
#include "hub/crypto/digest.h"

struct sign_public {
    uint8_t b[ED25519_KEY_BYTES];
};
struct sign_key; /* private half in guarded memory */

NODISCARD struct sign_key *sign_key_create(const struct random_source *random);
/** From a 32-byte seed, which is wiped. */
NODISCARD struct sign_key *sign_key_from_seed(uint8_t seed[32]);
void sign_key_free(struct sign_key *key); /* wipes; NULL is fine */
AUTO_DEFINE(struct sign_key, sign_key_free)
const struct sign_public *sign_key_public(const struct sign_key *key);
/** The 32-byte seed, for key files and recovery sheets only. */
void sign_key_seed(const struct sign_key *key, uint8_t out[32]);

/** Thread-safe. */
void sign_bytes(const struct sign_key *key, struct bytes message, uint8_t sig[ED25519_SIG_BYTES]);
/**
 * R-ID-7: false for the 8 low-order points in every encoding and for non-canonical encodings, and
 * for what lies outside the prime-order subgroup, which no honest key does. 35 us: at enrolment.
 */
bool sign_public_is_admissible(const struct sign_public *key);
/**
 * Cofactorless verification; false also for a low-order or non-canonical key. That the key was
 * admitted (subgroup) is the caller's: keys come from a kel. Thread-safe.
 */
bool sign_verify(const struct sign_public *key, struct bytes message,
                 const uint8_t sig[ED25519_SIG_BYTES]);
