#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

static struct relation find(struct domain_fixture *f)
{
    struct relation relation = {0};
    bool found = false;
    assert_ok(f, relation_find(f->tx.store, peer_node(f), &found, &relation, &f->err));
    assert_true(found);
    assert_ok(f, relation_read_kel(f->tx.store, &relation, &f->err));
    return relation;
}

static enum decision ask(struct domain_fixture *f, struct bytes invite)
{
    const char *const routes[] = {"wss://b.example"};
    enum decision answer = DECISION_NONE;
    assert_ok(f, relation_on_request(&f->tx, peer_node(f), "Ressourcerie", "bonjour", invite,
                                     routes, 1, &answer, &f->err));
    return answer;
}

static void an_invited_hub_waits_until_our_human_accepts(void **state)
{
    struct domain_fixture *f = *state;
    uint8_t secret[INVITE_BYTES];
    make_invite(f, secret);
    assert_int_equal(ask(f, bytes_of(secret, sizeof(secret))), DECISION_WAITING);
    struct relation relation = find(f);
    assert_string_equal(relation_state(&relation), "waiting");
    assert_string_equal(relation.text, "bonjour");
    assert_string_equal(relation.routes[0], "wss://b.example");
    assert_int_equal(relation.switches, 0);
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_ACCEPTED, &f->err));
    relation = find(f);
    assert_true(relation_is_accepted(&relation));
    assert_int_equal(relation.switches, SWITCHES_AFTER_ACCEPT);
    assert_true(count_effects(f, EFFECT_RELATION) > 0);
    assert_true(count_effects(f, EFFECT_EVENT) >= 2);
    /* Asking again, without the secret now, tells the decision. */
    assert_int_equal(ask(f, (struct bytes){0}), DECISION_ACCEPTED);
}

static void the_secret_is_stored_hashed_and_works_once(void **state)
{
    struct domain_fixture *f = *state;
    uint8_t secret[INVITE_BYTES];
    make_invite(f, secret);
    assert_int_equal(query_i64(f, "SELECT length(hash) FROM invite"), 32);
    assert_int_equal(ask(f, bytes_of(secret, sizeof(secret))), DECISION_WAITING);
    AUTO(identity_free)
    struct identity *third = identity_create_memory(&f->random.source, f->tx.now);
    enum decision answer;
    assert_ok(f, relation_on_request(&f->tx, identity_node(third), "Autre", "",
                                     bytes_of(secret, sizeof(secret)), NULL, 0, &answer, &f->err));
    assert_int_equal(answer, DECISION_REFUSED);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM peer"), 1);
}

static void without_a_valid_invite_nothing_is_stored(void **state)
{
    struct domain_fixture *f = *state;
    uint8_t secret[INVITE_BYTES];
    make_invite(f, secret);
    assert_int_equal(ask(f, (struct bytes){0}), DECISION_REFUSED);
    secret[0] ^= 1;
    assert_int_equal(ask(f, bytes_of(secret, sizeof(secret))), DECISION_REFUSED);
    assert_int_equal(ask(f, bytes_of(secret, 3)), DECISION_REFUSED);
    secret[0] ^= 1;
    f->tx.now.ms += (int64_t)INVITE_LIFETIME_S * 1000;
    assert_int_equal(ask(f, bytes_of(secret, sizeof(secret))), DECISION_REFUSED);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM peer"), 0);
    assert_int_equal(count_effects(f, EFFECT_RELATION), 0);
}

/* An invite that the peer made, as its text. */
static void peer_invite(struct domain_fixture *f, char uri[INVITE_TEXT_MAX + 1])
{
    struct tx tx = f->tx;
    tx.self = f->peer;
    const char *const routes[] = {"wss://b.example:8443", "ws://127.0.0.1:9"};
    struct wall expires;
    assert_ok(f, relation_invite(&tx, routes, 2, 1, uri, &expires, &f->err));
    assert_int_equal(expires.ms, f->tx.now.ms + 86400000);
    f->tx.effects = tx.effects;
}

static void joining_keeps_the_secret_until_answered(void **state)
{
    struct domain_fixture *f = *state;
    char uri[INVITE_TEXT_MAX + 1];
    struct node_id node;
    peer_invite(f, uri);
    assert_ok(f, relation_join(&f->tx, uri, true, &node, &f->err));
    assert_true(node_id_equal(&node, peer_node(f)));
    assert_ok(f, relation_set_greeting(&f->tx, &node, "nous sommes voisins", &f->err));
    struct relation relation = find(f);
    assert_string_equal(relation_state(&relation), "requested");
    assert_true(relation.has_invite && relation.local);
    assert_int_equal(relation.route_count, 2);
    assert_string_equal(relation.greeting, "nous sommes voisins");
    assert_ok(f, relation_on_answer(&f->tx, &node, "B", DECISION_WAITING, &f->err));
    relation = find(f);
    assert_true(relation.has_invite);
    assert_string_equal(relation.name, "B");
    assert_ok(f, relation_on_answer(&f->tx, &node, "B", DECISION_ACCEPTED, &f->err));
    relation = find(f);
    assert_false(relation.has_invite);
    assert_true(relation_is_accepted(&relation));
    assert_int_equal(relation.switches, SWITCHES_AFTER_ACCEPT);
    /* The same answer again changes nothing. */
    size_t before = f->tx.effects.count;
    assert_ok(f, relation_on_answer(&f->tx, &node, "B", DECISION_ACCEPTED, &f->err));
    assert_int_equal(f->tx.effects.count, before);
}

static void hubs_that_joined_each_other_are_accepted(void **state)
{
    struct domain_fixture *f = *state;
    char uri[INVITE_TEXT_MAX + 1];
    struct node_id node;
    peer_invite(f, uri);
    assert_ok(f, relation_join(&f->tx, uri, false, &node, &f->err));
    assert_int_equal(ask(f, (struct bytes){0}), DECISION_ACCEPTED);
    struct relation relation = find(f);
    assert_true(relation_is_accepted(&relation));
}

static void invites_that_cannot_work_are_refused(void **state)
{
    struct domain_fixture *f = *state;
    char uri[INVITE_TEXT_MAX + 1];
    struct node_id node;
    const char *const routes[] = {"wss://a.example"};
    const char *const bad[] = {"http://a.example"};
    struct wall expires;
    assert_ok(f, relation_invite(&f->tx, routes, 1, 0, uri, &expires, &f->err));
    assert_err(f, ERR_INVALID, relation_join(&f->tx, uri, false, &node, &f->err));
    assert_non_null(strstr(f->err.msg, "our own"));
    assert_err(f, ERR_INVALID, relation_invite(&f->tx, routes, 1, 15, uri, &expires, &f->err));
    assert_err(f, ERR_INVALID, relation_invite(&f->tx, bad, 1, 1, uri, &expires, &f->err));
    assert_err(f, ERR_CONFLICT, relation_invite(&f->tx, NULL, 0, 1, uri, &expires, &f->err));
    peer_invite(f, uri);
    f->tx.now.ms += 86400000;
    assert_err(f, ERR_INVALID, relation_join(&f->tx, uri, false, &node, &f->err));
    assert_non_null(strstr(f->err.msg, "expired"));
}

static void blocking_beats_everything_and_is_told_to_nobody(void **state)
{
    struct domain_fixture *f = *state;
    uint8_t secret[INVITE_BYTES];
    befriend(f);
    const struct oid oid = {{1}};
    assert_ok(f, outbox_add(&f->tx, peer_node(f), 1, BYTES_LITERAL("sealed"), &oid, &oid,
                            (uint64_t)f->tx.now.ms, OUTBOX_FREE_ON_RECEIPT, &f->err));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_BLOCKED, &f->err));
    uint64_t queued = 1;
    assert_ok(f, outbox_count(f->tx.store, peer_node(f), &queued, &f->err));
    assert_int_equal(queued, 0);
    const char *word;
    assert_ok(f, outbox_delivery(f->tx.store, &oid, &word, &f->err));
    assert_string_equal(word, "cancelled");
    make_invite(f, secret);
    assert_int_equal(ask(f, bytes_of(secret, sizeof(secret))), DECISION_REFUSED);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM invite WHERE used_ms = 0"), 1);
    assert_ok(f, relation_on_answer(&f->tx, peer_node(f), "", DECISION_LEFT, &f->err));
    struct relation relation = find(f);
    assert_string_equal(relation_state(&relation), "blocked");
    assert_int_equal(relation.theirs, DECISION_ACCEPTED);
    /* Reversible: unblocking pauses, accepting resumes, the switches are as they were. */
    assert_err(f, ERR_CONFLICT, relation_decide(&f->tx, peer_node(f), DECISION_ACCEPTED, &f->err));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_ACCEPTED, &f->err));
    relation = find(f);
    assert_true(relation_is_accepted(&relation));
}

static void a_stranger_blocked_and_unblocked_is_still_a_stranger(void **state)
{
    struct domain_fixture *f = *state;
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_BLOCKED, &f->err));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err));
    assert_int_equal(ask(f, (struct bytes){0}), DECISION_REFUSED);
    assert_err(f, ERR_CONFLICT, relation_decide(&f->tx, peer_node(f), DECISION_ACCEPTED, &f->err));
}

static const struct {
    const char *why;
    enum decision ours, theirs, to;
    enum err_code code;
} moves[] = {
    {"accepting a request", DECISION_WAITING, DECISION_ACCEPTED, DECISION_ACCEPTED, ERR_NONE},
    {"turning a request down", DECISION_WAITING, DECISION_ACCEPTED, DECISION_LEFT, ERR_NONE},
    {"no pause before acceptance", DECISION_WAITING, DECISION_ACCEPTED, DECISION_PAUSED,
     ERR_CONFLICT},
    {"accepting who never asked", DECISION_PAUSED, DECISION_NONE, DECISION_ACCEPTED, ERR_CONFLICT},
    {"accepting who left", DECISION_WAITING, DECISION_LEFT, DECISION_ACCEPTED, ERR_CONFLICT},
    {"accepting twice", DECISION_ACCEPTED, DECISION_WAITING, DECISION_ACCEPTED, ERR_NONE},
    {"pausing", DECISION_ACCEPTED, DECISION_ACCEPTED, DECISION_PAUSED, ERR_NONE},
    {"resuming", DECISION_PAUSED, DECISION_PAUSED, DECISION_ACCEPTED, ERR_NONE},
    {"leaving", DECISION_ACCEPTED, DECISION_ACCEPTED, DECISION_LEFT, ERR_NONE},
    {"coming back", DECISION_LEFT, DECISION_ACCEPTED, DECISION_ACCEPTED, ERR_NONE},
    {"blocking who left", DECISION_LEFT, DECISION_LEFT, DECISION_BLOCKED, ERR_NONE},
    {"leaving a blocked hub", DECISION_BLOCKED, DECISION_ACCEPTED, DECISION_LEFT, ERR_CONFLICT},
};

static void only_listed_decisions_are_possible(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(f->tx.store, "UPDATE peer SET ours = ?1, theirs = ?2", &f->err);
        assert_non_null(stmt);
        stmt_bind_text(stmt, 1, decision_name(moves[i].ours));
        stmt_bind_text(stmt, 2, decision_name(moves[i].theirs));
        assert_true(stmt_run(stmt, &f->err));
        f->err = (struct err){0};
        bool done = relation_decide(&f->tx, peer_node(f), moves[i].to, &f->err);
        if (done != (moves[i].code == ERR_NONE) || f->err.code != moves[i].code)
            fail_msg("%s: %s", moves[i].why, f->err.msg);
        assert_int_equal(find(f).ours, done ? moves[i].to : moves[i].ours);
    }
}

static void switches_change_one_by_one(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    assert_int_equal(peer_switch_parse("ask-around"), SWITCH_ASK_AROUND);
    assert_int_equal(peer_switch_parse("everything"), 0);
    assert_ok(f, relation_set_switches(&f->tx, peer_node(f), SWITCH_REFERRALS | SWITCH_NOTICES_IN,
                                       SWITCH_REFERRALS, &f->err));
    assert_int_equal(find(f).switches, SWITCH_NOTICES_OUT | SWITCH_REFERRALS);
}

static void peers_are_found_by_name_and_prefix(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    char text[NODE_ID_TEXT];
    struct relation relation;
    node_id_text(peer_node(f), text);
    assert_ok(f, relation_resolve(f->tx.store, text, &relation, &f->err));
    text[6] = '\0';
    assert_ok(f, relation_resolve(f->tx.store, text, &relation, &f->err));
    assert_ok(f, relation_resolve(f->tx.store, "RESSOURCERIE", &relation, &f->err));
    assert_true(node_id_equal(&relation.node, peer_node(f)));
    assert_int_equal(relation.kel.seq, 0); /* verified only when asked for */
    assert_ok(f, relation_read_kel(f->tx.store, &relation, &f->err));
    assert_int_equal(relation.kel.op_count, 1);
    text[5] = '\0';
    assert_err(f, ERR_UNKNOWN, relation_resolve(f->tx.store, text, &relation, &f->err));
    assert_err(f, ERR_UNKNOWN, relation_resolve(f->tx.store, "", &relation, &f->err));
    uint8_t secret[INVITE_BYTES];
    make_invite(f, secret);
    AUTO(identity_free)
    struct identity *third = identity_create_memory(&f->random.source, f->tx.now);
    enum decision answer;
    assert_ok(f, relation_on_request(&f->tx, identity_node(third), "ressourcerie", "",
                                     bytes_of(secret, sizeof(secret)), NULL, 0, &answer, &f->err));
    assert_err(f, ERR_INVALID, relation_resolve(f->tx.store, "Ressourcerie", &relation, &f->err));
    struct relation *list;
    size_t count;
    assert_ok(f, relation_list(f->tx.store, f->tx.arena, &list, &count, &f->err));
    assert_int_equal(count, 2);
}

static void key_logs_are_verified_and_kept_as_received(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    size_t own_count, count;
    const struct bytes *own = identity_kel_events(f->peer, &own_count);
    struct bytes *events;
    assert_ok(
        f, relation_kel_events(f->tx.store, f->tx.arena, peer_node(f), &events, &count, &f->err));
    assert_int_equal(count, own_count);
    for (size_t i = 0; i < count; i++)
        assert_true(bytes_equal(events[i], own[i]));
    assert_int_equal(find(f).kel.seq, own_count);
    assert_ok(f, relation_add_kel(&f->tx, peer_node(f), own, own_count, &f->err));
    const struct bytes *foreign = identity_kel_events(f->self, &count);
    assert_err(f, ERR_PEER, relation_add_kel(&f->tx, peer_node(f), foreign, count, &f->err));
    assert_int_equal(find(f).kel.seq, own_count);
}

static void entries_bring_keys_and_only_newer_ones_count(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    uint8_t key[X25519_KEY_BYTES], expected[X25519_KEY_BYTES];
    assert_err(f, ERR_CONFLICT,
               relation_enc_key(f->tx.store, peer_node(f), f->tx.now, key, &f->err));
    AUTO(seal_key_free) struct seal_key *first = seal_key_create(&f->random.source);
    AUTO(seal_key_free) struct seal_key *second = seal_key_create(&f->random.source);
    send_entry(f, 1, first);
    send_entry(f, 3, second);
    assert_ok(f, relation_enc_key(f->tx.store, peer_node(f), f->tx.now, key, &f->err));
    seal_key_public(second, expected);
    assert_memory_equal(key, expected, sizeof(key));
    Maillon__Hfp__V1__DirectoryEntry old = MAILLON__HFP__V1__DIRECTORY_ENTRY__INIT;
    old.version = 3;
    assert_err(f, ERR_CONFLICT, relation_set_entry(&f->tx, peer_node(f), &old, &f->err));
    /* R-ID-6: past its end too, until they send another; they say so when they cannot open it */
    f->tx.now.ms += (int64_t)22 * 86400000;
    assert_ok(f, relation_enc_key(f->tx.store, peer_node(f), f->tx.now, key, &f->err));
    assert_memory_equal(key, expected, sizeof(key));
}

static void audit_lines_hide_who_acted(void **state)
{
    struct domain_fixture *f = *state;
    f->tx.actor = "camille";
    befriend(f);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit WHERE actor = 'camille'"), 0);
    assert_int_equal(query_i64(f, "SELECT count(DISTINCT actor) FROM audit"
                                  " WHERE length(actor) = 32"),
                     1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit WHERE actor = 'peer'"),
                     2); /* its request and its keys */
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_invited_hub_waits_until_our_human_accepts),
        TEST(the_secret_is_stored_hashed_and_works_once),
        TEST(without_a_valid_invite_nothing_is_stored),
        TEST(joining_keeps_the_secret_until_answered),
        TEST(hubs_that_joined_each_other_are_accepted),
        TEST(invites_that_cannot_work_are_refused),
        TEST(blocking_beats_everything_and_is_told_to_nobody),
        TEST(a_stranger_blocked_and_unblocked_is_still_a_stranger),
        TEST(only_listed_decisions_are_possible),
        TEST(switches_change_one_by_one),
        TEST(peers_are_found_by_name_and_prefix),
        TEST(key_logs_are_verified_and_kept_as_received),
        TEST(entries_bring_keys_and_only_newer_ones_count),
        TEST(audit_lines_hide_who_acted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
