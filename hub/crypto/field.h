#pragma once
/* Walks the fields of a protobuf message that scan_message has passed, without allocating. */
#include "hub/base/bytes.h"

struct field_reader {
    const uint8_t *at, *end;
};

struct field {
    uint32_t number;
    uint64_t value;     /* of a varint field */
    struct bytes bytes; /* of a length-delimited field; borrows */
};

static inline struct field_reader field_reader(struct bytes in)
{
    return (struct field_reader){in.data, in.len ? in.data + in.len : in.data};
}

/** False at the end. Stays inside the input even when it was not scanned. */
bool field_next(struct field_reader *reader, struct field *ret);
/** Bytes of `value` as a varint, and writing it; returns the byte after. */
size_t field_varint_len(uint64_t value);
uint8_t *field_put_varint(uint8_t *at, uint64_t value);
/** Tag, length and content of a length-delimited field. */
size_t field_bytes_len(uint32_t number, size_t len);
uint8_t *field_put_bytes(uint8_t *at, uint32_t number, struct bytes content);
