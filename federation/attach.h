#pragma once
/*
 * Fetching what is attached to referrals (R-PD-12): whoever holds a signed manifest asks for parts,
 * the other side sends them when the link has nothing else to carry. A cut link goes on with the
 * parts that are missing. Private to federation/. Loop thread only.
 */
#include "federation/feature.h"

extern const struct feature feature_attach;
