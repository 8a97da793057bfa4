#include "hub/domain/audit_witness.h"

#include "hub/domain/authoring.h"
#include <stdio.h>

#define HEADS_KEPT    400 /* of one peer: a year of daily ones */
#define RESTORED_KEPT 100 /* alarms of one peer that its new incarnation settled */

const char *audit_alarm_name(enum audit_alarm_kind kind)
{
    switch (kind) {
    case AUDIT_SHRUNK:
        return "shrunk";
    case AUDIT_FORKED:
        return "forked";
    case AUDIT_RESTORED:
        return "restored";
    }
    return "";
}

/* ---- alarms ---- */

static bool run_for(struct tx *tx, const char *sql, const struct node_id *node, int64_t value,
                    struct err *err)
{
    return stmt_run_for_bytes(tx->store, sql, node_id_bytes(node), value, err);
}

_Static_assert(AUDIT_RESTORED == 3, "the number in is_noted: settled from the start");

static bool is_noted(struct store *store, const struct node_id *node, enum audit_alarm_kind kind,
                     struct bytes held, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT 1 FROM audit_alarm WHERE node = ?1 AND kind = ?2"
                                 " AND held = ?3 AND (settled_ms = 0 OR kind = 3)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, kind);
    stmt_bind_bytes(stmt, 3, held);
    return stmt_next(stmt, ret, err) || err_wrap(err, "find audit alarm");
}

bool audit_alarm_add(struct tx *tx, const struct node_id *node, enum audit_alarm_kind kind,
                     struct bytes held, struct bytes shown, struct bytes proof, struct err *err)
{
    bool noted;
    char id[NODE_ID_TEXT];
    if (!is_noted(tx->store, node, kind, held, &noted, err))
        return false;
    if (noted)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO audit_alarm (node, kind, held, shown, proof, at_ms, settled_ms)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, kind);
    stmt_bind_bytes(stmt, 3, held);
    stmt_bind_bytes(stmt, 4, shown.len ? shown : (struct bytes){0});
    stmt_bind_bytes(stmt, 5, proof.len ? proof : (struct bytes){0});
    stmt_bind_i64(stmt, 6, tx->now.ms);
    stmt_bind_i64(stmt, 7, kind == AUDIT_RESTORED ? tx->now.ms : 0);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "note audit alarm");
    /* Every incarnation of a peer adds one, and only the peer says how many it has. */
    if (kind == AUDIT_RESTORED &&
        !run_for(tx,
                 "DELETE FROM audit_alarm WHERE node = ?1 AND kind = 3 AND id <= (SELECT id FROM"
                 " audit_alarm WHERE node = ?1 AND kind = 3 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                 node, RESTORED_KEPT, err))
        return false;
    if (kind != AUDIT_RESTORED)
        COUNT(tx->counters, audit_alarms, 1);
    return tx_event(tx, "audit", node_id_text(node, id), audit_alarm_name(kind), err);
}

bool audit_alarms(struct store *store, struct arena *arena, size_t limit, struct audit_alarm **ret,
                  size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT id, node, kind, held, shown, proof, at_ms, settled_ms FROM audit_alarm"
                 " ORDER BY id DESC LIMIT ?1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, (int64_t)limit);
    struct audit_alarm *alarms = arena_alloc(arena, (limit + 1) * sizeof(*alarms));
    size_t count = 0;
    for (bool row; count < limit; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read audit alarms");
        if (!row)
            break;
        struct audit_alarm *alarm = &alarms[count];
        *alarm = (struct audit_alarm){.id = stmt_i64(stmt, 0),
                                      .kind = (enum audit_alarm_kind)stmt_i64(stmt, 2),
                                      .held = arena_bytes(arena, stmt_bytes(stmt, 3)),
                                      .shown = arena_bytes(arena, stmt_bytes(stmt, 4)),
                                      .proof = arena_bytes(arena, stmt_bytes(stmt, 5)),
                                      .at_ms = stmt_i64(stmt, 6),
                                      .settled_ms = stmt_i64(stmt, 7)};
        if (!stmt_copy(stmt, 1, alarm->node.b, sizeof(alarm->node.b)))
            return err_set(err, ERR_IO, "an audit alarm is damaged");
    }
    *ret = alarms;
    *ret_count = count;
    return true;
}

bool audit_warning(struct store *store, char ret[200], struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT count(DISTINCT node) FROM audit_alarm WHERE settled_ms = 0", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    int64_t count = row ? stmt_i64(stmt, 0) : 0;
    ret[0] = '\0';
    if (count > 0)
        snprintf(ret, 200,
                 "%lld audit log%s do%s not match what was signed before: see hubctl audit list",
                 (long long)count, count == 1 ? "" : "s", count == 1 ? "es" : "");
    return true;
}

bool audit_settle(struct tx *tx, const struct node_id *node, struct err *err)
{
    if (!run_for(tx, "UPDATE audit_alarm SET settled_ms = ?2 WHERE node = ?1 AND settled_ms = 0",
                 node, tx->now.ms, err))
        return false;
    if (!store_changes(tx->store))
        return err_set(err, ERR_UNKNOWN, "there is no audit alarm about this hub to settle");
    return run_for(tx, "DELETE FROM witness_head WHERE node = ?1 AND id >= ?2", node, 0, err);
}

bool audit_settle_restored(struct tx *tx, struct err *err)
{
    struct audit_alarm *alarms;
    size_t count;
    uint32_t incarnation;
    char warning[200];
    if (!audit_warning(tx->store, warning, err))
        return false;
    if (!warning[0]) /* nearly always */
        return true;
    if (!authoring_incarnation(tx->store, &incarnation, err) ||
        !audit_alarms(tx->store, tx->arena, 100, &alarms, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        struct audit_head held;
        struct err bad = {0};
        if (alarms[i].settled_ms || !node_id_equal(&alarms[i].node, identity_node(tx->self)) ||
            !audit_head_open(alarms[i].held, tx->arena, &held, &bad) ||
            held.incarnation >= incarnation)
            continue;
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(tx->store, "UPDATE audit_alarm SET settled_ms = ?2 WHERE id = ?1", err);
        if (!stmt)
            return false;
        stmt_bind_i64(stmt, 1, alarms[i].id);
        stmt_bind_i64(stmt, 2, tx->now.ms);
        if (!stmt_run(stmt, err))
            return err_wrap(err, "settle an audit alarm");
    }
    return true;
}

/* ---- heads of peers ---- */

bool witness_held(struct store *store, struct arena *arena, const struct node_id *node,
                  bool *ret_found, struct audit_head *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT bytes FROM witness_head WHERE node = ?1 ORDER BY id DESC LIMIT 1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    if (!stmt_next(stmt, ret_found, err))
        return err_wrap(err, "find the head of a peer");
    struct err bad = {0};
    return !*ret_found ||
           audit_head_open(arena_bytes(arena, stmt_bytes(stmt, 0)), arena, ret, &bad) ||
           err_set(err, ERR_IO, "a stored head of a peer is damaged");
}

static bool keep(struct tx *tx, const struct audit_head *head, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO witness_head (node, oid, size, at_ms, bytes)"
                                 " VALUES (?1, ?2, ?3, ?4, ?5)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&head->node));
    stmt_bind_bytes(stmt, 2, oid_bytes(&head->oid));
    stmt_bind_i64(stmt, 3, (int64_t)head->size);
    stmt_bind_i64(stmt, 4, tx->now.ms);
    stmt_bind_bytes(stmt, 5, head->bytes);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "keep the head of a peer");
    COUNT(tx->counters, audit_witnessed, 1);
    return run_for(tx,
                   "DELETE FROM witness_head WHERE node = ?1 AND id <= (SELECT id FROM"
                   " witness_head WHERE node = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                   &head->node, HEADS_KEPT, err);
}

static bool contradicts(struct tx *tx, const struct audit_head *held, const struct audit_head *head,
                        enum audit_alarm_kind kind, const struct merkle_proof *proof,
                        enum witness_verdict *ret, struct err *err)
{
    bool restored = head->incarnation > held->incarnation;
    *ret = restored ? WITNESS_TAKEN : WITNESS_ALARM;
    return audit_alarm_add(tx, &head->node, restored ? AUDIT_RESTORED : kind, held->bytes,
                           head->bytes,
                           bytes_of(proof->path, proof->count * sizeof(proof->path[0])), err) &&
           /* A restored hub begins anew, and what it seemed to do before is explained. */
           (!restored ||
            (run_for(tx,
                     "UPDATE audit_alarm SET settled_ms = ?2 WHERE node = ?1 AND settled_ms = 0",
                     &head->node, tx->now.ms, err) &&
             keep(tx, head, err)));
}

bool witness_take(struct tx *tx, const struct audit_head *head, uint64_t from,
                  const struct merkle_proof *proof, bool final, enum witness_verdict *ret,
                  struct err *err)
{
    struct audit_head held;
    bool found;
    *ret = WITNESS_TAKEN;
    if (!witness_held(tx->store, tx->arena, &head->node, &found, &held, err))
        return false;
    if (!found)
        return keep(tx, head, err);
    if (oid_equal(&held.oid, &head->oid)) {
        *ret = WITNESS_KNOWN;
        return true;
    }
    if (head->size < held.size || head->incarnation < held.incarnation)
        return contradicts(tx, &held, head, AUDIT_SHRUNK, proof, ret, err);
    if (head->seq == held.seq && head->incarnation == held.incarnation)
        return contradicts(tx, &held, head, AUDIT_FORKED, proof, ret, err);
    if (held.size == 0 || merkle_consistent(held.size, &held.root, head->size, &head->root,
                                            proof->path, from == held.size ? proof->count : 0))
        return keep(tx, head, err);
    if (from != held.size && head->size != held.size && !final) {
        *ret = WITNESS_NEED_PROOF;
        return true;
    }
    return contradicts(tx, &held, head, AUDIT_FORKED, proof, ret, err);
}

bool witness_compare_own(struct tx *tx, const struct audit_head *shown, bool *ret_ours,
                         struct err *err)
{
    struct audit_head known;
    struct merkle tree;
    struct merkle_hash root;
    uint64_t size;
    uint32_t incarnation;
    if (!audit_head_find(tx->store, tx->arena, &shown->oid, ret_ours, &known, err) ||
        !audit_size(tx->store, &size, err) || !authoring_incarnation(tx->store, &incarnation, err))
        return false;
    if (shown->size <= size) {
        if (!audit_tree(tx->store, shown->size, &tree, err))
            return false;
        merkle_root(&tree, &root);
        if (merkle_hash_equal(&root, &shown->root))
            return true; /* also when the row of the head is gone */
    }
    *ret_ours = false;
    enum audit_alarm_kind kind = shown->incarnation < incarnation ? AUDIT_RESTORED
                                 : shown->size > size             ? AUDIT_SHRUNK
                                                                  : AUDIT_FORKED;
    return audit_alarm_add(tx, identity_node(tx->self), kind, shown->bytes, (struct bytes){0},
                           (struct bytes){0}, err);
}
