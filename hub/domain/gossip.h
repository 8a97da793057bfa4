#pragma once
/*
 * Open objects of scopes (circles), own and of others, as every member of the scope holds them:
 * the newest version of each, both sides of an equivocation, withdrawals until they expire. What
 * is in the set is a function of the objects alone, so that two hubs with the same objects have
 * the same set (R-NO-1, R-NO-2, R-NO-6). Owns tables `gossip_*`. Who is sent what is in
 * federation/gossip and federation/reconcile.
 */
#include "hub/domain/inbound.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/directory.pb-c.h"

enum gossip_set {
    GOSSIP_NOTICES = 1, /* TYPE_NOTICE */
    GOSSIP_ENTRIES = 2, /* directory entries, incarnations, charters, memberships */
    /* Types unknown here (R-VE-3). What a later version adds goes here for good, where each object
     * stands for itself until it expires, so that old and new hubs have one set. */
    GOSSIP_OTHERS = 3,
};
#define GOSSIP_SET_MAX      100000
#define GOSSIP_AUTHOR_MAX   1000 /* passed on per author and scope */
#define GOSSIP_OTHERS_MAX   200  /* of types unknown here, per author and scope: 3 MiB at most */
#define GOSSIP_BUDGET_DAY   60   /* R-NO-4 */
#define GOSSIP_BUDGET_BURST 20
#define GOSSIP_SAME_UID_S   300
#define GOSSIP_PROGRESS_S   30
#define GOSSIP_NAME_MAX     160

/* ---- writing ---- */

/**
 * An object that this hub has just signed for a scope and put into `object` joins the set and is
 * told to the members at commit: instead of journal_add. EFFECT_GOSSIP. Also for charters and
 * membership events of others, whose module checks their authors itself, once they are valid.
 * @param scope  a circle id, 32 bytes.
 * @param type   TYPE_NOTICE …; uid and version are read from the object.
 */
NODISCARD bool gossip_add_own(struct tx *tx, const struct oid *oid, struct bytes scope,
                              const char *type, uint64_t created_s, uint64_t expires_s,
                              struct err *err);

enum gossip_verdict {
    GOSSIP_UNSCOPED, /* not an object of a scope: gossip has no say */
    GOSSIP_TAKE,     /* apply it */
    GOSSIP_HOLD,     /* stored and passed on as proof, not to be shown: its author equivocated */
    GOSSIP_REFUSE,   /* `ret` is filled: author is no member, or after its last valid object */
};
/**
 * Called first by the apply function of every kind that may carry a scope: membership of the author
 * (R-NO-9), author budget (R-NO-4), set. On GOSSIP_HOLD the object is OBJECT_PENDING and the caller
 * returns true without applying it.
 */
NODISCARD bool gossip_take(struct tx *tx, const struct inbound_object *object,
                           enum gossip_verdict *ret_verdict, struct disposition *ret,
                           struct err *err);
/**
 * Keeps an object of a type that is not known here, unread, to pass it on: the apply function of
 * kind_opaque. OBJECT_PENDING; a later version that knows the type finds it in GOSSIP_OTHERS. What
 * is over its author's budget is not kept at all, there being nobody here to show it to.
 */
NODISCARD bool gossip_take_opaque(struct tx *tx, const struct inbound_object *object,
                                  struct disposition *ret, struct err *err);
/**
 * This hub's own entry for each circle it is a member of: a new version when the card changed or
 * half its life is over. Call with tick_card.
 */
NODISCARD bool gossip_publish_entries(struct tx *tx, struct err *err);
/** Forgets what expired. */
NODISCARD bool gossip_tick(struct tx *tx, struct wall *ret_next, struct err *err);
/** This hub left the circle, or the circle ended: nothing of it is passed on any more. */
NODISCARD bool gossip_forget_scope(struct tx *tx, struct bytes scope, struct err *err);

/* ---- reading: any connection ---- */

struct gossip_item {
    uint64_t created_s;
    struct oid oid;
};
/**
 * A page of the set that is passed on: not expired at `now`, by (created_s, oid), at most `limit`.
 * @param after  the last item of the page before; NULL: the first page.
 */
NODISCARD bool gossip_read_set(struct store *store, struct arena *arena, struct bytes scope,
                               enum gossip_set set, struct wall now,
                               const struct gossip_item *after, size_t limit,
                               struct gossip_item **ret, size_t *ret_count, struct err *err);
struct gossip_object {
    struct oid oid;
    struct oid scope; /* a circle id */
    enum gossip_set set;
    struct node_id author;
    uint64_t created_s, expires_s;
    bool passed_on;     /* false: over its author's budget */
    struct bytes bytes; /* serialised Signed; arena */
};
/**
 * An object of the set by oid; *ret_found false: none, superseded, expired, or its author is
 * blocked or frozen for contradicting keys: then it is in no set until a person decides.
 */
NODISCARD bool gossip_get(struct store *store, struct arena *arena, const struct oid *oid,
                          struct wall now, bool *ret_found, struct gossip_object *ret,
                          struct err *err);
/** The same by the number of an EFFECT_GOSSIP. */
NODISCARD bool gossip_get_row(struct store *store, struct arena *arena, int64_t number,
                              struct wall now, bool *ret_found, struct gossip_object *ret,
                              struct err *err);
/** True when an object with this oid is stored here, in a set or superseded: need not be sent. */
NODISCARD bool gossip_holds(struct store *store, const struct oid *oid, bool *ret, struct err *err);
NODISCARD bool gossip_count(struct store *store, struct bytes scope, enum gossip_set set,
                            uint32_t *ret, struct err *err);

/** When the salted pass with this neighbour last ended (R-NO-7); 0: never. */
NODISCARD bool gossip_salted(struct store *store, const struct node_id *node, struct bytes scope,
                             enum gossip_set set, int64_t *ret_s, struct err *err);
NODISCARD bool gossip_set_salted(struct tx *tx, const struct node_id *node, struct bytes scope,
                                 enum gossip_set set, struct err *err);

/* ---- who the authors are ---- */

/**
 * The newest directory entry that a node signed for any scope shared with it: routes, sealing keys,
 * home relays of a node without a relation (R-DI-5). *ret NULL: none.
 */
NODISCARD bool gossip_entry(struct store *store, struct arena *arena, const struct node_id *node,
                            struct wall now, Maillon__Hfp__V1__DirectoryEntry **ret,
                            struct err *err);

struct gossip_member { /* from the newest entry of a node in any scope shared with it */
    struct node_id node;
    char name[GOSSIP_NAME_MAX + 1];
    char phone[64];
    char commune[17];
    bool equivocated; /* its new objects wait for a person's decision (F22) */
};
/** Name and phone of a node that need not have a relation with this hub. */
NODISCARD bool gossip_member(struct store *store, const struct node_id *node, bool *ret_found,
                             struct gossip_member *ret, struct err *err);

/* ---- authors held for review (R-NO-1, F22) ---- */

struct gossip_proof {
    struct node_id author;
    struct oid first, second; /* two signed objects with one (uid, version) */
    int64_t found_ms;
    uint32_t held; /* objects that wait */
};
NODISCARD bool gossip_review(struct store *store, struct arena *arena, struct gossip_proof **ret,
                             size_t *ret_count, struct err *err);
/** A person looked at it: what waits is applied, later objects are shown again. ERR_UNKNOWN. */
NODISCARD bool gossip_release(struct tx *tx, const struct node_id *author, struct err *err);
