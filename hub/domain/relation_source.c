/* Where relations come from, and what happens when that ends (R-AB-2). */
#include "hub/domain/audit.h"
#include "hub/domain/circle.h"
#include "hub/domain/relation_internal.h"

#include "hub/base/text.h"

bool relation_is_blocked(struct store *store, const struct node_id *node, bool *ret,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT 1 FROM peer WHERE node = ?1 AND ours = 'blocked'", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    return stmt_next(stmt, ret, err) || err_wrap(err, "ask whether a hub is blocked");
}

bool relation_is_muted(struct store *store, const struct node_id *node, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT 1 FROM peer WHERE node = ?1 AND (ours IN ('blocked',"
                                 " 'paused') OR (ours = 'accepted' AND switches & ?2 = 0))",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, SWITCH_NOTICES_IN);
    return stmt_next(stmt, ret, err) || err_wrap(err, "ask whether notices of a hub are taken");
}

/* Does what brought this relation about still hold? *ret_scope: the circle that does now. */
static bool source_holds(struct tx *tx, const struct relation *relation, bool *ret,
                         struct oid *ret_scope, struct err *err)
{
    struct node_id source;
    bool blocked;
    *ret = true;
    switch (relation->provenance) {
    case PROVENANCE_OWN:
    case PROVENANCE_INVITE:
        return true;
    case PROVENANCE_CIRCLE:
        return circle_auto_accepts(tx->store, &relation->node, ret, ret_scope, err);
    case PROVENANCE_INTRODUCED:
        memcpy(source.b, relation->provenance_id, NODE_ID_BYTES);
        if (!relation_is_blocked(tx->store, &source, &blocked, err))
            return false;
        *ret = !blocked;
        return true;
    }
    return true;
}

/* A hub whose request waits, and that a circle now lets in. */
static bool accept_by_circle(struct tx *tx, struct relation_row *row, struct err *err)
{
    bool accepts;
    struct oid scope;
    if (row->relation.theirs != DECISION_ACCEPTED)
        return true;
    if (!circle_auto_accepts(tx->store, &row->relation.node, &accepts, &scope, err))
        return false;
    if (!accepts)
        return true;
    relation_row_accept(tx, row, PROVENANCE_CIRCLE, oid_bytes(&scope));
    return relation_row_save(tx, row, err) &&
           relation_note(tx, "hub", "peer.accept", &row->relation.node, "accepted", err);
}

static bool review_row(struct tx *tx, struct relation_row *row, struct err *err)
{
    struct relation *relation = &row->relation;
    bool holds;
    struct oid scope;
    if (relation->ours == DECISION_WAITING)
        return accept_by_circle(tx, row, err);
    if (relation->ours != DECISION_ACCEPTED && relation->ours != DECISION_PAUSED)
        return true;
    if (!source_holds(tx, relation, &holds, &scope, err))
        return false;
    if (holds == (relation->suspended.ms == 0))
        return true;
    if (holds && relation->provenance == PROVENANCE_CIRCLE)
        memcpy(relation->provenance_id, scope.b, OID_BYTES);
    relation->suspended.ms = holds ? 0 : tx->now.ms;
    relation->suspension_over = false;
    return relation_row_save(tx, row, err) &&
           relation_note(tx, "hub", holds ? "peer.resume" : "peer.suspend", &relation->node,
                         holds ? "accepted" : "suspended", err);
}

bool relation_review(struct tx *tx, const struct node_id *node, struct err *err)
{
    struct relation_row row;
    bool found;
    if (!relation_row_find(tx->store, node, &found, &row, err))
        return false;
    return !found || review_row(tx, &row, err);
}

static bool list_nodes(struct tx *tx, const char *sql, int64_t number, struct node_id **ret,
                       size_t *ret_count, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, number);
    struct node_id *list = NULL;
    size_t count = 0, cap = 0;
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "look through the peers");
        if (!row)
            break;
        if (count == cap) {
            struct node_id *grown =
                arena_alloc(tx->arena, (cap = cap ? cap * 2 : 16) * sizeof(*list));
            if (count)
                memcpy(grown, list, count * sizeof(*list));
            list = grown;
        }
        if (stmt_copy(stmt, 0, list[count].b, NODE_ID_BYTES))
            count++;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool relation_review_all(struct tx *tx, struct err *err)
{
    struct node_id *list;
    size_t count;
    if (!list_nodes(tx,
                    "SELECT node FROM peer WHERE provenance IN ('circle', 'introduced')"
                    " OR suspended_ms > ?1 OR (ours = 'waiting' AND theirs = 'accepted')",
                    0, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!relation_review(tx, &list[i], err))
            return false;
    }
    return true;
}

bool relation_end_suspensions(struct tx *tx, struct err *err)
{
    struct node_id *list;
    size_t count;
    if (!list_nodes(tx,
                    "SELECT node FROM peer WHERE suspended_ms > 0 AND suspension_over = 0"
                    " AND suspended_ms <= ?1",
                    tx->now.ms - SUSPENSION_MS, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct relation_row row;
        if (!relation_row_get(tx->store, &list[i], &row, err))
            return false;
        row.relation.suspension_over = true;
        if (!relation_row_save(tx, &row, err) ||
            !relation_note(tx, "clock", "peer.suspension-over", &list[i], "suspended", err))
            return false;
    }
    if (!list_nodes(tx, "SELECT node FROM peer WHERE join_circle IS NOT NULL AND ?1 = 0", 0, &list,
                    &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!relation_ask_circle(tx, &list[i], err))
            return false;
    }
    return true;
}

bool relation_ask_circle(struct tx *tx, const struct node_id *node, struct err *err)
{
    struct relation_row row;
    uint8_t key[X25519_KEY_BYTES];
    struct err why = {0};
    bool in;
    if (!relation_row_get(tx->store, node, &row, err))
        return false;
    if (!row.relation.has_join_circle || !relation_is_accepted(&row.relation))
        return true;
    if (!relation_enc_key(tx->store, node, tx->now, key, &why))
        return why.code != ERR_IO || err_set(err, why.code, "%s", why.msg);
    struct oid scope = row.relation.join_circle;
    row.relation.has_join_circle = false;
    if (!relation_row_save(tx, &row, err))
        return false;
    if (circle_join(tx, &scope, node, "", &in, &why) || why.code != ERR_IO)
        return true; /* no room for another circle: the person sees it when asking again */
    *err = why;
    return false;
}

bool relation_ask_introduced(struct tx *tx, const struct node_id *node, const char *name,
                             const char *const *routes, size_t route_count,
                             const struct node_id *source, struct err *err)
{
    struct relation_row row = {.relation.node = *node};
    struct relation *relation = &row.relation;
    bool found;
    if (!relation_row_find(tx->store, node, &found, &row, err))
        return false;
    if (relation->ours == DECISION_BLOCKED)
        return err_set(err, ERR_CONFLICT, "this hub is blocked here: unblock it first");
    if (relation->ours == DECISION_ACCEPTED)
        return true;
    if (!found)
        text_copy(relation->name, sizeof(relation->name), name);
    if (relation->route_count == 0) {
        for (size_t i = 0; i < route_count && i < ARRAY_LEN(relation->routes); i++)
            text_copy(relation->routes[relation->route_count++], RELATION_ROUTE_MAX, routes[i]);
    }
    if (relation->theirs == DECISION_REFUSED || relation->theirs == DECISION_LEFT)
        relation->theirs = DECISION_NONE;
    relation_row_accept(tx, &row, PROVENANCE_INTRODUCED, node_id_bytes(source));
    return relation_row_save(tx, &row, err) &&
           relation_note(tx, tx->actor ? tx->actor : "hub", "peer.ask", node,
                         found ? "changed" : "created", err);
}
