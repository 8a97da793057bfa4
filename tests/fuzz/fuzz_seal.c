/* The outside of a Sealed, its opening, and its inside as if it had opened. */
#include "hub/crypto/seal_internal.h"
#include "hub/crypto/secret.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct seal_key *key; /* guarded memory is slow to get */
    if (!key) {
        uint8_t secret[32] = {4};
        if (!secret_setup())
            abort();
        key = seal_key_from_secret(secret);
    }
    const struct seal_key *const keys[] = {key};
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct bytes in = bytes_of(data, size);
    struct sealed_view view;
    struct parcel parcel;
    struct err err = {0};
    if (sealed_view(in, arena, &view, &err))
        assert(view.ct.data > data && view.ct.data + view.ct.len <= data + size);
    else
        assert(err.code == ERR_PEER || err.code == ERR_UNSUPPORTED);
    if (!seal_open_parcel(keys, 1, in, arena, &parcel, &err))
        assert(err.code == ERR_PEER || err.code == ERR_UNSUPPORTED || err.code == ERR_UNKNOWN);
    if (parcel_read(in, &parcel, &err)) {
        assert(parcel.object.len > 0 && parcel.object.len < size);
        assert(parcel.salt.len == (parcel.payload.len ? SALT_BYTES : 0));
    }
    return 0;
}
