#pragma once
/*
 * HPKE base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305 (RFC 9180), and on top
 * of it the Sealed object (R-PD-1): a padded Parcel that only one organisation can read.
 */
#include "hub/base/arena.h"
#include "hub/base/clock.h"
#include "hub/base/err.h"
#include "hub/base/random.h"
#include "hub/crypto/node_id.h"

struct seal_key; /* X25519 private key in guarded memory */

NODISCARD struct seal_key *seal_key_create(const struct random_source *random);
NODISCARD struct seal_key *seal_key_from_secret(uint8_t secret[32]); /* wipes `secret` */
void seal_key_free(struct seal_key *key);
AUTO_DEFINE(struct seal_key, seal_key_free)
void seal_key_public(const struct seal_key *key, uint8_t out[X25519_KEY_BYTES]);
void seal_key_secret(const struct seal_key *key, uint8_t out[32]); /* key files only */
/** False for a point of low order: nothing can be sealed to it (RFC 7748 section 6.1). */
bool seal_public_is_admissible(const uint8_t public_key[X25519_KEY_BYTES]);
/** SHA-256(public) truncated to 16 bytes. */
void seal_key_id(const uint8_t public_key[X25519_KEY_BYTES], uint8_t out[ENC_KEY_ID_BYTES]);

/* RFC 9180 single-shot SealBase/OpenBase. ct is pt.len + 16. */
NODISCARD bool hpke_seal(const uint8_t public_key[32], struct bytes info, struct bytes aad,
                         struct bytes pt, const struct random_source *random, uint8_t enc[32],
                         uint8_t *ct, struct err *err);
NODISCARD bool hpke_open(const struct seal_key *key, const uint8_t enc[32], struct bytes info,
                         struct bytes aad, struct bytes ct, uint8_t *pt, struct err *err);

/** What a Sealed carries. Fields borrow. */
struct parcel {
    struct bytes object;  /* serialised Signed */
    struct bytes payload; /* empty: none */
    struct bytes salt;    /* 32 bytes with a payload, else empty */
};

/** Appends a serialised Sealed to `out`; ERR_LIMIT over SEAL_BUCKET_MAX. `ret_id`: SHA-256 of the Sealed bytes. Thread-safe. */
NODISCARD bool seal_parcel(const struct parcel *parcel, const struct node_id *dest,
                           const uint8_t dest_key[X25519_KEY_BYTES], uint64_t expires_s,
                           const struct random_source *random, struct buf *out, struct oid *ret_id,
                           struct err *err);

/** The readable outside of a Sealed; borrows. */
struct sealed_view {
    struct node_id dest;
    uint8_t enc_key_id[ENC_KEY_ID_BYTES];
    uint64_t expires_s;
    struct bytes enc, ct;
};
NODISCARD bool sealed_view(struct bytes sealed, struct arena *arena, struct sealed_view *ret,
                           struct err *err);
/**
 * Opens with whichever of `keys` has the key id. ERR_PEER when it does not open or the inside is
 * malformed; ERR_UNKNOWN when no key has that id. Plaintext lives in the arena, which the caller
 * wipes with the arena's life. Thread-safe.
 */
NODISCARD bool seal_open_parcel(const struct seal_key *const *keys, size_t key_count,
                                struct bytes sealed, struct arena *arena, struct parcel *ret,
                                struct err *err);
/** R-RF-7: SHA-256(salt || payload). */
void parcel_commit(struct bytes salt, struct bytes payload, uint8_t out[32]);
