/* Takes charters and membership events that have all their signatures into the circle. */
#include "hub/crypto/wire.h"
#include "hub/domain/circle_row.h"
#include "hub/domain/relation.h"

#define CHANGE(name) MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_##name
#define CHAIN_MAX    100000                   /* no loop can be longer: each step is another oid */
#define CHARTERS_MAX 1000                     /* of one circle */
#define STRANGE_MAX  (4 * CIRCLE_MEMBERS_MAX) /* events of a circle nobody here has chosen */
#define LEAVES_MAX   4                        /* of one member and term: one is enough */

static bool has_steward(const Maillon__Hfp__V1__Charter *charter, struct bytes node)
{
    for (size_t i = 0; i < charter->n_steward; i++) {
        if (bytes_equal(wire_bytes(charter->steward[i]), node))
            return true;
    }
    return false;
}

/* Are there more rows than `number`? ?2: a member, NULL: not asked for. */
static bool has_more(struct tx *tx, const char *sql, int64_t circle, const struct node_id *member,
                     int64_t number, bool *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    if (member)
        stmt_bind_bytes(stmt, 2, node_id_bytes(member));
    stmt_bind_i64(stmt, 3, number);
    return stmt_next(stmt, ret, err) || err_wrap(err, "count what a circle has");
}

/* ---- charters ---- */

static bool next_charter(struct tx *tx, int64_t circle, const struct oid *after, bool *ret_found,
                         struct oid *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT oid FROM circle_charter WHERE circle = ?1 AND prev = ?2"
                                 " ORDER BY oid LIMIT 1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, oid_bytes(after));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "walk the charters");
    *ret_found = row && stmt_copy(stmt, 0, ret->b, OID_BYTES);
    return true;
}

static bool put_in_chain(struct tx *tx, int64_t circle, const struct oid *oid, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "UPDATE circle_charter SET in_chain = 1 WHERE circle = ?1 AND oid = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, oid_bytes(oid));
    return stmt_run(stmt, err);
}

/** Walks from the first charter along the lowest oids; the last is in force. */
static bool walk_chain(struct tx *tx, struct circle *circle, struct err *err)
{
    struct oid at = circle->scope, next;
    uint64_t seq = 1;
    bool found = true;
    if (!stmt_run_for(tx->store, "UPDATE circle_charter SET in_chain = 0 WHERE circle = ?1",
                      circle->id, err))
        return false;
    for (unsigned steps = 0; found && steps < CHAIN_MAX; steps++) {
        if (!put_in_chain(tx, circle->id, &at, err) ||
            !next_charter(tx, circle->id, &at, &found, &next, err))
            return false;
        if (found) {
            at = next;
            seq++;
        }
    }
    if (circle->founded && oid_equal(&at, &circle->charter))
        return true;
    Maillon__Hfp__V1__Charter *charter;
    if (!circle_charter_get(tx->store, tx->arena, &at, &charter, err))
        return false;
    circle_row_fill(circle, charter);
    circle->charter = at;
    circle->charter_seq = seq;
    circle->founded = true;
    return circle_row_save(tx, circle, err) && circle_recount(tx, circle->id, 0, err) &&
           circle_fold(tx, circle, NULL, err) && relation_review_all(tx, err) &&
           circle_note(tx, circle, "charter", err);
}

static bool find_charter(struct tx *tx, int64_t circle, const struct oid *oid, bool *ret_found,
                         uint64_t *ret_seq, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "SELECT seq FROM circle_charter WHERE oid = ?2 AND circle = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, oid_bytes(oid));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find a charter");
    *ret_found = row;
    *ret_seq = row ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

static bool add_charter(struct tx *tx, struct circle *circle, const struct envelope *envelope,
                        const Maillon__Hfp__V1__Charter *charter, struct err *err)
{
    const Maillon__Hfp__V1__Head *head = charter->head;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO circle_charter (oid, circle, seq, prev, stewards,"
                                 " in_chain) VALUES (?1, ?2, ?3, ?4, ?5, 0)"
                                 " ON CONFLICT (oid) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    struct bytes prev = head->prev.len ? wire_bytes(head->prev) : BYTES_LITERAL("");
    stmt_bind_bytes(stmt, 1, oid_bytes(&envelope->oid));
    stmt_bind_i64(stmt, 2, circle->id);
    stmt_bind_i64(stmt, 3, (int64_t)head->seq);
    stmt_bind_bytes(stmt, 4, prev);
    AUTO(buf_done) struct buf stewards = {0};
    for (size_t i = 0; i < charter->n_steward; i++)
        buf_add_bytes(&stewards, wire_bytes(charter->steward[i]));
    stmt_bind_bytes(stmt, 5, buf_bytes(&stewards));
    return stmt_run(stmt, err) && walk_chain(tx, circle, err);
}

/* The first one: its own stewards sign it. */
static bool take_first(struct tx *tx, const struct envelope *envelope,
                       const Maillon__Hfp__V1__Charter *charter, enum circle_taken *ret,
                       struct err *err)
{
    struct circle circle = {.scope = envelope->oid, .charter = envelope->oid};
    uint32_t signatures;
    bool found;
    *ret = CIRCLE_EARLY;
    if (!circle_count_stewards(tx, charter, envelope, &signatures, NULL, NULL, err))
        return false;
    if (signatures < charter->threshold)
        return true;
    if (!circle_find(tx->store, &circle.scope, &found, &circle, err))
        return false;
    if (!found) {
        struct err why = {0};
        circle_row_fill(&circle, charter);
        if (!circle_row_save(tx, &circle, &why)) {
            *ret = CIRCLE_EARLY; /* no room for another circle now */
            return why.code == ERR_LIMIT || err_set(err, why.code, "%s", why.msg);
        }
    }
    *ret = CIRCLE_TAKEN;
    return circle.founded || add_charter(tx, &circle, envelope, charter, err);
}

bool circle_take_charter(struct tx *tx, const struct envelope *envelope,
                         const Maillon__Hfp__V1__Charter *charter, enum circle_taken *ret,
                         struct err *err)
{
    const Maillon__Hfp__V1__Head *head = charter->head;
    struct circle circle;
    struct oid scope, prev;
    bool found;
    uint64_t prev_seq, unused;
    if (head->stream.len == 0)
        return take_first(tx, envelope, charter, ret, err);
    *ret = CIRCLE_BAD;
    if (!oid_from(wire_bytes(head->scope), &scope) || !oid_from(wire_bytes(head->prev), &prev))
        return true;
    *ret = CIRCLE_EARLY;
    if (!circle_find(tx->store, &scope, &found, &circle, err))
        return false;
    if (!found || !circle.founded)
        return true;
    if (!find_charter(tx, circle.id, &prev, &found, &prev_seq, err))
        return false;
    if (!found)
        return true;
    Maillon__Hfp__V1__Charter *before;
    uint32_t signatures;
    if (!circle_charter_get(tx->store, tx->arena, &prev, &before, err) ||
        !circle_count_stewards(tx, before, envelope, &signatures, NULL, NULL, err))
        return false;
    if (head->seq != prev_seq + 1 || !has_steward(before, wire_bytes(head->node))) {
        *ret = CIRCLE_BAD;
        return true;
    }
    if (signatures < before->threshold)
        return true;
    bool full;
    if (!find_charter(tx, circle.id, &envelope->oid, &found, &unused, err) ||
        !has_more(tx, "SELECT 1 FROM circle_charter WHERE circle = ?1 LIMIT 1 OFFSET ?3", circle.id,
                  NULL, CHARTERS_MAX - 1, &full, err))
        return false;
    *ret = full && !found ? CIRCLE_EARLY : CIRCLE_TAKEN;
    return found || full || add_charter(tx, &circle, envelope, charter, err);
}

/* ---- membership events ---- */

/* Signed by enough stewards of the charter it names? */
static bool judge(struct tx *tx, const struct circle *circle, const struct envelope *envelope,
                  const Maillon__Hfp__V1__Membership *event, enum circle_taken *ret,
                  struct err *err)
{
    struct oid charter_oid;
    Maillon__Hfp__V1__Charter *charter;
    bool found;
    uint64_t seq;
    uint32_t signatures;
    *ret = CIRCLE_TAKEN;
    if (event->change == CHANGE(LEAVE))
        return true; /* membership_check: by the member; its signature was verified */
    *ret = CIRCLE_BAD;
    if (!oid_from(wire_bytes(event->charter), &charter_oid))
        return true;
    if (!find_charter(tx, circle->id, &charter_oid, &found, &seq, err))
        return false;
    *ret = CIRCLE_EARLY;
    if (!found)
        return true;
    if (!circle_charter_get(tx->store, tx->arena, &charter_oid, &charter, err) ||
        !circle_count_stewards(tx, charter, envelope, &signatures, NULL, NULL, err))
        return false;
    if (!has_steward(charter, wire_bytes(event->head->node)))
        *ret = CIRCLE_BAD;
    else if (signatures >= charter->threshold)
        *ret = CIRCLE_TAKEN;
    return true;
}

static bool add_event(struct tx *tx, const struct circle *circle, const struct envelope *envelope,
                      const Maillon__Hfp__V1__Membership *event, int64_t *ret_id, struct err *err)
{
    const Maillon__Hfp__V1__Head *head = event->head;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO circle_event (oid, circle, member, term, change,"
                                 " author, seq, charter, counts, name, created_s, expires_s)"
                                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, ?9, ?10, ?11)",
                                 err);
    if (!stmt)
        return false;
    struct bytes charter = event->charter.len ? wire_bytes(event->charter) : BYTES_LITERAL("");
    stmt_bind_bytes(stmt, 1, oid_bytes(&envelope->oid));
    stmt_bind_i64(stmt, 2, circle->id);
    stmt_bind_bytes(stmt, 3, wire_bytes(event->member));
    stmt_bind_i64(stmt, 4, (int64_t)event->term);
    stmt_bind_i64(stmt, 5, event->change);
    stmt_bind_bytes(stmt, 6, wire_bytes(head->node));
    stmt_bind_i64(stmt, 7, (int64_t)head->seq);
    stmt_bind_bytes(stmt, 8, charter);
    stmt_bind_text(stmt, 9, event->name);
    stmt_bind_i64(stmt, 10, (int64_t)head->created_s);
    stmt_bind_i64(stmt, 11, (int64_t)head->expires_s);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "store a membership event");
    *ret_id = store_last_id(tx->store);
    return true;
}

static bool add_bounds(struct tx *tx, int64_t event_id, const Maillon__Hfp__V1__Membership *event,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO circle_bound (event, type, seq) VALUES (?1, ?2, ?3)"
                                 " ON CONFLICT (event, type) DO UPDATE SET seq ="
                                 " CASE WHEN excluded.seq < circle_bound.seq THEN excluded.seq"
                                 " ELSE circle_bound.seq END",
                                 err);
    if (!stmt)
        return false;
    for (size_t i = 0; i < event->n_last; i++) {
        stmt_bind_i64(stmt, 1, event_id);
        stmt_bind_text(stmt, 2, event->last[i]->type);
        stmt_bind_i64(stmt, 3, (int64_t)event->last[i]->seq);
        if (!stmt_run(stmt, err))
            return err_wrap(err, "store a membership event");
        stmt_reset(stmt);
    }
    return true;
}

static bool is_stored(struct tx *tx, const struct oid *oid, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT 1 FROM circle_event WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    return stmt_next(stmt, ret, err);
}

/*
 * What fills the set of a circle would keep a removal out of it. Stewards answer for what they
 * sign; a LEAVE needs nobody else's word, so it must end a term there was, and few end one.
 */
static bool has_room(struct tx *tx, const struct circle *circle,
                     const Maillon__Hfp__V1__Membership *event, const struct node_id *member,
                     const struct circle_standing *standing, bool *ret, struct err *err)
{
    bool full = false;
    *ret = true;
    if (event->change == CHANGE(LEAVE)) {
        uint64_t last = standing->added ? standing->added : 1;
        *ret = event->term <= last && (standing->is_in || standing->added || standing->ended);
        if (*ret && !has_more(tx,
                              "SELECT 1 FROM circle_event WHERE circle = ?1 AND member = ?2"
                              " AND change = 3 LIMIT 1 OFFSET ?3",
                              circle->id, member, (int64_t)(LEAVES_MAX * last) - 1, &full, err))
            return false;
    } else if (circle->ours != CIRCLE_MEMBER && !node_id_equal(member, identity_node(tx->self))) {
        if (!has_more(tx, "SELECT 1 FROM circle_event WHERE circle = ?1 LIMIT 1 OFFSET ?3",
                      circle->id, NULL, STRANGE_MAX - 1, &full, err))
            return false;
    }
    *ret = *ret && !full;
    return true;
}

bool circle_take_membership(struct tx *tx, const struct envelope *envelope,
                            const Maillon__Hfp__V1__Membership *event, enum circle_taken *ret,
                            struct err *err)
{
    struct circle circle;
    struct circle_standing standing;
    struct node_id member;
    struct oid scope;
    bool found;
    int64_t id = 0;
    *ret = CIRCLE_BAD;
    if (!oid_from(wire_bytes(event->head->scope), &scope) ||
        !node_id_from(wire_bytes(event->member), &member))
        return true;
    *ret = CIRCLE_EARLY;
    if (!circle_find(tx->store, &scope, &found, &circle, err))
        return false;
    if (!found || !circle.founded)
        return true;
    if (!judge(tx, &circle, envelope, event, ret, err) || *ret != CIRCLE_TAKEN)
        return err->code == ERR_NONE;
    if (!is_stored(tx, &envelope->oid, &found, err))
        return false;
    if (found)
        return true;
    if (!circle_standing(tx->store, circle.id, &member, &standing, err))
        return false;
    if (event->change == CHANGE(ADD) && !standing.is_in &&
        circle.member_count >= CIRCLE_MEMBERS_MAX) {
        *ret = CIRCLE_EARLY; /* section 14: no more than 5,000, until somebody leaves */
        return true;
    }
    if (!has_room(tx, &circle, event, &member, &standing, &found, err))
        return false;
    if (!found) {
        *ret = CIRCLE_EARLY;
        return true;
    }
    return add_event(tx, &circle, envelope, event, &id, err) && add_bounds(tx, id, event, err) &&
           circle_recount(tx, circle.id, id, err) && circle_fold(tx, &circle, &member, err);
}
