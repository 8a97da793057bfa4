/* What a person does about circles: found, amend, admit, remove, join, leave, sign. */
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/authoring.h"
#include "hub/domain/circle_row.h"
#include "hub/domain/gossip.h"
#include "hub/domain/object.h"
#include "hub/domain/relation.h"
#include "hub/domain/stream.h"

#include "hub/base/text.h"
#include "maillon/hfp/v1/directory.pb-c.h"
#include "maillon/hfp/v1/notice.pb-c.h"

#define CHANGE(name) MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_##name
#define NONCE_BYTES  16
#define NAME_BYTES   159

static const char *actor_of(const struct tx *tx)
{
    return tx->actor ? tx->actor : "hub";
}

static bool get_steward(struct tx *tx, const struct oid *scope, struct circle *ret, struct err *err)
{
    if (!circle_row_get(tx->store, scope, ret, err))
        return false;
    if (!ret->founded)
        return err_set(err, ERR_CONFLICT, "the circle waits for signatures of its stewards");
    return circle_is_steward(ret, identity_node(tx->self)) ||
           err_set(err, ERR_DENIED,
                   "only a steward of the circle can do this: ask one (hubctl circle show)");
}

/* ---- charters ---- */

static Maillon__Hfp__V1__Charter *build_charter(struct tx *tx, const struct circle_draft *draft,
                                                Maillon__Hfp__V1__Head *head)
{
    Maillon__Hfp__V1__Charter *charter = arena_alloc(tx->arena, sizeof(*charter));
    uint8_t *nonce = arena_alloc(tx->arena, NONCE_BYTES);
    maillon__hfp__v1__charter__init(charter);
    random_fill(tx->random, nonce, NONCE_BYTES);
    charter->head = head;
    charter->name = arena_text(tx->arena, draft->name);
    charter->principle =
        arena_alloc(tx->arena, (draft->principle_count + 1) * sizeof(*charter->principle));
    for (size_t i = 0; i < draft->principle_count; i++)
        charter->principle[charter->n_principle++] = arena_text(tx->arena, draft->principle[i]);
    charter->steward = arena_alloc(tx->arena, CIRCLE_STEWARDS_MAX * sizeof(*charter->steward));
    for (size_t i = 0; i < draft->steward_count && i < CIRCLE_STEWARDS_MAX; i++)
        charter->steward[charter->n_steward++] =
            wire_data(arena_bytes(tx->arena, node_id_bytes(&draft->steward[i])));
    charter->threshold = draft->threshold ? draft->threshold : 1;
    charter->members_max = draft->members_max ? draft->members_max : CIRCLE_MEMBERS_MAX;
    charter->relay_duty = draft->relay_duty;
    charter->accept_each_other = draft->accept_each_other;
    charter->nonce = wire_data(bytes_of(nonce, NONCE_BYTES));
    return charter;
}

static bool check_draft(const struct circle_draft *draft, const Maillon__Hfp__V1__Charter *charter,
                        struct err *err)
{
    if (draft->steward_count < 1 || draft->steward_count > CIRCLE_STEWARDS_MAX)
        return err_set(err, ERR_INVALID, "a circle has 1 to %d stewards", CIRCLE_STEWARDS_MAX);
    if (draft->principle_count > CIRCLE_PRINCIPLES_MAX)
        return err_set(err, ERR_INVALID, "a charter has at most %d lines: few principles",
                       CIRCLE_PRINCIPLES_MAX);
    if (draft->members_max > CIRCLE_MEMBERS_MAX)
        return err_set(err, ERR_INVALID, "a circle has at most %d members", CIRCLE_MEMBERS_MAX);
    for (size_t i = 0; i <= draft->principle_count; i++) {
        const char *text = i ? draft->principle[i - 1] : draft->name;
        size_t max = i ? CIRCLE_PRINCIPLE_MAX : CIRCLE_NAME_MAX;
        if (!text[0] || !text_is_valid(bytes_text(text)) || text_length(bytes_text(text)) > max ||
            strpbrk(text, "\r\n\t"))
            return err_set(err, ERR_INVALID, "%s must be one line of 1 to %zu characters",
                           i ? "a principle" : "the name of a circle", max);
    }
    struct err why = {0};
    return charter_check(charter, (struct bytes){0}, &why) ||
           err_set(err, ERR_INVALID, "%s", why.msg);
}

static bool head_begin(struct tx *tx, Maillon__Hfp__V1__Head *head, struct err *err)
{
    maillon__hfp__v1__head__init(head);
    if (!authoring_head(tx, head, err))
        return false;
    head->expires_s = head->created_s + CIRCLE_LIFETIME_S;
    return true;
}

bool circle_found(struct tx *tx, const struct circle_draft *draft, struct oid *ret_scope,
                  bool *ret_done, struct err *err)
{
    Maillon__Hfp__V1__Head head;
    AUTO(buf_done) struct buf object = {0};
    struct circle circle = {.ours = CIRCLE_ASKED};
    if (!head_begin(tx, &head, err))
        return false;
    head.seq = 1;
    Maillon__Hfp__V1__Charter *charter = build_charter(tx, draft, &head);
    if (!check_draft(draft, charter, err))
        return false;
    if (!node_id_equal(&draft->steward[0], identity_node(tx->self)))
        return err_set(err, ERR_INVALID, "the hub that founds a circle is its first steward");
    identity_sign(tx->self, TYPE_CHARTER, wire_pack_arena(charter, tx->arena), &object,
                  &circle.scope);
    circle.charter = circle.scope;
    circle_row_fill(&circle, charter);
    if (!circle_row_save(tx, &circle, err) ||
        !circle_propose(tx, &circle, buf_bytes(&object), ret_done, err))
        return false;
    *ret_scope = circle.scope;
    return audit_add(tx, actor_of(tx), "circle.found", &circle.scope, err);
}

/* The last membership event of a steward that this hub has seen. */
static bool last_of(struct tx *tx, const struct circle *circle, const struct node_id *node,
                    uint64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "SELECT max(seq) FROM circle_event WHERE circle = ?1 AND author = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle->id);
    stmt_bind_bytes(stmt, 2, node_id_bytes(node));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row && !stmt_is_null(stmt, 0) ? (uint64_t)stmt_i64(stmt, 0) : 0;
    return true;
}

static bool end_stewards(struct tx *tx, const struct circle *circle,
                         const struct circle_draft *draft, Maillon__Hfp__V1__Charter *charter,
                         struct err *err)
{
    charter->ended = arena_alloc(tx->arena, CIRCLE_STEWARDS_MAX * sizeof(*charter->ended));
    for (size_t i = 0; i < circle->steward_count; i++) {
        bool stays = false;
        for (size_t n = 0; n < draft->steward_count; n++)
            stays |= node_id_equal(&circle->steward[i], &draft->steward[n]);
        if (stays)
            continue;
        Maillon__Hfp__V1__StewardEnd *end = arena_alloc(tx->arena, sizeof(*end));
        maillon__hfp__v1__steward_end__init(end);
        end->node = wire_data(node_id_bytes(&circle->steward[i]));
        if (!last_of(tx, circle, &circle->steward[i], &end->last_seq, err))
            return false;
        charter->ended[charter->n_ended++] = end;
    }
    return true;
}

bool circle_amend(struct tx *tx, const struct oid *scope, const struct circle_draft *draft,
                  bool *ret_done, struct err *err)
{
    struct circle circle;
    struct oid oid;
    Maillon__Hfp__V1__Head head;
    AUTO(buf_done) struct buf object = {0};
    if (!get_steward(tx, scope, &circle, err) || !head_begin(tx, &head, err))
        return false;
    head.seq = circle.charter_seq + 1;
    head.prev = wire_data(oid_bytes(&circle.charter));
    head.stream = head.scope = wire_data(oid_bytes(&circle.scope));
    Maillon__Hfp__V1__Charter *charter = build_charter(tx, draft, &head);
    if (!check_draft(draft, charter, err) || !end_stewards(tx, &circle, draft, charter, err))
        return false;
    identity_sign(tx->self, TYPE_CHARTER, wire_pack_arena(charter, tx->arena), &object, &oid);
    return circle_propose(tx, &circle, buf_bytes(&object), ret_done, err) &&
           audit_add(tx, actor_of(tx), "circle.charter", &oid, err);
}

/* ---- members ---- */

struct change {
    Maillon__Hfp__V1__MembershipChange change;
    const struct node_id *member;
    const char *name;
    uint64_t term;
    Maillon__Hfp__V1__StreamBoundOf **last;
    size_t last_count;
};

static bool sign_change(struct tx *tx, const struct circle *circle, const struct change *change,
                        struct buf *ret, struct oid *ret_oid, struct err *err)
{
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Membership event;
    struct oid prev;
    bool has_prev;
    char name[NAME_BYTES + 1];
    if (!head_begin(tx, &head, err) || !stream_next(tx, TYPE_MEMBERSHIP, oid_bytes(&circle->scope),
                                                    &head.seq, &prev, &has_prev, err))
        return false;
    if (has_prev)
        head.prev = wire_data(oid_bytes(&prev));
    head.scope = head.stream = wire_data(oid_bytes(&circle->scope));
    text_copy(name, sizeof(name), change->name ? change->name : "");
    maillon__hfp__v1__membership__init(&event);
    event.head = &head;
    event.member = wire_data(node_id_bytes(change->member));
    event.term = change->term;
    event.change = change->change;
    event.name = name;
    event.last = change->last;
    event.n_last = change->last_count;
    if (change->change != CHANGE(LEAVE))
        event.charter = wire_data(oid_bytes(&circle->charter));
    identity_sign(tx->self, TYPE_MEMBERSHIP, wire_pack_arena(&event, tx->arena), ret, ret_oid);
    return stream_set(tx, TYPE_MEMBERSHIP, oid_bytes(&circle->scope), head.seq, ret_oid, err);
}

bool circle_ask_drop(struct tx *tx, const struct oid *scope, const struct node_id *node,
                     struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "DELETE FROM circle_ask WHERE node = ?2 AND circle ="
                                 " (SELECT id FROM circle WHERE scope = ?1)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(scope));
    stmt_bind_bytes(stmt, 2, node_id_bytes(node));
    return stmt_run(stmt, err);
}

bool circle_admit(struct tx *tx, const struct oid *scope, const struct node_id *node,
                  const char *name, bool *ret_done, struct err *err)
{
    struct circle circle;
    struct circle_standing standing;
    struct oid oid;
    AUTO(buf_done) struct buf object = {0};
    if (!get_steward(tx, scope, &circle, err) ||
        !circle_standing(tx->store, circle.id, node, &standing, err))
        return false;
    if (standing.is_in)
        return err_set(err, ERR_CONFLICT, "this hub is a member already");
    if (circle.member_count >= circle.members_max)
        return err_set(err, ERR_LIMIT, "the circle has %u members, as many as its charter allows",
                       circle.member_count);
    uint64_t last = standing.added > standing.ended ? standing.added : standing.ended;
    if (last >= CIRCLE_TERM_MAX)
        return err_set(err, ERR_LIMIT, "this hub was admitted too often");
    struct change change = {.change = CHANGE(ADD), .member = node, .name = name, .term = last + 1};
    return sign_change(tx, &circle, &change, &object, &oid, err) &&
           circle_propose(tx, &circle, buf_bytes(&object), ret_done, err) &&
           circle_ask_drop(tx, scope, node, err) &&
           audit_add(tx, actor_of(tx), "circle.admit", &oid, err);
}

/* Of a kind that may carry a scope: the highest seq by this author in the scope seen here. */
static bool highest_seq(struct tx *tx, const struct node_id *node, const struct oid *scope,
                        const char *type, const ProtobufCMessageDescriptor *body, uint64_t *ret,
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT bytes FROM object WHERE author = ?1", err);
    AUTO(arena_free) struct arena *arena = arena_create(0);
    if (!stmt)
        return false;
    *ret = 0;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    for (bool row;;) {
        struct envelope envelope;
        struct err why = {0};
        arena_reset(arena);
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "look for the last objects of a member");
        if (!row)
            return true;
        if (!envelope_open(stmt_bytes(stmt, 0), arena, &envelope, &why) ||
            strcmp(envelope.type, type) != 0)
            continue;
        const ProtobufCMessage *message = wire_unpack(body, envelope.body, arena, &why);
        if (!message)
            continue;
        /* Every body starts with its Head (object.proto). */
        const struct first {
            ProtobufCMessage base;
            Maillon__Hfp__V1__Head *head;
        } *first = (const void *)message;
        if (first->head && bytes_equal(wire_bytes(first->head->scope), oid_bytes(scope)) &&
            first->head->seq > *ret)
            *ret = first->head->seq;
    }
}

static bool find_last(struct tx *tx, const struct node_id *node, const struct oid *scope,
                      struct change *change, struct err *err)
{
    static const struct {
        const char *type;
        const ProtobufCMessageDescriptor *body;
    } types[] = {
        {TYPE_NOTICE, &maillon__hfp__v1__notice__descriptor},
        {TYPE_ENTRY, &maillon__hfp__v1__directory_entry__descriptor},
    };
    change->last = arena_alloc(tx->arena, ARRAY_LEN(types) * sizeof(*change->last));
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        Maillon__Hfp__V1__StreamBoundOf *bound = arena_alloc(tx->arena, sizeof(*bound));
        maillon__hfp__v1__stream_bound_of__init(bound);
        bound->type = arena_text(tx->arena, types[i].type);
        if (!highest_seq(tx, node, scope, types[i].type, types[i].body, &bound->seq, err))
            return false;
        change->last[change->last_count++] = bound;
    }
    return true;
}

bool circle_remove(struct tx *tx, const struct oid *scope, const struct node_id *node,
                   bool *ret_done, struct err *err)
{
    struct circle circle;
    struct circle_standing standing;
    struct oid oid;
    AUTO(buf_done) struct buf object = {0};
    if (!get_steward(tx, scope, &circle, err) ||
        !circle_standing(tx->store, circle.id, node, &standing, err))
        return false;
    if (!standing.is_in)
        return err_set(err, ERR_UNKNOWN, "this hub is not a member of the circle");
    if (node_id_equal(node, identity_node(tx->self)))
        return err_set(err, ERR_INVALID, "to go yourself: hubctl circle leave");
    struct change change = {
        .change = CHANGE(REMOVE), .member = node, .term = standing.added ? standing.added : 1};
    return find_last(tx, node, scope, &change, err) &&
           sign_change(tx, &circle, &change, &object, &oid, err) &&
           circle_propose(tx, &circle, buf_bytes(&object), ret_done, err) &&
           audit_add(tx, actor_of(tx), "circle.remove", &oid, err);
}

/* ---- our own membership ---- */

static bool become_member(struct tx *tx, struct circle *circle, struct err *err)
{
    circle->ours = CIRCLE_MEMBER;
    tx_effect(tx, EFFECT_RELATION, identity_node(tx->self), 0);
    return circle_row_save(tx, circle, err) && relation_review_all(tx, err) &&
           audit_add(tx, actor_of(tx), "circle.join", &circle->scope, err) &&
           circle_note(tx, circle, "member", err);
}

bool circle_join(struct tx *tx, const struct oid *scope, const struct node_id *via,
                 const char *text, bool *ret_in, struct err *err)
{
    struct circle circle = {.scope = *scope, .charter = *scope};
    struct circle_standing standing = {0};
    struct relation relation;
    bool found;
    *ret_in = false;
    if (!circle_find(tx->store, scope, &found, &circle, err))
        return false;
    if (found && !circle_standing(tx->store, circle.id, identity_node(tx->self), &standing, err))
        return false;
    if (standing.is_in) {
        *ret_in = true;
        return circle.ours == CIRCLE_MEMBER || become_member(tx, &circle, err);
    }
    if (!via)
        return err_set(err, ERR_INVALID, "say which steward to ask: --via PEER");
    if (text &&
        (!text_is_valid(bytes_text(text)) || text_length(bytes_text(text)) > CIRCLE_ASK_TEXT_MAX))
        return err_set(err, ERR_INVALID, "the text has at most %d characters", CIRCLE_ASK_TEXT_MAX);
    if (!relation_find(tx->store, via, &found, &relation, err))
        return false;
    if (!found || !relation_is_accepted(&relation))
        return err_set(err, ERR_CONFLICT, "the steward to ask must be an accepted peer of ours");
    circle.ours = CIRCLE_ASKED;
    return circle_row_save(tx, &circle, err) &&
           circle_send_ask(tx, scope, via, text ? text : "", err) &&
           audit_add(tx, actor_of(tx), "circle.ask", scope, err);
}

bool circle_leave(struct tx *tx, const struct oid *scope, struct err *err)
{
    struct circle circle;
    struct circle_standing standing;
    const struct node_id *self = identity_node(tx->self);
    if (!circle_row_get(tx->store, scope, &circle, err) ||
        !circle_standing(tx->store, circle.id, self, &standing, err))
        return false;
    enum circle_ours before = circle.ours;
    circle.ours = CIRCLE_LEFT; /* first: the fold of our own LEAVE must not say "removed" */
    if (!circle_row_save(tx, &circle, err))
        return false;
    if (standing.is_in) {
        struct oid oid;
        struct envelope envelope;
        AUTO(buf_done) struct buf object = {0};
        struct change change = {
            .change = CHANGE(LEAVE), .member = self, .term = standing.added ? standing.added : 1};
        bool done;
        if (!find_last(tx, self, scope, &change, err) ||
            !sign_change(tx, &circle, &change, &object, &oid, err) ||
            !envelope_open(arena_bytes(tx->arena, buf_bytes(&object)), tx->arena, &envelope, err) ||
            !circle_propose(tx, &circle, envelope.bytes, &done, err))
            return false;
    }
    if (before == CIRCLE_MEMBER && !gossip_forget_scope(tx, oid_bytes(scope), err))
        return false;
    return relation_review_all(tx, err) &&
           audit_add(tx, actor_of(tx), "circle.leave", scope, err) &&
           circle_note(tx, &circle, "left", err);
}
