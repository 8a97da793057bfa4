#pragma once
/* Referrals/List: by box, state and words. */
#include "hub/api/rpc.h"

NODISCARD bool referral_run_list(struct call *call, const void *in, void **out, struct err *err);
