/* The calls of service Peers, straight on their table. */
#include "hub/api/rpc.h"
#include "maillon/api/v1/peers.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

static bool live_peer(void *ctx, const struct node_id *node, struct live_peer *ret)
{
    (void)ctx, (void)node;
    ret->connected = true;
    ret->we_dialled = true;
    return true;
}

static bool run(struct domain_fixture *f, const char *url, const char *name, const void *in,
                void **out)
{
    struct config config = {0};
    snprintf(config.url, sizeof(config.url), "%s", url);
    struct api_env env = {.self = f->self, .config = &config, .live = {.peer = live_peer}};
    struct call call = {
        .env = &env,
        .tx = &f->tx,
        .store = f->tx.store,
        .arena = f->tx.arena,
        .now = f->tx.now,
        .caller = {.name = "camille", .roles = ROLE_ADMIN},
    };
    f->err = (struct err){0};
    for (const struct method *method = methods_peers; method->name; method++) {
        if (strcmp(method->name, name) == 0)
            return method->run(&call, in, out, &f->err);
    }
    fail_msg("no method %s", name);
    return false;
}

static void an_invite_needs_an_address(void **state)
{
    struct domain_fixture *f = *state;
    Maillon__Api__V1__InviteRequest request = MAILLON__API__V1__INVITE_REQUEST__INIT;
    void *out;
    assert_err(f, ERR_CONFLICT, run(f, "", "Invite", &request, &out));
    assert_non_null(strstr(f->err.msg, "set url in hub.ini"));
    assert_ok(f, run(f, "wss://a.example", "Invite", &request, &out));
    const Maillon__Api__V1__InviteResponse *answer = out;
    assert_true(strncmp(answer->invite, "maillon:1/", 10) == 0);
    assert_string_equal(answer->expires, "2026-12-06T08:00:00.000Z");
    assert_null(f->tx.actor);
}

static const char *state_after(struct domain_fixture *f, const char *method)
{
    char name[] = "Ressourcerie";
    Maillon__Api__V1__GetPeerRequest request = MAILLON__API__V1__GET_PEER_REQUEST__INIT;
    request.id = name;
    void *out;
    if (!run(f, "", method, &request, &out))
        return err_code_name(f->err.code);
    return ((const Maillon__Api__V1__Peer *)out)->state;
}

static void decisions_change_the_state_people_see(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    assert_string_equal(state_after(f, "Get"), "accepted");
    assert_string_equal(state_after(f, "Pause"), "paused");
    assert_string_equal(state_after(f, "Accept"), "accepted");
    assert_string_equal(state_after(f, "Unblock"), "conflict");
    assert_string_equal(state_after(f, "Block"), "blocked");
    assert_string_equal(state_after(f, "Pause"), "conflict");
    assert_string_equal(state_after(f, "Accept"), "conflict");
    assert_string_equal(state_after(f, "Unblock"), "paused");
    assert_string_equal(state_after(f, "Leave"), "left");
}

static void the_policy_changes_only_named_switches(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    char id[] = "Ressourcerie", referrals[] = "referrals", wrong[] = "everything";
    char *set[] = {referrals};
    Maillon__Api__V1__Switches switches = MAILLON__API__V1__SWITCHES__INIT;
    Maillon__Api__V1__SetPolicyRequest request = MAILLON__API__V1__SET_POLICY_REQUEST__INIT;
    switches.referrals = true;
    request.id = id;
    request.switches = &switches;
    void *out;
    assert_err(f, ERR_INVALID, run(f, "", "SetPolicy", &request, &out));
    request.set = set;
    request.n_set = 1;
    assert_ok(f, run(f, "", "SetPolicy", &request, &out));
    const Maillon__Api__V1__Peer *peer = out;
    assert_true(peer->switches->referrals && peer->switches->notices_in);
    assert_true(peer->connected);
    assert_string_equal(peer->direction, "we dialled");
    set[0] = wrong;
    assert_err(f, ERR_INVALID, run(f, "", "SetPolicy", &request, &out));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_invite_needs_an_address),
        TEST(decisions_change_the_state_people_see),
        TEST(the_policy_changes_only_named_switches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
