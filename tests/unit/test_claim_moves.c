/* The life of a claim as data: one table of rules, and the fold over every order of arrival. */
#include "hub/domain/claim_moves.h"
#include "tests/support/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ACTION(name) MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_##name
#define C            CLAIM_BY_CLAIMANT
#define O            CLAIM_BY_OWNER

static const struct {
    const char *why;
    enum claim_state from;
    Maillon__Hfp__V1__ClaimAction action;
    enum claim_party party;
    enum err_code code; /* ERR_NONE: allowed */
    enum claim_state to;
} cases[] = {
    {"a claim begins with a proposal", CLAIM_NONE, ACTION(PROPOSE), C, ERR_NONE, CLAIM_PROPOSED},
    {"or with a commitment", CLAIM_NONE, ACTION(COMMIT), C, ERR_NONE, CLAIM_PROPOSED},
    {"the owner never proposes", CLAIM_NONE, ACTION(PROPOSE), O, ERR_DENIED, CLAIM_NONE},
    {"one begins only once", CLAIM_PROPOSED, ACTION(PROPOSE), C, ERR_CONFLICT, CLAIM_NONE},
    {"the owner agrees", CLAIM_PROPOSED, ACTION(AGREE), O, ERR_NONE, CLAIM_AGREED},
    {"the claimant cannot agree", CLAIM_PROPOSED, ACTION(AGREE), C, ERR_DENIED, CLAIM_NONE},
    {"from the waiting list", CLAIM_WAITING, ACTION(AGREE), O, ERR_NONE, CLAIM_AGREED},
    {"the owner refuses", CLAIM_PROPOSED, ACTION(REFUSE), O, ERR_NONE, CLAIM_REFUSED},
    {"what is agreed is not refused", CLAIM_AGREED, ACTION(REFUSE), O, ERR_CONFLICT, CLAIM_NONE},
    {"on the road", CLAIM_AGREED, ACTION(UNDER_WAY), C, ERR_NONE, CLAIM_UNDER_WAY},
    {"not before an answer", CLAIM_PROPOSED, ACTION(UNDER_WAY), C, ERR_CONFLICT, CLAIM_NONE},
    {"a proposal is taken back", CLAIM_PROPOSED, ACTION(RELEASE), C, ERR_NONE, CLAIM_RELEASED},
    {"the claimant releases", CLAIM_UNDER_WAY, ACTION(RELEASE), C, ERR_NONE, CLAIM_RELEASED},
    {"the owner's hub releases", CLAIM_AGREED, ACTION(RELEASE), O, ERR_NONE, CLAIM_RELEASED},
    {"delivered is not released", CLAIM_DELIVERED, ACTION(RELEASE), C, ERR_CONFLICT, CLAIM_NONE},
    {"the claimant says delivered", CLAIM_AGREED, ACTION(DELIVERED), C, ERR_NONE, CLAIM_DELIVERED},
    {"or the owner", CLAIM_UNDER_WAY, ACTION(DELIVERED), O, ERR_NONE, CLAIM_DELIVERED},
    {"and is corrected", CLAIM_DELIVERED, ACTION(DELIVERED), O, ERR_NONE, CLAIM_DELIVERED},
    {"a loan comes back", CLAIM_DELIVERED, ACTION(RETURNED), O, ERR_NONE, CLAIM_RETURNED},
    {"only what was delivered", CLAIM_AGREED, ACTION(RETURNED), C, ERR_CONFLICT, CLAIM_NONE},
    {"asking changes nothing yet", CLAIM_AGREED, ACTION(ASK_RELEASE), O, ERR_NONE, CLAIM_AGREED},
    {"longer is asked", CLAIM_DELIVERED, ACTION(EXTEND), C, ERR_NONE, CLAIM_DELIVERED},
    {"and agreed", CLAIM_DELIVERED, ACTION(AGREE_EXTEND), O, ERR_NONE, CLAIM_DELIVERED},
    {"released stays so", CLAIM_RELEASED, ACTION(AGREE), O, ERR_CONFLICT, CLAIM_NONE},
    {"lapsed stays so", CLAIM_LAPSED, ACTION(AGREE), O, ERR_CONFLICT, CLAIM_NONE},
    {"no such action", CLAIM_AGREED, (Maillon__Hfp__V1__ClaimAction)77, C, ERR_DENIED, CLAIM_NONE},
};

static void every_rule_of_the_table_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        enum claim_state to = CLAIM_NONE;
        bool ok = claim_next(cases[i].from, cases[i].action, cases[i].party, &to, &err);
        if (ok != (cases[i].code == ERR_NONE) || (!ok && err.code != cases[i].code) ||
            (ok && to != cases[i].to))
            fail_msg("%s: %s %s", cases[i].why, claim_state_name(to), err.msg);
    }
}

static void what_is_not_listed_is_refused(void **state)
{
    (void)state;
    size_t allowed = 0;
    for (unsigned from = 0; from < CLAIM_STATE_COUNT; from++)
        for (unsigned action = 0; action < 20; action++)
            for (unsigned party = 1; party <= 2; party++) {
                struct err err = {0};
                enum claim_state to;
                allowed += claim_next((enum claim_state)from, (Maillon__Hfp__V1__ClaimAction)action,
                                      (enum claim_party)party, &to, &err);
            }
    assert_int_equal(allowed, 29); /* grows only with the table */
}

static struct claim_fact fact(enum claim_party party, Maillon__Hfp__V1__ClaimAction action,
                              uint32_t seen, uint32_t quantity)
{
    return (struct claim_fact){
        .party = party, .action = action, .seen = seen, .quantity = quantity, .created_s = 1000};
}

static void owners_release_is_no_button(void **state)
{
    (void)state;
    assert_false(claim_move_is_manual(CLAIM_AGREED, ACTION(RELEASE), O));
    assert_true(claim_move_is_manual(CLAIM_AGREED, ACTION(RELEASE), C));
    assert_true(claim_move_is_manual(CLAIM_AGREED, ACTION(ASK_RELEASE), O));
}

static void quantities_have_bounds(void **state)
{
    (void)state;
    struct err err = {0};
    struct claim_view view = {0};
    struct claim_fact propose = fact(C, ACTION(PROPOSE), 0, 8), none = propose;
    struct claim_fact agree = fact(O, ACTION(AGREE), 1, 9);
    struct claim_fact delivered = fact(C, ACTION(DELIVERED), 1, 0);
    none.quantity = 0;
    assert_false(claim_step(&view, &none, &err));
    assert_true(claim_step(&view, &propose, &err));
    assert_false(claim_step(&view, &agree, &err)); /* more than wanted */
    agree.quantity = 6;
    assert_true(claim_step(&view, &agree, &err));
    assert_int_equal(claim_counted(&view), 6);
    assert_false(claim_step(&view, &delivered, &err));
    delivered.quantity = 4;
    assert_true(claim_step(&view, &delivered, &err));
    assert_int_equal(claim_counted(&view), 4); /* two are free again */
    delivered.quantity = 7;
    assert_true(claim_step(&view, &delivered, &err));
    assert_int_equal(claim_counted(&view), 6);
    delivered.created_s += CLAIM_CORRECTION_S + 1;
    assert_false(claim_step(&view, &delivered, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void a_place_in_reserve_counts_when_it_is_agreed(void **state)
{
    (void)state;
    struct err err = {0};
    struct claim_view view = {0};
    struct claim_fact commit = fact(C, ACTION(COMMIT), 0, 8), agree = fact(O, ACTION(AGREE), 1, 8);
    agree.waiting_list = true;
    assert_true(claim_step(&view, &commit, &err) && claim_step(&view, &agree, &err));
    assert_int_equal(view.state, CLAIM_WAITING);
    assert_int_equal(claim_counted(&view), 0);
    assert_false(claim_step(&view, &agree, &err)); /* waits already */
    agree.waiting_list = false;
    assert_true(claim_step(&view, &agree, &err));
    assert_int_equal(claim_counted(&view), 8);
}

static const struct { /* two events after PROPOSE, AGREE that did not know each other */
    const char *why;
    Maillon__Hfp__V1__ClaimAction by_claimant, by_owner;
    enum claim_state state;
    uint32_t delivered;
} races[] = {
    {"what was delivered stays delivered", ACTION(DELIVERED), ACTION(RELEASE), CLAIM_DELIVERED, 3},
    {"whoever says so", ACTION(RELEASE), ACTION(DELIVERED), CLAIM_DELIVERED, 5},
    {"the owner has the last word on how much", ACTION(DELIVERED), ACTION(DELIVERED),
     CLAIM_DELIVERED, 5},
    {"a release stands against being on the road", ACTION(UNDER_WAY), ACTION(RELEASE),
     CLAIM_RELEASED, 0},
    {"asked back and released at once", ACTION(RELEASE), ACTION(ASK_RELEASE), CLAIM_RELEASED, 0},
    {"both release", ACTION(RELEASE), ACTION(RELEASE), CLAIM_RELEASED, 0},
};

static void events_that_did_not_know_each_other_have_one_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(races); i++) {
        struct claim_view view;
        const struct claim_fact c[] = {fact(C, ACTION(PROPOSE), 0, 8),
                                       fact(C, races[i].by_claimant, 1, 3)};
        const struct claim_fact o[] = {fact(O, ACTION(AGREE), 1, 8),
                                       fact(O, races[i].by_owner, 1, 5)};
        claim_fold(c, 2, o, 2, &view);
        if (view.state != races[i].state || view.delivered != races[i].delivered)
            fail_msg("%s: %s %u", races[i].why, claim_state_name(view.state), view.delivered);
    }
}

static void a_proposal_taken_back_while_it_is_agreed_is_released(void **state)
{
    (void)state;
    struct claim_view view;
    const struct claim_fact c[] = {fact(C, ACTION(PROPOSE), 0, 8), fact(C, ACTION(RELEASE), 0, 0)};
    const struct claim_fact o[] = {fact(O, ACTION(AGREE), 1, 8)};
    claim_fold(c, 2, o, 1, &view);
    assert_int_equal(view.state, CLAIM_RELEASED);
    assert_int_equal(claim_counted(&view), 0);
}

static void a_refused_event_has_no_effect_and_keeps_its_place(void **state)
{
    (void)state;
    struct claim_view view;
    struct claim_fact c[] = {fact(C, ACTION(PROPOSE), 0, 8), fact(C, ACTION(RELEASE), 1, 0),
                             fact(C, ACTION(UNDER_WAY), 1, 0)};
    const struct claim_fact o[] = {fact(O, ACTION(AGREE), 1, 8)};
    c[1].refused = true;
    claim_fold(c, 3, o, 1, &view);
    assert_int_equal(view.state, CLAIM_UNDER_WAY);
}

/* Two authors who act on what they know at random; each hub knows prefixes that only grow. */
static void any_two_authors_end_with_a_state_the_table_knows(void **state)
{
    (void)state;
    struct fake_random random;
    fake_random_init(&random, 42);
    for (int round = 0; round < 20000; round++) {
        struct claim_fact chain[2][8];
        size_t count[2] = {1, 0}, knows[2] = {0, 0}; /* knows[i]: of the other's chain */
        chain[0][0] = fact(C, random_below(&random.source, 2) ? ACTION(PROPOSE) : ACTION(COMMIT), 0,
                           1 + (uint32_t)random_below(&random.source, 9));
        for (int step = 0; step < 12; step++) {
            struct err err = {0};
            struct claim_view view;
            size_t me = random_below(&random.source, 2), other = 1 - me;
            if (random_below(&random.source, 2) && knows[me] < count[other])
                knows[me]++;
            if (count[me] == 8 || (me == 1 && knows[1] == 0))
                continue;
            size_t n[2];
            n[me] = count[me];
            n[other] = knows[me];
            claim_fold(chain[0], n[0], chain[1], n[1], &view);
            struct claim_fact next = fact(
                me ? O : C, (Maillon__Hfp__V1__ClaimAction)(1 + random_below(&random.source, 11)),
                (uint32_t)knows[me], 1 + (uint32_t)random_below(&random.source, 9));
            if (claim_step(&view, &next, &err))
                chain[me][count[me]++] = next;
        }
        struct claim_view view, again;
        claim_fold(chain[0], count[0], chain[1], count[1], &view);
        claim_fold(chain[0], count[0], chain[1], count[1], &again);
        assert_memory_equal(&view, &again,
                            offsetof(struct claim_view, reason) + sizeof(view.reason));
        assert_in_range(view.state, CLAIM_PROPOSED, CLAIM_LAPSED);
        assert_true(claim_counted(&view) <= view.agreed && view.agreed <= view.quantity);
        for (size_t side = 0; side < 2; side++) /* nobody's delivery is undone */
            for (size_t i = 0; i < count[side]; i++)
                if (chain[side][i].action == ACTION(DELIVERED))
                    assert_true(view.state == CLAIM_DELIVERED || view.state == CLAIM_RETURNED);
    }
}

static void names_are_words_people_know(void **state)
{
    (void)state;
    assert_string_equal(claim_state_name(CLAIM_UNDER_WAY), "under-way");
    assert_string_equal(claim_action_name(ACTION(ASK_RELEASE)), "ask-release");
    assert_null(claim_action_name(ACTION(UNSPECIFIED)));
    assert_null(claim_action_name((Maillon__Hfp__V1__ClaimAction)77));
    assert_true(claim_state_is_open(CLAIM_WAITING));
    assert_false(claim_state_is_open(CLAIM_DELIVERED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_of_the_table_holds),
        cmocka_unit_test(what_is_not_listed_is_refused),
        cmocka_unit_test(owners_release_is_no_button),
        cmocka_unit_test(quantities_have_bounds),
        cmocka_unit_test(a_place_in_reserve_counts_when_it_is_agreed),
        cmocka_unit_test(events_that_did_not_know_each_other_have_one_meaning),
        cmocka_unit_test(a_proposal_taken_back_while_it_is_agreed_is_released),
        cmocka_unit_test(a_refused_event_has_no_effect_and_keeps_its_place),
        cmocka_unit_test(any_two_authors_end_with_a_state_the_table_knows),
        cmocka_unit_test(names_are_words_people_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
