#pragma once
/*
 * Feature GOSSIP: open objects of a circle reach every member in seconds (R-NO-5). A few links push
 * them whole, the others tell their oids; which link does what follows from who is first. What is
 * lost on the way is repaired by reconcile.h. Private to federation/. Loop thread only.
 */
#include "federation/feature.h"

extern const struct feature feature_gossip;
