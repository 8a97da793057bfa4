#include "hub/domain/tx.h"

#include "hub/base/mem.h"

/* Watchers that were away longer than this many events load everything anew. */
#define EVENTS_KEPT 100000

static bool same_effect(const struct effect *a, const struct effect *b)
{
    return a->kind == b->kind && a->number == b->number && node_id_equal(&a->node, &b->node);
}

void tx_effect(struct tx *tx, enum effect_kind kind, const struct node_id *node, int64_t number)
{
    struct effects *effects = &tx->effects;
    struct effect effect = {.kind = kind, .number = number};
    if (node)
        effect.node = *node;
    /* A batch wakes the same peer for each of its objects: once is enough. */
    if (effects->count > 0 && same_effect(&effects->list[effects->count - 1], &effect))
        return;
    if (effects->count == effects->cap) {
        effects->cap = effects->cap ? effects->cap * 2 : 64;
        effects->list = mem_grow(effects->list, effects->cap * sizeof(*effects->list));
    }
    effects->list[effects->count++] = effect;
}

static bool forget_old(struct tx *tx, int64_t number, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(tx->store, "DELETE FROM event WHERE number <= ?1", err);
    if (!stmt)
        return false;
    stmt_bind_i64(stmt, 1, number - EVENTS_KEPT);
    return stmt_run(stmt, err);
}

bool tx_event(struct tx *tx, const char *kind, const char *id, const char *verb, struct err *err)
{
    AUTO(stmt_release)
    struct stmt *stmt = stmt_get(
        tx->store, "INSERT INTO event (kind, id, verb, at_ms) VALUES (?1, ?2, ?3, ?4)", err);
    if (!stmt)
        return false;
    stmt_bind_text(stmt, 1, kind);
    stmt_bind_text(stmt, 2, id);
    stmt_bind_text(stmt, 3, verb);
    stmt_bind_i64(stmt, 4, tx->now.ms);
    if (!stmt_run(stmt, err))
        return err_wrap(err, "note event");
    int64_t number = store_last_id(tx->store);
    /* The newest row always stays, so that its number is never given out again. */
    if (number % 1024 == 0 && !forget_old(tx, number, err))
        return false;
    tx_effect(tx, EFFECT_EVENT, NULL, number);
    return true;
}
