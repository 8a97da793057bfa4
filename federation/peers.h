#pragma once
/*
 * The peers this hub has a relation with, in memory: the relation as stored, the session if there
 * is one, and when to dial next. Private to federation/.
 */
#include "federation/budget.h"
#include "federation/link.h"

struct peer {
    struct list in_federation, by_node;
    struct relation relation;
    struct link *link; /* the session that counts; NULL: none */
    struct link *dialling;
    struct mono next_dial;
    struct mono not_before; /* its Bye asked for this: R-SE-8 */
    unsigned attempts, route;
    int64_t silent_since_ms;     /* wall */
    struct federation_peer live; /* under federation->live_mutex */
    struct budget budget;        /* R-AB-5 */
    bool unread_full;            /* nobody here looks at what it sends */
    struct mono unread_at;       /* when that was last asked */
    unsigned violations;         /* within the present ten minutes */
    struct mono violations_since;
    bool kel_asked;   /* they lack events of our key log */
    uint32_t kel_seq; /* … and have these many */
    unsigned bars;    /* how often it was barred; the time doubles */
    struct mono barred_until;
    struct mono claim_until; /* says that it has more than was sent; 0: it does not */
    struct mono claim_quiet; /* another such claim is not listened to before */
    struct ack_flush {       /* acks of this peer on their way into the store */
        struct action action;
        struct peer *peer;
        struct federation *federation;
        uint64_t seq[3], writing[3];
        bool busy, dirty;
    } acks;
};

struct peer *peers_find(struct federation *federation, const struct node_id *node);
/** Loads or reloads one relation from the store; NULL when there is none. */
struct peer *peers_reload(struct federation *federation, const struct node_id *node);
NODISCARD bool peers_load(struct federation *federation, struct err *err);
void peers_free(struct federation *federation);
/** Dials who is due; returns when the next one is. */
struct mono peers_tick(struct federation *federation, struct mono now);
/** A dial failed or a session ended: when to try again. */
void peers_schedule(struct peer *peer, struct federation *federation, uint32_t retry_after_s);
/** Takes `n` objects from the peer's bucket; false: over the limit. */
bool peers_take_tokens(struct federation *federation, struct peer *peer, unsigned n);
bool peers_take_referral(struct federation *federation, struct peer *peer);
/** The same for bytes. */
bool peers_take_bytes(struct federation *federation, struct peer *peer, size_t bytes);
/** Marks the peer's score: what it did wrong or too much of, for people to see. */
void peers_mark(struct federation *federation, struct peer *peer, double points);
/** True while a peer has sent so far over its limit that it is not read: it ignores credit. */
bool peers_in_debt(struct federation *federation, struct peer *peer);
/** Tells the API what is going on; `error` NULL keeps the last one. */
void peers_publish(struct federation *federation, struct peer *peer, const char *error);
/** A session began: which direction works. A session they opened does not clear that our dialling
 * fails (R-SE-9). */
void peers_met(struct federation *federation, struct peer *peer, bool we_dialled);
void peers_missed(struct federation *federation, struct peer *peer);
/** It claimed to have more from this hub than was sent, and did not show it. */
void peers_claimed(struct federation *federation, struct peer *peer);
/** Writes acks that came in since the last time. */
void peers_flush_acks(struct federation *federation, struct peer *peer);
#define PEERS_BAR_S 60
/**
 * Counts a broken rule; true when it is the third within ten minutes: the peer is then barred for a
 * minute, the next time for two … up to a day (R-AB-5).
 */
bool peers_violated(struct federation *federation, struct peer *peer);
