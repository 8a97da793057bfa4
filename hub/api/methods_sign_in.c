/* Accounts: signing in and out, one's own passphrase, second factor and sessions
 * (proto/maillon/api/v1/accounts.proto). */
#include "hub/api/accounts.h"
#include "hub/api/guard.h"
#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/domain/second_factor.h"
#include <stdio.h>

/*
 * Hash of a random passphrase nobody kept, with the parameters of password_hash(): a name without
 * account costs the same work, and no passphrase fits.
 */
static const char no_account[] = "$argon2id$v=19$m=19456,t=2,p=1$c3VyZWx5IG5vdCBhIHNhbA"
                                 "$3FGl8pVh3kQv0mYzYxW1nG8bqk5Zr0u7JtXcS2dLw6M";

/* A try, counted as a wrong one until it turns out to be right. */
static bool take_try(struct call *call, const struct guard_try *try, struct err *err)
{
    int64_t wait_ms;
    if (guard_take(call->guard, try, call->now, &wait_ms))
        return true;
    COUNT(call->env->counters, signins_failed, 1);
    if (wait_ms < 60000)
        return err_set(err, ERR_LIMIT, "too many wrong tries: could not look, wait %lld seconds",
                       (long long)(wait_ms + 999) / 1000);
    return err_set(err, ERR_LIMIT, "too many wrong tries: could not look, wait %lld minutes",
                   (long long)(wait_ms + 59999) / 60000);
}

/* SignIn: the hash is read, verified on a worker, and the session opened if it is still the hash.
 */

struct sign_in {
    struct account account;
    char hash[PASSWORD_HASH_MAX];
    struct guard_try try;
};

static bool sign_in_lookup(struct call *call, void *in, struct err *err)
{
    const Maillon__Api__V1__SignInRequest *request = in;
    struct sign_in *work = arena_alloc(call->arena, sizeof(*work));
    bool found = false, known = false;
    *work = (struct sign_in){.try = {.account = request->name, .address = call->caller.address}};
    if (!session_check_browser(request->browser, err) ||
        !account_find(call->store, request->name, &found, &work->account, err))
        return false;
    found = found && !work->account.disabled;
    if (!found)
        work->account.id = 0;
    if (!session_knows_device(call->store, request->device, work->account.id, call->now, &known,
                              err))
        return false;
    work->try.device = known ? request->device : "";
    if (!take_try(call, &work->try, err))
        return false;
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
    guard_give_back(call->guard, &work->try, call->now);
    return true;
}

static bool open_session(struct call *call, const struct account *account, const char *browser,
                         const char *device, Maillon__Api__V1__Session *ret, struct err *err)
{
    char token[TOKEN_TEXT], noted[TOKEN_TEXT];
    struct wall expires;
    struct account seen = *account;
    if (!session_open(call->tx, account->id, browser, token, &expires, err) ||
        !session_note_device(call->tx, account->id, device, noted, err))
        return false;
    seen.last_seen_ms = call->now.ms;
    ret->token = rpc_text(call, token);
    ret->expires = rpc_time(call, expires.ms);
    ret->account = accounts_view(call, &seen);
    ret->device = rpc_text(call, noted);
    secret_wipe(token, sizeof(token));
    secret_wipe(noted, sizeof(noted));
    return true;
}

static bool sign_in(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SignInRequest *request = in;
    const struct sign_in *work = call->work;
    struct account account;
    char hash[PASSWORD_HASH_MAX], half[TOKEN_TEXT];
    if (!account_get_by_id(call->store, work->account.id, &account, err) ||
        !account_passphrase(call->store, account.id, hash, err))
        return false;
    if (account.disabled || strcmp(hash, work->hash) != 0)
        return wrong_passphrase(call, err);
    Maillon__Api__V1__Session *session = rpc_message(call, &maillon__api__v1__session__descriptor);
    *out = session;
    if (!account.second_factor)
        return open_session(call, &account, request->browser, request->device, session, err);
    if (!session_open_half(call->tx, account.id, request->browser, half, err))
        return false;
    session->half = rpc_text(call, half);
    secret_wipe(half, sizeof(half));
    return true;
}

static bool sign_in_code(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SignInCodeRequest *request = in;
    struct account account;
    char browser[SESSION_BROWSER_SIZE];
    int64_t id;
    bool known;
    if (!session_find_half(call->store, request->half, call->now, &id, browser, err) ||
        !account_get_by_id(call->store, id, &account, err) ||
        !session_knows_device(call->store, request->device, id, call->now, &known, err))
        return false;
    const struct guard_try try = {.account = account.name,
                                  .address = call->caller.address,
                                  .device = known ? request->device : "",
                                  .is_code = true};
    if (!take_try(call, &try, err))
        return false;
    if (account.second_factor && !second_factor_check(call->tx, id, request->code, err)) {
        COUNT(call->env->counters, signins_failed, 1);
        return false;
    }
    guard_give_back(call->guard, &try, call->now);
    Maillon__Api__V1__Session *session = rpc_message(call, &maillon__api__v1__session__descriptor);
    *out = session;
    return session_close_half(call->tx, request->half, err) &&
           open_session(call, &account, browser, request->device, session, err);
}

static bool sign_out(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    if (call->caller.bearer[0] && !session_close(call->tx, call->caller.bearer, err))
        return false;
    *out = rpc_message(call, &maillon__api__v1__sign_out_response__descriptor);
    return true;
}

/* Pages keep what is typed in the browser, sealed under this: who is signed out, or somebody else,
 * cannot read it. It outlives sessions, as drafts do. */
static char *draft_key(struct call *call, const struct account *account)
{
    uint8_t mac[32];
    char purpose[64], hex[65];
    snprintf(purpose, sizeof(purpose), "%lld %lld", (long long)account->id,
             (long long)account->created_ms);
    identity_mac(call->env->self, "maillon draft key v1", bytes_text(purpose), mac);
    char *text = rpc_text(call, hex_encode(bytes_of(mac, sizeof(mac)), hex));
    secret_wipe(mac, sizeof(mac));
    secret_wipe(hex, sizeof(hex));
    return text;
}

static bool who_am_i(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct account account = {.roles = call->caller.roles}; /* the operator has no account */
    if (call->caller.account &&
        !account_get_by_id(call->store, call->caller.account, &account, err))
        return false;
    Maillon__Api__V1__Account *view = accounts_view(call, &account);
    view->must_protect = caller_must_protect(&call->caller, call->env->config);
    view->should_protect = call->caller.unprotected && (account.roles & ROLE_ADMIN);
    if (call->caller.account && !call->caller.local && !call->caller.by_token)
        view->draft_key = draft_key(call, &account);
    *out = view;
    return true;
}

/* One's own account. */

static bool has_account(const struct call *call, struct err *err)
{
    return call->caller.account ||
           err_set(err, ERR_CONFLICT, "the operator has no account: say which with --user");
}

/* Guessing with a session that was left open, or stolen. Those who guess at the sign-in take none
 * of its tries. */
static struct guard_try own_try(const struct call *call)
{
    return (struct guard_try){.account = call->caller.name,
                              .address = call->caller.address,
                              .device = call->caller.bearer,
                              .is_code = true};
}

static bool change_lookup(struct call *call, void *in, struct err *err)
{
    (void)in;
    struct sign_in *work = arena_alloc(call->arena, sizeof(*work));
    call->work = work;
    if (!has_account(call, err))
        return false;
    const struct guard_try try = own_try(call);
    return take_try(call, &try, err) &&
           account_passphrase(call->store, call->caller.account, work->hash, err);
}

/* The old hash becomes the new one; both texts are wiped. */
static bool change_prepare(struct call *call, void *in, struct err *err)
{
    Maillon__Api__V1__ChangePassphraseRequest *request = in;
    struct sign_in *work = call->work;
    const struct guard_try try = own_try(call);
    bool ok = password_verify(work->hash, request->old) ||
              err_set(err, ERR_DENIED, "the old passphrase is wrong");
    if (ok)
        guard_give_back(call->guard, &try, call->now);
    ok = ok && (strcmp(request->old, request->new_) != 0 ||
                err_set(err, ERR_INVALID, "the new passphrase is the old one"));
    ok = ok && password_hash(request->new_, work->hash, err) &&
         account_check_passphrase(request->new_, call->caller.name, err);
    if (request->old[0])
        secret_wipe(request->old, strlen(request->old));
    if (request->new_[0])
        secret_wipe(request->new_, strlen(request->new_));
    return ok;
}

static bool change_passphrase(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    const struct sign_in *work = call->work;
    struct account account;
    int64_t id = call->caller.account;
    if (!account_set_passphrase(call->tx, accounts_actor(call), id, work->hash, err) ||
        !session_end_others(call->tx, accounts_actor(call), id, call->caller.bearer, err) ||
        !account_get_by_id(call->store, id, &account, err))
        return false;
    *out = accounts_view(call, &account);
    return true;
}

/* Second factor. */

static bool is_fresh(const struct call *call)
{
    return call->caller.local || call->now.ms - call->caller.signed_in_ms <= SESSION_FRESH_MS;
}

/* A page that was left open must not be enough to lock its owner out. */
static bool may_add_factor(struct call *call, struct err *err)
{
    return has_account(call, err) &&
           (is_fresh(call) || err_set(err, ERR_DENIED, "sign in again first"));
}

static bool second_factor_answer(struct call *call, void **out, struct err *err)
{
    struct second_factor state;
    struct account account;
    int64_t id = call->caller.account;
    if (!account_get_by_id(call->store, id, &account, err) ||
        !second_factor_read(call->store, call->env->self, id, call->now, &state, err))
        return false;
    Maillon__Api__V1__SecondFactor *answer =
        rpc_message(call, &maillon__api__v1__second_factor__descriptor);
    answer->on = state.on;
    answer->since = rpc_time(call, state.confirmed_ms);
    answer->recovery_left = (uint32_t)state.recovery_left;
    answer->required = second_factor_required(call->env->config, account.roles);
    answer->sign_in_first = !state.on && !is_fresh(call);
    if (state.begun && is_fresh(call)) {
        struct bytes secret = bytes_of(state.secret, sizeof(state.secret));
        const char *hub = call->env->config->name;
        char text[TOTP_SECRET_TEXT];
        AUTO(buf_done) struct buf uri = {0};
        totp_secret_text(secret, text);
        totp_uri(hub[0] ? hub : "Maillon", account.name, secret, &uri);
        answer->secret = rpc_text(call, text);
        answer->uri = rpc_text(call, buf_text(&uri));
        secret_wipe(text, sizeof(text));
        secret_wipe(uri.data, uri.len);
    }
    secret_wipe(state.secret, sizeof(state.secret));
    *out = answer;
    return true;
}

static bool show_second_factor(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    return has_account(call, err) && second_factor_answer(call, out, err);
}

static bool begin_second_factor(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    return may_add_factor(call, err) && second_factor_begin(call->tx, call->caller.account, err) &&
           second_factor_answer(call, out, err);
}

static void *codes_answer(struct call *call, char codes[RECOVERY_CODES][RECOVERY_CODE_TEXT])
{
    Maillon__Api__V1__RecoveryCodes *answer =
        rpc_message(call, &maillon__api__v1__recovery_codes__descriptor);
    answer->code = (char **)rpc_array(call, RECOVERY_CODES);
    for (size_t i = 0; i < RECOVERY_CODES; i++)
        answer->code[answer->n_code++] = rpc_text(call, codes[i]);
    secret_wipe(codes, RECOVERY_CODES * sizeof(codes[0]));
    return answer;
}

static bool confirm_second_factor(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__CodeRequest *request = in;
    char codes[RECOVERY_CODES][RECOVERY_CODE_TEXT];
    int64_t id = call->caller.account;
    const struct guard_try try = own_try(call);
    if (!may_add_factor(call, err) || !take_try(call, &try, err) ||
        !second_factor_confirm(call->tx, accounts_actor(call), id, request->code, codes, err))
        return false;
    guard_give_back(call->guard, &try, call->now);
    *out = codes_answer(call, codes);
    /* Who signed in elsewhere has not shown it. */
    return session_end_others(call->tx, accounts_actor(call), id, call->caller.bearer, err);
}

/* What weakens the account asks for a code first. */
static bool shows_code(struct call *call, const char *code, struct err *err)
{
    const struct guard_try try = own_try(call);
    if (!has_account(call, err) || !take_try(call, &try, err) ||
        !second_factor_check(call->tx, call->caller.account, code, err))
        return false;
    guard_give_back(call->guard, &try, call->now);
    return true;
}

static bool new_recovery_codes(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__CodeRequest *request = in;
    char codes[RECOVERY_CODES][RECOVERY_CODE_TEXT];
    if (!shows_code(call, request->code, err) ||
        !second_factor_new_codes(call->tx, accounts_actor(call), call->caller.account, codes, err))
        return false;
    *out = codes_answer(call, codes);
    return true;
}

static bool remove_second_factor(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__CodeRequest *request = in;
    return shows_code(call, request->code, err) &&
           second_factor_remove(call->tx, accounts_actor(call), call->caller.account, err) &&
           second_factor_answer(call, out, err);
}

/* Sessions. */

static bool sessions_answer(struct call *call, void **out, struct err *err)
{
    struct session *list;
    size_t count;
    if (!session_list(call->store, call->arena, call->caller.account, call->caller.bearer,
                      call->now, &list, &count, err))
        return false;
    Maillon__Api__V1__ListSessionsResponse *answer =
        rpc_message(call, &maillon__api__v1__list_sessions_response__descriptor);
    answer->session = (Maillon__Api__V1__OpenSession **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        Maillon__Api__V1__OpenSession *view =
            rpc_message(call, &maillon__api__v1__open_session__descriptor);
        view->id = list[i].id;
        view->token = list[i].is_token;
        view->current = list[i].is_current;
        view->label = rpc_text(call, list[i].is_token ? list[i].label : "");
        view->browser = rpc_text(call, list[i].is_token ? "" : list[i].label);
        view->created = rpc_time(call, list[i].created_ms);
        view->last_used = rpc_time(call, list[i].used_ms);
        view->expires = rpc_time(call, list[i].expires_ms);
        answer->session[answer->n_session++] = view;
    }
    *out = answer;
    return true;
}

static bool list_sessions(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    return has_account(call, err) && sessions_answer(call, out, err);
}

static bool end_session(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__EndSessionRequest *request = in;
    return has_account(call, err) &&
           session_end(call->tx, accounts_actor(call), call->caller.account, request->id, err) &&
           sessions_answer(call, out, err);
}

static bool end_other_sessions(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    return has_account(call, err) &&
           session_end_others(call->tx, accounts_actor(call), call->caller.account,
                              call->caller.bearer, err) &&
           sessions_answer(call, out, err);
}

#define SERVICE &maillon__api__v1__accounts__descriptor
#define OWN     (ROLE_ANY | ROLE_UNPROTECTED)
#define FACTOR  (ROLE_ANY | ROLE_UNPROTECTED | ROLE_PERSON)
#define SELF    (ROLE_ANY | ROLE_PERSON)
static const struct method_work sign_in_work = {sign_in_lookup, sign_in_prepare};
static const struct method_work change_work = {change_lookup, change_prepare};

const struct method methods_sign_in[] = {
    {SERVICE, "SignIn", ROLE_NONE, METHOD_WORK, sign_in, &sign_in_work},
    {SERVICE, "SignInCode", ROLE_NONE, METHOD_WRITE, sign_in_code, NULL},
    {SERVICE, "SignOut", OWN, METHOD_WRITE, sign_out, NULL},
    {SERVICE, "WhoAmI", OWN, METHOD_READ, who_am_i, NULL},
    {SERVICE, "ChangePassphrase", SELF, METHOD_WORK, change_passphrase, &change_work},
    {SERVICE, "ShowSecondFactor", FACTOR, METHOD_READ, show_second_factor, NULL},
    {SERVICE, "BeginSecondFactor", FACTOR, METHOD_WRITE, begin_second_factor, NULL},
    {SERVICE, "ConfirmSecondFactor", FACTOR, METHOD_WRITE, confirm_second_factor, NULL},
    {SERVICE, "NewRecoveryCodes", SELF, METHOD_WRITE, new_recovery_codes, NULL},
    {SERVICE, "RemoveSecondFactor", SELF, METHOD_WRITE, remove_second_factor, NULL},
    {SERVICE, "ListSessions", ROLE_ANY, METHOD_READ, list_sessions, NULL},
    {SERVICE, "EndSession", SELF, METHOD_WRITE, end_session, NULL},
    {SERVICE, "EndOtherSessions", SELF, METHOD_WRITE, end_other_sessions, NULL},
    {.name = NULL},
};
