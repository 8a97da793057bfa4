#pragma once
/* Which of the formats of import.h a file has, by the names of its columns. Pure. */
#include "hub/base/bytes.h"

/** "data-inclusion", "mediation-numerique", "hsds", "hsds-csv", or NULL when nothing tells. */
const char *import_guess(struct bytes file);
