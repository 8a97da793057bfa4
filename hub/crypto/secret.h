#pragma once
/* Secrets: guarded memory, wiping, comparison in constant time. libsodium underneath. */
#include "hub/base/bytes.h"

/** sodium_init and friends; call once at start of every program. False: the library cannot start.
 */
NODISCARD bool secret_setup(void);
/** Once, first thing in a program: a crash writes no core file, nobody but root reads this memory
 * from outside, and nothing that is started gains privileges. A kernel that refuses is no reason to
 * stop. */
void secret_guard_process(void);
NODISCARD void *secret_alloc(size_t size); /* guarded pages; aborts when memory runs out */
void secret_free(void *p);                 /* wipes; NULL is fine */
void secret_wipe(void *p, size_t len);
bool secret_equal(struct bytes a, struct bytes b); /* constant time in the content */
