#pragma once
/* Heap that never returns NULL: aborts when memory runs out, so check outside lengths first. */
#include "hub/base/attr.h"

NODISCARD void *mem_alloc(size_t size);             /* zeroed */
NODISCARD void *mem_grow(void *p, size_t size);     /* realloc */
NODISCARD char *mem_text(const char *text);         /* strdup; NULL stays NULL */
NODISCARD void *mem_copy(const void *p, size_t len);
