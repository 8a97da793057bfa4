/* The life cycle as a table, and that every arrival order gives the same state. */
#include "hub/domain/referral_moves.h"
#include "tests/support/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after the four above */
#include <cmocka.h>

#define A(x)       REFERRAL_ACTION(x)
#define ST(x)      REFERRAL_STATUS(x)
#define B(x)       REFERRAL_BUSINESS(x)
#define S          REFERRAL_SENDER
#define R          REFERRAL_RECEIVER
#define EVENTS_MAX 40
#define START_S    1000000

/* One chain under construction; `known[side]` is what that side's hub holds. */
struct chain {
    struct referral_event_key events[EVENTS_MAX];
    size_t count;
    size_t own[2];   /* events authored, by side */
    size_t taken[2]; /* of the other side's, by side */
    const struct oid *last[2];
};

static void name_event(struct referral_event_key *event, size_t number)
{
    digest_sha256(bytes_of(&number, sizeof(number)), event->oid.b);
}

static const struct referral_event_key *event_at(const struct chain *chain, enum referral_side side,
                                                 size_t seq)
{
    for (size_t i = 0; i < chain->count; i++)
        if (chain->events[i].side == side && chain->events[i].seq == seq)
            return &chain->events[i];
    return NULL;
}

/* `side` writes, having taken the first `seen` events of the other. */
static struct referral_event_key *add(struct chain *chain, enum referral_side side,
                                      Maillon__Hfp__V1__ReferralAction action, size_t seen)
{
    enum referral_side other = side == S ? R : S;
    struct referral_event_key *event = &chain->events[chain->count];
    *event = (struct referral_event_key){.side = side, .action = action};
    name_event(event, chain->count);
    event->seq = ++chain->own[side];
    event->has_prev = event->seq > 1;
    if (event->has_prev)
        event->prev = event_at(chain, side, event->seq - 1)->oid;
    event->has_seen = seen > 0;
    if (event->has_seen)
        event->seen = event_at(chain, other, seen)->oid;
    event->created_s = START_S + chain->count * 100;
    if (action == A(REFER))
        event->answer_due_s = START_S + 14 * 86400;
    if (action == A(PROGRESS))
        event->business_status = B(SCHEDULED);
    if (action == A(WITHDRAW_CONSENT) || action == A(PERSON_SAYS))
        event->on_behalf = REFERRAL_BEHALF(PERSON);
    chain->count++;
    return event;
}

static void assert_same(const struct referral_state *a, const struct referral_state *b)
{
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->business_status, b->business_status);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->pending, b->pending);
    assert_int_equal(a->answer_due_s, b->answer_due_s);
    for (int side = 0; side < 2; side++) {
        assert_int_equal(a->seq[side], b->seq[side]);
        if (a->seq[side])
            assert_true(oid_equal(&a->head[side], &b->head[side]));
    }
    assert_true(oid_equal(&a->status_event, &b->status_event));
}

/* As a hub does: the short way when it follows all, else everything anew. */
static void arrive(const struct referral_event_key *held, size_t count,
                   struct referral_state *state)
{
    if (referral_extends(state, &held[count - 1]))
        (void)referral_step(state, &held[count - 1]);
    else
        referral_evaluate(held, count, state, NULL);
}

static void take_in_order(const struct chain *chain, const size_t *order,
                          struct referral_state *ret)
{
    struct referral_event_key held[EVENTS_MAX];
    *ret = (struct referral_state){0};
    for (size_t i = 0; i < chain->count; i++) {
        held[i] = chain->events[order[i]];
        arrive(held, i + 1, ret);
    }
}

static size_t try_all_orders(const struct chain *chain)
{
    size_t order[8], counters[8] = {0}, tried = 1;
    struct referral_state whole, now;
    assert_true(chain->count <= 7);
    referral_evaluate(chain->events, chain->count, &whole, NULL);
    for (size_t i = 0; i < chain->count; i++)
        order[i] = i;
    take_in_order(chain, order, &now);
    assert_same(&now, &whole);
    for (size_t i = 0; i < chain->count;) { /* Heap's algorithm */
        if (counters[i] >= i) {
            counters[i++] = 0;
            continue;
        }
        size_t j = i % 2 ? counters[i] : 0, keep = order[j];
        order[j] = order[i];
        order[i] = keep;
        take_in_order(chain, order, &now);
        assert_same(&now, &whole);
        counters[i]++;
        i = 0;
        tried++;
    }
    return tried;
}

/* Two hubs that write whatever they like and hear of each other late. */
static void grow(struct chain *chain, const struct random_source *random, size_t events)
{
    *chain = (struct chain){0};
    add(chain, S, A(REFER), 0);
    while (chain->count < events) {
        enum referral_side side = random_below(random, 2) ? R : S;
        enum referral_side other = side == S ? R : S;
        size_t behind = chain->own[other] - chain->taken[side];
        chain->taken[side] += random_below(random, behind + 1);
        if (side == R && !chain->taken[R])
            chain->taken[R] = 1;
        int action = 2 + (int)random_below(random, 17);
        struct referral_event_key *event =
            add(chain, side, (Maillon__Hfp__V1__ReferralAction)action, chain->taken[side]);
        event->confirms = random_below(random, 2);
    }
}

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

static struct referral_event_key *say(struct chain *chain, int action)
{
    enum referral_side side = action < 0 ? S : R;
    return add(chain, side, (Maillon__Hfp__V1__ReferralAction)abs(action),
               chain->own[side == S ? R : S]);
}

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

static void all_permutations_of_up_to_seven_events_agree(void **unused)
{
    struct fake_random random;
    (void)unused;
    fake_random_init(&random, 20261122);
    size_t tried = 0;
    for (size_t events = 2; events <= 6; events++)
        for (int i = 0; i < 150; i++) {
            struct chain chain;
            grow(&chain, &random.source, events);
            tried += try_all_orders(&chain);
        }
    for (int i = 0; i < 40; i++) {
        struct chain chain;
        grow(&chain, &random.source, 7);
        tried += try_all_orders(&chain);
    }
    assert_true(tried > 250000);
}

static void shuffle(size_t *order, size_t count, const struct random_source *random)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(random, i), keep = order[j];
        order[j] = order[i - 1];
        order[i - 1] = keep;
    }
}

static void random_orders_of_long_chains_agree(void **unused)
{
    struct fake_random random;
    (void)unused;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct chain chain;
        struct referral_state whole, now;
        size_t order[EVENTS_MAX];
        fake_random_init(&random, seed);
        grow(&chain, &random.source, 8 + random_below(&random.source, EVENTS_MAX - 8));
        referral_evaluate(chain.events, chain.count, &whole, NULL);
        assert_int_equal(whole.pending, 0);
        for (int i = 0; i < 20; i++) {
            shuffle(order, chain.count, &random.source);
            take_in_order(&chain, order, &now);
            assert_same(&now, &whole);
        }
    }
}

/* Each hub takes its own events as it writes them and the other's in their order, some later. */
static void take_as_hub(const struct chain *chain, enum referral_side side,
                        const struct random_source *random, struct referral_state *ret)
{
    struct referral_event_key held[EVENTS_MAX];
    enum referral_side other = side == S ? R : S;
    size_t count = 0, own = 0, theirs = 0;
    *ret = (struct referral_state){0};
    while (count < chain->count) {
        const struct referral_event_key *mine = event_at(chain, side, own + 1);
        const struct referral_event_key *next = event_at(chain, other, theirs + 1);
        const struct referral_event_key *seen = NULL;
        for (size_t i = 0; mine && mine->has_seen && i < chain->count; i++)
            if (oid_equal(&chain->events[i].oid, &mine->seen))
                seen = &chain->events[i];
        bool may_write = mine && (!seen || seen->seq <= theirs);
        if (may_write && (!next || random_below(random, 2))) {
            held[count++] = *mine;
            own++;
        } else if (next) {
            held[count++] = *next;
            theirs++;
        }
        arrive(held, count, ret);
    }
}

static void both_hubs_hold_the_same_state_in_the_end(void **unused)
{
    struct fake_random random;
    (void)unused;
    for (uint64_t seed = 1; seed <= 500; seed++) {
        struct chain chain;
        struct referral_state sender, receiver;
        fake_random_init(&random, seed);
        grow(&chain, &random.source, 3 + random_below(&random.source, 20));
        take_as_hub(&chain, S, &random.source, &sender);
        take_as_hub(&chain, R, &random.source, &receiver);
        assert_same(&sender, &receiver);
    }
}

static void an_event_waits_until_what_it_names_is_there(void **unused)
{
    struct chain chain = {0};
    struct referral_state state;
    enum referral_verdict verdicts[EVENTS_MAX];
    (void)unused;
    add(&chain, S, A(REFER), 0);
    say(&chain, A(SEEN));
    say(&chain, A(ACCEPT));
    say(&chain, -A(MESSAGE));
    struct referral_event_key held[] = {chain.events[0], chain.events[2], chain.events[3]};
    referral_evaluate(held, 3, &state, verdicts);
    assert_int_equal(state.status, ST(REQUESTED));
    assert_int_equal(state.pending, 2);
    assert_int_equal(verdicts[1], REFERRAL_PENDING);
    assert_int_equal(verdicts[2], REFERRAL_PENDING);
    referral_evaluate(chain.events, 4, &state, verdicts);
    assert_int_equal(state.status, ST(ACCEPTED));
    assert_int_equal(state.pending, 0);
}

static void a_forked_stream_freezes_the_referral_in_every_order(void **unused)
{
    struct chain chain = {0};
    struct referral_state state;
    enum referral_verdict verdicts[EVENTS_MAX];
    (void)unused;
    add(&chain, S, A(REFER), 0);
    say(&chain, A(SEEN));
    struct referral_event_key *accept = say(&chain, A(ACCEPT));
    say(&chain, -A(MESSAGE));
    struct referral_event_key *other = &chain.events[chain.count++];
    *other = *accept;
    other->action = A(REJECT);
    name_event(other, 99);
    referral_evaluate(chain.events, chain.count, &state, verdicts);
    assert_true(state.flags & REFERRAL_FROZEN);
    assert_int_equal(state.status, ST(REQUESTED));
    assert_int_equal(verdicts[2], REFERRAL_FORKED);
    assert_int_equal(verdicts[3], REFERRAL_PENDING);
    assert_int_equal(verdicts[4], REFERRAL_FORKED);
    assert_int_equal(referral_allowed(&state, R), 0);
    try_all_orders(&chain);
}

/* `side` was restored from a copy with its first `kept` events and goes on in its next incarnation,
 * having taken the first `seen` events of the other. */
static struct referral_event_key *restored(struct chain *chain, enum referral_side side,
                                           size_t kept, uint32_t incarnation,
                                           Maillon__Hfp__V1__ReferralAction action, size_t seen)
{
    size_t own = chain->own[side];
    chain->own[side] = kept;
    struct referral_event_key *event = add(chain, side, action, seen);
    chain->own[side] = own;
    event->incarnation = incarnation;
    return event;
}

static void a_later_incarnation_replaces_what_its_author_lost_f24(void **unused)
{
    struct chain chain = {0};
    struct referral_state state;
    enum referral_verdict verdicts[EVENTS_MAX];
    (void)unused;
    add(&chain, S, A(REFER), 0);
    add(&chain, R, A(SEEN), 1);
    add(&chain, R, A(ACCEPT), 1);
    add(&chain, R, A(PROGRESS), 1);
    add(&chain, S, A(MESSAGE), 3); /* had seen what was lost */
    restored(&chain, R, 1, 2, A(REJECT), 1);
    referral_evaluate(chain.events, chain.count, &state, verdicts);
    assert_int_equal(state.status, ST(REJECTED));
    assert_int_equal(verdicts[1], REFERRAL_APPLIED);
    assert_int_equal(verdicts[2], REFERRAL_LOST);
    assert_int_equal(verdicts[3], REFERRAL_LOST);
    assert_int_equal(verdicts[4], REFERRAL_APPLIED);
    assert_int_equal(verdicts[5], REFERRAL_APPLIED);
    assert_int_equal(state.pending, 0);
    assert_false(state.flags & REFERRAL_FROZEN); /* damage, not malice */
    try_all_orders(&chain);
}

static void two_events_at_one_place_of_one_incarnation_are_a_fork_f23(void **unused)
{
    struct chain chain = {0};
    struct referral_state state;
    (void)unused;
    add(&chain, S, A(REFER), 0);
    add(&chain, R, A(SEEN), 1);
    restored(&chain, R, 1, 2, A(ACCEPT), 1);
    restored(&chain, R, 1, 2, A(REJECT), 1);
    referral_evaluate(chain.events, chain.count, &state, NULL);
    assert_true(state.flags & REFERRAL_FROZEN);
    try_all_orders(&chain);
}

static void all_permutations_with_two_incarnations_agree_f24(void **unused)
{
    struct fake_random random;
    size_t tried = 0;
    (void)unused;
    fake_random_init(&random, 24);
    for (size_t events = 3; events <= 7; events++)
        for (int i = 0; i < (events < 7 ? 120 : 25); i++) {
            struct chain chain;
            struct referral_state whole;
            size_t again = 1 + random_below(&random.source, 2);
            grow(&chain, &random.source, events - again);
            enum referral_side side = random_below(&random.source, 2) ? S : R;
            enum referral_side other = side == S ? R : S;
            size_t kept = (size_t)random_below(&random.source, chain.own[side] + 1);
            if (side == S && !kept)
                kept = 1; /* REFER names the chain: without it there is none to go on with */
            for (size_t n = 0; n < again && chain.count < 7; n++) {
                size_t own = chain.own[side];
                size_t seen = (size_t)random_below(&random.source, chain.own[other] + 1);
                struct referral_event_key *event =
                    restored(&chain, side, kept + n, 2, A(MESSAGE), side == R && !seen ? 1 : seen);
                if (n) { /* follows the one before, of its own incarnation */
                    event->prev = chain.events[chain.count - 2].oid;
                    event->has_prev = true;
                }
                chain.own[side] = own;
            }
            referral_evaluate(chain.events, chain.count, &whole, NULL);
            assert_false(whole.flags & REFERRAL_FROZEN);
            tried += try_all_orders(&chain);
        }
    assert_true(tried > 100000);
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
        cmocka_unit_test(all_permutations_of_up_to_seven_events_agree),
        cmocka_unit_test(random_orders_of_long_chains_agree),
        cmocka_unit_test(both_hubs_hold_the_same_state_in_the_end),
        cmocka_unit_test(an_event_waits_until_what_it_names_is_there),
        cmocka_unit_test(a_forked_stream_freezes_the_referral_in_every_order),
        cmocka_unit_test(a_later_incarnation_replaces_what_its_author_lost_f24),
        cmocka_unit_test(two_events_at_one_place_of_one_incarnation_are_a_fork_f23),
        cmocka_unit_test(all_permutations_with_two_incarnations_agree_f24),
        cmocka_unit_test(repeated_events_count_once),
        cmocka_unit_test(the_answer_clock_stands_still_while_a_question_is_open),
        cmocka_unit_test(the_acts_offered_are_the_acts_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
