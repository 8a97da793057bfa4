/*
 * What this machine allows: Ed25519 on one core, durable commits and flushes on one disk.
 *   bench_limits DIR [SECONDS each]
 */
#include "hub/crypto/secret.h"
#include "hub/crypto/sign.h"
#include "hub/store/stmt.h"
#include "tests/bench/bench_measure.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MESSAGE_BYTES 512
#define ROW_BYTES     600
#define GROUP         64
#define FLUSHES       1000
#define CHECKPOINT_AT 4000
#define VARIANTS      64 /* signatures taken in turn, so that no cache helps */

static double rate_of(double seconds, unsigned (*work)(void *ctx), void *ctx)
{
    double begun = now_s(), passed;
    double count = 0;
    do {
        count += work(ctx);
        passed = now_s() - begun;
    } while (passed < seconds);
    return count / passed;
}

struct signing {
    struct sign_key *key;
    uint8_t message[MESSAGE_BYTES], sigs[VARIANTS][ED25519_SIG_BYTES];
};

static unsigned sign_some(void *ctx)
{
    struct signing *s = ctx;
    for (unsigned i = 0; i < VARIANTS; i++) {
        s->message[0] = (uint8_t)i;
        sign_bytes(s->key, bytes_of(s->message, sizeof(s->message)), s->sigs[i]);
    }
    return VARIANTS;
}

static unsigned verify_some(void *ctx)
{
    struct signing *s = ctx;
    for (unsigned i = 0; i < VARIANTS; i++) {
        s->message[0] = (uint8_t)i;
        if (!sign_verify(sign_key_public(s->key), bytes_of(s->message, sizeof(s->message)),
                         s->sigs[i]))
            bench_fail("a good signature was refused");
    }
    return VARIANTS;
}

static void signatures(double seconds)
{
    struct signing signing = {.key = sign_key_create(&random_system)};
    if (!signing.key)
        bench_fail("cannot make a key");
    random_fill(&random_system, signing.message, sizeof(signing.message));
    double signs = rate_of(seconds, sign_some, &signing);
    bench_value("verify_per_s", rate_of(seconds, verify_some, &signing));
    bench_value("sign_per_s", signs);
    sign_key_free(signing.key);
}

struct writing {
    struct store *writer, *reader;
    unsigned group;
};

static unsigned commit_rows(void *ctx)
{
    struct writing *w = ctx;
    struct err err = {0};
    uint8_t row[ROW_BYTES];
    bench_check(store_begin(w->writer, &err), &err, "begin");
    for (unsigned i = 0; i < w->group; i++) {
        random_fill(&random_system, row, sizeof(row));
        AUTO(stmt_release)
        struct stmt *stmt =
            stmt_get(w->writer, "INSERT INTO bench (id, bytes) VALUES (?1, ?2)", &err);
        bench_check(stmt, &err, "insert");
        stmt_bind_bytes(stmt, 1, bytes_of(row, 32));
        stmt_bind_bytes(stmt, 2, bytes_of(row, sizeof(row)));
        bench_check(stmt_run(stmt, &err), &err, "insert");
    }
    bench_check(store_commit(w->writer, &err), &err, "commit");
    if (store_wal_pages(w->writer) > CHECKPOINT_AT)
        store_checkpoint(w->reader);
    return w->group;
}

static void commits(const char *dir, double seconds)
{
    char path[BENCH_PATH], side[BENCH_PATH + 8];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/limits.db", dir);
    struct writing writing = {
        .writer = store_open(&(struct store_options){.path = path, .mode = STORE_WRITE}, &err)};
    bench_check(writing.writer, &err, "open a database");
    writing.reader = store_open(
        &(struct store_options){.path = path, .mode = STORE_READ, .writer = writing.writer}, &err);
    bench_check(writing.reader, &err, "open a database");
    bench_check(store_exec(writing.writer,
                           "CREATE TABLE bench (seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
                           " bytes BLOB NOT NULL) STRICT",
                           &err),
                &err, "make a table");
    writing.group = 1;
    bench_value("commits_single_per_s", rate_of(seconds, commit_rows, &writing));
    writing.group = GROUP;
    bench_value("rows_grouped_per_s", rate_of(seconds, commit_rows, &writing));
    store_close(writing.reader);
    store_close(writing.writer);
    static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(side, sizeof(side), "%s%s", path, ends[i]);
        unlink(side);
    }
}

/** Appending 4 KiB, as the WAL does until it starts over. */
static void flushes(const char *dir)
{
    char path[BENCH_PATH];
    static double times[FLUSHES];
    static const char page[4096] = {1};
    snprintf(path, sizeof(path), "%s/limits.flush", dir);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0)
        bench_fail("cannot write in %s", dir);
    for (size_t i = 0; i < FLUSHES; i++) {
        double begun = now_s();
        if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) || fdatasync(fd) != 0)
            bench_fail("cannot write in %s", dir);
        times[i] = (now_s() - begun) * 1e3;
    }
    close(fd);
    unlink(path);
    bench_value("fdatasync_ms", percentile(times, FLUSHES, 50));
    bench_value("fdatasync_p99_ms", percentile(times, FLUSHES, 99));
}

int main(int argc, char **argv)
{
    if (argc < 2 || !secret_setup())
        bench_fail("usage: bench_limits DIR [SECONDS]");
    double seconds = argc > 2 ? strtod(argv[2], NULL) : 1;
    signatures(seconds);
    commits(argv[1], seconds);
    flushes(argv[1]);
    bench_end();
    return 0;
}
