/* Data at rest under a key of its own (R-PR-1): XChaCha20-Poly1305. */
#include "hub/crypto/identity.h"
#include <sodium.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES

void data_encrypt(const struct data_key *key, const struct random_source *random, struct bytes aad,
                  struct bytes plain, struct buf *out)
{
    uint8_t *at = buf_reserve(out, NONCE_BYTES + plain.len + TAG_BYTES);
    random_fill(random, at, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(at + NONCE_BYTES, NULL, plain.data, plain.len,
                                               aad.data, aad.len, NULL, at, key->b);
    out->len += NONCE_BYTES + plain.len + TAG_BYTES;
}

bool data_decrypt(const struct data_key *key, struct bytes aad, struct bytes stored,
                  struct buf *out, struct err *err)
{
    if (stored.len < NONCE_BYTES + TAG_BYTES)
        return err_set(err, ERR_IO, "cannot decrypt stored data: too short");
    size_t plain_len = stored.len - NONCE_BYTES - TAG_BYTES;
    uint8_t *at = buf_reserve(out, plain_len);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(at, NULL, NULL, stored.data + NONCE_BYTES,
                                                   stored.len - NONCE_BYTES, aad.data, aad.len,
                                                   stored.data, key->b) != 0)
        return err_set(err, ERR_IO, "cannot decrypt stored data: damaged, or not of this key");
    out->len += plain_len;
    return true;
}
