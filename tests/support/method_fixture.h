#pragma once
/* Calls of the API straight on their tables, without rpc. Include after <cmocka.h>. */
#include "hub/api/rpc.h"
#include "tests/support/domain_fixture.h"

/** NULL: no such row. */
static inline const struct method *find_method(const struct method *table, const char *name)
{
    for (const struct method *row = table; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

/** Runs it for Camille, as often as it asks to be. */
static inline bool run_method(struct domain_fixture *f, const struct api_env *env, unsigned roles,
                              const struct method *method, const void *in, void **out)
{
    struct call call = {
        .env = env,
        .tx = &f->tx,
        .store = f->tx.store,
        .arena = f->tx.arena,
        .now = f->tx.now,
        .caller = {.name = "camille", .roles = roles},
    };
    bool done;
    assert_non_null(method);
    f->err = (struct err){0};
    do {
        call.again = false;
        done = method->run(&call, in, out, &f->err);
    } while (done && call.again);
    if (call.cleanup)
        call.cleanup(&call);
    return done;
}
