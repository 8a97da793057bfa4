#include "hub/domain/notice.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/gossip.h"
#include "hub/domain/notice_row.h"
#include "hub/domain/object.h"

#include <stdint.h>
#include <string.h>

#define KIND(name) MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_##name
#define HOUR_S     3600
#define DAY_S      86400

static const struct { /* PRODUCT.md 4.1 */
    const char *name, *edxl;
    uint64_t life_s;
} kinds_of_notice[] = {
    [KIND(UNSPECIFIED)] = {NULL, "MessageRecall", 0}, /* withdrawn */
    [KIND(SHORTAGE)] = {"shortage", "RequestResource", 7 * DAY_S},
    [KIND(SURPLUS)] = {"surplus", "OfferUnsolicitedResource", 14 * DAY_S},
    [KIND(OFFER)] = {"offer", "OfferUnsolicitedResource", 30 * DAY_S},
    [KIND(QUESTION)] = {"question", "RequestInformation", 7 * DAY_S},
    [KIND(SITUATION)] = {"situation", "Alert", 48 * HOUR_S},
    [KIND(OPPORTUNITY)] = {"opportunity", "RequestQuote", 30 * DAY_S},
    [KIND(GROUP)] = {"group", "OfferUnsolicitedResource", 21 * DAY_S},
};
#define PERISHABLE_LIFE_S (24 * HOUR_S)

static bool kind_is_known(Maillon__Hfp__V1__NoticeKind kind)
{
    return kind != KIND(UNSPECIFIED) && (size_t)kind < ARRAY_LEN(kinds_of_notice);
}

const char *notice_kind_name(Maillon__Hfp__V1__NoticeKind kind)
{
    return kind_is_known(kind) ? kinds_of_notice[kind].name : NULL;
}

Maillon__Hfp__V1__NoticeKind notice_kind_parse(const char *name)
{
    for (size_t i = 1; i < ARRAY_LEN(kinds_of_notice); i++)
        if (strcmp(kinds_of_notice[i].name, name) == 0)
            return (Maillon__Hfp__V1__NoticeKind)i;
    return KIND(UNSPECIFIED);
}

const char *notice_edxl(const struct notice *notice)
{
    return kinds_of_notice[kind_is_known(notice->kind) ? notice->kind : 0].edxl;
}

uint64_t notice_default_life_s(const Maillon__Hfp__V1__NoticeContent *content)
{
    if (content->kind == KIND(SURPLUS) && content->perishable)
        return PERISHABLE_LIFE_S;
    return kinds_of_notice[kind_is_known(content->kind) ? content->kind : KIND(SHORTAGE)].life_s;
}

uint32_t notice_remaining(const struct notice *notice)
{
    return notice->committed < notice->asked ? notice->asked - notice->committed : 0;
}

struct notice_shares notice_shares(const struct notice *notice)
{
    uint32_t committed = notice->committed < notice->asked ? notice->committed : notice->asked;
    uint32_t taken = notice->delivered < committed ? notice->delivered : committed;
    return (struct notice_shares){
        .promised = committed - taken, .taken = taken, .remaining = notice->asked - committed};
}

const char *notice_status(const struct notice *notice, struct wall now)
{
    uint64_t now_s = (uint64_t)(now.ms / 1000);
    bool aged = notice->created_s + NOTICE_CLOSED_S <= now_s;
    if (notice->outcome[0])
        return "closed";
    if (!notice->kind)
        return aged ? "closed" : "withdrawn";
    if (notice->expires_s <= now_s)
        return notice->expires_s + NOTICE_CLOSED_S <= now_s ? "closed" : "expired";
    if (notice->asked && notice->committed >= notice->asked)
        return aged ? "closed" : "filled";
    return notice->committed ? "partly-filled" : "published";
}

bool notice_is_open(const struct notice *notice, struct wall now)
{
    return notice->kind && notice->expires_s > (uint64_t)(now.ms / 1000) &&
           (!notice->asked || notice->committed < notice->asked);
}

static bool fits(const char *text, size_t max)
{
    struct bytes bytes = bytes_text(text);
    return bytes.len <= max || (bytes.len <= 4 * max && text_length(bytes) <= max);
}

const char *notice_problem(const Maillon__Hfp__V1__NoticeContent *content)
{
    if (!kind_is_known(content->kind))
        return "\"kind\" is not one of the known kinds";
    if (!content->what[0] || !fits(content->what, NOTICE_WHAT_MAX))
        return "\"what\" must have 1 to 120 characters";
    if (!fits(content->detail, NOTICE_TEXT_MAX))
        return "\"detail\" is longer than 1,500 characters";
    if (!fits(content->place, NOTICE_WORDS_MAX) || !fits(content->contact_role, NOTICE_WORDS_MAX))
        return "\"place\" or \"contact_role\" is longer than 200 characters";
    if (!fits(content->theme, NOTICE_CODE_MAX) || !fits(content->commune, NOTICE_CODE_MAX))
        return "\"theme\" or \"commune\" is longer than 80 characters";
    if (content->n_restriction > NOTICE_RESTRICTIONS)
        return "there are more than 16 restrictions";
    for (size_t i = 0; i < content->n_restriction; i++)
        if (!fits(content->restriction[i], NOTICE_CODE_MAX))
            return "a restriction is longer than 80 characters";
    if (content->quantity && (content->quantity->amount > NOTICE_AMOUNT_MAX ||
                              !fits(content->quantity->unit, NOTICE_CODE_MAX)))
        return "\"quantity\" is over 1,000,000,000 or its unit is longer than 80 characters";
    if (content->committed > NOTICE_AMOUNT_MAX || content->delivered > NOTICE_AMOUNT_MAX)
        return "\"committed\" or \"delivered\" is over 1,000,000,000";
    if (content->latitude_e4 > 900000 || content->latitude_e4 < -900000 ||
        content->longitude_e4 > 1800000 || content->longitude_e4 < -1800000)
        return "the position is not on earth";
    if ((unsigned)content->price > MAILLON__HFP__V1__PRICE_KIND__PRICE_KIND_PAID)
        return "\"price\" is not one of the known kinds";
    if ((unsigned)content->status > MAILLON__HFP__V1__NOTICE_STATUS__NOTICE_STATUS_TEST)
        return "\"status\" is not one of the known ones";
    return NULL;
}

bool notice_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__Notice *notice = body;
    if (payload.len)
        return err_set(err, ERR_PEER, "notice is malformed: it has a personal part");
    if (!notice->head || notice->uid.len != UID_BYTES || notice->version == 0)
        return err_set(err, ERR_PEER, "notice is malformed: no head, uid or version");
    if (!fits(notice->withdraw_reason, NOTICE_WORDS_MAX))
        return err_set(err, ERR_PEER, "notice is malformed: its reason is too long");
    const char *problem = notice->content ? notice_problem(notice->content) : NULL;
    return !problem || err_set(err, ERR_PEER, "notice is malformed: %s", problem);
}

static void bind_version(struct stmt *stmt, const struct notice_version *version)
{
    Maillon__Hfp__V1__NoticeContent withdrawn;
    const Maillon__Hfp__V1__NoticeContent *content = version->content;
    if (!content) {
        maillon__hfp__v1__notice_content__init(&withdrawn);
        content = &withdrawn;
    }
    stmt_bind_bytes(stmt, 1, node_id_bytes(version->author));
    stmt_bind_bytes(stmt, 2, version->uid);
    stmt_bind_i64(stmt, 3, version->version);
    stmt_bind_bytes(stmt, 4, oid_bytes(version->oid));
    stmt_bind_i64(stmt, 5, content->kind);
    stmt_bind_text(stmt, 6, content->theme);
    stmt_bind_text(stmt, 7, content->commune);
    stmt_bind_i64(stmt, 8, content->quantity ? content->quantity->amount : 0);
    stmt_bind_i64(stmt, 9, content->committed);
    stmt_bind_i64(stmt, 10, content->delivered);
    stmt_bind_i64(stmt, 11, (int64_t)version->created_s);
    stmt_bind_i64(stmt, 12, (int64_t)version->expires_s);
    stmt_bind_i64(stmt, 13, content->perishable);
}

/* The way nearly all go: one statement, also for the look-up. */
static bool put_newer(struct tx *tx, const struct notice_version *version, bool *ret_done,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO notice (author, uid, version, oid, kind, theme, commune, asked, committed,"
        " delivered, created_s, expires_s, keep_s, first_s, perishable)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?11, ?13)"
        " ON CONFLICT (uid, author) DO UPDATE SET version = excluded.version, oid = excluded.oid,"
        " other_oid = NULL, kind = excluded.kind, theme = excluded.theme,"
        " commune = excluded.commune, asked = excluded.asked, committed = excluded.committed,"
        " delivered = excluded.delivered, perishable = excluded.perishable,"
        " created_s = excluded.created_s,"
        " expires_s = excluded.expires_s, keep_s = CASE WHEN notice.keep_s > excluded.keep_s"
        " THEN notice.keep_s ELSE excluded.keep_s END"
        " WHERE excluded.version > notice.version",
        err);
    if (!stmt)
        return false;
    bind_version(stmt, version);
    if (!stmt_run(stmt, err))
        return false;
    *ret_done = store_changes(tx->store) > 0;
    return true;
}

struct known { /* of a notice that has a row */
    uint32_t version;
    struct oid oid, other;
    bool has_other;
};

static bool read_known(struct tx *tx, const struct notice_version *version, struct known *ret,
                       struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT version, oid, other_oid FROM notice WHERE author = ?1 AND uid = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(version->author));
    stmt_bind_bytes(stmt, 2, version->uid);
    if (!stmt_next(stmt, &row, err))
        return false;
    struct known known = {.version = row ? (uint32_t)stmt_i64(stmt, 0) : 0};
    if (!row || !stmt_copy(stmt, 1, known.oid.b, OID_BYTES))
        return err_set(err, ERR_IO, "a notice row cannot be read");
    known.has_other = !stmt_is_null(stmt, 2) && stmt_copy(stmt, 2, known.other.b, OID_BYTES);
    *ret = known;
    return true;
}

/* Equal version, other object: the lowest oid is shown, the next one is kept as the proof. */
static bool put_equivocation(struct tx *tx, const struct notice_version *version,
                             const struct known *known, bool *ret_changed, struct err *err)
{
    bool lower = memcmp(version->oid->b, known->oid.b, OID_BYTES) < 0;
    const struct oid *other = lower ? &known->oid : version->oid;
    if (!lower && known->has_other && memcmp(known->other.b, other->b, OID_BYTES) <= 0)
        return true; /* a third one, or one seen before */
    AUTO(stmt_release)
    struct stmt *stmt =
        lower ? stmt_get(tx->store,
                         "UPDATE notice SET version = ?3, oid = ?4, kind = ?5, theme = ?6,"
                         " commune = ?7, asked = ?8, committed = ?9, delivered = ?10,"
                         " created_s = ?11, expires_s = ?12, perishable = ?13, other_oid = ?14"
                         " WHERE author = ?1 AND uid = ?2",
                         err)
              : stmt_get(tx->store,
                         "UPDATE notice SET other_oid = ?3 WHERE author = ?1 AND uid = ?2", err);
    if (!stmt)
        return false;
    if (lower) {
        bind_version(stmt, version);
    } else {
        stmt_bind_bytes(stmt, 1, node_id_bytes(version->author));
        stmt_bind_bytes(stmt, 2, version->uid);
    }
    stmt_bind_bytes(stmt, lower ? 14 : 3, oid_bytes(other));
    *ret_changed = true;
    return stmt_run(stmt, err);
}

/* Also a version that lost decides how long the row must be kept (R-NO-2). */
static bool keep_until(struct tx *tx, const struct notice_version *version, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "UPDATE notice SET keep_s = ?3 WHERE author = ?1 AND uid = ?2 AND keep_s < ?3",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(version->author));
    stmt_bind_bytes(stmt, 2, version->uid);
    stmt_bind_i64(stmt, 3, (int64_t)version->expires_s);
    return stmt_run(stmt, err);
}

/* Where a notice was said stays as it was first seen. */
static bool set_scope(struct tx *tx, const struct notice_version *version, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE notice SET scope = ?3 WHERE author = ?1 AND uid = ?2"
                                 " AND scope IS NULL",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(version->author));
    stmt_bind_bytes(stmt, 2, version->uid);
    stmt_bind_bytes(stmt, 3, version->scope);
    return stmt_run(stmt, err);
}

/* OPEN_NOTICES_PER_NODE: what one author may have open here at once. *ret: no room for this one. */
static bool author_is_full(struct tx *tx, const struct notice_version *version, bool *ret,
                           struct err *err)
{
    bool row;
    *ret = false;
    if (!tx->open_notices)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT 1 WHERE (SELECT count(*) FROM notice WHERE author = ?1 AND kind > 0"
                 " AND expires_s > ?2 AND (asked = 0 OR committed < asked) AND uid <> ?3) >= ?4",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(version->author));
    stmt_bind_i64(stmt, 2, tx->now.ms / 1000);
    stmt_bind_bytes(stmt, 3, version->uid);
    stmt_bind_i64(stmt, 4, tx->open_notices);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "count the open notices of an author");
    *ret = row;
    return true;
}

bool notice_put(struct tx *tx, const struct notice_version *version, struct err *err)
{
    bool changed = false;
    if (!put_newer(tx, version, &changed, err))
        return err_wrap(err, "store a notice");
    if (!changed) {
        struct known known;
        if (!read_known(tx, version, &known, err) || !keep_until(tx, version, err))
            return false;
        if (known.version == version->version && !oid_equal(&known.oid, version->oid) &&
            !put_equivocation(tx, version, &known, &changed, err))
            return false;
    }
    if (!changed)
        return true;
    if (version->scope.len && !set_scope(tx, version, err))
        return false;
    char id[2 * UID_BYTES + 1];
    const char *verb = version->version == 1 ? "created" : "changed";
    return tx_event(tx, "notice", hex_encode(version->uid, id),
                    version->content ? verb : "withdrawn", err);
}

static bool show(struct tx *tx, const struct node_id *author, const struct oid *oid,
                 const Maillon__Hfp__V1__Notice *notice, struct err *err)
{
    struct notice_version version = {
        .author = author,
        .uid = wire_bytes(notice->uid),
        .version = notice->version,
        .oid = oid,
        .content = notice->content,
        .created_s = notice->head->created_s,
        .expires_s = notice->head->expires_s,
        .scope = wire_bytes(notice->head->scope),
    };
    bool full = false;
    if (notice->content && !author_is_full(tx, &version, &full, err))
        return false;
    /* Over it a notice is passed on, so that sets stay equal, but not shown. */
    return full || notice_put(tx, &version, err);
}

bool notice_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                  struct err *err)
{
    enum gossip_verdict verdict;
    if (node_id_equal(&object->from, identity_node(tx->self))) {
        ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
        return notice_restore(tx, object, err);
    }
    if (!gossip_take(tx, object, &verdict, ret, err))
        return false;
    if (verdict == GOSSIP_REFUSE || verdict == GOSSIP_HOLD)
        return true;
    if (!show(tx, &object->from, &object->envelope.oid, object->body, err))
        return false;
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    return true;
}

bool notice_show_held(struct tx *tx, const struct oid *oid, const struct node_id *author,
                      struct err *err)
{
    bool found;
    struct object_row row;
    struct envelope envelope;
    if (!object_get(tx->store, tx->arena, oid, &found, &row, err))
        return false;
    if (!found)
        return true;
    if (!envelope_open(row.bytes, tx->arena, &envelope, err))
        return false;
    const Maillon__Hfp__V1__Notice *notice =
        wire_unpack(&maillon__hfp__v1__notice__descriptor, envelope.body, tx->arena, err);
    return notice && show(tx, author, oid, notice, err) &&
           object_set_state(tx, oid, OBJECT_APPLIED, err);
}

#define COLUMNS                                                                                \
    "id, author, uid, version, oid, other_oid IS NOT NULL, kind, asked, committed, delivered," \
    " created_s, expires_s, scope, first_s, perishable, hidden, outcome, closed_ms"

static bool read_row(struct stmt *stmt, struct notice *ret, struct err *err)
{
    struct notice notice = {
        .id = stmt_i64(stmt, 0),
        .version = (uint32_t)stmt_i64(stmt, 3),
        .equivocated = stmt_i64(stmt, 5) != 0,
        .kind = (Maillon__Hfp__V1__NoticeKind)stmt_i64(stmt, 6),
        .asked = (uint32_t)stmt_i64(stmt, 7),
        .committed = (uint32_t)stmt_i64(stmt, 8),
        .delivered = (uint32_t)stmt_i64(stmt, 9),
        .created_s = (uint64_t)stmt_i64(stmt, 10),
        .expires_s = (uint64_t)stmt_i64(stmt, 11),
        .first_s = (uint64_t)stmt_i64(stmt, 13),
        .perishable = stmt_i64(stmt, 14) != 0,
        .closed = {stmt_i64(stmt, 17)},
    };
    text_copy(notice.hidden, sizeof(notice.hidden), stmt_text(stmt, 15));
    text_copy(notice.outcome, sizeof(notice.outcome), stmt_text(stmt, 16));
    if (!stmt_is_null(stmt, 12))
        notice.has_scope = stmt_copy(stmt, 12, notice.scope.b, OID_BYTES);
    if (!stmt_copy(stmt, 1, notice.author.b, NODE_ID_BYTES) ||
        !stmt_copy(stmt, 2, notice.uid, UID_BYTES) || !stmt_copy(stmt, 4, notice.oid.b, OID_BYTES))
        return err_set(err, ERR_IO, "a notice row cannot be read");
    *ret = notice;
    return true;
}

bool notice_find(struct store *store, const struct node_id *author, const uint8_t uid[UID_BYTES],
                 bool *ret_found, struct notice *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT " COLUMNS " FROM notice WHERE author = ?1 AND uid = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(author));
    stmt_bind_bytes(stmt, 2, bytes_of(uid, UID_BYTES));
    if (!stmt_next(stmt, &row, err) || (row && !read_row(stmt, ret, err)))
        return false;
    *ret_found = row;
    return true;
}

/* The first and last uid that start with these hex digits. */
static bool prefix_range(const char *text, uint8_t low[UID_BYTES], uint8_t high[UID_BYTES])
{
    char hex[2 * UID_BYTES + 1];
    size_t len = strlen(text);
    if (len < 6 || len > 2 * UID_BYTES)
        return false;
    memset(hex, '0', sizeof(hex) - 1);
    hex[2 * UID_BYTES] = '\0';
    memcpy(hex, text, len);
    if (!hex_decode(hex, low, UID_BYTES))
        return false;
    memset(hex + len, 'f', 2 * UID_BYTES - len);
    return hex_decode(hex, high, UID_BYTES);
}

bool notice_resolve(struct store *store, const struct node_id *self, const char *text,
                    struct notice *ret, struct err *err)
{
    uint8_t low[UID_BYTES], high[UID_BYTES];
    struct notice first = {0}, next;
    bool row;
    if (!prefix_range(text, low, high))
        return err_set(err, ERR_INVALID, "a notice id has 6 to 32 hex digits");
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " COLUMNS " FROM notice WHERE uid >= ?1 AND uid <= ?2"
                                 " ORDER BY author = ?3 DESC, id",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(low, UID_BYTES));
    stmt_bind_bytes(stmt, 2, bytes_of(high, UID_BYTES));
    stmt_bind_bytes(stmt, 3, node_id_bytes(self));
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "there is no notice with this id");
    if (!read_row(stmt, &first, err))
        return false;
    bool ours = node_id_equal(&first.author, self);
    while (stmt_next(stmt, &row, err) && row) {
        if (!read_row(stmt, &next, err))
            return false;
        if (!ours || memcmp(next.uid, first.uid, UID_BYTES) != 0)
            return err_set(err, ERR_INVALID, "several notices begin with this id: give more of it");
    }
    if (row)
        return false;
    *ret = first;
    return true;
}

#define SELECT_LIST                                                                       \
    "SELECT " COLUMNS " FROM notice WHERE (?1 = 0 OR kind = ?1)"                          \
    " AND (?2 = '' OR theme = ?2) AND (?3 IS NULL OR author = ?3)"                        \
    " AND (?4 = 1 OR (kind > 0 AND expires_s > ?5 AND (asked = 0 OR committed < asked)))" \
    " AND (?7 IS NULL OR author <> ?7) AND (?8 = 0 OR expires_s < ?8)"                    \
    " AND (hidden <> '') = ?9 ORDER BY "

bool notice_list(struct store *store, struct arena *arena, const struct notice_filter *filter,
                 struct wall now, struct notice **ret, size_t *ret_count, struct err *err)
{
    bool row;
    size_t count = 0;
    AUTO(stmt_release)
    struct stmt *stmt =
        filter->urgent_first
            ? stmt_get(store, SELECT_LIST "perishable DESC, expires_s, id DESC LIMIT ?6", err)
            : stmt_get(store, SELECT_LIST "id DESC LIMIT ?6", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, filter->kind);
    stmt_bind_text(stmt, 2, filter->theme ? filter->theme : "");
    if (filter->author)
        stmt_bind_bytes(stmt, 3, node_id_bytes(filter->author));
    stmt_bind_i64(stmt, 4, filter->all);
    stmt_bind_i64(stmt, 5, now.ms / 1000);
    stmt_bind_i64(stmt, 6, (int64_t)filter->limit);
    if (filter->not_author)
        stmt_bind_bytes(stmt, 7, node_id_bytes(filter->not_author));
    stmt_bind_i64(stmt, 8, (int64_t)filter->ends_before_s);
    stmt_bind_i64(stmt, 9, filter->hidden);
    struct notice *list = arena_alloc(arena, (filter->limit + 1) * sizeof(*list));
    while (count < filter->limit && stmt_next(stmt, &row, err)) {
        if (!row) {
            *ret = list;
            *ret_count = count;
            return true;
        }
        if (!read_row(stmt, &list[count++], err))
            return false;
    }
    if (count < filter->limit)
        return false;
    *ret = list;
    *ret_count = count;
    return true;
}

bool notice_read(struct store *store, struct arena *arena, const struct notice *notice,
                 Maillon__Hfp__V1__Notice **ret, struct err *err)
{
    bool found;
    struct object_row row;
    struct envelope envelope;
    Maillon__Hfp__V1__Notice *body = NULL;
    if (!object_get(store, arena, &notice->oid, &found, &row, err))
        return false;
    if (found) {
        if (!envelope_open(row.bytes, arena, &envelope, err))
            return false;
        body = wire_unpack(&maillon__hfp__v1__notice__descriptor, envelope.body, arena, err);
        if (!body)
            return false;
    }
    *ret = body;
    return true;
}

bool notice_count_open(struct store *store, struct wall now, uint32_t *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT count(*) FROM notice_own JOIN notice ON notice.id = notice_own.notice"
                 " WHERE kind > 0 AND expires_s > ?1 AND (asked = 0 OR committed < asked)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, now.ms / 1000);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? (uint32_t)stmt_i64(stmt, 0) : 0;
    return true;
}
