/*
 * Objects of circles: which set they make in whatever order they come (R-NO-1, R-NO-2), who may put
 * them there (R-NO-9), how much an author may say (R-NO-4), and two signed truths (F22).
 */
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/gossip.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/notice.h"
#include "hub/domain/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/gossip_fixture.h"

struct made {
    uint8_t uid;
    uint32_t version, amount, committed; /* amount 0: withdrawn */
    uint64_t created_s, expires_s, seq;
    const char *what;
};

/* A notice for the circle as the peer signs it. */
static struct inbound_object *sign(struct domain_fixture *f, const struct oid *scope,
                                   const struct made *made)
{
    struct arena *arena = f->tx.arena;
    Maillon__Hfp__V1__Notice *body = arena_alloc(arena, sizeof(*body));
    Maillon__Hfp__V1__NoticeContent *content = arena_alloc(arena, sizeof(*content));
    Maillon__Hfp__V1__Quantity *quantity = arena_alloc(arena, sizeof(*quantity));
    Maillon__Hfp__V1__Head *head = arena_alloc(arena, sizeof(*head));
    uint8_t *uid = arena_alloc(arena, UID_BYTES);
    AUTO(buf_done) struct buf out = {0};
    maillon__hfp__v1__notice__init(body);
    maillon__hfp__v1__notice_content__init(content);
    maillon__hfp__v1__quantity__init(quantity);
    maillon__hfp__v1__head__init(head);
    memset(uid, made->uid, UID_BYTES);
    head->node = wire_data(node_id_bytes(peer_node(f)));
    head->incarnation = 1;
    head->seq = made->seq ? made->seq : made->version;
    head->created_s = made->created_s ? made->created_s : now_s(f);
    head->expires_s = made->expires_s ? made->expires_s : head->created_s + 30 * DAY_S;
    head->scope = wire_data(oid_bytes(scope));
    quantity->amount = made->amount;
    content->kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SHORTAGE;
    content->what = arena_text(arena, made->what ? made->what : "matelas");
    content->committed = made->committed;
    content->quantity = quantity;
    body->head = head;
    body->uid = wire_data(bytes_of(uid, UID_BYTES));
    body->version = made->version;
    body->content = made->amount ? content : NULL;
    struct inbound_object *object = arena_alloc(arena, sizeof(*object));
    object->from = *peer_node(f);
    object->head = head;
    object->body = body;
    identity_sign(f->peer, TYPE_NOTICE, wire_pack_arena(body, arena), &out, &object->envelope.oid);
    assert_ok(
        f, envelope_open(arena_bytes(arena, buf_bytes(&out)), arena, &object->envelope, &f->err));
    return object;
}

/* As the exchange does; what it said. */
static Maillon__Hfp__V1__ReceiptState take(struct domain_fixture *f,
                                           const struct inbound_object *object)
{
    struct disposition said = {0};
    struct object_row row;
    bool found;
    assert_ok(f, object_find(f->tx.store, &object->envelope.oid, &found, &row, &f->err));
    if (found)
        return MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    assert_ok(f, store_savepoint(f->tx.store, &f->err));
    assert_ok(f, object_add(&f->tx, &object->envelope, &object->from, object->head->expires_s,
                            OBJECT_APPLIED, NULL, &f->err));
    assert_ok(f, notice_apply(&f->tx, object, &said, &f->err));
    if (said.state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED)
        assert_ok(f, store_release(f->tx.store, &f->err));
    else
        store_undo(f->tx.store);
    return said.state;
}

static bool taken(struct domain_fixture *f, const struct inbound_object *object)
{
    return take(f, object) == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
}

static size_t set_size(struct domain_fixture *f, const struct oid *scope)
{
    struct gossip_item *items;
    size_t count;
    assert_ok(f, gossip_read_set(f->tx.store, f->tx.arena, oid_bytes(scope), GOSSIP_NOTICES,
                                 f->tx.now, NULL, 1000, &items, &count, &f->err));
    return count;
}

static bool in_set(struct domain_fixture *f, const struct inbound_object *object)
{
    struct gossip_object row;
    bool found;
    assert_ok(f, gossip_get(f->tx.store, f->tx.arena, &object->envelope.oid, f->tx.now, &found,
                            &row, &f->err));
    return found && row.passed_on;
}

static bool shown(struct domain_fixture *f, uint8_t uid, struct notice *ret)
{
    uint8_t id[UID_BYTES];
    bool found;
    memset(id, uid, sizeof id);
    assert_ok(f, notice_find(f->tx.store, peer_node(f), id, &found, ret, &f->err));
    return found;
}

static void a_member_is_heard_and_a_stranger_is_not(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, false), other = {.b = {1}};
    struct notice notice;
    struct inbound_object *object =
        sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5, .what = "lits"});
    assert_false(taken(f, object)); /* R-NO-9 */
    assert_false(taken(
        f, sign(f, &other, &(struct made){.uid = 2, .version = 1, .amount = 5, .what = "lits"})));
    bool held;
    assert_ok(f, gossip_holds(f->tx.store, &object->envelope.oid, &held, &f->err));
    assert_false(held);
    assert_false(shown(f, 1, &notice));

    bool done;
    assert_ok(f, circle_admit(&f->tx, &scope, peer_node(f), "Ressourcerie", &done, &f->err));
    assert_true(taken(f, object));
    assert_true(in_set(f, object));
    assert_true(shown(f, 1, &notice));
    assert_true(count_effects(f, EFFECT_GOSSIP) >= 1);
}

static void a_removed_member_counts_up_to_its_last_object(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    bool done;
    assert_true(
        taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5, .seq = 1})));
    assert_ok(f, circle_remove(&f->tx, &scope, peer_node(f), &done, &f->err));
    assert_false(taken(
        f, sign(f, &scope,
                &(struct made){.uid = 2, .version = 1, .amount = 5, .seq = 90, .created_s = 1})));
    assert_int_equal(set_size(f, &scope), 1);
}

/* Merge of versions is commutative, associative and idempotent: every order, with repetitions,
 * gives one set and one notice shown. */
static void every_order_of_arrival_gives_one_set(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    enum { COUNT = 5 };
    struct inbound_object *objects[COUNT];
    uint64_t at = now_s(f);
    static const uint32_t versions[COUNT] = {1, 2, 3, 3, 3};
    for (unsigned i = 0; i < COUNT; i++)
        objects[i] = sign(f, &scope,
                          &(struct made){.uid = 1,
                                         .version = versions[i],
                                         .amount = 10 + i,
                                         .created_s = at + versions[i] * 400,
                                         .seq = i + 1});
    advance_s(f, 4000);
    unsigned order[COUNT] = {0, 1, 2, 3, 4};
    uint8_t wanted[32] = {0};
    for (unsigned n = 0; n < 120; n++) {
        for (unsigned i = 0, rest = n; i < COUNT; i++) { /* the n-th permutation */
            unsigned pick = i + rest % (COUNT - i), swap = order[i];
            rest /= COUNT - i;
            order[i] = order[pick];
            order[pick] = swap;
        }
        assert_ok(f, store_exec(f->tx.store, "SAVEPOINT one_order", &f->err));
        for (unsigned i = 0; i < COUNT; i++) {
            assert_true(taken(f, objects[order[i]]));
            assert_true(taken(f, objects[order[i / 2]]));
        }
        struct gossip_item *items;
        size_t count;
        struct notice notice;
        assert_ok(f, gossip_read_set(f->tx.store, f->tx.arena, oid_bytes(&scope), GOSSIP_NOTICES,
                                     f->tx.now, NULL, 1000, &items, &count, &f->err));
        assert_int_equal(count, 2); /* the two lowest of the three that contradict each other */
        assert_true(shown(f, 1, &notice));
        assert_true(notice.equivocated);
        assert_true(memcmp(items[0].oid.b, items[1].oid.b, OID_BYTES) < 0);
        assert_true(oid_equal(&notice.oid, &items[0].oid));
        uint8_t got[32];
        digest_sha256_parts(
            (const struct bytes[]){oid_bytes(&items[0].oid), oid_bytes(&items[1].oid)}, 2, got);
        if (n == 0)
            memcpy(wanted, got, sizeof got);
        assert_memory_equal(got, wanted, sizeof got);
        assert_ok(f, store_exec(f->tx.store, "ROLLBACK TO one_order", &f->err));
        assert_ok(f, store_exec(f->tx.store, "RELEASE one_order", &f->err));
    }
}

static void f26_a_withdrawn_notice_stays_withdrawn_until_every_version_is_expired(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    uint64_t end = now_s(f) + 180 * DAY_S;
    struct inbound_object *first =
        sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5, .expires_s = end});
    assert_true(taken(f, first));
    struct inbound_object *other =
        sign(f, &scope, &(struct made){.uid = 1, .version = 2, .amount = 7, .expires_s = end});
    advance_s(f, 3600);
    struct inbound_object *withdrawal = sign(
        f, &scope,
        &(struct made){.uid = 1, .version = 3, .amount = 0, .expires_s = now_s(f) + 180 * DAY_S});
    assert_true(taken(f, withdrawal));
    struct notice notice;
    assert_true(shown(f, 1, &notice));
    assert_int_equal(notice.kind, 0);
    advance_s(f, 179 * DAY_S);
    struct wall next;
    assert_ok(f, gossip_tick(&f->tx, &next, &f->err));
    assert_ok(f, notice_tick(&f->tx, &next, &f->err));
    assert_true(in_set(f, withdrawal)); /* still told to those who come back */
    assert_true(taken(f, other));       /* one that this hub had not seen, from a stale hub */
    assert_false(in_set(f, other));
    assert_true(shown(f, 1, &notice));
    assert_int_equal(notice.kind, 0);
    assert_int_equal(set_size(f, &scope), 1);
    advance_s(f, 40 * DAY_S);
    assert_ok(f, gossip_tick(&f->tx, &next, &f->err));
    assert_int_equal(set_size(f, &scope), 0);
}

static void f22_an_author_who_contradicts_itself_is_held_for_a_person(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    struct notice notice;
    struct gossip_proof *proofs;
    size_t count;
    struct inbound_object *one =
        sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5});
    struct inbound_object *two =
        sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 6});
    assert_true(taken(f, one));
    assert_true(taken(f, two));
    assert_int_equal(set_size(f, &scope), 2); /* both are the proof, both are passed on */
    assert_ok(f, gossip_review(f->tx.store, f->tx.arena, &proofs, &count, &f->err));
    assert_int_equal(count, 1);
    assert_true(node_id_equal(&proofs[0].author, peer_node(f)));
    assert_int_equal(proofs[0].held, 0);

    struct inbound_object *later =
        sign(f, &scope, &(struct made){.uid = 2, .version = 1, .amount = 9});
    assert_true(taken(f, later));
    assert_true(in_set(f, later));
    assert_false(shown(f, 2, &notice));
    assert_ok(f, gossip_review(f->tx.store, f->tx.arena, &proofs, &count, &f->err));
    assert_int_equal(proofs[0].held, 1);

    assert_ok(f, gossip_release(&f->tx, peer_node(f), &f->err));
    assert_true(shown(f, 2, &notice));
    assert_err(f, ERR_UNKNOWN, gossip_release(&f->tx, peer_node(f), &f->err));
    assert_true(taken(f, sign(f, &scope, &(struct made){.uid = 3, .version = 1, .amount = 9})));
    assert_true(shown(f, 3, &notice));
}

static void an_author_has_a_budget_and_excess_is_kept_but_not_passed_on(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    for (uint8_t i = 0; i < GOSSIP_BUDGET_BURST; i++)
        assert_true(
            taken(f, sign(f, &scope,
                          &(struct made){.uid = (uint8_t)(10 + i), .version = 1, .amount = 5})));
    assert_int_equal(set_size(f, &scope), GOSSIP_BUDGET_BURST);
    struct inbound_object *excess =
        sign(f, &scope, &(struct made){.uid = 90, .version = 1, .amount = 5});
    struct notice notice;
    assert_true(taken(f, excess));
    assert_false(in_set(f, excess));
    assert_true(shown(f, 90, &notice));
    advance_s(f, DAY_S / GOSSIP_BUDGET_DAY + 1); /* one more is earned */
    struct inbound_object *next =
        sign(f, &scope, &(struct made){.uid = 91, .version = 1, .amount = 5});
    assert_true(taken(f, next));
    assert_true(in_set(f, next));
}

static void versions_of_one_notice_keep_their_distance(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    static const struct {
        const char *why, *what;
        int64_t after_s;
        uint32_t amount, committed;
        bool passed_on;
    } steps[] = {
        {"the first", "lits", 0, 5, 0, true},
        {"progress too soon", "lits", 29, 5, 1, false},
        {"progress", "lits", 1, 5, 2, true},
        {"a change too soon", "lits pliants", 299, 5, 2, false},
        {"a change", "lits de camp", 1, 5, 2, true},
        {"nothing new before half of its life", "lits de camp", 14 * DAY_S, 5, 2, false},
        {"renewal after half of its life", "lits de camp", 16 * DAY_S, 5, 2, true},
        {"a withdrawal at once", NULL, 1, 0, 0, true},
        {"which needs no repetition", NULL, 1, 0, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        advance_s(f, steps[i].after_s);
        struct inbound_object *object = sign(f, &scope,
                                             &(struct made){.uid = 1,
                                                            .version = (uint32_t)i + 1,
                                                            .amount = steps[i].amount,
                                                            .committed = steps[i].committed,
                                                            .what = steps[i].what});
        assert_true(taken(f, object));
        if (in_set(f, object) != steps[i].passed_on)
            fail_msg("%s", steps[i].why);
    }
}

static void what_is_expired_is_in_no_set(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    assert_true(taken(
        f, sign(f, &scope,
                &(struct made){.uid = 1, .version = 1, .amount = 5, .expires_s = now_s(f) + 60})));
    assert_int_equal(set_size(f, &scope), 1);
    advance_s(f, 60);
    assert_int_equal(set_size(f, &scope), 0);
}

static void a_circle_holds_a_hundred_thousand_objects_and_not_one_more(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    char sql[160];
    assert_true(taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5})));
    snprintf(sql, sizeof sql, "UPDATE gossip_count SET size = %d WHERE part = 1",
             GOSSIP_SET_MAX - 1);
    assert_ok(f, store_exec(f->tx.store, sql, &f->err));
    assert_true(taken(f, sign(f, &scope, &(struct made){.uid = 2, .version = 1, .amount = 5})));
    assert_false(taken(f, sign(f, &scope, &(struct made){.uid = 3, .version = 1, .amount = 5})));
    advance_s(f, 3600); /* a newer version needs no more room */
    assert_true(
        taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 2, .amount = 6, .seq = 9})));
}

static void this_hubs_card_is_told_to_its_circles_once(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    struct card card = {.name = "CCAS de Redon", .phone = "02 99 71 00 00", .commune = "35236"};
    struct gossip_member member;
    struct wall next;
    bool found;
    uint32_t before, count;
    assert_ok(f, gossip_tick(&f->tx, &next, &f->err));
    assert_ok(f, gossip_count(f->tx.store, oid_bytes(&scope), GOSSIP_ENTRIES, &before, &f->err));
    assert_ok(f, card_set(&f->tx, &card, &f->err));
    for (int i = 0; i < 3; i++)
        assert_ok(f, gossip_tick(&f->tx, &next, &f->err));
    assert_ok(f, gossip_count(f->tx.store, oid_bytes(&scope), GOSSIP_ENTRIES, &count, &f->err));
    assert_int_equal(count, before + 1);
    assert_ok(f, gossip_member(f->tx.store, identity_node(f->self), &found, &member, &f->err));
    assert_true(found);
    assert_string_equal(member.name, "CCAS de Redon");
    Maillon__Hfp__V1__DirectoryEntry *entry;
    assert_ok(f, gossip_entry(f->tx.store, f->tx.arena, identity_node(f->self), f->tx.now, &entry,
                              &f->err));
    assert_non_null(entry);
    assert_memory_equal(entry->head->scope.data, scope.b, OID_BYTES);

    advance_s(f, 91 * DAY_S); /* half of its life */
    assert_ok(f, authoring_clock_compared(&f->tx, 0, &f->err));
    assert_ok(f, gossip_tick(&f->tx, &next, &f->err));
    assert_ok(f, gossip_count(f->tx.store, oid_bytes(&scope), GOSSIP_ENTRIES, &count, &f->err));
    assert_int_equal(count, before + 1); /* a newer version took the place of the older */
    assert_ok(f, gossip_entry(f->tx.store, f->tx.arena, identity_node(f->self), f->tx.now, &entry,
                              &f->err));
    assert_true(entry->head->created_s == now_s(f));
}

/* ---- authors that a person or their own keys have put aside ---- */

static void what_a_blocked_author_said_is_in_no_set_and_comes_back_when_it_is_not(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    struct inbound_object *object =
        sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5});
    assert_true(taken(f, object));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_BLOCKED, &f->err)); /* R-AB-4 */
    assert_false(in_set(f, object));
    assert_int_equal(set_size(f, &scope), 0);
    assert_false(taken(f, sign(f, &scope, &(struct made){.uid = 2, .version = 1, .amount = 5})));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err)); /* unblocked */
    assert_true(in_set(f, object));
    assert_int_equal(set_size(f, &scope), 1);
}

/* F13 comes upon F22: the freeze hides both sides of the contradiction and what waits; the person
 * who settles the keys has not yet looked at the notices. */
static void f13_a_frozen_author_is_in_no_set_and_f22_holds_on_after_the_freeze(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    struct notice notice;
    struct inbound_object *objects[3];
    for (uint8_t i = 0; i < 3; i++) {
        objects[i] = sign(
            f, &scope,
            &(struct made){.uid = i < 2 ? 1 : 2, .version = 1, .amount = 5u + i, .seq = 1u + i});
        assert_true(taken(f, objects[i]));
    }
    assert_int_equal(set_size(f, &scope), 3);
    assert_false(shown(f, 2, &notice)); /* held: its author contradicted itself */
    assert_ok(f, store_exec(f->tx.store, "UPDATE node_key SET duplicity = 1", &f->err));
    for (unsigned i = 0; i < 3; i++)
        assert_false(in_set(f, objects[i]));
    assert_int_equal(set_size(f, &scope), 0);
    assert_false(taken(f, sign(f, &scope, &(struct made){.uid = 3, .version = 1, .amount = 5})));
    assert_ok(f, node_keys_settle(&f->tx, peer_node(f), &f->err));
    assert_int_equal(set_size(f, &scope), 3);
    assert_false(shown(f, 2, &notice));
    assert_ok(f, gossip_release(&f->tx, peer_node(f), &f->err));
    assert_true(shown(f, 2, &notice));
}

/* ---- what one author, or one who is no concern of ours, may not do ---- */

static void one_author_cannot_fill_the_set_of_all(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    assert_true(taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5})));
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(f->tx.store,
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
                 " INSERT INTO gossip_object (oid, scope, part, author, key, version, created_s,"
                 " expires_s, keep_s, passed_on, passed_s, held)"
                 " SELECT CAST(printf('%032d', i) AS BLOB), scope, part, author,"
                 " CAST(printf('%016d', i) AS BLOB), 1, created_s, expires_s, keep_s, 0, 0, 0"
                 " FROM n, gossip_object WHERE part = 1",
                 &f->err);
    assert_non_null(stmt);
    stmt_bind_i64(stmt, 1, 2 * GOSSIP_AUTHOR_MAX - 2);
    assert_ok(f, stmt_run(stmt, &f->err));
    assert_true(taken(f, sign(f, &scope, &(struct made){.uid = 2, .version = 1, .amount = 5})));
    assert_false(taken(f, sign(f, &scope, &(struct made){.uid = 3, .version = 1, .amount = 5})));
    /* What it has said already it can still take back. */
    assert_true(taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 2})));
}

static void rno8_a_circle_that_nobody_here_joined_puts_nothing_on_show(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    static const char *const words[] = {"'invited'", "'left'", "'removed'", "'none'"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char sql[64];
        snprintf(sql, sizeof(sql), "UPDATE circle SET ours = %s", words[i]);
        assert_ok(f, store_exec(f->tx.store, sql, &f->err));
        assert_false(
            taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5})));
    }
    assert_ok(f, store_exec(f->tx.store, "UPDATE circle SET ours = 'member'", &f->err));
    assert_true(taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5})));
}

/* R-AB-3: whoever brings them, by gossip too. */
static void notices_of_a_hub_that_is_switched_off_or_paused_here_are_not_taken(void **state)
{
    struct domain_fixture *f = *state;
    struct oid scope = make_circle(f, true);
    assert_ok(f, relation_set_switches(&f->tx, peer_node(f), SWITCH_NOTICES_IN, 0, &f->err));
    assert_false(taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5})));
    assert_ok(f, relation_set_switches(&f->tx, peer_node(f), SWITCH_NOTICES_IN, SWITCH_NOTICES_IN,
                                       &f->err));
    assert_true(taken(f, sign(f, &scope, &(struct made){.uid = 1, .version = 1, .amount = 5})));
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err));
    assert_false(taken(f, sign(f, &scope, &(struct made){.uid = 2, .version = 1, .amount = 5})));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_member_is_heard_and_a_stranger_is_not),
        TEST(a_removed_member_counts_up_to_its_last_object),
        TEST(every_order_of_arrival_gives_one_set),
        TEST(f26_a_withdrawn_notice_stays_withdrawn_until_every_version_is_expired),
        TEST(f22_an_author_who_contradicts_itself_is_held_for_a_person),
        TEST(an_author_has_a_budget_and_excess_is_kept_but_not_passed_on),
        TEST(versions_of_one_notice_keep_their_distance),
        TEST(what_is_expired_is_in_no_set),
        TEST(a_circle_holds_a_hundred_thousand_objects_and_not_one_more),
        TEST(this_hubs_card_is_told_to_its_circles_once),
        TEST(what_a_blocked_author_said_is_in_no_set_and_comes_back_when_it_is_not),
        TEST(f13_a_frozen_author_is_in_no_set_and_f22_holds_on_after_the_freeze),
        TEST(notices_of_a_hub_that_is_switched_off_or_paused_here_are_not_taken),
        TEST(rno8_a_circle_that_nobody_here_joined_puts_nothing_on_show),
        TEST(one_author_cannot_fill_the_set_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
