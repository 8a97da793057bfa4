#include "hub/base/random.h"

#include "hub/base/attr.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void kernel_fill(void *out, size_t len)
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

#define POOL_BYTES  512
#define POOL_SERVES 64 /* nonces, salts, ids; what is larger is rare enough for a call of its own \
                        */

/**
 * A referral draws nine times: one call of the kernel serves many. What was handed out is wiped. No
 * program of ours forks, so no two processes share a pool.
 */
static void system_fill(void *ctx UNUSED, void *out, size_t len)
{
    static _Thread_local struct {
        unsigned char bytes[POOL_BYTES];
        size_t left;
    } pool;
    if (len > POOL_SERVES) {
        kernel_fill(out, len);
        return;
    }
    if (pool.left < len) {
        kernel_fill(pool.bytes, POOL_BYTES);
        pool.left = POOL_BYTES;
    }
    pool.left -= len;
    memcpy(out, pool.bytes + pool.left, len);
    explicit_bzero(pool.bytes + pool.left, len);
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
