/* Receipts of one commit: a peer that cannot get its own must not fail what others wrote. */
#include "hub/receipts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

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
    f->tx.now.ms += INT64_C(22) * 86400000; /* and no newer entry came */
    note_one(f, &receipts);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM outbox"), 1);
    receipts_done(&receipts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_receipt_is_queued_for_a_peer_with_keys_only,
                                        domain_fixture_setup, domain_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
