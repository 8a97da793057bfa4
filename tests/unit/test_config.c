#include "hub/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "%s/test_config.XXXXXX", P_tmpdir);
    if (!mkdtemp(dir))
        return -1;
    char folder[128];
    snprintf(folder, sizeof(folder), "%s/conf.d", dir);
    return mkdir(folder, 0700);
}

static void file_path(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", dir, name);
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    file_path(name, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *name)
{
    char path[128];
    file_path(name, path);
    unlink(path);
}

static int tear_down(void **state)
{
    (void)state;
    char folder[128];
    remove_file("hub.ini");
    remove_file("conf.d/10-a.ini");
    remove_file("conf.d/20-b.ini");
    remove_file("conf.d/notes.txt");
    file_path("conf.d", folder);
    rmdir(folder);
    return rmdir(dir);
}

static void an_empty_file_leaves_every_default(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    write_file("hub.ini", "; nothing yet\n# really\n\n");
    assert_true(config_read(dir, &config, &err));
    for (const struct config_option *option = config_options; option->name; option++) {
        char text[256];
        config_text(&config, option, text, sizeof(text));
        assert_string_equal(text, option->default_value);
        assert_null(strchr(option->name, '_'));
    }
    assert_string_equal(config.dir, dir);
}

static void later_files_win_in_the_order_of_their_names(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    write_file("hub.ini",
               "name = Épicerie du Centre ; people see it\nmax-links=3\ntls-proxied = no\n");
    write_file("conf.d/20-b.ini", "max-links = 20\n");
    write_file("conf.d/10-a.ini", "max-links = 10\ntls-proxied = true\n");
    write_file("conf.d/notes.txt", "max-links = 99\n");
    assert_true(config_read(dir, &config, &err));
    assert_string_equal(config.name, "Épicerie du Centre");
    assert_int_equal(config.max_links, 20);
    assert_true(config.tls_proxied);
    remove_file("conf.d/10-a.ini");
    remove_file("conf.d/20-b.ini");
}

static void a_mistake_names_its_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"name = a\n\nmax_links = 5\n", "hub.ini:3: unknown option \"max_links\""},
        {"max-links = many\n", "hub.ini:1: max-links must be a whole number from 0"},
        {"max-links = -1\n", "hub.ini:1: max-links must be a whole number from 0"},
        {"max-links = 5x\n", "hub.ini:1: max-links must be a whole number from 0"},
        {"max-links =\n", "hub.ini:1: max-links must be a whole number from 0"},
        {"max-links = 99999999999999999999\n",
         "hub.ini:1: max-links must be a whole number from 0"},
        {"ping-s = 1000000000001\n", "hub.ini:1: ping-s is at most 1000000000000"},
        {"max-clients = 9223372036854775807\n", "hub.ini:1: max-clients is at most 1000000000000"},
        {"\nmetrics = on\n", "hub.ini:2: metrics must be yes or no"},
        {"require-second-factor = admins\n",
         "hub.ini:1: require-second-factor is one of off admin all"},
        {"metrics = yes\nmetrics = yes\n", "hub.ini:2: metrics is set twice"},
        {"[hub]\nmetrics = yes\n",
         "hub.ini:2: there are no sections; remove the line in [brackets]"},
        {"name = a\nwhat is this\n", "hub.ini:2: expected \"name = value\""},
        {"name = \xff\n", "hub.ini:1: name must be one line of text"},
        {"Jean Dupont = 1\n", "hub.ini:1: unknown option"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config config = {.max_links = -7};
        struct err err = {0};
        write_file("hub.ini", cases[i].text);
        assert_false(config_read(dir, &config, &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.msg, cases[i].message);
        assert_int_equal(config.max_links, -7);
    }
}

static void a_mistake_in_an_extra_file_names_that_file(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    write_file("hub.ini", "\n");
    write_file("conf.d/10-a.ini", "\n\ncolour = red\n");
    assert_false(config_read(dir, &config, &err));
    assert_string_equal(err.msg, "conf.d/10-a.ini:3: unknown option \"colour\"");
    remove_file("conf.d/10-a.ini");
}

static void a_line_too_long_is_refused_not_cut(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    char line[600] = "name = ";
    memset(line + 7, 'x', 500);
    write_file("hub.ini", line);
    assert_false(config_read(dir, &config, &err));
    assert_non_null(strstr(err.msg, "hub.ini:1: the line is longer than"));
}

static void a_missing_file_is_said(void **state)
{
    (void)state;
    struct config config;
    struct err err = {0};
    remove_file("hub.ini");
    assert_false(config_read(dir, &config, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.msg, "hub.ini"));
}

static void one_option_is_set_from_text(void **state)
{
    (void)state;
    struct config config = {0};
    struct err err = {0};
    assert_true(config_set(&config, "tls-key", "/etc/key.pem", &err));
    assert_string_equal(config.tls_key, "/etc/key.pem");
    assert_false(config_set(&config, "tls_key", "", &err));
    assert_int_equal(err.code, ERR_INVALID);
}

/* Each word of each choice, and what only looks like one. */
static void a_choice_takes_its_words_and_no_other(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",          "offf",   "of",       "Off",      "off ",
                                        "off admin", "admins", "ALL\tall", "yes, all", "*"};
    struct config config = {0};
    char word[32], text[32], message[120];
    size_t choices = 0;
    for (const struct config_option *option = config_options; option->name; option++) {
        if (option->type != CONFIG_CHOICE) {
            assert_string_equal(option->words, "");
            continue;
        }
        choices++;
        for (const char *at = option->words; *at; at += strspn(at, " ")) {
            struct err err = {0};
            size_t len = strcspn(at, " ");
            snprintf(word, sizeof(word), "%.*s", (int)len, at);
            assert_true(config_set(&config, option->name, word, &err));
            config_text(&config, option, text, sizeof(text));
            assert_string_equal(text, word);
            at += len;
        }
        snprintf(message, sizeof(message), "%s is one of %s", option->name, option->words);
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
            struct err err = {0};
            assert_false(config_set(&config, option->name, wrong[i], &err));
            assert_int_equal(err.code, ERR_INVALID);
            assert_string_equal(err.msg, message);
            config_text(&config, option, text, sizeof(text));
            assert_string_equal(text, word);
        }
    }
    assert_true(choices > 0);
}

static void paths_are_in_the_state_directory_unless_absolute(void **state)
{
    (void)state;
    struct config config = {.dir = "/var/lib/maillon"};
    char path[300];
    config_path(&config, "tls.crt", path, sizeof(path));
    assert_string_equal(path, "/var/lib/maillon/tls.crt");
    config_path(&config, "/etc/tls.crt", path, sizeof(path));
    assert_string_equal(path, "/etc/tls.crt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_leaves_every_default),
        cmocka_unit_test(later_files_win_in_the_order_of_their_names),
        cmocka_unit_test(a_mistake_names_its_file_and_line),
        cmocka_unit_test(a_mistake_in_an_extra_file_names_that_file),
        cmocka_unit_test(a_line_too_long_is_refused_not_cut),
        cmocka_unit_test(a_missing_file_is_said),
        cmocka_unit_test(one_option_is_set_from_text),
        cmocka_unit_test(a_choice_takes_its_words_and_no_other),
        cmocka_unit_test(paths_are_in_the_state_directory_unless_absolute),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
