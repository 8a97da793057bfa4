/*
 * Golden bytes of attachments (R-PD-12): a payload with a manifest, a sealed part, the frames.
 * GOLDEN_WRITE=1 writes attachment.json: for a deliberate change of format only.
 */
#include "hub/crypto/part.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/attachment.h"
#include "maillon/hfp/v1/link.pb-c.h"
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LAST "Un mot de plus."

static void hex_field(struct buf *json, const char *name, struct bytes value)
{
    AUTO(buf_done) struct buf hex = {0};
    hex_encode(value, (char *)buf_reserve(&hex, 2 * value.len + 1));
    buf_addf(json, ",\n  \"%s\": \"%s\"", name, (const char *)hex.data);
}

static void add_frame(struct buf *json, const char *name, Maillon__Hfp__V1__Frame *frame)
{
    AUTO(buf_done) struct buf bytes = {0};
    wire_pack(frame, &bytes);
    hex_field(json, name, buf_bytes(&bytes));
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
    AUTO(buf_done) struct buf json = {0}, file = {0}, sealed = {0}, last = {0}, packed = {0};
    memset(first, 'a', sizeof(first));
    memset(key.b, 5, sizeof(key.b));
    buf_add_text(&json, "{\n  \"about\": \"The file is 32,768 times 'a' and \\\"" LAST
                        "\\\", its key 32 bytes 05; event 32 bytes 11. Values are hex\"");
    part_seal(&key, 0, 2, bytes_of(first, sizeof(first)), &sealed);
    part_seal(&key, 1, 2, BYTES_LITERAL(LAST), &last);
    digest_sha256(buf_bytes(&sealed), hashes);
    digest_sha256(buf_bytes(&last), hashes + 32);
    hex_field(&json, "part_1", buf_bytes(&last));

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
    hex_field(&json, "payload", buf_bytes(&packed));
    add_frames(&json, buf_bytes(&last));
    buf_add_text(&json, "\n}\n");

    char path[4096];
    const char *folder = getenv("MAILLON_VECTORS");
    bool write = getenv("GOLDEN_WRITE") != NULL;
    snprintf(path, sizeof(path), "%s/golden/attachment.json", folder ? folder : "tests/vectors");
    FILE *f = fopen(path, write ? "w" : "r");
    assert_non_null(f);
    if (write) {
        assert_int_equal(fwrite(json.data, 1, json.len, f), json.len);
    } else {
        file.len = fread(buf_reserve(&file, json.len + 1), 1, json.len + 1, f);
        assert_string_equal(buf_text(&file), buf_text(&json));
    }
    assert_int_equal(fclose(f), 0);
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
