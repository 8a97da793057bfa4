#pragma once
/*
 * Looks over protobuf bytes before protobuf-c allocates for them: wire types, depth, lengths and
 * counts against the schema (proto/README.md "Limits", R-LI-1). Allocates nothing.
 */
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

struct scan_limits {
    unsigned depth;    /* nesting, the outermost message is 1 */
    unsigned repeated; /* elements of one repeated field in one message */
    unsigned fields;   /* fields in the whole input, unknown ones included */
};
extern const struct scan_limits scan_default; /* WIRE_… of limits.h */

/**
 * @return NULL when `data` is a well-formed serialisation of `type` within `limits`, else a
 *         constant text saying what is wrong ("nested too deep"). Refuses groups, field number 0,
 *         wrong wire types for known fields, lengths beyond the input, a singular field or a oneof
 *         given twice (readers would differ on which counts) and NUL in text.
 */
const char *scan_message(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t len,
                         const struct scan_limits *limits);
