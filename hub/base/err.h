#pragma once
/* Errors: a code to branch on, a message to read. */
#include "hub/base/attr.h"
#include <stdbool.h>

/* code, whether trying later may help, what it means */
#define ERR_TABLE(X)                                                                               \
    X(ERR_NONE, false, "no error")                                                                 \
    X(ERR_INVALID, false, "malformed input from a client")                                         \
    X(ERR_UNKNOWN, false, "no such object")                                                        \
    X(ERR_UNSIGNED, false, "who is asking is not known; sign in first")                            \
    X(ERR_DENIED, false, "not permitted")                                                          \
    X(ERR_CONFLICT, false, "current state does not allow this")                                    \
    X(ERR_LIMIT, true, "a configured limit was reached")                                           \
    X(ERR_PEER, false, "a peer hub broke the protocol")                                            \
    X(ERR_UNSUPPORTED, false, "this version does not know it")                                     \
    X(ERR_IO, true, "storage or network failure")                                                  \
    X(ERR_INTERNAL, false, "a bug of this hub")

enum err_code {
#define X(code, retry, text) code,
    ERR_TABLE(X)
#undef X
        ERR_CODE_COUNT
};

/** On the stack of whoever decides what to do about it; zero-initialise. */
struct err {
    enum err_code code;
    char msg[240];
};

/** Sets code and message; always returns false. Never put personal data in a message. */
PRINTF_LIKE(3, 4) bool err_set(struct err *err, enum err_code code, const char *fmt, ...);
/** Puts "context: " before the message and keeps the code; always returns false. */
PRINTF_LIKE(2, 3) bool err_wrap(struct err *err, const char *fmt, ...);
/** Lower-case name without the prefix: "invalid". */
const char *err_code_name(enum err_code code);
bool err_may_retry(enum err_code code);
