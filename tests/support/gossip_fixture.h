#pragma once
/* A circle of this hub, with or without the peer in it. Include after <cmocka.h>. */
#include "hub/domain/circle.h"
#include "tests/support/domain_fixture.h"

#define DAY_S 86400

static inline UNUSED uint64_t now_s(const struct domain_fixture *f)
{
    return (uint64_t)(f->tx.now.ms / 1000);
}

static inline UNUSED void advance_s(struct domain_fixture *f, int64_t seconds)
{
    f->tx.now.ms += seconds * 1000;
}

/* A circle of this hub, with the peer as a member. */
static inline UNUSED struct oid make_circle(struct domain_fixture *f, bool with_peer)
{
    static const char *const principles[] = {"chacun aide"};
    struct oid scope;
    bool done = false;
    struct circle_draft draft = {
        .name = "Pays de Redon",
        .principle = principles,
        .principle_count = 1,
        .steward = {*identity_node(f->self)},
        .steward_count = 1,
    };
    befriend(f);
    assert_ok(f,
              relation_on_answer(&f->tx, peer_node(f), "Ressourcerie", DECISION_ACCEPTED, &f->err));
    AUTO(seal_key_free) struct seal_key *key = seal_key_create(f->tx.random);
    send_entry(f, 1, key);
    assert_ok(f, circle_found(&f->tx, &draft, &scope, &done, &f->err));
    assert_true(done);
    if (with_peer)
        assert_ok(f, circle_admit(&f->tx, &scope, peer_node(f), "Ressourcerie", &done, &f->err));
    return scope;
}
