#pragma once
/*
 * Claims on notices: two-party chains of signed events between claimant C and notice owner O
 * (R-NO-10). O is the only judge of what remains. Owns tables `claim`, `claim_event`. What is
 * allowed when is in claim_moves.h.
 */
#include "hub/domain/claim_moves.h"
#include "hub/domain/notice.h"
#include "maillon/hfp/v1/receipt.pb-c.h"

#define CLAIM_HOLD_S            (24 * 3600) /* a proposal lapses; so does an unanswered ASK_RELEASE */
#define CLAIM_HOLD_PERISHABLE_S (2 * 3600)
#define CLAIM_LATE_DROP_S       (24 * 3600) /* a release this near is told apart */
#define CLAIM_EVENT_LIFE_S      (30 * 86400)
#define CLAIM_WORDS_MAX         200  /* characters: contact role, phone, pick-up words */
#define CLAIM_PENDING_MAX       1000 /* events of one peer that wait for earlier ones */
#define CLAIMS_PER_NOTICE       200  /* of one peer, ended ones included */

enum claim_box { CLAIM_IN = 1, CLAIM_OUT = 2 }; /* on our notice; ours on theirs */

struct claim {
    int64_t id;
    struct oid claim_id; /* oid of the first event */
    enum claim_box box;
    struct node_id peer;
    uint8_t uid[UID_BYTES]; /* of the notice */
    struct claim_view view;
    struct wall created, changed;
    struct wall lapses;                         /* proposed: held until then; 0: no clock */
    const char *contact_role, *phone, *pick_up; /* the other organisation's; in the arena */
    bool forked;                                /* the peer signed two events with one number */
};
/** What the view says, or "lapsed" when the hold is over and the owner's word has not come. */
enum claim_state claim_state_now(const struct claim *claim, struct wall now);
/** True when a button may offer it to us now. */
bool claim_may(const struct claim *claim, Maillon__Hfp__V1__ClaimAction action, struct wall now);

/** The one thing to do next, for us; UNSPECIFIED: wait. `kind` of the notice: loans come back. */
Maillon__Hfp__V1__ClaimAction claim_next_verb(const struct claim *claim,
                                              Maillon__Hfp__V1__NoticeKind kind, struct wall now);
/** Agreed to, then given back less than CLAIM_LATE_DROP_S before it was needed. */
bool claim_is_late_drop(const struct claim *claim, const struct notice *notice,
                        const Maillon__Hfp__V1__NoticeContent *content);

/* From peers (hub/kinds.c). */
NODISCARD bool claim_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool claim_apply(struct tx *tx, const struct inbound_object *object,
                           struct disposition *ret, struct err *err);
/** A signed receipt entry for one of our events; *ret_known false: not ours. */
NODISCARD bool claim_on_receipt(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                                const Maillon__Hfp__V1__ReceiptEntry *entry, bool *ret_known,
                                struct err *err);
/** Our event was never taken: a claim that the owner never saw lapses. Nothing when not ours. */
NODISCARD bool claim_on_expired(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                                struct err *err);

/* Reading: any connection. Texts of the claims live in the arena. */
/** By claim id in hex or a unique prefix of at least 6 characters; ERR_UNKNOWN, ERR_INVALID. */
NODISCARD bool claim_resolve(struct store *store, struct arena *arena, const char *text,
                             struct claim *ret, struct err *err);
struct claim_terms { /* what the notice said when we claimed; all empty when not kept */
    bool known;
    const char *what, *place; /* arena */
    uint32_t amount;
    uint64_t from_s, to_s;
};
NODISCARD bool claim_terms_read(struct store *store, struct arena *arena,
                                const struct oid *claim_id, struct claim_terms *ret,
                                struct err *err);
enum claim_change { /* bits */
                    CLAIM_CHANGED_QUANTITY = 1,
                    CLAIM_CHANGED_PLACE = 2,
                    CLAIM_CHANGED_TIME = 4,
};
/** What the notice says otherwise now. Pure. */
unsigned claim_terms_changed(const struct claim_terms *terms,
                             const Maillon__Hfp__V1__NoticeContent *content);
struct claim_filter {
    enum claim_box box;         /* 0: both */
    const uint8_t *uid;         /* NULL: all notices */
    const struct node_id *peer; /* NULL: all */
    bool open_only;
    size_t limit;
};
/** Arena array, oldest first: the order in which the owner received them. */
NODISCARD bool claim_list(struct store *store, struct arena *arena,
                          const struct claim_filter *filter, struct claim **ret, size_t *ret_count,
                          struct err *err);
/** Our newest event in the chain; *ret_found false: none yet. */
NODISCARD bool claim_last_own(struct store *store, const struct claim *claim,
                              const struct node_id *self, bool *ret_found, struct oid *ret,
                              struct err *err);

/* Our acts. */
struct claim_draft {
    uint32_t quantity;  /* 0: what was wanted or agreed */
    const char *reason; /* code: lower case, digits, hyphens; NULL is "" */
    uint64_t until_s;
    const char *contact_role, *phone, *pick_up; /* ours, for them; NULL is "" */
    const char *request_key;                    /* first event only; a repeat changes nothing */
};
/**
 * Claims from a peer's notice: COMMIT when it says first come, else PROPOSE. ERR_CONFLICT (ours,
 * not open, more than remains), ERR_DENIED (no relation), ERR_INVALID.
 */
NODISCARD bool claim_create(struct tx *tx, const struct notice *notice,
                            const struct claim_draft *draft, struct oid *ret_id, struct err *err);
/**
 * Any later event of ours. AGREE to less than wanted is fine, to more than remains is not; with
 * reason "waiting-list" it is a place in reserve.
 */
NODISCARD bool claim_act(struct tx *tx, const struct oid *claim_id,
                         Maillon__Hfp__V1__ClaimAction action, const struct claim_draft *draft,
                         struct err *err);
/** Withdraws our notice, refuses or releases every claim on it, tells the claimants. */
NODISCARD bool claim_withdraw_notice(struct tx *tx, const uint8_t uid[UID_BYTES],
                                     const char *reason, struct err *err);
/**
 * Closes our notice with the answer to "did it reach people?" (notice_close). One that is open is
 * withdrawn first; ERR_CONFLICT while somebody's claim on it goes on.
 */
NODISCARD bool claim_close_notice(struct tx *tx, const uint8_t uid[UID_BYTES], const char *outcome,
                                  struct err *err);
/** Lapses proposals, releases what was asked back and not answered. */
NODISCARD bool claim_tick(struct tx *tx, struct wall *ret_next, struct err *err);
