#include "hub/crypto/wire.h"
#include "hub/domain/object.h"
#include "hub/outbox/outbox_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

#define MINUTE ((int64_t)60000)

static int setup(void **state)
{
    domain_fixture_setup(state);
    befriend(*state);
    return 0;
}

static struct oid oid_of(unsigned number)
{
    struct oid oid = {{0}};
    memcpy(oid.b, &number, sizeof(number));
    return oid;
}

static uint64_t in_seconds(const struct domain_fixture *f, int64_t seconds)
{
    return (uint64_t)(f->tx.now.ms / 1000 + seconds);
}

static bool add(struct domain_fixture *f, unsigned number, enum outbox_free freed_by)
{
    struct oid oid = oid_of(number);
    return outbox_add(&f->tx, peer_node(f), 1, BYTES_LITERAL("sealed bytes"), &oid, &oid,
                      in_seconds(f, 90 * 86400), freed_by, &f->err);
}

static size_t read_lane(struct domain_fixture *f, unsigned lane, uint64_t after,
                        struct outbox_item **ret)
{
    size_t count = 0;
    assert_ok(f, outbox_read(f->tx.store, f->tx.arena, peer_node(f), lane, after, 1024, 1 << 20,
                             f->tx.now, ret, &count, &f->err));
    return count;
}

static uint64_t queued(struct domain_fixture *f)
{
    uint64_t count = 0;
    assert_ok(f, outbox_count(f->tx.store, peer_node(f), &count, &f->err));
    return count;
}

static const char *delivery(struct domain_fixture *f, unsigned number)
{
    const char *word = NULL;
    struct oid oid = oid_of(number);
    assert_ok(f, outbox_delivery(f->tx.store, &oid, &word, &f->err));
    return word;
}

static bool receipt(struct domain_fixture *f, unsigned number)
{
    bool known = false;
    struct oid oid = oid_of(number);
    assert_ok(f, outbox_on_receipt(&f->tx, peer_node(f), &oid, &known, &f->err));
    return known;
}

static size_t expired;
static bool on_expired(struct tx *tx, const struct node_id *peer, const struct oid *oid,
                       struct err *err)
{
    (void)tx, (void)peer, (void)oid, (void)err;
    expired++;
    return true;
}

static int64_t tick(struct domain_fixture *f)
{
    struct wall next = {0};
    assert_ok(f, outbox_tick(&f->tx, on_expired, &next, &f->err));
    return next.ms - f->tx.now.ms;
}

static void rows_come_out_in_order_from_any_cursor(void **state)
{
    struct domain_fixture *f = *state;
    struct outbox_item *items;
    for (unsigned i = 1; i <= 10; i++)
        assert_ok(f, add(f, i, OUTBOX_FREE_ON_RECEIPT));
    assert_int_equal(read_lane(f, 1, 0, &items), 10);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(items[i].link_seq, i + 1);
        struct oid oid = oid_of(i + 1);
        assert_true(oid_equal(&items[i].sealed_id, &oid));
        assert_true(bytes_equal(items[i].sealed, BYTES_LITERAL("sealed bytes")));
    }
    assert_int_equal(read_lane(f, 1, 7, &items), 3);
    assert_int_equal(read_lane(f, 1, 10, &items), 0);
    assert_int_equal(read_lane(f, 0, 0, &items), 0);
    size_t count;
    assert_ok(f, outbox_read(f->tx.store, f->tx.arena, peer_node(f), 1, 0, 1024, 20, f->tx.now,
                             &items, &count, &f->err));
    assert_int_equal(count, 2);
    assert_int_equal(count_effects(f, EFFECT_OUTBOX), 1);
}

static void only_a_receipt_frees_an_object_and_an_ack_frees_receipts(void **state)
{
    struct domain_fixture *f = *state;
    assert_ok(f, add(f, 1, OUTBOX_FREE_ON_RECEIPT));
    assert_ok(f, add(f, 2, OUTBOX_FREE_ON_ACK));
    assert_ok(f, add(f, 3, OUTBOX_FREE_ON_RECEIPT));
    assert_string_equal(delivery(f, 1), "sent");
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 1, 2, &f->err));
    assert_int_equal(queued(f), 2);
    assert_string_equal(delivery(f, 1), "acked");
    assert_string_equal(delivery(f, 3), "sent");
    assert_true(receipt(f, 1));
    assert_false(receipt(f, 1));
    assert_string_equal(delivery(f, 1), "stored");
    assert_int_equal(queued(f), 1);
    assert_true(receipt(f, 3));
    assert_int_equal(query_i64(f, "SELECT sum(waiting_rows) + sum(waiting_bytes) FROM link"), 0);
}

static void an_ack_beyond_what_was_sent_is_a_fault_of_the_peer(void **state)
{
    struct domain_fixture *f = *state;
    assert_err(f, ERR_PEER, outbox_on_ack(&f->tx, peer_node(f), 1, 1, &f->err));
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 1, 0, &f->err));
    assert_ok(f, add(f, 1, OUTBOX_FREE_ON_ACK));
    assert_err(f, ERR_PEER, outbox_on_ack(&f->tx, peer_node(f), 1, 2, &f->err));
    assert_err(f, ERR_PEER, outbox_on_ack(&f->tx, peer_node(f), 1, UINT64_MAX, &f->err));
    assert_int_equal(queued(f), 1);
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 1, 1, &f->err));
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 1, 1, &f->err));
    assert_int_equal(queued(f), 0);
}

static void an_acked_object_without_receipt_is_sent_again_after_30_minutes(void **state)
{
    struct domain_fixture *f = *state;
    struct outbox_item *items;
    assert_ok(f, add(f, 1, OUTBOX_FREE_ON_RECEIPT));
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 1, 1, &f->err));
    f->tx.now.ms += 30 * MINUTE - 1;
    assert_int_equal(tick(f), 1);
    assert_int_equal(read_lane(f, 1, 1, &items), 0);
    f->tx.now.ms += 1;
    tick(f);
    assert_int_equal(read_lane(f, 1, 1, &items), 1);
    assert_int_equal(items[0].link_seq, 2);
    /* Acked again: an hour this time. */
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 1, 2, &f->err));
    f->tx.now.ms += 60 * MINUTE - 1;
    tick(f);
    assert_int_equal(read_lane(f, 1, 2, &items), 0);
    assert_string_equal(delivery(f, 1), "acked");
    f->tx.now.ms += 1;
    tick(f);
    assert_int_equal(read_lane(f, 1, 2, &items), 1);
}

static void a_temporary_refusal_takes_the_row_out_of_its_lane_until_due(void **state)
{
    struct domain_fixture *f = *state;
    struct outbox_item *items;
    struct oid oid = oid_of(1);
    assert_ok(f, add(f, 1, OUTBOX_FREE_ON_RECEIPT));
    assert_ok(f, add(f, 2, OUTBOX_FREE_ON_RECEIPT));
    assert_ok(f, outbox_retry_later(&f->tx, peer_node(f), &oid, 300, &f->err));
    assert_int_equal(read_lane(f, 1, 0, &items), 1);
    assert_int_equal(items[0].link_seq, 2);
    f->tx.now.ms += 299000;
    tick(f);
    assert_int_equal(read_lane(f, 1, 2, &items), 0);
    f->tx.now.ms += 40000;
    tick(f);
    assert_int_equal(read_lane(f, 1, 2, &items), 1);
    assert_int_equal(items[0].link_seq, 3);
    assert_ok(f, outbox_retry_later(&f->tx, peer_node(f), &oid, 3600, &f->err));
    assert_ok(f, outbox_retry_now(&f->tx, NULL, &f->err));
    assert_int_equal(read_lane(f, 1, 3, &items), 1);
    struct oid gone = oid_of(77);
    assert_ok(f, outbox_retry_later(&f->tx, peer_node(f), &gone, 1, &f->err));
}

static void what_expires_is_reported_once_and_called_undelivered(void **state)
{
    struct domain_fixture *f = *state;
    struct outbox_item *items;
    assert_ok(f, add(f, 1, OUTBOX_FREE_ON_RECEIPT));
    assert_ok(f, add(f, 2, OUTBOX_FREE_ON_ACK));
    f->tx.now.ms += (int64_t)90 * 86400000;
    assert_int_equal(read_lane(f, 1, 0, &items), 0);
    expired = 0;
    tick(f);
    assert_int_equal(expired, 1);
    assert_int_equal(queued(f), 0);
    assert_string_equal(delivery(f, 1), "undelivered");
    tick(f);
    assert_int_equal(expired, 1);
    assert_false(receipt(f, 1)); /* arrived after all */
    assert_string_equal(delivery(f, 1), "stored");
}

static void a_full_queue_refuses_and_still_lets_receipts_out(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(f->tx.store, "UPDATE link SET waiting_rows = ?1", &f->err);
    assert_ok(f, add(f, 1, OUTBOX_FREE_ON_RECEIPT));
    stmt_bind_i64(stmt, 1, OUTBOX_ROWS_MAX - 1);
    assert_true(stmt_run(stmt, &f->err));
    assert_ok(f, add(f, 2, OUTBOX_FREE_ON_RECEIPT));
    assert_err(f, ERR_LIMIT, add(f, 3, OUTBOX_FREE_ON_RECEIPT));
    assert_ok(f, add(f, 4, OUTBOX_FREE_ON_ACK));
    assert_int_equal(query_i64(f, "SELECT tx FROM link WHERE lane = 1"), 3);
    assert_true(receipt(f, 1));
    assert_ok(f, add(f, 3, OUTBOX_FREE_ON_RECEIPT));
    AUTO(stmt_release)
    struct stmt *bytes =
        stmt_get(f->tx.store, "UPDATE link SET waiting_rows = 1, waiting_bytes = ?1", &f->err);
    stmt_bind_i64(bytes, 1, OUTBOX_BYTES_MAX - 11);
    assert_true(stmt_run(bytes, &f->err));
    assert_err(f, ERR_LIMIT, add(f, 5, OUTBOX_FREE_ON_RECEIPT));
    stmt_bind_i64(bytes, 1, OUTBOX_BYTES_MAX - 12);
    assert_true(stmt_run(bytes, &f->err));
    assert_ok(f, add(f, 5, OUTBOX_FREE_ON_RECEIPT));
    struct node_id stranger = {{9}};
    struct oid oid = oid_of(9);
    assert_err(f, ERR_UNKNOWN,
               outbox_add(&f->tx, &stranger, 1, BYTES_LITERAL("x"), &oid, &oid, in_seconds(f, 60),
                          OUTBOX_FREE_ON_ACK, &f->err));
}

static void receive_cursors_never_go_back(void **state)
{
    struct domain_fixture *f = *state;
    uint64_t cursor = 9;
    assert_ok(f, outbox_rx_cursor(f->tx.store, peer_node(f), 2, &cursor, &f->err));
    assert_int_equal(cursor, 0);
    assert_ok(f, outbox_set_rx_cursor(&f->tx, peer_node(f), 2, 7, &f->err));
    assert_ok(f, outbox_set_rx_cursor(&f->tx, peer_node(f), 2, 3, &f->err));
    assert_ok(f, outbox_rx_cursor(f->tx.store, peer_node(f), 2, &cursor, &f->err));
    assert_int_equal(cursor, 7);
}

static void receipts_are_replayed_byte_for_byte(void **state)
{
    struct domain_fixture *f = *state;
    struct outbox_item *items;
    struct oid oid = oid_of(1);
    int64_t row = 0;
    assert_ok(f, outbox_add_receipt(&f->tx, peer_node(f), BYTES_LITERAL("receipt"), &oid, &oid,
                                    in_seconds(f, 86400), &row, &f->err));
    assert_int_equal(read_lane(f, 0, 0, &items), 1);
    assert_true(bytes_equal(items[0].sealed, BYTES_LITERAL("receipt")));
    assert_ok(f, outbox_replay_receipt(&f->tx, row, &f->err)); /* still queued: once is enough */
    assert_int_equal(queued(f), 1);
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 0, 1, &f->err));
    assert_int_equal(queued(f), 0);
    assert_ok(f, outbox_replay_receipt(&f->tx, row, &f->err));
    assert_int_equal(read_lane(f, 0, 1, &items), 1);
    assert_int_equal(items[0].link_seq, 2);
    assert_true(bytes_equal(items[0].sealed, BYTES_LITERAL("receipt")));
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 0, 2, &f->err));
    f->tx.now.ms += (int64_t)(86400 + DEDUP_EXTRA_S) * 1000;
    tick(f);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM receipt"), 0);
    assert_ok(f, outbox_replay_receipt(&f->tx, row, &f->err));
    assert_int_equal(queued(f), 0);
}

/* What the peer reads of the only row in lane 1. */
static struct parcel open_first(struct domain_fixture *f, const struct seal_key *key)
{
    struct outbox_item *items;
    struct parcel parcel = {0};
    assert_int_equal(read_lane(f, 1, 0, &items), 1);
    const struct seal_key *const keys[] = {key};
    assert_ok(f, seal_open_parcel(keys, 1, items[0].sealed, f->tx.arena, &parcel, &f->err));
    return parcel;
}

static struct oid send_referral(struct domain_fixture *f)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    static const uint8_t salt[SALT_BYTES] = {1, 2, 3};
    head.seq = 1;
    struct parcel_draft draft = {
        .peer = peer_node(f),
        .type = TYPE_REFERRAL,
        .body = wire_pack_arena(&head, f->tx.arena),
        .payload = BYTES_LITERAL("the personal part"),
        .salt = bytes_of(salt, sizeof(salt)),
        .expires_s = in_seconds(f, 86400),
        .lane = 1,
    };
    struct oid oid;
    assert_ok(f, outbox_send(&f->tx, &draft, &oid, &f->err));
    return oid;
}

static void an_own_event_is_signed_stored_sealed_and_queued(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(seal_key_free) struct seal_key *key = seal_key_create(&f->random.source);
    send_entry(f, 1, key);
    struct oid oid = send_referral(f);
    struct parcel parcel = open_first(f, key);
    struct envelope envelope;
    assert_ok(f, envelope_open(parcel.object, f->tx.arena, &envelope, &f->err));
    assert_true(oid_equal(&envelope.oid, &oid));
    assert_true(kel_verify(identity_kel(f->self), &envelope, NULL));
    assert_true(bytes_equal(parcel.payload, BYTES_LITERAL("the personal part")));
    bool found;
    struct object_row row;
    assert_ok(f, object_get(f->tx.store, f->tx.arena, &oid, &found, &row, &f->err));
    assert_true(found && bytes_equal(row.bytes, parcel.object));
}

/* A relay says that the destination lost the key: only a newer key of its entry changes anything.
 */
static void what_a_relay_could_not_deliver_is_sealed_again_once_there_is_a_newer_key(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(seal_key_free) struct seal_key *lost = seal_key_create(&f->random.source);
    AUTO(seal_key_free) struct seal_key *fresh = seal_key_create(&f->random.source);
    struct outbox_relayable *rows;
    size_t count;
    send_entry(f, 1, lost);
    send_referral(f);
    assert_ok(f, outbox_read_for_relay(f->tx.store, f->tx.arena, peer_node(f), 1, 9, 1 << 20,
                                       f->tx.now, &rows, &count, &f->err));
    assert_int_equal(count, 1);
    struct outbox_relayable item = rows[0];
    /* Any peer may be the relay of this test; the only one there is does. */
    assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &item, peer_node(f), &f->err));
    assert_ok(f, outbox_reseal_relayed(&f->tx, peer_node(f), &item.sealed_id, &f->err));
    open_first(f, lost); /* unchanged, and still in its lane */
    send_entry(f, 2, fresh);
    struct oid other = {{1}};
    assert_ok(f, outbox_reseal_relayed(&f->tx, peer_node(f), &other, &f->err));
    open_first(f, lost);
    assert_ok(f, outbox_reseal_relayed(&f->tx, peer_node(f), &item.sealed_id, &f->err));
    open_first(f, fresh);
    assert_ok(f, outbox_read_for_relay(f->tx.store, f->tx.arena, peer_node(f), 1, 9, 1 << 20,
                                       f->tx.now, &rows, &count, &f->err));
    assert_int_equal(count, 1); /* and goes to relays again */
}

static void sealing_again_uses_the_new_key_and_keeps_the_object(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(seal_key_free) struct seal_key *lost = seal_key_create(&f->random.source);
    AUTO(seal_key_free) struct seal_key *fresh = seal_key_create(&f->random.source);
    struct outbox_item *items;
    send_entry(f, 1, lost);
    struct oid oid = send_referral(f);
    struct bytes before = open_first(f, lost).object;
    assert_int_equal(query_i64(f, "SELECT instr(hex(personal), hex('personal part')) FROM outbox"),
                     0);
    /* No newer key yet: it waits instead of going round in circles. */
    assert_ok(f, outbox_reseal(&f->tx, peer_node(f), &oid, &f->err));
    assert_int_equal(read_lane(f, 1, 0, &items), 0);
    send_entry(f, 2, fresh);
    assert_ok(f, outbox_reseal(&f->tx, peer_node(f), &oid, &f->err));
    struct parcel parcel = open_first(f, fresh);
    assert_true(bytes_equal(parcel.object, before));
    assert_true(bytes_equal(parcel.payload, BYTES_LITERAL("the personal part")));
    assert_int_equal(parcel.salt.len, SALT_BYTES);
    bool known = false;
    assert_ok(f, outbox_on_receipt(&f->tx, peer_node(f), &oid, &known, &f->err));
    assert_true(known);
    assert_int_equal(query_i64(f, "SELECT sum(waiting_bytes) FROM link"), 0);
}

static void the_list_shows_what_waits(void **state)
{
    struct domain_fixture *f = *state;
    struct outbox_row *rows;
    size_t count;
    assert_ok(f, add(f, 1, OUTBOX_FREE_ON_RECEIPT));
    assert_ok(f, add(f, 2, OUTBOX_FREE_ON_RECEIPT));
    assert_ok(f, outbox_on_ack(&f->tx, peer_node(f), 1, 1, &f->err));
    assert_ok(f, outbox_list(f->tx.store, f->tx.arena, NULL, 10, &rows, &count, &f->err));
    assert_int_equal(count, 2);
    assert_true(rows[0].acked && !rows[1].acked);
    assert_int_equal(rows[1].link_seq, 2);
    assert_int_equal(rows[1].bytes, 12);
    assert_true(node_id_equal(&rows[0].peer, peer_node(f)));
    assert_ok(f, outbox_list(f->tx.store, f->tx.arena, identity_node(f->self), 10, &rows, &count,
                             &f->err));
    assert_int_equal(count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_come_out_in_order_from_any_cursor),
        TEST(only_a_receipt_frees_an_object_and_an_ack_frees_receipts),
        TEST(an_ack_beyond_what_was_sent_is_a_fault_of_the_peer),
        TEST(an_acked_object_without_receipt_is_sent_again_after_30_minutes),
        TEST(a_temporary_refusal_takes_the_row_out_of_its_lane_until_due),
        TEST(what_expires_is_reported_once_and_called_undelivered),
        TEST(a_full_queue_refuses_and_still_lets_receipts_out),
        TEST(receive_cursors_never_go_back),
        TEST(receipts_are_replayed_byte_for_byte),
        TEST(an_own_event_is_signed_stored_sealed_and_queued),
        TEST(sealing_again_uses_the_new_key_and_keeps_the_object),
        TEST(what_a_relay_could_not_deliver_is_sealed_again_once_there_is_a_newer_key),
        TEST(the_list_shows_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
