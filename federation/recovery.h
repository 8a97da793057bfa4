#pragma once
/*
 * Feature RECOVERY: peers compare where their chains stand, give each other what is missing, and
 * bring back a hub that was restored from a copy (R-SE-3, R-RF-4, R-REC-1, R-REC-2, F7, F24, F25).
 * Also compares clocks (R-OB-7). Private to federation/.
 */
#include "federation/feature.h"

extern const struct feature feature_recovery;

/** How our chains stand, on a new session: before lanes, which wait for it. */
bool recovery_take_heads(struct link *link, struct buf *out);

/**
 * A neighbour showed a signed object of this hub that proves it has gone back (R-REC-1).
 * @param incarnation  the object's: nothing happens when that one is over.
 */
void recovery_own_heard(struct link *link, uint32_t incarnation);
