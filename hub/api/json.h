#pragma once
/*
 * Protobuf JSON mapping, both ways, driven by protobuf-c descriptors: no JSON per method.
 * jansson reads; what is written is written here. Thread-safe: pure functions.
 */
#include "hub/base/arena.h"
#include "hub/base/err.h"
#include <protobuf-c/protobuf-c.h>

#define JSON_DEPTH_MAX  16   /* nesting of text from outside */
#define JSON_VALUES_MAX 4096 /* values in one text from outside */

/**
 * Reads text from outside into a message of `type` in the arena. Names in lowerCamelCase or as in
 * the .proto; enums by full name, number or short form ("urgent" for URGENCY_URGENT); null is
 * ignored; empty text is an empty message. Never repeats a value in a message.
 *
 * @return NULL with ERR_INVALID: not JSON, unknown or repeated field, wrong type, out of range, not
 *         text; ERR_LIMIT: too deep, too many values, does not fit in the arena.
 */
NODISCARD void *json_read(const ProtobufCMessageDescriptor *type, struct bytes text,
                          struct arena *arena, struct err *err);

/** Appends `message` (a ProtobufCMessage of ours): defaults are left out, enums by full name. */
void json_write(const void *message, struct buf *out);
/** Appends a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
void json_write_text(struct bytes text, struct buf *out);

/** Short form of an enum value, "urgent" for URGENCY_URGENT; "" when `value` has no name. */
#define JSON_SHORT_NAME 64
char *json_enum_short(const ProtobufCEnumDescriptor *type, int value, char out[JSON_SHORT_NAME]);
/** Full name, number or short form to a value. */
NODISCARD bool json_enum_parse(const ProtobufCEnumDescriptor *type, const char *name, int *ret);
