#include "federation/gossip_internal.h"
#include "hub/base/log.h"
#include "hub/base/mem.h"
#include "hub/domain/node_keys.h"
#include <limits.h>
#include <stdlib.h>

#define KEYS_MAX 64

struct slot {
    struct gossip_seen seen;
    bool used;
};

/* Two tables: when the newer one is full the older one goes. Oids are hashes: any bytes will do. */
struct gossip_memory {
    size_t capacity; /* power of two; filled to the half */
    struct slot *slots[2];
    size_t counts[2];
};

struct gossip_memory *gossip_memory_create(size_t capacity)
{
    struct gossip_memory *memory = mem_alloc(sizeof *memory);
    memory->capacity = capacity;
    return memory;
}

void gossip_memory_free(struct gossip_memory *memory)
{
    if (!memory)
        return;
    free(memory->slots[0]);
    free(memory->slots[1]);
    free(memory);
}

void gossip_memory_clear(struct gossip_memory *memory)
{
    for (size_t i = 0; i < 2; i++) {
        free(memory->slots[i]);
        memory->slots[i] = NULL;
        memory->counts[i] = 0;
    }
}

/** The slot of the oid, or the free one where it would go. NULL: no table. */
static struct slot *find_slot(const struct gossip_memory *memory, size_t table,
                              const struct oid *oid)
{
    uint64_t hash;
    memcpy(&hash, oid->b, sizeof hash);
    if (!memory->slots[table])
        return NULL;
    for (size_t i = hash & (memory->capacity - 1);; i = (i + 1) & (memory->capacity - 1)) {
        struct slot *slot = &memory->slots[table][i];
        if (!slot->used || oid_equal(&slot->seen.oid, oid))
            return slot;
    }
}

const struct gossip_seen *gossip_memory_find(const struct gossip_memory *memory,
                                             const struct oid *oid)
{
    for (size_t i = 0; i < 2; i++) {
        const struct slot *slot = find_slot(memory, i, oid);
        if (slot && slot->used && slot->seen.hops != UINT_MAX)
            return &slot->seen;
    }
    return NULL;
}

void gossip_memory_put(struct gossip_memory *memory, const struct gossip_seen *seen)
{
    struct slot *slot = find_slot(memory, 1, &seen->oid);
    if (slot && slot->used) {
        slot->seen = *seen;
        return;
    }
    if (memory->counts[0] >= memory->capacity / 2) {
        free(memory->slots[1]);
        memory->slots[1] = memory->slots[0];
        memory->counts[1] = memory->counts[0];
        memory->slots[0] = NULL;
        memory->counts[0] = 0;
    }
    if (!memory->slots[0])
        memory->slots[0] = mem_alloc(memory->capacity * sizeof *memory->slots[0]);
    slot = find_slot(memory, 0, &seen->oid);
    memory->counts[0] += !slot->used;
    *slot = (struct slot){.seen = *seen, .used = true};
}

void gossip_memory_remove(struct gossip_memory *memory, const struct oid *oid)
{
    for (size_t i = 0; i < 2; i++) {
        struct slot *slot = find_slot(memory, i, oid);
        if (slot && slot->used)
            slot->seen.hops = UINT_MAX; /* a hole would hide what lies behind it */
    }
}

/* ---- keys ---- */

struct gossip_keys {
    struct kel *kels; /* ring of KEYS_MAX; seq 0: free */
    size_t next;
};

struct gossip_keys *gossip_keys_create(void)
{
    struct gossip_keys *keys = mem_alloc(sizeof *keys);
    keys->kels = mem_alloc(KEYS_MAX * sizeof *keys->kels);
    return keys;
}

void gossip_keys_free(struct gossip_keys *keys)
{
    if (!keys)
        return;
    free(keys->kels);
    free(keys);
}

const struct kel *gossip_keys_find(struct gossip *gossip, const struct node_id *node)
{
    struct gossip_keys *keys = gossip->keys;
    struct err err = {0};
    bool found = false;
    for (size_t i = 0; i < KEYS_MAX; i++) {
        if (keys->kels[i].seq && node_id_equal(&keys->kels[i].node, node))
            return &keys->kels[i];
    }
    struct kel *kel = &keys->kels[keys->next];
    kel->seq = 0;
    if (!node_keys_read(gossip->federation->config.reader, node, &found, kel, &err)) {
        log_line(LOG_ERROR, "could not read keys reason=\"%s\"", err.msg);
        kel->seq = 0;
        return NULL;
    }
    if (!found || !kel->seq) {
        kel->seq = 0;
        return NULL;
    }
    keys->next = (keys->next + 1) % KEYS_MAX;
    return kel;
}

void gossip_keys_forget(struct gossip_keys *keys, const struct node_id *node)
{
    for (size_t i = 0; i < KEYS_MAX; i++) {
        if (node_id_equal(&keys->kels[i].node, node))
            keys->kels[i].seq = 0;
    }
}
