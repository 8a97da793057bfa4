#pragma once
/* A hub that may relay for its neighbour, and further accepted peers. Include after <cmocka.h>. */
#include "hub/domain/relay.h"
#include "tests/support/domain_fixture.h"

/** Another accepted peer, by number; no keys. */
static inline UNUSED struct node_id add_peer(struct domain_fixture *f, unsigned number)
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

static inline int relay_setup(void **state)
{
    domain_fixture_setup(state);
    struct domain_fixture *f = *state;
    befriend(f);
    assert_ok(f, relay_set_duty(&f->tx, peer_node(f), RELAY_DUTY_ALLOWED, &f->err));
    return 0;
}

/* A blob or object by number. */
static inline UNUSED struct oid blob_of(unsigned number)
{
    struct oid blob = {{0}};
    memcpy(blob.b, &number, sizeof number);
    return blob;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, relay_setup, domain_fixture_teardown)
