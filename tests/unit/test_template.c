/* test_template.c: the public specification, escaping, and limits. */
#include "hub/web/catalog.h"
#include "hub/web/template.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Partials of one case, compiled when asked for. */
struct partials {
    json_t *texts;
    struct template *compiled[16];
    const char *names[16];
    size_t count;
};

static const struct template *find_partial(void *ctx, const char *name)
{
    struct partials *partials = ctx;
    const char *text = json_string_value(json_object_get(partials->texts, name));
    struct err err = {0};
    if (!text)
        return NULL;
    for (size_t i = 0; i < partials->count; i++)
        if (strcmp(partials->names[i], name) == 0)
            return partials->compiled[i];
    assert_true(partials->count < ARRAY_LEN(partials->compiled));
    struct template *template = template_compile(bytes_text(text), &err);
    assert_non_null(template);
    partials->names[partials->count] = name;
    partials->compiled[partials->count++] = template;
    return template;
}

static bool render(const char *text, json_t *data, json_t *partial_texts, struct buf *out,
                   struct err *err)
{
    struct partials partials = {.texts = partial_texts};
    const struct template_env env = {
        .partial = find_partial, .ctx = &partials, .catalog = catalog_of(LANGUAGE_ENGLISH)};
    AUTO(template_free) struct template *template = template_compile(bytes_text(text), err);
    bool ok = template && template_render(template, &env, data, out, err);
    for (size_t i = 0; i < partials.count; i++)
        template_free(partials.compiled[i]);
    return ok;
}

static void every_case_of_the_specification_gives_the_expected_text(void **state)
{
    static const char *const modules[] = {"comments", "delimiters", "interpolation",
                                          "inverted", "partials",   "sections"};
    (void)state;
    size_t count = 0;
    for (size_t m = 0; m < ARRAY_LEN(modules); m++) {
        char path[600];
        json_error_t error;
        snprintf(path, sizeof(path), "%s/mustache/%s.json", getenv("MAILLON_VECTORS"), modules[m]);
        json_t *file = json_load_file(path, 0, &error), *test;
        assert_non_null(file);
        size_t i;
        json_array_foreach(json_object_get(file, "tests"), i, test)
        {
            AUTO(buf_done) struct buf out = {0};
            struct err err = {0};
            if (!render(json_string_value(json_object_get(test, "template")),
                        json_object_get(test, "data"), json_object_get(test, "partials"), &out,
                        &err) ||
                strcmp(buf_text(&out), json_string_value(json_object_get(test, "expected"))) != 0)
                fail_msg("%s: %s: got \"%s\" %s", modules[m],
                         json_string_value(json_object_get(test, "name")), buf_text(&out), err.msg);
            count++;
        }
        json_decref(file);
    }
    assert_int_equal(count, 136);
}

static void expect(const char *text, const char *json, const char *expected)
{
    AUTO(buf_done) struct buf out = {0};
    struct err err = {0};
    json_error_t error;
    json_t *data = json_loads(json, JSON_DECODE_ANY, &error);
    assert_non_null(data);
    assert_true(render(text, data, NULL, &out, &err));
    assert_string_equal(buf_text(&out), expected);
    json_decref(data);
}

static void values_are_escaped_for_text_and_attributes(void **state)
{
    (void)state;
    expect("<p title=\"{{x}}\">", "{\"x\":\"<b onclick='a'>&\\\"\"}",
           "<p title=\"&lt;b onclick=&#39;a&#39;&gt;&amp;&quot;\">");
    expect("{{{x}}}{{&x}}", "{\"x\":\"<\"}", "<<");
}

static void empty_text_and_zero_open_no_section(void **state)
{
    (void)state;
    expect("{{#a}}a{{/a}}{{^a}}no{{/a}}", "{\"a\":\"\"}", "no");
    expect("{{#a}}a{{/a}}{{^a}}no{{/a}}", "{\"a\":0}", "no");
    expect("{{#a}}{{.}}{{/a}}{{^a}}no{{/a}}", "{\"a\":7}", "7");
}

static void texts_of_the_catalogue_take_values_from_where_they_stand(void **state)
{
    (void)state;
    expect("{{#l}}{{t.home.to_peer}};{{/l}}",
           "{\"l\":[{\"peerName\":\"A&B\"},{\"peerName\":\"C\"}]}", "to A&amp;B;to C;");
    expect("{{#l}}{{t.ago.days}};{{/l}}", "{\"l\":[{\"n\":1},{\"n\":2}]}", "1 day ago;2 days ago;");
    expect("[{{t.no.such.key}}]", "{}", "[]");
}

static void what_cannot_be_compiled_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a\n{{#b}}", "line 2: a section is not closed"},
        {"{{/b}}", "line 1: closes what is not open"},
        {"{{#a}}{{#b}}{{/a}}{{/b}}", "line 1: closes another section than is open"},
        {"\n\n{{a", "line 3: a tag is not closed"},
        {"{{}}", "line 1: a tag names nothing"},
        {"{{= =}}", "line 1: a tag names nothing"},
        {"{{=a=}}", "line 1: cannot read the delimiters"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_null(template_compile(bytes_text(cases[i].text), &err));
        assert_int_equal(err.code, ERR_INVALID);
        assert_string_equal(err.msg, cases[i].why);
    }
}

static void depth_and_size_have_limits(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf text = {0}, out = {0};
    struct err err = {0};
    for (int i = 0; i <= TEMPLATE_DEPTH_MAX; i++)
        buf_add_text(&text, "{{#a}}");
    for (int i = 0; i <= TEMPLATE_DEPTH_MAX; i++)
        buf_add_text(&text, "{{/a}}");
    assert_null(template_compile(buf_bytes(&text), &err));
    assert_int_equal(err.code, ERR_LIMIT);

    json_t *data = json_pack("{s:{}, s:s}", "a", "x", "y");
    json_t *partials = json_pack("{s:s}", "self", "{{x}}{{>self}}");
    err = (struct err){0};
    assert_false(render("{{>self}}", data, partials, &out, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    json_decref(partials);
    json_decref(data);

    char *large = calloc(1, TEMPLATE_TEXT_MAX + 2);
    memset(large, 'a', TEMPLATE_TEXT_MAX + 1);
    err = (struct err){0};
    assert_null(template_compile(bytes_text(large), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    large[TEMPLATE_TEXT_MAX] = '\0';
    memcpy(large, "{{#l}}", 6);
    memcpy(large + TEMPLATE_TEXT_MAX - 6, "{{/l}}", 6);
    data = json_pack("{s:[]}", "l");
    for (int i = 0; i < 100; i++)
        json_array_append_new(json_object_get(data, "l"), json_integer(1));
    err = (struct err){0};
    assert_false(render(large, data, NULL, &out, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    json_decref(data);
    free(large);
}

static void what_is_written_does_not_turn_its_surroundings_around(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf out = {0};
    struct err err = {0};
    json_t *data = json_pack("{s:s, s:s, s:s}", "name",
                             "a\xe2\x80\xae"
                             "b\xe2\x81\xa9"
                             "c",
                             "expires_text", "\xd9\x86\xd9\x88\xd8\xb1", "x",
                             "l\xe2\x80\x99"
                             "eau");
    assert_true(render("{{name}} {{{name}}} {{x}} {{expires_text}}", data, NULL, &out, &err));
    assert_string_equal(buf_text(&out), "abc abc l\xe2\x80\x99"
                                        "eau \xd9\x86\xd9\x88\xd8\xb1");
    out.len = 0;
    assert_true(render("{{t.invite.expires}}", data, NULL, &out, &err));
    assert_non_null(strstr(buf_text(&out), "\xe2\x81\xa8\xd9\x86\xd9\x88\xd8\xb1\xe2\x81\xa9"));
    json_decref(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_the_specification_gives_the_expected_text),
        cmocka_unit_test(values_are_escaped_for_text_and_attributes),
        cmocka_unit_test(what_is_written_does_not_turn_its_surroundings_around),
        cmocka_unit_test(empty_text_and_zero_open_no_section),
        cmocka_unit_test(texts_of_the_catalogue_take_values_from_where_they_stand),
        cmocka_unit_test(what_cannot_be_compiled_is_refused_with_its_line),
        cmocka_unit_test(depth_and_size_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
