#pragma once
/*
 * What an account shows besides its passphrase: six digits from an app (RFC 6238), or one of eight
 * recovery codes on paper, each once. The secret is sealed with the hub's key, the codes are
 * hashed. Owns tables `second_factor` and `recovery_code`.
 */
#include "hub/crypto/totp.h"
#include "hub/domain/tx.h"

#define RECOVERY_CODES           8
#define RECOVERY_CODE_CHARACTERS 12              /* 60 bits */
#define RECOVERY_CODE_TEXT       15              /* "abcd efgh ijkl" and the NUL */
#define SECOND_FACTOR_BEGUN_MS   (3600 * 1000LL) /* that long a shown secret waits for its code */

struct second_factor {
    bool on;
    int64_t confirmed_ms;
    bool begun;                        /* a secret waits for its first code */
    uint8_t secret[TOTP_SECRET_BYTES]; /* of what was begun; wipe after use */
    size_t recovery_left;
};
NODISCARD bool second_factor_read(struct store *store, const struct identity *self, int64_t account,
                                  struct wall now, struct second_factor *ret, struct err *err);

/** A new secret, unless one waits already. ERR_CONFLICT: it is on. */
NODISCARD bool second_factor_begin(struct tx *tx, int64_t account, struct err *err);
/** Turns it on when `code` is of the secret that was shown. ERR_INVALID: wrong code; ERR_CONFLICT:
 * nothing was begun. @param ret_codes  to be shown once; wipe after use. */
NODISCARD bool second_factor_confirm(struct tx *tx, const char *actor, int64_t account,
                                     const char *code,
                                     char ret_codes[RECOVERY_CODES][RECOVERY_CODE_TEXT],
                                     struct err *err);
/** Six digits or a recovery code, which is used up by it. ERR_INVALID: wrong. */
NODISCARD bool second_factor_check(struct tx *tx, int64_t account, const char *code,
                                   struct err *err);
/** New recovery codes in place of those left. */
NODISCARD bool second_factor_new_codes(struct tx *tx, const char *actor, int64_t account,
                                       char ret_codes[RECOVERY_CODES][RECOVERY_CODE_TEXT],
                                       struct err *err);
/** Off; nothing to turn off is fine. */
NODISCARD bool second_factor_remove(struct tx *tx, const char *actor, int64_t account,
                                    struct err *err);
