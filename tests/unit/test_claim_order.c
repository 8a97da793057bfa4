/* Claims whose events come in any order, twice, too early, forged; and sums that stay true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/claim_fixture.h"

/* Calls `check` after each order in which `count` parcels may arrive, from the same start. */
static size_t each_order(struct claim_world *w, struct parcel_out *list, size_t count, size_t at,
                         void (*check)(struct claim_world *w, const struct oid *id),
                         const struct oid *id)
{
    if (at + 1 < count) {
        size_t orders = 0;
        for (size_t i = at; i < count; i++) {
            struct parcel_out first = list[at];
            list[at] = list[i];
            list[i] = first;
            orders += each_order(w, list, count, at + 1, check, id);
            list[i] = list[at];
            list[at] = first;
        }
        return orders;
    }
    struct domain_fixture *f = w->hub[list[0].to];
    assert_ok(f, store_savepoint(f->tx.store, &f->err));
    for (size_t i = 0; i < count; i++)
        assert_int_equal(deliver(w, &list[i]).state, STORED);
    check(w, id);
    store_undo(f->tx.store);
    return 1;
}

static void is_delivered_at_owner(struct claim_world *w, const struct oid *id)
{
    struct claim claim = claim_at(w, OWNER, id);
    assert_string_equal(claim_state_name(claim.view.state), "delivered");
    assert_int_equal(claim.view.delivered, 6);
    assert_int_equal(claim.view.release_asked_s, 0); /* delivered: nothing to ask back */
    assert_false(claim.forked);
    assert_int_equal(query_i64(w->hub[OWNER], "SELECT count(*) FROM claim_event WHERE state = 2"),
                     0);
}

/* All of it but the padding at its end. */
static void assert_same_view(const struct claim_view *a, const struct claim_view *b)
{
    assert_memory_equal(a, b, offsetof(struct claim_view, reason) + sizeof(a->reason));
}

/* Six events of the claimant, one of the owner that it did not know: 720 orders, one meaning. */
static void any_order_of_arrival_gives_one_state(void **state)
{
    struct claim_world *w = *state;
    struct parcel_out list[32];
    post(w, 12, true, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    pump(w);
    const struct claim_draft longer = {.until_s = (uint64_t)(w->hub[1]->tx.now.ms / 1000) + 86400};
    act(w, OWNER, &id, ACTION(ASK_RELEASE), 0);
    act(w, 1, &id, ACTION(UNDER_WAY), 0);
    for (int i = 0; i < 2; i++)
        assert_ok(w->hub[1],
                  claim_act(&w->hub[1]->tx, &id, ACTION(EXTEND), &longer, &w->hub[1]->err));
    act(w, 1, &id, ACTION(DELIVERED), 8);
    act(w, 1, &id, ACTION(DELIVERED), 7);
    act(w, 1, &id, ACTION(DELIVERED), 6);
    size_t count = take_out(w, 1, OWNER, list);
    assert_int_equal(count, 6);
    assert_int_equal(each_order(w, list, count, 0, is_delivered_at_owner, &id), 720);
    for (size_t i = 0; i < count; i++)
        deliver(w, &list[i]);
    pump(w);
    struct claim mine = claim_at(w, 1, &id), theirs = claim_at(w, OWNER, &id);
    assert_same_view(&mine.view, &theirs.view);
}

static void is_released_at_owner(struct claim_world *w, const struct oid *id)
{
    assert_state(w, id, OWNER, CLAIM_RELEASED);
}

static void events_may_come_before_the_claim_itself(void **state)
{
    struct claim_world *w = *state;
    struct parcel_out list[32];
    post(w, 12, false, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    act(w, 1, &id, ACTION(RELEASE), 0);
    size_t count = take_out(w, 1, OWNER, list);
    assert_int_equal(count, 2);
    assert_int_equal(each_order(w, list, count, 0, is_released_at_owner, &id), 2);
    struct disposition said = deliver(w, &list[1]);
    assert_true(said.pending);
    said = deliver(w, &list[0]);
    assert_false(said.pending);
    assert_both(w, &id, 1, CLAIM_RELEASED);
}

/* An event that the claimant's own hub would never sign. */
static struct disposition forge(struct claim_world *w, const struct oid *id, uint64_t seq,
                                const struct oid *prev, const struct oid *seen,
                                Maillon__Hfp__V1__ClaimAction action, struct oid *ret_oid)
{
    struct domain_fixture *f = w->hub[1], *o = w->hub[OWNER];
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__ClaimEvent body;
    struct disposition said = {0};
    struct inbound_object object = {.from = *node(w, 1)};
    AUTO(buf_done) struct buf out = {0};
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__claim_event__init(&body);
    head.node = wire_data(node_id_bytes(node(w, 1)));
    head.stream = wire_data(oid_bytes(id));
    head.seq = seq;
    head.prev = wire_data(oid_bytes(prev));
    head.created_s = (uint64_t)(f->tx.now.ms / 1000);
    head.expires_s = head.created_s + 1000;
    body.head = &head;
    body.recipient = wire_data(node_id_bytes(node(w, OWNER)));
    body.action = action;
    body.notice_uid = wire_data(bytes_of(w->uid, UID_BYTES));
    if (seen)
        body.seen = wire_data(oid_bytes(seen));
    body.quantity = 3;
    identity_sign(f->self, TYPE_CLAIM, wire_pack_arena(&body, f->tx.arena), &out, ret_oid);
    assert_ok(o, envelope_open(arena_bytes(o->tx.arena, buf_bytes(&out)), o->tx.arena,
                               &object.envelope, &o->err));
    object.body = &body;
    object.head = &head;
    assert_ok(o, claim_check(&body, (struct bytes){0}, &o->err));
    assert_ok(o, object_add(&o->tx, &object.envelope, &object.from, head.expires_s, OBJECT_APPLIED,
                            NULL, &o->err));
    assert_ok(o, claim_apply(&o->tx, &object, &said, &o->err));
    return said;
}

static void bad_moves_and_forks_are_refused_and_kept(void **state)
{
    struct claim_world *w = *state;
    struct oid bad, next, fork, agree;
    bool found;
    post(w, 12, true, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    pump(w);
    struct claim claim = claim_at(w, OWNER, &id);
    assert_ok(w->hub[OWNER], claim_last_own(w->hub[OWNER]->tx.store, &claim, node(w, OWNER), &found,
                                            &agree, &w->hub[OWNER]->err));
    struct disposition said = forge(w, &id, 2, &id, &agree, ACTION(RETURNED), &bad);
    assert_int_equal(said.state, REFUSED);
    assert_int_equal(said.code, REFUSAL(BAD_STATE));
    assert_true(said.permanent);
    said = forge(w, &id, 2, &id, &agree, ACTION(UNDER_WAY), &fork);
    assert_int_equal(said.code, REFUSAL(FORKED));
    assert_true(claim_at(w, OWNER, &id).forked);
    said = forge(w, &id, 3, &fork, &agree, ACTION(UNDER_WAY), &next);
    assert_int_equal(said.code, REFUSAL(FORKED));
    said = forge(w, &id, 3, &bad, &agree, ACTION(UNDER_WAY), &next);
    assert_int_equal(said.state, STORED);
    assert_true(said.has_chain_head);
    assert_memory_equal(said.chain_head.b, agree.b, OID_BYTES);
    assert_state(w, &id, OWNER, CLAIM_UNDER_WAY);
    assert_int_equal(query_i64(w->hub[OWNER], "SELECT count(*) FROM object WHERE state = 3"), 3);
    said = forge(w, &id, 4, &next, NULL, ACTION(RELEASE), &fork); /* forgets what it knew */
    assert_int_equal(said.code, REFUSAL(BAD_STATE));
}

static void receipts_and_expiry_of_our_first_event_end_the_claim(void **state)
{
    struct claim_world *w = *state;
    bool known;
    Maillon__Hfp__V1__ReceiptEntry entry;
    maillon__hfp__v1__receipt_entry__init(&entry);
    struct domain_fixture *f = w->hub[1];
    post(w, 12, true, NULL);
    gossip(w);
    struct oid refused = claim_of(w, 1, 2), expired = claim_of(w, 1, 2), unknown = {{1}};
    entry.state = STORED;
    assert_ok(f, claim_on_receipt(&f->tx, node(w, OWNER), &refused, &entry, &known, &f->err));
    assert_true(known);
    assert_state(w, &refused, 1, CLAIM_PROPOSED);
    assert_ok(f, claim_on_receipt(&f->tx, node(w, 2), &refused, &entry, &known, &f->err));
    assert_false(known); /* not from the hub it was sent to */
    assert_ok(f, claim_on_receipt(&f->tx, node(w, OWNER), &unknown, &entry, &known, &f->err));
    assert_false(known);
    entry.state = REFUSED;
    entry.code = REFUSAL(NOT_ACCEPTED);
    entry.permanent = true;
    assert_ok(f, claim_on_receipt(&f->tx, node(w, OWNER), &refused, &entry, &known, &f->err));
    assert_state(w, &refused, 1, CLAIM_REFUSED);
    assert_string_equal(claim_at(w, 1, &refused).view.reason, "not-accepted");
    assert_ok(f, claim_on_expired(&f->tx, node(w, OWNER), &expired, &f->err));
    assert_state(w, &expired, 1, CLAIM_LAPSED);
    pump(w); /* it had come through after all */
    assert_both(w, &expired, 1, CLAIM_AGREED);
}

/* Claims, agreements, releases and deliveries of three claimants in any interleaving. */
static void commitments_never_exceed_what_is_asked(void **state)
{
    struct claim_world *w = *state;
    struct parcel_out list[32];
    struct fake_random random;
    fake_random_init(&random, 5);
    char reserve[] = NOTICE_WAITING_LIST;
    for (int round = 0; round < 8; round++) {
        struct oid ids[64];
        int by[64];
        size_t count = 0;
        post(w, 12, round & 1, round & 2 ? reserve : NULL);
        gossip(w);
        for (int step = 0; step < 150; step++) {
            int hub = 1 + (int)random_below(&random.source, HUBS - 1);
            struct domain_fixture *f = w->hub[hub], *o = w->hub[OWNER];
            size_t some = count ? random_below(&random.source, count) : 0;
            struct claim_draft draft = {.quantity = 1 + (uint32_t)random_below(&random.source, 7)};
            Maillon__Hfp__V1__ClaimAction action =
                (Maillon__Hfp__V1__ClaimAction)(3 + random_below(&random.source, 9));
            struct err why = {0};
            switch (random_below(&random.source, 5)) {
            case 0: {
                struct notice notice = notice_at(w, hub);
                if (count < 64 && claim_create(&f->tx, &notice, &draft, &ids[count], &why))
                    by[count++] = hub;
                break;
            }
            case 1: /* refused ones write nothing */
                if (count && claim_act(&w->hub[by[some]]->tx, &ids[some], action, &draft, &why))
                    break;
                break;
            case 2:
                if (count && query_i64(o, "SELECT count(*) FROM claim") &&
                    claim_act(&o->tx, &ids[some], action, &draft, &why))
                    break;
                break;
            case 3: {
                size_t n = take_out(w, hub, OWNER, list);
                for (size_t i = 0; i < n; i++)
                    deliver(w, &list[i]);
                break;
            }
            default: {
                size_t n = take_out(w, OWNER, hub, list);
                for (size_t i = 0; i < n; i++)
                    deliver(w, &list[i]);
                gossip(w);
            }
            }
            assert_true(query_i64(o, "SELECT count(*) FROM notice WHERE committed > asked") == 0);
            assert_true(query_i64(o, "SELECT coalesce(max(total), 0) FROM (SELECT sum(counted) AS"
                                     " total FROM claim GROUP BY uid) AS sums") <= 12);
            advance(w, 7000);
        }
        pump(w);
        for (size_t i = 0; i < count; i++) {
            struct claim mine = claim_at(w, by[i], &ids[i]), theirs = claim_at(w, OWNER, &ids[i]);
            assert_same_view(&mine.view, &theirs.view);
        }
    }
}

static void lists_show_both_sides(void **state)
{
    struct claim_world *w = *state;
    size_t count;
    struct claim *list;
    post(w, 12, false, NULL);
    gossip(w);
    struct oid one = claim_of(w, 1, 2), two = claim_of(w, 2, 2);
    pump(w);
    act(w, OWNER, &two, ACTION(REFUSE), 0);
    struct domain_fixture *o = w->hub[OWNER];
    struct claim_filter filter = {.box = CLAIM_IN, .uid = w->uid, .limit = 10};
    assert_ok(o, claim_list(o->tx.store, o->tx.arena, &filter, &list, &count, &o->err));
    assert_int_equal(count, 2);
    assert_true(oid_equal(&list[0].claim_id, &one));
    filter.open_only = true;
    assert_ok(o, claim_list(o->tx.store, o->tx.arena, &filter, &list, &count, &o->err));
    assert_int_equal(count, 1);
    assert_true(claim_may(&list[0], ACTION(AGREE), o->tx.now));
    assert_false(claim_may(&list[0], ACTION(RELEASE), o->tx.now));
    assert_false(claim_may(&list[0], ACTION(AGREE_EXTEND), o->tx.now));
    filter.peer = node(w, 2);
    assert_ok(o, claim_list(o->tx.store, o->tx.arena, &filter, &list, &count, &o->err));
    assert_int_equal(count, 0);
}

#define CELL(name) \
    cmocka_unit_test_setup_teardown(name, claim_fixture_setup, claim_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL(any_order_of_arrival_gives_one_state),
        CELL(events_may_come_before_the_claim_itself),
        CELL(bad_moves_and_forks_are_refused_and_kept),
        CELL(receipts_and_expiry_of_our_first_event_end_the_claim),
        CELL(commitments_never_exceed_what_is_asked),
        CELL(lists_show_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
