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

/* Frames of this hub; appended to `out`. */
void handshake_hello_d(const struct node_id *responder, const uint8_t nonce[32], uint64_t clock_ms,
                       struct buf *out);
void handshake_hello_r(const struct identity *self, const uint8_t nonce[32], uint64_t clock_ms,
                       struct buf *out);
void handshake_proof(const struct identity *self, const struct transcript *transcript,
                     enum handshake_role role, struct buf *out);

/**
 * Reads the peer's key events as the handshake carries them and holds them against what is known:
 * the longer log wins, a different history is refused (ERR_PEER).
 * @param known  seq 0: nothing known. @param ret_new  how many of `events` are new.
 */
NODISCARD bool handshake_read_kel(const ProtobufCBinaryData *events, size_t count,
                                  const struct node_id *node, const struct kel *known,
                                  struct kel *ret, size_t *ret_new, struct err *err);
/** ERR_PEER when the proof does not hold for `role` under a key of `kel`. */
NODISCARD bool handshake_check(const Maillon__Hfp__V1__Proof *proof,
                               const struct transcript *transcript, enum handshake_role role,
                               const struct kel *kel, struct err *err);
