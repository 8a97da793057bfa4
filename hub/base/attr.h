#pragma once
/* Compiler attributes and ownership helpers used everywhere. */
#include <stddef.h>

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

/** `AUTO(x_free) struct x *p = …;` frees `p` when it leaves scope; needs AUTO_DEFINE for the type. */
#define AUTO(fn) __attribute__((cleanup(fn##_auto)))
#define AUTO_DEFINE(type, fn)                                                                      \
    static inline UNUSED void fn##_auto(type **p)                                                  \
    {                                                                                              \
        fn(*p);                                                                                    \
    }
/** Hands ownership on and leaves NULL behind: `return TAKE(p);`. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) taken_ = (p);                                                                \
        (p) = NULL;                                                                                \
        taken_;                                                                                    \
    })
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
