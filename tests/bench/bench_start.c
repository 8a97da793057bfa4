/*
 * How long a hub takes from its start until its first call is answered.
 *   bench_start HUBD DIR clean|unclean
 * "unclean": it is killed first, so that it has to look after its database.
 */
#include "tests/bench/bench_call.h"
#include "tests/bench/bench_measure.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_S 120

static pid_t start(const char *hubd, const char *dir)
{
    pid_t pid = fork();
    if (pid < 0)
        bench_fail("cannot fork");
    if (pid == 0) {
        execl(hubd, hubd, "--state", dir, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/** @return seconds until the first answer. */
static double until_answered(const char *dir, pid_t pid)
{
    AUTO(buf_done) struct buf answer = {0};
    double begun = now_s();
    while (!bench_try_call(dir, "Node/Status", (struct bytes){0}, &answer)) {
        if (now_s() - begun > WAIT_S || waitpid(pid, NULL, WNOHANG) == pid)
            bench_fail("the hub does not answer");
        usleep(500);
    }
    return now_s() - begun;
}

static void stop(pid_t pid, int signal)
{
    int status = 0;
    kill(pid, signal);
    if (waitpid(pid, &status, 0) != pid || (signal == SIGTERM && status != 0))
        bench_fail("the hub did not end well");
}

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_fail("usage: bench_start HUBD DIR clean|unclean");
    if (strcmp(argv[3], "unclean") == 0) {
        pid_t killed = start(argv[1], argv[2]);
        (void)until_answered(argv[2], killed);
        stop(killed, SIGKILL);
    }
    pid_t pid = start(argv[1], argv[2]);
    bench_value("seconds", until_answered(argv[2], pid));
    bench_value("rss_mib", (double)memory_kib(pid, "Rss") / 1024);
    bench_end();
    stop(pid, SIGTERM);
    return 0;
}
