#pragma once
/*
 * Referrals as both parties hold them: a chain of signed events, the state it evaluates to
 * (referral_moves.h), and the personal part under a key of its own. Owns tables `referral`,
 * `referral_event` and `referral_peer` (proto/README.md "Referrals").
 */
#include "hub/domain/referral_moves.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/receipt.pb-c.h"

struct inbound_object;
struct disposition;
struct referral;
struct relation;

#define REFERRAL_TEXT_MAX  4000 /* bytes of one free text */
#define REFERRAL_NEED_MAX  1000
#define REFERRAL_NAME_MAX  160
#define REFERRAL_EXTRA_MAX 32
#define REFERRAL_ID_TEXT   65 /* hex and NUL */
#define REFERRAL_ID_PREFIX 6  /* shortest beginning that is understood */

enum referral_delivery {
    REFERRAL_WAITING,     /* no signed receipt yet: ask the outbox for the word */
    REFERRAL_STORED,      /* by machine */
    REFERRAL_PRESENTED,   /* shown to or queued for a human */
    REFERRAL_NOT_TAKEN,   /* refused for good */
    REFERRAL_UNDELIVERED, /* expired on the way */
};

/* Kind functions of TYPE_REFERRAL (hub/kinds.c). */
NODISCARD bool referral_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool referral_apply(struct tx *tx, const struct inbound_object *object,
                              struct disposition *ret, struct err *err);

/** A signed receipt for `oid`. *ret_known false: not an event of ours towards `peer`. */
NODISCARD bool referral_on_receipt(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                                   const Maillon__Hfp__V1__ReceiptEntry *entry, bool *ret_known,
                                   struct err *err);
/** Its outbox row expired: the peer never had it. Other objects are none of ours: true. */
NODISCARD bool referral_on_expired(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                                   struct err *err);
/** Expiry, reminders ("late" events), retention. @param ret_next  when to call again. */
NODISCARD bool referral_tick(struct tx *tx, struct wall *ret_next, struct err *err);

/** A human here was shown it. *ret_tell: its sender does not know yet (R-PD-8), and `ret` is it. */
NODISCARD bool referral_present(struct tx *tx, const struct oid *id, bool *ret_tell,
                                struct referral *ret, struct err *err);

/* Own acts: signed and queued in the caller's transaction. Text is UTF-8, NULL or "": none. */
struct referral_draft {
    struct node_id peer;
    const char *service; /* uid */
    const char *service_name;
    const char *theme;
    Maillon__Hfp__V1__Urgency urgency;        /* 0: normal */
    Maillon__Hfp__V1__FeedbackLevel feedback; /* 0: outcome */
    const Maillon__Hfp__V1__Person *person;
    const char *need;
    Maillon__Hfp__V1__Extra *const *extra;
    size_t extra_count;
    const char *referrer_name, *referrer_phone;
    Maillon__Hfp__V1__ConsentForm consent_form;
    const char *const *consent_fields;
    size_t consent_field_count;
    uint64_t consent_until_s; /* 0: 90 days */
    bool exercise, for_person;
    struct oid part_of;
    bool has_part_of;
    struct oid earlier; /* this is one more attempt after it (attempt.h); part_of says so too */
    bool has_earlier;
    const char *const *uploads; /* what attachment_upload named */
    size_t upload_count;
    int64_t account;
    const char *request_key; /* same account and key: the same referral, nothing sent twice */
    const char *actor;       /* for the audit line */
};
/**
 * @param ret         as it stands now; its texts live as long as `tx->arena` and `draft`
 * @param ret_is_new  false: it was sent before under the same request_key
 * @return false with ERR_INVALID (what to fill in), ERR_DENIED (consent does not cover it),
 *         ERR_CONFLICT (relation), ERR_LIMIT.
 */
NODISCARD bool referral_post(struct tx *tx, const struct referral_draft *draft,
                             struct referral *ret, bool *ret_is_new, struct err *err);
/** The same, for who needs its id only. */
NODISCARD bool referral_send(struct tx *tx, const struct referral_draft *draft, struct oid *ret_id,
                             struct err *err);

struct referral_act {
    Maillon__Hfp__V1__ReferralAction action;
    Maillon__Hfp__V1__BusinessStatus business_status;
    const char *reason, *barrier, *outcome;
    const char *contact_name, *contact_phone, *next_step, *text, *place;
    uint64_t at_s, review_s;
    uint32_t wait_weeks, wait_place;
    const char *const *suggested_service;
    size_t suggested_count;
    const char *while_status; /* a code, or NULL: refused in any other */
    bool confirms, for_person;
    const char *const *uploads; /* ANSWER, MESSAGE: of `account` */
    size_t upload_count;
    int64_t account;
    const char *actor;
};
/** ERR_INVALID (what to fill in), ERR_CONFLICT (not in this state, and what is), ERR_UNKNOWN. */
NODISCARD bool referral_act(struct tx *tx, const struct oid *id, const struct referral_act *act,
                            struct err *err);

/* Reading: any connection. Everything lives in the arena. */
struct referral {
    int64_t id; /* row */
    struct oid oid;
    struct node_id peer;
    bool is_out, is_open, exercise, is_presented;
    struct referral_state state;
    uint64_t events;
    enum referral_delivery delivery; /* of REFER */
    Maillon__Hfp__V1__Urgency urgency;
    Maillon__Hfp__V1__FeedbackLevel feedback;
    const char *service, *service_name, *theme, *reason, *outcome;
    struct bytes consent; /* serialised; empty before REFER */
    struct oid part_of;
    bool has_part_of;
    uint64_t scheduled_s, review_s;
    int64_t created_ms, changed_ms, expires_ms, ended_ms, purge_ms, purged_ms, next_ms;
    unsigned late_stage;
    int64_t account;
    const char *request_key; /* NULL: none */
    struct bytes data_key;   /* wrapped; data NULL once erased */
};
struct referral_event {
    int64_t id;
    struct referral_event_key key;
    enum referral_verdict verdict;
    enum referral_delivery delivery;
    int64_t at_ms;
    const Maillon__Hfp__V1__ReferralEvent *body;      /* NULL: the signed bytes are gone */
    struct bytes object;                              /* serialised Signed */
    const Maillon__Hfp__V1__ReferralPayload *payload; /* NULL: none, or erased */
};

static inline enum referral_side referral_our_side(const struct referral *referral)
{
    return referral->is_out ? REFERRAL_SENDER : REFERRAL_RECEIVER;
}
/** Lower-case hex of the id. Returns `out`. */
char *referral_id_text(const struct oid *id, char out[REFERRAL_ID_TEXT]);
/** The status with the machine receipt in it: `delivered` while nothing else is known. */
Maillon__Hfp__V1__BusinessStatus referral_business_status(const struct referral *referral);
/** When the clock began that referral_due_s() ends: what is owed may be an answer to a question. */
int64_t referral_clock_start_ms(const struct referral *referral);
/** Urgent or an emergency: its clocks are shorter. */
bool referral_is_urgent(const struct referral *referral);
/** Sent a day ago (urgent: four hours) and more, and the peer's hub has not got it (R-PD-10). */
bool referral_is_slow(const struct referral *referral, struct wall now);
bool referral_is_late(const struct referral *referral, struct wall now);

NODISCARD bool referral_get(struct store *store, struct arena *arena, const struct oid *id,
                            bool *ret_found, struct referral *ret, struct err *err);
/** By id or a unique beginning of it. ERR_UNKNOWN, ERR_INVALID (too short, several match). */
NODISCARD bool referral_resolve(struct store *store, struct arena *arena, const char *text,
                                struct referral *ret, struct err *err);

struct referral_query {
    int in_or_out;                           /* 0 both, 1 in, 2 out */
    Maillon__Hfp__V1__ReferralStatus status; /* 0: any */
    bool open_only;
    size_t limit;       /* 0: 50; at most 500 */
    const char *before; /* page token of the previous answer; NULL or "": first page */
};
/** Late first, then what waits for this side's answer, then newest. *ret_next NULL: no more. */
NODISCARD bool referral_list(struct store *store, struct arena *arena,
                             const struct referral_query *query, struct wall now,
                             struct referral **ret, size_t *ret_count, const char **ret_next,
                             struct err *err);
/** Bytes of what `peer` sent that nobody here has looked at yet (R-AB-5): open referrals without an
 * answer, and events that wait for an earlier one. */
NODISCARD bool referral_unread_bytes(struct store *store, const struct node_id *peer, uint64_t *ret,
                                     struct err *err);
/** All events in the order taken here; `self` NULL: without the personal part. */
NODISCARD bool referral_events(struct store *store, struct arena *arena,
                               const struct identity *self, const struct referral *referral,
                               struct referral_event **ret, size_t *ret_count, struct err *err);
/** The personal part of REFER alone, for lists; *ret NULL once erased. */
NODISCARD bool referral_personal(struct store *store, struct arena *arena,
                                 const struct identity *self, const struct referral *referral,
                                 const Maillon__Hfp__V1__ReferralPayload **ret, struct err *err);
/** What happens next, by when, by whom: the code of the sentence, "requested-out"; "": nothing. */
const char *referral_next_code(const struct referral *referral, const struct relation *relation,
                               struct wall now);
/** The same as one French sentence without personal data. */
char *referral_next_words(struct arena *arena, const struct referral *referral,
                          const struct relation *relation, struct wall now);
