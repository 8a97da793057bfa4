/* What the other side's frames and objects do to relations. */
#include "hub/domain/circle.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/relation_internal.h"
#include "hub/domain/relay.h"
#include "hub/domain/route.h"

#include "hub/base/text.h"

static bool take_text(char *out, size_t size, const char *text, const char *what, struct err *err)
{
    if (strlen(text) >= size)
        return err_set(err, ERR_PEER, "%s of a peer is longer than %zu bytes", what, size - 1);
    text_copy(out, size, text);
    return true;
}

static bool take_routes(struct relation *relation, const char *const *routes, size_t count,
                        struct err *err)
{
    if (count > ROUTES_MAX)
        return err_set(err, ERR_PEER, "a peer has more than %d addresses", ROUTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (!route_is_valid(routes[i]))
            return err_set(err, ERR_PEER, "an address of a peer is malformed");
    }
    for (size_t i = 0; i < count; i++)
        text_copy(relation->routes[i], RELATION_ROUTE_MAX, routes[i]);
    relation->route_count = count;
    return true;
}

/* Single use: true in *ret_valid at most once for each secret. */
static bool use_invite(struct tx *tx, struct bytes secret, const struct node_id *node,
                       bool *ret_valid, struct err *err)
{
    *ret_valid = false;
    if (secret.len != INVITE_BYTES)
        return true;
    uint8_t hash[32];
    digest_sha256(secret, hash);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "UPDATE invite SET used_ms = ?2, used_by = ?3"
                                 " WHERE hash = ?1 AND used_ms = 0 AND expires_s > ?4",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(stmt, 2, tx->now.ms);
    stmt_bind_bytes(stmt, 3, node_id_bytes(node));
    stmt_bind_i64(stmt, 4, tx->now.ms / 1000);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "look at an invite");
    *ret_valid = store_changes(tx->store) == 1;
    return true;
}

/* One of the two sides did something about the other before: asking again needs no invite. */
static bool is_known(const struct relation *relation)
{
    switch (relation->ours) {
    case DECISION_ACCEPTED:
    case DECISION_WAITING:
        return true;
    case DECISION_PAUSED: /* after unblocking it also covers hubs that never asked */
        return relation->theirs != DECISION_NONE;
    case DECISION_NONE:
    case DECISION_BLOCKED:
    case DECISION_REFUSED:
    case DECISION_LEFT:
        return false;
    }
    return false;
}

static bool record_request(struct tx *tx, struct relation_row *row, const char *name,
                           const char *text, const char *const *routes, size_t route_count,
                           struct err *err)
{
    struct relation *relation = &row->relation;
    bool is_new = relation->id == 0;
    bool same = relation->theirs == DECISION_ACCEPTED && strcmp(relation->text, text) == 0;
    /* A signed entry is worth more than what the request says. */
    if (row->entry_version == 0 &&
        (!take_text(relation->name, sizeof(relation->name), name, "the name", err) ||
         (route_count > 0 && !take_routes(relation, routes, route_count, err))))
        return false;
    if (!take_text(relation->text, sizeof(relation->text), text, "the greeting", err))
        return false;
    relation->theirs = DECISION_ACCEPTED; /* who asks has decided */
    if (!relation_row_save(tx, row, err))
        return false;
    return same || relation_note(tx, "peer", "peer.request", &relation->node,
                                 is_new ? "created" : "changed", err);
}

/* Was this hub introduced here by a peer that still counts? Then its request is worth a look. */
static bool is_introduced(struct tx *tx, const struct node_id *node, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT 1 FROM introduction i JOIN peer p ON p.node = i.source"
                                 " WHERE i.node = ?1 AND i.state <> 'forgotten'"
                                 " AND p.ours = 'accepted' LIMIT 1",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    return stmt_next(stmt, ret, err) || err_wrap(err, "look for an introduction");
}

/* What lets a hub ask at all, strongest first (R-AB-3): a circle accepts it at once, for notices
 * only; an invite and an introduction put it before a person. */
static bool admit_request(struct tx *tx, struct relation_row *row, bool invited, bool *ret,
                          struct err *err)
{
    struct relation *relation = &row->relation;
    struct oid scope;
    bool by_circle, introduced;
    if (!circle_auto_accepts(tx->store, &relation->node, &by_circle, &scope, err) ||
        !is_introduced(tx, &relation->node, &introduced, err))
        return false;
    bool undecided = relation->ours == DECISION_NONE || relation->ours == DECISION_WAITING;
    *ret = invited || introduced || is_known(relation) || (undecided && by_circle);
    if (undecided && by_circle) {
        relation_row_accept(tx, row, PROVENANCE_CIRCLE, oid_bytes(&scope));
    } else if (*ret && !is_known(relation)) {
        relation->ours = DECISION_WAITING;
        relation->provenance = invited ? PROVENANCE_INVITE : PROVENANCE_OWN;
    }
    return true;
}

bool relation_on_request(struct tx *tx, const struct node_id *node, const char *name,
                         const char *text, struct bytes invite, const char *const *routes,
                         size_t route_count, enum decision *ret_answer, struct err *err)
{
    struct relation_row row = {.relation.node = *node};
    struct relation *relation = &row.relation;
    bool found, invited, admitted;
    if (!relation_row_find(tx->store, node, &found, &row, err))
        return false;
    if (relation->ours == DECISION_BLOCKED) {
        *ret_answer = DECISION_REFUSED;
        return true;
    }
    if (!use_invite(tx, invite, node, &invited, err) ||
        !admit_request(tx, &row, invited, &admitted, err))
        return false;
    if (!admitted) {
        *ret_answer = relation->ours == DECISION_LEFT ? DECISION_LEFT : DECISION_REFUSED;
        return true;
    }
    if (!record_request(tx, &row, name, text, routes, route_count, err))
        return false;
    *ret_answer = relation->ours;
    return true;
}

bool relation_on_answer(struct tx *tx, const struct node_id *node, const char *name,
                        enum decision theirs, struct err *err)
{
    if (theirs == DECISION_NONE || theirs == DECISION_BLOCKED)
        return err_set(err, ERR_PEER, "a peer answered with a decision that is never told");
    struct relation_row row;
    bool found;
    if (!relation_row_find(tx->store, node, &found, &row, err))
        return false;
    if (!found)
        return err_set(err, ERR_PEER, "a peer answered although nobody asked");
    struct relation *relation = &row.relation;
    if (relation->ours == DECISION_BLOCKED)
        return true;
    bool decided = theirs != relation->theirs;
    bool named = row.entry_version == 0 && *name && strcmp(name, relation->name) != 0;
    bool answered = relation->has_invite && theirs != DECISION_WAITING;
    if (!decided && !named && !answered)
        return true;
    if (named && !take_text(relation->name, sizeof(relation->name), name, "the name", err))
        return false;
    relation->theirs = theirs;
    if (answered) {
        relation->has_invite = false;
        memset(relation->invite, 0, sizeof(relation->invite));
    }
    return relation_row_save(tx, &row, err) &&
           (!decided || relation_note(tx, "peer", "peer.answer", node, decision_name(theirs), err));
}

bool relation_add_kel(struct tx *tx, const struct node_id *node, const struct bytes *events,
                      size_t count, struct err *err)
{
    struct relation_row row;
    return relation_row_get(tx->store, node, &row, err) &&
           node_keys_add(tx, node, events, count, err);
}

static bool replace_keys(struct tx *tx, int64_t peer, const Maillon__Hfp__V1__DirectoryEntry *entry,
                         struct err *err)
{
    AUTO(stmt_release)
    struct stmt *clear = stmt_get(tx->store, "DELETE FROM peer_enc_key WHERE peer = ?1", err);
    AUTO(stmt_release)
    struct stmt *add = stmt_get(tx->store,
                                "INSERT INTO peer_enc_key (peer, position, key, from_s, until_s)"
                                " VALUES (?1, ?2, ?3, ?4, ?5)",
                                err);
    if (!clear || !add)
        return false;
    stmt_bind_i64(clear, 1, peer);
    if (!stmt_run(clear, err))
        return false;
    for (size_t i = 0; i < entry->n_enc_key; i++) {
        const Maillon__Hfp__V1__EncKey *key = entry->enc_key[i];
        stmt_bind_i64(add, 1, peer);
        stmt_bind_i64(add, 2, (int64_t)i);
        stmt_bind_bytes(add, 3, bytes_of(key->key.data, key->key.len));
        stmt_bind_i64(add, 4, (int64_t)key->accept_from_s);
        stmt_bind_i64(add, 5, (int64_t)key->accept_until_s);
        if (!stmt_run(add, err))
            return false;
        stmt_reset(add);
    }
    return true;
}

bool relation_set_entry(struct tx *tx, const struct node_id *node,
                        const Maillon__Hfp__V1__DirectoryEntry *entry, struct err *err)
{
    struct relation_row row;
    if (!relation_row_get(tx->store, node, &row, err))
        return false;
    if (entry->version <= row.entry_version)
        return err_set(err, ERR_CONFLICT, "version %u of an entry is not newer than %u",
                       (unsigned)entry->version, (unsigned)row.entry_version);
    struct relation *relation = &row.relation;
    if (!take_text(relation->name, sizeof(relation->name), entry->name, "the name", err) ||
        !take_text(relation->phone, sizeof(relation->phone), entry->phone, "the phone", err))
        return false;
    /* A hub that only dials out lists no address: what its invite said may still work. */
    if (entry->n_route > 0 &&
        !take_routes(relation, (const char *const *)entry->route, entry->n_route, err))
        return false;
    relation->tls_proxied = entry->tls_proxied;
    text_copy(relation->commune, sizeof(relation->commune), entry->commune);
    row.entry_version = entry->version;
    return replace_keys(tx, relation->id, entry, err) && relation_row_save(tx, &row, err) &&
           relay_on_entry(tx, node, entry, err) &&
           relation_note(tx, "peer", "peer.entry", node, "changed", err) &&
           relation_ask_circle(tx, node, err);
}

bool relation_doubt_entry(struct tx *tx, const struct node_id *node, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE peer SET entry_version = 0 WHERE node = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    return stmt_run(stmt, err);
}

bool relation_touch(struct tx *tx, const struct node_id *node, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "UPDATE peer SET last_contact_ms = ?2 WHERE node = ?1 AND last_contact_ms < ?2",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, tx->now.ms);
    return stmt_run(stmt, err);
}
