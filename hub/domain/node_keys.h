#pragma once
/*
 * Key logs of other nodes, whether this hub has a relation with them or only shares a circle: what
 * proves their objects (R-ID-3, R-ID-4). Events prove themselves, so anybody may carry them. Owns
 * table `node_key_event`.
 */
#include "hub/crypto/kel.h"
#include "hub/domain/tx.h"

/** Key state of `node`; *ret_found false: no log here. Verifies the whole log: 0.1 ms an event. */
NODISCARD bool node_keys_read(struct store *store, const struct node_id *node, bool *ret_found,
                              struct kel *ret, struct err *err);
/** Serialised Signed events after `after_seq`, in order; arena copies. */
NODISCARD bool node_keys_events(struct store *store, struct arena *arena,
                                const struct node_id *node, uint64_t after_seq, struct bytes **ret,
                                size_t *ret_count, struct err *err);
/**
 * Takes verified news of a log; known events again are fine. A valid ROTATE_ROOT replaces what
 * stood at its place (R-ID-4); two of them at one place freeze the node as DUPLICITY, both kept.
 * EFFECT_RELATION when something changed. ERR_PEER: bad chain; ERR_CONFLICT: duplicity, recorded.
 */
NODISCARD bool node_keys_add(struct tx *tx, const struct node_id *node, const struct bytes *events,
                             size_t count, struct err *err);
