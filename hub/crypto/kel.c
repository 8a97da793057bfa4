#include "hub/crypto/kel.h"

#include "hub/crypto/head.h"
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/keys.pb-c.h"

#define NONCE_BYTES       16
#define EVENT_ARENA_BYTES ((size_t)256 << 10) /* an event has at most OBJECT_KEL_MAX bytes */

typedef Maillon__Hfp__V1__KelEvent KelEvent; /* generated names are long */

static bool refuse(struct err *err, const char *why)
{
    return err_set(err, ERR_PEER, "key event is malformed: %s", why);
}

/* node id = SHA-256("hfp/node/v1\0" || PAE(inception)), R-ID-1 */
static void node_id_of(const struct envelope *inception, struct node_id *ret)
{
    AUTO(buf_done) struct buf pae = {0};
    envelope_pae(inception->type, inception->body, &pae);
    struct bytes parts[] = {bytes_of("hfp/node/v1", sizeof("hfp/node/v1")), buf_bytes(&pae)};
    digest_sha256_parts(parts, ARRAY_LEN(parts), ret->b);
}

/* Every key that signed counts once, however many signatures it left. */
static bool has_signers(const struct envelope *envelope, const struct sign_public *keys,
                        size_t key_count, size_t threshold)
{
    size_t signers = 0;
    for (size_t i = 0; i < key_count && signers < threshold; i++)
        signers += envelope_verify(envelope, &keys[i]);
    return threshold > 0 && signers >= threshold;
}

static bool read_key(ProtobufCBinaryData in, struct sign_public *ret)
{
    if (in.len != ED25519_KEY_BYTES)
        return false;
    memcpy(ret->b, in.data, ED25519_KEY_BYTES);
    return sign_public_is_admissible(ret);
}

static bool read_roots(struct kel *kel, size_t count, const ProtobufCBinaryData *roots,
                       uint32_t threshold)
{
    if (count == 0 || count > KEL_ROOTS_MAX || threshold == 0 || threshold > count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!read_key(roots[i], &kel->roots[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (memcmp(kel->roots[i].b, kel->roots[j].b, ED25519_KEY_BYTES) == 0)
                return false;
    }
    kel->root_count = count;
    kel->threshold = threshold;
    return true;
}

static bool read_next_roots(struct kel *kel, size_t count, const ProtobufCBinaryData *hashes,
                            uint32_t threshold)
{
    if (count == 0 || count > KEL_ROOTS_MAX || threshold == 0 || threshold > count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (hashes[i].len != sizeof(kel->next_root_hash[i]))
            return false;
        memcpy(kel->next_root_hash[i], hashes[i].data, sizeof(kel->next_root_hash[i]));
        for (size_t j = 0; j < i; j++)
            if (memcmp(kel->next_root_hash[i], kel->next_root_hash[j], 32) == 0)
                return false;
    }
    kel->next_count = count;
    kel->next_threshold = threshold;
    return true;
}

static bool apply_incept(struct kel *kel, const struct envelope *envelope,
                         const Maillon__Hfp__V1__Incept *incept, struct err *err)
{
    if (incept->nonce.len != NONCE_BYTES)
        return refuse(err, "nonce");
    if (!read_roots(kel, incept->n_root, incept->root, incept->threshold))
        return refuse(err, "root keys");
    if (!read_next_roots(kel, incept->n_next_root_hash, incept->next_root_hash,
                         incept->next_threshold))
        return refuse(err, "next root keys");
    if (!has_signers(envelope, kel->roots, kel->root_count, kel->threshold))
        return err_set(err, ERR_PEER, "key event is not signed by its root keys");
    node_id_of(envelope, &kel->node);
    return true;
}

static bool is_committed(const struct kel *kel, const struct sign_public *root)
{
    uint8_t hash[32];
    digest_sha256(bytes_of(root->b, sizeof(root->b)), hash);
    for (size_t i = 0; i < kel->next_count; i++)
        if (memcmp(hash, kel->next_root_hash[i], sizeof(hash)) == 0)
            return true;
    return false;
}

/*
 * Signed by as many revealed successors as the event before asked for. The old root may sign too;
 * it is not required, because a lost root is the main reason to rotate.
 */
static bool apply_rotate(struct kel *kel, const struct envelope *envelope,
                         const Maillon__Hfp__V1__RotateRoot *rotate, struct err *err)
{
    struct kel before = *kel;
    if (!read_roots(kel, rotate->n_root, rotate->root, rotate->threshold))
        return refuse(err, "root keys");
    for (size_t i = 0; i < kel->root_count; i++)
        if (!is_committed(&before, &kel->roots[i]))
            return err_set(err, ERR_PEER, "key event reveals a root key that was not announced");
    if (!has_signers(envelope, kel->roots, kel->root_count, before.next_threshold))
        return err_set(err, ERR_PEER, "key event is not signed by the announced root keys");
    if (!read_next_roots(kel, rotate->n_next_root_hash, rotate->next_root_hash,
                         rotate->next_threshold))
        return refuse(err, "next root keys");
    return true;
}

static struct kel_op *find_any_op(struct kel *kel, const struct sign_public *key)
{
    for (size_t i = 0; i < kel->op_count; i++)
        if (memcmp(kel->ops[i].key.b, key->b, ED25519_KEY_BYTES) == 0)
            return &kel->ops[i];
    return NULL;
}

/* SHA-256(type || 0 || stream): equal for equal places, and of one size. */
static void bound_place(const char *type, struct bytes stream, uint8_t ret[32])
{
    const struct bytes parts[] = {bytes_of(type, strlen(type) + 1), stream};
    digest_sha256_parts(parts, ARRAY_LEN(parts), ret);
}

static void drop_bounds(struct kel *kel, const struct sign_public *key)
{
    size_t kept = 0;
    for (size_t i = 0; i < kel->bound_count; i++)
        if (memcmp(kel->bounds[i].key.b, key->b, sizeof(key->b)) != 0)
            kel->bounds[kept++] = kel->bounds[i];
    memset(&kel->bounds[kept], 0, (kel->bound_count - kept) * sizeof(kel->bounds[0]));
    kel->bound_count = kept;
}

/* A free place, else that of a revoked key, else that of one whose delegation is over. */
static struct kel_op *place_for_op(struct kel *kel, uint64_t now_s)
{
    if (kel->op_count < KEL_OPS_MAX)
        return &kel->ops[kel->op_count++];
    for (size_t i = 0; i < KEL_OPS_MAX; i++)
        if (kel->ops[i].revoked)
            return &kel->ops[i];
    for (size_t i = 0; i < KEL_OPS_MAX; i++)
        if (kel->ops[i].not_after_s < now_s)
            return &kel->ops[i];
    return NULL;
}

static bool apply_delegate(struct kel *kel, uint64_t created_s,
                           const Maillon__Hfp__V1__Delegate *delegate, struct err *err)
{
    struct sign_public key;
    if (!read_key(delegate->op, &key))
        return refuse(err, "delegated key");
    if (delegate->not_after_s < created_s ||
        delegate->not_after_s - created_s > DELEGATION_LIFETIME_S)
        return err_set(err, ERR_PEER, "key event delegates for too long");
    struct kel_op *op = find_any_op(kel, &key);
    if (op && op->revoked)
        return err_set(err, ERR_PEER, "key event delegates a revoked key");
    if (!op)
        op = place_for_op(kel, created_s);
    if (!op)
        return err_set(err, ERR_PEER, "key event delegates too many keys");
    if (op->revoked) /* its place is taken: the log no longer vouches for anything of it */
        drop_bounds(kel, &op->key);
    *op = (struct kel_op){.key = key, .from_s = created_s, .not_after_s = delegate->not_after_s};
    return true;
}

static bool add_bound(struct kel *kel, const struct sign_public *key,
                      const Maillon__Hfp__V1__StreamBound *through, struct err *err)
{
    if (through->stream.len != 0 && through->stream.len != OID_BYTES)
        return refuse(err, "stream of a bound");
    if (kel->bound_count == KEL_BOUNDS_MAX)
        return err_set(err, ERR_PEER, "key events bound more than %d streams", KEL_BOUNDS_MAX);
    struct kel_bound *bound = &kel->bounds[kel->bound_count++];
    *bound = (struct kel_bound){.key = *key, .seq = through->seq};
    bound_place(through->type, wire_bytes(through->stream), bound->where);
    return true;
}

static bool apply_revoke(struct kel *kel, uint64_t created_s,
                         const Maillon__Hfp__V1__Revoke *revoke, struct err *err)
{
    struct sign_public key;
    if (!read_key(revoke->op, &key))
        return refuse(err, "revoked key");
    struct kel_op *op = find_any_op(kel, &key);
    if (!op)
        return err_set(err, ERR_PEER, "key event revokes an unknown key");
    if (op->revoked)
        return err_set(err, ERR_PEER, "key event revokes a key a second time");
    for (size_t i = 0; i < revoke->n_valid_through; i++)
        if (!add_bound(kel, &key, revoke->valid_through[i], err))
            return false;
    op->revoked = true;
    op->reason = revoke->reason;
    op->revoked_s = created_s;
    return true;
}

static bool apply_retire(struct kel *kel, uint64_t created_s,
                         const Maillon__Hfp__V1__Retire *retire, struct err *err)
{
    if (retire->successor.len != 0 && !node_id_from(wire_bytes(retire->successor), &kel->successor))
        return refuse(err, "successor");
    kel->has_successor = retire->successor.len != 0;
    kel->retired = true;
    kel->retired_s = created_s;
    return true;
}

static bool check_place(const struct kel *kel, const KelEvent *event, struct err *err)
{
    if (!head_check_shape(event->head, err) ||
        !head_check_critical(event->head, &maillon__hfp__v1__kel_event__descriptor, err))
        return false;
    const Maillon__Hfp__V1__Head *head = event->head;
    bool is_incept = event->event_case == MAILLON__HFP__V1__KEL_EVENT__EVENT_INCEPT;
    if (kel->retired)
        return err_set(err, ERR_PEER, "key event after the end of the node");
    if (kel->seq >= KEL_EVENTS_MAX)
        return err_set(err, ERR_PEER, "key event log is too long");
    if (head->seq != kel->seq + 1 || is_incept != (kel->seq == 0))
        return err_set(err, ERR_PEER, "key event is out of order");
    if (head->stream.len != 0)
        return refuse(err, "stream");
    if (is_incept)
        return head->node.len == 0 || refuse(err, "node");
    if (!bytes_equal(wire_bytes(head->node), node_id_bytes(&kel->node)))
        return err_set(err, ERR_PEER, "key event is of another node");
    if (!bytes_equal(wire_bytes(head->prev), oid_bytes(&kel->head)))
        return err_set(err, ERR_PEER, "key event does not follow the one before");
    return true;
}

static bool apply_event(struct kel *kel, const struct envelope *envelope, const KelEvent *event,
                        struct err *err)
{
    switch (event->event_case) {
    case MAILLON__HFP__V1__KEL_EVENT__EVENT_INCEPT:
        return apply_incept(kel, envelope, event->incept, err);
    case MAILLON__HFP__V1__KEL_EVENT__EVENT_ROTATE_ROOT:
        return apply_rotate(kel, envelope, event->rotate_root, err);
    case MAILLON__HFP__V1__KEL_EVENT__EVENT_DELEGATE:
    case MAILLON__HFP__V1__KEL_EVENT__EVENT_REVOKE:
    case MAILLON__HFP__V1__KEL_EVENT__EVENT_RETIRE:
        break;
    default: /* not set, or a kind of a later version */
        return refuse(err, "unknown kind");
    }
    if (!has_signers(envelope, kel->roots, kel->root_count, kel->threshold))
        return err_set(err, ERR_PEER, "key event is not signed by the root keys");
    if (event->event_case == MAILLON__HFP__V1__KEL_EVENT__EVENT_DELEGATE)
        return apply_delegate(kel, event->head->created_s, event->delegate, err);
    if (event->event_case == MAILLON__HFP__V1__KEL_EVENT__EVENT_REVOKE)
        return apply_revoke(kel, event->head->created_s, event->revoke, err);
    return apply_retire(kel, event->head->created_s, event->retire, err);
}

bool kel_apply(struct kel *kel, struct bytes signed_event, struct err *err)
{
    if (signed_event.len > OBJECT_KEL_MAX)
        return refuse(err, "too large");
    AUTO(arena_free) struct arena *arena = arena_create(EVENT_ARENA_BYTES);
    struct envelope envelope;
    if (!envelope_open(signed_event, arena, &envelope, err))
        return err_wrap(err, "key event");
    if (strcmp(envelope.type, TYPE_KEL) != 0)
        return refuse(err, "type");
    KelEvent *event =
        wire_unpack(&maillon__hfp__v1__kel_event__descriptor, envelope.body, arena, err);
    struct kel after = *kel;
    if (!event || !check_place(kel, event, err) || !apply_event(&after, &envelope, event, err))
        return false;
    after.seq = kel->seq + 1;
    after.head = envelope.oid;
    *kel = after;
    return true;
}

bool kel_read(const struct bytes *events, size_t count, const struct node_id *expect,
              struct kel *ret, struct err *err)
{
    if (count == 0 || count > KEL_EVENTS_MAX)
        return err_set(err, ERR_PEER, "key event log has %zu events", count);
    struct kel kel = {0};
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += events[i].len;
        if (total > KEL_BYTES_MAX)
            return err_set(err, ERR_PEER, "key event log is too large");
        if (!kel_apply(&kel, events[i], err))
            return err_wrap(err, "key event %zu", i + 1);
        if (i == 0 && expect && !node_id_equal(expect, &kel.node))
            return err_set(err, ERR_PEER, "key event log is of another node");
    }
    *ret = kel;
    return true;
}

const struct kel_op *kel_find_op(const struct kel *kel, const struct sign_public *key)
{
    for (size_t i = 0; i < kel->op_count; i++)
        if (!kel->ops[i].revoked && memcmp(kel->ops[i].key.b, key->b, ED25519_KEY_BYTES) == 0)
            return &kel->ops[i];
    return NULL;
}

bool kel_verify(const struct kel *kel, const struct envelope *envelope,
                const struct sign_public **ret_key)
{
    for (size_t i = 0; i < kel->op_count; i++) {
        if (kel->ops[i].revoked || !envelope_verify(envelope, &kel->ops[i].key))
            continue;
        if (ret_key)
            *ret_key = &kel->ops[i].key;
        return true;
    }
    return false;
}

enum kel_age kel_op_age(const struct kel_op *op, struct wall now)
{
    uint64_t now_s = now.ms > 0 ? (uint64_t)now.ms / 1000 : 0;
    if (now_s <= op->not_after_s)
        return KEL_FRESH;
    return now_s - op->not_after_s <= DELEGATION_STALE_S ? KEL_STALE : KEL_OVER;
}

enum kel_age kel_age(const struct kel *kel, struct wall now, uint64_t *ret_until_s)
{
    const struct kel_op *last = NULL;
    for (size_t i = 0; i < kel->op_count; i++)
        if (!kel->ops[i].revoked && (!last || kel->ops[i].not_after_s > last->not_after_s))
            last = &kel->ops[i];
    *ret_until_s = last ? last->not_after_s : 0;
    return last ? kel_op_age(last, now) : KEL_OVER;
}

static bool is_bounded(const struct kel *kel, const struct kel_op *op, const char *type,
                       const Maillon__Hfp__V1__Head *head)
{
    uint8_t exact[32], any[32];
    bound_place(type, wire_bytes(head->stream), exact);
    bound_place("", wire_bytes(head->stream), any);
    for (size_t i = 0; i < kel->bound_count; i++) {
        const struct kel_bound *bound = &kel->bounds[i];
        if (memcmp(bound->key.b, op->key.b, sizeof(op->key.b)) == 0 && head->seq <= bound->seq &&
            (memcmp(bound->where, exact, 32) == 0 || memcmp(bound->where, any, 32) == 0))
            return true;
    }
    return false;
}

static bool still_vouches(const struct kel *kel, const struct kel_op *op,
                          const struct envelope *envelope, const Maillon__Hfp__V1__Head *head)
{
    if (op->reason == KEL_REPLACED && head->created_s <= op->revoked_s)
        return true;
    return is_bounded(kel, op, envelope->type, head);
}

enum kel_verdict kel_judge(const struct kel *kel, const struct envelope *envelope,
                           const Maillon__Hfp__V1__Head *head, struct wall now)
{
    enum kel_verdict worst = KEL_FORGED;
    for (size_t i = 0; i < kel->op_count; i++) {
        const struct kel_op *op = &kel->ops[i];
        if (!envelope_verify(envelope, &op->key))
            continue;
        if (op->revoked && !still_vouches(kel, op, envelope, head))
            worst = KEL_REVOKED;
        else if (!op->revoked && kel_op_age(op, now) == KEL_OVER)
            worst = KEL_EXPIRED;
        else if (kel->retired && head->created_s > kel->retired_s)
            return KEL_RETIRED;
        else
            return KEL_GOOD;
    }
    return worst;
}
