#pragma once
/*
 * What every bench program needs: clocks, processor time, memory of a process, percentiles, and one
 * line of "name=value" that run.sh reads. A bench that cannot go on ends here.
 */
#include "hub/base/arena.h"
#include "hub/base/err.h"
#include "hub/store/store.h"
#include <sys/types.h>

#define BENCH_PATH 512

double now_s(void); /* monotonic */
/** Seconds of processor time so far, user and system: of this process, of another one. */
double cpu_own_s(void);
double cpu_of_s(pid_t pid);
/** A line of /proc/PID/smaps_rollup such as "Private_Dirty", in KiB. */
long memory_kib(pid_t pid, const char *line);
/** Sorts `values`. @return 0 when there is none. */
double percentile(double *values, size_t count, double percent);

/** Says why on stderr and ends the program. */
PRINTF_LIKE(1, 2) _Noreturn void bench_fail(const char *fmt, ...);
/** The same when `ok` is false; `err` says why. */
void bench_check(bool ok, const struct err *err, const char *what);
/** A number of the command line in [least, most], or the program ends. */
long bench_number(const char *text, const char *what, long least, long most);

/** Prints " name=value"; bench_end() ends the line. */
void bench_value(const char *name, double value);
void bench_end(void);
/** Values from start to end of one measurement: this program's share of all processor time. */
struct cpu_span {
    double own, hubs;
    pid_t pids[2]; /* 0: none */
};
struct cpu_span cpu_span_begin(pid_t first, pid_t second);
/** Prints generator_share, hub_us (processor time of the hubs for each of `count`). */
void cpu_span_end(const struct cpu_span *span, double count);

/** The hub's database, read only. */
struct store *bench_store(const char *dir);
/** First column of the first row. */
int64_t bench_count(struct store *store, const char *sql);
