#pragma once
/* What a session receives: Data -> opened by workers -> policy -> exchange -> Ack, in link order.
 */
#include "federation/link.h"

/** False: protocol violation, `err` says which. */
NODISCARD bool inbound_batch(struct link *link, unsigned lane, const Maillon__Hfp__V1__Batch *batch,
                             struct err *err);
/** Stops or goes on reading from the peer, as what it sent is worked off. */
void inbound_hold(struct link *link);
/** The link goes: what is still being opened is dropped when it comes back. */
void inbound_done(struct link *link);
