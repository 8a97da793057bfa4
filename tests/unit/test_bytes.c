#include "hub/base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void a_buffer_grows_and_keeps_what_was_added(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf buf = {0};
    assert_string_equal(buf_text(&buf), "");
    for (int i = 0; i < 1000; i++)
        buf_addf(&buf, "%03d,", i);
    assert_int_equal(buf.len, 4000);
    assert_memory_equal(buf.data + 4 * 777, "777,", 4);
    buf_add_text(&buf, "end");
    buf_add(&buf, NULL, 0);
    buf_add_bytes(&buf, BYTES_LITERAL("!"));
    assert_string_equal(buf_text(&buf) + 4000, "end!");
    assert_int_equal(buf_bytes(&buf).len, 4004);
}

static void integers_are_little_endian(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf buf = {0};
    buf_add_u32le(&buf, 0x01020304);
    buf_add_u64le(&buf, 0x1112131415161718);
    assert_true(bytes_equal(buf_bytes(&buf),
                            BYTES_LITERAL("\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11")));
}

static void equality_looks_at_length_and_content(void **state)
{
    (void)state;
    assert_true(bytes_equal((struct bytes){0}, BYTES_LITERAL("")));
    assert_true(bytes_equal(bytes_text("abc"), BYTES_LITERAL("abc")));
    assert_false(bytes_equal(bytes_text("abc"), BYTES_LITERAL("abd")));
    assert_false(bytes_equal(bytes_text("abc"), BYTES_LITERAL("ab")));
    assert_int_equal(bytes_text(NULL).len, 0);
}

static void hex_goes_both_ways_and_refuses_the_rest(void **state)
{
    (void)state;
    char text[9];
    uint8_t out[4] = {0};
    assert_string_equal(hex_encode(BYTES_LITERAL("\x00\xab\xcd\xff"), text), "00abcdff");
    assert_true(hex_decode("00aBCdff", out, 4));
    assert_memory_equal(out, "\x00\xab\xcd\xff", 4);
    assert_false(hex_decode("00abcdf", out, 4));
    assert_false(hex_decode("00abcdff0", out, 4));
    assert_false(hex_decode("00abcdfg", out, 4));
}

static const struct {
    const char *plain, *base32, *base64;
} rfc4648[] = {
    {"", "", ""},
    {"f", "my", "Zg=="},
    {"fo", "mzxq", "Zm8="},
    {"foo", "mzxw6", "Zm9v"},
    {"foob", "mzxw6yq", "Zm9vYg=="},
    {"fooba", "mzxw6ytb", "Zm9vYmE="},
    {"foobar", "mzxw6ytboi", "Zm9vYmFy"},
};

static void base32_matches_rfc_4648(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rfc4648); i++) {
        char text[32];
        uint8_t out[8] = {0};
        size_t len = strlen(rfc4648[i].plain);
        assert_string_equal(base32_encode(bytes_text(rfc4648[i].plain), text), rfc4648[i].base32);
        assert_int_equal(strlen(text), BASE32_LEN(len));
        assert_true(base32_decode(text, strlen(text), out, len));
        assert_memory_equal(out, rfc4648[i].plain, len);
    }
}

static void base32_refuses_other_spellings(void **state)
{
    (void)state;
    uint8_t out[8];
    assert_true(base32_decode("MZxw6", 5, out, 3));
    assert_false(base32_decode("mz", 2, out, 1));     /* spare bits set */
    assert_false(base32_decode("mzxw1", 5, out, 3));  /* no digit 1 */
    assert_false(base32_decode("mzxw", 4, out, 3));   /* too short */
    assert_false(base32_decode("mzxw6y", 6, out, 3)); /* too long */
    assert_false(base32_decode("my======", 8, out, 1));
}

static void base64_matches_rfc_4648(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rfc4648); i++) {
        AUTO(buf_done) struct buf text = {0};
        AUTO(buf_done) struct buf plain = {0};
        base64_encode(bytes_text(rfc4648[i].plain), &text);
        assert_string_equal(buf_text(&text), rfc4648[i].base64);
        assert_true(base64_decode(rfc4648[i].base64, &plain));
        assert_string_equal(buf_text(&plain), rfc4648[i].plain);
    }
}

static void base64_takes_both_alphabets_and_appends(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = {0};
    buf_add_text(&out, "x");
    assert_true(base64_decode("+/+/", &out));
    assert_true(base64_decode("-_-_", &out));
    assert_true(base64_decode("Zg", &out));
    assert_true(bytes_equal(buf_bytes(&out), BYTES_LITERAL("x\xfb\xff\xbf\xfb\xff\xbf"
                                                           "f")));
}

static void base64_refuses_the_rest_and_leaves_the_buffer(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Z",     "Zg=",   "Zg===",  "=",    "====", "Zh==",
                                        "Zm9w=", "Zm 9v", "Zm9v\n", "Zm=v", "Zm9*", "Zm9"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        AUTO(buf_done) struct buf out = {0};
        buf_add_text(&out, "kept");
        assert_false(base64_decode(wrong[i], &out));
        assert_string_equal(buf_text(&out), "kept");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_and_keeps_what_was_added),
        cmocka_unit_test(integers_are_little_endian),
        cmocka_unit_test(equality_looks_at_length_and_content),
        cmocka_unit_test(hex_goes_both_ways_and_refuses_the_rest),
        cmocka_unit_test(base32_matches_rfc_4648),
        cmocka_unit_test(base32_refuses_other_spellings),
        cmocka_unit_test(base64_matches_rfc_4648),
        cmocka_unit_test(base64_takes_both_alphabets_and_appends),
        cmocka_unit_test(base64_refuses_the_rest_and_leaves_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
