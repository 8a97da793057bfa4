#pragma once
/*
 * What is attached to referrals (R-PD-12): uploads, the sealed parts of both sides, and what is
 * still to be fetched from a peer. The manifest rides in the payload of a signed event; names,
 * types and keys are nowhere else, so erasing a referral erases them. Owns tables `attachment` and
 * `attachment_part` (proto/README.md "Attachments").
 */
#include "hub/crypto/part.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/referral.pb-c.h"
#include "proto/limits.h"

struct referral;

#define ATTACHMENT_UPLOAD_TEXT 33 /* hex and NUL */
#define ATTACHMENT_PARTS_MAX   (ATTACHMENT_BYTES / ATTACHMENT_PART_BYTES)

enum attachment_state {
    ATTACHMENT_UPLOADING, /* a client has not sent all of it yet */
    ATTACHMENT_WHOLE,
    ATTACHMENT_COMING,  /* to be fetched from the peer */
    ATTACHMENT_GONE,    /* whoever sent it has it no longer */
    ATTACHMENT_REFUSED, /* over a limit, or of a type that is not taken: never fetched */
};

struct attachment {
    int64_t id, referral;
    struct oid event;
    uint32_t position, parts, have;
    bool is_ours;
    enum attachment_state state;
    uint64_t size;
    struct bytes hashes; /* arena */
};

/** The list of what may be attached, for people: "PDF, JPEG, PNG or plain text". */
#define ATTACHMENT_TYPES_WORDS "PDF, JPEG, PNG or plain text"
bool attachment_type_is_taken(const char *media_type);
/** By how a file begins: names are wrong too often. NULL: none that is taken, or empty. */
const char *attachment_type_of(struct bytes file);
/** Parts of a file of `size` bytes. */
uint32_t attachment_parts(uint64_t size);
/** What a people's name of a file becomes: no path, no control or direction marks, short. */
char *attachment_name(struct arena *arena, const char *name);
/** Shape of the manifests in a payload from outside. ERR_PEER. */
NODISCARD bool attachment_check(const Maillon__Hfp__V1__ReferralPayload *payload, struct err *err);
/** ERR_LIMIT when `count` files of `bytes` together are too much for one referral. */
NODISCARD bool attachment_fits(size_t count, uint64_t bytes, struct err *err);

/* ---- uploads, by an account of this hub ---- */

struct attachment_slice {
    int64_t account;
    const char *upload; /* NULL or "": the first slice, with name, type and size */
    const char *name, *media_type;
    uint64_t size, offset;
    struct bytes data;
};
/** A slice that is here already changes nothing. ERR_INVALID, ERR_LIMIT, ERR_UNKNOWN in plain
 * words. */
NODISCARD bool attachment_upload(struct tx *tx, const struct attachment_slice *slice,
                                 char ret_upload[ATTACHMENT_UPLOAD_TEXT], uint64_t *ret_have,
                                 bool *ret_whole, struct err *err);
/** Manifests of whole uploads for an event of `referral` (0: a new one). ERR_UNKNOWN, ERR_CONFLICT
 * (not whole), ERR_LIMIT. */
NODISCARD bool attachment_drafts(struct tx *tx, int64_t account, int64_t referral,
                                 const char *const *uploads, size_t count,
                                 Maillon__Hfp__V1__Attachment ***ret, struct err *err);

/* ---- with the chain ---- */

/** After an event was stored: what its payload has attached. Own uploads are bound to it, those of
 * the peer are to be fetched. */
NODISCARD bool attachment_record(struct tx *tx, const struct referral *referral,
                                 const struct oid *event, bool is_ours, struct bytes payload,
                                 struct err *err);
/** All of one referral, parts included. */
NODISCARD bool attachment_erase(struct tx *tx, int64_t referral, struct err *err);
/** Erases what is over its time: six months after the end, uploads after a day. */
NODISCARD bool attachment_tick(struct tx *tx, struct wall *ret_next, struct err *err);

/* ---- reading: any connection ---- */

/** Of one referral, in the order taken here. */
NODISCARD bool attachment_list(struct store *store, struct arena *arena, int64_t referral,
                               struct attachment **ret, size_t *ret_count, struct err *err);
NODISCARD bool attachment_find(struct store *store, struct arena *arena, const struct oid *event,
                               uint32_t position, const struct node_id *peer, bool *ret_found,
                               struct attachment *ret, struct err *err);
/** One sealed part, checked against its hash: damage counts as not here. */
NODISCARD bool attachment_part(struct store *store, struct arena *arena,
                               const struct attachment *attachment, uint32_t number,
                               bool *ret_found, struct bytes *ret, struct err *err);
/** The next that is to be fetched from `peer`, within its quota. */
NODISCARD bool attachment_wanted(struct store *store, struct arena *arena,
                                 const struct node_id *peer, bool *ret_found,
                                 struct attachment *ret, struct err *err);
/** The first parts that are not here, at most `max`. */
NODISCARD bool attachment_missing(struct store *store, const struct attachment *attachment,
                                  uint32_t *ret, size_t max, size_t *ret_count, struct err *err);
/** Whether `sealed` is what the manifest says part `number` is. */
bool attachment_part_fits(const struct attachment *attachment, uint32_t number,
                          struct bytes sealed);

/* ---- what a peer sends ---- */

/** Stores one part; checked once more. Erased meanwhile, or here already: true. */
NODISCARD bool attachment_store(struct tx *tx, const struct node_id *peer, const struct oid *event,
                                uint32_t position, uint32_t number, struct bytes sealed,
                                struct err *err);
/** The peer has it no longer. */
NODISCARD bool attachment_lost(struct tx *tx, const struct node_id *peer, const struct oid *event,
                               uint32_t position, struct err *err);
