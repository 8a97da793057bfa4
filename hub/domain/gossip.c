#include "hub/domain/gossip.h"

#include "hub/crypto/wire.h"
#include "hub/domain/circle.h"
#include "hub/domain/gossip_internal.h"
#include "hub/domain/notice.h"
#include "hub/domain/object.h"
#include "maillon/hfp/v1/circle.pb-c.h"
#include "maillon/hfp/v1/keys.pb-c.h"

#define KEEP_S           (30 * 86400) /* R-NO-2 */
#define SWEEP_AT_ONCE    1000
#define TICK_MS          60000
#define PROOFS_MAX       16 /* of one author, that wait for a look: one is enough */
#define SAME_VERSION_MAX 2  /* both sides of an equivocation; a third one proves nothing more */

/* ---- what an object is to a set ---- */

static bool fill_notice(const void *body, struct gossip_version *ret)
{
    const Maillon__Hfp__V1__Notice *notice = body;
    ret->key = wire_bytes(notice->uid);
    ret->version = notice->version;
    ret->notice = notice;
    return true;
}

static bool fill_entry(const void *body, struct gossip_version *ret)
{
    ret->key = bytes_text(TYPE_ENTRY);
    ret->version = ((const Maillon__Hfp__V1__DirectoryEntry *)body)->version;
    return true;
}

/* The numbers of an incarnation are its versions: the newest one tells all. */
static bool fill_incarnation(const void *body, struct gossip_version *ret)
{
    ret->key = bytes_text(TYPE_INCARNATION);
    ret->version = ((const Maillon__Hfp__V1__Incarnation *)body)->head->incarnation;
    return true;
}

static bool fill_circle(const void *body, struct gossip_version *ret)
{
    (void)body;
    ret->key = oid_bytes(&ret->oid);
    ret->version = 1;
    ret->circle = true;
    return true;
}

static const struct {
    const char *type;
    enum gossip_set set;
    const ProtobufCMessageDescriptor *body;
    bool (*fill)(const void *body, struct gossip_version *ret);
} types[] = {
    {TYPE_NOTICE, GOSSIP_NOTICES, &maillon__hfp__v1__notice__descriptor, fill_notice},
    {TYPE_ENTRY, GOSSIP_ENTRIES, &maillon__hfp__v1__directory_entry__descriptor, fill_entry},
    {TYPE_INCARNATION, GOSSIP_ENTRIES, &maillon__hfp__v1__incarnation__descriptor,
     fill_incarnation},
    {TYPE_CHARTER, GOSSIP_ENTRIES, &maillon__hfp__v1__charter__descriptor, fill_circle},
    {TYPE_MEMBERSHIP, GOSSIP_ENTRIES, &maillon__hfp__v1__membership__descriptor, fill_circle},
};

/* `ret` has its oid, scope, author and times; the body is of `type`. */
static bool describe(const char *type, const void *body, struct gossip_version *ret,
                     struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (strcmp(types[i].type, type) != 0)
            continue;
        ret->type = types[i].type;
        ret->set = types[i].set;
        return (types[i].fill(body, ret) && ret->version > 0) ||
               err_set(err, ERR_PEER, "an object of a circle has no usable version");
    }
    return err_set(err, ERR_UNSUPPORTED, "objects of this type belong to no circle");
}

/* ---- the set ---- */

static bool count_add(struct tx *tx, const struct gossip_version *version, int64_t change,
                      struct err *err)
{
    if (!change)
        return true;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO gossip_count (scope, part, size) VALUES (?1, ?2, ?3)"
                 " ON CONFLICT (scope, part) DO UPDATE SET size = gossip_count.size + ?3",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&version->scope));
    stmt_bind_i64(stmt, 2, version->set);
    stmt_bind_i64(stmt, 3, change);
    return stmt_run(stmt, err);
}

bool gossip_count(struct store *store, struct bytes scope, enum gossip_set set, uint32_t *ret,
                  struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store, "SELECT size FROM gossip_count WHERE scope = ?1 AND part = ?2", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, scope);
    stmt_bind_i64(stmt, 2, set);
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? (uint32_t)stmt_i64(stmt, 0) : 0;
    return true;
}

static bool read_known(struct tx *tx, const struct gossip_version *version,
                       struct gossip_known *ret, struct err *err)
{
    bool row;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT version, oid, created_s, expires_s, keep_s, passed_s FROM gossip_object"
                 " WHERE author = ?1 AND key = ?2 AND scope = ?3 ORDER BY version DESC, oid"
                 " LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 2, version->key);
    stmt_bind_bytes(stmt, 3, oid_bytes(&version->scope));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = (struct gossip_known){0};
    if (!row)
        return true;
    *ret = (struct gossip_known){
        .version = (uint32_t)stmt_i64(stmt, 0),
        .created_s = (uint64_t)stmt_i64(stmt, 2),
        .expires_s = (uint64_t)stmt_i64(stmt, 3),
        .keep_s = (uint64_t)stmt_i64(stmt, 4),
        .passed_s = (uint64_t)stmt_i64(stmt, 5),
    };
    return stmt_copy(stmt, 1, ret->oid.b, OID_BYTES) ||
           err_set(err, ERR_IO, "a row of the gossip set cannot be read");
}

static bool insert_row(struct tx *tx, const struct gossip_version *version,
                       const struct gossip_known *known, bool passed_on, bool held, struct err *err)
{
    uint64_t keep_s = version->expires_s + KEEP_S;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO gossip_object (oid, scope, part, author, key, version, created_s,"
                 " expires_s, keep_s, passed_on, passed_s, held)"
                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, oid_bytes(&version->oid));
    stmt_bind_bytes(stmt, 2, oid_bytes(&version->scope));
    stmt_bind_i64(stmt, 3, version->set);
    stmt_bind_bytes(stmt, 4, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 5, version->key);
    stmt_bind_i64(stmt, 6, version->version);
    stmt_bind_i64(stmt, 7, (int64_t)version->created_s);
    stmt_bind_i64(stmt, 8, (int64_t)version->expires_s);
    stmt_bind_i64(stmt, 9, (int64_t)(keep_s > known->keep_s ? keep_s : known->keep_s));
    stmt_bind_i64(stmt, 10, passed_on);
    stmt_bind_i64(stmt, 11, (int64_t)(passed_on ? version->created_s : known->passed_s));
    stmt_bind_i64(stmt, 12, held);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "keep an object of a circle");
    tx_effect(tx, EFFECT_GOSSIP, &version->author, store_last_id(tx->store));
    return true;
}

/* Runs a statement whose ?1 … ?3 are author, key and scope, ?4 a number. */
static bool run_key(struct tx *tx, const char *sql, const struct gossip_version *version,
                    int64_t number, struct err *err)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, sql, err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 2, version->key);
    stmt_bind_bytes(stmt, 3, oid_bytes(&version->scope));
    stmt_bind_i64(stmt, 4, number);
    return stmt_run(stmt, err);
}

/* F22: two objects, one version. The first pair of a version is the proof. */
static bool add_proof(struct tx *tx, const struct gossip_version *version,
                      const struct gossip_known *known, struct err *err)
{
    bool lower = memcmp(version->oid.b, known->oid.b, OID_BYTES) < 0;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "INSERT INTO gossip_proof (author, first, second, found_ms, released_ms)"
                 " SELECT ?1, ?2, ?3, ?4, 0 WHERE (SELECT count(*) FROM gossip_proof"
                 " WHERE author = ?1 AND released_ms = 0) < ?5"
                 " ON CONFLICT (first, second) DO NOTHING",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 2, oid_bytes(lower ? &version->oid : &known->oid));
    stmt_bind_bytes(stmt, 3, oid_bytes(lower ? &known->oid : &version->oid));
    stmt_bind_i64(stmt, 4, tx->now.ms);
    stmt_bind_i64(stmt, 5, PROOFS_MAX);
    if (!stmt_run(stmt, err))
        return false;
    char id[NODE_ID_TEXT];
    return !store_changes(tx->store) ||
           tx_event(tx, "peer", node_id_text(&version->author, id), "contradicted", err);
}

/* Replaces what is older; of one version the two lowest oids stay, whatever the order (R-NO-1). */
static bool tidy_key(struct tx *tx, const struct gossip_version *version, struct err *err)
{
    int64_t removed = 0;
    if (!run_key(tx,
                 "DELETE FROM gossip_object WHERE author = ?1 AND key = ?2 AND scope = ?3"
                 " AND version < ?4",
                 version, version->version, err))
        return false;
    removed += store_changes(tx->store);
    if (!run_key(tx,
                 "DELETE FROM gossip_object WHERE author = ?1 AND key = ?2 AND scope = ?3"
                 " AND oid NOT IN (SELECT o.oid FROM gossip_object o WHERE o.author = ?1"
                 " AND o.key = ?2 AND o.scope = ?3 ORDER BY o.oid LIMIT ?4)",
                 version, SAME_VERSION_MAX, err))
        return false;
    removed += store_changes(tx->store);
    return count_add(tx, version, -removed, err);
}

static bool is_full(struct tx *tx, const struct gossip_version *version, bool *ret, struct err *err)
{
    uint32_t count;
    if (!gossip_count(tx->store, oid_bytes(&version->scope), version->set, &count, err))
        return false;
    *ret = count >= GOSSIP_SET_MAX;
    return true;
}

/* Joins one version into what is known of its key. `held`: is its author? What contradicts a known
 * version is the proof itself and never held. */
static bool put(struct tx *tx, const struct gossip_version *version, bool *held, struct err *err)
{
    struct gossip_known known;
    bool passed_on, full;
    if (!read_known(tx, version, &known, err))
        return false;
    if (oid_equal(&known.oid, &version->oid) && known.version)
        return true;
    if (known.version > version->version) /* superseded; it still counts for how long to remember */
        return run_key(tx,
                       "UPDATE gossip_object SET keep_s = ?4 WHERE author = ?1 AND key = ?2"
                       " AND scope = ?3 AND keep_s < ?4",
                       version, (int64_t)version->expires_s + KEEP_S, err);
    if (!is_full(tx, version, &full, err))
        return false;
    if (full && !known.version)
        return err_set(err, ERR_LIMIT, "this circle holds all it can: 100,000 objects");
    if (!known.version && !gossip_author_is_full(tx, version, &full, err))
        return false;
    if (full && !known.version)
        return err_set(err, ERR_LIMIT, "this author has all the room one author can have");
    if (!gossip_budget(tx, version, &known, &passed_on, err))
        return false;
    if (!passed_on && version->set == GOSSIP_OTHERS)
        return err_set(err, ERR_LIMIT, "its author is over the budget of %d objects a day",
                       GOSSIP_BUDGET_DAY);
    bool twice = known.version == version->version;
    if (twice && !add_proof(tx, version, &known, err))
        return false;
    *held = *held && !twice;
    return insert_row(tx, version, &known, passed_on || twice, *held, err) &&
           count_add(tx, version, 1, err) && tidy_key(tx, version, err);
}

bool gossip_add_own(struct tx *tx, const struct oid *oid, struct bytes scope, const char *type,
                    uint64_t created_s, uint64_t expires_s, struct err *err)
{
    bool found, held = false;
    struct object_row row;
    struct envelope envelope;
    struct gossip_version version = {.oid = *oid, .created_s = created_s, .expires_s = expires_s};
    const ProtobufCMessageDescriptor *descriptor = NULL;
    struct first {
        ProtobufCMessage base;
        Maillon__Hfp__V1__Head *head;
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].type, type) == 0)
            descriptor = types[i].body;
    if (!descriptor || !oid_from(scope, &version.scope))
        return err_set(err, ERR_INTERNAL, "not an object of a circle");
    if (!object_get(tx->store, tx->arena, oid, &found, &row, err))
        return false;
    if (!found || !envelope_open(row.bytes, tx->arena, &envelope, err))
        return err_set(err, ERR_INTERNAL, "an object of a circle is not stored");
    const void *body = wire_unpack(descriptor, envelope.body, tx->arena, err);
    if (!body)
        return false;
    const Maillon__Hfp__V1__Head *head = ((const struct first *)body)->head;
    if (!head || !node_id_from(wire_bytes(head->node), &version.author))
        return err_set(err, ERR_INTERNAL, "an object of a circle has no author");
    return (describe(type, body, &version, err) && put(tx, &version, &held, err)) ||
           err_wrap(err, "tell a circle");
}

/* ---- from others ---- */

static bool is_held(struct tx *tx, const struct gossip_version *version, bool *ret, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store,
                 "SELECT 1 FROM gossip_proof WHERE author = ?1 AND released_ms = 0 AND first <> ?2"
                 " AND second <> ?2 LIMIT 1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(&version->author));
    stmt_bind_bytes(stmt, 2, oid_bytes(&version->oid));
    return stmt_next(stmt, ret, err);
}

static bool refuse(struct disposition *ret, Maillon__Hfp__V1__RefusalCode code)
{
    *ret = (struct disposition){
        .state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED,
        .code = code,
        .retry_after_s = 600,
    };
    return true;
}

bool gossip_take(struct tx *tx, const struct inbound_object *object,
                 enum gossip_verdict *ret_verdict, struct disposition *ret, struct err *err)
{
    bool valid = false, held = false;
    *ret_verdict = GOSSIP_UNSCOPED;
    if (!object->head || !object->head->scope.len)
        return true;
    struct gossip_version version = {
        .oid = object->envelope.oid,
        .author = object->from,
        .created_s = object->head->created_s,
        .expires_s = object->head->expires_s,
    };
    *ret_verdict = GOSSIP_REFUSE;
    struct err why = {0};
    if (!oid_from(wire_bytes(object->head->scope), &version.scope) ||
        !describe(object->envelope.type, object->body, &version, &why))
        return refuse(ret, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_UNSUPPORTED);
    if (!version.circle &&
        (!circle_is_ours(tx->store, &version.scope, &valid, err) ||
         (valid && !circle_author_valid(tx->store, &version.scope, &version.author, version.type,
                                        object->head->seq, &valid, err))))
        return false;
    if (!version.circle && !valid)
        return refuse(ret, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_NOT_ACCEPTED);
    if (version.notice && !is_held(tx, &version, &held, err))
        return false;
    if (!put(tx, &version, &held, &why)) {
        if (why.code == ERR_LIMIT)
            return refuse(ret, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA);
        *err = why;
        return false;
    }
    if (strcmp(version.type, TYPE_ENTRY) == 0 && !gossip_entry_put(tx, &version, object->body, err))
        return false;
    *ret = (struct disposition){.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED};
    *ret_verdict = held ? GOSSIP_HOLD : GOSSIP_TAKE;
    return !held || object_set_state(tx, &version.oid, OBJECT_PENDING, err);
}

bool gossip_take_opaque(struct tx *tx, const struct inbound_object *object, struct disposition *ret,
                        struct err *err)
{
    bool valid = false, held = false;
    int64_t count;
    struct err why = {0};
    struct gossip_version version = {
        .oid = object->envelope.oid,
        .set = GOSSIP_OTHERS,
        .type = object->envelope.type,
        .author = object->from,
        .key = oid_bytes(&object->envelope.oid),
        .version = 1,
        .created_s = object->head->created_s,
        .expires_s = object->head->expires_s,
    };
    if (!oid_from(wire_bytes(object->head->scope), &version.scope))
        return refuse(ret, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_UNSUPPORTED);
    if (!circle_author_valid(tx->store, &version.scope, &version.author, version.type,
                             object->head->seq, &valid, err))
        return false;
    if (!valid)
        return refuse(ret, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_NOT_ACCEPTED);
    if (!gossip_count_others(tx, &version, &count, err))
        return false;
    if (count >= GOSSIP_OTHERS_MAX)
        return refuse(ret, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA);
    if (!put(tx, &version, &held, &why)) {
        if (why.code == ERR_LIMIT)
            return refuse(ret, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_QUOTA);
        *err = why;
        return false;
    }
    *ret = (struct disposition){.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED};
    return object_set_state(tx, &version.oid, OBJECT_PENDING, err);
}

/* ---- what is forgotten ---- */

static bool recount(struct tx *tx, struct err *err)
{
    return store_exec(tx->store,
                      "DELETE FROM gossip_count;"
                      "INSERT INTO gossip_count (scope, part, size)"
                      " SELECT scope, part, count(*) FROM gossip_object GROUP BY scope, part",
                      err);
}

bool gossip_tick(struct tx *tx, struct wall *ret_next, struct err *err)
{
    int64_t now_s = tx->now.ms / 1000;
    ret_next->ms = tx->now.ms + TICK_MS;
    if (!stmt_run_for(tx->store,
                      "DELETE FROM gossip_object WHERE id IN (SELECT id FROM gossip_object"
                      " WHERE keep_s < ?1 LIMIT 1000)",
                      now_s, err))
        return false;
    if (store_changes(tx->store) && !recount(tx, err))
        return false;
    return stmt_run_for(tx->store, "DELETE FROM gossip_entry WHERE expires_s < ?1", now_s, err) &&
           stmt_run_for(tx->store, "DELETE FROM gossip_budget WHERE at_s < ?1", now_s - 2 * 86400,
                        err) &&
           gossip_publish_entries(tx, err);
}

bool gossip_forget_scope(struct tx *tx, struct bytes scope, struct err *err)
{
    static const char *const statements[] = {
        "DELETE FROM gossip_object WHERE scope = ?1",
        "DELETE FROM gossip_count WHERE scope = ?1",
        "DELETE FROM gossip_budget WHERE scope = ?1",
        "DELETE FROM gossip_entry WHERE scope = ?1",
    };
    for (size_t i = 0; i < ARRAY_LEN(statements); i++) {
        AUTO(stmt_release) struct stmt *stmt = stmt_get(tx->store, statements[i], err);
        if (!stmt)
            return false;
        stmt_bind_bytes(stmt, 1, scope);
        if (!stmt_run(stmt, err))
            return false;
    }
    return true;
}

/* ---- authors held for review ---- */

struct held_row {
    struct oid oid;
};

static bool read_held(struct tx *tx, const struct node_id *author, struct held_row **ret,
                      size_t *ret_count, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "SELECT oid FROM gossip_object WHERE author = ?1 AND held = 1"
                                 " ORDER BY created_s, oid LIMIT ?2",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(author));
    stmt_bind_i64(stmt, 2, SWEEP_AT_ONCE);
    struct held_row *rows = arena_alloc(tx->arena, SWEEP_AT_ONCE * sizeof *rows);
    size_t count = 0;
    for (;;) {
        bool row;
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, rows[count++].oid.b, OID_BYTES))
            return err_set(err, ERR_IO, "a row of the gossip set cannot be read");
    }
    *ret = rows;
    *ret_count = count;
    return true;
}

bool gossip_release(struct tx *tx, const struct node_id *author, struct err *err)
{
    struct held_row *rows = NULL;
    size_t count = 0;
    if (!stmt_run_for_bytes(tx->store,
                            "UPDATE gossip_proof SET released_ms = ?2 WHERE author = ?1"
                            " AND released_ms = 0",
                            node_id_bytes(author), tx->now.ms, err))
        return false;
    if (!store_changes(tx->store))
        return err_set(err, ERR_UNKNOWN, "nothing of this hub waits for a look");
    if (!read_held(tx, author, &rows, &count, err) ||
        !stmt_run_for_bytes(tx->store,
                            "UPDATE gossip_object SET held = 0 WHERE author = ?1 AND held <> ?2",
                            node_id_bytes(author), 0, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!notice_show_held(tx, &rows[i].oid, author, err))
            return err_wrap(err, "show what waited");
    }
    return true;
}

bool gossip_review(struct store *store, struct arena *arena, struct gossip_proof **ret,
                   size_t *ret_count, struct err *err)
{
    enum { LIMIT = 100 };
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(store,
                 "SELECT p.author, p.first, p.second, p.found_ms, (SELECT count(*) FROM"
                 " gossip_object o WHERE o.author = p.author AND o.held = 1) FROM gossip_proof p"
                 " WHERE p.released_ms = 0 ORDER BY p.found_ms DESC, p.id DESC LIMIT ?1",
                 err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, LIMIT);
    struct gossip_proof *list = arena_alloc(arena, LIMIT * sizeof *list);
    size_t count = 0;
    for (;;) {
        bool row;
        if (!stmt_next(stmt, &row, err))
            return false;
        if (!row)
            break;
        struct gossip_proof *proof = &list[count++];
        if (!stmt_copy(stmt, 0, proof->author.b, NODE_ID_BYTES) ||
            !stmt_copy(stmt, 1, proof->first.b, OID_BYTES) ||
            !stmt_copy(stmt, 2, proof->second.b, OID_BYTES))
            return err_set(err, ERR_IO, "a proof cannot be read");
        proof->found_ms = stmt_i64(stmt, 3);
        proof->held = (uint32_t)stmt_i64(stmt, 4);
    }
    *ret = list;
    *ret_count = count;
    return true;
}
