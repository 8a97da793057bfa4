/* A key event log: events, each after its length in two bytes, little endian. */
#include "hub/crypto/kel.h"
#include "hub/crypto/secret.h"
#include <assert.h>
#include <stdlib.h>

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
