#pragma once
/*
 * Relays (R-RE-1 to R-RE-5): who relays for whom, and sealed blobs in custody for hubs that cannot
 * be reached now. A blob is a destination, an expiry and bytes: no author, no content (R-RE-4).
 * Owns tables `relay_peer`, `relay_blob`, `relay_use`.
 */
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/directory.pb-c.h"
#include "proto/limits.h"

enum relay_duty { /* towards one peer, as decided here */
                  RELAY_DUTY_NONE,
                  RELAY_DUTY_ALLOWED,
                  RELAY_DUTY_REFUSED, /* also where a circle's charter asks for it */
};

struct relay_peer {
    struct node_id node;
    enum relay_duty duty;
    bool relays_for; /* what `duty` and the charters of shared circles come to */
    bool is_home;    /* a home relay of this hub */
    bool granted;    /* it says that it relays for us */
    bool dials_only; /* nobody can dial it (its directory entry) */
    struct node_id homes[RELAY_HOMES_MAX];
    size_t home_count;
    uint32_t
        suspect; /* objects it took in custody that only another path brought; the last day's */
};

/* Reading: any connection. */
/** Every peer that relaying has to do with; arena array. */
NODISCARD bool relay_peers(struct store *store, struct arena *arena, struct wall now,
                           struct relay_peer **ret, size_t *ret_count, struct err *err);
/** One of them; nothing but `node` set when it has to do with none. */
NODISCARD bool relay_peer_find(struct store *store, const struct node_id *node, struct wall now,
                               struct relay_peer *ret, struct err *err);

/* An admin's decisions: audit line, "peer" event, EFFECT_RELATION. ERR_CONFLICT, ERR_UNKNOWN. */
NODISCARD bool relay_set_duty(struct tx *tx, const struct node_id *node, enum relay_duty duty,
                              struct err *err);
/** At most RELAY_HOMES_MAX. Publishes the card again when what it says changes. */
NODISCARD bool relay_set_home(struct tx *tx, const struct node_id *node, bool is_home,
                              struct err *err);

/** F14: a relay seems to have lost an object, or brought one alone, which clears its name. */
NODISCARD bool relay_suspect(struct tx *tx, const struct node_id *node, bool lost, struct err *err);

/* What peers say. */
NODISCARD bool relay_set_granted(struct tx *tx, const struct node_id *node, bool granted,
                                 struct err *err);
/** Their directory entry names home relays, or no longer. Peers without a relation: nothing. */
NODISCARD bool relay_on_entry(struct tx *tx, const struct node_id *node,
                              const Maillon__Hfp__V1__DirectoryEntry *entry, struct err *err);
/** Fills `relay` and `dials_only` of this hub's own entry: home relays that granted it. */
NODISCARD bool relay_fill_entry(struct tx *tx, Maillon__Hfp__V1__DirectoryEntry *entry,
                                struct err *err);
NODISCARD bool relay_entry_check(const Maillon__Hfp__V1__DirectoryEntry *entry, struct err *err);

/* ---- custody ---- */

struct relay_limits { /* R-RE-3 */
    int64_t dest_bytes, dest_blobs;
    int64_t from_dest_bytes; /* of one injecting peer, for one destination */
    int64_t from_bytes;      /* of one injecting peer */
};
extern const struct relay_limits relay_limits;

enum relay_answer {
    RELAY_HELD,    /* durable when the action commits, or held before */
    RELAY_QUOTA,   /* over a limit: something held has to be fetched or to expire first */
    RELAY_UNKNOWN, /* no duty for that destination */
};
struct relay_deposit {
    struct node_id injector, dest;
    struct oid blob;
    uint64_t expires_s;
    uint32_t hops_left; /* after this hub */
    struct bytes sealed;
};
/** Takes a blob into custody or says why not. @param ret_retry_s  for RELAY_QUOTA. */
NODISCARD bool relay_take(struct tx *tx, const struct relay_limits *limits,
                          const struct relay_deposit *deposit, enum relay_answer *ret,
                          uint32_t *ret_retry_s, struct err *err);
/** The destination has it, or will not have it. *ret_injector is whoever brought it; *ret_found
 * false: not here any more. */
NODISCARD bool relay_free(struct tx *tx, const struct node_id *dest, const struct oid *blob,
                          bool *ret_found, struct node_id *ret_injector, struct err *err);
/** Another home relay of the destination has it too. */
NODISCARD bool relay_forwarded(struct tx *tx, int64_t id, struct err *err);

struct relay_blob {
    int64_t id;
    struct oid blob;
    uint32_t hops_left;
    struct bytes sealed; /* arena */
};
/**
 * What is held for `dest` after row `after`, oldest first: at most `limit` and about `max_bytes`.
 * @param forward  only what may go to another home relay and has not: held for a minute or more.
 */
NODISCARD bool relay_read(struct store *store, struct arena *arena, const struct node_id *dest,
                          int64_t after, bool forward, size_t limit, size_t max_bytes,
                          struct wall now, struct relay_blob **ret, size_t *ret_count,
                          struct err *err);
/** Destinations that something is held for; arena array. */
struct relay_held {
    struct node_id dest;
    int64_t blobs, bytes, oldest_ms;
};
NODISCARD bool relay_held(struct store *store, struct arena *arena, struct relay_held **ret,
                          size_t *ret_count, struct err *err);
/** Frees what has expired. */
NODISCARD bool relay_tick(struct tx *tx, struct wall *ret_next, struct err *err);
