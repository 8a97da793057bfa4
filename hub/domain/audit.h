#pragma once
/* Append-only record of who did what, without content: leaves of the later Merkle log (R-AU-1). */
#include "hub/domain/tx.h"

/**
 * @param actor   account name hash is stored, not the name; "peer" or "clock" for those.
 * @param action  "referral.send", "peer.accept" … a constant.
 * @param oid     may be NULL.
 */
NODISCARD bool audit_add(struct tx *tx, const char *actor, const char *action,
                         const struct oid *oid, struct err *err);
