/* Whatever a file holds, it is refused whole as ERR_INVALID or its records are accounted for. */
#include "hub/crypto/secret.h"
#include "hub/domain/import.h"
#include "hub/domain/import_guess.h"
#include <assert.h>
#include <stdlib.h>

static void fill_zero(void *ctx UNUSED, void *out, size_t len)
{
    memset(out, 7, len);
}
static const struct random_source random_zero = {fill_zero, NULL};

/* Made once: a new database for each input would be most of the time. */
static struct tx *open_tx(void)
{
    static struct tx tx;
    static struct counters counters;
    static struct identity *self;
    struct err err = {0};
    if (tx.store)
        return &tx;
    const struct store_options options = {.path = ":memory:", .mode = STORE_WRITE};
    if (!secret_setup())
        abort();
    tx.store = store_open(&options, &err);
    tx.now = (struct wall){1795334400000};
    self = identity_create_memory(&random_zero, tx.now);
    tx.self = self;
    tx.random = &random_zero;
    tx.counters = &counters;
    tx.arena = arena_create(0);
    if (!tx.store || !store_begin(tx.store, &err))
        abort();
    return &tx;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tx *tx = open_tx();
    struct err err = {0};
    struct import_report first, second;
    const struct import_file file = {
        .format = size > 0 && data[0] == '#'   ? "hsds-csv"
                  : size > 0 && data[0] == ' ' ? "hsds"
                  : size % 2                   ? "data-inclusion"
                                               : "mediation-numerique",
        .file = bytes_of(data, size),
        .source = "fuzz",
    };
    const char *guess = import_guess(file.file);
    assert(!guess || strlen(guess) >= 4);
    arena_reset(tx->arena);
    if (!store_savepoint(tx->store, &err))
        abort();
    if (directory_import(tx, &file, &first, &err)) {
        assert(first.read == first.created + first.updated + first.unchanged + first.refused);
        assert(first.review <= first.read - first.refused);
        bool again = directory_import(tx, &file, &second, &err);
        assert(again && second.refused == first.refused);
        assert(second.created == 0 && second.updated == 0);
    } else {
        assert(err.code == ERR_INVALID);
    }
    store_undo(tx->store);
    return 0;
}
