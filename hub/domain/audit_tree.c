/* The Merkle tree over table `audit`: leaves are rows, roots of complete runs of 256 are kept. */
#include "hub/domain/audit_internal.h"

#include "hub/crypto/digest.h"
#include <stdio.h>

#define FIND_MS       50 /* around the moment of what is looked for */
#define TILES_A_FLUSH 64 /* what an old database has to catch up with, a piece in each commit */

void audit_leaf_bytes(int64_t at_ms, const char *actor, const char *action, struct bytes oid,
                      struct buf *out)
{
    Maillon__Hfp__V1__AuditLeaf leaf = MAILLON__HFP__V1__AUDIT_LEAF__INIT;
    leaf.time_ms = (uint64_t)at_ms;
    leaf.actor = (char *)(uintptr_t)actor;
    leaf.action = (char *)(uintptr_t)action;
    leaf.oid = (ProtobufCBinaryData){oid.len, (uint8_t *)(uintptr_t)oid.data};
    uint8_t *at = buf_reserve(out, maillon__hfp__v1__audit_leaf__get_packed_size(&leaf));
    out->len += maillon__hfp__v1__audit_leaf__pack(&leaf, at);
}

static const char *text_or_empty(struct stmt *stmt, int column)
{
    const char *text = stmt_text(stmt, column);
    return text ? text : "";
}

bool audit_rows_begin(struct audit_rows *rows, struct store *store, uint64_t first, uint64_t end,
                      struct err *err)
{
    *rows = (struct audit_rows){.at = first, .end = end};
    rows->stmt = stmt_get(store,
                          "SELECT seq, at_ms, actor, action, oid FROM audit"
                          " WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
                          err);
    if (!rows->stmt)
        return false;
    stmt_bind_i64(rows->stmt, 1, (int64_t)first);
    stmt_bind_i64(rows->stmt, 2, (int64_t)end);
    return true;
}

/** A row that is gone is a leaf without bytes: it changes the root, not the place of the others. */
bool audit_rows_next(struct audit_rows *rows, bool *ret_more, struct err *err)
{
    rows->bytes.len = 0;
    *ret_more = rows->at < rows->end;
    if (!*ret_more)
        return true;
    if (!rows->waits) {
        if (!stmt_next(rows->stmt, &rows->waits, err))
            return err_wrap(err, "read the audit log");
        if (rows->waits)
            rows->seq = (uint64_t)stmt_i64(rows->stmt, 0);
    }
    rows->at++;
    rows->held = rows->waits && rows->seq == rows->at;
    if (!rows->held)
        return true;
    rows->waits = false;
    audit_leaf_bytes(stmt_i64(rows->stmt, 1), text_or_empty(rows->stmt, 2),
                     text_or_empty(rows->stmt, 3), stmt_bytes(rows->stmt, 4), &rows->bytes);
    return true;
}

void audit_rows_done(struct audit_rows *rows)
{
    stmt_release(rows->stmt);
    buf_done(&rows->bytes);
}

bool audit_hash_rows(struct store *store, uint64_t first, uint64_t count, struct merkle *tree,
                     struct err *err)
{
    AUTO(audit_rows_done) struct audit_rows rows = {0};
    if (!audit_rows_begin(&rows, store, first, first + count, err))
        return false;
    for (bool more;;) {
        struct merkle_hash hash;
        if (!audit_rows_next(&rows, &more, err))
            return false;
        if (!more)
            return true;
        merkle_leaf(buf_bytes(&rows.bytes), &hash);
        merkle_add(tree, &hash);
    }
}

static bool find_tile(struct store *store, unsigned level, uint64_t position, bool *ret_found,
                      struct merkle_hash *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT hash FROM audit_tile WHERE level = ?1 AND position = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, level);
    stmt_bind_i64(stmt, 2, (int64_t)position);
    if (!stmt_next(stmt, ret_found, err))
        return err_wrap(err, "read the audit tree");
    return !*ret_found || stmt_copy(stmt, 0, ret->b, sizeof(ret->b)) ||
           err_set(err, ERR_IO, "the audit tree is damaged");
}

bool audit_subtree(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret,
                   struct err *err)
{
    struct store *store = ctx;
    if (level < AUDIT_TILE_BITS) {
        struct merkle tree = {0};
        if (!audit_hash_rows(store, index << level, UINT64_C(1) << level, &tree, err))
            return false;
        *ret = tree.peaks[level];
        return true;
    }
    bool found = false;
    if (level % AUDIT_TILE_BITS == 0 && !find_tile(store, level, index, &found, ret, err))
        return false;
    if (found)
        return true;
    struct merkle_hash left, right;
    if (!audit_subtree(store, level - 1, 2 * index, &left, err) ||
        !audit_subtree(store, level - 1, 2 * index + 1, &right, err))
        return false;
    merkle_node(&left, &right, ret);
    return true;
}

static struct merkle_source source_of(struct store *store)
{
    return (struct merkle_source){.subtree = audit_subtree, .ctx = store};
}

static bool has_leaves(struct store *store, uint64_t size, struct err *err)
{
    uint64_t have;
    return audit_size(store, &have, err) &&
           (size <= have || err_set(err, ERR_UNKNOWN, "the audit log has fewer lines"));
}

bool audit_size(struct store *store, uint64_t *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "SELECT max(seq) FROM audit", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

bool audit_tree(struct store *store, uint64_t size, struct merkle *ret, struct err *err)
{
    const struct merkle_source source = source_of(store);
    return has_leaves(store, size, err) && merkle_read(&source, size, ret, err);
}

bool audit_prove_inclusion(struct store *store, uint64_t index, uint64_t size,
                           struct merkle_proof *ret, struct err *err)
{
    const struct merkle_source source = source_of(store);
    return has_leaves(store, size, err) &&
           (index < size || err_set(err, ERR_UNKNOWN, "the audit log has fewer lines")) &&
           merkle_prove_inclusion(&source, index, size, ret, err);
}

bool audit_prove_consistency(struct store *store, uint64_t from, uint64_t to,
                             struct merkle_proof *ret, struct err *err)
{
    const struct merkle_source source = source_of(store);
    return has_leaves(store, to, err) &&
           (from <= to || err_set(err, ERR_UNKNOWN, "the audit log has fewer lines")) &&
           merkle_prove_consistency(&source, from, to, ret, err);
}

/* ---- writing ---- */

static bool set_tile(struct tx *tx, unsigned level, uint64_t position,
                     const struct merkle_hash *hash, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO audit_tile (level, position, hash) VALUES (?1, ?2, ?3)"
                 " ON CONFLICT (level, position) DO UPDATE SET hash = excluded.hash",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, level);
    stmt_bind_i64(stmt, 2, (int64_t)position);
    stmt_bind_bytes(stmt, 3, merkle_hash_bytes(hash));
    return stmt_run(stmt, err) || err_wrap(err, "write the audit tree");
}

/** The tile over leaves [256 * position, …) and those that it completes above. */
static bool add_tile(struct tx *tx, uint64_t position, struct err *err)
{
    struct merkle tree = {0};
    if (!audit_hash_rows(tx->store, position << AUDIT_TILE_BITS, UINT64_C(1) << AUDIT_TILE_BITS,
                         &tree, err) ||
        !set_tile(tx, AUDIT_TILE_BITS, position, &tree.peaks[AUDIT_TILE_BITS], err))
        return false;
    for (unsigned level = 2 * AUDIT_TILE_BITS; (position + 1) % (1 << AUDIT_TILE_BITS) == 0;
         level += AUDIT_TILE_BITS) {
        struct merkle_hash hash;
        position >>= AUDIT_TILE_BITS;
        if (!audit_subtree(tx->store, level, position, &hash, err) ||
            !set_tile(tx, level, position, &hash, err))
            return false;
    }
    return true;
}

bool audit_mend_tile(struct tx *tx, uint64_t position, const struct merkle_hash *hash,
                     struct err *err)
{
    if (!set_tile(tx, AUDIT_TILE_BITS, position, hash, err))
        return false;
    for (unsigned level = 2 * AUDIT_TILE_BITS; level < 64; level += AUDIT_TILE_BITS) {
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(tx->store, "DELETE FROM audit_tile WHERE level = ?1 AND position = ?2", err);
        if (!stmt)
            return false;
        position >>= AUDIT_TILE_BITS;
        stmt_bind_i64(stmt, 1, level);
        stmt_bind_i64(stmt, 2, (int64_t)position);
        if (!stmt_run(stmt, err))
            return err_wrap(err, "mend the audit tree");
    }
    return true;
}

struct place {
    uint64_t size, tiles, head_size;
    int64_t checked;
};

static bool read_place(struct store *store, struct place *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT (SELECT max(seq) FROM audit),"
                 " (SELECT max(position) + 1 FROM audit_tile WHERE level = 8),"
                 " (SELECT size FROM audit_head ORDER BY id DESC LIMIT 1), generation"
                 " FROM audit_checked",
                 err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_IO, "the audit log is damaged");
    *ret = (struct place){.size = (uint64_t)stmt_i64(stmt, 0),
                          .tiles = (uint64_t)stmt_i64(stmt, 1),
                          .head_size = (uint64_t)stmt_i64(stmt, 2),
                          .checked = stmt_i64(stmt, 3)};
    return true;
}

bool audit_flush(struct tx *tx, struct err *err)
{
    struct place place = {0};
    if (!read_place(tx->store, &place, err))
        return false;
    if (place.checked != store_generation(tx->store) &&
        !audit_check_after_start(tx, place.size, err))
        return err_wrap(err, "check the audit log");
    for (unsigned n = 0; n < TILES_A_FLUSH && (place.tiles + 1) << AUDIT_TILE_BITS <= place.size;
         n++) {
        if (!add_tile(tx, place.tiles++, err))
            return false;
    }
    if (place.size < place.head_size + AUDIT_HEAD_LEAVES)
        return true;
    struct err unsigned_now = {0};
    if (audit_sign_head(tx, &unsigned_now) || unsigned_now.code == ERR_CONFLICT)
        return true; /* a hub that may not sign now does so when it may again */
    *err = unsigned_now;
    return false;
}

/* ---- reading leaves ---- */

bool audit_leaves(struct store *store, struct arena *arena, uint64_t first, size_t limit,
                  struct audit_leaf **ret, size_t *ret_count, struct err *err)
{
    uint64_t size;
    if (!audit_size(store, &size, err))
        return false;
    uint64_t end = first > size ? first : size - first < limit ? size : first + limit;
    AUTO(audit_rows_done) struct audit_rows rows = {0};
    struct audit_leaf *leaves = arena_alloc(arena, (size_t)(end - first + 1) * sizeof(*leaves));
    size_t count = 0;
    if (!audit_rows_begin(&rows, store, first, end, err))
        return false;
    for (bool more;;) {
        if (!audit_rows_next(&rows, &more, err))
            return false;
        if (!more)
            break;
        leaves[count] = (struct audit_leaf){.index = rows.at - 1};
        leaves[count].bytes = arena_bytes(arena, buf_bytes(&rows.bytes));
        if (rows.held) {
            leaves[count].at_ms = stmt_i64(rows.stmt, 1);
            leaves[count].has_oid = oid_from(stmt_bytes(rows.stmt, 4), &leaves[count].oid);
        }
        count++;
    }
    *ret = leaves;
    *ret_count = count;
    return true;
}

bool audit_since(struct store *store, int64_t since_ms, uint64_t *ret, struct err *err)
{
    uint64_t low = 0, high;
    if (!audit_size(store, &high, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT at_ms FROM audit WHERE seq > ?1 ORDER BY seq LIMIT 1", err);
    if (!stmt)
        return false;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        bool row;
        stmt_reset(stmt);
        stmt_bind_i64(stmt, 1, (int64_t)middle);
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "search the audit log");
        if (row && stmt_i64(stmt, 0) < since_ms)
            low = middle + 1;
        else
            high = middle;
    }
    *ret = low;
    return true;
}

struct found {
    struct audit_leaf *list;
    size_t count, cap;
};

static bool find_one(struct store *store, struct arena *arena, const struct audit_about *about,
                     struct found *found, struct err *err)
{
    uint64_t first;
    if (!audit_since(store, about->at_ms - FIND_MS, &first, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT seq, at_ms, actor, action, oid FROM audit"
                                 " WHERE seq > ?1 ORDER BY seq",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)first);
    for (bool row;;) {
        struct oid oid;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "search the audit log");
        if (!row || stmt_i64(stmt, 1) > about->at_ms + FIND_MS)
            return true;
        if (!oid_from(stmt_bytes(stmt, 4), &oid) || !oid_equal(&oid, &about->oid))
            continue;
        if (found->count == found->cap) {
            found->cap = found->cap ? found->cap * 2 : 16;
            struct audit_leaf *larger = arena_alloc(arena, found->cap * sizeof(*larger));
            if (found->count)
                memcpy(larger, found->list, found->count * sizeof(*larger));
            found->list = larger;
        }
        AUTO(buf_done) struct buf bytes = {0};
        audit_leaf_bytes(stmt_i64(stmt, 1), text_or_empty(stmt, 2), text_or_empty(stmt, 3),
                         oid_bytes(&oid), &bytes);
        found->list[found->count++] = (struct audit_leaf){
            .index = (uint64_t)stmt_i64(stmt, 0) - 1,
            .at_ms = stmt_i64(stmt, 1),
            .oid = oid,
            .has_oid = true,
            .bytes = arena_bytes(arena, buf_bytes(&bytes)),
        };
    }
}

bool audit_find(struct store *store, struct arena *arena, const struct audit_about *about,
                size_t count, struct audit_leaf **ret, size_t *ret_count, struct err *err)
{
    struct found found = {0};
    for (size_t i = 0; i < count; i++) {
        if (!find_one(store, arena, &about[i], &found, err))
            return false;
    }
    *ret = found.list;
    *ret_count = found.count;
    return true;
}
