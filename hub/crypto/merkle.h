#pragma once
/*
 * RFC 6962 Merkle trees (section 2.1): an append-only list whose root says what all of it was. Only
 * the peaks are kept, so appending costs one hash for the leaf and one inner node on average;
 * proofs ask a source for the hashes of complete subtrees. Pure.
 */
#include "hub/base/bytes.h"
#include "hub/base/err.h"

#define MERKLE_HASH_BYTES 32
#define MERKLE_PROOF_MAX  65 /* hashes in a proof over a list of up to 2^63 leaves */

struct merkle_hash {
    uint8_t b[MERKLE_HASH_BYTES];
};
static inline bool merkle_hash_equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->b, b->b, MERKLE_HASH_BYTES) == 0;
}
static inline struct bytes merkle_hash_bytes(const struct merkle_hash *hash)
{
    return (struct bytes){hash->b, MERKLE_HASH_BYTES};
}

/** SHA-256(0x00 || leaf). */
void merkle_leaf(struct bytes leaf, struct merkle_hash *ret);
/** SHA-256(0x01 || left || right). */
void merkle_node(const struct merkle_hash *left, const struct merkle_hash *right,
                 struct merkle_hash *ret);

/** What of a list decides its root; zero-initialise for the empty one. Plain value. */
struct merkle {
    uint64_t size;
    struct merkle_hash peaks[64]; /* [i] holds when bit i of size is set: of 2^i leaves */
};
void merkle_add(struct merkle *tree, const struct merkle_hash *leaf);
/** A complete subtree of 2^level leaves at once; size must be a multiple of 2^level. */
void merkle_add_subtree(struct merkle *tree, unsigned level, const struct merkle_hash *subtree);
/** SHA-256 of nothing for the empty list. */
void merkle_root(const struct merkle *tree, struct merkle_hash *ret);
/** The peaks that hold, those of most leaves first: `popcount(size)` hashes appended to `out`. */
void merkle_peaks(const struct merkle *tree, struct buf *out);
/** The other way round; false when `peaks` is not as long as `size` asks for. */
NODISCARD bool merkle_from_peaks(uint64_t size, struct bytes peaks, struct merkle *ret);

/** Lends the root of leaves [index * 2^level, (index + 1) * 2^level). */
struct merkle_source {
    bool (*subtree)(void *ctx, unsigned level, uint64_t index, struct merkle_hash *ret,
                    struct err *err);
    void *ctx;
};
/** Root of the first `size` leaves. */
NODISCARD bool merkle_read(const struct merkle_source *source, uint64_t size, struct merkle *ret,
                           struct err *err);
struct merkle_proof {
    struct merkle_hash path[MERKLE_PROOF_MAX];
    size_t count;
};
/** That leaf `index` is one of the first `size`; index < size. */
NODISCARD bool merkle_prove_inclusion(const struct merkle_source *source, uint64_t index,
                                      uint64_t size, struct merkle_proof *ret, struct err *err);
/** That the first `from` leaves are still the same among the first `to`; from <= to. */
NODISCARD bool merkle_prove_consistency(const struct merkle_source *source, uint64_t from,
                                        uint64_t to, struct merkle_proof *ret, struct err *err);

/* Verifiers (RFC 9162 sections 2.1.3.2 and 2.1.4.2, the same trees): any input, never more than
 * `count` hashes of work. */
bool merkle_includes(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                     const struct merkle_hash *path, size_t count, const struct merkle_hash *root);
/** `from` 0 is refused: whatever follows, it proves nothing. */
bool merkle_consistent(uint64_t from, const struct merkle_hash *from_root, uint64_t to,
                       const struct merkle_hash *to_root, const struct merkle_hash *path,
                       size_t count);
/** Hashes one after the other, as they are stored and sent; false: not whole, or too many. */
NODISCARD bool merkle_proof_read(struct bytes in, struct merkle_proof *ret);
