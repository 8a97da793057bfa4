#pragma once
/*
 * The life cycle of a referral as data, and the pure function from a set of events to its state
 * (PROTOCOL.md R-RF-2, R-RF-3). No clock, no store: both hubs, holding the same events, compute the
 * same state whatever order they arrived in (proto/README.md "Referrals").
 */
#include "hub/crypto/digest.h"
#include "maillon/hfp/v1/referral.pb-c.h"

#define REFERRAL_ACTION(x)   MAILLON__HFP__V1__REFERRAL_ACTION__REFERRAL_ACTION_##x
#define REFERRAL_STATUS(x)   MAILLON__HFP__V1__REFERRAL_STATUS__REFERRAL_STATUS_##x
#define REFERRAL_BUSINESS(x) MAILLON__HFP__V1__BUSINESS_STATUS__BUSINESS_STATUS_##x
#define REFERRAL_BEHALF(x)   MAILLON__HFP__V1__ON_BEHALF__ON_BEHALF_##x

/* The sender has this long to answer a question (PRODUCT.md 3.2). */
#define REFERRAL_QUESTION_S (72 * 3600)

enum referral_side { REFERRAL_SENDER = 0, REFERRAL_RECEIVER = 1 };

/** What of an event decides. `has_…` false stands for the empty field. */
struct referral_event_key {
    struct oid oid;
    enum referral_side side;
    uint32_t incarnation; /* 0 is 1 */
    uint64_t seq;
    struct oid prev, seen;
    bool has_prev, has_seen;
    Maillon__Hfp__V1__ReferralAction action;
    Maillon__Hfp__V1__BusinessStatus business_status;
    Maillon__Hfp__V1__OnBehalf on_behalf;
    bool confirms;
    uint64_t created_s;
    uint64_t answer_due_s; /* REFER */
};

enum referral_verdict {
    REFERRAL_APPLIED = 1, /* also when the other side's concurrent event won */
    REFERRAL_PENDING = 2, /* `prev` or `seen` is not held yet */
    REFERRAL_REFUSED = 3, /* not allowed in the state it met: kept, without effect */
    REFERRAL_FORKED = 4,  /* one of several with the same place in the stream */
    REFERRAL_LOST = 5,    /* its author was restored from a copy and has gone another way since */
};

enum referral_flag {                                     /* bits */
                     REFERRAL_ACCEPTED_ONCE = 1 << 0,    /* a later on-hold is "after accept" */
                     REFERRAL_CANCEL_REQUESTED = 1 << 1, /* the receiver owes an answer to it */
                     REFERRAL_QUESTION_OPEN =
                         1 << 2, /* the sender owes an answer; the answer clock stands still */
                     REFERRAL_FROZEN = 1 << 3, /* a stream was forked */
                     REFERRAL_REBORN = 1 << 4, /* an author was restored from a copy meanwhile */
};

struct referral_state {
    Maillon__Hfp__V1__ReferralStatus status; /* 0: REFER is not held yet */
    Maillon__Hfp__V1__BusinessStatus business_status;
    unsigned flags;
    uint64_t seq[2];         /* by side: events taken, applied or refused */
    struct oid head[2];      /* by side: the last of them; valid when seq > 0 */
    uint64_t answer_due_s;   /* moved on by the time questions stood open */
    uint64_t asked_s;        /* of the open question */
    struct oid status_event; /* what set the status */
    size_t pending;
};

bool referral_is_live(Maillon__Hfp__V1__ReferralStatus status);
/** When somebody is due to answer (the sender while a question is open); 0: nobody. Seconds. */
uint64_t referral_due_s(const struct referral_state *state);

/**
 * The state after all `events` (any order, duplicates allowed), from nothing.
 * @param ret_verdicts  one for each event; NULL is fine.
 */
void referral_evaluate(const struct referral_event_key *events, size_t count,
                       struct referral_state *ret, enum referral_verdict *ret_verdicts);
/**
 * True when `event` follows everything in `state`: then referral_step() gives what
 * referral_evaluate() over all events would.
 */
bool referral_extends(const struct referral_state *state, const struct referral_event_key *event);
enum referral_verdict referral_step(struct referral_state *state,
                                    const struct referral_event_key *event);

/** Bits 1 << action of what `side` may do now, whatever the event's own fields are. */
unsigned referral_allowed(const struct referral_state *state, enum referral_side side);
