#pragma once
/*
 * What this hub keeps as a witness of its peers' audit logs (R-AU-2): their signed heads, checked
 * against the one before, and the contradictions found. Owns tables `witness_head` and
 * `audit_alarm`.
 */
#include "hub/domain/audit.h"

enum audit_alarm_kind {
    AUDIT_SHRUNK = 1, /* a head over fewer leaves than one signed before */
    AUDIT_FORKED,     /* a head that does not continue one signed before */
    AUDIT_RESTORED,   /* the same, but of a higher incarnation: the hub says it was restored */
};
const char *audit_alarm_name(enum audit_alarm_kind kind); /* "shrunk" … */

struct audit_alarm {
    int64_t id;
    struct node_id node; /* whose log; may be our own */
    enum audit_alarm_kind kind;
    struct bytes held, shown, proof; /* `shown` empty: our own log as it is now */
    int64_t at_ms, settled_ms;
};

/**
 * Notes a contradiction once, with a "audit" event for admins. The same one again, while nobody has
 * settled it, changes nothing.
 */
NODISCARD bool audit_alarm_add(struct tx *tx, const struct node_id *node,
                               enum audit_alarm_kind kind, struct bytes held, struct bytes shown,
                               struct bytes proof, struct err *err);
/** Newest first. */
NODISCARD bool audit_alarms(struct store *store, struct arena *arena, size_t limit,
                            struct audit_alarm **ret, size_t *ret_count, struct err *err);
/** A sentence for status; "" when there is none to settle. */
NODISCARD bool audit_warning(struct store *store, char ret[200], struct err *err);
/**
 * A person has looked at what concerns `node`: the alarms stay as proof, and of a peer the next
 * head is taken as a new beginning. ERR_UNKNOWN: nothing to settle.
 */
NODISCARD bool audit_settle(struct tx *tx, const struct node_id *node, struct err *err);

/** Alarms about our own log that a later incarnation explains: this hub was restored and said so.
 */
NODISCARD bool audit_settle_restored(struct tx *tx, struct err *err);

/** Newest head of a peer that this hub holds. */
NODISCARD bool witness_held(struct store *store, struct arena *arena, const struct node_id *node,
                            bool *ret_found, struct audit_head *ret, struct err *err);

enum witness_verdict {
    WITNESS_TAKEN = 1,  /* stored: may be cosigned */
    WITNESS_KNOWN,      /* held already */
    WITNESS_NEED_PROOF, /* ask for one from the held size */
    WITNESS_ALARM,      /* contradicts what is held: noted, not stored */
};
/**
 * A head that `head->node` shows as its newest, signature verified by the caller.
 * @param from   size that `proof` starts from
 * @param final  no better proof will come: what cannot be checked is an alarm
 */
NODISCARD bool witness_take(struct tx *tx, const struct audit_head *head, uint64_t from,
                            const struct merkle_proof *proof, bool final, enum witness_verdict *ret,
                            struct err *err);
/**
 * A peer says that it holds `shown` of ours, with our own valid signature: alarm when our log does
 * not contain it. *ret_ours: it does.
 */
NODISCARD bool witness_compare_own(struct tx *tx, const struct audit_head *shown, bool *ret_ours,
                                   struct err *err);
