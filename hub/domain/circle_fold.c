/*
 * What charters and membership events add up to. Everything here is a function of the set of
 * objects, not of the order in which they came (F33): the chain of charters follows `prev`, the
 * lowest oid at a fork; a member is in when the highest term that was added is higher than the
 * highest that was ended.
 */
#include "hub/crypto/wire.h"
#include "hub/domain/circle_row.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/relation.h"

#define CHANGE(name) MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_##name

/* ---- signatures ---- */

bool circle_keys(struct tx *tx, const struct node_id *node, bool *ret_found, struct kel *ret,
                 struct err *err)
{
    if (node_id_equal(node, identity_node(tx->self))) {
        *ret = *identity_kel(tx->self);
        *ret_found = true;
        return true;
    }
    return node_keys_read(tx->store, node, ret_found, ret, err);
}

bool circle_count_stewards(struct tx *tx, const Maillon__Hfp__V1__Charter *charter,
                           const struct envelope *envelope, uint32_t *ret, struct node_id *ret_node,
                           size_t *ret_sig, struct err *err)
{
    bool used[SIGNED_SIGS_MAX] = {false};
    uint32_t count = 0;
    for (size_t i = 0; i < charter->n_steward; i++) {
        struct node_id node;
        struct kel kel;
        bool found;
        if (!node_id_from(wire_bytes(charter->steward[i]), &node))
            continue;
        if (!circle_keys(tx, &node, &found, &kel, err))
            return false;
        for (size_t s = 0; found && s < envelope->sig_count; s++) {
            struct envelope one = *envelope;
            one.sigs[0] = envelope->sigs[s];
            one.sig_count = 1;
            if (used[s] || !kel_verify(&kel, &one, NULL))
                continue;
            used[s] = true;
            if (ret_node)
                ret_node[count] = node;
            if (ret_sig)
                ret_sig[count] = s;
            count++;
            break;
        }
    }
    *ret = count;
    return true;
}

/* ---- which events count ---- */

struct chain_link {
    struct oid oid;
    int64_t seq;
};

static bool read_chain(struct tx *tx, int64_t circle, struct chain_link **ret, size_t *ret_count,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT oid, seq FROM circle_charter WHERE circle = ?1"
                                 " AND in_chain = 1 ORDER BY seq",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    struct chain_link *list = NULL;
    size_t count = 0, cap = 0;
    for (bool row;; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read charters");
        if (!row)
            break;
        if (count == cap) {
            cap = cap ? cap * 2 : 8;
            struct chain_link *grown = arena_alloc(tx->arena, cap * sizeof(*list));
            if (count)
                memcpy(grown, list, count * sizeof(*list));
            list = grown;
        }
        if (!stmt_copy(stmt, 0, list[count].oid.b, OID_BYTES))
            return err_set(err, ERR_IO, "a charter row cannot be read");
        list[count].seq = stmt_i64(stmt, 1);
    }
    *ret = list;
    *ret_count = count;
    return true;
}

/* A steward of an older charter cannot go on with it after the charter that ended it. */
static bool discount(struct tx *tx, int64_t circle, int64_t before_seq,
                     const Maillon__Hfp__V1__StewardEnd *end, int64_t event, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "UPDATE circle_event SET counts = 0 WHERE circle = ?1 AND author = ?2"
                 " AND seq > ?3 AND change <> 3 AND (?5 = 0 OR id = ?5) AND charter IN"
                 " (SELECT oid FROM circle_charter WHERE circle = ?1 AND seq < ?4)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, wire_bytes(end->node));
    stmt_bind_i64(stmt, 3, end->last_seq > INT64_MAX ? INT64_MAX : (int64_t)end->last_seq);
    stmt_bind_i64(stmt, 4, before_seq);
    stmt_bind_i64(stmt, 5, event);
    return stmt_run(stmt, err);
}

bool circle_recount(struct tx *tx, int64_t circle, int64_t event, struct err *err)
{
    struct chain_link *chain = NULL;
    size_t count = 0;
    if (!stmt_run_for_two(tx->store,
                          "UPDATE circle_event SET counts = CASE WHEN change = 3 OR charter IN"
                          " (SELECT oid FROM circle_charter WHERE circle = ?1 AND in_chain = 1)"
                          " THEN 1 ELSE 0 END WHERE circle = ?1 AND (?2 = 0 OR id = ?2)",
                          circle, event, err) ||
        !read_chain(tx, circle, &chain, &count, err))
        return false;
    for (size_t i = 1; i < count; i++) {
        Maillon__Hfp__V1__Charter *charter;
        if (!circle_charter_get(tx->store, tx->arena, &chain[i].oid, &charter, err))
            return false;
        for (size_t n = 0; n < charter->n_ended; n++) {
            if (!discount(tx, circle, chain[i].seq, charter->ended[n], event, err))
                return false;
        }
    }
    return true;
}

/* ---- who is in ---- */

struct fold {
    int64_t added, ended, since_s, expires_s;
    char *name;
};

static bool read_fold(struct tx *tx, int64_t circle, const struct node_id *member, struct fold *ret,
                      struct err *err)
{
    *ret = (struct fold){.name = arena_text(tx->arena, "")};
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT change, term, name, created_s, expires_s"
                                 " FROM circle_event WHERE circle = ?1 AND member = ?2"
                                 " AND counts = 1 ORDER BY term, oid DESC",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, node_id_bytes(member));
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "add up a membership");
        if (!row)
            return true;
        int64_t term = stmt_i64(stmt, 1);
        if (stmt_i64(stmt, 0) != CHANGE(ADD)) {
            ret->ended = term; /* rows come by rising term */
            continue;
        }
        ret->added = term; /* of several ADDs of one term the lowest oid names it */
        ret->name = arena_text(tx->arena, stmt_text(stmt, 2));
        ret->since_s = stmt_i64(stmt, 3);
        ret->expires_s = stmt_i64(stmt, 4);
    }
}

static bool save_fold(struct tx *tx, int64_t circle, const struct node_id *member,
                      const struct fold *fold, bool is_in, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO circle_member (circle, node, is_in, added, ended, name, since_s,"
                 " expires_s) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                 " ON CONFLICT (circle, node) DO UPDATE SET is_in = excluded.is_in,"
                 " added = excluded.added, ended = excluded.ended, name = excluded.name,"
                 " since_s = excluded.since_s, expires_s = excluded.expires_s",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, node_id_bytes(member));
    stmt_bind_i64(stmt, 3, is_in);
    stmt_bind_i64(stmt, 4, fold->added);
    stmt_bind_i64(stmt, 5, fold->ended);
    stmt_bind_text(stmt, 6, fold->name);
    stmt_bind_i64(stmt, 7, fold->since_s);
    stmt_bind_i64(stmt, 8, fold->expires_s);
    return stmt_run(stmt, err) || err_wrap(err, "store a member");
}

/* Our own standing: a person here has the last word on being in (F4), the stewards on being out. */
static bool set_ours(struct tx *tx, struct circle *circle, bool is_in, struct err *err)
{
    enum circle_ours ours = circle->ours;
    if (is_in && ours == CIRCLE_ASKED)
        ours = CIRCLE_MEMBER;
    else if (is_in && ours != CIRCLE_MEMBER)
        ours = CIRCLE_INVITED;
    else if (!is_in && ours != CIRCLE_LEFT)
        ours = CIRCLE_REMOVED;
    if (ours == circle->ours)
        return true;
    circle->ours = ours;
    return circle_row_save(tx, circle, err) && relation_review_all(tx, err) &&
           circle_note(tx, circle, circle_ours_name(ours), err);
}

/* Who was a steward is a member until it leaves or is removed, also when it is none any more. */
static bool was_steward(struct tx *tx, const struct circle *circle, const struct node_id *node,
                        bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT 1 FROM circle_charter WHERE circle = ?1 AND in_chain = 1"
                                 " AND instr(stewards, ?2) > 0 LIMIT 1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle->id);
    stmt_bind_bytes(stmt, 2, node_id_bytes(node));
    return stmt_next(stmt, ret, err) || err_wrap(err, "look through the stewards");
}

static bool fold_one(struct tx *tx, struct circle *circle, const struct node_id *member,
                     struct err *err)
{
    struct fold fold;
    struct circle_standing before;
    if (!circle_standing(tx->store, circle->id, member, &before, err) ||
        !read_fold(tx, circle->id, member, &fold, err))
        return false;
    bool steward = false;
    if (!fold.added && !fold.ended && !was_steward(tx, circle, member, &steward, err))
        return false;
    bool is_in = fold.added > fold.ended || steward;
    if (!is_in && !before.is_in && !fold.added && !fold.ended)
        return true;
    if (!save_fold(tx, circle->id, member, &fold, is_in, err))
        return false;
    if (is_in == before.is_in)
        return true;
    tx_effect(tx, EFFECT_RELATION, member, 0);
    if (node_id_equal(member, identity_node(tx->self)))
        return set_ours(tx, circle, is_in, err);
    return relation_review(tx, member, err);
}

static bool list_all(struct tx *tx, const struct circle *circle, struct node_id **ret,
                     size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT node FROM circle_member WHERE circle = ?1 UNION"
                                 " SELECT member FROM circle_event WHERE circle = ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle->id);
    struct node_id *list = NULL;
    size_t count = 0, cap = 0;
    for (bool row = true; row;) {
        if (count + CIRCLE_STEWARDS_MAX >= cap) {
            cap = cap ? cap * 2 : 64;
            struct node_id *grown = arena_alloc(tx->arena, cap * sizeof(*list));
            if (count)
                memcpy(grown, list, count * sizeof(*list));
            list = grown;
        }
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list the members of a circle");
        if (row && stmt_copy(stmt, 0, list[count].b, NODE_ID_BYTES))
            count++;
    }
    for (size_t i = 0; i < circle->steward_count; i++)
        list[count++] = circle->steward[i];
    *ret = list;
    *ret_count = count;
    return true;
}

bool circle_fold(struct tx *tx, struct circle *circle, const struct node_id *member,
                 struct err *err)
{
    if (member)
        return fold_one(tx, circle, member, err);
    struct node_id *list = NULL;
    size_t count = 0;
    if (!list_all(tx, circle, &list, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!fold_one(tx, circle, &list[i], err))
            return false;
    }
    return true;
}
