#include "tests/support/hub_fixture.h"

#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "hub/domain/authoring.h"
#include "hub/domain/object.h"
#include "hub/domain/referral.h"
#include "hub/domain/relation.h"
#include "hub/outbox/outbox.h"

#include <stdio.h>
#include <stdlib.h>

/* Ends the program: a hub that cannot be set up is no finding of the test. */
#define FAIL(...)                     \
    do {                              \
        fprintf(stderr, __VA_ARGS__); \
        fputc('\n', stderr);          \
        abort();                      \
    } while (0)

#define MUST(hub, call)                            \
    do {                                           \
        (hub)->err = (struct err){0};              \
        if (!(call))                               \
            FAIL("%s: %s", #call, (hub)->err.msg); \
    } while (0)

void hub_open(struct hub *hub, uint64_t seed)
{
    *hub = (struct hub){0};
    if (!secret_setup())
        FAIL("the library of secrets does not start");
    struct fake_clock clock;
    struct store_options options = {.path = ":memory:", .mode = STORE_WRITE, .relaxed_sync = true};
    fake_clock_init(&clock);
    fake_random_init(&hub->random, seed);
    hub->store = store_open(&options, &hub->err);
    if (!hub->store)
        FAIL("%s", hub->err.msg);
    MUST(hub, store_begin(hub->store, &hub->err));
    hub->self = identity_create_memory(&hub->random.source, clock.wall);
    hub->tx = (struct tx){
        .store = hub->store,
        .arena = arena_create((size_t)1 << 30),
        .now = clock.wall,
        .self = hub->self,
        .random = &hub->random.source,
        .counters = &hub->counters,
    };
}

void hub_close(struct hub *hub)
{
    free(hub->tx.effects.list);
    store_rollback(hub->store);
    store_close(hub->store);
    arena_free(hub->tx.arena);
    identity_free(hub->self);
}

void hub_accept(struct tx *tx, const struct identity *other)
{
    struct hub none = {0}, *hub = &none; /* for its err */
    const struct node_id *node = identity_node(other);
    const char *const routes[] = {"wss://hub.example"};
    char uri[INVITE_TEXT_MAX + 1];
    uint8_t secret[INVITE_BYTES], public_key[X25519_KEY_BYTES];
    enum decision answer;
    struct wall expires;
    size_t count;
    MUST(hub, relation_invite(tx, routes, 1, 14, uri, &expires, &hub->err));
    const char *hash = strchr(uri, '#');
    if (!hash || !base32_decode(hash + 1, BASE32_LEN(INVITE_BYTES), secret, INVITE_BYTES))
        FAIL("an invite without a secret");
    MUST(hub, relation_on_request(tx, node, "Voisin", "bonjour", bytes_of(secret, sizeof(secret)),
                                  NULL, 0, &answer, &hub->err));
    MUST(hub, relation_decide(tx, node, DECISION_ACCEPTED, &hub->err));
    MUST(hub, relation_on_answer(tx, node, "Voisin", DECISION_ACCEPTED, &hub->err));
    MUST(hub, relation_set_switches(tx, node, SWITCH_REFERRALS, SWITCH_REFERRALS, &hub->err));
    const struct bytes *events = identity_kel_events(other, &count);
    MUST(hub, relation_add_kel(tx, node, events, count, &hub->err));
    const struct seal_key *const *keys = identity_enc_keys(other, &count);
    seal_key_public(keys[0], public_key);
    Maillon__Hfp__V1__EncKey key;
    maillon__hfp__v1__enc_key__init(&key);
    key.key = (ProtobufCBinaryData){sizeof(public_key), public_key};
    key.accept_from_s = (uint64_t)tx->now.ms / 1000;
    key.accept_until_s = key.accept_from_s + (uint64_t)10 * 365 * 86400;
    Maillon__Hfp__V1__EncKey *list[] = {&key};
    Maillon__Hfp__V1__DirectoryEntry entry;
    maillon__hfp__v1__directory_entry__init(&entry);
    char name[] = "Voisin";
    entry.version = 1;
    entry.name = name;
    entry.enc_key = list;
    entry.n_enc_key = 1;
    MUST(hub, relation_set_entry(tx, node, &entry, &hub->err));
}

void hub_pair_open(struct hub_pair *pair, uint64_t seed)
{
    *pair = (struct hub_pair){0};
    if (!secret_setup())
        FAIL("the library of secrets does not start");
    hub_open(&pair->a, seed);
    hub_open(&pair->b, seed + 1000);
    hub_accept(&pair->a.tx, pair->b.self);
    hub_accept(&pair->b.tx, pair->a.self);
}

void hub_pair_close(struct hub_pair *pair)
{
    hub_close(&pair->a);
    hub_close(&pair->b);
}

void hub_pair_set_time(struct hub_pair *pair, int64_t wall_ms)
{
    struct hub *hubs[] = {&pair->a, &pair->b};
    for (size_t i = 0; i < ARRAY_LEN(hubs); i++) {
        hubs[i]->tx.now.ms = wall_ms; /* each finds the other's clock right */
        MUST(hubs[i], authoring_clock_compared(&hubs[i]->tx, 0, &hubs[i]->err));
    }
}

void hub_pair_advance(struct hub_pair *pair, int64_t ms)
{
    hub_pair_set_time(pair, pair->a.tx.now.ms + ms);
}

static void open_item(struct hub *from, struct hub *to, struct bytes sealed, struct carried *ret)
{
    struct parcel parcel;
    struct kel kel = *identity_kel(from->self);
    size_t count;
    const struct seal_key *const *keys = identity_enc_keys(to->self, &count);
    *ret = (struct carried){0};
    MUST(to, seal_open_parcel(keys, count, arena_bytes(to->tx.arena, sealed), to->tx.arena, &parcel,
                              &to->err));
    MUST(to, envelope_open(parcel.object, to->tx.arena, &ret->object.envelope, &to->err));
    if (!kel_verify(&kel, &ret->object.envelope, NULL))
        FAIL("a carried object has a bad signature");
    ret->event = wire_unpack(&maillon__hfp__v1__referral_event__descriptor,
                             ret->object.envelope.body, to->tx.arena, &to->err);
    if (!ret->event)
        FAIL("%s", to->err.msg);
    ret->object.from = *identity_node(from->self);
    ret->object.body = ret->event;
    ret->object.head = ret->event->head;
    ret->object.payload = parcel.payload;
    ret->object.salt = parcel.salt;
}

size_t hub_take(struct hub *from, struct hub *to, struct carried *ret, size_t limit)
{
    struct outbox_item *items;
    size_t count;
    MUST(from,
         outbox_read(from->store, from->tx.arena, identity_node(to->self), 1, from->carried[1],
                     limit, SIZE_MAX, from->tx.now, &items, &count, &from->err));
    for (size_t i = 0; i < count; i++) {
        open_item(from, to, items[i].sealed, &ret[i]);
        from->carried[1] = items[i].link_seq;
    }
    return count;
}

static void give_receipt(struct hub *author, struct hub *by, const struct oid *oid,
                         const struct disposition *disposition)
{
    Maillon__Hfp__V1__ReceiptEntry entry;
    bool known;
    maillon__hfp__v1__receipt_entry__init(&entry);
    entry.oid = wire_data(oid_bytes(oid));
    entry.state = disposition->state;
    entry.code = disposition->code;
    entry.permanent = disposition->permanent;
    entry.pending = disposition->pending;
    const struct node_id *node = identity_node(by->self);
    MUST(author, referral_on_receipt(&author->tx, node, oid, &entry, &known, &author->err));
    if (!known)
        FAIL("a receipt for an unknown event");
    if (disposition->state == MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED ||
        disposition->permanent)
        MUST(author, outbox_on_receipt(&author->tx, node, oid, &known, &author->err));
}

struct disposition hub_give(struct hub *from, struct hub *to, const struct carried *carried,
                            bool receipted)
{
    struct disposition disposition = {0};
    const struct inbound_object *object = &carried->object;
    MUST(to, referral_check(object->body, object->payload, &to->err));
    MUST(to, object_add(&to->tx, &object->envelope, &object->from, object->head->expires_s,
                        OBJECT_APPLIED, NULL, &to->err));
    MUST(to, referral_apply(&to->tx, object, &disposition, &to->err));
    if (receipted)
        give_receipt(from, to, &object->envelope.oid, &disposition);
    return disposition;
}

size_t hub_carry(struct hub *from, struct hub *to)
{
    struct carried items[64];
    size_t total = 0, count;
    while ((count = hub_take(from, to, items, ARRAY_LEN(items))) > 0) {
        for (size_t i = 0; i < count; i++)
            (void)hub_give(from, to, &items[i], true);
        total += count;
    }
    return total;
}

int64_t hub_query(struct hub *hub, const char *sql)
{
    AUTO(stmt_release) struct stmt *stmt = stmt_get(hub->store, sql, &hub->err);
    bool row = false;
    if (!stmt || !stmt_next(stmt, &row, &hub->err))
        FAIL("%s: %s", sql, hub->err.msg);
    return row && !stmt_is_null(stmt, 0) ? stmt_i64(stmt, 0) : -1;
}
