/* Chains between two hubs: where each stands here, and their events for who misses them. */
#include "hub/crypto/wire.h"
#include "hub/domain/claim_row.h"
#include "hub/domain/object.h"
#include "hub/domain/recovery.h"
#include "hub/domain/referral_store.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"

#include <stdlib.h>

#define KIND(x) MAILLON__HFP__V1__CHAIN_KIND__CHAIN_KIND_##x

/* ---- heads ---- */

/* Columns: id, side of the own stream (1: the sender's), seq and head of both, pending, changed. */
#define REFERRAL_HEADS                                                                   \
    "SELECT oid, is_out, sender_seq, sender_head, receiver_seq, receiver_head, pending," \
    " changed_ms FROM referral WHERE peer = ?1"
/* The last settled event of each side; what was replaced by a later incarnation has state 4. */
#define CLAIM_LAST(what, party)                                                                  \
    "(SELECT " what " FROM claim_event e WHERE e.claim_id = claim.claim_id AND e.party = " party \
    " AND e.state IN (1, 3) ORDER BY e.seq DESC LIMIT 1)"
#define CLAIM_HEADS                                                                                \
    "SELECT claim_id, box = 2, coalesce(" CLAIM_LAST("seq", "1") ", 0), " CLAIM_LAST(              \
        "oid",                                                                                     \
        "1") ", coalesce(" CLAIM_LAST("seq",                                                       \
                                      "2") ", 0), " CLAIM_LAST("oid",                              \
                                                               "2") ", (SELECT count(*) FROM "     \
                                                                    "claim_event e WHERE "         \
                                                                    "e.claim_id = claim.claim_id " \
                                                                    "AND e.state = 2),"            \
                                                                    " changed_ms FROM claim "      \
                                                                    "WHERE peer = ?1"

struct heads {
    struct chain_head *list;
    size_t count, cap;
};

static bool read_heads(struct stmt *stmt, Maillon__Hfp__V1__ChainKind kind, struct arena *arena,
                       struct heads *heads, struct err *err)
{
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read chains with a peer");
        if (!row)
            return true;
        if (heads->count == heads->cap) {
            size_t cap = heads->cap ? heads->cap * 2 : 64;
            struct chain_head *larger = arena_alloc(arena, cap * sizeof(*larger));
            if (heads->count)
                memcpy(larger, heads->list, heads->count * sizeof(*larger));
            heads->list = larger;
            heads->cap = cap;
        }
        bool first_is_ours = stmt_i64(stmt, 1) != 0;
        int own = first_is_ours ? 2 : 4, theirs = first_is_ours ? 4 : 2;
        struct chain_head *head = &heads->list[heads->count];
        *head = (struct chain_head){
            .kind = kind,
            .own_seq = (uint64_t)stmt_i64(stmt, own),
            .peer_seq = (uint64_t)stmt_i64(stmt, theirs),
            .gap = stmt_i64(stmt, 6) > 0,
            .changed_ms = stmt_i64(stmt, 7),
        };
        if (!stmt_copy(stmt, 0, head->id.b, OID_BYTES) ||
            (head->own_seq && !stmt_copy(stmt, own + 1, head->own_head.b, OID_BYTES)) ||
            (head->peer_seq && !stmt_copy(stmt, theirs + 1, head->peer_head.b, OID_BYTES)))
            return err_set(err, ERR_IO, "a chain with a peer cannot be read");
        heads->count++;
    }
}

static bool collect(struct store *store, struct arena *arena, const char *sql,
                    const struct node_id *peer, struct bytes second, int64_t limit,
                    Maillon__Hfp__V1__ChainKind kind, struct heads *heads, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    if (second.data)
        stmt_bind_bytes(stmt, 2, second);
    stmt_bind_i64(stmt, 3, limit);
    return read_heads(stmt, kind, arena, heads, err);
}

static int newest_first(const void *a, const void *b)
{
    const struct chain_head *x = a, *y = b;
    return x->changed_ms > y->changed_ms ? -1 : x->changed_ms < y->changed_ms;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct chain_head *)a)->id.b, ((const struct chain_head *)b)->id.b,
                  OID_BYTES);
}

static void give(struct heads *heads, size_t limit, int (*order)(const void *, const void *),
                 struct chain_head **ret, size_t *ret_count)
{
    if (heads->count)
        qsort(heads->list, heads->count, sizeof(*heads->list), order);
    *ret = heads->list;
    *ret_count = heads->count < limit ? heads->count : limit;
}

bool recovery_heads_newest(struct store *store, struct arena *arena, const struct node_id *peer,
                           size_t limit, struct chain_head **ret, size_t *ret_count,
                           struct err *err)
{
    struct heads heads = {0};
    if (!collect(store, arena, REFERRAL_HEADS " AND ?2 IS NULL ORDER BY changed_ms DESC LIMIT ?3",
                 peer, (struct bytes){0}, (int64_t)limit, KIND(REFERRAL), &heads, err) ||
        !collect(store, arena, CLAIM_HEADS " AND ?2 IS NULL ORDER BY changed_ms DESC LIMIT ?3",
                 peer, (struct bytes){0}, (int64_t)limit, KIND(CLAIM), &heads, err))
        return false;
    give(&heads, limit, newest_first, ret, ret_count);
    return true;
}

bool recovery_heads_page(struct store *store, struct arena *arena, const struct node_id *peer,
                         const struct oid *after, size_t limit, struct chain_head **ret,
                         size_t *ret_count, struct err *err)
{
    struct heads heads = {0};
    struct bytes from = after ? oid_bytes(after) : BYTES_LITERAL("");
    if (!collect(store, arena, REFERRAL_HEADS " AND oid > ?2 ORDER BY oid LIMIT ?3", peer, from,
                 (int64_t)limit, KIND(REFERRAL), &heads, err) ||
        !collect(store, arena, CLAIM_HEADS " AND claim_id > ?2 ORDER BY claim_id LIMIT ?3", peer,
                 from, (int64_t)limit, KIND(CLAIM), &heads, err))
        return false;
    give(&heads, limit, by_id, ret, ret_count);
    return true;
}

bool recovery_gaps(struct store *store, struct arena *arena, const struct node_id *peer,
                   size_t limit, struct chain_head **ret, size_t *ret_count, struct err *err)
{
    struct heads heads = {0};
    if (!collect(store, arena, REFERRAL_HEADS " AND pending > 0 AND ?2 IS NULL LIMIT ?3", peer,
                 (struct bytes){0}, (int64_t)limit, KIND(REFERRAL), &heads, err) ||
        !collect(store, arena,
                 CLAIM_HEADS " AND ?2 IS NULL AND claim_id IN (SELECT claim_id FROM claim_event"
                             " WHERE state = 2) LIMIT ?3",
                 peer, (struct bytes){0}, (int64_t)limit, KIND(CLAIM), &heads, err))
        return false;
    give(&heads, limit, newest_first, ret, ret_count);
    return true;
}

bool recovery_head(struct store *store, struct arena *arena, const struct node_id *peer,
                   const struct oid *id, Maillon__Hfp__V1__ChainKind kind, bool *ret_found,
                   struct chain_head *ret, struct err *err)
{
    struct heads heads = {0};
    bool read = kind == KIND(REFERRAL)
                    ? collect(store, arena, REFERRAL_HEADS " AND oid = ?2 LIMIT ?3", peer,
                              oid_bytes(id), 1, kind, &heads, err)
                    : collect(store, arena, CLAIM_HEADS " AND claim_id = ?2 LIMIT ?3", peer,
                              oid_bytes(id), 1, kind, &heads, err);
    if (!read)
        return false;
    *ret_found = heads.count > 0;
    if (heads.count)
        *ret = heads.list[0];
    return true;
}

bool recovery_damaged(struct store *store, struct arena *arena, const struct node_id *peer,
                      size_t limit, struct recovery_want **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT r.oid, 1, e.side = 1 - r.is_out, e.seq FROM object_damaged d"
                 " JOIN referral_event e ON e.oid = d.oid JOIN referral r ON r.id = e.referral"
                 " WHERE r.peer = ?1 UNION ALL"
                 " SELECT c.claim_id, 2, e.author <> ?1, e.seq FROM object_damaged d"
                 " JOIN claim_event e ON e.oid = d.oid JOIN claim c ON c.claim_id = e.claim_id"
                 " WHERE c.peer = ?1 LIMIT ?2",
                 err);
    if (!stmt)
        return false;
    _Static_assert(KIND(REFERRAL) == 1 && KIND(CLAIM) == 2, "the numbers above");
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    *ret = arena_alloc(arena, (limit + 1) * sizeof(**ret));
    *ret_count = 0;
    for (bool row; *ret_count < limit;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "look for damaged events");
        if (!row)
            break;
        bool own = stmt_i64(stmt, 2) != 0;
        uint64_t after = (uint64_t)stmt_i64(stmt, 3) - 1;
        struct recovery_want *want = &(*ret)[*ret_count];
        *want = (struct recovery_want){
            .kind = (Maillon__Hfp__V1__ChainKind)stmt_i64(stmt, 1),
            .own_after = own ? RECOVERY_NONE_AFTER : after,
            .peer_after = own ? after : RECOVERY_NONE_AFTER,
        };
        if (stmt_copy(stmt, 0, want->id.b, OID_BYTES))
            (*ret_count)++;
    }
    return true;
}

/* ---- events ---- */

/* One stored event with what rides beside it. */
struct piece {
    struct oid oid;
    struct bytes payload, salt;
    uint64_t expires_s; /* 0: of the object */
};

struct pieces {
    struct piece *list;
    size_t count;
};

static bool is_wanted(const struct recovery_want *want, bool own, uint64_t seq)
{
    return seq > (own ? want->own_after : want->peer_after);
}

static bool referral_pieces(struct store *store, struct arena *arena, const struct identity *self,
                            const struct node_id *peer, const struct recovery_want *want,
                            size_t skip, size_t limit, struct pieces *ret, bool *ret_more,
                            struct err *err)
{
    struct referral referral;
    struct referral_event_row *rows;
    size_t count, matching = 0;
    bool found;
    *ret = (struct pieces){0};
    *ret_more = false;
    if (!referral_get(store, arena, &want->id, &found, &referral, err))
        return false;
    if (!found || !node_id_equal(&referral.peer, peer)) /* of others nothing is told */
        return true;
    if (!referral_event_rows(store, arena, referral.id, true, &rows, &count, err))
        return false;
    ret->list = arena_alloc(arena, (limit + 1) * sizeof(*ret->list));
    for (size_t i = 0; i < count; i++) {
        bool own = rows[i].key.side == referral_our_side(&referral);
        if (!is_wanted(want, own, rows[i].key.seq) || matching++ < skip)
            continue;
        if (ret->count == limit) {
            *ret_more = true;
            break;
        }
        struct piece *piece = &ret->list[ret->count++];
        *piece = (struct piece){.oid = rows[i].key.oid};
        if (!referral_event_personal(arena, self, &referral, &rows[i], &piece->payload,
                                     &piece->salt, err))
            return false;
    }
    return true;
}

static bool claim_payload(struct stmt *stmt, struct arena *arena, struct piece *piece)
{
    Maillon__Hfp__V1__ClaimPayload words = MAILLON__HFP__V1__CLAIM_PAYLOAD__INIT;
    if (stmt_is_null(stmt, 6))
        return true;
    words.contact_role = arena_text(arena, stmt_text(stmt, 3));
    words.phone = arena_text(arena, stmt_text(stmt, 4));
    words.pick_up = arena_text(arena, stmt_text(stmt, 5));
    piece->payload = wire_pack_arena(&words, arena);
    piece->salt = arena_bytes(arena, stmt_bytes(stmt, 6));
    return piece->salt.len == SALT_BYTES;
}

static bool claim_pieces(struct store *store, struct arena *arena, const struct identity *self,
                         const struct node_id *peer, const struct recovery_want *want, size_t skip,
                         size_t limit, struct pieces *ret, bool *ret_more, struct err *err)
{
    size_t matching = 0;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT e.oid, e.author, e.seq, e.contact_role, e.phone, e.pick_up, s.salt"
                 " FROM claim c JOIN claim_event e ON e.claim_id = c.claim_id"
                 " LEFT JOIN claim_event_salt s ON s.oid = e.oid"
                 " WHERE c.claim_id = ?1 AND c.peer = ?2 ORDER BY e.id",
                 err);
    *ret = (struct pieces){.list = arena_alloc(arena, (limit + 1) * sizeof(*ret->list))};
    *ret_more = false;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&want->id));
    stmt_bind_bytes(stmt, 2, node_id_bytes(peer));
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read the events of a claim");
        if (!row)
            return true;
        bool own = bytes_equal(stmt_bytes(stmt, 1), node_id_bytes(identity_node(self)));
        if (!is_wanted(want, own, (uint64_t)stmt_i64(stmt, 2)) || matching++ < skip)
            continue;
        if (ret->count == limit) {
            *ret_more = true;
            return true;
        }
        struct piece *piece = &ret->list[ret->count++];
        *piece = (struct piece){0};
        if (!stmt_copy(stmt, 0, piece->oid.b, OID_BYTES) || !claim_payload(stmt, arena, piece))
            return err_set(err, ERR_IO, "an event of a claim cannot be read");
    }
}

static bool read_pieces(struct store *store, struct arena *arena, const struct identity *self,
                        const struct node_id *peer, const struct recovery_want *want, size_t skip,
                        size_t limit, struct pieces *ret, bool *ret_more, struct err *err)
{
    return want->kind == KIND(REFERRAL)
               ? referral_pieces(store, arena, self, peer, want, skip, limit, ret, ret_more, err)
               : claim_pieces(store, arena, self, peer, want, skip, limit, ret, ret_more, err);
}

/* Open objects of the peer itself: what it had published. */
static bool authored(struct store *store, struct arena *arena, const struct node_id *peer,
                     size_t skip, size_t max_bytes, struct recovery_events *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT o.bytes FROM (SELECT oid FROM notice WHERE author = ?1"
                                 " UNION ALL SELECT oid FROM service WHERE node = ?1"
                                 " UNION ALL SELECT oid FROM peer_incarnation WHERE node = ?1) w"
                                 " JOIN object o ON o.oid = w.oid WHERE o.author = ?1 ORDER BY o.id"
                                 " LIMIT ?2 OFFSET ?3",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(peer));
    stmt_bind_i64(stmt, 2, RECOVERY_HEADS_PAGE);
    stmt_bind_i64(stmt, 3, (int64_t)skip);
    ret->list = arena_alloc(arena, RECOVERY_HEADS_PAGE * sizeof(*ret->list));
    size_t size = 0;
    for (bool row; ret->count < RECOVERY_HEADS_PAGE;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read what a peer has published");
        if (!row)
            return true;
        struct bytes object = stmt_bytes(stmt, 0);
        if (ret->count && size + object.len > max_bytes)
            break;
        ret->list[ret->count++] = arena_bytes(arena, object);
        ret->taken++;
        size += object.len;
    }
    ret->more = true;
    return true;
}

#define PIECES_AT_ONCE 32

bool recovery_events(struct store *store, struct arena *arena, const struct identity *self,
                     const struct random_source *random, struct wall now,
                     const struct node_id *peer, const struct recovery_want *want, size_t skip,
                     size_t max_bytes, struct recovery_events *ret, struct err *err)
{
    struct pieces pieces;
    uint8_t key[X25519_KEY_BYTES];
    size_t size = 0;
    *ret = (struct recovery_events){0};
    if (want->kind == KIND(AUTHORED))
        return authored(store, arena, peer, skip, max_bytes, ret, err);
    if (!relation_enc_key(store, peer, now, key, err) ||
        !read_pieces(store, arena, self, peer, want, skip, PIECES_AT_ONCE, &pieces, &ret->more,
                     err))
        return false;
    ret->list = arena_alloc(arena, (pieces.count + 1) * sizeof(*ret->list));
    for (size_t i = 0; i < pieces.count; i++) {
        const struct piece *piece = &pieces.list[i];
        struct object_row object;
        struct oid sealed_id;
        bool found;
        AUTO(buf_done) struct buf sealed = {0};
        if (!object_get(store, arena, &piece->oid, &found, &object, err))
            return false;
        struct parcel parcel = {object.bytes, piece->payload, piece->salt};
        uint64_t expires_s = (uint64_t)now.ms / 1000 + REFERRAL_LIFETIME_MAX_S;
        if (found && !seal_parcel(&parcel, peer, key, expires_s, random, &sealed, &sealed_id, err))
            return false;
        if (found && size + sealed.len > max_bytes && ret->count) {
            ret->more = true;
            return true;
        }
        ret->taken++;
        if (!found || sealed.len > max_bytes) /* larger than a frame: its author sends it again */
            continue;
        ret->list[ret->count++] = arena_bytes(arena, buf_bytes(&sealed));
        size += sealed.len;
    }
    return true;
}

/* Confirmed by the peer once, as far as people here were told. */
static bool was_taken(struct store *store, const struct oid *oid, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT 1 FROM referral_event WHERE oid = ?1 AND delivery IN (1, 2)"
                 " UNION ALL SELECT 1 FROM object o JOIN claim_event e ON e.oid = o.oid"
                 " WHERE o.oid = ?1 AND o.proof > 0 AND e.state = 1",
                 err);
    if (!stmt)
        return false;
    _Static_assert(REFERRAL_STORED == 1 && REFERRAL_PRESENTED == 2, "the numbers above");
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    return stmt_next(stmt, ret, err) || err_wrap(err, "look what a peer had");
}

bool recovery_send_again(struct tx *tx, const struct node_id *peer, const struct oid *id,
                         Maillon__Hfp__V1__ChainKind kind, uint64_t own_after, struct err *err)
{
    struct recovery_want want = {*id, kind, own_after, RECOVERY_NONE_AFTER, 0};
    bool more = true;
    for (size_t skip = 0; more; skip += PIECES_AT_ONCE) {
        struct pieces pieces;
        if (!read_pieces(tx->store, tx->arena, tx->self, peer, &want, skip, PIECES_AT_ONCE, &pieces,
                         &more, err))
            return false;
        for (size_t i = 0; i < pieces.count; i++) {
            struct object_row object;
            bool found, taken;
            if (!was_taken(tx->store, &pieces.list[i].oid, &taken, err) ||
                !object_get(tx->store, tx->arena, &pieces.list[i].oid, &found, &object, err))
                return false;
            if (!found || !taken)
                continue;
            struct outbox_again again = {
                .oid = pieces.list[i].oid,
                .parcel = {object.bytes, pieces.list[i].payload, pieces.list[i].salt},
                .lane = 1,
                .expires_s = (uint64_t)tx->now.ms / 1000 + REFERRAL_LIFETIME_MAX_S,
            };
            if (!outbox_send_again(tx, peer, &again, err))
                return false;
        }
    }
    return true;
}
