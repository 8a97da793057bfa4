#include "hub/serve/http_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_length_is_plain_digits(void **state)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1,1", "0x5", "5a", "1.0", "1e3", "9999999999999999999"};
    uint64_t length = 7;
    struct err err = {0};
    (void)state;
    assert_true(http_guard_length("0", &length, &err));
    assert_int_equal(length, 0);
    assert_true(http_guard_length("1048576", &length, &err));
    assert_int_equal(length, 1048576);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(http_guard_length(bad[i], &length, &err));
        assert_int_equal(length, 1048576);
    }
}

static void only_json_and_proto_are_taken(void **state)
{
    static const char *const bad[] = {"",
                                      "text/plain",
                                      "application/json5",
                                      "application/jso",
                                      "application/json; charset=latin1",
                                      "application/json x",
                                      "application/x-www-form-urlencoded"};
    enum encoding encoding;
    (void)state;
    assert_true(http_guard_encoding("application/json", &encoding));
    assert_int_equal(encoding, ENCODING_JSON);
    assert_true(http_guard_encoding("Application/JSON; charset=UTF-8", &encoding));
    assert_int_equal(encoding, ENCODING_JSON);
    assert_true(http_guard_encoding("application/proto", &encoding));
    assert_int_equal(encoding, ENCODING_PROTO);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(http_guard_encoding(bad[i], &encoding));
}

static void a_bearer_is_one_word_of_a_token_s_size(void **state)
{
    char token[TOKEN_TEXT], longest[TOKEN_TEXT + 8];
    (void)state;
    assert_true(http_guard_bearer("Bearer mlt_abc", token));
    assert_string_equal(token, "mlt_abc");
    assert_true(http_guard_bearer("bearer  mlt_abc", token));
    assert_false(http_guard_bearer("Basic mlt_abc", token));
    assert_string_equal(token, "");
    assert_false(http_guard_bearer("Bearer ", token));
    assert_false(http_guard_bearer("Bearer a b", token));
    assert_false(http_guard_bearer("Bearer a\x01", token));
    memset(longest, 'a', sizeof(longest));
    memcpy(longest, "Bearer ", 7);
    longest[7 + TOKEN_TEXT - 1] = 0;
    assert_true(http_guard_bearer(longest, token));
    longest[7 + TOKEN_TEXT - 1] = 'a';
    longest[7 + TOKEN_TEXT] = 0;
    assert_false(http_guard_bearer(longest, token));
}

static void a_page_of_another_site_is_another_origin(void **state)
{
    static const struct {
        const char *origin, *host;
        bool same;
    } cases[] = {
        {"https://hub.example", "hub.example", true},
        {"https://hub.example", "hub.example:443", true},
        {"https://hub.example:443", "hub.example", true},
        {"https://HUB.example:8443", "hub.example:8443", true},
        {"http://127.0.0.1:8080", "127.0.0.1:8080", true},
        {"https://hub.example:8443", "hub.example", false},
        {"https://hub.example", "hub.example:8443", false},
        {"https://hub.example.evil", "hub.example", false},
        {"https://evil", "hub.example", false},
        {"null", "hub.example", false},
        {"https://", "", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (http_guard_same_origin(cases[i].origin, cases[i].host) != cases[i].same)
            fail_msg("%s", cases[i].origin);
}

static void the_last_proxy_says_who_asks(void **state)
{
    static const struct {
        const char *header, *address;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"10.9.8.7, 192.0.2.1", "192.0.2.1"},
        {"10.9.8.7,2001:db8::1 ", "2001:db8::1"},
        {"192.0.2.1, ", ""},
        {"192.0.2.1, unknown", ""},
        {"192.0.2.1, 192.0.2.2 x", ""},
        {"192.0.2.1:443", ""},
        {"[2001:db8::1]", ""},
        {"", ""},
    };
    char address[CALLER_ADDRESS], longest[200];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        http_guard_forwarded(cases[i].header, address);
        assert_string_equal(address, cases[i].address);
    }
    memset(longest, '1', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    http_guard_forwarded(longest, address);
    assert_string_equal(address, "");
}

static void after_is_a_number_from_zero(void **state)
{
    static const char *const bad[] = {"after=", "after=-1", "after=1x", "before=1", "", "after"};
    int64_t after;
    (void)state;
    assert_true(http_guard_after("after=0", &after));
    assert_true(http_guard_after("after=9007199254740993", &after));
    assert_true(after == 9007199254740993);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(http_guard_after(bad[i], &after));
}

static void a_proxy_is_believed_when_it_is_listed(void **state)
{
    static const struct {
        const char *list, *address;
        bool listed;
    } cases[] = {
        {"", "127.0.0.1", false},           {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.10", false}, {" ::1 ,10.0.0.2", "10.0.0.2", true},
        {"0:0:0:0:0:0:0:1", "::1", true},   {"10.0.0.2", "", false},
        {"nonsense,,", "127.0.0.1", false}, {"127.0.0.1", "nonsense", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (http_guard_is_listed(cases[i].list, cases[i].address) != cases[i].listed)
            fail_msg("\"%s\" in \"%s\"", cases[i].address, cases[i].list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_length_is_plain_digits),
        cmocka_unit_test(only_json_and_proto_are_taken),
        cmocka_unit_test(a_bearer_is_one_word_of_a_token_s_size),
        cmocka_unit_test(a_page_of_another_site_is_another_origin),
        cmocka_unit_test(the_last_proxy_says_who_asks),
        cmocka_unit_test(a_proxy_is_believed_when_it_is_listed),
        cmocka_unit_test(after_is_a_number_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
