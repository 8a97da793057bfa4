#include "hub/base/arena.h"

#include "hub/base/mem.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_ALIGN     16u
#define ARENA_CAP       ((size_t)64 << 20)
#define BLOCK_MIN_BYTES 4096u
#define BLOCK_MAX_BYTES 65536u

struct block {
    struct block *next; /* the one allocated before */
    size_t size, used;
    _Alignas(ARENA_ALIGN) unsigned char data[];
};

struct arena {
    struct block *blocks; /* newest first; the last one is kept by arena_reset */
    size_t cap, used;
};

struct arena *arena_create(size_t cap)
{
    struct arena *arena = mem_alloc(sizeof(*arena));
    arena->cap = cap ? cap : ARENA_CAP;
    return arena;
}

/* Frees all blocks but the first one allocated. */
static void free_newer(struct arena *arena)
{
    while (arena->blocks && arena->blocks->next) {
        struct block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}

void arena_free(struct arena *arena)
{
    if (!arena)
        return;
    free_newer(arena);
    free(arena->blocks);
    free(arena);
}

void arena_wipe(struct arena *arena)
{
    for (struct block *block = arena->blocks; block; block = block->next)
        explicit_bzero(block->data, block->used);
}

void arena_reset(struct arena *arena)
{
    free_newer(arena);
    if (arena->blocks)
        arena->blocks->used = 0;
    arena->used = 0;
}

static void add_block(struct arena *arena, size_t need)
{
    size_t size = arena->blocks ? arena->blocks->size * 2 : BLOCK_MIN_BYTES;
    if (size > BLOCK_MAX_BYTES)
        size = BLOCK_MAX_BYTES;
    if (size < need)
        size = need;
    struct block *block = mem_grow(NULL, sizeof(*block) + size); /* zeroed when handed out */
    block->next = arena->blocks;
    block->size = size;
    block->used = 0;
    arena->blocks = block;
}

void *arena_try(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size_t need = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (need == 0)
        need = ARENA_ALIGN;
    if (need > arena->cap - arena->used)
        return NULL;
    if (!arena->blocks || need > arena->blocks->size - arena->blocks->used)
        add_block(arena, need);
    void *p = arena->blocks->data + arena->blocks->used;
    arena->blocks->used += need;
    arena->used += need;
    return memset(p, 0, need);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    void *p = arena_try(arena, size);
    if (!p) {
        fputs("arena over its cap\n", stderr);
        abort();
    }
    return p;
}

char *arena_text(struct arena *arena, const char *text)
{
    return text ? arena_textn(arena, text, strlen(text)) : NULL;
}

char *arena_textn(struct arena *arena, const void *data, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);
    if (len)
        memcpy(copy, data, len);
    return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        abort(); /* a bug in the format */
    char *text = arena_alloc(arena, (size_t)len + 1);
    va_start(args, fmt);
    vsnprintf(text, (size_t)len + 1, fmt, args);
    va_end(args);
    return text;
}

struct bytes arena_bytes(struct arena *arena, struct bytes b)
{
    if (!b.data) /* stays apart from the empty string, which the store keeps apart too */
        return (struct bytes){0};
    return bytes_of(arena_textn(arena, b.data, b.len), b.len);
}

size_t arena_used(const struct arena *arena)
{
    return arena->used;
}
