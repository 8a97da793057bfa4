/* Circles: charters, the membership log, letters between stewards (R-AB-1, R-AB-2, R-AB-3, F33). */
#include "hub/api/notice_reach.h"
#include "hub/crypto/wire.h"
#include "hub/domain/circle.h"
#include "hub/domain/gossip.h"
#include "hub/domain/introduction.h"
#include "hub/domain/notice.h"
#include "hub/domain/object.h"
#include "hub/domain/relation.h"
#include "hub/kinds.h"
#include "hub/opener.h"
#include "hub/outbox/outbox.h"
#include "tests/support/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define HUBS         4
#define CHANGE(name) MAILLON__HFP__V1__MEMBERSHIP_CHANGE__MEMBERSHIP_CHANGE_##name

struct hubs {
    struct hub hub[HUBS];
    uint64_t carried[HUBS][HUBS];
};

#define OK(h, call)                                  \
    do {                                             \
        (h)->err = (struct err){0};                  \
        if (!(call))                                 \
            fail_msg("%s: %s", #call, (h)->err.msg); \
    } while (0)
#define REFUSED(h, code_, call)                 \
    do {                                        \
        (h)->err = (struct err){0};             \
        assert_false(call);                     \
        assert_int_equal((h)->err.code, code_); \
    } while (0)

static int setup(void **state)
{
    struct hubs *hubs = calloc(1, sizeof(*hubs));
    for (unsigned i = 0; i < HUBS; i++)
        hub_open(&hubs->hub[i], 100 + i);
    for (unsigned i = 0; i < HUBS; i++)
        for (unsigned j = 0; j < HUBS; j++)
            if (i != j)
                hub_accept(&hubs->hub[i].tx, hubs->hub[j].self);
    *state = hubs;
    return 0;
}

static int teardown(void **state)
{
    struct hubs *hubs = *state;
    for (unsigned i = 0; i < HUBS; i++)
        hub_close(&hubs->hub[i]);
    free(hubs);
    return 0;
}

static const struct node_id *node(struct hubs *hubs, unsigned i)
{
    return identity_node(hubs->hub[i].self);
}

/* Everything sealed that waits between two hubs, opened, applied, receipted. */
static void carry_one(struct hubs *hubs, unsigned from, unsigned to)
{
    struct hub *a = &hubs->hub[from], *b = &hubs->hub[to];
    struct outbox_item *items;
    size_t count;
    OK(a, outbox_read(a->store, a->tx.arena, node(hubs, to), 1, hubs->carried[from][to], 200,
                      SIZE_MAX, a->tx.now, &items, &count, &a->err));
    for (size_t i = 0; i < count; i++) {
        struct opener opener = {.self = b->self, .peer = *identity_kel(a->self), .now = b->tx.now};
        struct inbound_object object;
        struct disposition disposition = {0};
        Maillon__Hfp__V1__RefusalCode refusal;
        bool known;
        assert_int_equal(opener_open(&opener, arena_bytes(b->tx.arena, items[i].sealed), true, 1,
                                     b->tx.arena, &object, &refusal, &b->err),
                         OPENED_OK);
        OK(b, object_add(&b->tx, &object.envelope, &object.from, object.head->expires_s,
                         OBJECT_APPLIED, NULL, &b->err));
        OK(b, object.kind->apply(&b->tx, &object, &disposition, &b->err));
        OK(a, outbox_on_receipt(&a->tx, node(hubs, to), &object.envelope.oid, &known, &a->err));
        hubs->carried[from][to] = items[i].link_seq;
    }
}

static void carry(struct hubs *hubs)
{
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < HUBS; i++)
            for (unsigned j = 0; j < HUBS; j++)
                if (i != j)
                    carry_one(hubs, i, j);
}

static const char *const lines[] = {"Nobody is turned away.", "What is said here stays here."};

static struct circle_draft draft_of(struct hubs *hubs, unsigned stewards, uint32_t threshold)
{
    struct circle_draft draft = {.name = "Vallée de la Drôme",
                                 .principle = lines,
                                 .principle_count = 2,
                                 .steward_count = stewards,
                                 .threshold = threshold,
                                 .accept_each_other = true,
                                 .relay_duty = true};
    for (unsigned i = 0; i < stewards && i < HUBS; i++)
        draft.steward[i] = *node(hubs, i);
    return draft;
}

static struct oid found(struct hubs *hubs, unsigned stewards, uint32_t threshold)
{
    struct hub *a = &hubs->hub[0];
    struct circle_draft draft = draft_of(hubs, stewards, threshold);
    struct oid scope;
    bool done;
    OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    assert_int_equal(done, threshold == 1);
    return scope;
}

static bool is_in(struct hubs *hubs, unsigned at, const struct oid *scope, unsigned who)
{
    struct hub *h = &hubs->hub[at];
    bool ret = false;
    OK(h, circle_is_member(h->store, scope, node(hubs, who), h->tx.now, &ret, &h->err));
    return ret;
}

static struct circle see(struct hubs *hubs, unsigned at, const struct oid *scope)
{
    struct circle circle;
    bool known;
    struct hub *h = &hubs->hub[at];
    OK(h, circle_find(h->store, scope, &known, &circle, &h->err));
    assert_true(known);
    return circle;
}

static void admit(struct hubs *hubs, const struct oid *scope, unsigned who)
{
    struct hub *a = &hubs->hub[0];
    bool done;
    OK(a, circle_admit(&a->tx, scope, node(hubs, who), "Épicerie", &done, &a->err));
    assert_true(done);
    carry(hubs);
}

static void join(struct hubs *hubs, const struct oid *scope, unsigned who)
{
    struct hub *h = &hubs->hub[who];
    bool in;
    OK(h, circle_join(&h->tx, scope, node(hubs, 0), "Bonjour", &in, &h->err));
}

static void one_steward_founds_and_lets_in_who_asked(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct circle_ask *asks;
    size_t count;
    struct hub *a = &hubs->hub[0];
    assert_int_equal(see(hubs, 0, &scope).ours, CIRCLE_MEMBER);
    join(hubs, &scope, 1);
    carry(hubs);
    OK(a, circle_ask_list(a->store, a->tx.arena, &scope, &asks, &count, &a->err));
    assert_int_equal(count, 1);
    assert_string_equal(asks[0].text, "Bonjour");
    assert_false(is_in(hubs, 0, &scope, 1));
    admit(hubs, &scope, 1);
    OK(a, circle_ask_list(a->store, a->tx.arena, &scope, &asks, &count, &a->err));
    assert_int_equal(count, 0);
    struct circle theirs = see(hubs, 1, &scope);
    assert_int_equal(theirs.ours, CIRCLE_MEMBER);
    assert_int_equal(theirs.member_count, 2);
    assert_string_equal(theirs.principle[1], lines[1]);
    assert_true(is_in(hubs, 1, &scope, 0) && is_in(hubs, 1, &scope, 1));
    bool shares, duty;
    OK(a, circle_share(a->store, node(hubs, 0), node(hubs, 1), &shares, &a->err));
    OK(a, circle_owes_relay(a->store, node(hubs, 1), &duty, &a->err));
    assert_true(shares && duty);
    struct oid *scopes;
    OK(a, circle_scopes_shared(a->store, node(hubs, 1), a->tx.arena, &scopes, &count, &a->err));
    assert_int_equal(count, 1);
    assert_memory_equal(scopes[0].b, scope.b, OID_BYTES);
}

static void who_is_admitted_unasked_is_invited_until_a_person_agrees(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    admit(hubs, &scope, 2);
    assert_int_equal(see(hubs, 2, &scope).ours, CIRCLE_INVITED);
    size_t count;
    struct oid *scopes;
    struct hub *c = &hubs->hub[2];
    OK(c, circle_scopes_own(c->store, c->tx.arena, &scopes, &count, &c->err));
    assert_int_equal(count, 0);
    join(hubs, &scope, 2);
    assert_int_equal(see(hubs, 2, &scope).ours, CIRCLE_MEMBER);
}

static void with_a_threshold_of_two_nothing_happens_before_the_second_signature(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 2, 2);
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    bool done;
    assert_false(see(hubs, 0, &scope).founded);
    carry(hubs);
    assert_false(see(hubs, 1, &scope).founded);
    OK(b, circle_sign(&b->tx, &scope, NULL, &done, &b->err));
    assert_true(done);
    carry(hubs);
    assert_int_equal(see(hubs, 0, &scope).ours, CIRCLE_MEMBER);
    assert_int_equal(see(hubs, 1, &scope).ours, CIRCLE_MEMBER);

    OK(a, circle_admit(&a->tx, &scope, node(hubs, 2), "Épicerie", &done, &a->err));
    assert_false(done);
    carry(hubs);
    assert_false(is_in(hubs, 0, &scope, 2));
    struct circle_proposal *waiting;
    size_t count;
    OK(b, circle_proposal_list(b->store, b->tx.arena, &scope, &waiting, &count, &b->err));
    assert_int_equal(count, 1);
    assert_int_equal(waiting[0].signatures, 1);
    OK(b, circle_sign(&b->tx, &scope, &waiting[0].oid, &done, &b->err));
    assert_true(done);
    carry(hubs);
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_in(hubs, i, &scope, 2));
    /* Who is no steward signs nothing. */
    REFUSED(&hubs->hub[2], ERR_DENIED,
            circle_sign(&hubs->hub[2].tx, &scope, NULL, &done, &hubs->hub[2].err));
}

/* The stored Signed of the newest membership event, with its first signature only. */
static struct bytes strip(struct hub *h, struct bytes object)
{
    Maillon__Hfp__V1__Signed *whole =
        maillon__hfp__v1__signed__unpack(NULL, object.len, object.data);
    size_t count = whole->n_sig;
    whole->n_sig = 1;
    struct bytes bytes = wire_pack_arena(whole, h->tx.arena);
    whole->n_sig = count;
    maillon__hfp__v1__signed__free_unpacked(whole, NULL);
    return bytes;
}

static struct bytes newest_event(struct hub *h)
{
    struct object_row row;
    struct oid oid;
    bool known;
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(h->store, "SELECT oid FROM circle_event ORDER BY id DESC LIMIT 1", &h->err);
    OK(h, stmt_next(stmt, &known, &h->err) && known && stmt_copy(stmt, 0, oid.b, OID_BYTES));
    OK(h, object_get(h->store, h->tx.arena, &oid, &known, &row, &h->err));
    assert_true(known);
    return row.bytes;
}

/* As gossip brings it: opened under the author's keys, kept only when apply says so. */
static bool take(struct hubs *hubs, unsigned at, unsigned author, struct bytes bytes)
{
    struct hub *h = &hubs->hub[at];
    struct opener opener = {
        .self = h->self, .peer = *identity_kel(hubs->hub[author].self), .now = h->tx.now};
    struct inbound_object object;
    struct disposition disposition = {0};
    Maillon__Hfp__V1__RefusalCode refusal;
    bool known;
    struct object_row row;
    assert_int_equal(opener_open(&opener, arena_bytes(h->tx.arena, bytes), false, 2, h->tx.arena,
                                 &object, &refusal, &h->err),
                     OPENED_OK);
    OK(h, object_find(h->store, &object.envelope.oid, &known, &row, &h->err));
    if (known)
        return true;
    OK(h, store_savepoint(h->store, &h->err));
    OK(h, object_add(&h->tx, &object.envelope, &object.from, object.head->expires_s, OBJECT_APPLIED,
                     NULL, &h->err));
    OK(h, object.kind->apply(&h->tx, &object, &disposition, &h->err));
    bool taken = disposition.state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED;
    if (taken)
        OK(h, store_release(h->store, &h->err));
    else
        store_undo(h->store);
    return taken;
}

static void a_copy_with_too_few_signatures_neither_counts_nor_poisons(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 2, 2);
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    bool done;
    carry(hubs);
    OK(b, circle_sign(&b->tx, &scope, NULL, &done, &b->err));
    carry(hubs);
    OK(a, circle_admit(&a->tx, &scope, node(hubs, 3), "", &done, &a->err));
    carry_one(hubs, 0, 1);
    OK(b, circle_sign(&b->tx, &scope, NULL, &done, &b->err));
    assert_true(done);
    struct bytes whole = newest_event(b), part = strip(b, whole);
    assert_false(take(hubs, 0, 0, part));
    assert_false(is_in(hubs, 0, &scope, 3));
    assert_true(take(hubs, 0, 0, whole));
    assert_true(is_in(hubs, 0, &scope, 3));
}

/* ---- F33 ---- */

struct log_event {
    Maillon__Hfp__V1__MembershipChange change;
    uint64_t term;
};

static struct bytes sign_event(struct hubs *hubs, const struct oid *scope,
                               const struct log_event *event, unsigned number)
{
    struct hub *a = &hubs->hub[0];
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Membership body;
    struct oid prev = {{9}};
    char name[32];
    AUTO(buf_done) struct buf out = {0};
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__membership__init(&body);
    snprintf(name, sizeof(name), "n%u", number);
    head.node = wire_data(node_id_bytes(node(hubs, 0)));
    head.seq = number + 1;
    if (number)
        head.prev = wire_data(oid_bytes(&prev));
    head.created_s = (uint64_t)a->tx.now.ms / 1000;
    head.expires_s = head.created_s + CIRCLE_LIFETIME_S;
    head.scope = head.stream = wire_data(oid_bytes(scope));
    body.head = &head;
    body.member = wire_data(node_id_bytes(node(hubs, 1)));
    body.term = event->term;
    body.change = event->change;
    body.name = name;
    body.charter = wire_data(oid_bytes(scope));
    identity_sign(a->self, TYPE_MEMBERSHIP, wire_pack_arena(&body, a->tx.arena), &out, NULL);
    return arena_bytes(a->tx.arena, buf_bytes(&out));
}

struct outcome {
    int64_t in, added, ended, name;
};

static struct outcome outcome(struct hub *h)
{
    return (struct outcome){
        hub_query(h, "SELECT is_in FROM circle_member WHERE added > 0 OR ended > 0"),
        hub_query(h, "SELECT added FROM circle_member WHERE added > 0 OR ended > 0"),
        hub_query(h, "SELECT ended FROM circle_member WHERE added > 0 OR ended > 0"),
        hub_query(h, "SELECT unicode(substr(name, 2)) FROM circle_member WHERE added > 0"),
    };
}

static void run_order(struct hubs *hubs, const struct bytes *events, const unsigned *order,
                      unsigned count, bool twice, struct outcome *ret)
{
    struct hub *a = &hubs->hub[0];
    struct arena *whole = a->tx.arena;
    a->tx.arena = arena_create(0);
    OK(a, store_exec(a->store, "SAVEPOINT this_order", &a->err));
    for (unsigned i = 0; i < count; i++) {
        assert_true(take(hubs, 0, 0, events[order[i]]));
        if (twice)
            assert_true(take(hubs, 0, 0, events[order[i / 2]]));
    }
    *ret = outcome(a);
    OK(a, store_exec(a->store, "ROLLBACK TO this_order", &a->err));
    OK(a, store_exec(a->store, "RELEASE this_order", &a->err));
    a->tx.effects.count = 0;
    arena_free(a->tx.arena);
    a->tx.arena = whole;
}

static bool next_order(unsigned *order, unsigned count)
{
    unsigned i = count - 1, j = count - 1;
    while (i > 0 && order[i - 1] >= order[i])
        i--;
    if (i == 0)
        return false;
    while (order[j] <= order[i - 1])
        j--;
    unsigned swap = order[i - 1];
    order[i - 1] = order[j];
    order[j] = swap;
    for (j = count - 1; i < j; i++, j--) {
        swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    return true;
}

static void check_log(struct hubs *hubs, const struct oid *scope, const struct log_event *log,
                      unsigned count, bool in)
{
    struct bytes events[7];
    unsigned order[7];
    struct outcome first, now;
    unsigned orders = 0;
    for (unsigned i = 0; i < count; i++) {
        events[i] = sign_event(hubs, scope, &log[i], i);
        order[i] = i;
    }
    do {
        run_order(hubs, events, order, count, orders % 7 == 0, &now);
        if (!orders++)
            first = now;
        assert_memory_equal(&now, &first, sizeof(now));
    } while (next_order(order, count));
    assert_int_equal(first.in, in);
}

static void f33_every_order_of_seven_events_gives_the_same_members_and_remove_wins(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    static const struct log_event stays_out[] = {
        {CHANGE(ADD), 1}, {CHANGE(REMOVE), 1}, {CHANGE(ADD), 2},    {CHANGE(REMOVE), 2},
        {CHANGE(ADD), 1}, {CHANGE(ADD), 2},    {CHANGE(REMOVE), 1},
    };
    static const struct log_event comes_back[] = {
        {CHANGE(ADD), 1}, {CHANGE(REMOVE), 1}, {CHANGE(ADD), 1}, {CHANGE(ADD), 2}, {CHANGE(ADD), 2},
    };
    static const struct log_event skipped[] = {
        {CHANGE(ADD), 1}, {CHANGE(REMOVE), 3}, {CHANGE(ADD), 2}, {CHANGE(ADD), 3}};
    check_log(hubs, &scope, stays_out, 7, false);
    check_log(hubs, &scope, comes_back, 5, true);
    check_log(hubs, &scope, skipped, 4, false);
}

static void f33_a_stale_admission_revives_nobody_and_a_new_term_does(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    bool done;
    join(hubs, &scope, 1);
    carry(hubs);
    admit(hubs, &scope, 1);
    join(hubs, &scope, 2);
    carry(hubs);
    admit(hubs, &scope, 2);
    struct bytes stale = newest_event(a);
    OK(a, circle_remove(&a->tx, &scope, node(hubs, 2), &done, &a->err));
    assert_true(done);
    carry(hubs);
    assert_int_equal(see(hubs, 2, &scope).ours, CIRCLE_REMOVED);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(take(hubs, i, 0, stale));
        assert_false(is_in(hubs, i, &scope, 2));
    }
    /* Another hub gets the removal without the admission: the admission comes too late. */
    struct bytes removal = newest_event(a);
    assert_true(take(hubs, 1, 0, removal));
    assert_false(is_in(hubs, 1, &scope, 2));
    join(hubs, &scope, 2);
    carry(hubs);
    admit(hubs, &scope, 2);
    for (unsigned i = 0; i < 3; i++)
        assert_true(is_in(hubs, i, &scope, 2));
}

static void rno9_after_a_removal_nothing_later_counts_and_backdating_fails(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    uint64_t last;
    bool done, valid;
    admit(hubs, &scope, 1);
    OK(a, circle_last_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, &last, &a->err));
    assert_true(last == UINT64_MAX);
    OK(a, circle_remove(&a->tx, &scope, node(hubs, 1), &done, &a->err));
    OK(a, circle_last_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, &last, &a->err));
    assert_int_equal(last, 0); /* it had written nothing here */
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, 1, &valid, &a->err));
    assert_false(valid);
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 3), TYPE_NOTICE, 1, &valid, &a->err));
    assert_false(valid);
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 0), TYPE_NOTICE, 7, &valid, &a->err));
    assert_true(valid);
}

static void leaving_is_one_act_and_everybody_learns_of_it(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *b = &hubs->hub[1];
    join(hubs, &scope, 1);
    carry(hubs);
    admit(hubs, &scope, 1);
    OK(b, circle_leave(&b->tx, &scope, &b->err));
    carry(hubs);
    assert_int_equal(see(hubs, 1, &scope).ours, CIRCLE_LEFT);
    assert_false(is_in(hubs, 0, &scope, 1));
    /* Its return is the stewards' choice and its own. */
    admit(hubs, &scope, 1);
    assert_int_equal(see(hubs, 1, &scope).ours, CIRCLE_INVITED);
}

static void an_amendment_replaces_the_charter_and_ends_a_steward(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 2, 1);
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    bool done;
    carry(hubs);
    join(hubs, &scope, 1);
    carry(hubs);
    assert_int_equal(see(hubs, 1, &scope).ours, CIRCLE_MEMBER);
    OK(b, circle_admit(&b->tx, &scope, node(hubs, 2), "", &done, &b->err));
    carry(hubs);
    struct circle_draft draft = draft_of(hubs, 1, 1);
    draft.name = "Vallée";
    OK(a, circle_amend(&a->tx, &scope, &draft, &done, &a->err));
    assert_true(done);
    /* The former steward does not know yet, and admits another hub under the old charter. */
    OK(b, circle_admit(&b->tx, &scope, node(hubs, 3), "", &done, &b->err));
    assert_true(is_in(hubs, 1, &scope, 3));
    carry(hubs);
    for (unsigned i = 0; i < 2; i++) {
        struct circle circle = see(hubs, i, &scope);
        assert_string_equal(circle.name, "Vallée");
        assert_int_equal(circle.steward_count, 1);
        assert_true(is_in(hubs, i, &scope, 2)); /* admitted before: stays */
        assert_false(is_in(hubs, i, &scope, 3));
        assert_true(is_in(hubs, i, &scope, 1)); /* no steward any more, a member still */
    }
    REFUSED(b, ERR_DENIED, circle_admit(&b->tx, &scope, node(hubs, 3), "", &done, &b->err));
}

static void charters_keep_their_limits(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    struct oid scope;
    bool done;
    char line[CIRCLE_PRINCIPLE_MAX + 2];
    const char *many[CIRCLE_PRINCIPLES_MAX + 1];
    memset(line, 'a', sizeof(line) - 1);
    line[CIRCLE_PRINCIPLE_MAX] = '\0';
    for (size_t i = 0; i <= CIRCLE_PRINCIPLES_MAX; i++)
        many[i] = line;
    draft.principle = many;
    draft.principle_count = CIRCLE_PRINCIPLES_MAX;
    draft.members_max = CIRCLE_MEMBERS_MAX;
    OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.principle_count++;
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.principle_count = 1;
    line[CIRCLE_PRINCIPLE_MAX] = 'a';
    line[CIRCLE_PRINCIPLE_MAX + 1] = '\0';
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.principle_count = 0;
    draft.members_max = CIRCLE_MEMBERS_MAX + 1;
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.members_max = 0;
    draft.threshold = 2;
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.threshold = 1;
    draft.steward_count = CIRCLE_STEWARDS_MAX;
    for (unsigned i = 1; i < CIRCLE_STEWARDS_MAX; i++)
        draft.steward[i].b[0] = (uint8_t)(i + 1);
    OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    draft.steward_count++;
    REFUSED(a, ERR_INVALID, circle_found(&a->tx, &draft, &scope, &done, &a->err));
}

static void a_hub_knows_64_circles_and_not_one_more(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    struct oid scope;
    bool done;
    for (unsigned i = 0; i < CIRCLES_MAX; i++)
        OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    REFUSED(a, ERR_LIMIT, circle_found(&a->tx, &draft, &scope, &done, &a->err));
}

static void a_circle_has_as_many_members_as_its_charter_says(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    struct oid scope;
    bool done;
    draft.members_max = 3;
    OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    OK(a, circle_admit(&a->tx, &scope, node(hubs, 1), "", &done, &a->err));
    REFUSED(a, ERR_CONFLICT, circle_admit(&a->tx, &scope, node(hubs, 1), "", &done, &a->err));
    OK(a, circle_admit(&a->tx, &scope, node(hubs, 2), "", &done, &a->err));
    REFUSED(a, ERR_LIMIT, circle_admit(&a->tx, &scope, node(hubs, 3), "", &done, &a->err));
}

static void the_5000th_member_is_taken_and_the_next_one_waits(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct oid scope = found(hubs, 1, 1);
    /* Rows instead of 4,998 signed events: what counts here is the bound. */
    OK(a,
       store_exec(a->store,
                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4998)"
                  " INSERT INTO circle_member SELECT 1, CAST(printf('%032d', i) AS BLOB), 1, 1, 0,"
                  " '', 0, 0 FROM n",
                  &a->err));
    struct log_event add = {CHANGE(ADD), 1};
    assert_int_equal(see(hubs, 0, &scope).member_count, 4999);
    assert_true(take(hubs, 0, 0, sign_event(hubs, &scope, &add, 0)));
    assert_int_equal(see(hubs, 0, &scope).member_count, CIRCLE_MEMBERS_MAX);
    bool done;
    REFUSED(a, ERR_LIMIT, circle_admit(&a->tx, &scope, node(hubs, 2), "", &done, &a->err));
}

/* ---- where relations come from (R-AB-2, R-AB-3) ---- */

static struct relation relation_at(struct hubs *hubs, unsigned at, unsigned who)
{
    struct relation relation = {0};
    bool known;
    struct hub *h = &hubs->hub[at];
    OK(h, relation_find(h->store, node(hubs, who), &known, &relation, &h->err));
    return relation;
}

static void ask(struct hubs *hubs, unsigned at, unsigned who, enum decision *ret)
{
    struct hub *h = &hubs->hub[at];
    OK(h, relation_on_request(&h->tx, node(hubs, who), "Voisin", "bonjour", (struct bytes){0}, NULL,
                              0, ret, &h->err));
}

static void forget(struct hubs *hubs, unsigned at)
{
    struct hub *h = &hubs->hub[at];
    OK(h, store_exec(h->store,
                     "UPDATE peer SET ours = 'none', theirs = 'none', switches = 0,"
                     " accepted_ms = 0, provenance = ''",
                     &h->err));
}

static void members_of_an_accepting_circle_are_let_in_for_notices_only(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    enum decision answer;
    bool done;
    admit(hubs, &scope, 1);
    forget(hubs, 0);
    ask(hubs, 0, 2, &answer); /* no member, no invite */
    assert_int_equal(answer, DECISION_REFUSED);
    ask(hubs, 0, 1, &answer);
    assert_int_equal(answer, DECISION_ACCEPTED);
    struct relation relation = relation_at(hubs, 0, 1);
    assert_int_equal(relation.provenance, PROVENANCE_CIRCLE);
    assert_int_equal(relation.switches, SWITCHES_AFTER_ACCEPT);
    assert_true(relation_is_accepted(&relation));

    /* The provenance ends: no new referrals, what is open goes on for 30 days, nothing is lost. */
    OK(a,
       relation_set_switches(&a->tx, node(hubs, 1), SWITCH_REFERRALS, SWITCH_REFERRALS, &a->err));
    OK(a, circle_remove(&a->tx, &scope, node(hubs, 1), &done, &a->err));
    relation = relation_at(hubs, 0, 1);
    assert_string_equal(relation_state(&relation), "suspended");
    assert_int_equal(relation.switches, 0);
    assert_true(relation_is_accepted(&relation));
    struct wall next;
    a->tx.now.ms += SUSPENSION_MS - 1;
    OK(a, circle_tick(&a->tx, &next, &a->err));
    relation = relation_at(hubs, 0, 1);
    assert_true(relation_is_accepted(&relation));
    a->tx.now.ms += 1;
    OK(a, circle_tick(&a->tx, &next, &a->err));
    relation = relation_at(hubs, 0, 1);
    assert_false(relation_is_accepted(&relation));
    assert_string_equal(relation_state(&relation), "suspended");

    /* A person's own decision stands on its own feet. */
    OK(a, relation_decide(&a->tx, node(hubs, 1), DECISION_ACCEPTED, &a->err));
    relation = relation_at(hubs, 0, 1);
    assert_true(relation_is_accepted(&relation));
    assert_int_equal(relation.provenance, PROVENANCE_OWN);
    assert_int_equal(relation.switches, SWITCHES_AFTER_ACCEPT | SWITCH_REFERRALS);
}

static void a_local_block_beats_the_circle_and_is_reversible(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    enum decision answer;
    bool valid, blocked;
    admit(hubs, &scope, 1);
    OK(a, relation_decide(&a->tx, node(hubs, 1), DECISION_BLOCKED, &a->err));
    ask(hubs, 0, 1, &answer);
    assert_int_equal(answer, DECISION_REFUSED);
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, 1, &valid, &a->err));
    assert_false(valid); /* not stored, not passed on */
    OK(a, relation_decide(&a->tx, node(hubs, 1), DECISION_PAUSED, &a->err));
    OK(a, relation_decide(&a->tx, node(hubs, 1), DECISION_ACCEPTED, &a->err));
    OK(a, relation_is_blocked(a->store, node(hubs, 1), &blocked, &a->err));
    OK(a, circle_author_valid(a->store, &scope, node(hubs, 1), TYPE_NOTICE, 1, &valid, &a->err));
    assert_true(valid && !blocked);
}

static void an_introduction_is_a_suggestion_until_a_person_takes_it(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1], *c = &hubs->hub[2];
    struct introduction *list, one;
    size_t count;
    enum decision answer;
    OK(b, store_exec(b->store,
                     "DELETE FROM peer_enc_key WHERE peer IN (SELECT id FROM peer WHERE"
                     " node NOT IN (SELECT node FROM peer ORDER BY id LIMIT 1))",
                     &b->err));
    OK(b, store_exec(b->store, "DELETE FROM peer WHERE id > 1", &b->err));
    OK(a, introduction_send(&a->tx, node(hubs, 1), node(hubs, 2), "Parlez-vous", &a->err));
    carry_one(hubs, 0, 1);
    OK(b, introduction_list(b->store, b->tx.arena, &list, &count, &b->err));
    assert_int_equal(count, 1);
    assert_string_equal(list[0].text, "Parlez-vous");
    assert_memory_equal(list[0].source.b, node(hubs, 0)->b, NODE_ID_BYTES);
    /* A request of the introduced hub is put before a person, nothing more. */
    ask(hubs, 1, 2, &answer);
    assert_int_equal(answer, DECISION_WAITING);
    ask(hubs, 1, 3, &answer);
    assert_int_equal(answer, DECISION_REFUSED);
    OK(b, introduction_find(b->store, "voisin", &one, &b->err));
    OK(b, introduction_accept(&b->tx, &one, &b->err));
    assert_int_equal(relation_at(hubs, 1, 2).provenance, PROVENANCE_INTRODUCED);
    OK(b, introduction_list(b->store, b->tx.arena, &list, &count, &b->err));
    assert_int_equal(count, 0);
    /* Who introduced it is blocked: suspended; unblocked: as before. */
    OK(b, relation_decide(&b->tx, node(hubs, 0), DECISION_BLOCKED, &b->err));
    assert_true(relation_at(hubs, 1, 2).suspended.ms > 0);
    OK(b, relation_decide(&b->tx, node(hubs, 0), DECISION_PAUSED, &b->err));
    assert_true(relation_at(hubs, 1, 2).suspended.ms == 0);
    /* Known already on the other side: no suggestion. */
    carry_one(hubs, 0, 2);
    OK(c, introduction_list(c->store, c->tx.arena, &list, &count, &c->err));
    assert_int_equal(count, 0);
}

/* ---- notices of a circle (R-NO-8), and what one author may have open ---- */

static Maillon__Hfp__V1__NoticeContent chairs(void)
{
    static char what[] = "chaises";
    Maillon__Hfp__V1__NoticeContent content;
    maillon__hfp__v1__notice_content__init(&content);
    content.kind = MAILLON__HFP__V1__NOTICE_KIND__NOTICE_KIND_SURPLUS;
    content.what = what;
    return content;
}

static void rno8_a_notice_keeps_its_scope_through_versions_and_stays_out_of_the_journal(
    void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1), other = {{1}};
    struct hub *a = &hubs->hub[0];
    Maillon__Hfp__V1__NoticeContent content = chairs();
    Maillon__Hfp__V1__Notice *body;
    struct notice_draft draft = {.content = &content, .scope = &other};
    struct notice notice;
    uint8_t uid[UID_BYTES];
    bool known;
    REFUSED(a, ERR_DENIED, notice_post(&a->tx, &draft, uid, &a->err));
    draft.scope = &scope;
    OK(a, notice_post(&a->tx, &draft, uid, &a->err));
    draft.scope = NULL;
    a->tx.now.ms += 600000;
    OK(a, notice_update(&a->tx, uid, &draft, &a->err));
    OK(a, notice_find(a->store, node(hubs, 0), uid, &known, &notice, &a->err));
    OK(a, notice_read(a->store, a->tx.arena, &notice, &body, &a->err));
    assert_int_equal(notice.version, 2);
    assert_true(notice.has_scope);
    assert_memory_equal(body->head->scope.data, scope.b, OID_BYTES);
    assert_memory_equal(body->head->stream.data, scope.b, OID_BYTES);
    assert_int_equal(body->head->seq, 2);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM journal WHERE class = 2"), 0);
    /* Without a circle: the journal, and a stream of its own. */
    OK(a, notice_post(&a->tx, &draft, uid, &a->err));
    assert_int_equal(hub_query(a, "SELECT count(*) FROM journal WHERE class = 2"), 1);
}

static void of_one_author_fifty_open_notices_are_shown_and_not_one_more(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    Maillon__Hfp__V1__NoticeContent content = chairs();
    struct notice_draft draft = {.content = &content};
    struct notice notice;
    struct object_row row;
    uint8_t uid[UID_BYTES], first[UID_BYTES];
    bool known;
    a->tx.open_notices = OPEN_NOTICES_PER_NODE;
    for (unsigned i = 0; i <= OPEN_NOTICES_PER_NODE; i++) {
        OK(b, notice_post(&b->tx, &draft, uid, &b->err));
        if (!i)
            memcpy(first, uid, UID_BYTES);
        OK(b, notice_find(b->store, node(hubs, 1), uid, &known, &notice, &b->err));
        OK(b, object_get(b->store, b->tx.arena, &notice.oid, &known, &row, &b->err));
        assert_true(take(hubs, 0, 1, row.bytes));
    }
    assert_int_equal(hub_query(a, "SELECT count(*) FROM notice"), OPEN_NOTICES_PER_NODE);
    /* A new version of one that is shown always fits, and a withdrawal makes room. */
    OK(b, notice_withdraw(&b->tx, first, NULL, &b->err));
    OK(b, notice_find(b->store, node(hubs, 1), first, &known, &notice, &b->err));
    OK(b, object_get(b->store, b->tx.arena, &notice.oid, &known, &row, &b->err));
    assert_true(take(hubs, 0, 1, row.bytes));
    OK(b, notice_post(&b->tx, &draft, uid, &b->err));
    OK(b, notice_find(b->store, node(hubs, 1), uid, &known, &notice, &b->err));
    OK(b, object_get(b->store, b->tx.arena, &notice.oid, &known, &row, &b->err));
    assert_true(take(hubs, 0, 1, row.bytes));
    assert_int_equal(hub_query(a, "SELECT count(*) FROM notice WHERE kind > 0"),
                     OPEN_NOTICES_PER_NODE);
}

/* ---- R-DI-1: an invite may name a circle ---- */

static void who_joins_by_an_invite_of_a_circle_asks_to_be_taken_in(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0], *d = &hubs->hub[3];
    const char *const routes[] = {"wss://hub.example"};
    char uri[INVITE_TEXT_MAX + 1];
    struct wall expires;
    struct node_id joined;
    struct circle_ask *asks;
    size_t count;
    OK(a, relation_invite_circle(&a->tx, routes, 1, 14, &scope, uri, &expires, &a->err));
    assert_non_null(strstr(uri, "&c="));
    OK(d, relation_join(&d->tx, uri, false, &joined, &d->err));
    assert_true(node_id_equal(&joined, node(hubs, 0)));
    OK(d, relation_ask_circle(&d->tx, &joined, &d->err)); /* as when the directory entry comes */
    assert_int_equal(see(hubs, 3, &scope).ours, CIRCLE_ASKED);
    carry(hubs);
    OK(a, circle_ask_list(a->store, a->tx.arena, &scope, &asks, &count, &a->err));
    assert_int_equal(count, 1);
    admit(hubs, &scope, 3);
    assert_int_equal(see(hubs, 3, &scope).ours, CIRCLE_MEMBER);
}

/* ---- the reach of a notice (N36) ---- */

static void reach(struct hubs *hubs, const char *circle, const char *near, uint32_t km,
                  Maillon__Api__V1__ReachResponse **ret)
{
    struct hub *a = &hubs->hub[0];
    struct config config = {0};
    struct api_env env = {.self = a->self, .config = &config};
    struct call call = {.env = &env, .store = a->store, .arena = a->tx.arena, .now = a->tx.now};
    Maillon__Api__V1__ReachRequest request = MAILLON__API__V1__REACH_REQUEST__INIT;
    request.circle = arena_text(a->tx.arena, circle);
    request.near = arena_text(a->tx.arena, near);
    request.km = km;
    OK(a, notice_reach(&call, &request, ret, &a->err));
}

static void n36_the_reach_is_known_before_a_notice_is_sent(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    struct hub *a = &hubs->hub[0];
    Maillon__Api__V1__ReachResponse *answer;
    admit(hubs, &scope, 1);
    admit(hubs, &scope, 2);
    OK(a, store_exec(a->store,
                     "UPDATE peer SET commune = CASE id WHEN 1 THEN 'Redon' WHEN 2 THEN"
                     " '48.85,2.35' ELSE '' END",
                     &a->err));
    reach(hubs, "", "", 0, &answer);
    assert_int_equal(answer->hubs, 3);
    assert_string_equal(answer->words, "3 hubs");
    reach(hubs, "", "Redon", 20, &answer);
    assert_int_equal(answer->hubs, 1);
    assert_int_equal(answer->placeless, 1);
    assert_string_equal(answer->words,
                        "1 hub within 20 km, 3 in all; of 1 it is not known where they are");
    reach(hubs, "vallee de la drome", "Redon", 1000, &answer);
    assert_int_equal(answer->hubs, 2);
    assert_int_equal(answer->hub[0]->km, 0);
    assert_true(answer->hub[1]->km > 250 && answer->hub[1]->km < 400);
}

/* ---- what an accepted peer may not do ---- */

static struct bytes sign_by(struct hubs *hubs, unsigned by, const char *type,
                            const ProtobufCMessage *body)
{
    struct hub *h = &hubs->hub[by];
    AUTO(buf_done) struct buf out = {0};
    identity_sign(h->self, type, wire_pack_arena(body, h->tx.arena), &out, NULL);
    return arena_bytes(h->tx.arena, buf_bytes(&out));
}

static struct bytes sign_leave(struct hubs *hubs, unsigned by, const struct oid *scope,
                               uint64_t term, uint64_t seq)
{
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Membership body;
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__membership__init(&body);
    head.node = wire_data(node_id_bytes(node(hubs, by)));
    head.seq = seq;
    struct oid prev = {{9}};
    if (seq > 1)
        head.prev = wire_data(oid_bytes(&prev));
    head.created_s = (uint64_t)hubs->hub[by].tx.now.ms / 1000;
    head.expires_s = head.created_s + CIRCLE_LIFETIME_S;
    head.scope = head.stream = wire_data(oid_bytes(scope));
    body.head = &head;
    body.member = wire_data(node_id_bytes(node(hubs, by)));
    body.term = term;
    body.change = CHANGE(LEAVE);
    return sign_by(hubs, by, TYPE_MEMBERSHIP, &body.base);
}

/* Applies a letter of hub `from` at hub 0; the disposition is STORED whatever comes of it. */
static void apply_letter(struct hubs *hubs, unsigned from, Maillon__Hfp__V1__CircleLetterKind kind,
                         const struct oid *circle, const struct bytes *objects, size_t count,
                         const struct identity *stranger)
{
    struct hub *a = &hubs->hub[0];
    Maillon__Hfp__V1__CircleLetter letter;
    Maillon__Hfp__V1__KeyLogOf keys, *logs[] = {&keys};
    ProtobufCBinaryData list[8], events[KEL_EVENTS_MAX];
    struct disposition said = {0};
    maillon__hfp__v1__circle_letter__init(&letter);
    letter.kind = kind;
    letter.circle = wire_data(oid_bytes(circle));
    for (size_t i = 0; i < count; i++)
        list[i] = wire_data(objects[i]);
    letter.object = list;
    letter.n_object = count;
    if (stranger) {
        maillon__hfp__v1__key_log_of__init(&keys);
        keys.node = wire_data(node_id_bytes(identity_node(stranger)));
        const struct bytes *log = identity_kel_events(stranger, &keys.n_event);
        for (size_t i = 0; i < keys.n_event; i++)
            events[i] = wire_data(log[i]);
        keys.event = events;
        letter.keys = logs;
        letter.n_keys = 1;
    }
    struct inbound_object object = {.from = *node(hubs, from), .body = &letter};
    OK(a, circle_letter_apply(&a->tx, &object, &said, &a->err));
}

/* A letter names what it proposes: what is no charter was read as one. */
static void a_proposal_that_is_no_charter_founds_nothing(void **state)
{
    struct hubs *hubs = *state;
    struct oid elsewhere = {{7}};
    struct bytes leave = sign_leave(hubs, 1, &elsewhere, 1, 1);
    struct envelope envelope;
    OK(&hubs->hub[0], envelope_open(leave, hubs->hub[0].tx.arena, &envelope, &hubs->hub[0].err));
    apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_PROPOSAL,
                 &envelope.oid, &leave, 1, NULL);
    assert_int_equal(hub_query(&hubs->hub[0], "SELECT count(*) FROM circle"), 0);
}

static void what_peers_tell_of_leaves_room_for_what_people_choose(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    draft.steward[0] = *node(hubs, 1);
    struct oid scope;
    bool done, known;
    for (unsigned i = 0; i < CIRCLES_UNASKED_MAX + 4; i++) {
        struct object_row row;
        OK(b, circle_found(&b->tx, &draft, &scope, &done, &b->err));
        OK(b, object_get(b->store, b->tx.arena, &scope, &known, &row, &b->err));
        apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_OBJECTS,
                     &scope, &row.bytes, 1, NULL);
    }
    assert_int_equal(hub_query(a, "SELECT count(*) FROM circle"), CIRCLES_UNASKED_MAX);
    (void)found(hubs, 1, 1);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM circle"), CIRCLES_UNASKED_MAX + 1);
}

/* A LEAVE needs nobody else's signature: without a bound it fills the set that removals need. */
static void rno9_a_leave_ends_a_term_there_was_and_few_are_kept(void **state)
{
    struct hubs *hubs = *state;
    struct oid scope = found(hubs, 1, 1);
    assert_false(take(hubs, 0, 2, sign_leave(hubs, 2, &scope, 1, 1))); /* never was in */
    join(hubs, &scope, 1);
    carry(hubs);
    admit(hubs, &scope, 1);
    assert_true(is_in(hubs, 0, &scope, 1));
    assert_false(take(hubs, 0, 1, sign_leave(hubs, 1, &scope, 2, 1))); /* no such term yet */
    unsigned kept = 0;
    for (uint64_t seq = 1; seq <= 20; seq++)
        kept += take(hubs, 0, 1, sign_leave(hubs, 1, &scope, 1, seq));
    assert_int_equal(kept, 4);
    assert_false(is_in(hubs, 0, &scope, 1));
}

static void keys_of_strangers_in_a_letter_are_not_kept(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0], *b = &hubs->hub[1];
    struct circle_draft draft = draft_of(hubs, 1, 1);
    draft.steward[0] = *node(hubs, 1);
    struct hub stranger;
    hub_open(&stranger, 900);
    struct oid scope;
    struct object_row row;
    bool done, known;
    int64_t before = hub_query(a, "SELECT count(*) FROM node_key");
    OK(b, circle_found(&b->tx, &draft, &scope, &done, &b->err));
    OK(b, object_get(b->store, b->tx.arena, &scope, &known, &row, &b->err));
    apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_OBJECTS, &scope,
                 &row.bytes, 1, stranger.self);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM circle"), 1);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM node_key"), before);
    hub_close(&stranger);
}

static void a_member_who_asks_again_and_again_is_told_once_an_hour(void **state)
{
    struct hubs *hubs = *state;
    struct hub *a = &hubs->hub[0];
    struct oid scope = found(hubs, 1, 1);
    join(hubs, &scope, 1);
    carry(hubs);
    admit(hubs, &scope, 1);
    carry(hubs);
    int64_t before = hub_query(a, "SELECT count(*) FROM outbox");
    for (unsigned i = 0; i < 5; i++)
        apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_ASK, &scope,
                     NULL, 0, NULL);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM outbox"), before + 1);
    a->tx.now.ms += 3600000;
    apply_letter(hubs, 1, MAILLON__HFP__V1__CIRCLE_LETTER_KIND__CIRCLE_LETTER_KIND_ASK, &scope,
                 NULL, 0, NULL);
    assert_int_equal(hub_query(a, "SELECT count(*) FROM outbox"), before + 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_steward_founds_and_lets_in_who_asked),
        TEST(who_is_admitted_unasked_is_invited_until_a_person_agrees),
        TEST(with_a_threshold_of_two_nothing_happens_before_the_second_signature),
        TEST(a_copy_with_too_few_signatures_neither_counts_nor_poisons),
        TEST(f33_every_order_of_seven_events_gives_the_same_members_and_remove_wins),
        TEST(f33_a_stale_admission_revives_nobody_and_a_new_term_does),
        TEST(rno9_after_a_removal_nothing_later_counts_and_backdating_fails),
        TEST(leaving_is_one_act_and_everybody_learns_of_it),
        TEST(an_amendment_replaces_the_charter_and_ends_a_steward),
        TEST(charters_keep_their_limits),
        TEST(a_hub_knows_64_circles_and_not_one_more),
        TEST(a_circle_has_as_many_members_as_its_charter_says),
        TEST(the_5000th_member_is_taken_and_the_next_one_waits),
        TEST(members_of_an_accepting_circle_are_let_in_for_notices_only),
        TEST(a_local_block_beats_the_circle_and_is_reversible),
        TEST(an_introduction_is_a_suggestion_until_a_person_takes_it),
        TEST(rno8_a_notice_keeps_its_scope_through_versions_and_stays_out_of_the_journal),
        TEST(of_one_author_fifty_open_notices_are_shown_and_not_one_more),
        TEST(who_joins_by_an_invite_of_a_circle_asks_to_be_taken_in),
        TEST(n36_the_reach_is_known_before_a_notice_is_sent),
        TEST(a_member_who_asks_again_and_again_is_told_once_an_hour),
        TEST(keys_of_strangers_in_a_letter_are_not_kept),
        TEST(rno9_a_leave_ends_a_term_there_was_and_few_are_kept),
        TEST(what_peers_tell_of_leaves_room_for_what_people_choose),
        TEST(a_proposal_that_is_no_charter_founds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
