#include "tests/bench/bench_measure.h"

#include "hub/base/text.h"
#include "hub/store/stmt.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

double cpu_own_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

double cpu_of_s(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user, system;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (!file)
        bench_fail("cannot read %s: is the hub running?", path);
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = 0;
    const char *rest = strrchr(text, ')'); /* the name may hold anything */
    if (!rest || sscanf(rest + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2)
        bench_fail("cannot understand %s", path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

long memory_kib(pid_t pid, const char *line)
{
    char path[64], text[256];
    long value = -1;
    size_t len = strlen(line);
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(text, sizeof(text), file)) {
        if (strncmp(text, line, len) == 0 && text[len] == ':')
            value = strtol(text + len + 1, NULL, 10);
    }
    if (file)
        fclose(file);
    if (value < 0)
        bench_fail("cannot read \"%s\" of %s", line, path);
    return value;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double percentile(double *values, size_t count, double percent)
{
    if (!count)
        return 0;
    qsort(values, count, sizeof(*values), compare);
    size_t at = (size_t)(percent / 100 * (double)(count - 1) + 0.5);
    return values[at < count ? at : count - 1];
}

void bench_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "bench: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(1);
}

void bench_check(bool ok, const struct err *err, const char *what)
{
    if (!ok)
        bench_fail("%s: %s", what, err->msg);
}

long bench_number(const char *text, const char *what, long least, long most)
{
    int64_t number;
    if (!text || !text_parse_i64(text, &number) || number < least || number > most)
        bench_fail("%s is a number from %ld to %ld", what, least, most);
    return number;
}

void bench_value(const char *name, double value)
{
    printf(" %s=%.6g", name, value);
}

void bench_end(void)
{
    printf("\n");
    fflush(stdout);
}

static double hubs_s(const struct cpu_span *span)
{
    double sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(span->pids); i++)
        sum += span->pids[i] ? cpu_of_s(span->pids[i]) : 0;
    return sum;
}

struct cpu_span cpu_span_begin(pid_t first, pid_t second)
{
    struct cpu_span span = {.own = cpu_own_s(), .pids = {first, second}};
    span.hubs = hubs_s(&span);
    return span;
}

void cpu_span_end(const struct cpu_span *span, double count)
{
    double own = cpu_own_s() - span->own, hubs = hubs_s(span) - span->hubs;
    bench_value("generator_share", own + hubs > 0 ? own / (own + hubs) : 0);
    bench_value("generator_us", own * 1e6 / count);
    bench_value("hub_us", hubs * 1e6 / count);
}

struct store *bench_store(const char *dir)
{
    char path[BENCH_PATH];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/hub.db", dir);
    struct store *store =
        store_open(&(struct store_options){.path = path, .mode = STORE_READ}, &err);
    bench_check(store, &err, "open the hub's database");
    return store;
}

int64_t bench_count(struct store *store, const char *sql)
{
    struct err err = {0};
    bool row = false;
    AUTO(stmt_release) struct stmt *stmt = stmt_get(store, sql, &err);
    bench_check(stmt && stmt_next(stmt, &row, &err), &err, sql);
    return row ? stmt_i64(stmt, 0) : 0;
}
