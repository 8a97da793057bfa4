#pragma once
/*
 * Where each of this hub's own author streams stands (R-OB-5): the next Head.seq and the oid that
 * Head.prev must name. Owns table `stream`.
 */
#include "hub/domain/tx.h"

/**
 * @param type    media type of the objects, such as TYPE_NOTICE.
 * @param stream  Head.stream: empty for the author's own stream of that type.
 * @param ret_seq 1 for the first; *ret_prev is set when *ret_has_prev.
 */
NODISCARD bool stream_next(struct tx *tx, const char *type, struct bytes stream, uint64_t *ret_seq,
                           struct oid *ret_prev, bool *ret_has_prev, struct err *err);
/**
 * An own signed object that is not held here, of an incarnation that is not over: does it prove
 * that this hub has gone back (R-REC-1)? Not when the stream is beyond it: then it was forgotten
 * here, as what expired or was superseded is. Any connection.
 */
NODISCARD bool stream_has_gone_back(struct store *store, const char *type, struct bytes stream,
                                    uint64_t seq, const struct oid *oid, bool *ret,
                                    struct err *err);
/** The object with `seq` was signed: it is the head now. ERR_CONFLICT when `seq` does not rise. */
NODISCARD bool stream_set(struct tx *tx, const char *type, struct bytes stream, uint64_t seq,
                          const struct oid *oid, struct err *err);
