#include "hub/domain/referral_store.h"

#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/object.h"

#define KEY_COLUMNS                                                                            \
    "id, referral, side, seq, oid, prev, seen, action, business_status, on_behalf, confirms, " \
    "created_s, answer_due_s, at_ms, verdict, delivery, incarnation, "
#define COLUMNS KEY_COLUMNS "payload"

static bool read_oid(struct stmt *stmt, int column, struct oid *ret)
{
    return !stmt_is_null(stmt, column) && stmt_copy(stmt, column, ret->b, sizeof(ret->b));
}

static void read_row(struct stmt *stmt, struct arena *arena, struct referral_event_row *ret)
{
    struct referral_event_row row = {
        .id = stmt_i64(stmt, 0),
        .referral = stmt_i64(stmt, 1),
        .key =
            {
                .side = (enum referral_side)stmt_i64(stmt, 2),
                .seq = (uint64_t)stmt_i64(stmt, 3),
                .action = (Maillon__Hfp__V1__ReferralAction)stmt_i64(stmt, 7),
                .business_status = (Maillon__Hfp__V1__BusinessStatus)stmt_i64(stmt, 8),
                .on_behalf = (Maillon__Hfp__V1__OnBehalf)stmt_i64(stmt, 9),
                .confirms = stmt_i64(stmt, 10),
                .created_s = (uint64_t)stmt_i64(stmt, 11),
                .incarnation = (uint32_t)stmt_i64(stmt, 16),
                .answer_due_s = (uint64_t)stmt_i64(stmt, 12),
            },
        .at_ms = stmt_i64(stmt, 13),
        .verdict = (enum referral_verdict)stmt_i64(stmt, 14),
        .delivery = (enum referral_delivery)stmt_i64(stmt, 15),
    };
    (void)read_oid(stmt, 4, &row.key.oid);
    row.key.has_prev = read_oid(stmt, 5, &row.key.prev);
    row.key.has_seen = read_oid(stmt, 6, &row.key.seen);
    if (!stmt_is_null(stmt, 17))
        row.payload = arena_bytes(arena, stmt_bytes(stmt, 17));
    *ret = row;
}

/* The stored form: salt and payload under the referral's key, bound to the event. */
static bool encrypt(struct tx *tx, const struct referral *referral, const struct oid *oid,
                    struct bytes payload, struct bytes salt, struct buf *out, struct err *err)
{
    struct data_key key;
    if (!identity_unwrap(tx->self, referral->data_key, &key, err))
        return err_wrap(err, "open the key of a referral");
    AUTO(buf_done) struct buf plain = {0};
    buf_add_bytes(&plain, salt);
    buf_add_bytes(&plain, payload);
    data_encrypt(&key, tx->random, oid_bytes(oid), buf_bytes(&plain), out);
    secret_wipe(plain.data, plain.len);
    secret_wipe(&key, sizeof(key));
    return true;
}

bool referral_event_add(struct tx *tx, const struct referral *referral,
                        const struct referral_event_key *key, enum referral_verdict verdict,
                        struct bytes payload, struct bytes salt, struct err *err)
{
    AUTO(buf_done) struct buf stored = {0};
    if (payload.len && referral->data_key.data &&
        !encrypt(tx, referral, &key->oid, payload, salt, &stored, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO referral_event (referral, side, seq, oid, prev, seen, action,"
                 " business_status, on_behalf, confirms, created_s, answer_due_s, at_ms, verdict,"
                 " delivery, payload, incarnation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                 " ?10, ?11, ?12, ?13, ?14, 0, ?15, ?16)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral->id);
    stmt_bind_i64(stmt, 2, key->side);
    stmt_bind_i64(stmt, 3, (int64_t)key->seq);
    stmt_bind_bytes(stmt, 4, oid_bytes(&key->oid));
    stmt_bind_bytes(stmt, 5, key->has_prev ? oid_bytes(&key->prev) : (struct bytes){0});
    stmt_bind_bytes(stmt, 6, key->has_seen ? oid_bytes(&key->seen) : (struct bytes){0});
    stmt_bind_i64(stmt, 7, key->action);
    stmt_bind_i64(stmt, 8, key->business_status);
    stmt_bind_i64(stmt, 9, key->on_behalf);
    stmt_bind_i64(stmt, 10, key->confirms);
    stmt_bind_i64(stmt, 11, (int64_t)key->created_s);
    stmt_bind_i64(stmt, 12, (int64_t)key->answer_due_s);
    stmt_bind_i64(stmt, 13, tx->now.ms);
    stmt_bind_i64(stmt, 14, verdict);
    stmt_bind_bytes(stmt, 15, stored.len ? buf_bytes(&stored) : (struct bytes){0});
    stmt_bind_i64(stmt, 16, key->incarnation ? key->incarnation : 1);
    return stmt_run(stmt, err) || err_wrap(err, "store referral event");
}

bool referral_event_rows(struct store *store, struct arena *arena, int64_t referral,
                         bool with_payload, struct referral_event_row **ret, size_t *ret_count,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        with_payload
            ? stmt_get(store,
                       "SELECT " COLUMNS " FROM referral_event WHERE referral = ?1 ORDER BY id",
                       err)
            : stmt_get(store,
                       "SELECT " KEY_COLUMNS "NULL FROM referral_event WHERE referral = ?1"
                       " ORDER BY id",
                       err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral);
    struct referral_event_row *rows = NULL;
    size_t count = 0, cap = 0;
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read referral events");
        if (!row)
            break;
        if (count == cap) {
            struct referral_event_row *larger =
                arena_alloc(arena, (cap = cap ? cap * 2 : 16) * sizeof(*rows));
            if (count)
                memcpy(larger, rows, count * sizeof(*rows));
            rows = larger;
        }
        read_row(stmt, arena, &rows[count++]);
    }
    *ret = rows;
    *ret_count = count;
    return true;
}

bool referral_event_bytes(struct store *store, int64_t referral, int64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT coalesce(sum(length(payload)), 0) FROM referral_event WHERE referral = ?1",
        err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "measure a referral");
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool referral_event_find(struct store *store, struct arena *arena, const struct oid *oid,
                         bool *ret_found, struct referral_event_row *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT " COLUMNS " FROM referral_event WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    bool found;
    if (!stmt_next(stmt, &found, err))
        return err_wrap(err, "find referral event");
    if (found)
        read_row(stmt, arena, ret);
    *ret_found = found;
    return true;
}

static bool set(struct tx *tx, const char *sql, int64_t id, int64_t value, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, value);
    return stmt_run(stmt, err) || err_wrap(err, "change referral event");
}

bool referral_event_set_verdict(struct tx *tx, int64_t id, enum referral_verdict verdict,
                                struct err *err)
{
    return set(tx, "UPDATE referral_event SET verdict = ?2 WHERE id = ?1", id, verdict, err);
}

bool referral_event_set_delivery(struct tx *tx, int64_t id, enum referral_delivery delivery,
                                 struct err *err)
{
    return set(tx, "UPDATE referral_event SET delivery = ?2 WHERE id = ?1", id, delivery, err);
}

bool referral_event_personal(struct arena *arena, const struct identity *self,
                             const struct referral *referral, const struct referral_event_row *row,
                             struct bytes *ret_payload, struct bytes *ret_salt, struct err *err)
{
    *ret_payload = *ret_salt = (struct bytes){0};
    if (!row->payload.len || !referral->data_key.data)
        return true;
    struct data_key key;
    if (!identity_unwrap(self, referral->data_key, &key, err))
        return err_wrap(err, "open the key of a referral");
    AUTO(buf_done) struct buf plain = {0};
    bool opened = data_decrypt(&key, oid_bytes(&row->key.oid), row->payload, &plain, err);
    secret_wipe(&key, sizeof(key));
    if (!opened)
        return err_wrap(err, "open the personal part of a referral");
    if (plain.len < SALT_BYTES)
        return err_set(err, ERR_INTERNAL, "personal part of a referral is too short");
    *ret_salt = arena_bytes(arena, bytes_of(plain.data, SALT_BYTES));
    *ret_payload = arena_bytes(arena, bytes_of(plain.data + SALT_BYTES, plain.len - SALT_BYTES));
    secret_wipe(plain.data, plain.len);
    return true;
}

bool referral_event_open(struct arena *arena, const struct identity *self,
                         const struct referral *referral, const struct referral_event_row *row,
                         const Maillon__Hfp__V1__ReferralPayload **ret, struct err *err)
{
    struct bytes payload, salt;
    *ret = NULL;
    if (!referral_event_personal(arena, self, referral, row, &payload, &salt, err))
        return false;
    if (!payload.len)
        return true;
    *ret = wire_unpack(&maillon__hfp__v1__referral_payload__descriptor, payload, arena, err);
    return *ret || err_wrap(err, "read the personal part of a referral");
}

/* The body as signed; none when the object is no longer held. */
static bool read_body(struct store *store, struct arena *arena, struct referral_event *event,
                      struct err *err)
{
    struct object_row object;
    bool found;
    if (!object_get(store, arena, &event->key.oid, &found, &object, err))
        return false;
    if (!found)
        return true;
    struct envelope envelope;
    if (!envelope_open(object.bytes, arena, &envelope, err))
        return err_wrap(err, "read a stored referral event");
    event->object = object.bytes;
    event->body =
        wire_unpack(&maillon__hfp__v1__referral_event__descriptor, envelope.body, arena, err);
    return event->body || err_wrap(err, "read a stored referral event");
}

bool referral_events(struct store *store, struct arena *arena, const struct identity *self,
                     const struct referral *referral, struct referral_event **ret,
                     size_t *ret_count, struct err *err)
{
    struct referral_event_row *rows;
    size_t count;
    if (!referral_event_rows(store, arena, referral->id, true, &rows, &count, err))
        return false;
    struct referral_event *events = arena_alloc(arena, (count + 1) * sizeof(*events));
    for (size_t i = 0; i < count; i++) {
        events[i] = (struct referral_event){
            .id = rows[i].id,
            .key = rows[i].key,
            .verdict = rows[i].verdict,
            .delivery = rows[i].delivery,
            .at_ms = rows[i].at_ms,
        };
        if (!read_body(store, arena, &events[i], err) ||
            (self &&
             !referral_event_open(arena, self, referral, &rows[i], &events[i].payload, err)))
            return false;
    }
    *ret = events;
    *ret_count = count;
    return true;
}

bool referral_personal(struct store *store, struct arena *arena, const struct identity *self,
                       const struct referral *referral,
                       const Maillon__Hfp__V1__ReferralPayload **ret, struct err *err)
{
    struct referral_event_row row;
    bool found;
    *ret = NULL;
    return referral_event_find(store, arena, &referral->oid, &found, &row, err) &&
           (!found || referral_event_open(arena, self, referral, &row, ret, err));
}
