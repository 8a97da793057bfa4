#pragma once
/* The Head that opens every body (object.proto): shape, clock bounds, must-understand. */
#include "hub/base/arena.h"
#include "hub/base/clock.h"
#include "hub/base/err.h"
#include "hub/crypto/node_id.h"
#include "maillon/hfp/v1/object.pb-c.h"

/** Checks lengths, seq >= 1, prev present exactly when seq > 1; ERR_PEER. */
NODISCARD bool head_check_shape(const Maillon__Hfp__V1__Head *head, struct err *err);
/**
 * R-OB-7. ERR_PEER "… from the future", "… lives too long"; ERR_LIMIT "… has expired" when past
 * expires_s and its grace.
 */
NODISCARD bool head_check_time(const Maillon__Hfp__V1__Head *head, struct wall now,
                               uint64_t lifetime_max_s, struct err *err);
/** R-OB-3: ERR_UNSUPPORTED when `critical` names a field number `type` does not have. */
NODISCARD bool head_check_critical(const Maillon__Hfp__V1__Head *head,
                                   const ProtobufCMessageDescriptor *type, struct err *err);
