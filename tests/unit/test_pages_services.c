/* test_pages_services.c: services of this hub as people type and read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/browser_fixture.h"

static void expect_language(struct browser *browser, const char *typed)
{
    const char *field = strstr(buf_text(&browser->body), "name=\"language\"");
    char value[200];
    assert_non_null(field);
    snprintf(value, sizeof(value), " value=\"%s\"", typed);
    if (!memmem(field, strcspn(field, ">"), value, strlen(value)))
        fail_msg("not \"%s\": %.*s", typed, (int)strcspn(field, ">"), field);
}

static void languages_of_a_service_are_typed_and_shown_by_name(void **state)
{
    struct browser *browser = *state;
    char uid[80], path[120];
    sign_in(browser, "coordinator");
    const char *page = get(browser, "/own-services/new", "lang=fr");
    assert_non_null(strstr(page, "<option value=\"amharique\">"));
    assert_non_null(strstr(page, " list=\"languages\""));
    assert_null(strstr(page, "aria-invalid"));
    /* What nobody knows is named, and nothing that was typed is lost. */
    page = post(browser, "/own-services/new",
                "name=Accueil+de+jour&reach=telephoner&language=arabe,+klingon+et+%3Cb%3E");
    assert_int_equal(browser->status, 400);
    assert_non_null(strstr(page, "Nous n’avons pas reconnu\u00a0: klingon, &lt;b&gt;."));
    assert_non_null(
        strstr(page, "aria-invalid=\"true\" aria-describedby=\"failure language-hint\""));
    assert_non_null(strstr(page, "value=\"Accueil de jour\""));
    expect_language(browser, "arabe, klingon et &lt;b&gt;");
    /* Another mistake does not blame the languages. */
    page = post(browser, "/own-services/new",
                "name=Accueil+de+jour&reach=telephoner&phone=demain&language=arabe");
    assert_int_equal(browser->status, 400);
    assert_null(strstr(page, "reconnu"));
    assert_null(strstr(page, "aria-invalid"));
    post(browser, "/own-services/new",
         "name=Accueil+de+jour&reach=telephoner&language=Arabe,+ANGLAIS+et+langue+des+signes;+fra");
    assert_int_equal(browser->status, 303);
    /* Kept by codes, shown by names in the language of the page. */
    page = api_call_local(&browser->api, "/maillon.api.v1.Directory/ListOwn", "{}");
    assert_non_null(strstr(page, "\"language\":[\"ar\",\"en\",\"fsl\",\"fr\"]"));
    api_field(&browser->api, "id", uid, sizeof(uid));
    snprintf(path, sizeof(path), "/own-services/%s", strchr(uid, '/') + 1);
    get(browser, path, "");
    expect_language(browser, "arabe, anglais, langue des signes (LSF), français");
    get(browser, path, "lang=en");
    expect_language(browser, "Arabic, English, French Sign Language (LSF), French");
    snprintf(path, sizeof(path), "/directory/%s", uid);
    page = get(browser, path, "lang=fr");
    assert_non_null(strstr(page, "arabe, anglais, langue des signes (LSF), français"));
    page = get(browser, "/directory", "words=accueil&language=uk");
    assert_non_null(strstr(page, "dans une autre langue (arabe, anglais, langue des signes (LSF), "
                                 "français)"));
    page = get(browser, "/directory", "words=accueil&language=fra");
    assert_non_null(strstr(page, "on y parle français"));
    assert_non_null(strstr(page, "<option value=\"fr\" selected>français</option>"));
}

static void area_of_a_service_is_shown_by_its_names(void **state)
{
    struct browser *browser = *state;
    char id[140], path[160];
    sign_in(browser, "coordinator");
    api_call_local(&browser->api, "/maillon.api.v1.Directory/PutService",
                   "{\"content\":{\"name\":\"Garage\",\"zone\":[\"243500741\",\"35238\",\"2A\","
                   "\"299999999\"]}}");
    api_field(&browser->api, "id", id, sizeof(id));
    snprintf(path, sizeof(path), "/directory/%s", id);
    static const char names[] = "CA Redon Agglomération, 35238, département 2A, 299999999";
    assert_non_null(strstr(get(browser, path, ""), names));
    snprintf(path, sizeof(path), "/own-services%s", strchr(id, '/'));
    const char *page = get(browser, path, "");
    assert_non_null(strstr(page, names));
    assert_non_null(strstr(page, "value=\"243500741, 35238, 2A, 299999999\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAGE_TEST(languages_of_a_service_are_typed_and_shown_by_name),
        PAGE_TEST(area_of_a_service_is_shown_by_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
