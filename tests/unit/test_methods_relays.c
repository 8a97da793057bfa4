/* The calls of service Relays, straight on their table. */
#include "hub/domain/relay.h"
#include "maillon/api/v1/relays.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/method_fixture.h"

typedef Maillon__Api__V1__Relay relay_message;

static int setup(void **state)
{
    domain_fixture_setup(state);
    befriend(*state);
    return 0;
}

static bool run(struct domain_fixture *f, const char *name, const char *id, const void **ret)
{
    struct config config = {0};
    struct api_env env = {.self = f->self, .config = &config};
    Maillon__Api__V1__RelayRequest request = MAILLON__API__V1__RELAY_REQUEST__INIT;
    const struct method *method = find_method(methods_relays, name);
    void *out = NULL;
    assert_non_null(method);
    assert_int_equal(method->roles, ROLE_ADMIN);
    request.id = arena_text(f->tx.arena, id);
    bool ran = run_method(f, &env, ROLE_ADMIN, method, &request, &out);
    *ret = out;
    return ran;
}

static const relay_message *change(struct domain_fixture *f, const char *name)
{
    const void *out;
    assert_ok(f, run(f, name, "Ressourcerie", &out));
    assert_null(f->tx.actor);
    return out;
}

static void a_duty_is_allowed_and_refused(void **state)
{
    struct domain_fixture *f = *state;
    const relay_message *relay = change(f, "Allow");
    assert_string_equal(relay->duty, "allowed");
    assert_true(relay->relays_for);
    assert_string_equal(relay->name, "Ressourcerie");
    relay = change(f, "Refuse");
    assert_string_equal(relay->duty, "refused");
    assert_false(relay->relays_for);
}

static void a_home_relay_is_used_and_stopped(void **state)
{
    struct domain_fixture *f = *state;
    const relay_message *relay = change(f, "Use");
    assert_true(relay->home && !relay->granted);
    assert_false(change(f, "Stop")->home);
}

static void what_is_held_is_listed_with_count_bytes_and_age(void **state)
{
    struct domain_fixture *f = *state;
    uint8_t secret[INVITE_BYTES];
    enum decision decision;
    struct relay_deposit deposit = {.injector = {{1}},
                                    .dest = *peer_node(f),
                                    .expires_s = (uint64_t)f->tx.now.ms / 1000 + 3600,
                                    .sealed = BYTES_LITERAL("sealed")};
    enum relay_answer answer;
    uint32_t retry_s;
    const void *out;
    make_invite(f, secret);
    assert_ok(f, relation_on_request(&f->tx, &deposit.injector, "Mairie", "",
                                     bytes_of(secret, sizeof secret), NULL, 0, &decision, &f->err));
    change(f, "Allow");
    assert_ok(f, relay_take(&f->tx, &relay_limits, &deposit, &answer, &retry_s, &f->err));
    assert_int_equal(answer, RELAY_HELD);
    assert_ok(f, run(f, "List", "", &out));
    const Maillon__Api__V1__ListRelaysResponse *list = out;
    assert_int_equal(list->n_relay, 1); /* who only brought something is not listed */
    assert_int_equal(list->relay[0]->held, 1);
    assert_int_equal(list->relay[0]->held_bytes, 6);
    assert_string_equal(list->relay[0]->held_since, "2026-11-22T08:00:00.000Z");
    assert_false(list->dials_only); /* no card was published: nothing is known of that */
}

static void a_hub_without_address_is_counted_its_home_relays(void **state)
{
    struct domain_fixture *f = *state;
    struct card card = {.name = "Hidden"};
    const void *out;
    assert_ok(f, card_set(&f->tx, &card, &f->err));
    change(f, "Use");
    assert_ok(f, run(f, "List", "", &out));
    const Maillon__Api__V1__ListRelaysResponse *list = out;
    assert_true(list->dials_only);
    assert_int_equal(list->home_relays, 0);
    assert_ok(f, relay_set_granted(&f->tx, peer_node(f), true, &f->err));
    assert_ok(f, run(f, "List", "", &out));
    list = out;
    assert_int_equal(list->home_relays, 1);
}

static void an_unknown_peer_is_said_to_be_unknown(void **state)
{
    struct domain_fixture *f = *state;
    const void *out;
    assert_err(f, ERR_UNKNOWN, run(f, "Allow", "nobody", &out));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_duty_is_allowed_and_refused),
        TEST(a_home_relay_is_used_and_stopped),
        TEST(what_is_held_is_listed_with_count_bytes_and_age),
        TEST(a_hub_without_address_is_counted_its_home_relays),
        TEST(an_unknown_peer_is_said_to_be_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
