#pragma once
/*
 * Key logs longer than a handshake carries, coming in over several sessions of one handshake each
 * (proto/README.md "Long key logs"): what came so far, before any proof could hold. Bounded; events
 * prove themselves, so it does not matter who brought them. Private to federation/. Loop thread
 * only.
 */
#include "federation/federation_internal.h"

struct gathered {
    struct list in_federation;
    struct node_id node;
    uint64_t after; /* begins after this event of the log: what was known, or 0 */
    size_t count;
    struct buf events; /* u32le length + bytes each */
};

/** NULL: none. */
struct gathered *gathered_find(struct federation *federation, const struct node_id *node);
/** Replaces what was gathered of this log; the oldest other one goes when there are too many. */
void gathered_put(struct federation *federation, const struct node_id *node, uint64_t after,
                  const ProtobufCBinaryData *events, size_t count);
/** Borrows from `gathered`; returns how many. */
size_t gathered_list(const struct gathered *gathered, ProtobufCBinaryData list[KEL_EVENTS_MAX]);
void gathered_drop(struct federation *federation, const struct node_id *node);
void gathered_free(struct federation *federation);
