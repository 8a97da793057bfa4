#include "hub/listening.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct config config_of(const char *listen, bool tls_proxied)
{
    struct config config = {.tls_proxied = tls_proxied, .dir = "/nowhere"};
    snprintf(config.listen, sizeof(config.listen), "%s", listen);
    return config;
}

static void an_address_and_a_port_are_read_from_one_text(void **state)
{
    (void)state;
    static const struct {
        const char *listen, *address; /* NULL: refused */
        unsigned port;
    } cases[] = {
        {"127.0.0.1:8443", "127.0.0.1", 8443},
        {"0.0.0.0:0", "0.0.0.0", 0},
        {"[::1]:65535", "::1", 65535},
        {":8443", "", 8443},
        {"127.0.0.1", NULL, 0},
        {"127.0.0.1:", NULL, 0},
        {"127.0.0.1:65536", NULL, 0},
        {"127.0.0.1:-1", NULL, 0},
        {"127.0.0.1:https", NULL, 0},
        {"", NULL, 0},
        {"a-name-that-is-longer-than-every-address-that-anybody-could-write.example:1", NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config config = config_of(cases[i].listen, true);
        struct listening at = {.port = 7};
        struct err err = {0};
        assert_int_equal(listening_read(&config, &at, &err), cases[i].address != NULL);
        if (cases[i].address) {
            assert_string_equal(at.address, cases[i].address);
            assert_int_equal(at.port, cases[i].port);
        } else {
            assert_int_equal(err.code, ERR_INVALID);
            assert_int_equal(at.port, 7);
        }
    }
}

static void without_tls_only_loopback_or_a_proxy_will_do(void **state)
{
    (void)state;
    static const struct {
        const char *listen;
        bool tls_proxied, ok;
    } cases[] = {
        {"127.0.0.1:1", false, true},  {"127.8.9.1:1", false, true}, {"[::1]:1", false, true},
        {"0.0.0.0:1", false, false},   {"[::]:1", false, false},     {"10.0.0.1:1", false, false},
        {"localhost:1", false, false}, {"0.0.0.0:1", true, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config config = config_of(cases[i].listen, cases[i].tls_proxied);
        struct listening at;
        struct err err = {0};
        assert_int_equal(listening_read(&config, &at, &err), cases[i].ok);
        if (cases[i].ok)
            assert_string_equal(at.certificate, "");
        else
            assert_non_null(strstr(err.msg, "without TLS"));
    }
}

static void a_certificate_that_is_not_there_is_said_before_anything_opens(void **state)
{
    (void)state;
    struct config config = config_of("127.0.0.1:1", false);
    struct listening at;
    struct err err = {0};
    snprintf(config.tls_certificate, sizeof(config.tls_certificate), "tls.crt");
    snprintf(config.tls_key, sizeof(config.tls_key), "tls.key");
    assert_false(listening_read(&config, &at, &err));
    assert_int_equal(err.code, ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_and_a_port_are_read_from_one_text),
        cmocka_unit_test(without_tls_only_loopback_or_a_proxy_will_do),
        cmocka_unit_test(a_certificate_that_is_not_there_is_said_before_anything_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
