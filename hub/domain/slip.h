#pragma once
/*
 * The paper slip of a referral: what it may say, and its code. With the code the person sees,
 * without an account, where they are expected, takes their consent back and says whether it helped.
 *
 * A code is 50 random bits. The store has a hash keyed by the hub key, to find it, and the code
 * itself under the data key of the referral, to print it again: erasing the person erases the code.
 * Owns table `slip`.
 */
#include "hub/domain/referral.h"

#define SLIP_CODE_TEXT 12                       /* "K7Q2M-9XR4T" and NUL */
#define SLIP_LIFE_MS   (INT64_C(14) * 86400000) /* a code outlives the end of its referral */

enum slip_state { /* neutral words for where a referral is */
                  SLIP_WAITING,
                  SLIP_EXPECTED,
                  SLIP_APPOINTMENT,
                  SLIP_MISSED,
                  SLIP_LATER,
                  SLIP_OVER,
                  SLIP_STOPPED,
                  SLIP_WITHDRAWN,
};

/**
 * What people type: either case, blanks and dashes anywhere, O for 0, I and L for 1.
 * @return false: not a code of ours; `ret` is then "".
 */
bool slip_code_read(const char *typed, char ret[SLIP_CODE_TEXT]);

/** Does its code still open it: sent by this hub, not erased, not entered in error, and not ended
 * long ago. */
bool slip_is_alive(const struct referral *referral, struct wall now);
/** The code, made the first time. ERR_CONFLICT: it has none (any more). */
NODISCARD bool slip_code(struct tx *tx, const struct referral *referral, const char *actor,
                         char ret[SLIP_CODE_TEXT], struct err *err);
/** The live referral of a code as typed. Unknown, over, erased and malformed ones are looked for in
 * the same way and not found. */
NODISCARD bool slip_find(struct store *store, struct arena *arena, const struct identity *self,
                         const char *typed, struct wall now, bool *ret_found, struct referral *ret,
                         struct err *err);
/** For referral_erase(). */
NODISCARD bool slip_erase(struct tx *tx, int64_t referral, struct err *err);

/** What the slip and its page may say. Texts are never NULL. */
struct slip {
    enum slip_state state;
    const char *contact_name, *contact_phone, *next_step, *place;
    const char *language; /* of the person, as the sender wrote it */
    bool is_hushed;       /* a text that tells why the person comes was left out */
    uint64_t scheduled_s; /* 0: not known */
    uint64_t consent_until_s;
    int64_t erased_there_ms; /* the other hub has proved that it erased the person; 0: not yet */
    int said;                /* 1 it helped, -1 it did not, 0 not asked yet */
    bool may_withdraw, may_say;
};
/**
 * @param names  of the service, and its themes as this hub knows them: words of these and of the
 *               referral's theme that appear in a text of the other hub keep that text off the
 * slip.
 */
NODISCARD bool slip_read(struct store *store, struct arena *arena, const struct identity *self,
                         const struct referral *referral, const char *names, struct slip *ret,
                         struct err *err);
/** Does the text share a telling word with the names of the service or the theme? */
bool slip_tells_why(struct arena *arena, const char *text, const char *names, const char *theme);
/** "waiting", "expected" … */
const char *slip_state_code(enum slip_state state);
