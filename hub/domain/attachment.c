#include "hub/domain/attachment.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment_row.h"
#include "hub/domain/audit.h"
#include "hub/domain/referral.h"

#include <inttypes.h>

#define UPLOAD_KEPT_MS INT64_C(86400000) /* an upload that nobody sends */
#define ERASE_AT_ONCE  8                 /* of up to 16 MiB each, in one commit */

static const char *const types[] = {"application/pdf", "image/jpeg", "image/png", "text/plain"};

bool attachment_type_is_taken(const char *media_type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i], media_type) == 0)
            return true;
    return false;
}

uint32_t attachment_parts(uint64_t size)
{
    return (uint32_t)((size + ATTACHMENT_PART_BYTES - 1) / ATTACHMENT_PART_BYTES);
}

/* Length of a mark that turns the direction of text ("gpj.exe" read backwards); 0: none here. */
static size_t direction_mark(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    if (b[0] != 0xe2)
        return 0;
    bool turns =
        (b[1] == 0x80 && (b[2] == 0x8e || b[2] == 0x8f || (b[2] >= 0xaa && b[2] <= 0xae))) ||
        (b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9);
    return turns ? 3 : 0;
}

static bool is_plain_name(const char *name)
{
    size_t len = strlen(name);
    if (!len || len > ATTACHMENT_NAME_MAX || name[0] == '.')
        return false;
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f || strchr("/\\<>:\"|?*", *at) ||
            direction_mark(at))
            return false;
    return true;
}

char *attachment_name(struct arena *arena, const char *name)
{
    const char *from = name;
    for (const char *at = name; *at; at++)
        if (*at == '/' || *at == '\\')
            from = at + 1;
    char *plain = arena_alloc(arena, strlen(from) + 1);
    size_t len = 0;
    for (const char *at = from; *at; at++) {
        size_t mark = direction_mark(at);
        if (mark) {
            at += mark - 1;
            continue;
        }
        if ((unsigned char)*at < ' ' || *at == 0x7f || strchr("<>:\"|?*", *at) ||
            (*at == '.' && len == 0))
            continue;
        plain[len++] = *at;
    }
    char *ret = arena_alloc(arena, ATTACHMENT_NAME_MAX + 1);
    text_copy(ret, ATTACHMENT_NAME_MAX + 1, plain);
    return is_plain_name(ret) ? ret : arena_text(arena, "document");
}

bool attachment_check(const Maillon__Hfp__V1__ReferralPayload *payload, struct err *err)
{
    if (payload->n_attachment > ATTACHMENTS_PER_REFERRAL)
        return err_set(err, ERR_PEER, "referral event with more than %d attachments",
                       ATTACHMENTS_PER_REFERRAL);
    for (size_t i = 0; i < payload->n_attachment; i++) {
        const Maillon__Hfp__V1__Attachment *one = payload->attachment[i];
        if (!one->size || one->size > ATTACHMENT_BYTES)
            return err_set(err, ERR_PEER, "attachment of an impossible size");
        if (one->part_hash.len != (size_t)attachment_parts(one->size) * 32 ||
            one->key.len != sizeof(struct data_key))
            return err_set(err, ERR_PEER, "attachment without its hashes or its key");
        if (!is_plain_name(one->name) || !*one->media_type || strlen(one->media_type) > 64)
            return err_set(err, ERR_PEER, "attachment with a malformed name or type");
    }
    return true;
}

bool attachment_fits(size_t count, uint64_t bytes, struct err *err)
{
    if (count > ATTACHMENTS_PER_REFERRAL)
        return err_set(err, ERR_LIMIT,
                       "a referral has at most %d attachments: put the pages in one PDF",
                       ATTACHMENTS_PER_REFERRAL);
    if (bytes > ATTACHMENT_REFERRAL_BYTES)
        return err_set(err, ERR_LIMIT, "the attachments of a referral have at most %d MiB together",
                       ATTACHMENT_REFERRAL_BYTES >> 20);
    return true;
}

/* ---- rows ---- */

void attachment_read(struct stmt *stmt, struct arena *arena, struct attachment *ret)
{
    *ret = (struct attachment){
        .id = stmt_i64(stmt, 0),
        .referral = stmt_i64(stmt, 1),
        .position = (uint32_t)stmt_i64(stmt, 3),
        .is_ours = stmt_i64(stmt, 4),
        .state = (enum attachment_state)stmt_i64(stmt, 5),
        .size = (uint64_t)stmt_i64(stmt, 6),
        .parts = (uint32_t)stmt_i64(stmt, 7),
        .have = (uint32_t)stmt_i64(stmt, 8),
        .hashes = arena_bytes(arena, stmt_bytes(stmt, 9)),
    };
    if (!stmt_is_null(stmt, 2) && !stmt_copy(stmt, 2, ret->event.b, sizeof(ret->event.b)))
        ret->state = ATTACHMENT_GONE; /* a damaged row gives nothing out */
}

static bool run_on(struct tx *tx, const char *sql, int64_t id, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    return stmt_run(stmt, err) || err_wrap(err, "erase an attachment");
}

bool attachment_remove(struct tx *tx, int64_t id, struct err *err)
{
    return run_on(tx, "DELETE FROM attachment_part WHERE attachment = ?1", id, err) &&
           run_on(tx, "DELETE FROM attachment WHERE id = ?1", id, err);
}

bool attachment_part_add(struct tx *tx, int64_t id, uint32_t number, struct bytes sealed,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "INSERT INTO attachment_part (attachment, number, bytes) VALUES (?1, ?2, ?3)",
        err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, number);
    stmt_bind_bytes(stmt, 3, sealed);
    return stmt_run(stmt, err) || err_wrap(err, "store a part of an attachment");
}

bool attachment_list(struct store *store, struct arena *arena, int64_t referral,
                     struct attachment **ret, size_t *ret_count, struct err *err)
{
    size_t count = 0, cap = 4;
    struct attachment *list = arena_alloc(arena, cap * sizeof(*list));
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT " ATTACHMENT_COLUMNS " FROM attachment WHERE referral = ?1 ORDER BY id",
        err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral);
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list attachments");
        if (!row)
            break;
        if (count == cap) {
            struct attachment *more = arena_alloc(arena, 2 * cap * sizeof(*more));
            memcpy(more, list, count * sizeof(*more));
            list = more;
            cap *= 2;
        }
        attachment_read(stmt, arena, &list[count++]);
    }
    *ret = list;
    *ret_count = count;
    return true;
}

/* ---- with the chain ---- */

/* The upload that these hashes are of; they are of random keys, so there is one. */
static bool bind_upload(struct tx *tx, const struct referral *referral, const struct oid *event,
                        uint32_t position, struct bytes hashes, bool *ret_bound, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "UPDATE attachment SET referral = ?1, peer = ?2, event = ?3, position = ?4,"
                 " upload = NULL, draft = NULL, draft_key = NULL"
                 " WHERE referral IS NULL AND hashes = ?5 AND state = ?6",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral->id);
    stmt_bind_bytes(stmt, 2, node_id_bytes(&referral->peer));
    stmt_bind_bytes(stmt, 3, oid_bytes(event));
    stmt_bind_i64(stmt, 4, position);
    stmt_bind_bytes(stmt, 5, hashes);
    stmt_bind_i64(stmt, 6, ATTACHMENT_WHOLE);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "attach an upload");
    *ret_bound = store_changes(tx->store) > 0;
    return true;
}

static bool add_row(struct tx *tx, const struct referral *referral, const struct oid *event,
                    uint32_t position, bool is_ours, enum attachment_state state,
                    const Maillon__Hfp__V1__Attachment *manifest, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO attachment (referral, peer, event, position, is_ours, state, size,"
                 " parts, have, hashes, created_ms, account)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, 0)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, referral->id);
    stmt_bind_bytes(stmt, 2, node_id_bytes(&referral->peer));
    stmt_bind_bytes(stmt, 3, oid_bytes(event));
    stmt_bind_i64(stmt, 4, position);
    stmt_bind_i64(stmt, 5, is_ours);
    stmt_bind_i64(stmt, 6, state);
    stmt_bind_i64(stmt, 7, (int64_t)manifest->size);
    stmt_bind_i64(stmt, 8, attachment_parts(manifest->size));
    stmt_bind_bytes(stmt, 9, wire_bytes(manifest->part_hash));
    stmt_bind_i64(stmt, 10, tx->now.ms);
    return stmt_run(stmt, err) || err_wrap(err, "note an attachment");
}

bool attachment_record(struct tx *tx, const struct referral *referral, const struct oid *event,
                       bool is_ours, struct bytes payload, struct err *err)
{
    struct attachment *held;
    size_t count, taken = 0;
    uint64_t bytes = 0;
    bool bound = false, coming = false;
    if (!payload.len || !referral->data_key.data)
        return true;
    const Maillon__Hfp__V1__ReferralPayload *personal =
        wire_unpack(&maillon__hfp__v1__referral_payload__descriptor, payload, tx->arena, err);
    if (!personal)
        return false;
    if (!personal->n_attachment)
        return true;
    if (!attachment_list(tx->store, tx->arena, referral->id, &held, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) { /* each side's files by themselves: they may cross */
        if (held[i].is_ours != is_ours || held[i].state == ATTACHMENT_REFUSED)
            continue;
        taken++;
        bytes += held[i].size;
    }
    for (uint32_t i = 0; i < personal->n_attachment; i++) {
        const Maillon__Hfp__V1__Attachment *one = personal->attachment[i];
        struct err over = {0};
        bool fits = attachment_fits(taken + 1, bytes + one->size, &over) &&
                    attachment_type_is_taken(one->media_type);
        if (is_ours &&
            !bind_upload(tx, referral, event, i, wire_bytes(one->part_hash), &bound, err))
            return false;
        if (fits || is_ours) {
            taken++;
            bytes += one->size;
        }
        /* An own one without its upload is of before a restore: the parts are lost here. */
        enum attachment_state state = is_ours ? ATTACHMENT_GONE
                                      : fits  ? ATTACHMENT_COMING
                                              : ATTACHMENT_REFUSED;
        coming |= state == ATTACHMENT_COMING;
        if (!(is_ours && bound) && !add_row(tx, referral, event, i, is_ours, state, one, err))
            return false;
    }
    if (coming)
        tx_effect(tx, EFFECT_ATTACHMENT, &referral->peer, 0);
    return true;
}

bool attachment_erase(struct tx *tx, int64_t referral, struct err *err)
{
    return run_on(tx,
                  "DELETE FROM attachment_part WHERE attachment IN"
                  " (SELECT id FROM attachment WHERE referral = ?1)",
                  referral, err) &&
           run_on(tx, "DELETE FROM attachment WHERE referral = ?1", referral, err);
}

/* ---- the clock ---- */

struct over_time {
    int64_t id;
    struct oid referral;
    bool is_sent;
};

static bool find_over(struct tx *tx, struct over_time *ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT a.id, r.oid FROM attachment a LEFT JOIN referral r ON r.id = a.referral"
                 " WHERE (a.referral IS NULL AND a.created_ms <= ?1)"
                 " OR (r.ended_ms > 0 AND r.ended_ms <= ?2) LIMIT ?3",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms - UPLOAD_KEPT_MS);
    stmt_bind_i64(stmt, 2, tx->now.ms - INT64_C(1000) * ATTACHMENT_KEEP_S);
    stmt_bind_i64(stmt, 3, ERASE_AT_ONCE);
    for (bool row; *ret_count < ERASE_AT_ONCE; (*ret_count)++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "find attachments that are over");
        if (!row)
            return true;
        ret[*ret_count].id = stmt_i64(stmt, 0);
        ret[*ret_count].is_sent =
            !stmt_is_null(stmt, 1) && stmt_copy(stmt, 1, ret[*ret_count].referral.b, OID_BYTES);
    }
    return true;
}

bool attachment_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    struct over_time over[ERASE_AT_ONCE];
    size_t count = 0;
    if (!find_over(tx, over, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!attachment_remove(tx, over[i].id, err) ||
            (over[i].is_sent &&
             !audit_add(tx, "clock", "attachment.purge", &over[i].referral, err)))
            return err_wrap(err, "clock of attachment row %" PRId64, over[i].id);
    }
    if (count)
        store_scrub(tx->store);
    if (count == ERASE_AT_ONCE)
        ret_next->ms = tx->now.ms;
    return true;
}
