/* What a sender does with relays: home relays and the entry that names them (R-RE-1), its queue and
 * which relay it doubts (R-PD-5, F14); what cannot be forged inside a seal (F16). */
#include "hub/crypto/wire.h"
#include "hub/opener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/relay_fixture.h"

/* ---- home relays ---- */

static void r_re_1_three_home_relays_and_not_four(void **state)
{
    struct domain_fixture *f = *state;
    for (unsigned i = 1; i <= 3; i++) {
        struct node_id relay = add_peer(f, i);
        assert_ok(f, relay_set_home(&f->tx, &relay, true, &f->err));
    }
    assert_err(f, ERR_CONFLICT, relay_set_home(&f->tx, peer_node(f), true, &f->err));
    struct node_id first = {{0}};
    memset(first.b, 1, sizeof first.b);
    assert_ok(f, relay_set_home(&f->tx, &first, false, &f->err));
    assert_ok(f, relay_set_home(&f->tx, peer_node(f), true, &f->err));
}

static void the_card_names_home_relays_that_granted_it(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id a = add_peer(f, 1), b = add_peer(f, 2);
    Maillon__Hfp__V1__DirectoryEntry entry = MAILLON__HFP__V1__DIRECTORY_ENTRY__INIT;
    assert_ok(f, relay_set_home(&f->tx, &a, true, &f->err));
    assert_ok(f, relay_set_home(&f->tx, &b, true, &f->err));
    assert_ok(f, relay_fill_entry(&f->tx, &entry, &f->err));
    assert_int_equal(entry.n_relay, 0);
    assert_true(entry.dials_only);
    assert_ok(f, relay_set_granted(&f->tx, &b, true, &f->err));
    maillon__hfp__v1__directory_entry__init(&entry);
    assert_ok(f, relay_fill_entry(&f->tx, &entry, &f->err));
    assert_int_equal(entry.n_relay, 1);
    assert_true(bytes_equal(wire_bytes(entry.relay[0]), node_id_bytes(&b)));
    assert_true(relay_entry_check(&entry, &f->err));
}

static void malformed_relays_of_an_entry_are_refused(void **state)
{
    struct domain_fixture *f = *state;
    uint8_t node[NODE_ID_BYTES] = {1};
    ProtobufCBinaryData relays[] = {{32, node}, {32, node}, {32, node}, {32, node}};
    char *route = NULL;
    Maillon__Hfp__V1__DirectoryEntry entry = MAILLON__HFP__V1__DIRECTORY_ENTRY__INIT;
    entry.relay = relays;
    entry.n_relay = 3;
    assert_true(relay_entry_check(&entry, &f->err));
    entry.n_relay = 4;
    assert_false(relay_entry_check(&entry, &f->err));
    entry.n_relay = 1;
    relays[0].len = 31;
    assert_false(relay_entry_check(&entry, &f->err));
    entry.n_relay = 0;
    entry.dials_only = true;
    entry.route = &route;
    entry.n_route = 1;
    assert_false(relay_entry_check(&entry, &f->err));
}

static void home_relays_of_a_peer_follow_its_entry(void **state)
{
    struct domain_fixture *f = *state;
    uint8_t node[NODE_ID_BYTES] = {7};
    ProtobufCBinaryData relay = {32, node};
    struct relay_peer peer;
    Maillon__Hfp__V1__DirectoryEntry entry = MAILLON__HFP__V1__DIRECTORY_ENTRY__INIT;
    entry.dials_only = true;
    entry.relay = &relay;
    entry.n_relay = 1;
    assert_ok(f, relay_on_entry(&f->tx, peer_node(f), &entry, &f->err));
    assert_ok(f, relay_peer_find(f->tx.store, peer_node(f), f->tx.now, &peer, &f->err));
    assert_true(peer.dials_only && peer.home_count == 1 && peer.homes[0].b[0] == 7);
    entry.dials_only = false;
    entry.n_relay = 0;
    assert_ok(f, relay_on_entry(&f->tx, peer_node(f), &entry, &f->err));
    assert_ok(f, relay_peer_find(f->tx.store, peer_node(f), f->tx.now, &peer, &f->err));
    assert_true(!peer.dials_only && peer.home_count == 0);
}

/* ---- the sender's queue ---- */

static void queue(struct domain_fixture *f, unsigned number, enum outbox_free freed_by)
{
    struct oid oid = blob_of(number);
    assert_ok(f, outbox_add(&f->tx, peer_node(f), 1, BYTES_LITERAL("sealed bytes"), &oid, &oid,
                            (uint64_t)f->tx.now.ms / 1000 + 90 * 86400, freed_by, &f->err));
}

static size_t relayable(struct domain_fixture *f, struct outbox_relayable **ret)
{
    size_t count;
    assert_ok(f, outbox_read_for_relay(f->tx.store, f->tx.arena, peer_node(f), 1, 10, 1 << 20,
                                       f->tx.now, ret, &count, &f->err));
    return count;
}

/* The one object that waits goes into the custody of `relay`. */
static void hand_over(struct domain_fixture *f, const struct node_id *relay)
{
    struct outbox_relayable *rows;
    assert_int_equal(relayable(f, &rows), 1);
    assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &rows[0], relay, &f->err));
}

static const char *word(struct domain_fixture *f, unsigned number)
{
    const char *said;
    struct oid oid = blob_of(number);
    assert_ok(f, outbox_delivery(f->tx.store, &oid, &said, &f->err));
    return said;
}

static void tick(struct domain_fixture *f)
{
    struct wall next;
    assert_ok(f, outbox_tick(&f->tx, NULL, &next, &f->err));
}

static void r_pd_5_custody_frees_nothing_and_is_tried_again_after_30_minutes(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id relay = add_peer(f, 1), away[OUTBOX_AWAY_MAX];
    struct outbox_relayable *rows;
    size_t count;
    queue(f, 1, OUTBOX_FREE_ON_RECEIPT);
    assert_string_equal(word(f, 1), "sent");
    assert_ok(f, outbox_away(f->tx.store, away, &count, &f->err));
    assert_true(count == 1 && node_id_equal(&away[0], peer_node(f)));
    hand_over(f, &relay);
    assert_string_equal(word(f, 1), "at-relay");
    assert_int_equal(relayable(f, &rows), 0);
    struct outbox_item *items; /* a session with the peer itself takes it at once */
    assert_ok(f, outbox_read(f->tx.store, f->tx.arena, peer_node(f), 1, 0, 10, 1 << 20, f->tx.now,
                             &items, &count, &f->err));
    assert_int_equal(count, 1);
    f->tx.now.ms += 30 * 60000 - 1;
    tick(f);
    assert_int_equal(relayable(f, &rows), 0);
    f->tx.now.ms += 1;
    tick(f);
    assert_int_equal(relayable(f, &rows), 1);
    assert_int_equal(rows[0].attempts, 1);
    assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &rows[0], &relay, &f->err));
    f->tx.now.ms += 60 * 60000 - 1; /* doubling */
    tick(f);
    assert_int_equal(relayable(f, &rows), 0);
    f->tx.now.ms += 1;
    tick(f);
    assert_int_equal(relayable(f, &rows), 1);
}

static void r_pd_5_a_receipt_is_freed_by_custody(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id relay = add_peer(f, 1);
    queue(f, 1, OUTBOX_FREE_ON_ACK);
    hand_over(f, &relay);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM outbox"), 0);
}

static uint32_t suspicion(struct domain_fixture *f, const struct node_id *relay)
{
    struct relay_peer peer;
    assert_ok(f, relay_peer_find(f->tx.store, relay, f->tx.now, &peer, &f->err));
    return peer.suspect;
}

/** One object goes to `first`, after 30 minutes to `second`; its receipt comes `after_ms` later. */
static void by_two_relays(struct domain_fixture *f, unsigned number, const struct node_id *first,
                          const struct node_id *second, int64_t after_ms)
{
    struct oid oid = blob_of(number);
    bool known;
    queue(f, number, OUTBOX_FREE_ON_RECEIPT);
    hand_over(f, first);
    f->tx.now.ms += 30 * 60000;
    tick(f);
    if (second)
        hand_over(f, second);
    f->tx.now.ms += after_ms;
    assert_ok(f, outbox_on_receipt(&f->tx, peer_node(f), &oid, &known, &f->err));
    assert_true(known);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM relay_custody"), 0);
}

static void f14_a_relay_that_only_the_other_made_up_for_is_suspected(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id a = add_peer(f, 1), b = add_peer(f, 2);
    by_two_relays(f, 1, &a, &b, 3600000); /* the peer may have slept: nobody's fault */
    assert_int_equal(suspicion(f, &a), 0);
    by_two_relays(f, 2, &a, &b, 60000);
    by_two_relays(f, 3, &a, &b, 60000);
    assert_int_equal(suspicion(f, &a), 2);
    assert_int_equal(suspicion(f, &b), 0);
    f->tx.now.ms += 86400000; /* forgotten after a day */
    assert_int_equal(suspicion(f, &a), 0);
}

static void f14_a_receipt_by_that_relay_alone_clears_its_name(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id a = add_peer(f, 1), b = add_peer(f, 2);
    struct oid oid = blob_of(9);
    bool known;
    assert_ok(f, relay_set_home(&f->tx, &a, true, &f->err));
    by_two_relays(f, 1, &a, &b, 60000);
    assert_int_equal(suspicion(f, &a), 1);
    queue(f, 9, OUTBOX_FREE_ON_RECEIPT);
    hand_over(f, &a);
    assert_ok(f, outbox_on_receipt(&f->tx, peer_node(f), &oid, &known, &f->err));
    assert_int_equal(suspicion(f, &a), 0);
}

static void what_left_the_queue_otherwise_is_not_counted_at_relays(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id relay = add_peer(f, 1);
    struct oid oid = blob_of(1);
    uint64_t count;
    queue(f, 1, OUTBOX_FREE_ON_RECEIPT);
    hand_over(f, &relay);
    assert_ok(f, outbox_relay_count(f->tx.store, &relay, &count, &f->err));
    assert_int_equal(count, 1);
    assert_ok(f, outbox_take_back(&f->tx, &oid, &f->err));
    tick(f);
    assert_ok(f, outbox_relay_count(f->tx.store, &relay, &count, &f->err));
    assert_int_equal(count, 0);
}

/* ---- F16: what a relay could try with the inside ---- */

/** A sealed referral event by `author` that says it is by `named` and for `recipient`. */
static enum opened open_forged(struct domain_fixture *f, const struct identity *author,
                               const struct node_id *named, const struct node_id *recipient)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Receipt body = MAILLON__HFP__V1__RECEIPT__INIT;
    Maillon__Hfp__V1__ReceiptEntry entry = MAILLON__HFP__V1__RECEIPT_ENTRY__INIT, *list = &entry;
    struct oid oid, id = blob_of(1);
    head.node = wire_data(node_id_bytes(named));
    head.incarnation = 1;
    head.seq = 1;
    head.created_s = (uint64_t)f->tx.now.ms / 1000;
    head.expires_s = head.created_s + 3600;
    entry.oid = wire_data(oid_bytes(&id));
    entry.state = MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    body.head = &head;
    body.recipient = wire_data(node_id_bytes(recipient));
    body.entry = &list;
    body.n_entry = 1;
    AUTO(buf_done) struct buf object = {0};
    AUTO(buf_done) struct buf sealed = {0};
    struct oid sealed_id;
    size_t count;
    uint8_t key[X25519_KEY_BYTES];
    identity_sign(author, TYPE_RECEIPT, wire_pack_arena(&body, f->tx.arena), &object, &oid);
    seal_key_public(identity_enc_keys(f->self, &count)[0], key);
    struct parcel parcel = {.object = buf_bytes(&object)}, inside;
    assert_ok(f, seal_parcel(&parcel, identity_node(f->self), key, head.expires_s, f->tx.random,
                             &sealed, &sealed_id, &f->err));
    struct err err = {0};
    struct bytes scope;
    struct node_id found;
    assert_int_equal(opener_unseal(f->self, buf_bytes(&sealed), f->tx.arena, &inside, &err),
                     OPENED_OK);
    assert_true(opener_author(inside.object, f->tx.arena, &found, &scope, &err));
    struct relation *relation = arena_alloc(f->tx.arena, sizeof *relation);
    bool known;
    assert_ok(f, relation_find(f->tx.store, &found, &known, relation, &f->err));
    if (!known)
        return OPENED_BAD; /* a stranger's: no keys */
    assert_ok(f, relation_read_kel(f->tx.store, relation, &f->err));
    struct opener opener = {.self = f->self, .peer = relation->kel, .now = f->tx.now};
    struct inbound_object opened;
    Maillon__Hfp__V1__RefusalCode refusal;
    return opener_open_parcel(&opener, &inside, true, 0, f->tx.arena, &opened, &refusal, &err);
}

static void f16_only_the_author_can_be_the_author_and_only_the_recipient_is_meant(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(identity_free)
    struct identity *relay = identity_create_memory(&f->random.source, f->tx.now);
    const struct node_id *me = identity_node(f->self), *author = peer_node(f),
                         *thief = identity_node(relay);
    assert_int_equal(open_forged(f, f->peer, author, me), OPENED_OK);
    assert_int_equal(open_forged(f, relay, author, me), OPENED_BAD); /* re-signed by the relay */
    assert_int_equal(open_forged(f, relay, thief, me), OPENED_BAD);  /* author stripped */
    assert_int_equal(open_forged(f, f->peer, author, thief), OPENED_BAD); /* resealed to us */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(r_re_1_three_home_relays_and_not_four),
        TEST(the_card_names_home_relays_that_granted_it),
        TEST(malformed_relays_of_an_entry_are_refused),
        TEST(home_relays_of_a_peer_follow_its_entry),
        TEST(r_pd_5_custody_frees_nothing_and_is_tried_again_after_30_minutes),
        TEST(r_pd_5_a_receipt_is_freed_by_custody),
        TEST(f14_a_relay_that_only_the_other_made_up_for_is_suspected),
        TEST(f14_a_receipt_by_that_relay_alone_clears_its_name),
        TEST(what_left_the_queue_otherwise_is_not_counted_at_relays),
        TEST(f16_only_the_author_can_be_the_author_and_only_the_recipient_is_meant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
