#include "hub/domain/invite.h"

#include "hub/base/text.h"

#include <stdio.h>

#define SCHEME     "maillon:"
#define NODE_LEN   (NODE_ID_TEXT - 1)
#define SECRET_LEN BASE32_LEN(INVITE_BYTES)
#define CIRCLE_LEN BASE32_LEN(OID_BYTES)
#define CHECK_LEN  4
#define EXPIRY_MAX 99999999999 /* 11 digits: the year 5138 */

static void check_characters(struct bytes before, char out[CHECK_LEN + 1])
{
    uint8_t digest[32];
    char text[BASE32_LEN(sizeof(digest)) + 1];
    digest_sha256(before, digest);
    base32_encode(bytes_of(digest, sizeof(digest)), text);
    memcpy(out, text, CHECK_LEN);
    out[CHECK_LEN] = '\0';
}

/* What a route may hold and a query value may not. */
static void add_route(struct buf *out, const char *route)
{
    buf_add_text(out, "r=");
    for (; *route; route++) {
        if (*route == '%')
            buf_add_text(out, "%25");
        else
            buf_add(out, route, 1);
    }
    buf_add_text(out, "&");
}

bool invite_write(const struct invite *invite, char out[INVITE_TEXT_MAX + 1], struct err *err)
{
    AUTO(buf_done) struct buf uri = {0};
    char node[NODE_ID_TEXT], secret[SECRET_LEN + 1], check[CHECK_LEN + 1];
    buf_addf(&uri, SCHEME "1/%s?", node_id_text(&invite->node, node));
    for (size_t i = 0; i < invite->route_count; i++)
        add_route(&uri, invite->routes[i]);
    if (invite->tls_proxied)
        buf_add_text(&uri, "p=1&");
    if (invite->has_circle) {
        char circle[CIRCLE_LEN + 1];
        buf_addf(&uri, "c=%s&", base32_encode(oid_bytes(&invite->circle), circle));
    }
    buf_addf(&uri, "e=%llu#%s", (unsigned long long)invite->expires_s,
             base32_encode(bytes_of(invite->secret, INVITE_BYTES), secret));
    check_characters(buf_bytes(&uri), check);
    buf_add_text(&uri, check);
    if (uri.len > INVITE_TEXT_MAX)
        return err_set(err, ERR_LIMIT,
                       "the addresses of this hub are too long for an invite of %d characters: use "
                       "fewer or shorter ones",
                       INVITE_TEXT_MAX);
    memcpy(out, buf_text(&uri), uri.len + 1);
    return true;
}

/* @return false when the text without blanks does not fit. */
static bool copy_without_blanks(const char *text, char out[INVITE_TEXT_MAX + 1])
{
    size_t len = 0;
    for (; *text; text++) {
        if (*text == ' ' || *text == '\n' || *text == '\r' || *text == '\t')
            continue;
        if (len == INVITE_TEXT_MAX)
            return false;
        out[len++] = *text;
    }
    out[len] = '\0';
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_route(const char *in, size_t len, char out[ROUTE_BYTES_MAX + 1])
{
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        char c = in[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(in[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(in[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || at == ROUTE_BYTES_MAX)
            return false;
        out[at++] = c;
    }
    out[at] = '\0';
    return route_is_valid(out);
}

static bool read_expiry(const char *in, size_t len, uint64_t *ret)
{
    char digits[16];
    int64_t value;
    if (len == 0 || len >= sizeof(digits))
        return false;
    memcpy(digits, in, len);
    digits[len] = '\0';
    if (!text_parse_i64(digits, &value) || value <= 0 || value > EXPIRY_MAX)
        return false;
    *ret = (uint64_t)value;
    return true;
}

/* `query` ends at its NUL. */
static bool read_query(const char *query, struct invite *ret, struct err *err)
{
    for (const char *at = query; *at;) {
        size_t len = strcspn(at, "&");
        bool fine = false;
        if (len > 2 && strncmp(at, "r=", 2) == 0)
            fine = ret->route_count < ROUTES_MAX &&
                   read_route(at + 2, len - 2, ret->routes[ret->route_count++]);
        else if (len > 2 && strncmp(at, "e=", 2) == 0)
            fine = ret->expires_s == 0 && read_expiry(at + 2, len - 2, &ret->expires_s);
        else if (len == 3 && strncmp(at, "p=1", 3) == 0)
            fine = !ret->tls_proxied && (ret->tls_proxied = true);
        else if (len == 2 + CIRCLE_LEN && strncmp(at, "c=", 2) == 0)
            fine = !ret->has_circle &&
                   (ret->has_circle = base32_decode(at + 2, CIRCLE_LEN, ret->circle.b, OID_BYTES));
        if (!fine)
            return err_set(err, ERR_INVALID, "an address or the date in this invite is malformed");
        at += len;
        at += *at == '&';
    }
    if (ret->route_count == 0 || ret->expires_s == 0)
        return err_set(err, ERR_INVALID, "this invite names no address or no expiry date");
    return true;
}

static bool read_version(const char *text, struct err *err)
{
    size_t len = strspn(text, "0123456789");
    if (len == 0 || text[len] != '/')
        return err_set(err, ERR_INVALID, "this invite is cut short or mistyped at its start");
    if (len != 1 || text[0] != '1')
        return err_set(err, ERR_INVALID,
                       "this invite is for another version of Maillon: this hub reads version 1");
    return true;
}

/* `hash` is where the fragment starts. */
static bool read_secret(const char *text, const char *hash, struct invite *ret, struct err *err)
{
    size_t len = strlen(hash + 1);
    if (len < SECRET_LEN + CHECK_LEN)
        return err_set(err, ERR_INVALID,
                       "%zu characters are missing at the end of this invite: copy it whole",
                       SECRET_LEN + CHECK_LEN - len);
    if (len > SECRET_LEN + CHECK_LEN)
        return err_set(err, ERR_INVALID, "there are %zu characters too many after this invite",
                       len - SECRET_LEN - CHECK_LEN);
    char check[CHECK_LEN + 1];
    size_t before = (size_t)(hash + 1 - text) + SECRET_LEN;
    check_characters(bytes_of(text, before), check);
    if (strcmp(check, text + before) != 0)
        return err_set(err, ERR_INVALID,
                       "this invite is mistyped: its check characters do not match");
    return base32_decode(hash + 1, SECRET_LEN, ret->secret, INVITE_BYTES) ||
           err_set(err, ERR_INVALID, "the secret at the end of this invite is malformed");
}

static bool read_node(const char *text, struct node_id *ret, struct err *err)
{
    char node[NODE_ID_TEXT];
    text_copy(node, sizeof(node), text);
    if (strlen(text) <= NODE_LEN || text[NODE_LEN] != '?' || !node_id_parse(node, ret))
        return err_set(err, ERR_INVALID, "the hub id in this invite is mistyped");
    return true;
}

bool invite_read(const char *text, struct invite *ret, struct err *err)
{
    char uri[INVITE_TEXT_MAX + 1];
    text += strspn(text, " \t\r\n");
    if (strncmp(text, SCHEME, strlen(SCHEME)) != 0)
        return err_set(err, ERR_INVALID,
                       "this is not an invite: invites start with \"" SCHEME "1/\"");
    if (!copy_without_blanks(text, uri))
        return err_set(err, ERR_INVALID, "this is longer than an invite may be (%d characters)",
                       INVITE_TEXT_MAX);
    if (!read_version(uri + strlen(SCHEME), err))
        return false;
    char *node = uri + strlen(SCHEME "1/");
    char *hash = strchr(node, '#');
    if (!hash)
        return err_set(err, ERR_INVALID,
                       "the end of this invite is missing, from the # on: copy it whole");
    struct invite invite = {0};
    if (!read_secret(uri, hash, &invite, err))
        return false;
    *hash = '\0';
    if (!read_node(node, &invite.node, err) || !read_query(node + NODE_LEN + 1, &invite, err))
        return false;
    *ret = invite;
    return true;
}
