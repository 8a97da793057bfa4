#pragma once
/*
 * Services, organisations and places as HSDS 3 objects (Human Services Data Specification), and the
 * read-only answers of its API. Own services and imported records: what peers sent is theirs to
 * publish. Ids: "NODE.UID" and "import.N" for services and organisations, "of.ID" for the
 * organisation of a service that is known by name only, "at.ID" for places, "sal.ID" for a service
 * at its place.
 */
#include "hub/base/bytes.h"
#include "hub/domain/directory.h"
#include <jansson.h>

struct export_owner { /* this hub, as the organisation of its own services */
    const char *id, *name;
};

/** With its organisation, place, schedules, areas, terms; never NULL. */
json_t *hsds_service(struct store *store, struct arena *arena, const struct export_owner *owner,
                     const struct directory_service *service);
/** Of an imported structure. */
json_t *hsds_organization(const struct directory_service *structure);
json_t *hsds_owner(const struct export_owner *owner);

/** Is `path` one of the API: "/services", "/services/ID", "/organizations", "/locations", …? */
bool hsds_knows(const char *path);
/**
 * Appends the JSON answer to GET `path`?`query` (page, per_page).
 * @return false with ERR_UNKNOWN (no such object) or ERR_INVALID (page).
 */
NODISCARD bool hsds_answer(struct store *store, struct arena *arena,
                           const struct export_owner *owner, const char *path, const char *query,
                           struct buf *out, struct err *err);
