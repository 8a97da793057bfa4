/* The audit log of this hub and what it holds of others' (proto/maillon/api/v1/audit.proto). */
#include "hub/api/referral_bundle.h"
#include "hub/base/text.h"
#include "hub/crypto/wire.h"
#include "hub/domain/audit_bundle.h"
#include "hub/domain/audit_witness.h"
#include "hub/domain/relation.h"

#define ALARMS_MAX 100
#define HEADS_MAX  400 /* of one page */

static bool verify(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct audit_report report;
    char root[2 * MERKLE_HASH_BYTES + 1];
    if (!audit_verify(call->store, call->arena, identity_kel(call->env->self), &report, err))
        return false;
    Maillon__Api__V1__VerifyAuditResponse *answer =
        rpc_message(call, &maillon__api__v1__verify_audit_response__descriptor);
    answer->ok = !report.wrong[0];
    answer->wrong = rpc_text(call, report.wrong);
    answer->leaves = report.leaves;
    answer->heads = report.heads;
    answer->cosigned = report.cosigned;
    answer->root = rpc_text(call, hex_encode(merkle_hash_bytes(&report.root), root));
    *out = answer;
    return true;
}

static uint64_t size_of_head(struct call *call, struct bytes bytes)
{
    struct audit_head head;
    struct err err = {0};
    return bytes.len && audit_head_open(bytes, call->arena, &head, &err) ? head.size : 0;
}

static bool show_alarm(struct call *call, const struct audit_alarm *alarm,
                       Maillon__Api__V1__AuditAlarm **ret, struct err *err)
{
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    char id[NODE_ID_TEXT];
    bool found;
    if (!relation_find(call->store, &alarm->node, &found, relation, err))
        return false;
    Maillon__Api__V1__AuditAlarm *view =
        rpc_message(call, &maillon__api__v1__audit_alarm__descriptor);
    view->node = rpc_text(call, node_id_text(&alarm->node, id));
    view->name = rpc_text(call, found ? relation->name : "");
    view->own = node_id_equal(&alarm->node, identity_node(call->env->self));
    view->kind = rpc_text(call, audit_alarm_name(alarm->kind));
    view->at = rpc_time(call, alarm->at_ms);
    view->settled = alarm->settled_ms > 0;
    view->held_size = size_of_head(call, alarm->held);
    view->shown_size = size_of_head(call, alarm->shown);
    *ret = view;
    return true;
}

static bool list(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    struct audit_alarm *alarms;
    struct audit_head newest;
    struct audit_cosigned *cosigned;
    size_t count, cosigned_count;
    uint64_t size;
    bool found;
    if (!audit_alarms(call->store, call->arena, ALARMS_MAX, &alarms, &count, err) ||
        !audit_size(call->store, &size, err) ||
        !audit_head_newest(call->store, call->arena, &found, &newest, err))
        return false;
    Maillon__Api__V1__ListAuditResponse *answer =
        rpc_message(call, &maillon__api__v1__list_audit_response__descriptor);
    answer->leaves = size;
    if (found) {
        if (!audit_cosigned(call->store, call->arena, &newest.oid, &cosigned, &cosigned_count, err))
            return false;
        answer->head_size = newest.size;
        answer->head_time = rpc_time(call, (int64_t)newest.time_ms);
        answer->witnesses = (uint32_t)cosigned_count;
    }
    answer->alarm = (Maillon__Api__V1__AuditAlarm **)rpc_array(call, count);
    for (; answer->n_alarm < count; answer->n_alarm++) {
        if (!show_alarm(call, &alarms[answer->n_alarm], &answer->alarm[answer->n_alarm], err))
            return false;
    }
    *out = answer;
    return true;
}

static bool settle(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__SettleAuditRequest *request = in;
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    relation->node = *identity_node(call->env->self);
    const char *actor = call->caller.name[0] ? call->caller.name : "operator";
    return (strcmp(request->hub, "self") == 0 ||
            relation_resolve(call->store, request->hub, relation, err)) &&
           audit_settle(call->tx, &relation->node, err) &&
           audit_add(call->tx, actor, "audit.settle", NULL, err) && list(call, NULL, out, err);
}

/* ---- export ---- */

static bool fill_evidence(struct call *call, Maillon__Api__V1__AuditBundle *bundle, struct err *err)
{
    struct audit_alarm *alarms;
    size_t count;
    if (!audit_alarms(call->store, call->arena, ALARMS_MAX, &alarms, &count, err))
        return false;
    bundle->evidence = (Maillon__Api__V1__BundleEvidence **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        char id[NODE_ID_TEXT];
        Maillon__Api__V1__BundleEvidence *view =
            rpc_message(call, &maillon__api__v1__bundle_evidence__descriptor);
        view->node = rpc_text(call, node_id_text(&alarms[i].node, id));
        view->kind = rpc_text(call, audit_alarm_name(alarms[i].kind));
        view->held = wire_data(alarms[i].held);
        view->shown = wire_data(alarms[i].shown);
        view->proof = wire_data(alarms[i].proof);
        view->at = rpc_time(call, alarms[i].at_ms);
        if (!bundle_keys(call, &alarms[i].node, &view->kel, &view->n_kel, err))
            return false;
        bundle->evidence[bundle->n_evidence++] = view;
    }
    return true;
}

static bool fill_leaves(struct call *call, uint64_t first, Maillon__Api__V1__AuditBundle *bundle,
                        uint64_t *ret_end, struct err *err)
{
    struct audit_leaf *leaves;
    struct merkle before;
    size_t count;
    if (!audit_tree(call->store, first, &before, err) ||
        !audit_leaves(call->store, call->arena, first, BUNDLE_LEAVES_MAX, &leaves, &count, err))
        return false;
    AUTO(buf_done) struct buf peaks = {0};
    merkle_peaks(&before, &peaks);
    bundle->first = first;
    bundle->before = wire_data(arena_bytes(call->arena, buf_bytes(&peaks)));
    bundle->leaf = arena_alloc(call->arena, (count + 1) * sizeof(*bundle->leaf));
    for (; bundle->n_leaf < count; bundle->n_leaf++)
        bundle->leaf[bundle->n_leaf] = wire_data(leaves[bundle->n_leaf].bytes);
    *ret_end = first + count;
    return true;
}

static bool fill_heads(struct call *call, uint64_t first, uint64_t end,
                       Maillon__Api__V1__AuditBundle *bundle, struct err *err)
{
    struct audit_head *heads;
    size_t count;
    if (!audit_heads(call->store, call->arena, first ? first + 1 : 0, HEADS_MAX, &heads, &count,
                     err))
        return false;
    while (count && heads[count - 1].size > end && bundle->next)
        count--;
    bundle->head = (Maillon__Api__V1__BundleHead **)rpc_array(call, count);
    for (; bundle->n_head < count; bundle->n_head++) {
        if (!bundle_head(call, &heads[bundle->n_head], &bundle->head[bundle->n_head], err))
            return false;
    }
    return bundle_witnesses(call, heads, count, &bundle->witness, &bundle->n_witness, err);
}

static bool run_export(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__ExportAuditRequest *request = in;
    uint64_t first = request->first, size, end;
    int64_t since_ms;
    char id[NODE_ID_TEXT];
    if (!audit_size(call->store, &size, err))
        return false;
    if (!first && request->since[0]) {
        if (!text_parse_time(request->since, &since_ms))
            return err_set(err, ERR_INVALID, "since is a date: YYYY-MM-DD or YYYY-MM-DDTHH:MMZ");
        if (!audit_since(call->store, since_ms, &first, err))
            return false;
    }
    if (first > size)
        return err_set(err, ERR_INVALID, "the audit log has fewer lines");
    Maillon__Api__V1__AuditBundle *bundle =
        rpc_message(call, &maillon__api__v1__audit_bundle__descriptor);
    bundle->format = rpc_text(call, BUNDLE_AUDIT_FORMAT);
    bundle->hub = rpc_text(call, node_id_text(identity_node(call->env->self), id));
    bundle->made = rpc_time(call, call->now.ms);
    if (!bundle_keys(call, identity_node(call->env->self), &bundle->kel, &bundle->n_kel, err) ||
        !fill_leaves(call, first, bundle, &end, err))
        return false;
    bundle->next = end < size ? end : 0;
    if (!fill_heads(call, first, end, bundle, err) ||
        (!request->first && !fill_evidence(call, bundle, err)))
        return false;
    *out = bundle;
    return true;
}

#define SERVICE &maillon__api__v1__audit__descriptor
const struct method methods_audit[] = {
    {SERVICE, "Verify", ROLE_ADMIN, METHOD_READ, verify, NULL},
    {SERVICE, "List", ROLE_ADMIN, METHOD_READ, list, NULL},
    {SERVICE, "Settle", ROLE_ADMIN, METHOD_WRITE, settle, NULL},
    {SERVICE, "Export", ROLE_ADMIN, METHOD_READ, run_export, NULL},
    {.name = NULL},
};
