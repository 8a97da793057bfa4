/* What pages show of notices: how a quantity stands, renewals, lists, text to copy. */
#include "hub/domain/notice_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/support/notice_fixture.h"

static void what_was_asked_is_promised_taken_or_remains(void **state)
{
    (void)state;
    static const struct {
        uint32_t asked, committed, delivered, promised, taken, remaining;
    } cases[] = {
        {12, 0, 0, 0, 0, 12}, {12, 8, 0, 8, 0, 4},   {12, 8, 3, 5, 3, 4},  {12, 12, 12, 0, 12, 0},
        {12, 8, 20, 0, 8, 4}, {12, 20, 2, 10, 2, 0}, {12, 0, 6, 0, 0, 12}, /* a loan came back */
        {0, 0, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct notice notice = {.asked = cases[i].asked,
                                      .committed = cases[i].committed,
                                      .delivered = cases[i].delivered};
        struct notice_shares shares = notice_shares(&notice);
        assert_int_equal(shares.promised, cases[i].promised);
        assert_int_equal(shares.taken, cases[i].taken);
        assert_int_equal(shares.remaining, cases[i].remaining);
        assert_int_equal(shares.promised + shares.taken + shares.remaining, notice.asked);
    }
}

static struct notice post_one(struct domain_fixture *f, struct content *c, uint64_t expires_s)
{
    bool found;
    uint8_t uid[UID_BYTES];
    struct notice notice = {0};
    const struct notice_draft draft = {.content = &c->body, .expires_s = expires_s};
    assert_ok(f, notice_post(&f->tx, &draft, uid, &f->err));
    assert_ok(f, notice_find(f->tx.store, identity_node(f->self), uid, &found, &notice, &f->err));
    return notice;
}

static uint32_t renewals_left(struct domain_fixture *f, const struct notice *notice)
{
    struct notice_own own;
    assert_ok(f, notice_own_read(f->tx.store, f->tx.arena, notice, &own, &f->err));
    return own.renewals_left;
}

static void renewals_are_counted_down_and_an_edit_gives_them_back(void **state)
{
    struct domain_fixture *f = *state;
    struct content c;
    mattresses(&c);
    struct notice notice = post_one(f, &c, 0);
    for (uint32_t left = 3; left > 0; left--) {
        assert_int_equal(renewals_left(f, &notice), left);
        assert_ok(f, notice_renew(&f->tx, notice.uid, 0, &f->err));
    }
    assert_int_equal(renewals_left(f, &notice), 0);
    assert_err(f, ERR_CONFLICT, notice_renew(&f->tx, notice.uid, 0, &f->err));
    const struct notice_draft draft = {.content = &c.body};
    assert_ok(f, notice_update(&f->tx, notice.uid, &draft, &f->err));
    assert_int_equal(renewals_left(f, &notice), 3);
}

static void a_renewal_never_shortens_a_life(void **state)
{
    struct domain_fixture *f = *state;
    bool found;
    struct content c;
    mattresses(&c);
    struct notice notice = post_one(f, &c, now_s(f) + 30 * 86400); /* a shortage lives 7 d */
    assert_int_equal(notice_renewed_end_s(&notice, &c.body, f->tx.now),
                     notice.expires_s + 7 * 86400);
    assert_ok(f, notice_renew(&f->tx, notice.uid, 0, &f->err));
    uint64_t before = notice.expires_s;
    assert_ok(
        f, notice_find(f->tx.store, identity_node(f->self), notice.uid, &found, &notice, &f->err));
    assert_true(notice.expires_s > before);
    advance(f, 36LL * 86400 * 1000);
    assert_int_equal(notice_renewed_end_s(&notice, &c.body, f->tx.now), now_s(f) + 7 * 86400);
}

static void lists_put_what_cannot_wait_first(void **state)
{
    struct domain_fixture *f = *state;
    size_t count;
    struct notice *list;
    struct content c;
    mattresses(&c);
    struct notice later = post_one(f, &c, now_s(f) + 5 * 86400);
    struct notice sooner = post_one(f, &c, now_s(f) + 2 * 86400);
    c.body.kind = KIND(SURPLUS);
    c.body.perishable = true;
    struct notice fresh = post_one(f, &c, now_s(f) + 6 * 86400);
    c.body.perishable = false;
    struct notice newest = post_one(f, &c, now_s(f) + 9 * 86400);
    struct notice_filter filter = {.urgent_first = true, .limit = 10};
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 4);
    assert_memory_equal(list[0].uid, fresh.uid, UID_BYTES);
    assert_true(list[0].perishable);
    assert_memory_equal(list[1].uid, sooner.uid, UID_BYTES);
    assert_memory_equal(list[2].uid, later.uid, UID_BYTES);
    filter = (struct notice_filter){.limit = 1};
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_memory_equal(list[0].uid, newest.uid, UID_BYTES);
    filter = (struct notice_filter){.limit = 10, .ends_before_s = now_s(f) + 3 * 86400};
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 1);
    filter = (struct notice_filter){.limit = 10, .not_author = identity_node(f->self)};
    assert_ok(f, notice_list(f->tx.store, f->tx.arena, &filter, f->tx.now, &list, &count, &f->err));
    assert_int_equal(count, 0);
}

static void text_to_copy_says_it_in_one_line(void **state)
{
    (void)state;
    static const struct {
        struct notice_line line;
        enum words_language language;
        const char *text;
    } cases[] = {
        {{KIND(SHORTAGE), "matelas une place", "matelas", "Redon", "accueil", 12, 12, 1795910400},
         WORDS_FRENCH,
         "BESOIN\u00a0: 12 matelas une place – Redon – jusqu’au 29/11 – accueil\n"},
        {{KIND(SHORTAGE), "matelas", "matelas", "Redon", NULL, 12, 4, 1795910400},
         WORDS_FRENCH,
         "BESOIN\u00a0: 12 matelas, encore 4 – Redon – jusqu’au 29/11\n"},
        {{KIND(SURPLUS), "yoghurt", "kg", "", "", 40, 25, 1795910400},
         WORDS_ENGLISH,
         "TO GIVE: yoghurt – 40 kg, 25 left – until 29/11\n"},
        {{KIND(QUESTION), "qui répare les vélos ?", "", "", "", 0, 0, 1795910400},
         WORDS_FRENCH,
         "QUESTION\u00a0: qui répare les vélos ? – jusqu’au 29/11\n"},
        {{KIND(OFFER), "salle", "", "", "", 1, 1, 1795910400},
         WORDS_FRENCH,
         "À PRÊTER OU PROPOSÉ\u00a0: salle – jusqu’au 29/11\n"},
    };
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_done) struct buf out = {0};
        notice_text_add(&out, &cases[i].line, cases[i].language);
        assert_string_equal(buf_text(&out), cases[i].text);
    }
}

#define CELL(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_asked_is_promised_taken_or_remains),
        CELL(renewals_are_counted_down_and_an_edit_gives_them_back),
        CELL(a_renewal_never_shortens_a_life),
        CELL(lists_put_what_cannot_wait_first),
        cmocka_unit_test(text_to_copy_says_it_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
