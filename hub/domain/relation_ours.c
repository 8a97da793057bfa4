/* Our side's acts on relations: inviting, joining, deciding, switches. */
#include "hub/domain/audit.h"
#include "hub/domain/card.h"
#include "hub/domain/invite.h"
#include "hub/domain/relation_internal.h"
#include "hub/outbox/outbox.h"

#include "hub/base/text.h"

#define DAY_S 86400

static const char *actor_of(const struct tx *tx)
{
    return tx->actor ? tx->actor : "hub";
}

static bool forget_old_invites(struct tx *tx, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM invite WHERE expires_s <= ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, tx->now.ms / 1000 - INVITE_LIFETIME_S);
    return stmt_run(stmt, err);
}

static bool store_invite(struct tx *tx, const struct invite *invite, struct err *err)
{
    uint8_t hash[32];
    digest_sha256(bytes_of(invite->secret, INVITE_BYTES), hash);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store,
                                 "INSERT INTO invite (hash, created_ms, expires_s, used_ms)"
                                 " VALUES (?1, ?2, ?3, 0)",
                                 err);
    if (!stmt)
        return false;
    stmt_bind_bytes(stmt, 1, bytes_of(hash, sizeof(hash)));
    stmt_bind_i64(stmt, 2, tx->now.ms);
    stmt_bind_i64(stmt, 3, (int64_t)invite->expires_s);
    return stmt_run(stmt, err);
}

static bool copy_routes(struct invite *invite, const char *const *routes, size_t count,
                        struct err *err)
{
    if (count == 0)
        return err_set(err, ERR_CONFLICT,
                       "this hub has no address peers can reach: set url in hub.ini, such as "
                       "wss://hub.example.org, and restart it");
    for (size_t i = 0; i < count && i < ROUTES_MAX; i++) {
        if (!route_is_valid(routes[i]))
            return err_set(err, ERR_INVALID,
                           "an address of this hub is malformed: write wss://host[:port]");
        text_copy(invite->routes[invite->route_count++], ROUTE_BYTES_MAX + 1, routes[i]);
    }
    return true;
}

bool relation_invite(struct tx *tx, const char *const *routes, size_t route_count, unsigned days,
                     char ret_uri[INVITE_TEXT_MAX + 1], struct wall *ret_expires, struct err *err)
{
    return relation_invite_circle(tx, routes, route_count, days, NULL, ret_uri, ret_expires, err);
}

bool relation_invite_circle(struct tx *tx, const char *const *routes, size_t route_count,
                            unsigned days, const struct oid *circle,
                            char ret_uri[INVITE_TEXT_MAX + 1], struct wall *ret_expires,
                            struct err *err)
{
    if (days == 0)
        days = INVITE_LIFETIME_S / DAY_S;
    if (days > INVITE_LIFETIME_S / DAY_S)
        return err_set(err, ERR_INVALID, "an invite lives 1 to %d days", INVITE_LIFETIME_S / DAY_S);
    struct invite invite = {
        .node = *identity_node(tx->self),
        .expires_s = (uint64_t)(tx->now.ms / 1000) + days * (uint64_t)DAY_S,
    };
    char uri[INVITE_TEXT_MAX + 1];
    struct card card;
    if (circle) {
        invite.circle = *circle;
        invite.has_circle = true;
    }
    random_fill(tx->random, invite.secret, INVITE_BYTES);
    if (!card_read(tx->store, &card, err))
        return false;
    invite.tls_proxied = card.tls_proxied;
    if (!copy_routes(&invite, routes, route_count, err) || !invite_write(&invite, uri, err) ||
        !forget_old_invites(tx, err) || !store_invite(tx, &invite, err) ||
        !audit_add(tx, actor_of(tx), "peer.invite", NULL, err))
        return false;
    memcpy(ret_uri, uri, sizeof(uri));
    ret_expires->ms = (int64_t)invite.expires_s * 1000;
    return true;
}

/* The first acceptance sets the switches; a person's own decision stands on its own feet. */
void relation_row_accept(struct tx *tx, struct relation_row *row, enum provenance provenance,
                         struct bytes provenance_id)
{
    struct relation *relation = &row->relation;
    relation->ours = DECISION_ACCEPTED;
    relation->suspended.ms = 0;
    relation->suspension_over = false;
    relation->provenance = provenance;
    memset(relation->provenance_id, 0, NODE_ID_BYTES);
    if (provenance_id.len == NODE_ID_BYTES)
        memcpy(relation->provenance_id, provenance_id.data, NODE_ID_BYTES);
    if (row->accepted_ms == 0) {
        row->accepted_ms = tx->now.ms;
        relation->switches_set |= SWITCHES_AFTER_ACCEPT;
    }
    relation->switches = relation->switches_set;
}

bool relation_join(struct tx *tx, const char *uri, bool local, struct node_id *ret_node,
                   struct err *err)
{
    struct invite invite;
    if (!invite_read(uri, &invite, err))
        return false;
    if (node_id_equal(&invite.node, identity_node(tx->self)))
        return err_set(err, ERR_INVALID,
                       "this invite is our own: the other hub must join with it, not this one");
    if (tx->now.ms / 1000 >= (int64_t)invite.expires_s)
        return err_set(err, ERR_INVALID, "this invite has expired: ask for a new one");
    struct relation_row row = {0};
    bool found;
    if (!relation_row_find(tx->store, &invite.node, &found, &row, err))
        return false;
    struct relation *relation = &row.relation;
    if (relation->ours == DECISION_BLOCKED)
        return err_set(err, ERR_CONFLICT, "this hub is blocked here: unblock it first");
    relation->node = invite.node;
    relation->local = local;
    relation->tls_proxied = invite.tls_proxied;
    relation->has_invite = true;
    memcpy(relation->invite, invite.secret, INVITE_BYTES);
    relation->route_count = invite.route_count;
    memcpy(relation->routes, invite.routes, sizeof(invite.routes));
    /* What they decided before no longer counts when they sent an invite afterwards. */
    if (relation->theirs == DECISION_REFUSED || relation->theirs == DECISION_LEFT)
        relation->theirs = DECISION_NONE;
    relation_row_accept(tx, &row, PROVENANCE_INVITE, (struct bytes){0});
    relation->has_join_circle = invite.has_circle;
    relation->join_circle = invite.circle;
    if (!relation_row_save(tx, &row, err) ||
        !relation_note(tx, actor_of(tx), "peer.join", &invite.node, found ? "changed" : "created",
                       err))
        return false;
    *ret_node = invite.node;
    return true;
}

/* What the operator may decide; what is not listed is not allowed. */
static const struct {
    enum decision from, to;
    bool asked; /* only when the other side asked, or answered our request */
} moves[] = {
    {DECISION_WAITING, DECISION_ACCEPTED, true},
    {DECISION_PAUSED, DECISION_ACCEPTED, true},
    {DECISION_LEFT, DECISION_ACCEPTED, true},
    {DECISION_ACCEPTED, DECISION_PAUSED, false},
    {DECISION_BLOCKED, DECISION_PAUSED, false}, /* unblocking; accepting resumes */
    {DECISION_NONE, DECISION_BLOCKED, false},
    {DECISION_WAITING, DECISION_BLOCKED, false},
    {DECISION_ACCEPTED, DECISION_BLOCKED, false},
    {DECISION_PAUSED, DECISION_BLOCKED, false},
    {DECISION_LEFT, DECISION_BLOCKED, false},
    {DECISION_WAITING, DECISION_LEFT, false}, /* a request turned down */
    {DECISION_ACCEPTED, DECISION_LEFT, false},
    {DECISION_PAUSED, DECISION_LEFT, false},
};

static const char *const audit_actions[] = {
    [DECISION_NONE] = "",
    [DECISION_WAITING] = "",
    [DECISION_ACCEPTED] = "peer.accept",
    [DECISION_PAUSED] = "peer.pause",
    [DECISION_BLOCKED] = "peer.block",
    [DECISION_REFUSED] = "",
    [DECISION_LEFT] = "peer.leave",
};

static bool has_asked(enum decision theirs)
{
    return theirs == DECISION_WAITING || theirs == DECISION_ACCEPTED || theirs == DECISION_PAUSED;
}

static bool check_move(const struct relation *relation, enum decision to, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (moves[i].from != relation->ours || moves[i].to != to)
            continue;
        if (!moves[i].asked || has_asked(relation->theirs))
            return true;
        if (relation->theirs == DECISION_NONE)
            return err_set(err, ERR_CONFLICT, "this hub has not asked to join: send it an invite");
        return err_set(err, ERR_CONFLICT, "this hub has %s: send it a new invite",
                       relation->theirs == DECISION_LEFT ? "left" : "refused");
    }
    return err_set(err, ERR_CONFLICT, "this hub is %s here: it cannot become %s",
                   relation->ours == DECISION_NONE ? "unknown" : decision_name(relation->ours),
                   decision_name(to));
}

bool relation_decide(struct tx *tx, const struct node_id *node, enum decision ours, struct err *err)
{
    struct relation_row row = {.relation.node = *node};
    bool found;
    if (!relation_row_find(tx->store, node, &found, &row, err))
        return false;
    if (!found && ours != DECISION_BLOCKED) /* blocking ahead of any contact is allowed */
        return relation_row_get(tx->store, node, &row, err);
    if (row.relation.ours == ours && !(ours == DECISION_ACCEPTED && row.relation.suspended.ms))
        return true;
    const char *action =
        row.relation.ours == DECISION_BLOCKED ? "peer.unblock" : audit_actions[ours];
    if (row.relation.ours != ours && !check_move(&row.relation, ours, err))
        return false;
    if (ours == DECISION_ACCEPTED)
        relation_row_accept(tx, &row,
                            row.relation.provenance == PROVENANCE_INVITE ? PROVENANCE_INVITE
                                                                         : PROVENANCE_OWN,
                            (struct bytes){0});
    row.relation.ours = ours;
    if (!relation_row_save(tx, &row, err))
        return false;
    /* R-AB-4: what waits for a hub that we cut off is cancelled, not kept for a change of mind. */
    if ((ours == DECISION_BLOCKED || ours == DECISION_LEFT) && !outbox_drop_peer(tx, node, err))
        return false;
    /* What came by way of this hub has lost its source, or has it again. */
    return relation_review_all(tx, err) &&
           relation_note(tx, actor_of(tx), action, node, decision_name(ours), err);
}

bool relation_set_greeting(struct tx *tx, const struct node_id *node, const char *text,
                           struct err *err)
{
    if (strlen(text) > PEER_TEXT_MAX)
        return err_set(err, ERR_INVALID, "a greeting has at most %d bytes", PEER_TEXT_MAX);
    if (!text_is_valid(bytes_text(text)))
        return err_set(err, ERR_INVALID, "a greeting must be plain UTF-8 text");
    struct relation_row row;
    if (!relation_row_get(tx->store, node, &row, err))
        return false;
    text_copy(row.relation.greeting, sizeof(row.relation.greeting), text);
    return relation_row_save(tx, &row, err);
}

bool relation_set_switches(struct tx *tx, const struct node_id *node, unsigned mask,
                           unsigned values, struct err *err)
{
    struct relation_row row;
    if (!relation_row_get(tx->store, node, &row, err))
        return false;
    unsigned switches = (row.relation.switches_set & ~mask) | (values & mask);
    if (switches == row.relation.switches_set)
        return true;
    row.relation.switches_set = switches;
    return relation_row_save(tx, &row, err) &&
           relation_note(tx, actor_of(tx), "peer.policy", node, "policy", err);
}

bool relation_set_local(struct tx *tx, const struct node_id *node, bool local, struct err *err)
{
    struct relation_row row;
    if (!relation_row_get(tx->store, node, &row, err))
        return false;
    if (row.relation.local == local)
        return true;
    row.relation.local = local;
    return relation_row_save(tx, &row, err) &&
           relation_note(tx, actor_of(tx), "peer.policy", node, "policy", err);
}
