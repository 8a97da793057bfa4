#include "hub/serve/http_guard.h"

#include "hub/base/text.h"
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define LENGTH_DIGITS_MAX 18

bool http_guard_length(const char *value, uint64_t *ret, struct err *err)
{
    uint64_t length = 0;
    size_t digits = strspn(value, "0123456789");
    if (digits < 1 || digits > LENGTH_DIGITS_MAX || value[digits])
        return err_set(err, ERR_INVALID, "cannot read Content-Length");
    for (size_t i = 0; i < digits; i++)
        length = length * 10 + (uint64_t)(value[i] - '0');
    *ret = length;
    return true;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

bool http_guard_encoding(const char *content_type, enum encoding *ret)
{
    static const struct {
        const char *type;
        enum encoding encoding;
    } types[] = {
        {"application/json", ENCODING_JSON},
        {"application/proto", ENCODING_PROTO},
    };
    const char *text = skip_blanks(content_type);
    size_t len = strcspn(text, "; \t");
    const char *rest = skip_blanks(text + len);
    if (*rest == ';') {
        rest = skip_blanks(rest + 1);
        if (strcasecmp(rest, "charset=utf-8") != 0 && strcasecmp(rest, "charset=\"utf-8\"") != 0)
            return false;
    } else if (*rest) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strlen(types[i].type) == len && strncasecmp(types[i].type, text, len) == 0) {
            *ret = types[i].encoding;
            return true;
        }
    return false;
}

bool http_guard_bearer(const char *authorization, char ret[TOKEN_TEXT])
{
    ret[0] = 0;
    const char *text = skip_blanks(authorization);
    if (strncasecmp(text, "Bearer ", 7) != 0)
        return false;
    text = skip_blanks(text + 7);
    size_t len = strcspn(text, " \t");
    if (len < 1 || len >= TOKEN_TEXT || text[len])
        return false;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] <= 0x20 || (unsigned char)text[i] >= 0x7f)
            return false;
    memcpy(ret, text, len);
    ret[len] = 0;
    return true;
}

/* Addresses are compared as numbers: "::1" has many spellings. */
static bool is_same_address(const char *a, const char *b)
{
    uint8_t first[sizeof(struct in6_addr)], second[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, a, first) == 1)
        return inet_pton(AF_INET, b, second) == 1 && memcmp(first, second, 4) == 0;
    return inet_pton(AF_INET6, a, first) == 1 && inet_pton(AF_INET6, b, second) == 1 &&
           memcmp(first, second, sizeof(first)) == 0;
}

bool http_guard_is_listed(const char *list, const char *address)
{
    char one[CALLER_ADDRESS];
    for (const char *at = list; *at; at += *at == ',') {
        at = skip_blanks(at);
        size_t len = strcspn(at, ","), bare = len;
        while (bare > 0 && (at[bare - 1] == ' ' || at[bare - 1] == '\t'))
            bare--;
        if (bare > 0 && bare < sizeof(one)) {
            memcpy(one, at, bare);
            one[bare] = '\0';
            if (is_same_address(one, address))
                return true;
        }
        at += len;
    }
    return false;
}

void http_guard_forwarded(const char *header, char ret[CALLER_ADDRESS])
{
    uint8_t unused[sizeof(struct in6_addr)];
    const char *comma = strrchr(header, ',');
    const char *last = skip_blanks(comma ? comma + 1 : header);
    size_t len = strcspn(last, " \t");
    ret[0] = '\0';
    if (len < 1 || len >= CALLER_ADDRESS || *skip_blanks(last + len))
        return;
    memcpy(ret, last, len);
    ret[len] = '\0';
    if (inet_pton(AF_INET, ret, unused) != 1 && inet_pton(AF_INET6, ret, unused) != 1)
        ret[0] = '\0';
}

bool http_guard_same_origin(const char *origin, const char *host)
{
    static const struct {
        const char *scheme, *port;
    } schemes[] = {{"https://", ":443"}, {"http://", ":80"}};
    if (!host[0])
        return false;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t scheme = strlen(schemes[i].scheme);
        if (strncasecmp(origin, schemes[i].scheme, scheme) != 0)
            continue;
        const char *name = origin + scheme;
        size_t len = strlen(host), port = strlen(schemes[i].port);
        if (len > port && strcmp(host + len - port, schemes[i].port) == 0)
            len -= port; /* browsers leave the default port out of Origin */
        return strncasecmp(name, host, len) == 0 &&
               (!name[len] || strcmp(name + len, schemes[i].port) == 0);
    }
    return false;
}

bool http_guard_after(const char *fragment, int64_t *ret)
{
    int64_t after;
    if (strncmp(fragment, "after=", 6) != 0 || !text_parse_i64(fragment + 6, &after) || after < 0)
        return false;
    *ret = after;
    return true;
}
