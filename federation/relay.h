#pragma once
/*
 * Feature RELAY: sealed blobs by way of a third hub (R-RE-1 to R-RE-5). As a sender this hub hands
 * queued objects of a peer it cannot reach to relays; as a relay it keeps blobs until their
 * destination has them; as a destination it opens what relays bring. Private to federation/.
 */
#include "federation/feature.h"

extern const struct feature feature_relay;

/** Is it one of this hub's home relays? They are dialled again sooner (R-SE-8). */
bool federation_relay_is_home(struct federation *federation, const struct node_id *node);
