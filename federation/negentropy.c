#include "federation/negentropy.h"

#include "hub/base/mem.h"
#include <assert.h>
#include <stdlib.h>

#define INFINITE_TIME   UINT64_MAX
#define BUCKETS         16
#define LIST_BELOW      (2 * BUCKETS) /* smaller ranges are listed, not summed up */
#define FRAME_RESERVE   200           /* for what ends a full frame: a bound and a fingerprint */
#define VERSION_LOWEST  0x60
#define VERSION_HIGHEST 0x6f

enum mode { MODE_SKIP = 0, MODE_FINGERPRINT = 1, MODE_ID_LIST = 2 };

struct item {
    uint64_t timestamp;
    struct oid id;
};

/** Everything below it, itself not: a timestamp and the first bytes of an id. */
struct bound {
    uint64_t timestamp;
    size_t len;
    uint8_t id[OID_BYTES];
};

struct negentropy {
    struct item *items;
    size_t count, cap;
    size_t frame_limit;
    unsigned fingerprint_bytes;
    bool sealed, initiator;
};

struct negentropy *negentropy_create(size_t frame_limit)
{
    assert(!frame_limit || frame_limit >= NEGENTROPY_FRAME_MIN);
    struct negentropy *negentropy = mem_alloc(sizeof *negentropy);
    negentropy->frame_limit = frame_limit;
    negentropy->fingerprint_bytes = NEGENTROPY_FINGERPRINT_BYTES;
    return negentropy;
}

void negentropy_free(struct negentropy *negentropy)
{
    if (!negentropy)
        return;
    free(negentropy->items);
    free(negentropy);
}

void negentropy_weaken(struct negentropy *negentropy, unsigned fingerprint_bytes)
{
    assert(fingerprint_bytes <= NEGENTROPY_FINGERPRINT_BYTES);
    negentropy->fingerprint_bytes = fingerprint_bytes;
}

void negentropy_found_done(struct negentropy_found *found)
{
    buf_done(&found->have);
    buf_done(&found->need);
    *found = (struct negentropy_found){0};
}

/* ---- the set ---- */

void negentropy_add(struct negentropy *negentropy, uint64_t timestamp, const struct oid *id)
{
    assert(!negentropy->sealed);
    if (negentropy->count == negentropy->cap) {
        negentropy->cap = negentropy->cap ? 2 * negentropy->cap : 64;
        negentropy->items =
            mem_grow(negentropy->items, negentropy->cap * sizeof *negentropy->items);
    }
    negentropy->items[negentropy->count++] = (struct item){timestamp, *id};
}

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->timestamp != b->timestamp)
        return a->timestamp < b->timestamp ? -1 : 1;
    return memcmp(a->id.b, b->id.b, OID_BYTES);
}

bool negentropy_seal(struct negentropy *negentropy, struct err *err)
{
    if (negentropy->count)
        qsort(negentropy->items, negentropy->count, sizeof *negentropy->items, compare_items);
    for (size_t i = 0; i < negentropy->count; i++) {
        if (negentropy->items[i].timestamp == INFINITE_TIME)
            return err_set(err, ERR_INVALID, "an item has no time");
        if (i && compare_items(&negentropy->items[i - 1], &negentropy->items[i]) == 0)
            return err_set(err, ERR_INVALID, "an item is there twice");
    }
    negentropy->sealed = true;
    return true;
}

size_t negentropy_size(const struct negentropy *negentropy)
{
    return negentropy->count;
}

static bool is_below(const struct item *item, const struct bound *bound)
{
    if (item->timestamp != bound->timestamp)
        return item->timestamp < bound->timestamp;
    return memcmp(item->id.b, bound->id, OID_BYTES) < 0; /* the rest of bound->id is zeros */
}

/** The first item from `from` that is not below the bound. */
static size_t find_bound(const struct negentropy *negentropy, size_t from,
                         const struct bound *bound)
{
    size_t low = from, high = negentropy->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_below(&negentropy->items[middle], bound))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- encoding ---- */

/** Base 128, highest digits first. */
static size_t varint_encode(uint64_t value, uint8_t out[10])
{
    size_t len = 1;
    for (uint64_t rest = value >> 7; rest; rest >>= 7)
        len++;
    for (size_t i = len; i-- > 0; value >>= 7)
        out[i] = (uint8_t)((value & 0x7f) | (i + 1 < len ? 0x80 : 0));
    return len;
}

static void add_varint(struct buf *out, uint64_t value)
{
    uint8_t bytes[10];
    buf_add(out, bytes, varint_encode(value, bytes));
}

/** SHA-256 of the sum of the ids, as little-endian numbers modulo 2^256, and of their count. */
static void fingerprint(const struct negentropy *negentropy, size_t lower, size_t upper,
                        uint8_t out[NEGENTROPY_FINGERPRINT_BYTES])
{
    uint64_t sum[4] = {0};
    for (size_t i = lower; i < upper; i++) {
        unsigned carry = 0;
        for (size_t word = 0; word < 4; word++) {
            const uint8_t *id = negentropy->items[i].id.b + 8 * word;
            uint64_t value = 0;
            for (size_t byte = 8; byte-- > 0;)
                value = value << 8 | id[byte];
            uint64_t first, next;
            unsigned over = __builtin_add_overflow(sum[word], value, &first);
            over += __builtin_add_overflow(first, (uint64_t)carry, &next);
            sum[word] = next;
            carry = over;
        }
    }
    uint8_t in[32 + 10], digest[32];
    for (size_t i = 0; i < 32; i++)
        in[i] = (uint8_t)(sum[i / 8] >> 8 * (i % 8));
    size_t len = 32 + varint_encode(upper - lower, in + 32);
    digest_sha256(bytes_of(in, len), digest);
    memset(out, 0, NEGENTROPY_FINGERPRINT_BYTES);
    memcpy(out, digest, negentropy->fingerprint_bytes);
}

/** A message being written: times are differences to the bound before. */
struct writer {
    const struct negentropy *negentropy;
    struct buf *out;
    uint64_t last_time;
};

static void add_bound(struct writer *writer, struct buf *out, const struct bound *bound)
{
    if (bound->timestamp == INFINITE_TIME) {
        writer->last_time = INFINITE_TIME;
        add_varint(out, 0);
    } else {
        add_varint(out, bound->timestamp - writer->last_time + 1);
        writer->last_time = bound->timestamp;
    }
    add_varint(out, bound->len);
    buf_add(out, bound->id, bound->len);
}

static void add_fingerprint(struct writer *writer, struct buf *out, size_t lower, size_t upper,
                            const struct bound *bound)
{
    uint8_t digest[NEGENTROPY_FINGERPRINT_BYTES];
    fingerprint(writer->negentropy, lower, upper, digest);
    add_bound(writer, out, bound);
    add_varint(out, MODE_FINGERPRINT);
    buf_add(out, digest, sizeof digest);
}

static struct bound bound_of(const struct item *item, size_t len)
{
    struct bound bound = {.timestamp = item->timestamp, .len = len};
    memcpy(bound.id, item->id.b, len);
    return bound;
}

/** The shortest bound that parts two neighbours. */
static struct bound bound_between(const struct item *before, const struct item *after)
{
    if (before->timestamp != after->timestamp)
        return bound_of(after, 0);
    size_t shared = 0;
    while (shared < OID_BYTES - 1 && before->id.b[shared] == after->id.b[shared])
        shared++;
    return bound_of(after, shared + 1);
}

static void split_range(struct writer *writer, struct buf *out, size_t lower, size_t upper,
                        const struct bound *bound)
{
    const struct item *items = writer->negentropy->items;
    size_t count = upper - lower;
    if (count < LIST_BELOW) {
        add_bound(writer, out, bound);
        add_varint(out, MODE_ID_LIST);
        add_varint(out, count);
        for (size_t i = lower; i < upper; i++)
            buf_add(out, items[i].id.b, OID_BYTES);
        return;
    }
    size_t at = lower;
    for (size_t i = 0; i < BUCKETS; i++) {
        size_t size = count / BUCKETS + (i < count % BUCKETS);
        at += size;
        struct bound end = at == upper ? *bound : bound_between(&items[at - 1], &items[at]);
        add_fingerprint(writer, out, at - size, at, &end);
    }
}

static bool is_full(const struct negentropy *negentropy, size_t size)
{
    return negentropy->frame_limit && size > negentropy->frame_limit - FRAME_RESERVE;
}

void negentropy_initiate(struct negentropy *negentropy, struct buf *out)
{
    static const struct bound everything = {.timestamp = INFINITE_TIME};
    static const uint8_t version = NEGENTROPY_VERSION;
    struct writer writer = {.negentropy = negentropy, .out = out};
    assert(negentropy->sealed && !negentropy->initiator);
    negentropy->initiator = true;
    buf_add(out, &version, 1);
    split_range(&writer, out, 0, negentropy->count, &everything);
}

/* ---- decoding ---- */

struct reader {
    struct bytes rest;
    uint64_t last_time;
};

static bool malformed(struct err *err)
{
    err_set(err, ERR_PEER, "reconciliation message is malformed");
    return false; /* said once more, so that compilers see it */
}

static bool take_bytes(struct reader *reader, size_t len, const uint8_t **ret, struct err *err)
{
    if (reader->rest.len < len)
        return malformed(err);
    *ret = reader->rest.data;
    reader->rest = bytes_of(reader->rest.data + len, reader->rest.len - len);
    return true;
}

static bool take_varint(struct reader *reader, uint64_t *ret, struct err *err)
{
    uint64_t value = 0;
    const uint8_t *byte;
    do {
        if (value >> 57 || !take_bytes(reader, 1, &byte, err))
            return malformed(err);
        value = value << 7 | (*byte & 0x7f);
    } while (*byte & 0x80);
    *ret = value;
    return true;
}

static bool take_bound(struct reader *reader, struct bound *ret, struct err *err)
{
    uint64_t time, len;
    const uint8_t *id;
    if (!take_varint(reader, &time, err) || !take_varint(reader, &len, err))
        return false;
    if (len > OID_BYTES || !take_bytes(reader, (size_t)len, &id, err))
        return malformed(err);
    time = time ? time - 1 : INFINITE_TIME;
    if (__builtin_add_overflow(time, reader->last_time, &time))
        time = INFINITE_TIME;
    reader->last_time = time;
    *ret = (struct bound){.timestamp = time, .len = (size_t)len};
    memcpy(ret->id, id, (size_t)len);
    return true;
}

/* ---- one message against the other ---- */

struct round {
    struct negentropy *negentropy;
    struct writer writer;
    struct reader reader;
    struct negentropy_found *found;
    struct bound before; /* where the present range starts */
    bool skip;           /* ranges before it need nothing: to be said when one does */
    struct buf range;    /* what is being written for the present range */
};

static void flush_skip(struct round *round)
{
    if (!round->skip)
        return;
    round->skip = false;
    add_bound(&round->writer, &round->range, &round->before);
    add_varint(&round->range, MODE_SKIP);
}

static bool on_fingerprint(struct round *round, size_t lower, size_t upper,
                           const struct bound *bound, struct err *err)
{
    const uint8_t *theirs;
    uint8_t ours[NEGENTROPY_FINGERPRINT_BYTES];
    if (!take_bytes(&round->reader, NEGENTROPY_FINGERPRINT_BYTES, &theirs, err))
        return false;
    fingerprint(round->negentropy, lower, upper, ours);
    if (memcmp(theirs, ours, sizeof ours) == 0) {
        round->skip = true;
        return true;
    }
    flush_skip(round);
    split_range(&round->writer, &round->range, lower, upper, bound);
    return true;
}

static int compare_ids(const void *left, const void *right)
{
    return memcmp(left, right, OID_BYTES);
}

/** The initiator knows both sides of this range now. */
static void compare_lists(struct round *round, const uint8_t *theirs, size_t count, size_t lower,
                          size_t upper)
{
    AUTO(buf_done) struct buf sorted = {0}, ours = {0};
    const struct item *items = round->negentropy->items;
    buf_add(&sorted, theirs, count * OID_BYTES);
    if (count)
        qsort(sorted.data, count, OID_BYTES, compare_ids);
    for (size_t i = lower; i < upper; i++) {
        if (!count || !bsearch(items[i].id.b, sorted.data, count, OID_BYTES, compare_ids))
            buf_add(&round->found->have, items[i].id.b, OID_BYTES);
        buf_add(&ours, items[i].id.b, OID_BYTES);
    }
    if (upper > lower)
        qsort(ours.data, upper - lower, OID_BYTES, compare_ids);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *id = sorted.data + i * OID_BYTES;
        if (i && memcmp(id, id - OID_BYTES, OID_BYTES) == 0)
            continue;
        if (upper == lower || !bsearch(id, ours.data, upper - lower, OID_BYTES, compare_ids))
            buf_add(&round->found->need, id, OID_BYTES);
    }
}

/** Our ids of the range, as many as the frame takes; *upper shrinks to what was listed. */
static void answer_list(struct round *round, size_t lower, size_t *upper, const struct bound *bound)
{
    const struct item *items = round->negentropy->items;
    struct buf *out = round->writer.out;
    struct bound end = *bound;
    size_t listed = lower;
    while (listed < *upper) {
        if (is_full(round->negentropy, out->len + (listed - lower) * OID_BYTES)) {
            end = bound_of(&items[listed], OID_BYTES);
            *upper = listed;
            break;
        }
        listed++;
    }
    flush_skip(round);
    add_bound(&round->writer, &round->range, &end);
    add_varint(&round->range, MODE_ID_LIST);
    add_varint(&round->range, listed - lower);
    for (size_t i = lower; i < listed; i++)
        buf_add(&round->range, items[i].id.b, OID_BYTES);
    buf_add_bytes(out, buf_bytes(&round->range));
    round->range.len = 0;
}

static bool on_id_list(struct round *round, size_t lower, size_t *upper, const struct bound *bound,
                       struct err *err)
{
    uint64_t count;
    const uint8_t *ids;
    if (!take_varint(&round->reader, &count, err))
        return false;
    if (count > round->reader.rest.len / OID_BYTES ||
        !take_bytes(&round->reader, (size_t)count * OID_BYTES, &ids, err))
        return malformed(err);
    if (!round->negentropy->initiator) {
        answer_list(round, lower, upper, bound);
        return true;
    }
    round->skip = true;
    compare_lists(round, ids, (size_t)count, lower, *upper);
    return true;
}

static bool run_round(struct round *round, struct err *err)
{
    static const struct bound everything = {.timestamp = INFINITE_TIME};
    struct negentropy *negentropy = round->negentropy;
    struct buf *out = round->writer.out;
    size_t lower = 0;
    while (round->reader.rest.len) {
        struct bound bound;
        uint64_t mode;
        bool valid = true;
        round->range.len = 0;
        if (!take_bound(&round->reader, &bound, err) || !take_varint(&round->reader, &mode, err))
            return false;
        size_t upper = find_bound(negentropy, lower, &bound);
        if (mode == MODE_SKIP)
            round->skip = true;
        else if (mode == MODE_FINGERPRINT)
            valid = on_fingerprint(round, lower, upper, &bound, err);
        else if (mode == MODE_ID_LIST)
            valid = on_id_list(round, lower, &upper, &bound, err);
        else
            return err_set(err, ERR_PEER, "reconciliation message has an unknown mode");
        if (!valid)
            return false;
        if (is_full(negentropy, out->len + round->range.len)) { /* the rest another time */
            add_fingerprint(&round->writer, out, upper, negentropy->count, &everything);
            return true;
        }
        buf_add_bytes(out, buf_bytes(&round->range));
        lower = upper;
        round->before = bound;
    }
    return true;
}

bool negentropy_reconcile(struct negentropy *negentropy, struct bytes message, struct buf *out,
                          struct negentropy_found *found, bool *ret_done, struct err *err)
{
    static const uint8_t version = NEGENTROPY_VERSION;
    assert(negentropy->sealed && negentropy->initiator == (found != NULL));
    out->len = 0;
    buf_add(out, &version, 1);
    *ret_done = false;
    if (!message.len || message.data[0] < VERSION_LOWEST || message.data[0] > VERSION_HIGHEST)
        return malformed(err);
    if (message.data[0] != NEGENTROPY_VERSION) /* only our version, for the other side to see */
        return !negentropy->initiator ||
               err_set(err, ERR_PEER, "peer reconciles in another version");
    struct round round = {
        .negentropy = negentropy,
        .writer = {.negentropy = negentropy, .out = out},
        .reader = {.rest = bytes_of(message.data + 1, message.len - 1)},
        .found = found,
    };
    bool valid = run_round(&round, err);
    buf_done(&round.range);
    *ret_done = negentropy->initiator && out->len == 1;
    return valid;
}
