#pragma once
/*
 * Records of a JSON file one by one, so that memory does not grow with it: a list of records, or an
 * object whose members are lists of them, those of "services" being services.
 */
#include "hub/base/bytes.h"
#include "hub/base/err.h"

struct import_cursor { /* zero but for data and len at the start */
    const uint8_t *data;
    size_t at, len;
    bool is_service; /* the record just read stands in a list of services */
    bool is_over;    /* nothing more */
    bool is_begun, in_members, in_list;
    bool first; /* of a list or of the members: no comma before it */
};

/** The text of the next record, borrowed; empty: no more. ERR_INVALID: not JSON, or cut off. */
NODISCARD bool import_next_record(struct import_cursor *cursor, struct bytes *ret, struct err *err);
