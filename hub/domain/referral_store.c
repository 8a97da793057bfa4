#include "hub/domain/referral_store.h"

#include "hub/base/text.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include "hub/domain/attempt.h"
#include "hub/domain/slip.h"
#include "hub/outbox/outbox.h"

#define COLUMNS                                                                                 \
    "id, oid, peer, is_out, is_open, status, business_status, flags, sender_seq, sender_head, " \
    "receiver_seq, receiver_head, answer_due_s, asked_s, status_event, pending, events, "       \
    "delivery, urgency, feedback, exercise, service, service_name, theme, reason, outcome, "    \
    "consent, part_of, scheduled_s, review_s, created_ms, changed_ms, expires_ms, ended_ms, "   \
    "purge_ms, purged_ms, late_stage, next_ms, account, request_key, data_key, presented"

static char *lend_text(struct stmt *stmt, int column, struct arena *arena)
{
    const char *text = stmt_text(stmt, column);
    return arena_text(arena, text ? text : "");
}

/* Absent stays all zero. */
static bool read_oid(struct stmt *stmt, int column, struct oid *ret)
{
    return !stmt_is_null(stmt, column) && stmt_copy(stmt, column, ret->b, sizeof(ret->b));
}

static void read_state(struct stmt *stmt, struct referral_state *state)
{
    state->status = (Maillon__Hfp__V1__ReferralStatus)stmt_i64(stmt, 5);
    state->business_status = (Maillon__Hfp__V1__BusinessStatus)stmt_i64(stmt, 6);
    state->flags = (unsigned)stmt_i64(stmt, 7);
    state->seq[REFERRAL_SENDER] = (uint64_t)stmt_i64(stmt, 8);
    (void)read_oid(stmt, 9, &state->head[REFERRAL_SENDER]);
    state->seq[REFERRAL_RECEIVER] = (uint64_t)stmt_i64(stmt, 10);
    (void)read_oid(stmt, 11, &state->head[REFERRAL_RECEIVER]);
    state->answer_due_s = (uint64_t)stmt_i64(stmt, 12);
    state->asked_s = (uint64_t)stmt_i64(stmt, 13);
    (void)read_oid(stmt, 14, &state->status_event);
    state->pending = (size_t)stmt_i64(stmt, 15);
}

static void read_row(struct stmt *stmt, struct arena *arena, struct referral *ret)
{
    struct referral row = {
        .id = stmt_i64(stmt, 0),
        .is_out = stmt_i64(stmt, 3),
        .is_open = stmt_i64(stmt, 4),
        .events = (uint64_t)stmt_i64(stmt, 16),
        .delivery = (enum referral_delivery)stmt_i64(stmt, 17),
        .urgency = (Maillon__Hfp__V1__Urgency)stmt_i64(stmt, 18),
        .feedback = (Maillon__Hfp__V1__FeedbackLevel)stmt_i64(stmt, 19),
        .exercise = stmt_i64(stmt, 20),
        .service = lend_text(stmt, 21, arena),
        .service_name = lend_text(stmt, 22, arena),
        .theme = lend_text(stmt, 23, arena),
        .reason = lend_text(stmt, 24, arena),
        .outcome = lend_text(stmt, 25, arena),
        .consent = arena_bytes(arena, stmt_bytes(stmt, 26)),
        .scheduled_s = (uint64_t)stmt_i64(stmt, 28),
        .review_s = (uint64_t)stmt_i64(stmt, 29),
        .created_ms = stmt_i64(stmt, 30),
        .changed_ms = stmt_i64(stmt, 31),
        .expires_ms = stmt_i64(stmt, 32),
        .ended_ms = stmt_i64(stmt, 33),
        .purge_ms = stmt_i64(stmt, 34),
        .purged_ms = stmt_i64(stmt, 35),
        .late_stage = (unsigned)stmt_i64(stmt, 36),
        .next_ms = stmt_i64(stmt, 37),
        .account = stmt_i64(stmt, 38),
        .request_key = stmt_is_null(stmt, 39) ? NULL : lend_text(stmt, 39, arena),
    };
    row.is_presented = stmt_i64(stmt, 41);
    (void)read_oid(stmt, 1, &row.oid);
    if (!stmt_copy(stmt, 2, row.peer.b, sizeof(row.peer.b)))
        memset(&row.peer, 0, sizeof(row.peer)); /* the schema checks its length */
    row.has_part_of = read_oid(stmt, 27, &row.part_of);
    if (!stmt_is_null(stmt, 40))
        row.data_key = arena_bytes(arena, stmt_bytes(stmt, 40));
    read_state(stmt, &row.state);
    *ret = row;
}

static bool read_one(struct stmt *stmt, struct arena *arena, bool *ret_found, struct referral *ret,
                     struct err *err)
{
    bool found;
    if (!stmt_next(stmt, &found, err))
        return err_wrap(err, "read referral");
    if (found)
        read_row(stmt, arena, ret);
    *ret_found = found;
    return true;
}

bool referral_get(struct store *store, struct arena *arena, const struct oid *id, bool *ret_found,
                  struct referral *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT " COLUMNS " FROM referral WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(id));
    return read_one(stmt, arena, ret_found, ret, err);
}

bool referral_row_by_id(struct store *store, struct arena *arena, int64_t id, bool *ret_found,
                        struct referral *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT " COLUMNS " FROM referral WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    return read_one(stmt, arena, ret_found, ret, err);
}

bool referral_row_by_request(struct store *store, struct arena *arena, int64_t account,
                             const char *request_key, bool *ret_found, struct referral *ret,
                             struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT " COLUMNS " FROM referral WHERE account = ?1 AND request_key = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, account);
    stmt_bind_text(stmt, 2, request_key);
    return read_one(stmt, arena, ret_found, ret, err);
}

/* The hex digits as the range of ids that begin with them. */
static bool prefix_range(const char *text, size_t len, uint8_t from[32], uint8_t to[32])
{
    char hex[REFERRAL_ID_TEXT];
    for (size_t i = 0; i < len; i++)
        hex[i] = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + ('a' - 'A') : text[i]);
    memset(hex + len, '0', 64 - len);
    hex[64] = '\0';
    if (!hex_decode(hex, from, 32))
        return false;
    memset(hex + len, 'f', 64 - len);
    return hex_decode(hex, to, 32);
}

bool referral_resolve(struct store *store, struct arena *arena, const char *text,
                      struct referral *ret, struct err *err)
{
    uint8_t from[32], to[32];
    size_t len = text ? strlen(text) : 0;
    if (len < REFERRAL_ID_PREFIX || len > 64 || !prefix_range(text, len, from, to))
        return err_set(err, ERR_INVALID,
                       "not a referral id: give at least the first %d of its characters",
                       REFERRAL_ID_PREFIX);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " COLUMNS " FROM referral WHERE oid >= ?1 AND oid <= ?2"
                                 " AND status > 0 ORDER BY oid LIMIT 2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(from, sizeof(from)));
    stmt_bind_bytes(stmt, 2, bytes_of(to, sizeof(to)));
    struct referral first;
    bool found = false, more;
    if (!read_one(stmt, arena, &found, &first, err))
        return false;
    if (!found)
        return err_set(err, ERR_UNKNOWN, "no referral with this id; list them to find it");
    if (!stmt_next(stmt, &more, err))
        return err_wrap(err, "read referral");
    if (more)
        return err_set(err, ERR_INVALID,
                       "several referrals begin like this: give more characters of the id");
    *ret = first;
    return true;
}

/* How this side is called in the list's order: 0 late, 1 waits for our answer, 2 the rest. */
#define RANK                                                                            \
    "CASE WHEN due_s > 0 AND due_s < ?1 THEN 0"                                         \
    " WHEN is_out = 0 AND ((status = 2 AND (flags & 4) = 0) OR (flags & 2) > 0) THEN 1" \
    " WHEN is_out = 1 AND status = 2 AND (flags & 4) > 0 THEN 1 ELSE 2 END"
_Static_assert(REFERRAL_STATUS(REQUESTED) == 2 && REFERRAL_CANCEL_REQUESTED == 2 &&
                   REFERRAL_QUESTION_OPEN == 4,
               "the numbers in RANK");

static bool parse_token(const char *token, int64_t ret[3])
{
    char text[80];
    if (strlen(token) >= sizeof(text))
        return false;
    text_copy(text, sizeof(text), token);
    char *rest = text;
    for (size_t i = 0; i < 3; i++) {
        char *part = strsep(&rest, ".");
        if (!part || !text_parse_i64(part, &ret[i]))
            return false;
    }
    return !rest;
}

bool referral_list(struct store *store, struct arena *arena, const struct referral_query *query,
                   struct wall now, struct referral **ret, size_t *ret_count, const char **ret_next,
                   struct err *err)
{
    int64_t after[3] = {-1, 0, 0}; /* rank, created_ms, id of the last row seen */
    if (query->before && *query->before && !parse_token(query->before, after))
        return err_set(err, ERR_INVALID, "not a page token: use `next` of the previous answer");
    size_t limit = query->limit ? query->limit : 50;
    if (limit > 500)
        limit = 500;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT " COLUMNS ", " RANK " AS place FROM referral WHERE status > 0"
                 " AND (?2 = 0 OR is_out = ?2 - 1) AND (?3 = 0 OR status = ?3)"
                 " AND (?4 = 0 OR is_open = 1)"
                 " AND (" RANK " > ?5 OR (" RANK " = ?5 AND (created_ms < ?6"
                 " OR (created_ms = ?6 AND id < ?7))))"
                 " ORDER BY place, created_ms DESC, id DESC LIMIT ?8",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, now.ms / 1000);
    stmt_bind_i64(stmt, 2, query->in_or_out);
    stmt_bind_i64(stmt, 3, query->status);
    stmt_bind_i64(stmt, 4, query->open_only);
    for (int i = 0; i < 3; i++)
        stmt_bind_i64(stmt, 5 + i, after[i]);
    stmt_bind_i64(stmt, 8, (int64_t)limit + 1);
    struct referral *rows = arena_alloc(arena, limit * sizeof(*rows));
    size_t count = 0;
    int64_t rank = 0;
    const char *next = NULL;
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list referrals");
        if (!row)
            break;
        if (count == limit) {
            next =
                arena_printf(arena, "%lld.%lld.%lld", (long long)rank,
                             (long long)rows[count - 1].created_ms, (long long)rows[count - 1].id);
            break;
        }
        rank = stmt_i64(stmt, 42);
        read_row(stmt, arena, &rows[count++]);
    }
    *ret = rows;
    *ret_count = count;
    *ret_next = next;
    return true;
}

static void bind_oid(struct stmt *stmt, int index, bool has, const struct oid *oid)
{
    stmt_bind_bytes(stmt, index, has ? oid_bytes(oid) : (struct bytes){0});
}

/* ?1 … ?27: what may change. */
static void bind_changing(struct stmt *stmt, const struct referral *referral)
{
    const struct referral_state *state = &referral->state;
    stmt_bind_i64(stmt, 1, referral->is_open);
    stmt_bind_i64(stmt, 2, state->status);
    stmt_bind_i64(stmt, 3, state->business_status);
    stmt_bind_i64(stmt, 4, state->flags);
    stmt_bind_i64(stmt, 5, (int64_t)state->seq[REFERRAL_SENDER]);
    bind_oid(stmt, 6, state->seq[REFERRAL_SENDER], &state->head[REFERRAL_SENDER]);
    stmt_bind_i64(stmt, 7, (int64_t)state->seq[REFERRAL_RECEIVER]);
    bind_oid(stmt, 8, state->seq[REFERRAL_RECEIVER], &state->head[REFERRAL_RECEIVER]);
    stmt_bind_i64(stmt, 9, (int64_t)state->answer_due_s);
    stmt_bind_i64(stmt, 10, (int64_t)state->asked_s);
    stmt_bind_i64(stmt, 11, (int64_t)referral_due_s(state));
    bind_oid(stmt, 12, state->status, &state->status_event);
    stmt_bind_i64(stmt, 13, (int64_t)state->pending);
    stmt_bind_i64(stmt, 14, (int64_t)referral->events);
    stmt_bind_i64(stmt, 15, referral->delivery);
    stmt_bind_text(stmt, 16, referral->reason);
    stmt_bind_text(stmt, 17, referral->outcome);
    stmt_bind_i64(stmt, 18, (int64_t)referral->scheduled_s);
    stmt_bind_i64(stmt, 19, (int64_t)referral->review_s);
    stmt_bind_i64(stmt, 20, referral->changed_ms);
    stmt_bind_i64(stmt, 21, referral->expires_ms);
    stmt_bind_i64(stmt, 22, referral->ended_ms);
    stmt_bind_i64(stmt, 23, referral->purge_ms);
    stmt_bind_i64(stmt, 24, referral->purged_ms);
    stmt_bind_i64(stmt, 25, referral->late_stage);
    stmt_bind_i64(stmt, 26, referral->next_ms);
    stmt_bind_bytes(stmt, 27, referral->data_key);
}

/* From `at`, twelve: what REFER says once. */
static void bind_constant(struct stmt *stmt, int at, const struct referral *referral)
{
    stmt_bind_i64(stmt, at, referral->urgency);
    stmt_bind_i64(stmt, at + 1, referral->feedback);
    stmt_bind_i64(stmt, at + 2, referral->exercise);
    stmt_bind_text(stmt, at + 3, referral->service);
    stmt_bind_text(stmt, at + 4, referral->service_name);
    stmt_bind_text(stmt, at + 5, referral->theme);
    stmt_bind_bytes(stmt, at + 6, referral->consent);
    bind_oid(stmt, at + 7, referral->has_part_of, &referral->part_of);
    stmt_bind_i64(stmt, at + 8, referral->account);
    stmt_bind_text(stmt, at + 9, referral->request_key);
    stmt_bind_i64(stmt, at + 10, referral->is_out);
    stmt_bind_i64(stmt, at + 11, referral->created_ms);
}

static bool count_open(struct tx *tx, const struct referral *referral, int change, struct err *err)
{
    if (referral->is_out || !change)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO referral_peer (peer, open_in) VALUES (?1, ?2)"
                                 " ON CONFLICT (peer) DO UPDATE"
                                 " SET open_in = referral_peer.open_in + excluded.open_in",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&referral->peer));
    stmt_bind_i64(stmt, 2, change);
    return stmt_run(stmt, err) || err_wrap(err, "count open referrals");
}

bool referral_open_in(struct store *store, const struct node_id *peer, uint64_t *ret,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT open_in FROM referral_peer WHERE peer = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "count open referrals");
    *ret = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

bool referral_row_add(struct tx *tx, struct referral *referral, struct err *err)
{
    struct data_key key;
    uint8_t *wrapped = arena_alloc(tx->arena, WRAPPED_KEY_BYTES);
    random_fill(tx->random, key.b, sizeof(key.b));
    identity_wrap(tx->self, tx->random, &key, wrapped);
    secret_wipe(&key, sizeof(key));
    referral->data_key = bytes_of(wrapped, WRAPPED_KEY_BYTES);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO referral (is_open, status, business_status, flags, sender_seq, sender_head,"
        " receiver_seq, receiver_head, answer_due_s, asked_s, due_s, status_event, pending,"
        " events, delivery, reason, outcome, scheduled_s, review_s, changed_ms, expires_ms,"
        " ended_ms, purge_ms, purged_ms, late_stage, next_ms, data_key, urgency, feedback,"
        " exercise, service, service_name, theme, consent, part_of, account, request_key, is_out,"
        " created_ms, oid, peer)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35,"
        " ?36, ?37, ?38, ?39, ?40, ?41)",
        err);
    if (!stmt)
        return false;
    bind_changing(stmt, referral);
    bind_constant(stmt, 28, referral);
    stmt_bind_bytes(stmt, 40, oid_bytes(&referral->oid));
    stmt_bind_bytes(stmt, 41, node_id_bytes(&referral->peer));
    if (!stmt_run(stmt, err))
        return err_wrap(err, "store referral");
    referral->id = store_last_id(tx->store);
    return count_open(tx, referral, referral->is_open, err);
}

bool referral_row_describe(struct tx *tx, const struct referral *referral, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "UPDATE referral SET urgency = ?1, feedback = ?2, exercise = ?3, service = ?4,"
                 " service_name = ?5, theme = ?6, consent = ?7, part_of = ?8, account = ?9,"
                 " request_key = ?10, is_out = ?11, created_ms = ?12 WHERE id = ?13",
                 err);
    if (!stmt)
        return false;
    bind_constant(stmt, 1, referral);
    stmt_bind_i64(stmt, 13, referral->id);
    return stmt_run(stmt, err) || err_wrap(err, "describe referral");
}

bool referral_row_save(struct tx *tx, const struct referral *referral, bool was_open,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "UPDATE referral SET is_open = ?1, status = ?2, business_status = ?3, flags = ?4,"
        " sender_seq = ?5, sender_head = ?6, receiver_seq = ?7, receiver_head = ?8,"
        " answer_due_s = ?9, asked_s = ?10, due_s = ?11, status_event = ?12, pending = ?13,"
        " events = ?14, delivery = ?15, reason = ?16, outcome = ?17, scheduled_s = ?18,"
        " review_s = ?19, changed_ms = ?20, expires_ms = ?21, ended_ms = ?22, purge_ms = ?23,"
        " purged_ms = ?24, late_stage = ?25, next_ms = ?26, data_key = ?27 WHERE id = ?28",
        err);
    if (!stmt)
        return false;
    bind_changing(stmt, referral);
    stmt_bind_i64(stmt, 28, referral->id);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "save referral");
    return count_open(tx, referral, (int)referral->is_open - (int)was_open, err);
}

bool referral_row_turn(struct tx *tx, struct referral *referral, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE referral_event SET side = 1 - side WHERE referral = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral->id);
    if (!stmt_run(stmt, err) || !count_open(tx, referral, -(int)referral->is_open, err))
        return err_wrap(err, "turn a referral round");
    referral->is_out = true;
    return true;
}

bool referral_row_set_delivery(struct tx *tx, const struct referral *referral, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE referral SET delivery = ?2, next_ms = ?3 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral->id);
    stmt_bind_i64(stmt, 2, referral->delivery);
    stmt_bind_i64(stmt, 3, referral->next_ms);
    return stmt_run(stmt, err) || err_wrap(err, "note the delivery of a referral");
}

/* Runs a statement whose ?1 is a row id. */
static bool run_on(struct tx *tx, const char *sql, int64_t id, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    return stmt_run(stmt, err) || err_wrap(err, "change referral");
}

bool referral_present(struct tx *tx, const struct oid *id, bool *ret_tell, struct referral *ret,
                      struct err *err)
{
    bool found;
    if (!referral_get(tx->store, tx->arena, id, &found, ret, err))
        return false;
    *ret_tell = found && !ret->is_out && !ret->is_presented && ret->state.status;
    return !*ret_tell ||
           run_on(tx, "UPDATE referral SET presented = 1 WHERE id = ?1", ret->id, err);
}

bool referral_row_remove(struct tx *tx, const struct referral *referral, struct err *err)
{
    return attachment_erase(tx, referral->id, err) &&
           run_on(tx, "DELETE FROM referral_event WHERE referral = ?1", referral->id, err) &&
           run_on(tx, "DELETE FROM referral WHERE id = ?1", referral->id, err) &&
           count_open(tx, referral, -(int)referral->is_open, err);
}

bool referral_rows_due(struct store *store, struct arena *arena, struct wall now, size_t limit,
                       int64_t **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT id FROM referral WHERE next_ms > 0 AND next_ms <= ?1"
                                 " ORDER BY next_ms LIMIT ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, now.ms);
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    int64_t *ids = arena_alloc(arena, limit * sizeof(*ids));
    size_t count = 0;
    for (bool row; count < limit;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list due referrals");
        if (!row)
            break;
        ids[count++] = stmt_i64(stmt, 0);
    }
    *ret = ids;
    *ret_count = count;
    return true;
}

bool referral_rows_next(struct store *store, int64_t *ret_ms, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT min(next_ms) FROM referral WHERE next_ms > 0", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret_ms = row && !stmt_is_null(stmt, 0) ? stmt_i64(stmt, 0) : 0;
    return true;
}

/* The queue holds what we said of the person until the peer has it. */
static bool erase_queued(struct tx *tx, const struct referral *referral, struct err *err)
{
    struct referral_event_row *rows;
    size_t count;
    if (referral->is_out && !outbox_take_back(tx, &referral->oid, err))
        return false;
    if (!referral_event_rows(tx->store, tx->arena, referral->id, false, &rows, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        if (rows[i].key.side == referral_our_side(referral) &&
            !outbox_erase(tx, &rows[i].key.oid, err))
            return false;
    return true;
}

bool referral_erase(struct tx *tx, struct referral *referral, struct err *err)
{
    if (referral->purged_ms)
        return true;
    if (!erase_queued(tx, referral, err) ||
        !run_on(tx, "UPDATE referral_event SET payload = NULL WHERE referral = ?1", referral->id,
                err) ||
        !run_on(tx, "UPDATE referral SET data_key = NULL WHERE id = ?1", referral->id, err) ||
        !attachment_erase(tx, referral->id, err) || !slip_erase(tx, referral->id, err) ||
        !attempt_erase(tx, referral->id, err))
        return false;
    store_scrub(tx->store);
    referral->data_key = (struct bytes){0};
    referral->purged_ms = tx->now.ms;
    return true;
}
