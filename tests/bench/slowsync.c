/* LD_PRELOAD: adds SLOWSYNC_US microseconds to every fsync and fdatasync, as an honest slow disk
 * does. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

typedef int sync_function(int fd);

static void wait_a_while(void)
{
    const char *us = getenv("SLOWSYNC_US");
    if (us)
        usleep((useconds_t)strtoul(us, NULL, 10));
}

static sync_function *next(const char *name)
{
    union { /* ISO C has no cast from an object to a function pointer */
        void *object;
        sync_function *function;
    } symbol = {.object = dlsym(RTLD_NEXT, name)};
    return symbol.function;
}

int fsync(int fd)
{
    wait_a_while();
    return next("fsync")(fd);
}

int fdatasync(int fd)
{
    wait_a_while();
    return next("fdatasync")(fd);
}
