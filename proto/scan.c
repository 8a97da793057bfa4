#include "proto/scan.h"

#include "proto/limits.h"
#include <stdbool.h>
#include <string.h>

#define MESSAGE_FIELDS_MAX                                                \
    128 /* fields of one of our message types; the schema stays far below \
         */
#define FIELD_NUMBER_MAX 536870911u
#define VARINT_MAX       10
#define SHORT_VARINT_MAX 5 /* tags and lengths; protobuf-c reads no longer ones either */

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_LENGTH = 2,
    WIRE_GROUP_START = 3,
    WIRE_GROUP_END = 4,
    WIRE_FIXED32 = 5,
};

const struct scan_limits scan_default = {
    .depth = WIRE_DEPTH_MAX,
    .repeated = WIRE_REPEATED_MAX,
    .fields = WIRE_FIELDS_MAX,
};

struct range {
    const uint8_t *at, *end;
};

struct scan {
    const struct scan_limits *limits;
    unsigned fields; /* seen in the whole input */
};

static bool read_varint(struct range *in, unsigned bytes_max, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes_max && in->at < in->end; i++) {
        uint8_t b = *in->at++;
        if (i == VARINT_MAX - 1 && b > 1)
            return false; /* beyond 64 bits */
        value |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

static enum wire_type expected_wire_type(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    }
    return WIRE_LENGTH;
}

/* Elements of a packed repeated field; false when the bytes are not whole elements. */
static bool count_packed(enum wire_type element, struct range content, size_t *ret)
{
    size_t count = 0, len = (size_t)(content.end - content.at), size = 0;
    uint64_t ignored;
    if (element == WIRE_FIXED32)
        size = 4;
    else if (element == WIRE_FIXED64)
        size = 8;
    if (size > 0) {
        *ret = len / size;
        return len % size == 0;
    }
    for (; content.at < content.end; count++)
        if (!read_varint(&content, VARINT_MAX, &ignored))
            return false;
    *ret = count;
    return true;
}

/* Steps over one value and says where the content of a length-delimited one lies. */
static const char *take_value(struct range *in, enum wire_type wire, struct range *ret_content)
{
    uint64_t value;
    size_t left;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(in, VARINT_MAX, &value) ? NULL : "a number is cut short or too long";
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        left = (size_t)(in->end - in->at);
        value = wire == WIRE_FIXED64 ? 8 : 4;
        break;
    case WIRE_LENGTH:
        if (!read_varint(in, SHORT_VARINT_MAX, &value))
            return "a length is cut short or too long";
        left = (size_t)(in->end - in->at);
        break;
    case WIRE_GROUP_START:
    case WIRE_GROUP_END:
        return "groups are not allowed";
    default:
        return "unknown wire type";
    }
    if (value > left)
        return "a field goes beyond the input";
    *ret_content = (struct range){in->at, in->at + value};
    in->at += value;
    return NULL;
}

/* Another member of the same oneof seen before: readers would differ on which one counts. */
static bool oneof_is_taken(const ProtobufCMessageDescriptor *type, unsigned index,
                           const uint32_t *counts)
{
    const ProtobufCFieldDescriptor *field = &type->fields[index];
    if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
        return false;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *other = &type->fields[i];
        if (i != index && counts[i] > 0 && (other->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) &&
            other->quantifier_offset == field->quantifier_offset)
            return true;
    }
    return false;
}

static const char *scan_range(struct scan *scan, const ProtobufCMessageDescriptor *type,
                              struct range in, unsigned depth);

static const char *scan_known(struct scan *scan, const ProtobufCMessageDescriptor *type,
                              unsigned index, enum wire_type wire, struct range content,
                              uint32_t *counts, unsigned depth)
{
    const ProtobufCFieldDescriptor *field = &type->fields[index];
    enum wire_type expected = expected_wire_type(field->type);
    bool is_repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    size_t elements = 1;
    if (wire != expected) {
        if (!is_repeated || wire != WIRE_LENGTH)
            return "wrong wire type for a known field";
        if (!count_packed(expected, content, &elements))
            return "a packed field is cut short";
    }
    if (!is_repeated && (counts[index] > 0 || oneof_is_taken(type, index, counts)))
        return "a field is given twice";
    if (elements > scan->limits->repeated - counts[index])
        return "too many elements in a repeated field";
    counts[index] += (uint32_t)elements;
    if (field->type == PROTOBUF_C_TYPE_STRING && content.at < content.end &&
        memchr(content.at, 0, (size_t)(content.end - content.at)))
        return "text with a NUL"; /* protobuf-c would silently cut it there */
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return scan_range(scan, field->descriptor, content, depth + 1);
    return NULL;
}

static const char *scan_range(struct scan *scan, const ProtobufCMessageDescriptor *type,
                              struct range in, unsigned depth)
{
    if (depth > scan->limits->depth)
        return "nested too deep";
    if (type->n_fields > MESSAGE_FIELDS_MAX)
        return "the message type has too many fields";
    uint32_t counts[MESSAGE_FIELDS_MAX];
    memset(counts, 0, type->n_fields * sizeof(counts[0]));
    while (in.at < in.end) {
        uint64_t tag;
        if (!read_varint(&in, SHORT_VARINT_MAX, &tag))
            return "a tag is cut short or too long";
        uint64_t number = tag >> 3;
        if (number == 0 || number > FIELD_NUMBER_MAX)
            return "field number out of range";
        if (++scan->fields > scan->limits->fields)
            return "too many fields";
        enum wire_type wire = (enum wire_type)(tag & 7);
        struct range content = {0};
        const char *wrong = take_value(&in, wire, &content);
        if (wrong)
            return wrong;
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)number);
        if (field)
            wrong = scan_known(scan, type, (unsigned)(field - type->fields), wire, content, counts,
                               depth);
        if (wrong)
            return wrong;
    }
    return NULL;
}

const char *scan_message(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
                         const struct scan_limits *limits)
{
    struct scan scan = {.limits = limits};
    static const uint8_t nothing[1];
    if (!data)
        data = nothing;
    return scan_range(&scan, type, (struct range){data, data + len}, 1);
}
