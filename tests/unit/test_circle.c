/* Circles: who founds them, who is in, and that every order of events agrees (R-AB-1, F33). */
#include "tests/support/circle_fixture.h"

static void one_steward_founds_and_lets_in_who_asked(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct circle_ask *asks;
    size_t count;
    struct hub *a = &hubs->hub[0];
    assert_int_equal(see(hubs, 0, &scope).ours, CIRCLE_MEMBER);
    join(hubs, &scope, 1);
    carry(hubs);
    OK(a, circle_ask_list(a->store, a->tx.arena, &scope, &asks, &count, &a->err));
    assert_int_equal(count, 1);
    assert_string_equal(asks[0].text, "Bonjour");
    assert_false(is_in(hubs, 0, &scope, 1));
    admit(hubs, &scope, 1);
    OK(a, circle_ask_list(a->store, a->tx.arena, &scope, &asks, &count, &a->err));
    assert_int_equal(count, 0);
    struct circle theirs = see(hubs, 1, &scope);
    assert_int_equal(theirs.ours, CIRCLE_MEMBER);
    assert_int_equal(theirs.member_count, 2);
    assert_string_equal(theirs.principle[1], lines[1]);
    assert_true(is_in(hubs, 1, &scope, 0) && is_in(hubs, 1, &scope, 1));
    bool shares, duty;
    OK(a, circle_share(a->store, node(hubs, 0), node(hubs, 1), &shares, &a->err));
    OK(a, circle_owes_relay(a->store, node(hubs, 1), &duty, &a->err));
    assert_true(shares && duty);
    struct oid *scopes;
    OK(a, circle_scopes_shared(a->store, node(hubs, 1), a->tx.arena, &scopes, &count, &a->err));
    assert_int_equal(count, 1);
    assert_memory_equal(scopes[0].b, scope.b, OID_BYTES);
}

static void who_is_admitted_unasked_is_invited_until_a_person_agrees(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    admit(hubs, &scope, 2);
    assert_int_equal(see(hubs, 2, &scope).ours, CIRCLE_INVITED);
    size_t count;
    struct oid *scopes;
    struct hub *c = &hubs->hub[2];
    OK(c, circle_scopes_own(c->store, c->tx.arena, &scopes, &count, &c->err));
    assert_int_equal(count, 0);
    join(hubs, &scope, 2);
    assert_int_equal(see(hubs, 2, &scope).ours, CIRCLE_MEMBER);
}

static void with_a_threshold_of_two_nothing_happens_before_the_second_signature(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 2, 2);
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    bool done;
    assert_false(see(hubs, 0, &scope).founded);
    carry(hubs);
    assert_false(see(hubs, 1, &scope).founded);
    OK(b, circle_sign(&b->tx, &scope, NULL, &done, &b->err));
    assert_true(done);
    carry(hubs);
    assert_int_equal(see(hubs, 0, &scope).ours, CIRCLE_MEMBER);
    assert_int_equal(see(hubs, 1, &scope).ours, CIRCLE_MEMBER);

    OK(a, circle_admit(&a->tx, &scope, node(hubs, 2), "Épicerie", &done, &a->err));
    assert_false(done);
    carry(hubs);
    assert_false(is_in(hubs, 0, &scope, 2));
    struct circle_proposal *waiting;
    size_t count;
    OK(b, circle_proposal_list(b->store, b->tx.arena, &scope, &waiting, &count, &b->err));
    assert_int_equal(count, 1);
    assert_int_equal(waiting[0].signatures, 1);
    OK(b, circle_sign(&b->tx, &scope, &waiting[0].oid, &done, &b->err));
    assert_true(done);
    carry(hubs);
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_in(hubs, i, &scope, 2));
    /* Who is no steward signs nothing. */
    REFUSED(&hubs->hub[2], ERR_DENIED,
            circle_sign(&hubs->hub[2].tx, &scope, NULL, &done, &hubs->hub[2].err));
}

/* The stored Signed of the newest membership event, with its first signature only. */
static struct bytes strip(struct hub *h, struct bytes object)
{
    Maillon__Hfp__V1__Signed *whole =
        maillon__hfp__v1__signed__unpack(NULL, object.len, object.data);
    size_t count = whole->n_sig;
    whole->n_sig = 1;
    struct bytes bytes = wire_pack_arena(whole, h->tx.arena);
    whole->n_sig = count;
    maillon__hfp__v1__signed__free_unpacked(whole, NULL);
    return bytes;
}

static struct bytes newest_event(struct hub *h)
{
    struct object_row row;
    struct oid oid;
    bool known;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(h->store, "SELECT oid FROM circle_event ORDER BY id DESC LIMIT 1", &h->err);
    OK(h, stmt_next(stmt, &known, &h->err) && known && stmt_copy(stmt, 0, oid.b, OID_BYTES));
    OK(h, object_get(h->store, h->tx.arena, &oid, &known, &row, &h->err));
    assert_true(known);
    return row.bytes;
}

static void a_copy_with_too_few_signatures_neither_counts_nor_poisons(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 2, 2);
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    bool done;
    carry(hubs);
    OK(b, circle_sign(&b->tx, &scope, NULL, &done, &b->err));
    carry(hubs);
    OK(a, circle_admit(&a->tx, &scope, node(hubs, 3), "", &done, &a->err));
    carry_one(hubs, 0, 1);
    OK(b, circle_sign(&b->tx, &scope, NULL, &done, &b->err));
    assert_true(done);
    struct bytes whole = newest_event(b), part = strip(b, whole);
    assert_false(take(hubs, 0, 0, part));
    assert_false(is_in(hubs, 0, &scope, 3));
    assert_true(take(hubs, 0, 0, whole));
    assert_true(is_in(hubs, 0, &scope, 3));
}

struct outcome {
    int64_t in, added, ended, name;
};

static struct outcome outcome(struct hub *h)
{
    return (struct outcome){
        hub_query(h, "SELECT is_in FROM circle_member WHERE added > 0 OR ended > 0"),
        hub_query(h, "SELECT added FROM circle_member WHERE added > 0 OR ended > 0"),
        hub_query(h, "SELECT ended FROM circle_member WHERE added > 0 OR ended > 0"),
        hub_query(h, "SELECT unicode(substr(name, 2)) FROM circle_member WHERE added > 0"),
    };
}

static void run_order(struct hubs *hubs, const struct bytes *events, const unsigned *order,
                      unsigned count, bool twice, struct outcome *ret)
{
    struct hub *a = &hubs->hub[0];
    struct arena *whole = a->tx.arena;
    a->tx.arena = arena_create(0);
    OK(a, store_exec(a->store, "SAVEPOINT this_order", &a->err));
    for (unsigned i = 0; i < count; i++) {
        assert_true(take(hubs, 0, 0, events[order[i]]));
        if (twice)
            assert_true(take(hubs, 0, 0, events[order[i / 2]]));
    }
    *ret = outcome(a);
    OK(a, store_exec(a->store, "ROLLBACK TO this_order", &a->err));
    OK(a, store_exec(a->store, "RELEASE this_order", &a->err));
    a->tx.effects.count = 0;
    arena_free(a->tx.arena);
    a->tx.arena = whole;
}

static bool next_order(unsigned *order, unsigned count)
{
    unsigned i = count - 1, j = count - 1;
    while (i > 0 && order[i - 1] >= order[i])
        i--;
    if (i == 0)
        return false;
    while (order[j] <= order[i - 1])
        j--;
    unsigned swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
    for (j = count - 1; i < j; i++, j--) {
        swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    return true;
}

static void check_log(struct hubs *hubs, const struct oid *scope, const struct log_event *log,
                      unsigned count, bool in)
{
    struct bytes events[7];
    unsigned order[7];
    struct outcome first, now;
    unsigned orders = 0;
    for (unsigned i = 0; i < count; i++) {
        events[i] = sign_event(hubs, scope, &log[i], i);
        order[i] = i;
    }
    do {
        run_order(hubs, events, order, count, orders % 7 == 0, &now);
        if (!orders++)
            first = now;
        assert_memory_equal(&now, &first, sizeof(now));
    } while (next_order(order, count));
    assert_int_equal(first.in, in);
}

static void f33_every_order_of_seven_events_gives_the_same_members_and_remove_wins(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    static const struct log_event stays_out[] = {
        {CHANGE(ADD), 1}, {CHANGE(REMOVE), 1}, {CHANGE(ADD), 2},    {CHANGE(REMOVE), 2},
        {CHANGE(ADD), 1}, {CHANGE(ADD), 2},    {CHANGE(REMOVE), 1},
    };
    static const struct log_event comes_back[] = {
        {CHANGE(ADD), 1}, {CHANGE(REMOVE), 1}, {CHANGE(ADD), 1}, {CHANGE(ADD), 2}, {CHANGE(ADD), 2},
    };
    static const struct log_event skipped[] = {
        {CHANGE(ADD), 1}, {CHANGE(REMOVE), 3}, {CHANGE(ADD), 2}, {CHANGE(ADD), 3}};
    check_log(hubs, &scope, stays_out, 7, false);
    check_log(hubs, &scope, comes_back, 5, true);
    check_log(hubs, &scope, skipped, 4, false);
}

static void f33_a_stale_admission_revives_nobody_and_a_new_term_does(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    bool done;
    join(hubs, &scope, 1);
    carry(hubs);
    admit(hubs, &scope, 1);
    join(hubs, &scope, 2);
    carry(hubs);
    admit(hubs, &scope, 2);
    struct bytes stale = newest_event(a);
    OK(a, circle_remove(&a->tx, &scope, node(hubs, 2), &done, &a->err));
    assert_true(done);
    carry(hubs);
    assert_int_equal(see(hubs, 2, &scope).ours, CIRCLE_REMOVED);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(take(hubs, i, 0, stale));
        assert_false(is_in(hubs, i, &scope, 2));
    }
    /* Another hub gets the removal without the admission: the admission comes too late. */
    struct bytes removal = newest_event(a);
    assert_true(take(hubs, 1, 0, removal));
    assert_false(is_in(hubs, 1, &scope, 2));
    join(hubs, &scope, 2);
    carry(hubs);
    admit(hubs, &scope, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_in(hubs, i, &scope, 2));
}

static void rno9_after_a_removal_nothing_later_counts_and_backdating_fails(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    uint64_t last;
    bool done, valid;
    admit(hubs, &scope, 1);
    OK(a, circle_last_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, &last, &a->err));
    assert_true(last == UINT64_MAX);
    OK(a, circle_remove(&a->tx, &scope, node(hubs, 1), &done, &a->err));
    OK(a, circle_last_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, &last, &a->err));
    assert_int_equal(last, 0); /* it had written nothing here */
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, 1, &valid, &a->err));
    assert_false(valid);
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 3), TYPE_NOTICE, 1, &valid, &a->err));
    assert_false(valid);
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 0), TYPE_NOTICE, 7, &valid, &a->err));
    assert_true(valid);
}

static void leaving_is_one_act_and_everybody_learns_of_it(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *b = &hubs->hub[1];
    join(hubs, &scope, 1);
    carry(hubs);
    admit(hubs, &scope, 1);
    OK(b, circle_leave(&b->tx, &scope, &b->err));
    carry(hubs);
    assert_int_equal(see(hubs, 1, &scope).ours, CIRCLE_LEFT);
    assert_false(is_in(hubs, 0, &scope, 1));
    /* Its return is the stewards' choice and its own. */
    admit(hubs, &scope, 1);
    assert_int_equal(see(hubs, 1, &scope).ours, CIRCLE_INVITED);
}

static void an_amendment_replaces_the_charter_and_ends_a_steward(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 2, 1);
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    bool done;
    carry(hubs);
    join(hubs, &scope, 1);
    carry(hubs);
    assert_int_equal(see(hubs, 1, &scope).ours, CIRCLE_MEMBER);
    OK(b, circle_admit(&b->tx, &scope, node(hubs, 2), "", &done, &b->err));
    carry(hubs);
    struct circle_draft draft = draft_of(hubs, 1, 1);
    draft.name = "Vallée";
    OK(a, circle_amend(&a->tx, &scope, &draft, &done, &a->err));
    assert_true(done);
    /* The former steward does not know yet, and admits another hub under the old charter. */
    OK(b, circle_admit(&b->tx, &scope, node(hubs, 3), "", &done, &b->err));
    assert_true(is_in(hubs, 1, &scope, 3));
    carry(hubs);
    for (unsigned i = 0; i < 2; i++) {
        struct circle circle = see(hubs, i, &scope);
        assert_string_equal(circle.name, "Vallée");
        assert_int_equal(circle.steward_count, 1);
        assert_true(is_in(hubs, i, &scope, 2)); /* admitted before: stays */
        assert_false(is_in(hubs, i, &scope, 3));
        assert_true(is_in(hubs, i, &scope, 1)); /* no steward any more, a member still */
    }
    REFUSED(b, ERR_DENIED, circle_admit(&b->tx, &scope, node(hubs, 3), "", &done, &b->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_steward_founds_and_lets_in_who_asked),
        TEST(who_is_admitted_unasked_is_invited_until_a_person_agrees),
        TEST(with_a_threshold_of_two_nothing_happens_before_the_second_signature),
        TEST(a_copy_with_too_few_signatures_neither_counts_nor_poisons),
        TEST(f33_every_order_of_seven_events_gives_the_same_members_and_remove_wins),
        TEST(f33_a_stale_admission_revives_nobody_and_a_new_term_does),
        TEST(rno9_after_a_removal_nothing_later_counts_and_backdating_fails),
        TEST(leaving_is_one_act_and_everybody_learns_of_it),
        TEST(an_amendment_replaces_the_charter_and_ends_a_steward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
