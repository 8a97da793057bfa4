#include "hub/crypto/secret.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

bool secret_setup(void)
{
    return sodium_init() >= 0;
}

void secret_guard_process(void)
{
    const struct rlimit none = {0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#ifndef MAILLON_SANITIZED /* the search for leaks attaches to the process */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

void *secret_alloc(size_t size)
{
    void *p = sodium_malloc(size);
    if (!p) {
        fputs("no guarded memory left\n", stderr);
        abort();
    }
    memset(p, 0, size); /* libsodium fills it with a pattern */
    return p;
}

void secret_free(void *p)
{
    sodium_free(p);
}

void secret_wipe(void *p, size_t len)
{
    sodium_memzero(p, len);
}

bool secret_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || sodium_memcmp(a.data, b.data, a.len) == 0);
}
