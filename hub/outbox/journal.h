#pragma once
/*
 * Lane 2: own open objects (notices, directory entry, services) in the order they were authored.
 * One log for all peers, each peer a cursor in it (link_seq = journal seq), so that a notice to a
 * hundred peers is one row. A newer version replaces the row of the older. Owns table `journal`.
 */
#include "hub/domain/tx.h"

enum journal_class { JOURNAL_DIRECTORY = 1, JOURNAL_NOTICE = 2 }; /* which switch lets it out */

/** Appends; removes the row with the same `key` (type + uid) first. EFFECT_JOURNAL. `expires_s` 0:
 * never. */
NODISCARD bool journal_add(struct tx *tx, enum journal_class journal_class, struct bytes key,
                           const struct oid *oid, uint64_t expires_s, struct err *err);

struct journal_item {
    uint64_t seq;
    enum journal_class journal_class;
    struct oid oid;
    struct bytes object; /* arena; serialised Signed */
};
/** Rows after `after` that have not expired, in order, at most `limit` and about `max_bytes`. */
NODISCARD bool journal_read(struct store *store, struct arena *arena, uint64_t after, size_t limit,
                            size_t max_bytes, struct wall now, struct journal_item **ret,
                            size_t *ret_count, struct err *err);
NODISCARD bool journal_head(struct store *store, uint64_t *ret_seq, struct err *err);
/** What each peer has acked, for "9 of 9 hubs hold it"; kept lazily. */
NODISCARD bool journal_set_acked(struct tx *tx, const struct node_id *peer, uint64_t seq,
                                 struct err *err);
/** Accepted peers whose ack covers the object. */
NODISCARD bool journal_reached(struct store *store, const struct oid *oid, uint32_t *ret,
                               struct err *err);
/** Removes expired rows, so that object_tick may forget their objects. */
NODISCARD bool journal_tick(struct tx *tx, struct err *err);
/** Numbers go on beyond `seq`; rows stay where they are. */
NODISCARD bool journal_skip(struct tx *tx, uint64_t seq, struct err *err);
/** After a restore: every row takes a new number, beyond `seq` and all that were given out. */
NODISCARD bool journal_restart(struct tx *tx, uint64_t seq, struct err *err);
