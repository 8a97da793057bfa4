#include "hub/crypto/wire.h"
#include "hub/domain/gossip_internal.h"
#include "hub/domain/object.h"

#define DAY_S     86400
#define THOUSANDS 1000

struct bucket {
    int64_t tokens, at_s;
};

static bool read_bucket(struct tx *tx, const struct gossip_version *version, struct bucket *ret,
                        struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT tokens, at_s FROM gossip_budget WHERE scope = ?1 AND author = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&version->scope));
    stmt_bind_bytes(stmt, 2, node_id_bytes(&version->author));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = (struct bucket){.tokens = GOSSIP_BUDGET_BURST * THOUSANDS};
    if (row)
        *ret = (struct bucket){.tokens = stmt_i64(stmt, 0), .at_s = stmt_i64(stmt, 1)};
    return true;
}

static bool write_bucket(struct tx *tx, const struct gossip_version *version,
                         const struct bucket *bucket, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO gossip_budget (scope, author, tokens, at_s) VALUES (?1, ?2, ?3, ?4)"
                 " ON CONFLICT (scope, author) DO UPDATE SET tokens = excluded.tokens,"
                 " at_s = excluded.at_s",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&version->scope));
    stmt_bind_bytes(stmt, 2, node_id_bytes(&version->author));
    stmt_bind_i64(stmt, 3, bucket->tokens);
    stmt_bind_i64(stmt, 4, bucket->at_s);
    return stmt_run(stmt, err);
}

/* Rows of the author that are passed on: of a span of time, or all. */
static bool count_passed(struct tx *tx, const struct gossip_version *version, int64_t from_s,
                         int64_t until_s, int64_t *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT count(*) FROM gossip_object WHERE author = ?1 AND scope = ?2"
                 " AND passed_on = 1 AND created_s BETWEEN ?3 AND ?4",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 2, oid_bytes(&version->scope));
    stmt_bind_i64(stmt, 3, from_s);
    stmt_bind_i64(stmt, 4, until_s);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

/*
 * The bucket runs on the author's own clock, so that a hub that was away and gets a month at once
 * counts like one that was there. What comes out of order is counted by the day around it.
 */
static bool take_token(struct tx *tx, const struct gossip_version *version, bool *ret,
                       struct err *err)
{
    struct bucket bucket;
    int64_t created_s = (int64_t)version->created_s, count;
    if (!count_passed(tx, version, 0, INT64_MAX, &count, err))
        return false;
    *ret = count < GOSSIP_AUTHOR_MAX;
    if (!*ret)
        return true;
    if (!read_bucket(tx, version, &bucket, err))
        return false;
    if (created_s < bucket.at_s) {
        if (!count_passed(tx, version, created_s - DAY_S / 2, created_s + DAY_S / 2, &count, err))
            return false;
        *ret = count < GOSSIP_BUDGET_DAY;
        return true;
    }
    const int64_t full = GOSSIP_BUDGET_BURST * THOUSANDS;
    int64_t passed_s = created_s - bucket.at_s;
    bucket.tokens += passed_s > DAY_S ? full : passed_s * GOSSIP_BUDGET_DAY * THOUSANDS / DAY_S;
    if (bucket.tokens > full)
        bucket.tokens = full;
    bucket.at_s = created_s;
    *ret = bucket.tokens >= THOUSANDS;
    if (*ret)
        bucket.tokens -= THOUSANDS;
    return write_bucket(tx, version, &bucket, err);
}

enum change { CHANGE_NONE, CHANGE_PROGRESS, CHANGE_ALL };

static enum change compare(struct tx *tx, const Maillon__Hfp__V1__NoticeContent *before,
                           const Maillon__Hfp__V1__NoticeContent *now)
{
    if (!before || !now)
        return before == now ? CHANGE_NONE : CHANGE_ALL;
    Maillon__Hfp__V1__NoticeContent copy = *before;
    if (bytes_equal(wire_pack_arena(&copy, tx->arena), wire_pack_arena(now, tx->arena)))
        return CHANGE_NONE;
    copy.committed = now->committed;
    copy.delivered = now->delivered;
    return bytes_equal(wire_pack_arena(&copy, tx->arena), wire_pack_arena(now, tx->arena))
               ? CHANGE_PROGRESS
               : CHANGE_ALL;
}

/* Seconds after the version before that this one may follow. */
static bool pause_after(struct tx *tx, const struct gossip_version *version,
                        const struct gossip_known *known, uint64_t *ret, struct err *err)
{
    bool found;
    struct object_row row;
    struct envelope envelope;
    *ret = GOSSIP_SAME_UID_S;
    if (!object_get(tx->store, tx->arena, &known->oid, &found, &row, err))
        return false;
    if (!found || !envelope_open(row.bytes, tx->arena, &envelope, err))
        return !found;
    const Maillon__Hfp__V1__Notice *before =
        wire_unpack(&maillon__hfp__v1__notice__descriptor, envelope.body, tx->arena, err);
    if (!before)
        return false;
    switch (compare(tx, before->content, version->notice->content)) {
    case CHANGE_NONE:
        *ret = (known->expires_s - known->created_s) / 2;
        break;
    case CHANGE_PROGRESS:
        *ret = GOSSIP_PROGRESS_S;
        break;
    case CHANGE_ALL:
        break;
    }
    return true;
}

bool gossip_budget(struct tx *tx, const struct gossip_version *version,
                   const struct gossip_known *known, bool *ret, struct err *err)
{
    uint64_t pause_s;
    *ret = true;
    if (version->circle || node_id_equal(&version->author, identity_node(tx->self)))
        return true;
    if (!version->notice || !known->version)
        return take_token(tx, version, ret, err);
    if (!pause_after(tx, version, known, &pause_s, err))
        return false;
    if (!version->notice->content) { /* taking back is never put off, but needs no repetition */
        *ret = pause_s == GOSSIP_SAME_UID_S;
        return true;
    }
    if (version->version > known->version && version->created_s < known->passed_s + pause_s) {
        *ret = false;
        return true;
    }
    return take_token(tx, version, ret, err);
}

bool gossip_count_others(struct tx *tx, const struct gossip_version *version, int64_t *ret,
                         struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT count(*) FROM gossip_object WHERE author = ?1"
                                 " AND scope = ?2 AND part = ?3",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 2, oid_bytes(&version->scope));
    stmt_bind_i64(stmt, 3, GOSSIP_OTHERS);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

bool gossip_author_is_full(struct tx *tx, const struct gossip_version *version, bool *ret,
                           struct err *err)
{
    *ret = false;
    if (!version->notice || node_id_equal(&version->author, identity_node(tx->self)))
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT 1 FROM gossip_object WHERE author = ?1 AND scope = ?2"
                                 " AND part = ?3 LIMIT 1 OFFSET ?4",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 2, oid_bytes(&version->scope));
    stmt_bind_i64(stmt, 3, version->set);
    stmt_bind_i64(stmt, 4, 2 * GOSSIP_AUTHOR_MAX - 1);
    return stmt_next(stmt, ret, err) || err_wrap(err, "count what an author has said");
}
