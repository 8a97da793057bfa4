#include "hub/base/random.h"

#include "hub/base/attr.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static void system_fill(void *ctx UNUSED, void *out, size_t len)
{
    for (unsigned char *at = out; len > 0;) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fputs("the kernel gives no random bytes\n", stderr);
            abort();
        }
        at += got;
        len -= (size_t)got;
    }
}

const struct random_source random_system = {system_fill, NULL};

uint64_t random_below(const struct random_source *random, uint64_t bound)
{
    /* Values under 2^64 mod bound would make the small results more likely: draw again. */
    uint64_t refuse_below = (0 - bound) % bound, value;
    do
        random_fill(random, &value, sizeof(value));
    while (value < refuse_below);
    return value % bound;
}
