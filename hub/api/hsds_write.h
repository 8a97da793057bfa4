#pragma once
/* The objects of HSDS 3 that hsds.c answers with; the caller owns what is returned. */
#include "hub/api/hsds.h"

/** NULL: nobody knows where. */
json_t *hsds_location(const struct directory_service *service);
json_t *hsds_at_location(const struct directory_service *service, bool with_service);
/** The organisation of a service of which only the name is known. */
json_t *hsds_named_organization(struct arena *arena, const struct directory_service *service);
json_t *hsds_taxonomies(void);
json_t *hsds_terms(void);
