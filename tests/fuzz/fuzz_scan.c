/* Whatever passes the scan is unpacked within its bound, or refused as the peer's fault. */
#include "hub/crypto/wire.h"
#include "maillon/hfp/v1/directory.pb-c.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include "maillon/hfp/v1/notice.pb-c.h"
#include "maillon/hfp/v1/object.pb-c.h"
#include "maillon/hfp/v1/receipt.pb-c.h"
#include "maillon/hfp/v1/referral.pb-c.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &maillon__hfp__v1__signed__descriptor,    &maillon__hfp__v1__sealed__descriptor,
        &maillon__hfp__v1__kel_event__descriptor, &maillon__hfp__v1__frame__descriptor,
        &maillon__hfp__v1__notice__descriptor,    &maillon__hfp__v1__directory_entry__descriptor,
        &maillon__hfp__v1__receipt__descriptor,   &maillon__hfp__v1__referral_event__descriptor,
    };
    if (size == 0 || size > 65536)
        return 0;
    AUTO(arena_free) struct arena *arena = arena_create(0);
    struct err err = {0};
    const ProtobufCMessageDescriptor *type = types[data[0] % ARRAY_LEN(types)];
    const ProtobufCMessage *message = wire_unpack(type, bytes_of(data + 1, size - 1), arena, &err);
    if (!message)
        assert(err.code == ERR_PEER);
    else
        assert(protobuf_c_message_get_packed_size(message) <= 10 * size);
    return 0;
}
