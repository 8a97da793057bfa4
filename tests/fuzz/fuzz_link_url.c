/* Routes as peers publish them: refused, or a host and port that read back the same. */
#include "federation/link_url.h"

#include "hub/base/mem.h"
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct link_url url, again;
    char *text = mem_alloc(size + 1), shown[600];
    memcpy(text, data, size);
    link_address_kind(text);
    if (link_url_parse(text, &url, &err)) {
        assert(url.port >= 1 && url.port <= 65535 && url.host[0] && url.path[0] == '/');
        snprintf(shown, sizeof(shown), strchr(url.host, ':') ? "%s://[%s]:%u%s" : "%s://%s:%u%s",
                 url.tls ? "wss" : "ws", url.host, url.port, url.path);
        assert(link_url_parse(shown, &again, &err));
        assert(strcmp(url.host, again.host) == 0 && url.port == again.port);
        assert(!link_url_allowed(&url, false, "443", &err) || (url.tls && url.port == 443));
    } else {
        assert(err.code == ERR_INVALID);
    }
    free(text);
    return 0;
}
