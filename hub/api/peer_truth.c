#include "hub/api/peer_truth.h"

#include "hub/domain/circle.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/own_keys.h"
#include "hub/domain/relay.h"
#include "hub/outbox/journal.h"
#include <stdio.h>

#define WARNINGS_MAX  12
#define REFERRALS_MAX 200
#define SILENT_MS     (3 * 86400000LL)
#define OLD_QUEUE_MS  86400000LL
#define SCORE_HALF_MS (3 * 3600000LL) /* as federation/budget.h */
#define SCORE_BAD     20
#define RECENT_MS     86400000LL

typedef Maillon__Api__V1__Peer peer_message;

static void warn(struct call *call, peer_message *out, const char *text)
{
    if (out->n_warning < WARNINGS_MAX)
        out->warning[out->n_warning++] = rpc_text(call, text);
}

/* R-SE-9: that they reach us does not mean that we reach them. */
static void fill_directions(struct call *call, const struct relation *relation,
                            const struct live_peer *live, peer_message *out)
{
    out->we_reach = live->dialled_ms && !live->dial_failed_ms;
    out->they_reach = live->incoming_ms > 0;
    out->dialled = rpc_time(call, live->dialled_ms);
    out->incoming = rpc_time(call, live->incoming_ms);
    out->dial_failed = rpc_time(call, live->dial_failed_ms);
    if (relation->ours != DECISION_ACCEPTED || relation->theirs != DECISION_ACCEPTED)
        return;
    if (live->dial_failed_ms && live->connected)
        warn(call, out,
             "They reach us, but our dialling fails: what we send waits whenever they are away. "
             "Ask their admin whether their address still holds.");
    else if (live->dial_failed_ms)
        warn(call, out,
             "We cannot reach them. Check the address with their admin; the queue is kept.");
    else if (!relation->route_count && !live->connected)
        warn(call, out, "No address is known: only they can open the link.");
}

static void fill_score(struct call *call, const struct live_peer *live, peer_message *out)
{
    double score = live->score;
    for (int64_t age = call->now.ms - live->marked_ms; age >= SCORE_HALF_MS && score >= 0.5;
         age -= SCORE_HALF_MS)
        score /= 2;
    out->score = live->marked_ms ? (uint32_t)(score + 0.5) : 0;
    if (live->over_limit_ms && call->now.ms - live->over_limit_ms < RECENT_MS) {
        out->over_limit = rpc_time(call, live->over_limit_ms);
        warn(call, out,
             "It sends more than this hub takes from one peer: it is slowed down, others are not "
             "touched. If that goes on, phone its admin.");
    } else if (live->claimed_ms && call->now.ms - live->claimed_ms < RECENT_MS) {
        warn(call, out,
             "It claims to have more from us than we sent and does not show it: ask its admin "
             "whether the hub is up to date or was tampered with.");
    } else if (out->score >= SCORE_BAD) {
        warn(call, out,
             "It broke the protocol lately: ask its admin whether the hub is up to date.");
    }
}

static bool fill_lanes(struct call *call, const struct relation *relation, peer_message *out,
                       struct err *err)
{
    uint64_t head;
    int64_t behind[3] = {0, 0, 0};
    out->lane = (Maillon__Api__V1__Lane **)rpc_array(call, ARRAY_LEN(behind));
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(call->store,
                                 "SELECT lane, waiting_rows FROM link WHERE peer = ?1 AND lane < 2"
                                 " UNION ALL SELECT 2, acked FROM journal_peer WHERE peer = ?1",
                                 err);
    if (!stmt || !journal_head(call->store, &head, err))
        return false;
    behind[2] = relation_is_accepted(relation) ? (int64_t)head : 0;
    stmt_bind_i64(stmt, 1, relation->id);
    for (bool row;;) {
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "read how far a peer is");
        if (!row)
            break;
        int64_t lane = stmt_i64(stmt, 0);
        if (lane == 2 && behind[2])
            behind[2] -= stmt_i64(stmt, 1);
        else if (lane >= 0 && lane < 2)
            behind[lane] = stmt_i64(stmt, 1);
    }
    for (unsigned i = 0; i < ARRAY_LEN(behind); i++) {
        Maillon__Api__V1__Lane *lane = rpc_message(call, &maillon__api__v1__lane__descriptor);
        lane->number = i;
        lane->behind = behind[i] > 0 ? (uint64_t)behind[i] : 0;
        out->lane[out->n_lane++] = lane;
    }
    return true;
}

static bool fill_oldest(struct call *call, const struct relation *relation, peer_message *out,
                        struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(call->store, "SELECT min(created_ms) FROM outbox WHERE peer = ?1", err);
    bool row;
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, relation->id);
    if (!stmt_next(stmt, &row, err))
        return err_wrap(err, "read the queue of a peer");
    int64_t oldest_ms = row && !stmt_is_null(stmt, 0) ? stmt_i64(stmt, 0) : 0;
    out->oldest = rpc_time(call, oldest_ms);
    if (oldest_ms && call->now.ms - oldest_ms > OLD_QUEUE_MS)
        warn(call, out,
             "Something has waited for more than a day: for a person on the way, phone now.");
    return true;
}

static bool fill_circles(struct call *call, const struct relation *relation, peer_message *out,
                         struct err *err)
{
    struct oid *scopes;
    size_t count;
    char hex[2 * OID_BYTES + 1];
    if (!circle_scopes_shared(call->store, &relation->node, call->arena, &scopes, &count, err))
        return false;
    out->circle = (Maillon__Api__V1__PeerCircle **)rpc_array(call, count);
    for (size_t i = 0; i < count; i++) {
        struct circle *circle = arena_alloc(call->arena, sizeof(*circle));
        bool found;
        if (!circle_find(call->store, &scopes[i], &found, circle, err))
            return false;
        Maillon__Api__V1__PeerCircle *view =
            rpc_message(call, &maillon__api__v1__peer_circle__descriptor);
        view->id = rpc_text(call, hex_encode(oid_bytes(&scopes[i]), hex));
        view->name = rpc_text(call, found ? circle->name : "");
        out->circle[out->n_circle++] = view;
    }
    return true;
}

static bool fill_keys(struct call *call, const struct relation *relation, peer_message *out,
                      struct err *err)
{
    struct node_keys_state keys;
    if (!node_keys_state(call->store, &relation->node, &keys, err))
        return false;
    enum node_keys_standing standing = node_keys_stand(&keys, call->now);
    out->keys = rpc_text(call, node_keys_word(standing));
    out->keys_words = rpc_text(call, node_keys_sentence(standing));
    if (out->keys_words[0])
        warn(call, out, out->keys_words);
    /* R-ID-8: a hint for whoever compares words by phone, nothing else. */
    size_t count;
    struct node_id lost;
    char text[160], id[NODE_ID_SHORT];
    if (!succession_find(call->store, &relation->node, &count, &lost, err))
        return false;
    if (count > 0) {
        snprintf(text, sizeof(text),
                 "%zu of your peers say that this is the new hub of %s, which lost its keys", count,
                 node_id_short(&lost, id));
        warn(call, out, rpc_text(call, text));
    }
    return true;
}

/* R-AB-2 in words. */
static bool fill_provenance(struct call *call, const struct relation *relation, peer_message *out,
                            struct err *err)
{
    struct relation *source = arena_alloc(call->arena, sizeof(*source));
    struct circle *circle = arena_alloc(call->arena, sizeof(*circle));
    struct node_id node;
    struct oid scope;
    bool found = false;
    memcpy(node.b, relation->provenance_id, NODE_ID_BYTES);
    memcpy(scope.b, relation->provenance_id, OID_BYTES);
    switch (relation->provenance) {
    case PROVENANCE_OWN:
        out->provenance = rpc_text(call, "accepted by hand");
        break;
    case PROVENANCE_INVITE:
        out->provenance = rpc_text(call, "by an invite");
        break;
    case PROVENANCE_CIRCLE:
        if (!circle_find(call->store, &scope, &found, circle, err))
            return false;
        out->provenance = arena_printf(call->arena, "members of the circle %s accept each other",
                                       found ? circle->name : "");
        break;
    case PROVENANCE_INTRODUCED:
        if (!relation_find(call->store, &node, &found, source, err))
            return false;
        out->provenance =
            arena_printf(call->arena, "introduced by %s", found ? source->name : "a former peer");
        break;
    }
    out->suspended = rpc_time(call, relation->suspended.ms);
    if (relation->suspension_over)
        warn(call, out,
             "Suspended for more than 30 days: nothing passes. hubctl peer accept takes it up "
             "again, hubctl peer leave ends it.");
    else if (relation->suspended.ms)
        warn(call, out,
             "Suspended: what brought you together has ended. Open referrals go on for 30 days, "
             "new ones cannot be sent. hubctl peer accept keeps the relation.");
    return true;
}

/* F14: a relay that takes what it does not bring. */
static bool warn_relay(struct call *call, const struct relation *relation, peer_message *out,
                       struct err *err)
{
    struct relay_peer relay;
    char text[160];
    if (!relay_peer_find(call->store, &relation->node, call->now, &relay, err))
        return false;
    if (!relay.suspect)
        return true;
    snprintf(text, sizeof text,
             "As a relay it took %u message%s in the last day that only another way brought: phone "
             "its admin, or use another relay.",
             relay.suspect, relay.suspect == 1 ? "" : "s");
    warn(call, out, text);
    return true;
}

bool peer_truth_fill(struct call *call, const struct relation *relation, peer_message *out,
                     struct err *err)
{
    struct live_peer live = {0};
    const struct live *source = &call->env->live;
    out->warning = (char **)rpc_array(call, WARNINGS_MAX);
    out->phone = rpc_text(call, relation->phone);
    if (!fill_provenance(call, relation, out, err) || !fill_keys(call, relation, out, err))
        return false;
    if (source->peer && source->peer(source->ctx, &relation->node, &live)) {
        fill_directions(call, relation, &live, out);
        fill_score(call, &live, out);
    }
    if (!warn_relay(call, relation, out, err))
        return false;
    if (relation_is_accepted(relation) && !out->connected && relation->last_contact_ms &&
        call->now.ms - relation->last_contact_ms > SILENT_MS)
        warn(call, out, "Silent for more than three days: phone its admin.");
    return fill_lanes(call, relation, out, err) && fill_oldest(call, relation, out, err) &&
           fill_circles(call, relation, out, err);
}

bool peer_truth_referrals(struct call *call, const struct relation *relation, peer_message *out,
                          struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(call->store,
                                 "SELECT oid, is_out FROM referral WHERE is_open = 1 AND peer = ?1"
                                 " ORDER BY id LIMIT ?2",
                                 err);
    if (!stmt)
        return false;
    bool cut_off = !relation_is_accepted(relation);
    out->referral = (Maillon__Api__V1__OpenReferral **)rpc_array(call, REFERRALS_MAX);
    stmt_bind_bytes(stmt, 1, node_id_bytes(&relation->node));
    stmt_bind_i64(stmt, 2, REFERRALS_MAX);
    for (bool row;;) {
        char hex[2 * OID_BYTES + 1];
        struct oid oid;
        if (!stmt_next(stmt, &row, err))
            return err_wrap(err, "list open referrals");
        if (!row)
            break;
        if (!stmt_copy(stmt, 0, oid.b, OID_BYTES))
            continue;
        Maillon__Api__V1__OpenReferral *view =
            rpc_message(call, &maillon__api__v1__open_referral__descriptor);
        view->id = rpc_text(call, hex_encode(oid_bytes(&oid), hex));
        view->box = rpc_text(call, stmt_i64(stmt, 1) ? "out" : "in");
        view->phone = cut_off;
        out->referral[out->n_referral++] = view;
    }
    if (cut_off && out->n_referral)
        warn(call, out,
             relation->phone[0]
                 ? arena_printf(call->arena,
                                "Referrals are still open and nothing passes any more: follow up "
                                "by phone, %s.",
                                relation->phone)
                 : "Referrals are still open and nothing passes any more: follow up by phone.");
    return true;
}
