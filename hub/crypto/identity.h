#pragma once
/*
 * This hub's keys: the only holder of private keys (DESIGN.md section 10). Key files are 0600 in
 * `dir`: op.key, enc-*.key, hub.key, kel (public). ROOT and NEXT ROOT never stay on the machine.
 * Readable from every thread: a change publishes a new ring of keys at once, and what was lent from
 * the one before stays valid for ten minutes, longer than any job. Changes come from one thread at
 * a time (in the daemon: the writer). The handle is const everywhere because it stays the same
 * node; that its keys change in time is what it is for.
 */
#include "hub/crypto/kel.h"
#include "hub/crypto/seal.h"

struct identity;

/** What must be printed on two separate sheets and never stored (R-ID-2); wipe with secret_wipe. */
struct recovery_sheets {
    struct node_id node;
    char root[NODE_ID_TEXT]; /* seed in the text form of node ids, with check characters */
    char next_root[NODE_ID_TEXT];
};

/** Makes all keys and the first two key events; writes the files. ERR_CONFLICT: `dir` has keys
 * already. */
NODISCARD struct identity *identity_create(const char *dir, const struct random_source *random,
                                           struct wall now, struct recovery_sheets *ret_sheets,
                                           struct err *err);
/** Same without files, for tests and the simulator. */
NODISCARD struct identity *identity_create_memory(const struct random_source *random,
                                                  struct wall now);
/** … and tells the root keys, as tests of thefts need them. The same randomness gives the same
 * keys. */
NODISCARD struct identity *identity_create_known(const struct random_source *random,
                                                 struct wall now,
                                                 struct recovery_sheets *ret_sheets);
/** ERR_IO with what to do: missing, unreadable, readable by others (refused), truncated. */
NODISCARD struct identity *identity_open(const char *dir, struct err *err);
void identity_free(struct identity *identity);
AUTO_DEFINE(struct identity, identity_free)

const struct node_id *identity_node(const struct identity *identity);
const struct kel *identity_kel(const struct identity *identity);
/** Serialised Signed key events, in order. */
const struct bytes *identity_kel_events(const struct identity *identity, size_t *ret_count);
const struct sign_key *identity_op(const struct identity *identity);
/** Newest first; all that still open something. */
const struct seal_key *const *identity_enc_keys(const struct identity *identity, size_t *ret_count);

/** A sealing key as people and peers see it. */
struct enc_key_info {
    uint8_t public_key[X25519_KEY_BYTES];
    int64_t from_s, until_s; /* peers may seal to it */
    int64_t destroyed_s;     /* its private half goes */
};
/** Newest first; at most `max`. */
size_t identity_enc_list(const struct identity *identity, struct enc_key_info *ret, size_t max);

/**
 * Own key events on top of the log, and with them the OP key they delegate to (NULL: it stays;
 * always taken). Files first, then memory. ERR_INVALID: the events do not apply, or leave this hub
 * without a valid OP key while it is not retired; ERR_IO.
 */
NODISCARD bool identity_append(const struct identity *identity, const struct bytes *events,
                               size_t count, struct sign_key *op, struct wall now, struct err *err);
/**
 * R-ID-6: a new sealing key every week, and the private half of the old ones destroyed on time.
 * *ret_changed: the card must be published again. Call a few times a day.
 */
NODISCARD bool identity_tick(const struct identity *identity, const struct random_source *random,
                             struct wall now, bool *ret_changed, struct err *err);
/** The machine was in other hands: a new sealing key, and no peer is to use the old ones. */
NODISCARD bool identity_renew_enc(const struct identity *identity,
                                  const struct random_source *random, struct wall now,
                                  struct err *err);

/** Signs a body with the OP key: envelope_sign with one signature. */
void identity_sign(const struct identity *identity, const char *type, struct bytes body,
                   struct buf *out, struct oid *ret_oid);

/* Data at rest (R-PR-1): a key per referral, wrapped by the hub key. XChaCha20-Poly1305. */
#define WRAPPED_KEY_BYTES 72 /* nonce 24 + key 32 + tag 16 */
struct data_key {
    uint8_t b[32];
};
void identity_wrap(const struct identity *identity, const struct random_source *random,
                   const struct data_key *key, uint8_t out[WRAPPED_KEY_BYTES]);
NODISCARD bool identity_unwrap(const struct identity *identity, struct bytes wrapped,
                               struct data_key *ret, struct err *err);
/** HMAC-SHA-256 under a key that is derived from the hub key for this purpose alone: for what must
 * be found again without being stored, and is too short to be hashed in the open. */
void identity_mac(const struct identity *identity, const char *purpose, struct bytes in,
                  uint8_t out[32]);
/** Appends nonce + ciphertext + tag; `aad` binds it to its row. */
void data_encrypt(const struct data_key *key, const struct random_source *random, struct bytes aad,
                  struct bytes plain, struct buf *out);
NODISCARD bool data_decrypt(const struct data_key *key, struct bytes aad, struct bytes stored,
                            struct buf *out, struct err *err);
