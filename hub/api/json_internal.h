#pragma once
/* Shared by json_read.c and json_write.c: names and sizes by descriptor. */
#include "hub/api/json.h"

#define FIELD_NAME_MAX 64

/** lowerCamelCase of a .proto name: underscores go, the letter after one is a capital. */
const char *json_camel(const char *name, char out[FIELD_NAME_MAX]);
/** Bytes of one value in a repeated field's array. */
size_t json_value_size(ProtobufCType type);
