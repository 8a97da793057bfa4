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
