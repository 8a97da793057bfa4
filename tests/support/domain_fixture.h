#pragma once
/*
 * A hub's store in memory with an open transaction, and a neighbour with keys: what tests of
 * hub/domain and hub/outbox need. cmocka asserts; include after <cmocka.h>.
 */
#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/domain/card.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"
#include "tests/support/fake.h"

#include <stdlib.h>

struct domain_fixture {
    struct fake_random random;
    struct counters counters;
    struct identity *self, *peer;
    struct tx tx; /* open; `now` is 2026-11-22T08:00:00Z */
    struct err err;
};

#define assert_ok(f, call)                           \
    do {                                             \
        (f)->err = (struct err){0};                  \
        if (!(call))                                 \
            fail_msg("%s: %s", #call, (f)->err.msg); \
    } while (0)
#define assert_err(f, expected, call)                                               \
    do {                                                                            \
        (f)->err = (struct err){0};                                                 \
        assert_false(call);                                                         \
        assert_string_equal(err_code_name((f)->err.code), err_code_name(expected)); \
    } while (0)

static inline int domain_fixture_setup(void **state)
{
    struct domain_fixture *f = mem_alloc(sizeof(*f));
    assert_true(secret_setup());
    fake_random_init(&f->random, 7);
    struct fake_clock clock;
    fake_clock_init(&clock);
    struct store_options options = {.path = ":memory:", .mode = STORE_WRITE};
    struct store *store = store_open(&options, &f->err);
    if (!store || !store_begin(store, &f->err))
        fail_msg("%s", f->err.msg);
    f->self = identity_create_memory(&f->random.source, clock.wall);
    f->peer = identity_create_memory(&f->random.source, clock.wall);
    f->tx = (struct tx){
        .store = store,
        .arena = arena_create(0),
        .now = clock.wall,
        .self = f->self,
        .random = &f->random.source,
        .counters = &f->counters,
    };
    *state = f;
    return 0;
}

static inline int domain_fixture_teardown(void **state)
{
    struct domain_fixture *f = *state;
    free(f->tx.effects.list);
    store_close(f->tx.store);
    arena_free(f->tx.arena);
    identity_free(f->self);
    identity_free(f->peer);
    free(f);
    return 0;
}

static inline const struct node_id *peer_node(const struct domain_fixture *f)
{
    return identity_node(f->peer);
}

static inline UNUSED size_t count_effects(const struct domain_fixture *f, enum effect_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < f->tx.effects.count; i++)
        count += f->tx.effects.list[i].kind == kind;
    return count;
}

static inline UNUSED int64_t query_i64(struct domain_fixture *f, const char *sql)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(f->tx.store, sql, &f->err);
    bool row = false;
    if (!stmt || !stmt_next(stmt, &row, &f->err))
        fail_msg("%s: %s", sql, f->err.msg);
    return row ? stmt_i64(stmt, 0) : -1;
}

/** Makes an invite of this hub; the secret goes to `secret`. */
static inline UNUSED void make_invite(struct domain_fixture *f, uint8_t secret[INVITE_BYTES])
{
    const char *const routes[] = {"wss://a.example"};
    char uri[INVITE_TEXT_MAX + 1];
    struct wall expires;
    assert_ok(f, relation_invite(&f->tx, routes, 1, 14, uri, &expires, &f->err));
    const char *hash = strchr(uri, '#');
    assert_non_null(hash);
    assert_true(base32_decode(hash + 1, BASE32_LEN(INVITE_BYTES), secret, INVITE_BYTES));
}

/** The peer asks with an invite of ours and our human accepts. */
static inline UNUSED void befriend(struct domain_fixture *f)
{
    uint8_t secret[INVITE_BYTES];
    enum decision answer;
    make_invite(f, secret);
    assert_ok(f, relation_on_request(&f->tx, peer_node(f), "Ressourcerie", "bonjour",
                                     bytes_of(secret, sizeof(secret)), NULL, 0, &answer, &f->err));
    assert_int_equal(answer, DECISION_WAITING);
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_ACCEPTED, &f->err));
    size_t count;
    const struct bytes *events = identity_kel_events(f->peer, &count);
    assert_ok(f, relation_add_kel(&f->tx, peer_node(f), events, count, &f->err));
}

/** The peer's directory entry, with `key` to seal to. */
static inline UNUSED void send_entry(struct domain_fixture *f, uint32_t version,
                                     const struct seal_key *key)
{
    uint8_t public_key[X25519_KEY_BYTES];
    seal_key_public(key, public_key);
    Maillon__Hfp__V1__EncKey enc = MAILLON__HFP__V1__ENC_KEY__INIT;
    enc.key = (ProtobufCBinaryData){sizeof(public_key), public_key};
    enc.accept_from_s = (uint64_t)(f->tx.now.ms / 1000);
    enc.accept_until_s = enc.accept_from_s + 21 * 86400;
    Maillon__Hfp__V1__EncKey *keys[] = {&enc};
    char name[] = "Ressourcerie";
    Maillon__Hfp__V1__DirectoryEntry entry = MAILLON__HFP__V1__DIRECTORY_ENTRY__INIT;
    entry.version = version;
    entry.name = name;
    entry.enc_key = keys;
    entry.n_enc_key = 1;
    assert_ok(f, relation_set_entry(&f->tx, peer_node(f), &entry, &f->err));
}
