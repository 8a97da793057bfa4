#pragma once
/*
 * Circles: hubs that share a scope under a charter of five lines (R-AB-1, F3). A circle is named by
 * the oid of its first charter; that id is the scope of everything said inside it. Charters and
 * membership events are open objects signed by k stewards; they give the same circle in whatever
 * order they arrive, and remove wins (F33). Owns the tables of 0010_circle.sql.
 */
#include "hub/domain/inbound.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/circle.pb-c.h"

#define CIRCLE_NAME_MAX      80 /* characters */
#define CIRCLE_LETTER_LIFE_S (30 * 86400)
#define CIRCLE_ASK_TEXT_MAX  200

/* ---- what every module asks; any connection ---- */

/** Is `node` (this hub too) a member now? An unknown scope has no members. */
NODISCARD bool circle_is_member(struct store *store, const struct oid *scope,
                                const struct node_id *node, struct wall now, bool *ret,
                                struct err *err);
/** Is this hub a member, by the word of a person here? */
NODISCARD bool circle_is_ours(struct store *store, const struct oid *scope, bool *ret,
                              struct err *err);
/** Are both in at least one circle that this hub is in as well? */
NODISCARD bool circle_share(struct store *store, const struct node_id *a, const struct node_id *b,
                            bool *ret, struct err *err);
/** Circles that this hub and `peer` are both members of: arena array, in order of id. */
NODISCARD bool circle_scopes_shared(struct store *store, const struct node_id *peer,
                                    struct arena *arena, struct oid **ret, size_t *ret_count,
                                    struct err *err);
/** Circles that this hub is a member of. */
NODISCARD bool circle_scopes_own(struct store *store, struct arena *arena, struct oid **ret,
                                 size_t *ret_count, struct err *err);
/**
 * The last Head.seq of `type` that counts of this node in this scope: UINT64_MAX for a member, what
 * its removal says for a former one (0: none), 0 for others. Backdating fails (R-NO-9).
 */
NODISCARD bool circle_last_valid(struct store *store, const struct oid *scope,
                                 const struct node_id *node, const char *type, uint64_t *ret_seq,
                                 struct err *err);
/** R-NO-9 in one question: may an object of this author, type and seq be stored and passed on in
 * the scope? False also for an author this hub has blocked, or whose keys contradict themselves. */
NODISCARD bool circle_author_valid(struct store *store, const struct oid *scope,
                                   const struct node_id *author, const char *type, uint64_t seq,
                                   bool *ret, struct err *err);
/** Do `scope`'s members relay for each other (charter)? False for an unknown scope. */
NODISCARD bool circle_has_relay_duty(struct store *store, const struct oid *scope, bool *ret,
                                     struct err *err);
/** Do this hub and `peer` share a circle whose members relay for each other (R-RE-5)? */
NODISCARD bool circle_owes_relay(struct store *store, const struct node_id *peer, bool *ret,
                                 struct err *err);
/** … one whose members accept each other (R-AB-3)? *ret_scope is that circle. */
NODISCARD bool circle_auto_accepts(struct store *store, const struct node_id *peer, bool *ret,
                                   struct oid *ret_scope, struct err *err);

enum circle_ours {                 /* how this hub stands to a circle */
                   CIRCLE_NONE,    /* heard of it */
                   CIRCLE_ASKED,   /* our request waits for a steward */
                   CIRCLE_INVITED, /* its stewards have admitted this hub, a person here has not
                                      agreed yet */
                   CIRCLE_MEMBER,
                   CIRCLE_LEFT,    /* by our own act */
                   CIRCLE_REMOVED, /* by its stewards */
};
const char *circle_ours_name(enum circle_ours ours);

struct circle {
    int64_t id;
    struct oid scope;
    struct oid charter; /* in force; the scope itself until the first amendment */
    uint64_t charter_seq;
    char name[4 * CIRCLE_NAME_MAX + 1];
    char principle[CIRCLE_PRINCIPLES_MAX][4 * CIRCLE_PRINCIPLE_MAX + 1];
    size_t principle_count;
    struct node_id steward[CIRCLE_STEWARDS_MAX];
    size_t steward_count;
    uint32_t threshold, members_max, member_count;
    bool relay_duty, accept_each_other;
    bool founded; /* its first charter has all its signatures and is here */
    enum circle_ours ours;
};
/** All that this hub knows, by name. Arena array. */
NODISCARD bool circle_list(struct store *store, struct arena *arena, struct circle **ret,
                           size_t *ret_count, struct err *err);
NODISCARD bool circle_find(struct store *store, const struct oid *scope, bool *ret_found,
                           struct circle *ret, struct err *err);
/** By name, or the first 6 or more hex digits of its id. ERR_UNKNOWN, ERR_INVALID (ambiguous). */
NODISCARD bool circle_resolve(struct store *store, const char *text, struct circle *ret,
                              struct err *err);
bool circle_is_steward(const struct circle *circle, const struct node_id *node);

struct circle_member {
    struct node_id node;
    char name[160]; /* as the steward wrote it, else as known here; may be empty */
    uint64_t term;
    uint64_t since_s;
    bool steward;
};
/** Members now, by name. Arena array. ERR_UNKNOWN: no such circle. */
NODISCARD bool circle_member_list(struct store *store, struct arena *arena, const struct oid *scope,
                                  struct circle_member **ret, size_t *ret_count, struct err *err);

/** Who asks to come in, where this hub is a steward. */
struct circle_ask {
    struct node_id node;
    char name[160];
    char text[4 * CIRCLE_ASK_TEXT_MAX + 1];
    int64_t asked_ms;
};
NODISCARD bool circle_ask_list(struct store *store, struct arena *arena, const struct oid *scope,
                               struct circle_ask **ret, size_t *ret_count, struct err *err);

/** A change that waits for signatures of stewards. */
struct circle_proposal {
    struct oid oid; /* of the change */
    struct oid scope;
    char what[256]; /* "admit …", "remove …", "new charter", "found" */
    uint32_t signatures, threshold;
    struct node_id signer[SIGNED_SIGS_MAX];
    size_t signer_count;
    int64_t created_ms;
    const char *type;    /* arena: media type of the change */
    struct bytes object; /* arena: serialised Signed with the signatures so far */
};
NODISCARD bool circle_proposal_list(struct store *store, struct arena *arena,
                                    const struct oid *scope, struct circle_proposal **ret,
                                    size_t *ret_count, struct err *err);

/* ---- what a person does ---- */

struct circle_draft {
    const char *name;
    const char *const *principle;
    size_t principle_count;
    struct node_id steward[CIRCLE_STEWARDS_MAX]; /* this hub first when it founds */
    size_t steward_count;
    uint32_t threshold;   /* 0: 1 */
    uint32_t members_max; /* 0: CIRCLE_MEMBERS_MAX */
    bool relay_duty, accept_each_other;
};
/** Founds a circle; *ret_done false: it waits for the other stewards. ERR_INVALID, ERR_LIMIT. */
NODISCARD bool circle_found(struct tx *tx, const struct circle_draft *draft, struct oid *ret_scope,
                            bool *ret_done, struct err *err);
/** A new charter in place of the one in force. ERR_DENIED: not a steward. */
NODISCARD bool circle_amend(struct tx *tx, const struct oid *scope,
                            const struct circle_draft *draft, bool *ret_done, struct err *err);
/** ERR_CONFLICT: is a member already; ERR_LIMIT: members_max. */
NODISCARD bool circle_admit(struct tx *tx, const struct oid *scope, const struct node_id *node,
                            const char *name, bool *ret_done, struct err *err);
/** Names the last objects of the member that count. ERR_UNKNOWN: not a member. */
NODISCARD bool circle_remove(struct tx *tx, const struct oid *scope, const struct node_id *node,
                             bool *ret_done, struct err *err);
/**
 * To be a member: at once when the stewards have admitted this hub already, else asks the steward
 * `via`, an accepted peer, to be taken in; the circle need not be known here. *ret_in: is one now.
 */
NODISCARD bool circle_join(struct tx *tx, const struct oid *scope, const struct node_id *via,
                           const char *text, bool *ret_in, struct err *err);
/** Turns a request down; nothing is sent. */
NODISCARD bool circle_ask_drop(struct tx *tx, const struct oid *scope, const struct node_id *node,
                               struct err *err);
NODISCARD bool circle_leave(struct tx *tx, const struct oid *scope, struct err *err);
/** Adds this hub's signature to a change; `id` NULL: the only one that waits. ERR_INVALID: which?
 */
NODISCARD bool circle_sign(struct tx *tx, const struct oid *scope, const struct oid *id,
                           bool *ret_done, struct err *err);

/* ---- from peers (hub/kinds.c) ---- */

NODISCARD bool charter_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool charter_apply(struct tx *tx, const struct inbound_object *object,
                             struct disposition *ret, struct err *err);
NODISCARD bool membership_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool membership_apply(struct tx *tx, const struct inbound_object *object,
                                struct disposition *ret, struct err *err);
/** Letters between hubs about a circle: requests, changes to sign, and what a newcomer must know.
 */
NODISCARD bool circle_letter_check(const void *body, struct bytes payload, struct err *err);
NODISCARD bool circle_letter_apply(struct tx *tx, const struct inbound_object *object,
                                   struct disposition *ret, struct err *err);

/** Forgets proposals and requests nobody answered for 30 d. @param ret_next when to call again. */
NODISCARD bool circle_tick(struct tx *tx, struct wall *ret_next, struct err *err);
