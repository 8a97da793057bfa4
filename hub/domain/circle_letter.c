/* Letters: how a circle reaches hubs that gossip does not reach yet, and stewards who must sign. */
#include "hub/crypto/wire.h"
#include "hub/domain/circle_row.h"
#include "hub/domain/gossip.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/object.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"

#include "hub/base/text.h"

#define LETTER(name)   MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_##name
#define OBJECTS_MAX    250
#define KEYS_BYTES_MAX 65536
#define ASKS_MAX       100
#define NONCE_BYTES    16

typedef Maillon__Hfp__V1__CircleLetter letter_message;

/* ---- writing ---- */

struct letter {
    letter_message message;
    struct node_id signers[16]; /* whose key logs go along */
    size_t signer_count;
    size_t bytes;
};

static void letter_init(struct tx *tx, struct letter *letter, const struct oid *scope,
                        Maillon__Hfp__V1__CircleLetterKind kind)
{
    *letter = (struct letter){0};
    maillon__hfp__v1__circle_letter__init(&letter->message);
    letter->message.kind = kind;
    letter->message.circle = wire_data(arena_bytes(tx->arena, oid_bytes(scope)));
    letter->message.object = arena_alloc(tx->arena, OBJECTS_MAX * sizeof(*letter->message.object));
}

static void add_signer(struct letter *letter, const struct node_id *node)
{
    for (size_t i = 0; i < letter->signer_count; i++) {
        if (node_id_equal(&letter->signers[i], node))
            return;
    }
    if (letter->signer_count < ARRAY_LEN(letter->signers))
        letter->signers[letter->signer_count++] = *node;
}

static bool read_keys(struct tx *tx, const struct node_id *node, const struct bytes **ret,
                      size_t *ret_count, struct err *err)
{
    if (node_id_equal(node, identity_node(tx->self))) {
        *ret = identity_kel_events(tx->self, ret_count);
        return true;
    }
    struct bytes *events;
    if (!node_keys_events(tx->store, tx->arena, node, 0, &events, ret_count, err))
        return false;
    *ret = events;
    return true;
}

static bool add_keys(struct tx *tx, struct letter *letter, struct err *err)
{
    size_t size = 0;
    letter_message *message = &letter->message;
    message->keys = arena_alloc(tx->arena, ARRAY_LEN(letter->signers) * sizeof(*message->keys));
    for (size_t i = 0; i < letter->signer_count; i++) {
        const struct bytes *events;
        size_t count, bytes = 0;
        if (!read_keys(tx, &letter->signers[i], &events, &count, err))
            return false;
        for (size_t n = 0; n < count; n++)
            bytes += events[n].len;
        if (!count || size + bytes > KEYS_BYTES_MAX)
            continue;
        size += bytes;
        Maillon__Hfp__V1__KeyLogOf *log = arena_alloc(tx->arena, sizeof(*log));
        maillon__hfp__v1__key_log_of__init(log);
        log->node = wire_data(node_id_bytes(&letter->signers[i]));
        log->event = arena_alloc(tx->arena, count * sizeof(*log->event));
        for (size_t n = 0; n < count; n++)
            log->event[log->n_event++] = wire_data(events[n]);
        message->keys[message->n_keys++] = log;
    }
    return true;
}

/* A peer that cannot be sealed to yet goes without: gossip and the next letter make up for it. */
static bool send(struct tx *tx, struct letter *letter, const struct node_id *to, struct err *err)
{
    Maillon__Hfp__V1__Head head;
    uint8_t nonce[NONCE_BYTES], key[X25519_KEY_BYTES];
    struct err why = {0};
    if (!relation_enc_key(tx->store, to, tx->now, key, &why)) {
        if (why.code == ERR_CONFLICT)
            return true;
        *err = why;
        return false;
    }
    if (!add_keys(tx, letter, err))
        return false;
    random_fill(tx->random, nonce, sizeof(nonce));
    maillon__hfp__v1__head__init(&head);
    head.node = wire_data(node_id_bytes(identity_node(tx->self)));
    head.seq = 1;
    head.created_s = (uint64_t)(tx->now.ms / 1000);
    head.expires_s = head.created_s + CIRCLE_LETTER_LIFE_S;
    letter->message.head = &head;
    letter->message.recipient = wire_data(node_id_bytes(to));
    letter->message.nonce = wire_data(bytes_of(nonce, sizeof(nonce)));
    struct parcel_draft draft = {
        .peer = to,
        .type = TYPE_CIRCLE_LETTER,
        .body = wire_pack_arena(&letter->message, tx->arena),
        .expires_s = head.expires_s,
        .lane = 1,
    };
    if (outbox_send(tx, &draft, NULL, &why) || why.code == ERR_LIMIT)
        return true;
    *err = why;
    return err_wrap(err, "send a circle letter");
}

bool circle_send_ask(struct tx *tx, const struct oid *scope, const struct node_id *to,
                     const char *text, struct err *err)
{
    struct letter letter;
    letter_init(tx, &letter, scope, LETTER(ASK));
    letter.message.text = arena_text(tx->arena, text);
    return send(tx, &letter, to, err);
}

/* Accepted peers among the stewards, or among all members. Arena array. */
static bool list_peers(struct tx *tx, const struct circle *circle, bool stewards,
                       struct node_id **ret, size_t *ret_count, struct err *err)
{
    struct relation *relations;
    size_t total, count = 0;
    if (!relation_list(tx->store, tx->arena, &relations, &total, err))
        return false;
    struct node_id *list = arena_alloc(tx->arena, (total + 1) * sizeof(*list));
    for (size_t i = 0; i < total; i++) {
        struct circle_standing standing = {.is_in = true};
        if (!relation_is_accepted(&relations[i]))
            continue;
        bool wanted = circle_is_steward(circle, &relations[i].node);
        if (!stewards && !wanted) {
            if (!circle_standing(tx->store, circle->id, &relations[i].node, &standing, err))
                return false;
            wanted = standing.is_in;
        }
        if (wanted)
            list[count++] = relations[i].node;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool circle_send_proposal(struct tx *tx, const struct circle *circle, const struct oid *proposal,
                          struct err *err)
{
    struct circle_proposal *waiting;
    struct node_id *peers;
    size_t count, peer_count;
    if (!circle_proposal_list(tx->store, tx->arena, &circle->scope, &waiting, &count, err) ||
        !list_peers(tx, circle, true, &peers, &peer_count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!oid_equal(&waiting[i].oid, proposal))
            continue;
        for (size_t p = 0; p < peer_count; p++) {
            struct letter letter;
            letter_init(tx, &letter, &circle->scope, LETTER(PROPOSAL));
            letter.message.object[letter.message.n_object++] = wire_data(waiting[i].object);
            for (size_t s = 0; s < circle->steward_count; s++)
                add_signer(&letter, &circle->steward[s]);
            if (!send(tx, &letter, &peers[p], err))
                return false;
        }
    }
    return true;
}

static bool add_object(struct tx *tx, struct letter *letter, const struct oid *oid, struct err *err)
{
    bool found;
    struct object_row row;
    if (!object_get(tx->store, tx->arena, oid, &found, &row, err))
        return false;
    if (!found)
        return true;
    letter->message.object[letter->message.n_object++] = wire_data(row.bytes);
    letter->bytes += row.bytes.len;
    return true;
}

static void add_stewards(struct letter *letter, const struct circle *circle)
{
    for (size_t i = 0; i < circle->steward_count; i++)
        add_signer(letter, &circle->steward[i]);
}

/* The whole story for a newcomer: charters in order, what concerns it, then everybody. */
static const char history[] =
    "SELECT oid, NULL, 0 AS part, seq AS place FROM circle_charter WHERE circle = ?1 AND in_chain ="
    " 1 UNION ALL SELECT oid, CASE WHEN change = 3 THEN author END,"
    " CASE WHEN member = ?2 THEN 1 ELSE 2 END, id FROM circle_event"
    " WHERE circle = ?1 AND counts = 1 ORDER BY part, place";

static bool send_history(struct tx *tx, const struct circle *circle, const struct node_id *to,
                         struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, history, err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle->id);
    stmt_bind_bytes(stmt, 2, node_id_bytes(to));
    struct letter letter;
    letter_init(tx, &letter, &circle->scope, LETTER(OBJECTS));
    add_stewards(&letter, circle);
    for (bool row;;) {
        struct oid oid;
        struct node_id left;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "tell a newcomer about a circle");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, oid.b, OID_BYTES) || !add_object(tx, &letter, &oid, err))
            return false;
        if (!stmt_is_null(stmt, 1) && stmt_copy(stmt, 1, left.b, NODE_ID_BYTES))
            add_signer(&letter, &left);
        if (letter.message.n_object < OBJECTS_MAX &&
            letter.bytes + CIRCLE_OBJECT_MAX <= CIRCLE_LETTER_MAX &&
            letter.signer_count < ARRAY_LEN(letter.signers))
            continue;
        if (!send(tx, &letter, to, err))
            return false;
        letter_init(tx, &letter, &circle->scope, LETTER(OBJECTS));
        add_stewards(&letter, circle);
    }
    return !letter.message.n_object || send(tx, &letter, to, err);
}

static bool send_one(struct tx *tx, const struct circle *circle, const struct envelope *envelope,
                     const struct node_id *author, const struct node_id *to, struct err *err)
{
    struct letter letter;
    letter_init(tx, &letter, &circle->scope, LETTER(OBJECTS));
    letter.message.object[letter.message.n_object++] = wire_data(envelope->bytes);
    add_signer(&letter, author);
    add_stewards(&letter, circle);
    return send(tx, &letter, to, err);
}

bool circle_spread(struct tx *tx, const struct circle *circle, const struct envelope *envelope,
                   const struct node_id *author, const Maillon__Hfp__V1__Head *head,
                   const struct node_id *newcomer, struct err *err)
{
    struct node_id *peers;
    size_t count;
    if (node_id_equal(author, identity_node(tx->self)) && head->scope.len &&
        !gossip_add_own(tx, &envelope->oid, wire_bytes(head->scope), envelope->type,
                        head->created_s, head->expires_s, err))
        return false;
    if (!list_peers(tx, circle, false, &peers, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (newcomer && node_id_equal(&peers[i], newcomer))
            continue;
        if (!send_one(tx, circle, envelope, author, &peers[i], err))
            return false;
    }
    struct relation relation;
    bool found = false;
    if (newcomer && !relation_find(tx->store, newcomer, &found, &relation, err))
        return false;
    return !found || !relation_is_accepted(&relation) || send_history(tx, circle, newcomer, err);
}

/* ---- reading ---- */

static bool take_keys(struct tx *tx, const letter_message *letter, struct bytes of, struct err *err)
{
    for (size_t i = 0; i < letter->n_keys; i++) {
        const Maillon__Hfp__V1__KeyLogOf *log = letter->keys[i];
        struct node_id node;
        struct err why = {0};
        if (!bytes_equal(wire_bytes(log->node), of) || !node_id_from(of, &node) || !log->n_event ||
            node_id_equal(&node, identity_node(tx->self)))
            continue;
        struct bytes *events = arena_alloc(tx->arena, log->n_event * sizeof(*events));
        for (size_t n = 0; n < log->n_event; n++)
            events[n] = wire_bytes(log->event[n]);
        if (!node_keys_add(tx, &node, events, log->n_event, &why) && why.code == ERR_IO) {
            *err = why;
            return false;
        }
        return true;
    }
    return true;
}

/* Of the keys in a letter only those that one of its objects needs: its author's and stewards'. */
static bool take_keys_for(struct tx *tx, const letter_message *letter, struct bytes bytes,
                          struct err *err)
{
    struct envelope envelope;
    struct circle circle = {0};
    struct oid scope;
    struct err why = {0};
    bool found;
    if (bytes.len > CIRCLE_OBJECT_MAX || !envelope_open(bytes, tx->arena, &envelope, &why))
        return true;
    if (strcmp(envelope.type, TYPE_CHARTER) == 0) {
        const Maillon__Hfp__V1__Charter *charter =
            wire_unpack(&maillon__hfp__v1__charter__descriptor, envelope.body, tx->arena, &why);
        for (size_t i = 0; charter && i < charter->n_steward && i < CIRCLE_STEWARDS_MAX; i++)
            if (!take_keys(tx, letter, wire_bytes(charter->steward[i]), err))
                return false;
    } else if (strcmp(envelope.type, TYPE_MEMBERSHIP) == 0) {
        const Maillon__Hfp__V1__Membership *event =
            wire_unpack(&maillon__hfp__v1__membership__descriptor, envelope.body, tx->arena, &why);
        if (event && event->head && !take_keys(tx, letter, wire_bytes(event->head->node), err))
            return false;
    }
    if (!oid_from(wire_bytes(letter->circle), &scope) ||
        !circle_find(tx->store, &scope, &found, &circle, err))
        return false;
    for (size_t i = 0; i < circle.steward_count; i++)
        if (!take_keys(tx, letter, node_id_bytes(&circle.steward[i]), err))
            return false;
    return true;
}

/* What opener does for the link's peer, for an object inside a letter. False in *ret: not usable.
 */
static bool open_inner(struct tx *tx, struct bytes bytes, struct inbound_object *object, bool *ret,
                       struct err *err)
{
    struct err why = {0};
    struct kel kel;
    bool found;
    *ret = false;
    *object = (struct inbound_object){0};
    if (bytes.len > CIRCLE_OBJECT_MAX || !envelope_open(bytes, tx->arena, &object->envelope, &why))
        return true;
    bool is_charter = strcmp(object->envelope.type, TYPE_CHARTER) == 0;
    if (!is_charter && strcmp(object->envelope.type, TYPE_MEMBERSHIP) != 0)
        return true;
    const ProtobufCMessageDescriptor *type = is_charter ? &maillon__hfp__v1__charter__descriptor
                                                        : &maillon__hfp__v1__membership__descriptor;
    object->body = wire_unpack(type, object->envelope.body, tx->arena, &why);
    if (!object->body)
        return true;
    object->head = is_charter ? ((const Maillon__Hfp__V1__Charter *)object->body)->head
                              : ((const Maillon__Hfp__V1__Membership *)object->body)->head;
    if (!object->head || !head_check_shape(object->head, &why) ||
        !head_check_time(object->head, tx->now, CIRCLE_LIFETIME_S, &why) ||
        !head_check_critical(object->head, type, &why) ||
        !node_id_from(wire_bytes(object->head->node), &object->from) ||
        !(is_charter ? charter_check : membership_check)(object->body, (struct bytes){0}, &why))
        return true;
    if (!circle_keys(tx, &object->from, &found, &kel, err))
        return false;
    *ret = found && kel_verify(&kel, &object->envelope, NULL);
    return true;
}

static bool take_object(struct tx *tx, const struct inbound_object *object, bool *ret,
                        struct err *err)
{
    bool known;
    struct object_row row;
    struct disposition disposition = {0};
    if (!object_find(tx->store, &object->envelope.oid, &known, &row, err))
        return false;
    if (known)
        return true;
    enum circle_taken taken;
    bool is_charter = strcmp(object->envelope.type, TYPE_CHARTER) == 0;
    bool ok =
        object_add(tx, &object->envelope, &object->from, object->head->expires_s, OBJECT_APPLIED,
                   NULL, err) &&
        (is_charter ? circle_take_charter(tx, &object->envelope, object->body, &taken, err)
                    : circle_take_membership(tx, &object->envelope, object->body, &taken, err));
    if (ok && taken == CIRCLE_TAKEN && object->head->scope.len) {
        enum gossip_verdict verdict;
        ok = gossip_take(tx, object, &verdict, &disposition, err);
    }
    *ret = ok && taken == CIRCLE_TAKEN;
    return ok; /* else the action's own savepoint takes it back */
}

/* The story is long and the question short: once an hour. */
static bool is_told(struct tx *tx, int64_t circle, const struct node_id *node, bool *ret,
                    struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO circle_told (circle, node, told_ms)"
                                 " VALUES (?1, ?2, ?3) ON CONFLICT (circle, node) DO UPDATE"
                                 " SET told_ms = excluded.told_ms"
                                 " WHERE circle_told.told_ms <= excluded.told_ms - 3600000"
                                 " OR circle_told.told_ms > excluded.told_ms",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle);
    stmt_bind_bytes(stmt, 2, node_id_bytes(node));
    stmt_bind_i64(stmt, 3, tx->now.ms);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "note who was told about a circle");
    *ret = store_changes(tx->store) == 0;
    return true;
}

static bool take_ask(struct tx *tx, const struct oid *scope, const struct inbound_object *object,
                     const letter_message *letter, struct err *err)
{
    struct circle circle;
    struct circle_ask *asks;
    size_t count;
    bool found;
    struct circle_standing standing;
    if (!circle_find(tx->store, scope, &found, &circle, err))
        return false;
    if (!found || !circle.founded || !circle_is_steward(&circle, identity_node(tx->self)))
        return true;
    if (!circle_standing(tx->store, circle.id, &object->from, &standing, err))
        return false;
    if (standing.is_in) { /* it lost what we told it */
        if (!is_told(tx, circle.id, &object->from, &found, err))
            return false;
        return found || send_history(tx, &circle, &object->from, err);
    }
    if (!circle_ask_list(tx->store, tx->arena, scope, &asks, &count, err))
        return false;
    if (count >= ASKS_MAX)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO circle_ask (circle, node, text, asked_ms)"
                                 " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (circle, node) DO UPDATE"
                                 " SET text = excluded.text, asked_ms = excluded.asked_ms",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, circle.id);
    stmt_bind_bytes(stmt, 2, node_id_bytes(&object->from));
    stmt_bind_text(stmt, 3, letter->text);
    stmt_bind_i64(stmt, 4, tx->now.ms);
    return stmt_run(stmt, err) && circle_note(tx, &circle, "ask", err);
}

/* A change to sign: the circle may be new here when it is its first charter. */
static bool take_proposal(struct tx *tx, const struct oid *scope,
                          const struct inbound_object *inner, bool *ret, struct err *err)
{
    struct circle circle = {.scope = *scope, .charter = *scope};
    bool found, done;
    bool first = !inner->head->scope.len && strcmp(inner->envelope.type, TYPE_CHARTER) == 0;
    if (!bytes_equal(first ? oid_bytes(&inner->envelope.oid) : wire_bytes(inner->head->scope),
                     oid_bytes(scope)))
        return true; /* of another circle than the letter says */
    if (!circle_find(tx->store, scope, &found, &circle, err))
        return false;
    if (!found) {
        struct err why = {0};
        if (!first)
            return true; /* nothing to go by */
        circle_row_fill(&circle, inner->body);
        if (!circle_is_steward(&circle, identity_node(tx->self)))
            return true;
        if (!circle_row_save(tx, &circle, &why))
            return why.code == ERR_LIMIT || err_set(err, why.code, "%s", why.msg);
    }
    *ret = circle_is_steward(&circle, identity_node(tx->self));
    return !*ret || circle_propose(tx, &circle, inner->envelope.bytes, &done, err);
}

/* One object and the keys it needs; what is not taken leaves nothing, its keys neither. */
static bool take_inner(struct tx *tx, const letter_message *letter, const struct oid *scope,
                       struct bytes bytes, struct err *err)
{
    struct inbound_object inner;
    bool usable, taken = false;
    size_t effects = tx->effects.count;
    if (!store_exec(tx->store, "SAVEPOINT circle_object", err) ||
        !take_keys_for(tx, letter, bytes, err) || !open_inner(tx, bytes, &inner, &usable, err))
        return false;
    if (usable && !(letter->kind == LETTER(PROPOSAL) ? take_proposal(tx, scope, &inner, &taken, err)
                                                     : take_object(tx, &inner, &taken, err)))
        return false;
    if (!taken) {
        tx->effects.count = effects;
        if (!store_exec(tx->store, "ROLLBACK TO circle_object", err))
            return false;
    }
    return store_exec(tx->store, "RELEASE circle_object", err);
}

bool circle_letter_apply(struct tx *tx, const struct inbound_object *object,
                         struct disposition *ret, struct err *err)
{
    const letter_message *letter = object->body;
    struct oid scope;
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    if (!oid_from(wire_bytes(letter->circle), &scope))
        return false;
    if (letter->kind == LETTER(ASK))
        return take_ask(tx, &scope, object, letter, err);
    for (size_t i = 0; i < letter->n_object; i++) {
        if (!take_inner(tx, letter, &scope, wire_bytes(letter->object[i]), err))
            return false;
    }
    return true;
}
