#include "hub/api/rpc.h"

#include "hub/base/text.h"
#include "hub/domain/session.h"

static void take_account(struct caller *caller, const struct account *account)
{
    caller->account = account->id;
    caller->roles = account->roles;
    text_copy(caller->name, sizeof(caller->name), account->name);
}

/* The operator on the machine itself: every role, or the roles of the account they speak for. */
static bool authenticate_local(struct store *store, struct caller *caller, struct err *err)
{
    struct account account;
    if (!caller->name[0]) {
        caller->account = 0;
        caller->roles = ROLE_ANY;
        return true;
    }
    if (!account_get(store, caller->name, &account, err))
        return false;
    if (account.disabled)
        return err_set(err, ERR_DENIED, "the account is disabled");
    take_account(caller, &account);
    return true;
}

bool caller_authenticate(struct store *store, struct caller *caller, struct wall now,
                         bool *ret_renew, struct err *err)
{
    struct account account;
    if (ret_renew)
        *ret_renew = false;
    if (caller->local)
        return authenticate_local(store, caller, err);
    if (!caller->bearer[0])
        return err_set(err, ERR_UNSIGNED, "sign in first");
    if (!session_authenticate(store, caller->bearer, now, &account, ret_renew, err))
        return false;
    take_account(caller, &account);
    caller->by_token = account.by_token;
    caller->signed_in_ms = account.signed_in_ms;
    caller->unprotected = !account.second_factor && !account.by_token;
    return true;
}

bool second_factor_required(const struct config *config, unsigned roles)
{
    return strcmp(config->require_second_factor, "all") == 0 ||
           (strcmp(config->require_second_factor, "admin") == 0 && (roles & ROLE_ADMIN));
}

bool caller_must_protect(const struct caller *caller, const struct config *config)
{
    return caller->unprotected && second_factor_required(config, caller->roles);
}
