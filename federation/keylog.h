#pragma once
/*
 * Feature KEYS: peers hear of each other's key events without any hand work (R-ID-3, R-ID-4), and
 * get a daily sign of life (R-ID-5). A session ends when the key that proved it is revoked. Also
 * the upkeep of this hub's own keys (R-ID-6). Private to federation/. Loop thread only.
 */
#include "federation/feature.h"

extern const struct feature feature_keys;

/** Events that contradict the log held: they prove themselves, whoever brought them. */
void keylog_record(struct link *link, struct bytes parts);
/** The peer could not open `sealed_id`, or no longer takes its signature: signed and sealed again.
 */
void keylog_reseal(struct link *link, const struct oid *sealed_id);
