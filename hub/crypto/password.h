#pragma once
/* Passphrases (Argon2id, PHC strings) and bearer tokens. Slow on purpose: run in LANE_WORKER. */
#include "hub/base/err.h"
#include "hub/base/random.h"

#define PASSWORD_HASH_MAX 128
/** 19 MiB, 2 passes; ERR_INVALID under 12 characters or over 1,024 bytes. */
NODISCARD bool password_hash(const char *passphrase, char out[PASSWORD_HASH_MAX], struct err *err);
bool password_verify(const char *hash, const char *passphrase);

#define TOKEN_TEXT 57 /* "mlt_" + 52 base32 characters + NUL */
/** Random 256-bit token; store only `ret_hash` (SHA-256 of the text). */
void token_create(const struct random_source *random, char out[TOKEN_TEXT], uint8_t ret_hash[32]);
void token_hash(const char *token, uint8_t out[32]);
