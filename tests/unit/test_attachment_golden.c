/*
 * Golden bytes of attachments (R-PD-12): a payload with a manifest, a sealed part, the frames:
 * attachment.json.
 */
#include "hub/crypto/part.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include "tests/support/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LAST "Un mot de plus."

static void add_frame(struct buf *json, const char *name, Maillon__Hfp__V1__Frame *frame)
{
    AUTO(buf_done) struct buf bytes = {0};
    wire_pack(frame, &bytes);
    golden_hex(json, name, buf_bytes(&bytes));
}

static void add_frames(struct buf *json, struct bytes part)
{
    uint8_t event[32];
    uint32_t numbers[] = {0, 1, 300};
    memset(event, 0x11, sizeof(event));
    Maillon__Hfp__V1__Frame frame = MAILLON__HFP__V1__FRAME__INIT;
    Maillon__Hfp__V1__PartsWanted wanted = MAILLON__HFP__V1__PARTS_WANTED__INIT;
    wanted.event = wire_data(bytes_of(event, sizeof(event)));
    wanted.position = 2;
    wanted.part = numbers;
    wanted.n_part = ARRAY_LEN(numbers);
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PARTS_WANTED;
    frame.parts_wanted = &wanted;
    add_frame(json, "parts_wanted_frame", &frame);

    Maillon__Hfp__V1__Parts parts = MAILLON__HFP__V1__PARTS__INIT;
    parts.event = wanted.event;
    parts.position = 2;
    parts.part = 1;
    parts.bytes = wire_data(part);
    frame.m_case = MAILLON__HFP__V1__FRAME__M_PARTS;
    frame.parts = &parts;
    add_frame(json, "parts_frame", &frame);
    maillon__hfp__v1__parts__init(&parts);
    parts.event = wanted.event;
    parts.gone = true;
    add_frame(json, "parts_gone_frame", &frame);
}

static void the_golden_file_is_made_again_byte_by_byte(void **state)
{
    (void)state;
    static uint8_t first[ATTACHMENT_PART_BYTES];
    uint8_t hashes[64];
    struct data_key key;
    struct err err = {0};
    AUTO(buf_done) struct buf json = {0}, sealed = {0}, last = {0}, packed = {0};
    memset(first, 'a', sizeof(first));
    memset(key.b, 5, sizeof(key.b));
    golden_begin(&json, "The file is 32,768 times 'a' and \\\"" LAST
                        "\\\", its key 32 bytes 05; event 32 bytes 11. Values are hex");
    part_seal(&key, 0, 2, bytes_of(first, sizeof(first)), &sealed);
    part_seal(&key, 1, 2, BYTES_LITERAL(LAST), &last);
    digest_sha256(buf_bytes(&sealed), hashes);
    digest_sha256(buf_bytes(&last), hashes + 32);
    golden_hex(&json, "part_1", buf_bytes(&last));

    char name[] = "lettre.txt", type[] = "text/plain", text[] = "voici la lettre";
    Maillon__Hfp__V1__Attachment manifest = MAILLON__HFP__V1__ATTACHMENT__INIT;
    Maillon__Hfp__V1__Attachment *list[] = {&manifest};
    Maillon__Hfp__V1__ReferralPayload payload = MAILLON__HFP__V1__REFERRAL_PAYLOAD__INIT;
    manifest.name = name;
    manifest.media_type = type;
    manifest.size = sizeof(first) + strlen(LAST);
    manifest.part_hash = wire_data(bytes_of(hashes, sizeof(hashes)));
    manifest.key = wire_data(bytes_of(key.b, sizeof(key.b)));
    payload.text = text;
    payload.attachment = list;
    payload.n_attachment = 1;
    assert_true(attachment_check(&payload, &err));
    wire_pack(&payload, &packed);
    golden_hex(&json, "payload", buf_bytes(&packed));
    add_frames(&json, buf_bytes(&last));
    golden_end(&json);
    assert_true(golden_same(&json, "attachment.json"));
}

int main(void)
{
    if (!secret_setup())
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_file_is_made_again_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
