#pragma once
/* What a session sends: rows of the outbox (lanes 0, 1) and of the journal (lane 2), in order,
 * within credit. */
#include "federation/link.h"

/** Fills `out` with the next Batch frame; false: nothing to send on any lane now. */
NODISCARD bool delivery_take(struct link *link, struct buf *out);
void delivery_start(struct link *link, const Maillon__Hfp__V1__State *state);
void delivery_ack(struct link *link, unsigned lane, uint64_t link_seq);
void delivery_done(struct link *link);

/** Frames of lane 2 are the same for every peer at the same place: built once, copied out. */
struct frame_cache;
NODISCARD struct frame_cache *frame_cache_create(void);
void frame_cache_free(struct frame_cache *cache);
