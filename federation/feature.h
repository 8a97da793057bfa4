#pragma once
/*
 * What two hubs may do beyond lanes and relations, each a module with a bit in both HELLOs: key
 * logs, recovery, gossip, relays, witnesses. A feature is one row of `features`, in feature.c; its
 * frames pass only on a proven session of accepted peers that both offered it. Private to
 * federation/. Loop thread only.
 */
#include "federation/link.h"

enum feature_id {
    FEATURE_KEYS,
    FEATURE_RECOVERY,
    FEATURE_GOSSIP,
    FEATURE_RELAY,
    FEATURE_WITNESS,
    FEATURE_ATTACH, /* bulk: last, so that its frames go after all others */
    FEATURE_COUNT,
};

struct feature_frame {
    Maillon__Hfp__V1__Frame__MCase frame;
    /** ERR_PEER: protocol violation, the session ends. The frame is borrowed. */
    bool (*handle)(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err);
};

/** Every function may be NULL. */
struct feature {
    const char *name;
    /** Once, after relations are loaded; kept in federation->features[id]. NULL with `err`: failed.
     */
    void *(*create)(struct federation *federation, struct err *err);
    void (*free)(void *state);
    /** The STATE this hub is about to send: may set fields of its own; memory from `arena`. */
    void (*fill_state)(struct link *link, Maillon__Hfp__V1__State *state, struct arena *arena);
    /** The peer's STATE came: traffic flows both ways now. Also without the bit: the peer is older.
     */
    void (*begin)(struct link *link, const Maillon__Hfp__V1__State *state);
    /** The session ends or the relation is closed; link->features_state[id] must be freed. */
    void (*end)(struct link *link);
    /** After a commit, as exchange tells it. */
    void (*committed)(struct federation *federation, const struct effect *effects, size_t count);
    /** A frame of bulk work when nothing else waits on the link; false: nothing now. The transport
     * asks again after link_wake. */
    bool (*take)(struct link *link, struct buf *out);
    /** Returns when to call again. */
    struct mono (*tick)(struct federation *federation, struct mono now);
    const struct feature_frame *frames;
    size_t frame_count;
};

extern const struct feature *const features[FEATURE_COUNT]; /* NULL: not built */

/** The bits this hub offers in its HELLO. */
uint64_t features_offered(const struct federation *federation);
/** Both sides of the session offered it. */
bool feature_on(const struct link *link, enum feature_id id);

NODISCARD bool features_create(struct federation *federation, struct err *err);
void features_free(struct federation *federation);
void features_fill_state(struct link *link, Maillon__Hfp__V1__State *state, struct arena *arena);
void features_begin(struct link *link, const Maillon__Hfp__V1__State *state);
void features_end(struct link *link);
void features_committed(struct federation *federation, const struct effect *effects, size_t count);
bool features_take(struct link *link, struct buf *out);
struct mono features_tick(struct federation *federation, struct mono now);
/** *ret_known false: no feature has such a frame. */
bool features_handle(struct link *link, const Maillon__Hfp__V1__Frame *frame, bool *ret_known,
                     struct err *err);
