/*
 * Changes that several stewards must sign (R-AB-1): one body, signatures collected from letters
 * until there are enough; whoever gets the last one puts the object together. A body has one oid
 * whatever its signatures, so an object with too few is never stored under it.
 */
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/authoring.h"
#include "hub/domain/circle_row.h"
#include "hub/domain/gossip.h"
#include "hub/domain/object.h"
#include "hub/domain/relation.h"

#include "hub/base/text.h"
#include "maillon/hfp/v1/object.pb-c.h"

#define CHANGE(name)     MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_##name
#define PROPOSALS_MAX    256 /* of one circle */
#define PROPOSAL_LIFE_MS (30LL * 86400000)
#define TICK_MS          3600000
#define HINT_BYTES       8
#define WHAT_BYTES       256

/** A change, opened. `charter` or `event` is set. */
struct opened_change {
    struct envelope envelope;
    const Maillon__Hfp__V1__Charter *charter;
    const Maillon__Hfp__V1__Membership *event;
    const Maillon__Hfp__V1__Head *head;
    struct node_id author;
};

static bool open_change(struct arena *arena, struct bytes bytes, struct opened_change *ret,
                        struct err *err)
{
    *ret = (struct opened_change){0};
    if (!envelope_open(bytes, arena, &ret->envelope, err))
        return false;
    if (strcmp(ret->envelope.type, TYPE_CHARTER) == 0) {
        ret->charter =
            wire_unpack(&maillon__hfp__v1__charter__descriptor, ret->envelope.body, arena, err);
        ret->head = ret->charter ? ret->charter->head : NULL;
    } else {
        ret->event =
            wire_unpack(&maillon__hfp__v1__membership__descriptor, ret->envelope.body, arena, err);
        ret->head = ret->event ? ret->event->head : NULL;
    }
    return (ret->head && node_id_from(wire_bytes(ret->head->node), &ret->author)) ||
           err_set(err, ERR_PEER, "a change of a circle is malformed");
}

/* Whose signatures it needs: the charter before, the one a membership event names, or itself. */
static bool find_judges(struct tx *tx, const struct opened_change *change, bool *ret_found,
                        const Maillon__Hfp__V1__Charter **ret, struct err *err)
{
    struct oid oid;
    Maillon__Hfp__V1__Charter *charter = NULL;
    struct err why = {0};
    *ret_found = true;
    *ret = change->charter;
    if (change->charter && change->head->stream.len == 0)
        return true;
    *ret_found =
        oid_from(wire_bytes(change->charter ? change->head->prev : change->event->charter), &oid);
    if (!*ret_found)
        return true;
    if (!circle_charter_get(tx->store, tx->arena, &oid, &charter, &why)) {
        *ret_found = false;
        *err = why;
        return why.code == ERR_UNKNOWN;
    }
    *ret = charter;
    return true;
}

static const char *describe(struct arena *arena, const struct opened_change *change)
{
    char id[NODE_ID_SHORT];
    struct node_id member;
    if (change->charter)
        return arena_printf(arena, "%s \"%s\"",
                            change->head->stream.len ? "new charter of" : "found",
                            change->charter->name);
    if (!node_id_from(wire_bytes(change->event->member), &member))
        return "";
    return arena_printf(
        arena, "%s %s%s%s", change->event->change == CHANGE(ADD) ? "admit" : "remove",
        node_id_short(&member, id), change->event->name[0] ? " " : "", change->event->name);
}

/* ---- the rows ---- */

static bool add_proposal(struct tx *tx, const struct circle *circle,
                         const struct opened_change *change, uint32_t threshold, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO circle_proposal (oid, circle, type, body, what, threshold, created_ms)"
        " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE"
        " (SELECT count(*) FROM circle_proposal WHERE circle = ?2) < ?8"
        " ON CONFLICT (oid) DO NOTHING",
        err);
    if (!stmt)
        return false;
    char what[WHAT_BYTES];
    text_copy(what, sizeof(what), describe(tx->arena, change));
    stmt_bind_bytes(stmt, 1, oid_bytes(&change->envelope.oid));
    stmt_bind_i64(stmt, 2, circle->id);
    stmt_bind_text(stmt, 3, change->envelope.type);
    stmt_bind_bytes(stmt, 4, change->envelope.body);
    stmt_bind_text(stmt, 5, what);
    stmt_bind_i64(stmt, 6, threshold);
    stmt_bind_i64(stmt, 7, tx->now.ms);
    stmt_bind_i64(stmt, 8, PROPOSALS_MAX);
    return stmt_run(stmt, err) || err_wrap(err, "keep a change that waits for signatures");
}

static bool has_proposal(struct tx *tx, const struct oid *oid, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT 1 FROM circle_proposal WHERE oid = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    return stmt_next(stmt, ret, err);
}

static bool add_signature(struct tx *tx, const struct oid *proposal, const struct node_id *node,
                          struct bytes sig, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO circle_signature (proposal, node, sig)"
                                 " VALUES (?1, ?2, ?3) ON CONFLICT (proposal, node) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(proposal));
    stmt_bind_bytes(stmt, 2, node_id_bytes(node));
    stmt_bind_bytes(stmt, 3, sig);
    return stmt_run(stmt, err) || err_wrap(err, "keep a signature");
}

/* The author's first: readers look there first, and its key proves Head.node. */
static bool read_signatures(struct store *store, const struct oid *oid, struct arena *arena,
                            struct node_id nodes[SIGNED_SIGS_MAX], struct bytes *ret,
                            size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT node, sig FROM circle_signature WHERE proposal = ?1"
                                 " ORDER BY id LIMIT ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(oid));
    stmt_bind_i64(stmt, 2, SIGNED_SIGS_MAX);
    size_t count = 0;
    for (bool row; count < SIGNED_SIGS_MAX; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read signatures");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, nodes[count].b, NODE_ID_BYTES))
            return err_set(err, ERR_IO, "a signature row cannot be read");
        ret[count] = arena_bytes(arena, stmt_bytes(stmt, 1));
    }
    *ret_count = count;
    return true;
}

/* The serialised Signed with every signature so far. */
static bool assemble(struct store *store, struct arena *arena, const struct oid *oid,
                     const char *type, struct bytes body, struct bytes *ret,
                     struct node_id nodes[SIGNED_SIGS_MAX], size_t *ret_count, struct err *err)
{
    struct bytes sigs[SIGNED_SIGS_MAX];
    Maillon__Hfp__V1__Sig messages[SIGNED_SIGS_MAX], *list[SIGNED_SIGS_MAX];
    if (!read_signatures(store, oid, arena, nodes, sigs, ret_count, err))
        return false;
    Maillon__Hfp__V1__Signed message = MAILLON__HFP__V1__SIGNED__INIT;
    message.suite = 1;
    message.type = arena_text(arena, type);
    message.body = wire_data(body);
    for (size_t i = 0; i < *ret_count; i++) {
        maillon__hfp__v1__sig__init(&messages[i]);
        messages[i].key_hint = wire_data(bytes_of(nodes[i].b, HINT_BYTES));
        messages[i].sig = wire_data(sigs[i]);
        list[i] = &messages[i];
    }
    message.sig = list;
    message.n_sig = *ret_count;
    *ret = wire_pack_arena(&message, arena);
    return true;
}

bool circle_proposal_list(struct store *store, struct arena *arena, const struct oid *scope,
                          struct circle_proposal **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT p.oid, p.type, p.body, p.what, p.threshold, p.created_ms"
                 " FROM circle_proposal p JOIN circle c ON c.id = p.circle WHERE c.scope = ?1"
                 " ORDER BY p.created_ms, p.oid LIMIT ?2",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(scope));
    stmt_bind_i64(stmt, 2, PROPOSALS_MAX);
    struct circle_proposal *list = arena_alloc(arena, PROPOSALS_MAX * sizeof(*list));
    size_t count = 0;
    for (bool row; count < PROPOSALS_MAX; count++) {
        struct circle_proposal *one = &list[count];
        struct node_id nodes[SIGNED_SIGS_MAX];
        size_t signatures;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list changes that wait");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, one->oid.b, OID_BYTES))
            return err_set(err, ERR_IO, "a row of a change cannot be read");
        one->scope = *scope;
        one->type = arena_text(arena, stmt_text(stmt, 1));
        text_copy(one->what, sizeof(one->what), stmt_text(stmt, 3));
        one->threshold = (uint32_t)stmt_i64(stmt, 4);
        one->created_ms = stmt_i64(stmt, 5);
        struct bytes body = arena_bytes(arena, stmt_bytes(stmt, 2));
        if (!assemble(store, arena, &one->oid, one->type, body, &one->object, nodes, &signatures,
                      err))
            return false;
        one->signatures = (uint32_t)signatures;
        one->signer_count = signatures;
        for (size_t i = 0; i < signatures; i++)
            one->signer[i] = nodes[i];
    }
    *ret = list;
    *ret_count = count;
    return true;
}

/* ---- finishing ---- */

static bool forget(struct tx *tx, const struct oid *oid, struct err *err)
{
    static const char *const sql[] = {"DELETE FROM circle_signature WHERE proposal = ?1",
                                      "DELETE FROM circle_proposal WHERE oid = ?1"};
    for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
        AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql[i], err);
        if (!stmt)
            return false;
        stmt_bind_bytes(stmt, 1, oid_bytes(oid));
        if (!stmt_run(stmt, err))
            return false;
    }
    return true;
}

/* The change is whole: store, apply, tell. */
static bool finish(struct tx *tx, struct circle *circle, struct opened_change *change,
                   struct err *err)
{
    enum circle_taken taken;
    bool known;
    struct object_row row;
    const struct envelope *envelope = &change->envelope;
    if (!object_find(tx->store, &envelope->oid, &known, &row, err))
        return false;
    if (!known && !object_add(tx, envelope, &change->author, change->head->expires_s,
                              OBJECT_APPLIED, NULL, err))
        return false;
    if (!(change->charter ? circle_take_charter(tx, envelope, change->charter, &taken, err)
                          : circle_take_membership(tx, envelope, change->event, &taken, err)) ||
        !forget(tx, &envelope->oid, err))
        return false;
    if (taken != CIRCLE_TAKEN)
        return err_set(err, ERR_CONFLICT,
                       "the circle has changed since: make the change again from what it is now");
    struct node_id member;
    bool newcomer = change->event && change->event->change == CHANGE(ADD) &&
                    node_id_from(wire_bytes(change->event->member), &member);
    bool removed = change->event && change->event->change == CHANGE(REMOVE) &&
                   node_id_from(wire_bytes(change->event->member), &member);
    if (!circle_row_get(tx->store, &circle->scope, circle, err) ||
        !circle_spread(tx, circle, envelope, &change->author, change->head,
                       newcomer || removed ? &member : NULL, err))
        return false;
    return circle_note(tx, circle, "changed", err);
}

static bool has_steward(const Maillon__Hfp__V1__Charter *charter, const struct node_id *node)
{
    for (size_t i = 0; i < charter->n_steward; i++) {
        if (bytes_equal(wire_bytes(charter->steward[i]), node_id_bytes(node)))
            return true;
    }
    return false;
}

bool circle_propose(struct tx *tx, struct circle *circle, struct bytes signed_bytes, bool *ret_done,
                    struct err *err)
{
    struct opened_change change;
    const Maillon__Hfp__V1__Charter *judges;
    struct node_id nodes[SIGNED_SIGS_MAX];
    size_t which[SIGNED_SIGS_MAX], total;
    uint32_t count;
    bool found, known;
    struct object_row row;
    *ret_done = false;
    if (!open_change(tx->arena, arena_bytes(tx->arena, signed_bytes), &change, err) ||
        !object_find(tx->store, &change.envelope.oid, &known, &row, err))
        return false;
    if (known) { /* finished meanwhile */
        *ret_done = true;
        return true;
    }
    if (change.event && change.event->change == CHANGE(LEAVE)) {
        *ret_done = true;
        return finish(tx, circle, &change, err);
    }
    if (!find_judges(tx, &change, &found, &judges, err))
        return false;
    *err = (struct err){0};
    if (!found)
        return true;
    if (!circle_count_stewards(tx, judges, &change.envelope, &count, nodes, which, err))
        return false;
    if (!has_steward(judges, &change.author))
        return true; /* it could never count */
    bool had;
    if (!has_proposal(tx, &change.envelope.oid, &had, err))
        return false;
    if (!count)
        return true;
    if (!add_proposal(tx, circle, &change, judges->threshold, err) ||
        !has_proposal(tx, &change.envelope.oid, &found, err))
        return false;
    if (!found)
        return err_set(err, ERR_LIMIT, "too many changes of this circle wait for signatures");
    for (uint32_t i = 0; i < count; i++) {
        if (!add_signature(tx, &change.envelope.oid, &nodes[i], change.envelope.sigs[which[i]],
                           err))
            return false;
    }
    struct bytes whole;
    if (!assemble(tx->store, tx->arena, &change.envelope.oid, change.envelope.type,
                  change.envelope.body, &whole, nodes, &total, err))
        return false;
    if (total >= judges->threshold) {
        *ret_done = true;
        return open_change(tx->arena, whole, &change, err) && finish(tx, circle, &change, err);
    }
    if (had)
        return true;
    bool ours = node_id_equal(&change.author, identity_node(tx->self));
    return (!ours || circle_send_proposal(tx, circle, &change.envelope.oid, err)) &&
           circle_note(tx, circle, "proposal", err);
}

bool circle_sign(struct tx *tx, const struct oid *scope, const struct oid *id, bool *ret_done,
                 struct err *err)
{
    struct circle circle;
    struct circle_proposal *list, *one = NULL;
    size_t count;
    const struct node_id *self = identity_node(tx->self);
    if (!authoring_allowed(tx, err) || !circle_row_get(tx->store, scope, &circle, err) ||
        !circle_proposal_list(tx->store, tx->arena, scope, &list, &count, err))
        return false;
    if (!circle_is_steward(&circle, self))
        return err_set(err, ERR_DENIED, "only a steward of the circle can sign its changes");
    for (size_t i = 0; i < count; i++) {
        if (id ? oid_equal(&list[i].oid, id) : count == 1)
            one = &list[i];
    }
    if (!one)
        return count ? err_set(err, ERR_INVALID, "%zu changes wait: say which one", count)
                     : err_set(err, ERR_UNKNOWN, "no change of this circle waits for a signature");
    struct envelope before;
    AUTO(buf_done) struct buf signed_bytes = {0};
    struct oid oid;
    if (!envelope_open(one->object, tx->arena, &before, err))
        return false;
    identity_sign(tx->self, one->type, before.body, &signed_bytes, &oid);
    if (!circle.founded && circle.ours != CIRCLE_MEMBER) { /* who signs the founding is in */
        circle.ours = CIRCLE_ASKED;
        if (!circle_row_save(tx, &circle, err))
            return false;
    }
    if (!circle_propose(tx, &circle, buf_bytes(&signed_bytes), ret_done, err))
        return false;
    return (*ret_done || circle_send_proposal(tx, &circle, &oid, err)) &&
           audit_add(tx, tx->actor ? tx->actor : "hub", "circle.sign", &oid, err);
}

/* ---- whole objects from peers: rows of hub/kinds.c ---- */

static bool dispose(enum circle_taken taken, struct disposition *ret)
{
    ret->state = taken == CIRCLE_TAKEN ? MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED
                                       : MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
    ret->code = MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE;
    /* Never kept, not even what is bad: a copy with more signatures has the same oid. */
    ret->permanent = false;
    return true;
}

static bool take_whole(struct tx *tx, const struct inbound_object *object, enum circle_taken taken,
                       struct disposition *ret, struct err *err)
{
    enum gossip_verdict verdict = GOSSIP_UNSCOPED;
    dispose(taken, ret);
    if (taken != CIRCLE_TAKEN || !object->head->scope.len)
        return true;
    struct disposition refusal = {0};
    if (!gossip_take(tx, object, &verdict, &refusal, err))
        return false;
    if (verdict == GOSSIP_REFUSE)
        *ret = refusal;
    return true;
}

bool charter_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                   struct err *err)
{
    enum circle_taken taken;
    return circle_take_charter(tx, &object->envelope, object->body, &taken, err) &&
           take_whole(tx, object, taken, ret, err);
}

bool membership_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                      struct err *err)
{
    enum circle_taken taken;
    return circle_take_membership(tx, &object->envelope, object->body, &taken, err) &&
           take_whole(tx, object, taken, ret, err);
}

/* ---- the clock ---- */

bool circle_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    static const char *const sql[] = {
        ("DELETE FROM circle_signature WHERE proposal IN"
         " (SELECT oid FROM circle_proposal WHERE created_ms < ?1)"),
        "DELETE FROM circle_proposal WHERE created_ms < ?1",
        "DELETE FROM circle_ask WHERE asked_ms < ?1",
    };
    for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
        AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql[i], err);
        if (!stmt)
            return false;
        stmt_bind_i64(stmt, 1, tx->now.ms - PROPOSAL_LIFE_MS);
        if (!stmt_run(stmt, err))
            return err_wrap(err, "forget old changes of circles");
    }
    ret_next->ms = tx->now.ms + TICK_MS;
    return relation_end_suspensions(tx, err);
}
