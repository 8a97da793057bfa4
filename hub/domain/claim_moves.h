#pragma once
/*
 * The life of a claim as data: which event is allowed when, and what a set of events means. Pure:
 * no clock, no store. Both hubs compute the same view from the same events, in whatever order they
 * arrived (R-NO-10; R-RF-3 for the idea).
 */
#include "hub/base/err.h"
#include "maillon/hfp/v1/notice.pb-c.h"

enum claim_party { CLAIM_BY_CLAIMANT = 1, CLAIM_BY_OWNER = 2 }; /* bits */

enum claim_state {
    CLAIM_NONE,
    CLAIM_PROPOSED,
    CLAIM_WAITING, /* agreed in reserve: above what remains */
    CLAIM_AGREED,
    CLAIM_UNDER_WAY,
    CLAIM_DELIVERED,
    CLAIM_RETURNED,
    CLAIM_RELEASED,
    CLAIM_REFUSED,
    CLAIM_LAPSED,
    CLAIM_STATE_COUNT
};
/** "proposed", "waiting", "under-way" … */
const char *claim_state_name(enum claim_state state);
/** Something can still come of it. */
bool claim_state_is_open(enum claim_state state);
/** "propose", "agree" …; NULL when out of range. */
const char *claim_action_name(Maillon__Hfp__V1__ClaimAction action);

#define CLAIM_REASON_MAX   64
#define CLAIM_EVENTS_MAX   200
#define CLAIM_CORRECTION_S (7 * 86400)
#define CLAIM_LAPSED_CODE  "lapsed" /* reason of the owner's REFUSE when its clock ran out */

/** One event, without its signature. */
struct claim_fact {
    enum claim_party party;
    Maillon__Hfp__V1__ClaimAction action;
    uint32_t seen; /* how many events of the other party its author knew */
    uint32_t quantity;
    uint64_t until_s, created_s;
    bool waiting_list;
    bool refused; /* kept in the chain without effect (R-RF-5) */
    char reason[CLAIM_REASON_MAX + 1];
};

/** What a claim is after some events. */
struct claim_view {
    enum claim_state state;
    uint32_t quantity; /* wanted */
    uint32_t agreed, delivered;
    uint64_t delivered_s;     /* first DELIVERED: corrections until 7 d later */
    uint64_t release_asked_s; /* 0: not asked */
    uint64_t extension_s;     /* asked, not answered */
    uint64_t until_s;         /* agreed end of a loan */
    char reason[CLAIM_REASON_MAX + 1];
};

/** The table alone. ERR_DENIED: not this party's move; ERR_CONFLICT: not in this state. */
NODISCARD bool claim_next(enum claim_state from, Maillon__Hfp__V1__ClaimAction action,
                          enum claim_party party, enum claim_state *ret_to, struct err *err);
/** True when a person may choose it: some moves are made by the owner's hub alone. */
bool claim_move_is_manual(enum claim_state from, Maillon__Hfp__V1__ClaimAction action,
                          enum claim_party party);
/** The table and the rules on quantities and dates; on failure the view is untouched. */
NODISCARD bool claim_step(struct claim_view *view, const struct claim_fact *fact, struct err *err);
/**
 * The meaning of both chains (each in seq order). Events that knew each other keep their order;
 * of two that did not, RETURNED gives way to the others and RELEASE to all, so that what was
 * delivered stays delivered; else the claimant's comes first, so that the owner has the last word.
 * What the table does not allow then has no effect.
 */
void claim_fold(const struct claim_fact *claimant, size_t claimant_count,
                const struct claim_fact *owner, size_t owner_count, struct claim_view *ret);
/** The claim's part of its notice's `committed`. */
uint32_t claim_counted(const struct claim_view *view);
