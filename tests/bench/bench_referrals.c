/*
 * Sealed referrals between two hubs: from the call of a caseworker's program on hub A to the signed
 * receipt of hub B, held by A.
 *   bench_referrals DIR_A PID_A DIR_B PID_B COUNT [CONNECTIONS [RATE|outage]]
 * CONNECTIONS: calls at once (192). RATE: a second (0: as fast as it goes). With one connection or
 * a rate each referral's time is taken, by the watch stream of A. "outage": B stands still until
 * all of them wait in the queue of A; what is measured is the time from then to the last receipt.
 */
#include "hub/base/mem.h"
#include "hub/crypto/secret.h"
#include "hub/crypto/wire.h"
#include "maillon/api/v1/directory.pb-c.h"
#include "maillon/api/v1/referrals.pb-c.h"
#include "tests/bench/bench_call.h"
#include "tests/bench/bench_measure.h"
#include "tests/bench/bench_peer.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS     192
#define CONNECTIONS_MAX 256
#define KEY_DIGITS      12
#define ID_TEXT         64 /* hex */
#define WAIT_MS         20000

/** A referral by the id that its answer and its events carry; open addressing. */
struct timed {
    char id[ID_TEXT];
    double sent, delivered; /* 0: not known yet */
};

struct run {
    const char *dir_a, *dir_b;
    size_t count, connections, sent, answered, delivered;
    double rate, begun;
    bool is_timed, is_outage;
    char service[NODE_ID_TEXT + 16];
    struct buf body;
    size_t key_at;
    double *started;
    struct timed *table;
    size_t table_size;
    struct bench_pool *pool;
    struct bench_watch *watch;
};

static struct timed *find(struct run *run, const char *id)
{
    size_t at = 5381;
    for (size_t i = 0; i < 16; i++)
        at = at * 33 + (unsigned char)id[i];
    for (at %= run->table_size; run->table[at].id[0]; at = (at + 1) % run->table_size) {
        if (memcmp(run->table[at].id, id, ID_TEXT) == 0)
            return &run->table[at];
    }
    memcpy(run->table[at].id, id, ID_TEXT);
    return &run->table[at];
}

/** The whole request; later only its key changes. */
static void build_request(struct run *run)
{
    char key[KEY_DIGITS + 1], consented[][8] = {"contact", "name", "need"};
    char *fields[] = {consented[0], consented[1], consented[2]};
    char theme[] = "numerique", name[] = "Case 4711", contact[] = "by the caseworker";
    char need[] = "would like to learn how to use a computer and to write to offices";
    Maillon__Hfp__V1__Person person = MAILLON__HFP__V1__PERSON__INIT;
    Maillon__Api__V1__ConsentGiven consent = MAILLON__API__V1__CONSENT_GIVEN__INIT;
    Maillon__Api__V1__SendReferralRequest request = MAILLON__API__V1__SEND_REFERRAL_REQUEST__INIT;
    snprintf(key, sizeof(key), "%0*d", KEY_DIGITS, 0);
    person.name = name;
    person.contact = contact;
    person.contact_preference = MAILLON__HFP__V1__CONTACT_PREFERENCE__CONTACT_PREFERENCE_CASEWORKER;
    consent.form = MAILLON__HFP__V1__CONSENT_FORM__CONSENT_FORM_SPOKEN;
    consent.field = fields;
    consent.n_field = ARRAY_LEN(fields);
    request.service = run->service;
    request.theme = theme;
    request.urgency = MAILLON__HFP__V1__URGENCY__URGENCY_NORMAL;
    request.feedback = MAILLON__HFP__V1__FEEDBACK_LEVEL__FEEDBACK_LEVEL_DATES;
    request.person = &person;
    request.need = need;
    request.consent = &consent;
    request.exercise = true;
    request.request_key = key;
    wire_pack(&request, &run->body);
    const uint8_t *at = memmem(run->body.data, run->body.len, key, KEY_DIGITS);
    if (!at)
        bench_fail("the request has no key");
    run->key_at = (size_t)(at - run->body.data);
}

static void send_one(struct run *run, uint64_t first_key)
{
    char key[KEY_DIGITS + 1];
    snprintf(key, sizeof(key), "%0*llu", KEY_DIGITS,
             (unsigned long long)((first_key + run->sent) % 1000000000000ULL));
    memcpy(run->body.data + run->key_at, key, KEY_DIGITS);
    run->started[run->sent] = run->rate > 0 ? run->begun + (double)run->sent / run->rate : now_s();
    if (!bench_pool_call(run->pool, run->sent, buf_bytes(&run->body)))
        bench_fail("no connection is free");
    run->sent++;
}

static void on_answer(void *ctx, size_t number, struct bytes answer)
{
    struct run *run = ctx;
    run->answered++;
    if (!run->is_timed)
        return;
    /* Field 1 comes first: tag, length 64, the id. */
    if (answer.len < 2 + ID_TEXT || answer.data[0] != 0x0a || answer.data[1] != ID_TEXT)
        bench_fail("the answer to a referral has no id");
    find(run, (const char *)answer.data + 2)->sent = run->started[number];
}

static void on_event(void *ctx, const char *json)
{
    struct run *run = ctx;
    const char *id = strstr(json, "\"id\":");
    if (!strstr(json, "\"delivered\"") || !id)
        return;
    id += 5;
    id += strspn(id, " \"");
    if (strspn(id, "0123456789abcdef") != ID_TEXT)
        bench_fail("an event of a referral has no id");
    struct timed *timed = find(run, id);
    if (timed->delivered > 0)
        bench_fail("DOUBLED: a referral was delivered twice");
    timed->delivered = now_s();
    run->delivered++;
}

/** Whether the next may go now; *ret_wait_ms until the rate allows it. */
static bool may_send(const struct run *run, int *ret_wait_ms)
{
    *ret_wait_ms = WAIT_MS;
    if (run->sent == run->count || bench_pool_waiting(run->pool) == run->connections)
        return false;
    if (run->connections == 1 && run->is_timed)
        return run->delivered == run->sent; /* one in flight: also its receipt */
    if (run->rate <= 0)
        return true;
    double wait_s = run->begun + (double)run->sent / run->rate - now_s();
    *ret_wait_ms = wait_s > 0 ? 1 + (int)(wait_s * 1e3) : 0;
    return wait_s <= 0;
}

static void step(struct run *run, int wait_ms)
{
    struct pollfd polled[CONNECTIONS_MAX + 1];
    size_t count = bench_pool_poll(run->pool, polled);
    if (run->watch)
        polled[count] = (struct pollfd){.fd = bench_watch_fd(run->watch), .events = POLLIN};
    if (poll(polled, count + (run->watch != NULL), wait_ms) == 0 && wait_ms == WAIT_MS)
        bench_fail("LOST: nothing came for %d s, %zu sent, %zu answered, %zu delivered",
                   WAIT_MS / 1000, run->sent, run->answered, run->delivered);
    bench_pool_read(run->pool, polled);
    if (run->watch && polled[count].revents)
        bench_watch_read(run->watch, on_event, run);
}

/** Until A counted every receipt: no watch stream, which would be more work for A. */
static void wait_receipts(struct run *run, const struct bench_counters *before)
{
    struct bench_counters *now = mem_alloc(sizeof(*now));
    double deadline = now_s() + WAIT_MS / 1e3;
    do {
        bench_counters_read(run->dir_a, now);
        if (now_s() > deadline)
            bench_fail("LOST: %.0f of %zu receipts came back",
                       bench_counted(before, now, "receipts_received"), run->count);
    } while (bench_counted(before, now, "receipts_received") < (double)run->count &&
             usleep(5000) == 0);
    free(now);
}

static void run_all(struct run *run, pid_t pid_b, const struct bench_counters *before)
{
    uint64_t first_key = (uint64_t)(now_s() * 1e3) * 1000;
    int wait_ms;
    run->begun = now_s();
    if (run->is_outage)
        kill(pid_b, SIGSTOP);
    while (run->answered < run->count || (run->is_timed && run->delivered < run->count)) {
        while (may_send(run, &wait_ms))
            send_one(run, first_key);
        step(run, wait_ms);
    }
    if (run->is_outage) {
        run->begun = now_s();
        kill(pid_b, SIGCONT);
    }
    if (!run->is_timed)
        wait_receipts(run, before);
}

static void print_latencies(struct run *run)
{
    double *values = mem_alloc(run->count * sizeof(*values));
    size_t count = 0;
    for (size_t i = 0; i < run->table_size; i++) {
        const struct timed *timed = &run->table[i];
        if (timed->sent > 0 && timed->delivered > 0 && count < run->count)
            values[count++] = (timed->delivered - timed->sent) * 1e3;
    }
    if (count != run->count)
        bench_fail("LOST: %zu of %zu referrals have a receipt", count, run->count);
    bench_value("p50_ms", percentile(values, count, 50));
    bench_value("p99_ms", percentile(values, count, 99));
    free(values);
}

struct held {
    int64_t at_a, delivered, waiting, at_b, doubled;
};

static struct held read_held(const struct run *run)
{
    struct store *a = bench_store(run->dir_a), *b = bench_store(run->dir_b);
    struct held held = {
        .at_a = bench_count(a, "SELECT COUNT(*) FROM referral WHERE is_out = 1"),
        .delivered =
            bench_count(a, "SELECT COUNT(*) FROM referral WHERE is_out = 1 AND delivery = 1"),
        .waiting = bench_count(a, "SELECT COUNT(*) FROM outbox WHERE freed_by = 1"),
        .at_b = bench_count(b, "SELECT COUNT(*) FROM referral WHERE is_out = 0"),
        .doubled = bench_count(b, "SELECT COUNT(*) - COUNT(DISTINCT oid) FROM referral_event"),
    };
    store_close(a);
    store_close(b);
    return held;
}

static bool is_whole(const struct run *run, const struct held *before, const struct held *after)
{
    int64_t count = (int64_t)run->count;
    return after->at_a - before->at_a == count && after->delivered - before->delivered == count &&
           after->at_b - before->at_b == count && !after->waiting && !after->doubled;
}

/** A receipt is counted inside the transaction that takes it: the last commit may be under way. */
static void check_held(const struct run *run, const struct held *before)
{
    double deadline = now_s() + WAIT_MS / 1e3;
    struct held after = read_held(run);
    while (!is_whole(run, before, &after) && now_s() < deadline && usleep(5000) == 0)
        after = read_held(run);
    if (!is_whole(run, before, &after))
        bench_fail("LOST OR DOUBLED: %zu sent; A holds %lld, %lld delivered, %lld waiting; B holds"
                   " %lld, %lld doubled",
                   run->count, (long long)(after.at_a - before->at_a),
                   (long long)(after.delivered - before->delivered), (long long)after.waiting,
                   (long long)(after.at_b - before->at_b), (long long)after.doubled);
}

/** B's service and keys have reached A. */
static void wait_service(struct run *run)
{
    Maillon__Api__V1__GetServiceRequest request = MAILLON__API__V1__GET_SERVICE_REQUEST__INIT;
    AUTO(buf_done) struct buf body = {0}, answer = {0};
    char node[NODE_ID_TEXT];
    struct bench_hub *hub = bench_hub_open(run->dir_b);
    snprintf(run->service, sizeof(run->service), "%s/bench",
             node_id_text(bench_hub_node(hub), node));
    bench_hub_free(hub);
    request.id = run->service;
    wire_pack(&request, &body);
    double deadline = now_s() + WAIT_MS / 1e3;
    while (!bench_try_call(run->dir_a, "Directory/GetService", buf_bytes(&body), &answer)) {
        if (now_s() > deadline)
            bench_fail("the service of hub B did not reach hub A");
        usleep(50000);
    }
    usleep(300000); /* both cards are acked, the links are quiet */
}

static void print_counters(const char *prefix, const struct bench_counters *before,
                           const struct bench_counters *after, double count, double seconds)
{
    char name[64];
    double commits = bench_counted(before, after, "commits");
    snprintf(name, sizeof(name), "%s_per_commit", prefix);
    bench_value(name, commits > 0 ? count / commits : 0);
    snprintf(name, sizeof(name), "%s_writer_share", prefix);
    bench_value(name, bench_counted(before, after, "writer_us") / 1e6 / seconds);
}

int main(int argc, char **argv)
{
    if (argc < 6 || argc > 8 || !secret_setup())
        bench_fail("usage: bench_referrals DIR_A PID_A DIR_B PID_B COUNT [CONNECTIONS"
                   " [RATE|outage]]");
    struct run *run = mem_alloc(sizeof(*run));
    struct bench_counters *counters = mem_alloc(4 * sizeof(*counters));
    pid_t pid_a = (pid_t)bench_number(argv[2], "PID_A", 1, 1 << 30);
    pid_t pid_b = (pid_t)bench_number(argv[4], "PID_B", 1, 1 << 30);
    run->dir_a = argv[1];
    run->dir_b = argv[3];
    run->count = (size_t)bench_number(argv[5], "COUNT", 1, OPEN_REFERRALS_PER_PEER);
    run->connections =
        argc > 6 ? (size_t)bench_number(argv[6], "CONNECTIONS", 1, CONNECTIONS_MAX) : CONNECTIONS;
    run->is_outage = argc > 7 && strcmp(argv[7], "outage") == 0;
    run->rate = argc > 7 && !run->is_outage ? (double)bench_number(argv[7], "RATE", 0, 1000000) : 0;
    run->is_timed = run->connections == 1 || run->rate > 0;
    run->started = mem_alloc(run->count * sizeof(*run->started));
    run->table_size = 4 * run->count + 64;
    run->table = mem_alloc(run->table_size * sizeof(*run->table));
    wait_service(run);
    build_request(run);
    run->pool = bench_pool_create(run->dir_a, "Referrals/Send", run->connections, on_answer, run);
    if (run->is_timed)
        run->watch = bench_watch_open(run->dir_a);

    struct held held = read_held(run);
    bench_counters_read(run->dir_a, &counters[0]);
    bench_counters_read(run->dir_b, &counters[1]);
    struct cpu_span span = cpu_span_begin(pid_a, pid_b);
    run_all(run, pid_b, &counters[0]);
    double seconds = now_s() - run->begun, count = (double)run->count;
    bench_value("referrals_per_s", count / seconds);
    cpu_span_end(&span, count);
    bench_counters_read(run->dir_a, &counters[2]);
    bench_counters_read(run->dir_b, &counters[3]);
    if (run->is_timed)
        print_latencies(run);
    print_counters("a", &counters[0], &counters[2], count, seconds);
    print_counters("b", &counters[1], &counters[3], count, seconds);
    bench_end();
    check_held(run, &held);

    bench_pool_free(run->pool);
    if (run->watch)
        bench_watch_close(run->watch);
    buf_done(&run->body);
    free(run->started);
    free(run->table);
    free(counters);
    free(run);
    return 0;
}
