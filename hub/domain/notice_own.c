#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/circle.h"
#include "hub/domain/gossip.h"
#include "hub/domain/notice_row.h"
#include "hub/domain/object.h"
#include "hub/domain/stream.h"
#include "hub/outbox/journal.h"

#include <stdint.h>
#include <string.h>

#define KIND(name)    MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_##name
#define SWEEP_MS      3600000
#define TICK_BATCH    1000
#define KEY_BYTES_MAX (sizeof(TYPE_NOTICE) + UID_BYTES)

static bool check_end(const struct tx *tx, uint64_t expires_s, struct err *err)
{
    uint64_t now_s = (uint64_t)(tx->now.ms / 1000);
    if (expires_s <= now_s || expires_s > now_s + NOTICE_LIFETIME_MAX_S)
        return err_set(err, ERR_INVALID, "a notice ends in the future, at most 180 days from now");
    return true;
}

struct next_version {
    const uint8_t *uid;
    uint32_t version;                         /* at least */
    Maillon__Hfp__V1__NoticeContent *content; /* NULL: withdrawn */
    const char *reason;
    uint64_t expires_s;
    const struct oid *scope; /* NULL: accepted peers */
};

/* Fills the head from our stream and signs; the object is stored, not yet announced. */
static bool sign_version(struct tx *tx, const struct next_version *next, struct oid *ret_oid,
                         struct err *err)
{
    struct oid prev;
    bool has_prev;
    AUTO(buf_done) struct buf signed_bytes = {0};
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Notice body;
    /* A stream for each scope (R-OB-5). */
    struct bytes own_stream = next->scope ? oid_bytes(next->scope) : (struct bytes){0};
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__notice__init(&body);
    if (!stream_next(tx, TYPE_NOTICE, own_stream, &head.seq, &prev, &has_prev, err))
        return false;
    if (!authoring_head(tx, &head, err))
        return false;
    if (has_prev)
        head.prev = wire_data(oid_bytes(&prev));
    head.expires_s = next->expires_s;
    head.scope = head.stream = wire_data(own_stream);
    body.head = &head;
    body.uid = wire_data(bytes_of(next->uid, UID_BYTES));
    body.version = next->version;
    body.content = next->content;
    if (next->reason)
        body.withdraw_reason = arena_text(tx->arena, next->reason);
    struct bytes bytes = wire_pack_arena(&body, tx->arena);
    identity_sign(tx->self, TYPE_NOTICE, bytes, &signed_bytes, ret_oid);
    if (signed_bytes.len > OBJECT_NOTICE_MAX)
        return err_set(err, ERR_INVALID, "the notice is too long: 16 KiB at most");
    return object_add_own(tx, TYPE_NOTICE, buf_bytes(&signed_bytes), ret_oid, next->expires_s, NULL,
                          err) &&
           stream_set(tx, TYPE_NOTICE, own_stream, head.seq, ret_oid, err);
}

/* Its row, and the way to those who should hear it. */
static bool announce(struct tx *tx, const struct notice_version *version, struct err *err)
{
    uint8_t key[KEY_BYTES_MAX];
    if (!notice_put(tx, version, err))
        return false;
    if (version->scope.len) /* its members hear it, and nobody else (R-NO-8) */
        return gossip_add_own(tx, version->oid, version->scope, TYPE_NOTICE, version->created_s,
                              version->expires_s, err);
    memcpy(key, TYPE_NOTICE, sizeof(TYPE_NOTICE) - 1);
    memcpy(key + sizeof(TYPE_NOTICE) - 1, version->uid.data, UID_BYTES);
    return journal_add(tx, JOURNAL_NOTICE, bytes_of(key, sizeof(TYPE_NOTICE) - 1 + UID_BYTES),
                       version->oid, version->expires_s, err);
}

static bool publish(struct tx *tx, const struct next_version *wanted, struct err *err)
{
    struct oid oid;
    struct next_version numbered = *wanted;
    const struct next_version *next = &numbered;
    if (!authoring_version(tx, wanted->version - 1, &numbered.version, err))
        return false;
    if (!sign_version(tx, next, &oid, err))
        return err_wrap(err, "publish a notice");
    struct notice_version version = {
        .author = identity_node(tx->self),
        .uid = bytes_of(next->uid, UID_BYTES),
        .version = next->version,
        .oid = &oid,
        .content = next->content,
        .created_s = (uint64_t)(tx->now.ms / 1000),
        .expires_s = next->expires_s,
        .scope = next->scope ? oid_bytes(next->scope) : (struct bytes){0},
    };
    return announce(tx, &version, err);
}

static bool find_own(struct tx *tx, const uint8_t uid[UID_BYTES], struct notice *ret,
                     struct err *err)
{
    bool found;
    if (!notice_find(tx->store, identity_node(tx->self), uid, &found, ret, err))
        return false;
    return found || err_set(err, ERR_UNKNOWN, "there is no such notice of ours");
}

static bool find_live(struct tx *tx, const uint8_t uid[UID_BYTES], struct notice *ret,
                      struct err *err)
{
    if (!find_own(tx, uid, ret, err))
        return false;
    if (ret->outcome[0])
        return err_set(err, ERR_CONFLICT, "the notice is closed: post a new one");
    return ret->kind || err_set(err, ERR_CONFLICT, "the notice was withdrawn: post a new one");
}

/* Clocks of a new end: a reminder at 75 % of its life, and the end itself. */
static bool set_clocks(struct tx *tx, int64_t notice, int64_t renewals, uint64_t expires_s,
                       struct err *err)
{
    int64_t end_ms = (int64_t)expires_s * 1000;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "UPDATE notice_own SET renewals = ?2, remind_ms = ?3, expire_ms = ?4 WHERE notice = ?1",
        err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice);
    stmt_bind_i64(stmt, 2, renewals);
    stmt_bind_i64(stmt, 3, tx->now.ms + (end_ms - tx->now.ms) / 4 * 3);
    stmt_bind_i64(stmt, 4, end_ms);
    return stmt_run(stmt, err);
}

static bool add_own(struct tx *tx, const uint8_t uid[UID_BYTES], const char *request_key,
                    uint64_t expires_s, struct err *err)
{
    struct notice notice;
    if (!find_own(tx, uid, &notice, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO notice_own (notice, renewals, progress_ms, request_key, posted_ms)"
                 " VALUES (?1, 0, 0, ?2, ?3)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice.id);
    stmt_bind_text(stmt, 2, request_key && request_key[0] ? request_key : NULL);
    stmt_bind_i64(stmt, 3, tx->now.ms);
    return stmt_run(stmt, err) && set_clocks(tx, notice.id, 0, expires_s, err);
}

bool notice_restore(struct tx *tx, const struct inbound_object *object, struct err *err)
{
    const Maillon__Hfp__V1__Notice *body = object->body;
    const struct oid *oid = &object->envelope.oid;
    struct notice_version version = {
        .author = identity_node(tx->self),
        .uid = wire_bytes(body->uid),
        .version = body->version,
        .oid = oid,
        .content = body->content,
        .created_s = object->head->created_s,
        .expires_s = object->head->expires_s,
        .scope = wire_bytes(object->head->scope),
    };
    struct notice known;
    struct err passed = {0};
    bool found;
    if (version.uid.len != UID_BYTES)
        return err_set(err, ERR_PEER, "an own notice came back malformed");
    if (!notice_find(tx->store, version.author, body->uid.data, &found, &known, err))
        return false;
    if (found && known.version >= body->version)
        return true;
    if (!stream_set(tx, TYPE_NOTICE, version.scope, object->head->seq, oid, &passed) &&
        passed.code != ERR_CONFLICT) {
        *err = passed;
        return false;
    }
    return announce(tx, &version, err) &&
           (found || add_own(tx, body->uid.data, NULL, version.expires_s, err));
}

static bool find_request(struct tx *tx, const char *request_key, bool *ret_found,
                         uint8_t ret_uid[UID_BYTES], struct err *err)
{
    bool row = false;
    if (request_key && request_key[0]) {
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(tx->store,
                     "SELECT uid FROM notice_own JOIN notice ON notice.id = notice_own.notice"
                     " WHERE request_key = ?1",
                     err);
        if (!stmt)
            return false;
        stmt_bind_text(stmt, 1, request_key);
        if (!stmt_next(stmt, &row, err) || (row && !stmt_copy(stmt, 0, ret_uid, UID_BYTES)))
            return false;
    }
    *ret_found = row;
    return true;
}

static bool check_scope(struct tx *tx, const struct oid *scope, struct err *err)
{
    struct circle circle;
    bool found = false;
    if (scope && !circle_find(tx->store, scope, &found, &circle, err))
        return false;
    return !scope || (found && circle.ours == CIRCLE_MEMBER) ||
           err_set(err, ERR_DENIED, "this hub is not a member of that circle");
}

/* Versions keep the scope of the first. */
static const struct oid *scope_of(const struct notice *notice)
{
    return notice->has_scope ? &notice->scope : NULL;
}

bool notice_post(struct tx *tx, const struct notice_draft *draft, uint8_t ret_uid[UID_BYTES],
                 struct err *err)
{
    bool found;
    uint32_t open;
    uint8_t uid[UID_BYTES];
    Maillon__Hfp__V1__NoticeContent content;
    if (!find_request(tx, draft->request_key, &found, ret_uid, err))
        return false;
    if (found)
        return true;
    if (!notice_prepare(tx, draft->content, &content, err))
        return false;
    if (draft->open_max > 0) {
        if (!notice_count_open(tx->store, tx->now, &open, err))
            return false;
        if (open >= draft->open_max)
            return err_set(err, ERR_LIMIT,
                           "%u notices are open: withdraw one first (option open-notices)", open);
    }
    random_fill(tx->random, uid, sizeof(uid));
    struct next_version next = {
        .uid = uid, .version = 1, .content = &content, .scope = draft->scope};
    if (!check_scope(tx, draft->scope, err))
        return false;
    next.expires_s = draft->expires_s
                         ? draft->expires_s
                         : (uint64_t)(tx->now.ms / 1000) + notice_default_life_s(&content);
    if (!check_end(tx, next.expires_s, err) || !publish(tx, &next, err) ||
        !add_own(tx, uid, draft->request_key, next.expires_s, err))
        return false;
    memcpy(ret_uid, uid, UID_BYTES);
    return true;
}

bool notice_update(struct tx *tx, const uint8_t uid[UID_BYTES], const struct notice_draft *draft,
                   struct err *err)
{
    struct notice notice;
    Maillon__Hfp__V1__NoticeContent content;
    if (!find_live(tx, uid, &notice, err) || !notice_prepare(tx, draft->content, &content, err))
        return false;
    if ((content.quantity ? content.quantity->amount : 0) < notice.committed)
        return err_set(err, ERR_CONFLICT, "%u are committed already: the amount cannot be lower",
                       notice.committed);
    content.committed = notice.committed;
    content.delivered = notice.delivered;
    struct next_version next = {
        .uid = uid,
        .version = notice.version + 1,
        .content = &content,
        .expires_s = draft->expires_s ? draft->expires_s : notice.expires_s,
        .scope = scope_of(&notice),
    };
    return check_end(tx, next.expires_s, err) && publish(tx, &next, err) &&
           set_clocks(tx, notice.id, 0, next.expires_s, err);
}

/* How long a withdrawal lives: longer than any version it takes back (R-NO-2). */
static bool withdrawal_end(struct tx *tx, int64_t notice, uint64_t *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT keep_s FROM notice WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice);
    if (!stmt_next(stmt, &row, err))
        return false;
    uint64_t now_s = (uint64_t)(tx->now.ms / 1000);
    uint64_t end = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    end = (end > now_s ? end : now_s) + NOTICE_KEEP_S;
    *ret = end < now_s + NOTICE_LIFETIME_MAX_S ? end : now_s + NOTICE_LIFETIME_MAX_S;
    return true;
}

/* For our people: a withdrawal has no content. */
static bool keep_what(struct tx *tx, const struct notice *notice, struct err *err)
{
    Maillon__Hfp__V1__Notice *body = NULL;
    if (!notice_read(tx->store, tx->arena, notice, &body, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE notice_own SET what = ?2 WHERE notice = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice->id);
    stmt_bind_text(stmt, 2, body && body->content ? body->content->what : "");
    return stmt_run(stmt, err);
}

bool notice_withdraw(struct tx *tx, const uint8_t uid[UID_BYTES], const char *reason,
                     struct err *err)
{
    struct notice notice;
    if (!find_own(tx, uid, &notice, err))
        return false;
    if (!notice.kind)
        return true;
    if (reason &&
        (!text_is_valid(bytes_text(reason)) || text_length(bytes_text(reason)) > NOTICE_WORDS_MAX))
        return err_set(err, ERR_INVALID, "\"reason\" is longer than 200 characters");
    const char *what = reason ? text_personal_data(bytes_text(reason)) : NULL;
    if (what)
        return err_set(err, ERR_INVALID,
                       "\"reason\" holds what looks like a %s of a person: notices carry no"
                       " personal data",
                       what);
    struct next_version next = {
        .uid = uid, .version = notice.version + 1, .reason = reason, .scope = scope_of(&notice)};
    if (!keep_what(tx, &notice, err) || !withdrawal_end(tx, notice.id, &next.expires_s, err) ||
        !publish(tx, &next, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "UPDATE notice_own SET publish_due_ms = NULL, remind_ms = NULL, expire_ms = NULL"
                 " WHERE notice = ?1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice.id);
    return stmt_run(stmt, err);
}

static bool read_i64(struct tx *tx, const char *sql, int64_t key, int64_t none, int64_t *ret,
                     struct err *err)
{
    bool row;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, key);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row && !stmt_is_null(stmt, 0) ? stmt_i64(stmt, 0) : none;
    return true;
}

/* The signed content of the newest version, to sign it again with other numbers. */
static bool read_content(struct tx *tx, const struct notice *notice,
                         Maillon__Hfp__V1__NoticeContent **ret, struct err *err)
{
    Maillon__Hfp__V1__Notice *body = NULL;
    if (!notice_read(tx->store, tx->arena, notice, &body, err))
        return false;
    if (!body || !body->content)
        return err_set(err, ERR_CONFLICT, "the notice is too old: post a new one");
    body->content->committed = notice->committed;
    body->content->delivered = notice->delivered;
    *ret = body->content;
    return true;
}

bool notice_renew(struct tx *tx, const uint8_t uid[UID_BYTES], uint64_t expires_s, struct err *err)
{
    int64_t renewals = 0;
    struct notice notice;
    struct next_version next = {.uid = uid, .expires_s = expires_s};
    if (!find_live(tx, uid, &notice, err) || !read_content(tx, &notice, &next.content, err) ||
        !read_i64(tx, "SELECT renewals FROM notice_own WHERE notice = ?1", notice.id, 0, &renewals,
                  err))
        return false;
    if (renewals >= NOTICE_RENEWALS_MAX)
        return err_set(err, ERR_CONFLICT,
                       "renewed 3 times without a change: read it again and edit it");
    if (!next.expires_s)
        next.expires_s = notice_renewed_end_s(&notice, next.content, tx->now);
    next.version = notice.version + 1;
    next.scope = scope_of(&notice);
    return check_end(tx, next.expires_s, err) && publish(tx, &next, err) &&
           set_clocks(tx, notice.id, renewals + 1, next.expires_s, err);
}

static bool publish_progress(struct tx *tx, const struct notice *notice, struct err *err)
{
    struct next_version next = {
        .uid = notice->uid,
        .version = notice->version + 1,
        .expires_s = notice->expires_s,
        .scope = scope_of(notice),
    };
    if (!read_content(tx, notice, &next.content, err) || !publish(tx, &next, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "UPDATE notice_own SET progress_ms = ?2, publish_due_ms = NULL WHERE notice = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice->id);
    stmt_bind_i64(stmt, 2, tx->now.ms);
    return stmt_run(stmt, err);
}

static bool set_numbers(struct tx *tx, const struct notice *notice, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE notice SET committed = ?2, delivered = ?3 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice->id);
    stmt_bind_i64(stmt, 2, notice->committed);
    stmt_bind_i64(stmt, 3, notice->delivered);
    return stmt_run(stmt, err);
}

bool notice_set_progress(struct tx *tx, const uint8_t uid[UID_BYTES], uint64_t committed,
                         uint64_t delivered, struct err *err)
{
    int64_t last_ms = 0;
    struct notice notice;
    char id[2 * UID_BYTES + 1];
    if (!find_own(tx, uid, &notice, err))
        return false;
    committed = committed < notice.asked ? committed : notice.asked;
    delivered = delivered < NOTICE_AMOUNT_MAX ? delivered : NOTICE_AMOUNT_MAX;
    if (!notice.kind || (committed == notice.committed && delivered == notice.delivered))
        return true;
    notice.committed = (uint32_t)committed;
    notice.delivered = (uint32_t)delivered;
    if (!set_numbers(tx, &notice, err) ||
        !read_i64(tx, "SELECT progress_ms FROM notice_own WHERE notice = ?1", notice.id, 0,
                  &last_ms, err))
        return false;
    if (notice.expires_s <= (uint64_t)(tx->now.ms / 1000))
        return true; /* nobody would take a new version */
    /* last_ms ahead of now: the clock was set back */
    bool may;
    if (!authoring_may(tx, &may, err))
        return false;
    if (may && (tx->now.ms >= last_ms + NOTICE_PROGRESS_MS || tx->now.ms < last_ms))
        return publish_progress(tx, &notice, err);
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE notice_own SET publish_due_ms = ?2 WHERE notice = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, notice.id);
    stmt_bind_i64(stmt, 2, last_ms + NOTICE_PROGRESS_MS);
    return stmt_run(stmt, err) &&
           tx_event(tx, "notice", hex_encode(bytes_of(uid, UID_BYTES), id), "changed", err);
}

/* The three clocks of notice_own; each row says what is due, how to stop it and what to do. */
struct due {
    int64_t notice;
    uint8_t uid[UID_BYTES];
};

static bool read_due(struct tx *tx, const char *sql, struct due *ret, size_t *ret_count,
                     struct err *err)
{
    bool row = true;
    size_t count = 0;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms);
    stmt_bind_i64(stmt, 2, TICK_BATCH);
    while (count < TICK_BATCH && row) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        ret[count].notice = stmt_i64(stmt, 0);
        if (!stmt_copy(stmt, 1, ret[count].uid, UID_BYTES))
            return err_set(err, ERR_IO, "a notice row cannot be read");
        count++;
    }
    *ret_count = count;
    return true;
}

static bool run_key(struct tx *tx, const char *sql, int64_t key, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, key);
    return stmt_run(stmt, err);
}

static bool on_publish(struct tx *tx, const struct due *due, struct err *err)
{
    struct notice notice;
    if (!find_own(tx, due->uid, &notice, err))
        return false;
    if (!notice.kind || notice.expires_s <= (uint64_t)(tx->now.ms / 1000))
        return true;
    return publish_progress(tx, &notice, err);
}

static bool on_remind(struct tx *tx, const struct due *due, struct err *err)
{
    char id[2 * UID_BYTES + 1];
    return tx_event(tx, "notice", hex_encode(bytes_of(due->uid, UID_BYTES), id), "ending", err);
}

static bool on_expire(struct tx *tx, const struct due *due, struct err *err)
{
    char id[2 * UID_BYTES + 1];
    return tx_event(tx, "notice", hex_encode(bytes_of(due->uid, UID_BYTES), id), "expired", err);
}

#define SELECT_DUE(column)                                                                      \
    "SELECT notice.id, notice.uid FROM notice_own JOIN notice ON notice.id = notice_own.notice" \
    " WHERE " column " <= ?1 ORDER BY " column " LIMIT ?2"
#define CLEAR_DUE(column) "UPDATE notice_own SET " column " = NULL WHERE notice = ?1"

static const struct {
    const char *due, *clear;
    bool (*act)(struct tx *tx, const struct due *due, struct err *err);
} clocks[] = {
    {SELECT_DUE("publish_due_ms"), CLEAR_DUE("publish_due_ms"), on_publish},
    {SELECT_DUE("remind_ms"), CLEAR_DUE("remind_ms"), on_remind},
    {SELECT_DUE("expire_ms"), CLEAR_DUE("expire_ms"), on_expire},
};

/* Once an hour: rows whose every version has been expired for 30 d (R-NO-2). */
static bool sweep(struct tx *tx, int64_t *ret_due_ms, struct err *err)
{
    int64_t due_ms = 0, before_s = tx->now.ms / 1000 - NOTICE_KEEP_S;
    if (!read_i64(tx, "SELECT due_ms FROM notice_sweep WHERE only_row = ?1", 1, 0, &due_ms, err))
        return false;
    if (due_ms <= tx->now.ms || due_ms > tx->now.ms + SWEEP_MS) {
        due_ms = tx->now.ms + SWEEP_MS;
        if (!run_key(tx, "DELETE FROM notice WHERE keep_s < ?1", before_s, err) ||
            !run_key(tx, "UPDATE notice_sweep SET due_ms = ?1", due_ms, err))
            return false;
    }
    *ret_due_ms = due_ms;
    return true;
}

bool notice_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    size_t count = 0;
    int64_t next_ms = INT64_MAX, sweep_ms = INT64_MAX;
    struct due *due = arena_alloc(tx->arena, TICK_BATCH * sizeof(*due));
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
        if (!read_due(tx, clocks[i].due, due, &count, err))
            return false;
        for (size_t n = 0; n < count; n++)
            if (!run_key(tx, clocks[i].clear, due[n].notice, err) ||
                !clocks[i].act(tx, &due[n], err))
                return false;
    }
    if (!sweep(tx, &sweep_ms, err) ||
        !read_i64(tx,
                  "SELECT min(due) FROM (SELECT min(publish_due_ms) AS due FROM notice_own"
                  " WHERE publish_due_ms IS NOT NULL UNION ALL SELECT min(remind_ms) FROM"
                  " notice_own WHERE remind_ms IS NOT NULL UNION ALL SELECT min(expire_ms)"
                  " FROM notice_own WHERE expire_ms IS NOT NULL) AS dues WHERE ?1 = 0",
                  0, INT64_MAX, &next_ms, err))
        return false;
    ret_next->ms = next_ms < sweep_ms ? next_ms : sweep_ms;
    return true;
}
