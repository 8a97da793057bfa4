#include "hub/domain/own_keys.h"

#include "hub/crypto/head.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit.h"
#include "hub/domain/authoring.h"
#include "hub/domain/card.h"
#include "hub/domain/object.h"
#include "hub/outbox/outbox.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include <stdio.h>

#define DAY_S         86400
#define EVENTS_A_STEP 3  /* most key events that one change writes */
#define FOREIGN_MAX   16 /* what any peer may claim to hold: one is enough to look */

/* Key events of one change, each on top of the one before. */
struct draft {
    struct kel kel;
    struct buf data;
    size_t lens[EVENTS_A_STEP], count;
};

static void draft_init(struct draft *draft, const struct tx *tx)
{
    *draft = (struct draft){.kel = *identity_kel(tx->self)};
}

/* Takes the event that was appended to `data` after `before` bytes. */
static bool draft_take(struct draft *draft, size_t before, struct err *err)
{
    struct bytes event = bytes_of(draft->data.data + before, draft->data.len - before);
    struct err why = {0};
    draft->lens[draft->count++] = event.len;
    return kel_apply(&draft->kel, event, &why) ||
           err_set(err, ERR_INVALID, "cannot change the keys: %.200s", why.msg);
}

static bool add_delegate(struct draft *draft, const struct kel_signers *by,
                         const struct sign_key *op, struct wall now, struct err *err)
{
    size_t before = draft->data.len;
    kel_write_delegate_by(&draft->kel, by, sign_key_public(op), now, &draft->data);
    return draft_take(draft, before, err);
}

static bool add_revoke(struct draft *draft, const struct kel_signers *by,
                       const struct sign_public *op, enum kel_reason reason,
                       const struct kel_through *through, size_t through_count, struct wall now,
                       struct err *err)
{
    size_t before = draft->data.len;
    kel_write_revoke(&draft->kel, by, op, reason, through, through_count, now, &draft->data);
    return draft_take(draft, before, err);
}

static bool finish(struct tx *tx, struct draft *draft, struct sign_key *op, const char *action,
                   struct err *err)
{
    struct bytes events[EVENTS_A_STEP];
    size_t at = 0;
    for (size_t i = 0; i < draft->count; at += draft->lens[i++])
        events[i] = bytes_of(draft->data.data + at, draft->lens[i]);
    bool done = identity_append(tx->self, events, draft->count, op, tx->now, err);
    buf_done(&draft->data);
    if (!done)
        return false;
    char text[NODE_ID_TEXT];
    const struct node_id *node = identity_node(tx->self);
    tx_effect(tx, EFFECT_RELATION, node, 0);
    return audit_add(tx, tx->actor ? tx->actor : "hub", action, NULL, err) &&
           tx_event(tx, "peer", node_id_text(node, text), "keys", err);
}

/* ---- which sheet is it ---- */

static bool is_root(const struct kel *kel, const struct sign_public *key)
{
    for (size_t i = 0; i < kel->root_count; i++)
        if (memcmp(kel->roots[i].b, key->b, sizeof(key->b)) == 0)
            return true;
    return false;
}

static bool is_next_root(const struct kel *kel, const struct sign_public *key)
{
    uint8_t hash[32];
    digest_sha256(bytes_of(key->b, sizeof(key->b)), hash);
    for (size_t i = 0; i < kel->next_count; i++)
        if (memcmp(kel->next_root_hash[i], hash, sizeof(hash)) == 0)
            return true;
    return false;
}

static bool take_signers(const struct tx *tx, const struct sign_key *const *keys, size_t count,
                         bool next, struct kel_signers *ret, struct err *err)
{
    const struct kel *kel = identity_kel(tx->self);
    size_t needed = next ? kel->next_threshold : kel->threshold;
    if (kel->retired)
        return err_set(err, ERR_CONFLICT, "this hub has retired: its keys no longer change");
    if (count < needed || count > SIGNED_SIGS_MAX)
        return err_set(err, ERR_INVALID, "%zu root keys are needed together, %zu were given",
                       needed, count);
    *ret = (struct kel_signers){.count = count};
    for (size_t i = 0; i < count; i++) {
        const struct sign_public *key = sign_key_public(keys[i]);
        if (next ? is_next_root(kel, key) : is_root(kel, key)) {
            ret->keys[i] = keys[i];
            continue;
        }
        if (next ? is_root(kel, key) : is_next_root(kel, key))
            return err_set(err, ERR_INVALID,
                           next ? "this is sheet 1, the root key: sheet 2, the next root key, is "
                                  "needed here"
                                : "this is sheet 2, the next root key: sheet 1, the root key, is "
                                  "needed here");
        return err_set(err, ERR_INVALID, "this sheet is not of this hub, or was replaced since");
    }
    return true;
}

/* ---- what the old key still vouches for ---- */

/* Field 1 of every body is its Head; our own objects begin with it. */
static const Maillon__Hfp__V1__Head *read_head(struct bytes body, struct arena *arena)
{
    size_t len = 0, at = 1;
    struct err ignored = {0};
    if (body.len < 2 || body.data[0] != 0x0a)
        return NULL;
    for (unsigned shift = 0; at < body.len && shift < 28; shift += 7) {
        len |= (size_t)(body.data[at] & 0x7f) << shift;
        if (!(body.data[at++] & 0x80))
            break;
    }
    if (len > body.len - at)
        return NULL;
    return wire_unpack(&maillon__hfp__v1__head__descriptor, bytes_of(body.data + at, len), arena,
                       &ignored);
}

/* Own open streams by type: bounds of streams with a partner would tell everybody of them. */
struct bounds {
    struct kel_through list[KEL_BOUNDS_MAX];
    size_t count;
};

static bool is_within(const struct own_keys_bound *bound, const Maillon__Hfp__V1__Head *head)
{
    return (!bound->since_s || head->created_s < bound->since_s) &&
           (!bound->through || head->seq <= bound->through);
}

static void note_bound(struct tx *tx, struct bounds *bounds, const char *type, uint64_t seq)
{
    for (size_t i = 0; i < bounds->count; i++) {
        struct kel_through *through = &bounds->list[i];
        if (strcmp(through->type, type) == 0) {
            if (through->seq < seq)
                through->seq = seq;
            return;
        }
    }
    if (bounds->count < KEL_BOUNDS_MAX)
        bounds->list[bounds->count++] =
            (struct kel_through){.type = arena_text(tx->arena, type), .seq = seq};
}

/* One own object; `each` may change it. */
typedef bool own_object(struct tx *tx, void *ctx, int64_t id, const struct envelope *envelope,
                        const Maillon__Hfp__V1__Head *head, struct err *err);

static bool each_own(struct tx *tx, own_object *each, void *ctx, struct err *err)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    int64_t after = 0;
    for (;;) {
        arena_reset(arena);
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(tx->store,
                     "SELECT id, bytes FROM object WHERE author = ?1 AND id > ?2"
                     " AND (held = 1 OR expires_s = 0 OR expires_s > ?3) ORDER BY id LIMIT 1",
                     err);
        bool row;
        if (!stmt)
            return false;
        stmt_bind_bytes(stmt, 1, node_id_bytes(identity_node(tx->self)));
        stmt_bind_i64(stmt, 2, after);
        stmt_bind_i64(stmt, 3, tx->now.ms / 1000);
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "look through own objects");
        if (!row)
            return true;
        after = stmt_i64(stmt, 0);
        struct envelope envelope;
        struct err ignored = {0};
        const Maillon__Hfp__V1__Head *head = NULL;
        if (envelope_open(arena_bytes(arena, stmt_bytes(stmt, 1)), arena, &envelope, &ignored))
            head = read_head(envelope.body, arena);
        stmt_reset(stmt);
        if (head && !each(tx, ctx, after, &envelope, head, err))
            return false;
    }
}

struct bounding {
    const struct own_keys_bound *bound;
    struct bounds bounds;
};

/* Their first event has no stream id yet and number 1: a bound would let every new one in. */
static bool is_numbered(const char *type)
{
    static const char *const others[] = {TYPE_REFERRAL, TYPE_CLAIM, TYPE_RECEIPT, TYPE_BEACON};
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcmp(type, others[i]) == 0)
            return false;
    return true;
}

static bool bound_one(struct tx *tx, void *ctx, int64_t id, const struct envelope *envelope,
                      const Maillon__Hfp__V1__Head *head, struct err *err)
{
    struct bounding *bounding = ctx;
    (void)id;
    (void)err;
    if (head->stream.len == 0 && is_numbered(envelope->type) && is_within(bounding->bound, head))
        note_bound(tx, &bounding->bounds, envelope->type, head->seq);
    return true;
}

/* The id leaves the signature out (R-OB-2): who has the object already sees no difference. */
static bool resign_one(struct tx *tx, void *ctx, int64_t id, const struct envelope *envelope,
                       const Maillon__Hfp__V1__Head *head, struct err *err)
{
    (void)ctx;
    if (kel_judge(identity_kel(tx->self), envelope, head, tx->now) == KEL_GOOD)
        return true;
    AUTO(buf_done) struct buf object = {0};
    identity_sign(tx->self, envelope->type, envelope->body, &object, NULL);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "UPDATE object SET bytes = ?2 WHERE id = ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, id);
    stmt_bind_bytes(stmt, 2, buf_bytes(&object));
    return stmt_run(stmt, err) || err_wrap(err, "sign an own object anew");
}

/* ---- the changes ---- */

bool own_keys_rotate(struct tx *tx, const struct sign_key *const *roots, size_t count,
                     struct err *err)
{
    struct kel_signers by;
    struct draft draft;
    if (!take_signers(tx, roots, count, false, &by, err))
        return false;
    draft_init(&draft, tx);
    const struct sign_public old = *sign_key_public(identity_op(tx->self));
    AUTO(sign_key_free) struct sign_key *op = sign_key_create(tx->random);
    if (!add_delegate(&draft, &by, op, tx->now, err) ||
        !add_revoke(&draft, &by, &old, KEL_REPLACED, NULL, 0, tx->now, err)) {
        buf_done(&draft.data);
        return false;
    }
    return finish(tx, &draft, TAKE(op), "keys.rotate", err);
}

/* Peers no longer take the newest head of the audit log: its signature is by the stolen key. */
static bool sign_head(struct tx *tx, struct err *err)
{
    struct err why = {0};
    if (audit_sign_head(tx, &why) || why.code == ERR_CONFLICT) /* may not sign now: later */
        return true;
    *err = why;
    return false;
}

/* DELEGATE and REVOKE(stolen) on top of what is drafted; then everything that follows from it. */
static bool replace_stolen(struct tx *tx, struct draft *draft, const struct kel_signers *by,
                           const struct own_keys_bound *bound, const char *action, struct err *err)
{
    struct bounding bounding = {.bound = bound};
    const struct sign_public old = *sign_key_public(identity_op(tx->self));
    AUTO(sign_key_free) struct sign_key *op = sign_key_create(tx->random);
    if (!each_own(tx, bound_one, &bounding, err) || !add_delegate(draft, by, op, tx->now, err) ||
        !add_revoke(draft, by, &old, KEL_STOLEN, bounding.bounds.list, bounding.bounds.count,
                    tx->now, err)) {
        buf_done(&draft->data);
        return false;
    }
    return finish(tx, draft, TAKE(op), action, err) &&
           identity_renew_enc(tx->self, tx->random, tx->now, err) &&
           each_own(tx, resign_one, NULL, err) && outbox_reseal_all(tx, err) &&
           sign_head(tx, err) && own_keys_tick(tx, err);
}

bool own_keys_revoke_stolen(struct tx *tx, const struct sign_key *const *roots, size_t count,
                            const struct own_keys_bound *bound, struct err *err)
{
    struct kel_signers by;
    struct draft draft;
    if (!take_signers(tx, roots, count, false, &by, err))
        return false;
    draft_init(&draft, tx);
    return replace_stolen(tx, &draft, &by, bound, "keys.revoke", err);
}

static bool forget_foreign(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(tx->store, "DELETE FROM node_key_proof WHERE node = ?1 AND kind = 'foreign'", err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(identity_node(tx->self)));
    return stmt_run(stmt, err);
}

static void sheet_text(const struct sign_key *key, char out[NODE_ID_TEXT])
{
    struct node_id seed;
    sign_key_seed(key, seed.b);
    node_id_text(&seed, out);
    secret_wipe(&seed, sizeof(seed));
}

bool own_keys_rotate_root(struct tx *tx, const struct sign_key *const *next_roots, size_t count,
                          const struct own_keys_bound *stolen, struct recovery_sheets *ret_sheets,
                          struct err *err)
{
    struct kel_signers by;
    struct draft draft;
    if (!take_signers(tx, next_roots, count, true, &by, err))
        return false;
    draft_init(&draft, tx);
    AUTO(sign_key_free) struct sign_key *next = sign_key_create(tx->random);
    struct kel_roots roots = {.root_count = count,
                              .threshold = (uint32_t)count,
                              .next = {*sign_key_public(next)},
                              .next_count = 1,
                              .next_threshold = 1};
    for (size_t i = 0; i < count; i++)
        roots.roots[i] = *sign_key_public(next_roots[i]);
    kel_write_rotate(&draft.kel, &by, &roots, tx->now, &draft.data);
    if (!draft_take(&draft, 0, err)) {
        buf_done(&draft.data);
        return false;
    }
    if (!(stolen ? replace_stolen(tx, &draft, &by, stolen, "keys.rotate-root", err)
                 : finish(tx, &draft, NULL, "keys.rotate-root", err)) ||
        !forget_foreign(tx, err))
        return false;
    ret_sheets->node = *identity_node(tx->self);
    sheet_text(next_roots[0], ret_sheets->root);
    sheet_text(next, ret_sheets->next_root);
    return true;
}

bool own_keys_retire(struct tx *tx, const struct sign_key *const *roots, size_t count,
                     const struct node_id *successor, struct err *err)
{
    struct kel_signers by;
    struct draft draft;
    if (successor && node_id_equal(successor, identity_node(tx->self)))
        return err_set(err, ERR_INVALID, "a hub cannot be its own successor");
    if (!take_signers(tx, roots, count, false, &by, err))
        return false;
    draft_init(&draft, tx);
    kel_write_retire(&draft.kel, &by, successor, tx->now, &draft.data);
    if (!draft_take(&draft, 0, err)) {
        buf_done(&draft.data);
        return false;
    }
    return finish(tx, &draft, NULL, "keys.retire", err);
}

/* ---- upkeep ---- */

bool own_keys_tick(struct tx *tx, struct err *err)
{
    bool changed;
    struct card card;
    struct err barred = {0};
    if (!identity_tick(tx->self, tx->random, tx->now, &changed, err) ||
        !card_read(tx->store, &card, err))
        return false;
    if (!card.version || !authoring_allowed(tx, &barred))
        return true; /* published with the first card, or when this hub may sign again */
    return card_publish(tx, &card, err);
}

void own_keys_beacon(const struct identity *self, struct wall now, struct bytes audit_head,
                     struct buf *out)
{
    const struct kel *kel = identity_kel(self);
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Beacon beacon = MAILLON__HFP__V1__BEACON__INIT;
    head.node = wire_data(node_id_bytes(&kel->node));
    head.seq = 1; /* no chain: the newest counts */
    head.created_s = now.ms > 0 ? (uint64_t)now.ms / 1000 : 0;
    head.expires_s = head.created_s + BEACON_MISSED_S;
    beacon.head = &head;
    beacon.kel_head = wire_data(oid_bytes(&kel->head));
    beacon.kel_seq = kel->seq;
    beacon.audit_head = wire_data(audit_head);
    AUTO(buf_done) struct buf body = {0};
    wire_pack(&beacon, &body);
    identity_sign(self, TYPE_BEACON, buf_bytes(&body), out, NULL);
}

bool own_keys_note_foreign(struct tx *tx, const struct oid *head, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store,
        "INSERT INTO node_key_proof (node, kind, at_ms, bytes) SELECT ?1, 'foreign', ?2,"
        " ?3 WHERE NOT EXISTS (SELECT 1 FROM node_key_proof WHERE node = ?1 AND bytes = ?3)"
        " AND (SELECT count(*) FROM node_key_proof WHERE node = ?1 AND kind = 'foreign') < ?4",
        err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(identity_node(tx->self)));
    stmt_bind_i64(stmt, 2, tx->now.ms);
    stmt_bind_bytes(stmt, 3, oid_bytes(head));
    stmt_bind_i64(stmt, 4, FOREIGN_MAX);
    return stmt_run(stmt, err) || err_wrap(err, "note a foreign key event");
}

static bool count_foreign(struct store *store, const struct identity *self, int64_t *ret,
                          struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        store, "SELECT count(*) FROM node_key_proof WHERE node = ?1 AND kind = 'foreign'", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, node_id_bytes(identity_node(self)));
    if (!stmt_next(stmt, &row, err))
        return false;
    *ret = row ? stmt_i64(stmt, 0) : 0;
    return true;
}

static const char *age_warning(const struct kel *kel, struct wall now, struct arena *arena)
{
    static const int steps[] = {7, 30, 60};
    char text[200];
    uint64_t until_s, now_s = (uint64_t)(now.ms / 1000);
    enum kel_age age = kel_age(kel, now, &until_s);
    if (kel->retired || !until_s)
        return NULL;
    if (age == KEL_OVER)
        return "the working key of this hub ran out: peers take nothing of it until \"hubctl keys "
               "rotate\"";
    if (age == KEL_STALE) {
        snprintf(text, sizeof(text),
                 "the working key of this hub has run out: peers stop in %llu days unless "
                 "\"hubctl keys rotate\" is run",
                 (unsigned long long)((until_s + DELEGATION_STALE_S - now_s) / DAY_S));
        return arena_text(arena, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (until_s - now_s > (uint64_t)steps[i] * DAY_S)
            continue;
        snprintf(text, sizeof(text),
                 "the working key of this hub runs out in %llu days: run \"hubctl keys rotate\" "
                 "with recovery sheet 1",
                 (unsigned long long)((until_s - now_s) / DAY_S));
        return arena_text(arena, text);
    }
    return NULL;
}

bool own_keys_warnings(struct store *store, const struct identity *self, struct wall now,
                       struct arena *arena, const char *ret[OWN_KEYS_WARNINGS_MAX],
                       size_t *ret_count, struct err *err)
{
    const struct kel *kel = identity_kel(self);
    const char *age = age_warning(kel, now, arena);
    int64_t foreign;
    *ret_count = 0;
    if (!count_foreign(store, self, &foreign, err))
        return err_wrap(err, "read the warnings about keys");
    if (foreign > 0)
        ret[(*ret_count)++] =
            "a peer holds keys of this hub that it did not make: somebody has its "
            "root key; run \"hubctl keys rotate-root --stolen\" with sheet 2";
    if (age)
        ret[(*ret_count)++] = age;
    if (kel->retired)
        ret[(*ret_count)++] = "this hub has retired: it sends nothing any more";
    if (kel->seq + EVENTS_A_STEP + 1 > KEL_EVENTS_MAX)
        ret[(*ret_count)++] = "the key log of this hub is almost full: plan a successor hub";
    return true;
}
