#pragma once
/* Borrowed byte ranges, growing buffers, and the text forms of bytes. */
#include "hub/base/attr.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/** Borrows; whoever stores a copy says so. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES_LITERAL(s) ((struct bytes){(const uint8_t *)(s), sizeof(s) - 1})
static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){data, len};
}
static inline struct bytes bytes_text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, text ? strlen(text) : 0};
}
/** Not constant time: never on secrets (use secret_equal of hub/crypto/secret.h). */
bool bytes_equal(struct bytes a, struct bytes b);

/** Growing buffer; `buf_done` frees. Aborts when memory runs out. Zero-initialise. */
struct buf {
    uint8_t *data;
    size_t len, cap;
};
void buf_done(struct buf *buf);
static inline UNUSED void buf_done_auto(struct buf *buf)
{
    buf_done(buf);
}
/** Room for `extra` more bytes after len; returns where they go (does not change len). */
uint8_t *buf_reserve(struct buf *buf, size_t extra);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_bytes(struct buf *buf, struct bytes b);
void buf_add_text(struct buf *buf, const char *text);
PRINTF_LIKE(2, 3) void buf_addf(struct buf *buf, const char *fmt, ...);
void buf_add_u32le(struct buf *buf, uint32_t v);
void buf_add_u64le(struct buf *buf, uint64_t v);
static inline struct bytes buf_bytes(const struct buf *buf)
{
    return (struct bytes){buf->data, buf->len};
}
/** NUL-terminates (the NUL is not counted in len) and lends the text. */
const char *buf_text(struct buf *buf);

/** Lower-case hex with NUL; `out` holds 2 * len + 1. Returns `out`. */
char *hex_encode(struct bytes in, char *out);
/** @return false when `hex` is not exactly 2 * len hex digits. */
NODISCARD bool hex_decode(const char *hex, uint8_t *out, size_t len);
/** RFC 4648 base32, lower case, no padding; `out` holds BASE32_LEN(len) + 1. */
#define BASE32_LEN(len) (((len) * 8 + 4) / 5)
char *base32_encode(struct bytes in, char *out);
/** Accepts both cases; refuses other characters, wrong length and non-zero spare bits. */
NODISCARD bool base32_decode(const char *text, size_t text_len, uint8_t *out, size_t len);
/** Standard base64 with padding (protobuf JSON) into `buf`. */
void base64_encode(struct bytes in, struct buf *out);
/** Accepts standard and url alphabets, with or without padding; false on anything else. */
NODISCARD bool base64_decode(const char *text, struct buf *out);
