#include "hub/base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* The only mutable state of base/: where lines go is a fact of the process, set once at start. */
static atomic_int level_max = LOG_INFO;
static atomic_bool with_priority = false;

void log_setup(enum log_level max, bool priority_prefix)
{
    atomic_store(&level_max, (int)max);
    atomic_store(&with_priority, priority_prefix);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if ((int)level > atomic_load(&level_max))
        return;
    char line[LINE_MAX_BYTES];
    size_t start = 0;
    if (atomic_load(&with_priority))
        start = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + start, sizeof(line) - start, fmt, args);
    va_end(args);
    size_t len = start + strlen(line + start);
    /* A control character inside would forge a second line, or drive a terminal. */
    for (size_t i = start; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n'; /* in the place of the NUL */
    ssize_t ignored = write(STDERR_FILENO, line, len);
    (void)ignored; /* where could the failure of a log line be told? */
}
