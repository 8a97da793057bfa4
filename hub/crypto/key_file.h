#pragma once
/*
 * Key files: a comment line, then one line of lower-case base32 per item. Written whole or not at
 * all; secrets are read only when nobody else can read them.
 */
#include "hub/base/bytes.h"
#include "hub/base/err.h"

#define KEY_FILE_MAX 131072 /* a log of 64 KiB in base32, with comments */

/** Writes `dir/name`, mode 0600: temporary file, fsync, rename, fsync of the directory. ERR_IO. */
NODISCARD bool key_file_write(const char *dir, const char *name, const char *comment,
                              const struct bytes *items, size_t count, struct err *err);
/** A file holding one item of `len` bytes; ERR_IO with what to do. */
NODISCARD bool key_file_read_secret(const char *dir, const char *name, uint8_t *out, size_t len,
                                    struct err *err);
/** Appends each item to `out` and its length to `lens`; ERR_IO. */
NODISCARD bool key_file_read_list(const char *dir, const char *name, struct buf *out, size_t *lens,
                                  size_t lens_max, size_t *ret_count, struct err *err);
bool key_file_exists(const char *dir, const char *name);
/** Overwrites the file, then removes it (R-ID-6); not there: fine. ERR_IO. */
NODISCARD bool key_file_destroy(const char *dir, const char *name, struct err *err);
/** Within `dir`, durable; what stood at `to` is destroyed. ERR_IO. */
NODISCARD bool key_file_rename(const char *dir, const char *from, const char *to, struct err *err);
