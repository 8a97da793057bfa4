#include "hub/api/json_internal.h"
#include "hub/base/text.h"
#include "proto/limits.h"
#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#define MESSAGE_FIELDS 64 /* a message of ours has fewer */

struct reader {
    struct arena *arena;
    const ProtobufCMessageDescriptor *type; /* being filled: for error messages */
    struct err *err;
};

static void *field_at(void *message, unsigned offset)
{
    return (char *)message + offset;
}

/* Enums. */

/* Length of the prefix that every value of the enum has: the name of value 0 before UNSPECIFIED. */
static size_t enum_prefix(const ProtobufCEnumDescriptor *type)
{
    const ProtobufCEnumValue *zero = protobuf_c_enum_descriptor_get_value(type, 0);
    const char *end = zero ? strstr(zero->name, "UNSPECIFIED") : NULL;
    return end ? (size_t)(end - zero->name) : 0;
}

static char *short_name(const char *full, size_t prefix, char out[JSON_SHORT_NAME])
{
    size_t len = 0;
    if (strlen(full) > prefix)
        full += prefix;
    for (; *full && len < JSON_SHORT_NAME - 1; full++)
        out[len++] = (char)(*full == '_' ? '-' : tolower((unsigned char)*full));
    out[len] = '\0';
    return out;
}

char *json_enum_short(const ProtobufCEnumDescriptor *type, int value, char out[JSON_SHORT_NAME])
{
    const ProtobufCEnumValue *named = protobuf_c_enum_descriptor_get_value(type, value);
    out[0] = '\0';
    return named ? short_name(named->name, enum_prefix(type), out) : out;
}

bool json_enum_parse(const ProtobufCEnumDescriptor *type, const char *name, int *ret)
{
    size_t prefix = enum_prefix(type);
    for (unsigned i = 0; i < type->n_values; i++) {
        char brief[JSON_SHORT_NAME];
        const char *full = type->values[i].name;
        if (strcmp(name, full) == 0 || strcmp(name, short_name(full, prefix, brief)) == 0) {
            *ret = type->values[i].value;
            return true;
        }
    }
    int64_t number;
    if (!text_parse_i64(name, &number) || number < 0 || number > INT32_MAX ||
        !protobuf_c_enum_descriptor_get_value(type, (int)number))
        return false;
    *ret = (int)number;
    return true;
}

/* Reading. */

static bool wrong(const struct reader *reader, const ProtobufCFieldDescriptor *field,
                  const char *expected)
{
    char name[FIELD_NAME_MAX];
    return err_set(reader->err, ERR_INVALID, "field \"%s\" of %s must be %s",
                   json_camel(field->name, name), reader->type->short_name, expected);
}

static void *claim(const struct reader *reader, size_t size)
{
    void *p = arena_try(reader->arena, size);
    if (!p)
        err_set(reader->err, ERR_LIMIT, "the request does not fit in memory");
    return p;
}

static bool parse_u64(const char *text, uint64_t *ret)
{
    size_t len = strlen(text);
    if (len == 0 || len > 20 || strspn(text, "0123456789") != len)
        return false;
    uint64_t value = 0;
    for (; *text; text++) {
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (unsigned)(*text - '0'), &value))
            return false;
    }
    *ret = value;
    return true;
}

/* A JSON number or decimal text with a whole value in [min, max]. */
static bool read_signed(const json_t *value, int64_t min, int64_t max, int64_t *ret)
{
    int64_t number;
    if (json_is_integer(value)) {
        number = json_integer_value(value);
    } else if (json_is_string(value)) {
        if (!text_parse_i64(json_string_value(value), &number))
            return false;
    } else if (json_is_real(value)) {
        double real = json_real_value(value); /* exact up to 2^53 */
        if (!(fabs(real) <= 9007199254740992.0) || real != floor(real))
            return false;
        number = (int64_t)real;
    } else {
        return false;
    }
    if (number < min || number > max)
        return false;
    *ret = number;
    return true;
}

static bool read_unsigned(const json_t *value, uint64_t max, uint64_t *ret)
{
    int64_t number;
    if (json_is_string(value)) {
        uint64_t parsed;
        if (!parse_u64(json_string_value(value), &parsed) || parsed > max)
            return false;
        *ret = parsed;
        return true;
    }
    if (!read_signed(value, 0, INT64_MAX, &number) || (uint64_t)number > max)
        return false;
    *ret = (uint64_t)number;
    return true;
}

static bool read_real(const json_t *value, double *ret)
{
    double real;
    if (json_is_number(value)) {
        real = json_number_value(value);
    } else if (json_is_string(value)) {
        const char *text = json_string_value(value);
        size_t len = strlen(text);
        char *end;
        if (len == 0 || strspn(text, "+-.0123456789eE") != len)
            return false;
        real = strtod(text, &end);
        if (*end)
            return false;
    } else {
        return false;
    }
    if (!isfinite(real))
        return false;
    *ret = real;
    return true;
}

static bool read_enum(const struct reader *reader, const ProtobufCFieldDescriptor *field,
                      const json_t *value, void *at)
{
    const ProtobufCEnumDescriptor *type = field->descriptor;
    int number;
    bool known = false;
    if (json_is_string(value)) {
        known = json_enum_parse(type, json_string_value(value), &number);
    } else if (json_is_integer(value)) {
        json_int_t wide = json_integer_value(value);
        number = (int)wide;
        known = number == wide && protobuf_c_enum_descriptor_get_value(type, number);
    }
    if (!known)
        return wrong(reader, field, "a name of the list in the schema");
    memcpy(at, &number, sizeof(number));
    return true;
}

static bool read_string(const struct reader *reader, const ProtobufCFieldDescriptor *field,
                        const json_t *value, void *at)
{
    struct bytes text = bytes_of(json_string_value(value), json_string_length(value));
    if (!json_is_string(value) || !text_is_valid(text))
        return wrong(reader, field, "text");
    char *copy = claim(reader, text.len + 1);
    if (!copy)
        return false;
    memcpy(copy, text.data, text.len);
    memcpy(at, &copy, sizeof(copy));
    return true;
}

static bool read_bytes(const struct reader *reader, const ProtobufCFieldDescriptor *field,
                       const json_t *value, void *at)
{
    __attribute__((cleanup(buf_done_auto))) struct buf plain = {0};
    if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value) ||
        !base64_decode(json_string_value(value), &plain))
        return wrong(reader, field, "base64 text");
    ProtobufCBinaryData data = {.len = plain.len};
    if (plain.len > 0) {
        data.data = claim(reader, plain.len);
        if (!data.data)
            return false;
        memcpy(data.data, plain.data, plain.len);
    }
    memcpy(at, &data, sizeof(data));
    return true;
}

static void *read_message(struct reader *reader, const ProtobufCMessageDescriptor *type,
                          json_t *object);

static bool read_number(const struct reader *reader, const ProtobufCFieldDescriptor *field,
                        const json_t *value, void *at)
{
    int64_t s;
    uint64_t u;
    double d;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        if (!read_signed(value, INT32_MIN, INT32_MAX, &s))
            return wrong(reader, field, "a whole number of 32 bits");
        *(int32_t *)at = (int32_t)s;
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        if (!read_signed(value, INT64_MIN, INT64_MAX, &s))
            return wrong(reader, field, "a whole number of 64 bits");
        *(int64_t *)at = s;
        return true;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        if (!read_unsigned(value, UINT32_MAX, &u))
            return wrong(reader, field, "a whole number from 0, of 32 bits");
        *(uint32_t *)at = (uint32_t)u;
        return true;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        if (!read_unsigned(value, UINT64_MAX, &u))
            return wrong(reader, field, "a whole number from 0, of 64 bits");
        *(uint64_t *)at = u;
        return true;
    case PROTOBUF_C_TYPE_FLOAT:
        if (!read_real(value, &d) || !isfinite((float)d))
            return wrong(reader, field, "a number");
        *(float *)at = (float)d;
        return true;
    case PROTOBUF_C_TYPE_DOUBLE:
        if (!read_real(value, &d))
            return wrong(reader, field, "a number");
        *(double *)at = d;
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(value))
            return wrong(reader, field, "true or false");
        *(protobuf_c_boolean *)at = json_is_true(value);
        return true;
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    return wrong(reader, field, "of a known type");
}

/* One value of `field`, not null and not the list itself, into `at`. */
static bool read_value(struct reader *reader, const ProtobufCFieldDescriptor *field, json_t *value,
                       void *at)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_MESSAGE: {
        if (!json_is_object(value))
            return wrong(reader, field, "an object");
        void *message = read_message(reader, field->descriptor, value);
        memcpy(at, &message, sizeof(message));
        return message;
    }
    case PROTOBUF_C_TYPE_STRING:
        return read_string(reader, field, value, at);
    case PROTOBUF_C_TYPE_BYTES:
        return read_bytes(reader, field, value, at);
    case PROTOBUF_C_TYPE_ENUM:
        return read_enum(reader, field, value, at);
    default:
        return read_number(reader, field, value, at);
    }
}

static bool read_repeated(struct reader *reader, const ProtobufCFieldDescriptor *field,
                          json_t *value, void *message)
{
    char name[FIELD_NAME_MAX];
    if (!json_is_array(value))
        return wrong(reader, field, "a list");
    size_t count = json_array_size(value), size = json_value_size(field->type);
    if (count > WIRE_REPEATED_MAX)
        return err_set(reader->err, ERR_LIMIT, "field \"%s\" of %s has more than %d entries",
                       json_camel(field->name, name), reader->type->short_name, WIRE_REPEATED_MAX);
    if (count == 0)
        return true;
    char *list = claim(reader, count * size);
    if (!list)
        return false;
    for (size_t i = 0; i < count; i++) {
        /* A string is never NULL, whatever stops the reading. */
        if (!read_value(reader, field, json_array_get(value, i), list + i * size))
            return false;
    }
    memcpy(field_at(message, field->offset), &list, sizeof(void *));
    *(size_t *)field_at(message, field->quantifier_offset) = count;
    return true;
}

static bool read_field(struct reader *reader, const ProtobufCFieldDescriptor *field, json_t *value,
                       void *message)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return read_repeated(reader, field, value, message);
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t *which = field_at(message, field->quantifier_offset);
        if (*which)
            return wrong(reader, field, "the only one of its choice");
        *which = field->id;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset) {
        *(protobuf_c_boolean *)field_at(message, field->quantifier_offset) = true;
    }
    return read_value(reader, field, value, field_at(message, field->offset));
}

/* Index of the field with that name in either form, or -1. */
static int find_field(const ProtobufCMessageDescriptor *type, const char *key)
{
    for (unsigned i = 0; i < type->n_fields; i++) {
        char name[FIELD_NAME_MAX];
        if (strcmp(key, json_camel(type->fields[i].name, name)) == 0 ||
            strcmp(key, type->fields[i].name) == 0)
            return (int)i;
    }
    return -1;
}

static bool unknown_field(const struct reader *reader, const char *key)
{
    size_t len = strlen(key);
    /* Only what looks like a field name is repeated: a value may have slipped into its place. */
    if (len == 0 || len > 40 ||
        strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != len)
        return err_set(reader->err, ERR_INVALID, "unknown field in %s", reader->type->short_name);
    return err_set(reader->err, ERR_INVALID, "unknown field \"%s\" in %s", key,
                   reader->type->short_name);
}

static bool read_fields(struct reader *reader, json_t *object, void *message)
{
    const ProtobufCMessageDescriptor *type = reader->type;
    bool seen[MESSAGE_FIELDS] = {0};
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        int index = find_field(type, key);
        if (index < 0 || index >= MESSAGE_FIELDS)
            return unknown_field(reader, key);
        if (seen[index])
            return wrong(reader, &type->fields[index], "given once");
        seen[index] = true;
        if (!json_is_null(value) && !read_field(reader, &type->fields[index], value, message))
            return false;
        reader->type = type; /* a sub-message had its own */
    }
    return true;
}

static void *read_message(struct reader *reader, const ProtobufCMessageDescriptor *type,
                          json_t *object)
{
    void *message = claim(reader, type->sizeof_message);
    if (!message)
        return NULL;
    type->message_init(message);
    const ProtobufCMessageDescriptor *outer = reader->type;
    reader->type = type;
    if (!read_fields(reader, object, message))
        return NULL;
    reader->type = outer;
    return message;
}

/* Bounds what jansson will allocate: nesting and values, seen from outside the strings. */
static bool check_shape(struct bytes text, struct err *err)
{
    size_t depth = 0, values = 1;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            values++;
            if (++depth > JSON_DEPTH_MAX)
                return err_set(err, ERR_LIMIT, "the JSON is nested deeper than %d", JSON_DEPTH_MAX);
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else if (c == ',' && ++values > JSON_VALUES_MAX) {
            break;
        }
    }
    return values <= JSON_VALUES_MAX ||
           err_set(err, ERR_LIMIT, "the JSON has more than %d values", JSON_VALUES_MAX);
}

static bool is_blank(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!memchr(" \t\r\n", text.data[i], 4))
            return false;
    }
    return true;
}

void *json_read(const ProtobufCMessageDescriptor *type, struct bytes text, struct arena *arena,
                struct err *err)
{
    struct reader reader = {arena, type, err};
    if (is_blank(text))
        text = BYTES_LITERAL("{}");
    if (!check_shape(text, err))
        return NULL;
    json_error_t why; /* its text may quote the input: only the place is told */
    json_t *root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &why);
    if (!root) {
        if (json_error_code(&why) == json_error_duplicate_key)
            err_set(err, ERR_INVALID, "the JSON has a field twice (line %d)", why.line);
        else
            err_set(err, ERR_INVALID, "the request is not JSON (line %d, column %d)", why.line,
                    why.column);
        return NULL;
    }
    void *message = NULL;
    if (json_is_object(root))
        message = read_message(&reader, type, root);
    else
        err_set(err, ERR_INVALID, "the request is not a JSON object");
    json_decref(root);
    return message;
}
