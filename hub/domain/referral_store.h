#pragma once
/* The rows of referrals; for referral_*.c only. */
#include "hub/domain/referral.h"

/** The hex of an id for events and messages lives in the arena. */
char *referral_row_text(struct tx *tx, const struct referral *referral);

/** Inserts `referral` (id is set); its data key is made here. */
NODISCARD bool referral_row_add(struct tx *tx, struct referral *referral, struct err *err);
/** Writes what only REFER says, for a row that was made before it came. */
NODISCARD bool referral_row_describe(struct tx *tx, const struct referral *referral,
                                     struct err *err);
/** Writes everything else; keeps the count of open ones. `was_open`: as last written. */
NODISCARD bool referral_row_save(struct tx *tx, const struct referral *referral, bool was_open,
                                 struct err *err);
NODISCARD bool referral_row_set_delivery(struct tx *tx, const struct referral *referral,
                                         struct err *err);
/** A REFER that never came: the row and its pending events go. */
NODISCARD bool referral_row_remove(struct tx *tx, const struct referral *referral, struct err *err);
NODISCARD bool referral_row_by_id(struct store *store, struct arena *arena, int64_t id,
                                  bool *ret_found, struct referral *ret, struct err *err);
NODISCARD bool referral_row_by_request(struct store *store, struct arena *arena, int64_t account,
                                       const char *request_key, bool *ret_found,
                                       struct referral *ret, struct err *err);
/** Rows whose clock is due, oldest first; and when the next one is (0: none). */
NODISCARD bool referral_rows_due(struct store *store, struct arena *arena, struct wall now,
                                 size_t limit, int64_t **ret, size_t *ret_count, struct err *err);
NODISCARD bool referral_rows_next(struct store *store, int64_t *ret_ms, struct err *err);
NODISCARD bool referral_open_in(struct store *store, const struct node_id *peer, uint64_t *ret,
                                struct err *err);

/** Stores an event; `payload` and `salt` are encrypted when there is a key for them. */
NODISCARD bool referral_event_add(struct tx *tx, const struct referral *referral,
                                  const struct referral_event_key *key,
                                  enum referral_verdict verdict, struct bytes payload,
                                  struct bytes salt, struct err *err);
struct referral_event_row {
    int64_t id, referral;
    struct referral_event_key key;
    enum referral_verdict verdict;
    enum referral_delivery delivery;
    int64_t at_ms;
    struct bytes payload; /* encrypted; data NULL: none */
};
/** In the order taken here; `with_payload` false: only what evaluating the chain needs. */
NODISCARD bool referral_event_rows(struct store *store, struct arena *arena, int64_t referral,
                                   bool with_payload, struct referral_event_row **ret,
                                   size_t *ret_count, struct err *err);
/** Of all personal parts of one referral, as stored. */
NODISCARD bool referral_event_bytes(struct store *store, int64_t referral, int64_t *ret,
                                    struct err *err);
NODISCARD bool referral_event_find(struct store *store, struct arena *arena, const struct oid *oid,
                                   bool *ret_found, struct referral_event_row *ret,
                                   struct err *err);
NODISCARD bool referral_event_set_verdict(struct tx *tx, int64_t id, enum referral_verdict verdict,
                                          struct err *err);
NODISCARD bool referral_event_set_delivery(struct tx *tx, int64_t id,
                                           enum referral_delivery delivery, struct err *err);
/** Destroys the key and every encrypted payload; the chain stays and still verifies (R-PR-1). */
NODISCARD bool referral_erase(struct tx *tx, struct referral *referral, struct err *err);
/** Opens what referral_event_add encrypted. */
NODISCARD bool referral_event_open(struct arena *arena, const struct identity *self,
                                   const struct referral *referral,
                                   const struct referral_event_row *row,
                                   const Maillon__Hfp__V1__ReferralPayload **ret, struct err *err);

/** The raw part beside the signed event; both empty when there is none, or it was erased. */
NODISCARD bool referral_event_personal(struct arena *arena, const struct identity *self,
                                       const struct referral *referral,
                                       const struct referral_event_row *row,
                                       struct bytes *ret_payload, struct bytes *ret_salt,
                                       struct err *err);
/** REFER of ours came back after events of the peer: the sides recorded for them turn round. */
NODISCARD bool referral_row_turn(struct tx *tx, struct referral *referral, struct err *err);

/* referral.c, for own acts and the clock */
/** Signs, stores and queues one event of ours and applies it. `body` lacks head, seen, commit. */
NODISCARD bool referral_author(struct tx *tx, struct referral *referral,
                               Maillon__Hfp__V1__ReferralEvent *body,
                               const Maillon__Hfp__V1__ReferralPayload *payload, uint64_t expires_s,
                               const char *actor, struct err *err);
/** When the clock must look at it again; sets next_ms. */
void referral_plan(struct referral *referral, struct wall now);
