/* Accounts: people and programs of this hub, for its admins; methods_sign_in.c has the rest. */
#include "hub/api/accounts.h"
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/domain/held.h"
#include "hub/domain/session.h"
#include "maillon/api/v1/accounts.pb-c.h"

#define ROLE_WORDS "a role is caseworker, coordinator, secretary or admin, or several with commas"

const char *accounts_actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
}

Maillon__Api__V1__Account *accounts_view(struct call *call, const struct account *account)
{
    char roles[ACCOUNT_ROLES_TEXT];
    Maillon__Api__V1__Account *view = rpc_message(call, &maillon__api__v1__account__descriptor);
    view->name = rpc_text(call, account->name);
    view->role = rpc_text(call, account_roles_text(account->roles, roles));
    view->disabled = account->disabled;
    view->created = rpc_time(call, account->created_ms);
    view->last_seen = rpc_time(call, account->last_seen_ms);
    view->second_factor = account->second_factor;
    return view;
}

/* Passphrases: made here or given, hashed on a worker. */

struct new_passphrase {
    struct account account; /* ResetUser: whose */
    unsigned roles;
    bool made;
    char text[PASSPHRASE_TEXT];
    char hash[PASSWORD_HASH_MAX];
};

/* Hashes `given`, or one made here when that is empty. Wipes `given`. */
static bool passphrase_prepare(struct call *call, const char *name, char *given, struct err *err)
{
    struct new_passphrase *work = call->work;
    size_t len = strlen(given);
    work->made = len == 0;
    if (work->made)
        account_make_passphrase(call->env->random, work->text);
    bool ok = password_hash(work->made ? work->text : given, work->hash, err) &&
              (work->made || account_check_passphrase(given, name, err));
    if (len > 0)
        secret_wipe(given, len);
    return ok;
}

static void *passphrase_answer(struct call *call, const struct account *account)
{
    struct new_passphrase *work = call->work;
    Maillon__Api__V1__AddUserResponse *answer =
        rpc_message(call, &maillon__api__v1__add_user_response__descriptor);
    answer->account = accounts_view(call, account);
    answer->passphrase = rpc_text(call, work->made ? work->text : "");
    secret_wipe(work->text, sizeof(work->text));
    return answer;
}

static bool add_user_lookup(struct call *call, void *in, struct err *err)
{
    const Maillon__Api__V1__AddUserRequest *request = in;
    struct new_passphrase *work = arena_alloc(call->arena, sizeof(*work));
    bool found;
    call->work = work;
    work->roles = account_roles_parse(request->role);
    if (!work->roles)
        return err_set(err, ERR_INVALID, ROLE_WORDS);
    if (!account_check_name(request->name, err) ||
        !account_find(call->store, request->name, &found, &work->account, err))
        return false;
    return !found || err_set(err, ERR_CONFLICT, "there is an account of that name already");
}

static bool add_user_prepare(struct call *call, void *in, struct err *err)
{
    Maillon__Api__V1__AddUserRequest *request = in;
    return passphrase_prepare(call, request->name, request->passphrase, err);
}

static bool add_user(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__AddUserRequest *request = in;
    const struct new_passphrase *work = call->work;
    struct account account;
    if (!account_add(call->tx, accounts_actor(call), request->name, work->roles, work->hash,
                     &account, err))
        return false;
    *out = passphrase_answer(call, &account);
    return true;
}

static bool reset_user_lookup(struct call *call, void *in, struct err *err)
{
    const Maillon__Api__V1__UserRequest *request = in;
    struct new_passphrase *work = arena_alloc(call->arena, sizeof(*work));
    call->work = work;
    return account_get(call->store, request->name, &work->account, err);
}

static bool reset_user_prepare(struct call *call, void *in, struct err *err)
{
    (void)in;
    char none[] = "";
    return passphrase_prepare(call, "", none, err);
}

/* Whoever lost it may have been robbed: nothing that it opened stays open, programs included. */
static bool reset_user(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    const struct new_passphrase *work = call->work;
    struct account account;
    if (!account_reset(call->tx, accounts_actor(call), work->account.id, work->hash, err) ||
        !session_end_all(call->tx, work->account.id, err) ||
        !held_stop_ended(call->tx, work->account.id, err) ||
        !account_get_by_id(call->store, work->account.id, &account, err))
        return false;
    *out = passphrase_answer(call, &account);
    return true;
}

static bool list_users(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct account *accounts;
    size_t count;
    if (!account_list(call->store, call->arena, &accounts, &count, err))
        return false;
    Maillon__Api__V1__ListUsersResponse *answer =
        rpc_message(call, &maillon__api__v1__list_users_response__descriptor);
    answer->account = (Maillon__Api__V1__Account **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++)
        answer->account[answer->n_account++] = accounts_view(call, &accounts[i]);
    *out = answer;
    return true;
}

/* An admin who shuts the door on himself would need the machine to get in again. */
static bool is_somebody_else(const struct call *call, const struct account *account,
                             struct err *err)
{
    return call->caller.account != account->id ||
           err_set(err, ERR_CONFLICT, "this is your own account: another admin can do that");
}

static bool disable_user(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__UserRequest *request = in;
    struct account account;
    if (!account_get(call->store, request->name, &account, err) ||
        !is_somebody_else(call, &account, err) ||
        !account_disable(call->tx, accounts_actor(call), account.id, err) ||
        !session_end_all(call->tx, account.id, err) ||
        !account_get_by_id(call->store, account.id, &account, err))
        return false;
    *out = accounts_view(call, &account);
    return true;
}

static bool enable_user(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__UserRequest *request = in;
    struct account account;
    if (!account_get(call->store, request->name, &account, err) ||
        !account_enable(call->tx, accounts_actor(call), account.id, err) ||
        !account_get_by_id(call->store, account.id, &account, err))
        return false;
    *out = accounts_view(call, &account);
    return true;
}

static bool set_role(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SetRoleRequest *request = in;
    unsigned roles = account_roles_parse(request->role);
    struct account account;
    if (!roles)
        return err_set(err, ERR_INVALID, ROLE_WORDS);
    if (!account_get(call->store, request->name, &account, err) ||
        ((account.roles & ROLE_ADMIN) && !(roles & ROLE_ADMIN) &&
         !is_somebody_else(call, &account, err)) ||
        !account_set_roles(call->tx, accounts_actor(call), account.id, roles, err) ||
        !account_get_by_id(call->store, account.id, &account, err))
        return false;
    *out = accounts_view(call, &account);
    return true;
}

static bool end_user_sessions(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__UserRequest *request = in;
    struct account account;
    if (!account_get(call->store, request->name, &account, err) ||
        !session_end_others(call->tx, accounts_actor(call), account.id, "", err))
        return false;
    *out = accounts_view(call, &account);
    return true;
}

static bool create_token(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__CreateTokenRequest *request = in;
    struct account account;
    char token[TOKEN_TEXT];
    struct wall expires;
    if (!account_get(call->store, request->name, &account, err))
        return false;
    if (account.disabled)
        return err_set(err, ERR_CONFLICT, "the account is disabled");
    if (!session_add_token(call->tx, accounts_actor(call), account.id, request->label,
                           request->days ? request->days : TOKEN_DAYS_DEFAULT, token, &expires,
                           err))
        return false;
    Maillon__Api__V1__CreateTokenResponse *answer =
        rpc_message(call, &maillon__api__v1__create_token_response__descriptor);
    answer->token = rpc_text(call, token);
    answer->expires = rpc_time(call, expires.ms);
    secret_wipe(token, sizeof(token));
    *out = answer;
    return true;
}

static bool revoke_tokens(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__UserRequest *request = in;
    struct account account;
    if (!account_get(call->store, request->name, &account, err) ||
        !session_revoke_tokens(call->tx, accounts_actor(call), account.id, err))
        return false;
    *out = accounts_view(call, &account);
    return true;
}

/* Lets somebody in, or in further: a stolen token must not outlive its end. */
#define DOOR    (ROLE_ADMIN | ROLE_PERSON)
#define SERVICE &maillon__api__v1__accounts__descriptor
static const struct method_work add_user_work = {add_user_lookup, add_user_prepare};
static const struct method_work reset_user_work = {reset_user_lookup, reset_user_prepare};

const struct method methods_accounts[] = {
    {SERVICE, "AddUser", DOOR, METHOD_WORK, add_user, &add_user_work},
    {SERVICE, "ListUsers", ROLE_ADMIN, METHOD_READ, list_users, NULL},
    {SERVICE, "DisableUser", ROLE_ADMIN, METHOD_WRITE, disable_user, NULL},
    {SERVICE, "EnableUser", DOOR, METHOD_WRITE, enable_user, NULL},
    {SERVICE, "SetRole", DOOR, METHOD_WRITE, set_role, NULL},
    {SERVICE, "ResetUser", DOOR, METHOD_WORK, reset_user, &reset_user_work},
    {SERVICE, "EndUserSessions", ROLE_ADMIN, METHOD_WRITE, end_user_sessions, NULL},
    {SERVICE, "CreateToken", DOOR, METHOD_WRITE, create_token, NULL},
    {SERVICE, "RevokeTokens", ROLE_ADMIN, METHOD_WRITE, revoke_tokens, NULL},
    {.name = NULL},
};
