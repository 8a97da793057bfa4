#pragma once
/*
 * What gossip.c (who is told what), gossip_in.c (what comes), gossip_memory.c (what was seen) and
 * reconcile.c share. Loop thread only.
 */
#include "federation/federation_internal.h"
#include "hub/domain/gossip.h"

#define GOSSIP_EAGER_MAX  6
#define GOSSIP_EAGER_MIN  2
#define GOSSIP_QUEUE_MAX  4096  /* objects on their way to one peer */
#define GOSSIP_NEED_MAX   65536 /* oids still to be asked of one peer */
#define GOSSIP_BACKLOG    262144
#define GOSSIP_FRAME_MAX  49152 /* of objects */
#define GOSSIP_PARKED_MAX 256   /* objects whose author's keys are on their way */
#define GOSSIP_SETS       3

struct gossip_schedule { /* of the repair of one set with one peer */
    struct mono due;
    int64_t interval_ms;
    bool salted_due; /* a week is over; after a plain pass, which costs less when much is missing */
    bool plain_done; /* in this session */
};

struct gossip_scope { /* a circle shared with one peer */
    struct oid scope;
    uint8_t tag[32];   /* its name on the wire of this session (R-NO-8) */
    bool push, pull;   /* whole objects go out eagerly, and come */
    bool outside;      /* the peer is of another territory */
    struct buf offers; /* oids */
    struct mono offers_due;
    struct gossip_schedule repair[GOSSIP_SETS];
};

struct gossip_outgoing {
    struct oid oid;
    unsigned hops;
    bool wanted;
};

struct gossip_link {
    struct list in_gossip;
    struct link *link;
    struct gossip_scope *scopes;
    size_t scope_count;
    struct gossip_outgoing *queue; /* ring of GOSSIP_QUEUE_MAX */
    size_t queue_head, queue_count;
    struct buf need; /* oids to ask for, from need_at */
    size_t need_at;
    unsigned asked; /* of the last Wants, not come yet */
    struct mono asked_at;
    struct mono refresh_due;
    unsigned asks; /* for key logs, until asks_until */
    struct mono asks_until;
};

struct gossip_seen { /* of one object that is known or being written */
    struct oid oid;
    uint64_t link; /* who brought it */
    unsigned hops;
};

struct gossip_memory;
struct gossip_keys;
struct gossip_parked;
struct reconcile;

struct gossip {
    struct federation *federation;
    struct list links;
    struct gossip_memory *seen;    /* verified and stored, or being stored */
    struct gossip_memory *refused; /* verified, not taken: for some minutes */
    struct gossip_memory *asked;   /* asked of somebody some seconds ago */
    struct mono refused_since, asked_since;
    bool unheard; /* something was passed over because its author is no member, as far as known */
    struct mono again_after;
    struct gossip_keys *keys;
    struct list parked;
    size_t parked_count, parked_bytes;
    struct reconcile *reconcile;
    struct arena *arena; /* of one entry */
};

static inline struct gossip *gossip_of(struct federation *federation)
{
    return federation->features[FEATURE_GOSSIP];
}
static inline struct gossip_link *gossip_link_of(struct link *link)
{
    return link->features_state[FEATURE_GOSSIP];
}

/* gossip_memory.c: bounded sets of oids; the oldest half goes when one is full. */
struct gossip_memory *gossip_memory_create(size_t capacity);
void gossip_memory_free(struct gossip_memory *memory);
void gossip_memory_clear(struct gossip_memory *memory);
void gossip_memory_put(struct gossip_memory *memory, const struct gossip_seen *seen);
const struct gossip_seen *gossip_memory_find(const struct gossip_memory *memory,
                                             const struct oid *oid);
void gossip_memory_remove(struct gossip_memory *memory, const struct oid *oid);
/* … and the keys of authors. */
struct gossip_keys *gossip_keys_create(void);
void gossip_keys_free(struct gossip_keys *keys);
/** NULL: no key log here. Borrowed until the next call. */
const struct kel *gossip_keys_find(struct gossip *gossip, const struct node_id *node);
void gossip_keys_forget(struct gossip_keys *keys, const struct node_id *node);

/* Which links of a scope are eager (R-NO-5). Pure. */
/** A new link: among the first few, or the first one that leads out of the own territory. */
static inline bool gossip_begins_eager(size_t eager, bool outside, size_t eager_outside)
{
    return eager < GOSSIP_EAGER_MAX || (outside && !eager_outside);
}
/** An eager link: two stay, and the last one that leads out of the own territory. */
static inline bool gossip_may_turn_lazy(size_t eager, bool outside, size_t eager_outside)
{
    return eager > GOSSIP_EAGER_MIN && !(outside && eager_outside <= 1);
}

/* gossip.c */
struct gossip_scope *gossip_find_scope(struct gossip_link *gl, const struct oid *scope);
struct gossip_scope *gossip_find_tag(struct gossip_link *gl, struct bytes tag);
/** May notices come from, or go to, this peer (its switches)? */
bool gossip_may_pass(const struct gossip_link *gl, enum gossip_set set, bool out);
void gossip_offer(struct gossip_link *gl, struct gossip_scope *scope, const struct oid *oid);
/** Puts an oid on the list of what this peer is asked for, unless it is here or asked for. */
void gossip_need(struct gossip *gossip, struct gossip_link *gl, const struct oid *oid);
/** Sends Wants as far as the peer keeps up. */
void gossip_pump(struct gossip *gossip, struct gossip_link *gl);
void gossip_wish(struct gossip_link *gl, const struct gossip_scope *scope,
                 Maillon__Hfp__V1__PushWish wish);
/** The peer delivered what was here already. */
void gossip_duplicate(struct gossip *gossip, struct gossip_link *gl, struct gossip_scope *scope);
/** Counts a broken rule against the neighbour; ends the session at the third. */
void gossip_blame(struct link *link);

/* gossip_in.c */
bool gossip_on_objects(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err);
/** Keys of `node` changed: what waited for them is opened. */
void gossip_unpark(struct gossip *gossip, const struct node_id *node);
struct mono gossip_parked_tick(struct gossip *gossip, struct mono now);
void gossip_parked_free(struct gossip *gossip);
