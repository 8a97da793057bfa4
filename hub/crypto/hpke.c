#include "hub/crypto/hpke_internal.h"

#include "hub/crypto/secret.h"
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#define HASH_BYTES 32
#define PARTS_MAX  512 /* labels, contexts and keys below are all shorter together */

/* ChaCha20-Poly1305 of OpenSSL, about twice as fast as libsodium's; see digest.c for the caches. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *chacha;
static pthread_key_t context_key;
static _Thread_local EVP_CIPHER_CTX *thread_context;

static void fail(void)
{
    fputs("ChaCha20-Poly1305 of libcrypto does not work\n", stderr);
    abort();
}

static void free_context(void *context)
{
    EVP_CIPHER_CTX_free(context);
}

static void fetch(void)
{
    chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    if (!chacha || pthread_key_create(&context_key, free_context) != 0)
        fail();
}

static EVP_CIPHER_CTX *cipher_context(void)
{
    if (!thread_context) {
        pthread_once(&once, fetch);
        thread_context = EVP_CIPHER_CTX_new();
        if (!thread_context || pthread_setspecific(context_key, thread_context) != 0)
            fail();
    }
    return thread_context;
}

/* Leaves no key behind in the thread's context. */
static void forget_key(EVP_CIPHER_CTX *c)
{
    EVP_CIPHER_CTX_reset(c);
}

void aead_seal(const uint8_t key[32], const uint8_t nonce[HPKE_NONCE_BYTES], struct bytes aad,
               struct bytes pt, uint8_t *ct)
{
    EVP_CIPHER_CTX *c = cipher_context();
    int len = 0;
    if (pt.len > INT32_MAX || aad.len > INT32_MAX)
        fail();
    if (EVP_EncryptInit_ex2(c, chacha, key, nonce, NULL) != 1 ||
        (aad.len > 0 && EVP_EncryptUpdate(c, NULL, &len, aad.data, (int)aad.len) != 1) ||
        (pt.len > 0 && EVP_EncryptUpdate(c, ct, &len, pt.data, (int)pt.len) != 1) ||
        EVP_EncryptFinal_ex(c, ct + pt.len, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, HPKE_TAG_BYTES, ct + pt.len) != 1)
        fail();
    forget_key(c);
}

bool aead_open(const uint8_t key[32], const uint8_t nonce[HPKE_NONCE_BYTES], struct bytes aad,
               struct bytes ct, uint8_t *pt)
{
    if (ct.len < HPKE_TAG_BYTES || ct.len > INT32_MAX || aad.len > INT32_MAX)
        return false;
    EVP_CIPHER_CTX *c = cipher_context();
    size_t pt_len = ct.len - HPKE_TAG_BYTES;
    uint8_t tag[HPKE_TAG_BYTES], none[HPKE_TAG_BYTES];
    memcpy(tag, ct.data + pt_len, sizeof(tag));
    int len = 0;
    if (EVP_DecryptInit_ex2(c, chacha, key, nonce, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, HPKE_TAG_BYTES, tag) != 1)
        fail();
    bool ok = (aad.len == 0 || EVP_DecryptUpdate(c, NULL, &len, aad.data, (int)aad.len) == 1) &&
              (pt_len == 0 || EVP_DecryptUpdate(c, pt, &len, ct.data, (int)pt_len) == 1) &&
              EVP_DecryptFinal_ex(c, none, &len) == 1;
    forget_key(c);
    if (!ok && pt_len > 0)
        secret_wipe(pt, pt_len);
    return ok;
}

void hkdf_extract(struct bytes salt, struct bytes ikm, uint8_t prk[32])
{
    digest_hmac(salt, ikm, prk);
}

bool hkdf_expand(struct bytes prk, struct bytes info, uint8_t *out, size_t len)
{
    if (len > 255 * HASH_BYTES)
        return false;
    uint8_t block[HASH_BYTES];
    AUTO(buf_done) struct buf in = {0};
    size_t block_len = 0;
    for (uint8_t counter = 1; len > 0; counter++) {
        in.len = 0;
        buf_add(&in, block, block_len);
        buf_add_bytes(&in, info);
        buf_add(&in, &counter, 1);
        digest_hmac(prk, buf_bytes(&in), block);
        block_len = HASH_BYTES;
        size_t take = len < HASH_BYTES ? len : HASH_BYTES;
        memcpy(out, block, take);
        out += take;
        len -= take;
    }
    secret_wipe(block, sizeof(block));
    if (in.data)
        secret_wipe(in.data, in.cap);
    return true;
}

bool x25519(const uint8_t secret[32], const uint8_t public_key[32], uint8_t out[32])
{
    return crypto_scalarmult(out, secret, public_key) == 0;
}

void x25519_public(const uint8_t secret[32], uint8_t out[32])
{
    crypto_scalarmult_base(out, secret);
}

/* RFC 9180 section 4: suite ids of the KEM and of the whole. */
static const uint8_t suite_kem[] = {'K', 'E', 'M', 0x00, 0x20};
static const uint8_t suite_hpke[] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x03};
#define SUITE_KEM  bytes_of(suite_kem, sizeof(suite_kem))
#define SUITE_HPKE bytes_of(suite_hpke, sizeof(suite_hpke))

static void labeled_extract(struct bytes salt, struct bytes suite, const char *label,
                            struct bytes ikm, uint8_t out[32])
{
    AUTO(buf_done) struct buf in = {0};
    buf_reserve(&in, PARTS_MAX + ikm.len);
    buf_add_text(&in, "HPKE-v1");
    buf_add_bytes(&in, suite);
    buf_add_text(&in, label);
    buf_add_bytes(&in, ikm);
    hkdf_extract(salt, buf_bytes(&in), out);
    secret_wipe(in.data, in.len);
}

static bool labeled_expand(const uint8_t prk[32], struct bytes suite, const char *label,
                           struct bytes info, uint8_t *out, size_t len)
{
    if (len > 255 * HASH_BYTES)
        return false;
    AUTO(buf_done) struct buf in = {0};
    uint8_t length[2] = {(uint8_t)(len >> 8), (uint8_t)len};
    buf_reserve(&in, PARTS_MAX + info.len);
    buf_add(&in, length, sizeof(length));
    buf_add_text(&in, "HPKE-v1");
    buf_add_bytes(&in, suite);
    buf_add_text(&in, label);
    buf_add_bytes(&in, info);
    return hkdf_expand(bytes_of(prk, HASH_BYTES), buf_bytes(&in), out, len);
}

/* For lengths of this file, all far below the limit of hkdf_expand. */
static void must_expand(const uint8_t prk[32], struct bytes suite, const char *label,
                        struct bytes info, uint8_t *out, size_t len)
{
    if (!labeled_expand(prk, suite, label, info, out, len))
        abort();
}

static void extract_and_expand(const uint8_t dh[32], const uint8_t enc[32],
                               const uint8_t recipient[32], uint8_t ret_shared[32])
{
    uint8_t kem_context[64], prk[32];
    memcpy(kem_context, enc, 32);
    memcpy(kem_context + 32, recipient, 32);
    labeled_extract((struct bytes){0}, SUITE_KEM, "eae_prk", bytes_of(dh, 32), prk);
    must_expand(prk, SUITE_KEM, "shared_secret", bytes_of(kem_context, sizeof(kem_context)),
                ret_shared, 32);
    secret_wipe(prk, sizeof(prk));
}

bool hpke_encap(const uint8_t recipient[32], const uint8_t ephemeral_secret[32],
                uint8_t ret_enc[32], uint8_t ret_shared[32])
{
    uint8_t dh[32];
    if (!x25519(ephemeral_secret, recipient, dh))
        return false;
    x25519_public(ephemeral_secret, ret_enc);
    extract_and_expand(dh, ret_enc, recipient, ret_shared);
    secret_wipe(dh, sizeof(dh));
    return true;
}

bool hpke_decap(const uint8_t secret[32], const uint8_t recipient[32], const uint8_t enc[32],
                uint8_t ret_shared[32])
{
    uint8_t dh[32];
    if (!x25519(secret, enc, dh))
        return false;
    extract_and_expand(dh, enc, recipient, ret_shared);
    secret_wipe(dh, sizeof(dh));
    return true;
}

void hpke_key_schedule(const uint8_t shared[32], struct bytes info, struct hpke_context *ret)
{
    const struct bytes none = {0};
    uint8_t context[1 + 2 * HASH_BYTES] = {0}, secret[HASH_BYTES]; /* mode 0 = base */
    labeled_extract(none, SUITE_HPKE, "psk_id_hash", none, context + 1);
    labeled_extract(none, SUITE_HPKE, "info_hash", info, context + 1 + HASH_BYTES);
    labeled_extract(bytes_of(shared, HASH_BYTES), SUITE_HPKE, "secret", none, secret);
    struct bytes all = bytes_of(context, sizeof(context));
    must_expand(secret, SUITE_HPKE, "key", all, ret->key, sizeof(ret->key));
    must_expand(secret, SUITE_HPKE, "base_nonce", all, ret->base_nonce, sizeof(ret->base_nonce));
    must_expand(secret, SUITE_HPKE, "exp", all, ret->exporter_secret, sizeof(ret->exporter_secret));
    secret_wipe(secret, sizeof(secret));
}

void hpke_nonce(const struct hpke_context *context, uint64_t seq, uint8_t out[HPKE_NONCE_BYTES])
{
    memcpy(out, context->base_nonce, HPKE_NONCE_BYTES);
    for (size_t i = 0; i < sizeof(seq); i++)
        out[HPKE_NONCE_BYTES - 1 - i] ^= (uint8_t)(seq >> (8 * i));
}

bool hpke_export(const struct hpke_context *context, struct bytes exporter_context, uint8_t *out,
                 size_t len)
{
    return labeled_expand(context->exporter_secret, SUITE_HPKE, "sec", exporter_context, out, len);
}
