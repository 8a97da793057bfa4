#pragma once
/*
 * May this hub sign anything now, and in which incarnation? Every own object asks here: a restored
 * hub, one whose clock is not sane, one whose key was revoked or that has retired, stays silent
 * (R-REC-2, R-OB-7, R-ID-3). Owns table `authoring`.
 */
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/object.pb-c.h"

/** ERR_CONFLICT with the reason in plain words, for the person who pressed the button. */
NODISCARD bool authoring_allowed(struct tx *tx, struct err *err);
/** Head.node, incarnation and created_s of an object to be signed now; checks authoring_allowed. */
NODISCARD bool authoring_head(struct tx *tx, Maillon__Hfp__V1__Head *head, struct err *err);
/** The number this hub authors under; 1 at first. Any connection. */
NODISCARD bool authoring_incarnation(struct store *store, uint32_t *ret, struct err *err);
