#pragma once
/*
 * The unit of work that domain functions write in: one action of the writer's group, inside its
 * savepoint. Writer thread only. What it promises to tell the world is kept here as effects and
 * told after the commit; an undone action takes its effects back.
 */
#include "hub/base/arena.h"
#include "hub/base/clock.h"
#include "hub/base/counters.h"
#include "hub/base/random.h"
#include "hub/crypto/identity.h"
#include "hub/store/stmt.h"

enum effect_kind {
    EFFECT_OUTBOX,     /* `node` has something new to fetch on lanes 0 or 1 */
    EFFECT_JOURNAL,    /* lane 2 has something new for every accepted peer */
    EFFECT_RELATION,   /* the relation, keys or routes of `node` changed: reload it */
    EFFECT_GOSSIP,     /* row `number` of gossip_object is new: tell the members of its scope */
    EFFECT_EVENT,      /* event row `number`: tell the people who watch */
    EFFECT_ATTACHMENT, /* something of `node` is to be fetched */
    EFFECT_HELD,       /* something is held, to be sent at `number`, wall ms */
    EFFECT_AUDIT,      /* a new head of our audit log over `number` leaves is signed */
};

struct effect {
    enum effect_kind kind;
    struct node_id node;
    int64_t number;
};

struct effects {
    struct effect *list; /* heap; grows */
    size_t count, cap;
};

struct tx {
    struct store *store;
    struct arena *arena; /* until the action's done callback returned */
    struct wall now;     /* one value for the whole group */
    const struct identity *self;
    const struct random_source *random;
    struct counters *counters;
    struct effects effects;
    int64_t open_notices; /* most that one author may have open and shown here; 0: no limit */
    const char *actor;    /* account name for audit lines of relation_*; NULL: the hub itself */
};

void tx_effect(struct tx *tx, enum effect_kind kind, const struct node_id *node, int64_t number);

/**
 * Writes an `event` row for the watch WebSocket and its effect. Content-free: kind and id only.
 * @param kind  "referral", "notice", "claim", "peer", "service"
 * @param id    text id as the API shows it
 * @param verb  "created", "changed", "late" …
 */
NODISCARD bool tx_event(struct tx *tx, const char *kind, const char *id, const char *verb,
                        struct err *err);
