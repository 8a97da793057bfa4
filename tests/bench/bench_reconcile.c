/*
 * Repair of two sets in memory, as two neighbours do it: bytes, rounds and time until one side
 * knows every difference. One run of at most 32 rounds: with few differences that is all it takes.
 *   bench_reconcile COUNT DIFFERENCES_PER_THOUSAND
 */
#include "federation/negentropy.h"
#include "proto/limits.h"
#include "tests/bench/bench_measure.h"
#include <stdlib.h>

static struct oid id_of(uint64_t number)
{
    struct oid id;
    digest_sha256(bytes_of(&number, sizeof number), id.b);
    return id;
}

/** Every item but those that `lacks` says; the differences lie everywhere. */
static struct negentropy *make_set(long count, const bool *lacks)
{
    struct err err = {0};
    struct negentropy *set = negentropy_create(RECON_FRAME_MAX);
    for (long i = 0; i < count; i++) {
        struct oid id = id_of((uint64_t)i);
        if (!lacks || !lacks[i])
            negentropy_add(set, 1700000000 + (uint64_t)i * 60, &id);
    }
    bench_check(negentropy_seal(set, &err), &err, "sort a set");
    return set;
}

struct totals {
    double bytes, rounds, largest;
};

static void exchange(struct negentropy *asking, struct negentropy *answering, struct buf *question,
                     struct negentropy_found *found, struct totals *totals)
{
    AUTO(buf_done) struct buf answer = {0};
    bool done = false, ignored;
    struct err err = {0};
    negentropy_initiate(asking, question);
    for (int round = 0; !done && round < RECON_ROUNDS_MAX; round++) {
        totals->bytes += (double)question->len;
        bench_check(
            negentropy_reconcile(answering, buf_bytes(question), &answer, NULL, &ignored, &err),
            &err, "answer");
        totals->bytes += (double)answer.len;
        if ((double)answer.len > totals->largest)
            totals->largest = (double)answer.len;
        bench_check(negentropy_reconcile(asking, buf_bytes(&answer), question, found, &done, &err),
                    &err, "read an answer");
        totals->rounds++;
    }
}

int main(int argc, char **argv)
{
    if (argc != 3)
        bench_fail("usage: bench_reconcile COUNT DIFFERENCES_PER_THOUSAND");
    long count = bench_number(argv[1], "COUNT", 1, 1000000);
    long share = bench_number(argv[2], "DIFFERENCES_PER_THOUSAND", 0, 1000);
    bool *lacks = calloc((size_t)count, sizeof *lacks);
    struct totals totals = {0};
    AUTO(buf_done) struct buf question = {0};
    struct negentropy_found found = {0};
    long missing = 0;
    if (!lacks)
        bench_fail("out of memory");
    for (long i = 0; i < count; i++) {
        struct oid id = id_of((uint64_t)i);
        lacks[i] = id.b[0] + 256L * id.b[1] < 65536L * share / 1000;
        missing += lacks[i];
    }
    AUTO(negentropy_free) struct negentropy *asking = make_set(count, lacks);
    AUTO(negentropy_free) struct negentropy *answering = make_set(count, NULL);
    double begun = now_s();
    exchange(asking, answering, &question, &found, &totals);
    double seconds = now_s() - begun;
    double told = (double)(found.need.len / OID_BYTES);
    bench_value("items", (double)count);
    bench_value("missing", (double)missing);
    bench_value("found", told);
    bench_value("bytes", totals.bytes);
    bench_value("rounds", totals.rounds);
    bench_value("largest_frame", totals.largest);
    bench_value("ms", seconds * 1e3);
    bench_end();
    negentropy_found_done(&found);
    free(lacks);
    return told == (double)missing ? 0 : 1;
}
