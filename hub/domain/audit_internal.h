#pragma once
/* Between audit_*.c only. */
#include "hub/domain/audit.h"

#define AUDIT_TILE_BITS 8

/** What is hashed of one line; appended to `out`. */
void audit_leaf_bytes(int64_t at_ms, const char *actor, const char *action, struct bytes oid,
                      struct buf *out);

/** Leaves [at, end) in order. */
struct audit_rows {
    struct stmt *stmt;
    uint64_t at, end, seq;
    bool waits, held; /* held: the row exists and is the current one of `stmt` */
    struct buf bytes; /* of the current leaf */
};
NODISCARD bool audit_rows_begin(struct audit_rows *rows, struct store *store, uint64_t first,
                                uint64_t end, struct err *err);
NODISCARD bool audit_rows_next(struct audit_rows *rows, bool *ret_more, struct err *err);
void audit_rows_done(struct audit_rows *rows);
static inline UNUSED void audit_rows_done_auto(struct audit_rows *rows)
{
    audit_rows_done(rows);
}

/** Appends leaves [first, first + count) to `tree`. */
NODISCARD bool audit_hash_rows(struct store *store, uint64_t first, uint64_t count,
                               struct merkle *tree, struct err *err);
/** merkle_source.subtree with the store as ctx. */
NODISCARD bool audit_subtree(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret,
                             struct err *err);
/** The log is what its lines say: the tile follows, and those above are hashed anew when asked. */
NODISCARD bool audit_mend_tile(struct tx *tx, uint64_t position, const struct merkle_hash *hash,
                               struct err *err);
/** Compares the log with its tiles and newest head; alarms and goes on with what the lines say. */
NODISCARD bool audit_check_after_start(struct tx *tx, uint64_t size, struct err *err);
