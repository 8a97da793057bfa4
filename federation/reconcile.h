#pragma once
/*
 * Repair of circles: now and then two neighbours find out which objects of a set only one of them
 * holds (R-NO-6), once a week over salted ids, so that nobody can prepare ids that hide behind each
 * other's sums (R-NO-7). Objects themselves go by Offer and Want. Private to federation/: part of
 * feature_gossip. Loop thread only.
 */
#include "federation/gossip_internal.h"

struct reconcile *reconcile_create(void);
void reconcile_free(struct reconcile *reconcile);
/** A circle is shared with a peer from now: the first repair is due. */
void reconcile_schedule(struct gossip *gossip, struct gossip_link *gl, struct gossip_scope *scope);
/** What was passed over may be taken now: notices are compared again in some seconds. */
void reconcile_soon(struct gossip *gossip, struct gossip_link *gl);
/** The session ends. */
void reconcile_end(struct gossip *gossip, struct gossip_link *gl);
bool reconcile_on_frame(struct link *link, const Maillon__Hfp__V1__Frame *frame, struct err *err);
struct mono reconcile_tick(struct gossip *gossip, struct mono now);
