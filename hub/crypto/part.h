#pragma once
/*
 * Sealing a file part by part (R-PD-12): XChaCha20-Poly1305 under a key that seals this file and
 * nothing else, so that the number of the part serves as nonce.
 */
#include "hub/crypto/identity.h"

#define PART_TAG_BYTES 16

/** Appends ciphertext and tag of part `number` (from 0) of `count`. */
void part_seal(const struct data_key *key, uint32_t number, uint32_t count, struct bytes plain,
               struct buf *out);
/** Appends the plain bytes. ERR_IO: damaged, another part, or another key. */
NODISCARD bool part_open(const struct data_key *key, uint32_t number, uint32_t count,
                         struct bytes sealed, struct buf *out, struct err *err);
