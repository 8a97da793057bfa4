#pragma once
/* What the API says of one service (proto/maillon/api/v1/directory.proto "ServiceView"). */
#include "hub/api/rpc.h"
#include "hub/domain/directory.h"
#include "maillon/api/v1/directory.pb-c.h"

/** A row of a list. @param person  of the search; for a service that is not judged NULL is fine. */
Maillon__Api__V1__ServiceView *service_view(struct call *call,
                                            const struct directory_service *service,
                                            const struct fit_person *person);
/** With quality, days and origins. */
Maillon__Api__V1__ServiceView *service_view_whole(struct call *call,
                                                  const struct directory_service *service,
                                                  const struct fit_person *person);
