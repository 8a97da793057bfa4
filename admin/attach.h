#pragma once
/* Files that go with a referral, slice by slice. */
#include "admin/command.h"

/**
 * Uploads the file at `path`.
 * @param id    referral that it is sent with, in a message that says `text`; NULL: only uploaded.
 * @return the last answer of the hub, with `upload`; NULL on failure.
 */
NODISCARD json_t *attach_upload(struct ctl *ctl, const char *path, const char *id, const char *text,
                                struct err *err);
