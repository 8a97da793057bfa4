#pragma once
/* The pieces of HPKE (RFC 9180), for hpke.c, seal.c and the vectors that prove them one by one. */
#include "hub/base/err.h"
#include "hub/crypto/digest.h"

#define HPKE_TAG_BYTES   16
#define HPKE_NONCE_BYTES 12

struct hpke_context {
    uint8_t key[32], base_nonce[HPKE_NONCE_BYTES], exporter_secret[32];
};

/* RFC 5869 */
void hkdf_extract(struct bytes salt, struct bytes ikm, uint8_t prk[32]);
/** False over 255 * 32 bytes. */
NODISCARD bool hkdf_expand(struct bytes prk, struct bytes info, uint8_t *out, size_t len);
/** RFC 7748; false when the result is zero (`public_key` is of low order). */
NODISCARD bool x25519(const uint8_t secret[32], const uint8_t public_key[32], uint8_t out[32]);
void x25519_public(const uint8_t secret[32], uint8_t out[32]);

/* RFC 8439; `ct` takes in.len + 16 and may be the plaintext's own place. */
void aead_seal(const uint8_t key[32], const uint8_t nonce[HPKE_NONCE_BYTES], struct bytes aad,
               struct bytes pt, uint8_t *ct);
/** False and `pt` wiped when the tag does not fit; `ct` holds at least the tag. */
NODISCARD bool aead_open(const uint8_t key[32], const uint8_t nonce[HPKE_NONCE_BYTES],
                         struct bytes aad, struct bytes ct, uint8_t *pt);

/** RFC 9180 section 4.1: shared secret of the sender; false for a recipient key of low order. */
NODISCARD bool hpke_encap(const uint8_t recipient[32], const uint8_t ephemeral_secret[32],
                          uint8_t ret_enc[32], uint8_t ret_shared[32]);
NODISCARD bool hpke_decap(const uint8_t secret[32], const uint8_t recipient[32],
                          const uint8_t enc[32], uint8_t ret_shared[32]);
/** RFC 9180 section 5.1, mode base. Wipe the context after use. */
void hpke_key_schedule(const uint8_t shared[32], struct bytes info, struct hpke_context *ret);
void hpke_nonce(const struct hpke_context *context, uint64_t seq, uint8_t out[HPKE_NONCE_BYTES]);
NODISCARD bool hpke_export(const struct hpke_context *context, struct bytes exporter_context,
                           uint8_t *out, size_t len);
