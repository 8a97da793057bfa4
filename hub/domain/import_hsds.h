#pragma once
/* Files of HSDS 3 (Human Services Data Specification) as records that import_record.h reads. */
#include "hub/base/bytes.h"
#include "hub/base/err.h"

#define IMPORT_HSDS_MAX 16777216 /* bytes: the file is held whole, parsed */

/**
 * JSON: one object, a list, a page of the API ("contents"), or {"organizations": […], "services":
 * […]}; services with their organisation and places inside, as in the full form. Appends
 * {"structures": […], "services": […]}.
 * @return false with ERR_INVALID or ERR_LIMIT.
 */
NODISCARD bool import_hsds_json(struct bytes file, struct buf *out, struct err *err);
/** CSV: the tables of a data package one after the other, each after a line "#table NAME"; a file
 * without such a line is the table of services. */
NODISCARD bool import_hsds_csv(struct bytes file, struct buf *out, struct err *err);
