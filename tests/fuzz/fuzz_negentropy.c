/* Whatever a peer sends is refused as ERR_PEER or answered within the frame limit; both roles. */
#include "federation/negentropy.h"
#include <assert.h>
#include <stdlib.h>

#define FRAME 4096

static struct negentropy *make_set(void)
{
    struct err err = {0};
    struct negentropy *set = negentropy_create(FRAME);
    for (uint64_t i = 0; i < 300; i++) {
        struct oid id;
        digest_sha256(bytes_of(&i, sizeof i), id.b);
        negentropy_add(set, i / 3, &id);
    }
    if (!negentropy_seal(set, &err))
        abort();
    return set;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int initiator = 0; initiator < 2; initiator++) {
        struct err err = {0};
        struct negentropy_found found = {0};
        AUTO(negentropy_free) struct negentropy *set = make_set();
        AUTO(buf_done) struct buf out = {0};
        bool done;
        if (initiator)
            negentropy_initiate(set, &out);
        bool valid = negentropy_reconcile(set, bytes_of(data, size), &out,
                                          initiator ? &found : NULL, &done, &err);
        assert(valid ? out.len <= FRAME && found.need.len <= size : err.code == ERR_PEER);
        negentropy_found_done(&found);
    }
    return 0;
}
