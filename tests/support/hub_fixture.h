#pragma once
/*
 * Two hubs in memory that accepted each other with referrals on, and a hand that carries sealed
 * objects and their receipts between them. No links, no exchange: domain functions on open
 * transactions. Failures end the test.
 */
#include "hub/base/clock.h"
#include "hub/domain/inbound.h"
#include "hub/domain/tx.h"
#include "maillon/hfp/v1/referral.pb-c.h"
#include "tests/support/fake.h"

struct hub {
    struct fake_random random;
    struct counters counters;
    struct store *store;
    struct identity *self;
    struct tx tx; /* open all the time */
    struct err err;
    uint64_t carried[3]; /* link_seq last taken from its outbox, by lane */
};
struct hub_pair {
    struct hub a, b;
};

/** One hub alone at 2026-11-22T08:00:00Z; the seed decides its keys. */
void hub_open(struct hub *hub, uint64_t seed);
void hub_close(struct hub *hub);

/** Both at 2026-11-22T08:00:00Z; the seed decides every key. */
void hub_pair_open(struct hub_pair *pair, uint64_t seed);
void hub_pair_close(struct hub_pair *pair);
void hub_pair_set_time(struct hub_pair *pair, int64_t wall_ms);
void hub_pair_advance(struct hub_pair *pair, int64_t ms);

/** The hub of `tx` learns keys and card of `other` and accepts it, referrals on; mutual at once. */
void hub_accept(struct tx *tx, const struct identity *other);

/** A sealed object on its way, opened as its recipient would. Lives until the recipient's arena. */
struct carried {
    struct inbound_object object;
    Maillon__Hfp__V1__ReferralEvent *event;
};
/** Takes what waits for `to` in the outbox of `from` on lane 1, at most `limit`. @return how many.
 */
size_t hub_take(struct hub *from, struct hub *to, struct carried *ret, size_t limit);
/** Hands one over: object row, check, apply; the receipt goes back when `receipted`. */
struct disposition hub_give(struct hub *from, struct hub *to, const struct carried *carried,
                            bool receipted);
/** Everything that waits, in order, with receipts. @return how many objects. */
size_t hub_carry(struct hub *from, struct hub *to);
/** First column of the first row; -1 without a row. */
int64_t hub_query(struct hub *hub, const char *sql);
