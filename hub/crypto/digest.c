#include "hub/crypto/digest.h"

#include "hub/crypto/secret.h"
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES 64

/*
 * OpenSSL is about three times faster than libsodium here, if the algorithm is fetched once per
 * process and the context kept per thread. Both are caches that no caller can observe.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static pthread_key_t context_key;
static _Thread_local EVP_MD_CTX *thread_context;

static void fail(void)
{
    fputs("SHA-256 of libcrypto does not work\n", stderr);
    abort();
}

static void free_context(void *context)
{
    EVP_MD_CTX_free(context);
}

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!sha256 || pthread_key_create(&context_key, free_context) != 0)
        fail();
}

static EVP_MD_CTX *start(void)
{
    if (!thread_context) {
        pthread_once(&once, fetch);
        thread_context = EVP_MD_CTX_new();
        if (!thread_context || pthread_setspecific(context_key, thread_context) != 0)
            fail();
    }
    if (EVP_DigestInit_ex2(thread_context, sha256, NULL) != 1)
        fail();
    return thread_context;
}

static void add(EVP_MD_CTX *context, struct bytes in)
{
    if (in.len > 0 && EVP_DigestUpdate(context, in.data, in.len) != 1)
        fail();
}

static void finish(EVP_MD_CTX *context, uint8_t out[32])
{
    if (EVP_DigestFinal_ex(context, out, NULL) != 1)
        fail();
}

bool oid_from(struct bytes in, struct oid *ret)
{
    if (in.len != OID_BYTES)
        return false;
    memcpy(ret->b, in.data, OID_BYTES);
    return true;
}

void digest_sha256(struct bytes in, uint8_t out[32])
{
    digest_sha256_parts(&in, 1, out);
}

void digest_sha256_parts(const struct bytes *parts, size_t count, uint8_t out[32])
{
    EVP_MD_CTX *context = start();
    for (size_t i = 0; i < count; i++)
        add(context, parts[i]);
    finish(context, out);
}

void digest_hmac(struct bytes key, struct bytes in, uint8_t out[32])
{
    /* RFC 2104 */
    uint8_t block[BLOCK_BYTES] = {0}, inner[32];
    if (key.len > BLOCK_BYTES)
        digest_sha256(key, block);
    else if (key.len > 0)
        memcpy(block, key.data, key.len);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        block[i] ^= 0x36;
    struct bytes parts[] = {{block, BLOCK_BYTES}, in};
    digest_sha256_parts(parts, 2, inner);
    for (size_t i = 0; i < BLOCK_BYTES; i++)
        block[i] ^= 0x36 ^ 0x5c;
    parts[1] = bytes_of(inner, sizeof(inner));
    digest_sha256_parts(parts, 2, out);
    secret_wipe(block, sizeof(block));
    secret_wipe(inner, sizeof(inner));
}
