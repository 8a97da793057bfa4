#include "hub/crypto/field.h"

static bool take_varint(struct field_reader *reader, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && reader->at < reader->end; shift += 7) {
        uint8_t b = *reader->at++;
        value |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

bool field_next(struct field_reader *reader, struct field *ret)
{
    uint64_t tag, skip;
    if (reader->at == reader->end || !take_varint(reader, &tag))
        return false;
    struct field field = {.number = (uint32_t)(tag >> 3)};
    switch (tag & 7) {
    case 0:
        if (!take_varint(reader, &field.value))
            return false;
        *ret = field;
        return true;
    case 1:
        skip = 8;
        break;
    case 2:
        if (!take_varint(reader, &skip))
            return false;
        break;
    case 5:
        skip = 4;
        break;
    default:
        return false;
    }
    if (skip > (size_t)(reader->end - reader->at))
        return false;
    field.bytes = bytes_of(reader->at, skip);
    reader->at += skip;
    *ret = field;
    return true;
}

size_t field_varint_len(uint64_t value)
{
    size_t len = 1;
    for (; value >= 0x80; value >>= 7)
        len++;
    return len;
}

uint8_t *field_put_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

size_t field_bytes_len(uint32_t number, size_t len)
{
    return field_varint_len((uint64_t)number << 3 | 2) + field_varint_len(len) + len;
}

uint8_t *field_put_bytes(uint8_t *at, uint32_t number, struct bytes content)
{
    at = field_put_varint(at, (uint64_t)number << 3 | 2);
    at = field_put_varint(at, content.len);
    if (content.len > 0)
        memcpy(at, content.data, content.len);
    return at + content.len;
}
