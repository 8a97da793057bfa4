/* What people are told about a claim: what to do next, what changed, how a notice ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "hub/domain/waiting.h"
#include "tests/support/claim_fixture.h"

static void what_is_given_back_a_day_before_is_told_apart(void **state)
{
    struct claim_world *w = *state;
    const uint64_t hour_s = 3600;
    struct notice notice = {.expires_s = 100 * hour_s};
    Maillon__Hfp__V1__NoticeContent content;
    struct claim claim = {.view = {.state = CLAIM_RELEASED, .agreed = 5}};
    (void)w;
    maillon__hfp__v1__notice_content__init(&content);
    claim.changed.ms = (int64_t)(77 * hour_s) * 1000; /* 23 h before the end */
    assert_true(claim_is_late_drop(&claim, &notice, &content));
    claim.changed.ms = (int64_t)(75 * hour_s) * 1000;
    assert_false(claim_is_late_drop(&claim, &notice, &content));
    content.available_from_s = 80 * hour_s; /* needed before the end */
    assert_true(claim_is_late_drop(&claim, &notice, &content));
    claim.view.agreed = 0; /* only proposed */
    assert_false(claim_is_late_drop(&claim, &notice, &content));
    claim.view = (struct claim_view){.state = CLAIM_DELIVERED, .agreed = 5};
    assert_false(claim_is_late_drop(&claim, &notice, &content));
}

static void the_next_verb_is_one(void **state)
{
    struct claim_world *w = *state;
    const Maillon__Hfp__V1__NoticeKind need = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SHORTAGE,
                                       loan = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_OFFER;
    post(w, 12, false, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    pump(w);
    struct wall now = w->hub[1]->tx.now;
    struct claim claim = claim_at(w, 1, &id);
    assert_int_equal(claim_next_verb(&claim, need, now), ACTION(UNSPECIFIED)); /* waits */
    claim = claim_at(w, OWNER, &id);
    assert_int_equal(claim_next_verb(&claim, need, now), ACTION(AGREE));
    act(w, OWNER, &id, ACTION(AGREE), 8);
    pump(w);
    claim = claim_at(w, 1, &id);
    assert_int_equal(claim_next_verb(&claim, need, now), ACTION(UNDER_WAY));
    act(w, 1, &id, ACTION(UNDER_WAY), 0);
    pump(w);
    claim = claim_at(w, 1, &id);
    assert_int_equal(claim_next_verb(&claim, need, now), ACTION(DELIVERED));
    act(w, 1, &id, ACTION(DELIVERED), 0);
    pump(w);
    claim = claim_at(w, OWNER, &id);
    assert_int_equal(claim_next_verb(&claim, need, now), ACTION(UNSPECIFIED));
    assert_int_equal(claim_next_verb(&claim, loan, now), ACTION(RETURNED));
}

static size_t news_at(struct claim_world *w, size_t hub)
{
    struct waiting waiting;
    struct domain_fixture *f = w->hub[hub];
    waiting_init(&waiting, WAITING_ROWS_MAX);
    assert_ok(f, waiting_add_claims(&waiting, f->tx.store, f->tx.arena, 1, f->tx.now, &f->err));
    for (size_t i = 0; i < waiting.count; i++)
        assert_int_equal(waiting.rows[i].rank, WAITING_NEWS);
    return waiting.count;
}

static void what_the_hub_agreed_to_by_itself_is_news_to_its_people(void **state)
{
    struct claim_world *w = *state;
    post(w, 12, true, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    assert_int_equal(news_at(w, 1), 0);
    pump(w);
    assert_int_equal(claim_at(w, OWNER, &id).view.state, CLAIM_AGREED);
    assert_int_equal(news_at(w, OWNER), 1);
    assert_int_equal(news_at(w, 1), 1);
    struct domain_fixture *f = w->hub[OWNER];
    struct claim claim = claim_at(w, OWNER, &id);
    assert_ok(f, waiting_read(&f->tx, 1, WAITING_CLAIM, claim.id, f->tx.now, &f->err));
    assert_int_equal(news_at(w, OWNER), 0);
    (void)claim_of(w, 2, 8); /* more than is left: refused, nobody has to do anything */
    pump(w);
    assert_int_equal(news_at(w, OWNER), 0);
}

static void a_change_that_matters_to_claimants_is_known(void **state)
{
    struct claim_world *w = *state;
    struct claim_terms terms;
    post(w, 12, false, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    struct domain_fixture *f = w->hub[1];
    assert_ok(f, claim_terms_read(f->tx.store, f->tx.arena, &id, &terms, &f->err));
    assert_true(terms.known);
    assert_string_equal(terms.what, "matelas");
    char place[] = "Redon", detail[] = "plus de mots";
    Maillon__Hfp__V1__NoticeContent content;
    Maillon__Hfp__V1__Quantity quantity;
    maillon__hfp__v1__notice_content__init(&content);
    maillon__hfp__v1__quantity__init(&quantity);
    content.quantity = &quantity;
    content.detail = detail;
    quantity.amount = 12;
    assert_int_equal(claim_terms_changed(&terms, &content), 0);
    quantity.amount = 10;
    content.place = place;
    assert_int_equal(claim_terms_changed(&terms, &content),
                     CLAIM_CHANGED_QUANTITY | CLAIM_CHANGED_PLACE);
    content.available_to_s = 1;
    assert_int_equal(claim_terms_changed(&terms, &content),
                     CLAIM_CHANGED_QUANTITY | CLAIM_CHANGED_PLACE | CLAIM_CHANGED_TIME);
    assert_int_equal(claim_terms_changed(&terms, NULL), 0); /* withdrawn: told otherwise */
    struct oid other = {{1}};
    assert_ok(f, claim_terms_read(f->tx.store, f->tx.arena, &other, &terms, &f->err));
    assert_false(terms.known);
}

static void a_notice_is_closed_once_nobody_counts_on_it(void **state)
{
    struct claim_world *w = *state;
    struct domain_fixture *o = w->hub[OWNER];
    post(w, 12, true, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    pump(w);
    assert_err(o, ERR_CONFLICT, claim_close_notice(&o->tx, w->uid, "yes", &o->err));
    act(w, 1, &id, ACTION(DELIVERED), 0);
    pump(w);
    assert_err(o, ERR_INVALID, claim_close_notice(&o->tx, w->uid, "perhaps", &o->err));
    assert_ok(o, claim_close_notice(&o->tx, w->uid, "partly", &o->err));
    struct notice notice = notice_at(w, OWNER);
    assert_string_equal(notice_status(&notice, o->tx.now), "closed");
    assert_string_equal(notice.outcome, "partly");
    assert_int_equal(notice.kind, 0); /* neighbours are told that it is over */
    assert_ok(o, claim_close_notice(&o->tx, w->uid, "yes", &o->err)); /* a second word */
    assert_string_equal(notice_at(w, OWNER).outcome, "yes");
    assert_err(o, ERR_CONFLICT, notice_renew(&o->tx, w->uid, 0, &o->err));
    struct notice_own own;
    assert_ok(o, notice_own_read(o->tx.store, o->tx.arena, &notice, &own, &o->err));
    assert_string_equal(own.what, "matelas");
    assert_both(w, &id, 1, CLAIM_DELIVERED);
}

static void what_is_not_for_us_leaves_our_list_alone(void **state)
{
    struct claim_world *w = *state;
    size_t count;
    struct notice *list;
    struct domain_fixture *f = w->hub[1], *o = w->hub[OWNER];
    post(w, 12, true, NULL);
    gossip(w);
    struct notice notice = notice_at(w, 1);
    assert_err(f, ERR_INVALID, notice_hide(&f->tx, &notice, "Trop loin", &f->err));
    assert_ok(f, notice_hide(&f->tx, &notice, "too-far", &f->err));
    struct notice_filter filter = {.limit = 10};
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 0);
    filter.hidden = true;
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].hidden, "too-far");
    assert_ok(f, notice_hide(&f->tx, &notice, "", &f->err));
    assert_string_equal(notice_at(w, 1).hidden, "");
    notice = notice_at(w, OWNER);
    assert_err(o, ERR_CONFLICT, notice_hide(&o->tx, &notice, "other", &o->err));
}

#define CELL(name) \
    cmocka_unit_test_setup_teardown(name, claim_fixture_setup, claim_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL(what_is_given_back_a_day_before_is_told_apart),
        CELL(the_next_verb_is_one),
        CELL(what_the_hub_agreed_to_by_itself_is_news_to_its_people),
        CELL(a_change_that_matters_to_claimants_is_known),
        CELL(a_notice_is_closed_once_nobody_counts_on_it),
        CELL(what_is_not_for_us_leaves_our_list_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
