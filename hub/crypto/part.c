#include "hub/crypto/part.h"

#include <sodium.h>

#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define LABEL       "hfp/attachment/v1"
#define AAD_BYTES   (sizeof(LABEL) + 8) /* the label ends with its NUL */

_Static_assert(PART_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES, "the tag of a part");

static void put_u32le(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static void bind_part(uint32_t number, uint32_t count, uint8_t nonce[NONCE_BYTES],
                      uint8_t aad[AAD_BYTES])
{
    memset(nonce, 0, NONCE_BYTES);
    put_u32le(nonce, number);
    memcpy(aad, LABEL, sizeof(LABEL));
    put_u32le(aad + sizeof(LABEL), number);
    put_u32le(aad + sizeof(LABEL) + 4, count);
}

void part_seal(const struct data_key *key, uint32_t number, uint32_t count, struct bytes plain,
               struct buf *out)
{
    uint8_t nonce[NONCE_BYTES], aad[AAD_BYTES];
    uint8_t *at = buf_reserve(out, plain.len + PART_TAG_BYTES);
    bind_part(number, count, nonce, aad);
    crypto_aead_xchacha20poly1305_ietf_encrypt(at, NULL, plain.data, plain.len, aad, sizeof(aad),
                                               NULL, nonce, key->b);
    out->len += plain.len + PART_TAG_BYTES;
}

bool part_open(const struct data_key *key, uint32_t number, uint32_t count, struct bytes sealed,
               struct buf *out, struct err *err)
{
    uint8_t nonce[NONCE_BYTES], aad[AAD_BYTES];
    if (sealed.len < PART_TAG_BYTES)
        return err_set(err, ERR_IO, "cannot open a part of an attachment: too short");
    uint8_t *at = buf_reserve(out, sealed.len);
    bind_part(number, count, nonce, aad);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(at, NULL, NULL, sealed.data, sealed.len, aad,
                                                   sizeof(aad), nonce, key->b) != 0)
        return err_set(err, ERR_IO, "cannot open a part of an attachment: damaged or out of place");
    out->len += sealed.len - PART_TAG_BYTES;
    return true;
}
