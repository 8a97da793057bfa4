#pragma once
/*
 * The peers this hub has a relation with, in memory: the relation as stored, the session if there
 * is one, and when to dial next. Private to federation/.
 */
#include "federation/link.h"

struct peer {
    struct list in_federation, by_node;
    struct relation relation;
    struct link *link; /* the session that counts; NULL: none */
    struct link *dialling;
    struct mono next_dial;
    unsigned attempts, route;
    int64_t silent_since_ms;        /* wall */
    struct federation_peer live;    /* under federation->live_mutex */
    double tokens, referral_tokens; /* R-AB-5 buckets */
    struct mono tokens_at;
    unsigned violations; /* within the present ten minutes */
    struct mono violations_since;
    unsigned bars; /* how often it was barred; the time doubles */
    struct mono barred_until;
    struct ack_flush { /* acks of this peer on their way into the store */
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
/** True while a peer has sent so far over its limit that it is not read: it ignores credit. */
bool peers_in_debt(struct federation *federation, struct peer *peer);
/** Tells the API what is going on; `error` NULL keeps the last one. */
void peers_publish(struct federation *federation, struct peer *peer, const char *error);
/** Writes acks that came in since the last time. */
void peers_flush_acks(struct federation *federation, struct peer *peer);
#define PEERS_BAR_S 60
/**
 * Counts a broken rule; true when it is the third within ten minutes: the peer is then barred for a
 * minute, the next time for two … up to a day (R-AB-5).
 */
bool peers_violated(struct federation *federation, struct peer *peer);
