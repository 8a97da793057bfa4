#include "hub/domain/object.h"
#include "hub/outbox/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

/* Stores an object whose bytes are `text` and journals it under `key`. */
static struct oid journalled(struct domain_fixture *f, const char *key, const char *text,
                             enum journal_class journal_class, uint64_t expires_s)
{
    struct oid oid;
    digest_sha256(bytes_text(text), oid.b);
    assert_ok(
        f, object_add_own(&f->tx, TYPE_NOTICE, bytes_text(text), &oid, expires_s, NULL, &f->err));
    assert_ok(f, journal_add(&f->tx, journal_class, bytes_text(key), &oid, expires_s, &f->err));
    return oid;
}

static size_t read_after(struct domain_fixture *f, uint64_t after, struct journal_item **ret)
{
    size_t count = 0;
    assert_ok(f, journal_read(f->tx.store, f->tx.arena, after, 100, 1 << 20, f->tx.now, ret, &count,
                              &f->err));
    return count;
}

static void a_newer_version_takes_the_place_of_the_older(void **state)
{
    struct domain_fixture *f = *state;
    struct journal_item *items;
    journalled(f, "a", "a1", JOURNAL_NOTICE, 0);
    journalled(f, "b", "b1", JOURNAL_DIRECTORY, 0);
    journalled(f, "a", "a2", JOURNAL_NOTICE, 0);
    assert_int_equal(read_after(f, 0, &items), 2);
    assert_true(bytes_equal(items[0].object, BYTES_LITERAL("b1")));
    assert_int_equal(items[0].journal_class, JOURNAL_DIRECTORY);
    assert_true(bytes_equal(items[1].object, BYTES_LITERAL("a2")));
    assert_int_equal(items[1].seq, 3);
    assert_int_equal(count_effects(f, EFFECT_JOURNAL), 1);
}

static void numbers_never_come_again(void **state)
{
    struct domain_fixture *f = *state;
    struct journal_item *items;
    uint64_t head = 0;
    journalled(f, "a", "a1", JOURNAL_NOTICE, 0);
    journalled(f, "a", "a2", JOURNAL_NOTICE, 0);
    assert_int_equal(read_after(f, 1, &items), 1);
    assert_int_equal(items[0].seq, 2);
    assert_ok(f, store_exec(f->tx.store, "DELETE FROM journal", &f->err));
    journalled(f, "a", "a3", JOURNAL_NOTICE, 0);
    assert_int_equal(read_after(f, 2, &items), 1);
    assert_ok(f, journal_head(f->tx.store, &head, &f->err));
    assert_int_equal(head, 3);
}

static void what_expired_is_not_sent_and_then_forgotten(void **state)
{
    struct domain_fixture *f = *state;
    struct journal_item *items;
    uint64_t soon = (uint64_t)f->tx.now.ms / 1000 + 60;
    journalled(f, "a", "a1", JOURNAL_NOTICE, soon);
    assert_int_equal(read_after(f, 0, &items), 1);
    f->tx.now.ms += 60000;
    assert_int_equal(read_after(f, 0, &items), 0);
    f->tx.now.ms += (int64_t)DEDUP_EXTRA_S * 1000;
    assert_ok(f, object_tick(&f->tx, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM object"), 1); /* the journal holds it */
    assert_ok(f, journal_tick(&f->tx, &f->err));
    assert_ok(f, object_tick(&f->tx, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM object"), 0);
}

static void reading_stops_at_its_limits(void **state)
{
    struct domain_fixture *f = *state;
    struct journal_item *items;
    size_t count;
    journalled(f, "a", "aaaaaaaaaa", JOURNAL_NOTICE, 0);
    journalled(f, "b", "bbbbbbbbbb", JOURNAL_NOTICE, 0);
    journalled(f, "c", "cccccccccc", JOURNAL_NOTICE, 0);
    assert_ok(
        f, journal_read(f->tx.store, f->tx.arena, 0, 2, 1000, f->tx.now, &items, &count, &f->err));
    assert_int_equal(count, 2);
    assert_ok(f,
              journal_read(f->tx.store, f->tx.arena, 0, 10, 1, f->tx.now, &items, &count, &f->err));
    assert_int_equal(count, 1);
}

static uint32_t reached(struct domain_fixture *f, const struct oid *oid)
{
    uint32_t count = 99;
    assert_ok(f, journal_reached(f->tx.store, oid, &count, &f->err));
    return count;
}

static void reached_counts_accepted_peers_whose_ack_covers_it(void **state)
{
    struct domain_fixture *f = *state;
    befriend(f);
    struct oid first = journalled(f, "a", "a1", JOURNAL_NOTICE, 0);
    struct oid second = journalled(f, "b", "b1", JOURNAL_NOTICE, 0);
    struct oid card = journalled(f, "c", "c1", JOURNAL_DIRECTORY, 0);
    assert_int_equal(reached(f, &first), 0);
    assert_ok(f, journal_set_acked(&f->tx, peer_node(f), 1, &f->err));
    assert_int_equal(reached(f, &first), 1);
    assert_int_equal(reached(f, &second), 0);
    assert_ok(f, journal_set_acked(&f->tx, peer_node(f), 3, &f->err));
    assert_ok(f, journal_set_acked(&f->tx, peer_node(f), 2, &f->err));
    assert_int_equal(reached(f, &card), 1);
    assert_ok(f, relation_set_switches(&f->tx, peer_node(f), SWITCH_NOTICES_OUT, 0, &f->err));
    assert_int_equal(reached(f, &second), 0);
    assert_int_equal(reached(f, &card), 1);
    assert_ok(f, relation_decide(&f->tx, peer_node(f), DECISION_PAUSED, &f->err));
    assert_int_equal(reached(f, &card), 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_newer_version_takes_the_place_of_the_older),      TEST(numbers_never_come_again),
        TEST(what_expired_is_not_sent_and_then_forgotten),       TEST(reading_stops_at_its_limits),
        TEST(reached_counts_accepted_peers_whose_ack_covers_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
