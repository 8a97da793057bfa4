#pragma once
/* Four hubs that accept each other, and circles among them: for tests of circles. */
#include "hub/crypto/wire.h"
#include "hub/domain/circle.h"
#include "hub/domain/gossip.h"
#include "hub/domain/object.h"
#include "hub/opener.h"
#include "hub/outbox/outbox.h"
#include "tests/support/hub_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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

static inline UNUSED int circle_setup(void **state)
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

static inline UNUSED int circle_teardown(void **state)
{
    struct hubs *hubs = *state;
    for (unsigned i = 0; i < HUBS; i++)
        hub_close(&hubs->hub[i]);
    free(hubs);
    return 0;
}

static inline UNUSED const struct node_id *node(struct hubs *hubs, unsigned i)
{
    return identity_node(hubs->hub[i].self);
}

/* Everything sealed that waits between two hubs, opened, applied, receipted. */
static inline UNUSED void carry_one(struct hubs *hubs, unsigned from, unsigned to)
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

static inline UNUSED void carry(struct hubs *hubs)
{
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < HUBS; i++)
            for (unsigned j = 0; j < HUBS; j++)
                if (i != j)
                    carry_one(hubs, i, j);
}

static UNUSED const char *const lines[] = {"Nobody is turned away.",
                                           "What is said here stays here."};

static inline UNUSED struct circle_draft draft_of(struct hubs *hubs, unsigned stewards,
                                                  uint32_t threshold)
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

static inline UNUSED struct oid found(struct hubs *hubs, unsigned stewards, uint32_t threshold)
{
    struct hub *a = &hubs->hub[0];
    struct circle_draft draft = draft_of(hubs, stewards, threshold);
    struct oid scope;
    bool done;
    OK(a, circle_found(&a->tx, &draft, &scope, &done, &a->err));
    assert_int_equal(done, threshold == 1);
    return scope;
}

static inline UNUSED bool is_in(struct hubs *hubs, unsigned at, const struct oid *scope,
                                unsigned who)
{
    struct hub *h = &hubs->hub[at];
    bool ret = false;
    OK(h, circle_is_member(h->store, scope, node(hubs, who), h->tx.now, &ret, &h->err));
    return ret;
}

static inline UNUSED struct circle see(struct hubs *hubs, unsigned at, const struct oid *scope)
{
    struct circle circle;
    bool known;
    struct hub *h = &hubs->hub[at];
    OK(h, circle_find(h->store, scope, &known, &circle, &h->err));
    assert_true(known);
    return circle;
}

static inline UNUSED void admit(struct hubs *hubs, const struct oid *scope, unsigned who)
{
    struct hub *a = &hubs->hub[0];
    bool done;
    OK(a, circle_admit(&a->tx, scope, node(hubs, who), "Épicerie", &done, &a->err));
    assert_true(done);
    carry(hubs);
}

static inline UNUSED void join(struct hubs *hubs, const struct oid *scope, unsigned who)
{
    struct hub *h = &hubs->hub[who];
    bool in;
    OK(h, circle_join(&h->tx, scope, node(hubs, 0), "Bonjour", &in, &h->err));
}

/* As gossip brings it: opened under the author's keys, kept only when apply says so. */
static inline UNUSED bool take(struct hubs *hubs, unsigned at, unsigned author, struct bytes bytes)
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

struct log_event {
    Maillon__Hfp__V1__MembershipChange change;
    uint64_t term;
};

static inline UNUSED struct bytes sign_event(struct hubs *hubs, const struct oid *scope,
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, circle_setup, circle_teardown)
