/* Referrals between two hubs: sending, every later act, crossings, lists. */
#include "hub/domain/object.h"
#include "hub/domain/relation.h"
#include "tests/support/referral_fixture.h"

static void a_referral_goes_all_the_way(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    assert_int_equal(referral_business_status(&(struct referral[]){get(f->a, &f->id)}[0]), 0);
    assert_int_equal(hub_carry(f->a, f->b), 1);
    same_on_both(f, ST(REQUESTED), B(DELIVERED));
    ACT(f, f->b, .action = A(SEEN));
    ACT(f, f->b, ACCEPTING);
    carry_both(f);
    same_on_both(f, ST(ACCEPTED), 0);
    ACT(f, f->b, .action = A(PROGRESS), .business_status = B(SCHEDULED), .at_s = 1796000000);
    ACT(f, f->a, .action = A(MESSAGE), .text = "Merci beaucoup");
    carry_both(f);
    same_on_both(f, ST(IN_PROGRESS), B(SCHEDULED));
    ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped");
    carry_both(f);
    same_on_both(f, ST(COMPLETED), 0);
    assert_string_equal(get(f->a, &f->id).outcome, "helped");
    ACT(f, f->a, .action = A(PERSON_SAYS), .confirms = true);
    carry_both(f);
    same_on_both(f, ST(COMPLETED), B(PERSON_CONFIRMED));
}

static void the_receiver_reads_what_the_sender_wrote(void **state)
{
    struct fixture *f = *state;
    const Maillon__Hfp__V1__ReferralPayload *payload;
    struct referral_event *events;
    size_t count;
    send_one(f);
    carry_both(f);
    ACT(f, f->b, ACCEPTING);
    carry_both(f);
    struct referral b = get(f->b, &f->id), a = get(f->a, &f->id);
    must(f->b,
         referral_personal(f->b->store, f->b->tx.arena, f->b->self, &b, &payload, &f->b->err));
    assert_string_equal(payload->person->name, NAME);
    assert_string_equal(payload->need, NEED);
    must(f->a,
         referral_events(f->a->store, f->a->tx.arena, f->a->self, &a, &events, &count, &f->a->err));
    assert_int_equal(count, 2);
    assert_string_equal(events[1].payload->contact_name, "Paul");
    assert_int_equal(events[1].verdict, REFERRAL_APPLIED);
    assert_int_equal(events[0].delivery, REFERRAL_STORED);
    must(f->a, referral_events(f->a->store, f->a->tx.arena, NULL, &a, &events, &count, &f->a->err));
    assert_null(events[1].payload);
}

static void the_same_request_key_sends_once(void **state)
{
    struct fixture *f = *state;
    struct oid again;
    f->draft.request_key = "key-1";
    send_one(f);
    must(f->a, referral_send(&f->a->tx, &f->draft, &again, &f->a->err));
    assert_true(oid_equal(&again, &f->id));
    assert_int_equal(hub_carry(f->a, f->b), 1);
    f->draft.account = 2;
    must(f->a, referral_send(&f->a->tx, &f->draft, &again, &f->a->err));
    assert_false(oid_equal(&again, &f->id));
}

static void what_is_missing_is_named_with_what_to_do(void **state)
{
    struct fixture *f = *state;
    struct oid id;
    struct referral_draft good = f->draft;
#define TRY(code, part)                                                                \
    must_fail(f->a, referral_send(&f->a->tx, &f->draft, &id, &f->a->err), code, part); \
    f->draft = good
    f->draft.need = "";
    TRY(ERR_INVALID, "write one sentence");
    f->draft.theme = "";
    TRY(ERR_INVALID, "theme is missing");
    f->draft.person = NULL;
    TRY(ERR_INVALID, "first name or a case code");
    f->draft.consent_field_count = 0;
    TRY(ERR_INVALID, "agreed to share");
    f->draft.consent_form = 0;
    TRY(ERR_INVALID, "consent.form");
    f->draft.consent_until_s = 1;
    TRY(ERR_INVALID, "in the past");
    f->draft.consent_field_count = 2;
    TRY(ERR_DENIED, "does not cover what is sent: name");
    char empty[] = "";
    char *contact = f->person.contact;
    f->person.contact = empty;
    TRY(ERR_INVALID, "one safe way to reach");
    f->person.contact_preference =
        MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_CASEWORKER;
    send_one(f); /* through the caseworker is a way */
    f->person.contact = contact;
    f->draft.has_part_of = true;
    TRY(ERR_INVALID, "part_of");
#undef TRY
}

static void a_relation_without_referrals_is_refused_with_advice(void **state)
{
    struct fixture *f = *state;
    struct oid id;
    must(f->a, relation_set_switches(&f->a->tx, &f->draft.peer, SWITCH_REFERRALS, 0, &f->a->err));
    must_fail(f->a, referral_send(&f->a->tx, &f->draft, &id, &f->a->err), ERR_CONFLICT,
              "switched off");
    must(f->a, relation_decide(&f->a->tx, &f->draft.peer, DECISION_PAUSED, &f->a->err));
    must_fail(f->a, referral_send(&f->a->tx, &f->draft, &id, &f->a->err), ERR_CONFLICT, "paused");
    memset(&f->draft.peer, 9, sizeof(f->draft.peer));
    must_fail(f->a, referral_send(&f->a->tx, &f->draft, &id, &f->a->err), ERR_CONFLICT,
              "join it first");
}

static void an_act_that_is_not_in_the_table_says_what_is(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    must_fail(f->b,
              try_act(f, f->b, (struct referral_act){.action = A(COMPLETE), .outcome = "helped"}),
              ERR_CONFLICT, "now: seen, ask, accept");
    must_fail(f->a, try_act(f, f->a, (struct referral_act){ACCEPTING}), ERR_CONFLICT,
              "cannot be done");
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(ACCEPT), .next_step = "x"}),
              ERR_INVALID, "accept needs contact_name");
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(REJECT), .reason = "nope"}),
              ERR_INVALID, "no-capacity, waitlist-only");
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(HOLD)}), ERR_INVALID,
              "wait_weeks");
    must_fail(f->b, try_act(f, f->b, (struct referral_act){.action = A(SEEN), .text = "x"}),
              ERR_INVALID, "takes no text");
    must_fail(f->a, try_act(f, f->a, (struct referral_act){.action = A(EXPIRE)}), ERR_INVALID,
              "no such act");
}

static void crossing_acts_end_alike_on_both_sides(void **state)
{
    struct fixture *f = *state;
    send_one(f);
    carry_both(f);
    ACT(f, f->a, .action = A(CANCEL), .reason = "situation-solved");
    ACT(f, f->b, ACCEPTING);
    assert_int_equal(get(f->a, &f->id).state.status, ST(CANCELLED));
    carry_both(f);
    same_on_both(f, ST(ACCEPTED), B(CANCELLATION_REQUESTED));
    assert_int_equal(get(f->a, &f->id).ended_ms, 0);
    ACT(f, f->b, .action = A(AGREE_CANCEL));
    carry_both(f);
    same_on_both(f, ST(CANCELLED), 0);
}

static void events_may_arrive_in_any_order(void **state)
{
    static const size_t orders[][4] = {{3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}, {0, 3, 2, 1}};
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct carried items[4];
        send_one(f);
        ACT(f, f->a, .action = A(MESSAGE), .text = "un");
        ACT(f, f->a, .action = A(MESSAGE), .text = "deux");
        ACT(f, f->a, .action = A(CANCEL), .reason = "moved");
        assert_int_equal(hub_take(f->a, f->b, items, 4), 4);
        bool had_refer = false;
        for (size_t j = 0; j < 4; j++) {
            struct disposition d = hub_give(f->a, f->b, &items[orders[i][j]], true);
            had_refer |= orders[i][j] == 0;
            assert_int_equal(d.state, RECEIPT(STORED));
            if (!had_refer)
                assert_true(d.pending);
        }
        same_on_both(f, ST(CANCELLED), 0);
        assert_int_equal(get(f->b, &f->id).state.pending, 0);
        assert_string_equal(get(f->b, &f->id).reason, "moved");
    }
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM referral_event WHERE verdict <> 1"), 0);
    assert_int_equal(hub_query(f->b, "SELECT count(*) FROM object WHERE state <> 1"), 0);
}

static void dates_travel_at_the_highest_feedback_level_only(void **state)
{
    struct fixture *f = *state;
    for (int level = 1; level <= 3; level++) {
        f->draft.feedback = (Maillon__Hfp__V1__FeedbackLevel)level;
        send_one(f);
        carry_both(f);
        ACT(f, f->b, ACCEPTING);
        ACT(f, f->b, .action = A(PROGRESS), .business_status = B(SCHEDULED), .at_s = 1796000000);
        ACT(f, f->b, .action = A(COMPLETE), .outcome = "helped");
        carry_both(f);
        assert_int_equal(get(f->b, &f->id).scheduled_s, 1796000000);
        assert_int_equal(get(f->a, &f->id).scheduled_s, level == 3 ? 1796000000 : 0);
        assert_string_equal(get(f->b, &f->id).outcome, "helped");
        assert_string_equal(get(f->a, &f->id).outcome, level == 1 ? "" : "helped");
    }
}

static void lists_put_late_ones_first_then_what_waits_for_us(void **state)
{
    struct fixture *f = *state;
    struct oid ids[4];
    for (int i = 0; i < 4; i++) {
        f->draft.urgency = (Maillon__Hfp__V1__Urgency)(i == 1 ? 3 : 1);
        ids[i] = send_one(f);
        carry_both(f);
        hub_pair_advance(&f->pair, 1000);
    }
    f->id = ids[3];
    ACT(f, f->b, ACCEPTING);
    hub_pair_advance(&f->pair, 25 * HOUR_MS);
    const size_t expected[] = {1, 2, 0, 3}; /* late; to answer, newest first; the rest */
    struct referral_query query = {.in_or_out = 1, .limit = 3};
    struct referral *rows;
    const char *next;
    size_t count, at = 0;
    do {
        must(f->b, referral_list(f->b->store, f->b->tx.arena, &query, f->b->tx.now, &rows, &count,
                                 &next, &f->b->err));
        for (size_t i = 0; i < count; i++)
            assert_memory_equal(rows[i].oid.b, ids[expected[at++]].b, 32);
        query.before = next;
    } while (next);
    assert_int_equal(at, 4);
    query = (struct referral_query){.in_or_out = 2};
    must(f->b, referral_list(f->b->store, f->b->tx.arena, &query, f->b->tx.now, &rows, &count,
                             &next, &f->b->err));
    assert_int_equal(count, 0);
}

static void ids_may_be_shortened(void **state)
{
    struct fixture *f = *state;
    char id[REFERRAL_ID_TEXT];
    struct referral found;
    send_one(f);
    referral_id_text(&f->id, id);
    must(f->a, referral_resolve(f->a->store, f->a->tx.arena, id, &found, &f->a->err));
    id[7] = '\0';
    must(f->a, referral_resolve(f->a->store, f->a->tx.arena, id, &found, &f->a->err));
    assert_true(oid_equal(&found.oid, &f->id));
    id[5] = '\0';
    must_fail(f->a, referral_resolve(f->a->store, f->a->tx.arena, id, &found, &f->a->err),
              ERR_INVALID, "first 6");
    must_fail(f->a, referral_resolve(f->a->store, f->a->tx.arena, "abcdef", &found, &f->a->err),
              ERR_UNKNOWN, "no referral");
}

static void too_many_open_referrals_are_refused_for_now(void **state)
{
    struct fixture *f = *state;
    struct carried item;
    send_one(f);
    hub_take(f->a, f->b, &item, 1);
    must(f->b, store_exec(f->b->store,
                          "INSERT INTO referral_peer (peer, open_in)"
                          " SELECT node, 10000 FROM peer",
                          &f->b->err));
    struct disposition d = hub_give(f->a, f->b, &item, true);
    assert_int_equal(d.code, REFUSAL(QUOTA));
    assert_false(d.permanent);
    assert_true(d.retry_after_s > 0);
    assert_int_equal(get(f->a, &f->id).delivery, REFERRAL_WAITING);
}

static void open_ones_are_counted(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 3; i++)
        send_one(f);
    carry_both(f);
    assert_int_equal(hub_query(f->b, "SELECT open_in FROM referral_peer"), 3);
    ACT(f, f->b, .action = A(REJECT), .reason = "duplicate");
    assert_int_equal(hub_query(f->b, "SELECT open_in FROM referral_peer"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_referral_goes_all_the_way),
        TEST(the_receiver_reads_what_the_sender_wrote),
        TEST(the_same_request_key_sends_once),
        TEST(what_is_missing_is_named_with_what_to_do),
        TEST(a_relation_without_referrals_is_refused_with_advice),
        TEST(an_act_that_is_not_in_the_table_says_what_is),
        TEST(crossing_acts_end_alike_on_both_sides),
        TEST(events_may_arrive_in_any_order),
        TEST(dates_travel_at_the_highest_feedback_level_only),
        TEST(lists_put_late_ones_first_then_what_waits_for_us),
        TEST(ids_may_be_shortened),
        TEST(too_many_open_referrals_are_refused_for_now),
        TEST(open_ones_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
