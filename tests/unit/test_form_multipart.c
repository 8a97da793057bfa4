#include "hub/web/form_multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PART(head, body) "--b\r\nContent-Disposition: form-data; " head "\r\n\r\n" body "\r\n"

static void a_boundary_is_read_in_any_place(void **state)
{
    static const struct {
        const char *type, *boundary; /* NULL: none */
    } cases[] = {
        {"multipart/form-data; boundary=----WebKitFormBoundaryX", "----WebKitFormBoundaryX"},
        {"Multipart/Form-Data;charset=utf-8; boundary=\"a b\"", NULL},
        {"multipart/form-data; charset=utf-8; boundary=\"a'b\"", "a'b"},
        {"multipart/form-data", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/mixed; boundary=x", NULL},
        {"application/x-www-form-urlencoded", NULL},
        {"multipart/form-data; boundary="
         "12345678901234567890123456789012345678901234567890123456789012345678901",
         NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[FORM_BOUNDARY_MAX + 1];
        assert_int_equal(form_boundary(cases[i].type, out), cases[i].boundary != NULL);
        if (cases[i].boundary)
            assert_string_equal(out, cases[i].boundary);
    }
}

static bool parse(const char *body, json_t *fields, struct form_file *files, size_t *count)
{
    return form_parse_multipart(bytes_text(body), "b", fields, files, count);
}

static void fields_and_files_come_apart(void **state)
{
    static struct form_file files[FORM_FILES_MAX];
    size_t count;
    (void)state;
    json_t *fields = json_object();
    assert_true(parse(
        PART("name=\"csrf\"", "abc") PART("name=\"role\"", "a") PART("name=\"role\"", "b\r\nc")
            PART("name=\"file\"; filename=\"C:\\\\x\\\\lieux.json\"\r\n"
                 "Content-Type: application/json",
                 "[1,\r\n--c]") PART("name=\"none\"; filename=\"\"", "") "--b--\r\n",
        fields, files, &count));
    assert_string_equal(json_string_value(json_object_get(fields, "csrf")), "abc");
    assert_string_equal(json_string_value(json_array_get(json_object_get(fields, "role"), 1)),
                        "b\nc");
    assert_int_equal(count, 1);
    assert_string_equal(files[0].field, "file");
    assert_string_equal(files[0].name, "lieux.json");
    assert_true(bytes_equal(files[0].data, BYTES_LITERAL("[1,\r\n--c]")));
    json_decref(fields);
}

static void what_is_no_form_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "--b",
        "--b\r\n",
        "--c--\r\n",
        PART("name=\"x\"", "1"), /* cut off: no end */
        "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n1\r\n--b--",
        PART("filename=\"x\"", "1") "--b--", /* a file of no field */
        PART("name=\"\"", "1") "--b--",
        PART("name=\"x", "1") "--b--", /* a quote that is not closed */
        PART("name=\"x\"", "\xff") "--b--",
        PART("name=\"\xff\"", "1") "--b--",
        "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--",
    };
    static struct form_file files[FORM_FILES_MAX];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        size_t count = 0;
        json_t *fields = json_object();
        if (parse(bad[i], fields, files, &count))
            fail_msg("taken: %s", bad[i]);
        json_decref(fields);
    }
}

static void too_many_files_are_refused(void **state)
{
    static struct form_file files[FORM_FILES_MAX];
    AUTO(buf_done) struct buf body = {0};
    size_t count;
    (void)state;
    for (size_t i = 0; i <= FORM_FILES_MAX; i++)
        buf_add_text(&body, PART("name=\"f\"; filename=\"a\"", "x"));
    buf_add_text(&body, "--b--\r\n");
    json_t *fields = json_object();
    assert_false(form_parse_multipart(buf_bytes(&body), "b", fields, files, &count));
    json_decref(fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_boundary_is_read_in_any_place),
        cmocka_unit_test(fields_and_files_come_apart),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(too_many_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
