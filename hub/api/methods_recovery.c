/* A restored hub: how far it is, and going on without the rest
 * (proto/maillon/api/v1/recovery.proto).
 */
#include "hub/api/rpc.h"
#include "hub/domain/recovery.h"
#include "maillon/api/v1/recovery.pb-c.h"

static const char *reason_word(enum recovery_reason reason)
{
    static const char *const words[] = {
        [RECOVERY_NONE] = "",
        [RECOVERY_RESTORED] = "restored",
        [RECOVERY_PEER_AHEAD] = "peer-ahead",
        [RECOVERY_WENT_BACK] = "went-back",
    };
    return (size_t)reason < ARRAY_LEN(words) ? words[reason] : "";
}

static const char *advice(const struct recovery_progress *progress, uint32_t damaged)
{
    if (progress->authoring.reason)
        return "wait: it goes on by itself when enough neighbour hubs have answered; if they stay "
               "away, hubctl recover --go-on gives up what they hold";
    return damaged ? "the disk changed stored bytes: replace it soon, and make a backup now" : "";
}

static bool read_damage(struct call *call, uint32_t *ret_damaged, uint32_t *ret_lost,
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(call->store,
                                 "SELECT (SELECT count(*) FROM object_damaged),"
                                 " (SELECT count(*) FROM referral_event WHERE verdict = 5)"
                                 " + (SELECT count(*) FROM claim_event WHERE state = 4)",
                                 err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret_damaged = row ? (uint32_t)stmt_i64(stmt, 0) : 0;
    *ret_lost = row ? (uint32_t)stmt_i64(stmt, 1) : 0;
    return true;
}

static void *status_of(struct call *call, struct err *err)
{
    struct recovery_progress progress;
    struct authoring state;
    enum authoring_bar bar;
    uint32_t damaged, lost;
    if (!recovery_progress(call->store, &progress, err) ||
        !authoring_check(call->store, call->env->self, call->now, &state, &bar, err) ||
        !read_damage(call, &damaged, &lost, err))
        return NULL;
    Maillon__Api__V1__RecoveryStatus *answer =
        rpc_message(call, &maillon__api__v1__recovery_status__descriptor);
    answer->recovering = state.reason != RECOVERY_NONE;
    answer->reason = rpc_text(call, reason_word(state.reason));
    answer->since = rpc_time(call, state.since_ms);
    answer->answered = progress.answered;
    answer->needed = progress.needed;
    answer->peers = progress.peers;
    answer->incarnation = state.incarnation;
    answer->bar = rpc_text(call, authoring_words(bar));
    answer->damaged = damaged;
    answer->lost = lost;
    answer->advice = rpc_text(call, advice(&progress, damaged));
    return answer;
}

static bool status(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    *out = status_of(call, err);
    return *out;
}

static bool go_on(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    if (!recovery_go_on(call->tx, err))
        return false;
    *out = status_of(call, err);
    return *out;
}

#define SERVICE &maillon__api__v1__recovery__descriptor
const struct method methods_recovery[] = {
    {SERVICE, "Status", ROLE_ANY, METHOD_READ, status, NULL},
    {SERVICE, "GoOn", ROLE_ADMIN, METHOD_WRITE, go_on, NULL},
    {.name = NULL},
};
