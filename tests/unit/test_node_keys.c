/* Key logs of other nodes in the store (R-ID-3, R-ID-4, R-ID-5), and this hub's own keys in time
 * (R-ID-6); F11, F12, F13. */
#include "hub/crypto/wire.h"
#include "hub/domain/card.h"
#include "hub/domain/node_keys.h"
#include "hub/domain/object.h"
#include "hub/domain/own_keys.h"
#include "maillon/hfp/v1/keys.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

#define DAY_MS (86400 * INT64_C(1000))

/* A node whose recovery sheets are known; the same seed is the same node. */
struct node {
    struct identity *self;
    struct sign_key *root, *next;
};

static struct sign_key *key_of(const char *sheet)
{
    struct node_id seed;
    assert_true(node_id_parse(sheet, &seed));
    return sign_key_from_seed(seed.b);
}

static void node_open(struct node *node, uint64_t seed, struct wall now)
{
    struct fake_random random;
    struct recovery_sheets sheets;
    fake_random_init(&random, seed);
    node->self = identity_create_known(&random.source, now, &sheets);
    node->root = key_of(sheets.root);
    node->next = key_of(sheets.next_root);
}

static void node_close(struct node *node)
{
    identity_free(node->self);
    sign_key_free(node->root);
    sign_key_free(node->next);
}

/* Makes changes of `node`'s keys as its own hub would, in the store of the fixture. */
static void as(struct domain_fixture *f, struct node *node, struct tx *ret)
{
    *ret = f->tx;
    ret->self = node->self;
}

static void rotate_root(struct domain_fixture *f, struct node *node)
{
    struct recovery_sheets sheets;
    const struct sign_key *keys[] = {node->next};
    const struct identity *self = f->tx.self;
    f->tx.self = node->self;
    assert_ok(f, own_keys_rotate_root(&f->tx, keys, 1, NULL, &sheets, &f->err));
    f->tx.self = self;
    sign_key_free(node->root);
    node->root = node->next; /* sheet 2 has become sheet 1 */
    node->next = key_of(sheets.next_root);
}

static void rotate(struct domain_fixture *f, struct node *node)
{
    const struct sign_key *keys[] = {node->root};
    const struct identity *self = f->tx.self;
    f->tx.self = node->self;
    assert_ok(f, own_keys_rotate(&f->tx, keys, 1, &f->err));
    f->tx.self = self;
}

static bool add(struct domain_fixture *f, const struct node *node)
{
    size_t count;
    const struct bytes *events = identity_kel_events(node->self, &count);
    f->err = (struct err){0};
    return node_keys_add(&f->tx, identity_node(node->self), events, count, &f->err);
}

static struct node_keys_state state_of(struct domain_fixture *f, const struct node *node)
{
    struct node_keys_state state;
    assert_ok(f, node_keys_state(f->tx.store, identity_node(node->self), &state, &f->err));
    return state;
}

static enum node_keys_standing stand(struct domain_fixture *f, const struct node *node)
{
    struct node_keys_state state = state_of(f, node);
    return node_keys_stand(&state, f->tx.now);
}

static void a_log_of_a_node_without_relation_is_kept_and_grows(void **state)
{
    struct domain_fixture *f = *state;
    struct node node;
    struct kel kel;
    bool found;
    node_open(&node, 11, f->tx.now);
    assert_int_equal(stand(f, &node), NODE_KEYS_NONE);
    assert_ok(f, node_keys_read(f->tx.store, identity_node(node.self), &found, &kel, &f->err));
    assert_false(found);
    assert_true(add(f, &node));
    assert_int_equal(stand(f, &node), NODE_KEYS_GOOD);
    rotate(f, &node);
    assert_true(add(f, &node));
    assert_true(add(f, &node)); /* known again: fine */
    assert_int_equal(state_of(f, &node).seq, 4);
    assert_ok(f, node_keys_read(f->tx.store, identity_node(node.self), &found, &kel, &f->err));
    assert_true(found);
    assert_true(oid_equal(&kel.head, &identity_kel(node.self)->head));
    node_close(&node);
}

/* F12: the log of the thief is replaced, and kept as proof. */
static void a_rotation_replaces_what_a_thief_wrote(void **state)
{
    struct domain_fixture *f = *state;
    struct node owner, thief;
    node_open(&owner, 12, f->tx.now);
    node_open(&thief, 12, f->tx.now);
    assert_true(node_id_equal(identity_node(owner.self), identity_node(thief.self)));
    rotate(f, &thief); /* it has root and OP */
    assert_true(add(f, &thief));
    rotate_root(f, &owner);
    assert_true(add(f, &owner));
    assert_int_equal(state_of(f, &owner).rotations, 1);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM node_key_proof WHERE kind = 'replaced'"),
                     2);
    struct node_keys_state held = state_of(f, &owner);
    assert_true(oid_equal(&held.head, &identity_kel(owner.self)->head));
    assert_false(add(f, &thief));
    assert_int_equal(f->err.code, ERR_PEER);
    node_close(&owner);
    node_close(&thief);
}

/* F13: whichever came first, both are kept and nothing more is taken. */
static void contradicting_rotations_freeze_until_a_human_decides(void **state)
{
    struct domain_fixture *f = *state;
    for (unsigned order = 0; order < 2; order++) {
        struct node owner, thief;
        node_open(&owner, 20 + order, f->tx.now);
        node_open(&thief, 20 + order, f->tx.now);
        rotate_root(f, &owner);
        rotate_root(f, &thief); /* the fixture's randomness goes on: another next root */
        assert_true(add(f, order ? &thief : &owner));
        assert_true(add(f, order ? &owner : &thief));
        assert_int_equal(stand(f, &owner), NODE_KEYS_DUPLICITY);
        assert_string_equal(node_keys_word(NODE_KEYS_DUPLICITY), "DUPLICITY");
        struct kel kel;
        bool found;
        assert_ok(f, node_keys_read(f->tx.store, identity_node(owner.self), &found, &kel, &f->err));
        assert_true(kel.duplicity);
        rotate(f, &owner); /* not even what continues it is taken now */
        assert_false(add(f, &owner));
        assert_int_equal(f->err.code, ERR_CONFLICT);
        assert_ok(f, node_keys_settle(&f->tx, identity_node(owner.self), &f->err));
        assert_int_equal(stand(f, &owner), NODE_KEYS_GOOD);
        assert_err(f, ERR_CONFLICT, node_keys_settle(&f->tx, identity_node(owner.self), &f->err));
        node_close(&owner);
        node_close(&thief);
    }
    assert_int_equal(query_i64(f, "SELECT count(*) FROM node_key_proof WHERE kind = 'held'"), 2);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM node_key_proof WHERE kind = 'rival'"), 2);
}

static void the_end_of_a_log_alone_needs_its_beginning(void **state)
{
    struct domain_fixture *f = *state;
    struct node node;
    size_t count;
    node_open(&node, 13, f->tx.now);
    const struct bytes *events = identity_kel_events(node.self, &count);
    assert_err(f, ERR_UNKNOWN,
               node_keys_add(&f->tx, identity_node(node.self), events + 1, 1, &f->err));
    assert_ok(f, node_keys_add(&f->tx, identity_node(node.self), events, 1, &f->err));
    assert_int_equal(stand(f, &node), NODE_KEYS_REVOKED); /* no working key yet */
    assert_ok(f, node_keys_add(&f->tx, identity_node(node.self), events + 1, 1, &f->err));
    assert_int_equal(stand(f, &node), NODE_KEYS_GOOD);
    node_close(&node);
}

/* R-ID-5, F36 */
static void words_follow_time_and_beacons(void **state)
{
    struct domain_fixture *f = *state;
    struct node node;
    AUTO(buf_done) struct buf beacon = {0}, forged = {0};
    struct wall start = f->tx.now;
    node_open(&node, 14, f->tx.now);
    assert_true(add(f, &node));
    own_keys_beacon(f->self, f->tx.now, (struct bytes){0}, &forged);
    assert_err(f, ERR_PEER,
               node_keys_add_beacon(&f->tx, identity_node(node.self), buf_bytes(&forged), &f->err));
    own_keys_beacon(node.self, f->tx.now, (struct bytes){0}, &beacon);
    assert_ok(f,
              node_keys_add_beacon(&f->tx, identity_node(node.self), buf_bytes(&beacon), &f->err));
    /* a log of before there was a state: the first beacon makes it up */
    AUTO(stmt_release)
    struct stmt *forget = stmt_get(f->tx.store, "DELETE FROM node_key", &f->err);
    assert_ok(f, stmt_run(forget, &f->err));
    assert_ok(f,
              node_keys_add_beacon(&f->tx, identity_node(node.self), buf_bytes(&beacon), &f->err));
    assert_int_equal(stand(f, &node), NODE_KEYS_GOOD);
    struct bytes kept;
    assert_ok(f,
              node_keys_beacon(f->tx.store, f->tx.arena, identity_node(node.self), &kept, &f->err));
    assert_true(bytes_equal(kept, buf_bytes(&beacon)));
    f->tx.now.ms = start.ms + 30 * DAY_MS;
    assert_int_equal(stand(f, &node), NODE_KEYS_GOOD);
    f->tx.now.ms += 1000;
    assert_int_equal(stand(f, &node), NODE_KEYS_SILENT);
    f->tx.now.ms = start.ms + 400 * DAY_MS + 1000;
    assert_string_equal(node_keys_word(stand(f, &node)), "STALE");
    f->tx.now.ms = start.ms + 490 * DAY_MS + 1000;
    assert_string_equal(node_keys_word(stand(f, &node)), "EXPIRED");
    f->tx.now = start;
    const struct sign_key *roots[] = {node.root};
    struct tx own;
    as(f, &node, &own);
    assert_ok(f, own_keys_retire(&own, roots, 1, identity_node(f->self), &f->err));
    f->tx.effects = own.effects;
    assert_true(add(f, &node));
    assert_string_equal(node_keys_word(stand(f, &node)), "RETIRED");
    struct node_keys_state held = state_of(f, &node);
    assert_true(node_id_equal(&held.successor, identity_node(f->self)));
    node_close(&node);
}

static void a_beacon_is_taken_up_to_its_limit(void **state)
{
    struct domain_fixture *f = *state;
    struct node node;
    uint8_t head[OBJECT_BEACON_MAX] = {0};
    node_open(&node, 15, f->tx.now);
    assert_true(add(f, &node));
    AUTO(buf_done) struct buf beacon = {0};
    own_keys_beacon(node.self, f->tx.now, (struct bytes){0}, &beacon);
    size_t room =
        OBJECT_BEACON_MAX - beacon.len - 4; /* field key, length, and longer body lengths */
    for (size_t extra = 0; extra < 2; extra++) {
        beacon.len = 0;
        while (beacon.len != OBJECT_BEACON_MAX + extra) {
            beacon.len = 0;
            own_keys_beacon(node.self, f->tx.now, bytes_of(head, room++), &beacon);
            assert_true(beacon.len <= OBJECT_BEACON_MAX + extra);
        }
        f->err = (struct err){0};
        assert_int_equal(
            node_keys_add_beacon(&f->tx, identity_node(node.self), buf_bytes(&beacon), &f->err),
            extra == 0);
    }
    node_close(&node);
}

/* ---- own keys ---- */

static void the_wrong_sheet_is_named(void **state)
{
    struct domain_fixture *f = *state;
    struct node node, other;
    struct recovery_sheets sheets;
    struct tx own;
    node_open(&node, 30, f->tx.now);
    node_open(&other, 31, f->tx.now);
    as(f, &node, &own);
    const struct sign_key *next[] = {node.next}, *root[] = {node.root}, *foreign[] = {other.root};
    assert_err(f, ERR_INVALID, own_keys_rotate(&own, next, 1, &f->err));
    assert_non_null(strstr(f->err.msg, "sheet 2"));
    assert_err(f, ERR_INVALID, own_keys_rotate_root(&own, root, 1, NULL, &sheets, &f->err));
    assert_non_null(strstr(f->err.msg, "sheet 1"));
    assert_err(f, ERR_INVALID, own_keys_rotate(&own, foreign, 1, &f->err));
    assert_err(f, ERR_INVALID, own_keys_rotate(&own, root, 0, &f->err));
    assert_int_equal(identity_kel(node.self)->seq, 2);
    node_close(&node);
    node_close(&other);
}

/* F11: what this hub made itself stays good, under the same ids. */
static void a_stolen_key_is_replaced_and_own_objects_are_signed_anew(void **state)
{
    struct domain_fixture *f = *state;
    struct node node;
    struct card card = {.name = "Ici"};
    node_open(&node, 32, f->tx.now);
    const struct identity *self = f->tx.self;
    f->tx.self = node.self;
    assert_ok(f, card_publish(&f->tx, &card, &f->err));
    const struct sign_public old = *sign_key_public(identity_op(node.self));
    int64_t before = query_i64(f, "SELECT max(id) FROM object");
    const struct sign_key *roots[] = {node.root};
    const struct own_keys_bound bound = {.since_s = (uint64_t)(f->tx.now.ms / 1000)};
    f->tx.now.ms += 3600000;
    assert_ok(f, own_keys_revoke_stolen(&f->tx, roots, 1, &bound, &f->err));
    const struct kel *kel = identity_kel(node.self);
    assert_null(kel_find_op(kel, &old));
    assert_int_equal(kel->seq, 4);
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(f->tx.store, "SELECT bytes FROM object WHERE id = ?1", &f->err);
    assert_non_null(stmt);
    stmt_bind_i64(stmt, 1, before);
    bool row;
    struct envelope envelope;
    assert_ok(f, stmt_next(stmt, &row, &f->err));
    assert_true(row);
    assert_ok(f, envelope_open(arena_bytes(f->tx.arena, stmt_bytes(stmt, 0)), f->tx.arena,
                               &envelope, &f->err));
    assert_true(kel_verify(kel, &envelope, NULL)); /* by the new key */
    /* and the sealing keys of the stolen machine are not offered any more */
    struct enc_key_info keys[4];
    assert_int_equal(identity_enc_list(node.self, keys, 4), 2);
    assert_int_equal(keys[0].from_s, f->tx.now.ms / 1000);
    assert_true(keys[1].until_s <= f->tx.now.ms / 1000);
    assert_int_equal(query_i64(f, "SELECT version FROM card"), 2);
    f->tx.self = self;
    node_close(&node);
}

/* R-ID-6 */
static void sealing_keys_are_made_weekly_accepted_three_weeks_and_destroyed_in_time(void **state)
{
    struct domain_fixture *f = *state;
    struct node node;
    struct card card = {.name = "Ici"};
    struct enc_key_info keys[64];
    node_open(&node, 33, f->tx.now);
    const struct identity *self = f->tx.self;
    f->tx.self = node.self;
    struct wall start = f->tx.now;
    assert_ok(f, card_publish(&f->tx, &card, &f->err));
    for (unsigned day = 1; day <= 200; day++) {
        f->tx.now.ms = start.ms + day * DAY_MS;
        assert_ok(f, own_keys_tick(&f->tx, &f->err));
        size_t count = identity_enc_list(node.self, keys, 64);
        unsigned expected = day / 7 + 1 < 16 ? day / 7 + 1 : 16; /* 111 days at most */
        assert_true(count == expected || (day > 104 && count + 1 >= expected));
        assert_true(f->tx.now.ms / 1000 - keys[0].from_s < ENC_KEY_EVERY_S);
        for (size_t i = 1; i < count; i++)
            assert_true(f->tx.now.ms / 1000 <= keys[i].destroyed_s);
    }
    /* the card names those that are accepted, no others */
    AUTO(stmt_release)
    struct stmt *stmt =
        stmt_get(f->tx.store, "SELECT bytes FROM object ORDER BY id DESC LIMIT 1", &f->err);
    bool row;
    struct envelope envelope;
    assert_ok(f, stmt_next(stmt, &row, &f->err));
    assert_ok(f, envelope_open(arena_bytes(f->tx.arena, stmt_bytes(stmt, 0)), f->tx.arena,
                               &envelope, &f->err));
    const Maillon__Hfp__V1__DirectoryEntry *entry = wire_unpack(
        &maillon__hfp__v1__directory_entry__descriptor, envelope.body, f->tx.arena, &f->err);
    assert_non_null(entry);
    assert_int_equal(entry->n_enc_key, 3);
    for (size_t i = 0; i < entry->n_enc_key; i++)
        assert_int_equal(entry->enc_key[i]->accept_until_s - entry->enc_key[i]->accept_from_s,
                         ENC_KEY_ACCEPTED_S);
    f->tx.self = self;
    node_close(&node);
}

/* R-ID-5 */
static void the_end_of_the_working_key_is_warned_of_three_times(void **state)
{
    struct domain_fixture *f = *state;
    struct node node;
    static const struct {
        int day;
        const char *say;
    } cases[] = {{339, NULL},        {340, "in 60 days"},  {370, "in 30 days"},
                 {393, "in 7 days"}, {401, "has run out"}, {491, "take nothing"}};
    node_open(&node, 34, f->tx.now);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *warnings[OWN_KEYS_WARNINGS_MAX];
        size_t count;
        struct wall at = {f->tx.now.ms + cases[i].day * DAY_MS};
        assert_ok(f, own_keys_warnings(f->tx.store, node.self, at, f->tx.arena, warnings, &count,
                                       &f->err));
        assert_int_equal(count, cases[i].say != NULL);
        if (cases[i].say)
            assert_non_null(strstr(warnings[0], cases[i].say));
    }
    node_close(&node);
}

/* R-ID-8 */
static void attestations_of_a_successor_are_counted_and_nothing_else(void **state)
{
    struct domain_fixture *f = *state;
    struct node lost, fresh;
    struct node_id named;
    size_t count;
    node_open(&lost, 35, f->tx.now);
    node_open(&fresh, 36, f->tx.now);
    befriend(f);
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Succession body = MAILLON__HFP__V1__SUCCESSION__INIT;
    head.created_s = 1;
    body.head = &head;
    body.lost = wire_data(node_id_bytes(identity_node(lost.self)));
    body.successor = wire_data(node_id_bytes(identity_node(lost.self)));
    assert_err(f, ERR_PEER, succession_check(&body, (struct bytes){0}, &f->err));
    body.successor = wire_data(node_id_bytes(identity_node(fresh.self)));
    assert_ok(f, succession_check(&body, (struct bytes){0}, &f->err));
    struct inbound_object object = {.from = *peer_node(f), .body = &body};
    struct disposition told;
    object.envelope.oid.b[0] = 7;
    assert_ok(f, succession_apply(&f->tx, &object, &told, &f->err));
    assert_ok(f, succession_apply(&f->tx, &object, &told, &f->err));
    object.from = *identity_node(lost.self); /* no peer of ours: does not count */
    object.envelope.oid.b[0] = 8;
    assert_ok(f, succession_apply(&f->tx, &object, &told, &f->err));
    assert_ok(f, succession_find(f->tx.store, identity_node(fresh.self), &count, &named, &f->err));
    assert_int_equal(count, 1);
    assert_true(node_id_equal(&named, identity_node(lost.self)));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM peer"), 1);
    assert_ok(
        f, succession_attest(&f->tx, identity_node(lost.self), identity_node(fresh.self), &f->err));
    node_close(&lost);
    node_close(&fresh);
}

/* No peer can fill the table, and what it has said stays readable. */
static void one_author_attests_64_successors_and_not_one_more(void **state)
{
    struct domain_fixture *f = *state;
    uint8_t lost[NODE_ID_BYTES] = {1}, fresh[NODE_ID_BYTES] = {2};
    Maillon__Hfp__V1__Head head = MAILLON__HFP__V1__HEAD__INIT;
    Maillon__Hfp__V1__Succession body = MAILLON__HFP__V1__SUCCESSION__INIT;
    struct inbound_object object = {.from = *peer_node(f), .body = &body};
    struct disposition told;
    head.created_s = 1;
    body.head = &head;
    body.lost = wire_data(bytes_of(lost, sizeof(lost)));
    body.successor = wire_data(bytes_of(fresh, sizeof(fresh)));
    for (unsigned i = 0; i <= 64; i++) {
        fresh[1] = object.envelope.oid.b[0] = (uint8_t)i;
        assert_ok(f, succession_apply(&f->tx, &object, &told, &f->err));
        assert_int_equal(told.state, i < 64
                                         ? MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_STORED
                                         : MAILLON__HFP__V1__RECEIPT_STATE__RECEIPT_STATE_REFUSED);
    }
    assert_int_equal(query_i64(f, "SELECT count(*) FROM succession"), 64);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_log_of_a_node_without_relation_is_kept_and_grows),
        TEST(a_rotation_replaces_what_a_thief_wrote),
        TEST(contradicting_rotations_freeze_until_a_human_decides),
        TEST(the_end_of_a_log_alone_needs_its_beginning),
        TEST(words_follow_time_and_beacons),
        TEST(a_beacon_is_taken_up_to_its_limit),
        TEST(the_wrong_sheet_is_named),
        TEST(a_stolen_key_is_replaced_and_own_objects_are_signed_anew),
        TEST(sealing_keys_are_made_weekly_accepted_three_weeks_and_destroyed_in_time),
        TEST(the_end_of_the_working_key_is_warned_of_three_times),
        TEST(attestations_of_a_successor_are_counted_and_nothing_else),
        TEST(one_author_attests_64_successors_and_not_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
