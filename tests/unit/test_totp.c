/* test_totp.c: the vectors of RFC 4226 appendix D and RFC 6238 appendix B, and what is refused. */
#include "hub/crypto/secret.h"
#include "hub/crypto/totp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct bytes rfc_secret = {(const uint8_t *)"12345678901234567890", 20};

static void hotp_gives_the_values_of_rfc_4226(void **state)
{
    static const uint32_t values[] = {755224, 287082, 359152, 969429, 338314,
                                      254676, 287922, 162583, 399871, 520489};
    (void)state;
    for (uint64_t i = 0; i < ARRAY_LEN(values); i++)
        assert_int_equal(totp_hotp(rfc_secret, i), values[i]);
}

static void totp_gives_the_last_six_digits_of_rfc_6238(void **state)
{
    static const struct {
        int64_t at_s;
        uint32_t code;
    } values[] = {{59, 287082},       {1111111109, 81804},  {1111111111, 50471},
                  {1234567890, 5924}, {2000000000, 279037}, {20000000000, 353130}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct wall at = {values[i].at_s * 1000};
        char text[8];
        int64_t step = 0;
        snprintf(text, sizeof(text), "%06u", values[i].code);
        assert_true(totp_check(rfc_secret, text, at, -1, &step));
        assert_int_equal(step, values[i].at_s / 30);
    }
}

static void a_phone_may_be_one_step_off_and_no_more(void **state)
{
    (void)state;
    struct wall now = {INT64_C(1111111111) * 1000};
    for (int64_t skew = -2; skew <= 2; skew++) {
        char text[16];
        int64_t step;
        snprintf(text, sizeof(text), "%06u",
                 totp_hotp(rfc_secret, (uint64_t)(totp_step(now) + skew)));
        assert_int_equal(totp_check(rfc_secret, text, now, 0, &step), skew >= -1 && skew <= 1);
    }
}

static void a_code_and_those_before_it_work_once(void **state)
{
    (void)state;
    struct wall now = {59 * 1000};
    int64_t step;
    assert_true(totp_check(rfc_secret, "287082", now, 0, &step));
    assert_int_equal(step, 1);
    assert_false(totp_check(rfc_secret, "287082", now, step, &step));
    assert_false(totp_check(rfc_secret, "755224", now, step, &step)); /* of step 0 */
    assert_true(totp_check(rfc_secret, "359152", now, step, &step));  /* of step 2 */
}

static void what_is_no_code_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "28708",
                                        "2870822",
                                        "28708a",
                                        "-87082",
                                        "+87082",
                                        "287 083",
                                        "287082\n",
                                        "\xd9\xa2\xd9\xa8",
                                        "000000000000000000000000000000000000000000000"};
    (void)state;
    int64_t step = 7;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_false(totp_check(rfc_secret, texts[i], (struct wall){59000}, 0, &step));
    assert_int_equal(step, 7);
    assert_true(totp_check(rfc_secret, "287 082", (struct wall){59000}, 0, &step));
}

static void the_address_for_an_app_is_percent_encoded(void **state)
{
    (void)state;
    AUTO(buf_done) struct buf uri = {0};
    totp_uri("CCAS de Redon", "zoé", rfc_secret, &uri);
    assert_string_equal(buf_text(&uri),
                        "otpauth://totp/CCAS%20de%20Redon:zo%C3%A9"
                        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=CCAS%20de%20Redon"
                        "&algorithm=SHA1&digits=6&period=30");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hotp_gives_the_values_of_rfc_4226),
        cmocka_unit_test(totp_gives_the_last_six_digits_of_rfc_6238),
        cmocka_unit_test(a_phone_may_be_one_step_off_and_no_more),
        cmocka_unit_test(a_code_and_those_before_it_work_once),
        cmocka_unit_test(what_is_no_code_is_refused),
        cmocka_unit_test(the_address_for_an_app_is_percent_encoded),
    };
    return secret_setup() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
