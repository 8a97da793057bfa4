#include "federation/policy.h"
#include "hub/exchange.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint8_t stream[32];

static struct inbound_item item_of(const char *type, bool begins)
{
    static Maillon__Hfp__V1__Head heads[2];
    maillon__hfp__v1__head__init(&heads[0]);
    maillon__hfp__v1__head__init(&heads[1]);
    heads[1].stream = (ProtobufCBinaryData){sizeof stream, stream};
    return (struct inbound_item){.opened = OPENED_OK,
                                 .object = {.kind = kind_find(type), .head = &heads[!begins]}};
}

static const struct {
    const char *why;
    enum decision ours, theirs;
    unsigned switches;
    const char *type;
    bool begins, passes;
} cases[] = {
    {"a referral with the switch on", DECISION_ACCEPTED, DECISION_ACCEPTED, SWITCH_REFERRALS,
     TYPE_REFERRAL, true, true},
    {"no new referral with the switch off", DECISION_ACCEPTED, DECISION_ACCEPTED, SWITCH_NOTICES_IN,
     TYPE_REFERRAL, true, false},
    {"consent is taken back with the switch off", DECISION_ACCEPTED, DECISION_ACCEPTED, 0,
     TYPE_REFERRAL, false, true},
    {"a notice with the switch on", DECISION_ACCEPTED, DECISION_ACCEPTED, SWITCH_NOTICES_IN,
     TYPE_NOTICE, true, true},
    {"no notice with only notices-out", DECISION_ACCEPTED, DECISION_ACCEPTED, SWITCH_NOTICES_OUT,
     TYPE_NOTICE, true, false},
    {"a claim answers a notice that went out", DECISION_ACCEPTED, DECISION_ACCEPTED,
     SWITCH_NOTICES_OUT, TYPE_CLAIM, true, true},
    {"a receipt needs acceptance only", DECISION_ACCEPTED, DECISION_ACCEPTED, 0, TYPE_RECEIPT, true,
     true},
    {"a directory entry needs acceptance only", DECISION_ACCEPTED, DECISION_ACCEPTED, 0, TYPE_ENTRY,
     true, true},
    {"nothing before they accepted", DECISION_ACCEPTED, DECISION_WAITING, SWITCH_REFERRALS,
     TYPE_REFERRAL, true, false},
    {"nothing before we accepted", DECISION_WAITING, DECISION_ACCEPTED, SWITCH_REFERRALS,
     TYPE_RECEIPT, true, false},
    {"nothing while paused", DECISION_PAUSED, DECISION_ACCEPTED, SWITCH_REFERRALS, TYPE_REFERRAL,
     false, false},
    {"nothing from whom we blocked", DECISION_BLOCKED, DECISION_ACCEPTED, SWITCH_REFERRALS,
     TYPE_REFERRAL, false, false},
};

static void what_passes_is_decided_by_relation_and_switches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct relation relation = {
            .ours = cases[i].ours, .theirs = cases[i].theirs, .switches = cases[i].switches};
        struct inbound_item item = item_of(cases[i].type, cases[i].begins);
        policy_inbound(&relation, &item);
        if ((item.opened == OPENED_OK) != cases[i].passes)
            fail_msg("%s", cases[i].why);
    }
}

/* R-AB-3 as one table: who may do what in each standing. */
static const struct {
    const char *why;
    struct relation relation;
    enum standing standing;
    bool begins, goes_on, fetches, relays, requests;
} standings[] = {
    {"block beats a pause of theirs",
     {.ours = DECISION_BLOCKED, .theirs = DECISION_PAUSED},
     STANDING_BLOCKED,
     false,
     false,
     false,
     false,
     false},
    {"pause beats acceptance and circle",
     {.ours = DECISION_PAUSED, .theirs = DECISION_ACCEPTED, .provenance = PROVENANCE_CIRCLE},
     STANDING_PAUSED,
     false,
     false,
     false,
     false,
     true},
    {"accepted by a person",
     {.ours = DECISION_ACCEPTED, .theirs = DECISION_ACCEPTED},
     STANDING_ACCEPTED,
     true,
     true,
     true,
     true,
     true},
    {"accepted by a circle",
     {.ours = DECISION_ACCEPTED, .theirs = DECISION_ACCEPTED, .provenance = PROVENANCE_CIRCLE},
     STANDING_CIRCLE,
     true,
     true,
     true,
     true,
     true},
    {"suspended: what is open goes on, nothing new",
     {.ours = DECISION_ACCEPTED, .theirs = DECISION_ACCEPTED, .suspended = {1}},
     STANDING_SUSPENDED,
     false,
     true,
     false,
     false,
     true},
    {"30 days later nothing goes on",
     {.ours = DECISION_ACCEPTED,
      .theirs = DECISION_ACCEPTED,
      .suspended = {1},
      .suspension_over = true},
     STANDING_ENDED,
     false,
     false,
     false,
     false,
     true},
    {"an introduction prompts only",
     {.ours = DECISION_WAITING, .theirs = DECISION_ACCEPTED, .provenance = PROVENANCE_INTRODUCED},
     STANDING_ASKED,
     false,
     false,
     false,
     false,
     true},
    {"they left",
     {.ours = DECISION_ACCEPTED, .theirs = DECISION_LEFT},
     STANDING_ENDED,
     false,
     false,
     false,
     false,
     true},
    {"a stranger", {.ours = DECISION_NONE}, STANDING_NONE, false, false, false, false, true},
};

static void rab3_the_strongest_standing_decides_for_every_flow_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(standings); i++) {
        const struct relation *relation = &standings[i].relation;
        if (policy_standing(relation) != standings[i].standing ||
            policy_allows(relation, FLOW_BEGIN_IN) != standings[i].begins ||
            policy_allows(relation, FLOW_BEGIN_OUT) != standings[i].begins ||
            policy_allows(relation, FLOW_GO_ON_IN) != standings[i].goes_on ||
            policy_allows(relation, FLOW_GO_ON_OUT) != standings[i].goes_on ||
            policy_allows(relation, FLOW_FETCH) != standings[i].fetches ||
            policy_allows(relation, FLOW_RELAY) != standings[i].relays ||
            policy_allows(relation, FLOW_REQUEST) != standings[i].requests)
            fail_msg("%s", standings[i].why);
    }
}

static void a_block_says_so_and_everything_else_is_not_accepted(void **state)
{
    (void)state;
    struct relation relation = {.ours = DECISION_BLOCKED, .theirs = DECISION_ACCEPTED};
    struct inbound_item item = item_of(TYPE_REFERRAL, true);
    policy_inbound(&relation, &item);
    assert_int_equal(item.refusal, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BLOCKED);
    relation.ours = DECISION_PAUSED;
    item = item_of(TYPE_REFERRAL, true);
    policy_inbound(&relation, &item);
    assert_int_equal(item.refusal, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_NOT_ACCEPTED);
}

static void rab2_a_suspended_peer_begins_nothing_and_goes_on(void **state)
{
    (void)state;
    struct relation relation = {
        .ours = DECISION_ACCEPTED, .theirs = DECISION_ACCEPTED, .suspended = {1}, .switches = ~0u};
    struct inbound_item item = item_of(TYPE_REFERRAL, true);
    policy_inbound(&relation, &item);
    assert_int_equal(item.opened, OPENED_REFUSED);
    item = item_of(TYPE_REFERRAL, false);
    policy_inbound(&relation, &item);
    assert_int_equal(item.opened, OPENED_OK);
}

static void what_was_refused_before_stays_refused(void **state)
{
    (void)state;
    struct relation relation = {.ours = DECISION_ACCEPTED, .theirs = DECISION_ACCEPTED};
    struct inbound_item item = {.opened = OPENED_BAD};
    policy_inbound(&relation, &item);
    assert_int_equal(item.opened, OPENED_BAD);
}

static void only_accepted_peers_with_a_route_are_dialled(void **state)
{
    (void)state;
    struct relation relation = {.ours = DECISION_ACCEPTED, .route_count = 1};
    assert_true(policy_dials(&relation));
    relation.theirs = DECISION_LEFT;
    assert_false(policy_dials(&relation));
    relation = (struct relation){.ours = DECISION_ACCEPTED};
    assert_false(policy_dials(&relation));
    relation = (struct relation){.ours = DECISION_PAUSED, .route_count = 1};
    assert_false(policy_dials(&relation));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_passes_is_decided_by_relation_and_switches),
        cmocka_unit_test(rab3_the_strongest_standing_decides_for_every_flow_alike),
        cmocka_unit_test(a_block_says_so_and_everything_else_is_not_accepted),
        cmocka_unit_test(rab2_a_suspended_peer_begins_nothing_and_goes_on),
        cmocka_unit_test(what_was_refused_before_stays_refused),
        cmocka_unit_test(only_accepted_peers_with_a_route_are_dialled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
