/* The consent receipt: made, checked, and what it covers. */
#include "hub/domain/consent.h"
#include "tests/support/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

static const struct wall now = {1800000000000};

struct fixture {
    struct arena *arena;
    struct fake_random random;
    struct node_id recipient;
    struct consent_draft draft;
    const char *fields[3];
    Maillon__Hfp__V1__Consent *consent;
};

static int setup(void **state)
{
    struct fixture *f = test_malloc(sizeof(*f));
    struct err err = {0};
    memset(f, 0, sizeof(*f));
    f->arena = arena_create(0);
    fake_random_init(&f->random, 1);
    memset(f->recipient.b, 7, sizeof(f->recipient.b));
    f->fields[0] = "need";
    f->fields[1] = "contact";
    f->fields[2] = "need"; /* twice is once */
    f->draft = (struct consent_draft){
        .form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_PAPER,
        .fields = f->fields,
        .field_count = 3,
        .until_s = 1800000000 + 86400,
        .recipient = &f->recipient,
        .feedback = MAILLON__HFP__V1__FEEDBACK_LEVEL__FEEDBACK_LEVEL_OUTCOME,
    };
    f->consent = consent_make(&f->draft, &f->random.source, now, f->arena, &err);
    assert_non_null(f->consent);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_free(f->arena);
    test_free(f);
    return 0;
}

static void a_made_receipt_is_sorted_and_passes(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    assert_int_equal(f->consent->n_field, 2);
    assert_string_equal(f->consent->field[0], "contact");
    assert_string_equal(f->consent->field[1], "need");
    assert_true(consent_check(f->consent, &err));
    assert_true(consent_is_valid(f->consent, &f->recipient, now, &err));
}

static void it_covers_its_fields_and_no_more(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    Maillon__Hfp__V1__ReferralPayload payload;
    Maillon__Hfp__V1__Person person;
    char text[] = "x", field[] = "documents";
    maillon__hfp__v1__referral_payload__init(&payload);
    maillon__hfp__v1__person__init(&person);
    payload.person = &person;
    payload.need = text;
    person.contact = text;
    assert_true(consent_covers(f->consent, &payload, &err));
    person.name = text;
    person.birth_year = 1980;
    assert_false(consent_covers(f->consent, &payload, &err));
    assert_int_equal(err.code, ERR_DENIED);
    assert_non_null(strstr(err.msg, "name, birth-year"));
    person.name = person.guardian;
    person.birth_year = 0;
    Maillon__Hfp__V1__Extra extra, *extras[] = {&extra};
    maillon__hfp__v1__extra__init(&extra);
    extra.field = field;
    extra.value = text;
    payload.extra = extras;
    payload.n_extra = 1;
    assert_false(consent_covers(f->consent, &payload, &err));
    assert_non_null(strstr(err.msg, "1 of extra"));
}

static void another_recipient_purpose_or_time_is_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct node_id other = {{1}};
    char purpose[] = "advert";
    assert_false(consent_is_valid(f->consent, &other, now, &err));
    assert_non_null(strstr(err.msg, "another organisation"));
    assert_false(consent_is_valid(f->consent, &f->recipient,
                                  (struct wall){now.ms + INT64_C(86402000)}, &err));
    assert_non_null(strstr(err.msg, "is over"));
    assert_false(
        consent_is_valid(f->consent, &f->recipient, (struct wall){now.ms - INT64_C(700000)}, &err));
    assert_non_null(strstr(err.msg, "future"));
    f->consent->purpose = purpose;
    assert_false(consent_is_valid(f->consent, &f->recipient, now, &err));
    assert_non_null(strstr(err.msg, "purpose"));
}

static void malformed_receipts_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    char bad[] = "Need";
    Maillon__Hfp__V1__Consent good = *f->consent;
#define REFUSED(change)                            \
    *f->consent = good;                            \
    change;                                        \
    assert_false(consent_check(f->consent, &err)); \
    assert_int_equal(err.code, ERR_PEER)
    REFUSED(f->consent->uid.len = 15);
    REFUSED(f->consent->recipient.len = 0);
    REFUSED(f->consent->until_s = f->consent->given_s);
    REFUSED(f->consent->form = 0);
    REFUSED(f->consent->form = 9);
    REFUSED(f->consent->feedback = 0);
    REFUSED(f->consent->n_field = 0);
    REFUSED(f->consent->n_field = CONSENT_FIELDS_MAX + 1);
    char *first = f->consent->field[0];
    REFUSED(f->consent->field[0] = f->consent->field[1]);
    REFUSED(f->consent->field[0] = bad);
    f->consent->field[0] = first;
    *f->consent = good;
    assert_true(consent_check(f->consent, &err));
#undef REFUSED
}

static void an_incomplete_draft_says_what_to_write(void **state)
{
    struct fixture *f = *state;
    struct consent_draft good = f->draft;
    struct err err = {0};
#define SAYS(change, part)                                                        \
    f->draft = good;                                                              \
    change;                                                                       \
    assert_null(consent_make(&f->draft, &f->random.source, now, f->arena, &err)); \
    assert_non_null(strstr(err.msg, part))
    SAYS(f->draft.form = 0, "consent.form");
    SAYS(f->draft.field_count = 0, "consent.field");
    SAYS(f->draft.until_s = 1, "consent.until");
    SAYS(f->fields[0] = "Not a name", "lower case");
#undef SAYS
}

static void the_fingerprint_is_short_and_grouped(void **state)
{
    char out[CONSENT_FINGERPRINT];
    (void)state;
    consent_fingerprint(BYTES_LITERAL("abc"), out); /* FIPS 180-2 B.1 */
    assert_string_equal(out, "ba78 16bf 8f01 cfea");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_made_receipt_is_sorted_and_passes),
        TEST(it_covers_its_fields_and_no_more),
        TEST(another_recipient_purpose_or_time_is_refused),
        TEST(malformed_receipts_are_refused),
        TEST(an_incomplete_draft_says_what_to_write),
        TEST(the_fingerprint_is_short_and_grouped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
