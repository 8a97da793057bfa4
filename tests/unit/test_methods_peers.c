/* The calls of service Peers, straight on their table. */
#include "maillon/api/v1/peers.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/method_fixture.h"

static int64_t dial_failed_ms, over_limit_ms;

static bool live_peer(void *ctx, const struct node_id *node, struct live_peer *ret)
{
    (void)ctx, (void)node;
    ret->connected = true;
    ret->we_dialled = true;
    ret->dial_failed_ms = dial_failed_ms;
    ret->incoming_ms = dial_failed_ms;
    ret->over_limit_ms = over_limit_ms;
    return true;
}

static bool run(struct domain_fixture *f, const char *url, const char *name, const void *in,
                void **out)
{
    struct config config = {0};
    snprintf(config.url, sizeof(config.url), "%s", url);
    struct api_env env = {.self = f->self, .config = &config, .live = {.peer = live_peer}};
    return run_method(f, &env, ROLE_ADMIN, find_method(methods_peers, name), in, out);
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

/* What a method that takes the peer alone answers; NULL when it refuses. */
static const Maillon__Api__V1__Peer *peer_after(struct domain_fixture *f, const char *method)
{
    char name[] = "Ressourcerie";
    Maillon__Api__V1__GetPeerRequest request = MAILLON__API__V1__GET_PEER_REQUEST__INIT;
    void *out;
    request.id = name;
    return run(f, "", method, &request, &out) ? out : NULL;
}

static const char *state_after(struct domain_fixture *f, const char *method)
{
    const Maillon__Api__V1__Peer *peer = peer_after(f, method);
    return peer ? peer->state : err_code_name(f->err.code);
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
    assert_false(peer->local);
    char local[] = "local";
    set[0] = local; /* who accepted has no invite to say it with */
    request.switches = NULL;
    request.local = true;
    assert_ok(f, run(f, "", "SetPolicy", &request, &out));
    peer = out;
    assert_true(peer->local && peer->switches->referrals);
    set[0] = wrong;
    assert_err(f, ERR_INVALID, run(f, "", "SetPolicy", &request, &out));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

static bool warns(const Maillon__Api__V1__Peer *peer, const char *text)
{
    for (size_t i = 0; i < peer->n_warning; i++) {
        if (strstr(peer->warning[i], text))
            return true;
    }
    return false;
}

static void rse9_a_session_they_opened_does_not_hide_that_our_dialling_fails(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    dial_failed_ms = f->tx.now.ms - 60000;
    over_limit_ms = f->tx.now.ms;
    const Maillon__Api__V1__Peer *peer = peer_after(f, "Get");
    assert_non_null(peer);
    assert_true(peer->connected && peer->they_reach && !peer->we_reach);
    assert_true(warns(peer, "our dialling fails"));
    assert_true(warns(peer, "sends more than this hub takes")); /* F21: the source is visible */
    assert_int_equal(peer->n_lane, 3);
    dial_failed_ms = over_limit_ms = 0;
}

static void a_peer_cut_off_with_open_referrals_is_to_be_phoned(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    assert_ok(f, store_exec(f->tx.store,
                            "INSERT INTO referral (id, oid, peer, is_out, is_open, status,"
                            " business_status, flags, sender_seq, receiver_seq, answer_due_s,"
                            " asked_s, due_s, pending, events, delivery, urgency, feedback,"
                            " exercise, service, service_name, theme, reason, outcome,"
                            " scheduled_s, review_s, created_ms, changed_ms, expires_ms, ended_ms,"
                            " purge_ms, purged_ms, late_stage, next_ms, account)"
                            " SELECT 1, zeroblob(32), node, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0,"
                            " 0, 0, 0, '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0"
                            " FROM peer WHERE name = 'Ressourcerie'",
                            &f->err));
    const Maillon__Api__V1__Peer *peer = peer_after(f, "Get");
    assert_non_null(peer);
    assert_int_equal(peer->n_referral, 1);
    assert_false(peer->referral[0]->phone);
    peer = peer_after(f, "Block");
    assert_non_null(peer);
    assert_true(peer->referral[0]->phone);
    assert_true(warns(peer, "follow up by phone"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_invite_needs_an_address),
        TEST(decisions_change_the_state_people_see),
        TEST(the_policy_changes_only_named_switches),
        TEST(rse9_a_session_they_opened_does_not_hide_that_our_dialling_fails),
        TEST(a_peer_cut_off_with_open_referrals_is_to_be_phoned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
