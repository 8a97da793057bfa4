/* Who relays for whom. */
#include "hub/domain/relay.h"

#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/card.h"
#include "hub/domain/circle.h"
#include "hub/domain/relation.h"

#define SUSPECT_MS 86400000 /* how long a relay is remembered to have lost something */

typedef Maillon__Hfp__V1__DirectoryEntry entry_message;

#define COLUMNS                                                                                 \
    "SELECT p.node, r.duty, r.home, r.granted, r.dials_only, r.homes, r.suspect, r.suspect_ms," \
    " p.ours = 'accepted' AND p.theirs = 'accepted'"                                            \
    " FROM peer p LEFT JOIN relay_peer r ON r.peer = p.id "

static void read_homes(struct bytes homes, struct relay_peer *ret)
{
    ret->home_count = homes.len / NODE_ID_BYTES;
    if (ret->home_count > RELAY_HOMES_MAX)
        ret->home_count = RELAY_HOMES_MAX;
    for (size_t i = 0; i < ret->home_count; i++)
        memcpy(ret->homes[i].b, homes.data + i * NODE_ID_BYTES, NODE_ID_BYTES);
}

/* R-RE-5: what was decided here, else what the charter of a shared circle says; only between hubs
 * that both accept (R-AB-4). */
static bool fill_duty(struct store *store, struct relay_peer *peer, bool accepted, struct err *err)
{
    peer->relays_for = accepted && peer->duty == RELAY_DUTY_ALLOWED;
    return !accepted || peer->duty != RELAY_DUTY_NONE ||
           circle_owes_relay(store, &peer->node, &peer->relays_for, err);
}

static bool read_peer(struct store *store, struct stmt *stmt, struct wall now,
                      struct relay_peer *ret, struct err *err)
{
    *ret = (struct relay_peer){0};
    if (!stmt_copy(stmt, 0, ret->node.b, NODE_ID_BYTES))
        return err_set(err, ERR_IO, "a node id is damaged");
    ret->duty = (enum relay_duty)stmt_i64(stmt, 1);
    ret->is_home = stmt_i64(stmt, 2) != 0;
    ret->granted = stmt_i64(stmt, 3) != 0;
    ret->dials_only = stmt_i64(stmt, 4) != 0;
    read_homes(stmt_bytes(stmt, 5), ret);
    if (stmt_i64(stmt, 7) > now.ms - SUSPECT_MS)
        ret->suspect = (uint32_t)stmt_i64(stmt, 6);
    return fill_duty(store, ret, stmt_i64(stmt, 8) != 0, err);
}

bool relay_peers(struct store *store, struct arena *arena, struct wall now, struct relay_peer **ret,
                 size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *count_all = stmt_get(store, "SELECT count(*) FROM peer", err);
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, COLUMNS "ORDER BY p.name, p.id", err);
    bool row;
    if (!count_all || !stmt || !stmt_next(count_all, &row, err))
        return false;
    size_t cap = (size_t)stmt_i64(count_all, 0), count = 0;
    struct relay_peer *list = arena_alloc(arena, (cap + 1) * sizeof *list);
    while (count < cap) {
        struct relay_peer peer;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list relays");
        if (!row)
            break;
        if (!read_peer(store, stmt, now, &peer, err))
            return err_wrap(err, "list relays");
        if (peer.relays_for || peer.duty || peer.is_home || peer.granted || peer.dials_only ||
            peer.home_count)
            list[count++] = peer;
    }
    *ret = list;
    *ret_count = count;
    return true;
}

bool relay_peer_find(struct store *store, const struct node_id *node, struct wall now,
                     struct relay_peer *ret, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, COLUMNS "WHERE p.node = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    bool row;
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read what a peer relays");
    *ret = (struct relay_peer){.node = *node};
    return !row || read_peer(store, stmt, now, ret, err);
}

/* ---- changing ---- */

static bool add_row(struct tx *tx, const struct node_id *node, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO relay_peer (peer) SELECT id FROM peer"
                                 " WHERE node = ?1 ON CONFLICT (peer) DO NOTHING",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    return stmt_run(stmt, err);
}

/** `sql` sets one column (?2) of the row of `node` (?1). */
static bool set_value(struct tx *tx, const char *sql, const struct node_id *node, int64_t value,
                      struct err *err)
{
    return stmt_run_for_bytes(tx->store, sql, node_id_bytes(node), value, err);
}

#define OF_NODE " WHERE peer = (SELECT id FROM peer WHERE node = ?1)"

static bool note(struct tx *tx, const char *actor, const char *action, const struct node_id *node,
                 struct err *err)
{
    char text[NODE_ID_TEXT];
    tx_effect(tx, EFFECT_RELATION, node, 0);
    return audit_add(tx, actor, action, NULL, err) &&
           tx_event(tx, "peer", node_id_text(node, text), "relay", err);
}

static const char *actor_of(const struct tx *tx)
{
    return tx->actor ? tx->actor : "hub";
}

static bool check_accepted(struct tx *tx, const struct node_id *node, struct err *err)
{
    struct relation relation;
    bool found;
    if (!relation_find(tx->store, node, &found, &relation, err))
        return false;
    if (!found)
        return err_set(err, ERR_UNKNOWN, "no such peer");
    return relation_is_accepted(&relation) ||
           err_set(err, ERR_CONFLICT, "this peer is not accepted by both sides yet");
}

bool relay_set_duty(struct tx *tx, const struct node_id *node, enum relay_duty duty,
                    struct err *err)
{
    static const char *const actions[] = {"relay.none", "relay.allow", "relay.refuse"};
    struct relay_peer peer;
    if (duty == RELAY_DUTY_ALLOWED && !check_accepted(tx, node, err))
        return false;
    if (!relay_peer_find(tx->store, node, tx->now, &peer, err))
        return false;
    if (peer.duty == duty)
        return true;
    return add_row(tx, node, err) &&
           set_value(tx, "UPDATE relay_peer SET duty = ?2" OF_NODE, node, duty, err) &&
           note(tx, actor_of(tx), actions[duty], node, err);
}

static bool publish(struct tx *tx, struct err *err)
{
    struct card card;
    return card_read(tx->store, &card, err) && (!card.version || card_publish(tx, &card, err));
}

bool relay_set_home(struct tx *tx, const struct node_id *node, bool is_home, struct err *err)
{
    struct relay_peer peer;
    if ((is_home && !check_accepted(tx, node, err)) ||
        !relay_peer_find(tx->store, node, tx->now, &peer, err))
        return false;
    if (peer.is_home == is_home)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "SELECT count(*) FROM relay_peer WHERE home = 1", err);
    bool row;
    if (!stmt || !stmt_next(stmt, &row, err))
        return false;
    if (is_home && stmt_i64(stmt, 0) >= RELAY_HOMES_MAX)
        return err_set(err, ERR_CONFLICT,
                       "this hub has %d home relays already: stop using one of them first",
                       RELAY_HOMES_MAX);
    return add_row(tx, node, err) &&
           set_value(tx, "UPDATE relay_peer SET home = ?2" OF_NODE, node, is_home, err) &&
           note(tx, actor_of(tx), is_home ? "relay.use" : "relay.stop", node, err) &&
           publish(tx, err);
}

bool relay_set_granted(struct tx *tx, const struct node_id *node, bool granted, struct err *err)
{
    struct relay_peer peer;
    if (!relay_peer_find(tx->store, node, tx->now, &peer, err))
        return false;
    if (peer.granted == granted)
        return true;
    return add_row(tx, node, err) &&
           set_value(tx, "UPDATE relay_peer SET granted = ?2" OF_NODE, node, granted, err) &&
           note(tx, "peer", granted ? "relay.granted" : "relay.ended", node, err) &&
           publish(tx, err);
}

static bool set_suspect(struct tx *tx, const struct node_id *node, int64_t count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE relay_peer SET suspect = ?2, suspect_ms = ?3" OF_NODE, err);
    if (!stmt || !add_row(tx, node, err))
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, count);
    stmt_bind_i64(stmt, 3, tx->now.ms);
    tx_effect(tx, EFFECT_RELATION, node, 0);
    return stmt_run(stmt, err) || err_wrap(err, "note what a relay did");
}

bool relay_suspect(struct tx *tx, const struct node_id *node, bool lost, struct err *err)
{
    struct relay_peer peer;
    if (!relay_peer_find(tx->store, node, tx->now, &peer, err))
        return false;
    if (lost)
        return set_suspect(tx, node, (int64_t)peer.suspect + 1, err);
    return !peer.suspect || set_suspect(tx, node, 0, err);
}

/* ---- directory entries ---- */

bool relay_entry_check(const entry_message *entry, struct err *err)
{
    if (entry->n_relay > RELAY_HOMES_MAX)
        return err_set(err, ERR_PEER, "a directory entry has too many relays");
    for (size_t i = 0; i < entry->n_relay; i++) {
        if (entry->relay[i].len != NODE_ID_BYTES)
            return err_set(err, ERR_PEER, "a relay of a directory entry is malformed");
    }
    return !entry->dials_only || entry->n_route == 0 ||
           err_set(err, ERR_PEER, "a directory entry has addresses and none");
}

bool relay_on_entry(struct tx *tx, const struct node_id *node, const entry_message *entry,
                    struct err *err)
{
    struct relay_peer before;
    uint8_t homes[RELAY_HOMES_MAX * NODE_ID_BYTES];
    size_t len = 0;
    if (!relay_peer_find(tx->store, node, tx->now, &before, err))
        return false;
    if (!entry->dials_only && !entry->n_relay && !before.dials_only && !before.home_count)
        return true;
    for (size_t i = 0; i < entry->n_relay && i < RELAY_HOMES_MAX; i++) {
        if (entry->relay[i].len != NODE_ID_BYTES)
            continue;
        memcpy(homes + len, entry->relay[i].data, NODE_ID_BYTES);
        len += NODE_ID_BYTES;
    }
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "UPDATE relay_peer SET dials_only = ?2, homes = ?3" OF_NODE, err);
    if (!stmt || !add_row(tx, node, err))
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, entry->dials_only);
    stmt_bind_bytes(stmt, 3, bytes_of(homes, len));
    tx_effect(tx, EFFECT_RELATION, node, 0);
    return stmt_run(stmt, err) || err_wrap(err, "note the home relays of a peer");
}

bool relay_fill_entry(struct tx *tx, entry_message *entry, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT p.node FROM relay_peer r JOIN peer p ON p.id = r.peer"
                                 " WHERE r.home = 1 AND r.granted = 1 AND p.ours = 'accepted'"
                                 " AND p.theirs = 'accepted' ORDER BY p.node",
                                 err);
    if (!stmt)
        return false;
    entry->dials_only = entry->n_route == 0;
    entry->relay = arena_alloc(tx->arena, RELAY_HOMES_MAX * sizeof *entry->relay);
    for (bool row; entry->n_relay < RELAY_HOMES_MAX; entry->n_relay++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list home relays");
        if (!row)
            break;
        entry->relay[entry->n_relay] = wire_data(arena_bytes(tx->arena, stmt_bytes(stmt, 0)));
    }
    return true;
}
