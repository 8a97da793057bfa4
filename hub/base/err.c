#include "hub/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name; /* as in the enum */
    bool retry;
} codes[] = {
#define X(code, retry, text) {#code, retry},
    ERR_TABLE(X)
#undef X
};

/* Names of the enum without "ERR_", in lower case; filled by hand so that they are constants. */
static const char *const names[] = {
    "none",  "invalid", "unknown",     "unsigned", "denied",   "conflict",
    "limit", "peer",    "unsupported", "io",       "internal",
};
_Static_assert(ARRAY_LEN(names) == ERR_CODE_COUNT, "one name for each row of ERR_TABLE");

/* Copies what fits, without leaving half of a UTF-8 sequence at the end. */
static void message_set(struct err *err, const char *msg)
{
    size_t len = strlen(msg);
    if (len >= sizeof(err->msg)) {
        len = sizeof(err->msg) - 1;
        while (len > 0 && ((unsigned char)msg[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(err->msg, msg, len);
    err->msg[len] = '\0';
}

bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    char msg[2 * sizeof(err->msg)]; /* apart: an argument may be err->msg itself */
    va_list args;
    va_start(args, fmt);
    vsnprintf(msg, sizeof(msg), fmt, args);
    va_end(args);
    err->code = code;
    message_set(err, msg);
    return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
    char context[sizeof(err->msg)];
    char msg[2 * sizeof(err->msg) + 2];
    va_list args;
    va_start(args, fmt);
    vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    snprintf(msg, sizeof(msg), "%s: %s", context, err->msg);
    message_set(err, msg);
    return false;
}

const char *err_code_name(enum err_code code)
{
    return (unsigned)code < ERR_CODE_COUNT ? names[code] : "internal";
}

bool err_may_retry(enum err_code code)
{
    return (unsigned)code < ERR_CODE_COUNT && codes[code].retry;
}
