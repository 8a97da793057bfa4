/* Whatever a peer sends as a signed object is refused as its fault, or lies inside its bounds. */
#include "hub/crypto/envelope.h"
#include "hub/crypto/secret.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!secret_setup())
        abort();
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct envelope e;
    struct err err = {0};
    if (!envelope_open(bytes_of(data, size), arena, &e, &err)) {
        assert(err.code == ERR_PEER || err.code == ERR_UNSUPPORTED);
        return 0;
    }
    assert(e.body.len > 0 && e.body.data > data && e.body.data + e.body.len <= data + size);
    assert(e.sig_count > 0 && e.sig_count <= SIGNED_SIGS_MAX && e.type[0]);
    struct oid again;
    envelope_oid(e.type, e.body, &again);
    assert(oid_equal(&e.oid, &again));
    const struct sign_public neutral = {{1}};
    assert(!envelope_verify(&e, &neutral));
    return 0;
}
