#pragma once
/*
 * What waits for a person of this hub: one order over referrals, claims and the hub's own affairs.
 * Late first (who waits longest), then what needs an answer from here (soonest clock first), then
 * news: what the other side did since the account last looked. Owns table `home_seen`; reads those
 * of referrals and claims.
 */
#include "hub/crypto/digest.h"
#include "hub/domain/tx.h"

#define WAITING_ROWS_MAX 50
#define WAITING_NEWS_MS  (14LL * 86400000) /* older events are no news to anybody */
#define WAITING_BINS     5

enum waiting_rank { WAITING_LATE, WAITING_ANSWER, WAITING_NEWS, WAITING_RANKS };
enum waiting_kind {
    WAITING_REFERRAL,
    WAITING_CLAIM,
    WAITING_HELD, /* sending that did not work out */
    WAITING_PEER,
    WAITING_CIRCLE,
    WAITING_REVIEW,
    WAITING_WARNING,
    WAITING_KINDS
};
const char *waiting_rank_name(enum waiting_rank rank); /* "late" … */
const char *waiting_kind_name(enum waiting_kind kind);

struct waiting_row {
    enum waiting_rank rank;
    enum waiting_kind kind;
    int64_t subject; /* row of a referral or claim; what the caller likes for other kinds */
    int64_t at_ms;   /* since when; 0: now */
    int64_t due_ms;  /* when an answer is owed; 0: no clock */
};

/** How far the clocks of people who wait for a first answer have run. */
struct waiting_clock {
    uint32_t in_time, past_half, late;
};

struct waiting {
    size_t limit; /* of rows, at most WAITING_ROWS_MAX */
    struct waiting_row rows[WAITING_ROWS_MAX];
    size_t count;
    uint32_t total[WAITING_RANKS][WAITING_KINDS]; /* rows that did not fit included */
    bool more[WAITING_RANKS];                     /* only the newest were looked at */
    struct waiting_clock clock, waited[WAITING_BINS];
};
/** First day of each bin of `waited`; the last has no end. */
extern const uint32_t waiting_days[WAITING_BINS];

void waiting_init(struct waiting *waiting, size_t limit);
/** Keeps the first `limit` rows in order. */
void waiting_add(struct waiting *waiting, const struct waiting_row *row);
/** Rows of `kind` and `rank` that are not in `rows`. */
uint32_t waiting_rest(const struct waiting *waiting, enum waiting_rank rank,
                      enum waiting_kind kind);

/** Open referrals, their clocks, and what the other side of any did lately. Any connection. */
NODISCARD bool waiting_add_referrals(struct waiting *waiting, struct store *store, int64_t account,
                                     struct wall now, struct err *err);
NODISCARD bool waiting_add_claims(struct waiting *waiting, struct store *store, struct arena *arena,
                                  int64_t account, struct wall now, struct err *err);
/** Percent of the time to answer that is over at `now`; 0 without a clock, at most 999. */
uint32_t waiting_percent(int64_t created_ms, int64_t due_ms, struct wall now);

/** The referral id or claim id of a row. */
NODISCARD bool waiting_subject(struct store *store, const struct waiting_row *row, struct oid *ret,
                               struct err *err);
/** Is there anything in it that `account` has not read? Any connection. */
NODISCARD bool waiting_is_news(struct store *store, int64_t account, enum waiting_kind kind,
                               int64_t subject, struct wall now, bool *ret, struct err *err);
/** The account has read what there was at `seen`; what came since stays news. */
NODISCARD bool waiting_read(struct tx *tx, int64_t account, enum waiting_kind kind, int64_t subject,
                            struct wall seen, struct err *err);
