/* Signed heads of the audit log: ours, and the signatures of witnesses on them. */
#include "hub/domain/audit_internal.h"

#include "hub/crypto/head.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit_witness.h"
#include "hub/domain/authoring.h"
#include "hub/domain/stream.h"
#include "maillon/hfp/v1/object.pb-c.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define CHECKED_LEAVES (UINT64_C(1) << 18) /* after a start; `audit verify` reads all of them */
#define TICK_MS        (3600 * INT64_C(1000))

bool audit_head_open(struct bytes bytes, struct arena *arena, struct audit_head *ret,
                     struct err *err)
{
    struct audit_head head = {.bytes = bytes};
    if (bytes.len > OBJECT_AUDIT_HEAD_MAX)
        return err_set(err, ERR_PEER, "an audit head is too large");
    if (!envelope_open(bytes, arena, &head.envelope, err))
        return false;
    if (strcmp(head.envelope.type, TYPE_AUDIT_HEAD) != 0)
        return err_set(err, ERR_PEER, "not an audit head");
    const Maillon__Hfp__V1__AuditHead *body =
        wire_unpack(&maillon__hfp__v1__audit_head__descriptor, head.envelope.body, arena, err);
    if (!body)
        return false;
    if (!body->head || !head_check_shape(body->head, err))
        return body->head ? false : err_set(err, ERR_PEER, "an audit head without its place");
    if (!node_id_from(wire_bytes(body->head->node), &head.node) ||
        body->root.len != sizeof(head.root.b) || body->size > INT64_MAX ||
        body->time_ms > TIME_MAX_S * 1000 || body->head->created_s > TIME_MAX_S)
        return err_set(err, ERR_PEER, "an audit head is malformed");
    if (!head_check_critical(body->head, &maillon__hfp__v1__audit_head__descriptor, err))
        return false;
    memcpy(head.root.b, body->root.data, sizeof(head.root.b));
    head.incarnation = body->head->incarnation;
    head.seq = body->head->seq;
    head.created_s = body->head->created_s;
    head.size = body->size;
    head.time_ms = body->time_ms;
    head.oid = head.envelope.oid;
    head.head = body->head;
    *ret = head;
    return true;
}

bool audit_head_is_by(const struct audit_head *head, const struct kel *kel)
{
    struct wall then = {(int64_t)head->created_s * 1000};
    return kel_judge(kel, &head->envelope, head->head, then) == KEL_GOOD;
}

/* ---- own heads ---- */

static bool add_head(struct tx *tx, const struct oid *oid, uint64_t size, struct bytes bytes,
                     struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "INSERT INTO audit_head (oid, size, at_ms, bytes) VALUES (?1, ?2, ?3, ?4)", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_i64(stmt, 2, (int64_t)size);
    stmt_bind_i64(stmt, 3, tx->now.ms);
    stmt_bind_bytes(stmt, 4, bytes);
    return stmt_run(stmt, err) || err_wrap(err, "keep an audit head");
}

static bool sign_head(struct tx *tx, uint64_t size, const struct merkle_hash *root, struct err *err)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    struct oid prev, oid;
    bool has_prev;
    if (!authoring_head(tx, &head, err) ||
        !stream_next(tx, TYPE_AUDIT_HEAD, (struct bytes){0}, &head.seq, &prev, &has_prev, err))
        return false;
    if (has_prev)
        head.prev = wire_data(oid_bytes(&prev));
    Maillon__Hfp__V1__AuditHead body = MAILLON__HFP__V1__AUDIT_HEAD__INIT;
    body.head = &head;
    body.size = size;
    body.root = wire_data(merkle_hash_bytes(root));
    body.time_ms = (uint64_t)tx->now.ms;
    AUTO(buf_done) struct buf object = {0};
    identity_sign(tx->self, TYPE_AUDIT_HEAD, wire_pack_arena(&body, tx->arena), &object, &oid);
    if (!stream_set(tx, TYPE_AUDIT_HEAD, (struct bytes){0}, head.seq, &oid, err) ||
        !add_head(tx, &oid, size, buf_bytes(&object), err))
        return false;
    tx_effect(tx, EFFECT_AUDIT, identity_node(tx->self), (int64_t)size);
    COUNT(tx->counters, audit_heads, 1);
    return true;
}

bool audit_sign_head(struct tx *tx, struct err *err)
{
    struct audit_head newest;
    struct merkle tree;
    struct merkle_hash root;
    uint64_t size;
    bool found;
    if (!audit_size(tx->store, &size, err) || !audit_tree(tx->store, size, &tree, err) ||
        !audit_head_newest(tx->store, tx->arena, &found, &newest, err))
        return false;
    merkle_root(&tree, &root);
    if (found && newest.size == size && merkle_hash_equal(&newest.root, &root))
        return true;
    return sign_head(tx, size, &root, err);
}

bool audit_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    struct audit_head newest;
    uint64_t size;
    bool found;
    ret_next->ms = tx->now.ms + TICK_MS;
    if (!audit_settle_restored(tx, err) || !audit_size(tx->store, &size, err) ||
        !audit_head_newest(tx->store, tx->arena, &found, &newest, err))
        return false;
    if (size == 0 ||
        (found && (newest.size == size || tx->now.ms < (int64_t)newest.time_ms + AUDIT_HEAD_MS)))
        return true;
    struct err unsigned_now = {0};
    if (audit_sign_head(tx, &unsigned_now) || unsigned_now.code == ERR_CONFLICT)
        return true;
    *err = unsigned_now;
    return false;
}

static bool read_heads(struct stmt *stmt, struct arena *arena, size_t limit,
                       struct audit_head **ret, size_t *ret_count, struct err *err)
{
    struct audit_head *heads = arena_alloc(arena, limit * sizeof(*heads));
    size_t count = 0;
    for (bool row; count < limit; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read audit heads");
        if (!row)
            break;
        struct err bad = {0};
        if (!audit_head_open(arena_bytes(arena, stmt_bytes(stmt, 0)), arena, &heads[count], &bad))
            return err_set(err, ERR_IO, "a stored audit head is damaged");
    }
    *ret = heads;
    *ret_count = count;
    return true;
}

static bool read_head(struct stmt *stmt, struct arena *arena, bool *ret_found,
                      struct audit_head *ret, struct err *err)
{
    struct audit_head *heads;
    size_t count;
    if (!read_heads(stmt, arena, 1, &heads, &count, err))
        return false;
    *ret_found = count > 0;
    if (count)
        *ret = heads[0];
    return true;
}

bool audit_head_newest(struct store *store, struct arena *arena, bool *ret_found,
                       struct audit_head *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT bytes FROM audit_head ORDER BY id DESC LIMIT 1", err);
    return stmt && read_head(stmt, arena, ret_found, ret, err);
}

bool audit_head_find(struct store *store, struct arena *arena, const struct oid *oid,
                     bool *ret_found, struct audit_head *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT bytes FROM audit_head WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    return read_head(stmt, arena, ret_found, ret, err);
}

bool audit_heads(struct store *store, struct arena *arena, uint64_t min_size, size_t limit,
                 struct audit_head **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT bytes FROM audit_head WHERE size >= ?1 ORDER BY size, id LIMIT ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)min_size);
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    return read_heads(stmt, arena, limit, ret, ret_count, err);
}

bool audit_head_covering(struct store *store, struct arena *arena, uint64_t size, bool *ret_found,
                         struct audit_head *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT bytes FROM audit_head WHERE size >= ?1 ORDER BY"
                 " (SELECT count(*) FROM audit_cosigned WHERE head = audit_head.id) < ?2, size, id"
                 " LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)size);
    stmt_bind_i64(stmt, 2, AUDIT_WITNESSES);
    return read_head(stmt, arena, ret_found, ret, err);
}

/* ---- witnesses ---- */

void audit_cosign(const struct sign_key *key, const struct audit_head *head, struct buf *out)
{
    /* Serialised repeated fields simply follow each other, so theirs go after ours; signatures of
     * theirs beyond the limit are not needed. */
    envelope_sign(&key, 1, TYPE_AUDIT_HEAD, head->envelope.body, out, NULL);
    for (size_t i = 0; i < head->envelope.sig_count && i < SIGNED_SIGS_MAX - 1; i++) {
        Maillon__Hfp__V1__Sig sig = MAILLON__HFP__V1__SIG__INIT;
        sig.sig = wire_data(head->envelope.sigs[i]);
        size_t len = maillon__hfp__v1__sig__get_packed_size(&sig);
        uint8_t *at = buf_reserve(out, len + 2);
        at[0] = 0x22; /* field 4, length-delimited; a Sig is shorter than 128 bytes */
        at[1] = (uint8_t)len;
        out->len += 2 + maillon__hfp__v1__sig__pack(&sig, at + 2);
    }
}

bool audit_cosigned_add(struct tx *tx, const struct oid *head, const struct node_id *witness,
                        struct bytes bytes, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO audit_cosigned (head, witness, bytes)"
                                 " SELECT id, ?2, ?3 FROM audit_head WHERE oid = ?1"
                                 " ON CONFLICT (head, witness) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(head));
    stmt_bind_bytes(stmt, 2, node_id_bytes(witness));
    stmt_bind_bytes(stmt, 3, bytes);
    return stmt_run(stmt, err) || err_wrap(err, "keep the signature of a witness");
}

bool audit_cosigned(struct store *store, struct arena *arena, const struct oid *head,
                    struct audit_cosigned **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT witness, c.bytes FROM audit_cosigned c"
                                 " JOIN audit_head h ON h.id = c.head WHERE h.oid = ?1"
                                 " ORDER BY witness LIMIT 64",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(head));
    struct audit_cosigned *list = arena_alloc(arena, 64 * sizeof(*list));
    size_t count = 0;
    for (bool row; count < 64; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read the signatures of witnesses");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, list[count].witness.b, sizeof(list[count].witness.b)))
            return err_set(err, ERR_IO, "the signature of a witness is damaged");
        list[count].bytes = arena_bytes(arena, stmt_bytes(stmt, 1));
    }
    *ret = list;
    *ret_count = count;
    return true;
}

/* ---- is the log still what was signed? ---- */

static bool check_tiles(struct tx *tx, uint64_t size, struct err *err)
{
    uint64_t first = size > CHECKED_LEAVES ? size - CHECKED_LEAVES : 0;
    for (uint64_t position = first >> AUDIT_TILE_BITS; (position + 1) << AUDIT_TILE_BITS <= size;
         position++) {
        struct merkle tree = {0};
        struct merkle_hash stored;
        if (!audit_hash_rows(tx->store, position << AUDIT_TILE_BITS, UINT64_C(1) << AUDIT_TILE_BITS,
                             &tree, err) ||
            !audit_subtree(tx->store, AUDIT_TILE_BITS, position, &stored, err))
            return false;
        const struct merkle_hash *hash = &tree.peaks[AUDIT_TILE_BITS];
        if (!merkle_hash_equal(hash, &stored) && !audit_mend_tile(tx, position, hash, err))
            return false;
    }
    return true;
}

static bool set_checked(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE audit_checked SET generation = ?1 WHERE only_row = 1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, store_generation(tx->store));
    return stmt_run(stmt, err);
}

static bool forget_tiles_after(struct tx *tx, uint64_t size, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM audit_tile WHERE ((position + 1) << level) > ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)size);
    return stmt_run(stmt, err);
}

bool audit_check_after_start(struct tx *tx, uint64_t size, struct err *err)
{
    struct audit_head newest;
    struct merkle tree;
    struct merkle_hash root;
    bool found, fits = false;
    if (!set_checked(tx, err) || !audit_head_newest(tx->store, tx->arena, &found, &newest, err))
        return false;
    if (!found)
        return true;
    if (!forget_tiles_after(tx, size, err) || !check_tiles(tx, size, err))
        return false;
    if (newest.size <= size) {
        if (!audit_tree(tx->store, newest.size, &tree, err))
            return false;
        merkle_root(&tree, &root);
        fits = merkle_hash_equal(&root, &newest.root);
    }
    if (fits)
        return true;
    if (!audit_alarm_add(tx, identity_node(tx->self),
                         newest.size > size ? AUDIT_SHRUNK : AUDIT_FORKED, newest.bytes,
                         (struct bytes){0}, (struct bytes){0}, err))
        return false;
    /* What is there now is all there is: peers that hold the old head must see that it differs. */
    struct err unsigned_now = {0};
    if (audit_sign_head(tx, &unsigned_now) || unsigned_now.code == ERR_CONFLICT)
        return true;
    *err = unsigned_now;
    return false;
}

/** The first finding stands. */
static void PRINTF_LIKE(2, 3) wrong(struct audit_report *report, const char *fmt, ...)
{
    va_list args;
    if (report->wrong[0])
        return;
    va_start(args, fmt);
    vsnprintf(report->wrong, sizeof(report->wrong), fmt, args);
    va_end(args);
}

/** Own heads over exactly as many leaves as `tree` has. */
static bool check_heads(struct store *store, struct arena *arena, const struct kel *self,
                        struct stmt *heads, bool *row, const struct merkle *tree,
                        struct audit_report *report, struct err *err)
{
    struct merkle_hash root;
    merkle_root(tree, &root);
    while (*row && (uint64_t)stmt_i64(heads, 0) <= tree->size) {
        struct audit_head head;
        struct audit_cosigned *cosigned;
        size_t count;
        struct err bad = {0};
        if (!audit_head_open(arena_bytes(arena, stmt_bytes(heads, 1)), arena, &head, &bad) ||
            !node_id_equal(&head.node, &self->node) || !audit_head_is_by(&head, self))
            wrong(report, "the head over the first %" PRIu64 " lines is damaged", tree->size);
        else if (head.size != tree->size || !merkle_hash_equal(&head.root, &root))
            wrong(report,
                  "one of the first %" PRIu64
                  " lines was changed, removed or added since a head over "
                  "them was signed",
                  tree->size);
        else if (!audit_cosigned(store, arena, &head.oid, &cosigned, &count, err))
            return false;
        else
            report->cosigned += count >= AUDIT_WITNESSES;
        report->heads++;
        if (!stmt_next(heads, row, err))
            return err_wrap(err, "read audit heads");
    }
    return true;
}

static bool check_tile(struct store *store, const struct merkle *tree, struct audit_report *report,
                       struct err *err)
{
    struct merkle_hash stored;
    if (tree->size % (UINT64_C(1) << AUDIT_TILE_BITS))
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT hash FROM audit_tile WHERE level = 8 AND position = ?1", err);
    bool row;
    if (!stmt)
        return false;
    uint64_t first = tree->size - (UINT64_C(1) << AUDIT_TILE_BITS);
    struct merkle own = {0};
    stmt_bind_i64(stmt, 1, (int64_t)(first >> AUDIT_TILE_BITS));
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row) /* the newest may wait for the next change */
        return true;
    report->tiles++;
    if (!audit_hash_rows(store, first, UINT64_C(1) << AUDIT_TILE_BITS, &own, err))
        return false;
    if (!stmt_copy(stmt, 0, stored.b, sizeof(stored.b)) ||
        !merkle_hash_equal(&stored, &own.peaks[AUDIT_TILE_BITS]))
        wrong(report, "one of the 256 lines before line %" PRIu64 " was changed", tree->size);
    return true;
}

static bool verify_leaves(struct store *store, struct arena *arena, const struct kel *self,
                          struct stmt *heads, struct audit_report *report, struct err *err)
{
    struct merkle tree = {0};
    bool row;
    if (!stmt_next(heads, &row, err) ||
        !check_heads(store, arena, self, heads, &row, &tree, report, err))
        return false;
    while (tree.size < report->leaves) {
        uint64_t before = tree.size, step = UINT64_C(1) << AUDIT_TILE_BITS;
        uint64_t next = row ? (uint64_t)stmt_i64(heads, 0) : report->leaves;
        uint64_t end = (before / step + 1) * step;
        end = next < end ? next : end;
        end = end < report->leaves ? end : report->leaves;
        if (!audit_hash_rows(store, before, end - before, &tree, err) ||
            !check_tile(store, &tree, report, err) ||
            !check_heads(store, arena, self, heads, &row, &tree, report, err))
            return false;
    }
    if (row)
        wrong(report, "a head was signed over more than the %" PRIu64 " lines that are left",
              report->leaves);
    merkle_root(&tree, &report->root);
    return true;
}

bool audit_verify(struct store *store, struct arena *arena, const struct kel *self,
                  struct audit_report *ret, struct err *err)
{
    struct audit_report report = {0};
    AUTO(stmt_release)
    struct stmt *heads =
        stmt_get(store, "SELECT size, bytes FROM audit_head ORDER BY size, id", err);
    if (!heads || !audit_size(store, &report.leaves, err) ||
        !verify_leaves(store, arena, self, heads, &report, err))
        return false;
    *ret = report;
    return true;
}
