#include "proto/scan.h"

#include "hub/base/bytes.h"
#include "maillon/hfp/v1/keys.pb-c.h"
#include "maillon/hfp/v1/object.pb-c.h"
#include "proto/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SIGNED    &maillon__hfp__v1__signed__descriptor
#define HEAD      &maillon__hfp__v1__head__descriptor
#define KEL_EVENT &maillon__hfp__v1__kel_event__descriptor

#define RAW(s) s, sizeof(s) - 1

static const struct {
    const char *why;
    const ProtobufCMessageDescriptor *type;
    const char *data;
    size_t len;
    const char *wrong; /* NULL: passes */
} cases[] = {
    {"empty input is a message of defaults", SIGNED, RAW(""), NULL},
    {"known fields pass", SIGNED, RAW("\x08\x01\x12\x01t\x1a\x02zz\x22\x02\x0a\x00"), NULL},
    {"unknown varint, fixed and length fields pass", SIGNED,
     RAW("\x50\x01\x59\x31\x32\x33\x34\x35\x36\x37\x38\x65\x31\x32\x33\x34\x72\x01z"), NULL},
    {"a longer varint than needed passes", SIGNED, RAW("\x08\x81\x00"), NULL},
    {"field number 0", SIGNED, RAW("\x00\x01"), "field number out of range"},
    {"a tag of six bytes", SIGNED, RAW("\x88\x80\x80\x80\x80\x00\x01"),
     "a tag is cut short or too long"},
    {"a field number over 2^29 - 1", SIGNED, RAW("\x80\x80\x80\x80\x10\x01"),
     "field number out of range"},
    {"a cut tag", SIGNED, RAW("\x88"), "a tag is cut short or too long"},
    {"a cut varint", SIGNED, RAW("\x08\xff"), "a number is cut short or too long"},
    {"a varint over 64 bits", SIGNED, RAW("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
     "a number is cut short or too long"},
    {"a varint of eleven bytes", SIGNED, RAW("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
     "a number is cut short or too long"},
    {"a group", SIGNED, RAW("\x0b\x0c"), "groups are not allowed"},
    {"an unknown group", SIGNED, RAW("\x53\x54"), "groups are not allowed"},
    {"wire type 6", SIGNED, RAW("\x0e\x00"), "unknown wire type"},
    {"wire type 7", SIGNED, RAW("\x0f\x00"), "unknown wire type"},
    {"a length beyond the input", SIGNED, RAW("\x12\x02t"), "a field goes beyond the input"},
    {"a huge length", SIGNED, RAW("\x12\xff\xff\xff\xff\x0f"), "a field goes beyond the input"},
    {"a length of six bytes", SIGNED, RAW("\x12\x81\x80\x80\x80\x80\x00t"),
     "a length is cut short or too long"},
    {"an unknown length field beyond the input", SIGNED, RAW("\x72\x05z"),
     "a field goes beyond the input"},
    {"a cut fixed field", SIGNED, RAW("\x59\x01\x02"), "a field goes beyond the input"},
    {"a number where bytes belong", SIGNED, RAW("\x18\x01"), "wrong wire type for a known field"},
    {"bytes where a number belongs", SIGNED, RAW("\x0a\x01z"), "wrong wire type for a known field"},
    {"a number where a message belongs", SIGNED, RAW("\x20\x01"),
     "wrong wire type for a known field"},
    {"a single field given twice", SIGNED, RAW("\x08\x01\x08\x01"), "a field is given twice"},
    {"a sub-message given twice", KEL_EVENT, RAW("\x0a\x00\x0a\x00"), "a field is given twice"},
    {"two members of a oneof", KEL_EVENT, RAW("\x12\x00\x22\x00"), "a field is given twice"},
    {"text with a NUL", SIGNED, RAW("\x12\x02\x61\x00"), "text with a NUL"},
    {"a malformed inner message", SIGNED, RAW("\x22\x02\x0a\x05"), "a field goes beyond the input"},
    {"packed numbers pass", HEAD, RAW("\x4a\x03\x01\x02\x03"), NULL},
    {"unpacked numbers pass", HEAD, RAW("\x48\x01\x48\x02"), NULL},
    {"a cut packed field", HEAD, RAW("\x4a\x02\x01\x82"), "a packed field is cut short"},
};

static void well_formed_input_passes_and_malformed_input_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = scan_message(cases[i].type, (const uint8_t *)cases[i].data, cases[i].len,
                                       &scan_default);
        bool same =
            got && cases[i].wrong ? strcmp(got, cases[i].wrong) == 0 : got == cases[i].wrong;
        if (!same)
            fail_msg("%s: %s", cases[i].why, got ? got : "passed");
    }
    assert_null(scan_message(SIGNED, NULL, 0, &scan_default));
}

static void add_repeated(struct buf *buf, size_t count, const char *data, size_t len)
{
    for (size_t i = 0; i < count; i++)
        buf_add(buf, data, len);
}

static const char *scan_buf(const ProtobufCMessageDescriptor *type, const struct buf *buf)
{
    return scan_message(type, buf->data, buf->len, &scan_default);
}

static void repeated_fields_stop_at_their_limit(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf buf = {0};
    add_repeated(&buf, WIRE_REPEATED_MAX, RAW("\x22\x00"));
    assert_null(scan_buf(SIGNED, &buf));
    add_repeated(&buf, 1, RAW("\x22\x00"));
    assert_string_equal(scan_buf(SIGNED, &buf), "too many elements in a repeated field");
}

static void packed_elements_count_together_with_unpacked_ones(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf buf = {0};
    buf_add(&buf, RAW("\x4a\xff\x07")); /* 1,023 bytes */
    add_repeated(&buf, WIRE_REPEATED_MAX - 1, "\x01", 1);
    add_repeated(&buf, 1, RAW("\x48\x01"));
    assert_null(scan_buf(HEAD, &buf));
    add_repeated(&buf, 1, RAW("\x48\x01"));
    assert_string_equal(scan_buf(HEAD, &buf), "too many elements in a repeated field");
}

static void fields_of_the_whole_input_stop_at_their_limit(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf buf = {0};
    add_repeated(&buf, WIRE_FIELDS_MAX, RAW("\x50\x01")); /* unknown ones count as well */
    assert_null(scan_buf(SIGNED, &buf));
    add_repeated(&buf, 1, RAW("\x50\x01"));
    assert_string_equal(scan_buf(SIGNED, &buf), "too many fields");
}

static void depth_stops_at_its_limit(void **state)
{
    (void)state;
    /* KelEvent { revoke { valid_through { } } } is three deep */
    static const uint8_t three[] = {0x2a, 0x02, 0x1a, 0x00};
    struct scan_limits limits = scan_default;
    limits.depth = 3;
    assert_null(scan_message(KEL_EVENT, three, sizeof(three), &limits));
    limits.depth = 2;
    assert_string_equal(scan_message(KEL_EVENT, three, sizeof(three), &limits), "nested too deep");
}

static void every_cut_of_a_message_is_refused_or_shorter(void **state)
{
    (void)state;
    static const uint8_t whole[] = "\x12\x04text\x1a\x03zzz\x22\x04\x0a\x02hh";
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        bool at_border = len == 0 || len == 6 || len == 11;
        assert_int_equal(scan_message(SIGNED, whole, len, &scan_default) == NULL, at_border);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_input_passes_and_malformed_input_is_named),
        cmocka_unit_test(repeated_fields_stop_at_their_limit),
        cmocka_unit_test(packed_elements_count_together_with_unpacked_ones),
        cmocka_unit_test(fields_of_the_whole_input_stop_at_their_limit),
        cmocka_unit_test(depth_stops_at_its_limit),
        cmocka_unit_test(every_cut_of_a_message_is_refused_or_shorter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
