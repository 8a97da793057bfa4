#pragma once
/* The directory as an open data file: own services and imported records. */
#include "hub/api/hsds.h"
#include "hub/base/bytes.h"

/**
 * Appends {"structures": […], "services": […]} in the shape of data.inclusion v1.
 * @return false with ERR_IO, or ERR_LIMIT over API_IMPORT_MAX bytes.
 */
NODISCARD bool directory_export_data_inclusion(struct store *store,
                                               const struct export_owner *owner, struct buf *out,
                                               struct err *err);
/** Appends {"organizations": […], "services": […]} of HSDS 3 objects. */
NODISCARD bool directory_export_hsds(struct store *store, const struct export_owner *owner,
                                     struct buf *out, struct err *err);
