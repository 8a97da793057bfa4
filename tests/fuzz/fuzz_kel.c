/*
 * A key event log: events, each after its length in two bytes, little endian; read alone, and held
 * as a KeyLog brings it against the log of a known node.
 */
#include "hub/crypto/kel.h"
#include "hub/crypto/secret.h"
#include "tests/fuzz/fuzz_hubs.h"
#include <assert.h>
#include <stdlib.h>

/* Whatever comes, what is held stays verified, and a stranger's events change nothing. */
static void merge(const struct bytes *events, size_t count)
{
    struct kel_merge result;
    struct err err = {0};
    size_t held_count;
    const struct bytes *held = identity_kel_events(fuzz_neighbour(), &held_count);
    const struct node_id *node = identity_node(fuzz_neighbour());
    if (kel_merge(held, held_count, events, count, node, &result, &err))
        assert(result.count >= result.kept && result.kel.seq == result.count &&
               node_id_equal(&result.kel.node, node));
    else
        assert(err.code == ERR_PEER || err.code == ERR_UNSUPPORTED || err.code == ERR_UNKNOWN);
    err = (struct err){0};
    if (kel_merge(NULL, 0, events, count, NULL, &result, &err))
        assert(result.count == count && result.kept == 0 && !result.duplicity);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!secret_setup())
        abort();
    struct bytes events[KEL_EVENTS_MAX];
    size_t count = 0;
    while (size >= 2 && count < KEL_EVENTS_MAX) {
        size_t len = (size_t)data[0] | (size_t)data[1] << 8;
        if (len > size - 2)
            len = size - 2;
        events[count++] = bytes_of(data + 2, len);
        data += 2 + len;
        size -= 2 + len;
    }
    merge(events, count);
    struct kel kel = {0};
    struct err err = {0};
    if (kel_read(events, count, NULL, &kel, &err)) {
        assert(kel.seq == count && kel.root_count > 0 && kel.threshold <= kel.root_count);
        assert(kel.op_count <= KEL_OPS_MAX);
    } else {
        assert(err.code == ERR_PEER || err.code == ERR_UNSUPPORTED);
        assert(kel.seq == 0);
    }
    return 0;
}
