#pragma once
/*
 * A hub that was restored from a copy, and what its peers do for it (R-REC-1 to R-REC-3, F24, F25):
 * how chains between two hubs stand, events given back to their author, and the way back to normal
 * in the next incarnation. Owns tables `recovery_peer` and `peer_incarnation`.
 */
#include "hub/domain/authoring.h"
#include "hub/domain/inbound.h"
#include "maillon/hfp/v1/link.pb-c.h"

#define RECOVERY_HEADS_FIRST 500 /* chains compared when a session begins */
#define RECOVERY_HEADS_PAGE  256
/* A peer whose cursor is further beyond what was sent is not believed: numbers must not run out. */
#define RECOVERY_AHEAD_MAX  (UINT64_C(1) << 40)
#define RECOVERY_ANSWERS    3          /* peers that must have answered completely */
#define RECOVERY_NONE_AFTER UINT64_MAX /* EventsWanted: none of this author */

/* ---- state ---- */

struct recovery_progress {
    struct authoring authoring;
    uint32_t peers;    /* accepted */
    uint32_t needed;   /* answers to wait for */
    uint32_t answered; /* peers that gave back all they hold */
};
/** Any connection. */
NODISCARD bool recovery_progress(struct store *store, struct recovery_progress *ret,
                                 struct err *err);
/** At start: a copy made by store_backup enters RECOVERING; so does one older than `marker`. */
NODISCARD bool recovery_at_start(struct tx *tx, bool went_back, struct err *err);
/** RECOVERING from now on: no signing, no acks; every peer is asked again. */
NODISCARD bool recovery_begin(struct tx *tx, enum recovery_reason reason, struct err *err);
/** Nothing of ours that `peer` holds is missing here any more; goes on when enough have said so. */
NODISCARD bool recovery_answered(struct tx *tx, const struct node_id *peer, struct err *err);
/** Goes on when enough peers have answered and the clock lets it; call now and then. */
NODISCARD bool recovery_check(struct tx *tx, struct err *err);
/** The operator goes on without the rest: what no peer gave back is lost. ERR_CONFLICT: normal. */
NODISCARD bool recovery_go_on(struct tx *tx, struct err *err);
/** `peer` has not given back yet what it holds of an earlier incarnation. Any connection. */
NODISCARD bool recovery_is_owed(struct store *store, const struct node_id *peer, bool *ret,
                                struct err *err);
/**
 * A peer's cursors go beyond what this hub knows to have sent (R-PD-3): numbers go on beyond them,
 * or what goes to that peer would count as had. No proof that this hub went back: see
 * recovery_own_found.
 */
NODISCARD bool recovery_cursors(struct tx *tx, const struct node_id *peer, const uint64_t cursor[3],
                                struct err *err);
/**
 * Own objects that must be here and were not came back, the newest of this incarnation: unless it
 * is what an earlier one lost, this hub has gone back just now.
 */
NODISCARD bool recovery_own_found(struct tx *tx, uint32_t incarnation, struct err *err);

/* Kind functions of TYPE_INCARNATION. */
NODISCARD bool incarnation_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool incarnation_apply(struct tx *tx, const struct inbound_object *object,
                                 struct disposition *ret, struct err *err);

/* ---- chains (recovery_chain.c) ---- */

/** How a chain with a peer stands here. */
struct chain_head {
    struct oid id;
    Maillon__Hfp__V1__ChainKind kind;
    uint64_t own_seq, peer_seq;
    struct oid own_head, peer_head; /* valid when its seq > 0 */
    bool gap;                       /* events wait for an earlier one */
    int64_t changed_ms;
};
/** The `limit` chains with `peer` that changed last. Any connection; arena. */
NODISCARD bool recovery_heads_newest(struct store *store, struct arena *arena,
                                     const struct node_id *peer, size_t limit,
                                     struct chain_head **ret, size_t *ret_count, struct err *err);
/** Chains with `peer` by id after `after` (NULL: from the start). */
NODISCARD bool recovery_heads_page(struct store *store, struct arena *arena,
                                   const struct node_id *peer, const struct oid *after,
                                   size_t limit, struct chain_head **ret, size_t *ret_count,
                                   struct err *err);
/** One chain; *ret_found false: not held, or with another peer. */
NODISCARD bool recovery_head(struct store *store, struct arena *arena, const struct node_id *peer,
                             const struct oid *id, Maillon__Hfp__V1__ChainKind kind,
                             bool *ret_found, struct chain_head *ret, struct err *err);
/** Chains with `peer` in which events wait for an earlier one (R-RF-4). */
NODISCARD bool recovery_gaps(struct store *store, struct arena *arena, const struct node_id *peer,
                             size_t limit, struct chain_head **ret, size_t *ret_count,
                             struct err *err);

struct recovery_want;
/** Events of chains with `peer` whose stored bytes are damaged here: what to ask for (F30). */
NODISCARD bool recovery_damaged(struct store *store, struct arena *arena,
                                const struct node_id *peer, size_t limit,
                                struct recovery_want **ret, size_t *ret_count, struct err *err);

/** What a peer asked for. */
struct recovery_want {
    struct oid id;
    Maillon__Hfp__V1__ChainKind kind;
    uint64_t own_after, peer_after; /* by the asked side; the asking one */
    uint32_t ask;                   /* the asker's name for it */
};
struct recovery_events {
    struct bytes *list; /* Sealed to the peer; AUTHORED: serialised Signed */
    size_t count;
    size_t taken; /* rows looked at: skip as many the next time */
    bool more;
};
/** Seals anew what is held, skipping `skip` rows, about `max_bytes` of it. Any connection. */
NODISCARD bool recovery_events(struct store *store, struct arena *arena,
                               const struct identity *self, const struct random_source *random,
                               struct wall now, const struct node_id *peer,
                               const struct recovery_want *want, size_t skip, size_t max_bytes,
                               struct recovery_events *ret, struct err *err);
/** F25: the peer once had own events of ours after `own_after` and shows that it has not. */
NODISCARD bool recovery_send_again(struct tx *tx, const struct node_id *peer, const struct oid *id,
                                   Maillon__Hfp__V1__ChainKind kind, uint64_t own_after,
                                   struct err *err);
