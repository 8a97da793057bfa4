/*
 * Objects of circles whose type only a later version knows: kept unread and passed on, so that a
 * hub in the middle does not cut new features off (R-VE-3).
 */
#include "hub/crypto/wire.h"
#include "hub/domain/gossip.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/object.h"
#include "hub/opener.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/gossip_fixture.h"

struct later { /* an object that only a later version can read */
    uint64_t seq, created_s, life_s;
    size_t size; /* of its body, beside the head */
    bool forged;
};

static enum opened open_later(struct domain_fixture *f, const struct oid *scope,
                              const struct later *later, bool keeps_unread,
                              struct inbound_object *ret)
{
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Unread unread = MAILLON__HFP__V1__UNREAD__INIT;
    uint32_t critical[] = {2};
    Maillon__Hfp__V1__RefusalCode refusal;
    struct kel kel;
    bool found;
    AUTO(buf_done) struct buf body = {0}, out = {0};
    struct oid oid;
    head.node = wire_data(node_id_bytes(peer_node(f)));
    head.incarnation = 1;
    head.seq = later->seq;
    uint8_t prev[OID_BYTES] = {1};
    if (later->seq > 1)
        head.prev = wire_data(bytes_of(prev, sizeof prev));
    head.created_s = later->created_s ? later->created_s : now_s(f);
    head.expires_s = head.created_s + (later->life_s ? later->life_s : 30 * DAY_S);
    head.scope = wire_data(oid_bytes(scope));
    head.critical = critical; /* who shows it must know field 2; who carries it need not */
    head.n_critical = 1;
    unread.head = &head;
    wire_pack(&unread, &body);
    buf_add(&body,
            (const uint8_t[]){0x12, 0x80 | (later->size & 0x7f), (uint8_t)(later->size >> 7)}, 3);
    for (size_t i = 0; i < later->size; i++)
        buf_add(&body, "?", 1);
    identity_sign(f->peer, "application/vnd.example.ballot.v1", buf_bytes(&body), &out, &oid);
    if (later->forged)
        out.data[out.len - 1] ^= 1;
    assert_ok(f, node_keys_read(f->tx.store, peer_node(f), &found, &kel, &f->err));
    struct opener opener = {
        .self = f->self, .peer = kel, .now = f->tx.now, .keeps_unread = keeps_unread};
    struct parcel parcel = {.object = arena_bytes(f->tx.arena, buf_bytes(&out))};
    return opener_open_parcel(&opener, &parcel, false, 2, f->tx.arena, ret, &refusal, &f->err);
}

static bool passed_on(struct domain_fixture *f, const struct inbound_object *object)
{
    struct gossip_object row;
    bool found;
    assert_ok(f, gossip_get(f->tx.store, f->tx.arena, &object->envelope.oid, f->tx.now, &found,
                            &row, &f->err));
    return found && row.passed_on && row.set == GOSSIP_OTHERS;
}

static bool take_later(struct domain_fixture *f, const struct oid *scope, const struct later *later)
{
    struct inbound_object object;
    struct disposition said = {0};
    assert_int_equal(open_later(f, scope, later, true, &object), OPENED_OK);
    assert_ptr_equal(object.kind, &kind_opaque);
    assert_ok(f, store_savepoint(f->tx.store, &f->err));
    assert_ok(f, object_add(&f->tx, &object.envelope, &object.from, object.head->expires_s,
                            OBJECT_APPLIED, NULL, &f->err));
    assert_ok(f, object.kind->apply(&f->tx, &object, &said, &f->err));
    bool taken = said.state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    if (taken)
        assert_ok(f, store_release(f->tx.store, &f->err));
    else
        store_undo(f->tx.store);
    if (taken)
        assert_true(passed_on(f, &object));
    return taken;
}

static void r_ve_3_a_type_of_a_later_version_is_kept_unread_within_bounds(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true), other = {.b = {1}};
    struct inbound_object object;
    struct object_row row;
    uint32_t count;
    bool found;
    assert_int_equal(open_later(f, &scope, &(struct later){.seq = 1}, false, &object),
                     OPENED_REFUSED); /* on a lane nobody can say what it is for */
    assert_int_equal(
        open_later(f, &scope, &(struct later){.seq = 1, .forged = true}, true, &object),
        OPENED_BAD);
    assert_int_equal(open_later(f, &scope, &(struct later){.seq = 1, .size = 16383}, true, &object),
                     OPENED_REFUSED);
    assert_int_equal(
        open_later(f, &scope, &(struct later){.seq = 1, .life_s = 181 * DAY_S}, true, &object),
        OPENED_REFUSED);
    assert_false(take_later(f, &other, &(struct later){.seq = 1})); /* of no circle here */
    assert_true(take_later(f, &scope, &(struct later){.seq = 1, .size = 16000}));
    assert_ok(f, gossip_count(f->tx.store, oid_bytes(&scope), GOSSIP_OTHERS, &count, &f->err));
    assert_int_equal(count, 1);
    assert_ok(f, gossip_count(f->tx.store, oid_bytes(&scope), GOSSIP_NOTICES, &count, &f->err));
    assert_int_equal(count, 0);
    assert_int_equal(open_later(f, &scope, &(struct later){.seq = 1, .size = 16000}, true, &object),
                     OPENED_OK);
    assert_ok(f, object_find(f->tx.store, &object.envelope.oid, &found, &row, &f->err));
    assert_true(found && row.state == OBJECT_PENDING); /* never applied */

    for (uint64_t seq = 2; seq <= GOSSIP_BUDGET_BURST; seq++)
        assert_true(take_later(f, &scope, &(struct later){.seq = seq}));
    assert_false(take_later(f, &scope, &(struct later){.seq = 90})); /* over its budget: not kept */
    uint64_t seq = GOSSIP_BUDGET_BURST;
    while (seq < GOSSIP_OTHERS_MAX) {
        advance_s(f, DAY_S / GOSSIP_BUDGET_DAY + 1);
        assert_true(take_later(f, &scope, &(struct later){.seq = ++seq}));
    }
    advance_s(f, DAY_S);
    assert_false(take_later(f, &scope, &(struct later){.seq = seq + 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            r_ve_3_a_type_of_a_later_version_is_kept_unread_within_bounds, domain_fixture_setup,
            domain_fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
