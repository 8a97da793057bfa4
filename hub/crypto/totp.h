#pragma once
/*
 * One-time codes of a second factor: HOTP (RFC 4226) and TOTP (RFC 6238) with SHA-1, six digits and
 * steps of 30 seconds, what every authenticator app speaks.
 */
#include "hub/base/bytes.h"
#include "hub/base/clock.h"

#define TOTP_SECRET_BYTES 20 /* RFC 4226 section 4, R6: 160 bits */
#define TOTP_SECRET_TEXT  (BASE32_LEN(TOTP_SECRET_BYTES) + 1)
#define TOTP_DIGITS       6
#define TOTP_STEP_S       30
#define TOTP_SKEW_STEPS   1 /* a phone's clock may be so far off, RFC 6238 section 5.2 */

/** RFC 4226 section 5.3, as a number below 1,000,000. */
uint32_t totp_hotp(struct bytes secret, uint64_t counter);
int64_t totp_step(struct wall now);
/**
 * Is `code` right now, for a step after `last_step`? Blanks inside are fine. Constant time in the
 * code. @param ret_step  whose code it was: no code of this or an earlier step is to work again.
 */
NODISCARD bool totp_check(struct bytes secret, const char *code, struct wall now, int64_t last_step,
                          int64_t *ret_step);
/** As people type it into an app: upper-case base32. */
void totp_secret_text(struct bytes secret, char out[TOTP_SECRET_TEXT]);
/** Appends otpauth://totp/…, what the square code holds. */
void totp_uri(const char *issuer, const char *account, struct bytes secret, struct buf *out);
