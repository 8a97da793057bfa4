#pragma once
/*
 * All key files of a state directory in one file, for a backup that is kept apart from the database
 * (R-REC-3): whoever has both can act as this hub and read what it holds.
 */
#include "hub/base/err.h"

/** Writes `path` (new, 0600) with every *.key and kel of `dir`. ERR_CONFLICT if it exists, ERR_IO.
 */
NODISCARD bool key_archive_write(const char *dir, const char *path, struct err *err);
/** Puts the files back into `dir`, each 0600; ERR_CONFLICT when one is there already. ERR_INVALID:
 * not such a file. */
NODISCARD bool key_archive_read(const char *path, const char *dir, struct err *err);
/** Is `name` one of the files that an archive holds? */
bool key_archive_takes(const char *name);
