#include "hub/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void setting_an_error_returns_false_and_keeps_code_and_message(void **state)
{
    (void)state;
    struct err err = {0};
    assert_false(err_set(&err, ERR_LIMIT, "queue of %d is full", 7));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.msg, "queue of 7 is full");
}

static void wrapping_puts_the_context_first_and_keeps_the_code(void **state)
{
    (void)state;
    struct err err = {0};
    err_set(&err, ERR_IO, "disk full");
    assert_false(err_wrap(&err, "write %s", "outbox"));
    assert_false(err_wrap(&err, "commit"));
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.msg, "commit: write outbox: disk full");
}

static void a_message_may_quote_the_one_it_replaces(void **state)
{
    (void)state;
    struct err err = {0};
    err_set(&err, ERR_IO, "disk full");
    err_set(&err, ERR_PEER, "again: %s", err.msg);
    assert_string_equal(err.msg, "again: disk full");
}

static void a_long_message_is_cut_between_code_points(void **state)
{
    (void)state;
    char text[600] = "";
    for (int i = 0; i < 250; i++)
        memcpy(text + 2 * i, "\xc3\xa9", 3);
    struct err err = {0};
    err_set(&err, ERR_INVALID, "%s", text);
    assert_int_equal(strlen(err.msg), 238); /* 239 would hold half of the last é */
    err_set(&err, ERR_INVALID, "x%s", text);
    assert_int_equal(strlen(err.msg), 239);
    for (int i = 0; i < 20; i++)
        err_wrap(&err, "context");
    assert_true(strlen(err.msg) < sizeof(err.msg));
    assert_memory_equal(err.msg, "context: context", 16);
}

static void codes_have_names_and_say_whether_to_retry(void **state)
{
    (void)state;
    assert_string_equal(err_code_name(ERR_NONE), "none");
    assert_string_equal(err_code_name(ERR_INTERNAL), "internal");
    assert_string_equal(err_code_name((enum err_code)99), "internal");
    for (int code = 0; code < ERR_CODE_COUNT; code++)
        assert_non_null(err_code_name((enum err_code)code));
    assert_true(err_may_retry(ERR_LIMIT));
    assert_true(err_may_retry(ERR_IO));
    assert_false(err_may_retry(ERR_PEER));
    assert_false(err_may_retry((enum err_code)99));
}

static void names_are_those_of_the_table(void **state)
{
    (void)state;
    static const char *const upper[] = {
#define X(code, retry, text) #code,
        ERR_TABLE(X)
#undef X
    };
    for (int code = 0; code < ERR_CODE_COUNT; code++) {
        const char *name = err_code_name((enum err_code)code);
        assert_int_equal(strlen(upper[code]), strlen(name) + 4);
        assert_int_equal(strcasecmp(upper[code] + 4, name), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_returns_false_and_keeps_code_and_message),
        cmocka_unit_test(wrapping_puts_the_context_first_and_keeps_the_code),
        cmocka_unit_test(a_message_may_quote_the_one_it_replaces),
        cmocka_unit_test(a_long_message_is_cut_between_code_points),
        cmocka_unit_test(codes_have_names_and_say_whether_to_retry),
        cmocka_unit_test(names_are_those_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
