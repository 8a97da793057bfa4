/* fuzz_json.c: any body is refused as the client's fault, or is a message that writes and reads
 * again. */
#include "hub/api/json.h"
#include "maillon/api/v1/directory.pb-c.h"
#include "maillon/api/v1/node.pb-c.h"
#include "maillon/api/v1/notices.pb-c.h"
#include "maillon/api/v1/referrals.pb-c.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &maillon__api__v1__send_referral_request__descriptor,
        &maillon__api__v1__put_service_request__descriptor,
        &maillon__api__v1__post_notice_request__descriptor,
        &maillon__api__v1__import_request__descriptor,
        &maillon__api__v1__node_status__descriptor,
        &maillon__hfp__v1__frame__descriptor,
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        AUTO(arena_free) struct arena *arena = arena_create((size_t)1 << 20);
        struct err err = {0};
        void *message = json_read(types[i], bytes_of(data, size), arena, &err);
        if (!message) {
            assert(err.code == ERR_INVALID || err.code == ERR_LIMIT);
            continue;
        }
        struct buf first = {0}, second = {0};
        json_write(message, &first);
        void *again = json_read(types[i], buf_bytes(&first), arena, &err);
        assert(again || err.code == ERR_LIMIT);
        if (again) {
            json_write(again, &second);
            assert(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
        }
        buf_done(&first);
        buf_done(&second);
    }
    return 0;
}
