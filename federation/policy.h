#pragma once
/* What may pass between this hub and a peer: relation and switches, in one place (R-AB-3). Pure. */
#include "hub/kinds.h"

/** Leaves OPENED_OK items that may pass; turns others into OPENED_REFUSED with the code. */
struct inbound_item;
void policy_inbound(const struct relation *relation, struct inbound_item *item);
/** May sealed lanes (0, 1) and the directory flow to this peer? */
bool policy_is_open(const struct relation *relation);
/** May notices go out to this peer? */
bool policy_notices_out(const struct relation *relation);
/** Should this hub dial the peer of its own accord? */
bool policy_dials(const struct relation *relation);
