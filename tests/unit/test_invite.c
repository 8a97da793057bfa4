#include "hub/domain/invite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static struct invite example(void)
{
    struct invite invite = {.expires_s = 1796544000, .route_count = 2};
    for (size_t i = 0; i < NODE_ID_BYTES; i++)
        invite.node.b[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < INVITE_BYTES; i++)
        invite.secret[i] = (uint8_t)(200 + i);
    snprintf(invite.routes[0], sizeof(invite.routes[0]), "wss://hub.example.org:8443/a%%20b");
    snprintf(invite.routes[1], sizeof(invite.routes[1]), "ws://[fd00::1]:8443");
    return invite;
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct err err = {0};
    struct invite invite = example(), back;
    char uri[INVITE_TEXT_MAX + 1];
    assert_true(invite_write(&invite, uri, &err));
    assert_non_null(strstr(uri, "%2520"));
    assert_true(invite_read(uri, &back, &err));
    assert_true(node_id_equal(&back.node, &invite.node));
    assert_int_equal(back.route_count, 2);
    assert_string_equal(back.routes[0], invite.routes[0]);
    assert_string_equal(back.routes[1], invite.routes[1]);
    assert_int_equal(back.expires_s, invite.expires_s);
    assert_memory_equal(back.secret, invite.secret, INVITE_BYTES);
}

static void a_proxied_hub_says_so(void **state)
{
    (void)state;
    struct err err = {0};
    struct invite invite = example(), back;
    char uri[INVITE_TEXT_MAX + 1];
    assert_true(invite_write(&invite, uri, &err));
    assert_true(invite_read(uri, &back, &err));
    assert_false(back.tls_proxied);
    invite.tls_proxied = true;
    assert_true(invite_write(&invite, uri, &err));
    assert_non_null(strstr(uri, "&p=1&"));
    assert_true(invite_read(uri, &back, &err));
    assert_true(back.tls_proxied);
}

static void line_breaks_of_mail_are_skipped(void **state)
{
    (void)state;
    struct err err = {0};
    struct invite invite = example(), back;
    char uri[INVITE_TEXT_MAX + 1], wrapped[2 * INVITE_TEXT_MAX + 8] = "  ";
    assert_true(invite_write(&invite, uri, &err));
    size_t at = 2;
    for (size_t i = 0; uri[i]; i++) {
        wrapped[at++] = uri[i];
        if (i % 40 == 39) {
            wrapped[at++] = '\r';
            wrapped[at++] = '\n';
        }
    }
    wrapped[at++] = '\n';
    wrapped[at] = '\0';
    assert_true(invite_read(wrapped, &back, &err));
    assert_memory_equal(back.secret, invite.secret, INVITE_BYTES);
}

static void every_cut_and_every_typo_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct invite invite = example(), back;
    char uri[INVITE_TEXT_MAX + 1];
    assert_true(invite_write(&invite, uri, &err));
    for (size_t len = 0; len < strlen(uri); len++) {
        char cut[INVITE_TEXT_MAX + 1];
        memcpy(cut, uri, len);
        cut[len] = '\0';
        err = (struct err){0};
        assert_false(invite_read(cut, &back, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
    for (size_t i = 0; uri[i]; i++) {
        char typo[INVITE_TEXT_MAX + 1];
        memcpy(typo, uri, sizeof(typo));
        typo[i] = typo[i] == 'x' ? 'y' : 'x';
        err = (struct err){0};
        assert_false(invite_read(typo, &back, &err));
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void messages_say_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "not an invite"},
        {"https://hub.example.org", "not an invite"},
        {"maillon:2/abc", "another version"},
        {"maillon:11/abc", "another version"},
        {"maillon:", "cut short"},
        {"maillon:1/abc?r=wss://a&e=1", "from the # on"},
        {"maillon:1/abc?r=wss://a&e=1#aaaa", "26 characters are missing"},
        {"maillon:1/abc?r=wss://a&e=1#aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "check characters"},
        {"maillon:1/abc?r=wss://a&e=1#aaaaaaaaaaaaaaaaaaaaaaaaaaaaaabb", "2 characters too many"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        struct invite back;
        assert_false(invite_read(cases[i].text, &back, &err));
        if (!strstr(err.msg, cases[i].says))
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i].text, err.msg, cases[i].says);
    }
}

static void longest_invite_is_300_characters(void **state)
{
    (void)state;
    struct err err = {0};
    struct invite invite = example(), back;
    char uri[INVITE_TEXT_MAX + 1];
    invite.route_count = 1;
    snprintf(invite.routes[0], sizeof(invite.routes[0]), "wss://a");
    assert_true(invite_write(&invite, uri, &err));
    size_t room = INVITE_TEXT_MAX - strlen(uri), len = strlen(invite.routes[0]);
    assert_true(len + room <= ROUTE_BYTES_MAX);
    memset(invite.routes[0] + len, 'a', room);
    invite.routes[0][len + room] = '\0';
    assert_true(invite_write(&invite, uri, &err));
    assert_int_equal(strlen(uri), INVITE_TEXT_MAX);
    assert_true(invite_read(uri, &back, &err));
    invite.routes[0][len + room] = 'a';
    invite.routes[0][len + room + 1] = '\0';
    assert_false(invite_write(&invite, uri, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

static void routes_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {
        "wss://hub.example.org", "wss://hub.example.org:8443/maillon",
        "ws://127.0.0.1:9000",   "wss://[2001:db8::1]:8443",
        "ws://localhost",        "wss://a/b~c_d-e.f%20",
    };
    static const char *const bad[] = {
        "",           "https://a", "wss://",    "wss://:80", "wss://a:0",      "wss://a:65536",
        "wss://a:",   "wss://a b", "wss://u@a", "wss://a?x", "wss://a/#x",     "wss://a/\n",
        "wss://[::1", "wss://[]",  "wss://-a",  "wss://a\"", "wss://\xc3\xa9", "WSS://a",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(route_is_valid(good[i]));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (route_is_valid(bad[i]))
            fail_msg("\"%s\" passes", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_proxied_hub_says_so),
        cmocka_unit_test(line_breaks_of_mail_are_skipped),
        cmocka_unit_test(every_cut_and_every_typo_is_refused),
        cmocka_unit_test(messages_say_what_is_wrong),
        cmocka_unit_test(longest_invite_is_300_characters),
        cmocka_unit_test(routes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
