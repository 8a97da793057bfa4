/* Receipts of one commit: a peer that cannot get its own must not fail what others wrote. */
#include "hub/receipts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hub/crypto/wire.h"
#include "hub/domain/recovery.h"
#include "hub/domain/referral.h"
#include "tests/support/domain_fixture.h"
#include "tests/support/hub_fixture.h"

static void note_one(struct domain_fixture *f, struct receipts *receipts)
{
    struct receipt_note note = {
        .peer = *peer_node(f),
        .disposition = {.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED},
    };
    receipts_note(receipts, &note);
    assert_ok(f, receipts_flush(&f->tx, receipts, &f->err));
    assert_int_equal(receipts->count, 0);
}

static void a_receipt_is_queued_for_a_peer_with_keys_only(void **state)
{
    struct domain_fixture *f = *state;
    struct receipts receipts = {0};
    size_t count;
    befriend(f);
    note_one(f, &receipts); /* their entry is not here */
    assert_int_equal(query_i64(f, "SELECT count(*) FROM outbox"), 0);
    send_entry(f, 1, identity_enc_keys(f->peer, &count)[0]);
    note_one(f, &receipts);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM outbox"), 1);
    f->tx.now.ms += INT64_C(22) * 86400000; /* no newer entry came: the newest key known (R-ID-6) */
    note_one(f, &receipts);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM outbox"), 2);
    receipts_done(&receipts);
}

#define SHOWN "SELECT count(*) FROM outbox WHERE lane = 0"

static struct oid refer(struct hub_pair *pair)
{
    char name[] = "Ana", contact[] = "06 39 98 12 34";
    const char *fields[] = {"contact", "name", "need"};
    Maillon__Hfp__V1__Person person = MAILLON__HFP__V1__PERSON__INIT;
    struct oid id;
    person.name = name;
    person.contact = contact;
    struct referral_draft draft = {
        .peer = *identity_node(pair->b.self),
        .service = "ordi",
        .theme = "numerique",
        .person = &person,
        .need = "un ordinateur",
        .consent_form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_SPOKEN,
        .consent_fields = fields,
        .consent_field_count = 3,
        .actor = "test",
    };
    if (!referral_send(&pair->a.tx, &draft, &id, &pair->a.err))
        fail_msg("%s", pair->a.err.msg);
    return id;
}

static void r_pd_8_what_was_shown_is_told_once_in_one_receipt(void **state)
{
    (void)state;
    struct hub_pair *pair = test_malloc(sizeof(*pair));
    hub_pair_open(pair, 21);
    struct hub *b = &pair->b;
    struct oid ids[] = {refer(pair), refer(pair), refer(pair), {{1}}};
    hub_carry(&pair->a, b);
    assert_int_equal(hub_query(b, SHOWN), 0);
    assert_true(receipts_present(&b->tx, ids, 2, &b->err));
    assert_int_equal(hub_query(b, SHOWN), 1);
    assert_true(receipts_present(&b->tx, ids, 2, &b->err));
    assert_int_equal(hub_query(b, SHOWN), 1);
    assert_true(
        receipts_present(&b->tx, ids, ARRAY_LEN(ids), &b->err)); /* the third; one unknown */
    assert_int_equal(hub_query(b, SHOWN), 2);
    assert_int_equal(hub_query(b, "SELECT sum(presented) FROM referral"), 3);
    assert_true(receipts_present(&pair->a.tx, ids, 3, &pair->a.err)); /* its own: nobody to tell */
    assert_int_equal(hub_query(&pair->a, SHOWN), 0);
    hub_pair_close(pair);
    test_free(pair);
}

static void r_pd_7_a_repeated_receipt_frees_what_was_sent_once_more(void **state)
{
    (void)state;
    struct hub_pair *pair = test_malloc(sizeof(*pair));
    hub_pair_open(pair, 22);
    struct hub *a = &pair->a;
    struct oid id = refer(pair);
    hub_carry(a, &pair->b);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM outbox"), 0);
    /* Heads of the peer from before it had the event came after the receipt for it. */
    assert_true(recovery_send_again(&a->tx, identity_node(pair->b.self), &id,
                                    MAILLON__HFP__V1__CHAIN_KIND__CHAIN_KIND_REFERRAL, 0, &a->err));
    assert_int_equal(hub_query(a, "SELECT count(*) FROM outbox"), 1);
    Maillon__Hfp__V1__ReceiptEntry entry = MAILLON__HFP__V1__RECEIPT_ENTRY__INIT, *list = &entry;
    Maillon__Hfp__V1__Receipt receipt = MAILLON__HFP__V1__RECEIPT__INIT;
    struct inbound_object object = {.from = *identity_node(pair->b.self), .body = &receipt};
    receipt.n_entry = 1;
    receipt.entry = &list;
    entry.oid = wire_data(oid_bytes(&id));
    entry.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED;
    assert_true(receipt_again(&a->tx, &object, &a->err)); /* it may come again: so it waits */
    assert_int_equal(hub_query(a, "SELECT count(*) FROM outbox"), 1);
    entry.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    entry.pending = true;
    assert_true(receipt_again(&a->tx, &object, &a->err));
    assert_int_equal(hub_query(a, "SELECT count(*) FROM outbox"), 0);
    assert_int_equal(hub_query(a, "SELECT sum(waiting_rows) FROM link"), 0);
    hub_pair_close(pair);
    test_free(pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_receipt_is_queued_for_a_peer_with_keys_only,
                                        domain_fixture_setup, domain_fixture_teardown),
        cmocka_unit_test(r_pd_8_what_was_shown_is_told_once_in_one_receipt),
        cmocka_unit_test(r_pd_7_a_repeated_receipt_frees_what_was_sent_once_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
