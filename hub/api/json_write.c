#include "hub/api/json_internal.h"
#include "hub/base/text.h"
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *json_camel(const char *name, char out[FIELD_NAME_MAX])
{
    size_t len = 0;
    bool up = false;
    for (; *name && len < FIELD_NAME_MAX - 1; name++) {
        if (*name == '_') {
            up = true;
            continue;
        }
        out[len++] = (char)(up ? toupper((unsigned char)*name) : *name);
        up = false;
    }
    out[len] = '\0';
    return out;
}

/* What a value takes in a repeated field's array; 0 for a type the schema does not use. */
size_t json_value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    }
    return 0;
}

/* Length of the valid UTF-8 sequence at `at`, 0 when there is none. */
static size_t sequence(const uint8_t *at, size_t left)
{
    size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (len == 1)
        return 1;
    return len <= left && text_is_valid(bytes_of(at, len)) ? len : 0;
}

void json_write_text(struct bytes text, struct buf *out)
{
    buf_add(out, "\"", 1);
    for (size_t i = 0; i < text.len;) {
        size_t plain = i;
        while (plain < text.len && text.data[plain] >= 0x20 && text.data[plain] < 0x7f &&
               text.data[plain] != '"' && text.data[plain] != '\\')
            plain++;
        buf_add(out, text.data + i, plain - i);
        i = plain;
        if (i == text.len)
            break;
        uint8_t c = text.data[i];
        size_t len = sequence(text.data + i, text.len - i);
        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c == '\n')
            buf_add_text(out, "\\n");
        else if (c < 0x20 || c == 0x7f)
            buf_addf(out, "\\u%04x", c);
        else if (len)
            buf_add(out, text.data + i, len);
        else
            buf_add_text(out, "\\ufffd");
        i += len ? len : 1;
    }
    buf_add(out, "\"", 1);
}

static void write_real(double real, int digits, struct buf *out)
{
    /* The shortest form that reads back the same; the C locale is the program's. */
    char text[40];
    for (int precision = digits; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, real);
        if (strtod(text, NULL) == real)
            break;
    }
    buf_add_text(out, text);
}

static void write_value(const ProtobufCFieldDescriptor *field, const void *at, struct buf *out)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        buf_addf(out, "%" PRId32, *(const int32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buf_addf(out, "%" PRIu32, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buf_addf(out, "\"%" PRId64 "\"", *(const int64_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buf_addf(out, "\"%" PRIu64 "\"", *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        write_real((double)*(const float *)at, 6, out);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        write_real(*(const double *)at, 15, out);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        buf_add_text(out, *(const protobuf_c_boolean *)at ? "true" : "false");
        break;
    case PROTOBUF_C_TYPE_ENUM: {
        int value = *(const int *)at;
        const ProtobufCEnumValue *named =
            protobuf_c_enum_descriptor_get_value(field->descriptor, value);
        if (named)
            buf_addf(out, "\"%s\"", named->name);
        else
            buf_addf(out, "%d", value);
        break;
    }
    case PROTOBUF_C_TYPE_STRING:
        json_write_text(bytes_text(*(char *const *)at), out);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *data = at;
        buf_add(out, "\"", 1);
        base64_encode(bytes_of(data->data, data->len), out);
        buf_add(out, "\"", 1);
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        json_write(*(void *const *)at, out);
        break;
    }
}

/* Not a number and infinities have no JSON number: such a field counts as absent. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *at)
{
    static const char zeros[8];
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(char *const *)at;
        return !text || !*text;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        return !*(void *const *)at;
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)at)->len == 0;
    case PROTOBUF_C_TYPE_BOOL:
        return !*(const protobuf_c_boolean *)at;
    case PROTOBUF_C_TYPE_DOUBLE: {
        double real = *(const double *)at;
        return real == 0 || !isfinite(real);
    }
    case PROTOBUF_C_TYPE_FLOAT: {
        float real = *(const float *)at;
        return real == 0 || !isfinite(real);
    }
    default:
        return memcmp(at, zeros, json_value_size(field->type)) == 0;
    }
}

static bool is_present(const ProtobufCFieldDescriptor *field, const void *message)
{
    const char *base = message;
    const void *quantifier = base + field->quantifier_offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)quantifier > 0;
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)quantifier == field->id &&
               (field->type != PROTOBUF_C_TYPE_MESSAGE || !is_default(field, base + field->offset));
    if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset)
        return *(const protobuf_c_boolean *)quantifier;
    return !is_default(field, base + field->offset);
}

static void write_repeated(const ProtobufCFieldDescriptor *field, const void *message,
                           struct buf *out)
{
    const char *base = message;
    const void *counter = base + field->quantifier_offset;
    const char *list;
    memcpy(&list, base + field->offset, sizeof(list));
    size_t count = *(const size_t *)counter, size = json_value_size(field->type);
    buf_add(out, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add(out, ",", 1);
        write_value(field, list + i * size, out);
    }
    buf_add(out, "]", 1);
}

void json_write(const void *message, struct buf *out)
{
    const ProtobufCMessageDescriptor *type = ((const ProtobufCMessage *)message)->descriptor;
    bool first = true;
    buf_add(out, "{", 1);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (!is_present(field, message))
            continue;
        char name[FIELD_NAME_MAX];
        buf_addf(out, "%s\"%s\":", first ? "" : ",", json_camel(field->name, name));
        first = false;
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            write_repeated(field, message, out);
        else
            write_value(field, (const char *)message + field->offset, out);
    }
    buf_add(out, "}", 1);
}
