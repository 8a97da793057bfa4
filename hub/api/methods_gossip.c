/* Members who signed two objects with one version: for a person to look at (R-NO-1, F22). Part of
 * service Circles (proto/maillon/api/v1/circles.proto). */
#include "hub/api/rpc.h"
#include "hub/base/text.h"
#include "hub/domain/audit.h"
#include "hub/domain/gossip.h"
#include "hub/domain/relation.h"
#include "maillon/api/v1/circles.pb-c.h"

#include <strings.h>

#define SERVICE       &maillon__api__v1__circles__descriptor
#define ID_DIGITS_MIN 6

static bool read_name(struct call *call, const struct node_id *node, const char **ret,
                      struct err *err)
{
    struct relation *relation = arena_alloc(call->arena, sizeof(*relation));
    struct gossip_member *member = arena_alloc(call->arena, sizeof(*member));
    bool found;
    if (!relation_find(call->store, node, &found, relation, err))
        return false;
    *ret = found ? relation->name : "";
    if (found)
        return true;
    if (!gossip_member(call->store, node, &found, member, err))
        return false;
    *ret = found ? member->name : "";
    return true;
}

static bool fill_list(struct call *call, void **out, struct err *err)
{
    struct gossip_proof *proofs;
    size_t count;
    char id[NODE_ID_TEXT], oid[2 * OID_BYTES + 1];
    Maillon__Api__V1__CircleDoubtsResponse *response =
        rpc_message(call, &maillon__api__v1__circle_doubts_response__descriptor);
    if (!gossip_review(call->store, call->arena, &proofs, &count, err))
        return false;
    response->doubt = (Maillon__Api__V1__CircleDoubt **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        const char *name;
        Maillon__Api__V1__CircleDoubt *doubt =
            rpc_message(call, &maillon__api__v1__circle_doubt__descriptor);
        if (!read_name(call, &proofs[i].author, &name, err))
            return false;
        doubt->id = rpc_text(call, node_id_text(&proofs[i].author, id));
        doubt->name = rpc_text(call, name);
        doubt->first = rpc_text(call, hex_encode(oid_bytes(&proofs[i].first), oid));
        doubt->second = rpc_text(call, hex_encode(oid_bytes(&proofs[i].second), oid));
        doubt->found = rpc_time(call, proofs[i].found_ms);
        doubt->waiting = proofs[i].held;
        response->doubt[response->n_doubt++] = doubt;
    }
    *out = response;
    return true;
}

static bool run_doubts(struct call *call, const void *in, void **out, struct err *err)
{
    (void)in;
    return fill_list(call, out, err);
}

/* Of those that wait: by node id, its beginning, or name. */
static bool find_author(struct call *call, const char *text, struct node_id *ret, struct err *err)
{
    struct gossip_proof *proofs;
    size_t count, len = strlen(text), found = 0;
    struct node_id author = {0};
    if (!gossip_review(call->store, call->arena, &proofs, &count, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        char id[NODE_ID_TEXT];
        const char *name;
        if (found && node_id_equal(&author, &proofs[i].author))
            continue;
        if (!read_name(call, &proofs[i].author, &name, err))
            return false;
        node_id_text(&proofs[i].author, id);
        if (strcasecmp(name, text) != 0 && (len < ID_DIGITS_MIN || strncasecmp(id, text, len) != 0))
            continue;
        author = proofs[i].author;
        found++;
    }
    if (found > 1)
        return err_set(err, ERR_INVALID, "that fits more than one hub: give more of its id");
    *ret = author;
    return found || err_set(err, ERR_UNKNOWN, "nothing of such a hub waits for a look");
}

static bool run_trust(struct call *call, const void *in, void **out, struct err *err)
{
    const Maillon__Api__V1__CircleTrustRequest *request = in;
    struct node_id author;
    return find_author(call, request->member, &author, err) &&
           gossip_release(call->tx, &author, err) &&
           audit_add(call->tx, call->caller.name[0] ? call->caller.name : "hub", "circle.trust",
                     NULL, err) &&
           fill_list(call, out, err);
}

const struct method methods_gossip[] = {
    {SERVICE, "Doubts", ROLE_ADMIN | ROLE_COORDINATOR, METHOD_READ, run_doubts, NULL},
    {SERVICE, "Trust", ROLE_ADMIN, METHOD_WRITE, run_trust, NULL},
    {NULL, NULL, 0, METHOD_READ, NULL, NULL},
};
