/*
 * Range-based reconciliation: what it finds, what it costs (proto/README.md "Reconciliation"), what
 * it refuses; and what ids made to hide behind each other's sums change (F27, R-NO-7). Other
 * implementations are in tests/system/negentropy.
 */
#include "federation/negentropy.h"
#include "proto/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW_S 1800000000

static struct oid id_of(uint64_t seed, uint64_t number)
{
    struct oid id;
    uint64_t in[2] = {seed, number};
    digest_sha256(bytes_of(in, sizeof in), id.b);
    return id;
}

static struct oid salted(const struct oid *id, uint8_t salt)
{
    struct oid out;
    digest_sha256_parts((const struct bytes[]){bytes_of(&salt, 1), oid_bytes(id)}, 2, out.b);
    return out;
}

/* Items number `from` to `to`, one a second, so that the last ones are the most recent. */
static struct negentropy *make_set(uint64_t from, uint64_t to, size_t limit)
{
    struct err err = {0};
    struct negentropy *set = negentropy_create(limit);
    for (uint64_t i = from; i < to; i++) {
        struct oid id = id_of(1, i);
        negentropy_add(set, NOW_S + i, &id);
    }
    assert_true(negentropy_seal(set, &err));
    return set;
}

struct cost {
    unsigned rounds;
    size_t bytes, largest, have, need;
    bool done;
};

static struct cost reconcile(struct negentropy *asking, struct negentropy *answering,
                             unsigned rounds_max, struct negentropy_found *found)
{
    struct cost cost = {0};
    struct err err = {0};
    AUTO(buf_done) struct buf question = {0}, answer = {0};
    bool ignored;
    negentropy_initiate(asking, &question);
    while (!cost.done && cost.rounds < rounds_max) {
        cost.bytes += question.len;
        cost.largest = question.len > cost.largest ? question.len : cost.largest;
        assert_true(
            negentropy_reconcile(answering, buf_bytes(&question), &answer, NULL, &ignored, &err));
        cost.bytes += answer.len;
        cost.largest = answer.len > cost.largest ? answer.len : cost.largest;
        assert_true(
            negentropy_reconcile(asking, buf_bytes(&answer), &question, found, &cost.done, &err));
        cost.rounds++;
    }
    cost.have = found->have.len / OID_BYTES;
    cost.need = found->need.len / OID_BYTES;
    return cost;
}

static struct cost cost_of(struct negentropy *asking, struct negentropy *answering,
                           unsigned rounds_max)
{
    struct negentropy_found found = {0};
    struct cost cost = reconcile(asking, answering, rounds_max, &found);
    negentropy_found_done(&found);
    negentropy_free(asking);
    negentropy_free(answering);
    return cost;
}

static void an_empty_set_asks_with_the_known_bytes(void **state)
{
    (void)state;
    static const uint8_t wanted[] = {0x61, 0, 0, 2, 0};
    AUTO(negentropy_free) struct negentropy *set = make_set(0, 0, 0);
    AUTO(buf_done) struct buf out = {0};
    negentropy_initiate(set, &out);
    assert_int_equal(out.len, sizeof wanted);
    assert_memory_equal(out.data, wanted, sizeof wanted);
}

static void equal_sets_cost_one_round_and_less_than_a_kilobyte(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {0, 1, 31, 32, 1000, 10000, 100000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct cost cost = cost_of(make_set(0, sizes[i], RECON_FRAME_MAX),
                                   make_set(0, sizes[i], RECON_FRAME_MAX), RECON_ROUNDS_MAX);
        assert_true(cost.done);
        assert_int_equal(cost.rounds, 1);
        assert_int_equal(cost.have + cost.need, 0);
        if (sizes[i] != 31) /* a list of 31 ids each way */
            assert_true(cost.bytes < 1024);
    }
}

static void ten_recent_misses_in_ten_thousand_cost_two_rounds_and_eight_kilobytes(void **state)
{
    (void)state;
    struct cost cost = cost_of(make_set(0, 9990, RECON_FRAME_MAX),
                               make_set(0, 10000, RECON_FRAME_MAX), RECON_ROUNDS_MAX);
    assert_true(cost.done);
    assert_int_equal(cost.need, 10);
    assert_int_equal(cost.have, 0);
    assert_true(cost.rounds <= 2);
    assert_true(cost.bytes <= 8192);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, OID_BYTES);
}

static void both_sides_differences_are_found_for_all_sizes(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 60; seed++) {
        struct err err = {0};
        struct negentropy_found found = {0};
        AUTO(negentropy_free) struct negentropy *left = negentropy_create(seed % 2 ? 4096 : 0);
        AUTO(negentropy_free) struct negentropy *right = negentropy_create(seed % 3 ? 4096 : 0);
        AUTO(buf_done) struct buf only_left = {0}, only_right = {0};
        unsigned count = seed * seed, state_of = seed * 7919 + 1;
        for (unsigned i = 0; i < count; i++) {
            state_of = state_of * 1103515245u + 12345u;
            struct oid id = id_of(seed, i);
            uint64_t time = NOW_S + (state_of >> 16) % (1 + seed * 5);
            unsigned where = (state_of >> 8) % 10;
            if (where != 0)
                negentropy_add(left, time, &id);
            if (where != 1)
                negentropy_add(right, time, &id);
            if (where < 2)
                buf_add(where == 0 ? &only_right : &only_left, id.b, OID_BYTES);
        }
        assert_true(negentropy_seal(left, &err) && negentropy_seal(right, &err));
        struct cost cost = reconcile(left, right, 1000, &found);
        assert_true(cost.done);
        struct buf *pairs[2][2] = {{&found.have, &only_left}, {&found.need, &only_right}};
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(pairs[i][0]->len, pairs[i][1]->len);
            if (!pairs[i][0]->len)
                continue;
            for (size_t k = 0; k < 2; k++)
                qsort(pairs[i][k]->data, pairs[i][k]->len / OID_BYTES, OID_BYTES, compare_ids);
            assert_memory_equal(pairs[i][0]->data, pairs[i][1]->data, pairs[i][0]->len);
        }
        negentropy_found_done(&found);
    }
}

/* F28: nothing against a hundred thousand, as often as it takes with 32 rounds each. */
static void a_huge_divergence_is_worked_off_in_bounded_frames_and_rounds(void **state)
{
    (void)state;
    const uint64_t all = 100000;
    uint64_t have = 0;
    unsigned runs = 0;
    while (have < all) {
        /* What an earlier run told was fetched meanwhile. */
        struct cost cost = cost_of(make_set(0, have, RECON_FRAME_MAX),
                                   make_set(0, all, RECON_FRAME_MAX), RECON_ROUNDS_MAX);
        assert_true(cost.rounds <= RECON_ROUNDS_MAX);
        assert_true(cost.largest <= RECON_FRAME_MAX);
        assert_true(cost.need > 0);
        assert_int_equal(cost.have, 0);
        have += cost.need;
        assert_true(++runs <= 5);
    }
    assert_int_equal(have, all);
}

static void a_full_set_that_asks_an_empty_one_is_told_so_in_one_round(void **state)
{
    (void)state;
    struct cost cost = cost_of(make_set(0, 100000, RECON_FRAME_MAX),
                               make_set(0, 0, RECON_FRAME_MAX), RECON_ROUNDS_MAX);
    assert_true(cost.done);
    assert_int_equal(cost.rounds, 1);
    assert_int_equal(cost.have, 100000);
}

/*
 * F27: somebody made an id that hides: one side has A, the other B, and the sums agree. With
 * fingerprints of 16 bits such ids are found by trying; the plain pass misses them for ever, the
 * salted one does not, because who made the ids did not know the salt.
 */
static bool hides(uint64_t seed, struct negentropy **ret_left, struct negentropy **ret_right,
                  uint8_t salt)
{
    struct err err = {0};
    struct negentropy *sets[2];
    for (size_t i = 0; i < 2; i++) {
        sets[i] = negentropy_create(RECON_FRAME_MAX);
        negentropy_weaken(sets[i], 2);
        for (uint64_t n = 0; n < 64; n++) {
            struct oid id = id_of(7, n);
            if (n == 40)
                id = id_of(i ? 1000 + seed : 8, n); /* the one that differs */
            if (salt)
                id = salted(&id, salt);
            negentropy_add(sets[i], NOW_S + n, &id);
        }
        assert_true(negentropy_seal(sets[i], &err));
    }
    struct negentropy_found found = {0};
    struct cost cost = reconcile(sets[0], sets[1], RECON_ROUNDS_MAX, &found);
    assert_true(cost.done);
    negentropy_found_done(&found);
    *ret_left = sets[0];
    *ret_right = sets[1];
    return cost.have + cost.need == 0;
}

static void made_ids_hide_from_the_plain_pass_and_not_from_the_salted_one(void **state)
{
    (void)state;
    uint64_t crafted = 0;
    bool found = false;
    for (uint64_t seed = 0; seed < 400000 && !found; seed++) {
        struct negentropy *left, *right;
        found = hides(seed, &left, &right, 0);
        crafted = seed;
        negentropy_free(left);
        negentropy_free(right);
    }
    assert_true(found);
    unsigned seen = 0;
    for (uint8_t salt = 1; salt <= 8; salt++) { /* eight weeks */
        struct negentropy *left, *right;
        seen += !hides(crafted, &left, &right, salt);
        negentropy_free(left);
        negentropy_free(right);
    }
    assert_true(seen >= 7);
}

static void a_set_with_an_item_twice_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct oid id = id_of(1, 1);
    AUTO(negentropy_free) struct negentropy *set = negentropy_create(0);
    negentropy_add(set, 1, &id);
    negentropy_add(set, 1, &id);
    assert_false(negentropy_seal(set, &err));
    assert_int_equal(err.code, ERR_INVALID);
}

static void malformed_messages_are_the_peers_fault(void **state)
{
    (void)state;
    static const struct {
        const char *why, *hex;
        bool valid;
    } cases[] = {
        {"nothing", "", false},
        {"no version", "00", false},
        {"only the version", "61", true},
        {"another version is answered with ours", "62ff", true},
        {"a bound without a mode", "610000", false},
        {"a prefix longer than an id", "6100217f", false},
        {"a fingerprint that ends early", "61000001aabb", false},
        {"an id list that ends early", "610000020200", false},
        {"more ids than could be there", "61000002ffffffffff7f", false},
        {"a number over 64 bits", "61ffffffffffffffffffff7f0000", false},
        {"an unknown mode", "61000003", false},
        {"a skip to the end", "61000000", true},
        {"bounds that go back", "61050000010000", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        uint8_t bytes[64];
        bool done;
        size_t len = strlen(cases[i].hex) / 2;
        AUTO(negentropy_free) struct negentropy *set = make_set(0, 100, RECON_FRAME_MAX);
        AUTO(buf_done) struct buf out = {0};
        assert_true(hex_decode(cases[i].hex, bytes, len));
        bool valid = negentropy_reconcile(set, bytes_of(bytes, len), &out, NULL, &done, &err);
        if (valid != cases[i].valid)
            fail_msg("%s: %s", cases[i].why, err.msg);
        assert_int_equal(err.code, valid ? ERR_NONE : ERR_PEER);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_set_asks_with_the_known_bytes),
        cmocka_unit_test(equal_sets_cost_one_round_and_less_than_a_kilobyte),
        cmocka_unit_test(ten_recent_misses_in_ten_thousand_cost_two_rounds_and_eight_kilobytes),
        cmocka_unit_test(both_sides_differences_are_found_for_all_sizes),
        cmocka_unit_test(a_huge_divergence_is_worked_off_in_bounded_frames_and_rounds),
        cmocka_unit_test(a_full_set_that_asks_an_empty_one_is_told_so_in_one_round),
        cmocka_unit_test(made_ids_hide_from_the_plain_pass_and_not_from_the_salted_one),
        cmocka_unit_test(a_set_with_an_item_twice_is_refused),
        cmocka_unit_test(malformed_messages_are_the_peers_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
