#pragma once
/*
 * The files of tests/vectors/golden: flat JSON objects that a test makes again and compares byte by
 * byte, so that another implementation can be checked with them. GOLDEN_WRITE=1 writes them
 * instead: for a deliberate change of format, and for nothing else.
 */
#include "hub/base/bytes.h"
#include "hub/crypto/sign.h"

/** Opens the object; `about`, as it stands in JSON, is its first field, NULL: no such field. */
void golden_begin(struct buf *json, const char *about);
void golden_text(struct buf *json, const char *name, const char *value);
void golden_hex(struct buf *json, const char *name, struct bytes value);
/** golden_hex of "NAME_PART". */
void golden_part(struct buf *json, const char *name, const char *part, struct bytes value);
void golden_end(struct buf *json);

/** Is `json` what the file ("crypto.json") holds? If not, says on stderr where they part. */
NODISCARD bool golden_same(const struct buf *json, const char *file);

/** The key of a seed that is 32 times `fill`. */
NODISCARD struct sign_key *golden_key(uint8_t fill);
/** For a random_source whose ctx is a uint8_t: all it gives is that byte. */
void golden_fill(void *ctx, void *out, size_t len);
