/*
 * A peer says that it has more from this hub than was sent (R-PD-3, R-REC-1). That is a hint: the
 * proof is an object signed here that is not held here. Until it is shown or the time is over,
 * nothing more goes to that peer; the others do not notice.
 */
#include "federation/recovery_internal.h"

#include "hub/base/log.h"
#include "hub/outbox/journal.h"
#include "hub/outbox/outbox.h"

#define CLAIM_MS       15000
#define CLAIM_QUIET_MS 86400000 /* after a claim without proof no other is listened to */

static void close_claim(struct peer *peer)
{
    struct link *link = peer->link;
    peer->claim_until = (struct mono){0};
    if (!link || !link->stands)
        return;
    link->stands = false;
    for (unsigned lane = 0; lane < ARRAY_LEN(link->out); lane++)
        link->out[lane].more = true;
    link_wake(link);
}

bool recovery_claimed(struct link *link)
{
    struct federation *federation = link->federation;
    struct recovery *recovery = federation->features[FEATURE_RECOVERY];
    struct peer *peer = link->peer;
    struct mono now = federation_now(federation);
    if (federation->silent || !peer || now.us < peer->claim_quiet.us)
        return false;
    if (!peer->claim_until.us) {
        peer->claim_until = mono_after_ms(now, CLAIM_MS);
        recovery->claims++;
    }
    link->stands = true;
    recovery->due = mono_min(recovery->due, peer->claim_until);
    federation_due(federation, recovery->due);
    return true;
}

void recovery_claim_answered(struct link *link)
{
    struct recovery_session *session = recovery_session(link);
    struct recovery *recovery = link->federation->features[FEATURE_RECOVERY];
    if (!link->stands || !session->heads_claim || session->proving || session->asked ||
        session->busy || !session->own_shown)
        return;
    /* Its chain was of an earlier incarnation: what it holds beyond ours is known here. */
    session->heads_claim = false;
    recovery->claims--;
    close_claim(link->peer);
}

void recovery_claims_forget(struct federation *federation)
{
    struct recovery *recovery = federation->features[FEATURE_RECOVERY];
    list_each (item, &federation->peers) {
        struct peer *peer = list_entry(item, struct peer, in_federation);
        close_claim(peer);
    }
    recovery->claims = 0;
}

struct mono recovery_claims_tick(struct recovery *recovery, struct mono now)
{
    struct federation *federation = recovery->federation;
    struct mono due = MONO_NEVER;
    if (!recovery->claims)
        return due;
    list_each (item, &federation->peers) {
        struct peer *peer = list_entry(item, struct peer, in_federation);
        if (!peer->claim_until.us)
            continue;
        if (now.us < peer->claim_until.us) {
            due = mono_min(due, peer->claim_until);
            continue;
        }
        char id[NODE_ID_SHORT];
        log_line(LOG_WARN, "peer claims to have more than was sent and does not show it peer=%s",
                 node_id_short(&peer->relation.node, id));
        recovery->claims--;
        peer->claim_quiet = mono_after_ms(now, CLAIM_QUIET_MS);
        close_claim(peer);
        peers_claimed(federation, peer);
        (void)!peers_violated(federation, peer);
    }
    return due;
}

static bool cursors_apply(struct tx *tx, struct recovery_action *change, struct err *err)
{
    return recovery_cursors(tx, &change->node, change->cursor, err) &&
           (!change->believed || recovery_begin(tx, RECOVERY_PEER_AHEAD, err));
}

/**
 * The operator changed keys: what a thief signed as this hub cannot prove itself any more, and must
 * be gone beyond. Once for each change.
 */
static bool keys_changed(struct federation *federation)
{
    struct recovery *recovery = federation->features[FEATURE_RECOVERY];
    uint32_t seq = (uint32_t)identity_kel(federation->config.self)->seq;
    bool changed = seq != recovery->kel_seq;
    recovery->kel_seq = seq;
    return changed;
}

/** R-PD-3: a peer that has more than was sent from here hints that this hub was rolled back. */
bool recovery_check_cursors(struct link *link, const Maillon__Hfp__V1__State *state)
{
    struct store *reader = link->federation->config.reader;
    uint64_t cursor[3] = {0}, sent;
    struct err err = {0};
    bool owed = false, beyond = false;
    if (!recovery_is_owed(reader, &link->node, &owed, &err)) {
        log_line(LOG_ERROR, "could not compare cursors reason=\"%s\"", err.msg);
        return false;
    }
    for (size_t i = 0; i < state->n_rx; i++) {
        unsigned lane = state->rx[i]->lane;
        if (lane >= ARRAY_LEN(cursor))
            continue;
        cursor[lane] = state->rx[i]->link_seq;
        if (lane == 2 ? !journal_head(reader, &sent, &err)
                      : !outbox_sent(reader, &link->node, lane, &sent, &err)) {
            log_line(LOG_ERROR, "could not compare cursors reason=\"%s\"", err.msg);
            return false;
        }
        beyond |= cursor[lane] > sent;
    }
    bool believed = beyond && !owed && keys_changed(link->federation);
    bool claims = beyond && !owed && !believed && recovery_claimed(link);
    if (!owed && !claims && !believed && !(beyond && link->federation->silent))
        return false;
    struct recovery_action *change = recovery_action(link->federation, link, cursors_apply);
    memcpy(change->cursor, cursor, sizeof cursor);
    change->believed = believed;
    change->then = recovery_then_look;
    recovery_submit(change);
    return claims;
}
