#include "hub/domain/claim_row.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS                                                                                  \
    "id, claim_id, box, peer, uid, state, quantity, agreed, delivered, reason, release_asked_s," \
    " extension_s, until_s, created_ms, changed_ms, lapses_ms, contact_role, phone, pick_up,"    \
    " forked"

static bool read_claim(struct stmt *stmt, struct arena *arena, struct claim *ret, struct err *err)
{
    struct claim claim = {
        .id = stmt_i64(stmt, 0),
        .box = (enum claim_box)stmt_i64(stmt, 2),
        .view = {.state = (enum claim_state)stmt_i64(stmt, 5),
                 .quantity = (uint32_t)stmt_i64(stmt, 6),
                 .agreed = (uint32_t)stmt_i64(stmt, 7),
                 .delivered = (uint32_t)stmt_i64(stmt, 8),
                 .release_asked_s = (uint64_t)stmt_i64(stmt, 10),
                 .extension_s = (uint64_t)stmt_i64(stmt, 11),
                 .until_s = (uint64_t)stmt_i64(stmt, 12)},
        .created = {stmt_i64(stmt, 13)},
        .changed = {stmt_i64(stmt, 14)},
        .lapses = {stmt_i64(stmt, 15)},
        .contact_role = arena_text(arena, stmt_text(stmt, 16)),
        .phone = arena_text(arena, stmt_text(stmt, 17)),
        .pick_up = arena_text(arena, stmt_text(stmt, 18)),
        .forked = stmt_i64(stmt, 19) != 0,
    };
    snprintf(claim.view.reason, sizeof(claim.view.reason), "%s", stmt_text(stmt, 9));
    if (!stmt_copy(stmt, 1, claim.claim_id.b, OID_BYTES) ||
        !stmt_copy(stmt, 3, claim.peer.b, NODE_ID_BYTES) ||
        !stmt_copy(stmt, 4, claim.uid, UID_BYTES))
        return err_set(err, ERR_IO, "a claim row cannot be read");
    *ret = claim;
    return true;
}

/* Room for one more, in steps of two: arenas are shared by a whole group of actions. */
static void *grown(struct arena *arena, void *list, size_t count, size_t size)
{
    if (count & (count - 1) || (count && count < 4))
        return list;
    void *larger = arena_alloc(arena, (count ? 2 * count : 4) * size);
    if (count)
        memcpy(larger, list, count * size);
    return larger;
}

bool claim_row_find(struct store *store, struct arena *arena, const struct oid *claim_id,
                    bool *ret_found, struct claim *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT " COLUMNS " FROM claim WHERE claim_id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(claim_id));
    if (!stmt_next(stmt, &row, err) || (row && !read_claim(stmt, arena, ret, err)))
        return false;
    *ret_found = row;
    return true;
}

bool claim_row_find_request(struct store *store, const char *request_key, bool *ret_found,
                            struct oid *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT claim_id FROM claim WHERE request_key = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, request_key);
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row && !stmt_copy(stmt, 0, ret->b, OID_BYTES))
        return err_set(err, ERR_IO, "a claim row cannot be read");
    *ret_found = row;
    return true;
}

bool claim_resolve(struct store *store, struct arena *arena, const char *text, struct claim *ret,
                   struct err *err)
{
    bool row;
    char hex[2 * OID_BYTES + 1];
    struct oid low, high;
    struct claim first;
    size_t len = strlen(text);
    if (len < 6 || len > 2 * OID_BYTES)
        return err_set(err, ERR_INVALID, "a claim id has 6 to 64 hex digits");
    memset(hex, '0', sizeof(hex) - 1);
    hex[2 * OID_BYTES] = '\0';
    memcpy(hex, text, len);
    bool is_hex = hex_decode(hex, low.b, OID_BYTES);
    memset(hex + len, 'f', 2 * OID_BYTES - len);
    if (!is_hex || !hex_decode(hex, high.b, OID_BYTES))
        return err_set(err, ERR_INVALID, "a claim id has 6 to 64 hex digits");
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT " COLUMNS " FROM claim WHERE claim_id >= ?1 AND claim_id <= ?2 LIMIT 2",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&low));
    stmt_bind_bytes(stmt, 2, oid_bytes(&high));
    if (!stmt_next(stmt, &row, err))
        return false;
    if (!row)
        return err_set(err, ERR_UNKNOWN, "there is no claim with this id");
    if (!read_claim(stmt, arena, &first, err) || !stmt_next(stmt, &row, err))
        return false;
    if (row)
        return err_set(err, ERR_INVALID, "several claims begin with this id: give more of it");
    *ret = first;
    return true;
}

bool claim_row_add(struct tx *tx, const struct claim *claim, const char *request_key,
                   struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO claim (claim_id, box, peer, uid, state, quantity, agreed, counted,"
                 " delivered, reason, release_asked_s, extension_s, until_s, created_ms,"
                 " changed_ms, lapses_ms, contact_role, phone, pick_up, forked, request_key)"
                 " VALUES (?1, ?2, ?3, ?4, 0, 0, 0, 0, 0, '', 0, 0, 0, ?5, ?5, ?6, '', '', '', 0,"
                 " ?7)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&claim->claim_id));
    stmt_bind_i64(stmt, 2, claim->box);
    stmt_bind_bytes(stmt, 3, node_id_bytes(&claim->peer));
    stmt_bind_bytes(stmt, 4, bytes_of(claim->uid, UID_BYTES));
    stmt_bind_i64(stmt, 5, tx->now.ms);
    stmt_bind_i64(stmt, 6, claim->lapses.ms);
    stmt_bind_text(stmt, 7, request_key && request_key[0] ? request_key : NULL);
    return stmt_run(stmt, err);
}

bool claim_row_save(struct tx *tx, const struct claim *claim, int64_t due_ms, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "UPDATE claim SET state = ?2, quantity = ?3, agreed = ?4, counted = ?5,"
                 " delivered = ?6, reason = ?7, release_asked_s = ?8, extension_s = ?9,"
                 " until_s = ?10, changed_ms = ?11, due_ms = ?12, contact_role = ?13,"
                 " phone = ?14, pick_up = ?15, forked = ?16 WHERE claim_id = ?1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&claim->claim_id));
    stmt_bind_i64(stmt, 2, claim->view.state);
    stmt_bind_i64(stmt, 3, claim->view.quantity);
    stmt_bind_i64(stmt, 4, claim->view.agreed);
    stmt_bind_i64(stmt, 5, claim_counted(&claim->view));
    stmt_bind_i64(stmt, 6, claim->view.delivered);
    stmt_bind_text(stmt, 7, claim->view.reason);
    stmt_bind_i64(stmt, 8, (int64_t)claim->view.release_asked_s);
    stmt_bind_i64(stmt, 9, (int64_t)claim->view.extension_s);
    stmt_bind_i64(stmt, 10, (int64_t)claim->view.until_s);
    stmt_bind_i64(stmt, 11, tx->now.ms);
    if (due_ms)
        stmt_bind_i64(stmt, 12, due_ms);
    stmt_bind_text(stmt, 13, claim->contact_role);
    stmt_bind_text(stmt, 14, claim->phone);
    stmt_bind_text(stmt, 15, claim->pick_up);
    stmt_bind_i64(stmt, 16, claim->forked);
    return stmt_run(stmt, err);
}

bool claim_row_sums(struct tx *tx, const uint8_t uid[UID_BYTES], uint64_t *ret_committed,
                    uint64_t *ret_delivered, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT coalesce(sum(counted), 0), coalesce(sum(delivered), 0) FROM claim"
                 " WHERE uid = ?1 AND box = 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(uid, UID_BYTES));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret_committed = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    *ret_delivered = row ? (uint64_t)stmt_i64(stmt, 1) : 0;
    return true;
}

static bool next_due(struct tx *tx, int64_t *ret_ms, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT min(due_ms) FROM claim WHERE due_ms IS NOT NULL", err);
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    *ret_ms = row && !stmt_is_null(stmt, 0) ? stmt_i64(stmt, 0) : INT64_MAX;
    return true;
}

bool claim_row_due(struct tx *tx, size_t limit, struct oid **ret, size_t *ret_count,
                   int64_t *ret_next_ms, struct err *err)
{
    bool row = true;
    size_t count = 0;
    struct oid *list = arena_alloc(tx->arena, (limit + 1) * sizeof(*list));
    if (!next_due(tx, ret_next_ms, err))
        return false;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT claim_id FROM claim WHERE due_ms <= ?1 ORDER BY due_ms, id LIMIT ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms);
    stmt_bind_i64(stmt, 2, (int64_t)limit);
    while (count < limit) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, list[count++].b, OID_BYTES))
            return err_set(err, ERR_IO, "a claim row cannot be read");
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool claim_list(struct store *store, struct arena *arena, const struct claim_filter *filter,
                struct claim **ret, size_t *ret_count, struct err *err)
{
    bool row;
    size_t count = 0;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " COLUMNS " FROM claim WHERE (?1 = 0 OR box = ?1)"
                                 " AND (?2 IS NULL OR uid = ?2) AND (?3 IS NULL OR peer = ?3)"
                                 " AND (?4 = 0 OR state BETWEEN 1 AND 4) ORDER BY id LIMIT ?5",
                                 err);
    if (!stmt)
        return false;
    _Static_assert(CLAIM_PROPOSED == 1 && CLAIM_UNDER_WAY == 4, "open states are 1 to 4");
    stmt_bind_i64(stmt, 1, filter->box);
    if (filter->uid)
        stmt_bind_bytes(stmt, 2, bytes_of(filter->uid, UID_BYTES));
    if (filter->peer)
        stmt_bind_bytes(stmt, 3, node_id_bytes(filter->peer));
    stmt_bind_i64(stmt, 4, filter->open_only);
    stmt_bind_i64(stmt, 5, (int64_t)filter->limit);
    struct claim *list = NULL;
    while (count < filter->limit) {
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        list = grown(arena, list, count, sizeof(*list));
        if (!read_claim(stmt, arena, &list[count++], err))
            return false;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool claim_last_own(struct store *store, const struct claim *claim, const struct node_id *self,
                    bool *ret_found, struct oid *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT oid FROM claim_event WHERE claim_id = ?1 AND author = ?2"
                                 " AND state <> 4 ORDER BY seq DESC LIMIT 1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&claim->claim_id));
    stmt_bind_bytes(stmt, 2, node_id_bytes(self));
    if (!stmt_next(stmt, &row, err))
        return false;
    if (row && !stmt_copy(stmt, 0, ret->b, OID_BYTES))
        return err_set(err, ERR_IO, "a claim event cannot be read");
    *ret_found = row;
    return true;
}

static bool keep_salt(struct tx *tx, const struct claim_event *event, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "INSERT INTO claim_event_salt (oid, salt) VALUES (?1, ?2)", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&event->oid));
    stmt_bind_bytes(stmt, 2, event->salt);
    return stmt_run(stmt, err);
}

bool claim_event_add(struct tx *tx, const struct claim_event *event, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO claim_event (oid, claim_id, author, party, state, seq, prev, seen,"
                 " seen_seq, action, quantity, reason, until_s, waiting_list, created_s,"
                 " expires_s, contact_role, phone, pick_up, incarnation) VALUES (?1, ?2, ?3, ?4,"
                 " ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
                 err);
    if (!stmt)
        return false;
    static const uint8_t none[1];
    stmt_bind_bytes(stmt, 1, oid_bytes(&event->oid));
    stmt_bind_bytes(stmt, 2, oid_bytes(&event->claim_id));
    stmt_bind_bytes(stmt, 3, node_id_bytes(&event->author));
    stmt_bind_i64(stmt, 4, event->fact.party);
    stmt_bind_i64(stmt, 5, event->state);
    stmt_bind_i64(stmt, 6, (int64_t)event->seq);
    stmt_bind_bytes(stmt, 7, event->prev.len ? event->prev : bytes_of(none, 0));
    stmt_bind_bytes(stmt, 8, event->seen.len ? event->seen : bytes_of(none, 0));
    stmt_bind_i64(stmt, 9, event->fact.seen);
    stmt_bind_i64(stmt, 10, event->fact.action);
    stmt_bind_i64(stmt, 11, event->fact.quantity);
    stmt_bind_text(stmt, 12, event->fact.reason);
    stmt_bind_i64(stmt, 13, (int64_t)event->fact.until_s);
    stmt_bind_i64(stmt, 14, event->fact.waiting_list);
    stmt_bind_i64(stmt, 15, (int64_t)event->fact.created_s);
    stmt_bind_i64(stmt, 16, (int64_t)event->expires_s);
    stmt_bind_text(stmt, 17, event->contact_role);
    stmt_bind_text(stmt, 18, event->phone);
    stmt_bind_text(stmt, 19, event->pick_up);
    stmt_bind_i64(stmt, 20, event->incarnation ? event->incarnation : 1);
    return stmt_run(stmt, err) && (!event->salt.len || keep_salt(tx, event, err));
}

bool claim_event_lose(struct tx *tx, const struct oid *claim_id, enum claim_party party,
                      uint64_t seq, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *lose = stmt_get(tx->store,
                                 "UPDATE claim_event SET state = 4 WHERE claim_id = ?1"
                                 " AND party = ?2 AND seq >= ?3 AND state IN (1, 3)",
                                 err);
    AUTO(stmt_release)
    struct stmt *known = stmt_get(tx->store,
                                  "UPDATE claim_event SET seen_seq = ?3 - 1 WHERE claim_id = ?1"
                                  " AND party <> ?2 AND seen_seq >= ?3",
                                  err);
    if (!lose || !known)
        return false;
    struct stmt *both[] = {lose, known};
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        stmt_bind_bytes(both[i], 1, oid_bytes(claim_id));
        stmt_bind_i64(both[i], 2, party);
        stmt_bind_i64(both[i], 3, (int64_t)seq);
        if (!stmt_run(both[i], err))
            return err_wrap(err, "take lost steps out of a claim");
    }
    return true;
}

#define EVENT_COLUMNS                                                                           \
    "oid, claim_id, author, party, state, seq, prev, seen, seen_seq, action, quantity, reason," \
    " until_s, waiting_list, created_s, expires_s, contact_role, phone, pick_up, incarnation"

static bool read_event(struct stmt *stmt, struct arena *arena, struct claim_event *ret,
                       struct err *err)
{
    struct claim_event event = {
        .fact = {.party = (enum claim_party)stmt_i64(stmt, 3),
                 .seen = (uint32_t)stmt_i64(stmt, 8),
                 .action = (Maillon__Hfp__V1__ClaimAction)stmt_i64(stmt, 9),
                 .quantity = (uint32_t)stmt_i64(stmt, 10),
                 .until_s = (uint64_t)stmt_i64(stmt, 12),
                 .waiting_list = stmt_i64(stmt, 13) != 0,
                 .created_s = (uint64_t)stmt_i64(stmt, 14)},
        .state = (enum object_state)stmt_i64(stmt, 4),
        .seq = (uint64_t)stmt_i64(stmt, 5),
        .incarnation = (uint32_t)stmt_i64(stmt, 19),
        .expires_s = (uint64_t)stmt_i64(stmt, 15),
        .prev = arena_bytes(arena, stmt_bytes(stmt, 6)),
        .seen = arena_bytes(arena, stmt_bytes(stmt, 7)),
        .contact_role = arena_text(arena, stmt_text(stmt, 16)),
        .phone = arena_text(arena, stmt_text(stmt, 17)),
        .pick_up = arena_text(arena, stmt_text(stmt, 18)),
    };
    event.fact.refused = event.state == OBJECT_REFUSED;
    snprintf(event.fact.reason, sizeof(event.fact.reason), "%s", stmt_text(stmt, 11));
    if (!stmt_copy(stmt, 0, event.oid.b, OID_BYTES) ||
        !stmt_copy(stmt, 1, event.claim_id.b, OID_BYTES) ||
        !stmt_copy(stmt, 2, event.author.b, NODE_ID_BYTES))
        return err_set(err, ERR_IO, "a claim event cannot be read");
    *ret = event;
    return true;
}

bool claim_event_find(struct tx *tx, const struct oid *oid, bool *ret_found,
                      struct claim_event *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT " EVENT_COLUMNS " FROM claim_event WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    if (!stmt_next(stmt, &row, err) || (row && !read_event(stmt, tx->arena, ret, err)))
        return false;
    *ret_found = row;
    return true;
}

bool claim_event_pending(struct tx *tx, const struct oid *claim_id, const struct node_id *author,
                         uint64_t seq, bool *ret_found, struct claim_event *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT " EVENT_COLUMNS " FROM claim_event"
                                 " WHERE claim_id = ?1 AND author = ?2 AND seq = ?3 AND state = 2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(claim_id));
    stmt_bind_bytes(stmt, 2, node_id_bytes(author));
    stmt_bind_i64(stmt, 3, (int64_t)seq);
    if (!stmt_next(stmt, &row, err) || (row && !read_event(stmt, tx->arena, ret, err)))
        return false;
    *ret_found = row;
    return true;
}

bool claim_event_count_pending(struct tx *tx, const struct node_id *author, uint64_t *ret,
                               struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT count(*) FROM claim_event WHERE author = ?1 AND state = 2", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(author));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

bool claim_row_count(struct tx *tx, const uint8_t uid[UID_BYTES], const struct node_id *peer,
                     uint64_t *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT count(*) FROM claim WHERE uid = ?1 AND box = ?2 AND peer = ?3", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(uid, UID_BYTES));
    stmt_bind_i64(stmt, 2, CLAIM_IN);
    stmt_bind_bytes(stmt, 3, node_id_bytes(peer));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

bool claim_event_settle(struct tx *tx, const struct claim_event *event, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "UPDATE claim_event SET party = ?2, seen_seq = ?3, state = ?4 WHERE oid = ?1",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&event->oid));
    stmt_bind_i64(stmt, 2, event->fact.party);
    stmt_bind_i64(stmt, 3, event->fact.seen);
    stmt_bind_i64(stmt, 4, event->state);
    return stmt_run(stmt, err) && object_set_state(tx, &event->oid, event->state, err);
}

bool claim_event_drop(struct tx *tx, const struct claim_event *event, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM claim_event WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&event->oid));
    return stmt_run(stmt, err) && object_set_state(tx, &event->oid, OBJECT_REFUSED, err);
}

bool claim_event_forget(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM claim_event WHERE state = 2 AND expires_s < ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms / 1000 - OBJECT_EXPIRED_GRACE_S);
    return stmt_run(stmt, err);
}

void claim_chains_add(struct tx *tx, struct claim_chains *chains, const struct claim_event *event)
{
    struct arena *arena = tx->arena;
    size_t chain = claim_chain(event->fact.party), count = chains->count[chain]++;
    chains->facts[chain] = grown(arena, chains->facts[chain], count, sizeof(struct claim_fact));
    chains->oids[chain] = grown(arena, chains->oids[chain], count, sizeof(struct oid));
    chains->incarnations[chain] =
        grown(arena, chains->incarnations[chain], count, sizeof(uint32_t));
    chains->incarnations[chain][count] = event->incarnation ? event->incarnation : 1;
    chains->facts[chain][count] = event->fact;
    chains->oids[chain][count] = event->oid;
}

bool claim_row_has_waiting(struct tx *tx, const uint8_t uid[UID_BYTES], bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT 1 FROM claim WHERE uid = ?1 AND box = 1 AND state = 2 LIMIT 1", err);
    if (!stmt)
        return false;
    _Static_assert(CLAIM_WAITING == 2, "the waiting list is state 2");
    stmt_bind_bytes(stmt, 1, bytes_of(uid, UID_BYTES));
    return stmt_next(stmt, ret, err);
}

bool claim_chains_read(struct tx *tx, const struct oid *claim_id, struct claim_chains *ret,
                       struct err *err)
{
    bool row;
    struct claim_chains chains = {0};
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT " EVENT_COLUMNS " FROM claim_event WHERE claim_id = ?1 AND state IN (1, 3)"
                 " ORDER BY author, seq",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(claim_id));
    for (;;) {
        struct claim_event event;
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        if (!read_event(stmt, tx->arena, &event, err))
            return false;
        size_t chain = claim_chain(event.fact.party);
        if (chains.count[chain] == CLAIM_EVENTS_MAX)
            return err_set(err, ERR_LIMIT, "this claim has too many events");
        claim_chains_add(tx, &chains, &event);
    }
    *ret = chains;
    return true;
}

void claim_chains_fold(const struct claim_chains *chains, struct claim_view *ret)
{
    claim_fold(chains->facts[0], chains->count[0], chains->facts[1], chains->count[1], ret);
}
