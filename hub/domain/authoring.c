#include "hub/domain/authoring.h"

#include "hub/crypto/wire.h"

/*
 * Read anew for every object: a row of one page that is always in the cache costs a microsecond,
 * and a value kept in memory would have to follow every savepoint that is taken back.
 */
bool authoring_read(struct store *store, struct authoring *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT incarnation, reason, since_ms, authored_ms, clock_ms,"
                                 " clock_off_ms, clock_jumped FROM authoring WHERE only_row = 1",
                                 err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_INTERNAL, "the store does not say whether this hub may sign");
    *ret = (struct authoring){
        .incarnation = (uint32_t)stmt_i64(stmt, 0),
        .reason = (enum recovery_reason)stmt_i64(stmt, 1),
        .since_ms = stmt_i64(stmt, 2),
        .authored_ms = stmt_i64(stmt, 3),
        .clock_ms = stmt_i64(stmt, 4),
        .clock_off_ms = stmt_i64(stmt, 5),
        .clock_jumped = stmt_i64(stmt, 6) != 0,
    };
    return true;
}

static bool has_peers(struct store *store, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT 1 FROM peer WHERE ours = 'accepted' AND theirs = 'accepted' LIMIT 1", err);
    return stmt && stmt_next(stmt, ret, err);
}

/* Silent for so long, a clock without battery may say anything; with peers it can be compared. */
static bool is_unproven(struct store *store, const struct authoring *state, struct wall now,
                        bool *ret, struct err *err)
{
    int64_t last = state->authored_ms > state->clock_ms ? state->authored_ms : state->clock_ms;
    *ret = state->clock_jumped;
    if (*ret || !last || now.ms - last <= AUTHORING_SILENT_MS)
        return true;
    return has_peers(store, ret, err);
}

static bool find_bar(struct store *store, const struct identity *self,
                     const struct authoring *state, struct wall now, enum authoring_bar *ret,
                     struct err *err)
{
    bool unproven;
    const struct kel *kel = identity_kel(self);
    if (state->reason)
        *ret = AUTHORING_RECOVERING;
    else if (kel->retired)
        *ret = AUTHORING_RETIRED;
    else if (!kel_find_op(kel, sign_key_public(identity_op(self))))
        *ret = AUTHORING_REVOKED;
    else if (now.ms < AUTHORING_NOT_BEFORE_MS)
        *ret = AUTHORING_CLOCK_EARLY;
    else if (now.ms < state->authored_ms - AUTHORING_CLOCK_BACK_MS)
        *ret = AUTHORING_CLOCK_BACK;
    else if (state->clock_off_ms)
        *ret = AUTHORING_CLOCK_WRONG;
    else if (!is_unproven(store, state, now, &unproven, err))
        return false;
    else
        *ret = unproven ? AUTHORING_CLOCK_JUMPED : AUTHORING_OPEN;
    return true;
}

bool authoring_check(struct store *store, const struct identity *self, struct wall now,
                     struct authoring *ret, enum authoring_bar *ret_bar, struct err *err)
{
    return (authoring_read(store, ret, err) && find_bar(store, self, ret, now, ret_bar, err)) ||
           err_wrap(err, "look whether this hub may sign");
}

const char *authoring_words(enum authoring_bar bar)
{
    static const char *const words[] = {
        [AUTHORING_OPEN] = NULL,
        [AUTHORING_RECOVERING] =
            "this hub was restored from a copy: it is fetching what it had sent since; try again "
            "in a few minutes",
        [AUTHORING_CLOCK_EARLY] =
            "this hub's clock is wrong, it stands before this program was built: set date and "
            "time, then try again",
        [AUTHORING_CLOCK_BACK] =
            "this hub's clock has gone back, it stands before the last thing this hub sent: set "
            "date and time, then try again",
        [AUTHORING_CLOCK_WRONG] =
            "this hub's clock differs from those of its neighbour hubs by more than 5 minutes: "
            "set date and time, then try again",
        [AUTHORING_CLOCK_JUMPED] =
            "this hub's clock was changed and nobody has confirmed it yet: it is compared as soon "
            "as a neighbour hub or a time server answers; try again in a few minutes",
        [AUTHORING_RETIRED] = "this hub has retired: it sends nothing any more",
        [AUTHORING_REVOKED] =
            "this hub's signing key was revoked: give it a new one with the root sheet first",
    };
    return words[bar];
}

static bool find_state(struct tx *tx, struct authoring *ret, struct err *err)
{
    enum authoring_bar bar;
    if (!authoring_check(tx->store, tx->self, tx->now, ret, &bar, err))
        return false;
    return bar == AUTHORING_OPEN || err_set(err, ERR_CONFLICT, "%s", authoring_words(bar));
}

bool authoring_allowed(struct tx *tx, struct err *err)
{
    struct authoring state;
    return find_state(tx, &state, err);
}

bool authoring_may(struct tx *tx, bool *ret, struct err *err)
{
    struct authoring state;
    enum authoring_bar bar;
    if (!authoring_check(tx->store, tx->self, tx->now, &state, &bar, err))
        return false;
    *ret = bar == AUTHORING_OPEN;
    return true;
}

static bool set_authored(struct tx *tx, int64_t authored_ms, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE authoring SET authored_ms = ?1 WHERE only_row = 1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, authored_ms);
    return stmt_run(stmt, err) || err_wrap(err, "note the time of an own object");
}

bool authoring_head(struct tx *tx, Maillon__Hfp__V1__Head *head, struct err *err)
{
    struct authoring state;
    if (!find_state(tx, &state, err))
        return false;
    int64_t second_ms = tx->now.ms / 1000 * 1000;
    if (second_ms > state.authored_ms) { /* once a second, however much is signed in it */
        if (!set_authored(tx, second_ms, err))
            return false;
        state.authored_ms = second_ms;
    }
    head->node = wire_data(node_id_bytes(identity_node(tx->self)));
    head->incarnation = state.incarnation;
    head->created_s = (uint64_t)state.authored_ms / 1000;
    return true;
}

bool authoring_incarnation(struct store *store, uint32_t *ret, struct err *err)
{
    struct authoring state;
    if (!authoring_read(store, &state, err))
        return false;
    *ret = state.incarnation;
    return true;
}

bool authoring_version(struct tx *tx, uint32_t version, uint32_t *ret, struct err *err)
{
    uint32_t incarnation;
    if (!authoring_incarnation(tx->store, &incarnation, err))
        return false;
    if (version == UINT32_MAX || incarnation > UINT32_MAX / AUTHORING_VERSIONS)
        return err_set(err, ERR_LIMIT, "there are no version numbers left: post a new one");
    uint32_t floor = (incarnation - 1) * AUTHORING_VERSIONS;
    *ret = (version > floor ? version : floor) + 1;
    return true;
}

static bool run(struct tx *tx, const char *sql, int64_t first, int64_t second, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, first);
    stmt_bind_i64(stmt, 2, second);
    return stmt_run(stmt, err) || err_wrap(err, "change whether this hub may sign");
}

bool authoring_clock_compared(struct tx *tx, int64_t off_ms, struct err *err)
{
    if (off_ms > AUTHORING_CLOCK_OFF_MS || off_ms < -AUTHORING_CLOCK_OFF_MS)
        return run(tx, "UPDATE authoring SET clock_off_ms = ?1 WHERE only_row = ?2", off_ms, 1,
                   err);
    /* What was signed with a clock that ran ahead must not keep a right one silent. */
    return run(tx,
               "UPDATE authoring SET clock_off_ms = 0, clock_jumped = 0, clock_ms = ?1,"
               " authored_ms = min(authored_ms, ?1) WHERE only_row = ?2",
               tx->now.ms, 1, err);
}

bool authoring_clock_jumped(struct tx *tx, struct err *err)
{
    bool peers;
    if (!has_peers(tx->store, &peers, err))
        return false;
    return !peers ||
           run(tx, "UPDATE authoring SET clock_jumped = ?1 WHERE only_row = ?2", 1, 1, err);
}

bool authoring_recover(struct tx *tx, enum recovery_reason reason, struct err *err)
{
    return run(tx, "UPDATE authoring SET reason = ?1, since_ms = ?2 WHERE reason = 0", reason,
               tx->now.ms, err);
}

bool authoring_resume(struct tx *tx, struct err *err)
{
    return run(tx,
               "UPDATE authoring SET incarnation = incarnation + ?1, reason = 0, since_ms = 0"
               " WHERE only_row = ?2",
               1, 1, err);
}

bool authoring_was(struct tx *tx, uint32_t incarnation, struct err *err)
{
    return run(tx, "UPDATE authoring SET incarnation = max(incarnation, ?1) WHERE only_row = ?2",
               incarnation, 1, err);
}
