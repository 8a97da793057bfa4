/* Who may sign, when, and under which number: R-OB-7, R-REC-2, F10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/domain/authoring.h"
#include "tests/support/domain_fixture.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

static void assert_barred(struct domain_fixture *f, enum authoring_bar expected)
{
    struct authoring state;
    enum authoring_bar bar;
    assert_ok(f, authoring_check(f->tx.store, f->self, f->tx.now, &state, &bar, &f->err));
    assert_int_equal(bar, expected);
    if (expected == AUTHORING_OPEN)
        assert_ok(f, authoring_allowed(&f->tx, &f->err));
    else
        assert_err(f, ERR_CONFLICT, authoring_allowed(&f->tx, &f->err));
}

static void sign_something(struct domain_fixture *f)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    assert_ok(f, authoring_head(&f->tx, &head, &f->err));
}

static void a_new_hub_signs_in_its_first_incarnation(void **state)
{
    struct domain_fixture *f = *state;
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    uint32_t incarnation;
    assert_barred(f, AUTHORING_OPEN);
    assert_ok(f, authoring_head(&f->tx, &head, &f->err));
    assert_int_equal(head.incarnation, 1);
    assert_int_equal(head.created_s, f->tx.now.ms / 1000);
    assert_memory_equal(head.node.data, identity_node(f->self)->b, NODE_ID_BYTES);
    assert_ok(f, authoring_incarnation(f->tx.store, &incarnation, &f->err));
    assert_int_equal(incarnation, 1);
}

static void a_restored_hub_is_silent_until_its_next_incarnation_r_rec_2(void **state)
{
    struct domain_fixture *f = *state;
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    assert_ok(f, authoring_recover(&f->tx, RECOVERY_RESTORED, &f->err));
    assert_ok(f, authoring_recover(&f->tx, RECOVERY_PEER_AHEAD, &f->err)); /* the first stays */
    struct authoring now;
    assert_ok(f, authoring_read(f->tx.store, &now, &f->err));
    assert_int_equal(now.reason, RECOVERY_RESTORED);
    assert_barred(f, AUTHORING_RECOVERING);
    assert_err(f, ERR_CONFLICT, authoring_head(&f->tx, &head, &f->err));
    assert_non_null(strstr(f->err.msg, "restored from a copy"));
    assert_ok(f, authoring_resume(&f->tx, &f->err));
    assert_barred(f, AUTHORING_OPEN);
    assert_ok(f, authoring_head(&f->tx, &head, &f->err));
    assert_int_equal(head.incarnation, 2);
}

static void an_incarnation_that_a_peer_has_seen_is_never_used_again(void **state)
{
    struct domain_fixture *f = *state;
    uint32_t incarnation;
    assert_ok(f, authoring_recover(&f->tx, RECOVERY_RESTORED, &f->err));
    assert_ok(f, authoring_was(&f->tx, 4, &f->err));
    assert_ok(f, authoring_was(&f->tx, 3, &f->err));
    assert_ok(f, authoring_resume(&f->tx, &f->err));
    assert_ok(f, authoring_incarnation(f->tx.store, &incarnation, &f->err));
    assert_int_equal(incarnation, 5);
}

static void a_clock_before_the_program_is_not_believed_f10(void **state)
{
    struct domain_fixture *f = *state;
    f->tx.now.ms = AUTHORING_NOT_BEFORE_MS;
    assert_barred(f, AUTHORING_OPEN);
    f->tx.now.ms = AUTHORING_NOT_BEFORE_MS - 1;
    assert_barred(f, AUTHORING_CLOCK_EARLY);
}

static void a_clock_that_went_back_is_not_believed_f10(void **state)
{
    struct domain_fixture *f = *state;
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    sign_something(f);
    int64_t signed_ms = f->tx.now.ms / 1000 * 1000;
    f->tx.now.ms = signed_ms - AUTHORING_CLOCK_BACK_MS;
    assert_barred(f, AUTHORING_OPEN);
    assert_ok(f, authoring_head(&f->tx, &head, &f->err));
    assert_int_equal(head.created_s, signed_ms / 1000); /* times never go down all the same */
    f->tx.now.ms -= 1;
    assert_barred(f, AUTHORING_CLOCK_BACK);
    f->tx.now.ms = signed_ms - 365 * DAY_MS + 400 * DAY_MS;
    assert_barred(f, AUTHORING_OPEN);
}

static void peers_say_when_a_clock_is_wrong_f10(void **state)
{
    struct domain_fixture *f = *state;
    assert_ok(f, authoring_clock_compared(&f->tx, AUTHORING_CLOCK_OFF_MS, &f->err));
    assert_barred(f, AUTHORING_OPEN);
    assert_ok(f, authoring_clock_compared(&f->tx, AUTHORING_CLOCK_OFF_MS + 1, &f->err));
    assert_barred(f, AUTHORING_CLOCK_WRONG);
    assert_ok(f, authoring_clock_compared(&f->tx, -AUTHORING_CLOCK_OFF_MS - 1, &f->err));
    assert_barred(f, AUTHORING_CLOCK_WRONG);
    assert_ok(f, authoring_clock_compared(&f->tx, -1000, &f->err));
    assert_barred(f, AUTHORING_OPEN);
}

static void a_right_clock_is_not_held_to_what_a_wrong_one_signed(void **state)
{
    struct domain_fixture *f = *state;
    f->tx.now.ms += 365 * DAY_MS;
    sign_something(f);
    f->tx.now.ms -= 365 * DAY_MS;
    assert_barred(f, AUTHORING_CLOCK_BACK);
    assert_ok(f, authoring_clock_compared(&f->tx, 0, &f->err));
    assert_barred(f, AUTHORING_OPEN);
}

static void a_clock_that_jumped_waits_for_a_peer_when_there_is_one_f10(void **state)
{
    struct domain_fixture *f = *state;
    assert_ok(f, authoring_clock_jumped(&f->tx, &f->err));
    assert_barred(f, AUTHORING_OPEN); /* nobody to ask: the operator set it */
    befriend(f);
    assert_ok(f,
              relation_on_answer(&f->tx, peer_node(f), "Ressourcerie", DECISION_ACCEPTED, &f->err));
    assert_ok(f, authoring_clock_jumped(&f->tx, &f->err));
    assert_barred(f, AUTHORING_CLOCK_JUMPED);
    assert_ok(f, authoring_clock_compared(&f->tx, 0, &f->err));
    assert_barred(f, AUTHORING_OPEN);
    sign_something(f);
    f->tx.now.ms += AUTHORING_SILENT_MS + 1000; /* off for long */
    assert_barred(f, AUTHORING_CLOCK_JUMPED);
    assert_ok(f, authoring_clock_compared(&f->tx, 0, &f->err));
    assert_barred(f, AUTHORING_OPEN);
}

static void versions_of_two_incarnations_never_meet(void **state)
{
    struct domain_fixture *f = *state;
    uint32_t version;
    assert_ok(f, authoring_version(&f->tx, 0, &version, &f->err));
    assert_int_equal(version, 1);
    assert_ok(f, authoring_version(&f->tx, 7, &version, &f->err));
    assert_int_equal(version, 8);
    assert_ok(f, authoring_recover(&f->tx, RECOVERY_RESTORED, &f->err));
    assert_ok(f, authoring_resume(&f->tx, &f->err));
    assert_ok(f, authoring_version(&f->tx, 7, &version, &f->err));
    assert_int_equal(version, AUTHORING_VERSIONS + 1);
    assert_ok(f, authoring_version(&f->tx, version, &version, &f->err));
    assert_int_equal(version, AUTHORING_VERSIONS + 2);
}

static void every_bar_has_words_for_people(void **state)
{
    (void)state;
    assert_null(authoring_words(AUTHORING_OPEN));
    for (int bar = AUTHORING_RECOVERING; bar <= AUTHORING_REVOKED; bar++) {
        assert_non_null(authoring_words((enum authoring_bar)bar));
        assert_true(strlen(authoring_words((enum authoring_bar)bar)) < sizeof(struct err) - 40);
    }
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_hub_signs_in_its_first_incarnation),
        TEST(a_restored_hub_is_silent_until_its_next_incarnation_r_rec_2),
        TEST(an_incarnation_that_a_peer_has_seen_is_never_used_again),
        TEST(a_clock_before_the_program_is_not_believed_f10),
        TEST(a_clock_that_went_back_is_not_believed_f10),
        TEST(peers_say_when_a_clock_is_wrong_f10),
        TEST(a_right_clock_is_not_held_to_what_a_wrong_one_signed),
        TEST(a_clock_that_jumped_waits_for_a_peer_when_there_is_one_f10),
        TEST(versions_of_two_incarnations_never_meet),
        TEST(every_bar_has_words_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
