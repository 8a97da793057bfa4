#pragma once
/* What a service may look like, for people here (ERR_INVALID) and for peers (ERR_PEER) alike. */
#include "hub/base/err.h"
#include "maillon/hfp/v1/directory.pb-c.h"

/* Each fails with `code` and says which field. */
NODISCARD bool service_check_uid(const char *uid, enum err_code code, struct err *err);
NODISCARD bool service_check_content(const Maillon__Hfp__V1__ServiceContent *c, enum err_code code,
                                     struct err *err);
/** What people type of a service of their own: what cannot be posted to, rung or opened is a slip.
 * What comes from peers and files is kept as it is. ERR_INVALID. */
NODISCARD bool service_check_typed(const Maillon__Hfp__V1__ServiceContent *c, struct err *err);
/** NULL is fine: not stated. */
NODISCARD bool service_check_capacity(const Maillon__Hfp__V1__Capacity *capacity,
                                      enum err_code code, struct err *err);
/** NULL is fine: not closed. */
NODISCARD bool service_check_closure(const Maillon__Hfp__V1__Closure *closure, enum err_code code,
                                     struct err *err);
