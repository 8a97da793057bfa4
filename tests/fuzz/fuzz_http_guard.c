/* Header values of any bytes: refused, or a value within its bounds. */
#include "hub/serve/http_guard.h"

#include "hub/base/mem.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    uint64_t length;
    int64_t after;
    enum encoding encoding;
    char token[TOKEN_TEXT];
    char *text = mem_alloc(size + 1);
    memcpy(text, data, size);
    const char *second = text + strlen(text) < text + size ? text + strlen(text) + 1 : "";
    if (http_guard_length(text, &length, &err))
        assert(length < 1000000000000000000ULL);
    if (http_guard_encoding(text, &encoding))
        assert(encoding == ENCODING_JSON || encoding == ENCODING_PROTO);
    bool has_token = http_guard_bearer(text, token);
    assert(strlen(token) < TOKEN_TEXT && has_token == (token[0] != 0));
    if (http_guard_after(text, &after))
        assert(after >= 0);
    char address[CALLER_ADDRESS];
    http_guard_forwarded(text, address);
    assert(!address[0] || http_guard_is_listed(address, address));
    (void)http_guard_is_listed(text, "127.0.0.1");
    (void)http_guard_is_listed("127.0.0.1, ::1", second);
    if (http_guard_same_origin(text, second))
        assert(second[0]);
    free(text);
    return 0;
}
