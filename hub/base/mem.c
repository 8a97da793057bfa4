#include "hub/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (!p) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *mem_grow(void *p, size_t size)
{
    return checked(realloc(p, size ? size : 1));
}

char *mem_text(const char *text)
{
    return text ? mem_copy(text, strlen(text) + 1) : NULL;
}

void *mem_copy(const void *p, size_t len)
{
    void *copy = checked(malloc(len ? len : 1));
    if (len)
        memcpy(copy, p, len);
    return copy;
}
