#pragma once
/*
 * One hub behind its client API, a peer hub it accepts, and a service of that peer to refer to.
 * Include after <cmocka.h>.
 */
#include "hub/crypto/wire.h"
#include "hub/domain/directory.h"
#include "hub/domain/object.h"
#include "tests/support/api_fixture.h"
#include "tests/support/hub_fixture.h"
#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct api_fixture api;
    struct identity *peer;
    char service[80], id[80]; /* "NODE/UID"; of the referral a test sent */
    char code[16];            /* of its slip */
};

static inline void in_tx(struct fixture *f, void (*run)(struct fixture *f, struct tx *tx))
{
    struct tx tx = {
        .store = f->api.store,
        .arena = arena_create(0),
        .now = f->api.clock.wall,
        .self = f->api.self,
        .random = &f->api.random.source,
        .counters = &f->api.counters,
    };
    struct err err = {0};
    if (!store_begin(tx.store, &err))
        fail_msg("%s", err.msg);
    run(f, &tx);
    if (!store_commit(tx.store, &err))
        fail_msg("%s", err.msg);
    free(tx.effects.list);
    arena_free(tx.arena);
}

static inline void add_peer(struct fixture *f, struct tx *tx)
{
    hub_accept(tx, f->peer);
}

/* A service of the peer, as its object would arrive. */
static inline void add_service(struct fixture *f, struct tx *tx)
{
    Maillon__Hfp__V1__Head head;
    Maillon__Hfp__V1__Service service;
    Maillon__Hfp__V1__ServiceContent content;
    struct inbound_object object = {.from = *identity_node(f->peer)};
    struct disposition disposition;
    char uid[] = "ordi", name[] = "Ordinateurs", reach[] = "hub", *reaches[] = {reach};
    char structure[] = "Les Mulots", address[] = "12 quai Jean Bart", postal_code[] = "35600",
         commune[] = "Redon", phone[] = "02 99 72 00 00";
    AUTO(buf_done) struct buf bytes = {0};
    struct err err = {0};
    maillon__hfp__v1__head__init(&head);
    maillon__hfp__v1__service__init(&service);
    maillon__hfp__v1__service_content__init(&content);
    head.node = wire_data(node_id_bytes(identity_node(f->peer)));
    head.seq = 1;
    head.created_s = (uint64_t)tx->now.ms / 1000;
    head.expires_s = head.created_s + 86400;
    content.name = name;
    content.structure_name = structure;
    content.address = address;
    content.postal_code = postal_code;
    content.commune_name = commune;
    content.phone = phone;
    content.reach = reaches;
    content.n_reach = 1;
    service.head = &head;
    service.uid = uid;
    service.version = 1;
    service.content = &content;
    identity_sign(f->peer, TYPE_SERVICE, wire_pack_arena(&service, tx->arena), &bytes, NULL);
    object.body = &service;
    object.head = &head;
    if (!envelope_open(buf_bytes(&bytes), tx->arena, &object.envelope, &err) ||
        !object_add(tx, &object.envelope, &object.from, head.expires_s, OBJECT_APPLIED, NULL,
                    &err) ||
        !service_apply(tx, &object, &disposition, &err))
        fail_msg("%s", err.msg);
}

static inline struct fixture *fixture_open(void)
{
    struct fixture *f = test_malloc(sizeof(*f));
    char node[NODE_ID_TEXT];
    memset(f, 0, sizeof(*f));
    api_fixture_open(&f->api);
    f->peer = identity_create_memory(&f->api.random.source, f->api.clock.wall);
    in_tx(f, add_peer);
    in_tx(f, add_service);
    snprintf(f->service, sizeof(f->service), "%s/ordi", node_id_text(identity_node(f->peer), node));
    return f;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    api_fixture_close(&f->api);
    identity_free(f->peer);
    test_free(f);
    return 0;
}
