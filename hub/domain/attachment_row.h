#pragma once
/* The rows of attachments; for attachment*.c only. */
#include "hub/domain/attachment.h"

#define ATTACHMENT_COLUMNS \
    "id, coalesce(referral, 0), event, position, is_ours, state, size, parts, have, hashes"
/** Reads ATTACHMENT_COLUMNS of the current row. */
void attachment_read(struct stmt *stmt, struct arena *arena, struct attachment *ret);
NODISCARD bool attachment_remove(struct tx *tx, int64_t id, struct err *err);
NODISCARD bool attachment_part_add(struct tx *tx, int64_t id, uint32_t number, struct bytes sealed,
                                   struct err *err);
