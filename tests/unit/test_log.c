#include "hub/base/log.h"

#include "hub/base/counters.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What log_line() wrote since the last call; stderr is a pipe meanwhile. */
static int saved_stderr, pipe_fds[2];

static int pipe_setup(void **state)
{
    (void)state;
    saved_stderr = dup(STDERR_FILENO);
    return pipe(pipe_fds) == 0 && dup2(pipe_fds[1], STDERR_FILENO) >= 0 ? 0 : -1;
}

static int pipe_teardown(void **state)
{
    (void)state;
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(pipe_fds[0]);
    return close(pipe_fds[1]);
}

static size_t read_lines(char out[4096])
{
    log_line(LOG_ERROR, "end"); /* so that read() never waits */
    ssize_t len = read(pipe_fds[0], out, 4095);
    assert_true(len >= 4);
    out[len] = '\0';
    char *end = strstr(out, "end\n");
    assert_non_null(end);
    if (end - out >= 3 && memcmp(end - 3, "<3>", 3) == 0)
        end -= 3;
    *end = '\0';
    return (size_t)(end - out);
}

static void lines_carry_the_priority_when_asked(void **state)
{
    (void)state;
    char out[4096];
    log_setup(LOG_INFO, true);
    log_line(LOG_NOTICE, "link up peer=%s", "abc");
    read_lines(out);
    assert_string_equal(out, "<5>link up peer=abc\n");
    log_setup(LOG_INFO, false);
    log_line(LOG_NOTICE, "link up peer=%s", "abc");
    read_lines(out);
    assert_string_equal(out, "link up peer=abc\n");
}

static void lines_above_the_level_are_dropped(void **state)
{
    (void)state;
    char out[4096];
    log_setup(LOG_WARN, false);
    log_line(LOG_NOTICE, "no");
    log_line(LOG_WARN, "yes");
    read_lines(out);
    assert_string_equal(out, "yes\n");
}

static void control_characters_cannot_forge_a_line(void **state)
{
    (void)state;
    char out[4096];
    log_setup(LOG_INFO, false);
    log_line(LOG_INFO, "a=%s", "x\n<3>forged\x1b[2J");
    read_lines(out);
    assert_string_equal(out, "a=x?<3>forged?[2J\n");
}

static void a_long_line_is_cut_at_one_kibibyte(void **state)
{
    (void)state;
    char out[4096], text[3000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_setup(LOG_INFO, true);
    log_line(LOG_INFO, "%s", text);
    assert_int_equal(read_lines(out), 1024);
    assert_int_equal(out[1023], '\n');
}

static void counters_are_read_by_their_row(void **state)
{
    (void)state;
    struct counters counters = {0};
    COUNT(&counters, commits, 2);
    COUNT(&counters, commits, 3);
    COUNT(&counters, signins_failed, 1);
    uint64_t sum = 0;
    for (const struct counter_info *info = counter_infos; info->name; info++) {
        sum += counter_value(&counters, info);
        if (strcmp(info->name, "commits") == 0)
            assert_int_equal(counter_value(&counters, info), 5);
        assert_true(strlen(info->help) > 0);
    }
    assert_int_equal(sum, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_carry_the_priority_when_asked, pipe_setup,
                                        pipe_teardown),
        cmocka_unit_test_setup_teardown(lines_above_the_level_are_dropped, pipe_setup,
                                        pipe_teardown),
        cmocka_unit_test_setup_teardown(control_characters_cannot_forge_a_line, pipe_setup,
                                        pipe_teardown),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_at_one_kibibyte, pipe_setup,
                                        pipe_teardown),
        cmocka_unit_test(counters_are_read_by_their_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
