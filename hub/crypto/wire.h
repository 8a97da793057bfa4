#pragma once
/* protobuf-c with the safety on: scan first, unpack into an arena, check text. */
#include "hub/base/arena.h"
#include "hub/base/err.h"
#include <protobuf-c/protobuf-c.h>

/**
 * Unpacks bytes from outside. Scans (proto/scan.h), then unpacks into the arena with at most
 * 16 x input + 64 KiB, then checks every string of known fields with text_is_valid.
 * @return NULL with ERR_PEER, "… is malformed: <why>". The message lives as long as the arena.
 */
NODISCARD void *wire_unpack(const ProtobufCMessageDescriptor *type, struct bytes in,
                            struct arena *arena, struct err *err);
/** Serialises a message of ours; appended to `out`. */
void wire_pack(const void *message, struct buf *out);
struct bytes wire_pack_arena(const void *message, struct arena *arena);

static inline struct bytes wire_bytes(ProtobufCBinaryData d)
{
    return (struct bytes){d.data, d.len};
}
/** Borrowed view for packing; protobuf-c never writes through it. */
static inline ProtobufCBinaryData wire_data(struct bytes b)
{
    return (ProtobufCBinaryData){b.len, (uint8_t *)(uintptr_t)b.data};
}
