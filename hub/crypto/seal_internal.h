#pragma once
/* The inside of a Sealed, for seal.c, its test and its fuzz target. */
#include "hub/crypto/seal.h"

/**
 * Bytes of padding content that bring a Parcel of `content_len` bytes to the next bucket, and how
 * its field is written. False: larger than the largest bucket.
 */
struct parcel_layout {
    size_t bucket;      /* bytes of the whole Parcel */
    size_t padding_len; /* zeros inside the padding field */
    size_t length_len;  /* bytes of that field's length varint; 0: no padding field */
};
NODISCARD bool parcel_layout(size_t content_len, struct parcel_layout *ret);
size_t parcel_content_len(const struct parcel *parcel);
/** Decrypted bytes into fields that borrow; ERR_PEER. */
NODISCARD bool parcel_read(struct bytes plain, struct parcel *ret, struct err *err);
