/* Sealed parts between two hubs: what is given, what is missing, what came. */
#include "hub/domain/attachment_row.h"
#include "hub/domain/referral.h"

bool attachment_find(struct store *store, struct arena *arena, const struct oid *event,
                     uint32_t position, const struct node_id *peer, bool *ret_found,
                     struct attachment *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " ATTACHMENT_COLUMNS " FROM attachment"
                                 " WHERE event = ?1 AND position = ?2 AND peer = ?3",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(event));
    stmt_bind_i64(stmt, 2, position);
    stmt_bind_bytes(stmt, 3, node_id_bytes(peer));
    if (!stmt_next(stmt, ret_found, err))
        return err_wrap(err, "find an attachment");
    if (*ret_found)
        attachment_read(stmt, arena, ret);
    return true;
}

static size_t part_bytes(const struct attachment *attachment, uint32_t number)
{
    uint64_t at = (uint64_t)number * ATTACHMENT_PART_BYTES, left = attachment->size - at;
    return (left < ATTACHMENT_PART_BYTES ? (size_t)left : ATTACHMENT_PART_BYTES) + PART_TAG_BYTES;
}

bool attachment_part_fits(const struct attachment *attachment, uint32_t number, struct bytes sealed)
{
    uint8_t hash[32];
    if (number >= attachment->parts ||
        attachment->hashes.len != (size_t)attachment->parts * sizeof(hash) ||
        sealed.len != part_bytes(attachment, number))
        return false;
    digest_sha256(sealed, hash);
    return memcmp(hash, attachment->hashes.data + (size_t)number * sizeof(hash), sizeof(hash)) == 0;
}

bool attachment_part(struct store *store, struct arena *arena, const struct attachment *attachment,
                     uint32_t number, bool *ret_found, struct bytes *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT bytes FROM attachment_part WHERE attachment = ?1 AND number = ?2", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, attachment->id);
    stmt_bind_i64(stmt, 2, number);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read a part of an attachment");
    *ret_found = row && attachment_part_fits(attachment, number, stmt_bytes(stmt, 0));
    if (*ret_found)
        *ret = arena_bytes(arena, stmt_bytes(stmt, 0));
    return true;
}

bool attachment_wanted(struct store *store, struct arena *arena, const struct node_id *peer,
                       bool *ret_found, struct attachment *ret, struct err *err)
{
    /* What was begun goes on; a new one only with room for all of it. */
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT " ATTACHMENT_COLUMNS " FROM attachment WHERE peer = ?1 AND is_ours = 0"
                 " AND state = ?2 AND (have > 0 OR size <= ?3 - (SELECT coalesce(sum(size), 0)"
                 " FROM attachment WHERE peer = ?1 AND is_ours = 0 AND have > 0))"
                 " ORDER BY have = 0, id LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, ATTACHMENT_COMING);
    stmt_bind_i64(stmt, 3, ATTACHMENT_PEER_BYTES);
    if (!stmt_next(stmt, ret_found, err))
        return err_wrap(err, "find what is to be fetched");
    if (*ret_found)
        attachment_read(stmt, arena, ret);
    return true;
}

bool attachment_missing(struct store *store, const struct attachment *attachment, uint32_t *ret,
                        size_t max, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT number FROM attachment_part WHERE attachment = ?1 ORDER BY number", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, attachment->id);
    size_t count = 0;
    uint32_t next = 0;
    for (bool row = true; row && count < max;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "find missing parts");
        uint32_t here = row ? (uint32_t)stmt_i64(stmt, 0) : attachment->parts;
        for (; next < here && count < max; next++)
            ret[count++] = next;
        next = here + 1;
    }
    *ret_count = count;
    return true;
}

/* ---- what came ---- */

static bool has_part(struct tx *tx, int64_t id, uint32_t number, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT 1 FROM attachment_part WHERE attachment = ?1 AND number = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_i64(stmt, 2, number);
    return stmt_next(stmt, ret, err);
}

static bool set_state(struct tx *tx, const struct attachment *attachment, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE attachment SET have = ?2, state = ?3 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, attachment->id);
    stmt_bind_i64(stmt, 2, attachment->have);
    stmt_bind_i64(stmt, 3, attachment->state);
    return stmt_run(stmt, err) || err_wrap(err, "note what is attached");
}

/* People who look at it see that the file is here now, or never will be. */
static bool tell(struct tx *tx, const struct attachment *attachment, struct err *err)
{
    char id[REFERRAL_ID_TEXT];
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT oid FROM referral WHERE id = ?1", err);
    struct oid oid;
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, attachment->referral);
    if (!stmt_next(stmt, &row, err))
        return false;
    return !row || !stmt_copy(stmt, 0, oid.b, sizeof(oid.b)) ||
           tx_event(tx, "referral", referral_id_text(&oid, id), "changed", err);
}

bool attachment_store(struct tx *tx, const struct node_id *peer, const struct oid *event,
                      uint32_t position, uint32_t number, struct bytes sealed, struct err *err)
{
    struct attachment attachment;
    bool found, here;
    if (!attachment_find(tx->store, tx->arena, event, position, peer, &found, &attachment, err))
        return false;
    if (!found || attachment.is_ours || attachment.state != ATTACHMENT_COMING)
        return true; /* erased meanwhile */
    if (!attachment_part_fits(&attachment, number, sealed))
        return err_set(err, ERR_PEER, "a part of an attachment is not what was signed");
    if (!has_part(tx, attachment.id, number, &here, err))
        return false;
    if (here)
        return true;
    attachment.have++;
    if (attachment.have == attachment.parts)
        attachment.state = ATTACHMENT_WHOLE;
    return attachment_part_add(tx, attachment.id, number, sealed, err) &&
           set_state(tx, &attachment, err) &&
           (attachment.state != ATTACHMENT_WHOLE || tell(tx, &attachment, err));
}

static bool drop_parts(struct tx *tx, int64_t id, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM attachment_part WHERE attachment = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    return stmt_run(stmt, err);
}

bool attachment_lost(struct tx *tx, const struct node_id *peer, const struct oid *event,
                     uint32_t position, struct err *err)
{
    struct attachment attachment;
    bool found;
    if (!attachment_find(tx->store, tx->arena, event, position, peer, &found, &attachment, err))
        return false;
    if (!found || attachment.is_ours || attachment.state != ATTACHMENT_COMING)
        return true;
    attachment.state = ATTACHMENT_GONE;
    attachment.have = 0; /* a piece of a file is of no use to anybody */
    return drop_parts(tx, attachment.id, err) && set_state(tx, &attachment, err) &&
           tell(tx, &attachment, err);
}
