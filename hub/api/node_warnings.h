#pragma once
/* What an admin should do something about, as sentences: Node/Status and the first page. */
#include "hub/api/rpc.h"

/** Arena array. @param name  of this hub, "" when it has none; @param peers  relations alive. */
NODISCARD bool node_warnings(struct call *call, const char *name, uint64_t peers, char ***ret,
                             size_t *ret_count, struct err *err);
