#pragma once
/* Who would hear a notice, and how near they are (N36): known before it is sent. */
#include "hub/api/rpc.h"
#include "maillon/api/v1/notices.pb-c.h"

NODISCARD bool notice_reach(struct call *call, const Maillon__Api__V1__ReachRequest *request,
                            Maillon__Api__V1__ReachResponse **ret, struct err *err);
