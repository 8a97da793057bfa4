#include "hub/base/bytes.h"

#include "hub/base/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    *buf = (struct buf){0};
}

uint8_t *buf_reserve(struct buf *buf, size_t extra)
{
    if (extra > SIZE_MAX / 2 - buf->len)
        abort(); /* as mem_alloc: no machine has that much */
    size_t need = buf->len + extra;
    if (need > buf->cap || !buf->data) {
        size_t cap = buf->cap ? buf->cap * 2 : 64;
        buf->cap = cap < need ? need : cap;
        buf->data = mem_grow(buf->data, buf->cap);
    }
    return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(buf_reserve(buf, len), data, len);
    buf->len += len;
}

void buf_add_bytes(struct buf *buf, struct bytes b)
{
    buf_add(buf, b.data, b.len);
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        abort(); /* a bug in the format */
    char *out = (char *)buf_reserve(buf, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(out, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
}

static void add_le(struct buf *buf, uint64_t v, size_t len)
{
    uint8_t *out = buf_reserve(buf, len);
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(v >> (8 * i));
    buf->len += len;
}

void buf_add_u32le(struct buf *buf, uint32_t v)
{
    add_le(buf, v, 4);
}

void buf_add_u64le(struct buf *buf, uint64_t v)
{
    add_le(buf, v, 8);
}

const char *buf_text(struct buf *buf)
{
    *buf_reserve(buf, 1) = '\0';
    return (const char *)buf->data;
}

char *hex_encode(struct bytes in, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = digits[in.data[i] >> 4];
        out[2 * i + 1] = digits[in.data[i] & 15];
    }
    out[2 * in.len] = '\0';
    return out;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode(const char *hex, uint8_t *out, size_t len)
{
    if (strlen(hex) != 2 * len)
        return false;
    for (size_t i = 0; i < 2 * len; i++)
        if (hex_digit(hex[i]) < 0)
            return false;
    for (size_t i = 0; i < len; i++)
        out[i] =
            (uint8_t)((unsigned)hex_digit(hex[2 * i]) << 4 | (unsigned)hex_digit(hex[2 * i + 1]));
    return true;
}

char *base32_encode(struct bytes in, char *out)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint32_t acc = 0;
    unsigned bits = 0;
    char *at = out;
    for (size_t i = 0; i < in.len; i++) {
        acc = acc << 8 | in.data[i];
        for (bits += 8; bits >= 5; bits -= 5)
            *at++ = digits[acc >> (bits - 5) & 31];
    }
    if (bits)
        *at++ = digits[acc << (5 - bits) & 31];
    *at = '\0';
    return out;
}

static int base32_digit(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= '2' && c <= '7')
        return c - '2' + 26;
    return -1;
}

bool base32_decode(const char *text, size_t text_len, uint8_t *out, size_t len)
{
    if (text_len != BASE32_LEN(len))
        return false;
    for (size_t i = 0; i < text_len; i++)
        if (base32_digit(text[i]) < 0)
            return false;
    unsigned spare = (unsigned)(text_len * 5 - len * 8);
    if (spare && ((unsigned)base32_digit(text[text_len - 1]) & ((1u << spare) - 1)))
        return false;
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0, n = 0; i < text_len && n < len; i++) {
        acc = acc << 5 | (uint32_t)base32_digit(text[i]);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t)(acc >> bits);
        }
    }
    return true;
}

void base64_encode(struct bytes in, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *at = buf_reserve(out, in.len / 3 * 4 + 4);
    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i;
        uint32_t v = (uint32_t)in.data[i] << 16;
        if (left > 1)
            v |= (uint32_t)in.data[i + 1] << 8;
        if (left > 2)
            v |= in.data[i + 2];
        *at++ = (uint8_t)digits[v >> 18 & 63];
        *at++ = (uint8_t)digits[v >> 12 & 63];
        *at++ = left > 1 ? (uint8_t)digits[v >> 6 & 63] : '=';
        *at++ = left > 2 ? (uint8_t)digits[v & 63] : '=';
    }
    out->len = (size_t)(at - out->data);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool base64_decode(const char *text, struct buf *out)
{
    size_t len = strlen(text), digits = len;
    while (digits > 0 && len - digits < 2 && text[digits - 1] == '=')
        digits--;
    if (digits % 4 == 1 || (digits != len && len % 4 != 0))
        return false;
    size_t keep = out->len;
    uint32_t acc = 0;
    unsigned bits = 0;
    uint8_t *at = buf_reserve(out, digits / 4 * 3 + 3);
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return false;
        acc = acc << 6 | (uint32_t)digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *at++ = (uint8_t)(acc >> bits);
        }
    }
    if (acc & ((1u << bits) - 1)) /* spare bits: a second spelling of the same bytes */
        return false;
    out->len = keep + (size_t)(at - (out->data + keep));
    return true;
}
