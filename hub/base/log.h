#pragma once
/*
 * Log lines: `<N>event key=value …` on stderr (journald priorities). The top of a path logs once;
 * nothing below exchange logs. Ids only, truncated: no name, need, contact or key (R-PR-4).
 */
#include "hub/base/attr.h"
#include <stdbool.h>

enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/** Lines above `max` are dropped. `priority_prefix`: write "<N>" first (under systemd). Set once at start. */
void log_setup(enum log_level max, bool priority_prefix);
/** `fmt` is the whole line after the prefix: "link up peer=%s". Thread-safe: one write per line, 1 KiB at most. */
PRINTF_LIKE(2, 3) void log_line(enum log_level level, const char *fmt, ...);
