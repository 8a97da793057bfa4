#include "federation/link_url.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
#define HOST_CHARACTERS NAME_CHARACTERS ":" /* of a literal IPv6 address */
#define PATH_CHARACTERS NAME_CHARACTERS "/~"

static bool parse_port(const char *text, size_t len, unsigned *ret)
{
    unsigned port = 0;
    if (len < 1 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (unsigned)(text[i] - '0');
    }
    if (port < 1 || port > 65535)
        return false;
    *ret = port;
    return true;
}

static bool take_host(const char *host, size_t len, struct link_url *url)
{
    if (len < 1 || len > 253)
        return false;
    memcpy(url->host, host, len);
    url->host[len] = 0;
    return strspn(url->host, HOST_CHARACTERS) == len;
}

static bool take_path(const char *path, struct link_url *url)
{
    if (!*path || strcmp(path, "/") == 0)
        path = "/hfp";
    size_t len = strlen(path);
    if (len >= sizeof(url->path) || strspn(path, PATH_CHARACTERS) != len)
        return false;
    memcpy(url->path, path, len + 1);
    return true;
}

bool link_url_parse(const char *text, struct link_url *ret, struct err *err)
{
    struct link_url url = {.tls = strncmp(text, "wss://", 6) == 0};
    if (!url.tls && strncmp(text, "ws://", 5) != 0)
        return err_set(err, ERR_INVALID, "a route starts with wss:// or ws://");
    const char *authority = text + (url.tls ? 6 : 5);
    size_t len = strcspn(authority, "/");
    if (!take_path(authority + len, &url))
        return err_set(err, ERR_INVALID, "cannot read the path of the route");
    url.port = url.tls ? 443 : 80;
    const char *end = authority + len, *host = authority, *host_end;
    if (*host == '[') {
        host++;
        host_end = memchr(host, ']', (size_t)(end - host));
        if (!host_end || (host_end + 1 != end && host_end[1] != ':'))
            return err_set(err, ERR_INVALID, "cannot read the address of the route");
        struct in6_addr address;
        if (!take_host(host, (size_t)(host_end - host), &url) ||
            inet_pton(AF_INET6, url.host, &address) != 1)
            return err_set(err, ERR_INVALID, "cannot read the address of the route");
        host_end++;
    } else {
        host_end = memchr(host, ':', (size_t)(end - host));
        if (!host_end)
            host_end = end;
        if (!take_host(host, (size_t)(host_end - host), &url) || strchr(url.host, ':'))
            return err_set(err, ERR_INVALID, "cannot read the host of the route");
    }
    if (host_end != end && !parse_port(host_end + 1, (size_t)(end - host_end - 1), &url.port))
        return err_set(err, ERR_INVALID, "cannot read the port of the route");
    *ret = url;
    return true;
}

bool link_url_is_numeric(const struct link_url *url)
{
    return link_address_kind(url->host) != ADDRESS_NONE;
}

static bool port_is_listed(unsigned port, const char *ports)
{
    while (*ports) {
        ports += strspn(ports, ", ");
        size_t len = strcspn(ports, ", ");
        unsigned listed;
        if (parse_port(ports, len, &listed) && listed == port)
            return true;
        ports += len;
    }
    return false;
}

bool link_url_allowed(const struct link_url *url, bool local, const char *ports, struct err *err)
{
    if (local)
        return true;
    if (!url->tls)
        return err_set(err, ERR_DENIED, "an unencrypted route (ws://) is for LOCAL peers only");
    if (!port_is_listed(url->port, ports))
        return err_set(err, ERR_DENIED,
                       "port %u is not in dial-ports: add it there, or mark the peer LOCAL",
                       url->port);
    return true;
}

/* RFC 6890 and what was registered since; whatever is not listed is public. */
static const struct {
    uint32_t prefix;
    unsigned bits;
    enum address_kind kind;
} v4_ranges[] = {
    {0x00000000, 8, ADDRESS_INSIDE},  /* 0.0.0.0/8: "this host" */
    {0x0a000000, 8, ADDRESS_INSIDE},  /* 10/8 */
    {0x64400000, 10, ADDRESS_INSIDE}, /* 100.64/10: carrier NAT, and metadata of some clouds */
    {0x7f000000, 8, ADDRESS_LOOPBACK},
    {0xa9fe0000, 16, ADDRESS_INSIDE}, /* 169.254/16: link-local and metadata */
    {0xac100000, 12, ADDRESS_INSIDE}, /* 172.16/12 */
    {0xc0000000, 24, ADDRESS_INSIDE}, /* 192.0.0/24 */
    {0xc0000200, 24, ADDRESS_INSIDE}, /* documentation */
    {0xc0586300, 24, ADDRESS_INSIDE}, /* 6to4 relays */
    {0xc0a80000, 16, ADDRESS_INSIDE}, /* 192.168/16 */
    {0xc6120000, 15, ADDRESS_INSIDE}, /* benchmarks */
    {0xc6336400, 24, ADDRESS_INSIDE}, /* documentation */
    {0xcb007100, 24, ADDRESS_INSIDE}, /* documentation */
    {0xe0000000, 3, ADDRESS_INSIDE},  /* multicast, reserved, broadcast */
};

static enum address_kind v4_kind(uint32_t address)
{
    for (size_t i = 0; i < sizeof(v4_ranges) / sizeof(v4_ranges[0]); i++)
        if ((address ^ v4_ranges[i].prefix) >> (32 - v4_ranges[i].bits) == 0)
            return v4_ranges[i].kind;
    return ADDRESS_PUBLIC;
}

static uint32_t v4_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static enum address_kind v6_kind(const uint8_t a[16])
{
    static const uint8_t zero[16], mapped[12] = {[10] = 0xff, [11] = 0xff},
                                   translated[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, translated, 12) == 0)
        return v4_kind(v4_at(a + 12));
    if (memcmp(a, zero, 15) == 0 && a[15] == 1)
        return ADDRESS_LOOPBACK;
    if (a[0] == 0x20 && a[1] == 0x02)
        return v4_kind(v4_at(a + 2));    /* 6to4: the inner address is where it goes */
    bool global = (a[0] & 0xe0) == 0x20; /* 2000::/3 */
    bool special = a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xfe) == 0; /* 2001::/23 */
    bool documentation = v4_at(a) == 0x20010db8;
    return global && !special && !documentation ? ADDRESS_PUBLIC : ADDRESS_INSIDE;
}

enum address_kind link_address_kind(const char *numeric)
{
    uint8_t a[16];
    if (inet_pton(AF_INET, numeric, a) == 1)
        return v4_kind(v4_at(a));
    if (inet_pton(AF_INET6, numeric, a) == 1)
        return v6_kind(a);
    return ADDRESS_NONE;
}
