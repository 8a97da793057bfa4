/* RFC 6962 trees against the probes of transparency-dev/merkle and against the RFC's own recursive
 * definition (R-AU-1). */
#include "hub/crypto/digest.h"
#include "hub/crypto/merkle.h"
#include "tests/support/fake.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SMALL 70

/* Some roots are words; any two that differ will do. */
static void root_of(const json_t *value, struct merkle_hash *ret)
{
    AUTO(buf_done) struct buf bytes = {0};
    assert_true(base64_decode(json_string_value(value), &bytes));
    if (bytes.len == sizeof(ret->b))
        memcpy(ret->b, bytes.data, bytes.len);
    else
        digest_sha256(buf_bytes(&bytes), ret->b);
}

/* Anything but 32 bytes is no hash: false. */
static bool hash_of(const json_t *value, struct merkle_hash *ret)
{
    AUTO(buf_done) struct buf bytes = {0};
    const char *text = json_string_value(value);
    if (!text || !base64_decode(text, &bytes) || bytes.len != sizeof(ret->b))
        return false;
    memcpy(ret->b, bytes.data, bytes.len);
    return true;
}

static bool proof_of(const json_t *test, struct merkle_proof *ret)
{
    const json_t *list = json_object_get(test, "proof");
    ret->count = json_array_size(list);
    if (ret->count > MERKLE_PROOF_MAX)
        return false;
    for (size_t i = 0; i < ret->count; i++) {
        if (!hash_of(json_array_get(list, i), &ret->path[i]))
            return false;
    }
    return true;
}

static uint64_t number_of(const json_t *test, const char *field)
{
    double value = json_real_value(json_object_get(test, field));
    return value < 0x1p63 ? (uint64_t)value : UINT64_MAX; /* the one large number of the file */
}

static void verifiers_give_the_verdict_of_every_probe(void **state)
{
    (void)state;
    /* 2^64 - 1 is beyond jansson's integers. */
    json_t *root;
    char path[4096];
    const char *folder = getenv("MAILLON_VECTORS");
    snprintf(path, sizeof(path), "%s/rfc6962-merkle-probes.json",
             folder ? folder : "tests/vectors");
    root = json_load_file(path, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(root);
    size_t index, count = 0;
    json_t *test;
    json_array_foreach(json_object_get(root, "inclusion"), index, test)
    {
        struct merkle_hash leaf, expected;
        struct merkle_proof proof;
        bool ok = hash_of(json_object_get(test, "leafHash"), &leaf) &&
                  hash_of(json_object_get(test, "root"), &expected) && proof_of(test, &proof) &&
                  merkle_includes(&leaf, number_of(test, "leafIdx"), number_of(test, "treeSize"),
                                  proof.path, proof.count, &expected);
        if (ok == json_is_true(json_object_get(test, "wantErr")))
            fail_msg("%s", json_string_value(json_object_get(test, "file")));
        count++;
    }
    json_array_foreach(json_object_get(root, "consistency"), index, test)
    {
        struct merkle_hash from, to;
        struct merkle_proof proof;
        root_of(json_object_get(test, "root1"), &from);
        root_of(json_object_get(test, "root2"), &to);
        bool ok = proof_of(test, &proof) &&
                  merkle_consistent(number_of(test, "size1"), &from, number_of(test, "size2"), &to,
                                    proof.path, proof.count);
        if (ok == json_is_true(json_object_get(test, "wantErr")))
            fail_msg("%s", json_string_value(json_object_get(test, "file")));
        count++;
    }
    json_decref(root);
    assert_int_equal(count, 196);
}

/* ---- the RFC's definition, as it is written ---- */

static struct merkle_hash leaves[5000];

static struct merkle_hash naive(size_t start, size_t count)
{
    struct merkle_hash hash, left, right;
    if (count == 0) {
        digest_sha256((struct bytes){0}, hash.b);
        return hash;
    }
    if (count == 1)
        return leaves[start];
    size_t k = 1;
    while (2 * k < count)
        k *= 2;
    left = naive(start, k);
    right = naive(start + k, count - k);
    merkle_node(&left, &right, &hash);
    return hash;
}

static bool subtree(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret,
                    struct err *err)
{
    (void)ctx;
    (void)err;
    *ret = naive((size_t)(index << level), (size_t)1 << level);
    return true;
}
static const struct merkle_source source = {.subtree = subtree};

static void make_leaves(void)
{
    for (uint32_t i = 0; i < ARRAY_LEN(leaves); i++)
        merkle_leaf(bytes_of(&i, sizeof(i)), &leaves[i]);
}

static struct merkle tree_of(size_t size)
{
    struct merkle tree = {0};
    for (size_t i = 0; i < size; i++)
        merkle_add(&tree, &leaves[i]);
    return tree;
}

static void appending_gives_the_root_of_the_definition(void **state)
{
    (void)state;
    make_leaves();
    for (size_t size = 0; size <= SMALL; size++) {
        struct merkle tree = tree_of(size), again, copy;
        struct merkle_hash root, expected = naive(0, size);
        struct err err = {0};
        merkle_root(&tree, &root);
        assert_true(merkle_hash_equal(&root, &expected));
        assert_true(merkle_read(&source, size, &again, &err));
        merkle_root(&again, &root);
        assert_true(merkle_hash_equal(&root, &expected));
        AUTO(buf_done) struct buf peaks = {0};
        merkle_peaks(&tree, &peaks);
        assert_true(merkle_from_peaks(size, buf_bytes(&peaks), &copy));
        merkle_root(&copy, &root);
        assert_true(merkle_hash_equal(&root, &expected));
        assert_false(merkle_from_peaks(size + 1 + (size & 1), buf_bytes(&peaks), &copy) &&
                     __builtin_popcountll(size) != __builtin_popcountll(size + 1 + (size & 1)));
    }
}

/* A proof holds as it is, and with one bit, one hash or one number changed it does not. */
static void check_inclusion(size_t index, size_t size)
{
    struct merkle_proof proof;
    struct err err = {0};
    struct merkle_hash root = naive(0, size), other = root;
    other.b[index % 32] ^= 1;
    assert_true(merkle_prove_inclusion(&source, index, size, &proof, &err));
    assert_true(merkle_includes(&leaves[index], index, size, proof.path, proof.count, &root));
    assert_false(merkle_includes(&leaves[index], index, size, proof.path, proof.count, &other));
    assert_false(merkle_includes(&leaves[index + 1], index, size, proof.path, proof.count, &root));
    for (size_t i = 0; i < proof.count; i++) {
        proof.path[i].b[31] ^= 0x80;
        assert_false(merkle_includes(&leaves[index], index, size, proof.path, proof.count, &root));
        proof.path[i].b[31] ^= 0x80;
    }
    if (proof.count)
        assert_false(
            merkle_includes(&leaves[index], index, size, proof.path, proof.count - 1, &root));
    proof.path[proof.count] = root;
    assert_false(merkle_includes(&leaves[index], index, size, proof.path, proof.count + 1, &root));
    assert_false(merkle_includes(&leaves[index], size, size, proof.path, proof.count, &root));
}

static void check_consistency(size_t from, size_t to)
{
    struct merkle_proof proof;
    struct err err = {0};
    struct merkle_hash a = naive(0, from), b = naive(0, to), other = b;
    other.b[from % 32] ^= 1;
    assert_true(merkle_prove_consistency(&source, from, to, &proof, &err));
    assert_true(merkle_consistent(from, &a, to, &b, proof.path, proof.count) == (from > 0));
    assert_false(merkle_consistent(from, &a, to, &other, proof.path, proof.count));
    if (from && from < to)
        assert_false(merkle_consistent(to, &b, from, &a, proof.path, proof.count));
    for (size_t i = 0; i < proof.count; i++) {
        proof.path[i].b[0] ^= 1;
        assert_false(merkle_consistent(from, &a, to, &b, proof.path, proof.count));
        proof.path[i].b[0] ^= 1;
    }
    proof.path[proof.count] = a;
    assert_false(merkle_consistent(from, &a, to, &b, proof.path, proof.count + 1));
}

static void proofs_hold_for_every_small_tree_and_nothing_altered_does(void **state)
{
    (void)state;
    make_leaves();
    for (size_t size = 0; size <= SMALL; size++) {
        for (size_t index = 0; index < size; index++)
            check_inclusion(index, size);
        for (size_t from = 0; from <= size; from++)
            check_consistency(from, size);
    }
}

static void proofs_hold_for_larger_random_trees(void **state)
{
    (void)state;
    struct fake_random random;
    fake_random_init(&random, 11);
    make_leaves();
    for (int i = 0; i < 60; i++) {
        size_t size = 1 + (size_t)random_below(&random.source, ARRAY_LEN(leaves) - 1);
        check_inclusion((size_t)random_below(&random.source, size), size);
        check_consistency((size_t)random_below(&random.source, size + 1), size);
    }
}

static void a_proof_is_read_only_when_it_is_whole(void **state)
{
    (void)state;
    static const uint8_t many[32 * (MERKLE_PROOF_MAX + 1)];
    struct merkle_proof proof;
    assert_true(merkle_proof_read((struct bytes){0}, &proof));
    assert_int_equal(proof.count, 0);
    assert_true(merkle_proof_read(bytes_of(many, 32 * MERKLE_PROOF_MAX), &proof));
    assert_false(merkle_proof_read(bytes_of(many, sizeof(many)), &proof));
    assert_false(merkle_proof_read(bytes_of(many, 33), &proof));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifiers_give_the_verdict_of_every_probe),
        cmocka_unit_test(appending_gives_the_root_of_the_definition),
        cmocka_unit_test(proofs_hold_for_every_small_tree_and_nothing_altered_does),
        cmocka_unit_test(proofs_hold_for_larger_random_trees),
        cmocka_unit_test(a_proof_is_read_only_when_it_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
