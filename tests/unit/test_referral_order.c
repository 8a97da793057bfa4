/* Every order in which the events of a referral arrive gives the same state; forks and restored
 * hubs too. */
#include "tests/support/fake.h"
#include "tests/support/referral_chain.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_permutations_of_up_to_seven_events_agree),
        cmocka_unit_test(random_orders_of_long_chains_agree),
        cmocka_unit_test(both_hubs_hold_the_same_state_in_the_end),
        cmocka_unit_test(an_event_waits_until_what_it_names_is_there),
        cmocka_unit_test(a_forked_stream_freezes_the_referral_in_every_order),
        cmocka_unit_test(a_later_incarnation_replaces_what_its_author_lost_f24),
        cmocka_unit_test(two_events_at_one_place_of_one_incarnation_are_a_fork_f23),
        cmocka_unit_test(all_permutations_with_two_incarnations_agree_f24),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
