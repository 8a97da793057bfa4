/* An object of a neighbour, signed and sealed here: what the opener says of it. */
#include "hub/opener.h"
#include "tests/fuzz/fuzz_hubs.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct fuzz_object object;
    struct inbound_object opened;
    Maillon__Hfp__V1__RefusalCode refusal = 0;
    struct err err = {0};
    if (!fuzz_object(bytes_of(data, size), arena, &object))
        return 0;
    const struct opener opener = {
        .self = fuzz_self(), .peer = *identity_kel(fuzz_neighbour()), .now = {FUZZ_NOW_MS}};
    switch (opener_open(&opener, object.bytes, object.sealed, object.lane, arena, &opened, &refusal,
                        &err)) {
    case OPENED_OK:
        assert(opened.kind && opened.kind->sealed == object.sealed);
        assert(opened.kind->lane == object.lane && opened.head && opened.body);
        assert(node_id_equal(&opened.from, identity_node(fuzz_neighbour())));
        assert((opened.payload.len != 0) == (opened.salt.len != 0));
        break;
    case OPENED_REFUSED:
        assert(refusal != 0 && opened.envelope.sig_count > 0);
        break;
    case OPENED_UNKNOWN_KEY:
        assert(object.sealed);
        break;
    case OPENED_BAD:
        assert(err.code != ERR_NONE);
        break;
    }
    return 0;
}
