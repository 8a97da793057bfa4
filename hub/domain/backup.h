#pragma once
/* When this hub was copied last, so that an old copy is noticed. Owns table `backup_made`. */
#include "hub/domain/tx.h"

#define BACKUP_OLD_MS (30LL * 86400000) /* then people are told to make one */

NODISCARD bool backup_note(struct tx *tx, int64_t bytes, struct err *err);
/** *ret_made_ms 0: never. Any connection. */
NODISCARD bool backup_last(struct store *store, int64_t *ret_made_ms, int64_t *ret_bytes,
                           struct err *err);
/** Days since the last one, or since the first account when there is none and *ret_never; 0 while
 * all is well. Any connection. */
NODISCARD bool backup_overdue_days(struct store *store, struct wall now, int64_t *ret_days,
                                   bool *ret_never, struct err *err);
