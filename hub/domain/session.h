#pragma once
/*
 * Bearer tokens: sessions of people (12 hours, sliding) and tokens of programs. Only their SHA-256
 * is stored. Owns table `token`.
 */
#include "hub/domain/account.h"

#define SESSION_LIFETIME_MS  (12 * 3600 * 1000LL)
#define SESSION_RENEW_MS     (600 * 1000LL) /* a busy session is written this often, not per call */
#define SESSIONS_PER_ACCOUNT 32             /* the oldest end first */
#define TOKEN_DAYS_DEFAULT   365
#define TOKEN_DAYS_MAX       3650
#define TOKENS_PER_ACCOUNT   100
#define TOKEN_LABEL_MAX      100

/** Opens a session and removes what has expired. @param ret_token  shown once; wipe after use. */
NODISCARD bool session_open(struct tx *tx, int64_t account, char ret_token[TOKEN_TEXT],
                            struct wall *ret_expires, struct err *err);
/** A program's token. ERR_INVALID: days or label out of bounds; ERR_LIMIT: too many. */
NODISCARD bool session_add_token(struct tx *tx, const char *actor, int64_t account,
                                 const char *label, unsigned days, char ret_token[TOKEN_TEXT],
                                 struct wall *ret_expires, struct err *err);
/**
 * Whose token this is. ERR_UNSIGNED: unknown, expired, or the account is disabled.
 * @param ret_renew  true when session_renew() is due; may be NULL.
 */
NODISCARD bool session_authenticate(struct store *store, const char *bearer, struct wall now,
                                    struct account *ret, bool *ret_renew, struct err *err);
/** Pushes the end of a session and the account's last_seen; nothing happens when it is gone. */
NODISCARD bool session_renew(struct tx *tx, const uint8_t hash[32], struct err *err);
NODISCARD bool session_close(struct tx *tx, const char *bearer, struct err *err);
/** Ends all sessions of an account, and its tokens when `tokens`. */
NODISCARD bool session_end_all(struct tx *tx, int64_t account, bool tokens, struct err *err);
/** Ends the program tokens of an account. */
NODISCARD bool session_revoke_tokens(struct tx *tx, const char *actor, int64_t account,
                                     struct err *err);
