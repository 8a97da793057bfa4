#include "hub/domain/node_keys.h"

#include "hub/crypto/head.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/relation.h"
#include "maillon/hfp/v1/keys.pb-c.h"

bool node_keys_events(struct store *store, struct arena *arena, const struct node_id *node,
                      uint64_t after_seq, struct bytes **ret, size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store,
                                 "SELECT bytes FROM node_key_event WHERE node = ?1 AND seq > ?2"
                                 " ORDER BY seq",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, after_seq > INT64_MAX ? INT64_MAX : (int64_t)after_seq);
    struct bytes *events = arena_alloc(arena, KEL_EVENTS_MAX * sizeof(*events));
    size_t count = 0;
    for (bool row; count < KEL_EVENTS_MAX; count++) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read the keys of a node");
        if (!row)
            break;
        events[count] = arena_bytes(arena, stmt_bytes(stmt, 0));
    }
    *ret = events;
    *ret_count = count;
    return true;
}

bool node_keys_state(struct store *store, const struct node_id *node, struct node_keys_state *ret,
                     struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT seq, head, valid_until_s, retired_s, successor, duplicity, rotations,"
                 " beacon_s FROM node_key WHERE node = ?1",
                 err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "look up the keys of a node");
    *ret = (struct node_keys_state){.found = row};
    if (!row)
        return true;
    ret->seq = (uint64_t)stmt_i64(stmt, 0);
    ret->valid_until_s = (uint64_t)stmt_i64(stmt, 2);
    ret->retired_s = (uint64_t)stmt_i64(stmt, 3);
    ret->has_successor = stmt_copy(stmt, 4, ret->successor.b, NODE_ID_BYTES);
    ret->duplicity = stmt_i64(stmt, 5) != 0;
    ret->rotations = (uint64_t)stmt_i64(stmt, 6);
    ret->beacon_s = (uint64_t)stmt_i64(stmt, 7);
    return stmt_copy(stmt, 1, ret->head.b, OID_BYTES) ||
           err_set(err, ERR_IO, "the key state of a node is damaged");
}

bool node_keys_read(struct store *store, const struct node_id *node, bool *ret_found,
                    struct kel *ret, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct node_keys_state state;
    struct bytes *events;
    size_t count;
    *ret_found = false;
    if (!node_keys_events(store, arena, node, 0, &events, &count, err) ||
        !node_keys_state(store, node, &state, err))
        return false;
    if (count == 0)
        return true;
    if (!kel_read(events, count, node, ret, err)) {
        err->code = ERR_IO; /* they were verified before they were stored */
        return err_wrap(err, "the stored keys of a node are damaged");
    }
    ret->duplicity = state.duplicity;
    *ret_found = true;
    return true;
}

/* ---- taking news ---- */

#define PROOFS_MAX 256 /* of one node and kind: a node can replace its own events for ever */

static bool add_proof(struct tx *tx, const struct node_id *node, const char *kind,
                      struct bytes event, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO node_key_proof (node, kind, at_ms, bytes)"
                                 " SELECT ?1, ?2, ?3, ?4 WHERE (SELECT count(*) FROM"
                                 " node_key_proof WHERE node = ?1 AND kind = ?2) < ?5",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_text(stmt, 2, kind);
    stmt_bind_i64(stmt, 3, tx->now.ms);
    stmt_bind_bytes(stmt, 4, event);
    stmt_bind_i64(stmt, 5, PROOFS_MAX);
    return stmt_run(stmt, err) || err_wrap(err, "keep a key event as proof");
}

static bool drop_events(struct tx *tx, const struct node_id *node, size_t kept, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM node_key_event WHERE node = ?1 AND seq > ?2", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, (int64_t)kept);
    return stmt_run(stmt, err) || err_wrap(err, "replace key events");
}

static bool add_event(struct tx *tx, const struct node_id *node, size_t seq, struct bytes event,
                      struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "INSERT INTO node_key_event (node, seq, bytes) VALUES (?1, ?2, ?3)", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_i64(stmt, 2, (int64_t)seq);
    stmt_bind_bytes(stmt, 3, event);
    return stmt_run(stmt, err) || err_wrap(err, "store a key event");
}

static bool save_state(struct tx *tx, const struct kel *kel, bool replaced, bool duplicity,
                       struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO node_key (node, seq, head, valid_until_s, retired_s, successor,"
                 " duplicity, rotations) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                 " ON CONFLICT (node) DO UPDATE SET seq = excluded.seq, head = excluded.head,"
                 " valid_until_s = excluded.valid_until_s, retired_s = excluded.retired_s,"
                 " successor = excluded.successor, duplicity = excluded.duplicity,"
                 " rotations = node_key.rotations + excluded.rotations",
                 err);
    uint64_t until_s;
    if (!stmt)
        return false;
    kel_age(kel, tx->now, &until_s);
    stmt_bind_bytes(stmt, 1, node_id_bytes(&kel->node));
    stmt_bind_i64(stmt, 2, (int64_t)kel->seq);
    stmt_bind_bytes(stmt, 3, oid_bytes(&kel->head));
    stmt_bind_i64(stmt, 4, until_s > TIME_MAX_S ? TIME_MAX_S : (int64_t)until_s);
    stmt_bind_i64(stmt, 5,
                  kel->retired && kel->retired_s <= TIME_MAX_S ? (int64_t)kel->retired_s
                                                               : kel->retired);
    stmt_bind_bytes(stmt, 6,
                    kel->has_successor ? node_id_bytes(&kel->successor) : (struct bytes){0});
    stmt_bind_i64(stmt, 7, duplicity);
    stmt_bind_i64(stmt, 8, replaced);
    return stmt_run(stmt, err) || err_wrap(err, "store the key state of a node");
}

/* Tells who watches and who holds the relation in memory. */
static bool tell(struct tx *tx, const struct node_id *node, const char *action, const char *verb,
                 struct err *err)
{
    char text[NODE_ID_TEXT];
    tx_effect(tx, EFFECT_RELATION, node, 0);
    return audit_add(tx, "peer", action, NULL, err) &&
           tx_event(tx, "peer", node_id_text(node, text), verb, err);
}

static bool freeze(struct tx *tx, const struct node_id *node, const struct kel_merge *merge,
                   struct err *err)
{
    return add_proof(tx, node, "held", merge->events[merge->held_rotation], err) &&
           add_proof(tx, node, "rival", merge->rival, err) &&
           save_state(tx, &merge->kel, false, true, err) &&
           tell(tx, node, "peer.duplicity", "duplicity", err);
}

static size_t count_stolen(const struct kel *kel)
{
    size_t count = 0;
    for (size_t i = 0; i < kel->op_count; i++)
        count += kel->ops[i].revoked && kel->ops[i].reason != KEL_REPLACED;
    return count;
}

/* F11, F12: whoever had the key may have sent an entry in the name of this node. */
static bool doubt(struct tx *tx, const struct bytes *held, size_t held_count,
                  const struct kel_merge *merge, struct err *err)
{
    struct kel before = {0};
    if (held_count > 0 && !kel_read(held, held_count, NULL, &before, err))
        return false;
    return (merge->kept == held_count && count_stolen(&merge->kel) <= count_stolen(&before)) ||
           relation_doubt_entry(tx, &merge->kel.node, err);
}

static bool replace(struct tx *tx, const struct node_id *node, const struct bytes *held,
                    size_t held_count, const struct kel_merge *merge, struct err *err)
{
    for (size_t i = merge->kept; i < held_count; i++)
        if (!add_proof(tx, node, "replaced", held[i], err))
            return false;
    if (merge->kept < held_count && !drop_events(tx, node, merge->kept, err))
        return false;
    for (size_t i = merge->kept; i < merge->count; i++)
        if (!add_event(tx, node, i + 1, merge->events[i], err))
            return false;
    return save_state(tx, &merge->kel, merge->kept < held_count, false, err) &&
           doubt(tx, held, held_count, merge, err) && tell(tx, node, "peer.keys", "keys", err);
}

bool node_keys_add(struct tx *tx, const struct node_id *node, const struct bytes *events,
                   size_t count, struct err *err)
{
    struct kel_merge *merge = arena_alloc(tx->arena, sizeof(*merge));
    struct node_keys_state state;
    struct bytes *held;
    size_t held_count;
    if (!node_keys_events(tx->store, tx->arena, node, 0, &held, &held_count, err) ||
        !node_keys_state(tx->store, node, &state, err))
        return false;
    if (state.duplicity)
        return err_set(err, ERR_CONFLICT, "the keys of this hub contradict each other: frozen");
    if (!kel_merge(held, held_count, events, count, node, merge, err))
        return false;
    if (merge->duplicity)
        return freeze(tx, node, merge, err);
    if (state.found && merge->kept == held_count && merge->count == held_count)
        return true;
    return replace(tx, node, held, held_count, merge, err);
}

bool node_keys_settle(struct tx *tx, const struct node_id *node, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "UPDATE node_key SET duplicity = 0 WHERE node = ?1 AND duplicity = 1", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    if (!stmt_run(stmt, err))
        return err_wrap(err, "settle the keys of a node");
    if (store_changes(tx->store) == 0)
        return err_set(err, ERR_CONFLICT, "the keys of this hub do not contradict each other");
    tx_effect(tx, EFFECT_RELATION, node, 0);
    char text[NODE_ID_TEXT];
    return audit_add(tx, tx->actor ? tx->actor : "hub", "peer.settle", NULL, err) &&
           tx_event(tx, "peer", node_id_text(node, text), "keys", err);
}

/* ---- beacons ---- */

static bool read_beacon(struct tx *tx, const struct node_id *node, struct bytes beacon,
                        struct kel *ret_kel, uint64_t *ret_created_s, struct err *err)
{
    struct envelope envelope;
    bool found;
    if (beacon.len > OBJECT_BEACON_MAX)
        return err_set(err, ERR_PEER, "a beacon is too large");
    if (!envelope_open(beacon, tx->arena, &envelope, err))
        return err_wrap(err, "beacon");
    const Maillon__Hfp__V1__Beacon *body =
        wire_unpack(&maillon__hfp__v1__beacon__descriptor, envelope.body, tx->arena, err);
    if (!body || !head_check_shape(body->head, err))
        return false;
    if (strcmp(envelope.type, TYPE_BEACON) != 0 ||
        !bytes_equal(wire_bytes(body->head->node), node_id_bytes(node)))
        return err_set(err, ERR_PEER, "a beacon is of another hub or kind");
    if (body->head->created_s > (uint64_t)tx->now.ms / 1000 + OBJECT_FUTURE_S)
        return err_set(err, ERR_PEER, "a beacon comes from the future");
    if (!node_keys_read(tx->store, node, &found, ret_kel, err))
        return false;
    if (!found || kel_judge(ret_kel, &envelope, body->head, tx->now) != KEL_GOOD)
        return err_set(err, ERR_PEER, "a beacon is not by a key of its hub");
    *ret_created_s = body->head->created_s;
    return true;
}

bool node_keys_add_beacon(struct tx *tx, const struct node_id *node, struct bytes beacon,
                          struct err *err)
{
    uint64_t created_s = 0;
    struct kel kel;
    struct node_keys_state state;
    if (!read_beacon(tx, node, beacon, &kel, &created_s, err) ||
        !node_keys_state(tx->store, node, &state, err))
        return false;
    if (!state.found && !save_state(tx, &kel, false, false, err)) /* a log of an earlier release */
        return false;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "UPDATE node_key SET beacon = ?2, beacon_s = ?3 WHERE node = ?1 AND beacon_s < ?3", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    stmt_bind_bytes(stmt, 2, beacon);
    stmt_bind_i64(stmt, 3, (int64_t)created_s);
    return stmt_run(stmt, err) || err_wrap(err, "keep a beacon");
}

bool node_keys_beacon(struct store *store, struct arena *arena, const struct node_id *node,
                      struct bytes *ret_beacon, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(store, "SELECT beacon FROM node_key WHERE node = ?1", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(node));
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read a beacon");
    *ret_beacon = row ? arena_bytes(arena, stmt_bytes(stmt, 0)) : (struct bytes){0};
    return true;
}

/* ---- words ---- */

static const struct {
    const char *word, *sentence;
} words[] = {
    [NODE_KEYS_NONE] = {"", ""},
    [NODE_KEYS_GOOD] = {"", ""},
    [NODE_KEYS_SILENT] = {"SILENT", "This hub has given no sign of life for 30 days: phone them."},
    [NODE_KEYS_STALE] = {"STALE", "The working key of this hub has run out. Everything still "
                                  "flows for 90 days: tell them to run \"hubctl keys rotate\"."},
    [NODE_KEYS_OVER] = {"EXPIRED", "The working key of this hub ran out more than 90 days ago: "
                                   "nothing of it is taken until they run \"hubctl keys rotate\"."},
    [NODE_KEYS_REVOKED] = {"REVOKED", "This hub has revoked all its working keys: nothing of it "
                                      "is taken until it has a new one."},
    [NODE_KEYS_RETIRED] = {"RETIRED", "This hub has ended: nothing new of it is taken. Finish "
                                      "open referrals by phone."},
    [NODE_KEYS_DUPLICITY] = {"DUPLICITY",
                             "Two contradicting sets of keys claim to be this hub: somebody else "
                             "may hold its root keys. Nothing is exchanged. Phone them and compare "
                             "the six words, then block it or settle it."},
};

enum node_keys_standing node_keys_stand(const struct node_keys_state *state, struct wall now)
{
    uint64_t now_s = now.ms > 0 ? (uint64_t)now.ms / 1000 : 0;
    if (!state->found)
        return NODE_KEYS_NONE;
    if (state->duplicity)
        return NODE_KEYS_DUPLICITY;
    if (state->retired_s)
        return NODE_KEYS_RETIRED;
    if (!state->valid_until_s)
        return NODE_KEYS_REVOKED;
    if (now_s > state->valid_until_s)
        return now_s - state->valid_until_s > DELEGATION_STALE_S ? NODE_KEYS_OVER : NODE_KEYS_STALE;
    if (state->beacon_s && now_s > state->beacon_s + BEACON_MISSED_S)
        return NODE_KEYS_SILENT;
    return NODE_KEYS_GOOD;
}

const char *node_keys_word(enum node_keys_standing standing)
{
    return words[standing].word;
}

const char *node_keys_sentence(enum node_keys_standing standing)
{
    return words[standing].sentence;
}
