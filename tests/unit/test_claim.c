/* Claims between hubs that exchange real sealed events: who may what, and what is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/claim_fixture.h"

static void twelve_asked_eight_committed_four_remaining(void **state)
{
    struct claim_world *w = *state;
    post(w, 12, true, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    assert_state(w, &id, 1, CLAIM_PROPOSED);
    pump(w);
    assert_both(w, &id, 1, CLAIM_AGREED);
    struct notice notice = notice_at(w, OWNER);
    assert_int_equal(notice.version, 2); /* told at once */
    gossip(w);
    notice = notice_at(w, 3);
    assert_int_equal(notice.asked, 12);
    assert_int_equal(notice.committed, 8);
    assert_int_equal(notice_remaining(&notice), 4);
    assert_string_equal(claim_at(w, OWNER, &id).pick_up, "porte bleue");
    assert_string_equal(claim_at(w, 1, &id).contact_role, "accueil");
    act(w, 1, &id, ACTION(UNDER_WAY), 0);
    act(w, 1, &id, ACTION(DELIVERED), 7);
    pump(w);
    assert_both(w, &id, 1, CLAIM_DELIVERED);
    assert_int_equal(claim_at(w, OWNER, &id).view.delivered, 7);
    notice = notice_at(w, OWNER);
    assert_int_equal(notice_remaining(&notice), 5);
}

static void who_comes_after_all_is_gone_is_refused(void **state)
{
    struct claim_world *w = *state;
    post(w, 12, true, NULL);
    gossip(w);
    struct oid first = claim_of(w, 1, 8), second = claim_of(w, 2, 8), third = claim_of(w, 3, 4);
    pump(w);
    assert_both(w, &first, 1, CLAIM_AGREED);
    assert_both(w, &second, 2, CLAIM_REFUSED);
    assert_string_equal(claim_at(w, 2, &second).view.reason, "not-enough-left");
    assert_both(w, &third, 3, CLAIM_AGREED);
    struct oid late;
    struct domain_fixture *f = w->hub[2];
    const struct claim_draft draft = {.quantity = 1};
    struct notice stale = notice_at(w, 2);
    assert_ok(f, claim_create(&f->tx, &stale, &draft, &late, &f->err));
    pump(w);
    assert_string_equal(claim_at(w, 2, &late).view.reason, "nothing-left");
    assert_string_equal(notice_status(&(struct notice){.kind = 1,
                                                       .asked = 12,
                                                       .committed = 12,
                                                       .expires_s = UINT64_MAX / 2,
                                                       .created_s = UINT64_MAX / 2},
                                      f->tx.now),
                        "filled");
}

static void the_waiting_list_moves_up_in_order(void **state)
{
    struct claim_world *w = *state;
    char reserve[] = NOTICE_WAITING_LIST;
    post(w, 10, true, reserve);
    gossip(w);
    struct oid first = claim_of(w, 1, 8), second = claim_of(w, 2, 5), third = claim_of(w, 3, 5);
    pump(w);
    assert_both(w, &second, 2, CLAIM_WAITING);
    assert_both(w, &third, 3, CLAIM_WAITING);
    assert_int_equal(notice_at(w, OWNER).committed, 8);
    act(w, 1, &first, ACTION(RELEASE), 0);
    pump(w);
    assert_both(w, &first, 1, CLAIM_RELEASED);
    assert_both(w, &second, 2, CLAIM_AGREED);
    assert_both(w, &third, 3, CLAIM_AGREED);
    assert_int_equal(notice_at(w, OWNER).committed, 10);
}

static void a_person_agrees_to_part_of_a_proposal(void **state)
{
    struct claim_world *w = *state;
    post(w, 6, false, NULL);
    gossip(w);
    struct oid first = claim_of(w, 1, 5), second = claim_of(w, 2, 4);
    pump(w);
    assert_both(w, &first, 1, CLAIM_PROPOSED);
    assert_int_equal(notice_at(w, OWNER).committed, 0); /* holding is not committing */
    act(w, OWNER, &first, ACTION(AGREE), 0);
    struct domain_fixture *o = w->hub[OWNER];
    const struct claim_draft four = {.quantity = 4};
    assert_err(o, ERR_CONFLICT, claim_act(&o->tx, &second, ACTION(AGREE), &four, &o->err));
    assert_non_null(strstr(o->err.msg, "only 1 remain"));
    act(w, OWNER, &second, ACTION(AGREE), 1);
    pump(w);
    assert_both(w, &second, 2, CLAIM_AGREED);
    assert_int_equal(claim_at(w, 2, &second).view.agreed, 1);
    assert_int_equal(notice_at(w, OWNER).committed, 6);
    struct domain_fixture *f = w->hub[1];
    const struct claim_draft none = {0};
    assert_err(f, ERR_DENIED, claim_act(&f->tx, &first, ACTION(AGREE), &none, &f->err));
    assert_err(o, ERR_DENIED, claim_act(&o->tx, &first, ACTION(RELEASE), &none, &o->err));
}

static void a_proposal_lapses_after_its_hold(void **state)
{
    struct claim_world *w = *state;
    struct wall next;
    post(w, 6, false, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 5);
    pump(w);
    advance(w, CLAIM_HOLD_S * INT64_C(1000) - 1);
    struct domain_fixture *o = w->hub[OWNER];
    assert_ok(o, claim_tick(&o->tx, &next, &o->err));
    assert_int_equal(next.ms, o->tx.now.ms + 1);
    advance(w, 1);
    struct claim claim = claim_at(w, 1, &id);
    assert_int_equal(claim_state_now(&claim, w->hub[1]->tx.now), CLAIM_LAPSED);
    assert_ok(o, claim_tick(&o->tx, &next, &o->err));
    assert_int_equal(next.ms, INT64_MAX);
    pump(w);
    assert_both(w, &id, 1, CLAIM_LAPSED);
}

static void what_is_asked_back_is_released_without_an_answer(void **state)
{
    struct claim_world *w = *state;
    struct wall next;
    post(w, 6, true, NULL);
    gossip(w);
    struct oid silent = claim_of(w, 1, 3), busy = claim_of(w, 2, 3);
    pump(w);
    act(w, OWNER, &silent, ACTION(ASK_RELEASE), 0);
    act(w, OWNER, &busy, ACTION(ASK_RELEASE), 0);
    pump(w);
    act(w, 2, &busy, ACTION(UNDER_WAY), 0);
    pump(w);
    advance(w, CLAIM_HOLD_S * INT64_C(1000));
    struct domain_fixture *o = w->hub[OWNER];
    assert_ok(o, claim_tick(&o->tx, &next, &o->err));
    pump(w);
    assert_both(w, &silent, 1, CLAIM_RELEASED);
    assert_both(w, &busy, 2, CLAIM_UNDER_WAY);
    assert_int_equal(notice_at(w, OWNER).committed, 3);
}

static void a_loan_is_extended_and_returned(void **state)
{
    struct claim_world *w = *state;
    post(w, 6, true, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 3);
    pump(w);
    act(w, 1, &id, ACTION(DELIVERED), 0);
    const struct claim_draft longer = {.until_s = (uint64_t)(w->hub[1]->tx.now.ms / 1000) + 86400};
    assert_ok(w->hub[1], claim_act(&w->hub[1]->tx, &id, ACTION(EXTEND), &longer, &w->hub[1]->err));
    pump(w);
    act(w, OWNER, &id, ACTION(AGREE_EXTEND), 0);
    pump(w);
    assert_int_equal(claim_at(w, 1, &id).view.until_s, longer.until_s);
    act(w, OWNER, &id, ACTION(RETURNED), 0);
    pump(w);
    assert_both(w, &id, 1, CLAIM_RETURNED);
    assert_int_equal(notice_at(w, OWNER).committed, 0);
    assert_int_equal(notice_at(w, OWNER).delivered, 3);
}

static void withdrawing_ends_every_claim_and_tells(void **state)
{
    struct claim_world *w = *state;
    post(w, 6, true, NULL);
    gossip(w);
    struct oid agreed = claim_of(w, 1, 3), delivered = claim_of(w, 2, 2);
    pump(w);
    act(w, 2, &delivered, ACTION(DELIVERED), 0);
    pump(w);
    struct oid late = claim_of(w, 3, 1); /* on its way when the notice goes */
    struct domain_fixture *o = w->hub[OWNER];
    assert_ok(o, claim_withdraw_notice(&o->tx, w->uid, "trouvé", &o->err));
    pump(w);
    assert_both(w, &agreed, 1, CLAIM_RELEASED);
    assert_string_equal(claim_at(w, 1, &agreed).view.reason, "withdrawn");
    assert_both(w, &delivered, 2, CLAIM_DELIVERED);
    assert_both(w, &late, 3, CLAIM_REFUSED);
    gossip(w);
    struct oid id;
    struct notice notice = notice_at(w, 3);
    const struct claim_draft draft = {.quantity = 1};
    assert_err(w->hub[3], ERR_CONFLICT,
               claim_create(&w->hub[3]->tx, &notice, &draft, &id, &w->hub[3]->err));
}

static void claims_that_cannot_be_are_refused_here(void **state)
{
    struct claim_world *w = *state;
    struct oid id, again;
    post(w, 6, true, NULL);
    gossip(w);
    struct domain_fixture *f = w->hub[1], *o = w->hub[OWNER];
    struct notice notice = notice_at(w, 1);
    struct claim_draft draft = {.quantity = 7};
    assert_err(f, ERR_CONFLICT, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    draft.quantity = 0;
    assert_err(f, ERR_INVALID, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    draft.quantity = 2;
    assert_err(o, ERR_CONFLICT, claim_create(&o->tx, &notice, &draft, &id, &o->err));
    draft.pick_up = "marie.durand@exemple.fr";
    assert_err(f, ERR_INVALID, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    draft.pick_up = NULL;
    draft.request_key = "once";
    assert_ok(f, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    assert_ok(f, claim_create(&f->tx, &notice, &draft, &again, &f->err));
    assert_true(oid_equal(&id, &again));
    draft.request_key = NULL; /* word for word the same, in the same second: the same object */
    assert_err(f, ERR_CONFLICT, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    assert_non_null(strstr(f->err.msg, "said a moment ago"));
    assert_ok(f, relation_set_switches(&f->tx, node(w, OWNER),
                                       SWITCH_NOTICES_IN | SWITCH_NOTICES_OUT, 0, &f->err));
    assert_err(f, ERR_DENIED, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    assert_err(f, ERR_UNKNOWN,
               claim_act(&f->tx, &(struct oid){{9}}, ACTION(RELEASE), &draft, &f->err));
}

#define CELL(name) \
    cmocka_unit_test_setup_teardown(name, claim_fixture_setup, claim_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL(twelve_asked_eight_committed_four_remaining),
        CELL(who_comes_after_all_is_gone_is_refused),
        CELL(the_waiting_list_moves_up_in_order),
        CELL(a_person_agrees_to_part_of_a_proposal),
        CELL(a_proposal_lapses_after_its_hold),
        CELL(what_is_asked_back_is_released_without_an_answer),
        CELL(a_loan_is_extended_and_returned),
        CELL(withdrawing_ends_every_claim_and_tells),
        CELL(claims_that_cannot_be_are_refused_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
