#include "hub/api/referral_bundle.h"

#include "hub/crypto/wire.h"
#include "hub/domain/audit_bundle.h"
#include "hub/domain/audit_witness.h"
#include "hub/domain/object.h"
#include "hub/domain/referral_store.h"
#include "hub/domain/relation.h"

#define WITNESSES_MAX 64

void bundle_bytes(struct call *call, const struct bytes *from, size_t count,
                  ProtobufCBinaryData **ret, size_t *ret_count)
{
    *ret = arena_alloc(call->arena, (count + 1) * sizeof(**ret));
    for (size_t i = 0; i < count; i++)
        (*ret)[i] = wire_data(arena_bytes(call->arena, from[i]));
    *ret_count = count;
}

bool bundle_keys(struct call *call, const struct node_id *node, ProtobufCBinaryData **ret,
                 size_t *ret_count, struct err *err)
{
    const struct identity *self = call->env->self;
    struct bytes *theirs;
    size_t count;
    if (node_id_equal(node, identity_node(self))) {
        const struct bytes *ours = identity_kel_events(self, &count);
        bundle_bytes(call, ours, count, ret, ret_count);
        return true;
    }
    if (!relation_kel_events(call->store, call->arena, node, &theirs, &count, err))
        return false;
    bundle_bytes(call, theirs, count, ret, ret_count);
    return true;
}

bool bundle_head(struct call *call, const struct audit_head *head,
                 Maillon__Api__V1__BundleHead **ret, struct err *err)
{
    struct audit_cosigned *cosigned;
    size_t count;
    if (!audit_cosigned(call->store, call->arena, &head->oid, &cosigned, &count, err))
        return false;
    Maillon__Api__V1__BundleHead *view =
        rpc_message(call, &maillon__api__v1__bundle_head__descriptor);
    view->head = wire_data(head->bytes);
    view->cosigned = arena_alloc(call->arena, (count + 1) * sizeof(*view->cosigned));
    for (; view->n_cosigned < count; view->n_cosigned++)
        view->cosigned[view->n_cosigned] = wire_data(cosigned[view->n_cosigned].bytes);
    *ret = view;
    return true;
}

static bool is_known(const struct node_id *list, size_t count, const struct node_id *node)
{
    for (size_t i = 0; i < count; i++) {
        if (node_id_equal(&list[i], node))
            return true;
    }
    return false;
}

bool bundle_witnesses(struct call *call, const struct audit_head *heads, size_t count,
                      Maillon__Api__V1__BundleKeys ***ret, size_t *ret_count, struct err *err)
{
    struct node_id *nodes = arena_alloc(call->arena, WITNESSES_MAX * sizeof(*nodes));
    size_t node_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct audit_cosigned *cosigned;
        size_t n;
        if (!audit_cosigned(call->store, call->arena, &heads[i].oid, &cosigned, &n, err))
            return false;
        for (size_t j = 0; j < n && node_count < WITNESSES_MAX; j++) {
            if (!is_known(nodes, node_count, &cosigned[j].witness))
                nodes[node_count++] = cosigned[j].witness;
        }
    }
    *ret = (Maillon__Api__V1__BundleKeys **)rpc_array(call, node_count);
    for (*ret_count = 0; *ret_count < node_count; (*ret_count)++) {
        char id[NODE_ID_TEXT];
        Maillon__Api__V1__BundleKeys *view =
            rpc_message(call, &maillon__api__v1__bundle_keys__descriptor);
        view->node = rpc_text(call, node_id_text(&nodes[*ret_count], id));
        if (!bundle_keys(call, &nodes[*ret_count], &view->kel, &view->n_kel, err))
            return false;
        (*ret)[*ret_count] = view;
    }
    return true;
}

/* ---- one referral ---- */

/** The peer's signed receipts for our events, each once: they arrive in order of the events. */
static bool fill_receipts(struct call *call, const struct referral *referral,
                          const struct referral_event *events, size_t count,
                          Maillon__Api__V1__ReferralBundle *bundle, struct err *err)
{
    int64_t last = 0;
    bundle->receipt = arena_alloc(call->arena, (count + 1) * sizeof(*bundle->receipt));
    for (size_t i = 0; i < count; i++) {
        int64_t row;
        struct bytes receipt;
        if (events[i].key.side != referral_our_side(referral))
            continue;
        if (!object_proof(call->store, call->arena, &events[i].key.oid, &row, &receipt, err))
            return false;
        if (row && row != last)
            bundle->receipt[bundle->n_receipt++] = wire_data(receipt);
        last = row;
    }
    return true;
}

static bool fill_personal(struct call *call, const struct referral *referral,
                          Maillon__Api__V1__ReferralBundle *bundle, struct err *err)
{
    struct referral_event_row *rows;
    size_t count;
    if (!referral_event_rows(call->store, call->arena, referral->id, true, &rows, &count, err))
        return false;
    bundle->personal = (Maillon__Api__V1__BundlePersonal **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        struct bytes salt, payload;
        if (!referral_event_personal(call->arena, call->env->self, referral, &rows[i], &payload,
                                     &salt, err))
            return false;
        if (!salt.len)
            continue;
        Maillon__Api__V1__BundlePersonal *view =
            rpc_message(call, &maillon__api__v1__bundle_personal__descriptor);
        view->oid = wire_data(arena_bytes(call->arena, oid_bytes(&rows[i].key.oid)));
        view->payload = wire_data(payload);
        view->salt = wire_data(salt);
        bundle->personal[bundle->n_personal++] = view;
    }
    return true;
}

static bool add_leaf(struct call *call, const struct audit_leaf *leaf, uint64_t size,
                     Maillon__Api__V1__ReferralBundle *bundle, struct err *err)
{
    struct merkle_proof proof;
    if (!audit_prove_inclusion(call->store, leaf->index, size, &proof, err))
        return false;
    Maillon__Api__V1__BundleLeaf *view =
        rpc_message(call, &maillon__api__v1__bundle_leaf__descriptor);
    view->leaf = wire_data(leaf->bytes);
    view->index = leaf->index;
    view->head = (uint32_t)bundle->n_head - 1;
    view->proof = wire_data(
        arena_bytes(call->arena, bytes_of(proof.path, proof.count * sizeof(proof.path[0]))));
    bundle->leaf[bundle->n_leaf++] = view;
    return true;
}

/** The lines about these events, under the fewest heads, preferring those that witnesses signed. */
static bool fill_leaves(struct call *call, const struct referral *referral,
                        const struct referral_event *events, size_t count,
                        Maillon__Api__V1__ReferralBundle *bundle, struct err *err)
{
    struct audit_about *about = arena_alloc(call->arena, (count + 1) * sizeof(*about));
    for (size_t i = 0; i < count; i++)
        about[i] = (struct audit_about){events[i].key.oid, events[i].at_ms};
    about[count] = (struct audit_about){referral->oid, referral->purged_ms};
    struct audit_leaf *leaves;
    size_t leaf_count, used = 0;
    if (!audit_find(call->store, call->arena, about, count + (referral->purged_ms > 0), &leaves,
                    &leaf_count, err))
        return false;
    bundle->leaf = (Maillon__Api__V1__BundleLeaf **)rpc_array(call, leaf_count);
    bundle->head = (Maillon__Api__V1__BundleHead **)rpc_array(call, leaf_count);
    struct audit_head *heads = arena_alloc(call->arena, (leaf_count + 1) * sizeof(*heads));
    for (size_t i = 0; i < leaf_count; i++) {
        bool found = used && leaves[i].index < heads[used - 1].size;
        if (!found) {
            if (!audit_head_covering(call->store, call->arena, leaves[i].index + 1, &found,
                                     &heads[used], err))
                return false;
            if (!found) /* later heads will cover it */
                break;
            if (!bundle_head(call, &heads[used++], &bundle->head[bundle->n_head], err))
                return false;
            bundle->n_head++;
        }
        if (!add_leaf(call, &leaves[i], heads[used - 1].size, bundle, err))
            return false;
    }
    return bundle_witnesses(call, heads, used, &bundle->witness, &bundle->n_witness, err);
}

static bool fill_peer_head(struct call *call, const struct node_id *peer,
                           Maillon__Api__V1__ReferralBundle *bundle, struct err *err)
{
    struct audit_head held;
    bool found;
    if (!witness_held(call->store, call->arena, peer, &found, &held, err))
        return false;
    if (found)
        bundle_bytes(call, &held.bytes, 1, &bundle->peer_head, &bundle->n_peer_head);
    return true;
}

bool referral_bundle(struct call *call, const struct referral *referral, bool personal,
                     Maillon__Api__V1__ReferralBundle **ret, struct err *err)
{
    const struct node_id *self = identity_node(call->env->self);
    struct referral_event *events;
    size_t count;
    char id[REFERRAL_ID_TEXT], node[NODE_ID_TEXT];
    if (!referral_events(call->store, call->arena, NULL, referral, &events, &count, err))
        return false;
    Maillon__Api__V1__ReferralBundle *bundle =
        rpc_message(call, &maillon__api__v1__referral_bundle__descriptor);
    bundle->id = rpc_text(call, referral_id_text(&referral->oid, id));
    bundle->format = rpc_text(call, BUNDLE_REFERRAL_FORMAT);
    bundle->hub = rpc_text(call, node_id_text(self, node));
    bundle->peer = rpc_text(call, node_id_text(&referral->peer, node));
    bundle->made = rpc_time(call, call->now.ms);
    bundle->event = arena_alloc(call->arena, (count + 1) * sizeof(*bundle->event));
    for (size_t i = 0; i < count; i++) {
        if (events[i].object.len)
            bundle->event[bundle->n_event++] = wire_data(events[i].object);
    }
    if (!bundle_keys(call, self, &bundle->kel_ours, &bundle->n_kel_ours, err) ||
        !bundle_keys(call, &referral->peer, &bundle->kel_theirs, &bundle->n_kel_theirs, err) ||
        !fill_receipts(call, referral, events, count, bundle, err) ||
        !fill_leaves(call, referral, events, count, bundle, err) ||
        !fill_peer_head(call, &referral->peer, bundle, err) ||
        (personal && !fill_personal(call, referral, bundle, err)))
        return false;
    *ret = bundle;
    return true;
}
