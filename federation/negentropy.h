#pragma once
/*
 * Range-based set reconciliation, the negentropy protocol version 1: two sides find out which ids
 * only one of them has, in bytes that grow with the difference and not with the sets. Pure: no
 * socket, no clock, no store. Byte-compatible with other implementations of version 1
 * (proto/README.md "Reconciliation").
 */
#include "hub/base/bytes.h"
#include "hub/base/err.h"
#include "hub/crypto/digest.h"

#define NEGENTROPY_VERSION           0x61
#define NEGENTROPY_FINGERPRINT_BYTES 16
#define NEGENTROPY_FRAME_MIN         4096

struct negentropy;

/**
 * @param frame_limit  bytes that a message of ours may have; 0: none; else at least
 *                     NEGENTROPY_FRAME_MIN.
 */
NODISCARD struct negentropy *negentropy_create(size_t frame_limit);
void negentropy_free(struct negentropy *negentropy);
AUTO_DEFINE(struct negentropy, negentropy_free)
/**
 * Only so many bytes of a fingerprint count, the rest are zeros: for tests of what happens when
 * two different ranges have one fingerprint (F27). Both sides must do it.
 */
void negentropy_weaken(struct negentropy *negentropy, unsigned fingerprint_bytes);

/** Before sealing, in any order. */
void negentropy_add(struct negentropy *negentropy, uint64_t timestamp, const struct oid *id);
/** Sorts. ERR_INVALID: an item twice, or a timestamp of 2^64 - 1. */
NODISCARD bool negentropy_seal(struct negentropy *negentropy, struct err *err);
size_t negentropy_size(const struct negentropy *negentropy);

/** First message of the side that wants to know; appended to `out`. It is the initiator from now.
 */
void negentropy_initiate(struct negentropy *negentropy, struct buf *out);

/** What an initiator learns of a message; 32 bytes an id, appended. */
struct negentropy_found {
    struct buf have; /* the other side lacks it */
    struct buf need; /* this side lacks it */
};
void negentropy_found_done(struct negentropy_found *found);
/**
 * Answers a message of the other side into `out` (emptied first).
 *
 * @param found     of the initiator; NULL on the other side.
 * @param ret_done  initiator: nothing is left to ask, `out` need not be sent.
 * @return false: ERR_PEER, the message is malformed or of another version.
 */
NODISCARD bool negentropy_reconcile(struct negentropy *negentropy, struct bytes message,
                                    struct buf *out, struct negentropy_found *found, bool *ret_done,
                                    struct err *err);
