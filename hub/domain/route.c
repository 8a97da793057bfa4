#include "hub/domain/route.h"

#include "hub/base/text.h"

#define HOST_MAX 253 /* RFC 1035 */

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Returns what follows the host, or NULL. */
static const char *skip_host(const char *at)
{
    const char *start = at;
    if (*at == '[') {
        for (at++; is_one_of(*at, "0123456789abcdefABCDEF:."); at++)
            ;
        return *at == ']' && at > start + 2 ? at + 1 : NULL;
    }
    for (; is_alnum(*at) || is_one_of(*at, ".-"); at++)
        ;
    return at > start && at - start <= HOST_MAX && *start != '.' && *start != '-' ? at : NULL;
}

static const char *skip_port(const char *at)
{
    if (*at != ':')
        return at;
    unsigned port = 0, digits = 0;
    for (at++; *at >= '0' && *at <= '9' && digits < 6; at++, digits++)
        port = port * 10 + (unsigned)(*at - '0');
    return digits > 0 && port >= 1 && port <= 65535 ? at : NULL;
}

bool route_is_valid(const char *route)
{
    if (strlen(route) > ROUTE_BYTES_MAX)
        return false;
    const char *at = NULL;
    if (strncmp(route, "wss://", 6) == 0)
        at = route + 6;
    else if (strncmp(route, "ws://", 5) == 0)
        at = route + 5;
    if (!at || !(at = skip_host(at)) || !(at = skip_port(at)))
        return false;
    if (*at != '\0' && *at != '/')
        return false;
    for (; is_alnum(*at) || is_one_of(*at, "/-._~%"); at++)
        ;
    return *at == '\0';
}

char *routes_join(struct arena *arena, const char *const *routes, size_t count)
{
    char *text = arena_text(arena, count > 0 ? routes[0] : "");
    for (size_t i = 1; i < count; i++)
        text = arena_printf(arena, "%s\n%s", text, routes[i]);
    return text;
}

size_t routes_split(const char *text, char *rows, size_t size)
{
    size_t count = 0;
    while (text && *text && count < ROUTES_MAX) {
        size_t len = strcspn(text, "\n");
        char one[ROUTE_BYTES_MAX + 1];
        if (len < sizeof(one) && len < size) {
            memcpy(one, text, len);
            one[len] = '\0';
            if (route_is_valid(one))
                text_copy(rows + size * count++, size, one);
        }
        text += len + (text[len] == '\n');
    }
    return count;
}
