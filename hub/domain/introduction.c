#include "hub/domain/introduction.h"

#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/authoring.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/route.h"
#include "hub/outbox/outbox.h"
#include "maillon/hfp/v1/circle.pb-c.h"

#include <strings.h>

#define LIST_MAX 500

/* ---- sending ---- */

static bool get_accepted(struct tx *tx, const struct node_id *node, struct relation *ret,
                         struct err *err)
{
    bool found;
    if (!relation_find(tx->store, node, &found, ret, err))
        return false;
    return (found && relation_is_accepted(ret)) ||
           err_set(err, ERR_CONFLICT, "only accepted peers can be introduced to each other");
}

/* Events that fit: the whole log or none, for a beginning alone proves less than it seems. */
static bool add_kel(struct tx *tx, const struct node_id *node,
                    Maillon__Hfp__V1__Introduction *introduction, struct err *err)
{
    struct bytes *events;
    size_t count, size = 0;
    if (!node_keys_events(tx->store, tx->arena, node, 0, &events, &count, err))
        return false;
    for (size_t i = 0; i < count; i++)
        size += events[i].len;
    if (size > INTRODUCTION_KEL_MAX)
        return true;
    introduction->kel = arena_alloc(tx->arena, (count + 1) * sizeof(*introduction->kel));
    for (size_t i = 0; i < count; i++)
        introduction->kel[introduction->n_kel++] = wire_data(events[i]);
    return true;
}

static bool send_one(struct tx *tx, const struct relation *to, const struct relation *about,
                     const char *text, struct err *err)
{
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Introduction introduction;
    char *routes[3];
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__introduction__init(&introduction);
    if (!authoring_head(tx, &head, err) || !add_kel(tx, &about->node, &introduction, err))
        return false;
    head.seq = 1;
    head.expires_s = head.created_s + INTRODUCTION_LIFE_S;
    introduction.head = &head;
    introduction.recipient = wire_data(node_id_bytes(&to->node));
    introduction.node = wire_data(node_id_bytes(&about->node));
    introduction.name = arena_text(tx->arena, about->name);
    introduction.text = arena_text(tx->arena, text);
    for (size_t i = 0; i < about->route_count; i++)
        routes[introduction.n_route++] = arena_text(tx->arena, about->routes[i]);
    introduction.route = routes;
    struct parcel_draft draft = {
        .peer = &to->node,
        .type = TYPE_INTRODUCTION,
        .body = wire_pack_arena(&introduction, tx->arena),
        .expires_s = head.expires_s,
        .lane = 1,
    };
    return outbox_send(tx, &draft, NULL, err) || err_wrap(err, "introduce a peer");
}

bool introduction_send(struct tx *tx, const struct node_id *a, const struct node_id *b,
                       const char *text, struct err *err)
{
    struct relation one, two;
    if (node_id_equal(a, b))
        return err_set(err, ERR_INVALID, "a hub cannot be introduced to itself");
    if (strlen(text) > INTRODUCTION_TEXT_MAX || !text_is_valid(bytes_text(text)))
        return err_set(err, ERR_INVALID, "the text has at most %d bytes", INTRODUCTION_TEXT_MAX);
    return get_accepted(tx, a, &one, err) && get_accepted(tx, b, &two, err) &&
           send_one(tx, &one, &two, text, err) && send_one(tx, &two, &one, text, err) &&
           audit_add(tx, tx->actor ? tx->actor : "hub", "peer.introduce", NULL, err);
}

/* ---- receiving ---- */

bool introduction_check(const void *body, struct bytes payload, struct err *err)
{
    const Maillon__Hfp__V1__Introduction *introduction = body;
    size_t size = 0;
    if (payload.len || introduction->node.len != NODE_ID_BYTES)
        return err_set(err, ERR_PEER, "introduction is malformed");
    if (!introduction->name[0] || strlen(introduction->name) >= RELATION_NAME_MAX ||
        strlen(introduction->text) > INTRODUCTION_TEXT_MAX || introduction->n_route > ROUTES_MAX ||
        introduction->n_kel > KEL_EVENTS_MAX)
        return err_set(err, ERR_PEER, "introduction is malformed: too long");
    for (size_t i = 0; i < introduction->n_route; i++) {
        if (!route_is_valid(introduction->route[i]))
            return err_set(err, ERR_PEER, "introduction is malformed: address");
    }
    for (size_t i = 0; i < introduction->n_kel; i++)
        size += introduction->kel[i].len;
    return size <= INTRODUCTION_KEL_MAX ||
           err_set(err, ERR_PEER, "introduction is malformed: keys");
}

static bool forget_oldest(struct tx *tx, const struct node_id *source, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "DELETE FROM introduction WHERE source = ?1 AND id NOT IN"
                                 " (SELECT id FROM introduction WHERE source = ?1"
                                 " ORDER BY id DESC LIMIT ?2)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(source));
    stmt_bind_i64(stmt, 2, INTRODUCTIONS_MAX - 1);
    return stmt_run(stmt, err);
}

static bool store_one(struct tx *tx, const struct node_id *node, const struct node_id *source,
                      const Maillon__Hfp__V1__Introduction *introduction, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO introduction (node, source, name, routes, text, kel, state,"
                 " received_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'open', ?7)"
                 " ON CONFLICT (node, source) DO UPDATE SET name = excluded.name,"
                 " routes = excluded.routes, text = excluded.text, kel = excluded.kel,"
                 " received_ms = excluded.received_ms, state = CASE WHEN"
                 " introduction.state = 'forgotten' THEN 'forgotten' ELSE 'open' END",
                 err);
    if (!stmt)
        return false;
    AUTO(buf_done) struct buf kel = {0};
    for (size_t i = 0; i < introduction->n_kel; i++) {
        buf_add_u32le(&kel, (uint32_t)introduction->kel[i].len);
        buf_add_bytes(&kel, wire_bytes(introduction->kel[i]));
    }
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_bytes(stmt, 2, node_id_bytes(source));
    stmt_bind_text(stmt, 3, introduction->name);
    stmt_bind_text(
        stmt, 4,
        routes_join(tx->arena, (const char *const *)introduction->route, introduction->n_route));
    stmt_bind_text(stmt, 5, introduction->text);
    stmt_bind_bytes(stmt, 6, kel.len ? buf_bytes(&kel) : BYTES_LITERAL(""));
    stmt_bind_i64(stmt, 7, tx->now.ms);
    return stmt_run(stmt, err) || err_wrap(err, "keep an introduction");
}

bool introduction_apply(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                        struct err *err)
{
    const Maillon__Hfp__V1__Introduction *introduction = object->body;
    struct node_id node;
    struct relation relation;
    bool found;
    char text[NODE_ID_TEXT];
    ret->state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    if (!node_id_from(wire_bytes(introduction->node), &node))
        return false;
    if (node_id_equal(&node, identity_node(tx->self)))
        return true;
    if (!relation_find(tx->store, &node, &found, &relation, err))
        return false;
    /* Who is known here already needs no introduction; who is blocked gets none. */
    if (found && (relation.ours == DECISION_ACCEPTED || relation.ours == DECISION_BLOCKED))
        return true;
    return forget_oldest(tx, &object->from, err) &&
           store_one(tx, &node, &object->from, introduction, err) &&
           tx_event(tx, "peer", node_id_text(&node, text), "introduced", err);
}

/* ---- suggestions ---- */

#define COLUMNS "id, node, source, name, routes, text, received_ms"

static bool row_read(struct stmt *stmt, struct introduction *ret, struct err *err)
{
    *ret = (struct introduction){.id = stmt_i64(stmt, 0), .received_ms = stmt_i64(stmt, 6)};
    if (!stmt_copy(stmt, 1, ret->node.b, NODE_ID_BYTES) ||
        !stmt_copy(stmt, 2, ret->source.b, NODE_ID_BYTES))
        return err_set(err, ERR_IO, "an introduction row cannot be read");
    text_copy(ret->name, sizeof(ret->name), stmt_text(stmt, 3));
    ret->route_count = routes_split(stmt_text(stmt, 4), ret->routes[0], RELATION_ROUTE_MAX);
    text_copy(ret->text, sizeof(ret->text), stmt_text(stmt, 5));
    return true;
}

bool introduction_list(struct store *store, struct arena *arena, struct introduction **ret,
                       size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT " COLUMNS " FROM introduction WHERE state = 'open'"
                                 " ORDER BY id DESC LIMIT ?1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, LIST_MAX);
    struct introduction *list = NULL;
    size_t count = 0, cap = 0;
    for (bool row;; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list introductions");
        if (!row)
            break;
        if (count == cap) {
            struct introduction *grown =
                arena_alloc(arena, (cap = cap ? cap * 2 : 8) * sizeof(*list));
            if (count)
                memcpy(grown, list, count * sizeof(*list));
            list = grown;
        }
        if (!row_read(stmt, &list[count], err))
            return false;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool introduction_find(struct store *store, const char *text, struct introduction *ret,
                       struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct introduction *list;
    size_t count, found = 0;
    int64_t number;
    if (!introduction_list(store, arena, &list, &count, err))
        return false;
    bool numbered = text_parse_i64(text, &number);
    const char *folded = text_fold(arena, bytes_text(text));
    for (size_t i = 0; i < count; i++) {
        char id[NODE_ID_TEXT];
        const char *name = text_fold(arena, bytes_text(list[i].name));
        size_t len = strlen(text);
        if (!(numbered && list[i].id == number) &&
            !(name && folded && *folded && strcmp(name, folded) == 0) &&
            !(len >= 6 && strncasecmp(node_id_text(&list[i].node, id), text, len) == 0))
            continue;
        if (found && node_id_equal(&ret->node, &list[i].node))
            continue; /* by two sources: the newer one counts */
        *ret = list[i];
        found++;
    }
    if (found > 1)
        return err_set(err, ERR_INVALID, "%zu suggestions fit: give the number", found);
    return found || err_set(err, ERR_UNKNOWN, "no such suggestion: hubctl peer suggestions");
}

static bool set_state(struct tx *tx, const struct node_id *node, const char *state, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE introduction SET state = ?2 WHERE node = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_text(stmt, 2, state);
    return stmt_run(stmt, err);
}

/* What the introducer knew of its keys; the handshake proves them again. */
static bool take_keys(struct tx *tx, int64_t id, const struct node_id *node, struct err *err)
{
    struct bytes events[KEL_EVENTS_MAX], all = {0};
    size_t count = 0;
    struct err why = {0};
    {
        AUTO(stmt_release)
        struct stmt *stmt = stmt_get(tx->store, "SELECT kel FROM introduction WHERE id = ?1", err);
        bool row;
        if (!stmt)
            return false;
        stmt_bind_i64(stmt, 1, id);
        if (!stmt_next(stmt, &row, err))
            return false;
        if (row)
            all = arena_bytes(tx->arena, stmt_bytes(stmt, 0));
    }
    for (size_t at = 0; at + 4 <= all.len && count < KEL_EVENTS_MAX;) {
        uint32_t len = (uint32_t)all.data[at] | (uint32_t)all.data[at + 1] << 8 |
                       (uint32_t)all.data[at + 2] << 16 | (uint32_t)all.data[at + 3] << 24;
        if (len > all.len - at - 4)
            break;
        events[count++] = bytes_of(all.data + at + 4, len);
        at += 4 + len;
    }
    if (!count || node_keys_add(tx, node, events, count, &why) || why.code != ERR_IO)
        return true; /* keys that do not hold: the hub itself will show its own */
    *err = why;
    return false;
}

bool introduction_accept(struct tx *tx, const struct introduction *introduction, struct err *err)
{
    const char *routes[3];
    for (size_t i = 0; i < introduction->route_count; i++)
        routes[i] = introduction->routes[i];
    return take_keys(tx, introduction->id, &introduction->node, err) &&
           relation_ask_introduced(tx, &introduction->node, introduction->name, routes,
                                   introduction->route_count, &introduction->source, err) &&
           set_state(tx, &introduction->node, "accepted", err);
}

bool introduction_forget(struct tx *tx, const struct introduction *introduction, struct err *err)
{
    return set_state(tx, &introduction->node, "forgotten", err) &&
           audit_add(tx, tx->actor ? tx->actor : "hub", "peer.forget-introduction", NULL, err);
}
