/* The clocks of a referral: reminders, expiry, and warnings while it does not arrive. */
#include "hub/domain/relation.h"
#include "tests/support/referral_fixture.h"

static int64_t late_events(struct hub *hub)
{
    return hub_query(hub, "SELECT count(*) FROM event WHERE verb = 'late'");
}

static void both_are_reminded_at_half_and_at_the_end_of_the_clock(void **state)
{
    struct fixture *f = *state;
    struct wall next;
    send_one(f);
    carry_both(f);
    must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
    assert_int_equal(next.ms, f->a->tx.now.ms + 7 * DAY_MS);
    hub_pair_advance(&f->pair, 7 * DAY_MS);
    tick(f);
    tick(f);
    assert_int_equal(late_events(f->a), 1);
    assert_false(referral_is_late(&(struct referral[]){get(f->b, &f->id)}[0], f->b->tx.now));
    hub_pair_advance(&f->pair, 7 * DAY_MS + 1000);
    tick(f);
    tick(f);
    assert_int_equal(late_events(f->a), 2);
    assert_int_equal(late_events(f->b), 2);
    assert_true(referral_is_late(&(struct referral[]){get(f->b, &f->id)}[0], f->b->tx.now));
}

static void without_an_answer_it_expires_by_its_urgency(void **state)
{
    static const struct {
        int urgency;
        int64_t days;
    } clocks[] = {{0, 30}, {1, 30}, {2, 14}, {3, 3}};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
        f->draft.urgency = (Maillon__Hfp__V1__Urgency)clocks[i].urgency;
        send_one(f);
        carry_both(f);
        hub_pair_advance(&f->pair, clocks[i].days * DAY_MS - 2000);
        tick(f);
        assert_int_equal(get(f->a, &f->id).state.status, ST(REQUESTED));
        hub_pair_advance(&f->pair, 4000);
        tick(f);
        carry_both(f);
        same_on_both(f, ST(CANCELLED), 0);
        assert_string_equal(get(f->b, &f->id).reason, "no-response");
    }
}

static const struct relation le_102 = {.name = "Le 102", .phone = "02 99 00 00 00"};

static void an_undelivered_referral_says_so(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    must(f->a, referral_on_expired(&f->a->tx, &f->draft.peer, &f->id, &f->a->err));
    struct referral a = get(f->a, &f->id);
    assert_int_equal(a.delivery, REFERRAL_UNDELIVERED);
    const char *words = referral_next_words(f->a->tx.arena, &a, &le_102, f->a->tx.now);
    assert_string_equal(words, "Non remise : appelez Le 102 au 02 99 00 00 00.");
}

static int64_t told_waiting(struct hub *hub)
{
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(hub->store, "SELECT count(*) FROM event WHERE verb = 'waiting'", &hub->err);
    bool row = false;
    assert_true(stmt && stmt_next(stmt, &row, &hub->err));
    return stmt_i64(stmt, 0);
}

/* R-PD-10 */
static void people_are_warned_three_times_while_it_does_not_arrive(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned urgency, hours[3];
    } cases[] = {{1, {24, 72, 168}}, {2, {4, 24, 72}}};
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        int64_t hour = 0, before = told_waiting(f->a);
        f->draft.urgency = (Maillon__Hfp__V1__Urgency)cases[c].urgency;
        f->id = send_one(f);
        for (unsigned i = 0; i < 3; i++) {
            struct wall next;
            hub_pair_advance(&f->pair, (cases[c].hours[i] - hour) * HOUR_MS - 1);
            must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
            assert_int_equal(told_waiting(f->a), before + i);
            hub_pair_advance(&f->pair, 1);
            must(f->a, referral_tick(&f->a->tx, &next, &f->a->err));
            assert_int_equal(told_waiting(f->a), before + i + 1);
            hour = cases[c].hours[i];
        }
        must(f->a, referral_on_expired(&f->a->tx, &f->draft.peer, &f->id, &f->a->err));
    }
}

static void after_the_first_warning_the_words_say_to_call(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    struct referral a = get(f->a, &f->id);
    hub_pair_advance(&f->pair, 25 * HOUR_MS);
    const char *words = referral_next_words(f->a->tx.arena, &a, &le_102, f->a->tx.now);
    assert_string_equal(words, "Toujours pas remise au hub de Le 102 : appelez au 02 99 00 00 00 ; "
                               "les essais continuent.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_are_reminded_at_half_and_at_the_end_of_the_clock),
        TEST(without_an_answer_it_expires_by_its_urgency),
        TEST(an_undelivered_referral_says_so),
        TEST(people_are_warned_three_times_while_it_does_not_arrive),
        TEST(after_the_first_warning_the_words_say_to_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
