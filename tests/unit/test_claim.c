/* Claims between hubs that exchange real sealed events: who may what, and what is left. */
#include "hub/crypto/seal.h"
#include "hub/crypto/wire.h"
#include "hub/domain/claim.h"
#include "hub/domain/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

#define ACTION(name)  MAILLON__HFP__V1__CLAIM_ACTION__CLAIM_ACTION_##name
#define REFUSAL(name) MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_##name
#define STORED        MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED
#define REFUSED       MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED
#define HUBS          4 /* the first owns the notice, the others claim */
#define OWNER         0

struct world {
    struct domain_fixture *hub[HUBS];
    uint64_t sent[HUBS][HUBS]; /* link_seq taken out of the outbox of a, for b */
    uint8_t uid[UID_BYTES];
};

/* Each knows the other, both accepted, with keys to seal to. */
static void meet(struct domain_fixture *a, struct domain_fixture *b)
{
    size_t count;
    struct identity *peer = a->peer;
    a->peer = b->self;
    befriend(a);
    const struct seal_key *const *keys = identity_enc_keys(b->self, &count);
    send_entry(a, 1, keys[0]);
    a->peer = peer;
}

static int setup(void **state)
{
    struct world *w = mem_alloc(sizeof(*w));
    for (int i = 0; i < HUBS; i++) {
        void *hub;
        domain_fixture_setup(&hub);
        w->hub[i] = hub;
        fake_random_init(&w->hub[i]->random, 100 + (uint64_t)i);
        identity_free(w->hub[i]->self);
        w->hub[i]->self = identity_create_memory(&w->hub[i]->random.source, w->hub[i]->tx.now);
        w->hub[i]->tx.self = w->hub[i]->self;
    }
    for (int i = 1; i < HUBS; i++) {
        meet(w->hub[OWNER], w->hub[i]);
        meet(w->hub[i], w->hub[OWNER]);
    }
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < HUBS; i++) {
        void *hub = w->hub[i];
        domain_fixture_teardown(&hub);
    }
    free(w);
    return 0;
}

static const struct node_id *node(const struct world *w, int hub)
{
    return identity_node(w->hub[hub]->self);
}

/* One sealed event on its way. */
struct parcel_out {
    int from, to;
    struct bytes sealed;
};

static size_t take_out(struct world *w, int from, int to, struct parcel_out *list)
{
    size_t count;
    struct outbox_item *items;
    struct domain_fixture *f = w->hub[from];
    assert_ok(f, outbox_read(f->tx.store, f->tx.arena, node(w, to), 1, w->sent[from][to], 32,
                             1 << 20, f->tx.now, &items, &count, &f->err));
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct parcel_out){from, to, items[i].sealed};
        w->sent[from][to] = items[i].link_seq;
    }
    return count;
}

static struct disposition deliver(struct world *w, const struct parcel_out *out)
{
    size_t key_count;
    bool found;
    struct parcel parcel;
    struct object_row row;
    struct disposition said = {0};
    struct inbound_object object = {.from = *node(w, out->from)};
    struct domain_fixture *f = w->hub[out->to];
    const struct seal_key *const *keys = identity_enc_keys(f->self, &key_count);
    assert_ok(f, seal_open_parcel(keys, key_count, out->sealed, f->tx.arena, &parcel, &f->err));
    assert_ok(f, envelope_open(parcel.object, f->tx.arena, &object.envelope, &f->err));
    const Maillon__Hfp__V1__ClaimEvent *body = wire_unpack(
        &maillon__hfp__v1__claim_event__descriptor, object.envelope.body, f->tx.arena, &f->err);
    assert_non_null(body);
    object.body = body;
    object.head = body->head;
    object.payload = parcel.payload;
    assert_ok(f, head_check_shape(object.head, &f->err));
    assert_ok(f, claim_check(body, parcel.payload, &f->err));
    assert_ok(f, object_find(f->tx.store, &object.envelope.oid, &found, &row, &f->err));
    if (found) { /* R-PD-7: exchange replays the receipt */
        said.state = STORED;
        return said;
    }
    assert_ok(f, object_add(&f->tx, &object.envelope, &object.from, object.head->expires_s,
                            OBJECT_APPLIED, NULL, &f->err));
    assert_ok(f, claim_apply(&f->tx, &object, &said, &f->err));
    return said;
}

static void pump(struct world *w)
{
    struct parcel_out list[32];
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 1; i < HUBS; i++)
            for (int back = 0; back < 2; back++) {
                size_t count = take_out(w, back ? OWNER : i, back ? i : OWNER, list);
                moved = moved || count;
                for (size_t k = 0; k < count; k++)
                    assert_int_equal(deliver(w, &list[k]).state, STORED);
            }
    }
}

static void post(struct world *w, uint32_t amount, bool first_come, char *restriction)
{
    char what[] = "matelas", unit[] = "matelas", role[] = "accueil";
    Maillon__Hfp__V1__NoticeContent content;
    Maillon__Hfp__V1__Quantity quantity;
    maillon__hfp__v1__notice_content__init(&content);
    maillon__hfp__v1__quantity__init(&quantity);
    quantity.amount = amount;
    quantity.unit = unit;
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SHORTAGE;
    content.what = what;
    content.contact_role = role;
    content.quantity = &quantity;
    content.first_come = first_come;
    content.restriction = &restriction;
    content.n_restriction = restriction ? 1 : 0;
    const struct notice_draft draft = {.content = &content};
    struct domain_fixture *f = w->hub[OWNER];
    assert_ok(f, notice_post(&f->tx, &draft, w->uid, &f->err));
}

static struct notice notice_at(struct world *w, int hub)
{
    bool found;
    struct notice notice = {0};
    struct domain_fixture *f = w->hub[hub];
    assert_ok(f, notice_find(f->tx.store, node(w, OWNER), w->uid, &found, &notice, &f->err));
    assert_true(found);
    return notice;
}

/* The owner's newest version reaches the claimants. */
static void gossip(struct world *w)
{
    struct object_row row;
    struct domain_fixture *o = w->hub[OWNER];
    struct notice notice = notice_at(w, OWNER);
    bool found;
    for (int i = 1; i < HUBS; i++) {
        struct domain_fixture *f = w->hub[i];
        struct disposition said = {0};
        struct inbound_object object = {.from = *node(w, OWNER)};
        assert_ok(f, object_get(o->tx.store, f->tx.arena, &notice.oid, &found, &row, &f->err));
        assert_ok(f, envelope_open(row.bytes, f->tx.arena, &object.envelope, &f->err));
        const Maillon__Hfp__V1__Notice *body = wire_unpack(
            &maillon__hfp__v1__notice__descriptor, object.envelope.body, f->tx.arena, &f->err);
        object.body = body;
        object.head = body->head;
        assert_ok(f, object_find(f->tx.store, &notice.oid, &found, &row, &f->err));
        if (found)
            continue;
        assert_ok(f, object_add(&f->tx, &object.envelope, &object.from, object.head->expires_s,
                                OBJECT_APPLIED, NULL, &f->err));
        assert_ok(f, notice_apply(&f->tx, &object, &said, &f->err));
    }
}

static struct oid claim_of(struct world *w, int hub, uint32_t quantity)
{
    struct oid id;
    struct domain_fixture *f = w->hub[hub];
    struct notice notice = notice_at(w, hub);
    const struct claim_draft draft = {.quantity = quantity,
                                      .contact_role = "accueil",
                                      .phone = "02 99 00 00 00",
                                      .pick_up = "porte bleue"};
    assert_ok(f, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    return id;
}

static struct claim claim_at(struct world *w, int hub, const struct oid *id)
{
    char hex[2 * OID_BYTES + 1];
    struct claim claim = {0};
    struct domain_fixture *f = w->hub[hub];
    assert_ok(f, claim_resolve(f->tx.store, f->tx.arena, hex_encode(oid_bytes(id), hex), &claim,
                               &f->err));
    return claim;
}

static void act(struct world *w, int hub, const struct oid *id,
                Maillon__Hfp__V1__ClaimAction action, uint32_t quantity)
{
    struct domain_fixture *f = w->hub[hub];
    const struct claim_draft draft = {.quantity = quantity};
    assert_ok(f, claim_act(&f->tx, id, action, &draft, &f->err));
}

static void advance(struct world *w, int64_t ms)
{
    for (int i = 0; i < HUBS; i++)
        w->hub[i]->tx.now.ms += ms;
}

#define assert_state(w, id, hub, expected)                                 \
    assert_string_equal(claim_state_name(claim_at(w, hub, id).view.state), \
                        claim_state_name(expected))
#define assert_both(w, id, hub, expected)     \
    do {                                      \
        assert_state(w, id, hub, expected);   \
        assert_state(w, id, OWNER, expected); \
    } while (0)

static void twelve_asked_eight_committed_four_remaining(void **state)
{
    struct world *w = *state;
    post(w, 12, true, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 8);
    assert_state(w, &id, 1, CLAIM_PROPOSED);
    pump(w);
    assert_both(w, &id, 1, CLAIM_AGREED);
    struct notice notice = notice_at(w, OWNER);
    assert_int_equal(notice.version, 2); /* told at once */
    gossip(w);
    notice = notice_at(w, 3);
    assert_int_equal(notice.asked, 12);
    assert_int_equal(notice.committed, 8);
    assert_int_equal(notice_remaining(&notice), 4);
    assert_string_equal(claim_at(w, OWNER, &id).pick_up, "porte bleue");
    assert_string_equal(claim_at(w, 1, &id).contact_role, "accueil");
    act(w, 1, &id, ACTION(UNDER_WAY), 0);
    act(w, 1, &id, ACTION(DELIVERED), 7);
    pump(w);
    assert_both(w, &id, 1, CLAIM_DELIVERED);
    assert_int_equal(claim_at(w, OWNER, &id).view.delivered, 7);
    notice = notice_at(w, OWNER);
    assert_int_equal(notice_remaining(&notice), 5);
}

static void who_comes_after_all_is_gone_is_refused(void **state)
{
    struct world *w = *state;
    post(w, 12, true, NULL);
    gossip(w);
    struct oid first = claim_of(w, 1, 8), second = claim_of(w, 2, 8), third = claim_of(w, 3, 4);
    pump(w);
    assert_both(w, &first, 1, CLAIM_AGREED);
    assert_both(w, &second, 2, CLAIM_REFUSED);
    assert_string_equal(claim_at(w, 2, &second).view.reason, "not-enough-left");
    assert_both(w, &third, 3, CLAIM_AGREED);
    struct oid late;
    struct domain_fixture *f = w->hub[2];
    const struct claim_draft draft = {.quantity = 1};
    struct notice stale = notice_at(w, 2);
    assert_ok(f, claim_create(&f->tx, &stale, &draft, &late, &f->err));
    pump(w);
    assert_string_equal(claim_at(w, 2, &late).view.reason, "nothing-left");
    assert_string_equal(notice_status(&(struct notice){.kind = 1,
                                                       .asked = 12,
                                                       .committed = 12,
                                                       .expires_s = UINT64_MAX / 2,
                                                       .created_s = UINT64_MAX / 2},
                                      f->tx.now),
                        "filled");
}

static void the_waiting_list_moves_up_in_order(void **state)
{
    struct world *w = *state;
    char reserve[] = NOTICE_WAITING_LIST;
    post(w, 10, true, reserve);
    gossip(w);
    struct oid first = claim_of(w, 1, 8), second = claim_of(w, 2, 5), third = claim_of(w, 3, 5);
    pump(w);
    assert_both(w, &second, 2, CLAIM_WAITING);
    assert_both(w, &third, 3, CLAIM_WAITING);
    assert_int_equal(notice_at(w, OWNER).committed, 8);
    act(w, 1, &first, ACTION(RELEASE), 0);
    pump(w);
    assert_both(w, &first, 1, CLAIM_RELEASED);
    assert_both(w, &second, 2, CLAIM_AGREED);
    assert_both(w, &third, 3, CLAIM_AGREED);
    assert_int_equal(notice_at(w, OWNER).committed, 10);
}

static void a_person_agrees_to_part_of_a_proposal(void **state)
{
    struct world *w = *state;
    post(w, 6, false, NULL);
    gossip(w);
    struct oid first = claim_of(w, 1, 5), second = claim_of(w, 2, 4);
    pump(w);
    assert_both(w, &first, 1, CLAIM_PROPOSED);
    assert_int_equal(notice_at(w, OWNER).committed, 0); /* holding is not committing */
    act(w, OWNER, &first, ACTION(AGREE), 0);
    struct domain_fixture *o = w->hub[OWNER];
    const struct claim_draft four = {.quantity = 4};
    assert_err(o, ERR_CONFLICT, claim_act(&o->tx, &second, ACTION(AGREE), &four, &o->err));
    assert_non_null(strstr(o->err.msg, "only 1 remain"));
    act(w, OWNER, &second, ACTION(AGREE), 1);
    pump(w);
    assert_both(w, &second, 2, CLAIM_AGREED);
    assert_int_equal(claim_at(w, 2, &second).view.agreed, 1);
    assert_int_equal(notice_at(w, OWNER).committed, 6);
    struct domain_fixture *f = w->hub[1];
    const struct claim_draft none = {0};
    assert_err(f, ERR_DENIED, claim_act(&f->tx, &first, ACTION(AGREE), &none, &f->err));
    assert_err(o, ERR_DENIED, claim_act(&o->tx, &first, ACTION(RELEASE), &none, &o->err));
}

static void a_proposal_lapses_after_its_hold(void **state)
{
    struct world *w = *state;
    struct wall next;
    post(w, 6, false, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 5);
    pump(w);
    advance(w, CLAIM_HOLD_S * INT64_C(1000) - 1);
    struct domain_fixture *o = w->hub[OWNER];
    assert_ok(o, claim_tick(&o->tx, &next, &o->err));
    assert_int_equal(next.ms, o->tx.now.ms + 1);
    advance(w, 1);
    struct claim claim = claim_at(w, 1, &id);
    assert_int_equal(claim_state_now(&claim, w->hub[1]->tx.now), CLAIM_LAPSED);
    assert_ok(o, claim_tick(&o->tx, &next, &o->err));
    assert_int_equal(next.ms, INT64_MAX);
    pump(w);
    assert_both(w, &id, 1, CLAIM_LAPSED);
}

static void what_is_asked_back_is_released_without_an_answer(void **state)
{
    struct world *w = *state;
    struct wall next;
    post(w, 6, true, NULL);
    gossip(w);
    struct oid silent = claim_of(w, 1, 3), busy = claim_of(w, 2, 3);
    pump(w);
    act(w, OWNER, &silent, ACTION(ASK_RELEASE), 0);
    act(w, OWNER, &busy, ACTION(ASK_RELEASE), 0);
    pump(w);
    act(w, 2, &busy, ACTION(UNDER_WAY), 0);
    pump(w);
    advance(w, CLAIM_HOLD_S * INT64_C(1000));
    struct domain_fixture *o = w->hub[OWNER];
    assert_ok(o, claim_tick(&o->tx, &next, &o->err));
    pump(w);
    assert_both(w, &silent, 1, CLAIM_RELEASED);
    assert_both(w, &busy, 2, CLAIM_UNDER_WAY);
    assert_int_equal(notice_at(w, OWNER).committed, 3);
}

static void a_loan_is_extended_and_returned(void **state)
{
    struct world *w = *state;
    post(w, 6, true, NULL);
    gossip(w);
    struct oid id = claim_of(w, 1, 3);
    pump(w);
    act(w, 1, &id, ACTION(DELIVERED), 0);
    const struct claim_draft longer = {.until_s = (uint64_t)(w->hub[1]->tx.now.ms / 1000) + 86400};
    assert_ok(w->hub[1], claim_act(&w->hub[1]->tx, &id, ACTION(EXTEND), &longer, &w->hub[1]->err));
    pump(w);
    act(w, OWNER, &id, ACTION(AGREE_EXTEND), 0);
    pump(w);
    assert_int_equal(claim_at(w, 1, &id).view.until_s, longer.until_s);
    act(w, OWNER, &id, ACTION(RETURNED), 0);
    pump(w);
    assert_both(w, &id, 1, CLAIM_RETURNED);
    assert_int_equal(notice_at(w, OWNER).committed, 0);
    assert_int_equal(notice_at(w, OWNER).delivered, 3);
}

static void withdrawing_ends_every_claim_and_tells(void **state)
{
    struct world *w = *state;
    post(w, 6, true, NULL);
    gossip(w);
    struct oid agreed = claim_of(w, 1, 3), delivered = claim_of(w, 2, 2);
    pump(w);
    act(w, 2, &delivered, ACTION(DELIVERED), 0);
    pump(w);
    struct oid late = claim_of(w, 3, 1); /* on its way when the notice goes */
    struct domain_fixture *o = w->hub[OWNER];
    assert_ok(o, claim_withdraw_notice(&o->tx, w->uid, "trouvé", &o->err));
    pump(w);
    assert_both(w, &agreed, 1, CLAIM_RELEASED);
    assert_string_equal(claim_at(w, 1, &agreed).view.reason, "withdrawn");
    assert_both(w, &delivered, 2, CLAIM_DELIVERED);
    assert_both(w, &late, 3, CLAIM_REFUSED);
    gossip(w);
    struct oid id;
    struct notice notice = notice_at(w, 3);
    const struct claim_draft draft = {.quantity = 1};
    assert_err(w->hub[3], ERR_CONFLICT,
               claim_create(&w->hub[3]->tx, &notice, &draft, &id, &w->hub[3]->err));
}

static void claims_that_cannot_be_are_refused_here(void **state)
{
    struct world *w = *state;
    struct oid id, again;
    post(w, 6, true, NULL);
    gossip(w);
    struct domain_fixture *f = w->hub[1], *o = w->hub[OWNER];
    struct notice notice = notice_at(w, 1);
    struct claim_draft draft = {.quantity = 7};
    assert_err(f, ERR_CONFLICT, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    draft.quantity = 0;
    assert_err(f, ERR_INVALID, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    draft.quantity = 2;
    assert_err(o, ERR_CONFLICT, claim_create(&o->tx, &notice, &draft, &id, &o->err));
    draft.pick_up = "marie.durand@exemple.fr";
    assert_err(f, ERR_INVALID, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    draft.pick_up = NULL;
    draft.request_key = "once";
    assert_ok(f, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    assert_ok(f, claim_create(&f->tx, &notice, &draft, &again, &f->err));
    assert_true(oid_equal(&id, &again));
    assert_ok(f, relation_set_switches(&f->tx, node(w, OWNER),
                                       SWITCH_NOTICES_IN | SWITCH_NOTICES_OUT, 0, &f->err));
    draft.request_key = NULL;
    assert_err(f, ERR_DENIED, claim_create(&f->tx, &notice, &draft, &id, &f->err));
    assert_err(f, ERR_UNKNOWN,
               claim_act(&f->tx, &(struct oid){{9}}, ACTION(RELEASE), &draft, &f->err));
}

/* Calls `check` after each order in which `count` parcels may arrive, from the same start. */
static size_t each_order(struct world *w, struct parcel_out *list, size_t count, size_t at,
                         void (*check)(struct world *w, const struct oid *id), const struct oid *id)
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

static void is_delivered_at_owner(struct world *w, const struct oid *id)
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
    struct world *w = *state;
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

static void is_released_at_owner(struct world *w, const struct oid *id)
{
    assert_state(w, id, OWNER, CLAIM_RELEASED);
}

static void events_may_come_before_the_claim_itself(void **state)
{
    struct world *w = *state;
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
static struct disposition forge(struct world *w, const struct oid *id, uint64_t seq,
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
    struct world *w = *state;
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
    struct world *w = *state;
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
    struct world *w = *state;
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
    struct world *w = *state;
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

#define CELL(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL(twelve_asked_eight_committed_four_remaining),
        CELL(who_comes_after_all_is_gone_is_refused),
        CELL(the_waiting_list_moves_up_in_order),
        CELL(a_person_agrees_to_part_of_a_proposal),
        CELL(a_proposal_lapses_after_its_hold),
        CELL(what_is_asked_back_is_released_without_an_answer),
        CELL(a_loan_is_extended_and_returned),
        CELL(withdrawing_ends_every_claim_and_tells),
        CELL(claims_that_cannot_be_are_refused_here),
        CELL(any_order_of_arrival_gives_one_state),
        CELL(events_may_come_before_the_claim_itself),
        CELL(bad_moves_and_forks_are_refused_and_kept),
        CELL(receipts_and_expiry_of_our_first_event_end_the_claim),
        CELL(commitments_never_exceed_what_is_asked),
        CELL(lists_show_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
