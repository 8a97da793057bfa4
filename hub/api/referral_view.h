#pragma once
/* A referral as lists show it, to the caller's role: for methods beside Referrals. */
#include "hub/api/rpc.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"
#include "maillon/api/v1/referrals.pb-c.h"

/** Without events, as Referrals/List; what is shown to a caseworker counts as presented. */
NODISCARD bool referral_view(struct call *call, const struct referral *referral,
                             Maillon__Api__V1__Referral **ret, struct err *err);

/** Peers of one answer, looked up once each; zero-initialised. */
struct referral_peers {
    const struct relation *list[16]; /* arena; later ones are looked up each time */
    size_t count;
};

/** Need, reasons and messages, too: a caseworker. */
bool referral_sees_all(const struct call *call);
/** Without counting as presented (referral_shown).
 * @param sent  what the caller has just said of the person; NULL: as stored */
NODISCARD bool referral_make_view(struct call *call, struct referral_peers *peers,
                                  const struct referral *referral,
                                  const Maillon__Hfp__V1__ReferralPayload *sent,
                                  Maillon__Api__V1__Referral **ret, struct err *err);
NODISCARD bool referral_fill_consent(struct call *call, const struct referral *referral,
                                     Maillon__Api__V1__Referral *view, struct err *err);
/** With events and consent, as Referrals/Get. */
NODISCARD bool referral_show(struct call *call, const struct referral *referral, void **out,
                             struct err *err);
NODISCARD bool referral_show_id(struct call *call, const struct oid *id, void **out,
                                struct err *err);
