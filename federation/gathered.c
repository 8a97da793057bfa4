#include "federation/gathered.h"

#include "hub/base/mem.h"
#include "hub/crypto/wire.h"
#include <stdlib.h>

#define LOGS_MAX 32 /* of at most KEL_BYTES_MAX: 2 MiB */

struct gathered *gathered_find(struct federation *federation, const struct node_id *node)
{
    list_each (item, &federation->gathered) {
        struct gathered *gathered = list_entry(item, struct gathered, in_federation);
        if (node_id_equal(&gathered->node, node))
            return gathered;
    }
    return NULL;
}

static void drop(struct gathered *gathered)
{
    list_remove(&gathered->in_federation);
    buf_done(&gathered->events);
    free(gathered);
}

void gathered_drop(struct federation *federation, const struct node_id *node)
{
    struct gathered *gathered = gathered_find(federation, node);
    if (gathered)
        drop(gathered);
}

void gathered_free(struct federation *federation)
{
    list_each_safe (item, next, &federation->gathered)
        drop(list_entry(item, struct gathered, in_federation));
}

static void make_room(struct federation *federation)
{
    size_t count = 0;
    struct gathered *oldest = NULL;
    list_each (item, &federation->gathered) {
        if (count++ == 0)
            oldest = list_entry(item, struct gathered, in_federation);
    }
    if (count >= LOGS_MAX)
        drop(oldest);
}

void gathered_put(struct federation *federation, const struct node_id *node, uint64_t after,
                  const ProtobufCBinaryData *events, size_t count)
{
    struct gathered *gathered = mem_alloc(sizeof *gathered);
    gathered->node = *node;
    gathered->after = after;
    for (size_t i = 0; i < count && gathered->events.len + events[i].len <= KEL_BYTES_MAX; i++) {
        buf_add_u32le(&gathered->events, (uint32_t)events[i].len);
        buf_add(&gathered->events, events[i].data, events[i].len);
        gathered->count++;
    }
    gathered_drop(federation, node); /* `events` may borrow from it */
    make_room(federation);
    list_add_tail(&federation->gathered, &gathered->in_federation);
}

size_t gathered_list(const struct gathered *gathered, ProtobufCBinaryData list[KEL_EVENTS_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < gathered->events.len && count < KEL_EVENTS_MAX;) {
        const uint8_t *p = gathered->events.data + at;
        uint32_t len =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        list[count++] = wire_data(bytes_of(p + 4, len));
        at += 4 + (size_t)len;
    }
    return count;
}
