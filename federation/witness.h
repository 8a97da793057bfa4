#pragma once
/*
 * Neighbours as witnesses of each other's audit logs (R-AU-2): newest heads go out with a proof
 * that they continue what the peer holds, are checked, kept whole and signed by the peer. Private
 * to federation/. Loop thread only.
 */
#include "federation/feature.h"

extern const struct feature feature_witness;
