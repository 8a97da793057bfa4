#pragma once
/* What methods_accounts.c and methods_sign_in.c share. */
#include "hub/api/rpc.h"
#include "hub/domain/session.h"
#include "maillon/api/v1/accounts.pb-c.h"

/** Who acts, as audit lines have it. */
const char *accounts_actor(const struct call *call);
Maillon__Api__V1__Account *accounts_view(struct call *call, const struct account *account);
