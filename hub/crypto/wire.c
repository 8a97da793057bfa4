#include "hub/crypto/wire.h"

#include "hub/base/text.h"
#include "proto/scan.h"

#define UNPACK_FLOOR_BYTES 65536
#define UNPACK_FACTOR      16

/* protobuf-c's view of the arena: bounded, and nothing is freed one by one. */
struct budget {
    struct arena *arena;
    size_t left;
};

static void *budget_alloc(void *ctx, size_t size)
{
    struct budget *budget = ctx;
    if (size > budget->left)
        return NULL;
    budget->left -= size;
    return arena_try(budget->arena, size);
}

static void budget_free(void *ctx UNUSED, void *p UNUSED)
{
}

static bool texts_are_valid(const ProtobufCMessage *message);

static bool value_is_valid(const ProtobufCFieldDescriptor *field, const void *at)
{
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *const *text = at;
        return !*text || text_is_valid(bytes_text(*text));
    }
    const ProtobufCMessage *const *inner = at;
    return !*inner || texts_are_valid(*inner);
}

static bool field_is_valid(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const uint8_t *base = (const uint8_t *)message;
    const void *member = base + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count;
        memcpy(&count, base + field->quantifier_offset, sizeof(count));
        const void *const *items = *(const void *const *const *)member;
        for (size_t i = 0; i < count; i++)
            if (!value_is_valid(field, &items[i]))
                return false;
        return true;
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
        uint32_t which;
        memcpy(&which, base + field->quantifier_offset, sizeof(which));
        if (which != field->id)
            return true;
    }
    return value_is_valid(field, member);
}

/* Recursion ends: the scan bounded the depth. */
static bool texts_are_valid(const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        if (!field_is_valid(message, field))
            return false;
    }
    return true;
}

void *wire_unpack(const ProtobufCMessageDescriptor *type, struct bytes in, struct arena *arena,
                  struct err *err)
{
    const char *wrong = scan_message(type, in.data, in.len, &scan_default);
    if (wrong) {
        err_set(err, ERR_PEER, "%s is malformed: %s", type->short_name, wrong);
        return NULL;
    }
    struct budget budget = {arena, UNPACK_FACTOR * in.len + UNPACK_FLOOR_BYTES};
    ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
    static const uint8_t nothing[1];
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type, &allocator, in.len, in.data ? in.data : nothing);
    if (!message) {
        err_set(err, ERR_PEER, "%s is malformed: cannot be unpacked", type->short_name);
        return NULL;
    }
    if (!texts_are_valid(message)) {
        err_set(err, ERR_PEER, "%s is malformed: text is not UTF-8", type->short_name);
        return NULL;
    }
    return message;
}

void wire_pack(const void *message, struct buf *out)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    out->len += protobuf_c_message_pack(message, buf_reserve(out, len));
}

struct bytes wire_pack_arena(const void *message, struct arena *arena)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *data = arena_alloc(arena, len);
    return bytes_of(data, protobuf_c_message_pack(message, data));
}
