#pragma once
/* Methods of Directory that look something up: rows of the table in methods_directory.c. */
#include "hub/api/rpc.h"

NODISCARD bool directory_run_search(struct call *call, const void *in, void **out, struct err *err);
NODISCARD bool directory_run_get_service(struct call *call, const void *in, void **out,
                                         struct err *err);
NODISCARD bool directory_run_territory(struct call *call, const void *in, void **out,
                                       struct err *err);
