#include "hub/domain/object.h"
#include "hub/domain/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/support/domain_fixture.h"

static struct oid add(struct domain_fixture *f, const char *type, const char *text, int64_t lives_s)
{
    struct oid oid;
    uint64_t expires_s = lives_s ? (uint64_t)(f->tx.now.ms / 1000 + lives_s) : 0;
    digest_sha256(bytes_text(text), oid.b);
    struct envelope envelope = {.bytes = bytes_text(text), .type = type, .oid = oid};
    assert_ok(
        f, object_add(&f->tx, &envelope, peer_node(f), expires_s, OBJECT_APPLIED, NULL, &f->err));
    return oid;
}

static bool is_there(struct domain_fixture *f, const struct oid *oid)
{
    bool found = false;
    struct object_row row;
    assert_ok(f, object_find(f->tx.store, oid, &found, &row, &f->err));
    return found;
}

static void objects_are_found_by_their_id(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(buf_done) struct buf one = {0};
    struct oid oid;
    struct object_row row;
    bool found;
    identity_sign(f->self, TYPE_NOTICE, BYTES_LITERAL("one"), &one, &oid);
    assert_ok(f, object_add_own(&f->tx, TYPE_NOTICE, buf_bytes(&one), &oid, 60, NULL, &f->err));
    assert_ok(f, object_set_state(&f->tx, &oid, OBJECT_PENDING, &f->err));
    assert_ok(f, object_set_receipt(&f->tx, &oid, 42, &f->err));
    assert_ok(f, object_get(f->tx.store, f->tx.arena, &oid, &found, &row, &f->err));
    assert_true(found);
    assert_int_equal(row.state, OBJECT_PENDING);
    assert_int_equal(row.receipt, 42);
    assert_true(bytes_equal(row.bytes, buf_bytes(&one)));
    struct oid other = {{1}};
    assert_false(is_there(f, &other));
    assert_err(f, ERR_UNKNOWN, object_set_state(&f->tx, &other, OBJECT_APPLIED, &f->err));
}

static void what_the_disk_has_changed_is_not_given_and_mended_f30(void **state)
{
    struct domain_fixture *f = *state;
    AUTO(buf_done) struct buf one = {0};
    struct oid oid;
    struct object_row row;
    struct envelope envelope;
    struct wall next;
    bool found;
    identity_sign(f->self, TYPE_NOTICE, BYTES_LITERAL("one"), &one, &oid);
    one.data[one.len / 4] ^= 1; /* within type or body */
    assert_ok(f, object_add_own(&f->tx, TYPE_NOTICE, buf_bytes(&one), &oid, 60, NULL, &f->err));
    assert_true(is_there(f, &oid));
    assert_ok(f, object_get(f->tx.store, f->tx.arena, &oid, &found, &row, &f->err));
    assert_false(found);
    assert_true(row.damaged);
    assert_ok(f, object_walk(&f->tx, &next, &f->err));
    assert_int_equal(query_i64(f, "SELECT count(*) FROM object_damaged"), 1);
    one.data[one.len / 4] ^= 1;
    assert_ok(f, envelope_open(buf_bytes(&one), f->tx.arena, &envelope, &f->err));
    assert_ok(f, object_mend(&f->tx, &envelope, &f->err));
    assert_ok(f, object_get(f->tx.store, f->tx.arena, &oid, &found, &row, &f->err));
    assert_true(found);
    assert_int_equal(query_i64(f, "SELECT count(*) FROM object_damaged"), 0);
}

static void the_same_id_twice_is_a_conflict(void **state)
{
    struct domain_fixture *f = *state;
    struct oid oid = add(f, TYPE_NOTICE, "one", 60);
    assert_err(f, ERR_CONFLICT,
               object_add_own(&f->tx, TYPE_NOTICE, BYTES_LITERAL("one"), &oid, 0, NULL, &f->err));
}

static void only_what_nobody_can_ask_for_is_forgotten(void **state)
{
    struct domain_fixture *f = *state;
    struct oid notice = add(f, TYPE_NOTICE, "notice", 60);
    struct oid forever = add(f, TYPE_NOTICE, "forever", 0);
    struct oid event = add(f, TYPE_REFERRAL, "event", 60);
    f->tx.now.ms += (60 + (int64_t)DEDUP_EXTRA_S - 1) * 1000;
    assert_ok(f, object_tick(&f->tx, &f->err));
    assert_true(is_there(f, &notice));
    f->tx.now.ms += 1000;
    assert_ok(f, object_tick(&f->tx, &f->err));
    assert_false(is_there(f, &notice));
    assert_true(is_there(f, &forever));
    assert_true(is_there(f, &event)); /* its referral may be open */
    assert_ok(f, object_set_held(&f->tx, &event, false, &f->err));
    assert_ok(f, object_tick(&f->tx, &f->err));
    assert_false(is_there(f, &event));
}

static void own_streams_count_from_one_and_never_go_back(void **state)
{
    struct domain_fixture *f = *state;
    uint64_t seq;
    struct oid prev, oid = {{5}};
    bool has_prev;
    const struct bytes own = {0};
    assert_ok(f, stream_next(&f->tx, TYPE_NOTICE, own, &seq, &prev, &has_prev, &f->err));
    assert_true(seq == 1 && !has_prev);
    assert_ok(f, stream_set(&f->tx, TYPE_NOTICE, own, 1, &oid, &f->err));
    assert_ok(f, stream_next(&f->tx, TYPE_NOTICE, own, &seq, &prev, &has_prev, &f->err));
    assert_true(seq == 2 && has_prev && oid_equal(&prev, &oid));
    assert_err(f, ERR_CONFLICT, stream_set(&f->tx, TYPE_NOTICE, own, 1, &oid, &f->err));
    assert_ok(f, stream_next(&f->tx, TYPE_SERVICE, own, &seq, &prev, &has_prev, &f->err));
    assert_int_equal(seq, 1);
    assert_ok(
        f, stream_next(&f->tx, TYPE_NOTICE, BYTES_LITERAL("x"), &seq, &prev, &has_prev, &f->err));
    assert_int_equal(seq, 1);
}

static bool has_gone_back(struct domain_fixture *f, const char *type, struct bytes stream,
                          uint64_t seq, uint8_t number)
{
    bool ret;
    struct oid oid = {{number}};
    assert_ok(f, stream_has_gone_back(f->tx.store, type, stream, seq, &oid, &ret, &f->err));
    return ret;
}

static void r_rec_1_only_what_an_own_stream_does_not_know_yet_proves_that_it_went_back(void **state)
{
    struct domain_fixture *f = *state;
    const struct bytes own = {0};
    struct oid oid = {{5}};
    assert_ok(f, stream_set(&f->tx, TYPE_NOTICE, own, 4, &oid, &f->err));
    assert_true(has_gone_back(f, TYPE_NOTICE, own, 5, 6));
    assert_true(has_gone_back(f, TYPE_NOTICE, own, 4, 6)); /* two of one number */
    assert_false(has_gone_back(f, TYPE_NOTICE, own, 4, 5));
    assert_false(
        has_gone_back(f, TYPE_NOTICE, own, 3, 6)); /* forgotten: it ended or was replaced */
    assert_true(has_gone_back(f, TYPE_NOTICE, BYTES_LITERAL("x"), 1, 6));
    assert_true(has_gone_back(f, TYPE_SERVICE, own, 1, 6));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, domain_fixture_setup, domain_fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(objects_are_found_by_their_id),
        TEST(what_the_disk_has_changed_is_not_given_and_mended_f30),
        TEST(the_same_id_twice_is_a_conflict),
        TEST(only_what_nobody_can_ask_for_is_forgotten),
        TEST(own_streams_count_from_one_and_never_go_back),
        TEST(r_rec_1_only_what_an_own_stream_does_not_know_yet_proves_that_it_went_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
