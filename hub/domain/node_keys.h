#pragma once
/*
 * Key logs of other nodes, whether this hub has a relation with them or only shares a circle: what
 * proves their objects (R-ID-3, R-ID-4). Events prove themselves, so anybody may carry them. Owns
 * tables `node_key_event`, `node_key`, `node_key_proof`.
 */
#include "hub/crypto/kel.h"
#include "hub/domain/tx.h"

/**
 * Key state of `node`; *ret_found false: no log here. Verifies the whole log: 0.1 ms an event.
 * `kel.duplicity` says that the relation is frozen.
 */
NODISCARD bool node_keys_read(struct store *store, const struct node_id *node, bool *ret_found,
                              struct kel *ret, struct err *err);
/** Serialised Signed events after `after_seq`, in order; arena copies. */
NODISCARD bool node_keys_events(struct store *store, struct arena *arena,
                                const struct node_id *node, uint64_t after_seq, struct bytes **ret,
                                size_t *ret_count, struct err *err);
/**
 * Takes news of a log; known events again are fine. A branch with a valid ROTATE_ROOT replaces what
 * stood in its place (R-ID-4, kel_merge); two of them at one place freeze the node as DUPLICITY,
 * both kept: that is recorded, and no failure. EFFECT_RELATION when something changed. ERR_PEER:
 * not valid, or not what was seen first; ERR_UNKNOWN: earlier events are missing here;
 * ERR_CONFLICT: frozen before, nothing is taken.
 */
NODISCARD bool node_keys_add(struct tx *tx, const struct node_id *node, const struct bytes *events,
                             size_t count, struct err *err);
/** Takes a beacon (R-ID-5) that a key of the log signed and that is newer than the one held. */
NODISCARD bool node_keys_add_beacon(struct tx *tx, const struct node_id *node, struct bytes beacon,
                                    struct err *err);
/** Newest beacon held; *ret_beacon empty: none. Arena copy. */
NODISCARD bool node_keys_beacon(struct store *store, struct arena *arena,
                                const struct node_id *node, struct bytes *ret_beacon,
                                struct err *err);
/** A human looked at the proof of a contradiction: the log held stays, the freeze ends. */
NODISCARD bool node_keys_settle(struct tx *tx, const struct node_id *node, struct err *err);

/** What is known without verifying anything; any connection. */
struct node_keys_state {
    bool found;
    uint64_t seq;
    struct oid head;
    uint64_t valid_until_s; /* 0: every key is revoked */
    uint64_t retired_s;     /* 0: not */
    bool has_successor, duplicity;
    struct node_id successor;
    uint64_t rotations; /* times a rotation replaced what this hub held */
    uint64_t beacon_s;  /* 0: none yet */
};
NODISCARD bool node_keys_state(struct store *store, const struct node_id *node,
                               struct node_keys_state *ret, struct err *err);

enum node_keys_standing {
    NODE_KEYS_NONE, /* no log here yet */
    NODE_KEYS_GOOD,
    NODE_KEYS_SILENT,    /* no beacon for 30 days */
    NODE_KEYS_STALE,     /* the delegation has ended: traffic goes on for 90 days */
    NODE_KEYS_OVER,      /* … and they are over */
    NODE_KEYS_REVOKED,   /* no key is left */
    NODE_KEYS_RETIRED,   /* the hub has ended */
    NODE_KEYS_DUPLICITY, /* two contradicting rotations: frozen */
};
enum node_keys_standing node_keys_stand(const struct node_keys_state *state, struct wall now);
/** The word beside a peer: "STALE", "REVOKED" …; "" when all is well or nothing is known. */
const char *node_keys_word(enum node_keys_standing standing);
/** One plain sentence with what to do; "" when there is nothing to say. */
const char *node_keys_sentence(enum node_keys_standing standing);
