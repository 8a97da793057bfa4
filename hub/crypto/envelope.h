#pragma once
/*
 * Signed objects: DSSE pre-authentication encoding, object id, signing, and opening bytes from
 * outside (R-OB-1, R-OB-2). The bytes verified are the bytes parsed.
 */
#include "hub/base/arena.h"
#include "hub/crypto/sign.h"

/* media types; each is the domain separation of its signatures */
#define TYPE_KEL           "application/vnd.maillon.kel-event.v1"
#define TYPE_ENTRY         "application/vnd.maillon.directory-entry.v1"
#define TYPE_SERVICE       "application/vnd.maillon.service.v1"
#define TYPE_NOTICE        "application/vnd.maillon.notice.v1"
#define TYPE_REFERRAL      "application/vnd.maillon.referral-event.v1"
#define TYPE_CLAIM         "application/vnd.maillon.claim-event.v1"
#define TYPE_RECEIPT       "application/vnd.maillon.receipt.v1"
#define TYPE_LINK_PROOF    "application/vnd.maillon.link-proof.v1"
#define TYPE_BEACON        "application/vnd.maillon.beacon.v1"
#define TYPE_INCARNATION   "application/vnd.maillon.incarnation.v1"
#define TYPE_SUCCESSION    "application/vnd.maillon.succession.v1"
#define TYPE_CHARTER       "application/vnd.maillon.charter.v1"
#define TYPE_MEMBERSHIP    "application/vnd.maillon.membership.v1"
#define TYPE_CIRCLE_LETTER "application/vnd.maillon.circle-letter.v1"
#define TYPE_INTRODUCTION  "application/vnd.maillon.introduction.v1"
#define TYPE_AUDIT_HEAD    "application/vnd.maillon.audit-head.v1"

/** Parsed, not yet verified. Everything borrows from the input bytes and the arena. */
struct envelope {
    struct bytes bytes; /* the whole serialised Signed */
    const char *type;
    struct bytes body;
    struct oid oid;
    struct bytes sigs[SIGNED_SIGS_MAX]; /* 64 bytes each */
    size_t sig_count;
};

/** DSSE v1: "DSSEv1 " len(type) " " type " " len(body) " " body, appended to `out`. */
void envelope_pae(const char *type, struct bytes body, struct buf *out);
/** R-OB-2: SHA-256("hfp/oid/v1\0" || PAE(type, body)). */
void envelope_oid(const char *type, struct bytes body, struct oid *ret);

/**
 * Serialises Signed{1, type, body, signatures of `keys`} into `out`. Deterministic.
 * @param ret_oid  may be NULL.
 */
void envelope_sign(const struct sign_key *const *keys, size_t key_count, const char *type,
                   struct bytes body, struct buf *out, struct oid *ret_oid);

/** Scans, parses and bounds; computes the oid. ERR_PEER (shape), ERR_UNSUPPORTED (suite). */
NODISCARD bool envelope_open(struct bytes in, struct arena *arena, struct envelope *ret,
                             struct err *err);
/** True when one of the signatures is by `key`. Pure and thread-safe: for workers. */
bool envelope_verify(const struct envelope *envelope, const struct sign_public *key);
