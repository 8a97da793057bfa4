#include "hub/crypto/password.h"

#include "hub/base/bytes.h"
#include "hub/base/text.h"
#include "hub/crypto/digest.h"
#include "hub/crypto/secret.h"
#include <sodium.h>

#define CHARACTERS_MIN 12
#define BYTES_MAX      1024
#define PASSES         2
#define MEMORY_BYTES   ((size_t)19 << 20)
#define TOKEN_PREFIX   "mlt_"

_Static_assert(PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "the hash text must fit");

bool password_hash(const char *passphrase, char out[PASSWORD_HASH_MAX], struct err *err)
{
    struct bytes text = bytes_text(passphrase);
    if (text.len > BYTES_MAX)
        return err_set(err, ERR_INVALID, "the passphrase is longer than %d bytes", BYTES_MAX);
    if (!text_is_valid(text))
        return err_set(err, ERR_INVALID, "the passphrase is not text");
    if (text_length(text) < CHARACTERS_MIN)
        return err_set(err, ERR_INVALID, "the passphrase is shorter than %d characters",
                       CHARACTERS_MIN);
    char hash[crypto_pwhash_STRBYTES];
    if (crypto_pwhash_str(hash, passphrase, text.len, PASSES, MEMORY_BYTES) != 0)
        return err_set(err, ERR_LIMIT, "could not hash the passphrase: out of memory");
    memcpy(out, hash, sizeof(hash));
    return true;
}

bool password_verify(const char *hash, const char *passphrase)
{
    size_t len = strlen(passphrase);
    return len <= BYTES_MAX && crypto_pwhash_str_verify(hash, passphrase, len) == 0;
}

void token_create(const struct random_source *random, char out[TOKEN_TEXT], uint8_t ret_hash[32])
{
    uint8_t secret[32];
    random_fill(random, secret, sizeof(secret));
    memcpy(out, TOKEN_PREFIX, sizeof(TOKEN_PREFIX) - 1);
    base32_encode(bytes_of(secret, sizeof(secret)), out + sizeof(TOKEN_PREFIX) - 1);
    secret_wipe(secret, sizeof(secret));
    token_hash(out, ret_hash);
}

void token_hash(const char *token, uint8_t out[32])
{
    digest_sha256(bytes_text(token), out);
}
