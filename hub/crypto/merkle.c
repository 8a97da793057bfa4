#include "hub/crypto/merkle.h"

#include "hub/crypto/digest.h"
#include <assert.h>

void merkle_leaf(struct bytes leaf, struct merkle_hash *ret)
{
    digest_sha256_parts((const struct bytes[]){BYTES_LITERAL("\0"), leaf}, 2, ret->b);
}

void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right,
                 struct merkle_hash *ret)
{
    uint8_t in[1 + 2 * MERKLE_HASH_BYTES] = {1};
    memcpy(in + 1, left->b, MERKLE_HASH_BYTES);
    memcpy(in + 1 + MERKLE_HASH_BYTES, right->b, MERKLE_HASH_BYTES);
    digest_sha256(bytes_of(in, sizeof(in)), ret->b);
}

void merkle_add(struct merkle *tree, const struct merkle_hash *leaf)
{
    merkle_add_subtree(tree, 0, leaf);
}

void merkle_add_subtree(struct merkle *tree, unsigned level, const struct merkle_hash *subtree)
{
    uint64_t width = UINT64_C(1) << level;
    assert(tree->size % width == 0);
    struct merkle_hash hash = *subtree;
    for (; tree->size >> level & 1; level++)
        merkle_node(&tree->peaks[level], &hash, &hash);
    tree->peaks[level] = hash;
    tree->size += width;
}

void merkle_root(const struct merkle *tree, struct merkle_hash *ret)
{
    bool any = false;
    struct merkle_hash root = {0};
    for (unsigned level = 0; level < 64; level++) {
        if (!(tree->size >> level & 1))
            continue;
        if (any)
            merkle_node(&tree->peaks[level], &root, &root);
        else
            root = tree->peaks[level];
        any = true;
    }
    if (!any)
        digest_sha256((struct bytes){0}, root.b);
    *ret = root;
}

void merkle_peaks(const struct merkle *tree, struct buf *out)
{
    for (unsigned level = 64; level-- > 0;) {
        if (tree->size >> level & 1)
            buf_add(out, tree->peaks[level].b, MERKLE_HASH_BYTES);
    }
}

bool merkle_from_peaks(uint64_t size, struct bytes peaks, struct merkle *ret)
{
    if (peaks.len != MERKLE_HASH_BYTES * (size_t)__builtin_popcountll(size))
        return false;
    *ret = (struct merkle){.size = size};
    const uint8_t *at = peaks.data;
    for (unsigned level = 64; level-- > 0;) {
        if (!(size >> level & 1))
            continue;
        memcpy(ret->peaks[level].b, at, MERKLE_HASH_BYTES);
        at += MERKLE_HASH_BYTES;
    }
    return true;
}

bool merkle_read(const struct merkle_source *source, uint64_t size, struct merkle *ret,
                 struct err *err)
{
    struct merkle tree = {0};
    for (unsigned level = 64; level-- > 0;) {
        struct merkle_hash hash;
        if (!(size >> level & 1))
            continue;
        if (!source->subtree(source->ctx, level, tree.size >> level, &hash, err))
            return false;
        merkle_add_subtree(&tree, level, &hash);
    }
    *ret = tree;
    return true;
}

/* ---- proofs: RFC 6962 section 2.1.1 and 2.1.2, leaves [start, start + count) ---- */

/** The largest power of two smaller than `count`, as its exponent; count > 1. */
static unsigned split(uint64_t count)
{
    return 63 - (unsigned)__builtin_clzll(count - 1);
}

/** MTH(D[start:start + count]); `start` is a multiple of every subtree it falls into. */
static bool range(const struct merkle_source *source, uint64_t start, uint64_t count,
                  struct merkle_hash *ret, struct err *err)
{
    struct merkle_hash parts[64];
    size_t part_count = 0;
    for (unsigned level = 64; level-- > 0;) {
        if (!(count >> level & 1))
            continue;
        if (!source->subtree(source->ctx, level, start >> level, &parts[part_count++], err))
            return false;
        start += UINT64_C(1) << level;
    }
    struct merkle_hash root = parts[--part_count];
    while (part_count)
        merkle_node(&parts[--part_count], &root, &root);
    *ret = root;
    return true;
}

/** Paths are found from the root down and told from the leaf up. */
static void turn(struct merkle_proof *proof)
{
    for (size_t i = 0, j = proof->count; i + 1 < j; i++) {
        struct merkle_hash hash = proof->path[i];
        proof->path[i] = proof->path[--j];
        proof->path[j] = hash;
    }
}

bool merkle_prove_inclusion(const struct merkle_source *source, uint64_t index, uint64_t size,
                            struct merkle_proof *ret, struct err *err)
{
    assert(index < size && size >> 63 == 0);
    uint64_t start = 0, count = size;
    struct merkle_proof proof = {.count = 0};
    while (count > 1) {
        uint64_t k = UINT64_C(1) << split(count);
        bool right = index >= start + k;
        if (!range(source, right ? start : start + k, right ? k : count - k,
                   &proof.path[proof.count++], err))
            return false;
        start += right ? k : 0;
        count = right ? count - k : k;
    }
    turn(&proof);
    *ret = proof;
    return true;
}

bool merkle_prove_consistency(const struct merkle_source *source, uint64_t from, uint64_t to,
                              struct merkle_proof *ret, struct err *err)
{
    assert(from <= to && to >> 63 == 0);
    uint64_t start = 0, count = to, old = from;
    bool whole = true; /* the old list is exactly what lies left: its root is known */
    struct merkle_proof proof = {.count = 0};
    while (from && old < count) {
        uint64_t k = UINT64_C(1) << split(count);
        bool right = old > k;
        if (!range(source, right ? start : start + k, right ? k : count - k,
                   &proof.path[proof.count++], err))
            return false;
        start += right ? k : 0;
        count = right ? count - k : k;
        old -= right ? k : 0;
        whole = whole && !right;
    }
    if (from && !whole && !range(source, start, count, &proof.path[proof.count++], err))
        return false;
    turn(&proof);
    *ret = proof;
    return true;
}

/* ---- verifiers ---- */

bool merkle_includes(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                     const struct merkle_hash *path, size_t count, const struct merkle_hash *root)
{
    if (index >= size)
        return false;
    uint64_t fn = index, sn = size - 1;
    struct merkle_hash hash = *leaf;
    for (size_t i = 0; i < count; i++) {
        if (sn == 0)
            return false;
        if (fn & 1 || fn == sn) {
            merkle_node(&path[i], &hash, &hash);
            for (; !(fn & 1) && fn; sn >>= 1)
                fn >>= 1;
        } else {
            merkle_node(&hash, &path[i], &hash);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && merkle_hash_equal(&hash, root);
}

bool merkle_consistent(uint64_t from, const struct merkle_hash *from_root, uint64_t to,
                       const struct merkle_hash *to_root, const struct merkle_hash *path,
                       size_t count)
{
    if (from == 0 || from > to) /* everything follows from nothing: that proves nothing */
        return false;
    if (from == to)
        return count == 0 && merkle_hash_equal(from_root, to_root);
    uint64_t fn = from - 1, sn = to - 1;
    for (; fn & 1; sn >>= 1)
        fn >>= 1;
    size_t i = 0;
    struct merkle_hash fr = *from_root;
    if (fn) { /* else `from` is a power of two and its root starts the path */
        if (count == 0)
            return false;
        fr = path[i++];
    }
    struct merkle_hash sr = fr;
    for (; i < count; i++) {
        if (sn == 0)
            return false;
        if (fn & 1 || fn == sn) {
            merkle_node(&path[i], &fr, &fr);
            merkle_node(&path[i], &sr, &sr);
            for (; !(fn & 1) && fn; sn >>= 1)
                fn >>= 1;
        } else {
            merkle_node(&sr, &path[i], &sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && merkle_hash_equal(&fr, from_root) && merkle_hash_equal(&sr, to_root);
}

bool merkle_proof_read(struct bytes in, struct merkle_proof *ret)
{
    if (in.len % MERKLE_HASH_BYTES || in.len / MERKLE_HASH_BYTES > MERKLE_PROOF_MAX)
        return false;
    ret->count = in.len / MERKLE_HASH_BYTES;
    for (size_t i = 0; i < ret->count; i++)
        memcpy(ret->path[i].b, in.data + i * MERKLE_HASH_BYTES, MERKLE_HASH_BYTES);
    return true;
}
