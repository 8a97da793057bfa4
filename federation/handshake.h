#pragma once
/*
 * The three messages that prove to both sides who speaks (R-SE-2): pure functions over bytes.
 */
#include "federation/transport.h"
#include "hub/base/arena.h"
#include "hub/crypto/identity.h"
#include "maillon/hfp/v1/link.pb-c.h"

enum handshake_role { HANDSHAKE_DIALLER = 'D', HANDSHAKE_RESPONDER = 'R' };

/** What both proofs cover; hashes are of the whole frames as sent. */
struct transcript {
    uint8_t hello_d[32], hello_r[32];
    char offer[128], selected[16];
    uint8_t binding[32];
    size_t binding_len;
    struct node_id dialler, responder;
};

/** False when the carrier's values are longer than a transcript holds. */
NODISCARD bool transcript_init(struct transcript *transcript, const struct carrier *carrier);
/** What PROOF of `role` signs: PAE(TYPE_LINK_PROOF, T). Appended. */
void transcript_signed_bytes(const struct transcript *transcript, enum handshake_role role,
                             struct buf *out);

#define HANDSHAKE_KEL_LATEST UINT32_MAX /* nobody has said what of the log it has */

/*
 * Frames of this hub; appended to `out`. Of a key log that does not fit, HELLO_R and PROOF_D carry
 * what follows the first `kel_after` events: the rest is for the next sessions.
 */
/** @param offered  bits of optional features (federation/feature.h). */
void handshake_hello_d(const struct node_id *responder, const uint8_t nonce[32], uint64_t clock_ms,
                       uint64_t offered, uint32_t kel_after, struct buf *out);
void handshake_hello_r(const struct identity *self, const uint8_t nonce[32], uint64_t clock_ms,
                       uint64_t offered, uint32_t kel_after, struct buf *out);
void handshake_proof(const struct identity *self, const struct transcript *transcript,
                     enum handshake_role role, uint32_t kel_after, struct buf *out);

/**
 * Reads the peer's key events as the handshake carries them and holds them against what is known
 * (kel_merge): a longer log or one with a rotation wins, another history is refused (ERR_PEER).
 * ERR_UNKNOWN: it begins later than what is known here, its owner's log does not fit a HELLO.
 * @param head   oid of its last event, as they say it: when it is the one known, nothing is read.
 * @param held   events known before, in order; `known` is what they say (seq 0: nothing).
 * @param ret_new how many of `events` at the end are to be recorded; all of them when the two
 *                logs contradict each other (ret->duplicity).
 */
NODISCARD bool handshake_read_kel(const ProtobufCBinaryData *events, size_t count,
                                  struct bytes head, const struct node_id *node,
                                  const struct kel *known, const struct bytes *held,
                                  size_t held_count, struct kel *ret, size_t *ret_new,
                                  struct err *err);
/**
 * ERR_PEER when the proof does not hold for `role` under a key of `kel`, or that key's delegation
 * is over. @param ret_op  the key that proved it.
 */
NODISCARD bool handshake_check(const Maillon__Hfp__V1__Proof *proof,
                               const struct transcript *transcript, enum handshake_role role,
                               const struct kel *kel, struct wall now, struct sign_public *ret_op,
                               struct err *err);
