#pragma once
/* Memory of one message or one call: allocated piecewise, freed whole. Not thread-safe. */
#include "hub/base/attr.h"
#include "hub/base/bytes.h"

struct arena;

/** @param cap  most bytes it will hand out; beyond, arena_try returns NULL and arena_alloc aborts.
 * 0 = 64 MiB. */
NODISCARD struct arena *arena_create(size_t cap);
void arena_free(struct arena *arena); /* NULL is fine */
AUTO_DEFINE(struct arena, arena_free)
/** Zeros what was handed out and stays in use: it held secrets. */
void arena_wipe(struct arena *arena);
/** Forgets everything handed out and keeps the first block for reuse. */
void arena_reset(struct arena *arena);
/** Zeroed, 16-byte aligned. */
NODISCARD void *arena_alloc(struct arena *arena, size_t size);
/** NULL when over the cap: for sizes that come from outside. */
NODISCARD void *arena_try(struct arena *arena, size_t size);
/** Copy with a NUL appended (not counted). */
char *arena_text(struct arena *arena, const char *text);
char *arena_textn(struct arena *arena, const void *data, size_t len);
PRINTF_LIKE(2, 3) char *arena_printf(struct arena *arena, const char *fmt, ...);
struct bytes arena_bytes(struct arena *arena, struct bytes b);
size_t arena_used(const struct arena *arena);
