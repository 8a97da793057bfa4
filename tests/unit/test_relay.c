/* Custody: quotas at the limit and one more, what frees a blob, and who may relay for whom
 * (R-RE-1, R-RE-3, R-RE-5); what cannot be forged inside a seal (F16). */
#include "hub/crypto/wire.h"
#include "hub/domain/circle.h"
#include "hub/domain/relay.h"
#include "hub/opener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

#define KIB 1024

/** Another accepted peer, by number; no keys. */
static struct node_id add_peer(struct domain_fixture *f, unsigned number)
{
    struct node_id node = {{0}};
    uint8_t secret[INVITE_BYTES];
    enum decision answer;
    memset(node.b, (int)number, sizeof node.b);
    make_invite(f, secret);
    assert_ok(f, relation_on_request(&f->tx, &node, "Mairie", "", bytes_of(secret, sizeof secret),
                                     NULL, 0, &answer, &f->err));
    assert_ok(f, relation_decide(&f->tx, &node, DECISION_ACCEPTED, &f->err));
    return node;
}

static int setup(void **state)
{
    domain_fixture_setup(state);
    struct domain_fixture *f = *state;
    befriend(f);
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_ALLOWED, &f->err));
    return 0;
}

static const struct relay_limits small = {
    .dest_bytes = 64 * KIB,
    .dest_blobs = 20,
    .from_dest_bytes = 16 * KIB,
    .from_bytes = 40 * KIB,
};

static uint8_t zeros[SEALED_MAX];

static struct relay_deposit deposit_of(const struct domain_fixture *f, const struct node_id *from,
                                       const struct node_id *dest, unsigned number, size_t size)
{
    struct relay_deposit deposit = {
        .injector = *from,
        .dest = *dest,
        .expires_s = (uint64_t)f->tx.now.ms / 1000 + 3600,
        .hops_left = 1,
        .sealed = bytes_of(zeros, size),
    };
    memcpy(deposit.blob.b, &number, sizeof number);
    return deposit;
}

static enum relay_answer take(struct domain_fixture *f, const struct relay_limits *limits,
                              const struct node_id *from, const struct node_id *dest,
                              unsigned number, size_t size)
{
    struct relay_deposit deposit = deposit_of(f, from, dest, number, size);
    enum relay_answer answer;
    uint32_t retry_s;
    assert_ok(f, relay_take(&f->tx, limits, &deposit, &answer, &retry_s, &f->err));
    assert_true((answer == RELAY_QUOTA) == (retry_s > 0));
    return answer;
}

static struct oid blob_of(unsigned number)
{
    struct oid blob = {{0}};
    memcpy(blob.b, &number, sizeof number);
    return blob;
}

static bool free_blob(struct domain_fixture *f, const struct node_id *dest, unsigned number)
{
    bool found;
    struct node_id injector;
    struct oid blob = blob_of(number);
    assert_ok(f, relay_free(&f->tx, dest, &blob, &found, &injector, &f->err));
    return found;
}

static int64_t held(struct domain_fixture *f)
{
    return query_i64(f, "SELECT count(*) FROM relay_blob");
}

/* The sums that quotas are checked with are what is there. */
static void check_sums(struct domain_fixture *f)
{
    assert_int_equal(query_i64(f, "SELECT count(*) FROM relay_blob"),
                     query_i64(f, "SELECT coalesce(sum(blobs), 0) FROM relay_use"));
    assert_int_equal(query_i64(f, "SELECT coalesce(sum(size), 0) FROM relay_blob"),
                     query_i64(f, "SELECT coalesce(sum(bytes), 0) FROM relay_use"));
}

/* ---- quotas ---- */

static void the_limits_are_those_of_the_protocol(void **state)
{
    (void)state;
    assert_int_equal(relay_limits.dest_bytes, 64 * 1024 * 1024);
    assert_int_equal(relay_limits.dest_blobs, 2000);
    assert_int_equal(relay_limits.from_dest_bytes, 16 * 1024 * 1024);
    assert_int_equal(relay_limits.from_bytes, 256 * 1024 * 1024);
}

static void r_re_3_2000_blobs_for_one_destination_and_not_one_more(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1), other = add_peer(f, 2);
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(take(f, &relay_limits, i % 2 ? &from : &other, peer_node(f), i + 1, 32),
                         RELAY_HELD);
    assert_int_equal(take(f, &relay_limits, &from, peer_node(f), 2001, 32), RELAY_QUOTA);
    assert_int_equal(held(f), 2000); /* nothing was thrown out for it */
    assert_int_equal(take(f, &relay_limits, &from, peer_node(f), 7, 32), RELAY_HELD); /* held */
    assert_true(free_blob(f, peer_node(f), 7));
    assert_int_equal(take(f, &relay_limits, &from, peer_node(f), 2001, 32), RELAY_HELD);
    check_sums(f);
}

static void r_re_3_bytes_of_one_injector_for_one_destination(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 15 * KIB), RELAY_HELD);
    assert_int_equal(take(f, &small, &from, peer_node(f), 2, KIB + 1), RELAY_QUOTA);
    assert_int_equal(take(f, &small, &from, peer_node(f), 3, KIB), RELAY_HELD);
    assert_int_equal(take(f, &small, &from, peer_node(f), 4, 1), RELAY_QUOTA);
    struct node_id other = add_peer(f, 2); /* whose share is its own */
    assert_int_equal(take(f, &small, &other, peer_node(f), 4, 1), RELAY_HELD);
    check_sums(f);
}

static void r_re_3_bytes_for_one_destination(void **state)
{
    struct domain_fixture *f = *state;
    for (unsigned i = 0; i < 4; i++) {
        struct node_id from = add_peer(f, i + 1);
        assert_int_equal(take(f, &small, &from, peer_node(f), i, 16 * KIB - (i == 3)), RELAY_HELD);
    }
    struct node_id from = add_peer(f, 9);
    assert_int_equal(take(f, &small, &from, peer_node(f), 10, 2), RELAY_QUOTA);
    assert_int_equal(take(f, &small, &from, peer_node(f), 11, 1), RELAY_HELD);
    assert_int_equal(take(f, &small, &from, peer_node(f), 12, 1), RELAY_QUOTA);
    check_sums(f);
}

static void r_re_3_bytes_of_one_injector_for_all(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct node_id dest = add_peer(f, 10 + i);
        assert_ok(f, relay_set_duty(&f->tx, &dest, RELAY_DUTY_ALLOWED, &f->err));
        assert_int_equal(take(f, &small, &from, &dest, i, 16 * KIB), RELAY_HELD);
    }
    assert_int_equal(take(f, &small, &from, peer_node(f), 5, 8 * KIB + 1), RELAY_QUOTA);
    assert_int_equal(take(f, &small, &from, peer_node(f), 6, 8 * KIB), RELAY_HELD);
    assert_int_equal(take(f, &small, &from, peer_node(f), 7, 1), RELAY_QUOTA);
    check_sums(f);
}

static void the_largest_sealed_message_fits(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    assert_int_equal(take(f, &relay_limits, &from, peer_node(f), 1, SEALED_MAX), RELAY_HELD);
}

/* ---- duty ---- */

static void r_re_5_without_duty_nothing_is_taken(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1), stranger = {{9}};
    assert_int_equal(take(f, &small, peer_node(f), &from, 1, 32), RELAY_UNKNOWN);
    assert_int_equal(take(f, &small, &from, &stranger, 1, 32), RELAY_UNKNOWN);
    assert_int_equal(take(f, &small, peer_node(f), peer_node(f), 1, 32), RELAY_UNKNOWN);
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_REFUSED, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_UNKNOWN);
    assert_int_equal(held(f), 0);
}

static void r_ab_4_a_blocked_peer_is_not_relayed_for(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_BLOCKED, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_UNKNOWN);
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_ACCEPTED, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_HELD);
}

static void r_re_5_a_charter_asks_for_duty_and_a_refusal_beats_it(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    static const char *const principles[] = {"we relay for each other"};
    struct circle_draft draft = {.name = "Val",
                                 .principle = principles,
                                 .principle_count = 1,
                                 .steward = {*identity_node(f->self)},
                                 .steward_count = 1,
                                 .relay_duty = true};
    struct oid scope;
    bool done;
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_NONE, &f->err));
    assert_ok(f, circle_found(&f->tx, &draft, &scope, &done, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_UNKNOWN);
    assert_ok(f, circle_admit(&f->tx, &scope, peer_node(f), "Ressourcerie", &done, &f->err));
    assert_true(done);
    assert_int_equal(take(f, &small, &from, peer_node(f), 1, 32), RELAY_HELD);
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_REFUSED, &f->err));
    assert_int_equal(take(f, &small, &from, peer_node(f), 2, 32), RELAY_UNKNOWN);
}

static void duty_needs_a_relation_of_both_sides(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id stranger = {{9}};
    assert_err(f, ERR_UNKNOWN, relay_set_duty(&f->tx, &stranger, RELAY_DUTY_ALLOWED, &f->err));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err));
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_NONE, &f->err));
    assert_err(f, ERR_CONFLICT, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_ALLOWED, &f->err));
    assert_err(f, ERR_CONFLICT, relay_set_home(&f->tx, peer_node(f), true, &f->err));
}

static void duty_is_seen_and_audited(void **state)
{
    struct domain_fixture *f = *state;
    struct relay_peer *peers;
    size_t count;
    assert_ok(f, relay_peers(f->tx.store, f->tx.arena, f->tx.now, &peers, &count, &f->err));
    assert_int_equal(count, 1);
    assert_true(peers[0].relays_for && node_id_equal(&peers[0].node, peer_node(f)));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM audit WHERE action = 'relay.allow'"), 1);
}

static void r_re_5_what_is_held_is_counted_by_destination(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    struct relay_held *list;
    size_t count;
    take(f, &small, &from, peer_node(f), 1, 100);
    int64_t first_ms = f->tx.now.ms;
    f->tx.now.ms += 5000;
    take(f, &small, &from, peer_node(f), 2, 200);
    assert_ok(f, relay_held(f->tx.store, f->tx.arena, &list, &count, &f->err));
    assert_int_equal(count, 1);
    assert_int_equal(list[0].blobs, 2);
    assert_int_equal(list[0].bytes, 300);
    assert_int_equal(list[0].oldest_ms, first_ms);
}

/* ---- what frees a blob ---- */

static size_t read_held(struct domain_fixture *f, int64_t after, bool forward,
                        struct relay_blob **ret)
{
    size_t count;
    assert_ok(f, relay_read(f->tx.store, f->tx.arena, peer_node(f), after, forward, 100, 1 << 20,
                            f->tx.now, ret, &count, &f->err));
    return count;
}

static void the_destination_frees_a_blob_and_its_injector_is_known(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1), injector;
    bool found;
    struct oid blob = blob_of(1);
    take(f, &small, &from, peer_node(f), 1, 100);
    assert_ok(f, relay_free(&f->tx, &from, &blob, &found, &injector, &f->err));
    assert_false(found); /* not that destination's */
    assert_ok(f, relay_free(&f->tx, peer_node(f), &blob, &found, &injector, &f->err));
    assert_true(found && node_id_equal(&injector, &from));
    assert_int_equal(held(f), 0);
    check_sums(f);
}

static void r_re_3_expiry_frees_and_nothing_else_does(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    struct wall next;
    struct relay_blob *rows;
    take(f, &small, &from, peer_node(f), 1, 100);
    f->tx.now.ms += 3599 * 1000;
    assert_ok(f, relay_tick(&f->tx, &next, &f->err));
    assert_int_equal(read_held(f, 0, false, &rows), 1);
    f->tx.now.ms += 1000;
    assert_int_equal(read_held(f, 0, false, &rows), 0);
    assert_ok(f, relay_tick(&f->tx, &next, &f->err));
    assert_int_equal(held(f), 0);
    check_sums(f);
}

static void r_re_2_forwarding_needs_a_hop_a_minute_and_happens_once(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id from = add_peer(f, 1);
    struct relay_blob *rows;
    take(f, &small, &from, peer_node(f), 1, 100);
    struct relay_deposit last = deposit_of(f, &from, peer_node(f), 2, 100);
    enum relay_answer answer;
    uint32_t retry_s;
    last.hops_left = 0;
    assert_ok(f, relay_take(&f->tx, &small, &last, &answer, &retry_s, &f->err));
    assert_int_equal(read_held(f, 0, true, &rows), 0);
    f->tx.now.ms += 60000;
    assert_int_equal(read_held(f, 0, true, &rows), 1);
    assert_ok(f, relay_forwarded(&f->tx, rows[0].id, &f->err));
    assert_int_equal(read_held(f, 0, true, &rows), 0);
    assert_int_equal(read_held(f, 0, false, &rows), 2); /* the destination still gets it */
}

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
    assert_int_equal(relayable(f, &rows), 1);
    assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &rows[0], &relay, &f->err));
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
    struct outbox_relayable *rows;
    queue(f, 1, OUTBOX_FREE_ON_ACK);
    assert_int_equal(relayable(f, &rows), 1);
    assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &rows[0], &relay, &f->err));
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
    struct outbox_relayable *rows;
    struct oid oid = blob_of(number);
    bool known;
    queue(f, number, OUTBOX_FREE_ON_RECEIPT);
    assert_int_equal(relayable(f, &rows), 1);
    assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &rows[0], first, &f->err));
    f->tx.now.ms += 30 * 60000;
    tick(f);
    if (second) {
        assert_int_equal(relayable(f, &rows), 1);
        assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &rows[0], second, &f->err));
    }
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
    struct outbox_relayable *rows;
    struct oid oid = blob_of(9);
    bool known;
    assert_ok(f, relay_set_home(&f->tx, &a, true, &f->err));
    by_two_relays(f, 1, &a, &b, 60000);
    assert_int_equal(suspicion(f, &a), 1);
    queue(f, 9, OUTBOX_FREE_ON_RECEIPT);
    assert_int_equal(relayable(f, &rows), 1);
    assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &rows[0], &a, &f->err));
    assert_ok(f, outbox_on_receipt(&f->tx, peer_node(f), &oid, &known, &f->err));
    assert_int_equal(suspicion(f, &a), 0);
}

static void what_left_the_queue_otherwise_is_not_counted_at_relays(void **state)
{
    struct domain_fixture *f = *state;
    struct node_id relay = add_peer(f, 1);
    struct outbox_relayable *rows;
    struct oid oid = blob_of(1);
    uint64_t count;
    queue(f, 1, OUTBOX_FREE_ON_RECEIPT);
    assert_int_equal(relayable(f, &rows), 1);
    assert_ok(f, outbox_at_relay(&f->tx, peer_node(f), &rows[0], &relay, &f->err));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limits_are_those_of_the_protocol),
        TEST(r_re_3_2000_blobs_for_one_destination_and_not_one_more),
        TEST(r_re_3_bytes_of_one_injector_for_one_destination),
        TEST(r_re_3_bytes_for_one_destination),
        TEST(r_re_3_bytes_of_one_injector_for_all),
        TEST(the_largest_sealed_message_fits),
        TEST(r_re_5_without_duty_nothing_is_taken),
        TEST(r_ab_4_a_blocked_peer_is_not_relayed_for),
        TEST(r_re_5_a_charter_asks_for_duty_and_a_refusal_beats_it),
        TEST(duty_needs_a_relation_of_both_sides),
        TEST(duty_is_seen_and_audited),
        TEST(r_re_5_what_is_held_is_counted_by_destination),
        TEST(the_destination_frees_a_blob_and_its_injector_is_known),
        TEST(r_re_3_expiry_frees_and_nothing_else_does),
        TEST(r_re_2_forwarding_needs_a_hop_a_minute_and_happens_once),
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
