#pragma once
/* The owner of sessions and peers. Private to federation/. */
#include "federation/delivery.h"
#include "federation/feature.h"
#include "federation/inbound.h"
#include "federation/peers.h"
#include <pthread.h>

#define LOOKUP_BUCKETS 1024
/* R-SE-8: sessions a second that a large hub asks for after a restart; a handshake costs 1 ms. */
#define FEDERATION_DRAIN_PER_S 20
#define FEDERATION_DRAIN_MAX_S 300
#define ADDRESS_BUCKETS        1024 /* pre-authentication limits; collisions only make it stricter */

struct address_bucket {
    double tokens;
    int64_t at_us;
};

struct federation {
    struct federation_config config;
    struct list links, peers;
    struct list gathered; /* federation/gathered.h */
    struct list links_by_id[LOOKUP_BUCKETS], peers_by_node[LOOKUP_BUCKETS];
    size_t link_count, half_open, busy;
    uint64_t next_link_id;
    bool stopping;
    bool clock_doubtful; /* nothing is refused for good because of its dates (F10) */
    bool silent; /* RECOVERING: nothing is taken from lanes and nothing put on them (R-REC-2) */
    struct address_bucket addresses[ADDRESS_BUCKETS];
    uint8_t address_key[16]; /* which addresses share a bucket cannot be computed from outside */
    struct frame_cache *frames;
    void *features[FEATURE_COUNT];
    struct arena *arena;        /* scratch of one entry from outside; reset on use */
    struct mono refused_said;   /* no log line about refused connections before */
    struct mono due;            /* nothing to do before */
    pthread_mutex_t live_mutex; /* guards the list of peers and their `live`, for any thread */
};

static inline struct mono federation_now(const struct federation *federation)
{
    return clock_mono(federation->config.clock);
}
/** Makes federation_tick look again at `at` or before. */
static inline void federation_due(struct federation *federation, struct mono at)
{
    federation->due = mono_min(federation->due, at);
}
/** The session with this id, or NULL: it may have gone while a worker was busy. */
struct link *federation_find_link(struct federation *federation, uint64_t id);

/** A link that federation owns; `address` limits are checked by the caller. */
struct link *link_create(struct federation *federation, const struct node_id *node, bool dialled);
/** After the carrier is known: both sides of the handshake begin. */
void link_begin(struct link *link, void *conn, const struct carrier *carrier);
void link_free(struct link *link);
