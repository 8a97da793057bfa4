#include "hub/crypto/wire.h"
#include "hub/domain/card.h"
#include "hub/domain/object.h"
#include "hub/outbox/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

static struct card example(void)
{
    struct card card = {.route_count = 1};
    snprintf(card.name, sizeof(card.name), "Point accueil");
    snprintf(card.phone, sizeof(card.phone), "02 99 00 00 00");
    snprintf(card.routes[0], sizeof(card.routes[0]), "wss://a.example");
    return card;
}

/* The only object in the journal, verified. */
static Maillon__Hfp__V1__DirectoryEntry *journalled(struct domain_fixture *f,
                                                    struct envelope *envelope)
{
    struct journal_item *items;
    size_t count = 0;
    assert_ok(f, journal_read(f->tx.store, f->tx.arena, 0, 10, 1 << 20, f->tx.now, &items, &count,
                              &f->err));
    assert_int_equal(count, 1);
    assert_int_equal(items[0].journal_class, JOURNAL_DIRECTORY);
    assert_ok(f, envelope_open(items[0].object, f->tx.arena, envelope, &f->err));
    assert_true(kel_verify(identity_kel(f->self), envelope, NULL));
    assert_string_equal(envelope->type, TYPE_ENTRY);
    Maillon__Hfp__V1__DirectoryEntry *entry = wire_unpack(
        &maillon__hfp__v1__directory_entry__descriptor, envelope->body, f->tx.arena, &f->err);
    assert_non_null(entry);
    assert_ok(f, head_check_shape(entry->head, &f->err));
    assert_ok(f, entry_check(entry, (struct bytes){0}, &f->err));
    return entry;
}

static void a_card_is_published_once_per_change(void **state)
{
    struct domain_fixture *f = *state;
    struct card card = example(), back;
    struct envelope envelope;
    assert_ok(f, card_read(f->tx.store, &back, &f->err));
    assert_int_equal(back.version, 0);
    assert_ok(f, card_publish(&f->tx, &card, &f->err));
    Maillon__Hfp__V1__DirectoryEntry *entry = journalled(f, &envelope);
    assert_int_equal(entry->version, 1);
    assert_string_equal(entry->route[0], "wss://a.example");
    assert_int_equal(entry->n_enc_key, 1);
    assert_ok(f, card_publish(&f->tx, &card, &f->err));
    assert_int_equal(journalled(f, &envelope)->version, 1);
    snprintf(card.phone, sizeof(card.phone), "02 99 00 00 01");
    assert_ok(f, card_set(&f->tx, &card, &f->err));
    struct oid first_oid;
    entry = journalled(f, &envelope);
    assert_int_equal(entry->version, 2);
    assert_int_equal(entry->head->seq, 2);
    assert_true(oid_from(wire_bytes(entry->head->prev), &first_oid));
    assert_ok(f, card_read(f->tx.store, &back, &f->err));
    assert_string_equal(back.phone, card.phone);
    assert_int_equal(back.version, 2);
}

static void a_card_is_renewed_at_half_its_life(void **state)
{
    struct domain_fixture *f = *state;
    struct card card = example();
    struct envelope envelope;
    assert_ok(f, card_publish(&f->tx, &card, &f->err));
    f->tx.now.ms += (int64_t)CARD_LIFETIME_S * 500 - 1000;
    assert_ok(f, card_publish(&f->tx, &card, &f->err));
    assert_int_equal(journalled(f, &envelope)->version, 1);
    f->tx.now.ms += 1000;
    assert_ok(f, card_publish(&f->tx, &card, &f->err));
    assert_int_equal(journalled(f, &envelope)->version, 2);
}

static void a_malformed_card_is_refused_with_the_reason(void **state)
{
    struct domain_fixture *f = *state;
    struct card card = example();
    card.name[0] = '\0';
    assert_err(f, ERR_INVALID, card_set(&f->tx, &card, &f->err));
    card = example();
    snprintf(card.routes[0], sizeof(card.routes[0]), "a.example");
    assert_err(f, ERR_INVALID, card_set(&f->tx, &card, &f->err));
    card = example();
    card.phone[0] = (char)0xff;
    assert_err(f, ERR_INVALID, card_set(&f->tx, &card, &f->err));
    static const char *const no_communes[] = {"Redon", "3523", "352360", "2C004"};
    for (size_t i = 0; i < ARRAY_LEN(no_communes); i++) {
        card = example();
        snprintf(card.commune, sizeof(card.commune), "%s", no_communes[i]);
        assert_err(f, ERR_INVALID, card_set(&f->tx, &card, &f->err));
    }
    snprintf(card.commune, sizeof(card.commune), "2A004");
    assert_ok(f, card_set(&f->tx, &card, &f->err));
}

/* Receives `entry` as exchange would: stored first, then applied. */
static enum object_state receive(struct domain_fixture *f,
                                 const Maillon__Hfp__V1__DirectoryEntry *entry, unsigned number,
                                 struct disposition *ret)
{
    struct inbound_object object = {.from = *peer_node(f), .body = entry};
    memcpy(object.envelope.oid.b, &number, sizeof(number));
    object.envelope.type = TYPE_ENTRY;
    object.envelope.bytes = BYTES_LITERAL("signed");
    assert_ok(f,
              object_add(&f->tx, &object.envelope, peer_node(f), 0, OBJECT_APPLIED, NULL, &f->err));
    assert_ok(f, entry_apply(&f->tx, &object, ret, &f->err));
    struct object_row row;
    bool found;
    assert_ok(f, object_find(f->tx.store, &object.envelope.oid, &found, &row, &f->err));
    return row.state;
}

static void the_version_of_a_peer_must_rise(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    char old_name[] = "Avant", new_name[] = "Maintenant";
    Maillon__Hfp__V1__DirectoryEntry entry = MAILLON__HFP__V1__DIRECTORY_ENTRY__INIT;
    struct disposition told;
    entry.version = 2;
    entry.name = new_name;
    assert_int_equal(receive(f, &entry, 1, &told), OBJECT_APPLIED);
    assert_int_equal(told.state, MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED);
    entry.version = 1;
    entry.name = old_name;
    assert_int_equal(receive(f, &entry, 2, &told), OBJECT_REFUSED);
    assert_int_equal(told.code, MAILLON__HFP__V1__REFUSAL_CODE__REFUSAL_CODE_BAD_STATE);
    struct relation relation;
    bool found;
    assert_ok(f, relation_find(f->tx.store, peer_node(f), &found, &relation, &f->err));
    assert_string_equal(relation.name, "Maintenant");
}

static void malformed_entries_of_peers_are_refused(void **state)
{
    struct domain_fixture *f = *state;
    char route[] = "wss://b.example", bad[] = "javascript:1";
    char *routes[] = {route, route, route, route};
    uint8_t key_bytes[X25519_KEY_BYTES] = {9};
    Maillon__Hfp__V1__EncKey key = MAILLON__HFP__V1__ENC_KEY__INIT;
    Maillon__Hfp__V1__EncKey *keys[] = {&key};
    key.key = (ProtobufCBinaryData){sizeof(key_bytes), key_bytes};
    key.accept_until_s = 1;
    Maillon__Hfp__V1__DirectoryEntry entry = MAILLON__HFP__V1__DIRECTORY_ENTRY__INIT;
    assert_err(f, ERR_PEER, entry_check(&entry, (struct bytes){0}, &f->err));
    entry.version = 1;
    entry.route = routes;
    entry.n_route = 3;
    entry.enc_key = keys;
    entry.n_enc_key = 1;
    assert_ok(f, entry_check(&entry, (struct bytes){0}, &f->err));
    assert_err(f, ERR_PEER, entry_check(&entry, BYTES_LITERAL("x"), &f->err));
    entry.n_route = 4;
    assert_err(f, ERR_PEER, entry_check(&entry, (struct bytes){0}, &f->err));
    entry.n_route = 1;
    routes[0] = bad;
    assert_err(f, ERR_PEER, entry_check(&entry, (struct bytes){0}, &f->err));
    routes[0] = route;
    key.key.len = 31;
    assert_err(f, ERR_PEER, entry_check(&entry, (struct bytes){0}, &f->err));
    key.key.len = 32;
    key.accept_from_s = 1;
    assert_err(f, ERR_PEER, entry_check(&entry, (struct bytes){0}, &f->err));
    key.accept_from_s = 0;
    key_bytes[0] = 0; /* a point of low order: nobody could seal to it */
    assert_err(f, ERR_PEER, entry_check(&entry, (struct bytes){0}, &f->err));
    key_bytes[0] = 9;
    char name[CARD_NAME_MAX + 1];
    memset(name, 'a', CARD_NAME_MAX);
    name[CARD_NAME_MAX] = '\0';
    entry.name = name;
    assert_err(f, ERR_PEER, entry_check(&entry, (struct bytes){0}, &f->err));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_card_is_published_once_per_change),         TEST(a_card_is_renewed_at_half_its_life),
        TEST(a_malformed_card_is_refused_with_the_reason), TEST(the_version_of_a_peer_must_rise),
        TEST(malformed_entries_of_peers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
