#pragma once
/* SHA-256 and HMAC-SHA-256. */
#include "hub/base/bytes.h"
#include "proto/limits.h"

struct oid {
    uint8_t b[OID_BYTES];
};
static inline bool oid_equal(const struct oid *a, const struct oid *b)
{
    return memcmp(a->b, b->b, OID_BYTES) == 0;
}
static inline struct bytes oid_bytes(const struct oid *oid)
{
    return (struct bytes){oid->b, OID_BYTES};
}
/** False when `in` is not 32 bytes. */
NODISCARD bool oid_from(struct bytes in, struct oid *ret);

void digest_sha256(struct bytes in, uint8_t out[32]);
/** SHA-256 over the concatenation of `count` parts. */
void digest_sha256_parts(const struct bytes *parts, size_t count, uint8_t out[32]);
void digest_hmac(struct bytes key, struct bytes in, uint8_t out[32]);
