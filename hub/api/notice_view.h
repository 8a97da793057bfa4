#pragma once
/* Notices and claims as answers: with names of hubs, distances and what may be done. */
#include "hub/api/rpc.h"
#include "hub/domain/claim.h"
#include "maillon/api/v1/notices.pb-c.h"

#define NOTICE_CLAIMS_SHOWN 1000

struct notice_hub {
    struct node_id node;
    const char *name, *commune, *phone; /* "" when not known */
};
/** Hubs, looked up once a call; starts zeroed. */
struct notice_names {
    struct notice_hub *hub;
    size_t count;
    bool centred, has_centre; /* where this hub is */
    double latitude, longitude;
};

/** @param km  how far from this hub's commune, -1 when not known; may be NULL. */
NODISCARD bool notice_view(struct call *call, struct notice_names *names,
                           const struct notice *notice, double *km, Maillon__Api__V1__Notice **ret,
                           struct err *err);
NODISCARD bool claim_view(struct call *call, struct notice_names *names, const struct claim *claim,
                          Maillon__Api__V1__Claim **ret, struct err *err);
NODISCARD bool claim_views(struct call *call, struct notice_names *names,
                           const struct claim_filter *filter, Maillon__Api__V1__Claim ***ret,
                           size_t *ret_count, struct err *err);
