#include "hub/listening.h"

#include "hub/base/text.h"
#include "hub/crypto/certificate.h"
#include <arpa/inet.h>

static bool parse_address(const char *text, struct listening *ret, struct err *err)
{
    const char *colon = strrchr(text, ':');
    int64_t port = -1;
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
        text++;
        len -= 2;
    }
    if (!colon || len >= sizeof(ret->address) || !text_parse_i64(colon + 1, &port) || port < 0 ||
        port > 65535)
        return err_set(err, ERR_INVALID, "listen is address:port, as in 0.0.0.0:8443 or [::]:8443");
    memcpy(ret->address, text, len);
    ret->address[len] = '\0';
    ret->port = (unsigned)port;
    return true;
}

static bool is_loopback(const char *address)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, address, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(address, "::1") == 0;
}

/* Certificate files, or the reasons why none is needed. */
static bool find_certificate(const struct config *config, struct listening *ret, struct err *err)
{
    if (config->tls_certificate[0]) {
        config_path(config, config->tls_certificate, ret->certificate, sizeof(ret->certificate));
        config_path(config, config->tls_key, ret->key, sizeof(ret->key));
        return certificate_check(ret->certificate, ret->key, err);
    }
    if (is_loopback(ret->address) || config->tls_proxied)
        return true;
    return err_set(err, ERR_INVALID,
                   "without TLS the hub listens on loopback only: set tls-certificate and tls-key, "
                   "or tls-proxied = yes when a proxy in front ends TLS");
}

bool listening_read(const struct config *config, struct listening *ret, struct err *err)
{
    struct listening listening = {0};
    if (!parse_address(config->listen, &listening, err) ||
        !find_certificate(config, &listening, err))
        return false;
    *ret = listening;
    return true;
}
