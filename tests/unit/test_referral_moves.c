/* The life cycle of a referral as a table: what each act does, and what crossing acts do. */
#include "tests/support/referral_chain.h"

static const struct {
    const char *why;
    int before[6]; /* actions: positive by R, negative by S, after REFER, all seen */
    int action;
    int verdict;
    int status, business;
} cases[] = {
    {"a new referral is requested", {0}, A(SEEN), REFERRAL_APPLIED, ST(REQUESTED), B(SEEN)},
    {"the sender cannot mark it seen", {0}, -A(SEEN), REFERRAL_REFUSED, ST(REQUESTED), 0},
    {"a question is asked", {0}, A(ASK), REFERRAL_APPLIED, ST(REQUESTED), B(NEED_INFO)},
    {"an answer follows a question",
     {A(ASK)},
     -A(ANSWER),
     REFERRAL_APPLIED,
     ST(REQUESTED),
     B(UNDER_REVIEW)},
    {"an answer needs a question", {0}, -A(ANSWER), REFERRAL_REFUSED, ST(REQUESTED), 0},
    {"receiver accepts", {A(SEEN)}, A(ACCEPT), REFERRAL_APPLIED, ST(ACCEPTED), 0},
    {"sender cannot accept", {0}, -A(ACCEPT), REFERRAL_REFUSED, ST(REQUESTED), 0},
    {"accepts from the waiting list", {A(HOLD)}, A(ACCEPT), REFERRAL_APPLIED, ST(ACCEPTED), 0},
    {"does not accept twice", {A(ACCEPT)}, A(ACCEPT), REFERRAL_REFUSED, ST(ACCEPTED), 0},
    {"rejects", {0}, A(REJECT), REFERRAL_APPLIED, ST(REJECTED), 0},
    {"rejects after accepting",
     {A(ACCEPT), A(PROGRESS)},
     A(REJECT),
     REFERRAL_APPLIED,
     ST(REJECTED),
     0},
    {"puts on hold", {A(ACCEPT)}, A(HOLD), REFERRAL_APPLIED, ST(ON_HOLD), B(WAITLISTED)},
    {"reports progress", {A(ACCEPT)}, A(PROGRESS), REFERRAL_APPLIED, ST(IN_PROGRESS), B(SCHEDULED)},
    {"no progress before accepting", {0}, A(PROGRESS), REFERRAL_REFUSED, ST(REQUESTED), 0},
    {"completes", {A(ACCEPT)}, A(COMPLETE), REFERRAL_APPLIED, ST(COMPLETED), 0},
    {"does not complete what it did not accept",
     {0},
     A(COMPLETE),
     REFERRAL_REFUSED,
     ST(REQUESTED),
     0},
    {"fails", {A(ACCEPT), A(PROGRESS)}, A(FAIL), REFERRAL_APPLIED, ST(FAILED), 0},
    {"sender cancels a request", {A(SEEN)}, -A(CANCEL), REFERRAL_APPLIED, ST(CANCELLED), 0},
    {"sender cancels what waits unaccepted",
     {A(HOLD)},
     -A(CANCEL),
     REFERRAL_APPLIED,
     ST(CANCELLED),
     0},
    {"after accepting, cancelling is a request",
     {A(ACCEPT)},
     -A(CANCEL),
     REFERRAL_APPLIED,
     ST(ACCEPTED),
     B(CANCELLATION_REQUESTED)},
    {"on hold after accepting, too",
     {A(ACCEPT), A(HOLD)},
     -A(CANCEL),
     REFERRAL_APPLIED,
     ST(ON_HOLD),
     B(CANCELLATION_REQUESTED)},
    {"receiver agrees to cancel",
     {A(ACCEPT), -A(CANCEL)},
     A(AGREE_CANCEL),
     REFERRAL_APPLIED,
     ST(CANCELLED),
     0},
    {"nothing to agree to", {A(ACCEPT)}, A(AGREE_CANCEL), REFERRAL_REFUSED, ST(ACCEPTED), 0},
    {"or says it is already done",
     {A(ACCEPT), -A(CANCEL)},
     A(COMPLETE),
     REFERRAL_APPLIED,
     ST(COMPLETED),
     0},
    {"the sender's clock runs out", {0}, -A(EXPIRE), REFERRAL_APPLIED, ST(CANCELLED), 0},
    {"but not after accepting", {A(ACCEPT)}, -A(EXPIRE), REFERRAL_REFUSED, ST(ACCEPTED), 0},
    {"consent is withdrawn at the sender",
     {A(ACCEPT)},
     -A(WITHDRAW_CONSENT),
     REFERRAL_APPLIED,
     ST(CANCELLED),
     B(CONSENT_WITHDRAWN)},
    {"consent is withdrawn at the receiver",
     {A(ACCEPT)},
     A(WITHDRAW_CONSENT),
     REFERRAL_APPLIED,
     ST(CANCELLED),
     B(CONSENT_WITHDRAWN)},
    {"not after the end",
     {A(ACCEPT), A(COMPLETE)},
     -A(WITHDRAW_CONSENT),
     REFERRAL_REFUSED,
     ST(COMPLETED),
     0},
    {"entered in error at any time",
     {A(ACCEPT), A(COMPLETE)},
     -A(VOID),
     REFERRAL_APPLIED,
     ST(ENTERED_IN_ERROR),
     0},
    {"by the sender only", {A(ACCEPT)}, A(VOID), REFERRAL_REFUSED, ST(ACCEPTED), 0},
    {"the person disputes",
     {A(ACCEPT), A(COMPLETE)},
     -A(PERSON_SAYS),
     REFERRAL_APPLIED,
     ST(COMPLETED),
     B(PERSON_DISPUTES)},
    {"not before there is a result",
     {A(ACCEPT)},
     -A(PERSON_SAYS),
     REFERRAL_REFUSED,
     ST(ACCEPTED),
     0},
    {"messages go on after the end", {A(REJECT)}, -A(MESSAGE), REFERRAL_APPLIED, ST(REJECTED), 0},
    {"completed stays so",
     {A(ACCEPT), A(COMPLETE)},
     -A(CANCEL),
     REFERRAL_REFUSED,
     ST(COMPLETED),
     0},
    {"the purge is told", {A(REJECT)}, A(PURGED), REFERRAL_APPLIED, ST(REJECTED), 0},
    {"no second REFER", {0}, -A(REFER), REFERRAL_REFUSED, ST(REQUESTED), 0},
};

static void each_row_of_the_life_cycle_holds(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chain chain = {0};
        struct referral_state state;
        enum referral_verdict verdicts[EVENTS_MAX];
        add(&chain, S, A(REFER), 0);
        for (size_t j = 0; cases[i].before[j]; j++)
            say(&chain, cases[i].before[j]);
        say(&chain, cases[i].action);
        referral_evaluate(chain.events, chain.count, &state, verdicts);
        if ((int)verdicts[chain.count - 1] != cases[i].verdict ||
            (int)state.status != cases[i].status || (int)state.business_status != cases[i].business)
            fail_msg("%s: verdict %d, status %d, business %d", cases[i].why,
                     (int)verdicts[chain.count - 1], (int)state.status, (int)state.business_status);
    }
}

static const struct {
    const char *why;
    int before[4];
    int receiver, sender; /* actions that cross */
    int status, business;
    unsigned flags;
} crossed[] = {
    {"withdrawal beats completing",
     {A(ACCEPT)},
     A(COMPLETE),
     A(WITHDRAW_CONSENT),
     ST(CANCELLED),
     B(CONSENT_WITHDRAWN),
     REFERRAL_ACCEPTED_ONCE},
    {"withdrawal beats accepting",
     {0},
     A(ACCEPT),
     A(WITHDRAW_CONSENT),
     ST(CANCELLED),
     B(CONSENT_WITHDRAWN),
     REFERRAL_ACCEPTED_ONCE},
    {"the receiver's withdrawal beats a void",
     {0},
     A(WITHDRAW_CONSENT),
     A(VOID),
     ST(CANCELLED),
     B(CONSENT_WITHDRAWN),
     0},
    {"the receiver's withdrawal beats a cancel",
     {0},
     A(WITHDRAW_CONSENT),
     A(CANCEL),
     ST(CANCELLED),
     B(CONSENT_WITHDRAWN),
     0},
    {"void beats completing",
     {A(ACCEPT)},
     A(COMPLETE),
     A(VOID),
     ST(ENTERED_IN_ERROR),
     0,
     REFERRAL_ACCEPTED_ONCE},
    {"a refusal stands against a cancel", {0}, A(REJECT), A(CANCEL), ST(REJECTED), 0, 0},
    {"a service given stands against a cancel",
     {A(ACCEPT)},
     A(COMPLETE),
     A(CANCEL),
     ST(COMPLETED),
     0,
     REFERRAL_ACCEPTED_ONCE},
    {"a failure stands against a cancel",
     {A(ACCEPT)},
     A(FAIL),
     A(CANCEL),
     ST(FAILED),
     0,
     REFERRAL_ACCEPTED_ONCE},
    {"a refusal stands against expiry", {0}, A(REJECT), A(EXPIRE), ST(REJECTED), 0, 0},
    {"accepting stands, cancel becomes a request",
     {0},
     A(ACCEPT),
     A(CANCEL),
     ST(ACCEPTED),
     B(CANCELLATION_REQUESTED),
     REFERRAL_ACCEPTED_ONCE | REFERRAL_CANCEL_REQUESTED},
    {"accepting stands against expiry",
     {0},
     A(ACCEPT),
     A(EXPIRE),
     ST(ACCEPTED),
     B(CANCELLATION_REQUESTED),
     REFERRAL_ACCEPTED_ONCE | REFERRAL_CANCEL_REQUESTED},
    {"seen stands",
     {0},
     A(SEEN),
     A(CANCEL),
     ST(REQUESTED),
     B(CANCELLATION_REQUESTED),
     REFERRAL_CANCEL_REQUESTED},
    {"on hold stands",
     {0},
     A(HOLD),
     A(CANCEL),
     ST(ON_HOLD),
     B(CANCELLATION_REQUESTED),
     REFERRAL_CANCEL_REQUESTED},
    {"progress stands",
     {A(ACCEPT)},
     A(PROGRESS),
     A(CANCEL),
     ST(IN_PROGRESS),
     B(CANCELLATION_REQUESTED),
     REFERRAL_ACCEPTED_ONCE | REFERRAL_CANCEL_REQUESTED},
    {"an answer gives way to accepting",
     {A(ASK)},
     A(ACCEPT),
     A(ANSWER),
     ST(ACCEPTED),
     0,
     REFERRAL_ACCEPTED_ONCE},
    {"an answer gives way to seen", {A(ASK)}, A(SEEN), A(ANSWER), ST(REQUESTED), B(SEEN), 0},
    {"a second question stays open",
     {A(ASK)},
     A(ASK),
     A(ANSWER),
     ST(REQUESTED),
     B(NEED_INFO),
     REFERRAL_QUESTION_OPEN},
    {"messages disturb nothing", {0}, A(MESSAGE), A(CANCEL), ST(CANCELLED), 0, 0},
};

static void crossing_events_follow_the_fixed_table(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(crossed); i++) {
        struct chain chain = {0};
        struct referral_state state;
        add(&chain, S, A(REFER), 0);
        for (size_t j = 0; crossed[i].before[j]; j++)
            say(&chain, crossed[i].before[j]);
        size_t sent = chain.own[S], received = chain.own[R];
        add(&chain, R, (Maillon__Hfp__V1__ReferralAction)crossed[i].receiver, sent);
        add(&chain, S, (Maillon__Hfp__V1__ReferralAction)crossed[i].sender, received);
        referral_evaluate(chain.events, chain.count, &state, NULL);
        if ((int)state.status != crossed[i].status ||
            (int)state.business_status != crossed[i].business || state.flags != crossed[i].flags)
            fail_msg("%s: status %d, business %d, flags %u", crossed[i].why, (int)state.status,
                     (int)state.business_status, state.flags);
        try_all_orders(&chain);
    }
}

static void every_pair_of_crossing_acts_gives_one_state(void **unused)
{
    static const int starts[][4] = {
        {0},
        {A(ASK)},
        {A(ACCEPT)},
        {A(HOLD)},
        {A(ACCEPT), A(HOLD)},
        {A(ACCEPT), -A(CANCEL)},
        {A(ACCEPT), A(COMPLETE)},
    };
    (void)unused;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++)
        for (int r = 2; r <= A(PURGED); r++)
            for (int s = 2; s <= A(PURGED); s++) {
                struct chain chain = {0};
                add(&chain, S, A(REFER), 0);
                for (size_t j = 0; starts[i][j]; j++)
                    say(&chain, starts[i][j]);
                size_t sent = chain.own[S], received = chain.own[R];
                add(&chain, R, (Maillon__Hfp__V1__ReferralAction)r, sent);
                add(&chain, S, (Maillon__Hfp__V1__ReferralAction)s, received);
                try_all_orders(&chain);
            }
}

static void repeated_events_count_once(void **unused)
{
    struct chain chain = {0};
    struct referral_state once, twice;
    (void)unused;
    add(&chain, S, A(REFER), 0);
    say(&chain, A(ACCEPT));
    referral_evaluate(chain.events, 2, &once, NULL);
    chain.events[2] = chain.events[1];
    chain.events[3] = chain.events[0];
    referral_evaluate(chain.events, 4, &twice, NULL);
    assert_same(&once, &twice);
}

static void the_answer_clock_stands_still_while_a_question_is_open(void **unused)
{
    struct chain chain = {0};
    struct referral_state state;
    (void)unused;
    add(&chain, S, A(REFER), 0);
    struct referral_event_key *ask = say(&chain, A(ASK));
    referral_evaluate(chain.events, 2, &state, NULL);
    assert_int_equal(referral_due_s(&state), ask->created_s + REFERRAL_QUESTION_S);
    struct referral_event_key *answer = say(&chain, -A(ANSWER));
    answer->created_s = ask->created_s + 86400;
    referral_evaluate(chain.events, 3, &state, NULL);
    assert_int_equal(referral_due_s(&state), START_S + 14 * 86400 + 86400);
    say(&chain, A(ACCEPT));
    referral_evaluate(chain.events, 4, &state, NULL);
    assert_int_equal(referral_due_s(&state), 0);
}

static void the_acts_offered_are_the_acts_allowed(void **unused)
{
    struct chain chain = {0};
    struct referral_state state;
    (void)unused;
    add(&chain, S, A(REFER), 0);
    referral_evaluate(chain.events, 1, &state, NULL);
    unsigned receiver = referral_allowed(&state, R), sender = referral_allowed(&state, S);
    assert_true(receiver >> A(ACCEPT) & 1);
    assert_false(receiver >> A(COMPLETE) & 1);
    assert_false(receiver >> A(AGREE_CANCEL) & 1);
    assert_true(sender >> A(CANCEL) & 1);
    assert_false(sender >> A(ANSWER) & 1);
    assert_false(sender >> A(ACCEPT) & 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_of_the_life_cycle_holds),
        cmocka_unit_test(crossing_events_follow_the_fixed_table),
        cmocka_unit_test(every_pair_of_crossing_acts_gives_one_state),
        cmocka_unit_test(repeated_events_count_once),
        cmocka_unit_test(the_answer_clock_stands_still_while_a_question_is_open),
        cmocka_unit_test(the_acts_offered_are_the_acts_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
