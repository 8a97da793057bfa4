/* Code lists: values and names agree with the enums, and every shown status has words. */
#include "hub/domain/codes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static const struct {
    enum code_list list;
    const ProtobufCEnumDescriptor *values;
} enums[] = {
    {CODES_URGENCY, &maillon__hfp__v1__urgency__descriptor},
    {CODES_FEEDBACK, &maillon__hfp__v1__feedback_level__descriptor},
    {CODES_CONTACT, &maillon__hfp__v1__contact_preference__descriptor},
    {CODES_CONSENT_FORM, &maillon__hfp__v1__consent_form__descriptor},
    {CODES_STATUS, &maillon__hfp__v1__referral_status__descriptor},
    {CODES_BUSINESS_STATUS, &maillon__hfp__v1__business_status__descriptor},
    {CODES_ACTION, &maillon__hfp__v1__referral_action__descriptor},
};

/* URGENCY_NORMAL ends with NORMAL; in-progress is IN_PROGRESS. */
static bool names_match(const char *enum_name, const char *code)
{
    size_t len = strlen(code), whole = strlen(enum_name);
    if (whole <= len)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = code[i] == '-' ? '_' : (char)(code[i] - (code[i] >= 'a' ? 'a' - 'A' : 0));
        if (enum_name[whole - len + i] != c)
            return false;
    }
    return enum_name[whole - len - 1] == '_';
}

static void each_code_has_the_place_of_its_enum_value(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(enums); i++) {
        unsigned count = enums[i].values->n_values;
        for (unsigned v = 1; v < count; v++) {
            const char *code = code_of_value(enums[i].list, (int)v);
            if (!names_match(enums[i].values->values[v].name, code))
                fail_msg("%s is not \"%s\"", enums[i].values->values[v].name, code);
            assert_int_equal(code_value(enums[i].list, code), v);
            assert_true(*code_words(enums[i].list, code, WORDS_FRENCH));
            assert_true(*code_words(enums[i].list, code, WORDS_ENGLISH));
        }
        assert_string_equal(code_of_value(enums[i].list, (int)count), "");
        assert_string_equal(code_of_value(enums[i].list, 0), "");
        assert_string_equal(code_of_value(enums[i].list, -1), "");
    }
}

static void every_status_people_see_has_words(void **unused)
{
    (void)unused;
    for (int status = 1; *code_of_value(CODES_STATUS, status); status++)
        for (int business = 0; business <= 15; business++)
            for (int language = 0; language < 2; language++)
                assert_true(*status_words((Maillon__Hfp__V1__ReferralStatus)status,
                                          (Maillon__Hfp__V1__BusinessStatus)business,
                                          (enum words_language)language));
    assert_string_equal(status_words(2, 1, WORDS_FRENCH), "reçue");
    assert_string_equal(status_words(3, 6, WORDS_FRENCH), "rendez-vous fixé");
    assert_string_equal(status_words(9, 15, WORDS_FRENCH), "retirée par la personne");
    assert_string_equal(status_words(0, 0, WORDS_FRENCH), "");
}

static void the_lists_are_those_of_the_product(void **unused)
{
    (void)unused;
    AUTO(buf_done) struct buf list = {0};
    code_list_add(CODES_REFUSAL, &list);
    assert_string_equal(buf_text(&list),
                        "no-capacity, waitlist-only, outside-area, not-eligible, wrong-service, "
                        "missing-document, duplicate, resources-exhausted, safety, other");
    assert_true(code_is_listed(CODES_NOT_CARRIED, "did-not-come"));
    assert_false(code_is_listed(CODES_NOT_CARRIED, "no-capacity"));
    assert_true(code_is_listed(CODES_BARRIER, "childcare"));
    assert_true(code_is_listed(CODES_OUTCOME, "partly-helped"));
    assert_false(code_is_listed(CODES_OUTCOME, ""));
    assert_false(code_is_listed(CODES_OUTCOME, NULL));
}

static void the_clocks_are_those_of_the_urgency(void **unused)
{
    (void)unused;
    assert_int_equal(urgency_answer_s(1), 14 * 86400);
    assert_int_equal(urgency_answer_s(2), 72 * 3600);
    assert_int_equal(urgency_answer_s(3), 24 * 3600);
    assert_int_equal(urgency_expiry_s(1), 30 * 86400);
    assert_int_equal(urgency_expiry_s(2), 14 * 86400);
    assert_int_equal(urgency_expiry_s(3), 72 * 3600);
}

static void codes_have_a_narrow_shape(void **unused)
{
    static const struct {
        const char *code;
        bool ok;
    } cases[] = {{"a", true},    {"no-capacity", true}, {"a1", true}, {"", false},
                 {"No", false},  {"a b", false},        {"é", false}, {"abcdefghijkl", false},
                 {"a_b", false}, {NULL, false}};
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(code_has_shape(cases[i].code, 11), cases[i].ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_code_has_the_place_of_its_enum_value),
        cmocka_unit_test(every_status_people_see_has_words),
        cmocka_unit_test(the_lists_are_those_of_the_product),
        cmocka_unit_test(the_clocks_are_those_of_the_urgency),
        cmocka_unit_test(codes_have_a_narrow_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
