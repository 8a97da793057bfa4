/* Accounts: sign-in, people and programs of this hub (proto/maillon/api/v1/accounts.proto). */
#include "hub/api/guard.h"
#include "hub/api/rpc.h"
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/domain/session.h"
#include "maillon/api/v1/accounts.pb-c.h"

/*
 * Hash of a random passphrase nobody kept, with the parameters of password_hash(): a name without
 * account costs the same work, and no passphrase fits.
 */
static const char no_account[] = "$argon2id$v=19$m=19456,t=2,p=1$c3VyZWx5IG5vdCBhIHNhbA"
                                 "$3FGl8pVh3kQv0mYzYxW1nG8bqk5Zr0u7JtXcS2dLw6M";

static const char *actor(const struct call *call)
{
    return call->caller.name[0] ? call->caller.name : "operator";
}

static Maillon__Api__V1__Account *account_view(struct call *call, const struct account *account)
{
    char roles[ACCOUNT_ROLES_TEXT];
    Maillon__Api__V1__Account *view = rpc_message(call, &maillon__api__v1__account__descriptor);
    view->name = rpc_text(call, account->name);
    view->role = rpc_text(call, account_roles_text(account->roles, roles));
    view->disabled = account->disabled;
    view->created = rpc_time(call, account->created_ms);
    view->last_seen = rpc_time(call, account->last_seen_ms);
    return view;
}

/* SignIn: the hash is read, verified on a worker, and the session opened if it is still the hash.
 */

struct sign_in {
    struct account account;
    char hash[PASSWORD_HASH_MAX];
};

static bool sign_in_lookup(struct call *call, void *in, struct err *err)
{
    const Maillon__Api__V1__SignInRequest *request = in;
    struct sign_in *work = arena_alloc(call->arena, sizeof(*work));
    bool found = false;
    if (!guard_take(call->guard, request->name, call->now)) {
        COUNT(call->env->counters, signins_failed, 1);
        return err_set(err, ERR_LIMIT,
                       "too many wrong passphrases: could not sign in, wait a minute");
    }
    if (!account_find(call->store, request->name, &found, &work->account, err))
        return false;
    found = found && !work->account.disabled;
    if (!found)
        work->account.id = 0;
    text_copy(work->hash, sizeof(work->hash), no_account);
    call->work = work;
    return !found || account_passphrase(call->store, work->account.id, work->hash, err);
}

static bool wrong_passphrase(struct call *call, struct err *err)
{
    COUNT(call->env->counters, signins_failed, 1);
    return err_set(err, ERR_UNSIGNED, "name or passphrase is wrong");
}

static bool sign_in_prepare(struct call *call, void *in, struct err *err)
{
    Maillon__Api__V1__SignInRequest *request = in;
    const struct sign_in *work = call->work;
    bool right = password_verify(work->hash, request->passphrase) && work->account.id;
    if (request->passphrase[0]) /* an empty one is protobuf-c's constant */
        secret_wipe(request->passphrase, strlen(request->passphrase));
    if (!right)
        return wrong_passphrase(call, err);
    guard_give_back(call->guard, request->name);
    return true;
}

static bool sign_in(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    const struct sign_in *work = call->work;
    struct account account;
    char hash[PASSWORD_HASH_MAX], token[TOKEN_TEXT];
    struct wall expires;
    if (!account_get_by_id(call->store, work->account.id, &account, err) ||
        !account_passphrase(call->store, account.id, hash, err))
        return false;
    if (account.disabled || strcmp(hash, work->hash) != 0)
        return wrong_passphrase(call, err);
    if (!session_open(call->tx, account.id, token, &expires, err))
        return false;
    account.last_seen_ms = call->now.ms;
    Maillon__Api__V1__Session *session = rpc_message(call, &maillon__api__v1__session__descriptor);
    session->token = rpc_text(call, token);
    session->expires = rpc_time(call, expires.ms);
    session->account = account_view(call, &account);
    secret_wipe(token, sizeof(token));
    *out = session;
    return true;
}

static bool sign_out(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    if (call->caller.bearer[0] && !session_close(call->tx, call->caller.bearer, err))
        return false;
    *out = rpc_message(call, &maillon__api__v1__sign_out_response__descriptor);
    return true;
}

static bool who_am_i(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct account account = {.roles = call->caller.roles}; /* the operator has no account */
    if (call->caller.account &&
        !account_get_by_id(call->store, call->caller.account, &account, err))
        return false;
    *out = account_view(call, &account);
    return true;
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
static bool passphrase_prepare(struct call *call, char *given, struct err *err)
{
    struct new_passphrase *work = call->work;
    size_t len = strlen(given);
    work->made = len == 0;
    if (work->made)
        account_make_passphrase(call->env->random, work->text);
    bool ok = password_hash(work->made ? work->text : given, work->hash, err);
    if (len > 0)
        secret_wipe(given, len);
    return ok;
}

static void *passphrase_answer(struct call *call, const struct account *account)
{
    struct new_passphrase *work = call->work;
    Maillon__Api__V1__AddUserResponse *answer =
        rpc_message(call, &maillon__api__v1__add_user_response__descriptor);
    answer->account = account_view(call, account);
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
        return err_set(
            err, ERR_INVALID,
            "a role is caseworker, coordinator, secretary or admin, or several with commas");
    if (!account_check_name(request->name, err) ||
        !account_find(call->store, request->name, &found, &work->account, err))
        return false;
    return !found || err_set(err, ERR_CONFLICT, "there is an account of that name already");
}

static bool add_user_prepare(struct call *call, void *in, struct err *err)
{
    Maillon__Api__V1__AddUserRequest *request = in;
    return passphrase_prepare(call, request->passphrase, err);
}

static bool add_user(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__AddUserRequest *request = in;
    const struct new_passphrase *work = call->work;
    struct account account;
    if (!account_add(call->tx, actor(call), request->name, work->roles, work->hash, &account, err))
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
    return passphrase_prepare(call, none, err);
}

static bool reset_user(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    const struct new_passphrase *work = call->work;
    struct account account;
    if (!account_reset(call->tx, actor(call), work->account.id, work->hash, err) ||
        !session_end_all(call->tx, work->account.id, false, err) ||
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
        answer->account[answer->n_account++] = account_view(call, &accounts[i]);
    *out = answer;
    return true;
}

static bool disable_user(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__UserRequest *request = in;
    struct account account;
    if (!account_get(call->store, request->name, &account, err) ||
        !account_disable(call->tx, actor(call), account.id, err) ||
        !session_end_all(call->tx, account.id, true, err) ||
        !account_get_by_id(call->store, account.id, &account, err))
        return false;
    *out = account_view(call, &account);
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
    if (!session_add_token(call->tx, actor(call), account.id, request->label,
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
        !session_revoke_tokens(call->tx, actor(call), account.id, err))
        return false;
    *out = account_view(call, &account);
    return true;
}

#define SERVICE &maillon__api__v1__accounts__descriptor
static const struct method_work sign_in_work = {sign_in_lookup, sign_in_prepare};
static const struct method_work add_user_work = {add_user_lookup, add_user_prepare};
static const struct method_work reset_user_work = {reset_user_lookup, reset_user_prepare};

const struct method methods_accounts[] = {
    {SERVICE, "SignIn", ROLE_NONE, METHOD_WORK, sign_in, &sign_in_work},
    {SERVICE, "SignOut", ROLE_ANY, METHOD_WRITE, sign_out, NULL},
    {SERVICE, "WhoAmI", ROLE_ANY, METHOD_READ, who_am_i, NULL},
    {SERVICE, "AddUser", ROLE_ADMIN, METHOD_WORK, add_user, &add_user_work},
    {SERVICE, "ListUsers", ROLE_ADMIN, METHOD_READ, list_users, NULL},
    {SERVICE, "DisableUser", ROLE_ADMIN, METHOD_WRITE, disable_user, NULL},
    {SERVICE, "ResetUser", ROLE_ADMIN, METHOD_WORK, reset_user, &reset_user_work},
    {SERVICE, "CreateToken", ROLE_ADMIN, METHOD_WRITE, create_token, NULL},
    {SERVICE, "RevokeTokens", ROLE_ADMIN, METHOD_WRITE, revoke_tokens, NULL},
    {.name = NULL},
};
