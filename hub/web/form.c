/* What browsers send and what goes back into addresses. */
#include "hub/web/pages_internal.h"

#include "hub/base/text.h"
#include <stdio.h>

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Percent-decoded; line ends as "\n" whatever the browser's. */
static void decode(struct bytes in, struct buf *out)
{
    out->len = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i] == '+' ? ' ' : in.data[i];
        if (c == '%' && i + 2 < in.len && hex_digit(in.data[i + 1]) >= 0 &&
            hex_digit(in.data[i + 2]) >= 0) {
            c = (uint8_t)(hex_digit(in.data[i + 1]) << 4 | hex_digit(in.data[i + 2]));
            i += 2;
        }
        if (c != '\r')
            buf_add(out, &c, 1);
    }
}

bool form_add_field(json_t *ret, struct bytes name, struct bytes value)
{
    if (!text_is_valid(name) || !text_is_valid(value))
        return false;
    const char *key = (const char *)name.data;
    json_t *text = json_stringn(value.len ? (const char *)value.data : "", value.len);
    json_t *there = json_object_getn(ret, key, name.len);
    if (json_is_array(there))
        return json_array_append_new(there, text) == 0;
    if (there)
        return json_object_setn_new(ret, key, name.len, json_pack("[O, o]", there, text)) == 0;
    return json_object_setn_new(ret, key, name.len, text) == 0;
}

static struct bytes take_part(struct bytes *rest, char separator)
{
    const uint8_t *at = rest->len ? memchr(rest->data, separator, rest->len) : NULL;
    struct bytes part = {rest->data, at ? (size_t)(at - rest->data) : rest->len};
    size_t skip = at ? part.len + 1 : part.len;
    *rest = (struct bytes){rest->data + skip, rest->len - skip};
    return part;
}

bool form_parse(struct bytes text, json_t *ret)
{
    AUTO(buf_done) struct buf name = {0}, value = {0};
    for (size_t count = 0; text.len > 0;) {
        struct bytes field = take_part(&text, '&');
        decode(take_part(&field, '='), &name);
        decode(field, &value);
        if (!name.len)
            continue;
        if (++count > PAGE_FIELDS_MAX || !form_add_field(ret, buf_bytes(&name), buf_bytes(&value)))
            return false;
    }
    return true;
}

void form_encode(const char *text, struct buf *out)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    for (; *text; text++) {
        if (strchr(plain, *text))
            buf_add(out, text, 1);
        else
            buf_addf(out, "%%%02X", (unsigned)(uint8_t)*text);
    }
}

bool form_is_local_path(const char *path)
{
    if (path[0] != '/' || path[1] == '/' || strlen(path) > 500)
        return false;
    for (; *path; path++)
        if (*path <= 0x20 || *path >= 0x7f || *path == '\\')
            return false;
    return true;
}

/* Cookies come from outside, and a token goes into headers and hashes. */
bool page_token(const char *cookies, const char *name, bool secure, char ret[TOKEN_TEXT])
{
    char full[40];
    snprintf(full, sizeof(full), "%s%s", secure ? PAGE_COOKIE_HOST : "", name);
    if (page_cookie(cookies, full, ret, TOKEN_TEXT) && ret[0] &&
        strspn(ret, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(ret))
        return true;
    ret[0] = '\0';
    return false;
}

bool page_cookie(const char *cookies, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    out[0] = '\0';
    for (const char *at = cookies; *at; at += *at == ';') {
        at += strspn(at, " \t");
        size_t whole = strcspn(at, ";");
        if (whole > len && at[len] == '=' && strncmp(at, name, len) == 0) {
            size_t value = whole - len - 1;
            if (value >= size)
                return false;
            memcpy(out, at + len + 1, value);
            out[value] = '\0';
            return true;
        }
        at += whole;
    }
    return false;
}
