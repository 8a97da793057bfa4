#include "hub/domain/relation.h"

#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/relation_internal.h"
#include "hub/domain/route.h"

#include <strings.h>

#define PREFIX_MIN 6

static const char *const decision_names[] = {
    [DECISION_NONE] = "none",     [DECISION_WAITING] = "waiting", [DECISION_ACCEPTED] = "accepted",
    [DECISION_PAUSED] = "paused", [DECISION_BLOCKED] = "blocked", [DECISION_REFUSED] = "refused",
    [DECISION_LEFT] = "left",
};

static const struct {
    enum peer_switch bit;
    const char *name;
} switches[] = {
    {SWITCH_NOTICES_IN, "notices-in"},
    {SWITCH_NOTICES_OUT, "notices-out"},
    {SWITCH_ASK_AROUND, "ask-around"},
    {SWITCH_REFERRALS, "referrals"},
};

static const char *const provenance_names[] = {
    [PROVENANCE_OWN] = "",
    [PROVENANCE_INVITE] = "invite",
    [PROVENANCE_CIRCLE] = "circle",
    [PROVENANCE_INTRODUCED] = "introduced",
};

const char *provenance_name(enum provenance provenance)
{
    return provenance_names[provenance];
}

static enum provenance provenance_of(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(provenance_names); i++) {
        if (strcmp(name, provenance_names[i]) == 0)
            return (enum provenance)i;
    }
    return PROVENANCE_OWN;
}

const char *decision_name(enum decision decision)
{
    return decision_names[decision];
}

static enum decision decision_of(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_LEN(decision_names); i++) {
        if (strcmp(name, decision_names[i]) == 0)
            return (enum decision)i;
    }
    return DECISION_NONE;
}

unsigned peer_switch_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
        if (strcmp(name, switches[i].name) == 0)
            return switches[i].bit;
    }
    return 0;
}

bool relation_is_accepted(const struct relation *relation)
{
    return relation->ours == DECISION_ACCEPTED && relation->theirs == DECISION_ACCEPTED &&
           !relation->suspension_over;
}

const char *relation_state(const struct relation *relation)
{
    enum decision ours = relation->ours, theirs = relation->theirs;
    if (ours == DECISION_WAITING && theirs == DECISION_LEFT)
        return decision_name(theirs); /* nobody waits for our answer any more */
    if (ours != DECISION_ACCEPTED)
        return decision_name(ours);
    if (theirs == DECISION_NONE || theirs == DECISION_WAITING)
        return "requested";
    if (theirs == DECISION_ACCEPTED && relation->suspended.ms)
        return "suspended";
    return decision_name(theirs);
}

bool relation_is_hindered(const struct relation *relation)
{
    static const char *const states[] = {"blocked", "paused", "suspended", "left"};
    const char *state = relation_state(relation);
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(states[i], state) == 0)
            return true;
    return false;
}

#define COLUMNS                                                                                  \
    "id, node, name, text, greeting, phone, ours, theirs, switches, local, tls_proxied, routes," \
    " invite, last_contact_ms, changed_ms, entry_version, accepted_ms, provenance,"              \
    " provenance_id, suspended_ms, suspension_over, join_circle, commune"

static bool row_read(struct stmt *stmt, struct relation_row *ret, struct err *err)
{
    *ret = (struct relation_row){0};
    struct relation *relation = &ret->relation;
    relation->id = stmt_i64(stmt, 0);
    if (!stmt_copy(stmt, 1, relation->node.b, sizeof(relation->node.b)))
        return err_set(err, ERR_IO, "the node id of peer row %lld is damaged",
                       (long long)relation->id);
    text_copy(relation->name, sizeof(relation->name), stmt_text(stmt, 2));
    text_copy(relation->text, sizeof(relation->text), stmt_text(stmt, 3));
    text_copy(relation->greeting, sizeof(relation->greeting), stmt_text(stmt, 4));
    text_copy(relation->phone, sizeof(relation->phone), stmt_text(stmt, 5));
    relation->ours = decision_of(stmt_text(stmt, 6));
    relation->theirs = decision_of(stmt_text(stmt, 7));
    relation->switches_set = (unsigned)stmt_i64(stmt, 8);
    relation->local = stmt_i64(stmt, 9) != 0;
    relation->tls_proxied = stmt_i64(stmt, 10) != 0;
    relation->route_count =
        routes_split(stmt_text(stmt, 11), relation->routes[0], RELATION_ROUTE_MAX);
    relation->has_invite = stmt_copy(stmt, 12, relation->invite, INVITE_BYTES);
    relation->last_contact_ms = stmt_i64(stmt, 13);
    relation->changed.ms = stmt_i64(stmt, 14);
    ret->entry_version = (uint32_t)stmt_i64(stmt, 15);
    ret->accepted_ms = stmt_i64(stmt, 16);
    relation->provenance = provenance_of(stmt_text(stmt, 17));
    if (!stmt_copy(stmt, 18, relation->provenance_id, NODE_ID_BYTES) &&
        (relation->provenance == PROVENANCE_CIRCLE ||
         relation->provenance == PROVENANCE_INTRODUCED))
        relation->provenance = PROVENANCE_OWN;
    relation->suspended.ms = stmt_i64(stmt, 19);
    relation->suspension_over = stmt_i64(stmt, 20) != 0;
    relation->has_join_circle = stmt_copy(stmt, 21, relation->join_circle.b, OID_BYTES);
    text_copy(relation->commune, sizeof(relation->commune), stmt_text(stmt, 22));
    relation->switches = relation->suspended.ms ? 0 : relation->switches_set;
    return true;
}

bool relation_row_find(struct store *store, const struct node_id *node, bool *ret_found,
                       struct relation_row *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT " COLUMNS " FROM peer WHERE node = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "find peer");
    if (row && !row_read(stmt, ret, err))
        return false;
    *ret_found = row;
    return true;
}

bool relation_row_get(struct store *store, const struct node_id *node, struct relation_row *ret,
                      struct err *err)
{
    bool found;
    if (!relation_row_find(store, node, &found, ret, err))
        return false;
    char text[NODE_ID_SHORT];
    return found || err_set(err, ERR_UNKNOWN, "no peer %s here", node_id_short(node, text));
}

bool relation_kel_events(struct store *store, struct arena *arena, const struct node_id *node,
                         struct bytes **ret, size_t *ret_count, struct err *err)
{
    return node_keys_events(store, arena, node, 0, ret, ret_count, err);
}

bool relation_read_kel(struct store *store, struct relation *relation, struct err *err)
{
    bool found;
    struct kel kel;
    if (!node_keys_read(store, &relation->node, &found, &kel, err))
        return err_wrap(err, "peer");
    if (found)
        relation->kel = kel;
    return true;
}

bool relation_find(struct store *store, const struct node_id *node, bool *ret_found,
                   struct relation *ret, struct err *err)
{
    struct relation_row row;
    bool found;
    if (!relation_row_find(store, node, &found, &row, err))
        return false;
    if (found)
        *ret = row.relation;
    *ret_found = found;
    return true;
}

bool relation_row_id(struct store *store, const struct node_id *node, int64_t *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT id FROM peer WHERE node = ?1", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

struct match {
    size_t exact, count;
    struct node_id node;
};

/* How well a peer fits what somebody typed: 2 by name or id, 1 by a prefix of the id, 0 not. */
static unsigned fit(struct arena *arena, const struct node_id *node, const char *name,
                    const char *wanted, const char *wanted_folded)
{
    char text[NODE_ID_TEXT];
    size_t len = strlen(wanted);
    if (len >= PREFIX_MIN && strncasecmp(node_id_text(node, text), wanted, len) == 0)
        return 1;
    char *folded = text_fold(arena, bytes_text(name));
    return folded && *folded && strcmp(folded, wanted_folded) == 0 ? 2 : 0;
}

static bool find_match(struct store *store, const char *wanted, struct match *ret, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    const char *folded = text_fold(arena, bytes_text(wanted));
    if (!folded)
        return err_set(err, ERR_INVALID, "the name of a peer must be valid UTF-8");
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, "SELECT node, name FROM peer", err);
    if (!stmt)
        return false;
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "look through the peers");
        if (!row)
            return true;
        struct node_id node;
        if (!stmt_copy(stmt, 0, node.b, sizeof(node.b)))
            continue;
        unsigned level = fit(arena, &node, stmt_text(stmt, 1), wanted, folded);
        if (level == 0 || (level == 1 && ret->exact > 0))
            continue;
        if (level == 2 && ret->exact == 0)
            ret->count = 0; /* a name beats ids that happen to start with it */
        ret->exact += level == 2;
        ret->count++;
        ret->node = node;
    }
}

bool relation_resolve(struct store *store, const char *text, struct relation *ret, struct err *err)
{
    struct match match = {0};
    if (node_id_parse(text, &match.node))
        match.count = 1;
    else if (!find_match(store, text, &match, err))
        return false;
    if (match.count > 1)
        return err_set(err, ERR_INVALID, "%zu peers fit: give more characters of the id",
                       match.count);
    bool found = false;
    if (match.count == 1 && !relation_find(store, &match.node, &found, ret, err))
        return false;
    return found ||
           err_set(err, ERR_UNKNOWN,
                   "no such peer: give its name, its id or the first %d characters of its id",
                   PREFIX_MIN);
}

bool relation_list(struct store *store, struct arena *arena, struct relation **ret,
                   size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT " COLUMNS " FROM peer ORDER BY lower(name), id", err);
    if (!stmt)
        return false;
    struct relation *list = NULL;
    size_t count = 0, cap = 0;
    for (bool row;; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list the peers");
        if (!row)
            break;
        if (count == cap) {
            struct relation *grown = arena_alloc(arena, (cap = cap ? cap * 2 : 8) * sizeof(*list));
            if (count > 0)
                memcpy(grown, list, count * sizeof(*list));
            list = grown;
        }
        struct relation_row one;
        if (!row_read(stmt, &one, err))
            return false;
        list[count] = one.relation;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool relation_enc_key(struct store *store, const struct node_id *node, struct wall now,
                      uint8_t ret_key[X25519_KEY_BYTES], struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT k.key, k.from_s FROM peer p"
                                 " JOIN peer_enc_key k ON k.peer = p.id"
                                 " WHERE p.node = ?1 AND k.from_s <= ?2 ORDER BY k.position",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    /* Their clock may be ahead of ours by as much as an object may come from the future. */
    stmt_bind_i64(stmt, 2, now.ms / 1000 + OBJECT_FUTURE_S);
    /*
     * The newest; a sort in SQL would cost more than all the rest. Past its end too: a peer that
     * was away for weeks still opens it, and if not it says so and gets it sealed to its new key
     * (R-ID-6, R-PD-2).
     */
    bool found = false, is_whole = true;
    int64_t newest = 0;
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "find the sealing key of a peer");
        if (!row)
            break;
        if (found && stmt_i64(stmt, 1) <= newest)
            continue;
        found = true;
        newest = stmt_i64(stmt, 1);
        is_whole = stmt_copy(stmt, 0, ret_key, X25519_KEY_BYTES);
    }
    char text[NODE_ID_SHORT];
    if (!found)
        return err_set(err, ERR_CONFLICT,
                       "%s has not sent its keys yet: it does so when it is connected",
                       node_id_short(node, text));
    return is_whole || err_set(err, ERR_IO, "the sealing key of a peer is damaged");
}

static void bind_row(struct stmt *stmt, struct arena *arena, const struct relation_row *row)
{
    const struct relation *relation = &row->relation;
    const char *routes[ROUTES_MAX];
    for (size_t i = 0; i < relation->route_count; i++)
        routes[i] = relation->routes[i];
    stmt_bind_bytes(stmt, 1, node_id_bytes(&relation->node));
    stmt_bind_text(stmt, 2, relation->name);
    stmt_bind_text(stmt, 3, relation->text);
    stmt_bind_text(stmt, 4, relation->greeting);
    stmt_bind_text(stmt, 5, relation->phone);
    stmt_bind_text(stmt, 6, decision_name(relation->ours));
    stmt_bind_text(stmt, 7, decision_name(relation->theirs));
    stmt_bind_i64(stmt, 8, relation->switches_set);
    stmt_bind_i64(stmt, 9, relation->local);
    stmt_bind_i64(stmt, 10, relation->tls_proxied);
    stmt_bind_text(stmt, 11, routes_join(arena, routes, relation->route_count));
    stmt_bind_bytes(stmt, 12,
                    relation->has_invite ? bytes_of(relation->invite, INVITE_BYTES)
                                         : (struct bytes){0});
    stmt_bind_i64(stmt, 13, relation->changed.ms);
    stmt_bind_i64(stmt, 14, row->entry_version);
    stmt_bind_i64(stmt, 15, row->accepted_ms);
    stmt_bind_text(stmt, 16, provenance_name(relation->provenance));
    stmt_bind_bytes(stmt, 17, bytes_of(relation->provenance_id, NODE_ID_BYTES));
    stmt_bind_i64(stmt, 18, relation->suspended.ms);
    stmt_bind_i64(stmt, 19, relation->suspension_over);
    stmt_bind_bytes(stmt, 20,
                    relation->has_join_circle ? oid_bytes(&relation->join_circle)
                                              : (struct bytes){0});
    stmt_bind_text(stmt, 21, relation->commune);
}

bool relation_row_save(struct tx *tx, struct relation_row *row, struct err *err)
{
    row->relation.changed = tx->now;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO peer (node, name, text, greeting, phone, ours, theirs, switches,"
                 " local, tls_proxied, routes, invite, changed_ms, entry_version, accepted_ms,"
                 " provenance, provenance_id, suspended_ms, suspension_over, join_circle, commune)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
                 " ?17, ?18, ?19, ?20, ?21)"
                 " ON CONFLICT (node) DO UPDATE SET name = excluded.name, text = excluded.text,"
                 " greeting = excluded.greeting, phone = excluded.phone, ours = excluded.ours,"
                 " theirs = excluded.theirs, switches = excluded.switches,"
                 " local = excluded.local, tls_proxied = excluded.tls_proxied,"
                 " routes = excluded.routes, invite = excluded.invite,"
                 " changed_ms = excluded.changed_ms, entry_version = excluded.entry_version,"
                 " accepted_ms = excluded.accepted_ms, provenance = excluded.provenance,"
                 " provenance_id = excluded.provenance_id, suspended_ms = excluded.suspended_ms,"
                 " suspension_over = excluded.suspension_over, join_circle = excluded.join_circle,"
                 " commune = excluded.commune",
                 err);
    if (!stmt)
        return false;
    bind_row(stmt, tx->arena, row);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "store a peer");
    if (row->relation.id == 0)
        row->relation.id = store_last_id(tx->store);
    tx_effect(tx, EFFECT_RELATION, &row->relation.node, 0);
    return true;
}

bool relation_note(struct tx *tx, const char *actor, const char *action, const struct node_id *node,
                   const char *verb, struct err *err)
{
    char text[NODE_ID_TEXT];
    return audit_add(tx, actor, action, NULL, err) &&
           tx_event(tx, "peer", node_id_text(node, text), verb, err);
}
