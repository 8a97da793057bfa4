#pragma once
/* What a hub does for itself on the clock: the WAL goes back into the database, and peers see the
 * card as it is now. */
#include "hub/config.h"
#include "hub/exchange.h"

struct upkeep_config { /* all borrowed; must outlive the upkeep */
    struct exchange *exchange;
    const struct executor *executor;
    struct store *writer;
    struct store *reader; /* of the reader's lane: checkpoints run there, never inside a commit */
    const struct config *config;
};
struct upkeep;
NODISCARD struct upkeep *upkeep_create(const struct upkeep_config *config);
void upkeep_free(struct upkeep *upkeep); /* only when nothing runs; NULL is fine */
/** Does what is due; returns when to be called again. A commit ends a turn of the loop, too. */
struct mono upkeep_tick(struct upkeep *upkeep, struct mono now);
