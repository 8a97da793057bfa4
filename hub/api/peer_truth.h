#pragma once
/* What is true about a peer now: which direction works, what lags, what to do about it. */
#include "hub/api/rpc.h"
#include "hub/domain/relation.h"
#include "maillon/api/v1/peers.pb-c.h"

/** Fills everything of `out` that says how the peer is doing; the plain fields are there already.
 */
NODISCARD bool peer_truth_fill(struct call *call, const struct relation *relation,
                               Maillon__Api__V1__Peer *out, struct err *err);
/** Open referrals with this peer, for Get, Block and Leave. */
NODISCARD bool peer_truth_referrals(struct call *call, const struct relation *relation,
                                    Maillon__Api__V1__Peer *out, struct err *err);
/** R-AB-2, R-AB-4: what to do about an open referral with a hub to which less than everything
 * passes; NULL: everything does. */
const char *peer_truth_cut_off(struct arena *arena, const struct relation *relation);
