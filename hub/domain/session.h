#pragma once
/*
 * Bearer tokens: sessions of people (12 hours after the last use, a week at most) and tokens of
 * programs; half sessions, of who has yet to show the second factor; browsers that have signed in
 * before. Only their SHA-256 is stored. Owns tables `token`, `half_session` and `known_device`. What
 * somebody ends, as against signing out, no longer sends what it held (held_stop_ended).
 */
#include "hub/domain/account.h"

#define SESSION_LIFETIME_MS  (12 * 3600 * 1000LL)
#define SESSION_LONGEST_MS   (7 * 24 * 3600 * 1000LL) /* then they sign in again, however busy */
#define SESSION_FRESH_MS     (30 * 60 * 1000LL)       /* that long it is sure who sits there */
#define SESSION_RENEW_MS     (600 * 1000LL) /* a busy session is written this often, not per call */
#define SESSIONS_PER_ACCOUNT 32             /* the oldest end first */
#define TOKEN_DAYS_DEFAULT   365
#define TOKEN_DAYS_MAX       3650
#define TOKENS_PER_ACCOUNT   100
#define TOKEN_LABEL_MAX      100

#define SESSION_BROWSER_SIZE 32                 /* with the NUL */
#define HALF_SESSION_MS      (10 * 60 * 1000LL) /* to find the phone */
#define DEVICES_PER_ACCOUNT  16                 /* those not used for longest go first */
#define DEVICE_MS            (400 * 24 * 3600 * 1000LL)

/**
 * "firefox windows": a word for the browser and one for the system, all that is kept of what a
 * browser says about itself. ERR_INVALID: more than letters, digits, '-' and one blank.
 */
NODISCARD bool session_check_browser(const char *browser, struct err *err);
/** Opens a session and removes what has expired. @param ret_token  shown once; wipe after use. */
NODISCARD bool session_open(struct tx *tx, int64_t account, const char *browser,
                            char ret_token[TOKEN_TEXT], struct wall *ret_expires, struct err *err);
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
/** Ends all sessions and tokens of an account, and forgets its browsers. What they held is left to
 * the caller: dropped with a closed account, else held_stop_ended(). */
NODISCARD bool session_end_all(struct tx *tx, int64_t account, struct err *err);
/** Ends the program tokens of an account. */
NODISCARD bool session_revoke_tokens(struct tx *tx, const char *actor, int64_t account,
                                     struct err *err);

struct session {
    int64_t id;
    bool is_token;
    bool is_current;                 /* the one that asks */
    char label[TOKEN_LABEL_MAX + 1]; /* of a token what it is for, of a session the browser */
    int64_t created_ms, used_ms, expires_ms;
};
/** What is open now, newest first, tokens last; arena. @param bearer  of who asks; "": none. */
NODISCARD bool session_list(struct store *store, struct arena *arena, int64_t account,
                            const char *bearer, struct wall now, struct session **ret,
                            size_t *ret_count, struct err *err);
/** One session or token of this account. ERR_UNKNOWN. */
NODISCARD bool session_end(struct tx *tx, const char *actor, int64_t account, int64_t id,
                           struct err *err);
/** All sessions of the account but that of `bearer`, and forgets its browsers; tokens stay. */
NODISCARD bool session_end_others(struct tx *tx, const char *actor, int64_t account,
                                  const char *bearer, struct err *err);

/* ---- between passphrase and code ---- */
NODISCARD bool session_open_half(struct tx *tx, int64_t account, const char *browser,
                                 char ret_token[TOKEN_TEXT], struct err *err);
/** ERR_UNSIGNED: unknown, used or too old. */
NODISCARD bool session_find_half(struct store *store, const char *bearer, struct wall now,
                                 int64_t *ret_account, char ret_browser[SESSION_BROWSER_SIZE],
                                 struct err *err);
NODISCARD bool session_close_half(struct tx *tx, const char *bearer, struct err *err);

/* ---- browsers that have signed in before: their tries are their own (hub/api/guard.h) ---- */
NODISCARD bool session_knows_device(struct store *store, const char *device, int64_t account,
                                    struct wall now, bool *ret, struct err *err);
/** Notes that this browser signed in. @param device  as it showed it, or "": it gets one. */
NODISCARD bool session_note_device(struct tx *tx, int64_t account, const char *device,
                                   char ret_device[TOKEN_TEXT], struct err *err);
