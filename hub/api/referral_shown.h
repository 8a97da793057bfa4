#pragma once
/* Which received referrals a call shows to a human for the first time: their senders are told after
 * the answer (R-PD-10). */
#include "hub/api/rpc.h"
#include "hub/domain/referral.h"

/** To be called for each referral that is in the answer. */
void referral_shown(struct call *call, const struct referral *referral);
