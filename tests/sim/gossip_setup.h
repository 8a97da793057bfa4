#pragma once
/*
 * Circles for the scenarios of gossip: a circle that its members know from the start, and what is
 * said in it.
 */
#include "hub/domain/circle.h"
#include "hub/domain/gossip.h"
#include "tests/sim/scenario.h"

#define MINUTE_MS 60000LL

#define must(world, call)                                                                          \
    do {                                                                                           \
        struct err why = {0};                                                                      \
        if (!(call)) {                                                                             \
            print_error("seed %llu: %s: %s\n", (unsigned long long)(world)->seed, #call, why.msg); \
            fail();                                                                                \
        }                                                                                          \
    } while (0)

static inline bool is_in(uint64_t members, unsigned hub)
{
    return members >> hub & 1;
}

/**
 * Hub 0 founds; every other member (they run) knows it as if it had been told.
 * @param members  a bit for each hub; @param extra  members that are no hub here.
 */
struct oid make_circle(struct world *world, uint64_t members, const struct identity **extra,
                       size_t extra_count);
/** An offer, said in the circle; `life_s` 0: the default. `ret_uid` may be NULL. */
void post_in(struct world *world, unsigned hub, const struct oid *scope, unsigned number,
             uint64_t life_s, uint8_t ret_uid[UID_BYTES]);
int64_t scoped_notices(struct world *world, unsigned hub);
void expect_all_have(struct world *world, uint64_t members, int64_t count, int64_t ms);

/** A notice by any member's key, as it would come from that member; world_do's ctx. */
struct forged {
    const struct identity *author;
    struct oid scope;
    uint8_t uid;
    unsigned amount;
    uint64_t seq;
    uint64_t created_s; /* 0: now */
};
/** The id it will have; `created_s` must be set. */
void forged_oid(const struct forged *forged, struct arena *arena, struct oid *ret);
bool insert_forged(struct tx *tx, void *ctx, struct err *err);
