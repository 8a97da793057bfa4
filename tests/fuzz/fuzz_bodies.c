/* A body of each kind with its personal part, as the checks of the kinds see them. */
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/kinds.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!secret_setup())
        abort();
    if (size < 4)
        return 0;
    const struct kind *kind = &kinds[data[0] % kind_count];
    size_t payload = data[2] | (size_t)data[3] << 8;
    if (payload > size - 4)
        payload = size - 4;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct err err = {0};
    const void *body =
        wire_unpack(kind->body, bytes_of(data + 4 + payload, size - 4 - payload), arena, &err);
    if (!body) {
        assert(err.code == ERR_PEER);
        return 0;
    }
    if (kind->check && !kind->check(body, bytes_of(data + 4, payload), &err))
        assert(err.code == ERR_PEER || err.code == ERR_UNSUPPORTED);
    return 0;
}
