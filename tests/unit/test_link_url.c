#include "federation/link_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *url;
    bool tls;
    const char *host;
    unsigned port;
    const char *path;
} good[] = {
    {"wss://hub.example", true, "hub.example", 443, "/hfp"},
    {"wss://hub.example/", true, "hub.example", 443, "/hfp"},
    {"ws://127.0.0.1:8080", false, "127.0.0.1", 8080, "/hfp"},
    {"wss://[2001:db8::1]:8443", true, "2001:db8::1", 8443, "/hfp"},
    {"wss://[::1]", true, "::1", 443, "/hfp"},
    {"wss://hub.example:8443/town/hfp", true, "hub.example", 8443, "/town/hfp"},
};

static const char *const bad[] = {
    "",
    "https://hub.example",
    "wss:hub.example",
    "wss://",
    "wss:///hfp",
    "wss://hub.example:",
    "wss://hub.example:0",
    "wss://hub.example:65536",
    "wss://hub.example:99999999999",
    "wss://hub.example:8443x",
    "wss://user@hub.example",
    "wss://hub.example?x",
    "wss://hub.example/hfp?x",
    "wss://hub.example#x",
    "wss://hub example",
    "wss://[::1",
    "wss://[::1]x",
    "wss://[hub.example]",
    "wss://::1",
    "wss://hub.example/\r\nHost: other",
};

static void a_route_is_read_as_it_is_dialled(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct link_url url;
        struct err err = {0};
        assert_true(link_url_parse(good[i].url, &url, &err));
        assert_int_equal(url.tls, good[i].tls);
        assert_string_equal(url.host, good[i].host);
        assert_int_equal(url.port, good[i].port);
        assert_string_equal(url.path, good[i].path);
    }
}

static void what_is_no_route_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct link_url url;
        struct err err = {0};
        assert_false(link_url_parse(bad[i], &url, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static const struct {
    const char *address;
    enum address_kind kind;
} addresses[] = {
    {"93.184.216.34", ADDRESS_PUBLIC},
    {"2606:2800:220:1::1", ADDRESS_PUBLIC},
    {"127.0.0.1", ADDRESS_LOOPBACK},
    {"127.255.0.9", ADDRESS_LOOPBACK},
    {"::1", ADDRESS_LOOPBACK},
    {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
    {"0.0.0.0", ADDRESS_INSIDE},
    {"10.1.2.3", ADDRESS_INSIDE},
    {"172.16.0.1", ADDRESS_INSIDE},
    {"172.32.0.1", ADDRESS_PUBLIC},
    {"192.168.1.1", ADDRESS_INSIDE},
    {"192.169.1.1", ADDRESS_PUBLIC},
    {"169.254.169.254", ADDRESS_INSIDE},
    {"100.100.100.200", ADDRESS_INSIDE},
    {"224.0.0.1", ADDRESS_INSIDE},
    {"255.255.255.255", ADDRESS_INSIDE},
    {"::", ADDRESS_INSIDE},
    {"fe80::1", ADDRESS_INSIDE},
    {"fd00::1", ADDRESS_INSIDE},
    {"ff02::1", ADDRESS_INSIDE},
    {"::ffff:10.0.0.1", ADDRESS_INSIDE},
    {"64:ff9b::169.254.169.254", ADDRESS_INSIDE},
    {"2002:7f00:1::1", ADDRESS_LOOPBACK},
    {"2001::1", ADDRESS_INSIDE},
    {"2001:db8::1", ADDRESS_INSIDE},
    {"hub.example", ADDRESS_NONE},
    {"127.1", ADDRESS_NONE},
    {"0x7f000001", ADDRESS_NONE},
    {"", ADDRESS_NONE},
};

static void inside_addresses_are_told_from_public_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
        if (link_address_kind(addresses[i].address) != addresses[i].kind)
            fail_msg("%s", addresses[i].address);
}

static const struct {
    const char *url, *ports;
    bool local;
    enum err_code code;
} rules[] = {
    {"wss://hub.example", "443,8443", false, ERR_NONE},
    {"wss://hub.example:8443", "443, 8443", false, ERR_NONE},
    {"wss://hub.example:22", "443,8443", false, ERR_DENIED},
    {"wss://hub.example:4", "443", false, ERR_DENIED},
    {"ws://hub.example:443", "443", false, ERR_DENIED},
    {"ws://hub.example:9000", "443", true, ERR_NONE},
    {"wss://hub.example:9000", "", true, ERR_NONE},
    {"wss://hub.example", "", false, ERR_DENIED},
};

static void only_listed_ports_and_encrypted_routes_are_dialled(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct link_url url;
        struct err err = {0};
        assert_true(link_url_parse(rules[i].url, &url, &err));
        bool allowed = link_url_allowed(&url, rules[i].local, rules[i].ports, &err);
        assert_int_equal(allowed, rules[i].code == ERR_NONE);
        assert_int_equal(err.code, rules[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_read_as_it_is_dialled),
        cmocka_unit_test(what_is_no_route_is_refused),
        cmocka_unit_test(inside_addresses_are_told_from_public_ones),
        cmocka_unit_test(only_listed_ports_and_encrypted_routes_are_dialled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
