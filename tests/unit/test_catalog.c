/* test_catalog.c: two languages say the same things, and every text a template asks for is there.
 */
#include "hub/web/embedded.h"
#include "hub/web/pages.h"
#include "hub/web/template.h"
#include "hub/web/words.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#define NOW_MS 1795336500000LL /* 2026-11-22T08:35:00Z, a Sunday */

static const struct catalog *french, *english;

static int start(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    french = catalog_of(LANGUAGE_FRENCH);
    english = catalog_of(LANGUAGE_ENGLISH);
    return 0;
}

static void both_languages_have_the_same_keys_and_plurals(void **state)
{
    (void)state;
    assert_true(french->count > 50);
    for (size_t i = 0; i < french->count && i < english->count; i++) {
        assert_string_equal(french->entries[i].key, english->entries[i].key);
        assert_int_equal(french->entries[i].many != NULL, english->entries[i].many != NULL);
    }
    assert_int_equal(french->count, english->count);
}

static void count_name(void *ctx, const char *name, struct buf *out)
{
    struct buf *names = ctx;
    (void)out;
    buf_addf(names, "{%s}", name);
}

static bool has_name(const char *names, const char *name, size_t len)
{
    for (const char *at = names; (at = strstr(at, "{")); at++)
        if (strncmp(at + 1, name, len) == 0 && at[1 + len] == '}')
            return true;
    return false;
}

static void both_languages_name_the_same_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < french->count; i++) {
        AUTO(buf_done) struct buf a = {0}, b = {0}, unused = {0};
        catalog_fill(french->entries[i].one, count_name, &a, &unused);
        catalog_fill(english->entries[i].one, count_name, &b, &unused);
        const char *in_french = buf_text(&a), *in_english = buf_text(&b);
        for (const char *at = in_french; (at = strchr(at, '{')); at++)
            if (!has_name(in_english, at + 1, strcspn(at + 1, "}")))
                fail_msg("%s: English does not say %s", french->entries[i].key, at);
        for (const char *at = in_english; (at = strchr(at, '{')); at++)
            if (!has_name(in_french, at + 1, strcspn(at + 1, "}")))
                fail_msg("%s: French does not say %s", french->entries[i].key, at);
    }
}

/* A line may not begin with "?" or ":". U+00A0 for all marks: fonts of old phones lack U+202F. */
static void french_marks_stay_with_their_words(void **state)
{
    static const char *const loose[] = {" ;",        " :",        " !",          " ?",
                                        " \302\273", "\302\253 ", "\342\200\257"};
    (void)state;
    for (size_t i = 0; i < french->count; i++)
        for (size_t l = 0; l < ARRAY_LEN(loose); l++)
            if (strstr(french->entries[i].one, loose[l]) ||
                (french->entries[i].many && strstr(french->entries[i].many, loose[l])))
                fail_msg("%s: \"%s\" may be parted at the end of a line", french->entries[i].key,
                         loose[l]);
}

static void check_name(void *ctx, const char *name)
{
    if (strncmp(name, "t.", 2) == 0 && !catalog_has(french, name + 2))
        fail_msg("%s.mustache asks for the text \"%s\", which lang/fr.po has not",
                 (const char *)ctx, name + 2);
    if (strncmp(name, "asset.", 6) == 0) {
        const struct embedded_asset *asset = embedded_assets;
        while (asset->name && strcmp(asset->name, name + 6) != 0)
            asset++;
        if (!asset->name)
            fail_msg("%s.mustache asks for \"%s\"", (const char *)ctx, name);
    }
}

static bool is_template(const char *name)
{
    for (const struct embedded_template *t = embedded_templates; t->name; t++)
        if (strcmp(t->name, name) == 0)
            return true;
    return false;
}

static void every_template_compiles_escapes_all_and_finds_its_texts(void **state)
{
    (void)state;
    for (const struct embedded_template *t = embedded_templates; t->name; t++) {
        struct err err = {0};
        AUTO(template_free)
        struct template *template = template_compile(bytes_of(t->text, t->len), &err);
        if (!template)
            fail_msg("%s.mustache: %s", t->name, err.msg);
        if (template_has_raw(template))
            fail_msg("%s.mustache shows a value without escaping", t->name);
        template_names(template, check_name, (char *)(uintptr_t)t->name);
        if (strstr(t->text, " style=") || strstr(t->text, "<style") || strstr(t->text, " onclick"))
            fail_msg("%s.mustache has inline style or script: the browser will not run it",
                     t->name);
    }
}

static void every_page_has_its_template_and_title(void **state)
{
    (void)state;
    for (const struct page *const *table = page_tables; *table; table++) {
        for (const struct page *page = *table; page->method; page++) {
            char key[80];
            if (!page->template)
                continue;
            snprintf(key, sizeof(key), "title.%s", page->template);
            if (!is_template(page->template) || !catalog_has(french, key))
                fail_msg("%s: no template or no text \"%s\"", page->path, key);
        }
    }
    for (const struct page_link *link = page_navigation; link->key; link++) {
        char key[80];
        snprintf(key, sizeof(key), "nav.%s", link->key);
        assert_true(catalog_has(french, key));
    }
}

static void a_browser_gets_the_language_it_likes_better(void **state)
{
    static const struct {
        const char *header;
        enum language language;
    } cases[] = {
        {"", LANGUAGE_FRENCH},
        {"en", LANGUAGE_ENGLISH},
        {"fr-FR,fr;q=0.8,en-US;q=0.5", LANGUAGE_FRENCH},
        {"en-GB,en;q=0.9,fr;q=0.2", LANGUAGE_ENGLISH},
        {"uk, en;q=0.3, fr;q=0.4", LANGUAGE_FRENCH},
        {"de,ar;q=0.5", LANGUAGE_FRENCH},
        {"fr;q=0, en;q=0.1", LANGUAGE_ENGLISH},
        {",,;;q=,enx, ;q=9", LANGUAGE_FRENCH},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(catalog_accept(cases[i].header), cases[i].language);
    assert_int_equal(catalog_language("EN"), LANGUAGE_ENGLISH);
    assert_int_equal(catalog_language("de"), LANGUAGE_COUNT);
}

static const char *value(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void answers_get_the_words_people_read(void **state)
{
    (void)state;
    json_error_t error;
    json_t *answer =
        json_loads("{\"urgency\":\"URGENCY_EMERGENCY\",\"status\":\"in-progress\","
                   "\"created\":\"2026-11-22T06:35:00.000Z\",\"review\":\"2027-01-02\","
                   "\"action\":[\"accept\",\"reject\"],\"need\":\"une phrase\","
                   "\"event\":[{\"status\":\"requested\"}],\"none\":[]}",
                   0, &error);
    words_add(answer, french, (struct wall){NOW_MS});
    assert_string_equal(value(answer, "urgency_text"),
                        catalog_text(french, "urgency.emergency", 1));
    assert_true(json_is_true(json_object_get(json_object_get(answer, "urgency_is"), "emergency")));
    assert_string_equal(value(answer, "status_text"), "en cours");
    assert_string_equal(value(answer, "created_text"), "dimanche 22 novembre à 6\u00a0h\u00a035");
    assert_string_equal(value(answer, "created_ago"), "il y a 2 heures");
    assert_string_equal(value(answer, "review_text"), "2 janvier 2027");
    assert_string_equal(value(answer, "review_ago"), "dans 40 jours");
    assert_true(json_is_true(json_object_get(json_object_get(answer, "action_has"), "accept")));
    assert_true(json_is_true(json_object_get(answer, "event_any")));
    assert_true(json_is_false(json_object_get(answer, "none_any")));
    assert_int_equal(json_integer_value(json_object_get(answer, "event_count")), 1);
    assert_null(json_object_get(answer, "need_text"));
    assert_string_equal(value(json_array_get(json_object_get(answer, "event"), 0), "status_text"),
                        "envoyée");
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_languages_have_the_same_keys_and_plurals),
        cmocka_unit_test(both_languages_name_the_same_values),
        cmocka_unit_test(french_marks_stay_with_their_words),
        cmocka_unit_test(every_template_compiles_escapes_all_and_finds_its_texts),
        cmocka_unit_test(every_page_has_its_template_and_title),
        cmocka_unit_test(a_browser_gets_the_language_it_likes_better),
        cmocka_unit_test(answers_get_the_words_people_read),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
