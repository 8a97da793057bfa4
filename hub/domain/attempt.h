#pragma once
/*
 * Attempts for one request of a person (FHIR: Tasks of one ServiceRequest): a first referral, and
 * those that followed when it was refused, had ended, or was handed on. Nothing links them on the
 * wire (R-RF-6); only this hub knows, and forgets an attempt when its person is erased. Owns table
 * `attempt`.
 */
#include "hub/domain/referral.h"

#define ATTEMPTS_MAX 32 /* listed: the newest of a request */

/** `referral`, just stored, is one more attempt after `earlier`. */
NODISCARD bool attempt_add(struct tx *tx, const struct referral *referral,
                           const struct referral *earlier, struct err *err);
/** The attempts for the request of `referral`, itself among them, oldest first; none when it is
 * alone. Lives in the arena. Any connection. */
NODISCARD bool attempt_list(struct store *store, struct arena *arena,
                            const struct referral *referral, struct referral **ret,
                            size_t *ret_count, struct err *err);
/** For referral_erase(): by row id. */
NODISCARD bool attempt_erase(struct tx *tx, int64_t referral, struct err *err);
